//! How often a storylet was said and by whom, who is saying it, and whether its limits leave room.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::{AtOnceDef, LimitDef, StoryLimits};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::facts::span_ticks;
use crate::messages::ClockNow;

/// How often something was said, and when last.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) times: u64,
    pub(super) last: Option<Tick>,
}

impl Times {
    fn say(&mut self, now: Tick) {
        self.times += 1;
        self.last = self.last.max(Some(now));
    }
}

/// What is known of a storylet.
#[derive(Default, Debug)]
pub(super) struct Counted {
    all: Times,
    by_npc: FxHashMap<Sym, Times>,
    /// What was granted in this tick, and counts as said.
    granted: FxHashMap<Sym, u64>,
    /// The requests that wait: NPC, player and number.
    asks: FxHashSet<(Sym, (Sym, u64))>,
    /// When sayings end, in order.
    ends: Vec<Tick>,
}

impl Counted {
    /// It is said, or a tier is asked for it. `until` is when a saying ends that `at_once` limits.
    pub(super) fn say(&mut self, npc: Sym, asks: Option<(Sym, u64)>, until: Option<Tick>, now: Tick) {
        self.all.say(now);
        self.by_npc.entry(npc).or_default().say(now);
        match (until, asks) {
            (Some(_), Some(of)) => {
                self.asks.insert((npc, of));
            }
            (Some(until), None) => self.add_end(until),
            (None, _) => {}
        }
    }

    /// A tier is being asked no longer; whether that was known.
    pub(super) fn end(&mut self, npc: Sym, of: (Sym, u64), until: Option<Tick>) -> bool {
        let known = self.asks.remove(&(npc, of));
        if let Some(until) = until.filter(|_| known) {
            self.add_end(until);
        }
        known
    }

    fn add_end(&mut self, until: Tick) {
        let place = self.ends.partition_point(|end| *end <= until);
        self.ends.insert(place, until);
    }

    pub(super) fn grant(&mut self, npc: Sym) {
        *self.granted.entry(npc).or_default() += 1;
    }

    pub(super) fn forget_granted(&mut self) {
        self.granted.clear();
    }

    /// Forgets sayings that have ended; whether there were any.
    pub(super) fn prune(&mut self, now: Tick) -> bool {
        let over = self.ends.partition_point(|end| *end <= now);
        self.ends.drain(..over);
        over > 0
    }

    pub(super) fn take_back_times(&mut self, npc: Sym, times: Times) {
        self.all.times += times.times;
        self.all.last = self.all.last.max(times.last);
        self.by_npc.insert(npc, times);
    }

    pub(super) fn take_back_asks(&mut self, npc: Sym, of: (Sym, u64)) {
        self.asks.insert((npc, of));
    }

    pub(super) fn take_back_ends(&mut self, ends: Vec<Tick>) {
        self.ends = ends;
    }

    pub(super) fn ends(&self) -> &[Tick] {
        &self.ends
    }

    /// Whether a request waits.
    pub(super) fn asks(&self, npc: Sym, of: (Sym, u64)) -> bool {
        self.asks.contains(&(npc, of))
    }

    /// How often an NPC has said it; all of them if it is [`Sym::NONE`].
    pub(super) fn times_of(&self, npc: Sym) -> Times {
        if npc.is_none() { self.all } else { self.by_npc.get(&npc).copied().unwrap_or_default() }
    }

    /// The NPCs that have said it, or are about to.
    pub(super) fn npcs(&self) -> impl Iterator<Item = Sym> + '_ {
        let about_to = self.granted.keys().filter(|npc| !self.by_npc.contains_key(npc));
        self.by_npc.keys().chain(about_to).copied()
    }

    fn granted_to(&self, npc: Sym) -> u64 {
        if npc.is_none() { self.granted.values().sum() } else { self.granted.get(&npc).copied().unwrap_or(0) }
    }

    /// How many are saying it at the end of a tick.
    fn open(&self, now: Tick) -> u64 {
        let ends = self.ends.len() - self.ends.partition_point(|end| *end <= now);
        (ends + self.asks.len()) as u64
    }
}

/// By what limits are looked at.
pub(super) struct Rules<'a> {
    pub(super) now: Tick,
    pub(super) clock: Option<&'a ClockNow>,
    pub(super) length: TickLength,
}

impl Rules<'_> {
    /// When a saying that begins or goes on now is over.
    pub(super) fn ends(&self, at_once: &AtOnceDef) -> Tick {
        let lasts = span_ticks(at_once.lasts, self.clock, self.length).max(1);
        self.now.saturating_add(lasts)
    }

    /// Whether an NPC may not say it for its own limit, or for [`Sym::NONE`] nobody may.
    pub(super) fn closed(&self, limits: &StoryLimits, counted: &Counted, npc: Sym) -> bool {
        let limit = if npc.is_none() { &limits.realm } else { &limits.npc };
        let granted = counted.granted_to(npc);
        let used_up = limit.as_ref().is_some_and(|limit| {
            let times = counted.times_of(npc);
            let most = limit.most.is_some_and(|most| times.times + granted >= most.into());
            let tires = limit.cooldown.is_some() && granted > 0;
            most || tires || self.rests_until(limit, times).is_some_and(|end| end > self.now)
        });
        let at_once = limits.at_once.as_ref().filter(|_| npc.is_none());
        used_up || at_once.is_some_and(|at_once| counted.open(self.now) + granted >= at_once.most.into())
    }

    fn rests_until(&self, limit: &LimitDef, times: Times) -> Option<Tick> {
        let cooldown = span_ticks(limit.cooldown?, self.clock, self.length);
        Some(times.last?.saturating_add(cooldown))
    }

    /// The next tick at which a rest or a saying is over.
    pub(super) fn next_change(&self, limits: &StoryLimits, counted: &Counted) -> Option<Tick> {
        let of_realm = limits.realm.as_ref().and_then(|limit| self.rests_until(limit, counted.all));
        let of_npcs = limits
            .npc
            .iter()
            .flat_map(|limit| counted.by_npc.values().filter_map(|times| self.rests_until(limit, *times)));
        let ends = counted.ends.iter().copied();
        ends.chain(of_realm).chain(of_npcs).filter(|tick| *tick > self.now).min()
    }

    /// A row: of an NPC, or of all of them.
    pub(super) fn row(
        &self,
        realm: Sym,
        storylet: Sym,
        npc: Sym,
        (limits, counted): (&StoryLimits, &Counted),
        closed: bool,
    ) -> Row {
        let times = counted.times_of(npc);
        let open = limits.at_once.as_ref().filter(|_| npc.is_none()).map(|_| counted.open(self.now));
        Row::from([
            Value::id(realm),
            Value::Sym(storylet),
            Value::Sym(Sym::new(if npc.is_none() { "realm" } else { "npc" })),
            Value::Sym(if npc.is_none() { realm } else { npc }),
            Value::count(times.times),
            times.last.map_or(Value::Null, Value::count),
            open.map_or(Value::Null, Value::count),
            Value::Bool(closed),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: Tick) -> Rules<'static> {
        Rules { now, clock: None, length: TickLength { tick_ms: 100 } }
    }

    fn limits(json: &str) -> StoryLimits {
        serde_json::from_str(json).expect("limits")
    }

    #[test]
    fn what_is_granted_counts_as_said() {
        let limits = limits(r#"{"npc": {"most": 2}, "realm": {"most": 3}}"#);
        let (smith, baker) = (Sym::new("smith"), Sym::new("baker"));
        let mut counted = Counted::default();
        counted.say(smith, None, None, 5);
        assert!(!at(5).closed(&limits, &counted, smith));
        counted.grant(smith);
        assert!(at(5).closed(&limits, &counted, smith) && !at(5).closed(&limits, &counted, baker));
        assert!(!at(5).closed(&limits, &counted, Sym::NONE));
        counted.grant(baker);
        assert!(at(5).closed(&limits, &counted, Sym::NONE));
        counted.forget_granted();
        assert!(!at(5).closed(&limits, &counted, Sym::NONE), "it was not said after all");
    }

    #[test]
    fn sayings_are_open_until_their_time_is_over_and_while_a_tier_is_asked() {
        let limits = limits(r#"{"at_once": {"most": 2, "lasts": "1s"}}"#);
        let at_once = limits.at_once.clone().expect("it is limited");
        let (smith, ann) = (Sym::new("smith"), Sym::new("ann"));
        let mut counted = Counted::default();
        counted.say(smith, None, Some(at(5).ends(&at_once)), 5);
        counted.say(smith, Some((ann, 1)), Some(at(7).ends(&at_once)), 7);
        assert!(at(14).closed(&limits, &counted, Sym::NONE));
        assert!(!at(15).closed(&limits, &counted, Sym::NONE), "the first is over");
        assert_eq!(counted.open(100), 1, "the tier is still asked");
        assert!(counted.end(smith, (ann, 1), Some(at(20).ends(&at_once))));
        assert_eq!((counted.open(29), counted.open(30)), (1, 0));
        assert!(!counted.end(smith, (ann, 1), None), "it has ended");
    }
}
