//! Events by HTTP, one JSON object a line.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use worldflow_sources::game_socket::Limits;

use crate::realm::{Server, start};

/// A plain HTTP/1.1 request: its status and the JSON of its answer.
pub(crate) async fn post(server: &Server, token: &str, body: &[u8]) -> (u16, Value) {
    let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let (mut read, mut write) = socket.split();
    let send = async {
        // The server may answer and hang up before it has read everything.
        let _ = write.write_all(head.as_bytes()).await;
        let _ = write.write_all(body).await;
    };
    let mut answer = Vec::new();
    let receive = async { read.read_to_end(&mut answer).await.expect("an answer") };
    tokio::join!(send, receive);
    let answer = String::from_utf8(answer).expect("text");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    let (_, json) = answer.split_once("\r\n\r\n").expect("a body");
    (status, serde_json::from_str(json).expect("JSON"))
}

#[tokio::test]
async fn each_line_is_taken_or_refused_with_its_number() {
    let server = start(Limits { line_bytes: 200, ..Limits::default() }).await;
    let mut body = Vec::new();
    body.extend_from_slice(
        b"{\"id\": \"1\", \"kind\": \"kill\", \"player\": \"ana\", \"target\": \"wolf\"}\n\r\n\n",
    );
    body.extend_from_slice(
        b"{\"id\": \"1\", \"kind\": \"kill\", \"player\": \"ana\", \"target\": \"wolf\"}\n",
    );
    body.extend_from_slice(b"{\"id\": \"x\", \"kind\": \"kil\"}\n{\"kind\": \n\xc3\x28\n");
    body.extend_from_slice(
        format!("{{\"kind\": \"kill\", \"player\": \"{}\"}}\n", "x".repeat(300)).as_bytes(),
    );
    body.extend_from_slice(b"{\"kind\": \"kill\"}");
    let (status, summary) = post(&server, &server.game_server, &body).await;
    assert_eq!(status, 200);
    let counts = ["lines", "accepted", "duplicates", "refused"].map(|name| summary[name].as_i64());
    assert_eq!(counts, [7, 2, 1, 4].map(Some), "{summary}");
    let errors: Vec<(i64, &str)> = summary["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| (error["line"].as_i64().expect("a number"), error["code"].as_str().expect("a code")))
        .collect();
    assert_eq!(errors, [(5, "unknown_kind"), (6, "malformed"), (7, "malformed"), (8, "line_too_long")]);
    assert_eq!(summary["errors"][0]["id"], "x");
    assert!(summary["errors"][0]["hint"].as_str().is_some_and(|hint| hint.contains("`kill`")));
}

#[tokio::test]
async fn a_body_of_wrong_names_gets_a_few_hints() {
    let server = start(Limits::default()).await;
    let (_, summary) =
        post(&server, &server.game_server, "{\"kind\": \"kil\"}\n".repeat(500).as_bytes()).await;
    let errors = summary["errors"].as_array().expect("a list");
    let near =
        errors.iter().filter(|error| error["hint"].as_str().is_some_and(|hint| hint.contains("`kill`")));
    assert_eq!((errors.len(), near.count()), (500, 10));
}

#[tokio::test]
async fn a_long_body_is_taken_in_batches() {
    let server = start(Limits::default()).await;
    let lines: String = (0..25_000)
        .map(|n| format!("{{\"id\":\"{n}\",\"kind\":\"kill\",\"player\":\"p{}\"}}\n", n % 50))
        .collect();
    let (status, summary) = post(&server, &server.game_server, lines.as_bytes()).await;
    assert_eq!((status, &summary["accepted"], &summary["refused"]), (200, &json!(25_000), &json!(0)));
    let (_, again) = post(&server, &server.game_server, lines.as_bytes()).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(25_000)));
}

#[tokio::test]
async fn a_token_is_needed() {
    let server = start(Limits::default()).await;
    for token in ["", "0000", "é"] {
        let (status, answer) = post(&server, token, b"{\"kind\": \"kill\"}").await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthenticated")), "{token}");
    }
    let (status, answer) = post(&server, &server.ana, b"{\"kind\": \"kill\"}").await;
    assert_eq!((status, &answer["errors"][0]["code"]), (200, &json!("not_allowed")));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let limits = Limits { body: std::time::Duration::from_millis(50), ..Limits::default() };
    let server = start(limits).await;
    let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\n\
         {{\"id\": \"whole\", \"kind\": \"kill\", \"player\": \"ana\"}}\n{{\"id\": \"half\", ",
        server.game_server
    );
    socket.write_all(request.as_bytes()).await.expect("there is room");
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer);
    // It may be cut while its body is still owed.
    let _reset = tokio::time::timeout(std::time::Duration::from_secs(20), end).await.expect("an end");
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_stalled\""), "{answer}");
    let state = server.state.lock().expect("no panic");
    let ids = state.inputs.iter().map(|input| match input {
        worldflow_schemas::Input::Event(event) => event.id.clone(),
        worldflow_schemas::Input::Command(command) => panic!("{command:?}"),
    });
    assert_eq!(ids.collect::<Vec<_>>(), [worldflow_schemas::EventId::Named("whole".into())]);
}

/// A byte now and then is no body either.
#[tokio::test]
async fn a_body_that_comes_by_single_bytes_is_not_waited_for() {
    let limits = Limits { body: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n",
        server.game_server
    );
    socket.write_all(head.as_bytes()).await.expect("there is room");
    let (mut read, mut write) = socket.split();
    let drip = async {
        let mut every = tokio::time::interval(Duration::from_millis(20));
        loop {
            every.tick().await;
            // It is cut off at some time.
            if write.write_all(b" ").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = [0; 12];
    tokio::select! {
        read = tokio::time::timeout(Duration::from_secs(20), read.read_exact(&mut answer)) => {
            read.expect("not waited for").expect("an answer");
        }
        () = drip => {}
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
}

/// A body is read as fast as the token may send; who comes while more is owed is told when to come again.
#[tokio::test]
async fn a_tokens_lines_and_requests_are_counted() {
    let limits = Limits { server_token_items_per_s: 2_000, ..Limits::default() };
    let server = start(limits).await;
    let lines = |from: u32| -> String {
        (from..from + 5_000)
            .map(|n| format!("{{\"id\":\"{n}\",\"kind\":\"kill\",\"player\":\"p\"}}\n"))
            .collect()
    };
    let began = tokio::time::Instant::now();
    let (status, summary) = post(&server, &server.game_server, lines(0).as_bytes()).await;
    assert_eq!((status, &summary["accepted"], &summary["refused"]), (200, &json!(5_000), &json!(0)));
    // The last of five thousand can only be taken when all but a second's worth and one batch are paid for.
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let (status, answer) = post(&server, &server.game_server, lines(5_000).as_bytes()).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &json!("rate_limited")), "{answer}");
    let wait = answer["error"]["retry_after_ms"].as_u64().expect("it says when");
    assert!((1..=1_000).contains(&wait), "{wait}");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    let (status, summary) = post(&server, &server.game_server, lines(5_000).as_bytes()).await;
    assert_eq!((status, &summary["accepted"]), (200, &json!(5_000)), "nothing of it was taken before");
    // Another token has its own.
    assert_eq!(post(&server, &server.ana, b"{\"kind\": \"say\"}").await.0, 200);
}

#[tokio::test]
async fn requests_are_counted_by_token_and_by_address_without_one() {
    let limits = Limits { token_requests_per_s: 3, stranger_requests_per_s: 2, ..Limits::default() };
    let server = start(limits).await;
    let mut of = Vec::new();
    for token in [&*server.ana, "wrong", "wrong too"] {
        for _ in 0..5 {
            of.push(post(&server, token, b"").await);
        }
    }
    let statuses: Vec<u16> = of.iter().map(|(status, _)| *status).collect();
    // A second's worth and one more; a test machine may be slow enough for another one.
    let [ana, strangers] = [&statuses[..5], &statuses[5..]];
    assert!(ana.starts_with(&[200; 4]) && ana.contains(&429), "{statuses:?}");
    assert!(strangers.starts_with(&[401; 3]) && strangers.contains(&429), "{statuses:?}");
    let (_, refused) = of.iter().find(|(status, _)| *status == 429).expect("just seen");
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["retryable"]),
        (&json!("rate_limited"), &json!(true))
    );
    assert!(refused["error"]["retry_after_ms"].is_u64());
    // The game server is not the player.
    assert_eq!(post(&server, &server.game_server, b"").await.0, 200);
}
