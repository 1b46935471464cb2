//! What router and batcher add to a direct call: an open loop at several rates, each asked directly and through the tiers.
//!
//! `rows of npc_requests, due one after the other ─→ the same streaming client: at once, or behind choice, queue, batch and limit`.
//! No graph runs: rows are put into a view store as the collector does it, and replies are taken from admission. Both ways
//! make the prompt of the row, read the stream and judge it by the guard, so the difference is what lies between.

mod ledger;
mod report;
mod stage;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use worldflow_schemas::Sym;

use crate::open_loop::Schedule;
use crate::simulated::{Servers, SimulatorArgs};
use crate::usage::Usage;

use ledger::{Ledger, Outcome};
use stage::Stage;

/// How router and batcher are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct RouterArgs {
    /// Requests a second; several are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "200,1000,2000")]
    rates: Vec<u64>,
    /// Seconds of each that count.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds before them that do not: connections are made, and quantiles become known.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// So many requests are due at the same instant, as when a tick brings them.
    #[arg(long, default_value_t = 1)]
    together: u64,
    /// Tokens of each answer.
    #[arg(long, default_value_t = 8)]
    tokens: u32,
    /// Players who ask, in turns.
    #[arg(long, default_value_t = 10_000)]
    players: u64,
    /// Simulated servers of the tier.
    #[arg(long, default_value_t = 2)]
    servers: usize,
    /// Milliseconds until the first token.
    #[arg(long, default_value_t = 25)]
    first_token_ms: u64,
    /// Milliseconds of each token after it.
    #[arg(long, default_value_t = 9)]
    token_ms: u64,
    /// Milliseconds for which the tier gathers a batch at most.
    #[arg(long, default_value_t = 2)]
    batch_ms: u64,
    /// How often each rate is measured.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// The servers are threads of this process; then processor time and memory are theirs, too.
    #[arg(long)]
    inside: bool,
    /// Threads that carry requests; one a core when absent.
    #[arg(long)]
    threads: Option<usize>,
}

/// A way in which requests reach the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Direct,
    Routed,
}

/// What was measured of one way at one rate.
struct Measured {
    rate: u64,
    way: Way,
    outcome: Outcome,
    /// Processor time for a thousand requests, in seconds.
    cpu_per_1000: f64,
    peak_mib: u64,
}

/// Measures both ways at every rate, and prints them with their difference.
///
/// # Errors
/// When a request is not answered exactly once, or by no model.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub fn run(args: &RouterArgs) -> anyhow::Result<()> {
    println!("{}", report::assumptions(args));
    println!("{}", report::head());
    for rate in &args.rates {
        for _ in 0..args.runs.max(1) {
            let mut both = Vec::new();
            for way in [Way::Direct, Way::Routed] {
                let measured = measure(args, *rate, way)?;
                println!("{}", report::line(&measured));
                both.push(measured);
            }
            println!("{}", report::added(&both[0], &both[1]));
        }
    }
    Ok(())
}

/// One way at one rate, with servers and threads of its own.
fn measure(args: &RouterArgs, rate: u64, way: Way) -> anyhow::Result<Measured> {
    let servers = if args.inside { Servers::inside } else { Servers::beside }(&simulator(args))?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder.enable_all().build()?;
    let usage = Usage::begin();
    let schedule = Schedule::new(rate, args.together, args.seconds, args.warm_up)?;
    let ledger = Arc::new(Ledger::new(schedule)?);
    let stage = Arc::new(Stage::new(&Asking::of(args, rate), &servers.urls)?);
    let within = Duration::from_secs(args.seconds + args.warm_up) + PATIENCE;
    let measured = runtime.block_on(async {
        let way = async {
            match way {
                Way::Direct => ways::direct(&stage, &ledger).await,
                Way::Routed => ways::routed(&stage, &ledger).await,
            }
        };
        // What is never answered is found when the ledger is closed.
        tokio::time::timeout(within, way).await.unwrap_or(Ok(()))
    });
    let used = usage.end();
    runtime.shutdown_timeout(Duration::from_secs(5));
    measured?;
    let outcome = ledger.close()?;
    let counted = servers.close()?;
    ensure!(
        counted.finished == schedule.count,
        "the servers have answered {} of {} requests: each is to be sent once",
        counted.finished,
        schedule.count
    );
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let cpu_per_1000 = used.cpu_seconds * 1_000.0 / schedule.count as f64;
    Ok(Measured { rate, way, outcome, cpu_per_1000, peak_mib: used.peak_mib })
}

/// How long the last requests may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn simulator(args: &RouterArgs) -> SimulatorArgs {
    SimulatorArgs {
        servers: args.servers,
        // Servers with room for everything: what waits, waits on our side.
        slots: 1 << 16,
        queue: None,
        first_token_us: args.first_token_ms.saturating_mul(1_000),
        token_us: args.token_ms.saturating_mul(1_000),
    }
}

/// What is asked, and of which tier.
struct Asking {
    tokens: u32,
    players: u64,
    first_token_ms: u64,
    token_ms: u64,
    batch_ms: u64,
    /// Places of each server.
    places: u64,
}

impl Asking {
    fn of(args: &RouterArgs, rate: u64) -> Asking {
        let takes_ms = args.first_token_ms + args.token_ms * u64::from(args.tokens);
        // Four times what is under way on average, so that none waits for a place.
        let places = rate.saturating_mul(takes_ms) / 1_000 * 4 / args.servers.max(1) as u64;
        Asking {
            tokens: args.tokens.max(1),
            players: args.players.max(1),
            first_token_ms: args.first_token_ms,
            token_ms: args.token_ms,
            batch_ms: args.batch_ms,
            places: places.clamp(64, 1 << 15),
        }
    }
}

/// The realm that asks.
fn realm() -> Sym {
    Sym::new("bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_once_both_ways() {
        let args = RouterArgs {
            rates: vec![50],
            seconds: 1,
            warm_up: 0,
            together: 5,
            tokens: 4,
            players: 3,
            servers: 2,
            first_token_ms: 5,
            token_ms: 1,
            batch_ms: 2,
            runs: 1,
            inside: true,
            threads: Some(2),
        };
        for way in [Way::Direct, Way::Routed] {
            let measured = measure(&args, 50, way).expect("each is answered once");
            let Outcome { first, whole } = &measured.outcome;
            assert_eq!((first.len(), whole.len()), (50, 50), "{way:?}");
            // The first sentence ends with the last token: 5 ms and three times 1 ms.
            assert!(first.at(0.0) >= 7.0 && whole.at(0.0) >= first.at(0.0), "{way:?}");
        }
    }
}
