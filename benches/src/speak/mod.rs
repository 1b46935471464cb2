//! Ten thousand players who talk: the whole graph, both tiers simulated, from an address that is accepted to its first text.
//!
//! `talk ─admission→ tick ─graph→ npc_requests ─tiers→ simulated servers ─sentences→ graph ─→ npc_sentences in the view store`.
//! A time ends when a reader who follows the view store, as the sessions of sockets do, has the row of the first sentence;
//! writing it to a socket is not in it (`sockets` measures that). Open loop: also counted is how late an address was sent.

mod players;
mod read;
mod report;
mod send;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::runtime::Handle;
use tokio::sync::watch;
use worldflow::graph::graphs;
use worldflow::world::LoadedWorld;
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::tick_clock::system_wall_clock;
use worldflow_schemas::Sym;
use worldflow_sinks::tiers::Tiers;

use crate::simulated::{Counted, Servers, SimulatorArgs};
use crate::usage::{Usage, Used};

use players::{Heard, Players};
use read::{Lines, TierCounts};
use send::Sender;
use world::Cast;

/// How many players talk, to whom, and what the tiers are like.
#[derive(Clone, Debug, clap::Args)]
pub struct SpeakArgs {
    /// Players.
    #[arg(long, default_value_t = 10_000)]
    players: u64,
    /// Milliseconds between two addresses of a player.
    #[arg(long, default_value_t = 10_000)]
    every_ms: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds before them that do not.
    #[arg(long, default_value_t = 10)]
    warm_up: u64,
    /// Characters who are told what a player says; a fifth of them are of silver.
    #[arg(long, default_value_t = 1_000)]
    npcs: u64,
    /// Characters who say the same to everyone who asks meanwhile; a fifth of them are of silver.
    #[arg(long, default_value_t = 20)]
    criers: u64,
    /// Of a hundred players so many address a crier.
    #[arg(long, default_value_t = 20)]
    crowd_percent: u64,
    /// Of a thousand addresses after so many the player leaves, and is back for the next.
    #[arg(long, default_value_t = 20)]
    leave_per_1000: u64,
    /// Within so many milliseconds of the address.
    #[arg(long, default_value_t = 300)]
    leave_within_ms: u64,
    /// The seed of who does what when.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Timely workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Keeps a journal in a folder that is made there; without it the realm is in memory.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Milliseconds within which the first words of characters of gold must come.
    #[arg(long, default_value_t = 250)]
    gold_budget_ms: u64,
    /// The longest answer of these.
    #[arg(long, default_value_t = 12)]
    gold_tokens: u32,
    /// Servers of gold.
    #[arg(long, default_value_t = 6)]
    gold_servers: usize,
    /// Requests that one of them runs at a time.
    #[arg(long, default_value_t = 32)]
    gold_slots: usize,
    /// Milliseconds until its first token.
    #[arg(long, default_value_t = 25)]
    gold_first_token_ms: u64,
    /// Milliseconds of each token after it.
    #[arg(long, default_value_t = 9)]
    gold_token_ms: u64,
    /// What a million tokens of prompts and of answers cost.
    #[arg(long, value_delimiter = ',', value_name = "IN,OUT", default_value = "0.05,0.2")]
    gold_price: Vec<f64>,
    /// What a server costs a month.
    #[arg(long, default_value_t = 730.0)]
    gold_month: f64,
    /// The same of silver.
    #[arg(long, default_value_t = 900)]
    silver_budget_ms: u64,
    /// The longest answer of these.
    #[arg(long, default_value_t = 24)]
    silver_tokens: u32,
    /// Servers of silver.
    #[arg(long, default_value_t = 6)]
    silver_servers: usize,
    /// Requests that one of them runs at a time.
    #[arg(long, default_value_t = 32)]
    silver_slots: usize,
    /// Milliseconds until its first token.
    #[arg(long, default_value_t = 100)]
    silver_first_token_ms: u64,
    /// Milliseconds of each token after it.
    #[arg(long, default_value_t = 25)]
    silver_token_ms: u64,
    /// What a million tokens of prompts and of answers cost.
    #[arg(long, value_delimiter = ',', value_name = "IN,OUT", default_value = "0.3,1.2")]
    silver_price: Vec<f64>,
    /// What a server costs a month.
    #[arg(long, default_value_t = 870.0)]
    silver_month: f64,
    /// Milliseconds within which a whole answer must come.
    #[arg(long, default_value_t = 3_000)]
    patience_ms: u64,
    /// Hours a day in which a player plays, and so talks.
    #[arg(long, default_value_t = 2.0)]
    hours_per_day: f64,
    /// The servers are threads of this process.
    #[arg(long)]
    inside: bool,
}

/// What a tier is like.
#[derive(Clone, Copy, Debug)]
struct TierArgs {
    servers: usize,
    slots: usize,
    first_token_ms: u64,
    token_ms: u64,
    price: (f64, f64),
    month: f64,
}

fn price(given: &[f64]) -> (f64, f64) {
    let at = |place| given.get(place).copied().unwrap_or(0.0);
    (at(0), at(1))
}

impl SpeakArgs {
    fn gold(&self) -> TierArgs {
        TierArgs {
            servers: self.gold_servers,
            slots: self.gold_slots,
            first_token_ms: self.gold_first_token_ms,
            token_ms: self.gold_token_ms,
            price: price(&self.gold_price),
            month: self.gold_month,
        }
    }

    fn silver(&self) -> TierArgs {
        TierArgs {
            servers: self.silver_servers,
            slots: self.silver_slots,
            first_token_ms: self.silver_first_token_ms,
            token_ms: self.silver_token_ms,
            price: price(&self.silver_price),
            month: self.silver_month,
        }
    }

    fn cast(&self) -> Cast {
        Cast { npcs: self.npcs.max(1), criers: self.criers.max(1) }
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!((1..=1_000_000).contains(&self.players), "players are 1 to 1,000,000");
        ensure!(self.npcs <= 100_000 && self.criers <= 100_000, "characters are at most 100,000");
        ensure!(self.seconds <= 86_400 && self.warm_up <= 86_400, "a day is enough");
        let prices = [&self.gold_price, &self.silver_price];
        ensure!(
            prices.iter().all(|price| price.len() == 2),
            "a price is two numbers: of prompts, of answers"
        );
        ensure!(
            self.leave_within_ms < self.every_ms / 2,
            "a player who leaves must be back for the next address\nhint: a larger --every-ms"
        );
        Ok(())
    }
}

impl TierArgs {
    fn simulator(&self) -> SimulatorArgs {
        SimulatorArgs {
            servers: self.servers,
            slots: self.slots,
            queue: None,
            first_token_us: self.first_token_ms.saturating_mul(1_000),
            token_us: self.token_ms.saturating_mul(1_000),
        }
    }
}

/// What was measured.
struct Measured {
    heard: Heard,
    lines: Lines,
    /// Of gold and of silver: what the edge has counted, and what the servers have.
    tiers: [(TierCounts, Counted); 2],
    /// How late an address was handed over at most.
    latest: Duration,
    used: Used,
}

/// Has the players talk, and prints how soon they are answered, by whom, and what that costs.
///
/// # Errors
/// When a player is answered never or twice, or the realm cannot be opened.
#[expect(clippy::print_stdout, reason = "the numbers are the result")]
pub async fn run(args: &SpeakArgs) -> anyhow::Result<()> {
    args.check()?;
    println!("{}", report::assumptions(args));
    let measured = measure(args).await?;
    println!("{}", report::findings(args, &measured));
    let Heard { silent, unexpected, .. } = measured.heard;
    ensure!(silent == 0, "{silent} addresses were never answered");
    ensure!(unexpected == 0, "{unexpected} lines were heard that nobody waited for");
    Ok(())
}

async fn measure(args: &SpeakArgs) -> anyhow::Result<Measured> {
    let host = if args.inside { Servers::inside } else { Servers::beside };
    let (gold, silver) = (host(&args.gold().simulator())?, host(&args.silver().simulator())?);
    let world = world::world(args, &gold.urls, &silver.urls)?;
    let folder = args.folder.as_ref().map(|folder| {
        std::fs::create_dir_all(folder)?;
        tempfile::tempdir_in(folder)
    });
    let folder = folder.transpose()?;
    let usage = Usage::begin();
    let running = opened(args, &world, folder.as_ref().map(|folder| folder.path().to_owned())).await?;
    let realm = running.realm.clone();
    let tiers = Tiers::open(realm.clone(), None, |_| None)?;
    let players = Arc::new(Players::new(args));
    let sender = Sender::new(realm.clone(), Arc::clone(&players), Handle::current());
    let (stop, stopping) = watch::channel(false);
    let reader = tokio::spawn(read::follow(realm.clone(), Arc::clone(&players), stopping));
    let plan = args.clone();
    let played = tokio::task::spawn_blocking(move || sender.play(&plan));
    let latest = played.await.context("who sends has ended")?;
    let within = Instant::now() + Duration::from_millis(args.patience_ms) + Duration::from_secs(5);
    while players.waiting() > 0 && Instant::now() < within {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What was begun ends, and the tiers are told once a second.
    tokio::time::sleep(Duration::from_millis(args.patience_ms + 1_500)).await;
    let counts = [read::tier(&realm, "gold"), read::tier(&realm, "silver")];
    let used = usage.end();
    stop.send_replace(true);
    let lines = reader.await.context("the reader has ended")??;
    tiers.close().await;
    drop(realm);
    running.close().await?;
    let counted = [gold.close()?, silver.close()?];
    let players = Arc::try_unwrap(players).ok().context("nobody else has the players any more")?;
    let [of_gold, of_silver] = counts;
    let tiers = [(of_gold, counted[0]), (of_silver, counted[1])];
    Ok(Measured { heard: players.close(), lines, tiers, latest, used })
}

/// The realm, by the wall clock, with its definitions.
async fn opened(
    args: &SpeakArgs,
    world: &LoadedWorld,
    folder: Option<PathBuf>,
) -> anyhow::Result<RunningRealm> {
    let (name, wall) = (Sym::new("bench"), system_wall_clock());
    let start = worldflow::edits::start_revision(world, wall());
    let config = RealmConfig {
        folder,
        workers: args.workers.max(1),
        mode: Mode::RealTime { wall },
        ..RealmConfig::in_memory(name, Arc::clone(&world.world))
    };
    let running = open(config, graphs(name)).await?;
    running.realm.admission.publish(Sym::new("world"), vec![start]).await?;
    Ok(running)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SpeakArgs,
    }

    fn args(more: &[&str]) -> SpeakArgs {
        let few = "speak --players 40 --every-ms 4000 --seconds 7 --warm-up 1 --npcs 10 --criers 1 --crowd-percent 50 \
                   --leave-per-1000 150 --inside --gold-servers 1 --silver-servers 1 --gold-first-token-ms 80 \
                   --gold-budget-ms 2000 --silver-budget-ms 2900";
        Line::parse_from(few.split_whitespace().chain(more.iter().copied())).args
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_address_is_accounted_for() {
        let args = args(&[]);
        args.check().expect("a small world");
        let measured = measure(&args).await.expect("it runs");
        let Heard { addressed, left, models, silent, unexpected, .. } = &measured.heard;
        let barks: u64 = measured.heard.barks.values().sum();
        assert_eq!((*addressed, models + barks + left + silent), (80, 80));
        // How many come in time, and by whom, is for the machine to say: on a busy one words come after the next address.
        assert!(models + barks > 0 && unexpected <= silent, "{models}, {barks}, {unexpected} of {silent}");
        let [gold, silver] = &measured.tiers;
        assert!(gold.0.sent + silver.0.sent > 0, "{gold:?} {silver:?}");
        let text = report::findings(&args, &measured);
        assert!(text.contains("saved by sharing") && text.contains("a player and month"), "{text}");
    }

    #[test]
    fn a_player_who_leaves_is_back_for_the_next_address() {
        let error = args(&["--leave-within-ms", "2500"]).check().expect_err("too long").to_string();
        assert!(error.contains("must be back"), "{error}");
    }
}
