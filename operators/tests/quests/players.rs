//! Quests of players.

use expect_test::{Expect, expect};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Value};

use crate::WORLD;
use crate::harness::{Given, World, at, clock, events, realm, weather};

/// Steps a world of these quests through ticks with events, and compares every change.
fn check(quests: &[(&'static str, &str)], ticks: &[(u64, &[&str])], expected: Expect) {
    let mut world = World::with(WORLD, quests);
    let mut text = String::new();
    for (tick, events) in ticks {
        let given = events.iter().map(|event| Given::Event((*event).to_owned())).collect();
        text.push_str(&world.step(*tick, given));
    }
    expected.assert_eq(&text);
}

const WOLVES: &str = r#"{"title": "Wolves", "stages": {"hunt": {"objectives":
    {"wolves": {"event": "kill", "target": "wolf", "count": 3}}}},
    "rewards": {"experience": 50, "slots": {"pelt": {"item": "pelt", "amount": 2}}}}"#;

#[test]
fn a_quest_is_accepted_counted_completed_and_rewarded() {
    check(
        &[("wolves", WOLVES)],
        &[
            (2, &["ann kill wolf"]),
            (3, &["ann kill wolf", "ann quest.accept wolves"]),
            (4, &["ann kill bear", "bob kill wolf"]),
            (5, &["ann kill wolf x5"]),
            (6, &["ann quest.accept wolves", "ann kill wolf"]),
        ],
        expect![[r#"
            3 + facts realm r slain 1 1 -
            3 + objective_progress player ann wolves hunt wolves 1 1 3 false false
            3 + quest_state player ann wolves 1 active hunt 3 - 0
            4 - facts realm r slain 1 1 -
            4 + facts realm r slain 2 2 -
            5 - facts realm r slain 2 2 -
            5 - objective_progress player ann wolves hunt wolves 1 1 3 false false
            5 - quest_state player ann wolves 1 active hunt 3 - 0
            5 + facts realm r slain 4 4 -
            5 + grants wolves/player:ann/1/experience/ann wolves player ann 1 experience ann experience 50 pending - 5
            5 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 5
            5 + quest_state player ann wolves 1 done - 5 - 1
            6 - facts realm r slain 4 4 -
            6 + facts realm r slain 9 5 -
            6 refused not_available: quest `wolves` is not available
        "#]],
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    check(
        &[
            ("wolves", WOLVES),
            (
                "raid",
                r#"{"title": "Raid", "scope": "guild", "stages": {"a": {"objectives": {"o": {"event": "kill"}}}}}"#,
            ),
        ],
        &[(
            2,
            &[
                "ann quest.accept dragons",
                "ann quest.turn_in wolves",
                "ann quest.abandon wolves",
                "ann quest.accept raid",
                "- quest.accept wolves",
            ],
        )],
        expect![[r#"
            2 refused unknown_quest: there is no quest `dragons`
            2 refused not_ready: quest `wolves` is not ready to be turned in
            2 refused not_active: quest `wolves` is not active
            2 refused no_holder: quest `raid` is held by a guild, and there is none here
            2 refused no_holder: quest `wolves` is held by a player, and there is none here
        "#]],
    );
}

#[test]
fn stages_follow_each_other_a_tick_later() {
    check(
        &[(
            "q",
            r#"{"title": "Q", "accept": "auto", "turn_in": "manual", "stages": {
                "first": {"objectives": {"a": {"event": "kill"}}},
                "second": {"objectives": {"b": {"event": "gather", "of": "weight", "sum": 4}}}}}"#,
        )],
        &[
            (2, &["ann craft x"]),
            (3, &["ann kill wolf", "ann gather herb weight=2"]),
            (4, &["ann gather herb weight=2.9", "ann gather herb", "ann gather herb weight=-3"]),
            (6, &["ann gather herb weight=7"]),
            (7, &["ann gather herb weight=7"]),
            (8, &["ann quest.turn_in q"]),
        ],
        expect![[r#"
            2 + objective_progress player ann q first a 1 0 1 false false
            2 + quest_state player ann q 1 active first 2 - 0
            3 - objective_progress player ann q first a 1 0 1 false false
            3 + objective_progress player ann q first a 1 1 1 true false
            4 - objective_progress player ann q first a 1 1 1 true false
            4 - quest_state player ann q 1 active first 2 - 0
            4 + facts realm r slain 1 1 -
            4 + objective_progress player ann q second b 1 2 4 false false
            4 + quest_state player ann q 1 active second 2 - 0
            6 - objective_progress player ann q second b 1 2 4 false false
            6 - quest_state player ann q 1 active second 2 - 0
            6 + objective_progress player ann q second b 1 4 4 true false
            6 + quest_state player ann q 1 ready second 6 - 0
            8 - objective_progress player ann q second b 1 4 4 true false
            8 - quest_state player ann q 1 ready second 6 - 0
            8 + quest_state player ann q 1 done - 8 - 1
        "#]],
    );
}

#[test]
fn an_event_counts_once_in_a_sequence_and_order_within_a_tick_is_by_value() {
    check(
        &[(
            "q",
            r#"{"title": "Q", "accept": "auto", "stages": {"s": {"complete": "sequence", "objectives": {
                "a": {"event": "kill", "count": 2}, "b": {"event": "gather"}, "c": {"event": "kill"}}}}}"#,
        )],
        &[
            (2, &["ann gather herb", "ann kill wolf"]),
            (3, &["ann gather herb", "ann kill wolf x5", "ann kill wolf", "ann gather herb"]),
            (4, &["ann kill wolf"]),
        ],
        expect![[r#"
            2 + objective_progress player ann q s a 1 1 2 false false
            2 + objective_progress player ann q s b 1 0 1 false false
            2 + objective_progress player ann q s c 1 0 1 false false
            2 + quest_state player ann q 1 active s 2 - 0
            3 - objective_progress player ann q s a 1 1 2 false false
            3 - objective_progress player ann q s b 1 0 1 false false
            3 + facts realm r slain 1 1 -
            3 + objective_progress player ann q s a 1 2 2 true false
            3 + objective_progress player ann q s b 1 1 1 true false
            4 - facts realm r slain 1 1 -
            4 - objective_progress player ann q s a 1 2 2 true false
            4 - objective_progress player ann q s b 1 1 1 true false
            4 - objective_progress player ann q s c 1 0 1 false false
            4 - quest_state player ann q 1 active s 2 - 0
            4 + facts realm r slain 7 3 -
            4 + quest_state player ann q 1 done - 4 - 1
        "#]],
    );
}

#[test]
fn objectives_may_be_optional_hidden_distinct_and_largest() {
    check(
        &[(
            "q",
            r#"{"title": "Q", "accept": "auto", "stages": {"s": {"complete": {"at_least": 2}, "objectives": {
                "kinds": {"event": "kill", "target": "beast", "distinct": 2},
                "big": {"event": "gather", "max": 5},
                "after": {"event": "craft", "hidden_until": ["kinds"]},
                "extra": {"event": "craft", "optional": true, "count": 2}}}}}"#,
        )],
        &[
            (2, &["ann kill wolf", "ann kill wolf", "ann craft x", "ann kill cow"]),
            (3, &["ann gather herb x3", "ann gather herb x2", "ann kill bear", "ann craft x"]),
            (6, &["ann craft x", "ann gather herb x4"]),
        ],
        expect![[r#"
            2 + objective_progress player ann q s after 1 0 1 false true
            2 + objective_progress player ann q s big 1 0 5 false false
            2 + objective_progress player ann q s extra 1 1 2 false false
            2 + objective_progress player ann q s kinds 1 1 2 false false
            2 + quest_state player ann q 1 active s 2 - 0
            3 - objective_progress player ann q s big 1 0 5 false false
            3 - objective_progress player ann q s extra 1 1 2 false false
            3 - objective_progress player ann q s kinds 1 1 2 false false
            3 + facts realm r slain 2 2 -
            3 + objective_progress player ann q s big 1 3 5 false false
            3 + objective_progress player ann q s extra 1 2 2 true false
            3 + objective_progress player ann q s kinds 1 2 2 true false
            4 - facts realm r slain 2 2 -
            4 - objective_progress player ann q s after 1 0 1 false true
            4 + facts realm r slain 3 3 -
            4 + objective_progress player ann q s after 1 0 1 false false
            6 - objective_progress player ann q s after 1 0 1 false false
            6 - objective_progress player ann q s big 1 3 5 false false
            6 - objective_progress player ann q s extra 1 2 2 true false
            6 - objective_progress player ann q s kinds 1 2 2 true false
            6 - quest_state player ann q 1 active s 2 - 0
            6 + quest_state player ann q 1 done - 6 - 1
        "#]],
    );
}

#[test]
fn deadlines_failures_and_abandoning_close_an_instance() {
    check(
        &[
            (
                "late",
                r#"{"title": "L", "deadline": "30ms", "stages": {"s": {"objectives": {"o": {"event": "craft"}}}}}"#,
            ),
            (
                "fragile",
                r#"{"title": "F", "fail_on": [{"event": "gather"}], "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}}"#,
            ),
        ],
        &[
            (2, &["ann quest.accept late", "ann quest.accept fragile", "bob quest.accept late"]),
            (3, &["ann gather herb"]),
            (5, &["bob craft x"]),
            (8, &["ann quest.accept late", "ann quest.accept fragile"]),
            (9, &["ann quest.abandon late", "ann gather herb", "ann kill wolf"]),
        ],
        expect![[r#"
            2 + objective_progress player ann fragile s o 1 0 1 false false
            2 + objective_progress player ann late s o 1 0 1 false false
            2 + objective_progress player bob late s o 1 0 1 false false
            2 + quest_state player ann fragile 1 active s 2 - 0
            2 + quest_state player ann late 1 active s 2 5 0
            2 + quest_state player bob late 1 active s 2 5 0
            3 - objective_progress player ann fragile s o 1 0 1 false false
            3 - quest_state player ann fragile 1 active s 2 - 0
            3 + quest_state player ann fragile 1 failed - 3 - 0
            5 - objective_progress player ann late s o 1 0 1 false false
            5 - objective_progress player bob late s o 1 0 1 false false
            5 - quest_state player ann late 1 active s 2 5 0
            5 - quest_state player bob late 1 active s 2 5 0
            5 + quest_state player ann late 1 expired - 5 - 0
            5 + quest_state player bob late 1 done - 5 - 1
            8 - quest_state player ann fragile 1 failed - 3 - 0
            8 - quest_state player ann late 1 expired - 5 - 0
            8 + objective_progress player ann fragile s o 2 0 1 false false
            8 + objective_progress player ann late s o 2 0 1 false false
            8 + quest_state player ann fragile 2 active s 8 - 0
            8 + quest_state player ann late 2 active s 8 11 0
            9 - objective_progress player ann fragile s o 2 0 1 false false
            9 - objective_progress player ann late s o 2 0 1 false false
            9 - quest_state player ann fragile 2 active s 8 - 0
            9 - quest_state player ann late 2 active s 8 11 0
            9 + quest_state player ann fragile 2 done - 9 - 1
            9 + quest_state player ann late 2 abandoned - 9 - 0
        "#]],
    );
}

#[test]
fn repeats_reopen() {
    check(
        &[
            (
                "always",
                r#"{"title": "A", "accept": "auto", "repeat": {"always": {}}, "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}}"#,
            ),
            (
                "cool",
                r#"{"title": "C", "repeat": {"cooldown": "50ms"}, "requires": {"facts": {"mood": 0}},
                    "stages": {"s": {"objectives": {"o": {"event": "craft"}}}}}"#,
            ),
        ],
        &[(2, &["ann kill wolf"]), (3, &["ann quest.accept cool", "ann craft x"]), (12, &["ann craft x"])],
        expect![[r#"
            2 + quest_state player ann always 1 done - 2 - 1
            2 + quest_state player ann cool 0 available - 2 - 0
            3 - quest_state player ann always 1 done - 2 - 1
            3 - quest_state player ann cool 0 available - 2 - 0
            3 + facts realm r slain 1 1 -
            3 + objective_progress player ann always s o 2 0 1 false false
            3 + quest_state player ann always 2 active s 3 - 1
            3 + quest_state player ann cool 1 done - 3 - 1
            8 - quest_state player ann cool 1 done - 3 - 1
            8 + quest_state player ann cool 1 available - 8 - 1
        "#]],
    );
}

#[test]
fn a_daily_quest_reopens_at_its_local_time_and_since_reset_counts_from_there() {
    // 04:00 in Berlin of 2026-01-10 is 03:00 UTC: tick 176801400000 / 10.
    const RESET: u64 = 176_801_400_000;
    check(
        &[(
            "daily",
            r#"{"title": "D", "accept": "auto", "repeat": {"daily": {"at": "04:00", "zone": "Europe/Berlin"}},
                "stages": {"s": {"objectives": {"o": {"event": "kill", "count": 3, "since": "reset", "lifetime": "kills"}}}}}"#,
        )],
        &[
            (RESET - 5, &["ann kill wolf x2"]),
            (RESET, &["ann kill wolf"]),
            (RESET + 1, &["ann kill wolf x2"]),
            (RESET + 8_640_000, &["ann kill wolf"]),
        ],
        expect![[r#"
            176801399995 + objective_progress player ann daily s o 1 2 3 false false
            176801399995 + quest_state player ann daily 1 active s 176801399995 - 0
            176801399996 + facts realm r slain 2 1 -
            176801400000 - objective_progress player ann daily s o 1 2 3 false false
            176801400000 + objective_progress player ann daily s o 1 1 3 false false
            176801400001 - facts realm r slain 2 1 -
            176801400001 - objective_progress player ann daily s o 1 1 3 false false
            176801400001 - quest_state player ann daily 1 active s 176801399995 - 0
            176801400001 + facts realm r slain 3 2 -
            176801400001 + quest_state player ann daily 1 done - 176801400001 - 1
            176801400002 - facts realm r slain 3 2 -
            176801400002 + facts realm r slain 5 3 -
            176810040000 - quest_state player ann daily 1 done - 176801400001 - 1
            176810040000 + objective_progress player ann daily s o 2 1 3 false false
            176810040000 + quest_state player ann daily 2 active s 176810040000 - 1
        "#]],
    );
}

#[test]
fn ever_counts_what_was_before() {
    check(
        &[(
            "veteran",
            r#"{"title": "V", "stages": {"s": {"objectives": {"o": {"event": "kill", "count": 3, "since": "ever", "lifetime": "kills"}}}}}"#,
        )],
        &[(2, &["ann kill wolf x2"]), (3, &["ann quest.accept veteran"]), (4, &["ann kill bear"])],
        expect![[r#"
            3 + facts realm r slain 2 1 -
            3 + objective_progress player ann veteran s o 1 2 3 false false
            3 + quest_state player ann veteran 1 active s 3 - 0
            4 - objective_progress player ann veteran s o 1 2 3 false false
            4 - quest_state player ann veteran 1 active s 3 - 0
            4 + quest_state player ann veteran 1 done - 4 - 1
        "#]],
    );
}

#[test]
fn prerequisites_open_and_shut_and_exclusive_groups_choose_one() {
    let stage = r#""stages": {"s": {"objectives": {"o": {"event": "kill"}}}}"#;
    check(
        &[
            ("first", &format!(r#"{{"title": "1", {stage}}}"#)),
            (
                "second",
                &format!(r#"{{"title": "2", "requires": {{"quests": {{"first": "done"}}}}, {stage}}}"#),
            ),
            (
                "red",
                &format!(
                    r#"{{"title": "R", "exclusive_group": "side", "requires": {{"level": {{"at_least": 1}}}}, {stage}}}"#
                ),
            ),
            (
                "blue",
                &format!(
                    r#"{{"title": "B", "exclusive_group": "side", "requires": {{"level": {{"at_least": 1}}}}, {stage}}}"#
                ),
            ),
        ],
        &[
            (2, &["ann quest.accept first", "ann kill wolf"]),
            (4, &["ann quest.accept red", "ann quest.accept blue", "ann quest.accept second"]),
            (5, &["ann quest.abandon red"]),
            (6, &[]),
        ],
        expect![[r#"
            2 + quest_state player ann blue 0 available - 2 - 0
            2 + quest_state player ann first 1 done - 2 - 1
            2 + quest_state player ann red 0 available - 2 - 0
            3 + facts realm r slain 1 1 -
            3 + quest_state player ann second 0 available - 3 - 0
            4 - quest_state player ann red 0 available - 2 - 0
            4 - quest_state player ann second 0 available - 3 - 0
            4 + objective_progress player ann red s o 1 0 1 false false
            4 + objective_progress player ann second s o 1 0 1 false false
            4 + quest_state player ann red 1 active s 4 - 0
            4 + quest_state player ann second 1 active s 4 - 0
            4 refused not_available: quest `blue` is not available
            5 - objective_progress player ann red s o 1 0 1 false false
            5 - quest_state player ann blue 0 available - 2 - 0
            5 - quest_state player ann red 1 active s 4 - 0
            5 + quest_state player ann red 1 abandoned - 5 - 0
            6 + quest_state player ann blue 0 available - 6 - 0
        "#]],
    );
}

#[test]
fn conditions_are_of_the_events_tick() {
    let mut world = World::with(
        WORLD,
        &[(
            "q",
            r#"{"title": "Q", "accept": "auto", "stages": {"s": {"objectives": {
                "night": {"event": "kill", "count": 9, "when": {"phase": "night"}},
                "hours": {"event": "kill", "count": 9, "when": {"hours": "22:00-02:00"}},
                "rain": {"event": "kill", "count": 9, "when": {"weather": {"kind": "rain", "intensity": {"above": 0.5}, "lasting": "20ms"}}},
                "moor": {"event": "kill", "count": 9, "region": "moor"},
                "fact": {"event": "kill", "count": 9, "when": {"facts": {"fame": {"at_least": 2}}}},
                "guild": {"event": "kill", "count": 9, "when": {"facts": {"banner": "wolf"}}},
                "bow": {"event": "kill", "count": 9, "where": {"weapon": "bow", "damage": {"at_least": 2.5}}},
                "soon": {"event": "kill", "count": 9, "within": "30ms"}}}}}"#,
        )],
    );
    let mut text = String::new();
    let ann = Holder { scope: Scope::Player, id: Sym::new("ann") };
    let wolves = Holder { scope: Scope::Guild, id: Sym::new("wolves") };
    text.push_str(&world.step(
        2,
        vec![
            clock(2, 21, "night"),
            weather(2, "coast", "rain", 700_000),
            Given::Place("ann", at("region=moor guild=wolves")),
            Given::Fact(ann, "fame", Value::Int(2)),
            Given::Event("ann kill wolf weapon=bow damage=2.4".to_owned()),
        ],
    ));
    text.push_str("--\n");
    let mut given = events(["ann kill wolf @fen", "ann kill wolf weapon=bow damage=2.5", "ann kill wolf"]);
    given.push(Given::Fact(wolves, "banner", "wolf".into_value()));
    text.push_str(&world.step(5, given));
    text.push_str("--\n");
    text.push_str(&world.step(6, events(["ann kill wolf"])));
    text.push_str(&world.step(102, events(["ann kill wolf"])));
    expect![[r#"
        2 + facts player ann fame 2 1 -
        2 + objective_progress player ann q s bow 1 0 9 false false
        2 + objective_progress player ann q s fact 1 1 9 false false
        2 + objective_progress player ann q s guild 1 0 9 false false
        2 + objective_progress player ann q s hours 1 0 9 false false
        2 + objective_progress player ann q s moor 1 1 9 false false
        2 + objective_progress player ann q s night 1 1 9 false false
        2 + objective_progress player ann q s rain 1 0 9 false false
        2 + objective_progress player ann q s soon 1 1 9 false false
        2 + quest_state player ann q 1 active s 2 - 0
        --
        3 + facts realm r slain 1 1 -
        5 - objective_progress player ann q s bow 1 0 9 false false
        5 - objective_progress player ann q s fact 1 1 9 false false
        5 - objective_progress player ann q s guild 1 0 9 false false
        5 - objective_progress player ann q s moor 1 1 9 false false
        5 - objective_progress player ann q s night 1 1 9 false false
        5 - objective_progress player ann q s rain 1 0 9 false false
        5 - objective_progress player ann q s soon 1 1 9 false false
        5 + facts guild wolves banner wolf 1 -
        5 + objective_progress player ann q s bow 1 1 9 false false
        5 + objective_progress player ann q s fact 1 4 9 false false
        5 + objective_progress player ann q s guild 1 3 9 false false
        5 + objective_progress player ann q s moor 1 3 9 false false
        5 + objective_progress player ann q s night 1 4 9 false false
        5 + objective_progress player ann q s rain 1 2 9 false false
        5 + objective_progress player ann q s soon 1 4 9 false false
        --
        6 - facts realm r slain 1 1 -
        6 - objective_progress player ann q s fact 1 4 9 false false
        6 - objective_progress player ann q s guild 1 3 9 false false
        6 - objective_progress player ann q s moor 1 3 9 false false
        6 - objective_progress player ann q s night 1 4 9 false false
        6 - objective_progress player ann q s rain 1 2 9 false false
        6 + facts realm r slain 4 4 -
        6 + objective_progress player ann q s fact 1 5 9 false false
        6 + objective_progress player ann q s guild 1 4 9 false false
        6 + objective_progress player ann q s moor 1 4 9 false false
        6 + objective_progress player ann q s night 1 5 9 false false
        6 + objective_progress player ann q s rain 1 3 9 false false
        7 - facts realm r slain 4 4 -
        7 + facts realm r slain 5 5 -
        102 - objective_progress player ann q s fact 1 5 9 false false
        102 - objective_progress player ann q s guild 1 4 9 false false
        102 - objective_progress player ann q s hours 1 0 9 false false
        102 - objective_progress player ann q s moor 1 4 9 false false
        102 - objective_progress player ann q s night 1 5 9 false false
        102 - objective_progress player ann q s rain 1 3 9 false false
        102 + objective_progress player ann q s fact 1 6 9 false false
        102 + objective_progress player ann q s guild 1 5 9 false false
        102 + objective_progress player ann q s hours 1 1 9 false false
        102 + objective_progress player ann q s moor 1 5 9 false false
        102 + objective_progress player ann q s night 1 6 9 false false
        102 + objective_progress player ann q s rain 1 4 9 false false
    "#]]
    .assert_eq(&text);
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::id(Sym::new(self))
    }
}

#[test]
fn hours_and_lasting_weather_open_prerequisites_without_events() {
    let stage = r#""stages": {"s": {"objectives": {"o": {"event": "kill"}}}}"#;
    let mut world = World::with(
        WORLD,
        &[
            ("owl", &format!(r#"{{"title": "O", "requires": {{"hours": "22:00-23:00"}}, {stage}}}"#)),
            (
                "flood",
                &format!(
                    r#"{{"title": "F", "requires": {{"weather": {{"kind": "rain", "lasting": "40ms"}}}}, {stage}}}"#
                ),
            ),
            (
                "watch",
                &format!(
                    r#"{{"title": "W", "accept": "auto", "fail_when": {{"not": {{"phase": "night"}}}}, {stage}}}"#
                ),
            ),
        ],
    );
    let mut text = world.step(
        2,
        vec![
            clock(2, 21, "night"),
            weather(2, "coast", "rain", 700_000),
            Given::Place("ann", at("region=moor")),
        ],
    );
    text.push_str(&world.step(300, vec![clock(300, 6, "dawn")]));
    expect![[r#"
        2 + objective_progress player ann watch s o 1 0 1 false false
        2 + quest_state player ann watch 1 active s 2 - 0
        6 + quest_state player ann flood 0 available - 6 - 0
        102 + quest_state player ann owl 0 available - 102 - 0
        202 - quest_state player ann owl 0 available - 102 - 0
        300 - objective_progress player ann watch s o 1 0 1 false false
        300 - quest_state player ann watch 1 active s 2 - 0
        300 + quest_state player ann watch 1 failed - 300 - 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn effects_change_facts_in_the_next_tick_and_updates_by_events_too() {
    let mut world = World::with(
        WORLD,
        &[
            (
                "q",
                r#"{"title": "Q", "accept": "auto", "stages": {"s": {"objectives": {"o": {"event": "kill"}}}},
                    "effects": [{"add": {"fact": "mood", "by": 2}}, {"set": {"fact": "fame", "to": 7}}]}"#,
            ),
            (
                "next",
                r#"{"title": "N", "accept": "auto", "requires": {"facts": {"mood": {"at_least": 2}}}, "stages": {"s": {"objectives": {"o": {"event": "craft"}}}}}"#,
            ),
        ],
    );
    let mut text = world.step(2, events(["ann kill wolf", "bob craft x"]));
    text.push_str(&world.step(3, events(["ann craft x"])));
    text.push_str(&world.step(6, Vec::new()));
    expect![[r#"
        2 + objective_progress player bob q s o 1 0 1 false false
        2 + quest_state player ann q 1 done - 2 - 1
        2 + quest_state player bob q 1 active s 2 - 0
        3 + facts player ann fame 7 1 -
        3 + facts realm r mood 2 1 -
        3 + facts realm r slain 1 1 -
        3 + objective_progress player bob next s o 1 0 1 false false
        3 + quest_state player ann next 1 done - 3 - 1
        3 + quest_state player bob next 1 active s 3 - 0
    "#]]
    .assert_eq(&text);
    assert_eq!(realm().as_str(), "r");
}

#[test]
fn an_answered_grant_goes_when_it_is_old_and_is_never_written_again() {
    let short = WORLD.replacen('{', r#"{"grants": {"keep": "50ms"}, "#, 1);
    let again = WOLVES.replacen('{', r#"{"repeat": {"always": {}}, "#, 1);
    let mut world = World::with(&short, &[("wolves", &again)]);
    let hunted = || events(["ann quest.accept wolves", "ann kill wolf x3"]);
    let answer = |instance: u32| vec![Given::Answer(format!("wolves/player:ann/{instance}/pelt/ann"), true)];
    let mut text = String::new();
    for (tick, given) in [(2, hunted()), (3, hunted()), (4, answer(1)), (12, answer(2)), (13, answer(1))] {
        text.push_str(&world.step(tick, given));
    }
    // Its quest is taken away and comes back: its instances go on.
    world.step(14, vec![Given::Define("wolves", None)]);
    world.step(15, vec![Given::Define("wolves", Some(again.clone()))]);
    for tick in 16..20 {
        text.push_str(&world.step(tick, hunted()));
    }
    let grants = text.lines().filter(|line| line.contains("grants") || line.contains("refused"));
    let grants: String = grants.map(|line| format!("{line}\n")).collect();
    expect![[r#"
        2 + grants wolves/player:ann/1/experience/ann wolves player ann 1 experience ann experience 50 pending - 2
        2 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        3 + grants wolves/player:ann/2/experience/ann wolves player ann 2 experience ann experience 50 pending - 3
        3 + grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 pending - 3
        4 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        4 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        7 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        7 + past_grants wolves player ann ann pelt 1 2 1
        12 - grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 pending - 3
        12 + grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 delivered - 3
        13 - grants wolves/player:ann/2/pelt/ann wolves player ann 2 pelt ann pelt 2 delivered - 3
        13 - past_grants wolves player ann ann pelt 1 2 1
        13 + past_grants wolves player ann ann pelt 2 4 2
        13 refused unknown_grant: there is no grant `wolves/player:ann/1/pelt/ann`
        16 + grants wolves/player:ann/3/experience/ann wolves player ann 3 experience ann experience 50 pending - 16
        16 + grants wolves/player:ann/3/pelt/ann wolves player ann 3 pelt ann pelt 2 pending - 16
        17 + grants wolves/player:ann/4/experience/ann wolves player ann 4 experience ann experience 50 pending - 17
        17 + grants wolves/player:ann/4/pelt/ann wolves player ann 4 pelt ann pelt 2 pending - 17
        18 + grants wolves/player:ann/5/experience/ann wolves player ann 5 experience ann experience 50 pending - 18
        18 + grants wolves/player:ann/5/pelt/ann wolves player ann 5 pelt ann pelt 2 pending - 18
        19 + grants wolves/player:ann/6/experience/ann wolves player ann 6 experience ann experience 50 pending - 19
        19 + grants wolves/player:ann/6/pelt/ann wolves player ann 6 pelt ann pelt 2 pending - 19
    "#]].assert_eq(&grants);
}

#[test]
fn a_grant_is_answered_once() {
    let mut world = World::with(WORLD, &[("wolves", WOLVES)]);
    world.step(2, events(["ann quest.accept wolves", "ann kill wolf x3"]));
    let grant = "wolves/player:ann/1/pelt/ann".to_owned();
    let mut text = world.step(
        3,
        vec![
            Given::Answer(grant.clone(), false),
            Given::Answer(grant.clone(), true),
            Given::Answer("wolves/player:ann/2/pelt/ann".to_owned(), true),
            Given::Answer("nonsense".to_owned(), true),
        ],
    );
    text.push_str(&world.step(4, vec![Given::Answer(grant, true)]));
    expect![[r#"
        3 - grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 pending - 2
        3 + facts realm r slain 3 1 -
        3 + grants wolves/player:ann/1/pelt/ann wolves player ann 1 pelt ann pelt 2 delivered - 2
        3 refused already_answered: grant `wolves/player:ann/1/pelt/ann` has been answered before
        3 refused unknown_grant: there is no grant `wolves/player:ann/2/pelt/ann`
        3 refused unknown_grant: there is no grant `nonsense`
        4 refused already_answered: grant `wolves/player:ann/1/pelt/ann` has been answered before
    "#]]
    .assert_eq(&text);
}
