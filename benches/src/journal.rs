//! What it costs to make inputs durable: the same ticks without a data folder and with one.

use std::time::Instant;

use worldflow::open::{OpenConfig, open_realm};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::runtime::RunningRealm;
use worldflow_schemas::chance::below;
use worldflow_schemas::{Event, EventId, Input, Sym};

use crate::quest_2m::quest_world;

/// How the journal is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct JournalArgs {
    /// Events of a tick.
    #[arg(long, default_value_t = 1_000)]
    a_tick: u64,
    /// Ticks.
    #[arg(long, default_value_t = 1_000)]
    ticks: u64,
    /// Where the data folder is made; the disk is part of what is measured.
    #[arg(long, default_value = "target/workloads")]
    folder: std::path::PathBuf,
}

/// Runs the ticks by hand, as fast as they go, in memory and with fsync, and prints both.
///
/// # Errors
/// When a realm cannot be opened, or stops.
pub async fn run(args: &JournalArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.folder)?;
    for ahead in [1, 16] {
        measure("in memory", None, ahead, args).await?;
        let data = tempfile::tempdir_in(&args.folder)?;
        measure("with fsync", Some(data.path().join("realm")), ahead, args).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
async fn measure(
    what: &str,
    folder: Option<std::path::PathBuf>,
    ahead: usize,
    args: &JournalArgs,
) -> anyhow::Result<()> {
    let config = OpenConfig {
        realm: Sym::new("bench"),
        world: quest_world(),
        folder,
        workers: Some(2),
        manual: true,
        event_time: Vec::new(),
        keys: Default::default(),
    };
    let running = open_realm(config).await?;
    let inputs: Vec<Vec<Item>> = (0..args.ticks).map(|tick| items(&running, tick, args.a_tick)).collect();
    let began = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    for items in inputs {
        let batch = Batch { source: Sym::new("bots"), items, watermark_ms: None, reply: None, reached: None };
        running.realm.admission.submit(batch).await?;
        let driver = running.driver();
        waiting.push_back(tokio::spawn(async move { driver.advance(1).await }));
        if waiting.len() >= ahead
            && let Some(first) = waiting.pop_front()
        {
            first.await??;
        }
    }
    for last in waiting {
        last.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let events = args.ticks * args.a_tick;
    println!(
        "{what:11} at most {ahead:2} ticks on their way  {:9.0} events/s  {:7.3} ms a tick of {} events",
        events as f64 / seconds,
        seconds * 1e3 / args.ticks as f64,
        args.a_tick
    );
    running.close().await?;
    Ok(())
}

fn items(running: &RunningRealm, tick: u64, count: u64) -> Vec<Item> {
    let at_ms = running.realm.progress.borrow().utc_ms;
    let source = Sym::new("bots");
    let event = |number: u64| Event {
        at_ms,
        source,
        id: EventId::Position(number + 1),
        player: Sym::new(&format!("player{:05}", below(1, "player", "journal", number, 50_000))),
        kind: Sym::new(&format!("kind{}", below(1, "kind", "journal", number, 8))),
        target: Sym::new(&format!("target{:02}", below(1, "target", "journal", number, 64))),
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    let events = (tick * count..(tick + 1) * count).map(event);
    let item = |event: Event| Item { id: event.id.clone(), input: Input::Event(event), most_per_s: None };
    events.map(item).collect()
}
