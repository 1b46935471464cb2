//! Quests compiled: once per edit of a definition, so that an event meets only integers.
//!
//! `(kind, target)` leads to the patterns that may accept an event; the lists are made when first
//! asked for and thrown away when a definition or the target's tags change. The plan decides
//! nothing about holders.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::definitions::{Aggregate, Credit, Dates, QuestDef, Span, WorldDef};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::{Sym, Value};

use super::calendars::Dated;
use super::condition::{Cond, depends};
use super::edited::Edited;
use super::matcher::Matcher;
use super::objective::ObjectivePlan;
use super::offers::Pools;
use super::prerequisites::Prerequisites;
use super::quest_plan::{QuestPlan, Use};
use super::seen::Named;
use crate::facts::default_of;
use crate::messages::EntityTags;

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
    /// Which entities there are, and who carries each tag.
    there: FxHashSet<Sym>,
    by_tag: FxHashMap<Sym, FxHashSet<Sym>>,
    /// Who is in each group that is kept here, and in which region.
    pub(super) rosters: FxHashMap<Holder, FxHashMap<Sym, Sym>>,
    /// Whether quests have roles, and quests of which everyone must do their part.
    pub(super) has_roles: bool,
    pub(super) of_everyone: Vec<Ix>,
    /// Whether prerequisites and failure conditions ask who is near.
    pub(super) asks_near: bool,
    /// Who carries each tag, by hash.
    members: FxHashMap<Sym, FxHashSet<u128>>,
    index: FxHashMap<(Sym, Sym), Candidates>,
    /// Patterns by the kind that they ask for and a target or tag, [`Sym::NONE`] where any will do; in no order.
    patterns: FxHashMap<(Sym, Sym), Vec<(Ix, u16)>>,
    pub(super) lifetimes: Vec<LifetimePlan>,
    updates: Vec<UpdatePlan>,
    /// Quests whose availability is tested, in order of their names.
    pub(super) tested: Vec<Ix>,
    /// What has which of them tested.
    pub(super) prerequisites: Prerequisites,
    /// Which definitions have changed since all of this was arranged.
    pub(super) edited: Edited,
    /// Facts that are declared, with their scopes and defaults.
    facts: FxHashMap<Sym, (Scope, Value)>,
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
    /// Views of which they look up rows.
    pub(super) views_named: Named,
    /// Quests of which conditions, also those of patterns, name objectives or have named some.
    pub(super) progress_named: FxHashSet<Ix>,
    /// When occasions of the game are active.
    pub(super) occasions: FxHashMap<Sym, Dates>,
    /// Pools, with the quests that they offer.
    pub(super) pools: Pools,
    /// Quests that NPCs ask about.
    pub(crate) followed: FxHashSet<Ix>,
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
            plan.there.insert(Sym::new(name));
            plan.place(Sym::new(name), region.map_or(Sym::NONE, Sym::new));
            plan.tag(Sym::new(name), entity.tags.iter().map(|tag| Sym::new(tag)).collect());
        }
        for (name, def) in &world.lifetime {
            let matcher = Matcher::new(&def.pattern, &mut plan);
            let (name, identity) = (Sym::new(name), def.identity());
            plan.lifetimes.push(LifetimePlan { name, identity, scope: def.scope, matcher });
        }
        for (name, def) in &world.facts {
            plan.facts.insert(Sym::new(name), (def.scope, default_of(def)));
            for update in &def.changed_by {
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

    /// The place of a quest that somebody has named.
    pub(crate) fn known_ix(&self, quest: Sym) -> Option<Ix> {
        self.ix_of.get(&quest).copied()
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

    /// Compiles a definition, or takes it away. [`Plan::arrange`] follows once for all of them.
    pub(super) fn define(&mut self, quest: Sym, def: Option<&QuestDef>) -> Ix {
        let new = def.map(|def| Rc::new(QuestPlan::new(quest, def, self)));
        self.put(quest, new)
    }

    /// Puts what has been compiled in the place of what there was. [`Plan::arrange`] follows once for all of them.
    pub(super) fn put(&mut self, quest: Sym, new: Option<Rc<QuestPlan>>) -> Ix {
        let ix = self.ix(quest);
        let old = std::mem::replace(&mut self.quests[ix as usize], new);
        let new = self.quests[ix as usize].clone();
        self.edited.note(ix, old.as_deref(), new.as_deref());
        self.list_patterns(ix, old.as_deref(), new.as_deref());
        ix
    }

    fn list_patterns(&mut self, ix: Ix, old: Option<&QuestPlan>, new: Option<&QuestPlan>) {
        for key in old.into_iter().flat_map(|old| &old.patterns).flat_map(|pattern| pattern.matcher.keys()) {
            if let Some(list) = self.patterns.get_mut(&key) {
                list.retain(|(of, _)| *of != ix);
            }
        }
        for (place, pattern) in new.into_iter().flat_map(|new| &new.patterns).enumerate() {
            for key in pattern.matcher.keys() {
                self.patterns.entry(key).or_default().push((ix, small(place)));
            }
        }
    }

    /// Compiles definitions, or takes them away.
    pub(crate) fn define_all(&mut self, edits: &[(Sym, Option<Arc<QuestDef>>)]) {
        for (quest, def) in edits {
            self.define(*quest, def.as_deref());
        }
        self.arrange();
    }

    /// The scope of a fact that is declared.
    pub(super) fn fact_scope(&self, fact: Sym) -> Option<Scope> {
        self.facts.get(&fact).map(|(scope, _)| *scope)
    }

    /// The default of a fact that is declared.
    pub(super) fn fact_default(&self, fact: Sym) -> Option<&Value> {
        self.facts.get(&fact).map(|(_, default)| default)
    }

    /// Says which quests NPCs ask about. Followed are those that are defined, with the others of their
    /// exclusive groups. Returns the ones that were not followed before.
    pub(crate) fn follow(&mut self, named: impl IntoIterator<Item = Sym>) -> Vec<Ix> {
        let followed = self.with_rivals(named);
        let fresh = followed.difference(&self.followed).copied().collect();
        self.followed = followed;
        fresh
    }

    /// These quests that are defined, with the others of their exclusive groups.
    pub(crate) fn with_rivals(&self, named: impl IntoIterator<Item = Sym>) -> FxHashSet<Ix> {
        let mut all = FxHashSet::default();
        for ix in named.into_iter().filter_map(|quest| self.find(quest)) {
            let group = self.get(ix).map_or(Sym::NONE, |quest| quest.exclusive);
            all.insert(ix);
            all.extend(self.rivals(group));
        }
        all
    }

    /// What follows from all definitions together, if any has changed; what that may have changed for others.
    pub(super) fn arrange(&mut self) -> Option<FxHashSet<Ix>> {
        if self.edited.is_nothing() {
            return None;
        }
        self.index.clear();
        self.rivals.clear();
        self.tested.clear();
        self.failing.clear();
        self.holding.clear();
        self.of_sets.clear();
        self.of_everyone.clear();
        self.has_roles = false;
        self.by_world_day.clear();
        self.minutes.clear();
        self.asks_near = false;
        self.spans.clear();
        self.dated.clear();
        self.facts_named.clear();
        self.quests_named.clear();
        self.views_named.clear();
        self.pools.clear();
        let mut by_name: Vec<Ix> = self.ix_of.values().copied().collect();
        by_name.sort_by(|a, b| self.names[*a as usize].cmp_text(self.names[*b as usize]));
        for ix in by_name {
            let Some(plan) = self.quests[ix as usize].clone() else { continue };
            if !plan.exclusive.is_none() {
                self.rivals.entry(plan.exclusive).or_default().push(ix);
            }
            if plan.is_tested() {
                self.tested.push(ix);
            }
            self.pools.add(ix, &plan);
            if plan.fail_when.is_some() {
                self.failing.push(ix);
            }
            let objectives = || plan.stages.iter().flat_map(|stage| &stage.objectives);
            for (list, of) in [(&mut self.holding, Aggregate::Holds), (&mut self.of_sets, Aggregate::Percent)]
            {
                list.extend(objectives().any(|objective| objective.aggregate == of).then_some(ix));
            }
            self.of_everyone.extend(objectives().any(|objective| objective.everyone).then_some(ix));
            self.has_roles |= !plan.roles.is_empty();
            self.by_world_day.extend(objectives().any(ObjectivePlan::is_by_world_time).then_some(ix));
            for cond in plan.conditions() {
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
                    Cond::Near(_) | Cond::Roles(_) => self.asks_near = true,
                    Cond::Fact(fact, _) => {
                        self.facts_named.insert(*fact);
                    }
                    Cond::Quest(named, _) => {
                        self.quests_named.insert(*named);
                    }
                    Cond::Compare(compare) => {
                        self.facts_named.extend(compare.facts());
                        compare.rows().iter().for_each(|row| self.views_named.add(row));
                    }
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
        self.prerequisites = Prerequisites::new(self);
        Some(std::mem::take(&mut self.edited).concerned(self))
    }

    /// What is known of an entity has changed.
    pub(crate) fn tell_entity(&mut self, now: EntityTags) {
        self.tag(now.entity, now.tags);
        self.place(now.entity, now.region);
        self.note_there(now.entity, now.there);
    }

    /// The tags of an entity have changed.
    pub(super) fn tag(&mut self, entity: Sym, tags: Vec<Sym>) {
        self.index.retain(|(_, target), _| *target != entity);
        for tag in self.tags.remove(&entity).unwrap_or_default() {
            if let Some(members) = self.members.get_mut(&tag) {
                members.remove(&entity.hash128());
            }
            if let Some(carriers) = self.by_tag.get_mut(&tag) {
                carriers.remove(&entity);
            }
        }
        for tag in &tags {
            self.members.entry(*tag).or_default().insert(entity.hash128());
            self.by_tag.entry(*tag).or_default().insert(entity);
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

    /// An entity is there, or is no more.
    pub(super) fn note_there(&mut self, entity: Sym, there: bool) {
        if there {
            self.there.insert(entity);
        } else {
            self.there.remove(&entity);
        }
    }

    pub(super) fn is_there(&self, entity: Sym) -> bool {
        self.there.contains(&entity)
    }

    /// The region that an entity is in, or [`Sym::NONE`].
    pub(crate) fn region_of(&self, entity: Sym) -> Sym {
        self.located.get(&entity).copied().unwrap_or(Sym::NONE)
    }

    /// The entities that are one of these or carry one as a tag, in no order, some twice.
    pub(super) fn entities<'a>(&'a self, names: &'a [Sym]) -> impl Iterator<Item = Sym> + 'a {
        let of_name = |name: &'a Sym| {
            self.there.get(name).into_iter().chain(self.by_tag.get(name).into_iter().flatten())
        };
        names.iter().flat_map(of_name).copied()
    }

    /// Who is in a group.
    pub(super) fn members_of(&self, group: Holder) -> impl Iterator<Item = Sym> + '_ {
        self.rosters.get(&group).into_iter().flat_map(|roster| roster.keys().copied())
    }

    /// Whether one of these is in a region.
    pub(super) fn is_near(&self, region: Sym, names: &[Sym]) -> bool {
        let mut present = self.present.get(&region).into_iter().flatten();
        !region.is_none() && present.any(|entity| self.is_one_of(*entity, names))
    }

    /// Whether an entity is one of these, or carries one of them as a tag.
    pub(crate) fn is_one_of(&self, entity: Sym, names: &[Sym]) -> bool {
        let tags = self.tags.get(&entity).map_or(&[][..], Vec::as_slice);
        names.contains(&entity) || tags.iter().any(|tag| names.contains(tag))
    }

    /// The tags of an entity.
    pub(crate) fn tags_of(&self, entity: Sym) -> &[Sym] {
        self.tags.get(&entity).map_or(&[], Vec::as_slice)
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
        let tags = self.tags_of(target);
        let fits = |matcher: &Matcher| matcher.fits(kind, target, tags);
        let mut found = Candidates::default();
        let names = tags.iter().chain([&target, &Sym::NONE]);
        let fitting = names.filter_map(|name| self.patterns.get(&(kind, *name))).flatten();
        let mut fitting: Vec<(Ix, u16)> = fitting.copied().collect();
        fitting.sort_unstable();
        fitting.dedup();
        for (ix, place) in fitting {
            let Some(plan) = self.get(ix) else { continue };
            let used = plan.patterns[usize::from(place)].used;
            if plan.scope == Scope::Player {
                found.players.push((ix, place, used));
                if plan.credit != Credit::Own {
                    found.shared.push((ix, place, used));
                }
            } else {
                found.groups.push((ix, place));
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
