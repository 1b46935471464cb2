//! What is worked out in dialogue: numbers in millionths, texts, true and false.
//!
//! A world folder has checked the kinds of all of it, so what does not fit is not an error here but nothing: a number is 0, a text
//! empty, a test false. Numbers stay within 64 bits of millionths, and dividing by 0 gives 0.

use std::fmt;

use serde::{Deserialize, Serialize};
use worldflow_schemas::definitions::Function;
use worldflow_schemas::value::DEC_ONE;
use worldflow_schemas::{ArcStr, Value};

/// A value of a formula.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Said {
    /// A number, in millionths.
    Number(i64),
    /// A text.
    Text(ArcStr),
    /// True or false.
    Bool(bool),
}

const ONE: i128 = DEC_ONE as i128;

impl Said {
    /// What a fact holds.
    #[must_use]
    pub fn of(value: &Value) -> Said {
        match value {
            Value::Bool(truth) => Said::Bool(*truth),
            Value::Int(_) | Value::Dec(_) => number(value.as_millionths().unwrap_or(0)),
            other => Said::Text(other.as_str().unwrap_or_default().into()),
        }
    }

    /// What a fact is to hold.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Said::Bool(truth) => Value::Bool(*truth),
            Said::Number(millionths) if millionths % DEC_ONE == 0 => Value::Int(millionths / DEC_ONE),
            Said::Number(millionths) => Value::Dec(*millionths),
            Said::Text(text) => Value::Text(text.clone()),
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Said::Bool(truth) => *truth,
            Said::Number(millionths) => *millionths != 0,
            Said::Text(_) => false,
        }
    }

    /// This and another together.
    pub(super) fn plus(&self, by: &Said) -> Said {
        of(Function::Add, &[self.clone(), by.clone()], &mut |_| 0)
    }

    fn millionths(&self) -> i128 {
        match self {
            Said::Number(millionths) => (*millionths).into(),
            _ => 0,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Bool(truth) => truth.fmt(f),
            Said::Text(text) => f.write_str(text),
            Said::Number(millionths) => Value::Dec(*millionths).fmt(f),
        }
    }
}

fn number(millionths: i128) -> Said {
    let within = millionths.clamp(i64::MIN.into(), i64::MAX.into());
    Said::Number(i64::try_from(within).unwrap_or(0))
}

/// Works out a function of values. `draw` gives a whole number below its bound.
pub(super) fn of(function: Function, values: &[Said], draw: &mut dyn FnMut(u64) -> u64) -> Said {
    let nothing = Said::Number(0);
    let a = values.first().unwrap_or(&nothing);
    let b = values.get(1).unwrap_or(&nothing);
    let (x, y) = (a.millionths(), b.millionths());
    let whole = |millionths: i128| number(millionths.saturating_mul(ONE));
    match function {
        Function::Equal => Said::Bool(a == b),
        Function::NotEqual => Said::Bool(a != b),
        Function::Greater => Said::Bool(x > y),
        Function::AtLeast => Said::Bool(x >= y),
        Function::Less => Said::Bool(x < y),
        Function::AtMost => Said::Bool(x <= y),
        Function::Add => match (a, b) {
            (Said::Text(a), Said::Text(b)) => Said::Text(joined(a, b)),
            _ => number(x + y),
        },
        Function::Subtract => number(x - y),
        Function::Multiply => number(x * y / ONE),
        Function::Divide => number((x * ONE).checked_div(y).unwrap_or(0)),
        Function::Modulo => number(x.checked_rem(y).unwrap_or(0)),
        Function::Negate => number(-x),
        Function::And => Said::Bool(a.holds() && b.holds()),
        Function::Or => Said::Bool(a.holds() || b.holds()),
        Function::Xor => Said::Bool(a.holds() != b.holds()),
        Function::Not => Said::Bool(!a.holds()),
        Function::Dice => whole(1 + drawn(x / ONE, draw)),
        Function::RandomRange => {
            let (from, to) = (x / ONE, y / ONE);
            whole(from + drawn(to - from + 1, draw))
        }
        Function::Floor => whole(x.div_euclid(ONE)),
        Function::Ceil => whole(-(-x).div_euclid(ONE)),
        Function::Round => whole((x.abs() + ONE / 2) / ONE * x.signum()),
        Function::Int => whole(x / ONE),
        Function::Text => Said::Text(a.to_string().into()),
    }
}

/// A number below a bound; 0 when there is none.
fn drawn(bound: i128, draw: &mut dyn FnMut(u64) -> u64) -> i128 {
    u64::try_from(bound).ok().filter(|bound| *bound > 0).map_or(0, |bound| draw(bound).into())
}

/// The longest text that is made of others, in bytes.
const MOST_TEXT: usize = 4_000;

fn joined(a: &str, b: &str) -> ArcStr {
    let mut text = format!("{a}{b}");
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(millionths: i64) -> Said {
        Said::Number(millionths)
    }

    #[test]
    fn numbers_are_exact_bounded_and_read_as_they_are_written() {
        let none = &mut |_: u64| 0;
        for (function, values, expected) in [
            (Function::Divide, [n(1_000_000), n(4_000_000)], "0.25"),
            (Function::Divide, [n(1_000_000), n(0)], "0"),
            (Function::Modulo, [n(-7_000_000), n(3_000_000)], "-1"),
            (Function::Multiply, [n(i64::MAX), n(i64::MAX)], "9223372036854.775807"),
            (Function::Negate, [n(i64::MIN), n(0)], "9223372036854.775807"),
            (Function::Round, [n(-2_500_000), n(0)], "-3"),
            (Function::Floor, [n(-2_500_000), n(0)], "-3"),
            (Function::Ceil, [n(-2_500_000), n(0)], "-2"),
            (Function::Int, [n(-2_500_000), n(0)], "-2"),
            (Function::RandomRange, [n(3_000_000), n(1_000_000)], "3"),
            (Function::Dice, [n(0), n(0)], "1"),
            (Function::Text, [n(-500_000), n(0)], "-0.5"),
        ] {
            assert_eq!(of(function, &values, none).to_string(), expected, "{function:?} {values:?}");
        }
    }

    #[test]
    fn texts_do_not_grow_without_end() {
        let long = Said::Text("é".repeat(1_999).into());
        let Said::Text(text) = of(Function::Add, &[long.clone(), long], &mut |_| 0) else {
            panic!("no text")
        };
        assert_eq!(text.len(), MOST_TEXT);
    }
}
