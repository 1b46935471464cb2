//! `POST /v1/forget`: makes what is personal of a player unreadable. The answer comes when it is.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use worldflow_engine::admission::{Item, Outcome, Refusal};
use worldflow_schemas::{Input, Tick};

use crate::audit;
use crate::check::{Sender, clip, refuse};
use crate::game_socket::{RealmPath, Realms, refused, request_token};
use crate::http_guard::peer;

/// The longest body, and how long it may take.
const MOST_BYTES: usize = 1_024;
const BODY: Duration = Duration::from_secs(10);

/// Who.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    player: String,
}

type Failed = (StatusCode, Refusal);

/// `POST /v1/forget` and `POST /v1/realms/{realm}/forget`.
pub(crate) async fn forget(
    State(realms): State<Realms>,
    path: RealmPath,
    headers: HeaderMap,
    uri: Uri,
    extensions: Extensions,
    body: Body,
) -> Response {
    let path = path.map(|Path(realm)| realm);
    match forgotten(&realms, path.as_deref(), (&headers, &uri), peer(&extensions), body).await {
        Ok((player, tick)) => Json(serde_json::json!({"player": player, "tick": tick})).into_response(),
        Err((status, refusal)) => {
            realms.turned_away(path.as_deref(), &refusal);
            refused(status, &refusal)
        }
    }
}

async fn forgotten(
    realms: &Realms,
    path: Option<&str>,
    (headers, uri): (&HeaderMap, &Uri),
    from: Option<SocketAddr>,
    body: Body,
) -> Result<(String, Tick), Failed> {
    let token = request_token(headers, uri).unwrap_or_default();
    let bearer = realms.bearer(&token).map_err(|refusal| (StatusCode::UNAUTHORIZED, refusal))?;
    let room = realms.room(&bearer.claims, path).map_err(|refusal| (StatusCode::FORBIDDEN, refusal))?;
    let bad = |reason: String| {
        let hint = "send for example {\"player\": \"ana\"}";
        (StatusCode::BAD_REQUEST, refuse("bad_body", "", reason, hint))
    };
    let Ok(Ok(body)) = tokio::time::timeout(BODY, to_bytes(body, MOST_BYTES)).await else {
        return Err(bad("the body does not end, or is too long".to_owned()));
    };
    let Forget { player } = serde_json::from_slice(&body).map_err(|error| bad(clip(&error.to_string())))?;
    let sender = Sender::bearer(&bearer.claims);
    let (id, command) =
        room.checker.forget(&player, &sender, realms.now_ms(&room.realm)).map_err(|refusal| {
            let status = match refusal.code {
                "not_allowed" => StatusCode::FORBIDDEN,
                "unknown_player" => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, refusal)
        })?;
    let items = vec![Item { id, input: Input::Command(command), most_per_s: None }];
    let outcomes = room.realm.admission.publish(sender.source, items).await.map_err(|closed| {
        let hint = "send it again; it may have been done";
        (StatusCode::SERVICE_UNAVAILABLE, refuse("shutting_down", "", closed.to_string(), hint))
    })?;
    match outcomes.into_iter().next() {
        Some(Outcome::Accepted { tick } | Outcome::Duplicate { tick }) => {
            realms.audit().write(audit::forgotten(&player, tick).by(&bearer).from(from));
            tracing::info!(realm = room.realm.name.as_str(), %player, tick, "a player has been forgotten");
            Ok((player, tick))
        }
        Some(Outcome::Refused(refusal)) => Err((StatusCode::CONFLICT, *refusal)),
        Some(Outcome::Denied(denied)) => Err((StatusCode::CONFLICT, denied.0)),
        None => {
            let refusal = refuse("shutting_down", "", "the realm has stopped", "send it again");
            Err((StatusCode::SERVICE_UNAVAILABLE, refusal))
        }
    }
}
