//! Times of the real calendar as conditions, and chance that is drawn anew for each of its days.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Hours;
use super::objective::Every;
use super::quest::Weekday;
use super::reset::{instant, within};
use super::window::{Window, WindowDef};

/// Times of the real calendar: now is one when all that is given fits.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatesTest {
    /// Not before this moment, as `YYYY-MM-DD HH:MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// On these days of the week; on all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// On these days of the month, from 1; on all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<u8>,
    /// In these months, from 1; in all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<u8>,
    /// Local time of day lies in this range: `"18:00-23:00"`, the end excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// An IANA time zone.
    pub zone: String,
}

/// A chance that is drawn once for each player and each period: the same answer all day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChanceTest {
    /// What is drawn: conditions that name the same draw the same.
    pub of: String,
    /// In how many of a hundred cases it holds.
    pub percent: u32,
    /// The periods.
    pub every: Every,
}

/// Times of the real calendar, read.
#[derive(Clone, Debug)]
pub struct Dates {
    zone: TimeZone,
    window: Window,
    weekdays: Vec<Weekday>,
    days: Vec<u8>,
    months: Vec<u8>,
    hours: Option<Hours>,
}

impl Dates {
    /// Reads them; the error says what is wrong with a moment, a day or the zone.
    pub fn new(def: &DatesTest) -> Result<Dates, String> {
        let (from, until, zone) = (def.from.clone(), def.until.clone(), def.zone.clone());
        let window = Window::new(&WindowDef { from, until, zone, closes: false })?;
        def.days.iter().try_for_each(|day| within("day of a month", *day, 31))?;
        def.months.iter().try_for_each(|month| within("month", *month, 12))?;
        let zone =
            TimeZone::get(&def.zone).map_err(|_| format!("`{}` is not an IANA time zone", def.zone))?;
        let (weekdays, days, months) = (def.weekdays.clone(), def.days.clone(), def.months.clone());
        Ok(Dates { zone, window, weekdays, days, months, hours: def.hours })
    }

    /// Whether a moment, in UTC milliseconds, is one of them.
    #[must_use]
    pub fn holds(&self, ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(ms) else { return false };
        let local = self.zone.to_datetime(now);
        let number = |n: i8| u8::try_from(n).unwrap_or(0);
        let weekday = local.date().weekday().to_monday_zero_offset();
        let minute = u32::from(number(local.hour())) * 60 + u32::from(number(local.minute()));
        self.window.holds(ms)
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|day| *day as i8 == weekday))
            && (self.days.is_empty() || self.days.contains(&number(local.day())))
            && (self.months.is_empty() || self.months.contains(&number(local.month())))
            && self.hours.is_none_or(|hours| hours.hold(minute))
    }

    /// A moment after `ms`, both in UTC milliseconds, before which it holds as it does at `ms`.
    #[must_use]
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let mut edges: Vec<i64> = self.window.next_after(ms).into_iter().collect();
        let daily = !(self.weekdays.is_empty() && self.days.is_empty() && self.months.is_empty());
        if daily || self.hours.is_some() {
            let now = Timestamp::from_millisecond(ms).ok()?;
            let today = self.zone.to_datetime(now).date();
            let bounds = self.hours.iter().flat_map(|hours| [hours.from_min, hours.to_min]);
            let times = bounds.chain([0]).filter_map(|minute| {
                let hour = i8::try_from(minute % 1440 / 60).ok()?;
                Time::new(hour, i8::try_from(minute % 60).ok()?, 0, 0).ok()
            });
            for time in times {
                for date in [Some(today), today.tomorrow().ok()].into_iter().flatten() {
                    let local = date.to_datetime(time);
                    // Where clocks are put back there are two such moments.
                    let second = self.zone.to_ambiguous_timestamp(local).later().ok();
                    let first = instant(&self.zone, local);
                    edges.extend([first, second].into_iter().flatten().map(Timestamp::as_millisecond));
                }
            }
            // Where clocks are put forward or back, local time jumps.
            edges.extend(self.zone.following(now).next().map(|change| change.timestamp().as_millisecond()));
        }
        edges.into_iter().filter(|edge| *edge > ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(json: serde_json::Value) -> Dates {
        Dates::new(&serde_json::from_value(json).expect("its shape is right")).expect("it is right")
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("an instant").as_millisecond()
    }

    #[test]
    fn all_that_is_given_fits() {
        let evenings = dates(serde_json::json!({
            "weekdays": ["saturday", "sunday"], "hours": "18:00-00:00", "months": [10, 12], "zone": "Europe/Berlin"
        }));
        for (at, holds) in [
            ("2026-12-05T16:59:59.999Z", false),
            ("2026-12-05T17:00:00Z", true),
            ("2026-12-05T22:59:59Z", true),
            ("2026-12-05T23:00:00Z", false),
            ("2026-12-07T18:00:00Z", false),
            ("2026-11-07T18:00:00Z", false),
        ] {
            assert_eq!(evenings.holds(ms(at)), holds, "{at}");
        }
    }

    /// Minute by minute: between two edges nothing changes, also where clocks are put forward and back.
    #[test]
    fn nothing_changes_between_two_edges() {
        for (json, from) in [
            (serde_json::json!({"hours": "02:00-02:45", "zone": "Europe/Berlin"}), "2026-10-24T00:00:00Z"),
            (serde_json::json!({"hours": "01:30-03:15", "zone": "Europe/Berlin"}), "2026-03-28T00:00:00Z"),
            (serde_json::json!({"days": [1, 31], "zone": "America/New_York"}), "2026-10-31T00:00:00Z"),
            (
                serde_json::json!({"until": "2026-10-31 12:00", "weekdays": ["saturday"], "zone": "UTC"}),
                "2026-10-30T00:00:00Z",
            ),
        ] {
            let dates = dates(json);
            let (mut at, mut edge) = (ms(from), ms(from));
            let end = at + 3 * 86_400_000;
            let (mut held, mut changes) = (dates.holds(at), 0);
            while at < end {
                at += 60_000;
                while dates.next_after(edge).is_some_and(|next| next <= at) {
                    edge = dates.next_after(edge).expect("there is one");
                }
                if dates.holds(at) != held {
                    assert_eq!(edge, at, "{dates:?}: it changes at {at}, where no edge is");
                    (held, changes) = (!held, changes + 1);
                }
            }
            assert!(changes >= 2, "{dates:?}");
        }
    }

    #[test]
    fn what_is_wrong_says_so() {
        for (json, word) in [
            (serde_json::json!({"days": [32], "zone": "UTC"}), "32"),
            (serde_json::json!({"months": [0], "zone": "UTC"}), "month 0"),
            (serde_json::json!({"from": "today", "zone": "UTC"}), "today"),
            (serde_json::json!({"zone": "Moon/Base"}), "Moon/Base"),
        ] {
            let def = serde_json::from_value(json).expect("its shape is right");
            let error = Dates::new(&def).expect_err("it is wrong");
            assert!(error.contains(word), "{error}");
        }
    }
}
