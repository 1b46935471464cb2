//! Quests of players.

use expect_test::{Expect, expect};

use crate::harness::{Given, World};
use crate::{WOLVES, WORLD};

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
