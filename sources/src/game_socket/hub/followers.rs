//! Those who follow the views of a realm, found by the rows that they want.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{ArcStr, Row, Value};

use super::super::access::{Values, Wanted};
use super::super::inbox::Inbox;
use super::pending::Place;

/// A subscription as the hub knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) inbox: Arc<Inbox>,
    pub(super) wanted: Arc<Wanted>,
    /// It has had its snapshot, so changes are for it.
    pub(super) live: bool,
    /// Of one who may answer grants: the last that came again.
    pub(super) offered: Option<Option<Place>>,
}

/// Names a session within the hub.
pub(crate) type SessionId = u64;

/// A session, and its number for a subscription.
pub(crate) type EntryId = (SessionId, u32);

/// Those who follow a view by the values of one column.
#[derive(Debug, Default)]
struct ByColumn {
    texts: FxHashMap<ArcStr, Vec<EntryId>>,
    others: FxHashMap<Value, Vec<EntryId>>,
}

impl ByColumn {
    fn insert(&mut self, values: &Values, id: EntryId) {
        for text in values.texts() {
            self.texts.entry(text.clone()).or_default().push(id);
        }
        for value in values.others() {
            self.others.entry(value.clone()).or_default().push(id);
        }
    }

    fn remove(&mut self, values: &Values, id: EntryId) {
        for text in values.texts() {
            forget(&mut self.texts, text, id);
        }
        for value in values.others() {
            forget(&mut self.others, value, id);
        }
    }

    fn get(&self, value: &Value) -> &[EntryId] {
        let ids = match value.as_str() {
            Some(text) => self.texts.get(text),
            None => self.others.get(value),
        };
        ids.map_or(&[], Vec::as_slice)
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.others.is_empty()
    }
}

fn forget<K: Eq + std::hash::Hash>(index: &mut FxHashMap<K, Vec<EntryId>>, key: &K, id: EntryId) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// Those who follow one view.
#[derive(Debug, Default)]
pub(super) struct Followers {
    pub(super) entries: FxHashMap<EntryId, Entry>,
    /// By the one column of each that selects most.
    by_column: BTreeMap<usize, ByColumn>,
    /// Those that no column selects.
    others: Vec<EntryId>,
}

impl Followers {
    pub(super) fn insert(&mut self, view: ViewId, id: EntryId, entry: Entry) {
        self.remove(view, id);
        match entry.wanted.selective(view) {
            None => self.others.push(id),
            Some((column, values)) => self.by_column.entry(column).or_default().insert(values, id),
        }
        self.entries.insert(id, entry);
    }

    pub(super) fn remove(&mut self, view: ViewId, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        match entry.wanted.selective(view) {
            None => self.others.retain(|other| *other != id),
            Some((column, values)) => {
                if let Some(index) = self.by_column.get_mut(&column) {
                    index.remove(values, id);
                }
                self.by_column.retain(|_, index| !index.is_empty());
            }
        }
        Some(entry)
    }

    pub(super) fn candidates<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a EntryId> {
        let selected =
            self.by_column.iter().filter_map(|(column, index)| Some(index.get(row.get(*column)?))).flatten();
        self.others.iter().chain(selected)
    }
}
