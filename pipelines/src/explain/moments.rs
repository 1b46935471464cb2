//! Ticks as moments, and the spans between them.

use worldflow_schemas::Tick;
use worldflow_schemas::tick::TickLength;

use super::told::At;
use crate::spans::span;

/// What ticks are in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) length: TickLength,
}

impl Moments {
    pub(super) fn at(self, tick: Tick) -> At {
        At { tick, at: self.utc(self.length.utc_ms(tick)) }
    }

    /// RFC 3339; the number itself where the calendar has no such time.
    pub(super) fn utc(self, ms: i64) -> String {
        jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
    }

    /// How long it is from one tick to another.
    pub(super) fn between(self, from: Tick, to: Tick) -> String {
        let ticks = to.saturating_sub(from);
        span(ticks.saturating_mul(u64::from(self.length.tick_ms)))
    }
}
