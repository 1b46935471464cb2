//! What a view is, and its number within this process.

use serde::{Deserialize, Serialize};

use super::{CATALOG, designed};

/// A view: its name with its shape. Views of one name and another shape are others.
///
/// The number is this process's and never leaves it: names do. Built-in views have the numbers of their places
/// in [`CATALOG`]; those of designers get theirs as this process meets them, and may differ from realm to realm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewId(pub(super) u32);

impl ViewId {
    /// The view's entry. Takes no lock.
    #[must_use]
    pub fn def(self) -> &'static ViewDef {
        CATALOG.get(self.index()).unwrap_or_else(|| designed::of(self.index() - CATALOG.len()))
    }

    /// The built-in view of that place in [`CATALOG`].
    #[must_use]
    pub fn built_in(place: u16) -> Option<ViewId> {
        (usize::from(place) < CATALOG.len()).then_some(ViewId(place.into()))
    }

    /// Its place in [`CATALOG`], if it is built in.
    #[must_use]
    pub fn place(self) -> Option<u16> {
        u16::try_from(self.0).ok().filter(|_| self.is_built_in())
    }

    /// Whether it is part of every catalog.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        self.index() < CATALOG.len()
    }

    /// The number, for dense tables inside one process.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a column holds, and so how it is written in JSON, protobuf, Arrow and SQL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A 64-bit whole number.
    Int,
    /// A fraction, exact to a millionth; a double on the wire.
    Dec,
    /// An id or free text.
    Text,
    /// A tick.
    Tick,
    /// UTC milliseconds.
    Time,
    /// A scalar of any kind; text in tables.
    Any,
    /// JSON in text: a list or a map.
    Json,
}

impl ColumnType {
    /// Its name in answers and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Bool => "bool",
            ColumnType::Int => "int",
            ColumnType::Dec => "dec",
            ColumnType::Text => "text",
            ColumnType::Tick => "tick",
            ColumnType::Time => "time",
            ColumnType::Any => "any",
            ColumnType::Json => "json",
        }
    }
}

/// A column of a view. Every column but the key's may be null.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Column {
    /// Its name everywhere.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// One line.
    pub doc: &'static str,
}

/// A view.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ViewDef {
    /// Its name everywhere.
    pub name: &'static str,
    /// How many leading columns are the key.
    pub key: usize,
    /// The columns; the first is always `realm`.
    pub columns: &'static [Column],
    /// Columns, besides the key's, by which a subscriber may filter.
    pub filters: &'static [&'static str],
    /// Whether the rows are a function of the sealed inputs, and so part of the state hash.
    pub deterministic: bool,
    /// One line.
    pub doc: &'static str,
}

impl ViewDef {
    /// The position of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The built-in view of that name.
#[must_use]
pub fn view(name: &str) -> Option<ViewId> {
    let place = CATALOG.iter().position(|view| view.name == name)?;
    Some(ViewId(u32::try_from(place).expect("the catalog is short")))
}

/// Every built-in view's id, in catalog order.
pub fn ids() -> impl Iterator<Item = ViewId> {
    (0u32..).map(ViewId).take(CATALOG.len())
}
