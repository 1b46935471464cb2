//! The types of facts: what each may hold, and how a change makes the next value.
//!
//! A number is kept exactly: an `int` takes whole numbers only, a `dec` is always in millionths.

use std::cmp::Ordering;

use worldflow_schemas::definitions::{FactDef, FactKind};
use worldflow_schemas::input::FactChange;
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Sym, Value, sealed};

/// A value that a fact of its type cannot take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongType {
    /// What is wrong, after the fact's name.
    pub reason: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// A fact's value before it is set.
#[must_use]
pub fn default_of(def: &FactDef) -> Value {
    let declared = Value::from_json(&def.default).and_then(|value| set(def.kind, &value).ok());
    declared.unwrap_or(match def.kind {
        FactKind::Bool => Value::Bool(false),
        FactKind::Int => Value::Int(0),
        FactKind::Dec => Value::Dec(0),
        FactKind::Text => Value::Null,
    })
}

/// The value in the form its type is kept in.
pub(super) fn set(kind: FactKind, to: &Value) -> Result<Value, WrongType> {
    match (kind, to) {
        (FactKind::Bool, Value::Bool(_)) | (FactKind::Int, Value::Int(_)) => Ok(to.clone()),
        (FactKind::Int, Value::Dec(millionths)) if millionths % DEC_ONE == 0 => {
            Ok(Value::Int(millionths / DEC_ONE))
        }
        (FactKind::Dec, Value::Dec(_)) => Ok(to.clone()),
        (FactKind::Dec, Value::Int(whole)) => whole
            .checked_mul(DEC_ONE)
            .map(Value::Dec)
            .ok_or(WrongType { reason: "cannot hold so large a number", hint: "keep it below 9.2e12" }),
        (FactKind::Text, Value::Null) => Ok(Value::Null),
        (FactKind::Text, Value::Sym(id)) => Ok(Value::id(*id)),
        // What is personal is sealed, and in no table of ids.
        (FactKind::Text, Value::Text(text)) if sealed::is_sealed(text) => Ok(to.clone()),
        (FactKind::Text, Value::Text(text)) => Sym::try_new(text).map(Value::id).ok_or(WrongType {
            reason: "cannot hold another new id: the table of ids is full",
            hint: "use ids that exist",
        }),
        _ => Err(wrong(kind)),
    }
}

/// The sum, within the range of the type.
pub(super) fn add(kind: FactKind, value: &Value, by: &Value) -> Result<Value, WrongType> {
    match (kind, value, set(kind, by)?) {
        (FactKind::Int, Value::Int(a), Value::Int(b)) => Ok(Value::Int(a.saturating_add(b))),
        (FactKind::Dec, Value::Dec(a), Value::Dec(b)) => Ok(Value::Dec(a.saturating_add(b))),
        _ => Err(WrongType { reason: "is not a number", hint: "use `set`; only `int` and `dec` add up" }),
    }
}

/// The value within bounds, of which either may be absent.
pub(super) fn clamp(kind: FactKind, value: &Value, least: &Value, most: &Value) -> Result<Value, WrongType> {
    let mut clamped = value.clone();
    for (bound, outside) in [(least, Ordering::Less), (most, Ordering::Greater)] {
        if *bound == Value::Null {
            continue;
        }
        let bound = set(kind, bound)?;
        if bound.as_millionths().is_none() {
            return Err(WrongType { reason: "is not a number", hint: "only `int` and `dec` have bounds" });
        }
        if clamped.compare(&bound) == Some(outside) {
            clamped = bound;
        }
    }
    Ok(clamped)
}

fn wrong(kind: FactKind) -> WrongType {
    match kind {
        FactKind::Bool => WrongType { reason: "is of type `bool`", hint: "write true or false" },
        FactKind::Int => WrongType { reason: "is of type `int`", hint: "write a whole number" },
        FactKind::Dec => WrongType { reason: "is of type `dec`", hint: "write a number" },
        FactKind::Text => WrongType { reason: "is of type `text`", hint: "write an id in quotes" },
    }
}

/// Orders changes by value, for those that nothing else tells apart.
pub(super) fn cmp_change(a: &FactChange, b: &FactChange) -> Ordering {
    let parts = |change: &FactChange| match change {
        FactChange::Set(value) => (0, Some(value.to_string())),
        FactChange::Add(value) => (1, Some(value.to_string())),
        FactChange::Clear => (2, None),
        FactChange::Clamp(least, most) => (3, Some(format!("{least} {most}"))),
    };
    parts(a).cmp(&parts(b))
}
