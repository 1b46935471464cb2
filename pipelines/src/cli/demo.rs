//! `worldflow demo`: Greenvale with its simulated game server and an onlooker.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;
use worldflow_sources::tokens::Role;

use super::numbers;
use super::run::{ServeArgs, development_tokens, stop_signal, until_stopped};
use crate::bots::{self, BotsConfig, BotsError, WatchConfig};
use crate::serve::{RealmChoice, Serving};
use crate::world::LoadedWorld;

/// The player that the onlooker is: one of the bots.
const ONLOOKER: &str = "bot-001";
/// How long the players may take to leave, so that none is still there when the world goes on.
const LEAVE: Duration = Duration::from_secs(2);

/// Runs the demo world Greenvale (what `worldflow` without a verb does)
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    serve: ServeArgs,
    /// How many bots the simulated game server speaks for.
    #[arg(long, default_value_t = 200, value_parser = numbers::players())]
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
    let (mut config, tiers) = args.serve.config(vec![realm], false)?;
    anyhow::ensure!(
        config.tls.is_none() && config.listen.ip().is_loopback(),
        "the demo is played on the loopback, without TLS\nhint: `worldflow run` serves a world to others"
    );
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let served = tiers.serve(&mut config.realms).await?;
        let serving = Serving::open(config).await?;
        let address = serving.address;
        let tokens =
            [(Role::GameServer, "game-server"), (Role::Player, ONLOOKER), (Role::Dashboard, "dashboard")];
        let (printed, [_, player, dashboard]) = development_tokens(&serving, &name, tokens)?;
        let server = serving.token(&name, Role::GameServer, "bots")?;
        let text = greeting(&serving, &name, &data, bot_count, served.words(&name), &printed, &dashboard);
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
        let mut clients: JoinSet<Ended> = JoinSet::new();
        clients.spawn(async move { ("the onlooker", bots::watch_realm(onlooker).await.err()) });
        clients.spawn(async move { ("the game server", bots::run(play).await.err()) });
        // The clients run until they are told to stop: an earlier end is a fault of theirs or ours.
        let fault = tokio::select! {
            failed = until_stopped(&serving, stop) => failed.then(|| "a realm has stopped".to_owned()),
            Some(ended) = clients.join_next() => {
                let (who, why) = ended?;
                Some(format!("{who} has stopped: {}", why.map_or_else(String::new, |why| why.to_string())))
            }
        };
        std::io::stdout().write_all(b"\nstopping ...\n")?;
        let _gone = stopping.send(true);
        let left = fault.is_none() & all_leave(clients).await;
        let last: &[u8] =
            if left { b"the players have left\n" } else { b"the players could not take their leave\n" };
        std::io::stdout().write_all(last)?;
        serving.close().await?;
        match fault {
            Some(fault) => anyhow::bail!("{fault}\nhint: the log says why"),
            None => Ok(ExitCode::SUCCESS),
        }
    })
}

/// What is printed at the start.
fn greeting(
    serving: &Serving,
    realm: &str,
    data: &Path,
    bots: u32,
    who_answers: &str,
    tokens: &str,
    dashboard: &str,
) -> String {
    let (address, data) = (serving.address, data.display());
    format!(
        "\
Greenvale runs: {bots} bots play over a WebSocket, one player looks on.

  live page    http://{address}/
  SQLite       {data}/{realm}/*.sqlite
{who_answers}{tokens}
Try next:
  curl -H 'Authorization: Bearer {dashboard}' 'http://{address}/v1/views/weather?format=csv'
  curl -H 'Authorization: Bearer {dashboard}' 'http://{address}/v1/views/quest_state?state=done&format=ndjson'
  worldflow check pipelines/worlds/greenvale
  worldflow --help

Ctrl-C stops it; started again, it goes on where it was.
"
    )
}

/// What a client was, and why it ended before it was told to.
type Ended = (&'static str, Option<BotsError>);

/// Waits until every client has ended, those that are late by force. Returns whether all ended well.
async fn all_leave(mut clients: JoinSet<Ended>) -> bool {
    let ended = async {
        let mut well = true;
        while let Some(ended) = clients.join_next().await {
            well &= matches!(ended, Ok((_, None)));
        }
        well
    };
    let well = tokio::time::timeout(LEAVE, ended).await.unwrap_or(false);
    clients.shutdown().await;
    well
}
