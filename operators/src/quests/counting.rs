//! Phase 6: what events add to counters, shares and sets, and take away from them.
//!
//! `hits (holder, quest, objective, gain) ─in order where order matters→ counters`

use smallvec::SmallVec;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Aggregate, Complete};
use worldflow_schemas::input::{Holder, Scope};

use super::branches::{Mark, Said};
use super::context::Context;
use super::core::{At, Core};
use super::holder::{Counter, Extra, Instance, ShareKey};
use super::messages::Gain;
use super::objective::ObjectivePlan;
use super::plan::{Ix, Plan};
use super::quest_plan::Use;
use super::saved::PieceKey;
use crate::piece;

/// An event that a pattern of a holder's quest has accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) at: At,
    pub(super) ix: Ix,
    pub(super) used: Use,
    /// The event's number within the tick: the same for all its hits.
    pub(super) event: u32,
    pub(super) player: Sym,
    pub(super) gain: Gain,
}

/// What to do with a hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Now {
    /// It cannot count.
    Never,
    /// It counts in any order.
    AnyOrder,
    /// It counts in the order of events.
    InOrder,
}

impl Core {
    /// Whether a hit may count: its instance is open, its stage too, and the objective not done.
    #[inline]
    pub(super) fn may_count(&self, at: At, ix: Ix, used: Use, within: impl FnOnce() -> Option<u64>) -> Now {
        match self.holders[at as usize].instance(ix) {
            Some(open) => self.may_count_for(open, ix, used, within),
            None => Now::Never,
        }
    }

    /// As [`Core::may_count`], for an open instance of the quest.
    #[inline]
    pub(super) fn may_count_for(
        &self,
        open: &Instance,
        ix: Ix,
        used: Use,
        within: impl FnOnce() -> Option<u64>,
    ) -> Now {
        let in_order = match used {
            Use::Fail => false,
            Use::ResetStage { stage } | Use::Reset { stage, .. } | Use::Minus { stage, .. } => {
                if stage != open.stage || !open.active {
                    return Now::Never;
                }
                true
            }
            Use::Objective { stage, objective } => {
                let counter = open.counters.get(usize::from(objective));
                if stage != open.stage || !open.active || counter.is_none_or(|counter| counter.hidden) {
                    return Now::Never;
                }
                let Some(quest) = self.plan.get(ix) else { return Now::Never };
                let stage = &quest.stages[usize::from(stage)];
                // What is done for good counts no more, unless an event of this tick sets it back.
                if counter.is_some_and(|counter| counter.done)
                    && !stage.resets
                    && stage.objectives[usize::from(objective)].latched
                {
                    return Now::Never;
                }
                stage.in_order
            }
        };
        if within().is_some_and(|ticks| self.context.now - open.stage_opened > ticks) {
            return Now::Never;
        }
        if in_order { Now::InOrder } else { Now::AnyOrder }
    }

    /// Counts what an event hit of one quest of a holder, in the order of its patterns. The stage is looked at once
    /// all of it has counted.
    pub(super) fn count_event(&mut self, hits: &[Counted]) {
        let Some(Counted { at, ix, player, .. }) = hits.first().copied() else { return };
        let adds = |hit: &&Counted| matches!(hit.used, Use::Objective { .. });
        for hit in hits.iter().filter(|hit| !adds(hit)) {
            self.carry_out(*hit);
        }
        let before = self.trace.is_some().then(|| self.done_of(at, ix));
        let counts = self.that_count(at, ix, hits.iter().filter(adds));
        if let Some(before) = before {
            self.trace_left_out(hits, &before, &counts);
        }
        for hit in counts {
            self.carry_out(hit);
        }
        self.settle(at, ix, player);
    }

    /// Of the patterns by which an event adds to objectives, those that count.
    fn that_count<'a>(
        &mut self,
        at: At,
        ix: Ix,
        hits: impl Iterator<Item = &'a Counted>,
    ) -> SmallVec<[Counted; 4]> {
        let Some(quest) = self.plan.get(ix).cloned() else { return SmallVec::new() };
        let Some(open) = self.holders[at as usize].instance(ix) else { return SmallVec::new() };
        let stage = &quest.stages[usize::from(open.stage)];
        // What the event itself gets done is not done before it.
        let before = done(open);
        let follows = |hit: &&Counted| {
            let Some(place) = place_of(hit) else { return false };
            let objective = &stage.objectives[place];
            objective.after.is_none_or(|after| before[usize::from(after)])
                && !is_late(objective, place, open, &self.context)
        };
        let adding: SmallVec<[Counted; 4]> = hits.filter(follows).copied().collect();
        if !stage.complete.is_sequence() {
            return adding;
        }
        let at_place = |wanted: usize| adding.iter().find(|hit| place_of(hit) == Some(wanted)).copied();
        let Some(first) = before.iter().position(|done| !done) else { return SmallVec::new() };
        let mut counts = at_place(first);
        if counts.is_none() && stage.complete == Complete::StrictSequence && !adding.is_empty() {
            counts = at_place(0);
            (0..before.len()).for_each(|place| self.set_back(at, ix, place));
        }
        counts.into_iter().collect()
    }

    /// By which branches the open stage is done after an event of a player.
    fn settle(&mut self, at: At, ix: Ix, player: Sym) {
        let Core { plan, holders, .. } = self;
        if let (Some(quest), Some(open)) = (plan.get(ix), holders[at as usize].instance_mut(ix)) {
            open.settle(&quest.stages[usize::from(open.stage)], player);
        }
    }

    /// Counts a hit that may count, where the order of events does not matter.
    pub(super) fn count(&mut self, hit: Counted) {
        self.carry_out(hit);
        self.settle(hit.at, hit.ix, hit.player);
    }

    /// Which objectives of the open stage are done.
    fn done_of(&self, at: At, ix: Ix) -> SmallVec<[bool; 8]> {
        self.holders[at as usize].instance(ix).map(done).unwrap_or_default()
    }

    fn carry_out(&mut self, hit: Counted) {
        if let Some(trace) = &mut self.trace {
            trace.added = None;
        }
        self.do_carry_out(hit);
        if self.trace.is_some() {
            self.trace_hit(hit);
        }
    }

    fn do_carry_out(&mut self, hit: Counted) {
        let Counted { at, ix, used, player, gain, .. } = hit;
        match used {
            Use::Fail => {
                if let Some(open) = self.holders[at as usize].instance_mut(ix) {
                    open.failed = true;
                    self.count_on(at, ix);
                }
            }
            Use::ResetStage { .. } => {
                let open = self.holders[at as usize].instance(ix);
                let places = open.map_or(0, |open| open.counters.len());
                (0..places).for_each(|place| self.set_back(at, ix, place));
            }
            Use::Reset { objective, .. } => {
                if !self.is_settled(at, ix, objective.into()) {
                    self.set_back(at, ix, objective.into());
                }
            }
            Use::Minus { objective, .. } => self.take_away(at, ix, objective.into(), gain),
            Use::Objective { objective, .. } => self.add_to(at, ix, objective.into(), player, gain),
        }
    }

    /// Whether an objective is done for good.
    fn is_settled(&self, at: At, ix: Ix, place: usize) -> bool {
        let Some(open) = self.holders[at as usize].instance(ix) else { return true };
        let Some(quest) = self.plan.get(ix) else { return true };
        open.counters[place].done && quest.stages[usize::from(open.stage)].objectives[place].latched
    }

    fn take_away(&mut self, at: At, ix: Ix, place: usize, gain: Gain) {
        if self.is_settled(at, ix, place) {
            return;
        }
        let Core { plan, holders, .. } = self;
        let Some(quest) = plan.get(ix) else { return };
        let Some(open) = holders[at as usize].instance_mut(ix) else { return };
        let stage = &quest.stages[usize::from(open.stage)];
        let counter = &mut open.counters[place];
        counter.count = counter.count.saturating_sub(u32::try_from(gain.amount).unwrap_or(u32::MAX));
        counter.done = counter.count >= stage.objectives[place].need;
        self.note_progress(at, ix);
    }

    fn add_to(&mut self, at: At, ix: Ix, place: usize, player: Sym, gain: Gain) {
        let Core { plan, holders, context, trace, .. } = self;
        let Some(quest) = plan.get(ix) else { return };
        let holder = &mut holders[at as usize];
        let id = holder.holder;
        let together = id.scope != Scope::Player;
        let Some(open) = holder.instance_mut(ix) else { return };
        let stage = &quest.stages[usize::from(open.stage)];
        let objective = &stage.objectives[place];
        let was_done = open.counters[place].done;
        if was_done && objective.latched {
            return;
        }
        let was = open.counters[place].count;
        let adding =
            Adding { plan, context, objective, place, holder: id, key: (stage.name, objective.name, player) };
        let added = adding.add(open, gain);
        if let Some(trace) = trace {
            trace.added = Some(added);
        }
        let counter = &mut open.counters[place];
        if added == 0 && counter.count == was {
            return;
        }
        counter.done = objective.is_reached(counter.count, objective.need_in(plan, id));
        if counter.done && !was_done && objective.precedes {
            counter.note_done(context.now);
        }
        let got_done = counter.done && !was_done;
        // The latest and the least belong to whoever gets them done.
        let added = match objective.aggregate {
            Aggregate::Last | Aggregate::Min => u32::from(got_done),
            _ => added,
        };
        let credited = together && added > 0;
        if credited {
            adding.credit(open, added);
        }
        let taps = credited && quest.taps && !player.is_none();
        self.note_progress(at, ix);
        if taps && self.record(at, ix).said(Mark::Tapper).is_none() {
            self.mark_as(at, ix, Mark::Tapper, Some(Said::Id(player)));
        }
    }

    /// Before phase 4: who belongs to these groups may be others, and so may be whether each has done their part.
    pub(super) fn count_everyone(&mut self, changed: &[Holder]) {
        if self.plan.of_everyone.is_empty() {
            return;
        }
        let mut groups: Vec<At> = changed.iter().filter_map(|group| self.at(*group)).collect();
        groups.sort_unstable();
        groups.dedup();
        for at in groups {
            for ix in self.plan.of_everyone.clone() {
                let Core { plan, holders, context, .. } = self;
                let holder = &mut holders[at as usize];
                let id = holder.holder;
                let Some((open, quest)) = holder.instance_mut(ix).zip(plan.get(ix)) else { continue };
                let stage = &quest.stages[usize::from(open.stage)];
                for (place, objective) in stage.objectives.iter().enumerate().filter(|(_, of)| of.everyone) {
                    let before = &open.counters[place];
                    let kept = before.hidden || (before.done && objective.latched);
                    if !open.active || open.stage_done || kept {
                        continue;
                    }
                    let was_done = before.done;
                    let count = parts_done(open, (stage.name, objective), plan.members_of(id));
                    let counter = &mut open.counters[place];
                    counter.count = count;
                    counter.done = count >= objective.need_in(plan, id);
                    if counter.done && !was_done && objective.precedes {
                        counter.note_done(context.now);
                    }
                }
                // What is needed shows also where it is done.
                self.touch(at, ix);
                self.count_on(at, ix);
            }
        }
    }

    fn note_progress(&mut self, at: At, ix: Ix) {
        self.count_on(at, ix);
        if let Some(open) = self.holders[at as usize].instance_mut(ix)
            && !open.progressed
        {
            open.progressed = true;
            self.progressed.push((at, ix));
        }
    }

    /// Adds to a lifetime counter.
    pub(super) fn count_lifetime(&mut self, at: At, lifetime: u16, amount: i64) {
        let Ok(amount) = u64::try_from(amount) else { return };
        let holder = &mut self.holders[at as usize];
        let count = holder.lifetimes.entry(lifetime).or_default();
        *count = count.saturating_add(amount);
        self.lived.push((at, lifetime));
    }

    /// After the events of a tick: keeps lifetime counters and has who reads them look.
    pub(super) fn lifetimes_phase(&mut self) {
        let mut lived = std::mem::take(&mut self.lived);
        lived.sort_unstable();
        lived.dedup();
        for (at, lifetime) in lived {
            let holder = &self.holders[at as usize];
            let counter = &self.plan.lifetimes[usize::from(lifetime)];
            let key = PieceKey::Lifetime(holder.holder, counter.name, counter.identity);
            let count = holder.lifetimes.get(&lifetime);
            self.out.base.push(piece::change(self.name, holder.holder.id, &key, count));
            for ix in holder.open_ix.clone() {
                self.count_on(at, ix);
            }
        }
    }
}

fn place_of(hit: &Counted) -> Option<usize> {
    match hit.used {
        Use::Objective { objective, .. } => Some(objective.into()),
        _ => None,
    }
}

/// Which objectives are done.
fn done(open: &Instance) -> SmallVec<[bool; 8]> {
    open.counters.iter().map(|counter| counter.done).collect()
}

/// Whether it comes too late after what it should come after.
pub(super) fn is_late(objective: &ObjectivePlan, place: usize, open: &Instance, context: &Context) -> bool {
    let follows = open.counters[place].follows(objective, &open.counters, context);
    objective.after.is_some()
        && objective.within.is_some()
        && follows.is_none_or(|(_, until)| until < context.now)
}

/// An event that adds to an objective.
struct Adding<'a> {
    plan: &'a Plan,
    context: &'a Context,
    objective: &'a ObjectivePlan,
    place: usize,
    holder: Holder,
    key: ShareKey,
}

impl Adding<'_> {
    /// Counts it; returns what it has added, which is what it is credited with.
    fn add(&self, open: &mut Instance, gain: Gain) -> u32 {
        let Adding { context, objective, .. } = self;
        let gained = u32::try_from(gain.amount).unwrap_or(u32::MAX);
        let need = objective.need;
        if let Some(each) = objective.each {
            return self.add_of_player(open, gained, each);
        }
        let counter: &mut Counter = &mut open.counters[self.place];
        let added = match objective.aggregate {
            Aggregate::Count | Aggregate::Sum => {
                if let Some(window) = objective.window {
                    let leaves = context.now.saturating_add(context.ticks(window).max(1));
                    counter.add_until(leaves, gained, need);
                    return gained;
                }
                if let Some(half_life) = objective.half_life {
                    counter.add_decaying(context.now, context.ticks(half_life), gained, need);
                    return gained;
                }
                if objective.sinks { gained } else { gained.min(need.saturating_sub(counter.count)) }
            }
            Aggregate::Max => gained.min(need).saturating_sub(counter.count),
            Aggregate::Min => {
                counter.count = if counter.count == 0 { gained } else { counter.count.min(gained) };
                return 0;
            }
            Aggregate::Last => {
                counter.count = gained;
                return 0;
            }
            Aggregate::Streak => {
                let every = objective.every.as_ref();
                return u32::from(every.is_some_and(|every| counter.add_period(every, context)));
            }
            Aggregate::Distinct | Aggregate::Percent => return self.add_item(open, gain.item),
            Aggregate::Holds => 0,
        };
        counter.count = counter.count.saturating_add(added);
        added
    }

    /// Counts a value if it is new.
    fn add_item(&self, open: &mut Instance, item: u128) -> u32 {
        let extra = open.extra.get_or_insert_with(Box::default);
        let number = super::plan::small(self.place);
        if !extra.seen.insert((number, item)) {
            return 0;
        }
        extra.new_seen.push((number, item));
        open.counters[self.place].count = match self.objective.aggregate {
            Aggregate::Percent => seen_of(self.objective, self.place, open, self.plan),
            _ => open.counters[self.place].count + 1,
        };
        1
    }

    /// Counts what a player has, and the player once that is enough.
    fn add_of_player(&self, open: &mut Instance, gained: u32, each: u32) -> u32 {
        if self.key.2.is_none() {
            return 0;
        }
        let extra = open.extra.as_ref();
        // What was done before the stage opened again is credited, and counts no more.
        let has = extra
            .and_then(|extra| extra.shares.get(&self.key))
            .map_or(0, |share| share.amount - share.before);
        let added = i64::from(gained).min(i64::from(each) - has).max(0);
        let counts =
            || !self.objective.everyone || self.plan.members_of(self.holder).any(|of| of == self.key.2);
        if added > 0 && has + added >= i64::from(each) && counts() {
            open.counters[self.place].count += 1;
        }
        u32::try_from(added).expect("at most what each must have")
    }

    /// Credits the player.
    fn credit(&self, open: &mut Instance, added: u32) {
        let extra: &mut Extra = open.extra.get_or_insert_with(Box::default);
        extra.shares.entry(self.key).or_default().amount += i64::from(added);
        extra.new_shares.push(self.key);
    }
}

/// How many of these have done their part in an objective of the open stage.
pub(super) fn parts_done(
    open: &Instance,
    (stage, of): (Sym, &ObjectivePlan),
    members: impl Iterator<Item = Sym>,
) -> u32 {
    let Some(each) = of.each else { return 0 };
    let shares = open.extra.as_ref().map(|extra| &extra.shares);
    let has = |player: Sym| {
        let share = shares.and_then(|shares| shares.get(&(stage, of.name, player)));
        share.is_some_and(|share| share.amount - share.before >= i64::from(each))
    };
    u32::try_from(members.filter(|player| has(*player)).count()).unwrap_or(u32::MAX)
}

/// How many of a set of entities were counted.
pub(super) fn seen_of(objective: &ObjectivePlan, place: usize, open: &Instance, plan: &Plan) -> u32 {
    let Some(extra) = &open.extra else { return 0 };
    let set = objective.set(plan);
    let of = |(number, item): &&(u16, u128)| usize::from(*number) == place && set.contains(item);
    u32::try_from(extra.seen.iter().filter(of).count()).unwrap_or(u32::MAX)
}
