//! Views as Arrow: the schema from the catalog, and rows as record batches of an IPC stream.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use worldflow_schemas::catalog::{ColumnType, ViewDef};
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Row, Value};

/// The schema of a view. `about` (realm, tick ...) goes into its metadata.
#[must_use]
pub fn schema(view: &ViewDef, about: &[(&str, String)]) -> SchemaRef {
    let field = |(place, column): (usize, &worldflow_schemas::catalog::Column)| {
        let mut metadata = HashMap::from([("doc".to_owned(), column.doc.to_owned())]);
        if column.kind == ColumnType::Json {
            metadata.insert("ARROW:extension:name".to_owned(), "arrow.json".to_owned());
        }
        // A key column may be absent too: a contribution of nobody.
        let kind = data_type(column.kind);
        Field::new(column.name, kind, true).with_metadata(with_key(metadata, place < view.key))
    };
    let fields: Vec<Field> = view.columns.iter().enumerate().map(field).collect();
    let mut metadata = HashMap::from([("view".to_owned(), view.name.to_owned())]);
    metadata.extend(about.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn with_key(mut metadata: HashMap<String, String>, key: bool) -> HashMap<String, String> {
    if key {
        metadata.insert("key".to_owned(), "true".to_owned());
    }
    metadata
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int | ColumnType::Tick => DataType::Int64,
        ColumnType::Dec => DataType::Float64,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        ColumnType::Text | ColumnType::Any | ColumnType::Json => DataType::Utf8,
    }
}

/// Rows as a batch of that schema.
///
/// # Errors
/// When a text column holds more than two gigabytes.
pub fn batch(view: &ViewDef, schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let columns = view.columns.iter().enumerate().map(|(place, column)| {
        let values = rows.iter().map(|row| row.get(place).unwrap_or(&Value::Null));
        column_of(column.kind, values)
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

#[expect(clippy::cast_precision_loss, reason = "a double holds 53 bits; the catalog says so")]
fn column_of<'a>(kind: ColumnType, values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    let int = |value: &Value| if let Value::Int(n) = value { Some(*n) } else { None };
    match kind {
        ColumnType::Bool => {
            let bool = |value: &Value| if let Value::Bool(b) = value { Some(*b) } else { None };
            Arc::new(values.map(bool).collect::<BooleanArray>())
        }
        ColumnType::Int | ColumnType::Tick => Arc::new(values.map(int).collect::<Int64Array>()),
        ColumnType::Time => {
            Arc::new(values.map(int).collect::<TimestampMillisecondArray>().with_timezone("UTC"))
        }
        ColumnType::Dec => {
            let double = |value: &Value| value.as_millionths().map(|n| n as f64 / DEC_ONE as f64);
            Arc::new(values.map(double).collect::<Float64Array>())
        }
        ColumnType::Text | ColumnType::Any | ColumnType::Json => {
            let text = |value: &Value| match value {
                Value::Null => None,
                Value::Text(text) => Some(text.to_string()),
                other => Some(other.to_string()),
            };
            Arc::new(values.map(text).collect::<StringArray>())
        }
    }
}

/// An IPC stream, handed out piece by piece.
pub struct Stream {
    view: &'static ViewDef,
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Stream {
    /// Begins a stream.
    ///
    /// # Errors
    /// When Arrow cannot write the schema.
    pub fn open(view: &'static ViewDef, about: &[(&str, String)]) -> Result<Stream, ArrowError> {
        let schema = schema(view, about);
        let writer = StreamWriter::try_new(Vec::new(), &schema)?;
        Ok(Stream { view, schema, writer })
    }

    /// The bytes of these rows, and of the schema if they are the first.
    ///
    /// # Errors
    /// As [`batch`].
    pub fn rows(&mut self, rows: &[Row]) -> Result<Vec<u8>, ArrowError> {
        self.writer.write(&batch(self.view, &self.schema, rows)?)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    /// The last bytes.
    ///
    /// # Errors
    /// When Arrow cannot write the end of the stream.
    pub fn close(mut self) -> Result<Vec<u8>, ArrowError> {
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.get_mut()))
    }
}
