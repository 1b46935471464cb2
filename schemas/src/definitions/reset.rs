//! When a quest that repeats daily or weekly is reset: local times of the real calendar as UTC.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::quest::{Repeat, Weekday};

/// A local time of each day, or of one day of each week, in a time zone.
#[derive(Clone, Debug)]
pub struct Reset {
    zone: TimeZone,
    day: Option<Weekday>,
    at: Time,
}

impl Reset {
    /// The reset of a `daily` or `weekly` repeat; `None` for the others. The error says what is
    /// wrong with the time or the zone.
    pub fn new(repeat: &Repeat) -> Result<Option<Reset>, String> {
        let (day, at, zone) = match repeat {
            Repeat::Always {} | Repeat::Cooldown(_) => return Ok(None),
            Repeat::Daily { at, zone } => (None, at, zone),
            Repeat::Weekly { day, at, zone } => (Some(*day), at, zone),
        };
        let time = at
            .split_once(':')
            .and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok())
            .ok_or_else(|| format!("`{at}` is not a time of day; write for example `04:00`"))?;
        let zone = TimeZone::get(zone)
            .map_err(|_| format!("`{zone}` is not an IANA time zone; write for example `Europe/Berlin`"))?;
        Ok(Some(Reset { zone, day, at: time }))
    }

    /// The first reset strictly after an instant, both in UTC milliseconds; `None` at the end of
    /// the calendar. A local time that does not exist is taken at the instant after the gap, one
    /// that exists twice at the first.
    #[must_use]
    pub fn next_after(&self, after_ms: i64) -> Option<i64> {
        let after = Timestamp::from_millisecond(after_ms).ok()?;
        let mut date = self.zone.to_datetime(after).date().yesterday().ok()?;
        // Yesterday, today and the eight days to come hold one of every weekday after any instant.
        for _ in 0..10 {
            if self.day.is_none_or(|day| day as i8 == date.weekday().to_monday_zero_offset()) {
                let instant = self.instant(date.to_datetime(self.at))?;
                if instant > after {
                    return Some(instant.as_millisecond());
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn instant(&self, local: jiff::civil::DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() else {
            return ambiguous.compatible().ok();
        };
        // With the offset before the gap the local time lies within an hour or so after its end.
        let behind =
            before.to_timestamp(local).ok()?.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
        let end = self.zone.preceding(behind).next()?;
        Some(end.timestamp())
    }
}

#[cfg(test)]
mod tests {
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
    fn wrong_times_and_zones_say_so() {
        for (at, zone, word) in
            [("25:00", "UTC", "25:00"), ("4", "UTC", "`4`"), ("04:00", "Atlantis/Poseidonis", "IANA")]
        {
            let error = Reset::new(&daily(at, zone)).expect_err("wrong");
            assert!(error.contains(word), "{error}");
        }
    }
}
