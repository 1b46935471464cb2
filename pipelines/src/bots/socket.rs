//! A client of the game socket, in JSON: connect, say hello, send frames, receive frames.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The subprotocol of JSON frames.
const JSON: &str = "worldflow.v1.json";

/// A crowd cannot play on.
#[derive(Debug, thiserror::Error)]
pub enum BotsError {
    /// The socket cannot be opened, or broke.
    #[error("{url}: {cause}\nhint: is worldflow running there, and is the port right?")]
    Socket {
        /// Where.
        url: String,
        /// Why.
        cause: Box<tungstenite::Error>,
    },
    /// The server said goodbye, or refused the token.
    #[error("the server ended the session: {code}: {reason}")]
    Ended {
        /// Its code.
        code: String,
        /// Its words.
        reason: String,
    },
    /// The server sent something that is no frame.
    #[error("the server sent a frame that cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// An open session.
pub(super) struct Socket {
    url: String,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the server said in its welcome.
    pub(super) welcome: Value,
}

impl Socket {
    /// Connects and says hello.
    pub(super) async fn open(url: &str, token: &str, client: &str) -> Result<Socket, BotsError> {
        let url = with_path(url);
        let failed =
            |cause: tungstenite::Error| BotsError::Socket { url: url.clone(), cause: Box::new(cause) };
        let mut request = url.as_str().into_client_request().map_err(failed)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(JSON));
        let (stream, _) = connect_async(request).await.map_err(failed)?;
        let mut socket = Socket { url, stream, welcome: Value::Null };
        socket.send(&json!({"hello": {"version": 1, "token": token, "client": client}})).await?;
        while socket.welcome.is_null() {
            let mut frame = socket.receive().await?;
            if let Some(welcome) = frame.get_mut("welcome") {
                socket.welcome = welcome.take();
            } else if let Some(error) = frame.get("error") {
                return Err(ended(error));
            }
        }
        Ok(socket)
    }

    /// Sends a frame.
    pub(super) async fn send(&mut self, frame: &Value) -> Result<(), BotsError> {
        let sent = self.stream.send(Message::text(frame.to_string())).await;
        sent.map_err(|cause| self.broken(cause))
    }

    /// Waits for the next frame. Safe to cancel.
    pub(super) async fn receive(&mut self) -> Result<Value, BotsError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text)?;
                    return match frame.get("goodbye") {
                        Some(goodbye) => Err(ended(goodbye)),
                        None => Ok(frame),
                    };
                }
                Some(Ok(Message::Close(_))) | None => {
                    return Err(ended(&json!({"code": "closed", "reason": "the connection was closed"})));
                }
                Some(Ok(_)) => {}
                Some(Err(cause)) => return Err(self.broken(cause)),
            }
        }
    }

    /// Says goodbye and closes; what cannot be said any more is no error.
    pub(super) async fn close(mut self) {
        let goodbye = json!({"goodbye": {"code": "done", "reason": "the players go home"}});
        if self.send(&goodbye).await.is_ok() {
            let _ = self.stream.close(None).await;
        }
    }

    fn broken(&self, cause: tungstenite::Error) -> BotsError {
        BotsError::Socket { url: self.url.clone(), cause: Box::new(cause) }
    }
}

fn ended(frame: &Value) -> BotsError {
    let text = |name: &str| frame.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    BotsError::Ended { code: text("code"), reason: text("reason") }
}

/// The address with the socket's path, if it has none.
fn with_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.split_once('/') {
        Some((_, path)) if !path.is_empty() => url.to_owned(),
        _ => format!("{}/v1/socket", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_where_there_is_none() {
        assert_eq!(with_path("ws://localhost:7700"), "ws://localhost:7700/v1/socket");
        assert_eq!(with_path("ws://localhost:7700/"), "ws://localhost:7700/v1/socket");
        assert_eq!(with_path("ws://host/v1/realms/a/socket"), "ws://host/v1/realms/a/socket");
    }
}
