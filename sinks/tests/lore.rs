//! Lore: what a search finds of what a realm has published, with embedders that count, fail and come back.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use support::{Chance, Fake, http, sym};
use worldflow_schemas::catalog::{ENTITIES, LORE, ViewId};
use worldflow_schemas::{Row, Tick, Value};
use worldflow_sinks::http_views::{Authorize, HttpError, Scope};
use worldflow_sinks::lore::{
    Asker, Embedder, Embedding, Found, Index, Lore, LoreChunk, MOST_TEXTS, Question, Ranking, lore_router,
};

type Write = (ViewId, Vec<Value>, Option<Row>);

/// A chunk of a document. Its digest is its text.
fn chunk(realm: &str, document: &str, number: u32, text: &str, known_by: Option<&[&str]>) -> Write {
    let key = vec![sym(realm), sym(document), Value::text(&format!("#{number}"))];
    let known_by = known_by.map_or(Value::Null, |who| Value::text(&json!(who).to_string()));
    let (text, topics) = (Value::text(text), Value::text("[]"));
    let rest = [Value::text(""), text.clone(), text, topics, known_by, Value::Null];
    let row = Row::new(key.iter().cloned().chain(rest).collect::<Vec<_>>());
    (LORE, key, Some(row))
}

fn gone((view, key, _): Write) -> Write {
    (view, key, None)
}

fn npc(realm: &str, id: &str, tags: &[&str]) -> Write {
    let key = vec![sym(realm), sym(id)];
    let rest = [sym("npc"), Value::text(&json!(tags).to_string()), Value::text("{}"), Value::Int(1)];
    (ENTITIES, key.clone(), Some(Row::new(key.into_iter().chain(rest).collect::<Vec<_>>())))
}

fn question(npc: Option<&str>, text: &str, k: usize) -> Question {
    Question { npc: npc.map(str::to_owned), text: text.to_owned(), k }
}

fn documents(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.chunk.document.as_str()).collect()
}

/// Counts letters, and what it was asked; it may be down.
#[derive(Debug, Default)]
struct Counting {
    asked: Mutex<BTreeMap<String, usize>>,
    is_down: AtomicBool,
}

impl Counting {
    fn asked(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }
}

fn letters(text: &str) -> Vec<f32> {
    let mut counts = vec![0.25; 26];
    for letter in text.to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        counts[usize::from(letter - b'a')] += 1.0;
    }
    counts
}

impl Embedder for Counting {
    fn model(&self) -> &str {
        "letters"
    }

    fn embed<'a>(&'a self, texts: &'a [String]) -> Embedding<'a> {
        assert!(!texts.is_empty() && texts.len() <= MOST_TEXTS);
        Box::pin(async move {
            if self.is_down.load(Ordering::SeqCst) {
                return Err("the embedder is down".to_owned());
            }
            let mut asked = self.asked.lock().expect("not poisoned");
            for text in texts {
                *asked.entry(text.trim().to_owned()).or_default() += 1;
            }
            Ok(texts.iter().map(|text| letters(text)).collect())
        })
    }
}

/// Searches until what is found is ranked so.
async fn until(lore: &Lore, question: &Question, ranking: Ranking) -> Found {
    let searching = async {
        loop {
            let found = lore.searcher().search(question).await;
            if found.ranking == ranking {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), searching).await.expect("it happens within 20 s")
}

#[tokio::test]
async fn an_edit_and_a_removal_are_found_at_their_tick() {
    let mut fake = Fake::new("vale", 1);
    let lore = Lore::open(fake.realm.clone(), None);
    let search = async |text: &str| lore.searcher().search(&question(None, text, 3)).await;
    assert_eq!(search("bells").await.hits, []);
    fake.apply(
        1,
        vec![chunk("vale", "lake", 1, "the bells ring", None), chunk("vale", "mill", 1, "it turns", None)],
    );
    let found = search("bells").await;
    assert_eq!((documents(&found), found.tick, found.ranking), (vec!["lake"], 1, Ranking::Bm25));
    assert_eq!(found.why, None, "nobody has asked for an embedder");
    fake.apply(2, vec![chunk("vale", "lake", 1, "it is silent", None)]);
    let found = search("bells").await;
    assert_eq!((found.hits.len(), found.tick), (0, 2));
    assert_eq!(documents(&search("silent").await), ["lake"]);
    fake.apply(3, vec![gone(chunk("vale", "lake", 1, "", None))]);
    assert_eq!(search("silent").await.hits, []);
    fake.apply(4, Vec::new());
    assert_eq!(search("turns").await.tick, 4);
    lore.close().await;
}

#[tokio::test]
async fn a_reader_who_fell_behind_reads_the_view_again() {
    let mut fake = Fake::new("vale", 1);
    let lore = Lore::open(fake.realm.clone(), None);
    fake.apply(1, vec![chunk("vale", "lake", 1, "the bells ring", None)]);
    assert_eq!(documents(&lore.searcher().search(&question(None, "bells", 3)).await), ["lake"]);
    let searcher = lore.searcher();
    lore.close().await;
    // The store holds the last 200 changes.
    fake.apply(2, vec![gone(chunk("vale", "lake", 1, "", None))]);
    for tick in 3..300 {
        fake.apply(tick, vec![chunk("vale", "log", 1, &format!("bells of tick {tick}"), None)]);
    }
    let found = searcher.search(&question(None, "bells", 3)).await;
    assert_eq!((documents(&found), found.tick), (vec!["log"], 299));
    assert_eq!(found.hits[0].chunk.text.as_str(), "bells of tick 299");
}

#[tokio::test]
async fn an_embedder_that_was_down_is_asked_again_while_ticks_go_by() {
    let mut fake = Fake::new("vale", 1);
    let counting = Arc::new(Counting::default());
    counting.is_down.store(true, Ordering::SeqCst);
    let lore = Lore::open(fake.realm.clone(), Some(counting.clone()));
    fake.apply(1, vec![chunk("vale", "lake", 1, "the bells ring", None)]);
    let question = question(None, "bells", 3);
    let found = until(&lore, &question, Ranking::Bm25).await;
    assert!(found.why.is_some(), "{found:?}");
    counting.is_down.store(false, Ordering::SeqCst);
    // A tick each 5 ms, where it is asked again after half a second.
    for tick in 2.. {
        fake.apply(tick, Vec::new());
        tokio::time::sleep(Duration::from_millis(5)).await;
        if lore.searcher().search(&question).await.ranking == Ranking::Cosine {
            break;
        }
        assert!(tick < 2_000, "it is not asked again");
    }
    lore.close().await;
}

#[tokio::test]
async fn only_what_changed_is_embedded_again() {
    let mut fake = Fake::new("vale", 1);
    let counting = Arc::new(Counting::default());
    let lore = Lore::open(fake.realm.clone(), Some(counting.clone()));
    let all = |n: Tick| {
        (0..100).map(move |number| chunk("vale", "long", number, &format!("part {number} of {n}"), None))
    };
    fake.apply(1, all(1).collect());
    let asked = question(None, "part 7 of 1", 1);
    until(&lore, &asked, Ranking::Cosine).await;
    let first = counting.asked();
    assert_eq!(first.len(), 100, "the question is the text of a chunk");
    assert!(
        first.iter().all(|(text, times)| *times == if text == "part 7 of 1" { 2 } else { 1 }),
        "{first:?}"
    );

    fake.apply(2, vec![chunk("vale", "long", 50, "another part", None)]);
    let found = until(&lore, &question(None, "another part", 1), Ranking::Cosine).await;
    assert_eq!(found.hits[0].chunk.text.as_str(), "another part");
    assert_eq!(
        counting.asked(),
        BTreeMap::from([("another part".to_owned(), 2)]),
        "the chunk, and the question"
    );

    // Who knows it, a text that was there before, and one that stands elsewhere too.
    fake.apply(
        3,
        vec![
            chunk("vale", "long", 1, "part 1 of 1", Some(&["wise"])),
            chunk("vale", "long", 50, "part 50 of 1", None),
            chunk("vale", "copy", 1, "part 2 of 1", None),
            gone(chunk("vale", "long", 3, "", None)),
        ],
    );
    let found = until(&lore, &asked, Ranking::Cosine).await;
    assert_eq!(found.tick, 3);
    assert_eq!(counting.asked(), BTreeMap::new());
    lore.close().await;
}

#[tokio::test]
async fn what_was_found_is_kept_until_something_else_may_be_found() {
    let mut fake = Fake::new("vale", 1);
    fake.apply(1, vec![chunk("vale", "lake", 1, "bells", None)]);
    let lore = Lore::open(fake.realm.clone(), None);
    let asked = question(None, "bells", 1);
    let first = lore.searcher().search(&asked).await;
    let again = lore.searcher().search(&asked).await;
    assert!(Arc::ptr_eq(&first.hits[0].chunk, &again.hits[0].chunk));
    assert_eq!(first, again);
    fake.apply(2, vec![chunk("vale", "bells", 1, "bells bells", None)]);
    assert_eq!(documents(&lore.searcher().search(&asked).await), ["bells"]);
}

/// What is kept of searches is no older than the realm: a search that begins when an edit is over finds it, whoever else searches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_search_finds_what_was_there_before_an_edit_that_was_over() {
    const EDITS: u64 = 400;
    let counting: Arc<dyn Embedder> = Arc::new(Counting::default());
    for embedder in [None, Some(counting)] {
        let mut fake = Fake::new("vale", 1);
        let lore = Lore::open(fake.realm.clone(), embedder);
        let [begun, over] = [0, 1].map(|_| Arc::new(AtomicU64::new(1)));
        fake.apply(1, vec![chunk("vale", "log", 1, "bells of 1", None)]);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (searcher, begun, over) = (lore.searcher(), Arc::clone(&begun), Arc::clone(&over));
                tokio::spawn(async move {
                    let (mut last, mut searches) = (0, 0);
                    while last < EDITS {
                        let least = over.load(Ordering::SeqCst).max(last);
                        let found = searcher.search(&question(None, "bells", 3)).await;
                        let most = begun.load(Ordering::SeqCst);
                        let text = found.hits[0].chunk.text.as_str();
                        last = text.trim_start_matches("bells of ").parse().expect("a number");
                        assert!((least..=most).contains(&last), "{last} is none of {least} to {most}");
                        searches += 1;
                        tokio::task::yield_now().await;
                    }
                    searches
                })
            })
            .collect();
        for edit in 2..=EDITS {
            begun.store(edit, Ordering::SeqCst);
            fake.apply(edit, vec![chunk("vale", "log", 1, &format!("bells of {edit}"), None)]);
            over.store(edit, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        for reader in readers {
            let searches: u64 = reader.await.expect("nothing old was found");
            assert!(searches > 50, "{searches} searches prove little");
        }
        lore.close().await;
    }
}

#[tokio::test]
async fn a_realm_never_sees_anothers_lore() {
    let (mut vale, mut moor) = (Fake::new("vale", 1), Fake::new("moor", 1));
    vale.apply(1, vec![chunk("vale", "lake", 1, "bells of the vale", None)]);
    moor.apply(1, vec![chunk("moor", "hill", 1, "bells of the moor", None)]);
    for embedder in [None, Some(Arc::new(Counting::default()))] {
        let open = |fake: &Fake| {
            Lore::open(fake.realm.clone(), embedder.clone().map(|counting| counting as Arc<dyn Embedder>))
        };
        let ranking = if embedder.is_some() { Ranking::Cosine } else { Ranking::Bm25 };
        let (of_vale, of_moor) = (open(&vale), open(&moor));
        let asked = question(None, "bells of vale and moor", 50);
        assert_eq!(documents(&until(&of_vale, &asked, ranking).await), ["lake"]);
        assert_eq!(documents(&until(&of_moor, &asked, ranking).await), ["hill"]);
    }
}

#[tokio::test]
async fn an_npc_is_given_what_it_knows() {
    let mut fake = Fake::new("vale", 1);
    fake.apply(
        1,
        vec![
            chunk("vale", "a_all", 1, "the bells", None),
            chunk("vale", "b_tam", 1, "the bells", Some(&["tam"])),
            chunk("vale", "c_wise", 1, "the bells", Some(&["wise", "guard"])),
            chunk("vale", "d_nobody", 1, "the bells", Some(&[])),
            npc("vale", "tam", &["villager"]),
            npc("vale", "ysa", &["villager", "wise"]),
            npc("vale", "wise", &[]),
        ],
    );
    for embedder in [None, Some(Arc::new(Counting::default()) as Arc<dyn Embedder>)] {
        let ranking = if embedder.is_some() { Ranking::Cosine } else { Ranking::Bm25 };
        let lore = Lore::open(fake.realm.clone(), embedder);
        for (who, known) in [
            (None, &["a_all", "b_tam", "c_wise", "d_nobody"][..]),
            (Some("tam"), &["a_all", "b_tam"]),
            (Some("ysa"), &["a_all", "c_wise"]),
            // Its id is what others have as a tag.
            (Some("wise"), &["a_all", "c_wise"]),
            (Some("nobody_of_that_name"), &["a_all"]),
            (Some(""), &["a_all"]),
        ] {
            // The same words, so the order is that of documents; the best one alone is one that is known.
            assert_eq!(
                documents(&until(&lore, &question(who, "bells", 50), ranking).await),
                known,
                "{who:?}"
            );
            assert_eq!(documents(&until(&lore, &question(who, "bells", 1), ranking).await), known[..1]);
        }
    }
    // What an NPC is changes what it is told, though no lore has changed.
    let lore = Lore::open(fake.realm.clone(), None);
    let asked = question(Some("tam"), "bells", 50);
    assert_eq!(lore.searcher().search(&asked).await.hits.len(), 2);
    fake.apply(2, vec![npc("vale", "tam", &["guard"])]);
    assert_eq!(documents(&lore.searcher().search(&asked).await), ["a_all", "b_tam", "c_wise"]);
    fake.apply(3, vec![npc("vale", "tam", &[])]);
    assert_eq!(documents(&lore.searcher().search(&asked).await), ["a_all", "b_tam"]);
}

#[tokio::test]
async fn while_the_embedder_is_down_words_are_searched_and_it_is_said() {
    let mut fake = Fake::new("vale", 1);
    let counting = Arc::new(Counting::default());
    counting.is_down.store(true, Ordering::SeqCst);
    fake.apply(1, vec![chunk("vale", "lake", 1, "the bells ring", None)]);
    let lore = Lore::open(fake.realm.clone(), Some(counting.clone()));
    let asked = question(None, "bells", 1);
    let found = lore.searcher().search(&asked).await;
    assert_eq!((documents(&found), found.ranking), (vec!["lake"], Ranking::Bm25));
    assert_eq!(found.why.as_deref(), Some("the embedder is down"));

    counting.is_down.store(false, Ordering::SeqCst);
    let found = until(&lore, &asked, Ranking::Cosine).await;
    assert_eq!((documents(&found), found.why.as_deref()), (vec!["lake"], None));

    counting.is_down.store(true, Ordering::SeqCst);
    fake.apply(2, vec![chunk("vale", "mill", 1, "a bell and no bells", None)]);
    let found = until(&lore, &asked, Ranking::Bm25).await;
    assert_eq!(found.hits.len(), 1, "what is not embedded yet is found by its words");
    assert!(found.why.is_some());

    // When it comes back it is noticed without a change of the lore.
    counting.is_down.store(false, Ordering::SeqCst);
    let found = until(&lore, &question(None, "a bell and no bells", 1), Ranking::Cosine).await;
    assert_eq!(documents(&found), ["mill"]);
    lore.close().await;
}

#[test]
fn a_vector_that_is_none_is_not_kept() {
    let mut index = Index::default();
    let (_, _, row) = chunk("vale", "lake", 1, "bells", None);
    let chunk = LoreChunk::of(&row.expect("a row"));
    let digest = chunk.digest.clone();
    index.insert(chunk);
    for wrong in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
        assert!(!index.embed(&digest, wrong), "{wrong:?}");
        assert_eq!(index.lacking(), 1);
        assert_eq!(index.by_vector(&[1.0, 0.0], &Asker::Anyone, 1), None);
    }
    assert!(index.embed(&digest, &[0.0, 2.0]));
    assert_eq!(index.by_vector(&[1.0, 0.0, 0.0], &Asker::Anyone, 1), None, "another length");
    let hits = index.by_vector(&[0.0, 0.1], &Asker::Anyone, 1).expect("it can be compared");
    assert!((hits[0].score - 1.0).abs() < 1e-6);
}

/// Exact search against all cosines in double precision, over what random edits have left.
#[test]
fn the_nearest_are_those_of_brute_force() {
    let mut chance = Chance::new(11);
    let mut index = Index::default();
    let mut kept: BTreeMap<(String, String), (Vec<f32>, bool)> = BTreeMap::new();
    let length = 37;
    for step in 0..3_000 {
        let (document, number) =
            (format!("d{:03}", chance.below(40)), u32::try_from(chance.below(20)).expect("small"));
        let secret = chance.below(3) == 0;
        let write = chunk("vale", &document, number, &format!("text {step}"), secret.then_some(&["wise"]));
        let chunk = LoreChunk::of(write.2.as_ref().expect("a row"));
        let key = (chunk.document.as_str().to_owned(), chunk.chunk.as_str().to_owned());
        if chance.below(4) == 0 {
            index.remove(&chunk.document, &chunk.chunk);
            kept.remove(&key);
            continue;
        }
        // Few different values, so that many scores are equal.
        let mut number = || f32::from(u8::try_from(chance.below(3)).expect("small")) - 1.0;
        let mut vector: Vec<f32> = (0..length).map(|_| number()).collect();
        vector[0] = 2.0;
        let digest = chunk.digest.clone();
        index.insert(chunk);
        assert!(index.embed(&digest, &vector));
        kept.insert(key, (vector, secret));
    }
    for _ in 0..50 {
        let asked: Vec<f32> =
            (0..length).map(|_| f32::from(u8::try_from(chance.below(5)).expect("small")) - 1.9).collect();
        for (asker, sees) in [
            (Asker::Anyone, true),
            (Asker::Npc { id: "tam".to_owned(), tags: vec!["guard".to_owned()] }, false),
            (Asker::Npc { id: "tam".to_owned(), tags: vec!["wise".to_owned()] }, true),
        ] {
            let hits = index.by_vector(&asked, &asker, 10).expect("all are embedded");
            let cosine = |vector: &[f32]| {
                let of = |a: &[f32], b: &[f32]| -> f64 {
                    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
                };
                of(vector, &asked) / (of(vector, vector).sqrt() * of(&asked, &asked).sqrt())
            };
            let mut all: Vec<f64> = kept
                .values()
                .filter(|(_, secret)| sees || !secret)
                .map(|(vector, _)| cosine(vector))
                .collect();
            all.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(hits.len(), 10);
            for (hit, best) in hits.iter().zip(&all) {
                let key = (hit.chunk.document.as_str().to_owned(), hit.chunk.chunk.as_str().to_owned());
                let (vector, secret) = &kept[&key];
                assert!(sees || !secret);
                assert!((cosine(vector) - best).abs() < 1e-5 && (hit.score - best).abs() < 1e-5);
            }
            let order =
                |hit: &worldflow_sinks::lore::Hit| (hit.chunk.document.clone(), hit.chunk.chunk.clone());
            for pair in hits.windows(2) {
                assert!(
                    pair[0].score > pair[1].score
                        || (pair[0].score == pair[1].score && order(&pair[0]) < order(&pair[1]))
                );
            }
        }
    }
}

/// `Bearer player` may not; `Bearer <realm>` searches that realm.
fn authorize() -> Authorize {
    Arc::new(|headers, _| {
        let token = headers.get("authorization").and_then(|header| header.to_str().ok());
        match token.and_then(|token| token.strip_prefix("Bearer ")) {
            Some("player") => Err(HttpError::forbidden("not a player's".to_owned(), String::new())),
            Some(realm) => Ok(Scope::Realm(realm.into())),
            None => Err(HttpError::unauthenticated()),
        }
    })
}

#[tokio::test]
async fn lore_is_searched_over_http_by_those_who_may() {
    let mut fake = Fake::new("vale", 1);
    fake.apply(7, vec![chunk("vale", "lake", 1, "the bells ring", Some(&["tam"])), npc("vale", "ysa", &[])]);
    let moor = Fake::new("moor", 1);
    let (vale, moor) = (Lore::open(fake.realm.clone(), None), Lore::open(moor.realm.clone(), None));
    let server = http::Server::start(lore_router(vec![vale.searcher(), moor.searcher()], authorize())).await;
    let get = async |path: &str, token: Option<&str>| server.get_as(path, token).await;

    let path = "/v1/realms/vale/lore?q=bells";
    let answer = get(path, Some("vale")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut json = answer.json();
    assert!(json["hits"][0]["score"].as_f64().is_some_and(|score| score > 0.0));
    json["hits"][0]["score"] = json!(1);
    let hit = json!({"document": "lake", "chunk": "#1", "heading": "", "score": 1, "text": "the bells ring"});
    assert_eq!(json, json!({"realm": "vale", "tick": 7, "ranking": "bm25", "why": null, "hits": [hit]}));
    assert_eq!(get(&format!("{path}&npc=ysa&k=3"), Some("vale")).await.json()["hits"], json!([]));
    assert_eq!(get(&format!("{path}&npc=tam"), Some("vale")).await.json()["hits"][0]["document"], "lake");

    for (path, token, status, code) in [
        (path, None, 401, "unauthenticated"),
        (path, Some("player"), 403, "not_allowed"),
        (path, Some("moor"), 404, "unknown_realm"),
        ("/v1/realms/nowhere/lore?q=bells", Some("vale"), 404, "unknown_realm"),
        ("/v1/realms/vale/lore", Some("vale"), 400, "bad_query"),
        ("/v1/realms/vale/lore?q=%20", Some("vale"), 400, "bad_value"),
        ("/v1/realms/vale/lore?q=a&k=0", Some("vale"), 400, "bad_value"),
        ("/v1/realms/vale/lore?q=a&k=51", Some("vale"), 400, "bad_value"),
        ("/v1/realms/vale/lore?q=a&x=1", Some("vale"), 400, "bad_query"),
    ] {
        let answer = get(path, token).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (status, json!(code)), "{path}");
    }
}
