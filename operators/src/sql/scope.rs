//! The names that an expression can use.

use sqlparser::tokenizer::Span;

use super::error::SqlError;
use super::expr::Expr;
use super::kind::Column;
use super::origin::Origin;

/// A column that can be named.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// The table's alias or name.
    pub(super) table: String,
    pub(super) column: Column,
    /// Whether it can be named with its table only, as the second of `USING`.
    pub(super) hidden: bool,
    /// The column of a relation that it is, if it is one unchanged.
    pub(super) origin: Option<Origin>,
}

/// Columns in the order of the row.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) columns: Vec<Named>,
    /// What is computed of them and, by the conditions, not NULL.
    never_null: Vec<Expr>,
}

/// Why a name is not found.
pub(super) enum Lost {
    Unknown,
    Ambiguous(Vec<String>),
}

impl Scope {
    pub(super) fn of(table: &str, columns: &[Column]) -> Scope {
        let named = |column: &Column| Named {
            table: table.to_owned(),
            column: column.clone(),
            hidden: false,
            origin: None,
        };
        Scope::over(columns.iter().map(named).collect())
    }

    pub(super) fn over(columns: Vec<Named>) -> Scope {
        Scope { columns, never_null: Vec::new() }
    }

    /// Notes that a column, or what is computed of columns, is not NULL.
    pub(super) fn is_never_null(&mut self, expr: &Expr) {
        match expr {
            Expr::Column(column, _) => {
                if let Some(named) = self.columns.get_mut(*column) {
                    named.column.nullable = false;
                }
            }
            Expr::Literal(_) => {}
            computed => self.never_null.push(computed.clone()),
        }
    }

    /// Whether an expression may be NULL, as far as the conditions tell.
    pub(super) fn may_be_null(&self, expr: &Expr) -> bool {
        !self.never_null.contains(expr)
    }

    /// The place of a column.
    pub(super) fn find(&self, table: Option<&str>, name: &str) -> std::result::Result<usize, Lost> {
        let is = |named: &Named| {
            named.column.name == name && table.map_or(!named.hidden, |table| named.table == table)
        };
        let found: Vec<usize> = (0..self.columns.len()).filter(|at| is(&self.columns[*at])).collect();
        match found[..] {
            [] => Err(Lost::Unknown),
            [one] => Ok(one),
            _ => {
                let whole = |at: &usize| format!("{}.{name}", self.columns[*at].table);
                Err(Lost::Ambiguous(found.iter().map(whole).collect()))
            }
        }
    }

    /// The problem of a name that is not found.
    pub(super) fn lost(&self, lost: Lost, table: Option<&str>, name: &str, span: Span) -> SqlError {
        let whole = table.map_or(name.to_owned(), |table| format!("{table}.{name}"));
        match lost {
            Lost::Ambiguous(which) => SqlError::at(
                span,
                format!("`{whole}` is ambiguous"),
                format!("say which: `{}`", which.join("` or `")),
            ),
            Lost::Unknown if name == "realm" => SqlError::at(
                span,
                "there is no column `realm` here",
                "leave it out: all rows are of one realm, and the view's rows have it as their first column",
            ),
            Lost::Unknown => {
                if let Some(table) = table
                    && !self.columns.iter().any(|named| named.table == table)
                {
                    let tables = self.columns.iter().map(|named| named.table.as_str());
                    let hint = near(table, tables, "name a table of FROM, or its alias");
                    return SqlError::at(span, format!("there is no `{table}` in FROM"), hint);
                }
                let of_table = |named: &&Named| table.is_none_or(|table| named.table == table);
                let known: Vec<&str> =
                    self.columns.iter().filter(of_table).map(|named| named.column.name.as_str()).collect();
                let all = if known.len() <= 24 {
                    format!("the columns are {}", known.join(", "))
                } else {
                    String::new()
                };
                SqlError::at(span, format!("there is no column `{whole}`"), near(name, known, &all))
            }
        }
    }
}

/// A hint with the known name that is nearest, if any is near.
pub(super) fn near<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    let long = wrong.chars().count();
    let most = (long / 3).max(1);
    let ends = |text: &str| (text.chars().next(), text.chars().next_back());
    let nearest = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| {
            // Of a short name one letter more may be wrong where it begins and ends as it should.
            let much = if long >= 3 && ends(wrong) == ends(name) { most.max(2) } else { most };
            *distance <= much && *name != wrong
        })
        .min();
    match nearest {
        Some((_, name)) if otherwise.is_empty() => format!("did you mean `{name}`?"),
        Some((_, name)) => format!("did you mean `{name}`? {otherwise}"),
        None => otherwise.to_owned(),
    }
}
