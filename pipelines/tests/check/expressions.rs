//! Conditions that are one text: what is wrong is pointed at within the text.

use expect_test::{Expect, expect};
use worldflow::world::condition_of_text;
use worldflow_schemas::definitions::Condition;

use crate::quest;

fn requires(yaml: &str, expected: Expect) {
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    // Levels can be earned by another quest.
    let earns = format!("earns:\n  title: E\n  {stages}\n  rewards: {{experience: 100000}}\n");
    quest(&format!("wolves:\n  title: W\n  {stages}\n  requires: {yaml}\n{earns}"), expected);
}

#[test]
fn a_text_that_is_right_has_no_problem() {
    for text in [
        "\"level >= 5 and weather.state in [rain, clear] and not quest.wolves == done\"",
        "mood between 1 and 5 or not saved",
        "'player.mood % 3 == 1 and clock.time between 20:00 and 06:00 and region != meadow'",
        "weather.lasting >= 10m and weather.intensity < 0.5 and moon.moon == full and season not in [winter, fall]",
        ">-\n    level >= 5\n    and phase == night",
        "{any: [\"mood > 3\", {level: 4}], not: \"saved\"}",
    ] {
        requires(text, expect![[""]]);
    }
}

#[test]
fn names_and_types_are_looked_at_where_they_stand() {
    requires(
        "\"level >= 5 and weather.state in [rain, snwo]\"",
        expect![[r#"
        error: quests/wolves.yaml:4:53: unknown weather `snwo`
          |
        4 | requires: "level >= 5 and weather.state in [rain, snwo]"
          |                                                   ^^^^
        hint: states of the weather are declared in climates/: `clear`, `rain`

    "#]],
    );
    requires(
        "mod >= 3 and saved",
        expect![[r#"
        error: quests/wolves.yaml:4:13: unknown fact `mod`
          |
        4 | requires: mod >= 3 and saved
          |           ^^^
        hint: did you mean `mood`? facts are declared in world.yaml under `facts`

    "#]],
    );
    requires(
        "'mood == high'",
        expect![[r#"
        error: quests/wolves.yaml:4:22: the fact `mood` is a number, not `high`
          |
        4 | requires: 'mood == high'
          |                    ^^^^
        hint: compare it with a value of its own type

    "#]],
    );
    requires(
        "saved >= 3",
        expect![[r#"
            error: quests/wolves.yaml:4:22: the fact `saved` is `true` or `false`, which `>=` cannot compare
              |
            4 | requires: saved >= 3
              |                    ^
            hint: use `==`, `!=` or `in [...]`

        "#]],
    );
    requires(
        "region.mood >= 3",
        expect![[r#"
        error: quests/wolves.yaml:4:13: the fact `mood` is kept for a player, not for a region
          |
        4 | requires: region.mood >= 3
          |           ^^^^^^^^^^^
        hint: write `player.mood`, or `mood` alone

    "#]],
    );
    requires(
        "mood + saved > 3 or quest.wolfs == done",
        expect![[r#"
        error: quests/wolves.yaml:4:20: this is `true` or `false`, and `+` needs a number
          |
        4 | requires: mood + saved > 3 or quest.wolfs == done
          |                  ^^^^^
        hint: only numbers can be reckoned with

        error: quests/wolves.yaml:4:39: unknown quest `wolfs`
          |
        4 | requires: mood + saved > 3 or quest.wolfs == done
          |                                     ^^^^^
        hint: did you mean `wolves`? quests are declared in quests/

    "#]],
    );
    requires(
        "mood * 2 > player.sadness",
        expect![[r#"
        error: quests/wolves.yaml:4:31: unknown fact `sadness`
          |
        4 | requires: mood * 2 > player.sadness
          |                             ^^^^^^^
        hint: facts are declared in world.yaml under `facts`: `mood`, `saved`

    "#]],
    );
    requires(
        "saved == player.mood",
        expect![[r#"
        error: quests/wolves.yaml:4:13: `true` or `false` is compared with a number, and they are never the same
          |
        4 | requires: saved == player.mood
          |           ^^^^^^^^^^^^^^^^^^^^
        hint: compare two numbers, two ids, or two of `true` and `false`

    "#]],
    );
}

#[test]
fn what_is_no_condition_says_where() {
    requires(
        "\"level = 5\"",
        expect![[r#"
        error: quests/wolves.yaml:4:20: `=` has no meaning in a condition
          |
        4 | requires: "level = 5"
          |                  ^
        hint: compare with `==`

    "#]],
    );
    requires(
        "mood >= 3 and",
        expect![[r#"
        error: quests/wolves.yaml:4:25: the condition ends where a name or a value is needed
          |
        4 | requires: mood >= 3 and
          |                       ^
        hint: finish it

    "#]],
    );
    requires(
        "clock.phse == night",
        expect![[r#"
        error: quests/wolves.yaml:4:13: nothing is called `clock.phse`
          |
        4 | requires: clock.phse == night
          |           ^^^^^^^^^^
        hint: the clock has `clock.phase`, `clock.season` and `clock.time`

    "#]],
    );
    requires(
        "phase",
        expect![[r#"
        error: quests/wolves.yaml:4:13: this alone is no condition
          |
        4 | requires: phase
          |           ^^^^^
        hint: compare it: `phase == night`; only a fact that is true or false can stand alone

    "#]],
    );
    requires(
        "phase < night",
        expect![[r#"
        error: quests/wolves.yaml:4:13: `phase` is no number, which `<` needs
          |
        4 | requires: phase < night
          |           ^^^^^^^^^^^^^
        hint: use `==`, `!=` or `in [...]`

    "#]],
    );
    requires(
        "clock.time > 20:00",
        expect![[r#"
        error: quests/wolves.yaml:4:13: the time of day is a range
          |
        4 | requires: clock.time > 20:00
          |           ^^^^^^^^^^^^^^^^^^
        hint: write `clock.time between 20:00 and 06:00`; the end is excluded

    "#]],
    );
    requires(
        "clock.time between 20:00 and 20:00",
        expect![[r#"
        error: quests/wolves.yaml:4:13: `20:00-20:00` is not a range of hours
          |
        4 | requires: clock.time between 20:00 and 20:00
          |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: write for example `20:00-06:00`

    "#]],
    );
}

#[test]
fn places_are_found_in_texts_of_several_lines() {
    requires(
        ">\n    level >= 5\n    and mod >= 3\n",
        expect![[r#"
        error: quests/wolves.yaml:6:9: unknown fact `mod`
          |
        6 | and mod >= 3
          |     ^^^
        hint: did you mean `mood`? facts are declared in world.yaml under `facts`

    "#]],
    );
    requires(
        "|-\n    level >= 5\n    and mood ==\n      high\n",
        expect![[r#"
        error: quests/wolves.yaml:7:7: the fact `mood` is a number, not `high`
          |
        7 | high
          | ^^^^
        hint: compare it with a value of its own type

    "#]],
    );
    requires(
        "level >= 5\n    and\n    phase == nihgt\n",
        expect![[r#"
        error: quests/wolves.yaml:6:14: unknown phase of the day `nihgt`
          |
        6 | phase == nihgt
          |          ^^^^^
        hint: did you mean `night`? phases are declared in world.yaml under `clock: phases`

    "#]],
    );
}

#[test]
fn a_text_is_the_map_that_says_the_same() {
    let map = |yaml: &str| serde_saphyr::from_str::<Condition>(yaml).expect("a condition");
    for (text, yaml) in [
        ("level >= 5", "{level: {at_least: 5}}"),
        ("5 <= player.level", "{level: {at_least: 5}}"),
        (
            "path == iron and 'salt' != player.path",
            "{all: [{facts: {path: iron}}, {facts: {path: {is_not: salt}}}]}",
        ),
        ("a or b", "{any: [{facts: {a: true}}, {facts: {b: true}}]}"),
        ("phase != night", "{not: {phase: night}}"),
        ("quest.x in [done, failed]", "{quests: {x: [done, failed]}}"),
        ("gold between 1.5 and 3", "{facts: {gold: {at_least: 1.5, at_most: 3}}}"),
        ("level not in [1, 2]", "{not: {level: {one_of: [1, 2]}}}"),
        ("gold >= party.fund", "{compare: gold >= party.fund}"),
        ("gold between silver.x and 3", ""),
    ] {
        match yaml {
            "" => assert!(condition_of_text(text).is_err(), "{text}"),
            yaml => assert_eq!(condition_of_text(text), Ok(map(yaml)), "{text}"),
        }
    }
}

/// What is wrong with one part of a text does not hide what is wrong with another.
#[test]
fn all_parts_of_a_text_are_looked_at() {
    requires(
        "mod > 3 and clok.phase == night and mood >= 'x' and quest.wolves == dne",
        expect![[r#"
            error: quests/wolves.yaml:4:13: unknown fact `mod`
              |
            4 | requires: mod > 3 and clok.phase == night and mood >= 'x' and quest.wolves == dne
              |           ^^^
            hint: did you mean `mood`? facts are declared in world.yaml under `facts`

            error: quests/wolves.yaml:4:25: nothing is called `clok.phase`
              |
            4 | requires: mod > 3 and clok.phase == night and mood >= 'x' and quest.wolves == dne
              |                       ^^^^^^^^^^
            hint: names are `clock.phase`, `clock.season`, `clock.time`, `moon.<name>`, `weather.state`, `weather.intensity`, `weather.lasting`, `region`, `player.level`, `quest.<id>`, and facts: `<fact>`, or with their scope, `player.<fact>`; and rows of views: `view.<name>[<key>].<column>`

            error: quests/wolves.yaml:4:57: `>=` needs a number
              |
            4 | requires: mod > 3 and clok.phase == night and mood >= 'x' and quest.wolves == dne
              |                                                       ^^^
            hint: compare text with `==`, `!=` or `in [...]`

            error: quests/wolves.yaml:4:81: unknown state of a quest `dne`
              |
            4 | requires: mod > 3 and clok.phase == night and mood >= 'x' and quest.wolves == dne
              |                                                                               ^^^
            hint: did you mean `done`? it may be `hidden`, `available`, `offered`, `active`, `ready`, `done`, `failed`, `expired` or `abandoned`

        "#]],
    );
    requires(
        "clok.phase == night or not seson.x",
        expect![[r#"
        error: quests/wolves.yaml:4:13: nothing is called `clok.phase`
          |
        4 | requires: clok.phase == night or not seson.x
          |           ^^^^^^^^^^
        hint: names are `clock.phase`, `clock.season`, `clock.time`, `moon.<name>`, `weather.state`, `weather.intensity`, `weather.lasting`, `region`, `player.level`, `quest.<id>`, and facts: `<fact>`, or with their scope, `player.<fact>`; and rows of views: `view.<name>[<key>].<column>`

        error: quests/wolves.yaml:4:40: nothing is called `seson.x`
          |
        4 | requires: clok.phase == night or not seson.x
          |                                      ^^^^^^^
        hint: names are `clock.phase`, `clock.season`, `clock.time`, `moon.<name>`, `weather.state`, `weather.intensity`, `weather.lasting`, `region`, `player.level`, `quest.<id>`, and facts: `<fact>`, or with their scope, `player.<fact>`; and rows of views: `view.<name>[<key>].<column>`

    "#]],
    );
    requires(
        "mood >= and (",
        expect![[r#"
        error: quests/wolves.yaml:4:21: expected a name or a value, found `and`
          |
        4 | requires: mood >= and (
          |                   ^^^
        hint: something is missing before it

    "#]],
    );
}
