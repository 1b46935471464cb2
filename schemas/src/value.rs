//! Values of rows, facts and event attributes.
//!
//! There are no floats: a fraction is [`Value::Dec`], an integer number of millionths, so that sums,
//! comparisons and hashes are exact everywhere.

use std::cmp::Ordering;
use std::fmt;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::sym::Sym;

/// Millionths in one: the unit of [`Value::Dec`].
pub const DEC_ONE: i64 = 1_000_000;

/// One value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Value {
    /// Absent.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; also ticks and milliseconds.
    Int(i64),
    /// A fraction in millionths.
    Dec(i64),
    /// An interned id.
    Sym(Sym),
    /// Free text: a line an NPC says, a reason, a hint.
    Text(ArcStr),
}

impl Value {
    /// An interned id, or [`Value::Null`] for [`Sym::NONE`].
    #[must_use]
    pub fn id(sym: Sym) -> Value {
        if sym.is_none() { Value::Null } else { Value::Sym(sym) }
    }

    /// Free text.
    #[must_use]
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// A tick or another unsigned count; saturates at `i64::MAX`.
    #[must_use]
    pub fn count(n: u64) -> Value {
        Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// The fraction nearest to `x`, or `None` when it does not fit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "range checked")]
    pub fn from_f64(x: f64) -> Option<Value> {
        let scaled = (x * DEC_ONE as f64).round();
        (scaled.abs() < 9.0e18).then_some(Value::Dec(scaled as i64))
    }

    /// The text of an id or of free text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Sym(sym) => Some(sym.as_str()),
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number in millionths, exact.
    #[must_use]
    pub fn as_millionths(&self) -> Option<i128> {
        match self {
            Value::Int(n) => Some(i128::from(*n) * i128::from(DEC_ONE)),
            Value::Dec(n) => Some(i128::from(*n)),
            _ => None,
        }
    }

    /// Compares by value: numbers by magnitude, ids and text by text. `None` across kinds.
    #[must_use]
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        if let (Some(a), Some(b)) = (self.as_millionths(), other.as_millionths()) {
            return Some(a.cmp(&b));
        }
        if let (Some(a), Some(b)) = (self.as_str(), other.as_str()) {
            return Some(a.cmp(b));
        }
        match (self, other) {
            (Value::Null, Value::Null) => Some(Ordering::Equal),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Equality by value, as [`Value::compare`].
    #[must_use]
    pub fn same(&self, other: &Value) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// The value as JSON: fractions as numbers, ids and text as strings.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "JSON readers hold 53 bits")]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => (*n).into(),
            Value::Dec(n) => (*n as f64 / DEC_ONE as f64).into(),
            Value::Sym(sym) => sym.as_str().into(),
            Value::Text(text) => text.as_str().into(),
        }
    }

    /// Reads a JSON scalar; text becomes an id. `None` for lists, maps and numbers out of range.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        match json {
            serde_json::Value::Null => Some(Value::Null),
            serde_json::Value::Bool(b) => Some(Value::Bool(*b)),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(n) => Some(Value::Int(n)),
                None => n.as_f64().and_then(Value::from_f64),
            },
            serde_json::Value::String(text) => Sym::try_new(text).map(Value::id),
            _ => None,
        }
    }

    /// A hash of the value as text, for counting different values: `3` and `"3"` are the same.
    #[must_use]
    pub fn text_hash128(&self) -> u128 {
        match self {
            Value::Sym(sym) => sym.hash128(),
            Value::Text(text) => xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
            other => xxhash_rust::xxh3::xxh3_128(other.to_string().as_bytes()),
        }
    }

    /// What the value, not its representation, adds to the hash of a row: an id and equal text add the
    /// same.
    #[inline]
    pub(crate) fn hashed(&self) -> u128 {
        // Numbers are told apart by the upper half; that a text has one of these by chance is as likely
        // as that two texts have the same hash.
        let number = |kind: u128, n: i64| (kind << 64) | u128::from(n.cast_unsigned());
        match self {
            Value::Null => number(1, 0),
            Value::Bool(b) => number(2, i64::from(*b)),
            Value::Int(n) => number(3, *n),
            Value::Dec(n) => number(4, *n),
            Value::Sym(sym) => sym.hash128(),
            Value::Text(text) => xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
        }
    }
}

/// One word a value, so that keys are quick to look up.
impl std::hash::Hash for Value {
    #[inline]
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Value::Null => state.write_u64(1 << 60),
            Value::Bool(b) => state.write_u64(2 << 60 | u64::from(*b)),
            Value::Int(n) => state.write_u64(n.cast_unsigned()),
            Value::Dec(n) => state.write_u64(!n.cast_unsigned()),
            Value::Sym(sym) => state.write_u64(3 << 60 | sym.index() as u64),
            Value::Text(text) => text.hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Dec(n) => {
                let (sign, n) = (if *n < 0 { "-" } else { "" }, n.unsigned_abs());
                let (whole, rest) = (n / DEC_ONE.unsigned_abs(), n % DEC_ONE.unsigned_abs());
                if rest == 0 {
                    return write!(f, "{sign}{whole}");
                }
                let rest = format!("{rest:06}");
                write!(f, "{sign}{whole}.{}", rest.trim_end_matches('0'))
            }
            Value::Sym(sym) => f.write_str(sym.as_str()),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl From<Sym> for Value {
    fn from(sym: Sym) -> Value {
        Value::id(sym)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_print_without_noise() {
        for (n, text) in [(12_500_000, "12.5"), (-250_000, "-0.25"), (3_000_000, "3"), (1, "0.000001")] {
            assert_eq!(Value::Dec(n).to_string(), text);
        }
    }

    #[test]
    fn numbers_compare_across_kinds_and_text_with_ids() {
        assert!(Value::Int(2).same(&Value::Dec(2_000_000)));
        assert!(Value::text("wolf").same(&Value::Sym(Sym::new("wolf"))));
        assert_eq!(Value::Int(1).compare(&Value::Bool(true)), None);
    }
}
