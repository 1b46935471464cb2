//! A tier that can be asked: its servers, what waits for them, and what is expected of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use worldflow_schemas::definitions::{EmbedderDef, WorldDef, fallback};
use worldflow_schemas::input::Finish;
use worldflow_schemas::{Row, Sym, Value};

use super::breaker::BreakerState;
use super::call::{Answer, Line};
use super::counts::{Counts, Happened};
use super::error::TiersError;
use super::limit::RetryBudget;
use super::queue::{BatchLimits, Queue};
use super::replica::Replica;
use super::route::Offer;
use super::servers;
use crate::window::{Quantiles, Window};

/// Tokens of an answer, where nothing was measured and nothing is asked.
const USUAL_TOKENS: u64 = 32;

/// A tier that can be asked.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) name: Sym,
    class: Sym,
    /// Who is asked instead.
    pub(super) fallback: Option<Sym>,
    /// Whether the realm lets it be asked.
    pub(super) open: bool,
    pub(super) line: Arc<Line>,
    pub(super) max_wait: Option<Duration>,
    /// Whether it makes vectors of lore, so that it is not chosen to say anything.
    pub(super) embeds: bool,
    /// The most requests that nobody asked for, waiting and in flight.
    pub(super) most_unasked: usize,
    /// Tokens of a prompt and its answer, where it is said.
    pub(super) context: Option<u64>,
    declared_first_ms: u64,
    declared_us_per_token: u64,
    batch_wait_ms: u64,
    pub(super) replicas: Vec<Replica>,
    pub(super) queue: Queue,
    first_ms: Window,
    us_per_token: Window,
    took_ms: Window,
    pub(super) retries: RetryBudget,
    pub(super) counts: Counts,
}

impl Tier {
    pub(super) fn open(
        realm: Sym,
        name: &str,
        world: &WorldDef,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Tier, TiersError> {
        let def = &world.tiers[name];
        let urls = servers::addresses(name, def, "/v1/chat/completions", variable)?;
        let (key, client) = (servers::key(name, def, variable)?, servers::client(name, &urls)?);
        let now = Instant::now();
        Ok(Tier {
            name: Sym::new(name),
            class: Sym::new(def.class_or(name)),
            fallback: fallback(name, &world.tiers).map(Sym::new),
            open: true,
            line: Arc::new(Line {
                client,
                model: def.model.as_str().into(),
                key,
                timeout: Duration::from_millis(def.timeout.ms.max(1)),
                stall: Duration::from_millis(def.stall.ms.max(1)),
                priority: def.priority,
            }),
            max_wait: def.max_wait.map(|wait| Duration::from_millis(wait.ms)),
            embeds: world.lore.embedder == EmbedderDef::Tier(name.to_owned()),
            most_unasked: usize::try_from(def.ambient).unwrap_or(usize::MAX),
            context: def.context.map(u64::from),
            declared_first_ms: def.first_token_ms(name),
            declared_us_per_token: def.us_per_token(name),
            batch_wait_ms: def.batch.wait.ms,
            replicas: urls.into_iter().map(|url| Replica::new(url, def.max_in_flight)).collect(),
            queue: Queue::new(BatchLimits {
                size: usize::try_from(def.batch.size).unwrap_or(usize::MAX).max(1),
                wait: Duration::from_millis(def.batch.wait.ms),
                tokens: u64::from(def.batch.tokens).max(1),
            }),
            first_ms: Window::new(now),
            us_per_token: Window::new(now),
            took_ms: Window::new(now),
            retries: RetryBudget::new(),
            counts: Counts::new(realm, Sym::new(name)),
        })
    }

    /// What is expected of it at the moment for what comes last into its queue.
    pub(super) fn offer(&mut self, now: Instant) -> Offer<'static> {
        let first = self.first_ms.quantiles(now).map_or(self.declared_first_ms, |known| known.p95);
        let per_token =
            self.us_per_token.quantiles(now).map_or(self.declared_us_per_token, |known| known.p95);
        Offer {
            name: self.name.as_str(),
            class: self.class.as_str(),
            up: self.is_up(now),
            queue_ms: self.gathers_ms(now).saturating_add(self.queue_ms(now)),
            first_token_ms: first,
            us_per_token: per_token,
            context: self.context,
        }
    }

    /// The same for what leaves the queue.
    pub(super) fn offer_now(&mut self, now: Instant) -> Offer<'static> {
        Offer { queue_ms: 0, ..self.offer(now) }
    }

    /// Whether some server of it may be asked, now or after a pause.
    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.open && self.replicas.iter().any(|replica| replica.breaker.allows(now))
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.replicas.iter().map(|replica| replica.in_flight).sum()
    }

    fn places(&self, now: Instant) -> u32 {
        let up = self.replicas.iter().filter(|replica| replica.breaker.allows(now));
        up.map(|replica| replica.limit.now()).sum()
    }

    /// Whether at least half of the places stay free when all that waits is sent, and so many more. Then the order is of no
    /// matter, and a batch waits for nothing: servers batch by themselves.
    fn has_ample_room(&self, more: u32, now: Instant) -> bool {
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let taken = self.in_flight().saturating_add(waiting).saturating_add(more);
        taken <= self.places(now) / 2
    }

    /// How long one more would be gathered at most.
    fn gathers_ms(&self, now: Instant) -> u64 {
        if self.has_ample_room(1, now) { 0 } else { self.batch_wait_ms }
    }

    /// Closes the batch that is being gathered if its time has come, or if there is room for more than all that waits.
    pub(super) fn close_batch(&mut self, now: Instant) {
        if self.has_ample_room(0, now) {
            self.queue.close_batch();
        } else {
            self.queue.close_due(now);
        }
    }

    /// About how long one more would wait: a usual answer for each round of places before it.
    fn queue_ms(&mut self, now: Instant) -> u64 {
        let places = u64::from(self.places(now));
        let free = places.saturating_sub(u64::from(self.in_flight()));
        let Some(over) = (self.queue.len() as u64).checked_sub(free) else { return 0 };
        let declared = || self.declared_first_ms + USUAL_TOKENS * self.declared_us_per_token / 1_000;
        let took = self.took_ms.quantiles(now).map_or_else(declared, |known| known.p50);
        over.checked_div(places).unwrap_or(over).saturating_add(1).saturating_mul(took)
    }

    /// Learns from an answer.
    pub(super) fn learn(&mut self, answer: &Answer, took: Duration, now: Instant) {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.first_ms.record(ms(answer.first), now);
        self.counts.tokens(answer.prompt_tokens, answer.tokens);
        self.counts.measured("worldflow_tier_first_token_ms", answer.first.as_secs_f64() * 1_000.0);
        self.counts.measured("worldflow_tier_latency_ms", took.as_secs_f64() * 1_000.0);
        if answer.finish == Finish::Truncated {
            return;
        }
        self.took_ms.record(ms(took), now);
        let rest_us = took.saturating_sub(answer.first).as_micros();
        if let (Ok(rest_us), Some(tokens)) = (u64::try_from(rest_us), u64::from(answer.tokens).checked_sub(1))
        {
            // An answer that came at once says nothing of how long its tokens took.
            if let Some(us) = rest_us.checked_div(tokens).filter(|us| *us > 0) {
                self.us_per_token.record(us, now);
            }
        }
    }

    /// The first words had not come after so long. Whether that was longer than could be expected.
    pub(super) fn learn_late(&mut self, waited: Duration, now: Instant) -> bool {
        let expected = self.offer_now(now).first_token_ms;
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.first_ms.record(waited_ms, now);
        waited_ms >= expected.saturating_mul(2)
    }

    /// Its row in `tiers`.
    pub(super) fn row(&mut self, realm: Sym, now: Instant) -> Row {
        let known = self.first_ms.quantiles(now);
        let quantile = |of: fn(Quantiles) -> u64| known.map_or(Value::Null, |known| Value::count(of(known)));
        let breaker = self.replicas.iter().map(|replica| replica.breaker.state(now)).min();
        let mut row = vec![
            Value::id(realm),
            Value::id(self.name),
            Value::id(self.class),
            Value::count(self.replicas.len() as u64),
            Value::Sym(Sym::new(breaker.unwrap_or(BreakerState::Open).name())),
            Value::count(self.queue.len() as u64),
            Value::count(self.in_flight().into()),
            Value::count(self.places(now).into()),
            quantile(|known| known.p50),
            quantile(|known| known.p95),
            quantile(|known| known.p99),
        ];
        let shared = Value::count(self.counts.of(Happened::Shared));
        let others = Happened::ALL.into_iter().filter(|happened| *happened != Happened::Shared);
        row.extend(others.map(|happened| Value::count(self.counts.of(happened))));
        row.extend([self.counts.prompt_tokens, self.counts.tokens].map(Value::count));
        row.push(shared);
        self.counts.gauge("worldflow_tier_queue", u32::try_from(self.queue.len()).unwrap_or(u32::MAX));
        self.counts.gauge("worldflow_tier_in_flight_limit", self.places(now));
        self.counts.gauge("worldflow_tier_open", self.open.into());
        let open = self.replicas.iter().filter(|replica| replica.breaker.state(now) == BreakerState::Open);
        self.counts.gauge("worldflow_tier_open_breakers", u32::try_from(open.count()).unwrap_or(u32::MAX));
        Row::new(row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Waiting;
    use super::*;

    fn open(tiers: serde_json::Value) -> Result<Tier, TiersError> {
        let world = serde_json::json!({"name": "w", "seed": 1, "tiers": tiers});
        let world = serde_json::from_value(world).expect("a world");
        let variable = |name: &str| match name {
            "GOLD_KEY" => Some("s3cret".to_owned()),
            "GOLD_URL" => Some("http://127.0.0.1:2/".to_owned()),
            _ => None,
        };
        Tier::open(Sym::new("realm"), "gold", &world, &variable)
    }

    fn gold(more: serde_json::Value) -> serde_json::Value {
        let mut tier = serde_json::json!({"url": "http://127.0.0.1:1", "model": "m"});
        for (name, value) in more.as_object().expect("a map") {
            tier[name] = value.clone();
        }
        serde_json::json!({"gold": tier, "basic": {"url": "http://h", "model": "m", "class": "silver"}})
    }

    #[test]
    fn a_key_is_a_reference_to_a_variable_and_is_never_shown() {
        let key = |key: &str| open(gold(serde_json::json!({"key": key})));
        let tier = key("${GOLD_KEY}").expect("the variable is set");
        assert!(!format!("{tier:?}").contains("s3cret"));
        let unset = key("${SILVER_KEY}").expect_err("it is not set");
        assert!(unset.to_string().contains("`SILVER_KEY` is not set"), "{unset}");
        let literal = key("s3cret").expect_err("a literal key");
        assert!(matches!(literal, TiersError::LiteralKey { .. }) && !literal.to_string().contains("s3cret"));
    }

    #[test]
    fn servers_are_one_or_many_and_may_be_references() {
        let urls = |url: serde_json::Value| {
            open(gold(serde_json::json!({ "url": url })))
                .map(|tier| tier.replicas.iter().map(|replica| replica.url.to_string()).collect::<Vec<_>>())
        };
        let of = |port: u16| format!("http://127.0.0.1:{port}/v1/chat/completions");
        assert_eq!(urls("http://127.0.0.1:1/".into()).expect("one"), [of(1)]);
        assert_eq!(
            urls(serde_json::json!(["http://127.0.0.1:1", "${GOLD_URL}"])).expect("two"),
            [of(1), of(2)]
        );
        assert!(matches!(urls("ftp://x".into()), Err(TiersError::Url { .. })));
        assert!(matches!(urls(serde_json::json!([])), Err(TiersError::NoUrl { .. })));
        assert!(matches!(urls("${NO_URL}".into()), Err(TiersError::Unset { .. })));
    }

    #[test]
    fn a_tier_of_class_gold_falls_back_to_silver() {
        let fallback = |more| open(gold(more)).expect("a tier").fallback.map(Sym::as_str);
        assert_eq!(fallback(serde_json::json!({})), Some("basic"));
        assert_eq!(fallback(serde_json::json!({"class": "own"})), None);
        assert_eq!(fallback(serde_json::json!({"fallback": "x"})), Some("x"));
    }

    #[test]
    fn what_is_measured_replaces_what_is_declared() {
        let now = Instant::now();
        let mut tier =
            open(gold(serde_json::json!({"max_in_flight": 2, "batch": {"wait": "0ms"}}))).expect("a tier");
        let offer = tier.offer(now);
        assert_eq!((offer.first_token_ms, offer.us_per_token, offer.queue_ms), (25, 9_000, 0));
        for _ in 0..crate::window::LEAST_SAMPLES {
            let (text, first) = ("Aye.".to_owned(), Duration::from_millis(40));
            let answer = Answer { text, finish: Finish::Stop, first, prompt_tokens: 9, tokens: 11 };
            tier.learn(&answer, Duration::from_millis(60), now);
        }
        let offer = tier.offer(now);
        assert_eq!((offer.first_token_ms, offer.us_per_token), (40, 2_007), "a bucket's upper end");
        tier.replicas[0].sent();
        tier.replicas[0].sent();
        assert_eq!(tier.offer(now).queue_ms, 60, "both places are taken: one answer to wait for");
        assert_eq!(tier.offer_now(now).queue_ms, 0);
        assert!(!tier.learn_late(Duration::from_millis(79), now));
        assert!(tier.learn_late(Duration::from_millis(80), now));
    }

    #[test]
    fn nothing_is_gathered_while_half_of_the_places_stay_free() {
        let now = Instant::now();
        let more = serde_json::json!({"max_in_flight": 4, "batch": {"wait": "5ms"}});
        let mut tier = open(gold(more)).expect("a tier");
        let first = |tier: &mut Tier, request: &str| {
            let deadline = now + Duration::from_secs(1);
            let waiting = Waiting { request: request.into(), rank: 2, deadline, prefix: 1, tokens: 9 };
            tier.queue.push(waiting, now);
            tier.close_batch(now);
            tier.queue.first().map(|(request, _)| request.to_string())
        };
        assert_eq!(tier.offer(now).queue_ms, 0);
        tier.replicas[0].sent();
        assert_eq!(first(&mut tier, "a").as_deref(), Some("a"), "with it two of four places are taken");
        tier.queue.remove(&"a".into());
        tier.replicas[0].sent();
        assert_eq!(tier.offer(now).queue_ms, 5, "a third one is gathered");
        assert_eq!(first(&mut tier, "b"), None);
        tier.replicas[0].over();
        tier.close_batch(now);
        assert_eq!(tier.queue.requests(), ["b"]);
        assert!(tier.queue.first().is_some(), "and sent as soon as there is room");
    }
}
