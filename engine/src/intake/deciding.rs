//! Whether an input is new, was here before, or is refused.

use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{EventId, Input, Sym, Tick};

use crate::admission::Refusal;
use crate::dedupe::{EARLIEST_MS, Known, SourceIds, YOUNG_MS};
use crate::rate::RateLimits;

/// What an input's time is compared with.
#[derive(Clone, Copy)]
pub(super) struct Now {
    /// What UTC is, for inputs that are not from later.
    pub(super) latest_ms: Option<i64>,
    pub(super) length: TickLength,
    /// Its source says how far it has been read, so it is not sent again.
    pub(super) reads: bool,
}

/// The tick of an input that was here before, nothing of one that is new, and why not of any other.
pub(super) fn decide(
    ids: &SourceIds,
    id: &EventId,
    at_ms: Option<i64>,
    now: Now,
    most_ids: usize,
) -> Result<Option<Tick>, Refusal> {
    let Now { latest_ms, length, reads } = now;
    match ids.known(id) {
        Known::Duplicate(tick) => return Ok(Some(tick)),
        Known::Forgotten => return Err(too_old(id, "its position was passed long ago")),
        Known::New => {}
    }
    if matches!(id, EventId::Named(_)) && ids.named() >= most_ids {
        return Err(Refusal {
            code: "dedupe_full",
            path: "id".to_owned(),
            reason: format!("{most_ids} ids of this source are remembered, and no more may be"),
            hint: format!(
                "send fewer than {most_ids} events with ids in {} s, send them from several sources, or without ids",
                YOUNG_MS / 1000
            ),
            retry_after_ms: None,
        });
    }
    let Some(at_ms) = at_ms else { return Ok(None) };
    if let Some(latest_ms) = latest_ms.filter(|now_ms| at_ms > now_ms.saturating_add(EARLIEST_MS)) {
        return Err(Refusal {
            code: "too_early",
            path: "at".to_owned(),
            reason: format!("`at` is {} ms in the future", at_ms.saturating_sub(latest_ms)),
            hint: "events happen before they are sent; check the sender's clock".to_owned(),
            retry_after_ms: None,
        });
    }
    // An event says it happened at most EARLIEST_MS after it was accepted, so one that is later than
    // the last forgotten acceptance by more than that cannot have been accepted and forgotten.
    // What is read once, from where it was, is never so: a backlog may be older than anything remembered.
    let forgotten = ids.forgotten().filter(|_| matches!(id, EventId::Named(_)) && !reads);
    if forgotten.is_some_and(|tick| at_ms <= length.utc_ms(tick).saturating_add(EARLIEST_MS)) {
        return Err(too_old(id, "it is older than the ids that are remembered"));
    }
    Ok(None)
}

/// Only what is new counts: whoever sends again what was not acked has nothing taken away.
pub(super) fn within_rate(
    rates: &mut RateLimits,
    input: &Input,
    most: u32,
    now_ms: i64,
) -> Result<(), Refusal> {
    let Input::Event(event) = input else { return Ok(()) };
    let who = if event.player.is_none() { event.source } else { event.player };
    if rates.admit(event.kind, who, most, now_ms) {
        Ok(())
    } else {
        Err(too_fast(event.kind, who, most, now_ms))
    }
}

/// The refusal of an event of `kind` by `who`, of which there have been `most` in the second of `now_ms`.
#[must_use]
pub fn too_fast(kind: Sym, who: Sym, most: u32, now_ms: i64) -> Refusal {
    Refusal {
        code: "rate_limited",
        path: String::new(),
        reason: format!("more than {most} events of kind `{kind}` by `{who}` in one second"),
        hint: "send it again in the next second, or raise max_per_second of the kind".to_owned(),
        retry_after_ms: u32::try_from(1_000 - now_ms.rem_euclid(1_000)).ok(),
    }
}

fn too_old(id: &EventId, why: &str) -> Refusal {
    let named = match id {
        EventId::Position(position) => position.to_string(),
        EventId::Named(name) => name.to_string(),
    };
    Refusal {
        code: "too_old",
        path: "id".to_owned(),
        reason: format!("`{named}` cannot be told from a duplicate: {why}"),
        hint: "send events within the dedupe window, or, if it is certain that it is new, with a new id and time"
            .to_owned(),
        retry_after_ms: None,
    }
}
