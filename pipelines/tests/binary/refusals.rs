//! What does not start, and who is not let in: each says why and what to do.

use std::net::TcpListener;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;

use crate::client::{Encoding, connect};
use crate::http::{get, post};
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::worlds;

#[test]
fn a_port_in_use_is_said_so() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let said = worldflow(["run", path(&world), "--port", &port, "--data", path(&data)]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stderr.contains(&format!("error: port {port} on 127.0.0.1 is in use\nhint: ")), "{said:?}");
    assert_eq!(said.stdout, "");
}

/// Each line of a log in JSON, by level and text.
fn logged(stderr: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    stderr.lines().map(parse).collect()
}

#[test]
fn a_log_in_json_is_json_to_the_last_line() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let json = ["--log-format", "json"];
    let run = ["run", path(&world), "--data", path(&data), "--port"];

    let said = worldflow(run.into_iter().chain([port.as_str()]).chain(json));
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let log = logged(&said.stderr);
    let last = log.last().expect("an error is logged");
    assert_eq!(
        (&last["level"], &last["message"]),
        (&json!("ERROR"), &json!(format!("port {port} on 127.0.0.1 is in use")))
    );
    assert!(last["hint"].as_str().is_some_and(|hint| hint.contains("--port")), "{last}");

    let said = worldflow(run.into_iter().chain(["99999999"]).chain(json));
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    let log = logged(&said.stderr);
    assert!(
        log.len() == 1 && log[0]["message"].as_str().is_some_and(|text| text.contains("--port")),
        "{log:?}"
    );
}

#[test]
fn a_token_is_for_a_realm_that_runs_and_has_a_subject() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let long = format!("small/player/{}=PATH", "a".repeat(65));
    for (token, error, hint) in [
        ("smal/player/ana=PATH", "unknown realm `smal`", "did you mean `small`?"),
        ("greenvale/player/ana=PATH", "unknown realm `greenvale`", "it is one of small"),
        ("small/players/ana=PATH", "unknown role `players`", "did you mean `player`?"),
        ("small/player/a/b=PATH", "has a `/`", "letters, digits"),
        ("small/player/=PATH", "the subject is empty", "name the game server"),
        ("small/player/ ana=PATH", "space around it", "letters, digits"),
        (&long, "65 bytes where at most 64 may be", "a short stable id"),
        ("small/player=PATH", "not REALM/ROLE/SUBJECT=VARIABLE", "for example"),
        ("small/player/ana=WORLDFLOW_SURELY_NOT_SET", "which is not set", "set the environment variable"),
    ] {
        let run = ["run", path(&world), "--port", "0", "--data", path(&data), "--token", token];
        let said = worldflow(run);
        assert_eq!(said.status.code(), Some(1), "{token} {said:?}");
        let (before, after) = said.stderr.split_once("\nhint: ").expect("a hint");
        assert!(before.contains(error) && after.contains(hint), "{token}: {}", said.stderr);
    }
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn a_data_folder_serves_one_process() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let said = worldflow(["run", path(&world), "--port", "0", "--data", path(&data)]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let held = data.join("small");
    let error = format!("{}: another process is using this data folder\nhint: ", path(&held));
    assert!(said.stderr.contains(&error), "{said:?}");
    server.stop();
    // The folder is free again.
    Server::run(&world, &data, &[]).stop();
}

#[test]
fn time_is_moved_by_hand_in_development_only() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let said = worldflow(["run", path(&world), "--port", "0", "--data", path(&data), "--manual-clock"]);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    assert!(said.stderr.contains("--development"), "{said:?}");
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn a_wrong_world_is_refused_with_every_place() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let said = worldflow(["check", path(&world)]);
    assert!(said.status.success(), "{said:?}");
    let wrong = worlds::QUESTS.replace("target: beast", "target: baest").replace("title: A", "titel: A");
    worlds::write(&world, &[("quests/hunt.yaml", &wrong)]);
    let place = |word: &str| {
        let before = &wrong[..wrong.find(word).expect("it is there")];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        format!("error: quests/hunt.yaml:{line}:{column}: ")
    };
    let said = worldflow(["check", path(&world)]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stdout.contains(&format!("{}unknown target `baest`", place("baest"))), "{said:?}");
    assert!(said.stdout.contains("hint: did you mean `beast`?"), "{said:?}");
    assert!(said.stdout.contains(&format!("{}unknown key `titel`", place("titel"))), "{said:?}");
    let said = worldflow(["run", path(&world), "--port", "0", "--data", path(&data)]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stderr.contains(&place("baest")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_let_in_without_a_token() {
    let folder = worlds::small();
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &[]);
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let refused = connect(&server, "/v1/socket", Some("wrong"), encoding).await;
        let Err(tungstenite::Error::Http(response)) = refused.map(|_| ()) else { panic!("let in") };
        assert_eq!(response.status().as_u16(), 401);
        // A browser cannot send headers: it may still give a token with its hello, but has to.
        let mut client = connect(&server, "/v1/socket", None, encoding).await.expect("a socket");
        let mut codes = Vec::new();
        while let Some(frame) = timeout(DEADLINE, client.receive()).await.expect("an answer, and the end") {
            codes.extend(["error", "goodbye"].map(|name| frame[name]["code"].as_str().map(str::to_owned)));
            assert_eq!(frame.get("welcome"), None, "{frame}");
        }
        let said: Vec<&str> = codes.iter().flatten().map(String::as_str).collect();
        assert!(!said.is_empty() && said.iter().all(|code| *code == "unauthenticated"), "{said:?}");
    }
    for path in ["/v1/views", "/v1/views/quest_state", "/metrics"] {
        for token in [None, Some("wrong")] {
            let answer = get(&server, path, token).await;
            assert_eq!(answer.status, 401, "{path} {answer:?}");
        }
    }
    let event = json!({"player": "ana", "kind": "kill", "target": "wolf"}).to_string();
    for token in [None, Some("wrong")] {
        let answer = post(&server, "/v1/events", token, &event).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    // A player does not read whole views, nor does a dashboard send events.
    let answer = get(&server, "/v1/views/quest_state", Some(server.token("player"))).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let answer = post(&server, "/v1/events", Some(server.token("dashboard")), &event).await;
    assert!(answer.status == 403 || answer.json()["refused"] == 1, "{answer:?}");
    // The same with a good token is let in.
    let answer = post(&server, "/v1/events", Some(server.token("game_server")), &event).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(1)), "{answer:?}");
    server.stop();
}
