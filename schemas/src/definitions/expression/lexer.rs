//! Tokens of a condition's text, with their bytes.

use super::{Compare, ExpressionError, MOST_TEXT};
use crate::definitions::span::Span;

/// A token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A word: a name, a key word, or an id.
    Word(String),
    /// A text in quotes.
    Text(String),
    Number(String),
    Time(String),
    Span(Span),
    Compare(Compare),
    /// One of `+ - * / % ( ) [ ] , .`.
    Sign(char),
}

/// A token and its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lexed {
    pub(super) token: Token,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Cuts a text into tokens.
pub(super) fn lex(text: &str) -> Result<Vec<Lexed>, ExpressionError> {
    if text.len() > MOST_TEXT {
        let message = format!("a condition of more than {MOST_TEXT} bytes");
        return Err(ExpressionError::new(0, text.len(), message, "split it, or keep a part of it in a fact"));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(text, at, first)?;
        tokens.push(Lexed { token, from: at, to: at + length });
        at += length;
    }
    Ok(tokens)
}

fn token(text: &str, at: usize, first: char) -> Result<(Token, usize), ExpressionError> {
    let rest = &text[at..];
    let wrong = |length: usize, message: String, hint: &str| {
        Err(ExpressionError::new(at, at + length, message, hint))
    };
    if first.is_ascii_digit() {
        return number(rest)
            .map_err(|(length, message, hint)| ExpressionError::new(at, at + length, message, hint));
    }
    if first.is_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return Ok((Token::Word(rest[..length].to_owned()), length));
    }
    if first == '\'' || first == '"' {
        return match rest[1..].find(first) {
            Some(length) => Ok((Token::Text(rest[1..=length].to_owned()), length + 2)),
            None => wrong(rest.len(), "a text without its closing quote".to_owned(), "close the quote"),
        };
    }
    for (sign, compare) in [
        ("==", Compare::Is),
        ("!=", Compare::IsNot),
        ("<=", Compare::AtMost),
        (">=", Compare::AtLeast),
        ("<", Compare::Below),
        (">", Compare::Above),
    ] {
        if rest.starts_with(sign) {
            return Ok((Token::Compare(compare), sign.len()));
        }
    }
    for (sign, hint) in
        [("=", "compare with `==`"), ("&&", "write `and`"), ("||", "write `or`"), ("!", "write `not`")]
    {
        if rest.starts_with(sign) {
            return wrong(sign.len(), format!("`{sign}` has no meaning in a condition"), hint);
        }
    }
    if "+-*/%()[],.".contains(first) {
        return Ok((Token::Sign(first), 1));
    }
    let hint = "a condition has names, values, comparisons, `and`, `or`, `not` and parentheses";
    wrong(first.len_utf8(), format!("`{}` has no meaning in a condition", first.escape_default()), hint)
}

type Wrong = (usize, String, &'static str);

/// A number, a time of day, or a span.
fn number(rest: &str) -> Result<(Token, usize), Wrong> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = &rest[digits..];
    if let Some(minutes) = after.strip_prefix(':') {
        let minutes = minutes.bytes().take_while(u8::is_ascii_digit).count();
        let length = digits + 1 + minutes;
        return Ok((Token::Time(rest[..length].to_owned()), length));
    }
    if after.starts_with(|c: char| c.is_alphabetic()) {
        let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let blank = rest[length..].len() - rest[length..].trim_start().len();
        let world = rest[length + blank..].strip_prefix("world");
        let world = world.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        let length = if world { length + blank + "world".len() } else { length };
        return match rest[..length].parse::<Span>() {
            Ok(span) => Ok((Token::Span(span), length)),
            Err(message) => Err((length, message, "an id that begins with a digit needs quotes")),
        };
    }
    let fraction = after.strip_prefix('.').map_or(0, |after| {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 { 0 } else { digits + 1 }
    });
    let length = digits + fraction;
    if fraction > 7 {
        return Err((
            length,
            "a number with more than six places".to_owned(),
            "numbers are exact to a millionth",
        ));
    }
    if digits > 12 {
        return Err((length, "a number that is too large".to_owned(), "numbers lie below 10^12"));
    }
    Ok((Token::Number(rest[..length].to_owned()), length))
}
