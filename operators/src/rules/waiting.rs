//! What waits for its time: by the tick, or by world time, which the clock may stop, hasten and turn.
//!
//! It does not say what is done then.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Sym, Tick};

use super::saved::{Due, Triggered, Waiting};
use crate::messages::ClockNow;

/// All that waits in one shard.
#[derive(Debug, Default)]
pub(super) struct WaitingRoom {
    waiting: BTreeMap<Triggered, Waiting>,
    real: BTreeSet<(Tick, Triggered)>,
    world: BTreeSet<(i64, Triggered)>,
    counts: FxHashMap<(Sym, Holder), usize>,
}

impl WaitingRoom {
    /// How many wait of a rule for a holder.
    pub(super) fn count(&self, rule: Sym, holder: Holder) -> usize {
        self.counts.get(&(rule, holder)).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, of: Triggered, waiting: Waiting) {
        match waiting.due {
            Due::Real(tick) => self.real.insert((tick, of.clone())),
            Due::World(ms) => self.world.insert((ms, of.clone())),
        };
        *self.counts.entry((of.rule, of.holder)).or_insert(0) += 1;
        self.waiting.insert(of, waiting);
    }

    fn remove(&mut self, of: &Triggered) -> Option<Waiting> {
        let waiting = self.waiting.remove(of)?;
        match waiting.due {
            Due::Real(tick) => self.real.remove(&(tick, of.clone())),
            Due::World(ms) => self.world.remove(&(ms, of.clone())),
        };
        if let Some(count) = self.counts.get_mut(&(of.rule, of.holder)) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&(of.rule, of.holder));
            }
        }
        Some(waiting)
    }

    /// Takes out all of a rule.
    pub(super) fn remove_rule(&mut self, rule: Sym) -> Vec<(Triggered, Waiting)> {
        let gone: Vec<Triggered> = self.waiting.keys().filter(|of| of.rule == rule).cloned().collect();
        gone.into_iter().filter_map(|of| self.remove(&of).map(|waiting| (of, waiting))).collect()
    }

    /// All that waits.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Triggered, &Waiting)> {
        self.waiting.iter()
    }

    /// Takes out what is due at a tick and its world time.
    pub(super) fn take_due(&mut self, tick: Tick, world_ms: Option<i64>) -> Vec<(Triggered, Waiting)> {
        let real = self.real.iter().take_while(|(at, _)| *at <= tick).map(|(_, of)| of.clone());
        let mut due: Vec<Triggered> = real.collect();
        if let Some(world_ms) = world_ms {
            let world = self.world.iter().take_while(|(at, _)| *at <= world_ms);
            due.extend(world.map(|(_, of)| of.clone()));
        }
        due.into_iter().filter_map(|of| self.remove(&of).map(|waiting| (of, waiting))).collect()
    }

    /// The tick at which the first is due, if time runs on as it does.
    pub(super) fn first(&self, clock: Option<&ClockNow>, tick_ms: u32) -> Option<Tick> {
        let real = self.real.first().map(|(tick, _)| *tick);
        let world = self.world.first().zip(clock).and_then(|((ms, _), clock)| clock.tick_of(*ms, tick_ms));
        real.into_iter().chain(world).min()
    }
}
