//! How much is done for whom: counted, so that it does not grow unnoticed.

use serde_json::json;
use worldflow_schemas::catalog;
use worldflow_sources::game_socket::{Limits, WorkDone};

use crate::peer::{BOTH, Peer};
use crate::realm::{Server, level, start};

fn since(server: &Server, before: WorkDone) -> WorkDone {
    let now = server.realms.work();
    WorkDone {
        wakes: now.wakes - before.wakes,
        handed: now.handed - before.handed,
        encoded: now.encoded - before.encoded,
        hashed: now.hashed - before.hashed,
        frames: now.frames - before.frames,
        writes: now.writes - before.writes,
    }
}

/// Sessions that follow, and have what there is.
async fn peers(
    server: &Server,
    count: usize,
    mut wanted: impl FnMut(usize) -> serde_json::Value,
) -> Vec<Peer> {
    let mut peers = Vec::new();
    for n in 0..count {
        let mut peer = Peer::open(server, BOTH[n / 2 % 2]).await;
        peer.subscribe(json!({"id": 1, "view": "levels", "where": wanted(n)}), None).await;
        peer.hear().await;
        peer.settle().await;
        peers.push(peer);
    }
    peers
}

#[tokio::test]
async fn who_sees_no_change_is_not_woken() {
    let server = start(Limits::default()).await;
    server.set(catalog::LEVELS, (0..50).map(|n| level(&format!("p{n}"), 0)));
    let mut peers = peers(&server, 50, |n| json!({"player": format!("p{n}")})).await;
    let before = server.realms.work();
    let last = server.set(catalog::LEVELS, (10..20).map(|n| level(&format!("p{n}"), 1)));
    for peer in &mut peers[10..20] {
        peer.until(last).await;
        assert_eq!(peer.deltas, 1);
    }
    // Ten of fifty, each with one row that went and one that came, in a frame and a write of its own.
    let expected = WorkDone { wakes: 10, handed: 20, encoded: 10, hashed: 0, frames: 10, writes: 10 };
    assert_eq!(since(&server, before), expected);
}

#[tokio::test]
async fn a_row_is_written_once_in_each_encoding_for_all_who_see_it() {
    let server = start(Limits::default()).await;
    let mut peers = peers(&server, 20, |_| json!({})).await;
    let before = server.realms.work();
    let last = server.set(catalog::LEVELS, (0..7).map(|n| level(&format!("p{n}"), 1)));
    for peer in &mut peers {
        peer.until(last).await;
    }
    let expected = WorkDone { wakes: 20, handed: 140, encoded: 2 * 7, hashed: 0, frames: 20, writes: 20 };
    assert_eq!(since(&server, before), expected);
}

#[tokio::test]
async fn frames_that_are_ready_together_leave_with_one_write() {
    let server = start(Limits::default()).await;
    let mut peers = peers(&server, 1, |_| json!({})).await;
    let peer = &mut peers[0];
    let before = server.realms.work();
    // The hub does not run between these.
    let mut last = 0;
    for n in 0..5 {
        last = server.set(catalog::LEVELS, [level("ana", n)]);
    }
    peer.until(last).await;
    assert_eq!(peer.deltas, 5);
    let done = since(&server, before);
    assert_eq!((done.wakes, done.frames, done.writes), (1, 5, 1), "{done:?}");
    // So do acks and answers.
    let before = server.realms.work();
    for nonce in 0..10 {
        peer.send("ping", json!({"nonce": nonce})).await;
    }
    for _ in 0..10 {
        assert_eq!(peer.hear().await, "pong");
    }
    let done = since(&server, before);
    assert_eq!(done.frames, 10);
    assert!(done.writes < 10, "{} writes", done.writes);
}

/// With a rate a session is woken once to set its clock, and not with each tick.
#[tokio::test]
async fn who_asked_for_few_deltas_is_not_woken_for_more() {
    let server = start(Limits::default()).await;
    let mut peer = Peer::open(&server, BOTH[0]).await;
    peer.subscribe(json!({"id": 1, "view": "levels", "max_hz": 2}), None).await;
    peer.hear().await;
    let first = server.set(catalog::LEVELS, [level("ana", 0)]);
    peer.until(first).await;
    let before = server.realms.work();
    let mut last = 0;
    for n in 1..=30 {
        last = server.set(catalog::LEVELS, [level("ana", n)]);
        // The hub sees each of them.
        peer.send("ping", json!({"nonce": 1})).await;
        while peer.hear().await != "pong" {}
    }
    peer.until(last).await;
    let done = since(&server, before);
    assert!(done.wakes <= 2 + peer.deltas as u64, "{} wakes for {} deltas", done.wakes, peer.deltas);
}
