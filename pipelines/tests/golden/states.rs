//! The words of conditions and of objectives that hold for a time, a small world and script each.
//!
//! `docs/language.md` names these tests. Each is run on 1, 2 and 4 workers and restarted at every tick.

use expect_test::{Expect, expect};

use crate::script::Golden;

/// A world hour takes a hundred ticks: night begins at tick 11.
pub(crate) const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 1, start: '1 19:54'}
zones: {moor_zone: {climate: mild}}
regions: {moor: {zone: moor_zone}, village: {}}
kinds:
  kill: {}
  die: {}
  arrive: {}
  gain: {}
  choose: {}
facts:
  fame: {scope: player, type: int, default: 0}
  sword: {scope: player, type: bool, default: false}
  guild_name: {scope: player, type: text, default: none}
  segment: {scope: account, type: text, default: a}
  bridge: {scope: realm, type: bool, default: false}
lifetime:
  kills: {pattern: {event: kill}}
";

pub(crate) const ENTITIES: &str = "
wolf: {kind: npc, tags: [beast]}
farmer: {kind: npc}
";

pub(crate) const CLIMATE: &str = "
states:
  clear: {intensity: 0, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
  rain: {intensity: 0.7, wind_kmh: 15, humidity: 0.9, visibility_m: 4000, wetness_per_hour: 0.5}
change: 0
seasons:
  spring: {start: clear, temperature_c: [5, 20], next: {clear: 1, rain: 1}}
  summer: {start: clear, temperature_c: [15, 30], next: {clear: 1, rain: 1}}
  fall: {start: clear, temperature_c: [5, 15], next: {clear: 1, rain: 1}}
  winter: {start: clear, temperature_c: [-10, 5], next: {clear: 1, rain: 1}}
";

pub(crate) fn world(quests: &str, script: &str, expected: Expect) {
    let files = [
        ("world.yaml", WORLD),
        ("entities.yaml", ENTITIES),
        ("climates/mild.yaml", CLIMATE),
        ("quests/all.yaml", quests),
    ];
    expected.assert_eq(&Golden::new(&files, script).story(&[]));
}

/// One quest that everyone has, with one stage and these objectives.
pub(crate) fn objectives(objectives: &str, script: &str, expected: Expect) {
    let all = "quest:\n  title: A quest\n  accept: auto\n  stages:\n    all:\n      objectives:\n";
    world(&format!("{all}{objectives}"), script, expected);
}

#[test]
fn staying_in_an_area_for_a_time() {
    objectives(
        "        watch: {holds: {region: moor}, for: 30ms}\n",
        "
        10 presence ann server village -
        12 presence ann server moor -
        14 presence ann server village -
        15 presence ann server moor -
        19 presence ann server village -
        20 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: watch 0/1
            12: watch runs since=12 until=15
            14: watch runs no more
            15: watch runs since=15 until=18
            18: quest quest done
            18: watch runs no more
        "#]],
    );
}

#[test]
fn surviving_for_a_time() {
    objectives(
        "        survive: {holds: {}, for: 50ms, reset_on: [{event: die}]}\n",
        "
        10 event gain player=ann
        13 event die player=ann
        20 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: survive 0/1
            10: survive runs since=10 until=15
            13: survive runs since=13 until=18
            18: quest quest done
            18: survive runs no more
        "#]],
    );
}

#[test]
fn an_escort_arrives_alive() {
    world(
        "
escort:
  title: Escort
  repeat: {always: {}}
  fail_on: [{event: die, target: farmer}]
  stages: {way: {objectives: {there: {event: arrive, target: farmer, region: village}}}}
",
        "
        10 event quest.accept player=ann target=escort
        11 event die player=ann target=farmer
        12 event quest.accept player=ann target=escort
        13 event arrive player=ann target=farmer region=moor
        14 event arrive player=ann target=farmer region=village
        15 wait
        ",
        expect![[r#"
            10: quest escort active stage=way
            10: there 0/1
            11: quest escort failed
            12: quest escort active stage=way
            12: there 0/1
            14: quest escort done
            15: quest escort available
        "#]],
    );
}

#[test]
fn protecting_until_time_is_over() {
    world(
        "
guard:
  title: Guard
  fail_on: [{event: die, target: farmer}]
  stages: {night: {objectives: {safe: {holds: {}, for: 40ms}}}}
",
        "
        10 event quest.accept player=ann target=guard
        10 event quest.accept player=bob target=guard
        12 event die player=bob target=farmer
        15 wait
        ",
        expect![[r#"
            10: bob quest guard active stage=night
            10: bob safe 0/1
            10: bob safe runs since=10 until=14
            10: quest guard active stage=night
            10: safe 0/1
            10: safe runs since=10 until=14
            12: bob quest guard failed
            12: bob safe runs no more
            14: quest guard done
            14: safe runs no more
        "#]],
    );
}

#[test]
fn states_are_done_while_facts_say_so() {
    objectives(
        "        reputation: {holds: {facts: {fame: {at_least: 5}}}, latched: true}
        equip: {holds: {facts: {sword: true}}}
        level: {holds: {level: {at_least: 2}}, optional: true}\n",
        "
        10 fact player ann fame 5
        11 event gain player=ann
        12 fact player ann fame 1
        13 fact player ann sword true
        14 wait
        ",
        expect![[r#"
            11: equip 0/1
            11: level 0/1
            11: quest quest active stage=all
            11: reputation 1/1 done
            13: quest quest done
        "#]],
    );
}

#[test]
fn facts_compare() {
    objectives(
        "        is: {holds: {facts: {guild_name: oak}}}
        is_not: {holds: {facts: {guild_name: {is_not: none}}}}
        below: {holds: {facts: {fame: {below: 3}}}}
        at_most: {holds: {facts: {fame: {at_most: 2}}}}
        above: {holds: {facts: {fame: {above: 1}}}}
        at_least: {holds: {facts: {fame: {at_least: 2}}}}
        between: {holds: {facts: {fame: {at_least: 2, at_most: 4}}}}
        world: {holds: {facts: {bridge: true}}}
        not: {holds: {not: {facts: {fame: 7}}}}
        any: {holds: {any: [{facts: {fame: 2}}, {facts: {fame: 3}}]}}
        one_of: {holds: {facts: {fame: {one_of: [2, 3]}}}}\n",
        "
        10 fact player ann guild_name oak
        11 event gain player=ann
        12 fact player ann fame 2
        13 fact realm golden bridge true
        14 wait
        ",
        expect![[r#"
            11: above 0/1
            11: any 0/1
            11: at_least 0/1
            11: at_most 1/1 done
            11: below 1/1 done
            11: between 0/1
            11: is 1/1 done
            11: is_not 1/1 done
            11: not 1/1 done
            11: one_of 0/1
            11: quest quest active stage=all
            11: world 0/1
            12: above 1/1 done
            12: any 1/1 done
            12: at_least 1/1 done
            12: between 1/1 done
            12: one_of 1/1 done
            13: quest quest done
        "#]],
    );
}

#[test]
fn the_time_of_the_world() {
    objectives(
        "        phase: {event: kill, when: {phase: night}}
        hours: {holds: {hours: '19:50-20:30'}, latched: true}
        season: {holds: {season: spring}}
        moon: {holds: {moon: {moon: new}}}\n",
        "
        9 event kill player=ann
        10 event gain player=ann
        12 event kill player=ann
        13 wait
        ",
        expect![[r#"
            9: hours 1/1 done
            9: moon 1/1 done
            9: phase 0/1
            9: quest quest active stage=all
            9: season 1/1 done
            12: quest quest done
        "#]],
    );
}

#[test]
fn the_weather_of_the_region() {
    objectives(
        "        rain: {holds: {weather: {kind: rain, intensity: {at_least: 0.5}, lasting: 30ms}}}\n",
        "
        9 presence ann server moor -
        10 weather moor_zone rain
        16 wait
        ",
        expect![[r#"
            9: quest quest active stage=all
            9: rain 0/1
            13: quest quest done
        "#]],
    );
}

#[test]
fn the_weather_of_another_region() {
    objectives(
        "        rain: {holds: {weather: {region: moor, kind: rain, lasting: 30ms}}}
        here: {holds: {weather: {kind: rain}}, optional: true}\n",
        "
        9 presence ann server village -
        10 weather moor_zone rain
        16 wait
        ",
        expect![[r#"
            9: here 0/1
            9: quest quest active stage=all
            9: rain 0/1
            13: quest quest done
        "#]],
    );
}

#[test]
fn while_two_things_hold() {
    objectives(
        "        wolves: {event: kill, target: beast, count: 2, when: {phase: night, weather: {kind: rain}}}\n",
        "
        9 presence ann server moor -
        10 event kill player=ann target=wolf
        12 event kill player=ann target=wolf
        13 weather moor_zone rain
        13 event kill player=ann target=wolf
        14 event kill player=ann target=wolf
        15 wait
        ",
        expect![[r#"
            9: quest quest active stage=all
            9: wolves 0/2
            13: wolves 1/2
            14: quest quest done
        "#]],
    );
}

#[test]
fn where_other_quests_stand() {
    world(
        "
first: {title: First, accept: auto, stages: {all: {objectives: {a: {event: kill}}}}}
second:
  title: Second
  accept: auto
  requires: {quests: {first: done}}
  stages: {all: {objectives: {b: {event: gain}}}}
third: {title: Third, accept: auto, stages: {all: {objectives: {c: {holds: {quests: {second: done}}}}}}}
",
        "
        10 event gain player=ann
        11 event kill player=ann
        13 event gain player=ann
        15 wait
        ",
        expect![[r#"
            10: a 0/1
            10: c 0/1
            10: quest first active stage=all
            10: quest third active stage=all
            11: quest first done
            12: b 0/1
            12: quest second active stage=all
            13: quest second done
            14: quest third done
        "#]],
    );
}
