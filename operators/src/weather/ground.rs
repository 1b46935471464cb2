//! What lies on the ground: wetness and snow cover, as values that change at a rate.
//!
//! Each is (value, rate, measured); rates change at edges only, and one of them is the moment at
//! which a value reaches its bound. Snow does not melt at or below freezing.

use serde::{Deserialize, Serialize};
use worldflow_schemas::Tick;
use worldflow_schemas::value::DEC_ONE;

use super::climate::State;
use crate::clock::HOUR_MS;

/// The deepest snow, centimetres.
pub const MOST_SNOW_CM: i64 = 200;

/// A bounded value in millionths and its rate per world hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Level {
    /// At the moment of measuring.
    pub value: i64,
    /// Per world hour.
    pub rate: i64,
}

impl Level {
    fn after(self, world_ms: i64, most: i64) -> i64 {
        let change = i128::from(self.rate) * i128::from(world_ms.max(0)) / i128::from(HOUR_MS);
        let value = (i128::from(self.value) + change).clamp(0, i128::from(most));
        i64::try_from(value).expect("it is clamped to a range of i64")
    }

    /// World milliseconds after measuring at which the bound is reached.
    fn bound_after(self, most: i64) -> Option<i64> {
        let way = if self.rate > 0 { most - self.value } else { self.value };
        let rate = i128::from(self.rate.checked_abs().filter(|&rate| rate > 0)?);
        i64::try_from((i128::from(way) * i128::from(HOUR_MS) + rate - 1) / rate).ok()
    }
}

fn rate(raw: i64, value: i64, most: i64) -> i64 {
    if (raw < 0 && value == 0) || (raw > 0 && value == most) { 0 } else { raw }
}

/// The ground of a zone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ground {
    /// 0 to 1.
    pub wetness: Level,
    /// Centimetres.
    pub snow_cm: Level,
    /// The tick of the values.
    pub measured: Tick,
    /// The world time of the values, moved along with jumps of world time.
    pub measured_world_ms: i64,
}

impl Ground {
    /// Dry ground.
    #[must_use]
    pub fn new(tick: Tick, world_ms: i64) -> Ground {
        Ground {
            wetness: Level::default(),
            snow_cm: Level::default(),
            measured: tick,
            measured_world_ms: world_ms,
        }
    }

    /// Measures the values at a moment.
    pub fn measure(&mut self, tick: Tick, world_ms: i64) {
        let passed = world_ms.saturating_sub(self.measured_world_ms);
        self.wetness.value = self.wetness.after(passed, DEC_ONE);
        self.snow_cm.value = self.snow_cm.after(passed, MOST_SNOW_CM * DEC_ONE);
        (self.measured, self.measured_world_ms) = (tick, world_ms);
    }

    /// Takes the rates of a state at a temperature, and measures if they differ from those before.
    pub fn follow(&mut self, state: &State, temperature_c: i64, tick: Tick, world_ms: i64) {
        let mut now = self.clone();
        now.measure(tick, world_ms);
        let frozen = state.snow_per_hour < 0 && temperature_c <= 0;
        let snow = if frozen { 0 } else { state.snow_per_hour };
        now.wetness.rate = rate(state.wetness_per_hour, now.wetness.value, DEC_ONE);
        now.snow_cm.rate = rate(snow, now.snow_cm.value, MOST_SNOW_CM * DEC_ONE);
        if (now.wetness.rate, now.snow_cm.rate) != (self.wetness.rate, self.snow_cm.rate) {
            *self = now;
        }
    }

    /// The world time at which the next bound is reached.
    #[must_use]
    pub fn bound_ms(&self) -> Option<i64> {
        let wetness = self.wetness.bound_after(DEC_ONE);
        let snow = self.snow_cm.bound_after(MOST_SNOW_CM * DEC_ONE);
        wetness.into_iter().chain(snow).min().map(|ahead| self.measured_world_ms.saturating_add(ahead))
    }
}
