//! Runs a graph on sealed ticks in this process, for golden worlds and oracles.
//!
//! `sealed ticks ─workers, cut, load─▶ changes per tick, base changes per tick, rows`. There is no
//! sequencer and no journal here: what is tested is the graph, and the law of base state.

pub mod fuzz;
pub mod simulation;

/// A number that the environment says of a test, or what it is otherwise.
///
/// # Panics
/// When it says something else than a number.
#[must_use]
pub fn setting(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")));
    said.unwrap_or(otherwise)
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::channel;

use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::catalog::{CatalogEdit, ViewId};
use worldflow_schemas::{Diff, Row, Tick};

use crate::graph::{BuildGraph, Refused};
use crate::merger::{Merger, in_order};
use crate::snapshot::BaseState;
use crate::view_changes::ViewChanges;
use crate::view_store::ViewStore;
use crate::workers::{Cut, FromWorker, SealedTick, Workers};

/// How many ticks the workers are given at once: timely keeps a count for every time in flight, and
/// goes over all of them whenever the first is done.
const IN_FLIGHT: usize = 64;

/// How a graph is run over sealed ticks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Timely workers.
    pub workers: usize,
    /// How inputs are cut into messages.
    pub cut: Cut,
    /// Base state to begin with, as of the end of a tick; ticks up to it are not given.
    pub load: Option<(Tick, Vec<BaseRow>)>,
    /// The last tick to run to, when it is later than the last input.
    pub until: Tick,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { workers: 1, cut: Cut::default(), load: None, until: 0 }
    }
}

/// What a run produced.
#[derive(Debug)]
pub struct Ran {
    /// Consolidated changes of each tick that has any, in the order of views and values.
    pub changes: BTreeMap<Tick, Vec<(ViewId, Row, Diff)>>,
    /// Base changes of each tick that has any.
    pub base: BTreeMap<Tick, Vec<BaseChange>>,
    /// Refused inputs with their ticks.
    pub refusals: Vec<(Tick, Refused)>,
    /// Changes of the catalog with their ticks.
    pub catalog: Vec<(Tick, CatalogEdit)>,
    /// The rows at the end.
    pub views: ViewStore,
    /// How often workers said how far they had come. A graph in which nothing is due says nothing.
    pub reports: u64,
    /// What the run began with.
    loaded: Vec<BaseRow>,
}

impl Ran {
    /// The state hash at the end.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        self.views.state_hash()
    }

    /// The rows of a view at the end, sorted as text; none of a view that is not there.
    #[must_use]
    pub fn rows(&self, view: ViewId) -> Vec<Row> {
        let stored = self.views.get(view);
        let mut rows: Vec<Row> =
            stored.iter().flat_map(|stored| stored.all().cloned().collect::<Vec<_>>()).collect();
        rows.sort_by_cached_key(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>());
        rows
    }

    /// Base state at the end of `tick`: what a snapshot of that tick holds.
    #[must_use]
    pub fn snapshot_at(&self, tick: Tick) -> Vec<BaseRow> {
        let mut state: BaseState = self.loaded.iter().cloned().collect();
        for change in self.base.range(..=tick).flat_map(|(_, changes)| changes) {
            state.apply(change.clone());
        }
        state.rows()
    }

    /// The rows at the end of `tick`.
    #[must_use]
    pub fn rows_at(&self, tick: Tick) -> BTreeSet<(ViewId, Row)> {
        let rows = self.changes.range(..=tick).flat_map(|(_, changes)| changes).cloned();
        let rows = ViewChanges::by_view(rows);
        rows.iter().flat_map(ViewChanges::rows).map(|(view, row, _)| (view, row.clone())).collect()
    }
}

/// Runs a graph over sealed ticks, which must be in order.
///
/// # Panics
/// When a worker panics.
#[must_use]
pub fn run(graph: &Arc<dyn BuildGraph>, ticks: &[SealedTick], plan: &Plan) -> Ran {
    let (report, reports) = channel();
    let mut workers = Workers::start(plan.workers, plan.cut, true, Arc::clone(graph), move |told| {
        let _gone = report.send(told);
    })
    .expect("threads can be started");
    let after = plan.load.as_ref().map(|(tick, _)| *tick);
    if let Some((tick, rows)) = &plan.load {
        workers.load(*tick, rows.clone());
    }
    let given = ticks.iter().filter(|sealed| after.is_none_or(|after| sealed.tick > after));
    let given: Vec<&SealedTick> = given.collect();
    let last = ticks.iter().map(|sealed| sealed.tick).chain(after).max().unwrap_or(0).max(plan.until);

    let mut merger = Merger::new(plan.workers);
    let mut rest = given.as_slice();
    let mut said = 0;
    loop {
        let (now, later) = rest.split_at(rest.len().min(IN_FLIGHT));
        let next = later.first().map_or(last + 1, |sealed| sealed.tick);
        workers.feed(now.iter().map(|sealed| (*sealed).clone()), next);
        while merger.frontier() < next {
            match reports.recv().expect("the workers live until they are stopped") {
                FromWorker::Report { worker, frontier, produced } => merger.add(worker, frontier, produced),
                FromWorker::Failed { worker, .. } => panic!("worker {worker} panicked; its message is above"),
            }
            said += 1;
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    workers.stop().expect("no worker has reported a panic");
    let mut ran = Ran {
        changes: BTreeMap::new(),
        base: BTreeMap::new(),
        refusals: Vec::new(),
        catalog: Vec::new(),
        views: ViewStore::new(ViewStore::MOST_CHANGES),
        reports: said,
        loaded: plan.load.clone().map(|(_, rows)| rows).unwrap_or_default(),
    };
    while let Some((tick, output)) = merger.next_before(last + 1) {
        let (mut views, gone) = ran.views.admitted(output.rows, &output.catalog);
        views.extend(gone.into_iter().filter_map(|view| ran.views.get(view)).map(|stored| {
            let rows = stored.all().map(|row| (row.clone(), -1));
            ViewChanges::new(stored.id(), rows.collect())
        }));
        let rows = in_order(&views);
        ran.views.apply_edits(tick, &output.catalog, views);
        ran.catalog.extend(output.catalog.into_iter().map(|edit| (tick, edit)));
        if !rows.is_empty() {
            ran.changes.insert(tick, rows);
        }
        if !output.base.is_empty() {
            ran.base.insert(tick, output.base);
        }
        ran.refusals.extend(output.refusals.into_iter().map(|refused| (tick, refused)));
    }
    ran
}

/// The law of base state does not hold: what differs between a run that was loaded and the
/// uninterrupted one.
#[derive(Debug)]
pub struct LawBroken {
    /// The tick of the snapshot.
    pub loaded_at: Tick,
    /// The tick at which they first differ.
    pub tick: Tick,
    /// Rows or changes that are missing after the load, then those that should not be there.
    pub differences: Vec<String>,
}

impl std::error::Error for LawBroken {}

impl fmt::Display for LawBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loaded at tick {}, first different at tick {}:", self.loaded_at, self.tick)?;
        self.differences.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Checks the law of base state for a snapshot at each of `snapshots`: load(S) + the ticks after S
/// give the rows of S at S, then exactly the changes of the uninterrupted run.
///
/// # Errors
/// The first difference.
pub fn law(
    graph: &Arc<dyn BuildGraph>,
    ticks: &[SealedTick],
    plan: &Plan,
    snapshots: impl IntoIterator<Item = Tick>,
) -> Result<(), LawBroken> {
    let uninterrupted = run(graph, ticks, plan);
    let last = ticks.iter().map(|sealed| sealed.tick).max().unwrap_or(0).max(plan.until);
    for loaded_at in snapshots {
        let load = Some((loaded_at, uninterrupted.snapshot_at(loaded_at)));
        let loaded = run(graph, ticks, &Plan { load, ..plan.clone() });
        let broken = |tick, differences| Err(LawBroken { loaded_at, tick, differences });
        let rows = |ran: &Ran| -> BTreeSet<String> {
            ran.rows_at(loaded_at)
                .iter()
                .filter(|(view, _)| view.def().deterministic)
                .map(|(view, row)| show(*view, row, 1))
                .collect()
        };
        let differences = compare(&rows(&uninterrupted), &rows(&loaded));
        if !differences.is_empty() {
            return broken(loaded_at, differences);
        }
        let after: BTreeSet<Tick> = (uninterrupted.changes.keys().chain(loaded.changes.keys()))
            .copied()
            .filter(|tick| *tick > loaded_at && *tick <= last)
            .collect();
        for tick in after {
            let differences = compare(&changes_at(&uninterrupted, tick), &changes_at(&loaded, tick));
            if !differences.is_empty() {
                return broken(tick, differences);
            }
        }
    }
    Ok(())
}

fn changes_at(ran: &Ran, tick: Tick) -> BTreeSet<String> {
    (ran.changes.get(&tick).into_iter().flatten())
        .filter(|(view, _, _)| view.def().deterministic)
        .map(|(view, row, diff)| show(*view, row, *diff))
        .collect()
}

fn compare(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let missing = expected.difference(found).map(|line| format!("missing:    {line}"));
    let unexpected = found.difference(expected).map(|line| format!("unexpected: {line}"));
    missing.chain(unexpected).take(20).collect()
}

/// A change in one line: `+1 levels realm=greenvale player=ada level=3`.
#[must_use]
pub fn show(view: ViewId, row: &Row, diff: Diff) -> String {
    let def = view.def();
    let columns =
        def.columns.iter().zip(row.iter()).map(|(column, value)| format!("{}={value}", column.name));
    format!("{diff:+} {} {}", def.name, columns.collect::<Vec<_>>().join(" "))
}
