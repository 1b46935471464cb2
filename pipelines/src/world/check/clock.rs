//! The world clock, its calendar, and scheduled world events.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::{CalendarDef, ClockDef};

use super::{Checker, minutes, moment};
use crate::world::spot::Spot;

const MOMENT: &str = "write a day from 1 and a time: `1 07:00`";
const TIME: &str = "write hours and minutes in quotes: `\"07:30\"`";

impl Checker<'_> {
    pub(super) fn check_clock(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let (clock, spot) = (&world.definition.clock, world.spot.key("clock"));
        if !(1..=86_400).contains(&clock.real_seconds_per_hour) {
            self.error(
                spot.key("real_seconds_per_hour"),
                format!("a world hour takes {} real seconds", clock.real_seconds_per_hour),
                "it takes 1 to 86400; 60 makes a world day 24 minutes long",
            );
        }
        if moment(&clock.start).is_none() {
            self.error(spot.key("start"), format!("`{}` is no moment of world time", clock.start), MOMENT);
        }
        self.check_phases(clock, spot.key("phases"));
        self.check_calendar(&clock.calendar, spot.key("calendar"));
    }

    fn check_phases(&mut self, clock: &ClockDef, spot: Spot<'_>) {
        if clock.phases.is_empty() {
            self.error(
                spot,
                "the day has no phases",
                "give at least one, or leave `phases` out for dawn, day, dusk and night",
            );
        }
        let mut last: Option<u32> = None;
        for (name, phase) in clock.phases.iter() {
            let spot = spot.name(name);
            self.check_id("phase", name, spot);
            let at = spot.key("from");
            match minutes(&phase.from) {
                None => self.error(at, format!("`{}` is no time of day", phase.from), TIME),
                Some(from) if last.is_some_and(|last| from <= last) => {
                    self.error(
                        at,
                        format!("`{name}` does not begin after the phase before it"),
                        "list phases by their time of day",
                    );
                }
                Some(from) => last = Some(from),
            }
        }
    }

    fn check_calendar(&mut self, calendar: &CalendarDef, spot: Spot<'_>) {
        let months = spot.key("months");
        if calendar.months.is_empty() {
            self.error(months, "the year has no months", "give at least one, or leave `months` out");
        }
        for (index, month) in calendar.months.iter().enumerate() {
            if !(1..=1_000).contains(&month.days) {
                self.error(
                    months.item(index).key("days"),
                    format!("`{}` has {} days", month.name, month.days),
                    "a month has 1 to 1000 days",
                );
            }
        }
        self.check_repeats("month", calendar.months.iter().map(|month| month.name.as_str()), months);
        if calendar.weekdays.is_empty() {
            self.error(
                spot.key("weekdays"),
                "the week has no days",
                "give at least one, or leave `weekdays` out",
            );
        }
        self.check_repeats("weekday", calendar.weekdays.iter().map(String::as_str), spot.key("weekdays"));
        self.check_seasons(calendar, spot.key("seasons"));
        for (name, moon) in &calendar.moons {
            let spot = spot.key("moons").name(name);
            self.check_id("moon", name, spot);
            if moon.period_days == 0 {
                self.error(
                    spot.key("period_days"),
                    format!("`{name}` has a period of 0 days"),
                    "give at least 1",
                );
            }
            if moon.phases.is_empty() {
                self.error(
                    spot.key("phases"),
                    format!("`{name}` has no phases"),
                    "give at least one, or leave `phases` out",
                );
            }
            self.check_repeats("phase of a moon", moon.phases.iter().map(String::as_str), spot.key("phases"));
            for (index, phase) in moon.phases.iter().enumerate() {
                self.check_id("phase of a moon", phase, spot.key("phases").item(index));
            }
        }
    }

    fn check_seasons(&mut self, calendar: &CalendarDef, spot: Spot<'_>) {
        if calendar.seasons.is_empty() {
            self.error(spot, "the year has no seasons", "give at least one, or leave `seasons` out");
        }
        let days: u32 = calendar.months.iter().map(|month| month.days).fold(0, u32::saturating_add);
        let mut last = 0;
        for (index, season) in calendar.seasons.iter().enumerate() {
            let spot = spot.item(index);
            self.check_id("season", &season.name, spot.key("name"));
            if season.from_day == 0 || season.from_day > days {
                let hint = format!("days of the year count from 1 to {days}");
                self.error(
                    spot.key("from_day"),
                    format!("`{}` begins on day {}", season.name, season.from_day),
                    hint,
                );
            } else if season.from_day <= last {
                self.error(
                    spot.key("from_day"),
                    format!("`{}` does not begin after the season before it", season.name),
                    "list seasons by their first day",
                );
            }
            last = last.max(season.from_day);
        }
        self.check_repeats("season", calendar.seasons.iter().map(|season| season.name.as_str()), spot);
    }

    fn check_repeats<'n>(&mut self, what: &str, names: impl Iterator<Item = &'n str>, spot: Spot<'_>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if name.is_empty() {
                self.error(spot.item(index), format!("a {what} has no name"), "give it a name");
            } else if !seen.insert(name) {
                self.error(spot.item(index), format!("the {what} `{name}` is given twice"), "each name once");
            }
        }
    }

    pub(super) fn check_schedules(&mut self) {
        for (id, placed) in &self.definitions.schedules {
            let (schedule, spot) = (&placed.definition, placed.spot);
            self.check_id("schedule", id, spot);
            if !placed.whole {
                continue;
            }
            if moment(&schedule.at).is_none() {
                self.error(spot.key("at"), format!("`{}` is no moment of world time", schedule.at), MOMENT);
            }
            if let Some(every) = schedule.every {
                if every.ms == 0 {
                    self.error(spot.key("every"), "`every` is no time at all", "leave it out for once only");
                } else if !every.world {
                    self.warn(
                        spot.key("every"),
                        format!("`every: {every}` is world time here"),
                        format!("write `{every} world`, so that it reads so"),
                    );
                }
            }
            if schedule.times == Some(0) {
                self.error(spot.key("times"), "`times` is 0", "leave the event out, or give at least 1");
            } else if schedule.times.is_some() && schedule.every.is_none() {
                self.warn(
                    spot.key("times"),
                    "`times` without `every` has no effect",
                    "say how often with `every`",
                );
            }
        }
    }

    /// A time of the real day in a time zone.
    pub(super) fn check_local_time(&mut self, at: &str, zone: &str, spot: Spot<'_>) {
        if minutes(at).is_none() {
            self.error(spot.key("at"), format!("`{at}` is no time of day"), TIME);
        }
        self.check_time_zone(zone, spot.key("zone"));
    }

    /// Whether a time zone is none, which is then reported.
    pub(super) fn check_time_zone(&mut self, zone: &str, spot: Spot<'_>) -> bool {
        let is_none = jiff::tz::TimeZone::get(zone).is_err();
        if is_none {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let hint = super::hint(
                zone,
                known.iter().map(String::as_str),
                "use a name of the IANA database, such as `Europe/Berlin` or `UTC`",
            );
            self.error(spot, format!("unknown time zone `{zone}`"), hint);
        }
        is_none
    }
}
