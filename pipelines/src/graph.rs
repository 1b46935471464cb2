//! Plugs the graph of the operators into the runtime of the engine.

use std::sync::Arc;

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Input as _;
use timely::dataflow::operators::generic::Operator;
use timely::worker::Worker;
use worldflow_engine::graph::{BetweenSteps, BuildGraph, GraphIo, Refused, WorkerOutputs};
use worldflow_engine::worlds::Graphs;
use worldflow_operators::graph::{Inputs, build_watching};
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

impl BuildGraph for WorldGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(self, worker, outputs, None, None)
    }
}

struct MeasuredGraph {
    graph: WorldGraph,
    sizes: ViewSizes,
}

impl BuildGraph for MeasuredGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(&self.graph, worker, outputs, None, Some(&self.sizes))
    }
}

struct TracedGraph {
    graph: WorldGraph,
    tracing: Tracing,
}

impl BuildGraph for TracedGraph {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        built(&self.graph, worker, outputs, Some(&self.tracing), None)
    }
}

fn built(
    graph: &WorldGraph,
    worker: &mut Worker,
    outputs: WorkerOutputs,
    tracing: Option<&Tracing>,
    sizes: Option<&ViewSizes>,
) -> GraphIo {
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
        let graph = build_watching(graph.realm, &graph.world, inputs, tracing.map(|tracing| tracing.watch));
        if let Some((traced, tracing)) = graph.traced.zip(tracing) {
            let told = Arc::clone(&tracing.told);
            outputs.aside("traced", traced, move |tick, traced| told(tick, traced));
        }
        if let Some(sizes) = sizes {
            sizes.add(graph.sql_views.sizes());
        }
        outputs.rows(graph.rows);
        outputs.base(graph.base);
        outputs.catalog(graph.catalog);
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
        outputs.loaded_definitions(graph.loaded_definitions);
