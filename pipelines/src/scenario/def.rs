//! What a scenario says, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worldflow_schemas::definitions::{OneOrMany, Span};

/// A scenario. Its id is its key in the file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioDef {
    /// What it shows: `A wolf that is killed in the rain counts twice`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// When its first tick is, in UTC: `2024-03-31T00:30:00Z`. Without it the first instant of 2024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    /// What happens and what is expected, one after the other.
    pub steps: Vec<StepDef>,
}

/// A step: time passes if `after` says so, and then one thing happens, or something is expected.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepDef {
    /// Time passes first: `after: 10s`, or `after: 2h world`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// The world clock is set to this day and time, as in `clock.start` of the world: `clock: "3 20:00"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Inputs of one tick, as a game server sends them: `send: {player: ana, kind: kill, target: wolf}`, or a list. What
    /// is not an event is written as in a recording: `{fact: {fact: mood, scope: realm, set: 3}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<OneOrMany<BTreeMap<String, Value>>>,
    /// What is sent is refused with this code: `refused: not_available`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Everything that was sent so far is sent again, and all of it is a duplicate: `send_again: true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub send_again: bool,
    /// Files of the world become these, or go: `edit: {quests/wolves.yaml: "wolves: ..."}`, `edit: {quests/old.yaml: null}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub edit: BTreeMap<String, Option<String>>,
    /// The server is stopped and started again: `restart: clean`, or `restart: crash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartDef>,
    /// The rows of a view are these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectDef>,
}

/// How a server ends before it is started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartDef {
    /// It is told to.
    Clean,
    /// As by `kill -9`.
    Crash,
}

/// Rows that are expected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectDef {
    /// The view: `quest_state`.
    pub view: String,
    /// Only rows that have these values, of a list one of them: `where: {holder: ana, quest: [wolves, bears]}`.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, OneOrMany<Value>>,
    /// The names of columns in the first line, and all rows below, in any order. Columns stand two spaces or more apart;
    /// `-` is nothing, and a tick is written as the time since the scenario began: `+1.5s`. Without rows below there are none.
    pub rows: String,
}

impl ExpectDef {
    /// The columns of `where`, each with the values of which a row has one.
    pub fn wanted(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.filter.iter().map(|(column, values)| {
            // Any JSON is one value, and so is a list.
            let values = match values {
                OneOrMany::One(Value::Array(list)) => list.as_slice(),
                values => values.as_slice(),
            };
            (column.as_str(), values)
        })
    }
}

impl StepDef {
    /// The names of what it does.
    #[must_use]
    pub fn does(&self) -> Vec<&'static str> {
        let parts = [
            ("clock", self.clock.is_some()),
            ("send", self.send.is_some()),
            ("send_again", self.send_again),
            ("edit", !self.edit.is_empty()),
            ("restart", self.restart.is_some()),
            ("expect", self.expect.is_some()),
        ];
        parts.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }
}
