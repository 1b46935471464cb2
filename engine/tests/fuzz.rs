//! The engine's files, changed at random: whatever stands in them is read or refused, at once and within bounds.
//!
//! `WORLDFLOW_FUZZ` says how many cases each target gets, `WORLDFLOW_FUZZ_SEED` where they begin. The targets are those of
//! [`worldflow_engine::testing::fuzz`].

use cap::Cap;
use worldflow_engine::testing::fuzz::{TARGETS, fuzz};

/// Counts what is taken.
#[global_allocator]
static MEMORY: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Cases of each target, if nothing else is said.
const CASES: u64 = 10_000;

/// No case takes more memory.
const MOST_BYTES: usize = 64 << 20;

#[test]
fn whatever_stands_in_a_file_is_read_or_refused() {
    // Panics of arrow are caught; a trace of where they were takes more memory than the file.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    for (name, target, good) in TARGETS {
        let good = good();
        assert!(!good.is_empty(), "{name}");
        good.iter().for_each(|good| target(good));
        fuzz(name, CASES, &good, &mut |bytes, _| {
            let before = MEMORY.total_allocated();
            target(bytes);
            let taken = MEMORY.total_allocated() - before;
            assert!(taken <= MOST_BYTES, "{taken} bytes were taken for {}", bytes.len());
        });
    }
}
