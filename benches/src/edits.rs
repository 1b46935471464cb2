//! Edits of a quest that many players hold: from the edit to the tick after which nothing more changes, and how many
//! rows that touches, beside computing the same state from all events again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use worldflow::edits::{Difference, start_revision};
use worldflow::graph::graphs;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::collector::Recorder;
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_schemas::input::{DefinitionEdit, Revise};
use worldflow_schemas::{Command, Event, EventId, Input, Sym};

/// How edits are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct EditsArgs {
    /// Players who hold the quest.
    #[arg(long, default_value_t = 100_000)]
    players: u64,
    /// Timely workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How often each edit is measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

const REALM: &str = "bench";

/// The players' counts are 0 to 9, a tenth of them each.
const QUEST: &str = "\
hunt:
  title: Hunt
  accept: auto
  stages: {hunt: {objectives: {wolves: {event: kill, target: wolf, count: 10}}}}
  rewards: {slots: {pay: {item: gold, amount: 5}}}
";

fn world(quests: &str) -> anyhow::Result<LoadedWorld> {
    let world = "name: bench\nseed: 7\ntick_ms: 10\nkinds: {kill: {}, look: {}}\n\
                 entities: {wolf: {kind: npc}, bear: {kind: npc}}\n\
                 facts: {open: {scope: realm, type: bool, default: false}}\n";
    let files = [("world.yaml", world), ("quests/hunt.yaml", quests)];
    let files = files.iter().filter(|(_, text)| !text.is_empty()).map(|(path, text)| (*path, *text));
    Ok(LoadedWorld::load(&Folder::of(files))?)
}

/// What is edited. All have begun, so the gate keeps nobody out: its figure is that of an edit that concerns no row.
fn edits() -> [(&'static str, String); 5] {
    [
        ("threshold down, a tenth completes", QUEST.replace("count: 10", "count: 9")),
        ("threshold up", QUEST.replace("count: 10", "count: 20")),
        ("another pattern", QUEST.replace("target: wolf", "target: bear")),
        (
            "a gate, which touches nobody here",
            QUEST.replace("  stages", "  requires: {facts: {open: true}}\n  stages"),
        ),
        ("removal", String::new()),
    ]
}

/// Measures every edit on realms of its own.
///
/// # Errors
/// When a realm cannot be opened.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &EditsArgs) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("a debug build: these are not the numbers of a release");
    }
    println!("{} players hold the quest, {} workers", args.players, args.workers);
    println!("{:<36} {:>10} {:>6} {:>9}   {:>10}", "edit", "ms", "ticks", "rows", "cold, ms");
    for (what, quests) in edits() {
        let edited = world(&quests)?;
        // Counting takes the rows in order, which takes as long as the edit: it is done for itself.
        let rows = Arc::new(AtomicU64::new(0));
        edit(args, &edited, Some(&rows)).await?;
        let rows = rows.load(Ordering::Relaxed);
        for _ in 0..args.runs.max(1) {
            let (took, ticks) = edit(args, &edited, None).await?;
            let cold = cold(args, &edited).await?;
            println!("{what:<36} {:>10.1} {ticks:>6} {rows:>9}   {:>10.1}", millis(took), millis(cold));
        }
    }
    println!("peak memory    {} MiB", crate::peak_memory_mib());
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A realm with its definitions. Its changes of rows are added to `counted`.
async fn opened(
    args: &EditsArgs,
    world: &LoadedWorld,
    counted: Option<&Arc<AtomicU64>>,
) -> anyhow::Result<RunningRealm> {
    let counting = |counted: &Arc<AtomicU64>| -> Recorder {
        let counted = Arc::clone(counted);
        Box::new(move |_, rows| {
            counted.fetch_add(rows.len() as u64, Ordering::Relaxed);
        })
    };
    let config = RealmConfig {
        workers: args.workers.max(1),
        recorder: counted.map(counting),
        ..RealmConfig::in_memory(Sym::new(REALM), Arc::clone(&world.world))
    };
    let running = open(config, graphs(Sym::new(REALM))).await?;
    publish(&running, Sym::new("world"), vec![start_revision(world, 0)]).await?;
    Ok(running)
}

async fn publish(running: &RunningRealm, source: Sym, items: Vec<Item>) -> anyhow::Result<()> {
    let published = running.realm.admission.publish(source, items);
    let (outcomes, advanced) = tokio::join!(published, running.advance(1));
    advanced?;
    let refused = outcomes?.into_iter().find(|outcome| !matches!(outcome, Outcome::Accepted { .. }));
    anyhow::ensure!(refused.is_none(), "refused: {refused:?}");
    Ok(())
}

/// Every player is known, and has killed as many wolves as the last digit of its number.
fn events(args: &EditsArgs) -> Vec<Item> {
    let event = |number: u64| {
        let id = EventId::Position(number + 1);
        let kills = i64::try_from(number % 10).unwrap_or(0);
        let (kind, target) = if kills > 0 { ("kill", Sym::new("wolf")) } else { ("look", Sym::NONE) };
        let event = Event {
            at_ms: 0,
            source: Sym::new("bots"),
            id: id.clone(),
            player: Sym::new(&format!("player{number:06}")),
            kind: Sym::new(kind),
            target,
            region: Sym::NONE,
            amount: kills.max(1),
            with: None,
        };
        Item { id, input: Input::Event(event), most_per_s: None }
    };
    (0..args.players).map(event).collect()
}

/// Goes on until nothing changes any more; how many ticks that took.
async fn settle(running: &RunningRealm) -> anyhow::Result<u64> {
    let mut ticks = 1;
    let mut hash = running.realm.views.state_hash();
    loop {
        running.advance(1).await?;
        let now = running.realm.views.state_hash();
        if now == hash {
            return Ok(ticks);
        }
        (hash, ticks) = (now, ticks + 1);
    }
}

/// Edits a realm whose players hold the quest: the time and the ticks until all is consistent. The changes of rows in that time go to
/// `counted`.
async fn edit(
    args: &EditsArgs,
    edited: &LoadedWorld,
    counted: Option<&Arc<AtomicU64>>,
) -> anyhow::Result<(Duration, u64)> {
    let before = world(QUEST)?;
    let running = opened(args, &before, counted).await?;
    publish(&running, Sym::new("bots"), events(args)).await?;
    settle(&running).await?;
    if let Some(counted) = counted {
        counted.store(0, Ordering::Relaxed);
    }
    let item = revision(Difference::of(&before, edited).edits(edited));
    let began = Instant::now();
    publish(&running, Sym::new("edits"), vec![item]).await?;
    let ticks = settle(&running).await?;
    let took = began.elapsed();
    running.close().await.context("it closes")?;
    Ok((took, ticks))
}

fn revision(edits: Vec<DefinitionEdit>) -> Item {
    let (source, id) = (Sym::new("edits"), EventId::Position(1));
    let revise = Revise {
        source,
        id: id.clone(),
        author: "bench".into(),
        source_revision: "".into(),
        if_revision: Some(1),
        fixed: None,
        edits,
    };
    Item { id, input: Input::Command(Command::Revise(revise)), most_per_s: None }
}

/// The same state from all events, under the edited definitions from the beginning.
async fn cold(args: &EditsArgs, edited: &LoadedWorld) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let running = opened(args, edited, None).await?;
    publish(&running, Sym::new("bots"), events(args)).await?;
    settle(&running).await?;
    let took = began.elapsed();
    running.close().await.context("it closes")?;
    Ok(took)
}
