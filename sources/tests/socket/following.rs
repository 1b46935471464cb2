//! Subscriptions: snapshot and deltas without a gap, changes while subscribed, rates, slow readers, the
//! event stream.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::{Sym, catalog};
use worldflow_sources::game_socket::Limits;

use crate::client::{JsonClient, ProtoClient, SOON, connect};
use crate::realm::{Server, entity, grant, level, start, start_streaming, start_with, tick_of};

/// What a client that does as the documentation says holds of one subscription.
#[derive(Default)]
struct Mirror {
    rows: BTreeMap<String, i64>,
    tick: u64,
    deltas: usize,
}

impl Mirror {
    fn put(&mut self, rows: &Value, removed: &Value) {
        for row in removed.as_array().into_iter().flatten() {
            let player = row["player"].as_str().expect("a key");
            assert!(self.rows.remove(player).is_some(), "{player} was not there");
        }
        for row in rows.as_array().into_iter().flatten() {
            let experience = row["experience"].as_i64().expect("a number");
            self.rows.insert(row["player"].as_str().expect("a key").to_owned(), experience);
        }
    }

    fn hear(&mut self, name: &str, body: &Value) {
        match name {
            "snapshot" => {
                if body["reset"] == true {
                    self.rows.clear();
                }
                self.put(&body["rows"], &body["removed"]);
                assert!(body["tick"].as_u64() >= Some(self.tick), "time runs on");
                self.tick = body["tick"].as_u64().expect("a tick");
            }
            "delta" => {
                let tick = body["tick"].as_u64().expect("a tick");
                for change in body["changes"].as_array().expect("changes") {
                    if self.tick != tick {
                        assert_eq!(change["after"].as_u64(), Some(self.tick), "no gap and no repetition");
                        assert!(tick > self.tick);
                    }
                    self.put(&change["rows"], &change["removed"]);
                    self.tick = tick;
                }
                self.deltas += 1;
            }
            _ => {}
        }
    }

    async fn until(&mut self, client: &mut JsonClient, tick: u64) {
        while self.tick < tick {
            let (name, body) = client.next().await;
            assert!(name == "snapshot" || name == "delta", "{name} {body}");
            self.hear(&name, &body);
        }
    }
}

#[tokio::test]
async fn one_delta_a_tick_in_order_without_gap_or_repetition() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, (0..5_000).map(|n| level(&format!("p{n}"), 0)));
    let mut client = JsonClient::open(&server, &server.dashboard).await;
    client.send(json!({"subscribe": {"id": 7, "view": "levels"}})).await;
    client.expect("subscribed").await;
    let mut mirror = Mirror::default();
    // Ticks go on while the snapshot, in three parts, is on its way.
    let mut last = 0;
    for n in 1..=300 {
        last = server.set(catalog::LEVELS, [level("p1", n), level(&format!("p{}", n + 100), n)]);
        if n % 20 == 0 {
            mirror.until(&mut client, last).await;
        }
    }
    mirror.until(&mut client, last).await;
    assert_eq!(mirror.rows.len(), 5_000);
    assert_eq!((mirror.rows["p1"], mirror.rows["p400"], mirror.rows["p50"]), (300, 300, 0));
    assert!(mirror.deltas >= 280, "{} deltas for 300 ticks", mirror.deltas);
}

#[tokio::test]
async fn a_changed_subscription_is_sent_only_the_difference() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, ["ana", "bo", "cy", "di"].map(|player| level(player, 1)));
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let snapshot =
        client.subscribe(json!({"id": 1, "view": "levels", "where": {"player": ["ana", "bo"]}})).await;
    let mut mirror = Mirror::default();
    mirror.hear("snapshot", &snapshot);
    assert_eq!(mirror.rows.keys().collect::<Vec<_>>(), ["ana", "bo"]);

    client.send(json!({"change": {"id": 1, "add": {"player": "cy"}, "remove": {"player": ["ana"]}}})).await;
    let difference = client.expect("snapshot").await;
    assert_eq!(difference["reset"], false);
    assert_eq!(difference["rows"].as_array().map(Vec::len), Some(1), "{difference}");
    assert_eq!(difference["rows"][0]["player"], "cy");
    assert_eq!(difference["removed"], json!([{"realm": "greenvale", "player": "ana"}]));
    mirror.hear("snapshot", &difference);

    server.set(catalog::LEVELS, [level("ana", 2), level("di", 2)]);
    let last = server.set(catalog::LEVELS, [level("cy", 2), level("bo", 2)]);
    mirror.until(&mut client, last).await;
    assert_eq!(mirror.rows, BTreeMap::from([("bo".to_owned(), 2), ("cy".to_owned(), 2)]));

    client.send(json!({"change": {"id": 1, "where": {"player": []}}})).await;
    mirror.hear("snapshot", &client.expect("snapshot").await);
    assert_eq!(mirror.rows.len(), 4);
    client.send(json!({"change": {"id": 2}})).await;
    assert_eq!(client.expect("error").await["code"], "unknown_subscription");
    client.send(json!({"unsubscribe": {"id": 1}})).await;
    assert_eq!(client.expect("unsubscribed").await["subscriber_count"], 0);
    server.set(catalog::LEVELS, [level("ana", 3)]);
    client.send(json!({"ping": {"nonce": 5}})).await;
    assert_eq!(client.expect("pong").await["nonce"], 5);
}

/// The store holds hardly a tick, so that differences and snapshots are often too late to be rolled back.
#[tokio::test]
async fn changes_amid_ticks_end_up_right() {
    let server = start_with(Limits::default(), 64).await;
    let name = |n: i64| format!("p{n}");
    server.set(catalog::LEVELS, (0..100).map(|n| level(&name(n), 0)));
    let halves: [Vec<String>; 2] = [(0..50).map(name).collect(), (50..100).map(name).collect()];
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let mut mirror = Mirror::default();
    let subscribe = json!({"id": 1, "view": "levels", "where": {"player": halves[0]}});
    mirror.hear("snapshot", &client.subscribe(subscribe).await);
    let mut truth: BTreeMap<String, i64> = (0..100).map(|n| (name(n), 0)).collect();
    for n in 1..=200_usize {
        let now: Vec<(String, i64)> = (0..20).map(|p| (name((n as i64 * 7 + p) % 100), n as i64)).collect();
        server.set(catalog::LEVELS, now.iter().map(|(player, n)| level(player, *n)));
        truth.extend(now);
        if n % 5 == 0 {
            client.send(json!({"change": {"id": 1, "where": {"player": halves[n / 5 % 2]}}})).await;
        }
        tokio::task::yield_now().await;
    }
    client.send(json!({"ping": {"nonce": 1}})).await;
    loop {
        match client.next().await {
            (name, _) if name == "pong" => break,
            (name, body) => mirror.hear(&name, &body),
        }
    }
    let last = server.set(catalog::LEVELS, [level("p0", 1_000), level("p50", 1_000)]);
    truth.extend([("p0".to_owned(), 1_000), ("p50".to_owned(), 1_000)]);
    mirror.until(&mut client, last).await;
    truth.retain(|player, _| halves[0].contains(player));
    assert_eq!(mirror.rows, truth);
}

/// Nobody is called that yet, and asking does not make it known.
#[tokio::test]
async fn one_who_is_asked_for_before_it_is_known_is_seen_when_it_comes() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let name = "one-who-has-never-played";
    let snapshot = client.subscribe(json!({"id": 1, "view": "levels", "where": {"player": name}})).await;
    assert!(snapshot.get("rows").is_none(), "{snapshot}");
    assert_eq!(Sym::find(name), None);
    server.set(catalog::LEVELS, [level("bo", 2), level(name, 3)]);
    let delta = client.expect("delta").await;
    assert_eq!(delta["changes"][0]["rows"].as_array().map(Vec::len), Some(1), "{delta}");
    assert_eq!(delta["changes"][0]["rows"][0]["player"], name);
}

#[tokio::test]
async fn entities_are_followed_by_kind_and_tag() {
    let server = start(Limits::default()).await;
    server
        .set(catalog::ENTITIES, [entity("smith", r#"["trader"]"#), entity("wolf-1", r#"["beast","wolf"]"#)]);
    let mut client = JsonClient::open(&server, &server.ana).await;
    let beasts = client.subscribe(json!({"id": 1, "view": "entities", "where": {"tags": "beast"}})).await;
    assert_eq!(beasts["rows"][0]["entity"], "wolf-1");
    assert_eq!(
        (&beasts["rows"][0]["tags"], &beasts["rows"][0]["properties"]),
        (&json!(["beast", "wolf"]), &json!({"hp": 10}))
    );
    server.set(catalog::ENTITIES, [entity("baker", r#"["trader"]"#)]);
    server.set(catalog::ENTITIES, [entity("bear-1", r#"["beast"]"#)]);
    let delta = client.expect("delta").await;
    assert_eq!(delta["changes"][0]["rows"][0]["entity"], "bear-1");
    server.set(catalog::ENTITIES, [entity("bear-1", r#"["tame"]"#)]);
    let delta = client.expect("delta").await;
    assert_eq!(delta["changes"][0]["removed"], json!([{"realm": "greenvale", "entity": "bear-1"}]));
}

#[tokio::test]
async fn a_player_sees_its_own_rows_and_public_views_only() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, [level("ana", 1), level("bo", 1)]);
    server.set(catalog::GRANTS, [grant("g1", "ana", "pending"), grant("g2", "bo", "pending")]);
    let mut client = JsonClient::open(&server, &server.ana).await;
    let views: Vec<&str> =
        client.welcome["views"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(views.contains(&"clock") && views.contains(&"grants"));
    assert!(!views.contains(&"sessions") && !views.contains(&"npc_requests"), "{views:?}");
    let levels = client.subscribe(json!({"id": 1, "view": "levels"})).await;
    assert_eq!(levels["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(levels["rows"][0]["player"], "ana");
    let grants = client.subscribe(json!({"id": 2, "view": "grants", "where": {"status": ["pending"]}})).await;
    assert_eq!(grants["rows"].as_array().map(Vec::len), Some(1));
    for (frame, code, path) in [
        (
            json!({"subscribe": {"id": 3, "view": "levels", "where": {"player": ["bo"]}}}),
            "not_allowed",
            "where.player",
        ),
        (json!({"subscribe": {"id": 3, "view": "sessions"}}), "not_allowed", "view"),
        (
            json!({"subscribe": {"id": 3, "view": "quest_state", "where": {"holder": "bo"}}}),
            "not_allowed",
            "where.holder",
        ),
        (json!({"change": {"id": 1, "add": {"player": "bo"}}}), "not_allowed", "where.player"),
        (json!({"subscribe": {"id": 3, "view": "lvels"}}), "unknown_view", "view"),
        (
            json!({"subscribe": {"id": 3, "view": "clock", "where": {"phase": "day"}}}),
            "unknown_column",
            "where.phase",
        ),
        (json!({"subscribe": {"id": 1, "view": "clock"}}), "duplicate_subscription", "id"),
        (json!({"subscribe": {"id": 3, "view": "clock", "max_hz": -1}}), "out_of_range", "max_hz"),
        (json!({"follow": {"id": 3, "kinds": ["qest.*"]}}), "unknown_kind", "kinds"),
    ] {
        client.send(frame.clone()).await;
        let error = client.expect("error").await;
        assert_eq!((error["code"].as_str(), error["path"].as_str()), (Some(code), Some(path)), "{frame}");
    }
    client.send(json!({"clock": {"seq": 1, "pause": true}})).await;
    assert_eq!(client.expect("ack").await["outcomes"][0]["error"]["code"], "not_allowed");
    client.send(json!({"write": {"seq": 2, "items": [{"presence": {"player": "ana"}}]}})).await;
    assert_eq!(client.expect("ack").await["outcomes"][0]["error"]["code"], "not_allowed");
}

#[tokio::test]
async fn the_event_stream_is_followed_by_pattern_and_counted() {
    let server = start(Limits::default()).await;
    let mut all = JsonClient::open(&server, &server.dashboard).await;
    let mut quests = JsonClient::open(&server, &server.game_server).await;
    let mut ana = JsonClient::open(&server, &server.ana).await;
    for (client, id, kinds, count) in
        [(&mut all, 1, "*", 1), (&mut quests, 2, "quest.*", 2), (&mut ana, 3, "*", 3)]
    {
        client.send(json!({"follow": {"id": id, "kinds": [kinds]}})).await;
        assert_eq!(client.expect("subscribed").await, json!({"id": id, "subscriber_count": count}));
    }
    let mut sender = JsonClient::open(&server, &server.game_server).await;
    let events = json!([
        {"id": "a", "kind": "kill", "player": "bo", "target": "wolf", "with": {"damage": 1.5}},
        {"id": "b", "kind": "quest.accept", "player": "ana", "target": "wolves"},
    ]);
    sender.send(json!({"publish": {"seq": 1, "events": events}})).await;
    let tick = sender.expect("ack").await["tick"].clone();
    let seen = all.expect("events").await;
    assert_eq!((&seen["tick"], seen["events"].as_array().map(Vec::len)), (&tick, Some(2)));
    assert_eq!(seen["events"][0]["with"], json!({"damage": 1.5}));
    assert_eq!((&seen["events"][0]["source"], &seen["missed"]), (&json!("server-1"), &json!(0)));
    assert_eq!(quests.expect("events").await["events"][0]["kind"], "quest.accept");
    let own = ana.expect("events").await;
    assert_eq!((own["events"].as_array().map(Vec::len), &own["events"][0]["id"]), (Some(1), &json!("b")));

    quests.send(json!({"unsubscribe": {"id": 2}})).await;
    assert_eq!(quests.expect("unsubscribed").await["subscriber_count"], 2);
    drop(ana);
    // The count is true once the server has noticed that a follower is gone.
    loop {
        quests.send(json!({"stats": {}})).await;
        if quests.expect("stats").await["subscriber_counts"] == json!({"events": 1}) {
            break;
        }
        tokio::task::yield_now().await;
    }
    sender.send(json!({"publish": {"seq": 2, "events": [{"kind": "quest.abandon", "player": "ana", "target": "wolves"}]}})).await;
    sender.expect("ack").await;
    quests.send(json!({"ping": {"nonce": 1}})).await;
    quests.expect("pong").await;
    assert_eq!(all.expect("events").await["events"][0]["kind"], "quest.abandon");
}

/// What a player writes is sealed in what is journaled, and open to who may see it: until they are forgotten.
#[tokio::test]
async fn followers_read_what_players_write() {
    let server = start(Limits::default()).await;
    let mut board = JsonClient::open(&server, &server.dashboard).await;
    let mut ana = JsonClient::open(&server, &server.ana).await;
    for client in [&mut board, &mut ana] {
        client.send(json!({"follow": {"id": 1, "kinds": ["say"]}})).await;
        client.expect("subscribed").await;
    }
    let mut sender = JsonClient::open(&server, &server.game_server).await;
    let say =
        |player: &str| json!({"kind": "say", "player": player, "with": {"words": format!("{player} hums")}});
    sender.send(json!({"publish": {"seq": 1, "events": [say("ana"), say("bo")]}})).await;
    assert_eq!(sender.expect("ack").await["accepted"], 2);
    let words = |body: &Value| {
        let events = body["events"].as_array().expect("a list").iter();
        events.map(|event| event["with"]["words"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let mut seen = words(&board.expect("events").await);
    seen.sort();
    assert_eq!(seen, ["ana hums", "bo hums"]);
    assert_eq!(words(&ana.expect("events").await), ["ana hums"]);
    let taken = format!("{:?}", server.state.lock().expect("no panic").inputs);
    assert!(taken.contains("<sealed:1:") && !taken.contains("hums"), "{taken}");
}

/// More happens in one tick than waits for a session: what is critical stays, although it came first.
#[tokio::test]
async fn a_slow_follower_keeps_its_critical_events() {
    const MOST: usize = 16_384;
    const STEPS: usize = 20_000;
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.dashboard).await;
    client.send(json!({"follow": {"id": 1, "kinds": ["*"]}})).await;
    client.expect("subscribed").await;
    let kinds = ["boss", "kill"].into_iter().chain(std::iter::repeat_n("step", STEPS)).chain(["boss"]);
    server.realm.events.send(tick_of(1, kinds)).expect("it is followed");
    let (mut events, mut missed) = (Vec::new(), 0);
    while events.len() < MOST {
        let body = client.expect("events").await;
        assert_eq!(body["missed_uncounted"], false);
        missed += body["missed"].as_u64().expect("a number");
        events.extend(body["events"].as_array().expect("a list").iter().cloned());
    }
    assert_eq!((events.len(), missed), (MOST, (STEPS + 3 - MOST) as u64));
    let named = |event: &Value| (event["kind"].clone(), event["priority"].clone());
    assert_eq!(named(&events[0]), (json!("boss"), json!("critical")));
    assert_eq!(named(&events[1]), (json!("kill"), json!("normal")));
    assert_eq!(named(&events[2]), (json!("step"), json!("low")));
    assert_eq!(named(&events[MOST - 1]), (json!("boss"), json!("critical")));

    let (mut client, _) = ProtoClient::open(&server, &server.dashboard).await;
    client.send(ClientFrame::Follow(v1::Follow { id: 1, kinds: vec!["boss".to_owned()] })).await;
    client.next().await;
    server.realm.events.send(tick_of(2, ["step", "boss"])).expect("it is followed");
    match client.next().await {
        ServerFrame::Events(v1::Events { events, missed: 0, missed_uncounted: false, .. }) => {
            let kinds: Vec<_> = events.iter().map(|event| (&*event.kind, &*event.priority)).collect();
            assert_eq!(kinds, [("boss", "critical")]);
        }
        other => panic!("not these events: {other:?}"),
    }
}

/// Of ticks that nobody looked at it is not known how many events were whose.
#[tokio::test]
async fn ticks_that_went_by_unseen_are_told_and_not_counted() {
    let server = start_streaming(Limits::default(), 100, 2).await;
    let mut client = JsonClient::open(&server, &server.dashboard).await;
    client.send(json!({"follow": {"id": 1, "kinds": ["boss"]}})).await;
    client.expect("subscribed").await;
    // The hub does not run between these, and its channel holds two. A tick of the realm's own may push the sixth out.
    for tick in 1..=7 {
        server.realm.events.send(tick_of(tick, ["boss", "kill", "step"])).expect("it is followed");
    }
    let mut ticks = Vec::new();
    let mut first = true;
    while ticks.last() != Some(&json!(7)) {
        let body = client.expect("events").await;
        assert_eq!((&body["missed"], &body["missed_uncounted"]), (&json!(0), &json!(first)), "{body}");
        first = false;
        ticks.extend(body["events"].as_array().expect("a list").iter().map(|_| body["tick"].clone()));
    }
    assert!(ticks == [json!(6), json!(7)] || ticks == [json!(7)], "{ticks:?}");
    server.realm.events.send(tick_of(8, ["boss"])).expect("it is followed");
    assert_eq!(client.expect("events").await["missed_uncounted"], false);
}

#[tokio::test]
async fn a_rate_folds_what_comes_in_between() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, [level("ana", 0)]);
    let mut client = JsonClient::open(&server, &server.dashboard).await;
    let snapshot = client.subscribe(json!({"id": 1, "view": "levels", "max_hz": 4})).await;
    let mut mirror = Mirror::default();
    mirror.hear("snapshot", &snapshot);
    let mut last = 0;
    for n in 1..=200 {
        last = server.set(catalog::LEVELS, [level("ana", n)]);
    }
    mirror.until(&mut client, last).await;
    assert_eq!(mirror.rows["ana"], 200);
    assert!(mirror.deltas <= 3, "{} deltas at 4 a second", mirror.deltas);
}

/// Reads nothing while much happens, then everything: what it holds then is the truth.
#[tokio::test]
async fn a_slow_reader_stalls_nobody_and_ends_up_right() {
    let server = start_with(Limits::default(), 1 << 12).await;
    let mut slow = JsonClient::open(&server, &server.dashboard).await;
    let mut quick = JsonClient::open(&server, &server.dashboard).await;
    let (mut slow_mirror, mut quick_mirror) = (Mirror::default(), Mirror::default());
    slow_mirror.hear("snapshot", &slow.subscribe(json!({"id": 1, "view": "levels"})).await);
    quick_mirror.hear("snapshot", &quick.subscribe(json!({"id": 1, "view": "levels"})).await);
    let mut last = 0;
    for n in 0..100 {
        last =
            server.set(catalog::LEVELS, (0..1_000).map(|p| level(&format!("p{}", (n * 7 + p) % 30_000), n)));
        quick_mirror.until(&mut quick, last).await;
    }
    slow_mirror.until(&mut slow, last).await;
    assert_eq!(slow_mirror.rows, quick_mirror.rows);
    assert!(slow_mirror.deltas < quick_mirror.deltas, "{} and {}", slow_mirror.deltas, quick_mirror.deltas);
}

#[tokio::test]
async fn one_that_reads_nothing_is_cut_off() {
    let limits = Limits { stall: Duration::from_millis(300), ..Limits::default() };
    let server = start(limits).await;
    let mut silent = JsonClient::open(&server, &server.dashboard).await;
    silent.subscribe(json!({"id": 1, "view": "levels"})).await;
    let deadline = tokio::time::Instant::now() + SOON;
    let mut n = 0;
    while server.realms.sessions() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "it is still connected");
        n += 1;
        server.set(catalog::LEVELS, (0..2_000).map(|p| level(&format!("somebody-with-a-long-name-{p}"), n)));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_silent_connection_ends_with_a_reason() {
    let limits = Limits { heartbeat: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    let raw = connect(&server, "/v1/socket", None, Some(&server.ana)).await.expect("connects");
    // Only the sending half is driven by hand: pings are answered by reading, and nothing is read.
    let (mut sink, stream) = raw.split();
    sink.send(Message::text(r#"{"hello": {"version": 1}}"#)).await.expect("open");
    let shown = || server.realm.views.read(catalog::SESSIONS).len();
    let deadline = tokio::time::Instant::now() + SOON;
    for shown_now in [1, 0] {
        while shown() != shown_now {
            assert!(tokio::time::Instant::now() < deadline, "the session is not what it should be");
            tokio::task::yield_now().await;
        }
    }
    let rest: Vec<_> = stream.collect().await;
    let said = rest.iter().filter_map(|message| message.as_ref().ok()?.to_text().ok());
    assert!(said.clone().any(|text| text.contains("\"silent\"")), "{:?}", said.collect::<Vec<_>>());
}

#[tokio::test]
async fn sessions_are_rows_and_end_with_a_goodbye() {
    let server = start(Limits { sessions: 2, kept_for_servers: 0, ..Limits::default() }).await;
    let mut board = JsonClient::open(&server, &server.dashboard).await;
    board.send(json!({"subscribe": {"id": 1, "view": "sessions"}})).await;
    board.expect("subscribed").await;
    let mut roles = Vec::new();
    let _ana = JsonClient::open(&server, &server.ana).await;
    while roles.len() < 2 {
        let (name, body) = board.next().await;
        let rows = if name == "delta" { body["changes"][0]["rows"].clone() } else { body["rows"].clone() };
        for row in rows.as_array().into_iter().flatten() {
            let role = row["role"].as_str().expect("a role").to_owned();
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    let refused = connect(&server, "/v1/socket", None, Some(&server.ana)).await.expect_err("no more seats");
    assert!(refused.to_string().contains("503"), "{refused}");
    server.realms.close();
    loop {
        match board.next().await {
            (name, body) if name == "goodbye" => {
                assert_eq!((&body["code"], &body["retryable"]), (&json!("shutting_down"), &json!(true)));
                break;
            }
            (name, body) => assert!(name == "delta" || name == "snapshot", "{name} {body}"),
        }
    }
    gone(&server).await;
}

async fn gone(server: &Server) {
    let deadline = tokio::time::Instant::now() + SOON;
    while server.realms.sessions() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "sessions are left");
        tokio::task::yield_now().await;
    }
}
