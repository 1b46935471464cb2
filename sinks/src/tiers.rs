//! The inference edge: asks tiers what the rows of `npc_requests` want, and submits their replies.
//!
//! `npc_requests ─deltas→ one queue a tier ─HTTP→ model server ─→ Command::Reply`
//!
//! A row is demand. The requests of a tick are queued together, the nearest deadline first, and at
//! most `max_in_flight` of a tier are under way; when a row goes, its request is taken from the
//! queue, or its connection is dropped. A request that waits at a start is asked again. An answer is
//! sealed under the key of the player it is for. This edge
//! judges no answer and knows no NPC; the graph says the bark when a reply fails or comes too late.

mod call;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use worldflow_engine::admission::{Batch, Item};
use worldflow_engine::realm::Realm;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::NPC_REQUESTS;
use worldflow_schemas::input::{MOST_LINE_BYTES, Reply};
use worldflow_schemas::{ArcStr, Command, EventId, Input, Row, Sym, Tick, Value};

pub use call::{MOST_BODY_BYTES, TiersError};

use call::{Answer, Ask, Tier};

/// The running edge of a realm's tiers.
#[derive(Debug)]
pub struct Tiers {
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Tiers {
    /// Starts the edge. `variable` looks up an environment variable, for keys by reference.
    ///
    /// # Errors
    /// When a tier's url cannot be read, its key is not a reference or names a variable that is not
    /// set, or no HTTP client can be made.
    pub fn open(realm: Realm, variable: impl Fn(&str) -> Option<String>) -> Result<Tiers, TiersError> {
        let mut queues = BTreeMap::new();
        for (name, def) in &realm.world.tiers {
            let tier = Tier::open(name, def, &variable)?;
            let queue = Queue { tier: Arc::new(tier), waiting: BTreeMap::new(), in_flight: 0 };
            queues.insert(Sym::new(name), queue);
        }
        let (closing, told_to_close) = watch::channel(false);
        let run = Run {
            realm,
            queues,
            requests: FxHashMap::default(),
            calls: JoinSet::new(),
            at: None,
            closing: told_to_close,
        };
        Ok(Tiers { closing, task: tokio::spawn(run.run()) })
    }

    /// Drops what is in flight and ends. Requests whose rows remain are asked again at the next start.
    pub async fn close(self) {
        // The task may have ended with the realm.
        let _ = self.closing.send(true);
        let _ = self.task.await;
    }
}

/// A tier's requests that wait for a free place, the nearest deadline first, then by id.
#[derive(Debug)]
struct Queue {
    tier: Arc<Tier>,
    waiting: BTreeMap<(Tick, ArcStr), Ask>,
    in_flight: u32,
}

/// Where a request stands whose row is there.
#[derive(Debug)]
enum Stage {
    Waiting { deadline: Tick },
    InFlight(AbortHandle),
    Answered,
}

#[derive(Debug)]
struct Run {
    realm: Realm,
    queues: BTreeMap<Sym, Queue>,
    requests: FxHashMap<ArcStr, (Sym, Stage)>,
    calls: JoinSet<(Sym, ArcStr)>,
    /// The tick up to which the view has been read.
    at: Option<Tick>,
    closing: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let mut progress = self.realm.progress.clone();
        progress.mark_changed();
        let mut closing = self.closing.clone();
        let closing = async move {
            // An error means that the handle has gone.
            let _ = closing.wait_for(|closing| *closing).await;
        };
        tokio::pin!(closing);
        loop {
            tokio::select! {
                changed = progress.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let tick = progress.borrow_and_update().tick;
                    self.catch_up(tick);
                }
                Some(ended) = self.calls.join_next() => {
                    // A call that was cancelled has been counted where it was.
                    if let Ok((tier, request)) = ended {
                        self.ended(tier, &request);
                    }
                }
                () = &mut closing => break,
            }
            self.start();
        }
    }

    /// Reads what has changed. Rows that came and went unseen are never asked.
    fn catch_up(&mut self, tick: Tick) {
        let views = self.realm.views.clone();
        let view = views.read(NPC_REQUESTS);
        match self.at.and_then(|at| view.since(at)) {
            Some(deltas) => {
                for delta in &deltas {
                    for (row, diff) in &delta.changes {
                        if *diff < 0 { self.cancel(&request_of(row)) } else { self.want(row) }
                    }
                    self.at = Some(delta.tick);
                }
            }
            None => {
                let mut gone: Vec<ArcStr> = self.requests.keys().cloned().collect();
                gone.retain(|request| {
                    view.get(&[Value::id(self.realm.name), Value::Text(request.clone())]).is_none()
                });
                gone.iter().for_each(|request| self.cancel(request));
                view.rows(&Filter::all()).for_each(|row| self.want(row));
                self.at = Some(tick);
            }
        }
    }

    fn want(&mut self, row: &Row) {
        let (request, tier) = (request_of(row), id(row, "tier"));
        if self.requests.contains_key(&request) {
            return;
        }
        let deadline = number(row, "deadline");
        let ask = Ask {
            request: request.clone(),
            player: id(row, "player"),
            messages: text(row, "messages").to_owned(),
            max_tokens: number(row, "max_tokens"),
        };
        match self.queues.get_mut(&tier) {
            Some(queue) => {
                queue.waiting.insert((deadline, request.clone()), ask);
                self.requests.insert(request, (tier, Stage::Waiting { deadline }));
            }
            None => {
                // The world was edited between two runs.
                let reason = format!("tier `{tier}` is not declared");
                let submit = submit(self.realm.clone(), tier, request.clone(), Answer::failed(reason, 0));
                let call = self.calls.spawn(submit);
                self.requests.insert(request, (tier, Stage::InFlight(call)));
            }
        }
    }

    fn cancel(&mut self, request: &ArcStr) {
        let Some((tier, stage)) = self.requests.remove(request) else { return };
        let queue = self.queues.get_mut(&tier);
        match stage {
            Stage::Answered => return,
            Stage::Waiting { deadline } => {
                queue.and_then(|queue| queue.waiting.remove(&(deadline, request.clone())));
            }
            Stage::InFlight(call) => {
                call.abort();
                if let Some(queue) = queue {
                    queue.in_flight -= 1;
                }
            }
        }
        self.count("worldflow_tier_cancelled_total", tier);
        self.gauge(tier);
    }

    fn start(&mut self) {
        for (&name, queue) in &mut self.queues {
            while queue.in_flight < queue.tier.max_in_flight {
                let Some((_, ask)) = queue.waiting.pop_first() else { break };
                let (realm, tier, request) = (self.realm.clone(), queue.tier.clone(), ask.request.clone());
                let labels = [("realm", realm.name.as_str()), ("tier", name.as_str())];
                metrics::counter!("worldflow_tier_sent_total", &labels).increment(1);
                let asked = request.clone();
                let call = self.calls.spawn(async move {
                    let answer = tier.ask(&ask).await;
                    tier_answered(&realm, name, &answer);
                    let answer = sealed(&realm, ask.player, answer);
                    submit(realm, name, asked, answer).await
                });
                queue.in_flight += 1;
                metrics::gauge!("worldflow_tier_in_flight", &labels).set(f64::from(queue.in_flight));
                self.requests.insert(request, (name, Stage::InFlight(call)));
            }
        }
    }

    fn ended(&mut self, tier: Sym, request: &ArcStr) {
        // A call may end in the moment in which it is cancelled; its place is free then already.
        let Some((_, stage @ Stage::InFlight(_))) = self.requests.get_mut(request) else { return };
        *stage = Stage::Answered;
        if let Some(queue) = self.queues.get_mut(&tier) {
            queue.in_flight -= 1;
        }
        self.gauge(tier);
    }

    fn count(&self, name: &'static str, tier: Sym) {
        metrics::counter!(name, "realm" => self.realm.name.as_str(), "tier" => tier.as_str()).increment(1);
    }

    fn gauge(&self, tier: Sym) {
        let in_flight = self.queues.get(&tier).map_or(0, |queue| queue.in_flight);
        metrics::gauge!("worldflow_tier_in_flight", "realm" => self.realm.name.as_str(), "tier" => tier.as_str())
            .set(f64::from(in_flight));
    }
}

fn tier_answered(realm: &Realm, tier: Sym, answer: &Answer) {
    let labels = [("realm", realm.name.as_str()), ("tier", tier.as_str())];
    match &answer.outcome {
        Ok(_) => metrics::counter!("worldflow_tier_answered_total", &labels).increment(1),
        Err(reason) => {
            metrics::counter!("worldflow_tier_failed_total", &labels).increment(1);
            tracing::debug!(realm = realm.name.as_str(), tier = tier.as_str(), reason, "a tier failed");
        }
    }
    metrics::histogram!("worldflow_tier_latency_ms", &labels).record(f64::from(answer.took_ms));
}

/// What a model says to a player is the player's, and may hold what the player has said.
fn sealed(realm: &Realm, player: Sym, answer: Answer) -> Answer {
    let Answer { outcome, took_ms, tokens } = answer;
    let seal = |text: String| {
        let sealed = realm.privacy.seal(player, clipped(&text));
        sealed.map(|text| text.as_str().to_owned()).map_err(|error| error.to_string())
    };
    Answer { outcome: outcome.and_then(seal), took_ms, tokens }
}

/// As much of a line as may be said: the graph cannot cut what is sealed.
fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(MOST_LINE_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].trim_end()
}

/// Hands the reply to the sequencer. The request's id is the input's, so it counts once.
async fn submit(realm: Realm, tier: Sym, request: ArcStr, answer: Answer) -> (Sym, ArcStr) {
    let Answer { outcome, took_ms, tokens } = answer;
    let outcome = outcome.map(Into::into).map_err(Into::into);
    let id = EventId::Named(request.clone());
    let reply = Reply { request: request.clone(), tier, outcome, took_ms, tokens };
    let item = Item { id, input: Input::Command(Command::Reply(reply)), most_per_s: None };
    let source = Sym::new(&format!("tier:{tier}"));
    let batch = Batch { source, items: vec![item], watermark_ms: None, reply: None, reached: None };
    // When the realm is closing the row stays, and is asked again at the next start.
    let _ = realm.admission.submit(batch).await;
    (tier, request)
}

fn value<'a>(row: &'a Row, column: &str) -> &'a Value {
    let place = NPC_REQUESTS.def().column(column).expect("the catalog has the column");
    &row[place]
}

fn id(row: &Row, column: &str) -> Sym {
    match value(row, column) {
        Value::Sym(id) => *id,
        _ => Sym::NONE,
    }
}

fn request_of(row: &Row) -> ArcStr {
    text(row, "request").into()
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    value(row, column).as_str().unwrap_or_default()
}

fn number(row: &Row, column: &str) -> u64 {
    match value(row, column) {
        Value::Int(n) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}
