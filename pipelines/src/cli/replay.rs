//! `worldflow replay`: a recording through a world, in virtual time; or a realm's past from its journal.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Once;

use worldflow_engine::doctor::realm_folders;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::Span;

use super::keys::KeysArgs;
use crate::replay::{JournalReplay, MOST_GAP_MS, Progress, Replay, Replayed, replay, replay_journal};
use crate::world::{LoadedWorld, did_you_mean};

/// Replay a recording through a world, or a realm's own journal, as fast as it goes.
///
/// Time is that of the events: idle spans are jumped, pending timers are stopped at. It ends at the
/// last event; --grace goes on after it, --until ends elsewhere. With --journal it rebuilds a past moment of a
/// realm from its data folder, which may be in use and is not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow replay my_world --events play.ndjson.gz --dump out
  worldflow replay my_world --events matches.ndjson --map map.yaml --script accepts.ndjson --dump out
  worldflow replay my_world --events play.wfr --dump out --changes --workers 4
  worldflow replay --journal .data/my_world --until 2024-01-01T12:00:00Z --dump out

out/ then holds <view>.ndjson (the last rows, sorted by key), summary.json and, with --changes,
changes.ndjson: every change with its tick. A line that cannot be used is a row of rejections.ndjson.
Recordings are NDJSON, gzip or plain, or worldflow's binary form; `worldflow convert` makes the latter.")]
pub(super) struct ReplayArgs {
    /// The world folder; a journal has its own.
    #[arg(required_unless_present = "journal", conflicts_with = "journal")]
    world: Option<PathBuf>,
    /// The recording.
    #[arg(long, required_unless_present = "journal", conflicts_with = "journal")]
    events: Option<PathBuf>,
    /// The data folder of a realm, instead of a world and a recording.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["map", "script", "changes", "grace", "max_gap"])]
    journal: Option<PathBuf>,
    /// The name of the journal's realm, when its folder is called otherwise.
    #[arg(long, requires = "journal")]
    realm: Option<String>,
    /// Opens what players wrote, with the keys that lie there; it stays sealed otherwise.
    #[arg(long, requires = "journal")]
    with_keys: bool,
    #[command(flatten)]
    keys: KeysArgs,
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

pub(super) fn moment(text: &str) -> Result<i64, String> {
    let at = match text.parse() {
        Ok(ms) => jiff::Timestamp::from_millisecond(ms),
        Err(_) => text.parse::<jiff::Timestamp>(),
    };
    at.map(jiff::Timestamp::as_millisecond)
        .map_err(|error| format!("{error}; write for example 2024-01-01T12:00:00Z"))
}

/// The folder of the one realm that is meant, and its name.
pub(super) fn journal_of(folder: PathBuf, realm: Option<String>) -> anyhow::Result<(PathBuf, String)> {
    let mut folders = realm_folders(&folder);
    // A folder that is a realm's own may be called otherwise, as a copy is; one that has realms in it calls each by its name.
    if let Some(realm) = realm.as_deref().filter(|_| !folders.is_empty() && folders != [folder.clone()]) {
        let names = folders.iter().filter_map(|folder| folder.file_name()?.to_str());
        let hint = did_you_mean(realm, names.clone()).map_or_else(
            || format!("it has {}", names.clone().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let wanted = names.clone().any(|name| name == realm);
        anyhow::ensure!(wanted, "{}: no realm `{realm}` keeps its data here\nhint: {hint}", folder.display());
        folders.retain(|folder| folder.file_name().is_some_and(|name| name == realm));
    }
    let [folder] = folders.as_slice() else {
        anyhow::bail!(
            "{}: {} realms keep their data here\nhint: name the folder of one, or its name with --realm",
            folder.display(),
            folders.len()
        );
    };
    let name = match realm {
        Some(realm) => realm,
        None => folder.canonicalize()?.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    Ok((folder.clone(), name))
}

fn run_journal(args: ReplayArgs, journal: PathBuf) -> anyhow::Result<ExitCode> {
    let (folder, realm) = journal_of(journal, args.realm)?;
    let realm = Sym::new(&realm);
    let privacy = args.keys.look(args.with_keys, realm, &folder)?;
    let plan = JournalReplay {
        folder,
        realm,
        dump: Some(args.dump.clone()),
        workers: args.workers.unwrap_or_else(|| workers(0)),
        until_ms: args.until,
        privacy,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let summary = runtime.block_on(replay_journal(&plan))?;
    let from =
        summary.snapshot.map_or("the beginning".to_owned(), |tick| format!("the snapshot of tick {tick}"));
    let later = if summary.is_last { "; nothing later is kept" } else { "" };
    let compared = match summary.compared {
        0 => "; nothing on the way says what it came to".to_owned(),
        times => format!(", compared {times} times on the way with what was written down"),
    };
    super::show(&format!(
        "realm {}: tick {} of {} rebuilt from {from} in {:.3} s{later}\nstate {}{compared}\n{}\n",
        summary.realm,
        summary.last_tick,
        summary.at,
        summary.seconds,
        summary.state_hash,
        args.dump.display()
    ))?;
    match summary.differs.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        [first, more @ ..] => anyhow::bail!(
            "the state of tick {first}{} is not the one that was written down then\nhint: another version of worldflow may \
             make other rows; if it is the same, `worldflow doctor` examines the folder",
            if more.is_empty() { "" } else { ", and of ticks after it," }
        ),
    }
}

pub(super) fn run(mut args: ReplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(journal) = args.journal.take() {
        return run_journal(args, journal);
    }
    let (Some(world), Some(events)) = (args.world, args.events) else {
        anyhow::bail!(
            "no world and recording are given\nhint: `worldflow replay my_world --events play.ndjson --dump out`"
        );
    };
    let world = LoadedWorld::open(&world)?;
    let script = args.script.into_iter().map(|path| (path, None));
    let plan = Replay {
        recordings: std::iter::once((events, args.map)).chain(script).collect(),
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
