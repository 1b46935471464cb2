//! The wires of dialogue: who addresses an NPC, what players choose, and what conditions are tested against.

use timely::dataflow::operators::vec::Map;
use worldflow_schemas::Sym;
use worldflow_schemas::input::DefinitionEdit;

use super::wires::broadcast;
use super::{Entered, Known, Shared, Stream};
use crate::arcs::ArcsIn;
use crate::dialogues::{DialoguesIn, DialoguesMachine, DialoguesOut, Door, quests_named};
use crate::machine::Produced;

impl<'scope> Shared<'_, 'scope> {
    pub(super) fn dialogues(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
    ) -> Produced<'scope, DialoguesOut> {
        let peers = self.peers;
        let nodes = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Dialogue(id, def) => Some((id, def)),
            _ => None,
        });
        let doors = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(id, def) => Some((id, def.as_deref().and_then(Door::of).map(Box::new))),
            _ => None,
        });
        let world = self.told_arcs(entered, known).into_iter();
        let mut inputs: Vec<Stream<'scope, (u64, DialoguesIn)>> = world
            .map(|told| {
                // Arcs themselves matter to nobody here.
                told.flat_map(|(worker, told)| match told {
                    ArcsIn::Define(..) => None,
                    told => Some((worker, DialoguesIn::World(told))),
                })
            })
            .collect();
        inputs.push(broadcast(nodes, peers, |(id, def)| DialoguesIn::Define(id, def)));
        inputs.push(broadcast(doors, peers, |(npc, door)| DialoguesIn::Door(npc, door)));
        inputs.push(
            entered
                .talk
                .clone()
                .map(|event| (event.player.hash64(), DialoguesIn::World(ArcsIn::Event(event)))),
        );
        self.loads.operate(inputs, DialoguesMachine::new(self.realm, self.world))
    }

    /// The quests that dialogue asks about, by a name that no NPC can have.
    pub(super) fn quests_of_dialogues(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Vec<Sym>)> {
        entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Dialogue(id, def) => {
                let quests = def.as_deref().map(quests_named).unwrap_or_default();
                Some((Sym::new(&format!("dialogue:{id}")), quests))
            }
            _ => None,
        })
    }
}
