//! Arcs explained: the beat, how tense it is and by what, what the beat waits for, and which ways lead on.

use expect_test::expect;
use worldflow_schemas::input::Scope;

use crate::played::{Played, holder, player};

const ARCS: &str = "
siege:
  scope: party
  when: {facts: {mood: {at_least: 1}}}
  tension:
    half_life: 10m
    events:
      kills: {pattern: {event: kill, target: beast}, add: 20}
      falls: {pattern: {event: fall}, add: -10}
  beats:
    skirmish: {tension: {build_up: 40}}
    storm: {tension: {peak: 60}, after: 20s, when: {facts: {mood: {at_least: 2}}}}
    after:
      tension: {relax: 100}
      branches:
        parley: {chosen_by: {event: talk, target: elder}, to: peace}
        sally:
          when: {facts: {mood: {at_least: 5}}}
          criteria:
            brave: {when: {facts: {mood: {at_least: 9}}}, weight: 2}
            known: {when: {facts: {mood: {at_least: 1}}}, required: true}
          to: storm
        on: {after: 1m, to: skirmish}
    peace: {tension: {relax: 5}, ends: true}
";

async fn played(script: &str) -> Played {
    Played::with(&[("arcs.yaml", ARCS)]).play(script).await
}

const STORM: &str = "
    2 member ann party p1
    2 member bob party p1
    2 presence ann s1 moor -
    4 fact realm told mood 1
    6 event kill player=ann target=wolf
    8 event kill player=bob target=bear
    9 event fall player=ann target=bear
    12 event kill player=bob target=bear
    15 wait
";

#[tokio::test]
async fn an_arc_that_waits_for_its_tension_and_its_condition_says_what_there_is() {
    let played = played(STORM).await;
    expect![[r#"
        arc siege of party p1: storm (peak)
          `storm` waits for tension up to 60, and below it again (now 49.5) and at least 20s (until 1970-01-01T00:00:32Z (in 16 s)) and mood >= 2 (now 1, 1 more)
          at 1970-01-01T00:00:16Z (tick 16); world time day 1, 12:16 (day, spring)
          begun 1970-01-01T00:00:04Z, so since 1970-01-01T00:00:12Z

        tension 49.5 of 100, half of it goes in 10m
          falls: -10 each of fall: 1 event, -10
              1970-01-01T00:00:09Z  fall bear in moor by ann (script 7)  -10
          kills: +20 each of kill beast: 3 events, +60 in all
              1970-01-01T00:00:06Z  kill wolf in moor by ann (script 5)  +20
              1970-01-01T00:00:08Z  kill bear by bob (script 6)  +20
              1970-01-01T00:00:12Z  kill bear by bob (script 8)  +20

        for `storm` to be over
          ✗ tension up to 60, and below it again   now 49.5
          ✗ at least 20s   until 1970-01-01T00:00:32Z (in 16 s)
          ✗ mood >= 2   now 1, 1 more

        then
          · after

        beats
          ✓ skirmish: build_up 40
          ▸ storm: peak 60
          · after: relax 100
          · peace: relax 5

        how it came there
          1970-01-01T00:00:04Z  skirmish
          1970-01-01T00:00:12Z  storm
    "#]].assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
    // The same of any of the party, and by its name.
    let by_name = played.told_of_arc(holder(Scope::Party, "p1"), "siege", None).await.expect("there");
    assert_eq!(by_name, played.told_of_arc(player("bob"), "siege", None).await.expect("there"));
    // Before it began.
    expect![[r#"
        arc siege of party p1: waiting
          it has not begun: mood >= 1 (now 0, 1 more)
          at 1970-01-01T00:00:03Z (tick 3); world time day 1, 12:03 (day, spring)

        to begin
          ✗ mood >= 1   now 0, 1 more

        beats
          · skirmish: build_up 40
          · storm: peak 60
          · after: relax 100
          · peace: relax 5
    "#]]
    .assert_eq(&played.said_of_arc(player("ann"), "siege", Some(3)).await);
}

#[tokio::test]
async fn ways_that_are_open_chosen_and_closed_are_told_apart() {
    let script = "
        20 fact realm told mood 3
        21 event kill player=ann target=wolf
        22 event fall player=ann target=bear
        23 event fall player=ann target=bear
        24 event fall player=ann target=bear
        36 wait
    ";
    let played = played(&format!("{STORM}{script}")).await;
    expect![[r#"
        arc siege of party p1: after (relax)
          `after` is over, and can be left by parley
          at 1970-01-01T00:00:37Z (tick 37); world time day 1, 12:37 (day, spring)
          begun 1970-01-01T00:00:04Z, so since 1970-01-01T00:00:32Z

        tension 38.5 of 100, half of it goes in 10m
          falls: -10 each of fall: 4 events, -40 in all
              1970-01-01T00:00:09Z  fall bear in moor by ann (script 7)  -10
              1970-01-01T00:00:22Z  fall bear in moor by ann (script 12)  -10
              1970-01-01T00:00:23Z  fall bear in moor by ann (script 13)  -10
              1970-01-01T00:00:24Z  fall bear in moor by ann (script 14)  -10
          kills: +20 each of kill beast: 4 events, +80 in all
              1970-01-01T00:00:06Z  kill wolf in moor by ann (script 5)  +20
              1970-01-01T00:00:08Z  kill bear by bob (script 6)  +20
              1970-01-01T00:00:12Z  kill bear by bob (script 8)  +20
              1970-01-01T00:00:21Z  kill wolf in moor by ann (script 11)  +20

        for `after` to be over
          ✓ tension down to 100   reached

        then
          ✓ parley → peace, on talk elder, can be chosen now (score 87)
          ✗ sally → storm, by itself
              ✗ mood >= 5   now 3, 2 more
              ✗ brave (counts 2): mood >= 9   now 3, 6 more
              ✓ known (required 1): mood >= 1   now 3
          ✗ on → skirmish, by itself
              ✗ after 1m   until 1970-01-01T00:01:32Z (in 55 s)

        beats
          ✓ skirmish: build_up 40
          ✓ storm: peak 60
          ▸ after: relax 100
          · peace: relax 5

        how it came there
          1970-01-01T00:00:04Z  skirmish
          1970-01-01T00:00:12Z  storm
          1970-01-01T00:00:32Z  after
    "#]]
    .assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
    let played = played.play("40 event talk player=bob target=elder\n    42 wait\n").await;
    expect![[r#"
        arc siege of party p1: peace (relax)
          `peace` waits for tension down to 5 (now 38.2)
          at 1970-01-01T00:00:43Z (tick 43); world time day 1, 12:43 (day, spring)
          begun 1970-01-01T00:00:04Z, so since 1970-01-01T00:00:40Z

        tension 38.2 of 100, half of it goes in 10m
          falls: -10 each of fall: 4 events, -40 in all
              1970-01-01T00:00:09Z  fall bear in moor by ann (script 7)  -10
              1970-01-01T00:00:22Z  fall bear in moor by ann (script 12)  -10
              1970-01-01T00:00:23Z  fall bear in moor by ann (script 13)  -10
              1970-01-01T00:00:24Z  fall bear in moor by ann (script 14)  -10
          kills: +20 each of kill beast: 4 events, +80 in all
              1970-01-01T00:00:06Z  kill wolf in moor by ann (script 5)  +20
              1970-01-01T00:00:08Z  kill bear by bob (script 6)  +20
              1970-01-01T00:00:12Z  kill bear by bob (script 8)  +20
              1970-01-01T00:00:21Z  kill wolf in moor by ann (script 11)  +20

        for `peace` to be over
          ✗ tension down to 5   now 38.2

        then
          · the end

        chosen
          1970-01-01T00:00:40Z  after: parley → peace (score 87)

        beats
          ✓ skirmish: build_up 40
          ✓ storm: peak 60
          ✓ after: relax 100
          ▸ peace: relax 5

        how it came there
          1970-01-01T00:00:04Z  skirmish
          1970-01-01T00:00:12Z  storm
          1970-01-01T00:00:32Z  after
          1970-01-01T00:00:40Z  peace
    "#]]
    .assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
}

#[tokio::test]
async fn what_is_no_arc_or_nobodys_is_said() {
    let played = played(STORM).await;
    let wrong = played.told_of_arc(player("ann"), "sieg", None).await.expect_err("there is none");
    expect![[r#"
        there is no arc `sieg` at 1970-01-01T00:00:16Z
        hint: did you mean `siege`?"#]]
    .assert_eq(&wrong.to_string());
    let wrong = played.told_of_arc(holder(Scope::Guild, "g"), "siege", None).await.expect_err("no guild's");
    expect![[r#"
        arc `siege` is held by a party, and `g` is a guild
        hint: name a party"#]]
    .assert_eq(&wrong.to_string());
    expect![[r#"
        arc siege: waiting
          nothing was ever heard of cid, and the arc is a party's
          at 1970-01-01T00:00:16Z (tick 16)
    "#]]
    .assert_eq(&played.said_of_arc(player("cid"), "siege", None).await);
}
