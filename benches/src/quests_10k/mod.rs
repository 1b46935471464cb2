//! A world of ten thousand quests and a realm of a hundred thousand players: how long it takes to check and load, to begin, to make
//! everyone known, to play, and to edit a quest in the midst of it.

mod world;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use worldflow::edits::start_revision;
use worldflow::graph::graphs;
use worldflow::world::{LoadedWorld, Severity, check};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_schemas::chance::below;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Command, Event, EventId, Input, Sym};

pub use world::large_world;

/// How it is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Quests10kArgs {
    /// Quests of the world.
    #[arg(long, default_value_t = 10_000)]
    quests: usize,
    /// Players of the realm; 0 checks and loads only.
    #[arg(long, default_value_t = 100_000)]
    players: usize,
    /// Quests that each player takes up and plays.
    #[arg(long, default_value_t = 3)]
    each: usize,
    /// Inputs of a tick.
    #[arg(long, default_value_t = 20_000)]
    batch: usize,
    /// Timely workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How often the folder is checked.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Write the folder here, for `worldflow check`.
    #[arg(long, value_name = "FOLDER")]
    write: Option<std::path::PathBuf>,
}

const SEED: u64 = 77;

/// Measures each part and prints it.
///
/// # Errors
/// When the world is wrong, or a realm cannot be opened.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &Quests10kArgs) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("a debug build: these are not the numbers of a release");
    }
    let folder = large_world(args.quests);
    let bytes: usize = folder.files.values().map(Vec::len).sum();
    println!("{} quests in {} files, {} KiB", args.quests, folder.files.len(), bytes / 1024);
    if let Some(path) = &args.write {
        for (file, bytes) in &folder.files {
            let path = path.join(file);
            std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            std::fs::write(path, bytes)?;
        }
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..args.runs.max(1) {
        let began = Instant::now();
        let problems = check(&folder);
        times.push(began.elapsed());
        anyhow::ensure!(problems.count(Severity::Error) == 0, "{problems}");
    }
    times.sort();
    println!("check          {:.0} ms (median of {})", millis(times[times.len() / 2]), times.len());
    let began = Instant::now();
    let loaded = LoadedWorld::load(&folder)?;
    println!("load           {:.0} ms", millis(began.elapsed()));
    if args.players > 0 {
        play(args, &loaded).await?;
    }
    println!("peak memory    {} MiB", crate::peak_memory_mib());
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
async fn play(args: &Quests10kArgs, world: &LoadedWorld) -> anyhow::Result<()> {
    let realm = Sym::new("large");
    let config = RealmConfig {
        workers: args.workers.max(1),
        ..RealmConfig::in_memory(realm, std::sync::Arc::clone(&world.world))
    };
    let running = open(config, graphs(realm)).await?;
    let began = Instant::now();
    publish(&running, vec![start_revision(world, 0)], "world").await?;
    println!("begin          {:.0} ms for the tick that defines all quests", millis(began.elapsed()));
    let mut source = Source { number: 0 };
    let mut measure = Measure::default();
    for first in (0..args.players).step_by(args.batch) {
        let players = first..args.players.min(first + args.batch);
        let items = players.map(|player| source.event(player, "kind_00", "target_000")).collect();
        measure.tick(&running, items).await?;
    }
    measure.print("known");
    for turn in 0..args.each {
        let taken = |player: usize| draw("taken", player * args.each + turn, args.quests);
        for (what, deeds) in
            [("accepted", None), ("counted", Some(0)), ("counted", Some(1)), ("counted", Some(2))]
        {
            let mut measure = Measure::default();
            for first in (0..args.players).step_by(args.batch) {
                let players = first..args.players.min(first + args.batch);
                let items = players.map(|player| match deeds {
                    None => source.event(player, "quest.accept", &world::quest(taken(player))),
                    Some(objective) => {
                        let (kind, target) = world::counts(taken(player), objective);
                        source.amount(player, &kind, &target, 10)
                    }
                });
                measure.tick(&running, items.collect()).await?;
            }
            measure.print(what);
        }
    }
    edit(&running, world).await?;
    running.close().await.context("it closes")?;
    Ok(())
}

/// A quest asks for more in the midst of it.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
async fn edit(running: &RunningRealm, world: &LoadedWorld) -> anyhow::Result<()> {
    let (id, def) = world.quests.iter().next().context("there are quests")?;
    let mut def = (**def).clone();
    for (_, objective) in &mut def.stages.0[0].1.objectives.0 {
        objective.count = objective.count.map(|count| count + 1);
    }
    let define = DefinitionEdit::Quest(Sym::new(id), Some(std::sync::Arc::new(def)));
    let input = Input::Command(Command::Define(define));
    let item = Item { id: EventId::Named("edit".into()), input, most_per_s: None };
    let began = Instant::now();
    publish(running, vec![item], "edits").await?;
    running.advance(2).await?;
    println!(
        "edit           {:.0} ms until a quest's new threshold holds for everyone",
        millis(began.elapsed())
    );
    Ok(())
}

fn draw(stream: &str, number: usize, bound: usize) -> usize {
    let drawn = below(SEED, stream, "players", number as u64, bound as u64);
    usize::try_from(drawn).unwrap_or(0)
}

/// The game server.
struct Source {
    number: u64,
}

impl Source {
    fn event(&mut self, player: usize, kind: &str, target: &str) -> Item {
        self.amount(player, kind, target, 1)
    }

    fn amount(&mut self, player: usize, kind: &str, target: &str, amount: i64) -> Item {
        self.number += 1;
        let id = EventId::Position(self.number);
        let event = Event {
            at_ms: 0,
            source: Sym::new("bots"),
            id: id.clone(),
            player: Sym::new(&format!("player_{player:06}")),
            kind: Sym::new(kind),
            target: Sym::new(target),
            region: Sym::NONE,
            amount,
            with: None,
        };
        Item { id, input: Input::Event(event), most_per_s: None }
    }
}

/// Ticks of one kind.
#[derive(Default)]
struct Measure {
    inputs: usize,
    ticks: Vec<Duration>,
}

impl Measure {
    /// A tick with these inputs, and the one in which what follows acts.
    async fn tick(&mut self, running: &RunningRealm, items: Vec<Item>) -> anyhow::Result<()> {
        self.inputs += items.len();
        let began = Instant::now();
        publish(running, items, "bots").await?;
        running.advance(1).await?;
        self.ticks.push(began.elapsed());
        Ok(())
    }

    #[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the numbers are the result")]
    fn print(&mut self, what: &str) {
        self.ticks.sort();
        let all: Duration = self.ticks.iter().sum();
        let longest = self.ticks.last().copied().unwrap_or_default();
        println!(
            "{what:<14} {:>7} inputs in {:>7.0} ms, {:>7.0} a second, longest two ticks {:.0} ms",
            self.inputs,
            millis(all),
            self.inputs as f64 / all.as_secs_f64().max(1e-9),
            millis(longest)
        );
    }
}

/// Hands inputs over and lets a tick pass. A quest that cannot be taken up is a rejection, not a refusal.
async fn publish(running: &RunningRealm, items: Vec<Item>, source: &str) -> anyhow::Result<()> {
    let published = running.realm.admission.publish(Sym::new(source), items);
    let (outcomes, advanced) = tokio::join!(published, running.advance(1));
    advanced?;
    let refused = outcomes?.into_iter().find(|outcome| !matches!(outcome, Outcome::Accepted { .. }));
    anyhow::ensure!(refused.is_none(), "refused: {refused:?}");
    Ok(())
}
