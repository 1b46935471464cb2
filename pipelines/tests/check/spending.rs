//! Limits of what models may cost that make no sense.

use expect_test::{Expect, expect};

use crate::{WORLD, problems};

const NPCS: &str = "elder: {tier: gold, barks: Hm.}\n";

fn wrong(facts: &str, add: &str, expected: Expect) {
    let world = WORLD.replace("facts:\n", &format!("facts:\n{facts}"));
    expected.assert_eq(&problems(&[("world.yaml", &format!("{world}{add}")), ("npcs.yaml", NPCS)]));
}

#[test]
fn what_is_right_is_right() {
    wrong(
        "  on: {scope: realm, type: bool, default: true}\n  cap: {scope: realm, type: dec, default: 5}\n  plan: {type: text, default: free}\n",
        "\
tiers:
  gold:
    url: http://h
    model: m
    price: {input: 0.3, output: 1.2}
    money_per_day: {fact: cap}
    when: realm.on and clock.phase != night
  silver: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: 2.5}
spending:
  player_tier: plan
  players:
    default: {tokens_per_day: 20000, rates: {normal: {most: 20, per: 1m}, low: [{most: 5, per: 1m}, {most: 50, per: 1d}]}}
    premium: {}
  npc: {tokens_per_day: 200000}
  realm: {tokens_per_day: 5000000}
",
        expect![[r#""#]],
    );
}

#[test]
fn money_needs_a_price_and_a_switch_is_the_realms() {
    wrong(
        "  on: {scope: realm, type: bool, default: true}\n  cap: {type: dec, default: 5}\n",
        "\
tiers:
  gold: {url: http://h, model: m, money_per_day: 5, when: {region: meadow}}
  silver: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: 0, when: player.mood > 3}
  iron: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cap}, when: {any: [{facts: {on: true}}, {level: 3}]}}
  tin: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: on}, when: {compare: mood * 2 > 3}}
  lead: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cups}, when: realm.off}
  zinc: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: lots}
",
        expect![[r#""#]],
    );
}

#[test]
fn limits_that_limit_nothing_or_everything() {
    wrong(
        "  plan: {type: text, default: free}\n",
        "\
spending:
  player_tier: plant
  npc: {tokens_per_day: 0}
  realm: {tokens_per_day: 0}
",
        expect![[r#""#]],
    );
    wrong(
        "  plan: {type: text, default: free}\n",
        "\
tiers: {gold: {url: http://h, model: m}}
spending:
  player_tier: plan
  players:
    premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
",
        expect![[r#""#]],
    );
    wrong(
        "",
        "\
tiers: {gold: {url: http://h, model: m}}
spending:
  players:
    premium: {tokens_per_day: -1}
    whale: {rates: {often: {most: 1, per: 1s}}}
",
        expect![[r#""#]],
    );
}
