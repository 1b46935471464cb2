//! Definitions that change while quests are open.

use expect_test::expect;

use crate::WORLD;
use crate::harness::{Given, World, at, events};

const FIRST: &str = r#"{"title": "Q", "scope": "guild", "accept": "auto", "stages": {"s": {"objectives": {
    "a": {"event": "kill", "count": 5}, "b": {"event": "gather", "distinct": 3}}}}, "rewards": {"experience": 1}}"#;

fn opened() -> World {
    let mut world = World::with(WORLD, &[("q", FIRST)]);
    world.step(2, vec![Given::Place("ann", at("guild=g"))]);
    world.step(3, events(["ann kill wolf x3", "ann gather herb"]));
    world
}

fn edit(world: &mut World, tick: u64, def: Option<&str>) -> String {
    world.step(tick, vec![Given::Define("q", def.map(str::to_owned))])
}

#[test]
fn a_new_threshold_and_new_objectives_keep_the_count_and_reverting_changes_nothing() {
    let mut world = opened();
    let lower = r#"{"title": "New", "scope": "guild", "accept": "auto", "stages": {"s": {"objectives": {
        "new": {"event": "craft"}, "b": {"event": "gather", "distinct": 3}, "a": {"event": "kill", "count": 2}}}}}"#;
    let mut text = edit(&mut world, 4, Some(lower));
    text.push_str("-- reverted\n");
    text.push_str(&edit(&mut world, 5, Some(FIRST)));
    text.push_str("-- the herb was seen, ore is new\n");
    text.push_str(&world.step(6, events(["ann gather herb", "ann gather ore"])));
    expect![[r#"
        4 - objective_progress guild g q s a 1 3 5 false false
        4 + facts realm r slain 3 1 -
        4 + objective_progress guild g q s a 1 2 2 true false
        4 + objective_progress guild g q s new 1 0 1 false false
        -- reverted
        5 - objective_progress guild g q s a 1 2 2 true false
        5 - objective_progress guild g q s new 1 0 1 false false
        5 + objective_progress guild g q s a 1 3 5 false false
        -- the herb was seen, ore is new
        6 - contributions guild g q s b ann 1 1
        6 - objective_progress guild g q s b 1 1 3 false false
        6 + contributions guild g q s b ann 1 2
        6 + objective_progress guild g q s b 1 2 3 false false
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_new_pattern_starts_a_new_count() {
    let mut world = opened();
    let def = FIRST.replace(r#""event": "kill""#, r#""event": "kill", "target": "wolf""#);
    expect![[r#"
        4 - contributions guild g q s a ann 1 3
        4 - objective_progress guild g q s a 1 3 5 false false
        4 + facts realm r slain 3 1 -
        4 + objective_progress guild g q s a 1 0 5 false false
    "#]]
    .assert_eq(&edit(&mut world, 4, Some(&def)));
}

#[test]
fn removal_takes_rows_and_keeps_completions() {
    let mut world = opened();
    let one = r#"{"title": "Q", "scope": "guild", "accept": "auto", "repeat": {"always": {}}, "stages": {"s": {"objectives": {"a": {"event": "kill", "count": 5}}}}, "rewards": {"experience": 1}}"#;
    edit(&mut world, 4, Some(one));
    let mut text = world.step(5, events(["ann kill wolf x2"]));
    text.push_str(&world.step(6, events(["ann kill wolf"])));
    text.push_str("-- removed\n");
    text.push_str(&edit(&mut world, 7, None));
    text.push_str(&world.step(8, events(["ann kill wolf"])));
    text.push_str("-- defined again: abandoned, and not accepted by itself\n");
    text.push_str(&edit(&mut world, 9, Some(one)));
    text.push_str(&world.step(10, events(["ann quest.accept q"])));
    expect![[r#"
        5 - contributions guild g q s a ann 1 3
        5 - objective_progress guild g q s a 1 3 5 false false
        5 - quest_state guild g q 1 active s 2 - 0
        5 + grants q/guild:g/1/experience/ann q guild g 1 experience ann experience 1 pending - 5
        5 + quest_state guild g q 1 done - 5 - 1
        6 - facts realm r slain 3 1 -
        6 - quest_state guild g q 1 done - 5 - 1
        6 + contributions guild g q s a ann 2 1
        6 + facts realm r slain 5 2 -
        6 + objective_progress guild g q s a 2 1 5 false false
        6 + quest_state guild g q 2 active s 6 - 1
        -- removed
        7 - contributions guild g q s a ann 2 1
        7 - facts realm r slain 5 2 -
        7 - objective_progress guild g q s a 2 1 5 false false
        7 - quest_state guild g q 2 active s 6 - 1
        7 + facts realm r slain 6 3 -
        -- defined again: abandoned, and not accepted by itself
        9 - facts realm r slain 6 3 -
        9 + facts realm r slain 7 4 -
        9 + quest_state guild g q 2 abandoned - 7 - 1
        10 - quest_state guild g q 2 abandoned - 7 - 1
        10 + objective_progress guild g q s a 3 0 5 false false
        10 + quest_state guild g q 3 active s 10 - 1
    "#]]
    .assert_eq(&text);
}

#[test]
fn an_instance_whose_stage_is_gone_begins_again() {
    let mut world = opened();
    let def = FIRST.replace(r#""s": "#, r#""other": "#);
    expect![[r#"
        4 - contributions guild g q s a ann 1 3
        4 - contributions guild g q s b ann 1 1
        4 - objective_progress guild g q s a 1 3 5 false false
        4 - objective_progress guild g q s b 1 1 3 false false
        4 - quest_state guild g q 1 active s 2 - 0
        4 + facts realm r slain 3 1 -
        4 + objective_progress guild g q other a 1 0 5 false false
        4 + objective_progress guild g q other b 1 0 3 false false
        4 + quest_state guild g q 1 active other 2 - 0
    "#]]
    .assert_eq(&edit(&mut world, 4, Some(&def)));
}
