//! Edits while arcs run: what was reached and chosen stays, under other names too.

use serde_json::{Value as Json, json};

use super::beats::arc;
use super::both::{beats, branches, define, event, kill, place, remove, run, tensions};
use crate::support::Script;

fn path(first: &str, second: &str, more: Json) -> Json {
    let mut beats = json!({
        first: {"tension": {"build_up": 20}, "branches": {"on": {"chosen_by": {"event": "choose"}, "to": second}}},
        second: {"tension": {"build_up": 40}},
        "third": {"tension": {"build_up": 80}},
    });
    for (beat, with) in more.as_object().expect("a map") {
        beats[beat].as_object_mut().expect("a map").extend(with.as_object().expect("a map").clone());
    }
    arc("player", beats)
}

/// Ann is in the second beat at tick 4, with a tension.
fn so_far() -> Script<worldflow_operators::arcs::ArcsIn> {
    Script::from([
        (1, vec![define("a", path("first", "second", json!({}))), place("ann", "moor", "")]),
        (2, vec![kill(1, "ann", 1)]),
        (4, vec![event(2, "ann", "choose", "elder", 1)]),
    ])
}

/// The same with other names for its first two beats, and for the way between them.
fn renamed() -> Json {
    let mut renamed =
        path("alpha", "beta", json!({"alpha": {"moved_from": "first"}, "beta": {"moved_from": "second"}}));
    renamed["beats"]["alpha"]["branches"] =
        json!({"went": {"chosen_by": {"event": "choose"}, "to": "beta", "moved_from": "on"}});
    renamed
}

const BEFORE: [&str; 2] = ["1: ann first build_up", "4: ann second build_up"];

#[test]
fn beats_and_branches_have_other_names_and_nothing_is_lost() {
    let mut script = so_far();
    script.insert(6, vec![define("a", renamed())]);
    script.insert(7, vec![kill(3, "ann", 2)]);
    let run = run(&script, 8);
    assert_eq!(beats(&run)[..2], BEFORE);
    assert_eq!(beats(&run)[2..], ["7: ann third build_up"]);
    let said = branches(&run);
    assert_eq!(
        said[said.len() - 2..],
        [
            "6: +1 player ann a alpha went beta 4 100 12 100 73 73",
            "6: -1 player ann a first on second 4 100 12 100 73 73",
        ]
    );
}

#[test]
fn beats_and_branches_have_their_former_names_again() {
    let mut script = so_far();
    script.insert(6, vec![define("a", renamed())]);
    script.insert(7, vec![define("a", path("first", "second", json!({})))]);
    script.insert(8, vec![kill(3, "ann", 2)]);
    let run = run(&script, 9);
    assert_eq!(beats(&run)[2..], ["8: ann third build_up"], "nobody goes on by it");
    let said = branches(&run);
    assert!(said.contains(&"7: +1 player ann a first on second 4 100 12 100 73 73".to_owned()), "{said:?}");
}

#[test]
fn an_arc_has_another_name_and_goes_on_and_may_have_the_former_again() {
    let mut script = so_far();
    let mut moved = path("first", "second", json!({}));
    moved["moved_from"] = json!("a");
    script.insert(6, vec![remove("a"), define("b", moved)]);
    script.insert(7, vec![remove("b"), define("a", path("first", "second", json!({})))]);
    script.insert(8, vec![kill(3, "ann", 2)]);
    let run = run(&script, 9);
    assert_eq!(beats(&run)[2..], ["8: ann third build_up"], "it does not begin again");
    let renamed = branches(&run);
    assert!(
        renamed.contains(&"6: +1 player ann b first on second 4 100 12 100 73 73".to_owned()),
        "{renamed:?}"
    );
    assert_eq!(
        renamed.last().map(String::as_str),
        Some("7: -1 player ann b first on second 4 100 12 100 73 73")
    );
}

#[test]
fn an_arc_that_was_away_goes_on_where_it_was_without_its_tension() {
    let mut script = so_far();
    script.insert(6, vec![remove("a")]);
    script.insert(9, vec![define("a", path("first", "second", json!({})))]);
    script.insert(10, vec![kill(3, "ann", 1)]);
    let run = run(&script, 12);
    assert!(run[&6].rows.values().all(|diff| *diff < 0) && run[&6].rows.len() == 3, "{:?}", run[&6].rows);
    assert!(run[&6].base.values().all(Option::is_some), "what it was is kept");
    assert_eq!(run[&9].rows.len(), 3);
    assert_eq!(beats(&run), BEFORE, "it is in the same beat since the same tick");
    assert!(tensions(&run).contains(&"10: +1 player ann a 2 20 10".to_owned()), "nothing was left of it");
}

#[test]
fn when_its_beat_is_gone_the_next_of_the_former_begins() {
    let two = |second: &str| {
        json!({
            "first": {"tension": {"build_up": 20}},
            second: {"tension": {"relax": 0}, "effects": [{"set": {"fact": "mood", "to": 3}}]},
        })
    };
    let mut script = so_far();
    script.insert(6, vec![define("a", arc("player", two("third")))]);
    let went = run(&script, 6);
    assert_eq!(beats(&went)[2..], ["6: ann third relax"]);
    assert_eq!(went[&6].out.len(), 1, "as whenever a beat begins");
    let mut script = so_far();
    script.insert(6, vec![define("a", arc("player", two("other")))]);
    assert_eq!(beats(&run(&script, 6))[2..], ["6: ann second ended"], "none of those after it is left");
}

#[test]
fn another_half_life_goes_on_from_what_was_left() {
    let waits = |half_life: &str| {
        let mut all =
            arc("player", json!({"b": {"tension": {"build_up": 100}, "when": {"facts": {"mood": 9}}}}));
        all["tension"]["half_life"] = json!(half_life);
        all
    };
    let script = Script::from([
        (1, vec![define("a", waits("1s")), place("ann", "moor", "")]),
        (2, vec![kill(1, "ann", 4)]),
        (12, vec![define("a", waits("4s"))]),
    ]);
    let run = run(&script, 60);
    // 80, of which 40 are left at 12, and then 20 at 52.
    let last = tensions(&run);
    assert!(
        last.contains(&"52: +1 player ann a 2 20 52".to_owned())
            || last.iter().any(|line| line.starts_with("53:")),
        "{last:?}"
    );
}

#[test]
fn a_target_that_is_another_must_be_reached_anew() {
    let wants = |tension: u32| {
        arc(
            "player",
            json!({"b": {"tension": {"build_up": tension}, "branches": {"go": {"chosen_by": {"event": "choose"}}}}}),
        )
    };
    let script = Script::from([
        (1, vec![define("a", wants(20)), place("ann", "moor", "")]),
        (2, vec![kill(1, "ann", 1)]),
        (5, vec![define("a", wants(30))]),
        (6, vec![event(2, "ann", "choose", "elder", 1)]),
        (7, vec![kill(3, "ann", 1)]),
        (8, vec![event(4, "ann", "choose", "elder", 1)]),
    ]);
    assert_eq!(beats(&run(&script, 9)), ["1: ann b build_up", "8: ann b ended"]);
}
