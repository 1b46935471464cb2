//! Recordings: events from a file, as NDJSON (gzip or plain, any field layout) or in worldflow's own
//! binary form.
//!
//! A recording turns into [`Block`]s of inputs in the order of their times. It reads and maps; it
//! does not know a world, so whether a kind or a target exists is checked by whoever admits.

mod binary;
mod bookmark;
mod counted;
mod envelope;
mod lane;
mod line;
mod map_check;
mod map_def;
mod map_expr;
mod mapping;
mod ndjson;
mod play;
mod rules;

use std::path::{Path, PathBuf};

use worldflow_engine::admission::{Item, Refusal};
use worldflow_schemas::{Command, Event, EventId, Input, Sym};

pub use binary::{BinaryReader, BinaryWriter};
pub use bookmark::Bookmark;
pub use counted::Told;
pub use envelope::{EnvelopeDef, PayloadForm, RecordForm};
pub use lane::Lane;
pub use map_check::{MapProblem, Step};
pub use map_def::{Expr, GridDef, LookupDef, MapDef, PresenceDef, RuleDef, StreamsDef, TimeDef};
pub use mapping::Mapping;
pub(crate) use mapping::Pass;
pub use ndjson::{read_ndjson, read_ndjson_from};
pub use play::play;
pub use rules::Rules;

/// A stretch of a recording, sorted by time. At equal times other inputs come before events.
#[derive(Debug, Default)]
pub struct Block {
    /// Events, by time and then by place in the file.
    pub events: Vec<Event>,
    /// Other inputs, by time and then by place in the file.
    pub commands: Vec<Dated>,
    /// Lines that could not be read or mapped.
    pub bad: Vec<BadLine>,
    /// Lines that the mapping says to leave out.
    pub skipped: u64,
}

impl Block {
    /// Everything in it as items for admission, with their times.
    pub fn into_items(self) -> impl Iterator<Item = (i64, Item)> {
        let mut commands = self.commands.into_iter().peekable();
        let mut events = self.events.into_iter().peekable();
        std::iter::from_fn(move || {
            let event_ms = events.peek().map_or(i64::MAX, |event| event.at_ms);
            if let Some(dated) = commands.next_if(|dated| dated.at_ms <= event_ms) {
                return Some((
                    dated.at_ms,
                    Item { id: dated.id, input: Input::Command(dated.command), most_per_s: None },
                ));
            }
            let event = events.next()?;
            Some((event.at_ms, Item { id: event.id.clone(), input: Input::Event(event), most_per_s: None }))
        })
    }
}

/// An input that is not an event, with its time and identity.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Dated {
    /// UTC milliseconds.
    pub at_ms: i64,
    /// The producer.
    pub source: Sym,
    /// Its id within the source.
    pub id: EventId,
    /// The input.
    pub command: Command,
}

/// A line that could not be read or mapped: a row of `rejections`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    /// A stable code.
    pub code: &'static str,
    /// Which part of the line; empty for all of it.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl BadLine {
    fn new(line: u64, Refusal { code, path, reason, hint, .. }: Refusal) -> BadLine {
        BadLine { line, code, path, reason, hint }
    }

    /// The rejection of the line.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let part = if self.path.is_empty() { String::new() } else { format!(": {}", self.path) };
        Refusal {
            code: self.code,
            path: format!("line {}{part}", self.line),
            reason: self.reason.clone(),
            hint: self.hint.clone(),
            retry_after_ms: None,
        }
    }
}

/// Why a recording cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened or read.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not what its first bytes say, or is damaged.
    #[error("{path}: {reason}\nhint: {hint}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
}

impl RecordingError {
    fn io(path: &Path, error: std::io::Error) -> RecordingError {
        RecordingError::Io { path: path.to_owned(), error }
    }

    fn damaged(path: &Path, reason: impl Into<String>) -> RecordingError {
        RecordingError::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
            hint: "convert the recording again from its source",
        }
    }
}

/// An open recording.
#[derive(Debug)]
pub struct Recording {
    source: Sym,
    form: Form,
    /// Read already, and not yet given.
    ahead: Option<Block>,
}

#[derive(Debug)]
enum Form {
    /// Read block by block.
    Binary(BinaryReader),
    /// Read and sorted as a whole.
    Ndjson(Option<Block>),
}

impl Recording {
    /// Opens a recording; the first bytes say which form it has.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn open(path: &Path, mapping: Option<&Mapping>) -> Result<Recording, RecordingError> {
        Recording::open_told(path, mapping, None)
    }

    /// As [`Recording::open`]; `told` hears how many more bytes of the file have been read, now and later.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn open_told(
        path: &Path,
        mapping: Option<&Mapping>,
        told: Option<Told>,
    ) -> Result<Recording, RecordingError> {
        if BinaryReader::is_binary(path)? {
            let reader = BinaryReader::open_told(path, told)?;
            return Ok(Recording { source: reader.source(), form: Form::Binary(reader), ahead: None });
        }
        let source = ndjson::source_of(path, mapping)?;
        let block = ndjson::read_ndjson_told(path, mapping, told)?;
        Ok(Recording { source, form: Form::Ndjson(Some(block)), ahead: None })
    }

    /// The producer of everything in it.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.source
    }

    /// How many events it says it holds, when it says so.
    #[must_use]
    pub fn expected_events(&self) -> Option<u64> {
        match &self.form {
            Form::Binary(reader) => Some(reader.expected_events()),
            Form::Ndjson(block) => block.as_ref().map(|block| block.events.len() as u64),
        }
    }

    /// When the first of what is still to come happened.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn first_ms(&mut self) -> Result<Option<i64>, RecordingError> {
        self.ahead = self.next_block()?;
        let Some(Block { events, commands, .. }) = &self.ahead else { return Ok(None) };
        let event_ms = events.first().map(|event| event.at_ms);
        Ok(commands.first().map(|dated| dated.at_ms).into_iter().chain(event_ms).min())
    }

    /// The next stretch, or `None` at the end. Blocks follow each other in time.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn next_block(&mut self) -> Result<Option<Block>, RecordingError> {
        if let Some(block) = self.ahead.take() {
            return Ok(Some(block));
        }
        match &mut self.form {
            Form::Binary(reader) => reader.next_block(),
            Form::Ndjson(block) => Ok(block.take()),
        }
    }
}

/// Writes what `from` holds in the binary form to `path`. Returns how many events, commands and
/// bad lines there were.
///
/// # Errors
/// When either file cannot be read or written.
pub fn convert(from: &mut Recording, path: &Path) -> Result<(u64, u64, Vec<BadLine>), RecordingError> {
    let mut writer = BinaryWriter::create(path, from.source())?;
    let (mut events, mut commands, mut bad) = (0, 0, Vec::new());
    while let Some(block) = from.next_block()? {
        events += block.events.len() as u64;
        commands += block.commands.len() as u64;
        bad.extend(block.bad);
        writer.write(&block.events, &block.commands)?;
    }
    writer.finish()?;
    Ok((events, commands, bad))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// How many bytes are told of until the recording is read.
    fn told(path: &Path) -> u64 {
        let sum = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&sum);
        let told: Told = Arc::new(move |bytes| {
            heard.fetch_add(bytes, Ordering::Relaxed);
        });
        let mut recording = Recording::open_told(path, None, Some(told)).unwrap();
        while recording.next_block().unwrap().is_some() {}
        sum.load(Ordering::Relaxed)
    }

    #[test]
    fn every_byte_of_a_file_is_told_of_whatever_its_form() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, gzip, binary) =
            (dir.path().join("a.ndjson"), dir.path().join("a.gz"), dir.path().join("a.wfr"));
        let lines = "{\"at\": 1, \"kind\": \"kill\", \"player\": \"ann\"}\n".repeat(10_000);
        std::fs::write(&plain, &lines).unwrap();
        let file = std::fs::File::create(&gzip).unwrap();
        let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        file.write_all(lines.as_bytes()).unwrap();
        file.finish().unwrap();
        convert(&mut Recording::open(&plain, None).unwrap(), &binary).unwrap();
        for path in [plain, gzip, binary] {
            assert_eq!(told(&path), std::fs::metadata(&path).unwrap().len(), "{}", path.display());
        }
    }
}
