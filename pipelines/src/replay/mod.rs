//! Replays recordings through a world in virtual time.
//!
//! `recordings ─map, check, merge by time─▶ engine in virtual mode ─▶ rows, changes, summary`. Time is
//! that of the events: idle spans are jumped, pending timers are stopped at.

mod dump;
mod feed;
mod gaps;
mod journal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use worldflow_engine::runtime::{self, RealmConfig};
use worldflow_engine::sequencer::{End, Mode};
use worldflow_engine::view_store::ViewStore;
use worldflow_engine::{intake::EventTimeSource, workers::Cut};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};
use worldflow_sources::recording::{Recording, RecordingError, Told};

use crate::graph::graphs;
use crate::world::{LoadedWorld, MappingError, open_mapping};
pub use dump::DumpError;
pub use journal::{JournalReplay, JournalSummary, replay_journal};

/// What is to be replayed, and how.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Recordings with their mappings; merged by time.
    pub recordings: Vec<(PathBuf, Option<PathBuf>)>,
    /// Where the rows go.
    pub dump: Option<PathBuf>,
    /// Whether every change is written too.
    pub changes: bool,
    /// Timely workers.
    pub workers: usize,
    /// Where to end, UTC milliseconds; at the last event without it.
    pub until_ms: Option<i64>,
    /// How long to go on after the last event.
    pub grace_ms: u64,
    /// How long nothing may happen: an input that comes later than this after the one before is refused.
    pub most_gap_ms: u64,
}

/// How long nothing may happen in a recording, unless it is said otherwise: 366 days.
pub const MOST_GAP_MS: u64 = 366 * 86_400_000;

/// What a replay did: `summary.json`.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Summary {
    /// Lines or records that were read, but for those that a mapping leaves out.
    pub events: u64,
    /// Inputs that the graph was given.
    pub accepted: u64,
    /// Lines that could not be read or mapped, and inputs that break a rule of the world.
    pub rejected: u64,
    /// Inputs that had been there before.
    pub duplicates: u64,
    /// Lines that a mapping leaves out.
    pub skipped: u64,
    /// Ticks from the first to the last.
    pub ticks: u64,
    /// The first tick.
    pub first_tick: Tick,
    /// The last tick.
    pub last_tick: Tick,
    /// Wall-clock seconds from the first input to the last change.
    pub seconds: f64,
    /// Accepted inputs per second.
    pub events_per_s: f64,
    /// How many timely workers ran.
    pub workers: usize,
    /// The state hash at the end, in hexadecimal.
    pub state_hash: String,
}

/// A replay that has been done.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// In numbers.
    pub summary: Summary,
    /// The rows at the end.
    pub views: Arc<ViewStore>,
}

/// A replay that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A mapping is wrong.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The engine cannot be started.
    #[error(transparent)]
    Open(#[from] runtime::OpenError),
    /// The engine stopped otherwise than asked.
    #[error(transparent)]
    Close(#[from] runtime::CloseError),
    /// The engine stopped without saying why.
    #[error("the realm stopped before the end of the recording")]
    Stopped,
    /// It was not there yet.
    #[error(
        "{folder}: nothing had happened by then: the first tick is {first}, of {at}\nhint: name a later moment"
    )]
    Before {
        /// The folder of the realm.
        folder: PathBuf,
        /// Its first tick.
        first: Tick,
        /// The time of that.
        at: String,
    },
    /// The result cannot be written.
    #[error(transparent)]
    Dump(#[from] DumpError),
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// So many more bytes of the recordings have been read.
    Read {
        /// Of their files.
        bytes: u64,
    },
    /// Inputs have been handed over.
    Fed {
        /// So many by now.
        done: u64,
        /// Of so many events, when the recordings say so.
        expected: Option<u64>,
    },
}

/// Replays. `told` hears how far it has come.
///
/// # Errors
/// When a file is wrong or damaged, or the engine fails.
pub async fn replay(
    world: &LoadedWorld,
    plan: &Replay,
    told: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<Replayed, ReplayError> {
    let told = Arc::new(told);
    let read = Arc::clone(&told);
    let read: Told = Arc::new(move |bytes| read(Progress::Read { bytes }));
    let mut recordings = Vec::new();
    for (path, map) in &plan.recordings {
        let mapping = map.as_deref().map(open_mapping).transpose()?;
        recordings.push(Recording::open_told(path, mapping.as_ref(), Some(Arc::clone(&read)))?);
    }
    let sources: Vec<Sym> = recordings.iter().map(Recording::source).collect();
    let realm = Sym::new(&world.world.name);
    let recorder = match (&plan.dump, plan.changes) {
        (Some(folder), true) => Some(dump::changes(folder)?),
        _ => None,
    };
    let event_time =
        |source: &Sym| EventTimeSource { source: *source, lateness_ms: 0, idle_ms: 0, begins_ms: None };
    let config = RealmConfig {
        workers: plan.workers.max(1),
        cut: Cut::default(),
        mode: Mode::Virtual { start: None },
        event_time: sources.iter().map(event_time).collect(),
        recorder,
        // Nobody follows; what is read is the end.
        held_changes: 0,
        ..RealmConfig::in_memory(realm, Arc::clone(&world.world))
    };
    let running = runtime::open(config, graphs(realm)).await?;
    let began = Instant::now();
    let feed = feed::Feed::new(world, recordings, &running.realm, plan.until_ms, plan.most_gap_ms);
    let fed = tokio::task::spawn_blocking(move || {
        feed?.run(|done, expected| told(Progress::Fed { done, expected }))
    });
    let length = TickLength { tick_ms: world.world.tick_ms };
    let end = match plan.until_ms {
        Some(ms) => End::Tick(length.tick_at(ms)),
        None => End::GraceMs(plan.grace_ms),
    };
    let fed = fed.await.expect("the feed does not panic");
    let pending = match fed {
        Ok(pending) => pending,
        Err(error) => {
            running.close().await?;
            return Err(error.into());
        }
    };
    let last_tick = running.run_to_end(end).await;
    let seconds = began.elapsed().as_secs_f64();
    let realm = running.realm.clone();
    let Ok(last_tick) = last_tick else {
        // Closing says why it stopped.
        running.close().await?;
        return Err(ReplayError::Stopped);
    };
    let fed = pending.heard().await;
    running.close().await?;
    let first_tick = length.tick_at(fed.first_ms.unwrap_or(0));
    let accepted = fed.submitted.saturating_sub(fed.duplicates + fed.refused);
    let summary = Summary {
        events: fed.submitted + fed.rejected,
        accepted,
        rejected: fed.rejected + fed.refused,
        duplicates: fed.duplicates,
        skipped: fed.skipped,
        ticks: last_tick.saturating_sub(first_tick) + 1,
        first_tick,
        last_tick,
        seconds,
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        events_per_s: accepted as f64 / seconds.max(1e-9),
        workers: plan.workers.max(1),
        state_hash: format!("{:032x}", realm.views.state_hash()),
    };
    if let Some(folder) = &plan.dump {
        for view in realm.views.catalog().ids() {
            dump::view(folder, &realm.views, view)?;
        }
        dump::summary(folder, &summary)?;
    }
    Ok(Replayed { summary, views: Arc::clone(&realm.views) })
}
