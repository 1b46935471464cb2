//! A client of the game socket made of `tokio-tungstenite` and `docs/wire.md`, in either encoding.
//!
//! It keeps a table by key for each subscription and checks what the page promises of every frame.

use std::collections::BTreeMap;

use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::scalar::Kind;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;

use crate::process::{DEADLINE, Server};
use crate::rows::{Table, key, typed, without_nulls};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

/// An event as a game server sends it.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) id: String,
    pub(crate) player: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) target: &'static str,
    pub(crate) said: Option<&'static str>,
}

pub(crate) fn deed(id: &str, player: &'static str, kind: &'static str, target: &'static str) -> Deed {
    Deed { id: id.to_owned(), player, kind, target, said: None }
}

impl Deed {
    fn json(&self) -> Value {
        let mut event =
            json!({"id": self.id, "player": self.player, "kind": self.kind, "target": self.target});
        if let Some(said) = self.said {
            event["with"] = json!({"said": said});
        }
        event
    }

    fn protobuf(&self) -> v1::Event {
        let text = |said: &str| v1::Scalar { kind: Some(Kind::Text(said.to_owned())) };
        v1::Event {
            id: Some(self.id.clone()),
            player: Some(self.player.to_owned()),
            kind: self.kind.to_owned(),
            target: Some(self.target.to_owned()),
            with: self.said.iter().map(|said| ("said".to_owned(), text(said))).collect(),
            ..v1::Event::default()
        }
    }
}

/// What a client keeps of a subscription.
#[derive(Clone, Debug, Default)]
struct Followed {
    view: String,
    table: Table,
    /// The tick of its last frame.
    tick: Option<u64>,
    /// The tick up to which it is complete.
    complete: u64,
    epoch: String,
    /// How many whole snapshots have come, and how many rows.
    snapshots: usize,
    rows: usize,
    /// What became of it when it was to go on.
    resumed: Option<String>,
}

impl Followed {
    fn new(view: &str) -> Followed {
        Followed { view: view.to_owned(), ..Followed::default() }
    }
}

/// What a client keeps of a subscription when it loses the connection.
#[derive(Clone, Debug)]
pub(crate) struct Held(Followed);

/// How a subscription went on.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct WentOn {
    pub(crate) resumed: String,
    pub(crate) snapshots: usize,
    pub(crate) rows: usize,
}

/// An open session.
pub(crate) struct Client {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    encoding: Encoding,
    pub(crate) welcome: Value,
    followed: BTreeMap<u64, Followed>,
    acks: Vec<Value>,
    seq: u64,
    last_delta: u64,
}

/// Opens the socket, and says hello if it is let in.
pub(crate) async fn connect(
    server: &Server,
    path: &str,
    token: Option<&str>,
    encoding: Encoding,
) -> Result<Client, tungstenite::Error> {
    let mut request = format!("ws://{}{path}", server.address).into_client_request()?;
    let protocol = match encoding {
        Encoding::Json => "worldflow.v1.json",
        Encoding::Protobuf => "worldflow.v1.proto",
    };
    request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("ASCII"));
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().expect("ASCII");
        request.headers_mut().insert("authorization", bearer);
    }
    let (stream, response) = connect_async(request).await?;
    assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
    let mut client = Client {
        stream,
        encoding,
        welcome: Value::Null,
        followed: BTreeMap::new(),
        acks: Vec::new(),
        seq: 0,
        last_delta: 0,
    };
    let hello = v1::Hello { version: 1, client: Some("the tests".to_owned()), ..v1::Hello::default() };
    client.send(json!({"hello": {"version": 1, "client": "the tests"}}), ClientFrame::Hello(hello)).await;
    Ok(client)
}

impl Client {
    /// Opens a session that must be let in.
    pub(crate) async fn open(server: &Server, token: &str, encoding: Encoding) -> Client {
        let mut client = connect(server, "/v1/socket", Some(token), encoding).await.expect("let in");
        client.until("welcome", |client| !client.welcome.is_null()).await;
        client
    }

    /// Sends a frame, given in both encodings.
    async fn send(&mut self, json: Value, protobuf: ClientFrame) {
        let message = match self.encoding {
            Encoding::Json => Message::text(json.to_string()),
            Encoding::Protobuf => Message::binary(v1::ClientFrame { frame: Some(protobuf) }.encode_to_vec()),
        };
        self.stream.send(message).await.expect("the session is open");
    }

    /// Follows whole views, and waits for their snapshots.
    pub(crate) async fn subscribe(&mut self, views: &[&str]) {
        for view in views {
            let id = u32::try_from(self.followed.len() + 1).expect("few");
            let frame = v1::Subscribe { id, view: (*view).to_owned(), ..v1::Subscribe::default() };
            self.followed.insert(u64::from(id), Followed::new(view));
            self.send(json!({"subscribe": {"id": id, "view": view}}), ClientFrame::Subscribe(frame)).await;
        }
        self.until("snapshots", |client| client.followed.values().all(|one| one.tick.is_some())).await;
    }

    /// What is held of a followed view.
    pub(crate) fn held(&self, view: &str) -> Held {
        Held(self.followed.values().find(|one| one.view == view).expect("followed").clone())
    }

    /// Follows a view from where another connection was.
    pub(crate) async fn go_on(&mut self, held: &Held) {
        let id = u32::try_from(self.followed.len() + 1).expect("few");
        let Held(mut followed) = held.clone();
        let (view, epoch, tick) = (followed.view.clone(), followed.epoch.clone(), followed.complete);
        followed.tick = Some(tick);
        (followed.snapshots, followed.rows, followed.resumed) = (0, 0, None);
        self.followed.insert(u64::from(id), followed);
        let json = json!({"subscribe": {"id": id, "view": view, "resume": {"epoch": epoch, "tick": tick}}});
        let resume = Some(v1::Resume { epoch, tick, hash: None });
        let frame = v1::Subscribe { id, view, resume, ..v1::Subscribe::default() };
        self.send(json, ClientFrame::Subscribe(frame)).await;
        let id = u64::from(id);
        self.until("an answer", |client| client.followed[&id].resumed.is_some()).await;
    }

    /// How the subscription of a view that went on did so, once it is at this tick.
    pub(crate) fn went_on(&self, view: &str) -> WentOn {
        let Held(Followed { resumed, snapshots, rows, .. }) = self.held(view);
        WentOn { resumed: resumed.expect("it was to go on"), snapshots, rows }
    }

    /// Answers that a grant was given, and waits for the ack.
    pub(crate) async fn answer(&mut self, grant: &str) -> Value {
        self.answers(json!({"grant": grant, "delivered": true}), false).await
    }

    /// Answers that a grant was taken back, and waits for the ack.
    pub(crate) async fn answer_clawback(&mut self, grant: &str) -> Value {
        self.answers(json!({"grant": grant, "delivered": true, "clawback": true}), true).await
    }

    async fn answers(&mut self, answer: Value, clawback: bool) -> Value {
        self.seq += 1;
        let seq = self.seq;
        let grant = answer["grant"].as_str().expect("an id").to_owned();
        let answers = vec![v1::GrantAnswer { grant, delivered: true, reason: None, clawback }];
        let json = json!({"grant_answers": {"seq": seq, "answers": [answer]}});
        self.send(json, ClientFrame::GrantAnswers(v1::GrantAnswers { seq, answers })).await;
        self.acked(seq).await
    }

    /// Takes what comes until the server hangs up.
    pub(crate) async fn until_the_end(&mut self) {
        while let Some(frame) = self.receive().await {
            if frame.get("goodbye").is_none() {
                self.take(&frame);
            }
        }
    }

    /// Publishes events and waits for their ack.
    pub(crate) async fn publish(&mut self, deeds: &[Deed]) -> Value {
        self.seq += 1;
        let seq = self.seq;
        let json =
            json!({"publish": {"seq": seq, "events": deeds.iter().map(Deed::json).collect::<Vec<_>>()}});
        let frame = v1::Publish { seq, events: deeds.iter().map(Deed::protobuf).collect() };
        self.send(json, ClientFrame::Publish(frame)).await;
        self.acked(seq).await
    }

    /// Sets the world's time and waits for the ack.
    pub(crate) async fn set_time(&mut self, world_ms: i64) -> Value {
        self.seq += 1;
        let seq = self.seq;
        let frame = v1::Clock { seq, set_time: Some(world_ms), ..v1::Clock::default() };
        self.send(json!({"clock": {"seq": seq, "set_time": world_ms}}), ClientFrame::Clock(frame)).await;
        self.acked(seq).await
    }

    /// Writes items, given as JSON, and waits for their ack.
    pub(crate) async fn write(&mut self, items: &Value) -> Value {
        self.seq += 1;
        let seq = self.seq;
        let json = json!({"seq": seq, "items": items});
        let frame: v1::Write =
            serde_json::from_value(json.clone()).expect("items are written as in docs/wire.md");
        self.send(json!({"write": json}), ClientFrame::Write(frame)).await;
        self.acked(seq).await
    }

    /// Writes items, and is gone before anything is answered.
    pub(crate) async fn write_and_leave(mut self, items: &Value) {
        let json = json!({"seq": 1_000_000, "items": items});
        let frame: v1::Write =
            serde_json::from_value(json.clone()).expect("items are written as in docs/wire.md");
        self.send(json!({"write": json}), ClientFrame::Write(frame)).await;
    }

    async fn acked(&mut self, seq: u64) -> Value {
        let is = move |ack: &Value| ack["seq"] == seq;
        self.until(&format!("ack {seq}"), |client| client.acks.iter().any(is)).await;
        self.acks.iter().find(|ack| is(ack)).expect("waited for").clone()
    }

    /// The rows of a followed view.
    pub(crate) fn table(&self, view: &str) -> &Table {
        &self.followed.values().find(|one| one.view == view).expect("followed").table
    }

    /// The row of a followed view of which all of this holds.
    pub(crate) fn row(&self, view: &str, wanted: &Value) -> Option<&Value> {
        let wanted = wanted.as_object().expect("an object");
        self.table(view).values().find(|row| wanted.iter().all(|(column, value)| row[column] == *value))
    }

    /// Waits for such a row.
    pub(crate) async fn until_row(&mut self, view: &str, wanted: Value) -> Value {
        self.until(&format!("{view} {wanted}"), |client| client.row(view, &wanted).is_some()).await;
        self.row(view, &wanted).expect("waited for").clone()
    }

    /// Takes frames until this holds.
    pub(crate) async fn until(&mut self, what: &str, mut holds: impl FnMut(&Client) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds(self) {
            let Ok(frame) = timeout_at(end, self.receive()).await else {
                panic!("{:?}: no {what} within {DEADLINE:?}; there is {:#?}", self.encoding, self.followed);
            };
            let frame = frame.unwrap_or_else(|| panic!("{:?}: closed before {what}", self.encoding));
            self.take(&frame);
        }
    }

    /// The next frame, as JSON; `None` at the end of the session.
    pub(crate) async fn receive(&mut self) -> Option<Value> {
        loop {
            match (self.stream.next().await?.ok()?, self.encoding) {
                (Message::Text(text), Encoding::Json) => {
                    return Some(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                (Message::Binary(bytes), Encoding::Protobuf) => {
                    let frame = v1::ServerFrame::decode(bytes).expect("a frame is a ServerFrame");
                    return Some(plain(frame.frame.expect("a frame of version 1")));
                }
                (Message::Ping(_) | Message::Pong(_), _) => {}
                (Message::Close(_), _) => return None,
                (other, encoding) => panic!("{encoding:?}: not a message of it: {other:?}"),
            }
        }
    }

    fn take(&mut self, frame: &Value) {
        let (name, body) = frame.as_object().and_then(|frame| frame.iter().next()).expect("one member");
        match name.as_str() {
            "welcome" => self.welcome = body.clone(),
            "ack" => self.acks.push(body.clone()),
            "subscribed" => {
                let followed = self.followed.get_mut(&number(&body["id"])).expect("it was asked for");
                followed.resumed = body["resume"].as_str().map(str::to_owned);
            }
            "pong" => {}
            "snapshot" => {
                let followed = self.followed.get_mut(&number(&body["id"])).expect("it was asked for");
                assert_eq!(body["view"], followed.view.as_str());
                if body["reset"] == true {
                    followed.table.clear();
                    followed.snapshots += 1;
                }
                followed.apply(body);
                if body["last"] == true {
                    followed.complete = number(&body["tick"]);
                    followed.tick = Some(followed.complete);
                    followed.epoch = body["epoch"].as_str().expect("an epoch").to_owned();
                }
            }
            "delta" => {
                let tick = number(&body["tick"]);
                assert!(tick >= self.last_delta, "deltas come in the order of ticks");
                self.last_delta = tick;
                for change in body["changes"].as_array().expect("changes are a list") {
                    let followed = self.followed.get_mut(&number(&change["id"])).expect("it was asked for");
                    let after = number(&change["after"]);
                    assert!(
                        followed.tick == Some(after) || followed.tick == Some(tick),
                        "{followed:?} {change}"
                    );
                    assert!(after < tick, "{body}");
                    followed.apply(change);
                    followed.tick = Some(tick);
                    if body["last"] == true {
                        followed.complete = tick;
                    }
                }
                if body["changes"].as_array().is_some_and(Vec::is_empty) {
                    self.followed.values_mut().for_each(|followed| followed.complete = tick);
                }
            }
            _ => panic!("{:?}: not expected: {frame}", self.encoding),
        }
    }
}

impl Followed {
    fn apply(&mut self, part: &Value) {
        let rows = |name: &str| part[name].as_array().map_or(0, Vec::len);
        self.rows += rows("rows") + rows("removed");
        for row in part["removed"].as_array().into_iter().flatten() {
            self.table
                .remove(&key(&self.view, row))
                .unwrap_or_else(|| panic!("{}: no such row: {row}", self.view));
        }
        for row in part["rows"].as_array().into_iter().flatten() {
            self.table.insert(key(&self.view, row), without_nulls(row));
        }
    }
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// A protobuf frame as these tests read frames.
fn plain(frame: ServerFrame) -> Value {
    match frame {
        ServerFrame::Welcome(welcome) => json!({"welcome": {
            "realm": welcome.realm, "role": welcome.role, "subject": welcome.subject, "tick": welcome.tick,
            "tick_ms": welcome.tick_ms, "views": welcome.views}}),
        ServerFrame::Ack(ack) => {
            let outcome = |outcome: v1::Outcome| {
                json!({"index": outcome.index, "id": outcome.id, "tick": outcome.tick,
                    "duplicate": outcome.duplicate, "error": outcome.error.map(|error| error.code),
                    "current": outcome.current})
            };
            json!({"ack": {"seq": ack.seq, "tick": ack.tick, "accepted": ack.accepted,
                "duplicates": ack.duplicates, "refused": ack.refused,
                "outcomes": ack.outcomes.into_iter().map(outcome).collect::<Vec<_>>()}})
        }
        ServerFrame::Subscribed(it) => json!({"subscribed": {"id": it.id, "resume": it.resume}}),
        ServerFrame::Snapshot(part) => json!({"snapshot": {
            "id": part.id, "view": part.view, "epoch": part.epoch, "tick": part.tick, "reset": part.reset, "last": part.last,
            "rows": typed(part.rows), "removed": typed(part.removed)}}),
        ServerFrame::Delta(delta) => {
            let change = |change: v1::ViewDelta| {
                json!({"id": change.id, "after": change.after, "rows": typed(change.rows),
                    "removed": typed(change.removed)})
            };
            json!({"delta": {"tick": delta.tick, "last": delta.last,
                "changes": delta.changes.into_iter().map(change).collect::<Vec<_>>()}})
        }
        ServerFrame::Error(error) => json!({"error": {"code": error.code, "reason": error.reason}}),
        ServerFrame::Goodbye(goodbye) => json!({"goodbye": {"code": goodbye.code, "reason": goodbye.reason}}),
        other => panic!("not expected: {other:?}"),
    }
}
