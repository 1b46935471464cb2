//! What is personal is sealed, so that nothing can be computed on it.

use expect_test::expect;

use crate::{WORLD, problems};

/// The small world, where players write something and have a name.
fn with_personal() -> String {
    let talk = "  talk: {from: player, attributes: {said: text, mood: id}}\n";
    let world = WORLD.replace("  talk: {from: player}\n", talk);
    world.replace("facts:\n", "facts:\n  real_name: {type: text, default: none, personal: true}\n")
}

#[test]
fn nothing_is_computed_on_what_is_personal() {
    let quest = "\
gossip:
  title: What they say
  requires: {facts: {real_name: Ana}}
  stages:
    hear:
      objectives:
        secret: {event: talk, target: elder, where: {said: open sesame}, count: 1}
        words: {event: talk, target: elder, distinct: 3, of: said}
        moods: {event: talk, target: elder, where: {mood: merry}, distinct: 3, of: mood}
  effects:
    - set: {fact: real_name, to: Bo}
";
    let found = problems(&[("world.yaml", &with_personal()), ("quests/gossip.yaml", quest)]);
    expect![[""]].assert_eq(&found);
}

#[test]
fn what_is_personal_is_a_text_of_a_player_and_in_no_file() {
    let world = with_personal().replace("said: text", "said: id")
        + "  ana: {kind: player, properties: {email: ana@example.org}}\npersonal_properties: [email]\n";
    let facts = "\
facts:
  age: {type: int, default: 0, personal: true}
  gossip:
    scope: guild
    type: text
    default: none
    personal: true
    on: [{pattern: {event: talk}, set: heard}]
";
    let world = world.replace("facts:\n", facts);
    let npcs = "elder: {barks: Hm.}\n";
    let found = problems(&[("world.yaml", &world), ("npcs.yaml", npcs)]);
    expect![[""]].assert_eq(&found);
}
