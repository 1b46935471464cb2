//! A simulated year: the operators of clock and weather, stepped by hand from the world's first moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow_operators::clock::{Calendar, ClockIn, ClockMachine, HOUR_MS};
use worldflow_operators::machine::{Machine as _, Output};
use worldflow_operators::weather::{WeatherIn, WeatherMachine};
use worldflow_schemas::{Sym, Tick, Value, catalog};

use super::{Run, Zone};
use crate::world::LoadedWorld;

/// The weather of each zone in so many days of world time, from the world's first moment on, with its own seed or another.
#[must_use]
pub fn year(world: &LoadedWorld, days: u32, seed: Option<u64>) -> Vec<Zone> {
    let def = &world.world;
    let calendar = Arc::new(Calendar::compile(&def.clock).expect("a world is checked before it is loaded"));
    let realm = Sym::new(&def.name);
    let mut clock = ClockMachine::new(realm, def.tick_ms, Arc::clone(&calendar));
    let seed = seed.unwrap_or(def.seed);
    let mut weather =
        WeatherMachine::new(realm, seed, def.tick_ms, Arc::clone(&calendar), &def.zones, (0, 1));
    let world_ms = i64::from(days) * 24 * HOUR_MS;
    // The tick at which so much world time has passed.
    let per_tick = i128::from(def.tick_ms) * i128::from(calendar.scale_world);
    let ticks = (i128::from(world_ms) * i128::from(calendar.scale_real)).div_euclid(per_tick);
    let until = 1 + Tick::try_from(ticks).unwrap_or(Tick::MAX - 1);
    let hours_at = |tick: Tick| tick_hours(tick - 1, def.tick_ms, &calendar);
    let mut skies = Skies { calendar: &calendar, zones: BTreeMap::new() };
    let climates =
        world.climates.iter().map(|(id, def)| WeatherIn::Climate(Sym::new(id), Some(Arc::clone(def))));
    let (mut tick, mut told) = (1, climates.collect::<Vec<_>>());
    let mut start = vec![ClockIn::Start];
    while tick < until {
        let mut now = Output::default();
        if tick == 1 || clock.alarm() == Some(tick) {
            clock.step(tick, std::mem::take(&mut start), &mut now);
        }
        told.extend(now.out.into_iter().map(WeatherIn::Clock));
        let mut sky = Output::default();
        weather.step(tick, std::mem::take(&mut told), &mut sky);
        for ((view, row), diff) in sky.rows {
            if view == catalog::WEATHER && diff > 0 {
                skies.note(&row, hours_at(tick));
            }
        }
        match clock.alarm().into_iter().chain(weather.alarm()).min() {
            Some(next) => tick = next,
            None => break,
        }
    }
    skies.end(def, hours_at(until))
}

/// Hours of world time after so many ticks.
#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn tick_hours(ticks: Tick, tick_ms: u32, calendar: &Calendar) -> f64 {
    let real_ms = ticks as f64 * f64::from(tick_ms);
    real_ms * f64::from(calendar.scale_world) / f64::from(calendar.scale_real) / HOUR_MS as f64
}

/// What each zone has been in so far.
struct Skies<'a> {
    calendar: &'a Calendar,
    zones: BTreeMap<String, Vec<Run>>,
}

impl Skies<'_> {
    fn note(&mut self, row: &[Value], at_h: f64) {
        let def = catalog::WEATHER.def();
        let text = |name: &str| {
            def.column(name).and_then(|column| row.get(column)).map_or_else(String::new, ToString::to_string)
        };
        let (zone, state) = (text("zone"), text("state"));
        let runs = self.zones.entry(zone).or_default();
        if let Some(last) = runs.last_mut() {
            if last.state == state {
                return;
            }
            (last.hours, last.ended) = (at_h - last.from_h, true);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a few years of hours")]
        let world_ms = self.calendar.start_ms + (at_h * HOUR_MS as f64) as i64;
        let season = self.calendar.season(world_ms).as_str().to_owned();
        runs.push(Run { state, season, from_h: at_h, hours: 0.0, ended: false });
    }

    fn end(self, def: &worldflow_schemas::definitions::WorldDef, at_h: f64) -> Vec<Zone> {
        let zones = self.zones.into_iter().map(|(name, mut runs)| {
            if let Some(last) = runs.last_mut() {
                last.hours = at_h - last.from_h;
            }
            let climate = def.zones.get(&name).map_or_else(String::new, |zone| zone.climate.clone());
            Zone { name, climate, runs }
        });
        zones.collect()
    }
}
