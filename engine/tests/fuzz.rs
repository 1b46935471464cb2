//! The engine's files, changed at random: whatever stands in them is read or refused, at once and within bounds.
//!
//! `WORLDFLOW_FUZZ` says how many cases each target gets, `WORLDFLOW_FUZZ_SEED` where they begin. The targets are those of
//! [`worldflow_engine::testing::fuzz`].

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use cap::Cap;
use worldflow_engine::testing::fuzz::{TARGETS, mutate};
use worldflow_engine::testing::simulation::Chance;

/// Counts what is taken.
#[global_allocator]
static MEMORY: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Cases of each target, if nothing else is said.
const CASES: u64 = 10_000;

/// No case takes longer, on however busy a machine ...
const MOST_TIME: Duration = Duration::from_secs(10);

/// ... or more memory.
const MOST_BYTES: usize = 64 << 20;

fn number(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")));
    said.unwrap_or(otherwise)
}

#[test]
fn whatever_stands_in_a_file_is_read_or_refused() {
    let (first, count) = (number("WORLDFLOW_FUZZ_SEED", 1), number("WORLDFLOW_FUZZ", CASES));
    for (name, target, good) in TARGETS {
        let good = good();
        assert!(!good.is_empty(), "{name}");
        good.iter().for_each(|good| target(good));
        let began = Instant::now();
        for seed in first..first + count {
            let mut chance = Chance::new(seed);
            let (one, other) = (chance.place(good.len()), chance.place(good.len()));
            let bytes = mutate(&mut chance, &good[one], &good[other]);
            let again = format!(
                "{name}: again: WORLDFLOW_FUZZ_SEED={seed} WORLDFLOW_FUZZ=1 cargo test --workspace --test fuzz"
            );
            let (before, began) = (MEMORY.total_allocated(), Instant::now());
            assert!(catch_unwind(|| target(&bytes)).is_ok(), "{again}");
            let (taken, took) = (MEMORY.total_allocated() - before, began.elapsed());
            assert!(taken <= MOST_BYTES, "{taken} bytes were taken for {}; {again}", bytes.len());
            assert!(took <= MOST_TIME, "it took {took:?}; {again}");
        }
        println!("{name}: {count} cases in {:?}", began.elapsed());
    }
}
