//! A realm without a graph: rows of requests are put into its view store, and what comes back is taken from admission.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::json;
use tokio::sync::{broadcast, mpsc, watch};
use worldflow_engine::admission::{Admission, Batch};
use worldflow_engine::observed::Observed;
use worldflow_engine::privacy::Privacy;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::NPC_REQUESTS;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::Asking;

/// The tier that is asked.
pub(super) const TIER: &str = "silver";

/// How many characters ask, each with its own first message.
const NPCS: u64 = 64;
/// How soon the first words must come, so that nothing is late, and how soon all.
const BUDGET_MS: i64 = 30_000;
const PATIENCE_TICKS: i64 = 60_000;

/// The realm, and who moves it on.
pub(super) struct Stage {
    pub(super) realm: Realm,
    progress: watch::Sender<Progress>,
    batches: Mutex<Option<mpsc::Receiver<Batch>>>,
    tick: Mutex<Tick>,
    tokens: u32,
    players: u64,
}

impl Stage {
    pub(super) fn new(asking: &Asking, urls: &[String]) -> anyhow::Result<Stage> {
        let tier = json!({
            "url": urls, "model": "simulated", "max_in_flight": asking.places,
            // What is late on a machine that is too slow is to be seen as late, not as cut short.
            "timeout": "60s", "stall": "60s",
            "first_token": format!("{}ms", asking.first_token_ms), "ms_per_token": asking.token_ms,
            "batch": {"wait": format!("{}ms", asking.batch_ms)},
        });
        let mut tiers = json!({ TIER: tier });
        // Another one, so that there is a choice.
        tiers["gold"] = tiers[TIER].clone();
        let world = json!({
            "name": "bench", "seed": 1, "tick_ms": 1, "tiers": tiers,
            // What is said is drawn from few words.
            "guard": {"most": {"graphemes": 4_000, "sentences": 32}, "repetition": {"percent": 0, "lines": 8}},
        });
        let (progress, seen) = watch::channel(Progress::default());
        let (admission, batches) = Admission::open();
        let name = super::realm();
        let realm = Realm {
            name,
            epoch: 1,
            world: Arc::new(serde_json::from_value(world).context("the world")?),
            views: Arc::new(ViewStore::new(ViewStore::MOST_CHANGES)),
            admission,
            progress: seen,
            events: broadcast::channel(1).0,
            observed: Observed::new(name),
            defined: Default::default(),
            privacy: Privacy::none(),
        };
        let (batches, tick) = (Mutex::new(Some(batches)), Mutex::new(0));
        Ok(Stage { realm, progress, batches, tick, tokens: asking.tokens, players: asking.players })
    }

    /// What comes back, for whoever asks first.
    pub(super) fn batches(&self) -> Option<mpsc::Receiver<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A tick in which these rows are made and change.
    pub(super) fn change(&self, rows: impl FnOnce(Tick) -> Vec<(Row, Diff)>) {
        let mut tick = self.tick.lock().unwrap_or_else(PoisonError::into_inner);
        *tick += 1;
        let rows = rows(*tick).into_iter().map(|(row, diff)| (NPC_REQUESTS, row, diff));
        self.realm.views.apply(*tick, rows);
        self.progress.send_replace(Progress { tick: *tick, utc_ms: 0 });
    }

    /// The row of a request that is there.
    pub(super) fn row_of(&self, request: &str) -> Option<Row> {
        let view = self.realm.views.read(NPC_REQUESTS);
        view.get(&[Value::id(self.realm.name), Value::text(request)]).cloned()
    }

    /// The row of the `n`th request, asked at a tick.
    pub(super) fn row(&self, n: u64, tick: Tick) -> Row {
        let (npc, player) = (format!("npc{}", n % NPCS), format!("player{}", n % self.players));
        let persona = format!("You are {npc}. {}", PERSONA.repeat(4));
        let messages = json!([
            {"role": "system", "content": persona},
            {"role": "user", "content": format!("{player} greets you and says: {n} wolves came down.")},
        ]);
        let tick = i64::try_from(tick).unwrap_or(i64::MAX);
        // The answer is as long as it is asked for.
        let parameters = json!({"form": "line", "sampling": {"ignore_eos": true}});
        Row::from([
            Value::id(self.realm.name),
            Value::text(&format!("{npc}/{player}/{n}")),
            Value::Sym(Sym::new(&npc)),
            Value::Sym(Sym::new(&player)),
            Value::Null,
            Value::text(&messages.to_string()),
            Value::Int(self.tokens.into()),
            Value::Int(tick),
            Value::Int(tick.saturating_add(PATIENCE_TICKS)),
            Value::Int(BUDGET_MS),
            Value::Sym(Sym::new("normal")),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::text(&parameters.to_string()),
        ])
    }
}

/// Which request an id names.
pub(super) fn number_of(request: &str) -> Option<u64> {
    request.rsplit('/').next()?.parse().ok()
}

/// A system message is some hundred bytes.
const PERSONA: &str = "You have lived in the valley for seventy years, and trust iron more than people. Answer in one sentence. ";
