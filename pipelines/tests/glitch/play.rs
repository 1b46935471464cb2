//! The play: what bots did is given to the graph, with one worker and with two, and to the naive evaluator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use worldflow_engine::testing::Plan;
use worldflow_engine::workers::Cut;
use worldflow_schemas::{Input, Sym};
use worldflow_sources::recording::Rules;

use super::GLITCH;
use super::bots::Bots;
use super::oracle::Seen;
use super::oracle::compare::{Case, differences, seen};
use super::tally::Verdict;

static CASE: LazyLock<Case> = LazyLock::new(|| {
    let loaded = &GLITCH.loaded;
    let mut bots = Bots::new(loaded, 7);
    bots.arrive();
    bots.play_quests();
    bots.play_projects();
    let (inputs, until) = bots.end();
    let mut rules = Rules::new(Sym::new(&loaded.world.name), &loaded.world);
    for input in inputs.values().flatten() {
        match input {
            Input::Event(event) => rules.event(event),
            Input::Command(command) => rules.command(command),
        }
        .unwrap_or_else(|refusal| panic!("{refusal:?}: {input:?}"));
    }
    let (world, quests) = ((*loaded.world).clone(), loaded.quests.clone());
    Case { world, quests, rules: BTreeMap::new(), inputs, until }
});

static EVALUATED: LazyLock<Vec<Seen>> = LazyLock::new(|| CASE.evaluate(false, Vec::new()));

#[test]
fn graph_and_evaluator_agree_on_every_change() {
    let case = &*CASE;
    let events = case.inputs.values().flatten().count();
    assert!(events > 8_000, "{events} inputs are too few for so many definitions");
    let expected = std::thread::spawn(|| EVALUATED.len());
    let definitions = GLITCH.loaded.definitions();
    let ran = [(1, 4096), (2, 3)].map(|(workers, items)| {
        let plan = Plan { workers, cut: Cut { items }, ..Plan::default() };
        (workers, case.run(&definitions, &plan))
    });
    expected.join().expect("the evaluator does not panic");
    assert!(EVALUATED.len() > 20_000, "{} changes are too few to prove anything", EVALUATED.len());
    for (workers, ran) in &ran {
        if let Some(difference) = differences(&EVALUATED, &seen(ran)) {
            panic!("{workers} workers: {difference}\n{}", case.around(&difference));
        }
    }
    assert_eq!(ran[0].1.state_hash(), ran[1].1.state_hash(), "the hash is the same for two workers");
}

/// The ids of quests that were in a state.
fn in_state(state: &str) -> BTreeSet<&'static str> {
    let rows = EVALUATED.iter().filter(|(view, _, _, diff)| *view == "quest_state" && *diff > 0);
    rows.filter(|(_, row, ..)| row[5] == state).map(|(_, row, ..)| row[3].as_str().expect("an id")).collect()
}

#[test]
fn every_definition_is_completed_by_some_bot() {
    let done = in_state("done");
    let not = GLITCH.tally.definitions.iter().filter(|(id, _)| !done.contains(id.as_str()));
    let not: Vec<(&String, &Verdict)> = not.collect();
    assert!(not.is_empty(), "{} are completed by nobody: {not:?}", not.len());
    for (state, least) in
        [("available", 50), ("offered", 240), ("ready", 100), ("abandoned", 40), ("expired", 1)]
    {
        let found = in_state(state).len();
        assert!(found >= least, "only {found} quests are ever {state}");
    }
}

/// The best are rewarded, by the share of credit that what they gave is worth.
#[test]
fn the_best_get_more() {
    let granted = |slot: &str| {
        let grants = EVALUATED.iter().filter(|(view, _, _, diff)| *view == "grants" && *diff > 0);
        grants.filter(|(_, row, ..)| row[6].as_str().is_some_and(|name| name.starts_with(slot))).count()
    };
    assert!(granted("best_") > 300, "{} grants for the best", granted("best_"));
    assert!(granted("experience") > 1_200, "{} grants of experience", granted("experience"));
}

/// A load in the middle of it goes on as if nothing had happened.
#[test]
fn a_load_in_the_middle_goes_on_as_if_nothing_had_happened() {
    let case = &*CASE;
    let ticks: Vec<_> = case.inputs.keys().copied().collect();
    let snapshots = vec![ticks[ticks.len() / 3], ticks[ticks.len() * 3 / 4] + 1];
    if let Err(broken) = case.law(&Plan { workers: 2, ..Plan::default() }, snapshots) {
        panic!("{broken}");
    }
}
