//! Rows as protobuf: the generated `views.proto`, and the bytes of a row written straight from its
//! columns.
//!
//! A built-in view is a message whose field n is its nth column; `Rows` has one field a view, by its place in
//! the catalog. Every field is optional: an absent one is null. Rows of designers' views, which no generated type
//! can know, are lists of values.

use std::fmt::Write as _;

use prost::encoding::{self, WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use worldflow_proto::v1;

use crate::catalog::{CATALOG, ColumnType, ViewId};
use crate::row::Row;
use crate::value::Value;
use crate::wire_hash::as_f64;

/// The text of `worldflow/v1/views.proto`, from the catalog.
#[must_use]
pub fn views_proto() -> String {
    let mut out = String::from(
        "// Rows of views. Generated from the catalog; do not edit.\n\
         //\n\
         // Every field is optional: an absent one is null. Key columns come first.\n\
         syntax = \"proto3\";\n\npackage worldflow.v1;\n\nimport \"worldflow/v1/values.proto\";\n\n\
         // Rows of one view.\nmessage Rows {\n  oneof view {\n",
    );
    for (place, view) in CATALOG.iter().enumerate() {
        let _ = writeln!(out, "    {0}Rows {1} = {2};", message_name(view.name), view.name, place + 1);
    }
    let _ = write!(
        out,
        "    // Of a view that the realm's designers have made.\n    DesignedRows designed = {DESIGNED_FIELD};\n  }}\n}}\n{DESIGNED}"
    );
    for view in CATALOG {
        let name = message_name(view.name);
        let key: Vec<&str> = view.columns[..view.key].iter().map(|column| column.name).collect();
        let _ = write!(
            out,
            "\n// {}\nmessage {name}Rows {{\n  repeated {name}Row rows = 1;\n}}\n\n// {} Key: {}.\nmessage {name}Row {{\n",
            view.doc,
            view.doc,
            key.join(", ")
        );
        for (place, column) in view.columns.iter().enumerate() {
            let (label, kind) = match column.kind {
                ColumnType::Bool => ("optional ", "bool"),
                ColumnType::Int | ColumnType::Time => ("optional ", "int64"),
                ColumnType::Tick => ("optional ", "uint64"),
                ColumnType::Dec => ("optional ", "double"),
                ColumnType::Text => ("optional ", "string"),
                ColumnType::Any => ("", "Scalar"),
                ColumnType::Json => ("", "Json"),
            };
            let _ = writeln!(out, "  // {}\n  {label}{kind} {} = {};", column.doc, column.name, place + 1);
        }
        out.push_str("}\n");
    }
    out
}

/// The field of `Rows` for designers' views: far beyond those that are built in.
const DESIGNED_FIELD: u32 = 1_000;

const DESIGNED: &str = "
// Rows of a designer's view; `Subscribed.schema` names their columns.
message DesignedRows {
  repeated DesignedRow rows = 1;
}

// A row: the values of its columns in their order; of a row that is gone those of its key.
message DesignedRow {
  repeated Json values = 1;
}
";

fn message_name(view: &str) -> String {
    view.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
        })
        .collect()
}

/// The field of `Rows` that holds the rows of a view.
#[must_use]
pub fn rows_field(view: ViewId) -> u32 {
    if view.is_built_in() {
        u32::try_from(view.index() + 1).unwrap_or(DESIGNED_FIELD)
    } else {
        DESIGNED_FIELD
    }
}

/// Appends the first `columns` columns of a row as the view's row message.
pub fn encode_row(view: ViewId, row: &Row, columns: usize, out: &mut Vec<u8>) {
    if !view.is_built_in() {
        for (column, value) in view.def().columns.iter().zip(row.iter()).take(columns) {
            encoding::message::encode(1, &generic(column.kind, value), out);
        }
        return;
    }
    for ((field, column), value) in (1u32..).zip(view.def().columns).zip(row.iter()).take(columns) {
        encode_value(field, column.kind, value, out);
    }
}

fn encode_value(field: u32, kind: ColumnType, value: &Value, out: &mut Vec<u8>) {
    match (kind, value) {
        (ColumnType::Json, value) => {
            let Some(text) = value.as_str() else { return };
            let json = serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
            encoding::message::encode(field, &json_message(&json), out);
        }
        (_, Value::Null) => {}
        (ColumnType::Any, value) => encoding::message::encode(field, &scalar(value), out),
        (ColumnType::Bool, Value::Bool(value)) => encoding::bool::encode(field, value, out),
        (ColumnType::Int | ColumnType::Time | ColumnType::Tick, Value::Int(value)) => {
            encoding::int64::encode(field, value, out);
        }
        (ColumnType::Dec, Value::Dec(_) | Value::Int(_)) => {
            encoding::double::encode(field, &as_f64(value), out);
        }
        (ColumnType::Text, value) => {
            let Some(text) = value.as_str() else { return };
            encode_key(field, WireType::LengthDelimited, out);
            encode_varint(text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        (kind, value) => debug_assert!(false, "a column of {kind:?} never holds {value:?}"),
    }
}

/// A value of a designer's view.
fn generic(kind: ColumnType, value: &Value) -> v1::Json {
    match (kind, value) {
        (ColumnType::Json, value) => {
            let json = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            json_message(&json.unwrap_or(serde_json::Value::Null))
        }
        (ColumnType::Dec, Value::Int(_)) => {
            let kind = Some(v1::scalar::Kind::Dec(as_f64(value)));
            v1::Json { kind: Some(v1::json::Kind::Scalar(v1::Scalar { kind })) }
        }
        (_, value) => v1::Json { kind: Some(v1::json::Kind::Scalar(scalar(value))) },
    }
}

/// Rows of one view on their way into a message.
#[derive(Debug, Default)]
pub struct RowsBody {
    body: Vec<u8>,
    row: Vec<u8>,
}

impl RowsBody {
    /// Adds the first `columns` columns of a row.
    pub fn push(&mut self, view: ViewId, row: &Row, columns: usize) {
        let mut bytes = std::mem::take(&mut self.row);
        bytes.clear();
        encode_row(view, row, columns, &mut bytes);
        self.push_encoded(&bytes);
        self.row = bytes;
    }

    /// Adds a row that [`encode_row`] has written.
    pub fn push_encoded(&mut self, row: &[u8]) {
        encode_key(1, WireType::LengthDelimited, &mut self.body);
        encode_varint(row.len() as u64, &mut self.body);
        self.body.extend_from_slice(row);
    }

    /// Appends them as the field `field` (of type `Rows`) of the message that `out` is.
    pub fn finish(&self, field: u32, view: ViewId, out: &mut Vec<u8>) {
        let length = encoded_len_varint(self.body.len() as u64);
        let inner = key_len(rows_field(view)) + length + self.body.len();
        encode_key(field, WireType::LengthDelimited, out);
        encode_varint(inner as u64, out);
        encode_key(rows_field(view), WireType::LengthDelimited, out);
        encode_varint(self.body.len() as u64, out);
        out.extend_from_slice(&self.body);
    }
}

/// Appends rows as the field `field` (of type `Rows`) of the message that `out` is.
pub fn encode_rows<'a>(
    field: u32,
    view: ViewId,
    columns: usize,
    rows: impl IntoIterator<Item = &'a Row>,
    out: &mut Vec<u8>,
) {
    let mut body = RowsBody::default();
    rows.into_iter().for_each(|row| body.push(view, row, columns));
    body.finish(field, view, out);
}

/// A value as a message.
#[must_use]
pub fn scalar(value: &Value) -> v1::Scalar {
    use v1::scalar::Kind;
    let kind = match value {
        Value::Null => None,
        Value::Bool(value) => Some(Kind::Bool(*value)),
        Value::Int(value) => Some(Kind::Int(*value)),
        Value::Dec(_) => Some(Kind::Dec(as_f64(value))),
        Value::Sym(value) => Some(Kind::Text(value.as_str().to_owned())),
        Value::Text(value) => Some(Kind::Text(value.to_string())),
    };
    v1::Scalar { kind }
}

fn json_message(json: &serde_json::Value) -> v1::Json {
    use v1::json::Kind;
    let kind = match json {
        serde_json::Value::Array(items) => {
            Kind::List(v1::JsonList { items: items.iter().map(json_message).collect() })
        }
        serde_json::Value::Object(entries) => Kind::Map(v1::JsonMap {
            entries: entries.iter().map(|(name, json)| (name.clone(), json_message(json))).collect(),
        }),
        scalar_json => {
            let text = scalar_json.as_str().map(Value::text);
            let value = text.or_else(|| Value::from_json(scalar_json)).unwrap_or_default();
            Kind::Scalar(scalar(&value))
        }
    };
    v1::Json { kind: Some(kind) }
}

#[cfg(test)]
mod tests;
