//! The kinds of wires: by owner, to every worker, aside, and base state on its way back.

use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concatenate;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{Operator, OutputBuilder};
use timely::dataflow::operators::vec::{Filter, Map};
use worldflow_schemas::base::BaseRow;
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Event, Tick};

use super::Stream;
use crate::machine::{Machine, Produced, Told, operate};

/// Base state on its way back to the operators.
pub(super) struct Loads<'scope> {
    pub(super) rows: Stream<'scope, BaseRow>,
    pub(super) peers: usize,
    pub(super) keeps_base: bool,
}

impl<'scope> Loads<'scope> {
    /// Runs a machine over its routed inputs and its own pieces of base state.
    pub(super) fn operate<M: Machine>(
        &self,
        inputs: Vec<Stream<'scope, (u64, M::In)>>,
        machine: M,
    ) -> Produced<'scope, M::Out> {
        let scope = self.rows.scope();
        let pieces = self.rows.clone().filter(|row| &*row.operator == M::NAME);
        let pieces = pieces.map(|row| (row.route.hash64(), Told::Load(row)));
        let peers = self.peers as u64;
        // All pieces enter in one tick; the first of them, whosever it is, announces the load.
        let mut announced = false;
        let loaded = self.rows.clone().flat_map(move |_| {
            let workers = if announced { 0..0 } else { 0..peers };
            announced = true;
            workers.map(|worker| (worker, Told::Loaded))
        });
        let inputs = scope.concatenate(inputs).map(|(route, input)| (route, Told::Input(input)));
        operate(scope.concatenate([inputs, pieces, loaded]), machine, self.keeps_base)
    }
}

/// Everything goes on as it is, and the few that are `wanted` are copied. A stream that goes two ways
/// would be copied whole.
pub(super) fn set_aside<'scope, D: Clone + 'static>(
    stream: Stream<'scope, D>,
    wanted: impl Fn(&D) -> bool + 'static,
) -> (Stream<'scope, D>, Stream<'scope, D>) {
    let mut builder = OperatorBuilder::new("set aside".to_owned(), stream.scope());
    let mut input = builder.new_input(stream, Pipeline);
    let (all_out, all) = builder.new_output();
    let (some_out, some) = builder.new_output();
    let mut all_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<D>>>::from(all_out);
    let mut some_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<D>>>::from(some_out);
    builder.build(move |_| {
        move |_frontiers| {
            input.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let some: Vec<_> = data.iter().filter(|item| wanted(item)).cloned().collect();
                if !some.is_empty() {
                    some_out
                        .activate()
                        .session(&capability.delayed(&tick, 1))
                        .give_iterator(some.into_iter());
                }
                all_out.activate().session(&capability.delayed(&tick, 0)).give_container(data);
            });
        }
    });
    (all, some)
}

/// One copy for every worker.
pub(super) fn broadcast<'scope, D: Clone + 'static, I: ExchangeData + Clone>(
    stream: Stream<'scope, D>,
    peers: usize,
    make: impl Fn(D) -> I + 'static,
) -> Stream<'scope, (u64, I)> {
    let peers = peers as u64;
    stream.flat_map(move |item| {
        let input = make(item);
        (0..peers).map(move |worker| (worker, input.clone()))
    })
}

/// Lists of events for the workers that own them: every event of the world passes here, and a list is
/// handed on whole.
pub(super) fn by_owner<'scope>(
    events: Stream<'scope, Event>,
    peers: usize,
    owner: impl Fn(&Event) -> u64 + 'static,
) -> Stream<'scope, (u64, Vec<Event>)> {
    type Builder = CapacityContainerBuilder<Vec<(u64, Vec<Event>)>>;
    events.unary::<Builder, _, _, _>(Pipeline, "events by owner", move |_, _| {
        move |input, output| {
            input.for_each(|capability, events| {
                let mut session = output.session(&capability);
                if peers == 1 {
                    return session.give((0, std::mem::take(events)));
                }
                let fair = events.len() / peers + events.len() / 8;
                let mut lists: Vec<Vec<Event>> = (0..peers).map(|_| Vec::with_capacity(fair)).collect();
                for event in events.drain(..) {
                    let worker = owner(&event) % peers as u64;
                    lists[usize::try_from(worker).expect("fewer workers than addresses")].push(event);
                }
                session.give_iterator((0..).zip(lists).filter(|(_, list)| !list.is_empty()));
            });
        }
    })
}

/// A player's go to the player's worker; the realm's and the regions' are broadcast.
pub(super) fn by_player_or_all<I: Clone>(scope: Scope, route: u64, peers: usize, input: I) -> Vec<(u64, I)> {
    match scope {
        Scope::Player => vec![(route, input)],
        _ => (0..peers as u64).map(|worker| (worker, input.clone())).collect(),
    }
}
