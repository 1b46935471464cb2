//! Rows of views that prompts read, kept by whose they are, in the order of their keys.
//!
//! `ViewNow ─by whose, by key→ the first rows of one player and NPC ─→ a line each`
//!
//! Rows are as of the end of the tick before, as conditions see them, which look up theirs by whole keys elsewhere. Nothing here is
//! base state: after a load all rows are told again.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use worldflow_schemas::catalog::{Named, ViewDef, ViewId};
use worldflow_schemas::definitions::PromptDef;
use worldflow_schemas::{Row, Sym, Value, sealed};

use super::known::Around;
use crate::messages::ViewNow;
use crate::quests::{SeenViews, hashed};

/// The most of a row that a prompt reads, in characters.
const MOST_ROW: usize = 500;

/// The column that says all of a row.
const TEXT: &str = "text";

/// The views of which a prompt reads rows.
pub(crate) fn views_of_prompt(def: &PromptDef) -> Vec<Sym> {
    def.views().map(Sym::new).collect()
}

/// Whom a row that comes or goes concerns: its view, and the player whose it is, if its key says so.
pub(super) fn concerned(now: &ViewNow) -> (Sym, Option<Sym>) {
    let (view, row) = match now {
        ViewNow::Asked { view, .. } => return (*view, None),
        ViewNow::Row { view, row, .. } => (view.def(), row),
    };
    let player = (1..view.key).find(|at| view.columns[*at].name == "player");
    // Of whom nobody has heard nobody is to be looked at.
    let player =
        player.map(|at| row.get(at).and_then(Value::as_str).and_then(Sym::find).unwrap_or(Sym::NONE));
    (Sym::new(view.name), player)
}

/// Whose a row is, as hashes of ids in the order of the key's columns.
type Whose = SmallVec<[u128; 2]>;

/// The rows of the views that prompts name.
#[derive(Debug, Default)]
pub(super) struct RowsRead {
    views: FxHashMap<Sym, FxHashMap<ViewId, OfView>>,
}

/// The rows of a view of one shape.
#[derive(Debug)]
struct OfView {
    def: &'static ViewDef,
    /// The columns that say whose a row is; `None` if nobody can follow them.
    named: Option<Vec<(usize, Named)>>,
    rows: FxHashMap<Whose, BTreeMap<Key, Row>>,
}

impl RowsRead {
    /// These are the views that prompts name. Of those that are new all rows are taken that conditions see.
    pub(super) fn follow(&mut self, views: impl Iterator<Item = Sym>, seen: &SeenViews) {
        let wanted: FxHashSet<Sym> = views.collect();
        self.views.retain(|view, _| wanted.contains(view));
        for view in wanted {
            if let Entry::Vacant(entry) = self.views.entry(view) {
                entry.insert(FxHashMap::default());
                seen.rows_of(view).for_each(|(id, row)| self.add(view, id, row.clone()));
            }
        }
    }

    /// Whether some prompt names a view.
    pub(super) fn is_read(&self, view: Sym) -> bool {
        self.views.contains_key(&view)
    }

    /// Takes in what is told in a tick: what goes before what comes.
    pub(super) fn tell(&mut self, told: &[ViewNow]) {
        if self.views.is_empty() {
            return;
        }
        let rows = |is_there: bool| {
            told.iter().filter_map(move |now| match now {
                ViewNow::Row { view, row, there } if *there == is_there => Some((*view, row)),
                _ => None,
            })
        };
        for (view, row) in rows(false) {
            self.remove(Sym::new(view.def().name), view, row);
        }
        for (view, row) in rows(true) {
            self.add(Sym::new(view.def().name), view, row.clone());
        }
        for now in told {
            if let ViewNow::Asked { view, asked: false } = now
                && let Some(rows) = self.views.get_mut(view)
            {
                rows.clear();
            }
        }
    }

    fn add(&mut self, name: Sym, view: ViewId, row: Row) {
        let Some(shapes) = self.views.get_mut(&name) else { return };
        let of_view = shapes.entry(view).or_insert_with(|| OfView {
            def: view.def(),
            named: view.def().whose().ok(),
            rows: FxHashMap::default(),
        });
        let Some(whose) = of_view.whose_row(&row) else { return };
        let key = of_view.key(&row);
        of_view.rows.entry(whose).or_default().insert(key, row);
    }

    fn remove(&mut self, name: Sym, view: ViewId, row: &Row) {
        let Some(shapes) = self.views.get_mut(&name) else { return };
        let Some(of_view) = shapes.get_mut(&view) else { return };
        let Some(whose) = of_view.whose_row(row) else { return };
        let key = of_view.key(row);
        if let Some(rows) = of_view.rows.get_mut(&whose) {
            rows.remove(&key);
            if rows.is_empty() {
                of_view.rows.remove(&whose);
            }
        }
        if of_view.rows.is_empty() {
            shapes.remove(&view);
        }
    }

    /// The first rows of a view that are of the player, of the NPC or everybody's, a line each. What is for a place reads none of a view
    /// whose rows may be about a player.
    pub(super) fn lines(
        &self,
        view: Sym,
        most: usize,
        (npc, around): (Sym, &Around<'_>),
        is_shared: bool,
    ) -> Vec<String> {
        let shapes = self.views.get(&view).into_iter().flat_map(FxHashMap::values);
        let heard = shapes.filter(|of_view| !is_shared || of_view.def.somebody().is_none());
        let rows = heard.filter_map(|of_view| {
            let rows = of_view.rows.get(&of_view.whose(npc, around)?)?;
            Some(rows.values().filter_map(move |row| of_view.line(row)))
        });
        rows.flatten().take(most).collect()
    }
}

impl OfView {
    fn key(&self, row: &Row) -> Key {
        Key(row.key(self.def.key).iter().skip(1).cloned().collect())
    }

    fn whose_row(&self, row: &Row) -> Option<Whose> {
        self.named.as_ref()?.iter().map(|(at, _)| row.get(*at).map(hashed)).collect()
    }

    /// Whose rows are wanted; `None` if they are of somebody who is not there.
    fn whose(&self, npc: Sym, around: &Around<'_>) -> Option<Whose> {
        let id = |(_, named): &(usize, Named)| match named {
            Named::Npc => Some(npc),
            Named::Holder(scope) => Some(around.holder(*scope)?.id),
        };
        self.named.as_ref()?.iter().map(|part| Some(hashed(&Value::Sym(id(part)?)))).collect()
    }

    /// What a row says: its text, or all its columns but those that say whose it is. What is personal, or not there, is left out.
    fn line(&self, row: &Row) -> Option<String> {
        let says = |at: usize| {
            let value = row.get(at).filter(|value| **value != Value::Null)?;
            let is_plain = value.as_str().is_none_or(|text| !sealed::is_in(text));
            is_plain.then(|| value.to_string())
        };
        let line = if let Some(at) = self.def.column(TEXT) {
            says(at)?
        } else {
            let named = self.named.as_deref().unwrap_or_default();
            let others = (1..self.def.columns.len()).filter(|at| named.iter().all(|(place, _)| place != at));
            let pairs = others.filter_map(|at| Some(format!("{}: {}", self.def.columns[at].name, says(at)?)));
            pairs.collect::<Vec<_>>().join(", ")
        };
        let line: String = line.trim().chars().take(MOST_ROW).collect();
        (!line.is_empty()).then_some(line)
    }
}

/// A key, ordered by value: numbers by size, texts by text.
#[derive(Clone, Debug)]
struct Key(SmallVec<[Value; 4]>);

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        let kind = |value: &Value| match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Dec(_) => 2,
            Value::Sym(_) | Value::Text(_) => 3,
        };
        let of_columns = self.0.iter().zip(&other.0);
        let mut orders = of_columns.map(|(a, b)| a.compare(b).unwrap_or_else(|| kind(a).cmp(&kind(b))));
        orders.find(|order| order.is_ne()).unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}
