//! When each request was due, first heard of and answered; and that each was, exactly once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{bail, ensure};

use crate::open_loop::{Schedule, Times};

/// What was measured.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// From when a request was due to its first sentence.
    pub(super) first: Times,
    /// To its end.
    pub(super) whole: Times,
}

/// What has become of the requests of a schedule.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) schedule: Schedule,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    outcome: Outcome,
    /// How often each was first heard of, and answered.
    heard: Vec<u8>,
    answered: Vec<u8>,
    left: u64,
    /// Why requests have failed, and how many.
    failed: BTreeMap<String, u64>,
}

/// Of so many reasons why requests fail each is told.
const MOST_REASONS: usize = 20;

impl Ledger {
    pub(super) fn new(schedule: Schedule) -> anyhow::Result<Ledger> {
        let count = usize::try_from(schedule.count)?;
        let state = State {
            outcome: Outcome { first: Times::new(), whole: Times::new() },
            heard: vec![0; count],
            answered: vec![0; count],
            left: schedule.count,
            failed: BTreeMap::new(),
        };
        Ok(Ledger { schedule, state: Mutex::new(state) })
    }

    /// The first sentence of a request is there.
    pub(super) fn first(&self, n: u64) {
        let took = Instant::now().saturating_duration_since(self.schedule.due(n));
        let mut state = self.lock();
        let Some(heard) = usize::try_from(n).ok().and_then(|n| state.heard.get_mut(n)) else { return };
        *heard = heard.saturating_add(1);
        if self.schedule.counts(n) {
            state.outcome.first.record(took);
        }
    }

    /// A request is over; whether all are.
    pub(super) fn answered(&self, n: u64, failed: Option<&str>) -> bool {
        let took = Instant::now().saturating_duration_since(self.schedule.due(n));
        let mut state = self.lock();
        let Some(answered) = usize::try_from(n).ok().and_then(|n| state.answered.get_mut(n)) else {
            return false;
        };
        *answered = answered.saturating_add(1);
        if *answered == 1 {
            state.left -= 1;
        }
        match failed {
            Some(reason) if state.failed.len() < MOST_REASONS || state.failed.contains_key(reason) => {
                *state.failed.entry(reason.to_owned()).or_default() += 1;
            }
            Some(_) => *state.failed.entry("another reason".to_owned()).or_default() += 1,
            None if self.schedule.counts(n) => state.outcome.whole.record(took),
            None => {}
        }
        state.left == 0
    }

    /// What was measured.
    ///
    /// # Errors
    /// When a request was not answered exactly once.
    pub(super) fn close(&self) -> anyhow::Result<Outcome> {
        let state = self.lock();
        if !state.failed.is_empty() {
            bail!("requests failed, and that is not what is measured: {:?}", state.failed);
        }
        for (what, counts) in [("answered", &state.answered), ("first heard of", &state.heard)] {
            let of = |wanted: fn(u8) -> bool| counts.iter().filter(|count| wanted(**count)).count();
            let (never, often) = (of(|count| count == 0), of(|count| count > 1));
            ensure!(never == 0, "{never} requests were never {what}");
            ensure!(often == 0, "{often} requests were {what} more than once");
        }
        Ok(state.outcome.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_answered_exactly_once() {
        let ledger = |answers: &[u64], failed: Option<&str>| {
            let ledger = Ledger::new(Schedule::new(3, 1, 1, 0).expect("three")).expect("few");
            for n in answers {
                ledger.first(*n);
                ledger.answered(*n, failed);
            }
            ledger.close().map(|outcome| outcome.whole.len()).map_err(|error| error.to_string())
        };
        assert_eq!(ledger(&[2, 0, 1], None), Ok(3));
        assert_eq!(ledger(&[0, 1], None), Err("1 requests were never answered".to_owned()));
        assert_eq!(ledger(&[0, 1, 2, 2], None), Err("1 requests were answered more than once".to_owned()));
        let failed = ledger(&[0, 1, 2], Some("no room")).expect_err("it failed");
        assert!(failed.ends_with(r#"{"no room": 3}"#), "{failed}");
    }
}
