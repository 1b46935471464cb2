//! Phase 6: what events add to counters, shares and sets.
//!
//! `hits (holder, quest, objective, gain) ─in order where order matters→ counters`

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Aggregate, Complete};
use worldflow_schemas::input::Scope;

use super::branches::{Mark, Said, done_by};
use super::core::{At, Core};
use super::holder::{Extra, Instance};
use super::messages::Gain;
use super::plan::{Ix, Use};
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
            Use::Objective { stage, objective } => {
                let counter = open.counters.get(usize::from(objective));
                if stage != open.stage
                    || !open.active
                    || !counter.is_some_and(|counter| !counter.done && !counter.hidden)
                {
                    return Now::Never;
                }
                let Some(quest) = self.plan.get(ix) else { return Now::Never };
                let stage = &quest.stages[usize::from(stage)];
                stage.complete == Complete::Sequence || !stage.branches.is_empty()
            }
        };
        if within().is_some_and(|ticks| self.context.now - open.stage_opened > ticks) {
            return Now::Never;
        }
        if in_order { Now::InOrder } else { Now::AnyOrder }
    }

    /// Counts a hit that may count.
    pub(super) fn count(&mut self, hit: Counted) {
        let Counted { at, ix, used, event, player, gain } = hit;
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let holder = &mut self.holders[at as usize];
        let together = holder.holder.scope != Scope::Player;
        let Some(open) = holder.instance_mut(ix) else { return };
        let Use::Objective { objective: number, .. } = used else {
            open.failed = true;
            self.count_on(at, ix);
            return;
        };
        let stage = &quest.stages[usize::from(open.stage)];
        let place = usize::from(number);
        let objective = &stage.objectives[place];
        if open.counters[place].done {
            return;
        }
        let sequence = stage.complete == Complete::Sequence;
        if sequence {
            let step = open.counters.iter().position(|counter| !counter.done);
            if open.step_by == Some(event) || step != Some(place) {
                return;
            }
        }
        let counter = &mut open.counters[place];
        let gained = u32::try_from(gain.amount).unwrap_or(u32::MAX);
        let added = match objective.aggregate {
            Aggregate::Count | Aggregate::Sum => gained.min(objective.need - counter.count),
            Aggregate::Max => gained.min(objective.need).saturating_sub(counter.count),
            Aggregate::Distinct => {
                let extra = open.extra.get_or_insert_with(Box::default);
                let new = extra.seen.insert((number, gain.item));
                if new {
                    extra.new_seen.push((number, gain.item));
                }
                u32::from(new)
            }
        };
        if added == 0 {
            return;
        }
        counter.count += added;
        if together {
            let extra: &mut Extra = open.extra.get_or_insert_with(Box::default);
            let key = (stage.name, objective.name, player);
            extra.shares.entry(key).or_default().amount += i64::from(added);
            extra.new_shares.push(key);
        }
        if counter.count >= objective.need {
            counter.done = true;
            if sequence {
                open.step_by = Some(event);
            }
            if open.finisher.is_none()
                && let Some(branch) = done_by(stage, &open.counters)
            {
                (open.finisher, open.winner) = (Some(player), Some(branch));
            }
        }
        if !open.touched {
            open.touched = true;
            self.counted.push((at, ix));
        }
        if !open.progressed {
            open.progressed = true;
            self.progressed.push((at, ix));
        }
        if together && quest.taps && !player.is_none() && self.record(at, ix).said(Mark::Tapper).is_none() {
            self.mark_as(at, ix, Mark::Tapper, Some(Said::Id(player)));
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
