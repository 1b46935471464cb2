//! The engine of a simulated server: what waits, what runs, and the token that each running prompt gets next.
//!
//! Whenever a place is free the next prompt takes it, in the order (priority, arrival): batching is continuous.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::measures::Measures;
use super::{Shared, SimulatedTierConfig};

/// A prompt that is to be answered.
#[derive(Debug)]
pub(super) struct Prompt {
    /// The lower the earlier.
    pub(super) priority: i64,
    /// What will be said.
    pub(super) tokens: Vec<String>,
    /// Whether that was cut.
    pub(super) cut: bool,
    /// It takes so many times as long.
    pub(super) slow: u32,
}

/// A prompt that waits or runs.
#[derive(Debug)]
struct Sequence {
    tokens: std::vec::IntoIter<String>,
    cut: bool,
    slow: u32,
    came: Instant,
    last: Option<Instant>,
    next: Instant,
    out: mpsc::UnboundedSender<String>,
}

#[derive(Debug, Default)]
struct State {
    arrivals: u64,
    waiting: BTreeMap<(i64, u64), Sequence>,
    running: BTreeMap<u64, Sequence>,
}

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    max_num_seqs: usize,
    max_num_queued_reqs: usize,
    first_token: Duration,
    per_token: Duration,
    first_beside: Duration,
    token_beside: Duration,
    state: Mutex<State>,
    woken: Notify,
}

/// There is no room for this many.
#[derive(Debug)]
pub(super) struct Full(pub(super) usize);

/// Prompts that were admitted. They are aborted when it is dropped.
pub(super) struct Admitted {
    shared: Arc<Shared>,
    prompts: Vec<(i64, u64)>,
    pub(super) tokens: Vec<mpsc::UnboundedReceiver<String>>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let engine = &self.shared.engine;
        let mut state = engine.lock();
        for (priority, number) in &self.prompts {
            let waited = state.waiting.remove(&(*priority, *number)).is_some();
            if state.running.remove(number).is_some() || waited {
                self.shared.measures.aborted();
            }
        }
        drop(state);
        engine.woken.notify_one();
    }
}

impl Engine {
    pub(super) fn new(config: &SimulatedTierConfig) -> Engine {
        Engine {
            max_num_seqs: config.max_num_seqs.max(1),
            max_num_queued_reqs: config.max_num_queued_reqs.unwrap_or(usize::MAX),
            first_token: config.first_token,
            per_token: config.per_token,
            first_beside: config.first_beside,
            token_beside: config.token_beside,
            state: Mutex::default(),
            woken: Notify::new(),
        }
    }

    /// How many run and wait.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let state = self.lock();
        (state.running.len(), state.waiting.len())
    }

    /// Takes all of these, or none.
    pub(super) fn admit(shared: &Arc<Shared>, prompts: Vec<Prompt>) -> Result<Admitted, Full> {
        let engine = &shared.engine;
        let mut state = engine.lock();
        let room = engine.max_num_queued_reqs.saturating_sub(state.running.len() + state.waiting.len());
        if prompts.len() > room {
            return Err(Full(prompts.len() - room));
        }
        let mut admitted = Admitted { shared: shared.clone(), prompts: Vec::new(), tokens: Vec::new() };
        let now = Instant::now();
        for Prompt { priority, tokens, cut, slow } in prompts {
            let (out, said) = mpsc::unbounded_channel();
            let key = (priority, state.arrivals);
            state.arrivals += 1;
            let tokens = tokens.into_iter();
            state.waiting.insert(key, Sequence { tokens, cut, slow, came: now, last: None, next: now, out });
            admitted.prompts.push(key);
            admitted.tokens.push(said);
        }
        drop(state);
        engine.woken.notify_one();
        Ok(admitted)
    }

    /// Runs until it is dropped.
    pub(super) async fn run(&self, measures: &Measures) {
        loop {
            let next = self.step(Instant::now(), measures);
            let woken = self.woken.notified();
            match next {
                Some(next) => drop(tokio::time::timeout_at(next, woken).await),
                None => woken.await,
            }
        }
    }

    /// Fills free places, and gives the next token to who is due one. Returns when somebody is next.
    fn step(&self, now: Instant, measures: &Measures) -> Option<Instant> {
        let mut state = self.lock();
        let due: Vec<u64> =
            state.running.iter().filter(|(_, sequence)| sequence.next <= now).map(|(n, _)| *n).collect();
        let per_token = beside(self.per_token, self.token_beside, state.running.len().saturating_sub(1));
        for number in due {
            let Some(sequence) = state.running.get_mut(&number) else { continue };
            if !sequence.say(per_token, now, measures) {
                state.running.remove(&number);
            }
        }
        while state.running.len() < self.max_num_seqs {
            let Some(((_, number), mut sequence)) = state.waiting.pop_first() else { break };
            let first = beside(self.first_token, self.first_beside, state.running.len());
            sequence.next = now + first.saturating_mul(sequence.slow);
            measures.runs(state.running.len() + 1, now - sequence.came);
            state.running.insert(number, sequence);
        }
        state.running.values().map(|sequence| sequence.next).min()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it takes beside so many others.
fn beside(alone: Duration, more: Duration, others: usize) -> Duration {
    alone.saturating_add(more.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX)))
}

impl Sequence {
    /// Says the next token. Whether more follows.
    fn say(&mut self, per_token: Duration, now: Instant, measures: &Measures) -> bool {
        if let Some(token) = self.tokens.next() {
            match self.last.replace(now) {
                None => measures.first_token(now - self.came),
                Some(last) => measures.next_token(now - last),
            }
            // Who has gone is taken out by what is dropped then.
            let _ = self.out.send(token);
        }
        let more = !self.tokens.as_slice().is_empty();
        if more {
            self.next += per_token * self.slow;
        } else {
            measures.finished(now - self.came, self.cut);
        }
        more
    }
}
