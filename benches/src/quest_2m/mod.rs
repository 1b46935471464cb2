//! Workload `quest-2m`: two million events of fifty thousand players against two hundred quests.
//!
//! The file is generated once by seed, in the binary form and as NDJSON. A naive loop with hash maps
//! on one thread folds the same file; its rows must equal the graph's, and its time is the limit that
//! the graph is compared with.

mod generate;
mod naive;
mod world;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use worldflow::replay::{MOST_GAP_MS, Replay, Replayed, replay};
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_sources::recording::BinaryReader;

pub use world::{one_quest_world, quest_world};

/// How the workload is run.
#[derive(Clone, Debug, clap::Args)]
pub struct Quest2mArgs {
    /// Where the generated files are kept.
    #[arg(long, default_value = "target/workloads")]
    folder: std::path::PathBuf,
    /// How many events; the workload's name says two million.
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Timely workers; several numbers are tried in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    workers: Vec<usize>,
    /// How often the graph is run with each; the best is reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Writes the NDJSON form too.
    #[arg(long)]
    ndjson: bool,
}

const COMPARED: [ViewId; 3] = [catalog::QUEST_STATE, catalog::OBJECTIVE_PROGRESS, catalog::GRANTS];

/// Generates the workload if it is not there, runs the naive loop and the graph over it, compares
/// their rows and prints their times.
///
/// # Errors
/// When files cannot be written or read, or the rows differ.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &Quest2mArgs) -> anyhow::Result<()> {
    let path = args.folder.join(format!("quest-{}.wfr", args.events));
    if !path.exists() {
        let began = Instant::now();
        let made = generate::generate(&args.folder, &path, args.events).context("generating the workload")?;
        println!(
            "generated {} events ({} accepts, {:.1} % of events match) in {:.1} s",
            made.events,
            made.accepts,
            made.matched_percent,
            began.elapsed().as_secs_f64()
        );
    }
    if args.ndjson {
        let to = path.with_extension("ndjson");
        generate::write_ndjson(&path, &to)?;
        println!("ndjson         {}", to.display());
    }
    let events = decode(&path)?;
    let began = Instant::now();
    let expected = naive::fold(&path)?;
    report("naive loop", events, began.elapsed().as_secs_f64(), "one thread, hash maps, with decoding");

    let world = quest_world();
    for workers in args.workers.iter().copied() {
        let mut best = f64::MAX;
        for run in 1..=args.runs.max(1) {
            let plan = Replay {
                recordings: vec![(path.clone(), None)],
                dump: None,
                changes: false,
                workers,
                until_ms: None,
                grace_ms: 0,
                most_gap_ms: MOST_GAP_MS,
            };
            let before = crate::cpu_seconds();
            let Replayed { summary, views } = replay(&world, &plan, |_| {}).await?;
            let cpu = crate::cpu_seconds() - before;
            ensure!(summary.accepted == events, "only {} of {events} events were accepted", summary.accepted);
            for view in COMPARED {
                let found = views.read(view).rows(&Filter::all()).cloned().collect();
                expected.compare(view, found)?;
            }
            report(
                "graph",
                events,
                summary.seconds,
                &format!("run {run}, {workers} workers, {cpu:.1} s of processor, rows equal"),
            );
            best = best.min(summary.seconds);
        }
        report("graph, best", events, best, &format!("{workers} workers"));
    }
    println!("peak memory    {} MiB", crate::peak_memory_mib());
    Ok(())
}

fn decode(path: &Path) -> anyhow::Result<u64> {
    let began = Instant::now();
    let (mut reader, mut events) = (BinaryReader::open(path)?, 0);
    while let Some(block) = reader.next_block()? {
        events += block.events.len() as u64;
    }
    report("decode", events, began.elapsed().as_secs_f64(), "one thread, first read interns");
    Ok(events)
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn report(what: &str, events: u64, seconds: f64, note: &str) {
    println!("{what:14} {seconds:8.3} s  {:9.0} events/s  {note}", events as f64 / seconds);
}
