//! What columns of relations hold, and what a relation is.
//!
//! Kinds are finer than the catalog's types of columns: ids are told from free text, since ids are compared by
//! their numbers and free text is not interned, and times by the world's clock from those by the wall's.

use worldflow_schemas::catalog::ColumnType;

/// What a column or an expression holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Nothing but NULL.
    Null,
    /// True or false.
    Bool,
    /// A 64-bit whole number.
    Int,
    /// A fraction in millionths.
    Dec,
    /// An interned id.
    Id,
    /// Free text.
    Text,
    /// JSON in free text.
    Json,
    /// A tick.
    Tick,
    /// UTC milliseconds.
    Time,
    /// Milliseconds of world time.
    World,
    /// A span in milliseconds.
    Span,
    /// A scalar of any kind.
    Any,
}

impl Kind {
    /// Whether it is some form of text.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Kind::Id | Kind::Text | Kind::Json)
    }

    /// Whether one can reckon with it.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Dec)
    }

    /// Whether it is a moment.
    #[must_use]
    pub fn is_moment(self) -> bool {
        matches!(self, Kind::Tick | Kind::Time | Kind::World)
    }

    /// Whether its values lie beside the words of a row.
    pub(crate) fn is_beside(self) -> bool {
        matches!(self, Kind::Text | Kind::Json | Kind::Any)
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "NULL",
            Kind::Bool => "BOOLEAN",
            Kind::Int => "INTEGER",
            Kind::Dec => "DECIMAL",
            Kind::Id => "ID",
            Kind::Text => "TEXT",
            Kind::Json => "JSON",
            Kind::Tick => "TICK",
            Kind::Time => "TIMESTAMP",
            Kind::World => "WORLD TIME",
            Kind::Span => "INTERVAL",
            Kind::Any => "ANY",
        }
    }

    /// What a column of a view is that holds it.
    #[must_use]
    pub fn column_type(self) -> ColumnType {
        match self {
            Kind::Bool => ColumnType::Bool,
            Kind::Int | Kind::World | Kind::Span => ColumnType::Int,
            Kind::Dec => ColumnType::Dec,
            Kind::Id | Kind::Text | Kind::Null => ColumnType::Text,
            Kind::Json => ColumnType::Json,
            Kind::Tick => ColumnType::Tick,
            Kind::Time => ColumnType::Time,
            Kind::Any => ColumnType::Any,
        }
    }
}

/// A column of a relation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Column {
    /// Its name, in lower case.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// What a view can be made from: a view of the catalog, or another SQL view. It has no column `realm`: all
/// rows of a graph are of one realm.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Relation {
    /// Its name, in lower case.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// How many leading columns no two rows share.
    pub key: usize,
}

/// Columns of the catalog whose text is made up as it goes, and so not interned.
const FREE_TEXT: [(&str, &str); 4] =
    [("grants", "grant"), ("grants", "reason"), ("npc_requests", "request"), ("npc_lines", "text")];

impl Kind {
    /// What a column of a view of the catalog holds.
    #[must_use]
    pub fn of_column(view: &str, column: &str, kind: ColumnType) -> Kind {
        match kind {
            ColumnType::Bool => Kind::Bool,
            ColumnType::Int if column == "world_ms" => Kind::World,
            ColumnType::Int => Kind::Int,
            ColumnType::Dec => Kind::Dec,
            ColumnType::Text if FREE_TEXT.contains(&(view, column)) => Kind::Text,
            ColumnType::Text => Kind::Id,
            ColumnType::Tick => Kind::Tick,
            ColumnType::Time => Kind::Time,
            ColumnType::Any => Kind::Any,
            ColumnType::Json => Kind::Json,
        }
    }
}
