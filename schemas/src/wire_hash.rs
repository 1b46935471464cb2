//! The hash of a row as clients see it, of which a subscription's running hash is the sum.
//!
//! `row ─bytes of its columns that are not null→ FNV-1a 64`. It is defined in `docs/wire.md` by what is in
//! a frame, so that a client can work it out from JSON and from protobuf alike, whatever order its maps
//! are in. It is not the hash of the state, and no secret: it finds what differs by mistake.

use std::sync::OnceLock;

use crate::catalog::{ColumnType, ViewDef, ViewId, hashes, ids};
use crate::row::Row;
use crate::value::{DEC_ONE, Value};

const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a goes on with more bytes.
fn more(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// The hash of a row of a view: its columns as a map.
#[must_use]
pub fn row_hash(view: ViewId, row: &Row) -> u64 {
    let columns = view.def().columns.iter().zip(names(view)).zip(row.iter());
    let sum = columns.fold(0_u64, |sum, ((column, name), value)| {
        sum.wrapping_add(column_hash(column.kind, *name, value).unwrap_or(0))
    });
    map(START, sum)
}

/// A column that is null adds nothing.
fn column_hash(kind: ColumnType, name: u64, value: &Value) -> Option<u64> {
    if kind != ColumnType::Json {
        return (*value != Value::Null).then(|| scalar(name, value));
    }
    let json = serde_json::from_str(value.as_str()?).unwrap_or(serde_json::Value::Null);
    (!json.is_null()).then(|| nested(name, &json))
}

fn map(state: u64, sum_of_entries: u64) -> u64 {
    more(more(state, b"m"), &sum_of_entries.to_le_bytes())
}

fn scalar(state: u64, value: &Value) -> u64 {
    match value {
        Value::Null => more(state, b"z"),
        Value::Bool(value) => more(state, &[b'b', u8::from(*value)]),
        Value::Int(_) | Value::Dec(_) => more(more(state, b"n"), &as_f64(value).to_le_bytes()),
        Value::Sym(text) => more(more(state, b"t"), text.as_str().as_bytes()),
        Value::Text(text) => more(more(state, b"t"), text.as_bytes()),
    }
}

fn nested(state: u64, json: &serde_json::Value) -> u64 {
    match json {
        serde_json::Value::Array(items) => items
            .iter()
            .fold(more(state, b"l"), |state, item| more(state, &nested(START, item).to_le_bytes())),
        serde_json::Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let sum = entries.fold(0_u64, |sum, (name, value)| sum.wrapping_add(nested(entry(name), value)));
            map(state, sum)
        }
        serde_json::Value::String(text) => more(more(state, b"t"), text.as_bytes()),
        other => scalar(state, &Value::from_json(other).unwrap_or_default()),
    }
}

/// The hash of an entry so far: its name, and a zero that ends it.
fn entry(name: &str) -> u64 {
    more(more(START, name.as_bytes()), &[0])
}

/// The columns of a view as entries that wait for their values.
fn names(view: ViewId) -> &'static [u64] {
    static NAMES: OnceLock<Vec<Box<[u64]>>> = OnceLock::new();
    let of = |def: &ViewDef| def.columns.iter().map(|column| entry(column.name)).collect();
    if !view.is_built_in() {
        return hashes(view, || of(view.def()));
    }
    &NAMES.get_or_init(|| ids().map(|view| of(view.def())).collect())[view.index()]
}

/// The double nearest to a number, as a client reads it: 0 for what is none.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
pub fn as_f64(value: &Value) -> f64 {
    /// Up to here a whole number is a double, and so a quotient of two is the nearest.
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Int(n) => *n as f64,
        Value::Dec(n) if n.unsigned_abs() <= EXACT => *n as f64 / DEC_ONE as f64,
        Value::Dec(_) => value.to_string().parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn level(values: [Value; 6]) -> u64 {
        row_hash(catalog::LEVELS, &Row::from(values))
    }

    #[test]
    fn null_adds_nothing_and_every_other_value_counts() {
        let row = |player: Value, level: i64| {
            let rest = [Value::Int(105), Value::Int(5), Value::Int(195)];
            let [experience, into, next] = rest;
            [Value::id("greenvale".into()), player, Value::Int(level), experience, into, next]
        };
        let ana = level(row(Value::id("ana".into()), 2));
        assert_eq!(ana, level(row(Value::text("ana"), 2)));
        assert_ne!(ana, level(row(Value::id("ana".into()), 3)));
        assert_ne!(ana, level(row(Value::Null, 2)));
        // What is swapped between two rows is noticed by their sum.
        let two =
            |a, b| level(row(Value::id("ana".into()), a)).wrapping_add(level(row(Value::id("bo".into()), b)));
        assert_ne!(two(1, 2), two(2, 1));
    }

    #[test]
    fn a_fraction_is_the_double_that_its_text_reads_as() {
        for n in [
            0,
            1,
            -250_000,
            12_500_000,
            9_007_199_254_740_993,
            i64::MAX,
            i64::MIN + 1,
            1_234_567_890_123_456_789,
        ] {
            let value = Value::Dec(n);
            assert_eq!(as_f64(&value), value.to_string().parse::<f64>().expect("a number"), "{n}");
        }
    }
}
