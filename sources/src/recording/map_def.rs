//! The mapping file: how lines of any layout become events.
//!
//! ```yaml
//! source: skirmish
//! streams: {by: "{match}", start: "2024-01-01T00:00:00Z", spacing: 30m}
//! time: {field: frame, per_second: 16}
//! events:
//!   - if: {type: UnitDiedEvent, killer: {above: 0}}
//!     kind: kill
//!     player: "{match}:{killer}"
//!     target: "{unit}"
//!     region: {grid: {"x": x, "y": "y", columns: [88], rows: [80], names: [[sw, se], [nw, ne]]}}
//! ```
//!
//! `y` alone is a truth value in YAML; quote it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::{Span, Test, only_map};

use super::envelope::EnvelopeDef;

/// A mapping file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapDef {
    /// The producer's name; with a line's place it identifies an event forever.
    pub source: String,
    /// What names an event among all of the source; a name that has been here counts once. A further event
    /// of the same line has `/2` after it, and so on. Without it an event is named by its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Expr>,
    /// Lines are the previous system's `GameEvent`s, so packed. Without it a line is any JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<EnvelopeDef>,
    /// Streams whose times each begin anew. Without it, times are absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamsDef>,
    /// Where an event's time is.
    pub time: TimeDef,
    /// Lines for which any of these holds are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_if: Vec<BTreeMap<String, Test>>,
    /// Where the players of events are, written when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<PresenceDef>,
    /// What a line becomes: one event for each rule that applies. A line to which no rule applies
    /// and that is not left out is reported.
    pub events: Vec<RuleDef>,
}

/// Streams within one file: matches, sessions, days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamsDef {
    /// Which stream a line belongs to.
    pub by: Expr,
    /// When the first stream begins, RFC 3339.
    pub start: String,
    /// How long after the one before each next stream begins, in the order in which they appear.
    pub spacing: Span,
}

/// Where an event's time is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeDef {
    /// The field. With streams: a number since the stream's beginning. Without: RFC 3339 text, or a
    /// number since 1970.
    pub field: String,
    /// How many of the field's units make a second; 1000 when absent.
    #[serde(default = "thousand")]
    pub per_second: u32,
}

fn thousand() -> u32 {
    1000
}

/// Where the players of events are.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PresenceDef {
    /// The game server.
    pub server: Option<Expr>,
    /// The region.
    pub region: Option<Expr>,
    /// The instance.
    pub instance: Option<Expr>,
}

/// One event made from a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDef {
    /// Fields compare; all must hold. A field that is absent is `null`.
    #[serde(default, rename = "if", skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Test>,
    /// Fields that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The kind of event.
    pub kind: Expr,
    /// Who did it; nobody when a field in it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub player: Option<Expr>,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Expr>,
    /// How much; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Expr>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Expr>,
    /// Attributes.
    #[serde(default, rename = "with", skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Expr>,
    /// The player leaves with it: from its tick on, they are in no instance and no region.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
}

/// A value computed from a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Expr {
    /// Text with fields in braces: `"{match}:{pid}"`. A single `"{field}"` keeps the field's type. Absent
    /// when one of its fields is.
    Template(String),
    /// A field looked up in a table.
    Lookup(#[serde(deserialize_with = "only_map")] LookupDef),
    /// A place on a grid of two fields.
    Grid {
        /// The grid.
        #[serde(deserialize_with = "only_map")]
        grid: GridDef,
    },
    /// A number or truth value as it stands.
    Literal(#[schemars(schema_with = "literal")] serde_json::Value),
}

/// What else is written there is an error, which [`super::Mapping::check`] explains.
fn literal(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["number", "boolean"]})
}

/// A field looked up in a table: `{from: type, map: {UnitBornEvent: born}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupDef {
    /// The field.
    pub from: String,
    /// Its values, as text, and what they become.
    pub map: BTreeMap<String, String>,
    /// What every other value becomes; absent without it.
    #[serde(default, rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// Names by two coordinates: quarters of a map, cells of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridDef {
    /// The field across.
    pub x: String,
    /// The field up.
    pub y: String,
    /// Where each column but the first begins, ascending.
    pub columns: Vec<i64>,
    /// Where each row but the first begins, ascending.
    pub rows: Vec<i64>,
    /// The names, a list of columns for each row.
    pub names: Vec<Vec<String>>,
}
