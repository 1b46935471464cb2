//! One HTTP request, and its answer read to the end.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::{DEADLINE, Server};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) async fn ask(
    server: &Server,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Answer {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    ask_with(server, method, path, &authorization, body).await
}

/// HTTP/1.0, so that a body is plain bytes and ends with the connection. Each header ends its line.
pub(crate) async fn ask_with(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        server.address,
        body.len()
    );
    let answer = async {
        let mut stream = TcpStream::connect(&server.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("it answers");
        String::from_utf8(bytes).expect("UTF-8")
    };
    let answer = timeout(DEADLINE, answer).await.unwrap_or_else(|_| panic!("no answer to {method} {path}"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers end");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) async fn get(server: &Server, path: &str, token: Option<&str>) -> Answer {
    ask(server, "GET", path, token, "").await
}

pub(crate) async fn post(server: &Server, path: &str, token: Option<&str>, body: &str) -> Answer {
    ask(server, "POST", path, token, body).await
}
