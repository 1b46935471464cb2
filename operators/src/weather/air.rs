//! The temperature of the air: season, time of day, state, and a little chance.
//!
//! It returns to its middle by construction: nothing is added to yesterday's temperature.

use worldflow_schemas::value::DEC_ONE;

use super::climate::{Season, State};
use crate::clock::{DAY_MS, HOUR_MS};

/// The most that chance adds or takes, millionths of a degree Celsius.
pub(super) const NOISE_C: i64 = 3 * DEC_ONE;

const COLDEST_MS: i64 = 5 * HOUR_MS;
const WARMEST_MS: i64 = 14 * HOUR_MS;
const LEAST_C: i64 = -60 * DEC_ONE;
const MOST_C: i64 = 60 * DEC_ONE;

/// The temperature in millionths of a degree Celsius: the season's lowest at 05:00, its highest at
/// 14:00, a smooth curve between, and what the state and chance add.
#[must_use]
pub(super) fn temperature_c(season: &Season, state: &State, world_ms: i64, noise_c: i64) -> i64 {
    let since_coldest = (world_ms - COLDEST_MS).rem_euclid(DAY_MS);
    let rise = WARMEST_MS - COLDEST_MS;
    let way = if since_coldest <= rise {
        since_coldest * DEC_ONE / rise
    } else {
        (DAY_MS - since_coldest) * DEC_ONE / (DAY_MS - rise)
    };
    // 3x² - 2x³, in millionths: flat at both ends.
    let square = way * way / DEC_ONE;
    let smooth = 3 * square - 2 * square * way / DEC_ONE;
    let middle = season.low_c + (season.high_c - season.low_c) / 1_000 * smooth / 1_000;
    (middle + state.offset_c + noise_c).clamp(LEAST_C, MOST_C)
}
