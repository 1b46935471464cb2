//! Tension: a counter of events that decays, exact in whole numbers.
//!
//! Millionths. `docs/semantics.md` has the formula, which is that of `half_life` of objectives.

use serde::{Deserialize, Serialize};
use worldflow_schemas::Tick;
use worldflow_schemas::definitions::TargetDef;

use crate::quests::left;

/// One, in millionths.
pub(super) const ONE: u64 = 1_000_000;

/// Into how many bands it is divided, besides that of its most.
const BANDS: u64 = 10;

/// What the tension was at a tick.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Tension {
    pub(super) value: u64,
    pub(super) at: Tick,
}

/// How fast it passes, and its most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Course {
    /// In ticks, at least 1.
    pub(super) half_life: u64,
    /// In millionths, at least 1.
    pub(super) most: u64,
}

impl Tension {
    /// What is left of it.
    pub(super) fn now(self, tick: Tick, course: Course) -> u64 {
        left(self.value, tick.saturating_sub(self.at), course.half_life)
    }

    /// Adds what the events of a tick add, in whole units.
    pub(super) fn add(&mut self, tick: Tick, by: i64, course: Course) {
        let sum = i128::from(self.now(tick, course)) + i128::from(by) * i128::from(ONE);
        let value = u64::try_from(sum.max(0)).unwrap_or(u64::MAX).min(course.most);
        *self = Tension { value, at: tick };
    }

    /// The first tick after this one at which it is at most that, if it is more now.
    pub(super) fn falls_to(self, bound: u64, tick: Tick, course: Course) -> Option<Tick> {
        if self.now(tick, course) <= bound {
            return None;
        }
        // Nothing is left of anything after 64 halvings.
        let (mut before, mut there) = (tick, self.at.saturating_add(course.half_life.saturating_mul(64)));
        while there.saturating_sub(before) > 1 {
            let middle = before + (there - before) / 2;
            if self.now(middle, course) <= bound { there = middle } else { before = middle }
        }
        (there > tick).then_some(there)
    }
}

impl Course {
    /// In which tenth of the most a tension lies.
    pub(super) fn band(self, value: u64) -> u8 {
        let band = u128::from(value) * u128::from(BANDS) / u128::from(self.most);
        u8::try_from(band.min(BANDS.into())).unwrap_or(u8::MAX)
    }

    /// The highest tension below a band, if there is one.
    pub(super) fn below(self, band: u8) -> Option<u64> {
        let least = u128::from(band) * u128::from(self.most);
        u64::try_from(least.checked_sub(1)? / u128::from(BANDS)).ok()
    }
}

/// Whether the tension has come to what a beat wants. It is kept once it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) enum Reach {
    #[default]
    Not,
    /// A peak has been reached, and lasts.
    Risen,
    Reached,
}

impl Reach {
    /// What it is once the tension is that.
    pub(super) fn follow(self, target: TargetDef, value: u64) -> Reach {
        let wanted = u64::from(target.tension()) * ONE;
        match (self, target) {
            (Reach::Reached, _) => Reach::Reached,
            (_, TargetDef::BuildUp(_)) if value >= wanted => Reach::Reached,
            (_, TargetDef::Relax(_)) if value <= wanted => Reach::Reached,
            (_, TargetDef::Peak(_)) if value >= wanted => Reach::Risen,
            (Reach::Risen, TargetDef::Peak(_)) => Reach::Reached,
            (reach, _) => reach,
        }
    }

    /// To what the tension must fall to change it, if it must.
    pub(super) fn waits_for(self, target: TargetDef) -> Option<u64> {
        let wanted = u64::from(target.tension()) * ONE;
        match (self, target) {
            (Reach::Not, TargetDef::Relax(_)) => Some(wanted),
            (Reach::Risen, TargetDef::Peak(_)) => wanted.checked_sub(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COURSE: Course = Course { half_life: 100, most: 100 * ONE };

    #[test]
    fn it_halves_and_stays_within_its_bounds() {
        let mut tension = Tension::default();
        tension.add(10, 40, COURSE);
        assert_eq!(tension.now(110, COURSE), 20 * ONE);
        tension.add(110, 500, COURSE);
        assert_eq!(tension.value, 100 * ONE);
        tension.add(110, -500, COURSE);
        assert_eq!(tension.value, 0);
        tension.add(111, i64::MIN, COURSE);
        assert_eq!(tension.value, 0);
    }

    #[test]
    fn when_it_falls_is_the_first_tick_at_which_it_has() {
        let tension = Tension { value: 80 * ONE, at: 7 };
        for bound in [0, 1, ONE, 20 * ONE, 79 * ONE] {
            let at = tension.falls_to(bound, 7, COURSE).expect("it falls");
            assert!(tension.now(at, COURSE) <= bound && tension.now(at - 1, COURSE) > bound, "{bound}");
        }
        assert_eq!(tension.falls_to(20 * ONE, 7, COURSE), Some(207));
        assert_eq!(tension.falls_to(80 * ONE, 7, COURSE), None);
    }

    #[test]
    fn a_band_is_a_tenth_and_below_it_is_another() {
        for (value, band) in [(0, 0), (9_999_999, 0), (10 * ONE, 1), (99 * ONE, 9), (100 * ONE, 10)] {
            assert_eq!(COURSE.band(value), band, "{value}");
        }
        let odd = Course { half_life: 1, most: 7 };
        for band in 1..=10 {
            let below = odd.below(band).expect("it is not the lowest");
            assert!(odd.band(below) < band && odd.band(below + 1) >= band, "{band}");
        }
        assert_eq!(odd.below(0), None);
    }

    #[test]
    fn a_peak_is_reached_once_it_is_over() {
        let peak = TargetDef::Peak(50);
        let risen = Reach::Not.follow(peak, 50 * ONE);
        assert_eq!(risen, Reach::Risen);
        assert_eq!(risen.follow(peak, 50 * ONE), Reach::Risen);
        assert_eq!(risen.follow(peak, 50 * ONE - 1), Reach::Reached);
        assert_eq!(Reach::Not.follow(peak, 0), Reach::Not);
        assert_eq!(Reach::Reached.follow(TargetDef::BuildUp(50), 0), Reach::Reached, "it is kept");
        assert_eq!(Reach::Not.follow(TargetDef::Relax(0), 0), Reach::Reached);
        assert_eq!(Reach::Not.follow(TargetDef::Relax(0), 1), Reach::Not);
    }
}
