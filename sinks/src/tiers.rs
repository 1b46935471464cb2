//! The inference edge: asks tiers what the rows of `npc_requests` want, and submits their replies.
//!
//! `npc_requests ─deltas→ choice ─→ one queue a tier ─→ replica ─HTTP→ model server ─→ Command::Reply`
//!
//! A row is demand. A tier is chosen for it (`route`), it waits in that tier's queue (`queue`), and is sent to one of the
//! tier's servers (`replica`) that has room (`limit`) and is well (`breaker`). When the row goes, its request is taken
//! from the queue, or its connection is dropped. What fails may be sent once more, then goes to the fallback, then back to
//! the graph as a failed reply. A request that waits at a start is asked again. What is answered is judged by the guard
//! (`guarded`); the graph says the bark when there is no answer. Docs: `docs/tiers.md`.

mod ask;
mod breaker;
mod call;
mod counts;
mod direct;
mod ends;
mod error;
mod gate;
mod hear;
mod limit;
mod post;
pub mod prompt;
mod queue;
mod reask;
mod replica;
mod reply;
mod request;
mod route;
mod run;
pub(crate) mod servers;
mod simulated;
mod spoken;
mod sse;
mod tier;

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use worldflow_engine::realm::Realm;
use worldflow_schemas::Sym;

use crate::lore::Searcher;

pub use call::{MOST_BODY_BYTES, MOST_STREAM_BYTES, MOST_TEXT_BYTES};
pub use direct::Direct;
pub use error::TiersError;
pub use reask::{Again, Question, Reask, ReaskConfig};
pub use simulated::{SimulatedTiers, Told};

use run::Run;
use tier::Tier;

/// The running edge of a realm's tiers.
#[derive(Debug)]
pub struct Tiers {
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Tiers {
    /// Starts the edge. `lore` is searched for prompts that want some; `variable` looks up an environment variable, for keys and urls by reference.
    ///
    /// # Errors
    /// When a tier's url cannot be read, its key is not a reference or names a variable that is not
    /// set, or no HTTP client can be made.
    pub fn open(
        realm: Realm,
        lore: Option<Searcher>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Tiers, TiersError> {
        let mut tiers = BTreeMap::new();
        for name in realm.world.tiers.keys() {
            tiers.insert(Sym::new(name), Tier::open(realm.name, name, &realm.world, &variable)?);
        }
        let (closing, told_to_close) = watch::channel(false);
        Ok(Tiers { closing, task: tokio::spawn(Run::new(realm, tiers, lore).run(told_to_close)) })
    }

    /// Drops what is in flight and ends. Requests whose rows remain are asked again at the next start.
    pub async fn close(self) {
        // The task may have ended with the realm.
        let _ = self.closing.send(true);
        let _ = self.task.await;
    }
}
