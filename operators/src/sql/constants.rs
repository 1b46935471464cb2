//! VALUES: rows that are written out, such as a designer's table of prices.

use sqlparser::ast;
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::error::{Result, SqlError};
use super::kind::{Column, Kind};
use super::packed::Packed;
use super::plan::Node;
use super::query::{Planned, Planner, not_too_wide};
use super::resolve::Resolver;
use super::scope::Scope;
use super::typed::{Typed, common};

impl Planner<'_> {
    /// Plans rows that are written out; their columns are `column1`, `column2` and so on until an alias names them.
    pub(super) fn values(&self, values: &ast::Values, span: Span) -> Result<Planned> {
        let scope = Scope::default();
        let mut rows = Vec::new();
        for row in &values.rows {
            let mut resolver = Resolver::new(&scope, None, self.tick_ms);
            let cells = row.content.iter().map(|cell| resolver.expr(cell)).collect::<Result<Vec<_>>>()?;
            rows.push(cells);
        }
        let width = rows.first().map_or(0, Vec::len);
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            let hint = "write as many values in every row: VALUES ('energy', 100), ('food', 30)";
            return Err(SqlError::at(span, "rows of different lengths, or of none", hint));
        }
        not_too_wide(width, span)?;
        let columns: Vec<Column> = (0..width).map(|at| column(&rows, at, span)).collect::<Result<_>>()?;
        let kinds: Vec<Kind> = columns.iter().map(|column| column.kind).collect();
        let mut exprs = Vec::new();
        for row in rows {
            let cells =
                row.into_iter().zip(&kinds).map(|(cell, kind)| Ok(cell.to(*kind, self.tick_ms)?.expr));
            exprs.push(cells.collect::<Result<Vec<_>>>()?);
        }
        let found: Vec<Vec<Value>> =
            exprs.iter().map(|row| row.iter().map(|expr| expr.of(&Packed::empty())).collect()).collect();
        let keys = keys(&found, width);
        Ok(Planned { node: Node::values(exprs, kinds, keys), columns, ranked: None })
    }
}

fn column(rows: &[Vec<Typed>], at: usize, span: Span) -> Result<Column> {
    let cells: Vec<&Typed> = rows.iter().map(|row| &row[at]).collect();
    let kind = common(&cells).filter(|kind| *kind != Kind::Null);
    let Some(kind) = kind else {
        let message = format!("the values of column {} are of different kinds, or all NULL", at + 1);
        return Err(SqlError::at(span, message, "make them one kind: CAST(... AS ...)"));
    };
    let nullable = cells.iter().any(|cell| cell.nullable);
    Ok(Column { name: format!("column{}", at + 1), kind, nullable })
}

/// The columns that tell the rows apart: each that does alone, and as many of the first as are needed.
fn keys(rows: &[Vec<Value>], width: usize) -> Vec<Vec<usize>> {
    let apart = |columns: &[usize]| {
        let of = |row: &Vec<Value>| columns.iter().map(|column| row[*column].clone()).collect::<Vec<_>>();
        let all: Vec<Vec<Value>> = rows.iter().map(of).collect();
        all.iter().enumerate().all(|(place, row)| !all[..place].contains(row))
    };
    let alone = (0..width).map(|column| vec![column]);
    let first = (2..=width).map(|count| (0..count).collect::<Vec<_>>());
    alone.filter(|key| apart(key)).chain(first.filter(|key| apart(key)).take(1)).collect()
}
