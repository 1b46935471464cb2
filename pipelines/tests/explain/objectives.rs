//! Every kind of objective, with the events that counted and those that did not.

use expect_test::expect;

use crate::played::{Played, holder, player};
use worldflow_schemas::input::Scope;

#[tokio::test]
async fn every_way_to_add_up_is_told() {
    let quests = "
all_kinds:
  title: Everything
  accept: auto
  stages:
    s:
      objectives:
        count: {event: kill, target: beast, count: 4}
        sum: {event: gather, sum: 50, of: quality}
        distinct: {event: kill, target: beast, distinct: 3}
        max: {event: gather, max: 80, of: quality}
        min: {event: lap, min: 60, of: seconds}
        last: {event: gather, last: 40, of: quality}
        percent: {event: kill, target: beast, percent: 60}
        ever: {event: kill, target: beast, count: 10, since: ever, lifetime: slain}
        spree: {event: kill, count: 5, window: 10s}
        heat: {event: kill, target: beast, count: 20, half_life: 1m}
        stock: {event: gather, count: 9, minus: [{event: donate}], reset_on: [{event: fall}]}
        pure: {event: gather, count: 3, where: {quality: {at_least: 70}}}
        there: {holds: {region: moor}, for: 1m}
        rich: {holds: {facts: {renown: {at_least: 2}}}, latched: true}
        daily: {event: talk, streak: 3, every: {world_day: {}}}
        secret: {event: talk, target: elder, hidden_until: [count]}
        race: {event: lap, after: daily, within: 5m}
";
    let script = "
        2 event kill player=ann target=wolf
        3 event kill player=ann target=wolf amount=2
        4 event gather player=ann target=herb quality=30
        5 event gather player=ann target=herb quality=75
        5 event gather player=ann target=herb
        6 event lap player=ann seconds=75
        6 event kill player=ann target=bear
        6 event kill player=ann target=wolf
        7 event donate player=ann
        8 event fall player=ann
        9 event gather player=ann target=herb amount=2 quality=10
        10 presence ann s1 moor -
        11 event talk player=ann target=elder
        12 event lap player=ann seconds=50
        14 wait
    ";
    let played = Played::of(quests).play(script).await;
    expect![[r#"
        all_kinds “Everything” of player ann: active
          stage `s` is open: `distinct` 2/3, `max` 75/80, `ever` 5/10, `heat` 4/20, `stock` 2/9, `pure` 1/3, `there` 0/1, `rich` 0/1, `daily` 1/3, `race` 0/1
          at 1970-01-01T00:00:15Z (tick 15); world time day 1, 12:15 (day, spring)
          instance 1, active since 1970-01-01T00:00:02Z

        ▸ stage s: open since 1970-01-01T00:00:02Z, all of
          ✓ count 4/4: 4 of kill beast
              3 events counted, +4 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1 → 1
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  +2 → 3
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1 → 4
              1 event did not count:
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  it was done
          ✓ sum 50/50: 50 quality in all by gather
              2 events counted, +50 in all:
                1970-01-01T00:00:04Z  gather herb by ann quality=30 (script 3)  +30 → 30
                1970-01-01T00:00:05Z  gather herb by ann quality=75 (script 4)  +20 → 50
              2 events did not count:
                1970-01-01T00:00:05Z  gather herb by ann (script 5)  nothing to add: its amount, or what is counted of it
                1970-01-01T00:00:09Z  gather herb by ann ×2 quality=10 (script 11)  it was done
          ✗ distinct 2/3: 3 different targets by kill beast — 1 more, different from those
              2 events counted, +2 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1 → 1
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1 → 2
              2 events did not count:
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  it added nothing: counted already, or no better
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  it added nothing: counted already, or no better
          ✗ max 75/80: one gather with quality of at least 80 — one of at least 80; the best was 75
              2 events counted, +75 in all:
                1970-01-01T00:00:04Z  gather herb by ann quality=30 (script 3)  +30 → 30
                1970-01-01T00:00:05Z  gather herb by ann quality=75 (script 4)  +45 → 75
              2 events did not count:
                1970-01-01T00:00:05Z  gather herb by ann (script 5)  nothing to add: its amount, or what is counted of it
                1970-01-01T00:00:09Z  gather herb by ann ×2 quality=10 (script 11)  it added nothing: counted already, or no better
          ✓ min 50/60: one lap with seconds of at most 60
              2 events counted, +50 in all:
                1970-01-01T00:00:06Z  lap by ann seconds=75 (script 6)  +75 → 75
                1970-01-01T00:00:12Z  lap in moor by ann seconds=50 (script 14)  -25 → 50
          ✓ last 40/40: a last gather with quality of at least 40
              2 events counted, +75 in all:
                1970-01-01T00:00:04Z  gather herb by ann quality=30 (script 3)  +30 → 30
                1970-01-01T00:00:05Z  gather herb by ann quality=75 (script 4)  +45 → 75
              2 events did not count:
                1970-01-01T00:00:05Z  gather herb by ann (script 5)  nothing to add: its amount, or what is counted of it
                1970-01-01T00:00:09Z  gather herb by ann ×2 quality=10 (script 11)  it was done
          ✓ percent 2/2: 60 % of everything that is a target of kill beast
              2 events counted, +2 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1 → 1
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1 → 2
              2 events did not count:
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  it added nothing: counted already, or no better
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  it was done
          ✗ ever 5/10: 10 of kill beast, ever — 5 more
              4 events counted, +5 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  +2
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  +1
          ✓ spree 5/5: 5 of kill, within 10s at most
              4 events counted, +5 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1 → 1
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  +2 → 3
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1 → 4
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  +1 → 5
          ✗ heat 4/20: 20 of kill beast, half of it lost every 1m — 16 more
              4.886714 at 1970-01-01T00:00:06Z, half of that at 1970-01-01T00:01:06Z
              4 events counted, +4 in all:
                1970-01-01T00:00:02Z  kill wolf by ann (script 1)  +1 → 1
                1970-01-01T00:00:03Z  kill wolf by ann ×2 (script 2)  +1 → 2  added 2
                1970-01-01T00:00:06Z  kill bear by ann (script 7)  +1 → 3
                1970-01-01T00:00:06Z  kill wolf by ann (script 8)  +1 → 4
          ✗ stock 2/9: 9 of gather; less donate; set back by fall — 7 more
              4 events counted, +5 in all:
                1970-01-01T00:00:04Z  gather herb by ann quality=30 (script 3)  +1 → 1
                1970-01-01T00:00:05Z  gather herb by ann quality=75 (script 4)  +1 → 2
                1970-01-01T00:00:05Z  gather herb by ann (script 5)  +1 → 3
                1970-01-01T00:00:07Z  donate by ann (script 9)  -1 → 2  took away
                1970-01-01T00:00:08Z  fall by ann (script 10)  -2 → 0  set it back
                1970-01-01T00:00:09Z  gather herb by ann ×2 quality=10 (script 11)  +2 → 2
          ✗ pure 1/3: 3 of gather with quality >= 70 — 2 more
              1 event counted, +1 in all:
                1970-01-01T00:00:05Z  gather herb by ann quality=75 (script 4)  +1 → 1
              3 events did not count:
                1970-01-01T00:00:04Z  gather herb by ann quality=30 (script 3)  its `quality` is 30
                1970-01-01T00:00:05Z  gather herb by ann (script 5)  it has no `quality`
                1970-01-01T00:00:09Z  gather herb by ann ×2 quality=10 (script 11)  its `quality` is 10
          ✗ there 0/1: region == moor for 1m — not for long enough
              holds since 1970-01-01T00:00:10Z, for 55 s more until it is done
              ✓ now: region == moor   now moor
          ✗ rich 0/1: renown >= 2 — it does not hold
              ✗ now: renown >= 2   now 0, 2 more
          ✗ daily 1/3: 3 world days in a row with talk — 2 more world days in a row
              lost in 35 min 46 s without another
              1 event counted, +1 in all:
                1970-01-01T00:00:11Z  talk elder in moor by ann (script 13)  +1 → 1
          ✓ secret 1/1: talk elder
              1 event counted, +1 in all:
                1970-01-01T00:00:11Z  talk elder in moor by ann (script 13)  +1 → 1
          ✗ race 0/1: lap, once `daily` is done, at most 5m after it — 1 more
              2 events did not count:
                1970-01-01T00:00:06Z  lap by ann seconds=75 (script 6)  `daily` was not done
                1970-01-01T00:00:12Z  lap in moor by ann seconds=50 (script 14)  `daily` was not done

        to finish it
          1. `distinct`: 1 more different target by kill beast
          2. `max`: one gather with quality of at least 80
          3. `ever`: 5 more of kill beast
          4. `heat`: 16 more of kill beast
          5. `stock`: 7 more of gather
          6. `pure`: 2 more of gather with quality >= 70
          7. `there`: region == moor for 1m
          8. `rich`: renown >= 2 [not now: renown >= 2 (now 0, 2 more)]
          9. `daily`: 2 more world days in a row with talk
          10. `race`: lap, after `daily`

        how it came there
          1970-01-01T00:00:02Z  active, stage s
    "#]].assert_eq(&played.said(player("ann"), "all_kinds", None).await);
}

#[tokio::test]
async fn several_events_of_one_tick_count_in_their_order() {
    let quests = "
four:
  title: Four wolves
  scope: party
  accept: auto
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf, count: 4, reset_on: [{event: fall}]}}}}
";
    let script = "
        2 member ann party p1
        2 member bob party p1
        5 event kill player=ann target=wolf amount=2
        5 event kill player=bob target=wolf
        5 event fall player=ann
        5 event kill player=bob target=wolf amount=3
        5 event kill player=ann target=wolf amount=7
        6 event kill player=ann target=wolf
        7 wait
    ";
    let played = Played::of(quests).play(script).await;
    let p1 = holder(Scope::Party, "p1");
    let told = played.told(p1, "four", Some(5)).await.expect("it is there");
    let counted = &told.stages[0].objectives[0].counted;
    let deeds: Vec<(i64, Option<u64>, &str)> =
        counted.last.iter().map(|deed| (deed.change, deed.value, deed.why.as_str())).collect();
    assert_eq!(
        deeds,
        [
            (2, Some(2), ""),
            (1, Some(3), ""),
            (-3, Some(0), "set it back"),
            (3, Some(3), ""),
            (1, Some(4), ""),
        ]
    );
    expect![[r#"
        four “Four wolves” of party p1: done
          it is done
          at 1970-01-01T00:00:08Z (tick 8); world time day 1, 12:08 (day, spring)
          instance 1, completed 1 time, done since 1970-01-01T00:00:05Z

        ✓ stage hunt: done, all of
          ✓ wolves 4/4: 4 of kill wolf; set back by fall
              4 events counted, +7 in all:
                1970-01-01T00:00:05Z  kill wolf by ann ×2 (script 3)  +2 → 2
                1970-01-01T00:00:05Z  kill wolf by bob (script 4)  +1 → 3
                1970-01-01T00:00:05Z  fall by ann (script 5)  -3 → 0  set it back
                1970-01-01T00:00:05Z  kill wolf by bob ×3 (script 6)  +3 → 3
                1970-01-01T00:00:05Z  kill wolf by ann ×7 (script 7)  +1 → 4

        how it came there
          1970-01-01T00:00:02Z  active, stage hunt
          1970-01-01T00:00:05Z  done
    "#]]
    .assert_eq(&played.said(p1, "four", None).await);
}
