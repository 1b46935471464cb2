//! SQL views on a running graph: installed, replaced and dropped at ticks.
//!
//! ```text
//! rows of the catalog's views ─tap─▶ on, untouched
//!    kept events ────────────────┤
//!                               ├─▶ kept by view: what a new view begins with
//!                               └─▶ fed to the dataflows of views ─shown─▶ rows of SQL views
//!                                                                     └──returned─▶ rules and conditions that ask for them
//! ```
//!
//! What is defined in one tick is one dataflow, whose views share what they have in common; a view that another
//! reads is part of its plan, so no dataflow waits for another. A replacement is built beside the old view and fed
//! with all rows as of its tick; in that tick the old view takes its rows back. Both come out together, so whoever
//! reads sees the difference. The tick is not complete before the new dataflow has done it.
//!
//! Timely builds dataflows between the steps of a worker, so [`tap`] asks the [`Installer`] for one and waits. Every
//! worker sees the same definitions in the same ticks, and so builds the same dataflows in the same order. A dataflow
//! ends by itself when its inputs are closed, which is when the last of its views is gone.

mod defined;
mod returned;
mod shown;
mod tap;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input as _;
use timely::scheduling::Activator;
use timely::worker::Worker;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Sym, Tick};

use self::defined::Installed;
pub(crate) use self::defined::planned;
pub(crate) use self::returned::Change as Returned;
use self::returned::{Done, noted};
use self::shown::shown;
pub(crate) use self::tap::{Tapping, Told, tap};
use super::packed::Packed;
use super::run::{Dataflows, Sources, unpacked};
use super::sizes::{Gauges, Sizes};
use crate::machine::ViewRow;
use crate::messages::ClockNow;

/// Builds the dataflows of views between the steps of a worker.
pub struct Installer {
    shared: Rc<RefCell<Shared>>,
    done: Rc<RefCell<Done>>,
    realm: Sym,
    tick_ms: u32,
    sizes: Sizes,
}

/// What an operator and the installer of its worker have in common.
#[derive(Default)]
struct Shared {
    /// What is to be built.
    wanted: Option<Wanted>,
    /// What has just been built.
    made: Option<Group>,
    /// Wakes the operator that waits for it.
    waiting: Option<Activator>,
}

/// A dataflow that is to be built.
struct Wanted {
    tick: Tick,
    /// Its number.
    dataflow: usize,
    views: Vec<Installed>,
    /// The rows of what they read, on this worker.
    rows: BTreeMap<ViewId, Vec<(Row, Diff)>>,
    clock: Option<ClockNow>,
}

/// A relation that a dataflow reads.
struct Fed {
    kinds: Vec<super::Kind>,
    rows: InputSession<Tick, Packed, Diff>,
}

/// The dataflow of the views of one tick, on one worker.
struct Group {
    relations: BTreeMap<ViewId, Fed>,
    begun: InputSession<Tick, (), Diff>,
    clock: InputHandle<Tick, CapacityContainerBuilder<Vec<ClockNow>>>,
    /// The places of views that are gone from a tick on.
    gone: InputHandle<Tick, CapacityContainerBuilder<Vec<usize>>>,
    /// How many of its views are not gone.
    left: usize,
}

impl Installer {
    /// Builds what is wanted, if anything is; `publish` takes the rows of its views.
    pub fn install(
        &mut self,
        worker: &mut Worker,
        publish: &mut dyn for<'scope> FnMut(VecCollection<'scope, Tick, ViewRow, Diff>),
    ) {
        let Some(wanted) = self.shared.borrow_mut().wanted.take() else { return };
        let group = self.build(worker, wanted, publish);
        let mut shared = self.shared.borrow_mut();
        shared.made = Some(group);
        if let Some(waiting) = &shared.waiting {
            waiting.activate();
        }
    }

    /// What the dataflows of this worker keep.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes.clone()
    }

    fn build(
        &self,
        worker: &mut Worker,
        wanted: Wanted,
        publish: &mut dyn for<'scope> FnMut(VecCollection<'scope, Tick, ViewRow, Diff>),
    ) -> Group {
        let Wanted { tick, dataflow, views, rows, clock: now } = wanted;
        let gauges = Gauges { sizes: self.sizes.clone(), dataflow };
        let (realm, tick_ms, first) = (self.realm, self.tick_ms, worker.index() == 0);
        let mut group = worker.dataflow(|scope| {
            let (clock, clock_stream) = scope.new_input();
            let (gone, gone_stream) = scope.new_input();
            let (mut relations, mut collections) = (BTreeMap::new(), BTreeMap::new());
            for (name, id, kinds) in views.iter().flat_map(|view| view.reads.clone()) {
                let fed = relations.entry(id).or_insert_with(|| Fed { kinds, rows: InputSession::new() });
                collections.entry(name).or_insert_with(|| fed.rows.to_collection(scope));
            }
            let mut begun = InputSession::new();
            let begun_rows = begun.to_collection(scope);
            let alarms = self.done.borrow().alarms.clone();
            let sources = Sources {
                relations: collections,
                begun: begun_rows,
                clock: clock_stream,
                tick_ms,
                alarms,
                gauges,
            };
            let mut dataflows = Dataflows::new(sources);
            let rows = views.iter().enumerate().map(|(place, view)| {
                let kinds = view.plan.kinds.clone();
                dataflows.rows(&view.plan).map(move |row| (place, unpacked(realm, &row, &kinds)))
            });
            let rows: Vec<_> = rows.collect();
            let rows = differential_dataflow::collection::concatenate(scope, rows);
            let rows = shown(rows, gone_stream, views.iter().map(|view| view.id).collect());
            publish(noted(rows, Rc::clone(&self.done)));
            Group { relations, begun, clock, gone, left: views.len() }
        });
        group.advance_to(tick);
        if first {
            group.begun.insert(());
        }
        for (id, rows) in rows {
            let changes = rows.into_iter().map(|(row, diff)| (row, tick, diff));
            group.feed(id, changes);
        }
        if let Some(now) = now {
            group.clock.send(now);
        }
        group
    }
}

impl Group {
    /// Changes of a view that it may read.
    fn feed(&mut self, view: ViewId, rows: impl IntoIterator<Item = (Row, Tick, Diff)>) {
        let Some(fed) = self.relations.get_mut(&view) else { return };
        for (row, tick, diff) in rows {
            fed.rows.update_at(super::run::packed(&row, &fed.kinds), tick, diff);
        }
    }

    /// Nothing more comes before this tick.
    fn advance_to(&mut self, tick: Tick) {
        for fed in self.relations.values_mut() {
            fed.rows.advance_to(tick);
            fed.rows.flush();
        }
        self.begun.advance_to(tick);
        self.begun.flush();
        self.clock.advance_to(tick);
        self.gone.advance_to(tick);
    }
}
