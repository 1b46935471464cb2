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
    quest(
        &yaml,
        expect![[r#"
        error: quests/wolves.yaml:1:16: these quests wait for each other in every way, so nobody can ever begin one: `a1` → `b1` → `a1`
          |
        1 | a1: {title: T, requires: {any: [{quests: {b1: done}}, {quests: {b1: active}}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
          |                ^^^^^^^^
        hint: give one of them a way to begin that needs none of the others

        warning: quests/wolves.yaml:3:19: `after` waits for `a1`, which is never available, and so neither is this
          |
        3 | after: {title: T, requires: {any: [{quests: {a1: done}}, {quests: {b1: active}}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
          |                   ^^^^^^^^
        hint: mend `a1` first, or let this wait for another quest

        error: quests/wolves.yaml:4:19: `alone` waits for itself in every way, so nobody can ever begin it
          |
        4 | alone: {title: T, requires: {any: [{quests: {alone: done}}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
          |                   ^^^^^^^^
        hint: give one of them a way to begin that needs none of the others

        warning: quests/wolves.yaml:9:19: nobody gets to this level: what can be earned before brings level 2 at most
          |
        9 | third: {title: T, requires: {level: {at_least: 3}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
          |                   ^^^^^^^^
        hint: ask for less, or give more `experience` for other quests

        error: quests/wolves.yaml:10:19: this never holds: the phase cannot be `day` and `night` at once
           |
        10 | never: {title: T, requires: {all: [{phase: day}, {phase: night}]}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}, effects: [{set: {fact: saved, to
           |                   ^^^^^^^^
        hint: put them into `any`, or name both in one list

        warning: quests/wolves.yaml:11:18: only `never` changes the fact `saved`, and it is never available: neither is this
           |
        11 | hero: {title: T, requires: {facts: {saved: true}}, stages: {s: {objectives: {o: {event: kill, target: wolf}}}}}
           |                  ^^^^^^^^
        hint: mend `never` first, or let something else change `saved`; a game server may write it, too

    "#]],
    );
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
        expect![[r#"
            error: quests/wolves.yaml:4:63: this has to hold for 20m, and the deadline is 10m
              |
            4 | stages: {s: {objectives: {a: {holds: {region: meadow}, for: 20m}, b: {holds: {region: meadow}, for: 10m}}}}
              |                                                             ^^^
            hint: give it more time, or ask for less

            error: quests/wolves.yaml:7:13: what has to hold takes 12m, and the deadline is 10m
              |
            7 | deadline: 10m
              |           ^^^
            hint: give it more time, or ask for less

            error: quests/wolves.yaml:14:54: 30 periods in a row take longer than the deadline, 2d
               |
            14 | stages: {s: {objectives: {a: {event: kill, streak: 30, every: {day: {at: '04:00', zone: UTC}}}, b: {event: kill, streak: 3, every: {day: {at: '04:00', zone: U
               |                                                    ^^
            hint: give it more time, or ask for less

            warning: quests/wolves.yaml:18:63: this has to hold for 20h world, and the deadline is 10m
               |
            18 | stages: {s: {objectives: {a: {holds: {region: meadow}, for: 20h world}, b: {holds: {region: meadow}, for: 10h world}}}}
               |                                                             ^^^^^^^^^
            hint: give it more time, or ask for less; world time is taken as `clock: real_seconds_per_hour` in world.yaml has it

            error: quests/wolves.yaml:24:41: this has to hold for 20h world, and by the time of the day it does for 9h world at most
               |
            24 | a: {holds: {phase: night}, for: 20h world}
               |                                 ^^^^^^^^^
            hint: give it more time, or ask for less

            error: quests/wolves.yaml:27:48: this has to hold for 16h world, and by the time of the day it does for 15h world at most
               |
            27 | d: {holds: {not: {phase: night}}, for: 16h world}
               |                                        ^^^^^^^^^
            hint: give it more time, or ask for less

            warning: quests/wolves.yaml:29:41: this has to hold for 20m, and by the time of the day it does for 9h world at most
               |
            29 | f: {holds: {phase: night}, for: 20m}
               |                                 ^^^
            hint: give it more time, or ask for less; world time is taken as `clock: real_seconds_per_hour` in world.yaml has it

        "#]],
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
    quest(
        &quests(&conditions),
        expect![[r#"
        error: quests/wolves.yaml:1:29: nothing here depends on the world, so this never holds
          |
        1 | q_00: {title: T, requires: '3 > 5', stages: {s: {objectives: {o: {event: kill}}}}}
          |                             ^^^^^
        hint: compare a fact, the level or a column with a value, or remove it

        error: quests/wolves.yaml:2:29: nothing here depends on the world, so this always holds
          |
        2 | q_01: {title: T, requires: '5 * 2 > 3 and saved', stages: {s: {objectives: {o: {event: kill}}}}}
          |                             ^^^^^^^^^
        hint: compare a fact, the level or a column with a value, or remove it

        error: quests/wolves.yaml:3:29: nothing here depends on the world, so this never holds
          |
        3 | q_02: {title: T, requires: 'mood < player.mood', stages: {s: {objectives: {o: {event: kill}}}}}
          |                             ^^^^^^^^^^^^^^^^^^
        hint: compare a fact, the level or a column with a value, or remove it

        error: quests/wolves.yaml:4:28: this never holds: it asks for `facts: mood: {"above":3}` and for the opposite
          |
        4 | q_03: {title: T, requires: 'not mood > 3 and mood > 3', stages: {s: {objectives: {o: {event: kill}}}}}
          |                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: keep one of the two, or put them into `any`

        error: quests/wolves.yaml:5:28: this never holds: it asks for `facts: saved: true` and for the opposite
          |
        5 | q_04: {title: T, requires: 'saved and not saved', stages: {s: {objectives: {o: {event: kill}}}}}
          |                            ^^^^^^^^^^^^^^^^^^^^^
        hint: keep one of the two, or put them into `any`

        error: quests/wolves.yaml:6:18: this never holds: no time of the day is left
          |
        6 | q_05: {title: T, requires: {not: {phase: [dawn, day, dusk, night]}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                  ^^^^^^^^
        hint: leave one of them in, or remove `not`

        error: quests/wolves.yaml:7:18: this never holds: it asks for `phase: night` and for the opposite
          |
        7 | q_06: {title: T, requires: {phase: night, not: {phase: [night]}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                  ^^^^^^^^
        hint: keep one of the two, or put them into `any`

        error: quests/wolves.yaml:8:18: this never holds: no time of the day is left
          |
        8 | q_07: {title: T, requires: {hours: '08:00-10:00', not: {hours: '07:00-12:00'}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                  ^^^^^^^^
        hint: leave one of them in, or remove `not`

        error: quests/wolves.yaml:9:18: this never holds: no season is left
          |
        9 | q_08: {title: T, requires: {not: {season: [spring, summer, fall, winter]}}, stages: {s: {objectives: {o: {event: kill}}}}}
          |                  ^^^^^^^^
        hint: leave one of them in, or remove `not`

        warning: quests/wolves.yaml:10:18: nobody gets to this level: what can be earned before brings level 1 at most
           |
        10 | q_09: {title: T, requires: {region: meadow, level: 3, not: {all: [{region: [meadow]}, {level: 3}]}}, stages: {s: {objectives: {o: {event: kill}}}}}
           |                  ^^^^^^^^
        hint: ask for less, or give more `experience` for other quests

        error: quests/wolves.yaml:10:18: this never holds: it asks for `level: 3` and `region: meadow` and for the opposite
           |
        10 | q_09: {title: T, requires: {region: meadow, level: 3, not: {all: [{region: [meadow]}, {level: 3}]}}, stages: {s: {objectives: {o: {event: kill}}}}}
           |                  ^^^^^^^^
        hint: keep one of the two, or put them into `any`

        error: quests/wolves.yaml:11:28: this never holds: the fact `mood` cannot be all of this at once
           |
        11 | q_10: {title: T, requires: 'mood > 3 and mood < 3', stages: {s: {objectives: {o: {event: kill}}}}}
           |                            ^^^^^^^^^^^^^^^^^^^^^^^
        hint: put the parts into `any`, or remove one

        error: quests/wolves.yaml:12:18: this never holds: the fact `mood` cannot be all of this at once
           |
        12 | q_11: {title: T, requires: {all: [{facts: {mood: 3}}, {facts: {mood: {is_not: 3}}}]}, stages: {s: {objectives: {o: {event: kill}}}}}
           |                  ^^^^^^^^
        hint: put the parts into `any`, or remove one

        error: quests/wolves.yaml:13:18: this never holds: the fact `mood` cannot be all of this at once
           |
        13 | q_12: {title: T, requires: {all: [{facts: {mood: 3}}, {facts: {mood: {one_of: [4, 5]}}}]}, stages: {s: {objectives: {o: {event: kill}}}}}
           |                  ^^^^^^^^
        hint: put the parts into `any`, or remove one

    "#]],
    );
    quest(&quests(&fine), expect![[""]]);
}
