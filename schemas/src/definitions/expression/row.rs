//! Rows of views in what is reckoned: a view, the whole of a key, and a column.
//!
//! Only rows are looked up whose key is known in full, so that a look-up is one look, however many rows there are.

use std::fmt;

use super::{ExprKind, ExpressionError, RowExpr, Subject};
use crate::input::Scope;
use crate::value::DEC_ONE;

/// The most columns of a key.
pub const MOST_KEY: usize = 8;

/// A column of a row, or whether there is such a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowOf {
    /// The view.
    pub view: String,
    /// The columns of its key after the realm; none where a view has one row.
    pub key: Vec<KeyPart>,
    /// The column; without it whether there is such a row.
    pub column: Option<String>,
}

/// A column of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyPart {
    /// The id of the actor's holder of a scope.
    Holder(Scope),
    /// The fact of the actor's holder of its scope.
    Fact(String),
    /// An id.
    Text(String),
    /// Millionths.
    Number(i64),
    /// True or false.
    Bool(bool),
}

impl RowOf {
    /// The row that a part of a text names.
    ///
    /// # Errors
    /// When its key is none.
    pub(super) fn of(row: &RowExpr) -> Result<RowOf, ExpressionError> {
        let RowExpr { view, key, column } = row;
        if key.len() > MOST_KEY {
            let message = format!("a key of {} columns", key.len());
            let hint = format!(
                "a row is found by all columns of its key, at most {MOST_KEY}: `view.hunters[player].kills`"
            );
            return Err(ExpressionError::new(view.from, view.to, message, hint));
        }
        let part = |expr: &super::Expr| {
            Ok(match &expr.kind {
                ExprKind::Number(number) => KeyPart::Number(super::comparison::millionths(number)),
                ExprKind::Text(text) => KeyPart::Text(text.clone()),
                ExprKind::Bool(is) => KeyPart::Bool(*is),
                ExprKind::Name(parts) => match parts.as_slice() {
                    [word] => match Scope::ALL.into_iter().find(|scope| scope.name() == word.text) {
                        Some(scope) => KeyPart::Holder(scope),
                        None => KeyPart::Text(word.text.clone()),
                    },
                    parts => match Subject::of(parts)? {
                        Subject::Fact(_, fact) => KeyPart::Fact(fact.text.clone()),
                        _ => return Err(no_key(expr)),
                    },
                },
                _ => return Err(no_key(expr)),
            })
        };
        Ok(RowOf {
            view: view.text.clone(),
            key: key.iter().map(part).collect::<Result<_, _>>()?,
            column: column.as_ref().map(|column| column.text.clone()),
        })
    }
}

fn no_key(expr: &super::Expr) -> ExpressionError {
    let hint = "a key is of ids, numbers, facts with their scope (`player.path`), and `player`, `party`, `guild`, `account`, \
                `region`, `instance` and `realm`, which stand for the holder's own";
    ExpressionError::of(expr, "no row is found by this", hint)
}

impl fmt::Display for RowOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<String> = self.key.iter().map(ToString::to_string).collect();
        write!(f, "view.'{}'[{}]", self.view, key.join(", "))?;
        self.column.as_ref().map_or(Ok(()), |column| write!(f, ".'{column}'"))
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyPart::Holder(scope) => f.write_str(scope.name()),
            KeyPart::Fact(fact) => write!(f, "fact.'{fact}'"),
            KeyPart::Text(text) => write!(f, "'{text}'"),
            KeyPart::Number(whole) if whole % DEC_ONE == 0 => write!(f, "{}", whole / DEC_ONE),
            KeyPart::Number(millionths) => write!(f, "{}", crate::Value::Dec(*millionths)),
            KeyPart::Bool(is) => write!(f, "{is}"),
        }
    }
}
