//! Events of the stream as they are written.

use serde::Serialize;
use worldflow_proto::v1;
use worldflow_schemas::{EventId, Tick, proto_rows};

use super::super::stream::Streamed;

#[derive(Serialize)]
pub(super) struct EventsJson<'a> {
    pub(super) id: u32,
    pub(super) tick: Tick,
    pub(super) missed: u64,
    pub(super) missed_uncounted: bool,
    pub(super) events: Vec<StreamedJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct StreamedJson<'a> {
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    at: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    player: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    amount: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    region: &'a str,
    priority: &'static str,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    with: serde_json::Map<String, serde_json::Value>,
}

impl<'a> StreamedJson<'a> {
    pub(super) fn of(Streamed { event, priority, .. }: &'a Streamed) -> StreamedJson<'a> {
        let with = event.with.iter().flat_map(|with| with.iter());
        StreamedJson {
            source: event.source.as_str(),
            id: named(&event.id),
            at: event.at_ms,
            player: event.player.as_str(),
            kind: event.kind.as_str(),
            target: event.target.as_str(),
            amount: event.amount,
            region: event.region.as_str(),
            priority: priority.name(),
            with: with.map(|(name, value)| (name.as_str().to_owned(), value.to_json())).collect(),
        }
    }
}

fn named(id: &EventId) -> Option<&str> {
    match id {
        EventId::Named(name) => Some(name),
        EventId::Position(_) => None,
    }
}

pub(super) fn streamed(Streamed { event, priority, .. }: &Streamed) -> v1::StreamedEvent {
    let text = |sym: worldflow_schemas::Sym| (!sym.is_none()).then(|| sym.as_str().to_owned());
    let with = event.with.iter().flat_map(|with| with.iter());
    v1::StreamedEvent {
        source: event.source.as_str().to_owned(),
        id: named(&event.id).map(str::to_owned),
        at: event.at_ms,
        player: text(event.player),
        kind: event.kind.as_str().to_owned(),
        target: text(event.target),
        amount: event.amount,
        region: text(event.region),
        with: with.map(|(name, value)| (name.as_str().to_owned(), proto_rows::scalar(value))).collect(),
        priority: priority.name().to_owned(),
    }
}
