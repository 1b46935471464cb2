//! The journal: every sealed input, durable before anything that follows from it leaves.
//!
//! A thread of its own writes what has gathered as one frame and syncs it once (group commit), while
//! the workers already compute. Empty ticks are not written; instead ticks are reserved ahead, and a
//! restart begins after the reservation. Segments are removed once the snapshots that are kept hold what
//! they say. `docs/journal.md` has the form of the files.

mod reader;
mod record;
pub(crate) mod survey;
mod writer;

use std::path::PathBuf;

pub use reader::{JournalReader, Recovered};
pub(crate) use reader::{
    begins_at_the_beginning, follow_each_other, last_known, needed_after, remove_through,
};
pub use record::{Identified, Inputs, JournaledTick, Numbered};
pub(crate) use record::{framed, group};
pub use writer::{Durable, Entry, JournalConfig, JournalWriter, Place};

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system says no.
    #[error("{path}: {error}\nhint: check the disk and the permissions of the data folder")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The keys of players cannot be written.
    #[error(transparent)]
    Keys(#[from] crate::privacy::KeysError),
    /// Damage in the middle of the journal.
    #[error(
        "{path}: byte {offset}: {what}\nhint: the journal is damaged here, not merely cut off at its end; restore the data folder from a copy, or, to give up everything after the damage, truncate this file to {offset} bytes and remove the later segments"
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where the damage begins.
        offset: usize,
        /// What is wrong.
        what: String,
    },
    /// The beginning of the journal is gone, and no snapshot holds it.
    #[error(
        "{path}: the journal up to tick {after} has been removed, and no snapshot that can be used holds it\nhint: restore the snapshots of the data folder from a copy"
    )]
    Removed {
        /// The first segment that is left.
        path: PathBuf,
        /// What it follows.
        after: worldflow_schemas::Tick,
    },
    /// Something between two segments is gone.
    #[error(
        "{path}: it follows the inputs up to tick {after}, and what is before it ends with {}\nhint: a segment before it is missing, or was cut off; restore the data folder from a copy, or, to give up everything after the gap, remove this file and the later ones",
        .found.map_or("nothing".to_owned(), |found| format!("those of tick {found}"))
    )]
    Missing {
        /// The segment after the gap.
        path: PathBuf,
        /// What it follows.
        after: worldflow_schemas::Tick,
        /// What is there.
        found: Option<worldflow_schemas::Tick>,
    },
    /// A segment is not where it belongs.
    #[error(
        "{path}: it follows the inputs up to tick {}, and the segment before it those up to tick {before}\nhint: it was copied or renamed; move it out of the folder, or restore the data folder from a copy",
        .after.map_or("none".to_owned(), |after| after.to_string())
    )]
    OutOfOrder {
        /// The segment.
        path: PathBuf,
        /// What it follows.
        after: Option<worldflow_schemas::Tick>,
        /// What the one before it follows.
        before: worldflow_schemas::Tick,
    },
    /// The inputs of a tick cannot be written down.
    #[error("the inputs of tick {tick} cannot be encoded: {what}\nhint: this is a bug in worldflow")]
    Encode {
        /// The tick.
        tick: worldflow_schemas::Tick,
        /// Why.
        what: String,
    },
    /// A thread that reads it cannot be started.
    #[error("a thread cannot be started: {0}\nhint: check the limits on processes and memory")]
    Thread(std::io::Error),
    /// The thread that writes it has panicked.
    #[error("the journal's thread panicked\nhint: this is a bug in worldflow; the log has the details")]
    Panicked,
    /// Written by a newer version.
    #[error(
        "{path}: written in version {found} of the journal, and this program reads up to {known}\nhint: run the newer program"
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// Written by a version that is too old.
    #[error(
        "{path}: written in version {found} of the journal, and this program reads from {known} on\nhint: open it with a program of before, which writes a snapshot at its end, and move the folder `journal` aside after that"
    )]
    Older {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The oldest this program knows.
        known: u32,
    },
}

impl JournalError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> JournalError {
        let path = path.into();
        move |error| JournalError::Io { path, error }
    }
}
