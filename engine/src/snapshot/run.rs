//! Runs: changes of base state, sorted by piece, as Arrow IPC files.
//!
//! A row is one piece: operator, route, key, and its value, or null where the piece is gone. Within
//! a run every piece is there once, in the order of the texts and bytes that name it, so that runs are
//! merged by reading each of them once, a batch at a time. A run never changes once it has its name.

use std::cmp::Ordering;
use std::io::{self, BufReader, BufWriter, Cursor as Bytes, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Load};

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, RecordBatch, StringArray, StringBuilder, cast::AsArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use serde::{Deserialize, Serialize};
use worldflow_schemas::Sym;
use worldflow_schemas::base::BaseRow;

use super::SnapshotError;
use crate::disk::{Appending, Folder, PART, SharedDisk};

/// A run, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its number: the name of its file.
    pub number: u64,
    /// How many pieces, those that are gone with them.
    pub pieces: u64,
    /// The length of its file.
    pub bytes: u64,
    /// The checksum of its file.
    pub crc32: u32,
}

/// The extension of runs.
pub(super) const RUN: &str = "run";

/// A batch is closed when it has so many pieces ...
const BATCH_PIECES: usize = 8192;

/// ... or so many bytes of keys and values.
const BATCH_BYTES: usize = 4 << 20;

/// The file of a run.
pub(super) fn path(folder: &Folder, number: u64) -> PathBuf {
    folder.file(format!("{number:012}.{RUN}"))
}

/// What names a piece, in the order of runs.
pub(super) type PieceName<'a> = (&'a str, &'a str, &'a [u8]);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("operator", DataType::Utf8, false),
        Field::new("route", DataType::Utf8, false),
        Field::new("key", DataType::Binary, false),
        Field::new("value", DataType::Binary, true),
    ]))
}

/// Counts and sums what is written.
struct Summed<W> {
    to: W,
    bytes: u64,
    crc: crc32fast::Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a run, piece after piece in their order.
pub(super) struct RunWriter {
    number: u64,
    disk: SharedDisk,
    path: PathBuf,
    file: FileWriter<Summed<BufWriter<Appending>>>,
    schema: SchemaRef,
    operator: StringBuilder,
    route: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    waiting: usize,
    waiting_bytes: usize,
    pieces: u64,
}

fn other(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

impl RunWriter {
    pub(super) fn create(folder: &Folder, number: u64) -> Result<RunWriter, SnapshotError> {
        let path = path(folder, number);
        let part = path.with_extension(PART);
        let made = folder.create_part(&part).and_then(|file| {
            let to = BufWriter::with_capacity(1 << 18, Appending(file));
            let summed = Summed { to, bytes: 0, crc: crc32fast::Hasher::new() };
            FileWriter::try_new(summed, &schema()).map_err(other)
        });
        let file = made.map_err(SnapshotError::at(&part))?;
        Ok(RunWriter {
            number,
            disk: folder.disk.clone(),
            path,
            file,
            schema: schema(),
            operator: StringBuilder::new(),
            route: StringBuilder::new(),
            key: BinaryBuilder::new(),
            value: BinaryBuilder::new(),
            waiting: 0,
            waiting_bytes: 0,
            pieces: 0,
        })
    }

    pub(super) fn push(
        &mut self,
        (operator, route, key): PieceName<'_>,
        value: Option<&[u8]>,
    ) -> Result<(), SnapshotError> {
        self.operator.append_value(operator);
        self.route.append_value(route);
        self.key.append_value(key);
        self.value.append_option(value);
        self.pieces += 1;
        self.waiting += 1;
        self.waiting_bytes += key.len() + value.map_or(0, <[u8]>::len);
        if self.waiting >= BATCH_PIECES || self.waiting_bytes >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), SnapshotError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.operator.finish()),
            Arc::new(self.route.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
        ];
        (self.waiting, self.waiting_bytes) = (0, 0);
        let written =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).and_then(|batch| self.file.write(&batch));
        written.map_err(other).map_err(SnapshotError::at(&self.path))
    }

    /// Makes the run durable under its name; the folder is still to be synced.
    pub(super) fn finish(mut self) -> Result<RunFile, SnapshotError> {
        if self.waiting > 0 {
            self.write_batch()?;
        }
        let RunWriter { number, disk, path, mut file, pieces, .. } = self;
        let finished = || -> io::Result<RunFile> {
            file.finish().map_err(other)?;
            let mut summed = file.into_inner().map_err(other)?;
            summed.flush()?;
            let Summed { to, bytes, crc } = summed;
            to.into_inner().map_err(io::IntoInnerError::into_error)?.0.sync()?;
            disk.rename(&path.with_extension(PART), &path)?;
            Ok(RunFile { number, pieces, bytes, crc32: crc.finalize() })
        };
        finished().map_err(SnapshotError::at(&path))
    }
}

/// The columns of a batch.
struct Columns {
    operator: StringArray,
    route: StringArray,
    key: BinaryArray,
    value: BinaryArray,
}

impl Columns {
    fn of(batch: &RecordBatch) -> Option<Columns> {
        Some(Columns {
            operator: batch.column_by_name("operator")?.as_string_opt::<i32>()?.clone(),
            route: batch.column_by_name("route")?.as_string_opt::<i32>()?.clone(),
            key: batch.column_by_name("key")?.as_binary_opt::<i32>()?.clone(),
            value: batch.column_by_name("value")?.as_binary_opt::<i32>()?.clone(),
        })
    }
}

/// Arrow panics on some files that are not what they say.
fn decoded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is not what it says of itself".to_owned()),
    }
}

/// A place in a run.
struct Cursor<R> {
    batches: FileReader<R>,
    columns: Option<Columns>,
    row: usize,
}

impl<R: Read + Seek> Cursor<R> {
    fn open(run: R) -> Result<Cursor<R>, String> {
        let batches = decoded(|| FileReader::try_new(run, None))?;
        let mut cursor = Cursor { batches, columns: None, row: 0 };
        cursor.next_batch()?;
        Ok(cursor)
    }

    fn next_batch(&mut self) -> Result<(), String> {
        self.row = 0;
        self.columns = None;
        // An empty batch is passed over.
        while let Some(batch) = decoded(|| self.batches.next().transpose())? {
            let columns = Columns::of(&batch).ok_or("its columns are not those of a run")?;
            if !columns.key.is_empty() {
                self.columns = Some(columns);
                break;
            }
        }
        Ok(())
    }

    fn name(&self) -> Option<PieceName<'_>> {
        let columns = self.columns.as_ref()?;
        let row = self.row;
        Some((columns.operator.value(row), columns.route.value(row), columns.key.value(row)))
    }

    fn value(&self) -> Option<&[u8]> {
        let values = &self.columns.as_ref()?.value;
        values.is_valid(self.row).then(|| values.value(self.row))
    }

    fn next(&mut self) -> Result<(), String> {
        self.row += 1;
        match &self.columns {
            Some(columns) if self.row >= columns.key.len() => self.next_batch(),
            _ => Ok(()),
        }
    }
}

/// Calls `each` with every piece of runs, oldest run first, once and in order: what the newest says of it.
fn merge_all<R: Read + Seek, E: From<String>>(
    runs: &mut [Cursor<R>],
    mut each: impl FnMut(PieceName<'_>, Option<&[u8]>) -> Result<(), E>,
) -> Result<(), E> {
    loop {
        let mut least: Option<usize> = None;
        let mut same = 0_u64;
        for place in 0..runs.len() {
            let Some(name) = runs[place].name() else { continue };
            let order = least.and_then(|least| runs[least].name()).map(|least| name.cmp(&least));
            match order {
                Some(Ordering::Greater) => {}
                Some(Ordering::Equal) => {
                    same |= 1 << place;
                    least = Some(place);
                }
                None | Some(Ordering::Less) => {
                    same = 1 << place;
                    least = Some(place);
                }
            }
        }
        let Some(newest) = least else { return Ok(()) };
        if let Some(name) = runs[newest].name() {
            each(name, runs[newest].value())?;
        }
        for (place, run) in runs.iter_mut().enumerate() {
            if same & (1 << place) != 0 {
                run.next()?;
            }
        }
    }
}

/// The most runs that are one state: the bits of a word, which sizes that double never reach.
pub(super) const MOST_RUNS: usize = 64;

/// The pieces that runs, oldest first, come to.
pub(super) fn load(folder: &Folder, runs: &[RunFile]) -> Result<Vec<BaseRow>, String> {
    if runs.len() > MOST_RUNS {
        return Err(format!("it names {} runs, and at most {MOST_RUNS} are merged", runs.len()));
    }
    let opened: Vec<Result<_, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            runs.iter().map(|run| scope.spawn(|| Cursor::open(read_whole(folder, run)?))).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("reading it panicked".to_owned())));
        joined.collect()
    });
    let mut cursors = opened.into_iter().collect::<Result<Vec<_>, String>>()?;
    let most = runs.iter().map(|run| run.pieces).sum::<u64>();
    let mut rows: Vec<BaseRow> = Vec::with_capacity(usize::try_from(most).unwrap_or(0).min(1 << 24));
    merge_all::<_, String>(&mut cursors, |(operator, route, key), value| {
        let Some(value) = value else { return Ok(()) };
        let last = rows.last();
        let operator = match last {
            Some(last) if *last.operator == *operator => Arc::clone(&last.operator),
            _ => operator.into(),
        };
        let route = match last {
            Some(last) if last.route.as_str() == route => last.route,
            _ => Sym::try_new(route).ok_or("the table of ids is full")?,
        };
        rows.push(BaseRow { operator, route, key: key.into(), value: value.into() });
        Ok(())
    })?;
    Ok(rows)
}

fn read_whole(folder: &Folder, run: &RunFile) -> Result<Bytes<Vec<u8>>, String> {
    let path = path(folder, run.number);
    let bytes = folder.disk.read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() as u64 != run.bytes || crc32fast::hash(&bytes) != run.crc32 {
        return Err(differs(&path));
    }
    Ok(Bytes::new(bytes))
}

fn differs(path: &Path) -> String {
    format!("{}: its length or checksum is not what the manifest says", path.display())
}

/// Checks the length and the checksum of a file without holding it.
pub(super) fn check(disk: &SharedDisk, path: &Path, bytes: u64, crc32: u32) -> Result<(), String> {
    let said = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = disk.reader(path).map_err(said)?;
    let (mut crc, mut read, mut buffer) = (crc32fast::Hasher::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(said)? {
            0 => break,
            count => {
                crc.update(&buffer[..count]);
                read += count as u64;
            }
        }
    }
    if read != bytes || crc.finalize() != crc32 { Err(differs(path)) } else { Ok(()) }
}

/// Why runs were not merged.
pub(super) enum NotMerged {
    /// The realm ends.
    Stopped,
    /// A run cannot be read.
    Damaged(String),
    /// The new one cannot be written.
    Unwritten(SnapshotError),
}

impl From<String> for NotMerged {
    fn from(why: String) -> NotMerged {
        NotMerged::Damaged(why)
    }
}

/// Merges runs, oldest first, into a new one, a batch of each in memory at a time. `whole`: nothing is
/// older than these, so what is gone need not be said.
pub(super) fn merge(
    folder: &Folder,
    runs: &[RunFile],
    number: u64,
    whole: bool,
    stop: &AtomicBool,
) -> Result<RunFile, NotMerged> {
    let mut cursors = Vec::new();
    for run in runs {
        let path = path(folder, run.number);
        check(&folder.disk, &path, run.bytes, run.crc32)?;
        let file = folder.disk.reader(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        cursors.push(Cursor::open(BufReader::new(file))?);
    }
    let mut merged = RunWriter::create(folder, number).map_err(NotMerged::Unwritten)?;
    let mut since_asked = 0;
    let pushed = merge_all(&mut cursors, |name, value| {
        since_asked += 1;
        if since_asked == BATCH_PIECES {
            since_asked = 0;
            if stop.load(Load::Relaxed) {
                return Err(NotMerged::Stopped);
            }
        }
        match value {
            None if whole => Ok(()),
            value => merged.push(name, value).map_err(NotMerged::Unwritten),
        }
    });
    let finished = pushed.and_then(|()| merged.finish().map_err(NotMerged::Unwritten));
    if finished.is_err() {
        // What is left of it is removed at the next start at the latest.
        let _left = folder.disk.remove(&path(folder, number).with_extension(PART));
    }
    finished
}

/// The first of the runs that are to be merged with all newer ones: the oldest that is no larger than
/// those together. So every run is larger than all newer ones together, there are few of them, and
/// a piece is written again only into a run of twice the size.
pub(super) fn first_to_merge(runs: &[RunFile]) -> Option<usize> {
    let (mut newer, mut first) = (0, None);
    for (place, run) in runs.iter().enumerate().rev() {
        if newer > 0 && run.bytes <= newer {
            first = Some(place);
        }
        newer += run.bytes;
    }
    first
}

#[cfg(test)]
mod tests;
