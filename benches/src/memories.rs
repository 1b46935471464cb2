//! What a world remembers of a player: from something that happens to the eight things that somebody remembers best, and how
//! long it takes to read those.
//!
//! The world is the chronicle, whose `memories` is a view in SQL (`pipelines/worlds/chronicle/views/memory.sql`).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use worldflow::edits::start_revision;
use worldflow::graph::graphs;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::view_store::Filter;
use worldflow_schemas::chance::below;
use worldflow_schemas::{Event, EventId, Input, Sym, Value};

/// How remembering is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct MemoriesArgs {
    /// What has happened between the players and others before anything is measured.
    #[arg(long, default_value_t = 10_000)]
    memories: u64,
    /// The players that it has happened to.
    #[arg(long, default_value_t = 1)]
    players: u64,
    /// What happens then, one thing after the other, each of which is measured.
    #[arg(long, default_value_t = 2_000)]
    events: u64,
    /// Timely workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

const REALM: &str = "chronicle";
/// Whom every player has talked to.
const KNOWN: [&str; 2] = ["osric", "wenna"];
/// What is remembered, and to whom it was done.
const DEEDS: [&str; 4] = ["spare", "harm", "befriend", "quarrel"];
/// How many are remembered.
const BEST: usize = 8;
/// What is sent in one tick before anything is measured.
const A_TICK: u64 = 100;

/// Fills a realm with memories, adds some, and reads the best of them after each.
///
/// # Errors
/// When the world cannot be read, the realm cannot be opened, or fewer are remembered than should be.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &MemoriesArgs) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("a debug build: these are not the numbers of a release");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/worlds/chronicle");
    let world = LoadedWorld::load(&Folder::read(&folder)?)?;
    let mut bench = Bench::open(args, &world).await?;
    let began = Instant::now();
    bench.fill(args).await?;
    println!(
        "{} memories of {} player(s), whom {} have met: {:.0} ms",
        args.memories,
        args.players,
        KNOWN.len(),
        millis(began.elapsed())
    );
    let (mut told, mut read) = (Vec::new(), Vec::new());
    for n in 0..args.events {
        let (player, item) = bench.deed(args, args.memories + n);
        let began = Instant::now();
        // What a view in SQL makes of the events of a tick is shown with that tick.
        bench.publish("bench", vec![item]).await?;
        told.push(began.elapsed());
        let began = Instant::now();
        let best = bench.best(player, KNOWN[usize::try_from(n % 2).unwrap_or(0)])?;
        read.push(began.elapsed());
        anyhow::ensure!(best == BEST, "{best} are remembered, not {BEST}");
    }
    println!("until the best are shown   {}", quantiles(told));
    println!("reading the best           {}", quantiles(read));
    println!("peak memory    {} MiB", crate::peak_memory_mib());
    bench.running.close().await.context("it closes")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        times.get((times.len().saturating_sub(1)) * percent / 100).copied().map_or(0.0, millis)
    };
    format!("p50 {:.3} ms   p99 {:.3} ms   max {:.3} ms", at(50), at(99), at(100))
}

struct Bench {
    running: RunningRealm,
    sent: u64,
    tick: u64,
    tick_ms: u64,
}

impl Bench {
    async fn open(args: &MemoriesArgs, world: &LoadedWorld) -> anyhow::Result<Bench> {
        let config = RealmConfig {
            workers: args.workers.max(1),
            ..RealmConfig::in_memory(Sym::new(REALM), Arc::clone(&world.world))
        };
        let running = open(config, graphs(Sym::new(REALM))).await?;
        let tick_ms = u64::from(world.world.tick_ms.max(1));
        let mut bench = Bench { running, sent: 0, tick: 0, tick_ms };
        bench.publish("world", vec![start_revision(world, 0)]).await?;
        Ok(bench)
    }

    async fn publish(&mut self, source: &str, items: Vec<Item>) -> anyhow::Result<()> {
        let published = self.running.realm.admission.publish(Sym::new(source), items);
        let (outcomes, advanced) = tokio::join!(published, self.running.advance(1));
        advanced?;
        self.tick += 1;
        let refused = outcomes?.into_iter().find(|outcome| !matches!(outcome, Outcome::Accepted { .. }));
        anyhow::ensure!(refused.is_none(), "refused: {refused:?}");
        Ok(())
    }

    fn event(&mut self, player: Sym, kind: &str, target: &str, amount: u64) -> Item {
        self.sent += 1;
        let id = EventId::Position(self.sent);
        let event = Event {
            at_ms: i64::try_from(self.tick * self.tick_ms).unwrap_or(i64::MAX),
            source: Sym::new("bench"),
            id: id.clone(),
            player,
            kind: Sym::new(kind),
            target: Sym::new(target),
            region: Sym::NONE,
            amount: i64::try_from(amount).unwrap_or(1),
            with: None,
        };
        Item { id, input: Input::Event(event), most_per_s: None }
    }

    /// Something that is remembered, the `n`th; who did it.
    fn deed(&mut self, args: &MemoriesArgs, n: u64) -> (Sym, Item) {
        let draw = |what: &str, most: u64| below(1, "memories", what, n, most);
        let player = player(n % args.players.max(1));
        let pick = |from: &[&'static str], at: u64| from[usize::try_from(at).unwrap_or(0) % from.len()];
        let (kind, target) = (pick(&DEEDS, draw("kind", 4)), pick(&KNOWN, draw("whom", 2)));
        (player, self.event(player, kind, target, 1 + draw("worth", 10)))
    }

    /// All memories that there are before anything is measured.
    async fn fill(&mut self, args: &MemoriesArgs) -> anyhow::Result<()> {
        let players = (0..args.players.max(1)).map(player);
        let met: Vec<(Sym, &str)> = players.flat_map(|player| KNOWN.map(|npc| (player, npc))).collect();
        for some in met.chunks(usize::try_from(A_TICK)?) {
            let items = some.iter().map(|(player, npc)| self.event(*player, "talk", npc, 1)).collect();
            self.publish("bench", items).await?;
        }
        for first in (0..args.memories).step_by(usize::try_from(A_TICK)?) {
            let until = (first + A_TICK).min(args.memories);
            let items = (first..until).map(|n| self.deed(args, n).1).collect();
            self.publish("bench", items).await?;
        }
        Ok(())
    }

    /// How many things are remembered of a player by somebody.
    fn best(&self, player: Sym, npc: &str) -> anyhow::Result<usize> {
        let views = &self.running.realm.views;
        let view = views.catalog().view("memories").context("the chronicle has memories")?;
        let column = |name| view.def().column(name).context("it has the column");
        let filter = Filter::all()
            .and(column("player")?, [Value::Sym(player)])
            .and(column("npc")?, [Value::Sym(Sym::new(npc))]);
        let memories = views.get(view).context("the view is there")?;
        Ok(memories.rows(&filter).count())
    }
}

fn player(n: u64) -> Sym {
    Sym::new(&format!("player{n:05}"))
}
