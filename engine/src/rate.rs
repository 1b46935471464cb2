//! How many events of a kind one player may send a second.
//!
//! Windows are the seconds of the clock, the same for everyone: within one a player has exactly the
//! kind's `max_per_second`, and with the next second all start anew. So the table never holds
//! more than one second's senders.

use rustc_hash::FxHashMap;
use worldflow_schemas::Sym;

/// The events counted in the present second.
#[derive(Debug, Default)]
pub struct RateLimits {
    second: i64,
    sent: FxHashMap<(Sym, Sym), u32>,
}

impl RateLimits {
    /// Counts one event of `kind` by `who`; false, and not counted, when there have been `most`.
    pub fn admit(&mut self, kind: Sym, who: Sym, most: u32, now_ms: i64) -> bool {
        let second = now_ms.div_euclid(1_000);
        if second > self.second {
            self.second = second;
            self.sent.clear();
        }
        let sent = self.sent.entry((kind, who)).or_insert(0);
        if *sent >= most {
            return false;
        }
        *sent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_exactly_the_limit_and_ends_with_its_second() {
        let (mut limits, kind, ana) = (RateLimits::default(), Sym::new("kill"), Sym::new("ana"));
        for now_ms in [5_000, 5_500, 5_999] {
            assert!(limits.admit(kind, ana, 3, now_ms));
        }
        assert!(!limits.admit(kind, ana, 3, 5_999));
        assert!(limits.admit(kind, Sym::new("bo"), 3, 5_999), "another player");
        assert!(limits.admit(Sym::new("talk"), ana, 3, 5_999), "another kind");
        for _ in 0..3 {
            assert!(limits.admit(kind, ana, 3, 6_000));
        }
        assert!(!limits.admit(kind, ana, 3, 6_000));
        assert!(!limits.admit(kind, ana, 3, 5_999), "a clock that steps back gives nothing away");
    }
}
