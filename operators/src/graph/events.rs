//! The wires of the events that views in SQL read.

use timely::dataflow::operators::vec::Filter;
use worldflow_schemas::Event;
use worldflow_schemas::input::DefinitionEdit;

use super::wires::broadcast;
use super::{Shared, Stream};
use crate::events::{EventsMachine, gate};
use crate::machine::Produced;
use crate::messages::Refused;
use crate::sql::{Readable, Sizes, Stage};

impl<'scope> Shared<'_, 'scope> {
    /// All events as they go on, and those that are kept for views.
    pub(super) fn kept_events(
        &self,
        events: Stream<'scope, Event>,
        defined: &Stream<'scope, DefinitionEdit>,
        (readable, sizes): (&Readable, &Sizes),
    ) -> (Stream<'scope, Event>, Produced<'scope, Refused>) {
        let edits = defined.clone().filter(|edit| matches!(edit, DefinitionEdit::View(..)));
        let edits = broadcast(edits, self.peers, |edit| edit);
        let (events, told) = gate(events, edits, readable.clone(), self.world.tick_ms, self.realm.hash64());
        let gauge = sizes.gauge(None, Stage::Events);
        let machine = EventsMachine::new(self.realm, self.world, readable.events, gauge);
        (events, self.loads.operate(vec![told], machine))
    }
}
