//! Quests that are held together: whose they are, what others did for them, and who has no such holder.

use expect_test::expect;
use worldflow_schemas::input::Scope;

use crate::played::{Played, holder, player};

const QUESTS: &str = "
treasury:
  title: The treasury
  scope: guild
  accept: auto
  stages: {fill: {objectives: {gold: {event: donate, count: 100, players: 2}, all: {event: donate, sum: 300}}}}
safe:
  title: A safe moor
  scope: region
  accept: auto
  stages: {patrol: {objectives: {beasts: {event: kill, target: beast, count: 3, when: {phase: night}}}}}
bridge:
  title: The bridge
  scope: realm
  accept: auto
  stages: {build: {objectives: {wood: {event: gather, count: 10}}}}
together:
  title: Hand in hand
  credit: party_here
  accept: auto
  stages: {s: {objectives: {wolves: {event: kill, target: wolf, count: 5}}}}
";

const SCRIPT: &str = "
    2 member ann guild keepers
    2 member bob guild keepers
    2 member ann party p1
    2 member bob party p1
    2 presence ann s1 moor -
    2 presence bob s1 moor -
    3 event donate player=ann amount=120
    4 event donate player=bob amount=30
    5 event kill player=bob target=wolf
    5 event kill player=cid target=wolf region=moor
    6 event gather player=ann amount=4
    7 event gather
    8 event kill player=bob target=wolf region=village
    9 wait
";

#[tokio::test]
async fn a_player_is_told_of_what_they_hold_together() {
    let played = Played::of(QUESTS).play(SCRIPT).await;
    expect![[""]].assert_eq(&played.said(player("ann"), "treasury", None).await);
    expect![[""]].assert_eq(&played.said(player("ann"), "safe", None).await);
    expect![[""]].assert_eq(&played.said(player("cid"), "bridge", None).await);
    // What another of the party has done counts a tick later, if they are there.
    expect![[""]].assert_eq(&played.said(player("ann"), "together", None).await);
}

#[tokio::test]
async fn a_holder_is_named_or_missing() {
    let played = Played::of(QUESTS).play(SCRIPT).await;
    let by_player = played.told(player("bob"), "treasury", None).await.expect("there");
    let by_name = played.told(holder(Scope::Guild, "keepers"), "treasury", None).await.expect("there");
    assert_eq!(by_player, by_name);
    expect![[""]].assert_eq(&played.said(player("cid"), "treasury", None).await);
    let wrong = played.told(holder(Scope::Party, "p1"), "treasury", None).await.expect_err("no party's");
    expect![[""]].assert_eq(&wrong.to_string());
}
