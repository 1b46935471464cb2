//! What was measured, as lines of a table.

use super::{Measured, RouterArgs, Way};
use crate::open_loop::Times;

/// The aim: so many milliseconds are added to 99 of 100 at most, at so many requests a second.
const AIM: (f64, u64) = (1.0, 2_000);

/// What everything below is measured with.
pub(super) fn assumptions(args: &RouterArgs) -> String {
    let build =
        if cfg!(debug_assertions) { "a debug build: these are not the numbers of a release\n" } else { "" };
    let place = if args.inside { "threads of this process" } else { "a process of their own" };
    format!(
        "{build}{} simulated servers in {place}: the first token after {} ms, each after it {} ms, {} tokens an answer\n\
         batches of up to {} ms; requests due one by one{}; {} s counted after {} s\n\
         times in ms, from when a request was due; processor and memory of this process, with the making of requests",
        args.servers,
        args.first_token_ms,
        args.token_ms,
        args.tokens,
        args.batch_ms,
        if args.together > 1 { format!(", {} at a time", args.together) } else { String::new() },
        args.seconds,
        args.warm_up,
    )
}

/// The head of the table.
pub(super) fn head() -> String {
    format!(
        "{:>6} {:<7} {:>9}  {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8}  {:>10} {:>8}",
        "rate",
        "way",
        "answered",
        "first50",
        "first99",
        "max",
        "end50",
        "end99",
        "max",
        "cpu s/1000",
        "peak MiB"
    )
}

fn times(times: &Times) -> [f64; 3] {
    [0.5, 0.99, 1.0].map(|quantile| times.at(quantile))
}

fn row(
    rate: u64,
    way: &str,
    answered: &str,
    first: [f64; 3],
    whole: [f64; 3],
    cpu: f64,
    peak: &str,
) -> String {
    let [f50, f99, fmax] = first;
    let [w50, w99, wmax] = whole;
    format!(
        "{rate:>6} {way:<7} {answered:>9}  {f50:>8.2} {f99:>8.2} {fmax:>8.2}  {w50:>8.2} {w99:>8.2} {wmax:>8.2}  \
         {cpu:>10.3} {peak:>8}"
    )
}

/// One way at one rate.
pub(super) fn line(measured: &Measured) -> String {
    let way = match measured.way {
        Way::Direct => "direct",
        Way::Routed => "routed",
    };
    let answered = measured.outcome.whole.len().to_string();
    let (first, whole) = (times(&measured.outcome.first), times(&measured.outcome.whole));
    let peak = measured.peak_mib.to_string();
    row(measured.rate, way, &answered, first, whole, measured.cpu_per_1000, &peak)
}

/// What the second adds to the first, and whether that is within the aim.
pub(super) fn added(direct: &Measured, routed: &Measured) -> String {
    let minus = |of: fn(&Measured) -> [f64; 3]| {
        let (direct, routed) = (of(direct), of(routed));
        std::array::from_fn(|at| routed[at] - direct[at])
    };
    let (first, whole) = (minus(|of| times(&of.outcome.first)), minus(|of| times(&of.outcome.whole)));
    let cpu = routed.cpu_per_1000 - direct.cpu_per_1000;
    let peak = i128::from(routed.peak_mib) - i128::from(direct.peak_mib);
    let mut line = row(routed.rate, "added", "", first, whole, cpu, &peak.to_string());
    let (most_ms, rate) = AIM;
    if routed.rate == rate {
        let met = if first[1] <= most_ms { "met" } else { "short of it" };
        line.push_str(&format!("\naim: at {rate}/s p99 to the first text + at most {most_ms} ms: {met}"));
    }
    line
}
