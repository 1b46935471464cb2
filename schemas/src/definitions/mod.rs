//! Definitions: what designers write, as serde types with JSON Schemas.
//!
//! The types say shape only. Whether names refer to something is checked where a world folder is
//! loaded, so that every problem can be reported at its place in its file.

mod arc;
mod behaviour;
mod climate;
mod condition;
mod dates;
mod dialogue;
pub mod expression;
mod guard;
mod journal;
mod lore;
mod npc;
mod objective;
mod one_or_many;
mod only_map;
mod ordered;
mod prompt;
mod quest;
mod reset;
mod reward;
mod rule;
mod source;
mod span;
mod spending;
mod sql_view;
mod storylet;
mod text;
mod tier;
mod window;
mod world;

pub use arc::{ArcDef, BeatDef, BranchDef, TargetDef, TenseDef, TensionDef};
pub use behaviour::{BehaviourDef, TraitsDef};
pub use climate::{ClimateDef, SeasonWeather, StateDef, Transition};
pub use condition::{Condition, Hours, QuestState, Test, TestRange, WeatherTest};
pub use dates::{ChanceTest, Dates, DatesTest};
pub use dialogue::{DialogueDef, DialogueWorldDef, Formula, Function, LineDef, OptionDef, StepDef};
pub use guard::{GuardDef, HttpModerationDef, LeaksDef, ModerationDef, MostSaid, NpcGuardDef, RepetitionDef};
pub use journal::{GrantsDef, JournalDef, Size};
pub use lore::{EmbedderDef, LoreDef, LoreHeadDef, LoreIndexDef, OnnxDef, PoolingDef};
pub use npc::{Budget, LateReplies, NpcDef};
pub use objective::{Aggregate, Every, ObjectiveDef, Since};
pub use one_or_many::OneOrMany;
pub use only_map::only_map;
pub use ordered::Ordered;
pub use prompt::{Answers, Audience, Cut, PromptDef, Reads, Role, SamplingDef, SectionDef};
pub use quest::{
    Accept, After, CalendarTimes, Complete, Credit, Effect, Lost, Pattern, QuestDef, Repeat, RoleDef,
    StageDef, TurnIn, Weekday,
};
pub use reset::Reset;
pub use reward::{Entry, OnRevoke, Plus, Prize, RewardTo, Rewards, Slot};
pub use rule::{
    Action, Amount, ColumnDef, DrawnDef, EachDef, EmitDef, EveryDef, Given, RowsDef, RuleDef, Trigger,
};
pub use source::{CredentialsDef, SourceDef, SourceTime, StreamStart};
pub use span::{SPAN, Span};
pub use spending::{
    DEFAULT_PLAYER_TIER, MoneyDef, MoneyFactDef, PlayerLimitsDef, RateDef, RatesDef, SpendingDef, TokensDef,
};
pub use sql_view::SqlViewDef;
pub use storylet::{
    AskDef, AtOnceDef, CriterionDef, FollowUpDef, LimitDef, StoryLimits, StoryTrigger, StoryletDef,
};
pub use text::{NotedText, TextDef, TextLocales};
pub use tier::{BRONZE, BatchDef, GOLD, PriceDef, SILVER, TierDef, fallback};
pub use window::{PoolDef, PoolPer, Window, WindowDef};
pub use world::{
    AttributeKind, CalendarDef, ClockDef, Downtime, EntityDef, FactDef, FactKind, FactUpdate, KindDef,
    LifetimeDef, MonthDef, MoonDef, PhaseDef, Priority, RegionDef, ScheduleDef, SeasonDef, Sender, SinkDef,
    WorldDef, ZoneDef,
};
