//! A loaded world becomes a running realm.
//!
//! Opens the engine on the data folder and writes the world's definitions into it, as inputs: what
//! has not changed since the last run changes nothing, and what the folder no longer has is removed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::journal::JournalConfig;
use worldflow_engine::runtime::{OpenError, RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::snapshot::{Retention, SnapshotConfig};
use worldflow_engine::tick_clock::system_wall_clock;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{EventId, Input, Sym};

use crate::edits::start_revision;
use crate::explain_view::ViewSizes;
use crate::graph::measured_graphs;
use crate::keys::Keys;
use crate::world::LoadedWorld;

/// How a realm is opened.
pub struct OpenConfig {
    /// The realm's name.
    pub realm: Sym,
    /// Its world.
    pub world: LoadedWorld,
    /// Where it keeps its journal and snapshots; `None` keeps nothing.
    pub folder: Option<PathBuf>,
    /// Timely workers; the world's own number, or one a core, when absent.
    pub workers: Option<usize>,
    /// Ticks pass by the wall clock, or by `advance` alone.
    pub manual: bool,
    /// Sources whose events belong to the ticks of their own times.
    pub event_time: Vec<EventTimeSource>,
    /// Where the keys of players lie.
    pub keys: Keys,
}

/// A realm cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The engine cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The realm stopped before it had its definitions.
    #[error("the realm stopped before it had its definitions\nhint: the log says why")]
    Stopped,
    /// A definition was refused.
    #[error("a definition was refused: {0}")]
    Refused(String),
}

/// A realm has been given its definitions; whether it took them is known when their tick is published. That may
/// wait for a source, so sources are started first.
#[must_use = "a refusal must be heard"]
pub struct Defined(oneshot::Receiver<Vec<Outcome>>);

impl Defined {
    /// Returns when the realm has its definitions and can be used.
    ///
    /// # Errors
    /// When it has stopped, or refuses one.
    pub async fn taken(self) -> Result<(), StartError> {
        for outcome in self.0.await.map_err(|_| StartError::Stopped)? {
            if let Outcome::Refused(refusal) = outcome {
                return Err(StartError::Refused(refusal.reason));
            }
        }
        Ok(())
    }
}

/// Starts a realm that waits for no source; returns when it has its definitions and can be used.
///
/// # Errors
/// When the engine cannot be opened, or stops at once.
pub async fn open_realm(config: OpenConfig) -> Result<RunningRealm, StartError> {
    let (running, defined) = start_realm(config, ViewSizes::default()).await?;
    defined.taken().await?;
    Ok(running)
}

/// Starts a realm; `sizes` hears how much is kept for its views in SQL.
///
/// # Errors
/// When the engine cannot be opened, or stops at once.
pub async fn start_realm(
    config: OpenConfig,
    sizes: ViewSizes,
) -> Result<(RunningRealm, Defined), StartError> {
    let (world, manual) = (config.world.clone(), config.manual);
    let running = open_as_it_is(config, sizes).await?;
    let defined = define(&running, &world, manual).await?;
    Ok((running, defined))
}

/// Opens a realm with the definitions that it has, whatever its folder says of them, and seals nothing.
///
/// # Errors
/// When the engine cannot be opened.
pub async fn open_as_it_is(config: OpenConfig, sizes: ViewSizes) -> Result<RunningRealm, StartError> {
    let OpenConfig { realm, world, folder, workers, manual, event_time, keys } = config;
    let length = TickLength { tick_ms: world.world.tick_ms };
    let wall = system_wall_clock();
    let mode = if manual { Mode::Manual { start: length.tick_at(wall()) } } else { Mode::RealTime { wall } };
    let kept = world.world.journal;
    let retention = Retention { keep_ms: kept.keep.ms, at_most_bytes: kept.at_most.bytes };
    let engine = RealmConfig {
        snapshots: SnapshotConfig {
            every: Duration::from_millis(kept.snapshot_every.ms),
            retention,
            ..SnapshotConfig::default()
        },
        journal: JournalConfig {
            segment_bytes: usize::try_from(kept.segment.bytes).unwrap_or(usize::MAX),
            ..JournalConfig::default()
        },
        keys: folder.as_deref().map(|folder| keys.of(realm.as_str(), folder)),
        folder,
        workers: workers.unwrap_or_else(|| worker_count(world.world.workers)),
        mode,
        event_time,
        ..RealmConfig::in_memory(realm, Arc::clone(&world.world))
    };
    Ok(open(engine, measured_graphs(realm, sizes)).await?)
}

/// The world's own number of workers, or one a core.
fn worker_count(declared: u32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match usize::try_from(declared) {
        Ok(0) | Err(_) => cores,
        Ok(count) => count,
    }
}

async fn define(running: &RunningRealm, world: &LoadedWorld, manual: bool) -> Result<Defined, StartError> {
    let items = vec![start_revision(world, system_wall_clock()())];
    let (reply, outcomes) = oneshot::channel();
    let batch =
        Batch { source: Sym::new("world"), items, watermark_ms: None, reply: Some(reply), reached: None };
    running.realm.admission.submit(batch).await.map_err(|_| StartError::Stopped)?;
    if manual {
        running.advance(1).await.map_err(|_| StartError::Stopped)?;
    }
    Ok(Defined(outcomes))
}

/// The world's definitions as inputs, each by itself; a realm is started with all of them in one.
#[must_use]
pub fn definition_items(world: &LoadedWorld, now_ms: i64) -> Vec<Item> {
    world
        .definitions()
        .into_iter()
        .enumerate()
        .map(|(place, command)| Item {
            // Each start writes its definitions anew, so their ids carry the start's time.
            id: EventId::Named(format!("{now_ms}-{place}").into()),
            input: Input::Command(command),
            most_per_s: None,
        })
        .collect()
}
