//! The realm's time in real-time mode: UTC that never goes back.
//!
//! When the wall clock is stepped back, or a restart begins after its reservation, the realm is ahead
//! of the wall; it then runs a little slow until the wall has caught up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::host::Host;

/// Where UTC milliseconds come from.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's UTC milliseconds.
#[must_use]
pub fn system_wall_clock() -> WallClock {
    Arc::new(|| {
        let since_1970 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    })
}

pub(crate) struct TickClock {
    wall: WallClock,
    host: Host,
    read_at: Instant,
    /// Microseconds, so that a slow clock does not lose fractions of a millisecond.
    now_us: i64,
}

impl TickClock {
    pub(crate) fn new(wall: WallClock, host: Host, not_before_ms: i64) -> TickClock {
        let now_us = wall().max(not_before_ms).saturating_mul(1000);
        TickClock { wall, host, read_at: host.now(), now_us }
    }

    /// UTC milliseconds, never less than before.
    pub(crate) fn now_ms(&mut self) -> i64 {
        let elapsed = self.host.now().saturating_duration_since(self.read_at);
        self.read_at += elapsed;
        self.advance((self.wall)().saturating_mul(1000), elapsed);
        self.now_us / 1000
    }

    fn advance(&mut self, wall_us: i64, elapsed: Duration) {
        let slowly = i64::try_from(elapsed.as_micros() * 9 / 10).unwrap_or(i64::MAX);
        // The wall is read in whole milliseconds: behind by less than one is not behind.
        self.now_us = if wall_us + 1000 > self.now_us {
            self.now_us.max(wall_us)
        } else {
            self.now_us.saturating_add(slowly)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_slows_the_realm_and_never_turns_it() {
        let mut clock = TickClock::new(Arc::new(|| 0), Host::System, 5_000);
        clock.advance(5_010_000, Duration::from_millis(10));
        assert_eq!(clock.now_us, 5_010_000);
        clock.advance(1_000_000, Duration::from_millis(10));
        assert_eq!(clock.now_us, 5_019_000);
        clock.advance(9_000_000, Duration::from_millis(10));
        assert_eq!(clock.now_us, 9_000_000);
    }
}
