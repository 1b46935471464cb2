//! The edge-side copy of every view: what sockets, HTTP, SQL sinks and pages read.
//!
//! The collector applies one complete, durable tick at a time. Readers never touch the graph: they
//! take a snapshot at a tick, then the deltas since, as long as the last few are still held; a
//! reader who is too far behind takes a snapshot again.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Diff, Row, Tick, Value};

use crate::view_changes::{Change, ViewChanges, key_hash};

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

/// Columns by which readers ask for a few rows of a large view.
const INDEXED: [&str; 2] = ["holder", "player"];

/// Views with fewer rows are searched without an index.
const INDEX_FROM: usize = 1024;

type Keys = FxHashSet<Box<[Value]>>;

/// The keys of rows by the value of a column, from the first time that somebody asks.
#[derive(Debug)]
struct Index {
    column: usize,
    keys: OnceLock<FxHashMap<Value, Keys>>,
}

impl Index {
    /// The keys of rows that may pass; `None` when the filter leaves the column open.
    fn find<'a>(&'a self, filter: &Filter, view: &'a StoredView) -> Option<Vec<&'a [Value]>> {
        let values = filter.values(self.column)?;
        let by_value = self.keys.get_or_init(|| {
            let mut by_value = FxHashMap::default();
            view.rows.iter().for_each(|kept| insert(&mut by_value, view.id, self.column, &kept.row));
            by_value
        });
        let keys = values.iter().filter_map(|value| by_value.get(value)).flatten();
        Some(keys.map(|key| &**key).collect())
    }

    fn insert(&mut self, view: ViewId, row: &Row) {
        let column = self.column;
        if let Some(by_value) = self.keys.get_mut() {
            insert(by_value, view, column, row);
        }
    }

    fn remove(&mut self, view: ViewId, row: &Row) {
        let Some(by_value) = self.keys.get_mut() else { return };
        let Some(keys) = row.get(self.column).and_then(|value| by_value.get_mut(value)) else { return };
        keys.remove(row.key(view.def().key));
        if keys.is_empty() {
            by_value.remove(&row[self.column]);
        }
    }
}

fn insert(by_value: &mut FxHashMap<Value, Keys>, view: ViewId, column: usize, row: &Row) {
    if let Some(value) = row.get(column) {
        by_value.entry(value.clone()).or_default().insert(row.key(view.def().key).into());
    }
}

/// A row and the hash of its key, so that a look-up that misses, and a table that grows, need not go
/// to the row.
#[derive(Debug)]
struct Kept {
    key: u64,
    row: Row,
}

/// One view: its rows, its last deltas, and its share of the state hash.
#[derive(Debug)]
pub struct StoredView {
    id: ViewId,
    rows: HashTable<Kept>,
    indexes: Vec<Index>,
    deltas: VecDeque<Arc<Delta>>,
    held_changes: usize,
    complete_since: Tick,
    /// Of what readers held at ticks before this one, nobody knows whether it was the same.
    resumes_from: Tick,
    last_change: Tick,
    hash: u128,
}

impl StoredView {
    fn new(id: ViewId, loaded: Tick) -> StoredView {
        StoredView {
            id,
            rows: HashTable::new(),
            indexes: (INDEXED.iter())
                .filter_map(|name| id.def().column(name))
                .map(|column| Index { column, keys: OnceLock::new() })
                .collect(),
            deltas: VecDeque::new(),
            held_changes: 0,
            complete_since: loaded,
            resumes_from: 0,
            last_change: 0,
            hash: 0,
        }
    }

    /// The rows that pass, in no particular order. A filter that names every key column, or the holder
    /// or the player, is a lookup.
    pub fn rows<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Row> {
        let found = self.find(filter);
        let all = found.is_none().then(|| self.rows.iter().map(|kept| &kept.row));
        let rows = found.into_iter().flatten().chain(all.into_iter().flatten());
        rows.filter(move |row| filter.passes(row))
    }

    /// All rows that pass, and perhaps others; `None` when each must be looked at.
    fn find(&self, filter: &Filter) -> Option<Vec<&Row>> {
        if let Some(keys) = self.keys(filter) {
            return Some(keys.iter().filter_map(|key| self.get(key)).collect());
        }
        if self.rows.len() < INDEX_FROM {
            return None;
        }
        let found = self.indexes.iter().filter_map(|index| index.find(filter, self));
        let keys = found.min_by_key(Vec::len)?;
        Some(keys.into_iter().filter_map(|key| self.get(key)).collect())
    }

    /// The keys that a filter allows, when it names every key column and they are fewer than the rows.
    fn keys(&self, filter: &Filter) -> Option<Vec<Vec<Value>>> {
        let columns: Vec<&FxHashSet<Value>> =
            (0..self.id.def().key).map(|column| filter.values(column)).collect::<Option<_>>()?;
        let count = columns.iter().try_fold(1_usize, |count, values| count.checked_mul(values.len()))?;
        if count > self.rows.len() {
            return None;
        }
        let mut keys = vec![Vec::with_capacity(columns.len())];
        for values in columns {
            let longer = keys.iter().flat_map(|key| {
                values.iter().map(move |value| {
                    let mut key: Vec<Value> = key.clone();
                    key.push(value.clone());
                    key
                })
            });
            keys = longer.collect();
        }
        Some(keys)
    }

    /// The row of that key.
    #[must_use]
    pub fn get(&self, key: &[Value]) -> Option<&Row> {
        let hash = key_hash(key);
        let found = self.rows.find(hash, |kept| kept.key == hash && kept.row.key(self.id.def().key) == key);
        found.map(|kept| &kept.row)
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

    /// As [`StoredView::since`], for a reader that holds rows of `tick` from an earlier run, or says so:
    /// `None` also when the rows may have been others then.
    #[must_use]
    pub fn resumed_since(&self, tick: Tick) -> Option<Vec<Arc<Delta>>> {
        (tick >= self.resumes_from).then(|| self.since(tick)).flatten()
    }

    fn apply(&mut self, tick: Tick, changes: ViewChanges, most_changes: usize) {
        let ViewChanges { changes, hash, .. } = changes;
        self.hash = self.hash.wrapping_add(hash);
        changes.iter().filter(|change| change.diff < 0).for_each(|change| self.remove(change));
        changes.iter().filter(|change| change.diff > 0).for_each(|change| self.insert(change));
        self.last_change = tick;
        if most_changes == 0 || tick <= self.complete_since {
            self.complete_since = self.complete_since.max(tick);
            return;
        }
        self.held_changes += changes.len();
        let (mut delta, mut come) = (Vec::with_capacity(changes.len()), Vec::new());
        for Change { row, diff, .. } in changes {
            if diff < 0 { delta.push((row, diff)) } else { come.push((row, diff)) }
        }
        delta.append(&mut come);
        self.deltas.push_back(Arc::new(Delta { tick, changes: delta }));
        while self.held_changes > most_changes && self.deltas.len() > 1 {
            if let Some(oldest) = self.deltas.pop_front() {
                self.held_changes -= oldest.changes.len();
                self.complete_since = oldest.tick;
            }
        }
    }
}

impl StoredView {
    fn remove(&mut self, change: &Change) {
        let (id, columns) = (self.id, self.id.def().key);
        let key = change.row.key(columns);
        let same = |kept: &Kept| {
            kept.key == change.key && (kept.row.is(&change.row) || kept.row.key(columns) == key)
        };
        if let Ok(found) = self.rows.find_entry(change.key, same) {
            let (old, _) = found.remove();
            self.indexes.iter_mut().for_each(|index| index.remove(id, &old.row));
        }
    }

    fn insert(&mut self, change: &Change) {
        let (id, columns) = (self.id, self.id.def().key);
        let key = change.row.key(columns);
        let same = |kept: &Kept| kept.key == change.key && kept.row.key(columns) == key;
        match self.rows.entry(change.key, same, |kept| kept.key) {
            Entry::Occupied(mut found) => {
                let old = std::mem::replace(&mut found.get_mut().row, change.row.clone());
                self.indexes.iter_mut().for_each(|index| index.remove(id, &old));
            }
            Entry::Vacant(free) => drop(free.insert(Kept { key: change.key, row: change.row.clone() })),
        }
        self.indexes.iter_mut().for_each(|index| index.insert(id, &change.row));
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

    /// An empty store that holds the last `most_changes` changes of each view, and none for readers who
    /// only look at the end.
    #[must_use]
    pub fn new(most_changes: usize) -> ViewStore {
        ViewStore::loaded(most_changes, None)
    }

    /// As [`ViewStore::new`], where what is applied up to `tick` comes from a snapshot of that tick: how
    /// it came about is not known, so the deltas that are held begin after it.
    #[must_use]
    pub fn loaded(most_changes: usize, tick: Option<Tick>) -> ViewStore {
        let views = catalog::ids().map(|id| RwLock::new(StoredView::new(id, tick.unwrap_or(0)))).collect();
        ViewStore { views, most_changes }
    }

    /// Readers that hold rows of a tick before `first` of one of these views have nothing to go on from.
    pub fn resume_from(&self, first: Tick, views: impl IntoIterator<Item = ViewId>) {
        for view in views {
            let mut stored =
                self.views[usize::from(view.0)].write().unwrap_or_else(std::sync::PoisonError::into_inner);
            stored.resumes_from = stored.resumes_from.max(first);
        }
    }

    /// A view, locked for reading. Hold it briefly: the collector waits.
    pub fn read(&self, view: ViewId) -> RwLockReadGuard<'_, StoredView> {
        self.views[usize::from(view.0)].read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Applies all changes of one tick, in any order: a row may come and go within a tick. Returns the
    /// ids of the views that changed.
    pub fn apply(&self, tick: Tick, changes: impl IntoIterator<Item = (ViewId, Row, Diff)>) -> Vec<ViewId> {
        self.apply_views(tick, ViewChanges::by_view(changes))
    }

    /// As [`ViewStore::apply`], of changes that are consolidated.
    pub fn apply_views(&self, tick: Tick, changes: Vec<ViewChanges>) -> Vec<ViewId> {
        let mut changed = Vec::new();
        for changes in changes.into_iter().filter(|changes| !changes.is_empty() || changes.hash != 0) {
            let view = changes.view;
            let mut stored =
                self.views[usize::from(view.0)].write().unwrap_or_else(std::sync::PoisonError::into_inner);
            if changes.is_empty() {
                // Rows have changed that look the same as before.
                stored.hash = stored.hash.wrapping_add(changes.hash);
                continue;
            }
            changed.push(view);
            stored.apply(tick, changes, self.most_changes);
        }
        changed
    }

    /// Drops the deltas of these views up to `tick`: what they say is to be read by nobody any more. Readers who
    /// have not read them yet take a snapshot.
    pub(crate) fn drop_deltas(&self, tick: Tick, views: impl IntoIterator<Item = ViewId>) {
        for view in views {
            let mut stored =
                self.views[usize::from(view.0)].write().unwrap_or_else(std::sync::PoisonError::into_inner);
            let stored = &mut *stored;
            let gone = stored.deltas.partition_point(|delta| delta.tick <= tick);
            let dropped: usize = stored.deltas.drain(..gone).map(|delta| delta.changes.len()).sum();
            stored.held_changes -= dropped;
            stored.complete_since = stored.complete_since.max(tick);
        }
    }

    /// Σ diff · h128(view, row) over deterministic views: equal for equal state in every process.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        catalog::ids().fold(0, |sum, id| sum.wrapping_add(self.read(id).hash))
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::Sym;

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
    fn what_was_loaded_is_no_delta_and_earlier_readers_go_on_where_they_may() {
        let store = ViewStore::loaded(16, Some(5));
        store.apply(5, [(catalog::LEVELS, level("a", 1), 1)]);
        store.apply(7, [(catalog::LEVELS, level("a", 1), -1), (catalog::LEVELS, level("a", 2), 1)]);
        store.resume_from(7, [catalog::PRESENCE]);
        let resumed = |view, tick| store.read(view).resumed_since(tick).map(|deltas| deltas.len());
        assert_eq!(
            [4, 5, 6, 7].map(|tick| resumed(catalog::LEVELS, tick)),
            [None, Some(1), Some(1), Some(0)]
        );
        assert_eq!([5, 6, 7].map(|tick| resumed(catalog::PRESENCE, tick)), [None, None, Some(0)]);
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
    fn a_filter_that_names_the_key_or_the_player_is_a_lookup() {
        let store = ViewStore::new(16);
        let grant = |number: usize, player: usize, status: &str| {
            let mut values = vec![Value::Null; catalog::GRANTS.def().columns.len()];
            let column = |name| catalog::GRANTS.def().column(name).expect("a column");
            values[0] = Value::Sym("realm".into());
            values[1] = Value::Sym(Sym::new(&format!("grant-{number}")));
            values[column("player")] = Value::Sym(Sym::new(&format!("player-{player}")));
            values[column("status")] = Value::Sym(status.into());
            Row::new(values)
        };
        let column = catalog::GRANTS.def().column("player").expect("a column");
        let named = |name: String| Value::Sym(Sym::new(&name));
        let rows = |status, range: std::ops::Range<usize>| {
            range.map(move |number| grant(number, number % 100, status)).collect::<Vec<_>>()
        };
        let most = 2 * INDEX_FROM;
        store.apply(1, rows("offered", 0..most).into_iter().map(|row| (catalog::GRANTS, row, 1)));
        let players = [3, 4, 1000].map(|player| named(format!("player-{player}")));
        let by_player = Filter::all().and(column, players);
        let keys = [5, 6, most + 1].map(|number| named(format!("grant-{number}")));
        let by_key = Filter::all().and(0, [Value::Sym("realm".into())]).and(1, keys);
        let check = |filter: &Filter, looked_at: usize| {
            let view = store.read(catalog::GRANTS);
            assert_eq!(view.find(filter).map(|rows| rows.len()), Some(looked_at));
            let mut found: Vec<&Row> = view.rows(filter).collect();
            let all = view.rows.iter().map(|kept| &kept.row);
            let mut expected: Vec<&Row> = all.filter(|row| filter.passes(row)).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
            assert_eq!(found.len(), looked_at);
        };
        let of_two = (0..most).filter(|number| [3, 4].contains(&(number % 100))).count();
        check(&by_player, of_two);
        check(&by_key, 2);
        // Rows change, move to another player, and go: the index follows.
        let changed = rows("offered", 0..10).into_iter().map(|row| (catalog::GRANTS, row, -1));
        let new = rows("done", 0..5).into_iter().map(|row| (catalog::GRANTS, row, 1));
        store.apply(2, changed.chain(new));
        check(&by_player, of_two);
        let moved = [(grant(3, 3, "done"), -1), (grant(3, 8, "done"), 1), (grant(4, 4, "done"), -1)];
        store.apply(3, moved.map(|(row, diff)| (catalog::GRANTS, row, diff)));
        check(&by_player, of_two - 2);
        check(&by_key, 0);
        // Any other filter looks at every row.
        let status = catalog::GRANTS.def().column("status").expect("a column");
        let by_status = Filter::all().and(status, [Value::Sym("offered".into())]);
        let view = store.read(catalog::GRANTS);
        assert!(view.find(&by_status).is_none());
        assert_eq!(view.rows(&by_status).count(), most - 10);
    }

    #[test]
    fn a_filter_on_a_list_column_asks_whether_it_contains() {
        let filter = Filter::all().and(0, [Value::Sym("beast".into())]);
        assert!(filter.passes(&Row::from([Value::text(r#"["beast","wolf"]"#)])));
        assert!(!filter.passes(&Row::from([Value::text(r#"["undead"]"#)])));
    }
}
