//! The text of a file of views as its statements. What a statement means is not known here.

use std::collections::BTreeSet;

use sqlparser::ast::{CreateView, Ident, ObjectName, ObjectNamePart, Query, Spanned, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::error::{Result, SqlError};

/// The longest text of a file of views, in bytes.
pub const MAX_TEXT: usize = 256 << 10;

/// The most words and signs of one statement: it is walked recursively.
const MAX_TOKENS: usize = 4_000;

/// How deep expressions and queries may lie in each other.
const MAX_DEPTH: usize = 50;

/// A statement `CREATE VIEW name AS query`.
#[derive(Debug)]
pub(super) struct CreateStatement {
    /// The view's name.
    pub(super) name: Ident,
    /// Names of its columns, if they are given.
    pub(super) columns: Vec<Ident>,
    /// Its query.
    pub(super) query: Box<Query>,
    /// Its text.
    pub(super) sql: String,
    /// Its key words, in their order.
    pub(super) words: Vec<(Keyword, Span)>,
}

impl CreateStatement {
    /// The names that stand in FROM, those of WITH and within other queries too.
    pub(super) fn reads(&self) -> BTreeSet<String> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, &self.sql).tokenize().unwrap_or_default();
        let (mut reads, mut in_from, mut next) = (BTreeSet::new(), false, false);
        for token in tokens {
            match token {
                Token::Word(word) => match word.keyword {
                    Keyword::FROM => (in_from, next) = (true, true),
                    Keyword::JOIN => next = true,
                    Keyword::SELECT | Keyword::WHERE | Keyword::GROUP | Keyword::ORDER => {
                        (in_from, next) = (false, false);
                    }
                    _ if std::mem::take(&mut next) => {
                        reads.insert(folded(&Ident {
                            value: word.value,
                            quote_style: word.quote_style,
                            span: Span::empty(),
                        }));
                    }
                    _ => {}
                },
                Token::Comma => next = in_from,
                _ => {}
            }
        }
        reads
    }
}

/// Every statement of a text; a problem in one does not hide those in others.
pub(super) fn statements(text: &str) -> Vec<Result<CreateStatement>> {
    if text.len() > MAX_TEXT {
        let message = format!("{} bytes in one file of views", text.len());
        return vec![Err(SqlError::at(Span::empty(), message, format!("part it: at most {MAX_TEXT} bytes")))];
    }
    let dialect = PostgreSqlDialect {};
    let tokens = match Tokenizer::new(&dialect, text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => {
            let place = Span::new(error.location, error.location);
            let message = format!("this is not SQL: {}", error.message);
            return vec![Err(SqlError::at(place, message, "look for a quote that is not closed"))];
        }
    };
    let parts = tokens.split(|token| token.token == Token::SemiColon);
    let is_blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_) | Token::EOF);
    parts.filter(|part| !part.iter().all(is_blank)).map(|part| statement(&dialect, text, part)).collect()
}

fn statement(dialect: &PostgreSqlDialect, text: &str, tokens: &[TokenWithSpan]) -> Result<CreateStatement> {
    let meant = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let first = tokens.iter().find(meant).map_or(Span::empty(), |token| token.span);
    let last = tokens.iter().rev().find(meant).map_or(first, |token| token.span);
    let count = tokens.iter().filter(meant).count();
    if count > MAX_TOKENS {
        let message = format!("a view of {count} words and signs");
        return Err(SqlError::at(
            first,
            message,
            format!("make it of several views: at most {MAX_TOKENS} each"),
        ));
    }
    let mut parser =
        Parser::new(dialect).with_recursion_limit(MAX_DEPTH).with_tokens_with_locations(tokens.to_vec());
    let parsed = parser.parse_statements().map_err(|error| of_parser(&error, first, last))?;
    let mut parsed = parsed.into_iter();
    let (Some(statement), None) = (parsed.next(), parsed.next()) else {
        return Err(SqlError::at(first, "two statements without a `;` between them", "end each with `;`"));
    };
    let words = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) if word.keyword != Keyword::NoKeyword => Some((word.keyword, token.span)),
        _ => None,
    });
    let sql = &text[offset(text, first.start)..offset(text, last.end)];
    create_view(statement, first, sql, words.collect())
}

/// The byte at a place.
fn offset(text: &str, place: Location) -> usize {
    let mut at = (1, 1);
    for (offset, char) in text.char_indices() {
        if at >= (place.line, place.column) {
            return offset;
        }
        at = if char == '\n' { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
    }
    text.len()
}

/// The parser's own words, with the place taken out of them.
fn of_parser(error: &ParserError, first: Span, last: Span) -> SqlError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            let message = "expressions or queries lie too deep in each other";
            return SqlError::at(first, message, "part it with WITH, or make it of several views");
        }
    };
    let (message, place) = text.rsplit_once(" at Line: ").unwrap_or((text, ""));
    let numbers = place.split_once(", Column: ");
    let numbers = numbers.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    let span = numbers
        .map_or(last, |(line, column)| Span::new(Location::new(line, column), Location::new(line, column)));
    let message = message.replacen("Expected: ", "expected ", 1).replacen("found: ", "found ", 1);
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    SqlError::at(span, first + chars.as_str(), "a view is `CREATE VIEW name AS SELECT ...;`")
}

const FORM: &str = "a file of views has only `CREATE VIEW name AS SELECT ...;`";

fn create_view(
    statement: Statement,
    place: Span,
    sql: &str,
    words: Vec<(Keyword, Span)>,
) -> Result<CreateStatement> {
    let Statement::CreateView(view) = statement else {
        return Err(SqlError::at(place, "this is not a view", FORM));
    };
    let CreateView {
        name,
        columns,
        query,
        or_replace,
        materialized,
        temporary,
        if_not_exists,
        to,
        or_alter,
        secure,
        comment,
        ..
    } = view;
    let refused = [
        (or_replace, "OR REPLACE", "a view is replaced when its text changes: write `CREATE VIEW`"),
        (materialized, "MATERIALIZED", "every view is kept up to date: write `CREATE VIEW`"),
        (temporary, "TEMPORARY", "write `CREATE VIEW`; a file that is removed takes its views away"),
        (if_not_exists, "IF NOT EXISTS", "write `CREATE VIEW`"),
        (or_alter || secure || to.is_some() || comment.is_some(), "this option of CREATE VIEW", FORM),
    ];
    if let Some((_, what, hint)) = refused.into_iter().find(|(is, ..)| *is) {
        return Err(SqlError::at(place, format!("{what} is not supported"), hint));
    }
    Ok(CreateStatement {
        name: single(&name)?.clone(),
        columns: columns.into_iter().map(|column| column.name).collect(),
        query,
        sql: sql.to_owned(),
        words,
    })
}

/// A name without a dot.
pub(super) fn single(name: &ObjectName) -> Result<&Ident> {
    match &name.0[..] {
        [ObjectNamePart::Identifier(name)] => Ok(name),
        _ => Err(SqlError::at(
            name.span(),
            format!("`{name}` has parts"),
            "views have no schema: write the name alone",
        )),
    }
}

/// A name as it is compared: without quotes it is in lower case.
pub(super) fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
