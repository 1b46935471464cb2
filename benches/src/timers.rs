//! Pending deadlines: what a million of them add to a tick.

use std::time::{Duration, Instant};

use worldflow_operators::timers::Timers;
use worldflow_schemas::chance::below;

/// How the deadlines are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct TimersArgs {
    /// Deadlines that are pending all the while, none of them due.
    #[arg(long, default_value_t = 1_000_000)]
    pending: u64,
    /// Deadlines set, moved and popped in each tick.
    #[arg(long, default_value_t = 100)]
    a_tick: u64,
    /// Ticks measured.
    #[arg(long, default_value_t = 10_000)]
    ticks: u64,
}

/// Works through the same ticks with nothing pending and with all of them, and prints both.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub fn run(args: &TimersArgs) {
    let without = measure(0, args);
    let with = measure(args.pending, args);
    let added = |a: Duration, b: Duration| b.as_secs_f64() * 1e6 - a.as_secs_f64() * 1e6;
    println!("a tick asks for the earliest deadline, sets {0}, moves {0} and pops {0}", args.a_tick);
    println!("pending        mean a tick   slowest tick");
    println!("{:>9} {:>13.1} us {:>11.1} us", 0, micros(without.0), micros(without.1));
    println!("{:>9} {:>13.1} us {:>11.1} us", args.pending, micros(with.0), micros(with.1));
    println!("added     {:>13.1} us {:>11.1} us", added(without.0, with.0), added(without.1, with.1));
    println!("peak memory    {} MiB", crate::peak_memory_mib());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn measure(pending: u64, args: &TimersArgs) -> (Duration, Duration) {
    let mut timers: Timers<(u32, u32)> = Timers::default();
    let key = |n: u64| (u32::try_from(n % (1 << 32)).unwrap_or(0), 7);
    let far = args.ticks * 4;
    for n in 0..pending {
        timers.set(key(n), far + below(1, "far", "timers", n, 1_000_000));
    }
    let (mut total, mut slowest, mut next) = (Duration::ZERO, Duration::ZERO, pending);
    for tick in 1..=args.ticks {
        let began = Instant::now();
        for _ in 0..args.a_tick {
            timers.set(key(next), tick + 20);
            next += 1;
        }
        // What was set ten ticks ago is put off by five.
        let moved = next.checked_sub(args.a_tick * 10).filter(|first| *first >= pending);
        for n in moved.into_iter().flat_map(|first| first..first + args.a_tick) {
            timers.set(key(n), tick + 15);
        }
        let mut popped = 0;
        while std::hint::black_box(timers.pop_due(tick)).is_some() {
            popped += 1;
        }
        assert!(popped <= args.a_tick, "only what was set is due");
        let took = began.elapsed();
        total += took;
        slowest = slowest.max(took);
    }
    (total / u32::try_from(args.ticks).unwrap_or(u32::MAX), slowest)
}
