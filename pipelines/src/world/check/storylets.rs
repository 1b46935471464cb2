//! Storylets: who says them, what for, and what comes of it.

mod rounds;

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{Effect, StoryLimits, StoryTrigger, StoryletDef};

use super::npcs::PERSONA;
use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// What a criterion may weigh, and a salience may be, either way.
const MOST_WEIGHT: i32 = 1_000;

/// The strongest that something may be said.
const MOST_INTENSITY: u32 = 100;

/// The most times that a limit may allow.
const MOST_TIMES: u32 = 1_000_000;

/// How many may be allowed to say a storylet at once: when each of them ends is kept.
const MOST_AT_ONCE: u32 = 1_000;

impl Checker<'_> {
    pub(super) fn check_storylets(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.storylets {
            let (storylet, spot) = (&placed.definition, placed.spot);
            self.check_id("storylet", id, spot);
            self.check_who(storylet, spot.key("who"));
            self.check_condition_elsewhere(&storylet.when, spot.key("when"));
            for (name, criterion) in &storylet.criteria {
                let spot = spot.key("criteria").name(name);
                self.check_id("criterion", name, spot);
                self.check_condition_elsewhere(&criterion.when, spot.key("when"));
                if criterion.when.is_empty() {
                    self.error(spot, "this criterion tests nothing", "give it a condition in `when`");
                }
                self.check_weight("weight", criterion.weight, spot.key("weight"));
            }
            if let Some(salience) = storylet.salience {
                self.check_weight("salience", salience, spot.key("salience"));
            }
            if let Some(intensity) = storylet.intensity.filter(|intensity| *intensity > MOST_INTENSITY) {
                let hint = format!("0 to {MOST_INTENSITY}; without it 50");
                self.error(spot.key("intensity"), format!("an intensity of {intensity}"), hint);
            }
            self.check_happens(storylet, spot.key("trigger"));
            self.check_limits(storylet, spot);
            self.check_lines(storylet, spot.key("lines"));
            for (index, effect) in storylet.effects.iter().enumerate() {
                let spot = spot.key("effects").item(index);
                self.check_effect(effect, spot);
                self.check_effect_of_storylet(effect, spot);
            }
            self.check_then(storylet, spot.key("then"));
        }
        self.check_followed();
        self.check_rounds();
    }

    fn check_who(&mut self, storylet: &StoryletDef, spot: Spot<'_>) {
        let definitions = self.definitions;
        let tags_of = |npc: &str| {
            let entity = definitions.entities.get(npc);
            entity.into_iter().flat_map(|entity| entity.definition.tags.iter().map(String::as_str))
        };
        let npcs = definitions.npcs.keys().map(String::as_str);
        let names: BTreeSet<&str> = npcs.flat_map(|npc| tags_of(npc).chain([npc])).collect();
        let who = storylet.who.as_slice();
        if who.is_empty() {
            self.error(spot, "nobody says this", "name an npc of npcs/, or a tag that one carries");
        }
        for (index, name) in who.iter().enumerate() {
            if !names.contains(name.as_str()) && !self.names.incomplete(Sort::Target) {
                let otherwise = "an npc is one of npcs/, and a tag one that its entity carries";
                let hint = hint(name, names.iter().copied(), otherwise);
                self.error(spot.item(index), format!("no npc is `{name}` or carries it as a tag"), hint);
            }
        }
    }

    fn check_weight(&mut self, what: &str, weight: i32, spot: Spot<'_>) {
        if !(-MOST_WEIGHT..=MOST_WEIGHT).contains(&weight) {
            let hint = format!("{} to {MOST_WEIGHT}", -MOST_WEIGHT);
            self.error(spot, format!("a {what} of {weight}"), hint);
        }
    }

    fn check_limits(&mut self, storylet: &StoryletDef, spot: Spot<'_>) {
        let (limits, spot) = (&storylet.limits, spot.key("limits"));
        let StoryLimits { once, player, npc, realm, at_once } = limits;
        for (key, limit) in [("player", player), ("npc", npc), ("realm", realm)] {
            let Some(limit) = limit else { continue };
            self.check_times(limit.most, MOST_TIMES, spot.key(key));
            if limit.cooldown.is_some_and(|cooldown| cooldown.ms == 0) {
                let hint = "give a span such as `20m`, or remove it";
                self.error(spot.key(key).key("cooldown"), "`cooldown` is no time at all", hint);
            }
        }
        if let Some(at_once) = at_once {
            let spot = spot.key("at_once");
            self.check_times(Some(at_once.most), MOST_AT_ONCE, spot);
            if at_once.lasts.ms == 0 {
                let hint = "give a span such as `8s`, or remove it";
                self.error(spot.key("lasts"), "`lasts` is no time at all", hint);
            }
        }
        if *once && player.is_some() {
            let hint = "`once` is the same as `player: {most: 1}`: keep one of the two";
            self.error(spot, "`once` leaves nothing for `player` to limit", hint);
        }
        let mut limits = [player, npc, realm].into_iter().flatten();
        let limited = limits.any(|limit| limit.most.is_some() || limit.cooldown.is_some());
        // What asks a tier does so when it is another question, and no sooner than `every`.
        let limited = limited || storylet.ask.is_some();
        if matches!(storylet.trigger, StoryTrigger::Holds {}) && !once && !limited {
            let hint = "give `limits: {once: true}`, or a cooldown: `limits: {player: {cooldown: 10m}}`";
            self.error(spot, "it would be said every few seconds for as long as it holds", hint);
        }
    }

    fn check_times(&mut self, given: Option<u32>, most: u32, spot: Spot<'_>) {
        match given {
            Some(0) => {
                let hint = "give at least 1, or remove the storylet";
                self.error(spot.key("most"), "it may never be said", hint);
            }
            Some(given) if given > most => {
                self.error(spot.key("most"), format!("{given} is too many"), format!("at most {most}"));
            }
            _ => {}
        }
    }

    fn check_happens(&mut self, storylet: &StoryletDef, spot: Spot<'_>) {
        if let StoryTrigger::Happens(pattern) = &storylet.trigger {
            self.check_pattern_elsewhere(pattern, spot.key("happens"));
        }
    }

    fn check_lines(&mut self, storylet: &StoryletDef, spot: Spot<'_>) {
        if storylet.lines.as_slice().is_empty() {
            self.error(spot, "there is nothing to say", "write at least one line");
        }
        for (index, line) in storylet.lines.as_slice().iter().enumerate() {
            if line.trim().is_empty() {
                self.error(spot.item(index), "an empty line", "write what is said, or remove it");
            }
            self.check_text(line, &PERSONA, spot.item(index));
        }
    }

    /// What only effects of quests can do.
    fn check_effect_of_storylet(&mut self, effect: &Effect, spot: Spot<'_>) {
        let (verb, after) = match effect {
            Effect::Set { after, .. } => ("set", after),
            Effect::Add { after, .. } => ("add", after),
        };
        if !after.is_empty() {
            let hint = "remove `after`: a storylet has no stages";
            self.error(spot.key(verb).key("after"), "`after` names stages of a quest", hint);
        }
    }

    fn check_then(&mut self, storylet: &StoryletDef, spot: Spot<'_>) {
        let Some(then) = &storylet.then else { return };
        let definitions = self.definitions;
        let waits = |storylet: &StoryletDef| matches!(storylet.trigger, StoryTrigger::FollowUp {});
        match definitions.storylets.get(&then.storylet) {
            Some(placed) if waits(&placed.definition) => {}
            Some(_) => {
                let message = format!("`{}` does not wait for another storylet", then.storylet);
                self.error(spot.key("storylet"), message, "give it `trigger: {follow_up: {}}`");
            }
            None if definitions.unreadable.contains(&then.storylet) => {}
            None => {
                let all = definitions.storylets.iter();
                let known = all.filter(|(_, placed)| waits(&placed.definition)).map(|(id, _)| id.as_str());
                let otherwise = "storylets are defined in stories/";
                let hint = hint(&then.storylet, known, otherwise);
                self.error(spot.key("storylet"), format!("unknown storylet `{}`", then.storylet), hint);
            }
        }
    }

    /// Storylets that wait for one that names them, and none does.
    fn check_followed(&mut self) {
        let definitions = self.definitions;
        let named: BTreeSet<&str> = definitions
            .storylets
            .values()
            .filter_map(|placed| Some(placed.definition.then.as_ref()?.storylet.as_str()))
            .collect();
        for (id, placed) in &definitions.storylets {
            let waits = matches!(placed.definition.trigger, StoryTrigger::FollowUp {});
            if waits && !named.contains(id.as_str()) {
                let hint = format!("name it in another storylet: `then: {{storylet: {id}, after: 2s}}`");
                self.warn(placed.spot.key("trigger"), format!("nothing leads to `{id}`"), hint);
            }
        }
    }
}
