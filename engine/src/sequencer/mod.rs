//! The sequencer: gathers what sources submit, seals ticks, journals them and releases them.
//!
//! One thread. It is the only writer of the order of inputs, and so the only place where time enters
//! the realm: from the wall clock, from a caller, or from the events themselves.

mod recovery;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use worldflow_schemas::input::{ClockCommand, ClockWrite, Command, WriteOrder};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{EventId, Sym, Tick};

use crate::admission::{Batch, TickEvents};
use crate::amount::{Amount, GROUP, MOST_IN_FLIGHT};
use crate::collector::{Answer, Released, ToCollector};
use crate::dedupe::SealedIds;
use crate::host::Host;
use crate::intake::{Decided, Intake, PendingTick, note_least};
use crate::journal::{Durable, Entry, Identified, Inputs, JournalError, JournalReader, JournalWriter};
use crate::observed::Observed;
use crate::positions::Positions;
use crate::privacy::forgotten;
use crate::realm::Progress;
use crate::tick_clock::{TickClock, WallClock};
use crate::workers::{SealedTick, Workers};

pub(crate) use recovery::{Before, TakenBack};

/// What makes ticks pass.
#[derive(Clone)]
pub enum Mode {
    /// The wall clock: a tick is sealed when its time has come.
    RealTime {
        /// UTC milliseconds.
        wall: WallClock,
    },
    /// A caller, through `RunningRealm::advance`.
    Manual {
        /// The first tick of a fresh realm.
        start: Tick,
    },
    /// The events' own times, as fast as can be: a tick is sealed when the watermarks of all
    /// event-time sources have passed it.
    Virtual {
        /// The first tick of a fresh realm; `None` for that of the first event. Then inputs of
        /// arrival sources wait for the first batch of every event-time source.
        start: Option<Tick>,
    },
}

/// Where a run over recordings ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// This many milliseconds after the last tick with input.
    GraceMs(u64),
    /// At this tick, if the last input is not later.
    Tick(Tick),
}

/// Orders from the owner of a realm.
pub(crate) enum Control {
    /// Seal this many ticks; tells the last one once it is published.
    Advance(u64, oneshot::Sender<Tick>),
    /// When all event-time sources have ended, run to the end.
    RunToEnd(End, oneshot::Sender<Tick>),
    /// Take what has been submitted, seal it, and end.
    Stop,
}

/// In real time sources wait while the graph is further behind than this.
pub const MOST_BEHIND_MS: u64 = 5_000;

/// Batches taken at once.
const BATCHES: usize = 64;

/// The engine as a source of inputs.
const ENGINE: &str = "engine";

pub(crate) struct Sequencer {
    pub(crate) host: Host,
    pub(crate) length: TickLength,
    pub(crate) mode: Mode,
    pub(crate) reserve_ms: u64,
    pub(crate) intake: Intake,
    pub(crate) batches: mpsc::Receiver<Batch>,
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    pub(crate) workers: Workers,
    pub(crate) journal: Option<JournalWriter>,
    /// The bytes that have been journaled, or read from the journal at the start.
    pub(crate) journaled: Arc<AtomicU64>,
    pub(crate) collector: Sender<ToCollector>,
    pub(crate) published: watch::Receiver<Amount>,
    pub(crate) events: broadcast::Sender<TickEvents>,
    pub(crate) observed: Observed,
    /// Whether snapshots follow the ids of inputs.
    pub(crate) snapshots: bool,
    pub(crate) released: Amount,
    pub(crate) reserved: Tick,
    /// The state hash of the last tick that has been published.
    pub(crate) state: watch::Receiver<Option<(Tick, u128)>>,
    /// The last tick of which the journal says it.
    pub(crate) stated: Option<Tick>,
    /// In real time: the first tick that waits for an event-time source.
    pub(crate) held: Option<Tick>,
    pub(crate) deferred: Vec<Batch>,
    pub(crate) heard: Vec<Sym>,
    pub(crate) started: bool,
    pub(crate) end: Option<(End, oneshot::Sender<Tick>)>,
    pub(crate) last_input: Tick,
    /// How far the graph has come, as readers see it.
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) began: Began,
    /// How far sources had been read when the run before ended.
    pub(crate) positions: Positions,
}

/// Where a run in real time began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Began {
    /// The first tick.
    open: Tick,
    /// The graph has not yet been told how long nothing ran.
    untold: bool,
}

/// The collector is gone: the realm has failed, and it has said why.
struct Gone;

impl Sequencer {
    /// Gives back what an earlier run left, then runs until told to stop, unless only the former is
    /// wanted. Returns the workers.
    pub(crate) async fn run(
        mut self,
        before: Before,
        journal: Option<JournalReader>,
        open_journal: impl FnOnce(Option<Tick>) -> Result<Option<JournalWriter>, JournalError>,
        recovered: oneshot::Sender<Result<TakenBack, JournalError>>,
    ) -> Workers {
        // Whoever is gone has failed and said why.
        let _gone = self.go_on(before, journal, open_journal, recovered).await;
        self.batches.close();
        if let Some(journal) = self.journal.take() {
            journal.close().await;
        }
        self.workers
    }

    async fn go_on(
        &mut self,
        before: Before,
        journal: Option<JournalReader>,
        open_journal: impl FnOnce(Option<Tick>) -> Result<Option<JournalWriter>, JournalError>,
        recovered: oneshot::Sender<Result<TakenBack, JournalError>>,
    ) -> Result<(), Gone> {
        let Before { snapshot, until, only, recorded: _ } = before;
        let taken_back = match self.recover(snapshot, journal, until).await? {
            Ok(last) if !only => {
                let known = Some(self.reserved).filter(|last| *last > 0);
                open_journal(known).map(|journal| {
                    self.journal = journal;
                    last
                })
            }
            taken_back => taken_back,
        };
        let goes_on = !only && taken_back.is_ok();
        let end = taken_back.as_ref().map_or(0, |last| last.map_or(0, |last| last + 1));
        // Nobody waits for it when opening was given up.
        let positions = std::mem::take(&mut self.positions);
        let _given_up = recovered.send(taken_back.map(|last| (last, positions)));
        match goes_on {
            true => self.sequence().await,
            false => self.tell(ToCollector::Finish(end)),
        }
    }

    /// Returns the last tick that may have been published, if there is any.
    fn start_fresh(&mut self) {
        let start = match &self.mode {
            Mode::RealTime { wall } => {
                let begins = self.intake.begins_ms().map(|at_ms| self.length.tick_at(at_ms));
                Some(begins.unwrap_or(Tick::MAX).min(self.length.tick_at(wall()) + 1))
            }
            Mode::Manual { start } => Some(*start),
            Mode::Virtual { start } => *start,
        };
        if let Some(start) = start {
            self.intake.set_open(start);
            self.started = true;
        } else if self.intake.event_time_sources() == 0 {
            self.started = true;
        }
    }

    async fn sequence(&mut self) -> Result<(), Gone> {
        let mut clock = match &self.mode {
            Mode::RealTime { wall } => {
                let open_ms = self.length.utc_ms(self.intake.open().saturating_sub(1));
                Some(TickClock::new(wall.clone(), self.host, open_ms))
            }
            _ => None,
        };
        if clock.is_some() {
            let open = self.intake.open();
            self.began = Began { open, untold: open > 0 && self.reserved > 0 };
        }
        let mut taken = Vec::with_capacity(BATCHES);
        loop {
            let due = match &mut clock {
                Some(clock) => {
                    self.keep_pace().await?;
                    self.seal_due(clock.now_ms()).await?
                }
                None => Duration::MAX,
            };
            tokio::select! {
                biased;
                order = self.control.recv() => {
                    // What was submitted before the order is part of it.
                    while let Ok(batch) = self.batches.try_recv() {
                        self.take(batch)?;
                    }
                    match order {
                        Some(Control::Advance(ticks, published)) => self.advance(ticks, published).await?,
                        Some(Control::RunToEnd(end, published)) => self.end = Some((end, published)),
                        Some(Control::Stop) | None => return self.stop().await,
                    }
                }
                count = self.batches.recv_many(&mut taken, BATCHES) => {
                    if count == 0 {
                        return self.stop().await;
                    }
                    for batch in taken.drain(..) {
                        self.take(batch)?;
                    }
                }
                () = self.host.sleep(due), if clock.is_some() => {}
            }
            if matches!(self.mode, Mode::Virtual { .. }) {
                self.seal_by_watermark().await?;
            }
        }
    }

    /// Waits while the graph is far behind: sources then wait as well, and what they hold back becomes
    /// part of fewer ticks.
    async fn keep_pace(&mut self) -> Result<(), Gone> {
        let most = self.length.ticks(MOST_BEHIND_MS);
        loop {
            let published = self.progress.borrow_and_update().tick.max(self.began.open);
            if self.intake.open().saturating_sub(published) <= most {
                return Ok(());
            }
            self.progress.changed().await.map_err(|_| Gone)?;
        }
    }

    /// A restart begins after everything that may have been published, and says so to the graph: nothing
    /// ran until now. If a source that ticks wait for goes on where it was, so does time, and nothing is missed.
    fn note_downtime(&mut self, now_ms: i64) {
        let open = self.intake.open();
        let Some(from) = open.checked_sub(1).filter(|_| std::mem::take(&mut self.began.untold)) else {
            return;
        };
        let to = self.length.tick_at(now_ms).max(open + 1);
        let (source, id) = (Sym::new(ENGINE), EventId::Position(from));
        let order = WriteOrder { at_ms: self.length.utc_ms(from), source, id: id.clone() };
        let downtime = ClockWrite { order, command: ClockCommand::Downtime { from, to } };
        self.intake.put(open, (source, id, Command::Clock(downtime)));
    }

    fn take(&mut self, batch: Batch) -> Result<(), Gone> {
        if self.started {
            return self.decide(batch);
        }
        if self.intake.is_event_time(batch.source) && !self.heard.contains(&batch.source) {
            self.heard.push(batch.source);
        }
        self.deferred.push(batch);
        if self.heard.len() < self.intake.event_time_sources() {
            return Ok(());
        }
        let first = (self.deferred.iter())
            .filter(|batch| self.intake.is_event_time(batch.source))
            .flat_map(|batch| batch.items.iter().map(|item| (item, batch.watermark_ms)))
            .filter_map(|(item, watermark_ms)| match &item.input {
                worldflow_schemas::Input::Event(event) => Some(event.at_ms),
                worldflow_schemas::Input::Command(command) => command.at_ms().or(watermark_ms),
            })
            .map(|at_ms| self.length.tick_at(at_ms))
            .min();
        self.intake.set_open(first.unwrap_or(0));
        self.started = true;
        for batch in std::mem::take(&mut self.deferred) {
            self.decide(batch)?;
        }
        Ok(())
    }

    fn decide(&mut self, mut batch: Batch) -> Result<(), Gone> {
        let decided = self.intake.take(&mut batch);
        for (id, refusal) in &decided.refused {
            let at_ms = self.length.utc_ms(self.intake.open());
            self.observed.reject(batch.source, id.as_ref(), refusal, at_ms);
        }
        match batch.reply {
            Some(reply) => {
                let Decided { outcomes, commands, again, tick, refused: _ } = decided;
                let source = batch.source;
                self.tell(ToCollector::Answer(tick, Answer { reply, outcomes, source, commands, again }))
            }
            None => Ok(()),
        }
    }

    /// Seals the ticks whose time has come; how long until the next.
    async fn seal_due(&mut self, now_ms: i64) -> Result<Duration, Gone> {
        self.intake.set_wall(now_ms);
        // An input that comes now belongs to the first tick that begins at or after now.
        let wall = self.length.tick_at(now_ms.saturating_add(1));
        let held = self.intake.held_from(now_ms);
        self.held = held;
        let next = held.map_or(wall, |held| held.min(wall));
        if next > self.intake.open() {
            match held {
                None if !self.intake.has_spoken() => self.note_downtime(now_ms),
                _ => self.began.untold = false,
            }
            self.seal(next).await?;
        }
        let due_ms = self.length.utc_ms(self.intake.open()).saturating_sub(now_ms);
        // Ticks that are held may go on at any time.
        let due_ms = if due_ms > 0 { due_ms } else { self.length.tick_ms.into() };
        Ok(Duration::from_millis(u64::try_from(due_ms).unwrap_or(0)))
    }

    async fn seal_by_watermark(&mut self) -> Result<(), Gone> {
        if !self.started {
            return Ok(());
        }
        let Some(end) = self.intake.waits_from() else { return Ok(()) };
        if end != Tick::MAX {
            return if end > self.intake.open() { self.seal(end).await } else { Ok(()) };
        }
        if self.end.is_none() && self.intake.event_time_sources() == 0 {
            return Ok(());
        }
        self.seal_pending().await?;
        if let Some((end, published)) = self.end.take() {
            let last = match end {
                End::GraceMs(grace_ms) => self.last_input + self.length.ticks(grace_ms),
                End::Tick(tick) => tick,
            };
            let last = last.max(self.intake.open().saturating_sub(1));
            self.seal(last + 1).await?;
            self.tell(ToCollector::Wait(last, published))?;
        }
        Ok(())
    }

    async fn advance(&mut self, ticks: u64, published: oneshot::Sender<Tick>) -> Result<(), Gone> {
        let next = self.intake.open() + ticks;
        self.seal(next).await?;
        self.tell(ToCollector::Wait(next.saturating_sub(1), published))
    }

    /// Seals everything that is pending, and no tick after it.
    async fn seal_pending(&mut self) -> Result<(), Gone> {
        let Some(last) = self.intake.last_pending() else { return Ok(()) };
        self.seal(last + 1).await
    }

    /// Seals and releases every tick before `next`.
    async fn seal(&mut self, next: Tick) -> Result<(), Gone> {
        loop {
            let mut ticks = Vec::new();
            let mut amount = Amount::default();
            while !amount.exceeds(GROUP)
                && let Some((tick, pending)) = self.intake.seal_before(next)
            {
                amount.add(pending.len() as u64);
                ticks.push((tick, pending));
            }
            let full = amount.exceeds(GROUP);
            let released_to = if full { self.intake.open() } else { next };
            let group = self.seal_ticks(ticks);
            // Behind their inputs: were ticks known to be over without them, inputs that a crash took would come
            // late when they come again.
            self.reserve(released_to);
            self.intake.set_open(released_to);
            self.release(group, released_to).await?;
            if !full {
                break;
            }
        }
        self.intake.forget();
        self.measure();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "statistics")]
    fn measure(&self) {
        let realm = self.observed.realm().as_str();
        let in_flight = self.released.without(*self.published.borrow()).items;
        metrics::gauge!("worldflow_queued_batches", "realm" => realm).set(self.batches.len() as f64);
        metrics::gauge!("worldflow_waiting_inputs", "realm" => realm).set(self.intake.pending_items() as f64);
        metrics::gauge!("worldflow_inputs_in_flight", "realm" => realm).set(in_flight as f64);
    }

    fn seal_ticks(&mut self, ticks: Vec<(Tick, PendingTick)>) -> Vec<(SealedTick, Released)> {
        let mut floors = vec![Vec::new(); ticks.len()];
        if self.journal.is_some() && !ticks.is_empty() && self.intake.event_time_sources() > 0 {
            // What is pending as of each tick: what is pending now, and what the later ones took.
            let mut least = self.intake.floors();
            for (at, (_, pending)) in floors.iter_mut().zip(&ticks).rev() {
                at.clone_from(&least);
                for (source, position) in &pending.first {
                    note_least(&mut least, *source, *position);
                }
            }
        }
        let sealed = ticks.into_iter().zip(floors);
        sealed.map(|((tick, pending), floors)| self.seal_tick(tick, pending, floors)).collect()
    }

    /// Keeps ticks reserved ahead of `next`, so that an idle tick needs no sync. Ticks that wait for a source
    /// are not, nor are those for which it has spoken and that are not yet journaled: after a crash what it says
    /// belongs to them.
    fn reserve(&mut self, next: Tick) {
        let Some(journal) = &self.journal else { return };
        let ahead = match self.mode {
            Mode::RealTime { .. } => {
                let taken = self.held.into_iter().chain(self.intake.first_pending()).min();
                let free = taken.map_or(Tick::MAX, |taken| taken.saturating_sub(next));
                self.length.ticks(self.reserve_ms).min(free)
            }
            Mode::Manual { .. } | Mode::Virtual { .. } => 0,
        };
        let last = next.saturating_sub(1);
        if last + ahead / 2 > self.reserved || last > self.reserved {
            self.reserved = last + ahead;
            journal.append(Entry::Reserve(self.reserved));
        }
    }

    fn seal_tick(
        &mut self,
        tick: Tick,
        pending: PendingTick,
        floors: Vec<(Sym, u64)>,
    ) -> (SealedTick, Released) {
        self.last_input = tick;
        let reached = self.intake.reached(&pending);
        let items = pending.len() as u64;
        let (events, commands, numbered) = pending.gathered();
        let journaled = self.journal.is_some();
        if let Some(journal) = &self.journal {
            let state = self.state.borrow().filter(|(tick, _)| Some(*tick) > self.stated);
            match Inputs::encode(tick, &events, &commands, &floors, numbered, &reached) {
                Ok(inputs) => {
                    self.stated = state.map_or(self.stated, |(tick, _)| Some(tick));
                    journal.append(Entry::Inputs(inputs.after(state)));
                }
                // What cannot be journaled must not be published: the realm stops here.
                Err(what) => {
                    let failed = Durable::Failed(JournalError::Encode { tick, what });
                    let _failed_elsewhere = self.tell(ToCollector::Durable(failed));
                }
            }
        }
        let ids = match self.snapshots {
            true => SealedIds::new(
                events.iter().map(|event| (event.source, &event.id)),
                commands.iter().map(|(source, id, _)| (*source, id)),
                numbered,
            ),
            false => SealedIds::default(),
        };
        let followed = (self.events.receiver_count() > 0 && !events.is_empty()).then(|| {
            let mut events = events.clone();
            events.sort_by(worldflow_schemas::Event::cmp_order);
            Arc::from(events)
        });
        let commands: Vec<Command> =
            commands.into_iter().map(|(_, _, command): Identified| command).collect();
        let (at, forgotten) = (self.host.now(), forgotten(&commands));
        let released =
            Released { tick, items, journaled, at, events: followed, ids, floors, reached, forgotten };
        (SealedTick { tick, events, commands }, released)
    }

    /// Releases sealed ticks to the collector first, then to the workers; waits while too much is
    /// on its way.
    async fn release(&mut self, group: Vec<(SealedTick, Released)>, next: Tick) -> Result<(), Gone> {
        while self.released.without(*self.published.borrow_and_update()).exceeds(MOST_IN_FLIGHT) {
            self.published.changed().await.map_err(|_| Gone)?;
        }
        let (sealed, released): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        if !released.is_empty() {
            released.iter().for_each(|tick: &Released| self.released.add(tick.items));
            self.tell(ToCollector::Released(released))?;
        }
        self.workers.feed(sealed, next);
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Gone> {
        self.batches.close();
        while let Ok(batch) = self.batches.try_recv() {
            self.take(batch)?;
        }
        // Without anything to seal this only lets the ticks before the open one be published. What waits for
        // the rest of its tick is read again, unless somebody waits for an answer.
        let waits = self.held.is_some_and(|held| held <= self.intake.open()) && !self.intake.has_arrived();
        let next = self.intake.open() + u64::from(!waits && self.intake.last_pending().is_some());
        self.seal(next).await?;
        if let Some(journal) = &self.journal {
            journal.append(Entry::Close(next.saturating_sub(1)));
        }
        self.tell(ToCollector::Finish(next))
    }

    fn tell(&self, message: ToCollector) -> Result<(), Gone> {
        self.collector.send(message).map_err(|_| Gone)
    }
}
