//! Typed expressions, and what they are for a row.
//!
//! Names, types and conversions are settled when a view is planned; here nothing can fail. What has no value
//! (a division by zero, a number that does not fit, a text that would be too long) is NULL, and logic has three
//! values as in SQL. There is no clock here: `now()` is a bound of a plan, not an expression.

use std::cmp::Ordering;

use worldflow_schemas::Value;
use worldflow_schemas::value::DEC_ONE;

use super::functions::{Function, call};
use super::kind::Kind;
use super::like::matches;
use super::packed::Packed;

/// An expression over the columns of a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Expr {
    /// A column, and what it holds.
    Column(usize, Kind),
    /// A constant.
    Literal(Value),
    /// Not.
    Not(Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// Whether it is NULL.
    IsNull(Box<Expr>),
    /// Whether it is exactly this truth.
    Is(Box<Expr>, bool),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Whether both are the same, NULL being the same as NULL.
    Same(Box<Expr>, Box<Expr>),
    /// Arithmetic on two numbers of one kind.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// The first that is true, or the last.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// Whether it is among constants.
    In(Box<Expr>, Vec<Value>),
    /// Whether it is like a pattern, and what makes the next character of the pattern mean itself.
    Like(Box<Expr>, Box<Expr>, Option<char>),
    /// A function.
    Call(Function, Vec<Expr>),
    /// A conversion.
    Cast(Box<Expr>, Cast),
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether it holds of two values in this order.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }

    /// The same, with its sides exchanged.
    pub(super) fn turned(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            same => same,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// Arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`: of whole numbers the whole part.
    Divide,
    /// `%`: what is left, with the sign of the dividend.
    Remainder,
}

impl Arithmetic {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Remainder => "%",
        }
    }
}

/// Conversions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cast {
    /// A whole number to a fraction.
    IntToDec,
    /// A fraction to a whole number, nearest.
    DecToInt,
    /// A tick of so many milliseconds to UTC milliseconds.
    TickToTime(u32),
    /// Anything to text.
    ToText,
    /// Text or a value of any kind to a whole number, if it is one.
    ParseInt,
    /// Text or a value of any kind to a fraction, if it is one.
    ParseDec,
    /// Text or a value of any kind to a truth, if it is one.
    ParseBool,
    /// A truth to 1 or 0.
    BoolToInt,
    /// A value of any kind to text, if it is one.
    AnyToText,
}

impl Expr {
    /// What it is for a row.
    #[must_use]
    pub fn of(&self, row: &Packed) -> Value {
        match self {
            Expr::Column(column, kind) => row.get(*column, *kind),
            Expr::Literal(value) => value.clone(),
            Expr::Not(inner) => truth(inner.of(row)).map_or(Value::Null, |inner| Value::Bool(!inner)),
            Expr::And(left, right) => both(left, right, row),
            Expr::Or(left, right) => either(left, right, row),
            Expr::IsNull(inner) => Value::Bool(inner.of(row) == Value::Null),
            Expr::Is(inner, wanted) => Value::Bool(truth(inner.of(row)) == Some(*wanted)),
            Expr::Compare(comparison, left, right) => compare(&left.of(row), &right.of(row))
                .map_or(Value::Null, |o| Value::Bool(comparison.holds(o))),
            Expr::Same(left, right) => {
                let (left, right) = (left.of(row), right.of(row));
                Value::Bool(
                    (left == Value::Null && right == Value::Null)
                        || compare(&left, &right).is_some_and(Ordering::is_eq),
                )
            }
            Expr::Arithmetic(arithmetic, left, right) => {
                reckon(*arithmetic, &left.of(row), &right.of(row)).unwrap_or_default()
            }
            Expr::Case(whens, otherwise) => {
                let chosen = whens.iter().find(|(when, _)| when.holds(row));
                chosen.map_or(&**otherwise, |(_, then)| then).of(row)
            }
            Expr::In(inner, among) => is_among(&inner.of(row), among),
            Expr::Like(text, pattern, escape) => match (text.of(row).as_str(), pattern.of(row).as_str()) {
                (Some(text), Some(pattern)) => Value::Bool(matches(text, pattern, *escape)),
                _ => Value::Null,
            },
            Expr::Call(function, arguments) => call(*function, arguments, row).unwrap_or_default(),
            Expr::Cast(inner, cast) => convert(inner.of(row), *cast).unwrap_or_default(),
        }
    }

    /// Whether it is true, neither false nor NULL.
    #[must_use]
    pub fn holds(&self, row: &Packed) -> bool {
        truth(self.of(row)) == Some(true)
    }

    /// Visits it and everything in it.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Column(..) | Expr::Literal(_) => {}
            Expr::Not(inner)
            | Expr::IsNull(inner)
            | Expr::Is(inner, _)
            | Expr::In(inner, _)
            | Expr::Cast(inner, _) => inner.each(visit),
            Expr::And(left, right)
            | Expr::Or(left, right)
            | Expr::Compare(_, left, right)
            | Expr::Same(left, right)
            | Expr::Arithmetic(_, left, right)
            | Expr::Like(left, right, _) => {
                left.each(visit);
                right.each(visit);
            }
            Expr::Case(whens, otherwise) => {
                for (when, then) in whens {
                    when.each(visit);
                    then.each(visit);
                }
                otherwise.each(visit);
            }
            Expr::Call(_, arguments) => arguments.iter().for_each(|argument| argument.each(visit)),
        }
    }

    /// The same with each column at its new place.
    pub(super) fn moved(&self, to: &dyn Fn(usize) -> usize) -> Expr {
        let boxed = |inner: &Expr| Box::new(inner.moved(to));
        match self {
            Expr::Column(column, kind) => Expr::Column(to(*column), *kind),
            Expr::Literal(value) => Expr::Literal(value.clone()),
            Expr::Not(inner) => Expr::Not(boxed(inner)),
            Expr::IsNull(inner) => Expr::IsNull(boxed(inner)),
            Expr::Is(inner, wanted) => Expr::Is(boxed(inner), *wanted),
            Expr::In(inner, among) => Expr::In(boxed(inner), among.clone()),
            Expr::Cast(inner, cast) => Expr::Cast(boxed(inner), *cast),
            Expr::And(left, right) => Expr::And(boxed(left), boxed(right)),
            Expr::Or(left, right) => Expr::Or(boxed(left), boxed(right)),
            Expr::Compare(comparison, left, right) => Expr::Compare(*comparison, boxed(left), boxed(right)),
            Expr::Same(left, right) => Expr::Same(boxed(left), boxed(right)),
            Expr::Arithmetic(arithmetic, left, right) => {
                Expr::Arithmetic(*arithmetic, boxed(left), boxed(right))
            }
            Expr::Like(left, right, escape) => Expr::Like(boxed(left), boxed(right), *escape),
            Expr::Case(whens, otherwise) => Expr::Case(
                whens.iter().map(|(when, then)| (when.moved(to), then.moved(to))).collect(),
                boxed(otherwise),
            ),
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(|argument| argument.moved(to)).collect())
            }
        }
    }

    /// The columns it reads.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.each(&mut |inner| {
            if let Expr::Column(column, _) = inner {
                columns.push(*column);
            }
        });
        columns
    }
}

/// The truth of a value; `None` is NULL.
pub(super) fn truth(value: Value) -> Option<bool> {
    if let Value::Bool(truth) = value { Some(truth) } else { None }
}

fn both(left: &Expr, right: &Expr, row: &Packed) -> Value {
    match truth(left.of(row)) {
        Some(false) => Value::Bool(false),
        Some(true) => right.of(row),
        None if truth(right.of(row)) == Some(false) => Value::Bool(false),
        None => Value::Null,
    }
}

fn either(left: &Expr, right: &Expr, row: &Packed) -> Value {
    match truth(left.of(row)) {
        Some(true) => Value::Bool(true),
        Some(false) => right.of(row),
        None if truth(right.of(row)) == Some(true) => Value::Bool(true),
        None => Value::Null,
    }
}

/// By value; `None` if either is NULL.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Sym(left), Value::Sym(right)) => Some(left.cmp_text(*right)),
        (Value::Int(left), Value::Int(right)) | (Value::Dec(left), Value::Dec(right)) => {
            Some(left.cmp(right))
        }
        _ => left.compare(right),
    }
}

fn is_among(value: &Value, among: &[Value]) -> Value {
    if *value == Value::Null {
        return if among.is_empty() { Value::Bool(false) } else { Value::Null };
    }
    let mut unknown = false;
    for other in among {
        match compare(value, other) {
            Some(Ordering::Equal) => return Value::Bool(true),
            Some(_) => {}
            None => unknown |= *other == Value::Null,
        }
    }
    if unknown { Value::Null } else { Value::Bool(false) }
}

fn reckon(arithmetic: Arithmetic, left: &Value, right: &Value) -> Option<Value> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let (left, right) = (*left, *right);
            let made = match arithmetic {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
                Arithmetic::Divide => left.checked_div(right),
                Arithmetic::Remainder if right == -1 => Some(0),
                Arithmetic::Remainder => left.checked_rem(right),
            };
            made.map(Value::Int)
        }
        (Value::Dec(left), Value::Dec(right)) => {
            let (left, right, one) = (i128::from(*left), i128::from(*right), i128::from(DEC_ONE));
            let made = match arithmetic {
                Arithmetic::Add => Some(left + right),
                Arithmetic::Subtract => Some(left - right),
                Arithmetic::Multiply => Some(nearest(left * right, one)),
                Arithmetic::Divide => (right != 0).then(|| nearest(left * one, right)),
                Arithmetic::Remainder => left.checked_rem(right),
            };
            i64::try_from(made?).ok().map(Value::Dec)
        }
        _ => None,
    }
}

/// The whole number nearest to `n / by`, halves away from zero. `by` is not zero.
pub(super) fn nearest(n: i128, by: i128) -> i128 {
    let (whole, rest) = (n / by, n % by);
    let up = rest.unsigned_abs() * 2 >= by.unsigned_abs();
    whole
        + if !up {
            0
        } else if (n < 0) == (by < 0) {
            1
        } else {
            -1
        }
}

fn convert(value: Value, cast: Cast) -> Option<Value> {
    match (cast, value) {
        (_, Value::Null) => None,
        (Cast::IntToDec, Value::Int(n)) => n.checked_mul(DEC_ONE).map(Value::Dec),
        (Cast::DecToInt, Value::Dec(n)) => {
            i64::try_from(nearest(i128::from(n), i128::from(DEC_ONE))).ok().map(Value::Int)
        }
        (Cast::TickToTime(tick_ms), Value::Int(n)) => n.checked_mul(i64::from(tick_ms)).map(Value::Int),
        (Cast::BoolToInt, Value::Bool(truth)) => Some(Value::Int(i64::from(truth))),
        (Cast::ToText, value) => Some(match value {
            Value::Sym(_) | Value::Text(_) => value,
            other => Value::text(&other.to_string()),
        }),
        (Cast::AnyToText, value) => value.as_str().map(Value::text),
        (Cast::ParseInt, Value::Int(n)) => Some(Value::Int(n)),
        (Cast::ParseInt, Value::Dec(n)) => convert(Value::Dec(n), Cast::DecToInt),
        (Cast::ParseInt, value) => value.as_str()?.trim().parse().ok().map(Value::Int),
        (Cast::ParseDec, Value::Dec(n)) => Some(Value::Dec(n)),
        (Cast::ParseDec, Value::Int(n)) => convert(Value::Int(n), Cast::IntToDec),
        (Cast::ParseDec, value) => decimal(value.as_str()?.trim()).map(Value::Dec),
        (Cast::ParseBool, Value::Bool(truth)) => Some(Value::Bool(truth)),
        (Cast::ParseBool, value) => match value.as_str()?.trim() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}

/// The millionths of a decimal number of at most six places.
pub(super) fn decimal(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || part.len() > 6 || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let number: i128 = format!("{whole}{part:0<6}").parse().ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, millionths) in [
            ("1.5", Some(1_500_000)),
            ("-.25", Some(-250_000)),
            ("7", Some(7_000_000)),
            ("0.0000001", None),
            ("1e3", None),
            (".", None),
            ("1.50000000", Some(1_500_000)),
        ] {
            assert_eq!(decimal(text), millionths, "{text}");
        }
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (n, by, nearest_one) in [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (4, 3, 1), (-4, 3, -1), (7, 4, 2)] {
            assert_eq!(nearest(n, by), nearest_one, "{n} / {by}");
        }
    }
}
