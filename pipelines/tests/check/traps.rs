//! What YAML reads as something else than was meant, and what may be shown of it.

use std::time::{Duration, Instant};

use expect_test::expect;
use worldflow::scenario::check_scenarios;
use worldflow::world::{Folder, Problems, Vocabulary};

use crate::{CLIMATE, WORLD, problems, quest, world};

/// What is said of a file of scenarios of the small world.
fn scenarios(yaml: &str) -> String {
    let wolves = "wolves: {title: W, stages: {s: {objectives: {o: {event: kill}}}}}\n";
    let folder =
        Folder::of([("world.yaml", WORLD), ("climates/mild.yaml", CLIMATE), ("quests/wolves.yaml", wolves)]);
    let mut problems = Problems::default();
    check_scenarios(&Folder::of([("tests/a.yaml", yaml)]), &Vocabulary::of(&folder), &mut problems);
    problems.to_string()
}

#[test]
fn tags_are_no_conditions_and_nothing_is_no_value() {
    quest(
        "\
hunt:
  title: Hunt
  requires: !first_hunt
  stages:
    s:
      objectives:
        tagged: {event: kill, when: !night , count: !!int 3}
        empty:
          event: kill
          target:
          region:
          count:
          when:
        listed: {event: kill, target: [wolf, !bear]}
        keyed: {event: kill, where: {!weapon weapon: bow}}
  fail_on:
    -
  repeat:
rest:
  title: Rest
  requires:
  turn_in:
  stages: {s: {objectives: {o: {event: kill, where: {damage: {at_least: }}}}}}
nothing:
null_is_said: {title: N, deadline: null, requires: ~, stages: {s: {objectives: {o: {event: kill, target: ~}}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:13: `!first_hunt` is a tag of YAML, and says nothing here
              |
            3 | requires: !first_hunt
              |           ^^^^^^^^^^^
            hint: a condition says `not first_hunt`; a text that begins with `!` needs quotes: `'!first_hunt'`

            error: quests/wolves.yaml:7:37: `!night` is a tag of YAML, and says nothing here
              |
            7 | tagged: {event: kill, when: !night , count: !!int 3}
              |                             ^^^^^^
            hint: a condition says `not night`; a text that begins with `!` needs quotes: `'!night'`

            error: quests/wolves.yaml:7:53: `!!int` is a tag of YAML, and says nothing here
              |
            7 | tagged: {event: kill, when: !night , count: !!int 3}
              |                                             ^^^^^
            hint: remove it; what stands in quotes is text

            error: quests/wolves.yaml:10:11: `target` has nothing behind it
               |
            10 | target:
               | ^^^^^^
            hint: write its value, or delete the line

            error: quests/wolves.yaml:11:11: `region` has nothing behind it
               |
            11 | region:
               | ^^^^^^
            hint: write its value, or delete the line

            error: quests/wolves.yaml:12:11: `count` has nothing behind it
               |
            12 | count:
               | ^^^^^
            hint: write a whole number from 0 to 4294967295, or delete the line

            error: quests/wolves.yaml:13:11: `when` has nothing behind it
               |
            13 | when:
               | ^^^^
            hint: write what must hold, as in `when: {phase: night}`, or delete the line

            error: quests/wolves.yaml:14:46: `!bear` is a tag of YAML, and says nothing here
               |
            14 | listed: {event: kill, target: [wolf, !bear]}
               |                                      ^^^^^
            hint: a condition says `not bear`; a text that begins with `!` needs quotes: `'!bear'`

            error: quests/wolves.yaml:15:38: `!weapon` is a tag of YAML, and says nothing here
               |
            15 | keyed: {event: kill, where: {!weapon weapon: bow}}
               |                              ^^^^^^^
            hint: a condition says `not weapon`; a text that begins with `!` needs quotes: `'!weapon'`

            error: quests/wolves.yaml:17:6: an item of this list is empty
               |
            17 | -
               |  ^
            hint: write it, or remove its `-`

            error: quests/wolves.yaml:18:3: `repeat` has nothing behind it
               |
            18 | repeat:
               | ^^^^^^
            hint: write `always`, `cooldown`, `daily`, `weekly`, `monthly` or `calendar`, or delete the line

            error: quests/wolves.yaml:21:3: `requires` has nothing behind it
               |
            21 | requires:
               | ^^^^^^^^
            hint: write what must hold, as in `requires: {phase: night}`, or delete the line

            error: quests/wolves.yaml:22:3: `turn_in` has nothing behind it
               |
            22 | turn_in:
               | ^^^^^^^
            hint: write `auto`, `manual` or `npc`, or delete the line

            error: quests/wolves.yaml:23:54: this comparison compares nothing
               |
            23 | stages: {s: {objectives: {o: {event: kill, where: {damage: {at_least: }}}}}}
               |                                                    ^^^^^^
            hint: give one of at_least, at_most, above, below, is, is_not, one_of

            error: quests/wolves.yaml:23:63: `at_least` has nothing behind it
               |
            23 | stages: {s: {objectives: {o: {event: kill, where: {damage: {at_least: }}}}}}
               |                                                             ^^^^^^^^
            hint: write its value, or delete the line

            error: quests/wolves.yaml:24:1: `nothing` has nothing behind it
               |
            24 | nothing:
               | ^^^^^^^
            hint: write what belongs to it below it, `nothing: {}` if nothing does, or delete the line

        "#]],
    );
    world(
        "sinks:\nclock:\n",
        expect![[r#"
        error: world.yaml:18:1: `sinks` has nothing behind it
           |
        18 | sinks:
           | ^^^^^
        hint: write `key: ...` below it for each, or delete the line

        error: world.yaml:19:1: `clock` has nothing behind it
           |
        19 | clock:
           | ^^^^^
        hint: write what belongs to it below it, `clock: {}` if nothing does, or delete the line

    "#]],
    );
}

#[test]
fn scenarios_have_the_same_traps_and_name_what_is_there() {
    expect![[r#"
        error: tests/a.yaml:3:47: `!wolf` is a tag of YAML, and says nothing here
          |
        3 | - send: {player: ana, kind: kill, target: !wolf x}
          |                                           ^^^^^
        hint: a condition says `not wolf`; a text that begins with `!` needs quotes: `'!wolf'`

        error: tests/a.yaml:4:27: `kind` has nothing behind it
          |
        4 | - send: {player: ana, kind:}
          |                       ^^^^
        hint: write its value, or delete the line

        error: tests/a.yaml:5:7: `expect` has nothing behind it
          |
        5 | - expect:
          |   ^^^^^^
        hint: write what belongs to it below it, `expect: {}` if nothing does, or delete the line

        error: tests/a.yaml:8:33: unknown kind of event `kil`
          |
        8 | - send: {player: ana, kind: kil, target: wolf, region: medow}
          |                             ^^^
        hint: did you mean `kill`? the world declares none of this name; what is to be refused is sent with `refused:`

        error: tests/a.yaml:8:60: unknown region `medow`
          |
        8 | - send: {player: ana, kind: kil, target: wolf, region: medow}
          |                                                        ^^^^^
        hint: did you mean `meadow`? the world declares none of this name; what is to be refused is sent with `refused:`

        error: tests/a.yaml:9:48: unknown entity `wolfs`
          |
        9 | - send: [{player: ana, kind: kill, target: wolfs}, {player: ana, kind: quest.accept, target: wolfes}]
          |                                            ^^^^^
        hint: did you mean `wolf`? the world declares none of this name; what is to be refused is sent with `refused:`

        error: tests/a.yaml:9:98: unknown quest `wolfes`
          |
        9 | - send: [{player: ana, kind: kill, target: wolfs}, {player: ana, kind: quest.accept, target: wolfes}]
          |                                                                                              ^^^^^^
        hint: did you mean `wolves`? the world declares none of this name; what is to be refused is sent with `refused:`

        error: tests/a.yaml:10:27: unknown fact `mod`
           |
        10 | - send: {fact: {fact: mod, scope: realm, holder: realm, set: 3}}
           |                       ^^^
        hint: did you mean `mood`? the world declares none of this name; what is to be refused is sent with `refused:`

    "#]].assert_eq(&scenarios(
        "\
traps:
  steps:
    - send: {player: ana, kind: kill, target: !wolf x}
    - send: {player: ana, kind:}
    - expect:
names:
  steps:
    - send: {player: ana, kind: kil, target: wolf, region: medow}
    - send: [{player: ana, kind: kill, target: wolfs}, {player: ana, kind: quest.accept, target: wolfes}]
    - send: {fact: {fact: mod, scope: realm, holder: realm, set: 3}}
    - expect: {view: quest_state, where: {quest: [wolves, wolfs]}, rows: state}
right:
  steps:
    - send: {player: ana, kind: kiss}
      refused: unknown_kind
    - send: {player: ana, kind: quest.accept, target: wolves, region: meadow}
    - send: {fact: {fact: mood, scope: realm, holder: realm, set: 3}}
    - edit: {quests/new.yaml: 'foxes: {title: F, stages: {s: {objectives: {o: {event: kill}}}}}', quests/old.yaml: null}
    - send: {player: ana, kind: quest.accept, target: foxes}
    - expect: {view: quest_state, where: {quest: foxes}, rows: state}
added:
  steps:
    - send: {entity: {entity: fox, upsert: {kind: npc}}}
    - send: {player: ana, kind: kill, target: fox}
",
    ));
}

#[test]
fn numbers_are_written_as_numbers() {
    quest(
        "\
hunt:
  title: Hunt
  requires: {level: {at_least: '3'}}
  stages: {s: {objectives: {a: {event: kill, count: 017}, b: {event: kill, count: '5'}, c: {event: kill, count: 5.0}}}}
  rewards: {slots: {pay: {item: gold, amount: 017}}}
text: {title: T, requires: \"level >= '3'\", stages: {s: {objectives: {o: {event: kill}}}}}
",
        expect![[r#"
            warning: quests/wolves.yaml:3:3: nobody gets to this level: what can be earned before brings level 1 at most
              |
            3 | requires: {level: {at_least: '3'}}
              | ^^^^^^^^
            hint: ask for less, or give more `experience` for other quests

            error: quests/wolves.yaml:3:32: `at_least` needs a number
              |
            3 | requires: {level: {at_least: '3'}}
              |                              ^^^
            hint: remove the quotes

            error: quests/wolves.yaml:4:53: expected a whole number from 0 to 4294967295, found the text `017`
              |
            4 | stages: {s: {objectives: {a: {event: kill, count: 017}, b: {event: kill, count: '5'}, c: {event: kill, count: 5.0}}}}
              |                                                   ^^^
            hint: a number has no zeros in front: write `17`

            error: quests/wolves.yaml:4:83: expected a whole number from 0 to 4294967295, found the text `5`
              |
            4 | stages: {s: {objectives: {a: {event: kill, count: 017}, b: {event: kill, count: '5'}, c: {event: kill, count: 5.0}}}}
              |                                                                                 ^^^
            hint: remove the quotes

            error: quests/wolves.yaml:4:113: expected a whole number from 0 to 4294967295, found the number 5.0
              |
            4 | stages: {s: {objectives: {a: {event: kill, count: 017}, b: {event: kill, count: '5'}, c: {event: kill, count: 5.0}}}}
              |                                                                                                               ^^^
            hint: write `5`

            error: quests/wolves.yaml:5:47: expected a whole number from 0 to 4294967295, found the text `017`
              |
            5 | rewards: {slots: {pay: {item: gold, amount: 017}}}
              |                                             ^^^
            hint: a number has no zeros in front: write `17`

            warning: quests/wolves.yaml:6:28: nobody gets to this level: what can be earned before brings level 1 at most
              |
            6 | text: {title: T, requires: "level >= '3'", stages: {s: {objectives: {o: {event: kill}}}}}
              |                            ^^^^^^^^^^^^^^
            hint: ask for less, or give more `experience` for other quests

            error: quests/wolves.yaml:6:38: `>=` needs a number
              |
            6 | text: {title: T, requires: "level >= '3'", stages: {s: {objectives: {o: {event: kill}}}}}
              |                                      ^^^
            hint: remove the quotes

        "#]],
    );
    let rules = "cheer: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, of: small, by: 007}}]}\n";
    let sql = "CREATE VIEW high AS SELECT player, level FROM levels WHERE level >= '3';\n";
    expect![[r#"
        error: rules.yaml:1:78: expected a number, a column or bounds, found the text `007`
          |
        1 | cheer: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, of: small, by: 007}}]}
          |                                                                              ^^^
        hint: a number has no zeros in front: write `7`

        error: views/high.sql:1:60: INTEGER and TEXT do not meet
          |
        1 | CREATE VIEW high AS SELECT player, level FROM levels WHERE level >= '3';
          |                                                            ^^^^^^^^^^^^
        hint: remove the quotes: 3

    "#]]
    .assert_eq(&problems(&[("rules.yaml", rules), ("views/high.sql", sql)]));
}

#[test]
fn no_secret_is_shown() {
    let add = "\
sinks:
  pg: {postgres: \"postgres://me:hunter2@db/x\"}
  pq: {postgres: {url: 'postgres://me:hunter2@db/x', every: 0s}}
tiers:
  gold: {url: 'http://me:hunter2@host', model: '', key: hunter2}
  iron: {url: 'http://host', model: m, key: {of: hunter2}}
  lead: {url: 'http://host', model: m, key: 12345678}
";
    let npcs = "elder: {addressed_by: talk, tier: gold, barks: Hm.}\nwolf: {addressed_by: talk, tier: iron, barks: Hm.}\nbear: {addressed_by: talk, tier: lead, barks: Hm.}\n";
    let found = problems(&[("world.yaml", &format!("{WORLD}{add}")), ("npcs.yaml", npcs)]);
    assert!(!found.contains("hunter2") && !found.contains("12345678"), "{found}");
    expect![[r#"
        error: world.yaml:19:18: expected a map, found the text `postgres://me:*******@db/x`
           |
        19 | pg: {postgres: "postgres://me:*******@db/x"}
           |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: write it as a map with keys such as `url:`, and give what is secret by reference: `${NAME}`

        error: world.yaml:20:24: a secret stands here in the clear
           |
        20 | pq: {postgres: {url: 'postgres://me:*******@db/x', every: 0s}}
           |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: give the address by reference, `url: ${WORLDFLOW_POSTGRES}`, and put it in the environment

        error: world.yaml:20:61: `every: 0s` is no span of real time
           |
        20 | pq: {postgres: {url: 'postgres://me:*******@db/x', every: 0s}}
           |                                                           ^^
        hint: give a span such as `250ms`

        error: world.yaml:22:15: a password stands in this address
           |
        22 | gold: {url: 'http://me:*******@host', model: '', key: *******}
           |             ^^^^^^^^^^^^^^^^^^^^^^^^
        hint: give the key by reference: `key: ${TIER_KEY}`

        error: world.yaml:22:48: the model has no name
           |
        22 | gold: {url: 'http://me:*******@host', model: '', key: *******}
           |                                              ^^
        hint: the server lists its models at /v1/models

        error: world.yaml:22:57: a secret stands here in the clear
           |
        22 | gold: {url: 'http://me:*******@host', model: '', key: *******}
           |                                                       ^^^^^^^
        hint: give it by reference, `key: ${TIER_KEY}`, and put it in the environment

        error: world.yaml:23:45: expected text
           |
        23 | iron: {url: 'http://host', model: m, key: ************}}
           |                                           ^

        error: world.yaml:24:45: expected text
           |
        24 | lead: {url: 'http://host', model: m, key: ********}
           |                                           ^^^^^^^^
        hint: put it in quotes

    "#]]
    .assert_eq(&found);
}

#[test]
fn nothing_stands_behind_the_address_of_a_server() {
    let add = "\
tiers:
  gold: {url: ['http://host/base', 'http://host/base?api_key=hunter2'], model: m}
  lead: {url: 'http://host#models', model: m}
";
    let npcs = "elder: {addressed_by: talk, tier: gold, barks: Hm.}\nbear: {addressed_by: talk, tier: lead, barks: Hm.}\n";
    let found = problems(&[("world.yaml", &format!("{WORLD}{add}")), ("npcs.yaml", npcs)]);
    expect![[r#"
        error: world.yaml:19:36: a query or a fragment stands in the address of a server
           |
        19 | gold: {url: ['http://host/base', 'http://host/base?api_key=*******'], model: m}
           |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: end with the path: what is asked for is put after it; give a key by reference

        error: world.yaml:20:15: a query or a fragment stands in the address of a server
           |
        20 | lead: {url: 'http://host#models', model: m}
           |             ^^^^^^^^^^^^^^^^^^^^
        hint: end with the path: what is asked for is put after it; give a key by reference

    "#]]
    .assert_eq(&found);
}

/// Whoever writes a secret by mistake gives it a name of their own.
#[test]
fn no_secret_of_any_name_is_shown() {
    for tier in [
        "{url: 'https://sk-99887766@host', model: m}",
        "{url: 'https://host/v1?api_key=sk-99887766', model: [m]}",
        "{url: me:99887766@host, model: m}",
        "{url: 'http://host', model: m, api_key: sk-99887766}",
        "{url: 'http://host', model: m, secret: AKIA99887766}",
        "{url: 'http://host', model: m, secret_access_key: [AKIA99887766], wait: x}",
        "{url: 'http://host', model: m, authToken: \"AKIA 99887766\"}",
        "{url: 'http://host', model: m, key: AKIA99887766}",
        "\n    url: http://host\n    model: m\n    key:\n      sk-99887766",
        "https://a_name_that_is_so_long_that_it_goes_on_and_on:sk-99887766@host",
        "{url: 'http://host', model: m, class: [], https://me:sk-99887766@host: x}",
    ] {
        let world = format!("{WORLD}tiers:\n  gold: {tier}\n");
        let npcs = "elder: {addressed_by: talk, tier: gold, barks: Hm.}\n";
        let found = problems(&[("world.yaml", &world), ("npcs.yaml", npcs)]);
        assert!(found.contains("error: world.yaml:") && !found.contains("99887766"), "{tier}\n{found}");
    }
    let found = problems(&[("world.yaml", &format!("{WORLD}sinks:\n  pg: 'postgres://99887766@db/x'\n"))]);
    assert!(found.contains("unknown choice `postgres://********@db/x`"), "{found}");
}

#[test]
fn a_short_file_that_grows_by_its_aliases_is_refused_at_once() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..7 {
        let previous = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
    }
    let begun = Instant::now();
    let found = problems(&[("quests/bomb.yaml", &bomb)]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    expect![[r#"
        error: quests/bomb.yaml:4:10: the aliases of this file stand for more than 1372 values
          |
        4 | a3: &a3 [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, ]
          |          ^^^
        hint: an alias (`*name`) repeats all that its anchor (`&name`) holds, with the aliases in there: name fewer of them, or make quests of a template

    "#]]
    .assert_eq(&found);
    // What repeats little is no bomb.
    let mut fair = "one: &one {title: One, stages: {s: {objectives: {o: {event: kill}}}}}\n".to_owned();
    (0..100)
        .for_each(|n| fair.push_str(&format!("other_{n}:\n  <<: *one\n  title: Another one, number {n}\n")));
    assert_eq!(problems(&[("quests/fair.yaml", &fair)]), "");
}

#[test]
fn a_row_of_a_template_that_lacks_a_value_is_one_problem() {
    let templates = "\
hunt:
  parameters: {who: {}, count: {default: 1}}
  quest: {title: 'Hunt ${who}', stages: {s: {objectives: {k: {event: kill, target: '${who}', count: '${count}'}}}}}
  quests: {hunt_wolf: {who: wolf}, hunt_bear: {}}
bare:
  quest: {title: 'Hunt ${what}', stages: {s: {objectives: {k: {event: kill}}}}}
  quests: {bare: {}}
";
    let after = "after: {title: A, requires: {quests: {hunt_bear: done}}, stages: {s: {objectives: {k: {event: kill}}}}}\n";
    expect![[r#"
        error: templates/hunts.yaml:4:36: the parameter `who` is missing
          |
        4 | quests: {hunt_wolf: {who: wolf}, hunt_bear: {}}
          |                                  ^^^^^^^^^
        hint: give it here, or give the parameter a `default`

        error: templates/hunts.yaml:6:18: the template has no parameter `what`
          |
        6 | quest: {title: 'Hunt ${what}', stages: {s: {objectives: {k: {event: kill}}}}}
          |                ^^^^^^^^^^^^^^
        hint: it has none; declare it under `parameters`

    "#]]
    .assert_eq(&problems(&[("templates/hunts.yaml", templates), ("quests/after.yaml", after)]));
}
