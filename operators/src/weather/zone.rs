//! The weather of one zone: what has been decided, what has been drawn, and what follows.
//!
//! When a state is entered its next change is drawn at once. It is drawn again, given that the
//! state has lasted so far, only when the season changes the chain or the climate is edited. The
//! rows are functions of [`Weather`], the clock and the climate, so that a load restores them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Sym, Tick, chance};

use super::air;
use super::climate::{Climate, Length, Season};
use super::ground::Ground;
use crate::clock::{Calendar, HOUR_MS};
use crate::messages::ClockNow;

/// How many crossings of the severity threshold a zone shows.
pub const SHOWN: usize = 10;

/// The stream of all draws that decide the weather.
const STREAM: &str = "weather";

/// What a zone sees when it is handled.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The realm's seed.
    pub seed: u64,
    /// The length of a tick.
    pub tick_ms: u32,
    /// The zone.
    pub zone: Sym,
    /// Its climate.
    pub climate: &'a Climate,
    /// The calendar.
    pub calendar: &'a Calendar,
    /// The clock from this tick on.
    pub clock: &'a ClockNow,
    /// The tick.
    pub tick: Tick,
}

impl Scene<'_> {
    /// World milliseconds at this tick.
    #[must_use]
    pub fn world_ms(&self) -> i64 {
        self.clock.world_ms_at(self.tick, self.tick_ms)
    }

    fn season(&self) -> &Season {
        self.climate.season(self.clock.season)
    }
}

/// A crossing of the severity threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Crossing {
    /// Which, from 1.
    pub number: u64,
    /// When.
    pub tick: Tick,
    /// Whether severe weather began.
    pub began: bool,
    /// The state then.
    pub state: Sym,
    /// Its intensity, millionths.
    pub intensity: i64,
}

/// The weather of a zone: its base state. Values are millionths.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Weather {
    /// The state.
    pub state: Sym,
    /// The one before, or [`Sym::NONE`] for the first.
    pub previous: Sym,
    /// When it was entered.
    pub since: Tick,
    /// World time then, moved along with jumps of world time.
    pub since_world_ms: i64,
    /// When the transition is complete; `None` while a pause holds it.
    pub faded: Option<Tick>,
    /// World time then, for a transition in world time that is not over.
    faded_world_ms: Option<i64>,
    /// After how many steps the state changes, or `None` for never.
    changes_after: Option<u64>,
    /// How many draws this zone has made.
    draws: u64,
    /// 0 to 1.
    pub intensity: i64,
    /// Kilometres an hour.
    pub wind_kmh: i64,
    /// 0 to 1.
    pub humidity: i64,
    /// Metres, whole.
    pub visibility_m: i64,
    /// Degrees Celsius, as last measured.
    pub temperature_c: i64,
    /// What chance adds to the temperature.
    noise_c: i64,
    /// The world hour of the last measuring, by this zone's own hours.
    hour: i64,
    /// Whether the severity threshold is crossed.
    pub severe: bool,
    /// How many crossings there have been.
    crossed: u64,
    /// The last [`SHOWN`].
    pub crossings: VecDeque<Crossing>,
    /// Wetness and snow.
    pub ground: Ground,
    /// When the forecast was made.
    pub issued: Tick,
}

impl Weather {
    /// The first weather of a zone.
    #[must_use]
    pub fn begin(scene: &Scene<'_>) -> Weather {
        let mut weather = Weather {
            state: Sym::NONE,
            previous: Sym::NONE,
            since: scene.tick,
            since_world_ms: scene.world_ms(),
            faded: None,
            faded_world_ms: None,
            changes_after: None,
            draws: 0,
            intensity: 0,
            wind_kmh: 0,
            humidity: 0,
            visibility_m: 0,
            temperature_c: 0,
            noise_c: 0,
            hour: 0,
            severe: false,
            crossed: 0,
            crossings: VecDeque::new(),
            ground: Ground::new(scene.tick, scene.world_ms()),
            issued: scene.tick,
        };
        weather.enter(scene, scene.season().start);
        // The world did not fade in from anything.
        (weather.faded, weather.faded_world_ms) = (Some(scene.tick), None);
        weather
    }

    /// The clock bends: what is pending in world time keeps what has passed of it.
    pub fn bend(&mut self, scene: &Scene<'_>, before: &ClockNow) {
        let old_ms = before.world_ms_at(scene.tick, scene.tick_ms);
        let shift = scene.world_ms().saturating_sub(old_ms);
        self.ground.measure(scene.tick, old_ms);
        self.ground.measured_world_ms = scene.world_ms();
        self.since_world_ms = self.since_world_ms.saturating_add(shift);
        if let Some(world_ms) = self.faded_world_ms {
            if self.faded.is_some_and(|tick| tick <= scene.tick) {
                self.faded_world_ms = None;
            } else {
                let world_ms = world_ms.saturating_add(shift);
                self.faded_world_ms = Some(world_ms);
                self.faded = scene.clock.tick_of(world_ms, scene.tick_ms);
            }
        }
        self.issued = scene.tick;
    }

    /// Makes the change whose time has come, if it has.
    pub fn change_if_due(&mut self, scene: &Scene<'_>) {
        let Some(after) = self.changes_after else { return };
        if self.steps(scene) < after {
            return;
        }
        let Some(state) = scene.climate.state(self.state) else { return };
        let others = scene.season().others(state);
        if others == 0 {
            // The season left nothing to change to since this was drawn.
            self.draw_change(scene, state);
            return;
        }
        let drawn = self.below(scene, others);
        self.enter(scene, scene.season().next(state, drawn));
    }

    /// Another chain is in force, or the same state means something else: the next change is drawn
    /// again, given that the state has lasted so far.
    pub fn follow_chain(&mut self, scene: &Scene<'_>) {
        match scene.climate.state(self.state) {
            Some(state) => {
                self.draw_change(scene, state);
                self.cross(scene, state);
                self.measure(scene, state);
            }
            None => self.enter(scene, scene.season().start),
        }
    }

    /// A phase of the day begins, and may bring a state.
    pub fn bring(&mut self, scene: &Scene<'_>) {
        for bring in &scene.climate.brings {
            let possible = bring.phase == scene.clock.phase && scene.season().weights[bring.state] > 0;
            if !possible || scene.climate.state(self.state) == Some(bring.state) {
                continue;
            }
            if self.draw(scene) >> 32 < bring.chance {
                self.enter(scene, bring.state);
            }
        }
        self.issued = scene.tick;
    }

    /// A state is forced. Returns whether the climate has it.
    pub fn force(&mut self, scene: &Scene<'_>, state: Sym) -> bool {
        let Some(place) = scene.climate.state(state) else { return false };
        self.enter(scene, place);
        true
    }

    /// Measures what has changed without an edge: once a world hour, and when a bound is reached.
    pub fn measure_if_due(&mut self, scene: &Scene<'_>) {
        let Some(state) = scene.climate.state(self.state) else { return };
        if self.hour != hour(scene) {
            self.measure(scene, state);
        }
        let state = &scene.climate.states[state];
        self.ground.follow(state, self.temperature_c, scene.tick, scene.world_ms());
    }

    /// The tick of the next change, if time runs on as it does.
    #[must_use]
    pub fn next_change(&self, scene: &Scene<'_>) -> Option<Tick> {
        let Length { ms, world } = scene.climate.step;
        let passed_ms = self.changes_after?.saturating_mul(ms);
        if world {
            scene.clock.tick_of(self.since_world_ms.saturating_add_unsigned(passed_ms), scene.tick_ms)
        } else {
            self.since.checked_add(passed_ms.div_ceil(scene.tick_ms.into()))
        }
    }

    /// The next tick at which this zone must be handled.
    #[must_use]
    pub fn alarm(&self, scene: &Scene<'_>) -> Option<Tick> {
        let next_hour = self.hour.saturating_add(1).saturating_mul(HOUR_MS).saturating_add(offset(scene));
        let world = [Some(next_hour), self.ground.bound_ms()].into_iter().flatten();
        // A moment that lies behind would not come again: a jump has been handled when it came.
        let now_ms = scene.world_ms();
        let world = world
            .filter(|&world_ms| world_ms > now_ms)
            .filter_map(|world_ms| scene.clock.tick_of(world_ms, scene.tick_ms));
        world.chain(self.next_change(scene)).min().map(|tick| tick.max(scene.tick + 1))
    }

    fn enter(&mut self, scene: &Scene<'_>, state: usize) {
        let def = &scene.climate.states[state];
        self.previous = self.state;
        self.state = def.name;
        self.since = scene.tick;
        self.since_world_ms = scene.world_ms();
        let Length { ms, world } = scene.climate.transition;
        (self.faded, self.faded_world_ms) = if world {
            let world_ms = self.since_world_ms.saturating_add_unsigned(ms);
            (scene.clock.tick_of(world_ms, scene.tick_ms), Some(world_ms))
        } else {
            (scene.tick.checked_add(ms.div_ceil(scene.tick_ms.into())), None)
        };
        self.draw_change(scene, state);
        self.intensity = (def.intensity + self.around(scene, DEC_ONE / 10)).clamp(0, DEC_ONE);
        self.wind_kmh = (def.wind_kmh + self.around(scene, 5 * DEC_ONE)).clamp(0, 500 * DEC_ONE);
        self.humidity = (def.humidity + self.around(scene, DEC_ONE / 20)).clamp(0, DEC_ONE);
        self.visibility_m = (def.visibility_m + self.around(scene, def.visibility_m / 10)).max(0);
        self.cross(scene, state);
        self.measure(scene, state);
    }

    fn draw_change(&mut self, scene: &Scene<'_>, state: usize) {
        let leaving = scene.climate.leaving(scene.season(), state, scene.clock);
        let lasted = self.steps(scene);
        let uniform = self.draw(scene);
        self.changes_after = leaving.draw(lasted, uniform);
    }

    fn cross(&mut self, scene: &Scene<'_>, state: usize) {
        let severe = scene.climate.states[state].severe && self.intensity >= scene.climate.severe;
        if severe == self.severe {
            return;
        }
        self.severe = severe;
        self.crossed += 1;
        self.crossings.push_back(Crossing {
            number: self.crossed,
            tick: scene.tick,
            began: severe,
            state: self.state,
            intensity: self.intensity,
        });
        if self.crossings.len() > SHOWN {
            self.crossings.pop_front();
        }
    }

    fn measure(&mut self, scene: &Scene<'_>, state: usize) {
        self.hour = hour(scene);
        self.issued = scene.tick;
        let drawn = self.around(scene, air::NOISE_C);
        self.noise_c = (self.noise_c + drawn) / 2;
        let def = &scene.climate.states[state];
        self.temperature_c = air::temperature_c(scene.season(), def, scene.world_ms(), self.noise_c);
        self.ground.follow(def, self.temperature_c, scene.tick, scene.world_ms());
    }

    /// How many steps have passed since the state was entered.
    fn steps(&self, scene: &Scene<'_>) -> u64 {
        let Length { ms, world } = scene.climate.step;
        let passed_ms = if world {
            u64::try_from(scene.world_ms().saturating_sub(self.since_world_ms)).unwrap_or(0)
        } else {
            (scene.tick - self.since).saturating_mul(scene.tick_ms.into())
        };
        passed_ms / ms
    }

    fn draw(&mut self, scene: &Scene<'_>) -> u64 {
        self.draws += 1;
        chance::draw(scene.seed, STREAM, scene.zone.as_str(), self.draws)
    }

    fn below(&mut self, scene: &Scene<'_>, bound: u64) -> u64 {
        self.draws += 1;
        chance::below(scene.seed, STREAM, scene.zone.as_str(), self.draws, bound)
    }

    /// A whole number from `-most` to `most`.
    fn around(&mut self, scene: &Scene<'_>, most: i64) -> i64 {
        let bound = most.unsigned_abs() * 2 + 1;
        i64::try_from(self.below(scene, bound)).expect("twice a bound of a definition fits") - most
    }
}

/// Zones measure at their own minute of the world hour, so that not all do in one tick.
fn offset(scene: &Scene<'_>) -> i64 {
    i64::try_from(scene.zone.hash64() % HOUR_MS.unsigned_abs()).expect("an hour is short")
}

fn hour(scene: &Scene<'_>) -> i64 {
    scene.world_ms().saturating_sub(offset(scene)).div_euclid(HOUR_MS)
}
