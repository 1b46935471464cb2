//! Weather against its formula: how often states change, what follows them, what phases of the day
//! bring, and how well forecasts do. Seeds are fixed; tolerances are three standard deviations.

mod support;
mod weather_support;

use std::collections::BTreeMap;

use support::{Run, Script, drive};
use weather_support::{CLIMATES, climate, clock_script, machine, skies, with_climate};
use worldflow_operators::messages::ClockNow;
use worldflow_operators::weather::WeatherIn;
use worldflow_schemas::catalog::FORECAST;
use worldflow_schemas::{Sym, Tick, Value};

/// Observed and expected counts with the variance of the observed.
#[derive(Clone, Copy, Default)]
struct Count {
    seen: f64,
    expected: f64,
    variance: f64,
}

impl Count {
    fn trial(&mut self, hit: bool, chance: f64) {
        self.seen += f64::from(u8::from(hit));
        self.expected += chance;
        self.variance += chance * (1.0 - chance);
    }

    fn sigmas(self) -> f64 {
        if self.variance == 0.0 { 0.0 } else { (self.seen - self.expected) / self.variance.sqrt() }
    }
}

/// The previous system's formula, in floating point: p = 0.05 · max(0.1, 1 − minutes/120) · m.
fn chance_of_leaving(season: &str, state: &str, minutes: u64) -> f64 {
    let among = |states: &[&str], yes: f64, no: f64| if states.contains(&state) { yes } else { no };
    let m = match season {
        "spring" => among(&["rain", "heavy_rain", "storm"], 0.5, 1.5),
        "summer" => among(&["clear", "extreme_heat"], 0.7, among(&["storm"], 1.8, 1.0)),
        "fall" => among(&["windy", "fog", "mist"], 0.6, 1.2),
        _ => among(&["snow", "heavy_snow", "blizzard"], 0.4, 1.3),
    };
    0.05 * (1.0 - minutes as f64 / 120.0).max(0.1) * m
}

/// `(since, state)` of every state that was entered, by zone.
fn entered(run: &Run) -> BTreeMap<String, Vec<(Tick, String)>> {
    let mut entered = BTreeMap::new();
    for (zone, sky) in skies(run) {
        let mut states: Vec<(Tick, String)> = sky
            .iter()
            .map(|(_, row)| {
                let Value::Int(since) = row[4] else { panic!("since is a tick") };
                (u64::try_from(since).expect("small numbers fit"), row[2].to_string())
            })
            .collect();
        states.dedup();
        entered.insert(zone, states);
    }
    entered
}

/// World time stands still in a season, so that nothing but the chain acts.
fn still(season: &str) -> Script<WeatherIn> {
    let now = ClockNow {
        world_ms: 0,
        fraction: (0, 1),
        since: 1,
        scale_world: 60,
        scale_real: 1,
        paused: true,
        phase: Sym::new("day"),
        season: Sym::new(season),
        moons: Vec::new(),
    };
    Script::from([(1, vec![WeatherIn::Clock(now)])])
}

#[test]
fn a_million_steps_change_as_often_as_the_formula_says() {
    let def = climate(CLIMATES[0].1);
    let mut steps = 0;
    let mut by_state: BTreeMap<(String, String), Count> = BTreeMap::new();
    let mut by_age: BTreeMap<u64, Count> = BTreeMap::new();
    let mut by_next: BTreeMap<(String, String), Count> = BTreeMap::new();
    for (season, chain) in &def.seasons {
        // Six zones of 45,000 steps of 60 ticks in each of four seasons.
        let until = 45_000 * 60;
        let script = with_climate(still(season), &def);
        let run = drive(&mut machine(60, "1 00:00", 2024, (0, 1)), &script, 0, until);
        for states in entered(&run).values() {
            for pair in states.windows(2) {
                let ((since, state), (left, next)) = (&pair[0], &pair[1]);
                assert_eq!((left - since) % 60, 0, "states change at steps");
                let lasted = (left - since) / 60;
                steps += lasted;
                let key = (season.clone(), state.clone());
                for step in 1..=lasted {
                    let chance = chance_of_leaving(season, state, step);
                    by_state.entry(key.clone()).or_default().trial(step == lasted, chance);
                    by_age.entry((step / 20).min(6)).or_default().trial(step == lasted, chance);
                }
                let others: u32 = chain.next.iter().filter(|(name, _)| *name != state).map(|(_, w)| w).sum();
                for (name, weight) in chain.next.iter().filter(|(name, _)| *name != state) {
                    let chance = f64::from(*weight) / f64::from(others);
                    by_next.entry((season.clone(), name.clone())).or_default().trial(name == next, chance);
                }
            }
        }
    }
    assert!(steps >= 1_000_000, "{steps} steps");
    assert_eq!(by_state.len(), 9 + 6 + 7 + 9, "every state of every season was met");
    for (what, count) in by_state
        .iter()
        .map(|(key, count)| (format!("{key:?}"), count))
        .chain(by_age.iter().map(|(age, count)| (format!("age {}", age * 20), count)))
        .chain(by_next.iter().map(|(key, count)| (format!("next {key:?}"), count)))
    {
        assert!(count.sigmas().abs() < 3.0, "{what}: {} seen, {:.1} expected", count.seen, count.expected);
    }
}

#[test]
fn dawn_brings_fog_and_dusk_brings_storms_as_often_as_the_climate_says() {
    let def = climate(CLIMATES[0].1);
    // Ten seconds a world hour: twelve years of 112 days.
    let until = 12 * 112 * 240;
    let clock = clock_script(10, "1 00:00", until, &[]);
    let script = with_climate(clock.clone(), &def);
    let run = drive(&mut machine(10, "1 00:00", 5, (0, 1)), &script, 0, until);
    let entered = entered(&run);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut impossible = 0;
    for (tick, inputs) in clock.range(2..) {
        let Some(WeatherIn::Clock(now)) = inputs.first() else { continue };
        let (state, chance) = match now.phase.as_str() {
            "dawn" => ("fog", 0.3),
            "dusk" => ("storm", 0.2),
            _ => continue,
        };
        for states in entered.values() {
            let place = states.partition_point(|(since, _)| since < tick);
            let Some((_, before)) = place.checked_sub(1).map(|place| &states[place]) else { continue };
            let brought = states.get(place).is_some_and(|(since, now)| since == tick && now == state);
            if before == state {
                continue;
            }
            if def.seasons[now.season.as_str()].next.contains_key(state) {
                counts.entry(state).or_default().trial(brought, chance);
            } else {
                impossible += usize::from(brought);
            }
        }
    }
    assert_eq!(impossible, 0, "a season without the state never has it");
    for (state, count) in counts {
        assert!(count.variance > 400.0, "{state}");
        assert!(count.sigmas().abs() < 3.0, "{state}: {} seen, {:.1} expected", count.seen, count.expected);
    }
}

/// The state at a tick.
fn state_at(states: &[(Tick, String)], tick: Tick) -> &str {
    &states[states.partition_point(|(since, _)| *since <= tick) - 1].1
}

const DAYS: u64 = 112;
const HOUR_TICKS: u64 = 60;

fn year(seed: u64) -> Run {
    let until = DAYS * 24 * HOUR_TICKS;
    let script = with_climate(clock_script(60, "1 00:00", until, &[]), &climate(CLIMATES[0].1));
    drive(&mut machine(60, "1 00:00", seed, (0, 1)), &script, 0, until)
}

fn season_of(tick: Tick) -> u64 {
    (tick - 1) / (28 * 24 * HOUR_TICKS) % 4
}

#[test]
fn forecasts_beat_climatology_and_mean_what_they_say() {
    // Climatology: how often each state was there in each season, over other years.
    let mut often: BTreeMap<(u64, String), f64> = BTreeMap::new();
    let mut hours: BTreeMap<u64, f64> = BTreeMap::new();
    for seed in [1, 2] {
        for states in entered(&year(seed)).values() {
            for tick in (1..DAYS * 24 * HOUR_TICKS).step_by(60) {
                let season = season_of(tick);
                *often.entry((season, state_at(states, tick).to_owned())).or_default() += 1.0;
                *hours.entry(season).or_default() += 1.0;
            }
        }
    }
    let names: Vec<String> = climate(CLIMATES[0].1).states.into_keys().collect();
    // By hours ahead: the Brier scores of the forecast and of climatology, and how many.
    let mut scores: BTreeMap<i64, (f64, f64, f64)> = BTreeMap::new();
    // By tenths of probability: the sum of probabilities, how often it came so, and how many.
    let mut said: BTreeMap<u32, (f64, f64, f64)> = BTreeMap::new();
    for seed in [101, 102] {
        let run = year(seed);
        let entered = entered(&run);
        for (tick, changed) in &run {
            let mut issued: BTreeMap<(String, i64), BTreeMap<String, f64>> = BTreeMap::new();
            for ((view, row), diff) in &changed.rows {
                if *view == FORECAST && *diff > 0 {
                    let Value::Int(ahead) = row[2] else { panic!("{row:?}") };
                    let probability = row[4].to_json().as_f64().unwrap();
                    issued
                        .entry((row[1].to_string(), ahead))
                        .or_default()
                        .insert(row[3].to_string(), probability);
                }
            }
            for ((zone, ahead), forecast) in issued {
                let then = tick + u64::try_from(ahead).expect("small numbers fit") * HOUR_TICKS;
                if then >= DAYS * 24 * HOUR_TICKS {
                    continue;
                }
                let came = state_at(&entered[&zone], then);
                let season = season_of(then);
                let score = scores.entry(ahead).or_default();
                for name in &names {
                    let hit = f64::from(u8::from(name == came));
                    let forecast = forecast.get(name).copied().unwrap_or(0.0);
                    let base = often.get(&(season, name.clone())).copied().unwrap_or(0.0) / hours[&season];
                    score.0 += (forecast - hit).powi(2);
                    score.1 += (base - hit).powi(2);
                    let said = said.entry((forecast * 10.0) as u32).or_default();
                    said.0 += forecast;
                    said.1 += hit;
                    said.2 += 1.0;
                }
                score.2 += 1.0;
            }
        }
    }
    assert_eq!(scores.len(), 5);
    for (ahead, (forecast, base, n)) in scores {
        println!("{ahead} h ahead: Brier {:.3}, climatology {:.3}, {n} forecasts", forecast / n, base / n);
        assert!(forecast < base, "{ahead} h ahead: {} against {}", forecast / n, base / n);
    }
    for (tenth, (sum, hits, n)) in said {
        println!("said {:.3}, came {:.3}, {n} times", sum / n, hits / n);
        if n > 1_000.0 {
            assert!((sum - hits).abs() / n < 0.05, "tenth {tenth}: said {}, came {}", sum / n, hits / n);
        }
    }
}
