//! Rules compiled: which rows of which view, and when.
//!
//! Columns are known by their place. What a rule does is compiled in [`super::actions`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::{self, RuleDef, Span, Trigger};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{ArcStr, Row, Sym, Value};

use crate::quests::Test;

/// Views whose rows change with nearly every event: nobody keeps them, so no rule goes through all their rows.
pub const CHANGING: [ViewId; 3] =
    [catalog::OBJECTIVE_PROGRESS, catalog::COMMUNITY_PROGRESS, catalog::CONTRIBUTIONS];

/// Whether the rows of a view are kept for rules that begin, or that go through all of them.
#[must_use]
pub fn is_kept(view: ViewId) -> bool {
    !CHANGING.contains(&view)
}

/// Which rows of a view. A designer's view may come, go and be another while the rule stays, so its columns are looked up in the
/// view that the rows are of.
#[derive(Clone, Debug)]
pub(super) struct RowsPlan {
    name: String,
    tests: Vec<(String, Test)>,
    /// Where the columns are, if the view is built in.
    built_in: Option<(ViewId, Vec<usize>)>,
}

/// When a rule is triggered.
#[derive(Clone, Debug)]
pub(super) enum TriggerPlan {
    Rows {
        rows: RowsPlan,
        appears: bool,
        changes: bool,
        goes: bool,
        existing: bool,
    },
    Every {
        span: Span,
        each: Option<RowsPlan>,
    },
    /// It names what there is not.
    Never,
}

impl RowsPlan {
    fn new(name: &str, filter: &BTreeMap<String, definitions::Test>) -> Option<RowsPlan> {
        let tests = filter.iter().map(|(column, test)| (column.clone(), Test::new(test))).collect();
        let mut plan = RowsPlan { name: name.to_owned(), tests, built_in: None };
        if let Some(view) = catalog::view(name) {
            plan.built_in = Some((view, plan.places_in(view)?));
        }
        Some(plan)
    }

    /// Whether it looks at the rows of a view.
    pub(super) fn is_of(&self, view: ViewId) -> bool {
        match &self.built_in {
            Some((built_in, _)) => *built_in == view,
            None => !view.is_built_in() && view.def().name == self.name,
        }
    }

    fn places_in(&self, view: ViewId) -> Option<Vec<usize>> {
        self.tests.iter().map(|(column, _)| view.def().column(column)).collect()
    }

    /// Says of rows of a view that it looks at which pass; none if the view lacks a column.
    pub(super) fn filter(&self, view: ViewId) -> impl Fn(&Row) -> bool + '_ {
        let places = match &self.built_in {
            Some((_, places)) => Some(Cow::Borrowed(places)),
            None => self.places_in(view).map(Cow::Owned),
        };
        move |row| {
            let Some(places) = &places else { return false };
            self.tests.iter().zip(places.iter()).all(|((_, test), place)| test.holds(row.get(*place)))
        }
    }
}

impl TriggerPlan {
    pub(super) fn new(def: &RuleDef) -> TriggerPlan {
        let rows = |def: &definitions::RowsDef, appears, changes, goes| {
            RowsPlan::new(&def.view, &def.filter).map(|rows| TriggerPlan::Rows {
                rows,
                appears,
                changes,
                goes,
                existing: appears && def.existing,
            })
        };
        let plan = match &def.trigger {
            Trigger::Appears(def) => rows(def, true, false, false),
            Trigger::Changes(def) => rows(def, false, true, false),
            Trigger::AppearsOrChanges(def) => rows(def, true, true, false),
            Trigger::Goes(def) => rows(def, false, false, true),
            Trigger::Every(def) => match &def.each {
                None => Some(TriggerPlan::Every { span: def.span, each: None }),
                Some(each) => RowsPlan::new(&each.view, &each.filter)
                    .filter(|rows| rows.built_in.as_ref().is_none_or(|(view, _)| is_kept(*view)))
                    .map(|rows| TriggerPlan::Every { span: def.span, each: Some(rows) }),
            },
        };
        plan.unwrap_or(TriggerPlan::Never)
    }

    /// The row that triggers it, of a key whose row was this before the tick and is that after it. Only rows that pass are there.
    pub(super) fn triggered<'r>(
        &self,
        passes: impl Fn(&Row) -> bool,
        before: Option<&'r Row>,
        after: Option<&'r Row>,
    ) -> Option<&'r Row> {
        let TriggerPlan::Rows { appears, changes, goes, .. } = self else { return None };
        let before = before.filter(|row| passes(row));
        let after = after.filter(|row| passes(row));
        match (before, after) {
            (None, Some(after)) if *appears => Some(after),
            (Some(before), Some(after)) if *changes && before != after => Some(after),
            (Some(before), None) if *goes => Some(before),
            _ => None,
        }
    }
}

/// Whose a row is: the holder that it names, or its player, or the realm.
pub(super) fn holder_of(view: ViewId, row: &Row, realm: Sym) -> Holder {
    let sym = |name: &str| match view.def().column(name).and_then(|column| row.get(column)) {
        Some(Value::Sym(sym)) => Some(*sym),
        _ => None,
    };
    let scope = sym("scope").and_then(|name| Scope::ALL.into_iter().find(|s| s.name() == name.as_str()));
    match (scope, sym("holder"), sym("player")) {
        (Some(scope), Some(id), _) => Holder { scope, id },
        (_, _, Some(id)) => Holder { scope: Scope::Player, id },
        _ => Holder { scope: Scope::Realm, id: realm },
    }
}

/// A row's key as text, without the realm: its columns with `/` between them, as in the ids of grants.
pub(super) fn key_text(view: ViewId, row: &Row) -> ArcStr {
    let part = |value: &Value| value.to_string().replace('%', "%25").replace('/', "%2F");
    let parts: Vec<String> = row.key(view.def().key).iter().skip(1).map(part).collect();
    parts.join("/").into()
}
