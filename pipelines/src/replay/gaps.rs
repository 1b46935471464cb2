//! Spans in which nothing happens, and from how long on one is a mistake.
//!
//! Virtual time stops at every pending timer on its way, so one wrong time, far from all the others, would
//! take the world through thousands of years.

use worldflow_engine::admission::Refusal;

/// How long nothing may happen between two inputs that follow each other.
pub(super) struct Gaps {
    most_ms: i64,
    last_ms: Option<i64>,
}

const DAY_MS: i64 = 86_400_000;

impl Gaps {
    pub(super) fn new(most_ms: u64) -> Gaps {
        Gaps { most_ms: i64::try_from(most_ms).unwrap_or(i64::MAX), last_ms: None }
    }

    /// Whether an input may follow the ones before it. At the beginning nothing is known but what comes
    /// next: a time that lies alone, long before it, is the one that is wrong.
    pub(super) fn check(&mut self, at_ms: i64, next_ms: Option<i64>) -> Result<(), Refusal> {
        let from = |earlier: i64, later: i64| later.saturating_sub(earlier);
        if let Some(last_ms) = self.last_ms {
            let gap_ms = from(last_ms, at_ms);
            if gap_ms > self.most_ms {
                return Err(self.refusal("too_far_ahead", "after the input before it", gap_ms, last_ms));
            }
        } else if let Some(next_ms) = next_ms {
            let gap_ms = from(at_ms, next_ms);
            if gap_ms > self.most_ms {
                return Err(self.refusal("too_old", "before the next input", gap_ms, next_ms));
            }
        }
        self.last_ms = Some(at_ms);
        Ok(())
    }

    /// Whether time may go on as far as this: not before there has been an input, nor over a gap.
    pub(super) fn allows(&self, at_ms: i64) -> bool {
        self.last_ms.is_some_and(|last_ms| at_ms.saturating_sub(last_ms) <= self.most_ms)
    }

    fn refusal(&self, code: &'static str, place: &str, gap_ms: i64, other_ms: i64) -> Refusal {
        let other = jiff::Timestamp::from_millisecond(other_ms).map(|at| at.to_string()).unwrap_or_default();
        Refusal {
            code,
            path: "at".to_owned(),
            reason: format!(
                "is {} days {place} ({other}), and at most {} may be",
                gap_ms / DAY_MS,
                self.most_ms / DAY_MS
            ),
            retry_after_ms: None,
            hint: "a number is in milliseconds: is one of the two in microseconds, or in seconds? `--max-gap` allows more"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_704_067_200_000;

    fn codes(times: &[i64], most_days: u64) -> Vec<&'static str> {
        let mut gaps = Gaps::new(most_days * DAY_MS.unsigned_abs());
        let next = times.iter().skip(1).copied().map(Some).chain([None]);
        let checked = times.iter().zip(next).map(|(at_ms, next_ms)| gaps.check(*at_ms, next_ms));
        checked.map(|checked| checked.err().map_or("ok", |refusal| refusal.code)).collect()
    }

    #[test]
    fn one_wrong_time_is_refused_at_either_end() {
        let last = START + 180 * 365 * DAY_MS;
        assert_eq!(
            codes(&[5, START, START + 365 * DAY_MS, last], 366),
            ["too_old", "ok", "ok", "too_far_ahead"]
        );
        assert_eq!(codes(&[5, START, START + 1, last], 400_000), ["ok"; 4]);
        assert_eq!(codes(&[5], 1), ["ok"]);
        assert_eq!(codes(&[i64::MIN, i64::MAX], 1), ["too_old", "ok"]);
    }

    #[test]
    fn a_refusal_says_which_two_are_apart() {
        let mut gaps = Gaps::new(366 * DAY_MS.unsigned_abs());
        assert_eq!(gaps.check(START, None), Ok(()));
        let refusal = gaps.check(START * 2, None).unwrap_err();
        assert_eq!(
            refusal.reason,
            "is 19723 days after the input before it (2024-01-01T00:00:00Z), and at most 366 may be"
        );
        assert!(refusal.hint.contains("microseconds"), "{}", refusal.hint);
    }
}
