//! The changes of one view at one tick, ready to be applied: consolidated, with the hash of each
//! row's key and their sum in the state hash.
//!
//! Made where the rows are, on the workers' threads, so that the one collector has little left to
//! do. Both sums are linear: the parts of several workers add up.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxHashSet, FxHasher};
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::row::Salt;
use worldflow_schemas::{Diff, Row, Value};

/// The consolidated changes of one view at one tick.
#[derive(Debug)]
pub struct ViewChanges {
    /// The view.
    pub view: ViewId,
    /// Each row once, in no particular order.
    pub(crate) changes: Vec<Change>,
    /// Σ diff · term of a deterministic view.
    pub(crate) hash: u128,
}

/// A change of a row.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) row: Row,
    pub(crate) diff: Diff,
    /// The hash of the row's key in this process.
    pub(crate) key: u64,
    /// Whether it has the key of the row before it, which goes: it takes that one's place.
    pub(crate) replaces: bool,
    /// The low half of the row's hash.
    hash: u64,
}

impl ViewChanges {
    /// Consolidates changes of rows.
    #[must_use]
    pub fn new(view: ViewId, rows: Vec<(Row, Diff)>) -> ViewChanges {
        let def = view.def();
        let salt = Salt::new(def.name);
        let mut hash = 0_u128;
        let mut changes: Vec<Change> = Vec::with_capacity(rows.len());
        for (row, diff) in rows {
            if def.deterministic {
                hash = hash.wrapping_add(row.term(salt).wrapping_mul(widened(diff)));
            }
            #[expect(clippy::cast_possible_truncation, reason = "the low half")]
            let low = row.hash128() as u64;
            let key = key_hash(row.key(def.key));
            let replaces = diff > 0
                && changes.last().is_some_and(|last| {
                    last.diff < 0 && last.key == key && last.row.key(def.key) == row.key(def.key)
                });
            changes.push(Change { row, diff, key, replaces, hash: low });
        }
        add_up(&mut changes);
        ViewChanges { view, changes, hash }
    }

    /// Adds the changes of the same view and tick from another worker.
    pub fn merge(&mut self, other: ViewChanges) {
        self.hash = self.hash.wrapping_add(other.hash);
        self.changes.extend(other.changes);
        add_up(&mut self.changes);
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The rows that change.
    pub fn rows(&self) -> impl Iterator<Item = (ViewId, &Row, Diff)> {
        self.changes.iter().map(|change| (self.view, &change.row, change.diff))
    }

    /// Groups changes by their views.
    #[must_use]
    pub fn by_view(rows: impl IntoIterator<Item = (ViewId, Row, Diff)>) -> Vec<ViewChanges> {
        let mut by_view: BTreeMap<ViewId, Vec<(Row, Diff)>> = BTreeMap::new();
        for (view, row, diff) in rows {
            by_view.entry(view).or_default().push((row, diff));
        }
        by_view.into_iter().map(|(view, rows)| ViewChanges::new(view, rows)).collect()
    }
}

/// The hash of a key in this process.
pub(crate) fn key_hash(key: &[Value]) -> u64 {
    let mut hasher = FxHasher::default();
    key.iter().for_each(|value| value.hash(&mut hasher));
    hasher.finish()
}

/// A diff as a factor of wrapping sums.
#[expect(clippy::cast_sign_loss, reason = "a negative factor wraps around as it should")]
fn widened(diff: Diff) -> u128 {
    diff as i128 as u128
}

/// Adds up the diffs of equal rows and drops zeros.
fn add_up(changes: &mut Vec<Change>) {
    let met = Met::new(changes.iter().map(|change| change.hash));
    let mut added = changes.iter().any(|change| change.diff == 0);
    if !met.again.is_empty() {
        let mut places: HashTable<usize> = HashTable::with_capacity(4 * met.again.len());
        for next in 0..changes.len() {
            let (before, rest) = changes.split_at_mut(next);
            let Change { row, hash, diff, .. } = &mut rest[0];
            if !met.may_be_again(*hash) {
                continue;
            }
            let same = |place: &usize| before[*place].hash == *hash && before[*place].row == *row;
            match places.entry(*hash, same, |place| before[*place].hash) {
                Entry::Occupied(place) => {
                    before[*place.get()].diff += std::mem::take(diff);
                    added = true;
                }
                Entry::Vacant(free) => drop(free.insert(next)),
            }
        }
    }
    if added {
        let mut gone = false;
        changes.retain_mut(|change| {
            change.replaces &= !std::mem::replace(&mut gone, change.diff == 0);
            change.diff != 0
        });
    }
}

/// Which hashes may have been met more than once. Most rows of a tick are there once, and to find that out costs a bit each
/// instead of a place in a table.
struct Met {
    mask: usize,
    /// Of several hashes those that end alike.
    again: FxHashSet<usize>,
}

impl Met {
    /// Bits of a hash: so few hashes end alike.
    const BITS: usize = 16;

    fn new(hashes: impl ExactSizeIterator<Item = u64>) -> Met {
        let bits = (hashes.len() * Met::BITS).next_power_of_two().max(64);
        let mut seen = vec![0_u64; bits / 64];
        let mut met = Met { mask: bits - 1, again: FxHashSet::default() };
        for hash in hashes {
            let place = met.place(hash);
            let (word, bit) = (&mut seen[place / 64], 1 << (place % 64));
            if *word & bit != 0 {
                met.again.insert(place);
            }
            *word |= bit;
        }
        met
    }

    #[expect(clippy::cast_possible_truncation, reason = "only how it ends matters")]
    fn place(&self, hash: u64) -> usize {
        hash as usize & self.mask
    }

    fn may_be_again(&self, hash: u64) -> bool {
        self.again.contains(&self.place(hash))
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::catalog;

    use super::*;

    fn row(n: i64) -> Row {
        Row::from([n.into(), (n + 1).into()])
    }

    fn listed(changes: &ViewChanges) -> Vec<(i64, Diff)> {
        let mut rows: Vec<_> = (changes.rows())
            .map(|(_, row, diff)| (i64::try_from(row[0].as_millionths().unwrap_or(0) / 1_000_000), diff))
            .map(|(n, diff)| (n.expect("small"), diff))
            .collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn equal_rows_add_up_within_a_worker_and_across_workers() {
        let one = vec![(row(1), 1), (row(2), -1), (row(1), -1), (row(3), 1), (row(4), 1)];
        let mut one = ViewChanges::new(catalog::FACTS, one);
        assert_eq!(listed(&one), [(2, -1), (3, 1), (4, 1)]);
        let other = ViewChanges::new(catalog::FACTS, vec![(row(4), -1), (row(5), 1)]);
        one.merge(other);
        assert_eq!(listed(&one), [(2, -1), (3, 1), (5, 1)]);
        let whole = ViewChanges::new(catalog::FACTS, vec![(row(2), -1), (row(3), 1), (row(5), 1)]);
        assert_eq!(one.hash, whole.hash);
        assert_ne!(one.hash, 0);
    }

    #[test]
    fn a_row_takes_the_place_of_the_one_before_it_as_long_as_that_is_there() {
        let replaces = |rows: Vec<(Row, Diff)>| -> Vec<bool> {
            let changes = ViewChanges::new(catalog::CLOCK, rows).changes;
            changes.iter().map(|change| change.replaces).collect()
        };
        let columns = catalog::CLOCK.def().key;
        let row = |key: i64, n: i64| -> Row { (0..columns).map(|_| key.into()).chain([n.into()]).collect() };
        assert_eq!(replaces(vec![(row(1, 1), -1), (row(1, 2), 1), (row(1, 3), 1)]), [false, true, false]);
        assert_eq!(replaces(vec![(row(1, 1), -1), (row(2, 2), 1), (row(2, 3), -1)]), [false; 3]);
        // The one before it has come again, or has not been there.
        let back = vec![(row(1, 1), -1), (row(1, 2), 1), (row(2, 1), -1), (row(1, 1), 1)];
        assert_eq!(replaces(back), [false, false]);
        let twice = vec![(row(1, 1), -1), (row(1, 2), 1), (row(1, 2), -1), (row(1, 3), 1)];
        assert_eq!(replaces(twice), [false, false]);
    }

    #[test]
    fn of_many_rows_those_that_come_and_go_are_gone_and_the_others_stay() {
        let mut rows: Vec<(Row, Diff)> = (0..5_000).map(|n| (row(n), 1)).collect();
        rows.extend((0..5_000).filter(|n| n % 3 == 0).map(|n| (row(n), -1)));
        rows.extend((0..5_000).filter(|n| n % 5 == 0).map(|n| (row(n), 1)));
        let expected = (0..5_000).map(|n| (n, 1 - Diff::from(n % 3 == 0) + Diff::from(n % 5 == 0)));
        let expected: Vec<(i64, Diff)> = expected.filter(|(_, diff)| *diff != 0).collect();
        assert_eq!(listed(&ViewChanges::new(catalog::FACTS, rows)), expected);
    }
}
