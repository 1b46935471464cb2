//! The edge-side copy of every view: what sockets, HTTP, SQL sinks and pages read.
//!
//! The collector applies one complete, durable tick at a time. Readers never touch the graph: they
//! take a snapshot at a tick, then the deltas since, as long as the last few are still held; a
//! reader who is too far behind takes a snapshot again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Diff, Row, Tick, Value};

/// The changes of one view at one tick, consolidated, removals before additions.
#[derive(Debug)]
pub struct Delta {
    /// The tick.
    pub tick: Tick,
    /// Rows removed and added.
    pub changes: Vec<(Row, Diff)>,
}

/// Which rows a reader wants: for each named column, the values allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    allowed: Vec<(usize, FxHashSet<Value>)>,
}

impl Filter {
    /// Every row.
    #[must_use]
    pub fn all() -> Filter {
        Filter::default()
    }

    /// Narrows the filter: `column` must be one of `values`.
    #[must_use]
    pub fn and(mut self, column: usize, values: impl IntoIterator<Item = Value>) -> Filter {
        self.allowed.push((column, values.into_iter().collect()));
        self
    }

    /// Whether a row passes. A JSON list column passes when it contains an allowed value.
    #[must_use]
    pub fn passes(&self, row: &Row) -> bool {
        self.allowed.iter().all(|(column, values)| match row.get(*column) {
            Some(Value::Text(text)) if text.starts_with('[') => {
                values.iter().any(|value| list_contains(text, value))
            }
            Some(value) => values.contains(value),
            None => false,
        })
    }

    /// Whether it passes every row.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.allowed.is_empty()
    }

    /// The values allowed for a column, when it is restricted.
    #[must_use]
    pub fn values(&self, column: usize) -> Option<&FxHashSet<Value>> {
        self.allowed.iter().find(|(named, _)| *named == column).map(|(_, values)| values)
    }
}

fn list_contains(list: &str, wanted: &Value) -> bool {
    let Some(wanted) = wanted.as_str() else { return false };
    match serde_json::from_str::<Vec<String>>(list) {
        Ok(items) => items.iter().any(|item| item == wanted),
        Err(_) => false,
    }
}

/// One view: its rows, its last deltas, and its share of the state hash.
#[derive(Debug)]
pub struct StoredView {
    id: ViewId,
    rows: FxHashMap<Box<[Value]>, Row>,
    deltas: VecDeque<Arc<Delta>>,
    held_changes: usize,
    complete_since: Tick,
    last_change: Tick,
    hash: u128,
}

impl StoredView {
    fn new(id: ViewId) -> StoredView {
        StoredView {
            id,
            rows: FxHashMap::default(),
            deltas: VecDeque::new(),
            held_changes: 0,
            complete_since: 0,
            last_change: 0,
            hash: 0,
        }
    }

    /// The rows that pass, in no particular order. A filter that names every key column is a lookup.
    pub fn rows<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Row> {
        self.rows.values().filter(move |row| filter.passes(row))
    }

    /// The row of that key.
    #[must_use]
    pub fn get(&self, key: &[Value]) -> Option<&Row> {
        self.rows.get(key)
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The tick of the last change. Rows read under the same lock are as of this tick, which may be
    /// later than the realm's progress: a reader goes on with the deltas since the later of the two.
    #[must_use]
    pub fn last_change(&self) -> Tick {
        self.last_change
    }

    /// The deltas after `tick`, oldest first, or `None` when some are no longer held.
    #[must_use]
    pub fn since(&self, tick: Tick) -> Option<Vec<Arc<Delta>>> {
        if tick < self.complete_since {
            return None;
        }
        let first = self.deltas.partition_point(|delta| delta.tick <= tick);
        Some(self.deltas.range(first..).cloned().collect())
    }

    fn apply(&mut self, tick: Tick, changes: Vec<(Row, Diff)>, most_changes: usize) {
        let view = self.id.def();
        for (row, diff) in &changes {
            let key = row.key(view.key);
            if *diff < 0 {
                self.rows.remove(key);
            } else {
                self.rows.insert(key.into(), row.clone());
            }
            if view.deterministic {
                let term = row.hash128(view.name);
                self.hash =
                    if *diff < 0 { self.hash.wrapping_sub(term) } else { self.hash.wrapping_add(term) };
            }
        }
        self.last_change = tick;
        self.held_changes += changes.len();
        self.deltas.push_back(Arc::new(Delta { tick, changes }));
        while self.held_changes > most_changes && self.deltas.len() > 1 {
            if let Some(oldest) = self.deltas.pop_front() {
                self.held_changes -= oldest.changes.len();
                self.complete_since = oldest.tick;
            }
        }
    }
}

/// Every view of a realm.
#[derive(Debug)]
pub struct ViewStore {
    views: Vec<RwLock<StoredView>>,
    most_changes: usize,
}

impl ViewStore {
    /// Changes of a view that are held for readers who follow it, unless told otherwise.
    pub const MOST_CHANGES: usize = 1 << 16;

    /// An empty store that holds the last `most_changes` changes of each view.
    #[must_use]
    pub fn new(most_changes: usize) -> ViewStore {
        let views = catalog::ids().map(|id| RwLock::new(StoredView::new(id))).collect();
        ViewStore { views, most_changes }
    }

    /// A view, locked for reading. Hold it briefly: the collector waits.
    pub fn read(&self, view: ViewId) -> RwLockReadGuard<'_, StoredView> {
        self.views[usize::from(view.0)].read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Applies all changes of one tick. Rows are consolidated here; a row may come and go within a
    /// tick. Returns the ids of the views that changed.
    pub fn apply(&self, tick: Tick, changes: impl IntoIterator<Item = (ViewId, Row, Diff)>) -> Vec<ViewId> {
        let mut by_view: BTreeMap<ViewId, Vec<(Row, Diff)>> = BTreeMap::new();
        for (view, row, diff) in changes {
            by_view.entry(view).or_default().push((row, diff));
        }
        let mut changed = Vec::new();
        for (view, mut changes) in by_view {
            consolidate(&mut changes);
            if changes.is_empty() {
                continue;
            }
            changed.push(view);
            let mut stored =
                self.views[usize::from(view.0)].write().unwrap_or_else(std::sync::PoisonError::into_inner);
            stored.apply(tick, changes, self.most_changes);
        }
        changed
    }

    /// Σ diff · h128(view, row) over deterministic views: equal for equal state in every process.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        catalog::ids().fold(0, |sum, id| sum.wrapping_add(self.read(id).hash))
    }
}

/// Adds up the diffs of equal rows, drops zeros, and puts removals before additions.
pub fn consolidate(changes: &mut Vec<(Row, Diff)>) {
    if changes.len() > 1 {
        differential_dataflow::consolidation::consolidate(changes);
        changes.sort_by_key(|(_, diff)| *diff > 0);
    }
    changes.retain(|(_, diff)| *diff != 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(player: &str, level: i64) -> Row {
        Row::from([
            Value::Sym("realm".into()),
            Value::Sym(player.into()),
            Value::Int(level),
            Value::Int(0),
            Value::Int(0),
            Value::Int(0),
        ])
    }

    #[test]
    fn snapshot_then_deltas_and_none_when_too_far_behind() {
        let store = ViewStore::new(3);
        for tick in 1..=4 {
            let old = (tick > 1).then(|| (catalog::LEVELS, level("a", tick - 1), -1));
            let new = (catalog::LEVELS, level("a", tick), 1);
            store.apply(tick.unsigned_abs(), old.into_iter().chain([new]));
        }
        let view = store.read(catalog::LEVELS);
        assert_eq!(view.rows(&Filter::all()).collect::<Vec<_>>(), [&level("a", 4)]);
        assert_eq!(view.since(3).map(|deltas| deltas.len()), Some(1));
        assert_eq!(view.since(1).map(|deltas| deltas.len()), None);
        assert_eq!(view.since(4).map(|deltas| deltas.len()), Some(0));
    }

    #[test]
    fn the_hash_depends_on_rows_alone_and_on_every_one() {
        let (one, other) = (ViewStore::new(100), ViewStore::new(100));
        one.apply(1, [(catalog::LEVELS, level("a", 1), 1), (catalog::LEVELS, level("b", 1), 1)]);
        other.apply(1, [(catalog::LEVELS, level("b", 2), 1)]);
        other.apply(2, [(catalog::LEVELS, level("a", 1), 1)]);
        assert_ne!(one.state_hash(), other.state_hash());
        other.apply(3, [(catalog::LEVELS, level("b", 2), -1), (catalog::LEVELS, level("b", 1), 1)]);
        assert_eq!(one.state_hash(), other.state_hash());
    }

    #[test]
    fn a_filter_on_a_list_column_asks_whether_it_contains() {
        let filter = Filter::all().and(0, [Value::Sym("beast".into())]);
        assert!(filter.passes(&Row::from([Value::text(r#"["beast","wolf"]"#)])));
        assert!(!filter.passes(&Row::from([Value::text(r#"["undead"]"#)])));
    }
}
