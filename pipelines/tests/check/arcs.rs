//! What `check` says about arcs.

use super::problems;
use super::told::says_only;

const HEAD: &str = "
a:
  tension: {half_life: 1m, events: {kills: {pattern: {event: kill, target: beast}, add: 5}}}
  beats:
";

/// What is said of beats whose arc's tension is right.
fn beats(yaml: &str) -> String {
    problems(&[("arcs.yaml", &format!("{HEAD}{yaml}"))])
}

#[test]
fn an_arc_that_is_right_is_not_mentioned() {
    let said = beats(
        "
    calm: {tension: {build_up: 20}}
    storm:
      tension: {peak: 50}
      effects: [{set: {fact: saved, to: true}}]
    rest:
      tension: {relax: 5}
      branches:
        again: {to: calm, when: {facts: {mood: {below: 3}}}, criteria: {glad: {when: {facts: {saved: true}}}}}
        over: {chosen_by: {event: talk, target: elder}}
",
    );
    assert_eq!(said, "");
}

#[test]
fn beats_that_nothing_leads_to_dead_ends_and_rounds_without_rest() {
    let said = beats(
        "
    calm: {tension: {build_up: 20}, branches: {go: {to: storm}, stray: {to: trap}}}
    storm: {tension: {peak: 50}, branches: {back: {to: calm}, out: {when: {not: {level: 3}, level: 3}}}}
    trap: {tension: {relax: 5}, branches: {stay: {to: trap}}}
    lost: {tension: {relax: 5}, ends: true}
",
    );
    says_only(
        &said,
        &[
            "this never holds: ",
            "nothing leads to the beat `lost`",
            "from the beat `calm` no way leads to an end",
            "from the beat `storm` no way leads to an end",
            "from the beat `trap` no way leads to an end",
            "these beats can go round without ever relaxing: calm, storm",
        ],
    );
}

#[test]
fn an_endless_arc_needs_no_end_but_rest() {
    let said = problems(&[(
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
    )]);
    assert_eq!(said, "");
}

#[test]
fn tension_that_never_comes_and_numbers_that_are_none() {
    let said = problems(&[(
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
    )]);
    says_only(
        &said,
        &[
            "tension passes in real time",
            "`within` is for objectives of quests",
            "unknown kind of event `sing`",
            "this changes nothing",
            "no event raises the tension, so it never comes to 20",
            "the tension never comes to 60",
            "so this peak is never over",
            "`half_life` is no time at all",
            "an arc of 0 beats",
        ],
    );
}

#[test]
fn names_that_are_not_there_and_holders_that_have_no_such_thing() {
    let said = problems(&[(
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
        go: {to: strom, weight: 2000}
        stay: {chosen_by: {event: tolk}, criteria: {never: {when: {}}, less: {when: {facts: {mood: 1}}, weight: 0}}, to: storm}
    storm: {tension: {relax: 20}, when: {near: wolf}, moved_from: calm}
",
    )]);
    says_only(
        &said,
        &[
            "unknown target `wulf`",
            "this never holds: the realm has no place, and so no `region`",
            "`a` is still there",
            "unknown fact `sawed`",
            "the fact `saved` is kept for a player, which the realm does not have: nothing would happen",
            "`after` names stages of a quest",
            "`calm` ends the arc and has branches",
            "unknown beat `strom`",
            "a weight of 2000",
            "unknown kind of event `tolk`",
            "this criterion tests nothing",
            "this never holds: the fact `mood` is kept for a player, which the realm does not have",
            "a weight of 0",
            "`progress` and `near` cannot be asked for here",
            "`calm` is still there",
        ],
    );
}
