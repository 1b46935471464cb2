//! Opens rows on their way to the view store, and shuts those again whose key has gone.
//!
//! What it makes of a row is a function of the row and of the keys that there are: so what is removed is what is
//! there. The sum of the state hash stays that of the sealed rows.

use rustc_hash::{FxHashMap, FxHashSet};
use worldflow_schemas::catalog::{self, Catalog, ColumnType, ViewId};
use worldflow_schemas::input::{Current, CurrentValue};
use worldflow_schemas::{Diff, Row, Value, sealed};

use super::{KeyId, Privacy, parts};
use crate::view_changes::ViewChanges;

/// The built-in views in which there may be sealed text.
const MAY_BE_SEALED: [ViewId; 5] =
    [catalog::FACTS, catalog::ENTITIES, catalog::NPC_REQUESTS, catalog::NPC_LINES, catalog::NPC_SENTENCES];

/// The views in which there may be sealed text. A designer's view may show what any other shows.
pub(crate) fn may_be_sealed(catalog: &Catalog) -> Vec<ViewId> {
    MAY_BE_SEALED.into_iter().chain(catalog.own()).collect()
}

/// A row's place.
type Place = (ViewId, Box<[Value]>);

/// The rows that are there and sealed, and by which keys.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    privacy: Privacy,
    sealed: FxHashMap<Place, Row>,
    pub(super) by_key: FxHashMap<KeyId, FxHashSet<Place>>,
}

impl Opener {
    pub(crate) fn new(privacy: Privacy) -> Opener {
        Opener { privacy, ..Opener::default() }
    }

    pub(crate) fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    /// The changes of a tick as readers are to see them. Keys that are `forgotten` in it are destroyed already, and
    /// known for the last time: what was read with them is taken back.
    pub(crate) fn open(&mut self, changes: Vec<ViewChanges>, forgotten: &[KeyId]) -> Vec<ViewChanges> {
        let touched = |changes: &ViewChanges| {
            (!changes.view.is_built_in() || MAY_BE_SEALED.contains(&changes.view))
                && (!forgotten.is_empty() || changes.rows().any(|(_, row, _)| is_in(row)))
        };
        if self.privacy.is_none() || (forgotten.is_empty() && !changes.iter().any(&touched)) {
            return changes;
        }
        let mut shown: Vec<(ViewId, Row, Diff)> = Vec::new();
        let mut sums: FxHashMap<ViewId, u128> = FxHashMap::default();
        let (mut plain, mut come) = (Vec::new(), Vec::new());
        for changes in changes {
            if !touched(&changes) {
                plain.push(changes);
                continue;
            }
            sums.insert(changes.view, changes.hash);
            for (view, row, diff) in changes.rows() {
                if diff > 0 {
                    come.push((view, row.clone(), diff));
                } else {
                    self.leave(view, row);
                    shown.push((view, self.shown(view, row), diff));
                }
            }
        }
        let stay: FxHashSet<Place> =
            forgotten.iter().filter_map(|id| self.by_key.remove(id)).flatten().collect();
        let rows = stay.iter().filter_map(|place| Some((place.0, self.sealed.get(place)?.clone())));
        let rows: Vec<(ViewId, Row)> = rows.collect();
        shown.extend(rows.iter().map(|(view, row)| (*view, self.shown(*view, row), -1)));
        self.privacy.drop_keys(forgotten);
        shown.extend(rows.iter().map(|(view, row)| (*view, self.shown(*view, row), 1)));
        for (view, row, diff) in come {
            self.come(view, &row);
            shown.push((view, self.shown(view, &row), diff));
        }
        let opened = ViewChanges::by_view(shown).into_iter().map(|mut changes| {
            changes.hash = sums.remove(&changes.view).unwrap_or(0);
            changes
        });
        plain.extend(opened);
        // Where all rows look the same as before only the sum is left.
        plain.extend(sums.into_iter().map(|(view, hash)| ViewChanges { view, changes: Vec::new(), hash }));
        plain
    }

    /// A view is no more: forgets its rows, and returns those that were sealed, by their keys.
    pub(crate) fn view_gone(&mut self, view: ViewId) -> FxHashMap<Box<[Value]>, Row> {
        let mut gone = FxHashMap::default();
        for (place, row) in self.sealed.extract_if(|(of, _), _| *of == view) {
            for id in keys_in(&row) {
                if let Some(places) = self.by_key.get_mut(&id) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.by_key.remove(&id);
                    }
                }
            }
            gone.insert(place.1, row);
        }
        gone
    }

    /// What a refused write found, as its sender may see it.
    pub(crate) fn open_current(&self, mut current: Current) -> Current {
        let open = |value: &mut Value| {
            if let Value::Text(text) = value
                && let Some(opened) = self.privacy.open_text(text, false)
            {
                *value = Value::Text(opened.into());
            }
        };
        match &mut current.value {
            CurrentValue::Fact(value) => open(value),
            CurrentValue::Entity(body) => {
                body.iter_mut().flat_map(|body| &mut body.properties).for_each(|(_, value)| open(value));
            }
        }
        current
    }

    fn shown(&self, view: ViewId, row: &Row) -> Row {
        if !is_in(row) {
            return row.clone();
        }
        let columns = view.def().columns.iter();
        let values = row.iter().zip(columns).map(|(value, column)| match value {
            Value::Text(text) => match self.privacy.open_text(text, column.kind == ColumnType::Json) {
                Some(opened) => Value::Text(opened.into()),
                None => value.clone(),
            },
            _ => value.clone(),
        });
        values.collect()
    }

    fn come(&mut self, view: ViewId, row: &Row) {
        let place = || (view, row.key(view.def().key).into());
        let ids = keys_in(row);
        if !ids.is_empty() {
            self.sealed.insert(place(), row.clone());
        }
        for id in ids {
            self.by_key.entry(id).or_default().insert(place());
        }
    }

    fn leave(&mut self, view: ViewId, row: &Row) {
        let ids = keys_in(row);
        if ids.is_empty() {
            return;
        }
        let place: Place = (view, row.key(view.def().key).into());
        self.sealed.remove(&place);
        for id in ids {
            if let Some(places) = self.by_key.get_mut(&id) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_key.remove(&id);
                }
            }
        }
    }
}

fn is_in(row: &Row) -> bool {
    row.iter().any(|value| matches!(value, Value::Text(text) if sealed::is_in(text)))
}

/// The keys of what is sealed in a row.
fn keys_in(row: &Row) -> FxHashSet<KeyId> {
    let mut ids = FxHashSet::default();
    for value in row.iter() {
        if let Value::Text(text) = value
            && sealed::is_in(text)
        {
            let _text = sealed::replaced(text, |body| {
                ids.extend(parts(body).map(|(id, _)| id));
                String::new()
            });
        }
    }
    ids
}
