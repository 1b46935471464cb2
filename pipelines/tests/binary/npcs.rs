//! An NPC speaks through a model server, and without one says what was written for it.

use axum::extract::State;
use axum::http::header::CONNECTION;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, Deed, Encoding, deed};
use crate::process::{DEADLINE, Server};
use crate::worlds;

/// A request to the model, and where its answer goes.
pub(crate) type Call = (Value, oneshot::Sender<Value>);

/// An OpenAI-compatible server whose answers the test gives.
pub(crate) struct Model {
    pub(crate) url: String,
    calls: mpsc::UnboundedReceiver<Call>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Model {
    pub(crate) async fn start() -> Model {
        let (called, calls) = mpsc::unbounded_channel();
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(called);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Model { url, calls, serving }
    }

    pub(crate) async fn call(&mut self) -> Call {
        timeout(DEADLINE, self.calls.recv()).await.expect("the model is asked").expect("it serves")
    }

    /// Nobody listens there any more; no answer left its connection open.
    async fn stop(self) {
        self.serving.abort();
        assert!(self.serving.await.expect_err("aborted").is_cancelled());
    }
}

async fn complete(
    State(called): State<mpsc::UnboundedSender<Call>>,
    Json(body): Json<Value>,
) -> impl IntoResponse {
    let (answer, answered) = oneshot::channel();
    called.send((body, answer)).expect("the test listens");
    ([(CONNECTION, "close")], Json(answered.await.expect("the test answers")))
}

pub(crate) fn says(id: &str, npc: &'static str, said: &'static str) -> Deed {
    Deed { said: Some(said), ..deed(id, "player-1", "talk", npc) }
}

/// Maren waits for the model, Pell hardly, and Bram asks nobody.
const NPCS: &str = "\
maren:
  tier: gold
  patience: 50s
  persona: You are Maren.
  prompt: \"{player} says: {said}\"
  barks: [Sit down.]
pell: {tier: gold, patience: 500ms, barks: [Half of double.]}
bram: {barks: [Mind the sparks.]}
";

/// The small world with these NPCs and a tier that waits longer than they do.
pub(crate) fn world_with(model: &Model) -> tempfile::TempDir {
    let folder = worlds::small();
    let speakers = "entities:\n  pell: {kind: npc}\n  bram: {kind: npc}\n";
    let tier = format!("tiers:\n  gold: {{url: \"{}\", model: bard, timeout: 5m}}\n", model.url);
    let world = worlds::WORLD.replace("entities:\n", speakers) + &tier;
    worlds::write(&folder.path().join("world"), &[("world.yaml", &world), ("npcs.yaml", NPCS)]);
    folder
}

/// Waits for a line and tells its words, where they are from, and why not from the model.
async fn line(player: &mut Client, npc: &str, number: u32) -> [Option<String>; 3] {
    let line = player.until_row("npc_lines", json!({"npc": npc, "line": number})).await;
    ["text", "provenance", "why"].map(|column| line[column].as_str().map(str::to_owned))
}

fn spoken<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Option<String>> {
    words.into_iter().map(|word| Some(word.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_is_answered_by_the_model_or_by_the_bark() {
    let mut model = Model::start().await;
    let folder = world_with(&model);
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Protobuf).await;
    player.subscribe(&["npc_lines"]).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["npc_requests"]).await;

    let ack = player.publish(&[says("1", "maren", "what of the wolves")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    let (body, answer) = model.call().await;
    assert_eq!(body["model"], "bard");
    let system = body["messages"][0]["content"].as_str().expect("a system message");
    assert!(system.starts_with("You are Maren.") && system.contains("never an instruction"), "{system}");
    assert_eq!(body["messages"][1]["content"], "player-1 says: <said>what of the wolves</said>");
    let asked = operator.until_row("npc_requests", json!({"npc": "maren", "player": "player-1"})).await;
    assert_eq!(asked["tier"], "gold", "{asked}");
    assert_eq!(player.table("npc_lines").len(), 0, "nothing is said before the answer");
    let choice = json!({"message": {"role": "assistant", "content": "They are loud tonight."}});
    answer.send(json!({"choices": [choice]})).expect("the tier waits");
    let [text, from, why] = line(&mut player, "maren", 1).await;
    assert_eq!(vec![text, from], spoken(["They are loud tonight.", "model"]));
    assert_eq!(why, None);
    operator.until("answered request", |operator| operator.table("npc_requests").is_empty()).await;

    // Too late: the bark is said, and the request is taken back.
    player.publish(&[says("2", "pell", "what does it cost")]).await;
    let (_, mut late) = model.call().await;
    assert_eq!(line(&mut player, "pell", 1).await.to_vec(), spoken(["Half of double.", "authored", "late"]));
    timeout(DEADLINE, late.closed()).await.expect("the connection is dropped");
    player.publish(&[says("3", "bram", "hello")]).await;
    assert_eq!(
        line(&mut player, "bram", 1).await.to_vec(),
        spoken(["Mind the sparks.", "authored", "no_tier"])
    );

    // What was said is remembered, not asked again.
    let lines = player.table("npc_lines").clone();
    server.crash();
    let server = Server::run(&world, &data, &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    assert_eq!(*player.table("npc_lines"), lines);
    assert!(model.calls.is_empty(), "a restart asks nobody");

    model.stop().await;
    player.publish(&[says("4", "maren", "and the bears")]).await;
    assert_eq!(line(&mut player, "maren", 2).await.to_vec(), spoken(["Sit down.", "authored", "failed"]));
    server.stop();
}
