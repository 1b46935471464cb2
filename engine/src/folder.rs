//! The data folder of a realm: who may use it, and what its lineage is called.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use worldflow_schemas::Tick;

use crate::disk::{Folder, Lock};
use crate::journal::{begins_at_the_beginning, last_known};
use crate::snapshot;
use crate::snapshot::manifest;

/// A data folder, held by this process.
#[derive(Debug)]
pub struct DataFolder {
    folder: Folder,
    epoch: u64,
    _lock: Lock,
}

/// A data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process holds it.
    #[error("{0}: another process is using this data folder\nhint: stop it first, or name another folder")]
    InUse(PathBuf),
    /// The operating system says no.
    #[error("{path}: {error}\nhint: check that the data folder can be written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file that names the lineage is not what it should be.
    #[error(
        "{0}: not the name of a journal's lineage\nhint: the data folder is damaged; restore it from a copy"
    )]
    Epoch(PathBuf),
    /// The file of the worlds that the journal was written under cannot be understood.
    #[error(
        "{path}: {why}\nhint: another version of worldflow wrote this data folder, or it is damaged; run that version, or restore the folder from a copy"
    )]
    Worlds {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is not there, and what was written under them is.
    #[error(
        "{0}: the file `worlds.json` is missing, which says what world the journal was written under\nhint: restore it from a copy; where the world has never been edited it is the one that a first start makes in another data folder"
    )]
    NoWorlds(PathBuf),
    /// A snapshot cannot be read although it has just been written.
    #[error("{0}: the snapshot that was just written cannot be read again\nhint: check the disk")]
    Snapshot(PathBuf),
    /// The world has another length of a tick than the one the folder was written with.
    #[error(
        "{path}: this data folder was written with ticks of {written} ms, and the world now says `tick_ms: {now}`\nhint: ticks number the time since 1970, so a realm keeps their length for life; set `tick_ms: {written}`, or begin with another data folder"
    )]
    TickLength {
        /// The data folder.
        path: PathBuf,
        /// What it was written with.
        written: u32,
        /// What the world says now.
        now: u32,
    },
}

impl DataFolder {
    /// Makes the folder if need be, locks it, and reads or draws its epoch.
    ///
    /// # Errors
    /// When another process holds it, or it cannot be written.
    pub fn open(folder: impl Into<Folder>) -> Result<DataFolder, FolderError> {
        let folder = folder.into();
        folder.make().map_err(io(&folder.path))?;
        let lock_path = folder.file("lock");
        let lock = folder.disk.lock(&lock_path).map_err(io(&lock_path))?;
        let lock = lock.ok_or_else(|| FolderError::InUse(folder.path.clone()))?;
        let epoch_path = folder.file("epoch");
        let epoch = match folder.disk.read(&epoch_path) {
            Ok(bytes) => {
                let said =
                    str::from_utf8(&bytes).ok().and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
                said.ok_or(FolderError::Epoch(epoch_path))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let epoch = draw_epoch();
                write_durably(&folder, "epoch", format!("{epoch:016x}\n").as_bytes())?;
                epoch
            }
            Err(error) => return Err(FolderError::Io { path: epoch_path, error }),
        };
        Ok(DataFolder { folder, epoch, _lock: lock })
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Names the journal's lineage.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where the journal lies.
    #[must_use]
    pub fn journal(&self) -> Folder {
        self.folder.join("journal")
    }

    /// Where the snapshots lie.
    #[must_use]
    pub fn snapshots(&self) -> Folder {
        self.folder.join("snapshots")
    }

    /// The tick of the oldest snapshot that something may be taken back from; `None` while the journal
    /// is there from its beginning, or there are too few snapshots to rely on.
    pub(crate) fn needed_from(&self) -> Option<Tick> {
        let listed = snapshot::list(&self.snapshots());
        let oldest = listed.last().filter(|_| listed.len() >= snapshot::KEPT)?;
        (!begins_at_the_beginning(&self.journal())).then_some(oldest.tick)
    }
}

/// Writes a file of the folder whole or not at all: under another name first.
pub(crate) fn write_durably(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
    let path = folder.file(name);
    folder.write_whole(&path, bytes).map_err(io(&path))?;
    folder.sync().map_err(io(&folder.path))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Io { path, error }
}

/// Whether a realm that keeps its data in this folder has come as far as a first durable tick. What is there and cannot be
/// read counts: whoever opens it is told.
#[must_use]
pub fn has_begun(folder: impl Into<Folder>) -> bool {
    let folder = folder.into();
    let (journal, snapshots) = (folder.join("journal"), folder.join("snapshots"));
    !manifest::list(&snapshots).is_empty() || !matches!(last_known(&journal), Ok(None))
}

/// A number nobody has drawn before: the standard library seeds its hasher from the system.
#[must_use]
pub(crate) fn draw_epoch() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
