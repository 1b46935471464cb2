//! Frames as bytes, in both encodings.
//!
//! A JSON frame is an object with one member, named as the field of `ClientFrame` or `ServerFrame` that it
//! stands for. Rows are written straight from their columns; a column that is null is left out.

mod events;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::ws::Message;
use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{self, WireType, encode_key, encode_varint};
use serde::{Deserialize, Serialize};
use worldflow_engine::admission::Refusal;
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::catalog::{ColumnType, ViewId};
use worldflow_schemas::proto_rows::RowsBody;
use worldflow_schemas::{Row, Tick, Value};

use self::events::{EventsJson, StreamedJson, streamed};
use super::lists::{self, Bounded};
use super::shown::{Shown, Work};
use super::stream::{Missed, Streamed};
use crate::check::{Proposed, quote, refuse};

/// How frames are written, by subprotocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// `worldflow.v1.json`
    Json,
    /// `worldflow.v1.proto`
    Protobuf,
}

impl Encoding {
    pub(super) const ALL: [Encoding; 2] = [Encoding::Json, Encoding::Protobuf];

    /// The subprotocol.
    pub(super) fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Json => "worldflow.v1.json",
            Encoding::Protobuf => "worldflow.v1.proto",
        }
    }

    /// Its name in rows of `sessions`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::Protobuf => "protobuf",
        }
    }
}

/// A frame of a client, whose events are kept as they came.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// Publish.
    Publish {
        /// Comes back in the ack.
        seq: u64,
        /// Events, not yet believed.
        events: Cow<'a, [Proposed<'a>]>,
    },
    /// Any other.
    Other(ClientFrame),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishJson<'a> {
    #[serde(default)]
    seq: u64,
    #[serde(default, borrow)]
    events: Bounded<Proposed<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteJson {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    items: Bounded<v1::WriteItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantAnswersJson {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    answers: Bounded<v1::GrantAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FrameJson<'a> {
    Hello(v1::Hello),
    #[serde(borrow)]
    Publish(PublishJson<'a>),
    Write(WriteJson),
    Clock(v1::Clock),
    GrantAnswers(GrantAnswersJson),
    Subscribe(v1::Subscribe),
    Change(v1::ChangeSubscription),
    Follow(v1::Follow),
    Unsubscribe(v1::Unsubscribe),
    Stats(v1::Stats),
    Ping(v1::Ping),
    Goodbye(v1::Goodbye),
}

/// Reads a JSON frame.
pub(super) fn from_json(text: &str) -> Result<Incoming<'_>, Refusal> {
    // The path of an error costs time, so it is only looked for when there is one.
    let frame = serde_json::from_str::<FrameJson<'_>>(text).map_err(|plain| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let located = serde_path_to_error::deserialize::<_, FrameJson<'_>>(&mut deserializer);
        let path = located.err().map(|error| error.path().to_string()).filter(|path| path != ".");
        let reason = plain.to_string();
        let hint = "a frame is an object with one member, such as {\"ping\": {\"nonce\": 1}}";
        refuse("malformed", path.unwrap_or_default(), crate::check::clip(&reason), hint)
    })?;
    Ok(Incoming::Other(match frame {
        FrameJson::Publish(publish) => {
            let events = publish.events.whole("publish.events")?;
            return Ok(Incoming::Publish { seq: publish.seq, events: Cow::Owned(events) });
        }
        FrameJson::Hello(frame) => ClientFrame::Hello(frame),
        FrameJson::Write(WriteJson { seq, items }) => {
            ClientFrame::Write(v1::Write { seq, items: items.whole("write.items")? })
        }
        FrameJson::Clock(frame) => ClientFrame::Clock(frame),
        FrameJson::GrantAnswers(GrantAnswersJson { seq, answers }) => {
            let answers = answers.whole("grant_answers.answers")?;
            ClientFrame::GrantAnswers(v1::GrantAnswers { seq, answers })
        }
        FrameJson::Subscribe(frame) => ClientFrame::Subscribe(frame),
        FrameJson::Change(frame) => ClientFrame::Change(frame),
        FrameJson::Follow(frame) => ClientFrame::Follow(frame),
        FrameJson::Unsubscribe(frame) => ClientFrame::Unsubscribe(frame),
        FrameJson::Stats(frame) => ClientFrame::Stats(frame),
        FrameJson::Ping(frame) => ClientFrame::Ping(frame),
        FrameJson::Goodbye(frame) => ClientFrame::Goodbye(frame),
    }))
}

/// Reads a protobuf frame.
pub(super) fn from_protobuf(bytes: &Bytes) -> Result<ClientFrame, Refusal> {
    let hint = "a binary message is one worldflow.v1.ClientFrame";
    lists::within_most(bytes)?;
    match v1::ClientFrame::decode(bytes.clone()) {
        Ok(v1::ClientFrame { frame: Some(frame) }) => Ok(frame),
        Ok(_) => Err(refuse("malformed", "", "the frame is empty, or of a newer version", hint)),
        Err(error) => Err(refuse("malformed", "", crate::check::clip(&error.to_string()), hint)),
    }
}

/// A refusal as an error on the wire.
pub(super) fn error(refusal: &Refusal, about: Option<u64>) -> v1::Error {
    v1::Error {
        code: refusal.code.to_owned(),
        path: refusal.path.clone(),
        reason: refusal.reason.clone(),
        hint: refusal.hint.clone(),
        retryable: retryable(refusal.code),
        about,
        retry_after_ms: refusal.retry_after_ms,
    }
}

/// Whether sending, or connecting, again later can succeed.
pub(super) fn retryable(code: &str) -> bool {
    matches!(
        code,
        "rate_limited"
            | "dedupe_full"
            | "too_many_sessions"
            | "shutting_down"
            | "view_changed"
            | "words_not_judged"
    )
}

/// Rows as they come to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    /// For this one client.
    Plain(&'a [Row]),
    /// Perhaps for others too.
    Shown(&'a [&'a Arc<Shown>]),
}

impl<'a> Rows<'a> {
    fn len(self) -> usize {
        match self {
            Rows::Plain(rows) => rows.len(),
            Rows::Shown(rows) => rows.len(),
        }
    }

    /// Each row, and with it what is known of it when others see it too.
    fn each(self) -> impl Iterator<Item = (&'a Row, Option<&'a Shown>)> {
        let (plain, shown): (&[Row], &[&Arc<Shown>]) = match self {
            Rows::Plain(rows) => (rows, &[]),
            Rows::Shown(rows) => (&[], rows),
        };
        let shown = shown.iter().map(|one| (one.row(), one.is_shared().then_some(&***one)));
        plain.iter().map(|row| (row, None)).chain(shown)
    }
}

/// What changed of one subscription at a tick.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// The subscription.
    pub(super) id: u32,
    /// Its view.
    pub(super) view: ViewId,
    /// The tick it follows.
    pub(super) after: Tick,
    /// Rows added or changed.
    pub(super) rows: Rows<'a>,
    /// Rows gone.
    pub(super) removed: Rows<'a>,
    /// The running hash after it.
    pub(super) hash: Option<u64>,
}

/// Writes frames in one encoding, of one realm.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    /// The encoding.
    pub(super) encoding: Encoding,
    /// The realm's epoch, as text.
    pub(super) epoch: String,
}

impl Writer {
    /// A frame that holds no rows.
    pub(super) fn plain(&self, frame: &ServerFrame) -> Message {
        match self.encoding {
            Encoding::Protobuf => {
                let frame = v1::ServerFrame { frame: Some(frame.clone()) };
                Message::Binary(frame.encode_to_vec().into())
            }
            Encoding::Json => match frame {
                ServerFrame::Welcome(frame) => json("welcome", frame),
                ServerFrame::Ack(frame) => json("ack", frame),
                ServerFrame::Error(frame) => json("error", frame),
                ServerFrame::Subscribed(frame) => json("subscribed", frame),
                ServerFrame::Unsubscribed(frame) => json("unsubscribed", frame),
                ServerFrame::Stats(frame) => json("stats", frame),
                ServerFrame::Pong(frame) => json("pong", frame),
                ServerFrame::Goodbye(frame) => json("goodbye", frame),
                ServerFrame::Snapshot(_) | ServerFrame::Delta(_) | ServerFrame::Events(_) => {
                    unreachable!("frames with rows have functions of their own")
                }
            },
        }
    }

    /// A part of a snapshot.
    pub(super) fn snapshot(
        &self,
        part: &Part<'_>,
        tick: Tick,
        reset: bool,
        last: bool,
        work: &Work,
    ) -> Message {
        let view = part.view.def();
        if self.encoding == Encoding::Json {
            let mut out = String::with_capacity(64 + 128 * part.rows.len());
            out.push_str("{\"snapshot\":{\"id\":");
            push(&mut out, &part.id);
            out.push_str(",\"view\":");
            push(&mut out, view.name);
            out.push_str(",\"epoch\":");
            push(&mut out, &self.epoch);
            out.push_str(",\"tick\":");
            push(&mut out, &tick);
            out.push_str(",\"reset\":");
            push(&mut out, &reset);
            out.push_str(",\"last\":");
            push(&mut out, &last);
            push_rows(&mut out, part, work);
            out.push_str("}}");
            return Message::Text(out.into());
        }
        let mut body = v1::Snapshot {
            id: part.id,
            view: view.name.to_owned(),
            epoch: self.epoch.clone(),
            tick,
            reset,
            last,
            rows: None,
            removed: None,
            hash: part.hash.map(hash_text),
        }
        .encode_to_vec();
        encode_part_rows(part, (7, 8), work, &mut body);
        server_frame(5, &body)
    }

    /// A part of a tick's delta.
    pub(super) fn delta(&self, tick: Tick, last: bool, parts: &[Part<'_>], work: &Work) -> Message {
        if self.encoding == Encoding::Json {
            let mut out = String::with_capacity(256);
            out.push_str("{\"delta\":{\"epoch\":");
            push(&mut out, &self.epoch);
            out.push_str(",\"tick\":");
            push(&mut out, &tick);
            out.push_str(",\"last\":");
            push(&mut out, &last);
            out.push_str(",\"changes\":[");
            for (n, part) in parts.iter().enumerate() {
                out.push_str(if n == 0 { "{\"id\":" } else { ",{\"id\":" });
                push(&mut out, &part.id);
                out.push_str(",\"after\":");
                push(&mut out, &part.after);
                push_rows(&mut out, part, work);
                out.push('}');
            }
            out.push_str("]}}");
            return Message::Text(out.into());
        }
        let mut body =
            v1::Delta { epoch: self.epoch.clone(), tick, last, changes: Vec::new() }.encode_to_vec();
        for part in parts {
            let (id, after, hash) = (part.id, part.after, part.hash.map(hash_text));
            let head = v1::ViewDelta { id, after, rows: None, removed: None, hash };
            let mut bytes = head.encode_to_vec();
            encode_part_rows(part, (3, 4), work, &mut bytes);
            push_field(4, &bytes, &mut body);
        }
        server_frame(6, &body)
    }

    /// Events of a tick for one follower, and what it has missed since the last.
    pub(super) fn events(&self, id: u32, tick: Tick, missed: Missed, events: &[Streamed]) -> Message {
        let Missed { counted: missed, uncounted: missed_uncounted } = missed;
        if self.encoding == Encoding::Json {
            let events: Vec<StreamedJson<'_>> = events.iter().map(StreamedJson::of).collect();
            return json("events", &EventsJson { id, tick, missed, missed_uncounted, events });
        }
        let events = events.iter().map(streamed).collect();
        let frame = v1::ServerFrame {
            frame: Some(ServerFrame::Events(v1::Events { id, tick, events, missed, missed_uncounted })),
        };
        Message::Binary(frame.encode_to_vec().into())
    }
}

fn json(name: &str, frame: &(impl Serialize + ?Sized)) -> Message {
    let mut out = String::with_capacity(128);
    out.push_str("{\"");
    out.push_str(name);
    out.push_str("\":");
    push(&mut out, frame);
    out.push('}');
    Message::Text(out.into())
}

fn push(out: &mut String, value: &(impl Serialize + ?Sized)) {
    out.push_str(&serde_json::to_string(value).expect("wire types have text keys and finite depth"));
}

/// A running hash as it is written.
pub(super) fn hash_text(hash: u64) -> String {
    format!("{hash:016x}")
}

fn push_rows(out: &mut String, part: &Part<'_>, work: &Work) {
    if let Some(hash) = part.hash {
        out.push_str(",\"hash\":");
        push(out, &hash_text(hash));
    }
    let (view, all) = (part.view, part.view.def().columns.len());
    for (name, rows, columns) in [("rows", part.rows, all), ("removed", part.removed, part.view.def().key)] {
        if rows.len() == 0 {
            continue;
        }
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":[");
        for (n, (row, shared)) in rows.each().enumerate() {
            if n > 0 {
                out.push(',');
            }
            match shared.filter(|_| columns == all) {
                Some(shown) => out.push_str(shown.json(work)),
                None => {
                    Work::count(&work.encoded, 1);
                    push_row(out, view, row, columns);
                }
            }
        }
        out.push(']');
    }
}

pub(super) fn push_row(out: &mut String, view: ViewId, row: &Row, columns: usize) {
    use std::fmt::Write as _;
    let mut first = true;
    out.push('{');
    for (column, value) in view.def().columns.iter().zip(row.iter()).take(columns) {
        if *value == Value::Null {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        out.push('"');
        out.push_str(column.name);
        out.push_str("\":");
        match value {
            // A JSON column holds JSON, which goes into JSON as it is.
            Value::Text(text) if column.kind == ColumnType::Json => out.push_str(text),
            Value::Sym(text) if column.kind == ColumnType::Json => out.push_str(text.as_str()),
            Value::Sym(text) => push(out, text.as_str()),
            Value::Text(text) => push(out, &**text),
            // Fractions print exactly and numbers need no quoting.
            value => {
                let _ = write!(out, "{value}");
            }
        }
    }
    out.push('}');
}

fn encode_part_rows(part: &Part<'_>, (rows, removed): (u32, u32), work: &Work, out: &mut Vec<u8>) {
    let (view, all) = (part.view, part.view.def().columns.len());
    for (field, rows, columns) in [(rows, part.rows, all), (removed, part.removed, part.view.def().key)] {
        if rows.len() == 0 {
            continue;
        }
        let mut body = RowsBody::default();
        for (row, shared) in rows.each() {
            match shared.filter(|_| columns == all) {
                Some(shown) => body.push_encoded(shown.protobuf(work)),
                None => {
                    Work::count(&work.encoded, 1);
                    body.push(view, row, columns);
                }
            }
        }
        body.finish(field, view, out);
    }
}

fn push_field(field: u32, body: &[u8], out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(body.len() as u64, out);
    out.extend_from_slice(body);
}

fn server_frame(field: u32, body: &[u8]) -> Message {
    let mut out = Vec::with_capacity(body.len() + encoding::encoded_len_varint(body.len() as u64) + 1);
    push_field(field, body, &mut out);
    Message::Binary(out.into())
}

/// The refusal of a message of the other encoding.
pub(super) fn not_this_encoding(encoding: Encoding) -> Refusal {
    let (sent, wanted) = match encoding {
        Encoding::Json => ("a binary message", "text messages"),
        Encoding::Protobuf => ("a text message", "binary messages"),
    };
    refuse(
        "wrong_encoding",
        "",
        format!("{sent} on a connection that speaks {}", quote(encoding.subprotocol())),
        format!("send {wanted}, or connect with the other subprotocol"),
    )
}
