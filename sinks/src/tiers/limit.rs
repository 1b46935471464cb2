//! How much a tier is asked at a time: the limit of a replica, and the budget of retries.
//!
//! The limit is additive increase, multiplicative decrease: one more after as many good answers as the limit is, half
//! of it when a replica is overloaded, between one and the ceiling. Answers to what was sent before the last decrease
//! do not decrease it again.

use tokio::time::Instant;

/// The most requests in flight to one replica, at the moment.
#[derive(Debug)]
pub(super) struct Limit {
    ceiling: u32,
    now: u32,
    good: u32,
    shrunk: Option<Instant>,
}

impl Limit {
    pub(super) fn new(ceiling: u32) -> Limit {
        let ceiling = ceiling.max(1);
        Limit { ceiling, now: ceiling, good: 0, shrunk: None }
    }

    pub(super) fn now(&self) -> u32 {
        self.now
    }

    pub(super) fn good(&mut self) {
        self.good += 1;
        if self.good >= self.now {
            self.good = 0;
            self.now = (self.now + 1).min(self.ceiling);
        }
    }

    /// What was sent at `sent` found the replica overloaded.
    pub(super) fn overloaded(&mut self, sent: Instant, now: Instant) {
        if self.shrunk.is_some_and(|shrunk| sent <= shrunk) {
            return;
        }
        self.shrunk = Some(now);
        self.good = 0;
        self.now = (self.now / 2).max(1);
    }
}

/// How many requests may be sent a second time: one in ten, and not many at once.
#[derive(Debug)]
pub(super) struct RetryBudget {
    tenths: u32,
}

impl RetryBudget {
    const RETRY: u32 = 10;
    const MOST: u32 = 10 * RetryBudget::RETRY;
    /// As many as a breaker lets fail: a server that is down at the start costs nobody an answer.
    const AT_START: u32 = 5 * RetryBudget::RETRY;

    pub(super) fn new() -> RetryBudget {
        RetryBudget { tenths: RetryBudget::AT_START }
    }

    /// A request was sent for the first time.
    pub(super) fn sent(&mut self) {
        self.tenths = (self.tenths + 1).min(RetryBudget::MOST);
    }

    /// Takes a retry, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let left = self.tenths.checked_sub(RetryBudget::RETRY);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limit_halves_once_a_burst_and_grows_back_by_one() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut limit = Limit::new(8);
        limit.overloaded(at(0), at(10));
        assert_eq!(limit.now(), 4);
        limit.overloaded(at(9), at(11));
        limit.overloaded(at(10), at(12));
        assert_eq!(limit.now(), 4, "sent before the decrease");
        limit.overloaded(at(11), at(13));
        assert_eq!(limit.now(), 2);
        (0..2).for_each(|_| limit.good());
        assert_eq!(limit.now(), 3, "two good answers at a limit of two");
        (0..2).for_each(|_| limit.good());
        assert_eq!(limit.now(), 3, "and three at one of three");
        (0..100).for_each(|_| limit.good());
        assert_eq!(limit.now(), 8, "never over the ceiling");
        (20..30).for_each(|ms| limit.overloaded(at(ms), at(ms)));
        assert_eq!(limit.now(), 1, "never under one");
    }

    #[test]
    fn one_in_ten_may_be_sent_again() {
        let mut budget = RetryBudget::new();
        assert_eq!((0..10).filter(|_| budget.take()).count(), 5, "at the start");
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.sent();
            retries += u32::from(budget.take());
        }
        assert_eq!(retries, 100);
        (0..1_000).for_each(|_| budget.sent());
        assert_eq!((0..1_000).filter(|_| budget.take()).count(), 10, "and not many at once");
    }
}
