//! `worldflow replay`: a recording through a world, in virtual time.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Once;

use worldflow_schemas::definitions::Span;

use crate::replay::{MOST_GAP_MS, Progress, Replay, Replayed, replay};
use crate::world::LoadedWorld;

/// Replay a recording through a world, as fast as it goes.
///
/// Time is that of the events: idle spans are jumped, pending timers are stopped at. It ends at the
/// last event; --grace goes on after it, --until ends elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow replay my_world --events play.ndjson.gz --dump out
  worldflow replay my_world --events matches.ndjson --map map.yaml --script accepts.ndjson --dump out
  worldflow replay my_world --events play.wfr --dump out --changes --workers 4

out/ then holds <view>.ndjson (the last rows, sorted by key), summary.json and, with --changes,
changes.ndjson: every change with its tick. A line that cannot be used is a row of rejections.ndjson.
Recordings are NDJSON, gzip or plain, or worldflow's binary form; `worldflow convert` makes the latter.")]
pub(super) struct ReplayArgs {
    /// The world folder.
    world: PathBuf,
    /// The recording.
    #[arg(long)]
    events: PathBuf,
    /// How lines of the recording become events; without it they are worldflow's own.
    #[arg(long)]
    map: Option<PathBuf>,
    /// More recordings in worldflow's own lines, merged by time.
    #[arg(long)]
    script: Vec<PathBuf>,
    /// Where the result goes.
    #[arg(long)]
    dump: PathBuf,
    /// Write every change, too.
    #[arg(long)]
    changes: bool,
    /// Timely workers; the world's own number when absent.
    #[arg(long, value_parser = super::numbers::workers())]
    workers: Option<usize>,
    /// Where to end: RFC 3339 or integer milliseconds.
    #[arg(long, value_parser = moment)]
    until: Option<i64>,
    /// How many milliseconds to go on after the last event.
    #[arg(long, default_value_t = 0)]
    grace: u64,
    /// How long nothing may happen: an input that comes later after the one before it is refused, since
    /// time would stop at every timer on the way there.
    #[arg(long, value_name = "SPAN", default_value_t = Span { ms: MOST_GAP_MS, world: false }, value_parser = real_span)]
    max_gap: Span,
}

fn real_span(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    if span.world { Err("a gap is in real time: leave out `world`".to_owned()) } else { Ok(span) }
}

fn moment(text: &str) -> Result<i64, String> {
    let at = match text.parse() {
        Ok(ms) => jiff::Timestamp::from_millisecond(ms),
        Err(_) => text.parse::<jiff::Timestamp>(),
    };
    at.map(jiff::Timestamp::as_millisecond)
        .map_err(|error| format!("{error}; write for example 2024-01-01T12:00:00Z"))
}

pub(super) fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let world = LoadedWorld::open(&args.world)?;
    let script = args.script.into_iter().map(|path| (path, None));
    let plan = Replay {
        recordings: std::iter::once((args.events, args.map)).chain(script).collect(),
        dump: Some(args.dump.clone()),
        changes: args.changes,
        workers: args.workers.unwrap_or_else(|| workers(world.world.workers)),
        until_ms: args.until,
        grace_ms: args.grace,
        most_gap_ms: args.max_gap.ms,
    };
    let bar = super::progress::reading(plan.recordings.iter().map(|(path, _)| path.as_path()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (moved, begun) = (bar.clone(), Once::new());
    let Replayed { summary, .. } =
        runtime.block_on(replay(&world, &plan, move |progress| match progress {
            Progress::Read { bytes } if !begun.is_completed() => moved.inc(bytes),
            // A binary recording is read while it is handed over.
            Progress::Read { .. } => {}
            Progress::Fed { done, expected } => {
                begun.call_once(|| super::progress::feeding(&moved));
                moved.set_length(expected.unwrap_or(done).max(done));
                moved.set_position(done);
            }
        }))?;
    bar.finish_and_clear();
    super::show(&format!(
        "{} events: {} accepted, {} rejected, {} duplicates; {} ticks in {:.3} s, {:.0} events/s\n\
         state {}\n{}\n",
        summary.events,
        summary.accepted,
        summary.rejected,
        summary.duplicates,
        summary.ticks,
        summary.seconds,
        summary.events_per_s,
        summary.state_hash,
        args.dump.display()
    ))
}

/// The world's number of workers; 0 means one a core.
fn workers(asked: u32) -> usize {
    match usize::try_from(asked) {
        Ok(asked) if asked > 0 => asked,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    }
}
