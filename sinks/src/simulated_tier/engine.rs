//! The engine of a simulated server: [`Sequences`] on the clock, a channel for what each prompt says, and what is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::measures::Measures;
use super::sequences::{Came, Place, Prompt, Sequences};
use super::{Shared, SimulatedTierConfig};

#[derive(Debug)]
struct State {
    sequences: Sequences,
    /// Where what a prompt says goes, by its number.
    outs: BTreeMap<u64, mpsc::UnboundedSender<String>>,
}

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    max_num_queued_reqs: usize,
    began: Instant,
    state: Mutex<State>,
    woken: Notify,
}

/// There is no room for this many.
#[derive(Debug)]
pub(super) struct Full(pub(super) usize);

/// Prompts that were admitted. They are aborted when it is dropped.
pub(super) struct Admitted {
    shared: Arc<Shared>,
    prompts: Vec<Place>,
    pub(super) tokens: Vec<mpsc::UnboundedReceiver<String>>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let engine = &self.shared.engine;
        let mut state = engine.lock();
        for place in &self.prompts {
            if state.sequences.abort(*place) {
                state.outs.remove(&place.1);
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
            max_num_queued_reqs: config.max_num_queued_reqs.unwrap_or(usize::MAX),
            began: Instant::now(),
            state: Mutex::new(State { sequences: Sequences::new(config), outs: BTreeMap::new() }),
            woken: Notify::new(),
        }
    }

    /// How many run and wait.
    pub(super) fn sizes(&self) -> (usize, usize) {
        self.lock().sequences.sizes()
    }

    /// Takes all of these, or none.
    pub(super) fn admit(shared: &Arc<Shared>, prompts: Vec<Prompt>) -> Result<Admitted, Full> {
        let engine = &shared.engine;
        let mut state = engine.lock();
        let (running, waiting) = state.sequences.sizes();
        let room = engine.max_num_queued_reqs.saturating_sub(running + waiting);
        if prompts.len() > room {
            return Err(Full(prompts.len() - room));
        }
        let mut admitted = Admitted { shared: shared.clone(), prompts: Vec::new(), tokens: Vec::new() };
        let now = engine.began.elapsed();
        for prompt in prompts {
            let (out, said) = mpsc::unbounded_channel();
            let place = state.sequences.admit(prompt, now);
            state.outs.insert(place.1, out);
            admitted.prompts.push(place);
            admitted.tokens.push(said);
        }
        drop(state);
        engine.woken.notify_one();
        Ok(admitted)
    }

    /// Runs until it is dropped.
    pub(super) async fn run(&self, measures: &Measures) {
        loop {
            let next = self.step(self.began.elapsed(), measures);
            let woken = self.woken.notified();
            match next {
                Some(next) => drop(tokio::time::timeout_at(self.began + next, woken).await),
                None => woken.await,
            }
        }
    }

    /// Says and counts what is due. Returns when somebody is next.
    fn step(&self, now: Duration, measures: &Measures) -> Option<Duration> {
        let mut state = self.lock();
        let State { sequences, outs } = &mut *state;
        sequences.step(now, |came| match came {
            Came::Runs { running, after } => measures.runs(running, after),
            Came::Token { number, token, is_first, after } => {
                if is_first {
                    measures.first_token(after);
                } else {
                    measures.next_token(after);
                }
                if let Some(out) = outs.get(&number) {
                    // Who has gone is taken out by what is dropped then.
                    let _ = out.send(token);
                }
            }
            Came::End { number, cut, after } => {
                outs.remove(&number);
                measures.finished(after, cut);
            }
        });
        sequences.next()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
