//! `worldflow apply`: does what a plan says.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::server::Server;
use crate::edits::Plan;

/// Apply a plan to the running server that it was made for
///
/// All of it from one tick on, or nothing: nothing when the realm has been edited since the plan was made.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow apply plan.json --token $TOKEN")]
pub(super) struct ApplyArgs {
    /// The plan that `worldflow plan --out` has written.
    plan: PathBuf,
    /// Another address of the server.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A designer's token of the realm.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::read(&args.plan)?;
    let Some(to) = args.to.as_ref().or(plan.to.as_ref()) else {
        anyhow::bail!("the plan is for no server\nhint: make it with `worldflow plan --to`");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let Plan { revision, source_revision, files, .. } = &plan;
    let body = json!({"revision": revision, "source_revision": source_revision, "files": files});
    let server = Server::at(to, &args.token);
    let answer = runtime.block_on(server.post("/v1/apply", &body))?;
    if args.json {
        return super::show(&format!("{answer}\n"));
    }
    let (revision, definitions) = (&answer["revision"], &answer["definitions"]);
    super::show(&match answer["tick"].as_u64() {
        Some(tick) => {
            format!(
                "realm {}: revision {revision}, {definitions} definitions, from tick {tick}\n",
                plan.realm
            )
        }
        None if definitions != 0 => {
            format!("realm {}: revision {revision}, texts alone, at once\n", plan.realm)
        }
        None => format!("realm {}: revision {revision}; nothing differs\n", plan.realm),
    })
}
