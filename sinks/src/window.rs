//! Quantiles of what was measured lately: two histograms that take turns.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// How long a histogram is filled; the one before it counts too.
pub(crate) const TURN: Duration = Duration::from_secs(30);

/// Of fewer measurements nothing is concluded.
pub(crate) const LEAST_SAMPLES: u64 = 20;

/// After so many measurements the quantiles are worked out anew.
const FRESH: u32 = 16;

/// The largest value that is told apart, in the unit of the window.
const MOST: u64 = 10_000_000;

/// Three quantiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p95: u64,
    pub(crate) p99: u64,
}

/// What was measured in the last one or two turns.
#[derive(Debug)]
pub(crate) struct Window {
    now: Histogram<u32>,
    before: Histogram<u32>,
    turned: Instant,
    known: Option<Quantiles>,
    since_known: u32,
}

impl Window {
    pub(crate) fn new(now: Instant) -> Window {
        let empty = Histogram::new_with_max(MOST, 2).expect("a histogram of two digits up to ten million");
        Window { now: empty.clone(), before: empty, turned: now, known: None, since_known: 0 }
    }

    pub(crate) fn record(&mut self, value: u64, now: Instant) {
        self.turn(now);
        self.now.saturating_record(value.max(1));
        self.since_known += 1;
        if self.since_known >= FRESH || self.known.is_none() {
            self.work_out();
        }
    }

    /// The quantiles, if enough was measured.
    pub(crate) fn quantiles(&mut self, now: Instant) -> Option<Quantiles> {
        self.turn(now);
        self.known
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.turned);
        if passed < TURN {
            return;
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.reset();
        if passed >= 2 * TURN {
            self.before.reset();
        }
        self.turned = now;
        self.work_out();
    }

    fn work_out(&mut self) {
        self.since_known = 0;
        self.known = None;
        if self.now.len() + self.before.len() < LEAST_SAMPLES {
            return;
        }
        let mut both = self.now.clone();
        both.add(&self.before).expect("both have the same bounds");
        let at = |quantile| both.value_at_quantile(quantile);
        self.known = Some(Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_last_turns() {
        let start = Instant::now();
        let mut window = Window::new(start);
        (1..LEAST_SAMPLES).for_each(|ms| window.record(ms, start));
        assert_eq!(window.quantiles(start), None, "of few nothing is concluded");
        (LEAST_SAMPLES..=100).for_each(|ms| window.record(ms, start));
        (0..16).for_each(|_| window.record(50, start));
        let said = window.quantiles(start).expect("enough");
        assert_eq!((said.p50, said.p95, said.p99), (50, 95, 99));
        assert_eq!(window.quantiles(start + TURN), Some(said), "the turn before counts");
        (0..300).for_each(|_| window.record(7, start + TURN));
        assert_eq!(window.quantiles(start + 2 * TURN).map(|said| said.p99), Some(7), "older ones do not");
        assert_eq!(window.quantiles(start + 5 * TURN), None);
    }
}
