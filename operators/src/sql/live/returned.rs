//! Rows of SQL views on their way back into the realm's graph, for rules and conditions that ask for them.
//!
//! ```text
//! tickets (the tap, every tick that feeds a dataflow) ─▶ [wait until the dataflows have done the tick] ─▶ rows of that tick
//!                                    ▲ +1                                │
//!                                    └──── when bounds in time act next ─┘
//! ```
//!
//! The dataflows of views are not connected to the graph, so the graph cannot see that they still work on a tick. A ticket
//! keeps the tick open until they have done it. Rows also come and go by time alone: whoever hears of the next such tick tells every
//! worker, and that tick is kept open, too. Where nobody asks for the rows of any view there are no tickets, and idle ticks
//! cost nothing in either case.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use rustc_hash::{FxHashMap, FxHashSet};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{Operator, OutputBuilder};
use timely::dataflow::operators::{ConnectLoop, Feedback};
use timely::progress::operate::FrontierInterest;
use timely::scheduling::Activator;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Sym, Tick};

use crate::machine::ViewRow;
use crate::sql::run::Alarms;

/// A change of a row of a view in SQL.
pub(crate) type Change = (ViewId, Row, Diff);

/// What the dataflows of one worker have done.
#[derive(Default)]
pub(super) struct Done {
    /// They have been fed everything before this tick.
    pub(super) fed: Tick,
    /// How far each has got.
    frontiers: Vec<Weak<Cell<Tick>>>,
    /// Rows that have not been given back.
    rows: BTreeMap<Tick, Vec<Change>>,
    /// When bounds act next.
    pub(super) alarms: Alarms,
    /// Wakes who gives rows back.
    waiting: Option<Activator>,
}

impl Done {
    /// Everything before this tick has been done.
    fn until(&mut self) -> Tick {
        let mut until = self.fed;
        self.frontiers.retain(|frontier| match frontier.upgrade() {
            Some(frontier) => {
                until = until.min(frontier.get());
                true
            }
            None => false,
        });
        until
    }

    /// Something has been done.
    pub(super) fn wake(&self) {
        if let Some(waiting) = &self.waiting {
            waiting.activate();
        }
    }
}

/// Notes the rows of a dataflow, as they go by, and how far it has got.
pub(super) fn noted<'scope>(
    rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    done: Rc<RefCell<Done>>,
) -> VecCollection<'scope, Tick, ViewRow, Diff> {
    let frontier = Rc::new(Cell::new(0));
    done.borrow_mut().frontiers.push(Rc::downgrade(&frontier));
    let noted = rows.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "noted",
        move |_, _| {
            move |(input, reached), output| {
                let mut done = done.borrow_mut();
                input.for_each(|capability, data: &mut Vec<(ViewRow, Tick, Diff)>| {
                    for ((view, row), tick, diff) in data.iter() {
                        done.rows.entry(*tick).or_default().push((*view, row.clone(), *diff));
                    }
                    output.session(&capability).give_container(data);
                });
                frontier.set(reached.frontier().first().copied().unwrap_or(Tick::MAX));
                done.wake();
            }
        },
    );
    noted.as_collection()
}

/// Permissions to work at a tick: to give back rows, and to say when bounds act next.
type Open = BTreeMap<Tick, ([Capability<Tick>; 2], Vec<Sym>)>;

/// The rows of the views that are asked for. `tickets` say for every worker which views are asked for from their tick on.
pub(super) fn returned<'scope>(
    tickets: StreamVec<'scope, Tick, (u64, Vec<Sym>)>,
    done: Rc<RefCell<Done>>,
) -> StreamVec<'scope, Tick, Change> {
    let scope = tickets.scope();
    let peers = scope.peers() as u64;
    let (handle, next) = scope.feedback::<Vec<(u64, Tick)>>(1);
    let mut builder = OperatorBuilder::new("returned".to_owned(), scope);
    let mut tickets = builder.new_input(tickets, Exchange::new(|(worker, _): &(u64, Vec<Sym>)| *worker));
    let mut next = builder.new_input(next, Exchange::new(|(worker, _): &(u64, Tick)| *worker));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (rows_out, rows) = builder.new_output();
    let (next_out, told) = builder.new_output();
    let mut rows_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Change>>>::from(rows_out);
    let mut next_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(u64, Tick)>>>::from(next_out);
    let address = builder.operator_info().address;
    done.borrow_mut().waiting = Some(scope.activator_for(address));
    builder.build(move |initial| {
        drop(initial);
        let mut open = Open::new();
        let mut views = Views::default();
        move |frontiers| {
            tickets.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let both = || [0, 1].map(|port| capability.delayed(&tick, port));
                let (_, named) = open.entry(tick).or_insert_with(|| (both(), Vec::new()));
                named.extend(data.drain(..).flat_map(|(_, named)| named));
            });
            next.for_each(|capability, data| {
                for (_, tick) in data.drain(..) {
                    let both = || [0, 1].map(|port| capability.delayed(&tick, port));
                    open.entry(tick).or_insert_with(|| (both(), Vec::new()));
                }
            });
            let mut done = done.borrow_mut();
            let until = done.until();
            while let Some(tick) = done.rows.keys().chain(open.keys()).min().copied() {
                if tick >= until || frontiers.iter().any(|frontier| frontier.less_equal(&tick)) {
                    break;
                }
                let changes = done.rows.remove(&tick).unwrap_or_default();
                let Some(([of_rows, of_next], named)) = open.remove(&tick) else {
                    // Nobody has asked for any view until then.
                    views.keep(changes);
                    continue;
                };
                let given = views.give(changes, named);
                rows_out.activate().session(&of_rows).give_iterator(given.into_iter());
                let alarm = done.alarms.first().filter(|alarm| *alarm > tick && !open.contains_key(alarm));
                if let Some(alarm) = alarm {
                    let told = (0..peers).map(|worker| (worker, alarm));
                    next_out.activate().session(&of_next).give_iterator(told);
                }
            }
        }
    });
    told.connect_loop(handle);
    rows
}

/// The rows of all views in SQL that one worker has made.
#[derive(Default)]
struct Views {
    rows: FxHashMap<ViewId, FxHashMap<Row, Diff>>,
    asked: FxHashSet<&'static str>,
}

impl Views {
    fn keep(&mut self, changes: Vec<Change>) {
        for (view, row, diff) in changes {
            let rows = self.rows.entry(view).or_default();
            let times = rows.entry(row.clone()).or_default();
            *times += diff;
            if *times == 0 {
                rows.remove(&row);
            }
        }
    }

    /// What is to be told of the changes of a tick; of views that are asked for anew all rows.
    fn give(&mut self, changes: Vec<Change>, named: Vec<Sym>) -> Vec<Change> {
        let known = |(view, ..): &&Change| self.asked.contains(view.def().name);
        let mut given: Vec<Change> = changes.iter().filter(known).cloned().collect();
        self.keep(changes);
        for name in named {
            if !self.asked.insert(name.as_str()) {
                continue;
            }
            for (view, rows) in self.rows.iter().filter(|(view, _)| view.def().name == name.as_str()) {
                given.extend(rows.iter().map(|(row, times)| (*view, row.clone(), *times)));
            }
        }
        given
    }
}
