//! What the real calendar offers: pools, of which some quests are drawn for each period, and windows.
//!
//! `(seed, pool, period, quest) ─hash→ scores ─the lowest few→ offered`
//!
//! Nothing of it is state: what is offered is a function of the tick and of the quests that are defined. A quest
//! that joins or leaves a pool changes places with one other at most.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{PoolPer, Reset, WorldDef};
use worldflow_schemas::input::Holder;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick, chance};

use super::core::{At, Core};
use super::plan::{Ix, Plan};
use super::quest_plan::QuestPlan;

/// The pools of a world.
#[derive(Debug, Default)]
pub(super) struct Pools {
    seed: u64,
    by_name: FxHashMap<Sym, Pool>,
}

/// A pool.
#[derive(Debug)]
struct Pool {
    pick: usize,
    every: Reset,
    per: PoolPer,
    closes: bool,
    /// In order of their names.
    members: Vec<Ix>,
    /// When the present period began, in UTC milliseconds.
    period: i64,
    /// Which members it offers, if all are offered the same.
    offered: Vec<Ix>,
}

impl Pools {
    pub(super) fn new(world: &WorldDef) -> Pools {
        let by_name = world.pools.iter().filter_map(|(name, def)| {
            let every = Reset::new(&def.every).ok().flatten()?;
            let pick = usize::try_from(def.pick).unwrap_or(usize::MAX);
            let (per, closes) = (def.per, def.closes);
            let (members, offered) = (Vec::new(), Vec::new());
            Some((Sym::new(name), Pool { pick, every, per, closes, members, period: i64::MIN, offered }))
        });
        Pools { seed: world.seed, by_name: by_name.collect() }
    }

    /// Forgets which quests there are.
    pub(super) fn clear(&mut self) {
        self.by_name.values_mut().for_each(|pool| pool.members.clear());
    }

    /// The quests of a pool.
    pub(super) fn members(&self, pool: Sym) -> &[Ix] {
        self.by_name.get(&pool).map_or(&[], |pool| pool.members.as_slice())
    }

    /// Takes note of a quest; they come in order of their names.
    pub(super) fn add(&mut self, ix: Ix, quest: &QuestPlan) {
        if let Some(pool) = self.by_name.get_mut(&quest.pool) {
            pool.members.push(ix);
        }
    }
}

impl Plan {
    /// Draws what is offered at a moment.
    fn draw(&mut self, now_ms: i64) {
        let mut pools = std::mem::take(&mut self.pools);
        let seed = pools.seed;
        for (name, pool) in &mut pools.by_name {
            pool.period = pool.every.last_at(now_ms).unwrap_or(i64::MIN);
            if pool.per == PoolPer::Realm {
                let mut scores: Vec<(u64, usize)> = (pool.members.iter().enumerate())
                    .map(|(place, ix)| (score(seed, *name, None, self.name(*ix), pool.period), place))
                    .collect();
                scores.sort_unstable();
                pool.offered =
                    scores.into_iter().take(pool.pick).map(|(_, place)| pool.members[place]).collect();
            }
        }
        self.pools = pools;
    }

    /// Whether its pool offers a quest to a holder; one without a pool is offered to all.
    fn is_drawn(&self, ix: Ix, quest: &QuestPlan, holder: Holder) -> bool {
        if quest.pool.is_none() {
            return true;
        }
        let Some(pool) = self.pools.by_name.get(&quest.pool) else { return false };
        if pool.per == PoolPer::Realm {
            return pool.offered.contains(&ix);
        }
        let score = |ix: Ix| score(self.pools.seed, quest.pool, Some(holder), self.name(ix), pool.period);
        let own = score(ix);
        let mut before = true;
        let lower = pool.members.iter().filter(|other| {
            before &= **other != ix;
            **other != ix && (score(**other) < own || (before && score(**other) == own))
        });
        lower.count() < pool.pick
    }

    /// The next tick at which another quest may be offered.
    fn next_date(&self, length: TickLength, now: Tick) -> Option<Tick> {
        let now_ms = length.utc_ms(now);
        let pools = self.pools.by_name.values().filter(|pool| !pool.members.is_empty());
        let pools = pools.filter_map(|pool| pool.every.next_after(now_ms));
        let windows = self.tested.iter().filter_map(|ix| self.get(*ix)?.window?.next_after(now_ms));
        let dated = self.dated.iter().filter_map(|dated| dated.next_after(now_ms));
        pools.chain(windows).chain(dated).map(|at_ms| length.tick_at(at_ms).max(now + 1)).min()
    }
}

fn score(seed: u64, pool: Sym, holder: Option<Holder>, quest: Sym, period: i64) -> u64 {
    let key = match holder {
        None => format!("{pool}/{quest}"),
        Some(Holder { scope, id }) => format!("{pool}/{}:{id}/{quest}", scope.name()),
    };
    chance::draw(seed, "pool", &key, period.cast_unsigned())
}

impl Core {
    /// Draws what pools offer from this tick on.
    pub(super) fn draw_pools(&mut self) {
        self.plan.draw(self.context.length.utc_ms(self.context.now));
    }

    /// When the calendar next changes what is offered.
    pub(super) fn plan_dates(&mut self) {
        self.dates = self.plan.next_date(self.context.length, self.context.now);
    }

    /// Whether the calendar offers a quest to a holder.
    pub(super) fn is_dated(&self, at: At, ix: Ix, quest: &QuestPlan) -> bool {
        let now_ms = self.context.length.utc_ms(self.context.now);
        quest.window.is_none_or(|window| window.holds(now_ms))
            && self.plan.is_drawn(ix, quest, self.holders[at as usize].holder)
    }

    /// When an instance that is accepted now expires, if it does.
    pub(super) fn deadline(&self, quest: &QuestPlan) -> Option<Tick> {
        let (now, length) = (self.context.now, self.context.length);
        let span = quest.deadline.map(|span| now.saturating_add(self.context.ticks(span)));
        let window = quest.window.filter(|_| quest.closes).and_then(|window| window.until_ms);
        let pool = self.plan.pools.by_name.get(&quest.pool).filter(|pool| pool.closes);
        let pool = pool.and_then(|pool| pool.every.next_after(length.utc_ms(now)));
        let dates = window.into_iter().chain(pool).map(|at_ms| length.tick_at(at_ms));
        span.into_iter().chain(dates).min()
    }
}
