//! The live page at `/`: one page that shows a world as it runs, without reloading.
//!
//! `/live` is a stream of server-sent events, each the whole of what the page shows, at most four a
//! second; one feed per realm serves all viewers. Nothing comes from elsewhere: the page, its script
//! and its style are served here. It changes nothing.

mod feed;
mod fold;
mod page;
mod weather;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};
use worldflow_engine::realm::Realm;
use worldflow_schemas::Sym;

use crate::answers::Answered;
use crate::http_views::{Authorize, HttpError, Scope};
use crate::sql::SinkStatus;

/// The most viewers at once.
const MOST_VIEWERS: usize = 64;

/// Only what we serve ourselves; nothing a player or a model wrote can become markup or script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page shows.
#[derive(Clone)]
pub struct LivePage {
    /// The realms; the first is shown when none is asked for.
    pub realms: Vec<Realm>,
    /// The sinks, by realm.
    pub sinks: Vec<(Sym, watch::Receiver<SinkStatus>)>,
    /// How players are answered, by realm.
    pub answered: Vec<(Sym, watch::Receiver<Arc<Answered>>)>,
    /// Who may look. Without it the page is open: for a server that listens on the loopback only.
    pub authorize: Option<Authorize>,
}

struct Pages {
    feeds: Vec<(Sym, watch::Receiver<Arc<str>>)>,
    authorize: Option<Authorize>,
    viewers: Arc<Semaphore>,
}

/// The routes of this module. Call from within a runtime: it starts a feed for each realm, which ends
/// with the realm, and with it the streams of its viewers.
pub fn live_page_router(page: LivePage) -> Router {
    let names: Vec<Sym> = page.realms.iter().map(|realm| realm.name).collect();
    let feed = |realm: Realm| {
        let name = realm.name;
        let sinks =
            page.sinks.iter().filter(|(realm, _)| *realm == name).map(|(_, sink)| sink.clone()).collect();
        let answered = page.answered.iter().find(|(realm, _)| *realm == name).map(|(_, of)| of.clone());
        (name, feed::open(realm, names.clone(), sinks, answered))
    };
    let feeds = page.realms.iter().cloned().map(feed).collect();
    let viewers = Arc::new(Semaphore::new(MOST_VIEWERS));
    Router::new()
        .route("/", get(html))
        .route("/live", get(live))
        .route(
            "/assets/live.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("live.js"))),
        )
        .route("/assets/live.css", get(async || asset("text/css; charset=utf-8", include_str!("live.css"))))
        .with_state(Arc::new(Pages { feeds, authorize: page.authorize, viewers }))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

async fn html(State(pages): State<Arc<Pages>>, headers: HeaderMap, uri: Uri) -> Result<Response, HttpError> {
    pages.scope(&headers, &uri)?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    Ok((headers, page::html().into_string()).into_response())
}

#[derive(Deserialize)]
struct Asked {
    realm: Option<String>,
}

async fn live(
    State(pages): State<Arc<Pages>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, HttpError> {
    let feed = pages.feed(pages.scope(&headers, &uri)?, asked.realm.as_deref())?;
    let Ok(place) = Arc::clone(&pages.viewers).try_acquire_owned() else {
        let message = format!("{MOST_VIEWERS} viewers are connected already");
        return Err(HttpError::unavailable("too_many_viewers", message, "close another page".to_owned()));
    };
    let stream =
        stream::unfold((feed, place, pages, headers, uri), async |(mut feed, place, pages, headers, uri)| {
            feed.changed().await.ok()?;
            // A token may have expired since.
            pages.scope(&headers, &uri).ok()?;
            let event = Event::default().data(&*feed.borrow_and_update());
            Some((Ok(event), (feed, place, pages, headers, uri)))
        });
    Ok(sse(stream))
}

fn sse(stream: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))).into_response()
}

/// Whether a host, or an origin, is this machine by a name that nobody else can have.
fn names_this_machine(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let authority = text.split_once("://").map_or(text, |(_, authority)| authority);
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Pages {
    fn scope(&self, headers: &HeaderMap, uri: &Uri) -> Result<Scope, HttpError> {
        if let Some(authorize) = &self.authorize {
            return authorize(headers, uri);
        }
        if [HOST, ORIGIN].into_iter().all(|name| headers.get(name).is_none_or(names_this_machine)) {
            return Ok(Scope::AllRealms);
        }
        Err(HttpError::forbidden(
            "the live page is for whoever is on this machine, and was asked for by another name".to_owned(),
            "open it as http://localhost or http://127.0.0.1; what stands in front of it must not lead others here".to_owned(),
        ))
    }

    fn feed(&self, scope: Scope, asked: Option<&str>) -> Result<watch::Receiver<Arc<str>>, HttpError> {
        let may = |realm: Sym| scope == Scope::AllRealms || scope == Scope::Realm(realm);
        let found = self
            .feeds
            .iter()
            .find(|(realm, _)| may(*realm) && asked.is_none_or(|asked| asked == realm.as_str()));
        let unknown = || {
            let message = format!("unknown realm `{}`", asked.unwrap_or_default());
            HttpError::not_found("unknown_realm", message, "leave `realm=` out for the first".to_owned())
        };
        let (_, feed) = found.ok_or_else(unknown)?;
        let mut feed = feed.clone();
        feed.mark_unchanged();
        Ok(feed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_have_are_this_machine() {
        let is = |text: &'static str| names_this_machine(&HeaderValue::from_static(text));
        for here in [
            "localhost",
            "localhost:7777",
            "127.0.0.1:7777",
            "127.8.8.8",
            "[::1]:7777",
            "http://localhost:7777",
            "https://[::1]",
        ] {
            assert!(is(here), "{here}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "http://evil.example:7777",
            "8.8.8.8",
            "null",
            "",
            "a b",
            "localhost@evil.example",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
