//! Ten mistakes of somebody who writes a first quest, and the whole of what they are told.

use expect_test::expect;

use crate::{WORLD, problems, quest};

#[test]
fn a_name_with_a_letter_too_many() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolfs, count: 5}
",
        expect![[r#"
            error: quests/wolves.yaml:6:39: unknown target `wolfs`
              |
            6 | wolves: {event: kill, target: wolfs, count: 5}
              |                               ^^^^^
            hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

        "#]],
    );
}

#[test]
fn a_key_that_is_spelt_otherwise() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  reward: {experience: 10}
  stages:
    hunt:
      objective:
        wolves: {event: kill, target: wolf}
",
        expect![[r#"
            error: quests/wolves.yaml:3:3: unknown key `reward`
              |
            3 | reward: {experience: 10}
              | ^^^^^^
            hint: did you mean `rewards`? it may be `title`, `roles`, `scope`, `accept`, `turn_in`, `requires`, `exclusive_group`, `credit`, `pool`, `window`, `deadline`, `fail_on`, `fail_when`, `repeat`, `stages`, `rewards`, `effects` or `moved_from`

            error: quests/wolves.yaml:5:5: `objectives` is missing
              |
            5 | hunt:
              | ^^^^
            hint: add `objectives:` here

            error: quests/wolves.yaml:6:7: unknown key `objective`
              |
            6 | objective:
              | ^^^^^^^^^
            hint: did you mean `objectives`? it may be `title`, `objectives`, `complete`, `moved_from`, `reset_on`, `times` or `after`

        "#]],
    );
}

#[test]
fn objectives_and_rewards_as_a_list() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        - {event: kill, target: wolf, count: 5}
  rewards:
    slots:
      - {item: gold, amount: 5}
",
        expect![[r#"
            error: quests/wolves.yaml:6:9: expected a map by key, found a list
              |
            6 | - {event: kill, target: wolf, count: 5}
              | ^
            hint: write `key: {...}` for each instead of `- {...}`: the key names it for good

            error: quests/wolves.yaml:9:7: expected a map by key, found a list
              |
            9 | - {item: gold, amount: 5}
              | ^
            hint: write `key: {...}` for each instead of `- {...}`: the key names it for good

        "#]],
    );
}

#[test]
fn a_number_in_words_and_a_count_as_text() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  deadline: half an hour
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf, count: 'five'}
        bears: {event: kill, target: bear, count: -1}
",
        expect![[r#"
            error: quests/wolves.yaml:3:13: `half an hour` is not a span of time
              |
            3 | deadline: half an hour
              |           ^^^^^^^^^^^^
            hint: write for example `90s`, `1h30m`, `2d` or `6h world`

            error: quests/wolves.yaml:7:52: expected a whole number from 0 to 4294967295, found the text `five`
              |
            7 | wolves: {event: kill, target: wolf, count: 'five'}
              |                                            ^^^^^^
            hint: write it in digits, such as `3`

            error: quests/wolves.yaml:8:51: expected a whole number from 0 to 4294967295, found the number -1
              |
            8 | bears: {event: kill, target: bear, count: -1}
              |                                           ^^
            hint: write 0 or more

        "#]],
    );
}

#[test]
fn a_line_that_is_indented_otherwise() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        wolves: {event: kill, target: wolf}
       bears: {event: kill, target: bear}
",
        expect![[r#"
            error: quests/wolves.yaml:7:8: not YAML: while parsing a block mapping, did not find expected key
              |
            7 | bears: {event: kill, target: bear}
              | ^
            hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        "#]],
    );
}

#[test]
fn a_quest_that_is_copied_and_not_renamed() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf}}}}
wolves:
  title: Bears at the gate
  stages: {hunt: {objectives: {bears: {event: kill, target: bear}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:4:1: quest `wolves` is given twice
              |
            4 | wolves:
              | ^^^^^^
            hint: it is given first in quests/wolves.yaml:1; ids are unique in a world, so rename one

        "#]],
    );
}

#[test]
fn more_objectives_than_there_are() {
    quest(
        "\
wolves:
  title: Wolves at the gate
  stages:
    hunt:
      complete: {at_least: 3}
      objectives:
        wolves: {event: kill, target: wolf}
        bears: {event: kill, target: bear}
        spare: {event: talk, target: elder, optional: true}
",
        expect![[r#"
            error: quests/wolves.yaml:5:28: the stage `hunt` asks for 3 objectives and has 2
              |
            5 | complete: {at_least: 3}
              |                      ^
            hint: 2 of its objectives are not optional; ask for at most 2, or use `complete: all`

        "#]],
    );
}

#[test]
fn two_quests_that_wait_for_each_other_and_a_third_for_them() {
    quest(
        "\
hen: {title: The hen, requires: {quests: {egg: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
egg: {title: The egg, requires: {quests: {hen: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
omelette: {title: The omelette, requires: {quests: {egg: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:2:34: these quests require each other, so none is ever available: `egg` → `hen` → `egg`
              |
            2 | egg: {title: The egg, requires: {quests: {hen: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
              |                                  ^^^^^^
            hint: remove one of the requirements

            warning: quests/wolves.yaml:3:53: `omelette` waits for `egg`, which is never available, and so neither is this
              |
            3 | omelette: {title: The omelette, requires: {quests: {egg: done}}, stages: {s: {objectives: {o: {event: talk, target: elder}}}}}
              |                                                     ^^^
            hint: mend `egg` first, or let this wait for another quest

        "#]],
    );
}

#[test]
fn a_window_that_closes_before_it_opens() {
    quest(
        "\
fair:
  title: The fair
  window: {from: 2026-12-20 04:00, until: 2026-12-19 04:00, zone: Europe/Berlin}
  stages: {s: {objectives: {o: {event: talk, target: elder}}}}
ball:
  title: The ball
  window: {from: tomorrow, zone: Europe/Berlinn}
  stages: {s: {objectives: {o: {event: talk, target: elder}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:43: this window never opens
              |
            3 | window: {from: 2026-12-20 04:00, until: 2026-12-19 04:00, zone: Europe/Berlin}
              |                                         ^^^^^^^^^^^^^^^^
            hint: it ends before or as it begins: let `until` be later; a moment that a change of the clock skips is the next one that there is

            error: quests/wolves.yaml:7:18: `tomorrow` is no moment
              |
            7 | window: {from: tomorrow, zone: Europe/Berlinn}
              |                ^^^^^^^^
            hint: write for example `2026-12-20 04:00`

            error: quests/wolves.yaml:7:34: unknown time zone `Europe/Berlinn`
              |
            7 | window: {from: tomorrow, zone: Europe/Berlinn}
              |                                ^^^^^^^^^^^^^^
            hint: did you mean `Europe/Berlin`? use a name of the IANA database, such as `Europe/Berlin` or `UTC`

        "#]],
    );
}

#[test]
fn an_hour_that_is_not_in_the_phase() {
    quest(
        "\
owls:
  title: Owls
  stages:
    watch:
      objectives:
        owls: {event: talk, target: elder, when: {phase: day, hours: '22:00-04:00'}}
",
        expect![[r#"
            error: quests/wolves.yaml:6:44: this never holds: `day` is never between 22:00 and 04:00
              |
            6 | owls: {event: talk, target: elder, when: {phase: day, hours: '22:00-04:00'}}
              |                                    ^^^^
            hint: `day` begins at 07:00; keep one of the two

        "#]],
    );
}

/// YAML reads a bare `on` as true, so no key is called so.
#[test]
fn no_key_is_called_on() {
    let fact = "mood: {type: int, default: 0";
    let world = WORLD.replace(fact, &format!("{fact}, on: [{{pattern: {{event: kill}}, add: 1}}]"));
    let rules = "cheer: {on: {every: {span: 1m}}, do: [{add: {fact: mood, by: 1}}]}\n";
    expect![[r#"
        error: rules/all.yaml:1:9: `on:` is now `trigger:`
          |
        1 | cheer: {on: {every: {span: 1m}}, do: [{add: {fact: mood, by: 1}}]}
          |         ^^
        hint: write `trigger:`; what YAML reads as true or false is no key

        error: rules/all.yaml:1:52: the fact `mood` is kept for a player, and this rule acts for the realm: nothing would happen
          |
        1 | cheer: {on: {every: {span: 1m}}, do: [{add: {fact: mood, by: 1}}]}
          |                                                    ^^^^
        hint: say whose with `of`, or let the rule go through rows of those who have it, with `each`

        error: world.yaml:12:33: `on:` is now `changed_by:`
           |
        12 | mood: {type: int, default: 0, on: [{pattern: {event: kill}, add: 1}]}
           |                               ^^
        hint: write `changed_by:`; what YAML reads as true or false is no key

    "#]]
    .assert_eq(&problems(&[("world.yaml", &world), ("rules/all.yaml", rules)]));
}
