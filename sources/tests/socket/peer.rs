//! A client in either encoding that keeps the rows of one subscription as `docs/wire.md` says, and checks
//! what the page promises: no gap, no repetition, and the running hash.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::json::Kind as JsonKind;
use worldflow_proto::v1::rows::View;
use worldflow_proto::v1::scalar::Kind;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;

use crate::client::{JsonClient, ProtoClient};
use crate::realm::Server;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

pub(crate) const BOTH: [Encoding; 2] = [Encoding::Json, Encoding::Protobuf];

enum Connection {
    Json(JsonClient),
    Protobuf(ProtoClient),
}

/// The subscription, of which this is what a client must remember to go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) rows: BTreeMap<String, Value>,
    pub(crate) epoch: String,
    pub(crate) tick: u64,
    pub(crate) hash: Option<String>,
}

impl Held {
    pub(crate) fn resume(&self) -> Value {
        json!({"epoch": self.epoch, "tick": self.tick, "hash": self.hash})
    }
}

pub(crate) struct Peer {
    connection: Connection,
    pub(crate) held: Held,
    pub(crate) resumed: Option<String>,
    pub(crate) snapshots: usize,
    pub(crate) deltas: usize,
    /// Rows that came, whole or as keys.
    pub(crate) rows_seen: usize,
}

impl Peer {
    pub(crate) async fn open(server: &Server, encoding: Encoding) -> Peer {
        let connection = match encoding {
            Encoding::Json => Connection::Json(JsonClient::open(server, &server.game_server).await),
            Encoding::Protobuf => {
                Connection::Protobuf(ProtoClient::open(server, &server.game_server).await.0)
            }
        };
        let held = Held::default();
        Peer { connection, held, resumed: None, snapshots: 0, deltas: 0, rows_seen: 0 }
    }

    /// Sends a frame that is written in JSON.
    pub(crate) async fn send(&mut self, name: &str, body: Value) {
        match &mut self.connection {
            Connection::Json(client) => client.send(json!({name: body})).await,
            Connection::Protobuf(client) => client.send(protobuf(name, body)).await,
        }
    }

    /// Subscribes, going on with what is held if there is anything, and takes the answer.
    pub(crate) async fn subscribe(&mut self, mut subscribe: Value, held: Option<Held>) {
        if let Some(held) = held {
            subscribe["resume"] = without_nulls(held.resume());
            self.held = held;
        }
        self.send("subscribe", subscribe).await;
        let (name, body) = self.next().await;
        assert_eq!(name, "subscribed", "{body}");
        self.resumed = body.get("resume").and_then(Value::as_str).map(str::to_owned);
    }

    /// The next frame, as in JSON.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        match &mut self.connection {
            Connection::Json(client) => client.next().await,
            Connection::Protobuf(client) => {
                let (name, body) = plain(client.next().await);
                (name.to_owned(), without_nulls(body))
            }
        }
    }

    /// Takes the next frame in.
    pub(crate) async fn hear(&mut self) -> String {
        let (name, body) = self.next().await;
        match name.as_str() {
            "snapshot" => {
                if body["reset"] == true {
                    self.held.rows.clear();
                    self.snapshots += 1;
                }
                self.apply(&body);
                if body["last"] == true {
                    self.held.epoch = body["epoch"].as_str().expect("an epoch").to_owned();
                    self.held.tick = body["tick"].as_u64().expect("a tick");
                }
                self.check(&body);
            }
            "delta" => {
                self.deltas += 1;
                let tick = body["tick"].as_u64().expect("a tick");
                for change in body["changes"].as_array().expect("a list") {
                    assert_eq!(change["after"].as_u64(), Some(self.held.tick), "{change}");
                    self.apply(change);
                    self.check(change);
                }
                if body["last"] == true {
                    assert!(tick > self.held.tick, "{tick} after {}", self.held.tick);
                    self.held.tick = tick;
                }
            }
            _ => {}
        }
        name
    }

    /// Takes frames in until what is held is of this tick.
    pub(crate) async fn until(&mut self, tick: u64) {
        while self.held.tick < tick {
            let heard = self.hear().await;
            assert!(heard == "snapshot" || heard == "delta", "{heard}");
        }
    }

    /// Takes in all that was sent before the answer to a ping.
    pub(crate) async fn settle(&mut self) {
        self.send("ping", json!({"nonce": 1})).await;
        while self.hear().await != "pong" {}
    }

    fn apply(&mut self, part: &Value) {
        for row in part["removed"].as_array().into_iter().flatten() {
            assert!(self.held.rows.remove(&key(row)).is_some(), "not there: {row}");
            self.rows_seen += 1;
        }
        for row in part["rows"].as_array().into_iter().flatten() {
            self.held.rows.insert(key(row), row.clone());
            self.rows_seen += 1;
        }
    }

    fn check(&mut self, part: &Value) {
        let Some(hash) = part.get("hash").and_then(Value::as_str) else { return };
        let sum = self.held.rows.values().fold(0_u64, |sum, row| sum.wrapping_add(fnv(&bytes(row))));
        assert_eq!(hash, format!("{sum:016x}"), "of {} rows: {part}", self.held.rows.len());
        self.held.hash = Some(hash.to_owned());
    }
}

/// Levels and entities: what comes after the realm names the row.
fn key(row: &Value) -> String {
    row.get("player").or_else(|| row.get("entity")).and_then(Value::as_str).expect("a key").to_owned()
}

/// FNV-1a, as everybody has it.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The bytes of a value, from the page.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => b"z".to_vec(),
        Value::Bool(value) => vec![b'b', u8::from(*value)],
        Value::Number(number) => {
            let number = number.as_f64().expect("a double") + 0.0;
            [b"n", &number.to_le_bytes()[..]].concat()
        }
        Value::String(text) => [b"t", text.as_bytes()].concat(),
        Value::Array(items) => items.iter().fold(b"l".to_vec(), |mut all, item| {
            all.extend(fnv(&bytes(item)).to_le_bytes());
            all
        }),
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let sum = entries.fold(0_u64, |sum, (name, value)| {
                sum.wrapping_add(fnv(&[name.as_bytes(), &[0], &bytes(value)].concat()))
            });
            [b"m", &sum.to_le_bytes()[..]].concat()
        }
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}

fn protobuf(name: &str, body: Value) -> ClientFrame {
    match name {
        "subscribe" => ClientFrame::Subscribe(serde_json::from_value(body).expect("a frame")),
        "change" => ClientFrame::Change(serde_json::from_value(body).expect("a frame")),
        "ping" => ClientFrame::Ping(serde_json::from_value(body).expect("a frame")),
        _ => panic!("not sent by these tests: {name}"),
    }
}

fn plain(frame: ServerFrame) -> (&'static str, Value) {
    match frame {
        ServerFrame::Subscribed(it) => ("subscribed", json!({"id": it.id, "resume": it.resume})),
        ServerFrame::Pong(pong) => ("pong", json!({"nonce": pong.nonce})),
        ServerFrame::Snapshot(it) => (
            "snapshot",
            json!({"id": it.id, "epoch": it.epoch, "tick": it.tick, "reset": it.reset, "last": it.last,
                "rows": rows(it.rows), "removed": rows(it.removed), "hash": it.hash}),
        ),
        ServerFrame::Delta(it) => {
            let change = |change: v1::ViewDelta| {
                json!({"id": change.id, "after": change.after, "rows": rows(change.rows),
                    "removed": rows(change.removed), "hash": change.hash})
            };
            let changes: Vec<Value> = it.changes.into_iter().map(change).map(without_nulls).collect();
            ("delta", json!({"epoch": it.epoch, "tick": it.tick, "last": it.last, "changes": changes}))
        }
        other => panic!("not expected: {other:?}"),
    }
}

fn rows(rows: Option<v1::Rows>) -> Option<Vec<Value>> {
    macro_rules! objects {
        ($rows:expr, $($column:ident)*) => {
            $rows.into_iter().map(|row| without_nulls(json!({$(stringify!($column): row.$column),*}))).collect()
        };
    }
    Some(match rows?.view? {
        View::Levels(rows) => objects!(rows.rows, realm player level experience into_level to_next),
        View::Entities(rows) => {
            let row = |row: v1::EntitiesRow| {
                let (tags, properties) = (row.tags.map(nested), row.properties.map(nested));
                without_nulls(json!({"realm": row.realm, "entity": row.entity, "kind": row.kind,
                    "tags": tags, "properties": properties, "version": row.version}))
            };
            rows.rows.into_iter().map(row).collect()
        }
        other => panic!("not read by these tests: {other:?}"),
    })
}

fn nested(value: v1::Json) -> Value {
    match value.kind {
        None => Value::Null,
        Some(JsonKind::Scalar(scalar)) => match scalar.kind {
            None => Value::Null,
            Some(Kind::Bool(value)) => json!(value),
            Some(Kind::Int(value)) => json!(value),
            Some(Kind::Dec(value)) => json!(value),
            Some(Kind::Text(value)) => json!(value),
        },
        Some(JsonKind::List(list)) => list.items.into_iter().map(nested).collect(),
        Some(JsonKind::Map(map)) => {
            let entries = map.entries.into_iter().map(|(name, value)| (name, nested(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}
