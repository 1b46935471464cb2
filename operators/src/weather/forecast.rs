//! What the weather may be: the law of the climate, given the present state and its age.
//!
//! `(state, age) ─steps, phases, seasons→ hours ahead → (state, probability)`
//!
//! The chain is followed forward as a distribution over (state, when it was entered), so nothing is
//! drawn: what will be drawn cannot be read, and the confidence is the climate's own. Phases and
//! seasons to come are known from the calendar. Spans of many steps are followed in at most
//! [`MOST_STRIDES`] strides, and a state that a phase brings counts its age from the step before.

use worldflow_schemas::Tick;
use worldflow_schemas::value::DEC_ONE;

use super::climate::{Climate, Season};
use crate::clock::{Calendar, HOUR_MS};
use crate::messages::ClockNow;

/// The horizons, in world hours.
pub const HOURS: [i64; 5] = [1, 3, 6, 12, 24];

/// The least probability that has a row, millionths.
const LEAST: u64 = 10_000;

const MOST_STRIDES: u64 = 288;
const MOST_PHASES: usize = 1_000;

/// All mass; a power of two, so that rounding never makes mass.
const WHOLE: u64 = 1 << 60;

/// What a forecast is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<'a> {
    /// The climate.
    pub(super) climate: &'a Climate,
    /// The calendar.
    pub(super) calendar: &'a Calendar,
    /// The clock.
    pub(super) clock: &'a ClockNow,
    /// The length of a tick.
    pub(super) tick_ms: u32,
    /// The state.
    pub(super) state: usize,
    /// When it was entered.
    pub(super) since: Tick,
    /// World time then.
    pub(super) since_world_ms: i64,
    /// When the forecast is made.
    pub(super) issued: Tick,
}

/// A probability: hours ahead, the state, millionths.
pub(super) type Outlook = (i64, usize, i64);

/// The forecast at the present.
#[must_use]
pub(super) fn outlook(present: &Present<'_>) -> Vec<Outlook> {
    // A clock that stands still is taken to go on: hours ahead are hours of world time.
    let clock = ClockNow {
        world_ms: present.clock.world_ms_at(present.issued, present.tick_ms),
        fraction: (0, 1),
        since: present.issued,
        paused: false,
        ..present.clock.clone()
    };
    let path = Path { present, clock: &clock };
    let now_ms = clock.world_ms;
    let end_ms = now_ms.saturating_add(HOURS[HOURS.len() - 1] * HOUR_MS);
    let done = path.steps_by(now_ms);
    let to_come = path.steps_by(end_ms) - done;
    let stride = to_come.div_ceil(MOST_STRIDES).max(1);

    let mut points: Vec<(i64, Point)> =
        HOURS.iter().map(|&hours| (now_ms.saturating_add(hours * HOUR_MS), Point::Horizon(hours))).collect();
    let mut edge_ms = now_ms;
    while let Some((next_ms, phase)) = present.calendar.next_phase(edge_ms) {
        if next_ms > end_ms || next_ms <= edge_ms || points.len() > MOST_PHASES {
            break;
        }
        if present.climate.brings.iter().any(|bring| bring.phase == phase) {
            points.push((next_ms, Point::Phase(phase)));
        }
        edge_ms = next_ms;
    }
    points.extend((1..=to_come / stride).map(|n| (path.world_ms_of(done + n * stride), Point::Step)));
    points.sort_by_key(|(world_ms, point)| (*world_ms, point.rank()));

    let mut law = Law::new(present, &clock, done, stride);
    let mut outlooks = Vec::new();
    for (world_ms, point) in points {
        let season = present.climate.season(present.calendar.season(world_ms));
        match point {
            Point::Step => law.step(season),
            Point::Phase(phase) => law.phase(season, phase),
            Point::Horizon(hours) => {
                for (state, &mass) in law.marginal().iter().enumerate() {
                    let millionths = (u128::from(mass) * u128::from(DEC_ONE.unsigned_abs())) >> 60;
                    let millionths = u64::try_from(millionths).expect("mass is at most one");
                    if millionths >= LEAST {
                        outlooks.push((hours, state, i64::try_from(millionths).expect("at most a million")));
                    }
                }
            }
        }
    }
    outlooks
}

#[derive(Clone, Copy)]
enum Point {
    Step,
    Phase(worldflow_schemas::Sym),
    Horizon(i64),
}

impl Point {
    fn rank(self) -> u8 {
        match self {
            Point::Step => 0,
            Point::Phase(_) => 1,
            Point::Horizon(_) => 2,
        }
    }
}

/// Where the steps of the present state lie in world time.
struct Path<'a> {
    present: &'a Present<'a>,
    clock: &'a ClockNow,
}

impl Path<'_> {
    fn steps_by(&self, world_ms: i64) -> u64 {
        let Present { climate, tick_ms, since, since_world_ms, .. } = *self.present;
        let passed_ms = if climate.step.world {
            u64::try_from(world_ms.saturating_sub(since_world_ms)).unwrap_or(0)
        } else {
            let tick = self.clock.tick_of(world_ms, tick_ms).unwrap_or(since);
            tick.saturating_sub(since).saturating_mul(tick_ms.into())
        };
        passed_ms / climate.step.ms
    }

    fn world_ms_of(&self, step: u64) -> i64 {
        let Present { climate, tick_ms, since, since_world_ms, .. } = *self.present;
        let passed_ms = step.saturating_mul(climate.step.ms);
        if climate.step.world {
            since_world_ms.saturating_add_unsigned(passed_ms)
        } else {
            self.clock.world_ms_at(since.saturating_add(passed_ms.div_ceil(tick_ms.into())), tick_ms)
        }
    }
}

/// A distribution over (state, stride in which it was entered).
struct Law<'a> {
    climate: &'a Climate,
    clock: &'a ClockNow,
    stride: u64,
    /// How many strides have passed.
    strides: usize,
    /// The present state, its age in steps at the start, and the mass that has never left it.
    first: (usize, u64, u64),
    /// By state, then by the stride of entering.
    entered: Vec<Vec<u64>>,
    /// The season of `stays`, and by state and age in strides the chance of staying one more.
    stays: (Option<&'a Season>, Vec<Vec<u64>>),
}

impl<'a> Law<'a> {
    fn new(present: &Present<'a>, clock: &'a ClockNow, done: u64, stride: u64) -> Law<'a> {
        let states = present.climate.states.len();
        Law {
            climate: present.climate,
            clock,
            stride,
            strides: 0,
            first: (present.state, done, WHOLE),
            entered: vec![vec![0]; states],
            stays: (None, vec![Vec::new(); states]),
        }
    }

    fn step(&mut self, season: &'a Season) {
        if self.stays.0.is_none_or(|before| before.name != season.name) {
            self.stays = (Some(season), vec![Vec::new(); self.entered.len()]);
        }
        let mut left = vec![0u64; self.entered.len()];
        for (state, entered) in self.entered.iter_mut().enumerate() {
            if entered.iter().all(|&mass| mass == 0) {
                continue;
            }
            let leaving = self.climate.leaving(season, state, self.clock);
            let stays = &mut self.stays.1[state];
            for age in stays.len()..=self.strides {
                stays.push(leaving.stay(as_steps(age) * self.stride, self.stride));
            }
            for (stride, mass) in entered.iter_mut().enumerate().filter(|(_, mass)| **mass > 0) {
                left[state] += take(mass, stays[self.strides - stride]);
            }
        }
        let (state, done, mass) = &mut self.first;
        let age = *done + as_steps(self.strides) * self.stride;
        left[*state] += take(mass, self.climate.leaving(season, *state, self.clock).stay(age, self.stride));

        self.strides += 1;
        let mut arrived = vec![0u64; self.entered.len()];
        for (from, &mass) in left.iter().enumerate().filter(|(_, mass)| **mass > 0) {
            spread(season, from, mass, &mut arrived);
        }
        for (entered, mass) in self.entered.iter_mut().zip(arrived) {
            entered.push(mass);
        }
    }

    fn phase(&mut self, season: &Season, phase: worldflow_schemas::Sym) {
        for bring in self.climate.brings.iter().filter(|bring| bring.phase == phase) {
            if season.weights[bring.state] == 0 {
                continue;
            }
            let stay = super::climate::ONE - bring.chance;
            let mut brought = 0;
            for (state, entered) in self.entered.iter_mut().enumerate() {
                if state != bring.state {
                    brought += entered.iter_mut().map(|mass| take(mass, stay)).sum::<u64>();
                }
            }
            if self.first.0 != bring.state {
                brought += take(&mut self.first.2, stay);
            }
            self.entered[bring.state][self.strides] += brought;
        }
    }

    fn marginal(&self) -> Vec<u64> {
        let mut masses: Vec<u64> = self.entered.iter().map(|entered| entered.iter().sum()).collect();
        masses[self.first.0] += self.first.2;
        masses
    }
}

/// Leaves the part that stays in `mass`, and returns the rest.
fn take(mass: &mut u64, stay: u64) -> u64 {
    let staying = u64::try_from((u128::from(*mass) * u128::from(stay)) >> 32).expect("a part of a mass");
    let leaving = *mass - staying;
    *mass = staying;
    leaving
}

/// Spreads what left a state over the states that may follow it, losing nothing.
fn spread(season: &Season, from: usize, mass: u64, arrived: &mut [u64]) {
    let (mut left, mut weights) = (mass, season.others(from));
    for (state, &weight) in season.weights.iter().enumerate() {
        if state == from || weight == 0 {
            continue;
        }
        let part = u128::from(left) * u128::from(weight) / u128::from(weights);
        let part = u64::try_from(part).expect("a part of a mass");
        arrived[state] += part;
        left -= part;
        weights -= u64::from(weight);
    }
    arrived[from] += left;
}

fn as_steps(strides: usize) -> u64 {
    u64::try_from(strides).expect("strides are few")
}
