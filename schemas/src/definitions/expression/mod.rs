//! Conditions as text: `player.level >= 5 and weather.state in [rain, storm]`.
//!
//! `text ─lexer→ tokens ─parser→ Expr`, each part with its bytes in the text, so that whoever reads a world can point inside
//! it. An [`Expr`] says shape only: which names there are, and what they can be compared with, is the business of the
//! check of a world.

mod comparison;
mod lexer;
mod named;
mod parser;
mod row;
mod subject;

use std::fmt;

pub use comparison::{Comparison, Term};
pub use named::views_named;
pub use parser::parse;
pub use row::{KeyPart, MOST_KEY, RowOf};
pub use subject::Subject;

use super::span::Span;

/// The longest text of a condition, in bytes.
pub const MOST_TEXT: usize = 4_000;

/// The deepest nesting of parentheses, `not` and signs.
pub const MOST_DEPTH: usize = 24;

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its first byte.
    pub from: usize,
    /// The byte after its last.
    pub to: usize,
}

/// What a part of a text is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// All hold.
    And(Vec<Expr>),
    /// At least one holds.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// Two values compare.
    Compare(Box<Expr>, Compare, Box<Expr>),
    /// A value lies between two, both included; of times of day the second is excluded.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A value is one of these.
    In(Box<Expr>, Vec<Expr>),
    /// Two numbers make another.
    Arithmetic(Box<Expr>, Arithmetic, Box<Expr>),
    /// A number with the other sign.
    Negated(Box<Expr>),
    /// A name, in its parts: `player.level`.
    Name(Vec<Part>),
    /// A row of a view by its key, or a column of it: `view.hunters[player].kills`.
    Row(RowExpr),
    /// A number, as written.
    Number(String),
    /// A text in quotes.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A time of day, as written: `20:00`.
    Time(String),
    /// A span of time.
    Span(Span),
}

/// A part of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Without quotes.
    pub text: String,
    /// Its first byte.
    pub from: usize,
    /// The byte after its last.
    pub to: usize,
}

/// A row of a view by its key, or a column of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowExpr {
    /// The view.
    pub view: Part,
    /// The columns of its key after the realm.
    pub key: Vec<Expr>,
    /// The column; without it whether there is such a row.
    pub column: Option<Part>,
}

/// How two values compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    /// `==`
    Is,
    /// `!=`
    IsNot,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Compare {
    /// How it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Compare::Is => "==",
            Compare::IsNot => "!=",
            Compare::Below => "<",
            Compare::AtMost => "<=",
            Compare::Above => ">",
            Compare::AtLeast => ">=",
        }
    }

    /// The same with its sides exchanged.
    #[must_use]
    pub fn flipped(self) -> Compare {
        match self {
            Compare::Below => Compare::Above,
            Compare::AtMost => Compare::AtLeast,
            Compare::Above => Compare::Below,
            Compare::AtLeast => Compare::AtMost,
            same => same,
        }
    }

    /// Whether it holds of values that are in this order.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Compare::Is => order.is_eq(),
            Compare::IsNot => order.is_ne(),
            Compare::Below => order.is_lt(),
            Compare::AtMost => order.is_le(),
            Compare::Above => order.is_gt(),
            Compare::AtLeast => order.is_ge(),
        }
    }
}

/// What makes a number of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arithmetic {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`, cut to millionths towards zero.
    Over,
    /// `%`, with the sign of the first.
    Modulo,
}

impl Arithmetic {
    /// How it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Arithmetic::Plus => "+",
            Arithmetic::Minus => "-",
            Arithmetic::Times => "*",
            Arithmetic::Over => "/",
            Arithmetic::Modulo => "%",
        }
    }

    /// The result in millionths, of millionths; `None` for what is too large, and for a division by zero.
    #[must_use]
    pub fn apply(self, a: i128, b: i128) -> Option<i128> {
        const ONE: i128 = crate::value::DEC_ONE as i128;
        match self {
            Arithmetic::Plus => a.checked_add(b),
            Arithmetic::Minus => a.checked_sub(b),
            Arithmetic::Times => a.checked_mul(b).map(|product| product / ONE),
            Arithmetic::Over => a.checked_mul(ONE)?.checked_div(b),
            Arithmetic::Modulo => a.checked_rem(b),
        }
    }
}

/// A text that is no condition, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpressionError {
    /// The first byte of what is wrong.
    pub from: usize,
    /// The byte after its last.
    pub to: usize,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl ExpressionError {
    /// What is wrong with a stretch of the text.
    #[must_use]
    pub fn new(
        from: usize,
        to: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> ExpressionError {
        ExpressionError { from, to, message: message.into(), hint: hint.into() }
    }

    /// What is wrong with a part.
    #[must_use]
    pub fn of(expr: &Expr, message: impl Into<String>, hint: impl Into<String>) -> ExpressionError {
        ExpressionError::new(expr.from, expr.to, message, hint)
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for ExpressionError {}
