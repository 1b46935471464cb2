//! Base state: what depends on history and is therefore kept in snapshots.
//!
//! A base operator emits a [`BaseChange`] for every piece of its state that a tick changed. A
//! snapshot is the last value of every key. Loading is giving the values back before the first tick.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sym::Sym;

/// Which operator a piece of base state belongs to. The name is part of the file format.
pub type BaseName = &'static str;

/// The new value of one piece of base state, or its removal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseChange {
    /// The operator, by name.
    pub operator: BaseName,
    /// Text whose hash routes the piece to the worker that owns it (the holder, the zone ...).
    pub route: Sym,
    /// The piece within the operator, as bytes; strings inside, never interned numbers.
    pub key: Arc<[u8]>,
    /// The value as bytes, or `None` when the piece is gone.
    pub value: Option<Arc<[u8]>>,
}

/// One piece of base state given back at start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BaseRow {
    /// The operator, by name.
    pub operator: Arc<str>,
    /// Text whose hash routes the piece.
    pub route: Sym,
    /// The piece within the operator.
    pub key: Arc<[u8]>,
    /// Its value.
    pub value: Arc<[u8]>,
}
