//! How much is on its way through the graph, and how much may be.

/// What may be released and not yet published.
pub(crate) const MOST_IN_FLIGHT: Amount = Amount { ticks: 4 * GROUP.ticks, items: 8 * GROUP.items };

/// What is released together at the most. Timely keeps a count for every tick on its way, and goes over
/// all of them whenever the first is done.
pub(crate) const GROUP: Amount = Amount { ticks: 64, items: 1 << 16 };

/// Ticks with input, and their items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) ticks: u64,
    pub(crate) items: u64,
}

impl Amount {
    /// Adds a tick.
    pub(crate) fn add(&mut self, items: u64) {
        self.ticks += 1;
        self.items += items;
    }

    /// Whether either is more than allowed.
    pub(crate) fn exceeds(&self, most: Amount) -> bool {
        self.ticks > most.ticks || self.items > most.items
    }

    /// What is left without `other`.
    pub(crate) fn without(&self, other: Amount) -> Amount {
        Amount {
            ticks: self.ticks.saturating_sub(other.ticks),
            items: self.items.saturating_sub(other.items),
        }
    }
}
