//! Snapshots of base state: a sink like any other, on a thread of its own.
//!
//! It keeps the last value of every piece of base state and the sequencer's memory of ids, and
//! writes both to a file with a manifest. The graph is never stopped or walked. What the older of the
//! kept snapshots holds is then removed from the journal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prost::Message;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::{error, warn};
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::{Sym, Tick};

use crate::alarm::PanicAlarm;
use crate::dedupe::{Dedupe, SealedIds, Window};
use crate::journal::{remove_through, sync_folder};
use crate::positions::{Positions, Reached};

/// When snapshots are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// At most this long after a change.
    pub every: Duration,
    /// Whether one is published at a clean end.
    pub at_close: bool,
}

impl Default for SnapshotConfig {
    fn default() -> SnapshotConfig {
        SnapshotConfig { every: Duration::from_secs(60), at_close: true }
    }
}

/// Base state at the end of a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The tick.
    pub tick: Tick,
    /// The last value of every piece.
    pub rows: Vec<BaseRow>,
    /// The ids accepted so far.
    pub dedupe: Dedupe,
    /// How far sources have been read.
    pub positions: Positions,
}

/// Operator, route and key.
type PieceKey = (Arc<str>, Sym, Arc<[u8]>);

/// The last value of every piece of base state.
#[derive(Clone, Debug, Default)]
pub struct BaseState {
    pieces: BTreeMap<PieceKey, Arc<[u8]>>,
}

impl BaseState {
    /// Applies a change.
    pub fn apply(&mut self, change: BaseChange) {
        let key = (Arc::from(change.operator), change.route, change.key);
        match change.value {
            Some(value) => self.pieces.insert(key, value),
            None => self.pieces.remove(&key),
        };
    }

    /// The pieces as rows.
    #[must_use]
    pub fn rows(&self) -> Vec<BaseRow> {
        (self.pieces.iter())
            .map(|((operator, route, key), value)| BaseRow {
                operator: operator.clone(),
                route: *route,
                key: key.clone(),
                value: value.clone(),
            })
            .collect()
    }
}

impl FromIterator<BaseRow> for BaseState {
    fn from_iter<I: IntoIterator<Item = BaseRow>>(rows: I) -> BaseState {
        BaseState {
            pieces: rows.into_iter().map(|row| ((row.operator, row.route, row.key), row.value)).collect(),
        }
    }
}

/// A snapshot cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}\nhint: check the disk and the permissions of the data folder")]
pub struct SnapshotError {
    path: PathBuf,
    error: std::io::Error,
}

/// The version of the file. What version 3 wrote has no positions, and is read as it is.
const VERSION: u32 = 4;
const OLDEST_VERSION: u32 = 3;

#[derive(Clone, PartialEq, Message)]
struct SnapshotFile {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "2")]
    tick: Tick,
    #[prost(message, repeated, tag = "3")]
    pieces: Vec<Piece>,
    /// Postcard of [`Dedupe`].
    #[prost(bytes = "vec", tag = "4")]
    dedupe: Vec<u8>,
    /// Postcard of [`Positions`].
    #[prost(bytes = "vec", tag = "5")]
    positions: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, tag = "1")]
    operator: String,
    #[prost(string, tag = "2")]
    route: String,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    value: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    tick: Tick,
    bytes: usize,
    crc32: u32,
}

/// Writes a snapshot and then its manifest, each under a temporary name first.
///
/// # Errors
/// When a file cannot be written.
pub fn publish(folder: &Path, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| SnapshotError { path, error }
    };
    fs::create_dir_all(folder).map_err(at(folder))?;
    let file = SnapshotFile {
        version: VERSION,
        tick: snapshot.tick,
        pieces: (snapshot.rows.iter())
            .map(|row| Piece {
                operator: row.operator.to_string(),
                route: row.route.as_str().to_owned(),
                key: row.key.to_vec(),
                value: row.value.to_vec(),
            })
            .collect(),
        dedupe: postcard::to_stdvec(&snapshot.dedupe).expect("plain data of known lengths"),
        positions: postcard::to_stdvec(&snapshot.positions).expect("plain data of known lengths"),
    };
    let bytes = file.encode_to_vec();
    let manifest = Manifest {
        version: VERSION,
        tick: snapshot.tick,
        bytes: bytes.len(),
        crc32: crc32fast::hash(&bytes),
    };
    let manifest = serde_json::to_vec(&manifest).expect("plain data");
    for (extension, bytes) in [("snapshot", bytes), ("manifest", manifest)] {
        let path = folder.join(format!("{:020}.{extension}", snapshot.tick));
        let temporary = path.with_extension("part");
        let mut part = File::create(&temporary).map_err(at(&temporary))?;
        part.write_all(&bytes).map_err(at(&temporary))?;
        part.sync_all().map_err(at(&temporary))?;
        fs::rename(&temporary, &path).map_err(at(&path))?;
        sync_folder(folder).map_err(at(folder))?;
    }
    remove_old(folder);
    Ok(())
}

/// Snapshots that are kept.
const KEPT: usize = 2;

fn remove_old(folder: &Path) {
    for manifest in manifests(folder).into_iter().skip(KEPT) {
        for path in [manifest.with_extension("snapshot"), manifest] {
            if let Err(error) = fs::remove_file(&path) {
                warn!(path = %path.display(), %error, "an old snapshot cannot be removed");
            }
        }
    }
}

/// The tick of the oldest snapshot that is kept, once there are as many as are kept.
pub(crate) fn older(folder: &Path) -> Option<Tick> {
    manifests(folder).get(KEPT - 1)?.file_stem()?.to_str()?.parse().ok()
}

/// Manifests, newest first.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut manifests: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "manifest"))
        .collect();
    manifests.sort();
    manifests.reverse();
    manifests
}

/// Reads the newest snapshot that is whole, if there is one.
#[must_use]
pub fn newest(folder: &Path) -> Option<Snapshot> {
    manifests(folder).into_iter().find_map(|manifest| match read(&manifest) {
        Ok(snapshot) => Some(snapshot),
        Err(why) => {
            warn!(manifest = %manifest.display(), why, "a snapshot is not usable; trying the one before");
            None
        }
    })
}

fn read(manifest: &Path) -> Result<Snapshot, String> {
    let said = fs::read(manifest).map_err(|error| error.to_string())?;
    let said: Manifest = serde_json::from_slice(&said).map_err(|error| error.to_string())?;
    if !(OLDEST_VERSION..=VERSION).contains(&said.version) {
        let known = format!("this program reads {OLDEST_VERSION} to {VERSION}");
        return Err(format!("it is of version {}, and {known}", said.version));
    }
    let bytes = fs::read(manifest.with_extension("snapshot")).map_err(|error| error.to_string())?;
    if bytes.len() != said.bytes || crc32fast::hash(&bytes) != said.crc32 {
        return Err("its length or checksum is not what its manifest says".to_owned());
    }
    let file = SnapshotFile::decode(&*bytes).map_err(|error| error.to_string())?;
    let rows = (file.pieces.into_iter())
        .map(|piece| {
            let route = Sym::try_new(&piece.route).ok_or("the table of ids is full")?;
            Ok(BaseRow {
                operator: piece.operator.into(),
                route,
                key: piece.key.into(),
                value: piece.value.into(),
            })
        })
        .collect::<Result<_, String>>()?;
    let dedupe = postcard::from_bytes(&file.dedupe).map_err(|error| error.to_string())?;
    let positions = match file.positions.as_slice() {
        [] => Positions::default(),
        positions => postcard::from_bytes(positions).map_err(|error| error.to_string())?,
    };
    Ok(Snapshot { tick: file.tick, rows, dedupe, positions })
}

/// What happened in a complete, durable tick.
pub(crate) struct TickBase {
    pub(crate) tick: Tick,
    pub(crate) base: Vec<BaseChange>,
    pub(crate) ids: SealedIds,
    pub(crate) floors: Vec<(Sym, u64)>,
    pub(crate) reached: Vec<Reached>,
}

pub(crate) enum ToSnapshots {
    Tick(TickBase),
    /// Publish now; what has been told is the state at the end of this tick too, when it says one.
    Publish(Option<Tick>, oneshot::Sender<Result<Tick, SnapshotError>>),
    #[cfg(test)]
    Panic,
}

/// Where snapshots are written, and the journal that they shorten.
pub(crate) struct Folders {
    pub(crate) snapshots: PathBuf,
    pub(crate) journal: PathBuf,
}

/// A handle to the snapshot thread. Dropping it ends the thread.
pub(crate) struct Snapshots {
    thread: Option<JoinHandle<()>>,
    told: Option<Sender<ToSnapshots>>,
}

impl Snapshots {
    /// Starts from a loaded snapshot, or from nothing; `failed` is called when the thread panics.
    pub(crate) fn start(
        folders: Folders,
        config: SnapshotConfig,
        window: Window,
        from: Option<Snapshot>,
        failed: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Snapshots> {
        let (told, received) = channel();
        let from = from.unwrap_or_default();
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            let _alarm = PanicAlarm(failed);
            let mut kept = Kept {
                folders,
                tick: from.tick,
                published: from.tick,
                base: from.rows.into_iter().collect(),
                dedupe: from.dedupe,
                positions: from.positions,
                window,
                changed: false,
            };
            kept.run(&received, config);
        })?;
        Ok(Snapshots { thread: Some(thread), told: Some(told) })
    }

    pub(crate) fn sender(&self) -> Sender<ToSnapshots> {
        self.told.clone().expect("it is taken only when dropped")
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.told = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

struct Kept {
    folders: Folders,
    tick: Tick,
    published: Tick,
    base: BaseState,
    dedupe: Dedupe,
    positions: Positions,
    window: Window,
    changed: bool,
}

impl Kept {
    fn run(&mut self, told: &Receiver<ToSnapshots>, config: SnapshotConfig) {
        let mut due = Instant::now() + config.every;
        loop {
            match told.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(ToSnapshots::Tick(tick)) => self.apply(tick),
                Ok(ToSnapshots::Publish(through, done)) => {
                    self.tick = self.tick.max(through.unwrap_or(0));
                    let _nobody_waits = done.send(self.publish().map(|()| self.tick));
                }
                #[cfg(test)]
                Ok(ToSnapshots::Panic) => panic!("asked to"),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= due {
                if self.changed
                    && let Err(why) = self.publish()
                {
                    error!(%why, "a snapshot could not be published; the journal still holds everything");
                }
                due = Instant::now() + config.every;
            }
        }
    }

    fn apply(&mut self, tick: TickBase) {
        self.tick = tick.tick;
        self.changed |= !tick.base.is_empty() || !tick.ids.is_empty() || !tick.reached.is_empty();
        self.positions.apply(&tick.reached);
        for change in tick.base {
            self.base.apply(change);
        }
        if !tick.ids.is_empty() {
            self.dedupe.sealed(tick.tick, &tick.ids, &tick.floors);
        }
    }

    fn publish(&mut self) -> Result<(), SnapshotError> {
        if self.tick == self.published && !self.changed {
            return Ok(());
        }
        self.dedupe.forget(self.tick, self.window);
        let snapshot = Snapshot {
            tick: self.tick,
            rows: self.base.rows(),
            dedupe: self.dedupe.clone(),
            positions: self.positions.clone(),
        };
        publish(&self.folders.snapshots, &snapshot)?;
        self.published = self.tick;
        self.changed = false;
        if let Some(tick) = older(&self.folders.snapshots)
            && let Err(error) = remove_through(&self.folders.journal, tick)
        {
            warn!(%error, "an old segment of the journal cannot be removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::tick::TickLength;

    use super::*;
    use crate::dedupe::DedupeConfig;

    #[test]
    fn what_version_3_wrote_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SnapshotFile {
            version: 3,
            tick: 7,
            pieces: Vec::new(),
            dedupe: postcard::to_stdvec(&Dedupe::default()).expect("plain data"),
            positions: Vec::new(),
        };
        let bytes = file.encode_to_vec();
        let crc32 = crc32fast::hash(&bytes);
        for version in [3, OLDEST_VERSION - 1, VERSION + 1] {
            let manifest = Manifest { version, tick: 7, bytes: bytes.len(), crc32 };
            let manifest = serde_json::to_vec(&manifest).expect("plain data");
            fs::write(folder.path().join("7.snapshot"), &bytes).expect("writable");
            fs::write(folder.path().join("7.manifest"), manifest).expect("writable");
            let expected = (version == 3).then(|| Snapshot { tick: 7, ..Snapshot::default() });
            assert_eq!(newest(folder.path()), expected, "version {version}");
        }
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tell, told) = channel();
        let folders = Folders { snapshots: folder.path().to_owned(), journal: folder.path().to_owned() };
        let window = DedupeConfig::default().window(TickLength { tick_ms: 10 });
        let snapshots = Snapshots::start(folders, SnapshotConfig::default(), window, None, move || {
            tell.send("failed").expect("the test listens");
        })
        .expect("starts");
        snapshots.sender().send(ToSnapshots::Panic).expect("it listens");
        assert_eq!(told.recv(), Ok("failed"));
    }
}
