//! The way out: publishes what the workers have produced, one complete, durable tick at a time.
//!
//! A tick is complete when every worker's outputs have passed it, and durable when the journal holds
//! every input up to it and reserves it. Only then do rows reach the view store, answers their
//! sources and events their followers. It never makes the graph wait.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::{broadcast, oneshot, watch};
use tracing::{error, warn};
use worldflow_schemas::catalog::{CatalogEdit, ViewId};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Diff, Event, EventId, Row, Sym, Tick};

use crate::admission::{Outcome, Refusal, TickEvents};
use crate::amount::Amount;
use crate::dedupe::SealedIds;
use crate::graph::Refused;
use crate::hashes::Hashes;
use crate::host::{Host, Turns};
use crate::journal::Durable;
use crate::merger::{Merger, TickOutput, in_order};
use crate::observed::Observed;
use crate::positions::Reached;
use crate::privacy::{KeyId, Opener, may_be_sealed};
use crate::realm::Progress;
use crate::refused::{Again, RefusedWrite, RefusedWrites, unknown};
use crate::snapshot::{TickBase, ToSnapshots};
use crate::stats::Stats;
use crate::view_changes::ViewChanges;
use crate::view_store::ViewStore;
use crate::workers::FromWorker;

/// What the sequencer tells about a tick it has released.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) tick: Tick,
    pub(crate) items: u64,
    /// Whether the journal must say that it is durable.
    pub(crate) journaled: bool,
    pub(crate) at: Instant,
    pub(crate) events: Option<Arc<[Event]>>,
    pub(crate) ids: SealedIds,
    pub(crate) floors: Vec<(Sym, u64)>,
    pub(crate) reached: Vec<Reached>,
    /// Keys that are destroyed before it is published.
    pub(crate) forgotten: Vec<KeyId>,
}

/// An answer for a source, due when `tick` is published.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: oneshot::Sender<Vec<Outcome>>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) source: Sym,
    /// The places and ids of commands, of which the graph has the last word.
    pub(crate) commands: Vec<(usize, EventId)>,
    /// Those of commands that have been here before.
    pub(crate) again: Vec<Again>,
}

#[derive(Debug)]
pub(crate) enum ToCollector {
    Worker(FromWorker),
    Released(Vec<Released>),
    Durable(Durable),
    Answer(Tick, Answer),
    /// Tell when this tick is published.
    Wait(Tick, oneshot::Sender<Tick>),
    /// Ticks up to this one were published by an earlier run.
    Recovered(Tick),
    /// State hashes of ticks that an earlier run published, as its journal has them.
    Recorded(Vec<(Tick, u128)>),
    /// A thread has failed without which the realm cannot go on.
    Failed(RealmFailed),
    /// Stop once every tick before this one is published.
    Finish(Tick),
}

/// Called with every published tick's consolidated changes of the graph's rows.
pub type Recorder = Box<dyn FnMut(Tick, &[(ViewId, Row, Diff)]) + Send>;

/// Why a realm stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmFailed {
    /// The graph panicked.
    #[error(
        "worker {0} of the graph panicked\nhint: this is a bug in worldflow; the log has the details, and the journal has every input"
    )]
    Worker(usize),
    /// Base state in the snapshots has another form than this program reads.
    #[error(
        "{0}: the snapshots of this data folder were written by another version of worldflow\nhint: run that version; or, while the journal is there from its beginning, move the folder `snapshots` away, and all is made anew from the journal"
    )]
    Unreadable(String),
    /// The journal cannot be written.
    #[error("the journal cannot be written: {0}")]
    Journal(String),
    /// A player who was to be forgotten has not been.
    #[error(
        "a player's key could not be destroyed before the end: {0}\nhint: the journal says that it is to be; the next start does it"
    )]
    Keys(String),
    /// The thread of snapshots panicked.
    #[error(
        "the thread of snapshots panicked\nhint: this is a bug in worldflow; the log has the details, and the journal has every input"
    )]
    Snapshots,
}

pub(crate) struct Collector {
    pub(crate) host: Host,
    pub(crate) length: TickLength,
    pub(crate) merger: Merger,
    pub(crate) opener: Opener,
    pub(crate) ending: Arc<AtomicBool>,
    /// The deltas up to that tick are dropped some time after this moment.
    pub(crate) cleanse: Option<(Tick, Instant)>,
    /// A key cannot be destroyed at the moment.
    pub(crate) keys_stuck: bool,
    pub(crate) views: Arc<ViewStore>,
    pub(crate) observed: Observed,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) events: broadcast::Sender<TickEvents>,
    /// What has been published, for the sequencer's flow control.
    pub(crate) published: watch::Sender<Amount>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) snapshots: Option<Sender<ToSnapshots>>,
    pub(crate) stats: Stats,
    pub(crate) released: BTreeMap<Tick, Released>,
    pub(crate) undurable: VecDeque<Tick>,
    /// The journal may say so before the sequencer has told of the tick.
    pub(crate) durable: Option<Tick>,
    /// Ticks up to this one may be published; everything, without a journal.
    pub(crate) reserved: Tick,
    pub(crate) answers: BTreeMap<Tick, Vec<Answer>>,
    /// Commands that are to be answered, and what the graph has said against them.
    pub(crate) denied: FxHashMap<(Sym, EventId), Option<Outcome>>,
    /// What it has said against the last ones, also of an earlier run.
    pub(crate) refused: RefusedWrites,
    pub(crate) waits: BTreeMap<Tick, Vec<oneshot::Sender<Tick>>>,
    /// Every tick before this one is published.
    pub(crate) next: Tick,
    pub(crate) recovered: Option<Tick>,
    /// What was written down by an earlier run.
    pub(crate) hashes: Hashes,
    /// The state hash of a tick that has been published, for the journal.
    pub(crate) state: watch::Sender<Option<(Tick, u128)>>,
    pub(crate) told_at: Instant,
}

/// Readers hear of progress at least this often.
const TELL: Duration = Duration::from_millis(100);

/// Whoever follows a view has read by then how a forgotten text went, and the delta that says so goes too.
const CLEANSE: Duration = Duration::from_secs(1);

/// The loop of the collector, which runs until it is told to finish.
pub(crate) struct Collecting {
    pub(crate) collector: Collector,
    pub(crate) messages: Receiver<ToCollector>,
    pub(crate) finish: Option<Tick>,
}

impl Turns for Collecting {
    type Done = Result<(), RealmFailed>;

    fn turn(&mut self, waits: bool) -> ControlFlow<Result<(), RealmFailed>> {
        let wait = if waits { TELL } else { Duration::ZERO };
        let mut message = match self.messages.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(Ok(())),
        };
        while let Some(told) = message {
            match told {
                ToCollector::Finish(next) => self.finish = Some(next),
                other => {
                    if let Err(failed) = self.collector.hear(other) {
                        return ControlFlow::Break(Err(failed));
                    }
                }
            }
            message = self.messages.try_recv().ok();
        }
        if let Err(failed) = self.collector.publish() {
            return ControlFlow::Break(Err(failed));
        }
        match self.finish {
            Some(finish) if self.collector.next >= finish => {
                // Whoever is here until the end goes on from the very tick that the last snapshot is of.
                self.collector.tell_the_last();
                ControlFlow::Break(Ok(()))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Collector {
    fn hear(&mut self, message: ToCollector) -> Result<(), RealmFailed> {
        match message {
            ToCollector::Worker(FromWorker::Report { worker, frontier, produced }) => {
                self.merger.add(worker, frontier, produced);
            }
            ToCollector::Worker(FromWorker::Failed { unreadable: Some(what), .. }) => {
                error!(what, "base state of another version cannot be read; the realm stops");
                return Err(RealmFailed::Unreadable(what));
            }
            ToCollector::Worker(FromWorker::Failed { worker, unreadable: None }) => {
                error!(worker, "a worker of the graph panicked; the realm stops");
                return Err(RealmFailed::Worker(worker));
            }
            ToCollector::Released(ticks) => {
                for released in ticks {
                    if released.journaled && self.durable.is_none_or(|durable| released.tick > durable) {
                        self.undurable.push_back(released.tick);
                    }
                    self.released.insert(released.tick, released);
                }
            }
            ToCollector::Durable(Durable::Inputs(tick)) => {
                self.durable = self.durable.max(Some(tick));
                while self.undurable.front().is_some_and(|first| *first <= tick) {
                    self.undurable.pop_front();
                }
            }
            ToCollector::Durable(Durable::Reserved(tick)) => self.reserved = self.reserved.max(tick),
            ToCollector::Durable(Durable::Stalled(why)) => self.observed.set_trouble(Some(why)),
            ToCollector::Durable(Durable::Resumed) => self.observed.set_trouble(None),
            ToCollector::Durable(Durable::Failed(why)) => {
                error!(%why, "the journal cannot be written; the realm stops");
                return Err(RealmFailed::Journal(why.to_string()));
            }
            ToCollector::Answer(tick, answer) => {
                let asked = answer.commands.iter().map(|(_, id)| ((answer.source, id.clone()), None));
                self.denied.extend(asked);
                self.answers.entry(tick).or_default().push(answer);
            }
            ToCollector::Wait(tick, waiter) => self.waits.entry(tick).or_default().push(waiter),
            ToCollector::Recovered(tick) => {
                self.recovered = Some(tick);
                self.reserved = self.reserved.max(tick);
            }
            ToCollector::Recorded(states) => {
                states.into_iter().for_each(|(tick, hash)| self.hashes.written(tick, hash));
                self.compare(self.next);
            }
            ToCollector::Failed(why) => {
                error!(%why, "the realm stops");
                return Err(why);
            }
            ToCollector::Finish(_) => {}
        }
        Ok(())
    }

    /// The first tick that may not be published yet.
    fn end(&self) -> Tick {
        let durable = self.undurable.front().copied().unwrap_or(Tick::MAX);
        self.merger.frontier().min(durable).min(self.reserved.saturating_add(1))
    }

    fn publish(&mut self) -> Result<(), RealmFailed> {
        let end = self.end();
        let mut changed = false;
        if end > self.next {
            changed = self.publish_ticks(end)?;
        }
        let now = self.host.now();
        if let Some((tick, _)) =
            self.cleanse.take_if(|(_, then)| now.saturating_duration_since(*then) >= CLEANSE)
        {
            self.views.drop_deltas(tick, may_be_sealed(&self.views.catalog()));
        }
        let waited = self.waits.first_key_value().is_some_and(|(tick, _)| *tick < self.next);
        let since = self.host.now().saturating_duration_since(self.told_at);
        if self.next > 0 && (changed || waited || since >= TELL) {
            self.tell();
        }
        while let Some(first) = self.answers.first_entry() {
            if *first.key() >= self.next {
                break;
            }
            for Answer { reply, mut outcomes, source, commands, again } in first.remove() {
                for Again { place, id, asks } in again {
                    let Outcome::Duplicate { tick } = outcomes[place] else { continue };
                    if let Some(refused) = self.refused.get(source, &id, tick) {
                        let current = refused.current().map(|current| self.opener.open_current(current));
                        outcomes[place] = Outcome::Denied(Box::new((refused.refusal(), current)));
                    } else if asks && self.refused.may_have_forgotten(tick) {
                        outcomes[place] = Outcome::Denied(Box::new((unknown(tick), None)));
                    }
                }
                for (place, id) in commands {
                    if let Some(Some(denied)) = self.denied.remove(&(source, id)) {
                        outcomes[place] = denied;
                    }
                }
                let _nobody_waits = reply.send(outcomes);
            }
        }
        while let Some(first) = self.waits.first_entry() {
            if *first.key() >= self.next {
                break;
            }
            for waiter in first.remove() {
                let _nobody_waits = waiter.send(self.next - 1);
            }
        }
        self.views.free_spent();
        Ok(())
    }

    /// Publishes the ticks before `end`; whether a view changed. A tick whose keys cannot be destroyed waits, and
    /// so do those after it.
    fn publish_ticks(&mut self, mut end: Tick) -> Result<bool, RealmFailed> {
        let mut changed = false;
        let mut published = *self.published.borrow();
        let is_live = |recovered: Option<Tick>, tick| recovered.is_none_or(|recovered| tick > recovered);
        while let Some(tick) = self.first_before(end) {
            self.compare(tick);
            if !self.erase_keys(tick)? {
                end = tick;
                break;
            }
            let output = self.merger.next_before(tick + 1).map(|(_, output)| output).unwrap_or_default();
            let released = self.released.remove(&tick);
            let live = is_live(self.recovered, tick);
            changed |= self.publish_tick(tick, output, released, live, &mut published);
            if !live {
                self.hashes.came(tick, self.views.state_hash());
            }
        }
        self.next = end;
        self.compare(end);
        if let Some(last) = end.checked_sub(1).filter(|last| is_live(self.recovered, *last)) {
            self.hashes.end();
            self.state.send_replace(Some((last, self.views.state_hash())));
        }
        self.published.send_if_modified(|told| std::mem::replace(told, published) != published);
        Ok(changed)
    }

    /// Compares what came again, of ticks before this one, with what was written down of it.
    fn compare(&mut self, before: Tick) {
        let end = self.recovered.map_or(0, |recovered| before.min(recovered.saturating_add(1)));
        while let Some((tick, same)) = self.hashes.next_before(end) {
            self.observed.compared_at(tick, same);
        }
    }

    /// Destroys the keys of those who are forgotten in a tick, which is durable; whether that is done.
    fn erase_keys(&mut self, tick: Tick) -> Result<bool, RealmFailed> {
        let forgotten = self.released.get(&tick).map_or(&[][..], |released| released.forgotten.as_slice());
        if forgotten.is_empty() {
            return Ok(true);
        }
        match self.opener.privacy().erase(forgotten) {
            Ok(()) => {
                if std::mem::take(&mut self.keys_stuck) {
                    self.observed.set_trouble(None);
                }
                Ok(true)
            }
            Err(error) if self.ending.load(Ordering::Relaxed) => Err(RealmFailed::Keys(error.to_string())),
            Err(error) => {
                if !std::mem::replace(&mut self.keys_stuck, true) {
                    warn!(%error, "a key cannot be destroyed; nothing is published until it is");
                    self.observed.set_trouble(Some(error.to_string()));
                }
                Ok(false)
            }
        }
    }

    fn first_before(&self, end: Tick) -> Option<Tick> {
        let released = self.released.keys().next().copied();
        self.merger.first().into_iter().chain(released).min().filter(|tick| *tick < end)
    }

    fn publish_tick(
        &mut self,
        tick: Tick,
        output: TickOutput,
        released: Option<Released>,
        live: bool,
        published: &mut Amount,
    ) -> bool {
        let TickOutput { rows, base, refusals, catalog } = output;
        let rows = self.in_catalog(rows, &catalog);
        if let Some(recorder) = &mut self.recorder {
            recorder(tick, &in_order(&rows));
        }
        let forgotten = released.as_ref().map_or(&[][..], |released| released.forgotten.as_slice());
        let rows = self.opener.open(rows, forgotten);
        if !forgotten.is_empty() {
            // Whoever resumes from before it gets a snapshot, and no delta that still says what was forgotten.
            self.views.resume_from(tick, may_be_sealed(&self.views.catalog()));
            self.cleanse = Some((tick, self.host.now()));
        }
        let forget = !forgotten.is_empty();
        // What is refused at a version can be told from its form; of the rest it is known who waits.
        let is_write = |refused: &&Refused| {
            refused.current.is_some() || self.denied.contains_key(&(refused.source, refused.id.clone()))
        };
        let writes: Vec<RefusedWrite> =
            refusals.iter().filter(is_write).map(|refused| RefusedWrite::new(tick, refused)).collect();
        writes.iter().for_each(|refused| self.refused.insert(refused.clone()));
        let changed = !self.views.apply_edits(tick, &catalog, rows).is_empty() || !catalog.is_empty();
        if forget {
            self.opener.privacy().set_forgot(tick);
        }
        if live {
            let at_ms = self.length.utc_ms(tick);
            for refused in refusals {
                let refusal = Refusal {
                    code: refused.code.as_str(),
                    path: String::new(),
                    reason: refused.reason,
                    hint: refused.hint,
                    retry_after_ms: None,
                };
                self.observed.reject(refused.source, Some(&refused.id), &refusal, at_ms);
                if let Some(denied) = self.denied.get_mut(&(refused.source, refused.id)) {
                    let current = refused.current.map(|current| self.opener.open_current(*current));
                    *denied = Some(Outcome::Denied(Box::new((refusal, current))));
                }
            }
        }
        let (mut ids, mut floors, mut reached) = (SealedIds::default(), Vec::new(), Vec::new());
        if let Some(released) = released {
            published.add(released.items);
            (ids, floors, reached) = (released.ids, released.floors, released.reached);
            if live {
                self.stats.published(released.items, self.host.now().saturating_duration_since(released.at));
            }
            if let Some(events) = released.events {
                let _nobody_follows = self.events.send(TickEvents { tick, events });
            }
        }
        if let Some(snapshots) = &self.snapshots
            && (!base.is_empty() || !ids.is_empty() || !reached.is_empty())
        {
            let state_hash = self.views.state_hash();
            let told = TickBase { tick, base, ids, floors, reached, refused: writes, state_hash };
            let _gone = snapshots.send(ToSnapshots::Tick(told));
        }
        changed
    }

    /// The changes of views that are in the catalog after `edits`. Of those that go with them a recorder is told that
    /// every row has gone.
    fn in_catalog(&mut self, rows: Vec<ViewChanges>, edits: &[CatalogEdit]) -> Vec<ViewChanges> {
        let (mut rows, gone) = self.views.admitted(rows, edits);
        for view in gone {
            let sealed = self.opener.view_gone(view);
            if self.recorder.is_some()
                && let Some(stored) = self.views.get(view)
            {
                let key = view.def().key;
                let was = |row: &Row| sealed.get(row.key(key)).unwrap_or(row).clone();
                rows.push(ViewChanges::new(view, stored.all().map(|row| (was(row), -1)).collect()));
            }
        }
        rows
    }

    fn tell_the_last(&mut self) {
        if self.next > 0 {
            self.tell();
        }
    }

    /// Lets readers see what has been published, and the observed rows with it.
    fn tell(&mut self) {
        let tick = self.next - 1;
        self.told_at = self.host.now();
        self.stats.tell(&self.observed, self.merger.waiting(), self.told_at);
        let now = Progress { tick, utc_ms: self.length.utc_ms(tick) };
        if *self.progress.borrow() == now {
            // Readers at this tick have seen it; observed rows wait for the next.
            return;
        }
        let observed = self.observed.drain();
        if !observed.is_empty() {
            self.views.apply(tick, observed);
        }
        self.progress.send_replace(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Produced;

    fn collector() -> Collector {
        let observed = Observed::new("realm".into());
        Collector {
            host: Host::System,
            length: TickLength { tick_ms: 10 },
            merger: Merger::new(1),
            opener: Opener::default(),
            ending: Arc::default(),
            cleanse: None,
            keys_stuck: false,
            views: Arc::new(ViewStore::new(16)),
            observed,
            progress: watch::channel(Progress::default()).0,
            events: broadcast::channel(1).0,
            published: watch::channel(Amount::default()).0,
            recorder: None,
            snapshots: None,
            stats: Stats::new("realm".into(), Instant::now()),
            released: BTreeMap::new(),
            undurable: VecDeque::new(),
            durable: None,
            reserved: 100,
            answers: BTreeMap::new(),
            denied: FxHashMap::default(),
            refused: RefusedWrites::default(),
            waits: BTreeMap::new(),
            next: 0,
            recovered: None,
            hashes: Hashes::new(VecDeque::new(), None),
            state: watch::channel(None).0,
            told_at: Instant::now(),
        }
    }

    fn released(tick: Tick) -> ToCollector {
        ToCollector::Released(vec![Released {
            tick,
            items: 1,
            journaled: true,
            at: Instant::now(),
            events: None,
            ids: SealedIds::default(),
            floors: Vec::new(),
            reached: Vec::new(),
            forgotten: Vec::new(),
        }])
    }

    #[test]
    fn a_tick_is_published_whichever_of_journal_and_sequencer_speaks_first() {
        let durable = |tick| ToCollector::Durable(Durable::Inputs(tick));
        let worked = || FromWorker::Report { worker: 0, frontier: 10, produced: Produced::default() };
        for messages in [[released(5), durable(5)], [durable(5), released(5)]] {
            let mut collector = collector();
            for message in messages {
                collector.hear(message).expect("nothing failed");
            }
            collector.hear(ToCollector::Worker(worked())).expect("nothing failed");
            collector.publish().expect("nothing failed");
            assert_eq!((collector.next, *collector.published.borrow()), (10, Amount { ticks: 1, items: 1 }));
        }
        // A later tick still waits for the journal.
        let mut collector = collector();
        for message in [durable(5), released(6), ToCollector::Worker(worked())] {
            collector.hear(message).expect("nothing failed");
        }
        collector.publish().expect("nothing failed");
        assert_eq!((collector.next, *collector.published.borrow()), (6, Amount::default()));
    }

    #[test]
    fn a_thread_that_has_failed_ends_the_realm() {
        let failed = || RealmFailed::Snapshots;
        assert_eq!(collector().hear(ToCollector::Failed(failed())), Err(failed()));
        let journal = ToCollector::Durable(Durable::Failed(crate::journal::JournalError::Panicked));
        assert!(matches!(collector().hear(journal), Err(RealmFailed::Journal(_))));
    }
}
