//! `POST /v1/clock/advance`: moves time by hand, for a studio's tests.
//!
//! The route exists only in a server that was started with `--manual-clock`; elsewhere the address
//! is unknown. One call moves all the ticks it asks for and answers when they are published.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;
use worldflow_engine::realm::Realm;
use worldflow_engine::runtime::Driver;
use worldflow_schemas::tick::TickLength;
use worldflow_sinks::http_views::HttpError;
use worldflow_sources::audit::{Act, Audit};
use worldflow_sources::game_socket::request_token;
use worldflow_sources::tokens::{Role, Tokens};

/// The longest move of one call: a week.
const MOST_MS: u64 = 7 * 86_400_000;

/// The longest body, and how long it may take.
const MOST_BYTES: usize = 1_024;
const BODY: Duration = Duration::from_secs(10);

/// By how much time is moved: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    ticks: Option<u64>,
    ms: Option<u64>,
}

struct Drivers {
    realms: Vec<(Realm, Driver)>,
    tokens: Tokens,
    audit: Audit,
}

/// The route, for these realms; each token moves its own.
pub fn advance_router(realms: Vec<(Realm, Driver)>, tokens: Tokens, audit: Audit) -> Router {
    let drivers = Drivers { realms, tokens, audit };
    Router::new().route("/v1/clock/advance", post(advance)).with_state(Arc::new(drivers))
}

async fn advance(
    State(drivers): State<Arc<Drivers>>,
    headers: HeaderMap,
    uri: Uri,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    body: Body,
) -> Result<Response, HttpError> {
    let bearer = request_token(&headers, &uri).and_then(|token| drivers.tokens.bearer(&token));
    let bearer = bearer.ok_or_else(HttpError::unauthenticated)?;
    let claims = bearer.claims;
    if claims.role != Role::GameServer {
        return Err(HttpError::forbidden(
            "only a game server moves time".to_owned(),
            "use a game server's token".to_owned(),
        ));
    }
    let Some((realm, driver)) = drivers.realms.iter().find(|(realm, _)| realm.name == claims.realm) else {
        let reason = "the token's realm does not run here".to_owned();
        return Err(HttpError::not_found("unknown_realm", reason, "ask the operator".to_owned()));
    };
    let Ok(Ok(body)) = tokio::time::timeout(BODY, to_bytes(body, MOST_BYTES)).await else {
        let reason = "the body does not end, or is too long".to_owned();
        return Err(HttpError::bad_request(
            "bad_body",
            reason,
            r#"send for example {"ms": 60000}"#.to_owned(),
        ));
    };
    let length = TickLength { tick_ms: realm.world.tick_ms };
    let ticks = ticks(&body, length).map_err(|(reason, hint)| {
        let hint = hint.to_owned();
        HttpError::bad_request("bad_move", reason, hint)
    })?;
    match driver.advance(ticks).await {
        Ok(tick) => {
            let from = from.map(|Extension(ConnectInfo(address))| address);
            drivers.audit.write(Act::new("clock_advanced").by(&bearer).from(from).with("ticks", ticks));
            Ok(Json(json!({"tick": tick, "utc_ms": length.utc_ms(tick)})).into_response())
        }
        Err(stopped) => {
            Err(HttpError::unavailable("stopped", stopped.to_string(), "start it again".to_owned()))
        }
    }
}

/// The ticks that a body asks for; otherwise what is wrong with it, and what to do.
fn ticks(body: &[u8], length: TickLength) -> Result<u64, (String, &'static str)> {
    const FORM: &str = r#"for example {"ms": 60000}"#;
    let ticks = match serde_json::from_slice::<Move>(body) {
        Ok(Move { ticks: Some(ticks), ms: None }) => ticks,
        Ok(Move { ticks: None, ms: Some(ms) }) => length.ticks(ms),
        Ok(_) => return Err(("give either ticks or ms".to_owned(), FORM)),
        Err(error) => return Err((error.to_string(), FORM)),
    };
    if ticks == 0 || ticks > length.ticks(MOST_MS) {
        let reason = "time moves by at least a tick and at most a week".to_owned();
        return Err((reason, "call again for more"));
    }
    Ok(ticks)
}
