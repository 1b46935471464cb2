//! Quests that the definitions alone make hopeless: waiting for what never comes, failed by what they ask for, asking for more than
//! there is, or done again and again without a deed.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{
    Accept, Complete, Condition, ObjectiveDef, OneOrMany, Pattern, QuestDef, QuestState, Repeat, Since,
    StageDef, TurnIn,
};

use super::quests::required;
use super::{Checker, Sort};
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_hopeless(&mut self, id: &str, quest: &QuestDef, spot: Spot<'_>) {
        self.check_possible_states(&quest.requires, spot.key("requires"));
        self.check_fails_itself(quest, spot);
        self.check_fails_where_it_sends(quest, spot);
        self.check_goes_round(id, quest, spot);
        self.check_whose(quest, spot);
        self.check_spans(quest, spot);
        for (name, stage) in quest.stages.iter() {
            let spot = spot.key("stages").name(name).key("objectives");
            for (id, objective) in stage.objectives.iter() {
                self.check_enough(objective, spot.name(id));
                self.check_values_kept(objective, spot.name(id));
            }
        }
    }

    /// States that another quest is never in, for the way it is defined.
    fn check_possible_states(&mut self, condition: &Condition, spot: Spot<'_>) {
        let definitions = self.definitions;
        for (id, states) in &condition.quests {
            let Some(quest) = definitions.quests.get(id).filter(|quest| quest.unread.is_empty()) else {
                continue;
            };
            let never: Option<Vec<&str>> =
                states.as_slice().iter().map(|state| never_in(&quest.definition, *state)).collect();
            let Some(reasons) = never.filter(|reasons| !reasons.is_empty()) else { continue };
            let named: Vec<&str> = states.as_slice().iter().map(|state| state.name()).collect();
            let hint = format!("ask for another state, or give `{id}` what makes it so");
            let message = format!("`{id}` is never {}: {}", named.join(" or "), reasons[0]);
            self.error(spot.key("quests").key(id), message, hint);
        }
        for (index, inner) in condition.all.iter().enumerate() {
            self.check_possible_states(inner, spot.key("all").item(index));
        }
    }

    /// Quests that wait for one that is never available.
    pub(super) fn check_waits_in_vain(&mut self, mut never: BTreeMap<String, String>) {
        let definitions = self.definitions;
        let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, placed) in &definitions.quests {
            for other in required(&placed.definition.requires) {
                waiting.entry(other).or_default().push(id);
            }
        }
        let mut next: Vec<String> = never.keys().cloned().collect();
        while let Some(of) = next.pop() {
            for id in waiting.get(of.as_str()).into_iter().flatten() {
                if !never.contains_key(*id) {
                    never.insert((*id).to_owned(), of.clone());
                    next.push((*id).to_owned());
                }
            }
        }
        for (id, of) in never.iter().filter(|(id, of)| id != of) {
            if let Some(placed) = definitions.quests.get(id) {
                let message =
                    format!("`{id}` waits for `{of}`, which is never available, and so neither is this");
                let spot = placed.spot.key("requires").key("quests").name(of);
                self.warn(spot, message, format!("mend `{of}` first, or let this wait for another quest"));
            }
        }
        self.check_reach(&never);
    }

    /// An event that counts for an objective and fails the quest.
    fn check_fails_itself(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        let all = quest.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
        // One event may be enough for a single one, and what is done in its tick is not failed.
        let needed: Vec<_> =
            all.filter(|(_, of)| of.holds.is_none() && !of.optional && of.need() > 1).collect();
        for (index, fails) in quest.fail_on.iter().enumerate() {
            if let Some((id, _)) = needed.iter().find(|(_, of)| covers(fails, &of.pattern())) {
                let message = format!("everything that counts for `{id}` fails the quest");
                let hint = "narrow this with `target`, `where` or `when`, or remove it";
                self.warn(spot.key("fail_on").item(index), message, hint);
            }
        }
    }

    /// A quest that takes itself up, asks for no deed, turns itself in and is there again at once.
    fn check_goes_round(&mut self, id: &str, quest: &QuestDef, spot: Spot<'_>) {
        let by_itself = quest.accept == Accept::Auto
            && quest.turn_in == TurnIn::Auto
            && matches!(quest.repeat, Some(Repeat::Always {}));
        // Of a lifetime, what once was enough is so for good; of a span it is not known.
        let idle = |objective: &&ObjectiveDef| {
            (objective.holds.is_some() && objective.lasting.is_none()) || objective.since == Since::Ever
        };
        let idle_stage = |stage: &StageDef| {
            let objectives = stage.objectives.iter().map(|(_, objective)| objective);
            let needed: Vec<&ObjectiveDef> = objectives.filter(|objective| !objective.optional).collect();
            let any = stage.complete == Complete::Any || needed.iter().any(|of| of.branch.is_some());
            !needed.is_empty() && if any { needed.iter().any(idle) } else { needed.iter().all(idle) }
        };
        let idle_quest = !quest.stages.is_empty() && quest.stages.iter().all(|(_, stage)| idle_stage(stage));
        if by_itself && idle_quest {
            let message = format!(
                "`{id}` goes round by itself: it is taken up, done and paid again in every tick, without a deed"
            );
            let hint =
                "give it `repeat: {cooldown: 10m}` or a daily time, or an objective that counts events";
            self.error(spot.key("repeat"), message, hint);
        }
    }

    /// More than there is.
    fn check_enough(&mut self, objective: &ObjectiveDef, spot: Spot<'_>) {
        let Some(kind) = self.kind(&objective.event) else { return };
        let (most, known) = (kind.max_amount, kind.known_targets);
        if objective.of.as_deref().is_none_or(|of| of == "amount") {
            for (key, need) in [("max", objective.max), ("last", objective.last)] {
                if need.is_some_and(|need| need > most) {
                    let message = format!("no `{}` has an amount of {}", objective.event, need.unwrap_or(0));
                    let hint = format!(
                        "its `max_amount` is {most}; raise it in world.yaml under `kinds`, or ask for less"
                    );
                    self.error(spot.key(key), message, hint);
                }
            }
        }
        let by_target = objective.of.as_deref().is_none_or(|of| of == "target");
        let Some((need, target)) =
            objective.distinct.zip(objective.target.as_ref()).filter(|_| by_target && known)
        else {
            return;
        };
        let entities = self.names.carriers(target.as_slice());
        let undeclared =
            target.as_slice().iter().any(|name| !self.names.of_sort(Sort::Target).contains(name.as_str()));
        if !undeclared && (entities.len() as u64) < u64::from(need) {
            let there = match entities.len() {
                1 => "is 1 entity".to_owned(),
                n => format!("are {n} entities"),
            };
            let message = format!("{need} different targets are asked for, and there {there} to choose from");
            let hint = "add entities or tags in entities.yaml, or ask for less; what a game server adds later is not known here";
            self.warn(spot.key("distinct"), message, hint);
        }
    }
}

/// Why a quest is never in a state, if it is not.
fn never_in(quest: &QuestDef, state: QuestState) -> Option<&'static str> {
    let never = |is: bool, why: &'static str| is.then_some(why);
    match state {
        QuestState::Failed => never(
            quest.fail_on.is_empty() && quest.fail_when.is_none(),
            "it has neither `fail_on` nor `fail_when`",
        ),
        QuestState::Expired => {
            let closes = quest.window.as_ref().is_some_and(|window| window.closes);
            never(quest.deadline.is_none() && !closes && quest.pool.is_none(), "it has no `deadline`")
        }
        QuestState::Offered => never(quest.accept != Accept::Offered, "it is not `accept: offered`"),
        QuestState::Ready => never(quest.turn_in == TurnIn::Auto, "it turns itself in"),
        _ => None,
    }
}

/// Whether a pattern accepts everything that another one does.
fn covers(wide: &Pattern, narrow: &Pattern) -> bool {
    let within = |wide: &Option<OneOrMany<String>>, narrow: &Option<OneOrMany<String>>| match (wide, narrow) {
        (None, _) => true,
        (Some(wide), Some(narrow)) => {
            let wide: BTreeSet<&String> = wide.as_slice().iter().collect();
            narrow.as_slice().iter().all(|name| wide.contains(name))
        }
        (Some(_), None) => false,
    };
    wide.event == narrow.event
        && (wide.role.is_none() || wide.role == narrow.role)
        && within(&wide.target, &narrow.target)
        && within(&wide.region, &narrow.region)
        && (wide.attributes.is_empty() || wide.attributes == narrow.attributes)
        && (wide.when.is_none() || wide.when == narrow.when)
        && wide.within.is_none()
}
