//! The calendar: what a moment of world time is called, and when the next one is called otherwise.
//!
//! `world milliseconds → phase, day, month, weekday, season, moons`. Everything is derived from the
//! number of milliseconds since the calendar's first instant; a day has 24 hours. It knows no ticks.

use std::collections::BTreeSet;

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{ClockDef, Downtime};

/// World milliseconds in an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// World milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

const MOST_DAYS: u32 = 100_000;

/// A checked [`ClockDef`].
#[derive(Clone, Debug)]
pub struct Calendar {
    /// World milliseconds per ...
    pub scale_world: u32,
    /// ... this many real milliseconds, at the start.
    pub scale_real: u32,
    /// The world's first moment.
    pub start_ms: i64,
    /// What world time does while nothing runs.
    pub downtime: Downtime,
    phases: Vec<(i64, Sym)>,
    months: Vec<(Sym, i64)>,
    year_days: i64,
    weekdays: Vec<Sym>,
    seasons: Vec<(i64, Sym)>,
    moons: Vec<Moon>,
}

#[derive(Clone, Debug)]
struct Moon {
    name: Sym,
    period_ms: i64,
    offset_ms: i64,
    phases: Vec<Sym>,
}

/// What a moment of world time is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The phase of the day.
    pub phase: Sym,
    /// Days since the calendar's first, from 1.
    pub day: i64,
    /// From 1.
    pub year: i64,
    /// The month.
    pub month: Sym,
    /// From 1.
    pub day_of_month: i64,
    /// The weekday, or [`Sym::NONE`] in a calendar without them.
    pub weekday: Sym,
    /// The season, or [`Sym::NONE`] in a calendar without them.
    pub season: Sym,
    /// Each moon's phase, sorted by the moon's name.
    pub moons: Vec<(Sym, Sym)>,
}

impl Calendar {
    /// Checks a definition. Reports all that is wrong with it.
    pub fn compile(def: &ClockDef) -> Result<Calendar, Vec<String>> {
        let mut problems = Vec::new();
        let (scale_world, scale_real) = scale_of(def.real_seconds_per_hour, &mut problems);
        let start_ms = parse_moment(&def.start).unwrap_or_else(|problem| {
            problems.push(format!("start: {problem}"));
            0
        });
        let phases = phases_of(def, &mut problems);
        let months: Vec<(Sym, i64)> = def
            .calendar
            .months
            .iter()
            .map(|month| {
                if !(1..=MOST_DAYS).contains(&month.days) {
                    problems.push(format!("month `{}`: days must be 1 to {MOST_DAYS}", month.name));
                }
                (Sym::new(&month.name), i64::from(month.days))
            })
            .collect();
        if months.is_empty() {
            problems.push("a calendar needs at least one month".to_owned());
        }
        let year_days: i64 = months.iter().map(|(_, days)| days).sum();
        let seasons = seasons_of(def, year_days, &mut problems);
        let moons = moons_of(def, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Calendar {
            scale_world,
            scale_real,
            start_ms,
            downtime: def.downtime,
            phases,
            months,
            year_days,
            weekdays: def.calendar.weekdays.iter().map(|name| Sym::new(name)).collect(),
            seasons,
            moons,
        })
    }

    /// What a moment is called.
    #[must_use]
    pub fn moment(&self, world_ms: i64) -> Moment {
        let day = world_ms.div_euclid(DAY_MS);
        let mut day_of_month = day.rem_euclid(self.year_days);
        let mut month = Sym::NONE;
        for &(name, days) in &self.months {
            month = name;
            if day_of_month < days {
                break;
            }
            day_of_month -= days;
        }
        let weekday = match i64::try_from(self.weekdays.len()) {
            Ok(week @ 1..) => self.weekdays[index(day.rem_euclid(week))],
            _ => Sym::NONE,
        };
        Moment {
            phase: from_last(&self.phases, world_ms.rem_euclid(DAY_MS)),
            day: day + 1,
            year: day.div_euclid(self.year_days) + 1,
            month,
            day_of_month: day_of_month + 1,
            weekday,
            season: self.season(world_ms),
            moons: self.moons.iter().map(|moon| (moon.name, moon.phase(world_ms))).collect(),
        }
    }

    /// The phase of the day at a moment.
    #[must_use]
    pub fn phase(&self, world_ms: i64) -> Sym {
        from_last(&self.phases, world_ms.rem_euclid(DAY_MS))
    }

    /// The season at a moment.
    #[must_use]
    pub fn season(&self, world_ms: i64) -> Sym {
        from_last(&self.seasons, world_ms.div_euclid(DAY_MS).rem_euclid(self.year_days) + 1)
    }

    /// The first moment after `world_ms` at which [`Calendar::moment`] differs: a phase, a day
    /// or a moon's phase begins. Seasons, months and weekdays begin with days.
    #[must_use]
    pub fn next_edge(&self, world_ms: i64) -> i64 {
        let midnight = world_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS);
        let time_of_day = world_ms - midnight;
        let phases = if self.phases.len() > 1 { &self.phases[..] } else { &[] };
        let phase = phases.iter().map(|&(from, _)| from).find(|&from| from > time_of_day);
        let changing = self.moons.iter().filter(|moon| moon.phases.len() > 1);
        let moon = changing.map(|moon| moon.next_edge(world_ms)).min();
        let day = midnight.saturating_add(phase.unwrap_or(DAY_MS));
        moon.map_or(day, |moon| moon.min(day))
    }

    /// The first moment after `world_ms` at which a phase of the day begins, if there are phases.
    #[must_use]
    pub fn next_phase(&self, world_ms: i64) -> Option<(i64, Sym)> {
        let midnight = world_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS);
        let today = self.phases.iter().find(|&&(from, _)| midnight.saturating_add(from) > world_ms);
        match today {
            Some(&(from, name)) => Some((midnight.saturating_add(from), name)),
            None => self
                .phases
                .first()
                .map(|&(from, name)| (midnight.saturating_add(DAY_MS).saturating_add(from), name)),
        }
    }

    /// The names of the seasons.
    pub fn seasons(&self) -> impl Iterator<Item = Sym> {
        self.seasons.iter().map(|&(_, name)| name)
    }

    /// The names of the phases of the day.
    pub fn phases(&self) -> impl Iterator<Item = Sym> {
        self.phases.iter().map(|&(_, name)| name)
    }
}

impl Moon {
    fn age(&self, world_ms: i64) -> i64 {
        world_ms.saturating_add(self.offset_ms).rem_euclid(self.period_ms)
    }

    fn place(&self, world_ms: i64) -> i128 {
        i128::from(self.age(world_ms)) * self.count() / i128::from(self.period_ms)
    }

    fn count(&self) -> i128 {
        i128::try_from(self.phases.len()).unwrap_or(i128::MAX)
    }

    fn phase(&self, world_ms: i64) -> Sym {
        self.phases[usize::try_from(self.place(world_ms)).expect("a place is below the number of phases")]
    }

    fn next_edge(&self, world_ms: i64) -> i64 {
        let period = i128::from(self.period_ms);
        let edge = ((self.place(world_ms) + 1) * period + self.count() - 1) / self.count();
        let ahead = edge - i128::from(self.age(world_ms));
        world_ms.saturating_add(i64::try_from(ahead).unwrap_or(i64::MAX))
    }
}

/// Reads `day HH:MM` as world milliseconds since the calendar's first instant.
pub fn parse_moment(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a moment of world time; write for example `1 07:00`");
    let (day, time) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let day: i64 = day.parse().map_err(|_| wrong())?;
    if !(1..=1_000_000_000).contains(&day) {
        return Err(wrong());
    }
    Ok((day - 1) * DAY_MS + parse_time(time.trim()).map_err(|_| wrong())?)
}

/// Reads `HH:MM` as milliseconds since midnight.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a time of day; write for example `05:00`");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let part = |digits: &str, below: i64| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = if plain { digits.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
        if number < below { Ok(number) } else { Err(wrong()) }
    };
    Ok(part(hours, 24)? * HOUR_MS + part(minutes, 60)? * 60_000)
}

fn index(place: i64) -> usize {
    usize::try_from(place).expect("a remainder of a list's length is a place in it")
}

/// The last entry that begins at or before `at`, else the last of all: lists wrap around.
fn from_last(entries: &[(i64, Sym)], at: i64) -> Sym {
    let last = entries.iter().rev().find(|&&(from, _)| from <= at).or(entries.last());
    last.map_or(Sym::NONE, |&(_, name)| name)
}

fn scale_of(real_seconds_per_hour: u32, problems: &mut Vec<String>) -> (u32, u32) {
    // An hour is 3,600 world seconds, so both parts of the fraction fit.
    if real_seconds_per_hour == 0 {
        problems.push("real_seconds_per_hour must be at least 1".to_owned());
        return (1, 1);
    }
    let (mut a, mut b) = (3_600, real_seconds_per_hour);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (3_600 / a, real_seconds_per_hour / a)
}

fn phases_of(def: &ClockDef, problems: &mut Vec<String>) -> Vec<(i64, Sym)> {
    let mut phases = Vec::new();
    for (name, phase) in def.phases.iter() {
        match parse_time(&phase.from) {
            Ok(from) => phases.push((from, Sym::new(name))),
            Err(problem) => problems.push(format!("phase `{name}`: {problem}")),
        }
    }
    phases.sort_by_key(|&(from, _)| from);
    if phases.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        problems.push("two phases of the day begin at the same time".to_owned());
    }
    phases
}

fn seasons_of(def: &ClockDef, year_days: i64, problems: &mut Vec<String>) -> Vec<(i64, Sym)> {
    let mut seasons: Vec<(i64, Sym)> = Vec::new();
    for season in &def.calendar.seasons {
        let from = i64::from(season.from_day);
        if !(1..=year_days).contains(&from) {
            problems.push(format!("season `{}`: from_day must be 1 to {year_days}", season.name));
        }
        seasons.push((from, Sym::new(&season.name)));
    }
    seasons.sort_by_key(|&(from, _)| from);
    if seasons.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        problems.push("two seasons begin on the same day".to_owned());
    }
    seasons
}

fn moons_of(def: &ClockDef, problems: &mut Vec<String>) -> Vec<Moon> {
    let mut moons = Vec::new();
    for (name, moon) in &def.calendar.moons {
        if !(1..=MOST_DAYS).contains(&moon.period_days) {
            problems.push(format!("moon `{name}`: period_days must be 1 to {MOST_DAYS}"));
        }
        let distinct: BTreeSet<&String> = moon.phases.iter().collect();
        if moon.phases.is_empty() || moon.phases.len() > 1_000 || distinct.len() != moon.phases.len() {
            problems.push(format!("moon `{name}`: it needs 1 to 1000 phases with different names"));
        }
        moons.push(Moon {
            name: Sym::new(name),
            period_ms: i64::from(moon.period_days) * DAY_MS,
            offset_ms: i64::from(moon.offset_days) * DAY_MS,
            phases: moon.phases.iter().map(|phase| Sym::new(phase)).collect(),
        });
    }
    moons
}
