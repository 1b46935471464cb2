//! `GET /v1/realms/{realm}/lore?q=&npc=&k=`: searches the lore of a realm.
//!
//! Whoever may read whole views may ask; a player may not. With `npc` only what that NPC knows is found.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use super::search::{Found, MOST_FOUND, MOST_QUESTION_BYTES, Question, Searcher};
use crate::http_views::{Authorize, HttpError, Scope};

/// How many chunks are found when nobody says it.
const USUALLY_FOUND: usize = 5;

struct Asked {
    realms: Vec<Searcher>,
    authorize: Authorize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    q: String,
    npc: Option<String>,
    k: Option<usize>,
    /// Read with the rest of the request.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// The route, for the lore of these realms; each token searches its own.
pub fn lore_router(realms: Vec<Searcher>, authorize: Authorize) -> Router {
    Router::new()
        .route("/v1/realms/{realm}/lore", get(answer))
        .with_state(Arc::new(Asked { realms, authorize }))
}

async fn answer(
    State(asked): State<Arc<Asked>>,
    Path(realm): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, HttpError> {
    let scope = (asked.authorize)(&headers, &uri)?;
    let mine = |searcher: &&Searcher| match scope {
        Scope::AllRealms => true,
        Scope::Realm(own) => searcher.realm().name == own,
    };
    let searcher = asked.realms.iter().filter(mine).find(|searcher| searcher.realm().name.as_str() == realm);
    let searcher = searcher.ok_or_else(|| {
        let reason = "the realm does not run here, or is not this token's".to_owned();
        HttpError::not_found("unknown_realm", reason, "name the realm of the token".to_owned()).at("realm")
    })?;
    let Query(Parameters { q, npc, k, .. }) = parameters.map_err(|rejection| {
        let hint = "parameters are `q`, `npc` and `k`, percent-encoded".to_owned();
        HttpError::bad_request("bad_query", rejection.body_text().to_lowercase(), hint)
    })?;
    if q.trim().is_empty() || q.len() > MOST_QUESTION_BYTES {
        let hint = format!("ask in 1 to {MOST_QUESTION_BYTES} bytes");
        return Err(HttpError::bad_request("bad_value", "`q` is no question".to_owned(), hint).at("q"));
    }
    let k = k.unwrap_or(USUALLY_FOUND);
    if !(1..=MOST_FOUND).contains(&k) {
        let hint = format!("1 to {MOST_FOUND}");
        return Err(HttpError::bad_request("bad_value", format!("`k` is {k}"), hint).at("k"));
    }
    let found = searcher.search(&Question { npc, text: q, k }).await;
    let mut json = found_json(&found);
    json["realm"] = realm.into();
    Ok(Json(json).into_response())
}

/// What was found, as JSON.
fn found_json(found: &Found) -> JsonValue {
    let hits: Vec<JsonValue> = found.hits.iter().map(super::hit_json).collect();
    json!({"tick": found.tick, "ranking": found.ranking.name(), "why": found.why, "hits": hits})
}
