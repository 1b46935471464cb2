//! Quests compiled: once per edit of a definition, so that an event meets only integers.
//!
//! `(kind, target)` leads to the patterns that may accept an event; the lists are made when first
//! asked for and thrown away when a definition or the target's tags change. The plan decides
//! nothing about holders.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::definitions::{
    Accept, Aggregate, Complete, Condition, Credit, Dates, Effect, OnRevoke, Pattern, QuestDef, Repeat,
    Reset, RewardTo, Since, Span, StageDef, TurnIn, Window, WorldDef,
};
use worldflow_schemas::input::{FactChange, Scope};
use worldflow_schemas::{Event, Sym, Value};

use super::branches::{Ways, ways};
use super::calendars::Dated;
use super::condition::{Cond, depends};
use super::matcher::Matcher;
use super::messages::Gain;
use super::objective::ObjectivePlan;
use super::offers::Pools;
use super::rewards::SlotPlan;

/// A quest's place in the plan; stays the same while the process runs, also across edits.
pub(crate) type Ix = u32;

/// The most lists of candidates kept: targets may be chosen by strangers.
const MOST_LISTS: usize = 1 << 16;

/// Everything compiled.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    ix_of: FxHashMap<Sym, Ix>,
    names: Vec<Sym>,
    quests: Vec<Option<Rc<QuestPlan>>>,
    rivals: FxHashMap<Sym, Vec<Ix>>,
    zones: FxHashMap<Sym, Sym>,
    tags: FxHashMap<Sym, Vec<Sym>>,
    /// In which region entities are, and which are in each.
    located: FxHashMap<Sym, Sym>,
    present: FxHashMap<Sym, Vec<Sym>>,
    /// Whether prerequisites and failure conditions ask who is near.
    pub(super) asks_near: bool,
    /// Who carries each tag, by hash.
    members: FxHashMap<Sym, FxHashSet<u128>>,
    index: FxHashMap<(Sym, Sym), Candidates>,
    pub(super) lifetimes: Vec<LifetimePlan>,
    updates: Vec<UpdatePlan>,
    /// Quests whose availability is tested, in order of their names.
    pub(super) tested: Vec<Ix>,
    /// Quests with `fail_when`, in order of their names.
    pub(super) failing: Vec<Ix>,
    /// Bounds of hours and spans of weather in prerequisites and failure conditions.
    pub(super) minutes: BTreeSet<u32>,
    pub(super) spans: BTreeSet<Span>,
    /// What they ask of the real calendar.
    pub(super) dated: Vec<Dated>,
    /// Quests with objectives that hold while a condition does, in order of their names.
    pub(super) holding: Vec<Ix>,
    /// Quests that count sets of entities, or days of the world.
    pub(super) of_sets: Vec<Ix>,
    pub(super) by_world_day: Vec<Ix>,
    /// Facts and quests that they name; a change of any other has nothing tested again.
    pub(super) facts_named: FxHashSet<Sym>,
    pub(super) quests_named: FxHashSet<Ix>,
    /// Quests of which conditions, also those of patterns, name objectives or have named some.
    pub(super) progress_named: FxHashSet<Ix>,
    /// When occasions of the game are active.
    pub(super) occasions: FxHashMap<Sym, Dates>,
    /// Pools, with the quests that they offer.
    pub(super) pools: Pools,
    /// Quests that NPCs ask about.
    pub(crate) followed: FxHashSet<Ix>,
}

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
    pub(super) requires: Option<Cond>,
    pub(super) exclusive: Sym,
    /// The pool, or [`Sym::NONE`].
    pub(super) pool: Sym,
    pub(super) window: Option<Window>,
    /// An active instance expires at the window's end.
    pub(super) closes: bool,
    pub(super) depends: u16,
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

/// A lifetime counter.
#[derive(Debug)]
pub(super) struct LifetimePlan {
    pub(super) name: Sym,
    pub(super) identity: u64,
    pub(super) scope: Scope,
    pub(super) matcher: Matcher,
}

/// An update of a fact by events.
#[derive(Debug)]
pub(super) struct UpdatePlan {
    pub(super) fact: Sym,
    pub(super) scope: Scope,
    pub(super) matcher: Matcher,
    set: Option<Value>,
    add: Option<Value>,
}

/// The patterns that may accept events of one kind and target.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) players: Vec<(Ix, u16, Use)>,
    /// Those of players' quests that count for others of the party, too.
    pub(super) shared: Vec<(Ix, u16, Use)>,
    pub(super) groups: Vec<(Ix, u16)>,
    pub(super) lifetimes: Vec<u16>,
    pub(super) updates: Vec<u16>,
}

pub(super) fn small(n: usize) -> u16 {
    u16::try_from(n).expect("the check of a world bounds the parts of a quest far below 65536")
}

impl Plan {
    pub(crate) fn new(world: &WorldDef) -> Plan {
        let occasions = world.occasions.iter();
        let occasions = occasions.filter_map(|(name, def)| Some((Sym::new(name), Dates::new(def).ok()?)));
        let mut plan = Plan { pools: Pools::new(world), occasions: occasions.collect(), ..Plan::default() };
        for (name, region) in &world.regions {
            if let Some(zone) = &region.zone {
                plan.zones.insert(Sym::new(name), Sym::new(zone));
            }
        }
        for (name, entity) in &world.entities {
            let region = entity.properties.get("region").and_then(serde_json::Value::as_str);
            plan.place(Sym::new(name), region.map_or(Sym::NONE, Sym::new));
            plan.tag(Sym::new(name), entity.tags.iter().map(|tag| Sym::new(tag)).collect());
        }
        for (name, def) in &world.lifetime {
            let matcher = Matcher::new(&def.pattern, &mut plan);
            let (name, identity) = (Sym::new(name), def.identity());
            plan.lifetimes.push(LifetimePlan { name, identity, scope: def.scope, matcher });
        }
        for (name, def) in &world.facts {
            for update in &def.on {
                let matcher = Matcher::new(&update.pattern, &mut plan);
                plan.updates.push(UpdatePlan {
                    fact: Sym::new(name),
                    scope: def.scope,
                    matcher,
                    set: update.set.as_ref().and_then(Value::from_json),
                    add: update.add.as_ref().and_then(|by| Value::from_json(&by.clone().into())),
                });
            }
        }
        plan
    }

    /// The place of a quest, defined or not.
    pub(crate) fn ix(&mut self, quest: Sym) -> Ix {
        let next = Ix::try_from(self.names.len()).expect("fewer quests than ids");
        let ix = *self.ix_of.entry(quest).or_insert(next);
        if ix == next {
            self.names.push(quest);
            self.quests.push(None);
        }
        ix
    }

    pub(super) fn find(&self, quest: Sym) -> Option<Ix> {
        self.ix_of.get(&quest).copied().filter(|ix| self.get(*ix).is_some())
    }

    /// The places of all quests, defined or not.
    pub(super) fn all(&self) -> std::ops::Range<Ix> {
        0..Ix::try_from(self.names.len()).expect("fewer quests than ids")
    }

    pub(super) fn name(&self, ix: Ix) -> Sym {
        self.names[ix as usize]
    }

    pub(super) fn get(&self, ix: Ix) -> Option<&Rc<QuestPlan>> {
        self.quests[ix as usize].as_ref()
    }

    /// The quests of an exclusive group.
    pub(super) fn rivals(&self, group: Sym) -> &[Ix] {
        if group.is_none() { &[] } else { self.rivals.get(&group).map_or(&[], Vec::as_slice) }
    }

    pub(crate) fn zone(&self, region: Sym) -> Option<Sym> {
        self.zones.get(&region).copied()
    }

    pub(super) fn update(&self, update: u16) -> &UpdatePlan {
        &self.updates[usize::from(update)]
    }

    /// Compiles a definition, or takes it away.
    pub(super) fn define(&mut self, quest: Sym, def: Option<&QuestDef>) -> Ix {
        let ix = self.compile(quest, def);
        self.arrange();
        ix
    }

    /// Compiles definitions, or takes them away.
    pub(crate) fn define_all(&mut self, edits: &[(Sym, Option<Arc<QuestDef>>)]) {
        for (quest, def) in edits {
            self.compile(*quest, def.as_deref());
        }
        if !edits.is_empty() {
            self.arrange();
        }
    }

    /// Says which quests NPCs ask about. Followed are those that are defined, with the others of their
    /// exclusive groups. Returns the ones that were not followed before.
    pub(crate) fn follow(&mut self, named: impl IntoIterator<Item = Sym>) -> Vec<Ix> {
        let mut followed = FxHashSet::default();
        for ix in named.into_iter().filter_map(|quest| self.find(quest)) {
            let group = self.get(ix).map_or(Sym::NONE, |quest| quest.exclusive);
            followed.insert(ix);
            followed.extend(self.rivals(group));
        }
        let fresh = followed.difference(&self.followed).copied().collect();
        self.followed = followed;
        fresh
    }

    fn compile(&mut self, quest: Sym, def: Option<&QuestDef>) -> Ix {
        let ix = self.ix(quest);
        let compiled = def.map(|def| Rc::new(QuestPlan::new(quest, def, self)));
        self.quests[ix as usize] = compiled;
        ix
    }

    /// What follows from all definitions together.
    fn arrange(&mut self) {
        self.index.clear();
        self.rivals.clear();
        self.tested.clear();
        self.failing.clear();
        self.holding.clear();
        self.of_sets.clear();
        self.by_world_day.clear();
        self.minutes.clear();
        self.asks_near = false;
        self.spans.clear();
        self.dated.clear();
        self.facts_named.clear();
        self.quests_named.clear();
        self.pools.clear();
        let mut by_name: Vec<Ix> = self.ix_of.values().copied().collect();
        by_name.sort_by(|a, b| self.names[*a as usize].cmp_text(self.names[*b as usize]));
        for ix in by_name {
            let Some(plan) = self.quests[ix as usize].clone() else { continue };
            if !plan.exclusive.is_none() {
                self.rivals.entry(plan.exclusive).or_default().push(ix);
            }
            if plan.accept == Accept::Auto || plan.is_gated() || !plan.exclusive.is_none() {
                self.tested.push(ix);
            }
            self.pools.add(ix, &plan);
            if plan.fail_when.is_some() {
                self.failing.push(ix);
            }
            let objectives = || plan.stages.iter().flat_map(|stage| &stage.objectives);
            let holds = objectives().filter_map(|objective| objective.holds.as_ref());
            for (list, of) in [(&mut self.holding, Aggregate::Holds), (&mut self.of_sets, Aggregate::Percent)]
            {
                list.extend(objectives().any(|objective| objective.aggregate == of).then_some(ix));
            }
            self.by_world_day.extend(objectives().any(ObjectivePlan::is_by_world_time).then_some(ix));
            for cond in plan.requires.iter().chain(&plan.fail_when).chain(holds) {
                cond.visit(&mut |cond| match cond {
                    Cond::Hours(hours) => {
                        self.minutes.extend([hours.from_min % 1440, hours.to_min % 1440]);
                    }
                    Cond::Weather { lasting: Some(span), .. } => {
                        self.spans.insert(*span);
                    }
                    Cond::Dated(dated) => {
                        // Days of the world begin at midnight.
                        self.minutes.extend((dated.depends() & depends::TIME != 0).then_some(0));
                        self.dated.extend((dated.depends() & depends::DATES != 0).then(|| dated.clone()));
                    }
                    Cond::Near(_) => self.asks_near = true,
                    Cond::Fact(fact, _) => {
                        self.facts_named.insert(*fact);
                    }
                    Cond::Quest(named, _) => {
                        self.quests_named.insert(*named);
                    }
                    Cond::Compare(compare) => self.facts_named.extend(compare.facts()),
                    _ => {}
                });
            }
        }
        // Whether a quest is hidden or available may hang on the others of its exclusive group.
        for group in self.rivals.values() {
            if group.iter().any(|ix| self.quests_named.contains(ix)) {
                self.quests_named.extend(group);
            }
        }
    }

    /// The tags of an entity have changed.
    pub(super) fn tag(&mut self, entity: Sym, tags: Vec<Sym>) {
        self.index.retain(|(_, target), _| *target != entity);
        for tag in self.tags.remove(&entity).unwrap_or_default() {
            if let Some(members) = self.members.get_mut(&tag) {
                members.remove(&entity.hash128());
            }
        }
        for tag in &tags {
            self.members.entry(*tag).or_default().insert(entity.hash128());
        }
        if !tags.is_empty() {
            self.tags.insert(entity, tags);
        }
    }

    /// An entity is in another region now, or in none.
    pub(super) fn place(&mut self, entity: Sym, region: Sym) {
        if let Some(before) = self.located.remove(&entity)
            && let Some(present) = self.present.get_mut(&before)
        {
            present.retain(|other| *other != entity);
        }
        if !region.is_none() {
            self.located.insert(entity, region);
            self.present.entry(region).or_default().push(entity);
        }
    }

    /// Whether one of these is in a region.
    pub(super) fn is_near(&self, region: Sym, names: &[Sym]) -> bool {
        let mut present = self.present.get(&region).into_iter().flatten();
        !region.is_none() && present.any(|entity| self.is_one_of(*entity, names))
    }

    /// Whether an entity is one of these, or carries one of them as a tag.
    pub(super) fn is_one_of(&self, entity: Sym, names: &[Sym]) -> bool {
        let tags = self.tags.get(&entity).map_or(&[][..], Vec::as_slice);
        names.contains(&entity) || tags.iter().any(|tag| names.contains(tag))
    }

    /// The entities, by hash, that carry one of these tags.
    pub(super) fn carriers(&self, tags: &[Sym]) -> FxHashSet<u128> {
        tags.iter().filter_map(|tag| self.members.get(tag)).flatten().copied().collect()
    }

    /// Makes sure that [`Plan::candidates`] has the list of a kind and target.
    pub(super) fn prepare(&mut self, kind: Sym, target: Sym) {
        if self.index.contains_key(&(kind, target)) {
            return;
        }
        if self.index.len() >= MOST_LISTS {
            self.index.clear();
        }
        let tags = self.tags.get(&target).map_or(&[][..], Vec::as_slice);
        let fits = |matcher: &Matcher| matcher.fits(kind, target, tags);
        let mut found = Candidates::default();
        for (ix, plan) in (0..).zip(&self.quests) {
            let Some(plan) = plan else { continue };
            for (place, pattern) in plan.patterns.iter().enumerate().filter(|(_, p)| fits(&p.matcher)) {
                if plan.scope == Scope::Player {
                    found.players.push((ix, small(place), pattern.used));
                    if plan.credit != Credit::Own {
                        found.shared.push((ix, small(place), pattern.used));
                    }
                } else {
                    found.groups.push((ix, small(place)));
                }
            }
        }
        let places = |fits: Vec<bool>| -> Vec<u16> {
            fits.iter().enumerate().filter(|(_, fits)| **fits).map(|(place, _)| small(place)).collect()
        };
        found.lifetimes = places(self.lifetimes.iter().map(|counter| fits(&counter.matcher)).collect());
        found.updates = places(self.updates.iter().map(|update| fits(&update.matcher)).collect());
        self.index.insert((kind, target), found);
    }

    /// The patterns that may accept an event of a kind and target, after [`Plan::prepare`].
    pub(super) fn candidates(&self, kind: Sym, target: Sym) -> Option<&Candidates> {
        self.index.get(&(kind, target))
    }
}

impl QuestPlan {
    fn new(quest: Sym, def: &QuestDef, plan: &mut Plan) -> QuestPlan {
        let cond = |def: Option<&Condition>, plan: &mut Plan| {
            def.filter(|def| !def.is_empty()).map(|def| Cond::new(def, plan))
        };
        let requires = cond(Some(&def.requires), plan);
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
        let mut depends = requires.as_ref().map_or(0, Cond::depends);
        if def.pool.is_some() || def.window.is_some() {
            depends |= depends::DATES;
        }
        if !exclusive.is_none() {
            depends |= depends::QUESTS;
        }
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
            depends,
            requires,
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

    /// Whether it is available only while something holds.
    pub(super) fn is_gated(&self) -> bool {
        self.requires.is_some() || !self.pool.is_none() || self.window.is_some()
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

impl UpdatePlan {
    /// What an accepted event does to the fact.
    pub(super) fn change(&self, amount: i64) -> Option<FactChange> {
        if let Some(value) = &self.set {
            return Some(FactChange::Set(value.clone()));
        }
        Some(FactChange::Add(match self.add.as_ref()? {
            Value::Int(by) => Value::Int(by.saturating_mul(amount)),
            Value::Dec(by) => Value::Dec(by.saturating_mul(amount)),
            _ => return None,
        }))
    }
}
