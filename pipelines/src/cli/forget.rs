//! `worldflow forget`: makes what is personal of a player unreadable.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::keys::KeysArgs;
use super::server::Server;
use worldflow_sources::game_socket::Limits;

use crate::serve::{RealmChoice, ServeConfig, Serving};
use crate::world::LoadedWorld;

/// Make what is personal of a player unreadable, for good
///
/// Destroys the player's key: what they wrote, and what was written to them, is then `[forgotten]` in views, tables,
/// journal, snapshots and replays. Of a running server give its address and a game server's token; of a stopped one its
/// world and its data folder.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow forget ana --url http://127.0.0.1:7777 --token $TOKEN
  worldflow forget ana --world worlds/greenvale --data .data     while it is stopped")]
pub(super) struct ForgetArgs {
    /// The player, as events name them.
    player: String,
    /// The address of the running server.
    #[arg(long, requires = "token", conflicts_with_all = ["world", "data", "realm", "postgres", "keys", "master_key"])]
    url: Option<String>,
    /// A game server's token of the realm.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The world of the stopped server.
    #[arg(long)]
    world: Option<PathBuf>,
    /// Its data folder.
    #[arg(long, default_value = ".data")]
    data: PathBuf,
    /// The name of the realm, when it is not the world's.
    #[arg(long)]
    realm: Option<String>,
    /// The PostgreSQL that it was run with, whose tables are to follow.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    #[command(flatten)]
    keys: KeysArgs,
}

pub(super) fn run(args: ForgetArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let tick = match (&args.url, &args.token, &args.world) {
        (Some(url), Some(token), _) => runtime.block_on(running(url, token, &args.player))?,
        (_, _, Some(_)) => runtime.block_on(stopped(&args))?,
        _ => anyhow::bail!(
            "neither a running server nor a stopped one is given\nhint: give --url and --token, or --world and --data"
        ),
    };
    super::show(&format!("{} is forgotten, as of tick {tick}\n", args.player))
}

async fn running(url: &str, token: &str, player: &str) -> anyhow::Result<u64> {
    let body = Server::at(url, token).post("/v1/forget", &json!({"player": player})).await?;
    body["tick"].as_u64().ok_or_else(|| anyhow::anyhow!("the answer names no tick\nhint: is it worldflow?"))
}

async fn stopped(args: &ForgetArgs) -> anyhow::Result<u64> {
    let Some(world) = &args.world else { anyhow::bail!("no world is given\nhint: give --world") };
    let world = LoadedWorld::open(world)?;
    let name = args.realm.clone().unwrap_or_else(|| world.world.name.clone());
    anyhow::ensure!(
        args.data.join(&name).join("worlds.json").exists(),
        "{}: no realm `{name}` keeps its data here\nhint: name the folder that `worldflow run --data` was given",
        args.data.display()
    );
    let serving = Serving::open(ServeConfig {
        realms: vec![RealmChoice { name: name.clone(), world }],
        data: args.data.clone(),
        listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        postgres: args.postgres.clone(),
        workers: None,
        // A realm that is not in use stays where it is in time, but for the one tick that this takes.
        manual: true,
        tls: None,
        insecure: false,
        limits: Limits::default(),
        keys: args.keys.keys()?,
        quiet: true,
    })
    .await?;
    let forgotten = serving.forget(&name, &args.player).await;
    // Closing brings the tables up to the last tick.
    serving.close().await?;
    forgotten
}
