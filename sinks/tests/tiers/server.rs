//! An OpenAI-compatible server whose answers the test gives, one by one, when it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A request that waits for the test's answer. Dropping it makes the server disconnect.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) body: Value,
    pub(crate) key: Option<String>,
    answer: oneshot::Sender<Response<Body>>,
}

impl Call {
    /// What the player said: the content of the last message.
    pub(crate) fn said(&self) -> &str {
        let messages = self.body["messages"].as_array().expect("messages are a list");
        messages.last().and_then(|last| last["content"].as_str()).expect("the last message has a text")
    }

    /// Says this.
    pub(crate) fn say(self, text: &str) {
        let choice = json!({"message": {"role": "assistant", "content": text}});
        self.respond(200, json!({"choices": [choice], "usage": {"completion_tokens": 3}}).to_string());
    }

    /// Answers with that status and body.
    pub(crate) fn respond(self, status: u16, body: String) {
        let response = Response::builder().status(status).body(Body::from(body)).expect("a response");
        self.answer.send(response).expect("the caller still waits");
    }

    /// Begins to answer, and loses the connection.
    pub(crate) fn break_off(self) {
        let parts: [Result<&str, std::io::Error>; 2] =
            [Ok("{\"choices\":"), Err(std::io::Error::other("scripted"))];
        let response = Response::new(Body::from_stream(stream::iter(parts)));
        self.answer.send(response).expect("the caller still waits");
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
    /// What the player said in requests whose connection the client has dropped.
    pub(crate) dropped: mpsc::UnboundedReceiver<String>,
    pub(crate) peak: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Shared {
    calls: mpsc::UnboundedSender<Call>,
    dropped: mpsc::UnboundedSender<String>,
    open: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

/// Tells that a request has gone before it was answered.
struct Open {
    shared: Shared,
    said: Option<String>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
        if let Some(said) = self.said.take() {
            // The test may be over.
            let _ = self.shared.dropped.send(said);
        }
    }
}

impl Server {
    pub(crate) async fn start() -> Server {
        let (calls, seen) = mpsc::unbounded_channel();
        let (dropped, gone) = mpsc::unbounded_channel();
        let shared = Shared { calls, dropped, open: Arc::default(), peak: Arc::default() };
        let peak = shared.peak.clone();
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, calls: seen, dropped: gone, peak }
    }
}

async fn complete(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response<Body> {
    let (answer, answered) = oneshot::channel();
    let key = headers.get("authorization").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let call = Call { body, key, answer };
    let mut open = Open { said: Some(call.said().to_owned()), shared: shared.clone() };
    shared.peak.fetch_max(shared.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    shared.calls.send(call).expect("the test listens");
    let response = answered.await.expect("the test answers or the client goes");
    open.said = None;
    response
}
