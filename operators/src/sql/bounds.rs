//! Bounds in time: `now() <= at + INTERVAL '10 minutes'` as one of the conditions of WHERE.
//!
//! `now()` is the beginning of the tick in UTC milliseconds, `world_now()` world time there. A row comes and goes
//! by itself as time passes, so the present is no value that an expression could have.

use sqlparser::ast::{self, BinaryOperator, Spanned};
use worldflow_schemas::Value;

use super::error::{Result, SqlError};
use super::expr::{Arithmetic, Expr};
use super::kind::Kind;
use super::literals::interval_literal;
use super::parse::folded;
use super::plan::While;
use super::resolve::{OUTER, Resolver, comparison};
use super::typed::{Typed, reckoned};

const HINT: &str = "write `now() <= at + INTERVAL '10 minutes'`, with <, <=, > or >=";

/// The bound that a condition is, if it is one.
pub(super) fn bound(ast: &ast::Expr, resolver: &mut Resolver<'_>) -> Result<Option<While>> {
    if let ast::Expr::Between { expr, low, high, .. } = ast {
        if [expr, low, high].into_iter().any(|part| present(part).is_some()) {
            return Err(SqlError::at(
                ast.span(),
                "now() within BETWEEN",
                "write two conditions joined by AND",
            ));
        }
        return Ok(None);
    }
    let ast::Expr::BinaryOp { left, op, right } = ast else { return Ok(None) };
    let Some(comparison) = comparison(op) else { return Ok(None) };
    let ((world, offset_ms), comparison, moment) = match (present(left), present(right)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(SqlError::at(ast.span(), "the present on both sides", HINT)),
        (Some(present), None) => (present?, comparison, right),
        (None, Some(present)) => (present?, comparison.turned(), left),
    };
    if matches!(comparison.sign(), "=" | "<>") {
        return Err(SqlError::at(ast.span(), format!("now() {} a moment", comparison.sign()), HINT));
    }
    let typed = resolver.expr(moment)?;
    let span = typed.span;
    let typed = if typed.kind == Kind::Null {
        typed.to(Kind::Time, resolver.tick_ms)?
    } else {
        typed.into_moment(resolver.tick_ms)?
    };
    let clocks = if world {
        (Kind::World, "world_now()", "world times such as `world_ms`")
    } else {
        (Kind::Time, "now()", "ticks and times such as `since`")
    };
    if typed.kind != clocks.0 {
        return Err(SqlError::at(
            ast.span(),
            format!("{} is compared with {}", clocks.1, typed.kind.name()),
            format!("{} goes with {}", clocks.1, clocks.2),
        ));
    }
    if typed.expr.columns().iter().any(|column| *column >= OUTER) {
        return Err(SqlError::at(
            ast.span(),
            "a bound in time on the query around this one",
            "write it there",
        ));
    }
    // `now() + c <= m` is `now() <= m - c`.
    let moment = if offset_ms == 0 {
        typed.expr
    } else {
        let offset = Typed::literal(Value::Int(offset_ms), Kind::Span, span);
        reckoned(Arithmetic::Subtract, typed, offset, resolver.tick_ms)?.expr
    };
    Ok(Some(While { world, comparison, moment }))
}

/// Whether an expression is the present, of the world or not, and so many milliseconds.
fn present(ast: &ast::Expr) -> Option<Result<(bool, i64)>> {
    match ast {
        ast::Expr::Nested(inner) => present(inner),
        ast::Expr::Function(call) => {
            let [ast::ObjectNamePart::Identifier(name)] = &call.name.0[..] else { return None };
            match folded(name).as_str() {
                "now" | "current_timestamp" => Some(Ok((false, 0))),
                "world_now" => Some(Ok((true, 0))),
                _ => None,
            }
        }
        ast::Expr::BinaryOp { left, op: op @ (BinaryOperator::Plus | BinaryOperator::Minus), right } => {
            let inner = present(left)?;
            let ast::Expr::Interval(interval) = &**right else {
                return Some(Err(SqlError::at(
                    ast.span(),
                    "the present and something that is no written span",
                    HINT,
                )));
            };
            let ms = match interval_literal(interval, ast.span()).map(|typed| typed.expr) {
                Ok(Expr::Literal(Value::Int(ms))) => ms,
                Ok(_) => return None,
                Err(error) => return Some(Err(error)),
            };
            let sign = if *op == BinaryOperator::Plus { 1 } else { -1 };
            Some(inner.and_then(|(world, offset)| {
                let offset = ms.checked_mul(sign).and_then(|ms| offset.checked_add(ms));
                offset
                    .map(|offset| (world, offset))
                    .ok_or_else(|| SqlError::at(ast.span(), "a span that does not fit", HINT))
            }))
        }
        _ => None,
    }
}
