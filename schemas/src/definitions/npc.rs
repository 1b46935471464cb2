//! NPCs that speak.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::condition::Condition;
use super::guard::NpcGuardDef;
use super::one_or_many::OneOrMany;
use super::span::Span;
use super::world::Priority;

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
    /// The tier asked. Without one a tier is chosen by `budget`; without either the bark is said at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"gold")]
    pub tier: Option<String>,
    /// How soon the first words must come, or `async` when there is no hurry; as long as `patience` when absent. With
    /// `0s` nothing can be asked: the bark is said at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"300ms")]
    pub budget: Option<Budget>,
    /// Which requests a tier takes first.
    #[serde(default, skip_serializing_if = "is_normal")]
    #[schemars(example = Priority::High)]
    pub priority: Priority,
    /// The prompt that it is asked by, one of `npcs/prompts`; without it `persona` and `prompt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tavern_talk")]
    pub template: Option<String>,
    /// The node of a Yarn file that begins when a player addresses it; then nothing else answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"maren_hello")]
    pub dialogue: Option<String>,
    /// The voice that its lines are spoken with, as the game knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"old_woman_2")]
    pub voice: Option<String>,
    /// What becomes of an answer that comes when its bark has been said.
    #[serde(default, skip_serializing_if = "LateReplies::is_drop")]
    #[schemars(example = LateReplies::FollowUp)]
    pub late: LateReplies,
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

fn is_normal(priority: &Priority) -> bool {
    *priority == Priority::Normal
}

/// What becomes of an answer that comes when the bark has been said instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateReplies {
    /// Nothing: it is not waited for.
    #[default]
    Drop,
    /// It is said after the bark, if what was asked for still holds.
    FollowUp,
}

impl LateReplies {
    fn is_drop(&self) -> bool {
        *self == LateReplies::Drop
    }
}

/// How soon the first words of an answer must come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Budget {
    /// Within this real time.
    Within(Span),
    /// There is no hurry.
    Async,
}

const ASYNC: &str = "async";

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Within(span) => span.fmt(f),
            Budget::Async => f.write_str(ASYNC),
        }
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim() == ASYNC {
            return Ok(Budget::Async);
        }
        text.parse().map(Budget::Within).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Budget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A span of real time such as `300ms`, or `async`.",
            "pattern": r"^\s*(async|(\d+(w|d|h|m|s|ms)\s*)+)\s*$",
            "examples": ["80ms", "300ms", "async"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_span_or_async() {
        for (text, ms) in [("80ms", Some(80)), ("0s", Some(0)), ("async", None)] {
            let budget: Budget = serde_json::from_value(text.into()).expect("a budget");
            let expected = ms.map_or(Budget::Async, |ms| Budget::Within(Span { ms, world: false }));
            assert_eq!((budget, budget.to_string().as_str()), (expected, text));
        }
        assert!(serde_json::from_value::<Budget>("soon".into()).is_err());
    }

    #[test]
    fn an_npc_of_before_reads_and_writes_as_it_was() {
        let before = serde_json::json!({
            "addressed_by": "talk", "tier": "gold", "prompt": "Hail", "max_tokens": 64, "patience": "2s", "barks": "Hm.",
        });
        let def: NpcDef = serde_json::from_value(before.clone()).expect("an npc");
        assert_eq!(serde_json::to_value(&def).expect("plain data"), before);
    }
}
