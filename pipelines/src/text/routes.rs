//! `GET /v1/text`: the texts of a realm in one language, for game servers that show them.
//!
//! The language is the parameter `locale`, or else the first of `Accept-Language` that the world has. What is shown is what
//! the realm's definitions say now, so an edit of a text is in the next answer; an answer that would be the same is 304.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use worldflow_sinks::http_views::{Authorize, HttpError, Scope};

use super::{Locale, Table, Texts};
use crate::edits::Editing;

struct Readers {
    editings: Vec<Editing>,
    authorize: Authorize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    realm: Option<String>,
    locale: Option<String>,
    /// Read with the rest of the request.
    #[serde(rename = "token")]
    _token: Option<String>,
}

#[derive(Serialize)]
struct Answer<'t> {
    realm: &'t str,
    source: &'t str,
    #[serde(flatten)]
    table: Table<'t>,
}

/// The route, for these realms; each token reads its own.
pub fn text_router(editings: Vec<Editing>, authorize: Authorize) -> Router {
    Router::new().route("/v1/text", get(text)).with_state(Arc::new(Readers { editings, authorize }))
}

async fn text(
    State(readers): State<Arc<Readers>>,
    headers: HeaderMap,
    uri: Uri,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, HttpError> {
    let scope = (readers.authorize)(&headers, &uri)?;
    let Query(asked) = asked.map_err(|rejection| {
        let hint = "parameters are `realm` and `locale`".to_owned();
        HttpError::bad_request("bad_query", rejection.body_text().to_lowercase(), hint)
    })?;
    let editing = readers.editing(scope, asked.realm.as_deref())?;
    let texts = editing.texts().await.ok_or_else(|| {
        let hint = "declare its languages in world.yaml: `text: {source: en, locales: [de]}`".to_owned();
        HttpError::not_found("no_texts", "this world declares no languages".to_owned(), hint)
    })?;
    let locale = language(&texts, asked.locale.as_deref(), &headers)?;
    let name = editing.realm().name;
    let answer = Answer { realm: name.as_str(), source: texts.source.name(), table: texts.table(&locale) };
    let body = serde_json::to_string(&answer).expect("texts are plain JSON");
    let etag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = known.flat_map(|value| value.split(',')).any(|value| value.trim() == etag);
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(body)) };
    let more = response.headers_mut();
    more.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    more.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    more.insert(VARY, HeaderValue::from_static("accept-language, authorization"));
    let header =
        |text: &str| HeaderValue::from_str(text).expect("hex digits and names of languages are ASCII");
    more.insert(ETAG, header(&etag));
    more.insert(CONTENT_LANGUAGE, header(locale.name()));
    Ok(response)
}

fn language(texts: &Texts, asked: Option<&str>, headers: &HeaderMap) -> Result<Locale, HttpError> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        return Ok(header.map_or_else(|| texts.source.clone(), |header| texts.accepted(header)));
    };
    Locale::parse(asked).ok_or_else(|| {
        let shown: String = asked.chars().take(40).collect();
        let hint = "name it as in `de`, `de-AT` or `zh-Hant`".to_owned();
        HttpError::bad_request("bad_locale", format!("`{shown}` is no language"), hint).at("locale")
    })
}

impl Readers {
    fn editing(&self, scope: Scope, wanted: Option<&str>) -> Result<&Editing, HttpError> {
        let mine = |editing: &&Editing| match scope {
            Scope::AllRealms => true,
            Scope::Realm(realm) => editing.realm().name == realm,
        };
        let asked = |editing: &&Editing| wanted.is_none_or(|wanted| editing.realm().name.as_str() == wanted);
        self.editings.iter().filter(mine).find(asked).ok_or_else(|| {
            let reason = "the realm does not run here, or is not this token's".to_owned();
            HttpError::not_found("unknown_realm", reason, "leave `realm` out for the token's own".to_owned())
        })
    }
}
