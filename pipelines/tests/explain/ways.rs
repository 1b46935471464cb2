//! Stages: branches, rounds, sequences, what is hidden, and turning in.

use expect_test::expect;

use crate::played::{Played, player};

const FEUD: &str = "
feud:
  title: The feud
  turn_in: manual
  stages:
    side:
      objectives:
        gift: {event: donate, branch: peace}
        raid: {event: kill, target: wolf, count: 2, branch: war}
        word: {event: talk, target: elder}
    drill:
      times: 3
      after: {side: war}
      complete: strict_sequence
      objectives:
        first: {event: kill, target: bear}
        second: {event: kill, target: wolf}
    feast:
      complete: {at_least: 2}
      objectives:
        herbs: {event: gather, count: 3}
        talks: {event: talk, count: 2}
        gold: {event: donate, count: 10, optional: true}
        beasts: {event: kill, count: 4}
";

#[tokio::test]
async fn branches_rounds_and_sequences_are_told() {
    let script = "
        2 event quest.accept player=ann target=feud
        3 event kill player=ann target=wolf
        4 event talk player=ann target=elder
        5 event kill player=ann target=wolf
        7 event kill player=ann target=wolf
        8 event kill player=ann target=bear
        9 event kill player=ann target=bear
        10 event kill player=ann target=wolf
        12 event kill player=ann target=bear
        13 wait
        14 event kill player=ann target=wolf
        16 event kill player=ann target=bear
        17 event kill player=ann target=wolf
        19 event gather player=ann amount=3
        20 event kill player=ann amount=3
        21 wait
        22 event talk player=ann amount=2
        23 wait
        24 event quest.turn_in player=ann target=feud
        25 wait
    ";
    let played = Played::of(FEUD).play(script).await;
    for (tick, expected) in [
        (
            3,
            expect![[r#"
                feud “The feud” of player ann: active
                  stage `side` is open: `gift` 0/1, `raid` 1/2, `word` 0/1
                  at 1970-01-01T00:00:03Z (tick 3); world time day 1, 12:03 (day, spring)
                  instance 1, active since 1970-01-01T00:00:02Z

                ▸ stage side: open since 1970-01-01T00:00:02Z, all of, by one branch
                  ✗ gift 0/1 (branch peace): donate — 1 more
                  ✗ raid 1/2 (branch war): 2 of kill wolf — 1 more
                      1 event counted, +1 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                  ✗ word 0/1: talk elder — 1 more

                · stage drill: later, one after the other, without anything between them
                  · first 0/1: kill bear
                  · second 0/1: kill wolf

                · stage feast: later, at least 2 of
                  · herbs 0/3: 3 of gather
                  · talks 0/2: 2 of talk
                  · gold 0/10 (optional): 10 of donate
                  · beasts 0/4: 4 of kill

                to finish it
                  1. by branch `peace`: `gift`: donate; then `word`: talk elder; or by branch `war`: `raid`: 1 more of kill wolf; then `word`: talk elder
                  2. then stage `drill`: kill bear; kill wolf, 3 times (only after stage `side` by branch `war`)
                  3. then stage `feast`: any 2 of: 3 more of gather; 2 more of talk; 4 more of kill
                  4. turn it in (`quest.turn_in`)

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
            "#]],
        ),
        (
            8,
            expect![[r#"
                feud “The feud” of player ann: active
                  stage `drill` is open: `second` 0/1
                  at 1970-01-01T00:00:08Z (tick 8); world time day 1, 12:08 (day, spring)
                  instance 1, active since 1970-01-01T00:00:02Z

                ✓ stage side: done, all of, by one branch
                  · gift 0/1 (branch peace): donate
                  ✓ raid 2/2 (branch war): 2 of kill wolf
                      2 events counted, +2 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  +1 → 2
                  ✓ word 1/1: talk elder
                      1 event counted, +1 in all:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  +1 → 1

                ▸ stage drill: open since 1970-01-01T00:00:06Z, the 1. of 3 times, one after the other, without anything between them
                  ✓ first 1/1: kill bear
                      1 event counted, +1 in all:
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  +1 → 1
                      3 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  another target
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  another target
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  another target
                  ✗ second 0/1: kill wolf — 1 more
                      4 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  stage `side` was open
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  stage `side` was open
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  `first` comes first
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  another target

                · stage feast: later, at least 2 of
                  · herbs 0/3: 3 of gather
                  · talks 0/2: 2 of talk
                  · gold 0/10 (optional): 10 of donate
                  · beasts 0/4: 4 of kill

                to finish it
                  1. `second`: kill wolf
                  2. stage `drill` 2 times more
                  3. then stage `feast`: any 2 of: 3 more of gather; 2 more of talk; 4 more of kill
                  4. turn it in (`quest.turn_in`)

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
                  1970-01-01T00:00:06Z  active, stage drill
            "#]],
        ),
        (
            13,
            expect![[r#"
                feud “The feud” of player ann: active
                  stage `drill` is open: `second` 0/1
                  at 1970-01-01T00:00:13Z (tick 13); world time day 1, 12:13 (day, spring)
                  instance 1, active since 1970-01-01T00:00:02Z

                ✓ stage side: done, all of, by one branch
                  · gift 0/1 (branch peace): donate
                  ✓ raid 2/2 (branch war): 2 of kill wolf
                      2 events counted, +2 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  +1 → 2
                  ✓ word 1/1: talk elder
                      1 event counted, +1 in all:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  +1 → 1

                ▸ stage drill: open since 1970-01-01T00:00:11Z, the 2. of 3 times, one after the other, without anything between them
                  ✓ first 1/1: kill bear
                      3 events counted, +3 in all:
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  +1 → 1
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  -1 → 0  came out of order
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  +1 → 1
                      4 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  another target
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  another target
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  another target
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  another target
                  ✗ second 0/1: kill wolf — 1 more
                      1 event counted, +1 in all:
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                      6 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  stage `side` was open
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  stage `side` was open
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  `first` comes first
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  another target
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  another target
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  another target

                · stage feast: later, at least 2 of
                  · herbs 0/3: 3 of gather
                  · talks 0/2: 2 of talk
                  · gold 0/10 (optional): 10 of donate
                  · beasts 0/4: 4 of kill

                to finish it
                  1. `second`: kill wolf
                  2. stage `drill` 1 time more
                  3. then stage `feast`: any 2 of: 3 more of gather; 2 more of talk; 4 more of kill
                  4. turn it in (`quest.turn_in`)

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
                  1970-01-01T00:00:06Z  active, stage drill
            "#]],
        ),
        (
            21,
            expect![[r#"
                feud “The feud” of player ann: active
                  stage `feast` is open: `talks` 0/2, `beasts` 3/4
                  at 1970-01-01T00:00:21Z (tick 21); world time day 1, 12:21 (day, spring)
                  instance 1, active since 1970-01-01T00:00:02Z

                ✓ stage side: done, all of, by one branch
                  · gift 0/1 (branch peace): donate
                  ✓ raid 2/2 (branch war): 2 of kill wolf
                      2 events counted, +2 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  +1 → 2
                  ✓ word 1/1: talk elder
                      1 event counted, +1 in all:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  +1 → 1

                ✓ stage drill: done, one after the other, without anything between them
                  ✓ first 1/1: kill bear
                      4 events counted, +4 in all:
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  +1 → 1
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  -1 → 0  came out of order
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:16Z  kill bear by ann (script 12)  +1 → 1
                  ✓ second 1/1: kill wolf
                      3 events counted, +3 in all:
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:14Z  kill wolf by ann (script 11)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:17Z  kill wolf by ann (script 13)  +1 → 1

                ▸ stage feast: open since 1970-01-01T00:00:18Z, at least 2 of
                  ✓ herbs 3/3: 3 of gather
                      1 event counted, +3 in all:
                        1970-01-01T00:00:19Z  gather by ann ×3 (script 14)  +3 → 3
                  ✗ talks 0/2: 2 of talk — 2 more
                      1 event did not count:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  stage `side` was open
                  ✗ gold 0/10 (optional): 10 of donate — 10 more
                  ✗ beasts 3/4: 4 of kill — 1 more
                      1 event counted, +3 in all:
                        1970-01-01T00:00:20Z  kill by ann ×3 (script 15)  +3 → 3
                      10 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  stage `side` was open
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  stage `side` was open
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  stage `drill` was open
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  stage `drill` was open
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  stage `drill` was open
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  stage `drill` was open
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  stage `drill` was open
                        1970-01-01T00:00:14Z  kill wolf by ann (script 11)  stage `drill` was open
                        1970-01-01T00:00:16Z  kill bear by ann (script 12)  stage `drill` was open
                        1970-01-01T00:00:17Z  kill wolf by ann (script 13)  stage `drill` was open

                to finish it
                  1. any 1 of: `talks`: 2 more of talk; `beasts`: 1 more of kill
                  2. turn it in (`quest.turn_in`)

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
                  1970-01-01T00:00:06Z  active, stage drill
                  1970-01-01T00:00:18Z  active, stage feast
            "#]],
        ),
        (
            23,
            expect![[r#"
                feud “The feud” of player ann: ready
                  everything is done; it waits to be turned in
                  at 1970-01-01T00:00:23Z (tick 23); world time day 1, 12:23 (day, spring)
                  instance 1, ready since 1970-01-01T00:00:22Z

                ✓ stage side: done, all of, by one branch
                  · gift 0/1 (branch peace): donate
                  ✓ raid 2/2 (branch war): 2 of kill wolf
                      2 events counted, +2 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  +1 → 2
                  ✓ word 1/1: talk elder
                      1 event counted, +1 in all:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  +1 → 1

                ✓ stage drill: done, one after the other, without anything between them
                  ✓ first 1/1: kill bear
                      4 events counted, +4 in all:
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  +1 → 1
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  -1 → 0  came out of order
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:16Z  kill bear by ann (script 12)  +1 → 1
                  ✓ second 1/1: kill wolf
                      3 events counted, +3 in all:
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:14Z  kill wolf by ann (script 11)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:17Z  kill wolf by ann (script 13)  +1 → 1

                ▸ stage feast: open since 1970-01-01T00:00:18Z, at least 2 of
                  ✓ herbs 3/3: 3 of gather
                      1 event counted, +3 in all:
                        1970-01-01T00:00:19Z  gather by ann ×3 (script 14)  +3 → 3
                  ✓ talks 2/2: 2 of talk
                      1 event counted, +2 in all:
                        1970-01-01T00:00:22Z  talk by ann ×2 (script 17)  +2 → 2
                      1 event did not count:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  stage `side` was open
                  ✗ gold 0/10 (optional): 10 of donate — 10 more
                  ✗ beasts 3/4: 4 of kill — 1 more
                      1 event counted, +3 in all:
                        1970-01-01T00:00:20Z  kill by ann ×3 (script 15)  +3 → 3
                      10 events did not count:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  stage `side` was open
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  stage `side` was open
                        1970-01-01T00:00:07Z  kill wolf by ann (script 5)  stage `drill` was open
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  stage `drill` was open
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  stage `drill` was open
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  stage `drill` was open
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  stage `drill` was open
                        1970-01-01T00:00:14Z  kill wolf by ann (script 11)  stage `drill` was open
                        1970-01-01T00:00:16Z  kill bear by ann (script 12)  stage `drill` was open
                        1970-01-01T00:00:17Z  kill wolf by ann (script 13)  stage `drill` was open

                to finish it
                  1. turn it in (`quest.turn_in`)

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
                  1970-01-01T00:00:06Z  active, stage drill
                  1970-01-01T00:00:18Z  active, stage feast
                  1970-01-01T00:00:22Z  ready, stage feast
            "#]],
        ),
        (
            25,
            expect![[r#"
                feud “The feud” of player ann: done
                  it is done
                  at 1970-01-01T00:00:25Z (tick 25); world time day 1, 12:25 (day, spring)
                  instance 1, completed 1 time, done since 1970-01-01T00:00:24Z

                ✓ stage side: done, all of, by one branch
                  · gift 0/1 (branch peace): donate
                  ✓ raid 2/2 (branch war): 2 of kill wolf
                      2 events counted, +2 in all:
                        1970-01-01T00:00:03Z  kill wolf by ann (script 2)  +1 → 1
                        1970-01-01T00:00:05Z  kill wolf by ann (script 4)  +1 → 2
                  ✓ word 1/1: talk elder
                      1 event counted, +1 in all:
                        1970-01-01T00:00:04Z  talk elder by ann (script 3)  +1 → 1

                ✓ stage drill: done, one after the other, without anything between them
                  ✓ first 1/1: kill bear
                      4 events counted, +4 in all:
                        1970-01-01T00:00:08Z  kill bear by ann (script 6)  +1 → 1
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  -1 → 0  came out of order
                        1970-01-01T00:00:09Z  kill bear by ann (script 7)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:12Z  kill bear by ann (script 9)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:16Z  kill bear by ann (script 12)  +1 → 1
                  ✓ second 1/1: kill wolf
                      3 events counted, +3 in all:
                        1970-01-01T00:00:10Z  kill wolf by ann (script 8)  +1 → 1
                        1970-01-01T00:00:11Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:14Z  kill wolf by ann (script 11)  +1 → 1
                        1970-01-01T00:00:15Z  -1 → 0  the stage opened again
                        1970-01-01T00:00:17Z  kill wolf by ann (script 13)  +1 → 1

                ✓ stage feast: done, at least 2 of
                  ✓ herbs 3/3: 3 of gather
                      1 event counted, +3 in all:
                        1970-01-01T00:00:19Z  gather by ann ×3 (script 14)  +3 → 3
                  ✓ talks 2/2: 2 of talk
                      1 event counted, +2 in all:
                        1970-01-01T00:00:22Z  talk by ann ×2 (script 17)  +2 → 2
                  · gold 0/10 (optional): 10 of donate
                  · beasts 3/4: 4 of kill
                      1 event counted, +3 in all:
                        1970-01-01T00:00:20Z  kill by ann ×3 (script 15)  +3 → 3

                how it came there
                  1970-01-01T00:00:02Z  active, stage side
                  1970-01-01T00:00:06Z  active, stage drill
                  1970-01-01T00:00:18Z  active, stage feast
                  1970-01-01T00:00:22Z  ready, stage feast
                  1970-01-01T00:00:24Z  done
            "#]],
        ),
    ] {
        expected.assert_eq(&played.said(player("ann"), "feud", Some(tick)).await);
    }
}

#[tokio::test]
async fn what_was_available_offered_given_up_or_is_unknown_is_told() {
    let quests = "
offer:
  title: An offer
  accept: offered
  repeat: {cooldown: 1h}
  stages: {s: {objectives: {talk: {event: talk, target: elder}}}}
";
    let script = "
        2 event kill player=ann target=wolf
        3 event quest.offer player=ann target=offer
        4 event quest.accept player=ann target=offer
        5 event quest.abandon player=ann target=offer
        6 event quest.offer player=ann target=offer
        7 event quest.accept player=ann target=offer
        8 event talk player=ann target=elder
        9 wait
    ";
    let played = Played::of(quests).play(script).await;
    let mut said = String::new();
    for tick in [2, 3, 4, 5, 8] {
        let told = played.told(player("ann"), "offer", Some(tick)).await.expect("it is there");
        said.push_str(&format!("{tick}: {}: {}; {:?}\n", told.state, told.why, told.finish));
    }
    expect![[r#"
        2: available: it is available, and has not been offered; ["a game server offers it (`quest.offer`)", "accept it (`quest.accept`)", "then stage `s`: talk elder"]
        3: offered: it is offered, and waits to be accepted; ["accept it (`quest.accept`)", "then stage `s`: talk elder"]
        4: active: stage `s` is open: `talk` 0/1; ["`talk`: talk elder"]
        5: abandoned: it was given up; ["a game server offers it (`quest.offer`)", "accept it (`quest.accept`)", "then stage `s`: talk elder"]
        8: done: it is done, and can be done again from 1970-01-01T01:00:08Z on; []
    "#]].assert_eq(&said);
    let unknown = played.told(player("ann"), "ofer", None).await.expect_err("there is none");
    expect![[r#"
        there is no quest `ofer` at 1970-01-01T00:00:10Z
        hint: did you mean `offer`?"#]]
    .assert_eq(&unknown.to_string());
}

/// What time sets back in a stage that opens several times is told apart from what the stage sets back.
#[tokio::test]
async fn time_is_told_apart_from_a_stage_that_opens_again() {
    const GARDEN: &str = "
garden:
  title: The garden
  accept: auto
  stages:
    bed:
      times: 2
      objectives:
        plant: {event: gather}
        water: {event: talk, after: plant, within: 3s}
        wolves: {event: kill, target: wolf, count: 2, window: 30s}
";
    let script = "
        2 event gather player=ann
        8 wait
        9 event gather player=ann
        10 event talk player=ann
        11 event kill player=ann target=wolf amount=2
        13 wait
    ";
    let told = Played::of(GARDEN).play(script).await.said(player("ann"), "garden", Some(13)).await;
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("→ 0")).map(str::trim).collect();
    expect![[r#"
        1970-01-01T00:00:06Z  -1 → 0  time passed
        1970-01-01T00:00:12Z  -1 → 0  the stage opened again
        1970-01-01T00:00:12Z  -1 → 0  the stage opened again
        1970-01-01T00:00:12Z  -2 → 0  the stage opened again"#]]
    .assert_eq(&lines.join("\n"));
}
