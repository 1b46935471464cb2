//! Objectives: what counts, how it adds up, and how long it stays so.
//!
//! An objective has a source (events, or a condition) and one aggregate; the other keys change when
//! and for how long what was counted counts. `docs/semantics.md` says what each means tick by tick.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Test};
use super::one_or_many::OneOrMany;
use super::quest::{Pattern, Repeat, Weekday};
use super::span::Span;

/// An objective: a pattern of events and how they add up, or a condition that holds.
///
/// At most one of `count`, `sum`, `distinct`, `max`, `min`, `last`, `percent` and `streak`; `count: 1`
/// when none is given.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveDef {
    /// What players see.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The kind of event; every objective has this or `holds`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
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
    /// Attributes compare: `where: {weapon: bow, damage: {at_least: 5}}`.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Test>,
    /// What must hold as the event happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The event comes at most this long after the stage opened, or after what `after` names was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// Instead of events: done while this holds for the holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Condition>,
    /// How long `holds` must hold without a break. `holds: {}, for: 5m` is five minutes gone by.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
    /// The amounts of the events add up to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// An attribute adds up to this (see `of`; whole units).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<u32>,
    /// This many different targets, or values of the attribute in `of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u32>,
    /// One event whose amount, or attribute in `of`, is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// One event whose amount, or attribute in `of`, is at most this, and more than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// The amount, or attribute in `of`, of the latest event is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// This many hundredths of all entities that carry a tag of `target` were targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// This many periods in a row with an event in each; see `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streak: Option<u32>,
    /// The periods of `streak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// The attribute for `sum`, `distinct`, `max`, `min` and `last`; the target for `distinct` and the
    /// amount for the others when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// `count` or `sum` of the latest events only: a rate. `count: 5, window: 10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// What `count` or `sum` has counted halves in each such span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life: Option<Span>,
    /// `count` or `sum` is reached by each of this many players, of a quest held together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<u32>,
    /// `count` or `sum` is reached by everyone who belongs to the party, guild, account or instance that holds the
    /// quest: each must do their part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everyone: bool,
    /// What each unit of it is worth as credit of a quest held together, in whole units; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<u32>,
    /// Events that take away what `count` or `sum` has counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minus: Vec<Pattern>,
    /// Events that set it back to 0 while it is not done for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reset_on: Vec<Pattern>,
    /// Whether it stays done once it is. Without it: yes for events, no for `holds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latched: Option<bool>,
    /// Counts only once this objective of the stage is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the stage can be done without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The branch it belongs to: the first branch to be complete wins, and the stage is done by it.
    /// An objective without one belongs to each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Hidden, and not counting, until these objectives of the stage are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_until: Vec<String>,
    /// From when events count.
    #[serde(default, skip_serializing_if = "Since::is_accept")]
    pub since: Since,
    /// The lifetime counter behind `since: ever`, `available` and `reset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// The id that this objective had before: it keeps what has been counted, if its pattern and aggregate are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// How the events of an objective add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    /// Amounts add up.
    Count,
    /// An attribute (or the amount) adds up.
    Sum,
    /// Different values are counted.
    Distinct,
    /// The largest value counts.
    Max,
    /// The least value counts.
    Min,
    /// The latest value counts.
    Last,
    /// Different targets of a set of entities are counted.
    Percent,
    /// Periods in a row are counted.
    Streak,
    /// A condition holds.
    Holds,
}

/// Periods, of which a streak counts those in a row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Every {
    /// Days of the real calendar in a time zone: `every: {day: {at: "04:00", zone: Europe/Berlin}}`.
    Day {
        /// `HH:MM`, when a day begins.
        at: String,
        /// An IANA time zone.
        zone: String,
    },
    /// Weeks of the real calendar in a time zone.
    Week {
        /// The day of the week on which one begins.
        day: Weekday,
        /// `HH:MM`, when it begins.
        at: String,
        /// An IANA time zone.
        zone: String,
    },
    /// Days of the world.
    WorldDay {},
}

impl Every {
    /// The repeat whose resets are the beginnings of the periods; none for days of the world.
    #[must_use]
    pub fn repeat(&self) -> Option<Repeat> {
        match self.clone() {
            Every::Day { at, zone } => Some(Repeat::Daily { at, zone }),
            Every::Week { day, at, zone } => Some(Repeat::Weekly { day, at, zone }),
            Every::WorldDay {} => None,
        }
    }
}

impl ObjectiveDef {
    /// The pattern of events alone.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        Pattern {
            event: self.event.clone(),
            target: self.target.clone(),
            role: self.role.clone(),
            region: self.region.clone(),
            attributes: self.attributes.clone(),
            when: self.when.clone(),
            within: self.within,
        }
    }

    /// A hash of what is counted and how, but not of how much is needed: a counter is kept as long
    /// as this stays the same. Part of the base state's format.
    #[must_use]
    pub fn identity(&self) -> u64 {
        let (aggregate, _) = self.aggregate();
        let pattern = serde_json::to_string(&self.pattern()).expect("a pattern is plain data with text keys");
        let mut text = format!("{aggregate:?} {:?} {:?} {:?} {pattern}", self.of, self.since, self.lifetime);
        // Added only where one is given, so that what has none keeps the identity it always had.
        let each = self.players.map(|_| self.count.or(self.sum).unwrap_or(1));
        let more = serde_json::json!([
            self.holds,
            self.every,
            self.window,
            self.half_life,
            each,
            self.minus,
            self.reset_on,
            self.after
        ]);
        if more != serde_json::json!([null, null, null, null, null, [], [], null]) {
            text.push_str(&more.to_string());
        }
        if self.everyone {
            text.push_str(&format!("everyone {}", self.aggregate().1));
        }
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }

    /// The aggregate, and the number that it names.
    #[must_use]
    pub fn aggregate(&self) -> (Aggregate, u32) {
        if self.holds.is_some() {
            return (Aggregate::Holds, 1);
        }
        [
            (Aggregate::Sum, self.sum),
            (Aggregate::Distinct, self.distinct),
            (Aggregate::Max, self.max),
            (Aggregate::Min, self.min),
            (Aggregate::Last, self.last),
            (Aggregate::Percent, self.percent),
            (Aggregate::Streak, self.streak),
        ]
        .into_iter()
        .find_map(|(aggregate, need)| Some((aggregate, need?)))
        .unwrap_or((Aggregate::Count, self.count.unwrap_or(1)))
    }

    /// The value at which it is done. Of `percent` only the share is known here, and of `everyone` not how many they are.
    #[must_use]
    pub fn need(&self) -> u32 {
        if self.everyone { 1 } else { self.players.unwrap_or(self.aggregate().1) }
    }

    /// Whether it stays done once it is, in a stage that is a sequence or not.
    #[must_use]
    pub fn is_latched(&self, sequence: bool) -> bool {
        self.latched.unwrap_or(self.holds.is_none() || sequence)
    }
}

/// From when events count towards an objective.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// From acceptance, and while the objective's stage is open.
    #[default]
    Accept,
    /// From the quest's latest reset by the calendar, before acceptance too; needs `lifetime`.
    Reset,
    /// From when the quest became available, before acceptance too; needs `lifetime`.
    Available,
    /// From the first event that its lifetime counter saw, before acceptance too; needs `lifetime`. A counter whose pattern
    /// says `when: {dates: {from: 2026-12-01 00:00, zone: UTC}}` begins at that date.
    Ever,
}

impl Since {
    /// Whether it is the default.
    #[must_use]
    pub fn is_accept(&self) -> bool {
        *self == Since::Accept
    }
}
