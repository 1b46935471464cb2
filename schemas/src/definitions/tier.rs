//! Tiers: groups of model servers that answer requests, and what is expected of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::condition::Condition;
use super::one_or_many::OneOrMany;
use super::span::Span;
use super::spending::MoneyDef;

/// The class of the fastest tiers.
pub const GOLD: &str = "gold";
/// The class of tiers that answer within a second.
pub const SILVER: &str = "silver";
/// The class of tiers that answer when they can.
pub const BRONZE: &str = "bronze";

/// A tier: one or several OpenAI-compatible servers that answer requests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierDef {
    /// The server, or a list of servers (replicas) that answer alike. Each is an address or a reference to one. Without
    /// one nobody is asked until `worldflow run` is given one: `--gold http://127.0.0.1:8000`, or `--simulated-tiers`.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:8000")]
    pub url: OneOrMany<String>,
    /// The model asked for; the server lists its models at /v1/models.
    #[schemars(example = &"gemma-3-4b")]
    pub model: String,
    /// The key, by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"${GOLD_KEY}")]
    pub key: Option<String>,
    /// How fast it is: `gold`, `silver`, `bronze` or a name of your own; the tier's own name when absent. Requests that
    /// name no tier go to a class by their budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"gold")]
    pub class: Option<String>,
    /// The most requests in flight to one replica. The limit shrinks when a replica is overloaded, and grows back.
    #[serde(default = "in_flight")]
    #[schemars(example = 8)]
    pub max_in_flight: u32,
    /// How long one request may take.
    #[serde(default = "timeout")]
    #[schemars(example = &"10s")]
    pub timeout: Span,
    /// How long an answer may pause once its text has begun; what there is then is the answer, and counts as truncated.
    #[serde(default = "stall", skip_serializing_if = "is_usual_stall")]
    #[schemars(example = &"2s")]
    pub stall: Span,
    /// How long a request may wait for a free place before it goes to the fallback; as long as it has time, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"250ms")]
    pub max_wait: Option<Span>,
    /// The model's context in tokens, prompt and answer together; not looked at when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 8192)]
    pub context: Option<u32>,
    /// Milliseconds a token of an answer takes, until that is measured; 9 in the class gold, 25 in silver, else 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 9)]
    pub ms_per_token: Option<Number>,
    /// How long the first token takes, until that is measured; 25ms in the class gold, 100ms in silver, else 500ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"25ms")]
    pub first_token: Option<Span>,
    /// What a million tokens cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = PriceDef { input: 1.into(), output: 4.into() })]
    pub price: Option<PriceDef>,
    /// The most money that its answers cost in a day (UTC), or the number fact of the realm that says so; once that is reached
    /// nobody asks it until the next day. In the currency of `price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 20)]
    pub money_per_day: Option<MoneyDef>,
    /// What must hold of the realm for it to be asked, such as a fact that is its switch.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    #[schemars(example = &"realm.models_on")]
    pub when: Condition,
    /// How requests are gathered before they are sent.
    #[serde(default, skip_serializing_if = "BatchDef::is_usual")]
    #[schemars(example = BatchDef::default())]
    pub batch: BatchDef,
    /// The tier that is asked when this one fails, is too slow or is down; a tier of the class silver for one of the
    /// class gold when absent, else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"silver")]
    pub fallback: Option<String>,
    /// The most requests that nobody has asked for, waiting and in flight: the lines of storylets that speak unasked.
    #[serde(default = "ambient", skip_serializing_if = "is_usual_ambient")]
    #[schemars(example = 2)]
    pub ambient: u32,
    /// Whether its servers know priorities (vLLM with `--scheduling-policy priority`) and are told them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub priority: bool,
}

impl TierDef {
    /// Its class; `name` is the tier's own.
    #[must_use]
    pub fn class_or<'a>(&'a self, name: &'a str) -> &'a str {
        self.class.as_deref().unwrap_or(name)
    }

    /// Microseconds a token is declared to take; `name` is the tier's own.
    #[must_use]
    pub fn us_per_token(&self, name: &str) -> u64 {
        let usual = match self.class_or(name) {
            GOLD => 9_000,
            SILVER => 25_000,
            _ => 50_000,
        };
        self.ms_per_token.as_ref().and_then(thousandths).unwrap_or(usual)
    }

    /// Milliseconds the first token is declared to take; `name` is the tier's own.
    #[must_use]
    pub fn first_token_ms(&self, name: &str) -> u64 {
        let usual = match self.class_or(name) {
            GOLD => 25,
            SILVER => 100,
            _ => 500,
        };
        self.first_token.map_or(usual, |span| span.ms)
    }
}

/// Who is asked instead of a tier, if anybody is.
#[must_use]
pub fn fallback<'a>(name: &str, tiers: &'a BTreeMap<String, TierDef>) -> Option<&'a str> {
    let tier = tiers.get(name)?;
    if let Some(fallback) = &tier.fallback {
        return Some(fallback);
    }
    let mut silver = tiers.iter().filter(|(other, tier)| tier.class_or(other) == SILVER);
    let usual = (tier.class_or(name) == GOLD).then(|| silver.next()).flatten();
    usual.map(|(other, _)| other.as_str())
}

/// A number of at least 0 in thousandths; `None` when it is not one.
fn thousandths(number: &Number) -> Option<u64> {
    let (whole, fraction) = match number.to_string().split_once('.') {
        Some((whole, fraction)) => (whole.to_owned(), fraction.to_owned()),
        None => (number.to_string(), String::new()),
    };
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, fraction): (u64, u64) = (whole.parse().ok()?, fraction.parse().ok()?);
    whole.checked_mul(1_000)?.checked_add(fraction)
}

/// What a million tokens cost, in a currency of your own choice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceDef {
    /// Of prompts.
    #[schemars(example = 0.5)]
    pub input: Number,
    /// Of answers.
    #[schemars(example = 1.5)]
    pub output: Number,
}

/// How requests are gathered before they are sent. What first is reached ends the gathering.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchDef {
    /// This many requests.
    #[schemars(example = 32)]
    pub size: u32,
    /// This long after the first.
    #[schemars(example = &"2ms")]
    pub wait: Span,
    /// This many tokens, prompts (about) and answers together.
    #[schemars(example = 16384)]
    pub tokens: u32,
}

impl BatchDef {
    fn is_usual(&self) -> bool {
        *self == BatchDef::default()
    }
}

impl Default for BatchDef {
    fn default() -> Self {
        BatchDef { size: 32, wait: Span { ms: 2, world: false }, tokens: 16_384 }
    }
}

fn in_flight() -> u32 {
    8
}

fn timeout() -> Span {
    Span { ms: 10_000, world: false }
}

fn stall() -> Span {
    Span { ms: 2_000, world: false }
}

fn ambient() -> u32 {
    4
}

fn is_usual_ambient(most: &u32) -> bool {
    *most == ambient()
}

fn is_usual_stall(span: &Span) -> bool {
    *span == stall()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(json: serde_json::Value) -> TierDef {
        serde_json::from_value(json).expect("a tier")
    }

    #[test]
    fn a_tier_of_before_reads_and_writes_as_it_was() {
        let before =
            serde_json::json!({"url": "http://h:1", "model": "m", "max_in_flight": 8, "timeout": "10s"});
        let def = tier(before.clone());
        assert_eq!(def.url.as_slice(), ["http://h:1"]);
        assert_eq!(serde_json::to_value(&def).expect("plain data"), before);
    }

    #[test]
    fn what_is_declared_holds_and_else_the_class_says() {
        let def = |more: &str| {
            tier(serde_json::from_str(&format!(r#"{{"url": [], "model": "m"{more}}}"#)).expect("JSON"))
        };
        for (name, more, us, ms) in [
            ("gold", "", 9_000, 25),
            ("silver", "", 25_000, 100),
            ("x", "", 50_000, 500),
            ("x", r#", "class": "gold""#, 9_000, 25),
            ("gold", r#", "ms_per_token": 12, "first_token": "40ms""#, 12_000, 40),
            ("gold", r#", "ms_per_token": 0.25"#, 250, 25),
            ("gold", r#", "ms_per_token": 1.23456"#, 1_234, 25),
            ("gold", r#", "ms_per_token": -1"#, 9_000, 25),
        ] {
            let def = def(more);
            assert_eq!((def.us_per_token(name), def.first_token_ms(name)), (us, ms), "{name} {more}");
        }
    }
}
