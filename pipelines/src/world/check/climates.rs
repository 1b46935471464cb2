//! Climates.

use worldflow_schemas::definitions::{ClimateDef, SeasonWeather};

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_climates(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.climates {
            let (climate, spot) = (&placed.definition, placed.spot);
            self.check_id("climate", id, spot);
            if climate.states.is_empty() && placed.whole {
                self.error(
                    spot.key("states"),
                    format!("`{id}` has no states"),
                    "give at least one, such as `clear`",
                );
            }
            for (key, value) in [
                ("change", climate.change),
                ("floor", climate.floor),
                ("severe_intensity", climate.severe_intensity),
            ] {
                self.check_fraction(key, value, spot.key(key));
            }
            for (key, span) in [("step", climate.step), ("fade", climate.fade)] {
                if span.ms == 0 {
                    self.error(
                        spot.key(key),
                        format!("`{key}` is no time at all"),
                        "give a span such as `60s`",
                    );
                }
            }
            self.check_states(climate, spot.key("states"));
            self.check_climate_seasons(climate, spot, placed.whole);
            for (phase, transition) in &climate.phases {
                let spot = spot.key("phases");
                self.known(Sort::Phase, phase, spot.name(phase));
                self.check_fraction("chance", transition.chance, spot.key(phase).key("chance"));
                self.check_state(climate, &transition.state, spot.key(phase).key("state"));
            }
        }
    }

    fn check_states(&mut self, climate: &ClimateDef, spot: Spot<'_>) {
        for (name, state) in &climate.states {
            let spot = spot.name(name);
            self.check_id("state", name, spot);
            self.check_fraction("intensity", state.intensity, spot.key("intensity"));
            self.check_fraction("humidity", state.humidity, spot.key("humidity"));
            if !(0.0..=500.0).contains(&state.wind_kmh) {
                self.error(spot.key("wind_kmh"), format!("a wind of {} km/h", state.wind_kmh), "0 to 500");
            }
            for (key, value) in [
                ("temperature_offset_c", state.temperature_offset_c),
                ("wetness_per_hour", state.wetness_per_hour),
                ("snow_cm_per_hour", state.snow_cm_per_hour),
            ] {
                if !(-1_000.0..=1_000.0).contains(&value) {
                    self.error(spot.key(key), format!("`{key}` is {value}"), "-1000 to 1000");
                }
            }
        }
    }

    fn check_climate_seasons(&mut self, climate: &ClimateDef, spot: Spot<'_>, whole: bool) {
        let seasons = spot.key("seasons");
        for season in self.names.of_sort(Sort::Season) {
            if whole && !climate.seasons.contains_key(*season) {
                self.error(
                    seasons,
                    format!("the season `{season}` has no weather"),
                    "every season of the calendar needs its chain",
                );
            }
        }
        for (name, season) in &climate.seasons {
            let spot = seasons.name(name);
            self.known(Sort::Season, name, spot);
            self.check_state(climate, &season.start, spot.key("start"));
            let (low, high) = season.temperature_c;
            if !(low <= high && low >= -100.0 && high <= 100.0) {
                let message = format!("temperatures from {low} to {high} °C");
                self.error(spot.key("temperature_c"), message, "the lowest comes first; -100 to 100");
            }
            self.check_chain(climate, season, spot);
        }
    }

    fn check_chain(&mut self, climate: &ClimateDef, season: &SeasonWeather, spot: Spot<'_>) {
        for state in season.next.keys() {
            self.check_state(climate, state, spot.key("next").name(state));
        }
        if season.next.values().all(|weight| *weight == 0) {
            self.error(
                spot.key("next"),
                "no state has a weight",
                "give at least one state a weight of 1 or more",
            );
        }
        for (state, factor) in &season.leave {
            let spot = spot.key("leave");
            self.check_state(climate, state, spot.name(state));
            if !(0.0..=1_000.0).contains(factor) {
                self.error(spot.key(state), format!("a factor of {factor}"), "0 to 1000; 1 changes nothing");
            }
        }
    }

    fn check_state(&mut self, climate: &ClimateDef, state: &str, spot: Spot<'_>) {
        if !climate.states.contains_key(state) {
            let known = climate.states.keys().map(String::as_str);
            let hint = hint(state, known, "states are declared above, under `states`");
            self.error(spot, format!("unknown state `{state}`"), hint);
        }
    }
}
