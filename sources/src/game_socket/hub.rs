//! Who follows what in one realm: each tick's changes are looked at once and handed to those who want
//! them.
//!
//! Without it every session would look at every change of every tick. The hub is at one tick at a
//! time; subscribing, changing a subscription and the beginning of a snapshot happen between two ticks, so
//! that a snapshot and the deltas after it neither miss nor repeat anything. Rows are read when the hub is
//! free again: what has changed since that tick is taken back from them.

mod followers;
mod pending;
mod resume;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use worldflow_engine::admission::TickEvents;
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Delta;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::definitions::Priority;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Row, Sym, Tick};

use self::followers::{Entry, Followers};
pub(super) use self::followers::{EntryId, SessionId};
use self::pending::Pending;
pub(super) use self::resume::{Afresh, From, RESUMED, sum, term};
use super::Limits;
use super::access::Wanted;
use super::inbox::{Change, Ended, Inbox, Pushed, What};
use super::shown::{Shown, Work};
use super::stream::Streamed;
use crate::check::matches;

#[derive(Debug)]
struct Follow {
    inbox: Arc<Inbox>,
    kinds: Vec<String>,
    /// Only this player's events.
    player: Option<Sym>,
}

#[derive(Debug)]
struct State {
    tick: Tick,
    /// Of views that anybody follows or has followed.
    views: BTreeMap<ViewId, Followers>,
    follows: BTreeMap<EntryId, Follow>,
    /// For each kind that has been seen, who follows it; forgotten when a follow comes or goes.
    by_kind: FxHashMap<Sym, Vec<EntryId>>,
    pending: Pending,
}

impl State {
    fn entry(&mut self, id: EntryId, view: ViewId) -> Option<&mut Entry> {
        self.views.get_mut(&view)?.entries.get_mut(&id)
    }
}

/// The hub of one realm.
#[derive(Debug)]
pub(super) struct Hub {
    realm: Realm,
    /// Of kinds whose priority is not normal.
    priorities: FxHashMap<Sym, Priority>,
    offer_again: Duration,
    state: Mutex<State>,
    /// The tick whose changes have all been handed out: that of the state, for those who do not wait.
    complete: AtomicU64,
    gone: watch::Sender<bool>,
    /// What the sockets of all realms have done.
    pub(super) work: Arc<Work>,
}

impl Hub {
    /// A hub, and the tasks that drive it. They end with the realm, or when the hub is dropped.
    pub(super) fn open(realm: Realm, limits: &Limits, work: Arc<Work>) -> Arc<Hub> {
        let tick = realm.progress.borrow().tick;
        // Grants that wait are kept in mind whether anybody follows them or not.
        let views = BTreeMap::from([(catalog::GRANTS, Followers::default())]);
        let pending = Pending::of(&realm.views.read(catalog::GRANTS));
        let by_kind = FxHashMap::default();
        let state = State { tick, views, follows: BTreeMap::new(), by_kind, pending };
        let kinds = realm.world.kinds.iter().filter(|(_, kind)| kind.priority != Priority::Normal);
        let priorities = kinds.map(|(name, kind)| (Sym::new(name), kind.priority)).collect();
        let (offer_again, gone) = (limits.offer_again, watch::channel(false).0);
        let complete = AtomicU64::new(tick);
        let hub =
            Arc::new(Hub { realm, priorities, offer_again, state: Mutex::new(state), complete, gone, work });
        tokio::spawn(follow_progress(Arc::downgrade(&hub)));
        tokio::spawn(follow_events(Arc::downgrade(&hub)));
        tokio::spawn(offer_again_for_ever(Arc::downgrade(&hub), offer_again));
        hub
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes true when the realm has shut down.
    pub(super) fn gone(&self) -> watch::Receiver<bool> {
        self.gone.subscribe()
    }

    /// Hands out what the realm has published by now, for who cannot wait until somebody gets round to it.
    pub(super) fn catch_up(&self) {
        let tick = self.realm.progress.borrow().tick;
        self.dispatch(tick);
    }

    /// The tick whose changes have all been handed out.
    pub(super) fn complete(&self) -> Tick {
        self.complete.load(Ordering::Acquire)
    }

    /// Subscribes a session, which is owed a snapshot. Returns how many now follow the view. `answers`
    /// says that it may answer grants.
    pub(super) fn subscribe(
        &self,
        id: EntryId,
        view: ViewId,
        wanted: Wanted,
        answers: bool,
        inbox: &Arc<Inbox>,
    ) -> usize {
        let mut state = self.lock();
        let followers = state.views.entry(view).or_default();
        let (wanted, inbox) = (Arc::new(wanted), Arc::clone(inbox));
        let offered = (answers && view == catalog::GRANTS).then_some(None);
        followers.insert(view, id, Entry { inbox, wanted, live: false, offered });
        followers.entries.len()
    }

    /// Ends a subscription. Returns how many still follow the view.
    pub(super) fn unsubscribe(&self, id: EntryId, view: ViewId) -> usize {
        let mut state = self.lock();
        let Some(followers) = state.views.get_mut(&view) else { return 0 };
        followers.remove(view, id);
        followers.entries.len()
    }

    /// What a subscription wants now.
    pub(super) fn wanted(&self, id: EntryId, view: ViewId) -> Option<Arc<Wanted>> {
        self.lock().entry(id, view).map(|entry| Arc::clone(&entry.wanted))
    }

    /// Changes what a subscription wants. One that has its rows is owed the difference, as of this tick.
    pub(super) fn change(&self, id: EntryId, view: ViewId, wanted: Wanted) {
        let wanted = Arc::new(wanted);
        let mut state = self.lock();
        let old = state.views.get_mut(&view).and_then(|followers| followers.remove(view, id));
        let Some(old) = old else { return };
        let (inbox, offered) = (Arc::clone(&old.inbox), old.offered);
        let live = old.live && !inbox.crowded();
        if old.live && !live {
            inbox.owe(id.1);
        }
        if live {
            let what = What::Changed { old: old.wanted, new: Arc::clone(&wanted) };
            inbox.interlude(id.1, state.tick, what);
        }
        let entry = Entry { inbox, wanted, live, offered };
        state.views.entry(view).or_default().insert(view, id, entry);
    }

    /// Offers grants again that have waited long enough, to all who may answer them.
    fn offer_again(&self) {
        let length = TickLength { tick_ms: self.realm.world.tick_ms.max(1) };
        let wait = length.ticks(u64::try_from(self.offer_again.as_millis()).unwrap_or(u64::MAX));
        let mut state = self.lock();
        let State { tick, views, pending, .. } = &mut *state;
        let entries =
            views.get_mut(&catalog::GRANTS).into_iter().flat_map(|followers| &mut followers.entries);
        for ((_, sub), entry) in entries {
            let Some(last) = entry.offered.as_mut() else { continue };
            if entry.live && !entry.inbox.crowded() {
                let rows = pending.again(tick.saturating_sub(wait), &entry.wanted, last);
                if !rows.is_empty() {
                    entry.inbox.interlude(*sub, *tick, What::Again(rows));
                }
            }
        }
    }

    /// The rows of a subscription, and their tick; from then on changes are for it. What waited for it is
    /// dropped: it is in the rows.
    pub(super) fn snapshot(&self, id: EntryId, view: ViewId) -> Option<(Tick, Vec<Row>)> {
        let (tick, wanted) = self.begin(id, view, &mut self.lock())?;
        if let Some(rows) = rows_at(&self.realm, view, &wanted, tick) {
            return Some((tick, rows));
        }
        // So much has changed meanwhile that it cannot be taken back: the next tick waits this time.
        let mut state = self.lock();
        let (tick, wanted) = self.begin(id, view, &mut state)?;
        let rows = rows_at(&self.realm, view, &wanted, tick);
        // When the store is too far ahead even so, the next tick's deltas cannot be whole either, and
        // everybody is owed a snapshot with them.
        let rows =
            rows.or_else(|| Some(self.realm.views.get(view)?.rows(&wanted.filter()).cloned().collect()));
        drop(state);
        // A view that is gone has none; with the next tick its followers are told.
        Some((tick, rows?))
    }

    /// `None` also of a view that comes with the next tick, which owes its followers a snapshot.
    fn begin(&self, id: EntryId, view: ViewId, state: &mut State) -> Option<(Tick, Arc<Wanted>)> {
        let tick = state.tick;
        if self.realm.views.get(view)?.began() > tick {
            return None;
        }
        let entry = state.entry(id, view)?;
        entry.live = true;
        entry.inbox.restart(id.1);
        Some((tick, Arc::clone(&entry.wanted)))
    }

    /// The rows, at a tick, that are wanted now and were not before, and those no longer wanted. `None`
    /// when the tick is too long ago.
    pub(super) fn difference(
        &self,
        view: ViewId,
        old: &Wanted,
        new: &Wanted,
        tick: Tick,
    ) -> Option<(Vec<Row>, Vec<Row>)> {
        let only = |one: &Wanted, other: &Wanted| {
            let mut rows = rows_at(&self.realm, view, &one.beyond(other), tick)?;
            rows.retain(|row| !other.passes(row));
            Some(rows)
        };
        Some((only(new, old)?, only(old, new)?))
    }

    /// Follows events. Returns how many follow them now.
    pub(super) fn follow(
        &self,
        id: EntryId,
        kinds: Vec<String>,
        player: Option<Sym>,
        inbox: &Arc<Inbox>,
    ) -> usize {
        let mut state = self.lock();
        state.follows.insert(id, Follow { inbox: Arc::clone(inbox), kinds, player });
        state.by_kind.clear();
        state.follows.len()
    }

    /// Ends the following of events. Returns how many still follow them.
    pub(super) fn unfollow(&self, id: EntryId) -> usize {
        let mut state = self.lock();
        state.follows.remove(&id);
        state.by_kind.clear();
        state.follows.len()
    }

    /// How many follow each view that is followed, and `events`.
    pub(super) fn counts(&self) -> BTreeMap<String, u32> {
        let state = self.lock();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let views = state.views.iter().filter(|(_, followers)| !followers.entries.is_empty());
        let mut counts: BTreeMap<String, u32> = views
            .map(|(view, followers)| (view.def().name.to_owned(), count(followers.entries.len())))
            .collect();
        if !state.follows.is_empty() {
            counts.insert("events".to_owned(), count(state.follows.len()));
        }
        counts
    }

    /// Hands out the changes up to `tick`.
    fn dispatch(&self, tick: Tick) {
        let mut state = self.lock();
        let state = &mut *state;
        if tick < state.tick {
            // Somebody was faster.
            return;
        }
        let mut woken: FxHashMap<SessionId, Arc<Inbox>> = FxHashMap::default();
        let mut behind: FxHashSet<SessionId> = FxHashSet::default();
        state.views.retain(|view, followers| {
            let gone = !view.is_built_in() && self.realm.views.get(*view).is_none();
            if gone {
                end_all(*view, followers, &self.realm, &mut woken);
            }
            !gone && (*view == catalog::GRANTS || !followers.entries.is_empty())
        });
        for (view, followers) in &mut state.views {
            let view = *view;
            let Some(deltas) = self.realm.views.get(view).map(|stored| stored.since(state.tick)) else {
                // Gone in this moment: the next tick says so.
                continue;
            };
            let Some(deltas) = deltas else {
                // More changed than the store holds: nobody's deltas can be whole.
                if view == catalog::GRANTS {
                    state.pending = Pending::of(&self.realm.views.read(view));
                }
                for ((session, sub), entry) in &mut followers.entries {
                    entry.live = false;
                    entry.inbox.owe(*sub);
                    woken.entry(*session).or_insert_with(|| Arc::clone(&entry.inbox));
                }
                continue;
            };
            for delta in deltas.iter().filter(|delta| delta.tick <= tick) {
                if view == catalog::GRANTS {
                    state.pending.apply(delta);
                }
                hand_out(view, followers, delta, &mut woken, &mut behind, &self.work);
            }
        }
        for session in behind {
            for followers in state.views.values_mut() {
                let entries = followers.entries.iter_mut().filter(|((owner, _), _)| *owner == session);
                entries.for_each(|(_, entry)| entry.live = false);
            }
            metrics::counter!("worldflow_socket_resnapshots_total").increment(1);
        }
        state.tick = tick;
        self.complete.store(tick, Ordering::Release);
        Work::count(&self.work.wakes, woken.len());
        for inbox in woken.values() {
            inbox.ready.notify_one();
        }
    }

    fn dispatch_events(&self, batch: &TickEvents) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.follows.is_empty() {
            return;
        }
        let mut woken: FxHashMap<SessionId, &Arc<Inbox>> = FxHashMap::default();
        for event in batch.events.iter() {
            let followers = state.by_kind.entry(event.kind).or_insert_with(|| {
                let kind = event.kind.as_str();
                let wants = |follow: &Follow| follow.kinds.iter().any(|pattern| matches(pattern, kind));
                state.follows.iter().filter(|(_, follow)| wants(follow)).map(|(id, _)| *id).collect()
            });
            if followers.is_empty() {
                continue;
            }
            let priority = self.priorities.get(&event.kind).copied().unwrap_or_default();
            // As it may be read now: the events that wait for the hub are sealed.
            let opened = self.realm.privacy.open_event(event);
            let streamed = Streamed::new(batch.tick, opened.as_ref().unwrap_or(event), priority);
            for id in followers {
                let Some(follow) = state.follows.get(id) else { continue };
                if follow.player.is_some_and(|player| player != event.player) {
                    continue;
                }
                follow.inbox.push_event(id.1, streamed.clone());
                woken.insert(id.0, &follow.inbox);
            }
        }
        for inbox in woken.values() {
            inbox.ready.notify_one();
        }
    }

    /// Whole ticks went by. Of which kinds their events were is not known, so every follower is told.
    fn events_missed(&self) {
        metrics::counter!("worldflow_socket_lags_total").increment(1);
        for ((_, id), follow) in &self.lock().follows {
            follow.inbox.miss_events(*id);
        }
    }
}

/// Ends the subscriptions of a view that is no more, and says why.
fn end_all(
    view: ViewId,
    followers: &mut Followers,
    realm: &Realm,
    woken: &mut FxHashMap<SessionId, Arc<Inbox>>,
) {
    let reshaped = realm.views.catalog().view(view.def().name).is_some();
    let why = if reshaped { Ended::Reshaped } else { Ended::Removed };
    for ((session, sub), entry) in followers.entries.drain() {
        entry.inbox.end(sub, why);
        woken.entry(session).or_insert(entry.inbox);
    }
}

fn hand_out(
    view: ViewId,
    followers: &mut Followers,
    delta: &Delta,
    woken: &mut FxHashMap<SessionId, Arc<Inbox>>,
    behind: &mut FxHashSet<SessionId>,
    work: &Work,
) {
    for (row, diff) in &delta.changes {
        let mut shown: Option<Arc<Shown>> = None;
        let mut handed = 0;
        for id in followers.candidates(row) {
            let Some(entry) = followers.entries.get(id) else { continue };
            if !entry.live || behind.contains(&id.0) || !entry.wanted.passes(row) {
                continue;
            }
            let shown = shown.get_or_insert_with(|| Shown::new(view, row.clone()));
            let change = Change { tick: delta.tick, shown: Arc::clone(shown), diff: *diff };
            handed += 1;
            match entry.inbox.push(id.1, change) {
                Pushed::Quiet => continue,
                Pushed::Wake => {}
                Pushed::Behind => drop(behind.insert(id.0)),
            }
            woken.entry(id.0).or_insert_with(|| Arc::clone(&entry.inbox));
        }
        Work::count(&work.handed, handed);
    }
}

/// The wanted rows as of `tick`. The store may be ahead: what it has applied since is taken back. `None`
/// when it no longer holds that.
fn rows_at(realm: &Realm, view: ViewId, wanted: &Wanted, tick: Tick) -> Option<Vec<Row>> {
    let stored = realm.views.get(view)?;
    let since = stored.since(tick)?;
    // The ids that are looked for are looked up here, when all of those rows are in the store.
    let filter = wanted.filter();
    let rows = stored.rows(&filter).cloned();
    Some(if since.is_empty() { rows.collect() } else { rolled_back(rows, wanted, &since) })
}

fn rolled_back(rows: impl Iterator<Item = Row>, wanted: &Wanted, since: &[Arc<Delta>]) -> Vec<Row> {
    let mut rows: FxHashSet<Row> = rows.collect();
    for (row, diff) in since.iter().rev().flat_map(|delta| delta.changes.iter().rev()) {
        if *diff > 0 {
            rows.remove(row);
        } else if wanted.passes(row) {
            rows.insert(row.clone());
        }
    }
    rows.into_iter().collect()
}

async fn follow_progress(hub: Weak<Hub>) {
    let Some(mut progress) = hub.upgrade().map(|hub| hub.realm.progress.clone()) else { return };
    loop {
        // The wait is cut so that a hub nobody holds does not outlive its realm's quiet hours.
        let changed = tokio::time::timeout(Duration::from_secs(1), progress.changed()).await;
        let Some(hub) = hub.upgrade() else { return };
        match changed {
            Ok(Ok(())) => {
                let tick = progress.borrow_and_update().tick;
                hub.dispatch(tick);
            }
            Ok(Err(_)) => {
                hub.gone.send_replace(true);
                return;
            }
            Err(_) => {}
        }
    }
}

async fn follow_events(hub: Weak<Hub>) {
    let Some(mut events) = hub.upgrade().map(|hub| hub.realm.events.subscribe()) else { return };
    loop {
        let received = tokio::time::timeout(Duration::from_secs(1), events.recv()).await;
        let Some(hub) = hub.upgrade() else { return };
        match received {
            Ok(Ok(batch)) => hub.dispatch_events(&batch),
            Ok(Err(RecvError::Lagged(_))) => hub.events_missed(),
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => {}
        }
    }
}

async fn offer_again_for_ever(hub: Weak<Hub>, period: Duration) {
    let mut clock = tokio::time::interval(period);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    clock.tick().await;
    let Some(mut gone) = hub.upgrade().map(|hub| hub.gone()) else { return };
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            _ = gone.wait_for(|gone| *gone) => return,
        }
        let Some(hub) = hub.upgrade() else { return };
        hub.offer_again();
    }
}
