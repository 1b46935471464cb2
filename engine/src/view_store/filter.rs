//! Which rows of a view a reader wants.

use rustc_hash::FxHashSet;
use worldflow_schemas::{Row, Value};

/// Which rows a reader wants: for each named column, the values allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    allowed: Vec<(usize, FxHashSet<Value>)>,
}

impl Filter {
    /// Every row.
    #[must_use]
    pub fn all() -> Filter {
        Filter::default()
    }

    /// Narrows the filter: `column` must be one of `values`.
    #[must_use]
    pub fn and(mut self, column: usize, values: impl IntoIterator<Item = Value>) -> Filter {
        self.allowed.push((column, values.into_iter().collect()));
        self
    }

    /// Whether a row passes. A JSON list column passes when it contains an allowed value.
    #[must_use]
    pub fn passes(&self, row: &Row) -> bool {
        self.allowed.iter().all(|(column, values)| match row.get(*column) {
            Some(Value::Text(text)) if text.starts_with('[') => {
                values.iter().any(|value| list_contains(text, value))
            }
            Some(value) => values.contains(value),
            None => false,
        })
    }

    /// Whether it passes every row.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.allowed.is_empty()
    }

    /// The values allowed for a column, when it is restricted.
    #[must_use]
    pub fn values(&self, column: usize) -> Option<&FxHashSet<Value>> {
        self.allowed.iter().find(|(named, _)| *named == column).map(|(_, values)| values)
    }
}

fn list_contains(list: &str, wanted: &Value) -> bool {
    let Some(wanted) = wanted.as_str() else { return false };
    match serde_json::from_str::<Vec<String>>(list) {
        Ok(items) => items.iter().any(|item| item == wanted),
        Err(_) => false,
    }
}
