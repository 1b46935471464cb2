//! World time as an exact function of the tick: one straight piece of a line that bends only where
//! the clock is changed.
//!
//! A piece begins at an anchor whose fraction of a millisecond is kept as a fraction, so that no
//! drift arises however often the scale changes. It knows no calendar.

use serde::{Deserialize, Serialize};
use worldflow_schemas::Tick;

/// The present piece: world time is `world_ms + fraction + (tick - anchor) × tick_ms × scale`,
/// rounded down. Before its first tick, and while paused, world time stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WorldTime {
    /// Where the piece begins.
    pub anchor: Tick,
    /// World milliseconds there, without the fraction.
    pub world_ms: i64,
    /// The fraction of a millisecond there, numerator below denominator.
    pub(crate) fraction: (u64, u64),
    /// World milliseconds ...
    pub scale_world: u32,
    /// ... per this many real milliseconds.
    pub scale_real: u32,
    /// Whether world time stands still.
    pub paused: bool,
    pub(crate) tick_ms: u32,
}

impl WorldTime {
    /// A piece that begins at `anchor` with exactly `world_ms`. The parts of the scale must be positive.
    #[must_use]
    pub fn new(
        anchor: Tick,
        world_ms: i64,
        (scale_world, scale_real): (u32, u32),
        tick_ms: u32,
    ) -> WorldTime {
        assert!(scale_world > 0 && scale_real > 0 && tick_ms > 0, "a scale and a tick are positive");
        WorldTime { anchor, world_ms, fraction: (0, 1), scale_world, scale_real, paused: false, tick_ms }
    }

    /// World milliseconds at a tick, rounded down.
    #[must_use]
    pub fn at(&self, tick: Tick) -> i64 {
        self.parts(tick).0
    }

    /// The first tick of this piece at which world time is at least `world_ms`, or `None` when it
    /// never will be.
    #[must_use]
    pub fn first_tick_at(&self, world_ms: i64) -> Option<Tick> {
        let ahead = i128::from(world_ms) - i128::from(self.world_ms);
        if ahead <= 0 {
            return Some(self.anchor);
        }
        if self.paused {
            return None;
        }
        // The fraction is below one, so the answer lies between these two.
        let per_tick = i128::from(self.scale_world) * i128::from(self.tick_ms);
        let ticks = |ahead: i128| (ahead * i128::from(self.scale_real) + per_tick - 1) / per_tick;
        let (mut low, mut high) = (ticks(ahead - 1), ticks(ahead));
        while low < high {
            let middle = low + (high - low) / 2;
            let tick = self.anchor.checked_add(u64::try_from(middle).ok()?)?;
            if self.at(tick) >= world_ms {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.anchor.checked_add(u64::try_from(low).ok()?)
    }

    /// The same line, anchored at `tick`, for a change from there on.
    #[must_use]
    pub fn anchored_at(&self, tick: Tick) -> WorldTime {
        let (world_ms, fraction) = self.exact(tick);
        WorldTime { anchor: tick, world_ms, fraction, ..*self }
    }

    /// World time that stands still from `tick` on.
    #[must_use]
    pub fn paused_at(&self, tick: Tick) -> WorldTime {
        WorldTime { paused: true, ..self.anchored_at(tick) }
    }

    /// World time that goes on from `tick` on.
    #[must_use]
    pub fn resumed_at(&self, tick: Tick) -> WorldTime {
        WorldTime { paused: false, ..self.anchored_at(tick) }
    }

    fn exact(&self, tick: Tick) -> (i64, (u64, u64)) {
        let (world_ms, num, den) = self.parts(tick);
        (world_ms, reduced(num, den))
    }

    /// Whole milliseconds, and numerator and denominator of the fraction.
    fn parts(&self, tick: Tick) -> (i64, u128, u128) {
        let (num, den) = (u128::from(self.fraction.0), u128::from(self.fraction.1));
        if self.paused || tick <= self.anchor {
            return (self.world_ms, num, den);
        }
        let real = u128::from(self.scale_real);
        let run = u128::from(tick - self.anchor) * u128::from(self.tick_ms) * u128::from(self.scale_world);
        let (whole, rest) = (run / real, run % real);
        // num/den + rest/real, both below one.
        let (num, den) = (num * real + rest * den, den * real);
        let whole = whole + num / den;
        let world_ms = i128::from(self.world_ms).saturating_add_unsigned(whole);
        (i64::try_from(world_ms).unwrap_or(i64::MAX), num % den, den)
    }
}

/// The fraction in lowest terms. A denominator beyond 64 bits, which takes several changes between
/// scales without a common measure, is cut: that costs less than 2⁻³² of a millisecond a change.
fn reduced(num: u128, den: u128) -> (u64, u64) {
    let divisor = gcd(num, den);
    let (mut num, mut den) = (num / divisor, den / divisor);
    while den > u128::from(u64::MAX) {
        num >>= 1;
        den >>= 1;
    }
    let fits = "both are at most 64 bits long here";
    (u64::try_from(num).expect(fits), u64::try_from(den).expect(fits))
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
