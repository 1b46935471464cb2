//! Reading the journal: cuts a torn tail, refuses a damaged middle, and leaves alone what a snapshot holds
//! already.
//!
//! Only the end of the last segment can be torn, and of one that the writer gave up: then the segment after
//! it says how much of it is good. Segments at the end in which nothing became durable count for nothing.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tracing::warn;
use worldflow_schemas::Tick;

use super::JournalError;
use super::record::{
    Body, Framed, Group, HEADER_BYTES, JournaledTick, OLDEST, VERSION, payload_bytes, read_frame,
};
use crate::disk::{Folder, SharedDisk};

/// What the journal says about ticks in general, known when it has been read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last tick that may have been published; `None` for an empty journal.
    pub last: Option<Tick>,
    /// The end was cut off while it was being written.
    pub torn: bool,
    /// The bytes of what was read.
    pub bytes: u64,
}

/// Reads the records of a folder's segments in order, one segment in memory at a time.
#[derive(Debug)]
pub struct JournalReader {
    folder: Folder,
    segments: std::vec::IntoIter<Head>,
    /// Segments at the end in which nothing became durable.
    idle: Vec<Head>,
    loaded: Option<Tick>,
    /// What is torn is cut off on the disk, too.
    mends: bool,
    /// The first of the later segments that are not read, and the last tick that is wanted.
    next: Option<(Head, Tick)>,
    /// The last tick of inputs that is known to be before what is read next.
    inputs: Option<Tick>,
    state: Recovered,
}

impl JournalReader {
    /// Opens the journal in `folder`, which may be empty or absent, for what comes after `loaded`, the
    /// tick of a snapshot. A torn end is cut off.
    ///
    /// # Errors
    /// When the folder cannot be read, or what follows the snapshot has been removed.
    pub fn open(folder: impl Into<Folder>, loaded: Option<Tick>) -> Result<JournalReader, JournalError> {
        JournalReader::of(folder.into(), loaded, None, true)
    }

    /// As [`JournalReader::open`], changing nothing: also while the journal is being written. What is
    /// certainly after `until` is not read.
    ///
    /// # Errors
    /// As there.
    pub fn look(
        folder: impl Into<Folder>,
        loaded: Option<Tick>,
        until: Tick,
    ) -> Result<JournalReader, JournalError> {
        JournalReader::of(folder.into(), loaded, Some(until), false)
    }

    fn of(
        folder: Folder,
        loaded: Option<Tick>,
        until: Option<Tick>,
        mends: bool,
    ) -> Result<JournalReader, JournalError> {
        let mut segments = heads(&folder)?;
        let idle = take_idle(&mut segments);
        in_order(&segments)?;
        if let Some(loaded) = loaded {
            segments.drain(..first_needed(&segments, loaded));
        }
        if let Some(first) = segments.first()
            && let Some(after) = first.after()
            && loaded.is_none_or(|loaded| loaded < after)
        {
            return Err(JournalError::Removed { path: first.path.clone(), after });
        }
        let wanted = until.map_or(segments.len(), |until| {
            let later = |head: &Head| head.after().is_some_and(|after| after >= until);
            segments.iter().position(later).unwrap_or(segments.len())
        });
        let next = segments.get(wanted).cloned().zip(until);
        segments.truncate(wanted);
        let inputs = segments.first().and_then(Head::after).max(loaded);
        let (segments, state) = (segments.into_iter(), Recovered::default());
        Ok(JournalReader { folder, segments, idle, loaded, mends, next, inputs, state })
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
        let Some(head) = self.segments.next() else {
            // What is not read says whether all before it was there.
            if let Some((next, _)) = self.next.take().filter(|(_, until)| self.inputs < Some(*until)) {
                self.follow(&next)?;
            }
            self.remove_idle()?;
            return Ok(false);
        };
        self.follow(&head)?;
        let Head { path, good_bytes, .. } = head;
        let last_segment = self.segments.len() == 0 && self.next.is_none();
        let bytes = read_good(&self.folder.disk, &path, good_bytes)?;
        self.state.bytes += bytes.len() as u64;
        let (loaded, state, last_inputs) = (self.loaded, &mut self.state, &mut self.inputs);
        let walked = walk(&path, &bytes, &mut |_, group| {
            for record in group.records {
                match record.body {
                    Some(Body::Inputs(inputs)) => {
                        state.last = state.last.max(Some(inputs.tick));
                        *last_inputs = (*last_inputs).max(Some(inputs.tick));
                        if loaded.is_none_or(|loaded| inputs.tick > loaded) {
                            each(inputs.decode()?);
                        }
                    }
                    Some(Body::Reserved(through)) => state.last = state.last.max(Some(through)),
                    Some(Body::Closed(last)) => state.last = Some(last),
                    None => return Err("a record of an unknown kind".to_owned()),
                }
            }
            Ok(())
        })?;
        let Walked::Torn(at) = walked else {
            if last_segment && self.mends {
                // Whoever wrote it may have been killed before what is read here, or a cut, was durable.
                let synced = self.folder.disk.open(&path).and_then(|mut file| file.sync());
                synced.map_err(JournalError::io(&path))?;
            }
            return Ok(true);
        };
        if !last_segment {
            let what = "a frame is cut off, and later segments follow".to_owned();
            return Err(JournalError::Corrupt { path, offset: at, what });
        }
        self.state.torn = true;
        if self.mends {
            warn!(
                path = %path.display(), offset = at, bytes = bytes.len() - at,
                "the end of the journal was cut off while it was being written; it was not durable and is removed"
            );
            truncate(&self.folder.disk, &path, at)?;
        }
        Ok(true)
    }

    /// Whether what a segment says it follows has been read: the last inputs, or all that an earlier run
    /// may have published.
    fn follow(&mut self, head: &Head) -> Result<(), JournalError> {
        let Some(after) = head.after() else { return Ok(()) };
        if Some(after) > self.inputs && Some(after) != self.state.last {
            return Err(JournalError::Missing { path: head.path.clone(), after, found: self.inputs });
        }
        self.inputs = self.inputs.max(Some(after));
        Ok(())
    }

    fn remove_idle(&mut self) -> Result<(), JournalError> {
        let idle = std::mem::take(&mut self.idle);
        self.state.torn |= idle.iter().any(|head| head.bytes > 0);
        if !self.mends || idle.is_empty() {
            return Ok(());
        }
        for Head { path, bytes, .. } in idle {
            if bytes > 0 {
                warn!(path = %path.display(), bytes, "nothing of this segment had become durable; it is removed");
            }
            self.folder.disk.remove(&path).map_err(JournalError::io(&path))?;
        }
        self.folder.sync().map_err(JournalError::io(&self.folder.path))
    }
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// With a whole frame.
    Whole,
    /// At this byte a frame begins that is not whole.
    Torn(usize),
}

/// Calls `each` with every group of a segment and where it begins.
pub(super) fn walk(
    path: &Path,
    bytes: &[u8],
    each: &mut dyn FnMut(usize, Group) -> Result<(), String>,
) -> Result<Walked, JournalError> {
    let mut at = 0;
    let corrupt = |offset, what: String| JournalError::Corrupt { path: path.to_owned(), offset, what };
    loop {
        match read_frame(bytes, at) {
            Framed::End => return Ok(Walked::Whole),
            Framed::Torn => return Ok(Walked::Torn(at)),
            Framed::Corrupt(what) => return Err(corrupt(at, what.to_owned())),
            Framed::Group(group, _) if group.version > VERSION => {
                let (path, found) = (path.to_owned(), group.version);
                return Err(JournalError::Newer { path, found, known: VERSION });
            }
            Framed::Group(group, _) if group.version < OLDEST => {
                let (path, found) = (path.to_owned(), group.version);
                return Err(JournalError::Older { path, found, known: OLDEST });
            }
            Framed::Group(group, next) => {
                each(at, group).map_err(|what| corrupt(at, what))?;
                at = next;
            }
        }
    }
}

/// The beginning of a segment, without the rest of it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) path: PathBuf,
    /// The length of the file.
    pub(super) bytes: u64,
    first: First,
    /// So much of it is good, when a later segment says so.
    pub(super) good_bytes: Option<u64>,
}

/// The first frame of a segment.
#[derive(Clone, Debug)]
enum First {
    /// It is whole.
    Whole(Box<Group>),
    /// Nothing in the file became durable.
    Nothing,
    /// Whoever reads all of it says what is wrong.
    Damaged,
}

impl Head {
    fn read(disk: &SharedDisk, path: PathBuf) -> Result<Head, JournalError> {
        let mut file = disk.reader(&path).map_err(JournalError::io(&path))?;
        let length = file.seek(SeekFrom::End(0)).map_err(JournalError::io(&path))?;
        file.rewind().map_err(JournalError::io(&path))?;
        let mut bytes = Vec::new();
        let mut read = |most: u64, bytes: &mut Vec<u8>| {
            (&mut file).take(most).read_to_end(bytes).map_err(JournalError::io(&path))
        };
        read(HEADER_BYTES as u64, &mut bytes)?;
        if let Some(payload) = payload_bytes(&bytes) {
            read(payload.into(), &mut bytes)?;
        }
        let mut first = read_frame(&bytes, 0);
        if matches!(first, Framed::Torn | Framed::Corrupt(_)) && length > bytes.len() as u64 {
            // Only all of it says whether a good frame follows.
            file.read_to_end(&mut bytes).map_err(JournalError::io(&path))?;
            first = read_frame(&bytes, 0);
        }
        let first = match first {
            Framed::Group(mut group, _) => {
                group.records = Vec::new();
                First::Whole(Box::new(group))
            }
            Framed::End | Framed::Torn => First::Nothing,
            Framed::Corrupt(_) => First::Damaged,
        };
        Ok(Head { path, bytes: length, first, good_bytes: None })
    }

    /// The tick that no inputs before this segment are later than, if it says so.
    pub(super) fn after(&self) -> Option<Tick> {
        match &self.first {
            First::Whole(group) => group.after,
            First::Nothing | First::Damaged => None,
        }
    }
}

/// The beginnings of a folder's segments, oldest first.
pub(super) fn heads(folder: &Folder) -> Result<Vec<Head>, JournalError> {
    let read = |path| Head::read(&folder.disk, path);
    let mut heads = segments(folder)?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut ended = BTreeMap::new();
    for head in &heads {
        if let First::Whole(group) = &head.first {
            ended.extend(group.ended.iter().map(|ended| (ended.segment, ended.bytes)));
        }
    }
    for head in &mut heads {
        head.good_bytes = number(&head.path).and_then(|number| ended.get(&number).copied());
    }
    Ok(heads)
}

/// Takes away the segments at the end in which nothing became durable.
pub(super) fn take_idle(heads: &mut Vec<Head>) -> Vec<Head> {
    let last = heads.iter().rposition(|head| !matches!(head.first, First::Nothing));
    heads.split_off(last.map_or(0, |last| last + 1))
}

/// What is good of a segment, as far as others know.
pub(super) fn read_good(
    disk: &SharedDisk,
    path: &Path,
    good_bytes: Option<u64>,
) -> Result<Vec<u8>, JournalError> {
    let mut bytes = disk.read(path).map_err(JournalError::io(path))?;
    if let Some(good) = good_bytes {
        bytes.truncate(usize::try_from(good).unwrap_or(usize::MAX));
    }
    Ok(bytes)
}

/// The last tick that may have been published, as the last segment says; changes nothing.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(crate) fn last_known(folder: &Folder) -> Result<Option<Tick>, JournalError> {
    let mut heads = heads(folder)?;
    let idle = take_idle(&mut heads);
    heads.drain(..heads.len().saturating_sub(1));
    let (folder, segments) = (folder.clone(), heads.into_iter());
    let state = Recovered::default();
    // As if everything were loaded: nothing is decoded.
    let loaded = Some(Tick::MAX);
    let (mends, next, inputs) = (false, None, loaded);
    let mut reader = JournalReader { folder, segments, idle, loaded, mends, next, inputs, state };
    while reader.next_segment(&mut |_| {})? {}
    Ok(reader.recovered().last)
}

/// Whether each segment follows the one before it, from the first that is there on; changes nothing.
///
/// # Errors
/// When one does not, or cannot be read, or is damaged.
pub(crate) fn follow_each_other(folder: &Folder) -> Result<(), JournalError> {
    let mut heads = heads(folder)?;
    let idle = take_idle(&mut heads);
    in_order(&heads)?;
    let inputs = heads.first().and_then(Head::after);
    let (folder, segments) = (folder.clone(), heads.into_iter());
    // As if everything were loaded: nothing is decoded.
    let (loaded, mends, next, state) = (Some(Tick::MAX), false, None, Recovered::default());
    let mut reader = JournalReader { folder, segments, idle, loaded, mends, next, inputs, state };
    while reader.next_segment(&mut |_| {})? {}
    Ok(())
}

/// Whether each segment follows inputs that are no earlier than those that the one before it follows. What is read, and what is
/// removed, is found by that.
fn in_order(heads: &[Head]) -> Result<(), JournalError> {
    let mut before: Option<Tick> = None;
    for head in heads.iter().filter(|head| matches!(head.first, First::Whole(_))) {
        match before {
            Some(before) if head.after() < Some(before) => {
                return Err(JournalError::OutOfOrder {
                    path: head.path.clone(),
                    after: head.after(),
                    before,
                });
            }
            _ => before = head.after(),
        }
    }
    Ok(())
}

/// Whether nothing has been removed from the journal, as far as can be seen.
pub(crate) fn begins_at_the_beginning(folder: &Folder) -> bool {
    let first = segments(folder).ok().and_then(|segments| segments.into_iter().next());
    first.is_none_or(|first| Head::read(&folder.disk, first).is_ok_and(|head| head.after().is_none()))
}

/// The segments of a folder, oldest first.
pub(super) fn segments(folder: &Folder) -> Result<Vec<PathBuf>, JournalError> {
    let mut segments = folder.files().map_err(JournalError::io(&folder.path))?;
    segments.retain(|path| number(path).is_some());
    segments.sort();
    Ok(segments)
}

/// The extension of segments.
const SEGMENT: &str = "journal";

/// The file of a segment.
pub(super) fn segment_path(folder: &Folder, number: u64) -> PathBuf {
    folder.file(format!("{number:012}.{SEGMENT}"))
}

/// The number of a segment, if that is what a path names.
pub(super) fn number(path: &Path) -> Option<u64> {
    path.extension().filter(|extension| *extension == SEGMENT)?;
    path.file_stem()?.to_str()?.parse().ok()
}

/// How many of the first segments hold nothing after `tick`.
fn first_needed(segments: &[Head], tick: Tick) -> usize {
    segments.iter().rposition(|head| head.after().is_some_and(|after| after <= tick)).unwrap_or(0)
}

/// The segments that a snapshot of that tick needs after it.
pub(crate) fn needed_after(folder: &Folder, loaded: Option<Tick>) -> Result<Vec<PathBuf>, JournalError> {
    let mut segments = heads(folder)?;
    in_order(&segments)?;
    if let Some(loaded) = loaded {
        segments.drain(..first_needed(&segments, loaded));
    }
    Ok(segments.into_iter().map(|head| head.path).collect())
}

/// Removes the segments that hold nothing after `tick`; snapshots hold it all. Returns whether there were
/// any.
pub(crate) fn remove_through(folder: &Folder, tick: Tick) -> Result<bool, JournalError> {
    let segments = heads(folder)?;
    in_order(&segments)?;
    let needed = first_needed(&segments, tick);
    if needed == 0 {
        return Ok(false);
    }
    // What the first one left says of those before it must not be lost after they are.
    let first = &segments[needed].path;
    folder.disk.open(first).and_then(|mut file| file.sync()).map_err(JournalError::io(first))?;
    for Head { path, .. } in &segments[..needed] {
        folder.disk.remove(path).map_err(JournalError::io(path))?;
        // One after another: what is left says how much is good of the one before it.
        folder.sync().map_err(JournalError::io(&folder.path))?;
    }
    Ok(true)
}

fn truncate(disk: &SharedDisk, path: &Path, bytes: usize) -> Result<(), JournalError> {
    let mut file = disk.open(path).map_err(JournalError::io(path))?;
    file.cut(bytes as u64).map_err(JournalError::io(path))?;
    file.sync().map_err(JournalError::io(path))
}

#[cfg(test)]
mod tests;
