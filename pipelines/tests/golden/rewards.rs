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
    expect![[r#"
        10: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=ready stage=kill since=10 deadline= completions=0
        13: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=13
        13: +1 grants grant=hunt/player:ann/1/weapon/ann quest=hunt scope=player holder=ann instance=1 slot=weapon player=ann item=arrow amount=20 status=pending reason= tick=13
        13: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=13 deadline= completions=1
        13: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=ready stage=kill since=10 deadline= completions=0
        11: refused no_choice: quest `hunt` gives one of arrows, bow
        12: refused no_choice: quest `hunt` gives one of arrows, bow
        14: refused not_ready: quest `hunt` is not ready to be turned in
    "#]].assert_eq(&golden.changes(&["quest_state", "grants"]));
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
    expect![[r#"
        10: +1 grants grant=pay/player:ann/1/gold/ann quest=pay scope=player holder=ann instance=1 slot=gold player=ann item=gold amount=15 status=pending reason= tick=10
        12: +1 grants grant=first/player:ann/1/experience/ann quest=first scope=player holder=ann instance=1 slot=experience player=ann item=experience amount=100 status=pending reason= tick=12
        12: +1 levels player=ann level=2 experience=100 into_level=0 to_next=200
        13: +1 grants grant=pay/player:ann/2/gold/ann quest=pay scope=player holder=ann instance=2 slot=gold player=ann item=gold amount=26 status=pending reason= tick=13
        14: +1 grants grant=dig/realm:golden/1/ore/ann quest=dig scope=realm holder=golden instance=1 slot=ore player=ann item=ore amount=10 status=pending reason= tick=14
        14: +1 grants grant=dig/realm:golden/1/ore/bob quest=dig scope=realm holder=golden instance=1 slot=ore player=bob item=ore amount=5 status=pending reason= tick=14
        14: +1 grants grant=pay/player:bob/1/gold/bob quest=pay scope=player holder=bob instance=1 slot=gold player=bob item=gold amount=15 status=pending reason= tick=14
    "#]].assert_eq(&golden.changes(&["grants", "levels"]));
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
    expect![[r#"
        10: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=bob instance=1 amount=5
        10: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=cid instance=1 amount=3
        11: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player= instance=1 amount=2
        11: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=dan instance=1 amount=3
        12: +1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=6
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player= instance=1 amount=2
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=ann instance=1 amount=6
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=bob instance=1 amount=5
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=cid instance=1 amount=3
        13: -1 contributions scope=realm holder=golden quest=feast stage=gather objective=herbs player=dan instance=1 amount=3
        13: +1 grants grant=feast/realm:golden/1/few/ann quest=feast scope=realm holder=golden instance=1 slot=few player=ann item=coin amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/few/bob quest=feast scope=realm holder=golden instance=1 slot=few player=bob item=coin amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/ann quest=feast scope=realm holder=golden instance=1 slot=gold player=ann item=gold amount=33 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/bob quest=feast scope=realm holder=golden instance=1 slot=gold player=bob item=gold amount=28 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/cid quest=feast scope=realm holder=golden instance=1 slot=gold player=cid item=gold amount=17 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/dan quest=feast scope=realm holder=golden instance=1 slot=gold player=dan item=gold amount=17 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/gold/eve quest=feast scope=realm holder=golden instance=1 slot=gold player=eve item=gold amount=5 status=pending reason= tick=13
    "#]].assert_eq(&golden.changes(&["contributions", "grants"]));
    golden.check_laws();
}

#[test]
fn reward_top_k_shares_a_rank_among_equals() {
    let golden = together(
        "{slots: {gold: {item: gold, to: {top: {through: 1}}}, silver: {item: silver, to: {top: {from: 2, through: 3}}}}}",
    );
    expect![[r#"
        13: +1 grants grant=feast/realm:golden/1/gold/ann quest=feast scope=realm holder=golden instance=1 slot=gold player=ann item=gold amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/silver/bob quest=feast scope=realm holder=golden instance=1 slot=silver player=bob item=silver amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/silver/cid quest=feast scope=realm holder=golden instance=1 slot=silver player=cid item=silver amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/silver/dan quest=feast scope=realm holder=golden instance=1 slot=silver player=dan item=silver amount=1 status=pending reason= tick=13
    "#]].assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}

#[test]
fn credit_tapper_and_contributors_of_a_share() {
    let golden = together(
        "{to: {contributors: {percent: 25}}, slots: {a: {item: a}, b: {item: b, to: {tapper: {}}}}}",
    );
    expect![[r#"
        13: +1 grants grant=feast/realm:golden/1/loot/ann quest=feast scope=realm holder=golden instance=1 slot=loot player=ann item=gem amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/bob quest=feast scope=realm holder=golden instance=1 slot=loot player=bob item=coin amount=5 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/cid quest=feast scope=realm holder=golden instance=1 slot=loot player=cid item=coin amount=5 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/dan quest=feast scope=realm holder=golden instance=1 slot=loot player=dan item=gem amount=1 status=pending reason= tick=13
    "#]].assert_eq(&golden.changes(&["grants", "quest_bindings"]));
    golden.check_laws();
}

#[test]
fn reward_seeded_table_draws_for_each_player() {
    let golden = together(
        "{slots: {loot: {table: {gem: {item: gem}, coins: {item: coin, amount: 5, weight: 2}, nothing: {weight: 2}}}}}",
    );
    expect![[r#"
        13: +1 grants grant=feast/realm:golden/1/loot/ann quest=feast scope=realm holder=golden instance=1 slot=loot player=ann item=gem amount=1 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/bob quest=feast scope=realm holder=golden instance=1 slot=loot player=bob item=coin amount=5 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/cid quest=feast scope=realm holder=golden instance=1 slot=loot player=cid item=coin amount=5 status=pending reason= tick=13
        13: +1 grants grant=feast/realm:golden/1/loot/dan quest=feast scope=realm holder=golden instance=1 slot=loot player=dan item=gem amount=1 status=pending reason= tick=13
    "#]].assert_eq(&golden.changes(&["grants"]));
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
    expect![[r#"
        10: +1 grants grant=hunt/player:ann/1/experience/ann quest=hunt scope=player holder=ann instance=1 slot=experience player=ann item=experience amount=100 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        10: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=10 deadline= completions=1
        11: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        11: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        12: +1 quest_state scope=player holder=ann quest=hunt instance=1 state=available stage= since=12 deadline= completions=0
        12: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=done stage= since=10 deadline= completions=1
        14: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=delivered reason= tick=10
        14: -1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        16: +1 grants grant=hunt/player:ann/2/experience/ann quest=hunt scope=player holder=ann instance=2 slot=experience player=ann item=experience amount=100 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/fur/ann quest=hunt scope=player holder=ann instance=2 slot=fur player=ann item=fur amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/pelt/ann quest=hunt scope=player holder=ann instance=2 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/tail/ann quest=hunt scope=player holder=ann instance=2 slot=tail player=ann item=tail amount=1 status=pending reason= tick=16
        16: -1 quest_state scope=player holder=ann quest=hunt instance=1 state=available stage= since=12 deadline= completions=0
        16: +1 quest_state scope=player holder=ann quest=hunt instance=2 state=done stage= since=16 deadline= completions=1
        10: refused not_done: quest `hunt` is not done
        13: refused not_done: quest `hunt` is not done
        15: refused already_answered: grant `hunt/player:ann/1/pelt/ann` has been answered before
        15: refused already_answered: grant `hunt/player:ann/1/tail/ann` has been answered before
    "#]].assert_eq(&golden.changes(&["quest_state", "grants"]));
    golden.check_laws();
}

#[test]
fn on_revoke_flag_marks_what_was_delivered() {
    let golden = revoked("flag");
    expect![[r#"
        10: +1 grants grant=hunt/player:ann/1/experience/ann quest=hunt scope=player holder=ann instance=1 slot=experience player=ann item=experience amount=100 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        10: +1 levels player=ann level=2 experience=100 into_level=0 to_next=200
        11: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        11: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=revoked reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=delivered reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=flagged reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=flagged reason= tick=10
        16: +1 grants grant=hunt/player:ann/2/experience/ann quest=hunt scope=player holder=ann instance=2 slot=experience player=ann item=experience amount=100 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/fur/ann quest=hunt scope=player holder=ann instance=2 slot=fur player=ann item=fur amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/pelt/ann quest=hunt scope=player holder=ann instance=2 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/tail/ann quest=hunt scope=player holder=ann instance=2 slot=tail player=ann item=tail amount=1 status=pending reason= tick=16
        16: -1 levels player=ann level=2 experience=100 into_level=0 to_next=200
        16: +1 levels player=ann level=2 experience=200 into_level=100 to_next=100
        10: refused not_done: quest `hunt` is not done
        13: refused not_done: quest `hunt` is not done
        14: refused already_answered: grant `hunt/player:ann/1/fur/ann` has been answered before
        15: refused already_answered: grant `hunt/player:ann/1/pelt/ann` has been answered before
        15: refused already_answered: grant `hunt/player:ann/1/tail/ann` has been answered before
    "#]].assert_eq(&golden.changes(&["grants", "levels"]));
    golden.check_laws();
}

#[test]
fn on_revoke_clawback_asks_for_what_was_delivered() {
    let golden = revoked("clawback");
    expect![[r#"
        10: +1 grants grant=hunt/player:ann/1/experience/ann quest=hunt scope=player holder=ann instance=1 slot=experience player=ann item=experience amount=100 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        10: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        11: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=10
        11: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason= tick=10
        11: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=pending reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=pending reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/fur/ann quest=hunt scope=player holder=ann instance=1 slot=fur player=ann item=fur amount=1 status=revoked reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=clawback reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=delivered reason= tick=10
        12: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=clawback reason= tick=10
        12: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason= tick=10
        15: -1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=clawback reason= tick=10
        15: +1 grants grant=hunt/player:ann/1/pelt/ann quest=hunt scope=player holder=ann instance=1 slot=pelt player=ann item=pelt amount=1 status=taken reason= tick=10
        15: -1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=clawback reason= tick=10
        15: +1 grants grant=hunt/player:ann/1/tail/ann quest=hunt scope=player holder=ann instance=1 slot=tail player=ann item=tail amount=1 status=delivered reason=sold tick=10
        16: +1 grants grant=hunt/player:ann/2/experience/ann quest=hunt scope=player holder=ann instance=2 slot=experience player=ann item=experience amount=100 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/fur/ann quest=hunt scope=player holder=ann instance=2 slot=fur player=ann item=fur amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/pelt/ann quest=hunt scope=player holder=ann instance=2 slot=pelt player=ann item=pelt amount=1 status=pending reason= tick=16
        16: +1 grants grant=hunt/player:ann/2/tail/ann quest=hunt scope=player holder=ann instance=2 slot=tail player=ann item=tail amount=1 status=pending reason= tick=16
        10: refused not_done: quest `hunt` is not done
        13: refused not_done: quest `hunt` is not done
        14: refused already_answered: grant `hunt/player:ann/1/fur/ann` has been answered before
    "#]].assert_eq(&golden.changes(&["grants"]));
    golden.check_laws();
}
