//! PostgreSQL and SQLite: a table per view, kept equal to it.
//!
//! A sink pulls from the view store: every `every`, when the realm has progressed, one transaction
//! takes all its tables from one closed tick to the present one and says so in
//! `worldflow_frontier`. Several changes of a row in between are one write. A slow or lost database
//! holds nobody up: the sink falls behind, says so, and catches up. Rows of several realms lie in one
//! table, apart by their first column. It does not read anything back but what it needs to compare.

mod cell;
mod config;
mod connection;
mod error;
mod flush;
mod old_grants;
mod postgres;
mod read;
mod sqlite;
mod table;
mod tables;

use std::sync::Arc;
use std::time::Duration;

pub use config::{PostgresAddress, SinkViews, SqlSinkConfig, Target};
pub use error::SqlError;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use worldflow_engine::realm::{Progress, Realm};

use self::connection::Connection;
use self::flush::{Flush, Flushed};

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long is waited after the first failure; each further one doubles it.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// ... up to this.
const LAST_BACKOFF: Duration = Duration::from_secs(10);
/// How often it is said how far the tables are behind, when they are behind.
const WATCH: Duration = Duration::from_millis(500);
/// How long a sink that is being closed tries to write the last tick.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a sink is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// The sink's name.
    pub sink: String,
    /// The database, without its password.
    pub target: String,
    /// The tick that its tables are at; `None` before the first flush of this process.
    pub at: Option<Progress>,
    /// How far its tables are behind the realm; before the first flush, for how long they have not been looked at.
    pub lag_ms: i64,
    /// Rows written or removed since it was opened.
    pub rows: u64,
    /// Why it is not getting on, while it is not.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// A running sink.
#[derive(Debug)]
pub struct SqlSink {
    status: watch::Receiver<SinkStatus>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl SqlSink {
    /// Starts a sink for a realm. Needs no database yet: the sink waits for it.
    #[must_use]
    pub fn open(config: SqlSinkConfig, realm: Realm) -> SqlSink {
        let (closing, told_to_close) = watch::channel(false);
        let target = config.target.to_string();
        let begun = SinkStatus { sink: config.name.clone(), target: target.clone(), ..SinkStatus::default() };
        let (status, seen) = watch::channel(begun);
        let flush = Flush::new(realm, config.views.clone(), target);
        let (status, begun_ms) = (Arc::new(status), flush.realm.progress.borrow().utc_ms);
        let run = Run { begun_ms, config, flush, connection: None, status, closing: told_to_close };
        SqlSink { status: seen, closing, task: tokio::spawn(run.run()) }
    }

    /// How it is doing, now and from now on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<SinkStatus> {
        self.status.clone()
    }

    /// Writes the realm's last tick and ends. Gives up after ten seconds without a database; the
    /// tables then stay at an earlier tick, and the next start brings them up to date.
    ///
    /// Returns the tick that the tables are at.
    pub async fn close(self) -> Option<Progress> {
        // The task may have ended with the realm.
        let _ = self.closing.send(true);
        let _ = self.task.await;
        self.status.borrow().at
    }

    /// Ends at once, wherever it is, as a crash would.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

struct Run {
    config: SqlSinkConfig,
    flush: Flush,
    connection: Option<Connection>,
    /// The realm's time when the sink was opened.
    begun_ms: i64,
    status: Arc<watch::Sender<SinkStatus>>,
    closing: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let mut failures = 0;
        let mut give_up = None;
        // Ends with this.
        let mut beside = JoinSet::new();
        beside.spawn(self.watched());
        // Before its first tick a realm has no rows to compare with.
        self.news(Progress::default()).await;
        loop {
            let closing = self.is_closing();
            if closing {
                give_up.get_or_insert(Instant::now() + CLOSE_TIMEOUT);
            }
            let outcome = match give_up {
                Some(end) => tokio::time::timeout_at(end, self.attempt()).await.ok(),
                None => Some(self.attempt().await),
            };
            match outcome {
                None => break,
                Some(Ok(flushed)) => {
                    failures = 0;
                    self.succeeded(flushed);
                    if closing && flushed.to.tick >= self.flush.realm.progress.borrow().tick {
                        break;
                    }
                    self.rest(self.config.every).await;
                    self.news(flushed.to).await;
                }
                Some(Err(error)) => {
                    self.connection = None;
                    self.failed(&error, failures);
                    failures += 1;
                    if closing {
                        tokio::time::sleep(FIRST_BACKOFF).await;
                    } else {
                        self.rest((FIRST_BACKOFF * (1 << failures.min(10) >> 1)).min(LAST_BACKOFF)).await;
                    }
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    async fn attempt(&mut self) -> Result<Flushed, SqlError> {
        if self.connection.is_none() {
            let target = self.flush.target.clone();
            let opened = tokio::time::timeout(CONNECT_TIMEOUT, open(&self.config)).await;
            let silent = |_| SqlError::Silent { target, seconds: CONNECT_TIMEOUT.as_secs() };
            self.connection = Some(opened.map_err(silent)??);
            self.flush.connected();
        }
        let connection = self.connection.as_mut().expect("just connected");
        self.flush.run(connection).await
    }

    fn succeeded(&self, flushed: Flushed) {
        let realm = &self.flush.realm;
        let lag_ms = realm.progress.borrow().utc_ms.saturating_sub(flushed.to.utc_ms);
        let written = flushed.rows;
        let labels = [("realm", realm.name.to_string()), ("sink", self.config.name.clone())];
        metrics::counter!("worldflow_sink_flushes_total", &labels).increment(1);
        metrics::counter!("worldflow_sink_rows_total", &labels).increment(flushed.rows);
        self.tell(lag_ms, |status| {
            status.at = Some(flushed.to);
            status.rows += written;
            (status.error, status.hint) = (None, None);
        });
    }

    fn failed(&self, error: &SqlError, failures: u32) {
        let realm = &self.flush.realm;
        let (name, sink, hint) = (realm.name.as_str(), &self.config.name, error.hint());
        if failures.is_power_of_two() || failures == 0 {
            tracing::warn!(realm = name, sink, %error, hint, failures, "a sink is not getting on");
        }
        let labels = [("realm", name.to_owned()), ("sink", sink.clone())];
        metrics::counter!("worldflow_sink_failures_total", &labels).increment(1);
        let now_ms = realm.progress.borrow().utc_ms;
        let at_ms = self.status.borrow().at.map_or(self.begun_ms, |at| at.utc_ms);
        self.tell(now_ms.saturating_sub(at_ms), |status| {
            (status.error, status.hint) = (Some(error.to_string()), Some(hint))
        });
    }

    fn tell(&self, lag_ms: i64, change: impl FnOnce(&mut SinkStatus)) {
        let lag = self.lag();
        self.status.send_modify(|status| {
            lag.set(gauged(lag_ms));
            status.lag_ms = lag_ms;
            change(status);
        });
    }

    fn lag(&self) -> metrics::Gauge {
        let labels = [("realm", self.flush.realm.name.to_string()), ("sink", self.config.name.clone())];
        metrics::gauge!("worldflow_sink_lag_ms", &labels)
    }

    /// Says how far the tables are behind also while an attempt hangs, or the next one is waited for.
    fn watched(&self) -> impl Future<Output = ()> + Send + use<> {
        let (status, progress, lag) =
            (Arc::clone(&self.status), self.flush.realm.progress.clone(), self.lag());
        let begun_ms = self.begun_ms;
        // Between two flushes everything is as it should be.
        let usual_ms = i64::try_from((self.config.every + WATCH).as_millis()).unwrap_or(i64::MAX);
        async move {
            let mut every = tokio::time::interval(WATCH);
            loop {
                every.tick().await;
                let now_ms = progress.borrow().utc_ms;
                status.send_if_modified(|status| {
                    let lag_ms = now_ms.saturating_sub(status.at.map_or(begun_ms, |at| at.utc_ms));
                    let behind = lag_ms > usual_ms;
                    if behind {
                        lag.set(gauged(lag_ms));
                        status.lag_ms = lag_ms;
                    }
                    behind
                });
            }
        }
    }

    fn is_closing(&self) -> bool {
        // A handle that was dropped, or a realm that has gone, means the same.
        *self.closing.borrow() || self.closing.has_changed().is_err() || self.realm_has_gone()
    }

    fn realm_has_gone(&self) -> bool {
        self.flush.realm.progress.has_changed().is_err()
    }

    /// Waits that long, or until the sink is being closed.
    async fn rest(&mut self, span: Duration) {
        let closing = async {
            // An error means that the handle has gone.
            let _ = self.closing.wait_for(|closing| *closing).await;
        };
        let _ = tokio::time::timeout(span, closing).await;
    }

    /// Waits until the realm is past `at`, or the sink is being closed.
    async fn news(&mut self, at: Progress) {
        let mut progress = self.flush.realm.progress.clone();
        tokio::select! {
            _ = progress.wait_for(|progress| progress.tick > at.tick) => {}
            _ = self.closing.wait_for(|closing| *closing) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn gauged(lag_ms: i64) -> f64 {
    lag_ms as f64
}

/// A session with a PostgreSQL database, set as those of sinks are.
pub(crate) async fn connect(address: &PostgresAddress) -> Result<sqlx::postgres::PgConnection, sqlx::Error> {
    postgres::open(&address.options).await
}

/// Begins a transaction in it that no other of this lock runs beside.
pub(crate) async fn begin(
    connection: &mut sqlx::postgres::PgConnection,
    lock: &str,
) -> Result<(), sqlx::Error> {
    postgres::begin(connection, lock).await
}

async fn open(config: &SqlSinkConfig) -> Result<Connection, SqlError> {
    if let Target::Sqlite(path) = &config.target
        && let Some(folder) = path.parent()
    {
        // When it cannot be made, opening the file says why.
        let _ = tokio::fs::create_dir_all(folder).await;
    }
    Connection::open(&config.target).await
}
