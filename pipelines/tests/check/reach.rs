//! What nobody can ever begin, and what cannot be done in the time there is.

use expect_test::expect;

use crate::{problems, quest};

#[test]
fn a_quest_that_nobody_can_ever_begin() {
    let stages = "stages: {s: {objectives: {o: {event: kill, target: wolf}}}}";
    let quests = [
        ("a1", "{any: [{quests: {b1: done}}, {quests: {b1: active}}]}", ""),
        ("b1", "{quests: {a1: done}}", ""),
        ("after", "{any: [{quests: {a1: done}}, {quests: {b1: active}}]}", ""),
        ("alone", "{any: [{quests: {alone: done}}]}", ""),
        ("way_out", "{any: [{quests: {free: done}}, {quests: {way_in: done}}]}", ""),
        ("way_in", "{quests: {way_out: done}}", ""),
        ("free", "{}", "rewards: {experience: 100}"),
        ("second", "{level: {at_least: 2}}", "rewards: {experience: 100}"),
        ("third", "{level: {at_least: 3}}", ""),
        ("never", "{all: [{phase: day}, {phase: night}]}", "effects: [{set: {fact: saved, to: true}}]"),
        ("hero", "{facts: {saved: true}}", ""),
        ("other", "{facts: {mood: {at_least: 3}}}", ""),
    ];
    let mut yaml = String::new();
    for (id, requires, more) in quests {
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        yaml.push_str(&format!("{id}: {{title: T, requires: {requires}, {stages}{more}}}\n"));
    }
    quest(&yaml, expect![[""]]);
    // Whoever can do it again earns again.
    let again = yaml.replace("requires: {}, ", "repeat: {always: {}}, ");
    assert!(!problems(&[("quests/a.yaml", &again)]).contains("nobody gets to this level"));
}

#[test]
fn a_long_chain_of_quests_is_gone_through_once() {
    let mut yaml = "q_0: {title: T, stages: {s: {objectives: {o: {event: kill}}}}}\n".to_owned();
    for n in 1..3_000 {
        let (before, stages) = (n - 1, "{s: {objectives: {o: {event: kill}}}}");
        yaml.push_str(&format!(
            "q_{n}: {{title: T, requires: {{any: [{{quests: {{q_{before}: done}}}}]}}, stages: {stages}}}\n"
        ));
    }
    assert_eq!(problems(&[("quests/chain.yaml", &yaml)]), "");
}

#[test]
fn what_takes_longer_than_there_is_time_for() {
    quest(
        "\
short:
  title: Short
  deadline: 10m
  stages: {s: {objectives: {a: {holds: {region: meadow}, for: 20m}, b: {holds: {region: meadow}, for: 10m}}}}
stages:
  title: Stages
  deadline: 10m
  stages:
    one: {objectives: {a: {holds: {region: meadow}, for: 6m}}}
    two: {objectives: {a: {holds: {region: forest}, for: 6m}}}
streak:
  title: Streak
  deadline: 2d
  stages: {s: {objectives: {a: {event: kill, streak: 30, every: {day: {at: '04:00', zone: UTC}}}, b: {event: kill, streak: 3, every: {day: {at: '04:00', zone: UTC}}}}}}
mixed:
  title: Mixed
  deadline: 10m
  stages: {s: {objectives: {a: {holds: {region: meadow}, for: 20h world}, b: {holds: {region: meadow}, for: 10h world}}}}
night:
  title: Night
  stages:
    s:
      objectives:
        a: {holds: {phase: night}, for: 20h world}
        b: {holds: {phase: [dusk, night, dawn]}, for: 13h world}
        c: {holds: {any: [{phase: night}, {hours: '04:00-08:00'}]}, for: 12h world}
        d: {holds: {not: {phase: night}}, for: 16h world}
        e: {holds: {phase: night}, for: 9h world}
        f: {holds: {phase: night}, for: 20m}
",
        expect![[""]],
    );
}

#[test]
fn a_condition_that_contradicts_itself_or_needs_no_world() {
    let conditions = [
        "'3 > 5'",
        "'5 * 2 > 3 and saved'",
        "'mood < player.mood'",
        "'not mood > 3 and mood > 3'",
        "'saved and not saved'",
        "{not: {phase: [dawn, day, dusk, night]}}",
        "{phase: night, not: {phase: [night]}}",
        "{hours: '08:00-10:00', not: {hours: '07:00-12:00'}}",
        "{not: {season: [spring, summer, fall, winter]}}",
        "{region: meadow, level: 3, not: {all: [{region: [meadow]}, {level: 3}]}}",
        "'mood > 3 and mood < 3'",
        "{all: [{facts: {mood: 3}}, {facts: {mood: {is_not: 3}}}]}",
        "{all: [{facts: {mood: 3}}, {facts: {mood: {one_of: [4, 5]}}}]}",
    ];
    let fine = [
        "{not: {phase: [dawn, day]}}",
        "{region: meadow, not: {region: forest}}",
        "{phase: night, not: {phase: night, level: 3}}",
        "{any: [{phase: night}, {not: {phase: night}}]}",
        "{not: {region: [meadow, forest]}}",
        "'mood >= 3 and mood <= 3 and mood + 1 > 3'",
        "{all: [{facts: {mood: {at_least: 3}}}, {facts: {mood: {is_not: 3}}}]}",
    ];
    let stages = "stages: {s: {objectives: {o: {event: kill}}}}";
    let quests = |conditions: &[&str]| -> String {
        let quests = conditions.iter().enumerate();
        quests.map(|(n, when)| format!("q_{n:02}: {{title: T, requires: {when}, {stages}}}\n")).collect()
    };
    quest(&quests(&conditions), expect![[""]]);
    quest(&quests(&fine), expect![[""]]);
}
