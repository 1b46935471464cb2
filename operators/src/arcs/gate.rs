//! Which events arcs may need, beside all events as they go on.
//!
//! Events of a tick wait until its definitions are known, in the lists in which they came; then those of kinds that arcs name are
//! copied. A kind is never given up: an arc that is no more may still be there in a tick that comes late, and the machine knows exactly.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::{Event, Sym, Tick};

type Stream<'scope, D> = StreamVec<'scope, Tick, D>;

/// All events, and those that arcs may need. `named` are the kinds that arcs name, on every worker.
pub(crate) fn gate<'scope>(
    events: Stream<'scope, Event>,
    named: Stream<'scope, (u64, Vec<Sym>)>,
) -> (Stream<'scope, Event>, Stream<'scope, Event>) {
    let mut builder = OperatorBuilder::new("events that arcs need".to_owned(), events.scope());
    let mut events = builder.new_input(events, Pipeline);
    let mut named = builder.new_input(named, Exchange::new(|(worker, _): &(u64, Vec<Sym>)| *worker));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (all_out, all) = builder.new_output();
    let (some_out, some) = builder.new_output();
    let mut all_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Event>>>::from(all_out);
    let mut some_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Event>>>::from(some_out);
    builder.build(move |initial| {
        drop(initial);
        let mut kinds: FxHashSet<Sym> = FxHashSet::default();
        let mut waiting: BTreeMap<Tick, (Vec<Vec<Event>>, [Capability<Tick>; 2])> = BTreeMap::new();
        move |frontiers| {
            named.for_each(|_, data| kinds.extend(data.drain(..).flat_map(|(_, kinds)| kinds)));
            events.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let both = || [0, 1].map(|port| capability.delayed(&tick, port));
                waiting.entry(tick).or_insert_with(|| (Vec::new(), both())).0.push(std::mem::take(data));
            });
            while let Some(entry) = waiting.first_entry() {
                if frontiers[1].less_equal(entry.key()) {
                    break;
                }
                let (lists, [of_all, of_some]) = entry.remove();
                for mut list in lists {
                    let needed = |event: &&Event| kinds.contains(&event.kind);
                    let some: Vec<Event> = match kinds.is_empty() {
                        true => Vec::new(),
                        false => list.iter().filter(needed).cloned().collect(),
                    };
                    if !some.is_empty() {
                        some_out.activate().session(&of_some).give_iterator(some.into_iter());
                    }
                    all_out.activate().session(&of_all).give_container(&mut list);
                }
            }
        }
    });
    (all, some)
}
