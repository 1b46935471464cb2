//! Rebuilds a past tick of a realm from its data folder.

use std::path::PathBuf;
use std::time::Instant;

use worldflow_engine::privacy::{KeysConfig, Privacy};
use worldflow_engine::rebuild::{RebuildConfig, rebuild};
use worldflow_engine::runtime::OpenError;
use worldflow_schemas::{Sym, Tick};

use super::{ReplayError, dump};
use crate::graph::graphs;

/// What of a realm's past is to be rebuilt.
#[derive(Clone, Debug)]
pub struct JournalReplay {
    /// The folder of the realm.
    pub folder: PathBuf,
    /// The realm's name.
    pub realm: String,
    /// Where the rows go.
    pub dump: Option<PathBuf>,
    /// Timely workers.
    pub workers: usize,
    /// The moment, UTC milliseconds; the last that is known without it.
    pub until_ms: Option<i64>,
    /// The keys of its players, to open sealed text with; it stays sealed without them.
    pub keys: Option<KeysConfig>,
}

/// What was rebuilt: `summary.json`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct JournalSummary {
    /// The realm.
    pub realm: String,
    /// The tick.
    pub last_tick: Tick,
    /// It was rebuilt from the snapshot of this tick, or from the beginning of the journal.
    pub snapshot: Option<Tick>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The state hash at the end of the tick, in hexadecimal.
    pub state_hash: String,
    /// On the way it was compared with what snapshots had written down at so many ticks; and at which of them it differs.
    pub compared: usize,
    /// As there.
    pub differs: Vec<Tick>,
}

/// Rebuilds a tick without touching the folder, which may be in use.
///
/// # Errors
/// When the folder no longer holds that tick, or is damaged, or the dump cannot be written.
pub async fn replay_journal(plan: &JournalReplay) -> Result<JournalSummary, ReplayError> {
    let began = Instant::now();
    let name = Sym::new(&plan.realm);
    let (folder, workers, until_ms) = (plan.folder.clone(), plan.workers, plan.until_ms);
    let privacy = match &plan.keys {
        Some(keys) => Privacy::look(name, keys).map_err(OpenError::from)?,
        None => Privacy::none(),
    };
    let config = RebuildConfig { folder, name, workers, until_ms, privacy };
    let rebuilt = rebuild(&config, graphs(name)).await?;
    let summary = JournalSummary {
        realm: plan.realm.clone(),
        last_tick: rebuilt.tick,
        snapshot: rebuilt.snapshot,
        seconds: began.elapsed().as_secs_f64(),
        state_hash: format!("{:032x}", rebuilt.views.state_hash()),
        compared: rebuilt.compared.same.len() + rebuilt.compared.differ.len(),
        differs: rebuilt.compared.differ,
    };
    if let Some(folder) = &plan.dump {
        for view in rebuilt.views.catalog().ids() {
            dump::view(folder, &rebuilt.views, view)?;
        }
        dump::summary(folder, &summary)?;
    }
    Ok(summary)
}
