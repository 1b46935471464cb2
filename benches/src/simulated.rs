//! Simulated servers of tiers for workloads: in a process of their own, so that what they use is not counted, or in this one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use worldflow_sinks::simulated_tier::{SimulatedTier, SimulatedTierConfig};

/// The servers of a tier, and how fast they are. Nothing of it is drawn by chance.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulatorArgs {
    /// How many servers.
    #[arg(long, default_value_t = 1)]
    pub servers: usize,
    /// How many requests one runs at a time.
    #[arg(long, default_value_t = 8)]
    pub slots: usize,
    /// How many one admits, running and waiting; more are refused (503). None is refused when absent.
    #[arg(long)]
    pub queue: Option<usize>,
    /// Microseconds until the first token.
    #[arg(long, default_value_t = 25_000)]
    pub first_token_us: u64,
    /// Microseconds of each token after it.
    #[arg(long, default_value_t = 9_000)]
    pub token_us: u64,
}

/// The most servers of a tier: each has a thread.
const MOST_SERVERS: usize = 64;

/// What servers have counted, all together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counted {
    /// Requests that came.
    pub requests: u64,
    /// Answers that were whole.
    pub finished: u64,
    /// Prompts whose client has gone.
    pub aborted: u64,
    /// Prompts that were not admitted.
    pub rejected: u64,
    /// Tokens said.
    pub tokens: u64,
    /// The most that ran at a time on one server.
    pub peak_running: usize,
}

/// Servers that run.
pub(crate) struct Servers {
    pub(crate) urls: Vec<String>,
    host: Host,
}

enum Host {
    Inside(Vec<SimulatedTier>),
    /// It ends when its input does.
    Process {
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
    },
}

fn open(args: &SimulatorArgs) -> anyhow::Result<Vec<SimulatedTier>> {
    ensure!(
        (1..=MOST_SERVERS).contains(&args.servers),
        "{} servers of a tier\nhint: 1 to {MOST_SERVERS}",
        args.servers
    );
    let config = SimulatedTierConfig {
        max_num_seqs: args.slots.max(1),
        max_num_queued_reqs: args.queue,
        first_token: Duration::from_micros(args.first_token_us),
        per_token: Duration::from_micros(args.token_us),
        priority_scheduling: true,
        ..SimulatedTierConfig::default()
    };
    let servers = (0..args.servers).map(|_| SimulatedTier::open(config.clone()));
    servers.collect::<std::io::Result<_>>().context("a simulated server")
}

fn counted(servers: &[SimulatedTier]) -> Counted {
    servers.iter().map(SimulatedTier::measured).fold(Counted::default(), |sum, of| Counted {
        requests: sum.requests + of.requests,
        finished: sum.finished + of.finished,
        aborted: sum.aborted + of.aborted,
        rejected: sum.rejected + of.rejected,
        tokens: sum.tokens + of.tokens,
        peak_running: sum.peak_running.max(of.peak_running),
    })
}

/// Serves until the input ends: the addresses, one a line, then an empty line; at the end what was counted.
///
/// # Errors
/// When no server can be started, or nobody reads what is printed.
pub fn run(args: &SimulatorArgs) -> anyhow::Result<()> {
    let servers = open(args)?;
    let mut out = std::io::stdout();
    for server in &servers {
        writeln!(out, "{}", server.url())?;
    }
    writeln!(out)?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // Who has started it may have ended.
    let _ = writeln!(out, "{}", serde_json::to_string(&counted(&servers))?);
    Ok(())
}

impl Servers {
    /// In this process, each on a thread.
    pub(crate) fn inside(args: &SimulatorArgs) -> anyhow::Result<Servers> {
        let servers = open(args)?;
        let urls = servers.iter().map(SimulatedTier::url).collect();
        Ok(Servers { urls, host: Host::Inside(servers) })
    }

    /// In a process of the same program.
    pub(crate) fn beside(args: &SimulatorArgs) -> anyhow::Result<Servers> {
        let mut command = Command::new(std::env::current_exe()?);
        let number = |n: u64| n.to_string();
        command.arg("simulator").args(["--servers", &args.servers.to_string()]);
        command.args(["--slots", &args.slots.to_string()]);
        command.args(["--first-token-us", &number(args.first_token_us)]);
        command.args(["--token-us", &number(args.token_us)]);
        if let Some(queue) = args.queue {
            command.args(["--queue", &queue.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("its input is a pipe")?;
        let mut output = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        let mut urls = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(output.read_line(&mut line)? > 0, "the process of the simulated servers has ended");
            match line.trim_end() {
                "" => break,
                // The program also says what machine it runs on.
                line if line.starts_with("http://") => urls.push(line.to_owned()),
                _ => {}
            }
        }
        Ok(Servers { urls, host: Host::Process { child, input, output } })
    }

    /// Ends them; what they have counted.
    pub(crate) fn close(self) -> anyhow::Result<Counted> {
        match self.host {
            Host::Inside(servers) => Ok(counted(&servers)),
            Host::Process { mut child, input, mut output } => {
                drop(input);
                let mut last = String::new();
                output.read_to_string(&mut last)?;
                child.wait()?;
                serde_json::from_str(last.trim()).context("what the simulated servers have counted")
            }
        }
    }
}
