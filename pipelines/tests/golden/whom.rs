//! One world for each word that says to whom, by whom and for whom.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 1000
regions: {moor: {}, village: {}}
kinds:
  kill: {}
  gather: {}
lifetime:
  kills: {pattern: {event: kill, target: wolf}}
facts:
  fame: {type: int, default: 0}
";

const ENTITIES: &str = "
wolf: {kind: npc}
herb: {kind: object}
elder: {kind: npc}
smith: {kind: npc, tags: [villager]}
baker: {kind: npc, tags: [villager]}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

#[test]
fn an_npc_is_who_a_quest_is_turned_in_to() {
    let golden = world(
        "
pelts:
  title: Pelts
  accept: auto
  turn_in: {npc: [elder, villager]}
  repeat: {always: {}}
  stages: {kill: {objectives: {wolf: {event: kill, target: wolf}}}}
",
        "
        10 event quest.turn_in player=ann target=pelts npc=elder
        11 event kill player=ann target=wolf
        12 event quest.turn_in player=ann target=pelts
        13 event quest.turn_in player=ann target=pelts npc=wolf
        14 event quest.turn_in player=ann target=pelts npc=villager
        15 event quest.turn_in player=ann target=pelts npc=elder
        17 event kill player=ann target=wolf
        17 event quest.turn_in player=ann target=pelts npc=baker
        19 entity smith upsert npc
        20 event kill player=ann target=wolf
        21 event quest.turn_in player=ann target=pelts npc=smith
        22 wait
        ",
    );
    expect![[r#"
    "#]]
    .assert_eq(&golden.changes(&["quest_state"]));
    golden.check_laws();
}

#[test]
fn a_share_of_the_players_are_the_best() {
    let golden = world(
        "
feast:
  title: Feast
  scope: realm
  accept: auto
  stages: {gather: {objectives: {herbs: {event: gather, count: 20}}}}
  rewards: {slots: {crown: {item: crown, to: {top: {percent: 40}}}, ribbon: {item: ribbon, to: {top: {from: 2, percent: 100}}}}}
",
        "
        10 event gather player=ann amount=2
        11 event gather player=bob amount=7
        12 event gather player=cid amount=3
        13 event gather player=dan amount=6
        14 event gather player=eve amount=2
        15 wait
        ",
    );
    expect![[r#"
    "#]]
    .assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}

#[test]
fn a_unit_is_worth_so_much_as_credit() {
    let golden = world(
        "
feast:
  title: Feast
  scope: realm
  accept: auto
  stages:
    pay: {objectives: {claim: {event: kill, count: 3, worth: 0}}}
    gather:
      objectives:
        herbs: {event: gather, target: herb, count: 5, worth: 3}
        wolves: {event: kill, target: wolf, count: 6}
  rewards: {slots: {gold: {item: gold, amount: 100, divided: true}, crown: {item: crown, to: {top: {through: 1}}}}}
",
        "
        10 event kill player=cid target=wolf amount=3
        12 event gather player=ann target=herb amount=5
        13 event kill player=bob target=wolf amount=6
        14 wait
        ",
    );
    expect![[r#"
    "#]]
    .assert_eq(&golden.changes(&["contributions", "grants"]));
    golden.check_laws();
}

#[test]
fn credit_counts_since_a_quest_is_available() {
    let golden = world(
        "
hunt:
  title: Hunt
  requires: {facts: {fame: {at_least: 1}}}
  stages: {kill: {objectives: {wolves: {event: kill, target: wolf, count: 5, since: available, lifetime: kills}}}}
",
        "
        10 event kill player=ann target=wolf amount=3
        12 fact player ann fame 1
        13 event kill player=ann target=wolf amount=2
        14 event quest.accept player=ann target=hunt
        16 event kill player=ann target=wolf amount=3
        17 wait
        ",
    );
    expect![[r#"
    "#]]
    .assert_eq(&golden.story(&[]));
}
