//! Which events views may need, beside all events as they go on.
//!
//! Events of a tick wait here until the definitions of that tick are known, in the lists in which they came: whoever they are for waits
//! for these, too. Then those that some view needs are copied. A kind that is needed no more may still be needed in a tick that
//! comes late, so it is copied until no such tick can come; the machine knows exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use worldflow_schemas::definitions::SqlViewDef;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Event, Sym, Tick};

use super::EventsIn;
use crate::sql::{EVENTS, Kept, Readable, planned};

type Stream<'scope, D> = StreamVec<'scope, Tick, D>;

/// All events, and what the machine that keeps some of them is told, with its route. `edits` are those of views, on every worker.
pub(crate) fn gate<'scope>(
    events: Stream<'scope, Event>,
    edits: Stream<'scope, (u64, DefinitionEdit)>,
    views: Readable,
    tick_ms: u32,
    route: u64,
) -> (Stream<'scope, Event>, Stream<'scope, (u64, EventsIn)>) {
    let scope = events.scope();
    let tells = scope.index() == 0;
    let mut builder = OperatorBuilder::new("events that views need".to_owned(), scope);
    let mut events = builder.new_input(events, Pipeline);
    let mut edits = builder.new_input(edits, Exchange::new(|(worker, _): &(u64, DefinitionEdit)| *worker));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (all_out, all) = builder.new_output();
    let (kept_out, kept) = builder.new_output();
    let mut all_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<Event>>>::from(all_out);
    let mut kept_out = OutputBuilder::<Tick, CapacityContainerBuilder<Vec<(u64, EventsIn)>>>::from(kept_out);
    builder.build(move |initial| {
        drop(initial);
        let mut needs = Needs {
            views,
            tick_ms,
            texts: BTreeMap::new(),
            now: Kept::default(),
            wide: Kept::default(),
            changed: None,
        };
        let mut edited: BTreeMap<Tick, (Vec<DefinitionEdit>, Capability<Tick>)> = BTreeMap::new();
        let mut waiting: BTreeMap<Tick, (Vec<Vec<Event>>, [Capability<Tick>; 2])> = BTreeMap::new();
        move |frontiers| {
            edits.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let at = edited.entry(tick).or_insert_with(|| (Vec::new(), capability.delayed(&tick, 1)));
                at.0.extend(data.drain(..).map(|(_, edit)| edit));
            });
            events.for_each(|capability, data| {
                let tick = *capability.least().expect("a message has a time");
                let both = || [0, 1].map(|port| capability.delayed(&tick, port));
                waiting.entry(tick).or_insert_with(|| (Vec::new(), both())).0.push(std::mem::take(data));
            });
            while let Some(entry) = edited.first_entry() {
                if frontiers[1].less_equal(entry.key()) {
                    break;
                }
                let (tick, (edits, capability)) = entry.remove_entry();
                if needs.edit(tick, edits) && tells {
                    kept_out
                        .activate()
                        .session(&capability)
                        .give((route, EventsIn::Needed(needs.now.clone())));
                }
            }
            while let Some(entry) = waiting.first_entry() {
                if frontiers[1].less_equal(entry.key()) {
                    break;
                }
                let (lists, [of_all, of_kept]) = entry.remove();
                for mut list in lists {
                    let some = needs.some_of(&list);
                    if !some.is_empty() {
                        kept_out.activate().session(&of_kept).give((route, EventsIn::Events(some)));
                    }
                    all_out.activate().session(&of_all).give_container(&mut list);
                }
            }
            if needs.changed.is_some_and(|tick| !frontiers[0].less_equal(&tick)) {
                needs.narrow();
            }
        }
    });
    (all, kept)
}

/// What views need, as they are edited.
struct Needs {
    views: Readable,
    tick_ms: u32,
    texts: BTreeMap<String, Arc<SqlViewDef>>,
    now: Kept,
    /// With what was needed in ticks of which events may still come.
    wide: Kept,
    /// The last tick that changed it, until all events before it have come.
    changed: Option<Tick>,
}

impl Needs {
    /// Takes the edits of a tick; says whether other events are needed from then on.
    fn edit(&mut self, tick: Tick, edits: Vec<DefinitionEdit>) -> bool {
        for edit in edits {
            match edit {
                DefinitionEdit::View(name, Some(def)) => {
                    drop(self.texts.insert(name.as_str().to_owned(), def))
                }
                DefinitionEdit::View(name, None) => drop(self.texts.remove(name.as_str())),
                _ => {}
            }
        }
        let names = |def: &Arc<SqlViewDef>| def.sql.to_ascii_lowercase().contains(EVENTS);
        let now = if self.texts.values().any(names) {
            let (views, _) = planned(&self.texts, &self.views, self.tick_ms);
            Kept::by(views.iter().map(|view| &view.plan))
        } else {
            Kept::default()
        };
        if now == self.now {
            return false;
        }
        self.wide.widen(&now);
        (self.now, self.changed) = (now, Some(tick));
        true
    }

    /// Nothing comes any more of the ticks before the last change.
    fn narrow(&mut self) {
        (self.wide, self.changed) = (self.now.clone(), None);
    }

    fn some_of(&self, events: &[Event]) -> Vec<Event> {
        if self.wide.is_nothing() {
            return Vec::new();
        }
        let needed = |kind: Sym| self.wide.for_ms(kind).is_some();
        events.iter().filter(|event| needed(event.kind)).cloned().collect()
    }
}
