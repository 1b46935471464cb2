//! Base state of rules: what waits for its time, and what was concluded in the last two ticks.
//!
//! Pieces lie under their holder, whose worker has them.

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseChange, BaseName};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};

use super::acting::RulesOut;
use super::actions::Deed;
use super::rows::Fired;
use crate::piece;

/// Something that was triggered, by value: no two of a tick are alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Triggered {
    pub(super) holder: Holder,
    pub(super) rule: Sym,
    pub(super) key: ArcStr,
    pub(super) tick: Tick,
}

/// The key of a piece.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum PieceKey {
    Waiting(Triggered),
    Concluded(Holder, Tick),
    Begins(Triggered),
}

/// A piece.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Piece {
    Waiting(Waiting),
    /// What was concluded, with its depth.
    Concluded(Vec<RulesOut>),
    /// A row that was there when a rule was added, to be looked at in the next tick.
    Begins(Fired),
}

/// What waits for its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) due: Due,
    pub(super) depth: u32,
    pub(super) deeds: Vec<(u32, Deed)>,
}

/// When it is time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Due {
    /// At a tick.
    Real(Tick),
    /// At world milliseconds.
    World(i64),
}

/// The change of a piece.
pub(super) fn change(operator: BaseName, key: &PieceKey, piece: Option<&Piece>) -> BaseChange {
    let holder = match key {
        PieceKey::Waiting(of) | PieceKey::Begins(of) => of.holder,
        PieceKey::Concluded(holder, _) => *holder,
    };
    piece::change(operator, holder.id, key, piece)
}

/// The row of `pending_actions` of what waits.
pub(super) fn row(realm: Sym, of: &Triggered, waiting: &Waiting) -> Row {
    let (due, due_world_ms) = match waiting.due {
        Due::Real(tick) => (Value::count(tick), Value::Null),
        Due::World(ms) => (Value::Null, Value::Int(ms)),
    };
    let actions: Vec<serde_json::Value> = waiting.deeds.iter().map(|(_, deed)| deed.json()).collect();
    Row::new(vec![
        Value::id(realm),
        Value::id(Sym::new(of.holder.scope.name())),
        Value::id(of.holder.id),
        Value::id(of.rule),
        Value::text(&of.key),
        Value::count(of.tick),
        due,
        due_world_ms,
        Value::text(&serde_json::Value::from(actions).to_string()),
    ])
}
