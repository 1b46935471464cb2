//! Storylets: what NPCs have to say, when it fits, and what comes of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::one_or_many::OneOrMany;
use super::quest::{Effect, Pattern};
use super::span::Span;

/// A storylet. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoryletDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Who says it: NPCs by id, or tags that they carry: `who: maren`, `who: [maren, guard]`.
    pub who: OneOrMany<String>,
    /// What makes them say it; without it that the player addresses them: `trigger: {holds: {}}`.
    #[serde(default)]
    pub trigger: StoryTrigger,
    /// What must hold for the player: `when: {weather: {kind: storm}}`.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// What makes it fit better, by ids of your own: `criteria: {friend: {when: {facts: {met_maren: true}}, weight: 2}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub criteria: BTreeMap<String, CriterionDef>,
    /// How well it fits before its criteria are looked at; without it the number of tests in `when`: `salience: 10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salience: Option<i32>,
    /// How often it may be said: `limits: {once: true}`.
    #[serde(default, skip_serializing_if = "StoryLimits::is_none")]
    pub limits: StoryLimits,
    /// What is said; of several each in turn: `lines: ["Hail, {player}.", "You again?"]`.
    pub lines: OneOrMany<String>,
    /// With what a tier is asked first; `lines` are then said only if it does not answer: `ask: {prompt: tavern_gossip}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskDef>,
    /// How it is said: `emotion: wary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emotion: Option<String>,
    /// How strongly, 0 to 100; 50 when absent: `intensity: 80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensity: Option<u32>,
    /// What it does to facts, one tick later: `effects: [{set: {fact: met_maren, to: true}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// What may be said after it: `then: {storylet: tom_grumbles, after: 3s}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<FollowUpDef>,
}

/// What makes an NPC say a storylet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoryTrigger {
    /// The player addresses the NPC, by the kind of event that the NPC is addressed by.
    #[default]
    Addressed,
    /// Its conditions hold, for a player who is where the NPC is.
    Holds {},
    /// Another storylet was said that names it in `then`.
    FollowUp {},
    /// The NPC has something to say and nothing better: no tier, or no answer in time. In place of the NPC's `barks`.
    Bark {},
    /// Something happens to the player where the NPC is: `happens: {event: enter, target: tavern}`.
    Happens(Box<Pattern>),
}

/// What makes a storylet fit better.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CriterionDef {
    /// What must hold for it to count: `when: {phase: night}`.
    pub when: Condition,
    /// How much it counts, -1000 to 1000: `weight: 3`.
    #[serde(default = "one")]
    pub weight: i32,
    /// Whether the storylet can only be said if it holds: `required: true`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

fn one() -> i32 {
    1
}

/// How often a storylet may be said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoryLimits {
    /// To each player once: `once: true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// To each player: `player: {most: 3, cooldown: 20m}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub player: Option<LimitDef>,
    /// By each NPC, to all players together: `npc: {most: 10, cooldown: 1m}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npc: Option<LimitDef>,
    /// In the realm, by all NPCs to all players together: `realm: {most: 100, cooldown: 5s}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<LimitDef>,
    /// How many may be saying it at the same time: `at_once: {most: 2, lasts: 8s}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<AtOnceDef>,
}

impl StoryLimits {
    /// Whether it limits nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == StoryLimits::default()
    }

    /// Whether any of them is over all players.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.npc.is_some() || self.realm.is_some() || self.at_once.is_some()
    }
}

/// How many may be saying a storylet at the same time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtOnceDef {
    /// At most so many: `most: 2`.
    pub most: u32,
    /// How long it takes to say it; while a tier is asked for it, it is being said, too: `lasts: 8s`.
    #[serde(default = "five_seconds")]
    pub lasts: Span,
}

fn five_seconds() -> Span {
    Span { ms: 5_000, world: false }
}

/// How often, and how soon again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitDef {
    /// At most so many times: `most: 3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// Not again before this has passed: `cooldown: 20m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Span>,
}

/// What a tier is asked in place of authored lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskDef {
    /// The prompt, one of `npcs/prompts`: `prompt: tavern_gossip`.
    pub prompt: String,
    /// Of what nobody has asked for: not again before this has passed, even if what the prompt reads is another:
    /// `every: 1m`.
    #[serde(default = "a_minute")]
    pub every: Span,
}

fn a_minute() -> Span {
    Span { ms: 60_000, world: false }
}

/// What may be said after a storylet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUpDef {
    /// The storylet, whose trigger is `{follow_up: {}}`: `storylet: tom_grumbles`.
    pub storylet: String,
    /// How long after: `after: 3s`.
    pub after: Span,
}
