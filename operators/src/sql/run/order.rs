//! Values as bytes whose order is the order of the values: numbers by size, texts by their bytes.

use smallvec::SmallVec;
use worldflow_schemas::Value;

use crate::sql::kind::Kind;
use crate::sql::packed::Packed;
use crate::sql::plan::Order;

/// Bytes in the order of what they stand for.
pub(super) type Ordered = SmallVec<[u8; 24]>;

/// One value, NULL before all others.
pub(super) fn ordered(value: &Value) -> Ordered {
    let mut bytes = Ordered::new();
    push(value, false, true, &mut bytes);
    bytes
}

/// A row in an order; what is equal in it is in the order of all its columns.
pub(super) fn row_ordered(order: &[Order], kinds: &[Kind], row: &Packed) -> Ordered {
    let mut bytes = Ordered::new();
    for part in order {
        push(&part.of.of(row), part.descending, part.nulls_first, &mut bytes);
    }
    for (column, kind) in kinds.iter().enumerate() {
        push(&row.get(column, *kind), false, false, &mut bytes);
    }
    bytes
}

fn push(value: &Value, descending: bool, nulls_first: bool, bytes: &mut Ordered) {
    if *value == Value::Null {
        bytes.push(if nulls_first { 0 } else { 2 });
        return;
    }
    bytes.push(1);
    let from = bytes.len();
    match value {
        Value::Null => {}
        Value::Bool(truth) => bytes.extend_from_slice(&[1, u8::from(*truth)]),
        Value::Int(n) | Value::Dec(n) => {
            // Within a column of any kind whole numbers and fractions are told apart after all else.
            bytes.push(2);
            bytes.extend_from_slice(&(n.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        Value::Sym(_) | Value::Text(_) => {
            bytes.push(3);
            for byte in value.as_str().unwrap_or_default().bytes() {
                // A text ends with what is less than any of its bytes.
                bytes.extend_from_slice(if byte == 0 {
                    &[1, 1]
                } else if byte == 1 {
                    &[1, 2]
                } else {
                    std::slice::from_ref(&byte)
                });
            }
            bytes.push(0);
        }
    }
    if descending {
        bytes[from..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_the_order_of_values() {
        let values = [
            Value::Null,
            Value::Int(i64::MIN),
            Value::Int(-1),
            Value::Int(0),
            Value::Int(256),
            Value::text(""),
            Value::text("\0"),
            Value::text("\u{1}"),
            Value::text("a"),
            Value::text("a\0"),
            Value::text("ab"),
            Value::text("b"),
            Value::text("ß"),
        ];
        for pair in values.windows(2) {
            assert!(ordered(&pair[0]) < ordered(&pair[1]), "{pair:?}");
        }
        let mut down = values.map(|value| {
            let mut bytes = Ordered::new();
            push(&value, true, false, &mut bytes);
            (bytes, value)
        });
        down.sort();
        assert_eq!(down[0].1, Value::text("ß"));
        assert_eq!(down[12].1, Value::Null);
    }
}
