//! Rows of views.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::value::Value;

/// One row of a view: its columns in the catalog's order. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Row(Arc<[Value]>);

impl Row {
    /// A row of these values.
    #[must_use]
    pub fn new(values: impl Into<Arc<[Value]>>) -> Row {
        Row(values.into())
    }

    /// The leading `columns` values: a view's key.
    #[must_use]
    pub fn key(&self, columns: usize) -> &[Value] {
        &self.0[..columns.min(self.0.len())]
    }

    /// A hash of the values, salted with the view's name: one term of the state hash. The same in
    /// every process.
    #[must_use]
    pub fn hash128(&self, view: &str) -> u128 {
        let mut bytes: SmallVec<[u8; 384]> = SmallVec::from_slice(view.as_bytes());
        for value in self.iter() {
            value.hashed_bytes(&mut bytes);
        }
        xxh3_128(&bytes)
    }
}

impl Deref for Row {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl<const N: usize> From<[Value; N]> for Row {
    fn from(values: [Value; N]) -> Row {
        Row(Arc::from(values))
    }
}
