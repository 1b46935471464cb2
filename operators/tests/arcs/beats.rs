//! When arcs begin, how tension rises and passes, and when beats are over.

use serde_json::{Value as Json, json};
use worldflow_schemas::Value;
use worldflow_schemas::input::Scope;

use super::both::{beats, define, event, fact, holder, kill, mood, place, run, story, tensions};
use crate::support::Script;
use worldflow_operators::arcs::ArcsIn;
use worldflow_schemas::catalog::ARC_STATE;

/// Half of the tension goes in ten ticks.
pub(crate) fn arc(scope: &str, beats: Json) -> Json {
    json!({
        "scope": scope,
        "tension": {"half_life": "1s", "events": {
            "kills": {"pattern": {"event": "kill", "target": "beast"}, "add": 20},
            "rests": {"pattern": {"event": "rest"}, "add": -15},
        }},
        "beats": beats,
    })
}

fn rise_and_fall() -> Json {
    json!({
        "build": {"tension": {"build_up": 40}},
        "peak": {"tension": {"peak": 60}},
        "rest": {"tension": {"relax": 10}},
    })
}

#[test]
fn it_builds_up_peaks_and_relaxes_in_order() {
    let script = Script::from([
        (1, vec![define("a", arc("player", rise_and_fall())), place("ann", "moor", "")]),
        (2, vec![kill(1, "ann", 1)]),
        (3, vec![kill(2, "ann", 2)]),
        (4, vec![kill(3, "ann", 1)]),
    ]);
    let run = run(&script, 100);
    // 20, 58.66, and 74.73 of which 60 are left after 3.17 ticks, and 10 after 29.02.
    assert_eq!(
        beats(&run),
        ["1: ann build build_up", "3: ann peak peak", "8: ann rest relax", "34: ann rest ended"]
    );
    assert_eq!(
        story(&run, ARC_STATE).last().map(String::as_str),
        Some("34: -1 player ann a rest relax 8 false 1 3")
    );
}

#[test]
fn what_is_reached_stays_so_and_a_beat_takes_its_time() {
    let slow = json!({
        "early": {"tension": {"build_up": 20}, "after": "2s", "when": {"facts": {"mood": 1}}},
        "late": {"tension": {"relax": 100}, "ends": true},
        "never": {"tension": {"relax": 100}},
    });
    let script = Script::from([
        (1, vec![define("a", arc("player", slow)), place("ann", "moor", ""), mood("ann", 1)]),
        (2, vec![kill(1, "ann", 1)]),
        (15, vec![mood("ann", 0)]),
        (30, vec![mood("ann", 1)]),
    ]);
    let run = run(&script, 60);
    assert_eq!(
        beats(&run),
        ["1: ann early build_up", "30: ann late relax", "31: ann late ended"],
        "20 ticks have passed at 21, and its condition does not hold then"
    );
}

#[test]
fn an_arc_begins_for_who_is_there_and_for_whom_its_condition_holds() {
    let when = |scope: &str, when: Json| {
        let mut all = arc(scope, rise_and_fall());
        all["when"] = when;
        all
    };
    let script = Script::from([
        (
            1,
            vec![
                define("p", when("player", json!({"facts": {"mood": 1}}))),
                define("g", arc("party", rise_and_fall())),
                define("r", when("region", json!({"region": "gate"}))),
                define("w", when("realm", json!({"facts": {"war": true}}))),
            ],
        ),
        (2, vec![place("ann", "moor", "red")]),
        (3, vec![mood("ann", 1), place("ann", "moor", "blue")]),
        (4, vec![fact(holder(Scope::Realm, "realm"), "war", Value::Bool(true))]),
        (5, vec![mood("bo", 1), kill(1, "bo", 1)]),
        (6, vec![mood("cy", 1)]),
        (7, vec![place("ann", "", ""), place("dee", "moor", "")]),
        (8, vec![mood("dee", 1)]),
    ]);
    let begun: Vec<String> = beats(&run(&script, 12));
    assert_eq!(
        begun,
        [
            "1: gate build build_up",
            "2: red build build_up",
            "3: ann build build_up",
            "3: blue build build_up",
            "4: realm build build_up",
            "5: bo build build_up",
            "8: dee build build_up",
        ],
        "of cy nothing is known but a fact"
    );
}

#[test]
fn each_scope_feels_what_happens_to_its_own() {
    let one = json!({"only": {"tension": {"build_up": 20}}});
    let script = Script::from([
        (
            1,
            vec![
                define("p", arc("player", one.clone())),
                define("g", arc("party", one.clone())),
                define("r", arc("region", one.clone())),
                define("w", arc("realm", one)),
                place("ann", "moor", "red"),
                place("bo", "moor", "blue"),
            ],
        ),
        (2, vec![kill(1, "ann", 1)]),
    ]);
    let ended: Vec<String> =
        beats(&run(&script, 9)).into_iter().filter(|line| line.contains("ended")).collect();
    assert_eq!(
        ended,
        ["2: ann only ended", "2: moor only ended", "2: realm only ended", "2: red only ended"]
            .map(str::to_owned)
    );
}

#[test]
fn rows_of_tension_change_with_its_tenths_only() {
    let script = Script::from([
        (
            1,
            vec![
                define("a", arc("player", json!({"b": {"tension": {"build_up": 100}}}))),
                place("ann", "moor", ""),
            ],
        ),
        (2, vec![kill(1, "ann", 1)]),
        (3, vec![event(2, "ann", "rest", "elder", 1)]),
        (4, vec![event(3, "ann", "dance", "elder", 1)]),
        (5, vec![kill(3, "ann", 99)]),
    ]);
    let run = run(&script, 200);
    assert_eq!(
        tensions(&run),
        ["1: +1 player ann a 0 0 1", "2: +1 player ann a 2 20 2", "3: +1 player ann a 0 3.660659 3"],
        "what changes nothing has no row, and at 5 the arc ends"
    );
    assert_eq!(
        story(&run, ARC_STATE).last().map(String::as_str),
        Some("5: -1 player ann a b build_up 1 false 1 1")
    );
}

#[test]
fn it_passes_through_the_tenths_one_by_one() {
    let never = json!({"b": {"tension": {"build_up": 50}, "when": {"facts": {"mood": 9}}}});
    let script = Script::from([
        (1, vec![define("a", arc("player", never)), place("ann", "moor", "")]),
        (2, vec![kill(1, "ann", 2)]),
    ]);
    let run = run(&script, 300);
    let bands: Vec<String> =
        tensions(&run).iter().map(|line| line.split(' ').nth(5).unwrap_or("").to_owned()).collect();
    assert_eq!(bands, ["0", "4", "3", "2", "1", "0"]);
    // 40 halves in ten ticks: below 40 at 3, 30 at 7, 20 at 13 (at 12 it is 20), 10 at 23.
    let ticks: Vec<u64> =
        run.iter().filter(|(_, changed)| !changed.rows.is_empty()).map(|(tick, _)| *tick).collect();
    assert_eq!(ticks, [1, 2, 3, 7, 13, 23]);
    assert!(run.len() < 20, "it is not looked at in every tick: {}", run.len());
}

#[test]
fn effects_come_once_a_tick_later_to_the_facts_of_the_holders() {
    let script = Script::from([(
        1,
        vec![
            define(
                "a",
                arc(
                    "player",
                    json!({"b": {"tension": {"build_up": 0}, "effects": [
                        {"add": {"fact": "mood", "by": 2}},
                        {"set": {"fact": "war", "to": true}},
                        {"set": {"fact": "nothing", "to": true}},
                    ]}}),
                ),
            ),
            place("ann", "moor", ""),
        ],
    )]);
    let run = run(&script, 9);
    let out: Vec<&String> = run.values().flat_map(|changed| &changed.out).collect();
    assert_eq!(out.len(), 2, "{out:?}");
    assert!(out[0].contains("place: 0") && out[0].contains("Player") && out[0].contains("Add"), "{}", out[0]);
    assert!(out[1].contains("place: 1") && out[1].contains("Realm"), "{}", out[1]);
}

#[test]
fn of_many_only_those_are_looked_at_whom_something_concerns() {
    let mut first = vec![define("a", arc("player", rise_and_fall()))];
    first.extend((0..1_000).map(|n| place(&format!("p{n}"), "moor", "")));
    let script = Script::from([
        (1, first),
        (5, vec![kill(1, "p7", 1)]),
        (6, vec![fact(holder(Scope::Realm, "realm"), "war", Value::Bool(true))]),
    ]);
    let run = run(&script, 6);
    assert_eq!(run[&1].base.len(), 1_000);
    assert_eq!(run[&5].base.len(), 1);
    assert!(run[&6].base.len() <= 1, "nobody asks about the war");
}

#[test]
fn a_group_that_is_closed_leaves_nothing() {
    let script = Script::from([
        (1, vec![define("a", arc("party", rise_and_fall())), place("ann", "moor", "red")]),
        (2, vec![kill(1, "ann", 3)]),
        (4, vec![ArcsIn::Close(holder(Scope::Party, "red")), place("ann", "moor", "")]),
        (6, vec![place("ann", "moor", "red")]),
    ]);
    let run = run(&script, 8);
    assert_eq!(
        beats(&run),
        ["1: red build build_up", "2: red peak peak", "3: red rest relax", "6: red build build_up"]
    );
    assert!(run[&4].rows.values().all(|diff| *diff < 0) && run[&4].rows.len() == 2);
    assert!(run[&4].base.values().all(Option::is_none));
}

#[test]
fn time_wakes_it_only_where_it_may_change_anything() {
    let stepped = |arc: Json| -> usize {
        let script = Script::from([
            (1, vec![define("a", arc), place("ann", "moor", "")]),
            (10, vec![place("ann", "", "")]),
        ]);
        run(&script, 1_000).len()
    };
    let by_day = json!({"hours": "08:00-18:00"});
    let mut begins = arc("player", rise_and_fall());
    begins["when"] = by_day.clone();
    assert_eq!(stepped(begins), 10, "as long as somebody is there who may begin it");
    let waits = json!({"build": {"tension": {"build_up": 50}, "when": by_day}});
    assert!(stepped(arc("player", waits)) < 10, "what it waits for comes first");
}
