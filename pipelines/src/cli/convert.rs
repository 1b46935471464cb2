//! `worldflow convert`: a recording into worldflow's binary form.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use worldflow_sources::recording::{Recording, convert};

use crate::replay::open_mapping;

/// Convert a recording into worldflow's binary form, which replays many times faster.
#[derive(Debug, clap::Args)]
#[command(after_help = "  worldflow convert matches.ndjson.gz --map map.yaml --to matches.wfr")]
pub(super) struct ConvertArgs {
    /// The recording: NDJSON, gzip or plain.
    events: PathBuf,
    /// How its lines become events; without it they are worldflow's own.
    #[arg(long)]
    map: Option<PathBuf>,
    /// The file to write.
    #[arg(long)]
    to: PathBuf,
}

pub(super) fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.events != args.to, "a recording cannot be converted in place; name another file with --to");
    let mapping = args.map.as_deref().map(open_mapping).transpose()?;
    let mut recording = Recording::open(&args.events, mapping.as_ref())?;
    let (events, others, bad) = convert(&mut recording, &args.to)?;
    let mut text = String::new();
    for line in bad.iter().take(20) {
        text.push_str(&format!("line {}: {}\nhint: {}\n", line.line, line.reason, line.hint));
    }
    text.push_str(&format!(
        "{}: {events} events, {others} other inputs; {} lines could not be used\n",
        args.to.display(),
        bad.len()
    ));
    super::show(&text)?;
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
