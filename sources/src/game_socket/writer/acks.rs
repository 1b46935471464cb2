//! What became of the items of a frame, told once it is known.

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use worldflow_engine::admission::{Outcome, Refusal};
use worldflow_proto::v1;
use worldflow_schemas::input::{Current, CurrentValue, EntityBody};
use worldflow_schemas::proto_rows::scalar;
use worldflow_schemas::{ArcStr, Sym};

use super::super::frames;

/// Items that have been handed to admission and wait to be durable.
#[derive(Debug)]
pub(in super::super) struct Unacked {
    /// Comes back in the ack.
    pub(in super::super) seq: u64,
    /// The list that the items stand in; `clock` is the item itself.
    pub(in super::super) list: &'static str,
    /// For each item handed over, which of the frame it is, and its id.
    pub(in super::super) sent: Vec<(u32, Option<ArcStr>)>,
    /// Items that were refused, in order.
    pub(in super::super) refused: Vec<(u32, Option<ArcStr>, Refusal)>,
    /// What became of those handed over; absent when there were none.
    pub(in super::super) reply: Option<oneshot::Receiver<Vec<Outcome>>>,
    /// Its share of what may wait for a session.
    pub(in super::super) room: Option<OwnedSemaphorePermit>,
}

/// What became of the items; `None` when the realm went away before it was known.
pub(super) async fn outcomes(waiting: &mut Option<Unacked>) -> Option<Vec<Outcome>> {
    match waiting {
        None => std::future::pending().await,
        Some(Unacked { reply: None, .. }) => Some(Vec::new()),
        Some(Unacked { reply: Some(reply), .. }) => reply.await.ok(),
    }
}

/// The refusal of an item, its path that of the frame.
pub(in super::super) fn located(list: &str, index: u32, mut refusal: Refusal) -> Refusal {
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
pub(in super::super) fn ack(unacked: Unacked, outcomes: Option<Vec<Outcome>>) -> Option<v1::Ack> {
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
