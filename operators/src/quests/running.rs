//! Objectives for which time runs: what is kept of them, what passes, and the rows that say so.
//!
//! `kept (of an objective) ─time, phase 4→ value falls ─→ objective_times`
//!
//! An instance is woken when the next thing passes, and never before. What events add is in `counting`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::Reset;
use worldflow_schemas::{Row, Sym, Tick, Value, catalog};

use super::context::Context;
use super::core::{At, Core};
use super::decay;
use super::holder::{Counter, Instance};
use super::objective::{EveryPlan, ObjectivePlan};
use super::plan::Ix;
use super::quest_plan::{QuestPlan, StagePlan};
use super::rows::Names;
use super::saved::PieceKey;
use crate::piece;

const DAY_MS: i64 = 86_400_000;
/// A million: values that decay are in millionths.
const UNIT: u64 = 1_000_000;

/// What is kept of an objective besides its count. Of each kind only what it needs is used.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// With `for`: since when the condition holds. With `half_life`: the tick of `exact`. With a
    /// streak: when the period that counted last is over.
    since: Tick,
    /// With `for`: when the span is over. With `half_life`: when half is left. With a streak: when it
    /// is lost.
    until: Tick,
    /// With `half_life`: the value in millionths.
    exact: u64,
    /// With a streak of days of the world: the day that counted last.
    day: i64,
    /// With `window`: when what was added leaves, and how much it is; the first to leave first.
    parts: VecDeque<(Tick, u32)>,
    /// Where another comes after it: when it was done.
    done_at: Option<Tick>,
    #[serde(skip)]
    changed: bool,
    #[serde(skip)]
    saved: bool,
}

impl Kept {
    /// As it comes back from base state.
    pub(super) fn restored(self) -> Kept {
        Kept { saved: true, ..self }
    }
}

/// The row of `objective_times` that was last emitted.
pub(super) type TimesShown = ((Option<u64>, Option<Tick>, Option<Tick>), Row);

impl Counter {
    fn kept(&mut self) -> &mut Kept {
        let kept = self.kept.get_or_insert_with(Box::default);
        kept.changed = true;
        kept
    }

    /// Whether what is kept has changed since it was last said.
    pub(super) fn keeps_new(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.changed)
    }

    /// Notes when it was done, for what comes after it.
    pub(super) fn note_done(&mut self, now: Tick) {
        self.kept().done_at = Some(now);
    }

    /// When it was done, if that matters to another.
    pub(super) fn done_at(&self) -> Option<Tick> {
        self.kept.as_ref()?.done_at
    }

    /// With `window`: counts what an event adds until a tick. Only the latest that are enough are kept.
    pub(super) fn add_until(&mut self, leaves: Tick, amount: u32, need: u32) {
        let kept = self.kept();
        // A clock that was slowed down may have what was added before stay for longer.
        let place = kept.parts.partition_point(|(other, _)| *other <= leaves);
        match place.checked_sub(1).and_then(|last| kept.parts.get_mut(last)) {
            Some((other, sum)) if *other == leaves => *sum = sum.saturating_add(amount),
            _ => kept.parts.insert(place, (leaves, amount)),
        }
        let mut sum: u64 = kept.parts.iter().map(|(_, amount)| u64::from(*amount)).sum();
        while let Some((_, first)) = kept.parts.front()
            && sum - u64::from(*first) >= u64::from(need)
        {
            sum -= u64::from(*first);
            kept.parts.pop_front();
        }
        self.count = u32::try_from(sum).unwrap_or(u32::MAX).min(need);
    }

    /// With `half_life`: adds to what is left.
    pub(super) fn add_decaying(&mut self, now: Tick, half_life: u64, amount: u32, need: u32) {
        let most = u64::from(need) * UNIT;
        let exact = (self.left_at(now).saturating_add(u64::from(amount) * UNIT)).min(most);
        let kept = self.kept();
        (kept.exact, kept.since) = (exact, now);
        kept.until = now.saturating_add(half_life.max(1));
        self.count = u32::try_from(exact / UNIT).unwrap_or(u32::MAX);
    }

    /// With `half_life`: the value at a tick, in millionths.
    fn left_at(&self, now: Tick) -> u64 {
        self.kept.as_ref().map_or(0, |kept| {
            decay::left(kept.exact, now.saturating_sub(kept.since), kept.until - kept.since)
        })
    }

    /// With `streak`: an event counts. Whether it is the first of its period.
    pub(super) fn add_period(&mut self, every: &EveryPlan, context: &Context) -> bool {
        let now = context.now;
        let counted = self.count > 0;
        match every {
            EveryPlan::WorldDay => {
                let Some(today) = context.world_day() else { return false };
                let kept = self.kept();
                let last = std::mem::replace(&mut kept.day, today);
                if counted && last == today {
                    return false;
                }
                self.count = if counted && last.checked_add(1) == Some(today) { self.count + 1 } else { 1 };
            }
            EveryPlan::Real(reset) => {
                let next = |after: Tick| context.next_period(reset, after);
                let kept = self.kept();
                if counted && now < kept.since {
                    return false;
                }
                kept.since = if counted { kept.until } else { next(now) };
                kept.until = next(kept.since);
                self.count = if counted { self.count + 1 } else { 1 };
            }
        }
        true
    }

    /// With `for`: the condition holds or does not. Whether it has held for long enough.
    pub(super) fn hold(&mut self, holds: bool, now: Tick, ticks: impl FnOnce() -> u64) -> bool {
        // Where another comes after it, that it was done is kept as well.
        let running = self.kept.as_ref().is_some_and(|kept| kept.until > 0);
        if holds && !running {
            let kept = self.kept();
            (kept.since, kept.until) = (now, now.saturating_add(ticks()));
        } else if !holds && running {
            let kept = self.kept();
            (kept.since, kept.until) = (0, 0);
        }
        holds && self.kept.as_ref().is_some_and(|kept| kept.until <= now)
    }

    /// Carried over an edit: a span is another, what decays again begins now, and what others come after
    /// was done now if it is so by the edit, or if nobody knows when.
    pub(super) fn carry(&mut self, objective: &ObjectivePlan, was_done: bool, context: &Context) {
        let now = context.now;
        if let Some(kept) = &mut self.kept
            && objective.holds.is_some()
            && kept.until > 0
        {
            let until = |span| kept.since.saturating_add(context.ticks(span));
            (kept.since, kept.until) = objective.lasting.map_or((0, 0), |span| (kept.since, until(span)));
        }
        if let Some(half_life) = objective.half_life {
            // What is done decays no more.
            self.done &= was_done || self.left_at(now) >= u64::from(objective.need) * UNIT;
            if was_done && !self.done {
                let count = self.count;
                self.kept = None;
                self.add_decaying(now, context.ticks(half_life), count, objective.need);
            }
        }
        if objective.precedes && self.done && (!was_done || self.done_at().is_none()) {
            self.note_done(now);
        }
        if let Some(kept) = &mut self.kept {
            kept.changed = true;
        }
    }

    /// What the row of `objective_times` says.
    pub(super) fn times(
        &self,
        objective: &ObjectivePlan,
        all: &[Counter],
        context: &Context,
    ) -> Option<(Option<u64>, Option<Tick>, Option<Tick>)> {
        if self.hidden || (self.done && objective.latched) {
            return None;
        }
        let kept = self.kept.as_deref();
        if objective.lasting.is_some() {
            let kept = kept.filter(|kept| kept.until > 0)?;
            return Some((None, Some(kept.since), Some(kept.until)));
        }
        if objective.half_life.is_some() {
            let kept = kept.filter(|kept| kept.exact > 0)?;
            return Some((Some(kept.exact), Some(kept.since), Some(kept.until)));
        }
        if objective.window.is_some() {
            return kept?.parts.front().map(|(leaves, _)| (None, None, Some(*leaves)));
        }
        if let Some(every) = &objective.every {
            let kept = kept.filter(|_| self.count > 0)?;
            let until = match every {
                EveryPlan::Real(_) => Some(kept.until),
                EveryPlan::WorldDay => context.day_begins(kept.day.saturating_add(2)),
            };
            return until.map(|until| (None, None, Some(until)));
        }
        let (done, until) = self.follows(objective, all, context)?;
        Some((None, Some(done), Some(until)))
    }

    /// With `after` and `within`: when the other was done, and the last tick that counts.
    pub(super) fn follows(
        &self,
        objective: &ObjectivePlan,
        all: &[Counter],
        context: &Context,
    ) -> Option<(Tick, Tick)> {
        let (after, span) = objective.after.zip(objective.within)?;
        let other = all.get(usize::from(after)).filter(|other| other.done)?;
        let done = other.done_at()?;
        Some((done, done.saturating_add(context.ticks(span))))
    }
}

impl Context {
    /// The first tick of the period after the one of a tick.
    fn next_period(&self, reset: &Reset, after: Tick) -> Tick {
        let next = reset.next_after(self.length.utc_ms(after));
        next.map_or(Tick::MAX, |at_ms| self.length.tick_at(at_ms).max(after.saturating_add(1)))
    }

    pub(super) fn world_day(&self) -> Option<i64> {
        let clock = self.clock.as_ref()?;
        Some(clock.world_ms_at(self.now, self.length.tick_ms).div_euclid(DAY_MS))
    }

    /// The tick at which a day of the world begins, as things stand.
    fn day_begins(&self, day: i64) -> Option<Tick> {
        self.clock.as_ref()?.tick_of(day.checked_mul(DAY_MS)?, self.length.tick_ms)
    }
}

impl Core {
    /// Phase 4: what has passed by now.
    pub(super) fn time_phase(&mut self) {
        if std::mem::take(&mut self.clock_told) {
            for ix in self.plan.by_world_day.clone() {
                let Some(scope) = self.plan.get(ix).map(|quest| quest.scope) else { continue };
                self.holders_of(scope).into_iter().for_each(|at| self.pass(at, ix));
            }
        }
        while let Some(&(tick, at, ix)) = self.running.first()
            && tick <= self.context.now
        {
            self.running.pop_first();
            if let Some(open) = self.holders[at as usize].instance_mut(ix) {
                open.wake = None;
            }
            self.pass(at, ix);
        }
    }

    /// What has passed for an open instance.
    fn pass(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let Core { holders, context, .. } = self;
        let Some(open) = holders[at as usize].instance_mut(ix) else { return };
        if !open.active || open.stage_done {
            return;
        }
        let stage = &quest.stages[usize::from(open.stage)];
        for (counter, objective) in open.counters.iter_mut().zip(&stage.objectives) {
            if counter.done && objective.latched {
                continue;
            }
            if objective.window.is_some() {
                leave(counter, objective, context.now);
            }
            if let Some(every) = &objective.every
                && counter.count > 0
                && is_lost(counter, every, context)
            {
                counter.count = 0;
            }
        }
        for place in lapsed(open, stage, context) {
            self.set_back(at, ix, place);
        }
        self.touch(at, ix);
        self.count_on(at, ix);
    }

    /// Sets one objective of an open instance back to 0.
    pub(super) fn set_back(&mut self, at: At, ix: Ix, place: usize) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let Some(open) = self.holders[at as usize].instance(ix) else { return };
        let stage = &quest.stages[usize::from(open.stage)];
        let objective = &stage.objectives[place];
        let of = |key: &(Sym, Sym, Sym)| key.0 == stage.name && key.1 == objective.name;
        self.hide_shares(at, ix, of);
        self.drop_shares(at, ix, of);
        self.drop_seen_of(at, ix, place);
        let need = objective.need_in(&self.plan, self.holders[at as usize].holder);
        let Some(open) = self.holders[at as usize].instance_mut(ix) else { return };
        let counter = &mut open.counters[place];
        counter.count = 0;
        counter.done = need == 0;
        if let Some(kept) = &mut counter.kept {
            **kept = Kept { changed: true, saved: kept.saved, ..Kept::default() };
        }
        self.touch(at, ix);
        self.count_on(at, ix);
    }

    /// Ends a tick for an instance that has changed: pieces, rows, and when to look again.
    pub(super) fn keep_time(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let Core { name, holders, context, names, out, running, .. } = self;
        let holder = &mut holders[at as usize];
        let id = holder.holder;
        if quest.scope != id.scope {
            return;
        }
        let Some(open) = holder.instance_mut(ix) else { return };
        let stage = &quest.stages[usize::from(open.stage)];
        if !stage.timed {
            return;
        }
        for place in 0..open.counters.len() {
            let now = match open.active {
                true => open.counters[place].times(&stage.objectives[place], &open.counters, context),
                false => None,
            };
            let counter = &mut open.counters[place];
            if counter.times.as_ref().map(|shown| shown.0) != now {
                let of = (id, &*quest, stage.name, stage.objectives[place].name, open.number);
                let new = now.map(|times| Box::new((times, times_row(names, of, times))));
                let old = std::mem::replace(&mut counter.times, new.clone());
                out.replace(catalog::OBJECTIVE_TIMES, old.map(|old| old.1), new.map(|new| new.1));
            }
            let Some(kept) = counter.kept.as_mut().filter(|kept| kept.changed) else { continue };
            (kept.changed, kept.saved) = (false, out.keeps_base);
            if out.keeps_base {
                let key = PieceKey::Running(id, quest.quest, super::plan::small(place));
                out.base.push(piece::change(name, id.id, &key, Some(&**kept)));
            }
        }
        let wake = next_pass(open, stage, context);
        if wake != open.wake {
            open.wake.take().map(|tick| running.remove(&(tick, at, ix)));
            open.wake = wake;
            running.extend(wake.map(|tick| (tick, at, ix)));
        }
    }

    /// Forgets what is kept of the open stage's objectives, before it, the instance or the definition goes.
    pub(super) fn forget_times(&mut self, at: At, ix: Ix) {
        let quest = self.plan.name(ix);
        let Core { name, holders, out, running, .. } = self;
        let holder = &mut holders[at as usize];
        let id = holder.holder;
        let Some(open) = holder.instance_mut(ix) else { return };
        open.wake.take().map(|tick| running.remove(&(tick, at, ix)));
        for (place, counter) in (0..).zip(&mut open.counters) {
            out.replace(catalog::OBJECTIVE_TIMES, counter.times.take().map(|times| times.1), None);
            if counter.kept.as_mut().is_some_and(|kept| std::mem::take(&mut kept.saved)) {
                let key = PieceKey::Running(id, quest, place);
                out.base.push(piece::change::<_, ()>(name, id.id, &key, None));
            }
        }
    }
}

/// What a window has lost by now. What is needed may be another since it was last counted.
fn leave(counter: &mut Counter, objective: &ObjectivePlan, now: Tick) {
    let over = |kept: &Kept| kept.parts.front().is_some_and(|(leaves, _)| *leaves <= now);
    if counter.kept.as_deref().is_some_and(over) {
        let kept = counter.kept();
        while over(kept) {
            kept.parts.pop_front();
        }
    }
    let Some(kept) = counter.kept.as_deref() else { return };
    let sum: u64 = kept.parts.iter().map(|(_, amount)| u64::from(*amount)).sum();
    counter.count = u32::try_from(sum).unwrap_or(u32::MAX).min(objective.need);
    counter.done = counter.count >= objective.need;
}

/// The objectives after which others should have been done by now.
fn lapsed(open: &Instance, stage: &StagePlan, context: &Context) -> Vec<usize> {
    let late = |(counter, objective): (&Counter, &ObjectivePlan)| {
        let (_, until) = counter.follows(objective, &open.counters, context)?;
        (until < context.now && !counter.done).then_some(usize::from(objective.after?))
    };
    open.counters.iter().zip(&stage.objectives).filter_map(late).collect()
}

/// Whether a period has passed without an event.
fn is_lost(counter: &Counter, every: &EveryPlan, context: &Context) -> bool {
    let Some(kept) = counter.kept.as_deref() else { return false };
    match every {
        EveryPlan::Real(_) => kept.until <= context.now,
        EveryPlan::WorldDay => context.world_day().is_some_and(|today| today > kept.day.saturating_add(1)),
    }
}

/// When something passes next for an instance.
fn next_pass(open: &Instance, stage: &StagePlan, context: &Context) -> Option<Tick> {
    if !open.active || open.stage_done {
        return None;
    }
    let next = |(counter, objective): (&Counter, &ObjectivePlan)| {
        let runs = objective.window.is_some() || objective.every.is_some() || objective.lasting.is_some();
        let own = counter.times(objective, &open.counters, context).filter(|_| runs);
        // What holds only for that time does so no longer after it.
        let ends = objective.holds.is_some() && !objective.latched;
        let late = counter.follows(objective, &open.counters, context).filter(|_| !counter.done || ends);
        // A span that is over waits for nothing more.
        let own = own.and_then(|(_, _, until)| until);
        let own = own.filter(|until| objective.lasting.is_none() || *until > context.now);
        let own = own.map(|until| until.max(context.now + 1));
        let late = late.map(|(_, until)| until.saturating_add(1).max(context.now + 1));
        let over = objective.open_for().map(|span| open.stage_opened.saturating_add(context.ticks(span)) + 1);
        own.into_iter().chain(late).chain(over.filter(|tick| *tick > context.now)).min()
    };
    open.counters.iter().zip(&stage.objectives).filter_map(next).min()
}

type Of<'a> = (worldflow_schemas::input::Holder, &'a QuestPlan, Sym, Sym, u32);

fn times_row(names: &Names, of: Of<'_>, times: (Option<u64>, Option<Tick>, Option<Tick>)) -> Row {
    let (holder, quest, stage, objective, instance) = of;
    let (exact, since, until) = times;
    let tick = |tick: Option<Tick>| tick.map_or(Value::Null, Value::count);
    Row::from([
        Value::id(names.realm),
        names.scope(holder.scope),
        Value::id(holder.id),
        Value::id(quest.quest),
        Value::id(stage),
        Value::id(objective),
        Value::Int(instance.into()),
        exact.map_or(Value::Null, |exact| Value::Dec(i64::try_from(exact).unwrap_or(i64::MAX))),
        tick(since),
        tick(until),
    ])
}
