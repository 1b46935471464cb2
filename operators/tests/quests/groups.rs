//! Quests that are held together.

use expect_test::expect;

use worldflow_schemas::input::{Holder, Scope};

use crate::WORLD;
use crate::harness::{Given, World, at, events};

fn guild() -> Vec<Given> {
    ["ann", "bob", "cid"].map(|player| Given::Place(player, at("guild=wolves party=p region=moor"))).to_vec()
}

#[test]
fn a_community_quest_has_one_counter_and_exact_shares() {
    let mut world = World::with(
        WORLD,
        &[(
            "hunt",
            r#"{"title": "H", "scope": "guild", "accept": "auto",
                "stages": {"s": {"objectives": {"o": {"event": "kill", "count": 10}}},
                           "t": {"objectives": {"d": {"event": "gather", "distinct": 2}}}},
                "rewards": {"experience": 10, "to": {"contributors": {"at_least": 2}}}}"#,
        )],
    );
    let mut text = world.step(2, guild());
    text.push_str(
        &world.step(3, events(["ann kill wolf x4", "bob kill wolf x5", "ann kill wolf x9", "cid kill wolf"])),
    );
    text.push_str("-- the next stage\n");
    text.push_str(&world.step(4, Vec::new()));
    text.push_str(&world.step(
        5,
        events(["cid gather herb", "ann gather herb", "- gather ore", "cid gather ore", "dan gather clay"]),
    ));
    text.push_str(&world.step(6, events(["cid gather ore"])));
    expect![[r#"
        2 + objective_progress guild wolves hunt s o 1 0 10 false false
        2 + quest_state guild wolves hunt 1 active s 2 - 0
        3 - objective_progress guild wolves hunt s o 1 0 10 false false
        3 + contributions guild wolves hunt s o ann 1 5
        3 + contributions guild wolves hunt s o bob 1 5
        3 + objective_progress guild wolves hunt s o 1 10 10 true false
        -- the next stage
        4 - objective_progress guild wolves hunt s o 1 10 10 true false
        4 - quest_state guild wolves hunt 1 active s 2 - 0
        4 + facts realm r slain 19 4 -
        4 + objective_progress guild wolves hunt t d 1 0 2 false false
        4 + quest_state guild wolves hunt 1 active t 2 - 0
        5 - contributions guild wolves hunt s o ann 1 5
        5 - contributions guild wolves hunt s o bob 1 5
        5 - objective_progress guild wolves hunt t d 1 0 2 false false
        5 - quest_state guild wolves hunt 1 active t 2 - 0
        5 + grants hunt/guild:wolves/1/experience/ann hunt guild wolves 1 experience ann experience 10 pending - 5
        5 + grants hunt/guild:wolves/1/experience/bob hunt guild wolves 1 experience bob experience 10 pending - 5
        5 + grants hunt/guild:wolves/1/experience/cid hunt guild wolves 1 experience cid experience 10 pending - 5
        5 + quest_state guild wolves hunt 1 done - 5 - 1
    "#]].assert_eq(&text);
}

#[test]
fn events_without_a_player_count_for_region_and_realm_and_credit_nobody() {
    let def = |scope: &str| {
        format!(
            r#"{{"title": "H", "scope": "{scope}", "accept": "auto", "stages": {{"s": {{"objectives": {{"o": {{"event": "kill", "count": 3}}}}}}}},
               "rewards": {{"experience": 10, "to": {{"finisher": {{}}}}}}}}"#
        )
    };
    let mut world = World::with(WORLD, &[("here", &def("region")), ("all", &def("realm"))]);
    let mut text = world.step(2, events(["- kill wolf @moor", "- kill wolf"]));
    text.push_str(&world.step(3, guild()));
    text.push_str(&world.step(4, events(["ann kill wolf", "bob kill wolf @moor"])));
    expect![[r#"
        2 - objective_progress realm r all s o 1 0 3 false false
        2 - objective_progress region moor here s o 1 0 3 false false
        2 + contributions realm r all s o - 1 2
        2 + contributions region moor here s o - 1 1
        2 + objective_progress realm r all s o 1 2 3 false false
        2 + objective_progress region moor here s o 1 1 3 false false
        3 + facts realm r slain 2 2 -
        4 - contributions realm r all s o - 1 2
        4 - contributions region moor here s o - 1 1
        4 - objective_progress realm r all s o 1 2 3 false false
        4 - objective_progress region moor here s o 1 1 3 false false
        4 - quest_state realm r all 1 active s 1 - 0
        4 - quest_state region moor here 1 active s 1 - 0
        4 + grants all/realm:r/1/experience/ann all realm r 1 experience ann experience 10 pending - 4
        4 + grants here/region:moor/1/experience/bob here region moor 1 experience bob experience 10 pending - 4
        4 + quest_state realm r all 1 done - 4 - 1
        4 + quest_state region moor here 1 done - 4 - 1
    "#]].assert_eq(&text);
}

#[test]
fn groups_accept_turn_in_and_fail_in_order() {
    let mut world = World::with(
        WORLD,
        &[(
            "raid",
            r#"{"title": "R", "scope": "party", "turn_in": "manual", "fail_on": [{"event": "craft"}],
                "stages": {"s": {"objectives": {"o": {"event": "kill"}}}},
                "rewards": {"slots": {"crown": {"item": "crown"}}, "to": {"finisher": {}}}}"#,
        )],
    );
    world.step(2, guild());
    let mut text = world.step(3, events(["ann quest.accept raid", "bob quest.accept raid", "cid kill wolf"]));
    text.push_str(&world.step(4, events(["ann craft x", "bob quest.turn_in raid"])));
    text.push_str(&world.step(5, events(["bob quest.accept raid", "bob quest.turn_in raid"])));
    expect![[r#"
        3 + contributions party p raid s o cid 1 1
        3 + objective_progress party p raid s o 1 1 1 true false
        3 + quest_state party p raid 1 ready s 3 - 0
        3 refused not_available: quest `raid` is not available
        4 - contributions party p raid s o cid 1 1
        4 - objective_progress party p raid s o 1 1 1 true false
        4 - quest_state party p raid 1 ready s 3 - 0
        4 + facts realm r slain 1 1 -
        4 + grants raid/party:p/1/crown/bob raid party p 1 crown bob crown 1 pending - 4
        4 + quest_state party p raid 1 done - 4 - 1
        5 refused not_available: quest `raid` is not available
        5 refused not_ready: quest `raid` is not ready to be turned in
    "#]]
    .assert_eq(&text);
}

#[test]
fn conditions_of_players_see_groups_a_tick_later() {
    let stage = r#""stages": {"s": {"objectives": {"o": {"event": "kill"}}}}"#;
    let mut world = World::with(
        WORLD,
        &[
            ("siege", &format!(r#"{{"title": "S", "scope": "realm", "accept": "auto", {stage}}}"#)),
            (
                "feast",
                &format!(r#"{{"title": "F", "requires": {{"quests": {{"siege": "done"}}}}, {stage}}}"#),
            ),
            (
                "revenge",
                &format!(
                    r#"{{"title": "R", "scope": "guild", "accept": "auto", "requires": {{"quests": {{"siege": "done"}}}}, {stage}}}"#
                ),
            ),
        ],
    );
    world.step(2, guild());
    let mut text = world.step(3, events(["ann kill wolf"]));
    text.push_str(&world.step(5, events(["eve kill wolf"])));
    expect![[r#"
        3 - objective_progress realm r siege s o 1 0 1 false false
        3 - quest_state realm r siege 1 active s 1 - 0
        3 + quest_state realm r siege 1 done - 3 - 1
        4 + facts realm r slain 1 1 -
        4 + objective_progress guild wolves revenge s o 1 0 1 false false
        4 + quest_state guild wolves revenge 1 active s 4 - 0
        4 + quest_state player ann feast 0 available - 4 - 0
        4 + quest_state player bob feast 0 available - 4 - 0
        4 + quest_state player cid feast 0 available - 4 - 0
        5 + quest_state player eve feast 0 available - 5 - 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn closing_an_instance_frees_what_it_kept() {
    let mut world = World::with(
        WORLD,
        &[(
            "q",
            r#"{"title": "Q", "scope": "realm", "stages": {"s": {"objectives": {"d": {"event": "kill", "distinct": 1000}}}}}"#,
        )],
    );
    world.step(2, events(["ann quest.accept q"]));
    let before = world.pieces();
    let kills: Vec<String> = (0..50).map(|n| format!("p{} kill t{n}", n % 7)).collect();
    world.step(3, kills.iter().cloned().map(Given::Event).collect());
    // A holder, a lifetime counter and a share for each of seven players, and fifty targets.
    assert_eq!(world.pieces(), before + 7 + 7 + 7 + 50);
    world.step(4, events(["ann quest.abandon q"]));
    assert_eq!(world.pieces(), before + 7 + 7);
}

#[test]
fn closing_a_group_leaves_its_grants_and_the_number_of_its_instances() {
    let mut world = World::with(
        WORLD,
        &[(
            "q",
            r#"{"title": "Q", "scope": "party", "accept": "auto", "repeat": {"always": {}}, "rewards": {"slots": {"x": {"item": "y"}}},
            "stages": {"s": {"objectives": {"k": {"event": "kill", "count": 2}}}}}"#,
        )],
    );
    let start = world.pieces();
    let red = Holder { scope: Scope::Party, id: "red".into() };
    let mut text = world.step(2, vec![Given::Place("ann", at("party=red"))]);
    text += &world.step(3, events(["ann kill wolf", "ann kill wolf"]));
    text += &world.step(4, events(["ann kill wolf"]));
    text += &world.step(5, vec![Given::Close(red)]);
    // What ann does now is nobody's but hers.
    text += &world.step(6, events(["ann kill wolf"]));
    text += &world.step(7, vec![Given::Place("ann", at("party=red"))]);
    expect![[r#"
        2 + objective_progress party red q s k 1 0 2 false false
        2 + quest_state party red q 1 active s 2 - 0
        3 - objective_progress party red q s k 1 0 2 false false
        3 - quest_state party red q 1 active s 2 - 0
        3 + grants q/party:red/1/x/ann q party red 1 x ann y 1 pending - 3
        3 + quest_state party red q 1 done - 3 - 1
        4 - quest_state party red q 1 done - 3 - 1
        4 + contributions party red q s k ann 2 1
        4 + facts realm r slain 2 2 -
        4 + objective_progress party red q s k 2 1 2 false false
        4 + quest_state party red q 2 active s 4 - 1
        5 - contributions party red q s k ann 2 1
        5 - facts realm r slain 2 2 -
        5 - objective_progress party red q s k 2 1 2 false false
        5 - quest_state party red q 2 active s 4 - 1
        5 + facts realm r slain 3 3 -
        7 - facts realm r slain 3 3 -
        7 + facts realm r slain 4 4 -
        7 + objective_progress party red q s k 3 0 2 false false
        7 + quest_state party red q 3 active s 7 - 0
    "#]]
    .assert_eq(&text);
    world.step(8, vec![Given::Close(red)]);
    // Ann is known, with a lifetime counter, and a fact has changed; of the party there are a grant and
    // its highest instance.
    assert_eq!(world.pieces(), start + 3 + 2);
}
