//! How a view's number is written down: by what it stands for, so that it means the same in every process.
//!
//! A built-in view is its name; a designer's is its name with its shape, and is met where it is read.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ColumnType, DesignedColumn, DesignedView, ViewId, view};

#[derive(Serialize, Deserialize)]
enum Written {
    BuiltIn(String),
    Designed {
        name: String,
        key: usize,
        columns: Vec<(String, ColumnType, String)>,
        filters: Vec<String>,
        doc: String,
    },
}

impl Serialize for ViewId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let def = self.def();
        let name = def.name.to_owned();
        if self.is_built_in() {
            return Written::BuiltIn(name).serialize(serializer);
        }
        let columns = def.columns.iter();
        let columns = columns.map(|column| (column.name.to_owned(), column.kind, column.doc.to_owned()));
        let filters = def.filters.iter().map(|filter| (*filter).to_owned()).collect();
        let doc = def.doc.to_owned();
        Written::Designed { name, key: def.key, columns: columns.collect(), filters, doc }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ViewId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ViewId, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::BuiltIn(name) => {
                view(&name).ok_or_else(|| D::Error::custom(format!("no view is called `{name}`")))
            }
            Written::Designed { name, key, columns, filters, doc } => {
                let columns = columns.into_iter().map(|(name, kind, doc)| DesignedColumn { name, kind, doc });
                let designed = DesignedView { name, key, columns: columns.collect(), filters, doc };
                designed.id().map_err(D::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::FACTS;

    #[test]
    fn a_view_that_is_written_down_is_the_same_view_where_it_is_read() {
        let columns = [("realm", ColumnType::Text), ("player", ColumnType::Text), ("kills", ColumnType::Int)];
        let designed = DesignedView {
            name: "written_down".to_owned(),
            key: 2,
            columns: columns.map(|(name, kind)| DesignedColumn::new(name, kind, "one line")).into(),
            filters: vec!["kills".to_owned()],
            doc: String::new(),
        };
        for view in [FACTS, designed.id().expect("a view")] {
            let written = serde_json::to_string(&view).expect("plain data");
            assert_eq!(serde_json::from_str::<ViewId>(&written).expect("a view"), view, "{written}");
        }
        assert!(serde_json::from_str::<ViewId>(r#"{"BuiltIn": "gone"}"#).is_err());
    }
}
