//! `worldflow graph`: what of a world leads to what, as a picture.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::relations::{dot, relations, svg};
use crate::world::{Folder, LoadedWorld};

/// Draw what of a world leads to what: prerequisites, choices, effects and rules.
///
/// As SVG, or in the language of Graphviz. Without a file it goes to the standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
  worldflow graph my_world --svg graph.svg
  worldflow graph my_world --dot graph.dot
  worldflow graph my_world --dot              to the standard output")]
pub(super) struct GraphArgs {
    /// The world folder.
    world: PathBuf,
    /// An SVG picture; what is drawn when nothing is said.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "dot")]
    svg: Option<Option<PathBuf>>,
    /// A text for Graphviz.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    dot: Option<Option<PathBuf>>,
}

pub(super) fn run(args: &GraphArgs) -> anyhow::Result<ExitCode> {
    let folder = Folder::read(&args.world)?;
    let relations = relations(&LoadedWorld::load(&folder)?, &folder);
    let (text, file) = match &args.dot {
        Some(file) => (dot(&relations), file.clone()),
        None => (svg(&relations), args.svg.clone().flatten()),
    };
    let Some(file) = file else { return super::show_file(&text) };
    std::fs::write(&file, text).map_err(|error| {
        anyhow::anyhow!("{}: {error}\nhint: name a file that can be written", file.display())
    })?;
    Ok(ExitCode::SUCCESS)
}
