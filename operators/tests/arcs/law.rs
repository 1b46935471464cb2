//! The law of base state at every tick, and the same rows for any number of shards.

use worldflow_operators::arcs::{ArcsIn, ArcsMachine};
use worldflow_operators::machine::{Machine, Output};
use worldflow_schemas::{Sym, Tick};

use super::both::{Both, valley};
use super::random::{Draw, script};
use crate::support::{Changed, Run, check_law, drive};

/// What other operators re-emit in the tick of a load: the last of each kind.
fn known(inputs: &[ArcsIn]) -> Vec<ArcsIn> {
    let mut last = std::collections::BTreeMap::new();
    for input in inputs {
        let key = match input {
            ArcsIn::Define(id, _) => format!("define {id}"),
            ArcsIn::Fact(now) => format!("fact {:?} {}", now.holder, now.fact),
            ArcsIn::Player(now) => format!("player {}", now.player),
            _ => continue,
        };
        last.insert(key, input.clone());
    }
    last.into_values().collect()
}

#[test]
fn load_and_journal_equal_the_uninterrupted_run() {
    for seed in 0..40 {
        check_law(|| Both::new(2), &script(&mut Draw::new(seed), 40), 60, known);
    }
}

#[test]
fn any_number_of_shards_says_the_same() {
    for seed in 100..160 {
        let script = script(&mut Draw::new(seed), 40);
        let said = |shards: usize| -> Vec<(Tick, Changed)> {
            let run: Run = drive(&mut Both::new(shards), &script, 0, 60);
            run.into_iter().filter(|(_, changed)| *changed != Changed::default()).collect()
        };
        let one = said(1);
        assert_eq!(one, said(2), "seed {seed}");
        assert_eq!(one, said(5), "seed {seed}");
    }
}

#[test]
fn a_realm_without_arcs_sleeps_after_a_load() {
    let mut machine = ArcsMachine::new(Sym::new("realm"), &valley(), (0, 1));
    machine.loaded(10, Vec::new(), &mut Output::default());
    assert_eq!(machine.alarm(), Some(11), "everything is looked at once");
    machine.step(11, Vec::new(), &mut Output::default());
    assert_eq!(machine.alarm(), None);
}
