//! The wires of NPCs: what they have to say, and what they do about what they sense.

use rustc_hash::FxHashSet;
use timely::dataflow::operators::vec::{Filter, Map};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Command, DefinitionEdit};
use worldflow_schemas::{Event, Sym};

use super::wires::{broadcast, by_player_or_all};
use super::{Concluded, Entered, Known, Shared, Stream, spending, storylet_limits};
use crate::behaviours::{BehavioursIn, BehavioursMachine};
use crate::machine::Produced;
use crate::npcs::{NpcsIn, NpcsMachine, NpcsOut, reply_route};
use crate::spending::SpendingOut;

/// Only an entity that `entities.yaml` declares as an npc can be talked to, or tell what it senses (the check of a world asks it of
/// every definition), so most events are passed over. Which kind of event addresses it is looked at by the
/// machine, since definitions are edited while the graph runs.
pub(super) fn may_be_addressed(world: &WorldDef) -> impl Fn(&Event) -> bool + 'static {
    let speakers = world.entities.iter().filter(|(_, entity)| entity.kind == "npc");
    let speakers: FxHashSet<Sym> = speakers.map(|(id, _)| Sym::new(id)).collect();
    move |event| speakers.contains(&event.target)
}

impl<'scope> Shared<'_, 'scope> {
    pub(super) fn behaviours(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
    ) -> Produced<'scope, ()> {
        let peers = self.peers;
        let edits = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Behaviour(id, def) => Some((id, def)),
            _ => None,
        });
        let inputs = vec![
            broadcast(edits, peers, |(id, def)| BehavioursIn::Define(id, def)),
            broadcast(known.clock.clone(), peers, BehavioursIn::Clock),
            known.tags.clone().map(|tags| (tags.entity.hash64(), BehavioursIn::Entity(tags))),
            entered.talk.clone().map(|event| (event.target.hash64(), BehavioursIn::Event(event))),
        ];
        self.loads.operate(inputs, BehavioursMachine::new(self.realm, self.world.tick_ms))
    }

    pub(super) fn npcs(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        spending: &Stream<'scope, SpendingOut>,
        happened: Stream<'scope, Event>,
    ) -> Produced<'scope, NpcsOut> {
        let peers = self.peers;
        let storylets = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Storylet(id, def) => Some((id, def)),
            _ => None,
        });
        let prompts = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Prompt(id, def) => Some((id, def)),
            _ => None,
        });
        let edits = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(id, def) => Some((id, def)),
            _ => None,
        });
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, NpcsIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), NpcsIn::Level(now))],
            Concluded::Stands(now) => {
                by_player_or_all(now.holder.scope, now.holder.route(), peers, NpcsIn::Quest(now))
            }
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, NpcsIn::Seen(now.clone()))).collect()
            }
            Concluded::Limits(now) => storylet_limits::told(now, peers),
            Concluded::Effect(_) | Concluded::Rule(_) | Concluded::Spread(_) => Vec::new(),
        });
        let replies = entered.commands.clone().flat_map(|command| match command {
            Command::Reply(reply) => Some((reply_route(&reply.request), NpcsIn::Reply(reply))),
            Command::Sentence(said) => Some((reply_route(&said.request), NpcsIn::Sentence(said))),
            Command::Forget(write) => Some((write.player.hash64(), NpcsIn::Forget(write.player))),
            _ => None,
        });
        let inputs = vec![
            broadcast(edits, peers, |(id, def)| NpcsIn::Define(id, def)),
            broadcast(storylets, peers, |(id, def)| NpcsIn::DefineStorylet(id, def)),
            broadcast(prompts, peers, |(id, def)| NpcsIn::DefinePrompt(id, def)),
            broadcast(known.tags.clone(), peers, NpcsIn::Entity),
            self.quest_edits(entered, NpcsIn::DefineQuest),
            broadcast(known.clock.clone(), peers, NpcsIn::Clock),
            broadcast(known.weather.clone(), peers, NpcsIn::Weather),
            facts,
            known.players.clone().map(|now| (now.player.hash64(), NpcsIn::Player(now))),
            concluded,
            entered.talk.clone().map(|event| (event.player.hash64(), NpcsIn::Event(event))),
            happened
                .filter(|event| !event.player.is_none())
                .map(|event| (event.player.hash64(), NpcsIn::Happened(event))),
            replies,
            spending::told(spending, peers),
        ];
        self.loads.operate(inputs, NpcsMachine::new(self.realm, self.world).on(self.index, peers))
    }
}
