//! Reading the journal at start: cuts a torn tail, refuses a damaged middle.

use std::fs;
use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_schemas::Tick;

use super::JournalError;
use super::record::{Body, Framed, JournaledTick, VERSION, read_frame};

/// What the journal says about ticks in general, known when it has been read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last tick that may have been published; `None` for an empty journal.
    pub last: Option<Tick>,
    /// The end was cut off while it was being written.
    pub torn: bool,
}

/// Reads the records of a folder's segments in order, one segment in memory at a time.
#[derive(Debug)]
pub struct JournalReader {
    segments: std::vec::IntoIter<PathBuf>,
    state: Recovered,
}

impl JournalReader {
    /// Opens the journal in `folder`, which may be empty or absent.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(folder: &Path) -> Result<JournalReader, JournalError> {
        let segments = segments(folder)?;
        Ok(JournalReader { segments: segments.into_iter(), state: Recovered::default() })
    }

    /// What was learnt so far.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.state
    }

    /// Calls `each` with every tick of the next segment. Returns false after the last segment.
    ///
    /// # Errors
    /// When a segment cannot be read, or is damaged.
    pub fn next_segment(&mut self, each: &mut dyn FnMut(JournaledTick)) -> Result<bool, JournalError> {
        let Some(path) = self.segments.next() else { return Ok(false) };
        let last_segment = self.segments.len() == 0;
        let bytes = fs::read(&path).map_err(JournalError::io(&path))?;
        let mut at = 0;
        loop {
            let corrupt =
                |what: &str| JournalError::Corrupt { path: path.clone(), offset: at, what: what.to_owned() };
            match read_frame(&bytes, at) {
                Framed::End => return Ok(true),
                Framed::Torn if last_segment => {
                    warn!(
                        path = %path.display(), offset = at, bytes = bytes.len() - at,
                        "the end of the journal was cut off while it was being written; it was not durable and is removed"
                    );
                    truncate(&path, at)?;
                    self.state.torn = true;
                    return Ok(true);
                }
                Framed::Torn => return Err(corrupt("a frame is cut off, and later segments follow")),
                Framed::Corrupt(what) => return Err(corrupt(what)),
                Framed::Group(group, next) => {
                    if group.version > VERSION {
                        return Err(JournalError::Newer { path, found: group.version, known: VERSION });
                    }
                    for record in group.records {
                        match record.body {
                            Some(Body::Inputs(inputs)) => {
                                let tick = inputs.decode().map_err(|what| corrupt(&what))?;
                                self.state.last = self.state.last.max(Some(tick.sealed.tick));
                                each(tick);
                            }
                            Some(Body::Reserved(through)) => {
                                self.state.last = self.state.last.max(Some(through))
                            }
                            Some(Body::Closed(last)) => self.state.last = Some(last),
                            None => return Err(corrupt("a record of an unknown kind")),
                        }
                    }
                    at = next;
                }
            }
        }
    }
}

/// The segments of a folder, oldest first.
pub(super) fn segments(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::Io { path: folder.to_owned(), error }),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == SEGMENT) {
            segments.push(path);
        }
    }
    segments.sort();
    Ok(segments)
}

/// The extension of segments.
pub(super) const SEGMENT: &str = "journal";

fn truncate(path: &Path, bytes: usize) -> Result<(), JournalError> {
    let file = fs::OpenOptions::new().write(true).open(path).map_err(JournalError::io(path))?;
    file.set_len(bytes as u64).map_err(JournalError::io(path))?;
    file.sync_all().map_err(JournalError::io(path))
}
