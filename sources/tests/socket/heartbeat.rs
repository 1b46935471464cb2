//! Signs of life: any one will do, and without any a session ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use worldflow_schemas::catalog;
use worldflow_sources::game_socket::Limits;

use crate::client::{JsonClient, SOON};
use crate::realm::{level, start};
use crate::slow::stopped;

const BEAT: Duration = Duration::from_millis(100);

/// More than is forgiven, several times.
const BEATS: u32 = 10;

#[tokio::test]
async fn answers_to_pings_are_signs_of_life() {
    let server = start(Limits { heartbeat: BEAT, ..Limits::default() }).await;
    let mut client = JsonClient::open(&server, &server.ana).await;
    // It only reads, and the library answers.
    let mut pings = 0;
    while pings < BEATS {
        let message = tokio::time::timeout(SOON, client.raw.next()).await.expect("pinged");
        match message.expect("open").expect("whole") {
            Message::Ping(_) => pings += 1,
            other => panic!("not expected: {other:?}"),
        }
    }
    client.send(json!({"ping": {"nonce": 1}})).await;
    client.expect("pong").await;
}

/// One that cannot answer pings of WebSocket, or does not see them, says something by itself.
#[tokio::test]
async fn pings_of_the_protocol_and_of_websocket_are_signs_of_life() {
    let server = start(Limits { heartbeat: BEAT, ..Limits::default() }).await;
    for ping in [Message::text(r#"{"ping": {"nonce": 1}}"#), Message::Ping(Bytes::new())] {
        let (mut sink, stream) = JsonClient::open(&server, &server.ana).await.raw.split();
        // Nothing is read, so nothing is answered.
        let mut clock = tokio::time::interval(BEAT);
        for _ in 0..BEATS {
            clock.tick().await;
            sink.send(ping.clone()).await.expect("the session goes on");
        }
        assert_eq!(server.realms.sessions(), 1);
        drop((sink, stream));
        while server.realms.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Who reads slowly what was sent before the ping is not silent.
#[tokio::test]
async fn reading_is_a_sign_of_life() {
    const ROWS: usize = 200_000;
    let heartbeat = 4 * BEAT;
    let server = start(Limits { heartbeat, ..Limits::default() }).await;
    // Far more than the system holds for a connection that has little room.
    let long = "x".repeat(200);
    server.set(catalog::LEVELS, (0..ROWS).map(|n| level(&format!("{long}-{n}"), 1)));
    // Pings stand behind what there is to read, and are answered late.
    let (_sink, mut stream) = stopped(&server).await.split();
    let mut clock = tokio::time::interval(BEAT / 4);
    let begun = tokio::time::Instant::now();
    let mut rows = 0;
    while rows < ROWS {
        clock.tick().await;
        let message = tokio::time::timeout(SOON, stream.next()).await.expect("a frame comes");
        let Message::Text(text) = message.expect("open").expect("whole") else { continue };
        assert!(!text.contains("goodbye"), "{text}");
        rows += text.matches("\"player\":").count();
    }
    assert!(begun.elapsed() > heartbeat.mul_f32(2.5), "it was to take longer than silence is forgiven");
}
