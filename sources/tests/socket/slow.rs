//! Readers that stop reading: changes are folded, then a snapshot comes instead, then they are cut off;
//! what waits for them is bounded, and nobody else is held up.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use worldflow_schemas::{Row, catalog};
use worldflow_sources::game_socket::Limits;

use crate::client::SOON;
use crate::peer::{Encoding, Peer};
use crate::realm::{Server, level, start};

/// A dashboard that has little room of its own, follows the levels, and reads nothing.
pub(crate) async fn stopped(server: &Server) -> WebSocketStream<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 << 10).expect("any size will do");
    let stream = socket.connect(server.address).await.expect("it listens");
    let address = format!("ws://{}/v1/socket?token={}", server.address, server.dashboard);
    let request = address.into_client_request().expect("an address");
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("let in");
    for frame in [json!({"hello": {"version": 1}}), json!({"subscribe": {"id": 1, "view": "levels"}})] {
        let message = tokio_tungstenite::tungstenite::Message::text(frame.to_string());
        futures_util::SinkExt::send(&mut socket, message).await.expect("open");
    }
    socket
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "not soon: {what}");
        tokio::task::yield_now().await;
    }
}

/// Ticks that are timed.
const TIMED: usize = 150;

/// How long it is from a tick to its delta.
async fn delta_of(server: &Server, good: &mut Peer, rows: impl Iterator<Item = Row>) -> Duration {
    let began = Instant::now();
    let last = server.set(catalog::LEVELS, rows);
    good.until(last).await;
    began.elapsed()
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_that_stop_reading_hold_up_nobody_and_little_memory() {
    const READERS: usize = 100;
    const WAITING: usize = 128 << 10;
    let limits = Limits { waiting_bytes: WAITING, ..Limits::default() };
    let server = start(limits).await;
    let mut good = Peer::open(&server, Encoding::Json).await;
    good.subscribe(json!({"id": 1, "view": "levels", "hash": true}), None).await;
    good.hear().await;
    // Names are long, so that what the system holds for those who do not read is soon full.
    let rows = |ticks: u64| {
        let name = move |n: u64| format!("{}-{}", "x".repeat(200), (ticks * 13 + n) % 500);
        (0..100).map(move |n| level(&name(n), i64::try_from(ticks).expect("few")))
    };
    let (mut ticks, mut most) = (0, 0);
    let (mut before, mut with_them) = (Vec::new(), Vec::new());
    while before.len() < TIMED {
        before.push(delta_of(&server, &mut good, rows(ticks)).await);
        ticks += 1;
    }
    let mut held = Vec::new();
    for _ in 0..READERS {
        held.push(stopped(&server).await);
    }
    // Until each has had its fill, and for a while after that.
    let deadline = Instant::now() + 3 * SOON;
    while with_them.len() < TIMED {
        assert!(Instant::now() < deadline, "{most} bytes wait after {ticks} ticks");
        let took = delta_of(&server, &mut good, rows(ticks)).await;
        ticks += 1;
        let waiting = server.realms.waiting_bytes();
        most = most.max(waiting);
        if waiting > READERS * WAITING / 4 {
            with_them.push(took);
        }
    }
    let (before, with_them) = (p99(before), p99(with_them));
    println!(
        "from a tick to its delta, p99: {before:?} alone, {with_them:?} with {READERS} that do not read"
    );
    // What is folded for each of them costs something, and much without optimization; whoever waits for one waits for seconds.
    let longest = 4 * before + Duration::from_millis(750);
    assert!(with_them < longest, "{before:?} before, {with_them:?} with them");
    // Each tick came as a delta of its own.
    assert_eq!((good.snapshots, good.deltas), (1, usize::try_from(ticks).expect("few")));
    // For each at most as much waits as may, and as much again is being written.
    assert!(most <= (READERS + 1) * 2 * WAITING, "{most} bytes");
    drop(held);
    until("what waited for them is let go", || server.realms.waiting_bytes() < 2 * WAITING).await;
}

/// The same rows change again and again: what waits is each once, as it is last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_one_who_reads_later_is_folded_by_key() {
    const ROWS: usize = 50;
    let server = start(Limits { stall: 10 * SOON, ..Limits::default() }).await;
    let mut late = Peer::open(&server, Encoding::Json).await;
    late.subscribe(json!({"id": 1, "view": "levels", "hash": true}), None).await;
    late.hear().await;
    let deadline = Instant::now() + 3 * SOON;
    let (mut ticks, mut waited, mut last) = (0, 0, 0);
    // Until something has waited for a hundred ticks: the system has room for a good deal.
    while waited < 100 {
        assert!(Instant::now() < deadline, "nothing waits after {ticks} ticks");
        ticks += 1;
        let row = |p: usize| level(&format!("{}-{p}", "x".repeat(400)), ticks);
        last = server.set(catalog::LEVELS, (0..ROWS).map(row));
        tokio::time::sleep(Duration::from_millis(2)).await;
        waited = if server.realms.waiting_bytes() > 0 { waited + 1 } else { 0 };
    }
    late.until(last).await;
    assert_eq!((late.snapshots, late.held.rows.len()), (1, ROWS));
    assert!(late.held.rows.values().all(|row| row["experience"] == ticks), "the last of each is held");
    // A delta of several ticks names each row once.
    let deltas = i64::try_from(late.deltas).expect("few");
    assert!(deltas + 90 < ticks, "{deltas} deltas of {ticks} ticks");
    assert_eq!(late.rows_seen, late.deltas * ROWS);
}

/// It reads, but never as much as comes.
#[tokio::test]
async fn one_that_never_catches_up_is_cut_off_with_a_reason() {
    let limits = Limits {
        waiting_bytes: 32 << 10,
        snapshots_behind: 3,
        lagging: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = start(limits).await;
    let mut slow = stopped(&server).await;
    let mut good = Peer::open(&server, Encoding::Protobuf).await;
    good.subscribe(json!({"id": 1, "view": "levels"}), None).await;
    let deadline = Instant::now() + 3 * SOON;
    let mut n = 0;
    while !server.rejections().contains(&"too_slow".to_owned()) {
        assert!(Instant::now() < deadline, "it is still connected after {n} ticks");
        n += 1;
        // A tick may wait, but not what several of them change.
        let row = |p: i64| level(&format!("{}-{}", "x".repeat(400), (n * 50 + p) % 500), n);
        let last = server.set(catalog::LEVELS, (0..50).map(row));
        good.until(last).await;
        if n % 20 == 0 {
            slow.next().await.expect("it is open").expect("whole");
        }
    }
    until("the session is gone", || server.realms.sessions() == 1).await;
    // It is told, if it has read so far by then.
    while let Some(Ok(message)) = slow.next().await {
        if let Ok(text) = message.to_text()
            && text.contains("goodbye")
        {
            assert!(text.contains("\"too_slow\"") && text.contains("more than 3 snapshots"), "{text}");
        }
    }
    assert_eq!(good.snapshots, 1);
}
