//! The picker agrees with an independent naive one on random worlds.

use std::collections::BTreeMap;

use worldflow_engine::testing::{Plan, setting};
use worldflow_engine::workers::Cut;
use worldflow_schemas::chance::below;

use super::oracle::compare::{differences, seen, weather};
use super::oracle::random_storylets::{MUST_MEET, case};

/// The picker: what NPCs say, to whom and when, is what an evaluator says that goes through all that was ever said.
#[test]
fn graph_and_evaluator_agree_on_random_storylets() {
    let (mut lines, mut wrong) = (0, Vec::new());
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    let cases = setting("WORLDFLOW_STORYLETS", 120);
    for seed in 0..cases {
        let case = case(30_000 + seed);
        let workers = [1, 2, 4][usize::try_from(seed % 3).unwrap()];
        let cut = Cut { items: 1 + usize::try_from(seed % 5).unwrap() };
        let ran = case.run(&case.definitions(), &Plan { workers, cut, ..Plan::default() });
        // What is said unasked may be said in any tick.
        let (expected, came_about) = case.evaluate_all(true, weather(&ran));
        if let Some(difference) = differences(&expected, &seen(&ran)) {
            wrong.push(format!("seed {seed}, {workers} workers: {difference}\n{}", case.around(&difference)));
        }
        lines += expected.iter().filter(|(view, ..)| *view == "npc_lines").count() as u64;
        for (what, times) in came_about {
            *met.entry(what).or_insert(0) += times;
        }
        if wrong.len() >= 4 {
            break;
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n\n"));
    for what in MUST_MEET {
        let times = met.get(what).copied().unwrap_or(0);
        assert!(times * 6 >= cases, "{what}: only {times} times: {met:?}");
    }
    assert!(lines > cases * 40, "{lines} lines are too few to prove anything");
}

/// The law of base state for what was said, what may follow, and who waits.
#[test]
fn a_load_at_any_tick_of_a_world_with_storylets_goes_on_as_if_nothing_had_happened() {
    for seed in 0..setting("WORLDFLOW_STORYLETS", 24) {
        let case = case(40_000 + seed);
        let first = *case.inputs.keys().next().expect("a case has inputs");
        let tick = |n| first + below(seed, "snapshots", "tick", n, case.until - first);
        let workers = [1, 2][usize::try_from(seed % 2).unwrap()];
        let plan = Plan { workers, cut: Cut { items: 3 }, ..Plan::default() };
        if let Err(broken) = case.law(&plan, (0..4).map(tick).collect()) {
            panic!("seed {seed}, {workers} workers: {broken}");
        }
    }
}
