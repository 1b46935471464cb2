//! Columns of a built-in view, by name.

use worldflow_schemas::catalog::ViewId;
use worldflow_schemas::{Row, Tick, Value};

/// Reads rows of a view of the catalog.
pub(crate) struct Columns(pub(crate) ViewId);

impl Columns {
    pub(crate) fn value<'r>(&self, row: &'r Row, name: &str) -> &'r Value {
        &row[self.0.def().column(name).expect("the catalog has it")]
    }

    /// A whole number; 0 where there is none.
    pub(crate) fn int(&self, row: &Row, name: &str) -> i64 {
        match self.value(row, name) {
            Value::Int(number) => *number,
            _ => 0,
        }
    }

    /// A whole number that is not below 0.
    pub(crate) fn count(&self, row: &Row, name: &str) -> u64 {
        u64::try_from(self.int(row, name)).unwrap_or(0)
    }

    /// A tick; 0 where there is none.
    pub(crate) fn tick(&self, row: &Row, name: &str) -> Tick {
        self.count(row, name)
    }

    pub(crate) fn id(&self, row: &Row, name: &str) -> Option<&'static str> {
        match self.value(row, name) {
            Value::Sym(id) => Some(id.as_str()),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self, row: &Row, name: &str) -> bool {
        *self.value(row, name) == Value::Bool(true)
    }
}
