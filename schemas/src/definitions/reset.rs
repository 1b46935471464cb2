//! When a quest that repeats by the calendar is reset: local times of the real calendar as UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::quest::{CalendarTimes, Repeat, Weekday};

/// The most days that are looked through for the next time: the rarest day, 29 February, may be away eight years.
const MOST_DAYS: usize = 8 * 366 + 2;

/// Local times of some days, in a time zone.
#[derive(Clone, Debug)]
pub struct Reset {
    zone: TimeZone,
    days: Days,
    /// In order.
    at: Vec<Time>,
}

/// Which days.
#[derive(Clone, Debug)]
enum Days {
    /// Those that fit all that is given; what is empty fits every day.
    Fitting { weekdays: Vec<Weekday>, days: Vec<u8>, months: Vec<u8> },
    /// This day of each month, or its last.
    Monthly(u8),
}

impl Days {
    fn fit(&self, date: Date) -> bool {
        let number = |n: i8| u8::try_from(n).unwrap_or(0);
        match self {
            Days::Monthly(day) => number(date.day()) == (*day).min(number(date.days_in_month())),
            Days::Fitting { weekdays, days, months } => {
                let weekday = date.weekday().to_monday_zero_offset();
                (weekdays.is_empty() || weekdays.iter().any(|day| *day as i8 == weekday))
                    && (days.is_empty() || days.contains(&number(date.day())))
                    && (months.is_empty() || months.contains(&number(date.month())))
            }
        }
    }
}

impl Reset {
    /// The times of a repeat by the calendar; `None` for the others. The error says what is wrong with a
    /// time, a day or the zone.
    pub fn new(repeat: &Repeat) -> Result<Option<Reset>, String> {
        let every = || Days::Fitting { weekdays: Vec::new(), days: Vec::new(), months: Vec::new() };
        let (days, at, zone) = match repeat {
            Repeat::Always {} | Repeat::Cooldown(_) => return Ok(None),
            Repeat::Daily { at, zone } => (every(), std::slice::from_ref(at), zone),
            Repeat::Weekly { day, at, zone } => {
                let days = Days::Fitting { weekdays: vec![*day], days: Vec::new(), months: Vec::new() };
                (days, std::slice::from_ref(at), zone)
            }
            Repeat::Monthly { day, at, zone } => {
                within("day of a month", *day, 31)?;
                (Days::Monthly(*day), std::slice::from_ref(at), zone)
            }
            Repeat::Calendar(CalendarTimes { at, weekdays, days, months, zone }) => {
                days.iter().try_for_each(|day| within("day of a month", *day, 31))?;
                months.iter().try_for_each(|month| within("month", *month, 12))?;
                let (weekdays, days, months) = (weekdays.clone(), days.clone(), months.clone());
                (Days::Fitting { weekdays, days, months }, at.as_slice(), zone)
            }
        };
        let mut times = at.iter().map(|at| time(at)).collect::<Result<Vec<Time>, String>>()?;
        times.sort();
        if times.is_empty() {
            return Err("no time of day is given; write for example `at: \"04:00\"`".to_owned());
        }
        let zone = TimeZone::get(zone)
            .map_err(|_| format!("`{zone}` is not an IANA time zone; write for example `Europe/Berlin`"))?;
        let reset = Reset { zone, days, at: times };
        // From a leap year on, so that 29 February is met.
        if reset.next_after(951_782_400_000).is_none() {
            return Err("no day of the calendar is like that; 30 February, for example, is none".to_owned());
        }
        Ok(Some(reset))
    }

    /// The first reset strictly after an instant, both in UTC milliseconds; `None` at the end of
    /// the calendar. A local time that does not exist is taken at the instant after the gap, one
    /// that exists twice at the first.
    #[must_use]
    pub fn next_after(&self, after_ms: i64) -> Option<i64> {
        let after = Timestamp::from_millisecond(after_ms).ok()?;
        let mut date = self.zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..MOST_DAYS {
            if self.days.fit(date) {
                let mut instants = self.at.iter().filter_map(|at| instant(&self.zone, date.to_datetime(*at)));
                if let Some(instant) = instants.find(|instant| *instant > after) {
                    return Some(instant.as_millisecond());
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last reset at or before an instant, both in UTC milliseconds.
    #[must_use]
    pub fn last_at(&self, at_ms: i64) -> Option<i64> {
        let at = Timestamp::from_millisecond(at_ms).ok()?;
        let mut date = self.zone.to_datetime(at).date().tomorrow().ok()?;
        for _ in 0..MOST_DAYS {
            if self.days.fit(date) {
                let times = self.at.iter().rev();
                let mut instants = times.filter_map(|at| instant(&self.zone, date.to_datetime(*at)));
                if let Some(instant) = instants.find(|instant| *instant <= at) {
                    return Some(instant.as_millisecond());
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }
}

pub(super) fn within(what: &str, n: u8, most: u8) -> Result<(), String> {
    if (1..=most).contains(&n) { Ok(()) } else { Err(format!("there is no {what} {n}; write 1 to {most}")) }
}

fn time(at: &str) -> Result<Time, String> {
    at.split_once(':')
        .and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok())
        .ok_or_else(|| format!("`{at}` is not a time of day; write for example `04:00`"))
}

/// The instant of a local time: the end of the gap that it lies in, or the first of two.
pub(super) fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() else {
        return ambiguous.compatible().ok();
    };
    // With the offset before the gap the local time lies within an hour or so after its end.
    let behind = before.to_timestamp(local).ok()?.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
    let end = zone.preceding(behind).next()?;
    Some(end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::one_or_many::OneOrMany;
    use super::*;

    fn next(repeat: &Repeat, after: &str) -> String {
        let after: Timestamp = after.parse().expect("a test writes instants well");
        let reset = Reset::new(repeat).expect("a known zone").expect("a reset");
        let ms = reset.next_after(after.as_millisecond()).expect("not the end of time");
        Timestamp::from_millisecond(ms).expect("in range").to_string()
    }

    fn daily(at: &str, zone: &str) -> Repeat {
        Repeat::Daily { at: at.to_owned(), zone: zone.to_owned() }
    }

    #[test]
    fn a_reset_is_strictly_after_and_follows_the_local_clock() {
        let berlin = daily("04:00", "Europe/Berlin");
        for (after, expected) in [
            ("2026-01-10T02:59:59.999Z", "2026-01-10T03:00:00Z"),
            ("2026-01-10T03:00:00Z", "2026-01-11T03:00:00Z"),
            // The day of 23 hours, and the day of 25.
            ("2026-03-28T03:00:00Z", "2026-03-29T02:00:00Z"),
            ("2026-10-24T02:00:00Z", "2026-10-25T03:00:00Z"),
        ] {
            assert_eq!(next(&berlin, after), expected, "after {after}");
        }
    }

    #[test]
    fn a_local_time_in_a_gap_is_the_end_of_the_gap_and_one_in_a_fold_the_first() {
        // Berlin skips 02:00 to 03:00 on 29 March 2026 and repeats it on 25 October.
        for at in ["02:00", "02:30"] {
            let repeat = daily(at, "Europe/Berlin");
            assert_eq!(next(&repeat, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z", "{at}");
        }
        let fold = daily("02:30", "Europe/Berlin");
        assert_eq!(next(&fold, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(next(&fold, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn a_weekly_reset_waits_for_its_day() {
        let repeat = Repeat::Weekly {
            day: Weekday::Monday,
            at: "00:00".to_owned(),
            zone: "America/New_York".to_owned(),
        };
        assert_eq!(next(&repeat, "2026-06-01T03:59:59Z"), "2026-06-01T04:00:00Z");
        assert_eq!(next(&repeat, "2026-06-01T04:00:00Z"), "2026-06-08T04:00:00Z");
    }

    #[test]
    fn a_month_without_the_day_ends_before_it() {
        let repeat = Repeat::Monthly { day: 31, at: "04:00".to_owned(), zone: "UTC".to_owned() };
        for (after, expected) in [
            ("2028-01-31T04:00:00Z", "2028-02-29T04:00:00Z"),
            ("2028-02-29T04:00:00Z", "2028-03-31T04:00:00Z"),
            ("2028-04-01T00:00:00Z", "2028-04-30T04:00:00Z"),
        ] {
            assert_eq!(next(&repeat, after), expected, "after {after}");
        }
    }

    fn calendar(weekdays: &[Weekday], days: &[u8], months: &[u8]) -> Repeat {
        Repeat::Calendar(CalendarTimes {
            at: OneOrMany::Many(vec!["18:00".to_owned(), "06:00".to_owned()]),
            weekdays: weekdays.to_vec(),
            days: days.to_vec(),
            months: months.to_vec(),
            zone: "UTC".to_owned(),
        })
    }

    #[test]
    fn a_day_of_the_calendar_fits_all_that_is_given() {
        let fridays = calendar(&[Weekday::Friday], &[13], &[]);
        assert_eq!(next(&fridays, "2026-03-13T06:00:00Z"), "2026-03-13T18:00:00Z");
        assert_eq!(next(&fridays, "2026-03-13T18:00:00Z"), "2026-11-13T06:00:00Z");
        let leap = calendar(&[], &[29], &[2]);
        assert_eq!(next(&leap, "2096-02-29T18:00:00Z"), "2104-02-29T06:00:00Z");
        let none = Reset::new(&calendar(&[], &[30], &[2])).expect_err("there is none");
        assert!(none.contains("30 February"), "{none}");
    }

    #[test]
    fn the_last_reset_is_the_one_that_the_next_comes_after() {
        let repeats =
            [daily("02:30", "Europe/Berlin"), calendar(&[Weekday::Monday, Weekday::Friday], &[], &[3, 10])];
        for repeat in repeats {
            let reset = Reset::new(&repeat).expect("right").expect("a reset");
            let mut ms = 1_774_000_000_000;
            for _ in 0..40 {
                let next = reset.next_after(ms).expect("there is one");
                assert_eq!(reset.last_at(next), Some(next));
                assert!(reset.last_at(next - 1).is_none_or(|last| last <= ms));
                ms = next;
            }
        }
    }

    #[test]
    fn wrong_times_and_zones_say_so() {
        for (at, zone, word) in
            [("25:00", "UTC", "25:00"), ("4", "UTC", "`4`"), ("04:00", "Atlantis/Poseidonis", "IANA")]
        {
            let error = Reset::new(&daily(at, zone)).expect_err("wrong");
            assert!(error.contains(word), "{error}");
        }
    }
}
