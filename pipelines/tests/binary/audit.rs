//! The audit log: what is in it, who may read it, and what is in no log at all.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Deed, Encoding, connect, deed};
use crate::http::{get, post};
use crate::process::{Server, path, worldflow};
use crate::worlds;

const SECRET: &str = "hunter2: a secret that is long enough";
const GIVEN: &str = "hunter2-given-token";
const WRONG: &str = "hunter2-wrong-token";
const SAID: &str = "hunter2 was my first password";

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).expect("there is an audit log");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

/// The lines of an act, each as these of its members.
fn acts(lines: &[Value], act: &str, members: &[&str]) -> Vec<Value> {
    let of = lines.iter().filter(|line| line["act"] == act);
    of.map(|line| members.iter().map(|member| line[member].clone()).collect()).collect()
}

fn token(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims =
        json!({"realm": "small", "role": "player", "sub": subject, "exp": now + 600, "jti": "login-17"});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).expect("it can be signed")
}

/// Opens a session whose token comes in its first frame.
async fn say_hello(server: &Server, token: &str) {
    let address = format!("ws://{}/v1/socket", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.expect("anybody may say hello");
    let hello = json!({"hello": {"version": 1, "token": token}}).to_string();
    socket.send(Message::text(hello)).await.expect("open");
    let welcome = socket.next().await.expect("open").expect("whole");
    assert!(welcome.to_text().is_ok_and(|text| text.contains("welcome")), "{welcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_and_what_is_done_is_written_down_and_no_secret_is() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let given = ["--jwt", "HS256=WORLD_SECRET", "--token", "small/game_server/eu-1=WORLD_TOKEN"];
    let rest = ["--manual-clock", "--development", "--data", path(&data), path(&world)];
    // Everything that is ever logged is, in the code of others too.
    let environment = [("WORLD_SECRET", SECRET), ("WORLD_TOKEN", GIVEN), ("RUST_LOG", "trace")];
    let server = Server::guarded("http", &[&given[..], &rest].concat(), &environment);

    let ana = token("ana");
    let mut client = Client::open(&server, &ana, Encoding::Json).await;
    // More often than is written out: it is counted.
    for number in 0..12 {
        let ack = client.publish(&[deed(&format!("k{number}"), "ana", "kill", "wolf")]).await;
        assert_eq!(ack["refused"], 1, "{ack}");
    }
    let said = Deed { said: Some(SAID), ..deed("t", "bo", "talk", "maren") };
    client.publish(&[said]).await;
    drop(client);
    // The token may come in the first frame as well.
    say_hello(&server, GIVEN).await;
    assert!(connect(&server, "/v1/socket", Some(WRONG), Encoding::Json).await.is_err());
    assert_eq!(get(&server, &format!("/v1/views/levels?token={WRONG}"), None).await.status, 401);
    assert_eq!(get(&server, "/v1/views/levels", Some(&ana)).await.status, 403);
    assert_eq!(post(&server, "/v1/events", Some(WRONG), SAID).await.status, 401);
    let moved = post(&server, "/v1/clock/advance", Some(GIVEN), r#"{"ticks": 3}"#).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    let said = server.interrupt();
    let backup = folder.path().join("backup");
    assert!(worldflow(["backup", path(&data), path(&backup)]).status.success());

    let known = lines(&data, "audit.jsonl");
    let all: Vec<&str> = known.iter().filter_map(|line| line["act"].as_str()).collect();
    assert_eq!(all[..2], ["server_started", "definitions_written"], "{all:?}");
    assert_eq!(all.last(), Some(&"backup"), "also by another process");
    assert_eq!(acts(&known, "definitions_written", &["realm", "quests", "npcs"]), [json!(["small", 2, 0])]);
    let who = ["realm", "role", "subject", "token_id"];
    let opened =
        [json!(["small", "player", "ana", "login-17"]), json!(["small", "game_server", "eu-1", null])];
    assert_eq!(acts(&known, "session_opened", &who), opened);
    assert_eq!(acts(&known, "session_closed", &[&who[..], &["code"]].concat()).len(), 2);
    assert!(known.iter().any(|line| line["act"] == "session_opened"
        && line["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:"))));
    let refused = acts(&known, "authority_refused", &["subject", "field", "times"]);
    assert_eq!(refused.len(), 11, "ten of them, and how many more: {refused:?}");
    assert_eq!(refused[0], json!(["ana", "kind", null]));
    assert_eq!(refused[10], json!(["ana", "player", 3]));
    assert_eq!(
        acts(&known, "request_refused", &["subject", "route", "code"]),
        [json!(["ana", "/v1/views/...", "not_allowed"])]
    );
    assert_eq!(acts(&known, "clock_advanced", &["subject", "ticks"]), [json!(["eu-1", 3])]);
    assert_eq!(acts(&known, "server_stopped", &["well"]), [json!([true])]);
    let strangers = lines(&data, "audit-strangers.jsonl");
    assert_eq!(acts(&strangers, "session_refused", &["code"]), [json!(["unauthenticated"])]);
    assert_eq!(
        acts(&strangers, "request_refused", &["route"]),
        [json!(["/v1/views/..."]), json!(["/v1/events"])]
    );

    for name in ["audit.jsonl", "audit-strangers.jsonl"] {
        let file = data.join(name);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&file).expect("a file");
        assert!(said.stderr.contains("TRACE"), "everything is logged");
        for secret in ["hunter2", &ana, ana.rsplit('.').next().expect("a signature")] {
            assert!(!text.contains(secret), "{name} holds {secret}: {text}");
            assert!(!said.stderr.contains(secret) && !said.stdout.contains(secret), "{said:?}");
        }
    }
}
