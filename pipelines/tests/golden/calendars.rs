//! One world for each word of calendars: days of the world, the real calendar, occasions of the game, chance by day.

use crate::script::Golden;
use expect_test::expect;

/// A day of the world is 240 ticks, a minute of the real calendar is 60.
const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
clock:
  real_seconds_per_hour: 10
  start: '27 12:00'
regions: {moor: {}, village: {}}
kinds:
  kill: {}
lifetime:
  kills_since: {pattern: {event: kill, when: {dates: {from: 1970-01-01 00:02, zone: UTC}}}}
occasions:
  fair: {from: 1970-01-01 00:05, until: 1970-01-01 00:10, zone: UTC}
  thursdays: {weekdays: [thursday], hours: '00:12-00:15', zone: UTC}
";

const ENTITIES: &str = "
wolf: {kind: npc}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

#[test]
fn weekdays_and_dates_of_the_world() {
    let golden = world(
        "
sabbath:
  title: Sabbath
  requires: {weekday: [day7, day1]}
  stages: {kill: {objectives: {wolf: {event: kill}}}}
first_days:
  title: First days
  accept: auto
  requires: {month: Secondmonth, day: {at_most: 2}}
  fail_when: {not: {month: Secondmonth, day: {at_most: 2}}}
  stages: {kill: {objectives: {wolf: {event: kill, when: {weekday: day2}}}}}
",
        "
        10 event kill player=ann target=wolf
        500 event kill player=ann target=wolf
        1000 wait
        ",
    );
    expect![[r#"
        121: +1 quest_state scope=player holder=ann quest=sabbath instance=0 state=available stage= since=121 deadline= completions=0
        361: +1 quest_state scope=player holder=ann quest=first_days instance=1 state=active stage=kill since=361 deadline= completions=0
        601: -1 quest_state scope=player holder=ann quest=sabbath instance=0 state=available stage= since=121 deadline= completions=0
        841: -1 quest_state scope=player holder=ann quest=first_days instance=1 state=active stage=kill since=361 deadline= completions=0
        841: +1 quest_state scope=player holder=ann quest=first_days instance=1 state=failed stage= since=841 deadline= completions=0
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.story(&[100, 119, 120, 121, 359, 360, 361, 499, 500, 600, 601, 840]);
}

#[test]
fn times_of_the_real_calendar_open_a_quest_and_count_in_a_pattern() {
    let golden = world(
        "
matinee:
  title: Matinee
  requires: {dates: {weekdays: [thursday], days: [1], months: [1], hours: '01:03-01:05', zone: Europe/Berlin}}
  stages: {kill: {objectives: {wolf: {event: kill, count: 5}}}}
rush:
  title: Rush
  accept: auto
  stages: {kill: {objectives: {wolf: {event: kill, count: 5, when: {dates: {from: 1970-01-01 00:02, zone: UTC}}}}}}
",
        "
        10 event kill player=ann target=wolf
        119 event kill player=ann target=wolf
        120 event kill player=ann target=wolf
        200 event quest.accept player=ann target=matinee
        310 event kill player=ann target=wolf
        400 wait
        ",
    );
    expect![[r#"
        10: quest rush active stage=kill
        10: wolf 0/5
        120: wolf 1/5
        180: quest matinee available
        200: quest matinee active stage=kill
        200: wolf 0/5
        310: wolf 1/5
        310: wolf 2/5
    "#]]
    .assert_eq(&golden.story(&[119, 120, 179, 180, 200, 299, 300, 301]));
}

#[test]
fn an_occasion_of_the_game_is_active() {
    let golden = world(
        "
stalls:
  title: Stalls
  requires: {occasion: fair}
  fail_when: {not: {occasion: fair}}
  stages: {kill: {objectives: {wolf: {event: kill, count: 5}}}}
regulars:
  title: Regulars
  accept: auto
  stages: {stay: {objectives: {stay: {holds: {occasion: [fair, thursdays]}, for: 150s}}}}
",
        "
        10 event kill player=ann target=wolf
        310 event quest.accept player=ann target=stalls
        311 event kill player=ann target=wolf
        1000 wait
        ",
    );
    expect![[r#"
        10: quest regulars active stage=stay
        10: stay 0/1
        300: quest stalls available
        300: stay runs since=300 until=450
        310: quest stalls active stage=kill
        310: wolf 0/5
        311: wolf 1/5
        450: quest regulars done
        450: stay runs no more
        600: quest stalls failed
    "#]]
    .assert_eq(&golden.story(&[299, 300, 301, 449, 450, 599, 600, 719, 720, 900]));
}

#[test]
fn a_chance_is_the_same_all_day_and_each_players_own() {
    let golden = world(
        "
visitor:
  title: A visitor
  requires: {chance: {of: visitor, percent: 40, every: {world_day: {}}}}
  stages: {kill: {objectives: {wolf: {event: kill}}}}
same:
  title: The same draw
  requires: {chance: {of: visitor, percent: 40, every: {world_day: {}}}}
  stages: {kill: {objectives: {wolf: {event: kill}}}}
daily:
  title: Daily
  requires: {chance: {of: daily, percent: 50, every: {day: {at: '00:08', zone: UTC}}}}
  stages: {kill: {objectives: {wolf: {event: kill}}}}
",
        "
        10 event kill player=ann target=wolf
        10 event kill player=bob target=wolf
        10 event kill player=cid target=wolf
        10 event kill player=dan target=wolf
        1600 wait
        ",
    );
    expect![[r#"
        10: +1 quest_state scope=player holder=bob quest=daily instance=0 state=available stage= since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=bob quest=same instance=0 state=available stage= since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=bob quest=visitor instance=0 state=available stage= since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=cid quest=same instance=0 state=available stage= since=10 deadline= completions=0
        10: +1 quest_state scope=player holder=cid quest=visitor instance=0 state=available stage= since=10 deadline= completions=0
        121: +1 quest_state scope=player holder=ann quest=same instance=0 state=available stage= since=121 deadline= completions=0
        121: +1 quest_state scope=player holder=ann quest=visitor instance=0 state=available stage= since=121 deadline= completions=0
        361: +1 quest_state scope=player holder=dan quest=same instance=0 state=available stage= since=361 deadline= completions=0
        361: +1 quest_state scope=player holder=dan quest=visitor instance=0 state=available stage= since=361 deadline= completions=0
        480: -1 quest_state scope=player holder=bob quest=daily instance=0 state=available stage= since=10 deadline= completions=0
        480: +1 quest_state scope=player holder=cid quest=daily instance=0 state=available stage= since=480 deadline= completions=0
        601: -1 quest_state scope=player holder=ann quest=same instance=0 state=available stage= since=121 deadline= completions=0
        601: -1 quest_state scope=player holder=ann quest=visitor instance=0 state=available stage= since=121 deadline= completions=0
        601: -1 quest_state scope=player holder=bob quest=same instance=0 state=available stage= since=10 deadline= completions=0
        601: -1 quest_state scope=player holder=bob quest=visitor instance=0 state=available stage= since=10 deadline= completions=0
        601: -1 quest_state scope=player holder=dan quest=same instance=0 state=available stage= since=361 deadline= completions=0
        601: -1 quest_state scope=player holder=dan quest=visitor instance=0 state=available stage= since=361 deadline= completions=0
        841: +1 quest_state scope=player holder=ann quest=same instance=0 state=available stage= since=841 deadline= completions=0
        841: +1 quest_state scope=player holder=ann quest=visitor instance=0 state=available stage= since=841 deadline= completions=0
        841: -1 quest_state scope=player holder=cid quest=same instance=0 state=available stage= since=10 deadline= completions=0
        841: -1 quest_state scope=player holder=cid quest=visitor instance=0 state=available stage= since=10 deadline= completions=0
        1081: -1 quest_state scope=player holder=ann quest=same instance=0 state=available stage= since=841 deadline= completions=0
        1081: -1 quest_state scope=player holder=ann quest=visitor instance=0 state=available stage= since=841 deadline= completions=0
        1081: +1 quest_state scope=player holder=cid quest=same instance=0 state=available stage= since=1081 deadline= completions=0
        1081: +1 quest_state scope=player holder=cid quest=visitor instance=0 state=available stage= since=1081 deadline= completions=0
        1081: +1 quest_state scope=player holder=dan quest=same instance=0 state=available stage= since=1081 deadline= completions=0
        1081: +1 quest_state scope=player holder=dan quest=visitor instance=0 state=available stage= since=1081 deadline= completions=0
        1321: +1 quest_state scope=player holder=ann quest=same instance=0 state=available stage= since=1321 deadline= completions=0
        1321: +1 quest_state scope=player holder=ann quest=visitor instance=0 state=available stage= since=1321 deadline= completions=0
        1321: +1 quest_state scope=player holder=bob quest=same instance=0 state=available stage= since=1321 deadline= completions=0
        1321: +1 quest_state scope=player holder=bob quest=visitor instance=0 state=available stage= since=1321 deadline= completions=0
        1321: -1 quest_state scope=player holder=cid quest=same instance=0 state=available stage= since=1081 deadline= completions=0
        1321: -1 quest_state scope=player holder=cid quest=visitor instance=0 state=available stage= since=1081 deadline= completions=0
        1561: +1 quest_state scope=player holder=cid quest=same instance=0 state=available stage= since=1561 deadline= completions=0
        1561: +1 quest_state scope=player holder=cid quest=visitor instance=0 state=available stage= since=1561 deadline= completions=0
        1561: -1 quest_state scope=player holder=dan quest=same instance=0 state=available stage= since=1081 deadline= completions=0
        1561: -1 quest_state scope=player holder=dan quest=visitor instance=0 state=available stage= since=1081 deadline= completions=0
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.story(&[10, 119, 120, 121, 359, 360, 361, 479, 480, 481, 1_200]);
}

#[test]
fn credit_counts_since_a_date() {
    // The world's counter begins at its date, and the quest is accepted long after:
    // kills_since: {pattern: {event: kill, when: {dates: {from: 1970-01-01 00:02, zone: UTC}}}}
    let golden = world(
        "
veterans:
  title: Veterans
  stages: {kill: {objectives: {wolves: {event: kill, count: 10, since: ever, lifetime: kills_since}}}}
",
        "
        10 event kill player=ann target=wolf amount=3
        119 event kill player=ann target=wolf amount=3
        120 event kill player=ann target=wolf amount=4
        300 event kill player=ann target=wolf amount=2
        400 event quest.accept player=ann target=veterans
        401 event kill player=ann target=wolf amount=4
        402 wait
        ",
    );
    expect![[r#"
        400: quest veterans active stage=kill
        400: wolves 6/10
        401: quest veterans done
    "#]]
    .assert_eq(&golden.story(&[10, 119, 120, 121, 300, 399, 400, 401]));
}
