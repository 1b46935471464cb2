//! A server of the Kinesis protocol as a child process, and the calls that a producer makes.
//!
//! It is `kinesalite`, which `./test` installs. It keeps its streams in memory and ends with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::process::DEADLINE;

/// Serves on a free port of the loopback, says which, and ends when nobody holds its input.
const SCRIPT: &str = "\
const server = require('kinesalite')({createStreamMs: 0, updateStreamMs: 0, shardLimit: 100});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
";

/// Where `./test` installs it.
fn modules() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    target.join("kinesalite/node_modules")
}

/// A running server. Dropping it ends it.
pub(crate) struct Kinesis {
    child: Child,
    _input: ChildStdin,
    pub(crate) port: u16,
}

impl Drop for Kinesis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Kinesis {
    pub(crate) fn start() -> Kinesis {
        let modules = modules();
        assert!(
            modules.join("kinesalite").is_dir(),
            "there is no kinesalite in {}; `./test` installs it, and so does `./test --test binary`",
            modules.display()
        );
        let mut child = Command::new("node")
            .args(["-e", SCRIPT])
            .env("NODE_PATH", &modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts; `./test` says how to install it");
        let input = child.stdin.take().expect("piped");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("it says its port");
        let port = line.trim().parse().unwrap_or_else(|error| panic!("{error}: `{line}` is no port"));
        Kinesis { child, _input: input, port }
    }

    /// Calls, and expects that it is done.
    pub(crate) async fn call(&self, action: &str, body: Value) -> Value {
        let target = format!("Kinesis_20131202.{action}");
        let (status, answer) = forward(self.port, &target, body.to_string().as_bytes()).await;
        let text = String::from_utf8(answer).expect("UTF-8");
        assert_eq!(status, 200, "{action}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A stream of so many shards.
    pub(crate) async fn create(&self, stream: &str, shards: u32) {
        self.call("CreateStream", json!({"StreamName": stream, "ShardCount": shards})).await;
        self.until_active(stream).await;
    }

    async fn until_active(&self, stream: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let said = self.call("DescribeStreamSummary", json!({"StreamName": stream})).await;
            if said["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
                return;
            }
            assert!(Instant::now() < end, "{said}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Puts a record.
    pub(crate) async fn put(&self, stream: &str, key: &str, data: &[u8]) {
        let body = json!({"StreamName": stream, "PartitionKey": key, "Data": base64(data)});
        self.call("PutRecord", body).await;
    }

    /// Splits a shard in the middle of its keys.
    pub(crate) async fn split(&self, stream: &str, shard: &str) {
        let listed = self.call("ListShards", json!({"StreamName": stream})).await;
        let shards = listed["Shards"].as_array().expect("a list");
        let found = shards.iter().find(|one| one["ShardId"] == shard).expect("there is such a shard");
        let hash = |end: &str| -> u128 {
            found["HashKeyRange"][end].as_str().expect("text").parse().expect("a number")
        };
        let (first, last) = (hash("StartingHashKey"), hash("EndingHashKey"));
        let middle = (first + (last - first) / 2).to_string();
        let body = json!({"StreamName": stream, "ShardToSplit": shard, "NewStartingHashKey": middle});
        self.call("SplitShard", body).await;
        self.until_active(stream).await;
    }

    /// Merges two shards that lie side by side.
    pub(crate) async fn merge(&self, stream: &str, shard: &str, other: &str) {
        let body = json!({"StreamName": stream, "ShardToMerge": shard, "AdjacentShardToMerge": other});
        self.call("MergeShards", body).await;
        self.until_active(stream).await;
    }
}

/// One call of the protocol; it asks for a signature, and does not look at it.
pub(crate) async fn forward(port: u16, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let head = format!(
        "POST / HTTP/1.0\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-target: {target}\r\n\
         x-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 Credential=a, Signature=b, \
         SignedHeaders=c\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("it answers");
        bytes
    };
    let answer = timeout(DEADLINE, answer).await.unwrap_or_else(|_| panic!("no answer to {target}"));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("headers end");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer[end + 4..].to_vec())
}

/// Bytes as the protocol writes them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let padded = [three[0], *three.get(1).unwrap_or(&0), *three.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for place in 0..4 {
            let digit = char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]);
            text.push(if place > three.len() { '=' } else { digit });
        }
    }
    text
}
