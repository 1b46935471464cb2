//! Quests: what they count, ask for and give.

use expect_test::expect;

use crate::quest;

#[test]
fn objectives_that_cannot_be_are_refused() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      complete: {at_least: 3}
      objectives:
        a: {event: kill, count: 5, distinct: 2}
        b: {event: kill, count: 0}
        c: {event: kill, optional: true, hidden_until: [d]}
        d: {event: kill, optional: true, hidden_until: [c, e, d]}
    rest:
      objectives: {}
",
        expect![[r#"
            error: quests/wolves.yaml:5:28: the stage `hunt` asks for 3 objectives and has 2
              |
            5 | complete: {at_least: 3}
              |                      ^
            hint: 2 of its objectives are not optional; ask for at most 2, or use `complete: all`

            error: quests/wolves.yaml:7:36: both `count` and `distinct` are given
              |
            7 | a: {event: kill, count: 5, distinct: 2}
              |                            ^^^^^^^^
            hint: an objective adds up in one way; make two objectives, or keep one of the two

            error: quests/wolves.yaml:8:33: `count: 0` is done before it begins
              |
            8 | b: {event: kill, count: 0}
              |                         ^
            hint: give at least 1

            error: quests/wolves.yaml:9:42: these objectives wait for each other: `c` → `d` → `c`
              |
            9 | c: {event: kill, optional: true, hidden_until: [d]}
              |                                  ^^^^^^^^^^^^
            hint: one of them must be visible from the start

            error: quests/wolves.yaml:10:60: unknown objective `e`
               |
            10 | d: {event: kill, optional: true, hidden_until: [c, e, d]}
               |                                                    ^
            hint: did you mean `a`? it names objectives of the same stage: a, b, c

            error: quests/wolves.yaml:10:63: `d` is hidden until it is done itself
               |
            10 | d: {event: kill, optional: true, hidden_until: [c, e, d]}
               |                                                       ^
            hint: name another objective of the stage

            error: quests/wolves.yaml:12:7: the stage `rest` has no objectives
               |
            12 | objectives: {}
               | ^^^^^^^^^^
            hint: give at least one

        "#]],
    );
}

#[test]
fn counting_from_before_acceptance_needs_a_counter() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      objectives:
        a: {event: kill, since: ever}
        b: {event: kill, since: reset, lifetime: kills}
        c: {event: kill, lifetime: kills}
",
        expect![[r#"
            error: quests/wolves.yaml:6:33: `since: ever` needs a lifetime counter
              |
            6 | a: {event: kill, since: ever}
              |                         ^^^^
            hint: events before acceptance are gone unless world.yaml counts them: declare it under `lifetime` and name it with `lifetime: <name>`

            error: quests/wolves.yaml:7:33: `since: reset` in a quest that has no reset
              |
            7 | b: {event: kill, since: reset, lifetime: kills}
              |                         ^^^^^
            hint: add `repeat: {daily: ...}` or `repeat: {weekly: ...}`

            error: quests/wolves.yaml:7:50: unknown lifetime counter `kills`
              |
            7 | b: {event: kill, since: reset, lifetime: kills}
              |                                          ^^^^^
            hint: lifetime counters are declared in world.yaml under `lifetime`

            error: quests/wolves.yaml:8:26: `lifetime` without `since` has no effect
              |
            8 | c: {event: kill, lifetime: kills}
              |                  ^^^^^^^^
            hint: add `since: ever` or `since: reset`, or remove it

        "#]],
    );
}

#[test]
fn gates_name_what_the_world_has() {
    quest(
        "wolves:
  title: Wolves
  requires:
    phase: midnight
    season: [spring, autumn]
    moon: {moon: fulll, luna: full}
    weather: {kind: rian, intensity: {at_least: 30}}
    quests: {wovles: done}
  stages:
    hunt: {objectives: {a: {event: kil, when: {hours: 20-6}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:4:12: unknown phase of the day `midnight`
              |
            4 | phase: midnight
              |        ^^^^^^^^
            hint: phases are declared in world.yaml under `clock: phases`: `dawn`, `day`, `dusk`, `night`

            error: quests/wolves.yaml:5:22: unknown season `autumn`
              |
            5 | season: [spring, autumn]
              |                  ^^^^^^
            hint: seasons are declared in world.yaml under `clock: calendar: seasons`: `fall`, `spring`, `summer`, `winter`

            error: quests/wolves.yaml:6:18: unknown phase of the moon `fulll`
              |
            6 | moon: {moon: fulll, luna: full}
              |              ^^^^^
            hint: did you mean `full`? `moon` has the phases new, waxing_crescent, first_quarter, waxing_gibbous, full, waning_gibbous, last_quarter, waning_crescent

            error: quests/wolves.yaml:6:25: unknown moon `luna`
              |
            6 | moon: {moon: fulll, luna: full}
              |                     ^^^^
            hint: moons are declared in world.yaml under `clock: calendar: moons`: `moon`

            error: quests/wolves.yaml:7:21: unknown weather `rian`
              |
            7 | weather: {kind: rian, intensity: {at_least: 30}}
              |                 ^^^^
            hint: did you mean `rain`? states of the weather are declared in climates/

            error: quests/wolves.yaml:7:49: an intensity of 30
              |
            7 | weather: {kind: rian, intensity: {at_least: 30}}
              |                                             ^^
            hint: it lies between 0 and 1

            error: quests/wolves.yaml:8:14: unknown quest `wovles`
              |
            8 | quests: {wovles: done}
              |          ^^^^^^
            hint: did you mean `wolves`? quests are declared in quests/

            error: quests/wolves.yaml:10:36: unknown kind of event `kil`
               |
            10 | hunt: {objectives: {a: {event: kil, when: {hours: 20-6}}}}
               |                                ^^^
            hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

            error: quests/wolves.yaml:10:55: `20-6` is not a range of hours
               |
            10 | hunt: {objectives: {a: {event: kil, when: {hours: 20-6}}}}
               |                                                   ^^^^
            hint: write for example `20:00-06:00`

        "#]],
    );
}

#[test]
fn quests_that_require_each_other_are_found() {
    quest(
        "a: {title: A, requires: {quests: {c: done}}, stages: {s: {objectives: {o: {event: kill}}}}}
b: {title: B, requires: {all: [{quests: {a: done}}]}, stages: {s: {objectives: {o: {event: kill}}}}}
c: {title: C, requires: {quests: {b: [active, done]}}, stages: {s: {objectives: {o: {event: kill}}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:1:26: these quests require each other, so none is ever available: `a` → `c` → `b` → `a`
              |
            1 | a: {title: A, requires: {quests: {c: done}}, stages: {s: {objectives: {o: {event: kill}}}}}
              |                          ^^^^^^
            hint: remove one of the requirements

        "#]],
    );
}

#[test]
fn rewards_repeats_and_time_zones() {
    quest(
        "wolves:
  title: Wolves
  stages: {hunt: {objectives: {a: {event: kill}}}}
  repeat: {weekly: {day: monday, at: \"25:00\", zone: Europe/Belrin}}
  exclusive_group: paths
  rewards:
    experience: 0
    to: {finisher: {}}
    slots:
      experience: {item: gold}
      Gold: {item: gold coin, amount: 0}
",
        expect![[r#"
            error: quests/wolves.yaml:4:38: `25:00` is no time of day
              |
            4 | repeat: {weekly: {day: monday, at: "25:00", zone: Europe/Belrin}}
              |                                    ^^^^^^^
            hint: write hours and minutes in quotes: `"07:30"`

            error: quests/wolves.yaml:4:53: unknown time zone `Europe/Belrin`
              |
            4 | repeat: {weekly: {day: monday, at: "25:00", zone: Europe/Belrin}}
              |                                                   ^^^^^^^^^^^^^
            hint: did you mean `Europe/Berlin`? use a name of the IANA database, such as `Europe/Berlin` or `UTC`

            warning: quests/wolves.yaml:5:20: `wolves` is alone in the group `paths`
              |
            5 | exclusive_group: paths
              |                  ^^^^^
            hint: a group excludes its other quests; give another quest the same group

            error: quests/wolves.yaml:7:17: a reward of 0 experience
              |
            7 | experience: 0
              |             ^
            hint: give at least 1, or remove it

            warning: quests/wolves.yaml:8:5: `to` has no effect on a quest of one player
              |
            8 | to: {finisher: {}}
              | ^^
            hint: remove it, or give the quest another scope

            error: quests/wolves.yaml:10:7: the slot `experience` is taken
               |
            10 | experience: {item: gold}
               | ^^^^^^^^^^
            hint: give experience with `rewards: {experience: 100}`, or name the slot otherwise

            error: quests/wolves.yaml:11:7: the reward slot id `Gold` has a `G` in it
               |
            11 | Gold: {item: gold coin, amount: 0}
               | ^^^^
            hint: use lower-case letters, digits, `_`, `.` and `-`

            error: quests/wolves.yaml:11:20: the item id `gold coin` has a ` ` in it
               |
            11 | Gold: {item: gold coin, amount: 0}
               |              ^^^^^^^^^
            hint: use letters, digits, `_`, `.` and `-`

            error: quests/wolves.yaml:11:39: the slot `Gold` gives 0
               |
            11 | Gold: {item: gold coin, amount: 0}
               |                                 ^
            hint: give at least 1, or remove the slot

        "#]],
    );
}

#[test]
fn what_is_moved_is_moved_from_what_is_gone_and_once() {
    quest(
        "wolves:
  title: Wolves
  moved_from: wolves
  stages:
    hunt:
      moved_from: rest
      objectives:
        a: {moved_from: b, event: kill}
        b: {moved_from: gone, event: kill, count: 2}
        c: {moved_from: gone, event: kill, count: 3}
    rest:
      objectives: {d: {event: kill, moved_from: A rest}}
  rewards: {slots: {pay: {item: gold, moved_from: wage}, wage: {item: gold}}}
",
        expect![[r#"
            error: quests/wolves.yaml:3:15: `wolves` is moved from the quest `wolves`, which is still there
              |
            3 | moved_from: wolves
              |             ^^^^^^
            hint: name the id that it had before, or remove `moved_from`

            error: quests/wolves.yaml:6:19: `hunt` is moved from the stage `rest`, which is still there
              |
            6 | moved_from: rest
              |             ^^^^
            hint: remove `rest`, or `moved_from`

            error: quests/wolves.yaml:8:25: `a` is moved from the objective `b`, which is still there
              |
            8 | a: {moved_from: b, event: kill}
              |                 ^
            hint: remove `b`, or `moved_from`

            error: quests/wolves.yaml:10:25: `b` and `c` are both moved from the objective `gone`
               |
            10 | c: {moved_from: gone, event: kill, count: 3}
               |                 ^^^^
            hint: only one can go on as it; remove `moved_from` from the other

            error: quests/wolves.yaml:12:49: the objective id `A rest` has a `A` in it
               |
            12 | objectives: {d: {event: kill, moved_from: A rest}}
               |                                           ^^^^^^
            hint: use lower-case letters, digits, `_`, `.` and `-`

            error: quests/wolves.yaml:13:51: `pay` is moved from the reward slot `wage`, which is still there
               |
            13 | rewards: {slots: {pay: {item: gold, moved_from: wage}, wage: {item: gold}}}
               |                                                 ^^^^
            hint: remove `wage`, or `moved_from`

        "#]],
    );
}

/// What is missing or wrong in one place is not held against what is written in another.
#[test]
fn a_key_that_is_missing_hides_nothing() {
    quest(
        "wolves:
  stages:
    s: {complete: {at_least: 3}, objectives: {a: {event: kill}, b: {event: talk}}}
    t: {complete: {at_least: 3}, objectives: {a: {event: kill}, b: 5}}
    u: {complete: {at_least: 3}}
bears:
  titel: B
  title: B
  stages: {s: {complete: {at_least: 2}, objectives: {a: {event: kill}}}, t: {objectives: {a: {title: A}}}}
",
        expect![[r#"
            error: quests/wolves.yaml:1:1: `title` is missing
              |
            1 | wolves:
              | ^^^^^^
            hint: add `title:` here

            error: quests/wolves.yaml:3:30: the stage `s` asks for 3 objectives and has 2
              |
            3 | s: {complete: {at_least: 3}, objectives: {a: {event: kill}, b: {event: talk}}}
              |                          ^
            hint: 2 of its objectives are not optional; ask for at most 2, or use `complete: all`

            error: quests/wolves.yaml:4:68: expected a map, found the number 5
              |
            4 | t: {complete: {at_least: 3}, objectives: {a: {event: kill}, b: 5}}
              |                                                                ^

            error: quests/wolves.yaml:5:5: `objectives` is missing
              |
            5 | u: {complete: {at_least: 3}}
              | ^
            hint: add `objectives:` here

            error: quests/wolves.yaml:7:3: unknown key `titel`
              |
            7 | titel: B
              | ^^^^^
            hint: did you mean `title`? it may be `title`, `roles`, `scope`, `accept`, `turn_in`, `requires`, `exclusive_group`, `credit`, `pool`, `window`, `deadline`, `fail_on`, `fail_when`, `repeat`, `stages`, `rewards`, `effects` or `moved_from`

            error: quests/wolves.yaml:9:37: the stage `s` asks for 2 objectives and has 1
              |
            9 | stages: {s: {complete: {at_least: 2}, objectives: {a: {event: kill}}}, t: {objectives: {a: {title: A}}}}
              |                                   ^
            hint: 1 of its objectives are not optional; ask for at most 1, or use `complete: all`

            error: quests/wolves.yaml:9:91: nothing counts for `a`
              |
            9 | stages: {s: {complete: {at_least: 2}, objectives: {a: {event: kill}}}, t: {objectives: {a: {title: A}}}}
              |                                                                                         ^
            hint: give it `event: <kind>`, or `holds: <condition>`

        "#]],
    );
}
