//! Wrong texts and exactly what `check` says about them.

use expect_test::{Expect, expect};
use worldflow::world::{Folder, check};

const WORLD: &str = "\
name: vale
seed: 7
kinds:
  kill: {}
entities:
  wolf: {kind: npc}
  elder: {kind: npc}
text: {source: en, locales: [de, pl]}
";

pub(crate) const QUESTS: &str = "\
wolf_hunt:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        wolves: {title: Slay wolves, event: kill, target: wolf, count: 3}
";

/// More texts of the world's own language.
const ENGLISH: &str = "\
signs.wolves: \"{count, plural, one {# wolf} other {# wolves}} for {name}\"
signs.whose: \"{who, select, she {her} he {his} other {their}} purse\"
";

const GERMAN: &str = "\
quests.wolf_hunt.title: Wölfe vor dem Tor
quests.wolf_hunt.stages.hunt.objectives.wolves.title: Erlege Wölfe
signs.wolves: \"{count, plural, one {# Wolf} other {# Wölfe}} für {name}\"
signs.whose: \"{who, select, she {ihr} he {sein} other {ihr}} Beutel\"
";

const POLISH: &str = "\
quests.wolf_hunt.title: Wilki u bram
quests.wolf_hunt.stages.hunt.objectives.wolves.title: Zabij wilki
signs.wolves: \"{count, plural, one {# wilk} few {# wilki} many {# wilków} other {# wilka}} dla {name}\"
signs.whose: \"{who, select, she {jej} he {jego} other {ich}} sakiewka\"
";

fn problems(files: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("world.yaml", WORLD),
        ("quests/hunt.yaml", QUESTS),
        ("text/en.yaml", ENGLISH),
        ("text/de.yaml", GERMAN),
        ("text/pl.yaml", POLISH),
    ];
    all.retain(|(path, _)| !files.iter().any(|(other, _)| other == path));
    all.extend(files);
    check(&Folder::of(all)).to_string()
}

/// What is said when the line of a key in a file is another.
fn line(file: &str, of: &str, key: &str, line: &str, expected: Expect) {
    let mut replaced = 0;
    let lines = of.lines().map(|old| {
        let is_it = old.starts_with(&format!("{key}:"));
        replaced += usize::from(is_it);
        if is_it { line } else { old }
    });
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(replaced, 1, "{key}");
    expected.assert_eq(&problems(&[(file, &text)]));
}

fn german(key: &str, with: &str, expected: Expect) {
    line("text/de.yaml", GERMAN, key, with, expected);
}

fn polish(key: &str, with: &str, expected: Expect) {
    line("text/pl.yaml", POLISH, key, with, expected);
}

#[test]
fn a_world_that_is_translated_has_no_problem() {
    assert_eq!(problems(&[]), "");
}

#[test]
fn braces_that_are_not_balanced() {
    german(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# Wolf} other {# Wölfe} für {name}\"",
        expect![[r#"
            error: text/de.yaml:3:61: unknown case `für` of a plural
              |
            3 | signs.wolves: "{count, plural, one {# Wolf} other {# Wölfe} für {name}"
              |                                                             ^^^
            hint: the words of cases are not translated: zero, one, two, few, many, other, or `=0`; or is a `}` missing before it?

        "#]],
    );
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.title: Wölfe} vor dem Tor",
        expect![[r#"
        error: text/de.yaml:1:30: a `}` that closes nothing
          |
        1 | quests.wolf_hunt.title: Wölfe} vor dem Tor
          |                              ^
        hint: remove it; a brace to be shown is quoted: `'}'`

    "#]],
    );
}

/// The place is right in every way in which YAML writes a text.
#[test]
fn places_in_texts_of_any_form() {
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.title: 'Wölfe, {nam e}'",
        expect![[r#"
        error: text/de.yaml:1:38: `}` or `,` is expected here, not `e`
          |
        1 | quests.wolf_hunt.title: 'Wölfe, {nam e}'
          |                                      ^
        hint: write `{nam}`, or `{nam, plural, ...}`

    "#]],
    );
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.title: {text: \"Wölfe, {nam e}\"}",
        expect![[r#"
        error: text/de.yaml:1:45: `}` or `,` is expected here, not `e`
          |
        1 | quests.wolf_hunt.title: {text: "Wölfe, {nam e}"}
          |                                             ^
        hint: write `{nam}`, or `{nam, plural, ...}`

    "#]],
    );
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.title: >-\n  Wölfe\n  vor {nam e}",
        expect![[r#"
        error: text/de.yaml:3:12: `}` or `,` is expected here, not `e`
          |
        3 | vor {nam e}
          |          ^
        hint: write `{nam}`, or `{nam, plural, ...}`

    "#]],
    );
}

#[test]
fn an_argument_that_is_missing_or_misspelt() {
    german(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# Wolf} other {# Wölfe}}\"",
        expect![[r#"
        error: text/de.yaml:3:15: the argument `name` is missing
          |
        3 | signs.wolves: "{count, plural, one {# Wolf} other {# Wölfe}}"
          |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: put `{name}` where its value is to stand, as in the source

    "#]],
    );
    german(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# Wolf} other {# Wölfe}} für {nam}\"",
        expect![[r#"
            error: text/de.yaml:3:67: the source has no argument `nam`
              |
            3 | signs.wolves: "{count, plural, one {# Wolf} other {# Wölfe}} für {nam}"
              |                                                                   ^^^
            hint: did you mean `name`? names of arguments are not translated

        "#]],
    );
}

#[test]
fn an_argument_of_another_kind() {
    german(
        "signs.wolves",
        "signs.wolves: \"{count, select, other {Wölfe}} für {name}\"",
        expect![[r#"
        error: text/de.yaml:3:17: `count` is a choice by `select` here and a number in the source
          |
        3 | signs.wolves: "{count, select, other {Wölfe}} für {name}"
          |                 ^^^^^
        hint: make of it what the source makes of it

    "#]],
    );
    german(
        "signs.whose",
        "signs.whose: \"{who, plural, one {#} other {#}} Beutel\"",
        expect![[r#"
        error: text/de.yaml:4:16: `who` is a number here and a choice by `select` in the source
          |
        4 | signs.whose: "{who, plural, one {#} other {#}} Beutel"
          |                ^^^
        hint: make of it what the source makes of it

    "#]],
    );
}

#[test]
fn a_category_that_the_language_needs() {
    polish(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# wilk} few {# wilki} other {# wilka}} dla {name}\"",
        expect![[r#"
            error: text/pl.yaml:3:17: the case `many` of `count` is missing in `pl`
              |
            3 | signs.wolves: "{count, plural, one {# wilk} few {# wilki} other {# wilka}} dla {name}"
              |                 ^^^^^
            hint: add `many {...}`: numbers of this language need it

        "#]],
    );
    polish(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# wilk}} dla {name}\"",
        expect![[r#"
        error: text/pl.yaml:3:16: the case `other` is missing
          |
        3 | signs.wolves: "{count, plural, one {# wilk}} dla {name}"
          |                ^
        hint: add `other {...}`: it is what is shown when no other case fits

    "#]],
    );
}

#[test]
fn a_category_that_the_language_does_not_have() {
    german(
        "signs.wolves",
        "signs.wolves: \"{count, plural, one {# Wolf} few {# Wölfe} other {# Wölfe}} für {name}\"",
        expect![[r#"
            warning: text/de.yaml:3:45: no number is `few` in `de`
              |
            3 | signs.wolves: "{count, plural, one {# Wolf} few {# Wölfe} other {# Wölfe}} für {name}"
              |                                             ^^^
            hint: remove the case; this language has one, other

        "#]],
    );
}

#[test]
fn a_choice_that_is_translated() {
    german(
        "signs.whose",
        "signs.whose: \"{who, select, sie {ihr} he {sein} other {ihr}} Beutel\"",
        expect![[r#"
            error: text/de.yaml:4:29: the source has no case `sie` of `who`
              |
            4 | signs.whose: "{who, select, sie {ihr} he {sein} other {ihr}} Beutel"
              |                             ^^^
            hint: did you mean `she`? the words of cases are not translated: she, he, other

        "#]],
    );
}

#[test]
fn a_key_that_no_text_has() {
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.titel: Wölfe vor dem Tor",
        expect![[r#"
        error: text/de.yaml:1:1: no text has the key `quests.wolf_hunt.titel`
          |
        1 | quests.wolf_hunt.titel: Wölfe vor dem Tor
          | ^^^^^^^^^^^^^^^^^^^^^^
        hint: did you mean `quests.wolf_hunt.title`? remove it if its text is gone

        warning: world.yaml:8:30: 1 of 4 texts is missing in `de`: `quests.wolf_hunt.title`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                              ^^
        hint: write text/de.yaml, or send translators `worldflow text export --locale de --po de.po`

    "#]],
    );
}

#[test]
fn a_key_that_is_given_twice() {
    german(
        "signs.whose",
        "signs.wolves: \"{count, plural, one {#} other {#}} {name}\"",
        expect![[r#"
        error: text/de.yaml:4:1: the text `signs.wolves` is given twice
          |
        4 | signs.wolves: "{count, plural, one {#} other {#}} {name}"
          | ^^^^^^^^^^^^
        hint: keep one of the two

        warning: world.yaml:8:30: 1 of 4 texts is missing in `de`: `signs.whose`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                              ^^
        hint: write text/de.yaml, or send translators `worldflow text export --locale de --po de.po`

    "#]],
    );
    line(
        "text/en.yaml",
        ENGLISH,
        "signs.whose",
        "quests.wolf_hunt.title: Wolves!",
        expect![[r#"
        error: text/de.yaml:4:1: no text has the key `signs.whose`
          |
        4 | signs.whose: "{who, select, she {ihr} he {sein} other {ihr}} Beutel"
          | ^^^^^^^^^^^
        hint: remove it if its text is gone

        error: text/en.yaml:2:1: the text `quests.wolf_hunt.title` is given twice
          |
        2 | quests.wolf_hunt.title: Wolves!
          | ^^^^^^^^^^^^^^^^^^^^^^
        hint: it stands in quests/hunt.yaml:2; keep one of the two

        error: text/pl.yaml:4:1: no text has the key `signs.whose`
          |
        4 | signs.whose: "{who, select, she {jej} he {jego} other {ich}} sakiewka"
          | ^^^^^^^^^^^
        hint: remove it if its text is gone

    "#]],
    );
}

#[test]
fn a_translation_that_is_stale() {
    german(
        "quests.wolf_hunt.title",
        "quests.wolf_hunt.title: {text: Wölfe am Tor, of: \"00000000\"}",
        expect![[r#"
            warning: text/de.yaml:1:1: this translation is stale: quests/hunt.yaml:2 says now `Wolves at the gate`
              |
            1 | quests.wolf_hunt.title: {text: Wölfe am Tor, of: "00000000"}
              | ^^^^^^^^^^^^^^^^^^^^^^
            hint: translate it anew, or say that it is right: `worldflow text mark --locale de --key quests.wolf_hunt.title`

        "#]],
    );
}

#[test]
fn texts_that_are_missing() {
    expect![[r#"
        warning: world.yaml:8:34: 4 of 4 texts are missing in `pl`: `quests.wolf_hunt.stages.hunt.objectives.wolves.title`, `quests.wolf_hunt.title`, `signs.whose`, 1 more
          |
        8 | text: {source: en, locales: [de, pl]}
          |                                  ^^
        hint: write text/pl.yaml, or send translators `worldflow text export --locale pl --po pl.po`

    "#]].assert_eq(&problems(&[("text/pl.yaml", "")]));
    polish(
        "signs.whose",
        "signs.whose: ''",
        expect![[r#"
        warning: world.yaml:8:34: 1 of 4 texts is missing in `pl`: `signs.whose`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                                  ^^
        hint: write text/pl.yaml, or send translators `worldflow text export --locale pl --po pl.po`

    "#]],
    );
}

#[test]
fn a_source_text_that_is_wrong_is_pointed_at_where_it_stands() {
    let quests = QUESTS.replace("Wolves at the gate", "Wolves {at the gate");
    expect![[r#"
        error: quests/hunt.yaml:2:21: `}` or `,` is expected here, not `t`
          |
        2 | title: Wolves {at the gate
          |                   ^
        hint: write `{at}`, or `{at, plural, ...}`

    "#]]
    .assert_eq(&problems(&[("quests/hunt.yaml", &quests)]));
}

#[test]
fn what_is_no_text() {
    german(
        "signs.whose",
        "signs.whose: [a, b]",
        expect![[r#"
        error: text/de.yaml:4:14: a text is expected here
          |
        4 | signs.whose: [a, b]
          |              ^
        hint: put it in quotes

        warning: world.yaml:8:30: 1 of 4 texts is missing in `de`: `signs.whose`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                              ^^
        hint: write text/de.yaml, or send translators `worldflow text export --locale de --po de.po`

    "#]],
    );
    german(
        "signs.whose",
        "signs.whose: 12",
        expect![[r#"
        error: text/de.yaml:4:14: a text is expected here
          |
        4 | signs.whose: 12
          |              ^^
        hint: put it in quotes

        warning: world.yaml:8:30: 1 of 4 texts is missing in `de`: `signs.whose`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                              ^^
        hint: write text/de.yaml, or send translators `worldflow text export --locale de --po de.po`

    "#]],
    );
    german(
        "signs.whose",
        "signs.whose: {txt: a}",
        expect![[r#"
        error: text/de.yaml:4:1: `text` is missing
          |
        4 | signs.whose: {txt: a}
          | ^^^^^^^^^^^
        hint: add `text:` here

        error: text/de.yaml:4:15: unknown key `txt`
          |
        4 | signs.whose: {txt: a}
          |               ^^^
        hint: did you mean `text`? it may be `text`, `of` or `note`

        warning: world.yaml:8:30: 1 of 4 texts is missing in `de`: `signs.whose`
          |
        8 | text: {source: en, locales: [de, pl]}
          |                              ^^
        hint: write text/de.yaml, or send translators `worldflow text export --locale de --po de.po`

    "#]],
    );
    expect![[r#"
        error: text/pl.yaml:1:1: expected a map of texts by key
          |
        1 | - a
          | ^
        hint: a file of texts is a map: `quests.wolf_hunt.title: "Drei Wölfe"`

        warning: world.yaml:8:34: 4 of 4 texts are missing in `pl`: `quests.wolf_hunt.stages.hunt.objectives.wolves.title`, `quests.wolf_hunt.title`, `signs.whose`, 1 more
          |
        8 | text: {source: en, locales: [de, pl]}
          |                                  ^^
        hint: write text/pl.yaml, or send translators `worldflow text export --locale pl --po pl.po`

    "#]].assert_eq(&problems(&[("text/pl.yaml", "- a\n")]));
}

#[test]
fn languages_that_are_none_or_not_declared() {
    let world = |text: &str| WORLD.replace("{source: en, locales: [de, pl]}", text);
    expect![[r#"
        error: world.yaml:8:16: `english!` is no language
          |
        8 | text: {source: english!, locales: [de, pl]}
          |                ^^^^^^^^
        hint: name it as in `de`, `de-AT` or `zh-Hant`

    "#]]
    .assert_eq(&problems(&[("world.yaml", &world("{source: english!, locales: [de, pl]}"))]));
    expect![[r#"
        error: world.yaml:8:38: the language `de` is given twice
          |
        8 | text: {source: en, locales: [de, pl, de, DE-at]}
          |                                      ^^
        hint: remove it here

        error: world.yaml:8:42: `DE-at` is not how this language is written
          |
        8 | text: {source: en, locales: [de, pl, de, DE-at]}
          |                                          ^^^^^
        hint: write `de-AT`

    "#]]
    .assert_eq(&problems(&[("world.yaml", &world("{source: en, locales: [de, pl, de, DE-at]}"))]));
    expect![[r#"
        error: text/pl.yaml: the world is not translated to `pl`
        hint: declare it in world.yaml under `text.locales`, or remove the file

    "#]]
    .assert_eq(&problems(&[("world.yaml", &world("{source: en, locales: [de]}"))]));
    expect![[r#"
        warning: text/de.yaml: nothing reads this file
        hint: declare the languages in world.yaml: `text: {source: en, locales: [de]}`

        warning: text/en.yaml: nothing reads this file
        hint: declare the languages in world.yaml: `text: {source: en, locales: [de]}`

        warning: text/pl.yaml: nothing reads this file
        hint: declare the languages in world.yaml: `text: {source: en, locales: [de]}`

    "#]]
    .assert_eq(&problems(&[("world.yaml", &WORLD.replace("text: {source: en, locales: [de, pl]}\n", ""))]));
}
