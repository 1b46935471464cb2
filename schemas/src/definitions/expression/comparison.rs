//! Comparisons of what is reckoned: `player.gold + 5 >= party.fund * 2`.
//!
//! What compares one thing with a value is a key of its own in a condition. This is for the rest: arithmetic, and two things
//! with each other. It is text wherever it is written down.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Arithmetic, Compare, Expr, ExprKind, ExpressionError, KeyPart, RowOf, Subject, parse};
use crate::value::DEC_ONE;

/// A comparison of two terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// The left side.
    pub left: Term,
    /// How they compare.
    pub compare: Compare,
    /// The right side.
    pub right: Term,
}

/// What has a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    /// Millionths.
    Number(i64),
    /// An id.
    Text(String),
    /// True or false.
    Bool(bool),
    /// The fact of the actor's holder of its scope.
    Fact(String),
    /// The player's level.
    Level,
    /// The weather's intensity.
    Intensity,
    /// A column of a row of a view, or whether there is such a row.
    Row(RowOf),
    /// Two numbers make another.
    Arithmetic(Box<Term>, Arithmetic, Box<Term>),
}

impl Term {
    /// Calls `visit` with the name of every fact.
    pub fn facts<'a>(&'a self, visit: &mut impl FnMut(&'a str)) {
        match self {
            Term::Fact(fact) => visit(fact),
            Term::Row(row) => row.key.iter().for_each(|part| {
                if let KeyPart::Fact(fact) = part {
                    visit(fact);
                }
            }),
            Term::Arithmetic(a, _, b) => {
                a.facts(visit);
                b.facts(visit);
            }
            Term::Number(_) | Term::Text(_) | Term::Bool(_) | Term::Level | Term::Intensity => {}
        }
    }

    /// Calls `visit` with every row.
    pub fn rows<'a>(&'a self, visit: &mut impl FnMut(&'a RowOf)) {
        match self {
            Term::Row(row) => visit(row),
            Term::Arithmetic(a, _, b) => {
                a.rows(visit);
                b.rows(visit);
            }
            _ => {}
        }
    }

    /// A term of a text. A lone word is a fact, and an id where `lone` is `true`.
    ///
    /// # Errors
    /// When it is no term.
    pub fn of(expr: &Expr, lone: bool) -> Result<Term, ExpressionError> {
        Ok(match &expr.kind {
            ExprKind::Number(number) => Term::Number(millionths(number)),
            ExprKind::Text(text) => Term::Text(text.clone()),
            ExprKind::Bool(is) => Term::Bool(*is),
            ExprKind::Name(parts) => match parts.as_slice() {
                [word] if lone => Term::Text(word.text.clone()),
                parts => match Subject::of(parts)? {
                    Subject::Fact(_, fact) => Term::Fact(fact.text.clone()),
                    Subject::Level => Term::Level,
                    Subject::WeatherIntensity => Term::Intensity,
                    _ => {
                        let message = "nothing can be reckoned with this";
                        return Err(ExpressionError::of(
                            expr,
                            message,
                            "facts, columns of views, `player.level` and `weather.intensity` can be",
                        ));
                    }
                },
            },
            ExprKind::Row(row) => Term::Row(RowOf::of(row)?),
            ExprKind::Arithmetic(a, arithmetic, b) => {
                Term::Arithmetic(Box::new(Term::of(a, false)?), *arithmetic, Box::new(Term::of(b, false)?))
            }
            ExprKind::Negated(inner) => {
                let zero = Box::new(Term::Number(0));
                Term::Arithmetic(zero, Arithmetic::Minus, Box::new(Term::of(inner, false)?))
            }
            _ => {
                let message = "this has no value that could be compared";
                return Err(ExpressionError::of(expr, message, "compare facts, levels, numbers and ids"));
            }
        })
    }
}

pub(super) fn millionths(number: &str) -> i64 {
    let (negative, digits) = number.strip_prefix('-').map_or((false, number), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<6}");
    // The lexer lets through what fits only.
    let whole: i64 = whole.parse().unwrap_or(0);
    let value = whole.saturating_mul(DEC_ONE).saturating_add(fraction.parse().unwrap_or(0));
    if negative { -value } else { value }
}

impl Comparison {
    /// The comparison that a part of a text is.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(expr: &Expr) -> Result<Comparison, ExpressionError> {
        let ExprKind::Compare(left, compare, right) = &expr.kind else {
            let hint = "write two terms with one of == != < <= > >= between them";
            return Err(ExpressionError::of(expr, "this is no comparison", hint));
        };
        let right_is_word = matches!(&right.kind, ExprKind::Name(parts) if parts.len() == 1);
        Ok(Comparison {
            left: Term::of(left, false)?,
            compare: *compare,
            right: Term::of(right, right_is_word)?,
        })
    }

    /// Calls `visit` with the name of every fact.
    pub fn facts<'a>(&'a self, mut visit: impl FnMut(&'a str)) {
        self.left.facts(&mut visit);
        self.right.facts(&mut visit);
    }

    /// Calls `visit` with every row.
    pub fn rows<'a>(&'a self, mut visit: impl FnMut(&'a RowOf)) {
        self.left.rows(&mut visit);
        self.right.rows(&mut visit);
    }

    /// Whether a side reads the level, or the weather.
    #[must_use]
    pub fn reads(&self, what: &Term) -> bool {
        fn within(term: &Term, what: &Term) -> bool {
            match term {
                Term::Arithmetic(a, _, b) => within(a, what) || within(b, what),
                term => term == what,
            }
        }
        within(&self.left, what) || within(&self.right, what)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Number(millionths) => write!(f, "{}", crate::Value::Dec(*millionths)),
            Term::Text(text) => write!(f, "'{text}'"),
            Term::Bool(is) => write!(f, "{is}"),
            Term::Fact(fact) => write!(f, "fact.'{fact}'"),
            Term::Level => f.write_str("player.level"),
            Term::Intensity => f.write_str("weather.intensity"),
            Term::Row(row) => write!(f, "{row}"),
            Term::Arithmetic(a, arithmetic, b) => write!(f, "({a} {} {b})", arithmetic.sign()),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.compare.sign(), self.right)
    }
}

impl std::str::FromStr for Comparison {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Comparison, ExpressionError> {
        Comparison::of(&parse(text)?)
    }
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Comparison {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Comparison, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Comparison {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Comparison".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Two terms that compare: facts, columns of views, `player.level`, `weather.intensity`, numbers, and what + - * / % make of them.",
            "examples": ["player.renown * 2 > realm.village_mood + 1"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_read_back_as_it_was() {
        for text in [
            "player.gold + 5 >= party.fund * 2",
            "-(gold) < -2.5 - level % 3",
            "path == iron",
            "player.path != player.'other-path'",
            "weather.intensity / 0.5 <= 1.000001",
            "brave == true",
            "view.hunters[player].kills + 1 >= 10 * view.'feuds'['red-1', player.path, -2.5, true].n",
            "view.hunters[guild] == false",
            "view.clock[].day > 3",
        ] {
            let comparison: Comparison = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let again = comparison.to_string().parse();
            assert_eq!(again, Ok(comparison), "{text}");
        }
        assert_eq!(
            "path == iron".parse::<Comparison>().map(|c| c.to_string()),
            Ok("fact.'path' == 'iron'".into())
        );
        assert!("gold".parse::<Comparison>().is_err() && "season == 1 + 1".parse::<Comparison>().is_err());
    }

    #[test]
    fn reckoning_is_exact_and_says_when_it_cannot() {
        let dec = |text: &str| i128::from(millionths(text));
        for (a, sign, b, result) in [
            ("0.1", Arithmetic::Plus, "0.2", Some("0.3")),
            ("1", Arithmetic::Over, "3", Some("0.333333")),
            ("-1", Arithmetic::Over, "3", Some("-0.333333")),
            ("7", Arithmetic::Modulo, "2.5", Some("2")),
            ("-7", Arithmetic::Modulo, "2", Some("-1")),
            ("0.001", Arithmetic::Times, "0.001", Some("0.000001")),
            ("1", Arithmetic::Over, "0", None),
            ("1", Arithmetic::Modulo, "0", None),
        ] {
            assert_eq!(sign.apply(dec(a), dec(b)), result.map(dec), "{a} {} {b}", sign.sign());
        }
        assert_eq!(Arithmetic::Times.apply(i128::MAX, 2), None);
    }
}
