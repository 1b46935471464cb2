//! From the start of a process to its first delta, on a folder that a crash left with many events.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use worldflow::open::{OpenConfig, open_realm};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::runtime::RunningRealm;
use worldflow_schemas::chance::below;
use worldflow_schemas::{Event, EventId, Input, Sym};

use crate::quest_2m::quest_world;

/// How a restart is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct RestartArgs {
    /// Events in the journal.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Players, each with a quest.
    #[arg(long, default_value_t = 100_000)]
    players: u64,
    /// Events of a tick.
    #[arg(long, default_value_t = 1_000)]
    a_tick: u64,
    /// How often it is started.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Where the data folder is made.
    #[arg(long, default_value = "target/workloads")]
    folder: PathBuf,
    /// Opens this folder and says when the first delta is there: what the parent process measures.
    #[arg(long, hide = true)]
    opened: Option<PathBuf>,
}

const REALM: &str = "bench";
const READY: &str = "first delta";

/// Fills a data folder, copies it as a crash would leave it, and starts processes on copies of that.
///
/// # Errors
/// When a realm cannot be opened, or a process cannot be started.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &RestartArgs) -> anyhow::Result<()> {
    if let Some(folder) = &args.opened {
        return first_delta(folder, args).await;
    }
    std::fs::create_dir_all(&args.folder)?;
    let data = tempfile::tempdir_in(&args.folder)?;
    let crashed = data.path().join("crashed");
    fill(&data.path().join("live"), &crashed, args).await?;
    println!("{} events of {} players, {:.1} MB on the disk", args.events, args.players, megabytes(&crashed));
    for run in 1..=args.runs {
        let copy = data.path().join(format!("copy{run}"));
        copy_folder(&crashed, &copy)?;
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("restart")
            .arg("--opened")
            .arg(&copy)
            .args(["--players", &args.players.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = std::io::BufReader::new(child.stdout.take().context("it is piped")?).lines();
        let ready = lines.map_while(Result::ok).find(|line| line.starts_with(READY));
        let seconds = began.elapsed().as_secs_f64();
        let ended = child.wait()?;
        let ready = ready.with_context(|| format!("it ended without a delta: {ended}"))?;
        println!("run {run}: {seconds:.2} s from the start of the process to the {ready}");
    }
    Ok(())
}

fn event(running: &RunningRealm, number: u64, args: &RestartArgs) -> Item {
    let player = |number| Sym::new(&format!("player{number:06}"));
    let accepts = number < args.players;
    let (kind, target) = if accepts {
        ("quest.accept".to_owned(), format!("quest{:03}", number % 200))
    } else {
        let target = below(1, "target", "restart", number, 64);
        (format!("kind{}", below(1, "kind", "restart", number, 8)), format!("target{target:02}"))
    };
    let id = EventId::Position(number + 1);
    let event = Event {
        at_ms: running.realm.progress.borrow().utc_ms,
        source: Sym::new("bots"),
        id: id.clone(),
        player: if accepts {
            player(number)
        } else {
            player(below(1, "player", "restart", number, args.players))
        },
        kind: Sym::new(&kind),
        target: Sym::new(&target),
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    Item { id, input: Input::Event(event), most_per_s: None }
}

fn config(folder: &Path) -> OpenConfig {
    OpenConfig {
        realm: Sym::new(REALM),
        world: quest_world(),
        folder: Some(folder.to_owned()),
        workers: Some(2),
        manual: true,
        event_time: Vec::new(),
        keys: Default::default(),
    }
}

/// Has a realm take all events, and copies its folder while it runs.
async fn fill(live: &Path, crashed: &Path, args: &RestartArgs) -> anyhow::Result<()> {
    let running = open_realm(config(live)).await?;
    let mut waiting = std::collections::VecDeque::new();
    let mut next = 0;
    while next < args.events {
        let end = (next + args.a_tick).min(args.events);
        let items = (next..end).map(|number| event(&running, number, args)).collect();
        next = end;
        let batch = Batch { source: Sym::new("bots"), items, watermark_ms: None, reached: None, reply: None };
        running.realm.admission.submit(batch).await?;
        let driver = running.driver();
        waiting.push_back(tokio::spawn(async move { driver.advance(1).await }));
        if waiting.len() >= 16
            && let Some(first) = waiting.pop_front()
        {
            first.await??;
        }
    }
    for last in waiting {
        last.await??;
    }
    copy_folder(live, crashed)?;
    running.close().await?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let copy = to.join(path.file_name().context("entries have names")?);
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            // What is removed meanwhile is not needed.
            let _removed = std::fs::copy(&path, &copy);
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
fn megabytes(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => megabytes(&entry.path()),
        Ok(about) => about.len() as f64 / 1e6,
        Err(_) => 0.0,
    });
    lengths.sum()
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn first_delta(folder: &Path, args: &RestartArgs) -> anyhow::Result<()> {
    let running = open_realm(config(folder)).await?;
    let mut item = event(&running, 1 << 40, args);
    // A quest is taken up by somebody who has none.
    if let Input::Event(event) = &mut item.input {
        event.kind = Sym::new("quest.accept");
        event.target = Sym::new("quest199");
        event.player = Sym::new("somebody new");
    }
    let mut events = running.realm.events.subscribe();
    let batch =
        Batch { source: Sym::new("bots"), items: vec![item], watermark_ms: None, reached: None, reply: None };
    running.realm.admission.submit(batch).await?;
    let tick = running.advance(1).await?;
    let published = events.recv().await?;
    println!("{READY}, of tick {}", published.tick.min(tick));
    running.close().await?;
    Ok(())
}
