//! What the sequencer decides about each input: new or seen, in time or refused, and in which tick.
//!
//! Plain state without threads or clocks. An input of an arrival source belongs to the open tick; an
//! input of an event-time source belongs to the tick of its own time (one that has none, to that of
//! its batch's watermark), or to the open tick when that is later, and waits until the watermarks of
//! all such sources have passed it. An input without an id is new, and gets the next position of its
//! source: only here is it known which comes next.

mod deciding;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Command, Event, EventId, Input, Sym, Tick};

use crate::admission::{Batch, Item, Outcome, Refusal};
use crate::dedupe::{Dedupe, DedupeConfig};
use crate::defined::Defined;
use crate::journal::{Identified, Numbered};
use crate::positions::{Reached, Share, Unsealed};
use crate::rate::RateLimits;
use crate::refused::Again;

pub use deciding::too_fast;
use deciding::{Now, decide, within_rate};

/// A source whose events belong to the ticks of their own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimeSource {
    /// The producer.
    pub source: Sym,
    /// How late an event may come: its watermark trails its latest event by this much, unless its
    /// batches say more. A later one counts in the open tick. `u64::MAX`: only its batches say so.
    pub lateness_ms: u64,
    /// In real time ticks no longer wait for it once it has been silent for so long.
    pub idle_ms: u64,
    /// When its first event happened, if that is known before it speaks: a fresh realm that runs in
    /// real time begins there.
    pub begins_ms: Option<i64>,
}

/// How far a source's own time has come.
#[derive(Clone, Copy, Debug)]
struct Watermark {
    lateness_ms: i64,
    idle_ms: i64,
    reached_ms: Option<i64>,
    /// In real time: when it last spoke, or when it was first waited for.
    spoke_ms: Option<i64>,
    /// It has been ahead of the open tick since the start. Until then it is reading on from where it was,
    /// and the realm with it; afterwards, when it is behind, it is late.
    caught_up: bool,
}

impl Watermark {
    /// The first tick that waits for it, if any does.
    fn holds_from(&self, now_ms: i64, open: Tick, length: TickLength) -> Option<Tick> {
        let idle = self.spoke_ms.is_some_and(|spoke_ms| now_ms >= spoke_ms.saturating_add(self.idle_ms));
        let tick = match self.reached_ms {
            Some(i64::MAX) => return None,
            Some(reached_ms) => length.tick_at(reached_ms),
            None => 0,
        };
        (!idle && (tick >= open || !self.caught_up)).then_some(tick.max(open))
    }
}

/// Inputs of a tick that is not sealed yet.
#[derive(Debug, Default)]
pub(crate) struct PendingTick {
    events: Vec<Event>,
    commands: Vec<Identified>,
    /// Those that came without ids.
    numbered_events: Vec<Event>,
    numbered_commands: Vec<Identified>,
    /// The first position of each event-time source in this tick.
    pub(crate) first: Vec<(Sym, u64)>,
    /// The batches of sources that remember how far they are read, of which something is in this tick.
    shares: Vec<Share>,
    /// Something in it came by arrival, and its sender waits.
    pub(crate) arrived: bool,
}

impl PendingTick {
    pub(crate) fn len(&self) -> usize {
        self.events.len() + self.commands.len() + self.numbered_events.len() + self.numbered_commands.len()
    }

    /// All events and commands, those without ids last.
    pub(crate) fn gathered(self) -> (Vec<Event>, Vec<Identified>, Numbered) {
        let PendingTick { events, commands, numbered_events, numbered_commands, .. } = self;
        let numbered = Numbered { events: numbered_events.len(), commands: numbered_commands.len() };
        (joined(events, numbered_events), joined(commands, numbered_commands), numbered)
    }
}

fn joined<T>(mut first: Vec<T>, mut last: Vec<T>) -> Vec<T> {
    if first.is_empty() {
        return last;
    }
    first.append(&mut last);
    first
}

/// Something to be told to a source, once the tick is published.
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Outcome>,
    /// The places and ids of accepted commands: the graph may still refuse them.
    pub(crate) commands: Vec<(usize, EventId)>,
    /// Those of commands that have been here before: the graph may have refused them.
    pub(crate) again: Vec<Again>,
    pub(crate) tick: Tick,
    pub(crate) refused: Vec<(Option<EventId>, Refusal)>,
}

pub(crate) struct Intake {
    length: TickLength,
    config: DedupeConfig,
    pub(crate) dedupe: Dedupe,
    pending: BTreeMap<Tick, PendingTick>,
    pending_items: usize,
    /// Every tick before this one is sealed.
    open: Tick,
    event_time: FxHashMap<Sym, Watermark>,
    rates: RateLimits,
    unsealed: Unsealed,
    begins_ms: Option<i64>,
    /// UTC as the realm takes it, in real time: nothing happens later than it.
    wall_ms: Option<i64>,
    /// In real time: what UTC was first.
    started_ms: Option<i64>,
    /// An event-time source has said up to when it has come, or something of it.
    spoken: bool,
    /// When ids were last forgotten.
    forgot: Tick,
    /// Which quests are defined, for edges.
    pub(crate) defined: Defined,
}

/// How often ids are forgotten.
const FORGET_MS: u64 = 1000;

/// In real time nothing is forgotten for so long after a start, however long nothing ran: sources first
/// read on from where they were, and what is there may have come another way just before.
const RECALL_MS: i64 = 60_000;

impl Intake {
    pub(crate) fn new(length: TickLength, config: DedupeConfig, event_time: &[EventTimeSource]) -> Intake {
        let begins_ms = event_time.iter().filter_map(|source| source.begins_ms).min();
        let event_time = (event_time.iter())
            .map(|source| {
                let whole = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
                let (lateness_ms, idle_ms) = (whole(source.lateness_ms), whole(source.idle_ms));
                let (reached_ms, spoke_ms, caught_up) = (None, None, false);
                (source.source, Watermark { lateness_ms, idle_ms, reached_ms, spoke_ms, caught_up })
            })
            .collect();
        Intake {
            length,
            config,
            dedupe: Dedupe::default(),
            pending: BTreeMap::new(),
            pending_items: 0,
            open: 0,
            event_time,
            rates: RateLimits::default(),
            unsealed: Unsealed::default(),
            begins_ms,
            wall_ms: None,
            started_ms: None,
            spoken: false,
            forgot: 0,
            defined: Defined::default(),
        }
    }

    /// In real time: what UTC is now.
    pub(crate) fn set_wall(&mut self, wall_ms: i64) {
        self.wall_ms = Some(wall_ms);
        if self.started_ms.is_none() {
            self.started_ms = Some(wall_ms);
            self.event_time.values_mut().for_each(|watermark| watermark.spoke_ms = Some(wall_ms));
        }
    }

    pub(crate) fn open(&self) -> Tick {
        self.open
    }

    /// Every tick before `open` is sealed; nothing may be pending there.
    pub(crate) fn set_open(&mut self, open: Tick) {
        self.open = self.open.max(open);
    }

    /// Whether events of that source wait for watermarks.
    pub(crate) fn is_event_time(&self, source: Sym) -> bool {
        self.event_time.contains_key(&source)
    }

    /// How many event-time sources there are.
    pub(crate) fn event_time_sources(&self) -> usize {
        self.event_time.len()
    }

    /// Items accepted and not sealed.
    pub(crate) fn pending_items(&self) -> usize {
        self.pending_items
    }

    /// Puts an input of the engine itself into a tick.
    pub(crate) fn put(&mut self, tick: Tick, command: Identified) {
        self.pending.entry(tick.max(self.open)).or_default().commands.push(command);
        self.pending_items += 1;
    }

    /// Decides about a batch.
    pub(crate) fn take(&mut self, batch: &mut Batch) -> Decided {
        let Intake { length, open, config, wall_ms, .. } = *self;
        // Ticks may be held; senders' seconds go by all the same.
        let now_ms = length.utc_ms(open).max(wall_ms.unwrap_or(i64::MIN));
        let by_event_time = self.event_time.get(&batch.source).copied();
        let asked = batch.reply.is_some();
        let reads = batch.reached.is_some();
        let mut ticks: Vec<Tick> = Vec::new();
        let mut decided = Decided {
            outcomes: Vec::new(),
            commands: Vec::new(),
            again: Vec::new(),
            tick: 0,
            refused: Vec::new(),
        };
        let mut latest_ms = i64::MIN;
        // Where time is moved by hand, nothing comes from later than the tick that is open either; only sources of
        // event time bring time with them.
        let no_later_than_ms = wall_ms.or(by_event_time.is_none().then(|| length.utc_ms(open)));
        let (ids, gone) = self.dedupe.source(batch.source);
        // The last tick's vectors are kept at hand: most items go where the one before went.
        let mut run = (open, self.pending.remove(&open).unwrap_or_default());
        for Item { mut id, mut input, most_per_s } in batch.items.drain(..) {
            let at_ms = match &input {
                Input::Event(event) => Some(event.at_ms),
                Input::Command(command) => {
                    command.at_ms().or(batch.watermark_ms.filter(|_| by_event_time.is_some()))
                }
            };
            let numbered = !id.is_unnumbered();
            if !numbered {
                id = EventId::Position(ids.next_position(&gone));
            }
            let now = Now { latest_ms: no_later_than_ms, length, reads };
            let decision = decide(ids, &id, at_ms, now, config.most_ids_per_source);
            let outcome = match decision.and_then(|first| match (first, most_per_s) {
                (None, Some(most)) => within_rate(&mut self.rates, &input, most, now_ms).map(|()| None),
                (first, _) => Ok(first),
            }) {
                Ok(None) => {
                    let tick = match (by_event_time, at_ms) {
                        (Some(_), Some(at_ms)) => {
                            latest_ms = latest_ms.max(at_ms);
                            length.tick_at(at_ms).max(open)
                        }
                        _ => open,
                    };
                    match &id {
                        EventId::Position(position) if !numbered => {
                            set_id(&mut input, &id);
                            ids.number(*position);
                        }
                        id => ids.take(id, tick),
                    }
                    if tick != run.0 {
                        let next = self.pending.remove(&tick).unwrap_or_default();
                        let (old, full) = std::mem::replace(&mut run, (tick, next));
                        if full.len() > 0 || !full.shares.is_empty() {
                            self.pending.insert(old, full);
                        }
                    }
                    self.pending_items += 1;
                    run.1.arrived |= by_event_time.is_none();
                    if asked && matches!(input, Input::Command(_)) {
                        decided.commands.push((decided.outcomes.len(), id.clone()));
                    }
                    if let (Some(_), true, EventId::Position(position)) = (by_event_time, numbered, &id) {
                        note_least(&mut run.1.first, batch.source, *position);
                    }
                    match &input {
                        Input::Command(Command::Define(edit)) => self.defined.note(edit),
                        Input::Command(Command::Revise(revise)) => self.defined.note_all(&revise.edits),
                        _ => {}
                    }
                    match (input, numbered) {
                        (Input::Event(event), true) => run.1.events.push(event),
                        (Input::Event(event), false) => run.1.numbered_events.push(event),
                        (Input::Command(command), true) => run.1.commands.push((batch.source, id, command)),
                        (Input::Command(command), false) => {
                            run.1.numbered_commands.push((batch.source, id, command));
                        }
                    }
                    Outcome::Accepted { tick }
                }
                Ok(Some(tick)) => {
                    // It says as much of its source's time as when it first came.
                    latest_ms = latest_ms.max(at_ms.unwrap_or(latest_ms));
                    if let (true, Input::Command(command)) = (asked, &input) {
                        let place = decided.outcomes.len();
                        decided.again.push(Again { place, id, asks: command.asks() });
                    }
                    Outcome::Duplicate { tick }
                }
                Err(refusal) => {
                    decided.refused.push((numbered.then_some(id), refusal.clone()));
                    Outcome::Refused(Box::new(refusal))
                }
            };
            if let Outcome::Accepted { tick } | Outcome::Duplicate { tick } = outcome {
                decided.tick = decided.tick.max(tick);
                if reads && tick >= open && ticks.last() != Some(&tick) {
                    ticks.push(tick);
                }
            }
            if asked {
                decided.outcomes.push(outcome);
            }
        }
        if run.1.len() > 0 || !run.1.shares.is_empty() {
            self.pending.insert(run.0, run.1);
        }
        if let Some(reached) = batch.reached.take() {
            self.share(reached, ticks);
        }
        if let Some(watermark) = self.event_time.get_mut(&batch.source) {
            let trails = latest_ms > i64::MIN && watermark.lateness_ms < i64::MAX;
            let trailing = trails.then(|| latest_ms.saturating_sub(watermark.lateness_ms));
            watermark.reached_ms = watermark.reached_ms.max(trailing).max(batch.watermark_ms);
            watermark.spoke_ms = wall_ms;
            self.spoken |= latest_ms > i64::MIN || batch.watermark_ms.is_some_and(|ms| ms < i64::MAX);
            let ahead = |reached_ms| length.tick_at(reached_ms) >= open;
            watermark.caught_up |= watermark.reached_ms.is_some_and(ahead);
        }
        decided
    }

    /// Notes where a part of a source goes on once these ticks are sealed, or the open one, if the batch
    /// has nothing that is pending.
    fn share(&mut self, reached: Reached, mut ticks: Vec<Tick>) {
        ticks.sort_unstable();
        ticks.dedup();
        if ticks.is_empty() {
            ticks.push(self.open);
        }
        let share = self.unsealed.take(reached, ticks.len());
        for tick in ticks {
            self.pending.entry(tick).or_default().shares.push(share);
        }
    }

    /// How far sources have been read, once this tick is sealed and all before it.
    pub(crate) fn reached(&mut self, pending: &PendingTick) -> Vec<Reached> {
        self.unsealed.seal(&pending.shares)
    }

    /// The first tick that must still wait for an event-time source; `None` when one of them has
    /// said nothing yet, [`Tick::MAX`] when all have ended.
    pub(crate) fn waits_from(&self) -> Option<Tick> {
        let mut least = i64::MAX;
        for watermark in self.event_time.values() {
            least = least.min(watermark.reached_ms?);
        }
        Some(if least == i64::MAX { Tick::MAX } else { self.length.tick_at(least) })
    }

    /// When the first event of a source happened, of those that say so beforehand.
    pub(crate) fn begins_ms(&self) -> Option<i64> {
        self.begins_ms
    }

    /// In real time: the first tick that must still wait for an event-time source.
    pub(crate) fn held_from(&self, now_ms: i64) -> Option<Tick> {
        (self.event_time.values())
            .filter_map(|watermark| watermark.holds_from(now_ms, self.open, self.length))
            .min()
    }

    /// Whether an event-time source has said since the start where it goes on.
    pub(crate) fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// Whether the open tick has something whose sender waits for it.
    pub(crate) fn has_arrived(&self) -> bool {
        self.pending.get(&self.open).is_some_and(|pending| pending.arrived)
    }

    /// Takes the first pending tick, if it is before `end`, and opens the next.
    pub(crate) fn seal_before(&mut self, end: Tick) -> Option<(Tick, PendingTick)> {
        let first = self.pending.first_entry()?;
        if *first.key() >= end {
            return None;
        }
        let (tick, pending) = first.remove_entry();
        self.pending_items -= pending.len();
        self.open = tick + 1;
        Some((tick, pending))
    }

    /// The first position of each source that is taken and not sealed.
    pub(crate) fn floors(&self) -> Vec<(Sym, u64)> {
        let mut floors: Vec<(Sym, u64)> = self.dedupe.floors().collect();
        for (source, position) in self.pending.values().flat_map(|pending| &pending.first) {
            note_least(&mut floors, *source, *position);
        }
        floors
    }

    /// The first tick with pending inputs.
    pub(crate) fn first_pending(&self) -> Option<Tick> {
        self.pending.first_key_value().map(|(tick, _)| *tick)
    }

    /// The last tick with pending inputs.
    pub(crate) fn last_pending(&self) -> Option<Tick> {
        self.pending.last_key_value().map(|(tick, _)| *tick)
    }

    /// Forgets ids outside the window that ends now, once a second: it looks at every source.
    pub(crate) fn forget(&mut self) {
        let recalls = self.started_ms.zip(self.wall_ms).is_some_and(|(from, now)| now - from < RECALL_MS);
        if recalls || self.open < self.forgot + self.length.ticks(FORGET_MS) {
            return;
        }
        self.forgot = self.open;
        self.dedupe.forget(self.open, self.config.window(self.length));
    }
}

/// Keeps the least position of each source.
pub(crate) fn note_least(floors: &mut Vec<(Sym, u64)>, source: Sym, position: u64) {
    match floors.iter_mut().find(|(noted, _)| *noted == source) {
        Some((_, least)) => *least = position.min(*least),
        None => floors.push((source, position)),
    }
}

/// Tells an input its id.
fn set_id(input: &mut Input, id: &EventId) {
    match input {
        Input::Event(event) => event.id = id.clone(),
        Input::Command(command) => command.set_id(id),
    }
}

#[cfg(test)]
mod tests;
