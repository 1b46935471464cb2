//! Which views are defined, and what an edit changes: a function of the texts, the same on every worker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow_schemas::Sym;
use worldflow_schemas::catalog::{CatalogEdit, ViewId};
use worldflow_schemas::definitions::SqlViewDef;

use crate::sql::error::SqlError;
use crate::sql::events::Readable;
use crate::sql::kind::Kind;
use crate::sql::plan::Node;
use crate::sql::view::{View, plan};

/// A view that is to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Installed {
    pub(super) id: ViewId,
    pub(super) plan: Node,
    /// What it reads besides other views in SQL: name, id of the rows, and what their columns after the realm hold.
    pub(super) reads: Vec<(String, ViewId, Vec<Kind>)>,
}

/// The views of these definitions that can run, and the problems of the others, by their ids.
pub(crate) fn planned(
    texts: &BTreeMap<String, Arc<SqlViewDef>>,
    readable: &Readable,
    tick_ms: u32,
) -> (Vec<View>, Vec<(String, SqlError)>) {
    let files = texts.iter().map(|(name, def)| (name.as_str(), def.sql.as_str()));
    let (mut views, problems) = plan(files, readable.relations.clone(), tick_ms);
    // The definition is known by its id; a text that names another view is not that view.
    views.retain(|view| texts.contains_key(&view.name) && view.file == view.name);
    (views, problems)
}

/// The views that are defined.
pub(super) struct DefinedViews {
    texts: BTreeMap<String, Arc<SqlViewDef>>,
    running: BTreeMap<String, Running>,
    /// What is wrong with texts.
    problems: Vec<(String, SqlError)>,
    /// How many dataflows there have been.
    groups: usize,
    tick_ms: u32,
    readable: Readable,
}

struct Running {
    view: Installed,
    group: usize,
    place: usize,
}

/// What an edit changes.
#[derive(Default, Debug)]
pub(super) struct Changes {
    /// Views of a new dataflow, by their places in it.
    pub(super) installed: Vec<Installed>,
    /// The number of that dataflow.
    pub(super) group: usize,
    /// Views that are gone: their dataflow and place.
    pub(super) gone: Vec<(usize, usize)>,
    /// Changes of the catalog.
    pub(super) catalog: Vec<CatalogEdit>,
    /// Problems that there were not before, by the ids of the definitions.
    pub(super) problems: Vec<(String, SqlError)>,
}

impl DefinedViews {
    pub(super) fn new(tick_ms: u32, readable: Readable) -> DefinedViews {
        let (texts, running, problems, groups) = Default::default();
        DefinedViews { texts, running, problems, groups, tick_ms, readable }
    }

    /// Takes the edits of a tick. A view whose text is wrong is not there.
    pub(super) fn edit(&mut self, edits: Vec<(Sym, Option<Arc<SqlViewDef>>)>) -> Changes {
        for (name, def) in edits {
            match def {
                Some(def) => self.texts.insert(name.as_str().to_owned(), def),
                None => self.texts.remove(name.as_str()),
            };
        }
        let (views, problems) = planned(&self.texts, &self.readable, self.tick_ms);
        let mut changes = Changes { group: self.groups, ..Changes::default() };
        changes.problems =
            problems.iter().filter(|problem| !self.problems.contains(problem)).cloned().collect();
        self.problems = problems;
        let mut wanted = BTreeMap::new();
        for view in views {
            if let Ok(id) = view.designed().id() {
                let reads = self.readable.read_by(&view.plan);
                wanted.insert(view.name, Installed { id, plan: view.plan, reads });
            }
        }
        let names: BTreeSet<String> = wanted.keys().chain(self.running.keys()).cloned().collect();
        for name in names {
            let (new, old) = (wanted.remove(&name), self.running.get(&name));
            if old.map(|old| &old.view) == new.as_ref() {
                continue;
            }
            if old.map(|old| old.view.id) != new.as_ref().map(|new| new.id) {
                changes
                    .catalog
                    .push(CatalogEdit { name: Sym::new(&name), view: new.as_ref().map(|new| new.id) });
            }
            changes.gone.extend(old.map(|old| (old.group, old.place)));
            match new {
                Some(view) => {
                    let place = changes.installed.len();
                    changes.installed.push(view.clone());
                    self.running.insert(name, Running { view, group: self.groups, place });
                }
                None => drop(self.running.remove(&name)),
            }
        }
        if !changes.installed.is_empty() {
            self.groups += 1;
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined() -> DefinedViews {
        DefinedViews::new(10, Readable::of(&BTreeMap::new()))
    }

    fn edit(
        views: &mut DefinedViews,
        name: &str,
        sql: Option<&str>,
    ) -> (usize, Vec<(usize, usize)>, Vec<(String, bool)>) {
        let def = sql.map(|sql| Arc::new(SqlViewDef { sql: format!("CREATE VIEW {name} AS {sql}") }));
        let changes = views.edit(vec![(Sym::new(name), def)]);
        let catalog =
            changes.catalog.iter().map(|edit| (edit.name.to_string(), edit.view.is_some())).collect();
        (changes.installed.len(), changes.gone, catalog)
    }

    #[test]
    fn an_edit_changes_what_it_names_and_what_reads_that() {
        let mut views = defined();
        let there = |name: &str, is| vec![(name.to_owned(), is)];
        assert_eq!(
            edit(&mut views, "high", Some("SELECT player, level FROM levels WHERE level > 3")),
            (1, vec![], there("high", true))
        );
        assert_eq!(
            edit(&mut views, "highest", Some("SELECT max(level) AS level FROM high")),
            (1, vec![], there("highest", true))
        );
        // The same text again, and another that means the same.
        assert_eq!(
            edit(&mut views, "high", Some("SELECT player, level FROM levels WHERE level > 3")),
            (0, vec![], vec![])
        );
        assert_eq!(
            edit(&mut views, "high", Some("SELECT player, level FROM levels  WHERE (level > 3)")),
            (0, vec![], vec![])
        );
        // Other rows of the same shape: no change of the catalog, but of both dataflows.
        assert_eq!(
            edit(&mut views, "high", Some("SELECT player, level FROM levels WHERE level > 4")),
            (2, vec![(0, 0), (1, 0)], vec![])
        );
        // Another shape.
        assert_eq!(
            edit(&mut views, "high", Some("SELECT player, level, experience FROM levels WHERE level > 4")),
            (2, vec![(2, 0), (2, 1)], there("high", true))
        );
        // What it is made from is gone.
        let both = vec![("high".to_owned(), false), ("highest".to_owned(), false)];
        assert_eq!(edit(&mut views, "high", None), (0, vec![(3, 0), (3, 1)], both));
    }

    #[test]
    fn a_wrong_text_is_no_view() {
        let mut views = defined();
        assert_eq!(edit(&mut views, "wrong", Some("SELECT nothing FROM levels")), (0, vec![], vec![]));
    }

    #[test]
    fn a_problem_is_told_of_once() {
        let mut views = defined();
        let mut problems = |name: &str, sql: &str| {
            let sql = format!("CREATE VIEW {name} AS {sql}");
            let changes = views.edit(vec![(Sym::new(name), Some(Arc::new(SqlViewDef { sql })))]);
            changes.problems.into_iter().map(|(name, error)| format!("{name} {error}")).collect::<Vec<_>>()
        };
        let wrong = problems("wrong", "SELECT nothing FROM levels");
        assert!(wrong[..].len() == 1 && wrong[0].starts_with("wrong 1:29: "), "{wrong:?}");
        assert!(problems("right", "SELECT player, level FROM levels").is_empty());
        assert_eq!(problems("wrong", "SELECT level FROM nowhere").len(), 1);
    }
}
