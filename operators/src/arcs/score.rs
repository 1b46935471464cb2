//! How good a branch is for a holder: coherence, impact and novelty, and of the three its quality.
//!
//! Whole numbers from 0 to 100, the same for the same state. `docs/arcs.md` has the formulas; nothing is drawn.

use serde::{Deserialize, Serialize};

/// The scores of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Scores {
    pub(super) coherence: i64,
    pub(super) impact: i64,
    pub(super) novelty: i64,
    pub(super) quality: i64,
    pub(super) score: i64,
}

impl Scores {
    /// Of three parts and a weight.
    pub(super) fn new(coherence: i64, impact: i64, novelty: i64, weight: i64) -> Scores {
        let quality = (5 * coherence + 3 * impact + 2 * novelty) / 10;
        Scores { coherence, impact, novelty, quality, score: quality + weight }
    }
}

/// How much of what it builds on holds: the weights of the criteria that hold, of all.
pub(super) fn coherence(holds: i64, all: i64) -> i64 {
    if all <= 0 { 100 } else { 100 * holds.clamp(0, all) / all }
}

/// How much it changes: how far the tension is to go, and what the beat that it leads to does.
pub(super) fn impact(from: u64, to: u64, most: u64, effects: usize) -> i64 {
    let far = u128::from(from.abs_diff(to)) * 60 / u128::from(most.max(1));
    let far = i64::try_from(far).unwrap_or(i64::MAX).min(60);
    far + i64::try_from(effects).unwrap_or(i64::MAX).saturating_mul(10).min(40)
}

/// How little the holder has seen of where it leads.
pub(super) fn novelty(visits: u32) -> i64 {
    100 / (1 + i64::from(visits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_rises_with_what_it_measures_and_stays_within_its_bounds() {
        let never_falls = |scores: Vec<i64>| {
            assert!(scores.windows(2).all(|pair| pair[0] <= pair[1]), "{scores:?}");
            assert!(scores.iter().all(|score| (0..=100).contains(score)), "{scores:?}");
        };
        never_falls((-3..20).map(|holds| coherence(holds, 13)).collect());
        never_falls((0..300).map(|to| impact(0, to, 100, 0)).collect());
        never_falls((0..300).map(|from| impact(from, 0, 100, 3)).collect());
        never_falls((0..9).map(|effects| impact(20, 60, 100, effects)).collect());
        never_falls((0..50).rev().map(novelty).collect());
        assert_eq!((coherence(0, 0), coherence(0, 3), coherence(3, 3)), (100, 0, 100));
        assert_eq!((impact(0, 100, 100, 4), impact(40, 40, 100, 0), novelty(0)), (100, 0, 100));
    }

    #[test]
    fn quality_rises_with_each_part_and_the_score_with_the_weight() {
        let parts = [0, 1, 9, 10, 50, 99, 100];
        for a in parts {
            for b in parts {
                let all = |make: &dyn Fn(i64) -> Scores| {
                    let scores: Vec<i64> = (0..=100).map(|part| make(part).score).collect();
                    assert!(scores.windows(2).all(|pair| pair[0] <= pair[1]), "{scores:?}");
                    assert!(scores[0] < scores[100], "it counts for something");
                };
                all(&|part| Scores::new(part, a, b, 0));
                all(&|part| Scores::new(a, part, b, 0));
                all(&|part| Scores::new(a, b, part, 0));
                all(&|part| Scores::new(a, b, 7, part));
            }
        }
        assert_eq!(Scores::new(100, 100, 100, 0).quality, 100);
    }
}
