//! Rebuilds a past tick of a realm from its data folder.

use std::path::PathBuf;
use std::time::Instant;

use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, first_of, rebuild};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Tick};

use super::{ReplayError, dump};
use crate::graph::graphs;
use crate::spans::utc;

/// What of a realm's past is to be rebuilt.
#[derive(Clone, Debug)]
pub struct JournalReplay {
    /// The folder of the realm.
    pub folder: PathBuf,
    /// The realm's name.
    pub realm: Sym,
    /// Where the rows go.
    pub dump: Option<PathBuf>,
    /// Timely workers.
    pub workers: usize,
    /// The moment, UTC milliseconds; the last that is known without it.
    pub until_ms: Option<i64>,
    /// What sealed text is opened with; [`Privacy::none`] leaves it sealed.
    pub privacy: Privacy,
}

/// What was rebuilt: `summary.json`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct JournalSummary {
    /// The realm.
    pub realm: Sym,
    /// The tick.
    pub last_tick: Tick,
    /// Its time, UTC.
    pub at: String,
    /// A later moment was asked for, and nothing later is kept.
    pub is_last: bool,
    /// It was rebuilt from the snapshot of this tick, or from the beginning of the journal.
    pub snapshot: Option<Tick>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The state hash at the end of the tick, in hexadecimal.
    pub state_hash: String,
    /// On the way it was compared so often with what the journal and the snapshots say of a tick.
    pub compared: u64,
    /// The first ticks at which it is another.
    pub differs: Vec<Tick>,
}

/// Rebuilds a tick without touching the folder, which may be in use.
///
/// # Errors
/// When the folder no longer holds that tick, or is damaged, or the dump cannot be written.
pub async fn replay_journal(plan: &JournalReplay) -> Result<JournalSummary, ReplayError> {
    let began = Instant::now();
    let (folder, name, workers) = (plan.folder.clone(), plan.realm, plan.workers);
    let (until_ms, privacy) = (plan.until_ms, plan.privacy.clone());
    let config = RebuildConfig { folder, name, workers, until_ms, privacy };
    let rebuilt = rebuild(&config, graphs(name)).await?;
    let length = TickLength { tick_ms: rebuilt.world.tick_ms.max(1) };
    if rebuilt.snapshot.is_none() && rebuilt.views.state_hash() == 0 {
        // Before the first inputs are durable nobody knows when they come.
        if let Ok(first) = first_of(&plan.folder)
            && rebuilt.tick < first
        {
            return Err(ReplayError::Before {
                folder: plan.folder.clone(),
                first,
                at: utc(length.utc_ms(first)),
            });
        }
    }
    let summary = JournalSummary {
        realm: name,
        last_tick: rebuilt.tick,
        at: utc(length.utc_ms(rebuilt.tick)),
        is_last: until_ms.is_some_and(|ms| length.tick_at(ms) > rebuilt.tick),
        snapshot: rebuilt.snapshot,
        seconds: began.elapsed().as_secs_f64(),
        state_hash: format!("{:032x}", rebuilt.views.state_hash()),
        compared: rebuilt.compared.times,
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
