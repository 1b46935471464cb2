//! The words of objectives, a small world and script each: what adds up, and for how long.
//!
//! `docs/language.md` names these tests. Each is run on 1, 2 and 4 workers and restarted at every tick.

use expect_test::{Expect, expect};

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 3600, start: '1 12:00'}
regions: {moor: {}, village: {}, tower: {}}
kinds:
  kill: {}
  hurt: {}
  gain: {}
  lose: {}
  visit: {}
  pull: {}
  finish: {attributes: {seconds: number, score: number}}
  pray: {}
facts:
  fame: {scope: player, type: int, default: 0}
";

const ENTITIES: &str = "
wolf: {kind: npc, tags: [beast]}
bear: {kind: npc, tags: [beast]}
boss: {kind: npc}
herb: {kind: object}
left: {kind: object}
right: {kind: object}
middle: {kind: object}
cave: {kind: object, tags: [landmark]}
ruin: {kind: object, tags: [landmark]}
oak: {kind: object, tags: [landmark]}
well: {kind: object, tags: [landmark]}
";

pub(crate) fn quests(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

/// One quest that everyone has, with these stages.
pub(crate) fn stages(stages: &str, script: &str, expected: Expect) {
    let all = format!("quest:\n  title: A quest\n  accept: auto\n  stages:\n{stages}");
    expected.assert_eq(&quests(&all, script).story(&[]));
}

/// One quest that everyone has, with one stage and these objectives.
pub(crate) fn objectives(objectives: &str, script: &str, expected: Expect) {
    stages(&format!("    all:\n      objectives:\n{objectives}"), script, expected);
}

#[test]
fn last_is_the_latest_amount() {
    objectives(
        "        score: {event: finish, last: 5, of: score}\n",
        "
        10 event finish player=ann score=3
        11 event finish player=ann score=4
        12 event finish player=ann score=0
        13 event finish player=ann score=9
        14 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: score 3/5
            11: score 4/5
            12: score 0/5
            13: quest quest done
        "#]],
    );
}

#[test]
fn min_is_the_best_time() {
    objectives(
        "        race: {event: finish, min: 90, of: seconds}\n",
        "
        10 event finish player=ann seconds=120
        11 event finish player=ann seconds=95
        12 event finish player=ann seconds=130
        13 event finish player=ann seconds=90
        14 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: race 120/90
            11: race 95/90
            13: quest quest done
        "#]],
    );
}

#[test]
fn a_window_counts_the_latest_events_only() {
    objectives(
        "        spree: {event: kill, count: 3, window: 50ms}\n",
        "
        10 event kill player=ann target=wolf
        12 event kill player=ann target=wolf
        15 event kill player=ann target=wolf
        16 event kill player=ann target=wolf
        17 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: spree 1/3
            10: spree runs until=15
            12: spree 2/3
            15: spree runs until=17
            16: quest quest done
            16: spree runs no more
        "#]],
    );
}

#[test]
fn a_decaying_counter_halves_in_its_half_life() {
    objectives(
        "        heat: {event: kill, count: 10, half_life: 40ms}\n",
        "
        10 event kill player=ann target=wolf amount=8
        14 event kill player=ann target=wolf
        15 event kill player=ann target=wolf
        20 event kill player=ann target=wolf amount=9
        22 wait
        ",
        expect![[r#"
            10: heat 8/10
            10: heat runs value=8 since=10 until=14
            10: quest quest active stage=all
            14: heat 5/10
            14: heat runs value=5 since=14 until=18
            15: heat runs value=5.204482 since=15 until=19
            20: heat runs no more
            20: quest quest done
        "#]],
    );
}

#[test]
fn a_streak_counts_days_of_the_real_calendar_in_a_row() {
    // Each tick is a hundredth of a second: 8,640,000 a day, and days begin 14,400,000 ms after midnight.
    let quest = "
quest:
  title: A quest
  accept: auto
  stages:
    all:
      objectives:
        prayers: {event: pray, streak: 3, every: {day: {at: '04:00', zone: UTC}}}
";
    let golden = quests(
        quest,
        "
        10 event pray player=ann
        1440000 event pray player=ann
        1440001 event pray player=ann
        20000000 event pray player=ann
        30000000 event pray player=ann
        36100000 event pray player=ann
        38000000 wait
        ",
    );
    expect![[r#"
        10: prayers 1/3
        10: prayers runs until=10080000
        10: quest quest active stage=all
        1440000: prayers 2/3
        1440000: prayers runs until=18720000
        18720000: prayers 0/3
        18720000: prayers runs no more
        20000000: prayers 1/3
        20000000: prayers runs until=36000000
        30000000: prayers 2/3
        30000000: prayers runs until=44640000
        36100000: prayers runs no more
        36100000: quest quest done
    "#]]
    .assert_eq(&golden.story(&[10, 1_440_000, 18_719_999, 18_720_000, 37_000_000]));
}

#[test]
fn a_streak_counts_days_of_the_world_in_a_row() {
    let quest = "
quest:
  title: A quest
  accept: auto
  stages: {all: {objectives: {prayers: {event: pray, streak: 3, every: {world_day: {}}}}}}
";
    // An hour of the world takes ten ticks here; the first midnight is at tick 121.
    let golden = quests(
        quest,
        "
        1 clock scale 36000 1
        10 event pray player=ann
        11 event pray player=ann
        130 event pray player=ann
        700 event pray player=ann
        701 clock scale 72000 1
        720 event pray player=ann
        850 event pray player=ann
        851 wait
        ",
    );
    expect![[r#"
        10: prayers 1/3
        10: prayers runs until=361
        10: quest quest active stage=all
        130: prayers 2/3
        130: prayers runs until=601
        601: prayers 0/3
        601: prayers runs no more
        700: prayers 1/3
        700: prayers runs until=1081
        701: prayers runs until=891
        850: prayers 2/3
        850: prayers runs until=1011
    "#]]
    .assert_eq(&golden.story(&[1, 10, 120, 130, 400, 601, 700, 701, 720, 850]));
}

#[test]
fn each_of_some_players_must_do_their_part() {
    let golden = quests(
        "
siege:
  title: Siege
  scope: party
  accept: auto
  stages: {all: {objectives: {stones: {event: gain, count: 3, players: 2}}}}
  rewards: {experience: 10, to: {contributors: {at_least: 3}}}
",
        "
        9 member ann party red
        9 member bob party red
        9 member cid party red
        10 event gain player=ann amount=9
        11 event gain player=bob amount=2
        12 event gain player=cid
        13 event gain player=bob amount=2
        14 wait
        ",
    );
    expect![[r#"
        9: red quest siege active stage=all
        9: red stones 0/2
        10: red stones 1/2
        10: red stones credits ann with 3
        11: red stones credits bob with 2
        12: red stones credits cid with 1
        13: grant of 10 experience to ann
        13: grant of 10 experience to bob
        13: red quest siege done
    "#]]
    .assert_eq(&golden.story(&[]));
}

#[test]
fn a_percentage_of_a_set_follows_the_set() {
    objectives(
        "        sights: {event: visit, target: landmark, percent: 75}\n",
        "
        10 event visit player=ann target=cave
        11 event visit player=ann target=cave
        12 event visit player=ann target=ruin
        13 entity pond upsert object landmark
        13 entity cave upsert object burnt
        14 event visit player=ann target=cave
        15 entity pond delete
        16 entity oak delete
        17 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: sights 1/3
            12: sights 2/3
            13: sights 1/3
            16: sights 1/2
        "#]],
    );
}

#[test]
fn collected_items_count_as_long_as_they_are_held() {
    objectives(
        "        herbs: {event: gain, target: herb, count: 3, minus: [{event: lose, target: herb}], latched: false}
        report: {event: visit, target: well}\n",
        "
        10 event gain player=ann target=herb amount=4
        11 event lose player=ann target=herb
        12 event lose player=ann target=herb
        13 event visit player=ann target=well
        14 event gain player=ann target=herb
        15 wait
        ",
        expect![[r#"
            10: herbs 3/3 done
            10: quest quest active stage=all
            10: report 0/1
            12: herbs 2/3
            13: report 1/1 done
            14: quest quest done
        "#]],
    );
}

#[test]
fn gathered_items_count_for_good() {
    objectives(
        "        herbs: {event: gain, target: herb, count: 3}\n",
        "
        10 event gain player=ann target=herb amount=2
        11 event lose player=ann target=herb
        12 event gain player=ann target=herb
        13 wait
        ",
        expect![[r#"
            10: herbs 2/3
            10: quest quest active stage=all
            12: quest quest done
        "#]],
    );
}

#[test]
fn a_reset_sets_one_objective_back() {
    objectives(
        "        row: {event: kill, count: 3, reset_on: [{event: hurt}]}
        visit: {event: visit}\n",
        "
        10 event kill player=ann target=wolf amount=2
        11 event visit player=ann
        12 event hurt player=ann
        13 event kill player=ann target=wolf amount=3
        14 event hurt player=ann
        15 wait
        ",
        expect![[r#"
            10: quest quest active stage=all
            10: row 2/3
            10: visit 0/1
            11: visit 1/1 done
            12: row 0/3
            13: quest quest done
        "#]],
    );
}

#[test]
fn defeating_without_a_hit_begins_again_with_each_hit() {
    stages(
        "    duel:
      complete: sequence
      reset_on: [{event: hurt}]
      objectives: {fight: {event: pull, target: boss}, win: {event: kill, target: boss}}
",
        "
        10 event pull player=ann target=boss
        11 event hurt player=ann
        12 event kill player=ann target=boss
        13 event pull player=ann target=boss
        14 event kill player=ann target=boss
        15 wait
        ",
        expect![[r#"
            10: fight 1/1 done
            10: quest quest active stage=duel
            10: win 0/1
            11: fight 0/1
            13: fight 1/1 done
            14: quest quest done
        "#]],
    );
}

#[test]
fn counts_sums_and_different_ones() {
    objectives(
        "        hunt: {event: kill, target: beast, count: 3}
        score: {event: finish, sum: 10, of: score}
        places: {event: visit, distinct: 2}
        best: {event: finish, max: 7, of: score}\n",
        "
        10 event kill player=ann target=wolf amount=2
        10 event finish player=ann score=4
        11 event visit player=ann target=cave
        12 event visit player=ann target=cave
        12 event finish player=ann score=7
        13 event kill player=ann target=bear
        14 event visit player=ann target=oak
        15 wait
        ",
        expect![[r#"
            10: best 4/7
            10: hunt 2/3
            10: places 0/2
            10: quest quest active stage=all
            10: score 4/10
            11: places 1/2
            12: best 7/7 done
            12: score 10/10 done
            13: hunt 3/3 done
            14: quest quest done
        "#]],
    );
}

/// No word of its own is needed for what is only a kind of event.
#[test]
fn deeds_are_kinds_of_events() {
    const DEEDS: [&str; 21] = [
        "kill",
        "assist",
        "gather",
        "deliver",
        "craft",
        "use_item",
        "interact",
        "cast",
        "talk",
        "choose",
        "enter",
        "leave",
        "emote",
        "trade",
        "spend",
        "earn",
        "photograph",
        "send",
        "receive",
        "kill_player",
        "external",
    ];
    let mut world = String::from("name: golden\nseed: 7\ntick_ms: 10\nkinds:\n");
    let mut quest = String::from("q:\n  title: Q\n  accept: auto\n  stages:\n    all:\n      objectives:\n");
    let mut script = String::new();
    for (place, deed) in DEEDS.iter().enumerate() {
        world.push_str(&format!("  {deed}: {{attributes: {{what: id}}}}\n"));
        quest.push_str(&format!("        {deed}: {{event: {deed}, where: {{what: right}}}}\n"));
        script.push_str(&format!("{} event {deed} player=ann what=wrong\n", place + 10));
        script.push_str(&format!("{} event {deed} player=ann what=right\n", place + 10));
    }
    script.push_str("31 wait");
    let golden = Golden::new(&[("world.yaml", &world), ("quests/all.yaml", &quest)], &script);
    let story = golden.story(&[10, 20]);
    // With the last of them the quest is done, and its objectives are gone.
    for deed in &DEEDS[..DEEDS.len() - 1] {
        assert!(story.contains(&format!(": {deed} 1/1 done")), "{deed}: {story}");
    }
    assert!(story.contains("30: quest q done"), "{story}");
}

#[test]
fn an_edit_keeps_what_the_same_words_have_counted() {
    let before = "        heat: {event: kill, count: 10, half_life: 40ms}
        spree: {event: kill, count: 5, window: 1s}
        stay: {holds: {region: moor}, for: 90ms}
        herbs: {event: gain, count: 3, minus: [{event: lose}], latched: false}\n";
    let after =
        before.replace("count: 10", "count: 6").replace("90ms", "60ms").replace("window: 1s", "window: 2s");
    let quest = |objectives: &str| {
        format!(
            "quest:\n  title: A quest\n  accept: auto\n  stages:\n    all:\n      objectives:\n{objectives}"
        )
    };
    let script = "
        9 presence ann server moor -
        10 event kill player=ann amount=4
        11 event gain player=ann amount=7
        12 wait
        ";
    let first = quests(&quest(before), script).run();
    let then = "
        14 event lose player=ann amount=4
        14 event kill player=ann amount=4
        17 wait
        ";
    let second = quests(&quest(&after), then).edited_at(13);
    let ran = second.run_from((12, first.snapshot_at(12)));
    expect![[r#"
        12: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 need=10 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=herbs instance=1 value=3 need=3 done=true hidden=false
        12: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=spree instance=1 value=4 need=5 done=false hidden=false
        12: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=stay instance=1 value=0 need=1 done=false hidden=false
        12: +1 objective_times scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 since=10 until=14
        12: +1 objective_times scope=player holder=ann quest=quest stage=all objective=spree instance=1 value= since= until=110
        12: +1 objective_times scope=player holder=ann quest=quest stage=all objective=stay instance=1 value= since=9 until=18
        13: -1 objective_progress scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 need=10 done=false hidden=false
        13: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 need=6 done=false hidden=false
        13: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=spree instance=1 value=0 need=5 done=false hidden=false
        13: -1 objective_progress scope=player holder=ann quest=quest stage=all objective=spree instance=1 value=4 need=5 done=false hidden=false
        13: -1 objective_times scope=player holder=ann quest=quest stage=all objective=spree instance=1 value= since= until=110
        13: +1 objective_times scope=player holder=ann quest=quest stage=all objective=stay instance=1 value= since=9 until=15
        13: -1 objective_times scope=player holder=ann quest=quest stage=all objective=stay instance=1 value= since=9 until=18
        14: -1 objective_progress scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 need=6 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=6 need=6 done=true hidden=false
        14: -1 objective_progress scope=player holder=ann quest=quest stage=all objective=spree instance=1 value=0 need=5 done=false hidden=false
        14: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=spree instance=1 value=4 need=5 done=false hidden=false
        14: -1 objective_times scope=player holder=ann quest=quest stage=all objective=heat instance=1 value=4 since=10 until=14
        14: +1 objective_times scope=player holder=ann quest=quest stage=all objective=spree instance=1 value= since= until=214
        15: -1 objective_progress scope=player holder=ann quest=quest stage=all objective=stay instance=1 value=0 need=1 done=false hidden=false
        15: +1 objective_progress scope=player holder=ann quest=quest stage=all objective=stay instance=1 value=1 need=1 done=true hidden=false
    "#]].assert_eq(&Golden::show(&ran, &["objective_progress", "objective_times"]));
}
