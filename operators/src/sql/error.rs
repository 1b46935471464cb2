//! What is wrong with a view: where, what was found, and what to write instead.

use std::fmt;

use sqlparser::tokenizer::Span;

/// A problem of a view's text. Lines and columns count from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqlError {
    /// The line; 0 for the text as a whole.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// How many characters, at least one.
    pub length: u32,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// What can go wrong is one problem at a time, within one view.
pub(super) type Result<T> = std::result::Result<T, SqlError>;

impl SqlError {
    /// A problem at a place.
    pub(super) fn at(span: Span, message: impl Into<String>, hint: impl Into<String>) -> SqlError {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let length = if span.start.line == span.end.line {
            span.end.column.saturating_sub(span.start.column).max(1)
        } else {
            1
        };
        SqlError {
            line: small(span.start.line),
            column: small(span.start.column),
            length: small(length),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The same, where a nearer place than `span` is not known.
    pub(super) fn or_at(mut self, span: Span) -> SqlError {
        if self.line == 0 {
            let SqlError { line, column, length, .. } = SqlError::at(span, "", "");
            (self.line, self.column, self.length) = (line, column, length);
        }
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\nhint: {}", self.hint) }
    }
}

impl std::error::Error for SqlError {}
