//! `worldflow plan`: what an edit changes, and what would come of it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use worldflow_engine::rebuild::is_in_use;
use worldflow_schemas::Sym;

use super::server::Server;
use crate::edits::{Difference, Files, Foresee, Plan, foresee, text};
use crate::scenario::WholeFolder;
use crate::world::LoadedWorld;

/// Say what an edit changes and what would come of it, before anything happens
///
/// With --to, of the realm of a running server, which makes the plan on a copy of its realm; --out keeps it for
/// `worldflow apply`. With --data, of the realm of a data folder that may be in use: what differs between two folders,
/// and what would come of it. Nothing is changed either way.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow plan my_world --to http://127.0.0.1:7777 --token $TOKEN --out plan.json
  worldflow apply plan.json --token $TOKEN
  worldflow plan my_world my_world_edited --data .data
  worldflow plan my_world my_world_edited             what differs, without a realm")]
pub(super) struct PlanArgs {
    /// The new world folder; or, without --to, the one that the realm was started with ...
    world: PathBuf,
    /// ... and the new one.
    #[arg(required_unless_present = "to", conflicts_with = "to")]
    new: Option<PathBuf>,
    /// The address of a running server.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with = "data")]
    to: Option<String>,
    /// A designer's token of the realm.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The data folder of a server, or of one realm.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The name of the realm, when it is not that of the only one in the data folder.
    #[arg(long, requires = "data")]
    realm: Option<String>,
    /// Where the plan goes.
    #[arg(long, value_name = "FILE", requires = "to")]
    out: Option<PathBuf>,
    /// What your own archive calls the new folder, such as a git commit; it goes into the view `revisions`.
    #[arg(long, value_name = "NAME", default_value = "")]
    source_revision: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let plan = match (&args.to, &args.token, &args.new) {
        (Some(url), Some(token), _) => runtime.block_on(of_server(args, url, token))?,
        (None, _, Some(new)) => runtime.block_on(of_folders(args, new))?,
        _ => anyhow::bail!(
            "neither a server nor a second folder is given\nhint: give --to and --token, or two folders"
        ),
    };
    if let Some(out) = &args.out {
        std::fs::write(out, serde_json::to_vec(&plan)?).map_err(|error| {
            anyhow::anyhow!("{}: {error}\nhint: name a file that can be written", out.display())
        })?;
    }
    if args.json {
        let mut plan = plan;
        plan.files = Files::default();
        return super::show_json(&plan);
    }
    let mut said = text(&plan);
    if let Some(out) = &args.out
        && plan.difference.fixed.is_empty()
        && !plan.difference.is_empty()
    {
        said.push_str(&format!("\nto do it: worldflow apply {}\n", out.display()));
    }
    super::show(&said)
}

async fn of_server(args: &PlanArgs, url: &str, token: &str) -> anyhow::Result<Plan> {
    let folder = WholeFolder::read(&args.world)?;
    // What has errors is not sent.
    folder.load()?;
    let files = Files::of(&folder.world)?;
    let server = Server::at(url, token);
    let body = json!({"files": &files, "source_revision": args.source_revision});
    let answer = server.post("/v1/plan", &body).await?;
    let mut plan: Plan = serde_json::from_value(answer).map_err(|error| {
        anyhow::anyhow!("the answer is no plan: {error}\nhint: is it a worldflow of the same version?")
    })?;
    plan.to = Some(server.address().to_owned());
    plan.files = files;
    Ok(plan)
}

async fn of_folders(args: &PlanArgs, new: &std::path::Path) -> anyhow::Result<Plan> {
    let (old, mut new) = (LoadedWorld::open(&args.world)?, WholeFolder::read(new)?.load()?);
    new.source_revision.clone_from(&args.source_revision);
    let difference = Difference::of(&old, &new);
    let Some(data) = &args.data else {
        let why = "no realm is given: give --data, or --to a server".to_owned();
        return Ok(Plan::new(&old.world.name, 0, difference, Err(why)));
    };
    let (folder, realm) = super::replay::journal_of(data.clone(), args.realm.clone())?;
    let now_ms = worldflow_engine::tick_clock::system_wall_clock()();
    let until_ms = is_in_use(&folder).then_some(now_ms - 1_000);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let of = Foresee { realm: Sym::new(&realm), folder, workers, until_ms };
    let consequences = if difference.fixed.is_empty() {
        Ok(foresee(&of, &old, &new, &difference).await?)
    } else {
        Err("it changes what is fixed while a realm runs".to_owned())
    };
    let revision = consequences.as_ref().map_or(0, |foreseen| foreseen.revision);
    Ok(Plan::new(&realm, revision, difference, consequences))
}
