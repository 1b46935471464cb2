//! Climates: weather states and how they follow each other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// A climate: for each season, a semi-Markov chain over weather states.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClimateDef {
    /// The states.
    pub states: BTreeMap<String, StateDef>,
    /// The chain of each season, by the calendar's season names.
    pub seasons: BTreeMap<String, SeasonWeather>,
    /// How often the weather may change: the step of the chain.
    #[serde(default = "step")]
    pub step: Span,
    /// The chance of a change at each step, before the factors below; 0 to 1.
    #[serde(default = "change")]
    pub change: f64,
    /// The chance falls with the time `t` since the state was entered by `max(floor, 1 - t / fade)`.
    #[serde(default = "fade")]
    pub fade: Span,
    /// The least of that factor.
    #[serde(default = "floor")]
    pub floor: f64,
    /// How long one state takes to become the next, to the eye.
    #[serde(default = "transition")]
    pub transition: Span,
    /// Intensity from which weather is severe.
    #[serde(default = "severe")]
    pub severe_intensity: f64,
    /// What a phase of the day brings: `dawn: {state: fog, chance: 0.3}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, Transition>,
}

/// What a state is like. Values are the middle; each entry is drawn a little around it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateDef {
    /// 0 to 1.
    pub intensity: f64,
    /// Kilometres an hour.
    pub wind_kmh: f64,
    /// 0 to 1.
    pub humidity: f64,
    /// Metres.
    pub visibility_m: u32,
    /// Added to the middle of the season's temperatures, degrees Celsius.
    #[serde(default)]
    pub temperature_offset_c: f64,
    /// Whether it can be severe.
    #[serde(default)]
    pub severe: bool,
    /// Ground wetness gained per world hour; negative dries.
    #[serde(default = "dries")]
    pub wetness_per_hour: f64,
    /// Centimetres of snow gained per world hour; negative melts.
    #[serde(default = "melts")]
    pub snow_cm_per_hour: f64,
}

/// The chain of one season.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeasonWeather {
    /// The state in which a zone begins.
    pub start: String,
    /// The lowest and highest middle temperature, degrees Celsius.
    pub temperature_c: (f64, f64),
    /// Weights of the next state; the present one is left out when drawing.
    pub next: BTreeMap<String, u32>,
    /// Factors on the chance of leaving a state in this season; 1 when absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leave: BTreeMap<String, f64>,
}

/// A state that an edge may bring.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The state; nothing happens in a season whose chain does not have it.
    pub state: String,
    /// 0 to 1.
    pub chance: f64,
}

fn step() -> Span {
    Span { ms: 60_000, world: false }
}
fn change() -> f64 {
    0.05
}
fn fade() -> Span {
    Span { ms: 120 * 60_000, world: false }
}
fn floor() -> f64 {
    0.1
}
fn transition() -> Span {
    Span { ms: 20_000, world: false }
}
fn severe() -> f64 {
    0.8
}
fn dries() -> f64 {
    -0.1
}
fn melts() -> f64 {
    -0.5
}
