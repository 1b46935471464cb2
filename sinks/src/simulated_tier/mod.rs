//! A model server that is simulated: the semantics of vLLM 0.32 without a model.
//!
//! `HTTP on loopback ─→ admission ─→ waiting (priority, arrival) ─→ running (at most max_num_seqs) ─→ tokens`
//!
//! What it says is drawn from a seed, how long that takes is declared, and what goes wrong is asked for ([`Fault`]). For
//! tests, the demo and benchmarks. It keeps what a client can see of the real one: continuous batching, the limit of what
//! it admits (503), streams, abort on disconnect, priorities, lists of prompts, counters. It has no cache and preempts
//! nothing. A step takes as long for many as for one, unless it is told how much longer ([`SimulatedTierConfig::token_beside`]).
//! What waits and what runs (`sequences`) is without a clock: `tiers::simulated` asks it in a time that is moved by hand.

mod engine;
mod fault;
mod frames;
mod http;
mod measures;
pub(crate) mod sequences;
pub(crate) mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use fault::Fault;
pub use measures::{Asked, Measured};

use engine::Engine;
use fault::Faults;
use measures::Measures;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct SimulatedTierConfig {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// The model that it has.
    pub model: String,
    /// The key that it asks for.
    pub key: Option<String>,
    /// The most requests that run at a time.
    pub max_num_seqs: usize,
    /// The most requests that run or wait; one more is refused (503). `None` takes all, as older servers do.
    pub max_num_queued_reqs: Option<usize>,
    /// How long a request runs until its first token.
    pub first_token: Duration,
    /// How long each token after it takes.
    pub per_token: Duration,
    /// How much longer the first token takes for every other prompt that runs when it begins.
    pub first_beside: Duration,
    /// How much longer each token after it takes for every other prompt that runs.
    pub token_beside: Duration,
    /// The most tokens of a prompt and its answer.
    pub max_model_len: usize,
    /// Whether requests may have priorities (`--scheduling-policy priority`).
    pub priority_scheduling: bool,
    /// The seed of what is said.
    pub seed: u64,
}

impl Default for SimulatedTierConfig {
    fn default() -> Self {
        SimulatedTierConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            model: "simulated".to_owned(),
            key: None,
            max_num_seqs: 8,
            max_num_queued_reqs: None,
            first_token: Duration::from_millis(25),
            per_token: Duration::from_millis(9),
            first_beside: Duration::ZERO,
            token_beside: Duration::ZERO,
            max_model_len: 8_192,
            priority_scheduling: false,
            seed: 1,
        }
    }
}

/// What all parts of a server share.
#[derive(Debug)]
struct Shared {
    config: SimulatedTierConfig,
    engine: Engine,
    faults: Faults,
    measures: Measures,
}

/// A simulated server that runs, on a thread of its own. It and all its connections end when it is dropped.
#[derive(Debug)]
pub struct SimulatedTier {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl SimulatedTier {
    /// Starts it. It answers from when this returns.
    ///
    /// # Errors
    /// When it cannot listen there, or the system has no thread for it.
    pub fn open(config: SimulatedTierConfig) -> std::io::Result<SimulatedTier> {
        let listener = std::net::TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("simulated-tier")
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            engine: Engine::new(&config),
            faults: Faults::default(),
            measures: Measures::default(),
            config,
        });
        let router = http::router(shared.clone());
        let listener = {
            let _entered = runtime.enter();
            // As the real server: a token leaves when it is said, not when the one before is acknowledged.
            TcpListener::from_std(listener)?.tap_io(|connection| drop(connection.set_nodelay(true)))
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        let running = shared.clone();
        runtime.spawn(async move { running.engine.run(&running.measures).await });
        Ok(SimulatedTier { address, shared, runtime: Some(runtime) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests go wrong like this, one each, before what [`SimulatedTier::set_fault`] says.
    pub fn next_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.extend(faults);
    }

    /// Every request goes wrong like this, or none any more.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.faults.set(fault);
    }

    /// What it has done, and is doing.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let (running, waiting) = self.shared.engine.sizes();
        self.shared.measures.measured(running, waiting)
    }

    /// The requests that it was asked, in the order in which they came; the last ten thousand.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.measures.asked()
    }
}

impl Drop for SimulatedTier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
