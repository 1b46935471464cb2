//! The lore of one realm in memory, and exact search in it.
//!
//! `rows of lore ─→ postings, vectors by digest; question ─score all→ top k`. Every chunk that the asker knows is compared, so
//! nothing is missed. Of equal scores the first by document and chunk comes first. It calls nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::LORE;
use worldflow_schemas::{ArcStr, Row, Value};

use super::bm25::Bm25;

/// Vectors of chunks that are no more which are kept, for when they come back.
const MOST_UNUSED: usize = 20_000;

/// A chunk of lore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoreChunk {
    /// The document.
    pub document: ArcStr,
    /// Which chunk of it.
    pub chunk: ArcStr,
    /// The headings above it.
    pub heading: ArcStr,
    /// What it says.
    pub text: ArcStr,
    /// The hash of heading and text.
    pub digest: ArcStr,
    /// The NPCs that know it, by id or by tag; `None`: everyone.
    pub known_by: Option<Vec<String>>,
}

impl LoreChunk {
    /// A row of the view `lore`. Of one whose `known_by` cannot be read, nobody knows it.
    #[must_use]
    pub fn of(row: &Row) -> LoreChunk {
        let text = |name| -> ArcStr {
            let place = LORE.def().column(name).expect("the catalog has the column");
            row[place].as_str().unwrap_or_default().into()
        };
        let known_by = LORE.def().column("known_by").expect("the catalog has the column");
        let known_by = match &row[known_by] {
            Value::Null => None,
            value => Some(serde_json::from_str(value.as_str().unwrap_or_default()).unwrap_or_default()),
        };
        let [document, chunk, heading] = ["document", "chunk", "heading"].map(text);
        LoreChunk { document, chunk, heading, text: text("text"), digest: text("digest"), known_by }
    }

    /// What is searched and embedded: its headings, then what it says.
    #[must_use]
    pub fn whole(&self) -> String {
        format!("{}\n{}", self.heading, self.text)
    }

    fn is_known_to(&self, asker: &Asker) -> bool {
        match (&self.known_by, asker) {
            (None, _) | (_, Asker::Anyone) => true,
            (Some(known_by), Asker::Npc { id, tags }) => {
                known_by.iter().any(|name| name == id || tags.contains(name))
            }
        }
    }
}

/// For whom lore is searched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Asker {
    /// Whoever may see all of it.
    Anyone,
    /// An NPC, which is given what it knows.
    Npc {
        /// Its id.
        id: String,
        /// Its tags.
        tags: Vec<String>,
    },
}

/// A vector of length one.
pub(super) type Vector = Arc<[f32]>;

/// A chunk that was found, and how well it fits.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// The chunk.
    pub chunk: Arc<LoreChunk>,
    /// Larger is better; comparable within one search only.
    pub score: f64,
}

/// The chunks of a realm.
#[derive(Debug, Default)]
pub struct Index {
    chunks: Vec<Option<Arc<LoreChunk>>>,
    free: Vec<usize>,
    places: BTreeMap<(ArcStr, ArcStr), usize>,
    words: Bm25,
    vectors: FxHashMap<ArcStr, Vector>,
    /// How many chunks have each digest.
    digests: FxHashMap<ArcStr, usize>,
    generation: u64,
}

impl Index {
    /// An index of these rows of the view `lore`.
    #[must_use]
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Index {
        let mut index = Index::default();
        rows.into_iter().for_each(|row| index.insert(LoreChunk::of(row)));
        index
    }

    /// Another number whenever a search may find something else.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How many chunks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a chunk, or replaces that of its name.
    pub fn insert(&mut self, chunk: LoreChunk) {
        self.remove(&chunk.document, &chunk.chunk);
        let place = self.free.pop().unwrap_or_else(|| {
            self.chunks.push(None);
            self.chunks.len() - 1
        });
        self.words.insert(place, &chunk.whole());
        *self.digests.entry(chunk.digest.clone()).or_default() += 1;
        self.places.insert((chunk.document.clone(), chunk.chunk.clone()), place);
        self.chunks[place] = Some(Arc::new(chunk));
        self.generation += 1;
    }

    /// Removes a chunk, if it is there.
    pub fn remove(&mut self, document: &ArcStr, chunk: &ArcStr) {
        let Some(place) = self.places.remove(&(document.clone(), chunk.clone())) else { return };
        let Some(chunk) = self.chunks[place].take() else { return };
        self.words.remove(place, &chunk.whole());
        if let Some(uses) = self.digests.get_mut(&chunk.digest) {
            *uses -= 1;
            if *uses == 0 {
                self.digests.remove(&chunk.digest);
            }
        }
        self.free.push(place);
        self.generation += 1;
    }

    /// Removes everything but the vectors.
    pub(super) fn clear(&mut self) {
        let all: Vec<(ArcStr, ArcStr)> = self.places.keys().cloned().collect();
        all.iter().for_each(|(document, chunk)| self.remove(document, chunk));
    }

    /// Chunks whose digests have no vector, one of each, at most so many, by document and chunk.
    #[must_use]
    pub fn without_vector(&self, most: usize) -> Vec<Arc<LoreChunk>> {
        let mut seen = FxHashSet::default();
        let chunks = self.places.values().filter_map(|place| self.chunks[*place].as_ref());
        let lacking = chunks.filter(|chunk| !self.vectors.contains_key(&chunk.digest));
        lacking.filter(|chunk| seen.insert(chunk.digest.clone())).take(most).cloned().collect()
    }

    /// How many chunks have no vector.
    #[must_use]
    pub fn lacking(&self) -> usize {
        let lacking = self.digests.iter().filter(|(digest, _)| !self.vectors.contains_key(*digest));
        lacking.map(|(_, uses)| uses).sum()
    }

    /// Whether the length of vectors is another than that of those that are there. Where there are none it fits.
    pub(super) fn fits(&self, length: usize) -> bool {
        self.vectors.values().next().is_none_or(|other| other.len() == length)
    }

    /// Keeps the vector of a digest, brought to length one. Whether it can be one: a vector of another length than the
    /// others, with what is no number in it, or without a direction is none.
    pub fn embed(&mut self, digest: &ArcStr, vector: &[f32]) -> bool {
        let Some(vector) = normalized(vector).filter(|vector| self.fits(vector.len())) else { return false };
        let unused = self.vectors.len().saturating_sub(self.digests.len());
        if unused > MOST_UNUSED {
            self.vectors.retain(|digest, _| self.digests.contains_key(digest));
        }
        self.vectors.insert(digest.clone(), vector);
        self.generation += 1;
        true
    }

    /// Forgets all vectors: another model's cannot be compared with them.
    pub(super) fn forget_vectors(&mut self) {
        self.vectors.clear();
        self.generation += 1;
    }

    /// The vector of a digest.
    pub(super) fn vector(&self, digest: &ArcStr) -> Option<&Vector> {
        self.vectors.get(digest)
    }

    /// Every chunk, by document and chunk.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<LoreChunk>> {
        self.places.values().filter_map(|place| self.chunks[*place].as_ref())
    }

    /// The `k` chunks that share most with the words of a text, ranked by BM25. One that shares none is not among them.
    #[must_use]
    pub fn by_words(&self, text: &str, asker: &Asker, k: usize) -> Vec<Hit> {
        let scores = self.words.scores(text);
        let hits = scores.into_iter().filter_map(|(place, score)| {
            let chunk = self.chunks[place].as_ref().filter(|chunk| chunk.is_known_to(asker))?;
            Some(Hit { chunk: Arc::clone(chunk), score })
        });
        best(hits.collect(), k)
    }

    /// The `k` chunks nearest to a vector, by cosine; `None` when some chunk has no vector, or the vector none of theirs.
    #[must_use]
    pub fn by_vector(&self, vector: &[f32], asker: &Asker, k: usize) -> Option<Vec<Hit>> {
        let vector = normalized(vector).filter(|vector| self.fits(vector.len()))?;
        let mut hits = Vec::with_capacity(self.len());
        for chunk in self.chunks.iter().flatten() {
            let other = self.vectors.get(&chunk.digest)?;
            if chunk.is_known_to(asker) {
                hits.push(Hit { chunk: Arc::clone(chunk), score: f64::from(dot(&vector, other)) });
            }
        }
        Some(best(hits, k))
    }
}

/// The best, the first of equal ones by document and chunk.
fn best(mut hits: Vec<Hit>, k: usize) -> Vec<Hit> {
    let order = |a: &Hit, b: &Hit| {
        let name = |hit: &Hit| (hit.chunk.document.clone(), hit.chunk.chunk.clone());
        b.score.total_cmp(&a.score).then_with(|| name(a).cmp(&name(b)))
    };
    if k > 0 && hits.len() > k {
        hits.select_nth_unstable_by(k - 1, order);
    }
    hits.truncate(k);
    hits.sort_by(order);
    hits
}

fn normalized(vector: &[f32]) -> Option<Vector> {
    let length = dot(vector, vector).sqrt();
    (length.is_finite() && length > f32::EPSILON).then(|| vector.iter().map(|x| x / length).collect())
}

/// Σ a × b, in eight sums that the processor makes at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0_f32; 8];
    for (a, b) in a8.zip(b8) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
