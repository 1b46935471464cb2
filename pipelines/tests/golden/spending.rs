//! Tiers that are closed by a switch or by their money, tokens that are used up, and rates, in a whole graph.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
kinds: {talk: {from: player}}
facts:
  models_on: {scope: realm, type: bool, default: true}
  gold_money: {scope: realm, type: dec, default: 0.003}
  plan: {scope: player, type: text, default: free}
tiers:
  gold:
    url: http://127.0.0.1:1
    model: tiny
    price: {input: 10, output: 20}
    money_per_day: {fact: gold_money}
    when: realm.models_on
spending:
  player_tier: plan
  players:
    default: {tokens_per_day: 500, rates: {normal: {most: 3, per: 100ms}}}
    premium: {}
  npc: {tokens_per_day: 2000}
";

#[test]
fn what_is_switched_off_used_up_or_asked_too_often_is_a_bark_that_says_so() {
    let golden = Golden::new(
        &[
            ("world.yaml", WORLD),
            ("entities.yaml", "smith: {kind: npc}\ncook: {kind: npc}\n"),
            (
                "npcs.yaml",
                "smith: {tier: gold, prompt: Hail, barks: Hm.}\ncook: {tier: gold, prompt: Hail, barks: Busy.}\n",
            ),
        ],
        r"
        2 event talk player=ada target=smith
        4 reply smith/ada/1 gold 100 50 Aye.
        6 event talk player=ada target=smith
        6 event talk player=bo target=cook
        8 fact realm golden models_on false
        10 event talk player=bo target=smith
        12 fact realm golden models_on true
        14 event talk player=ada target=smith
        15 event talk player=bo target=cook
        16 reply smith/ada/3 gold 100 50 Ho.
        18 event talk player=ada target=cook
        20 fact realm golden gold_money 1
        22 event talk player=ada target=cook
        23 event talk player=ada target=smith
        24 event talk player=ada target=smith
        25 event talk player=ada target=smith
        26 reply cook/ada/1 gold 200 0
        28 event talk player=ada target=cook
        30 fact player ada plan premium
        32 event talk player=ada target=cook
        34 wait
        ",
    );
    expect![[r#""#]].assert_eq(&golden.changes(&["npc_requests", "npc_lines", "tier_states", "spending"]));
    golden.check_laws();
}
