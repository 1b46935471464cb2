//! Constants as they are written: numbers, texts, truths, intervals.

use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::error::{Result, SqlError};
use super::expr::decimal;
use super::kind::Kind;
use super::typed::{Typed, span_ms, unit_ms};

/// The problem of a number that is too large.
pub(super) fn too_large(span: Span) -> SqlError {
    SqlError::at(
        span,
        "a number that does not fit",
        "whole numbers have 64 bits; fractions six places and a whole part up to 9,223,372,036,854",
    )
}

/// A constant.
pub(super) fn literal(value: &ast::Value, span: Span) -> Result<Typed> {
    match value {
        ast::Value::Null => Ok(Typed::literal(Value::Null, Kind::Null, span)),
        ast::Value::Boolean(truth) => Ok(Typed::literal(Value::Bool(*truth), Kind::Bool, span)),
        ast::Value::SingleQuotedString(text) => Ok(Typed::literal(Value::text(text), Kind::Text, span)),
        ast::Value::Number(text, _) => {
            if let Ok(n) = text.parse() {
                return Ok(Typed::literal(Value::Int(n), Kind::Int, span));
            }
            let millionths = decimal(text).ok_or_else(|| too_large(span))?;
            Ok(Typed::literal(Value::Dec(millionths), Kind::Dec, span))
        }
        other => Err(SqlError::at(
            span,
            format!("`{other}` is not supported"),
            "write text in single quotes, numbers, TRUE, FALSE or NULL",
        )),
    }
}

/// The milliseconds of an interval that is written out.
pub(super) fn interval_literal(interval: &ast::Interval, span: Span) -> Result<Typed> {
    let hint = "write INTERVAL '10 minutes', in ms, seconds, minutes, hours, days or weeks";
    let wrong =
        || SqlError::at(interval.value.span().union(&span), "an interval that is not understood", hint);
    let ast::Expr::Value(value) = &*interval.value else { return Err(wrong()) };
    let text = match &value.value {
        ast::Value::SingleQuotedString(text) => text.clone(),
        ast::Value::Number(text, _) => text.clone(),
        _ => return Err(wrong()),
    };
    let ms = match &interval.leading_field {
        None => span_ms(&text),
        Some(unit) => text
            .trim()
            .parse::<i64>()
            .ok()
            .zip(unit_ms(&unit.to_string()))
            .and_then(|(n, unit)| n.checked_mul(unit)),
    };
    if interval.last_field.is_some() {
        return Err(wrong());
    }
    ms.map(|ms| Typed::literal(Value::Int(ms), Kind::Span, value.span)).ok_or_else(wrong)
}
