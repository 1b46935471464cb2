//! The catalog of a realm: what is built in, and what its designers have defined.
//!
//! It is a value: a change makes another one, and readers keep the one that they have looked at.

use std::collections::BTreeMap;

use super::names::{MOST_OWN_VIEWS, ViewProblem};
use super::{CATALOG, ViewId, ids};
use crate::sym::Sym;

/// A change of a realm's catalog, from a tick on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CatalogEdit {
    /// The name of a designer's view.
    pub name: Sym,
    /// What it stands for now; `None` when there is no such view any more.
    pub view: Option<ViewId>,
}

/// Every view of a realm.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalog {
    own: BTreeMap<&'static str, ViewId>,
}

impl Catalog {
    /// Only what is built in.
    #[must_use]
    pub fn built_in() -> Catalog {
        Catalog::default()
    }

    /// The view of that name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<ViewId> {
        super::view(name).or_else(|| self.own.get(name).copied())
    }

    /// Whether the view is one of the realm.
    #[must_use]
    pub fn contains(&self, view: ViewId) -> bool {
        view.is_built_in() || self.own.get(view.def().name) == Some(&view)
    }

    /// Every view: those built in, in their order, and then the others by name.
    pub fn ids(&self) -> impl Iterator<Item = ViewId> + '_ {
        ids().chain(self.own())
    }

    /// The views of designers, by name.
    pub fn own(&self) -> impl Iterator<Item = ViewId> + '_ {
        self.own.values().copied()
    }

    /// The names of all views.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        CATALOG.iter().map(|view| view.name).chain(self.own.keys().copied())
    }

    /// With a designer's view, in place of the one that has its name.
    ///
    /// # Errors
    /// When there is no room for another.
    pub fn with(&self, view: ViewId) -> Result<Catalog, ViewProblem> {
        let name = view.def().name;
        if view.is_built_in() {
            return Err(ViewProblem::BuiltIn(name.to_owned()));
        }
        if self.own.len() >= MOST_OWN_VIEWS && !self.own.contains_key(name) {
            return Err(ViewProblem::Full(name.to_owned()));
        }
        let mut own = self.own.clone();
        own.insert(name, view);
        Ok(Catalog { own })
    }

    /// Without the designer's view of that name.
    #[must_use]
    pub fn without(&self, name: &str) -> Catalog {
        let mut own = self.own.clone();
        own.remove(name);
        Catalog { own }
    }

    /// After a change.
    ///
    /// # Errors
    /// When there is no room for another view, or the name is another one's.
    pub fn edited(&self, edit: CatalogEdit) -> Result<Catalog, ViewProblem> {
        let name = edit.name.as_str();
        match edit.view {
            None => Ok(self.without(name)),
            Some(view) if view.def().name == name => self.with(view),
            Some(_) => Err(ViewProblem::Name(name.to_owned(), "view")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ColumnType, DesignedColumn, DesignedView, WEATHER};

    fn view(name: &str, kind: ColumnType) -> ViewId {
        let columns = [("realm", ColumnType::Text), ("n", kind)]
            .map(|(name, kind)| DesignedColumn::new(name, kind, ""));
        let view = DesignedView {
            name: name.to_owned(),
            key: 1,
            columns: columns.into(),
            filters: Vec::new(),
            doc: String::new(),
        };
        view.id().expect("a view")
    }

    #[test]
    fn a_catalog_has_one_view_a_name_and_lists_its_own_by_name() {
        let (b, a) = (view("realm_b", ColumnType::Int), view("realm_a", ColumnType::Int));
        let both = Catalog::built_in().with(b).and_then(|catalog| catalog.with(a)).expect("room");
        assert_eq!(both.own().collect::<Vec<_>>(), [a, b]);
        assert_eq!(both.ids().count(), CATALOG.len() + 2);
        assert_eq!([both.view("realm_b"), both.view("weather")], [Some(b), Some(WEATHER)]);
        let other = view("realm_b", ColumnType::Dec);
        let replaced = both.edited(CatalogEdit { name: "realm_b".into(), view: Some(other) }).expect("room");
        assert_eq!((replaced.contains(b), replaced.contains(other)), (false, true));
        let gone = replaced.edited(CatalogEdit { name: "realm_b".into(), view: None }).expect("always");
        assert_eq!(gone.own().collect::<Vec<_>>(), [a]);
        assert!(!gone.contains(other) && gone.contains(WEATHER) && both.contains(b));
        assert!(Catalog::built_in().with(WEATHER).is_err());
        assert!(both.edited(CatalogEdit { name: "realm_c".into(), view: Some(other) }).is_err());
    }

    #[test]
    fn a_realm_has_so_many_of_its_own_and_no_more() {
        let mut catalog = Catalog::built_in();
        for n in 0..MOST_OWN_VIEWS {
            catalog = catalog.with(view(&format!("one_of_many_{n}"), ColumnType::Int)).expect("room");
        }
        let more = view("one_too_many", ColumnType::Int);
        assert_eq!(catalog.with(more), Err(ViewProblem::Full("one_too_many".to_owned())));
        assert!(catalog.with(view("one_of_many_7", ColumnType::Dec)).is_ok());
        assert!(catalog.without("one_of_many_7").with(more).is_ok());
    }
}
