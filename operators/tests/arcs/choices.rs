//! Branches: which can be chosen, who chooses, and that the first choice stays.

use serde_json::{Value as Json, json};
use worldflow_schemas::Value;
use worldflow_schemas::input::Scope;

use super::beats::arc;
use super::both::{beats, branches, define, event, fact, holder, mood, place, run};
use crate::support::Script;

fn crossroads(branches: Json) -> Json {
    json!({
        "fork": {"tension": {"build_up": 0}, "branches": branches},
        "left": {"tension": {"build_up": 50}, "effects": [{"add": {"fact": "mood", "by": 1}}]},
        "right": {"tension": {"relax": 50}},
    })
}

fn choose(target: &str) -> Json {
    json!({"event": "choose", "target": target})
}

#[test]
fn the_first_event_that_chooses_what_can_be_chosen_does() {
    let ways = json!({
        "go_left": {"chosen_by": choose("left"), "to": "left"},
        "go_right": {"chosen_by": choose("right"), "to": "right", "when": {"facts": {"mood": 1}}},
        "go_home": {"chosen_by": choose("home")},
    });
    let script = Script::from([
        (1, vec![define("a", arc("player", crossroads(ways))), place("ann", "moor", "")]),
        (2, vec![event(1, "ann", "choose", "right", 1)]),
        (4, vec![mood("ann", 1)]),
        (5, vec![event(9, "ann", "choose", "left", 1), event(8, "ann", "choose", "right", 1)]),
        (6, vec![event(10, "ann", "choose", "left", 1)]),
    ]);
    let run = run(&script, 20);
    assert_eq!(
        branches(&run),
        [
            // The tension is to go from 0 to 50 of 100, and one effect; to 50 without; to 0.
            "2: +1 player ann a fork go_home - - 100 0 100 70 70",
            "2: +1 player ann a fork go_left left - 100 40 100 82 82",
            "4: +1 player ann a fork go_right right - 100 30 100 79 79",
            "5: +1 player ann a fork go_right right 5 100 30 100 79 79",
            "5: -1 player ann a fork go_home - - 100 0 100 70 70",
            "5: -1 player ann a fork go_left left - 100 40 100 82 82",
            "5: -1 player ann a fork go_right right - 100 30 100 79 79",
        ]
    );
    assert_eq!(beats(&run), ["1: ann fork build_up", "5: ann right relax", "6: ann right ended"]);
}

#[test]
fn a_branch_without_events_is_chosen_by_itself_and_the_best_of_several() {
    let taken = |ways: Json, mood_of: i64| {
        let script = Script::from([(
            1,
            vec![
                define("a", arc("player", crossroads(ways))),
                place("ann", "moor", ""),
                mood("ann", mood_of),
            ],
        )]);
        let run = run(&script, 40);
        let chosen: Vec<String> = branches(&run);
        chosen.first().map(|line| line.split(' ').nth(6).unwrap_or("").to_owned()).unwrap_or_default()
    };
    let two = |a: Json, b: Json| json!({"a": a, "b": b});
    assert_eq!(taken(two(json!({"to": "right"}), json!({"to": "left"})), 0), "b", "it changes more");
    assert_eq!(taken(two(json!({"to": "right", "weight": 4}), json!({"to": "left"})), 0), "a", "weight");
    assert_eq!(taken(two(json!({"to": "right"}), json!({"to": "right"})), 0), "a", "the first of equals");
    let builds = json!({"to": "left", "criteria": {"c": {"when": {"facts": {"mood": 1}}}}});
    assert_eq!(taken(two(json!({"to": "right"}), builds.clone()), 0), "a", "what it builds on is not there");
    assert_eq!(taken(two(json!({"to": "right"}), builds), 1), "b");
    let needs = json!({"to": "left", "criteria": {"c": {"when": {"facts": {"mood": 1}}, "required": true}}, "weight": 90});
    assert_eq!(taken(two(json!({"to": "right"}), needs), 0), "a");
    assert_eq!(taken(two(json!({"to": "nowhere", "weight": 90}), json!({"to": "right"})), 0), "b");
}

#[test]
fn time_opens_a_way_and_a_player_may_be_faster() {
    let ways = json!({
        "go": {"chosen_by": choose("left"), "to": "left"},
        "tired": {"to": "right", "after": "2s"},
    });
    let first = || {
        vec![
            define("a", arc("player", crossroads(ways.clone()))),
            place("ann", "moor", ""),
            place("bo", "moor", ""),
        ]
    };
    let script = Script::from([
        (1, first()),
        (20, vec![event(1, "ann", "choose", "left", 1)]),
        (21, vec![event(2, "bo", "choose", "left", 1)]),
    ]);
    assert_eq!(
        beats(&run(&script, 30)),
        ["1: ann fork build_up", "1: bo fork build_up", "20: ann left build_up", "21: bo left build_up"],
        "an event counts before what comes by itself"
    );
    let script = Script::from([(1, first())]);
    let alone = beats(&run(&script, 30));
    assert!(alone.contains(&"21: ann right relax".to_owned()), "{alone:?}");
}

#[test]
fn nobody_chooses_for_another() {
    let ways = json!({"go": {"chosen_by": choose("left"), "to": "left"}, "stay": {"chosen_by": choose("right"), "to": "right", "when": {"facts": {"mood": 1}}}});
    let script = Script::from([
        (
            1,
            vec![
                define("a", arc("player", crossroads(ways))),
                place("ann", "moor", ""),
                place("bo", "moor", ""),
                mood("bo", 1),
            ],
        ),
        (3, vec![event(1, "ann", "choose", "left", 1)]),
    ]);
    let run = run(&script, 9);
    let of = |who: &str| branches(&run).into_iter().filter(|line| line.contains(who)).collect::<Vec<_>>();
    assert!(of("ann").iter().all(|line| !line.contains("stay")), "what bo may do is not hers");
    assert_eq!(of("bo").len(), 2, "his stay as they were: {:?}", of("bo"));
    assert!(!beats(&run).iter().any(|line| line.contains("bo left")));
}

#[test]
fn any_of_a_party_chooses_for_it_and_without_a_player_for_the_realm_only() {
    let ways = json!({"go": {"chosen_by": choose("left"), "to": "left"}});
    let script = Script::from([
        (
            1,
            vec![
                define("g", arc("party", crossroads(ways.clone()))),
                define("w", arc("realm", crossroads(ways))),
                place("ann", "moor", "red"),
            ],
        ),
        (3, vec![event(1, "", "choose", "left", 1)]),
        (5, vec![event(2, "ann", "choose", "left", 1)]),
    ]);
    assert_eq!(
        beats(&run(&script, 6)),
        ["1: realm fork build_up", "1: red fork build_up", "3: realm left build_up", "5: red left build_up",]
    );
}

#[test]
fn a_way_back_is_chosen_anew_and_is_less_new_each_time() {
    let round = json!({
        "fork": {"tension": {"build_up": 0}, "branches": {
            "again": {"to": "rest"}, "out": {"chosen_by": choose("out")},
        }},
        "rest": {"tension": {"relax": 100}, "branches": {"back": {"to": "fork"}}},
    });
    let script = Script::from([(1, vec![define("a", arc("player", round)), place("ann", "moor", "")])]);
    let run = run(&script, 5);
    assert_eq!(
        branches(&run),
        [
            "2: +1 player ann a fork again rest 2 100 60 100 88 88",
            "3: +1 player ann a rest back fork 3 100 60 50 78 78",
            "3: -1 player ann a fork again rest 2 100 60 100 88 88",
            "4: +1 player ann a fork again rest 4 100 60 50 78 78",
            "4: -1 player ann a rest back fork 3 100 60 50 78 78",
            "5: +1 player ann a rest back fork 5 100 60 33 74 74",
            "5: -1 player ann a fork again rest 4 100 60 50 78 78",
        ]
    );
}

#[test]
fn what_was_chosen_stays_when_its_reason_goes() {
    let ways = json!({"war": {"when": {"facts": {"war": true}}, "to": "left"}, "peace": {"chosen_by": choose("right"), "to": "right"}});
    let realm = holder(Scope::Realm, "realm");
    let script = Script::from([
        (1, vec![define("a", arc("player", crossroads(ways))), place("ann", "moor", "")]),
        (3, vec![fact(realm, "war", Value::Bool(true))]),
        (4, vec![fact(realm, "war", Value::Bool(false)), event(1, "ann", "choose", "right", 1)]),
    ]);
    assert_eq!(beats(&run(&script, 9)), ["1: ann fork build_up", "3: ann left build_up"]);
}
