//! Every kind of condition, with what there is now and when that will be otherwise.

use expect_test::expect;

use crate::played::{Played, player};

#[tokio::test]
async fn every_test_of_a_condition_is_told_with_what_there_is() {
    let quests = "
vigil:
  title: The vigil
  requires:
    phase: night
    hours: '20:00-04:00'
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
    expect![[""]].assert_eq(&played.said(player("ann"), "vigil", None).await);
    // Before anything was written the same tests look at something else.
    expect![[""]].assert_eq(&played.said(player("ann"), "vigil", Some(6)).await);
    // Whoever was never heard of has nothing.
    expect![[""]].assert_eq(&played.said(player("zoe"), "vigil", None).await);
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
    expect![[""]].assert_eq(&played.said(player("ann"), "hunt", None).await);
    expect![[""]].assert_eq(&played.said(player("ann"), "hunt", Some(5)).await);
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
    expect![[""]].assert_eq(&played.said(player("ann"), "stone", Some(6)).await);
    expect![[""]].assert_eq(&played.said(player("ann"), "iron", Some(6)).await);
    expect![[""]].assert_eq(&played.said(player("ann"), "iron", None).await);
    expect![[""]].assert_eq(&played.said(player("ann"), "dated", None).await);
}
