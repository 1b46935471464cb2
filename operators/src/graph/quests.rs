//! The wires of quests: players' own, and those that are held together.

use std::sync::Arc;

use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::{Filter, Map};
use worldflow_schemas::Sym;
use worldflow_schemas::input::{Command, DefinitionEdit, Holder, Scope};

use super::wires::{broadcast, by_owner, by_player_or_all};
use super::{Concluded, Entered, Known, Shared, Stream};
use crate::machine::Produced;
use crate::npcs::{quests_named, quests_of_prompt, quests_of_storylet};
use crate::quests::{
    Conclusion, GroupsIn, GroupsMachine, PlayersIn, PlayersMachine, PlayersOut, grant_holder,
};

impl<'scope> Shared<'_, 'scope> {
    pub(super) fn players(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
    ) -> Produced<'scope, PlayersOut> {
        let (peers, realm) = (self.peers, self.realm);
        let events = by_owner(entered.events.clone(), peers, move |event| {
            let owner = [event.player, event.region].into_iter().find(|key| !key.is_none());
            owner.unwrap_or(realm).hash64()
        });
        let events = events.map(|(worker, events)| (worker, PlayersIn::Events(events)));
        let facts = known.facts.clone().flat_map(move |now| {
            by_player_or_all(now.holder.scope, now.holder.route(), peers, PlayersIn::Fact(now))
        });
        let concluded = entered.concluded.clone().flat_map(move |concluded| match concluded {
            Concluded::Level(now) => vec![(now.player.hash64(), PlayersIn::Level(now))],
            // Where players stand is known to their own worker, and told for NPCs only.
            Concluded::Stands(now) if now.holder.scope != Scope::Player => {
                (0..peers as u64).map(|worker| (worker, PlayersIn::Stands(now))).collect()
            }
            Concluded::Spread(spread) => vec![(spread.player.hash64(), PlayersIn::Spread(spread))],
            Concluded::Seen(now) => {
                (0..peers as u64).map(|worker| (worker, PlayersIn::Seen(now.clone()))).collect()
            }
            Concluded::Stands(_) | Concluded::Effect(_) | Concluded::Rule(_) | Concluded::Limits(_) => {
                Vec::new()
            }
        });
        let answers = entered.commands.clone().flat_map(|command| match command {
            Command::GrantAnswer(answer) => match grant_holder(&answer.grant) {
                Some(holder) if holder.scope != Scope::Player => None,
                holder => Some((holder.map_or(0, Holder::route), PlayersIn::Answer(answer))),
            },
            _ => None,
        });
        let places = known.players.clone();
        let npcs_ask = entered.defined.clone().flat_map(|edit| match edit {
            DefinitionEdit::Npc(npc, def) => {
                Some((npc, def.as_deref().map(quests_named).unwrap_or_default()))
            }
            DefinitionEdit::Storylet(id, def) => {
                // By a name that no NPC can have.
                let id = Sym::new(&format!("storylet:{id}"));
                Some((id, def.as_deref().map(quests_of_storylet).unwrap_or_default()))
            }
            DefinitionEdit::Prompt(id, def) => {
                let id = Sym::new(&format!("prompt:{id}"));
                Some((id, def.as_deref().map(quests_of_prompt).unwrap_or_default()))
            }
            _ => None,
        });
        let npcs_ask = npcs_ask.concat(self.quests_of_rules(entered)).concat(self.quests_of_arcs(entered));
        let npcs_ask = npcs_ask.concat(self.quests_of_dialogues(entered));
        let inputs = vec![
            events,
            self.quest_edits(entered, PlayersIn::Define),
            broadcast(npcs_ask, peers, |(npc, quests)| PlayersIn::NpcAsks(npc, quests)),
            broadcast(known.clock.clone(), peers, PlayersIn::Clock),
            broadcast(known.weather.clone(), peers, PlayersIn::Weather),
            broadcast(known.tags.clone(), peers, PlayersIn::Tags),
            broadcast(entered.closed.clone(), peers, PlayersIn::Close),
            facts,
            places.map(|now| (now.player.hash64(), PlayersIn::Place(now.player, now.place))),
            concluded,
            answers,
        ];
        let machine =
            PlayersMachine::new(Arc::clone(self.world), realm).watching(self.watching.quest.clone());
        self.loads.operate(inputs, machine)
    }

    pub(super) fn groups(
        &self,
        entered: &Entered<'scope>,
        known: &Known<'scope>,
        players: &Stream<'scope, PlayersOut>,
    ) -> Produced<'scope, Conclusion> {
        let peers = self.peers;
        let told = players.clone().flat_map(|out| match out {
            PlayersOut::Contribution(counted) => {
                Some((counted.holder.route(), GroupsIn::Contribution(counted)))
            }
            PlayersOut::Asked(asked) => Some((asked.holder.route(), GroupsIn::Asked(asked))),
            PlayersOut::Known(holder) => Some((holder.route(), GroupsIn::Known(holder))),
            PlayersOut::Member(member) => Some((member.group.route(), GroupsIn::Member(member))),
            PlayersOut::Together(together) => Some((together.party.route(), GroupsIn::Together(together))),
            PlayersOut::Conclusion(_) => None,
        });
        let facts = known.facts.clone().filter(|now| now.holder.scope != Scope::Player);
        let stands = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Stands(now) if now.holder.scope != Scope::Player => Some(now),
            _ => None,
        });
        let answers = entered.commands.clone().flat_map(|command| match command {
            Command::GrantAnswer(answer) => {
                let holder = grant_holder(&answer.grant).filter(|holder| holder.scope != Scope::Player);
                holder.map(|holder| (holder.route(), GroupsIn::Answer(answer)))
            }
            _ => None,
        });
        let levels = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Level(now) => Some(now),
            _ => None,
        });
        let seen = entered.concluded.clone().flat_map(|concluded| match concluded {
            Concluded::Seen(now) => Some(now),
            _ => None,
        });
        let inputs = vec![
            told,
            broadcast(levels, peers, GroupsIn::Level),
            broadcast(seen, peers, GroupsIn::Seen),
            self.quest_edits(entered, GroupsIn::Define),
            broadcast(known.clock.clone(), peers, GroupsIn::Clock),
            broadcast(known.weather.clone(), peers, GroupsIn::Weather),
            broadcast(known.tags.clone(), peers, GroupsIn::Tags),
            broadcast(facts, peers, GroupsIn::Fact),
            entered.closed.clone().map(|group| (group.route(), GroupsIn::Close(group))),
            broadcast(stands, peers, GroupsIn::Stands),
            answers,
        ];
        let machine = GroupsMachine::new(Arc::clone(self.world), self.realm, self.index, peers);
        self.loads.operate(inputs, machine.watching(self.watching.quest.clone()))
    }
}
