//! Certifies the simulated tier: one script, run against a model server and against the simulator.
//!
//! `server ─script→ what it does, how fast ─→ a simulator with these numbers ─the same script→ where they differ`. The server
//! is any that is OpenAI-compatible: vLLM, llama.cpp. What it says is not looked at.

mod client;
mod report;
mod script;
mod speed;

use std::time::Duration;

use anyhow::Context as _;
use worldflow_sinks::simulated_tier::{SimulatedTier, SimulatedTierConfig};

use client::Server;
use script::{Conditions, behaviour};
use speed::{Batch, measure};

/// How a server is certified.
#[derive(Clone, Debug, clap::Args)]
pub struct CertifyArgs {
    /// The server, for example http://127.0.0.1:8000.
    #[arg(long)]
    url: String,
    /// The model; the first that the server lists when absent.
    #[arg(long)]
    model: Option<String>,
    /// The environment variable that has the key.
    #[arg(long, value_name = "VARIABLE")]
    key: Option<String>,
    /// How many requests the server runs at a time (vLLM: --max-num-seqs; llama.cpp: slots).
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// How many it admits, running and waiting (vLLM: --max-num-queued-reqs); without it none is refused.
    #[arg(long)]
    queue: Option<usize>,
    /// Tokens of each answer.
    #[arg(long, default_value_t = 32)]
    tokens: u32,
    /// How often each size of batch is measured.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// The sizes.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16")]
    batches: Vec<usize>,
}

/// What a server does, and how fast.
struct Findings {
    behaviour: Vec<(&'static str, String)>,
    batches: Vec<Batch>,
}

/// Runs the script against the server, then against a simulator with its numbers, and prints both.
///
/// # Errors
/// When the server cannot be reached or answers nothing that can be measured.
#[expect(clippy::print_stdout, reason = "the findings are the result")]
pub async fn run(args: &CertifyArgs) -> anyhow::Result<()> {
    let key = args.key.as_ref().map(std::env::var).transpose().context("the variable of --key")?;
    let server = Server::open(&args.url, args.model.clone(), key).await?;
    println!("server         {}, model {}", server.url(), server.model());
    let real = findings(&server, args).await?;
    let simulated = SimulatedTier::open(as_measured(args, &real.batches))?;
    let simulator = Server::open(&simulated.url(), None, None).await?;
    let simulated_findings = findings(&simulator, args).await?;
    print!("{}", report::behaviour(&real.behaviour, &simulated_findings.behaviour));
    print!("{}", report::speed(&real.batches, &simulated_findings.batches));
    print!("{}", report::misses(&real.batches, &simulated_findings.batches));
    Ok(())
}

async fn findings(server: &Server, args: &CertifyArgs) -> anyhow::Result<Findings> {
    let conditions = Conditions { slots: args.slots, queue: args.queue };
    let behaviour = behaviour(server, conditions).await?;
    // The first request after a while is none like the others.
    measure(server, 1, 1, args.tokens, 0).await?;
    let mut batches = Vec::new();
    for size in args.batches.iter().copied().filter(|size| (1..=256).contains(size)) {
        // A server that admits fewer refuses the rest, which says nothing of its speed.
        if args.queue.is_none_or(|queue| size <= queue) {
            batches.push(measure(server, size, args.rounds.max(1), args.tokens, size as u64).await?);
        }
    }
    Ok(Findings { behaviour, batches })
}

/// A simulator that is as fast as what was measured: alone, and how much longer it takes beside others.
fn as_measured(args: &CertifyArgs, batches: &[Batch]) -> SimulatedTierConfig {
    let alone = |of: fn(&Batch) -> Duration| batches.first().map_or(Duration::ZERO, of);
    let fullest = batches.iter().rfind(|batch| batch.size > 1 && batch.size <= args.slots);
    let longer = |of: fn(&Batch) -> Duration| {
        let others = fullest.map_or(1, |batch| u32::try_from(batch.size - 1).unwrap_or(1));
        fullest.map_or(Duration::ZERO, |batch| of(batch).saturating_sub(alone(of))) / others
    };
    SimulatedTierConfig {
        max_num_seqs: args.slots.max(1),
        max_num_queued_reqs: args.queue,
        first_token: alone(Batch::first_token),
        // Those that begin together find half of the others there.
        first_beside: longer(Batch::first_token) * 2,
        per_token: alone(Batch::per_token),
        token_beside: longer(Batch::per_token),
        priority_scheduling: true,
        ..SimulatedTierConfig::default()
    }
}
