//! Behaviours: what NPCs are like, and so what they do about what they sense.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_or_many::OneOrMany;
use super::span::Span;

/// A behaviour. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BehaviourDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Who behaves so: entities of the kind `npc` by id, or tags that they carry: `who: [wolf, pack]`. Of several behaviours of
    /// one NPC the first by id counts.
    pub who: OneOrMany<String>,
    /// What they are like: `traits: {aggression: 0.8}`.
    #[serde(default)]
    pub traits: TraitsDef,
    /// The kind of event that tells what they sense: its target is the NPC, its attributes are `thing`, `distance`, `hostile`
    /// and `attacks`: `sensed_by: sense`.
    #[serde(default = "sense")]
    pub sensed_by: String,
    /// How long what was sensed counts: `lasts: 10s`.
    #[serde(default = "ten_seconds")]
    pub lasts: Span,
}

fn sense() -> String {
    "sense".to_owned()
}

fn ten_seconds() -> Span {
    Span { ms: 10_000, world: false }
}

/// What an NPC is like, each from 0 to 1; 0.5 where nothing is said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraitsDef {
    /// `aggression: 0.8`
    pub aggression: serde_json::Number,
    /// `neuroticism: 0.3`
    pub neuroticism: serde_json::Number,
    /// `extraversion: 0.6`
    pub extraversion: serde_json::Number,
    /// `sociability: 0.6`
    pub sociability: serde_json::Number,
    /// `openness: 0.7`
    pub openness: serde_json::Number,
    /// `curiosity: 0.7`
    pub curiosity: serde_json::Number,
}

impl Default for TraitsDef {
    fn default() -> Self {
        let half = || serde_json::Number::from_f64(0.5).expect("it is finite");
        TraitsDef {
            aggression: half(),
            neuroticism: half(),
            extraversion: half(),
            sociability: half(),
            openness: half(),
            curiosity: half(),
        }
    }
}
