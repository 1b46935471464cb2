//! The accept loop: HTTP/1.1 connections that cannot be kept half open.
//!
//! `listener ─accept→ connection ─TLS, if any→ head in time→ router`. How long the handshake and the head of a
//! request may take, how long an answer may be left unread, and how many connections there may be at once, is limited here;
//! bodies and sockets have limits of their own, where they are read.

use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use worldflow_sources::lingering::Lingering;

use crate::impatient::Impatient;

/// How much connections may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at once. One that has become a game socket counts no longer: sessions have a limit of
    /// their own.
    pub most: usize,
    /// How long the head of a request may take, the wait for its first byte included.
    pub head: Duration,
    /// How long nothing may be taken of what is written. Sockets are less patient by themselves.
    pub unread: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits { most: 4_096, head: Duration::from_secs(10), unread: Duration::from_secs(60) }
    }
}

/// How long nothing is accepted after the system had no more to give, such as descriptors.
const REST: Duration = Duration::from_secs(1);

/// Serves `app` until told to stop; then connections end after the request that they are in, and it
/// returns with the last of them. Dropping it cuts them off.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    limits: ConnectionLimits,
    stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stop(stopping.clone()));
    loop {
        tokio::select! {
            () = &mut stopped => break,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) if connections.len() < limits.most => {
                    let connection = Connection { from, app: app.clone(), limits, stopping: stopping.clone() };
                    connections.spawn(connection.open(stream, tls.clone()));
                }
                Ok((stream, _)) => turn_away(stream, tls.is_some(), limits.most),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted for a moment");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Returns when told to stop; a sender that is gone stops it too.
async fn stop(mut stopping: watch::Receiver<bool>) {
    let _gone = stopping.wait_for(|stop| *stop).await;
}

/// One connection, and what it needs.
struct Connection {
    from: SocketAddr,
    app: Router,
    limits: ConnectionLimits,
    stopping: watch::Receiver<bool>,
}

impl Connection {
    async fn open(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // A delta is to leave when it is written, not when the client has acknowledged the one before. Where
        // the option cannot be set the connection is gone already.
        let _gone = stream.set_nodelay(true);
        let stream = Impatient::new(Lingering::new(stream), self.limits.unread);
        let Some(tls) = tls else { return self.converse(stream).await };
        // Who does not shake hands in time, or rightly, has nobody to talk to.
        if let Ok(Ok(stream)) = tokio::time::timeout(self.limits.head, tls.accept(stream)).await {
            self.converse(stream).await;
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Connection { from, app, limits, stopping } = self;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head);
        let app = TowerToHyperService::new(app);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(from));
            app.call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        // However it ends, there is nobody left to be told.
        tokio::select! {
            _ended = connection.as_mut() => return,
            () = stop(stopping) => connection.as_mut().graceful_shutdown(),
        }
        let _ended = connection.await;
    }
}

/// Says why in one write, which a new connection has room for, and hangs up; a handshake would cost more than
/// it is worth.
fn turn_away(stream: TcpStream, encrypted: bool, most: usize) {
    metrics::counter!("worldflow_connections_turned_away_total").increment(1);
    if encrypted {
        return;
    }
    let error = serde_json::json!({"error": {
        "code": "too_many_connections",
        "path": "",
        "reason": format!("{most} connections are open, and no more are taken"),
        "hint": "try again later, or keep one connection and send more over it",
        "retryable": true,
    }})
    .to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\nretry-after: 1\r\n\r\n{error}",
        error.len()
    );
    // It may be gone already.
    let _gone = stream.into_std().and_then(|mut stream| stream.write_all(answer.as_bytes()));
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
