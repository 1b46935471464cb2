//! The row inside SQL views: a word for each column, without tags, since a plan knows its kinds.
//!
//! The first word has a bit for each column that is NULL. Ids are their interned numbers, so a row's order is
//! none that may be seen. Free text and values of any kind lie beside the words, shared, and go with their last
//! row; their word is a hash. `docs/performance.md` says why this form.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use worldflow_schemas::{Row, Sym, Value};

use super::kind::Kind;

/// The most columns of a row.
pub(crate) const MAX_COLUMNS: usize = 60;

/// A row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Packed {
    words: SmallVec<[u64; 5]>,
    beside: Option<Row>,
}

impl Hash for Packed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The words say all but which of two texts of one hash it is.
        for word in &self.words {
            state.write_u64(*word);
        }
    }
}

impl Ord for Packed {
    fn cmp(&self, other: &Packed) -> Ordering {
        self.words.cmp(&other.words).then_with(|| self.beside.cmp(&other.beside))
    }
}

impl PartialOrd for Packed {
    fn partial_cmp(&self, other: &Packed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Packed {
    /// The row of these values, each of the kind of its column.
    pub fn new(values: impl ExactSizeIterator<Item = (Value, Kind)>) -> Packed {
        debug_assert!(values.len() <= MAX_COLUMNS, "a plan has no wider rows");
        let mut words = SmallVec::with_capacity(values.len() + 1);
        words.push(0);
        let mut beside: SmallVec<[Value; 4]> = SmallVec::new();
        for (place, (value, kind)) in values.enumerate() {
            let word = if kind.is_beside() { aside(value, kind, &mut beside) } else { word(&value) };
            words[0] |= u64::from(word.is_none()) << place;
            words.push(word.unwrap_or(0));
        }
        let beside = (!beside.is_empty()).then(|| beside.into_iter().collect());
        Packed { words, beside }
    }

    /// The row without columns.
    #[must_use]
    pub fn empty() -> Packed {
        Packed::new(std::iter::empty())
    }

    /// How many columns it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len().saturating_sub(1)
    }

    /// Whether it has no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a column is NULL.
    #[must_use]
    pub fn is_null(&self, column: usize) -> bool {
        self.words[0] >> column & 1 == 1
    }

    /// Whether any column is NULL.
    #[must_use]
    pub fn has_null(&self) -> bool {
        self.words.first().is_some_and(|nulls| *nulls != 0)
    }

    /// The value of a column, which is of this kind.
    #[must_use]
    pub fn get(&self, column: usize, kind: Kind) -> Value {
        if self.is_null(column) {
            return Value::Null;
        }
        let word = self.words[column + 1];
        match kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(word != 0),
            Kind::Int | Kind::Tick | Kind::Time | Kind::World | Kind::Span => Value::Int(word.cast_signed()),
            Kind::Dec => Value::Dec(word.cast_signed()),
            Kind::Id => Value::Sym(Sym::of_index(word)),
            Kind::Text | Kind::Json | Kind::Any => {
                let (place, hash) = ((word & 0xff) as usize, word >> 8);
                let value = self.beside.as_ref().and_then(|beside| beside.get(place));
                let value = value.cloned().unwrap_or_default();
                debug_assert_eq!(hash, hash_of(&value) >> 8, "a text has its own hash");
                value
            }
        }
    }

    /// The columns of one row and then those of another, whose free texts are in the columns `beside`.
    #[must_use]
    pub fn joined(&self, other: &Packed, beside: &[usize]) -> Packed {
        let wide = self.len();
        let mut words = SmallVec::with_capacity(self.words.len() + other.len());
        words.extend_from_slice(&self.words);
        words[0] |= other.words[0].checked_shl(u32::try_from(wide).unwrap_or(u32::MAX)).unwrap_or(0);
        words.extend_from_slice(&other.words[1..]);
        let shifted = self.beside.as_ref().map_or(0, |beside| beside.len() as u64);
        if shifted > 0 {
            for column in beside.iter().filter(|column| !other.is_null(**column)) {
                words[wide + 1 + column] += shifted;
            }
        }
        let beside = match (&self.beside, &other.beside) {
            (Some(own), Some(other)) => Some(own.iter().chain(other.iter()).cloned().collect()),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        Packed { words, beside }
    }

    /// The row with so many more columns that are NULL.
    #[must_use]
    pub fn padded(&self, columns: usize) -> Packed {
        let mut padded = self.clone();
        for column in self.len()..self.len() + columns {
            padded.words[0] |= 1 << column;
            padded.words.push(0);
        }
        padded
    }

    /// How many bytes it takes, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let spilled = if self.words.spilled() { self.words.capacity() * 8 } else { 0 };
        size_of::<Packed>() + spilled
    }
}

fn word(value: &Value) -> Option<u64> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(u64::from(*value)),
        Value::Int(value) | Value::Dec(value) => Some(value.cast_unsigned()),
        Value::Sym(sym) => Some(sym.index() as u64),
        // An id that came as text. A table of ids that is full takes no more: the value is lost as NULL.
        Value::Text(text) => Sym::try_new(text).map(|sym| sym.index() as u64),
    }
}

fn hash_of(value: &Value) -> u64 {
    (value.text_hash128() & u128::from(u64::MAX)) as u64
}

/// A hash of the text, with its place beside the words in the lowest byte.
fn aside(value: Value, kind: Kind, beside: &mut SmallVec<[Value; 4]>) -> Option<u64> {
    let value = match value {
        Value::Null => return None,
        // One form for equal texts.
        Value::Sym(sym) => Value::text(sym.as_str()),
        // One form for equal numbers.
        Value::Dec(n) if kind == Kind::Any && n % worldflow_schemas::value::DEC_ONE == 0 => {
            Value::Int(n / worldflow_schemas::value::DEC_ONE)
        }
        other => other,
    };
    let word = hash_of(&value) & !0xff | beside.len() as u64;
    beside.push(value);
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_what_it_was_made_of() {
        let values = [
            (Value::Int(-5), Kind::Int),
            (Value::Null, Kind::Dec),
            (Value::text("free"), Kind::Text),
            (Value::Sym(Sym::new("wolf")), Kind::Id),
            (Value::Bool(true), Kind::Bool),
            (Value::Null, Kind::Text),
            (Value::Dec(i64::MIN), Kind::Dec),
            (Value::Dec(2_500_000), Kind::Any),
        ];
        let row = Packed::new(values.iter().cloned());
        for (column, (value, kind)) in values.iter().enumerate() {
            assert_eq!(row.get(column, *kind), *value, "{column}");
        }
    }

    #[test]
    fn joined_rows_have_the_columns_of_both() {
        let kinds = [Kind::Text, Kind::Int, Kind::Text];
        let row = |a: Value, n: i64, b: Value| Packed::new([a, Value::Int(n), b].into_iter().zip(kinds));
        let (left, right) =
            (row(Value::text("a"), 1, Value::Null), row(Value::text("b"), 2, Value::text("c")));
        let joined = left.joined(&right, &[0, 2]);
        let all = ["a", "b", "c"].map(Value::text);
        let values =
            [all[0].clone(), Value::Int(1), Value::Null, all[1].clone(), Value::Int(2), all[2].clone()];
        assert_eq!(
            joined,
            Packed::new(values.into_iter().zip(kinds.into_iter().chain(kinds).collect::<Vec<_>>()))
        );
        let padded = left.padded(2);
        assert_eq!(
            (padded.len(), padded.is_null(3), padded.is_null(4), padded.is_null(1)),
            (5, true, true, false)
        );
    }

    #[test]
    fn equal_texts_are_one_whatever_they_were() {
        let one = |value, kind| Packed::new([(value, kind)].into_iter());
        assert_eq!(one(Value::text("a"), Kind::Text), one(Value::Sym(Sym::new("a")), Kind::Text));
        assert_eq!(one(Value::text("a"), Kind::Id), one(Value::Sym(Sym::new("a")), Kind::Id));
        assert_eq!(one(Value::Int(2), Kind::Any), one(Value::Dec(2_000_000), Kind::Any));
        assert_ne!(one(Value::text("2"), Kind::Any), one(Value::Int(2), Kind::Any));
        assert_ne!(one(Value::Null, Kind::Int), one(Value::Int(0), Kind::Int));
    }
}
