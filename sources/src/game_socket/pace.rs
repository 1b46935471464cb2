//! How many a second.

use std::time::Duration;

use tokio::time::Instant;

/// Counts frames, or refused items, within a second.
#[derive(Debug)]
pub(super) struct Pace {
    /// The most in a second.
    pub(super) most: u32,
    since: Instant,
    heard: u32,
}

impl Pace {
    pub(super) fn new(most: u32) -> Pace {
        Pace { most, since: Instant::now(), heard: 0 }
    }

    /// Counts some; false when there have been too many.
    pub(super) fn admit(&mut self, count: u32, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.heard) = (now, 0);
        }
        self.heard = self.heard.saturating_add(count);
        self.heard <= self.most
    }

    /// How long it is until the next second.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        Duration::from_secs(1).saturating_sub(now.duration_since(self.since))
    }
}
