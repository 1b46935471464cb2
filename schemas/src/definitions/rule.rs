//! Rules: when rows of views come, change or go, or time passes, then facts change and events happen.
//!
//! Views compute, rules act. The types say shape only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Test};
use super::span::Span;

/// A rule. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What it waits for.
    pub trigger: Trigger,
    /// What must hold besides, for the row's holder.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// How probable it is that it acts, 0 to 1; always without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<serde_json::Number>,
    /// How long after it was triggered it acts; at the next tick without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// What it does, in this order.
    #[serde(rename = "do")]
    pub actions: Vec<Action>,
}

/// What a rule waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// A row is there that was not.
    Appears(RowsDef),
    /// A row that was there is another, under the same key.
    Changes(RowsDef),
    /// Either.
    AppearsOrChanges(RowsDef),
    /// A row that was there is no more.
    Goes(RowsDef),
    /// Time passes.
    Every(EveryDef),
}

impl Trigger {
    /// The view whose rows it looks at, and which of them.
    #[must_use]
    pub fn rows(&self) -> Option<(&str, &BTreeMap<String, Test>)> {
        match self {
            Trigger::Appears(rows)
            | Trigger::Changes(rows)
            | Trigger::AppearsOrChanges(rows)
            | Trigger::Goes(rows) => Some((&rows.view, &rows.filter)),
            Trigger::Every(every) => every.each.as_ref().map(|each| (each.view.as_str(), &each.filter)),
        }
    }
}

/// Rows of a view.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsDef {
    /// The view; any that is a function of what has happened, but for sessions, rejections and statistics.
    pub view: String,
    /// Columns compare; only rows that pass are there.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, Test>,
    /// Whether rows that are there when the rule is added count as appearing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
}

/// Each time a period of time has passed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EveryDef {
    /// The period: `10m` of real time since 1970, or `6h world` of world time since its first moment.
    pub span: Span,
    /// For each of these rows; once for the realm without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<EachDef>,
}

/// The rows that are there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EachDef {
    /// The view; none that changes with nearly every event.
    pub view: String,
    /// Columns compare.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, Test>,
}

/// What a rule does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// A fact becomes a value: `set: {fact: hoarding, to: true}`
    Set {
        /// The fact.
        fact: String,
        /// Whose; without it that of the row's holder, as a quest's effects find it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Given>,
        /// Its new value.
        to: Given,
    },
    /// A number is added to a fact: `add: {fact: price, by: 3}`
    Add {
        /// The fact.
        fact: String,
        /// Whose; without it that of the row's holder, as a quest's effects find it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Given>,
        /// What is added.
        by: Amount,
    },
    /// A fact is brought within bounds: `clamp: {fact: price, at_least: 50, at_most: 200}`
    Clamp {
        /// The fact.
        fact: String,
        /// Whose; without it that of the row's holder, as a quest's effects find it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Given>,
        /// What is less becomes this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<serde_json::Number>,
        /// What is more becomes this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<serde_json::Number>,
    },
    /// An event happens: `emit: {event: rumour, target: wolf}`
    Emit(EmitDef),
}

/// An event that a rule makes happen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmitDef {
    /// The kind of event; `quest.accept` and its like as well.
    pub event: String,
    /// Who did it; without it the row's holder, if that is a player.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub player: Option<Given>,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Given>,
    /// Where; without it where the player is, or the row's holder, if that is a region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Given>,
    /// How much; 1 without it, and never more than the kind's `max_amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Its attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Given>,
}

/// A value, the row's value in a column, or one that is drawn: `iron`, `{column: player}`, or `{between: [1, 6], whole: true}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Given {
    /// A number that is drawn.
    Drawn(#[serde(deserialize_with = "super::only_map")] DrawnDef),
    /// The row's.
    Column(#[serde(deserialize_with = "super::only_map")] ColumnDef),
    /// This.
    Is(serde_json::Value),
}

/// A number, the row's number in a column, or one that is drawn: `3`, `{column: amount}`, or `{between: [-0.5, 0.5]}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    /// One that is drawn.
    Drawn(#[serde(deserialize_with = "super::only_map")] DrawnDef),
    /// The row's.
    Column(#[serde(deserialize_with = "super::only_map")] ColumnDef),
    /// This.
    Is(serde_json::Number),
}

/// A number that is drawn anew each time, from the world's seed: every one from the first to the second is as probable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawnDef {
    /// The least and the greatest, both included; in millionths.
    pub between: [serde_json::Number; 2],
    /// Only whole numbers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// It is taken so many times as the row's number in this column says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<String>,
}

/// The row's value in a column.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnDef {
    /// The column.
    pub column: String,
    /// A number is taken this many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<serde_json::Number>,
}
