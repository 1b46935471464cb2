//! What players say: banned terms, and a service that judges, that hangs, that is gone.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::definitions::{ModerationDef, WorldDef};
use worldflow_schemas::{Event, EventId, Input};
use worldflow_sources::game_socket::Limits;
use worldflow_sources::moderator::Moderator;

use crate::client::JsonClient;
use crate::http::post as post_events;
use crate::realm::{Server, start_world, world};

/// What the service has been asked, and how it behaves.
#[derive(Default)]
struct Service {
    asked: Mutex<Vec<Value>>,
    keys: Mutex<Vec<String>>,
}

/// Flags what has `evil` in it; hangs, fails or talks nonsense where a text asks it to.
async fn judge(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let key = headers.get("authorization").and_then(|key| key.to_str().ok()).unwrap_or_default();
    service.keys.lock().expect("no test panics with it").push(key.to_owned());
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).expect("texts");
    service.asked.lock().expect("no test panics with it").push(body);
    let has = |word: &str| texts.iter().any(|text| text.contains(word));
    if has("hang") {
        std::future::pending::<()>().await;
    }
    if has("fail") {
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({})));
    }
    if has("nonsense") {
        return (StatusCode::OK, Json(json!({"results": []})));
    }
    let results: Vec<Value> = texts.iter().map(|text| json!({"flagged": text.contains("evil")})).collect();
    (StatusCode::OK, Json(json!({"id": "m-1", "model": "m", "results": results})))
}

/// A world in which players speak and `acme` is banned.
fn spoken(moderation: Value) -> WorldDef {
    let mut spoken = world();
    spoken.guard = serde_json::from_value(json!({"banned": {"*": ["acme"]}})).expect("a guard");
    spoken.moderation = serde_json::from_value(moderation).expect("a moderation");
    spoken.kinds.get_mut("say").expect("it is there").max_per_second = 1_000;
    spoken
}

async fn asking(timeout: &str) -> (Server, Arc<Service>) {
    let service: Arc<Service> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/v1/moderations", listener.local_addr().expect("bound"));
    let app = Router::new().route("/v1/moderations", post(judge)).with_state(Arc::clone(&service));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let http = json!({"http": {"url": url, "model": "m", "key": "${KEY}", "timeout": timeout}});
    let server = start_world(spoken(http), Limits::default(), ViewStore::MOST_CHANGES, 1024).await;
    (server, service)
}

fn moderated(server: &Server) {
    let ModerationDef::Http(def) = &server.realm.world.moderation else { panic!("it asks") };
    let moderator = Moderator::open(server.realm.name, def, |_| Some("s3cret".to_owned()));
    server.realms.moderate_with(server.realm.name, moderator.expect("it is right"));
}

/// Says something; what becomes of each.
async fn say(client: &mut JsonClient, seq: u64, words: &[&str]) -> Vec<String> {
    let events: Vec<Value> = words
        .iter()
        .enumerate()
        .map(|(n, words)| match *words {
            "" => json!({"id": format!("{seq}-{n}"), "kind": "say"}),
            words => json!({"id": format!("{seq}-{n}"), "kind": "say", "with": {"words": words}}),
        })
        .collect();
    client.send(json!({"publish": {"seq": seq, "events": events}})).await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["seq"], seq);
    let code = |n: usize| {
        let outcomes = ack["outcomes"].as_array().cloned().unwrap_or_default();
        let error = outcomes.iter().map(|outcome| &outcome["error"]).find(|error| {
            error["path"].as_str().is_some_and(|path| path.starts_with(&format!("events[{n}].")))
        });
        error.map_or("said".to_owned(), |error| {
            assert!(error["path"].as_str().is_some_and(|path| path.ends_with(".with.words")), "{error}");
            error["code"].as_str().unwrap_or_default().to_owned()
        })
    };
    (0..words.len()).map(code).collect()
}

/// The ids of events that have become part of ticks, in order.
fn taken(server: &Server) -> Vec<String> {
    let state = server.state.lock().expect("no test panics with it");
    let id = |input: &Input| match input {
        Input::Event(Event { id, with, .. }) => {
            let sealed = with.iter().flat_map(|with| with.iter());
            sealed.for_each(|(_, value)| {
                assert!(value.as_str().is_some_and(|text| text.starts_with("<sealed:")), "{value:?}")
            });
            match id {
                EventId::Named(name) => Some(name.to_string()),
                EventId::Position(_) => None,
            }
        }
        Input::Command(_) => None,
    };
    state.inputs.iter().filter_map(id).collect()
}

#[tokio::test]
async fn banned_terms_are_not_said_by_any_way_in() {
    let server = start_world(spoken(json!("local")), Limits::default(), ViewStore::MOST_CHANGES, 1024).await;
    let mut ana = JsonClient::open(&server, &server.ana).await;
    let words = ["hail", "buy at ACME!", "a\u{200b}.c.m.e", "acmé", "acmes", ""];
    let refused = "words_refused";
    assert_eq!(say(&mut ana, 1, &words).await, ["said", refused, refused, refused, "said", "said"]);
    assert_eq!(taken(&server), ["1-0", "1-4", "1-5"]);
    let lines = json!({"id": "h1", "kind": "say", "with": {"words": "acme"}}).to_string()
        + "\n"
        + &json!({"id": "h2", "kind": "say", "with": {"words": "fine"}}).to_string();
    let (_, summary) = post_events(&server, &server.ana, lines.as_bytes()).await;
    let error = &summary["errors"][0];
    assert_eq!((&error["line"], &error["id"], &error["code"]), (&json!(1), &json!("h1"), &json!(refused)));
    assert_eq!((&summary["accepted"], &summary["refused"]), (&json!(1), &json!(1)), "{summary}");
    // What was said is in no row and no error.
    assert!(!summary.to_string().contains("acme"), "{summary}");
    assert!(server.rejections().iter().all(|rejection| rejection == refused), "{:?}", server.rejections());
}

#[tokio::test]
async fn a_service_judges_what_the_terms_let_through() {
    let (server, service) = asking("5s").await;
    let mut ana = JsonClient::open(&server, &server.ana).await;
    // Until there is one, nothing is.
    assert_eq!(say(&mut ana, 1, &["hail", ""]).await, ["words_not_judged", "said"]);
    moderated(&server);
    let words = ["hail", "evil", "acme", "", "farewell"];
    let expected = ["said", "words_refused", "words_refused", "said", "said"];
    assert_eq!(say(&mut ana, 2, &words).await, expected);
    assert_eq!(taken(&server), ["1-1", "2-0", "2-3", "2-4"]);
    let lines = r#"{"kind": "say", "with": {"words": "so evil"}}"#;
    let (_, summary) = post_events(&server, &server.ana, lines.as_bytes()).await;
    assert_eq!(summary["errors"][0]["code"], "words_refused", "{summary}");
    let asked = service.asked.lock().expect("no test panics with it");
    let expected = [
        json!({"model": "m", "input": ["hail", "evil", "farewell"]}),
        json!({"model": "m", "input": ["so evil"]}),
    ];
    assert_eq!(*asked, expected, "what is banned leaves nowhere");
    let keys = service.keys.lock().expect("no test panics with it");
    assert!(keys.iter().all(|key| key == "Bearer s3cret"), "{keys:?}");
}

#[tokio::test]
async fn many_texts_are_asked_in_parts_and_keep_their_order() {
    let (server, service) = asking("5s").await;
    moderated(&server);
    let mut ana = JsonClient::open(&server, &server.ana).await;
    let words: Vec<String> =
        (0..100).map(|n| format!("{} {n}", if n % 7 == 0 { "evil" } else { "good" })).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let expected: Vec<&str> = (0..100).map(|n| if n % 7 == 0 { "words_refused" } else { "said" }).collect();
    assert_eq!(say(&mut ana, 1, &words).await, expected);
    let taken = taken(&server);
    let said = (0..100).filter(|n| n % 7 != 0).map(|n| format!("1-{n}"));
    assert_eq!(taken, said.collect::<Vec<_>>());
    assert_eq!(service.asked.lock().expect("no test panics with it").len(), 4);
}

#[tokio::test]
async fn a_service_that_cannot_judge_lets_nothing_through_and_holds_up_little() {
    for (trouble, at_least) in [("hang", 300), ("fail", 0), ("nonsense", 0)] {
        let (server, service) = asking("300ms").await;
        moderated(&server);
        let mut ana = JsonClient::open(&server, &server.ana).await;
        let began = Instant::now();
        assert_eq!(say(&mut ana, 1, &[trouble, ""]).await, ["words_not_judged", "said"], "{trouble}");
        assert!(began.elapsed() >= Duration::from_millis(at_least), "{trouble}");
        // For a while nobody is asked, so nothing waits; what has no words is never held up.
        let began = Instant::now();
        for seq in 2..20 {
            assert_eq!(say(&mut ana, seq, &["", "hail"]).await, ["said", "words_not_judged"], "{trouble}");
        }
        assert!(began.elapsed() < Duration::from_millis(18 * 300), "{trouble}: {:?}", began.elapsed());
        assert_eq!(service.asked.lock().expect("no test panics with it").len(), 1, "{trouble}");
        let order: Vec<String> = taken(&server);
        let expected: Vec<String> =
            std::iter::once("1-1".to_owned()).chain((2..20).map(|n| format!("{n}-0"))).collect();
        assert_eq!(order, expected, "{trouble}");
    }
}

#[tokio::test]
async fn it_is_asked_again_after_a_while() {
    let (server, _service) = asking("5s").await;
    moderated(&server);
    let mut ana = JsonClient::open(&server, &server.ana).await;
    client_waits(&mut ana).await;
    let mut seq = 2;
    loop {
        seq += 1;
        match say(&mut ana, seq, &["hail"]).await[0].as_str() {
            "said" => break,
            code => assert_eq!(code, "words_not_judged"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A failure says when to try again.
async fn client_waits(client: &mut JsonClient) {
    let event = json!({"id": "x", "kind": "say", "with": {"words": "fail"}});
    client.send(json!({"publish": {"seq": 1, "events": [event]}})).await;
    let ack = client.expect("ack").await;
    let error = &ack["outcomes"][0]["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("words_not_judged"), &json!(true)), "{error}");
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0 && ms <= 2_000), "{error}");
}
