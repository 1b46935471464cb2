//! Quests, stages and objectives that get other ids, and keep what was counted under the former.

use expect_test::expect;

use crate::WORLD;
use crate::harness::{Given, World, at, events};

const FIRST: &str = r#"{"title": "Q", "scope": "guild", "accept": "auto", "repeat": {"always": {}}, "stages": {
    "s": {"objectives": {"a": {"event": "kill", "count": 5}, "b": {"event": "gather", "distinct": 3}}},
    "t": {"objectives": {"c": {"event": "craft"}}}}, "rewards": {"slots": {"pay": {"item": "gold"}}}}"#;

fn opened() -> World {
    let mut world = World::with(WORLD, &[("q", FIRST)]);
    world.step(2, vec![Given::Place("ann", at("guild=g"))]);
    world.step(3, events(["ann kill wolf x3", "ann gather herb"]));
    world
}

#[test]
fn a_quest_keeps_everything_under_another_id() {
    let mut world = opened();
    let mut text = world.step(4, vec![Given::Move("p", FIRST.to_owned(), "q")]);
    text.push_str("-- the herb was seen\n");
    text.push_str(&world.step(5, events(["ann gather herb", "ann gather ore", "ann kill wolf x2"])));
    expect![[r#"
        4 - contributions guild g q s a ann 1 3
        4 - contributions guild g q s b ann 1 1
        4 - objective_progress guild g q s a 1 3 5 false false
        4 - objective_progress guild g q s b 1 1 3 false false
        4 - quest_state guild g q 1 active s 2 - 0
        4 + contributions guild g p s a ann 1 3
        4 + contributions guild g p s b ann 1 1
        4 + facts realm r slain 3 1 -
        4 + objective_progress guild g p s a 1 3 5 false false
        4 + objective_progress guild g p s b 1 1 3 false false
        4 + quest_state guild g p 1 active s 2 - 0
        -- the herb was seen
        5 - contributions guild g p s a ann 1 3
        5 - contributions guild g p s b ann 1 1
        5 - objective_progress guild g p s a 1 3 5 false false
        5 - objective_progress guild g p s b 1 1 3 false false
        5 + contributions guild g p s a ann 1 5
        5 + contributions guild g p s b ann 1 2
        5 + objective_progress guild g p s a 1 5 5 true false
        5 + objective_progress guild g p s b 1 2 3 false false
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_stage_and_its_objectives_keep_their_counts_and_credits_under_other_ids() {
    let mut world = opened();
    let renamed = FIRST
        .replace(r#""s": {"#, r#""first": {"moved_from": "s", "#)
        .replace(r#""a": {"#, r#""kills": {"moved_from": "a", "#);
    let mut text = world.step(4, vec![Given::Define("q", Some(renamed.clone()))]);
    text.push_str("-- the pattern is another too: a new count\n");
    let other = renamed.replace(
        r#""kills": {"moved_from": "a", "event": "kill""#,
        r#""slain": {"moved_from": "kills", "event": "slay""#,
    );
    text.push_str(&world.step(5, vec![Given::Define("q", Some(other))]));
    text.push_str("-- undone\n");
    text.push_str(&world.step(6, vec![Given::Define("q", Some(FIRST.to_owned()))]));
    expect![[r#"
        4 - contributions guild g q s a ann 1 3
        4 - contributions guild g q s b ann 1 1
        4 - objective_progress guild g q s a 1 3 5 false false
        4 - objective_progress guild g q s b 1 1 3 false false
        4 - quest_state guild g q 1 active s 2 - 0
        4 + contributions guild g q first b ann 1 1
        4 + contributions guild g q first kills ann 1 3
        4 + facts realm r slain 3 1 -
        4 + objective_progress guild g q first b 1 1 3 false false
        4 + objective_progress guild g q first kills 1 3 5 false false
        4 + quest_state guild g q 1 active first 2 - 0
        -- the pattern is another too: a new count
        5 - contributions guild g q first kills ann 1 3
        5 - objective_progress guild g q first kills 1 3 5 false false
        5 + objective_progress guild g q first slain 1 0 5 false false
        -- undone
        6 - contributions guild g q first b ann 1 1
        6 - objective_progress guild g q first b 1 1 3 false false
        6 - objective_progress guild g q first slain 1 0 5 false false
        6 - quest_state guild g q 1 active first 2 - 0
        6 + contributions guild g q s b ann 1 1
        6 + objective_progress guild g q s a 1 0 5 false false
        6 + objective_progress guild g q s b 1 1 3 false false
        6 + quest_state guild g q 1 active s 2 - 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn no_instance_comes_twice_under_an_id_that_was_moved_away() {
    let mut world = opened();
    world.step(4, events(["ann kill wolf x2", "ann gather ore", "ann gather wood"]));
    let mut text = world.step(5, events(["ann craft sword"]));
    text.push_str("-- the done quest is moved, and its id is given to another\n");
    text.push_str(&world.step(6, vec![Given::Move("p", FIRST.to_owned(), "q")]));
    text.push_str(&world.step(7, vec![Given::Define("q", Some(FIRST.to_owned()))]));
    text.push_str(&world.step(8, vec![]));
    expect![[r#"
        5 - contributions guild g q s a ann 1 5
        5 - contributions guild g q s b ann 1 3
        5 - facts realm r slain 3 1 -
        5 - objective_progress guild g q s a 1 5 5 true false
        5 - objective_progress guild g q s b 1 3 3 true false
        5 - quest_state guild g q 1 active s 2 - 0
        5 + facts realm r slain 5 2 -
        5 + grants q/guild:g/1/pay/ann q guild g 1 pay ann gold 1 pending - 5
        5 + quest_state guild g q 1 done - 5 - 1
        -- the done quest is moved, and its id is given to another
        6 - quest_state guild g q 1 done - 5 - 1
        6 + objective_progress guild g p s a 2 0 5 false false
        6 + objective_progress guild g p s b 2 0 3 false false
        6 + quest_state guild g p 2 active s 6 - 1
        7 + objective_progress guild g q s a 2 0 5 false false
        7 + objective_progress guild g q s b 2 0 3 false false
        7 + quest_state guild g q 2 active s 7 - 0
    "#]]
    .assert_eq(&text);
}
