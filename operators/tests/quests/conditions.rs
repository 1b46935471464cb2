//! Conditions as of an event or a tick, and effects that the next tick sees.

use expect_test::expect;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Value};

use crate::WORLD;
use crate::harness::{Given, World, at, clock, events, realm, weather};

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
