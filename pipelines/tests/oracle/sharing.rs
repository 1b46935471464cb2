//! The evaluator's own reading of `credit`: what events count for others of the player's party.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{Complete, Credit, Pattern, QuestState, Since};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick};

use super::Oracle;
use super::counting::{add, done_by};

/// An event that counts for another player, with the stages and objectives that accepted it.
#[derive(Clone, Debug)]
pub struct Shared {
    player: Sym,
    quest: String,
    event: Event,
    accepted: BTreeSet<(String, String)>,
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
                for (id, objective) in of.objectives.iter().filter(|(_, of)| of.since == Since::Accept) {
                    let pattern = Pattern { within: None, ..objective.pattern() };
                    if self.accepts(tick, &pattern, event, tick) {
                        accepted.insert((stage.to_owned(), id.to_owned()));
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

    /// Counts what another has done in the tick before.
    pub(super) fn count_shared(&mut self, tick: Tick, shared: &Shared) {
        let holder = Holder { scope: Scope::Player, id: shared.player };
        let def = self.quests[shared.quest.as_str()].clone();
        let clock = self.clock.clone();
        let held = self.held(holder, &shared.quest);
        if held.state != QuestState::Active {
            return;
        }
        let (stage_name, stage) = &def.stages.0[held.stage];
        let was_complete = done_by(stage, &held.objectives).is_some();
        let first_undone = held.objectives.iter().position(|progress| !progress.done);
        for (place, (id, objective)) in stage.objectives.iter().enumerate() {
            let late = objective.within.is_some_and(|span| tick - held.stage_opened > clock.ticks(span));
            let waits = stage.complete == Complete::Sequence && first_undone != Some(place);
            let progress = &mut held.objectives[place];
            let named = (stage_name.clone(), id.to_owned());
            if !late && !waits && !progress.done && !progress.hidden && shared.accepted.contains(&named) {
                add(objective, &shared.event, progress);
            }
        }
        if !was_complete && let Some(branch) = done_by(stage, &held.objectives) {
            held.finisher = Some(shared.player);
            held.winner = Some(branch);
        }
    }
}
