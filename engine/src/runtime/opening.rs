//! Opens a realm on what an earlier run left, also one that another world ruled.

use std::path::PathBuf;
use std::sync::Arc;

use tracing::info;
use worldflow_schemas::Tick;
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::WorldDef;

use super::starting::{Given, start};
use super::{OpenError, RealmConfig, RunningRealm};
use crate::disk::Folder;
use crate::folder::{DataFolder, FolderError};
use crate::privacy::Privacy;
use crate::sequencer::Before;
use crate::snapshot::{self, Snapshot, SnapshotConfig};
use crate::worlds::{Graphs, Worlds, ruling};

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
