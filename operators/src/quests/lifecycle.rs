//! What happens to a quest of a holder, phase by phase: accepted, staged, done, failed.
//!
//! Each phase looks only at what something has marked for it. Nothing here counts events, and what is available is
//! found in `availability`.

use worldflow_schemas::definitions::{Accept, Aggregate, Complete, QuestState, Repeat, Since, TurnIn};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Sym, Tick};

use super::condition::depends;
use super::context::Actor;
use super::core::{At, Core};
use super::holder::{Counter, Instance};
use super::objective::ObjectivePlan;
use super::plan::Ix;
use super::quest_plan::{QuestPlan, StagePlan};
use super::saved::PieceKey;
use super::traced::By;
use crate::piece;

impl Core {
    /// Phase 4: resets, next stages, objectives revealed, reopened quests, availability, automatic
    /// acceptance.
    pub(super) fn open_phase(&mut self) {
        self.reset_counters();
        if self.global & depends::DATES != 0 || !self.edited.is_empty() {
            self.draw_pools();
        }
        for (at, ix) in std::mem::take(&mut self.soon) {
            self.go_on(at, ix);
        }
        while let Some(&(tick, at, ix)) = self.timers.first()
            && tick <= self.context.now
        {
            self.timers.pop_first();
            match self.holders[at as usize].state(ix) {
                Some(QuestState::Active) => self.expiring.push((at, ix)),
                Some(QuestState::Done) => self.reopen(at, ix),
                _ => {}
            }
        }
        self.time_phase();
        self.role_phase();
        self.test_phase();
    }

    /// The next stage of an instance, and objectives whose time has come.
    fn go_on(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let Some(open) = self.holders[at as usize].instance_mut(ix) else { return };
        if open.stage_done {
            open.stage_done = false;
            match self.holders[at as usize].next_stage(ix, &quest) {
                Some(next) => {
                    self.trace_own(at, ix, || By::Time);
                    self.count_round(at, ix, &quest, next);
                    self.open_stage(at, ix, next);
                    self.trace_own(at, ix, || By::Again);
                }
                // The definition has another end now.
                None => self.look_again(at, ix, &quest),
            }
            return;
        }
        for counter in open.counters.iter_mut().filter(|counter| counter.ripe) {
            (counter.hidden, counter.ripe) = (false, false);
        }
        self.touch(at, ix);
        self.count_on(at, ix);
    }

    /// Has phase 7 look at a stage that was done in the tick before; nobody has finished it now.
    fn look_again(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        if let Some(open) = self.holders[at as usize].instance_mut(ix) {
            open.won.clear();
            open.settle(&quest.stages[usize::from(open.stage)], Sym::NONE);
        }
        self.count_on(at, ix);
    }

    /// Has phase 7 look at an open instance.
    pub(super) fn count_on(&mut self, at: At, ix: Ix) {
        if let Some(open) = self.holders[at as usize].instance_mut(ix)
            && !open.touched
        {
            open.touched = true;
            self.counted.push((at, ix));
        }
    }

    fn reset_counters(&mut self) {
        let now = self.context.now;
        while let Some(&(tick, ix)) = self.resets.first()
            && tick <= now
        {
            self.resets.pop_first();
            let Some(quest) = self.plan.get(ix).cloned() else { continue };
            for at in self.holders_of(quest.scope) {
                for lifetime in &quest.since_reset {
                    self.begin_anew(at, ix, *lifetime);
                }
                self.count_on(at, ix);
            }
            self.plan_reset(ix, &quest, now);
        }
    }

    /// What a lifetime counter is now counts no more for a quest.
    fn begin_anew(&mut self, at: At, ix: Ix, lifetime: u16) {
        let holder = &mut self.holders[at as usize];
        let Some(count) = holder.lifetimes.get(&lifetime).copied() else { return };
        holder.baselines.insert((ix, lifetime), count);
        let id = holder.holder;
        let counter = &self.plan.lifetimes[usize::from(lifetime)];
        let key = PieceKey::Baseline(id, self.plan.name(ix), counter.name, counter.identity);
        self.out.base.push(piece::change(self.name, id.id, &key, Some(&count)));
    }

    /// A quest becomes available, or is accepted without having been: `since: available` counts from now.
    pub(super) fn becomes_available(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        // One that nothing kept from being available has been so before the first event.
        let always = self.record(at, ix).instance == 0 && !quest.is_gated();
        for lifetime in quest.since_available.iter().filter(|_| !always) {
            self.begin_anew(at, ix, *lifetime);
        }
    }

    /// Sets the first tick after another at which `since: reset` counters of a quest begin anew.
    pub(super) fn plan_reset(&mut self, ix: Ix, quest: &QuestPlan, after: Tick) {
        if quest.since_reset.is_empty() {
            return;
        }
        let length = self.context.length;
        let next = quest.reset.as_ref().and_then(|reset| reset.next_after(length.utc_ms(after)));
        self.resets.extend(next.map(|at_ms| (length.tick_at(at_ms).max(after + 1), ix)));
    }

    pub(super) fn holders_of(&self, scope: Scope) -> Vec<At> {
        (0..)
            .zip(&self.holders)
            .filter(|(_, holder)| holder.holder.scope == scope && !holder.gone)
            .map(|(at, _)| at)
            .collect()
    }

    /// A done quest can be accepted again.
    fn reopen(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let available = self.is_open_to(at, ix, &quest);
        if available && quest.accept == Accept::Auto {
            self.accept(at, ix, &quest);
        } else {
            self.enter(at, ix, if available { QuestState::Available } else { QuestState::Hidden });
        }
    }

    pub(super) fn accept(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        self.unmark(at, ix, |_| true);
        if self.record(at, ix).instance == 0 && !quest.is_gated() {
            // It has always been available, also if an edit has taken what it was gated by.
            self.drop_some_baselines(at, ix, &quest.since_available);
        }
        self.enter(at, ix, QuestState::Active);
        let holder = self.holders[at as usize].holder;
        let next = self.next_instance(holder, &self.holders[at as usize].records[&ix]);
        self.record(at, ix).instance = next;
        self.bind_roles(at, ix, quest);
        if let Some(deadline) = self.deadline(quest) {
            self.wake(at, ix, deadline);
            if deadline <= self.context.now {
                self.expiring.push((at, ix));
            }
        }
        let holder = &mut self.holders[at as usize];
        holder.open_ix.push(ix);
        holder.open.push(Instance::new(next));
        self.first_round(at, ix, quest);
        self.open_stage(at, ix, 0);
    }

    /// Opens a stage; the rows of the one before go.
    pub(super) fn open_stage(&mut self, at: At, ix: Ix, stage: u16) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        self.hide_objectives(at, ix);
        self.drop_seen(at, ix);
        let now = self.context.now;
        let Some(open) = self.holders[at as usize].instance_mut(ix) else { return };
        open.stage = stage;
        open.stage_opened = now;
        open.counters = (quest.stages[usize::from(stage)].objectives.iter())
            .map(|objective| Counter {
                done: objective.need == 0 && objective.aggregate != Aggregate::Percent,
                hidden: !objective.hidden_until.is_empty(),
                ..Counter::default()
            })
            .collect();
        open.won.clear();
        open.settle(&quest.stages[usize::from(stage)], Sym::NONE);
        self.begin_shares(at, ix, &quest.stages[usize::from(stage)]);
        self.touch(at, ix);
        self.count_on(at, ix);
    }

    /// Phase 7: what is done by now.
    pub(super) fn complete_phase(&mut self) {
        self.state_phase();
        for place in 0..self.counted.len() {
            let (at, ix) = self.counted[place];
            let Some(quest) = self.plan.get(ix).cloned() else { continue };
            for _ in 0..self.readings(at, ix, &quest) {
                self.read_lifetimes(at, ix, &quest);
                self.read_state(at, ix, &quest);
            }
            let Some(open) = self.holders[at as usize].instance_mut(ix) else { continue };
            let stage = &quest.stages[usize::from(open.stage)];
            open.settle(stage, Sym::NONE);
            if open.active
                && !open.stage_done
                && let Some((branch, finisher)) = open.won.first().copied()
            {
                self.latch(at, ix, stage.name, branch);
                self.done_stage(at, ix, &quest, finisher);
            } else if open.active && ripen(stage, open) {
                self.soon.push((at, ix));
            }
        }
    }

    /// The open stage is done, and the branch latched by which it is.
    fn done_stage(&mut self, at: At, ix: Ix, quest: &QuestPlan, finisher: Sym) {
        let holder = &mut self.holders[at as usize];
        let next = holder.next_stage(ix, quest);
        let Some(open) = holder.instance_mut(ix) else { return };
        if next.is_some() {
            open.stage_done = true;
            self.soon.push((at, ix));
            self.touch(at, ix);
        } else if quest.turn_in == TurnIn::Auto {
            self.finish(at, ix, finisher, Sym::NONE);
        } else {
            open.active = false;
            self.enter(at, ix, QuestState::Ready);
        }
    }

    /// Objectives over lifetime counters.
    fn read_lifetimes(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        let holder = &mut self.holders[at as usize];
        let Some(place) = holder.place_of(ix) else { return };
        let open = &mut holder.open[place];
        let stage = &quest.stages[usize::from(open.stage)];
        if !open.active || open.stage_done || !stage.reads_lifetime {
            return;
        }
        let mut changed = false;
        for (counter, objective) in open.counters.iter_mut().zip(&stage.objectives) {
            if let (Some(lifetime), false, false) = (objective.lifetime, counter.done, counter.hidden)
                && objective.since != Since::Accept
            {
                let all = holder.lifetimes.get(&lifetime).copied().unwrap_or(0);
                let before = match objective.since {
                    Since::Reset | Since::Available => {
                        holder.baselines.get(&(ix, lifetime)).copied().unwrap_or(0)
                    }
                    _ => 0,
                };
                let count = u32::try_from(all - before).unwrap_or(u32::MAX).min(objective.need);
                changed |= count != counter.count;
                counter.count = count;
                counter.done = count >= objective.need;
            }
            if stage.complete.is_sequence() && !counter.done {
                break;
            }
        }
        if changed {
            self.touch(at, ix);
        }
    }

    /// Phase 8, between turn-ins and abandons: failures, then deadlines.
    pub(super) fn fail_phase(&mut self) {
        for (at, ix) in std::mem::take(&mut self.counted) {
            let Some(open) = self.holders[at as usize].instance_mut(ix) else { continue };
            open.touched = false;
            if open.failed {
                self.close(at, ix, QuestState::Failed);
            } else {
                self.test_failure(at, ix);
            }
        }
        if !self.plan.failing.is_empty() {
            for (at, ix) in self.told_open(|quest| quest.fail_depends) {
                self.test_failure(at, ix);
            }
        }
        for (at, ix) in std::mem::take(&mut self.expiring) {
            if self.holders[at as usize].state(ix) == Some(QuestState::Active) {
                self.close(at, ix, QuestState::Expired);
            }
        }
    }

    /// The open instances of quests for which something of their bits was told in this tick, or edited.
    pub(super) fn told_open(&self, bits_of: impl Fn(&QuestPlan) -> u16) -> Vec<(At, Ix)> {
        let mut open = Vec::new();
        let bits_of = |ix: Ix| self.plan.get(ix).map_or(0, |quest| bits_of(quest));
        let edited = self.edited.iter().any(|ix| bits_of(*ix) != 0);
        #[cfg(test)]
        if self.exhaustive {
            let open = |at: At| self.holders[at as usize].open_ix.iter().map(move |ix| (at, *ix));
            return (0..).take(self.holders.len()).flat_map(open).collect();
        }
        let mut look = |at: At| {
            let holder = &self.holders[at as usize];
            for ix in &holder.open_ix {
                let bits = bits_of(*ix);
                if self.global == depends::ALL
                    || bits & (self.global | holder.dirty) != 0
                    || (edited && bits != 0 && self.edited.contains(ix))
                {
                    open.push((at, *ix));
                }
            }
        };
        if self.global == 0 && !edited {
            self.marked.iter().for_each(|at| look(*at));
        } else {
            (0..).take(self.holders.len()).for_each(look);
        }
        open
    }

    fn test_failure(&mut self, at: At, ix: Ix) {
        let holder = &self.holders[at as usize];
        let Some(quest) = self.plan.get(ix) else { return };
        if let Some(cond) = &quest.fail_when
            && holder.instance(ix).is_some()
            && cond.holds(&self.plan, &self.context, &Actor::of(holder))
        {
            self.close(at, ix, QuestState::Failed);
        }
    }

    /// Sets the tick at which a quest that is done reopens.
    pub(super) fn plan_reopening(&mut self, at: At, ix: Ix, quest: &QuestPlan, done: Tick) {
        let next = self.context.now + 1;
        let tick = match &quest.repeat {
            None => return,
            Some(Repeat::Always {}) => Some(next),
            Some(Repeat::Cooldown(span)) => Some(done.saturating_add(self.context.ticks(*span))),
            Some(_) => (quest.reset.as_ref())
                .and_then(|reset| reset.next_after(self.context.length.utc_ms(done)))
                .map(|at_ms| self.context.length.tick_at(at_ms)),
        };
        if let Some(tick) = tick {
            self.wake(at, ix, tick.max(next));
        }
    }

    /// Ends an open instance; its counters, shares and sets are freed.
    pub(super) fn close(&mut self, at: At, ix: Ix, state: QuestState) {
        self.hide_objectives(at, ix);
        self.hide_shares(at, ix, |_| true);
        self.drop_seen(at, ix);
        self.drop_shares(at, ix, |_| true);
        self.enter(at, ix, state);
        let holder = &mut self.holders[at as usize];
        if let Some(place) = holder.place_of(ix) {
            holder.open_ix.remove(place);
            holder.open.remove(place);
        }
    }

    /// Phase 9, not of the world but of the books: rows and base state of what has changed.
    pub(super) fn close_tick(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for (at, ix) in touched.drain(..) {
            self.show(at, ix);
            self.keep(at, ix);
            self.keep_time(at, ix);
            self.remember_progress(at, ix);
        }
        let mut progressed = std::mem::take(&mut self.progressed);
        for (at, ix) in progressed.drain(..) {
            // What was touched too has been shown.
            if self.holders[at as usize].instance(ix).is_some_and(|open| open.progressed) {
                self.show_progress(at, ix);
                self.keep_progress(at, ix);
                self.keep_time(at, ix);
                self.remember_progress(at, ix);
            }
        }
        (self.touched, self.progressed) = (touched, progressed);
        self.end();
    }
}

/// Whether a stage is done by a branch; [`Sym::NONE`] if it has none.
pub(super) fn is_complete(stage: &StagePlan, counters: &[Counter], branch: Sym) -> bool {
    let belongs = |objective: &ObjectivePlan| objective.branch.is_none() || objective.branch == branch;
    let needed = || {
        let all = counters.iter().zip(&stage.objectives);
        all.filter(|(_, objective)| !objective.optional && belongs(objective))
    };
    let done = || needed().filter(|(counter, _)| counter.done).count();
    match stage.complete {
        Complete::All | Complete::Sequence | Complete::StrictSequence => done() == needed().count(),
        Complete::Any => done() > 0,
        Complete::AtLeast(n) => done() >= n as usize,
    }
}

/// Marks the hidden objectives that are revealed in the next tick; whether there is one.
pub(super) fn ripen(stage: &StagePlan, open: &mut Instance) -> bool {
    let mut any = false;
    for (place, objective) in stage.objectives.iter().enumerate() {
        let done = || objective.hidden_until.iter().all(|named| open.counters[usize::from(*named)].done);
        if open.counters[place].hidden && done() {
            open.counters[place].ripe = true;
            any = true;
        }
    }
    any
}
