//! Quests that are held together: by a party, guild, account, region, instance or the realm.
//!
//! `contributions ─in order→ counters and shares ─→ progress, credits, grants`
//!
//! Sharded by holder. Events have been matched by the players' half; what is asked comes from there
//! too. It sees no event.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{FactChange, GrantAnswer, Holder, Scope};
use worldflow_schemas::{Sym, Tick, Value};

use super::core::Core;
use super::counting::{Counted, Now};
use super::messages::{Asked, BEFORE_EVENTS, Conclusion, Contribution, HitOn, Verb};
use super::saved::PieceKey;
use super::sharing::{Member, Rosters, Together};
use super::trace::Trace;
use super::traced::{By, Watch};
use crate::machine::{Machine, Output};
use crate::messages::{
    ClockNow, EffectOrder, EntityTags, FactEffect, FactNow, LevelNow, QuestEdit, QuestNow, ViewNow,
    ZoneWeather,
};
use crate::piece;

/// What the groups' half is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum GroupsIn {
    /// A quest is added, replaced or removed. Broadcast.
    Define(QuestEdit),
    /// The clock. Broadcast.
    Clock(ClockNow),
    /// The weather of a zone. Broadcast.
    Weather(ZoneWeather),
    /// The tags of an entity. Broadcast.
    Tags(EntityTags),
    /// A fact whose holder is not a player. Broadcast.
    Fact(FactNow),
    /// Where a group stands, from the tick before. Broadcast.
    Stands(QuestNow),
    /// A player's level, from the tick before. Broadcast.
    Level(LevelNow),
    /// What conditions see of a view, from the tick before. Broadcast.
    Seen(ViewNow),
    /// An answer to a grant whose holder is a group. By the holder.
    Answer(GrantAnswer),
    /// A group is named. By the holder.
    Known(Holder),
    /// A player of a party has come, moved or left. By the party.
    Member(Member),
    /// An event may count for others of a party. By the party.
    Together(Together),
    /// A group is no more. By the holder.
    Close(Holder),
    /// An event counts for a group. By the holder.
    Contribution(Contribution),
    /// Something is asked of a group's quest. By the holder.
    Asked(Asked),
}

/// The groups of one shard.
#[derive(Debug)]
pub struct GroupsMachine {
    core: Core,
    rosters: Rosters,
    /// Facts that count members.
    counting: Vec<(Sym, Scope)>,
    /// Groups of which such a fact changes in the next tick.
    sized: Vec<Holder>,
    pieces: Vec<BaseRow>,
}

impl GroupsMachine {
    /// Knows the realm and the declared regions, as far as they belong to shard `index` of `peers`.
    #[must_use]
    pub fn new(world: Arc<WorldDef>, realm: Sym, index: usize, peers: usize) -> GroupsMachine {
        let regions = world.regions.keys().map(|name| Holder { scope: Scope::Region, id: Sym::new(name) });
        let peers = u64::try_from(peers.max(1)).unwrap_or(u64::MAX);
        let here = |holder: &Holder| usize::try_from(holder.route() % peers) == Ok(index);
        let standing = regions.chain([Holder { scope: Scope::Realm, id: realm }]).filter(here).collect();
        let core = Core::new(Self::NAME, &world, realm, standing);
        let counting = world.facts.iter().filter(|(_, fact)| fact.members);
        let counting = counting.map(|(name, fact)| (Sym::new(name), fact.scope)).collect();
        GroupsMachine { core, rosters: Rosters::default(), counting, sized: Vec::new(), pieces: Vec::new() }
    }

    /// What the number of a group's members is from the next tick on.
    fn size_of(&self, group: Holder) -> Vec<FactEffect> {
        let counted = (0..).zip(&self.counting).filter(|(_, (_, scope))| *scope == group.scope);
        let size = i64::try_from(self.core.plan.members_of(group).count()).unwrap_or(i64::MAX);
        let effect = |(place, (fact, _)): (u32, &(Sym, Scope))| {
            let order = EffectOrder::Quest { quest: Sym::NONE, holder: group, place };
            FactEffect { order, holder: group, fact: *fact, change: FactChange::Set(Value::Int(size)) }
        };
        counted.map(effect).collect()
    }

    /// Tells how many members groups have, and keeps it until the facts have changed in the next tick.
    fn keep_sizes(&mut self) {
        let (name, now) = (self.core.name, self.core.context.now);
        let mut changed = std::mem::take(&mut self.rosters.changed);
        changed.retain(|group| self.counting.iter().any(|(_, scope)| *scope == group.scope));
        changed.sort_unstable();
        changed.dedup();
        for group in std::mem::take(&mut self.sized).into_iter().filter(|group| !changed.contains(group)) {
            let key = PieceKey::Updates(group);
            self.core.out.base.push(piece::change::<_, ()>(name, group.id, &key, None));
        }
        for group in changed {
            let value: (Tick, Vec<FactEffect>) = (now, self.size_of(group));
            self.core.out.base.push(piece::change(name, group.id, &PieceKey::Updates(group), Some(&value)));
            self.core.out.out.extend(value.1.into_iter().map(Conclusion::Effect));
            self.sized.push(group);
        }
    }

    /// The same, tracing a quest of one holder.
    #[must_use]
    pub fn watching(mut self, watch: Option<Watch>) -> GroupsMachine {
        self.core.trace = watch.map(|watch| Box::new(Trace::new(watch, |scope| scope != Scope::Player)));
        self
    }

    /// Phase 6: contributions in the order of their events.
    fn count(&mut self, mut contributions: Vec<Contribution>) {
        contributions.sort_by(|a, b| a.order.cmp_order(&b.order));
        let mut event = 0;
        let mut last = None;
        for contribution in &contributions {
            if last.is_some_and(|last: &Contribution| last.order != contribution.order) {
                event += 1;
            }
            last = Some(contribution);
            let at = self.core.know(contribution.holder);
            let mut counted: Vec<Counted> = Vec::new();
            for hit in &contribution.hits {
                let (quest, pattern, within) = match hit.on {
                    HitOn::Quest { quest, pattern, within } => (quest, pattern, within),
                    HitOn::Lifetime(lifetime) => {
                        self.core.count_lifetime(at, lifetime, hit.gain.amount);
                        continue;
                    }
                };
                let Some(ix) = self.core.plan.find(quest) else { continue };
                let Some(plan) = self.core.plan.get(ix) else { continue };
                let Some(pattern) = plan.patterns.get(usize::from(pattern)) else { continue };
                let (used, role) = (pattern.used, pattern.matcher.role);
                if self.core.may_count(at, ix, used, || within) != Now::Never {
                    if !self.core.hits_role(at, ix, role, hit.gain) {
                        continue;
                    }
                    let (player, gain) = (contribution.player, hit.gain);
                    counted.push(Counted { at, ix, used, event, player, gain });
                } else if self.core.trace.is_some() {
                    self.core.trace_closed(at, ix, used, within, &contribution.order);
                }
            }
            if let Some(trace) = &mut self.core.trace {
                trace.number([(event, contribution.order.clone())]);
            }
            for hits in counted.chunk_by(|a, b| a.ix == b.ix) {
                self.core.count_event(hits);
            }
        }
        self.core.lifetimes_phase();
    }
}

/// A tick's inputs by kind.
#[derive(Default)]
struct Sorted {
    contributions: Vec<Contribution>,
    asked: Vec<Asked>,
    answers: Vec<GrantAnswer>,
    together: Vec<Together>,
}

fn tell(core: &mut Core, rosters: &mut Rosters, inputs: Vec<GroupsIn>) -> Sorted {
    let mut sorted = Sorted::default();
    let (mut edits, mut known, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for input in inputs {
        match input {
            GroupsIn::Define(edit) => edits.push(edit),
            GroupsIn::Clock(clock) => core.tell_clock(clock),
            GroupsIn::Weather(weather) => core.tell_weather(weather),
            GroupsIn::Tags(tags) => core.tell_tags(tags),
            GroupsIn::Fact(fact) => core.tell_fact(fact),
            GroupsIn::Stands(stands) => core.tell_stands(stands),
            GroupsIn::Level(level) => drop(core.context.levels.insert(level.player, level.level)),
            GroupsIn::Seen(now) => seen.push(now),
            GroupsIn::Known(holder) => known.push(holder),
            GroupsIn::Close(group) => {
                core.close_group(group);
                // Its facts are gone: those who are still in it are counted anew.
                rosters.changed.extend(core.plan.members_of(group).next().map(|_| group));
            }
            GroupsIn::Answer(answer) => sorted.answers.push(answer),
            GroupsIn::Member(member) => rosters.tell(member, &mut core.plan.rosters),
            GroupsIn::Together(together) => sorted.together.push(together),
            GroupsIn::Contribution(contribution) => sorted.contributions.push(contribution),
            GroupsIn::Asked(asked) => sorted.asked.push(asked),
        }
    }
    core.tell_views(seen);
    core.define_all(&edits);
    sorted.asked.sort_by(|a, b| a.order.cmp_order(&b.order));
    // A group that is named in the tick in which it ends is named after it has ended.
    for holder in known {
        core.know(holder);
    }
    // Whoever is named in a tick is known before anything is tested in it.
    for contribution in &sorted.contributions {
        core.know(contribution.holder);
    }
    for asked in &sorted.asked {
        core.know(asked.holder);
    }
    sorted
}

impl Machine for GroupsMachine {
    type In = GroupsIn;
    type Out = Conclusion;
    const NAME: BaseName = "quests_of_groups";

    fn load(&mut self, row: BaseRow) {
        self.pieces.push(row);
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<GroupsIn>, output: &mut Output<Conclusion>) {
        self.core.context.now = tick;
        drop(tell(&mut self.core, &mut self.rosters, inputs));
        let way = self.core.restore(tick, std::mem::take(&mut self.pieces));
        (self.rosters.kept, self.sized) = (way.spread, way.updated);
        self.core.trace(|| By::Kept);
        self.core.trace_end();
        // A fact that counts members may be new.
        for group in std::mem::take(&mut self.rosters.changed) {
            let effects = self.size_of(group);
            self.core.out.out.extend(effects.into_iter().map(Conclusion::Effect));
        }
        self.core.drain(output, |conclusion| conclusion);
    }

    fn step(&mut self, tick: Tick, inputs: Vec<GroupsIn>, output: &mut Output<Conclusion>) {
        self.core.out.keeps_base = output.keeps_base;
        self.core.begin(tick);
        let Sorted { contributions, asked, answers, together } =
            tell(&mut self.core, &mut self.rosters, inputs);
        self.core.trace(|| By::Edit);
        self.core.let_go();
        self.core.answer(answers);
        self.core.count_everyone(&self.rosters.changed);
        self.core.open_phase();
        self.core.trace(|| By::Time);
        self.core.asked(&asked, &BEFORE_EVENTS);
        self.core.trace(|| By::Opened);
        self.count(contributions);
        self.core.complete_phase();
        self.core.asked(&asked, &[Verb::TurnIn]);
        self.core.fail_phase();
        self.core.asked(&asked, &[Verb::Abandon]);
        self.core.asked(&asked, &[Verb::Revoke]);
        self.core.close_tick();
        self.core.trace_end();
        self.keep_sizes();
        self.rosters.spread(together, &mut self.core);
        self.core.drain(output, |conclusion| conclusion);
    }

    fn alarm(&self) -> Option<Tick> {
        if self.rosters.kept.is_empty() && self.sized.is_empty() {
            self.core.alarm()
        } else {
            Some(self.core.context.now + 1)
        }
    }
}
