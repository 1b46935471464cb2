//! A climate made ready: names as places in lists, fractions as integers.
//!
//! Chances and factors are in units of 2⁻³², values in millionths, so that every decision is made
//! in integers. It says what may be wrong with a definition, and nothing of any zone.

use serde::{Deserialize, Serialize};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{ClimateDef, SeasonWeather, Span, StateDef};
use worldflow_schemas::value::{DEC_ONE, Value};

use super::sojourn::Leaving;
use crate::messages::ClockNow;

/// One, as a chance or a factor.
pub const ONE: u64 = 1 << 32;

const MOST_STATES: usize = 256;
const MOST_FACTOR: f64 = 1_000.0;

/// A checked [`ClimateDef`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Climate {
    /// In order of name text.
    pub states: Vec<State>,
    /// In order of name text.
    pub seasons: Vec<Season>,
    /// The step of the chain.
    pub step: Length,
    /// How long a state takes to become the next.
    pub transition: Length,
    /// Intensity from which weather is severe, millionths.
    pub severe: i64,
    /// What phases of the day bring.
    pub brings: Vec<Bring>,
    change: u64,
    fade: Length,
    floor: u64,
}

/// A span of real or of world time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Length {
    /// Milliseconds.
    pub ms: u64,
    /// Of world time instead of real time.
    pub world: bool,
}

/// A state; all values in millionths.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub name: Sym,
    /// 0 to 1.
    pub intensity: i64,
    /// Kilometres an hour.
    pub wind_kmh: i64,
    /// 0 to 1.
    pub humidity: i64,
    /// Metres, whole.
    pub visibility_m: i64,
    /// Degrees Celsius.
    pub offset_c: i64,
    /// Whether it can be severe.
    pub severe: bool,
    /// Wetness per world hour.
    pub wetness_per_hour: i64,
    /// Centimetres of snow per world hour.
    pub snow_per_hour: i64,
}

/// The chain of a season.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Season {
    /// Its name.
    pub name: Sym,
    /// The state in which a zone begins.
    pub start: usize,
    /// The lowest middle temperature, millionths of a degree Celsius.
    pub low_c: i64,
    /// The highest.
    pub high_c: i64,
    /// The weight of each state as the next.
    pub weights: Vec<u32>,
    /// The factor on the chance of leaving each state.
    leave: Vec<u64>,
}

/// A state that a phase of the day may bring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bring {
    /// The phase.
    pub phase: Sym,
    /// The state.
    pub state: usize,
    /// How likely, in 2⁻³².
    pub chance: u64,
}

impl Climate {
    /// Checks a definition. Reports all that is wrong with it.
    pub fn compile(def: &ClimateDef) -> Result<Climate, Vec<String>> {
        let mut problems = Vec::new();
        if !(1..=MOST_STATES).contains(&def.states.len()) {
            problems.push(format!("a climate needs 1 to {MOST_STATES} states"));
        }
        if def.seasons.is_empty() {
            problems.push("a climate needs the chain of at least one season".to_owned());
        }
        if def.step.ms == 0 {
            problems.push("step must be longer than nothing".to_owned());
        }
        let names: Vec<&str> = def.states.keys().map(String::as_str).collect();
        let states = def.states.iter().map(|(name, state)| state_of(name, state, &mut problems)).collect();
        let seasons =
            def.seasons.iter().map(|(name, season)| season_of(name, season, &names, &mut problems)).collect();
        let mut brings = Vec::new();
        for (phase, bring) in &def.phases {
            let at = format!("phase `{phase}`");
            brings.push(Bring {
                phase: Sym::new(phase),
                state: place(&at, &bring.state, &names, &mut problems),
                chance: fraction(&at, bring.chance, 1.0, &mut problems),
            });
        }
        let climate = Climate {
            states,
            seasons,
            step: length(def.step),
            transition: length(def.transition),
            severe: millionths("severe_intensity", def.severe_intensity, 0.0, 1.0, &mut problems),
            brings,
            change: fraction("change", def.change, 1.0, &mut problems),
            fade: length(def.fade),
            floor: fraction("floor", def.floor, 1.0, &mut problems),
        };
        if problems.is_empty() { Ok(climate) } else { Err(problems) }
    }

    /// The place of a state.
    #[must_use]
    pub fn state(&self, name: Sym) -> Option<usize> {
        self.states.iter().position(|state| state.name == name)
    }

    /// The chain in force in a season; a season without one keeps to the first there is.
    #[must_use]
    pub fn season(&self, name: Sym) -> &Season {
        self.seasons.iter().find(|season| season.name == name).unwrap_or(&self.seasons[0])
    }

    /// How a state is left in a season, at the clock's present scale.
    #[must_use]
    pub fn leaving(&self, season: &Season, state: usize, clock: &ClockNow) -> Leaving {
        let (world, real) = (u128::from(clock.scale_world), u128::from(clock.scale_real));
        let fade = u128::from(self.fade.ms);
        let fade = match (self.step.world, self.fade.world) {
            (true, false) => fade * world / real,
            (false, true) => fade * real / world,
            _ => fade,
        };
        let others: u64 = season.others(state);
        Leaving {
            change: self.change,
            floor: self.floor,
            leave: if others == 0 { 0 } else { season.leave[state] },
            step_ms: self.step.ms,
            fade_ms: u64::try_from(fade).unwrap_or(u64::MAX),
        }
    }
}

impl Season {
    /// The sum of the weights of all states but one.
    #[must_use]
    pub fn others(&self, state: usize) -> u64 {
        self.weights.iter().map(|&weight| u64::from(weight)).sum::<u64>() - u64::from(self.weights[state])
    }

    /// The state that follows `state`, for a number drawn from `0..others(state)`.
    #[must_use]
    pub fn next(&self, state: usize, mut drawn: u64) -> usize {
        for (next, &weight) in self.weights.iter().enumerate() {
            if next == state {
                continue;
            }
            if drawn < u64::from(weight) {
                return next;
            }
            drawn -= u64::from(weight);
        }
        state
    }
}

fn length(span: Span) -> Length {
    Length { ms: span.ms, world: span.world }
}

fn place(at: &str, name: &str, names: &[&str], problems: &mut Vec<String>) -> usize {
    names.iter().position(|other| *other == name).unwrap_or_else(|| {
        problems.push(format!("{at}: unknown state `{name}`"));
        0
    })
}

fn millionths(at: &str, x: f64, least: f64, most: f64, problems: &mut Vec<String>) -> i64 {
    match Value::from_f64(x) {
        Some(Value::Dec(n)) if (least..=most).contains(&x) => n,
        _ => {
            problems.push(format!("{at} must be {least} to {most}"));
            0
        }
    }
}

fn fraction(at: &str, x: f64, most: f64, problems: &mut Vec<String>) -> u64 {
    let n = u64::try_from(millionths(at, x, 0.0, most, problems)).unwrap_or(0);
    n * ONE / DEC_ONE.unsigned_abs()
}

fn state_of(name: &str, def: &StateDef, problems: &mut Vec<String>) -> State {
    let mut dec = |field: &str, x: f64, least: f64, most: f64| {
        millionths(&format!("state `{name}`: {field}"), x, least, most, problems)
    };
    State {
        name: Sym::new(name),
        intensity: dec("intensity", def.intensity, 0.0, 1.0),
        wind_kmh: dec("wind_kmh", def.wind_kmh, 0.0, 500.0),
        humidity: dec("humidity", def.humidity, 0.0, 1.0),
        visibility_m: i64::from(def.visibility_m),
        offset_c: dec("temperature_offset_c", def.temperature_offset_c, -100.0, 100.0),
        severe: def.severe,
        wetness_per_hour: dec("wetness_per_hour", def.wetness_per_hour, -100.0, 100.0),
        snow_per_hour: dec("snow_cm_per_hour", def.snow_cm_per_hour, -1_000.0, 1_000.0),
    }
}

fn season_of(name: &str, def: &SeasonWeather, names: &[&str], problems: &mut Vec<String>) -> Season {
    let at = format!("season `{name}`");
    let mut weights = vec![0; names.len()];
    for (state, &weight) in &def.next {
        let place = place(&format!("{at}, next"), state, names, problems);
        if let Some(entry) = weights.get_mut(place) {
            *entry = weight;
        }
    }
    if weights.iter().all(|&weight| weight == 0) {
        problems.push(format!("{at}: next needs at least one state with a weight above 0"));
    }
    let mut leave = vec![ONE; names.len()];
    for (state, &factor) in &def.leave {
        let place = place(&format!("{at}, leave"), state, names, problems);
        let factor = fraction(&format!("{at}, leave `{state}`"), factor, MOST_FACTOR, problems);
        if let Some(entry) = leave.get_mut(place) {
            *entry = factor;
        }
    }
    let (low, high) = def.temperature_c;
    let low_c = millionths(&format!("{at}: the lowest temperature"), low, -100.0, 100.0, problems);
    let high_c = millionths(&format!("{at}: the highest temperature"), high, -100.0, 100.0, problems);
    if low_c > high_c {
        problems.push(format!("{at}: temperature_c is [lowest, highest]"));
    }
    let start = place(&format!("{at}, start"), &def.start, names, problems);
    Season { name: Sym::new(name), start, low_c, high_c, weights, leave }
}
