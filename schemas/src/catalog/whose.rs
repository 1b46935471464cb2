//! Whose the rows of a view are, as far as the names of its columns say: for whoever reads rows of somebody without knowing the view.

use super::{Column, ColumnType, ViewDef};
use crate::input::Scope;

/// Whom a column of a key names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// A holder of a scope: the column is called as the scope is.
    Holder(Scope),
    /// An NPC.
    Npc,
}

impl ViewDef {
    /// The columns of the key that say whose a row is, with their places; none where rows are everybody's.
    ///
    /// # Errors
    /// With the column that says so in a way that cannot be followed: `holder`, whose scope is in another column, or one that is not
    /// of the key, when nothing in the key says anything.
    pub fn whose(&self) -> Result<Vec<(usize, Named)>, &'static str> {
        let of_key = || self.columns.iter().enumerate().take(self.key).skip(1);
        if let Some((_, holder)) = of_key().find(|(_, column)| is_holder(column)) {
            return Err(holder.name);
        }
        let named: Vec<(usize, Named)> =
            of_key().filter_map(|(at, column)| Some((at, named(column)?))).collect();
        match self.somebody() {
            Some(column) if named.is_empty() => Err(column),
            _ => Ok(named),
        }
    }

    /// The first column, of the key or not, by which a row may be about a player or a group of players.
    #[must_use]
    pub fn somebody(&self) -> Option<&'static str> {
        let of_players = |column: &&Column| match named(column) {
            Some(Named::Holder(scope)) => scope != Scope::Region,
            Some(Named::Npc) => false,
            None => is_holder(column),
        };
        self.columns.iter().skip(1).find(of_players).map(|column| column.name)
    }
}

fn is_holder(column: &Column) -> bool {
    column.name == "holder" && column.kind == ColumnType::Text
}

/// Whom a column names; a number is nobody's id.
fn named(column: &Column) -> Option<Named> {
    if column.kind != ColumnType::Text {
        return None;
    }
    if column.name == "npc" {
        return Some(Named::Npc);
    }
    let scope = Scope::ALL.into_iter().find(|scope| scope.name() == column.name);
    scope.filter(|scope| *scope != Scope::Realm).map(Named::Holder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{DesignedColumn, DesignedView};

    fn view(key: usize, columns: &[(&str, ColumnType)]) -> &'static ViewDef {
        let columns = [("realm", ColumnType::Text)].iter().chain(columns);
        let columns = columns.map(|(name, kind)| DesignedColumn::new(name, *kind, ""));
        let view = DesignedView {
            name: "whose".to_owned(),
            key: key + 1,
            columns: columns.collect(),
            filters: Vec::new(),
            doc: String::new(),
        };
        view.id().expect("a view").def()
    }

    #[test]
    fn a_key_says_whose_a_row_is() {
        use ColumnType::{Int, Text};
        let of_pair = view(3, &[("player", Text), ("npc", Text), ("n", Int), ("region", Text)]);
        assert_eq!(of_pair.whose(), Ok(vec![(1, Named::Holder(Scope::Player)), (2, Named::Npc)]));
        assert_eq!(of_pair.somebody(), Some("player"));
        let of_place = view(2, &[("region", Text), ("n", Int), ("player", Text)]);
        assert_eq!(of_place.whose(), Ok(vec![(1, Named::Holder(Scope::Region))]));
        assert_eq!(of_place.somebody(), Some("player"), "a row may be about a player, whoever's it is");
        let of_all = view(1, &[("good", Text), ("instance", Int), ("npc", Text)]);
        assert_eq!((of_all.whose(), of_all.somebody()), (Ok(vec![]), None));
    }

    #[test]
    fn what_cannot_be_followed_is_told_by_its_column() {
        use ColumnType::{Int, Text};
        assert_eq!(view(2, &[("scope", Text), ("holder", Text)]).whose(), Err("holder"));
        assert_eq!(view(2, &[("player", Text), ("holder", Text)]).whose(), Err("holder"));
        assert_eq!(view(1, &[("rank", Int), ("player", Text)]).whose(), Err("player"));
    }
}
