//! Grants that nobody has answered: they come again after a while, to whoever may answer them.

use std::collections::BTreeMap;
use std::ops::Bound;

use worldflow_engine::view_store::{Delta, StoredView};
use worldflow_schemas::{ArcStr, Row, Tick, Value, catalog};

use super::super::access::Wanted;

/// The most grants that come again to one subscription at once; the next time others do.
const MOST_AGAIN: usize = 1_000;

/// The most that are looked at for it.
const MOST_LOOKED_AT: usize = 10 * MOST_AGAIN;

/// A grant's place among those that wait: when it was earned, and its id.
pub(crate) type Place = (Tick, ArcStr);

/// The grants that wait for an answer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: BTreeMap<Place, Row>,
}

impl Pending {
    /// Takes what the view holds.
    pub(super) fn of(view: &StoredView) -> Pending {
        let mut pending = Pending::default();
        view.rows(&Default::default()).for_each(|row| pending.put(row));
        pending
    }

    fn put(&mut self, row: &Row) {
        if matches!(column(row, "status").and_then(Value::as_str), Some("pending" | "clawback")) {
            self.rows.insert(place(row), row.clone());
        }
    }

    /// Follows the view. What has been taken in before may come again.
    pub(super) fn apply(&mut self, delta: &Delta) {
        // Removals come before additions.
        for (row, diff) in &delta.changes {
            if *diff > 0 { self.put(row) } else { drop(self.rows.remove(&place(row))) }
        }
    }

    /// Those up to `tick` that are wanted: after the one that came last, and from the first again when
    /// there is none after it. `last` becomes the last of them when there are more.
    pub(super) fn again(&self, tick: Tick, wanted: &Wanted, last: &mut Option<Place>) -> Vec<Row> {
        let after = last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = Vec::new();
        let waiting =
            self.rows.range((after, Bound::Unbounded)).take_while(|((earned, _), _)| *earned <= tick);
        for (n, (place, row)) in (1..).zip(waiting) {
            if wanted.passes(row) {
                rows.push(row.clone());
            }
            if rows.len() == MOST_AGAIN || n == MOST_LOOKED_AT {
                *last = Some(place.clone());
                break;
            }
        }
        rows
    }
}

fn column<'a>(row: &'a Row, name: &str) -> Option<&'a Value> {
    catalog::GRANTS.def().column(name).and_then(|column| row.get(column))
}

fn place(row: &Row) -> Place {
    let tick = match column(row, "tick") {
        Some(Value::Int(tick)) => Tick::try_from(*tick).unwrap_or(0),
        _ => 0,
    };
    (tick, column(row, "grant").and_then(Value::as_str).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(id: &str, status: &str, tick: Tick) -> Row {
        let values = catalog::GRANTS.def().columns.iter().map(|column| match column.name {
            "grant" => Value::text(id),
            "status" => Value::Sym(status.into()),
            "tick" => Value::count(tick),
            _ => Value::Null,
        });
        Row::new(values.collect::<Vec<_>>())
    }

    fn ids(rows: &[Row]) -> Vec<String> {
        rows.iter().map(|row| place(row).1.to_string()).collect()
    }

    #[test]
    fn those_that_have_waited_come_again_in_turn() {
        let delta = |tick, changes| Delta { tick, changes };
        let mut pending = Pending::default();
        let added = [("a", 1), ("b", 2), ("c", 9)].map(|(id, tick)| (grant(id, "pending", tick), 1));
        pending.apply(&delta(9, added.to_vec()));
        let (all, mut last) = (Wanted::default(), None);
        assert_eq!(ids(&pending.again(5, &all, &mut last)), ["a", "b"]);
        assert_eq!(ids(&pending.again(5, &all, &mut last)), ["a", "b"]);
        pending.apply(&delta(10, vec![(grant("a", "pending", 1), -1), (grant("a", "delivered", 1), 1)]));
        assert_eq!(ids(&pending.again(9, &all, &mut last)), ["b", "c"]);
        // More than come at once.
        let names: Vec<String> = (0..=MOST_AGAIN).map(|n| format!("g{n:04}")).collect();
        pending.apply(&delta(11, names.iter().map(|id| (grant(id, "pending", 11), 1)).collect()));
        let first = ids(&pending.again(20, &all, &mut last));
        assert_eq!((first.len(), &*first[0], &*first[2]), (MOST_AGAIN, "b", "g0000"));
        assert_eq!(ids(&pending.again(20, &all, &mut last)), names[MOST_AGAIN - 2..]);
        assert_eq!(ids(&pending.again(20, &all, &mut last))[0], "b");
    }
}
