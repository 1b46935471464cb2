//! Producers: they send what they have until it is acknowledged, some of it several times, in any order that their ids
//! allow, and begin again where they were when the realm is back.
//!
//! What an event counts is a power of four of its own, so that the count of a player says which events are in it, and how
//! often each.

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::positions::{Positions, Reached};
use worldflow_engine::runtime::RunningRealm;
use worldflow_engine::testing::simulation::Chance;
use worldflow_schemas::{Event, EventId, Input, Sym, Tick};

use crate::history::{Rows, text};
use crate::tiny::event;

/// How a producer names what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By names, in any order.
    Named,
    /// By positions, in order.
    Numbered,
    /// By positions, and its events belong to the ticks of their own times.
    EventTime,
    /// Not at all: what the journal says of its position is all that there is.
    Stream,
}

/// Something that is sent until it is acknowledged.
#[derive(Debug)]
struct Sent {
    event: Event,
    /// It says that it happens much later, so it is refused however often it is sent.
    refused: bool,
    acked: Option<Tick>,
    times: u64,
}

struct Flight {
    outcomes: oneshot::Receiver<Vec<Outcome>>,
    places: Vec<usize>,
}

pub(crate) struct Producer {
    kind: Kind,
    name: Sym,
    items: Vec<Sent>,
    flights: Vec<Flight>,
    /// The first that was never sent in this life, and ever.
    next: usize,
    ever: usize,
    pub(crate) duplicates: u64,
}

/// How late an event of an event-time source comes at most.
pub(crate) const LATENESS_MS: u64 = 300;
/// How long ticks wait for a producer that is silent.
pub(crate) const IDLE_MS: u64 = 5_000;

/// Events of one player.
const DIGITS: usize = 24;

/// What a bell adds when it rings.
const RING: i64 = 100;

impl Producer {
    pub(crate) fn new(
        kind: Kind,
        number: u64,
        count: usize,
        now_ms: i64,
        refuses: bool,
        chance: &mut Chance,
    ) -> Producer {
        let name = Sym::new(&format!("producer-{number}"));
        let items = (0..count).map(|place| {
            let id = match kind {
                Kind::Named => EventId::Named(format!("{number}-{place}").into()),
                Kind::Numbered | Kind::EventTime => EventId::Position(place as u64 * 2 + 1),
                Kind::Stream => EventId::Position(EventId::UNNUMBERED),
            };
            let late = chance.below(LATENESS_MS);
            let at_ms =
                now_ms - 2_000 + 40 * place as i64 - if kind == Kind::EventTime { late as i64 } else { 0 };
            let mut event = event(&format!("{number}-{}", place / DIGITS), "kill", at_ms, id);
            event.source = name;
            event.amount = 4_i64.pow((place % DIGITS) as u32);
            let refused = refuses && kind == Kind::Named && chance.one_in(8);
            if refused {
                event.at_ms = now_ms + 100_000_000;
            } else if kind == Kind::Named && chance.one_in(8) {
                event.kind = "ring".into();
                event.amount = 1 + chance.below(60) as i64;
                event.player = Sym::new(&format!("bell-{number}-{place}"));
            }
            Sent { event, refused, acked: None, times: 0 }
        });
        let items = items.collect();
        Producer { kind, name, items, flights: Vec::new(), next: 0, ever: 0, duplicates: 0 }
    }

    pub(crate) fn is_event_time(&self) -> bool {
        self.kind == Kind::EventTime
    }

    pub(crate) fn name(&self) -> Sym {
        self.name
    }

    /// How many acknowledgements it has.
    pub(crate) fn acked(&self) -> u64 {
        self.items.iter().filter(|item| item.acked.is_some()).count() as u64
    }

    pub(crate) fn is_done(&self) -> bool {
        self.items.iter().all(|item| item.acked.is_some() || item.refused)
    }

    /// The realm was opened anew: what was on its way is sent again, from where the journal says, if that does.
    pub(crate) fn reconnect(&mut self, positions: &Positions, tick: Tick) -> Result<(), String> {
        self.flights.clear();
        let acked = self.items.iter().take_while(|item| item.acked.is_some()).count();
        self.next = match self.kind {
            Kind::Named => return Ok(()),
            Kind::Numbered | Kind::EventTime => acked,
            Kind::Stream => {
                let position = positions.of(self.name).get("part").map_or(Ok(0), |text| text.parse());
                position.map_err(|_| "a position that nobody gave".to_owned())?
            }
        };
        if self.kind == Kind::Stream && (self.next < acked || self.next > self.ever) {
            return Err(format!(
                "{acked} of the stream were acknowledged and {} sent, and it goes on at {}",
                self.ever, self.next
            ));
        }
        if self.kind == Kind::Stream {
            // What the journal says is as good as an acknowledgement.
            let before = self.items.iter_mut().take(self.next);
            before.for_each(|item| item.acked = item.acked.or(Some(tick)));
        }
        Ok(())
    }

    /// Which are sent next.
    fn choose(&mut self, chance: &mut Chance) -> Vec<usize> {
        let most = 1 + chance.place(4);
        if self.kind == Kind::Named {
            let again = chance.one_in(6);
            let wanted = |item: &Sent| item.acked.is_none() || (again && item.times < 4);
            let mut places: Vec<usize> =
                (0..self.items.len()).filter(|place| wanted(&self.items[*place])).collect();
            while places.len() > most {
                places.swap_remove(chance.place(places.len()));
            }
            // In any order.
            for place in 1..places.len() {
                places.swap(place, chance.place(place + 1));
            }
            return places;
        }
        // A connection that is new sends again what was not acknowledged, or a little more.
        if self.kind != Kind::Stream && chance.one_in(6) {
            let acked = self.items.iter().take_while(|item| item.acked.is_some()).count();
            self.next = self.next.min(acked.saturating_sub(chance.place(3)));
        }
        let end = (self.next + most).min(self.items.len());
        let places = (self.next..end).collect();
        self.next = end;
        places
    }

    pub(crate) fn send(&mut self, running: &RunningRealm, chance: &mut Chance) -> Result<(), String> {
        if self.flights.len() > 20 {
            return Ok(());
        }
        let before = self.next;
        let places = self.choose(chance);
        // An event-time source that has nothing more says so, again and again.
        let ends = self.kind == Kind::EventTime && self.next == self.items.len();
        if places.is_empty() && !ends {
            return Ok(());
        }
        let items = places.iter().map(|place| {
            let sent = &mut self.items[*place];
            sent.times += 1;
            Item { id: sent.event.id.clone(), input: Input::Event(sent.event.clone()), most_per_s: None }
        });
        let items = items.collect();
        self.ever = self.ever.max(self.next);
        let (reply, outcomes) = oneshot::channel();
        let reached = (self.kind == Kind::Stream).then(|| Reached {
            source: self.name,
            part: "part".into(),
            position: Some(self.next.to_string().as_str().into()),
        });
        let watermark_ms = match self.kind {
            Kind::EventTime if ends => Some(i64::MAX),
            _ => None,
        };
        let batch = Batch { source: self.name, items, watermark_ms, reply: Some(reply), reached };
        let mut submitted = Box::pin(running.realm.admission.submit(batch));
        let polled = submitted.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        if polled.is_ready() {
            self.flights.push(Flight { outcomes, places });
        } else {
            // There is no room: it is tried another time.
            self.next = before;
        }
        Ok(())
    }

    /// Hears what became of what was sent.
    pub(crate) fn hear(&mut self) -> Result<(), String> {
        let mut flights = std::mem::take(&mut self.flights);
        let mut wrong = Ok(());
        flights.retain_mut(|flight| match flight.outcomes.try_recv() {
            Ok(outcomes) => {
                for (place, outcome) in flight.places.iter().zip(outcomes) {
                    let noted = self.note(*place, outcome);
                    if wrong.is_ok() {
                        wrong = noted;
                    }
                }
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => false,
        });
        self.flights = flights;
        wrong
    }

    fn note(&mut self, place: usize, outcome: Outcome) -> Result<(), String> {
        let Sent { event, refused, acked, .. } = &mut self.items[place];
        let what = format!("{} {:?}", self.name.as_str(), event.id);
        match outcome {
            Outcome::Refused(_) if *refused => Ok(()),
            _ if *refused => Err(format!("{what} is much too early, and is {outcome:?}")),
            Outcome::Accepted { tick } => match acked.replace(tick) {
                None => Ok(()),
                // It had been sent again, and was told of first.
                Some(first) if first == tick => Ok(()),
                Some(first) => {
                    Err(format!("{what} was acknowledged in tick {first}, and is accepted again in {tick}"))
                }
            },
            Outcome::Duplicate { tick } => {
                self.duplicates += 1;
                match acked.replace(tick) {
                    None => Ok(()),
                    Some(first) if first == tick => Ok(()),
                    Some(first) => {
                        Err(format!("{what} was acknowledged in tick {first}, and is said to be in {tick}"))
                    }
                }
            }
            other => Err(format!("{what} is {other:?}")),
        }
    }

    /// What is acknowledged is in the rows of `tick`, and nothing is in it twice, or was never sent.
    pub(crate) fn check(&self, rows: &Rows, tick: Tick, all: bool) -> Result<(), String> {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for (place, Sent { event, refused, acked, times }) in self.items.iter().enumerate() {
            let what = || format!("{} {:?} of {}", self.name.as_str(), event.id, event.player.as_str());
            let row = rows.get(event.player.as_str()).copied().unwrap_or(0);
            let due = acked.is_some_and(|acked| acked <= tick) || (all && !refused);
            if event.kind == "ring".into() {
                let rung = acked.is_some_and(|acked| acked + event.amount.unsigned_abs() <= tick);
                let was_sent = *times > 0;
                if (row == 0 && rung) || (row != 0 && (row != RING || !was_sent)) {
                    return Err(format!("{} came to {row}", what()));
                }
                continue;
            }
            let times_in = row / 4_i64.pow((place % DIGITS) as u32) % 4;
            if times_in > 1 || (times_in == 0 && due) || (times_in > 0 && (*refused || *times == 0)) {
                return Err(format!("{}, acknowledged in {acked:?}, is in it {times_in} times", what()));
            }
            *counts.entry(text(event.player)).or_default() +=
                if times_in > 0 { 4_i64.pow((place % DIGITS) as u32) } else { 0 };
        }
        for (player, count) in counts {
            let row = rows.get(&player).copied().unwrap_or(0);
            if row != count {
                return Err(format!("{player} has {row}, and its events make {count}"));
            }
        }
        Ok(())
    }
}
