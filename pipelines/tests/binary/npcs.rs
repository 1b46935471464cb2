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
type Call = (Value, oneshot::Sender<Value>);

/// An OpenAI-compatible server whose answers the test gives.
struct Model {
    url: String,
    calls: mpsc::UnboundedReceiver<Call>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Model {
    async fn start() -> Model {
        let (called, calls) = mpsc::unbounded_channel();
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(called);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Model { url, calls, serving }
    }

    async fn call(&mut self) -> Call {
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

fn says(id: &str, said: &'static str) -> Deed {
    Deed { said: Some(said), ..deed(id, "player-1", "talk", "maren") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_is_answered_by_the_model_or_by_the_bark() {
    let mut model = Model::start().await;
    let folder = worlds::small();
    let world = folder.path().join("world");
    let tiers = format!("{}tiers:\n  gold: {{url: \"{}\", model: bard}}\n", worlds::WORLD, model.url);
    let npcs = "maren:\n  tier: gold\n  patience: 30s\n  persona: You are Maren.\n  \
                prompt: \"{player} says: {said}\"\n  barks: [Sit down.]\n";
    worlds::write(&world, &[("world.yaml", &tiers), ("npcs.yaml", npcs)]);
    let server = Server::run(&world, &folder.path().join("data"), &[]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Protobuf).await;
    player.subscribe(&["npc_lines"]).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["npc_requests"]).await;

    let ack = player.publish(&[says("1", "what of the wolves")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    let (body, answer) = model.call().await;
    assert_eq!(body["model"], "bard");
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "You are Maren."}));
    assert_eq!(body["messages"][1]["content"], "player-1 says: what of the wolves");
    let asked = operator.until_row("npc_requests", json!({"npc": "maren", "player": "player-1"})).await;
    assert_eq!(asked["tier"], "gold", "{asked}");
    assert_eq!(player.table("npc_lines").len(), 0, "nothing is said before the answer");
    let choice = json!({"message": {"role": "assistant", "content": "They are loud tonight."}});
    answer.send(json!({"choices": [choice]})).expect("the tier waits");
    let line = player.until_row("npc_lines", json!({"npc": "maren", "line": 1})).await;
    let wanted = ("They are loud tonight.", "model", "gold");
    assert_eq!(
        (&line["text"], &line["provenance"], &line["tier"]),
        (&json!(wanted.0), &json!(wanted.1), &json!(wanted.2))
    );
    assert_eq!(line.get("why"), None, "{line}");
    operator.until("answered request", |operator| operator.table("npc_requests").is_empty()).await;

    model.stop().await;
    player.publish(&[says("2", "and the bears")]).await;
    let line = player.until_row("npc_lines", json!({"npc": "maren", "line": 2})).await;
    let wanted = ("Sit down.", "authored", "failed");
    assert_eq!(
        (&line["text"], &line["provenance"], &line["why"]),
        (&json!(wanted.0), &json!(wanted.1), &json!(wanted.2))
    );
    server.stop();
}
