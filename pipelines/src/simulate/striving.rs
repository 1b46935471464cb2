//! What a player does for a quest that it follows: which objective, whether its time and place have come, and when to give up.

use worldflow_schemas::definitions::{Condition, ObjectiveDef, QuestState, StageDef};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, chance};

use super::board::Who;
use super::crowd::{Crowd, Player, go, quest_event};
use super::gates::Gates;
use super::mail::Mail;
use super::personality::Picks;
use super::tally::Tally;

/// How often a player stays with the quest that it is at.
const FOCUSED: usize = 70;

/// How often it tries what does not count yet, as somebody who has not read the text.
const TRIES_ANYWAY: usize = 10;

/// How long it waits for what is to come: milliseconds, and up to as many more.
const WAITS_MS: u64 = 15_000;

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Went {
    /// Something was done, or is waited for.
    On,
    /// There is nothing to be done for this quest now.
    Nowhere,
}

impl Crowd<'_> {
    /// Does something for a quest that it follows; when there is nothing to be done, for another, or for none.
    pub(super) fn strive(
        &mut self,
        player: &mut Player,
        gates: Gates<'_>,
        mail: &mut Mail,
        tally: &mut Tally,
    ) {
        let mut open = self.open(player, gates.board, QuestState::Active);
        open.retain(|(_, quest)| !player.given_up.contains(quest));
        let focused = player.focus.filter(|focus| open.contains(focus) && player.dice.percent(FOCUSED));
        let Some(first) = focused.or_else(|| player.dice.pick(&open).copied()) else {
            return self.stray(player, mail);
        };
        player.focus = Some(first);
        if self.work(player, first, gates, mail, tally) == Went::On {
            return;
        }
        open.retain(|key| *key != first);
        let second = player.dice.pick(&open).copied();
        if second.is_none_or(|key| self.work(player, key, gates, mail, tally) == Went::Nowhere)
            && !player.is_gone()
        {
            self.stray(player, mail);
        }
    }

    fn work(
        &mut self,
        player: &mut Player,
        (who, quest): (Who, usize),
        gates: Gates<'_>,
        mail: &mut Mail,
        tally: &mut Tally,
    ) -> Went {
        let Some(standing) = gates.board.standing(who, quest) else { return Went::Nowhere };
        let def = self.quests[quest].1;
        let place = def.stages.iter().position(|(id, _)| id == standing.stage);
        let Some((stage, place)) = def.stages.get(standing.stage).zip(place) else { return Went::Nowhere };
        let values: i64 = gates.board.objectives(who, quest).map(|(_, open)| open.value).sum();
        let far = (standing.instance << 40) + ((place as i64) << 32) + values;
        let fruitless = player.fruitless.entry(quest).or_insert((0, far));
        *fruitless = if fruitless.1 == far { (fruitless.0 + 1, far) } else { (0, far) };
        if fruitless.0 > player.traits.patience {
            self.give_up(player, (who, quest), mail, tally);
            return Went::On;
        }
        let branch = preferred(stage, who, standing.stage);
        let Some((id, objective)) = self.objective(player, stage, branch, (who, quest), gates) else {
            return Went::Nowhere;
        };
        if let Some(holds) = &objective.holds {
            *self.tries.entry((quest, standing.stage, id)).or_default() += 1;
            return self.bring_about(player, holds, gates, mail);
        }
        let regions = regions(objective);
        if !regions.is_empty() && !regions.contains(&player.place.region.as_str()) {
            let region = player.dice.pick(&regions).map_or(Sym::NONE, |region| Sym::new(region));
            go(player, region, mail);
            // Whoever is in a hurry acts as they arrive.
            if player.traits.picks != Picks::Shortest {
                return Went::On;
            }
        }
        let ripe = objective.when.as_ref().is_none_or(|when| gates.holds(when, &player.place));
        if !ripe && !player.dice.percent(TRIES_ANYWAY) {
            return self.wait(player);
        }
        let mut event = self.deeds.towards(objective, &mut player.dice);
        event.remove("region");
        mail.event(event);
        *self.tries.entry((quest, standing.stage, id)).or_default() += 1;
        tally.tries(who, quest, standing.stage, id);
        Went::On
    }

    /// An objective that can be worked on, of those that it likes rather one that it likes better.
    fn objective<'s>(
        &self,
        player: &mut Player,
        stage: &'s StageDef,
        branch: Option<&str>,
        (who, quest): (Who, usize),
        gates: Gates<'_>,
    ) -> Option<(&'static str, &'s ObjectiveDef)> {
        let rows: std::collections::BTreeMap<_, _> = gates.board.objectives(who, quest).collect();
        let is_done = |id: &str| rows.get(id).is_none_or(|open| open.done);
        let mut choice = Vec::new();
        for (id, objective) in stage.objectives.iter() {
            let Some((id, open)) = rows.get_key_value(id) else { continue };
            if open.done || open.hidden {
                continue;
            }
            let other =
                objective.branch.as_deref().is_some_and(|of| branch.is_some_and(|wanted| of != wanted));
            let waits = objective.after.as_deref().is_some_and(|after| !is_done(after));
            let passed = objective.optional && !player.dice.percent(player.traits.optional as usize);
            if !(other || waits || passed) {
                choice.push((*id, objective));
            }
            if stage.complete.is_sequence() {
                break;
            }
        }
        let liked =
            |objective: &ObjectiveDef| player.traits.tastes[self.tastes.of(&objective.event) as usize];
        let best = choice.iter().map(|(_, objective)| liked(objective)).max()?;
        if player.dice.percent(50) {
            choice.retain(|(_, objective)| liked(objective) == best);
        }
        player.dice.pick(&choice).copied()
    }

    /// Does what may make a condition hold: goes there, or does what changes a fact that it names.
    fn bring_about(&self, player: &mut Player, holds: &Condition, gates: Gates<'_>, mail: &mut Mail) -> Went {
        let regions: Vec<&str> =
            holds.region.iter().flat_map(|of| of.as_slice()).map(String::as_str).collect();
        if !regions.is_empty() && !regions.contains(&player.place.region.as_str()) {
            let region = player.dice.pick(&regions).map_or(Sym::NONE, |region| Sym::new(region));
            go(player, region, mail);
            return Went::On;
        }
        if gates.holds(holds, &player.place) {
            return self.wait(player);
        }
        let facts = holds.facts.keys().filter_map(|fact| self.world.world.facts.get(fact));
        let updates: Vec<_> = facts.flat_map(|fact| &fact.changed_by).collect();
        let Some(update) = player.dice.pick(&updates) else { return self.wait(player) };
        let event = self.deeds.matching(&update.pattern, &mut player.dice);
        mail.event(event);
        Went::On
    }

    /// Waits for what is to come, or has no mind to.
    fn wait(&self, player: &mut Player) -> Went {
        if !player.dice.percent(player.traits.waits as usize) {
            return Went::Nowhere;
        }
        let more = player.dice.below(usize::try_from(WAITS_MS).unwrap_or(0)) as u64;
        player.later(WAITS_MS + more);
        Went::On
    }

    fn give_up(&self, player: &mut Player, (who, quest): (Who, usize), mail: &mut Mail, tally: &mut Tally) {
        player.given_up.insert(quest);
        player.fruitless.remove(&quest);
        player.focus = None;
        if who.0 == Scope::Player {
            mail.event(quest_event("quest.abandon", self.quests[quest].0));
        }
        if player.dice.below(1_000) < player.traits.leaves as usize * 10 {
            self.leave_for_good(player, mail, tally);
        }
    }
}

/// Where an objective counts, if not everywhere.
fn regions(objective: &ObjectiveDef) -> Vec<&str> {
    let when = objective.when.as_ref().and_then(|when| when.region.as_ref());
    let regions = objective.region.as_ref().or(when);
    regions.into_iter().flat_map(|of| of.as_slice()).map(String::as_str).collect()
}

/// The branch of a stage that a holder has a mind to take: always the same one.
fn preferred<'s>(stage: &'s StageDef, (_, holder): Who, name: &str) -> Option<&'s str> {
    let mut branches: Vec<&str> =
        stage.objectives.iter().filter_map(|(_, objective)| objective.branch.as_deref()).collect();
    branches.sort_unstable();
    branches.dedup();
    let drawn = chance::below(0, "branches", &format!("{holder}/{name}"), 0, branches.len() as u64);
    branches.get(usize::try_from(drawn).unwrap_or(0)).copied()
}
