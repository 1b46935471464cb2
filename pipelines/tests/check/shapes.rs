//! Definitions of another shape than they are to have, types that do not fit, and ids.

use expect_test::{Expect, expect};

use crate::{problems, quest, world};

/// Serde would take the items for the fields, one after the other.
#[test]
fn a_list_is_no_map_anywhere() {
    world(
        "clock: [60]\n",
        expect![[r#"
        error: world.yaml:18:8: expected a map, found a list
           |
        18 | clock: [60]
           |        ^
        hint: write it as a map with keys such as `real_seconds_per_hour:`

    "#]],
    );
    let wrong = |file: &str, yaml: &str, expected: Expect| expected.assert_eq(&problems(&[(file, yaml)]));
    wrong(
        "npcs.yaml",
        "elder: [wise]\n",
        expect![[r#"
        error: npcs.yaml:1:8: expected a map, found a list
          |
        1 | elder: [wise]
          |        ^
        hint: write it as a map with keys such as `addressed_by:`

    "#]],
    );
    wrong(
        "entities.yaml",
        "stone: [object]\n",
        expect![[r#"
        error: entities.yaml:1:8: expected a map, found a list
          |
        1 | stone: [object]
          |        ^
        hint: write it as a map with keys such as `kind:`

    "#]],
    );
    wrong(
        "schedules.yaml",
        "market: [1]\n",
        expect![[r#"
        error: schedules.yaml:1:9: expected a map, found a list
          |
        1 | market: [1]
          |         ^
        hint: write it as a map with keys such as `kind:`

    "#]],
    );
    wrong(
        "climates/mild.yaml",
        "[{clear: {intensity: 0}}]\n",
        expect![[r#"
        error: climates/mild.yaml:1:1: expected a map, found a list
          |
        1 | [{clear: {intensity: 0}}]
          | ^
        hint: write it as a map with keys such as `states:`

    "#]],
    );
    quest(
        "wolves: [Wolves]\n",
        expect![[r#"
        error: quests/wolves.yaml:1:9: expected a map, found a list
          |
        1 | wolves: [Wolves]
          |         ^
        hint: write it as a map with keys such as `title:`

    "#]],
    );
    quest(
        "wolves: {title: W, stages: {hunt: [{kill: {event: kill}}], rest: {objectives: {kill: [kill]}}}}\n",
        expect![[r#"
            error: quests/wolves.yaml:1:35: expected a map, found a list
              |
            1 | wolves: {title: W, stages: {hunt: [{kill: {event: kill}}], rest: {objectives: {kill: [kill]}}}}
              |                                   ^
            hint: write it as a map with keys such as `title:`

            error: quests/wolves.yaml:1:86: expected a map, found a list
              |
            1 | wolves: {title: W, stages: {hunt: [{kill: {event: kill}}], rest: {objectives: {kill: [kill]}}}}
              |                                                                                      ^
            hint: write it as a map with keys such as `title:`

        "#]],
    );
    quest(
        "wolves: {title: W, requires: {level: [3]}, stages: {hunt: {objectives: {kill: {event: kill, where: {damage: [3]}}}}}}\n",
        expect![[r#"
            warning: quests/wolves.yaml:1:20: nobody gets to this level: what can be earned before brings level 1 at most
              |
            1 | wolves: {title: W, requires: {level: [3]}, stages: {hunt: {objectives: {kill: {event: kill, where: {damage: [3]}}}}}}
              |                    ^^^^^^^^
            hint: ask for less, or give more `experience` for other quests

            error: quests/wolves.yaml:1:31: the level is compared with a list
              |
            1 | wolves: {title: W, requires: {level: [3]}, stages: {hunt: {objectives: {kill: {event: kill, where: {damage: [3]}}}}}}
              |                               ^^^^^
            hint: write `{one_of: [...]}`

            error: quests/wolves.yaml:1:101: the attribute `damage` is compared with a list
              |
            1 | wolves: {title: W, requires: {level: [3]}, stages: {hunt: {objectives: {kill: {event: kill, where: {damage: [3]}}}}}}
              |                                                                                                     ^^^^^^
            hint: write `{one_of: [...]}`

        "#]],
    );
}

#[test]
fn every_mistake_of_shape_is_found_at_once() {
    quest(
        "wolves:
  titel: Wolves
  scope: partie
  deadline: 5 parsecs
  repeat: {daily: {at: '04:00'}}
  turn_in: {manual: {}}
  stages:
    hunt:
      objectives:
        kill: {event: 5, cuont: 5}
        bear: {event: kill, count: -3}
      complete: {at_least: two}
    hunt:
      objectives: []
other:
  title: [x]
  requires: {quests: {wolves: don}}
  stages: {a: {objectives: {b: {event: kill, target: {x: 1}}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:2:3: unknown key `titel`
              |
            2 | titel: Wolves
              | ^^^^^
            hint: did you mean `title`? it may be `title`, `roles`, `scope`, `accept`, `turn_in`, `requires`, `exclusive_group`, `credit`, `pool`, `window`, `deadline`, `fail_on`, `fail_when`, `repeat`, `stages`, `rewards`, `effects` or `moved_from`

            error: quests/wolves.yaml:3:10: unknown choice `partie`
              |
            3 | scope: partie
              |        ^^^^^^
            hint: did you mean `party`? it may be `player`, `party`, `guild`, `account`, `region`, `instance` or `realm`

            error: quests/wolves.yaml:4:13: `5 parsecs` is not a span of time
              |
            4 | deadline: 5 parsecs
              |           ^^^^^^^^^
            hint: write for example `90s`, `1h30m`, `2d` or `6h world`

            error: quests/wolves.yaml:5:12: `zone` is missing
              |
            5 | repeat: {daily: {at: '04:00'}}
              |          ^^^^^
            hint: add `zone:` here

            error: quests/wolves.yaml:6:13: `manual` stands alone
              |
            6 | turn_in: {manual: {}}
              |           ^^^^^^
            hint: write `turn_in: manual`

            error: quests/wolves.yaml:10:23: expected text, found the number 5
               |
            10 | kill: {event: 5, cuont: 5}
               |               ^
            hint: put it in quotes

            error: quests/wolves.yaml:10:26: unknown key `cuont`
               |
            10 | kill: {event: 5, cuont: 5}
               |                  ^^^^^
            hint: did you mean `count`? it may be `title`, `event`, `target`, `role`, `region`, `where`, `when`, `within`, `holds`, `for`, `count`, `sum`, `distinct`, `max`, `min`, `last`, `percent`, `streak`, `every`, `of`, `window`, `half_life`, `players`, `everyone`, `worth`, `minus`, `reset_on`, `latched`, `after`, `optional`, `branch`, `hidden_until`, `since`, `lifetime` or `moved_from`

            error: quests/wolves.yaml:11:36: expected a whole number from 0 to 4294967295, found the number -3
               |
            11 | bear: {event: kill, count: -3}
               |                            ^^
            hint: write 0 or more

            error: quests/wolves.yaml:12:28: expected a whole number from 0 to 4294967295, found the text `two`
               |
            12 | complete: {at_least: two}
               |                      ^^^
            hint: write it in digits, such as `3`

            error: quests/wolves.yaml:13:5: `hunt` is given twice
               |
            13 | hunt:
               | ^^^^
            hint: it is given first in line 8; keep one of the two

            error: quests/wolves.yaml:16:10: expected text, found a list
               |
            16 | title: [x]
               |        ^

            error: quests/wolves.yaml:17:31: unknown state of a quest `don`
               |
            17 | requires: {quests: {wolves: don}}
               |                             ^^^
            hint: did you mean `done`? it may be `hidden`, `available`, `offered`, `active`, `ready`, `done`, `failed`, `expired` or `abandoned`

            error: quests/wolves.yaml:18:54: expected a name or a list of names
               |
            18 | stages: {a: {objectives: {b: {event: kill, target: {x: 1}}}}}
               |                                                    ^
            hint: write `wolf` or `[wolf, bear]`; a name that looks like a number needs quotes

        "#]],
    );
}

#[test]
fn types_of_facts_and_attributes_are_checked() {
    quest(
        "wolves:
  title: Wolves
  requires:
    facts: {mood: happy, saved: {at_least: 1}, mod: 1}
    level: high
  stages:
    hunt:
      objectives:
        kill: {event: kill, where: {weapon: 5, damage: {at_leest: 5}, wepon: bow}}
        hit: {event: kill, sum: 5, of: weapon}
  effects:
    - set: {fact: saved, to: 1}
    - add: {fact: mood, by: 0.5}
    - add: {fact: saved, by: 1}
",
        expect![[r#"
            warning: quests/wolves.yaml:3:3: only `wolves` changes the fact `mood`, and it is never available: neither is this
              |
            3 | requires:
              | ^^^^^^^^
            hint: mend `wolves` first, or let something else change `mood`; a game server may write it, too

            error: quests/wolves.yaml:4:19: the fact `mood` is a number, not `happy`
              |
            4 | facts: {mood: happy, saved: {at_least: 1}, mod: 1}
              |               ^^^^^
            hint: compare it with a value of its own type

            error: quests/wolves.yaml:4:44: the fact `saved` is `true` or `false`, which `at_least` cannot compare
              |
            4 | facts: {mood: happy, saved: {at_least: 1}, mod: 1}
              |                                        ^
            hint: use `is`, `is_not` or `one_of`

            error: quests/wolves.yaml:4:48: unknown fact `mod`
              |
            4 | facts: {mood: happy, saved: {at_least: 1}, mod: 1}
              |                                            ^^^
            hint: did you mean `mood`? facts are declared in world.yaml under `facts`

            error: quests/wolves.yaml:5:12: the level is a number, not `high`
              |
            5 | level: high
              |        ^^^^
            hint: compare it with a value of its own type

            error: quests/wolves.yaml:9:45: the attribute `weapon` is text, not `5`
              |
            9 | kill: {event: kill, where: {weapon: 5, damage: {at_leest: 5}, wepon: bow}}
              |                                     ^
            hint: put it in quotes

            error: quests/wolves.yaml:9:57: unknown comparison `at_leest`
              |
            9 | kill: {event: kill, where: {weapon: 5, damage: {at_leest: 5}, wepon: bow}}
              |                                                 ^^^^^^^^
            hint: did you mean `at_least`? comparisons are at_least, at_most, above, below, is, is_not, one_of

            error: quests/wolves.yaml:9:71: unknown attribute `wepon`
              |
            9 | kill: {event: kill, where: {weapon: 5, damage: {at_leest: 5}, wepon: bow}}
              |                                                               ^^^^^
            hint: did you mean `weapon`? `kill` has damage, weapon; more are declared in world.yaml under `kinds`

            error: quests/wolves.yaml:10:40: the attribute `weapon` is not a number
               |
            10 | hit: {event: kill, sum: 5, of: weapon}
               |                                ^^^^^^
            hint: `sum`, `max`, `min` and `last` need one; `distinct` takes any

            error: quests/wolves.yaml:12:30: the fact `saved` is `true` or `false`, not `1`
               |
            12 | - set: {fact: saved, to: 1}
               |                          ^
            hint: give it a value of its own type

            error: quests/wolves.yaml:13:29: the fact `mood` is a whole number, and `0.5` is added
               |
            13 | - add: {fact: mood, by: 0.5}
               |                         ^^^
            hint: round it, or declare the fact with `type: dec`

            error: quests/wolves.yaml:14:30: nothing can be added to the fact `saved`, which is no number
               |
            14 | - add: {fact: saved, by: 1}
               |                          ^
            hint: use `set`

        "#]],
    );
}

#[test]
fn ids_are_unique_across_files_and_plain() {
    let quest = "wolves: {title: W, stages: {s: {objectives: {o: {event: kill}}}}}\n";
    let other = "Wölfe 1: {title: W, stages: {s: {objectives: {o: {event: kill}}}}}\n";
    expect![[r#"
        error: quests/b.yaml:1:1: quest `wolves` is given twice
          |
        1 | wolves: {title: W, stages: {s: {objectives: {o: {event: kill}}}}}
          | ^^^^^^
        hint: it is given first in quests/a.yaml:1; ids are unique in a world, so rename one

        error: quests/c.yaml:1:1: the quest id `Wölfe 1` has a `W` in it
          |
        1 | Wölfe 1: {title: W, stages: {s: {objectives: {o: {event: kill}}}}}
          | ^^^^^^^
        hint: use lower-case letters, digits, `_`, `.` and `-`

    "#]]
    .assert_eq(&problems(&[("quests/a.yaml", quest), ("quests/b.yaml", quest), ("quests/c.yaml", other)]));
}
