//! Questions to the lore of a realm, and what is found.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{ENTITIES, LORE};
use worldflow_schemas::{ArcStr, Sym, Tick, Value};

use super::embedder::{Embedder, MOST_TEXTS};
use super::index::{Asker, Hit, Index, LoreChunk};

/// The most chunks that a search finds.
pub const MOST_FOUND: usize = 50;

/// The longest question, in bytes; of a longer one the beginning counts.
pub const MOST_QUESTION_BYTES: usize = 4_000;

/// How long a question may wait for its vector.
const QUESTION: Duration = Duration::from_millis(500);

/// What is kept of questions: so many that were answered, and so many vectors.
const MOST_KEPT: usize = 1_024;

/// Why a question is searched by words though all of the lore has vectors.
const INCOMPARABLE: &str = "the question's vector cannot be compared with those of the lore";

/// What is asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Question {
    /// The NPC for which is asked, which is given what it knows; `None` for whoever may see everything.
    pub npc: Option<String>,
    /// What is looked for.
    pub text: String,
    /// How many chunks at most; no more than [`MOST_FOUND`].
    pub k: usize,
}

/// By what chunks were ranked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ranking {
    /// The words that they share with the question.
    Bm25,
    /// How near their vectors are to the question's.
    Cosine,
}

impl Ranking {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Ranking::Bm25 => "bm25",
            Ranking::Cosine => "cosine",
        }
    }
}

/// What was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The tick of the lore that was searched.
    pub tick: Tick,
    /// By what it is ranked.
    pub ranking: Ranking,
    /// Why it is ranked by words, where the world asks for an embedder.
    pub why: Option<String>,
    /// The best first.
    pub hits: Vec<Hit>,
}

/// Searches the lore of a realm. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Searcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    realm: Realm,
    embedder: Option<Arc<dyn Embedder>>,
    /// Told when a search finds the embedder down.
    failed: Arc<Notify>,
    state: RwLock<State>,
    down: Mutex<Option<String>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct State {
    index: Index,
    /// The tick up to which the view has been read.
    at: Option<Tick>,
}

/// What was found, by what was asked, of one generation; and vectors of questions. The oldest go first.
#[derive(Debug, Default)]
struct Kept {
    generation: u64,
    found: FxHashMap<(Question, Asker), Found>,
    vectors: FxHashMap<String, Arc<[f32]>>,
    order: VecDeque<String>,
}

impl Searcher {
    pub(super) fn new(realm: Realm, embedder: Option<Arc<dyn Embedder>>, failed: Arc<Notify>) -> Searcher {
        let (state, down, kept) = (RwLock::default(), Mutex::default(), Mutex::default());
        Searcher(Arc::new(Shared { realm, embedder, failed, state, down, kept }))
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.0.realm
    }

    /// The model that embeds it, if any does.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.0.embedder.as_deref().map(Embedder::model)
    }

    /// Searches what the realm has published by now.
    pub async fn search(&self, question: &Question) -> Found {
        self.catch_up();
        let text = clipped(&question.text);
        let k = question.k.min(MOST_FOUND);
        let question = Question { npc: question.npc.clone(), text: text.to_owned(), k };
        let asker = self.asker(question.npc.as_deref());
        let (generation, tick) = {
            let state = self.read();
            (state.index.generation(), state.at.unwrap_or(0))
        };
        let key = (question, asker);
        if let Some(found) = self.kept().found(generation, &key) {
            return Found { tick, ..found };
        }
        let vector = self.vector(text).await;
        let state = self.read();
        let (generation, tick) = (state.index.generation(), state.at.unwrap_or(0));
        let by_vector = vector.and_then(|vector| match vector {
            None => Ok(None),
            Some(vector) => {
                let hits = state.index.by_vector(&vector, &key.1, k);
                hits.map(Some).ok_or_else(|| lacking(&state.index))
            }
        });
        let (ranking, why, hits) = match by_vector {
            Ok(Some(hits)) => (Ranking::Cosine, None, hits),
            Ok(None) => (Ranking::Bm25, None, state.index.by_words(text, &key.1, k)),
            Err(why) => (Ranking::Bm25, Some(why), state.index.by_words(text, &key.1, k)),
        };
        drop(state);
        let found = Found { tick, ranking, why, hits };
        // What was found without the embedder is not what it is to be once it answers.
        if found.why.is_none() {
            self.kept().keep(generation, key, &found);
        }
        found
    }

    /// The vector of a question; `None` where no embedder is asked for.
    async fn vector(&self, text: &str) -> Result<Option<Arc<[f32]>>, String> {
        let Some(embedder) = &self.0.embedder else { return Ok(None) };
        if let Some(down) = &*self.down() {
            return Err(down.clone());
        }
        if let Some(vector) = self.kept().vectors.get(text) {
            return Ok(Some(Arc::clone(vector)));
        }
        let texts = [text.to_owned()];
        let answer = tokio::time::timeout(QUESTION, embedder.embed(&texts)).await;
        let late = |_| format!("the embedder did not answer within {} ms", QUESTION.as_millis());
        let fitting = |vectors: Vec<Vec<f32>>| {
            let vector: Arc<[f32]> = vectors.into_iter().next().unwrap_or_default().into();
            // Of another length: it is asked again, and where it has another model all lore is embedded by that.
            if self.read().index.fits(vector.len()) { Ok(vector) } else { Err(INCOMPARABLE.to_owned()) }
        };
        match answer.map_err(late).and_then(|vectors| vectors).and_then(fitting) {
            Ok(vector) => {
                self.kept().keep_vector(text, &vector);
                Ok(Some(vector))
            }
            Err(reason) => {
                super::count_failure(&self.0.realm);
                self.set_down(Some(reason.clone()));
                self.0.failed.notify_one();
                Err(reason)
            }
        }
    }

    /// Who asks: an NPC with the tags that it has now.
    fn asker(&self, npc: Option<&str>) -> Asker {
        let Some(npc) = npc else { return Asker::Anyone };
        let tags = Sym::find(npc).and_then(|id| {
            let entities = self.0.realm.views.read(ENTITIES);
            let row = entities.get(&[Value::id(self.0.realm.name), Value::id(id)])?;
            let tags = ENTITIES.def().column("tags").expect("the catalog has the column");
            serde_json::from_str(row[tags].as_str().unwrap_or_default()).ok()
        });
        Asker::Npc { id: npc.to_owned(), tags: tags.unwrap_or_default() }
    }

    /// Takes in what the realm has published.
    pub(super) fn catch_up(&self) {
        let tick = self.0.realm.progress.borrow().tick;
        if self.read().at.is_some_and(|at| at >= tick) {
            return;
        }
        let view = self.0.realm.views.read(LORE);
        let mut state = self.write();
        match state.at.and_then(|at| view.since(at)) {
            Some(deltas) => {
                for (row, diff) in deltas.iter().flat_map(|delta| &delta.changes) {
                    let chunk = LoreChunk::of(row);
                    if *diff < 0 {
                        state.index.remove(&chunk.document, &chunk.chunk);
                    } else {
                        state.index.insert(chunk);
                    }
                }
                let last = deltas.last().map(|delta| delta.tick);
                state.at = state.at.max(last).max(Some(tick));
            }
            None => {
                state.index.clear();
                view.rows(&Filter::all()).for_each(|row| state.index.insert(LoreChunk::of(row)));
                state.at = Some(tick);
            }
        }
    }

    /// Another number whenever a search may find something else.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.read().index.generation()
    }

    pub(super) fn lacking(&self) -> Vec<Arc<LoreChunk>> {
        self.read().index.without_vector(MOST_TEXTS)
    }

    /// Keeps vectors of digests.
    pub(super) fn embedded(&self, digests: &[ArcStr], vectors: &[Vec<f32>]) -> Result<(), String> {
        let mut state = self.write();
        // When all are of another length than what is kept, the server has another model.
        let fits = |state: &State, vector: &[f32]| state.index.fits(vector.len());
        if vectors.iter().all(|vector| !fits(&state, vector)) {
            state.index.forget_vectors();
            self.kept().vectors.clear();
        }
        let kept = digests.iter().zip(vectors).all(|(digest, vector)| state.index.embed(digest, vector));
        if kept {
            Ok(())
        } else {
            Err("the embedder's vectors cannot be compared with each other".to_owned())
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.down().is_some()
    }

    pub(super) fn set_down(&self, reason: Option<String>) {
        *self.down() = reason;
    }

    /// Every chunk that has a vector, with it.
    pub(super) fn vectors(&self) -> Vec<(Arc<LoreChunk>, Arc<[f32]>)> {
        let state = self.read();
        let embedded = |chunk: &Arc<LoreChunk>| {
            Some((Arc::clone(chunk), Arc::clone(state.index.vector(&chunk.digest)?)))
        };
        state.index.all().filter_map(embedded).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn down(&self) -> MutexGuard<'_, Option<String>> {
        self.0.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn found(&mut self, generation: u64, key: &(Question, Asker)) -> Option<Found> {
        if self.generation != generation {
            self.found.clear();
            self.generation = generation;
        }
        self.found.get(key).cloned()
    }

    fn keep(&mut self, generation: u64, key: (Question, Asker), found: &Found) {
        if self.generation == generation {
            if self.found.len() >= MOST_KEPT {
                self.found.clear();
            }
            self.found.insert(key, found.clone());
        }
    }

    fn keep_vector(&mut self, text: &str, vector: &Arc<[f32]>) {
        if self.vectors.insert(text.to_owned(), Arc::clone(vector)).is_none() {
            self.order.push_back(text.to_owned());
        }
        while self.order.len() > MOST_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.vectors.remove(&oldest);
        }
    }
}

fn lacking(index: &Index) -> String {
    match index.lacking() {
        0 => INCOMPARABLE.to_owned(),
        n => format!("{n} of {} chunks are not embedded yet", index.len()),
    }
}

/// As much of a question as counts.
fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(MOST_QUESTION_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].trim()
}
