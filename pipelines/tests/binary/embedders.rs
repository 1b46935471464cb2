//! A tier that embeds lore, spoken to over HTTP: what it is sent, and what becomes of every answer that is none.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::http::get;
use crate::lore::{documents, found, until_found};
use crate::process::{Process, Server, path};
use crate::worlds;

/// More than go into one request.
const DOCUMENTS: usize = 40;
const MOST_TEXTS: usize = 32;

/// What the server does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Does {
    Embeds,
    /// It has another model, of longer vectors.
    EmbedsLonger,
    Refuses(u16),
    Hangs,
    LeavesOneOut,
    AddsOne,
    SaysZeros,
    SaysBase64,
    SaysNothing,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    texts: Vec<String>,
    body: Value,
    key: Option<String>,
}

/// A server of `/v1/embeddings` that does as it is told. It ends with the runtime of its test.
#[derive(Clone)]
struct Vectors {
    url: String,
    state: Arc<Mutex<(Does, Vec<Asked>)>>,
}

impl Vectors {
    async fn start() -> Vectors {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let vectors = Vectors { url, state: Arc::new(Mutex::new((Does::Embeds, Vec::new()))) };
        let router = Router::new().route("/v1/embeddings", post(embed)).with_state(vectors.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        vectors
    }

    fn state(&self) -> MutexGuard<'_, (Does, Vec<Asked>)> {
        self.state.lock().expect("no panic")
    }

    fn does(&self, what: Does) {
        self.state().0 = what;
    }

    /// What it was asked since it was last looked at.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().1)
    }
}

async fn embed(State(vectors): State<Vectors>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).expect("a list of texts");
    let key = headers.get(AUTHORIZATION).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let does = {
        let mut state = vectors.state();
        state.1.push(Asked { texts: texts.clone(), body, key });
        state.0
    };
    let length = if does == Does::EmbedsLonger { 30 } else { 26 };
    let one = |index: usize, text: &str| {
        let embedding = match does {
            // As servers do that were asked for `"encoding_format": "base64"`.
            Does::SaysBase64 => json!("AACAPwAAAEAAAEBA"),
            Does::SaysZeros => json!(vec![0.0; length]),
            _ => json!(letters(text, length)),
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let mut data: Vec<Value> = texts.iter().enumerate().map(|(index, text)| one(index, text)).collect();
    match does {
        Does::Refuses(status) => {
            let error = json!({"error": {"message": "not now", "type": "server_error", "code": null}});
            return (StatusCode::from_u16(status).expect("a status"), Json(error)).into_response();
        }
        Does::Hangs => pending().await,
        Does::LeavesOneOut => drop(data.pop()),
        Does::AddsOne => data.push(one(texts.len(), "one more")),
        Does::SaysNothing => return "<html>It works!</html>".into_response(),
        _ => {}
    }
    // The order of an answer says nothing: each vector says of which text it is.
    data.reverse();
    let usage = json!({"prompt_tokens": texts.len(), "total_tokens": texts.len()});
    Json(json!({"object": "list", "data": data, "model": "letters", "usage": usage})).into_response()
}

/// How often a text has each letter.
fn letters(text: &str, length: usize) -> Vec<f32> {
    let mut counts = vec![0.25; length];
    for letter in text.to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        counts[usize::from(letter - b'a')] += 1.0;
    }
    counts
}

/// A word that no other document has.
fn word(document: usize) -> String {
    let letter = |at: usize| char::from(b"abcdefghijklmnopqrstuvwxyz"[at % 26]).to_string();
    letter(document).repeat(6) + &letter(document / 26 + 13).repeat(4)
}

fn name(document: usize) -> String {
    format!("d{document:02}")
}

/// The small world with so many documents, embedded by a tier at this address.
fn world_with(url: &str) -> tempfile::TempDir {
    let folder = worlds::small();
    let tier = format!("{{url: '{url}', model: letters, key: '${{VECTORS_KEY}}', timeout: 10s}}");
    let world =
        format!("{}tiers: {{vectors: {tier}}}\nlore: {{embedder: {{tier: vectors}}}}\n", worlds::WORLD);
    let mut files = vec![("world.yaml".to_owned(), world)];
    let text = |document: usize| format!("# Word\n{}\n", word(document));
    files.extend((0..DOCUMENTS).map(|document| (format!("lore/{}.md", name(document)), text(document))));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    worlds::write(&folder.path().join("world"), &files);
    folder
}

const KEY: [(&str, &str); 1] = [("VECTORS_KEY", "k3y")];

/// The texts of these requests that are of documents, which are sent in batches, each text with its heading.
fn embedded(asked: &[Asked]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for text in asked.iter().flat_map(|asked| &asked.texts) {
        if let Some(word) = text.strip_prefix("Word\n") {
            *times.entry(word.to_owned()).or_default() += 1;
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_is_sent_texts_in_batches_and_each_vector_is_that_of_its_text() {
    let vectors = Vectors::start().await;
    let folder = world_with(&vectors.url);
    let world = folder.path().join("world");
    let search = |text: &str, more: &[&str]| {
        let args = ["lore", "search", path(&world), text].into_iter().chain(more.iter().copied());
        let done = Process::start_with(args, &KEY).ended();
        assert!(done.status.success() && !done.stdout.contains("k3y"), "{done:?}");
        done.stdout
    };
    for document in [0, 17, DOCUMENTS - 1] {
        let found: Value = serde_json::from_str(&search(&word(document), &["--json"])).expect("JSON");
        assert_eq!((found["ranking"].as_str(), &found["why"]), (Some("cosine"), &Value::Null), "{found:#}");
        assert_eq!(documents(&found)[0], name(document), "{found:#}");
        let asked = vectors.asked();
        let sizes: Vec<usize> = asked.iter().map(|asked| asked.texts.len()).collect();
        assert_eq!(sizes, [MOST_TEXTS, DOCUMENTS - MOST_TEXTS, 1]);
        assert_eq!(asked[2].texts, [word(document)]);
        let times = embedded(&asked);
        assert!(times.len() == DOCUMENTS && times.values().all(|times| *times == 1), "{times:?}");
        for Asked { body, key, .. } in &asked {
            let told = (body["model"].as_str(), body["encoding_format"].as_str(), key.as_deref());
            assert_eq!(told, (Some("letters"), Some("float"), Some("Bearer k3y")), "{body}");
        }
    }
    vectors.does(Does::Refuses(500));
    let text = search(&word(3), &[]);
    assert!(
        text.starts_with("the best 1 of 40 chunks, by bm25\nby words, since the embedder answered 500\n"),
        "{text}"
    );
}

/// A counter of lore.
async fn counted(server: &Server, name: &str) -> usize {
    let metrics = get(server, "/metrics", Some(server.token("dashboard"))).await.body;
    let start = format!("worldflow_lore_{name}_total{{realm=\"small\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(start.as_str())?.parse().ok());
    count.unwrap_or_else(|| panic!("no {name}: {metrics}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_is_said_words_are_searched_and_the_embedder_is_asked_again() {
    let vectors = Vectors::start().await;
    let folder = world_with(&vectors.url);
    vectors.does(Does::Refuses(429));
    let server = Server::run_with(&folder.path().join("world"), &folder.path().join("data"), &[], &KEY);
    let by_words = |found: &Value, document: usize| {
        found["ranking"] == "bm25" && documents(found) == [name(document)] && found["why"].is_string()
    };
    let by_vectors = |found: &Value, document: usize| {
        found["ranking"] == "cosine" && documents(found)[0] == name(document) && found["why"].is_null()
    };
    let query = |document: usize| format!("q={}", word(document));
    let down = until_found(&server, &query(0), |found| found["why"] == "the embedder answered 429").await;
    assert!(by_words(&down, 0), "{down:#}");
    // A batch of which one vector lacks is no batch.
    vectors.does(Does::LeavesOneOut);
    let fewer = "the embedder's answer has fewer vectors than texts";
    until_found(&server, &query(0), |found| found["why"] == fewer).await;
    vectors.asked();
    vectors.does(Does::Embeds);
    until_found(&server, &query(0), |found| by_vectors(found, 0)).await;
    let asked = vectors.asked();
    assert!(asked.iter().all(|asked| asked.texts.len() <= MOST_TEXTS), "{asked:?}");
    assert_eq!(embedded(&asked).len(), DOCUMENTS, "all of them");
    assert_eq!(counted(&server, "embedded").await, DOCUMENTS);
    let failures = counted(&server, "failures").await;
    assert!(failures >= 1);

    let late = "the embedder did not answer within 500 ms";
    let faults = [
        (Does::Refuses(429), "the embedder answered 429"),
        (Does::Refuses(500), "the embedder answered 500"),
        (Does::LeavesOneOut, fewer),
        (Does::AddsOne, "the embedder's answer has more vectors than texts"),
        (Does::EmbedsLonger, "the question's vector cannot be compared with those of the lore"),
        (Does::SaysZeros, "the embedder's answer has a vector without a direction"),
        (Does::SaysBase64, "the embedder's answer cannot be read"),
        (Does::SaysNothing, "the embedder's answer cannot be read"),
        (Does::Hangs, late),
    ];
    for (document, (does, why)) in (1..).zip(faults) {
        vectors.does(does);
        // On a machine that is busy the question may be too late; then who is asked again has another model for good.
        let is_said =
            |found: &Value| found["why"] == why || (does == Does::EmbedsLonger && found["why"] == late);
        let down = until_found(&server, &query(document), is_said).await;
        assert!(by_words(&down, document), "{does:?}: {down:#}");
        vectors.does(Does::Embeds);
        until_found(&server, &query(document), |found| by_vectors(found, document)).await;
    }
    let since = counted(&server, "failures").await - failures;
    assert!(since >= faults.len(), "{since} failures, of questions too");
    // What was found stays found; and all is embedded again by a server that has another model.
    vectors.does(Does::Refuses(500));
    let kept = found(&server, &query(faults.len())).await;
    assert!(by_vectors(&kept, faults.len()), "{kept:#}");
    vectors.does(Does::EmbedsLonger);
    vectors.asked();
    until_found(&server, &query(20), |found| by_vectors(found, 20)).await;
    assert_eq!(embedded(&vectors.asked()).len(), DOCUMENTS, "vectors of two models cannot be compared");
    server.stop();
}
