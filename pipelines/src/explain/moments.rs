//! Ticks as moments, and spans as people say them.

use worldflow_schemas::Tick;
use worldflow_schemas::tick::TickLength;

use super::told::At;

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

/// A span, by its two largest units.
pub(super) fn span(ms: u64) -> String {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
    let Some(first) = UNITS.iter().position(|(_, unit)| ms >= *unit) else { return "no time".to_owned() };
    let mut rest = ms;
    let mut parts = Vec::new();
    for (name, unit) in &UNITS[first..(first + 2).min(UNITS.len())] {
        // Milliseconds beside seconds say nothing to people, once there are some.
        if rest >= *unit && !(*name == "ms" && ms >= 10_000) {
            parts.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_by_their_two_largest_units() {
        for (ms, said) in [
            (0, "no time"),
            (40, "40 ms"),
            (2_500, "2 s 500 ms"),
            (12_345, "12 s"),
            (720_000, "12 min"),
            (3_660_000, "1 h 1 min"),
            (90_061_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ms), said);
        }
    }
}
