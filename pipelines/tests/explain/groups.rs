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
    expect![[r#"
        treasury “The treasury” of guild keepers: active
          stage `fill` is open: `gold` 1/2, `all` 150/300
          at 1970-01-01T00:00:10Z (tick 10); world time day 1, 12:10 (day, spring)
          instance 1, active since 1970-01-01T00:00:02Z

        ▸ stage fill: open since 1970-01-01T00:00:02Z, all of
          ✗ gold 1/2: 2 players with 100 each of donate — 1 more player
              2 events counted, +1 in all:
                1970-01-01T00:00:03Z  donate in moor by ann ×120 (script 7)  +1 → 1  added 100
                1970-01-01T00:00:04Z  donate in moor by bob ×30 (script 8) → 1  added 30
          ✗ all 150/300: 300 in all by donate — 150 more
              2 events counted, +150 in all:
                1970-01-01T00:00:03Z  donate in moor by ann ×120 (script 7)  +120 → 120
                1970-01-01T00:00:04Z  donate in moor by bob ×30 (script 8)  +30 → 150

        to finish it
          1. `gold`: 1 more player with 100 each of donate
          2. `all`: 150 more by donate

        how it came there
          1970-01-01T00:00:02Z  active, stage fill
    "#]]
    .assert_eq(&played.said(player("ann"), "treasury", None).await);
    expect![[r#"
        safe “A safe moor” of region moor: active
          stage `patrol` is open: `beasts` 0/3
          at 1970-01-01T00:00:10Z (tick 10); world time day 1, 12:10 (day, spring)
          instance 1, active since 1970-01-01T00:00:01Z

        ▸ stage patrol: open since 1970-01-01T00:00:01Z, all of
          ✗ beasts 0/3: 3 of kill beast, when clock.phase == night — 3 more
              ✗ now: clock.phase == night   now day, from 20:00 (in 7 min 51 s)
              2 events did not count:
                1970-01-01T00:00:05Z  kill wolf in moor by bob (script 9)  what must hold did not: clock.phase == night (now day)
                1970-01-01T00:00:05Z  kill wolf in moor by cid (script 10)  what must hold did not: clock.phase == night (now day)

        to finish it
          1. `beasts`: 3 more of kill beast, when clock.phase == night [not now: clock.phase == night (now day, from 20:00 (in 7 min 51 s))]

        how it came there
          1970-01-01T00:00:01Z  active, stage patrol
    "#]].assert_eq(&played.said(player("ann"), "safe", None).await);
    expect![[r#"
        bridge “The bridge” of realm told: active
          stage `build` is open: `wood` 5/10
          at 1970-01-01T00:00:10Z (tick 10); world time day 1, 12:10 (day, spring)
          instance 1, active since 1970-01-01T00:00:01Z

        ▸ stage build: open since 1970-01-01T00:00:01Z, all of
          ✗ wood 5/10: 10 of gather — 5 more
              2 events counted, +5 in all:
                1970-01-01T00:00:06Z  gather in moor by ann ×4 (script 11)  +4 → 4
                1970-01-01T00:00:07Z  gather (script 12)  +1 → 5

        to finish it
          1. `wood`: 5 more of gather

        how it came there
          1970-01-01T00:00:01Z  active, stage build
    "#]]
    .assert_eq(&played.said(player("cid"), "bridge", None).await);
    // What another of the party has done counts a tick later, if they are there.
    expect![[r#"
        together “Hand in hand” of player ann: active
          stage `s` is open: `wolves` 1/5
          at 1970-01-01T00:00:10Z (tick 10); world time day 1, 12:10 (day, spring)
          instance 1, active since 1970-01-01T00:00:02Z

        ▸ stage s: open since 1970-01-01T00:00:02Z, all of
          ✗ wolves 1/5: 5 of kill wolf — 4 more
              1 event counted, +1 in all:
                1970-01-01T00:00:06Z  kill wolf in moor by bob (script 9)  +1 → 1

        to finish it
          1. `wolves`: 4 more of kill wolf

        how it came there
          1970-01-01T00:00:02Z  active, stage s
    "#]]
    .assert_eq(&played.said(player("ann"), "together", None).await);
}

#[tokio::test]
async fn a_holder_is_named_or_missing() {
    let played = Played::of(QUESTS).play(SCRIPT).await;
    let by_player = played.told(player("bob"), "treasury", None).await.expect("there");
    let by_name = played.told(holder(Scope::Guild, "keepers"), "treasury", None).await.expect("there");
    assert_eq!(by_player, by_name);
    expect![[r#"
        treasury “The treasury”: hidden
          cid has no guild, and the quest is held by one
          at 1970-01-01T00:00:10Z (tick 10)
    "#]]
    .assert_eq(&played.said(player("cid"), "treasury", None).await);
    let wrong = played.told(holder(Scope::Party, "p1"), "treasury", None).await.expect_err("no party's");
    expect![[r#"
        quest `treasury` is held by a guild, and `p1` is a party
        hint: name a guild"#]]
    .assert_eq(&wrong.to_string());
}
