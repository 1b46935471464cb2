//! One view of the store: its rows, its last deltas, and its share of the state hash.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Tick, Value};

use super::Filter;
use crate::view_changes::{Change, ViewChanges, key_hash};

/// The changes of one view at one tick, consolidated, removals before additions.
#[derive(Debug)]
pub struct Delta {
    /// The tick.
    pub tick: Tick,
    /// Rows removed and added.
    pub changes: Vec<(Row, Diff)>,
}

/// Columns by which readers ask for a few rows of a large view.
const INDEXED: [&str; 2] = ["holder", "player"];

/// Views with fewer rows are searched without an index.
pub(super) const INDEX_FROM: usize = 1024;

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
    /// The tick that it came with; 0 of a view that was always there.
    began: Tick,
    /// Of what readers held at ticks before this one, nobody knows whether it was the same.
    resumes_from: Tick,
    last_change: Tick,
    hash: u128,
}

impl StoredView {
    pub(super) fn new(id: ViewId, loaded: Tick) -> StoredView {
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
            began: 0,
            resumes_from: 0,
            last_change: 0,
            hash: 0,
        }
    }

    /// A view of a designer that there is from `tick` on. Nobody can have followed it before.
    pub(super) fn begun(id: ViewId, tick: Tick) -> StoredView {
        StoredView { began: tick, resumes_from: tick, last_change: tick, ..StoredView::new(id, tick) }
    }

    /// Which view it is.
    #[must_use]
    pub fn id(&self) -> ViewId {
        self.id
    }

    /// The tick that it came with, which the realm's progress may not have reached; 0 of a view that was always there.
    #[must_use]
    pub fn began(&self) -> Tick {
        self.began
    }

    pub(super) fn hash(&self) -> u128 {
        self.hash
    }

    pub(super) fn resume_from(&mut self, first: Tick) {
        self.resumes_from = self.resumes_from.max(first);
    }

    /// Drops the deltas up to `tick`.
    pub(super) fn drop_deltas(&mut self, tick: Tick) {
        let gone = self.deltas.partition_point(|delta| delta.tick <= tick);
        let dropped: usize = self.deltas.drain(..gone).map(|delta| delta.changes.len()).sum();
        self.held_changes -= dropped;
        self.complete_since = self.complete_since.max(tick);
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
    pub(super) fn find(&self, filter: &Filter) -> Option<Vec<&Row>> {
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

    /// Every row, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|kept| &kept.row)
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

    /// Applies the changes of a tick; whether rows have changed. Deltas that are no longer held are added to `spent`.
    pub(super) fn apply(
        &mut self,
        tick: Tick,
        changes: ViewChanges,
        most_changes: usize,
        spent: &mut Vec<Arc<Delta>>,
    ) -> bool {
        let ViewChanges { changes, hash, .. } = changes;
        self.hash = self.hash.wrapping_add(hash);
        if changes.is_empty() {
            // Rows have changed that look the same as before.
            return false;
        }
        self.take_in(&changes);
        self.last_change = tick;
        if most_changes == 0 || tick <= self.complete_since {
            self.complete_since = self.complete_since.max(tick);
            return true;
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
                spent.push(oldest);
            }
        }
        true
    }
}

impl StoredView {
    /// Removals come before additions; of a row that is followed by the one that takes its place both are done at once.
    fn take_in(&mut self, changes: &[Change]) {
        let mut others = Vec::new();
        let mut next = changes;
        while let Some((first, rest)) = next.split_first() {
            next = rest;
            match rest.split_first() {
                Some((second, rest)) if first.diff < 0 && second.diff > 0 && second.replaces => {
                    self.replace(&first.row, second);
                    next = rest;
                }
                _ => others.push(first),
            }
        }
        others.iter().filter(|change| change.diff < 0).for_each(|change| self.remove(change));
        others.iter().filter(|change| change.diff > 0).for_each(|change| self.insert(change));
    }

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

    /// A row takes the place of `old`, which has its key. Nearly always that is the very row that is kept, and then neither need be
    /// looked into.
    fn replace(&mut self, old: &Row, change: &Change) {
        match self.rows.find_mut(change.key, |kept| kept.key == change.key && kept.row.is(old)) {
            Some(kept) => {
                kept.row = change.row.clone();
                self.index_again(old, &change.row);
            }
            None => self.insert(change),
        }
    }

    fn insert(&mut self, change: &Change) {
        let (id, columns) = (self.id, self.id.def().key);
        let key = change.row.key(columns);
        let same = |kept: &Kept| kept.key == change.key && kept.row.key(columns) == key;
        match self.rows.entry(change.key, same, |kept| kept.key) {
            Entry::Occupied(mut found) => {
                let old = std::mem::replace(&mut found.get_mut().row, change.row.clone());
                self.index_again(&old, &change.row);
            }
            Entry::Vacant(free) => {
                free.insert(Kept { key: change.key, row: change.row.clone() });
                self.indexes.iter_mut().for_each(|index| index.insert(id, &change.row));
            }
        }
    }

    /// What an index says of a row is its key, by a column.
    fn index_again(&mut self, old: &Row, new: &Row) {
        let id = self.id;
        for index in self.indexes.iter_mut().filter(|index| index.keys.get().is_some()) {
            if old.get(index.column) != new.get(index.column) {
                index.remove(id, old);
                index.insert(id, new);
            }
        }
    }
}
