//! Quests that nobody can ever begin, whatever is done: the least set of those that can be begun, each by what those before it
//! bring about. What a game server may write counts as possible.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_operators::levels::level_of;
use worldflow_schemas::definitions::{Action, Condition, Effect, QuestDef, QuestState, Slot, StepDef};
use worldflow_schemas::input::Scope;

use super::Checker;
use super::contradictions::passes;
use super::quests::chain;
use crate::world::spot::Spot;

/// What a quest waits for that it never gets.
enum Lack<'q> {
    Quest(&'q str),
    Fact(&'q str, &'q str),
    Level,
}

/// What is known to be possible.
struct Reach<'c, 'q> {
    checker: &'c Checker<'q>,
    begun: BTreeSet<&'q str>,
    /// The quests whose effects change a fact that nothing else in the world changes.
    only_set_by: BTreeMap<&'q str, Vec<&'q str>>,
    /// The experience that can be earned; `None` when there is no end to it.
    experience: Option<i64>,
}

impl Checker<'_> {
    /// `told`: quests of which it has been said that they are never available.
    pub(super) fn check_reach(&mut self, told: &BTreeMap<String, String>) {
        let definitions = self.definitions;
        let mut reach = Reach::new(self);
        reach.spread();
        let lacks: BTreeMap<&str, Lack<'_>> = definitions
            .quests
            .iter()
            .filter(|(id, _)| !reach.begun.contains(id.as_str()))
            .filter_map(|(id, placed)| Some((id.as_str(), reach.lack(&placed.definition.requires)?)))
            .collect();
        let experience = reach.experience;
        let mut in_cycles = BTreeSet::new();
        for (id, lack) in lacks.iter().filter(|(id, _)| !told.contains_key(**id)) {
            let Some(placed) = definitions.quests.get(*id) else { continue };
            let spot = placed.spot.key("requires");
            match lack {
                Lack::Quest(other) => {
                    let cycle = cycle_from(id, &lacks);
                    if cycle.contains(id) {
                        if cycle.iter().all(|id| in_cycles.insert(*id)) {
                            self.report_cycle(&cycle, spot);
                        }
                        continue;
                    }
                    let message = format!(
                        "`{id}` waits for `{other}`, which is never available, and so neither is this"
                    );
                    self.warn(
                        spot,
                        message,
                        format!("mend `{other}` first, or let this wait for another quest"),
                    );
                }
                Lack::Fact(fact, other) => {
                    let message = format!(
                        "only `{other}` changes the fact `{fact}`, and it is never available: neither is this"
                    );
                    let hint = format!(
                        "mend `{other}` first, or let something else change `{fact}`; a game server may write it, too"
                    );
                    self.warn(spot, message, hint);
                }
                Lack::Level => {
                    let level = level_of(experience.unwrap_or(i64::MAX));
                    let message = format!(
                        "nobody gets to this level: what can be earned before brings level {level} at most"
                    );
                    self.warn(spot, message, "ask for less, or give more `experience` for other quests");
                }
            }
        }
    }

    fn report_cycle(&mut self, cycle: &[&str], spot: Spot<'_>) {
        let message = match cycle {
            [alone] => format!("`{alone}` waits for itself in every way, so nobody can ever begin it"),
            _ => format!(
                "these quests wait for each other in every way, so nobody can ever begin one: {}",
                chain(cycle)
            ),
        };
        self.error(spot, message, "give one of them a way to begin that needs none of the others");
    }
}

/// From a quest to what it lacks, and so on, until one comes again: from that one on.
fn cycle_from<'q>(id: &'q str, lacks: &BTreeMap<&'q str, Lack<'q>>) -> Vec<&'q str> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = id;
    loop {
        if let Some(first) = path.iter().position(|passed| *passed == at) {
            return path.split_off(first);
        }
        path.push(at);
        match lacks.get(at) {
            Some(Lack::Quest(next)) => at = next,
            _ => return Vec::new(),
        }
    }
}

impl<'c, 'q> Reach<'c, 'q> {
    fn new(checker: &'c Checker<'q>) -> Reach<'c, 'q> {
        let definitions = checker.definitions;
        let mut only_set_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, placed) in &definitions.quests {
            for effect in &placed.definition.effects {
                let (Effect::Set { fact, .. } | Effect::Add { fact, .. }) = effect;
                only_set_by.entry(fact).or_default().push(id);
            }
        }
        let told = definitions.storylets.values().flat_map(|storylet| &storylet.definition.effects);
        let beats = definitions.arcs.values().flat_map(|arc| arc.definition.beats.iter());
        for effect in told.chain(beats.flat_map(|(_, beat)| &beat.effects)) {
            let (Effect::Set { fact, .. } | Effect::Add { fact, .. }) = effect;
            only_set_by.remove(fact.as_str());
        }
        let actions = definitions.rules.values().flat_map(|rule| &rule.definition.actions);
        for action in actions {
            if let Action::Set { fact, .. } | Action::Add { fact, .. } | Action::Clamp { fact, .. } = action {
                only_set_by.remove(fact.as_str());
            }
        }
        let steps = definitions.dialogues.values().flat_map(|node| &node.definition.steps);
        for step in steps {
            if let StepDef::Set { fact, .. } | StepDef::Add { fact, .. } = step {
                only_set_by.remove(fact.as_str());
            }
        }
        if definitions.dialogue_unread {
            only_set_by.clear();
        }
        let facts = definitions.world.iter().flat_map(|world| &world.definition.facts);
        for (fact, _) in facts.filter(|(_, declared)| !declared.changed_by.is_empty()) {
            only_set_by.remove(fact.as_str());
        }
        Reach { checker, begun: BTreeSet::new(), only_set_by, experience: Some(0) }
    }

    /// Adds what can be begun until nothing more comes of it. A quest is looked at again only when something comes that it names.
    fn spread(&mut self) {
        let quests = &self.checker.definitions.quests;
        let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut for_levels: Vec<&str> = Vec::new();
        for (id, placed) in quests {
            let mut names = BTreeSet::new();
            let levels = named(&placed.definition.requires, &self.only_set_by, &mut names);
            names.into_iter().for_each(|name| waiting.entry(name).or_default().push(id));
            for_levels.extend(levels.then_some(id.as_str()));
        }
        let mut next: Vec<&str> = quests.keys().map(String::as_str).collect();
        while let Some(id) = next.pop() {
            let Some(placed) = quests.get(id).filter(|_| !self.begun.contains(id)) else { continue };
            let quest = &placed.definition;
            let never = self.checker.why_never(&quest.requires, None).is_some()
                || self.checker.holder_lacks(&quest.requires, quest.scope).is_some();
            if self.lack(&quest.requires).is_some() || never {
                continue;
            }
            self.begun.insert(id);
            next.extend(waiting.get(id).into_iter().flatten());
            let level = self.level();
            self.earn(quest);
            // What brings no level further opens nothing.
            if self.level() != level {
                next.extend(&for_levels);
            }
        }
    }

    /// The level that can be reached; `None` when there is no end to it.
    fn level(&self) -> Option<i64> {
        self.experience.map(level_of)
    }

    /// Adds what a quest brings.
    fn earn(&mut self, quest: &QuestDef) {
        let earned = quest.rewards.experience.unwrap_or(0);
        // Who is in many groups, or does it again, earns it again.
        let once = quest.scope == Scope::Player && quest.repeat.is_none();
        let by_slot = quest.rewards.slots.values().any(gives_experience);
        self.experience = match self.experience {
            Some(sum) if !by_slot && (once || earned == 0) => Some(sum.saturating_add(earned.into())),
            _ => None,
        };
    }

    /// What a condition lacks as far as it is known; what is not known it has.
    fn lack(&self, condition: &'q Condition) -> Option<Lack<'q>> {
        for (id, states) in &condition.quests {
            let known = self.checker.definitions.quests.contains_key(id);
            let comes = |state: &QuestState| *state == QuestState::Hidden || self.begun.contains(id.as_str());
            if known && !states.as_slice().is_empty() && !states.as_slice().iter().any(comes) {
                return Some(Lack::Quest(id));
            }
        }
        let world = self.checker.definitions.world.as_ref();
        for (fact, test) in &condition.facts {
            let declared = world.and_then(|world| world.definition.facts.get(fact));
            let (Some(declared), Some(by)) = (declared, self.only_set_by.get(fact.as_str())) else {
                continue;
            };
            if !passes(test, &declared.default) && !by.iter().any(|id| self.begun.contains(id)) {
                return by.first().map(|by| Lack::Fact(fact, by));
            }
        }
        if let (Some(test), Some(experience)) = (&condition.level, self.experience) {
            let most = level_of(experience);
            // Levels are gone through one by one; a test that none of the first passes is one of a higher level.
            if most < 1_000 && !(1..=most).any(|level| passes(test, &level.into())) {
                return Some(Lack::Level);
            }
        }
        if let Some(lack) = condition.all.iter().find_map(|inner| self.lack(inner)) {
            return Some(lack);
        }
        let mut ways = condition.any.iter().map(|inner| self.lack(inner));
        let first = ways.next()??;
        ways.all(|way| way.is_some()).then_some(first)
    }
}

/// Whether a slot may give what levels are made of.
fn gives_experience(slot: &Slot) -> bool {
    let choice = slot.choice.values().map(|prize| prize.item.as_str());
    let table = slot.table.values().filter_map(|entry| entry.item.as_deref());
    choice.chain(table).chain([slot.item.as_str()]).any(|item| item == "experience")
}

/// The quests that a condition names, also by facts that only quests change; whether it asks for a level.
fn named<'q>(
    condition: &'q Condition,
    only_set_by: &BTreeMap<&'q str, Vec<&'q str>>,
    names: &mut BTreeSet<&'q str>,
) -> bool {
    names.extend(condition.quests.keys().map(String::as_str));
    names.extend(condition.facts.keys().filter_map(|fact| only_set_by.get(fact.as_str())).flatten());
    let mut levels = condition.level.is_some();
    for inner in condition.all.iter().chain(&condition.any) {
        levels |= named(inner, only_set_by, names);
    }
    levels
}
