//! Rules that feed themselves through stories: what is said, what follows it, and arcs. They end at the depth of any other chain.

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
clock: {real_seconds_per_hour: 60, start: '1 19:59'}
regions: {moor: {}}
kinds: {talk: {}}
facts:
  asked: {scope: player, type: int, default: 0}
  mood: {scope: player, type: int, default: 0}
  turns: {scope: player, type: int, default: 0}
";

const ASKS: &str = "
asks:
  trigger: {appears_or_changes: {view: facts, where: {fact: asked}}}
  do: [{emit: {event: talk, player: {column: holder}, target: elder}}]
";

fn world(files: &[(&str, &str)], script: &str) -> Golden {
    let given = [("world.yaml", WORLD), ("entities.yaml", "elder: {kind: npc}\n")];
    Golden::new(&[&given[..], files].concat(), script)
}

/// A fact comes to 17 by a chain of sixteen, and the rule is refused then.
fn ends(golden: &Golden, fact: &str, rule: &str, tick: u64) {
    let said = golden.changes(&["facts"]);
    let refused =
        format!("{tick}: refused too_deep: the rule `{rule}` is deeper than 16 in a chain of rules");
    assert!(said.contains(&format!("fact={fact} value=17 ")), "{said}");
    assert!(!said.contains(&format!("fact={fact} value=18 ")), "{said}");
    assert_eq!(said.matches("refused").count(), 1, "{said}");
    assert!(said.contains(&refused), "{refused}\n{said}");
    golden.check_laws();
}

#[test]
fn a_rule_that_lets_somebody_say_what_triggers_it_ends() {
    let stories = "tells: {who: elder, lines: Hail., effects: [{add: {fact: asked, by: 1}}]}\n";
    let golden = world(
        &[("npcs.yaml", "elder: {barks: Hm.}\n"), ("stories.yaml", stories), ("rules.yaml", ASKS)],
        "
        5 presence ann s1 moor -
        6 event talk player=ann target=elder
        90 wait
        ",
    );
    ends(&golden, "asked", "asks", 39);
}

#[test]
fn so_it_does_when_what_triggers_it_follows_what_was_said() {
    let stories = "
tells: {who: elder, lines: Hail., then: {storylet: goes_on, after: 20ms}}
goes_on: {who: elder, trigger: {follow_up: {}}, lines: And another thing., effects: [{add: {fact: asked, by: 1}}]}
";
    let golden = world(
        &[("npcs.yaml", "elder: {barks: Hm.}\n"), ("stories.yaml", stories), ("rules.yaml", ASKS)],
        "
        5 presence ann s1 moor -
        6 event talk player=ann target=elder
        120 wait
        ",
    );
    ends(&golden, "asked", "asks", 73);
}

#[test]
fn so_does_one_that_moves_an_arc_that_triggers_it() {
    let arcs = "
round:
  endless: true
  tension: {half_life: 1h, events: {talks: {pattern: {event: talk}, add: 1}}}
  beats:
    even:
      tension: {relax: 100}
      when: 'player.turns % 2 == 1'
      effects: [{add: {fact: mood, by: 1}}]
      branches: {on: {to: odd}}
    odd:
      tension: {relax: 100}
      when: 'player.turns % 2 == 0'
      effects: [{add: {fact: mood, by: 1}}]
      branches: {on: {to: even}}
";
    let rules = "
turns:
  trigger: {appears_or_changes: {view: facts, where: {fact: mood}}}
  do: [{add: {fact: turns, by: 1}}]
";
    let golden = world(
        &[("arcs.yaml", arcs), ("rules.yaml", rules)],
        "
        5 presence ann s1 moor -
        90 wait
        ",
    );
    ends(&golden, "mood", "turns", 38);
}

#[test]
fn so_does_one_that_lets_an_npc_sense_what_makes_it_decide() {
    let rules = "
senses:
  trigger: {appears_or_changes: {view: npc_directives}}
  do:
    - {emit: {event: sense, target: wolf, with: {thing: ann, distance: 4, hostile: true}}}
";
    let world_yaml = format!("{WORLD}\n").replace(
        "kinds: {talk: {}}",
        "kinds: {talk: {}, sense: {attributes: {thing: id, distance: number, hostile: bool, attacks: bool}}}",
    );
    let golden = Golden::new(
        &[
            ("world.yaml", &world_yaml),
            ("entities.yaml", "wolf: {kind: npc}\n"),
            ("behaviours.yaml", "hunters: {who: wolf, traits: {aggression: 0.9}}\n"),
            ("rules.yaml", rules),
        ],
        "
        5 presence ann s1 moor -
        6 event sense target=wolf thing=ann distance=4 hostile=true
        120 wait
        ",
    );
    let said = golden.changes(&["npc_directives"]);
    assert_eq!(said.matches("refused too_deep: the rule `senses`").count(), 1, "{said}");
    golden.check_laws();
}
