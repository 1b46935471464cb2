//! One life of the server, from its start to `kill -9`, and in the middle of what it was killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

use crate::TICK_MS;
use crate::clients::{self, Ledger};

/// How long anything may take on a busy machine before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// In the middle of what it is to be killed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Aim {
    Anywhere,
    Recovery,
    /// A flush to SQLite.
    Flush,
    /// A flush to PostgreSQL.
    PostgresFlush,
    Snapshot,
    Roll,
    /// A grant has been handed out, and its answer is not acked.
    Delivery,
}

impl Aim {
    /// How the server calls it in its log.
    fn name(self) -> Option<&'static str> {
        match self {
            Aim::Recovery => Some("recovery"),
            Aim::Flush | Aim::PostgresFlush => Some("flush"),
            Aim::Snapshot => Some("snapshot"),
            Aim::Roll => Some("roll"),
            Aim::Anywhere | Aim::Delivery => None,
        }
    }

    /// Whether a line of its log says that it begins, or that it ends.
    fn is_said(self, line: &str, what: &str) -> bool {
        let database = match self {
            Aim::Flush => "Sqlite",
            Aim::PostgresFlush => "Postgres",
            _ => "",
        };
        line.contains(&format!("{} {what}", self.name().unwrap_or_default())) && line.contains(database)
    }
}

/// The environment variable by which a world's sink finds its database.
pub(crate) const POSTGRES: &str = "WORLDFLOW_TORTURE_POSTGRES";

/// A number below `below`.
pub(crate) fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below.max(1)
}

/// A running server. Dropping it kills it.
pub(crate) struct Life {
    child: Child,
    printed: UnboundedReceiver<String>,
    phases: UnboundedReceiver<String>,
    pub(crate) address: String,
    pub(crate) game_server: String,
    dashboard: String,
    log: String,
}

fn lines(from: impl std::io::Read + Send + 'static) -> UnboundedReceiver<String> {
    let (line, lines) = unbounded_channel();
    // Ends with the process, or when nobody listens.
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|text| line.send(text))
    });
    lines
}

impl Life {
    /// `postgres` is the address for a world that has such a sink.
    pub(crate) fn start(world: &Path, data: &Path, postgres: Option<&str>) -> Life {
        // Another one may have done it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut child = Command::new(env!("CARGO_BIN_EXE_worldflow"))
            .args(["run", "--port", "0", "--development", "--data"])
            .args([data, world])
            .env("RUST_LOG", "warn,worldflow::phase=trace")
            .envs(postgres.map(|url| (POSTGRES, url)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let printed = lines(child.stdout.take().expect("piped"));
        let phases = lines(child.stderr.take().expect("piped"));
        let nothing = String::new;
        let (address, game_server, dashboard, log) = (nothing(), nothing(), nothing(), nothing());
        Life { child, printed, phases, address, game_server, dashboard, log }
    }

    /// One that serves.
    pub(crate) async fn started(world: &Path, data: &Path, postgres: Option<&str>) -> Life {
        let mut life = Life::start(world, data, postgres);
        life.ready().await;
        life
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self) {
        let serves = async {
            while let Some(line) = self.printed.recv().await {
                if let Some(address) = line.strip_prefix("worldflow listens on http://") {
                    address.clone_into(&mut self.address);
                }
                match line.split_whitespace().collect::<Vec<_>>()[..] {
                    ["game_server", _, token] => token.clone_into(&mut self.game_server),
                    ["dashboard", _, token] => token.clone_into(&mut self.dashboard),
                    _ => {}
                }
                if line.starts_with("Ctrl-C stops it") {
                    return true;
                }
            }
            false
        };
        let serves = timeout(DEADLINE, serves).await;
        if serves != Ok(true) {
            self.kill();
            while let Some(line) = self.phases.recv().await {
                self.note(&line);
            }
            panic!("it does not serve ({serves:?}); it said:\n{}", self.log);
        }
    }

    /// Waits until it has published a tick that begins at this time or later, which should take so long.
    pub(crate) async fn reaches(&self, utc_ms: i64, planned: Duration) {
        let end = Instant::now() + planned + 5 * DEADLINE;
        while self.tick_ms().await < utc_ms {
            assert!(Instant::now() < end, "it does not come so far");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// When the last tick that it has published begins.
    pub(crate) async fn tick_ms(&self) -> i64 {
        // While ticks wait for a source it is not ready, and says so.
        let answer = reqwest::get(format!("http://{}/readyz", self.address)).await.expect("it answers");
        let health: Value = answer.json().await.expect("JSON");
        health["realms"][0]["tick"].as_i64().expect("a tick") * TICK_MS
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = reqwest::Client::new()
            .get(format!("http://{}{path}", self.address))
            .bearer_auth(&self.dashboard)
            .send()
            .await
            .expect("it answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// Lives until it is killed where it is to be; whether it was.
    pub(crate) async fn lived(&mut self, aim: Aim, ledger: &Arc<Ledger>, seed: &mut u64) -> bool {
        if aim == Aim::Recovery {
            return self.killed_in_recovery(seed).await;
        }
        self.ready().await;
        let working = clients::work(self, ledger, *seed);
        // When no grant is due a kill anywhere is as good.
        let answering = ledger.answering();
        let (delivering, hit) = match aim {
            Aim::Delivery => {
                drop(timeout(Duration::from_secs(3), answering.notified()).await);
                pause(Duration::from_micros(draw(seed, 2_000)));
                let delivering = ledger.unanswered() > 0;
                self.kill();
                (delivering, true)
            }
            _ => (true, self.killed(aim, seed).await),
        };
        for client in working {
            client.await.expect("a client does not panic");
        }
        delivering && hit
    }

    /// Lives without clients until it is killed where it is to be; whether it was.
    pub(crate) async fn lived_alone(&mut self, aim: Aim, seed: &mut u64) -> bool {
        if aim == Aim::Recovery {
            return self.killed_in_recovery(seed).await;
        }
        self.ready().await;
        self.killed(aim, seed).await
    }

    async fn killed(&mut self, aim: Aim, seed: &mut u64) -> bool {
        match aim {
            Aim::Anywhere => sleep(Duration::from_millis(draw(seed, 400))).await,
            _ => drop(timeout(Duration::from_secs(3), self.begun(aim, draw(seed, 3))).await),
        }
        pause(Duration::from_micros(draw(seed, 2_000)));
        self.kill();
        aim == Aim::Anywhere || self.died_within(aim).await
    }

    /// Somewhere between its start and its first line.
    async fn killed_in_recovery(&mut self, seed: &mut u64) -> bool {
        drop(timeout(Duration::from_secs(3), self.begun(Aim::Recovery, 0)).await);
        pause(Duration::from_micros(draw(seed, 10_000)));
        self.kill();
        self.died_within(Aim::Recovery).await
    }

    /// Waits until something begins for the `more`th time after the first.
    async fn begun(&mut self, aim: Aim, more: u64) {
        let mut left = more;
        while let Some(line) = self.phases.recv().await {
            self.note(&line);
            if aim.is_said(&line, "begins") {
                match left {
                    0 => return,
                    _ => left -= 1,
                }
            }
        }
    }

    /// Whether what had begun last of that kind had not ended.
    async fn died_within(&mut self, aim: Aim) -> bool {
        while let Some(line) = self.phases.recv().await {
            self.note(&line);
        }
        let said = |line: &&str| aim.is_said(line, "begins") || aim.is_said(line, "ends");
        self.log.lines().rev().find(said).is_some_and(|line| aim.is_said(line, "begins"))
    }

    fn note(&mut self, line: &str) {
        assert!(!line.contains("panicked"), "{line}");
        assert!(!line.contains("the state hash is not the one"), "{line}");
        self.log.push_str(line);
        self.log.push('\n');
    }

    fn kill(&mut self) {
        // It may have ended by itself, which what it leaves will show.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// Stops it as a service manager does.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        let end = Instant::now() + DEADLINE;
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None => sleep(Duration::from_millis(10)).await,
            }
            assert!(Instant::now() < end, "it does not stop");
        };
        assert!(status.success(), "{status}");
    }
}

/// Less than a timer can wait for.
fn pause(span: Duration) {
    let end = std::time::Instant::now() + span;
    while std::time::Instant::now() < end {
        std::hint::spin_loop();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}
