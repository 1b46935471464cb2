//! A view that designers write in SQL: its text.
//!
//! What may be written there, and what becomes of it, is decided where the text is planned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A view in SQL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlViewDef {
    /// The statement: `CREATE VIEW name AS SELECT ...`.
    pub sql: String,
}
