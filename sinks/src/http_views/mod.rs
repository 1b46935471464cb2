//! Views over HTTP: the catalog, and the rows of a view at one tick in several formats.
//!
//! `GET /v1/views` lists the views; `GET /v1/views/{name}?realm=&format=json|ndjson|csv|arrow` lists
//! the rows of one. A key column or a filter column as a parameter narrows the rows; several values
//! mean any of them. `at_least=TICK` waits until the realm has come so far. It follows nothing: that is what sockets do.

mod error;
mod format;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
pub use error::HttpError;
pub use format::{Format, row_json};
use futures_util::stream;
use serde_json::{Value as Json, json};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{self, Catalog, ColumnType, ViewDef};
use worldflow_schemas::{Sym, Tick, Value};

use self::format::{Listing, Pieces};
use crate::view_at::{rows_now, sort_rows};

/// The header that says of which tick the rows are.
pub const TICK_HEADER: HeaderName = HeaderName::from_static("x-worldflow-tick");

/// What a request may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every realm of this process.
    AllRealms,
    /// The realm of its token.
    Realm(Sym),
}

/// Decides what a request may read, from its headers and its address.
pub type Authorize = Arc<dyn Fn(&HeaderMap, &Uri) -> Result<Scope, HttpError> + Send + Sync>;

struct Views {
    realms: Vec<Realm>,
    authorize: Authorize,
}

/// The routes of this module, for these realms.
pub fn views_router(realms: Vec<Realm>, authorize: Authorize) -> Router {
    Router::new()
        .route("/v1/views", get(list))
        .route("/v1/views/{name}", get(rows))
        .with_state(Arc::new(Views { realms, authorize }))
}

async fn list(
    State(views): State<Arc<Views>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, HttpError> {
    let scope = (views.authorize)(&headers, &uri)?;
    let Query(query) = query.map_err(bad_query)?;
    let wanted = query.iter().find(|(name, _)| name == "realm").map(|(_, realm)| realm.as_str());
    let catalog = match pick_realm(&views.realms, scope, wanted) {
        Ok(realm) => realm.views.catalog(),
        // Of several realms: what all of them have.
        Err(error) if error.code == "realm_needed" => Arc::default(),
        Err(error) => return Err(error),
    };
    Ok(axum::Json(catalog_json(&catalog)).into_response())
}

fn bad_query(rejection: QueryRejection) -> HttpError {
    let hint = "parameters are `column=value`, percent-encoded".to_owned();
    HttpError::bad_request("bad_query", rejection.body_text().to_lowercase(), hint)
}

/// A catalog as JSON.
fn catalog_json(catalog: &Catalog) -> Json {
    json!({ "views": catalog.ids().map(|view| view_json(view.def())).collect::<Vec<_>>() })
}

/// What the catalog says of a view, as JSON.
#[must_use]
pub fn view_json(view: &ViewDef) -> Json {
    let column = |column: &catalog::Column| json!({"name": column.name, "kind": column.kind.name(), "doc": column.doc});
    json!({
        "name": view.name,
        "doc": view.doc,
        "key": view.columns[..view.key].iter().map(|column| column.name).collect::<Vec<_>>(),
        "filters": view.filters,
        "deterministic": view.deterministic,
        "columns": view.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

async fn rows(
    State(views): State<Arc<Views>>,
    Path(name): Path<String>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, HttpError> {
    let scope = (views.authorize)(&headers, &uri)?;
    let unknown = || {
        let hint = "GET /v1/views lists them".to_owned();
        HttpError::not_found("unknown_view", format!("unknown view `{name}`"), hint)
    };
    let Query(query) = query.map_err(bad_query)?;
    let wanted = query.iter().find(|(name, _)| name == "realm").map(|(_, realm)| realm.as_str());
    let realm = pick_realm(&views.realms, scope, wanted)?.clone();
    let view = realm.views.catalog().view(&name).ok_or_else(unknown)?;
    let request = Request::parse(view.def(), &query)?;
    let format = request.format;
    if let Some(tick) = request.at_least {
        reached(&realm, tick).await?;
    }
    // Sorting a large view takes a while; the runtime's threads have sockets to serve.
    let listing = tokio::task::spawn_blocking(move || {
        let (at, mut rows) = rows_now(&realm, view, &request.filter)?;
        sort_rows(&mut rows);
        Some(Listing { view: view.def(), realm: realm.name, at, rows })
    });
    let internal =
        |_| HttpError::unavailable("internal", "the listing failed".to_owned(), "try again".to_owned());
    // It may have gone in this moment.
    let listing = listing.await.map_err(internal)?.ok_or_else(unknown)?;
    let tick = listing.at.tick;
    let pieces = Pieces::new(listing, format)
        .map_err(|error| HttpError::unavailable("internal", error.to_string(), "try again".to_owned()))?;
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(TICK_HEADER, HeaderValue::from(tick));
    Ok(response)
}

/// How long a request waits for a tick.
const WAIT: Duration = Duration::from_secs(10);

/// Waits until a tick has been published.
async fn reached(realm: &Realm, tick: Tick) -> Result<(), HttpError> {
    let mut progress = realm.progress.clone();
    let waited = tokio::time::timeout(WAIT, progress.wait_for(|progress| progress.tick >= tick)).await;
    if matches!(waited, Ok(Ok(_))) {
        return Ok(());
    }
    let reason = format!("the realm is at tick {}, and not yet at {tick}", realm.progress.borrow().tick);
    let hint = "ask again; a tick that an ack names comes soon".to_owned();
    Err(HttpError::unavailable("not_yet", reason, hint).at("at_least"))
}

/// What the parameters of a request ask for.
#[derive(Debug)]
struct Request {
    format: Format,
    filter: Filter,
    at_least: Option<Tick>,
}

impl Request {
    fn parse(view: &ViewDef, query: &[(String, String)]) -> Result<Request, HttpError> {
        let mut request = Request { format: Format::Json, filter: Filter::all(), at_least: None };
        let mut wanted: Vec<(usize, Vec<Value>)> = Vec::new();
        for (name, text) in query {
            match name.as_str() {
                "format" => request.format = parse_format(text)?,
                "at_least" => request.at_least = Some(parse_tick(text)?),
                // Where a browser cannot send a header, the token is a parameter. The realm has been chosen.
                "token" | "realm" => {}
                _ => {
                    let column = filter_column(view, name)?;
                    let values = parse_value(view, column, text)?;
                    match wanted.iter_mut().find(|(other, _)| *other == column) {
                        Some((_, any)) => any.extend(values),
                        None => wanted.push((column, values)),
                    }
                }
            }
        }
        request.filter =
            wanted.into_iter().fold(request.filter, |filter, (column, any)| filter.and(column, any));
        Ok(request)
    }
}

fn parse_tick(text: &str) -> Result<Tick, HttpError> {
    text.parse().map_err(|_| {
        let hint = "it is a whole number, as an ack names it".to_owned();
        HttpError::bad_request("bad_value", format!("`at_least={text}`: not a tick"), hint).at("at_least")
    })
}

fn parse_format(text: &str) -> Result<Format, HttpError> {
    let found = Format::ALL.iter().find(|(name, _)| *name == text).map(|(_, format)| *format);
    found.ok_or_else(|| {
        let hint = format!("it is one of {}", Format::ALL.map(|(name, _)| name).join(", "));
        HttpError::bad_request("unknown_format", format!("unknown format `{text}`"), hint).at("format")
    })
}

fn filter_column(view: &ViewDef, name: &str) -> Result<usize, HttpError> {
    let column = view.column(name);
    let allowed = |column: &usize| *column < view.key || view.filters.contains(&name);
    column.filter(allowed).ok_or_else(|| {
        let keys = view.columns[..view.key].iter().map(|column| column.name);
        let columns: Vec<&str> = keys.chain(view.filters.iter().copied()).collect();
        let message = format!("`{}` cannot be filtered by `{name}`", view.name);
        HttpError::bad_request("unknown_filter", message, format!("it can by {}", columns.join(", ")))
            .at(name)
    })
}

/// The values that a text means in a column. Text is an id or free text, and a stranger's text is not
/// interned; empty means absent, too.
fn parse_value(view: &ViewDef, column: usize, text: &str) -> Result<Vec<Value>, HttpError> {
    let column = &view.columns[column];
    let wrong = |what: &str| {
        let message = format!("`{}={text}`: not {what}", column.name);
        HttpError::bad_request("bad_value", message, format!("{}: {}", column.name, column.doc))
            .at(column.name)
    };
    if text.is_empty() {
        return Ok(vec![Value::Null, Value::text("")]);
    }
    Ok(match column.kind {
        ColumnType::Bool => vec![Value::Bool(text.parse().map_err(|_| wrong("true or false"))?)],
        ColumnType::Int | ColumnType::Tick | ColumnType::Time => {
            vec![Value::Int(text.parse().map_err(|_| wrong("a whole number"))?)]
        }
        ColumnType::Dec => {
            let number = text.parse().ok().and_then(Value::from_f64);
            vec![number.ok_or_else(|| wrong("a number"))?]
        }
        ColumnType::Text | ColumnType::Any | ColumnType::Json => {
            let id = Sym::find(text).map(Value::id);
            id.into_iter().chain([Value::text(text)]).collect()
        }
    })
}

fn pick_realm<'a>(realms: &'a [Realm], scope: Scope, wanted: Option<&str>) -> Result<&'a Realm, HttpError> {
    let may = |realm: &&Realm| scope == Scope::AllRealms || scope == Scope::Realm(realm.name);
    let names = || realms.iter().filter(may).map(|realm| realm.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        let found = realms.iter().filter(may).find(|realm| realm.name.as_str() == wanted);
        let unknown = || {
            let message = format!("unknown realm `{wanted}`, or not this token's");
            HttpError::not_found("unknown_realm", message, format!("there is {}", names())).at("realm")
        };
        return found.ok_or_else(unknown);
    }
    let mut allowed = realms.iter().filter(may);
    match (allowed.next(), allowed.next()) {
        (Some(realm), None) => Ok(realm),
        (None, _) => Err(HttpError::forbidden(
            "this token is for a realm that does not run here".to_owned(),
            "ask for a token of a realm that does".to_owned(),
        )),
        (Some(_), Some(_)) => Err(HttpError::bad_request(
            "realm_needed",
            "several realms run here".to_owned(),
            format!("add `realm=`, one of {}", names()),
        )),
    }
}
