//! Rows of views.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use triomphe::ThinArc;
use xxhash_rust::xxh3::xxh3_128;

use crate::value::Value;

/// One row of a view: its columns in the catalog's order, and a hash of them that is made once, where
/// the row is made. Cheap to clone.
#[derive(Clone)]
pub struct Row(ThinArc<u128, Value>);

impl Row {
    /// A row of these values.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = Value, IntoIter: ExactSizeIterator>) -> Row {
        let values = values.into_iter();
        if values.len() <= STAGED {
            let staged: SmallVec<[Value; STAGED]> = values.collect();
            return Row(ThinArc::from_header_and_iter(hash128(&staged), staged.into_iter()));
        }
        let staged: Vec<Value> = values.collect();
        Row(ThinArc::from_header_and_iter(hash128(&staged), staged.into_iter()))
    }

    /// The leading `columns` values: a view's key.
    #[must_use]
    pub fn key(&self, columns: usize) -> &[Value] {
        &self[..columns.min(self.len())]
    }

    /// A hash of the values: the same in every process.
    #[must_use]
    pub fn hash128(&self) -> u128 {
        self.0.header.header
    }

    /// The row's term of the state hash. The same in every process.
    #[must_use]
    pub fn term(&self, salt: Salt) -> u128 {
        self.hash128().wrapping_mul(salt.0)
    }

    /// Whether both are the same row in memory, and so equal.
    #[must_use]
    pub fn is(&self, other: &Row) -> bool {
        self.0.ptr() == other.0.ptr()
    }
}

/// A view's name as it enters the terms of its rows, so that equal rows of two views differ.
#[derive(Clone, Copy, Debug)]
pub struct Salt(u128);

impl Salt {
    /// Of the view of that name.
    #[must_use]
    pub fn new(view: &str) -> Salt {
        // An odd factor keeps different rows of a view different.
        Salt(xxh3_128(view.as_bytes()) | 1)
    }
}

/// Rows of up to so many values are made without a second allocation.
const STAGED: usize = 16;

fn hash128(values: &[Value]) -> u128 {
    if values.len() <= STAGED {
        let mut parts = [[0; 16]; STAGED];
        for (part, value) in parts.iter_mut().zip(values) {
            *part = value.hashed().to_le_bytes();
        }
        return xxh3_128(parts[..values.len()].as_flattened());
    }
    let parts: Vec<[u8; 16]> = values.iter().map(|value| value.hashed().to_le_bytes()).collect();
    xxh3_128(parts.as_flattened())
}

impl Deref for Row {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0.slice
    }
}

impl<const N: usize> From<[Value; N]> for Row {
    fn from(values: [Value; N]) -> Row {
        Row(ThinArc::from_header_and_iter(hash128(&values), values.into_iter()))
    }
}

impl FromIterator<Value> for Row {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Row {
        Row::new(values.into_iter().collect::<SmallVec<[Value; STAGED]>>())
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.is(other) || (self.hash128() == other.hash128() && **self == **other)
    }
}

impl Eq for Row {}

impl Ord for Row {
    fn cmp(&self, other: &Row) -> Ordering {
        if self.is(other) { Ordering::Equal } else { (**self).cmp(&**other) }
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Row) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.hash128());
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        Vec::<Value>::deserialize(deserializer).map(Row::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sym::Sym;

    #[test]
    fn rows_made_either_way_are_equal_and_hash_by_their_values() {
        for columns in [0, 1, STAGED, STAGED + 3] {
            let values: Vec<Value> = (0..columns).map(|n| Value::count(n as u64)).collect();
            let (one, other) = (Row::new(values.clone()), values.into_iter().collect::<Row>());
            assert_eq!((&one, one.hash128(), one.len()), (&other, other.hash128(), columns));
        }
        let (id, text) = (Row::from([Value::Sym(Sym::new("a"))]), Row::from([Value::text("a")]));
        assert_eq!(id.hash128(), text.hash128());
        assert_ne!(id, text);
        assert_ne!(id.term(Salt::new("facts")), id.term(Salt::new("levels")));
    }
}
