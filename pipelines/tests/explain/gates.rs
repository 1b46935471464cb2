//! Every kind of condition, with what there is now and when that will be otherwise.

use expect_test::expect;

use crate::played::{Played, player};

#[tokio::test]
async fn every_test_of_a_condition_is_told_with_what_there_is() {
    let quests = "
vigil:
  title: The vigil
  requires:
    phase: [night, dusk]
    hours: '19:00-04:00'
    season: [fall, winter]
    moon: {moon: full}
    weather: {kind: rain, intensity: {at_least: 0.5}, lasting: 10m world}
    region: moor
    facts: {mood: {at_least: 3}, renown: 2}
    quests: {errand: done}
    level: {above: 1}
    compare: player.renown * 2 > realm.mood
    all: [{phase: [day, dusk]}]
    any: [{region: village}, {facts: {mood: {below: 0}}}]
    not: {quests: {errand: active}}
  stages: {watch: {objectives: {wait: {event: talk, target: elder}}}}
errand:
  title: An errand
  stages: {go: {objectives: {talk: {event: talk, target: elder}}}}
";
    let script = "
        5 presence ann s1 moor -
        6 weather heights rain
        7 fact realm told mood 2
        8 event quest.accept player=ann target=errand
        20 wait
    ";
    let played = Played::of(quests).play(script).await;
    expect![[r#"
        vigil “The vigil” of player ann: hidden
          it requires clock.phase in [night, dusk] (now day, from 18:00 (in 5 min 40 s)) and clock.time between 19:00 and 04:00 (now 12:21, from 19:00 (in 6 min 40 s)) and clock.season in [fall, winter] (now spring, from 00:00 in 56 days (in 22 h 11 min)), and 8 more
          at 1970-01-01T00:00:21Z (tick 21); world time day 1, 12:21 (day, spring)

        requires
          ✗ all of
            ✗ clock.phase in [night, dusk]   now day, from 18:00 (in 5 min 40 s)
            ✗ clock.time between 19:00 and 04:00   now 12:21, from 19:00 (in 6 min 40 s)
            ✗ clock.season in [fall, winter]   now spring, from 00:00 in 56 days (in 22 h 11 min)
            ✗ moon.moon == full   now new, from 00:00 in 14 days (in 5 h 23 min)
            ✓ weather.state == rain   now rain for 15 s
            ✓ weather.intensity >= 0.5   now 0.52866
            ✓ weather.lasting >= 10m world   now rain for 15 s
            ✓ region == moor   now moor
            ✗ mood >= 3   now 2, 1 more
            ✗ renown == 2   now 0
            ✗ quest.errand == done   now active
            ✗ player.level > 1   now 1
            ✗ (fact.renown * 2) > fact.mood   now 0 and 2
            ✓ clock.phase in [day, dusk]   now day, until 20:00 (in 7 min 40 s)
            ✗ one of
              ✗ region == village   now moor
              ✗ mood < 0   now 2
            ✗ not
              ✓ quest.errand == active   now active

        · stage watch, all of
          · wait 0/1: talk elder

        to finish it
          1. it must hold: clock.phase in [night, dusk] (now day, from 18:00 (in 5 min 40 s))
          2. it must hold: clock.time between 19:00 and 04:00 (now 12:21, from 19:00 (in 6 min 40 s))
          3. it must hold: clock.season in [fall, winter] (now spring, from 00:00 in 56 days (in 22 h 11 min))
          4. it must hold: moon.moon == full (now new, from 00:00 in 14 days (in 5 h 23 min))
          5. it must hold: mood >= 3 (now 2, 1 more)
          6. it must hold: renown == 2 (now 0)
          7. it must hold: quest.errand == done (now active)
          8. it must hold: player.level > 1 (now 1)
          9. it must hold: (fact.renown * 2) > fact.mood (now 0 and 2)
          10. it must hold: region == village (now moor); or mood < 0 (now 2)
          11. it must hold: not (quest.errand == active (now active))
          12. accept it (`quest.accept`)
          13. then stage `watch`: talk elder

        how it came there
          1970-01-01T00:00:05Z  hidden
    "#]].assert_eq(&played.said(player("ann"), "vigil", None).await);
    // Before anything was written the same tests look at something else.
    expect![[r#"
        vigil “The vigil” of player ann: hidden
          it requires clock.phase in [night, dusk] (now day, from 18:00 (in 5 min 55 s)) and clock.time between 19:00 and 04:00 (now 12:06, from 19:00 (in 6 min 55 s)) and clock.season in [fall, winter] (now spring, from 00:00 in 56 days (in 22 h 11 min)), and 8 more
          at 1970-01-01T00:00:06Z (tick 6); world time day 1, 12:06 (day, spring)

        requires
          ✗ all of
            ✗ clock.phase in [night, dusk]   now day, from 18:00 (in 5 min 55 s)
            ✗ clock.time between 19:00 and 04:00   now 12:06, from 19:00 (in 6 min 55 s)
            ✗ clock.season in [fall, winter]   now spring, from 00:00 in 56 days (in 22 h 11 min)
            ✗ moon.moon == full   now new, from 00:00 in 14 days (in 5 h 23 min)
            ✓ weather.state == rain   now rain, which has just begun
            ✓ weather.intensity >= 0.5   now 0.52866
            ✗ weather.lasting >= 10m world   now rain, which has just begun
            ✓ region == moor   now moor
            ✗ mood >= 3   now 0, 3 more
            ✗ renown == 2   now 0
            ✗ quest.errand == done   now available
            ✗ player.level > 1   now 1
            ✗ (fact.renown * 2) > fact.mood   now 0 and 0
            ✓ clock.phase in [day, dusk]   now day, until 20:00 (in 7 min 55 s)
            ✗ one of
              ✗ region == village   now moor
              ✗ mood < 0   now 0
            ✓ not
              ✗ quest.errand == active   now available

        · stage watch, all of
          · wait 0/1: talk elder

        to finish it
          1. it must hold: clock.phase in [night, dusk] (now day, from 18:00 (in 5 min 55 s))
          2. it must hold: clock.time between 19:00 and 04:00 (now 12:06, from 19:00 (in 6 min 55 s))
          3. it must hold: clock.season in [fall, winter] (now spring, from 00:00 in 56 days (in 22 h 11 min))
          4. it must hold: moon.moon == full (now new, from 00:00 in 14 days (in 5 h 23 min))
          5. it must hold: weather.lasting >= 10m world (now rain, which has just begun)
          6. it must hold: mood >= 3 (now 0, 3 more)
          7. it must hold: renown == 2 (now 0)
          8. it must hold: quest.errand == done (now available)
          9. it must hold: player.level > 1 (now 1)
          10. it must hold: (fact.renown * 2) > fact.mood (now 0 and 0)
          11. it must hold: region == village (now moor); or mood < 0 (now 0)
          12. accept it (`quest.accept`)
          13. then stage `watch`: talk elder

        how it came there
          1970-01-01T00:00:05Z  hidden
    "#]].assert_eq(&played.said(player("ann"), "vigil", Some(6)).await);
    // Whoever was never heard of has nothing.
    expect![[r#"
        vigil “The vigil” of player zoe: hidden
          nothing was ever heard of the holder
          at 1970-01-01T00:00:21Z (tick 21); world time day 1, 12:21 (day, spring)

        · stage watch, all of
          · wait 0/1: talk elder

        to finish it
          1. the holder is heard of: by any event, or by being somewhere
          2. accept it (`quest.accept`)
          3. then stage `watch`: talk elder
    "#]]
    .assert_eq(&played.said(player("zoe"), "vigil", None).await);
}

#[tokio::test]
async fn an_event_that_meets_a_closed_gate_says_which() {
    let quests = "
hunt:
  title: Wolves at night
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, region: moor, count: 5, when: {phase: night, weather: {kind: rain}}}
";
    let script = "
        2 presence ann s1 moor -
        3 event kill player=ann target=wolf
        4 event quest.accept player=ann target=hunt
        5 event kill player=ann target=wolf
        480 weather heights rain
        490 event kill player=ann target=wolf amount=2
        490 event kill player=ann target=bear
        490 event kill player=ann target=wolf region=village
        491 event kill player=bob target=wolf region=moor
        500 wait
    ";
    let played = Played::of(quests).play(script).await;
    expect![[r#"
        hunt “Wolves at night” of player ann: active
          stage `hunt` is open: `wolves` 2/5
          at 1970-01-01T00:08:21Z (tick 501); world time day 1, 20:21 (night, spring)
          instance 1, active since 1970-01-01T00:00:04Z

        ▸ stage hunt: open since 1970-01-01T00:00:04Z, all of
          ✗ wolves 2/5: 5 of kill wolf in moor, when clock.phase == night and weather.state == rain — 3 more
              ✓ now: all of
                ✓ clock.phase == night   now night, until 05:00 tomorrow (in 8 min 40 s)
                ✓ weather.state == rain   now rain for 21 s
              1 event counted, +2 in all:
                1970-01-01T00:08:10Z  kill wolf in moor by ann ×2 (script 6)  +2 → 2
              4 events did not count:
                1970-01-01T00:00:03Z  kill wolf in moor by ann (script 2)  what must hold did not: clock.phase == night (now day), weather.state == rain (now clear)
                1970-01-01T00:00:05Z  kill wolf in moor by ann (script 4)  what must hold did not: clock.phase == night (now day), weather.state == rain (now clear)
                1970-01-01T00:08:10Z  kill bear in moor by ann (script 7)  another target
                1970-01-01T00:08:10Z  kill wolf in village by ann (script 8)  in village

        to finish it
          1. `wolves`: 3 more of kill wolf in moor, when clock.phase == night and weather.state == rain

        how it came there
          1970-01-01T00:00:02Z  available
          1970-01-01T00:00:04Z  active, stage hunt
    "#]].assert_eq(&played.said(player("ann"), "hunt", None).await);
    expect![[r#"
        hunt “Wolves at night” of player ann: active
          stage `hunt` is open: `wolves` 0/5
          at 1970-01-01T00:00:05Z (tick 5); world time day 1, 12:05 (day, spring)
          instance 1, active since 1970-01-01T00:00:04Z

        ▸ stage hunt: open since 1970-01-01T00:00:04Z, all of
          ✗ wolves 0/5: 5 of kill wolf in moor, when clock.phase == night and weather.state == rain — 5 more
              ✗ now: all of
                ✗ clock.phase == night   now day, from 20:00 (in 7 min 56 s)
                ✗ weather.state == rain   now clear for 4 s
              2 events did not count:
                1970-01-01T00:00:03Z  kill wolf in moor by ann (script 2)  what must hold did not: clock.phase == night (now day), weather.state == rain (now clear)
                1970-01-01T00:00:05Z  kill wolf in moor by ann (script 4)  what must hold did not: clock.phase == night (now day), weather.state == rain (now clear)

        to finish it
          1. `wolves`: 5 more of kill wolf in moor, when clock.phase == night and weather.state == rain [not now: clock.phase == night (now day, from 20:00 (in 7 min 56 s)) and weather.state == rain (now clear for 4 s)]

        how it came there
          1970-01-01T00:00:02Z  available
          1970-01-01T00:00:04Z  active, stage hunt
    "#]].assert_eq(&played.said(player("ann"), "hunt", Some(5)).await);
}

#[tokio::test]
async fn what_is_taken_by_a_rival_or_fails_is_told() {
    let quests = "
iron:
  title: The way of iron
  exclusive_group: path
  fail_on: [{event: fall, region: moor}]
  fail_when: {facts: {mood: {below: 0}}}
  deadline: 10m
  stages: {go: {objectives: {talk: {event: talk, target: elder}}}}
stone:
  title: The way of stone
  exclusive_group: path
  stages: {go: {objectives: {talk: {event: talk, target: elder}}}}
dated:
  title: In December
  window: {from: 2030-12-01 00:00, until: 2031-01-01 00:00, zone: UTC}
  stages: {go: {objectives: {talk: {event: talk, target: elder}}}}
";
    let script = "
        2 event quest.accept player=ann target=iron
        5 event fall player=ann region=village
        6 wait
        9 event fall player=ann region=moor
        10 wait
    ";
    let played = Played::of(quests).play(script).await;
    expect![[r#"
        stone “The way of stone” of player ann: hidden
          of the group `path` there is iron already
          at 1970-01-01T00:00:06Z (tick 6); world time day 1, 12:06 (day, spring)

        · stage go, all of
          · talk 0/1: talk elder

        to finish it
          1. not while iron of the group `path` is open, and not once it is done
          2. accept it (`quest.accept`)
          3. then stage `go`: talk elder

        how it came there
          1970-01-01T00:00:02Z  available
          1970-01-01T00:00:03Z  hidden
    "#]]
    .assert_eq(&played.said(player("ann"), "stone", Some(6)).await);
    expect![[r#"
        iron “The way of iron” of player ann: active
          stage `go` is open: `talk` 0/1
          at 1970-01-01T00:00:06Z (tick 6); world time day 1, 12:06 (day, spring)
          instance 1, active since 1970-01-01T00:00:02Z, expires at 1970-01-01T00:10:02Z

        fails when
          ✗ mood < 0   now 0

        fails on fall in moor

        ▸ stage go: open since 1970-01-01T00:00:02Z, all of
          ✗ talk 0/1: talk elder — 1 more

        to finish it
          1. `talk`: talk elder

        how it came there
          1970-01-01T00:00:02Z  active, stage go
    "#]]
    .assert_eq(&played.said(player("ann"), "iron", Some(6)).await);
    expect![[r#"
        iron “The way of iron” of player ann: failed
          it has failed
          at 1970-01-01T00:00:11Z (tick 11); world time day 1, 12:11 (day, spring)
          instance 1, failed since 1970-01-01T00:00:09Z

        fails when
          ✗ mood < 0   now 0

        fails on fall in moor

        · stage go, all of
          · talk 0/1: talk elder

        to finish it
          1. accept it (`quest.accept`)
          2. then stage `go`: talk elder

        how it came there
          1970-01-01T00:00:02Z  active, stage go
          1970-01-01T00:00:09Z  failed, by fall in moor by ann (script 4)
    "#]]
    .assert_eq(&played.said(player("ann"), "iron", None).await);
    expect![[r#"
        dated “In December” of player ann: hidden
          its window of the calendar is not open
          at 1970-01-01T00:00:11Z (tick 11); world time day 1, 12:11 (day, spring)

        · stage go, all of
          · talk 0/1: talk elder

        to finish it
          1. wait: its window of the calendar is not open
          2. accept it (`quest.accept`)
          3. then stage `go`: talk elder

        how it came there
          1970-01-01T00:00:02Z  hidden
    "#]]
    .assert_eq(&played.said(player("ann"), "dated", None).await);
}

#[tokio::test]
async fn rows_of_views_are_told_with_what_they_say_and_what_is_missing() {
    let view = "CREATE VIEW hunters AS SELECT holder AS player, CAST(value AS INTEGER) AS kills FROM facts \
                WHERE fact = 'renown' AND scope = 'player';";
    let quests = "
prize:
  title: P
  requires: \"view.hunters[player].kills >= 10 and player.renown >= 3\"
  stages: {s: {objectives: {k: {event: kill}}}}
seen:
  title: S
  requires: \"view.facts['player', player, renown] and view.hunters[player].kills == fact.mood\"
  stages: {s: {objectives: {k: {event: kill}}}}
";
    let played = Played::with(&[("quests/all.yaml", quests), ("views/hunters.sql", view)]);
    let played = played
        .play("3 fact player ann renown 2\n 4 event talk player=ann\n 5 event kill player=bob\n 9 wait")
        .await;
    let why = async |name: &str, quest: &str| {
        let told = played.told(player(name), quest, None).await.unwrap_or_else(|error| panic!("{error}"));
        told.why
    };
    assert_eq!(
        why("ann", "prize").await,
        "it requires view.hunters[player].kills >= 10 (now 2, 8 more) and renown >= 3 (now 2, 1 more)"
    );
    assert_eq!(
        why("bob", "prize").await,
        "it requires view.hunters[player].kills >= 10 (now nothing: no row has it) and renown >= 3 (now 0, 3 more)"
    );
    assert_eq!(
        why("ann", "seen").await,
        "it requires view.hunters[player].kills == fact.mood (now 2 and 0)",
        "a row that is there holds"
    );
}
