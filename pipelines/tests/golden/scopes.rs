//! The words of scopes, lifecycle, credit, failure and rewards, a small world and script each.
//!
//! `docs/language.md` names these tests. Each is run on 1, 2 and 4 workers and restarted at every tick.

use expect_test::expect;

use crate::script::Golden;
use crate::states::{CLIMATE, ENTITIES, WORLD, world};

#[test]
fn every_scope_counts_for_its_holder() {
    let mut quests = String::new();
    for scope in ["player", "account", "party", "guild", "region", "instance", "realm"] {
        let stages = format!("stages: {{all: {{objectives: {{of_{scope}: {{event: kill, count: 2}}}}}}}}");
        quests.push_str(&format!("q_{scope}: {{title: Q, scope: {scope}, accept: auto, {stages}}}\n"));
    }
    world(
        &quests,
        "
        9 presence ann server moor i1
        9 member ann party red
        9 member ann guild oak
        9 member ann account a1
        9 member bob party red
        10 event kill player=ann
        11 event kill player=bob
        12 wait
        ",
        expect![[r#"
            1: golden of_realm 0/2
            1: golden quest q_realm active stage=all
            1: moor of_region 0/2
            1: moor quest q_region active stage=all
            1: village of_region 0/2
            1: village quest q_region active stage=all
            9: a1 of_account 0/2
            9: a1 quest q_account active stage=all
            9: bob of_player 0/2
            9: bob quest q_player active stage=all
            9: i1 of_instance 0/2
            9: i1 quest q_instance active stage=all
            9: oak of_guild 0/2
            9: oak quest q_guild active stage=all
            9: of_player 0/2
            9: quest q_player active stage=all
            9: red of_party 0/2
            9: red quest q_party active stage=all
            10: a1 of_account 1/2
            10: a1 of_account credits ann with 1
            10: golden of_realm 1/2
            10: golden of_realm credits ann with 1
            10: i1 of_instance 1/2
            10: i1 of_instance credits ann with 1
            10: moor of_region 1/2
            10: moor of_region credits ann with 1
            10: oak of_guild 1/2
            10: oak of_guild credits ann with 1
            10: of_player 1/2
            10: red of_party 1/2
            10: red of_party credits ann with 1
            11: bob of_player 1/2
            11: golden quest q_realm done
            11: red quest q_party done
        "#]],
    );
}

#[test]
fn an_instance_from_accept_to_turn_in() {
    world(
        "
errand:
  title: Errand
  turn_in: manual
  deadline: 50ms
  repeat: {cooldown: 30ms}
  requires: {facts: {fame: {at_least: 1}}}
  stages: {all: {objectives: {a: {event: gain}}}}
  rewards: {experience: 20, slots: {pay: {item: gold, amount: 3}}}
",
        "
        9 event kill player=ann
        10 fact player ann fame 1
        11 event quest.accept player=ann target=errand
        12 event gain player=ann
        13 event quest.turn_in player=ann target=errand
        16 event quest.accept player=ann target=errand
        17 event quest.abandon player=ann target=errand
        18 event quest.accept player=ann target=errand
        24 wait
        ",
        expect![[r#"
            10: quest errand available
            11: a 0/1
            11: quest errand active stage=all
            12: a 1/1 done
            12: quest errand ready stage=all
            13: grant of 20 experience to ann
            13: grant of 3 gold to ann
            13: quest errand done
            16: a 0/1
            16: quest errand active stage=all
            17: quest errand abandoned
            18: a 0/1
            18: quest errand active stage=all
            23: quest errand expired
        "#]],
    );
}

#[test]
fn paths_exclude_each_other() {
    world(
        "
iron: {title: Iron, exclusive_group: path, stages: {all: {objectives: {a: {event: kill}}}}}
oak: {title: Oak, exclusive_group: path, stages: {all: {objectives: {b: {event: gain}}}}}
",
        "
        10 event quest.accept player=ann target=iron
        11 event quest.accept player=ann target=oak
        12 event kill player=ann
        13 wait
        ",
        expect![[r#"
            10: a 0/1
            10: quest iron active stage=all
            12: quest iron done
        "#]],
    );
}

#[test]
fn credit_since_acceptance_or_ever() {
    world(
        "
new: {title: New, stages: {all: {objectives: {a: {event: kill, count: 2}}}}}
old: {title: Old, stages: {all: {objectives: {b: {event: kill, count: 2, since: ever, lifetime: kills}}}}}
",
        "
        10 event kill player=ann
        11 event quest.accept player=ann target=new
        11 event quest.accept player=ann target=old
        12 event kill player=ann
        13 wait
        ",
        expect![[r#"
            11: a 0/2
            11: b 1/2
            11: quest new active stage=all
            11: quest old active stage=all
            12: a 1/2
            12: quest old done
        "#]],
    );
}

#[test]
fn what_fails_a_quest() {
    world(
        "
timer: {title: Timer, accept: auto, deadline: 30ms, stages: {all: {objectives: {a: {event: gain}}}}}
death: {title: Death, accept: auto, fail_on: [{event: die}], stages: {all: {objectives: {b: {event: gain}}}}}
leaves:
  title: Leaves
  accept: auto
  fail_when: {not: {region: [moor]}}
  stages: {all: {objectives: {c: {event: gain}}}}
",
        "
        9 presence ann server moor -
        10 event die player=ann
        11 presence ann server village -
        14 wait
        ",
        expect![[r#"
            9: a 0/1
            9: b 0/1
            9: c 0/1
            9: quest death active stage=all
            9: quest leaves active stage=all
            9: quest timer active stage=all
            10: quest death failed
            11: quest leaves failed
            12: quest timer expired
        "#]],
    );
}

#[test]
fn contributors_are_rewarded_by_what_they_gave() {
    world(
        "
stones:
  title: Stones
  scope: realm
  accept: auto
  stages: {all: {objectives: {a: {event: gain, count: 6}}}}
  rewards: {slots: {pay: {item: gold}}, to: {contributors: {at_least: 2}}}
",
        "
        10 event gain player=ann amount=3
        11 event gain player=bob
        12 event gain player=cid amount=2
        13 wait
        ",
        expect![[r#"
            1: golden a 0/6
            1: golden quest stones active stage=all
            10: golden a 3/6
            10: golden a credits ann with 3
            11: golden a 4/6
            11: golden a credits bob with 1
            12: golden quest stones done
            12: grant of 1 gold to ann
            12: grant of 1 gold to cid
        "#]],
    );
}

#[test]
fn a_window_of_time_a_level_and_a_segment_open_a_quest() {
    world(
        "
dusk:
  title: Dusk
  requires: {hours: '19:57-20:03', level: {at_least: 1, at_most: 3}, facts: {segment: b}}
  stages: {all: {objectives: {a: {event: gain}}}}
",
        "
        2 member ann account a1
        2 member bob account a2
        2 fact account a1 segment b
        20 wait
        ",
        expect![[r#"
            6: quest dusk available
        "#]],
    );
}

#[test]
fn a_choice_fails_the_other_path() {
    world(
        "
mercy: {title: Mercy, accept: auto, fail_on: [{event: choose, target: wolf}], stages: {all: {objectives: {a: {event: choose, target: farmer}}}}}
",
        "
        10 event choose player=ann target=wolf
        11 event choose player=ann target=farmer
        12 wait
        ",
        expect![[r#"
            10: quest mercy failed
        "#]],
    );
}

#[test]
fn again_each_week() {
    // The first day of 1970 was a Thursday.
    let slow = WORLD.replace("real_seconds_per_hour: 1,", "real_seconds_per_hour: 3600,");
    let files = [
        ("world.yaml", slow.as_str()),
        ("entities.yaml", ENTITIES),
        ("climates/mild.yaml", CLIMATE),
        (
            "quests/all.yaml",
            "
weekly:
  title: Weekly
  accept: auto
  repeat: {weekly: {day: thursday, at: '04:00', zone: UTC}}
  stages: {all: {objectives: {a: {event: kill, count: 2}}}}
friday:
  title: Another day
  accept: auto
  repeat: {weekly: {day: friday, at: '04:00', zone: UTC}}
  stages: {all: {objectives: {b: {event: kill, count: 2}}}}
",
        ),
    ];
    let script = "
        1439990 event kill player=ann
        1439999 event kill player=ann
        1440001 event kill player=ann
        1440010 wait
        ";
    expect![[r#"
        1439990: a 1/2
        1439990: b 1/2
        1439990: quest friday active stage=all
        1439990: quest weekly active stage=all
        1439999: quest friday done
        1439999: quest weekly done
        1440000: a 0/2
        1440000: quest weekly active stage=all
        1440001: a 1/2
    "#]]
    .assert_eq(&Golden::new(&files, script).story(&[1_439_990, 1_439_999, 1_440_000, 1_440_001]));
}

#[test]
fn again_each_day_and_counted_since_then() {
    // Days begin at four: at the tick 1,440,000 and 8,640,000 ticks after it.
    let slow = WORLD.replace("real_seconds_per_hour: 1,", "real_seconds_per_hour: 3600,");
    let files = [
        ("world.yaml", slow.as_str()),
        ("entities.yaml", ENTITIES),
        ("climates/mild.yaml", CLIMATE),
        (
            "quests/all.yaml",
            "
daily:
  title: Daily
  accept: auto
  repeat: {daily: {at: '04:00', zone: UTC}}
  stages: {all: {objectives: {a: {event: kill, count: 2, since: reset, lifetime: kills}}}}
",
        ),
    ];
    let script = "
        1439990 event kill player=ann
        1439999 event kill player=ann
        1440001 event kill player=ann
        1440010 wait
        ";
    expect![[r#"
        1439990: a 1/2
        1439990: quest daily active stage=all
        1439999: quest daily done
        1440000: a 0/2
        1440000: quest daily active stage=all
        1440001: a 1/2
    "#]]
    .assert_eq(&Golden::new(&files, script).story(&[1_439_990, 1_439_999, 1_440_000, 1_440_001]));
}
