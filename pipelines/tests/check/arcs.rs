//! What `check` says about arcs.

use expect_test::{Expect, expect};

use super::problems;

const HEAD: &str = "
a:
  tension: {half_life: 1m, events: {kills: {pattern: {event: kill, target: beast}, add: 5}}}
  beats:
";

/// The beats of an arc whose tension is right.
fn beats(yaml: &str, expected: Expect) {
    expected.assert_eq(&problems(&[("arcs.yaml", &format!("{HEAD}{yaml}"))]));
}

#[test]
fn an_arc_that_is_right_is_not_mentioned() {
    beats(
        "
    calm: {tension: {build_up: 20}}
    storm:
      tension: {peak: 50}
      effects: [{set: {fact: saved, to: true}}]
      branches:
        again: {to: calm, when: {facts: {mood: {below: 3}}}, criteria: {glad: {when: {facts: {saved: true}}}}}
        over: {on: {event: talk, target: elder}, to: rest}
    rest: {tension: {relax: 5}}
",
        expect![[""]],
    );
}

#[test]
fn beats_that_nothing_leads_to_dead_ends_and_rounds_without_rest() {
    beats(
        "
    calm: {tension: {build_up: 20}, branches: {on: {to: storm}, off: {to: trap}}}
    storm: {tension: {peak: 50}, branches: {back: {to: calm}, out: {when: {not: {level: 3}, level: 3}}}}
    trap: {tension: {relax: 5}, branches: {stay: {to: trap}}}
    lost: {tension: {relax: 5}, ends: true}
",
        expect![[""]],
    );
}

#[test]
fn an_endless_arc_needs_no_end_but_rest() {
    expect![[""]].assert_eq(&problems(&[(
        "arcs/round.yaml",
        "
a:
  endless: true
  tension: {half_life: 1m, events: {kills: {pattern: {event: kill}, add: 5}}}
  beats:
    calm: {tension: {build_up: 20}}
    storm: {tension: {peak: 50}}
    rest: {tension: {relax: 5}, branches: {again: {to: calm}}}
",
    )]));
}

#[test]
fn tension_that_never_comes_and_numbers_that_are_none() {
    expect![[""]].assert_eq(&problems(&[(
        "arcs.yaml",
        "
a:
  tension:
    half_life: 6h world
    most: 50
    events: {rests: {pattern: {event: talk, within: 3s}, add: -5}, nothing: {pattern: {event: sing}, add: 0}}
  beats:
    calm: {tension: {build_up: 20}}
    storm: {tension: {peak: 60}}
    rest: {tension: {peak: 0}}
b:
  tension: {half_life: 0s, events: {}}
  beats: {}
",
    )]));
}

#[test]
fn names_that_are_not_there_and_holders_that_have_no_such_thing() {
    expect![[""]].assert_eq(&problems(&[(
        "arcs.yaml",
        "
a:
  scope: realm
  when: {region: meadow}
  tension: {half_life: 1m, events: {kills: {pattern: {event: kill, target: wulf}, add: 5}}}
  moved_from: a
  beats:
    calm:
      tension: {build_up: 20}
      effects: [{set: {fact: sawed, to: true}}, {set: {fact: saved, to: true, after: {x: y}}}]
      ends: true
      branches:
        on: {to: strom, weight: 2000}
        off: {on: {event: tolk}, criteria: {none: {when: {}}, less: {when: {facts: {mood: 1}}, weight: 0}}}
        Off: {when: {level: 1}}
    storm: {tension: {relax: 20}, when: {near: wolf}, moved_from: calm}
",
    )]));
}
