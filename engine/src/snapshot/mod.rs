//! Snapshots of base state: a sink like any other, on a thread of its own.
//!
//! What a stretch of ticks has changed of base state is written as one sorted run, and a manifest names the
//! runs that together are the state, with the sequencer's memory of ids. Runs are merged in the
//! background. The graph is never stopped or walked, and no state is held here but what has changed
//! since the last run. What the kept snapshots no longer need is then removed from the journal.

mod former;
pub(crate) mod manifest;
mod retention;
mod run;
mod thread;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use worldflow_schemas::base::{BaseChange, BaseRow};
use worldflow_schemas::{Sym, Tick};

use crate::dedupe::Dedupe;
use crate::disk::Folder;
use crate::positions::Positions;
pub use crate::refused::RefusedWrites;
pub(crate) use manifest::list;
pub use retention::Retention;
pub use run::RunFile;
pub(crate) use thread::{Folders, Snapshots, TickBase, ToSnapshots};

/// When snapshots are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// At most this long after a change.
    pub every: Duration,
    /// Earlier, when so many bytes have been journaled since the last: what a restart replays.
    pub after_bytes: u64,
    /// Whether one is published at a clean end.
    pub at_close: bool,
    /// What is kept beyond what a restart needs.
    pub retention: Retention,
}

impl Default for SnapshotConfig {
    fn default() -> SnapshotConfig {
        SnapshotConfig {
            every: Duration::from_secs(60),
            after_bytes: 32 << 20,
            at_close: true,
            retention: Retention::default(),
        }
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
    /// The last writes that were refused.
    pub refused: RefusedWrites,
    /// The runs that it is read from; `None` when the next snapshot begins with one of everything.
    pub runs: Option<Vec<RunFile>>,
    /// The hash of the views at the end of the tick, if it was written down.
    pub state_hash: Option<u128>,
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

impl SnapshotError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> SnapshotError {
        let path = path.to_owned();
        move |error| SnapshotError { path, error }
    }
}

/// Publishes a snapshot of these pieces as one run, as a tool would: a running realm has a thread for it.
///
/// # Errors
/// When a file cannot be written.
pub fn publish(folder: impl Into<Folder>, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let folder = &folder.into();
    folder.make().map_err(SnapshotError::at(&folder.path))?;
    let numbers = manifest::files(folder).filter_map(|path| manifest::number(&path));
    let number = numbers.max().map_or(1, |last| last + 1);
    let mut rows: Vec<&BaseRow> = snapshot.rows.iter().collect();
    rows.sort_unstable_by(|a, b| {
        a.operator.cmp(&b.operator).then_with(|| a.route.cmp_text(b.route)).then_with(|| a.key.cmp(&b.key))
    });
    let mut run = run::RunWriter::create(folder, number)?;
    for row in rows {
        run.push((&row.operator, row.route.as_str(), &row.key), Some(&row.value))?;
    }
    let runs = vec![run.finish()?];
    let ids =
        manifest::write_ids(folder, number + 1, &snapshot.dedupe, &snapshot.positions, &snapshot.refused)?;
    manifest::Manifest::new(snapshot.tick, 0, snapshot.state_hash, runs, ids).publish(folder)
}

/// Snapshots that are always kept.
pub(crate) const KEPT: usize = 2;

/// Reads the newest snapshot that is whole, if there is one.
#[must_use]
pub fn newest(folder: impl Into<Folder>) -> Option<Snapshot> {
    newest_through(folder, Tick::MAX)
}

/// Reads the newest whole snapshot of a tick that is not after `last`, if there is one.
#[must_use]
pub fn newest_through(folder: impl Into<Folder>, last: Tick) -> Option<Snapshot> {
    let folder = &folder.into();
    first_whole(folder, list(folder).into_iter().filter(|listed| listed.tick <= last))
}

/// The tick of the newest snapshot that is not after `last`, whole or not.
#[must_use]
pub fn newest_tick_through(folder: impl Into<Folder>, last: Tick) -> Option<Tick> {
    list(&folder.into()).into_iter().map(|listed| listed.tick).find(|tick| *tick <= last)
}

/// The tick of the oldest snapshot, whole or not.
#[must_use]
pub fn oldest_tick(folder: impl Into<Folder>) -> Option<Tick> {
    list(&folder.into()).last().map(|listed| listed.tick)
}

/// The state hashes that snapshots wrote down, from the tick of the loaded one on, in order; that of the loaded one too
/// when the same world rules.
pub(crate) fn recorded(folder: &Folder, loaded: Option<Tick>, same_world: bool) -> VecDeque<(Tick, u128)> {
    let wanted = |tick: Tick| Some(tick) > loaded || (same_world && Some(tick) == loaded);
    let listed = list(folder).into_iter().rev().filter(|listed| wanted(listed.tick));
    let hash =
        |listed: manifest::Listed| Some((listed.tick, manifest::look(folder, &listed).ok()?.state_hash?));
    listed.filter_map(hash).collect()
}

/// Reads the oldest whole snapshot, if there is one of a tick that is not after `last`.
#[must_use]
pub fn oldest_through(folder: impl Into<Folder>, last: Tick) -> Option<Snapshot> {
    let folder = &folder.into();
    first_whole(folder, list(folder).into_iter().rev().filter(|listed| listed.tick <= last))
}

fn first_whole(folder: &Folder, mut listed: impl Iterator<Item = manifest::Listed>) -> Option<Snapshot> {
    listed.find_map(|listed| match manifest::read(folder, &listed) {
        Ok(snapshot) => Some(snapshot),
        Err(why) => {
            warn!(manifest = %listed.path.display(), why, "a snapshot is not usable; trying the one before");
            None
        }
    })
}
