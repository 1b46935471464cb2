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
    expect![[r#""#]].assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
    // The same of any of the party, and by its name.
    let by_name = played.told_of_arc(holder(Scope::Party, "p1"), "siege", None).await.expect("there");
    assert_eq!(by_name, played.told_of_arc(player("bob"), "siege", None).await.expect("there"));
    // Before it began.
    expect![[r#""#]].assert_eq(&played.said_of_arc(player("ann"), "siege", Some(3)).await);
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
    expect![[r#""#]].assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
    let played = played.play("40 event talk player=bob target=elder\n    42 wait\n").await;
    expect![[r#""#]].assert_eq(&played.said_of_arc(player("ann"), "siege", None).await);
}

#[tokio::test]
async fn what_is_no_arc_or_nobodys_is_said() {
    let played = played(STORM).await;
    let wrong = played.told_of_arc(player("ann"), "sieg", None).await.expect_err("there is none");
    expect![[r#""#]].assert_eq(&wrong.to_string());
    let wrong = played.told_of_arc(holder(Scope::Guild, "g"), "siege", None).await.expect_err("no guild's");
    expect![[r#""#]].assert_eq(&wrong.to_string());
    expect![[r#""#]].assert_eq(&played.said_of_arc(player("cid"), "siege", None).await);
}
