//! How often somebody may ask: so many requests in any stretch of time, exact at its edges.
//!
//! A request of tick T counts in the ticks before T + the stretch, and no longer in that one. Only the last requests are kept,
//! as many as the largest number that a rate allows: that decides everything.

use std::collections::VecDeque;

use worldflow_schemas::Tick;
use worldflow_schemas::definitions::RateDef;
use worldflow_schemas::tick::TickLength;

/// So many requests in any stretch of so many ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rate {
    pub(crate) most: usize,
    pub(crate) ticks: u64,
}

impl Rate {
    /// A rate goes by real time.
    pub(crate) fn of(def: &RateDef, length: TickLength) -> Rate {
        Rate { most: usize::try_from(def.most).unwrap_or(usize::MAX), ticks: length.ticks(def.per.ms).max(1) }
    }
}

/// When somebody asked, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Asked(VecDeque<Tick>);

impl Asked {
    /// As it was kept.
    pub(crate) fn of(ticks: Vec<Tick>) -> Asked {
        Asked(ticks.into())
    }

    /// To be kept.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        self.0.iter().copied().collect()
    }

    /// Whether one more may be asked now by all of these rates.
    pub(crate) fn allows(&self, rates: &[Rate], now: Tick) -> bool {
        rates.iter().all(|rate| {
            // Of the last `most` requests the first must have left the stretch.
            let Some(at) = self.0.len().checked_sub(rate.most) else { return true };
            self.0.get(at).is_some_and(|first| first.saturating_add(rate.ticks) <= now)
        })
    }

    /// One more is asked now. The last `kept` stay.
    pub(crate) fn ask(&mut self, now: Tick, kept: usize) {
        self.0.push_back(now);
        while self.0.len() > kept {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask_all(rates: &[Rate], ticks: impl IntoIterator<Item = Tick>) -> Vec<Tick> {
        let mut asked = Asked::default();
        let kept = rates.iter().map(|rate| rate.most).max().unwrap_or(0);
        let mut allowed = Vec::new();
        for tick in ticks {
            if asked.allows(rates, tick) {
                asked.ask(tick, kept);
                allowed.push(tick);
            }
        }
        allowed
    }

    #[test]
    fn an_edge_is_exact() {
        let three = Rate { most: 3, ticks: 100 };
        let asked = [1, 1, 50, 51, 100, 101, 101, 102, 149, 150, 151];
        assert_eq!(ask_all(&[three], asked), [1, 1, 50, 101, 101, 150]);
        assert!(ask_all(&[Rate { most: 0, ticks: 1 }], 1..9).is_empty());
        assert_eq!(ask_all(&[Rate { most: 1, ticks: 1 }], [1, 1, 2, 2, 3]), [1, 2, 3]);
        assert_eq!(ask_all(&[], [1, 1]), [1, 1]);
        let two = [Rate { most: 2, ticks: 10 }, Rate { most: 3, ticks: 100 }];
        assert_eq!(ask_all(&two, [1, 2, 3, 11, 12, 99, 101, 102, 102]), [1, 2, 11, 101, 102]);
    }

    /// Every stretch of every length is counted anew.
    #[test]
    fn it_is_what_counting_says() {
        for seed in 0..200_u64 {
            let draw = |key: &str, n: u64, bound: u64| {
                worldflow_schemas::chance::below(seed, "rates", key, n, bound)
            };
            let rates: Vec<Rate> = (0..1 + draw("rates", 0, 3))
                .map(|n| Rate {
                    most: usize::try_from(draw("most", n, 5)).expect("small"),
                    ticks: 1 + draw("ticks", n, 20),
                })
                .collect();
            let mut tick = 0;
            let ticks: Vec<Tick> = (0..60)
                .map(|n| {
                    tick += draw("step", n, 5);
                    tick
                })
                .collect();
            let mut naive: Vec<Tick> = Vec::new();
            for now in ticks.iter().copied() {
                let counts = |rate: &Rate| naive.iter().filter(|at| **at + rate.ticks > now).count();
                if rates.iter().all(|rate| counts(rate) < rate.most) {
                    naive.push(now);
                }
            }
            assert_eq!(ask_all(&rates, ticks), naive, "seed {seed}: {rates:?}");
        }
    }
}
