//! The half of a session that writes: answers, snapshots, deltas and events, one frame after the other.
//!
//! It takes from the inbox only when the client has room for what came before, so a slow reader holds up
//! nobody but itself; one that reads nothing at all is cut off, as is one that never catches up. Frames
//! that are ready at the same time leave with one write, and with each heartbeat it says how far it is.

mod acks;
mod rows;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::SplitSink;
use futures_util::{FutureExt, SinkExt};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use worldflow_proto::v1;
use worldflow_proto::v1::server_frame::Frame;
use worldflow_schemas::{Row, Tick};

pub(super) use self::acks::{Unacked, ack, located};
use super::frames;
use super::hub::{Hub, SessionId};
use super::inbox::{Ended, Inbox, Interlude, Sub, What};
use super::session::End;
use super::shown::Work;
use super::stream::{Missed, Streamed};
use crate::check::refuse;

/// Rows of one frame: a client's buffers are not endless either.
const MOST_ROWS: usize = 2_000;

/// As [`MOST_ROWS`], in bytes that the rows take here.
const MOST_FRAME_BYTES: usize = 512 << 10;

/// A session that has this many changes to take at once is slow, and gets them as one.
const SLOW_CHANGES: usize = 4_096;

/// As [`SLOW_CHANGES`], in ticks.
const SLOW_TICKS: usize = 100;

/// Frames that are put together before they are written, in bytes.
const WRITE_BYTES: usize = 64 << 10;

/// Where the reader leaves what is to be written.
pub(super) struct Outgoing {
    pub(super) frames: mpsc::Receiver<Frame>,
    pub(super) acks: mpsc::Receiver<Unacked>,
}

/// How patient a writer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long a client may leave a frame unread.
    pub(super) stall: Duration,
    /// Snapshots that it may need of late because it lags.
    pub(super) behind: usize,
}

pub(super) struct Writer<'a> {
    sink: &'a mut SplitSink<WebSocket, Message>,
    frames: &'a frames::Writer,
    hub: &'a Hub,
    inbox: &'a Inbox,
    session: SessionId,
    patience: Patience,
    heartbeat: Interval,
    /// Counts the times that the client made room by reading.
    signs: &'a AtomicU64,
    /// For each subscription, the tick of the last frame sent.
    delivered: FxHashMap<u32, Tick>,
    /// The running hash of each subscription that has one.
    hashes: FxHashMap<u32, u64>,
    /// Bytes of frames that are put together and not written yet.
    unwritten: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        sink: &'a mut SplitSink<WebSocket, Message>,
        frames: &'a frames::Writer,
        (hub, inbox, session): (&'a Hub, &'a Inbox, SessionId),
        (patience, heartbeat): (Patience, Duration),
        signs: &'a AtomicU64,
    ) -> Writer<'a> {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (delivered, hashes) = (FxHashMap::default(), FxHashMap::default());
        Writer {
            sink,
            frames,
            hub,
            inbox,
            session,
            patience,
            heartbeat,
            signs,
            delivered,
            hashes,
            unwritten: 0,
        }
    }

    fn work(&self) -> &'a Work {
        &self.hub.work
    }

    /// Writes until the connection ends, and says why; when the reader has ended, until nothing is left
    /// of what it asked for.
    pub(super) async fn run(&mut self, mut outgoing: Outgoing) -> End {
        let mut waiting: Option<Unacked> = None;
        let mut due: Option<Instant> = None;
        let (mut frames_open, mut acks_open, mut gone) = (true, true, false);
        while !gone && (frames_open || acks_open || waiting.is_some() || self.unwritten > 0) {
            let wrote = tokio::select! {
                biased;
                frame = outgoing.frames.recv(), if frames_open => match frame {
                    Some(frame) => self.plain(&frame).await,
                    None => {
                        frames_open = false;
                        Ok(())
                    }
                },
                next = outgoing.acks.recv(), if acks_open && waiting.is_none() => {
                    acks_open = next.is_some();
                    waiting = next;
                    Ok(())
                }
                outcomes = acks::outcomes(&mut waiting) => match waiting.take().map(|it| ack(it, outcomes)) {
                    Some(Some(ack)) => self.plain(&Frame::Ack(ack)).await,
                    Some(None) => {
                        gone = true;
                        Ok(())
                    }
                    None => Ok(()),
                },
                () = self.inbox.ready.notified() => self.deliver(&mut due).await,
                () = until(due) => self.deliver(&mut due).await,
                _ = self.heartbeat.tick() => self.beat(&mut due).await,
                // Nothing more is ready: what there is leaves with one write.
                () = std::future::ready(()), if self.unwritten > 0 => self.flush_all().await,
            };
            if let Err(end) = wrote {
                return end;
            }
        }
        // Whoever comes back goes on from here: what the realm has published by now is all there will be.
        self.hub.catch_up();
        self.inbox.hurry();
        match self.complete(&mut due).await {
            Ok(()) => {
                let end = if gone { End::shutting_down() } else { End::Gone };
                self.flush().await.err().unwrap_or(end)
            }
            Err(end) => end,
        }
    }

    async fn beat(&mut self, due: &mut Option<Instant>) -> Result<(), End> {
        self.complete(due).await?;
        self.send(ping()).await
    }

    /// Says up to which tick the client has everything that it follows, unless something waits for its
    /// rate.
    async fn complete(&mut self, due: &mut Option<Instant>) -> Result<(), End> {
        let tick = self.hub.complete();
        self.deliver(due).await?;
        if due.is_some() || self.delivered.values().all(|delivered| *delivered >= tick) {
            return Ok(());
        }
        let message = self.frames.delta(tick, true, &[], self.work());
        self.send(message).await
    }

    async fn plain(&mut self, frame: &Frame) -> Result<(), End> {
        let message = self.frames.plain(frame);
        self.send(message).await
    }

    /// Puts a frame to those that are to be written. One that takes long to write all of its frames still
    /// asks its client for signs of life.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.feed(message).await?;
        if self.unwritten < WRITE_BYTES {
            return Ok(());
        }
        if self.heartbeat.tick().now_or_never().is_some() {
            self.feed(ping()).await?;
        }
        self.flush().await
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        Work::count(&self.work().frames, 1);
        // Whatever is written counts, were it nothing.
        self.unwritten += 1 + match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        in_time(self.patience.stall, self.signs, self.sink.feed(message)).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        Work::count(&self.work().flushes, 1);
        self.unwritten = 0;
        in_time(self.patience.stall, self.signs, self.sink.flush()).await
    }

    /// What has been taken is on its way.
    async fn flush_all(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.inbox.written();
        Ok(())
    }

    async fn deliver(&mut self, due: &mut Option<Instant>) -> Result<(), End> {
        let mut taken = self.inbox.take(Instant::now(), self.hub.complete());
        *due = taken.due;
        if taken.behind > self.patience.behind {
            return Err(End::never_caught_up(self.patience.behind));
        }
        for (sub, why) in taken.ended {
            self.ended(sub, why).await?;
        }
        for (sub, tick, hash) in taken.resumed {
            self.delivered.insert(sub, tick);
            self.hashes.insert(sub, hash);
        }
        for sub in taken.snapshots {
            self.whole(sub).await?;
        }
        let mut renewed: FxHashSet<u32> = FxHashSet::default();
        for interlude in taken.interludes {
            if !renewed.contains(&interlude.sub.id) {
                self.interlude(interlude, &mut renewed).await?;
            }
        }
        taken.changes.retain(|(sub, _)| !renewed.contains(&sub.id));
        let slow = taken.changes.iter().map(|(_, changes)| changes.len()).sum::<usize>() > SLOW_CHANGES;
        self.deltas(taken.changes, slow).await?;
        for (id, missed, events) in taken.events {
            self.events(id, missed, &events).await?;
        }
        if self.unwritten == 0 {
            self.inbox.written();
        }
        Ok(())
    }

    /// Says that a subscription is over, and why.
    async fn ended(&mut self, sub: Sub, why: Ended) -> Result<(), End> {
        self.delivered.remove(&sub.id);
        self.hashes.remove(&sub.id);
        let name = sub.view.def().name;
        let refusal = match why {
            Ended::Removed => {
                let reason = format!("the view `{name}` is no more");
                refuse("view_removed", "view", reason, "GET /v1/views lists those there are")
            }
            Ended::Reshaped => {
                let reason = format!("the view `{name}` has other columns or another key now");
                refuse("view_changed", "view", reason, "drop its rows and subscribe again")
            }
        };
        self.plain(&Frame::Error(frames::error(&refusal, Some(sub.id.into())))).await?;
        self.plain(&Frame::Unsubscribed(v1::Unsubscribed { id: sub.id, subscriber_count: 0 })).await
    }

    /// What was owed before, then what comes between deltas; or a whole snapshot, which holds what else
    /// was taken for the subscription.
    async fn interlude(&mut self, interlude: Interlude, renewed: &mut FxHashSet<u32>) -> Result<(), End> {
        let Interlude { sub, before, tick, what } = interlude;
        let (rows, removed) = match what {
            What::Again(rows) => {
                self.deltas(vec![(sub, before)], true).await?;
                // They are there already.
                return self.snapshot(sub, tick, false, &rows, &[]).await;
            }
            What::Changed { old, new } => match self.hub.difference(sub.view, &old, &new, tick) {
                Some(difference) => difference,
                None => {
                    renewed.insert(sub.id);
                    return self.whole(sub).await;
                }
            },
        };
        self.deltas(vec![(sub, before)], true).await?;
        if sub.hash {
            let (come, gone) = (self.sum(sub, &rows), self.sum(sub, &removed));
            let hash = self.hashes.entry(sub.id).or_insert(0);
            *hash = hash.wrapping_add(come).wrapping_sub(gone);
        }
        self.snapshot(sub, tick, false, &rows, &removed).await
    }

    fn sum(&self, sub: Sub, rows: &[Row]) -> u64 {
        super::hub::sum(sub.view, rows, self.work())
    }

    async fn whole(&mut self, sub: Sub) -> Result<(), End> {
        let Some((tick, rows)) = self.hub.snapshot((self.session, sub.id), sub.view) else { return Ok(()) };
        if sub.hash {
            let hash = self.sum(sub, &rows);
            self.hashes.insert(sub.id, hash);
        }
        self.snapshot(sub, tick, true, &rows, &[]).await
    }

    async fn events(&mut self, id: u32, mut missed: Missed, events: &[Streamed]) -> Result<(), End> {
        if events.is_empty() {
            let message = self.frames.events(id, 0, missed, &[]);
            return self.send(message).await;
        }
        for of_tick in events.chunk_by(|a, b| a.tick == b.tick) {
            for cut in rows::cuts(of_tick.iter().map(|streamed| streamed.bytes)) {
                let missed = std::mem::take(&mut missed);
                let message = self.frames.events(id, of_tick[0].tick, missed, &of_tick[cut]);
                self.send(message).await?;
            }
        }
        Ok(())
    }
}

fn ping() -> Message {
    Message::Ping(bytes::Bytes::new())
}

/// Waits for a write, which may take so long. One that had to wait shows that the client reads.
async fn in_time(
    stall: Duration,
    signs: &AtomicU64,
    write: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), End> {
    let mut write = std::pin::pin!(write);
    let done = match write.as_mut().now_or_never() {
        Some(done) => Ok(done),
        None => {
            let done = tokio::time::timeout(stall, write).await;
            signs.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
            done
        }
    };
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::too_slow(stall)),
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
