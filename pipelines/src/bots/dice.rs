//! Seeded chance for bots: the next draw of one stream.

use worldflow_schemas::chance;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    seed: u64,
    counter: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice { seed, counter: 0 }
    }

    /// A whole number in `0..bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.counter += 1;
        let drawn = chance::below(self.seed, "bots", "", self.counter, bound as u64);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of the items.
    pub(crate) fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        items.get(self.below(items.len()))
    }
}
