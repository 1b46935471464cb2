//! Which inputs have been here before: (source, id) makes at-least-once exactly-once.
//!
//! Positions of a source come in increasing order, so a high-water mark decides them; where a crash
//! lost positions that waited for their ticks, those near the mark are remembered one by one. Named
//! ids are remembered for a stated time, and beyond a stated number for less, but never for less than
//! [`YOUNG_MS`]; what is older than the oldest remembered one cannot be told from a duplicate, and is
//! refused.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, EventId, Sym, Tick};

/// How far ahead of the realm's time an event of an arrival source may say it happened.
pub const EARLIEST_MS: i64 = 60_000;

/// Named ids are remembered for at least this long. What is sent again is told from what is new by its
/// time, which may be ahead by [`EARLIEST_MS`]: twice that leaves room for events that are on time.
pub const YOUNG_MS: u64 = 2 * EARLIEST_MS.unsigned_abs();

/// How long ids are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DedupeConfig {
    /// Named ids are remembered for at least this long, unless there are too many.
    pub window_ms: u64,
    /// Beyond this many named ids of one source, those older than [`YOUNG_MS`] are forgotten.
    pub ids_per_source: usize,
    /// The most named ids of one source that are remembered, about a hundred bytes each: with so many
    /// in [`YOUNG_MS`], further ones are refused.
    pub most_ids_per_source: usize,
}

impl DedupeConfig {
    /// The same, counted in ticks.
    pub(crate) fn window(&self, length: TickLength) -> Window {
        Window {
            ticks: length.ticks(self.window_ms),
            young_ticks: length.ticks(YOUNG_MS),
            ids: self.ids_per_source,
        }
    }
}

/// What is remembered, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    ticks: u64,
    young_ticks: u64,
    ids: usize,
}

impl Default for DedupeConfig {
    fn default() -> DedupeConfig {
        DedupeConfig { window_ms: 30 * 60 * 1000, ids_per_source: 1 << 20, most_ids_per_source: 1 << 23 }
    }
}

/// What is known about an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It has not been here.
    New,
    /// It is part of this tick.
    Duplicate(Tick),
    /// It was here, or may have been, in a time no longer remembered.
    Forgotten,
}

/// The most changes of tick remembered for the positions of one source.
const RUNS: usize = 1 << 16;

/// What has been accepted from one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceIds {
    high: Option<u64>,
    /// From this position on, positions are part of this tick.
    runs: VecDeque<(u64, Tick)>,
    /// Positions from here to `high` are part of a tick only if `apart` says so: others were taken
    /// in an earlier run, and lost before their ticks were sealed.
    floor: Option<u64>,
    apart: BTreeMap<u64, Tick>,
    named: FxHashMap<ArcStr, Tick>,
    order: VecDeque<(Tick, ArcStr)>,
    /// The latest tick of a named id that is no longer remembered.
    forgotten: Option<Tick>,
}

impl SourceIds {
    /// What is known about `id`.
    #[must_use]
    pub fn known(&self, id: &EventId) -> Known {
        match id {
            EventId::Position(position) => self.known_position(*position),
            EventId::Named(name) => match self.named.get(name) {
                Some(tick) => Known::Duplicate(*tick),
                None => Known::New,
            },
        }
    }

    fn known_position(&self, position: u64) -> Known {
        if self.high.is_none_or(|high| position > high) {
            return Known::New;
        }
        if self.floor.is_some_and(|floor| position >= floor) {
            return self.apart.get(&position).map_or(Known::New, |tick| Known::Duplicate(*tick));
        }
        let after = self.runs.partition_point(|(first, _)| *first <= position);
        match after.checked_sub(1).and_then(|run| self.runs.get(run)) {
            Some((_, tick)) => Known::Duplicate(*tick),
            None => Known::Forgotten,
        }
    }

    /// A new id is taken as part of `tick`, in the order of its source.
    pub fn take(&mut self, id: &EventId, tick: Tick) {
        match id {
            EventId::Position(position) if self.high.is_none_or(|high| *position > high) => {
                // A source that goes beyond the mark has sent again all that was lost before it.
                if self.floor.is_some() {
                    self.settle(None);
                }
                self.push(*position, tick);
            }
            EventId::Position(position) => {
                self.apart.insert(*position, tick);
            }
            EventId::Named(name) => self.name(name, tick),
        }
    }

    /// An id is part of a sealed tick. Ticks come in order, positions need not; `floor` is the first
    /// position that was taken and not sealed at that time.
    pub fn sealed(&mut self, id: &EventId, tick: Tick, floor: Option<u64>) {
        match id {
            EventId::Position(position) if floor.is_none() && self.floor.is_none() => {
                self.push(*position, tick);
            }
            EventId::Position(position) => {
                self.high = self.high.max(Some(*position));
                self.apart.insert(*position, tick);
            }
            EventId::Named(name) => self.name(name, tick),
        }
    }

    /// All ids of a tick are noted, and every position below `floor` is decided.
    pub fn settle(&mut self, floor: Option<u64>) {
        let open = floor.map_or_else(BTreeMap::new, |floor| self.apart.split_off(&floor));
        for (position, tick) in std::mem::replace(&mut self.apart, open) {
            self.push(position, tick);
        }
        self.floor = floor;
    }

    /// The first position that may be new although others after it are not.
    #[must_use]
    pub fn floor(&self) -> Option<u64> {
        self.floor
    }

    fn push(&mut self, position: u64, tick: Tick) {
        self.high = self.high.max(Some(position));
        if self.runs.back().is_none_or(|(_, last)| *last != tick) {
            self.runs.push_back((position, tick));
            if self.runs.len() > RUNS {
                self.runs.pop_front();
            }
        }
    }

    fn name(&mut self, name: &ArcStr, tick: Tick) {
        self.named.insert(name.clone(), tick);
        self.order.push_back((tick, name.clone()));
    }

    /// The latest tick of a named id that is no longer remembered.
    #[must_use]
    pub fn forgotten(&self) -> Option<Tick> {
        self.forgotten
    }

    /// How many named ids are remembered.
    #[must_use]
    pub fn named(&self) -> usize {
        self.order.len()
    }

    /// The position after all that have been taken.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.high.map_or(0, |high| high.saturating_add(1))
    }

    fn forget(&mut self, now: Tick, window: Window) {
        let oldest = now.saturating_sub(window.ticks);
        let young = now.saturating_sub(window.young_ticks);
        while let Some((tick, _)) = self.order.front() {
            let too_many = self.order.len() > window.ids;
            if *tick >= young || (*tick >= oldest && !too_many) {
                break;
            }
            if let Some((tick, name)) = self.order.pop_front() {
                self.named.remove(&name);
                self.forgotten = self.forgotten.max(Some(tick));
            }
        }
    }
}

/// What has been accepted from every source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dedupe {
    sources: FxHashMap<Sym, SourceIds>,
}

impl Dedupe {
    /// The ids of one source.
    pub fn source(&mut self, source: Sym) -> &mut SourceIds {
        self.sources.entry(source).or_default()
    }

    /// Notes the ids of a sealed tick. `floors` holds the first position of a source that was taken
    /// and not sealed at that time, for sources with any.
    pub fn sealed<'a>(
        &mut self,
        tick: Tick,
        ids: impl IntoIterator<Item = (Sym, &'a EventId)>,
        floors: &[(Sym, u64)],
    ) {
        let floor = |wanted| floors.iter().find(|(source, _)| *source == wanted).map(|(_, floor)| *floor);
        for (source, id) in ids {
            self.source(source).sealed(id, tick, floor(source));
        }
        for (source, ids) in &mut self.sources {
            let floor = floor(*source);
            if floor != ids.floor {
                ids.settle(floor);
            }
        }
    }

    /// The sources with positions that were lost in an earlier run and have not been sent again.
    pub fn floors(&self) -> impl Iterator<Item = (Sym, u64)> {
        self.sources.iter().filter_map(|(source, ids)| Some((*source, ids.floor()?)))
    }

    /// Forgets what is outside the window that ends at `now`.
    pub(crate) fn forget(&mut self, now: Tick, window: Window) {
        for ids in self.sources.values_mut() {
            ids.forget(now, window);
        }
    }
}
