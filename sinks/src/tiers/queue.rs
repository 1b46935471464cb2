//! The requests of a tier that wait: first gathered into a batch, then in the order in which they are sent.
//!
//! A batch is closed when it has so many requests or tokens, a while after its first, or when the tier has ample room. Its requests go by priority;
//! within one, those that begin alike together, the group with the nearest deadline first, then by deadline. Batches
//! that wait at the same time are one order.

use std::collections::BTreeSet;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;
use worldflow_schemas::ArcStr;

/// What ends the gathering of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub(super) size: usize,
    pub(super) wait: Duration,
    pub(super) tokens: u64,
}

/// A request that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Waiting {
    pub(super) request: ArcStr,
    /// The lower the earlier.
    pub(super) rank: u8,
    pub(super) deadline: Instant,
    /// The hash of what requests begin with.
    pub(super) prefix: u64,
    pub(super) tokens: u64,
}

/// (priority, nearest deadline of those that begin alike, prefix, deadline, request)
type Key = (u8, Instant, u64, Instant, ArcStr);

/// The requests of a tier that wait.
#[derive(Debug)]
pub(super) struct Queue {
    limits: BatchLimits,
    gathering: Vec<Waiting>,
    since: Option<Instant>,
    ready: BTreeSet<Key>,
    keys: FxHashMap<ArcStr, Key>,
}

impl Queue {
    pub(super) fn new(limits: BatchLimits) -> Queue {
        Queue {
            limits,
            gathering: Vec::new(),
            since: None,
            ready: BTreeSet::new(),
            keys: FxHashMap::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.gathering.len() + self.ready.len()
    }

    /// Adds a request to the batch that is being gathered.
    pub(super) fn push(&mut self, waiting: Waiting, now: Instant) {
        self.gathering.push(waiting);
        self.since.get_or_insert(now);
        let tokens: u64 = self.gathering.iter().map(|waiting| waiting.tokens).sum();
        if self.gathering.len() >= self.limits.size || tokens >= self.limits.tokens {
            self.close_batch();
        }
    }

    /// Puts a request back that was sent already: it waits for no batch.
    pub(super) fn put_back(&mut self, waiting: Waiting) {
        let group = waiting.deadline;
        self.insert(waiting, group);
    }

    pub(super) fn remove(&mut self, request: &ArcStr) {
        if let Some(key) = self.keys.remove(request) {
            self.ready.remove(&key);
        }
        self.gathering.retain(|waiting| waiting.request != *request);
        if self.gathering.is_empty() {
            self.since = None;
        }
    }

    /// When the batch that is being gathered is closed at the latest.
    pub(super) fn closes_at(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.wait)
    }

    /// Closes the batch if its time has come.
    pub(super) fn close_due(&mut self, now: Instant) {
        if self.closes_at().is_some_and(|at| at <= now) {
            self.close_batch();
        }
    }

    /// The request that is next, and its prefix.
    pub(super) fn first(&self) -> Option<(&ArcStr, u64)> {
        self.ready.first().map(|(_, _, prefix, _, request)| (request, *prefix))
    }

    /// Every request that waits.
    pub(super) fn requests(&self) -> Vec<ArcStr> {
        let ready = self.ready.iter().map(|(_, _, _, _, request)| request.clone());
        ready.chain(self.gathering.iter().map(|waiting| waiting.request.clone())).collect()
    }

    /// Closes the batch that is being gathered.
    pub(super) fn close_batch(&mut self) {
        self.since = None;
        let batch = std::mem::take(&mut self.gathering);
        let mut groups: FxHashMap<(u8, u64), Instant> = FxHashMap::default();
        for waiting in &batch {
            let nearest = groups.entry((waiting.rank, waiting.prefix)).or_insert(waiting.deadline);
            *nearest = waiting.deadline.min(*nearest);
        }
        for waiting in batch {
            let group = groups[&(waiting.rank, waiting.prefix)];
            self.insert(waiting, group);
        }
    }

    fn insert(&mut self, waiting: Waiting, group: Instant) {
        let Waiting { request, rank, deadline, prefix, tokens: _ } = waiting;
        let key = (rank, group, prefix, deadline, request.clone());
        self.keys.insert(request, key.clone());
        self.ready.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { size: 4, wait: Duration::from_millis(5), tokens: 1_000 };

    struct Test {
        start: Instant,
        queue: Queue,
    }

    impl Test {
        fn new() -> Test {
            Test { start: Instant::now(), queue: Queue::new(LIMITS) }
        }

        fn waiting(&self, request: &str, rank: u8, deadline_ms: u64, prefix: u64) -> Waiting {
            let deadline = self.start + Duration::from_millis(deadline_ms);
            Waiting { request: request.into(), rank, deadline, prefix, tokens: 10 }
        }

        fn push(&mut self, request: &str, rank: u8, deadline_ms: u64, prefix: u64) {
            self.queue.push(self.waiting(request, rank, deadline_ms, prefix), self.start);
        }

        fn order(&mut self) -> String {
            let mut order = Vec::new();
            while let Some((request, _)) = self.queue.first() {
                let request = request.clone();
                self.queue.remove(&request);
                order.push(request.to_string());
            }
            order.join(" ")
        }
    }

    #[test]
    fn a_batch_goes_by_priority_then_by_prefix_then_by_deadline() {
        let mut test = Test::new();
        test.push("a9", 1, 9, 100);
        test.push("b5", 1, 5, 200);
        test.push("a3", 1, 3, 100);
        test.push("z8", 0, 8, 300);
        assert_eq!(test.order(), "z8 a3 a9 b5", "full, so closed; a9 goes with a3, though b5 is nearer");
    }

    #[test]
    fn a_batch_is_closed_by_size_time_or_tokens() {
        let mut test = Test::new();
        test.push("a", 1, 1, 1);
        let at = test.queue.closes_at().expect("it is being gathered");
        test.queue.close_due(at - Duration::from_micros(1));
        assert_eq!(test.queue.first(), None);
        test.queue.close_due(at);
        assert_eq!(test.order(), "a");
        let large = Waiting { tokens: 1_000, ..test.waiting("large", 1, 1, 1) };
        test.queue.push(large, test.start);
        assert_eq!(test.order(), "large");
        for request in ["a", "b", "c"] {
            test.push(request, 1, 1, 1);
        }
        assert_eq!(test.queue.first(), None);
        test.push("d", 1, 1, 1);
        assert_eq!(test.order(), "a b c d");
    }

    #[test]
    fn what_is_taken_back_is_gone_and_what_is_put_back_waits_for_no_batch() {
        let mut test = Test::new();
        test.push("a", 1, 1, 1);
        test.queue.remove(&"a".into());
        assert_eq!((test.queue.len(), test.queue.closes_at()), (0, None));
        let back = test.waiting("back", 1, 2, 1);
        test.queue.put_back(back);
        assert_eq!((test.queue.requests().len(), test.order().as_str()), (1, "back"));
    }
}
