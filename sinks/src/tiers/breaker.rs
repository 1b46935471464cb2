//! The breaker of a replica: after some failures in a row it is left alone for a while, then tried with one request.
//!
//! `closed ─5 failures─→ open ─time─→ half-open (one probe) ─good─→ closed, ─bad─→ open for twice as long`

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it.
pub(super) const FAILURES: u32 = 5;
/// For how long it opens at first.
pub(super) const OPEN: Duration = Duration::from_secs(1);
/// For how long it opens at most.
pub(super) const MOST_OPEN: Duration = Duration::from_secs(30);

/// Whether a replica may be asked.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    /// Until when it is open, and for how long it was.
    open: Option<(Instant, Duration)>,
    probing: bool,
}

/// As rows show it; the better first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum BreakerState {
    Closed,
    HalfOpen,
    Open,
}

impl BreakerState {
    pub(super) fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Open => "open",
        }
    }
}

impl Breaker {
    pub(super) fn new() -> Breaker {
        Breaker { failures: 0, open: None, probing: false }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.open {
            None => BreakerState::Closed,
            Some((until, _)) if now >= until => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// Whether a request may be sent.
    pub(super) fn allows(&self, now: Instant) -> bool {
        match self.state(now) {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => !self.probing,
            BreakerState::Open => false,
        }
    }

    /// When it will be half-open.
    pub(super) fn opens_until(&self) -> Option<Instant> {
        self.open.map(|(until, _)| until)
    }

    /// A request was sent: where it is open, the probe.
    pub(super) fn sent(&mut self) {
        self.probing = self.open.is_some();
    }

    /// The replica has said something: it is there.
    pub(super) fn good(&mut self) {
        *self = Breaker::new();
    }

    /// It could not be reached, was silent, or failed.
    pub(super) fn bad(&mut self, now: Instant) {
        self.failures += 1;
        match self.open {
            Some((_, was)) if self.probing => {
                let length = (2 * was).min(MOST_OPEN);
                self.open = Some((now + length, length));
            }
            None if self.failures >= FAILURES => self.open = Some((now + OPEN, OPEN)),
            _ => {}
        }
        self.probing = false;
    }

    /// What was sent was taken back before anything was known.
    pub(super) fn unknown(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_five_in_a_row_and_closes_by_one_probe() {
        let start = Instant::now();
        let mut breaker = Breaker::new();
        (1..FAILURES).for_each(|_| breaker.bad(start));
        breaker.good();
        (1..FAILURES).for_each(|_| breaker.bad(start));
        assert!(breaker.allows(start), "not in a row");
        breaker.bad(start);
        assert_eq!((breaker.allows(start), breaker.state(start)), (false, BreakerState::Open));
        // Others that were under way fail too: that opens it no longer.
        breaker.bad(start + OPEN / 2);
        let then = start + OPEN;
        assert_eq!((breaker.allows(then), breaker.state(then)), (true, BreakerState::HalfOpen));
        breaker.sent();
        assert!(!breaker.allows(then), "one probe");
        breaker.unknown();
        assert!(breaker.allows(then), "one that was taken back is none");
        breaker.sent();
        breaker.bad(then);
        assert!(!breaker.allows(then + OPEN), "twice as long");
        assert!(breaker.allows(then + 2 * OPEN));
        breaker.sent();
        breaker.good();
        assert_eq!((breaker.allows(then), breaker.state(then)), (true, BreakerState::Closed));
    }

    #[test]
    fn it_is_tried_at_least_every_thirty_seconds() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new();
        (0..FAILURES).for_each(|_| breaker.bad(now));
        for _ in 0..20 {
            let until = breaker.opens_until().expect("it is open");
            assert!(until - now <= MOST_OPEN);
            now = until;
            breaker.sent();
            breaker.bad(now);
        }
    }
}
