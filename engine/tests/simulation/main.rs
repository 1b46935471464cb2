//! Short lives of a realm in a simulated machine, thousands of them: every loop of the engine in one thread, on a disk that
//! forgets what it may, with producers, a stream and readers, all in an order and with faults that a seed decides.
//!
//! `WORLDFLOW_SIMULATIONS` says how many, `WORLDFLOW_SIMULATION_SEED` which is the first. A failure prints the seed
//! that gives it again.

mod history;
mod life;
mod producers;
mod readers;
mod sayer;
#[path = "../engine/tiny.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod tiny;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use worldflow_engine::testing::setting;
use worldflow_engine::testing::simulation::Lie;

/// How many lives, if nothing else is said.
const LIVES: u64 = 2_000;

/// What is wrong in the run of a seed, and the trace of it otherwise.
fn run(seed: u64, lie: Option<Lie>) -> Result<life::Lived, String> {
    catch_unwind(AssertUnwindSafe(|| life::run(seed, lie))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default())
    })
}

/// Runs seeds on all cores until one fails; returns it and what is wrong with it.
fn first_failure(seeds: std::ops::Range<u64>, lie: Option<Lie>) -> Result<life::Lived, (u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let mut lived = life::Lived::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(lived);
            }
            match run(seed, lie) {
                Ok(one) => lived.add(&one),
                Err(why) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return Err((seed, why));
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut all = life::Lived::default();
        for thread in threads {
            all.add(&thread.join().expect("panics are caught")?);
        }
        Ok(all)
    })
}

#[test]
fn nothing_is_lost_and_nothing_counts_twice_whatever_a_seed_says() {
    let first = setting("WORLDFLOW_SIMULATION_SEED", 1);
    let count = setting("WORLDFLOW_SIMULATIONS", LIVES);
    match first_failure(first..first + count, None) {
        Ok(lived) => {
            println!("{count} runs: {lived:?}");
            assert!(count < 100 || lived.is_rich(), "too little happens: {lived:?}");
        }
        Err((seed, why)) => panic!(
            "seed {seed}: {why}\nagain: WORLDFLOW_SIMULATION_SEED={seed} WORLDFLOW_SIMULATIONS=1 cargo test --workspace --test simulation nothing_is_lost"
        ),
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 1..30 {
        let (once, again) = (run(seed, None), run(seed, None));
        assert_eq!(once, again, "seed {seed}");
    }
}

/// Were nothing synced, somebody would notice: so it is not for nothing that it is.
#[test]
fn a_disk_that_only_pretends_is_found_out() {
    let lies = [
        Lie::Sync("journal"),
        Lie::Sync("part"),
        Lie::Sync("keys"),
        Lie::SyncFolder("journal"),
        Lie::SyncFolder("snapshots"),
        Lie::SyncFolder("tiny"),
    ];
    for lie in lies {
        let (seed, why) =
            first_failure(1..1 + LIVES, Some(lie)).expect_err(&format!("{lie:?} is not noticed"));
        println!("{lie:?}: seed {seed}: {why}");
    }
}
