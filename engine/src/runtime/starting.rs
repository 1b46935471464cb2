//! Starts the threads of a realm: wires sequencer, journal, workers, collector and snapshots together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use rustc_hash::FxHashMap;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use worldflow_schemas::Tick;
use worldflow_schemas::tick::TickLength;

use super::{CloseError, OpenError, RealmConfig, RunningRealm};
use crate::admission::Admission;
use crate::amount::Amount;
use crate::collector::{Collecting, Collector, RealmFailed, ToCollector};
use crate::defined::Noting;
use crate::folder::{DataFolder, draw_epoch};
use crate::hashes::Hashes;
use crate::host::Host;
use crate::intake::Intake;
use crate::journal::{JournalError, JournalReader, JournalWriter, Place};
use crate::merger::Merger;
use crate::observed::Observed;
use crate::positions::Positions;
use crate::privacy::Opener;
use crate::realm::{Progress, Realm};
use crate::sequencer::{Before, Began, Sequencer};
use crate::snapshot::{Folders, Snapshots, ToSnapshots};
use crate::stats::Stats;
use crate::view_store::ViewStore;
use crate::workers::Workers;
use crate::worlds::Graphs;

/// Followers of the event stream may be this many ticks behind.
const EVENTS_HELD: usize = 1024;

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

    pub(super) fn of(folder: Option<&DataFolder>, before: Before) -> Result<Given<'_>, JournalError> {
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
