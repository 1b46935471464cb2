//! `POST /v1/clock/advance`: moves time by hand, for a studio's tests.
//!
//! The route exists only in a server that was started with `--manual-clock`; elsewhere the address
//! is unknown. One call moves all the ticks it asks for and answers when they are published.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use worldflow_engine::realm::Realm;
use worldflow_engine::runtime::Driver;
use worldflow_schemas::tick::TickLength;
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
}

/// The route, for these realms; each token moves its own.
pub fn advance_router(realms: Vec<(Realm, Driver)>, tokens: Tokens) -> Router {
    Router::new().route("/v1/clock/advance", post(advance)).with_state(Arc::new(Drivers { realms, tokens }))
}

fn refused(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    (status, Json(json!({"code": code, "message": message, "hint": hint}))).into_response()
}

async fn advance(State(drivers): State<Arc<Drivers>>, headers: HeaderMap, uri: Uri, body: Body) -> Response {
    let claims = request_token(&headers, &uri).and_then(|token| drivers.tokens.claims(&token));
    let Some(claims) = claims else {
        return refused(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "a token is needed",
            "pass it as `Authorization: Bearer`",
        );
    };
    if claims.role != Role::GameServer {
        return refused(
            StatusCode::FORBIDDEN,
            "not_allowed",
            "only a game server moves time",
            "use a game server's token",
        );
    }
    let Some((realm, driver)) = drivers.realms.iter().find(|(realm, _)| realm.name == claims.realm) else {
        return refused(
            StatusCode::NOT_FOUND,
            "unknown_realm",
            "the token's realm does not run here",
            "ask the operator",
        );
    };
    let Ok(Ok(body)) = tokio::time::timeout(BODY, to_bytes(body, MOST_BYTES)).await else {
        let message = "the body does not end, or is too long";
        return refused(
            StatusCode::REQUEST_TIMEOUT,
            "bad_body",
            message,
            r#"send for example {"ms": 60000}"#,
        );
    };
    let length = TickLength { tick_ms: realm.world.tick_ms };
    let ticks = match serde_json::from_slice::<Move>(&body) {
        Ok(Move { ticks: Some(ticks), ms: None }) => ticks,
        Ok(Move { ticks: None, ms: Some(ms) }) => length.ticks(ms),
        Ok(_) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "bad_move",
                "give either ticks or ms",
                r#"for example {"ms": 60000}"#,
            );
        }
        Err(error) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "bad_move",
                &error.to_string(),
                r#"for example {"ms": 60000}"#,
            );
        }
    };
    if ticks == 0 || ticks > length.ticks(MOST_MS) {
        return refused(
            StatusCode::BAD_REQUEST,
            "bad_move",
            "time moves by at least a tick and at most a week",
            "call again for more",
        );
    }
    match driver.advance(ticks).await {
        Ok(tick) => Json(json!({"tick": tick, "utc_ms": length.utc_ms(tick)})).into_response(),
        Err(stopped) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, "stopped", &stopped.to_string(), "start it again")
        }
    }
}
