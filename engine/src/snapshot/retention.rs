//! What is kept of snapshots and the journal, beyond what a restart needs: a span of the past and a size.
//!
//! Any tick of the span can be rebuilt: from a kept snapshot that is not after it, and the journal since. So
//! the newest snapshot at or before the span's beginning is kept, some after it, and the last two. Age is
//! counted in ticks, so that a realm that was stopped for a month keeps what it had.

use std::io::{Seek, SeekFrom};

use tracing::warn;
use worldflow_schemas::Tick;

use super::manifest::{self, Listed, files};
use super::{KEPT, list};
use crate::disk::Folder;
use crate::journal::{JournalError, remove_through};

/// What is kept of the past. Nothing but what a restart needs, unless told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Every tick of the last so many milliseconds can be rebuilt ...
    pub keep_ms: u64,
    /// ... as far as journal and snapshots together then take no more bytes than this.
    pub at_most_bytes: u64,
}

/// Of the span, this part may lie between two kept snapshots.
const PARTS: u64 = 8;

/// Which of snapshots, oldest first, are kept, and whether what is before the first of them is not needed.
fn thinned(ticks: &[Tick], now: Tick, keep_ticks: u64) -> (Vec<bool>, bool) {
    let begins = now.saturating_sub(keep_ticks);
    let anchor = ticks.iter().rposition(|tick| *tick <= begins);
    let mut last: Option<Tick> = None;
    let kept = (ticks.iter().enumerate()).map(|(place, tick)| {
        let newest = place + KEPT >= ticks.len();
        let apart = last.is_none_or(|last| *tick >= last.saturating_add(keep_ticks / PARTS));
        let kept = newest || (anchor.is_none_or(|anchor| place >= anchor) && apart);
        if kept {
            last = Some(*tick);
        }
        kept
    });
    (kept.collect(), anchor.is_some())
}

/// Removes what the rule does not keep, as of `now`. `numbers` are of files that are in use besides.
pub(super) fn apply(
    snapshots: &Folder,
    journal: &Folder,
    now: Tick,
    keep_ticks: u64,
    at_most_bytes: u64,
    numbers: impl Fn(u64) -> bool + Copy,
) {
    let mut listed = list(snapshots);
    listed.reverse();
    let ticks: Vec<Tick> = listed.iter().map(|listed| listed.tick).collect();
    let (kept, anchored) = thinned(&ticks, now, keep_ticks);
    let mut kept = kept.into_iter();
    let (mut left, gone): (Vec<Listed>, Vec<Listed>) =
        listed.into_iter().partition(|_| kept.next().unwrap_or(true));
    manifest::remove(snapshots, &gone, numbers);
    if left.len() < KEPT {
        return;
    }
    let cut = |left: &[Listed]| {
        let removed = left.first().map(|oldest| remove_through(journal, oldest.tick));
        removed.unwrap_or(Ok(false)).unwrap_or_else(|error: JournalError| {
            warn!(%error, "an old segment of the journal cannot be removed");
            false
        })
    };
    if anchored {
        cut(&left);
    }
    if keep_ticks == 0 {
        return;
    }
    while bytes(snapshots) + bytes(journal) > at_most_bytes {
        if cut(&left) {
            continue;
        }
        if left.len() <= KEPT {
            break;
        }
        manifest::remove(snapshots, &[left.remove(0)], numbers);
    }
}

/// The length of a folder's files.
fn bytes(folder: &Folder) -> u64 {
    let length = |path: std::path::PathBuf| folder.disk.reader(&path).ok()?.seek(SeekFrom::End(0)).ok();
    files(folder).filter_map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(ticks: &[Tick], now: Tick, keep: u64) -> (Vec<Tick>, bool) {
        let (kept, anchored) = thinned(ticks, now, keep);
        (ticks.iter().zip(kept).filter_map(|(tick, kept)| kept.then_some(*tick)).collect(), anchored)
    }

    #[test]
    fn what_the_span_needs_is_kept_and_the_last_two() {
        assert_eq!(kept(&[1, 2, 3], 3, 0), (vec![2, 3], true));
        assert_eq!(kept(&[1], 1, 0), (vec![1], true));
        // The span begins at 100: 90 is what it is rebuilt from.
        assert_eq!(kept(&[10, 90, 120, 150, 170, 180], 180, 80), (vec![90, 120, 150, 170, 180], true));
        // Close to one another, some are enough.
        assert_eq!(kept(&[90, 95, 99, 101, 105, 112, 180], 180, 80), (vec![99, 112, 180], true));
        // The span begins before the first: what is before it is needed too.
        assert_eq!(kept(&[90, 120], 180, 150), (vec![90, 120], false));
    }

    #[test]
    fn over_a_long_time_any_tick_of_the_span_has_a_snapshot_before_it_and_they_are_few() {
        let mut ticks: Vec<Tick> = Vec::new();
        for now in (1..20_000).step_by(7) {
            ticks.push(now);
            let (left, anchored) = kept(&ticks, now, 1000);
            assert!(left.len() <= 12, "{left:?}");
            assert!(now < 1001 || (anchored && left[0] <= now - 1000), "{now}: {left:?}");
            assert!(now < 1200 || left[0] >= now - 1200, "{now}: {left:?}");
            ticks = left;
        }
    }
}
