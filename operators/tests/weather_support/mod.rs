//! What the weather's tests share: the climates that ship, a clock that runs, and rows by zone.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow_operators::clock::{Calendar, ClockIn, ClockMachine};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::weather::{WeatherIn, WeatherMachine};
use worldflow_schemas::catalog::{FORECAST, WEATHER};
use worldflow_schemas::definitions::{ClimateDef, ClockDef, Span, ZoneDef};
use worldflow_schemas::input::{ClockCommand, ClockWrite};
use worldflow_schemas::{Row, Sym, Tick};

use crate::support::{Run, Script, rows};

/// A row of `weather`.
pub(crate) type Sky = Row;

pub(crate) const TICK_MS: u32 = 1_000;

/// The climates that ship with Greenvale.
pub(crate) const CLIMATES: [(&str, &str); 3] = [
    ("temperate", include_str!("../../../pipelines/worlds/greenvale/climates/temperate.yaml")),
    ("coastal", include_str!("../../../pipelines/worlds/greenvale/climates/coastal.yaml")),
    ("highland", include_str!("../../../pipelines/worlds/greenvale/climates/highland.yaml")),
];

pub(crate) const ZONES: [&str; 6] = ["moor", "fen", "coast", "wood", "peak", "town"];

pub(crate) fn climate(text: &str) -> ClimateDef {
    serde_saphyr::from_str(text).expect("a climate that ships is well formed")
}

fn calendar(real_seconds_per_hour: u32, start: &str) -> Arc<Calendar> {
    let def = ClockDef { real_seconds_per_hour, start: start.to_owned(), ..ClockDef::default() };
    Arc::new(Calendar::compile(&def).expect("the test's clock is well formed"))
}

/// The weather of six zones, one second a tick.
pub(crate) fn machine(
    real_seconds_per_hour: u32,
    start: &str,
    seed: u64,
    shard: (usize, usize),
) -> WeatherMachine {
    machine_of(&ZONES.map(|zone| (zone, "temperate")), real_seconds_per_hour, start, seed, shard)
}

/// The weather of these zones with their climates.
pub(crate) fn machine_of(
    zones: &[(&str, &str)],
    real_seconds_per_hour: u32,
    start: &str,
    seed: u64,
    shard: (usize, usize),
) -> WeatherMachine {
    let zone = |climate: &str| ZoneDef { climate: climate.to_owned() };
    let zones = zones.iter().map(|(name, climate)| ((*name).to_owned(), zone(climate))).collect();
    let calendar = calendar(real_seconds_per_hour, start);
    WeatherMachine::new(Sym::new("realm"), seed, TICK_MS, calendar, &zones, shard)
}

/// What a clock that starts at tick 1 tells, with commands at their ticks.
pub(crate) fn clock_script(
    real_seconds_per_hour: u32,
    start: &str,
    until: Tick,
    commands: &[(Tick, ClockCommand)],
) -> Script<WeatherIn> {
    let mut inputs: Script<ClockIn> = Script::from([(1, vec![ClockIn::Start])]);
    for (tick, command) in commands {
        inputs.entry(*tick).or_default().push(ClockIn::Command(ClockWrite {
            order: crate::support::order(0, *tick),
            command: command.clone(),
        }));
    }
    let mut clock = ClockMachine::new(Sym::new("realm"), TICK_MS, calendar(real_seconds_per_hour, start));
    let mut script = Script::new();
    let mut after = 0;
    loop {
        let input = inputs.range(after + 1..).next().map(|(tick, _)| *tick);
        let Some(tick) = input.into_iter().chain(clock.alarm()).min().filter(|tick| *tick <= until) else {
            break;
        };
        let mut output = Output::default();
        clock.step(tick, inputs.get(&tick).cloned().unwrap_or_default(), &mut output);
        if !output.out.is_empty() {
            script.insert(tick, output.out.into_iter().map(WeatherIn::Clock).collect());
        }
        after = tick;
    }
    script
}

/// The script with the climate of all zones defined in its first tick.
pub(crate) fn with_climate(mut script: Script<WeatherIn>, def: &ClimateDef) -> Script<WeatherIn> {
    let defined = WeatherIn::Climate(Sym::new("temperate"), Some(Arc::new(def.clone())));
    script.values_mut().next().expect("a clock tells the time").push(defined);
    script
}

/// What is told again at a load: the last of the clock, and of every climate.
pub(crate) fn told(script: &Script<WeatherIn>, tick: Tick) -> Vec<WeatherIn> {
    let inputs: Vec<WeatherIn> = script.range(..=tick).flat_map(|(_, inputs)| inputs.clone()).collect();
    told_again(&inputs)
}

/// What of these inputs is told again at a load.
pub(crate) fn told_again(inputs: &[WeatherIn]) -> Vec<WeatherIn> {
    let mut last = BTreeMap::new();
    for input in inputs {
        match input {
            WeatherIn::Clock(_) => drop(last.insert("", input.clone())),
            WeatherIn::Climate(name, _) => drop(last.insert(name.as_str(), input.clone())),
            WeatherIn::Command(_) => {}
        }
    }
    last.into_values().collect()
}

/// A climate that changes at each step.
pub(crate) fn change_every_step(step: &str) -> ClimateDef {
    let step: Span = step.parse().expect("a span");
    let mut def = climate(CLIMATES[0].1);
    def.phases.clear();
    def.seasons.values_mut().for_each(|season| season.leave.clear());
    ClimateDef { step, change: 1.0, floor: 1.0, ..def }
}

/// Every row of `weather` by zone, with its tick.
pub(crate) fn skies(run: &Run) -> BTreeMap<String, Vec<(Tick, Sky)>> {
    let mut skies: BTreeMap<String, Vec<(Tick, Sky)>> = BTreeMap::new();
    for (tick, changed) in run {
        for ((view, row), diff) in &changed.rows {
            if *view == WEATHER && *diff > 0 {
                skies.entry(row[1].to_string()).or_default().push((*tick, row.clone()));
            }
        }
    }
    skies
}

/// The rows of `forecast` after a run.
pub(crate) fn forecasts(run: &Run) -> Vec<Row> {
    rows(run).into_iter().filter(|(view, _)| *view == FORECAST).map(|(_, row)| row).collect()
}
