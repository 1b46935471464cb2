//! Expressions with their kinds, and how two kinds meet.

use sqlparser::tokenizer::Span;
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{Sym, Value};

use super::error::{Result, SqlError};
use super::expr::{Arithmetic, Cast, Comparison, Expr};
use super::kind::Kind;

/// An expression, what it holds, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) span: Span,
}

impl Typed {
    pub(super) fn literal(value: Value, kind: Kind, span: Span) -> Typed {
        Typed { nullable: value == Value::Null, expr: Expr::Literal(value), kind, span }
    }

    pub(super) fn truth(expr: Expr, nullable: bool, span: Span) -> Typed {
        Typed { expr, kind: Kind::Bool, nullable, span }
    }

    fn cast(self, cast: Cast, kind: Kind) -> Typed {
        let nullable = self.nullable || !matches!(cast, Cast::TickToTime(_) | Cast::BoolToInt | Cast::ToText);
        Typed { expr: Expr::Cast(Box::new(self.expr), cast), kind, nullable, span: self.span }
    }

    fn error(&self, message: String, hint: impl Into<String>) -> SqlError {
        SqlError::at(self.span, message, hint)
    }

    /// The truth it is.
    pub(super) fn into_truth(self) -> Result<Typed> {
        match self.kind {
            Kind::Bool => Ok(self),
            Kind::Null => Ok(Typed { kind: Kind::Bool, ..self }),
            other => Err(self.error(
                format!("a condition is needed here, and this is {}", other.name()),
                "compare it with something: `x > 0`, `x IS NOT NULL`",
            )),
        }
    }

    /// The text it is.
    pub(super) fn into_text(self) -> Result<Typed> {
        match self.kind {
            _ if self.kind.is_text() => Ok(self),
            Kind::Null => Ok(Typed { kind: Kind::Text, ..self }),
            Kind::Int => Ok(self.cast(Cast::ToText, Kind::Text)),
            other => Err(self.error(
                format!("text is needed here, and this is {}", other.name()),
                "write CAST(... AS TEXT)",
            )),
        }
    }

    /// The whole number it is.
    pub(super) fn into_int(self) -> Result<Typed> {
        match self.kind {
            Kind::Int => Ok(self),
            Kind::Null => Ok(Typed { kind: Kind::Int, ..self }),
            other => Err(self.error(
                format!("a whole number is needed here, and this is {}", other.name()),
                "write CAST(... AS INTEGER)",
            )),
        }
    }

    /// A number, of its own kind.
    pub(super) fn into_number(self) -> Result<Typed> {
        match self.kind {
            Kind::Int | Kind::Dec => Ok(self),
            Kind::Null => Ok(Typed { kind: Kind::Int, ..self }),
            other => Err(self.error(
                format!("a number is needed here, and this is {}", other.name()),
                "write CAST(... AS INTEGER) or CAST(... AS DECIMAL)",
            )),
        }
    }

    /// The moment it is, in milliseconds; ticks are of `tick_ms`.
    pub(super) fn into_moment(self, tick_ms: u32) -> Result<Typed> {
        match self.kind {
            Kind::Time | Kind::World => Ok(self),
            Kind::Tick => Ok(self.cast(Cast::TickToTime(tick_ms), Kind::Time)),
            other => Err(self.error(
                format!("a moment is needed here, and this is {}", other.name()),
                "use a column of a time, such as `since` or `at`",
            )),
        }
    }

    /// The same as `kind`, where it can be without loss.
    pub(super) fn to(self, kind: Kind, tick_ms: u32) -> Result<Typed> {
        match (self.kind, kind) {
            (own, wanted) if own == wanted => Ok(self),
            (Kind::Null, kind) => Ok(Typed { kind, ..self }),
            (Kind::Int, Kind::Dec) => {
                let literal =
                    if let Expr::Literal(Value::Int(n)) = self.expr { n.checked_mul(DEC_ONE) } else { None };
                match literal {
                    Some(n) => Ok(Typed { expr: Expr::Literal(Value::Dec(n)), kind, ..self }),
                    None => Ok(self.cast(Cast::IntToDec, kind)),
                }
            }
            (Kind::Tick, Kind::Time) => self.into_moment(tick_ms),
            (own, wanted) if own.is_text() && wanted.is_text() => {
                let id = match &self.expr {
                    Expr::Literal(value) if wanted == Kind::Id => value.as_str().and_then(Sym::try_new),
                    _ => None,
                };
                let expr = id.map_or(self.expr, |id| Expr::Literal(Value::Sym(id)));
                Ok(Typed { expr, kind, ..self })
            }
            (own, wanted) => Err(SqlError::at(
                self.span,
                format!("{} is needed here, and this is {}", wanted.name(), own.name()),
                hint_between(own, wanted),
            )),
        }
    }

    /// `CAST(self AS kind)`.
    pub(super) fn converted(self, kind: Kind, tick_ms: u32) -> Result<Typed> {
        let cast = match (self.kind, kind) {
            (Kind::Any, Kind::Int) => Cast::ParseInt,
            (Kind::Any, Kind::Dec) => Cast::ParseDec,
            (Kind::Any, Kind::Bool) => Cast::ParseBool,
            (Kind::Any, Kind::Text) => {
                return Ok(Typed { nullable: true, ..self.cast(Cast::AnyToText, kind) });
            }
            (own, Kind::Int) if own.is_text() => Cast::ParseInt,
            (own, Kind::Dec) if own.is_text() => Cast::ParseDec,
            (own, Kind::Bool) if own.is_text() => Cast::ParseBool,
            (Kind::Bool, Kind::Int) => Cast::BoolToInt,
            (Kind::Int, Kind::Bool) => {
                let zero = Box::new(Expr::Literal(Value::Int(0)));
                let expr = Expr::Compare(Comparison::NotEqual, Box::new(self.expr), zero);
                return Ok(Typed { expr, kind, ..self });
            }
            (Kind::Dec, Kind::Int) => Cast::DecToInt,
            // Milliseconds, or ticks, as they are.
            (own, Kind::Int) if own.is_moment() || own == Kind::Span => return Ok(Typed { kind, ..self }),
            (Kind::Int, to) if to.is_moment() => return Ok(Typed { kind, ..self }),
            (own, Kind::Text) if !own.is_text() && own != Kind::Null => Cast::ToText,
            _ => return self.to(kind, tick_ms),
        };
        Ok(self.cast(cast, kind))
    }
}

fn hint_between(own: Kind, wanted: Kind) -> String {
    match (own, wanted) {
        (Kind::Any, _) => "the value may be of any kind: write CAST(... AS INTEGER), DECIMAL, BOOLEAN or TEXT".to_owned(),
        (Kind::Dec, Kind::Int) => "write CAST(... AS INTEGER), which rounds, or floor(...)".to_owned(),
        (Kind::Dec, Kind::Bool) => "compare it: `x <> 0`".to_owned(),
        (_, wanted) if matches!(wanted, Kind::Int | Kind::Dec | Kind::Bool) => format!("write CAST(... AS {})", wanted.name()),
        (_, wanted) if wanted.is_text() => "write CAST(... AS TEXT)".to_owned(),
        (Kind::World, _) | (_, Kind::World) => "world time and real time do not meet: use world_now() with world times, now() with ticks and times".to_owned(),
        _ => "compare values of one kind".to_owned(),
    }
}

/// Both as one kind, which every one of `all` can be without loss.
pub(super) fn common(all: &[&Typed]) -> Option<Kind> {
    let mut kind = Kind::Null;
    let mut literal = true;
    for typed in all {
        let is_literal = matches!(typed.expr, Expr::Literal(_));
        kind = match (kind, typed.kind) {
            (Kind::Null, other) => {
                literal = is_literal;
                other
            }
            (own, Kind::Null) => own,
            (own, other) if own == other => {
                literal &= is_literal;
                own
            }
            (Kind::Int, Kind::Dec) | (Kind::Dec, Kind::Int) => Kind::Dec,
            (Kind::Tick, Kind::Time) | (Kind::Time, Kind::Tick) => Kind::Time,
            // A constant is what it meets; an id meets free text as text.
            (own, other) if own.is_text() && other.is_text() => {
                let met = if literal {
                    other
                } else if is_literal {
                    own
                } else {
                    Kind::Text
                };
                literal &= is_literal;
                met
            }
            _ => return None,
        };
    }
    Some(kind)
}

/// The number in a text that meets a number.
fn quoted_number<'a>(text: &'a Typed, other: &Typed) -> Option<&'a str> {
    let Expr::Literal(value) = &text.expr else { return None };
    let is_number = matches!(other.kind, Kind::Int | Kind::Dec);
    value.as_str().filter(|text| is_number && text.parse::<f64>().is_ok_and(f64::is_finite))
}

/// A written number that meets a text: as a number the text would be NULL.
fn bare_number(number: &Typed, other: &Typed) -> Option<String> {
    match &number.expr {
        Expr::Literal(value @ (Value::Int(_) | Value::Dec(_))) if other.kind.is_text() => {
            Some(value.to_string())
        }
        _ => None,
    }
}

/// Both as one kind.
pub(super) fn unify(left: Typed, right: Typed, tick_ms: u32) -> Result<(Typed, Typed, Kind)> {
    match common(&[&left, &right]) {
        Some(Kind::Any) => Err(SqlError::at(
            left.span,
            "values that may be of any kind cannot be compared",
            hint_between(Kind::Any, Kind::Any),
        )),
        Some(kind) => Ok((left.to(kind, tick_ms)?, right.to(kind, tick_ms)?, kind)),
        None => Err(SqlError::at(
            left.span.union(&right.span),
            format!("{} and {} do not meet", left.kind.name(), right.kind.name()),
            if right.kind == Kind::Null {
                String::new()
            } else if let Some(number) = quoted_number(&left, &right).or_else(|| quoted_number(&right, &left))
            {
                format!("remove the quotes: {number}")
            } else if let Some(number) = bare_number(&left, &right).or_else(|| bare_number(&right, &left)) {
                format!("put it in quotes: '{number}'")
            } else {
                hint_between(left.kind, if left.kind == Kind::Any { left.kind } else { right.kind })
            },
        )),
    }
}

/// A comparison.
pub(super) fn compared(comparison: Comparison, left: Typed, right: Typed, tick_ms: u32) -> Result<Typed> {
    let span = left.span.union(&right.span);
    let (left, right, _) = unify(left, right, tick_ms)?;
    let nullable = left.nullable || right.nullable;
    Ok(Typed::truth(Expr::Compare(comparison, Box::new(left.expr), Box::new(right.expr)), nullable, span))
}

/// Arithmetic on numbers, moments and spans.
pub(super) fn reckoned(arithmetic: Arithmetic, left: Typed, right: Typed, tick_ms: u32) -> Result<Typed> {
    let span = left.span.union(&right.span);
    let make = |left: Typed, right: Typed, kind| {
        let may_fail = matches!(arithmetic, Arithmetic::Divide | Arithmetic::Remainder);
        // A sum that does not fit is NULL, which is not held against a sum: it is beyond any number of a game.
        let nullable = left.nullable || right.nullable || may_fail;
        Ok(Typed {
            expr: Expr::Arithmetic(arithmetic, Box::new(left.expr), Box::new(right.expr)),
            kind,
            nullable,
            span,
        })
    };
    let add_or_subtract = matches!(arithmetic, Arithmetic::Add | Arithmetic::Subtract);
    match (left.kind, right.kind) {
        (moment, Kind::Span) if moment.is_moment() && add_or_subtract => {
            let left = left.into_moment(tick_ms)?;
            let kind = left.kind;
            make(left, right, kind)
        }
        (Kind::Span, moment) if moment.is_moment() && arithmetic == Arithmetic::Add => {
            let right = right.into_moment(tick_ms)?;
            let kind = right.kind;
            make(left, right, kind)
        }
        (first, second) if first.is_moment() && second.is_moment() && arithmetic == Arithmetic::Subtract => {
            let (left, right) = (left.into_moment(tick_ms)?, right.into_moment(tick_ms)?);
            let (left, right, _) = unify(left, right, tick_ms)?;
            make(left, right, Kind::Span)
        }
        (Kind::Span, Kind::Span) if add_or_subtract => make(left, right, Kind::Span),
        (Kind::Span, Kind::Int) if matches!(arithmetic, Arithmetic::Multiply | Arithmetic::Divide) => {
            make(left, right, Kind::Span)
        }
        (Kind::Int, Kind::Span) if arithmetic == Arithmetic::Multiply => make(left, right, Kind::Span),
        (first, second) if first.is_moment() || second.is_moment() => Err(SqlError::at(
            span,
            format!("{} {} {} has no meaning", first.name(), arithmetic.sign(), second.name()),
            "to a time add a span: `since + INTERVAL '10 minutes'`; CAST(... AS INTEGER) gives its number",
        )),
        _ => {
            let (left, right, kind) = unify(left.into_number()?, right.into_number()?, tick_ms)?;
            make(left, right, kind)
        }
    }
}

/// The span that a text such as `10 minutes` or `1 hour 30 minutes` says, in milliseconds.
pub(super) fn span_ms(text: &str) -> Option<i64> {
    let mut ms = 0_i64;
    let mut words = text.split_whitespace();
    let mut any = false;
    while let Some(number) = words.next() {
        let number: i64 = number.parse().ok()?;
        ms = ms.checked_add(number.checked_mul(unit_ms(words.next()?)?)?)?;
        any = true;
    }
    any.then_some(ms)
}

/// The milliseconds of a unit.
pub(super) fn unit_ms(unit: &str) -> Option<i64> {
    let unit = unit.to_lowercase();
    Some(match unit.strip_suffix('s').unwrap_or(&unit) {
        "millisecond" | "m" if unit == "ms" || unit.starts_with("milli") => 1,
        "second" | "sec" => 1_000,
        "minute" | "min" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 7 * 86_400_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_units() {
        for (text, ms) in [
            ("10 minutes", Some(600_000)),
            ("1 hour 30 minutes", Some(5_400_000)),
            ("250 ms", Some(250)),
            ("1 week", Some(604_800_000)),
            ("1 month", None),
            ("10", None),
            ("", None),
            ("-5 seconds", Some(-5_000)),
        ] {
            assert_eq!(span_ms(text), ms, "{text}");
        }
    }
}
