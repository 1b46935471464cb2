//! The world file itself, sources and sinks, and what lies beside it: climates, NPCs, schedules.

use expect_test::expect;

use crate::{problems, world};

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
      time: {event: {lateness: 1h world, idle: 0s}}
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
            24 | endpoint: 'http://me:******@host'
               |           ^^^^^^^^^^^^^^^^^^^^^^^
            hint: give keys by reference, under `credentials:`

            error: world.yaml:25:19: failed to parse four digit integer as year: invalid digit, expected 0-9 but got m
               |
            25 | start: {at: monday}
               |             ^^^^^^
            hint: write for example `2026-03-01T12:00:00Z`

            error: world.yaml:26:32: sources go by real time
               |
            26 | time: {event: {lateness: 1h world, idle: 0s}}
               |                          ^^^^^^^^
            hint: leave out `world`

            error: world.yaml:26:48: no tick would wait for it
               |
            26 | time: {event: {lateness: 1h world, idle: 0s}}
               |                                          ^^
            hint: use `time: arrival`, or write for example `5s`

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
            29 | credentials: {access_key: ****, secret_key: '${SECRET}', session_token: ***}
               |                           ^^^^
            hint: give it by reference, `access_key: ${AWS_ACCESS_KEY}`, and put it in the environment

            error: world.yaml:29:79: a secret stands here in the clear
               |
            29 | credentials: {access_key: ****, secret_key: '${SECRET}', session_token: ***}
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
            21 | gold: {url: 'http://me:******@host', model: m, key: ******}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:21:15: a password stands in this address
               |
            21 | gold: {url: 'http://me:******@host', model: m, key: ******}
               |             ^^^^^^^^^^^^^^^^^^^^^^^
            hint: give the key by reference: `key: ${TIER_KEY}`

            error: world.yaml:21:55: a secret stands here in the clear
               |
            21 | gold: {url: 'http://me:******@host', model: m, key: ******}
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
            24 | pg: {postgres: {url: 'postgres://me:******@host/db'}}
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
        hint: did you mean `quests`? a world is world.yaml with arcs, behaviours, climates, dialogue, entities, lore, npcs, quests, rules, schedules, stories, templates, text and views beside it

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
fn tiers_and_budgets() {
    world(
        "tiers:
  gold: {url: [], model: m, fallback: silver, max_in_flight: 0, ms_per_token: -1}
  silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
  iron: {url: http://h, model: m, fallback: bronz}
",
        expect![[r#"
            error: world.yaml:19:10: there is no server
               |
            19 | gold: {url: [], model: m, fallback: silver, max_in_flight: 0, ms_per_token: -1}
               |        ^^^
            hint: name at least one, such as `http://127.0.0.1:8000`

            error: world.yaml:19:39: the fallbacks of `gold` lead back to it
               |
            19 | gold: {url: [], model: m, fallback: silver, max_in_flight: 0, ms_per_token: -1}
               |                                     ^^^^^^
            hint: let the last one have none: then the bark is said

            error: world.yaml:19:62: `max_in_flight: 0` asks nothing
               |
            19 | gold: {url: [], model: m, fallback: silver, max_in_flight: 0, ms_per_token: -1}
               |                                                            ^
            hint: give at least 1

            error: world.yaml:19:79: `ms_per_token` is negative
               |
            19 | gold: {url: [], model: m, fallback: silver, max_in_flight: 0, ms_per_token: -1}
               |                                                                             ^^
            hint: give 0 or more

            error: world.yaml:20:28: `h` is no address of a server
               |
            20 | silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
               |                          ^
            hint: write `http://host:port`, or a reference such as `${TIER_URL}`

            error: world.yaml:20:52: the fallbacks of `silver` lead back to it
               |
            20 | silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
               |                                                  ^^^^
            hint: let the last one have none: then the bark is said

            error: world.yaml:20:65: `stall` is no time at all
               |
            20 | silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
               |                                                               ^^
            hint: give a span such as `10s`

            error: world.yaml:20:83: `size: 0` asks nothing
               |
            20 | silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
               |                                                                                 ^
            hint: give at least 1

            error: world.yaml:20:92: `wait` is in world time
               |
            20 | silver: {url: [http://h, h], model: m, fallback: gold, stall: 0s, batch: {size: 0, wait: 1h world}}
               |                                                                                          ^^^^^^^^
            hint: it is real time: leave out `world`

            warning: world.yaml:21:3: no npc asks the tier `iron`
               |
            21 | iron: {url: http://h, model: m, fallback: bronz}
               | ^^^^
            hint: name it in npcs/ with `tier:`, or remove it

            error: world.yaml:21:45: unknown tier `bronz`
               |
            21 | iron: {url: http://h, model: m, fallback: bronz}
               |                                           ^^^^^
            hint: tiers are declared in world.yaml under `tiers`: `gold`, `iron`, `silver`

        "#]],
    );
}
