//! Which inputs have been here before: (source, id) makes at-least-once exactly-once.
//!
//! Positions of a source come in increasing order, so a high-water mark decides them; where a crash
//! lost positions that waited for their ticks, those near the mark are remembered one by one. Named
//! ids are remembered for a stated time, and beyond a stated number for less, but never for less than
//! [`YOUNG_MS`]; what is older than the oldest remembered one cannot be told from a duplicate, and is
//! refused. Positions that the engine gave cannot be sent again, so only the last one counts. Every
//! player may be a source: one that has been silent for long, and gave no positions, costs nothing.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{ArcStr, EventId, Sym, Tick};

use crate::journal::Numbered;

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
    /// The last position that the engine gave to an input without an id.
    numbered: Option<u64>,
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
        if self.mark().is_none_or(|mark| position > mark) {
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

    fn mark(&self) -> Option<u64> {
        self.high.max(self.numbered)
    }

    /// A new id is taken as part of `tick`, in the order of its source.
    pub fn take(&mut self, id: &EventId, tick: Tick) {
        match id {
            EventId::Position(position) if self.mark().is_none_or(|mark| *position > mark) => {
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

    /// An input without an id has got a position.
    pub fn number(&mut self, position: u64) {
        self.numbered = self.numbered.max(Some(position));
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

    /// The position after all that have been taken or given, also of sources that are gone.
    #[must_use]
    pub fn next_position(&self, gone: &Gone) -> u64 {
        self.mark().max(gone.numbered).map_or(0, |last| last.saturating_add(1))
    }

    /// Whether nothing is to be remembered of it but what [`Gone`] says of all such sources.
    fn is_gone(&self, oldest: Tick) -> bool {
        self.high.is_none()
            && self.floor.is_none()
            && self.apart.is_empty()
            && self.order.is_empty()
            && self.forgotten.is_none_or(|tick| tick < oldest)
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

/// What is remembered of all sources together of which nothing else is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The latest tick of their named ids.
    forgotten: Option<Tick>,
    /// The last position that the engine gave one of them.
    numbered: Option<u64>,
}

/// The ids of a sealed tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SealedIds {
    /// Ids that the sources gave.
    given: Vec<(Sym, EventId)>,
    /// The last position of each run of inputs of one source that the engine has numbered.
    numbered: Vec<(Sym, u64)>,
}

impl SealedIds {
    /// The ids of events and of commands, of which the last are `numbered`.
    pub fn new<'a>(
        events: impl ExactSizeIterator<Item = (Sym, &'a EventId)>,
        commands: impl ExactSizeIterator<Item = (Sym, &'a EventId)>,
        numbered: Numbered,
    ) -> SealedIds {
        let mut ids = SealedIds::default();
        ids.add(events, numbered.events);
        ids.add(commands, numbered.commands);
        ids
    }

    fn add<'a>(&mut self, ids: impl ExactSizeIterator<Item = (Sym, &'a EventId)>, numbered: usize) {
        let given = ids.len().saturating_sub(numbered);
        for (place, (source, id)) in ids.enumerate() {
            match (id, self.numbered.last_mut()) {
                (EventId::Position(position), last) if place >= given => match last {
                    Some((same, last)) if *same == source => *last = (*last).max(*position),
                    _ => self.numbered.push((source, *position)),
                },
                _ => self.given.push((source, id.clone())),
            }
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.numbered.is_empty()
    }
}

/// What has been accepted from every source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Dedupe {
    sources: FxHashMap<Sym, SourceIds>,
    gone: Gone,
    /// The sources that may have a floor: the only ones that a tick without inputs of theirs concerns.
    #[serde(skip)]
    floored: Vec<Sym>,
}

/// What is written of [`Dedupe`].
#[derive(Deserialize)]
struct Kept {
    sources: FxHashMap<Sym, SourceIds>,
    gone: Gone,
}

impl From<Kept> for Dedupe {
    fn from(Kept { sources, gone }: Kept) -> Dedupe {
        let floored = sources.iter().filter(|(_, ids)| ids.floor.is_some()).map(|(source, _)| *source);
        Dedupe { floored: floored.collect(), sources, gone }
    }
}

impl Dedupe {
    /// The ids of one source, and what is known of all that are gone.
    pub fn source(&mut self, source: Sym) -> (&mut SourceIds, Gone) {
        let gone = self.gone;
        // It may be one of those.
        let fresh = || SourceIds { forgotten: gone.forgotten, ..SourceIds::default() };
        (self.sources.entry(source).or_insert_with(fresh), gone)
    }

    /// Notes the ids of a sealed tick. `floors` holds the first position of a source that was taken
    /// and not sealed at that time, for sources with any.
    pub fn sealed(&mut self, tick: Tick, ids: &SealedIds, floors: &[(Sym, u64)]) {
        let floor = |wanted| floors.iter().find(|(source, _)| *source == wanted).map(|(_, floor)| *floor);
        for (source, id) in &ids.given {
            self.source(*source).0.sealed(id, tick, floor(*source));
        }
        for (source, position) in &ids.numbered {
            self.source(*source).0.number(*position);
        }
        let mut concerned = std::mem::take(&mut self.floored);
        for (source, _) in floors {
            if !concerned.contains(source) {
                concerned.push(*source);
            }
        }
        concerned.retain(|source| {
            let Some(ids) = self.sources.get_mut(source) else { return false };
            let floor = floor(*source);
            if floor != ids.floor {
                ids.settle(floor);
            }
            floor.is_some()
        });
        self.floored = concerned;
    }

    /// The sources with positions that were lost in an earlier run and have not been sent again.
    pub fn floors(&self) -> impl Iterator<Item = (Sym, u64)> {
        self.floored.iter().filter_map(|source| Some((*source, self.sources.get(source)?.floor()?)))
    }

    /// Forgets what is outside the window that ends at `now`. Visits every source: for now and then.
    pub(crate) fn forget(&mut self, now: Tick, window: Window) {
        let oldest = now.saturating_sub(window.ticks);
        let gone = &mut self.gone;
        self.sources.retain(|_, ids| {
            ids.forget(now, window);
            if !ids.is_gone(oldest) {
                return true;
            }
            gone.forgotten = gone.forgotten.max(ids.forgotten);
            gone.numbered = gone.numbered.max(ids.numbered);
            false
        });
        if self.sources.capacity() > 4 * self.sources.len() {
            self.sources.shrink_to(2 * self.sources.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { ticks: 1000, young_ticks: 100, ids: 10 };

    fn given(source: Sym, id: EventId) -> SealedIds {
        SealedIds { given: vec![(source, id)], numbered: Vec::new() }
    }

    #[test]
    fn sources_that_have_been_silent_for_long_cost_nothing_and_count_nothing_twice() {
        let mut dedupe = Dedupe::default();
        let player = |number: u64| Sym::new(&format!("player-{number}"));
        for number in 0..100_000 {
            let tick = number / 1000;
            let numbered = vec![(player(number), number)];
            dedupe.sealed(tick, &SealedIds { given: Vec::new(), numbered }, &[]);
            if number % 2 == 0 {
                dedupe.sealed(tick, &given(player(number), EventId::Named("a".into())), &[]);
            }
        }
        dedupe.sealed(99, &given("server".into(), EventId::Position(7)), &[]);
        dedupe.forget(100, WINDOW);
        assert_eq!(dedupe.sources.len(), 50_001, "what was numbered is not remembered by source");
        dedupe.forget(1099, WINDOW);
        assert_eq!(dedupe.sources.len(), 501, "the ids of one tick are in the window");
        dedupe.forget(1102, WINDOW);
        assert_eq!(dedupe.sources.len(), 1, "a position that was given is remembered for good");
        assert!(dedupe.sources.capacity() < 100);
        // A source that speaks again may have been here before.
        let again: Dedupe =
            postcard::from_bytes(&postcard::to_stdvec(&dedupe).expect("plain data")).expect("plain data");
        for mut dedupe in [dedupe, again] {
            let (ids, gone) = dedupe.source(player(0));
            assert_eq!((ids.forgotten(), ids.next_position(&gone)), (Some(99), 100_000));
            assert_eq!(dedupe.source("server".into()).0.known(&EventId::Position(7)), Known::Duplicate(99));
        }
    }

    #[test]
    fn positions_of_the_engine_are_one_number_however_many_there_are() {
        let mut ids = SourceIds::default();
        for position in 0..1000 {
            ids.number(position);
        }
        assert_eq!((ids.runs.len(), ids.next_position(&Gone::default())), (0, 1000));
        assert_eq!(ids.known(&EventId::Position(7)), Known::Forgotten);
        assert_eq!(ids.known(&EventId::Position(1000)), Known::New);
    }

    #[test]
    fn only_sources_with_a_floor_are_settled_by_the_ticks_of_others() {
        let mut dedupe = Dedupe::default();
        let (a, b) = (Sym::new("a"), Sym::new("b"));
        dedupe.sealed(1, &given(a, EventId::Position(3)), &[(a, 2)]);
        assert_eq!((dedupe.floors().collect::<Vec<_>>(), &dedupe.floored[..]), (vec![(a, 2)], &[a][..]));
        dedupe.sealed(2, &given(b, EventId::Position(1)), &[(a, 2)]);
        assert_eq!(dedupe.source(a).0.known(&EventId::Position(2)), Known::New);
        dedupe.sealed(3, &given(b, EventId::Position(2)), &[]);
        assert!(dedupe.floored.is_empty());
        assert_eq!(dedupe.source(a).0.known(&EventId::Position(2)), Known::Forgotten);
        assert_eq!(dedupe.source(a).0.known(&EventId::Position(3)), Known::Duplicate(1));
    }
}
