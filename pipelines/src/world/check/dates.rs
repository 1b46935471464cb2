//! Times of the real calendar: when quests repeat, windows, and pools.

use worldflow_schemas::definitions::{
    ChanceTest, Condition, Dates, DatesTest, Every, QuestDef, Repeat, Reset, Window, WindowDef,
};

use super::conditions::Operand;
use super::{Checker, Sort};
use crate::world::spot::Spot;

const NO_TIME_BETWEEN: &str = "it ends before or as it begins: let `until` be later; a moment that a change of the clock skips is the next one that there is";

impl Checker<'_> {
    pub(super) fn check_repeat(&mut self, repeat: &Repeat, spot: Spot<'_>) {
        match repeat {
            Repeat::Always {} => {}
            Repeat::Cooldown(span) if span.ms == 0 => {
                self.error(
                    spot.key("cooldown"),
                    "the cooldown is no time at all",
                    "write `repeat: {always: {}}` for at once",
                );
            }
            Repeat::Cooldown(_) => {}
            Repeat::Daily { at, zone } => self.check_local_time(at, zone, spot.key("daily")),
            Repeat::Weekly { at, zone, .. } => self.check_local_time(at, zone, spot.key("weekly")),
            Repeat::Monthly { .. } => self.check_reset(repeat, spot.key("monthly")),
            Repeat::Calendar(_) => self.check_reset(repeat, spot.key("calendar")),
        }
    }

    fn check_reset(&mut self, repeat: &Repeat, spot: Spot<'_>) {
        if let Err(message) = Reset::new(repeat) {
            self.error(spot, message, "write for example `{day: 1, at: \"04:00\", zone: Europe/Berlin}`");
        }
    }

    pub(super) fn check_dates(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        if let Some(pool) = &quest.pool {
            self.known(Sort::Pool, pool, spot.key("pool"));
        }
        let Some(def) = &quest.window else { return };
        let spot = spot.key("window");
        if self.check_window_parts(&def.from, &def.until, &def.zone, spot) {
            return;
        }
        match Window::new(def) {
            Err(message) => {
                self.error(spot, message, "write for example `{from: 2026-12-20 04:00, zone: UTC}`")
            }
            Ok(Window { from_ms: Some(from), until_ms: Some(until) }) if from >= until => {
                self.error(spot.key("until"), "this window never opens", NO_TIME_BETWEEN);
            }
            Ok(Window { from_ms: None, until_ms: None }) => {
                self.error(spot, "this window is always open", "give `from`, `until` or both");
            }
            Ok(Window { until_ms: None, .. }) if def.closes => {
                self.warn(spot.key("closes"), "a window without `until` never closes", "add `until`");
            }
            Ok(_) => {}
        }
    }

    /// Whether the zone or a moment cannot be read: each is reported where it stands.
    fn check_window_parts(
        &mut self,
        from: &Option<String>,
        until: &Option<String>,
        zone: &str,
        spot: Spot<'_>,
    ) -> bool {
        let wrong_zone = self.check_time_zone(zone, spot.key("zone"));
        // A moment is no moment in any zone.
        let read = |from: Option<String>| {
            Window::new(&WindowDef { from, until: None, zone: "UTC".to_owned(), closes: false })
        };
        let mut wrong = wrong_zone;
        for (key, moment) in [("from", from), ("until", until)] {
            if let Err(message) = read(moment.clone()) {
                let (what, hint) = message.split_once("; ").unwrap_or((&message, "write `2026-12-20 04:00`"));
                self.error(spot.key(key), what, hint);
                wrong = true;
            }
        }
        wrong
    }

    /// What a condition asks of calendars.
    pub(super) fn check_calendars(&mut self, condition: &Condition, spot: Spot<'_>) {
        self.check_choice(Sort::Weekday, condition.weekday.as_ref(), spot.key("weekday"));
        self.check_choice(Sort::Month, condition.month.as_ref(), spot.key("month"));
        self.check_choice(Sort::Occasion, condition.occasion.as_ref(), spot.key("occasion"));
        if let Some(day) = &condition.day {
            self.check_test("the day of the month", Operand::Number, day, spot.key("day"));
        }
        if let Some(dates) = &condition.dates {
            self.check_dates_test(dates, spot.key("dates"));
        }
        if let Some(chance) = &condition.chance {
            self.check_chance(chance, spot.key("chance"));
        }
    }

    fn check_dates_test(&mut self, def: &DatesTest, spot: Spot<'_>) {
        if self.check_window_parts(&def.from, &def.until, &def.zone, spot) {
            return;
        }
        let window = Dates::new(def).and_then(|_| {
            let (from, until, zone) = (def.from.clone(), def.until.clone(), def.zone.clone());
            Window::new(&WindowDef { from, until, zone, closes: false })
        });
        let asks = DatesTest { zone: String::new(), ..def.clone() } != DatesTest::default();
        match window {
            Err(message) => {
                self.error(spot, message, "write for example `{weekdays: [saturday], zone: Europe/Berlin}`");
            }
            Ok(Window { from_ms: Some(from), until_ms: Some(until) }) if from >= until => {
                self.error(spot.key("until"), "no moment lies in between", NO_TIME_BETWEEN);
            }
            Ok(_) if !asks => {
                let hint = "give `from`, `until`, `weekdays`, `days`, `months` or `hours`";
                self.error(spot, "this is always so", hint);
            }
            Ok(_) => {}
        }
    }

    fn check_chance(&mut self, chance: &ChanceTest, spot: Spot<'_>) {
        self.check_id("chance", &chance.of, spot.key("of"));
        if !(1..=99).contains(&chance.percent) {
            let message = format!("with {} percent nothing is left to chance", chance.percent);
            self.error(spot.key("percent"), message, "give 1 to 99");
        }
        let every = spot.key("every");
        match &chance.every {
            Every::Day { at, zone } => self.check_local_time(at, zone, every.key("day")),
            Every::Week { at, zone, .. } => self.check_local_time(at, zone, every.key("week")),
            Every::WorldDay {} => {}
        }
    }

    pub(super) fn check_occasions(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, dates) in &world.definition.occasions {
            let spot = world.spot.key("occasions");
            self.check_id("occasion", name, spot.name(name));
            self.check_dates_test(dates, spot.key(name));
        }
    }

    pub(super) fn check_pools(&mut self) {
        let definitions = self.definitions;
        let Some(world) = &definitions.world else { return };
        for (name, pool) in &world.definition.pools {
            let spot = world.spot.key("pools");
            self.check_id("pool", name, spot.name(name));
            let spot = spot.name(name);
            if !pool.every.is_dated() {
                let hint = "draw `daily`, `weekly`, `monthly` or by a `calendar`";
                self.error(spot.key("every"), "a pool draws at times of the real calendar", hint);
            }
            self.check_repeat(&pool.every, spot.key("every"));
            let named = definitions.quests.values().map(|placed| &placed.definition.pool);
            let members = named.filter(|pool| pool.as_ref() == Some(name)).count();
            if pool.pick == 0 {
                self.error(spot.key("pick"), "`pick: 0` offers nothing", "give at least 1");
            } else if members == 0 {
                self.warn(
                    spot,
                    format!("no quest is in the pool `{name}`"),
                    "name it in quests: `pool: <name>`",
                );
            } else if pool.pick as usize >= members {
                let message = format!("`{name}` offers {} of {members}, which is all of them", pool.pick);
                self.warn(spot.key("pick"), message, "pick fewer, or add quests to the pool");
            }
        }
    }
}
