//! `GET /v1/explain`: why a quest or an arc of a running realm stands where it stands, and who is stuck on a quest.
//!
//! Beside the realm, from its data folder, one at a time, within a time, and of folders that are not too large.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Semaphore;
use worldflow_schemas::Sym;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_sinks::http_views::HttpError;
use worldflow_sources::game_socket::request_token;
use worldflow_sources::tokens::{Role, Tokens};

use super::arc::hint_of_arc;
use super::{
    EVENTS, Explain, ExplainError, MOST_EVENTS, When, Who, explain, explain_arc, hint_of_quest, stuck,
};
use crate::edits::{Editing, MOST_FOLDER_BYTES, size};

/// How long it may take.
const EXPLAINING: Duration = Duration::from_secs(120);

/// A realm whose quests are explained.
pub struct Explained {
    /// The realm, and what it is defined by.
    pub editing: Editing,
    /// Its data folder.
    pub folder: PathBuf,
}

struct Asked {
    realms: Vec<Explained>,
    tokens: Tokens,
    /// One at a time: it takes as much memory as the realm.
    explaining: Semaphore,
}

/// The route, for these realms; each token asks about its own.
pub fn explain_router(realms: Vec<Explained>, tokens: Tokens) -> Router {
    let asked = Asked { realms, tokens, explaining: Semaphore::new(1) };
    Router::new().route("/v1/explain", get(answer)).with_state(Arc::new(asked))
}

/// What a request asks for.
#[derive(Default)]
struct Request {
    realm: Option<String>,
    who: Option<Who>,
    quest: Option<String>,
    arc: Option<String>,
    at: Option<When>,
    events: Option<usize>,
    stuck: bool,
}

async fn answer(
    State(asked): State<Arc<Asked>>,
    headers: HeaderMap,
    uri: Uri,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, HttpError> {
    let claims = request_token(&headers, &uri).and_then(|token| asked.tokens.claims(&token));
    let claims = claims.ok_or_else(HttpError::unauthenticated)?;
    if claims.role == Role::Player {
        return Err(HttpError::forbidden(
            "a player's token does not have quests explained: a copy of the realm is rebuilt for it"
                .to_owned(),
            "use a game server's, a dashboard's or a designer's token".to_owned(),
        ));
    }
    let Query(query) = query.map_err(|rejection| {
        let hint = "send for example `?player=ann&quest=lost_flock`".to_owned();
        HttpError::bad_request("bad_query", rejection.body_text().to_lowercase(), hint)
    })?;
    let request = Request::parse(&query)?;
    let of = asked.realms.iter().find(|of| of.editing.realm().name == claims.realm);
    let known = request.realm.as_deref().is_none_or(|realm| realm == claims.realm.as_str());
    let of = of.filter(|_| known).ok_or_else(|| {
        let reason = "the realm does not run here, or is not the token's".to_owned();
        HttpError::not_found("unknown_realm", reason, "leave out `realm`".to_owned()).at("realm")
    })?;
    let Ok(_one) = asked.explaining.try_acquire() else {
        let (code, hint) = ("busy", "send it again in a while".to_owned());
        let reason = "another quest is being explained".to_owned();
        return Err(HttpError {
            status: StatusCode::TOO_MANY_REQUESTS,
            code,
            path: String::new(),
            reason,
            hint,
        });
    };
    let folder = of.folder.clone();
    let bytes = tokio::task::spawn_blocking(move || size(&folder)).await.unwrap_or(u64::MAX);
    if bytes > MOST_FOLDER_BYTES {
        let reason = format!("the data folder has more than {} MiB", MOST_FOLDER_BYTES >> 20);
        let hint = "run `worldflow explain --data` on a copy of it, on another machine".to_owned();
        return Err(HttpError::unavailable("too_large", reason, hint));
    }
    match tokio::time::timeout(EXPLAINING, request.explained(of)).await {
        Ok(answer) => answer,
        Err(_) => {
            let reason = format!("it takes longer than {} s", EXPLAINING.as_secs());
            let hint = "run `worldflow explain --data` on a copy of the data folder".to_owned();
            Err(HttpError::unavailable("too_slow", reason, hint))
        }
    }
}

impl Request {
    fn parse(query: &[(String, String)]) -> Result<Request, HttpError> {
        let bad = |name: &str, reason: String, hint: &str| {
            HttpError::bad_request("bad_query", reason, hint.to_owned()).at(name)
        };
        let mut request = Request::default();
        for (name, text) in query {
            // Whoever was ever heard of has an id; nobody else is given one.
            let id = |text: &str| {
                let hint = "name one as the world does".to_owned();
                let unknown =
                    || HttpError::not_found("unknown_id", format!("nothing is called `{text}`"), hint);
                Sym::find(text).filter(|sym| !sym.is_none()).ok_or_else(|| unknown().at(name))
            };
            match name.as_str() {
                "token" => {}
                "realm" => request.realm = Some(text.clone()),
                "quest" => request.quest = Some(text.clone()),
                "arc" => request.arc = Some(text.clone()),
                "player" => request.who = Some(Who::Player(id(text)?)),
                "holder" => {
                    let hint = "write for example `holder=guild:keepers`";
                    let wrong = || bad(name, format!("`{text}` is no holder"), hint);
                    let (scope, of) = text.split_once(':').ok_or_else(wrong)?;
                    let scope = Scope::ALL.into_iter().find(|known| known.name() == scope);
                    let scope = scope.filter(|_| !of.is_empty()).ok_or_else(wrong)?;
                    request.who = Some(Who::Holder(Holder { scope, id: id(of)? }));
                }
                "at" => {
                    request.at = Some(
                        text.parse()
                            .map_err(|reason| bad(name, reason, "write a moment as RFC 3339, or a tick"))?,
                    )
                }
                "events" => {
                    let events = text.parse().ok().filter(|events| *events <= MOST_EVENTS);
                    let reason = || format!("`{text}` is not a number up to {MOST_EVENTS}");
                    request.events = Some(events.ok_or_else(|| bad(name, reason(), "leave it out"))?);
                }
                "stuck" => {
                    request.stuck = match text.as_str() {
                        "true" | "1" | "" => true,
                        "false" | "0" => false,
                        _ => {
                            let reason = format!("`{text}` is neither true nor false");
                            return Err(bad(name, reason, "write `stuck=true`"));
                        }
                    }
                }
                _ => {
                    let hint =
                        "there are `player`, `holder`, `quest`, `arc`, `at`, `events`, `stuck` and `realm`";
                    return Err(bad(name, format!("`{name}` is no parameter of this address"), hint));
                }
            }
        }
        Ok(request)
    }

    async fn explained(self, of: &Explained) -> Result<Response, HttpError> {
        let needed = |name: &str| {
            let hint = "send for example `?player=ann&quest=lost_flock`, or `?quest=lost_flock&stuck=true`";
            HttpError::bad_request("missing_parameter", format!("`{name}` is missing"), hint.to_owned())
                .at(name)
        };
        let realm = of.editing.realm();
        let arc = self.arc.filter(|arc| !arc.is_empty() && !self.stuck);
        let is_arc = arc.is_some();
        let named = arc.or(self.quest).filter(|named| !named.is_empty());
        let Some(quest) = named else { return Err(needed("quest")) };
        let who = match (self.who, self.stuck) {
            (Some(who), false) => who,
            (_, true) => Who::Holder(Holder { scope: Scope::Realm, id: realm.name }),
            (None, false) => return Err(needed("player")),
        };
        let Some(quest) = Sym::find(&quest) else {
            // Nothing was ever called so, and it is given no id.
            let (_, world) = of.editing.now().await;
            if is_arc {
                let hint = hint_of_arc(&quest, world.arcs.keys().map(String::as_str));
                return Err(
                    HttpError::not_found("unknown_arc", format!("there is no arc `{quest}`"), hint).at("arc")
                );
            }
            let hint = hint_of_quest(&quest, world.quests.keys().map(String::as_str));
            let reason = format!("there is no quest `{quest}`");
            return Err(HttpError::not_found("unknown_quest", reason, hint).at("quest"));
        };
        // What is not published yet may not be in the folder.
        let progress = *realm.progress.borrow();
        let explain_of = Explain {
            realm: realm.name,
            folder: of.folder.clone(),
            who,
            quest,
            at: self.at,
            known_ms: Some(progress.utc_ms),
            events: self.events.unwrap_or(EVENTS),
        };
        let answer = if is_arc {
            Json(explain_arc(&explain_of).await.map_err(refused)?).into_response()
        } else if self.stuck {
            Json(stuck(&explain_of).await.map_err(refused)?).into_response()
        } else {
            Json(explain(&explain_of).await.map_err(refused)?).into_response()
        };
        Ok(answer)
    }
}

fn refused(error: ExplainError) -> HttpError {
    let text = error.to_string();
    let (reason, hint) = text.split_once("\nhint: ").unwrap_or((&text, "ask the operator"));
    let (reason, hint) = (reason.to_owned(), hint.to_owned());
    match error {
        ExplainError::UnknownQuest { .. } => HttpError::not_found("unknown_quest", reason, hint).at("quest"),
        ExplainError::UnknownArc { .. } => HttpError::not_found("unknown_arc", reason, hint).at("arc"),
        ExplainError::TooEarly { .. } => HttpError::bad_request("too_early", reason, hint).at("at"),
        ExplainError::OtherScope { .. } => HttpError::bad_request("other_scope", reason, hint).at("holder"),
        ExplainError::Open(_) | ExplainError::Unseen(_) => HttpError::unavailable("no_past", reason, hint),
    }
}
