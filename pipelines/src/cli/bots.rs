//! `worldflow bots`: simulated players against a running server.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::numbers;
use crate::bots::{self, BotsConfig, WatchConfig};
use crate::world::LoadedWorld;

/// Let simulated players play on a running server.
///
/// One connection speaks for all of them, as a dedicated game server would: they come, form parties,
/// walk about, follow the world's quests, and take what they earn. The same seed makes the same choices.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow bots --url ws://127.0.0.1:7777 --token $TOKEN
  worldflow bots --url ... --token ... --players 2000 --speed 5 --seconds 60 --world my_world")]
pub(super) struct BotsArgs {
    /// The game socket of the server.
    #[arg(long)]
    url: String,
    /// A game server's token; the server prints one when it starts.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: String,
    /// A player's token: a second client connects with it and only watches.
    #[arg(long)]
    watch_token: Option<String>,
    /// How many players.
    #[arg(long, default_value_t = 200, value_parser = numbers::players())]
    players: u32,
    /// The seed of their choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Times the natural pace of one deed in five seconds.
    #[arg(long, default_value_t = 1.0, value_parser = numbers::speed)]
    speed: f64,
    /// Stop after this many seconds; on Ctrl-C when absent.
    #[arg(long, value_parser = numbers::seconds())]
    seconds: Option<u64>,
    /// The folder of the world that they play; the demo world when absent.
    #[arg(long)]
    world: Option<PathBuf>,
}

pub(super) fn run(args: BotsArgs) -> anyhow::Result<ExitCode> {
    let world = match &args.world {
        Some(path) => LoadedWorld::open(path)?,
        None => LoadedWorld::greenvale()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(play(args, Arc::new(world)))
}

async fn play(args: BotsArgs, world: Arc<LoadedWorld>) -> anyhow::Result<ExitCode> {
    let (stopping, stop) = watch::channel(false);
    let duration = args.seconds.map(Duration::from_secs);
    let config = BotsConfig {
        url: args.url.clone(),
        token: args.token,
        world,
        players: args.players,
        seed: args.seed,
        speed: args.speed,
        stop: stop.clone(),
        duration,
    };
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
        let _ = stopping.send(true);
    };
    let playing = async {
        match args.watch_token {
            Some(token) => {
                let watch = WatchConfig { url: args.url, token, stop, duration };
                tokio::try_join!(bots::run(config), bots::watch_realm(watch))
                    .map(|(report, seen)| (report, Some(seen)))
            }
            None => bots::run(config).await.map(|report| (report, None)),
        }
    };
    tokio::pin!(playing);
    let (report, seen) = tokio::select! {
        done = &mut playing => done?,
        () = interrupt => playing.await?,
    };
    let mut text = format!("{report:#?}\n");
    if let Some(seen) = seen {
        text.push_str(&format!("{seen:#?}\n"));
    }
    super::show(&text)
}
