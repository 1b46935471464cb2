//! Plugs the graph of the operators into the runtime of the engine.

use std::sync::Arc;

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Input as _;
use timely::dataflow::operators::generic::Operator;
use timely::worker::Worker;
use worldflow_engine::graph::{BetweenSteps, BuildGraph, GraphIo, Refused, WorkerOutputs};
use worldflow_engine::worlds::Graphs;
use worldflow_operators::arcs::traced::{Traced as TracedArc, Watch as WatchArc};
use worldflow_operators::graph::{Inputs, Watching, build_watching};
use worldflow_operators::messages as operators;
use worldflow_operators::quests::traced::{Traced, Watch};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Sym, Tick};

use crate::explain_view::ViewSizes;

/// The graph of a realm, to be built on every worker.
pub struct WorldGraph {
    /// The realm.
    pub realm: Sym,
    /// Its world.
    pub world: Arc<WorldDef>,
}

/// What is traced in a copy of a realm, and who is told of it, tick by tick.
#[derive(Clone)]
pub struct Tracing {
    /// One quest of one holder.
    pub watch: Watch,
    /// Is told what happened in a tick, of each operator in its order.
    pub told: Arc<dyn Fn(Tick, Vec<Traced>) + Send + Sync>,
}

/// The same of one arc of one holder.
#[derive(Clone)]
pub struct TracingArc {
    /// One arc of one holder.
    pub watch: WatchArc,
    /// Is told what happened in a tick.
    pub told: Arc<dyn Fn(Tick, Vec<TracedArc>) + Send + Sync>,
}

/// The graphs of a realm, whatever its world is or was.
#[must_use]
pub fn graphs(realm: Sym) -> Graphs {
    Graphs::by_world(move |world| Arc::new(WorldGraph { realm, world: Arc::clone(world) }))
}

/// The same, and how much is kept for views in SQL is told.
#[must_use]
pub fn measured_graphs(realm: Sym, sizes: ViewSizes) -> Graphs {
    Graphs::by_world(move |world| {
        let graph = WorldGraph { realm, world: Arc::clone(world) };
        Arc::new(MeasuredGraph { graph, sizes: sizes.clone() })
    })
}

/// The same, in which a quest of one holder is traced. Run it on one worker.
#[must_use]
pub fn traced_graphs(realm: Sym, tracing: Tracing) -> Graphs {
    Graphs::by_world(move |world| {
        let graph = WorldGraph { realm, world: Arc::clone(world) };
        Arc::new(TracedGraph { graph, tracing: tracing.clone() })
    })
}

/// The same, in which an arc of one holder is traced. Run it on one worker.
#[must_use]
pub fn traced_arc_graphs(realm: Sym, tracing: TracingArc) -> Graphs {
    Graphs::by_world(move |world| {
        let graph = WorldGraph { realm, world: Arc::clone(world) };
        Arc::new(TracedArcGraph { graph, tracing: tracing.clone() })
    })
}

impl BuildGraph for WorldGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(self, worker, outputs, Also::default())
    }
}

struct MeasuredGraph {
    graph: WorldGraph,
    sizes: ViewSizes,
}

impl BuildGraph for MeasuredGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(&self.graph, worker, outputs, Also { sizes: Some(&self.sizes), ..Also::default() })
    }
}

struct TracedGraph {
    graph: WorldGraph,
    tracing: Tracing,
}

impl BuildGraph for TracedGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(&self.graph, worker, outputs, Also { quest: Some(&self.tracing), ..Also::default() })
    }
}

struct TracedArcGraph {
    graph: WorldGraph,
    tracing: TracingArc,
}

impl BuildGraph for TracedArcGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(&self.graph, worker, outputs, Also { arc: Some(&self.tracing), ..Also::default() })
    }
}

/// What is told besides.
#[derive(Clone, Copy, Default)]
struct Also<'a> {
    quest: Option<&'a Tracing>,
    arc: Option<&'a TracingArc>,
    sizes: Option<&'a ViewSizes>,
}

fn built(graph: &WorldGraph, worker: &mut Worker, outputs: WorkerOutputs, also: Also<'_>) -> GraphIo {
    worker.dataflow(|scope| {
        let (events, event_stream) = scope.new_input();
        let (commands, command_stream) = scope.new_input();
        let (loads, load_stream) = scope.new_input();
        let inputs = Inputs {
            events: event_stream,
            commands: command_stream,
            loads: load_stream,
            keeps_base: outputs.keeps_base(),
        };
        let watching =
            Watching { quest: also.quest.map(|of| of.watch.clone()), arc: also.arc.map(|of| of.watch) };
        let graph = build_watching(graph.realm, &graph.world, inputs, watching);
        if let Some((traced, tracing)) = graph.traced.zip(also.quest) {
            let told = Arc::clone(&tracing.told);
            outputs.aside("traced", traced, move |tick, traced| told(tick, traced));
        }
        if let Some((traced, tracing)) = graph.traced_arc.zip(also.arc) {
            let told = Arc::clone(&tracing.told);
            outputs.aside("traced arc", traced, move |tick, traced| told(tick, traced));
        }
        if let Some(sizes) = also.sizes {
            sizes.add(graph.sql_views.sizes());
        }
        outputs.rows(graph.rows);
        outputs.base(graph.base);
        outputs.catalog(graph.catalog);
        outputs.loaded_definitions(graph.loaded_definitions);
        let (mut sql_views, of_views) = (graph.sql_views, outputs.clone());
        let between_steps: BetweenSteps =
            Box::new(move |worker| sql_views.install(worker, &mut |rows| of_views.rows(rows)));
        // A refusal is told with its tick, so that a recovery does not tell it again.
        outputs.refusals(graph.refused.unary(Pipeline, "refused at", |_, _| {
            move |input, output| {
                input.for_each(|capability, refused| {
                    let tick = *capability.least().expect("a message has a time");
                    let refused = refused.drain(..).map(|refused| {
                        let operators::Refused { source, id, code, reason, hint, current } = refused;
                        (Refused { source, id, code, reason, hint, current }, tick)
                    });
                    output.session(&capability).give_iterator(refused);
                });
            }
        }));
        GraphIo { events, commands, loads, between_steps: Some(between_steps) }
    })
}
