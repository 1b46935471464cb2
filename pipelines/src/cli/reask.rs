//! `worldflow reask`: what a tier answers now to what was asked before, beside what was answered then.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use worldflow_engine::rebuild::is_in_use;
use worldflow_engine::tick_clock::system_wall_clock;
use worldflow_schemas::Sym;

use super::keys::KeysArgs;
use crate::explain::When;
use crate::reask::{Reask, csv, reask, text};
use crate::world::LoadedWorld;

/// Ask a tier again what was asked before, and compare verdicts, latency and cost
///
/// The past of a realm is replayed from its data folder, calling nothing; then the tier is asked the same messages with the
/// same sampling and seeds, and what it says is judged by the guard. Nothing is written, and a realm that runs on the folder
/// is not disturbed. What players said is sent to the tier and not shown. The exit status is 0 when it is done, 1 when the
/// tier answers nothing or the folder cannot be read, and 2 when the arguments are wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow reask --journal .data --with-keys --world my_world --tier silver
  worldflow reask --journal .data --with-keys --world my_world --tier gold --url http://127.0.0.1:8000 --json
  worldflow reask --journal saved --world my_world --tier silver --since 2026-11-25T12:00:00Z --limit 20")]
pub(super) struct ReaskArgs {
    /// The data folder of a server, or of one realm, or a backup of either.
    #[arg(long, value_name = "FOLDER")]
    journal: PathBuf,
    /// The name of the realm, when it is not the only one there, or the folder is called otherwise.
    #[arg(long)]
    realm: Option<String>,
    /// The tier that is asked.
    #[arg(long)]
    tier: String,
    /// The world folder: its tiers are asked, and its guard and NPCs judge what they say. The data folder keeps neither
    /// addresses nor the guard; without this there must be a --url, and the usual rules judge.
    #[arg(long, value_name = "FOLDER")]
    world: Option<PathBuf>,
    /// An OpenAI-compatible server, instead of the tier's own; the tier need not be declared then. Unless the world names
    /// a key, it is the value of GOLD_KEY for the tier gold, and so on, if there is one.
    #[arg(long)]
    url: Option<String>,
    /// The model that is asked for, instead of the tier's own.
    #[arg(long)]
    model: Option<String>,
    /// Another seed: each request is asked with chances that are drawn from it. Without it they are those that it had.
    #[arg(long)]
    seed: Option<u64>,
    /// Requests that were asked from here on: a moment as RFC 3339, or a tick.
    #[arg(long, value_name = "MOMENT")]
    since: Option<When>,
    /// The past ends here; with what is known last when absent.
    #[arg(long, value_name = "MOMENT")]
    until: Option<When>,
    /// The most requests that are asked: the last ones.
    #[arg(long, default_value_t = 100, value_parser = super::numbers::requests())]
    limit: usize,
    /// Opens what players wrote, with the keys that lie there. What stays sealed is not asked.
    #[arg(long)]
    with_keys: bool,
    #[command(flatten)]
    keys: KeysArgs,
    /// Print JSON, with whole lines.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the requests as CSV, with whole lines.
    #[arg(long)]
    csv: bool,
}

pub(super) fn run(args: ReaskArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (json, lines) = (args.json, args.csv);
    let compared = runtime.block_on(async { anyhow::Ok(reask(&plan(args).await?).await?) })?;
    match (json, lines) {
        (true, _) => super::show_json(&compared),
        (_, true) => super::show_file(&csv(&compared)),
        _ => super::show(&text(&compared)),
    }
}

async fn plan(args: ReaskArgs) -> anyhow::Result<Reask> {
    let (folder, realm) = super::replay::journal_of(args.journal, args.realm)?;
    let name = Sym::new(&realm);
    let privacy = args.keys.look(args.with_keys, name, &folder)?;
    // The last second of a realm that runs may not be in its folder yet.
    let known_ms = is_in_use(&folder).then(|| system_wall_clock()() - 1_000);
    let world = args.world.map(|world| LoadedWorld::open(&world)).transpose()?;
    let server = match &args.url {
        Some(url) => Some(super::tiers::given_server(&args.tier, url, args.model.as_deref()).await?),
        None => None,
    };
    Ok(Reask {
        folder,
        realm: name,
        privacy,
        since: args.since,
        until: args.until,
        known_ms,
        limit: args.limit,
        tier: args.tier,
        world,
        server,
        model: args.model,
        seed: args.seed,
    })
}
