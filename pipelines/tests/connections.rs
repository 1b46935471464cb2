//! Connections that say nothing, too little, or come in too large a number.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use worldflow::connections::{ConnectionLimits, serve};

/// How long anything may take on a busy machine before the test fails.
const DEADLINE: Duration = Duration::from_secs(20);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// More than the system holds for a connection.
const LONG: usize = 64 << 20;

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

async fn start(limits: ConnectionLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopping) = watch::channel(false);
    let app =
        Router::new().route("/", get(|| async { "well" })).route("/long", get(|| async { vec![b'x'; LONG] }));
    Server { address, stop, serving: tokio::spawn(serve(listener, None, app, limits, stopping)) }
}

async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, happens).await.unwrap_or_else(|_| panic!("not soon: {what}"))
}

impl Server {
    async fn connect(&self, says: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(says).await.expect("there is room");
        stream
    }
}

/// What it says until it hangs up.
async fn heard(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut while something was on its way to it is reset.
    let _reset = soon("the server hangs up", stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_head_that_is_not_ended_is_not_waited_for() {
    let server = start(ConnectionLimits { head: Duration::from_millis(50), ..Default::default() }).await;
    for says in [&b""[..], b"G", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"] {
        let stream = server.connect(says).await;
        let said = heard(stream).await;
        assert!(!said.contains("well"), "{said}");
    }
    // Nor is a connection kept that asks nothing more.
    let stream = server.connect(REQUEST).await;
    assert!(heard(stream).await.ends_with("well"));
}

#[tokio::test]
async fn more_connections_than_there_may_be_are_told_so() {
    let server = start(ConnectionLimits { most: 2, head: DEADLINE * 10, ..Default::default() }).await;
    let held = [server.connect(b"GET / HT").await, server.connect(b"").await];
    let answer = heard(server.connect(b"").await).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        (&body["error"]["code"], &body["error"]["retryable"]),
        (&"too_many_connections".into(), &true.into())
    );
    // Those that are there are served, and one that has gone makes room.
    let [mut first, second] = held;
    first.write_all(b"TP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("there is room");
    assert!(heard(first).await.ends_with("well"));
    drop(second);
    let served = async {
        while !heard(server.connect(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await)
            .await
            .ends_with("well")
        {}
    };
    soon("there is room again", served).await;
}

#[tokio::test]
async fn it_stops_with_the_last_connection_and_waits_for_no_silent_one() {
    let server = start(ConnectionLimits { head: DEADLINE * 10, ..Default::default() }).await;
    let mut kept = server.connect(REQUEST).await;
    let mut answer = [0; 16];
    soon("an answer", kept.read_exact(&mut answer)).await.expect("an answer");
    let silent = server.connect(b"").await;
    server.stop.send(true).expect("it runs");
    soon("it ends", server.serving).await.expect("it does not panic");
    assert!(heard(kept).await.ends_with("well"));
    assert_eq!(heard(silent).await, "");
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_not_waited_for() {
    let limits = ConnectionLimits { most: 1, unread: Duration::from_millis(200), ..Default::default() };
    let server = start(limits).await;
    let ask = b"GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut stubborn = server.connect(ask).await;
    // It holds the only place, and gives it up although it never says or reads anything again.
    let served = async {
        while !heard(server.connect(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await)
            .await
            .ends_with("well")
        {}
    };
    soon("there is room again", served).await;
    let mut rest = Vec::new();
    let _reset = soon("the connection ends", stubborn.read_to_end(&mut rest)).await;
    assert!(rest.len() < LONG, "the rest was thrown away");
    // Whoever reads, however slowly, is served to the end.
    let mut slow = server.connect(ask).await;
    let mut read = 0;
    let mut part = vec![0; 1 << 20];
    loop {
        let got = soon("more of the answer", slow.read(&mut part)).await.expect("not cut off");
        if got == 0 {
            break;
        }
        read += got;
        if read % (8 << 20) < got {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert!(read > LONG, "{read}");
}
