//! `worldflow doctor`: what a data folder holds, and what is wrong with it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use worldflow_engine::doctor::{Examined, KeysSeen, Recovery, Segment, Snapshot, examine, realm_folders};
use worldflow_schemas::Tick;
use worldflow_schemas::tick::TickLength;

/// Examine a data folder: snapshots, journal, and what opening it would do.
///
/// Changes nothing, and may be used while the realm runs. The exit status is 0 when nothing is wrong, and 1
/// when something is. An end that was cut off by a crash is not wrong: it had not become durable.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  worldflow doctor .data
  worldflow doctor .data/greenvale --json")]
pub(super) struct DoctorArgs {
    /// The data folder, or that of one realm in it.
    data: PathBuf,
    /// As JSON: a list of realms.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let folders = realm_folders(&args.data);
    anyhow::ensure!(
        !folders.is_empty(),
        "{}: no realm keeps its data here\nhint: name the folder that `worldflow run --data` was given",
        args.data.display()
    );
    let examined = folders.iter().map(examine).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        super::show_json(&examined)?;
    } else {
        super::show(&examined.iter().map(text).collect::<String>())?;
    }
    Ok(if examined.iter().all(Examined::is_sound) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A count with its word.
fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}

/// What is known of one realm, for people.
pub(super) fn text(examined: &Examined) -> String {
    let mut text = format!("{}\n", examined.folder.display());
    let in_use = if examined.in_use { ", in use" } else { "" };
    let epoch = examined.epoch.as_deref().unwrap_or("none yet: it is drawn when a realm is opened here");
    let _ = writeln!(text, "  epoch      {epoch}{in_use}");
    let length = examined.tick_ms.map(|tick_ms| TickLength { tick_ms });
    for world in &examined.worlds {
        let from = world
            .after
            .map_or("from the beginning".to_owned(), |after| format!("after {}", at(after, length)));
        let _ = writeln!(text, "  world      {} {from}", world.name);
    }
    examined.snapshots.iter().for_each(|snapshot| text.push_str(&snapshot_line(snapshot, length)));
    examined.segments.iter().for_each(|segment| text.push_str(&segment_line(segment)));
    if examined.keys.files > 0 {
        let _ = writeln!(text, "  keys       {}", keys(&examined.keys));
    }
    let _ = writeln!(text, "  opening it {}", recovery(&examined.recovery, length));
    match examined.problems.len() {
        0 => text.push_str("  nothing is wrong\n"),
        _ => examined.problems.iter().for_each(|problem| {
            let _ = writeln!(text, "  wrong      {}", problem.replace('\n', "\n             "));
        }),
    }
    text
}

/// A tick, and when that was.
fn at(tick: Tick, length: Option<TickLength>) -> String {
    let time = length.and_then(|length| jiff::Timestamp::from_millisecond(length.utc_ms(tick)).ok());
    time.map_or(format!("tick {tick}"), |time| format!("tick {tick} ({time})"))
}

fn snapshot_line(snapshot: &Snapshot, length: Option<TickLength>) -> String {
    let Snapshot { tick, version, runs, pieces, bytes, state_hash, error } = snapshot;
    let what = match (error, version, pieces) {
        (Some(why), _, _) => format!("cannot be used: {why}"),
        (None, Some(version), None) => format!("version {version}, {}", megabytes(*bytes)),
        (None, _, pieces) => format!(
            "{}, {}, {}, state {}",
            count(*runs as u64, "run"),
            count(pieces.unwrap_or(0), "piece"),
            megabytes(*bytes),
            state_hash.as_deref().unwrap_or("unknown")
        ),
    };
    format!("  snapshot   {}: {what}\n", at(*tick, length))
}

fn segment_line(segment: &Segment) -> String {
    let Segment { file, bytes, ticks, inputs, first, last, given_up_at, torn_at, error, .. } = segment;
    let mut line = format!("  segment    {file}: {}", megabytes(*bytes));
    match (first, last) {
        (Some(first), Some(last)) => {
            let _ = write!(
                line,
                ", ticks {first} to {last}, inputs in {}, {}",
                count(*ticks, "tick"),
                count(*inputs, "input")
            );
        }
        _ => line.push_str(", no inputs"),
    }
    if let Some(at) = given_up_at {
        let _ = write!(line, "; given up at byte {at}, and gone on with in the next");
    }
    match (error, torn_at) {
        (Some(_), _) => line.push_str("; damaged"),
        (None, Some(at)) => {
            let _ = write!(line, "; cut off at byte {at}, before which all is whole");
        }
        (None, None) => {}
    }
    line.push('\n');
    line
}

fn keys(seen: &KeysSeen) -> String {
    let unread = match seen.unread_bytes {
        0 => String::new(),
        bytes => format!("; {} at an end cannot be read", count(bytes, "byte")),
    };
    format!("{} in {}{unread}", count(seen.keys, "key"), count(seen.files as u64, "file"))
}

fn recovery(recovery: &Recovery, length: Option<TickLength>) -> String {
    let Recovery { snapshot, ticks, inputs, last, cuts, error } = recovery;
    if error.is_some() {
        return "is refused".to_owned();
    }
    let from = snapshot
        .map_or("begins with nothing".to_owned(), |tick| format!("loads the snapshot of tick {tick}"));
    let cut = if *cuts { ", cuts off an end that is not whole" } else { "" };
    let on = last.map_or("goes on".to_owned(), |last| format!("goes on after {}", at(last, length)));
    format!("{from}, replays {} with {}{cut}, and {on}", count(*ticks, "tick"), count(*inputs, "input"))
}
