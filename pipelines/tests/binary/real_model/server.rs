//! llama.cpp as a child process, with weights that were trained: `./test` installs both.
//!
//! One server answers all tests of this room, one after the other, so that each can read its counters. It ends with the
//! process of the tests, which holds its input.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, timeout};

use crate::process::{DEADLINE, installed};

/// Under this name it knows its model.
pub(crate) const MODEL: &str = "gemma-3-270m";

/// How often its counters are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Llama {
    pub(crate) url: String,
    client: Client,
    child: Child,
    _input: ChildStdin,
}

/// The server, for one test at a time.
pub(crate) async fn llama() -> MutexGuard<'static, Llama> {
    static LLAMA: OnceLock<Mutex<Llama>> = OnceLock::new();
    LLAMA.get_or_init(|| Mutex::new(Llama::start(&[]))).lock().await
}

impl Llama {
    /// A server that makes vectors, for one test, which may kill it.
    pub(super) fn embedder() -> Llama {
        Llama::start(&["--slots", "1", "--embed"])
    }

    fn start(more: &[&str]) -> Llama {
        let folder = installed("model", "model.gguf");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binary/real_model/server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(&folder)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let input = child.stdin.take().expect("piped");
        let (output, mut errors) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        // It says a lot; what is not read would hold it up.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            errors.read_to_end(&mut log).expect("a pipe can be read");
            String::from_utf8_lossy(&log).into_owned()
        });
        let (said, address) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).expect("a pipe can be read");
            // Whoever waited may have given up.
            let _ = said.send(line);
        });
        let url = address.recv_timeout(DEADLINE).unwrap_or_default().trim().to_owned();
        if url.is_empty() {
            // It may have ended by itself.
            let _ = child.kill();
            panic!(
                "the model server does not answer; it said:\n{}",
                log.join().expect("reading does not panic")
            );
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A connection ends with the runtime of the test that opened it, so none is kept for the next test.
        let client = Client::builder().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
        let client = client.build().expect("a client");
        Llama { url, client, child, _input: input }
    }

    /// Asks for a completion of a chat.
    pub(crate) async fn chat(&self, body: String) -> Response {
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        let sent = request.header("content-type", "application/json").body(body).send();
        timeout(DEADLINE, sent).await.expect("it answers in time").expect("it answers")
    }

    /// `kill -9`: nobody listens there any more.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child can be waited for");
    }

    async fn page(&self, path: &str) -> String {
        let page = async {
            let response = self.client.get(format!("{}{path}", self.url)).send().await.expect("it answers");
            response.text().await.expect("a page")
        };
        timeout(DEADLINE, page).await.expect("it answers in time")
    }

    /// Its own counters, by the names that follow `llamacpp:`.
    pub(crate) async fn counters(&self) -> BTreeMap<String, f64> {
        let page = self.page("/metrics").await;
        let counter = |line: &str| {
            let (name, value) = line.strip_prefix("llamacpp:")?.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        page.lines().filter_map(counter).collect()
    }

    /// How many of its slots are at work.
    pub(crate) async fn busy_slots(&self) -> usize {
        let slots: Value = serde_json::from_str(&self.page("/slots").await).expect("JSON");
        let slots = slots.as_array().expect("a list of slots").clone();
        slots.iter().filter(|slot| slot["is_processing"] == true).count()
    }

    /// Looks at its counters until this holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&BTreeMap<String, f64>) -> bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            let counters = self.counters().await;
            if holds(&counters) {
                return;
            }
            assert!(Instant::now() < end, "not {what} within {DEADLINE:?}: {counters:#?}");
            sleep(LOOK).await;
        }
    }
}
