//! `POST /v1/plan` and `POST /v1/apply`: what would come of an edit, and the edit, of a running realm.
//!
//! Both check what they are sent as `worldflow check` does. A plan changes nothing; it is made beside the realm, one
//! at a time, within a time, and of realms that are not too large.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use worldflow_sinks::http_views::HttpError;
use worldflow_sources::audit::{Act, Audit};
use worldflow_sources::game_socket::request_token;
use worldflow_sources::tokens::{Bearer, Role, Tokens};

use super::{Applied, ApplyError, Difference, Editing, Files, Foresee, Plan, foresee};
use crate::world::LoadedWorld;

/// The longest body, and how long it may take.
const MOST_BYTES: usize = 64 << 20;
const BODY: Duration = Duration::from_secs(60);

/// How long a plan may take, and of how large a data folder it is made.
const FORESEEING: Duration = Duration::from_secs(120);
pub(crate) const MOST_FOLDER_BYTES: u64 = 2 << 30;

/// The most problems of a world that an answer lists.
const MOST_PROBLEMS: usize = 50;

/// A realm that can be edited.
pub struct Editable {
    /// Its definitions.
    pub editing: Editing,
    /// Its data folder.
    pub folder: PathBuf,
}

struct Edits {
    realms: Vec<Editable>,
    tokens: Tokens,
    audit: Audit,
    /// One plan at a time: it takes as much memory as the realm.
    planning: Semaphore,
}

/// A new world.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// The revision that it was planned for; needed to apply it.
    revision: Option<u64>,
    #[serde(default)]
    source_revision: String,
    files: Files,
}

/// The routes, for these realms; each token edits its own.
pub fn edit_router(realms: Vec<Editable>, tokens: Tokens, audit: Audit) -> Router {
    let edits = Edits { realms, tokens, audit, planning: Semaphore::new(1) };
    Router::new().route("/v1/plan", post(plan)).route("/v1/apply", post(apply)).with_state(Arc::new(edits))
}

async fn plan(
    State(edits): State<Arc<Edits>>,
    headers: HeaderMap,
    uri: Uri,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    body: Body,
) -> Result<Response, HttpError> {
    let (bearer, realm) = edits.editor(&headers, &uri)?;
    let edit = edit(body).await?;
    let Ok(_one) = edits.planning.try_acquire() else {
        let reason = "another plan is being made".to_owned();
        return Err(error(StatusCode::TOO_MANY_REQUESTS, "busy", reason, "send it again in a while"));
    };
    let (revision, old) = realm.editing.now().await;
    let new = checked(edit.files, &edit.source_revision, &old).await?;
    let difference = Difference::of(&old, &new);
    let consequences = consequences(realm, &old, &new, &difference).await;
    let name = realm.editing.realm().name;
    let from = from.map(|Extension(ConnectInfo(address))| address);
    let act = Act::new("edit_planned").by(&bearer).from(from);
    edits.audit.write(act.with("revision", revision).with("definitions", difference.definitions.len()));
    let mut plan = Plan::new(name.as_str(), revision, difference, consequences);
    plan.source_revision = edit.source_revision;
    Ok(Json(plan).into_response())
}

/// What would come of it, or why that is not said.
async fn consequences(
    realm: &Editable,
    old: &LoadedWorld,
    new: &LoadedWorld,
    difference: &Difference,
) -> Result<super::Consequences, String> {
    if !difference.fixed.is_empty() {
        return Err("it changes what is fixed while a realm runs".to_owned());
    }
    let folder = realm.folder.clone();
    let bytes = tokio::task::spawn_blocking(move || size(&folder)).await.unwrap_or(u64::MAX);
    if bytes > MOST_FOLDER_BYTES {
        let most = MOST_FOLDER_BYTES >> 20;
        return Err(format!(
            "the data folder has more than {most} MiB: plan with --data on a copy of it, on another machine"
        ));
    }
    let running = realm.editing.realm();
    let progress = *running.progress.borrow();
    let until_ms = Some(progress.utc_ms);
    let of = Foresee { realm: running.name, folder: realm.folder.clone(), workers: 1, until_ms };
    match tokio::time::timeout(FORESEEING, foresee(&of, old, new, difference)).await {
        Ok(foreseen) => foreseen.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it takes longer than {} s", FORESEEING.as_secs())),
    }
}

/// The bytes of a folder.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

async fn apply(
    State(edits): State<Arc<Edits>>,
    headers: HeaderMap,
    uri: Uri,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    body: Body,
) -> Result<Response, HttpError> {
    let (bearer, realm) = edits.editor(&headers, &uri)?;
    let edit = edit(body).await?;
    let Some(revision) = edit.revision else {
        let reason = "it does not say for which revision it was planned".to_owned();
        let hint = "send what `worldflow plan` has made".to_owned();
        return Err(HttpError::bad_request("missing_revision", reason, hint).at("revision"));
    };
    let (_, old) = realm.editing.now().await;
    let new = checked(edit.files, &edit.source_revision, &old).await?;
    let author = bearer.claims.subject.as_str();
    let applied = realm.editing.apply(new, author, Some(revision)).await;
    let from = from.map(|Extension(ConnectInfo(address))| address);
    match applied {
        Ok(Applied { revision, tick, edits: count }) => {
            let act = Act::new("definitions_edited").by(&bearer).from(from).with("revision", revision);
            let act = act.with("definitions", count).with("source_revision", edit.source_revision.as_str());
            edits.audit.write(act);
            Ok(Json(json!({"revision": revision, "tick": tick, "definitions": count})).into_response())
        }
        Err(refused) => {
            edits.audit.write(Act::new("edit_refused").by(&bearer).from(from).code(refused.code()));
            let status = match refused {
                ApplyError::Moved { .. } | ApplyError::Fixed(_) | ApplyError::Refused(_) => {
                    StatusCode::CONFLICT
                }
                ApplyError::TooLong => StatusCode::BAD_REQUEST,
                ApplyError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            };
            Err(error(status, refused.code(), refused.to_string(), refused.hint()))
        }
    }
}

fn error(status: StatusCode, code: &'static str, reason: String, hint: &str) -> HttpError {
    HttpError { status, code, path: String::new(), reason, hint: hint.to_owned() }
}

impl Edits {
    /// Who asks, and the realm that the token edits.
    fn editor(&self, headers: &HeaderMap, uri: &Uri) -> Result<(Bearer, &Editable), HttpError> {
        let bearer = request_token(headers, uri).and_then(|token| self.tokens.bearer(&token));
        let bearer = bearer.ok_or_else(HttpError::unauthenticated)?;
        if bearer.claims.role != Role::Designer {
            let reason = format!("a {}'s token does not edit definitions", bearer.claims.role.name());
            return Err(HttpError::forbidden(reason, "use a designer's token".to_owned()));
        }
        let realm = self.realms.iter().find(|realm| realm.editing.realm().name == bearer.claims.realm);
        let realm = realm.ok_or_else(|| {
            let reason = "the token's realm does not run here".to_owned();
            HttpError::not_found("unknown_realm", reason, "ask the operator".to_owned())
        })?;
        Ok((bearer, realm))
    }
}

async fn edit(body: Body) -> Result<Edit, HttpError> {
    let bad = |reason: String| {
        let hint = r#"send {"revision": 3, "files": {"world.yaml": "...", ...}}, as `worldflow plan` and `apply` do"#;
        HttpError::bad_request("bad_body", reason, hint.to_owned())
    };
    let Ok(Ok(body)) = tokio::time::timeout(BODY, to_bytes(body, MOST_BYTES)).await else {
        return Err(bad("the body does not end, or is too long".to_owned()));
    };
    serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))
}

/// The world of these files, if it has no error.
async fn checked(files: Files, source_revision: &str, old: &LoadedWorld) -> Result<LoadedWorld, HttpError> {
    let hint = "run `worldflow check` on the folder".to_owned();
    // Sources name files relative to the folder, and those of a running realm are fixed.
    let folder = files
        .folder(old.path.clone())
        .map_err(|error| HttpError::bad_request("bad_world", error.to_string(), hint.clone()))?;
    let loaded = tokio::task::spawn_blocking(move || LoadedWorld::load(&folder)).await;
    let mut world = match loaded {
        Ok(Ok(world)) => world,
        Ok(Err(error)) => {
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().collect();
            let most = MOST_PROBLEMS.min(lines.len());
            return Err(HttpError::bad_request("bad_world", lines[..most].join("\n"), hint));
        }
        Err(_) => {
            let reason = "it could not be checked".to_owned();
            return Err(HttpError::unavailable(
                "internal",
                reason,
                "tell whoever runs the server".to_owned(),
            ));
        }
    };
    world.source_revision = source_revision.to_owned();
    Ok(world.served_as(old))
}
