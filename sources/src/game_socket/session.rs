//! One connection, from hello to goodbye. What is done about each frame is in `requests`.

mod requests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use worldflow_engine::admission::Refusal;
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{EventId, Row, Value};

use super::access;
use super::frames::{self, Encoding, Incoming};
use super::inbox::Inbox;
use super::pace::Pace;
use super::seats::Seat;
use super::writer::{Outgoing, Patience, Unacked, Writer};
use super::{Came, Realms, Room, session_name, wall_ms};
use crate::allowance::later;
use crate::audit::Act;
use crate::check::{Hints, Proposed, Sender, clip, refuse};
use crate::http_guard::pay;
use crate::tokens::{Bearer, Claims, Role};

/// The one version of the protocol.
const VERSION: u32 = 1;

/// Frames that wait to be written, and publishes that wait to be acked; then the client waits.
const QUEUE: usize = 64;

/// Items that may wait to be acked in one session; one that is refused counts as ten, for it waits with
/// what is wrong with it.
const MOST_UNACKED: usize = 1 << 16;

/// How long the last frame of a session may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// The connection is gone; there is nobody to tell.
    Gone,
    /// The client is told this.
    Told(v1::Goodbye),
}

impl End {
    pub(super) fn because(code: &str, reason: impl Into<String>, retryable: bool) -> End {
        End::Told(v1::Goodbye { code: code.to_owned(), reason: reason.into(), retryable })
    }

    pub(super) fn shutting_down() -> End {
        End::because("shutting_down", "the realm is shutting down", true)
    }

    fn expired() -> End {
        End::because("token_expired", "the token has expired", true)
    }

    pub(super) fn too_slow(stall: Duration) -> End {
        End::because("too_slow", format!("a frame was not read for {} s", stall.as_secs_f32()), true)
    }

    pub(super) fn never_caught_up(snapshots: usize) -> End {
        let reason = format!("more than {snapshots} snapshots in 5 minutes came because too little was read");
        End::because("too_slow", reason, true)
    }
}

/// Runs a session on a new connection.
pub(super) async fn run(
    socket: WebSocket,
    realms: Realms,
    mut seat: Seat,
    Came { path, from }: Came,
    bearer: Option<Bearer>,
    encoding: Encoding,
) {
    let (mut sink, mut stream) = socket.split();
    let came_named = bearer.is_some();
    let mut writer = frames::Writer { encoding, epoch: String::new() };
    let hello = tokio::time::timeout(realms.limits().hello, hello(&mut stream, encoding, &realms));
    let opened = match hello.await {
        Ok(Ok(hello)) => admit(&realms, path.as_deref(), bearer, &hello),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Some(refuse("no_hello", "", "no hello came in time", "the first frame is hello"))),
    };
    let opened = opened.and_then(|(room, bearer)| {
        if !came_named {
            pay(&realms, Some(&bearer), from)?;
        }
        seat.name(&bearer.claims)?;
        Ok((room, bearer))
    });
    let (room, bearer) = match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            if let Some(refusal) = refusal {
                realms.turned_away(path.as_deref(), &refusal);
                realms.audit().write(Act::new("session_refused").from(from).code(refusal.code));
                let _ = tokio::time::timeout(
                    FAREWELL,
                    sink.send(writer.plain(&ServerFrame::Error(frames::error(&refusal, None)))),
                )
                .await;
                let end = End::because(refusal.code, refusal.reason, frames::retryable(refusal.code));
                farewell(&mut sink, &mut stream, &writer, end).await;
            }
            return;
        }
    };
    writer.epoch = epoch_text(room.realm.epoch);
    let mut session = Session::open(realms, room, (bearer, from), encoding);
    let end = session.talk(&mut sink, &mut stream, &writer).await;
    session.note(&end);
    session.close(&end);
    farewell(&mut sink, &mut stream, &writer, end).await;
}

async fn hello(
    stream: &mut SplitStream<WebSocket>,
    encoding: Encoding,
    realms: &Realms,
) -> Result<v1::Hello, Option<Refusal>> {
    loop {
        let message = match stream.next().await {
            None => return Err(None),
            Some(Err(error)) => return Err(Some(bad_frame(&error, realms.limits().frame_bytes))),
            Some(Ok(message)) => message,
        };
        let frame = match (&message, encoding) {
            (Message::Close(_), _) => return Err(None),
            (Message::Ping(_) | Message::Pong(_), _) => continue,
            _ if size(&message) > realms.limits().frame_bytes => Err(too_large(realms.limits().frame_bytes)),
            (Message::Text(text), Encoding::Json) => frames::from_json(text).map(|frame| match frame {
                Incoming::Other(frame) => Some(frame),
                Incoming::Publish { .. } => None,
            }),
            (Message::Binary(bytes), Encoding::Protobuf) => frames::from_protobuf(bytes).map(Some),
            _ => Err(frames::not_this_encoding(encoding)),
        };
        return match frame? {
            Some(ClientFrame::Hello(hello)) => Ok(hello),
            _ => Err(Some(refuse("no_hello", "", "the first frame is not hello", "say hello first"))),
        };
    }
}

fn admit(
    realms: &Realms,
    path: Option<&str>,
    bearer: Option<Bearer>,
    hello: &v1::Hello,
) -> Result<(Arc<Room>, Bearer), Option<Refusal>> {
    if hello.version < VERSION {
        let reason = format!("version {} of the protocol is not spoken here", hello.version);
        return Err(Some(refuse("unknown_version", "hello.version", reason, "version 1 is")));
    }
    let bearer = match (&hello.token, bearer) {
        (Some(token), None) => realms.bearer(token).map_err(|mut refusal| {
            refusal.path = "hello.token".to_owned();
            refusal
        })?,
        (_, Some(bearer)) => bearer,
        (None, None) => {
            let hint = "pass it as `Authorization: Bearer`, as `?token=`, or in hello";
            return Err(Some(refuse("unauthenticated", "hello.token", "a token is needed", hint)));
        }
    };
    let room = realms.room(&bearer.claims, path)?;
    Ok((room, bearer))
}

async fn farewell(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    writer: &frames::Writer,
    end: End,
) {
    let End::Told(goodbye) = end else { return };
    let code = match goodbye.code.as_str() {
        "bye" => 1000,
        "shutting_down" => 1001,
        _ => 1008,
    };
    // A close frame holds 125 bytes, two of them the code.
    let reason = goodbye.code.clone();
    let told = async {
        sink.send(writer.plain(&ServerFrame::Goodbye(goodbye))).await?;
        sink.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
        // A connection that is dropped with something unread takes what was written with it.
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<(), axum::Error>(())
    };
    // Whoever does not read it has been told as well as can be.
    let _ = tokio::time::timeout(FAREWELL, told).await;
}

/// An epoch as it is written.
fn epoch_text(epoch: u64) -> String {
    format!("{epoch:016x}")
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

fn bad_frame(error: &axum::Error, most: usize) -> Refusal {
    let text = error.to_string();
    // Its head says how large it is; what comes after that is not read.
    if text.contains("Message too long") {
        return too_large(most);
    }
    let hint = "text is UTF-8, frames are masked and whole, and no message is larger than max_frame_bytes";
    refuse("bad_frame", "", clip(&text), hint)
}

fn too_large(most: usize) -> Refusal {
    let reason = format!("the frame is larger than {most} bytes");
    refuse("frame_too_large", "", reason, "send several smaller ones; welcome.max_frame_bytes says how large")
}

async fn turned_true(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|set| *set).await.is_err() {
        std::future::pending().await
    }
}

/// Returns when a token is good no longer. A clock that is set is noticed within half a minute.
async fn expired(until_ms: Option<i64>) {
    const LOOKS: Duration = Duration::from_secs(30);
    let Some(until_ms) = until_ms else { return std::future::pending().await };
    loop {
        let left = u64::try_from(until_ms.saturating_sub(wall_ms())).unwrap_or(0);
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(left).min(LOOKS)).await;
    }
}

struct Session {
    realms: Realms,
    room: Arc<Room>,
    bearer: Bearer,
    from: Option<SocketAddr>,
    claims: Claims,
    sender: Sender,
    encoding: Encoding,
    id: u64,
    name: String,
    connected_ms: i64,
    inbox: Arc<Inbox>,
    views: FxHashMap<u32, Open>,
    follows: FxHashSet<u32>,
    published: i64,
    told_published_ms: i64,
    bad_frames: u32,
    frames: Pace,
    refused: Pace,
    /// What may wait to be acked, in items.
    unacked: Arc<Semaphore>,
    /// Counts the times that the client made room by reading.
    signs: Arc<AtomicU64>,
    hints: Hints,
    hints_since: Instant,
}

/// A subscription that is open.
#[derive(Clone, Copy)]
struct Open {
    view: ViewId,
    /// How many values it lists.
    values: usize,
}

/// Where the reader leaves what the writer is to write.
struct Out {
    frames: mpsc::Sender<ServerFrame>,
    acks: mpsc::Sender<Unacked>,
}

impl Out {
    async fn frame(&self, frame: ServerFrame) {
        // The writer is gone only when the session is.
        let _ = self.frames.send(frame).await;
    }

    async fn error(&self, refusal: &Refusal, about: Option<u64>) {
        self.frame(ServerFrame::Error(frames::error(refusal, about))).await;
    }
}

impl Session {
    fn open(
        realms: Realms,
        room: Arc<Room>,
        (bearer, from): (Bearer, Option<SocketAddr>),
        encoding: Encoding,
    ) -> Session {
        let claims = bearer.claims;
        room.sessions.fetch_add(1, Ordering::Relaxed);
        let id = realms.shared.next_session.fetch_add(1, Ordering::Relaxed);
        let limits = realms.limits();
        let (frames, refused) = match claims.role {
            Role::GameServer => (limits.server_frames_per_s, limits.server_refused_per_s),
            Role::Player | Role::Dashboard | Role::Designer => (limits.frames_per_s, limits.refused_per_s),
        };
        let session = Session {
            sender: Sender::bearer(&claims),
            bearer,
            from,
            claims,
            encoding,
            id,
            name: session_name(),
            connected_ms: wall_ms(),
            inbox: Arc::new(Inbox::new(realms.shared.bounds.clone())),
            views: FxHashMap::default(),
            follows: FxHashSet::default(),
            published: 0,
            told_published_ms: 0,
            bad_frames: 0,
            frames: Pace::new(frames),
            refused: Pace::new(refused),
            unacked: Arc::new(Semaphore::new(MOST_UNACKED)),
            signs: Arc::default(),
            hints: Hints::default(),
            hints_since: Instant::now(),
            realms,
            room,
        };
        session.show();
        session.audit(session.about("session_opened").with("encoding", session.encoding.name()));
        metrics::gauge!("worldflow_sessions", "realm" => session.room.realm.name.as_str()).increment(1.0);
        session
    }

    fn about(&self, act: &'static str) -> Act {
        Act::new(act).by(&self.bearer).from(self.from).with("session", self.name.as_str())
    }

    fn audit(&self, act: Act) {
        self.realms.audit().write(act);
    }

    fn close(&self, end: &End) {
        let code = match end {
            End::Gone => "gone",
            End::Told(goodbye) => goodbye.code.as_str(),
        };
        let seconds = (wall_ms() - self.connected_ms) / 1_000;
        let act = self.about("session_closed").code(code);
        self.audit(act.with("seconds", seconds).with("published", self.published));
        for (sub, open) in &self.views {
            self.room.hub.unsubscribe((self.id, *sub), open.view);
        }
        for id in &self.follows {
            self.room.hub.unfollow((self.id, *id));
        }
        let key = [Value::id(self.room.realm.name), Value::text(&self.name)];
        self.room.realm.observed.remove(catalog::SESSIONS, &key);
        self.room.sessions.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("worldflow_sessions", "realm" => self.room.realm.name.as_str()).decrement(1.0);
    }

    /// Records why a session was cut off that had not sent anything wrong.
    fn note(&self, end: &End) {
        let End::Told(goodbye) = end else { return };
        let (code, hint) = match goodbye.code.as_str() {
            "too_slow" => ("too_slow", "ask for fewer rows, or fewer deltas a second by `max_hz`"),
            "silent" => ("silent", "answer pings, or send some"),
            _ => return,
        };
        self.reject(None, &refuse(code, "", goodbye.reason.clone(), hint));
    }

    /// Brings the session's row up to date.
    fn show(&self) {
        let subscriptions = self.views.len() + self.follows.len();
        let row = Row::from([
            Value::id(self.room.realm.name),
            Value::text(&self.name),
            Value::Sym(self.claims.role.name().into()),
            Value::id(self.claims.subject),
            Value::Sym(self.encoding.name().into()),
            Value::Int(self.connected_ms),
            Value::count(subscriptions as u64),
            Value::Int(self.published),
        ]);
        self.room.realm.observed.upsert(catalog::SESSIONS, row);
    }

    async fn talk(
        &mut self,
        sink: &mut SplitSink<WebSocket, Message>,
        stream: &mut SplitStream<WebSocket>,
        frames: &frames::Writer,
    ) -> End {
        let (frames_out, frames_queue) = mpsc::channel(QUEUE);
        let (acks_out, acks_queue) = mpsc::channel(QUEUE);
        let out = Out { frames: frames_out, acks: acks_out };
        out.frame(ServerFrame::Welcome(self.welcome(&frames.epoch))).await;
        let (room, inbox, limits) = (Arc::clone(&self.room), Arc::clone(&self.inbox), *self.realms.limits());
        let (mut gone, mut closing) = (room.hub.gone(), self.realms.shared.closing.subscribe());
        let patience = Patience { stall: limits.stall, behind: limits.snapshots_behind };
        let until_ms = self.bearer.until_ms;
        let signs = Arc::clone(&self.signs);
        let names = (&*room.hub, &*inbox, self.id);
        let mut writer = Writer::new(sink, frames, names, (patience, limits.heartbeat), &signs);
        let outgoing = Outgoing { frames: frames_queue, acks: acks_queue };
        let writing = writer.run(outgoing);
        tokio::pin!(writing);
        let end = tokio::select! {
            end = &mut writing => return end,
            end = self.listen(stream, out) => end,
            () = expired(until_ms) => End::expired(),
            () = turned_true(&mut closing) => End::shutting_down(),
            () = turned_true(&mut gone) => End::shutting_down(),
        };
        // What was asked for before the end is still answered, if the client listens: what has been
        // accepted must not look as if it had been lost.
        if let End::Told(_) = end {
            let _ = tokio::time::timeout(FAREWELL, writing).await;
        }
        end
    }

    fn welcome(&self, epoch: &str) -> v1::Welcome {
        let (realm, limits) = (&self.room.realm, self.realms.limits());
        let bytes = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        v1::Welcome {
            version: VERSION,
            session: self.name.clone(),
            realm: realm.name.as_str().to_owned(),
            epoch: epoch.to_owned(),
            tick: realm.progress.borrow().tick,
            tick_ms: realm.world.tick_ms,
            role: self.claims.role.name().to_owned(),
            subject: self.claims.subject.as_str().to_owned(),
            heartbeat_s: u32::try_from(limits.heartbeat.as_secs().max(1)).unwrap_or(u32::MAX),
            max_frame_bytes: bytes(limits.frame_bytes),
            max_items: bytes(limits.items),
            max_subscriptions: limits.subscriptions,
            views: access::views_of(&self.claims, &realm.views.catalog()),
            sessions: self.room.sessions.load(Ordering::Relaxed),
            offer_again_s: u32::try_from(limits.offer_again.as_secs().max(1)).unwrap_or(u32::MAX),
        }
    }

    /// Reads until the session ends, and says why.
    async fn listen(&mut self, stream: &mut SplitStream<WebSocket>, out: Out) -> End {
        let silence = self.realms.limits().heartbeat.mul_f64(2.5);
        loop {
            let signs = self.signs.load(Ordering::Relaxed);
            let message = match tokio::time::timeout(silence, stream.next()).await {
                // It reads what was sent before the ping that it is to answer.
                Err(_) if self.signs.load(Ordering::Relaxed) != signs => continue,
                Err(_) => {
                    let reason = format!("nothing was heard for {} s", silence.as_secs_f32());
                    return End::because("silent", reason, true);
                }
                Ok(None) => return End::Gone,
                Ok(Some(Err(error))) => {
                    let refusal = bad_frame(&error, self.realms.limits().frame_bytes);
                    self.reject(None, &refusal);
                    out.error(&refusal, None).await;
                    return End::because(refusal.code, refusal.reason, true);
                }
                Ok(Some(Ok(message))) => message,
            };
            match self.hear(&message, &out).await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(refusal) => {
                    self.reject(None, &refusal);
                    out.error(&refusal, None).await;
                    self.bad_frames += 1;
                    if self.bad_frames > self.realms.limits().bad_frames {
                        let most = self.realms.limits().bad_frames;
                        let reason = format!("more than {most} frames were refused");
                        return End::because("too_many_errors", reason, false);
                    }
                }
            }
        }
    }

    async fn hear(&mut self, message: &Message, out: &Out) -> Result<Option<End>, Refusal> {
        let (most, now) = (self.realms.limits().frame_bytes, Instant::now());
        if now.duration_since(self.hints_since) >= Duration::from_secs(1) {
            (self.hints, self.hints_since) = (Hints::default(), now);
        }
        if !self.frames.admit(1, now) && !matches!(message, Message::Close(_)) {
            let reason = format!("more than {} frames in one second", self.frames.most);
            let refusal = refuse("rate_limited", "", reason, "put several events into one frame");
            return Err(later(refusal, self.frames.wait(now)));
        }
        if !matches!(message, Message::Close(_)) {
            self.realms.pay_frame(&self.claims, now)?;
        }
        match message {
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
            Message::Close(_) => return Ok(Some(End::Gone)),
            message if size(message) > most => return Err(too_large(most)),
            _ => {}
        }
        match (message, self.encoding) {
            (Message::Text(text), Encoding::Json) => match frames::from_json(text)? {
                Incoming::Publish { seq, events } => self.publish(seq, &events, out).await,
                Incoming::Other(frame) => self.act(frame, out).await,
            },
            (Message::Binary(bytes), Encoding::Protobuf) => match frames::from_protobuf(bytes)? {
                ClientFrame::Publish(publish) => {
                    let events: Vec<Proposed<'_>> = publish.events.iter().map(Proposed::from_proto).collect();
                    self.publish(publish.seq, &events, out).await
                }
                frame => self.act(frame, out).await,
            },
            _ => Err(frames::not_this_encoding(self.encoding)),
        }
    }

    fn reject(&self, id: Option<&EventId>, refusal: &Refusal) {
        if let Some(act) = Act::without_authority(refusal) {
            self.audit(act.by(&self.bearer).from(self.from));
        }
        self.room.realm.observed.reject(self.sender.source, id, refusal, wall_ms());
    }
}
