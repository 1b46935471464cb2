//! `IN (SELECT ...)` and `EXISTS (SELECT ...)` as conditions of WHERE: semijoins and antijoins.

use sqlparser::ast::{self, Spanned};

use super::error::{Result, SqlError};
use super::from::Joined;
use super::plan::{How, Node};
use super::query::Planner;
use super::resolve::Resolver;
use super::scope::Scope;
use super::typed::{Typed, unify};

/// A condition on a query.
struct Subquery<'a> {
    /// What is to be in it; `EXISTS` has none.
    of: Option<&'a ast::Expr>,
    query: &'a ast::Query,
    negated: bool,
}

/// Whether a condition is `[NOT] IN (SELECT ...)` or `[NOT] EXISTS (SELECT ...)`.
pub(super) fn is_one(ast: &ast::Expr) -> bool {
    of(ast).is_some()
}

fn of(ast: &ast::Expr) -> Option<Subquery<'_>> {
    match ast {
        ast::Expr::Nested(inner) => of(inner),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr } => {
            of(expr).map(|subquery| Subquery { negated: !subquery.negated, ..subquery })
        }
        ast::Expr::Exists { subquery, negated } => {
            Some(Subquery { of: None, query: subquery, negated: *negated })
        }
        ast::Expr::In { expr, target: ast::InTarget::Subquery(query), negated, .. } => {
            Some(Subquery { of: Some(expr), query, negated: *negated })
        }
        _ => None,
    }
}

impl Planner<'_> {
    /// The rows of a node for which a condition on a query holds.
    pub(super) fn subquery(&self, node: Node, scope: &Scope, ast: &ast::Expr) -> Result<Node> {
        let Some(Subquery { of, query, negated }) = of(ast) else { return Ok(node) };
        let how = if negated { How::Anti } else { How::Semi };
        let of =
            of.map(|of| Resolver::new(scope, None, self.tick_ms).noting(self.noted).expr(of)).transpose()?;
        let (right, mut keys) = match plain(query) {
            Some(select) => {
                self.only_supported(select)?;
                let Joined { node: right, scope: inner, outer_keys } = self.joined(select, Some(scope))?;
                let mut keys = outer_keys;
                if let Some(of) = of {
                    let [item] = &select.projection[..] else { return Err(one_column(query)) };
                    let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) =
                        item
                    else {
                        return Err(one_column(query));
                    };
                    let item = Resolver::new(&inner, None, self.tick_ms).noting(self.noted).expr(expr)?;
                    keys.push(self.member(of, item, negated)?);
                }
                (right, keys)
            }
            None => {
                let planned = self.whole(query)?;
                let Some(of) = of else {
                    return Err(SqlError::at(
                        query.span(),
                        "EXISTS with a grouped or limited query",
                        "write x IN (SELECT ...)",
                    ));
                };
                let [column] = &planned.columns[..] else { return Err(one_column(query)) };
                let item = Typed {
                    expr: super::expr::Expr::Column(0, column.kind),
                    kind: column.kind,
                    nullable: column.nullable,
                    span: query.span(),
                };
                (planned.node, vec![self.member(of, item, negated)?])
            }
        };
        if keys.is_empty() {
            let hint = "write EXISTS (SELECT * FROM b WHERE b.player = a.player)";
            return Err(SqlError::at(
                ast.span(),
                "EXISTS without an equality with the query around it",
                hint,
            ));
        }
        keys.dedup();
        Ok(Node::join(how, node, right, keys))
    }

    fn member(
        &self,
        of: Typed,
        item: Typed,
        negated: bool,
    ) -> Result<(super::expr::Expr, super::expr::Expr, super::kind::Kind)> {
        if negated && (of.nullable || item.nullable) {
            let hint = "with NULL among them NOT IN is never true: write NOT EXISTS (SELECT * FROM b WHERE b.x = a.x), or rule NULL out on both sides: x IS NOT NULL";
            return Err(SqlError::at(of.span.union(&item.span), "NOT IN with values that may be NULL", hint));
        }
        let (of, item, kind) = unify(of, item, self.tick_ms)?;
        Ok((of.expr, item.expr, kind))
    }
}

/// The SELECT that a query is, if it is no more than that.
fn plain(query: &ast::Query) -> Option<&ast::Select> {
    let select = query.body.as_select()?;
    let ungrouped = matches!(&select.group_by, ast::GroupByExpr::Expressions(by, modifiers) if by.is_empty() && modifiers.is_empty());
    let single = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none();
    let aggregates = select.projection.iter().any(|item| {
        let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) = item else { return false };
        matches!(expr, ast::Expr::Function(call) if ["count", "sum", "avg", "min", "max"].contains(&call.name.to_string().to_lowercase().as_str()))
    });
    (ungrouped && single && select.having.is_none() && select.distinct.is_none() && !aggregates)
        .then_some(select)
}

fn one_column(query: &ast::Query) -> SqlError {
    SqlError::at(
        query.span(),
        "IN takes a query of one column",
        "select one column; compare several with EXISTS",
    )
}
