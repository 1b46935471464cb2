//! How far sources have been read, kept with the ticks that hold what was read.
//!
//! A source that is read from somewhere, in parts such as the shards of a stream, says with each batch
//! where the part goes on after it. That becomes durable with the tick that holds the last of the batch
//! and of all before it, so a restart goes on exactly after what the journal holds. What a position means
//! only its source knows.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use worldflow_schemas::{ArcStr, Sym};

/// Where a part of a source goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The source, by its name in the world. Its producer may have a name of its own.
    pub source: Sym,
    /// The part.
    pub part: ArcStr,
    /// The position; `None` when the part is gone for good, and is to be forgotten.
    pub position: Option<ArcStr>,
}

/// What the journal and the snapshots say of every source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Positions {
    sources: FxHashMap<Sym, BTreeMap<ArcStr, ArcStr>>,
}

impl Positions {
    /// Notes what a tick says.
    pub fn apply(&mut self, reached: &[Reached]) {
        for Reached { source, part, position } in reached {
            let parts = self.sources.entry(*source).or_default();
            match position {
                Some(position) => drop(parts.insert(part.clone(), position.clone())),
                None => drop(parts.remove(part)),
            }
        }
    }

    /// The positions of one source by its parts.
    #[must_use]
    pub fn of(&self, source: Sym) -> BTreeMap<ArcStr, ArcStr> {
        self.sources.get(&source).cloned().unwrap_or_default()
    }
}

/// Which batch of which part a tick holds something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    part: usize,
    batch: u64,
}

/// Batches that are taken, and not sealed to their ends.
#[derive(Debug, Default)]
pub(crate) struct Unsealed {
    places: FxHashMap<(Sym, ArcStr), usize>,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    /// The number of the first batch.
    first: u64,
    batches: VecDeque<Open>,
}

/// A batch and the number of ticks that hold something of it and are not sealed.
#[derive(Debug)]
struct Open {
    reached: Reached,
    ticks: usize,
}

impl Unsealed {
    /// A batch is taken, of which so many ticks hold something.
    pub(crate) fn take(&mut self, reached: Reached, ticks: usize) -> Share {
        let key = (reached.source, reached.part.clone());
        let next = self.parts.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.parts.push(Part::default());
        }
        let part = &mut self.parts[place];
        let batch = part.first + part.batches.len() as u64;
        part.batches.push_back(Open { reached, ticks });
        Share { part: place, batch }
    }

    /// A tick is sealed that held these; returns how far parts have come by it.
    pub(crate) fn seal(&mut self, shares: &[Share]) -> Vec<Reached> {
        let mut reached: Vec<Reached> = Vec::new();
        for share in shares {
            let part = &mut self.parts[share.part];
            let place = usize::try_from(share.batch - part.first).unwrap_or(usize::MAX);
            if let Some(open) = part.batches.get_mut(place) {
                open.ticks = open.ticks.saturating_sub(1);
            }
            let mut last = None;
            while part.batches.front().is_some_and(|open| open.ticks == 0) {
                part.first += 1;
                last = part.batches.pop_front().map(|done| done.reached);
            }
            let Some(last) = last else { continue };
            match reached.iter_mut().find(|other| (other.source, &other.part) == (last.source, &last.part)) {
                Some(earlier) => *earlier = last,
                None => reached.push(last),
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(part: &str, position: &str) -> Reached {
        Reached { source: "stream".into(), part: part.into(), position: Some(position.into()) }
    }

    #[test]
    fn a_position_is_durable_with_the_last_tick_of_all_that_was_read_before_it() {
        let mut unsealed = Unsealed::default();
        let one = unsealed.take(reached("a", "1"), 2);
        let two = unsealed.take(reached("a", "2"), 1);
        let other = unsealed.take(reached("b", "7"), 1);
        // The second is sealed before all of the first is.
        assert_eq!(unsealed.seal(&[one, two]), []);
        assert_eq!(unsealed.seal(&[other]), [reached("b", "7")]);
        assert_eq!(unsealed.seal(&[one]), [reached("a", "2")]);
        let three = unsealed.take(reached("a", "3"), 1);
        assert_eq!(unsealed.seal(&[three]), [reached("a", "3")]);
    }

    #[test]
    fn the_last_of_each_part_is_kept_and_parts_that_are_gone_are_forgotten() {
        let mut positions = Positions::default();
        positions.apply(&[reached("a", "1"), reached("b", "1"), reached("a", "2")]);
        positions.apply(&[Reached { position: None, ..reached("b", "") }]);
        assert_eq!(positions.of("stream".into()), BTreeMap::from([("a".into(), "2".into())]));
        assert_eq!(positions.of("other".into()), BTreeMap::new());
    }
}
