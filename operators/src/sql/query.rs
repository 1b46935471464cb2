//! Queries: WITH, set operations, ORDER BY with LIMIT.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{self, Spanned};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::calls::ordered;
use super::error::{Result, SqlError};
use super::expr::Expr;
use super::kind::{Column, Relation};
use super::origin::Noted;
use super::packed::MAX_COLUMNS;
use super::parse::folded;
use super::plan::{Node, Op, Order, SetOp, Top};
use super::resolve::Resolver;
use super::scope::Scope;
use super::typed::{Typed, common};

/// The most rows that `LIMIT` or a bound of `row_number` may let through.
pub(super) const MAX_LIMIT: u64 = 10_000;

/// A query that has been planned.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) node: Node,
    pub(super) columns: Vec<Column>,
    /// The column of a `row_number` that still needs a bound, and where it stands.
    pub(super) ranked: Option<(usize, Span)>,
}

/// Plans the queries of one view.
#[derive(Clone)]
pub(super) struct Planner<'a> {
    pub(super) relations: &'a BTreeMap<String, Relation>,
    /// The plans of those that are SQL views: what reads one has its plan within its own.
    pub(super) plans: &'a BTreeMap<String, Node>,
    pub(super) tick_ms: u32,
    /// Names given by WITH, the nearest last.
    pub(super) with: Vec<(String, Planned)>,
    /// Views that are not planned yet.
    pub(super) pending: &'a BTreeSet<String>,
    /// Whether one of them was wanted.
    pub(super) blocked: &'a Cell<bool>,
    /// What is noted on the way.
    pub(super) noted: &'a Noted,
    /// The key words of the statement, in their order.
    pub(super) words: &'a [(Keyword, Span)],
}

impl Planner<'_> {
    /// Plans a query whose rows are all wanted.
    pub(super) fn whole(&self, query: &ast::Query) -> Result<Planned> {
        let planned = self.query(query)?;
        match planned.ranked {
            Some((_, span)) => Err(unbounded(span)),
            None => Ok(planned),
        }
    }

    /// Plans a query; a `row_number` in it may still need a bound.
    pub(super) fn query(&self, query: &ast::Query) -> Result<Planned> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let others = [
            (fetch.is_some(), Keyword::FETCH),
            (!locks.is_empty() || for_clause.is_some(), Keyword::FOR),
            (settings.is_some(), Keyword::SETTINGS),
            (format_clause.is_some(), Keyword::FORMAT),
            // They begin with a sign.
            (!pipe_operators.is_empty(), Keyword::NoKeyword),
        ];
        if let Some((_, word)) = others.into_iter().find(|(is, _)| *is) {
            return Err(SqlError::at(
                self.word(word, body.span()),
                "a clause after the query is not supported",
                "a query is SELECT ... [ORDER BY ... LIMIT n]",
            ));
        }
        let mut planner = self.clone();
        if let Some(with) = with {
            if with.recursive {
                return Err(SqlError::at(
                    with.span(),
                    "WITH RECURSIVE is not supported",
                    "join once for every step, in views over views",
                ));
            }
            for cte in &with.cte_tables {
                let name = folded(&cte.alias.name);
                if planner.with.iter().skip(self.with.len()).any(|(known, _)| *known == name) {
                    let hint = "give one of them another name";
                    return Err(SqlError::at(
                        cte.alias.name.span,
                        format!("`{name}` is there twice in WITH"),
                        hint,
                    ));
                }
                let planned = planner.query(&cte.query)?;
                let planned = renamed(planned, &cte.alias)?;
                planner.with.push((name, planned));
            }
        }
        let planned = planner.body(body)?;
        let limit = limit_clause.as_ref().map(|limit| (limit, self.word(Keyword::LIMIT, body.span())));
        first_rows(planned, order_by.as_ref(), limit, self.tick_ms)
    }

    /// Where a key word stands behind a part of the text, which the parser does not say; that part, if it is not found.
    pub(super) fn word(&self, word: Keyword, behind: Span) -> Span {
        let found = self.words.iter().find(|(known, span)| *known == word && span.start >= behind.end);
        found.map_or(behind, |(_, span)| *span)
    }

    fn body(&self, body: &ast::SetExpr) -> Result<Planned> {
        match body {
            ast::SetExpr::Select(select) => self.select(select),
            ast::SetExpr::Query(query) => self.query(query),
            ast::SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let (left_plan, right_plan) = (self.part(left)?, self.part(right)?);
                let all = match set_quantifier {
                    ast::SetQuantifier::All => true,
                    ast::SetQuantifier::None | ast::SetQuantifier::Distinct => false,
                    _ => {
                        return Err(SqlError::at(
                            body.span(),
                            "BY NAME is not supported",
                            "select the columns in one order",
                        ));
                    }
                };
                self.set(*op, all, left_plan, right_plan, right.span())
            }
            ast::SetExpr::Values(values) => self.values(values, body.span()),
            _ => Err(SqlError::at(
                body.span(),
                "this is not a query",
                "a view is `CREATE VIEW name AS SELECT ...;`",
            )),
        }
    }

    fn part(&self, body: &ast::SetExpr) -> Result<Planned> {
        let planned = self.body(body)?;
        match planned.ranked {
            Some((_, span)) => Err(unbounded(span)),
            None => Ok(planned),
        }
    }

    fn set(
        &self,
        op: ast::SetOperator,
        all: bool,
        left: Planned,
        right: Planned,
        span: Span,
    ) -> Result<Planned> {
        if left.columns.len() != right.columns.len() {
            let message = format!("{} columns beside {}", right.columns.len(), left.columns.len());
            return Err(SqlError::at(span, message, "select as many columns on both sides, in one order"));
        }
        let (mut columns, mut lefts, mut rights) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (one, other)) in left.columns.iter().zip(&right.columns).enumerate() {
            let typed = |column: &Column| Typed {
                expr: Expr::Column(place, column.kind),
                kind: column.kind,
                nullable: column.nullable,
                span,
            };
            let (one_typed, other_typed) = (typed(one), typed(other));
            let Some(kind) = common(&[&one_typed, &other_typed]) else {
                let message = format!(
                    "`{}` is {} on one side and {} on the other",
                    one.name,
                    one.kind.name(),
                    other.kind.name()
                );
                return Err(SqlError::at(span, message, "make them one kind: CAST(... AS ...)"));
            };
            lefts.push((one_typed.to(kind, self.tick_ms)?.expr, kind));
            rights.push((other_typed.to(kind, self.tick_ms)?.expr, kind));
            columns.push(Column { name: one.name.clone(), kind, nullable: one.nullable || other.nullable });
        }
        let (left, right) = (left.node.map(lefts), right.node.map(rights));
        let node = match (op, all) {
            (ast::SetOperator::Union, true) => Node::union(vec![left, right]),
            (ast::SetOperator::Union, false) => Node::set(SetOp::Union, left, right),
            (ast::SetOperator::Except | ast::SetOperator::Minus, false) => {
                Node::set(SetOp::Except, left, right)
            }
            (ast::SetOperator::Except | ast::SetOperator::Minus, true) => {
                Node::set(SetOp::ExceptAll, left, right)
            }
            (ast::SetOperator::Intersect, false) => Node::set(SetOp::Intersect, left, right),
            (ast::SetOperator::Intersect, true) => Node::set(SetOp::IntersectAll, left, right),
        };
        Ok(Planned { node, columns, ranked: None })
    }

    /// The relation of a name.
    pub(super) fn relation(&self, name: &str, span: Span) -> Result<Planned> {
        if let Some((_, planned)) = self.with.iter().rev().find(|(known, _)| known == name) {
            return Ok(planned.clone());
        }
        if let Some(relation) = self.relations.get(name) {
            let node = self.plans.get(name).cloned().unwrap_or_else(|| Node::scan(relation));
            return Ok(Planned { node, columns: relation.columns.clone(), ranked: None });
        }
        if self.pending.contains(name) {
            self.blocked.set(true);
        }
        let known =
            self.relations.keys().map(String::as_str).chain(self.with.iter().map(|(name, _)| name.as_str()));
        let hint = super::scope::near(
            name,
            known,
            "docs/catalog.md lists the views, and `events` is the stream of events; sessions, rejections, engine_stats, tiers and pending_actions cannot be read here, as they are not functions of the world",
        );
        Err(SqlError::at(span, format!("there is no view `{name}`"), hint))
    }
}

/// The problem of a `row_number` without a bound.
pub(super) fn unbounded(span: Span) -> SqlError {
    SqlError::at(
        span,
        "row_number() without a bound",
        "write SELECT ... FROM (SELECT ..., row_number() OVER (...) AS n ...) AS t WHERE n <= 3",
    )
}

/// With the names of columns that an alias gives.
pub(super) fn renamed(mut planned: Planned, alias: &ast::TableAlias) -> Result<Planned> {
    if alias.at.is_some() {
        return Err(SqlError::at(alias.name.span, "AT is not supported", "write AS name"));
    }
    if alias.columns.is_empty() {
        return Ok(planned);
    }
    if alias.columns.len() != planned.columns.len() {
        let message = format!("{} names for {} columns", alias.columns.len(), planned.columns.len());
        return Err(SqlError::at(alias.name.span, message, "name all columns, or none"));
    }
    for (column, name) in planned.columns.iter_mut().zip(&alias.columns) {
        column.name = folded(&name.name);
    }
    Ok(planned)
}

/// The bound of a `row_number` that a plan ends with.
pub(super) fn set_limit(node: &mut Node, limit: u64) {
    match &mut node.op {
        Op::Map(input, _) => set_limit(input, limit),
        Op::Top(_, top) if top.numbered => {
            top.limit = Some(top.limit.map_or(limit, |known| known.min(limit)))
        }
        _ => {}
    }
}

fn first_rows(
    planned: Planned,
    order_by: Option<&ast::OrderBy>,
    limit: Option<(&ast::LimitClause, Span)>,
    tick_ms: u32,
) -> Result<Planned> {
    let hint = "a view has no order: leave ORDER BY out, or add LIMIT";
    let (order_by, limit, span) = match (order_by, limit) {
        (None, None) => return Ok(planned),
        (Some(order_by), Some((limit, span))) => (order_by, limit, span),
        (Some(order_by), None) => return Err(SqlError::at(order_by.span(), "ORDER BY without LIMIT", hint)),
        (None, Some((_, span))) => {
            return Err(SqlError::at(
                span,
                "LIMIT without ORDER BY",
                "say which rows are the first: ORDER BY ... LIMIT n",
            ));
        }
    };
    if let Some((_, span)) = planned.ranked {
        return Err(unbounded(span));
    }
    let (ast::OrderByKind::Expressions(exprs), None) = (&order_by.kind, &order_by.interpolate) else {
        return Err(SqlError::at(
            order_by.span(),
            "this form of ORDER BY is not supported",
            "name the columns",
        ));
    };
    let order = order(exprs, &planned.columns, tick_ms)?;
    let limit = limit_of(limit, span)?;
    let top = Top { by: Vec::new(), order, limit: Some(limit), numbered: false };
    Ok(Planned { node: planned.node.top(top), ..planned })
}

fn order(exprs: &[ast::OrderByExpr], columns: &[Column], tick_ms: u32) -> Result<Vec<Order>> {
    let scope = Scope::of("", columns);
    let mut resolver = Resolver::new(&scope, None, tick_ms);
    let mut order = Vec::new();
    for by in exprs {
        let named = resolver.expr(&by.expr).map_err(|mut error| {
            error.hint = format!("ORDER BY goes by columns of SELECT: {}", error.hint);
            error
        });
        let typed = match named? {
            Typed { expr: Expr::Literal(Value::Int(place)), span, .. } => {
                let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
                let column = place.and_then(|place| Some((place, columns.get(place)?)));
                let (place, column) = column.ok_or_else(|| {
                    SqlError::at(span, "there is no such column", "name a column of SELECT")
                })?;
                Typed {
                    expr: Expr::Column(place, column.kind),
                    kind: column.kind,
                    nullable: column.nullable,
                    span,
                }
            }
            typed => typed,
        };
        order.push(ordered(typed, by)?);
    }
    Ok(order)
}

fn limit_of(limit: &ast::LimitClause, span: Span) -> Result<u64> {
    let ast::LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by } = limit else {
        let offset = match limit {
            ast::LimitClause::LimitOffset { offset: Some(offset), .. } => offset.value.span(),
            ast::LimitClause::OffsetCommaLimit { offset, .. } => offset.span(),
            ast::LimitClause::LimitOffset { .. } => span,
        };
        return Err(SqlError::at(
            offset,
            "OFFSET is not supported",
            "number the rows: row_number() OVER (ORDER BY ...) AS n, and WHERE n > 10 AND n <= 20 around it",
        ));
    };
    let text = limit.to_string();
    let number = text.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number) && limit_by.is_empty());
    number.ok_or_else(|| {
        SqlError::at(
            limit.span(),
            format!("LIMIT {text} is not supported"),
            format!("write a number from 1 to {MAX_LIMIT}"),
        )
    })
}

/// That a query is not too wide for a row.
pub(super) fn not_too_wide(columns: usize, span: Span) -> Result<()> {
    if columns <= MAX_COLUMNS {
        return Ok(());
    }
    Err(SqlError::at(
        span,
        format!("{columns} columns in one row"),
        format!("select fewer before joining: at most {MAX_COLUMNS}"),
    ))
}
