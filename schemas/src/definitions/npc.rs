//! NPCs that speak, and the tiers that make them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::guard::NpcGuardDef;
use super::one_or_many::OneOrMany;
use super::span::Span;

/// An NPC that can be talked to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NpcDef {
    /// The kind of event that addresses it; its target is the NPC.
    #[serde(default = "talk")]
    pub addressed_by: String,
    /// What must hold for it to answer; when it stops holding, the request is cancelled.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// The tier asked; without one the bark is said at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Who it is: the system message. `{player}`, `{phase}`, `{season}`, `{weather}`, `{region}`
    /// are replaced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub persona: String,
    /// What it is asked: the user message, with the same replacements and `{said}`.
    #[serde(default = "greeting")]
    pub prompt: String,
    /// The longest answer.
    #[serde(default = "max_tokens")]
    pub max_tokens: u32,
    /// How long to wait before the bark is said instead.
    #[serde(default = "patience")]
    pub patience: Span,
    /// What of the world's `guard:` is otherwise for it: `guard: {most: {graphemes: 80, sentences: 1}}`.
    #[serde(default, skip_serializing_if = "NpcGuardDef::is_empty")]
    pub guard: NpcGuardDef,
    /// What is said without a tier; by turns.
    pub barks: OneOrMany<String>,
}

fn talk() -> String {
    "talk".to_owned()
}

fn greeting() -> String {
    "{player} greets you and says: {said}".to_owned()
}

fn max_tokens() -> u32 {
    64
}

fn patience() -> Span {
    Span { ms: 2_000, world: false }
}

/// A tier: an OpenAI-compatible server that answers requests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierDef {
    /// The server, for example `http://127.0.0.1:8000`.
    pub url: String,
    /// The model asked for.
    pub model: String,
    /// The key, by reference: `${GOLD_KEY}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The most requests in flight.
    #[serde(default = "in_flight")]
    pub max_in_flight: u32,
    /// How long one request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn in_flight() -> u32 {
    8
}

fn timeout() -> Span {
    Span { ms: 10_000, world: false }
}
