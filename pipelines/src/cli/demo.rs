//! `worldflow demo`: Greenvale with its simulated game server and an onlooker.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use worldflow_sources::tokens::Role;

use super::run::{ServeArgs, until_stopped};
use crate::bots::{self, BotsConfig};
use crate::serve::{RealmChoice, Serving};
use crate::world::LoadedWorld;

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
    let realm = RealmChoice { name: name.clone(), world };
    let (bot_count, seed) = (args.bots, args.seed);
    let data = args.serve.data.clone();
    let config = args.serve.config(vec![realm], false);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let serving = Serving::open(config).await?;
        let address = serving.address;
        let server = serving.token(&name, Role::GameServer, "bots")?;
        let player = serving.token(&name, Role::Player, &bots::onlooker_name())?;
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
        std::io::stdout().write_all(text.as_bytes())?;
        let config =
            BotsConfig::new(format!("ws://{address}"), server, bot_count, seed).with_onlooker(player);
        let bots = tokio::spawn(bots::run(config));
        let abort = bots.abort_handle();
        let failed = tokio::select! {
            failed = until_stopped(&serving) => failed,
            ended = bots => {
                // The bots run until they are stopped: their end is a fault of theirs or ours.
                ended??;
                true
            }
        };
        abort.abort();
        std::io::stdout().write_all(b"\nstopping ...\n")?;
        serving.close().await?;
        anyhow::ensure!(!failed, "the demo has stopped by itself\nhint: the log says why");
        Ok(ExitCode::SUCCESS)
    })
}
