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
    expect![[r#"
        warning: quests/gossip.yaml:3:3: only `gossip` changes the fact `real_name`, and it is never available: neither is this
          |
        3 | requires: {facts: {real_name: Ana}}
          | ^^^^^^^^
        hint: mend `gossip` first, or let something else change `real_name`; a game server may write it, too

        error: quests/gossip.yaml:3:22: the fact `real_name` is personal, so nothing can be computed on it
          |
        3 | requires: {facts: {real_name: Ana}}
          |                    ^^^^^^^^^
        hint: keep what is asked about in a fact of its own, without `personal`

        error: quests/gossip.yaml:7:54: the attribute `said` is what a player wrote, so nothing can be computed on it
          |
        7 | secret: {event: talk, target: elder, where: {said: open sesame}, count: 1}
          |                                              ^^^^
        hint: texts are sealed under the player's key; declare as `id` what is no person's, and compare that

        error: quests/gossip.yaml:8:62: the attribute `said` is what a player wrote, so nothing can be computed on it
          |
        8 | words: {event: talk, target: elder, distinct: 3, of: said}
          |                                                      ^^^^
        hint: texts are sealed under the player's key; declare as `id` what is no person's, and compare that

        error: quests/gossip.yaml:11:19: the fact `real_name` is personal, so nothing can be computed on it
           |
        11 | - set: {fact: real_name, to: Bo}
           |               ^^^^^^^^^
        hint: keep what is asked about in a fact of its own, without `personal`

    "#]].assert_eq(&found);
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
    changed_by: [{pattern: {event: talk}, set: heard}]
";
    let world = world.replace("facts:\n", facts);
    let npcs = "elder: {barks: Hm.}\n";
    let found = problems(&[("world.yaml", &world), ("npcs.yaml", npcs)]);
    expect![[r#"
        error: world.yaml:10:43: `said` is what a player says, and no text
           |
        10 | talk: {from: player, attributes: {said: id, mood: id}}
           |                                         ^^
        hint: declare it as `text`, so that it is sealed under the player's key

        error: world.yaml:12:15: `age` is personal, and no text
           |
        12 | age: {type: int, default: 0, personal: true}
           |             ^^^
        hint: only text is sealed: `type: text`

        error: world.yaml:14:12: `gossip` is personal, and of a guild
           |
        14 | scope: guild
           |        ^^^^^
        hint: it is sealed under the key of the player whose it is: `scope: player`

        error: world.yaml:18:5: `gossip` is personal, and events change it
           |
        18 | changed_by: [{pattern: {event: talk}, set: heard}]
           | ^^^^^^^^^^
        hint: only a game server writes what is personal: remove `changed_by`

        error: world.yaml:26:36: the property `email` of `ana` is personal, and stands in a file
           |
        26 | ana: {kind: player, properties: {email: ana@example.org}}
           |                                  ^^^^^
        hint: game servers write what is personal; what stands here is not sealed

    "#]]
    .assert_eq(&found);
}
