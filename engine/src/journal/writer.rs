//! The journal's thread: group commit and segments.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use worldflow_schemas::Tick;

use super::JournalError;
use super::reader::{SEGMENT, segments};
use super::record::{Body, Group, Inputs, Record, VERSION, frame};
use crate::alarm::PanicAlarm;

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
    /// Nothing more will become durable.
    Failed(JournalError),
}

pub(crate) enum Entry {
    Inputs(Inputs),
    Reserve(Tick),
    Close(Tick),
}

/// A handle to the journal's thread. Dropping it ends the thread once all is written.
pub(crate) struct JournalWriter {
    entries: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

/// A group is closed when it holds this many bytes.
const GROUP_BYTES: usize = 8 << 20;

impl JournalWriter {
    /// Begins a new segment in `folder`, after everything up to `last`; `told` is called on the
    /// journal's thread.
    pub(crate) fn open(
        folder: &Path,
        config: JournalConfig,
        last: Option<Tick>,
        told: impl Fn(Durable) + Send + 'static,
    ) -> Result<JournalWriter, JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io(folder))?;
        let mut segment = Segment::next(folder)?;
        let (entries, received) = channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let _alarm = PanicAlarm(|| told(Durable::Failed(JournalError::Panicked)));
                if let Err(error) = write(&received, &mut segment, config, last, &told) {
                    told(Durable::Failed(error));
                }
            })
            .map_err(JournalError::io(folder))?;
        Ok(JournalWriter { entries: Some(entries), thread: Some(thread) })
    }

    pub(crate) fn append(&self, entry: Entry) {
        if let Some(entries) = &self.entries {
            // A thread that has failed has said so.
            let _gone = entries.send(entry);
        }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn write(
    entries: &Receiver<Entry>,
    segment: &mut Segment,
    config: JournalConfig,
    last: Option<Tick>,
    told: &impl Fn(Durable),
) -> Result<(), JournalError> {
    let (mut all_inputs, mut all_reserved) = (last, last);
    while let Ok(first) = entries.recv() {
        let mut group = Group { version: VERSION, records: Vec::new(), after: None };
        if segment.bytes > config.segment_bytes {
            *segment = Segment::create(&segment.folder, segment.number + 1)?;
        }
        if segment.bytes == 0 {
            // A segment says what it follows, so that it can be read when those before it are gone.
            group.after = all_inputs;
            group.records.extend(all_reserved.map(|tick| Record { body: Some(Body::Reserved(tick)) }));
        }
        let (mut inputs, mut reserved, mut bytes) = (None, None, 0);
        for entry in std::iter::once(first).chain(entries.try_iter()) {
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
            group.records.push(Record { body: Some(body) });
            if bytes > GROUP_BYTES {
                break;
            }
        }
        segment.append(&frame(&group), config.sync)?;
        (all_inputs, all_reserved) = (all_inputs.max(inputs), all_reserved.max(reserved));
        if let Some(through) = reserved {
            told(Durable::Reserved(through));
        }
        if let Some(tick) = inputs {
            told(Durable::Inputs(tick));
        }
    }
    Ok(())
}

struct Segment {
    folder: PathBuf,
    number: u64,
    path: PathBuf,
    file: File,
    bytes: usize,
}

impl Segment {
    fn next(folder: &Path) -> Result<Segment, JournalError> {
        let number = segments(folder)?
            .last()
            .and_then(|path| path.file_stem()?.to_str()?.parse::<u64>().ok())
            .map_or(1, |last| last + 1);
        Segment::create(folder, number)
    }

    fn create(folder: &Path, number: u64) -> Result<Segment, JournalError> {
        let path = folder.join(format!("{number:012}.{SEGMENT}"));
        let file =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(JournalError::io(&path))?;
        sync_folder(folder).map_err(JournalError::io(folder))?;
        Ok(Segment { folder: folder.to_owned(), number, path, file, bytes: 0 })
    }

    fn append(&mut self, frame: &[u8], sync: bool) -> Result<(), JournalError> {
        self.file.write_all(frame).map_err(JournalError::io(&self.path))?;
        if sync {
            self.file.sync_data().map_err(JournalError::io(&self.path))?;
        }
        self.bytes += frame.len();
        Ok(())
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let (told, durable) = channel();
        let config = JournalConfig { sync: false, ..JournalConfig::default() };
        let journal = JournalWriter::open(folder.path(), config, None, move |durable| {
            assert!(!matches!(durable, Durable::Reserved(_)), "asked to");
            told.send(durable).expect("the test listens");
        })
        .expect("opens");
        journal.append(Entry::Reserve(7));
        assert!(matches!(durable.recv(), Ok(Durable::Failed(JournalError::Panicked))));
    }
}
