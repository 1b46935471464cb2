//! The scalar functions: their names, what they take, and what they are.

use worldflow_schemas::Value;
use worldflow_schemas::value::DEC_ONE;

use super::expr::{Expr, compare, nearest};
use super::packed::Packed;

/// The longest text that is made, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// A scalar function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Function {
    /// The size of a number.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// A fraction to so many places, halves away from zero.
    Round,
    /// The largest whole number at most this.
    Floor,
    /// The least whole number at least this.
    Ceil,
    /// The greatest of what is not NULL.
    Greatest,
    /// The least of what is not NULL.
    Least,
    /// The first that is not NULL.
    Coalesce,
    /// NULL if both are equal, else the first.
    NullIf,
    /// In small letters.
    Lower,
    /// In capitals.
    Upper,
    /// How many characters.
    Length,
    /// From a character on, counted from 1, and so many.
    Substr,
    /// Without blanks at both ends.
    Trim,
    /// Without blanks at the beginning.
    Ltrim,
    /// Without blanks at the end.
    Rtrim,
    /// With each occurrence replaced.
    Replace,
    /// One after the other.
    Concat,
    /// Where a text is in another, from 1; 0 if it is not.
    Position,
    /// Whether a text begins with another.
    StartsWith,
    /// The beginning of the window of a length that a moment is in.
    Bin,
}

/// The functions by the names they are written with, and how many arguments they take.
pub(super) const NAMES: [(&str, Function, usize, usize); 26] = [
    ("abs", Function::Abs, 1, 1),
    ("sign", Function::Sign, 1, 1),
    ("round", Function::Round, 1, 2),
    ("floor", Function::Floor, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("ceiling", Function::Ceil, 1, 1),
    ("greatest", Function::Greatest, 2, 16),
    ("least", Function::Least, 2, 16),
    ("coalesce", Function::Coalesce, 2, 16),
    ("ifnull", Function::Coalesce, 2, 2),
    ("nullif", Function::NullIf, 2, 2),
    ("lower", Function::Lower, 1, 1),
    ("upper", Function::Upper, 1, 1),
    ("length", Function::Length, 1, 1),
    ("char_length", Function::Length, 1, 1),
    ("substr", Function::Substr, 2, 3),
    ("substring", Function::Substr, 2, 3),
    ("trim", Function::Trim, 1, 1),
    ("ltrim", Function::Ltrim, 1, 1),
    ("rtrim", Function::Rtrim, 1, 1),
    ("replace", Function::Replace, 3, 3),
    ("concat", Function::Concat, 2, 16),
    ("instr", Function::Position, 2, 2),
    ("strpos", Function::Position, 2, 2),
    ("starts_with", Function::StartsWith, 2, 2),
    ("tumble", Function::Bin, 2, 2),
];

/// The names of all scalar functions.
#[must_use]
pub fn names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, ..)| *name).collect()
}

impl Function {
    /// The first name it is written with.
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, function, ..)| *function == self).map_or("", |(name, ..)| name)
    }

    /// Whether it is NULL for any argument that is.
    pub(super) fn is_strict(self) -> bool {
        !matches!(self, Function::Coalesce | Function::Greatest | Function::Least | Function::NullIf)
    }

    /// What it is given, as one writes it.
    pub(super) fn takes(self) -> &'static str {
        match self {
            Function::Abs | Function::Sign | Function::Floor | Function::Ceil => "number",
            Function::Round => "number, places",
            Function::Greatest | Function::Least | Function::Coalesce | Function::NullIf => "a, b",
            Function::Lower
            | Function::Upper
            | Function::Length
            | Function::Trim
            | Function::Ltrim
            | Function::Rtrim => "text",
            Function::Substr => "text, from, count",
            Function::Replace => "text, 'from', 'to'",
            Function::Concat => "text, text",
            Function::Position => "text, 'part'",
            Function::StartsWith => "text, 'beginning'",
            Function::Bin => "at, INTERVAL '10 minutes'",
        }
    }
}

/// What a function is; `None` is NULL.
pub(super) fn call(function: Function, arguments: &[Expr], row: &Packed) -> Option<Value> {
    match function {
        Function::Coalesce => arguments.iter().map(|argument| argument.of(row)).find(|v| *v != Value::Null),
        Function::Greatest | Function::Least => {
            let values = arguments.iter().map(|argument| argument.of(row)).filter(|v| *v != Value::Null);
            values.reduce(|best, next| {
                let wanted = if function == Function::Greatest {
                    compare(&next, &best)
                } else {
                    compare(&best, &next)
                };
                if wanted.is_some_and(std::cmp::Ordering::is_gt) { next } else { best }
            })
        }
        Function::NullIf => {
            let (value, other) = (arguments[0].of(row), arguments[1].of(row));
            (!compare(&value, &other).is_some_and(std::cmp::Ordering::is_eq)).then_some(value)
        }
        _ => {
            let values: Vec<Value> = arguments.iter().map(|argument| argument.of(row)).collect();
            if values.contains(&Value::Null) {
                return None;
            }
            strict(function, &values)
        }
    }
}

/// Of values none of which is NULL.
fn strict(function: Function, values: &[Value]) -> Option<Value> {
    match function {
        Function::Abs | Function::Sign | Function::Round | Function::Floor | Function::Ceil => {
            number(function, &values[0], values.get(1))
        }
        Function::Bin => {
            let (Value::Int(moment), Value::Int(length)) = (&values[0], &values[1]) else { return None };
            (*length > 0).then(|| Value::Int(moment.div_euclid(*length) * length))
        }
        Function::Substr => {
            let (Value::Int(from), count) = (&values[1], values.get(2)) else { return None };
            let count = if let Some(Value::Int(count)) = count { Some(*count) } else { None };
            Some(Value::text(&substr(values[0].as_str()?, *from, count)))
        }
        Function::Concat => {
            let mut made = String::new();
            for value in values {
                made.push_str(value.as_str()?);
            }
            text(made)
        }
        _ => of_text(function, values),
    }
}

fn of_text(function: Function, values: &[Value]) -> Option<Value> {
    let first = values[0].as_str()?;
    let second = || values.get(1)?.as_str();
    match function {
        Function::Lower => text(first.to_lowercase()),
        Function::Upper => text(first.to_uppercase()),
        Function::Length => Some(Value::count(first.chars().count() as u64)),
        Function::Trim => Some(Value::text(first.trim_matches(' '))),
        Function::Ltrim => Some(Value::text(first.trim_start_matches(' '))),
        Function::Rtrim => Some(Value::text(first.trim_end_matches(' '))),
        Function::StartsWith => Some(Value::Bool(first.starts_with(second()?))),
        Function::Position => {
            let found = first.find(second()?);
            Some(Value::count(found.map_or(0, |at| first[..at].chars().count() as u64 + 1)))
        }
        Function::Replace => {
            let (from, to) = (second()?, values[2].as_str()?);
            if from.is_empty() {
                return Some(Value::text(first));
            }
            let times = first.matches(from).count();
            if first.len() + times * to.len() > MAX_TEXT {
                return None;
            }
            text(first.replace(from, to))
        }
        _ => None,
    }
}

fn text(made: String) -> Option<Value> {
    (made.len() <= MAX_TEXT).then(|| Value::text(&made))
}

fn number(function: Function, value: &Value, places: Option<&Value>) -> Option<Value> {
    match (function, value) {
        (Function::Abs, Value::Int(n)) => n.checked_abs().map(Value::Int),
        (Function::Abs, Value::Dec(n)) => n.checked_abs().map(Value::Dec),
        (Function::Sign, Value::Int(n) | Value::Dec(n)) => Some(Value::Int(n.signum())),
        (Function::Floor | Function::Ceil, Value::Int(n)) => Some(Value::Int(*n)),
        (Function::Floor, Value::Dec(n)) => Some(Value::Int(n.div_euclid(DEC_ONE))),
        (Function::Ceil, Value::Dec(n)) => {
            Some(Value::Int(-((-i128::from(*n)).div_euclid(i128::from(DEC_ONE)) as i64)))
        }
        (Function::Round, Value::Int(n)) => rounded(*n, 0, places).map(Value::Int),
        (Function::Round, Value::Dec(n)) => rounded(*n, 6, places).map(Value::Dec),
        _ => None,
    }
}

/// To so many places behind the point, of a number that is kept with `kept` of them; a negative count is of places before it.
fn rounded(n: i64, kept: i64, places: Option<&Value>) -> Option<i64> {
    let places = if let Some(Value::Int(places)) = places { (*places).clamp(-20, kept) } else { 0 };
    let unit = 10_i128.pow(u32::try_from(kept - places).ok()?);
    i64::try_from(nearest(i128::from(n), unit) * unit).ok()
}

/// From a character on, counted from 1: a place before the first counts towards `count`.
fn substr(text: &str, from: i64, count: Option<i64>) -> String {
    let to = count.map(|count| from.saturating_add(count.max(0)));
    let chars = (1_i64..).zip(text.chars());
    chars.filter(|(at, _)| *at >= from && to.is_none_or(|to| *at < to)).map(|(_, char)| char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_to_places() {
        let dec = |millionths| Value::Dec(millionths);
        assert_eq!(number(Function::Round, &dec(1_255_000), Some(&Value::Int(2))), Some(dec(1_260_000)));
        assert_eq!(number(Function::Round, &dec(-1_500_000), None), Some(dec(-2_000_000)));
        assert_eq!(
            number(Function::Round, &dec(1_234_500_000), Some(&Value::Int(-2))),
            Some(dec(1_200_000_000))
        );
        assert_eq!(number(Function::Round, &Value::Int(-15), Some(&Value::Int(-1))), Some(Value::Int(-20)));
        assert_eq!(number(Function::Round, &Value::Int(5), Some(&Value::Int(3))), Some(Value::Int(5)));
        assert_eq!(
            number(Function::Round, &Value::Int(i64::MAX), Some(&Value::Int(-18))),
            Some(Value::Int(9_000_000_000_000_000_000))
        );
        assert_eq!(
            number(Function::Round, &Value::Int(i64::MAX), Some(&Value::Int(-30))),
            Some(Value::Int(0))
        );
        assert_eq!(number(Function::Floor, &dec(-1_500_000), None), Some(Value::Int(-2)));
        assert_eq!(number(Function::Ceil, &dec(-1_500_000), None), Some(Value::Int(-1)));
        assert_eq!(number(Function::Ceil, &dec(1_000_001), None), Some(Value::Int(2)));
        assert_eq!(number(Function::Abs, &Value::Int(i64::MIN), None), None);
    }

    #[test]
    fn parts_of_texts_are_counted_from_one() {
        assert_eq!(substr("wolf", 2, Some(2)), "ol");
        assert_eq!(substr("wolf", 0, Some(2)), "w");
        assert_eq!(substr("wolf", 3, None), "lf");
        assert_eq!(substr("wolf", 9, Some(1)), "");
    }
}
