//! Weather: order within a tick, ground, severe weather, clocks that bend, shards, and the law of
//! base state.

mod support;
mod weather_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use support::{Run, Script, check_law, drive, rows};
use weather_support::{
    CLIMATES, Sky, change_every_step, climate, clock_script, forecasts, machine, machine_of, skies, told,
    told_again, with_climate,
};
use worldflow_operators::clock::HOUR_MS;
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::weather::{Climate, WeatherIn};
use worldflow_schemas::catalog::{FORECAST, SEVERE_WEATHER, WEATHER};
use worldflow_schemas::definitions::{ClimateDef, Span};
use worldflow_schemas::input::{ClockCommand, WeatherCommand};
use worldflow_schemas::{Sym, Tick, Value, chance};

fn force(zone: &str, state: &str) -> WeatherIn {
    forced(1, zone, state)
}

fn forced(id: u64, zone: &str, state: &str) -> WeatherIn {
    WeatherIn::Command(WeatherCommand {
        order: support::order(0, id),
        zone: Sym::new(zone),
        state: Sym::new(state),
    })
}

fn dec(value: &Value) -> f64 {
    value.to_json().as_f64().expect("a number")
}

#[test]
fn every_climate_that_ships_is_sound() {
    for (name, text) in CLIMATES {
        let def = climate(text);
        assert_eq!(def.states.len(), 14, "{name}");
        assert_eq!(def.seasons.len(), 4, "{name}");
        assert!(Climate::compile(&def).is_ok(), "{name}: {:?}", Climate::compile(&def));
    }
}

#[test]
fn all_that_is_wrong_with_a_climate_is_said_at_once() {
    let mut def: ClimateDef = climate(CLIMATES[0].1);
    def.step = Span { ms: 0, world: false };
    def.change = 1.5;
    def.states.get_mut("rain").unwrap().humidity = f64::NAN;
    def.seasons.get_mut("spring").unwrap().next =
        BTreeMap::from([("hail".to_owned(), 1), ("fog".to_owned(), 0)]);
    def.phases.get_mut("dawn").unwrap().state = "smog".to_owned();
    expect_test::expect![[r#"
        step must be longer than nothing
        state `rain`: humidity must be 0 to 1
        season `spring`, next: unknown state `hail`
        phase `dawn`: unknown state `smog`
        change must be 0 to 1"#]]
    .assert_eq(&Climate::compile(&def).unwrap_err().join("\n"));
}

#[test]
fn a_replay_is_identical_and_shards_do_not_show() {
    let script = with_climate(clock_script(10, "1 00:00", 3 * 240, &[]), &climate(CLIMATES[0].1));
    let whole = drive(&mut machine(10, "1 00:00", 7, (0, 1)), &script, 0, 3 * 240);
    let again = drive(&mut machine(10, "1 00:00", 7, (0, 1)), &script, 0, 3 * 240);
    assert_eq!(whole, again);
    let mut shards = Vec::new();
    for index in 0..3 {
        shards.extend(rows(&drive(&mut machine(10, "1 00:00", 7, (index, 3)), &script, 0, 3 * 240)));
    }
    shards.sort();
    assert_eq!(shards, rows(&whole).into_iter().collect::<Vec<_>>());
    let other = drive(&mut machine(10, "1 00:00", 8, (0, 1)), &script, 0, 3 * 240);
    assert_ne!(rows(&whole), rows(&other), "another seed is other weather");
}

#[test]
fn a_season_changes_chain_and_temperature_in_its_tick() {
    // The last hour of spring; summer begins at tick 61.
    let script = with_climate(clock_script(60, "28 23:00", 400, &[]), &climate(CLIMATES[0].1));
    let run = drive(&mut machine(60, "28 23:00", 3, (0, 1)), &script, 0, 400);
    let mut changed = 0;
    for (zone, sky) in skies(&run) {
        let before = sky.iter().rev().find(|(tick, _)| *tick < 61).map(|(_, row)| row.clone()).unwrap();
        let (_, after) =
            sky.iter().find(|(tick, _)| *tick == 61).unwrap_or_else(|| panic!("{zone} at the edge"));
        let warmer = dec(&after[8]) - dec(&before[8]);
        // The middle rises by 15; chance adds or takes 3 at most.
        assert!((8.0..22.0).contains(&warmer), "{zone}: {warmer}");
        changed += usize::from(after[6] != before[6]);
    }
    assert!(changed >= 4, "the next change was drawn from the new chain in {changed} of 6 zones");
}

#[test]
fn severe_weather_begins_and_ends_once_each() {
    let script = with_climate(clock_script(10, "1 00:00", 112 * 240, &[]), &climate(CLIMATES[0].1));
    let run = drive(&mut machine(10, "1 00:00", 11, (0, 1)), &script, 0, 112 * 240);
    let mut crossings: BTreeMap<String, Vec<(i64, Tick, bool)>> = BTreeMap::new();
    for (tick, changed) in &run {
        for ((view, row), diff) in &changed.rows {
            if *view == SEVERE_WEATHER && *diff > 0 {
                let (Value::Int(number), Value::Bool(began)) = (&row[2], &row[4]) else { panic!("{row:?}") };
                assert_eq!(row[3], Value::count(*tick));
                crossings.entry(row[1].to_string()).or_default().push((*number, *tick, *began));
            }
        }
    }
    let mut seen = 0;
    for (zone, sky) in skies(&run) {
        let mut severe = false;
        let mut flips = Vec::new();
        for (tick, row) in &sky {
            let now = row[12] == Value::Bool(true);
            // Not severe below the threshold, nor in a state that cannot be.
            assert!(!now || dec(&row[7]) >= 0.8, "{zone} at {tick}");
            if now != severe {
                severe = now;
                flips.push((i64::try_from(flips.len() + 1).expect("small numbers fit"), *tick, now));
            }
        }
        seen += flips.len();
        assert_eq!(crossings.get(&zone).cloned().unwrap_or_default(), flips, "{zone}");
    }
    assert!(seen > 80, "only {seen} crossings");
    let shown = rows(&run).iter().filter(|(view, _)| *view == SEVERE_WEATHER).count();
    assert!(shown <= 60, "{shown} rows: the last ten of six zones");
}

#[test]
fn the_ground_gets_wet_at_a_rate_until_it_is_full_and_dries_again() {
    // One tick is one world minute; the climate never changes by itself.
    let mut def = climate(CLIMATES[0].1);
    def.change = 0.0;
    def.phases.clear();
    let mut script = with_climate(clock_script(60, "1 10:00", 3_000, &[]), &def);
    script.entry(61).or_default().push(force("moor", "rain"));
    script.entry(601).or_default().push(force("moor", "clear"));
    let run = drive(&mut machine(60, "1 10:00", 1, (0, 1)), &script, 0, 3_000);
    let sky = &skies(&run)["moor"];
    let ground: Vec<String> = sky
        .iter()
        .map(|(_, row)| format!("{} at {}: {} {}", row[2], row[17], row[13], row[14]))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    // A fifth an hour fills in five hours, a tenth an hour dries in ten.
    expect_test::expect![[r#"
        clear at 1201: 0 0
        clear at 601: 1 -0.1
        partly_cloudy at 1: 0 0
        rain at 361: 1 0
        rain at 61: 0 0.2"#]]
    .assert_eq(&ground.join("\n"));
}

#[test]
fn snow_lies_while_it_freezes() {
    let mut def = climate(CLIMATES[0].1);
    def.change = 0.0;
    def.phases.clear();
    def.seasons.get_mut("winter").unwrap().temperature_c = (-10.0, -10.0);
    let script = with_climate(clock_script(60, "90 10:00", 3_000, &[]), &def);
    let mut snowed = script.clone();
    snowed.entry(61).or_default().push(force("moor", "snow"));
    snowed.entry(181).or_default().push(force("moor", "clear"));
    let run = drive(&mut machine(60, "90 10:00", 1, (0, 1)), &snowed, 0, 3_000);
    let (_, last) = skies(&run)["moor"].last().cloned().unwrap();
    assert_eq!((last[15].to_string(), last[16].to_string()), ("2".to_owned(), "0".to_owned()));
}

#[test]
fn a_chain_in_world_time_follows_every_bend_of_the_clock() {
    // A change each ten world minutes. One tick is one world minute at first.
    let commands = [
        (26, ClockCommand::SetScale { world: 120, real: 1 }),
        (100, ClockCommand::Pause),
        (200, ClockCommand::Resume),
        (300, ClockCommand::SetTime { world_ms: 400 * HOUR_MS }),
        (402, ClockCommand::SetTime { world_ms: 20 * HOUR_MS }),
        (501, ClockCommand::SetScale { world: 30, real: 1 }),
    ];
    let script = with_climate(clock_script(60, "1 07:00", 600, &commands), &change_every_step("10m world"));
    let run = drive(&mut machine(60, "1 07:00", 5, (0, 1)), &script, 0, 600);
    let entered: Vec<Tick> = skies(&run)["moor"].iter().map(|(_, row)| since(row)).collect();
    let mut entered: Vec<Tick> = entered;
    entered.dedup();
    // World minutes that have passed by a tick, jumps left out.
    let passed = |tick: Tick| -> f64 {
        let mut minutes = 0.0;
        for at in 1..tick {
            minutes += match at {
                1..26 => 1.0,
                100..200 => 0.0,
                26..501 => 2.0,
                _ => 0.5,
            };
        }
        minutes
    };
    assert!(entered.len() > 80, "{entered:?}");
    for (&earlier, &later) in entered.iter().zip(&entered[1..]) {
        let lasted = passed(later) - passed(earlier);
        assert!((10.0..12.0).contains(&lasted), "from {earlier} to {later}: {lasted} world minutes");
    }
}

#[test]
fn a_row_says_when_it_will_change() {
    let script = with_climate(clock_script(60, "1 07:00", 3_000, &[]), &climate(CLIMATES[0].1));
    let run = drive(&mut machine(60, "1 07:00", 5, (0, 1)), &script, 0, 3_000);
    let mut met = 0;
    for sky in skies(&run).values() {
        for pair in sky.windows(2) {
            let ((_, before), (_, after)) = (&pair[0], &pair[1]);
            if since(before) != since(after) && before[6] == Value::count(since(after)) {
                met += 1;
            } else if since(before) != since(after) {
                // Only a phase of the day brings a state before its time.
                assert!(["fog", "storm"].contains(&after[2].as_str().unwrap()), "{after:?}");
            }
        }
    }
    assert!(met > 5, "{met}");
}

fn since(row: &Sky) -> Tick {
    let Value::Int(since) = row[4] else { panic!("since is a tick") };
    u64::try_from(since).expect("small numbers fit")
}

#[test]
fn a_forecast_does_not_read_the_draws_that_decide() {
    let script = with_climate(clock_script(60, "20 00:00", 2_000, &[]), &climate(CLIMATES[0].1));
    let run = drive(&mut machine(60, "20 00:00", 5, (0, 1)), &script, 0, 2_000);
    let shown = forecasts(&run);
    assert!(!shown.is_empty());
    // The same present, and another future.
    let mut other = machine(60, "20 00:00", 999, (0, 1));
    support::load(&mut other, &run);
    let mut output = Output::default();
    other.loaded(2_000, told(&script, 2_000), &mut output);
    let loaded = Run::from([(2_000, support::Changed::of(output))]);
    assert_eq!(forecasts(&loaded), shown);
    // For each zone and horizon the probabilities are all there is, but for what is too small to show.
    let mut sums: BTreeMap<(String, String), f64> = BTreeMap::new();
    for row in &shown {
        *sums.entry((row[1].to_string(), row[2].to_string())).or_default() += dec(&row[4]);
    }
    assert_eq!(sums.len(), 6 * 5);
    for (key, sum) in sums {
        assert!((0.9..=1.0).contains(&sum), "{key:?}: {sum}");
    }
}

#[test]
fn a_forecast_knows_the_state_and_its_age() {
    let mut def = climate(CLIMATES[0].1);
    def.phases.clear();
    let mut script = with_climate(clock_script(60, "1 10:00", 200, &[]), &def);
    script.entry(10).or_default().push(force("moor", "rain"));
    script.entry(10).or_default().push(force("fen", "fog"));
    let mut machine = machine(60, "1 10:00", 5, (0, 1));
    let run = drive(&mut machine, &script, 0, 10);
    let stays = |run: &Run, zone: &str, state: &str| {
        let rows = forecasts(run);
        let row = rows.iter().find(|row| {
            row[1].as_str() == Some(zone) && row[2] == Value::Int(6) && row[3].as_str() == Some(state)
        });
        row.map_or(0.0, |row| dec(&row[4]))
    };
    // Rain in spring is left at half the chance, fog at one and a half times.
    assert!(stays(&run, "moor", "rain") > stays(&run, "fen", "fog") + 0.2);
    let survives = |from: u32| {
        (from + 1..=from + 6).map(|k| 1.0 - 0.025 * (1.0 - f64::from(k) / 120.0).max(0.1)).product::<f64>()
    };
    let returns = stays(&run, "moor", "rain") - survives(0);
    assert!((0.0..0.02).contains(&returns), "{returns}");
}

fn random_script(seed: u64) -> Script<WeatherIn> {
    let mut commands = Vec::new();
    for n in 0..12 {
        let draw = |what: &str, below: u64| chance::below(seed, what, "", n, below);
        let command = match draw("what", 4) {
            0 => ClockCommand::SetTime {
                world_ms: i64::try_from(draw("time", 2_600)).expect("small numbers fit") * HOUR_MS,
            },
            1 => ClockCommand::SetScale {
                world: 3_600,
                real: 1 + u32::try_from(draw("scale", 20)).expect("small numbers fit"),
            },
            2 => ClockCommand::Pause,
            _ => ClockCommand::Resume,
        };
        commands.push((2 + draw("tick", 60), command));
    }
    let mut def = climate(CLIMATES[0].1);
    let world = chance::below(seed, "world", "", 0, 2) == 0;
    def.step = Span { ms: if world { 600_000 } else { 1_500 }, world };
    def.fade = Span { ms: 30_000, world: false };
    def.transition =
        Span { ms: if world { 3_000_000 } else { 2_000 }, world: chance::below(seed, "fade", "", 0, 2) == 0 };
    def.change = 0.4;
    let mut script = with_climate(clock_script(5, "28 20:00", 70, &commands), &def);
    for n in 0..6 {
        let state = ["storm", "rain", "snow", "nonsense"];
        let state =
            state[usize::try_from(chance::below(seed, "state", "", n, 4)).expect("small numbers fit")];
        script.entry(2 + chance::below(seed, "force", "", n, 60)).or_default().push(force("moor", state));
    }
    def.severe_intensity = 0.7;
    def.states.remove("fog");
    def.phases.remove("dawn");
    for season in def.seasons.values_mut() {
        season.next.remove("fog");
        season.leave.remove("fog");
    }
    let edited = with_climate(BTreeMap::from([(40, Vec::new())]), &def);
    script.entry(40).or_default().extend(edited.into_values().flatten());
    script
}

#[test]
fn a_load_at_any_tick_goes_on_as_if_nothing_had_happened() {
    for seed in 0..4 {
        let run = check_law(|| machine(5, "28 20:00", seed, (0, 1)), &random_script(seed), 70, told_again);
        for view in [WEATHER, FORECAST] {
            assert!(rows(&run).iter().any(|(shown, _)| *shown == view));
        }
    }
}

#[test]
fn a_zone_that_is_added_or_given_another_climate_while_stopped_follows_at_the_next_tick() {
    let mut still = climate(CLIMATES[0].1);
    still.change = 0.0;
    still.phases.clear();
    let mut wet = still.clone();
    for state in ["clear", "partly_cloudy"] {
        wet.states.remove(state);
        for season in wet.seasons.values_mut() {
            season.start = "rain".to_owned();
            season.next.remove(state);
            season.leave.remove(state);
        }
    }
    let mut script = with_climate(clock_script(60, "1 10:00", 200, &[]), &still);
    let defined = WeatherIn::Climate(Sym::new("wet"), Some(Arc::new(wet)));
    script.values_mut().next().unwrap().push(defined);
    let before = drive(&mut machine_of(&[("moor", "temperate")], 60, "1 10:00", 1, (0, 1)), &script, 0, 20);

    let zones = [("moor", "wet"), ("fen", "temperate")];
    let mut again = machine_of(&zones, 60, "1 10:00", 1, (0, 1));
    support::load(&mut again, &before);
    let mut output = Output::default();
    again.loaded(20, told(&script, 20), &mut output);
    let loaded = Run::from([(20, support::Changed::of(output))]);
    assert_eq!(rows(&loaded), rows(&before), "the tick of the load is as it was");
    let run = drive(&mut again, &Script::new(), 20, 21);
    let state = |zone: &str| skies(&run)[zone].first().map(|(tick, row)| (*tick, row[2].to_string()));
    assert_eq!(state("moor"), Some((21, "rain".to_owned())));
    assert!(state("fen").is_some_and(|(tick, _)| tick == 21), "a new zone has weather");

    // Both are base state from then on.
    let mut whole = before.clone();
    whole.extend(run);
    let mut third = machine_of(&zones, 60, "1 10:00", 1, (0, 1));
    support::load(&mut third, &whole);
    let mut output = Output::default();
    third.loaded(21, told(&script, 21), &mut output);
    assert_eq!(
        rows(&Run::from([(21, support::Changed::of(output))])),
        rows(&{
            let mut all = loaded;
            all.extend(whole.split_off(&21));
            all
        })
    );
    assert!(third.alarm().is_some_and(|at| at > 22), "nothing is left to follow");
}

#[test]
fn a_state_that_the_climate_lacks_is_refused() {
    let mut script = with_climate(clock_script(60, "1 10:00", 200, &[]), &climate(CLIMATES[0].1));
    script.entry(9).or_default().extend([force("moor", "lava"), force("fen", "rain")]);
    let run = drive(&mut machine(60, "1 10:00", 1, (0, 1)), &script, 0, 9);
    let refused: Vec<&String> = run[&9].out.iter().filter(|out| out.starts_with("Refused")).collect();
    assert_eq!(refused.len(), 1);
    for part in ["\"server\"", "Position(1)", "unknown_state", "`moor`", "`lava`"] {
        assert!(refused[0].contains(part), "{part}: {}", refused[0]);
    }
    assert_eq!(
        skies(&run)["fen"].last().map(|(tick, row)| (*tick, row[2].to_string())),
        Some((9, "rain".into()))
    );
}

#[test]
fn of_several_states_forced_in_a_tick_the_last_counts() {
    for (first, last) in [("rain", "cloudy"), ("cloudy", "rain")] {
        let mut script = with_climate(clock_script(60, "1 10:00", 200, &[]), &climate(CLIMATES[0].1));
        // Ids say the order, not the places in the list.
        script.entry(9).or_default().extend([forced(2, "moor", last), forced(1, "moor", first)]);
        let run = drive(&mut machine(60, "1 10:00", 1, (0, 1)), &script, 0, 9);
        assert_eq!(
            skies(&run)["moor"].last().map(|(tick, row)| (*tick, row[2].to_string())),
            Some((9, last.to_owned()))
        );
    }
}

#[test]
fn a_machine_without_zones_or_climate_is_quiet() {
    let script = clock_script(5, "28 20:00", 150, &[]);
    let run = drive(&mut machine(5, "28 20:00", 1, (0, 1)), &script, 0, 150);
    assert!(rows(&run).is_empty());
    assert!(machine(5, "28 20:00", 1, (0, 1)).alarm().is_none());
}
