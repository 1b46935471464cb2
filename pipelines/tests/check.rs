//! Wrong worlds and exactly what `check` says about them.

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

fn problems(files: &[(&str, &str)]) -> String {
    let mut all = vec![("world.yaml", WORLD), ("climates/mild.yaml", CLIMATE)];
    all.retain(|(path, _)| !files.iter().any(|(other, _)| other == path));
    all.extend(files);
    check(&Folder::of(all)).to_string()
}

fn quest(yaml: &str, expected: Expect) {
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
            hint: did you mean `title`? it may be `title`, `scope`, `accept`, `turn_in`, `requires`, `exclusive_group`, `deadline`, `fail_on`, `fail_when`, `repeat`, `stages`, `rewards` or `effects`

            error: quests/wolves.yaml:3:10: unknown choice `partie`
              |
            3 | scope: partie
              |        ^^^^^^
            hint: did you mean `party`? it may be `player`, `party`, `guild`, `account`, `region`, `instance` or `realm`

            error: quests/wolves.yaml:4:13: `5 parsecs` is not a span of time; write for example `90s`, `1h30m`, `2d` or `6h world`
              |
            4 | deadline: 5 parsecs
              |           ^^^^^^^^^

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
            hint: did you mean `count`? it may be `title`, `event`, `target`, `region`, `where`, `when`, `within`, `count`, `sum`, `distinct`, `max`, `of`, `optional`, `hidden_until`, `since` or `lifetime`

            error: quests/wolves.yaml:11:36: expected a whole number from 0 to 4294967295, found the number -3
               |
            11 | bear: {event: kill, count: -3}
               |                            ^^

            error: quests/wolves.yaml:12:28: expected a whole number from 0 to 4294967295, found the text `two`
               |
            12 | complete: {at_least: two}
               |                      ^^^

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
            hint: did you mean `done`? it may be `hidden`, `available`, `active`, `ready`, `done`, `failed`, `expired` or `abandoned`

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
            hint: `sum` and `max` need one; `distinct` takes any

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
            hint: phases are declared in world.yaml under `clock: phases`

            error: quests/wolves.yaml:5:22: unknown season `autumn`
              |
            5 | season: [spring, autumn]
              |                  ^^^^^^
            hint: seasons are declared in world.yaml under `clock: calendar: seasons`

            error: quests/wolves.yaml:6:18: unknown phase of the moon `fulll`
              |
            6 | moon: {moon: fulll, luna: full}
              |              ^^^^^
            hint: did you mean `full`? `moon` has the phases new, waxing_crescent, first_quarter, waxing_gibbous, full, waning_gibbous, last_quarter, waning_crescent

            error: quests/wolves.yaml:6:25: unknown moon `luna`
              |
            6 | moon: {moon: fulll, luna: full}
              |                     ^^^^
            hint: moons are declared in world.yaml under `clock: calendar: moons`

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

            error: quests/wolves.yaml:10:55: `20-6` is not a range of hours; write for example `20:00-06:00`
               |
            10 | hunt: {objectives: {a: {event: kil, when: {hours: 20-6}}}}
               |                                                   ^^^^

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
            hint: give experience with `rewards: {experience: 100}`

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
fn streams() {
    world(
        "sources:
  good: {kinesis: {stream: events, region: eu-central-1, start: latest}}
  bad:
    kinesis:
      stream: my events
      region: ''
      endpoint: 'http://me:secret@host'
      start: {at: monday}
      time: {event: {lateness: 1h world}}
      producer: server-1
      map: no.yaml
      credentials: {access_key: AKIA, secret_key: '${SECRET}', session_token: abc}
  odd: {kinesis: {stream: events, start: now}}
",
        expect![[r#"
            error: world.yaml:22:15: `my events` is no name of a stream
               |
            22 | stream: my events
               |         ^^^^^^^^^
            hint: letters, digits, `_`, `-` and `.`, at most 128 of them

            error: world.yaml:23:15: `` is no region
               |
            23 | region: ''
               |         ^^
            hint: write for example `eu-central-1`

            error: world.yaml:24:17: a password stands in this address
               |
            24 | endpoint: 'http://me:secret@host'
               |           ^^^^^^^^^^^^^^^^^^^^^^^
            hint: give keys by reference, under `credentials:`

            error: world.yaml:25:19: failed to parse four digit integer as year: invalid digit, expected 0-9 but got m
               |
            25 | start: {at: monday}
               |             ^^^^^^
            hint: write for example `2026-03-01T12:00:00Z`

            error: world.yaml:26:32: events are late by real time
               |
            26 | time: {event: {lateness: 1h world}}
               |                          ^^^^^^^^
            hint: leave out `world`

            error: world.yaml:27:17: the mapping says who the producer is
               |
            27 | producer: server-1
               |           ^^^^^^^^
            hint: the mapping's `source` is the producer; leave this out

            error: world.yaml:28:12: there is no file `no.yaml`
               |
            28 | map: no.yaml
               |      ^^^^^^^
            hint: the path is relative to the world folder

            error: world.yaml:29:33: a secret stands here in the clear
               |
            29 | credentials: {access_key: AKIA, secret_key: '${SECRET}', session_token: abc}
               |                           ^^^^
            hint: give it by reference, `access_key: ${AWS_ACCESS_KEY}`, and put it in the environment

            error: world.yaml:29:79: a secret stands here in the clear
               |
            29 | credentials: {access_key: AKIA, secret_key: '${SECRET}', session_token: abc}
               |                                                                         ^^^
            hint: give it by reference, `session_token: ${AWS_SESSION_TOKEN}`, and put it in the environment

            error: world.yaml:30:42: unknown choice `now`
               |
            30 | odd: {kinesis: {stream: events, start: now}}
               |                                        ^^^
            hint: it may be `trim_horizon`, `latest` or `at`

        "#]],
    );
}

#[test]
fn the_world_file() {
    world(
        "tick_ms: 0
clock: {start: monday, phases: {dawn: {from: '05:00'}, day: {from: '04:00'}}}
tiers:
  gold: {url: 'http://me:secret@host', model: m, key: sk-123}
sinks:
  db: {sqlite: {path: ../db.sqlite, views: [clock, quest_stat]}}
  pg: {postgres: {url: 'postgres://me:secret@host/db'}}
lifetime:
  kills: {pattern: {event: kill, target: wofl}}
",
        expect![[r#"
            error: world.yaml:18:10: a tick of 0 ms
               |
            18 | tick_ms: 0
               |          ^
            hint: a tick is 1 to 1000 milliseconds long; 10 suits most games

            error: world.yaml:19:16: `monday` is no moment of world time
               |
            19 | clock: {start: monday, phases: {dawn: {from: '05:00'}, day: {from: '04:00'}}}
               |                ^^^^^^
            hint: write a day from 1 and a time: `1 07:00`

            error: world.yaml:19:68: `day` does not begin after the phase before it
               |
            19 | clock: {start: monday, phases: {dawn: {from: '05:00'}, day: {from: '04:00'}}}
               |                                                                    ^^^^^^^
            hint: list phases by their time of day

            warning: world.yaml:21:3: no npc asks the tier `gold`
               |
            21 | gold: {url: 'http://me:secret@host', model: m, key: sk-123}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:21:15: a password stands in this address
               |
            21 | gold: {url: 'http://me:secret@host', model: m, key: sk-123}
               |             ^^^^^^^^^^^^^^^^^^^^^^^
            hint: give the key by reference: `key: ${TIER_KEY}`

            error: world.yaml:21:55: a secret stands here in the clear
               |
            21 | gold: {url: 'http://me:secret@host', model: m, key: sk-123}
               |                                                     ^^^^^^
            hint: give it by reference, `key: ${TIER_KEY}`, and put it in the environment

            error: world.yaml:23:23: `../db.sqlite` lies outside the data folder
               |
            23 | db: {sqlite: {path: ../db.sqlite, views: [clock, quest_stat]}}
               |                     ^^^^^^^^^^^^
            hint: give a file name such as `world.sqlite`

            error: world.yaml:23:52: unknown view `quest_stat`
               |
            23 | db: {sqlite: {path: ../db.sqlite, views: [clock, quest_stat]}}
               |                                                  ^^^^^^^^^^
            hint: did you mean `quest_state`? `worldflow views` lists them

            error: world.yaml:24:24: a secret stands here in the clear
               |
            24 | pg: {postgres: {url: 'postgres://me:secret@host/db'}}
               |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: give the address by reference, `url: ${WORLDFLOW_POSTGRES}`, and put it in the environment

            warning: world.yaml:26:3: no objective reads the counter `kills`
               |
            26 | kills: {pattern: {event: kill, target: wofl}}
               | ^^^^^
            hint: a counter costs memory for every holder; use it with `since: ever`, or remove it

            error: world.yaml:26:42: unknown target `wofl`
               |
            26 | kills: {pattern: {event: kill, target: wofl}}
               |                                        ^^^^
            hint: did you mean `wolf`? targets are declared in entities.yaml, as ids or tags

        "#]],
    );
}

#[test]
fn what_is_kept_of_the_past_is_in_real_time_and_enough() {
    world(
        "journal: {keep: 2d world, at_most: 5 MB}
",
        expect![[r#"
            error: world.yaml:18:17: `keep: 2d world` is in world time
               |
            18 | journal: {keep: 2d world, at_most: 5 MB}
               |                 ^^^^^^^^
            hint: what is kept of the past is in real time: leave out `world`

            error: world.yaml:18:36: `at_most: 5 MB` is too little
               |
            18 | journal: {keep: 2d world, at_most: 5 MB}
               |                                    ^^^^
            hint: give at least 200 MB: two snapshots and some segments

        "#]],
    );
    world("journal: {keep: 90d, at_most: 1 TB}\n", expect![""]);
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
fn climates_npcs_and_schedules() {
    expect![[r#"
        error: climates/mild.yaml:2:22: `intensity` is 3
          |
        2 | clear: {intensity: 3, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
          |                    ^
        hint: it lies between 0 and 1

        error: climates/mild.yaml:3:9: `change` is 5
          |
        3 | change: 5
          |         ^
        hint: it lies between 0 and 1

        error: climates/mild.yaml:4:1: the season `fall` has no weather
          |
        4 | seasons:
          | ^^^^^^^
        hint: every season of the calendar needs its chain

        error: climates/mild.yaml:4:1: the season `summer` has no weather
          |
        4 | seasons:
          | ^^^^^^^
        hint: every season of the calendar needs its chain

        error: climates/mild.yaml:4:1: the season `winter` has no weather
          |
        4 | seasons:
          | ^^^^^^^
        hint: every season of the calendar needs its chain

        error: climates/mild.yaml:5:19: unknown state `claer`
          |
        5 | spring: {start: claer, temperature_c: [18, 8], next: {}}
          |                 ^^^^^
        hint: did you mean `clear`? states are declared above, under `states`

        error: climates/mild.yaml:5:26: temperatures from 18 to 8 °C
          |
        5 | spring: {start: claer, temperature_c: [18, 8], next: {}}
          |                        ^^^^^^^^^^^^^
        hint: the lowest comes first; -100 to 100

        error: climates/mild.yaml:5:50: no state has a weight
          |
        5 | spring: {start: claer, temperature_c: [18, 8], next: {}}
          |                                                ^^^^
        hint: give at least one state a weight of 1 or more

        error: climates/mild.yaml:6:3: unknown season `sumer`
          |
        6 | sumer: {start: clear, temperature_c: [8, 18], next: {clear: 1}}
          | ^^^^^
        hint: did you mean `summer`? seasons are declared in world.yaml under `clock: calendar: seasons`

        error: climates/mild.yaml:7:24: unknown state `fog`
          |
        7 | phases: {dusk: {state: fog, chance: 0.5}}
          |                        ^^^
        hint: states are declared above, under `states`

        error: npcs.yaml:1:18: nothing replaces `{nmae}`
          |
        1 | elder: {persona: 'You are {nmae}', tier: gold, barks: []}
          |                  ^^^^^^^^^^^^^^^^
        hint: {player}, {phase}, {season}, {weather}, {region} are replaced

        error: npcs.yaml:1:42: unknown tier `gold`
          |
        1 | elder: {persona: 'You are {nmae}', tier: gold, barks: []}
          |                                          ^^^^
        hint: tiers are declared in world.yaml under `tiers`

        error: npcs.yaml:1:48: there is no bark
          |
        1 | elder: {persona: 'You are {nmae}', tier: gold, barks: []}
          |                                                ^^^^^
        hint: a bark is what is said when no tier answers; write at least one

        error: npcs.yaml:2:1: unknown target `eldre`
          |
        2 | eldre: {barks: Hello}
          | ^^^^^
        hint: did you mean `elder`? targets are declared in entities.yaml, as ids or tags

        warning: quest.yaml: nothing reads this file
        hint: did you mean `quests`? a world is world.yaml with climates, entities, npcs, quests and schedules beside it

        error: schedules.yaml:1:14: `noon` is no moment of world time
          |
        1 | market: {at: noon, every: 7d, times: 0}
          |              ^^^^
        hint: write a day from 1 and a time: `1 07:00`

        warning: schedules.yaml:1:27: `every: 1w` is world time here
          |
        1 | market: {at: noon, every: 7d, times: 0}
          |                           ^^
        hint: write `1w world`, so that it reads so

        error: schedules.yaml:1:38: `times` is 0
          |
        1 | market: {at: noon, every: 7d, times: 0}
          |                                      ^
        hint: leave the event out, or give at least 1

    "#]]
    .assert_eq(&problems(&[
        (
            "climates/mild.yaml",
            "states:
  clear: {intensity: 3, wind_kmh: 5, humidity: 0.4, visibility_m: 20000}
change: 5
seasons:
  spring: {start: claer, temperature_c: [18, 8], next: {}}
  sumer: {start: clear, temperature_c: [8, 18], next: {clear: 1}}
phases: {dusk: {state: fog, chance: 0.5}}
",
        ),
        (
            "npcs.yaml",
            "elder: {persona: 'You are {nmae}', tier: gold, barks: []}
eldre: {barks: Hello}
",
        ),
        ("schedules.yaml", "market: {at: noon, every: 7d, times: 0}\n"),
        ("quest.yaml", "{}\n"),
    ]));
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
    assert!(error.to_string().ends_with("is not a world folder: it has no world.yaml"), "{error}");
}
