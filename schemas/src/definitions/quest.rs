//! Quests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Test};
use super::objective::ObjectiveDef;
use super::one_or_many::OneOrMany;
use super::ordered::Ordered;
use super::span::Span;
use crate::input::Scope;

/// A quest. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestDef {
    /// What players see.
    pub title: String,
    /// Who holds it: one counter per player, or one for a whole party, guild, account, region,
    /// instance or realm.
    #[serde(default)]
    pub scope: Scope,
    /// Whether it is accepted by an event `quest.accept` or by itself.
    #[serde(default)]
    pub accept: Accept,
    /// Whether it is turned in by an event `quest.turn_in` or by itself.
    #[serde(default)]
    pub turn_in: TurnIn,
    /// What must hold before it is available.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub requires: Condition,
    /// Of the quests with the same group, a holder has at most one open or done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_group: Option<String>,
    /// How long an instance may stay open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Events that fail an open instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fail_on: Vec<Pattern>,
    /// A condition that fails an open instance as soon as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_when: Option<Condition>,
    /// Whether and when it can be done again. Without it: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// The stages, in the order of the file; a stage opens one tick after the one before is done.
    pub stages: Ordered<StageDef>,
    /// What is earned.
    #[serde(default, skip_serializing_if = "Rewards::is_empty")]
    pub rewards: Rewards,
    /// What completion does to facts, one tick later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

/// How a quest is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Accept {
    /// By an event `quest.accept` whose target is the quest.
    #[default]
    Manual,
    /// As soon as it is available to a holder that is known.
    Auto,
}

/// How a quest is turned in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnIn {
    /// In the tick in which the last stage is done.
    #[default]
    Auto,
    /// By an event `quest.turn_in` whose target is the quest.
    Manual,
}

/// When a quest that is done can be accepted again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Repeat {
    /// At once.
    Always {},
    /// This long after completion: `cooldown: 10m`.
    Cooldown(Span),
    /// Each day at a time of the real day in a time zone: `daily: {at: "04:00", zone: Europe/Berlin}`.
    Daily {
        /// `HH:MM`.
        at: String,
        /// An IANA time zone.
        zone: String,
    },
    /// Each week: `weekly: {day: monday, at: "04:00", zone: Europe/Berlin}`.
    Weekly {
        /// The day of the week.
        day: Weekday,
        /// `HH:MM`.
        at: String,
        /// An IANA time zone.
        zone: String,
    },
}

/// A day of the real week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A stage: objectives that are open together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageDef {
    /// What players see.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The objectives, in the order of the file.
    pub objectives: Ordered<ObjectiveDef>,
    /// Which objectives complete the stage; optional ones never matter.
    #[serde(default)]
    pub complete: Complete,
    /// Events that set all its objectives back to 0, done ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reset_on: Vec<Pattern>,
    /// How many times it is to be done, one after the other: `times: 3`. Without it: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// Which objectives complete a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complete {
    /// All of them.
    #[default]
    All,
    /// Any one.
    Any,
    /// At least this many.
    AtLeast(u32),
    /// All, one after the other in the order of the file; a later one counts only what comes after
    /// the one before is done.
    Sequence,
    /// As `sequence`, and an event that counts for another than the next one sets all back to the first.
    StrictSequence,
}

impl Complete {
    /// Whether objectives count one after the other.
    #[must_use]
    pub fn is_sequence(self) -> bool {
        matches!(self, Complete::Sequence | Complete::StrictSequence)
    }
}

/// A pattern of events; everything given must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// The kind of event.
    pub event: String,
    /// The target is one of these: entity ids, or tags that entities carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<OneOrMany<String>>,
    /// The event's region (or else the player's) is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<OneOrMany<String>>,
    /// Attributes compare.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Test>,
    /// What must hold as the event happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The event comes at most this long after the stage opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// What a completed instance earns.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rewards {
    /// Experience for each player rewarded; the slot is named `experience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience: Option<u32>,
    /// Reward slots by stable id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Slot>,
    /// Who is rewarded when the quest is held together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<RewardTo>,
}

impl Rewards {
    /// Whether nothing is earned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Rewards::default()
    }
}

/// A reward slot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// What is given.
    pub item: String,
    /// How much.
    #[serde(default = "one")]
    pub amount: u32,
}

fn one() -> u32 {
    1
}

/// Who is rewarded for a quest held together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardTo {
    /// Everyone credited with at least this much over all its objectives (default: 1).
    Contributors {
        /// The least credit.
        #[serde(default = "one")]
        at_least: u32,
    },
    /// The player who turned it in, or whose event completed it.
    Finisher {},
}

/// What completion does to a fact, one tick later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Effect {
    /// `set: {fact: village_saved, to: true}`
    Set {
        /// The fact.
        fact: String,
        /// Its new value.
        to: serde_json::Value,
    },
    /// `add: {fact: village_mood, by: 2}`
    Add {
        /// The fact.
        fact: String,
        /// What is added.
        by: serde_json::Number,
    },
}
