//! Rules: views compute, rules act.
//!
//! ```text
//! rows of every view ─RowsMachine: what came, changed, went; periods→ Fired ─by holder→ RulesMachine
//! RulesMachine: depth, condition, chance ─[delay]→ effects on facts, events ─loop→ the next tick
//! ```
//!
//! [`RowsMachine`] works on the rows as they are made, on the worker that makes them, and keeps no base state.
//! [`RulesMachine`] works where the holder's facts and quests are known; what waits for its time, and what it has just
//! concluded, is base state.

mod acting;
mod actions;
mod depth;
mod paths;
mod plan;
mod reads;
mod rows;
mod saved;
mod waiting;

pub use acting::{RulesIn, RulesMachine, RulesOut, quests_named};
pub use depth::{Acted, Cause, MOST_DEPTH};
pub use plan::{CHANGING, is_kept};
pub use reads::SqlViews;
pub use rows::{Fired, RowsIn, RowsMachine, RowsOut};

/// The most that one rule has waiting for one holder.
pub const MOST_WAITING: usize = 1_000;

/// The longest id that a rule takes from a column.
const MOST_ID: usize = 64;
