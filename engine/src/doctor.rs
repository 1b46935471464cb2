//! Examines a data folder: what is in it, what is wrong with it, and what opening it would do. Changes
//! nothing, and may look while a realm is using the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use worldflow_schemas::Tick;

use crate::disk::Folder;
use crate::journal::survey::survey;
use crate::journal::{JournalError, JournalReader, follow_each_other};
use crate::privacy;
use crate::snapshot::{list, manifest};
use crate::worlds::Worlds;

pub use crate::journal::survey::Segment;
pub use crate::privacy::KeysSeen;

/// What a data folder holds.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// The folder.
    pub folder: PathBuf,
    /// A realm is using it.
    pub in_use: bool,
    /// The journal's lineage, in hexadecimal; absent until a realm is first opened on it.
    pub epoch: Option<String>,
    /// The worlds that ruled, and after which tick each began.
    pub worlds: Vec<World>,
    /// The length of its ticks.
    pub tick_ms: Option<u32>,
    /// Newest first.
    pub snapshots: Vec<Snapshot>,
    /// Oldest first.
    pub segments: Vec<Segment>,
    /// The keys of players that lie in it.
    pub keys: KeysSeen,
    /// What opening it would do.
    pub recovery: Recovery,
    /// Everything that is wrong.
    pub problems: Vec<String>,
}

/// A world of the folder.
#[derive(Clone, Debug, Serialize)]
pub struct World {
    /// It ruled the ticks after this one; absent: from the first.
    pub after: Option<Tick>,
    /// Its name.
    pub name: String,
}

/// A snapshot of the folder.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Its tick.
    pub tick: Tick,
    /// The version of its form.
    pub version: Option<u64>,
    /// The runs that it is read from.
    pub runs: usize,
    /// The pieces in them.
    pub pieces: Option<u64>,
    /// The length of all its files.
    pub bytes: u64,
    /// The hash of the views at its tick, in hexadecimal.
    pub state_hash: Option<String>,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// What opening a folder does.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recovery {
    /// It loads the snapshot of this tick, or begins with nothing.
    pub snapshot: Option<Tick>,
    /// It replays so many ticks with inputs ...
    pub ticks: u64,
    /// ... and so many inputs.
    pub inputs: u64,
    /// It goes on after this tick.
    pub last: Option<Tick>,
    /// It cuts off an end that had not become durable. That is no damage: it is how a crash looks.
    pub cuts: bool,
    /// It refuses, and why.
    pub error: Option<String>,
}

impl Examined {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The folders of realms in a data folder, or the folder itself when it is one of a realm.
#[must_use]
pub fn realm_folders(data: &Path) -> Vec<PathBuf> {
    let is_realm =
        |folder: &Path| ["journal", "snapshots", "worlds.json"].iter().any(|it| folder.join(it).exists());
    if is_realm(data) {
        return vec![data.to_owned()];
    }
    let entries = fs::read_dir(data).into_iter().flatten();
    let mut realms: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_realm(path)).collect();
    realms.sort();
    realms
}

/// How often a folder in use is looked at again when something is wrong: what is removed meanwhile is
/// missing, and no damage.
const LOOKS: usize = 3;

/// Examines the folder of a realm.
///
/// # Errors
/// When the folder cannot be read at all.
pub fn examine(folder: impl Into<Folder>) -> Result<Examined, JournalError> {
    let folder = folder.into();
    let mut examined = look(&folder)?;
    for _ in 1..LOOKS {
        if examined.is_sound() || !examined.in_use {
            break;
        }
        examined = look(&folder)?;
    }
    Ok(examined)
}

fn look(folder: &Folder) -> Result<Examined, JournalError> {
    let mut problems = Vec::new();
    let (mut worlds, mut tick_ms, mut refused): (Vec<World>, _, Vec<String>) = Default::default();
    match Worlds::read(folder.clone()) {
        Ok(read) => {
            worlds.extend(read.eras().map(|(after, name)| World { after, name: name.to_owned() }));
            tick_ms = read.tick_length().map(|length| length.tick_ms);
        }
        Err(error) => refused.push(error.to_string()),
    }
    let snapshots = snapshots(&folder.join("snapshots"));
    let hash_of = |tick| snapshots.iter().find(|snapshot| snapshot.tick == tick)?.state_hash.as_deref();
    let mut others = BTreeSet::new();
    let segments = survey(&folder.join("journal"), &mut |tick, hash| {
        if hash_of(tick).is_some_and(|known| known != format!("{hash:032x}")) {
            others.insert(tick);
        }
    })?;
    problems.extend(others.into_iter().map(|tick| {
        format!("the snapshot of tick {tick} is of another past than the journal, which says another state hash of that tick, or was made by another version of the program")
    }));
    if segments.is_empty() && !snapshots.is_empty() {
        problems.push(
            "there are snapshots and no journal: what came after the newest snapshot is gone".to_owned(),
        );
    }
    problems.extend(snapshots.iter().filter_map(|snapshot| {
        snapshot.error.as_ref().map(|why| format!("the snapshot of tick {}: {why}", snapshot.tick))
    }));
    let loaded = snapshots.iter().find(|snapshot| snapshot.error.is_none()).map(|snapshot| snapshot.tick);
    let mut recovery = Recovery { snapshot: loaded, ..Recovery::default() };
    let replayed = replay(&folder.join("journal"), &mut recovery);
    refused.extend(replayed.as_ref().err().map(ToString::to_string));
    problems.extend(refused.iter().map(|why| format!("opening it is refused: {why}")));
    // What opening is refused for is said once.
    let is_said = |why: &&String| refused.iter().any(|said| said.contains(*why));
    problems.extend(
        segments.iter().filter_map(|segment| segment.error.as_ref()).filter(|why| !is_said(why)).cloned(),
    );
    // What the newest snapshot holds is needed where that is damaged, and for whoever looks at the past.
    let order = follow_each_other(&folder.join("journal"));
    if replayed.is_ok()
        && let Err(error @ (JournalError::Missing { .. } | JournalError::OutOfOrder { .. })) = order
    {
        problems.push(error.to_string());
    }
    recovery.error = refused.into_iter().next();
    let (keys, damaged) = privacy::survey(&folder.join("keys"));
    problems.extend(damaged);
    let epoch = folder.disk.read(&folder.file("epoch")).ok();
    let epoch = epoch.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    if epoch.as_deref().is_some_and(|epoch| u64::from_str_radix(epoch, 16).is_err()) {
        problems.push("the file `epoch` does not hold the name of a lineage".to_owned());
    }
    let (folder, in_use) = (folder.path.clone(), folder.disk.is_locked(&folder.file("lock")));
    Ok(Examined { folder, in_use, epoch, worlds, tick_ms, snapshots, segments, keys, recovery, problems })
}

fn snapshots(folder: &Folder) -> Vec<Snapshot> {
    let look = |listed| match manifest::check(folder, &listed) {
        Ok(looked) => Snapshot {
            tick: listed.tick,
            version: Some(looked.version),
            runs: looked.runs,
            pieces: looked.pieces,
            bytes: looked.bytes,
            state_hash: looked.state_hash.map(|hash| format!("{hash:032x}")),
            error: None,
        },
        Err(why) => Snapshot { tick: listed.tick, error: Some(why), ..Snapshot::default() },
    };
    list(folder).into_iter().map(look).collect()
}

fn replay(journal: &Folder, recovery: &mut Recovery) -> Result<(), JournalError> {
    let mut reader = JournalReader::look(journal.clone(), recovery.snapshot, Tick::MAX)?;
    while reader.next_segment(&mut |tick| {
        recovery.ticks += 1;
        recovery.inputs += tick.sealed.len() as u64;
    })? {}
    recovery.last = recovery.snapshot.max(reader.recovered().last);
    recovery.cuts = reader.recovered().torn;
    Ok(())
}
