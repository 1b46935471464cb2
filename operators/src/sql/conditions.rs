//! Conditions: what joined by AND is taken apart into, and what each says of tables and columns.

use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;

use super::bounds::bound;
use super::error::{Result, SqlError};
use super::expr::{Comparison, Expr};
use super::kind::Kind;
use super::plan::While;
use super::query::Planner;
use super::resolve::{OUTER, Resolver, comparison};
use super::scope::Scope;
use super::typed::{Typed, compared, unify};

/// One condition.
pub(super) struct Condition {
    pub(super) expr: Expr,
    pub(super) columns: Vec<usize>,
    pub(super) equal: Option<(Expr, Expr, Kind)>,
    pub(super) bound: Option<While>,
    pub(super) span: Span,
}

/// The parts of a condition that are joined by AND.
pub(super) fn conjuncts(expr: &ast::Expr) -> Vec<&ast::Expr> {
    let mut all = Vec::new();
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        match expr {
            ast::Expr::BinaryOp { left: one, op: ast::BinaryOperator::And, right: other } => {
                left.extend([&**other, &**one])
            }
            ast::Expr::Nested(inner) => left.push(inner),
            _ => all.push(expr),
        }
    }
    all
}

pub(super) fn equality(left: Typed, right: Typed, tick_ms: u32) -> Result<Condition> {
    let span = left.span.union(&right.span);
    let expr = compared(Comparison::Equal, left.clone(), right.clone(), tick_ms)?.expr;
    let (left, right, kind) = unify(left, right, tick_ms)?;
    Ok(Condition {
        columns: expr.columns(),
        expr,
        equal: Some((left.expr, right.expr, kind)),
        bound: None,
        span,
    })
}

/// Takes out the equalities with columns of the query around this one.
pub(super) fn outer_keys(pool: &mut Vec<Condition>) -> Result<Vec<(Expr, Expr, Kind)>> {
    let mut keys = Vec::new();
    let mut kept = Vec::new();
    for condition in pool.drain(..) {
        if condition.columns.iter().all(|column| *column < OUTER) {
            kept.push(condition);
            continue;
        }
        let is_outer = |expr: &Expr| {
            let columns = expr.columns();
            (
                !columns.is_empty() && columns.iter().all(|column| *column >= OUTER),
                columns.iter().all(|column| *column < OUTER),
            )
        };
        let sides =
            condition.equal.map(|(left, right, kind)| (is_outer(&left), is_outer(&right), left, right, kind));
        let inward = |expr: &Expr| expr.moved(&|column| column - OUTER);
        match sides {
            Some(((true, _), (_, true), left, right, kind)) => keys.push((inward(&left), right, kind)),
            Some(((_, true), (true, _), left, right, kind)) => keys.push((inward(&right), left, kind)),
            _ => {
                return Err(SqlError::at(
                    condition.span,
                    "a condition on the query around this one that is no equality",
                    "write `inner.column = outer.column`; other conditions need a JOIN",
                ));
            }
        }
    }
    *pool = kept;
    Ok(keys)
}

/// The sides of an equality between what is joined so far and the table at `start..end`.
pub(super) fn key_of(condition: &Condition, start: usize, end: usize) -> Option<(Expr, Expr, Kind)> {
    let (left, right, kind) = condition.equal.as_ref()?;
    let before = |expr: &Expr| {
        let c = expr.columns();
        !c.is_empty() && c.iter().all(|column| *column < start)
    };
    let own = |expr: &Expr| {
        let c = expr.columns();
        !c.is_empty() && c.iter().all(|column| (start..end).contains(column))
    };
    let here = |expr: &Expr| expr.moved(&|column| column - start);
    if before(left) && own(right) {
        Some((left.clone(), here(right), *kind))
    } else if before(right) && own(left) {
        Some((right.clone(), here(left), *kind))
    } else {
        None
    }
}

/// The expression, and the parts of it without which it is NULL.
fn strict(expr: &Expr, found: &mut dyn FnMut(&Expr)) {
    found(expr);
    match expr {
        Expr::Cast(inner, _) => strict(inner, found),
        Expr::Arithmetic(_, left, right) => {
            strict(left, found);
            strict(right, found);
        }
        Expr::Call(function, arguments) if function.is_strict() => {
            arguments.iter().for_each(|argument| strict(argument, found));
        }
        _ => {}
    }
}

/// What is not NULL where a condition holds: columns, and expressions as they are written.
pub(super) fn never_null(expr: &Expr, found: &mut dyn FnMut(&Expr)) {
    match expr {
        Expr::And(left, right) => {
            never_null(left, found);
            never_null(right, found);
        }
        Expr::Compare(_, left, right) => {
            strict(left, found);
            strict(right, found);
        }
        Expr::In(inner, _) => strict(inner, found),
        Expr::Like(left, right, _) => {
            strict(left, found);
            strict(right, found);
        }
        Expr::Column(_, Kind::Bool) => found(expr),
        Expr::Not(inner) => match &**inner {
            Expr::IsNull(inner) => strict(inner, found),
            Expr::In(inner, _) => strict(inner, found),
            Expr::Column(..) => found(inner),
            _ => {}
        },
        _ => {}
    }
}

impl Planner<'_> {
    /// One condition.
    pub(super) fn condition(
        &self,
        ast: &ast::Expr,
        scope: &Scope,
        outer: Option<&Scope>,
    ) -> Result<Condition> {
        let span = ast.span();
        let mut resolver = Resolver::new(scope, outer, self.tick_ms).noting(self.noted);
        if let Some(bound) = bound(ast, &mut resolver)? {
            let expr = Expr::Not(Box::new(Expr::IsNull(Box::new(bound.moment.clone()))));
            return Ok(Condition { columns: expr.columns(), expr, equal: None, bound: Some(bound), span });
        }
        if let ast::Expr::BinaryOp { left, op, right } = ast
            && comparison(op) == Some(Comparison::Equal)
        {
            let (left, right) = (resolver.expr(left)?, resolver.expr(right)?);
            resolver.note_compared(&left, &right);
            return equality(left, right, self.tick_ms);
        }
        let expr = resolver.expr(ast)?.into_truth()?.expr;
        Ok(Condition { columns: expr.columns(), expr, equal: None, bound: None, span })
    }
}
