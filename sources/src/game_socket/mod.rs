//! The game socket: WebSocket sessions that publish events, write the world's state and follow views.
//!
//! A session sees its realm through admission, the view store and the hub; it never touches the graph,
//! and no session waits for another. What it may do follows from its token alone. The frames are
//! described in `proto/worldflow/v1/socket.proto` and `docs/wire.md`.

mod access;
#[cfg(test)]
mod documented;
mod frames;
mod hub;
mod inbox;
mod lists;
#[cfg(test)]
mod mutations;
mod pace;
mod seats;
mod session;
mod shown;
mod stream;
mod writer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::watch;
use tokio::time::Instant;
use worldflow_engine::admission::Refusal;
use worldflow_engine::realm::Realm;
use worldflow_schemas::Sym;

use self::frames::Encoding;
use self::hub::Hub;
use self::inbox::Bounds;
pub use self::lists::MOST_ITEMS;
use self::seats::Seats;
pub(crate) use self::seats::Subject;
use self::shown::Work;
use crate::allowance::{Allowances, later};
use crate::audit::Audit;
use crate::check::{Checker, quote, refuse};
use crate::http_guard::{Code, Payer, peer};
use crate::moderator::Moderator;
use crate::tokens::{Bearer, Claims, Role, Tokens, random_hex};

/// How much one session, and all together, may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions of all realms together.
    pub sessions: u32,
    /// As many of them are for game servers, whoever else is connected.
    pub kept_for_servers: u32,
    /// Sessions of one player.
    pub player_sessions: u32,
    /// Sessions of one game server, or one dashboard.
    pub subject_sessions: u32,
    /// Connections that came without a token and have not said hello yet.
    pub unnamed: u32,
    /// Views and event streams that one session follows.
    pub subscriptions: u32,
    /// The largest frame of a client.
    pub frame_bytes: usize,
    /// Events, writes or answers in one frame; at most [`MOST_ITEMS`].
    pub items: usize,
    /// The longest line of NDJSON.
    pub line_bytes: usize,
    /// Frames that are refused before a session ends.
    pub bad_frames: u32,
    /// Frames a second that a session may send; more are refused.
    pub frames_per_s: u32,
    /// As `frames_per_s`, of a game server, which speaks for many players.
    pub server_frames_per_s: u32,
    /// Items that are refused in a second before a frame with more of them counts as a refused frame.
    pub refused_per_s: u32,
    /// As `refused_per_s`, of a game server.
    pub server_refused_per_s: u32,
    /// Frames a second that all sessions of a token may send together; more are refused.
    pub token_frames_per_s: u32,
    /// As `token_frames_per_s`, of a game server's token.
    pub server_token_frames_per_s: u32,
    /// Events, writes and answers a second of all sessions and requests of a token together; more are refused, or a
    /// request is read more slowly.
    pub token_items_per_s: u32,
    /// As `token_items_per_s`, of a game server's token.
    pub server_token_items_per_s: u32,
    /// Requests of HTTP a second of a player's token; more are refused.
    pub token_requests_per_s: u32,
    /// As `token_requests_per_s`, of a game server's or a dashboard's token.
    pub server_token_requests_per_s: u32,
    /// Requests a second of one address without a good token.
    pub stranger_requests_per_s: u32,
    /// Bytes of changes, and as many of events, that may wait for one session before it gets a snapshot
    /// instead, or misses events.
    pub waiting_bytes: usize,
    /// What may wait for all sessions together; while more does, each that lags may have but 64 KiB.
    pub all_waiting_bytes: usize,
    /// A session lags whose client leaves what is sent unread for so long.
    pub lagging: Duration,
    /// Snapshots that a session may need in five minutes because it lags.
    pub snapshots_behind: usize,
    /// How long a grant may be unanswered before it is offered again.
    pub offer_again: Duration,
    /// How often a silent connection is asked whether it is still there; it ends after 2.5 times this.
    pub heartbeat: Duration,
    /// How long a client may take to say hello.
    pub hello: Duration,
    /// How long a client may leave a frame unread.
    pub stall: Duration,
    /// How long the next part of a posted body may take.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 20_000,
            kept_for_servers: 1_000,
            player_sessions: 8,
            subject_sessions: 1_000,
            unnamed: 1_000,
            subscriptions: 64,
            frame_bytes: 1 << 20,
            items: MOST_ITEMS,
            line_bytes: 64 << 10,
            bad_frames: 100,
            frames_per_s: 1_000,
            server_frames_per_s: 10_000,
            refused_per_s: 1_000,
            server_refused_per_s: 10_000,
            token_frames_per_s: 2_000,
            server_token_frames_per_s: 50_000,
            token_items_per_s: 5_000,
            server_token_items_per_s: 200_000,
            token_requests_per_s: 50,
            server_token_requests_per_s: 500,
            stranger_requests_per_s: 50,
            waiting_bytes: 4 << 20,
            all_waiting_bytes: 512 << 20,
            lagging: Duration::from_secs(1),
            snapshots_behind: 8,
            offer_again: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            hello: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            body: Duration::from_secs(10),
        }
    }
}

/// What "now" is for an event that does not say when it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Now {
    /// The machine's clock.
    #[default]
    Wall,
    /// As far as the realm has come: its clock is driven by hand.
    Realm,
}

/// What sockets have done, for those who look for work that can be saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WorkDone {
    /// Sessions woken because changes wait for them.
    pub wakes: u64,
    /// Changes handed to sessions.
    pub handed: u64,
    /// Rows written as bytes.
    pub encoded: u64,
    /// Rows hashed.
    pub hashed: u64,
    /// Frames put together.
    pub frames: u64,
    /// Writes to the system.
    pub writes: u64,
}

/// The realms that edges serve, and who may use them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Realms {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rooms: BTreeMap<&'static str, Arc<Room>>,
    tokens: Tokens,
    limits: Limits,
    now: Now,
    seats: Arc<Seats>,
    bounds: Bounds,
    work: Arc<Work>,
    /// Frames of each token.
    frames: Allowances<Subject>,
    /// Items of each token.
    items: Allowances<Subject>,
    requests: Allowances<Payer>,
    audit: OnceLock<Audit>,
    next_session: AtomicU64,
    closing: watch::Sender<bool>,
}

/// One realm as its sessions share it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) realm: Realm,
    pub(crate) checker: Checker,
    hub: Arc<Hub>,
    sessions: AtomicU32,
}

impl Realms {
    /// Serves these realms. Must be called within a tokio runtime.
    #[must_use]
    pub fn open(realms: impl IntoIterator<Item = Realm>, tokens: Tokens, limits: Limits, now: Now) -> Realms {
        let limits = Limits { items: limits.items.min(MOST_ITEMS), ..limits };
        let work: Arc<Work> = Arc::default();
        let rooms = realms.into_iter().map(|realm| {
            let checker = Checker::of(&realm);
            let hub = Hub::open(realm.clone(), &limits, Arc::clone(&work));
            (realm.name.as_str(), Arc::new(Room { realm, checker, hub, sessions: AtomicU32::new(0) }))
        });
        let rooms = rooms.collect();
        let (session, all) = (limits.waiting_bytes, limits.all_waiting_bytes);
        Realms {
            shared: Arc::new(Shared {
                rooms,
                tokens,
                limits,
                now,
                seats: Arc::new(Seats::new(limits)),
                bounds: Bounds { session, all, held: Arc::default(), lagging: limits.lagging },
                work,
                frames: Allowances::default(),
                items: Allowances::default(),
                requests: Allowances::default(),
                audit: OnceLock::new(),
                next_session: AtomicU64::new(0),
                closing: watch::channel(false).0,
            }),
        }
    }

    /// Ends every session with a goodbye and takes no new ones.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Writes down from now on who comes and goes. The first call counts.
    pub fn record_in(&self, audit: Audit) {
        let _is_set = self.shared.audit.set(audit);
    }

    /// Has this moderator judge what players say in a realm, where its world has somebody asked. Until then nothing that
    /// needs to be judged is taken. The first call counts.
    pub fn moderate_with(&self, realm: Sym, moderator: Moderator) {
        if let Some(room) = self.shared.rooms.get(realm.as_str()) {
            room.checker.moderate_with(moderator);
        }
    }

    pub(crate) fn audit(&self) -> &Audit {
        self.shared.audit.get_or_init(Audit::default)
    }

    pub(crate) fn requests(&self) -> &Allowances<Payer> {
        &self.shared.requests
    }

    /// Takes a frame from what all sessions of a token, also those that are over, may send.
    fn pay_frame(&self, claims: &Claims, now: Instant) -> Result<(), Refusal> {
        let limits = self.limits();
        let server = claims.role == Role::GameServer;
        let per_s = if server { limits.server_token_frames_per_s } else { limits.token_frames_per_s };
        self.shared.frames.take((*claims).into(), 1, per_s, now).map_err(|wait| {
            let reason = format!("more than {per_s} frames in one second from this token");
            later(refuse("rate_limited", "", reason, "put several events into one frame"), wait)
        })
    }

    /// Takes `count` items from what a token may send.
    pub(crate) fn pay(&self, claims: &Claims, count: usize) -> Result<(), Refusal> {
        let limits = self.limits();
        let server = claims.role == Role::GameServer;
        let per_s = if server { limits.server_token_items_per_s } else { limits.token_items_per_s };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.shared.items.take((*claims).into(), count, per_s, Instant::now()).map_err(|wait| {
            let reason = format!("more than {per_s} items in one second from this token");
            later(
                refuse("rate_limited", "", reason, "nothing of it was taken: send it again after that time"),
                wait,
            )
        })
    }

    /// How many are connected.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        self.shared.seats.len()
    }

    /// Bytes of what waits for sessions that have not read yet, as they are counted against the limits.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.shared.bounds.held.load(Ordering::Relaxed)
    }

    /// What all sessions have done since they were opened.
    #[must_use]
    pub fn work(&self) -> WorkDone {
        let work = &self.shared.work;
        let read = |of: &AtomicU64| of.load(Ordering::Relaxed);
        WorkDone {
            wakes: read(&work.wakes),
            handed: read(&work.handed),
            encoded: read(&work.encoded),
            hashed: read(&work.hashed),
            frames: read(&work.frames),
            writes: read(&work.flushes),
        }
    }

    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn now_ms(&self, realm: &Realm) -> i64 {
        match self.shared.now {
            Now::Wall => wall_ms(),
            Now::Realm => realm.progress.borrow().utc_ms,
        }
    }

    /// The realm of a token, which must be the one that the path names, if it names one.
    pub(crate) fn room(&self, claims: &Claims, path: Option<&str>) -> Result<Arc<Room>, Refusal> {
        if let Some(path) = path.filter(|path| *path != claims.realm.as_str()) {
            let reason = format!("the token is not for realm {}", quote(path));
            return Err(refuse("not_allowed", "realm", reason, "use /v1/socket, or a token of that realm"));
        }
        self.shared.rooms.get(claims.realm.as_str()).cloned().ok_or_else(|| {
            refuse("unknown_realm", "realm", "the token's realm does not run here", "ask the operator")
        })
    }

    /// The room that a path names, when it runs here: where a refused stranger is recorded.
    fn named_room(&self, path: Option<&str>) -> Option<Arc<Room>> {
        match path {
            Some(path) => self.shared.rooms.get(path).cloned(),
            None if self.shared.rooms.len() == 1 => self.shared.rooms.values().next().cloned(),
            None => None,
        }
    }

    /// Who a token names.
    pub(crate) fn bearer(&self, token: &str) -> Result<Bearer, Refusal> {
        self.shared.tokens.bearer(token).ok_or_else(|| {
            refuse(
                "unauthenticated",
                "token",
                "the token is not good",
                "pass it as `Authorization: Bearer`, as `?token=`, or in hello",
            )
        })
    }

    /// Records that somebody was turned away.
    pub(crate) fn turned_away(&self, path: Option<&str>, refusal: &Refusal) {
        if let Some(room) = self.named_room(path) {
            room.realm.observed.reject(Sym::new("unauthenticated"), None, refusal, wall_ms());
        }
    }
}

/// The socket and the HTTP ways in, to be merged into the server's router.
pub fn router(realms: Realms) -> Router {
    Router::new()
        .route("/v1/socket", get(upgrade))
        .route("/v1/realms/{realm}/socket", get(upgrade))
        .route("/v1/events", post(crate::http_events::publish))
        .route("/v1/realms/{realm}/events", post(crate::http_events::publish))
        .route("/v1/forget", post(crate::http_forget::forget))
        .route("/v1/realms/{realm}/forget", post(crate::http_forget::forget))
        .with_state(realms)
}

/// The realm in a request's path, when it has one.
pub(crate) type RealmPath = Option<Path<String>>;

/// The token of a request: `Authorization: Bearer`, or `?token=`.
pub fn request_token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    // Tokens are hexadecimal digits, so the query needs no unescaping.
    let query = || uri.query()?.split('&').find_map(|part| part.strip_prefix("token=")).map(str::to_owned);
    bearer.or_else(query)
}

/// A refusal as an HTTP answer, with the same error as on the socket.
pub(crate) fn refused(status: StatusCode, refusal: &Refusal) -> Response {
    let mut answer =
        (status, Json(serde_json::json!({ "error": frames::error(refusal, None) }))).into_response();
    if let Some(ms) = refusal.retry_after_ms {
        answer.headers_mut().insert(header::RETRY_AFTER, ms.div_ceil(1_000).into());
    }
    answer.extensions_mut().insert(Code(refusal.code));
    answer
}

/// How a connection came.
struct Came {
    /// The realm in its path.
    path: Option<String>,
    from: Option<SocketAddr>,
}

async fn upgrade(
    State(realms): State<Realms>,
    path: RealmPath,
    headers: HeaderMap,
    uri: Uri,
    request: axum::extract::Request,
) -> Response {
    let path = path.map(|Path(realm)| realm);
    let from = peer(request.extensions());
    let bearer = match request_token(&headers, &uri).map(|token| realms.bearer(&token)) {
        None => None,
        Some(Ok(bearer)) => Some(bearer),
        Some(Err(refusal)) => {
            realms.turned_away(path.as_deref(), &refusal);
            return refused(StatusCode::UNAUTHORIZED, &refusal);
        }
    };
    let claims = bearer.as_ref().map(|bearer| bearer.claims);
    if let Some(Err(refusal)) = claims.as_ref().map(|claims| realms.room(claims, path.as_deref())) {
        realms.turned_away(path.as_deref(), &refusal);
        return refused(StatusCode::FORBIDDEN, &refusal);
    }
    let seat = match realms.shared.seats.take(claims.as_ref()) {
        Ok(seat) => seat,
        Err(refusal) => {
            realms.turned_away(path.as_deref(), &refusal);
            return refused(StatusCode::SERVICE_UNAVAILABLE, &refusal);
        }
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let upgrade = upgrade.protocols(Encoding::ALL.map(Encoding::subprotocol));
    let selected = upgrade.selected_protocol().and_then(|chosen| chosen.to_str().ok());
    let encoding = Encoding::ALL.into_iter().find(|encoding| selected == Some(encoding.subprotocol()));
    let encoding = match encoding {
        Some(encoding) => encoding,
        None if upgrade.requested_protocols().next().is_none() => Encoding::Json,
        None => {
            let hint = "ask for the subprotocol worldflow.v1.json or worldflow.v1.proto";
            let refusal = refuse("unknown_subprotocol", "", "none of the subprotocols is spoken here", hint);
            return refused(StatusCode::BAD_REQUEST, &refusal);
        }
    };
    // A little above the limit, so that a frame just over it is answered and not cut off.
    let most = realms.limits().frame_bytes + (64 << 10);
    upgrade
        .max_message_size(most)
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_frame_size(most)
        .on_upgrade(move |socket| session::run(socket, realms, seat, Came { path, from }, bearer, encoding))
}

/// What is read at once of a connection. It is zeroed before each attempt to read, of which there is one whenever
/// a session wakes to write, so a large one costs more than all else that a session does.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// A name for a session that no other process of the realm has given.
fn session_name() -> String {
    random_hex::<8>().unwrap_or_else(|_| format!("{:016x}", wall_ms()))
}

/// UTC milliseconds of the machine's clock: an edge may look at it.
pub(crate) fn wall_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
