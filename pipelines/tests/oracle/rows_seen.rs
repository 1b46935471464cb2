//! Rows of views in conditions: as they were at the end of the tick before, found by going through all of them.

use std::collections::BTreeSet;

use worldflow_schemas::catalog;
use worldflow_schemas::definitions::Condition;
use worldflow_schemas::definitions::expression::{KeyPart, RowOf};
use worldflow_schemas::{Tick, Value};

use super::Oracle;
use super::conditions::Actor;
use super::rules::Shown;

/// What conditions see of views.
#[derive(Default)]
pub struct RowsSeen {
    /// All rows at the end of the tick before.
    rows: Shown,
    /// Views that some condition named at the end of the tick before.
    asked: BTreeSet<String>,
    /// Views that conditions name from the next tick on, once they have been looked for in the definitions.
    named: Option<BTreeSet<String>>,
}

/// The views that a condition names.
fn named(condition: &Condition, views: &mut BTreeSet<String>) {
    if let Some(comparison) = &condition.compare {
        comparison.rows(|row| {
            views.insert(row.view.clone());
        });
    }
    for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
        named(inner, views);
    }
}

/// The views that are named in what is written, whatever it is.
fn named_in(json: &str) -> BTreeSet<String> {
    json.split("view.'").skip(1).filter_map(|rest| Some(rest.split_once('\'')?.0.to_owned())).collect()
}

impl Oracle {
    /// Whether the rows of all views are known that a condition names.
    pub fn rows_are_known(&self, condition: &Condition) -> bool {
        let mut views = BTreeSet::new();
        named(condition, &mut views);
        views.is_subset(&self.rows_seen.asked)
    }

    /// A column of a row, or whether there is such a row.
    pub fn row_value(&self, of: &RowOf, actor: &Actor) -> Option<Value> {
        let part = |part: &KeyPart| match part {
            KeyPart::Holder(scope) => Some(self.holder_of(*scope, actor)?.id.as_str().to_owned()),
            KeyPart::Fact(fact) => Some(self.fact_value(fact, actor)?.to_string()),
            KeyPart::Text(text) => Some(text.clone()),
            KeyPart::Number(millionths) => Some(Value::Dec(*millionths).to_string()),
            KeyPart::Bool(is) => Some(is.to_string()),
        };
        let key: Option<Vec<String>> = of.key.iter().map(part).collect();
        let mut rows = self.rows_seen.rows.iter();
        let found = rows.find(|((view, of_row), _)| **view == *of.view && Some(of_row) == key.as_ref());
        let Some(column) = &of.column else { return Some(Value::Bool(found.is_some())) };
        let place = catalog::view(&of.view)?.def().column(column)?;
        Value::from_json(found?.1.get(place)?).filter(|value| *value != Value::Null)
    }

    /// Definitions are about to be others.
    pub fn forget_views_named(&mut self) {
        self.rows_seen.named = None;
    }

    fn views_named(&self) -> BTreeSet<String> {
        let json = "a definition is plain data";
        let quests = self.quests.values().map(|quest| serde_json::to_string(quest).expect(json));
        let rules = self.rules.defs.values().map(|rule| serde_json::to_string(rule).expect(json));
        let speakers = &self.spoken;
        let npcs = speakers.npcs.values().map(|npc| serde_json::to_string(npc).expect(json));
        let storylets = speakers.storylets.values().map(|def| serde_json::to_string(def).expect(json));
        let world = serde_json::to_string(&*self.world).expect(json);
        quests
            .chain(rules)
            .chain(npcs)
            .chain(storylets)
            .chain([world])
            .flat_map(|definition| named_in(&definition))
            .collect()
    }

    /// At the end of a tick in which rows have become these, and definitions are what they are.
    pub fn note_rows_seen(&mut self, tick: Tick) {
        let asked = match self.rows_seen.named.take() {
            Some(named) => named,
            None => self.views_named(),
        };
        let of_asked = |(view, _): &(&'static str, Vec<String>)| asked.contains(*view);
        let there = self.rules.shown.iter().filter(|(key, _)| of_asked(key));
        let rows: Shown = there.map(|(key, row)| (key.clone(), row.clone())).collect();
        if asked != self.rows_seen.asked || rows != self.rows_seen.rows {
            self.sweeps.insert(tick + 1);
        }
        self.rows_seen = RowsSeen { rows, named: Some(asked.clone()), asked };
    }
}
