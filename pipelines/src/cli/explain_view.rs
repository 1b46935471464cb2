//! `worldflow explain-view`: what a view in SQL is made of.

use std::path::PathBuf;
use std::process::ExitCode;

use worldflow_operators::sql::{catalog_relations, explain};

use crate::world::{Folder, did_you_mean, sql_views};

/// Show how a view in SQL is computed: its columns, its plan, and what it keeps.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow explain-view my_world top_hunters   one view
  worldflow explain-view my_world               all of them")]
pub(super) struct ExplainViewArgs {
    /// The world folder.
    world: PathBuf,
    /// The view; all of them when absent.
    view: Option<String>,
}

pub(super) fn run(args: &ExplainViewArgs) -> anyhow::Result<ExitCode> {
    let views = sql_views(&Folder::read(&args.world)?);
    let relations = catalog_relations();
    let chosen = views.iter().filter(|view| args.view.as_ref().is_none_or(|name| *name == view.name));
    let texts: Vec<String> = chosen.map(|view| explain(view, &relations)).collect();
    if texts.is_empty() {
        let names = views.iter().map(|view| view.name.as_str());
        let near = args.view.as_deref().and_then(|name| did_you_mean(name, names));
        let hint = near.map_or(
            "views stand in views/*.sql; `worldflow check` says what is wrong with them".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        anyhow::bail!("no such view in SQL that can run\nhint: {hint}");
    }
    super::show(&texts.join("\n"))
}
