//! Small summaries of large views, kept by their changes instead of by looking at every row again.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{ViewDef, ViewId};
use worldflow_schemas::{Diff, Row, Tick, Value};

use crate::http_views::row_json;
use crate::view_at::{deltas_between, rows_at};

/// A summary of rows that can be told of changes.
pub(super) trait Fold: Default {
    fn change(&mut self, row: &Row, diff: Diff);
}

/// A summary of a view, and the tick it is at.
pub(super) struct Folded<F> {
    view: ViewId,
    at: Option<Tick>,
    pub(super) fold: F,
}

impl<F: Fold> Folded<F> {
    pub(super) fn new(view: ViewId) -> Folded<F> {
        Folded { view, at: None, fold: F::default() }
    }

    /// Brings the summary to `to`, or leaves it where it is when the store has moved on too far.
    pub(super) fn advance(&mut self, realm: &Realm, to: Tick) {
        let store = &realm.views;
        match self.at.filter(|at| *at <= to).and_then(|at| deltas_between(store, self.view, at, to)) {
            Some(deltas) => {
                let changes = deltas.iter().flat_map(|delta| &delta.changes);
                changes.for_each(|(row, diff)| self.fold.change(row, *diff));
            }
            None => {
                let Some(rows) = rows_at(store, self.view, &Filter::all(), to) else { return };
                self.fold = F::default();
                rows.iter().for_each(|row| self.fold.change(row, 1));
            }
        }
        self.at = Some(to);
    }
}

/// How many holders stand where with each quest, and how often it has been completed.
#[derive(Default)]
pub(super) struct Funnel(BTreeMap<String, BTreeMap<String, i64>>);

impl Fold for Funnel {
    fn change(&mut self, row: &Row, diff: Diff) {
        // realm, scope, holder, quest, instance, state, stage, since, deadline, completions
        let (quest, state) = (row[3].to_string(), row[5].to_string());
        let counts = self.0.entry(quest).or_default();
        *counts.entry(state).or_default() += diff as i64;
        if let Value::Int(completions) = row[9] {
            *counts.entry("completions".to_owned()).or_default() += completions * diff as i64;
        }
    }
}

impl Funnel {
    pub(super) fn json(&self) -> Json {
        let states = |counts: &BTreeMap<String, i64>| {
            let there = counts.iter().filter(|(_, count)| **count != 0);
            there.map(|(state, count)| (state.clone(), (*count).into())).collect::<Map<String, Json>>()
        };
        let quests = self.0.iter().map(|(quest, counts)| (quest, states(counts)));
        quests
            .filter(|(_, counts)| !counts.is_empty())
            .map(|(quest, mut counts)| {
                counts.insert("quest".to_owned(), quest.as_str().into());
                Json::Object(counts)
            })
            .collect()
    }
}

/// How many rows there are for each value of a column; absent values are not counted.
#[derive(Default)]
pub(super) struct Counts<const COLUMN: usize>(BTreeMap<String, i64>);

impl<const COLUMN: usize> Fold for Counts<COLUMN> {
    fn change(&mut self, row: &Row, diff: Diff) {
        if row[COLUMN] != Value::Null {
            *self.0.entry(row[COLUMN].to_string()).or_default() += diff as i64;
        }
    }
}

impl<const COLUMN: usize> Counts<COLUMN> {
    pub(super) fn sum(&self) -> i64 {
        self.0.values().sum()
    }

    pub(super) fn of(&self, value: &str) -> i64 {
        self.0.get(value).copied().unwrap_or(0)
    }
}

/// The rows with the largest values of a column, a tick or a time: the last few.
#[derive(Default)]
pub(super) struct Recent<const COLUMN: usize>(BTreeMap<(i64, String), Row>);

/// How many are kept. More than are shown: when rows go, there are others.
const MOST_RECENT: usize = 64;

impl<const COLUMN: usize> Fold for Recent<COLUMN> {
    fn change(&mut self, row: &Row, diff: Diff) {
        let Value::Int(when) = row[COLUMN] else { return };
        let key = (when, row[..COLUMN].iter().map(ToString::to_string).collect::<Vec<_>>().join("\u{1f}"));
        if diff < 0 {
            self.0.remove(&key);
            return;
        }
        self.0.insert(key, row.clone());
        if self.0.len() > MOST_RECENT {
            self.0.pop_first();
        }
    }
}

impl<const COLUMN: usize> Recent<COLUMN> {
    /// The latest `most` rows, the latest first.
    pub(super) fn json(&self, view: &ViewDef, most: usize) -> Json {
        self.0.values().rev().take(most).map(|row| Json::Object(row_json(view, row))).collect()
    }
}
