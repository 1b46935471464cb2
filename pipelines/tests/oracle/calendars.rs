//! What conditions ask of calendars, looked up from scratch at every question.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use worldflow_schemas::definitions::{Condition, DatesTest};
use worldflow_schemas::input::Scope;
use worldflow_schemas::{Tick, Value, chance};

use super::Oracle;
use super::conditions::{Actor, one_of, test_holds};
use super::offers::{is_on, reset_before};

const DAY_MS: i64 = 86_400_000;

impl Oracle {
    pub(super) fn calendars_hold(&self, tick: Tick, condition: &Condition, actor: &Actor) -> bool {
        let (weekday, month, day) = self.date();
        let now_ms = self.length.utc_ms(tick);
        condition.weekday.as_ref().is_none_or(|list| one_of(list, &weekday))
            && condition.month.as_ref().is_none_or(|list| one_of(list, &month))
            && condition.day.as_ref().is_none_or(|test| test_holds(test, Some(&Value::Int(day))))
            && condition.dates.as_ref().is_none_or(|dates| is_in(dates, now_ms))
            && condition.occasion.as_ref().is_none_or(|names| {
                let mut declared = names.as_slice().iter().filter_map(|name| self.world.occasions.get(name));
                declared.any(|dates| is_in(dates, now_ms))
            })
            && self.chance_holds(tick, condition, actor)
    }

    fn chance_holds(&self, tick: Tick, condition: &Condition, actor: &Actor) -> bool {
        let Some(test) = &condition.chance else { return true };
        let period = match test.every.repeat() {
            None => self.now.world_ms.div_euclid(DAY_MS),
            Some(repeat) => reset_before(&repeat, self.length.utc_ms(tick)).expect("every week has one"),
        };
        let Some(whose) = self.holder_of(Scope::Player, actor).or(actor.itself) else { return false };
        let key = format!("{}/{}:{}", test.of, whose.scope.name(), whose.id);
        chance::below(self.world.seed, "chance", &key, period.cast_unsigned(), 100) < u64::from(test.percent)
    }

    /// Weekday, month and day of the month of the world.
    fn date(&self) -> (String, String, i64) {
        let calendar = &self.world.clock.calendar;
        let day = self.now.world_ms.div_euclid(DAY_MS);
        let week = i64::try_from(calendar.weekdays.len()).expect("few");
        let weekday = match week {
            0 => String::new(),
            _ => calendar.weekdays[usize::try_from(day.rem_euclid(week)).expect("in range")].clone(),
        };
        let year: Vec<(&str, i64)> = (calendar.months.iter())
            .flat_map(|month| (1..=i64::from(month.days)).map(|day| (month.name.as_str(), day)))
            .collect();
        let today = day.rem_euclid(i64::try_from(year.len()).expect("few"));
        let (month, day) = year[usize::try_from(today).expect("in range")];
        (weekday, month.to_owned(), day)
    }

    /// Every tick of a stretch at which a minute of the real calendar, or a day of the world, begins, if any
    /// condition asks for them.
    pub(super) fn calendar_ticks(&self, first: Tick, until: Tick) -> Vec<Tick> {
        let (mut real, mut world) = (false, false);
        for condition in &self.conditions() {
            asks(condition, &mut real, &mut world);
        }
        let mut ticks = Vec::new();
        let mut ms = self.length.utc_ms(first).div_euclid(60_000) * 60_000;
        while real && ms <= self.length.utc_ms(until) {
            ms += 60_000;
            ticks.push(self.length.tick_at(ms));
        }
        let mut midnight = self.clock.world_ms(first).div_euclid(DAY_MS) * DAY_MS;
        while world && midnight <= self.clock.world_ms(until) {
            midnight += DAY_MS;
            ticks.push(self.clock.tick_at_world(midnight));
        }
        ticks
    }
}

fn asks(condition: &Condition, real: &mut bool, world: &mut bool) {
    let chance = condition.chance.as_ref().map(|chance| chance.every.repeat().is_some());
    *real |= condition.dates.is_some() || condition.occasion.is_some() || chance == Some(true);
    *world |= condition.weekday.is_some() || condition.month.is_some() || condition.day.is_some();
    *world |= chance == Some(false);
    for inner in condition.all.iter().chain(&condition.any).chain(condition.not.as_deref()) {
        asks(inner, real, world);
    }
}

/// Whether a moment is one of these.
fn is_in(dates: &DatesTest, ms: i64) -> bool {
    let zone = TimeZone::get(&dates.zone).expect("checked");
    let moment = |text: &String| {
        let local = text.replace(' ', "T").parse::<DateTime>().expect("checked");
        local.to_zoned(zone.clone()).expect("in range").timestamp().as_millisecond()
    };
    let now = jiff::Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone());
    let minute = u32::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).expect("positive");
    dates.from.as_ref().is_none_or(|from| moment(from) <= ms)
        && dates.until.as_ref().is_none_or(|until| ms < moment(until))
        && (dates.weekdays.is_empty() || dates.weekdays.iter().any(|day| is_on(*day, now.date())))
        && (dates.days.is_empty() || dates.days.contains(&now.day().unsigned_abs()))
        && (dates.months.is_empty() || dates.months.contains(&now.month().unsigned_abs()))
        && dates.hours.is_none_or(|hours| super::clock::within_hours(hours, minute))
}
