//! The world file: seed, tick, clock, zones, kinds, entities, facts, sources and sinks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dates::DatesTest;
use super::dialogue::DialogueWorldDef;
use super::guard::{GuardDef, ModerationDef};
use super::journal::{GrantsDef, JournalDef};
use super::lore::LoreIndexDef;
use super::one_or_many::OneOrMany;
use super::ordered::Ordered;
use super::quest::Pattern;
use super::source::SourceDef;
use super::span::Span;
use super::spending::SpendingDef;
use super::text::TextLocales;
use super::tier::TierDef;
use super::window::PoolDef;
use crate::input::Scope;

/// `world.yaml`: what is fixed while a realm runs. Quests, climates, NPCs and schedules lie beside
/// it and may change while it runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldDef {
    /// The world's name: letters, digits, `-` and `_`.
    pub name: String,
    /// The seed of all chance.
    pub seed: u64,
    /// The length of a tick in milliseconds, 1 to 1000.
    #[serde(default = "tick_ms")]
    pub tick_ms: u32,
    /// How many timely workers; 0 means one a core.
    #[serde(default)]
    pub workers: u32,
    /// What is kept of the realm's past.
    #[serde(default)]
    pub journal: JournalDef,
    /// What is kept of grants.
    #[serde(default)]
    pub grants: GrantsDef,
    /// The world clock.
    #[serde(default)]
    pub clock: ClockDef,
    /// Weather zones.
    #[serde(default)]
    pub zones: BTreeMap<String, ZoneDef>,
    /// Regions, in which events happen.
    #[serde(default)]
    pub regions: BTreeMap<String, RegionDef>,
    /// Kinds of events.
    #[serde(default)]
    pub kinds: BTreeMap<String, KindDef>,
    /// Entities that events may name, with their tags.
    #[serde(default)]
    pub entities: BTreeMap<String, EntityDef>,
    /// Facts.
    #[serde(default)]
    pub facts: BTreeMap<String, FactDef>,
    /// Properties of entities of kind `player` that are personal: texts of at most 500 bytes, sealed under the key of
    /// the player that the entity is named after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal_properties: Vec<String>,
    /// Lifetime counters, kept for every holder from the first event on: the base of
    /// `since: ever` and `since: reset`.
    #[serde(default)]
    pub lifetime: BTreeMap<String, LifetimeDef>,
    /// Pools: of the quests that name one, some are offered at a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolDef>,
    /// In which languages players read: `text: {source: en, locales: [de, fr]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextLocales>,
    /// Events and seasons of the game by name: the times of the real calendar at which each is active, for the key
    /// `occasion` of conditions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub occasions: BTreeMap<String, DatesTest>,
    /// Model servers for NPCs.
    #[serde(default)]
    pub tiers: BTreeMap<String, TierDef>,
    /// How much may be asked of tiers: tokens a day of a player, an NPC and the realm, and how often a player may ask.
    #[serde(default, skip_serializing_if = "SpendingDef::is_default")]
    pub spending: SpendingDef,
    /// What models may make NPCs say.
    #[serde(default, skip_serializing_if = "GuardDef::is_default")]
    pub guard: GuardDef,
    /// Who looks at what players say, before anything keeps or reads it: `moderation: local`.
    #[serde(default, skip_serializing_if = "ModerationDef::is_local")]
    pub moderation: ModerationDef,
    /// How lore is searched, and which shared lore there is besides `lore/`.
    #[serde(default, skip_serializing_if = "LoreIndexDef::is_default")]
    pub lore: LoreIndexDef,
    /// Where events come from, besides sockets and HTTP.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceDef>,
    /// Where views go, besides sockets and HTTP.
    #[serde(default)]
    pub sinks: BTreeMap<String, SinkDef>,
    /// What dialogue in Yarn may do: `dialogue: {commands: [give]}`.
    #[serde(default, skip_serializing_if = "DialogueWorldDef::is_default")]
    pub dialogue: DialogueWorldDef,
}

fn tick_ms() -> u32 {
    10
}

/// The world clock: an exact function of the tick.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClockDef {
    /// Real seconds per world hour.
    pub real_seconds_per_hour: u32,
    /// The world's first moment, as `day HH:MM`: `1 07:00`.
    pub start: String,
    /// The phases of the day, each from its hour to the next one's.
    pub phases: Ordered<PhaseDef>,
    /// Months, weekdays, seasons and moons.
    pub calendar: CalendarDef,
    /// What world time does while nothing runs.
    pub downtime: Downtime,
}

impl Default for ClockDef {
    fn default() -> Self {
        let phase = |name: &str, from: &str| (name.to_owned(), PhaseDef { from: from.to_owned() });
        ClockDef {
            real_seconds_per_hour: 60,
            start: "1 07:00".to_owned(),
            phases: Ordered(vec![
                phase("dawn", "05:00"),
                phase("day", "07:00"),
                phase("dusk", "18:00"),
                phase("night", "20:00"),
            ]),
            calendar: CalendarDef::default(),
            downtime: Downtime::Pause,
        }
    }
}

/// A phase of the day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseDef {
    /// When it begins, `HH:MM` of world time; it ends where the next begins.
    pub from: String,
}

/// What world time does while nothing runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Downtime {
    /// It stands still.
    #[default]
    Pause,
    /// It goes on, and edges that were missed happen at the restart.
    CatchUp,
}

/// The calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalendarDef {
    /// Months in order.
    pub months: Vec<MonthDef>,
    /// Weekdays in order.
    pub weekdays: Vec<String>,
    /// Seasons, each from its day of the year (from 1) to the next one's.
    pub seasons: Vec<SeasonDef>,
    /// Moons by name.
    pub moons: BTreeMap<String, MoonDef>,
}

impl Default for CalendarDef {
    fn default() -> Self {
        let months = ["Firstmonth", "Secondmonth", "Thirdmonth", "Fourthmonth"];
        let seasons = [("spring", 1), ("summer", 29), ("fall", 57), ("winter", 85)];
        CalendarDef {
            months: months.iter().map(|name| MonthDef { name: (*name).to_owned(), days: 28 }).collect(),
            weekdays: (1..=7).map(|n| format!("day{n}")).collect(),
            seasons: seasons
                .iter()
                .map(|&(name, from_day)| SeasonDef { name: name.to_owned(), from_day })
                .collect(),
            moons: BTreeMap::from([("moon".to_owned(), MoonDef::default())]),
        }
    }
}

/// A month.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MonthDef {
    /// Its name.
    pub name: String,
    /// How many days.
    pub days: u32,
}

/// A season.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeasonDef {
    /// Its name.
    pub name: String,
    /// The day of the year on which it begins, from 1.
    pub from_day: u32,
}

/// A moon, whose phases each take an equal share of its period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MoonDef {
    /// World days from new to new.
    pub period_days: u32,
    /// By how many days it is ahead at the calendar's first instant.
    pub offset_days: u32,
    /// Its phases in order.
    pub phases: Vec<String>,
}

impl Default for MoonDef {
    fn default() -> Self {
        let phases = [
            "new",
            "waxing_crescent",
            "first_quarter",
            "waxing_gibbous",
            "full",
            "waning_gibbous",
            "last_quarter",
            "waning_crescent",
        ];
        MoonDef { period_days: 28, offset_days: 0, phases: phases.map(str::to_owned).to_vec() }
    }
}

/// A weather zone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneDef {
    /// The climate, from `climates/`.
    pub climate: String,
}

/// A region.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegionDef {
    /// The weather zone it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Who may send a kind of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// Game servers only.
    #[default]
    GameServer,
    /// Players too, each for itself.
    Player,
}

/// What those who follow events slowly lose last.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// It is passed over first.
    Low,
    /// As most are.
    #[default]
    Normal,
    /// It is kept while any of the above can be passed over instead.
    High,
    /// It is passed over only when nothing else waits.
    Critical,
}

impl Priority {
    /// All of them, the lowest first.
    pub const ALL: [Priority; 4] = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];

    /// Its name in worlds and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }
}

/// A kind of event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KindDef {
    /// One line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Who may send it.
    pub from: Sender,
    /// The largest amount of one event.
    pub max_amount: u32,
    /// The most events a second of one player (or of one sender, without a player).
    pub max_per_second: u32,
    /// Whether the target must be a declared entity.
    pub known_targets: bool,
    /// Which events a slow follower of the event stream is spared first: those of the lowest priority.
    pub priority: Priority,
    /// The attributes it may have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeKind>,
}

impl Default for KindDef {
    fn default() -> Self {
        KindDef {
            doc: String::new(),
            from: Sender::GameServer,
            max_amount: 1_000,
            max_per_second: 100,
            known_targets: true,
            priority: Priority::Normal,
            attributes: BTreeMap::new(),
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// A number.
    Number,
    /// An id: at most 64 bytes.
    Id,
    /// True or false.
    Bool,
    /// What a player wrote, or what else is personal of them: at most 500 bytes. It is sealed under the player's key,
    /// so nothing can be computed on it; an event that has it has a player.
    Text,
}

/// An entity that the world declares; game servers may add more while it runs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EntityDef {
    /// `npc`, `object`, `place` or `player`.
    pub kind: String,
    /// Its tags; a pattern may name one instead of the entity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its properties.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, serde_json::Value>,
}

/// A fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactDef {
    /// Whose it is.
    #[serde(default)]
    pub scope: Scope,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FactKind,
    /// Its value before it is set.
    pub default: serde_json::Value,
    /// Events that change it, one tick later.
    // Data folders of before call it `on`.
    #[serde(default, alias = "on", skip_serializing_if = "Vec::is_empty")]
    pub changed_by: Vec<FactUpdate>,
    /// It goes back to its default this long after it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
    /// It is the number of players who belong to the party, guild, account or instance whose fact it is. worldflow keeps
    /// it, a tick later; nobody else changes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub members: bool,
    /// It is personal: a text of at most 500 bytes of a player, sealed under the player's key, so that nothing can be
    /// computed on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub personal: bool,
}

/// What a fact holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A fraction, exact to a millionth.
    Dec,
    /// An id.
    Text,
}

/// An event that changes a fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactUpdate {
    /// Which events.
    pub pattern: Pattern,
    /// The fact becomes this ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<serde_json::Value>,
    /// ... or this times the event's amount is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<serde_json::Number>,
}

/// A counter that is kept for every holder, quest or no quest: Σ amounts of matching events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeDef {
    /// Whose it is.
    #[serde(default)]
    pub scope: Scope,
    /// Which events.
    pub pattern: Pattern,
}

impl LifetimeDef {
    /// The hash of whose it is and what it counts: an edit of either begins another counter.
    #[must_use]
    pub fn identity(&self) -> u64 {
        let pattern = serde_json::to_string(&self.pattern).expect("a pattern is plain data with text keys");
        xxhash_rust::xxh3::xxh3_64(format!("{} {pattern}", self.scope.name()).as_bytes())
    }
}

/// A scheduled world event, in world time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleDef {
    /// What it is, for those who subscribe.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The first time, as `day HH:MM` of world time.
    pub at: String,
    /// Again each time this much world time has passed; once without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// After this many it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// A sink of views.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SinkDef {
    /// An SQLite file.
    Sqlite {
        /// The file, relative to the data folder.
        path: String,
        /// Which views; all deterministic ones when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        views: Option<OneOrMany<String>>,
        /// How often it is brought up to date.
        #[serde(default = "flush")]
        every: Span,
    },
    /// A PostgreSQL database.
    Postgres {
        /// Its address, by reference: `${WORLDFLOW_POSTGRES}`.
        url: String,
        /// Which views; all deterministic ones when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        views: Option<OneOrMany<String>>,
        /// How often it is brought up to date.
        #[serde(default = "flush")]
        every: Span,
    },
}

fn flush() -> Span {
    Span { ms: 250, world: false }
}
