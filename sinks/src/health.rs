//! Health and metrics: `/healthz`, `/readyz` and `/metrics`.
//!
//! Ready means that every realm moves: its tick grows while the request waits, and its journal can be written. A sink that has lost
//! its database does not make a realm unready, for nothing waits for it; its lag is in the answer. Nor do snapshots that cannot be
//! published, for the journal holds everything; why is in the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::join_all;
pub use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use worldflow_engine::realm::Realm;

use crate::http_views::{Authorize, HttpError, Scope};
use crate::sql::SinkStatus;

/// A realm whose tick has not grown for this long is not ready.
const STALLED: Duration = Duration::from_secs(2);

/// Bounds of the histograms of seconds.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];

/// The same for what counts milliseconds.
fn buckets_ms() -> [f64; 15] {
    BUCKETS.map(|seconds| seconds * 1_000.0)
}

/// How time goes on in a realm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// By itself: a tick that stands still is a fault.
    RealTime,
    /// By hand: it is enough that the engine reports.
    Manual,
}

/// What is asked for its health.
#[derive(Clone)]
pub struct Health {
    /// The realms, and how time goes on in them.
    pub realms: Vec<(Realm, Pace)>,
    /// The sinks.
    pub sinks: Vec<watch::Receiver<SinkStatus>>,
    /// What [`install_metrics`] returned.
    pub metrics: Option<PrometheusHandle>,
    /// Who may read `/metrics`; the other two are open.
    pub authorize: Authorize,
}

/// Installs the recorder of metrics. Once in a process.
///
/// # Errors
/// When another one has been installed.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let milliseconds = Matcher::Suffix("_ms".to_owned());
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(milliseconds, &buckets_ms())?
        .install_recorder()
}

/// The routes of this module. Call from within a runtime: it starts the recorder's upkeep.
pub fn health_router(health: Health) -> Router {
    if let Some(metrics) = health.metrics.clone() {
        tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_secs(5));
            loop {
                every.tick().await;
                metrics.run_upkeep();
            }
        });
    }
    Router::new()
        .route("/healthz", get(async || axum::Json(json!({"alive": true}))))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Arc::new(health))
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let asked = health.realms.iter().map(|(realm, pace)| moves(realm.clone(), *pace));
    let realms = join_all(asked).await;
    let ready = realms.iter().all(|(ready, _)| *ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let realms: Vec<Json> = realms.into_iter().map(|(_, json)| json).collect();
    let sinks: Vec<Json> = health.sinks.iter().map(|sink| sink_json(&sink.borrow())).collect();
    (status, axum::Json(json!({"ready": ready, "realms": realms, "sinks": sinks}))).into_response()
}

async fn moves(realm: Realm, pace: Pace) -> (bool, Json) {
    let mut progress = realm.progress.clone();
    let begin = *progress.borrow_and_update();
    let moved = async {
        match pace {
            Pace::RealTime => progress.wait_for(|now| now.tick > begin.tick).await.map(drop),
            Pace::Manual => progress.changed().await,
        }
    };
    let why = match tokio::time::timeout(STALLED, moved).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some("the realm has shut down".to_owned()),
        Err(_) => Some(format!("tick {} has stood still for {} s", begin.tick, STALLED.as_secs())),
    };
    // What is not durable yet may still be going on for a while: that it stands is known earlier.
    let why = realm.observed.trouble().or(why);
    let tick = realm.progress.borrow().tick;
    let json = json!({
        "realm": realm.name.as_str(),
        "ready": why.is_none(),
        "tick": tick,
        "why": why,
        "snapshots": realm.observed.unsaved(),
    });
    (why.is_none(), json)
}

/// How a sink is doing, as JSON.
pub(crate) fn sink_json(status: &SinkStatus) -> Json {
    json!({
        "sink": status.sink,
        "target": status.target,
        "tick": status.at.map(|at| at.tick),
        "lag_ms": status.lag_ms,
        "error": status.error,
        "hint": status.hint,
    })
}

async fn metrics_text(
    State(health): State<Arc<Health>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, HttpError> {
    let scope = (health.authorize)(&headers, &uri)?;
    let Some(metrics) = &health.metrics else {
        let message = "no metrics are recorded in this process".to_owned();
        return Err(HttpError::not_found("no_metrics", message, "run `worldflow run`".to_owned()));
    };
    let text = match scope {
        Scope::AllRealms => metrics.render(),
        Scope::Realm(realm) => of_realm(&metrics.render(), realm.as_str()),
    };
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The figures of one realm, and those that are of none.
fn of_realm(text: &str, realm: &str) -> String {
    let own = format!("realm=\"{realm}\"");
    let lines = text.split_inclusive('\n');
    lines.filter(|line| line.starts_with('#') || !line.contains("realm=\"") || line.contains(&own)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_one_realm_sees_no_figures_of_another() {
        let text =
            "# TYPE ticks counter\nticks{realm=\"eu\"} 3\nticks{kind=\"a\",realm=\"us\"} 4\nmemory 5\n";
        assert_eq!(of_realm(text, "eu"), "# TYPE ticks counter\nticks{realm=\"eu\"} 3\nmemory 5\n");
    }
}
