//! Objectives: keys that do not go together, and what can never come true.

use expect_test::expect;

use crate::quest;

#[test]
fn conditions_and_events_do_not_mix() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      objectives:
        a: {title: Nothing}
        b: {event: kill, holds: {level: {at_least: 2}}, count: 3}
        c: {holds: {}}
        d: {event: kill, for: 5m}
        e: {holds: {facts: {mod: 3}}, for: 0s}
",
        expect![[r#"
            error: quests/wolves.yaml:6:9: nothing counts for `a`
              |
            6 | a: {title: Nothing}
              | ^
            hint: give it `event: <kind>`, or `holds: <condition>`

            error: quests/wolves.yaml:7:13: `event` has no meaning with `holds`
              |
            7 | b: {event: kill, holds: {level: {at_least: 2}}, count: 3}
              |     ^^^^^
            hint: an objective counts events or holds while a condition does; make two of them

            error: quests/wolves.yaml:7:57: `count` has no meaning with `holds`
              |
            7 | b: {event: kill, holds: {level: {at_least: 2}}, count: 3}
              |                                                 ^^^^^
            hint: an objective counts events or holds while a condition does; make two of them

            error: quests/wolves.yaml:8:13: an empty condition always holds, so this is done at once
              |
            8 | c: {holds: {}}
              |     ^^^^^
            hint: say what must hold, or for how long with `for: 5m`

            error: quests/wolves.yaml:9:26: `for` without `holds` has no effect
              |
            9 | d: {event: kill, for: 5m}
              |                  ^^^
            hint: it says how long `holds` must hold; for events there is `window`, or `within`

            error: quests/wolves.yaml:10:29: unknown fact `mod`
               |
            10 | e: {holds: {facts: {mod: 3}}, for: 0s}
               |                     ^^^
            hint: did you mean `mood`? facts are declared in world.yaml under `facts`

            error: quests/wolves.yaml:10:44: `for` is no time at all
               |
            10 | e: {holds: {facts: {mod: 3}}, for: 0s}
               |                                    ^^
            hint: give a span such as `5m`, or remove it

        "#]],
    );
}

#[test]
fn one_way_to_keep_what_was_counted() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      objectives:
        a: {event: kill, window: 5s, half_life: 5s}
        b: {event: kill, distinct: 2, window: 5s}
        c: {event: kill, count: 5000, window: 1h}
        d: {event: kill, count: 2, players: 3}
        e: {event: kill, half_life: 0s}
        f: {event: kill, minus: [{event: kil}]}
        g: {event: kill, min: 3, last: 2, of: weapon}
",
        expect![[r#"
            error: quests/wolves.yaml:6:38: both `window` and `half_life` are given
              |
            6 | a: {event: kill, window: 5s, half_life: 5s}
              |                              ^^^^^^^^^
            hint: what was counted is kept in one way; make two objectives, or keep one of the two

            error: quests/wolves.yaml:7:39: `window` goes with `count` and `sum` only
              |
            7 | b: {event: kill, distinct: 2, window: 5s}
              |                               ^^^^^^
            hint: use one of them, or remove `window`

            error: quests/wolves.yaml:8:39: a window that has to count up to 5000 keeps too much
              |
            8 | c: {event: kill, count: 5000, window: 1h}
              |                               ^^^^^^
            hint: count at most 1000 in a window, or use `half_life`

            error: quests/wolves.yaml:9:36: `players` in a quest of one player
              |
            9 | d: {event: kill, count: 2, players: 3}
              |                            ^^^^^^^
            hint: give the quest another scope, or remove it

            error: quests/wolves.yaml:10:37: `half_life` is no time at all
               |
            10 | e: {event: kill, half_life: 0s}
               |                             ^^
            hint: give a span such as `30s`

            error: quests/wolves.yaml:11:42: unknown kind of event `kil`
               |
            11 | f: {event: kill, minus: [{event: kil}]}
               |                                  ^^^
            hint: did you mean `kill`? kinds are declared in world.yaml under `kinds`

            error: quests/wolves.yaml:12:34: both `min` and `last` are given
               |
            12 | g: {event: kill, min: 3, last: 2, of: weapon}
               |                          ^^^^
            hint: an objective adds up in one way; make two objectives, or keep one of the two

            error: quests/wolves.yaml:12:47: the attribute `weapon` is not a number
               |
            12 | g: {event: kill, min: 3, last: 2, of: weapon}
               |                                       ^^^^^^
            hint: `sum`, `max`, `min` and `last` need one; `distinct` takes any

        "#]],
    );
}

#[test]
fn streaks_and_sets_need_what_they_are_of() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      objectives:
        a: {event: kill, streak: 3}
        b: {event: kill, every: {world_day: {}}}
        c: {event: kill, streak: 3, every: {day: {at: '25:00', zone: Atlantis}}}
        d: {event: kill, percent: 80}
        e: {event: kill, target: elder, percent: 120}
        f: {event: kill, streak: 3, of: damage, every: {world_day: {}}}
",
        expect![[r#"
            error: quests/wolves.yaml:6:26: a streak of what
              |
            6 | a: {event: kill, streak: 3}
              |                  ^^^^^^
            hint: give `every: {world_day: {}}` or `every: {day: {at: "04:00", zone: UTC}}`

            error: quests/wolves.yaml:7:26: `every` without `streak` has no effect
              |
            7 | b: {event: kill, every: {world_day: {}}}
              |                  ^^^^^
            hint: write `streak: 7` for seven in a row, or remove it

            error: quests/wolves.yaml:8:55: `25:00` is no time of day
              |
            8 | c: {event: kill, streak: 3, every: {day: {at: '25:00', zone: Atlantis}}}
              |                                               ^^^^^^^
            hint: write hours and minutes in quotes: `"07:30"`

            error: quests/wolves.yaml:8:70: unknown time zone `Atlantis`
              |
            8 | c: {event: kill, streak: 3, every: {day: {at: '25:00', zone: Atlantis}}}
              |                                                              ^^^^^^^^
            hint: use a name of the IANA database, such as `Europe/Berlin` or `UTC`

            error: quests/wolves.yaml:9:26: a percentage of what
              |
            9 | d: {event: kill, percent: 80}
              |                  ^^^^^^^
            hint: name the tag of the set: `target: landmark`

            error: quests/wolves.yaml:10:34: `elder` is an entity, and `percent` is of all that carry a tag
               |
            10 | e: {event: kill, target: elder, percent: 120}
               |                          ^^^^^
            hint: give the entities of the set a tag in entities.yaml and name that, or use `distinct`

            error: quests/wolves.yaml:10:50: 120 percent of a set cannot be done
               |
            10 | e: {event: kill, target: elder, percent: 120}
               |                                          ^^^
            hint: give at most 100

            error: quests/wolves.yaml:11:41: `of` has no meaning for `streak`
               |
            11 | f: {event: kill, streak: 3, of: damage, every: {world_day: {}}}
               |                                 ^^^^^^
            hint: use `sum`, `distinct`, `max`, `min` or `last` with it, or remove it

        "#]],
    );
}

#[test]
fn what_comes_after_what_and_stays_how_long() {
    quest(
        "wolves:
  title: Wolves
  stages:
    hunt:
      times: 0
      reset_on: [{event: kill, region: medow}]
      objectives:
        a: {event: kill, after: bb}
        b: {event: kill, after: b}
        c: {event: kill, after: d, within: 5m world}
        d: {event: kill, after: c}
        e: {event: kill, latched: false}
        f: {event: kill, since: ever, lifetime: kills, window: 3s}
    steps:
      complete: strict_sequence
      objectives:
        a: {event: kill, last: 3, latched: false}
        b: {event: kill, after: a}
",
        expect![[r#"
            error: quests/wolves.yaml:5:14: `times: 0` is done before it begins
              |
            5 | times: 0
              |        ^
            hint: give at least 1

            error: quests/wolves.yaml:6:40: unknown region `medow`
              |
            6 | reset_on: [{event: kill, region: medow}]
              |                                  ^^^^^
            hint: did you mean `meadow`? regions are declared in world.yaml under `regions`

            error: quests/wolves.yaml:8:33: unknown objective `bb`
              |
            8 | a: {event: kill, after: bb}
              |                         ^^
            hint: did you mean `b`? it names an objective of the same stage: b, c, d, e, f

            error: quests/wolves.yaml:9:33: `b` comes after itself
              |
            9 | b: {event: kill, after: b}
              |                         ^
            hint: name another objective of the stage

            error: quests/wolves.yaml:10:33: these objectives wait for each other: `c` → `d` → `c`
               |
            10 | c: {event: kill, after: d, within: 5m world}
               |                         ^
            hint: one of them must count from the start

            error: quests/wolves.yaml:10:44: the time after another objective is real time
               |
            10 | c: {event: kill, after: d, within: 5m world}
               |                                    ^^^^^^^^
            hint: write it without `world`

            error: quests/wolves.yaml:12:26: what is counted here never falls, so `latched: false` has no effect
               |
            12 | e: {event: kill, latched: false}
               |                  ^^^^^^^
            hint: remove it; it goes with `holds`, `window`, `minus`, `last`, `percent` and `everyone`

            error: quests/wolves.yaml:13:33: `since: ever` counts only
               |
            13 | f: {event: kill, since: ever, lifetime: kills, window: 3s}
               |                         ^^^^
            hint: use `count`; a lifetime counter adds up amounts

            error: quests/wolves.yaml:13:49: unknown lifetime counter `kills`
               |
            13 | f: {event: kill, since: ever, lifetime: kills, window: 3s}
               |                                         ^^^^^
            hint: lifetime counters are declared in world.yaml under `lifetime`

            error: quests/wolves.yaml:17:35: a step of a sequence stays done
               |
            17 | a: {event: kill, last: 3, latched: false}
               |                           ^^^^^^^
            hint: remove it; `reset_on` of the stage sets steps back

            error: quests/wolves.yaml:18:26: `after` in a sequence
               |
            18 | b: {event: kill, after: a}
               |                  ^^^^^
            hint: a sequence has an order already; remove it, or use `complete: all`

        "#]],
    );
}
