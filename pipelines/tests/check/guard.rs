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
    expect![[r#"
        error: world.yaml:20:19: nothing is left of `!?` when case, accents and signs are put aside
           |
        20 | en: ['curs*', '!?', '*bane']
           |               ^^^^
        hint: a term has at least one letter or figure; `*` at an end stands for any letters

        error: world.yaml:21:5: `deutsch-` is no language
           |
        21 | deutsch-: [Schuft]
           | ^^^^^^^^
        hint: write it as in `en`, `de-AT` or `zh-Hant`; `"*"` stands for all of them

        error: world.yaml:23:21: with `graphemes: 0` nothing can be said
           |
        23 | most: {graphemes: 0, sentences: 100}
           |                   ^
        hint: give at least 1

        error: world.yaml:23:35: `sentences: 100` is too much
           |
        23 | most: {graphemes: 0, sentences: 100}
           |                                 ^^^
        hint: at most 32

        error: world.yaml:24:3: there is no emotion
           |
        24 | emotions: []
           | ^^^^^^^^
        hint: give at least one: the first is shown for any other, `emotions: [neutral]`

        error: world.yaml:25:19: the action id `Wave!` has a `W` in it
           |
        25 | actions: [wave, Wave!, wave]
           |                 ^^^^^
        hint: use lower-case letters, digits, `_`, `.` and `-`

        error: world.yaml:25:26: the action `wave` is listed twice
           |
        25 | actions: [wave, Wave!, wave]
           |                        ^^^^
        hint: remove one of them

        error: world.yaml:26:9: `refs: 99` is too much
           |
        26 | refs: 99
           |       ^^
        hint: at most 32

        error: world.yaml:27:19: `script_percent: 101` is more than all
           |
        27 | script_percent: 101
           |                 ^^^
        hint: it lies between 0, which allows all, and 100

        error: world.yaml:28:21: nothing is left of `...` when case, accents and signs are put aside
           |
        28 | leaks: {phrases: ['...'], echo_words: 2}
           |                   ^^^^^
        hint: a term has at least one letter or figure; `*` at an end stands for any letters

        warning: world.yaml:28:41: `echo_words: 2` is next to nothing
           |
        28 | leaks: {phrases: ['...'], echo_words: 2}
           |                                       ^
        hint: every sentence has two words in a row that a prompt has; 8 suits most, 0 allows all

        error: world.yaml:29:25: `percent: 200` is more than all
           |
        29 | repetition: {percent: 200, lines: 4}
           |                       ^^^
        hint: it lies between 0, which allows all, and 100

    "#]]
    .assert_eq(&found);
}

#[test]
fn an_npc_may_have_rules_of_its_own() {
    let npcs = "\
elder:
  addressed_by: talk
  barks: [Hm.]
  guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
";
    expect![[r#"
        error: npcs.yaml:4:44: with `sentences: 0` nothing can be said
          |
        4 | guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
          |                                          ^
        hint: give at least 1

        error: npcs.yaml:4:48: there is no emotion
          |
        4 | guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
          |                                              ^^^^^^^^
        hint: give at least one: the first is shown for any other, `emotions: [neutral]`

        error: npcs.yaml:4:77: the action `nod` is listed twice
          |
        4 | guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
          |                                                                           ^^^
        hint: remove one of them

        error: npcs.yaml:4:105: `percent: 101` is more than all
          |
        4 | guard: {most: {graphemes: 80, sentences: 0}, emotions: [], actions: [nod, nod], repetition: {percent: 101}}
          |                                                                                                       ^^^
        hint: it lies between 0, which allows all, and 100

    "#]].assert_eq(&problems(&[("npcs.yaml", npcs)]));
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
    expect![[r#"
        error: world.yaml:18:26: `ftp://x` is no address of a server
           |
        18 | moderation: {http: {url: 'ftp://x', key: ******, model: '', timeout: 1m}}
           |                          ^^^^^^^^^
        hint: write `http://host:port`, or a reference such as `${MODERATION_URL}`

        error: world.yaml:18:42: a secret stands here in the clear
           |
        18 | moderation: {http: {url: 'ftp://x', key: ******, model: '', timeout: 1m}}
           |                                          ^^^^^^
        hint: give it by reference, `key: ${MODERATION_KEY}`, and put it in the environment

        error: world.yaml:18:57: the model has no name
           |
        18 | moderation: {http: {url: 'ftp://x', key: ******, model: '', timeout: 1m}}
           |                                                         ^^
        hint: leave it out if the service has but one

        error: world.yaml:18:70: `timeout: 1m` cannot be
           |
        18 | moderation: {http: {url: 'ftp://x', key: ******, model: '', timeout: 1m}}
           |                                                                      ^^
        hint: it is real time, up to 5s: what else a connection sends waits so long

    "#]]
    .assert_eq(&found);
    let spoken = WORLD.replace("talk: {from: player}", "talk: {from: player, attributes: {said: text}}");
    let world = "\
moderation: {http: {url: '${MODERATION_URL}', key: '${MODERATION_KEY}'}}
sources:
  old: {recording: {path: world.yaml}}
";
    expect![[r#"
        warning: world.yaml:18:1: what players say is refused from the source `old`
           |
        18 | moderation: {http: {url: '${MODERATION_URL}', key: '${MODERATION_KEY}'}}
           | ^^^^^^^^^^
        hint: only sockets and HTTP wait for a moderator; send what players say over them

    "#]]
    .assert_eq(&problems(&[("world.yaml", &format!("{spoken}{world}"))]));
    expect![[r#"
        error: world.yaml:18:13: unknown choice `remote`
           |
        18 | moderation: remote
           |             ^^^^^^
        hint: it may be `local` or `http`

    "#]]
    .assert_eq(&problems(&[("world.yaml", &format!("{WORLD}moderation: remote\n"))]));
}

/// What the page shows is right.
#[test]
fn the_example_of_the_page_has_no_problem() {
    let page = include_str!("../../../docs/guard.md");
    let (_, example) = page.split_once("```yaml\n# world.yaml\n").expect("there is one");
    let (example, _) = example.split_once("```").expect("it ends");
    expect![[""]].assert_eq(&world(example));
}
