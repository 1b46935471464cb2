//! Quests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Test};
use super::objective::ObjectiveDef;
use super::one_or_many::OneOrMany;
use super::ordered::Ordered;
use super::reward::Rewards;
use super::span::Span;
use super::window::WindowDef;
use crate::input::Scope;

/// A quest. Its id is its key in the file; a new id says with `moved_from` what it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestDef {
    /// What players see.
    pub title: String,
    /// Who has which part in it: entities, each chosen when the quest is accepted, in the order of the file. Patterns
    /// name them: `role: prey`. While a role has nobody to choose from, the quest is not available.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub roles: Ordered<RoleDef>,
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
    /// Whose events count for a player's quest: the player's own, or those of others of the party too.
    #[serde(default, skip_serializing_if = "Credit::is_own")]
    pub credit: Credit,
    /// The pool that it belongs to: it is available only while the pool offers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// When it is available, by the real calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowDef>,
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
    /// The id that this quest had before: it keeps where its holders stand, and what they were granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

impl QuestDef {
    /// Whether it is available only while something holds.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        !self.requires.is_empty() || !self.roles.is_empty() || self.pool.is_some() || self.window.is_some()
    }
}

/// A part in a quest, and which entities may have it: all that is given must fit. Of several one is drawn, from the
/// world's seed, the quest, the role, the holder and the instance, and none that has another part already if there is
/// another. `quest_bindings` says who it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDef {
    /// One of these: entity ids, or tags that entities carry.
    pub one_of: OneOrMany<String>,
    /// It is in one of these regions: an entity is where its property `region` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<OneOrMany<String>>,
    /// It is where the player is, or in the region that holds the quest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub here: bool,
    /// What happens when the entity is deleted while the quest is open.
    #[serde(default, skip_serializing_if = "Lost::is_keep")]
    pub lost: Lost,
}

/// What becomes of a role whose entity is no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// It stays with that entity: perhaps its end was what the quest asked for.
    #[default]
    Keep,
    /// Another has it from then on, as soon as there is one.
    Rebind,
    /// The quest fails.
    Fail,
}

impl Lost {
    fn is_keep(&self) -> bool {
        *self == Lost::Keep
    }
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
    /// By an event `quest.accept`, once a game server has offered it by an event `quest.offer`;
    /// `quest.decline` says no.
    Offered,
}

/// Whose events count for a player's quest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credit {
    /// The player's own.
    #[default]
    Own,
    /// Those of everyone in the player's party, too, one tick later.
    Party,
    /// As `party`, if the player is in the region of the event.
    PartyHere,
}

impl Credit {
    fn is_own(&self) -> bool {
        *self == Credit::Own
    }
}

/// How a quest is turned in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnIn {
    /// In the tick in which the last stage is done.
    #[default]
    Auto,
    /// By an event `quest.turn_in` whose target is the quest.
    Manual,
    /// As `manual`, to one of these: entity ids, or tags that entities carry. The attribute `npc` of the event says
    /// to whom: `turn_in: {npc: hermit_oswin}`.
    Npc(OneOrMany<String>),
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
    /// Each month: `monthly: {day: 1, at: "04:00", zone: Europe/Berlin}`.
    Monthly {
        /// The day of the month; in a month that is shorter, its last.
        day: u8,
        /// `HH:MM`.
        at: String,
        /// An IANA time zone.
        zone: String,
    },
    /// At every time that fits what is given, as cron has it:
    /// `calendar: {at: ["06:00", "18:00"], weekdays: [monday, friday], zone: UTC}`.
    Calendar(CalendarTimes),
}

/// Times of the real calendar; a day must fit all that is given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarTimes {
    /// The times of the day, each `HH:MM`.
    pub at: OneOrMany<String>,
    /// The days of the week; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// The days of the month, 1 to 31; all when absent. A month that lacks a day passes it over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<u8>,
    /// The months, 1 to 12; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<u8>,
    /// An IANA time zone.
    pub zone: String,
}

impl Repeat {
    /// Whether it comes at times of the real calendar.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        !matches!(self, Repeat::Always {} | Repeat::Cooldown(_))
    }
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
    /// The id that this stage had before: it keeps being open, what has been counted, and who contributed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// Events that set all its objectives back to 0, done ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reset_on: Vec<Pattern>,
    /// How many times it is done before the next stage opens.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
    /// The stage is there only if these earlier stages were done by these branches; else it is
    /// passed over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: After,
}

/// Stages by id, and the branch by which each was done.
pub type After = BTreeMap<String, String>;

fn once() -> u32 {
    1
}

fn is_once(times: &u32) -> bool {
    *times == 1
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
    /// The target is who has this role in the quest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
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
        /// Only if these stages were done by these branches.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        after: After,
    },
    /// `add: {fact: village_mood, by: 2}`
    Add {
        /// The fact.
        fact: String,
        /// What is added.
        by: serde_json::Number,
        /// Only if these stages were done by these branches.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        after: After,
    },
}
