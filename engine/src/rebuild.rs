//! Rebuilds the views of a past tick from what a data folder holds, without touching the folder, also
//! while a realm is using it; and goes on from there in memory, to see what would come of something.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use crate::collector::Recorder;
use crate::dedupe::Dedupe;
use crate::disk::Folder;
use crate::journal::{JournalReader, JournaledTick, last_known};
use crate::observed::Compared;
use crate::positions::Positions;
use crate::privacy::Privacy;
use crate::runtime::{CloseError, Given, OpenError, RealmConfig, RunningRealm, start};
use crate::sequencer::Before;
use crate::snapshot::{
    BaseState, Snapshot, ToSnapshots, newest_through, newest_tick_through, oldest_through, oldest_tick,
    recorded,
};
use crate::view_store::ViewStore;
use crate::worlds::{Graphs, Worlds};

/// What is to be rebuilt.
#[derive(Clone, Debug)]
pub struct RebuildConfig {
    /// The data folder of a realm.
    pub folder: PathBuf,
    /// The realm's name.
    pub name: Sym,
    /// Timely workers.
    pub workers: usize,
    /// The tick, in milliseconds of UTC; what is known last without it.
    pub until_ms: Option<i64>,
    /// What sealed text is opened with; [`Privacy::none`] leaves it sealed.
    pub privacy: Privacy,
}

/// A past tick.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The tick.
    pub tick: Tick,
    /// The views at its end.
    pub views: Arc<ViewStore>,
    /// The world that ruled it.
    pub world: Arc<WorldDef>,
    /// The tick of the snapshot that it was rebuilt from; `None`: from the beginning of the journal.
    pub snapshot: Option<Tick>,
    /// Where on the way the state was compared with the hashes that records and snapshots say.
    pub compared: Compared,
}

/// Rebuilds a tick from the newest snapshot that is not after it, and the journal since.
///
/// # Errors
/// When the folder holds nothing, no longer holds that tick, or is damaged.
pub async fn rebuild(config: &RebuildConfig, graphs: impl Into<Graphs>) -> Result<Rebuilt, OpenError> {
    let (running, rebuilt) = taken_back(config, &graphs.into(), Goes::to_the_end(false)).await?;
    running.close().await?;
    Ok(rebuilt)
}

/// Whether a realm is running on this folder.
#[must_use]
pub fn is_in_use(folder: &Path) -> bool {
    let folder = Folder::from(folder);
    folder.disk.is_locked(&folder.file("lock"))
}

/// Rebuilds a tick, and returns a realm in memory that is moved by hand from there. What happens to it
/// leaves no trace; close it.
///
/// # Errors
/// As [`rebuild`].
pub async fn fork(
    config: &RebuildConfig,
    graphs: impl Into<Graphs>,
) -> Result<(RunningRealm, Rebuilt), OpenError> {
    taken_back(config, &graphs.into(), Goes::to_the_end(true)).await
}

/// Rebuilds a tick as [`rebuild`] does, but from a snapshot that is before `since_ms` if one is kept, or else from the
/// oldest, so that what happened from then on happens again. `recorder` is shown every change on the way; where a
/// snapshot is loaded, and where another world begins to rule, that is every row.
///
/// # Errors
/// As [`rebuild`].
pub async fn retrace(
    config: &RebuildConfig,
    since_ms: i64,
    graphs: impl Into<Graphs>,
    recorder: Option<Recorder>,
) -> Result<Rebuilt, OpenError> {
    let begin = Begin::Before(since_ms);
    let (running, rebuilt) = taken_back(config, &graphs.into(), Goes { on: false, begin, recorder }).await?;
    running.close().await?;
    Ok(rebuilt)
}

/// The tick that would be rebuilt, and the length of ticks.
///
/// # Errors
/// When the folder holds nothing, or is damaged.
pub fn tick_of(config: &RebuildConfig) -> Result<(Tick, TickLength), OpenError> {
    let folder = Folder::from(&config.folder);
    let (journal, snapshots) = (folder.join("journal"), folder.join("snapshots"));
    let nothing = || OpenError::Nothing(config.folder.clone());
    let length = Worlds::read(folder)?.tick_length().ok_or_else(nothing)?;
    let asked = config.until_ms.map_or(Tick::MAX, |ms| length.tick_at(ms));
    let newest = newest_tick_through(snapshots, asked);
    let last = last_known(&journal)?.max(newest).ok_or_else(nothing)?;
    Ok((last.min(asked), length))
}

/// The first tick that can be rebuilt: the first of a journal that is whole, or else that of the oldest snapshot.
///
/// # Errors
/// When the folder holds nothing, or is damaged.
pub fn first_of(folder: &Path) -> Result<Tick, OpenError> {
    let at = Folder::from(folder);
    let mut first: Option<Tick> = None;
    if let Ok(mut reader) = JournalReader::look(at.join("journal"), None, Tick::MAX) {
        while first.is_none()
            && reader.next_segment(&mut |tick: JournaledTick| first = first.or(Some(tick.sealed.tick)))?
        {
        }
    }
    let first = first.or_else(|| oldest_tick(at.join("snapshots")));
    first.ok_or_else(|| OpenError::Nothing(folder.to_owned()))
}

/// From which snapshot a tick is rebuilt.
#[derive(Clone, Copy)]
enum Begin {
    Newest,
    /// One before this moment, or else the oldest.
    Before(i64),
}

/// How a tick is rebuilt.
struct Goes {
    /// Goes on by hand from there.
    on: bool,
    begin: Begin,
    recorder: Option<Recorder>,
}

impl Goes {
    fn to_the_end(on: bool) -> Goes {
        Goes { on, begin: Begin::Newest, recorder: None }
    }
}

impl Begin {
    /// The snapshot to begin with; `None`: the beginning of the journal.
    fn snapshot(self, folder: &Folder, journal: &Folder, last: Tick, length: TickLength) -> Option<Snapshot> {
        let Begin::Before(ms) = self else { return newest_through(folder.clone(), last) };
        let before = length.tick_at(ms).saturating_sub(1).min(last);
        newest_through(folder.clone(), before).or_else(|| {
            let whole = JournalReader::look(journal.clone(), None, last).is_ok();
            if whole { None } else { oldest_through(folder.clone(), last) }
        })
    }
}

/// A realm that has taken back what the folder holds, and goes on by hand if it is to.
async fn taken_back(
    config: &RebuildConfig,
    graphs: &Graphs,
    goes: Goes,
) -> Result<(RunningRealm, Rebuilt), OpenError> {
    let folder = Folder::from(&config.folder);
    let (journal, snapshots) = (folder.join("journal"), folder.join("snapshots"));
    let worlds = Worlds::read(folder)?;
    let nothing = || OpenError::Nothing(config.folder.clone());
    let length = worlds.tick_length().ok_or_else(nothing)?;
    let asked = config.until_ms.map_or(Tick::MAX, |ms| length.tick_at(ms));
    let mut snapshot = goes.begin.snapshot(&snapshots, &journal, asked, length);
    let first = snapshot.as_ref().map(|snapshot| snapshot.tick);
    let until = last_known(&journal)?.max(first).ok_or_else(nothing)?.min(asked);
    let goes_on = goes.on;
    let recorder = goes.recorder.map(|recorder| Arc::new(Mutex::new(recorder)));
    let mut compared = Compared::default();
    loop {
        let loaded = snapshot.as_ref().map(|snapshot| snapshot.tick);
        // The state at a snapshot's own tick is what the world of that tick made of it.
        let before = if loaded == Some(until) { until.checked_sub(1) } else { loaded };
        let (world, ends) = worlds.after(before).ok_or_else(nothing)?;
        let (world, to) = (Arc::clone(world), ends.filter(|ends| *ends < until).unwrap_or(until));
        let reader = JournalReader::look(journal.clone(), loaded, to)?;
        let last = to == until;
        let same_world = loaded == Some(until) || worlds.rules_on(loaded);
        let recorded = recorded(&snapshots, loaded, same_world);
        let before =
            Before { snapshot: snapshot.take(), recorded, until: Some(to), only: !(last && goes_on) };
        let realm = RealmConfig {
            workers: config.workers,
            privacy: config.privacy.clone(),
            // Nobody follows; what is read is the end.
            held_changes: 0,
            recorder: recorder.as_ref().map(shared),
            ..RealmConfig::in_memory(config.name, Arc::clone(&world))
        };
        if last {
            let (running, _) = start(realm, Given::taken_back(before, reader), graphs).await?;
            let views = Arc::clone(&running.realm.views);
            compared.add(running.realm.observed.compared());
            return Ok((running, Rebuilt { tick: until, views, world, snapshot: first, compared }));
        }
        snapshot = Some(era(realm, before, reader, to, graphs, &mut compared).await?);
    }
}

/// A recorder for each of the realms that are run one after the other.
fn shared(recorder: &Arc<Mutex<Recorder>>) -> Recorder {
    let recorder = Arc::clone(recorder);
    Box::new(move |tick, changes| {
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        (*recorder)(tick, changes);
    })
}

/// Runs to the end of a world's time, and returns the base state that comes of it.
async fn era(
    realm: RealmConfig,
    before: Before,
    reader: JournalReader,
    to: Tick,
    graphs: &Graphs,
    compared: &mut Compared,
) -> Result<Snapshot, OpenError> {
    let (tell, told) = channel();
    let begun = before.snapshot.as_ref();
    let state: BaseState = begun.map(|begun| begun.rows.clone()).unwrap_or_default().into_iter().collect();
    let known = begun.map(|begun| (begun.dedupe.clone(), begun.positions.clone())).unwrap_or_default();
    let follower = std::thread::Builder::new()
        .name("base state".to_owned())
        .spawn(move || follow(&told, state, known))
        .map_err(|error| OpenError::Threads(error.to_string()))?;
    let given = Given { base: Some(tell), ..Given::taken_back(before, reader) };
    let (running, _) = start(realm, given, graphs).await?;
    compared.add(running.realm.observed.compared());
    running.close().await?;
    let (state, (dedupe, positions)) = follower.join().map_err(|_| CloseError::Panicked("base state"))?;
    Ok(Snapshot { tick: to, rows: state.rows(), dedupe, positions, ..Snapshot::default() })
}

/// The ids accepted so far, and how far sources have been read.
type Known = (Dedupe, Positions);

fn follow(told: &Receiver<ToSnapshots>, mut state: BaseState, mut known: Known) -> (BaseState, Known) {
    while let Ok(ToSnapshots::Tick(tick)) = told.recv() {
        tick.base.into_iter().for_each(|change| state.apply(change));
        known.0.sealed(tick.tick, &tick.ids, &tick.floors);
        known.1.apply(&tick.reached);
    }
    (state, known)
}
