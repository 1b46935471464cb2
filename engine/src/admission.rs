//! The way in: what sources hand to the sequencer, and what they are told.
//!
//! Admission is the only place that blocks: when the sequencer has as much as it may hold, a source
//! waits here, and so does whoever feeds that source.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use worldflow_schemas::input::Current;
use worldflow_schemas::{EventId, Input, Sym, Tick};

use crate::positions::Reached;

/// Inputs of one producer, already checked against the world.
#[derive(Debug)]
pub struct Batch {
    /// The producer. Together with each item's id it names an input forever.
    pub source: Sym,
    /// Items in the producer's order.
    pub items: Vec<Item>,
    /// From event-time sources: nothing earlier than this UTC millisecond will follow.
    pub watermark_ms: Option<i64>,
    /// Where the outcomes go once they are durable; `None` when nobody asks.
    pub reply: Option<oneshot::Sender<Vec<Outcome>>>,
    /// Of a source that remembers how far it has been read: where it goes on once all of the batch is
    /// durable. Such a source hands over nothing twice, but for what was not durable at a crash.
    pub reached: Option<Reached>,
}

/// One input and its identity.
#[derive(Debug)]
pub struct Item {
    /// Its id within the source; [`EventId::UNNUMBERED`] when it has none, so that it is always new.
    pub id: EventId,
    /// The input.
    pub input: Input,
    /// Of an event of a live source: how many of its kind its player, or without one its source, may
    /// send in one second. Duplicates do not count.
    pub most_per_s: Option<u32>,
}

/// What became of an item, told once its tick is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is part of this tick.
    Accepted {
        /// The tick.
        tick: Tick,
    },
    /// It has been here before, as part of this tick.
    Duplicate {
        /// The tick of the first.
        tick: Tick,
    },
    /// It is older than the dedupe window, or than the source's lateness, or too far in the future.
    Refused(Box<Refusal>),
    /// It is part of its tick, and the graph has refused it: of a write that expected another version, with
    /// what is there.
    Denied(Box<(Refusal, Option<Current>)>),
}

/// Why an input was refused: a row of `rejections` and an error on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code, in snake case.
    pub code: &'static str,
    /// Which part of the input, as a path: `events[3].amount`; empty for the whole.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// When it is refused for coming too fast: in how many milliseconds the same may be sent again.
    pub retry_after_ms: Option<u32>,
}

/// A source's handle to the sequencer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission {
    queue: mpsc::Sender<Batch>,
}

/// The realm is shutting down and takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the realm is shutting down")]
pub struct Closed;

impl Admission {
    /// The most batches that wait for the sequencer.
    pub const QUEUE_BATCHES: usize = 256;

    /// A handle and the queue it fills.
    #[must_use]
    pub fn open() -> (Admission, mpsc::Receiver<Batch>) {
        let (queue, batches) = mpsc::channel(Admission::QUEUE_BATCHES);
        (Admission { queue }, batches)
    }

    /// Hands over a batch; waits while the sequencer is full.
    ///
    /// # Errors
    /// When the realm is shutting down.
    pub async fn submit(&self, batch: Batch) -> Result<(), Closed> {
        self.queue.send(batch).await.map_err(|_| Closed)
    }

    /// As [`Admission::submit`], from a thread that may block.
    ///
    /// # Errors
    /// When the realm is shutting down.
    pub fn submit_blocking(&self, batch: Batch) -> Result<(), Closed> {
        self.queue.blocking_send(batch).map_err(|_| Closed)
    }

    /// Hands over items and waits until their tick is durable.
    ///
    /// # Errors
    /// When the realm is shutting down.
    pub async fn publish(&self, source: Sym, items: Vec<Item>) -> Result<Vec<Outcome>, Closed> {
        let (reply, outcomes) = oneshot::channel();
        self.submit(Batch { source, items, watermark_ms: None, reply: Some(reply), reached: None }).await?;
        outcomes.await.map_err(|_| Closed)
    }
}

/// Events of one tick that have become durable, for those who subscribe to the event stream.
#[derive(Clone, Debug)]
pub struct TickEvents {
    /// The tick.
    pub tick: Tick,
    /// Its events in order.
    pub events: Arc<[worldflow_schemas::Event]>,
}
