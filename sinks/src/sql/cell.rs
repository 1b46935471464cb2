//! Values as columns of a table: what a [`Value`] becomes in SQL, and when two are the same.

use std::borrow::Cow;

use worldflow_schemas::Value;
use worldflow_schemas::catalog::{ColumnType, ViewDef};
use worldflow_schemas::value::DEC_ONE;

/// A column of a row of a table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    /// The bits of an `f64`, which is never a NaN or a negative zero.
    Float(u64),
    Text(Cow<'static, str>),
}

/// A row of a table, in the catalog's order of columns.
pub(crate) type Cells = Vec<Cell>;

impl Cell {
    pub(crate) fn float(x: f64) -> Cell {
        Cell::Float((x + 0.0).to_bits())
    }

    /// What `value` is in a column of that kind. A key column is never null: absent is empty there.
    /// A value of the wrong kind, which no operator emits, becomes null.
    #[expect(clippy::cast_precision_loss, reason = "a double holds 53 bits; the catalog says so")]
    pub(crate) fn of(kind: ColumnType, key: bool, value: &Value) -> Cell {
        match (kind, value) {
            (_, Value::Null) if key => Cell::empty(kind),
            (_, Value::Null) => Cell::Null,
            (ColumnType::Bool, Value::Bool(b)) => Cell::Bool(*b),
            (ColumnType::Int | ColumnType::Tick | ColumnType::Time, Value::Int(n)) => Cell::Int(*n),
            (ColumnType::Dec, Value::Dec(n)) => Cell::float(*n as f64 / DEC_ONE as f64),
            (ColumnType::Dec, Value::Int(n)) => Cell::float(*n as f64),
            (ColumnType::Text | ColumnType::Any, Value::Sym(sym)) => Cell::Text(clean(sym.as_str())),
            (ColumnType::Json, Value::Sym(sym)) => Cell::Text(clean_json(sym.as_str())),
            (ColumnType::Json, Value::Text(text)) => Cell::Text(clean_json(text).into_owned().into()),
            (ColumnType::Json, other) => Cell::Text(other.to_json().to_string().into()),
            (ColumnType::Text | ColumnType::Any, Value::Text(text)) => {
                Cell::Text(clean(text).into_owned().into())
            }
            (ColumnType::Text | ColumnType::Any, other) => Cell::Text(other.to_string().into()),
            _ if key => Cell::empty(kind),
            _ => Cell::Null,
        }
    }

    fn empty(kind: ColumnType) -> Cell {
        match kind {
            ColumnType::Bool => Cell::Bool(false),
            ColumnType::Int | ColumnType::Tick | ColumnType::Time => Cell::Int(0),
            ColumnType::Dec => Cell::float(0.0),
            ColumnType::Text | ColumnType::Any => Cell::Text("".into()),
            ColumnType::Json => Cell::Text("null".into()),
        }
    }

    /// Whether the two are equal in a column of that kind. A database may write JSON its own way.
    pub(crate) fn same(kind: ColumnType, a: &Cell, b: &Cell) -> bool {
        if a == b {
            return true;
        }
        let (ColumnType::Json, Cell::Text(a), Cell::Text(b)) = (kind, a, b) else { return false };
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
    }
}

/// The first columns of a row or a key as cells.
pub(crate) fn cells(view: &ViewDef, values: &[Value]) -> Cells {
    let columns = view.columns.iter().zip(values).enumerate();
    columns.map(|(place, (column, value))| Cell::of(column.kind, place < view.key, value)).collect()
}

/// PostgreSQL has no NUL in text.
fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// JSON that every database takes: text that is not JSON becomes a string.
fn clean_json(text: &str) -> Cow<'_, str> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(_) => serde_json::Value::String(clean(text).into_owned()).to_string().into(),
        Ok(_) if !text.contains("\\u0000") => text.into(),
        Ok(json) => without_nul(json).to_string().into(),
    }
}

fn without_nul(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Object, String};
    match json {
        String(text) => String(clean(&text).into_owned()),
        Array(items) => Array(items.into_iter().map(without_nul).collect()),
        Object(map) => Object(
            map.into_iter().map(|(name, json)| (clean(&name).into_owned(), without_nul(json))).collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn values_become_cells_of_their_columns_kind() {
        let sym = Value::Sym("wolf".into());
        for (kind, value, cell) in [
            (ColumnType::Text, sym.clone(), text("wolf")),
            (ColumnType::Any, Value::Dec(1_500_000), text("1.5")),
            (ColumnType::Any, Value::Bool(true), text("true")),
            (ColumnType::Dec, Value::Dec(-250_000), Cell::float(-0.25)),
            (ColumnType::Tick, Value::Int(7), Cell::Int(7)),
            (ColumnType::Int, sym, Cell::Null),
            (ColumnType::Text, Value::Null, Cell::Null),
        ] {
            assert_eq!(Cell::of(kind, false, &value), cell, "{kind:?} {value:?}");
        }
        assert_eq!(Cell::of(ColumnType::Text, true, &Value::Null), text(""));
    }

    #[test]
    fn what_a_database_cannot_hold_is_replaced() {
        let json = |raw: &str| Cell::of(ColumnType::Json, false, &Value::text(raw));
        assert_eq!(Cell::of(ColumnType::Text, false, &Value::text("a\0b")), text("a\u{fffd}b"));
        assert_eq!(json(r#"{"a":[1]}"#), text(r#"{"a":[1]}"#));
        assert_eq!(json("not json"), text(r#""not json""#));
        assert_eq!(json(r#"["\u0000"]"#), text("[\"\u{fffd}\"]"));
    }

    #[test]
    fn json_is_compared_by_value() {
        assert!(Cell::same(ColumnType::Json, &text(r#"{"a":1,"b":2}"#), &text(r#"{"b": 2, "a": 1}"#)));
        assert!(!Cell::same(ColumnType::Json, &text("[1]"), &text("[2]")));
        assert!(!Cell::same(ColumnType::Text, &text("[1]"), &text("[ 1]")));
    }
}
