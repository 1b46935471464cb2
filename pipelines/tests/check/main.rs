//! Wrong worlds and exactly what `check` says about them.

mod arcs;
mod broken;
mod calendars;
mod columns;
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
mod shapes;
mod spending;
mod storylets;
mod told;
mod traps;
mod whom;
mod whose;

use expect_test::{Expect, expect};
use worldflow::world::{Folder, check};

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
