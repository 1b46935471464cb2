//! Reading the journal at start: cuts a torn tail, refuses a damaged middle, and leaves alone what a
//! snapshot holds already; the segments of that are removed once two snapshots hold it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_schemas::Tick;

use super::JournalError;
use super::record::{Body, Framed, HEADER_BYTES, JournaledTick, VERSION, payload_bytes, read_frame};
use super::writer::sync_folder;

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
    loaded: Option<Tick>,
    state: Recovered,
}

impl JournalReader {
    /// Opens the journal in `folder`, which may be empty or absent, for what comes after `loaded`, the
    /// tick of a snapshot.
    ///
    /// # Errors
    /// When the folder cannot be read, or what follows the snapshot has been removed.
    pub fn open(folder: &Path, loaded: Option<Tick>) -> Result<JournalReader, JournalError> {
        let mut segments = segments(folder)?;
        if let Some(loaded) = loaded {
            segments.drain(..first_needed(&segments, loaded)?);
        }
        if let Some(first) = segments.first()
            && let Some(after) = follows(first)?
            && loaded.is_none_or(|loaded| loaded < after)
        {
            return Err(JournalError::Removed { path: first.clone(), after });
        }
        Ok(JournalReader { segments: segments.into_iter(), loaded, state: Recovered::default() })
    }

    /// What was learnt so far.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.state
    }

    /// Calls `each` with every tick of the next segment that the snapshot does not hold. Returns false
    /// after the last segment.
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
                                self.state.last = self.state.last.max(Some(inputs.tick));
                                if self.loaded.is_none_or(|loaded| inputs.tick > loaded) {
                                    each(inputs.decode().map_err(|what| corrupt(&what))?);
                                }
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

/// The tick that no inputs before this segment are later than, if it says so.
fn follows(path: &Path) -> Result<Option<Tick>, JournalError> {
    let file = File::open(path).map_err(JournalError::io(path))?;
    let mut bytes = Vec::new();
    (&file).take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(JournalError::io(path))?;
    if let Some(payload) = payload_bytes(&bytes) {
        (&file).take(payload.into()).read_to_end(&mut bytes).map_err(JournalError::io(path))?;
    }
    Ok(match read_frame(&bytes, 0) {
        Framed::Group(group, _) => group.after,
        // Whoever reads all of it says what is wrong.
        _ => None,
    })
}

/// How many of the first segments hold nothing after `tick`.
fn first_needed(segments: &[PathBuf], tick: Tick) -> Result<usize, JournalError> {
    for (place, path) in segments.iter().enumerate().rev() {
        if follows(path)?.is_some_and(|after| after <= tick) {
            return Ok(place);
        }
    }
    Ok(0)
}

/// Removes the segments that hold nothing after `tick`; snapshots hold it all.
pub(crate) fn remove_through(folder: &Path, tick: Tick) -> Result<(), JournalError> {
    let segments = segments(folder)?;
    let needed = first_needed(&segments, tick)?;
    if needed == 0 {
        return Ok(());
    }
    // What the first one left says of those before it must not be lost after they are.
    let first = &segments[needed];
    File::open(first).and_then(|file| file.sync_all()).map_err(JournalError::io(first))?;
    for path in &segments[..needed] {
        fs::remove_file(path).map_err(JournalError::io(path))?;
    }
    sync_folder(folder).map_err(JournalError::io(folder))
}

/// The extension of segments.
pub(super) const SEGMENT: &str = "journal";

fn truncate(path: &Path, bytes: usize) -> Result<(), JournalError> {
    let file = fs::OpenOptions::new().write(true).open(path).map_err(JournalError::io(path))?;
    file.set_len(bytes as u64).map_err(JournalError::io(path))?;
    file.sync_all().map_err(JournalError::io(path))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::record::{Group, Record, frame};
    use super::super::writer::{Durable, Entry, JournalConfig, JournalWriter};
    use super::super::{Inputs, JournalError, Numbered};
    use super::*;

    /// Writes ticks 1 to 5, of which the second cannot be decoded, after a reservation up to 50.
    fn written(folder: &Path, segment_bytes: usize) {
        let (told, durable) = channel();
        let config = JournalConfig { segment_bytes, sync: false };
        let journal = JournalWriter::open(folder, config, None, move |durable| {
            told.send(durable).expect("the test listens");
        })
        .expect("opens");
        journal.append(Entry::Reserve(50));
        assert!(matches!(durable.recv(), Ok(Durable::Reserved(50))));
        for tick in 1..=5 {
            let mut inputs = Inputs::encode(tick, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
            if tick == 2 {
                inputs.events = vec![0xff; 20];
            }
            journal.append(Entry::Inputs(inputs));
            assert!(matches!(durable.recv(), Ok(Durable::Inputs(told)) if told == tick));
        }
    }

    fn read(folder: &Path, loaded: Option<Tick>) -> Result<(Vec<Tick>, Option<Tick>), JournalError> {
        let mut reader = JournalReader::open(folder, loaded)?;
        let mut ticks = Vec::new();
        while reader.next_segment(&mut |tick| ticks.push(tick.sealed.tick))? {}
        Ok((ticks, reader.recovered().last))
    }

    #[test]
    fn what_version_2_wrote_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let inputs = Inputs::encode(7, &[], &[], &[], Numbered::default(), &[]).expect("encodes");
        assert!(inputs.reached.is_empty(), "as it was then");
        let records = vec![Record { body: Some(Body::Inputs(inputs)) }];
        let frame = frame(&Group { version: 2, records, after: None });
        fs::write(folder.path().join(format!("000000000001.{SEGMENT}")), frame).expect("writable");
        assert_eq!(read(folder.path(), None).expect("readable"), (vec![7], Some(7)));
    }

    #[test]
    fn what_a_snapshot_holds_is_not_decoded() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), 1 << 20);
        assert_eq!(segments(folder.path()).expect("readable").len(), 1);
        assert_eq!(read(folder.path(), Some(2)).expect("readable"), (vec![3, 4, 5], Some(50)));
        assert!(matches!(read(folder.path(), Some(1)), Err(JournalError::Corrupt { .. })));
    }

    #[test]
    fn segments_that_a_snapshot_holds_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), 0);
        let all = segments(folder.path()).expect("readable");
        assert_eq!(all.len(), 6);
        fs::write(&all[1], [7; 100]).expect("writable");
        assert_eq!(read(folder.path(), Some(3)).expect("readable"), (vec![4, 5], Some(50)));
        assert!(matches!(read(folder.path(), None), Err(JournalError::Corrupt { .. })));
    }

    #[test]
    fn removed_segments_are_those_before_the_tick_and_a_gap_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), 0);
        let all = segments(folder.path()).expect("readable");
        remove_through(folder.path(), 3).expect("removable");
        // The first holds the reservation, the next three the ticks.
        assert_eq!(segments(folder.path()).expect("readable"), all[4..]);
        assert_eq!(read(folder.path(), Some(3)).expect("readable"), (vec![4, 5], Some(50)));
        for loaded in [None, Some(2)] {
            assert!(matches!(read(folder.path(), loaded), Err(JournalError::Removed { after: 3, .. })));
        }
        remove_through(folder.path(), 100).expect("removable");
        assert_eq!(segments(folder.path()).expect("readable"), all[5..]);
    }
}
