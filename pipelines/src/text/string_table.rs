//! String tables of Unreal Engine 5, as CSV: `Key,SourceString,Comment`.
//!
//! The engine escapes within a field as C does, besides the quotes of CSV, and so does this. What the columns mean for a
//! world is another file's business.

use std::fmt;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The most rows of a file.
pub const MAX_ROWS: usize = 200_000;

/// A row of a string table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// What is shown.
    pub text: String,
    /// What the table says of it.
    pub comment: String,
    /// The line of the file that it ends in; 0 for one that has not been read.
    pub line: u64,
}

/// A file that is no string table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableError {
    /// Its line.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nhint: {}", self.line, self.message, self.hint)
    }
}

impl std::error::Error for TableError {}

/// The file of these rows.
#[must_use]
pub fn write(rows: &[Row]) -> String {
    let mut file = "Key,SourceString,Comment\r\n".to_owned();
    for row in rows {
        let fields = [&row.key, &row.text, &row.comment].map(|field| format!("\"{}\"", escaped(field)));
        file.push_str(&fields.join(","));
        file.push_str("\r\n");
    }
    file
}

/// Reads a file; columns may stand in any order, and others beside them.
///
/// # Errors
/// With the line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Row>, TableError> {
    let error = |line: u64, message: String, hint: String| TableError { line, message, hint };
    if text.len() > MAX_BYTES {
        return Err(error(1, "this file is too large".to_owned(), format!("at most {MAX_BYTES} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(line) = unclosed(text) {
        let hint = "the file is cut off, or a `\"` is missing: export the table again".to_owned();
        return Err(error(line, "a text that begins here is not closed".to_owned(), hint));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let not_csv = |problem: &csv::Error| {
        let line = problem.position().map_or(1, csv::Position::line);
        error(line, "this is not CSV".to_owned(), "save it as CSV with commas, in UTF-8".to_owned())
    };
    let names = reader.headers().map_err(|problem| not_csv(&problem))?.clone();
    let column = |wanted: &str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
    let (Some(key), Some(shown)) = (column("Key"), column("SourceString")) else {
        let hint = "the first line names the columns: Key,SourceString,Comment".to_owned();
        return Err(error(1, "this is no string table".to_owned(), hint));
    };
    let comment = column("Comment");
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|problem| not_csv(&problem))?;
        let line = record.position().map_or(1, csv::Position::line);
        if rows.len() >= MAX_ROWS {
            return Err(error(line, "too many texts".to_owned(), format!("at most {MAX_ROWS}")));
        }
        let field = |column: usize| {
            record.get(column).map(unescaped).ok_or_else(|| {
                error(
                    line,
                    "a column is missing in this row".to_owned(),
                    "a row has a key and a text".to_owned(),
                )
            })
        };
        let comment = comment.and_then(|comment| record.get(comment)).map(unescaped).unwrap_or_default();
        rows.push(Row { key: field(key)?, text: field(shown)?, comment, line });
    }
    Ok(rows)
}

/// The line in which a field in quotes begins that the file does not close: where a file ends is no end of a text.
fn unclosed(text: &str) -> Option<u64> {
    /// Where in a field.
    enum At {
        Begin,
        Plain,
        Quoted(u64),
        /// Behind a quote that ends it, unless another one follows.
        Closing(u64),
    }
    let (mut at, mut line) = (At::Begin, 1);
    for c in text.chars() {
        at = match (at, c) {
            (At::Begin, '"') => At::Quoted(line),
            (At::Quoted(from), '"') => At::Closing(from),
            (At::Quoted(from), _) => At::Quoted(from),
            (At::Closing(from), '"') => At::Quoted(from),
            (_, ',' | '\n' | '\r') => At::Begin,
            _ => At::Plain,
        };
        line += u64::from(c == '\n');
    }
    match at {
        At::Quoted(from) => Some(from),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '"' => escaped.push_str("\"\""),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What the engine writes: a `\` that escapes nothing is itself.
fn unescaped(text: &str) -> String {
    let mut read = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = match (c, chars.peek()) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('t')) => '\t',
            ('\\', Some(other @ ('\\' | '"' | '\''))) => *other,
            _ => {
                read.push(c);
                continue;
            }
        };
        chars.next();
        read.push(escaped);
    }
    read
}
