//! A client that is not ours: tokio-tungstenite, with JSON by hand and protobuf through prost.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;

use crate::realm::Server;

pub(crate) type Raw = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Long enough for a loaded machine; only a failing test waits for it.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn connect(
    server: &Server,
    path: &str,
    subprotocol: Option<&str>,
    bearer: Option<&str>,
) -> Result<Raw, Error> {
    let mut request = format!("ws://{}{path}", server.address).into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().expect("ascii"));
    }
    if let Some(token) = bearer {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("ascii"));
    }
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

/// A session in JSON.
pub(crate) struct JsonClient {
    pub(crate) raw: Raw,
    pub(crate) welcome: Value,
}

impl JsonClient {
    pub(crate) async fn open(server: &Server, token: &str) -> JsonClient {
        let raw =
            connect(server, "/v1/socket", Some("worldflow.v1.json"), Some(token)).await.expect("connects");
        let mut client = JsonClient { raw, welcome: Value::Null };
        client.send(json!({"hello": {"version": 1, "client": "test"}})).await;
        client.welcome = client.expect("welcome").await;
        client
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.raw.send(Message::text(frame.to_string())).await.expect("the connection is open");
    }

    /// The next frame: its name and its body.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            let message = tokio::time::timeout(SOON, self.raw.next()).await.expect("a frame comes");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    let (name, body) =
                        frame.as_object().and_then(|frame| frame.iter().next()).expect("one member");
                    return (name.clone(), body.clone());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return ("close".to_owned(), json!(frame.map(|f| u16::from(f.code))));
                }
                other => return ("gone".to_owned(), json!(format!("{other:?}"))),
            }
        }
    }

    /// The body of the next frame, which has this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (got, body) = self.next().await;
        assert_eq!(got, name, "{body}");
        body
    }

    pub(crate) async fn subscribe(&mut self, subscribe: Value) -> Value {
        self.send(json!({"subscribe": subscribe})).await;
        self.expect("subscribed").await;
        self.expect("snapshot").await
    }
}

/// A session in protobuf.
pub(crate) struct ProtoClient {
    pub(crate) raw: Raw,
}

impl ProtoClient {
    pub(crate) async fn open(server: &Server, token: &str) -> (ProtoClient, v1::Welcome) {
        let raw = connect(server, "/v1/realms/greenvale/socket", Some("worldflow.v1.proto"), None)
            .await
            .expect("connects");
        let mut client = ProtoClient { raw };
        client
            .send(ClientFrame::Hello(v1::Hello { version: 1, token: Some(token.to_owned()), client: None }))
            .await;
        match client.next().await {
            ServerFrame::Welcome(welcome) => (client, welcome),
            other => panic!("not a welcome: {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: ClientFrame) {
        let bytes = v1::ClientFrame { frame: Some(frame) }.encode_to_vec();
        self.raw.send(Message::Binary(Bytes::from(bytes))).await.expect("the connection is open");
    }

    pub(crate) async fn next(&mut self) -> ServerFrame {
        loop {
            let message = tokio::time::timeout(SOON, self.raw.next()).await.expect("a frame comes");
            match message.expect("open").expect("whole") {
                Message::Binary(bytes) => {
                    let frame = v1::ServerFrame::decode(bytes).expect("the generated types read it");
                    return frame.frame.expect("of this version");
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a frame: {other:?}"),
            }
        }
    }
}
