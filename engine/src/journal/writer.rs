//! The journal's thread: group commit and segments.
//!
//! A write or a sync that fails is not tried again on the same file, of which nobody knows any more what
//! the disk has: the segment is closed at its last durable frame, and what was to follow is written into a new
//! one, which says where the one before ends. Until that works nothing more becomes durable, so nothing
//! more is acknowledged; it is tried until it works, or the realm is to end.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use tracing::{info, trace, warn};
use worldflow_schemas::Tick;

use super::JournalError;
use super::reader::{number, segment_path, segments};
use super::record::{Body, Ended, Group, Inputs, Record, VERSION, frame};
use crate::PHASE;
use crate::disk::{DiskFile, Folder};
use crate::host::{Host, Task, Turns};
use crate::privacy::Privacy;

/// How the journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// A segment is closed when it is longer than this.
    pub segment_bytes: usize,
    /// Whether a group is synced to the disk before it counts as durable.
    pub sync: bool,
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig { segment_bytes: 64 << 20, sync: true }
    }
}

/// What the journal's thread tells.
#[derive(Debug)]
pub enum Durable {
    /// The inputs of every tick up to this one are durable.
    Inputs(Tick),
    /// Ticks up to this one may be published.
    Reserved(Tick),
    /// Nothing can be written now, and why; it is tried again.
    Stalled(String),
    /// It can again.
    Resumed,
    /// Nothing more will become durable.
    Failed(JournalError),
}

/// What is to be journaled.
#[derive(Debug)]
pub enum Entry {
    /// The inputs of a tick.
    Inputs(Inputs),
    /// Ticks up to this one may be published without a record of their own.
    Reserve(Tick),
    /// A clean end at this tick.
    Close(Tick),
}

/// Where the journal is written, and what others see of it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The folder of the segments.
    pub folder: Folder,
    /// What runs the loop that writes.
    pub host: Host,
    /// Counts the bytes of every frame.
    pub journaled: Arc<AtomicU64>,
    /// The realm is to end: what cannot be written now will not be.
    pub ending: Arc<AtomicBool>,
    /// The keys that what is journaled may be sealed under: they are durable first.
    pub privacy: Privacy,
}

/// A handle to the journal's thread. Dropping it ends the thread once all is written.
pub struct JournalWriter {
    entries: Option<Sender<Entry>>,
    thread: Option<Task<()>>,
    ending: Arc<AtomicBool>,
}

/// A group is closed when it holds this many bytes.
const GROUP_BYTES: usize = 8 << 20;

/// How long until a write is tried again, at first and at most.
const AGAIN: Duration = Duration::from_millis(20);
const AGAIN_AT_MOST: Duration = Duration::from_millis(1_000);

impl JournalWriter {
    /// Begins a new segment, after everything up to `last`; `told` is called on the journal's thread.
    ///
    /// # Errors
    /// When there cannot be a new segment.
    pub fn open(
        place: Place,
        config: JournalConfig,
        last: Option<Tick>,
        told: impl Fn(Durable) + Send + 'static,
    ) -> Result<JournalWriter, JournalError> {
        let (folder, host) = (place.folder.clone(), place.host);
        folder.make().map_err(JournalError::io(&folder.path))?;
        let last_number = segments(&folder)?.last().and_then(|path| number(path)).unwrap_or(0);
        let segment = Segment::create(&place, last_number + 1)?;
        let ending = Arc::clone(&place.ending);
        let writer = Writer {
            place,
            config,
            next_number: segment.number + 1,
            segment: Some(segment),
            ended: Vec::new(),
            inputs: last,
            reserved: last,
        };
        let (entries, received) = channel();
        let writing = move || Writing { writer, entries: received, told, gathered: None };
        let thread = host.spawn("journal", writing).map_err(JournalError::io(&folder.path))?;
        Ok(JournalWriter { entries: Some(entries), thread: Some(thread), ending })
    }

    /// Waits until all is written, or nothing more can be.
    pub(crate) async fn close(mut self) {
        self.entries = None;
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.ended().await;
        }
    }

    /// Has an entry journaled.
    pub fn append(&self, entry: Entry) {
        if let Some(entries) = &self.entries {
            // A thread that has failed has said so.
            let _gone = entries.send(entry);
        }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.entries = None;
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What has gathered, to become durable together.
struct Gathered {
    group: Group,
    /// The last tick of inputs in it, and the last reserved.
    inputs: Option<Tick>,
    reserved: Option<Tick>,
    /// It has failed, and is tried again then.
    again: Option<(Instant, Duration)>,
}

/// The loop that writes.
struct Writing<T: Fn(Durable)> {
    writer: Writer,
    entries: Receiver<Entry>,
    told: T,
    gathered: Option<Gathered>,
}

impl<T: Fn(Durable)> Drop for Writing<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.told)(Durable::Failed(JournalError::Panicked));
        }
    }
}

impl<T: Fn(Durable)> Turns for Writing<T> {
    type Done = ();

    fn turn(&mut self, waits: bool) -> ControlFlow<()> {
        let gathered = match self.gathered.take() {
            Some(gathered) => gathered,
            None => match self.next(waits) {
                Ok(first) => gather(std::iter::once(first).chain(self.entries.try_iter())),
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
            },
        };
        self.commit(gathered, waits)
    }
}

impl<T: Fn(Durable)> Writing<T> {
    fn next(&self, waits: bool) -> Result<Entry, TryRecvError> {
        if waits {
            self.entries.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            self.entries.try_recv()
        }
    }

    /// Tries to make what has gathered durable. Only the end of the realm ends that.
    fn commit(&mut self, mut gathered: Gathered, waits: bool) -> ControlFlow<()> {
        let host = self.writer.place.host;
        if let Some((due, _)) = gathered.again
            && let left = due.saturating_duration_since(host.now())
            && !left.is_zero()
        {
            if waits {
                std::thread::park_timeout(left);
            }
            self.gathered = Some(gathered);
            return ControlFlow::Continue(());
        }
        match self.writer.try_commit(&mut gathered.group) {
            Ok(()) => {
                let Gathered { inputs, reserved, again, .. } = gathered;
                if again.is_some() {
                    info!("the journal can be written again");
                    (self.told)(Durable::Resumed);
                }
                self.writer.inputs = self.writer.inputs.max(inputs);
                self.writer.reserved = self.writer.reserved.max(reserved);
                reserved.into_iter().for_each(|through| (self.told)(Durable::Reserved(through)));
                inputs.into_iter().for_each(|tick| (self.told)(Durable::Inputs(tick)));
                ControlFlow::Continue(())
            }
            Err(error) if self.writer.place.ending.load(Ordering::Relaxed) => {
                (self.told)(Durable::Failed(error));
                ControlFlow::Break(())
            }
            Err(error) => {
                if gathered.again.is_none() {
                    warn!(%error, "the journal cannot be written; nothing is acknowledged until it can be");
                    (self.told)(Durable::Stalled(error.to_string()));
                }
                let wait = gathered.again.map_or(AGAIN, |(_, last)| (last * 2).min(AGAIN_AT_MOST));
                self.gathered = Some(Gathered { again: Some((host.now() + wait, wait)), ..gathered });
                ControlFlow::Continue(())
            }
        }
    }
}

fn gather(entries: impl Iterator<Item = Entry>) -> Gathered {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let (mut inputs, mut reserved) = (None, None);
    for entry in entries {
        let body = match entry {
            Entry::Inputs(tick) => {
                inputs = Some(tick.tick);
                bytes += tick.events.len() + tick.commands.iter().map(String::len).sum::<usize>();
                Body::Inputs(tick)
            }
            Entry::Reserve(through) => {
                reserved = Some(through);
                Body::Reserved(through)
            }
            Entry::Close(last) => Body::Closed(last),
        };
        records.push(Record { body: Some(body) });
        if bytes > GROUP_BYTES {
            break;
        }
    }
    let group = Group { version: VERSION, records, after: None, ended: Vec::new() };
    Gathered { group, inputs, reserved, again: None }
}

struct Writer {
    place: Place,
    config: JournalConfig,
    /// `None` after a failure, until there is another.
    segment: Option<Segment>,
    next_number: u64,
    /// Segments that failed, which the next good frame says the ends of.
    ended: Vec<Ended>,
    /// The last tick of inputs, and the last reserved.
    inputs: Option<Tick>,
    reserved: Option<Tick>,
}

impl Writer {
    fn try_commit(&mut self, group: &mut Group) -> Result<(), JournalError> {
        self.place.privacy.save()?;
        let full = |segment: &Segment| segment.bytes > self.config.segment_bytes as u64;
        if self.segment.as_ref().is_none_or(full) {
            // If it fails, what is there under that name is of no use to anybody.
            let number = self.next_number;
            self.next_number += 1;
            trace!(target: PHASE, "roll begins");
            self.segment = Some(Segment::create(&self.place, number)?);
            trace!(target: PHASE, "roll ends");
        }
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let first = segment.bytes == 0;
        if first {
            // A segment says what it follows, so that it can be read when those before it are gone.
            group.after = self.inputs;
            group.ended.clone_from(&self.ended);
            let reserved = self.reserved.map(|tick| Record { body: Some(Body::Reserved(tick)) });
            group.records.splice(0..0, reserved);
        }
        let bytes = frame(group);
        let written = segment.append(&bytes, self.config.sync);
        if first {
            group.after = None;
            group.ended = Vec::new();
            group.records.drain(..usize::from(self.reserved.is_some()));
        }
        match written {
            Ok(()) => {
                self.ended.clear();
                self.place.journaled.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Closes the segment at its last durable frame.
    fn abandon(&mut self) {
        let Some(Segment { number, path, mut file, bytes }) = self.segment.take() else { return };
        if bytes == 0 {
            drop(file);
            if self.place.folder.disk.remove(&path).is_ok() {
                self.next_number = number;
                return;
            }
        } else if let Err(error) = file.cut(bytes) {
            // The next segment says how much of it is good.
            warn!(path = %path.display(), %error, "the segment that failed cannot be cut to what is good of it");
        }
        self.ended.push(Ended { segment: number, bytes });
    }
}

struct Segment {
    number: u64,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// What is durable of it.
    bytes: u64,
}

impl Segment {
    fn create(place: &Place, number: u64) -> Result<Segment, JournalError> {
        let path = segment_path(&place.folder, number);
        let file = place.folder.disk.create(&path).map_err(JournalError::io(&path))?;
        if let Err(error) = place.folder.sync() {
            // Nobody knows whether it is there, so it is of no use.
            let _left = place.folder.disk.remove(&path);
            return Err(JournalError::Io { path, error });
        }
        Ok(Segment { number, path, file, bytes: 0 })
    }

    fn append(&mut self, frame: &[u8], sync: bool) -> Result<(), JournalError> {
        self.file.append(frame).map_err(JournalError::io(&self.path))?;
        if sync {
            self.file.sync().map_err(JournalError::io(&self.path))?;
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }
}
