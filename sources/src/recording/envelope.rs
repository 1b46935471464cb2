//! Records of the previous system: `GameEvent{event_id, event_type, source, timestamp, payload, metadata}`.
//!
//! They are JSON, or protobuf with these fields numbered from 1 in this order, or either as text in hex or
//! base64. A line with fields of these names comes of it, which a mapping then reads like any other:
//! `{payload.zone}`, `{metadata.trace_id}`. A payload is JSON, or protobuf of any layout, whose fields go by
//! their numbers: `{payload.2}`. The type is its name, also where it is written as a number.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use worldflow_engine::admission::Refusal;

use super::map_expr::Line;
use crate::check::{clip, quote, refuse};
use crate::wire::{Fields, NoMessage, Wire};

/// How the records of a mapping are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvelopeDef {
    /// How a record is written.
    pub record: RecordForm,
    /// How the payload of a record in JSON is written.
    pub payload: PayloadForm,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordForm {
    /// A JSON object.
    #[default]
    Json,
    /// Protobuf.
    Protobuf,
    /// Either of them, in hexadecimal digits.
    Hex,
    /// Either of them, in base64.
    Base64,
}

/// How a payload in JSON is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayloadForm {
    /// An object, or one as text.
    #[default]
    Json,
    /// An object or protobuf, in hexadecimal digits.
    Hex,
    /// An object or protobuf, in base64.
    Base64,
}

/// The names of types that are written as numbers, from 1.
const TYPES: [&str; 7] = [
    "WEATHER_CHANGED",
    "WEATHER_SEVERE",
    "TIME_CHANGED",
    "TIME_DAY_ACTIVATED",
    "TIME_NIGHT_ACTIVATED",
    "TIME_UPDATED",
    "WORLD_STATE_UPDATED",
];

impl EnvelopeDef {
    /// Opens a record.
    pub(super) fn open(self, record: &[u8]) -> Result<Line, Refusal> {
        match self.record {
            RecordForm::Json => self.json(record),
            RecordForm::Protobuf => protobuf(record),
            RecordForm::Hex => self.either(&hex("", record.trim_ascii())?),
            RecordForm::Base64 => self.either(&base64("", record.trim_ascii())?),
        }
    }

    fn either(self, record: &[u8]) -> Result<Line, Refusal> {
        if record.starts_with(b"{") { self.json(record) } else { protobuf(record) }
    }

    fn json(self, record: &[u8]) -> Result<Line, Refusal> {
        let mut line = object("", record)?;
        if let Some(payload) = line.get_mut("payload") {
            let opened = match (&*payload, self.payload) {
                (Json::String(text), PayloadForm::Json) => object("payload", text.as_bytes())?,
                (Json::String(text), PayloadForm::Hex) => inner(&hex("payload", text.as_bytes())?)?,
                (Json::String(text), PayloadForm::Base64) => inner(&base64("payload", text.as_bytes())?)?,
                _ => return Ok(line),
            };
            *payload = Json::Object(opened);
        }
        Ok(line)
    }
}

/// What a record without an envelope is: an object.
pub(super) fn object(path: &str, bytes: &[u8]) -> Result<Line, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let hint = "it is one JSON object in UTF-8; how other records are packed is said by `envelope`";
        refuse("malformed", path, clip(&error.to_string()), hint)
    })
}

fn hex(path: &str, text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.chunks(2).map(pair).collect();
    bytes.ok_or_else(|| {
        let reason = format!("{} is not hexadecimal", quote(&String::from_utf8_lossy(text)));
        refuse("malformed", path, reason, "it is two digits a byte, as `envelope` says")
    })
}

fn base64(path: &str, text: &[u8]) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|error| {
        refuse("malformed", path, error.to_string(), "it is base64 with its padding, as `envelope` says")
    })
}

fn no_message(path: &'static str) -> impl Fn(NoMessage) -> Refusal {
    move |NoMessage| {
        let hint = "how records are packed is said by `envelope` of the mapping";
        refuse("malformed", path, "is no protobuf message", hint)
    }
}

fn text(path: &'static str, bytes: &[u8]) -> Result<Json, Refusal> {
    let text = std::str::from_utf8(bytes);
    text.map(Json::from).map_err(|error| refuse("malformed", path, error.to_string(), "text is UTF-8"))
}

fn protobuf(record: &[u8]) -> Result<Line, Refusal> {
    let mut line = Line::new();
    let mut metadata = Line::new();
    for field in Fields::of(record) {
        let (name, value) = match field.map_err(no_message(""))? {
            (1, Wire::Bytes(id)) => ("event_id", text("event_id", id)?),
            (2, Wire::Varint(number)) => ("event_type", type_name(number)),
            (2, Wire::Bytes(name)) => ("event_type", text("event_type", name)?),
            (3, Wire::Bytes(source)) => ("source", text("source", source)?),
            (4, Wire::Varint(ms)) => ("timestamp", Json::from(ms.cast_signed())),
            (5, Wire::Bytes(payload)) => ("payload", Json::Object(inner(payload)?)),
            (6, Wire::Bytes(entry)) => {
                let (key, value) = entry_of(entry)?;
                metadata.insert(key, value);
                continue;
            }
            _ => continue,
        };
        line.insert(name.to_owned(), value);
    }
    line.insert("metadata".to_owned(), Json::Object(metadata));
    Ok(line)
}

fn type_name(number: u64) -> Json {
    let name = usize::try_from(number).ok().and_then(|number| TYPES.get(number.checked_sub(1)?));
    name.map_or_else(|| Json::from(number), |name| Json::from(*name))
}

fn entry_of(entry: &[u8]) -> Result<(String, Json), Refusal> {
    let (mut key, mut value) = (String::new(), Json::from(""));
    for field in Fields::of(entry) {
        match field.map_err(no_message("metadata"))? {
            (1, Wire::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
            (2, Wire::Bytes(bytes)) => value = text("metadata", bytes)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A payload: an object, or a message whose fields go by their numbers.
fn inner(payload: &[u8]) -> Result<Line, Refusal> {
    if payload.starts_with(b"{") {
        return object("payload", payload);
    }
    let mut line = Line::new();
    for field in Fields::of(payload) {
        let (number, value) = field.map_err(no_message("payload"))?;
        let value = match value {
            Wire::Varint(value) => Json::from(value.cast_signed()),
            Wire::Fixed64(bits) => Json::from(f64::from_bits(bits)),
            Wire::Fixed32(bits) => Json::from(f64::from(f32::from_bits(bits))),
            Wire::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        };
        line.insert(number.to_string(), value);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"event_id":"e1","event_type":"WEATHER_CHANGED","source":"weather","timestamp":1000,"payload":{"old_state":"clear","zone":"fen"},"metadata":{"trace":"t"}}"#;

    /// As `JSON`, but that the payload is a message of its own: a text (1), a number (2) and a fraction (3).
    fn message(payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        for (key, bytes) in [(0x0a, &b"e1"[..]), (0x1a, b"weather"), (0x2a, payload)] {
            message.extend([key, u8::try_from(bytes.len()).unwrap()]);
            message.extend(bytes);
        }
        message.extend([0x10, 1, 0x20, 0xe8, 0x07]);
        message.extend(b"\x32\x0a\x0a\x05trace\x12\x01t");
        message
    }

    fn payload() -> Vec<u8> {
        [&b"\x0a\x05clear\x10\x07\x1d"[..], &0.5_f32.to_le_bytes()].concat()
    }

    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn open(record: RecordForm, payload: PayloadForm, bytes: &[u8]) -> Json {
        let line = EnvelopeDef { record, payload }.open(bytes);
        line.map_or_else(|refusal| Json::from(format!("{}: {}", refusal.code, refusal.path)), Json::Object)
    }

    #[test]
    fn however_it_is_packed_it_says_the_same() {
        let json: Json = serde_json::from_str(JSON).unwrap();
        let inner = serde_json::to_string(&json["payload"]).unwrap();
        let text = |payload: String| {
            let mut json = json.clone();
            json["payload"] = payload.into();
            json.to_string()
        };
        let (hex_form, base64_form) = (PayloadForm::Hex, PayloadForm::Base64);
        for (record, payload, bytes) in [
            (RecordForm::Json, PayloadForm::Json, JSON.to_owned()),
            (RecordForm::Json, PayloadForm::Json, text(inner.clone())),
            (RecordForm::Json, hex_form, text(hex_of(inner.as_bytes()))),
            (RecordForm::Json, base64_form, text(STANDARD.encode(&inner))),
            (RecordForm::Hex, PayloadForm::Json, hex_of(JSON.as_bytes())),
            (RecordForm::Base64, PayloadForm::Json, STANDARD.encode(JSON)),
            (RecordForm::Hex, PayloadForm::Json, hex_of(&message(inner.as_bytes()))),
        ] {
            assert_eq!(open(record, payload, bytes.as_bytes()), json, "{bytes}");
        }
        assert_eq!(open(RecordForm::Protobuf, PayloadForm::Json, &message(inner.as_bytes())), json);
    }

    #[test]
    fn a_payload_of_any_layout_goes_by_numbers() {
        let opened = open(RecordForm::Protobuf, PayloadForm::Json, &message(&payload()));
        assert_eq!(opened["payload"], serde_json::json!({"1": "clear", "2": 7, "3": 0.5}));
    }

    #[test]
    fn what_cannot_be_opened_is_said_with_its_part() {
        for (record, payload, bytes, said) in [
            (RecordForm::Json, PayloadForm::Json, "[1]", "malformed: "),
            (RecordForm::Json, PayloadForm::Hex, r#"{"payload": "0"}"#, "malformed: payload"),
            (RecordForm::Json, PayloadForm::Base64, r#"{"payload": "?"}"#, "malformed: payload"),
            (RecordForm::Json, PayloadForm::Json, r#"{"payload": "clear"}"#, "malformed: payload"),
            (RecordForm::Hex, PayloadForm::Json, "é", "malformed: "),
            (RecordForm::Protobuf, PayloadForm::Json, "{}", "malformed: "),
        ] {
            assert_eq!(open(record, payload, bytes.as_bytes()), Json::from(said), "{bytes}");
        }
        assert_eq!(open(RecordForm::Protobuf, PayloadForm::Json, &message(b"\xff")), "malformed: payload");
    }
}
