//! The edge-side copy of every view: what sockets, HTTP, SQL sinks and pages read.
//!
//! The collector applies one complete, durable tick at a time. Readers never touch the graph: they
//! take a snapshot at a tick, then the deltas since, as long as the last few are still held; a
//! reader who is too far behind takes a snapshot again.
//!
//! It also holds the realm's catalog. A view that is added can be found once its first rows are there; of one that
//! is gone nothing is left.

mod filter;
mod stored;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use rustc_hash::FxHashMap;
use worldflow_schemas::catalog::{self, Catalog, CatalogEdit, MOST_OWN_VIEWS, ViewId};
use worldflow_schemas::{Diff, Row, Tick};

pub use filter::Filter;
pub use stored::{Delta, StoredView};

use crate::view_changes::ViewChanges;

/// A view, locked for reading. Hold it briefly: the collector waits.
#[derive(Debug)]
pub struct Reading<'a>(RwLockReadGuard<'a, Option<Box<StoredView>>>);

impl Deref for Reading<'_> {
    type Target = StoredView;

    fn deref(&self) -> &StoredView {
        self.0.as_deref().expect("it is looked at before it is given out")
    }
}

/// The catalog, and where the rows of designers' views lie.
#[derive(Debug, Default)]
struct Shown {
    catalog: Arc<Catalog>,
    places: FxHashMap<ViewId, usize>,
}

/// Every view of a realm.
#[derive(Debug)]
pub struct ViewStore {
    /// The built-in views by their numbers, and then room for those of designers.
    views: Vec<RwLock<Option<Box<StoredView>>>>,
    shown: RwLock<Shown>,
    most_changes: usize,
    /// Deltas that are no longer held. To free their rows takes longer than to take in those that come.
    spent: Mutex<Vec<Arc<Delta>>>,
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
        let built_in = catalog::ids().map(|id| Some(Box::new(StoredView::new(id, tick.unwrap_or(0)))));
        // While the catalog changes, the views before and after it are both there.
        let own = (0..2 * MOST_OWN_VIEWS).map(|_| None);
        let views = built_in.chain(own).map(RwLock::new).collect();
        ViewStore { views, shown: RwLock::default(), most_changes, spent: Mutex::default() }
    }

    /// The catalog of the last tick applied.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).catalog)
    }

    fn place(&self, view: ViewId) -> Option<usize> {
        if view.is_built_in() {
            return Some(view.index());
        }
        self.shown.read().unwrap_or_else(PoisonError::into_inner).places.get(&view).copied()
    }

    /// A view, locked for reading; `None` when the realm has no such view, or no longer.
    pub fn get(&self, view: ViewId) -> Option<Reading<'_>> {
        let stored = self.views[self.place(view)?].read().unwrap_or_else(PoisonError::into_inner);
        // Its place may have been given to another one meanwhile.
        let same = stored.as_ref().is_some_and(|stored| stored.id() == view);
        same.then_some(Reading(stored))
    }

    /// As [`ViewStore::get`], of a view that is certainly there: one that is built in.
    ///
    /// # Panics
    /// When there is no such view.
    pub fn read(&self, view: ViewId) -> Reading<'_> {
        self.get(view).expect("a built-in view is always there")
    }

    /// Changes what is stored of a view, if there is one.
    fn change<T>(&self, view: ViewId, with: impl FnOnce(&mut StoredView) -> T) -> Option<T> {
        let mut stored = self.views[self.place(view)?].write().unwrap_or_else(PoisonError::into_inner);
        stored.as_deref_mut().filter(|stored| stored.id() == view).map(with)
    }

    /// Readers that hold rows of a tick before `first` of one of these views have nothing to go on from.
    pub fn resume_from(&self, first: Tick, views: impl IntoIterator<Item = ViewId>) {
        for view in views {
            self.change(view, |stored| stored.resume_from(first));
        }
    }

    /// Applies all changes of one tick, in any order: a row may come and go within a tick. Returns the
    /// ids of the views that changed.
    pub fn apply(&self, tick: Tick, changes: impl IntoIterator<Item = (ViewId, Row, Diff)>) -> Vec<ViewId> {
        self.apply_views(tick, ViewChanges::by_view(changes))
    }

    /// As [`ViewStore::apply`], of changes that are consolidated. Those of a view that is not in the catalog go
    /// nowhere.
    pub fn apply_views(&self, tick: Tick, changes: Vec<ViewChanges>) -> Vec<ViewId> {
        let (mut changed, mut spent) = (Vec::new(), Vec::new());
        for changes in changes.into_iter().filter(|changes| !changes.is_empty() || changes.hash != 0) {
            let view = changes.view;
            let apply = |stored: &mut StoredView| stored.apply(tick, changes, self.most_changes, &mut spent);
            if self.change(view, apply) == Some(true) {
                changed.push(view);
            }
        }
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).append(&mut spent);
        changed
    }

    /// Frees what is no longer held, when nobody waits for it.
    pub(crate) fn free_spent(&self) {
        let spent = std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        drop(spent);
    }

    /// As [`ViewStore::apply_views`], of a tick that changes the catalog too. A view that is added is found together with
    /// its rows; of one that goes, or is replaced by one of another shape, nothing is left. An edit that cannot be
    /// is passed over.
    pub fn apply_edits(&self, tick: Tick, edits: &[CatalogEdit], changes: Vec<ViewChanges>) -> Vec<ViewId> {
        if edits.is_empty() {
            return self.apply_views(tick, changes);
        }
        let before = self.catalog();
        let after = edited(&before, edits);
        let places: Vec<(ViewId, usize)> = {
            let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
            let taken: Vec<usize> = shown.places.values().copied().collect();
            let free = (catalog::CATALOG.len()..self.views.len()).filter(|place| !taken.contains(place));
            after.own().filter(|view| !before.contains(*view)).zip(free).collect()
        };
        let mut changed: Vec<ViewId> = places.iter().map(|(view, _)| *view).collect();
        let (of_new, others): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|changes| changed.contains(&changes.view));
        let mut new: Vec<StoredView> = changed.iter().map(|view| StoredView::begun(*view, tick)).collect();
        for changes in of_new {
            if let Some(stored) = new.iter_mut().find(|stored| stored.id() == changes.view) {
                stored.apply(tick, changes, self.most_changes, &mut Vec::new());
            }
        }
        for (stored, (_, place)) in new.into_iter().zip(&places) {
            *self.views[*place].write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stored));
        }
        let gone: Vec<usize> = {
            let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            let gone = before.own().filter(|view| !after.contains(*view));
            let gone = gone.filter_map(|view| shown.places.remove(&view)).collect();
            shown.places.extend(places);
            shown.catalog = Arc::new(after);
            gone
        };
        for place in gone {
            let dropped = self.views[place].write().unwrap_or_else(PoisonError::into_inner).take();
            drop(dropped);
        }
        changed.extend(self.apply_views(tick, others));
        changed
    }

    /// The changes of views that are in the catalog after the edits of their tick, and the views that are no longer.
    pub(crate) fn admitted(
        &self,
        mut changes: Vec<ViewChanges>,
        edits: &[CatalogEdit],
    ) -> (Vec<ViewChanges>, Vec<ViewId>) {
        if edits.is_empty() && changes.iter().all(|changes| changes.view.is_built_in()) {
            return (changes, Vec::new());
        }
        let before = self.catalog();
        let after = edited(&before, edits);
        changes.retain(|changes| after.contains(changes.view));
        let gone = before.own().filter(|view| !after.contains(*view)).collect();
        (changes, gone)
    }

    /// Drops the deltas of these views up to `tick`: what they say is to be read by nobody any more. Readers who
    /// have not read them yet take a snapshot.
    pub(crate) fn drop_deltas(&self, tick: Tick, views: impl IntoIterator<Item = ViewId>) {
        for view in views {
            self.change(view, |stored| stored.drop_deltas(tick));
        }
    }

    /// Σ diff · h128(view, row) over deterministic views: equal for equal state in every process.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let catalog = self.catalog();
        let hashes = catalog.ids().filter_map(|id| Some(self.get(id)?.hash()));
        hashes.fold(0, u128::wrapping_add)
    }
}

/// A catalog after the edits of a tick. One that cannot be is passed over: the graph is to make no such.
#[must_use]
fn edited(catalog: &Catalog, edits: &[CatalogEdit]) -> Catalog {
    // They have no order of their own: those that make room come first, and then it goes by name.
    let mut edits = edits.to_vec();
    edits.sort_unstable_by_key(|edit| (edit.view.is_some(), edit.name.as_str()));
    edits.into_iter().fold(catalog.clone(), |catalog, edit| match catalog.edited(edit) {
        Ok(edited) => edited,
        Err(problem) => {
            tracing::error!(%problem, hint = problem.hint(), "a view is not added to the catalog");
            catalog
        }
    })
}

#[cfg(test)]
mod tests;
