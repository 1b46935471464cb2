//! The half of a session that writes: answers, snapshots, deltas and events, one frame after the other.
//!
//! It takes from the inbox only when the client has room for what came before, so a slow reader holds up
//! nobody but itself; one that reads nothing at all is cut off.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use worldflow_engine::admission::{Outcome, Refusal};
use worldflow_proto::v1;
use worldflow_proto::v1::server_frame::Frame;
use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::input::{Current, CurrentValue, EntityBody};
use worldflow_schemas::proto_rows::scalar;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::frames::{self, Part};
use super::hub::{Hub, SessionId};
use super::inbox::{Change, Inbox, Reframe, fold};
use super::session::End;
use super::stream::{Missed, Streamed};

/// Rows of one frame: a client's buffers are not endless either.
const MOST_ROWS: usize = 2_000;

/// A session that has this many changes to take at once is slow, and gets them as one.
const SLOW_CHANGES: usize = 4_096;

/// As [`SLOW_CHANGES`], in ticks.
const SLOW_TICKS: usize = 100;

/// Items that have been handed to admission and wait to be durable.
#[derive(Debug)]
pub(super) struct Unacked {
    /// Comes back in the ack.
    pub(super) seq: u64,
    /// The list that the items stand in; `clock` is the item itself.
    pub(super) list: &'static str,
    /// For each item handed over, which of the frame it is, and its id.
    pub(super) sent: Vec<(u32, Option<ArcStr>)>,
    /// Items that were refused, in order.
    pub(super) refused: Vec<(u32, Option<ArcStr>, Refusal)>,
    /// What became of those handed over; absent when there were none.
    pub(super) reply: Option<oneshot::Receiver<Vec<Outcome>>>,
}

/// Where the reader leaves what is to be written.
pub(super) struct Outgoing {
    pub(super) frames: mpsc::Receiver<Frame>,
    pub(super) acks: mpsc::Receiver<Unacked>,
}

pub(super) struct Writer<'a> {
    pub(super) sink: &'a mut SplitSink<WebSocket, Message>,
    pub(super) frames: &'a frames::Writer,
    pub(super) hub: &'a Hub,
    pub(super) inbox: &'a Inbox,
    pub(super) session: SessionId,
    pub(super) stall: Duration,
    pub(super) heartbeat: Duration,
    /// For each subscription, the tick of the last frame sent.
    pub(super) delivered: FxHashMap<u32, Tick>,
}

impl Writer<'_> {
    /// Writes until the connection ends, and says why; when the reader has ended, until nothing is left
    /// of what it asked for.
    pub(super) async fn run(&mut self, mut outgoing: Outgoing) -> End {
        let mut heartbeat = tokio::time::interval(self.heartbeat);
        let mut waiting: Option<Unacked> = None;
        let mut due: Option<Instant> = None;
        let (mut frames_open, mut acks_open) = (true, true);
        while frames_open || acks_open || waiting.is_some() {
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
                outcomes = outcomes(&mut waiting) => match waiting.take().map(|unacked| ack(unacked, outcomes)) {
                    Some(Some(ack)) => self.plain(&Frame::Ack(ack)).await,
                    Some(None) => return End::shutting_down(),
                    None => Ok(()),
                },
                () = self.inbox.ready.notified() => self.deliver(&mut due).await,
                () = until(due) => self.deliver(&mut due).await,
                _ = heartbeat.tick() => self.send(Message::Ping(bytes::Bytes::new())).await,
            };
            if let Err(end) = wrote {
                return end;
            }
        }
        End::Gone
    }

    async fn plain(&mut self, frame: &Frame) -> Result<(), End> {
        let message = self.frames.plain(frame);
        self.send(message).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(self.stall, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::too_slow(self.stall)),
        }
    }

    async fn deliver(&mut self, due: &mut Option<Instant>) -> Result<(), End> {
        let mut taken = self.inbox.take(Instant::now());
        *due = taken.due;
        for (sub, view) in taken.snapshots {
            self.whole(sub, view).await?;
        }
        let mut renewed: FxHashSet<u32> = FxHashSet::default();
        for Reframe { sub, view, before, tick, old, new } in taken.reframes {
            if renewed.contains(&sub) {
                continue;
            }
            let Some((rows, removed)) = self.hub.difference(view, &old, &new, tick) else {
                // A whole snapshot then, which holds what else was taken for it.
                renewed.insert(sub);
                self.whole(sub, view).await?;
                continue;
            };
            self.deltas(vec![(sub, view, before)], true).await?;
            self.snapshot(sub, view, tick, false, &rows, &removed).await?;
        }
        taken.changes.retain(|(sub, _, _)| !renewed.contains(sub));
        let slow = taken.changes.iter().map(|(_, _, changes)| changes.len()).sum::<usize>() > SLOW_CHANGES;
        self.deltas(taken.changes, slow).await?;
        for (id, missed, events) in taken.events {
            self.events(id, missed, &events).await?;
        }
        Ok(())
    }

    async fn whole(&mut self, sub: u32, view: ViewId) -> Result<(), End> {
        let Some((tick, rows)) = self.hub.snapshot((self.session, sub), view) else { return Ok(()) };
        self.snapshot(sub, view, tick, true, &rows, &[]).await
    }

    async fn snapshot(
        &mut self,
        id: u32,
        view: ViewId,
        tick: Tick,
        reset: bool,
        rows: &[Row],
        removed: &[Row],
    ) -> Result<(), End> {
        let parts = rows.len().max(removed.len()).div_ceil(MOST_ROWS).max(1);
        for n in 0..parts {
            let part = Part { id, view, after: 0, rows: nth(rows, n), removed: nth(removed, n) };
            let message = self.frames.snapshot(&part, tick, reset && n == 0, n + 1 == parts);
            self.send(message).await?;
        }
        self.delivered.insert(id, tick);
        Ok(())
    }

    /// Sends changes tick by tick, or all as one when the reader is slow.
    async fn deltas(&mut self, mut subs: Vec<(u32, ViewId, Vec<Change>)>, slow: bool) -> Result<(), End> {
        let ticks: FxHashSet<Tick> =
            subs.iter().flat_map(|(_, _, changes)| changes.iter().map(|(tick, _, _)| *tick)).collect();
        let mut ticks: Vec<Tick> = ticks.into_iter().collect();
        ticks.sort_unstable();
        if slow || ticks.len() > SLOW_TICKS {
            metrics::counter!("worldflow_socket_conflated_ticks_total").increment(ticks.len() as u64);
            subs.iter_mut().for_each(|(_, _, changes)| fold(changes));
            let Some(last) = ticks.pop() else { return Ok(()) };
            for (_, _, changes) in &mut subs {
                changes.iter_mut().for_each(|(tick, _, _)| *tick = last);
            }
            ticks = vec![last];
        }
        let mut rest: Vec<(u32, ViewId, std::iter::Peekable<std::vec::IntoIter<Change>>)> = subs
            .into_iter()
            .map(|(sub, view, changes)| (sub, view, changes.into_iter().peekable()))
            .collect();
        for tick in ticks {
            let mut of_tick = Vec::new();
            for (sub, view, changes) in &mut rest {
                let mut these = Vec::new();
                while let Some((_, row, diff)) = changes.next_if(|(at, _, _)| *at == tick) {
                    these.push((row, diff));
                }
                let (rows, removed) = upserts(*view, these);
                if !rows.is_empty() || !removed.is_empty() {
                    of_tick.push((*sub, *view, rows, removed));
                }
            }
            self.delta(tick, &of_tick).await?;
        }
        Ok(())
    }

    async fn delta(&mut self, tick: Tick, subs: &[(u32, ViewId, Vec<Row>, Vec<Row>)]) -> Result<(), End> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        let (mut rows_in_frame, mut frames) = (0, Vec::new());
        for (id, view, rows, removed) in subs {
            let after = self.delivered.insert(*id, tick).unwrap_or(0);
            for n in 0..rows.len().max(removed.len()).div_ceil(MOST_ROWS) {
                let part = Part { id: *id, view: *view, after, rows: nth(rows, n), removed: nth(removed, n) };
                let size = part.rows.len() + part.removed.len();
                if rows_in_frame > 0 && rows_in_frame + size > MOST_ROWS {
                    frames.push(std::mem::take(&mut parts));
                    rows_in_frame = 0;
                }
                rows_in_frame += size;
                parts.push(part);
            }
        }
        if !parts.is_empty() {
            frames.push(parts);
        }
        let last = frames.len();
        for (n, parts) in frames.iter().enumerate() {
            let message = self.frames.delta(tick, n + 1 == last, parts);
            self.send(message).await?;
        }
        Ok(())
    }

    async fn events(&mut self, id: u32, mut missed: Missed, events: &[Streamed]) -> Result<(), End> {
        if events.is_empty() {
            let message = self.frames.events(id, 0, missed, &[]);
            return self.send(message).await;
        }
        for of_tick in events.chunk_by(|a, b| a.tick == b.tick) {
            for part in of_tick.chunks(MOST_ROWS) {
                let missed = std::mem::take(&mut missed);
                let message = self.frames.events(id, of_tick[0].tick, missed, part);
                self.send(message).await?;
            }
        }
        Ok(())
    }
}

fn nth(rows: &[Row], n: usize) -> &[Row] {
    rows.chunks(MOST_ROWS).nth(n).unwrap_or_default()
}

/// Splits the net changes of a tick into rows that are there now and rows that are gone.
fn upserts(view: ViewId, changes: Vec<(Row, isize)>) -> (Vec<Row>, Vec<Row>) {
    let key = view.def().key;
    let (rows, gone): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, diff)| *diff > 0);
    let rows: Vec<Row> = rows.into_iter().map(|(row, _)| row).collect();
    let gone = gone.into_iter().map(|(row, _)| row);
    if rows.is_empty() {
        return (rows, gone.collect());
    }
    let there: FxHashSet<&[Value]> = rows.iter().map(|row| row.key(key)).collect();
    let removed = gone.filter(|row| !there.contains(row.key(key))).collect();
    (rows, removed)
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// What became of the items; `None` when the realm went away before it was known.
async fn outcomes(waiting: &mut Option<Unacked>) -> Option<Vec<Outcome>> {
    match waiting {
        None => std::future::pending().await,
        Some(Unacked { reply: None, .. }) => Some(Vec::new()),
        Some(Unacked { reply: Some(reply), .. }) => reply.await.ok(),
    }
}

/// The refusal of an item, its path that of the frame.
pub(super) fn located(list: &str, index: u32, mut refusal: Refusal) -> Refusal {
    let dot = if refusal.path.is_empty() { "" } else { "." };
    refusal.path = match list {
        "clock" => format!("clock{dot}{}", refusal.path),
        list => format!("{list}[{index}]{dot}{}", refusal.path),
    };
    refusal
}

/// What a write found that expected another version.
fn found(current: Current) -> v1::Current {
    let Current { version, value } = current;
    let text = |ids: &[Sym]| ids.iter().map(ToString::to_string).collect();
    match value {
        CurrentValue::Fact(value) => v1::Current { version, value: Some(scalar(&value)), entity: None },
        CurrentValue::Entity(body) => {
            let entity = body.map(|EntityBody { kind, tags, properties }| v1::EntityBody {
                kind: kind.to_string(),
                tags: text(&tags),
                properties: (properties.iter())
                    .map(|(name, value)| (name.to_string(), scalar(value)))
                    .collect(),
            });
            v1::Current { version, value: None, entity }
        }
    }
}

/// The ack of a frame; `None` when it is not known what became of its items.
pub(super) fn ack(unacked: Unacked, outcomes: Option<Vec<Outcome>>) -> Option<v1::Ack> {
    let outcomes = outcomes?;
    let tick = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Accepted { tick } => Some(*tick),
        _ => None,
    });
    let mut ack = v1::Ack { seq: unacked.seq, tick, ..v1::Ack::default() };
    let text = |id: Option<ArcStr>| id.map(|id| id.to_string());
    for ((index, id), outcome) in unacked.sent.into_iter().zip(outcomes) {
        let mut item = v1::Outcome { index, ..v1::Outcome::default() };
        match outcome {
            Outcome::Accepted { tick: its } => {
                ack.accepted += 1;
                if Some(its) == tick {
                    continue;
                }
                item.tick = Some(its);
            }
            Outcome::Duplicate { tick } => {
                ack.duplicates += 1;
                (item.tick, item.duplicate) = (Some(tick), true);
            }
            Outcome::Refused(refusal) => {
                ack.refused += 1;
                let refusal = located(unacked.list, index, *refusal);
                item.error = Some(frames::error(&refusal, None));
            }
            Outcome::Denied(denied) => {
                ack.refused += 1;
                let (refusal, current) = *denied;
                let refusal = located(unacked.list, index, refusal);
                item.error = Some(frames::error(&refusal, None));
                item.current = current.map(found);
            }
        }
        item.id = text(id);
        ack.outcomes.push(item);
    }
    for (index, id, refusal) in unacked.refused {
        ack.refused += 1;
        let error = Some(frames::error(&refusal, None));
        ack.outcomes.push(v1::Outcome { index, id: text(id), error, ..v1::Outcome::default() });
    }
    ack.outcomes.sort_by_key(|outcome| outcome.index);
    Some(ack)
}
