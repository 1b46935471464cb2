//! Connections that are lost and come back: they get what they missed, or are told why not.

use serde_json::json;
use worldflow_schemas::catalog;
use worldflow_sources::game_socket::Limits;

use crate::client::JsonClient;
use crate::peer::{BOTH, Encoding, Held, Peer};
use crate::realm::{Server, level, start, start_with};

const SUBSCRIBE: &str = r#"{"id": 1, "view": "levels", "hash": true}"#;

fn subscribe() -> serde_json::Value {
    serde_json::from_str(SUBSCRIBE).expect("JSON")
}

fn name(n: usize) -> String {
    format!("p{n}")
}

async fn back(server: &Server, encoding: Encoding, held: &Held) -> Peer {
    let mut peer = Peer::open(server, encoding).await;
    peer.subscribe(subscribe(), Some(held.clone())).await;
    peer
}

#[tokio::test]
async fn one_that_comes_back_gets_what_it_missed_and_no_more() {
    for encoding in BOTH {
        let server = start(Limits::default()).await;
        server.set(catalog::LEVELS, (0..100).map(|n| level(&name(n), 0)));
        let mut peer = Peer::open(&server, encoding).await;
        peer.subscribe(subscribe(), None).await;
        peer.hear().await;
        assert_eq!((peer.resumed.clone(), peer.held.rows.len()), (None, 100));
        let mut last = 0;
        for round in 1..=20 {
            let held = peer.held.clone();
            drop(peer);
            // Three rows change, one of them twice, and one goes.
            for n in [round, round + 1, round + 2, round] {
                last = server.set(catalog::LEVELS, [level(&name(n), round as i64)]);
            }
            let gone = server
                .state
                .lock()
                .expect("no panic")
                .remove(catalog::LEVELS, &["greenvale", &name(99 - round)]);
            last = last.max(server.tick(gone));
            // Only now has the hub seen it: a pong is of a tick that is through.
            peer = back(&server, encoding, &held).await;
            assert_eq!(peer.resumed.as_deref(), Some("resumed"));
            peer.until(last).await;
            // All of it is folded into one delta, or what the hub had not seen comes after it.
            assert_eq!(peer.snapshots, 0);
            assert!(
                (1..=5).contains(&peer.deltas) && (4..=5).contains(&peer.rows_seen),
                "{}",
                peer.rows_seen
            );
            assert_eq!(peer.held.rows.len(), 100 - round);
            let row = &peer.held.rows[&name(round)];
            assert_eq!(row["experience"], round);
        }
        // When nothing was missed nothing comes, and the next change follows on.
        let held = peer.held.clone();
        drop(peer);
        let mut peer = back(&server, encoding, &held).await;
        assert_eq!(peer.resumed.as_deref(), Some("resumed"));
        peer.settle().await;
        assert_eq!((peer.snapshots, peer.deltas), (0, 0));
        last = server.set(catalog::LEVELS, [level("p5", 1_000)]);
        peer.until(last).await;
        assert_eq!((peer.snapshots, peer.deltas, peer.rows_seen), (0, 1, 1));
    }
}

#[tokio::test]
async fn one_that_cannot_go_on_is_told_why_and_gets_a_snapshot() {
    for encoding in BOTH {
        let server = start_with(Limits::default(), 64).await;
        server.set(catalog::LEVELS, (0..30).map(|n| level(&name(n), 0)));
        let mut peer = Peer::open(&server, encoding).await;
        peer.subscribe(subscribe(), None).await;
        peer.hear().await;
        let held = peer.held.clone();
        let is_told = async |held: Held, why: &str| {
            let mut peer = back(&server, encoding, &held).await;
            assert_eq!(peer.resumed.as_deref(), Some(why));
            peer.settle().await;
            assert_eq!((peer.snapshots, peer.held.rows.len()), (1, 30), "{why}");
            peer.held
        };
        is_told(Held { epoch: "0123".to_owned(), ..held.clone() }, "other_epoch").await;
        is_told(Held { epoch: String::new(), ..held.clone() }, "other_epoch").await;
        is_told(Held { tick: held.tick + 1_000_000, ..held.clone() }, "in_future").await;
        is_told(Held { tick: u64::MAX, ..held.clone() }, "in_future").await;
        for hash in ["0", "", "not a hash", "ffffffffffffffffff"] {
            is_told(Held { hash: Some(hash.to_owned()), ..held.clone() }, "rows_differ").await;
        }
        // Its rows are of a tick at which they were others.
        let last = server.set(catalog::LEVELS, [level("p1", 1)]);
        peer.until(last).await;
        is_told(Held { tick: last, ..held.clone() }, "rows_differ").await;
        // Without a hash the client is believed.
        let trusted = Held { hash: None, ..peer.held.clone() };
        let mut trusting = back(&server, encoding, &trusted).await;
        assert_eq!(trusting.resumed.as_deref(), Some("resumed"));
        trusting.settle().await;
        assert_eq!(trusting.snapshots, 0);
        // More has changed since than is held.
        for n in 2..40 {
            server.set(catalog::LEVELS, [level("p1", n)]);
        }
        is_told(held.clone(), "too_old").await;
        is_told(Held { tick: 0, ..held }, "too_old").await;
    }
}

#[tokio::test]
async fn what_narrows_it_narrows_what_was_missed() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, (0..10).map(|n| level(&name(n), 0)));
    let narrow =
        json!({"id": 3, "view": "levels", "where": {"player": ["p1", "p2"]}, "hash": true, "max_hz": 100});
    let mut peer = Peer::open(&server, Encoding::Json).await;
    peer.subscribe(narrow.clone(), None).await;
    peer.hear().await;
    let held = peer.held.clone();
    drop(peer);
    for n in 0..10 {
        server.set(catalog::LEVELS, [level(&name(n), 7)]);
    }
    let mut peer = Peer::open(&server, Encoding::Json).await;
    peer.subscribe(narrow, Some(held.clone())).await;
    assert_eq!(peer.resumed.as_deref(), Some("resumed"));
    let last = server.set(catalog::LEVELS, [level("p2", 8)]);
    peer.until(last).await;
    assert!(peer.snapshots == 0 && (2..=3).contains(&peer.rows_seen), "{}", peer.rows_seen);
    // With other rows wanted the hash says that these are not they.
    let mut other = Peer::open(&server, Encoding::Json).await;
    let wider = json!({"id": 3, "view": "levels", "where": {"player": ["p1", "p2", "p3"]}});
    other.subscribe(wider, Some(held)).await;
    assert_eq!(other.resumed.as_deref(), Some("rows_differ"));
    other.settle().await;
    assert_eq!(other.held.rows.len(), 3);
}

/// Ticks go on while connections come and go, and each resumes somewhere in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_misses_and_repeats_nothing_amid_ticks() {
    for encoding in BOTH {
        let server = start_with(Limits::default(), 256).await;
        server.set(catalog::LEVELS, (0..50).map(|n| level(&name(n), 0)));
        let mut held: Option<Held> = None;
        let (mut resumed, mut afresh) = (0, 0);
        for round in 0..60_usize {
            let mut peer = Peer::open(&server, encoding).await;
            peer.subscribe(subscribe(), held.take()).await;
            match peer.resumed.as_deref() {
                Some("resumed") => resumed += 1,
                Some("too_old") => afresh += 1,
                other => assert_eq!((other, round), (None, 0)),
            }
            let mut last = 0;
            for n in 0..(1 + round % 5 * 30) {
                last = server
                    .set(catalog::LEVELS, [level(&name((n * 7 + round) % 50), (round * 200 + n) as i64)]);
            }
            if round % 3 != 0 {
                peer.until(last).await;
            } else {
                peer.hear().await;
            }
            held = Some(peer.held.clone());
        }
        assert!(resumed > 10 && resumed + afresh == 59, "{resumed} {afresh}");
    }
}

/// One thread: the session wakes before anybody has handed out the last tick, as it may on a busy machine.
#[tokio::test]
async fn who_is_here_at_the_end_has_the_last_tick_whatever_its_rate() {
    for (rows, max_hz) in [(true, None), (false, None), (true, Some(0.001)), (false, Some(0.001))] {
        let server = start(Limits::default()).await;
        let mut client = JsonClient::open(&server, &server.game_server).await;
        client.subscribe(json!({"id": 1, "view": "levels", "max_hz": max_hz})).await;
        for experience in 1..=2 {
            server.set(catalog::LEVELS, [level("ana", experience)]);
        }
        client.expect("delta").await;
        server.realms.close();
        let last = server.set(catalog::LEVELS, rows.then(|| level("ana", 3)));
        let mut complete = 0;
        let end = loop {
            match client.next().await {
                (name, body) if name == "delta" => complete = body["tick"].as_u64().expect("a tick"),
                other => break other.0,
            }
        };
        assert_eq!((end.as_str(), complete), ("goodbye", last), "{rows} {max_hz:?}");
    }
}
