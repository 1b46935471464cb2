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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
    );
}
