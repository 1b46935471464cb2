//! The tap: what goes by is kept and fed to the dataflows of views, in the order of ticks. Each tick that feeds them has a ticket,
//! if anybody asks for their rows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use worldflow_schemas::catalog::{self, CATALOG, CatalogEdit, ViewId};
use worldflow_schemas::definitions::SqlViewDef;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Diff, EventId, Row, Sym, Tick};

use super::defined::{Changes, DefinedViews};
use super::returned::{Change, Done, returned};
use super::{Group, Installer, Shared, Wanted};
use crate::kept_rows::KeptRows;
use crate::machine::ViewRow;
use crate::messages::{ClockNow, Refused};
use crate::sql::error::SqlError;
use crate::sql::events::Readable;
use crate::sql::sizes::Sizes;

/// What every worker is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// What the world clock says.
    Clock(ClockNow),
    /// An edit of a view.
    Edit(DefinitionEdit),
    /// The views that a definition asks for.
    Asks(Vec<Sym>),
}

/// What the tap gives.
pub(crate) struct Tapped<'scope> {
    /// The rows, untouched.
    pub(crate) rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    /// Changes of the catalog, with their ticks.
    pub(crate) catalog: StreamVec<'scope, Tick, (CatalogEdit, Tick)>,
    /// Rows of views in SQL that are asked for.
    pub(crate) returned: StreamVec<'scope, Tick, Change>,
    /// Views whose text is wrong.
    pub(crate) refused: StreamVec<'scope, Tick, Refused>,
    /// Builds what the tap asks for.
    pub(crate) installer: Installer,
}

/// Of which realm, and what views of it can read.
pub(crate) struct Tapping {
    pub(crate) realm: Sym,
    pub(crate) tick_ms: u32,
    pub(crate) readable: Readable,
    /// Views that are asked for from the first tick on.
    pub(crate) asked_by_world: Vec<Sym>,
    /// Where it is said what is kept for views.
    pub(crate) sizes: Sizes,
}

#[derive(Default)]
struct AtTick {
    rows: Vec<(ViewId, Row, Diff)>,
    clock: Option<ClockNow>,
    edits: Vec<(Sym, Option<Arc<SqlViewDef>>)>,
    asks: Vec<Sym>,
    /// Of the catalog's output.
    capability: Option<Capability<Tick>>,
    /// Of the tickets.
    ticket: Option<Capability<Tick>>,
    /// Of refused views.
    refusal: Option<Capability<Tick>>,
}

/// Taps the rows of the catalog's views, and takes the events that are kept for views. `told` says of each message to which worker it
/// goes.
pub(crate) fn tap<'scope>(
    tapping: Tapping,
    rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    events: VecCollection<'scope, Tick, ViewRow, Diff>,
    told: StreamVec<'scope, Tick, (u64, Told)>,
) -> Tapped<'scope> {
    let Tapping { realm, tick_ms, readable, asked_by_world, sizes } = tapping;
    let scope = rows.inner.scope();
    let (peers, refuses) = (scope.peers() as u64, scope.index() == 0);
    let mut builder = OperatorBuilder::new("tap".to_owned(), scope);
    let mut input = builder.new_input(rows.inner, Pipeline);
    let mut told = builder.new_input(told, Exchange::new(|(worker, _): &(u64, Told)| *worker));
    let mut events = builder.new_input(events.inner, Pipeline);
    let (rows_out, rows) = builder.new_output();
    let (catalog_out, catalog) = builder.new_output();
    let (tickets_out, tickets) = builder.new_output();
    let (refused_out, refused) = builder.new_output();
    let mut rows_out =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(ViewRow, Tick, Diff)>>>::from(rows_out);
    let mut catalog_out =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(CatalogEdit, Tick)>>>::from(catalog_out);
    let mut tickets_out =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(u64, Vec<Sym>)>>>::from(tickets_out);
    let mut refused_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Refused>>>::from(refused_out);
    let shared = Rc::new(RefCell::new(Shared::default()));
    let done = Rc::new(RefCell::new(Done::default()));
    let activator = scope.activator_for(builder.operator_info().address);
    shared.borrow_mut().waiting = Some(activator);
    let installer = Installer {
        shared: Rc::clone(&shared),
        done: Rc::clone(&done),
        realm,
        tick_ms,
        sizes: sizes.clone(),
    };
    let of_tap = Rc::clone(&done);
    builder.build(move |initial| {
        drop(initial);
        let mut waiting: BTreeMap<Tick, AtTick> = BTreeMap::new();
        let defined = DefinedViews::new(tick_ms, readable);
        let mut tap = Tap::new(defined, shared, (of_tap, sizes), asked_by_world);
        move |frontiers| {
            input.for_each(|capability, data| {
                touch(data);
                for ((view, row), tick, diff) in data.iter() {
                    if view.index() < CATALOG.len() && view.def().deterministic {
                        let at = waiting.entry(*tick).or_default();
                        at.rows.push((*view, row.clone(), *diff));
                        at.ticket.get_or_insert_with(|| capability.delayed(tick, 2));
                    }
                }
                let tick = *capability.least().expect("a message has a time");
                rows_out.activate().session(&capability.delayed(&tick, 0)).give_container(data);
            });
            events.for_each(|capability, data| {
                for ((view, row), tick, diff) in data.drain(..) {
                    let at = waiting.entry(tick).or_default();
                    at.rows.push((view, row, diff));
                    at.ticket.get_or_insert_with(|| capability.delayed(&tick, 2));
                }
            });
            told.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let at = waiting.entry(tick).or_default();
                for (_, told) in data.drain(..) {
                    match told {
                        Told::Clock(now) => at.clock = Some(now),
                        Told::Edit(DefinitionEdit::View(name, def)) => at.edits.push((name, def)),
                        Told::Edit(_) => {}
                        Told::Asks(views) => at.asks.extend(views),
                    }
                }
                if at.capability.is_none() {
                    at.capability = Some(capability.delayed(&tick, 1));
                }
                at.ticket.get_or_insert_with(|| capability.delayed(&tick, 2));
                if refuses {
                    at.refusal.get_or_insert_with(|| capability.delayed(&tick, 3));
                }
            });
            tap.take_made();
            while !tap.is_waiting() {
                let Some(entry) = waiting.first_entry() else { break };
                let tick = *entry.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&tick)) {
                    break;
                }
                let mut at = entry.remove();
                let (capability, ticket, refusal) =
                    (at.capability.take(), at.ticket.take(), at.refusal.take());
                if let Some((named, ticket)) = tap.ask(std::mem::take(&mut at.asks)).zip(ticket) {
                    let all = (0..peers).map(|worker| (worker, named.clone()));
                    tickets_out.activate().session(&ticket).give_iterator(all);
                }
                let (edits, problems) = tap.step(tick, at);
                if let Some(refusal) = refusal {
                    refused_out
                        .activate()
                        .session(&refusal)
                        .give_iterator(problems.into_iter().map(wrong_view));
                }
                if let Some(capability) = capability {
                    let edits = edits.into_iter().map(|edit| (edit, tick));
                    catalog_out.activate().session(&capability).give_iterator(edits);
                    // The tick is not over before its dataflow is built.
                    tap.hold(capability);
                }
            }
            let reached = frontiers.iter().map(|frontier| frontier.frontier().first().copied());
            let reached = reached.map(|tick| tick.unwrap_or(Tick::MAX)).min().unwrap_or(Tick::MAX);
            tap.advance_to(waiting.keys().next().map_or(reached, |next| reached.min(*next)));
        }
    });
    Tapped { rows: rows.as_collection(), catalog, returned: returned(tickets, done), refused, installer }
}

/// Looks at rows before they are cloned. A processor fetches many at once where they are only read, and one after the other where
/// they are counted.
fn touch(changes: &[(ViewRow, Tick, Diff)]) {
    let hashes = changes.iter().map(|((_, row), ..)| row.hash128());
    std::hint::black_box(hashes.fold(0, |all, hash| all ^ hash));
}

/// A view whose text is wrong, as whoever looks at rejections is told.
fn wrong_view((view, error): (String, SqlError)) -> Refused {
    let SqlError { line, column, message, hint, .. } = error;
    Refused {
        source: Sym::new("views"),
        id: EventId::Named(view.as_str().into()),
        code: Sym::new("wrong_view"),
        reason: format!("the view `{view}`, {line}:{column}: {message}"),
        hint,
        current: None,
    }
}

/// What is kept on a worker.
struct Tap {
    shared: Rc<RefCell<Shared>>,
    done: Rc<RefCell<Done>>,
    /// Views that are asked for and of which no ticket has said so.
    asked_anew: Vec<Sym>,
    /// All that have been asked for. They are never fewer: who no longer asks may still wait for a tick.
    asked: FxHashSet<Sym>,
    defined: DefinedViews,
    /// The rows of the views that can be read.
    rows: KeptRows,
    clock: Option<ClockNow>,
    groups: BTreeMap<usize, Group>,
    /// The dataflow that is being built, and the tick that waits for it.
    building: Option<(usize, Tick)>,
    held: Option<Capability<Tick>>,
    sizes: Sizes,
}

impl Tap {
    fn new(
        defined: DefinedViews,
        shared: Rc<RefCell<Shared>>,
        (done, sizes): (Rc<RefCell<Done>>, Sizes),
        asked: Vec<Sym>,
    ) -> Tap {
        let (rows, groups) = Default::default();
        let mut tap = Tap {
            shared,
            done,
            asked_anew: Vec::new(),
            asked: FxHashSet::default(),
            defined,
            rows,
            clock: None,
            groups,
            building: None,
            held: None,
            sizes,
        };
        tap.note_asked(asked);
        tap
    }

    fn note_asked(&mut self, views: Vec<Sym>) {
        for view in views {
            // Rows of built-in views do not come from dataflows of views.
            if catalog::view(view.as_str()).is_none() && self.asked.insert(view) {
                self.asked_anew.push(view);
            }
        }
    }

    /// What the ticket of a tick says; none where nobody asks for any view.
    fn ask(&mut self, views: Vec<Sym>) -> Option<Vec<Sym>> {
        self.note_asked(views);
        (!self.asked.is_empty()).then(|| std::mem::take(&mut self.asked_anew))
    }

    fn is_waiting(&self) -> bool {
        self.building.is_some()
    }

    fn hold(&mut self, capability: Capability<Tick>) {
        if self.is_waiting() {
            self.held = Some(capability);
        }
    }

    /// Takes the dataflow that has been built.
    fn take_made(&mut self) {
        let made = self.shared.borrow_mut().made.take();
        if let (Some(group), Some((number, _))) = (made, self.building) {
            self.groups.insert(number, group);
            (self.building, self.held) = (None, None);
        }
    }

    /// A tick that is complete. Says what changes in the catalog, and which texts are wrong.
    fn step(&mut self, tick: Tick, at: AtTick) -> (Vec<CatalogEdit>, Vec<(String, SqlError)>) {
        if let Some(now) = at.clock {
            for group in self.groups.values_mut() {
                group.clock.advance_to(tick);
                group.clock.send(now.clone());
            }
            self.clock = Some(now);
        }
        for group in self.groups.values_mut() {
            for (view, row, diff) in &at.rows {
                group.feed(*view, [(row.clone(), tick, *diff)]);
            }
        }
        self.rows.add(at.rows);
        if at.edits.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let Changes { installed, group, gone, catalog, problems } = self.defined.edit(at.edits);
        for (number, place) in gone {
            if let Some(group) = self.groups.get_mut(&number) {
                group.gone.advance_to(tick);
                group.gone.send(place);
                group.left -= 1;
            }
        }
        // A dataflow without inputs ends when it has done what it was given.
        self.groups.retain(|_, group| group.left > 0);
        if !installed.is_empty() {
            let read = installed.iter().flat_map(|view| &view.reads).map(|(_, id, _)| *id);
            let kept = read.map(|id| {
                let rows = self.rows.of(id);
                (id, rows.map(|(row, diff)| (row.clone(), diff)).collect())
            });
            let (rows, clock) = (kept.collect(), self.clock.clone());
            installed.iter().for_each(|view| self.sizes.runs(view.id.def().name, group));
            let wanted = Wanted { tick, dataflow: group, rows, views: installed, clock };
            self.shared.borrow_mut().wanted = Some(wanted);
            self.building = Some((group, tick));
        }
        (catalog, problems)
    }

    /// Nothing more comes before this tick, unless one waits for its dataflow.
    fn advance_to(&mut self, tick: Tick) {
        let fed = self.building.map_or(tick, |(_, waits)| tick.min(waits));
        let tick = self.building.map_or(tick, |(_, waits)| tick.min(waits + 1));
        if tick == Tick::MAX {
            self.groups.clear();
        }
        for group in self.groups.values_mut() {
            group.advance_to(tick);
        }
        let mut done = self.done.borrow_mut();
        if done.fed != fed {
            done.fed = fed;
            done.wake();
        }
    }
}
