//! The lore of realms, searched: for prompts, for the command line and over HTTP.
//!
//! `lore ─deltas→ index ─new digests→ embedder ─vectors→ index; question ─→ the k chunks that fit best, of those the asker knows`
//!
//! Each realm has an index of its own, so no realm sees another's lore. A search first takes in what the realm has
//! published, so an edit is there at its tick. While the embedder is down, or some chunk has no vector yet, the search goes by
//! words and says so. This edge writes nothing into the realm.

mod bm25;
mod embedder;
mod index;
mod onnx;
mod route;
mod search;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use worldflow_engine::realm::Realm;
use worldflow_schemas::ArcStr;
use worldflow_schemas::definitions::EmbedderDef;

use crate::tiers::TiersError;

pub use embedder::{Embedder, Embedding, MOST_DIMENSIONS, MOST_TEXTS, Server};
pub use index::{Asker, Hit, Index, LoreChunk};
pub use onnx::Onnx;
pub use route::lore_router;
pub use search::{Found, MOST_FOUND, MOST_QUESTION_BYTES, Question, Ranking, Searcher};
pub use store::{LoreStore, TABLE};

/// How long is waited after the embedder has failed; each further time twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// ... up to this.
const LAST_BACKOFF: Duration = Duration::from_secs(60);

/// An embedder that cannot be opened. No message holds a key.
#[derive(Debug, thiserror::Error)]
pub enum LoreError {
    /// The world does not declare the tier.
    #[error(
        "lore.embedder: the tier `{tier}` is not declared\nhint: tiers are declared in world.yaml under `tiers`"
    )]
    Unknown {
        /// The tier.
        tier: String,
    },
    /// It cannot be asked.
    #[error(transparent)]
    Tier(#[from] TiersError),
    /// The variable that a path refers to is not set.
    #[error(
        "lore.embedder.onnx.{key}: the variable `{variable}` is not set\nhint: set it to the path of the file"
    )]
    Unset {
        /// The key.
        key: &'static str,
        /// The variable.
        variable: String,
    },
}

/// The embedder that a world asks for; `None` when its lore is searched by words. Paths in the world begin at `folder`, or where
/// this process is when it lies in none.
///
/// # Errors
/// When it cannot be opened.
pub fn embedder_of(
    world: &worldflow_schemas::definitions::WorldDef,
    folder: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Arc<dyn Embedder>>, LoreError> {
    match &world.lore.embedder {
        EmbedderDef::Lexical => Ok(None),
        EmbedderDef::Tier(tier) => {
            let def = world.tiers.get(tier).ok_or_else(|| LoreError::Unknown { tier: tier.clone() })?;
            Ok(Some(Arc::new(Server::open(tier, def, variable)?)))
        }
        EmbedderDef::Onnx(def) => Ok(Some(Onnx::open(def, folder, variable)?)),
    }
}

/// The running edge of a realm's lore.
#[derive(Debug)]
pub struct Lore {
    searcher: Searcher,
    vectors: watch::Receiver<u64>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Lore {
    /// Starts the edge. Without an embedder the lore is searched by words.
    #[must_use]
    pub fn open(realm: Realm, embedder: Option<Arc<dyn Embedder>>) -> Lore {
        let (closing, told_to_close) = watch::channel(false);
        let failed = Arc::new(Notify::new());
        let searcher = Searcher::new(realm.clone(), embedder.clone(), Arc::clone(&failed));
        let (changed, vectors) = watch::channel(0);
        let run = Run {
            realm,
            searcher: searcher.clone(),
            embedder,
            changed,
            failed,
            failures: 0,
            again: Instant::now(),
            closing: told_to_close,
        };
        Lore { searcher, vectors, closing, task: tokio::spawn(run.run()) }
    }

    /// What searches it; it may outlive the edge, and then finds what there was.
    #[must_use]
    pub fn searcher(&self) -> Searcher {
        self.searcher.clone()
    }

    /// Another number each time chunks or their vectors have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.vectors.clone()
    }

    /// Gives up what is being embedded, and ends.
    pub async fn close(self) {
        // The task may have ended with the realm.
        let _ = self.closing.send(true);
        let _ = self.task.await;
    }
}

struct Run {
    realm: Realm,
    searcher: Searcher,
    embedder: Option<Arc<dyn Embedder>>,
    changed: watch::Sender<u64>,
    /// A search has found that the embedder is down.
    failed: Arc<Notify>,
    failures: u32,
    /// When it is asked again, if it is down.
    again: Instant,
    closing: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let mut closing = self.closing.clone();
        let closing = async move {
            // An error means that the handle has gone.
            let _ = closing.wait_for(|closing| *closing).await;
        };
        tokio::select! {
            () = self.follow() => {}
            () = closing => {}
        }
    }

    async fn follow(&mut self) {
        let mut progress = self.realm.progress.clone();
        progress.mark_changed();
        loop {
            let down = self.searcher.is_down();
            tokio::select! {
                biased;
                () = self.failed.notified() => self.failed_once_more(self.failures.max(1)),
                // A moment, not a span: ticks go by in the meantime.
                () = tokio::time::sleep_until(self.again), if down => {
                    self.embed().await;
                    continue;
                }
                changed = progress.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            self.searcher.catch_up();
            // A search may have taken in what is new before.
            self.tell();
            // One that is down is asked again when its time has come, whatever else happens.
            if !self.searcher.is_down() {
                self.embed().await;
            }
        }
    }

    /// It has failed so many times by now, and is not asked again at once.
    fn failed_once_more(&mut self, failures: u32) {
        self.failures = failures;
        let backoff = (FIRST_BACKOFF * (1 << failures.min(10) >> 1)).min(LAST_BACKOFF);
        self.again = Instant::now() + backoff;
    }

    fn tell(&self) {
        let generation = self.searcher.generation();
        self.changed.send_if_modified(|changed| std::mem::replace(changed, generation) != generation);
    }

    /// Embeds what has no vector, and asks one that was down whether it still is. Stops at the first failure.
    async fn embed(&mut self) {
        let Some(embedder) = self.embedder.clone() else { return };
        loop {
            let lacking = self.searcher.lacking();
            if lacking.is_empty() && !self.searcher.is_down() {
                return;
            }
            let mut texts: Vec<String> = lacking.iter().map(|chunk| chunk.whole()).collect();
            if texts.is_empty() {
                texts.push("lore".to_owned());
            }
            let digests: Vec<ArcStr> = lacking.iter().map(|chunk| chunk.digest.clone()).collect();
            let outcome = embedder.embed(&texts).await;
            let outcome = outcome.and_then(|vectors| self.searcher.embedded(&digests, &vectors));
            let labels = [("realm", self.realm.name.as_str())];
            match outcome {
                Ok(()) => {
                    metrics::counter!("worldflow_lore_embedded_total", &labels)
                        .increment(digests.len() as u64);
                    self.failures = 0;
                    self.searcher.set_down(None);
                    self.tell();
                }
                Err(reason) => {
                    count_failure(&self.realm);
                    if self.failures.is_power_of_two() || self.failures == 0 {
                        let (realm, failures) = (self.realm.name.as_str(), self.failures);
                        tracing::warn!(
                            realm,
                            failures,
                            reason,
                            "lore is searched by words: it cannot be embedded"
                        );
                    }
                    self.failed_once_more(self.failures.saturating_add(1));
                    self.searcher.set_down(Some(reason));
                    return;
                }
            }
        }
    }
}

/// The embedder did not answer, or with nothing that can be used.
fn count_failure(realm: &Realm) {
    metrics::counter!("worldflow_lore_failures_total", "realm" => realm.name.as_str()).increment(1);
}

/// A chunk that was found, as JSON.
#[must_use]
pub fn hit_json(hit: &Hit) -> serde_json::Value {
    let LoreChunk { document, chunk, heading, text, .. } = &*hit.chunk;
    serde_json::json!({
        "document": document.as_str(),
        "chunk": chunk.as_str(),
        "heading": heading.as_str(),
        "score": hit.score,
        "text": text.as_str(),
    })
}
