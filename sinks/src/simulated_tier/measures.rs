//! What a simulated server counts, under the names of vLLM 0.32.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most requests that are remembered.
const KEPT: usize = 10_000;

/// Upper bounds of the histograms, in seconds.
const BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// A request as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The last message, or the prompt.
    pub said: String,
    /// The first message, or the prompt.
    pub begins: String,
    /// The longest answer asked for.
    pub max_tokens: u64,
    /// The seed given.
    pub seed: u64,
    /// The priority given.
    pub priority: i64,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// All that was sent.
    pub body: serde_json::Value,
}

/// What a server has done, and is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// Requests that came.
    pub requests: u64,
    /// Prompts that run.
    pub running: usize,
    /// Prompts that wait.
    pub waiting: usize,
    /// The most that ran at a time.
    pub peak_running: usize,
    /// Answers that were whole.
    pub finished: u64,
    /// Prompts whose client has gone.
    pub aborted: u64,
    /// Prompts that were not admitted.
    pub rejected: u64,
    /// Tokens said.
    pub tokens: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Measures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    measured: Measured,
    stopped: u64,
    prompt_tokens: u64,
    first_token: Histogram,
    inter_token: Histogram,
    whole: Histogram,
    queued: Histogram,
    asked: VecDeque<Asked>,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn record(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (bound, count) in BOUNDS.iter().zip(&mut self.counts) {
            *count += u64::from(seconds <= *bound);
        }
        self.count += 1;
        self.sum += seconds;
    }

    fn write(&self, name: &str, out: &mut String) {
        let _ = writeln!(out, "# TYPE vllm:{name} histogram");
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            let _ = writeln!(out, "vllm:{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "vllm:{name}_bucket{{le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "vllm:{name}_sum {}\nvllm:{name}_count {}", self.sum, self.count);
    }
}

impl Measures {
    pub(super) fn came(&self, asked: Asked, prompts: u64, prompt_tokens: u64) {
        let mut state = self.lock();
        state.measured.requests += 1;
        state.prompt_tokens += prompt_tokens * prompts;
        if state.asked.len() == KEPT {
            state.asked.pop_front();
        }
        state.asked.push_back(asked);
    }

    pub(super) fn rejected(&self, prompts: u64) {
        self.lock().measured.rejected += prompts;
    }

    pub(super) fn aborted(&self) {
        self.lock().measured.aborted += 1;
    }

    pub(super) fn runs(&self, running: usize, queued: Duration) {
        let mut state = self.lock();
        state.measured.peak_running = state.measured.peak_running.max(running);
        state.queued.record(queued);
    }

    pub(super) fn first_token(&self, took: Duration) {
        let mut state = self.lock();
        state.measured.tokens += 1;
        state.first_token.record(took);
    }

    pub(super) fn next_token(&self, took: Duration) {
        let mut state = self.lock();
        state.measured.tokens += 1;
        state.inter_token.record(took);
    }

    pub(super) fn finished(&self, took: Duration, cut: bool) {
        let mut state = self.lock();
        state.measured.finished += 1;
        state.stopped += u64::from(!cut);
        state.whole.record(took);
    }

    pub(super) fn measured(&self, running: usize, waiting: usize) -> Measured {
        Measured { running, waiting, ..self.lock().measured }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.iter().cloned().collect()
    }

    /// The page of `/metrics`. Aborts are not counted there, as in the real server.
    pub(super) fn page(&self, running: usize, waiting: usize) -> String {
        let state = self.lock();
        let mut out = String::new();
        let Measured { finished, rejected, tokens, .. } = state.measured;
        for (name, kind, value) in [
            ("num_requests_running", "gauge", running as u64),
            ("num_requests_waiting", "gauge", waiting as u64),
            ("num_requests_waiting_by_reason{reason=\"capacity\"}", "gauge", waiting as u64),
            ("num_preemptions_total", "counter", 0),
            ("admission_rejections_total{reason=\"max_num_queued_reqs\"}", "counter", rejected),
            ("prompt_tokens_total", "counter", state.prompt_tokens),
            ("generation_tokens_total", "counter", tokens),
            ("request_success_total{finished_reason=\"stop\"}", "counter", state.stopped),
            ("request_success_total{finished_reason=\"length\"}", "counter", finished - state.stopped),
            ("request_success_total{finished_reason=\"abort\"}", "counter", 0),
        ] {
            let family = name.split('{').next().unwrap_or(name);
            let _ = writeln!(out, "# TYPE vllm:{family} {kind}\nvllm:{name} {value}");
        }
        state.first_token.write("time_to_first_token_seconds", &mut out);
        state.inter_token.write("inter_token_latency_seconds", &mut out);
        state.queued.write("request_queue_time_seconds", &mut out);
        state.whole.write("e2e_request_latency_seconds", &mut out);
        out
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
