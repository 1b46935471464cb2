//! A proxy before the Kinesis server, which answers some calls as a busy or failing service does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::server::forward;

/// What every few calls get instead of an answer.
const FAULTS: [(StatusCode, &str); 3] = [
    (
        StatusCode::BAD_REQUEST,
        r#"{"__type": "ProvisionedThroughputExceededException", "message": "slow down"}"#,
    ),
    (StatusCode::BAD_REQUEST, r#"{"__type": "ExpiredIteratorException", "message": "too old"}"#),
    (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type": "InternalFailureException", "message": "oh"}"#),
];

#[derive(Clone)]
struct Proxy {
    port: u16,
    calls: Arc<AtomicUsize>,
    /// How far behind it says that a reader is, when it is anything.
    behind_ms: Arc<AtomicI64>,
}

/// Where it listens, and how far behind it says that a reader is: every second call for records is answered by the next fault, and so
/// is the first of every other call.
pub(crate) async fn faulty(port: u16) -> (u16, Arc<AtomicI64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let own = listener.local_addr().expect("bound").port();
    let behind_ms = Arc::new(AtomicI64::new(0));
    let proxy = Proxy { port, calls: Arc::default(), behind_ms: Arc::clone(&behind_ms) };
    let app = Router::new().fallback(answer).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (own, behind_ms)
}

async fn answer(State(proxy): State<Proxy>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().expect("ASCII").to_owned();
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    let call = proxy.calls.fetch_add(1, Ordering::Relaxed);
    if call.is_multiple_of(2) {
        // An iterator is all that can be too old.
        let (status, fault) = match FAULTS[call / 2 % FAULTS.len()] {
            (_, fault) if fault.contains("Iterator") && !target.ends_with("GetRecords") => FAULTS[0],
            fault => fault,
        };
        return (status, json, fault).into_response();
    }
    let (status, mut answer) = forward(proxy.port, &target, &body).await;
    let behind_ms = proxy.behind_ms.load(Ordering::Relaxed);
    if behind_ms > 0
        && target.ends_with("GetRecords")
        && let Ok(mut said) = serde_json::from_slice::<serde_json::Value>(&answer)
    {
        said["MillisBehindLatest"] = behind_ms.into();
        answer = said.to_string().into_bytes();
    }
    (StatusCode::from_u16(status).expect("a status"), json, answer).into_response()
}
