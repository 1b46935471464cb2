//! Observed views: sessions, rejections and statistics, written by edges and the engine.
//!
//! They are not a function of the sealed inputs, so they take no part in the state hash. Rows wait
//! here until the collector applies them together with the next tick.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tracing::warn;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Diff, EventId, Row, Sym, Tick, Value};

use crate::admission::Refusal;

/// The rejections of one source that are kept as rows.
pub const KEPT_REJECTIONS: i64 = 100;

/// The sources whose rejections are kept as rows; beyond it those of the source silent longest go.
pub const KEPT_SOURCES: usize = 1000;

/// A handle for writing observed rows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observed {
    realm: Sym,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<(ViewId, Row, Diff)>,
    rows: FxHashMap<(ViewId, Box<[Value]>), Row>,
    rejected: FxHashMap<Sym, Rejected>,
    rejections: u64,
    trouble: Option<String>,
    unsaved: Option<String>,
    compared: Compared,
}

/// The state that came of what was kept, compared with the hashes that the journal and the snapshots say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// They were compared so often.
    pub times: u64,
    /// The last tick at which they were compared.
    pub last: Option<Tick>,
    /// The first ticks at which it is another, at most [`MOST_DIFFERENCES`]: another version of the program makes other rows,
    /// or something is damaged.
    pub differ: Vec<Tick>,
}

/// So many ticks at which the state is another are told.
pub const MOST_DIFFERENCES: usize = 100;

impl Compared {
    /// Adds what comes later.
    pub(crate) fn add(&mut self, later: Compared) {
        self.times += later.times;
        self.last = later.last.or(self.last);
        self.differ.extend(later.differ);
        self.differ.truncate(MOST_DIFFERENCES);
    }
}

/// The rejections of one source.
#[derive(Debug, Default)]
struct Rejected {
    count: i64,
    /// The last one's place among all rejections.
    last: u64,
}

impl Observed {
    /// An empty set of observed rows for a realm.
    #[must_use]
    pub fn new(realm: Sym) -> Observed {
        Observed { realm, state: Arc::default() }
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> Sym {
        self.realm
    }

    /// Inserts or replaces the row of `view` that has the same key as `row`.
    pub fn upsert(&self, view: ViewId, row: Row) {
        let mut state = self.lock();
        state.upsert(view, row);
    }

    /// Removes the row of `view` with that key, if there is one.
    pub fn remove(&self, view: ViewId, key: &[Value]) {
        let mut state = self.lock();
        state.remove(view, key);
    }

    /// Records a refused input and counts it in the metrics.
    pub fn reject(&self, source: Sym, id: Option<&EventId>, refusal: &Refusal, at_ms: i64) {
        metrics::counter!("worldflow_rejections_total", "realm" => self.realm.as_str(), "code" => refusal.code)
            .increment(1);
        let position = match id {
            Some(EventId::Position(position)) => Value::text(&position.to_string()),
            Some(EventId::Named(name)) => Value::Text(name.clone()),
            None => Value::Null,
        };
        let mut state = self.lock();
        if state.rejected.len() >= KEPT_SOURCES && !state.rejected.contains_key(&source) {
            state.forget_the_most_silent(self.realm);
        }
        state.rejections += 1;
        let last = state.rejections;
        let rejected = state.rejected.entry(source).or_default();
        rejected.last = last;
        rejected.count += 1;
        let number = rejected.count;
        let reason = if refusal.path.is_empty() {
            refusal.reason.clone()
        } else {
            format!("{}: {}", refusal.path, refusal.reason)
        };
        let realm = Value::id(self.realm);
        state.upsert(
            catalog::REJECTIONS,
            Row::from([
                realm.clone(),
                Value::id(source),
                Value::Int(number),
                position,
                Value::Sym(refusal.code.into()),
                Value::text(&reason),
                Value::text(&refusal.hint),
                Value::Int(at_ms),
            ]),
        );
        let oldest = number - KEPT_REJECTIONS;
        if oldest > 0 {
            state.remove(catalog::REJECTIONS, &[realm, Value::id(source), Value::Int(oldest)]);
        }
    }

    /// Writes a statistic of the engine.
    pub fn stat(&self, name: &'static str, value: f64) {
        let value = Value::from_f64(value).unwrap_or(Value::Null);
        self.upsert(
            catalog::ENGINE_STATS,
            Row::from([Value::id(self.realm), Value::Sym(name.into()), value]),
        );
    }

    /// Says why nothing can be acknowledged at the moment, or that it can again.
    pub fn set_trouble(&self, why: Option<String>) {
        self.lock().trouble = why;
    }

    /// Why nothing can be acknowledged at the moment.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Says why no snapshots are published at the moment, or that they are again. The journal holds everything, so the
    /// realm goes on; but a restart takes longer and longer.
    pub fn set_unsaved(&self, why: Option<String>) {
        metrics::gauge!("worldflow_snapshots_failing", "realm" => self.realm.as_str())
            .set(if why.is_some() { 1.0 } else { 0.0 });
        self.lock().unsaved = why;
    }

    /// Why no snapshots are published at the moment.
    #[must_use]
    pub fn unsaved(&self) -> Option<String> {
        self.lock().unsaved.clone()
    }

    /// Says whether the state at a tick is the one that had been written down.
    pub(crate) fn compared_at(&self, tick: Tick, same: bool) {
        let compared = &mut self.lock().compared;
        (compared.last, compared.times) = (Some(tick), compared.times + 1);
        if same {
            return;
        }
        if compared.differ.is_empty() {
            warn!(
                realm = self.realm.as_str(),
                tick,
                "the state hash of this tick is not the one that was written down, and that of others may not be: another version \
                 of the program made other rows, or something is damaged; `worldflow doctor` examines the folder"
            );
        }
        // A record may say the same of a tick as a snapshot.
        if compared.differ.len() < MOST_DIFFERENCES && compared.differ.last() != Some(&tick) {
            compared.differ.push(tick);
        }
        metrics::counter!("worldflow_state_differs_total", "realm" => self.realm.as_str()).increment(1);
    }

    /// Where the state was compared with what had been written down.
    #[must_use]
    pub fn compared(&self) -> Compared {
        self.lock().compared.clone()
    }

    /// The changes since the last call, for the collector.
    #[must_use]
    pub fn drain(&self) -> Vec<(ViewId, Row, Diff)> {
        std::mem::take(&mut self.lock().pending)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn upsert(&mut self, view: ViewId, row: Row) {
        let key: Box<[Value]> = row.key(view.def().key).into();
        let old = self.rows.insert((view, key), row.clone());
        if old.as_ref() == Some(&row) {
            return;
        }
        self.pending.extend(old.map(|old| (view, old, -1)));
        self.pending.push((view, row, 1));
    }

    fn remove(&mut self, view: ViewId, key: &[Value]) {
        if let Some(old) = self.rows.remove(&(view, key.into())) {
            self.pending.push((view, old, -1));
        }
    }

    /// Removes the rejections of the source whose last one is the longest ago.
    fn forget_the_most_silent(&mut self, realm: Sym) {
        let Some((&source, _)) = self.rejected.iter().min_by_key(|(_, rejected)| rejected.last) else {
            return;
        };
        let Some(Rejected { count, .. }) = self.rejected.remove(&source) else { return };
        for number in (count - KEPT_REJECTIONS).max(0) + 1..=count {
            self.remove(catalog::REJECTIONS, &[Value::id(realm), Value::id(source), Value::Int(number)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal {
            code: "unknown_kind",
            path: "events[0].kind".to_owned(),
            reason: "unknown kind `kil`".to_owned(),
            hint: "did you mean `kill`?".to_owned(),
            retry_after_ms: None,
        }
    }

    /// The sources with rows, and how many each.
    fn kept(observed: &Observed) -> FxHashMap<Value, Diff> {
        let mut kept = FxHashMap::default();
        for (_, row, diff) in observed.drain() {
            *kept.entry(row[1].clone()).or_insert(0) += diff;
        }
        kept.retain(|_, rows| *rows != 0);
        kept
    }

    #[test]
    fn a_new_source_takes_the_place_of_the_one_silent_longest() {
        let observed = Observed::new("realm".into());
        let name = |number: usize| Sym::new(&format!("source-{number}"));
        let reject = |number| observed.reject(name(number), None, &refusal(), 0);
        // The second has more rows than are kept, the first speaks again after all others.
        (0..=KEPT_REJECTIONS).for_each(|_| reject(1));
        (0..KEPT_SOURCES).for_each(reject);
        reject(0);
        reject(KEPT_SOURCES);
        let mut expected: FxHashMap<Value, Diff> =
            (0..=KEPT_SOURCES).map(|number| (Value::id(name(number)), 1)).collect();
        expected.insert(Value::id(name(0)), 2);
        expected.remove(&Value::id(name(1)));
        reject(1);
        expected.remove(&Value::id(name(2)));
        expected.insert(Value::id(name(1)), 1);
        assert_eq!(kept(&observed), expected);
    }

    #[test]
    fn the_last_rejections_are_kept_and_older_ones_go() {
        let observed = Observed::new("realm".into());
        let refusal = refusal();
        let most = KEPT_REJECTIONS + 5;
        for _ in 0..most {
            observed.reject("bots".into(), Some(&EventId::Position(7)), &refusal, 0);
        }
        let changes = observed.drain();
        let net: Diff = changes.iter().map(|(_, _, diff)| diff).sum();
        assert_eq!(net, Diff::try_from(KEPT_REJECTIONS).expect("small"));
        assert!(observed.drain().is_empty());
    }
}
