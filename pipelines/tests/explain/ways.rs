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
        (3, expect![[""]]),
        (8, expect![[""]]),
        (13, expect![[""]]),
        (21, expect![[""]]),
        (23, expect![[""]]),
        (25, expect![[""]]),
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
    expect![[""]].assert_eq(&said);
    let unknown = played.told(player("ann"), "ofer", None).await.expect_err("there is none");
    expect![[""]].assert_eq(&unknown.to_string());
}
