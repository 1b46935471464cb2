//! Any bytes: a typed error or a close with a reason, a row of `rejections`, and the server goes on.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use worldflow_sources::game_socket::Limits;

use crate::client::{JsonClient, SOON, connect};
use crate::realm::{Server, start};

/// Sends one message on a session of its own and returns the code of the error that comes back.
async fn answer(server: &Server, subprotocol: &str, message: Message) -> String {
    let raw = connect(server, "/v1/socket", Some(subprotocol), Some(&server.game_server)).await;
    let mut client = JsonClient { raw: raw.expect("connects"), welcome: Value::Null };
    if subprotocol == "worldflow.v1.json" {
        client.send(json!({"hello": {"version": 1}})).await;
        client.expect("welcome").await;
    }
    client.raw.send(message).await.expect("open");
    match client.next().await {
        (name, body) if name == "error" || name == "goodbye" => {
            body["code"].as_str().expect("a code").to_owned()
        }
        (name, body) => format!("{name}: {body}"),
    }
}

#[tokio::test]
async fn each_bad_message_has_its_answer() {
    let server = start(Limits { frame_bytes: 4_096, items: 10, ..Limits::default() }).await;
    let big = "x".repeat(5_000);
    let many = json!({"publish": {"events": vec![json!({"kind": "kill"}); 11]}}).to_string();
    let invalid = Frame::message(vec![0xc3, 0x28], OpCode::Data(Data::Text), true);
    for (message, code) in [
        (Message::text(""), "malformed"),
        (Message::text("null"), "malformed"),
        (Message::text("{}"), "malformed"),
        (Message::text(r#"{"publish": {"events": 3}}"#), "malformed"),
        (Message::text(r#"{"publish": {"seq": -1}}"#), "malformed"),
        (Message::text(r#"{"publsh": {}}"#), "malformed"),
        (Message::text(r#"{"ping": {}, "stats": {}}"#), "malformed"),
        (Message::text(r#"{"ping": {"nonce": 1"#), "malformed"),
        (
            Message::text(r#"{"subscribe": {"id": 1, "view": "levels", "where": {"player": {"a": 1}}}}"#),
            "malformed",
        ),
        (Message::text(r#"{"hello": {"version": 1}}"#), "already_open"),
        (Message::text(many), "too_many_items"),
        (Message::text(big), "frame_too_large"),
        (Message::binary(vec![0, 1, 2]), "wrong_encoding"),
        (Message::Frame(invalid), "bad_frame"),
        (Message::text("y".repeat(100_000)), "frame_too_large"),
    ] {
        let shown = format!("{message:?}").chars().take(80).collect::<String>();
        assert_eq!(answer(&server, "worldflow.v1.json", message).await, code, "{shown}");
    }
    // Each left a row: none was dropped in silence.
    JsonClient::open(&server, &server.ana).await;
    let deadline = tokio::time::Instant::now() + SOON;
    for code in
        ["malformed", "already_open", "too_many_items", "frame_too_large", "wrong_encoding", "bad_frame"]
    {
        while !server.rejections().iter().any(|row| row == code) {
            assert!(tokio::time::Instant::now() < deadline, "no row for {code}");
            tokio::task::yield_now().await;
        }
    }
}

/// The head of a frame says how large it is: it is answered then, and what comes after it is thrown away
/// for a while, so that the answer is not lost.
#[tokio::test]
async fn a_frame_far_too_large_is_answered_before_it_has_come() {
    let server = start(Limits { frame_bytes: 4_096, ..Limits::default() }).await;
    for (size, sent) in [(200_000_u64, 10_usize), (1 << 40, 10), (1 << 40, 3_000_000)] {
        let mut client = JsonClient::open(&server, &server.game_server).await;
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend(size.to_be_bytes());
        frame.extend([0; 4]);
        frame.resize(frame.len() + sent, b'x');
        client.raw.get_mut().write_all(&frame).await.expect("the server reads on");
        let error = client.expect("error").await;
        assert_eq!(error["code"], "frame_too_large", "{error}");
        let goodbye = client.expect("goodbye").await;
        assert_eq!(goodbye["code"], "frame_too_large", "{goodbye}");
        assert_eq!(client.next().await, ("close".to_owned(), json!(1008)));
    }
}

#[tokio::test]
async fn an_error_says_where() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    client.send(json!({"write": {"seq": 3, "items": [{"fact": {"scope": "realm", "fact": 7}}]}})).await;
    let error = client.expect("error").await;
    assert_eq!(error["path"], "write.items[0].fact.fact", "{error}");
    client
        .send(json!({"write": {"seq": 3, "items": [
            {"fact": {"scope": "realm", "fact": "mod", "set": 1}},
            {"fact": {"scope": "realm", "fact": "mood", "set": "high"}},
            {"fact": {"scope": "realm", "fact": "mood", "set": 1}, "weather": {}},
            {"fact": {"scope": "realm", "fact": "mood", "add": 2}},
            {"presence": {"player": "ana", "region": "mor"}},
            {"entity": {"entity": "smith", "upsert": {"kind": "npc", "tags": ["trader"]}}},
        ]}}))
        .await;
    let ack = client.expect("ack").await;
    let refused: Vec<String> = ack["outcomes"]
        .as_array()
        .expect("outcomes")
        .iter()
        .map(|outcome| format!("{} {}", outcome["error"]["code"], outcome["error"]["path"]).replace('"', ""))
        .collect();
    assert_eq!(
        refused,
        [
            "unknown_fact items[0].fact.fact",
            "wrong_type items[1].fact.set",
            "not_one items[2]",
            "unknown_region items[4].presence.region"
        ]
    );
    assert_eq!((&ack["accepted"], &ack["refused"]), (&json!(2), &json!(4)));
}

#[tokio::test]
async fn too_many_bad_frames_end_a_session_but_no_other() {
    let server = start(Limits { bad_frames: 5, ..Limits::default() }).await;
    let mut good = JsonClient::open(&server, &server.game_server).await;
    let mut bad = JsonClient::open(&server, &server.game_server).await;
    for _ in 0..6 {
        bad.send(json!({"nonsense": 1})).await;
    }
    for _ in 0..6 {
        bad.expect("error").await;
    }
    assert_eq!(bad.expect("goodbye").await["code"], "too_many_errors");
    good.send(json!({"ping": {"nonce": 1}})).await;
    good.expect("pong").await;
}

/// The nearest name is looked for a few times; the rest is told where names come from.
#[tokio::test]
async fn a_frame_of_wrong_names_gets_a_few_hints() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let kinds = [json!({"kind": "kil"}), json!({"kind": "kill", "target": "wolfs"})];
    let events: Vec<&Value> = kinds.iter().cycle().take(2_000).collect();
    client.send(json!({"publish": {"seq": 1, "events": events}})).await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["refused"], 2_000);
    let hints: Vec<&str> = ack["outcomes"]
        .as_array()
        .expect("outcomes")
        .iter()
        .map(|outcome| outcome["error"]["hint"].as_str().expect("a hint"))
        .collect();
    let near = |hint: &&&str| hint.starts_with("did you mean `");
    assert_eq!((hints.iter().filter(near).count(), hints[..10].iter().filter(near).count()), (10, 10));
    assert_eq!(hints[1_998], "kinds are declared in world.yaml");
    assert!(hints[1_999].starts_with("targets are entities: declared in world.yaml"), "{}", hints[1_999]);
}

#[tokio::test]
async fn who_sends_little_but_wrong_items_is_cut_off() {
    let server = start(Limits { refused_per_s: 50, bad_frames: 2, ..Limits::default() }).await;
    let mut ana = JsonClient::open(&server, &server.ana).await;
    let (wrong, right) = (json!({"kind": "kill"}), json!({"kind": "say"}));
    // Below the limit all is answered item by item, and nothing is held against the session.
    let mut events = vec![wrong.clone(); 50];
    events.push(right.clone());
    ana.send(json!({"publish": {"seq": 1, "events": events}})).await;
    let ack = ana.expect("ack").await;
    assert_eq!((&ack["accepted"], &ack["refused"]), (&json!(1), &json!(50)));
    ana.send(json!({"publish": {"seq": 2, "events": [right]}})).await;
    assert_eq!(ana.expect("ack").await["accepted"], 1);
    // Then the frame is acked, and counts as a refused one. The third of those is the end.
    for seq in 3..6 {
        ana.send(json!({"publish": {"seq": seq, "events": vec![&wrong; 60]}})).await;
        if seq < 5 {
            ana.send(json!({"ping": {"nonce": seq}})).await;
        }
        let last = if seq < 5 { "pong" } else { "goodbye" };
        let mut heard: Vec<String> = Vec::new();
        while !["ack", last].into_iter().all(|name| heard.iter().any(|heard| heard == name)) {
            let (name, body) = ana.next().await;
            match name.as_str() {
                "ack" => assert_eq!(body["refused"], 60),
                "error" => assert_eq!(body["code"], "rate_limited", "{body}"),
                "goodbye" => assert_eq!(body["code"], "too_many_errors", "{body}"),
                _ => assert_eq!(name, "pong", "{body}"),
            }
            heard.push(name);
        }
        // The ack comes when it can.
        heard.sort_unstable();
        let mut expected = ["ack", "error", last];
        expected.sort_unstable();
        assert_eq!(heard, expected);
    }
}

#[tokio::test]
async fn more_frames_than_a_second_may_have_are_refused_and_then_end_the_session() {
    let limits = Limits { frames_per_s: 20, bad_frames: 5, ..Limits::default() };
    let server = start(limits).await;
    let mut eager = JsonClient::open(&server, &server.ana).await;
    for nonce in 0..1_000 {
        let ping = json!({"ping": {"nonce": nonce}}).to_string();
        // It may be cut off before it has sent all of them.
        let _ = eager.raw.send(Message::text(ping)).await;
    }
    let (mut pongs, mut refused) = (0, 0);
    loop {
        match eager.next().await {
            (name, _) if name == "pong" => pongs += 1,
            (name, body) if name == "error" => {
                assert_eq!((&body["code"], &body["retryable"]), (&json!("rate_limited"), &json!(true)));
                refused += 1;
            }
            (name, body) => {
                assert_eq!((name.as_str(), &body["code"]), ("goodbye", &json!("too_many_errors")));
                break;
            }
        }
    }
    assert!(pongs >= 20, "{pongs} pongs");
    assert_eq!(refused, 6);
}

#[tokio::test]
async fn the_sessions_of_a_token_share_a_rate() {
    let server = start(Limits { token_frames_per_s: 30, ..Limits::default() }).await;
    let mut sessions =
        [JsonClient::open(&server, &server.ana).await, JsonClient::open(&server, &server.ana).await];
    let mut heard: Vec<String> = Vec::new();
    // All is sent at once; at the change of a second as much comes through again, but no more.
    for session in &mut sessions {
        for nonce in 0..50 {
            session.send(json!({"ping": {"nonce": nonce}})).await;
        }
    }
    for session in &mut sessions {
        for _ in 0..50 {
            let (name, body) = session.next().await;
            if name == "error" {
                assert_eq!(body["code"], "rate_limited");
                assert_eq!(body["reason"], "more than 30 frames in one second from this token");
            }
            heard.push(name);
        }
    }
    let pongs = heard.iter().filter(|name| *name == "pong").count();
    assert!((20..=60).contains(&pongs), "{pongs} pongs");
    // Another token has its own.
    let mut board = JsonClient::open(&server, &server.dashboard).await;
    board.send(json!({"ping": {"nonce": 1}})).await;
    board.expect("pong").await;
}

/// Waits until a connection that the client has dropped is gone.
async fn nobody_is_there(server: &Server) {
    while server.realms.sessions() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_connects_again_has_no_new_second() {
    let server = start(Limits { token_frames_per_s: 30, ..Limits::default() }).await;
    let began = std::time::Instant::now();
    let (mut pongs, mut refused) = (0, 0);
    for _ in 0..6 {
        let mut ana = JsonClient::open(&server, &server.ana).await;
        for nonce in 0..30 {
            ana.send(json!({"ping": {"nonce": nonce}})).await;
        }
        for _ in 0..30 {
            match ana.next().await {
                (name, _) if name == "pong" => pongs += 1,
                (name, body) => {
                    assert_eq!((name.as_str(), &body["code"]), ("error", &json!("rate_limited")));
                    assert!(body["retry_after_ms"].is_u64(), "{body}");
                    refused += 1;
                }
            }
        }
        drop(ana);
        nobody_is_there(&server).await;
    }
    let most = 31 + 30 * (began.elapsed().as_secs() + 1);
    assert!(pongs <= most && refused > 0, "{pongs} pongs, {refused} refused, {most} may be");
}

#[tokio::test]
async fn a_socket_that_is_opened_is_a_request_of_its_token() {
    let server = start(Limits { token_requests_per_s: 5, ..Limits::default() }).await;
    let began = std::time::Instant::now();
    let most = || 6 + 5 * (began.elapsed().as_secs() + 1);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..40 {
        match connect(&server, "/v1/socket", None, Some(&server.ana)).await {
            Ok(socket) => {
                opened += 1;
                drop(socket);
            }
            Err(error) => {
                assert!(error.to_string().contains("429"), "{error}");
                refused += 1;
            }
        }
        nobody_is_there(&server).await;
    }
    assert!(opened <= most() && refused > 0, "{opened} opened, {refused} refused");
    // With the token in the first frame it is the same.
    refused = 0;
    for _ in 0..40 {
        let raw = connect(&server, "/v1/socket", None, None).await.expect("anybody may say hello");
        let mut client = JsonClient { raw, welcome: json!(null) };
        client.send(json!({"hello": {"version": 1, "token": server.ana}})).await;
        match client.next().await {
            (name, _) if name == "welcome" => opened += 1,
            (name, body) => {
                assert_eq!((name.as_str(), &body["code"]), ("error", &json!("rate_limited")), "{body}");
                refused += 1;
            }
        }
        drop(client);
        nobody_is_there(&server).await;
    }
    assert!(opened <= most() && refused > 0, "{opened} opened, {refused} refused");
}

/// Bytes that are not HTTP, not WebSocket, or stop half way.
#[tokio::test]
async fn raw_bytes_on_the_port_hang_nothing() {
    let server = start(Limits::default()).await;
    let upgrade = format!(
        "GET /v1/socket?token={} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        server.ana
    );
    let mut seed = 1_u64;
    for n in 0..200 {
        let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
        let mut bytes = if n % 2 == 0 { upgrade.clone().into_bytes() } else { Vec::new() };
        for _ in 0..(n % 50) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push((seed >> 56) as u8);
        }
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "connection {n} hangs");
    }
    let mut good = JsonClient::open(&server, &server.game_server).await;
    good.send(json!({"ping": {"nonce": 1}})).await;
    good.expect("pong").await;
}

/// Random garbage on a live session is answered frame by frame.
#[tokio::test]
async fn garbage_on_a_live_session_is_answered_frame_by_frame() {
    let server = start(Limits { bad_frames: u32::MAX, ..Limits::default() }).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let good = json!({"publish": {"seq": 1, "events": [{"kind": "kill", "player": "ana", "amount": 2}]}})
        .to_string();
    let mut seed = 3_u64;
    for _ in 0..2_000 {
        let mut text: Vec<char> = good.chars().collect();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33).expect("31 bits") % text.len();
        text[at] = char::from(u8::try_from(32 + (seed >> 8) % 95).expect("printable"));
        client.raw.send(Message::text(text.into_iter().collect::<String>())).await.expect("open");
        let (name, body) = client.next().await;
        assert!(name == "ack" || name == "error", "{name} {body}");
    }
    let _ = client.raw.close(None).await;
    while let Some(Ok(_)) = client.raw.next().await {}
}

#[tokio::test]
async fn the_items_of_a_token_are_counted_over_its_sessions() {
    let server = start(Limits { token_items_per_s: 100, ..Limits::default() }).await;
    let mut first = JsonClient::open(&server, &server.ana).await;
    let mut second = JsonClient::open(&server, &server.ana).await;
    let publish = |seq: u32| json!({"publish": {"seq": seq, "events": vec![json!({"kind": "kill"}); 150]}});
    first.send(publish(1)).await;
    assert_eq!(first.next().await.0, "ack", "it is a second's worth, and what is too much is owed");
    second.send(publish(2)).await;
    let (name, error) = second.next().await;
    assert_eq!(
        (name.as_str(), &error["code"], &error["retryable"]),
        ("error", &json!("rate_limited"), &json!(true))
    );
    assert_eq!(error["reason"], "more than 100 items in one second from this token");
    let wait = error["retry_after_ms"].as_u64().expect("it says when");
    assert!((1..=500).contains(&wait), "{wait}");
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    second.send(publish(3)).await;
    assert_eq!(second.next().await.0, "ack");
    // Another token has its own.
    let mut server_1 = JsonClient::open(&server, &server.game_server).await;
    server_1.send(publish(4)).await;
    assert_eq!(server_1.next().await.0, "ack");
}
