//! The simulated tier by itself: what a client sees of it is what it would see of the real server.

use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value as Json, json};
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};

use crate::soon;

pub(crate) fn quick() -> SimulatedTierConfig {
    SimulatedTierConfig {
        first_token: Duration::from_millis(2),
        per_token: Duration::from_millis(1),
        ..SimulatedTierConfig::default()
    }
}

pub(crate) fn open(config: SimulatedTierConfig) -> SimulatedTier {
    SimulatedTier::open(config).expect("a free port")
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

async fn post(server: &SimulatedTier, path: &str, body: Json) -> Response {
    let request = client().post(format!("{}{path}", server.url())).header("content-type", "application/json");
    soon(request.body(body.to_string()).send()).await.expect("an answer")
}

async fn json_of(response: Response) -> Json {
    serde_json::from_slice(&soon(response.bytes()).await.expect("a body")).expect("JSON")
}

async fn page(server: &SimulatedTier) -> String {
    let response = soon(client().get(format!("{}/metrics", server.url())).send()).await.expect("an answer");
    response.text().await.expect("a page")
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let look = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.unwrap_or_else(|_| panic!("{what}"));
}

fn chat(said: &str, more: Json) -> Json {
    let mut body =
        json!({"model": "simulated", "max_tokens": 10, "messages": [{"role": "user", "content": said}]});
    for (name, value) in more.as_object().expect("a map") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_stream_and_a_body_say_the_same() {
    let server = open(quick());
    let whole = json_of(post(&server, "/v1/chat/completions", chat("hail", json!({}))).await).await;
    let text = whole["choices"][0]["message"]["content"].as_str().expect("a text");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 10, "{whole}");
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let response = post(&server, "/v1/chat/completions", chat("hail", more)).await;
    assert!(response.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream"));
    let stream = soon(response.text()).await.expect("a stream");
    let frames: Vec<&str> = stream.split_terminator("\n\n").collect();
    let (last, frames) = frames.split_last().expect("frames");
    assert_eq!(*last, "data: [DONE]");
    let frames: Vec<Json> = frames
        .iter()
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").expect("data")).expect("JSON"))
        .collect();
    let said: String =
        frames.iter().filter_map(|frame| frame["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, text, "drawn from the seed and the prompt");
    let (usage, frames) = frames.split_last().expect("a frame with the usage");
    assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &whole["usage"]));
    assert_eq!(frames.len(), 12, "who speaks, ten tokens, why it ends");
    let seeded = json_of(post(&server, "/v1/chat/completions", chat("hail", json!({"seed": 7}))).await).await;
    assert_ne!(seeded["choices"], whole["choices"]);
}

#[tokio::test]
async fn lists_of_prompts_are_answered_as_one_or_refused_as_one() {
    let server = open(SimulatedTierConfig { max_num_queued_reqs: Some(24), ..quick() });
    let list = |length: usize| json!({"model": "simulated", "prompt": vec!["hail"; length], "max_tokens": 4, "n": 2});
    let answer = json_of(post(&server, "/v1/completions", list(3)).await).await;
    let indexes: Vec<u64> =
        answer["choices"].as_array().expect("a list").iter().filter_map(|c| c["index"].as_u64()).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5], "prompt × n + k");
    assert_eq!(server.measured().finished, 6);
    let refused = post(&server, "/v1/completions", list(15)).await;
    assert_eq!(refused.status(), 503);
    let error = json_of(refused).await;
    assert_eq!(
        (&error["error"]["type"], &error["error"]["code"]),
        (&json!("Service Unavailable"), &json!(503))
    );
    let measured = server.measured();
    assert_eq!((measured.finished, measured.rejected), (6, 6), "30 slots, room for 24");
    assert!(
        page(&server).await.contains("vllm:admission_rejections_total{reason=\"max_num_queued_reqs\"} 6")
    );
}

#[tokio::test]
async fn batching_is_continuous_and_goes_by_priority() {
    let per_token = Duration::from_millis(2);
    let server =
        open(SimulatedTierConfig { max_num_seqs: 2, priority_scheduling: true, per_token, ..quick() });
    let ask = |said: &str, priority: i64, most: u64| {
        let body = chat(said, json!({"priority": priority, "max_tokens": most}));
        let url = format!("{}/v1/chat/completions", server.url());
        tokio::spawn(async move {
            let request =
                client().post(url).header("content-type", "application/json").body(body.to_string());
            let answer = request.send().await.expect("an answer").bytes().await;
            (answer.expect("a body"), tokio::time::Instant::now())
        })
    };
    // One ends long before the other: a single place becomes free.
    let mut first = vec![ask("a", 0, 60), ask("b", 0, 240)];
    until("two run", || server.measured().running == 2).await;
    let low = ask("low", 9, 60);
    until("one waits", || server.measured().waiting == 1).await;
    let high = ask("high", -1, 60);
    let ((_, low), (_, high)) = (soon(low).await.expect("it ends"), soon(high).await.expect("it ends"));
    assert!(high < low, "the lower number first");
    for one in first.drain(..) {
        soon(one).await.expect("it ends");
    }
    assert_eq!((server.measured().peak_running, server.measured().finished), (2, 4));
    let plain = open(quick());
    assert_eq!(post(&plain, "/v1/chat/completions", chat("x", json!({"priority": 1}))).await.status(), 400);
}

#[tokio::test]
async fn who_hangs_up_is_aborted_and_frees_the_place() {
    let server =
        open(SimulatedTierConfig { max_num_seqs: 1, first_token: Duration::from_secs(60), ..quick() });
    let url = format!("{}/v1/chat/completions", server.url());
    for stream in [false, true] {
        let body = chat("hail", json!({"stream": stream})).to_string();
        let request = client().post(&url).header("content-type", "application/json").body(body);
        let call = tokio::spawn(async move { request.send().await.expect("an answer").bytes().await });
        until("it runs", || server.measured().running == 1).await;
        call.abort();
        until("nothing runs", || server.measured().running == 0).await;
    }
    assert_eq!(server.measured().aborted, 2);
    assert!(
        page(&server).await.contains("finished_reason=\"abort\"} 0"),
        "the real server does not count them either"
    );
}

#[tokio::test]
async fn keys_models_and_contexts_are_checked() {
    let server = open(SimulatedTierConfig { key: Some("s3cret".to_owned()), max_model_len: 40, ..quick() });
    let get = |path: &str| client().get(format!("{}{path}", server.url()));
    assert_eq!(get("/health").send().await.expect("an answer").status(), 200);
    assert_eq!(get("/v1/models").send().await.expect("an answer").status(), 401);
    let models = get("/v1/models").bearer_auth("s3cret").send().await.expect("an answer");
    assert_eq!(json_of(models).await["data"][0]["id"], "simulated");
    let ask = |path: &str, body: Json| {
        let request = client().post(format!("{}{path}", server.url())).bearer_auth("s3cret");
        async move { request.body(body.to_string()).send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(ask("/v1/chat/completions", chat("hail", json!({}))).await, 200);
    assert_eq!(ask("/v1/chat/completions", chat("hail", json!({"max_tokens": 41}))).await, 400);
    assert_eq!(ask("/v1/chat/completions", chat("hail", json!({"model": "other"}))).await, 404);
    assert_eq!(ask("/v1/chat/completions", json!({"messages": []})).await, 400);
    assert_eq!(
        ask("/v1/embeddings", json!({"input": "x"})).await,
        404,
        "a server that generates has no embeddings"
    );
}

#[tokio::test]
async fn faults_happen_as_they_are_asked_for() {
    let server = open(quick());
    server.next_faults([
        Fault::Error500,
        Fault::RefuseKey,
        Fault::Full,
        Fault::TooMany(3),
        Fault::Garbage,
        Fault::Long,
        Fault::Empty,
    ]);
    let mut seen = Vec::new();
    for _ in 0..7 {
        let response = post(&server, "/v1/chat/completions", chat("hail", json!({}))).await;
        let (status, after) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
        seen.push((status, after, soon(response.bytes()).await.expect("a body").len()));
    }
    let statuses: Vec<(u16, bool)> = seen.iter().map(|(status, after, _)| (*status, *after)).collect();
    let fine = (200, false);
    assert_eq!(statuses, [(500, false), (401, false), (503, false), (429, true), fine, fine, fine]);
    assert!(seen[5].2 > 2_000_000, "{seen:?}");
    server.set_fault(Some(Fault::HalfFrame(2)));
    let stream = chat("hail", json!({"stream": true}));
    let said =
        soon(post(&server, "/v1/chat/completions", stream.clone()).await.text()).await.expect("a stream");
    assert!(said.ends_with("\"del") && said.matches("content").count() == 3, "{said}");
    server.set_fault(Some(Fault::Stall(2)));
    let mut response = post(&server, "/v1/chat/completions", stream).await;
    let stalled = async { while response.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    assert!(tokio::time::timeout(Duration::from_millis(200), stalled).await.is_err(), "it stays open");
}
