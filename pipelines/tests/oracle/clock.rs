//! The evaluator's own clock: world time as a function of the tick at a constant scale.

use worldflow_schemas::Tick;
use worldflow_schemas::definitions::{ClockDef, Condition, Span};

const DAY_MS: i64 = 86_400_000;

/// World time at a constant scale.
#[derive(Clone, Debug)]
pub struct Clock {
    def: ClockDef,
    origin: Tick,
    tick_ms: i64,
    start_ms: i64,
}

/// What conditions can see of the clock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClockNow {
    pub phase: String,
    pub season: String,
    pub moons: Vec<(String, String)>,
    pub minute: u32,
    pub world_ms: i64,
}

fn hhmm(text: &str) -> i64 {
    let (h, m) = text.split_once(':').expect("HH:MM");
    (h.parse::<i64>().expect("hours") * 60 + m.parse::<i64>().expect("minutes")) * 60_000
}

impl Clock {
    pub fn new(def: &ClockDef, origin: Tick, tick_ms: u32) -> Clock {
        let (day, time) = def.start.split_once(' ').expect("day HH:MM");
        let start_ms = (day.parse::<i64>().expect("a day") - 1) * DAY_MS + hhmm(time);
        Clock { def: def.clone(), origin, tick_ms: i64::from(tick_ms), start_ms }
    }

    pub fn world_ms(&self, tick: Tick) -> i64 {
        let real_ms = i64::try_from(tick - self.origin).expect("small") * self.tick_ms;
        self.start_ms + real_ms * 3600 / i64::from(self.def.real_seconds_per_hour)
    }

    /// Ticks that a span takes, rounded up.
    pub fn ticks(&self, span: Span) -> u64 {
        let ms = i64::try_from(span.ms).expect("small");
        let real_ms = if span.world {
            let real = ms * i64::from(self.def.real_seconds_per_hour);
            (real + 3599) / 3600
        } else {
            ms
        };
        u64::try_from((real_ms + self.tick_ms - 1) / self.tick_ms).expect("not negative")
    }

    /// The first tick at which world time is at least this.
    pub fn tick_at_world(&self, world_ms: i64) -> Tick {
        let ahead = world_ms - self.start_ms;
        let real_ms = (ahead * i64::from(self.def.real_seconds_per_hour) + 3599) / 3600;
        let guess = self.origin + u64::try_from(real_ms / self.tick_ms).expect("it is to come");
        (guess.saturating_sub(2)..).find(|tick| self.world_ms(*tick) >= world_ms).expect("it comes")
    }

    pub fn now(&self, tick: Tick) -> ClockNow {
        let world_ms = self.world_ms(tick);
        let in_day = world_ms.rem_euclid(DAY_MS);
        let mut phases: Vec<(i64, &str)> =
            self.def.phases.iter().map(|(name, p)| (hhmm(&p.from), name)).collect();
        phases.sort_unstable();
        let phase = phases.iter().rev().find(|(from, _)| *from <= in_day).or(phases.last());
        let calendar = &self.def.calendar;
        let year_days: i64 = calendar.months.iter().map(|month| i64::from(month.days)).sum();
        let day_of_year = world_ms.div_euclid(DAY_MS).rem_euclid(year_days.max(1)) + 1;
        let mut seasons: Vec<(i64, &str)> =
            calendar.seasons.iter().map(|s| (i64::from(s.from_day), s.name.as_str())).collect();
        seasons.sort_unstable();
        let season = seasons.iter().rev().find(|(from, _)| *from <= day_of_year).or(seasons.last());
        let mut moons = Vec::new();
        for (name, moon) in &calendar.moons {
            let period = i64::from(moon.period_days) * DAY_MS;
            let into = (world_ms + i64::from(moon.offset_days) * DAY_MS).rem_euclid(period);
            let count = i64::try_from(moon.phases.len()).expect("few");
            let place = usize::try_from(into * count / period).expect("in range");
            moons.push((name.clone(), moon.phases[place].clone()));
        }
        ClockNow {
            phase: phase.map_or(String::new(), |(_, name)| (*name).to_owned()),
            season: season.map_or(String::new(), |(_, name)| (*name).to_owned()),
            moons,
            minute: u32::try_from(in_day / 60_000).expect("a day has 1440 minutes"),
            world_ms,
        }
    }

    /// Every tick of a stretch in which something that these conditions can see changes.
    pub fn edges(&self, from: Tick, to: Tick, conditions: &[&Condition]) -> Vec<Tick> {
        let mut hours = Vec::new();
        let mut looks = false;
        for condition in conditions {
            looks |= collect_hours(condition, &mut hours);
        }
        if !looks {
            return Vec::new();
        }
        let seen = |now: &ClockNow| {
            let inside: Vec<bool> = hours.iter().map(|h| within_hours(*h, now.minute)).collect();
            (now.phase.clone(), now.season.clone(), now.moons.clone(), inside)
        };
        let mut edges = Vec::new();
        let mut last = seen(&self.now(from));
        let mut tick = from;
        while tick <= to {
            let now = seen(&self.now(tick));
            if now != last {
                edges.push(tick);
                last = now;
            }
            tick = self.next_minute(tick);
        }
        edges
    }

    /// The first tick in a later world minute.
    fn next_minute(&self, tick: Tick) -> Tick {
        let minute = self.world_ms(tick).div_euclid(60_000);
        let mut next = tick + 1;
        let step = (60_000 * i64::from(self.def.real_seconds_per_hour) / 3600 / self.tick_ms) as u64;
        if self.world_ms(tick + step.saturating_sub(1)).div_euclid(60_000) == minute {
            next = next.max(tick + step.saturating_sub(1));
        }
        while self.world_ms(next).div_euclid(60_000) == minute {
            next += 1;
        }
        next
    }
}

fn collect_hours(condition: &Condition, hours: &mut Vec<worldflow_schemas::definitions::Hours>) -> bool {
    hours.extend(condition.hours);
    let mut looks = condition.hours.is_some()
        || condition.phase.is_some()
        || condition.season.is_some()
        || !condition.moon.is_empty();
    for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
        looks |= collect_hours(inner, hours);
    }
    looks
}

pub fn within_hours(hours: worldflow_schemas::definitions::Hours, minute: u32) -> bool {
    if hours.from_min <= hours.to_min {
        (hours.from_min..hours.to_min).contains(&minute)
    } else {
        minute >= hours.from_min || minute < hours.to_min
    }
}
