//! Arcs: the beats of a story in their order, how tense each is to be, and which ways lead on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::ordered::Ordered;
use super::quest::{Effect, Pattern};
use super::span::Span;
use super::storylet::CriterionDef;
use crate::input::Scope;

/// An arc. Its id is its key in the file and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArcDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Whose arc it is: each player's own, or one for each party, region ...: `scope: region`.
    #[serde(default)]
    pub scope: Scope,
    /// What must hold for it to begin: `when: {season: winter}`.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// What makes it tense, and how fast that passes.
    pub tension: TensionDef,
    /// The beats by ids of your own, in the order of the file. The first begins it.
    pub beats: Ordered<BeatDef>,
    /// It is meant to go round for ever: no beat needs a way to an end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub endless: bool,
    /// The id that it had before: it keeps how far each holder has come, and what was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// A counter of events that decays: `tension: {half_life: 10m, events: {...}}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensionDef {
    /// In each such span of real time half of it goes: `half_life: 10m`.
    pub half_life: Span,
    /// It lies between 0 and this: `most: 100`.
    #[serde(default = "hundred")]
    pub most: u32,
    /// What raises and lowers it, by ids of your own.
    pub events: BTreeMap<String, TenseDef>,
}

fn hundred() -> u32 {
    100
}

/// Events that raise the tension, or lower it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenseDef {
    /// Which events: `pattern: {event: kill, target: beast}`.
    pub pattern: Pattern,
    /// How much each adds, times the event's amount; less than 0 lowers it: `add: 5`.
    pub add: i32,
}

/// A beat: a part of an arc with a tension to be reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeatDef {
    /// One line, for those who read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What the tension must come to: `tension: {build_up: 40}`, `{peak: 70}`, `{relax: 15}`.
    pub tension: TargetDef,
    /// What must hold besides, for it to be over: `when: {phase: night}`.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// It takes at least this long: `after: 30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// What its beginning does to facts, one tick later: `effects: [{set: {fact: howling, to: true}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// The ways on from it by ids of your own, of which one is chosen; without them the next beat of the file follows, and after
    /// the last the arc ends.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub branches: Ordered<BranchDef>,
    /// Nothing follows it: when it is over the arc ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// The id that this beat had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// What the tension must come to for a beat to be over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetDef {
    /// It has risen to this: `build_up: 40`.
    BuildUp(u32),
    /// It has risen to this, and has fallen below it again: `peak: 70`.
    Peak(u32),
    /// It has fallen to this: `relax: 15`.
    Relax(u32),
}

impl TargetDef {
    /// The tension.
    #[must_use]
    pub fn tension(self) -> u32 {
        match self {
            TargetDef::BuildUp(tension) | TargetDef::Peak(tension) | TargetDef::Relax(tension) => tension,
        }
    }

    /// Its name in files and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TargetDef::BuildUp(_) => "build_up",
            TargetDef::Peak(_) => "peak",
            TargetDef::Relax(_) => "relax",
        }
    }
}

/// A way on from a beat.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BranchDef {
    /// One line, for those who read it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The beat that it leads to; without it the arc ends: `to: siege`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The events by which it is chosen; without it it is chosen by itself, of several that can be the one with the highest score:
    /// `chosen_by: {event: choose, target: spare_the_wolf}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_by: Option<Pattern>,
    /// What must hold for it to be a way on: `when: {facts: {path: wild}}`.
    #[serde(skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// It is no way on before the beat has taken this long: `after: 60s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// What it builds on, by ids of your own; the more of it holds, the more coherent it is:
    /// `criteria: {friend: {when: {facts: {met_maren: true}}, weight: 2}}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub criteria: BTreeMap<String, CriterionDef>,
    /// What is added to its score, -1000 to 1000: `weight: 10`.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: i32,
    /// The id that this branch had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

fn is_zero(weight: &i32) -> bool {
    *weight == 0
}
