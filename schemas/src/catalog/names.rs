//! What a designer's view may be called and how large it may be.
//!
//! It knows nothing of SQL: whoever makes a view from a text adds the place in the text to what is said here.

use super::{CATALOG, ColumnType, DesignedView};

/// The most views that designers may add to a realm.
pub const MOST_OWN_VIEWS: usize = 256;

/// The most columns of a designer's view, `realm` among them.
pub const MOST_COLUMNS: usize = 64;

/// The longest name of a view or a column: PostgreSQL cuts longer ones.
pub const MOST_NAME_BYTES: usize = 63;

/// The longest line about a view or a column.
const MOST_DOC_BYTES: usize = 1_000;

/// Names that mean something else where views are tables or relations.
const RESERVED: [&str; 1] = ["events"];

/// Beginnings of the names of tables that are the sinks' own or the database's.
const RESERVED_STARTS: [&str; 3] = ["worldflow_", "pg_", "sqlite_"];

/// A view may not be one of a realm.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ViewProblem {
    /// It is not a name.
    #[error("`{0}` is not a name of a {1}")]
    Name(String, &'static str),
    /// There is such a view in every realm.
    #[error("`{0}` is a view that every realm has")]
    BuiltIn(String),
    /// The name is kept for something else.
    #[error("the name `{0}` is reserved")]
    Reserved(String),
    /// The first column is not the realm.
    #[error("the first column of `{0}` is not the text `realm`")]
    NoRealm(String),
    /// The key has no column or more than there are.
    #[error("the key of `{0}` has {1} of its {2} columns")]
    Key(String, usize, usize),
    /// Two columns have one name.
    #[error("`{0}` has two columns `{1}`")]
    Twice(String, String),
    /// A filter is no column.
    #[error("`{0}` has no column `{1}` to filter by")]
    Filter(String, String),
    /// It has more columns than may be.
    #[error("`{0}` has {1} columns")]
    Columns(String, usize),
    /// What is said about it is too long.
    #[error("what is said about `{0}` has {1} bytes")]
    Doc(String, usize),
    /// The realm has as many as there may be.
    #[error("there is no room for `{0}`: the realm has {MOST_OWN_VIEWS} views of its own")]
    Full(String),
}

impl ViewProblem {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            ViewProblem::Name(..) => format!(
                "write it with a-z, 0-9 and _, beginning with a letter, in at most {MOST_NAME_BYTES} bytes"
            ),
            ViewProblem::BuiltIn(_) => "give it another name; docs/catalog.md lists those taken".to_owned(),
            ViewProblem::Reserved(_) => format!(
                "give it another name: not `{}`, and none that begins with `{}`",
                RESERVED.join("`, `"),
                RESERVED_STARTS.join("`, `")
            ),
            ViewProblem::NoRealm(_) => "begin with the column `realm` of what it is made from".to_owned(),
            ViewProblem::Key(..) => "name at least `realm`, and only columns, as its key".to_owned(),
            ViewProblem::Twice(..) => "rename one of them with AS".to_owned(),
            ViewProblem::Filter(..) => "name one of its columns".to_owned(),
            ViewProblem::Columns(..) => format!("keep to {MOST_COLUMNS}"),
            ViewProblem::Doc(..) => format!("keep to {MOST_DOC_BYTES} bytes"),
            ViewProblem::Full(_) => "remove one that nobody reads".to_owned(),
        }
    }
}

/// Whether a view or a column may be called that: lower snake case, not too long.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MOST_NAME_BYTES
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(rest)
}

/// Whether it may be a view of a realm.
pub(super) fn check(view: &DesignedView) -> Result<(), ViewProblem> {
    let name = || view.name.clone();
    if !is_name(&view.name) {
        return Err(ViewProblem::Name(name(), "view"));
    }
    if CATALOG.iter().any(|built_in| built_in.name == view.name) {
        return Err(ViewProblem::BuiltIn(name()));
    }
    if RESERVED.contains(&&*view.name) || RESERVED_STARTS.iter().any(|start| view.name.starts_with(start)) {
        return Err(ViewProblem::Reserved(name()));
    }
    if view.columns.len() > MOST_COLUMNS {
        return Err(ViewProblem::Columns(name(), view.columns.len()));
    }
    if view.columns.first().is_none_or(|first| first.name != "realm" || first.kind != ColumnType::Text) {
        return Err(ViewProblem::NoRealm(name()));
    }
    if view.key == 0 || view.key > view.columns.len() {
        return Err(ViewProblem::Key(name(), view.key, view.columns.len()));
    }
    for (place, column) in view.columns.iter().enumerate() {
        if !is_name(&column.name) {
            return Err(ViewProblem::Name(column.name.clone(), "column"));
        }
        if view.columns[..place].iter().any(|before| before.name == column.name) {
            return Err(ViewProblem::Twice(name(), column.name.clone()));
        }
    }
    if let Some(filter) =
        view.filters.iter().find(|filter| view.columns.iter().all(|column| column.name != **filter))
    {
        return Err(ViewProblem::Filter(name(), filter.clone()));
    }
    let docs = view.columns.iter().map(|column| &column.doc).chain([&view.doc]);
    match docs.map(String::len).find(|length| *length > MOST_DOC_BYTES) {
        Some(length) => Err(ViewProblem::Doc(name(), length)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::DesignedColumn;

    fn view(name: &str, columns: &[&str]) -> DesignedView {
        let column = |name: &&str| DesignedColumn::new(name, ColumnType::Text, "");
        DesignedView {
            name: name.to_owned(),
            key: 1,
            columns: columns.iter().map(column).collect(),
            filters: Vec::new(),
            doc: String::new(),
        }
    }

    fn refused(view: &DesignedView) -> String {
        let problem = view.check().expect_err("it breaks a rule");
        assert!(!problem.hint().is_empty());
        problem.to_string()
    }

    #[test]
    fn names_follow_the_rules() {
        let long = "v".repeat(MOST_NAME_BYTES);
        for good in ["v", "rain_by_zone", "top_10", long.as_str()] {
            assert_eq!(view(good, &["realm"]).check(), Ok(()), "{good}");
        }
        for bad in ["", "Rain", "1st", "_v", "rain-zones", "r\u{e9}", "a b", &format!("{long}v")] {
            assert!(refused(&view(bad, &["realm"])).contains("is not a name of a view"), "{bad}");
        }
        assert!(refused(&view("weather", &["realm"])).contains("every realm has"));
        for reserved in ["events", "worldflow_tables", "worldflow_x", "pg_class", "sqlite_master"] {
            assert!(refused(&view(reserved, &["realm"])).contains("reserved"), "{reserved}");
        }
    }

    #[test]
    fn shapes_follow_the_rules() {
        assert!(refused(&view("v", &[])).contains("not the text `realm`"));
        assert!(refused(&view("v", &["zone"])).contains("not the text `realm`"));
        assert!(refused(&view("v", &["realm", "Zone"])).contains("`Zone` is not a name of a column"));
        assert!(refused(&view("v", &["realm", "a", "a"])).contains("two columns `a`"));
        let key = |key| DesignedView { key, ..view("v", &["realm", "a"]) };
        assert_eq!(key(2).check(), Ok(()));
        assert!(refused(&key(0)).contains("has 0 of its 2"));
        assert!(refused(&key(3)).contains("has 3 of its 2"));
        let filtered = DesignedView { filters: vec!["b".to_owned()], ..view("v", &["realm", "a"]) };
        assert!(refused(&filtered).contains("no column `b`"));
        let doc = DesignedView { doc: "d".repeat(MOST_DOC_BYTES + 1), ..view("v", &["realm"]) };
        assert!(refused(&doc).contains("1001 bytes"));
        let wide: Vec<String> = (1..=MOST_COLUMNS).map(|n| format!("c{n}")).collect();
        let mut wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        wide.insert(0, "realm");
        assert!(refused(&view("v", &wide)).contains("has 65 columns"));
        assert_eq!(view("v", &wide[..MOST_COLUMNS]).check(), Ok(()));
    }
}
