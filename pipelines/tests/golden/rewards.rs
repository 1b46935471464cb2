//! One world for each word of rewards.

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
";

const ENTITIES: &str = "
wolf: {kind: npc}
herb: {kind: object}
";

fn world(quests: &str, script: &str) -> Golden {
    Golden::new(&[("world.yaml", WORLD), ("entities.yaml", ENTITIES), ("quests/all.yaml", quests)], script)
}

#[test]
fn reward_choice_of_one_is_chosen_at_the_turn_in() {
    let golden = world(
        "
hunt:
  title: Hunt
  accept: auto
  turn_in: manual
  stages: {kill: {objectives: {wolf: {event: kill, target: wolf}}}}
  rewards:
    slots:
      pelt: {item: pelt}
      weapon: {choice: {bow: {item: long_bow}, arrows: {item: arrow, amount: 20}}}
",
        "
        10 event kill player=ann target=wolf
        11 event quest.turn_in player=ann target=hunt
        12 event quest.turn_in player=ann target=hunt choose=axe
        13 event quest.turn_in player=ann target=hunt choose=arrows
        14 event quest.turn_in player=ann target=hunt choose=bow
        16 wait
        ",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["quest_state", "grants"]));
    golden.check_laws();
}

#[test]
fn reward_scaled_by_level_credit_and_objectives() {
    let golden = world(
        "
first:
  title: First
  accept: auto
  repeat: {always: {}}
  stages: {kill: {objectives: {wolf: {event: kill, target: wolf}}}}
  rewards: {experience: 100}
pay:
  title: Pay
  accept: auto
  repeat: {always: {}}
  stages:
    gather:
      objectives:
        herbs: {event: gather, target: herb, count: 2}
        more: {event: kill, target: wolf, count: 5, optional: true}
  rewards: {slots: {gold: {item: gold, amount: 10, plus: {level: 5, objectives: {more: 3}}}}}
dig:
  title: Dig
  scope: realm
  accept: auto
  stages: {gather: {objectives: {herbs: {event: gather, count: 6}}}}
  rewards: {slots: {ore: {item: ore, amount: 0, plus: {credit: 2, level: 1}}}}
",
        "
        10 event gather player=ann target=herb amount=2
        12 event kill player=ann target=wolf amount=2
        13 event gather player=ann target=herb amount=2
        14 event gather player=bob target=herb amount=2
        16 wait
        ",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["grants", "levels"]));
    golden.check_laws();
}

const TOGETHER: &str = "
feast:
  title: Feast
  scope: realm
  accept: auto
  repeat: {always: {}}
  stages: {gather: {objectives: {herbs: {event: gather, count: 20}}}}
";

const GATHERED: &str = "
        10 event gather player=cid amount=3
        10 event gather player=bob amount=5
        11 event gather player=dan amount=3
        11 event gather amount=2
        12 event gather player=ann amount=6
        13 event gather player=eve amount=1
        15 wait
        ";

fn together(rewards: &str) -> Golden {
    world(&format!("{TOGETHER}  rewards: {rewards}\n"), GATHERED)
}

#[test]
fn reward_proportional_is_divided_to_the_last_unit() {
    let golden = together(
        "{slots: {gold: {item: gold, amount: 100, divided: true}, few: {item: coin, amount: 2, divided: true}}}",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["contributions", "grants"]));
    golden.check_laws();
}

#[test]
fn reward_top_k_shares_a_rank_among_equals() {
    let golden = together(
        "{slots: {gold: {item: gold, to: {top: {through: 1}}}, silver: {item: silver, to: {top: {from: 2, through: 3}}}}}",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}

#[test]
fn credit_tapper_and_contributors_of_a_share() {
    let golden = together("{to: {contributors: {percent: 25}}, slots: {a: {item: a}, b: {item: b, to: {tapper: {}}}}}");
    expect![[r#""#]].assert_eq(&golden.changes(&["grants", "quest_bindings"]));
    golden.check_laws();
}

#[test]
fn reward_seeded_table_draws_for_each_player() {
    let golden = together(
        "{slots: {loot: {table: {gem: {item: gem}, coins: {item: coin, amount: 5, weight: 2}, nothing: {weight: 2}}}}}",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}

fn revoked(policy: &str) -> Golden {
    let quests = format!(
        "
hunt:
  title: Hunt
  repeat: {{cooldown: 30s}}
  stages: {{kill: {{objectives: {{wolf: {{event: kill, target: wolf}}}}}}}}
  rewards: {{experience: 100, slots: {{fur: {{item: fur}}, pelt: {{item: pelt}}, tail: {{item: tail}}}}, on_revoke: {policy}}}
"
    );
    world(
        &quests,
        "
        10 event quest.accept player=ann target=hunt
        10 event kill player=ann target=wolf
        10 event quest.revoke player=ann target=hunt
        11 answer hunt/player:ann/1/pelt/ann delivered
        11 answer hunt/player:ann/1/tail/ann delivered
        12 event quest.revoke player=ann target=hunt
        13 event quest.revoke player=ann target=hunt
        14 answer hunt/player:ann/1/fur/ann delivered
        15 answer hunt/player:ann/1/pelt/ann delivered
        15 answer hunt/player:ann/1/tail/ann refused sold
        16 event quest.accept player=ann target=hunt
        16 event kill player=ann target=wolf
        18 wait
        ",
    )
}

#[test]
fn on_revoke_keep_leaves_what_was_earned() {
    let golden = revoked("keep");
    expect![[r#""#]].assert_eq(&golden.changes(&["quest_state", "grants"]));
    golden.check_laws();
}

#[test]
fn on_revoke_flag_marks_what_was_delivered() {
    let golden = revoked("flag");
    expect![[r#""#]].assert_eq(&golden.changes(&["grants", "levels"]));
    golden.check_laws();
}

#[test]
fn on_revoke_clawback_asks_for_what_was_delivered() {
    let golden = revoked("clawback");
    expect![[r#""#]].assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}
