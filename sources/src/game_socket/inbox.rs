//! What waits for one session: changes of its subscriptions, snapshots it is owed, events it follows.
//!
//! The hub fills it and never waits; the session's writer empties it when its client has read what came
//! before. It is bounded: a session that falls behind has its changes folded together by row, and one
//! that falls further behind is owed a snapshot instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::time::Instant;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Tick};

use super::access::Wanted;
use super::stream::{Missed, Stream, Streamed};

/// Changes that wait for one session before they are folded.
pub(super) const MOST_CHANGES: usize = 16_384;

/// Changed subscriptions that wait for one session before they are owed a whole snapshot instead.
const MOST_REFRAMES: usize = 8;

/// A change of a subscription.
pub(super) type Change = (Tick, Row, Diff);

/// What a changed subscription is sent: what it was owed before, then what the change brings.
#[derive(Debug)]
pub(super) struct Reframe {
    /// The subscription.
    pub(super) sub: u32,
    /// Its view.
    pub(super) view: ViewId,
    /// Changes before.
    pub(super) before: Vec<Change>,
    /// The tick at which it changed.
    pub(super) tick: Tick,
    /// What it wanted before.
    pub(super) old: Arc<Wanted>,
    /// What it wants since.
    pub(super) new: Arc<Wanted>,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Subscriptions that are owed a snapshot.
    pub(super) snapshots: Vec<(u32, ViewId)>,
    /// Changed subscriptions.
    pub(super) reframes: Vec<Reframe>,
    /// Changes of each subscription that may be sent now, in order.
    pub(super) changes: Vec<(u32, ViewId, Vec<Change>)>,
    /// What each follower has missed, and its events.
    pub(super) events: Vec<(u32, Missed, Vec<Streamed>)>,
    /// When changes that wait for their rate may be sent.
    pub(super) due: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    view: ViewId,
    changes: Vec<Change>,
    owed: bool,
    period: Option<Duration>,
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    subs: BTreeMap<u32, Waiting>,
    reframes: Vec<Reframe>,
    stream: Stream,
    changes: usize,
}

/// One session's inbox.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Woken when there is something to take.
    pub(super) ready: Notify,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a subscription that is owed its first snapshot.
    pub(super) fn open(&self, sub: u32, view: ViewId, period: Option<Duration>) {
        let waiting = Waiting { view, changes: Vec::new(), owed: true, period, due: None };
        self.lock().subs.insert(sub, waiting);
        self.ready.notify_one();
    }

    /// Closes a subscription; what waits for it is dropped.
    pub(super) fn close(&self, sub: u32) {
        let mut state = self.lock();
        if let Some(waiting) = state.subs.remove(&sub) {
            state.changes -= waiting.changes.len();
        }
        state.reframes.retain(|reframe| reframe.sub != sub);
        state.stream.close(sub);
    }

    /// Changes the least time between deltas of a subscription.
    pub(super) fn pace(&self, sub: u32, period: Option<Duration>) {
        if let Some(waiting) = self.lock().subs.get_mut(&sub) {
            (waiting.period, waiting.due) = (period, None);
        }
        self.ready.notify_one();
    }

    /// Adds a change. False when the session is too far behind: then everything that waited for it is
    /// gone, and all its subscriptions are owed snapshots.
    pub(super) fn push(&self, sub: u32, tick: Tick, row: &Row, diff: Diff) -> bool {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return true };
        waiting.changes.push((tick, row.clone(), diff));
        state.changes += 1;
        if state.changes <= MOST_CHANGES {
            return true;
        }
        let mut left = 0;
        for waiting in state.subs.values_mut() {
            fold(&mut waiting.changes);
            left += waiting.changes.len();
        }
        state.changes = left;
        if left <= MOST_CHANGES / 2 {
            return true;
        }
        state.changes = 0;
        state.reframes.clear();
        for waiting in state.subs.values_mut() {
            waiting.changes.clear();
            waiting.owed = true;
        }
        false
    }

    /// The subscription is owed a snapshot, and its changes go.
    pub(super) fn owe(&self, sub: u32) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return };
        waiting.owed = true;
        let dropped = std::mem::take(&mut waiting.changes).len();
        state.changes -= dropped;
        state.reframes.retain(|reframe| reframe.sub != sub);
        drop(state);
        self.ready.notify_one();
    }

    /// Whether so many changed subscriptions wait that the next is to be owed a snapshot instead.
    pub(super) fn crowded(&self) -> bool {
        self.lock().reframes.len() >= MOST_REFRAMES
    }

    /// A snapshot begins that holds whatever waits for the subscription.
    pub(super) fn restart(&self, sub: u32) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return };
        waiting.owed = false;
        let dropped = std::mem::take(&mut waiting.changes).len();
        state.changes -= dropped;
        state.reframes.retain(|reframe| reframe.sub != sub);
    }

    /// Adds that a subscription has changed, after what waits for it.
    pub(super) fn reframe(&self, sub: u32, tick: Tick, old: Arc<Wanted>, new: Arc<Wanted>) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return };
        let (view, before) = (waiting.view, std::mem::take(&mut waiting.changes));
        state.changes -= before.len();
        state.reframes.push(Reframe { sub, view, before, tick, old, new });
        drop(state);
        self.ready.notify_one();
    }

    /// Opens the following of events.
    pub(super) fn follow(&self, id: u32) {
        self.lock().stream.open(id);
    }

    /// Adds an event for a follower.
    pub(super) fn push_event(&self, id: u32, streamed: Streamed) {
        self.lock().stream.push(id, streamed);
    }

    /// Events went by that nobody looked at.
    pub(super) fn miss_events(&self, id: u32) {
        self.lock().stream.miss(id);
        self.ready.notify_one();
    }

    /// Takes everything that may be sent now.
    pub(super) fn take(&self, now: Instant) -> Taken {
        let mut state = self.lock();
        let mut taken = Taken { reframes: std::mem::take(&mut state.reframes), ..Taken::default() };
        let mut sent = 0;
        for (sub, waiting) in &mut state.subs {
            if waiting.owed {
                waiting.owed = false;
                taken.snapshots.push((*sub, waiting.view));
            }
            if waiting.changes.is_empty() {
                continue;
            }
            if let Some(due) = waiting.due.filter(|due| *due > now) {
                taken.due = Some(taken.due.map_or(due, |soonest| soonest.min(due)));
                continue;
            }
            waiting.due = waiting.period.map(|period| now + period);
            let mut changes = std::mem::take(&mut waiting.changes);
            sent += changes.len();
            if waiting.period.is_some() {
                fold(&mut changes);
            }
            taken.changes.push((*sub, waiting.view, changes));
        }
        state.changes -= sent;
        taken.events = state.stream.take();
        taken
    }
}

/// Folds changes into one tick, the last: what is left of each row, removals before additions.
pub(super) fn fold(changes: &mut Vec<Change>) {
    let Some(last) = changes.last().map(|(tick, _, _)| *tick) else { return };
    let mut net: FxHashMap<Row, Diff> = FxHashMap::default();
    for (_, row, diff) in changes.drain(..) {
        *net.entry(row).or_insert(0) += diff;
    }
    changes.extend(net.into_iter().filter(|(_, diff)| *diff != 0).map(|(row, diff)| (last, row, diff)));
    changes.sort_by(|(_, a_row, a), (_, b_row, b)| (*a > 0).cmp(&(*b > 0)).then_with(|| a_row.cmp(b_row)));
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::{Value, catalog};

    use super::*;

    fn row(n: i64) -> Row {
        Row::from([Value::Int(n)])
    }

    #[test]
    fn a_session_far_behind_is_folded_and_then_owed_a_snapshot() {
        let inbox = Inbox::default();
        inbox.open(1, catalog::LEVELS, None);
        assert_eq!(inbox.take(Instant::now()).snapshots, [(1, catalog::LEVELS)]);
        // One row that flips: folding leaves next to nothing.
        for tick in 0..100_000_u64 {
            let diff = if tick % 2 == 0 { 1 } else { -1 };
            assert!(inbox.push(1, tick, &row(7), diff));
        }
        let taken = inbox.take(Instant::now());
        assert!(taken.snapshots.is_empty());
        let waiting: usize = taken.changes.iter().map(|(_, _, changes)| changes.len()).sum();
        assert!(waiting <= MOST_CHANGES);
        // Different rows: nothing can be folded.
        let behind = (0..100_000).position(|n| !inbox.push(1, 1, &row(n), 1));
        assert_eq!(behind, Some(MOST_CHANGES));
        let taken = inbox.take(Instant::now());
        assert_eq!(taken.snapshots, [(1, catalog::LEVELS)]);
    }

    #[test]
    fn a_paced_subscription_waits_for_its_time() {
        let inbox = Inbox::default();
        inbox.open(1, catalog::LEVELS, Some(Duration::from_millis(100)));
        let start = Instant::now();
        inbox.push(1, 1, &row(1), 1);
        assert_eq!(inbox.take(start).changes.len(), 1);
        inbox.push(1, 2, &row(1), -1);
        inbox.push(1, 2, &row(2), 1);
        inbox.push(1, 3, &row(2), -1);
        inbox.push(1, 3, &row(3), 1);
        let taken = inbox.take(start + Duration::from_millis(50));
        assert!(taken.changes.is_empty());
        assert_eq!(taken.due, Some(start + Duration::from_millis(100)));
        let taken = inbox.take(start + Duration::from_millis(100));
        assert_eq!(taken.changes, [(1, catalog::LEVELS, vec![(3, row(1), -1), (3, row(3), 1)])]);
    }
}
