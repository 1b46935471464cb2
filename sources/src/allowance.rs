//! How much each of many may do a second, and how long it must wait when that is spent.
//!
//! Everyone pays with time: what costs n of m a second is paid for n/m seconds later. Whoever owes less than a second may go on, so
//! a second's worth can be spent at once, a large piece is never too large, and over time nobody gets more than their rate.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;
use worldflow_engine::admission::Refusal;

/// What may be owed.
const CREDIT: Duration = Duration::from_secs(1);

/// With so many in the table it is looked through for the first time for those who owe nothing.
const SWEEP_AT: usize = 1_024;

/// What everyone owes. Those who owe nothing take no room.
#[derive(Debug)]
pub(crate) struct Allowances<K> {
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    /// When each will have paid.
    paid_at: FxHashMap<K, Instant>,
    sweep_at: usize,
}

impl<K> Default for Allowances<K> {
    fn default() -> Allowances<K> {
        Allowances { table: Mutex::new(Table { paid_at: FxHashMap::default(), sweep_at: SWEEP_AT }) }
    }
}

impl<K: Eq + Hash> Allowances<K> {
    /// Takes `count` from what `who` may do, which is `per_s` a second.
    ///
    /// # Errors
    /// With the time to wait, and nothing is taken, when that is spent.
    pub(crate) fn take(&self, who: K, count: u32, per_s: u32, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let owes = table.paid_at.get(&who).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if let Some(wait) = owes.checked_sub(CREDIT).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        if count == 0 {
            return Ok(());
        }
        let cost = Duration::from_secs_f64(f64::from(count) / f64::from(per_s.max(1)));
        table.paid_at.insert(who, now + owes + cost);
        if table.paid_at.len() >= table.sweep_at {
            table.paid_at.retain(|_, at| *at > now);
            table.sweep_at = SWEEP_AT.max(2 * table.paid_at.len());
        }
        Ok(())
    }
}

/// The refusal with the time to wait in it.
pub(crate) fn later(mut refusal: Refusal, wait: Duration) -> Refusal {
    // A part of a millisecond too early would be refused again.
    let ms = wait.as_micros().div_ceil(1_000).max(1);
    refusal.retry_after_ms = Some(u32::try_from(ms).unwrap_or(u32::MAX));
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_spent_at_once_and_then_it_is_the_rate() {
        let (allowances, begin) = (Allowances::default(), Instant::now());
        let take = |who, count, ms| allowances.take(who, count, 10, begin + Duration::from_millis(ms));
        for _ in 0..11 {
            assert_eq!(take("ana", 1, 0), Ok(()));
        }
        assert_eq!(take("ana", 1, 0), Err(Duration::from_millis(100)));
        assert_eq!(take("bo", 1, 0), Ok(()), "another");
        let taken = (0..10_000).filter(|ms| take("ana", 1, *ms).is_ok()).count();
        assert_eq!(taken, 99);
        // What is larger than the rate is paid for afterwards.
        assert_eq!(take("cy", 50, 0), Ok(()));
        assert_eq!(take("cy", 1, 3_000), Err(Duration::from_secs(1)));
        assert_eq!(take("cy", 0, 3_000), Err(Duration::from_secs(1)), "asking costs nothing");
        assert_eq!(take("cy", 1, 4_000), Ok(()));
    }

    #[test]
    fn who_owes_nothing_takes_no_room() {
        let (allowances, begin) = (Allowances::default(), Instant::now());
        for who in 0..1_000_000_u64 {
            let now = begin + Duration::from_micros(who);
            assert_eq!(allowances.take(who, 1, 1_000, now), Ok(()));
        }
        assert!(allowances.table.lock().expect("whole").paid_at.len() < 4_096);
    }
}
