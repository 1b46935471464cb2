//! Copies of a data folder: one taken while a realm is using it, and one put back.
//!
//! A backup is a folder of the same form: the newest good snapshot, the journal since, and the worlds. It
//! has no keys of players unless they are asked for, and no epoch: a realm that is opened on what was put back begins a lineage of its own, so that nobody who
//! has seen what came after the backup takes the one for the other. Tables of sinks are not in it; they are
//! made again from the views.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use worldflow_schemas::Tick;

use crate::disk::Folder;
use crate::doctor::{Examined, examine};
use crate::folder::FolderError;
use crate::journal::{JournalError, JournalReader, needed_after};
use crate::privacy::{self, KeysError};
use crate::rebuild::is_in_use;
use crate::snapshot::{list, manifest};
use crate::worlds::Worlds;

/// A copy cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The operating system says no.
    #[error("{path}: {error}\nhint: check the disk and the permissions of both folders")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something is there already.
    #[error(
        "{0}: there is something already\nhint: name a folder that is empty or not there, or move this one away"
    )]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("{0}: no realm keeps its data here\nhint: name a data folder, or the folder of a realm in one")]
    Nothing(PathBuf),
    /// What was copied is not sound.
    #[error("{path}: {}\nhint: `worldflow doctor` says more; the copy is not used", .problems.join("; "))]
    Damaged {
        /// The folder that is damaged.
        path: PathBuf,
        /// What is wrong with it.
        problems: Vec<String>,
    },
    /// Its worlds cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The keys of players cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The realm went on faster than its files could be copied.
    #[error(
        "{0}: what was to be copied was removed meanwhile, several times\nhint: let `journal: {{keep: ...}}` in world.yaml keep more, or copy to a faster disk"
    )]
    Overtaken(PathBuf),
}

impl BackupError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.to_owned();
        move |error| BackupError::Io { path, error }
    }

    /// Whether it may come of what the realm has removed since the copy was begun: a file of it, or the beginning of the
    /// journal after the snapshot that was copied.
    fn may_be_overtaken(&self) -> bool {
        match self {
            BackupError::Io { error, .. } | BackupError::Journal(JournalError::Io { error, .. }) => {
                error.kind() == io::ErrorKind::NotFound
            }
            BackupError::Journal(JournalError::Removed { .. } | JournalError::Missing { .. }) => true,
            _ => false,
        }
    }
}

/// How often a copy is begun again when the realm removes what is being copied.
const TRIES: usize = 5;

/// Copies the folder of a realm, which may be in use, to a folder that is not there yet. Returns what the
/// copy holds. The keys of its players lie in it only when their folder is given: who is forgotten later is not
/// forgotten by whoever has that copy.
///
/// # Errors
/// When a file cannot be read or written, or the folder is damaged.
pub fn backup(folder: &Path, to: &Path, keys: Option<&Path>) -> Result<Examined, BackupError> {
    backup_while(folder, to, keys, &mut || {})
}

/// `meanwhile` is called when a snapshot has been copied, and the journal has not.
fn backup_while(
    folder: &Path,
    to: &Path,
    keys: Option<&Path>,
    meanwhile: &mut dyn FnMut(),
) -> Result<Examined, BackupError> {
    has_worlds(folder)?;
    whole_or_not(to, |part| {
        for _ in 0..TRIES {
            match copy(folder, part, meanwhile) {
                Err(error) if error.may_be_overtaken() && is_in_use(folder) => {}
                Ok(false) => {}
                Ok(true) => {
                    keys.map_or(Ok(()), |keys| copy_keys(keys, &part.join(KEYS)))?;
                    return sound(part);
                }
                Err(error) => return Err(error),
            }
        }
        Err(BackupError::Overtaken(folder.to_owned()))
    })
}

/// Puts a backup back, to a folder that is not there yet. Returns what it holds. Its keys go to the folder that is
/// given, or `keys` in the realm's; where there are keys already those stay, so that none comes back that was destroyed.
///
/// # Errors
/// When a file cannot be read or written, or the backup is damaged.
pub fn restore(backup: &Path, to: &Path, keys: Option<&Path>) -> Result<Examined, BackupError> {
    has_worlds(backup)?;
    sound(backup)?;
    whole_or_not(to, |part| {
        for name in ["snapshots", "journal"] {
            let from = backup.join(name);
            let files = if from.exists() {
                fs::read_dir(&from).map_err(BackupError::io(&from))?.collect()
            } else {
                Vec::new()
            };
            for file in files {
                copy_file(&file.map_err(BackupError::io(&from))?.path(), &folder(part, name)?)?;
            }
            sync_if_there(&part.join(name))?;
        }
        copy_file(&backup.join("worlds.json"), part)?;
        let (from, to) = (backup.join(KEYS), keys.map_or_else(|| part.join(KEYS), Path::to_owned));
        if from.exists() && !to.exists() {
            copy_keys(&from, &to)?;
        }
        sound(part)
    })
}

/// Whether a realm has begun in this folder.
fn has_worlds(folder: &Path) -> Result<(), BackupError> {
    match Worlds::read(folder)?.eras().next() {
        Some(_) => Ok(()),
        None => Err(BackupError::Nothing(folder.to_owned())),
    }
}

/// Where keys lie, in the folder of a realm and in a backup.
const KEYS: &str = "keys";

/// Copies files of keys, for the eyes of their owner only.
fn copy_keys(from: &Path, to: &Path) -> Result<(), BackupError> {
    if !from.exists() {
        return Ok(());
    }
    let folder = Folder::from(to);
    folder.make().and_then(|()| folder.disk.owner_only(to)).map_err(BackupError::io(to))?;
    for (_, file) in privacy::files(&Folder::from(from))? {
        copy_file(&file, to)?;
        let copy = to.join(file.file_name().unwrap_or_default());
        folder.disk.owner_only(&copy).map_err(BackupError::io(&copy))?;
    }
    folder.sync().map_err(BackupError::io(to))
}

/// Has a folder filled under another name, and gives it its own when that has gone well.
fn whole_or_not(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<Examined, BackupError>,
) -> Result<Examined, BackupError> {
    let empty = fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none());
    if to.exists() && !empty {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let name = to.file_name().ok_or_else(|| BackupError::Exists(to.to_owned()))?;
    let part = to.with_file_name(format!("{}.part", name.to_string_lossy()));
    clear(&part)?;
    let filled = fill(&part).and_then(|filled| {
        Folder::from(&part).sync().map_err(BackupError::io(&part))?;
        fs::rename(&part, to).map_err(BackupError::io(to))?;
        let above = to.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Folder::from(above).sync().map_err(BackupError::io(above))?;
        Ok(Examined { folder: to.to_owned(), ..filled })
    });
    if filled.is_err() {
        // It is made anew by the next try.
        let _left = fs::remove_dir_all(&part);
    }
    filled
}

fn sound(folder: &Path) -> Result<Examined, BackupError> {
    let examined = examine(folder)?;
    if examined.is_sound() {
        return Ok(examined);
    }
    Err(BackupError::Damaged { path: folder.to_owned(), problems: examined.problems })
}

fn clear(folder: &Path) -> Result<(), BackupError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(BackupError::io(folder))?;
    }
    fs::create_dir_all(folder).map_err(BackupError::io(folder))
}

/// A folder in a folder, made if need be.
fn folder(of: &Path, name: &str) -> Result<PathBuf, BackupError> {
    let folder = of.join(name);
    fs::create_dir_all(&folder).map_err(BackupError::io(&folder))?;
    Ok(folder)
}

fn sync_if_there(folder: &Path) -> Result<(), BackupError> {
    if folder.exists() { Folder::from(folder).sync().map_err(BackupError::io(folder)) } else { Ok(()) }
}

fn copy_file(from: &Path, to_folder: &Path) -> Result<(), BackupError> {
    let to = to_folder.join(from.file_name().unwrap_or_default());
    fs::copy(from, &to).map_err(BackupError::io(from))?;
    File::open(&to).and_then(|file| file.sync_all()).map_err(BackupError::io(&to))
}

/// Copies what a restart needs: first a snapshot, then the journal from it on. Returns whether the worlds
/// stayed the same.
fn copy(from: &Path, part: &Path, meanwhile: &mut dyn FnMut()) -> Result<bool, BackupError> {
    clear(part)?;
    let worlds = from.join("worlds.json");
    let ruled = fs::read(&worlds).map_err(BackupError::io(&worlds))?;
    let loaded = copy_snapshot(&from.join("snapshots"), part)?;
    meanwhile();
    let journal = folder(part, "journal")?;
    for segment in needed_after(&Folder::from(from).join("journal"), loaded)? {
        copy_file(&segment, &journal)?;
    }
    // The last segment was being written: its end is cut at the last whole frame.
    let mut reader = JournalReader::open(&journal, loaded)?;
    while reader.next_segment(&mut |_| {})? {}
    sync_if_there(&journal)?;
    copy_file(&worlds, part)?;
    let copied = part.join("worlds.json");
    Ok(fs::read(&copied).map_err(BackupError::io(&copied))? == ruled)
}

/// Copies the newest snapshot that is good when it has been copied.
fn copy_snapshot(from: &Path, part: &Path) -> Result<Option<Tick>, BackupError> {
    let from = &Folder::from(from);
    for listed in list(from) {
        let Ok(looked) = manifest::look(from, &listed) else { continue };
        let to = part.join("snapshots");
        clear(&to)?;
        for file in looked.files.iter().chain([&listed.path]) {
            copy_file(file, &to)?;
        }
        let copy = Folder::from(&to);
        if list(&copy).first().is_some_and(|copied| manifest::check(&copy, copied).is_ok()) {
            sync_if_there(&to)?;
            return Ok(Some(listed.tick));
        }
        fs::remove_dir_all(&to).map_err(BackupError::io(&to))?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::definitions::WorldDef;

    use super::*;
    use crate::folder::DataFolder;
    use crate::journal::{Inputs, Numbered, framed, group, remove_through};
    use crate::snapshot::{Snapshot, publish};

    /// Ticks 1 to 9, each in a segment of its own, and a snapshot of the first.
    fn written(folder: &Path) {
        let world = serde_json::json!({"name": "tiny", "seed": 1, "tick_ms": 10});
        let world: WorldDef = serde_json::from_value(world).expect("a world needs no more");
        Worlds::read(folder).expect("nothing").begin(None, &world, None).expect("writable");
        fs::create_dir_all(folder.join("journal")).expect("writable");
        for tick in 1..=9 {
            let inputs = Inputs::encode(tick, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
            let after = (tick > 1).then(|| tick - 1);
            let file = folder.join(format!("journal/{tick:012}.journal"));
            fs::write(file, framed(&group(vec![inputs], after, &[]))).expect("writable");
        }
        snapshot_of(folder, 1);
    }

    fn snapshot_of(folder: &Path, tick: Tick) {
        publish(&folder.join("snapshots"), &Snapshot { tick, ..Snapshot::default() }).expect("writable");
    }

    /// A backup, while snapshots shorten the journal `times` times. Returns how often it was begun.
    fn overtaken(times: u64, in_use: bool) -> (Result<Examined, BackupError>, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let lock = DataFolder::open(&data).expect("opens");
        written(&data);
        let _lock = in_use.then_some(lock);
        let mut begun = 0;
        let result = backup_while(&data, &folder.path().join("copy"), None, &mut || {
            begun += 1;
            if begun <= times {
                snapshot_of(&data, begun + 2);
                remove_through(&Folder::from(&data).join("journal"), begun + 2).expect("removable");
            }
        });
        (result, begun)
    }

    #[test]
    fn a_backup_is_begun_again_when_the_journal_was_shortened_meanwhile() {
        let (copied, begun) = overtaken(0, true);
        assert_eq!((copied.expect("copied").recovery.snapshot, begun), (Some(1), 1));
        let (copied, begun) = overtaken(2, true);
        let recovery = copied.expect("copied").recovery;
        assert_eq!((recovery.snapshot, recovery.ticks, begun), (Some(4), 5, 3));
        let (copied, begun) = overtaken(9, true);
        assert!(matches!(copied, Err(BackupError::Overtaken(_))), "{copied:?}");
        assert_eq!(begun, TRIES as u64);
        // Of a realm that is stopped nobody has removed anything meanwhile.
        let (copied, begun) = overtaken(9, false);
        assert!(matches!(copied, Err(BackupError::Journal(JournalError::Removed { .. }))), "{copied:?}");
        assert_eq!(begun, 1);
    }
}
