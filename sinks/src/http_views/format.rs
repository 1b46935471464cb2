//! Rows as JSON, NDJSON, CSV or Arrow, a few thousand at a time: a large view is never one buffer.

use std::io;

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use worldflow_engine::realm::Progress;
use worldflow_schemas::catalog::{ColumnType, ViewDef};
use worldflow_schemas::{Row, Sym};

use crate::arrow::Stream;

/// Rows of one piece.
const PIECE_ROWS: usize = 2000;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One object with the rows in a list.
    Json,
    /// One object a line.
    Ndjson,
    /// A header line, then one line a row; null is empty.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// Every format by name.
    pub const ALL: [(&'static str, Format); 4] =
        [("json", Format::Json), ("ndjson", Format::Ndjson), ("csv", Format::Csv), ("arrow", Format::Arrow)];

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// A row as a JSON object. A JSON column is JSON in it, not text.
#[must_use]
pub fn row_json(view: &ViewDef, row: &Row) -> Map<String, Json> {
    let columns = view.columns.iter().zip(row.iter());
    columns
        .map(|(column, value)| {
            let text = value.as_str().filter(|_| column.kind == ColumnType::Json);
            let json = text.and_then(|text| serde_json::from_str(text).ok());
            (column.name.to_owned(), json.unwrap_or_else(|| value.to_json()))
        })
        .collect()
}

/// What is being listed.
pub(super) struct Listing {
    pub(super) view: &'static ViewDef,
    pub(super) realm: Sym,
    pub(super) at: Progress,
    pub(super) rows: Vec<Row>,
}

/// The pieces of a listing.
pub(super) struct Pieces {
    listing: Listing,
    next_row: usize,
    state: State,
}

enum State {
    Json { begun: bool },
    Ndjson,
    Csv { begun: bool },
    Arrow(Box<Stream>),
    Done,
}

impl Pieces {
    pub(super) fn new(listing: Listing, format: Format) -> io::Result<Pieces> {
        let state = match format {
            Format::Json => State::Json { begun: false },
            Format::Ndjson => State::Ndjson,
            Format::Csv => State::Csv { begun: false },
            Format::Arrow => {
                let about = [("realm", listing.realm.to_string()), ("tick", listing.at.tick.to_string())];
                State::Arrow(Box::new(Stream::open(listing.view, &about).map_err(io::Error::other)?))
            }
        };
        Ok(Pieces { listing, next_row: 0, state })
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let Listing { view, realm, at, rows } = &self.listing;
        let last = rows.len().min(self.next_row + PIECE_ROWS);
        let first = std::mem::replace(&mut self.next_row, last);
        let (piece, end) = (&rows[first..last], last == rows.len());
        let mut out = Vec::new();
        match &mut self.state {
            State::Json { begun } => {
                if !*begun {
                    let (view, realm) = (Json::from(view.name), Json::from(realm.as_str()));
                    let head = format!(
                        r#"{{"view":{view},"realm":{realm},"tick":{},"utc_ms":{},"rows":["#,
                        at.tick, at.utc_ms
                    );
                    out.extend_from_slice(head.as_bytes());
                }
                *begun = true;
                for (place, row) in piece.iter().enumerate() {
                    out.extend_from_slice(if first + place == 0 { b"\n" } else { b",\n" });
                    serde_json::to_writer(&mut out, &row_json(view, row))?;
                }
                if end {
                    out.extend_from_slice(b"\n]}\n");
                }
            }
            State::Ndjson => {
                for row in piece {
                    serde_json::to_writer(&mut out, &row_json(view, row))?;
                    out.push(b'\n');
                }
            }
            State::Csv { begun } => {
                let mut csv = csv::Writer::from_writer(&mut out);
                if !*begun {
                    csv.write_record(view.columns.iter().map(|column| column.name))?;
                }
                *begun = true;
                for row in piece {
                    csv.write_record(row.iter().map(ToString::to_string))?;
                }
                csv.flush()?;
            }
            State::Arrow(stream) => out = stream.rows(piece).map_err(io::Error::other)?,
            State::Done => {}
        }
        if end && let State::Arrow(stream) = std::mem::replace(&mut self.state, State::Done) {
            out.extend(stream.close().map_err(io::Error::other)?);
        }
        Ok(out)
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        if matches!(self.state, State::Done) {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.state = State::Done;
        }
        Some(piece.map(Bytes::from))
    }
}
