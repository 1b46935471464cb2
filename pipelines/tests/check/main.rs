//! Wrong worlds and exactly what `check` says about them.

mod arcs;
mod calendars;
mod dialogue;
mod expressions;
mod files;
mod growth;
mod guard;
mod hopeless;
mod lifecycle;
mod lore;
mod mistakes;
mod objectives;
mod personal;
mod prompts;
mod quests;
mod reach;
mod realm;
mod rows;
mod rules;
mod spending;
mod storylets;
mod told;
mod traps;
mod whom;
mod whose;

use expect_test::{Expect, expect};
use worldflow::world::{Folder, LoadedWorld, WorldError, check};

/// A small world that is right; each test puts one mistake beside it.
const WORLD: &str = "\
name: small
seed: 7
zones:
  vale: {climate: mild}
regions:
  meadow: {zone: vale}
  forest: {zone: vale}
kinds:
  kill: {attributes: {weapon: id, damage: number}}
  talk: {from: player}
facts:
  mood: {type: int, default: 0}
  saved: {type: bool, default: false}
entities:
  wolf: {kind: npc, tags: [beast]}
  bear: {kind: npc, tags: [beast]}
  elder: {kind: npc}
";

const CLIMATE: &str = "\
states:
  clear: {intensity: 0, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
  rain: {intensity: 0.5, wind_kmh: 20, humidity: 0.9, visibility_m: 4000}
seasons:
  spring: &chain {start: clear, temperature_c: [8, 18], next: {clear: 3, rain: 1}}
  summer: *chain
  fall: *chain
  winter: *chain
";

pub(crate) fn problems(files: &[(&str, &str)]) -> String {
    let mut all = vec![("world.yaml", WORLD), ("climates/mild.yaml", CLIMATE)];
    all.retain(|(path, _)| !files.iter().any(|(other, _)| other == path));
    all.extend(files);
    check(&Folder::of(all)).to_string()
}

pub(crate) fn quest(yaml: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("quests/wolves.yaml", yaml)]));
}

fn world(add: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("world.yaml", &format!("{WORLD}{add}"))]));
}

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
fn a_right_world_has_no_problems() {
    quest(
        "wolves: {title: Wolves, stages: {hunt: {objectives: {kill: {event: kill, target: beast}}}}}\n",
        expect![""],
    );
}

#[test]
fn an_unknown_target_says_where_and_what_was_meant() {
    quest(
        "wolves:
  title: Wolves at the gate
  stages:
    hunt:
      objectives:
        kill:
          event: kill
          target: [bear, wolfs]
          region: medow
          count: 5
",
        expect![[r#"
            error: quests/wolves.yaml:8:26: unknown target `wolfs`
              |
            8 | target: [bear, wolfs]
              |                ^^^^^
            hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

            error: quests/wolves.yaml:9:19: unknown region `medow`
              |
            9 | region: medow
              |         ^^^^^
            hint: did you mean `meadow`? regions are declared in world.yaml under `regions`

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
            hint: compare it with a value of its own type

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

#[test]
fn what_is_not_yaml_is_one_error_with_its_place() {
    expect![[r#"
        error: quests/a.yaml:2:10: not YAML: unclosed quote
          |
        2 | title: "open
          |        ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/b.yaml:2:11: not YAML: mapping values are not allowed in this context
          |
        2 | title: a: b
          |         ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/c.yaml:1:1: expected a map keyed by id
          |
        1 | - a
          | ^
        hint: a file of this kind is a map: `id: {...}` for each quest

        error: quests/d.yaml:1:4: not YAML: alias references unknown anchor
          |
        1 | a: *nowhere
          |    ^
        hint: check the indentation and the quotes around here; text with `: ` or ` #` needs quotes

        error: quests/e.yaml:1:1: expected a map keyed by id
          |
        1 | 5
          | ^
        hint: a file of this kind is a map: `id: {...}` for each quest

    "#]]
    .assert_eq(&problems(&[
        ("quests/a.yaml", "wolves:\n  title: \"open\n  stages: 5\n"),
        ("quests/b.yaml", "wolves:\n  title: a: b\n"),
        ("quests/c.yaml", "- a\n- b\n"),
        ("quests/d.yaml", "a: *nowhere\n"),
        ("quests/e.yaml", "5\n"),
    ]));
}

#[test]
fn hostile_files_are_errors_and_neither_hang_nor_panic() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let previous = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
    }
    let deep = "[".repeat(200_000);
    let number = format!("w: {{title: {}, deadline: {}}}", "9".repeat(50_000), "9".repeat(50_000));
    let wide = format!("w: {{stages: [{}]}}", "{a: 1},".repeat(20_000));
    for text in [&bomb, &deep, &number, &wide] {
        let problems = check(&Folder::of([
            ("world.yaml", WORLD),
            ("climates/mild.yaml", CLIMATE),
            ("quests/x.yaml", text),
        ]));
        assert!(problems.has_errors());
        assert!(problems.to_string().len() < 100_000, "what is said stays short");
    }
    let mut folder = Folder::of([("world.yaml", WORLD)]);
    folder.files.insert("quests/x.yaml".to_owned(), b"w:\n  title: \xff\n".to_vec());
    expect![[r#"
        error: quests/x.yaml:2:10: this is not UTF-8 text
          |
        2 | title: �
          |        ^
        hint: save the file as UTF-8
    "#]]
    .assert_eq(&check(&folder).0[0].to_string());
}

#[test]
fn a_folder_that_is_no_world_is_one_clear_error() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let error = LoadedWorld::open(empty.path()).expect_err("there is no world.yaml");
    assert!(matches!(error, WorldError::Folder(_)));
    assert!(error.to_string().contains("is not a world folder: it has no world.yaml\nhint: "), "{error}");
}

/// A mistake of shape hides nothing else: what can be read is checked.
#[test]
fn all_problems_are_said_at_once() {
    let world = WORLD
        .replace("seed: 7", "seed: one")
        .replace("climate: mild", "climate: mildd")
        .replace("meadow: {zone: vale}", "meadow: {zone: valley}");
    let quest = "\
wolves:
  stages:
    s: {objectives: {a: {event: kil, target: wolfe, count: three}}}
";
    let templates = "\
hunt:
  parameters: {who: {}}
  quest: {title: 'Hunt', stages: {s: {objectives: {k: {event: kill, target: ['${who}', '${whoo}']}}}}}
  quests: {hunt_wolf: {who: wolfe}, hunt_bear: {whom: bear}}
";
    let views = "\
CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
CREATE VIEW one AS SELECT player FROM two;
CREATE VIEW two AS SELECT player FROM one;
CREATE VIEW over AS SELECT player FROM v;
";
    let found = problems(&[
        ("world.yaml", &world),
        ("quests/wolves.yaml", quest),
        ("templates/hunts.yaml", templates),
        ("views/all.sql", views),
    ]);
    expect![[r#"
        warning: climates/mild.yaml:1:1: no zone has the climate `mild`
          |
        1 | states:
          | ^
        hint: name it in world.yaml under `zones`, or remove it

        error: quests/wolves.yaml:1:1: `title` is missing
          |
        1 | wolves:
          | ^^^^^^
        hint: add `title:` here

        error: quests/wolves.yaml:3:33: unknown kind of event `kil`
          |
        3 | s: {objectives: {a: {event: kil, target: wolfe, count: three}}}
          |                             ^^^
        hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

        error: quests/wolves.yaml:3:46: unknown target `wolfe`
          |
        3 | s: {objectives: {a: {event: kil, target: wolfe, count: three}}}
          |                                          ^^^^^
        hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

        error: quests/wolves.yaml:3:60: expected a whole number from 0 to 4294967295, found the text `three`
          |
        3 | s: {objectives: {a: {event: kil, target: wolfe, count: three}}}
          |                                                        ^^^^^
        hint: write it in digits, such as `3`

        error: templates/hunts.yaml:3:88: the template has no parameter `whoo`
          |
        3 | quest: {title: 'Hunt', stages: {s: {objectives: {k: {event: kill, target: ['${who}', '${whoo}']}}}}}
          |                                                                                      ^^^^^^^^^
        hint: did you mean `who`? it has who

        error: templates/hunts.yaml:4:29: unknown target `wolfe`
          |
        4 | quests: {hunt_wolf: {who: wolfe}, hunt_bear: {whom: bear}}
          |                           ^^^^^
        hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

        error: templates/hunts.yaml:4:37: the parameter `who` is missing
          |
        4 | quests: {hunt_wolf: {who: wolfe}, hunt_bear: {whom: bear}}
          |                                   ^^^^^^^^^
        hint: give it here, or give the parameter a `default`

        error: templates/hunts.yaml:4:49: the template has no parameter `whom`
          |
        4 | quests: {hunt_wolf: {who: wolfe}, hunt_bear: {whom: bear}}
          |                                               ^^^^
        hint: did you mean `who`? it has who

        error: views/all.sql:1:25: there is no column `playr`
          |
        1 | CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
          |                         ^^^^^
        hint: did you mean `player`? the columns are player, level, experience, into_level, to_next

        error: views/all.sql:1:32: there is no column `levl`
          |
        1 | CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
          |                                ^^^^
        hint: did you mean `level`? the columns are player, level, experience, into_level, to_next

        error: views/all.sql:1:49: there is no column `lvl`
          |
        1 | CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
          |                                                 ^^^
        hint: did you mean `level`? the columns are player, level, experience, into_level, to_next

        error: views/all.sql:1:77: there is no column `nam`
          |
        1 | CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
          |                                                                             ^^^
        hint: the columns are player, level, experience, into_level, to_next

        error: views/all.sql:1:103: there is no column `levl`
          |
        1 | CREATE VIEW v AS SELECT playr, levl AS l, count(lvl) AS n FROM levels WHERE nam = 'a' GROUP BY playr, levl;
          |                                                                                                       ^^^^
        hint: did you mean `level`? the columns are player, level, experience, into_level, to_next

        error: views/all.sql:2:13: `one` needs itself, or a view that does
          |
        2 | CREATE VIEW one AS SELECT player FROM two;
          |             ^^^
        hint: views that read each other have no beginning: put what they share into a view that both read

        error: views/all.sql:3:13: `two` needs itself, or a view that does
          |
        3 | CREATE VIEW two AS SELECT player FROM one;
          |             ^^^
        hint: views that read each other have no beginning: put what they share into a view that both read

        error: world.yaml:2:7: expected a whole number, not negative, found the text `one`
          |
        2 | seed: one
          |       ^^^
        hint: write it in digits, such as `3`

        error: world.yaml:4:19: unknown climate `mildd`
          |
        4 | vale: {climate: mildd}
          |                 ^^^^^
        hint: did you mean `mild`? climates are declared in climates/

        error: world.yaml:6:18: unknown zone `valley`
          |
        6 | meadow: {zone: valley}
          |                ^^^^^^
        hint: did you mean `vale`? zones are declared in world.yaml under `zones`

    "#]].assert_eq(&found);
    // What declares nothing that can be read declares everything.
    let broken = problems(&[
        ("entities.yaml", "wolf: {kind: npc\n"),
        (
            "quests/wolves.yaml",
            "w: {title: W, stages: {s: {objectives: {a: {event: kill, target: lynx}}}}}\n",
        ),
    ]);
    assert!(broken.contains("error: entities.yaml:") && !broken.contains("unknown target"), "{broken}");
}
