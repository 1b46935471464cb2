//! A view at exactly one tick.
//!
//! The collector may be applying the next tick while a reader reads, so that the rows of two views
//! are of different ticks. Here they are brought back to the tick that the realm's progress names.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::{Delta, Filter, ViewStore};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Row, Tick, Value};

/// The rows of `view` that pass, as they were at `tick`, in no particular order. `None` when the
/// store has moved so far past `tick` that it can no longer tell, and ask again with a later tick; or when there is no
/// such view any more.
#[must_use]
pub fn rows_at(store: &ViewStore, view: ViewId, filter: &Filter, tick: Tick) -> Option<Vec<Row>> {
    let stored = store.get(view)?;
    let later = stored.since(tick)?;
    if later.is_empty() {
        return Some(stored.rows(filter).cloned().collect());
    }
    let key_columns = view.def().key;
    let mut then: FxHashMap<&[Value], Option<&Row>> = FxHashMap::default();
    // Within a delta removals come first; undone backwards, an old row thus has the last word.
    for (row, diff) in later.iter().rev().flat_map(|delta| delta.changes.iter().rev()) {
        then.insert(row.key(key_columns), (*diff < 0).then_some(row));
    }
    let unchanged = stored.rows(filter).filter(|row| !then.contains_key(row.key(key_columns)));
    let undone = then.values().flatten().copied().filter(|row| filter.passes(row));
    Some(unchanged.chain(undone).cloned().collect())
}

/// The deltas of `view` after `after`, up to and with `upto`, oldest first. `None` when some are no
/// longer held.
#[must_use]
pub fn deltas_between(store: &ViewStore, view: ViewId, after: Tick, upto: Tick) -> Option<Vec<Arc<Delta>>> {
    let mut deltas = store.get(view)?.since(after)?;
    deltas.truncate(deltas.partition_point(|delta| delta.tick <= upto));
    Some(deltas)
}

/// The rows of a view now, and the progress they belong to; `None` when there is no such view.
#[must_use]
pub fn rows_now(realm: &Realm, view: ViewId, filter: &Filter) -> Option<(Progress, Vec<Row>)> {
    loop {
        let progress = *realm.progress.borrow();
        if let Some(rows) = rows_at(&realm.views, view, filter, progress.tick) {
            return Some((progress, rows));
        }
        realm.views.get(view)?;
        std::thread::yield_now();
    }
}

/// Orders rows by their values, so that a listing is the same in every process.
pub fn sort_rows(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        a.iter()
            .zip(b.iter())
            .map(|(a, b)| a.compare(b).unwrap_or_else(|| rank(a).cmp(&rank(b))))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Dec(_) => 2,
        Value::Sym(_) | Value::Text(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use worldflow_schemas::catalog::ENGINE_STATS;

    fn stat(name: &str, value: i64) -> Row {
        Row::from([Value::Sym("realm".into()), Value::Sym(name.into()), Value::Dec(value)])
    }

    #[test]
    fn rows_are_those_of_the_tick_though_the_store_is_ahead() {
        let store = ViewStore::new(100);
        let view = ENGINE_STATS;
        store.apply(1, [(view, stat("a", 1), 1), (view, stat("b", 1), 1)]);
        store.apply(2, [(view, stat("a", 1), -1), (view, stat("a", 2), 1), (view, stat("c", 1), 1)]);
        store.apply(3, [(view, stat("a", 2), -1), (view, stat("b", 1), -1)]);
        let at = |tick| {
            let mut rows = rows_at(&store, view, &Filter::all(), tick).expect("held");
            sort_rows(&mut rows);
            rows
        };
        assert_eq!(at(1), [stat("a", 1), stat("b", 1)]);
        assert_eq!(at(2), [stat("a", 2), stat("b", 1), stat("c", 1)]);
        assert_eq!(at(3), [stat("c", 1)]);
    }
}
