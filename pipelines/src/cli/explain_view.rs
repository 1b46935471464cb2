//! `worldflow explain-view`: what a view in SQL is made of, and of a running server how much is kept for it.

use std::path::PathBuf;
use std::process::ExitCode;

use worldflow_operators::sql::{explain, world_relations};

use super::server::Server;
use crate::explain_view::{ExplainedViews, none_of};
use crate::world::{Folder, LoadedWorld, sql_views};

/// Show how a view in SQL is computed: its columns, its plan, and what it keeps; of a running server, how much of it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow explain-view my_world top_hunters   one view
  worldflow explain-view my_world               all of them
  worldflow explain-view --to http://127.0.0.1:7777 --token $TOKEN top_hunters")]
pub(super) struct ExplainViewArgs {
    /// The world folder, without --to.
    #[arg(required_unless_present = "to")]
    world: Option<PathBuf>,
    /// The view; all of them when absent.
    view: Option<String>,
    /// The address of a running server: how much is kept is said, too.
    #[arg(long, value_name = "URL", requires = "token")]
    to: Option<String>,
    /// A designer's, a dashboard's or a game server's token of the realm.
    #[arg(long, env = "WORLDFLOW_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print JSON.
    #[arg(long, requires = "to")]
    json: bool,
}

pub(super) fn run(args: &ExplainViewArgs) -> anyhow::Result<ExitCode> {
    if let (Some(url), Some(token)) = (&args.to, &args.token) {
        return of_server(args, url, token);
    }
    let folder = args.world.as_ref().expect("it is required without a server");
    let folder = Folder::read(folder)?;
    let views = sql_views(&folder);
    // Of a world with problems the kinds of events are not known: they are only shown.
    let kinds = LoadedWorld::load(&folder).map(|world| world.world.kinds.clone()).unwrap_or_default();
    let relations = world_relations(&kinds);
    let chosen = views.iter().filter(|view| args.view.as_ref().is_none_or(|name| *name == view.name));
    let texts: Vec<String> = chosen.map(|view| explain(view, &relations)).collect();
    if texts.is_empty() {
        let (message, hint) = none_of(args.view.as_deref(), views.iter().map(|view| view.name.as_str()));
        anyhow::bail!("{message}\nhint: {hint}");
    }
    super::show(&format!(
        "{}\nhow much that is, a running server says: --to URL --token TOKEN\n",
        texts.join("\n")
    ))
}

/// What a running server says.
fn of_server(args: &ExplainViewArgs, url: &str, token: &str) -> anyhow::Result<ExitCode> {
    // The only name that is given is that of the view: a server has its world.
    let only = args.world.as_ref().map(|name| name.to_string_lossy().into_owned());
    let view = args.view.clone().or(only);
    let query: Vec<(&str, &str)> = view.as_deref().map(|view| ("view", view)).into_iter().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(Server::at(url, token).get("/v1/explain-view", &query))?;
    let told: ExplainedViews = serde_json::from_value(answer).map_err(|error| {
        anyhow::anyhow!("the answer explains no view: {error}\nhint: is it a worldflow of the same version?")
    })?;
    if args.json {
        return super::show(&format!("{}\n", serde_json::to_string_pretty(&told)?));
    }
    let texts: Vec<&str> = told.views.iter().map(|view| view.text.as_str()).collect();
    super::show(&format!("{}\nrealm {}, tick {}\n", texts.join("\n"), told.realm, told.tick))
}
