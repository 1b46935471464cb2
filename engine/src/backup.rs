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
use crate::journal::{JournalError, JournalReader, needed_after};
use crate::privacy::{self, KeysError};
use crate::snapshot::{list, manifest};

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

    fn is_not_found(&self) -> bool {
        let error = match self {
            BackupError::Io { error, .. } | BackupError::Journal(JournalError::Io { error, .. }) => error,
            _ => return false,
        };
        error.kind() == io::ErrorKind::NotFound
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
    if !folder.join("worlds.json").exists() {
        return Err(BackupError::Nothing(folder.to_owned()));
    }
    whole_or_not(to, |part| {
        for _ in 0..TRIES {
            match copy(folder, part) {
                Err(error) if error.is_not_found() => {}
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
    if !backup.join("worlds.json").exists() {
        return Err(BackupError::Nothing(backup.to_owned()));
    }
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
fn copy(from: &Path, part: &Path) -> Result<bool, BackupError> {
    clear(part)?;
    let worlds = from.join("worlds.json");
    let ruled = fs::read(&worlds).map_err(BackupError::io(&worlds))?;
    let loaded = copy_snapshot(&from.join("snapshots"), part)?;
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
