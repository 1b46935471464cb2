//! How long a state lasts: the law of the step chain, drawn in one piece.
//!
//! At step `k` after a state was entered it is left with the chance
//! `change × max(floor, 1 - k × step / fade) × leave`. The number of steps until it is left has the
//! survival function `S(k) = Π (1 - p)`, and the least `k` with `S(k) ≤ u` for one uniform `u` has
//! exactly the distribution of a draw at every step. All in integers; it draws nothing itself.

use super::climate::ONE;

/// Beyond this many steps the chance is taken as constant.
const MOST_FADING_STEPS: u64 = 200_000;

/// How a state is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// The chance at each step before the factors, in 2⁻³².
    pub change: u64,
    /// The least of the fading factor, in 2⁻³².
    pub floor: u64,
    /// The factor of state and season, in 2⁻³².
    pub leave: u64,
    /// The step.
    pub step_ms: u64,
    /// The time after which the fading factor would be 0, in the step's kind of time.
    pub fade_ms: u64,
}

impl Leaving {
    /// The chance of leaving at the `step`-th step, in 2⁻³².
    #[must_use]
    pub fn chance(&self, step: u64) -> u64 {
        let passed = u128::from(step) * u128::from(self.step_ms) * u128::from(ONE);
        let passed = passed.checked_div(u128::from(self.fade_ms)).unwrap_or(u128::from(ONE));
        let left = u128::from(ONE).saturating_sub(passed);
        let factor = left.max(u128::from(self.floor));
        let chance = (u128::from(self.change) * factor * u128::from(self.leave)) >> 64;
        u64::try_from(chance).unwrap_or(ONE).min(ONE)
    }

    /// The step at which the state is left, given that it was not at the first `after` steps, for
    /// uniform bits. `None` when it never is.
    #[must_use]
    pub fn draw(&self, after: u64, uniform: u64) -> Option<u64> {
        let constant = (self.fade_ms / self.step_ms + 1).min(MOST_FADING_STEPS).max(after);
        let mut survival = u64::MAX;
        for step in after + 1..=constant {
            survival = times(survival, (ONE - self.chance(step)) << 31, 63);
            if survival <= uniform {
                return Some(step);
            }
        }
        let chance = self.chance(constant + 1);
        if chance == 0 {
            return None;
        }
        // From here on the chance is constant: find the last step survived by its powers of two.
        let mut powers = vec![(ONE - chance) << 31];
        while let Some(&power) = powers.last().filter(|&&power| power > 0 && powers.len() < 48) {
            powers.push(times(power, power, 63));
        }
        let mut survived = 0;
        for (exponent, &power) in powers.iter().enumerate().rev() {
            let next = times(survival, power, 63);
            if next > uniform {
                survival = next;
                survived += 1 << exponent;
            }
        }
        Some(constant + survived + 1)
    }

    /// The chance of staying through `steps` steps after the first `after`, in 2⁻³². Exact up to
    /// eight steps; beyond, the chance of the middle one stands for all.
    #[must_use]
    pub fn stay(&self, after: u64, steps: u64) -> u64 {
        if steps <= 8 {
            return (after + 1..=after + steps)
                .fold(ONE, |stay, step| times(stay, ONE - self.chance(step), 32));
        }
        let (mut power, mut stay) = (ONE - self.chance(after + steps.div_ceil(2)), ONE);
        let mut left = steps;
        while left > 0 {
            if left & 1 == 1 {
                stay = times(stay, power, 32);
            }
            power = times(power, power, 32);
            left >>= 1;
        }
        stay
    }
}

/// `a × b / 2^shift`, rounded down.
fn times(a: u64, b: u64, shift: u32) -> u64 {
    u64::try_from((u128::from(a) * u128::from(b)) >> shift).unwrap_or(u64::MAX)
}
