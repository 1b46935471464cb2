//! What waits for one session: changes of its subscriptions, snapshots it is owed, events it follows.
//!
//! The hub fills it and never waits; the session's writer empties it when its client has read what came
//! before. It is bounded in changes and in bytes: a session that falls behind has its changes folded
//! together by row, one that falls further behind, or whose client reads nothing, is owed a snapshot instead,
//! and the writer cuts off one that has needed too many of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::time::Instant;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Diff, Row, Tick};

use super::access::Wanted;
use super::shown::Shown;
use super::stream::{Missed, Stream, Streamed};

/// Changes that wait for one session before they are folded.
pub(super) const MOST_CHANGES: usize = 16_384;

/// Interludes that wait for one session before a changed subscription is owed a whole snapshot instead.
const MOST_INTERLUDES: usize = 8;

/// What may wait for a session that lags while all of them together hold more than they may.
const SQUEEZED_BYTES: usize = 64 << 10;

/// How soon the writer looks again when the hub is at work.
const NEXT_LOOK: Duration = Duration::from_millis(1);

/// How long it is remembered that a session was too far behind.
const REMEMBERED: Duration = Duration::from_secs(300);

/// How much may wait.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Bytes, for one session.
    pub(super) session: usize,
    /// Bytes, for all.
    pub(super) all: usize,
    /// Bytes that wait for all sessions now.
    pub(super) held: Arc<AtomicUsize>,
    /// A session lags whose client leaves what was taken for it unread for so long.
    pub(super) lagging: Duration,
}

/// A subscription, as what waits for it is labelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sub {
    /// The client's number for it.
    pub(super) id: u32,
    /// Its view.
    pub(super) view: ViewId,
    /// Whether its frames carry a running hash.
    pub(super) hash: bool,
}

/// A change of a subscription.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its tick.
    pub(super) tick: Tick,
    /// The row.
    pub(super) shown: Arc<Shown>,
    /// How many of it have come.
    pub(super) diff: Diff,
}

/// What comes to a subscription between its deltas: first what was owed before, then this.
#[derive(Debug)]
pub(super) struct Interlude {
    /// The subscription.
    pub(super) sub: Sub,
    /// Changes before.
    pub(super) before: Vec<Change>,
    /// Its tick.
    pub(super) tick: Tick,
    /// What comes.
    pub(super) what: What,
}

/// What an interlude brings.
#[derive(Debug)]
pub(super) enum What {
    /// Other rows are wanted than before.
    Changed {
        /// What was wanted before.
        old: Arc<Wanted>,
        /// What is wanted since.
        new: Arc<Wanted>,
    },
    /// These rows come again.
    Again(Vec<Row>),
}

/// Why a subscription has ended that its client has not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// There is no such view any more.
    Removed,
    /// The view of that name has another shape.
    Reshaped,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Subscriptions that are over, since their views are.
    pub(super) ended: Vec<(Sub, Ended)>,
    /// Subscriptions that go on where an earlier connection was: from this tick, with this running hash.
    pub(super) resumed: Vec<(u32, Tick, u64)>,
    /// Subscriptions that are owed a snapshot.
    pub(super) snapshots: Vec<Sub>,
    /// What comes between deltas.
    pub(super) interludes: Vec<Interlude>,
    /// Changes of each subscription that may be sent now, in order.
    pub(super) changes: Vec<(Sub, Vec<Change>)>,
    /// What each follower has missed, and its events.
    pub(super) events: Vec<(u32, Missed, Vec<Streamed>)>,
    /// When changes that wait for their rate may be sent.
    pub(super) due: Option<Instant>,
    /// How many snapshots the session has needed of late because its client lags.
    pub(super) behind: usize,
}

/// What becomes of a change that is put into an inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pushed {
    /// The session is to be woken.
    Wake,
    /// It knows already when to look.
    Quiet,
    /// It is too far behind: everything that waited for it is gone, and all its subscriptions are owed
    /// snapshots.
    Behind,
}

#[derive(Debug)]
struct Waiting {
    sub: Sub,
    changes: Vec<Change>,
    owed: bool,
    /// Nothing is given out before the client has been told that the subscription stands.
    held: bool,
    resumed: Option<(Tick, u64)>,
    period: Option<Duration>,
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    subs: BTreeMap<u32, Waiting>,
    ended: Vec<(Sub, Ended)>,
    interludes: Vec<Interlude>,
    stream: Stream,
    changes: usize,
    /// Bytes of changes that wait.
    bytes: usize,
    /// Bytes that the writer has taken and not written yet.
    in_hand: usize,
    /// What of these is in the sum of all sessions.
    accounted: usize,
    /// When the writer looks by itself.
    timer: Option<Instant>,
    /// Since when the writer has been at what it has taken.
    busy: Option<Instant>,
    /// More came meanwhile than may wait.
    overflowed: bool,
    /// When the session was too far behind because its client lags.
    behind: Vec<Instant>,
}

/// One session's inbox.
#[derive(Debug)]
pub(super) struct Inbox {
    bounds: Bounds,
    state: Mutex<State>,
    /// Woken when there is something to take.
    pub(super) ready: Notify,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let accounted = self.lock().accounted;
        self.bounds.held.fetch_sub(accounted, Ordering::Relaxed);
    }
}

impl Inbox {
    pub(super) fn new(bounds: Bounds) -> Inbox {
        let state = State { stream: Stream::new(bounds.session), ..State::default() };
        Inbox { bounds, state: Mutex::new(state), ready: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the sum of all sessions up to date.
    fn account(&self, state: &mut State) {
        let now = state.bytes + state.in_hand + state.stream.bytes();
        let (before, held) = (std::mem::replace(&mut state.accounted, now), &self.bounds.held);
        if now >= before {
            held.fetch_add(now - before, Ordering::Relaxed);
        } else {
            held.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    /// Opens a subscription. It is held until it is released.
    pub(super) fn open(&self, sub: Sub, period: Option<Duration>) {
        let waiting =
            Waiting { sub, changes: Vec::new(), owed: false, held: true, resumed: None, period, due: None };
        self.lock().subs.insert(sub.id, waiting);
    }

    /// The client knows that the subscription stands.
    pub(super) fn release(&self, sub: u32) {
        if let Some(waiting) = self.lock().subs.get_mut(&sub) {
            waiting.held = false;
        }
        self.ready.notify_one();
    }

    /// The subscription goes on after `tick`, where its hash was `hash`: `missed` comes before what waits
    /// for it. False when that is too much.
    pub(super) fn resume(&self, sub: u32, tick: Tick, hash: u64, missed: Vec<Change>) -> bool {
        let mut state = self.lock();
        let (changes, bytes) = (missed.len(), bytes_of(&missed));
        if changes > MOST_CHANGES / 2 || bytes > self.most_bytes(&state) / 2 {
            return false;
        }
        let Some(waiting) = state.subs.get_mut(&sub).filter(|waiting| !waiting.owed) else { return false };
        waiting.resumed = Some((tick, hash));
        waiting.changes.splice(0..0, missed);
        state.changes += changes;
        state.bytes += bytes;
        self.account(&mut state);
        true
    }

    /// Closes a subscription; what waits for it is dropped.
    pub(super) fn close(&self, sub: u32) {
        let mut state = self.lock();
        state.subs.remove(&sub);
        state.ended.retain(|(ended, _)| ended.id != sub);
        state.interludes.retain(|interlude| interlude.sub.id != sub);
        state.stream.close(sub);
        state.count_again();
        self.account(&mut state);
    }

    /// Ends a subscription whose view is no more; its client is told.
    pub(super) fn end(&self, sub: u32, why: Ended) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.remove(&sub) else { return };
        state.ended.push((waiting.sub, why));
        state.interludes.retain(|interlude| interlude.sub.id != sub);
        state.count_again();
        self.account(&mut state);
    }

    /// Whether there is such a subscription.
    pub(super) fn stands(&self, sub: u32) -> bool {
        self.lock().subs.contains_key(&sub)
    }

    /// Changes the least time between deltas of a subscription.
    pub(super) fn pace(&self, sub: u32, period: Option<Duration>) {
        if let Some(waiting) = self.lock().subs.get_mut(&sub) {
            (waiting.period, waiting.due) = (period, None);
        }
        self.ready.notify_one();
    }

    fn most_bytes(&self, state: &State) -> usize {
        let squeezed = self.bounds.held.load(Ordering::Relaxed) > self.bounds.all && self.lags(state);
        if squeezed { self.bounds.session.min(SQUEEZED_BYTES) } else { self.bounds.session }
    }

    fn lags(&self, state: &State) -> bool {
        state.busy.is_some_and(|busy| busy.elapsed() >= self.bounds.lagging)
    }

    /// What was taken has been written, or given to the system to write.
    pub(super) fn written(&self) {
        let mut state = self.lock();
        // More in a tick than may wait is not the client's fault, nor is what came in a moment.
        let lagged = std::mem::take(&mut state.overflowed) && self.lags(&state);
        state.behind.extend(lagged.then(Instant::now));
        (state.busy, state.in_hand) = (None, 0);
        self.account(&mut state);
    }

    /// Adds a change.
    pub(super) fn push(&self, sub: u32, change: Change) -> Pushed {
        let mut state = self.lock();
        let timer = state.timer;
        let Some(waiting) = state.subs.get_mut(&sub) else { return Pushed::Quiet };
        let told = waiting.held || waiting.due.is_some_and(|due| timer.is_some_and(|timer| timer <= due));
        let bytes = change.shown.bytes();
        waiting.changes.push(change);
        state.changes += 1;
        state.bytes += bytes;
        let pushed = if told { Pushed::Quiet } else { Pushed::Wake };
        let most_bytes = self.most_bytes(&state);
        if state.changes > MOST_CHANGES || state.bytes > most_bytes {
            // To fold for a client that reads nothing would cost everybody again and again.
            let lags = self.lags(&state);
            if !lags {
                state.subs.values_mut().for_each(|waiting| fold(&mut waiting.changes));
                state.count_again();
            }
            if lags || state.changes > MOST_CHANGES / 2 || state.bytes > most_bytes / 2 {
                state.fall_behind();
                self.account(&mut state);
                return Pushed::Behind;
            }
        }
        self.account(&mut state);
        pushed
    }

    /// The subscription is owed a snapshot, and its changes go.
    pub(super) fn owe(&self, sub: u32) {
        self.restart_with(sub, true);
        self.ready.notify_one();
    }

    /// A snapshot begins that holds whatever waits for the subscription.
    pub(super) fn restart(&self, sub: u32) {
        self.restart_with(sub, false);
    }

    fn restart_with(&self, sub: u32, owed: bool) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return };
        waiting.owed = owed;
        waiting.resumed = None;
        waiting.changes.clear();
        state.interludes.retain(|interlude| interlude.sub.id != sub);
        state.count_again();
        self.account(&mut state);
    }

    /// Whether so much comes between deltas already that the next changed subscription is to be owed a
    /// snapshot instead.
    pub(super) fn crowded(&self) -> bool {
        self.lock().interludes.len() >= MOST_INTERLUDES
    }

    /// Adds what comes to a subscription after what waits for it.
    pub(super) fn interlude(&self, sub: u32, tick: Tick, what: What) {
        let mut state = self.lock();
        let Some(waiting) = state.subs.get_mut(&sub) else { return };
        let (sub, before) = (waiting.sub, std::mem::take(&mut waiting.changes));
        state.interludes.push(Interlude { sub, before, tick, what });
        drop(state);
        self.ready.notify_one();
    }

    /// Opens the following of events.
    pub(super) fn follow(&self, id: u32) {
        self.lock().stream.open(id);
    }

    /// Adds an event for a follower.
    pub(super) fn push_event(&self, id: u32, streamed: Streamed) {
        let mut state = self.lock();
        state.stream.push(id, streamed);
        self.account(&mut state);
    }

    /// Events went by that nobody looked at.
    pub(super) fn miss_events(&self, id: u32) {
        self.lock().stream.miss(id);
        self.ready.notify_one();
    }

    /// Nothing waits for its rate any more.
    pub(super) fn hurry(&self) {
        for waiting in self.lock().subs.values_mut() {
            (waiting.period, waiting.due) = (None, None);
        }
    }

    /// Takes everything that may be sent now, of the ticks up to `complete`: the hub may be handing out the
    /// next, of which a client is to get all or nothing.
    pub(super) fn take(&self, now: Instant, complete: Tick) -> Taken {
        let mut state = self.lock();
        let state = &mut *state;
        let mut taken = Taken {
            interludes: std::mem::take(&mut state.interludes),
            ended: std::mem::take(&mut state.ended),
            ..Taken::default()
        };
        state.behind.retain(|then| now.duration_since(*then) < REMEMBERED);
        taken.behind = state.behind.len();
        for (id, waiting) in &mut state.subs {
            if waiting.held {
                continue;
            }
            if std::mem::take(&mut waiting.owed) {
                taken.snapshots.push(waiting.sub);
            }
            taken.resumed.extend(waiting.resumed.take().map(|(tick, hash)| (*id, tick, hash)));
            if waiting.changes.is_empty() {
                continue;
            }
            let end = waiting.changes.partition_point(|change| change.tick <= complete);
            // The hub wakes the session when it is through; this is for one who is not to be woken.
            let through = (end < waiting.changes.len()).then(|| now + NEXT_LOOK);
            let later = waiting.due.filter(|due| *due > now);
            if let Some(due) = later.or(through) {
                taken.due = Some(taken.due.map_or(due, |soonest| soonest.min(due)));
            }
            if later.is_some() || end == 0 {
                continue;
            }
            waiting.due = waiting.period.map(|period| now + period);
            let rest = waiting.changes.split_off(end);
            let mut changes = std::mem::replace(&mut waiting.changes, rest);
            if waiting.period.is_some() {
                fold(&mut changes);
            }
            taken.changes.push((waiting.sub, changes));
        }
        state.timer = taken.due;
        let before = state.bytes + state.stream.bytes();
        taken.events = state.stream.take();
        state.count_again();
        state.in_hand += before - state.bytes;
        if state.in_hand > 0 || !taken.snapshots.is_empty() {
            state.busy = state.busy.or(Some(now));
        }
        self.account(state);
        taken
    }
}

impl State {
    /// Counts what waits anew.
    fn count_again(&mut self) {
        let waiting = self.subs.values().map(|waiting| &waiting.changes);
        let all = waiting.chain(self.interludes.iter().map(|interlude| &interlude.before));
        (self.changes, self.bytes) =
            all.fold((0, 0), |(n, bytes), changes| (n + changes.len(), bytes + bytes_of(changes)));
    }

    fn fall_behind(&mut self) {
        self.interludes.clear();
        for waiting in self.subs.values_mut() {
            waiting.changes.clear();
            waiting.resumed = None;
            waiting.owed = true;
        }
        (self.changes, self.bytes) = (0, 0);
        self.overflowed = self.busy.is_some();
    }
}

fn bytes_of(changes: &[Change]) -> usize {
    changes.iter().map(|change| change.shown.bytes()).sum()
}

/// Folds changes into one tick, the last: what is left of each row, removals before additions.
pub(super) fn fold(changes: &mut Vec<Change>) {
    let Some(last) = changes.last().map(|change| change.tick) else { return };
    let mut net: FxHashMap<Row, (Arc<Shown>, Diff)> = FxHashMap::default();
    for Change { shown, diff, .. } in changes.drain(..) {
        net.entry(shown.row().clone()).or_insert((shown, 0)).1 += diff;
    }
    let left = net.into_values().filter(|(_, diff)| *diff != 0);
    changes.extend(left.map(|(shown, diff)| Change { tick: last, shown, diff }));
    changes.sort_by(|a, b| (a.diff > 0).cmp(&(b.diff > 0)).then_with(|| a.shown.row().cmp(b.shown.row())));
}

#[cfg(test)]
mod tests;
