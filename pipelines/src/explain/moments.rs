//! Ticks as moments, and the spans between them.

use worldflow_schemas::Tick;
use worldflow_schemas::tick::TickLength;

use super::told::At;
use crate::spans::{span, utc};

/// What ticks are in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) length: TickLength,
}

impl Moments {
    pub(super) fn at(self, tick: Tick) -> At {
        At { tick, at: utc(self.length.utc_ms(tick)) }
    }

    /// How long it is from one tick to another.
    pub(super) fn between(self, from: Tick, to: Tick) -> String {
        let ticks = to.saturating_sub(from);
        span(ticks.saturating_mul(u64::from(self.length.tick_ms)))
    }
}
