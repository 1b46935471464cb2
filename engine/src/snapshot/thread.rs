//! The thread of snapshots: gathers what changes, writes it as runs, and has runs merged beside it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tracing::{error, trace, warn};
use worldflow_schemas::base::BaseChange;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use super::manifest::{self, Listed, Manifest, files, list, number, write_ids};
use super::run::{MOST_RUNS, NotMerged, RunFile, RunWriter, first_to_merge, merge};
use super::{PieceKey, Snapshot, SnapshotConfig, SnapshotError, retention};
use crate::PHASE;
use crate::alarm::PanicAlarm;
use crate::dedupe::{Dedupe, SealedIds, Window};
use crate::disk::{Folder, PART};
use crate::host::{Host, Task, Turns};
use crate::observed::Observed;
use crate::positions::{Positions, Reached};
use crate::refused::{RefusedWrite, RefusedWrites};

/// What happened in a complete, durable tick.
pub(crate) struct TickBase {
    pub(crate) tick: Tick,
    pub(crate) base: Vec<BaseChange>,
    pub(crate) ids: SealedIds,
    pub(crate) floors: Vec<(Sym, u64)>,
    pub(crate) reached: Vec<Reached>,
    pub(crate) refused: Vec<RefusedWrite>,
    /// Of the views at its end.
    pub(crate) state_hash: u128,
}

pub(crate) enum ToSnapshots {
    Tick(TickBase),
    /// Publish now; what has been told is the state at the end of this tick too, when it says one, with
    /// the hash of the views then.
    Publish(Option<(Tick, u128)>, oneshot::Sender<Result<Tick, SnapshotError>>),
    #[cfg(test)]
    Panic,
}

/// Where snapshots are written, and the journal that they shorten.
pub(crate) struct Folders {
    pub(crate) snapshots: Folder,
    pub(crate) journal: Folder,
    /// What runs the loops.
    pub(crate) host: Host,
    /// The journal's lineage.
    pub(crate) epoch: u64,
    /// The bytes that have been journaled, or read from the journal at the start.
    pub(crate) journaled: Arc<AtomicU64>,
    /// Where it is said that none can be published.
    pub(crate) observed: Observed,
}

/// A handle to the snapshot thread. Dropping it ends the thread.
pub(crate) struct Snapshots {
    thread: Option<Task<()>>,
    told: Option<Sender<ToSnapshots>>,
}

impl Snapshots {
    /// Starts from a loaded snapshot, or from nothing; `failed` is called when the thread panics.
    pub(crate) fn start(
        folders: Folders,
        config: SnapshotConfig,
        length: TickLength,
        window: Window,
        from: Option<&Snapshot>,
        failed: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Snapshots> {
        let (told, received) = channel();
        let host = folders.host;
        let mut kept = Kept::new(folders, config, length, window, from);
        let thread = host.spawn("snapshots", move || {
            let alarm = PanicAlarm(failed);
            kept.clean();
            kept.merge_if_due();
            Keeping { last: host.now(), kept, told: received, _alarm: alarm }
        })?;
        Ok(Snapshots { thread: Some(thread), told: Some(told) })
    }

    pub(crate) fn sender(&self) -> Sender<ToSnapshots> {
        self.told.clone().expect("it is taken only when dropped")
    }

    /// Ends the thread.
    pub(crate) async fn close(mut self) {
        self.told = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.ended().await;
        }
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

/// Runs that are being merged.
struct Merging {
    first: usize,
    count: usize,
    number: u64,
    thread: Task<Result<RunFile, NotMerged>>,
}

struct Kept {
    folders: Folders,
    config: SnapshotConfig,
    keep_ticks: u64,
    tick: Tick,
    state_hash: Option<u128>,
    published: Tick,
    published_bytes: u64,
    /// What has changed since the last run.
    changes: FxHashMap<PieceKey, Option<Arc<[u8]>>>,
    /// Oldest first: with `changes` they are the state.
    runs: Vec<RunFile>,
    next_number: u64,
    merging: Option<Merging>,
    stop: Arc<AtomicBool>,
    /// A run that cannot be read: nothing that builds on it is published.
    damaged: Option<String>,
    /// Snapshots that could not be used at the start. They go with the first that is published since, so that none of
    /// them counts among those that are kept.
    unusable: Vec<Listed>,
    dedupe: Dedupe,
    positions: Positions,
    refused: RefusedWrites,
    window: Window,
    changed: bool,
}

/// How often a merge is asked whether it is done.
const ASK: Duration = Duration::from_millis(50);

/// However much is journaled, snapshots are so far apart: the memory of ids is written whole each time.
const APART: Duration = Duration::from_secs(5);

/// The loop of snapshots.
struct Keeping<A: FnMut()> {
    kept: Kept,
    told: Receiver<ToSnapshots>,
    /// When it was last time for a snapshot.
    last: Instant,
    _alarm: PanicAlarm<A>,
}

impl<A: FnMut()> Turns for Keeping<A> {
    type Done = ();

    fn turn(&mut self, waits: bool) -> ControlFlow<()> {
        let Keeping { kept, told, last, .. } = self;
        let host = kept.folders.host;
        let due = *last + kept.config.every;
        let mut wait = due.saturating_duration_since(host.now());
        if kept.merging.is_some() {
            wait = wait.min(ASK);
        }
        match told.recv_timeout(if waits { wait } else { Duration::ZERO }) {
            Ok(ToSnapshots::Tick(tick)) => kept.apply(tick),
            Ok(ToSnapshots::Publish(through, done)) => {
                if let Some((tick, state_hash)) = through.filter(|(tick, _)| *tick > kept.tick) {
                    (kept.tick, kept.state_hash) = (tick, Some(state_hash));
                }
                let _nobody_waits = done.send(kept.publish_and_say().map(|()| kept.tick));
            }
            #[cfg(test)]
            Ok(ToSnapshots::Panic) => panic!("asked to"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return kept.end(waits),
        }
        kept.take_merged();
        let now = host.now();
        if now >= due || (kept.much_is_journaled() && now.saturating_duration_since(*last) >= APART) {
            if kept.changed {
                let _said = kept.publish_and_say();
            }
            *last = now;
            kept.merge_if_due();
        }
        ControlFlow::Continue(())
    }
}

impl Kept {
    fn new(
        folders: Folders,
        config: SnapshotConfig,
        length: TickLength,
        window: Window,
        from: Option<&Snapshot>,
    ) -> Kept {
        let used = from.map(|snapshot| snapshot.tick);
        let unusable =
            list(&folders.snapshots).into_iter().filter(|listed| Some(listed.tick) > used).collect();
        let next_number =
            files(&folders.snapshots).filter_map(|path| number(&path)).max().map_or(1, |last| last + 1);
        let mut kept = Kept {
            folders,
            config,
            keep_ticks: length.ticks(config.retention.keep_ms),
            tick: 0,
            state_hash: None,
            published: 0,
            published_bytes: 0,
            changes: FxHashMap::default(),
            runs: Vec::new(),
            next_number,
            merging: None,
            stop: Arc::default(),
            damaged: None,
            unusable,
            dedupe: Dedupe::default(),
            positions: Positions::default(),
            refused: RefusedWrites::default(),
            window,
            changed: false,
        };
        let Some(Snapshot { tick, rows, dedupe, positions, refused, runs, state_hash }) = from else {
            return kept;
        };
        (kept.tick, kept.published, kept.state_hash) = (*tick, *tick, *state_hash);
        kept.dedupe.clone_from(dedupe);
        kept.positions.clone_from(positions);
        kept.refused.clone_from(refused);
        match runs {
            Some(runs) => kept.runs.clone_from(runs),
            None => {
                let pieces = rows
                    .iter()
                    .map(|row| ((row.operator.clone(), row.route, row.key.clone()), Some(row.value.clone())));
                kept.changes = pieces.collect();
            }
        }
        kept
    }

    /// Removes what an earlier run had begun to write, and what no manifest names.
    fn clean(&self) {
        for path in files(&self.folders.snapshots) {
            if path.extension().is_some_and(|extension| extension == PART)
                && let Err(error) = self.folders.snapshots.disk.remove(&path)
            {
                warn!(path = %path.display(), %error, "what was left half written cannot be removed");
            }
        }
        manifest::remove(&self.folders.snapshots, &[], |number| {
            self.runs.iter().any(|run| run.number == number)
        });
    }

    /// Ends, once nothing is being merged any more.
    fn end(&mut self, waits: bool) -> ControlFlow<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.merging.take() {
            Some(merging) if !waits && !merging.thread.is_finished() => {
                self.merging = Some(merging);
                ControlFlow::Continue(())
            }
            Some(merging) => {
                let _not_wanted = merging.thread.join();
                ControlFlow::Break(())
            }
            None => ControlFlow::Break(()),
        }
    }

    fn much_is_journaled(&self) -> bool {
        let journaled = self.folders.journaled.load(Ordering::Relaxed);
        journaled.saturating_sub(self.published_bytes) >= self.config.after_bytes
    }

    fn apply(&mut self, tick: TickBase) {
        (self.tick, self.state_hash) = (tick.tick, Some(tick.state_hash));
        self.changed |= !tick.base.is_empty() || !tick.ids.is_empty() || !tick.reached.is_empty();
        self.positions.apply(&tick.reached);
        tick.refused.into_iter().for_each(|refused| self.refused.insert(refused));
        for BaseChange { operator, route, key, value } in tick.base {
            self.changes.insert((operator.into(), route, key), value);
        }
        if !tick.ids.is_empty() {
            self.dedupe.sealed(tick.tick, &tick.ids, &tick.floors);
        }
    }

    /// Publishes, and says everywhere when that cannot be done.
    fn publish_and_say(&mut self) -> Result<(), SnapshotError> {
        let published = self.publish();
        if let Err(why) = &published {
            error!(%why, "a snapshot could not be published; the journal still holds everything");
        }
        // Of a run that is damaged it is known before the next one is to be published.
        if self.damaged.is_none() {
            self.folders.observed.set_unsaved(published.as_ref().err().map(ToString::to_string));
        }
        published
    }

    fn publish(&mut self) -> Result<(), SnapshotError> {
        if self.tick == self.published && !self.changed {
            return Ok(());
        }
        let folder = self.folders.snapshots.clone();
        let refused =
            |why: String| SnapshotError { path: folder.path.clone(), error: std::io::Error::other(why) };
        if let Some(why) = &self.damaged {
            return Err(refused(format!("a run is damaged, and a restart may go back behind it: {why}")));
        }
        if self.runs.len() >= MOST_RUNS {
            return Err(refused(format!("{MOST_RUNS} runs are not merged yet")));
        }
        trace!(target: PHASE, "snapshot begins");
        folder.make().map_err(SnapshotError::at(&folder.path))?;
        let journaled = self.folders.journaled.load(Ordering::Relaxed);
        self.dedupe.forget(self.tick, self.window);
        self.write_run(&folder)?;
        let ids = write_ids(&folder, self.take_number(), &self.dedupe, &self.positions, &self.refused)?;
        Manifest::new(self.tick, self.folders.epoch, self.state_hash, self.runs.clone(), ids)
            .publish(&folder)?;
        (self.published, self.published_bytes, self.changed) = (self.tick, journaled, false);
        trace!(target: PHASE, "snapshot ends");
        let at_most = self.config.retention.at_most_bytes;
        let mut unusable = std::mem::take(&mut self.unusable);
        unusable.retain(|listed| listed.tick != self.tick);
        let in_use = |number| self.uses(number);
        if !unusable.is_empty() {
            manifest::remove(&folder, &unusable, in_use);
        }
        retention::apply(&folder, &self.folders.journal, self.tick, self.keep_ticks, at_most, in_use);
        Ok(())
    }

    fn uses(&self, number: u64) -> bool {
        let merging = self.merging.as_ref().is_some_and(|merging| merging.number == number);
        merging || self.runs.iter().any(|run| run.number == number)
    }

    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Writes what has changed as a run. It is forgotten here only when it is on the disk.
    fn write_run(&mut self, folder: &Folder) -> Result<(), SnapshotError> {
        // What is gone need not be said when nothing is older.
        let first = self.runs.is_empty();
        let mut changes: Vec<(&PieceKey, Option<&[u8]>)> = (self.changes.iter())
            .map(|(piece, value)| (piece, value.as_deref()))
            .filter(|(_, value)| !first || value.is_some())
            .collect();
        if !changes.is_empty() {
            changes.sort_unstable_by(|((operator, route, key), _), ((other, to, at), _)| {
                operator.cmp(other).then_with(|| route.cmp_text(*to)).then_with(|| key.cmp(at))
            });
            let number = self.next_number;
            let mut run = RunWriter::create(folder, number)?;
            for ((operator, route, key), value) in changes {
                run.push((operator, route.as_str(), key), value)?;
            }
            self.runs.push(run.finish()?);
            self.next_number += 1;
        }
        self.changes = FxHashMap::default();
        Ok(())
    }

    fn merge_if_due(&mut self) {
        if self.merging.is_some() || self.damaged.is_some() {
            return;
        }
        let Some(first) = first_to_merge(&self.runs) else { return };
        let (number, folder) = (self.take_number(), self.folders.snapshots.clone());
        let (runs, stop) = (self.runs[first..].to_vec(), Arc::clone(&self.stop));
        let count = runs.len();
        let host = self.folders.host;
        let merged = move || merge(&folder, &runs, number, first == 0, &stop);
        match host.spawn_job("snapshot merge", merged) {
            Ok(thread) => self.merging = Some(Merging { first, count, number, thread }),
            Err(error) => warn!(%error, "runs of snapshots cannot be merged now"),
        }
    }

    fn take_merged(&mut self) {
        let Some(Merging { first, count, thread, .. }) =
            self.merging.take_if(|merging| merging.thread.is_finished())
        else {
            return;
        };
        let Some(ended) = thread.join() else { return };
        match ended {
            Ok(Ok(merged)) => drop(self.runs.splice(first..first + count, [merged])),
            Ok(Err(NotMerged::Stopped)) => {}
            Ok(Err(NotMerged::Unwritten(error))) => {
                warn!(%error, "runs of snapshots could not be merged; it is tried again");
            }
            Ok(Err(NotMerged::Damaged(why))) => self.is_damaged(why),
            Err(_) => self.is_damaged("reading it panicked".to_owned()),
        }
    }

    /// Nothing that builds on these runs is published any more. What there is stays.
    fn is_damaged(&mut self, why: String) {
        error!(why, "a run of the snapshots is damaged; no more are published, and the journal is kept");
        self.folders.observed.set_unsaved(Some(format!(
            "a run of the snapshots is damaged, none is published, and the journal is kept: {why}; \
             `worldflow doctor` examines the folder"
        )));
        self.damaged = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::dedupe::DedupeConfig;
    use crate::snapshot::newest;
    use crate::testing::simulation::Chance;

    const LENGTH: TickLength = TickLength { tick_ms: 10 };

    fn folders(folder: &Path) -> Folders {
        let folder = Folder::from(folder);
        let (snapshots, journal) = (folder.join("snapshots"), folder.join("journal"));
        let observed = Observed::new("realm".into());
        Folders { snapshots, journal, host: Host::System, epoch: 7, journaled: Arc::default(), observed }
    }

    fn kept(folder: &Path, from: Option<&Snapshot>) -> Kept {
        let window = DedupeConfig::default().window(LENGTH);
        Kept::new(folders(folder), SnapshotConfig::default(), LENGTH, window, from)
    }

    fn tick(tick: Tick, pieces: &[(&str, Option<&str>)]) -> TickBase {
        let base = pieces.iter().map(|(key, value)| BaseChange {
            operator: "counts",
            route: Sym::new("ada"),
            key: key.as_bytes().into(),
            value: value.map(|value| value.as_bytes().into()),
        });
        let (ids, floors) = (SealedIds::default(), Vec::new());
        let (reached, refused) = (Vec::new(), Vec::new());
        TickBase { tick, base: base.collect(), ids, floors, reached, refused, state_hash: tick.into() }
    }

    fn read(folder: &Path) -> (Snapshot, Vec<(String, String)>) {
        let snapshot = newest(&folder.join("snapshots")).expect("published");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let rows = snapshot.rows.iter().map(|row| (text(&row.key), text(&row.value))).collect();
        (snapshot, rows)
    }

    fn pairs(pieces: &[(&str, &str)]) -> Vec<(String, String)> {
        pieces.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tell, told) = channel();
        let window = DedupeConfig::default().window(LENGTH);
        let config = SnapshotConfig::default();
        let snapshots = Snapshots::start(folders(folder.path()), config, LENGTH, window, None, move || {
            tell.send("failed").expect("the test listens");
        })
        .expect("starts");
        snapshots.sender().send(ToSnapshots::Panic).expect("it listens");
        assert_eq!(told.recv(), Ok("failed"));
    }

    #[test]
    fn a_snapshot_writes_what_has_changed_and_means_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = kept(folder.path(), None);
        first.apply(tick(1, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1")), ("gone", None)]));
        first.publish().expect("writable");
        first.apply(tick(2, &[("b", Some("2")), ("c", None)]));
        assert_eq!(first.changes.len(), 2, "nothing else is held");
        first.publish().expect("writable");
        assert_eq!(first.runs.iter().map(|run| run.pieces).collect::<Vec<_>>(), [3, 2]);
        let (snapshot, rows) = read(folder.path());
        assert_eq!((snapshot.tick, snapshot.state_hash), (2, Some(2)));
        assert_eq!(rows, pairs(&[("a", "1"), ("b", "2")]));
        // Another run of the program goes on, merging what was there.
        let mut second = kept(folder.path(), Some(&snapshot));
        assert!(second.changes.is_empty());
        second.apply(tick(3, &[("d", Some("3"))]));
        second.publish().expect("writable");
        second.merge_if_due();
        assert!(second.merging.is_some());
        while second.merging.is_some() {
            second.take_merged();
            std::thread::yield_now();
        }
        assert_eq!(second.runs.len(), 1);
        second.apply(tick(4, &[("a", None)]));
        second.publish().expect("writable");
        assert_eq!(read(folder.path()).1, pairs(&[("b", "2"), ("d", "3")]));
        // Only what the snapshots of ticks 4 and 5 name is left.
        second.apply(tick(5, &[]));
        second.changed = true;
        second.publish().expect("writable");
        let runs = files(&Folder::from(folder.path()).join("snapshots"))
            .filter(|path| path.extension().is_some_and(|it| it == "run"));
        assert_eq!(runs.count(), 2);
    }

    #[test]
    fn a_damaged_run_stops_snapshots_and_not_the_realm() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = kept(folder.path(), None);
        for number in 1..=3 {
            kept.apply(tick(number, &[("a", Some("1"))]));
            kept.publish().expect("writable");
        }
        let damaged = folder.path().join("snapshots/000000000003.run");
        assert!(damaged.exists(), "runs and ids are numbered in turn");
        fs::write(damaged, "damaged").expect("writable");
        merged(&mut kept);
        kept.apply(tick(4, &[("a", Some("2"))]));
        let why = kept.publish().expect_err("refused").to_string();
        assert!(why.contains("a run is damaged"), "{why}");
        assert_eq!(kept.changes.len(), 1, "nothing is forgotten");
    }

    fn merged(kept: &mut Kept) {
        kept.merge_if_due();
        while kept.merging.is_some() {
            kept.take_merged();
            std::thread::yield_now();
        }
    }

    /// Arrow panics on some of these, whose sums are right.
    #[test]
    fn a_run_that_is_not_what_it_says_stops_snapshots_which_is_told_and_leaves_those_there_are() {
        let (mut damaged, mut panics) = (0, 0);
        for seed in 0..200 {
            let folder = tempfile::tempdir().expect("a folder");
            let mut kept = kept(folder.path(), None);
            for number in 1..=2 {
                kept.apply(tick(number, &[("a", Some("1")), ("b", None)]));
                kept.publish_and_say().expect("writable");
            }
            let there = files(&kept.folders.snapshots).count();
            assert_eq!(kept.folders.observed.unsaved(), None);
            let file = folder.path().join("snapshots/000000000003.run");
            let bytes = fs::read(&file).expect("runs and ids are numbered in turn");
            let changed = crate::testing::fuzz::mutate(&mut Chance::new(seed), &bytes, &bytes);
            fs::write(&file, &changed).expect("writable");
            let run = kept.runs.last_mut().expect("two were written");
            (run.bytes, run.crc32) = (changed.len() as u64, crc32fast::hash(&changed));
            merged(&mut kept);
            let Some(why) = kept.damaged.clone() else { continue };
            damaged += 1;
            panics += usize::from(why.contains("not what it says"));
            let said = kept.folders.observed.unsaved().expect("it is told at once");
            assert!(said.contains(&why) && said.contains("worldflow doctor"), "{said}");
            kept.apply(tick(3, &[("a", Some("2"))]));
            assert!(kept.publish_and_say().is_err());
            assert_eq!(kept.folders.observed.unsaved(), Some(said), "and is not taken back");
            let left =
                files(&kept.folders.snapshots).filter(|path| path.extension().is_none_or(|it| it != PART));
            assert_eq!(left.count(), there, "seed {seed}");
        }
        assert!(damaged > 20 && panics > 0, "{damaged} were refused, {panics} of them by a panic");
    }
}
