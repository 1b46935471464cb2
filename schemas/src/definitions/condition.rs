//! Conditions: the one grammar for gates, prerequisites and failure.
//!
//! Every key given must hold. `any`, `all` and `not` nest. In files a condition may be one text instead (see
//! [`super::expression`]): whoever reads a world makes these keys of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dates::{ChanceTest, DatesTest};
use super::expression::Comparison;
use super::one_or_many::OneOrMany;
use super::span::Span;

/// What must hold; an empty condition always does. It may also be one text, such as `"player.level >= 5 and clock.phase == night"`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = or_text)]
pub struct Condition {
    /// The clock's phase is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<OneOrMany<String>>,
    /// World time of day lies in this range: `"20:00-06:00"`, the end excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The season is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<OneOrMany<String>>,
    /// The weekday of the world's calendar is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<OneOrMany<String>>,
    /// The month of the world's calendar is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<OneOrMany<String>>,
    /// The day of the world's month, from 1, compares: `day: {at_least: 10, at_most: 12}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<Test>,
    /// The real calendar: `dates: {weekdays: [saturday, sunday], hours: "18:00-23:00", zone: Europe/Berlin}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<DatesTest>,
    /// An event or season of the game is active, one of these of `world.yaml`: `occasion: winter_fair`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occasion: Option<OneOrMany<String>>,
    /// A chance by player and day: `chance: {of: lucky_day, percent: 20, every: {day: {at: "04:00", zone: UTC}}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<ChanceTest>,
    /// Each named moon's phase is one of these: `moon: {luna: full}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub moon: BTreeMap<String, OneOrMany<String>>,
    /// The weather in the event's zone (for a holder: the zone of its region), or in that of the region that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weather: Option<WeatherTest>,
    /// The region is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<OneOrMany<String>>,
    /// One of these is in the same region: entity ids, or tags that entities carry. An entity is where its property
    /// `region` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<OneOrMany<String>>,
    /// Facts compare: `facts: {village_mood: {at_least: 3}}`. The fact's own scope says whose.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Test>,
    /// Other quests are in one of these states for their own holder: `quests: {lost_flock: done}`.
    /// `done` holds once an instance has been completed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quests: BTreeMap<String, OneOrMany<QuestState>>,
    /// Objectives of other quests of the player compare, by quest and objective:
    /// `progress: {wolf_hunt: {wolves: {at_least: 5}}}`. One that is not open is at 0.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub progress: BTreeMap<String, BTreeMap<String, Test>>,
    /// The player's level compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Test>,
    /// What is reckoned compares: `compare: player.renown * 2 > realm.village_mood`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Comparison>,
    /// All of these hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Condition>,
    /// At least one of these holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Condition>,
    /// This does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
}

/// In files a condition may also be one text.
fn or_text(schema: &mut schemars::Schema) {
    schema.insert("type".to_owned(), serde_json::json!(["object", "string"]));
}

impl Condition {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Condition::default()
    }
}

/// A range of world time of day, `"HH:MM-HH:MM"`; may pass midnight. The end is excluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
    /// Minutes since midnight, included.
    pub from_min: u32,
    /// Minutes since midnight, excluded.
    pub to_min: u32,
}

impl Hours {
    /// Whether a minute of the day lies in it.
    #[must_use]
    pub fn hold(&self, minute: u32) -> bool {
        let (from, to) = (self.from_min, self.to_min);
        if from < to { from <= minute && minute < to } else { minute >= from || minute < to }
    }
}

impl std::str::FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Hours, String> {
        let wrong = || format!("`{text}` is not a range of hours; write for example `20:00-06:00`");
        let minute = |part: &str| -> Option<u32> {
            let (h, m) = part.trim().split_once(':')?;
            let (h, m): (u32, u32) = (h.parse().ok()?, m.parse().ok()?);
            (h < 24 && m < 60 || h == 24 && m == 0).then_some(h * 60 + m)
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let hours =
            Hours { from_min: minute(from).ok_or_else(wrong)?, to_min: minute(to).ok_or_else(wrong)? };
        if hours.from_min % 1440 == hours.to_min { Err(wrong()) } else { Ok(hours) }
    }
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Hours { from_min, to_min } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from_min / 60, from_min % 60, to_min / 60, to_min % 60)
    }
}

impl Serialize for Hours {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Hours, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "World time of day, the end excluded; may pass midnight.",
            "pattern": r"^\d{1,2}:\d{2}-\d{1,2}:\d{2}$",
            "examples": ["20:00-06:00"]
        })
    }
}

/// A test of the weather.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeatherTest {
    /// Of this region, instead of where one is: `weather: {region: moor, kind: rain}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The state is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<OneOrMany<String>>,
    /// The intensity, 0 to 1, compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intensity: Option<Test>,
    /// The present state has lasted at least this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
}

/// A comparison: a plain value means "is". Numbers, `true`/`false` or text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Test {
    /// All that is given holds.
    Range(#[serde(deserialize_with = "super::only_map")] TestRange),
    /// Is exactly this.
    Is(serde_json::Value),
}

// Floats in definitions are compared as written; NaN cannot be written in YAML or JSON numbers.
impl Eq for Test {}

/// A comparison with bounds; all that are given must hold.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestRange {
    /// At least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<serde_json::Number>,
    /// At most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<serde_json::Number>,
    /// More than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<serde_json::Number>,
    /// Less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<serde_json::Number>,
    /// Is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<serde_json::Value>,
    /// Is not this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_not: Option<serde_json::Value>,
    /// Is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<serde_json::Value>>,
}

impl Eq for TestRange {}

/// The states of a quest for a holder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestState {
    /// Not to be seen: prerequisites do not hold.
    Hidden,
    /// May be accepted.
    Available,
    /// Accepted; objectives count.
    Active,
    /// All objectives are done; waits to be turned in.
    Ready,
    /// Completed.
    Done,
    /// A failure condition came true.
    Failed,
    /// The deadline passed.
    Expired,
    /// Given up.
    Abandoned,
    /// Offered: it waits to be accepted or declined.
    Offered,
}

impl QuestState {
    /// All of them, in their order.
    pub const ALL: [QuestState; 9] = [
        QuestState::Hidden,
        QuestState::Available,
        QuestState::Active,
        QuestState::Ready,
        QuestState::Done,
        QuestState::Failed,
        QuestState::Expired,
        QuestState::Abandoned,
        QuestState::Offered,
    ];

    /// Its name in files and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            QuestState::Hidden => "hidden",
            QuestState::Available => "available",
            QuestState::Active => "active",
            QuestState::Ready => "ready",
            QuestState::Done => "done",
            QuestState::Failed => "failed",
            QuestState::Expired => "expired",
            QuestState::Abandoned => "abandoned",
            QuestState::Offered => "offered",
        }
    }

    /// Whether an instance is open: active or ready.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, QuestState::Active | QuestState::Ready)
    }
}
