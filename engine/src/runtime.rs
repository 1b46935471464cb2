//! Opens and closes realms: wires sequencer, journal, workers, collector and snapshots together.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use rustc_hash::FxHashMap;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::info;
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use crate::admission::Admission;
use crate::amount::Amount;
use crate::collector::{Collecting, Collector, RealmFailed, Recorder, ToCollector};
use crate::dedupe::DedupeConfig;
use crate::defined::Noting;
use crate::disk::{Folder, SharedDisk};
use crate::folder::{DataFolder, FolderError, draw_epoch};
use crate::hashes::Hashes;
use crate::host::{Host, Task};
use crate::intake::{EventTimeSource, Intake};
use crate::journal::{JournalConfig, JournalError, JournalReader, JournalWriter, Place};
use crate::merger::Merger;
use crate::observed::Observed;
use crate::positions::Positions;
use crate::privacy::{KeysConfig, KeysError, Opener, Privacy};
use crate::realm::{Progress, Realm};
use crate::sequencer::{Before, Began, Control, End, Mode, Sequencer};
use crate::snapshot::{self, Folders, Snapshot, SnapshotConfig, SnapshotError, Snapshots, ToSnapshots};
use crate::stats::Stats;
use crate::view_store::ViewStore;
use crate::workers::{Cut, Workers};
use crate::worlds::{Graphs, Worlds, ruling};

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

/// Followers of the event stream may be this many ticks behind.
const EVENTS_HELD: usize = 1024;

/// Starts a realm; returns when all that an earlier run left has been taken back. What was sealed under
/// another world is first taken back under that one, and put into a snapshot; so `graphs` must be able
/// to make the graph of a world that is no longer the realm's.
///
/// # Errors
/// When the data folder is in use or damaged, or threads cannot be started.
pub async fn open(mut config: RealmConfig, graphs: impl Into<Graphs>) -> Result<RunningRealm, OpenError> {
    let graphs = graphs.into();
    let on_disk = |path: &PathBuf| Folder { disk: config.disk.clone(), path: path.clone() };
    let folder = config.folder.as_ref().map(|path| DataFolder::open(on_disk(path))).transpose()?;
    if let Some(folder) = &folder {
        let keys = config.keys.take().unwrap_or_else(|| Privacy::beside(&folder.folder().path));
        config.privacy = Privacy::open(config.name, keys, config.disk.clone())?;
    }
    let (snapshot, began) = match &folder {
        Some(folder) => follow_worlds(&config, folder, &graphs).await?,
        None => (None, None),
    };
    let loaded = snapshot.as_ref().map(|snapshot| snapshot.tick);
    let recorded = |folder: &DataFolder| snapshot::recorded(&folder.snapshots(), loaded, loaded != began);
    let recorded = folder.as_ref().map(recorded).unwrap_or_default();
    let given = Given::of(folder.as_ref(), Before { snapshot, recorded, until: None, only: false })?;
    let (mut running, last) = start(config, given, &graphs).await?;
    running.folder = folder;
    let views = &running.realm.views;
    if let Some(last) = last {
        // Nobody has written down what was observed before.
        views.resume_from(last + 1, catalog::ids().filter(|view| !view.def().deterministic));
    }
    if let Some(began) = began {
        // Another world may have made other rows of what is in the snapshot.
        views.resume_from(began + 1, views.catalog().ids());
    }
    Ok(running)
}

/// Takes back what was sealed under earlier worlds, and writes down that from now on the realm's own
/// rules. Returns the snapshot to go on from, and the last tick under another world. A crash between any two steps leaves a folder that says
/// which world rules what is in the journal and in no snapshot.
async fn follow_worlds(
    config: &RealmConfig,
    folder: &DataFolder,
    graphs: &Graphs,
) -> Result<(Option<Snapshot>, Option<Tick>), OpenError> {
    let mut worlds = Worlds::read(folder.folder().clone())?;
    worlds.check_tick_length(&config.world)?;
    let now = ruling(&config.world);
    let mut taken_back = None;
    loop {
        let snapshot = snapshot::newest(folder.snapshots());
        let loaded = snapshot.as_ref().map(|snapshot| snapshot.tick);
        if loaded < taken_back {
            return Err(FolderError::Snapshot(folder.snapshots().path).into());
        }
        let (world, until) = match worlds.after(loaded) {
            None => {
                worlds.begin(None, &now, None)?;
                return Ok((snapshot, None));
            }
            Some((world, None)) if **world == now => return Ok((snapshot, worlds.began())),
            Some((world, until)) => (Arc::clone(world), until),
        };
        info!(?until, "the world has been edited; what came before is taken back under the former one");
        let recorded = snapshot::recorded(&folder.snapshots(), loaded, worlds.rules_on(loaded));
        let before = Before { snapshot, recorded, until, only: true };
        let last = take_back(config, folder, before, world, graphs).await?;
        if until.is_none() {
            worlds.begin(last, &now, folder.needed_from())?;
        }
        taken_back = last;
    }
}

/// Recovers under a former world and publishes what comes of it as a snapshot; returns its tick.
async fn take_back(
    config: &RealmConfig,
    folder: &DataFolder,
    before: Before,
    world: Arc<WorldDef>,
    graphs: &Graphs,
) -> Result<Option<Tick>, OpenError> {
    let former = RealmConfig {
        folder: config.folder.clone(),
        workers: config.workers,
        cut: config.cut,
        mode: config.mode.clone(),
        event_time: config.event_time.clone(),
        dedupe: config.dedupe,
        journal: config.journal,
        snapshots: SnapshotConfig { at_close: true, ..config.snapshots },
        disk: config.disk.clone(),
        host: config.host,
        privacy: config.privacy.clone(),
        ..RealmConfig::in_memory(config.name, world)
    };
    let (mut running, last) = start(former, Given::of(Some(folder), before)?, graphs).await?;
    running.through = last;
    running.close().await?;
    Ok(last)
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

/// What a realm begins with.
pub(crate) struct Given<'a> {
    /// Where it goes on.
    pub(crate) folder: Option<&'a DataFolder>,
    pub(crate) before: Before,
    pub(crate) journal: Option<JournalReader>,
    /// Who follows base state, when there is no folder for snapshots.
    pub(crate) base: Option<Sender<ToSnapshots>>,
}

impl Given<'_> {
    /// Before anything else.
    pub(crate) fn taken_back(before: Before, journal: JournalReader) -> Given<'static> {
        Given { folder: None, before, journal: Some(journal), base: None }
    }

    fn of(folder: Option<&DataFolder>, before: Before) -> Result<Given<'_>, JournalError> {
        let loaded = before.snapshot.as_ref().map(|snapshot| snapshot.tick);
        let journal = folder.map(|folder| JournalReader::open(folder.journal(), loaded)).transpose()?;
        Ok(Given { folder, before, journal, base: None })
    }
}

/// Starts the threads of a realm, and returns once they have taken back what was before, with the last
/// tick of it.
pub(crate) async fn start(
    config: RealmConfig,
    given: Given<'_>,
    graphs: &Graphs,
) -> Result<(RunningRealm, Option<Tick>), OpenError> {
    let Given { folder, mut before, journal: old_journal, base } = given;
    let loaded = before.snapshot.as_ref().map(|snapshot| snapshot.tick);
    let (length, host) = (TickLength { tick_ms: config.world.tick_ms.max(1) }, config.host);
    let place = Place {
        folder: folder.map(DataFolder::journal).unwrap_or_default(),
        host,
        privacy: config.privacy.clone(),
        ..Place::default()
    };
    let epoch = folder.map_or_else(draw_epoch, DataFolder::epoch);
    let graph = graphs.of(&config.world);

    let (to_collector, from_all) = channel();
    let tell = to_collector.clone();
    let keeps_base = folder.is_some() || base.is_some();
    let report = move |report| {
        let _gone = tell.send(ToCollector::Worker(report));
    };
    let intake = Intake::new(length, config.dedupe, &config.event_time);
    let defined = intake.defined.clone();
    let graph = Arc::new(Noting { graph, defined: defined.clone() });
    let workers = match host {
        Host::System => Workers::start(config.workers, config.cut, keeps_base, graph, report),
        Host::Simulated => Workers::simulate(config.cut, keeps_base, graph, report),
    };
    let workers = workers.map_err(OpenError::Threads)?;
    let observed = Observed::new(config.name);
    // The collector ends when nobody can tell it anything more, and the thread of snapshots with it.
    let tells = Arc::new(to_collector.clone());
    let snapshots = folder
        .map(|folder| {
            let (snapshots, journal) = (folder.snapshots(), folder.journal());
            let (journaled, observed) = (Arc::clone(&place.journaled), observed.clone());
            let folders = Folders { snapshots, journal, host, epoch, journaled, observed };
            let (from, tell) = (before.snapshot.as_ref(), Arc::downgrade(&tells));
            let window = config.dedupe.window(length);
            Snapshots::start(folders, config.snapshots, length, window, from, move || {
                let told = tell.upgrade().map(|tell| tell.send(ToCollector::Failed(RealmFailed::Snapshots)));
                let _gone = told;
            })
        })
        .transpose()
        .map_err(threads)?;

    let (admission, batches) = Admission::open();
    let (control, orders) = mpsc::unbounded_channel();
    let (progress, progress_read) = watch::channel(Progress::default());
    let (tell_published, published) = watch::channel(Amount::default());
    let (tell_state, state) = watch::channel(None);
    let (events, _) = broadcast::channel(EVENTS_HELD);
    let views = Arc::new(ViewStore::loaded(config.held_changes, loaded));
    let collector = Collector {
        host,
        length,
        merger: Merger::new(workers.count()),
        opener: Opener::new(config.privacy.clone()),
        ending: Arc::clone(&place.ending),
        cleanse: None,
        keys_stuck: false,
        views: Arc::clone(&views),
        observed: observed.clone(),
        progress,
        events: events.clone(),
        published: tell_published,
        recorder: config.recorder,
        snapshots: snapshots.as_ref().map(Snapshots::sender).or(base),
        stats: Stats::new(config.name, host.now()),
        released: BTreeMap::new(),
        undurable: VecDeque::new(),
        durable: None,
        reserved: if folder.is_some() { 0 } else { Tick::MAX - 1 },
        answers: BTreeMap::new(),
        denied: FxHashMap::default(),
        refused: before.snapshot.as_ref().map(|snapshot| snapshot.refused.clone()).unwrap_or_default(),
        waits: BTreeMap::new(),
        next: 0,
        // What is loaded is published as soon as it is there.
        recovered: loaded,
        hashes: Hashes::new(std::mem::take(&mut before.recorded), loaded),
        state: tell_state,
        told_at: host.now(),
    };
    let collecting = move || Collecting { collector, messages: from_all, finish: None };
    let collector = host.spawn("collector", collecting).map_err(threads)?;
    let (journaled, ending) = (Arc::clone(&place.journaled), Arc::clone(&place.ending));
    let journal = folder.map(|_| {
        let tell = to_collector.clone();
        (place, move |durable| {
            let _gone = tell.send(ToCollector::Durable(durable));
        })
    });
    let sequencer = Sequencer {
        host,
        length,
        intake,
        mode: config.mode,
        reserve_ms: config.reserve_ms,
        batches,
        control: orders,
        workers,
        journal: None,
        journaled,
        collector: to_collector,
        published,
        events: events.clone(),
        observed: observed.clone(),
        snapshots: keeps_base,
        released: Amount::default(),
        reserved: 0,
        state,
        stated: None,
        held: None,
        deferred: Vec::new(),
        heard: Vec::new(),
        started: false,
        end: None,
        last_input: 0,
        progress: progress_read.clone(),
        began: Began::default(),
        positions: Positions::default(),
    };
    let (recovered, opened) = oneshot::channel();
    let journal_config = config.journal;
    let open_journal = move |last| {
        journal.map(|(place, told)| JournalWriter::open(place, journal_config, last, told)).transpose()
    };
    let sequencing = move || sequencer.run(before, old_journal, open_journal, recovered);
    let sequencer = host.spawn_future("sequencer", sequencing).map_err(threads)?;
    let mut running = RunningRealm {
        realm: Realm {
            name: config.name,
            epoch,
            world: config.world,
            views,
            admission,
            progress: progress_read,
            events,
            observed,
            defined,
            privacy: config.privacy,
        },
        control,
        sequencer,
        collector,
        snapshots,
        tells,
        at_close: config.snapshots.at_close,
        ending,
        through: None,
        positions: Positions::default(),
        folder: None,
    };
    match opened.await {
        Ok(Ok((last, positions))) => {
            running.positions = positions;
            Ok((running, last))
        }
        Ok(Err(error)) => {
            running.abandon().await;
            Err(error.into())
        }
        Err(_) => match running.close().await {
            Err(CloseError::Failed(failed)) => Err(failed.into()),
            Err(other) => Err(OpenError::Threads(other.to_string())),
            Ok(()) => Err(OpenError::Threads("the sequencer ended early".to_owned())),
        },
    }
}

fn threads(error: std::io::Error) -> OpenError {
    OpenError::Threads(error.to_string())
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
