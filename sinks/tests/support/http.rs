//! A server on a free port, and a client that reads answers to their end.

use axum::Router;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};

pub struct Server {
    address: std::net::SocketAddr,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }
}

impl Server {
    /// Serves until the test ends.
    pub async fn start(routes: Router) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Server { address }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_as(path, None).await
    }

    pub async fn get_as(&self, path: &str, token: Option<&str>) -> Answer {
        let mut stream = self.ask(path, token).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("an answer");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("headers end");
        let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.parse().expect("a number"),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// HTTP/1.0, so that a body is plain bytes and ends with the connection.
    async fn ask(&self, path: &str, token: Option<&str>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{token}\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    }

    /// Follows a stream of server-sent events.
    pub async fn events(&self, path: &str) -> Events {
        Events { lines: BufReader::new(self.ask(path, None).await).lines() }
    }
}

pub struct Events {
    lines: Lines<BufReader<TcpStream>>,
}

impl Events {
    /// The next event's data.
    pub async fn next(&mut self) -> serde_json::Value {
        loop {
            let line = self.lines.next_line().await.expect("the stream goes on").expect("the stream goes on");
            if let Some(data) = line.strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }

    /// The data of the first event that is of this tick.
    pub async fn at(&mut self, tick: u64) -> serde_json::Value {
        loop {
            let event = self.next().await;
            if event["tick"] == tick {
                return event;
            }
        }
    }

    /// Reads until the server ends the stream.
    pub async fn end(&mut self) {
        while let Some(line) = self.lines.next_line().await.expect("an orderly end") {
            drop(line);
        }
    }
}
