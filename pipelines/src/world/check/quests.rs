//! Quests.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{
    Complete, Condition, Credit, Effect, ObjectiveDef, QuestDef, QuestState, Repeat, Since, StageDef, TurnIn,
};
use worldflow_schemas::input::Scope;

use super::never::Parts;
use super::{Checker, Sort};
use crate::world::collected::{Placed, is_read};
use crate::world::problem::{Place, hint};
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_quests(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.quests {
            self.check_id("quest", id, placed.spot);
            self.check_roles(&placed.definition, placed.spot);
            self.check_quest(id, placed);
        }
        self.roles.clear();
    }

    fn check_quest(&mut self, id: &str, placed: &Placed<'_, QuestDef>) {
        let (quest, spot) = (&placed.definition, placed.spot);
        if quest.title.trim().is_empty() {
            self.warn(spot.key("title"), format!("`{id}` has an empty title"), "players see it");
        }
        self.check_condition(&quest.requires, spot.key("requires"));
        if let TurnIn::Npc(names) = &quest.turn_in {
            self.check_choice(Sort::Target, Some(names), spot.key("turn_in").key("npc"));
        }
        self.check_can_hold(&quest.requires, None, spot.key("requires"));
        self.check_own_state(id, quest, spot.key("requires"));
        self.check_own_group(id, quest, spot);
        self.check_hopeless(id, quest, spot);
        if let Some(group) = &quest.exclusive_group {
            self.check_id("group", group, spot.key("exclusive_group"));
        }
        if quest.deadline.is_some_and(|deadline| deadline.ms == 0) {
            self.error(
                spot.key("deadline"),
                "the deadline is no time at all",
                "give a span such as `30m`, or remove it",
            );
        }
        for (index, pattern) in quest.fail_on.iter().enumerate() {
            self.check_pattern(pattern, spot.key("fail_on").item(index));
        }
        if let Some(condition) = &quest.fail_when {
            if condition.is_empty() {
                self.error(
                    spot.key("fail_when"),
                    "an empty condition always holds, so this quest always fails",
                    "say what fails it, or remove `fail_when`",
                );
            }
            self.check_condition(condition, spot.key("fail_when"));
            self.check_can_hold(condition, None, spot.key("fail_when"));
        }
        if let Some(repeat) = &quest.repeat {
            self.check_repeat(repeat, spot.key("repeat"));
        }
        self.check_dates(quest, spot);
        if quest.credit != Credit::Own && quest.scope != Scope::Player {
            self.warn(
                spot.key("credit"),
                "`credit` has no effect on a quest that is held together",
                "everyone's events count for it; remove `credit`",
            );
        }
        if quest.stages.is_empty() && placed.whole {
            self.error(
                spot.key("stages"),
                format!("`{id}` has no stages"),
                "give at least one stage with an objective",
            );
        }
        for (name, stage) in quest.stages.iter() {
            let spot = spot.key("stages");
            self.check_id("stage", name, spot.name(name));
            self.check_stage(quest, name, stage, spot.name(name), &placed.unread);
            self.check_branches(quest, name, stage, spot.name(name));
        }
        self.check_rewards(quest, spot.key("rewards"));
        self.check_moves_of(quest, spot);
        for (index, effect) in quest.effects.iter().enumerate() {
            let spot = spot.key("effects").item(index);
            let (verb, after) = match effect {
                Effect::Set { after, .. } => ("set", after),
                Effect::Add { after, .. } => ("add", after),
            };
            self.check_after(quest, after, None, spot.key(verb).key("after"));
            self.check_effect(effect, spot);
        }
    }

    fn check_stage(
        &mut self,
        quest: &QuestDef,
        name: &str,
        stage: &StageDef,
        spot: Spot<'_>,
        unread: &[Place],
    ) {
        let whole = is_read(unread, spot);
        let needed = stage.objectives.iter().filter(|(_, objective)| !objective.optional).count();
        if needed == 0 && whole {
            let (message, hint) = if stage.objectives.is_empty() {
                (format!("the stage `{name}` has no objectives"), "give at least one")
            } else {
                (
                    format!("every objective of the stage `{name}` is optional"),
                    "a stage needs one that is not",
                )
            };
            self.error(spot.key("objectives"), message, hint);
        }
        if let Complete::AtLeast(least) = stage.complete {
            let spot = spot.key("complete").key("at_least");
            if least == 0 {
                self.error(spot, "`at_least: 0` is always complete", "give at least 1");
            } else if least as usize > needed && whole {
                let hint = format!(
                    "{needed} of its objectives are not optional; ask for at most {needed}, or use `complete: all`"
                );
                self.error(
                    spot,
                    format!("the stage `{name}` asks for {least} objectives and has {needed}"),
                    hint,
                );
            }
        }
        let mut waits: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, objective) in stage.objectives.iter() {
            let spot = spot.key("objectives").name(id);
            self.check_id("objective", id, spot);
            self.check_objective((quest, stage), id, objective, spot, is_read(unread, spot));
            self.check_since(quest, objective, spot);
            self.check_hidden_until(stage, id, objective, spot.key("hidden_until"));
            let others = objective.hidden_until.iter().chain(&objective.after).map(String::as_str);
            waits.insert(id, others.filter(|other| *other != id).collect());
        }
        for cycle in cycles(&waits) {
            let of = spot.key("objectives").name(cycle[0]);
            let hides = stage.objectives.get(cycle[0]).is_some_and(|first| !first.hidden_until.is_empty());
            let (key, hint) = if hides {
                ("hidden_until", "one of them must be visible from the start")
            } else {
                ("after", "one of them must count from the start")
            };
            self.error(of.key(key), format!("these objectives wait for each other: {}", chain(&cycle)), hint);
        }
        for (index, pattern) in stage.reset_on.iter().enumerate() {
            self.check_pattern(pattern, spot.key("reset_on").item(index));
        }
    }

    fn check_since(&mut self, quest: &QuestDef, objective: &ObjectiveDef, spot: Spot<'_>) {
        let lifetime = objective.lifetime.as_ref();
        if objective.since == Since::Accept {
            if lifetime.is_some() {
                self.error(
                    spot.name("lifetime"),
                    "`lifetime` without `since` has no effect",
                    "add `since: ever` or `since: reset`, or remove it",
                );
            }
            return;
        }
        let since = match objective.since {
            Since::Available => "available",
            Since::Reset => "reset",
            Since::Ever | Since::Accept => "ever",
        };
        let others = quest.stages.iter().flat_map(|(_, stage)| stage.objectives.iter().map(|(_, of)| of));
        let both = |of: &ObjectiveDef| of.since == Since::Reset && of.lifetime == objective.lifetime;
        if objective.since == Since::Available && others.into_iter().any(both) {
            self.error(
                spot.key("since"),
                "this quest reads the same counter with `since: reset`",
                "give one of the two another lifetime counter of the same pattern",
            );
        }
        if objective.since == Since::Reset && !quest.repeat.as_ref().is_some_and(Repeat::is_dated) {
            self.error(
                spot.key("since"),
                "`since: reset` in a quest that has no reset",
                "add `repeat: {daily: ...}` or `repeat: {weekly: ...}`",
            );
        }
        if *objective != counts_only(objective) {
            self.error(
                spot.key("since"),
                format!("`since: {since}` counts only"),
                "use `count`; a lifetime counter adds up amounts",
            );
        }
        let Some(name) = lifetime else {
            self.error(
                spot.key("since"),
                format!("`since: {since}` needs a lifetime counter"),
                "events before acceptance are gone unless world.yaml counts them: declare it under `lifetime` and name it with `lifetime: <name>`",
            );
            return;
        };
        if !self.known(Sort::Lifetime, name, spot.key("lifetime")) {
            return;
        }
        let declared = self.definitions.world.as_ref().and_then(|world| world.definition.lifetime.get(name));
        let Some(declared) = declared else { return };
        if declared.scope != quest.scope {
            let message = format!(
                "`{name}` counts for each {}, and the quest is held by a {}",
                declared.scope.name(),
                quest.scope.name()
            );
            self.error(spot.key("lifetime"), message, "give the counter and the quest the same scope");
        }
        if declared.pattern != objective.pattern() {
            self.warn(
                spot.key("lifetime"),
                format!("`{name}` counts other events than this objective says"),
                "with `since` only the counter's own pattern matters; make the two the same",
            );
        }
    }

    fn check_hidden_until(&mut self, stage: &StageDef, id: &str, objective: &ObjectiveDef, spot: Spot<'_>) {
        for (index, other) in objective.hidden_until.iter().enumerate() {
            let known = || stage.objectives.iter().map(|(name, _)| name).filter(|name| *name != id);
            if other == id {
                self.error(
                    spot.item(index),
                    format!("`{id}` is hidden until it is done itself"),
                    "name another objective of the stage",
                );
            } else if stage.objectives.get(other).is_none() {
                let names: Vec<&str> = known().collect();
                let otherwise = match names.as_slice() {
                    [] => "the stage has no other objective: leave `hidden_until` out".to_owned(),
                    names => format!("it names objectives of the same stage: {}", names.join(", ")),
                };
                self.error(
                    spot.item(index),
                    format!("unknown objective `{other}`"),
                    hint(other, known(), &otherwise),
                );
            }
        }
    }

    pub(super) fn check_effect(&mut self, effect: &Effect, spot: Spot<'_>) {
        let (verb, fact) = match effect {
            Effect::Set { fact, .. } => ("set", fact),
            Effect::Add { fact, .. } => ("add", fact),
        };
        let spot = spot.key(verb);
        if !self.known(Sort::Fact, fact, spot.key("fact")) {
            return;
        }
        let declared = self.definitions.world.as_ref().and_then(|world| world.definition.facts.get(fact));
        let Some(declared) = declared else { return };
        if self.is_personal_fact(fact, spot.key("fact")) || self.is_kept_fact(fact, spot.key("fact")) {
            return;
        }
        match effect {
            Effect::Set { to, .. } => self.check_fact_value(fact, declared.kind, to, spot.key("to")),
            Effect::Add { by, .. } => self.check_fact_step(fact, declared.kind, by, spot.key("by")),
        }
    }

    /// A quest that requires of itself to be hidden, which it is as long as what it requires does not hold.
    fn check_own_state(&mut self, id: &str, quest: &QuestDef, spot: Spot<'_>) {
        let mut asked = Parts::of(&quest.requires).0.into_iter().filter_map(|part| part.quests.get(id));
        if asked.any(|states| states.as_slice() == [QuestState::Hidden]) {
            let message = format!("`{id}` is hidden as long as it is not available, so it would come and go");
            self.error(
                spot.key("quests").name(id),
                message,
                "ask for the state of other quests, or for a fact",
            );
        }
    }

    /// Quests that can never become available because each requires the other.
    pub(super) fn check_quest_cycles(&mut self) {
        let definitions = self.definitions;
        let requires: BTreeMap<&str, Vec<&str>> = definitions
            .quests
            .iter()
            .map(|(id, placed)| (id.as_str(), required(&placed.definition.requires)))
            .collect();
        let mut never = BTreeMap::new();
        for cycle in cycles(&requires) {
            never.extend(cycle.iter().map(|id| ((*id).to_owned(), (*id).to_owned())));
            let Some(placed) = definitions.quests.get(cycle[0]) else { continue };
            let spot = placed.spot.key("requires").key("quests");
            if let [alone] = cycle.as_slice() {
                let message = format!("`{alone}` requires itself, so it is never available");
                self.error(
                    spot.name(alone),
                    message,
                    "remove the requirement, or name the quest that is meant",
                );
                continue;
            }
            let message =
                format!("these quests require each other, so none is ever available: {}", chain(&cycle));
            self.error(spot, message, "remove one of the requirements");
        }
        self.check_waits_in_vain(never);
    }
}

/// What `since: ever` and `since: reset` know of an objective.
fn counts_only(objective: &ObjectiveDef) -> ObjectiveDef {
    let ObjectiveDef { title, event, target, region, attributes, when, within, .. } = objective.clone();
    let ObjectiveDef { count, of, optional, branch, hidden_until, since, lifetime, .. } = objective.clone();
    let pattern =
        ObjectiveDef { title, event, target, region, attributes, when, within, ..ObjectiveDef::default() };
    ObjectiveDef { count, of, optional, branch, hidden_until, since, lifetime, ..pattern }
}

/// Quests whose progress a condition cannot do without.
pub(super) fn required(condition: &Condition) -> Vec<&str> {
    let started = |state: &QuestState| !matches!(state, QuestState::Hidden | QuestState::Available);
    let here = condition.quests.iter();
    let here =
        here.filter(|(_, states)| states.as_slice().iter().all(started)).map(|(quest, _)| quest.as_str());
    here.chain(condition.all.iter().flat_map(required)).collect()
}

/// The cycles of a graph, each once, from its first name.
pub(super) fn cycles<'n>(graph: &BTreeMap<&'n str, Vec<&'n str>>) -> Vec<Vec<&'n str>> {
    let mut finished: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in graph.keys().filter(|start| !graph[**start].is_empty()) {
        if finished.contains(start) {
            continue;
        }
        // Depth first with an explicit stack: a world may have thousands of quests in one chain.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_path: BTreeMap<&str, usize> = [(*start, 0)].into();
        while let Some((name, next)) = path.last_mut() {
            let (name, index) = (*name, *next);
            *next += 1;
            let following = graph.get(name).and_then(|names| names.get(index)).copied();
            match following {
                None => {
                    finished.insert(name);
                    on_path.remove(name);
                    path.pop();
                }
                Some(following) if finished.contains(following) || !graph.contains_key(following) => {}
                Some(following) => match on_path.get(following) {
                    Some(first) => found.push(path[*first..].iter().map(|(name, _)| *name).collect()),
                    None => {
                        on_path.insert(following, path.len());
                        path.push((following, 0));
                    }
                },
            }
        }
    }
    found
}

pub(super) fn chain(cycle: &[&str]) -> String {
    let mut names: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
    names.extend(names.first().cloned());
    names.join(" → ")
}
