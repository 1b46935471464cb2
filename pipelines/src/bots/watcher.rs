//! A second client: it connects as a player and only watches.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::end;
use super::socket::{BotsError, Socket};

/// What a watching player follows.
const VIEWS: [&str; 6] = ["clock", "weather", "community_progress", "quest_state", "npc_lines", "levels"];

/// Whom to watch, and where.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// The socket.
    pub url: String,
    /// A player's token; the player sees its own rows and what is public.
    pub token: String,
    /// It stops when this turns true, or when its sender is gone.
    pub stop: watch::Receiver<bool>,
    /// It stops after this long, too.
    pub duration: Option<Duration>,
}

/// What a watching player saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchReport {
    /// Snapshots received.
    pub snapshots: u64,
    /// Deltas received.
    pub deltas: u64,
    /// Rows seen, by view.
    pub rows: BTreeMap<String, u64>,
    /// Whether ticks of deltas ever went backwards, which they must not.
    pub out_of_order: bool,
}

/// Watches until it is told to stop, or the time is over.
///
/// # Errors
/// When the server cannot be reached, refuses the token, or ends the session.
pub async fn watch_realm(config: WatchConfig) -> Result<WatchReport, BotsError> {
    let WatchConfig { url, token, mut stop, duration } = config;
    let mut socket = Socket::open(&url, &token, "worldflow watcher").await?;
    for (id, view) in (1_u32..).zip(VIEWS) {
        socket.send(&json!({"subscribe": {"id": id, "view": view}})).await?;
    }
    let end = end(duration);
    let mut report = WatchReport::default();
    let mut last_tick = 0;
    loop {
        tokio::select! {
            frame = socket.receive() => report.note(&frame?, &mut last_tick),
            () = sleep_until(end) => break,
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    break;
                }
            }
        }
    }
    socket.close().await;
    Ok(report)
}

impl WatchReport {
    fn note(&mut self, frame: &Value, last_tick: &mut u64) {
        if let Some(snapshot) = frame.get("snapshot") {
            self.snapshots += 1;
            self.count(snapshot);
        } else if let Some(delta) = frame.get("delta") {
            self.deltas += 1;
            let tick = delta.get("tick").and_then(Value::as_u64).unwrap_or(0);
            self.out_of_order |= tick < *last_tick;
            *last_tick = tick;
            for change in delta.get("changes").and_then(Value::as_array).into_iter().flatten() {
                self.count(change);
            }
        } else if let Some(error) = frame.get("error") {
            tracing::warn!(%error, "the server reported an error");
        }
    }

    fn count(&mut self, part: &Value) {
        let rows = part.get("rows").and_then(Value::as_array).map_or(0, Vec::len);
        let id = part.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        if let Some(view) = id.and_then(|id| VIEWS.get(id.wrapping_sub(1))) {
            *self.rows.entry((*view).to_owned()).or_default() += rows as u64;
        }
    }
}
