//! Events that wait for one session, of all that it follows.
//!
//! They are bounded: of a session that reads too slowly those of the lowest priority are passed over
//! first, and of these the oldest; each follower is told how many.

use std::collections::{BTreeMap, VecDeque};

use worldflow_schemas::definitions::Priority;
use worldflow_schemas::{Event, EventId, Sym, Tick, Value};

/// Events that wait for one session before some are passed over.
pub(super) const MOST_EVENTS: usize = 16_384;

/// An event as it is streamed.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Streamed {
    /// Its tick.
    pub(super) tick: Tick,
    /// The event.
    pub(super) event: Event,
    /// Its kind's priority.
    pub(super) priority: Priority,
    /// What it takes of memory while it waits.
    pub(super) bytes: usize,
}

impl Streamed {
    pub(super) fn new(tick: Tick, event: &Event, priority: Priority) -> Streamed {
        let text = |value: &Value| value.as_str().map_or(0, str::len);
        let with = event.with.iter().flat_map(|with| with.iter());
        let with = with.map(|(_, value)| size_of::<(Sym, Value)>() + text(value)).sum::<usize>();
        let id = match &event.id {
            EventId::Named(name) => name.len(),
            EventId::Position(_) => 0,
        };
        Streamed { tick, event: event.clone(), priority, bytes: size_of::<Waiting>() + id + with }
    }
}

/// What a follower has missed since it was last told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Missed {
    /// Its events that were passed over.
    pub(super) counted: u64,
    /// Events went by that nobody looked at.
    pub(super) uncounted: bool,
}

#[derive(Debug)]
struct Waiting {
    /// Its place among all events of the session.
    place: u64,
    id: u32,
    streamed: Streamed,
}

/// What waits for the followers of one session.
#[derive(Debug, Default)]
pub(super) struct Stream {
    followers: BTreeMap<u32, Missed>,
    /// By priority, the lowest first; each in order.
    queues: [VecDeque<Waiting>; Priority::ALL.len()],
    waiting: usize,
    bytes: usize,
    most_bytes: usize,
    places: u64,
}

impl Stream {
    /// Nothing waits, and no more than so many bytes may.
    pub(super) fn new(most_bytes: usize) -> Stream {
        Stream { most_bytes, ..Stream::default() }
    }

    /// What waits takes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Opens the following of events.
    pub(super) fn open(&mut self, id: u32) {
        self.followers.insert(id, Missed::default());
    }

    /// Ends it; what waits for it is dropped.
    pub(super) fn close(&mut self, id: u32) {
        if self.followers.remove(&id).is_some() {
            self.queues.iter_mut().for_each(|queue| queue.retain(|waiting| waiting.id != id));
            self.waiting = self.queues.iter().map(VecDeque::len).sum();
            self.bytes = self.queues.iter().flatten().map(|waiting| waiting.streamed.bytes).sum();
        }
    }

    /// Adds an event for a follower. When too many wait, the least of all is passed over.
    pub(super) fn push(&mut self, id: u32, streamed: Streamed) {
        if !self.followers.contains_key(&id) {
            return;
        }
        let rank = streamed.priority as usize;
        while self.waiting >= MOST_EVENTS || self.bytes + streamed.bytes > self.most_bytes {
            let passed_over = self.queues[..=rank].iter_mut().find_map(VecDeque::pop_front);
            let loser = passed_over.as_ref().map_or(id, |waiting| waiting.id);
            if let Some(missed) = self.followers.get_mut(&loser) {
                missed.counted += 1;
            }
            let Some(passed_over) = passed_over else { return };
            self.waiting -= 1;
            self.bytes -= passed_over.streamed.bytes;
        }
        self.waiting += 1;
        self.bytes += streamed.bytes;
        self.places += 1;
        self.queues[rank].push_back(Waiting { place: self.places, id, streamed });
    }

    /// Events went by that nobody looked at.
    pub(super) fn miss(&mut self, id: u32) {
        if let Some(missed) = self.followers.get_mut(&id) {
            missed.uncounted = true;
        }
    }

    /// Takes everything: for each follower that is to be told anything, what it has missed, and its
    /// events in order.
    pub(super) fn take(&mut self) -> Vec<(u32, Missed, Vec<Streamed>)> {
        let mut all: Vec<Waiting> = self.queues.iter_mut().flat_map(|queue| queue.drain(..)).collect();
        all.sort_unstable_by_key(|waiting| waiting.place);
        (self.waiting, self.bytes) = (0, 0);
        let mut events: BTreeMap<u32, Vec<Streamed>> = BTreeMap::new();
        for Waiting { id, streamed, .. } in all {
            events.entry(id).or_default().push(streamed);
        }
        let told = self
            .followers
            .iter_mut()
            .map(|(id, missed)| (*id, std::mem::take(missed), events.remove(id).unwrap_or_default()));
        told.filter(|(_, missed, events)| *missed != Missed::default() || !events.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(stream: &mut Stream, id: u32, number: u64, priority: Priority) {
        let event = Event {
            at_ms: 0,
            source: "server".into(),
            id: EventId::Position(number),
            player: Sym::NONE,
            kind: "kill".into(),
            target: Sym::NONE,
            region: Sym::NONE,
            amount: 1,
            with: None,
        };
        stream.push(id, Streamed::new(number, &event, priority));
    }

    fn numbers(events: &[Streamed]) -> Vec<u64> {
        events.iter().map(|streamed| streamed.tick).collect()
    }

    #[test]
    fn the_lowest_priority_is_passed_over_first_and_of_it_the_oldest() {
        let mut stream = Stream::new(usize::MAX);
        stream.open(1);
        let most = MOST_EVENTS as u64;
        push(&mut stream, 1, 0, Priority::Critical);
        push(&mut stream, 1, 1, Priority::Low);
        push(&mut stream, 1, 2, Priority::High);
        push(&mut stream, 1, 3, Priority::Low);
        (4..most).for_each(|number| push(&mut stream, 1, number, Priority::Normal));
        // The two of low priority go, then the oldest normal one; another of low priority does not come in.
        (most..most + 3).for_each(|number| push(&mut stream, 1, number, Priority::Critical));
        push(&mut stream, 1, most + 3, Priority::Low);
        let taken = stream.take();
        assert_eq!(taken.len(), 1);
        let (id, missed, events) = &taken[0];
        assert_eq!((*id, *missed), (1, Missed { counted: 4, uncounted: false }));
        let expected: Vec<u64> = [0, 2].into_iter().chain(5..most + 3).collect();
        assert_eq!(numbers(events), expected);
        assert_eq!(stream.take(), []);
        // With room again, what is low comes in again.
        push(&mut stream, 1, 7, Priority::Low);
        assert_eq!(numbers(&stream.take()[0].2), [7]);
    }

    #[test]
    fn critical_events_go_only_when_nothing_else_waits() {
        let mut stream = Stream::new(usize::MAX);
        stream.open(1);
        let most = MOST_EVENTS as u64;
        (0..most).for_each(|number| push(&mut stream, 1, number, Priority::Critical));
        push(&mut stream, 1, most, Priority::High);
        push(&mut stream, 1, most + 1, Priority::Critical);
        let (_, missed, events) = stream.take().remove(0);
        assert_eq!(missed.counted, 2);
        assert_eq!(numbers(&events), (1..most).chain([most + 1]).collect::<Vec<_>>());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut stream = Stream::new(usize::MAX);
        stream.open(1);
        push(&mut stream, 1, 0, Priority::Normal);
        let mut stream = Stream::new(10 * stream.bytes());
        stream.open(1);
        (0..25).for_each(|number| push(&mut stream, 1, number, Priority::Normal));
        let (_, missed, events) = stream.take().remove(0);
        assert_eq!((missed.counted, numbers(&events)), (15, (15..25).collect::<Vec<_>>()));
        assert_eq!(stream.bytes(), 0);
    }

    #[test]
    fn each_follower_has_its_own_events_and_its_own_count() {
        let mut stream = Stream::new(usize::MAX);
        stream.open(1);
        stream.open(2);
        push(&mut stream, 3, 9, Priority::Normal);
        for number in 0..MOST_EVENTS as u64 {
            push(&mut stream, 1, number, Priority::Low);
        }
        push(&mut stream, 2, 5, Priority::High);
        stream.miss(2);
        let taken = stream.take();
        let told: Vec<(u32, Missed, usize)> =
            taken.iter().map(|(id, missed, events)| (*id, *missed, events.len())).collect();
        assert_eq!(
            told,
            [
                (1, Missed { counted: 1, uncounted: false }, MOST_EVENTS - 1),
                (2, Missed { counted: 0, uncounted: true }, 1)
            ]
        );
        push(&mut stream, 1, 1, Priority::Low);
        stream.close(1);
        assert_eq!(stream.take(), []);
        assert_eq!(stream.waiting, 0);
    }
}
