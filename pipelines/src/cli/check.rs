//! `worldflow check`: every problem of a world at once.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::scenario::WholeFolder;
use crate::world::Severity;

/// Check a world: every problem at once, each with its file, line, column and a hint.
///
/// Exits with 0 when the world can run and with 1 when it cannot.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow check my_world                  check a folder
  worldflow check                           check the demo world
  worldflow check my_world --deny-warnings  for continuous integration")]
pub(super) struct CheckArgs {
    /// The world folder; the demo world when absent.
    world: Option<PathBuf>,
    /// Exit with 1 on warnings, too.
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let (name, folder) = match &args.world {
        Some(path) => (path.display().to_string(), WholeFolder::read(path)?),
        None => ("greenvale".to_owned(), WholeFolder::greenvale()),
    };
    let problems = folder.problems();
    let mut text = problems.to_string();
    let (errors, warnings) = (problems.count(Severity::Error), problems.count(Severity::Warning));
    if errors + warnings == 0 {
        writeln!(text, "{name}: no problems in {} files", folder.files().count())?;
    } else {
        writeln!(text, "{name}: {}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
    }
    super::show(&text)?;
    let failed = errors > 0 || (args.deny_warnings && warnings > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
