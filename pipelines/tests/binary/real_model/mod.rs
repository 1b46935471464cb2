//! A model that was trained, behind the tier silver: what it says goes the whole way to a player's socket.
//!
//! It is small and says odd things, so nothing here looks at what it means. That it is taken is tested, and how it is
//! judged, that it is streamed, and that the server stops when nobody waits any more: its own counters say so.

mod embedder;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::timeout;
use worldflow_sinks::guard::{self, Form, Guard, Head, Reference, Saying, Told, Verdict};

use crate::client::{Client, Encoding};
use crate::http::get;
use crate::npcs::says;
use crate::process::{DEADLINE, Server};
use crate::worlds;
use server::{MODEL, llama};

/// Maren answers, and Bram would talk for ever. Examples are what a model that was not tuned goes by.
const NPCS: &str = r#"
maren:
  tier: silver
  patience: 55s
  max_tokens: 24
  persona: |-
    Maren, the elder of a village in the hills, answers every question in one short sentence.

    Who are you?
    I am Maren, and this is my house.

    Is the well clean?
    The well is clean, but the water is cold.
  prompt: "{said}"
  barks: [Sit down.]
bram:
  tier: silver
  patience: 55s
  max_tokens: 400
  persona: A smith counts.
  prompt: "{said}"
  barks: [Mind the sparks.]
"#;

const QUESTIONS: [&str; 3] = ["What of the wolves?", "Where is the mill?", "Is the winter long here?"];

/// The small world with a tier that is a real server, and lines of one sentence.
fn world_with(url: &str) -> tempfile::TempDir {
    let folder = worlds::small();
    let tier = format!(
        "tiers:\n  silver: {{url: \"{url}\", model: {MODEL}, max_in_flight: 2, timeout: 50s, stall: 30s}}\n"
    );
    let world = worlds::WORLD.replace("entities:\n", "entities:\n  bram: {kind: npc}\n");
    let world = world + &tier + "guard: {most: {graphemes: 200, sentences: 1}}\n";
    worlds::write(&folder.path().join("world"), &[("world.yaml", &world), ("npcs.yaml", NPCS)]);
    folder
}

/// How often something was measured, and the sum.
async fn measured(server: &Server, name: &str) -> (f64, f64) {
    let page = get(server, "/metrics", Some(server.token("dashboard"))).await.body;
    let read = |what: &str| {
        let named = page.lines().find(|line| line.starts_with(&format!("{name}_{what}{{")));
        let value = named.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name}_{what} in:\n{page}"))
    };
    (read("count"), read("sum"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_real_model_says_reaches_the_player() {
    let llama = llama().await;
    let before = llama.counters().await["tokens_predicted_total"];
    let folder = world_with(&llama.url);
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Protobuf).await;
    player.subscribe(&["npc_lines"]).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["tiers"]).await;

    let mut from_model = 0;
    for (said, line) in QUESTIONS.into_iter().zip(1..) {
        let ack = player.publish(&[says(&line.to_string(), "maren", said)]).await;
        assert_eq!(ack["accepted"], 1, "{ack}");
        let line = player.until_row("npc_lines", json!({"npc": "maren", "line": line})).await;
        let text = line["text"].as_str().expect("a line has a text");
        if line["provenance"] == "model" {
            assert_eq!(line["tier"], "silver", "{line}");
            assert!(text != "Sit down." && text.chars().any(char::is_alphabetic), "{line}");
            assert!(!text.contains('\n') && !text.contains('<'), "no marks of a template: {line}");
            from_model += 1;
        } else {
            // What the guard does not let through is a bark, and says so.
            assert_eq!((&line["text"], &line["why"]), (&json!("Sit down."), &json!("failed")), "{line}");
        }
    }
    assert!(from_model > 0, "none of what the model said was let through: {:#?}", player.table("npc_lines"));

    let tier = operator.until_row("tiers", json!({"tier": "silver", "answered": 3})).await;
    let count = |column: &str| tier[column].as_f64().expect("a number");
    assert_eq!((count("sent"), count("failed"), count("cancelled")), (3.0, 0.0, 0.0), "{tier}");
    assert!(count("prompt_tokens") > 100.0, "{tier}");
    let by_server = llama.counters().await["tokens_predicted_total"] - before;
    // One sentence may be said, so nobody hears the rest, and the server stops before it has said all that it may.
    assert!(by_server > 0.0 && by_server <= 3.0 * 24.0, "{by_server} tokens");
    assert!(count("tokens") > 0.0, "{tier}");

    // It is read as it comes: the first words are there well before the last.
    let (first_count, first_ms) = measured(&server, "worldflow_tier_first_token_ms").await;
    let (count, whole_ms) = measured(&server, "worldflow_tier_latency_ms").await;
    assert_eq!((first_count, count), (3.0, 3.0));
    assert!(first_ms > 0.0 && first_ms < 0.9 * whole_ms, "{first_ms} ms of {whole_ms} ms");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_that_is_taken_back_stops_the_server() {
    let llama = llama().await;
    let before = llama.counters().await;
    let folder = world_with(&llama.url);
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &[]);
    let mut game = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let here = json!([{"id": "p1", "presence": {"player": "player-1", "server": "s1", "region": "meadow"}}]);
    game.write(&here).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["tiers", "npc_requests", "npc_lines"]).await;
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.publish(&[says("1", "bram", "Count to a thousand: one, two, three, four,")]).await;
    operator.until_row("npc_requests", json!({"npc": "bram"})).await;
    let decoded = |now: &BTreeMap<String, f64>| now["n_decode_total"] - before["n_decode_total"];
    llama.until("in the midst of its answer", |now| decoded(now) > 5.0).await;
    assert_eq!(llama.busy_slots().await, 1);

    game.write(&json!([{"id": "p2", "presence": {"player": "player-1", "away": true}}])).await;
    operator.until("no request", |operator| operator.table("npc_requests").is_empty()).await;
    llama.until("at rest", |now| now["requests_processing"] == 0.0).await;
    let after = llama.counters().await;
    let said = after["tokens_predicted_total"] - before["tokens_predicted_total"];
    assert!((1.0..300.0).contains(&said), "{said} tokens of 400 were said");
    assert_eq!(llama.busy_slots().await, 0);
    let tier = operator.until_row("tiers", json!({"tier": "silver", "cancelled": 1})).await;
    assert_eq!((&tier["answered"], &tier["failed"], &tier["in_flight"]), (&json!(0), &json!(0), &json!(0)));
    assert!(operator.table("npc_lines").is_empty(), "who has left hears nothing");
    server.stop();
}

/// How answers look.
const EXAMPLES: &str = r#"Maren, the elder of a village in the hills, answers every question in one short sentence, as JSON.

Who are you?
{"emotion": "calm", "action": "wave", "refs": [], "line": "I am Maren, and this is my house."}

Is the well clean?
{"emotion": "calm", "action": null, "refs": ["well"], "line": "The well is clean, but the water is cold."}"#;

fn guarded() -> Arc<Guard> {
    let rules = json!({"emotions": ["calm", "angry"], "actions": ["wave"], "most": {"graphemes": 200, "sentences": 2}});
    let world = serde_json::from_value(json!({"name": "w", "seed": 1, "guard": rules})).expect("a world");
    Arc::new(Guard::new(&world, []).expect("rules that can be compiled"))
}

/// What came of a structured answer, and in how many pieces it came.
#[derive(Debug, Default)]
struct Judged {
    head: Option<Head>,
    sentences: Vec<String>,
    verdict: Option<Verdict>,
    pieces: usize,
}

/// Asks for an answer in the guard's form, and has it judged as it comes.
async fn structured(llama: &server::Llama, guard: &Arc<Guard>, said: &str) -> Judged {
    let messages = json!([{"role": "system", "content": EXAMPLES}, {"role": "user", "content": said}]);
    // The order of the fields counts, so the format stays the text that it is.
    let body = format!(
        r#"{{"model":"{MODEL}","max_tokens":80,"stream":true,"messages":{messages},"response_format":{}}}"#,
        guard.response_format("maren", &["well", "wolf", "mill"])
    );
    let mut response = llama.chat(body).await;
    assert!(response.status().is_success(), "{}", response.status());
    let mut judge = guard::judge(
        Some(guard),
        Saying {
            npc: "maren".to_owned(),
            others: Vec::new(),
            locale: "en".to_owned(),
            form: Form::Object,
            bark: false,
            system: EXAMPLES.to_owned(),
            last_lines: Vec::new(),
            may_retry: false,
        },
    );
    let known = |_: &str| Reference::Known;
    let (mut judged, mut told, mut rest) = (Judged::default(), Vec::new(), Vec::new());
    while let Some(chunk) =
        timeout(DEADLINE, response.chunk()).await.expect("it goes on").expect("it is sent")
    {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
            let frame: Vec<u8> = rest.drain(..end + 2).collect();
            let Some(data) = frame.strip_prefix(b"data: ") else { continue };
            let data: Value = serde_json::from_slice(data).unwrap_or_default();
            let Some(piece) = data["choices"][0]["delta"]["content"].as_str() else { continue };
            judged.pieces += 1;
            told.extend(judge.read(piece.as_bytes(), &known));
        }
    }
    told.extend(judge.finish(true, &known));
    for part in told {
        match part {
            Told::Head(head) => judged.head = Some(head),
            Told::Sentence { text, .. } => judged.sentences.push(text),
            Told::End(outcome) => judged.verdict = Some(outcome.verdict),
        }
    }
    judged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_model_answers_in_the_form_and_is_judged_as_it_speaks() {
    let (llama, guard) = (llama().await, guarded());
    let mut taken = 0;
    for said in &QUESTIONS[..2] {
        let judged = structured(&llama, &guard, said).await;
        assert!(judged.pieces > 5, "it comes piece by piece: {judged:?}");
        match judged.verdict.expect("every answer has an end") {
            Verdict::Accept | Verdict::Repair => {
                let head = judged.head.as_ref().expect("a head comes before every line");
                assert!(["calm", "angry"].contains(&head.emotion.as_str()), "{judged:?}");
                assert!(head.action.as_deref().is_none_or(|action| action == "wave"), "{judged:?}");
                assert!(
                    head.refs.iter().all(|id| ["well", "wolf", "mill"].contains(&id.as_str())),
                    "{judged:?}"
                );
                assert!(!judged.sentences.is_empty(), "{judged:?}");
                taken += 1;
            }
            // The schema keeps its form; it may still say what is not to be said, and that is named.
            Verdict::Cut(code) | Verdict::FallBack(code) | Verdict::Retry(code) => {
                assert!(!["unguarded", "bad_form", "head_too_long"].contains(&code.name()), "{judged:?}");
            }
        }
    }
    assert!(taken > 0, "nothing of it was taken");
}
