//! The contract between the runtime and the graph it runs.
//!
//! A graph is built once on every worker by [`BuildGraph`]. It takes three inputs, and hands its
//! collections to [`WorkerOutputs`], which gathers what a step produced on this worker and how far
//! each output's frontier has come. Outputs never block the graph.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::VecCollection;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{InputHandle, StreamVec};
use timely::worker::Worker;
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::catalog::{self, CatalogEdit, ViewId};
use worldflow_schemas::input::{Command, Current, DefinitionEdit};
use worldflow_schemas::{Diff, Event, EventId, Row, Sym, Tick};

use crate::defined::Defined;
use crate::view_changes::ViewChanges;

/// An input of the graph: vectors go in whole.
pub type Input<D> = InputHandle<Tick, CapacityContainerBuilder<Vec<D>>>;

/// The inputs of the graph on one worker.
pub struct GraphIo {
    /// Events of the game. Every event enters on exactly one worker, whichever.
    pub events: Input<Event>,
    /// Other inputs. As events.
    pub commands: Input<Command>,
    /// Base state given back, at the tick of the snapshot; all of it enters on worker 0.
    pub loads: Input<BaseRow>,
    /// Called between the steps of the worker: a graph that builds more dataflows does it there, the same ones in
    /// the same order on every worker.
    pub between_steps: Option<BetweenSteps>,
}

/// What a graph does between the steps of a worker.
pub type BetweenSteps = Box<dyn FnMut(&mut Worker)>;

/// Builds the graph on a worker.
pub trait BuildGraph: Send + Sync + 'static {
    /// Builds one copy; every worker must build the same.
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo;
}

impl<F> BuildGraph for F
where
    F: Fn(&mut Worker, WorkerOutputs) -> GraphIo + Send + Sync + 'static,
{
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        self(worker, outputs)
    }
}

/// Something refused by the graph: a row of `rejections`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The producer of the input.
    pub source: Sym,
    /// The input's id.
    pub id: EventId,
    /// A stable code.
    pub code: Sym,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// Of a write that expected another version: what is there.
    pub current: Option<Box<Current>>,
}

/// What one worker's graph has produced since it was last asked: all of its share of each tick.
#[derive(Debug, Default)]
pub struct Produced {
    /// Changes of rows of views by tick.
    pub rows: Vec<(Tick, Vec<ViewChanges>)>,
    /// Changes of base state.
    pub base: Vec<(BaseChange, Tick)>,
    /// Refused inputs.
    pub refusals: Vec<(Refused, Tick)>,
    /// Changes of the catalog.
    pub catalog: Vec<(CatalogEdit, Tick)>,
}

/// Changes of rows, gathered by their views: by number those that are built in.
#[derive(Debug, Default)]
struct ByView {
    built_in: Vec<Vec<(Row, Diff)>>,
    own: BTreeMap<ViewId, Vec<(Row, Diff)>>,
}

impl ByView {
    fn push(&mut self, view: ViewId, row: Row, diff: Diff) {
        if !view.is_built_in() {
            return self.own.entry(view).or_default().push((row, diff));
        }
        let place = view.index();
        if self.built_in.len() <= place {
            self.built_in.resize_with(place + 1, Vec::new);
        }
        self.built_in[place].push((row, diff));
    }

    fn consolidated(self) -> Vec<ViewChanges> {
        let views = catalog::ids().zip(self.built_in).chain(self.own);
        let views = views.filter(|(_, rows)| !rows.is_empty());
        views.map(|(view, rows)| ViewChanges::new(view, rows)).collect()
    }
}

/// Where a graph puts its collections, on one worker. Cheap to clone.
#[derive(Clone, Default)]
pub struct WorkerOutputs {
    rows: Rc<RefCell<BTreeMap<Tick, ByView>>>,
    base: Rc<RefCell<Vec<(BaseChange, Tick)>>>,
    refusals: Rc<RefCell<Vec<(Refused, Tick)>>>,
    catalog: Rc<RefCell<Vec<(CatalogEdit, Tick)>>>,
    frontiers: Rc<RefCell<Vec<Rc<Cell<Tick>>>>>,
    defined: Defined,
    without_base: bool,
}

impl WorkerOutputs {
    /// Outputs of a realm that keeps no snapshots, unless `keeps_base`.
    pub(crate) fn new(keeps_base: bool) -> WorkerOutputs {
        WorkerOutputs { without_base: !keeps_base, ..WorkerOutputs::default() }
    }

    /// The same, and the definitions that are loaded are noted there.
    pub(crate) fn noting(self, defined: &Defined) -> WorkerOutputs {
        WorkerOutputs { defined: defined.clone(), ..self }
    }

    /// Whether anybody wants changes of base state.
    #[must_use]
    pub fn keeps_base(&self) -> bool {
        !self.without_base
    }

    /// Publishes changes of rows of views. May be called several times. A row is of a view that is in the catalog
    /// from that tick on; others go nowhere.
    pub fn rows(&self, rows: VecCollection<'_, Tick, (ViewId, Row), Diff>) {
        let gathered = Rc::clone(&self.rows);
        self.sink("view rows", rows.inner, move |data: &mut Vec<((ViewId, Row), Tick, Diff)>| {
            let mut gathered = gathered.borrow_mut();
            let mut data = data.drain(..).peekable();
            // A message is mostly of one tick.
            while let Some((_, tick, _)) = data.peek() {
                let tick = *tick;
                let views = gathered.entry(tick).or_default();
                while let Some(((view, row), _, diff)) = data.next_if(|(_, next, _)| *next == tick) {
                    views.push(view, row, diff);
                }
            }
        });
    }

    /// Keeps changes of base state for snapshots. May be called several times.
    pub fn base(&self, changes: StreamVec<'_, Tick, (BaseChange, Tick)>) {
        self.gather("base changes", changes, &self.base);
    }

    /// Changes the realm's catalog, from the tick of each change on. May be called several times. All changes of a
    /// tick act together, before its rows; of those of one name there is to be one, or all the same.
    ///
    /// When a name gets another view, or none, the former's rows are gone with it: the graph need not take them
    /// back, and what it still says of them is passed over. Base state that is loaded is told of here too, at the tick
    /// of the load: the catalog of a realm is what its graph says.
    pub fn catalog(&self, edits: StreamVec<'_, Tick, (CatalogEdit, Tick)>) {
        self.gather("changes of the catalog", edits, &self.catalog);
    }

    /// Notes definitions that were loaded, for edges: those of later ticks are noted by the sequencer.
    pub fn loaded_definitions(&self, edits: StreamVec<'_, Tick, DefinitionEdit>) {
        let defined = self.defined.clone();
        self.sink("loaded definitions", edits, move |edits| defined.loaded(edits));
    }

    /// Publishes refused inputs with their ticks. May be called several times.
    pub fn refusals(&self, refusals: StreamVec<'_, Tick, (Refused, Tick)>) {
        self.gather("refusals", refusals, &self.refusals);
    }

    /// Hands over what else the graph says, a tick at a time and in their order, before a tick counts as finished.
    pub fn aside<D: Clone + 'static>(
        &self,
        name: &str,
        stream: StreamVec<'_, Tick, D>,
        mut told: impl FnMut(Tick, Vec<D>) + 'static,
    ) {
        let reached = Rc::new(Cell::new(0));
        self.frontiers.borrow_mut().push(Rc::clone(&reached));
        let mut waiting: BTreeMap<Tick, Vec<D>> = BTreeMap::new();
        let mut builder = OperatorBuilder::new(name.to_owned(), stream.scope());
        let mut input = builder.new_input(stream, Pipeline);
        builder.build(move |_| {
            move |frontiers| {
                input.for_each(|capability, data| {
                    let tick = *capability.least().expect("a message has a time");
                    waiting.entry(tick).or_default().append(data);
                });
                let end = frontiers[0].frontier().first().copied();
                while let Some(first) = waiting.first_entry()
                    && end.is_none_or(|end| *first.key() < end)
                {
                    let (tick, data) = first.remove_entry();
                    told(tick, data);
                }
                reached.set(end.unwrap_or(Tick::MAX));
            }
        });
    }

    fn gather<D: Clone + 'static>(
        &self,
        name: &str,
        stream: StreamVec<'_, Tick, D>,
        gathered: &Rc<RefCell<Vec<D>>>,
    ) {
        let gathered = Rc::clone(gathered);
        self.sink(name, stream, move |data| gathered.borrow_mut().append(data));
    }

    fn sink<D: Clone + 'static>(
        &self,
        name: &str,
        stream: StreamVec<'_, Tick, D>,
        mut take: impl FnMut(&mut Vec<D>) + 'static,
    ) {
        let reached = Rc::new(Cell::new(0));
        self.frontiers.borrow_mut().push(Rc::clone(&reached));
        let mut builder = OperatorBuilder::new(name.to_owned(), stream.scope());
        let mut input = builder.new_input(stream, Pipeline);
        builder.build(move |_| {
            move |frontiers| {
                input.for_each(|_, data| take(data));
                reached.set(frontiers[0].frontier().first().copied().unwrap_or(Tick::MAX));
            }
        });
    }

    /// The least tick at which this worker may still produce something.
    pub(crate) fn frontier(&self) -> Tick {
        self.frontiers.borrow().iter().map(|reached| reached.get()).min().unwrap_or(Tick::MAX)
    }

    /// Takes what has been produced in the ticks before `end`, to which the frontier has come.
    pub(crate) fn take(&self, end: Tick) -> Produced {
        let mut rows = self.rows.borrow_mut();
        let later = rows.split_off(&end);
        let done = std::mem::replace(&mut *rows, later);
        let rows = done.into_iter().map(|(tick, views)| (tick, views.consolidated())).collect();
        let (base, refusals, catalog) = (self.base.take(), self.refusals.take(), self.catalog.take());
        Produced { rows, base, refusals, catalog }
    }
}
