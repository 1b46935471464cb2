//! What several workers report of a tick, put together.
//!
//! `reports of workers, each with its frontier ─▶ complete ticks, in their order`

use std::collections::BTreeMap;

use worldflow_schemas::base::BaseChange;
use worldflow_schemas::catalog::{CatalogEdit, ViewId};
use worldflow_schemas::{Diff, Row, Tick};

use crate::graph::{Produced, Refused};
use crate::view_changes::ViewChanges;

/// The changes of one tick.
#[derive(Debug, Default)]
pub(crate) struct TickOutput {
    /// Changes of rows of views, each view once.
    pub(crate) rows: Vec<ViewChanges>,
    /// Changes of base state; the last of a piece wins.
    pub(crate) base: Vec<BaseChange>,
    /// Refused inputs.
    pub(crate) refusals: Vec<Refused>,
    /// Changes of the catalog, which come before the rows; of a name one.
    pub(crate) catalog: Vec<CatalogEdit>,
}

/// Merges the workers' reports into complete ticks.
#[derive(Debug)]
pub(crate) struct Merger {
    frontiers: Vec<Tick>,
    ticks: BTreeMap<Tick, TickOutput>,
}

impl Merger {
    /// Nothing has come from any of `workers` yet.
    pub(crate) fn new(workers: usize) -> Merger {
        Merger { frontiers: vec![0; workers.max(1)], ticks: BTreeMap::new() }
    }

    /// Takes a report in.
    pub(crate) fn add(&mut self, worker: usize, frontier: Tick, produced: Produced) {
        self.frontiers[worker] = self.frontiers[worker].max(frontier);
        for (tick, views) in produced.rows {
            let output = &mut self.ticks.entry(tick).or_default().rows;
            for changes in views {
                match output.iter_mut().find(|other| other.view == changes.view) {
                    Some(other) => other.merge(changes),
                    None => output.push(changes),
                }
            }
        }
        for (change, tick) in produced.base {
            self.ticks.entry(tick).or_default().base.push(change);
        }
        for (refused, tick) in produced.refusals {
            self.ticks.entry(tick).or_default().refusals.push(refused);
        }
        for (edit, tick) in produced.catalog {
            let edits = &mut self.ticks.entry(tick).or_default().catalog;
            match edits.iter_mut().find(|other| other.name == edit.name) {
                Some(other) => debug_assert_eq!(*other, edit, "a graph says one thing of a name in a tick"),
                None => edits.push(edit),
            }
        }
    }

    /// Every tick before this one is complete.
    pub(crate) fn frontier(&self) -> Tick {
        self.frontiers.iter().copied().min().unwrap_or(0)
    }

    /// Takes the first tick with output, if it is before `end`.
    pub(crate) fn next_before(&mut self, end: Tick) -> Option<(Tick, TickOutput)> {
        let first = self.ticks.first_entry()?;
        (*first.key() < end).then(|| first.remove_entry())
    }

    /// The first tick with output.
    pub(crate) fn first(&self) -> Option<Tick> {
        self.ticks.keys().next().copied()
    }

    /// Ticks with output that are not taken.
    pub(crate) fn waiting(&self) -> usize {
        self.ticks.len()
    }
}

/// Changes in the order of views, removals before additions, then of values.
pub(crate) fn in_order(changes: &[ViewChanges]) -> Vec<(ViewId, Row, Diff)> {
    let rows = changes.iter().flat_map(ViewChanges::rows);
    let mut rows: Vec<_> = rows.map(|(view, row, diff)| (view, row.clone(), diff)).collect();
    rows.sort_unstable_by(|a, b| (a.0, a.2 > 0, &a.1).cmp(&(b.0, b.2 > 0, &b.1)));
    rows
}
