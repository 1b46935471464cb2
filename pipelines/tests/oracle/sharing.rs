//! The evaluator's own reading of `credit`: what events count for others of the player's party.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{Accept, Credit, Pattern, QuestState};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick};

use super::Oracle;
use super::aggregates::counts_events;
use super::counting::settle;

/// An event that counts for another player, with the stages and objectives that accepted it.
#[derive(Clone, Debug)]
pub struct Shared {
    player: Sym,
    quest: String,
    event: Event,
    /// By stage and objective, and what it counted.
    accepted: BTreeSet<(String, String, u64)>,
}

impl Oracle {
    /// Notes for whom an event counts in the next tick.
    pub(super) fn share(&mut self, tick: Tick, event: &Event) {
        let actor = self.place(event.player);
        if event.player.is_none() || actor.party.is_none() {
            return;
        }
        let region = if event.region.is_none() { actor.region } else { event.region };
        let others =
            self.places.iter().filter(|(other, place)| **other != event.player && place.party == actor.party);
        let others: Vec<(Sym, bool)> =
            others.map(|(other, place)| (*other, !region.is_none() && place.region == region)).collect();
        let of_players = self.quests.iter().filter(|(_, def)| def.scope == Scope::Player);
        let mut shared = Vec::new();
        for (quest, def) in of_players.filter(|(_, def)| def.credit != Credit::Own) {
            let mut accepted = BTreeSet::new();
            for (stage, of) in def.stages.iter() {
                for (id, objective) in of.objectives.iter().filter(|(_, of)| counts_events(of, event)) {
                    let pattern = Pattern { within: None, ..objective.pattern() };
                    if self.accepts(tick, &pattern, event, tick) {
                        accepted.insert((stage.to_owned(), id.to_owned(), objective.identity()));
                    }
                }
            }
            for (player, here) in &others {
                if *here || def.credit == Credit::Party {
                    let (player, quest, event) = (*player, quest.to_string(), event.clone());
                    shared.push(Shared { player, quest, event, accepted: accepted.clone() });
                }
            }
        }
        for of in &shared {
            self.look_at(tick + 1, Holder { scope: Scope::Player, id: of.player });
        }
        self.shared.extend(shared);
    }

    /// A player hands a quest on to everyone else of the party.
    pub(super) fn share_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let party = self.place(event.player).party;
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let shares = def.scope == Scope::Player && def.accept == Accept::Offered;
        if event.player.is_none() || party.is_none() || !shares {
            return self.refused += 1;
        }
        if !self.held(Holder { scope: Scope::Player, id: event.player }, quest).state.is_open() {
            return self.refused += 1;
        }
        let places = self.places.iter().filter(|(_, place)| place.party == party);
        let others: Vec<Sym> =
            places.map(|(other, _)| *other).filter(|other| *other != event.player).collect();
        for other in others {
            self.handed.push((other, quest.to_owned()));
            self.look_at(tick + 1, Holder { scope: Scope::Player, id: other });
        }
    }

    /// What was handed on in the tick before is offered, if it is available.
    pub(super) fn offer_handed(&mut self, tick: Tick, player: Sym, quest: &str) {
        let holder = Holder { scope: Scope::Player, id: player };
        let Some(def) = self.quests.get(quest).cloned() else { return };
        let state = self.held(holder, quest).state;
        let taken = state.is_open() || matches!(state, QuestState::Done | QuestState::Offered);
        let offered = def.scope == Scope::Player && def.accept == Accept::Offered;
        if !offered || taken || !self.may_accept(tick, holder, quest) {
            return;
        }
        self.is_offered_now(tick, holder, quest);
    }

    /// Counts what another has done in the tick before.
    pub(super) fn count_shared(&mut self, tick: Tick, shared: &Shared) {
        let holder = Holder { scope: Scope::Player, id: shared.player };
        let Some(def) = self.quests.get(shared.quest.as_str()).cloned() else { return };
        if def.scope != Scope::Player {
            return;
        }
        let held = self.held(holder, &shared.quest).clone();
        if held.state != QuestState::Active {
            return;
        }
        let (stage_name, stage) = &def.stages.0[held.stage];
        let mut accepting = Vec::new();
        for (place, (id, objective)) in stage.objectives.iter().enumerate() {
            let within = objective.within.filter(|_| objective.after.is_none());
            let late = within.is_some_and(|span| tick - held.stage_opened > self.clock.ticks(span));
            let has_role = self.has_role((holder, &shared.quest), &objective.pattern(), &shared.event);
            let accepted = (stage_name.clone(), id.to_owned(), objective.identity());
            if !late && has_role && shared.accepted.contains(&accepted) {
                accepting.push(place);
            }
        }
        for place in self.counting(tick, (holder, &shared.quest), &def, &accepting) {
            self.add_to(tick, &shared.event, (holder, &shared.quest), &def, place);
        }
        settle(&def, self.held(holder, &shared.quest), shared.player);
    }
}
