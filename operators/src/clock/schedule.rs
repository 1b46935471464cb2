//! Scheduled world events: which occurrence is due, and which have been.
//!
//! Occurrence `n` of a schedule is due at `at + (n - 1) × every` of world time. Each happens at
//! most once: the schedule keeps the number of the next one, which only grows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::ScheduleDef;
use worldflow_schemas::{Sym, Tick};

use super::calendar::parse_moment;

/// How many occurrences of each schedule `calendar_events` shows.
pub const SHOWN: usize = 10;

/// A checked [`ScheduleDef`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    at_ms: i64,
    /// 0 for a one-shot.
    every_ms: u64,
    /// How many there are.
    times: u64,
    kind: Sym,
}

impl Plan {
    /// Checks a definition.
    pub fn compile(def: &ScheduleDef) -> Result<Plan, String> {
        let at_ms = parse_moment(&def.at)?;
        let every_ms = def.every.map_or(0, |span| span.ms);
        if def.every.is_some() && every_ms == 0 {
            return Err("every must be longer than nothing; leave it out for a single event".to_owned());
        }
        if def.times == Some(0) {
            return Err("times must be at least 1".to_owned());
        }
        let times = if every_ms == 0 { 1 } else { def.times.map_or(u64::MAX, u64::from) };
        Ok(Plan { at_ms, every_ms, times, kind: Sym::new(&def.kind) })
    }

    /// By value, for several definitions in one tick.
    pub(super) fn order(&self) -> impl Ord + use<> {
        (self.at_ms, self.every_ms, self.times, self.kind.as_str())
    }

    /// How many occurrences are due at or before `world_ms`.
    fn due(&self, world_ms: i64) -> u64 {
        if world_ms < self.at_ms {
            return 0;
        }
        let passed = i128::from(world_ms) - i128::from(self.at_ms);
        let more = if self.every_ms == 0 { 0 } else { passed / i128::from(self.every_ms) };
        u64::try_from(more + 1).unwrap_or(u64::MAX).min(self.times)
    }

    fn world_ms(&self, place: u64) -> i64 {
        let ahead = i128::from(place - 1) * i128::from(self.every_ms);
        i64::try_from(i128::from(self.at_ms) + ahead).unwrap_or(i64::MAX)
    }

    fn same_times(&self, other: &Plan) -> bool {
        (self.at_ms, self.every_ms, self.times) == (other.at_ms, other.every_ms, other.times)
    }
}

/// An occurrence that has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fired {
    /// Which, from 1.
    pub occurrence: i64,
    /// When.
    pub tick: Tick,
    /// For when it was scheduled.
    pub world_ms: i64,
    /// What it is.
    pub kind: Sym,
}

/// A schedule and how far it has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    plan: Plan,
    /// The place in the plan of the next occurrence, from 1.
    next: u64,
    /// What is added to a place to give the occurrence's number: an edit starts a new plan, but
    /// numbers go on.
    offset: i64,
    /// The last [`SHOWN`].
    pub fired: VecDeque<Fired>,
}

impl Schedule {
    /// A schedule defined at a moment: what was due before it never happens, what is due at it does.
    #[must_use]
    pub fn new(plan: Plan, world_ms: i64) -> Schedule {
        let next = plan.due(world_ms.saturating_sub(1)).saturating_add(1);
        Schedule { plan, next, offset: 0, fired: VecDeque::new() }
    }

    /// Follows another plan from now on, as a new schedule would. A plan with the same times only
    /// changes the kind of what is to come. Returns whether anything changed.
    pub fn edit(&mut self, plan: Plan, world_ms: i64) -> bool {
        if self.plan == plan {
            return false;
        }
        if !self.plan.same_times(&plan) {
            let last = self.number(self.next).saturating_sub(1);
            let started = Schedule::new(plan, world_ms);
            self.next = started.next;
            self.offset = last.saturating_add(1).saturating_sub_unsigned(self.next);
        }
        self.plan = plan;
        true
    }

    /// Fires what is due: the latest occurrence, if it has not happened. Earlier ones that a jump
    /// of the clock skipped never happen, and their numbers stay unused.
    pub fn fire(&mut self, tick: Tick, world_ms: i64) -> Option<Fired> {
        let place = self.plan.due(world_ms);
        if place < self.next {
            return None;
        }
        self.next = place.saturating_add(1);
        let fired = Fired {
            occurrence: self.number(place),
            tick,
            world_ms: self.plan.world_ms(place),
            kind: self.plan.kind,
        };
        self.fired.push_back(fired);
        Some(fired)
    }

    /// The moment of the next occurrence, if there will be one.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        (self.next <= self.plan.times).then(|| self.plan.world_ms(self.next))
    }

    fn number(&self, place: u64) -> i64 {
        self.offset.saturating_add_unsigned(place)
    }
}
