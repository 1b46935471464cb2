//! `worldflow views`: the catalog.

use std::fmt::Write as _;
use std::process::ExitCode;

use worldflow_schemas::catalog::{CATALOG, ViewDef};
use worldflow_sinks::http_views::view_json;

/// List the views: what sockets, tables, HTTP and pages can show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow views               the list
  worldflow views quest_state   the columns of one view
  worldflow views --json        everything, for programs")]
pub(super) struct ViewsArgs {
    /// Only this view, with its columns.
    view: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ViewsArgs) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&ViewDef> = match &args.view {
        None => CATALOG.iter().collect(),
        Some(name) => {
            let view = CATALOG.iter().find(|view| view.name == name);
            vec![view.ok_or_else(|| unknown(name))?]
        }
    };
    if args.json {
        let views: Vec<_> = chosen.into_iter().map(view_json).collect();
        return super::show_json(&views);
    }
    match (args.view.is_some(), chosen.as_slice()) {
        (true, [view]) => super::show(&columns(view)),
        _ => super::show(&table(&chosen)),
    }
}

fn unknown(name: &str) -> anyhow::Error {
    let known = CATALOG.iter().map(|view| view.name);
    match crate::world::did_you_mean(name, known) {
        Some(near) => anyhow::anyhow!("unknown view `{name}`\nhint: did you mean `{near}`?"),
        None => anyhow::anyhow!("unknown view `{name}`\nhint: `worldflow views` lists them"),
    }
}

fn key(view: &ViewDef) -> String {
    view.columns[..view.key].iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn table(views: &[&ViewDef]) -> String {
    let name_width = views.iter().map(|view| view.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for view in views {
        let _ = writeln!(out, "{:name_width$}  {}", view.name, view.doc);
        let _ = writeln!(out, "{:name_width$}  key: {}", "", key(view));
    }
    out
}

fn columns(view: &ViewDef) -> String {
    let mut out = format!("{}: {}\nkey: {}\n\n", view.name, view.doc, key(view));
    let width = view.columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    for column in view.columns {
        let _ = writeln!(out, "{:width$}  {:5}  {}", column.name, format!("{:?}", column.kind), column.doc);
    }
    out
}
