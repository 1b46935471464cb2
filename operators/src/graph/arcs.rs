//! The wires of arcs: events that they name, what they are tested against, and what their beats do.

use timely::dataflow::operators::vec::Map;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Event, Sym};

use super::wires::{broadcast, by_player_or_all};
use super::{Concluded, Entered, Known, Shared, Stream};
use crate::arcs::{ArcsIn, ArcsMachine, ArcsOut, MatchesMachine, gate, kinds_named, quests_named};
use crate::machine::Produced;
use crate::npcs::kind_of_storylet;

impl<'scope> Shared<'_, 'scope> {
    /// All events as they go on, and those that arcs and storylets may need.
    pub(super) fn events_of_arcs(
        &self,
        events: Stream<'scope, Event>,
        defined: &Stream<'scope, DefinitionEdit>,
    ) -> (Stream<'scope, Event>, Stream<'scope, Event>) {
        let named = defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Arc(_, Some(def)) => Some(kinds_named(&def)),
            DefinitionEdit::Storylet(_, Some(def)) => kind_of_storylet(&def).map(|kind| vec![kind]),
            _ => None,
        });
        gate(events, broadcast(named, self.peers, |kinds| kinds))
    }

    /// What both machines of arcs are told; most of it dialogue is told, too.
    pub(super) fn told_arcs(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
    ) -> Vec<Stream<'scope, (u64, ArcsIn)>> {
        let peers = self.peers;
        let edits = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Arc(id, def) => Some((id, def)),
            _ => None,
        });
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, ArcsIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), ArcsIn::Level(now))],
            Concluded::Stands(now) => {
                by_player_or_all(now.holder.scope, now.holder.route(), peers, ArcsIn::Stands(now))
            }
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, ArcsIn::Seen(now.clone()))).collect()
            }
            Concluded::Effect(_) | Concluded::Rule(_) | Concluded::Spread(_) | Concluded::Limits(_) => {
                Vec::new()
            }
        });
        vec![
            broadcast(edits, peers, |(id, def)| ArcsIn::Define(id, def)),
            self.quest_edits(entered, ArcsIn::DefineQuest),
            broadcast(known.clock.clone(), peers, ArcsIn::Clock),
            broadcast(known.weather.clone(), peers, ArcsIn::Weather),
            broadcast(known.tags.clone(), peers, ArcsIn::Entity),
            facts,
            known.players.clone().map(|now| (now.player.hash64(), ArcsIn::Player(now))),
            concluded,
        ]
    }

    pub(super) fn arcs(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        events: Stream<'scope, Event>,
    ) -> Produced<'scope, ArcsOut> {
        let (realm, world, peers) = (self.realm, self.world, self.peers);
        let events = events.map(move |event| {
            let owner = [event.player, event.region].into_iter().find(|key| !key.is_none());
            (owner.unwrap_or(realm).hash64(), ArcsIn::Event(event))
        });
        let told = self.told_arcs(entered, known);
        let mut inputs = told.clone();
        inputs.push(events);
        let matched =
            self.loads.operate(inputs, MatchesMachine::new(realm, world).watching(self.watching.arc));
        let mut inputs = told;
        inputs.push(matched.out.map(|felt| (felt.holder().route(), ArcsIn::Felt(felt))));
        inputs.push(broadcast(entered.closed.clone(), peers, ArcsIn::Close));
        self.loads
            .operate(inputs, ArcsMachine::new(realm, world, (self.index, peers)).watching(self.watching.arc))
    }

    /// The quests that arcs ask about, by a name that no NPC can have.
    pub(super) fn quests_of_arcs(&self, entered: &Entered<'scope>) -> Stream<'scope, (Sym, Vec<Sym>)> {
        entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Arc(id, def) => {
                let quests = def.as_deref().map(quests_named).unwrap_or_default();
                Some((Sym::new(&format!("arc:{id}")), quests))
            }
            _ => None,
        })
    }
}
