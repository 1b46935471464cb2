//! Limits of what models may cost that make no sense.

use expect_test::{Expect, expect};
use worldflow::world::{Folder, check};

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
        expect![[r#"
            error: world.yaml:21:50: without a `price` it costs nothing, so this is never reached
               |
            21 | gold: {url: http://h, model: m, money_per_day: 5, when: {region: meadow}}
               |                                                ^
            hint: say under `price` what a million tokens cost

            error: world.yaml:21:53: a tier is asked by the whole realm, which has no region
               |
            21 | gold: {url: http://h, model: m, money_per_day: 5, when: {region: meadow}}
               |                                                   ^^^^
            hint: ask for facts of the realm, the clock or rows of views

            error: world.yaml:22:82: a tier without money is never asked
               |
            22 | silver: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: 0, when: player.mood > 3}
               |                                                                                ^
            hint: give more than 0; `when` is for a tier that is switched off

            error: world.yaml:22:91: a tier is asked by the whole realm, which has no fact `mood`: it is kept for a player
               |
            22 | silver: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: 0, when: player.mood > 3}
               |                                                                                         ^^^^^^^^^^^^^^^
            hint: ask for facts of the realm, the clock or rows of views

            warning: world.yaml:23:3: no npc asks the tier `iron`
               |
            23 | iron: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cap}, when: {any: [{facts: {on: true}}, {level: 3}]}}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:23:87: the fact `cap` is kept for a player, not for the realm
               |
            23 | iron: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cap}, when: {any: [{facts: {on: true}}, {level: 3}]}}
               |                                                                                     ^^^
            hint: name a fact with `scope: realm`

            error: world.yaml:23:93: a tier is asked by the whole realm, which has no level
               |
            23 | iron: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cap}, when: {any: [{facts: {on: true}}, {level: 3}]}}
               |                                                                                           ^^^^
            hint: ask for facts of the realm, the clock or rows of views

            warning: world.yaml:24:3: no npc asks the tier `tin`
               |
            24 | tin: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: on}, when: {compare: mood * 2 > 3}}
               | ^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:24:86: the fact `on` is no number
               |
            24 | tin: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: on}, when: {compare: mood * 2 > 3}}
               |                                                                                    ^^
            hint: name one of type int or dec

            error: world.yaml:24:91: a tier is asked by the whole realm, which has no fact `mood`: it is kept for a player
               |
            24 | tin: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: on}, when: {compare: mood * 2 > 3}}
               |                                                                                         ^^^^
            hint: ask for facts of the realm, the clock or rows of views

            warning: world.yaml:25:3: no npc asks the tier `lead`
               |
            25 | lead: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cups}, when: realm.off}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:25:87: unknown fact `cups`
               |
            25 | lead: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cups}, when: realm.off}
               |                                                                                     ^^^^
            hint: facts are declared in world.yaml under `facts`: `cap`, `mood`, `on`, `saved`

            error: world.yaml:25:106: unknown fact `off`
               |
            25 | lead: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: {fact: cups}, when: realm.off}
               |                                                                                                        ^^^
            hint: facts are declared in world.yaml under `facts`: `cap`, `mood`, `on`, `saved`

            warning: world.yaml:26:3: no npc asks the tier `zinc`
               |
            26 | zinc: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: lots}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:26:80: expected an amount of money
               |
            26 | zinc: {url: http://h, model: m, price: {input: 1, output: 2}, money_per_day: lots}
               |                                                                              ^^^^
            hint: write `20`, or `{fact: gold_money}` of a number fact of the realm

        "#]],
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
        expect![[r#"
            error: npcs.yaml:1:15: unknown tier `gold`
              |
            1 | elder: {tier: gold, barks: Hm.}
              |               ^^^^
            hint: tiers are declared in world.yaml under `tiers`

            warning: world.yaml:19:1: there is no tier to ask
               |
            19 | spending:
               | ^^^^^^^^
            hint: declare one in world.yaml under `tiers`

            warning: world.yaml:20:16: nothing hangs on which tier a player is of
               |
            20 | player_tier: plant
               |              ^^^^^
            hint: give limits by its values in `players`, or remove it

            error: world.yaml:20:16: unknown fact `plant`
               |
            20 | player_tier: plant
               |              ^^^^^
            hint: did you mean `plan`? facts are declared in world.yaml under `facts`

            error: world.yaml:21:25: without tokens nothing is ever asked
               |
            21 | npc: {tokens_per_day: 0}
               |                       ^
            hint: give some, or remove the tiers

            error: world.yaml:22:27: without tokens nothing is ever asked
               |
            22 | realm: {tokens_per_day: 0}
               |                         ^
            hint: give some, or remove the tiers

        "#]],
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
        expect![[r#"
            error: world.yaml:22:3: players whose tier is not named here would have no limit
               |
            22 | players:
               | ^^^^^^^
            hint: give their limits under `default`; `default: {}` has none

            error: world.yaml:23:23: there is no rate
               |
            23 | premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
               |                   ^^^^^^
            hint: write for example `{most: 20, per: 1m}`, or remove it

            error: world.yaml:23:47: 2000 requests, each of which is kept for every player
               |
            23 | premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
               |                                           ^^^^
            hint: at most 1000; limit more by `tokens_per_day`

            error: world.yaml:23:58: a rate in 0s
               |
            23 | premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
               |                                                      ^^
            hint: give a span from `1ms` to `31d`

            error: world.yaml:23:85: `per` is in world time
               |
            23 | premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
               |                                                                                 ^^^^^^^^
            hint: it is real time: leave out `world`

            error: world.yaml:23:111: a rate in 5w
               |
            23 | premium: {rates: {normal: [], low: {most: 2000, per: 0s}, high: [{most: 0, per: 1h world}, {most: 1, per: 5w}]}}
               |                                                                                                           ^^
            hint: give a span from `1ms` to `31d`

        "#]],
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
        expect![[r#"
            error: world.yaml:21:5: nothing says which players are `premium`
               |
            21 | premium: {tokens_per_day: -1}
               | ^^^^^^^
            hint: name the fact that does in `player_tier`; limits of everyone are under `default`

            error: world.yaml:21:31: expected a whole number, not negative, found the number -1
               |
            21 | premium: {tokens_per_day: -1}
               |                           ^^
            hint: write 0 or more

            error: world.yaml:22:21: unknown key `often`
               |
            22 | whale: {rates: {often: {most: 1, per: 1s}}}
               |                 ^^^^^
            hint: it may be `low`, `normal`, `high` or `critical`

        "#]],
    );
}

/// What the page shows is right.
#[test]
fn the_examples_of_the_page_have_no_problem() {
    let page = include_str!("../../../docs/spending.md");
    let examples = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let [limits, switch] = examples.collect::<Vec<_>>()[..] else { panic!("two examples are shown") };
    let talk = "kinds: {talk: {from: player}}\n";
    for (example, more) in [(limits, talk), (switch, "")] {
        let world = format!("name: small\nseed: 7\nentities: {{elder: {{kind: npc}}}}\n{more}{example}");
        let mut files = vec![("world.yaml", world.as_str())];
        files.extend((!more.is_empty()).then_some(("npcs.yaml", NPCS)));
        assert_eq!(check(&Folder::of(files)).to_string(), "", "{world}");
    }
}
