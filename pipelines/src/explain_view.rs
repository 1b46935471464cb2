//! `GET /v1/explain-view`: how views in SQL of a running realm are computed, and how much is kept for them.
//!
//! The plan is made anew from the realm's definitions; how much is kept is what the operators of its workers said last. Nothing
//! of the graph waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use worldflow_operators::sql::{KeptFor, Sizes, explain_kept, world_relations};
use worldflow_sinks::http_views::{Authorize, HttpError, Scope};

use crate::edits::Editing;
use crate::world::{LoadedWorld, did_you_mean};

/// The most names of views that are said.
const MOST_NAMES: usize = 20;

/// How much is kept for the views of a realm, on each of its workers. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct ViewSizes(Arc<Mutex<Vec<Sizes>>>);

impl ViewSizes {
    /// A worker's; those of a graph that is no more go.
    pub(crate) fn add(&self, sizes: Sizes) {
        let mut workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| !worker.is_over());
        workers.push(sizes);
    }

    fn workers(&self) -> Vec<Sizes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A realm whose views are explained.
pub struct Measured {
    /// Its definitions.
    pub editing: Editing,
    /// How much is kept.
    pub sizes: ViewSizes,
}

/// The views of a running realm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExplainedViews {
    /// The realm.
    pub realm: String,
    /// The last tick that has been published.
    pub tick: u64,
    /// The views that were asked for, by name.
    pub views: Vec<ExplainedView>,
}

/// How a view is computed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExplainedView {
    /// Its name.
    pub name: String,
    /// Its columns, its plan, and what is kept, for people.
    pub text: String,
    /// What is kept, and how much.
    pub kept: Vec<KeptFor>,
}

struct Readers {
    realms: Vec<Measured>,
    authorize: Authorize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    realm: Option<String>,
    view: Option<String>,
    /// Read with the rest of the request.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// The route, for these realms; each token reads its own.
pub fn explain_view_router(realms: Vec<Measured>, authorize: Authorize) -> Router {
    let readers = Arc::new(Readers { realms, authorize });
    Router::new().route("/v1/explain-view", get(answer)).with_state(readers)
}

async fn answer(
    State(readers): State<Arc<Readers>>,
    headers: HeaderMap,
    uri: Uri,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<ExplainedViews>, HttpError> {
    let scope = (readers.authorize)(&headers, &uri)?;
    let Query(asked) = asked.map_err(|rejection| {
        let hint = "parameters are `realm` and `view`".to_owned();
        HttpError::bad_request("bad_query", rejection.body_text().to_lowercase(), hint)
    })?;
    let of = readers.realm(scope, asked.realm.as_deref())?;
    let (_, world) = of.editing.now().await;
    let workers = of.sizes.workers();
    // A plan of many views takes a while.
    let explained = tokio::task::spawn_blocking(move || explained(&world, asked.view.as_deref(), &workers));
    let views = explained.await.unwrap_or_else(|_| {
        let reason = "the views could not be planned".to_owned();
        Err(HttpError::unavailable("internal", reason, "tell whoever runs the server".to_owned()))
    })?;
    let realm = of.editing.realm();
    let tick = realm.progress.borrow().tick;
    Ok(Json(ExplainedViews { realm: realm.name.as_str().to_owned(), tick, views }))
}

/// That no view in SQL of these has this name, and which there are.
pub(crate) fn none_of<'a>(wanted: Option<&str>, views: impl Iterator<Item = &'a str>) -> (String, String) {
    let views: Vec<&str> = views.collect();
    let message = match wanted {
        Some(wanted) => format!("there is no view `{wanted}` in SQL that can run"),
        None => "there is no view in SQL that can run".to_owned(),
    };
    let near = wanted.and_then(|wanted| did_you_mean(wanted, views.iter().copied()));
    let shown: Vec<String> = views.iter().take(MOST_NAMES).map(|view| format!("`{view}`")).collect();
    let hint = match (near, shown.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "views stand in views/*.sql; `worldflow check` says what is wrong with them".to_owned(),
        (None, shown) if shown.len() < views.len() => format!("there are {}, and others", shown.join(", ")),
        (None, shown) => format!("views in SQL: {}", shown.join(", ")),
    };
    (message, hint)
}

/// The views of a world that run, or one of them.
fn explained(
    world: &LoadedWorld,
    wanted: Option<&str>,
    workers: &[Sizes],
) -> Result<Vec<ExplainedView>, HttpError> {
    let relations = world_relations(&world.world.kinds);
    let views = world.planned_views();
    if let Some(wanted) = wanted.filter(|wanted| views.iter().all(|view| view.name != *wanted)) {
        let (reason, hint) = none_of(Some(wanted), views.iter().map(|view| view.name.as_str()));
        return Err(HttpError::not_found("unknown_view", reason, hint).at("view"));
    }
    let chosen = views.iter().filter(|view| wanted.is_none_or(|wanted| view.name == wanted));
    let explained = chosen.map(|view| {
        let (text, kept) = explain_kept(view, &relations, workers);
        ExplainedView { name: view.name.clone(), text, kept }
    });
    Ok(explained.collect())
}

impl Readers {
    fn realm(&self, scope: Scope, wanted: Option<&str>) -> Result<&Measured, HttpError> {
        let mine = |of: &&Measured| match scope {
            Scope::AllRealms => true,
            Scope::Realm(realm) => of.editing.realm().name == realm,
        };
        let asked = |of: &&Measured| wanted.is_none_or(|name| of.editing.realm().name.as_str() == name);
        self.realms.iter().filter(mine).find(asked).ok_or_else(|| {
            let reason = "the realm does not run here, or is not this token's".to_owned();
            HttpError::not_found("unknown_realm", reason, "leave `realm` out for the token's own".to_owned())
        })
    }
}
