//! The audit log: who was let in, who was not, and what was done to a realm, as lines of JSON in the data folder.
//!
//! It is append-only and bounded: a file that is full is put aside, and the oldest goes. A thread of its own writes it, so nobody
//! waits for its disk. It holds names, addresses and codes, never a token and nothing of what somebody sent. What is alike is
//! written out a few times a minute and then counted, and what strangers do has a file of its own: so nobody writes the rest away.

mod file;
mod same;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};
use worldflow_engine::admission::Refusal;
use worldflow_schemas::{Sym, Tick};

pub use self::file::AuditConfig;
use self::file::{Log, open_file};
use self::same::Same;
use crate::tokens::Bearer;

/// What those did who have a good token, or the machine's operator.
pub const FILE: &str = "audit.jsonl";

/// What those did who have none.
pub const STRANGERS: &str = "audit-strangers.jsonl";

/// Acts that wait for the disk; more are counted as missed.
const QUEUE: usize = 4_096;

/// How long the end of a process waits for the last lines.
const CLOSING: Duration = Duration::from_secs(2);

/// One line.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    at: jiff::Timestamp,
    act: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Act {
    /// Something was done now; its name is stable.
    #[must_use]
    pub fn new(act: &'static str) -> Act {
        let at = jiff::Timestamp::now();
        let at = jiff::Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        Act {
            at,
            act,
            realm: None,
            role: None,
            subject: None,
            token_id: None,
            from: None,
            code: None,
            more: Map::new(),
        }
    }

    /// To this realm.
    #[must_use]
    pub fn realm(mut self, realm: Sym) -> Act {
        self.realm = Some(realm.as_str().to_owned());
        self
    }

    /// By the bearer of a token, in its realm.
    #[must_use]
    pub fn by(mut self, bearer: &Bearer) -> Act {
        let claims = &bearer.claims;
        (self.role, self.subject) = (Some(claims.role.name()), Some(claims.subject.as_str().to_owned()));
        self.token_id = bearer.id.as_ref().map(ToString::to_string);
        self.realm(claims.realm)
    }

    /// From this address.
    #[must_use]
    pub fn from(mut self, address: Option<SocketAddr>) -> Act {
        self.from = address;
        self
    }

    /// For this reason: a code of the wire.
    #[must_use]
    pub fn code(mut self, code: &str) -> Act {
        self.code = Some(code.to_owned());
        self
    }

    /// And this is to be known of it. Never what somebody sent.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Act {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Something was refused because the token does not allow it; `None` when it was refused for another reason.
    pub(crate) fn without_authority(refusal: &Refusal) -> Option<Act> {
        if refusal.code != "not_allowed" {
            return None;
        }
        let field = refusal.path.rsplit('.').next().unwrap_or_default();
        let act = Act::new("authority_refused").code(refusal.code).with("field", field);
        // The reason names a kind of the world; others may repeat what was sent.
        Some(if field == "kind" { act.with("reason", refusal.reason.as_str()) } else { act })
    }

    /// Whether nobody is known to have done it.
    fn by_a_stranger(&self) -> bool {
        self.subject.is_none() && self.from.is_some()
    }
}

enum ToWriter {
    Act(Box<Act>),
    End(SyncSender<()>),
}

/// Where acts are written down. Cheap to clone; the default writes nothing.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    queue: SyncSender<ToWriter>,
    /// Acts that there was no room for in the queue.
    missed: AtomicU64,
}

impl Audit {
    /// Writes into this folder from now on.
    ///
    /// # Errors
    /// When the files cannot be made.
    pub fn open(folder: &Path, config: AuditConfig) -> std::io::Result<Audit> {
        std::fs::create_dir_all(folder)?;
        let log = |name| Log::open(folder, name, config, open_file);
        Audit::start([log(FILE)?, log(STRANGERS)?])
    }

    fn start(logs: [Log; 2]) -> std::io::Result<Audit> {
        let (queue, acts) = sync_channel(QUEUE);
        let shared = Arc::new(Shared { queue, missed: AtomicU64::new(0) });
        let [known, strangers] = logs.map(|log| (log, Same::default()));
        let seen = Arc::downgrade(&shared);
        let missed = move || seen.upgrade().map_or(0, |shared| shared.missed.swap(0, Ordering::Relaxed));
        let writer = Writer { known, strangers, missed: Box::new(missed) };
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&acts))?;
        Ok(Audit { shared: Some(shared) })
    }

    /// Writes an act down, soon. Never waits.
    pub fn write(&self, act: Act) {
        let Some(shared) = &self.shared else { return };
        if shared.queue.try_send(ToWriter::Act(Box::new(act))).is_err() {
            shared.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a moment until what has been written is on the disk. For the end of a process; call it where one may block.
    pub fn close(&self) {
        let Some(shared) = &self.shared else { return };
        let (done, ended) = sync_channel(1);
        let end = Instant::now() + CLOSING;
        let mut message = ToWriter::End(done);
        while let Err(std::sync::mpsc::TrySendError::Full(back)) = shared.queue.try_send(message) {
            if Instant::now() >= end {
                return;
            }
            message = back;
            std::thread::yield_now();
        }
        let _too_slow = ended.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// What is personal of a player has been made unreadable.
#[must_use]
pub fn forgotten(player: &str, tick: Tick) -> Act {
    Act::new("player_forgotten").with("player", player).with("tick", tick)
}

/// Writes one act into a data folder at once: for a verb of the command line, also while a server uses the folder.
///
/// # Errors
/// When it cannot be written.
pub fn note(folder: &Path, act: &Act) -> std::io::Result<()> {
    let mut log = Log::open(folder, FILE, AuditConfig { files: 0, ..AuditConfig::default() }, open_file)?;
    log.append(act)?;
    log.sync()
}

struct Writer {
    known: (Log, Same),
    strangers: (Log, Same),
    missed: Box<dyn FnMut() -> u64 + Send>,
}

impl Writer {
    fn run(mut self, acts: &Receiver<ToWriter>) {
        let mut minute = Instant::now() + same::MINUTE;
        loop {
            let message = acts.recv_timeout(minute.saturating_duration_since(Instant::now()));
            match message {
                Ok(ToWriter::Act(act)) => self.take(*act),
                Ok(ToWriter::End(done)) => {
                    self.settle();
                    let _nobody_waits = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.settle();
                    minute = Instant::now() + same::MINUTE;
                }
                Err(RecvTimeoutError::Disconnected) => return self.settle(),
            }
        }
    }

    fn take(&mut self, act: Act) {
        self.known.0.missed += (self.missed)();
        let (log, same) = if act.by_a_stranger() { &mut self.strangers } else { &mut self.known };
        if same.is_one_of_few(&act) {
            log.write(&act);
        }
    }

    /// Writes what has only been counted.
    fn settle(&mut self) {
        for (log, same) in [&mut self.known, &mut self.strangers] {
            for act in same.counted() {
                log.write(&act);
            }
            log.settle();
        }
    }
}

#[cfg(test)]
mod tests;
