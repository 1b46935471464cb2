//! Open loops: what is due when, whatever has become of what came before it, and how long after that things happened.

use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;

/// The most that is due in one run: each has a place in memory.
const MOST: u64 = 10_000_000;

/// So many a second, evenly, from an instant on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    rate: u64,
    /// So many are due at the same instant.
    together: u64,
    pub(crate) count: u64,
    /// What is due before is not counted.
    counted_from: Duration,
}

impl Schedule {
    /// For so many seconds after a warm-up.
    pub(crate) fn new(rate: u64, together: u64, seconds: u64, warm_up: u64) -> anyhow::Result<Schedule> {
        let count = rate.saturating_mul(seconds.saturating_add(warm_up));
        ensure!(
            (1..=MOST).contains(&count),
            "{count} requests cannot be measured\nhint: at least one, and at most {MOST}"
        );
        Ok(Schedule {
            // Long enough for whoever sends to be ready.
            start: Instant::now() + Duration::from_millis(100),
            rate,
            together: together.max(1),
            count,
            counted_from: Duration::from_secs(warm_up),
        })
    }

    /// When the `n`th is due, from 0.
    pub(crate) fn due(&self, n: u64) -> Instant {
        self.start + self.after(n)
    }

    fn after(&self, n: u64) -> Duration {
        let first = n - n % self.together;
        Duration::from_nanos(first.saturating_mul(1_000_000_000) / self.rate)
    }

    /// Whether the `n`th counts.
    pub(crate) fn counts(&self, n: u64) -> bool {
        self.after(n) >= self.counted_from
    }
}

/// Waits on a thread of its own: its timer is finer than that of the runtime.
pub(crate) fn wait_until(at: Instant) {
    loop {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

/// Times, by their quantiles.
#[derive(Clone, Debug)]
pub(crate) struct Times(Histogram<u64>);

/// Nothing that is measured takes longer, in microseconds.
const MOST_US: u64 = 600_000_000;

impl Times {
    pub(crate) fn new() -> Times {
        Times(Histogram::new_with_max(MOST_US, 3).expect("a histogram of three digits up to ten minutes"))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(MOST_US).max(1));
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "times for people")]
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_due_evenly_or_in_bursts() {
        let of = |together| Schedule::new(1_000, together, 2, 1).expect("few");
        let ms = |schedule: Schedule, n| (schedule.due(n) - schedule.start).as_millis();
        assert_eq!((of(1).count, ms(of(1), 0), ms(of(1), 1), ms(of(1), 2_999)), (3_000, 0, 1, 2_999));
        assert_eq!([9, 10, 19, 20].map(|n| ms(of(10), n)), [0, 10, 10, 20]);
        assert_eq!([999, 1_000].map(|n| of(1).counts(n)), [false, true], "after the warm-up");
        assert!(Schedule::new(0, 1, 2, 1).is_err() && Schedule::new(u64::MAX, 1, 2, 1).is_err());
    }

    #[test]
    fn times_have_quantiles() {
        let mut times = Times::new();
        (1..=100).for_each(|ms| times.record(Duration::from_millis(ms)));
        times.record(Duration::from_secs(3_600));
        assert_eq!(times.len(), 101);
        assert!((times.at(0.5) - 51.0).abs() < 0.1 && times.at(1.0) > 599_000.0);
    }
}
