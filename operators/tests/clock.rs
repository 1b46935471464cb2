//! The world clock: no drift at any scale, edges at their exact tick, the calendar, scheduled
//! events once each across jumps, and the law of base state.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use support::{Run, Script, changes, check_law, drive, order, rows, shown};
use worldflow_operators::clock::{Calendar, ClockIn, ClockMachine, DAY_MS, HOUR_MS, WorldTime};
use worldflow_operators::machine::{Machine, Output};
use worldflow_operators::messages::ClockNow;
use worldflow_schemas::catalog::{CALENDAR_EVENTS, CLOCK};
use worldflow_schemas::definitions::{ClockDef, Downtime};
use worldflow_schemas::input::ClockCommand::{self, Downtime as Stopped, Pause, Resume, SetScale, SetTime};
use worldflow_schemas::input::ClockWrite;
use worldflow_schemas::{Sym, Tick, Value, chance};

const TICK_MS: u32 = 10;

fn calendar(real_seconds_per_hour: u32, start: &str) -> Arc<Calendar> {
    let def = ClockDef { real_seconds_per_hour, start: start.to_owned(), ..ClockDef::default() };
    Arc::new(Calendar::compile(&def).expect("the test's clock is well formed"))
}

fn clock(real_seconds_per_hour: u32, start: &str, tick_ms: u32) -> ClockMachine {
    ClockMachine::new(Sym::new("realm"), tick_ms, calendar(real_seconds_per_hour, start))
}

fn command(command: ClockCommand) -> ClockIn {
    ordered(0, command)
}

fn ordered(id: u64, command: ClockCommand) -> ClockIn {
    ClockIn::Command(ClockWrite { order: order(0, id), command })
}

fn schedule(name: &str, json: serde_json::Value) -> ClockIn {
    let def = serde_json::from_value(json).expect("the test's schedule is well formed");
    ClockIn::Schedule(Sym::new(name), Some(Arc::new(def)))
}

/// `(tick, phase)` of every clock row.
fn phases(run: &Run) -> Vec<(Tick, String)> {
    let mut phases = Vec::new();
    for (tick, changed) in run {
        for ((view, row), diff) in &changed.rows {
            if *view == CLOCK && *diff > 0 {
                phases.push((*tick, row[6].to_string()));
            }
        }
    }
    phases
}

/// `occurrence tick` of every scheduled event that fired.
fn fired(run: &Run, name: &str) -> Vec<(i64, Tick)> {
    let mut fired = Vec::new();
    for (tick, changed) in run {
        for ((view, row), diff) in &changed.rows {
            if *view == CALENDAR_EVENTS && *diff > 0 && row[1].as_str() == Some(name) {
                let Value::Int(occurrence) = row[2] else { panic!("an occurrence is a number") };
                fired.push((occurrence, *tick));
            }
        }
    }
    fired
}

#[test]
fn a_day_at_any_scale_with_jittered_steps_loses_nothing() {
    for seconds in [30u32, 60, 90, 120, 7] {
        let mut machine = clock(seconds, "1 07:00", TICK_MS);
        let (first, day_ticks) = (1_000_000u64, u64::from(seconds) * 24 * 100);
        let (mut tick, mut now) = (first, None::<ClockNow>);
        let mut step = 0;
        while tick < first + day_ticks {
            let mut output = Output::default();
            machine.step(tick, vec![ClockIn::Start], &mut output);
            now = output.out.pop().or(now);
            let told = now.as_ref().expect("the first step tells the time");
            let real_ms = i64::try_from((tick - first) * 10).expect("small numbers fit");
            let exact = 7 * HOUR_MS + real_ms * 3600 / i64::from(seconds);
            assert_eq!(told.world_ms_at(tick, TICK_MS), exact, "{seconds} s an hour at {tick}");
            step += 1;
            // About a second, as a loaded server would: never twice the same.
            let next = tick + 80 + chance::below(1, "jitter", "", step, 60);
            tick = machine.alarm().map_or(next, |at| at.min(next));
        }
        let told = now.unwrap();
        assert_eq!(told.world_ms_at(first + day_ticks, TICK_MS), 7 * HOUR_MS + DAY_MS, "{seconds}");
    }
}

#[test]
fn phases_begin_at_the_first_tick_of_their_hour() {
    for seconds in [30u32, 60, 90, 120, 7] {
        let mut machine = clock(seconds, "1 00:00", TICK_MS);
        let script = Script::from([(500, vec![ClockIn::Start])]);
        let run = drive(&mut machine, &script, 0, 500 + u64::from(seconds) * 2_400 - 1);
        let at = |hour: u64| 500 + hour * u64::from(seconds) * 100;
        let expected = [(500, "night"), (at(5), "dawn"), (at(7), "day"), (at(18), "dusk"), (at(20), "night")];
        assert_eq!(phases(&run), expected.map(|(tick, name)| (tick, name.to_owned())), "{seconds}");
    }
}

#[test]
fn a_clock_row_says_when_it_will_change() {
    let script = Script::from([(1, vec![ClockIn::Start])]);
    let run = drive(&mut clock(60, "3 06:59", 1_000), &script, 0, 2);
    expect_test::expect![[r#"
        +1 111540000 1 60 1 false dawn 2 1 Firstmonth 2 day2 spring {"moon":"new"} 2"#]]
    .assert_eq(&changes(&drive(&mut clock(60, "2 06:59", 1_000), &script, 0, 1), 1).join("\n"));
    expect_test::expect![[r#"
        -1 197940000 1 60 1 false dawn 3 1 Firstmonth 3 day3 spring {"moon":"new"} 2
        +1 198000000 2 60 1 false day 3 1 Firstmonth 3 day3 spring {"moon":"new"} 662"#]]
    .assert_eq(&changes(&run, 2).join("\n"));
}

#[test]
fn seasons_months_and_moons_follow_the_day() {
    // One tick is one world hour; two years.
    let mut machine = clock(1, "1 00:00", 1_000);
    let script = Script::from([(1, vec![ClockIn::Start])]);
    let run = drive(&mut machine, &script, 0, 24 * 224);
    let mut row = None;
    for tick in 1..=24 * 224u64 {
        let hours = tick - 1;
        for ((view, new), diff) in run.get(&tick).map(|changed| changed.rows.iter()).into_iter().flatten() {
            if *view == CLOCK && *diff > 0 {
                row = Some(new.clone());
            }
        }
        let row = row.as_ref().expect("the clock has a row from its first tick");
        let day = hours / 24;
        let season = ["spring", "summer", "fall", "winter"]
            [usize::try_from(day % 112 / 28).expect("small numbers fit")];
        let moons = [
            "new",
            "waxing_crescent",
            "first_quarter",
            "waxing_gibbous",
            "full",
            "waning_gibbous",
            "last_quarter",
            "waning_crescent",
        ];
        let moon = moons[usize::try_from(hours % (28 * 24) / 84).expect("small numbers fit")];
        let expected = format!(
            "{} {} {} {} {season} {{\"moon\":\"{moon}\"}}",
            day + 1,
            day / 112 + 1,
            day % 28 + 1,
            day % 7 + 1
        );
        let shown = format!(
            "{} {} {} {} {} {}",
            row[7],
            row[8],
            row[10],
            row[11].to_string().trim_start_matches("day"),
            row[12],
            row[13]
        );
        assert_eq!(shown, expected, "hour {hours}");
    }
}

#[test]
fn changes_of_scale_keep_the_fraction() {
    // All scales have a common denominator, so a naive sum of fractions is exact.
    const COMMON: i128 = 7 * 11 * 13 * 17;
    let mut time = WorldTime::new(0, 0, (1, 7), 1);
    let (mut sum, mut at) = (0i128, 0u64);
    for change in 0..2_000 {
        let passed = 1 + chance::below(2, "passed", "", change, 1_000);
        sum += i128::from(passed) * i128::from(time.scale_world) * (COMMON / i128::from(time.scale_real));
        at += passed;
        assert_eq!(i128::from(time.at(at)), sum / COMMON, "after {change} changes");
        time = time.anchored_at(at);
        let real = [7, 11, 13, 17]
            [usize::try_from(chance::below(2, "real", "", change, 4)).expect("small numbers fit")];
        let world = 1 + u32::try_from(chance::below(2, "world", "", change, 100)).expect("small numbers fit");
        (time.scale_world, time.scale_real) = (world, real);
    }
}

proptest! {
    #[test]
    fn what_the_clock_tells_is_its_own_line_to_the_millisecond(
        scales in prop::collection::vec((1_u64..200, 1_u32..10_000, 1_u32..10_000), 1..8),
        tick_ms in 1_u32..100,
        later in 0_u64..10_000,
        ahead in 0_i64..1_000_000,
    ) {
        let mut machine = clock(60, "1 00:00", tick_ms);
        let mut time = WorldTime::new(1, 0, (60, 1), tick_ms);
        let mut told = None;
        let mut step = |machine: &mut ClockMachine, tick, input| {
            let mut output = Output::default();
            machine.step(tick, vec![input], &mut output);
            told = output.out.pop().or(told.take());
        };
        step(&mut machine, 1, ClockIn::Start);
        let mut tick = 1;
        for (after, world, real) in scales {
            tick += after;
            step(&mut machine, tick, command(SetScale { world, real }));
            time = time.anchored_at(tick);
            (time.scale_world, time.scale_real) = (world, real);
        }
        let told: ClockNow = told.expect("a clock that starts tells so");
        prop_assert_eq!(told.world_ms_at(tick + later, tick_ms), time.at(tick + later));
        let world_ms = time.at(tick) + ahead;
        let first = told.tick_of(world_ms, tick_ms);
        prop_assert_eq!(first, time.first_tick_at(world_ms));
        let first = first.expect("the clock runs");
        prop_assert!(time.at(first) >= world_ms && (first == tick || time.at(first - 1) < world_ms));
    }

    #[test]
    fn the_first_tick_at_a_time_is_the_first(
        anchor in 0u64..1_000_000, start in -1_000_000i64..1_000_000, scale in (1u32..5_000, 1u32..5_000),
        tick_ms in 1u32..1_000, moved in 0u64..1_000, ahead in 0i64..10_000_000,
    ) {
        let time = WorldTime::new(anchor, start, scale, tick_ms).anchored_at(anchor + moved);
        let world_ms = time.world_ms + ahead;
        let tick = time.first_tick_at(world_ms).unwrap();
        prop_assert!(time.at(tick) >= world_ms);
        prop_assert!(tick == time.anchor || time.at(tick - 1) < world_ms);
    }
}

#[test]
fn pause_stops_the_edges_and_resume_sets_them_off_again() {
    // One tick is one world minute; 07:00 is at tick 61.
    let script = Script::from([
        (1, vec![ClockIn::Start]),
        (31, vec![command(Pause)]),
        (500, vec![command(Resume)]),
        (501, vec![command(Resume), command(Pause)]),
        (601, vec![command(Resume)]),
    ]);
    let run = drive(&mut clock(60, "1 06:00", 1_000), &script, 0, 800);
    let phases: Vec<(Tick, String)> = phases(&run);
    let ticks: Vec<Tick> = phases.iter().map(|(tick, _)| *tick).collect();
    assert_eq!(ticks, [1, 31, 500, 501, 601, 630]);
    assert_eq!(phases[5].1, "day");
}

#[test]
fn scheduled_events_fire_once_each() {
    let start = vec![
        schedule("once", json!({"at": "1 08:00", "kind": "fair"})),
        schedule("often", json!({"at": "1 07:30", "every": "1h world", "times": 4})),
        schedule("now", json!({"at": "1 07:00"})),
        schedule("past", json!({"at": "1 06:00"})),
        schedule("began_before", json!({"at": "1 05:00", "every": "90m world"})),
    ];
    let script = Script::from([(1, start)]);
    let run = drive(&mut clock(60, "1 07:00", 1_000), &script, 0, 1 + 6 * 60);
    assert_eq!(fired(&run, "once"), [(1, 61)]);
    assert_eq!(fired(&run, "often"), [(1, 31), (2, 91), (3, 151), (4, 211)]);
    assert_eq!(fired(&run, "now"), [(1, 1)]);
    assert_eq!(fired(&run, "past"), []);
    // 05:00 and 06:30 were before the world began: the third is at 08:00.
    assert_eq!(fired(&run, "began_before"), [(3, 61), (4, 151), (5, 241), (6, 331)]);
}

#[test]
fn a_jump_forwards_fires_the_last_that_is_overdue_and_a_jump_back_fires_nothing_again() {
    let start = vec![
        schedule("once", json!({"at": "1 08:00"})),
        schedule("often", json!({"at": "1 07:30", "every": "1h world"})),
    ];
    let script = Script::from([
        (1, start),
        (40, vec![command(SetTime { world_ms: 12 * HOUR_MS })]),
        (50, vec![command(SetTime { world_ms: 7 * HOUR_MS })]),
        (60, vec![command(SetTime { world_ms: 12 * HOUR_MS })]),
    ]);
    let run = drive(&mut clock(60, "1 07:00", 1_000), &script, 0, 100);
    assert_eq!(fired(&run, "once"), [(1, 40)]);
    // 08:30 to 10:30 were jumped over; 11:30 is the fifth; 12:30 comes thirty minutes after the last jump.
    assert_eq!(fired(&run, "often"), [(1, 31), (5, 40), (6, 90)]);
}

#[test]
fn an_edit_goes_on_counting_and_a_removal_takes_the_rows_away() {
    let every = |every: &str| schedule("often", json!({"at": "1 07:30", "every": every}));
    let script = Script::from([
        (1, vec![every("1h world")]),
        (100, vec![every("2h world")]),
        (400, vec![ClockIn::Schedule(Sym::new("often"), None)]),
    ]);
    let run = drive(&mut clock(60, "1 07:00", 1_000), &script, 0, 500);
    assert_eq!(fired(&run, "often"), [(1, 31), (2, 91), (3, 151), (4, 271), (5, 391)]);
    assert!(!rows(&run).iter().any(|(view, _)| *view == CALENDAR_EVENTS));
}

#[test]
fn only_the_last_ten_of_a_schedule_are_shown() {
    let script = Script::from([(1, vec![schedule("often", json!({"at": "1 07:00", "every": "1m world"}))])]);
    let run = drive(&mut clock(60, "1 07:00", 1_000), &script, 0, 40);
    let shown: Vec<String> =
        rows(&run).iter().filter(|(view, _)| *view == CALENDAR_EVENTS).map(|(_, row)| shown(row)).collect();
    assert_eq!(shown.len(), 10);
    assert!(shown.iter().any(|row| row.starts_with("often 40 40 ")), "{shown:?}");
}

#[test]
fn downtime_stands_still_or_is_caught_up_with() {
    for (downtime, seven) in [(Downtime::Pause, 61 + 899), (Downtime::CatchUp, 61)] {
        let def = ClockDef { start: "1 06:00".to_owned(), downtime, ..ClockDef::default() };
        let calendar = Arc::new(Calendar::compile(&def).unwrap());
        let mut machine = ClockMachine::new(Sym::new("realm"), 1_000, calendar);
        let stopped = command(Stopped { from: 11, to: 910 });
        let script = Script::from([(1, vec![ClockIn::Start]), (12, vec![stopped])]);
        let run = drive(&mut machine, &script, 0, 2_000);
        let day = phases(&run).into_iter().find(|(_, phase)| phase == "day");
        assert_eq!(day, Some((seven, "day".to_owned())), "{downtime:?}");
    }
}

#[test]
fn absurd_commands_do_no_harm() {
    for absurd in [
        SetTime { world_ms: i64::MAX },
        SetTime { world_ms: i64::MIN },
        SetScale { world: u32::MAX, real: 1 },
        SetScale { world: 1, real: u32::MAX },
        SetScale { world: 0, real: 0 },
        Stopped { from: u64::MAX, to: 0 },
        Stopped { from: 0, to: u64::MAX / 2 },
    ] {
        let often = schedule("often", json!({"at": "1000000 00:00", "every": "1ms world"}));
        let script =
            Script::from([(170_000_000_000, vec![often]), (170_000_000_001, vec![command(absurd.clone())])]);
        let mut machine = clock(60, "1 07:00", TICK_MS);
        let run = drive(&mut machine, &script, 0, 170_000_000_000 + 5);
        assert_eq!(rows(&run).iter().filter(|(view, _)| *view == CLOCK).count(), 1, "{absurd:?}");
    }
}

#[test]
fn all_that_is_wrong_with_a_clock_is_said_at_once() {
    let def: ClockDef = serde_json::from_value(json!({
        "real_seconds_per_hour": 0, "start": "noon", "phases": {"dawn": {"from": "5"}},
        "calendar": {
            "months": [], "seasons": [{"name": "spring", "from_day": 0}],
            "moons": {"selene": {"period_days": 0, "phases": []}},
        },
    }))
    .unwrap();
    expect_test::expect![[r#"
        real_seconds_per_hour must be at least 1
        start: `noon` is not a moment of world time; write for example `1 07:00`
        phase `dawn`: `5` is not a time of day; write for example `05:00`
        a calendar needs at least one month
        season `spring`: from_day must be 1 to 0
        moon `selene`: period_days must be 1 to 100000
        moon `selene`: it needs 1 to 1000 phases with different names"#]]
    .assert_eq(&Calendar::compile(&def).unwrap_err().join("\n"));
}

/// A script of random commands and edits. One tick is twelve world minutes.
fn random_script(seed: u64) -> Script<ClockIn> {
    let mut script = Script::from([(1, vec![ClockIn::Start])]);
    for n in 0..30 {
        let draw = |what: &str, below: u64| chance::below(seed, what, "", n, below);
        let world_ms = i64::try_from(draw("time", 90)).expect("small numbers fit") * HOUR_MS;
        let real = 1 + u32::try_from(draw("scale", 90)).expect("small numbers fit");
        let every = ["1h world", "7h world", "100m world"]
            [usize::try_from(draw("every", 3)).expect("small numbers fit")];
        let at = format!("{} 0{}:30", 1 + draw("day", 3), draw("hour", 10));
        let name = ["a", "b", "c"][usize::try_from(draw("name", 3)).expect("small numbers fit")];
        let input = match draw("what", 8) {
            0 => ordered(n, SetTime { world_ms }),
            1 | 2 => ordered(n, SetScale { world: 3_600, real }),
            3 => ordered(n, Pause),
            4 => ordered(n, Resume),
            5 => schedule(name, json!({"at": at, "every": every, "kind": "k"})),
            6 => schedule(name, json!({"at": at})),
            _ => ClockIn::Schedule(Sym::new(name), None),
        };
        script.entry(1 + draw("tick", 180)).or_default().push(input);
    }
    script
}

#[test]
fn a_load_at_any_tick_goes_on_as_if_nothing_had_happened() {
    for seed in 0..12 {
        check_law(|| clock(5, "1 04:00", 1_000), &random_script(seed), 200, |_| Vec::new());
    }
}

#[test]
fn the_order_of_arrival_means_nothing() {
    for seed in 0..12 {
        let script = random_script(seed);
        let mut turned = script.clone();
        turned.values_mut().for_each(|inputs| inputs.reverse());
        let run = |script: &Script<ClockIn>| drive(&mut clock(5, "1 04:00", 1_000), script, 0, 200);
        assert_eq!(run(&script), run(&turned), "seed {seed}");
    }
}

#[test]
fn changes_of_one_tick_act_in_their_order() {
    let paused = |first: ClockCommand, second: ClockCommand| {
        // Ids say the order, not the places in the list.
        let script =
            Script::from([(1, vec![ClockIn::Start]), (5, vec![ordered(2, second), ordered(1, first)])]);
        let run = drive(&mut clock(60, "1 10:00", 1_000), &script, 0, 5);
        let rows = run.get(&5).into_iter().flat_map(|tick| &tick.rows);
        let paused = rows.filter(|(_, diff)| **diff > 0).map(|((_, row), _)| row[5].clone()).next();
        paused.unwrap_or(Value::Bool(false))
    };
    assert_eq!(paused(Pause, Resume), Value::Bool(false));
    assert_eq!(paused(Resume, Pause), Value::Bool(true));
    assert_eq!(paused(Pause, SetScale { world: 60, real: 1 }), Value::Bool(true));
}

#[test]
fn after_a_restart_the_row_says_from_which_tick_world_time_goes_on() {
    let downtime = command(Stopped { from: 9, to: 40 });
    let script = Script::from([(1, vec![ClockIn::Start]), (10, vec![downtime])]);
    let run = drive(&mut clock(60, "1 10:00", 1_000), &script, 0, 60);
    let shown = |tick: Tick| -> Vec<String> {
        let rows = run[&tick].rows.iter().filter(|(_, diff)| **diff > 0);
        rows.map(|((_, row), _)| format!("{} at {} paused {}", row[1], row[2], row[5])).collect()
    };
    let (start, per_tick) = (36_000_000, 60_000);
    let stopped = start + 8 * per_tick;
    assert_eq!(shown(10), [format!("{stopped} at 10 paused true")]);
    assert_eq!(shown(40), [format!("{stopped} at 40 paused false")]);
}
