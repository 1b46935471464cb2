//! The rows of views as they are on a worker, kept for whoever asks for them later: a view in SQL, a rule, a condition.
//!
//! Few ask, and every change of a row is kept. So only some changes are worked off at once; those of a tick that changes very many
//! rows wait, and are worked off in the ticks after it, or when somebody asks.

use std::collections::VecDeque;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxHashMap;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row};

/// So many changes are worked off in a tick, or a [`SHARE`] of those that wait.
const AT_ONCE: usize = 4096;
const SHARE: usize = 8;

/// A row, and a part of its hash, so that a table that grows need not go to it.
#[derive(Debug)]
struct Kept {
    hash: u64,
    row: Row,
    diff: Diff,
}

/// The rows of views, how often each is there.
#[derive(Debug, Default)]
pub(crate) struct KeptRows {
    views: FxHashMap<ViewId, HashTable<Kept>>,
    waiting: VecDeque<(ViewId, Row, Diff)>,
}

impl KeptRows {
    /// Takes the changes of a tick.
    pub(crate) fn add(&mut self, changes: Vec<(ViewId, Row, Diff)>) {
        if self.waiting.is_empty() && changes.len() <= AT_ONCE {
            changes.into_iter().for_each(|change| self.keep(change));
            return;
        }
        self.waiting.extend(changes);
        self.work_off(AT_ONCE.max(self.waiting.len() / SHARE));
    }

    /// The rows of a view, how often each is there.
    pub(crate) fn of(&mut self, view: ViewId) -> impl Iterator<Item = (&Row, Diff)> {
        self.work_off(self.waiting.len());
        self.views.get(&view).into_iter().flatten().map(|kept| (&kept.row, kept.diff))
    }

    /// The views that have had rows.
    pub(crate) fn views(&mut self) -> Vec<ViewId> {
        self.work_off(self.waiting.len());
        self.views.keys().copied().collect()
    }

    fn work_off(&mut self, most: usize) {
        for _ in 0..most {
            let Some(change) = self.waiting.pop_front() else { return };
            self.keep(change);
        }
    }

    fn keep(&mut self, (view, row, diff): (ViewId, Row, Diff)) {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let hash = row.hash128() as u64;
        let rows = self.views.entry(view).or_default();
        match rows.entry(hash, |kept| kept.hash == hash && kept.row == row, |kept| kept.hash) {
            Entry::Occupied(mut found) => {
                found.get_mut().diff += diff;
                if found.get().diff == 0 {
                    found.remove();
                }
            }
            Entry::Vacant(free) => drop(free.insert(Kept { hash, row, diff })),
        }
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::{Value, catalog};

    use super::*;

    /// The changes that lead from `from` to `to` rows.
    fn changes(from: usize, to: usize) -> Vec<(ViewId, Row, Diff)> {
        let row = |n: usize| Row::from([Value::count(n as u64)]);
        let come = (from..to).map(|n| (catalog::FACTS, row(n), 1));
        come.chain((to..from).map(|n| (catalog::FACTS, row(n), -1))).collect()
    }

    fn count(kept: &mut KeptRows) -> usize {
        kept.of(catalog::FACTS).inspect(|(_, diff)| assert_eq!(*diff, 1)).count()
    }

    #[test]
    fn what_waits_is_there_for_whoever_asks() {
        let mut kept = KeptRows::default();
        kept.add(changes(0, 10));
        assert!(kept.waiting.is_empty());
        kept.add(changes(10, 4 * AT_ONCE));
        assert_eq!(kept.waiting.len(), 3 * AT_ONCE - 10);
        assert_eq!(count(&mut kept), 4 * AT_ONCE);
        assert_eq!(kept.of(catalog::LEVELS).count(), 0);
        assert_eq!(kept.views(), [catalog::FACTS]);
    }

    #[test]
    fn what_waits_is_worked_off_by_the_ticks_after_it_in_its_order() {
        let mut kept = KeptRows::default();
        kept.add(changes(0, 3 * AT_ONCE));
        kept.add(changes(3 * AT_ONCE, 1));
        assert_eq!(kept.waiting.len(), 4 * AT_ONCE - 1);
        for _ in 0..4 {
            kept.add(Vec::new());
        }
        assert!(kept.waiting.is_empty());
        assert_eq!(count(&mut kept), 1);
    }

    #[test]
    fn of_what_comes_faster_than_it_is_worked_off_a_share_waits() {
        let mut kept = KeptRows::default();
        for n in 0..40 {
            let (from, to) = if n % 2 == 0 { (0, 2 * AT_ONCE) } else { (2 * AT_ONCE, 0) };
            kept.add(changes(from, to));
        }
        assert!(kept.waiting.len() < 2 * SHARE * AT_ONCE, "{} wait", kept.waiting.len());
        assert_eq!(count(&mut kept), 0);
    }
}
