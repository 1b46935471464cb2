//! A realm that runs: how it is configured, driven and closed, and why it may fail.

mod opening;
mod starting;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::{mpsc, oneshot};
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::{Sym, Tick};

use crate::collector::{RealmFailed, Recorder, ToCollector};
use crate::dedupe::DedupeConfig;
use crate::disk::SharedDisk;
use crate::folder::{DataFolder, FolderError};
use crate::host::{Host, Task};
use crate::intake::EventTimeSource;
use crate::journal::{JournalConfig, JournalError};
use crate::positions::Positions;
use crate::privacy::{KeysConfig, KeysError, Privacy};
use crate::realm::Realm;
use crate::sequencer::{Control, End, Mode};
use crate::snapshot::{SnapshotConfig, SnapshotError, Snapshots, ToSnapshots};
use crate::view_store::ViewStore;
use crate::workers::{Cut, Workers};

pub use opening::open;
pub(crate) use starting::{Given, start};

/// How a realm is run.
pub struct RealmConfig {
    /// Its name.
    pub name: Sym,
    /// The world it is an instance of.
    pub world: Arc<WorldDef>,
    /// Where it keeps its journal and snapshots; `None` keeps nothing.
    pub folder: Option<PathBuf>,
    /// Timely workers; at least one.
    pub workers: usize,
    /// How inputs are cut into messages.
    pub cut: Cut,
    /// What makes ticks pass.
    pub mode: Mode,
    /// Sources whose events belong to the ticks of their own times.
    pub event_time: Vec<EventTimeSource>,
    /// How long ids are remembered.
    pub dedupe: DedupeConfig,
    /// How the journal is written.
    pub journal: JournalConfig,
    /// When snapshots are published.
    pub snapshots: SnapshotConfig,
    /// The disk that the folder lies on.
    pub disk: SharedDisk,
    /// What runs its loops.
    pub host: Host,
    /// Where the keys of players lie; beside the journal, as they are, when it is not said.
    pub keys: Option<KeysConfig>,
    /// What opens sealed text in a realm that keeps nothing.
    pub privacy: Privacy,
    /// How far ticks are reserved ahead in real time.
    pub reserve_ms: u64,
    /// Changes of each view held for readers.
    pub held_changes: usize,
    /// Called with every published tick's changes.
    pub recorder: Option<Recorder>,
}

impl RealmConfig {
    /// One worker, in memory, driven by hand from tick 1.
    #[must_use]
    pub fn in_memory(name: Sym, world: Arc<WorldDef>) -> RealmConfig {
        RealmConfig {
            name,
            world,
            folder: None,
            workers: 1,
            cut: Cut::default(),
            mode: Mode::Manual { start: 1 },
            event_time: Vec::new(),
            dedupe: DedupeConfig::default(),
            journal: JournalConfig::default(),
            snapshots: SnapshotConfig::default(),
            disk: SharedDisk::default(),
            host: Host::default(),
            keys: None,
            privacy: Privacy::none(),
            reserve_ms: 2000,
            held_changes: ViewStore::MOST_CHANGES,
            recorder: None,
        }
    }
}

/// A realm cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What was decided under an earlier world cannot be written down.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The keys of players cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Threads cannot be started.
    #[error("threads cannot be started: {0}\nhint: check the limits on processes and memory")]
    Threads(String),
    /// Nothing has ever been written there.
    #[error(
        "{0}: nothing is journaled here\nhint: name the data folder of a realm, which holds the folder `journal`"
    )]
    Nothing(PathBuf),
    /// It failed while it took back what was before.
    #[error(transparent)]
    Failed(#[from] RealmFailed),
}

/// A realm stopped otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// It had failed.
    #[error(transparent)]
    Failed(#[from] RealmFailed),
    /// The last snapshot could not be written; the journal holds everything.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A thread of the engine panicked.
    #[error("the {0} thread panicked\nhint: this is a bug in worldflow; the log has the details")]
    Panicked(&'static str),
}

impl From<CloseError> for OpenError {
    fn from(error: CloseError) -> OpenError {
        match error {
            CloseError::Failed(failed) => OpenError::Failed(failed),
            CloseError::Snapshot(failed) => OpenError::Snapshot(failed),
            CloseError::Panicked(_) => OpenError::Threads(error.to_string()),
        }
    }
}

/// The realm has stopped; closing it says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the realm has stopped")]
pub struct Stopped;

/// A running realm and its threads. Close it: dropping it leaves the threads to end by themselves.
pub struct RunningRealm {
    /// What edges see.
    pub realm: Realm,
    control: mpsc::UnboundedSender<Control>,
    sequencer: Task<Workers>,
    collector: Task<Result<(), RealmFailed>>,
    snapshots: Option<Snapshots>,
    /// By which the thread of snapshots tells the collector that it has failed.
    tells: Arc<Sender<ToCollector>>,
    at_close: bool,
    /// Tells the journal that what cannot be written need not be.
    ending: Arc<AtomicBool>,
    /// A snapshot at the end is that of this tick at least.
    through: Option<Tick>,
    /// How far sources had been read when it was opened.
    positions: Positions,
    folder: Option<DataFolder>,
}

impl RunningRealm {
    /// In manual mode: seals the open tick and `ticks - 1` more, and returns the last of them once
    /// it is published.
    ///
    /// # Errors
    /// When the realm has stopped.
    pub async fn advance(&self, ticks: u64) -> Result<Tick, Stopped> {
        self.driver().advance(ticks).await
    }

    /// In virtual mode: waits until every event-time source has ended (a batch with the watermark
    /// `i64::MAX`), runs on to the end, and returns its tick once it is published.
    ///
    /// # Errors
    /// When the realm has stopped.
    pub async fn run_to_end(&self, end: End) -> Result<Tick, Stopped> {
        let (published, told) = oneshot::channel();
        self.control.send(Control::RunToEnd(end, published)).map_err(|_| Stopped)?;
        told.await.map_err(|_| Stopped)
    }

    /// How far sources had been read when the realm was opened: what the journal holds.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// A handle that can advance time in manual mode. Cheap to clone.
    #[must_use]
    pub fn driver(&self) -> Driver {
        Driver { control: self.control.clone() }
    }

    /// Whether the realm has stopped by itself. Closing it then says why.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.collector.is_finished() || self.sequencer.is_finished()
    }

    /// Takes what has been submitted, publishes it, writes a last snapshot, and ends every thread.
    ///
    /// # Errors
    /// When the realm had failed, or the snapshot could not be written.
    pub async fn close(self) -> Result<(), CloseError> {
        let _gone = self.control.send(Control::Stop);
        self.end(true).await
    }

    pub(crate) async fn abandon(self) {
        let _failed = self.end(false).await;
    }

    async fn end(self, publish: bool) -> Result<(), CloseError> {
        let RunningRealm {
            realm,
            control,
            sequencer,
            collector,
            snapshots,
            tells,
            at_close,
            ending,
            through,
            folder,
            ..
        } = self;
        ending.store(true, Ordering::Relaxed);
        let views = Arc::clone(&realm.views);
        drop((realm, control, tells));
        let joined = ended(sequencer, collector).await;
        if let Some(snapshots) = snapshots {
            let mut published = Ok(());
            if publish && at_close && joined.is_ok() {
                let (done, told) = oneshot::channel();
                let through = through.map(|tick| (tick, views.state_hash()));
                let _gone = snapshots.sender().send(ToSnapshots::Publish(through, done));
                published = told.await.map_err(|_| CloseError::Panicked("snapshots"))?.map(|_| ());
            }
            snapshots.close().await;
            joined?;
            published?;
        } else {
            joined?;
        }
        drop(folder);
        Ok(())
    }
}

/// Waits for the loops that publish.
async fn ended(sequencer: Task<Workers>, collector: Task<Result<(), RealmFailed>>) -> Result<(), CloseError> {
    let workers = sequencer.ended().await.map_err(|_| CloseError::Panicked("sequencer"))?;
    // The workers are stopped only after the collector has what they were given; when it
    // has failed, or nothing more is wanted, it ends at once.
    let collected = collector.ended().await.map_err(|_| CloseError::Panicked("collector"));
    let stopped = workers.stopped().await;
    collected??;
    stopped.map_err(|_| CloseError::Panicked("worker"))
}

/// Advances time in manual mode.
#[derive(Clone, Debug)]
pub struct Driver {
    control: mpsc::UnboundedSender<Control>,
}

impl Driver {
    /// As [`RunningRealm::advance`].
    ///
    /// # Errors
    /// When the realm has stopped.
    pub async fn advance(&self, ticks: u64) -> Result<Tick, Stopped> {
        let (published, told) = oneshot::channel();
        self.control.send(Control::Advance(ticks, published)).map_err(|_| Stopped)?;
        told.await.map_err(|_| Stopped)
    }
}
