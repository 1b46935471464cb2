//! The one logical time.

use serde::{Deserialize, Serialize};

/// A tick: milliseconds of UTC since 1970 divided by the world's `tick_ms`. Totally ordered.
pub type Tick = u64;

/// The length of a tick, and with it the exact relation between ticks and UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TickLength {
    /// Milliseconds, at least 1.
    pub tick_ms: u32,
}

impl TickLength {
    /// UTC milliseconds at which `tick` begins.
    #[must_use]
    pub fn utc_ms(self, tick: Tick) -> i64 {
        i64::try_from(tick.saturating_mul(u64::from(self.tick_ms))).unwrap_or(i64::MAX)
    }

    /// The tick to which something that happened at `at_ms` belongs: the first that begins at or
    /// after it. Times before 1970 belong to tick 0.
    #[must_use]
    pub fn tick_at(self, at_ms: i64) -> Tick {
        u64::try_from(at_ms).unwrap_or(0).div_ceil(u64::from(self.tick_ms))
    }

    /// How many ticks `span_ms` of real time take, rounded up, at least one for a positive span.
    #[must_use]
    pub fn ticks(self, span_ms: u64) -> u64 {
        span_ms.div_ceil(u64::from(self.tick_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_to_the_first_tick_that_begins_at_or_after_it() {
        let length = TickLength { tick_ms: 10 };
        assert_eq!(length.tick_at(20), 2);
        assert_eq!(length.tick_at(21), 3);
        assert_eq!(length.utc_ms(3), 30);
        assert_eq!(length.tick_at(-5), 0);
    }
}
