//! Rows as frames: snapshots, and changes tick by tick, cut into parts that a client can hold.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Row, Tick, Value};

use super::super::frames::{Part, Rows};
use super::super::hub::term;
use super::super::inbox::{Change, Sub, fold};
use super::super::session::End;
use super::super::shown::{Shown, held_bytes};
use super::{MOST_FRAME_BYTES, MOST_ROWS, SLOW_TICKS, Writer};

/// What a tick changed of a subscription.
struct OfTick<'a> {
    sub: Sub,
    rows: Vec<&'a Arc<Shown>>,
    removed: Vec<&'a Arc<Shown>>,
    hash: Option<u64>,
}

impl Writer<'_> {
    pub(super) async fn snapshot(
        &mut self,
        sub: Sub,
        tick: Tick,
        reset: bool,
        rows: &[Row],
        removed: &[Row],
    ) -> Result<(), End> {
        let hash = sub.hash.then(|| self.hashes.get(&sub.id).copied().unwrap_or(0));
        let (row_cuts, removed_cuts) =
            (cuts(rows.iter().map(held_bytes)), cuts(removed.iter().map(held_bytes)));
        let parts = row_cuts.len().max(removed_cuts.len()).max(1);
        for n in 0..parts {
            let last = n + 1 == parts;
            let part = Part {
                id: sub.id,
                view: sub.view,
                after: 0,
                rows: Rows::Plain(&rows[nth(&row_cuts, n)]),
                removed: Rows::Plain(&removed[nth(&removed_cuts, n)]),
                hash: hash.filter(|_| last),
            };
            let message = self.frames.snapshot(&part, tick, reset && n == 0, last, self.work());
            self.send(message).await?;
        }
        self.delivered.insert(sub.id, tick);
        Ok(())
    }

    /// Sends changes tick by tick, or all as one when the reader is slow.
    pub(super) async fn deltas(&mut self, mut subs: Vec<(Sub, Vec<Change>)>, slow: bool) -> Result<(), End> {
        let ticks = subs.iter().map(|(_, changes)| changes.chunk_by(same_tick).count()).max().unwrap_or(0);
        if slow || ticks > SLOW_TICKS {
            metrics::counter!("worldflow_socket_conflated_ticks_total").increment(ticks as u64);
            let Some(last) = subs.iter().filter_map(|(_, changes)| Some(changes.last()?.tick)).max() else {
                return Ok(());
            };
            for (_, changes) in &mut subs {
                fold(changes);
                changes.iter_mut().for_each(|change| change.tick = last);
            }
        }
        let mut rest: Vec<(Sub, &[Change])> =
            subs.iter().map(|(sub, changes)| (*sub, changes.as_slice())).collect();
        while let Some(tick) = rest.iter().filter_map(|(_, changes)| Some(changes.first()?.tick)).min() {
            let mut of_tick = Vec::new();
            for (sub, changes) in &mut rest {
                let end = changes.iter().take_while(|change| change.tick == tick).count();
                let (these, later) = changes.split_at(end);
                *changes = later;
                of_tick.extend(self.of_tick(*sub, these));
            }
            self.delta(tick, &of_tick).await?;
        }
        Ok(())
    }

    fn of_tick<'c>(&mut self, sub: Sub, changes: &'c [Change]) -> Option<OfTick<'c>> {
        if changes.is_empty() {
            return None;
        }
        let hash = sub.hash.then(|| {
            let work = self.work();
            let hash = self.hashes.entry(sub.id).or_insert(0);
            *hash = changes.iter().fold(*hash, |hash, change| hash.wrapping_add(term(change, work)));
            *hash
        });
        let (rows, removed) = upserts(sub.view, changes);
        (!rows.is_empty() || !removed.is_empty()).then_some(OfTick { sub, rows, removed, hash })
    }

    async fn delta(&mut self, tick: Tick, subs: &[OfTick<'_>]) -> Result<(), End> {
        let mut frames = Vec::new();
        let mut parts: Vec<Part<'_>> = Vec::new();
        let (mut rows_in_frame, mut bytes_in_frame) = (0, 0);
        for OfTick { sub, rows, removed, hash } in subs {
            let after = self.delivered.insert(sub.id, tick).unwrap_or(0);
            let bytes = |shown: &&Arc<Shown>| shown.bytes();
            let (row_cuts, removed_cuts) = (cuts(rows.iter().map(bytes)), cuts(removed.iter().map(bytes)));
            let count = row_cuts.len().max(removed_cuts.len());
            for n in 0..count {
                let (rows, removed) = (&rows[nth(&row_cuts, n)], &removed[nth(&removed_cuts, n)]);
                let size = rows.len() + removed.len();
                let bytes = rows.iter().chain(removed).map(bytes).sum::<usize>();
                if rows_in_frame > 0
                    && (rows_in_frame + size > MOST_ROWS || bytes_in_frame + bytes > MOST_FRAME_BYTES)
                {
                    frames.push(std::mem::take(&mut parts));
                    (rows_in_frame, bytes_in_frame) = (0, 0);
                }
                (rows_in_frame, bytes_in_frame) = (rows_in_frame + size, bytes_in_frame + bytes);
                parts.push(Part {
                    id: sub.id,
                    view: sub.view,
                    after,
                    rows: Rows::Shown(rows),
                    removed: Rows::Shown(removed),
                    hash: hash.filter(|_| n + 1 == count),
                });
            }
        }
        if !parts.is_empty() {
            frames.push(parts);
        }
        let last = frames.len();
        for (n, parts) in frames.iter().enumerate() {
            let message = self.frames.delta(tick, n + 1 == last, parts, self.work());
            self.send(message).await?;
        }
        Ok(())
    }
}

fn same_tick(a: &Change, b: &Change) -> bool {
    a.tick == b.tick
}

/// Where items of these sizes are cut, so that no part has too many or is too large.
pub(super) fn cuts(bytes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let mut sum = 0;
    for (n, bytes) in bytes.enumerate() {
        match cuts.last_mut() {
            Some(cut) if cut.len() < MOST_ROWS && sum + bytes <= MOST_FRAME_BYTES => {
                cut.end = n + 1;
                sum += bytes;
            }
            _ => {
                cuts.push(n..n + 1);
                sum = bytes;
            }
        }
    }
    cuts
}

fn nth(cuts: &[Range<usize>], n: usize) -> Range<usize> {
    cuts.get(n).cloned().unwrap_or(0..0)
}

/// Splits the net changes of a tick into rows that are there now and rows that are gone.
fn upserts(view: ViewId, changes: &[Change]) -> (Vec<&Arc<Shown>>, Vec<&Arc<Shown>>) {
    let key = view.def().key;
    let come = changes.iter().filter(|change| change.diff > 0);
    let rows: Vec<&Arc<Shown>> = come.map(|change| &change.shown).collect();
    let gone = changes.iter().filter(|change| change.diff < 0).map(|change| &change.shown);
    // Most often a row takes the place of another.
    if let [row] = &rows[..] {
        let removed = gone.filter(|shown| shown.row().key(key) != row.row().key(key)).collect();
        return (rows, removed);
    }
    let there: FxHashSet<&[Value]> = rows.iter().map(|shown| shown.row().key(key)).collect();
    let removed = gone.filter(|shown| !there.contains(shown.row().key(key))).collect();
    (rows, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_no_more_rows_and_bytes_than_they_may() {
        let lengths = |bytes: Vec<usize>| cuts(bytes.into_iter()).iter().map(Range::len).collect::<Vec<_>>();
        assert_eq!(lengths(vec![]), [0_usize; 0]);
        assert_eq!(lengths(vec![1; 2 * MOST_ROWS + 1]), [MOST_ROWS, MOST_ROWS, 1]);
        assert_eq!(lengths(vec![MOST_FRAME_BYTES / 2; 5]), [2, 2, 1]);
        // One that is larger than a part goes alone.
        assert_eq!(lengths(vec![1, 2 * MOST_FRAME_BYTES, 1, 1]), [1, 1, 2]);
    }
}
