//! The weather of every zone.
//!
//! `ClockNow, climates, commands ─weather→ weather, severe_weather, forecast, ZoneWeather`
//!
//! Each zone is a semi-Markov chain whose tables are a climate. A shard owns the zones whose names
//! hash to it, and handles a zone only at its edges: a change of state, a phase of the day, a
//! season, a world hour, a bound of wetness or snow. It does not decide what weather does to a game.

mod air;
mod climate;
mod forecast;
mod ground;
mod sojourn;
mod zone;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog::{FORECAST, SEVERE_WEATHER, WEATHER};
use worldflow_schemas::definitions::{ClimateDef, ZoneDef};
use worldflow_schemas::input::WeatherCommand;
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::clock::Calendar;
use crate::machine::{Machine, Output};
use crate::messages::{ClockNow, Refused, ZoneWeather};
use crate::piece;
use crate::timers::Timers;

pub use climate::{Climate, ONE, Season, State};
pub use forecast::HOURS;
pub use ground::MOST_SNOW_CM;
pub use sojourn::Leaving;
pub use zone::{Crossing, SHOWN, Weather};

use zone::Scene;

/// What the weather is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum WeatherIn {
    /// The clock from this tick on. Broadcast.
    Clock(ClockNow),
    /// A climate is defined, or removed with `None`: a zone keeps to the last it had. Broadcast.
    Climate(Sym, Option<Arc<ClimateDef>>),
    /// Weather is forced. Routed by the zone.
    Command(WeatherCommand),
}

/// What the weather tells others.
#[derive(Clone, PartialEq, Debug)]
pub enum WeatherOut {
    /// A zone's weather has changed.
    Now(ZoneWeather),
    /// Weather that cannot be forced.
    Refused(Refused),
}

/// The weather of the zones of one shard.
#[derive(Debug)]
pub struct WeatherMachine {
    realm: Sym,
    seed: u64,
    tick_ms: u32,
    calendar: Arc<Calendar>,
    clock: Option<ClockNow>,
    /// What is defined now, by name.
    climates: BTreeMap<&'static str, Arc<Climate>>,
    /// By name, in order of text.
    zones: BTreeMap<&'static str, Zone>,
    alarms: Timers<&'static str>,
}

#[derive(Debug)]
struct Zone {
    name: Sym,
    climate_name: Sym,
    /// The climate it goes by: the last that was defined under its name.
    climate: Option<Arc<Climate>>,
    weather: Option<Weather>,
    shown: Shown,
}

/// What has been said of a zone, to be taken back when it changes.
#[derive(Debug, Default)]
struct Shown {
    row: Option<Row>,
    crossings: Vec<Row>,
    forecast: Vec<Row>,
    told: Option<ZoneWeather>,
}

/// A piece of base state. The key is the zone and which of the two it is.
#[derive(Serialize, Deserialize)]
enum Kept {
    Weather(Weather),
    Climate(Climate),
}

/// What of a tick concerns zones.
#[derive(Default)]
struct Edits {
    clock: Option<ClockNow>,
    climates: BTreeMap<&'static str, Arc<Climate>>,
    removed: Vec<&'static str>,
    /// In their order.
    forced: BTreeMap<&'static str, Vec<WeatherCommand>>,
}

impl WeatherMachine {
    /// The shard `index` of `peers`: it owns the zones with `hash64() % peers == index`.
    #[must_use]
    pub fn new(
        realm: Sym,
        seed: u64,
        tick_ms: u32,
        calendar: Arc<Calendar>,
        zones: &BTreeMap<String, ZoneDef>,
        (index, peers): (usize, usize),
    ) -> WeatherMachine {
        let owned = |name: &Sym| {
            let peers = u64::try_from(peers).expect("workers are few");
            usize::try_from(name.hash64() % peers).is_ok_and(|owner| owner == index)
        };
        let zones = zones
            .iter()
            .map(|(name, zone)| (Sym::new(name), Sym::new(&zone.climate)))
            .filter(|(name, _)| owned(name))
            .map(|(name, climate_name)| {
                let shown = Shown::default();
                (name.as_str(), Zone { name, climate_name, climate: None, weather: None, shown })
            })
            .collect();
        let (climates, alarms) = (BTreeMap::new(), Timers::default());
        WeatherMachine { realm, seed, tick_ms, calendar, clock: None, climates, zones, alarms }
    }

    /// The weather of a zone of this shard.
    #[must_use]
    pub fn weather(&self, zone: Sym) -> Option<&Weather> {
        self.zones.get(zone.as_str())?.weather.as_ref()
    }

    /// What is defined from now on. −old +new of one name in one tick is an edit.
    fn define(&mut self, edits: &mut Edits) {
        for name in &edits.removed {
            self.climates.remove(name);
        }
        self.climates.append(&mut edits.climates);
    }

    fn handle(
        &mut self,
        zone: &'static str,
        forced: &[WeatherCommand],
        before: Option<&ClockNow>,
        tick: Tick,
        output: &mut Output<WeatherOut>,
    ) {
        let Some(entry) = self.zones.get_mut(zone) else { return };
        let edited = (self.climates.get(entry.climate_name.as_str()))
            .filter(|new| entry.climate.as_ref().is_none_or(|old| old != *new));
        if let Some(climate) = edited {
            entry.climate = Some(climate.clone());
            output.base.push(piece::change(
                Self::NAME,
                entry.name,
                &(entry.name, "climate"),
                Some(&Kept::Climate((**climate).clone())),
            ));
        }
        let (Some(climate), Some(clock)) = (entry.climate.clone(), &self.clock) else {
            output.out.extend(forced.iter().map(unknown_state));
            return;
        };
        let scene = Scene {
            seed: self.seed,
            tick_ms: self.tick_ms,
            zone: entry.name,
            climate: &climate,
            calendar: &self.calendar,
            clock,
            tick,
        };
        let was = entry.weather.clone();
        let weather = match &mut entry.weather {
            Some(weather) => {
                follow(weather, &scene, before.filter(|before| *before != clock), edited.is_some());
                weather
            }
            none => none.insert(Weather::begin(&scene)),
        };
        // The last of a tick is what it comes to.
        let (known, unknown): (Vec<_>, Vec<_>) =
            forced.iter().partition(|command| climate.state(command.state).is_some());
        output.out.extend(unknown.into_iter().map(unknown_state));
        if let Some(command) = known.last() {
            weather.force(&scene, command.state);
        }
        weather.measure_if_due(&scene);
        match weather.alarm(&scene) {
            Some(at) => self.alarms.set(zone, at),
            None => {
                self.alarms.cancel(&zone);
            }
        }
        // The clock and the climate show in the rows as well.
        if was.as_ref() == Some(&*weather) && edited.is_none() && before == Some(clock) {
            return;
        }
        if was.as_ref() != Some(&*weather) {
            let kept = Kept::Weather(weather.clone());
            output.base.push(piece::change(Self::NAME, scene.zone, &(scene.zone, "weather"), Some(&kept)));
        }
        entry.shown.show(self.realm, weather, &scene, output);
    }
}

/// The order within a tick: the clock, a change that is due, the chain, the phase of the day.
fn follow(weather: &mut Weather, scene: &Scene<'_>, before: Option<&ClockNow>, edited: bool) {
    if let Some(before) = before {
        let piece = |clock: &ClockNow| {
            (clock.world_ms, clock.fraction, clock.since, clock.scale_world, clock.scale_real, clock.paused)
        };
        if piece(before) != piece(scene.clock) {
            weather.bend(scene, before);
        }
    }
    weather.change_if_due(scene);
    if edited || before.is_some_and(|before| before.season != scene.clock.season) {
        weather.follow_chain(scene);
    }
    if before.is_some_and(|before| before.phase != scene.clock.phase) {
        weather.bring(scene);
    }
}

impl Machine for WeatherMachine {
    type In = WeatherIn;
    type Out = WeatherOut;
    const NAME: BaseName = "weather";

    fn load(&mut self, row: BaseRow) {
        let ((zone, _), kept): ((Sym, String), Kept) = piece::read(&row);
        // A zone that the world no longer declares has no weather.
        let Some(zone) = self.zones.get_mut(zone.as_str()) else { return };
        match kept {
            Kept::Weather(weather) => zone.weather = Some(weather),
            Kept::Climate(climate) => zone.climate = Some(Arc::new(climate)),
        }
    }

    fn loaded(&mut self, tick: Tick, inputs: Vec<WeatherIn>, output: &mut Output<WeatherOut>) {
        let mut edits = Edits::new(inputs);
        self.define(&mut edits);
        self.clock = edits.clock;
        let Some(clock) = &self.clock else { return };
        for (&name, zone) in &mut self.zones {
            if let Some(defined) = self.climates.get(zone.climate_name.as_str()) {
                if zone.climate.as_ref() == Some(defined) {
                    zone.climate = Some(Arc::clone(defined));
                } else {
                    // The world has added the zone or given it another climate while it was stopped.
                    self.alarms.set(name, tick + 1);
                }
            }
            let (Some(climate), Some(weather)) = (&zone.climate, &zone.weather) else { continue };
            let scene = Scene {
                seed: self.seed,
                tick_ms: self.tick_ms,
                zone: zone.name,
                climate,
                calendar: &self.calendar,
                clock,
                tick,
            };
            if self.alarms.get(&name).is_none()
                && let Some(at) = weather.alarm(&scene)
            {
                self.alarms.set(name, at);
            }
            zone.shown.show(self.realm, weather, &scene, output);
        }
    }

    fn step(&mut self, tick: Tick, inputs: Vec<WeatherIn>, output: &mut Output<WeatherOut>) {
        let mut edits = Edits::new(inputs);
        let edited = !edits.climates.is_empty();
        self.define(&mut edits);
        let mut due = Vec::new();
        while let Some((_, zone)) = self.alarms.pop_due(tick) {
            due.push(zone);
        }
        let before = self.clock.clone();
        if let Some(clock) = &edits.clock {
            self.clock = Some(clock.clone());
        }
        if edits.clock.is_some() || edited {
            due = self.zones.keys().copied().collect();
        } else {
            due.extend(edits.forced.keys());
            due.sort_unstable();
            due.dedup();
        }
        for zone in due {
            let forced = edits.forced.get(zone).map_or(&[][..], Vec::as_slice);
            self.handle(zone, forced, before.as_ref(), tick, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        self.alarms.first()
    }
}

impl Edits {
    fn new(inputs: Vec<WeatherIn>) -> Edits {
        let mut edits = Edits::default();
        let mut climates: Vec<(&'static str, Climate)> = Vec::new();
        for input in inputs {
            match input {
                WeatherIn::Clock(clock) => edits.clock = Some(clock),
                // What does not compile has been refused where the world was loaded.
                WeatherIn::Climate(name, Some(def)) => {
                    climates.extend(Climate::compile(&def).ok().map(|climate| (name.as_str(), climate)));
                }
                WeatherIn::Climate(name, None) => edits.removed.push(name.as_str()),
                WeatherIn::Command(command) => {
                    edits.forced.entry(command.zone.as_str()).or_default().push(command);
                }
            }
        }
        for forced in edits.forced.values_mut() {
            forced.sort_by(|a, b| a.order.cmp_order(&b.order));
        }
        climates
            .sort_by_cached_key(|(name, climate)| (*name, postcard::to_stdvec(climate).unwrap_or_default()));
        edits.climates = climates.into_iter().map(|(name, climate)| (name, Arc::new(climate))).collect();
        edits
    }
}

fn unknown_state(command: &WeatherCommand) -> WeatherOut {
    let WeatherCommand { order, zone, state } = command;
    WeatherOut::Refused(Refused {
        source: order.source,
        id: order.id.clone(),
        code: Sym::new("unknown_state"),
        reason: format!("the climate of zone `{zone}` has no state `{state}`"),
        hint: "name one of the climate's states".to_owned(),
        current: None,
    })
}

impl Shown {
    fn show(&mut self, realm: Sym, weather: &Weather, scene: &Scene<'_>, output: &mut Output<WeatherOut>) {
        let row = row(realm, weather, scene);
        output.replace(WEATHER, self.row.replace(row.clone()), Some(row));

        let crossings = weather.crossings.iter().map(|crossing| crossing_row(realm, scene.zone, crossing));
        show_list(SEVERE_WEATHER, &mut self.crossings, crossings.collect(), output);

        let forecast = forecast_rows(realm, weather, scene);
        show_list(FORECAST, &mut self.forecast, forecast, output);

        let told = ZoneWeather {
            zone: scene.zone,
            state: weather.state,
            intensity: weather.intensity,
            since: weather.since,
            since_world_ms: weather.since_world_ms,
        };
        if self.told.as_ref() != Some(&told) {
            output.out.push(WeatherOut::Now(told.clone()));
            self.told = Some(told);
        }
    }
}

fn show_list(
    view: worldflow_schemas::catalog::ViewId,
    shown: &mut Vec<Row>,
    rows: Vec<Row>,
    output: &mut Output<WeatherOut>,
) {
    if *shown == rows {
        return;
    }
    for old in std::mem::replace(shown, rows) {
        output.remove(view, old);
    }
    for new in shown.iter() {
        output.insert(view, new.clone());
    }
}

fn row(realm: Sym, weather: &Weather, scene: &Scene<'_>) -> Row {
    let ground = &weather.ground;
    let tick = |tick: Option<Tick>| tick.map_or(Value::Null, Value::count);
    Row::from([
        Value::id(realm),
        Value::id(scene.zone),
        Value::id(weather.state),
        Value::id(weather.previous),
        Value::count(weather.since),
        tick(weather.faded),
        tick(weather.next_change(scene)),
        Value::Dec(weather.intensity),
        Value::Dec(weather.temperature_c),
        Value::Dec(weather.wind_kmh),
        Value::Dec(weather.humidity),
        Value::Int(weather.visibility_m),
        Value::Bool(weather.severe),
        Value::Dec(ground.wetness.value),
        Value::Dec(ground.wetness.rate),
        Value::Dec(ground.snow_cm.value),
        Value::Dec(ground.snow_cm.rate),
        Value::count(ground.measured),
    ])
}

fn crossing_row(realm: Sym, zone: Sym, crossing: &Crossing) -> Row {
    Row::from([
        Value::id(realm),
        Value::id(zone),
        Value::count(crossing.number),
        Value::count(crossing.tick),
        Value::Bool(crossing.began),
        Value::id(crossing.state),
        Value::Dec(crossing.intensity),
    ])
}

fn forecast_rows(realm: Sym, weather: &Weather, scene: &Scene<'_>) -> Vec<Row> {
    let Some(state) = scene.climate.state(weather.state) else { return Vec::new() };
    let present = forecast::Present {
        climate: scene.climate,
        calendar: scene.calendar,
        clock: scene.clock,
        tick_ms: scene.tick_ms,
        state,
        since: weather.since,
        since_world_ms: weather.since_world_ms,
        issued: weather.issued,
    };
    let row = |(hours, state, probability): forecast::Outlook| {
        Row::from([
            Value::id(realm),
            Value::id(scene.zone),
            Value::Int(hours),
            Value::id(scene.climate.states[state].name),
            Value::Dec(probability),
            Value::count(weather.issued),
        ])
    };
    forecast::outlook(&present).into_iter().map(row).collect()
}
