//! `worldflow convert`: a recording into worldflow's binary form.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::ensure;
use worldflow_sources::recording::{Recording, Told, convert};

use crate::world::open_mapping;

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
    let bar = super::progress::reading([args.events.as_path()]);
    let moved = bar.clone();
    let told: Told = Arc::new(move |bytes| moved.inc(bytes));
    let mut recording = Recording::open_told(&args.events, mapping.as_ref(), Some(told))?;
    let (events, others, bad) = convert(&mut recording, &args.to)?;
    bar.finish_and_clear();
    let mut text = String::new();
    for line in bad.iter().take(20) {
        let refusal = line.refusal();
        text.push_str(&format!("{}: {}\nhint: {}\n", refusal.path, refusal.reason, refusal.hint));
    }
    text.push_str(&format!(
        "{}: {events} events, {others} other inputs; {} lines could not be used\n",
        args.to.display(),
        bad.len()
    ));
    super::show(&text)?;
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
