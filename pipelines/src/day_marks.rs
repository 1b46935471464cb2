//! Days along a chart: a mark at midnight of every so many days, so that there are about ten, and one at the beginning.

use worldflow_operators::clock::DAY_MS;

/// How many days may lie between two marks.
const STEPS: [u32; 10] = [1, 2, 5, 7, 14, 28, 56, 91, 182, 364];
/// The most steps of a chart.
const MOST: f64 = 14.0;
/// The part of a chart that the name of its beginning takes.
const NAME: f64 = 0.06;

/// Marks of a chart of so many days of world time from a moment on: so many days after the beginning, and what stands there.
pub(crate) fn day_marks(start_ms: i64, days: f64) -> Vec<(f64, String)> {
    let first = start_ms.div_euclid(DAY_MS) + 1;
    let minute = u32::try_from(start_ms.rem_euclid(DAY_MS) / 60_000).unwrap_or(0);
    let gone = f64::from(minute) / 1_440.0;
    let step = STEPS.into_iter().find(|step| days / f64::from(*step) <= MOST).unwrap_or(364);
    let mut marks = Vec::new();
    if minute == 0 {
        marks.push((0.0, format!("day {first}")));
    } else if f64::from(step) - gone >= days * NAME {
        marks.push((0.0, format!("day {first}, {:02}:{:02}", minute / 60, minute % 60)));
    }
    let mut passed = step;
    while f64::from(passed) - gone <= days {
        marks.push((f64::from(passed) - gone, format!("day {}", first + i64::from(passed))));
        passed = passed.saturating_add(step);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn marks(start_ms: i64, days: f64) -> Vec<(f64, String)> {
        day_marks(start_ms, days).into_iter().map(|(at, said)| ((at * 24.0).round(), said)).collect()
    }

    #[test]
    fn a_day_begins_at_midnight() {
        let said = |at: f64, said: &str| (at, said.to_owned());
        let wanted = [said(0.0, "day 1, 16:00"), said(8.0, "day 2"), said(32.0, "day 3")];
        assert_eq!(marks(16 * HOUR, 2.0), wanted);
        assert_eq!(marks(2 * 24 * HOUR, 1.0), [said(0.0, "day 3"), said(24.0, "day 4")]);
        // Where the first midnight is near, there is no room for the beginning.
        assert_eq!(marks(23 * HOUR, 2.0)[0], said(1.0, "day 2"));
    }

    #[test]
    fn long_charts_have_marks_of_several_days() {
        let year = marks(7 * HOUR, 364.0);
        assert!(year.len() > 10 && year.len() < 17, "{year:?}");
        assert_eq!(year[1], (28.0 * 24.0 - 7.0, "day 29".to_owned()));
    }
}
