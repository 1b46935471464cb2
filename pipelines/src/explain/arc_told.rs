//! What is said when somebody asks where an arc stands: plain data, as JSON has it.

use serde::{Deserialize, Serialize};

use super::told::{At, Deed, Tested};

/// Where an arc stands for a holder, and what would let it go on.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ArcExplanation {
    /// The realm.
    pub realm: String,
    /// The arc.
    pub arc: String,
    /// What kind of holder.
    pub scope: String,
    /// Which holder; empty where the player has none of that kind.
    pub holder: String,
    /// The end of this tick is what is spoken of.
    #[serde(flatten)]
    pub now: At,
    /// What was asked for, where that is later than what is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<At>,
    /// World time then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub world: String,
    /// `waiting` to begin, `in a beat`, or `ended`.
    pub state: String,
    /// What keeps it from going on, in a line.
    pub why: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<At>,
    /// The beat that it is in, or was in when it ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub beat: String,
    /// What that beat is for: `build_up`, `peak` or `relax`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Since when it is in it, or has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<At>,
    /// What must hold for it to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begins: Option<Tested>,
    /// The tension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tension: Option<TensionTold>,
    /// What the beat waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<Tested>,
    /// The ways on from it, or what follows it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<WayTold>,
    /// What was chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<ChosenTold>,
    /// The beats, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beats: Vec<BeatTold>,
    /// How it came there: since when it was in which beat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<BeatStep>,
    /// The snapshot from which on events were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_from: Option<At>,
}

/// How tense it is, and what has made it so.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TensionTold {
    /// What it is now, such as `34.5`.
    pub now: String,
    /// Its most.
    pub most: u32,
    /// In which time half of it goes.
    pub half_life: String,
    /// What it was before everything that is told, and when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<(String, At)>,
    /// By which events, by the ids of `tension.events`.
    pub events: Vec<TenseTold>,
}

/// What the events of one entry of `tension.events` did.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TenseTold {
    /// Its id.
    pub id: String,
    /// Which events: `kill raider`.
    pub events: String,
    /// What each adds, times its amount.
    pub add: i32,
    /// How many there were.
    pub count: u64,
    /// What they added in all, before any of it passed.
    pub sum: i64,
    /// The last of them, each with what it added.
    pub last: Vec<Deed>,
}

/// A way on.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WayTold {
    /// The branch; empty where the next beat follows by itself.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub branch: String,
    /// The beat that it leads to; empty if the arc ends.
    pub to: String,
    /// By which event it is chosen; empty if by itself.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub chosen_by: String,
    /// Whether it can be chosen now.
    pub open: bool,
    /// What it asks for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub asks: Vec<Tested>,
    /// What it builds on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub criteria: Vec<CriterionTold>,
    /// Its score, if all that it asks for holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score: Option<i64>,
}

/// A criterion of a way on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CriterionTold {
    /// Its id.
    pub id: String,
    /// How much it counts.
    pub weight: i32,
    /// Whether the way is none without it.
    pub required: bool,
    /// What it asks for.
    pub asks: Tested,
}

/// A choice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ChosenTold {
    /// When.
    #[serde(flatten)]
    pub at: At,
    /// At which beat.
    pub beat: String,
    /// Which branch.
    pub branch: String,
    /// Where it led; empty if the arc ended.
    pub to: String,
    /// The score that it had.
    pub score: i64,
}

/// A beat.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BeatTold {
    /// Its id.
    pub beat: String,
    /// What it is for, and the tension that it wants: `build_up 40`.
    pub wants: String,
    /// How often it has begun.
    pub times: u32,
}

/// A beat begins, or the arc ends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BeatStep {
    /// When.
    #[serde(flatten)]
    pub at: At,
    /// The beat.
    pub beat: String,
    /// Whether that is where it ended.
    pub ended: bool,
}
