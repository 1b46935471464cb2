//! One quest compiled: its stages, patterns, rewards and what it depends on.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{
    Accept, Aggregate, Complete, Condition, Credit, Effect, OnRevoke, Pattern, QuestDef, Repeat, Reset,
    RewardTo, Since, Span, StageDef, TurnIn, Window,
};
use worldflow_schemas::input::{FactChange, Scope};
use worldflow_schemas::{Event, Sym, Value};

use super::branches::{Ways, ways};
use super::condition::{Cond, depends};
use super::matcher::Matcher;
use super::messages::Gain;
use super::objective::ObjectivePlan;
use super::plan::{Plan, small};
use super::rewards::SlotPlan;
use super::roles::RolePlan;

/// A quest.
#[derive(Debug)]
pub(super) struct QuestPlan {
    pub(super) quest: Sym,
    pub(super) scope: Scope,
    pub(super) accept: Accept,
    pub(super) turn_in: TurnIn,
    /// To whom it is turned in; to nobody in particular when empty.
    pub(super) npcs: Vec<Sym>,
    pub(super) credit: Credit,
    /// The prerequisites, and that its roles have somebody to choose from.
    pub(super) requires: Option<Cond>,
    pub(super) roles: Vec<RolePlan>,
    /// What its roles depend on.
    pub(super) roles_depend: u16,
    pub(super) exclusive: Sym,
    /// The pool, or [`Sym::NONE`].
    pub(super) pool: Sym,
    pub(super) window: Option<Window>,
    /// An active instance expires at the window's end.
    pub(super) closes: bool,
    pub(super) deadline: Option<Span>,
    pub(super) fail_when: Option<Cond>,
    pub(super) fail_depends: u16,
    /// What the conditions of objectives depend on.
    pub(super) holds_depends: u16,
    pub(super) repeat: Option<Repeat>,
    pub(super) reset: Option<Reset>,
    pub(super) stages: Vec<StagePlan>,
    pub(super) patterns: Vec<PatternPlan>,
    /// In order of the slots' names.
    pub(super) rewards: Vec<SlotPlan>,
    pub(super) to: RewardTo,
    pub(super) on_revoke: OnRevoke,
    /// Whether it is noted who was the first to add to it.
    pub(super) taps: bool,
    pub(super) effects: Vec<(Sym, FactChange, Ways)>,
    /// Lifetime counters that are read from the last reset on.
    pub(super) since_reset: Vec<u16>,
    /// Lifetime counters that are read from when the quest became available on.
    pub(super) since_available: Vec<u16>,
}

/// A stage.
#[derive(Debug)]
pub(super) struct StagePlan {
    pub(super) name: Sym,
    /// What it was called before, if that is said.
    pub(super) moved_from: Sym,
    /// The hash of its name, in base state.
    pub(super) key: u64,
    pub(super) complete: Complete,
    pub(super) objectives: Vec<ObjectivePlan>,
    pub(super) reads_lifetime: bool,
    /// Whether conditions hold, or sets of entities count, for some objective.
    pub(super) reads_state: bool,
    /// Whether time passes for some objective.
    pub(super) timed: bool,
    /// Whether what is done can be set back.
    pub(super) resets: bool,
    /// Whether events count one after the other.
    pub(super) in_order: bool,
    /// In the order of the file.
    pub(super) branches: Vec<Sym>,
    pub(super) times: u32,
    pub(super) after: Ways,
}

/// What a pattern is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Objective {
        stage: u16,
        objective: u16,
    },
    /// Takes away from an objective.
    Minus {
        stage: u16,
        objective: u16,
    },
    /// Sets an objective back.
    Reset {
        stage: u16,
        objective: u16,
    },
    /// Sets a whole stage back.
    ResetStage {
        stage: u16,
    },
    Fail,
}

/// A pattern with what it is for.
#[derive(Debug)]
pub(super) struct PatternPlan {
    pub(super) used: Use,
    pub(super) matcher: Matcher,
}

impl QuestPlan {
    pub(super) fn new(quest: Sym, def: &QuestDef, plan: &mut Plan) -> QuestPlan {
        let cond = |def: Option<&Condition>, plan: &mut Plan| {
            def.filter(|def| !def.is_empty()).map(|def| Cond::new(def, plan))
        };
        let roles: Vec<RolePlan> = def.roles.iter().map(|(name, role)| RolePlan::new(name, role)).collect();
        let requires = cond(Some(&def.requires), plan);
        let requires = if roles.is_empty() {
            requires
        } else {
            Some(Cond::All(requires.into_iter().chain([Cond::Roles(roles.clone())]).collect()))
        };
        let fail_when = def.fail_when.as_ref().map(|def| Cond::new(def, plan));
        let mut patterns = Vec::new();
        let mut stages = Vec::new();
        for (place, (name, stage)) in def.stages.iter().enumerate() {
            stages.push(StagePlan::new(name, stage, plan));
            patterns_of(small(place), stage, plan, &mut patterns);
        }
        for pattern in &def.fail_on {
            patterns.push(PatternPlan { used: Use::Fail, matcher: Matcher::new(pattern, plan) });
        }
        let exclusive = def.exclusive_group.as_deref().map_or(Sym::NONE, Sym::new);
        let read_since = |since: Since| -> Vec<u16> {
            let objectives = stages.iter().flat_map(|stage: &StagePlan| &stage.objectives);
            let lifetimes = objectives.filter(|objective| objective.since == since);
            let lifetimes: BTreeSet<u16> = lifetimes.filter_map(|objective| objective.lifetime).collect();
            lifetimes.into_iter().collect()
        };
        let (since_reset, since_available) = (read_since(Since::Reset), read_since(Since::Available));
        QuestPlan {
            quest,
            scope: def.scope,
            accept: def.accept,
            turn_in: def.turn_in.clone(),
            npcs: match &def.turn_in {
                TurnIn::Npc(names) => names.as_slice().iter().map(|name| Sym::new(name)).collect(),
                TurnIn::Auto | TurnIn::Manual => Vec::new(),
            },
            credit: def.credit,
            exclusive,
            pool: def.pool.as_deref().map_or(Sym::NONE, Sym::new),
            window: def.window.as_ref().and_then(|window| Window::new(window).ok()),
            closes: def.window.as_ref().is_some_and(|window| window.closes),
            requires,
            roles_depend: if roles.is_empty() { 0 } else { depends::PLACE },
            roles,
            deadline: def.deadline,
            holds_depends: (stages.iter().flat_map(|stage| &stage.objectives))
                .filter_map(|objective| objective.holds.as_ref())
                .fold(0, |bits, cond| bits | cond.depends()),
            fail_depends: fail_when.as_ref().map_or(0, Cond::depends),
            fail_when,
            reset: def.repeat.as_ref().and_then(|repeat| Reset::new(repeat).ok().flatten()),
            repeat: def.repeat.clone(),
            stages,
            patterns,
            rewards: SlotPlan::all(&def.rewards),
            to: def.rewards.to.clone().unwrap_or(RewardTo::Contributors { at_least: 1, percent: 0 }),
            on_revoke: def.rewards.on_revoke,
            taps: (def.rewards.slots.values().map(|slot| &slot.to).chain([&def.rewards.to]))
                .any(|to| matches!(to, Some(RewardTo::Tapper {}))),
            effects: def.effects.iter().filter_map(effect).collect(),
            since_reset,
            since_available,
        }
    }

    /// Whether its availability is tested; else it is available to everyone who has not begun it.
    pub(super) fn is_tested(&self) -> bool {
        self.accept == Accept::Auto || self.is_gated() || !self.exclusive.is_none()
    }

    /// Whether it is available only while something holds.
    pub(super) fn is_gated(&self) -> bool {
        self.requires.is_some() || !self.pool.is_none() || self.window.is_some()
    }

    /// The conditions that are tested again when what they depend on changes: those of patterns are tested by events.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Cond> {
        let objectives = self.stages.iter().flat_map(|stage| &stage.objectives);
        let holds = objectives.filter_map(|objective| objective.holds.as_ref());
        self.requires.iter().chain(&self.fail_when).chain(holds)
    }

    /// What an event adds where one of the quest's patterns has accepted it.
    pub(super) fn gain(&self, used: Use, event: &Event) -> Option<Gain> {
        match used {
            Use::Fail | Use::Reset { .. } | Use::ResetStage { .. } => Some(Gain::default()),
            Use::Objective { stage, objective } | Use::Minus { stage, objective } => {
                self.stages[usize::from(stage)].objectives[usize::from(objective)].gain(event)
            }
        }
    }

    /// The same, with the target where the pattern names a role.
    pub(super) fn gain_of(&self, pattern: &PatternPlan, event: &Event) -> Option<Gain> {
        let gain = self.gain(pattern.used, event)?;
        let named = !pattern.matcher.role.is_none();
        Some(if named { Gain { item: event.target.hash128(), ..gain } } else { gain })
    }

    /// The place of a stage.
    pub(super) fn stage_of(&self, key: u64) -> Option<u16> {
        self.stages.iter().position(|stage| stage.key == key).map(small)
    }
}

fn branches_of(objectives: &[ObjectivePlan]) -> Vec<Sym> {
    let mut branches = Vec::new();
    for objective in objectives {
        if !objective.branch.is_none() && !branches.contains(&objective.branch) {
            branches.push(objective.branch);
        }
    }
    branches
}

impl StagePlan {
    fn new(name: &str, def: &StageDef, plan: &mut Plan) -> StagePlan {
        let ids: Vec<&str> = def.objectives.iter().map(|(id, _)| id).collect();
        let mut objectives: Vec<ObjectivePlan> = Vec::new();
        for (id, objective) in def.objectives.iter() {
            objectives.push(ObjectivePlan::new(id, objective, def, &ids, plan));
        }
        let any = |test: fn(&ObjectivePlan) -> bool| objectives.iter().any(test);
        let resets = !def.reset_on.is_empty() || def.complete == Complete::StrictSequence;
        let branches = branches_of(&objectives);
        let name = Sym::new(name);
        StagePlan {
            name,
            moved_from: def.moved_from.as_deref().map_or(Sym::NONE, Sym::new),
            key: name.hash64(),
            complete: def.complete,
            reads_lifetime: any(|objective| objective.since != Since::Accept),
            reads_state: any(|of| matches!(of.aggregate, Aggregate::Holds | Aggregate::Percent)),
            timed: any(ObjectivePlan::is_timed),
            resets,
            in_order: resets
                || def.complete.is_sequence()
                || !branches.is_empty()
                || any(|objective| objective.in_order),
            branches,
            times: def.times.max(1),
            after: ways(&def.after),
            objectives,
        }
    }
}

/// The patterns of a stage, in the order in which they take an event.
fn patterns_of(stage: u16, def: &StageDef, plan: &mut Plan, into: &mut Vec<PatternPlan>) {
    let mut add = |used: Use, patterns: &[Pattern]| {
        for pattern in patterns {
            into.push(PatternPlan { used, matcher: Matcher::new(pattern, plan) });
        }
    };
    add(Use::ResetStage { stage }, &def.reset_on);
    let objectives = || (0..).zip(def.objectives.iter().map(|(_, objective)| objective));
    for (objective, def) in objectives() {
        add(Use::Reset { stage, objective }, &def.reset_on);
    }
    for (objective, def) in objectives() {
        add(Use::Minus { stage, objective }, &def.minus);
    }
    for (objective, def) in objectives().filter(|(_, def)| def.since.is_accept() && def.holds.is_none()) {
        // `within` of one that comes after another is looked at as it counts.
        let within = def.within.filter(|_| def.after.is_none());
        add(Use::Objective { stage, objective }, &[Pattern { within, ..def.pattern() }]);
    }
}

fn effect(def: &Effect) -> Option<(Sym, FactChange, Ways)> {
    Some(match def {
        Effect::Set { fact, to, after } => {
            (Sym::new(fact), FactChange::Set(Value::from_json(to)?), ways(after))
        }
        Effect::Add { fact, by, after } => {
            (Sym::new(fact), FactChange::Add(Value::from_json(&by.clone().into())?), ways(after))
        }
    })
}
