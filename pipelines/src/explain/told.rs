//! What is said when somebody asks why a quest stands where it stands: plain data, as JSON has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct At {
    /// The tick.
    pub tick: u64,
    /// The moment at which it begins, as RFC 3339 in UTC.
    pub at: String,
}

/// Why a quest stands where it stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// The realm.
    pub realm: String,
    /// The quest ...
    pub quest: String,
    /// ... and its title.
    pub title: String,
    /// What kind of holder.
    pub scope: String,
    /// Which holder; empty where the player has none of that kind.
    pub holder: String,
    /// The end of this tick is what is spoken of.
    #[serde(flatten)]
    pub now: At,
    /// World time then, as `day 3, 14:05 (day, summer)`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub world: String,
    /// The state.
    pub state: String,
    /// The present or last instance; 0 when there was none.
    pub instance: u32,
    /// How many were completed.
    pub completions: u32,
    /// Since when the state is what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<At>,
    /// When it expires, or opens again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<At>,
    /// What keeps it from going on, in a line.
    pub why: String,
    /// What would finish it, step by step.
    pub finish: Vec<String>,
    /// What must hold before it is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires: Option<Tested>,
    /// What would fail it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails: Option<Tested>,
    /// The events that would fail it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fail_on: Vec<String>,
    /// The stages, in their order.
    pub stages: Vec<StageTold>,
    /// How it came there: the last changes of its state.
    pub history: Vec<Step>,
    /// The moment that was asked for, where it is later than the last that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<At>,
    /// From when on events were still there to be looked at; `None`: all of them were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_from: Option<At>,
}

/// A change of state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// When.
    #[serde(flatten)]
    pub at: At,
    /// The state.
    pub state: String,
    /// The open stage.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub stage: String,
    /// It was so already at the snapshot that was begun with; when it came about is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub found: bool,
    /// The event that did it, where one failed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<Deed>,
}

/// A condition, or a part of one, with what there is now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// `all`, `any`, `not`, or `test`.
    pub is: Joined,
    /// A test as text, such as `clock.phase == night`.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub test: String,
    /// Whether it holds.
    pub holds: bool,
    /// What there is now, and when that will be otherwise.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub now: String,
    /// The parts.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub of: Vec<Tested>,
}

/// How the parts of a condition belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joined {
    /// All hold.
    All,
    /// One holds.
    Any,
    /// It does not hold.
    Not,
    /// One test.
    Test,
}

/// A stage.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StageTold {
    /// Which.
    pub stage: String,
    /// Its title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// `done`, `open` or `later`.
    pub is: String,
    /// What completes it, in words.
    pub complete: String,
    /// Which time it is done, and how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<(u32, u32)>,
    /// When it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<At>,
    /// Its objectives.
    pub objectives: Vec<ObjectiveTold>,
}

/// An objective.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectiveTold {
    /// Which.
    pub objective: String,
    /// Its title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What it counts, in words.
    pub counts: String,
    /// What it has.
    pub value: u32,
    /// What it needs.
    pub need: u32,
    /// Whether it is done.
    pub done: bool,
    /// Whether it is hidden.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Whether the stage can be done without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The branch it belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub branch: String,
    /// What is missing, in words; empty when nothing is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub missing: String,
    /// What runs: until when something holds, leaves or is lost.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runs: String,
    /// What must hold as the event happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Tested>,
    /// What must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<Tested>,
    /// What it had before the events that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What counted.
    pub counted: Deeds,
    /// What might have, and did not.
    pub missed: Deeds,
}

/// A value from before what was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Before {
    /// The value.
    pub value: u64,
    /// What is kept says nothing of the time before this.
    #[serde(flatten)]
    pub at: At,
}

/// Some things that happened, the last of them one by one.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deeds {
    /// How many.
    pub count: u64,
    /// What all of them came to.
    pub sum: i64,
    /// The last ones, in their order.
    pub last: Vec<Deed>,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    #[serde(flatten)]
    pub at: At,
    /// The event; `None` for what no event did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<EventTold>,
    /// What it did to the counter.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub change: i64,
    /// The counter after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<u64>,
    /// What it did otherwise, or why it did nothing.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub why: String,
}

fn is_zero(change: &i64) -> bool {
    *change == 0
}

/// An event as it came in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventTold {
    /// When it happened, as RFC 3339 in UTC.
    pub at: String,
    /// The producer.
    pub source: String,
    /// Its id, or its place in its source.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Who did it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub player: String,
    /// To what.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub target: String,
    /// Where.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub region: String,
    /// How much.
    pub amount: i64,
    /// Its attributes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub with: BTreeMap<String, Json>,
}
