//! `worldflow demo`: Greenvale with its simulated game server and an onlooker.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use worldflow_sources::tokens::Role;

use super::run::{ServeArgs, stop_signal, until_stopped};
use crate::bots::{self, BotsConfig, WatchConfig};
use crate::serve::{RealmChoice, Serving};
use crate::world::LoadedWorld;

/// The player that the onlooker is: one of the bots.
const ONLOOKER: &str = "bot-001";

/// Runs the demo world Greenvale (what `worldflow` without a verb does)
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// How many bots the simulated game server speaks for.
    #[arg(long, default_value_t = 200)]
    bots: u32,
    /// The seed of what they do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let world = LoadedWorld::greenvale()?;
    let name = world.world.name.clone();
    let played = Arc::new(world.clone());
    let realm = RealmChoice { name: name.clone(), world };
    let (bot_count, seed) = (args.bots, args.seed);
    let data = args.serve.data.clone();
    let config = args.serve.config(vec![realm], false);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let serving = Serving::open(config).await?;
        let address = serving.address;
        let server = serving.token(&name, Role::GameServer, "bots")?;
        let player = serving.token(&name, Role::Player, ONLOOKER)?;
        let dashboard = serving.token(&name, Role::Dashboard, "demo")?;
        let text = format!(
            "\
Greenvale runs: {bot_count} bots play over a WebSocket, one player looks on.

  live page    http://{address}/
  SQLite       {data}/{name}/*.sqlite
  token        {dashboard}   (reads every view)

Try next:
  curl -H 'Authorization: Bearer {dashboard}' 'http://{address}/v1/views/weather?format=csv'
  curl -H 'Authorization: Bearer {dashboard}' 'http://{address}/v1/views/quest_state?state=done&format=ndjson'
  worldflow check pipelines/worlds/greenvale
  worldflow --help

Ctrl-C stops it; started again, it goes on where it was.
",
            data = data.display(),
        );
        let stop = stop_signal()?;
        std::io::stdout().write_all(text.as_bytes())?;
        let (stopping, told_to_stop) = watch::channel(false);
        let url = format!("ws://{address}");
        let onlooker =
            WatchConfig { url: url.clone(), token: player, stop: told_to_stop.clone(), duration: None };
        let play = BotsConfig {
            url,
            token: server,
            world: played,
            players: bot_count,
            seed,
            speed: 1.0,
            stop: told_to_stop,
            duration: None,
        };
        let mut onlooker = tokio::spawn(bots::watch_realm(onlooker));
        let mut play = tokio::spawn(bots::run(play));
        // The clients run until they are told to stop: an earlier end is a fault of theirs or ours.
        let fault = tokio::select! {
            failed = until_stopped(&serving, stop) => failed.then(|| "a realm has stopped".to_owned()),
            ended = &mut play => Some(format!("the game server has stopped: {:?}", ended?.err())),
            ended = &mut onlooker => Some(format!("the onlooker has stopped: {:?}", ended?.err())),
        };
        std::io::stdout().write_all(b"\nstopping ...\n")?;
        let _gone = stopping.send(true);
        for client in [play.abort_handle(), onlooker.abort_handle()] {
            client.abort();
        }
        serving.close().await?;
        match fault {
            Some(fault) => anyhow::bail!("{fault}\nhint: the log says why"),
            None => Ok(ExitCode::SUCCESS),
        }
    })
}
