//! The shape of every base operator: a sharded state machine that handles one tick at a time.
//!
//! `(route, input) ─exchange→ [wait until the tick is complete] ─step→ rows, base changes, outputs`
//!
//! A [`Machine`] is plain Rust without timely: it is given all inputs of a tick at once, in no
//! particular order, and must sort what matters by value. The driver here buffers inputs until the
//! frontier shows that a tick is complete, steps ticks in order, and holds a capability only for
//! ticks with buffered inputs and for the machine's earliest alarm. A machine is never stepped at a
//! tick without inputs or an alarm, so idle ticks cost nothing.
//!
//! It does not decide what an input means, and it never looks at a wall clock.

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::base::{BaseChange, BaseName, BaseRow};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Tick};

/// A row and the view it belongs to.
pub type ViewRow = (ViewId, Row);

/// What a machine produces in a step.
#[derive(Debug)]
pub struct Output<O> {
    /// Changes of rows of views. Need not be consolidated.
    pub rows: Vec<(ViewRow, Diff)>,
    /// Changes of base state. The last of a key within a tick wins.
    pub base: Vec<BaseChange>,
    /// What other operators are told in the same tick.
    pub out: Vec<O>,
    /// Whether anybody keeps changes of base state; otherwise a machine may leave them out.
    pub keeps_base: bool,
}

impl<O> Default for Output<O> {
    fn default() -> Self {
        Output { rows: Vec::new(), base: Vec::new(), out: Vec::new(), keeps_base: true }
    }
}

impl<O> Output<O> {
    /// Adds a row.
    pub fn insert(&mut self, view: ViewId, row: Row) {
        self.rows.push(((view, row), 1));
    }

    /// Removes a row.
    pub fn remove(&mut self, view: ViewId, row: Row) {
        self.rows.push(((view, row), -1));
    }

    /// Replaces a row, if it differs.
    pub fn replace(&mut self, view: ViewId, old: Option<Row>, new: Option<Row>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.remove(view, old);
        }
        if let Some(new) = new {
            self.insert(view, new);
        }
    }
}

/// A sharded state machine: one shard a worker.
pub trait Machine: 'static {
    /// What it is told. Every shard sees the inputs routed to it.
    type In: ExchangeData + Clone;
    /// What it tells other operators.
    type Out: Clone + 'static;
    /// Its name: of the operator, and of its base state.
    const NAME: BaseName;

    /// Takes back a piece of base state. Called only in the tick of a load, before that tick's
    /// [`Machine::loaded`]; a machine may be given pieces in any order.
    fn load(&mut self, row: BaseRow);

    /// All pieces have been given: emits every row that this state implies, as of the end of
    /// `tick`, and everything that was concluded in `tick` for the next one. Emits no base changes.
    ///
    /// `inputs` are only what other operators re-emit as their state is loaded in the same tick
    /// (clock, weather, facts, places ...): they are to be known, not acted on. Whatever the step
    /// of the next tick would have tested because of this one must be tested there still: an
    /// operator that keeps marks of what to test marks everything.
    fn loaded(&mut self, tick: Tick, inputs: Vec<Self::In>, output: &mut Output<Self::Out>);

    /// Handles a complete tick. `inputs` are in no particular order, and may be empty at an alarm.
    fn step(&mut self, tick: Tick, inputs: Vec<Self::In>, output: &mut Output<Self::Out>);

    /// The next tick, later than the one just stepped, at which it must be stepped even without
    /// inputs.
    fn alarm(&self) -> Option<Tick>;
}

/// An input of a machine's operator, with the hash of the key that owns it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Told<I> {
    /// An input of a tick.
    Input(I),
    /// A piece of base state, in the tick of a load.
    Load(BaseRow),
    /// The end of a load: sent to every shard, so that each emits what its state implies.
    Loaded,
}

/// The collections a machine's operator produces.
pub struct Produced<'scope, O: 'static> {
    /// Changes of rows of views.
    pub rows: VecCollection<'scope, Tick, ViewRow, Diff>,
    /// Changes of base state with their ticks.
    pub base: StreamVec<'scope, Tick, (BaseChange, Tick)>,
    /// What other operators are told.
    pub out: StreamVec<'scope, Tick, O>,
}

/// Runs `machine` over `inputs`, each with the hash that routes it. Changes of base state come only
/// if it `keeps_base`.
pub fn operate<'scope, M: Machine>(
    inputs: StreamVec<'scope, Tick, (u64, Told<M::In>)>,
    mut machine: M,
    keeps_base: bool,
) -> Produced<'scope, M::Out> {
    let scope = inputs.scope();
    let mut builder = OperatorBuilder::new(M::NAME.to_owned(), scope);
    let mut input = builder.new_input(inputs, Exchange::new(|(route, _): &(u64, Told<M::In>)| *route));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    let (rows_out, rows) = builder.new_output();
    let (base_out, base) = builder.new_output();
    let (out_out, out) = builder.new_output();
    let mut rows_out =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(ViewRow, Tick, Diff)>>>::from(rows_out);
    let mut base_out =
        OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(BaseChange, Tick)>>>::from(base_out);
    let mut out_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<M::Out>>>::from(out_out);

    builder.build(move |initial| {
        drop(initial);
        let mut waiting: BTreeMap<Tick, (Vec<Told<M::In>>, Capabilities)> = BTreeMap::new();
        let mut alarm: Option<Capabilities> = None;
        let mut output = Output { keeps_base, ..Output::default() };
        move |frontiers| {
            input.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let (inputs, _) = waiting
                    .entry(tick)
                    .or_insert_with(|| (Vec::new(), [0, 1, 2].map(|port| capability.delayed(&tick, port))));
                inputs.extend(data.drain(..).map(|(_, told)| told));
            });
            loop {
                let next_input = waiting.keys().next().copied();
                let next_alarm = alarm.as_ref().map(|capabilities| *capabilities[0].time());
                let Some(tick) = next_input.into_iter().chain(next_alarm).min() else { break };
                if frontiers[0].less_equal(&tick) {
                    break;
                }
                let (inputs, capabilities) = match waiting.remove(&tick) {
                    Some(ready) => ready,
                    None => (Vec::new(), alarm.take().expect("the tick is an input's or the alarm's")),
                };
                handle(&mut machine, tick, inputs, &mut output);
                alarm = next_alarm_capabilities(machine.alarm(), tick, &capabilities);
                if !output.rows.is_empty() {
                    rows_out
                        .activate()
                        .session(&capabilities[0])
                        .give_iterator(output.rows.drain(..).map(|(row, diff)| (row, tick, diff)));
                }
                if !keeps_base {
                    output.base.clear();
                } else if !output.base.is_empty() {
                    base_out
                        .activate()
                        .session(&capabilities[1])
                        .give_iterator(output.base.drain(..).map(|change| (change, tick)));
                }
                if !output.out.is_empty() {
                    out_out.activate().session(&capabilities[2]).give_iterator(output.out.drain(..));
                }
            }
        }
    });
    Produced { rows: rows.as_collection(), base, out }
}

type Capabilities = [Capability<Tick>; 3];

fn handle<M: Machine>(machine: &mut M, tick: Tick, told: Vec<Told<M::In>>, output: &mut Output<M::Out>) {
    let mut inputs = Vec::with_capacity(told.len());
    let mut loaded = false;
    for told in told {
        match told {
            Told::Input(input) => inputs.push(input),
            Told::Load(row) => machine.load(row),
            Told::Loaded => loaded = true,
        }
    }
    if loaded {
        machine.loaded(tick, inputs, output);
    } else {
        machine.step(tick, inputs, output);
    }
}

fn next_alarm_capabilities(at: Option<Tick>, now: Tick, capabilities: &Capabilities) -> Option<Capabilities> {
    let at = at?;
    assert!(at > now, "an alarm at or before the present tick would never let time go on");
    Some([0, 1, 2].map(|port| capabilities[port].delayed(&at)))
}
