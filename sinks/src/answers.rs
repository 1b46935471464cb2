//! How soon players are answered, and by whom: from the tick in which an NPC is addressed to the first sentence.
//!
//! `npc_requests, npc_sentences ─→ worldflow_answer_ms, the live page`
//!
//! It reads what readers may see when they may see it. What happens before that, while an address waits for its tick, is
//! taken to be a whole tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Delta;
use worldflow_schemas::catalog::{NPC_REQUESTS, NPC_SENTENCES, ViewId};
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::view_at::deltas_between;
use crate::window::{Quantiles, Window};

/// What a realm's players have been answered since the process began, as the live page shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    by: BTreeMap<&'static str, u64>,
    ms: Option<Quantiles>,
}

impl Answered {
    pub(crate) fn json(&self) -> Json {
        let ms = self.ms.map(|Quantiles { p50, p95, p99 }| json!({"p50": p50, "p95": p95, "p99": p99}));
        json!({"by": self.by, "ms": ms})
    }
}

/// Follows a realm until it ends. Call from within a runtime.
#[must_use]
pub fn follow(realm: Realm) -> watch::Receiver<Arc<Answered>> {
    let (told, answered) = watch::channel(Arc::default());
    let mut progress = realm.progress.clone();
    let mut follower = Follower {
        at: progress.borrow().tick,
        realm,
        asked: FxHashMap::default(),
        by: BTreeMap::new(),
        window: Window::new(Instant::now()),
    };
    tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            let tick = progress.borrow_and_update().tick;
            if follower.advance(tick, Instant::now()) {
                told.send_replace(Arc::new(follower.answered(Instant::now())));
            }
        }
    });
    answered
}

struct Follower {
    realm: Realm,
    /// The tick up to which it has read.
    at: Tick,
    /// When requests that wait were first seen, by player and NPC.
    asked: FxHashMap<(Sym, Sym), Instant>,
    by: BTreeMap<&'static str, u64>,
    window: Window,
}

impl Follower {
    /// Reads on; whether somebody was answered. What went by unseen is not measured.
    fn advance(&mut self, to: Tick, now: Instant) -> bool {
        let views = &self.realm.views;
        let requests = deltas_between(views, NPC_REQUESTS, self.at, to);
        let sentences = deltas_between(views, NPC_SENTENCES, self.at, to);
        self.at = to;
        let (Some(requests), Some(sentences)) = (requests, sentences) else {
            self.asked.clear();
            return false;
        };
        let of = |view, deltas: Vec<Arc<Delta>>| deltas.into_iter().map(move |delta| (view, delta));
        let mut deltas: Vec<_> = of(NPC_SENTENCES, sentences).chain(of(NPC_REQUESTS, requests)).collect();
        // A request goes in the tick in which its answer comes, or later.
        deltas.sort_by_key(|(view, delta)| (delta.tick, *view == NPC_REQUESTS));
        let mut is_answered = false;
        for (view, delta) in &deltas {
            for (row, diff) in &delta.changes {
                match (*view == NPC_SENTENCES, *diff > 0) {
                    (true, true) => is_answered |= self.hear(row, now),
                    (true, false) => {}
                    (false, is_new) => self.ask(row, is_new, now),
                }
            }
        }
        is_answered
    }

    /// A request that waits from now on, or no longer.
    fn ask(&mut self, row: &Row, is_new: bool, now: Instant) {
        let Some(pair) = pair(NPC_REQUESTS, row) else { return };
        if !is_new {
            self.asked.remove(&pair);
        } else if !is_unasked(row) {
            self.asked.insert(pair, now);
        }
    }

    /// Whether this is the first that a player hears.
    fn hear(&mut self, row: &Row, now: Instant) -> bool {
        if of(NPC_SENTENCES, row, "sentence") != &Value::Int(0) {
            return false;
        }
        let Some(pair) = pair(NPC_SENTENCES, row) else { return false };
        let by = said_by(row);
        let since = self.asked.remove(&pair);
        // Nobody has asked for what a storylet says by itself, or after what was said at once.
        if since.is_none() && by == "storylet" {
            return false;
        }
        let waited = since.map_or(0, |since| now.saturating_duration_since(since).as_millis());
        let ms = u64::try_from(waited).unwrap_or(u64::MAX).saturating_add(self.realm.world.tick_ms.into());
        let labels = [("realm", self.realm.name.as_str()), ("by", by)];
        #[expect(clippy::cast_precision_loss, reason = "statistics")]
        metrics::histogram!("worldflow_answer_ms", &labels).record(ms as f64);
        self.window.record(ms, now);
        *self.by.entry(by).or_default() += 1;
        true
    }

    fn answered(&mut self, now: Instant) -> Answered {
        Answered { by: self.by.clone(), ms: self.window.quantiles(now) }
    }
}

/// Who said it: a model, a storylet, or a bark in place of an answer.
fn said_by(row: &Row) -> &'static str {
    let is_given = |column: &str| *of(NPC_SENTENCES, row, column) != Value::Null;
    match of(NPC_SENTENCES, row, "provenance").as_str() {
        Some("model") => "model",
        _ if is_given("why") => "bark",
        _ => "storylet",
    }
}

fn pair(view: ViewId, row: &Row) -> Option<(Sym, Sym)> {
    match (of(view, row, "player"), of(view, row, "npc")) {
        (Value::Sym(player), Value::Sym(npc)) => Some((*player, *npc)),
        _ => None,
    }
}

fn is_unasked(row: &Row) -> bool {
    let parameters = of(NPC_REQUESTS, row, "parameters").as_str().unwrap_or_default();
    serde_json::from_str::<Json>(parameters).is_ok_and(|parameters| parameters["unasked"] == true)
}

fn of<'a>(view: ViewId, row: &'a Row, column: &str) -> &'a Value {
    &row[view.def().column(column).expect("the catalog has the column")]
}
