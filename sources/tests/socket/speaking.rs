//! Hello, publish, subscribe: the straight path, in JSON and in protobuf.

use serde_json::{Value, json};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::catalog;
use worldflow_sources::game_socket::Limits;

use crate::client::{JsonClient, ProtoClient, connect};
use crate::realm::{entity, grant, level, start};

#[tokio::test]
async fn json_says_hello_publishes_and_sees_the_delta() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, [level("bo", 7)]);
    let mut client = JsonClient::open(&server, &server.game_server).await;
    assert_eq!(client.welcome["role"], "game_server");
    assert_eq!(client.welcome["subject"], "server-1");
    assert_eq!(client.welcome["epoch"], "000000000000feed");

    let snapshot = client.subscribe(json!({"id": 1, "view": "levels"})).await;
    assert_eq!(
        snapshot["rows"],
        json!([{"realm": "greenvale", "player": "bo", "level": 1, "experience": 7, "into_level": 7, "to_next": 93}])
    );
    assert_eq!((&snapshot["reset"], &snapshot["last"]), (&json!(true), &json!(true)));

    let events = json!([
        {"id": "e1", "player": "ana", "kind": "kill", "target": "wolf", "amount": 5, "with": {"weapon": "bow", "damage": 2.5}},
        {"id": "e2", "player": "ana", "kind": "kill", "target": "wolfs"},
    ]);
    client.send(json!({"publish": {"seq": 9, "events": events}})).await;
    let (mut ack, mut delta) = (Value::Null, Value::Null);
    while ack.is_null() || delta.is_null() {
        match client.next().await {
            (name, body) if name == "ack" => ack = body,
            (name, body) if name == "delta" => delta = body,
            (name, body) => panic!("{name} {body}"),
        }
    }
    assert_eq!(ack["seq"], 9);
    assert_eq!((&ack["accepted"], &ack["refused"], &ack["tick"]), (&json!(1), &json!(1), &delta["tick"]));
    let error = &ack["outcomes"][0]["error"];
    assert_eq!((&error["code"], &error["path"]), (&json!("unknown_target"), &json!("events[1].target")));
    assert!(error["hint"].as_str().is_some_and(|hint| hint.starts_with("did you mean `wolf`?")), "{error}");
    let change = &delta["changes"][0];
    assert_eq!((&change["id"], &change["after"]), (&json!(1), &snapshot["tick"]));
    assert_eq!(change["rows"][0]["experience"], 5);
    assert!(change.get("removed").is_none());

    // The same event again is acked with the tick of the first, and changes nothing.
    let event = json!({"id": "e1", "player": "ana", "kind": "kill", "target": "wolf"});
    client.send(json!({"publish": {"seq": 10, "events": [event]}})).await;
    let again = client.expect("ack").await;
    assert_eq!((&again["duplicates"], &again["outcomes"][0]["tick"]), (&json!(1), &ack["tick"]));
    client.send(json!({"goodbye": {}})).await;
    // Before it goes it hears up to which tick it has everything.
    let complete = client.expect("delta").await;
    assert!(
        complete["changes"] == json!([]) && complete["tick"].as_u64() > delta["tick"].as_u64(),
        "{complete}"
    );
    assert_eq!(client.expect("goodbye").await["code"], "bye");
    assert_eq!(client.next().await, ("close".to_owned(), json!(1000)));
    assert!(server.rejections().contains(&"unknown_target".to_owned()), "{:?}", server.rejections());
}

#[tokio::test]
async fn protobuf_says_the_same_with_typed_rows() {
    let server = start(Limits::default()).await;
    server.set(catalog::ENTITIES, [entity("smith", r#"["trader"]"#)]);
    let (mut client, welcome) = ProtoClient::open(&server, &server.game_server).await;
    assert_eq!((welcome.realm.as_str(), welcome.epoch.as_str()), ("greenvale", "000000000000feed"));
    for (id, view) in [(1, "levels"), (2, "entities")] {
        let subscribe = v1::Subscribe { id, view: view.to_owned(), ..v1::Subscribe::default() };
        client.send(ClientFrame::Subscribe(subscribe)).await;
    }
    let mut smith = None;
    let mut snapshots = 0;
    while snapshots < 2 {
        match client.next().await {
            ServerFrame::Snapshot(snapshot) => {
                snapshots += 1;
                if let Some(v1::Rows { view: Some(v1::rows::View::Entities(rows)) }) = snapshot.rows {
                    smith = rows.rows.into_iter().next();
                }
            }
            ServerFrame::Subscribed(subscribed) => assert_eq!(subscribed.subscriber_count, 1),
            other => panic!("{other:?}"),
        }
    }
    let smith = smith.expect("the entity is in the snapshot");
    assert_eq!((smith.entity.as_deref(), smith.kind.as_deref()), (Some("smith"), Some("npc")));
    let Some(v1::Json { kind: Some(v1::json::Kind::Map(properties)) }) = smith.properties else {
        panic!("properties are a typed map")
    };
    assert!(properties.entries.contains_key("hp"));

    let event = v1::Event {
        id: Some("p1".to_owned()),
        player: Some("ana".to_owned()),
        kind: "kill".to_owned(),
        target: Some("smith".to_owned()),
        amount: Some(3),
        ..v1::Event::default()
    };
    client.send(ClientFrame::Publish(v1::Publish { seq: 4, events: vec![event] })).await;
    let (mut ack, mut delta) = (None, None);
    while ack.is_none() || delta.is_none() {
        match client.next().await {
            ServerFrame::Ack(frame) => ack = Some(frame),
            ServerFrame::Delta(frame) => delta = Some(frame),
            other => panic!("{other:?}"),
        }
    }
    let (ack, delta) = (ack.expect("acked"), delta.expect("changed"));
    assert_eq!((ack.seq, ack.accepted, ack.tick), (4, 1, Some(delta.tick)));
    assert!(ack.outcomes.is_empty());
    let Some(v1::Rows { view: Some(v1::rows::View::Levels(rows)) }) = &delta.changes[0].rows else {
        panic!("levels changed: {delta:?}")
    };
    assert_eq!((rows.rows[0].player.as_deref(), rows.rows[0].experience), (Some("ana"), Some(3)));
}

#[tokio::test]
async fn nobody_comes_in_without_a_good_token() {
    let server = start(Limits::default()).await;
    let refused = connect(&server, "/v1/socket", None, Some("0000")).await.expect_err("a wrong token");
    assert!(refused.to_string().contains("401"), "{refused}");
    let path = format!("/v1/realms/elsewhere/socket?token={}", server.ana);
    let refused = connect(&server, &path, None, None).await.expect_err("another realm");
    assert!(refused.to_string().contains("403"), "{refused}");
    let refused =
        connect(&server, "/v1/socket", Some("soap"), Some(&server.ana)).await.expect_err("no protocol");
    assert!(refused.to_string().contains("400"), "{refused}");

    for hello in [
        json!({"hello": {"version": 1}}),
        json!({"hello": {"version": 1, "token": "x"}}),
        json!({"ping": {}}),
    ] {
        let raw = connect(&server, "/v1/socket", None, None).await.expect("hello may bring the token");
        let mut client = JsonClient { raw, welcome: Value::Null };
        client.send(hello).await;
        client.expect("error").await;
        client.expect("goodbye").await;
        assert_eq!(client.next().await, ("close".to_owned(), json!(1008)));
    }
    let raw =
        connect(&server, &format!("/v1/socket?token={}", server.ana), None, None).await.expect("by query");
    let mut client = JsonClient { raw, welcome: Value::Null };
    client.send(json!({"hello": {"version": 3}})).await;
    let welcome = client.expect("welcome").await;
    assert_eq!((&welcome["version"], &welcome["subject"]), (&json!(1), &json!("ana")));
}

#[tokio::test]
async fn grants_are_offered_and_answered() {
    let server = start(Limits::default()).await;
    server.set(catalog::GRANTS, [grant("g1", "ana", "pending"), grant("g0", "ana", "delivered")]);
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let pending = client.subscribe(json!({"id": 1, "view": "grants", "where": {"status": "pending"}})).await;
    assert_eq!(pending["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(pending["rows"][0]["grant"], "g1");
    client
        .send(json!({"grant_answers": {"seq": 1, "answers": [
        {"grant": "g1", "delivered": true}, {"grant": "g7", "delivered": true}]}}))
        .await;
    let (mut ack, mut delta) = (Value::Null, Value::Null);
    while ack.is_null() || delta.is_null() {
        match client.next().await {
            (name, body) if name == "ack" => ack = body,
            (_, body) => delta = body,
        }
    }
    assert_eq!(ack["outcomes"][0]["error"]["code"], "unknown_grant");
    assert_eq!(delta["changes"][0]["removed"], json!([{"realm": "greenvale", "grant": "g1"}]));
    assert!(delta["changes"][0].get("rows").is_none(), "it is no longer pending: {delta}");
    // Answered again, it counts once.
    client.send(json!({"grant_answers": {"seq": 2, "answers": [{"grant": "g1", "delivered": true}]}})).await;
    assert_eq!(client.expect("ack").await["duplicates"], 1);
}

#[tokio::test]
async fn what_has_been_accepted_is_acked_before_goodbye() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    server.paused.send_replace(true);
    for seq in 1..=70 {
        let event = json!({"id": seq.to_string(), "kind": "kill", "player": "ana", "target": "wolf"});
        client.send(json!({"publish": {"seq": seq, "events": [event]}})).await;
        if seq == 60 {
            // It has heard all of them, and none is durable.
            client.send(json!({"ping": {"nonce": 1}})).await;
            client.expect("pong").await;
        }
    }
    server.realms.close();
    tokio::task::yield_now().await;
    server.paused.send_replace(false);
    let mut acked = 0;
    let goodbye = loop {
        match client.next().await {
            (name, body) if name == "ack" => {
                acked += 1;
                assert_eq!((&body["seq"], &body["accepted"]), (&json!(acked), &json!(1)));
            }
            (name, body) => break (name, body["code"].clone()),
        }
    };
    assert_eq!(goodbye, ("goodbye".to_owned(), json!("shutting_down")));
    assert!(acked >= 60, "{acked} acks");
    // Not one more was accepted than was acked.
    assert_eq!(server.state.lock().expect("no panic").inputs.len(), acked);
}

#[tokio::test]
async fn an_event_may_follow_the_write_of_its_target_at_once() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    server.paused.send_replace(true);
    let upsert = json!({"entity": {"entity": "boar-1", "upsert": {"kind": "npc"}}});
    client.send(json!({"write": {"seq": 1, "items": [upsert]}})).await;
    let kill = json!({"kind": "kill", "player": "ana", "target": "boar-1"});
    client.send(json!({"publish": {"seq": 2, "events": [kill]}})).await;
    client.send(json!({"ping": {"nonce": 1}})).await;
    client.expect("pong").await;
    server.paused.send_replace(false);
    for seq in 1..=2 {
        let ack = client.expect("ack").await;
        assert_eq!((&ack["seq"], &ack["accepted"]), (&json!(seq), &json!(1)), "{ack}");
    }
}

/// At its rate a player has sent what it may, and loses the connection before it is acked.
#[tokio::test]
async fn what_was_not_acked_is_sent_again_within_the_second() {
    let server = start(Limits::default()).await;
    let event = |n: usize| json!({"id": format!("say-{n}"), "kind": "say", "with": {"words": "hail"}});
    let all = json!({"publish": {"seq": 1, "events": (0..5).map(event).collect::<Vec<_>>()}});
    let mut first = JsonClient::open(&server, &server.ana).await;
    first.send(all.clone()).await;
    let tick = first.expect("ack").await["tick"].clone();
    drop(first);
    for _ in 0..3 {
        let mut again = JsonClient::open(&server, &server.ana).await;
        again.send(all.clone()).await;
        let ack = again.expect("ack").await;
        assert_eq!((&ack["duplicates"], &ack["refused"]), (&json!(5), &json!(0)), "{ack}");
        assert!(ack["outcomes"].as_array().expect("outcomes").iter().all(|outcome| outcome["tick"] == tick));
    }
    assert_eq!(server.state.lock().expect("no panic").inputs.len(), 5);
}

#[tokio::test]
async fn one_token_or_none_cannot_take_every_seat() {
    let limits =
        Limits { player_sessions: 2, unnamed: 2, sessions: 4, kept_for_servers: 1, ..Limits::default() };
    let server = start(limits).await;
    let with_token = || connect(&server, "/v1/socket", None, Some(&server.ana));
    let mut anas = Vec::new();
    for _ in 0..2 {
        anas.push(with_token().await.expect("there is a seat"));
    }
    let refused = with_token().await.expect_err("ana has its share");
    assert!(refused.to_string().contains("503"), "{refused}");

    let without = || connect(&server, "/v1/socket", None, None);
    let (one, _two) = (without().await.expect("a place"), without().await.expect("a place"));
    let refused = without().await.expect_err("there are two places");
    assert!(refused.to_string().contains("503"), "{refused}");
    // Whoever says hello there takes a seat of the token, which has none left.
    let mut one = JsonClient { raw: one, welcome: Value::Null };
    one.send(json!({"hello": {"version": 1, "token": server.ana}})).await;
    let error = one.expect("error").await;
    assert_eq!((&error["code"], &error["retryable"]), (&json!("too_many_sessions"), &json!(true)));
    let goodbye = one.expect("goodbye").await;
    assert_eq!((&goodbye["code"], &goodbye["retryable"]), (&json!("too_many_sessions"), &json!(true)));

    // A dashboard gets the seat that is not kept, and the game server the last.
    let _board = JsonClient::open(&server, &server.dashboard).await;
    connect(&server, "/v1/socket", None, Some(&server.dashboard)).await.expect_err("it is kept");
    let mut game_server = JsonClient::open(&server, &server.game_server).await;
    game_server.send(json!({"ping": {"nonce": 1}})).await;
    game_server.expect("pong").await;
    assert!(server.rejections().contains(&"too_many_sessions".to_owned()), "{:?}", server.rejections());
}
