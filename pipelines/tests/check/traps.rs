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
        expect![[""]],
    );
    world("sinks:\nclock:\n", expect![[""]]);
}

#[test]
fn scenarios_have_the_same_traps_and_name_what_is_there() {
    expect![[""]].assert_eq(&scenarios(
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
        expect![[""]],
    );
    let rules = "cheer: {trigger: {every: {span: 1m}}, do: [{add: {fact: mood, of: small, by: 007}}]}\n";
    let sql = "CREATE VIEW high AS SELECT player, level FROM levels WHERE level >= '3';\n";
    expect![[""]].assert_eq(&problems(&[("rules.yaml", rules), ("views/high.sql", sql)]));
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
    expect![[""]].assert_eq(&found);
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
    expect![[""]].assert_eq(&found);
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
    expect![[""]].assert_eq(&problems(&[("templates/hunts.yaml", templates), ("quests/after.yaml", after)]));
}
