//! What may be said: `guard:` and `moderation:`.

use expect_test::expect;

use crate::{WORLD, problems};

fn world(add: &str) -> String {
    problems(&[("world.yaml", &format!("{WORLD}{add}"))])
}

#[test]
fn rules_that_cannot_be_used_are_errors_at_their_places() {
    let found = world(
        "\
guard:
  banned:
    en: ['curs*', '!?', '*bane']
    deutsch-: [Schuft]
    '*': [acme]
  most: {graphemes: 0, sentences: 100}
  emotions: []
  actions: [wave, Wave!, wave]
  refs: 99
  script_percent: 101
  leaks: {phrases: ['...'], echo_words: 2}
  repetition: {percent: 200, lines: 4}
",
    );
    expect![[r#""#]].assert_eq(&found);
}

#[test]
fn an_npc_may_have_rules_of_its_own() {
    let npcs = "\
elder:
  addressed_by: talk
  barks: [Hm.]
  guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
";
    expect![[r#""#]].assert_eq(&problems(&[("npcs.yaml", npcs)]));
}

#[test]
fn a_moderator_is_an_address_a_reference_and_a_time() {
    let found = world(
        "\
moderation: {http: {url: 'ftp://x', key: s3cret, model: '', timeout: 1m}}
sources:
  old: {recording: {path: world.yaml}}
",
    );
    expect![[r#""#]].assert_eq(&found);
    let spoken = WORLD.replace("talk: {from: player}", "talk: {from: player, attributes: {said: text}}");
    let world = "\
moderation: {http: {url: '${MODERATION_URL}', key: '${MODERATION_KEY}'}}
sources:
  old: {recording: {path: world.yaml}}
";
    expect![[r#""#]].assert_eq(&problems(&[("world.yaml", &format!("{spoken}{world}"))]));
    expect![[r#""#]].assert_eq(&problems(&[("world.yaml", &format!("{WORLD}moderation: remote\n"))]));
}

/// What the page shows is right.
#[test]
fn the_example_of_the_page_has_no_problem() {
    let page = include_str!("../../../docs/guard.md");
    let (_, example) = page.split_once("```yaml\n# world.yaml\n").expect("there is one");
    let (example, _) = example.split_once("```").expect("it ends");
    expect![[""]].assert_eq(&world(example));
}
