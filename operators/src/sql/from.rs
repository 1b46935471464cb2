//! FROM and WHERE: what is joined with what, by which keys, and which rows are left.
//!
//! Conditions joined by AND are taken apart. One that reads one table only holds before it is joined; an equality
//! of two tables is a key of their join, wherever it is written. A join without a key is refused: every change
//! would meet every row.

use sqlparser::ast::{self, Spanned};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::conditions::{Condition, conjuncts, equality, key_of, never_null, outer_keys};
use super::error::{Result, SqlError};
use super::events;
use super::expr::{Comparison, Expr};
use super::kind::Kind;
use super::origin::origins;
use super::parse::{folded, single};
use super::plan::{How, Node, While};
use super::query::{MAX_LIMIT, Planned, Planner, not_too_wide, renamed, set_limit, unbounded};
use super::scope::Scope;
use super::select::{NO_FROM, is_true};
use super::typed::Typed;

/// The tables of a query, joined, and the rows left by its conditions.
pub(super) struct Joined {
    pub(super) node: Node,
    pub(super) scope: Scope,
    /// Equalities with columns of the query around it: its side, this side.
    pub(super) outer_keys: Vec<(Expr, Expr, Kind)>,
}

/// One table of FROM.
struct Factor<'a> {
    planned: Planned,
    name: String,
    how: How,
    on: Vec<&'a ast::Expr>,
    using: Vec<String>,
    span: Span,
}

impl Planner<'_> {
    /// Joins the tables of a query. Names that are not of its tables are looked for in `outer`.
    pub(super) fn joined(&self, select: &ast::Select, outer: Option<&Scope>) -> Result<Joined> {
        let mut factors = self.factors(&select.from)?;
        let mut scope = Scope::default();
        let mut ends = Vec::new();
        for factor in &factors {
            if scope.columns.iter().any(|named| named.table == factor.name) {
                let hint = format!("give one an alias: AS {}_2", factor.name);
                return Err(SqlError::at(factor.span, format!("`{}` is there twice", factor.name), hint));
            }
            let mut columns = Scope::of(&factor.name, &factor.planned.columns).columns;
            columns.iter_mut().for_each(|named| named.column.nullable |= factor.how == How::Left);
            for (named, origin) in columns.iter_mut().zip(origins(&factor.planned.node, self.relations)) {
                named.origin = origin;
            }
            scope.columns.extend(columns);
            ends.push(scope.columns.len());
        }
        not_too_wide(scope.columns.len(), select.select_token.0.span)?;
        let mut ons = Vec::new();
        for (place, factor) in factors.iter().enumerate() {
            ons.push(self.on(
                factor,
                &mut scope,
                if place == 0 { 0 } else { ends[place - 1] },
                ends[place],
            )?);
        }
        let (mut pool, mut subqueries) = (Vec::new(), Vec::new());
        for conjunct in select.selection.iter().flat_map(conjuncts) {
            if super::subquery::is_one(conjunct) {
                subqueries.push(conjunct);
            } else {
                pool.push(self.condition(conjunct, &scope, outer)?);
            }
        }
        let outer_keys = outer_keys(&mut pool)?;
        for (place, (factor, on)) in factors.iter_mut().zip(&mut ons).enumerate() {
            if factor.how == How::Inner {
                pool.append(on);
            }
            limit_rank(factor, &pool, ends[place] - factor.planned.columns.len())?;
        }
        for condition in &pool {
            never_null(&condition.expr, &mut |expr| scope.is_never_null(expr));
        }
        let mut node = fold(factors, ons, pool)?;
        for conjunct in subqueries {
            node = self.subquery(node, &scope, conjunct)?;
        }
        Ok(Joined { node, scope, outer_keys })
    }

    fn factors<'q>(&self, from: &'q [ast::TableWithJoins]) -> Result<Vec<Factor<'q>>> {
        let mut factors = Vec::new();
        for table in from {
            factors.push(self.factor(&table.relation)?);
            for join in &table.joins {
                let mut factor = self.factor(&join.relation)?;
                let (how, constraint) = how(join, factor.span)?;
                factor.how = how;
                match constraint {
                    ast::JoinConstraint::On(on) => factor.on = conjuncts(on),
                    ast::JoinConstraint::Using(names) => {
                        factor.using =
                            names.iter().map(|name| single(name).map(folded)).collect::<Result<_>>()?;
                    }
                    ast::JoinConstraint::None => {}
                    _ => {
                        return Err(SqlError::at(
                            factor.span,
                            "NATURAL joins are not supported",
                            "say by what: USING (player)",
                        ));
                    }
                }
                factors.push(factor);
            }
        }
        Ok(factors)
    }

    fn factor<'q>(&self, table: &'q ast::TableFactor) -> Result<Factor<'q>> {
        let (planned, name, span) = match table {
            ast::TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_directives,
                inheritance: None,
            } if with_hints.is_empty() && partitions.is_empty() && index_directives.is_empty() => {
                let ident = single(name)?;
                let planned = self.relation(&folded(ident), ident.span)?;
                match alias {
                    Some(alias) => (renamed(planned, alias)?, folded(&alias.name), ident.span),
                    None => (planned, folded(ident), ident.span),
                }
            }
            ast::TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None } => {
                (renamed(self.query(subquery)?, alias)?, folded(&alias.name), alias.name.span)
            }
            ast::TableFactor::Derived { lateral: true, subquery, .. } => {
                let hint = "the first rows of each group: row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n <= 3 around it";
                return Err(SqlError::at(subquery.span(), "LATERAL is not supported", hint));
            }
            ast::TableFactor::Derived { subquery, .. } => {
                return Err(SqlError::at(
                    subquery.span(),
                    "a query in FROM without a name",
                    "write (SELECT ...) AS name",
                ));
            }
            ast::TableFactor::Table { name, sample: Some(_), .. } => {
                return Err(SqlError::at(
                    self.word(Keyword::TABLESAMPLE, name.span()),
                    "TABLESAMPLE is not supported",
                    "a view is of all rows, and chance belongs to rules: leave it out, or choose rows in WHERE",
                ));
            }
            ast::TableFactor::NestedJoin { .. } => {
                return Err(SqlError::at(
                    table.span(),
                    "joins in parentheses are not supported",
                    "write them one after the other, or as (SELECT ...) AS name",
                ));
            }
            _ => {
                return Err(SqlError::at(
                    table.span(),
                    "this cannot be read from",
                    "name a view, or write (SELECT ...) AS name",
                ));
            }
        };
        Ok(Factor { planned, name, how: How::Inner, on: Vec::new(), using: Vec::new(), span })
    }

    /// The conditions of a join.
    fn on(&self, factor: &Factor<'_>, scope: &mut Scope, start: usize, end: usize) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for name in &factor.using {
            let before = Scope::over(scope.columns[..start].to_vec());
            let left = before.find(None, name).map_err(|lost| before.lost(lost, None, name, factor.span))?;
            let own = Scope::over(scope.columns[start..end].to_vec());
            let right =
                start + own.find(None, name).map_err(|lost| own.lost(lost, None, name, factor.span))?;
            scope.columns[right].hidden = true;
            let [left, right] = [left, right].map(|place| {
                let column = &scope.columns[place].column;
                Typed {
                    expr: Expr::Column(place, column.kind),
                    kind: column.kind,
                    nullable: column.nullable,
                    span: factor.span,
                }
            });
            conditions.push(equality(left, right, self.tick_ms)?);
        }
        let known = Scope::over(scope.columns[..end].to_vec());
        for on in &factor.on {
            if super::subquery::is_one(on) {
                return Err(SqlError::at(
                    on.span(),
                    "a query in ON",
                    "write it in WHERE, or in a query that is joined",
                ));
            }
            let condition = self.condition(on, &known, None)?;
            if condition.bound.is_some() && factor.how == How::Left {
                return Err(SqlError::at(
                    on.span(),
                    "a bound in time in the ON of a LEFT JOIN",
                    "write it in a query that is joined: LEFT JOIN (SELECT ... WHERE now() <= ...) AS t",
                ));
            }
            conditions.push(condition);
        }
        Ok(conditions)
    }
}

fn how(join: &ast::Join, span: Span) -> Result<(How, &ast::JoinConstraint)> {
    use ast::JoinOperator as Join;
    let refused = |what: &str, hint: &str| Err(SqlError::at(span, format!("{what} is not supported"), hint));
    if join.global {
        return refused("GLOBAL", "write JOIN");
    }
    match &join.join_operator {
        Join::Join(on) | Join::Inner(on) | Join::CrossJoin(on) => Ok((How::Inner, on)),
        Join::Left(on) | Join::LeftOuter(on) => Ok((How::Left, on)),
        Join::Right(_) | Join::RightOuter(_) => {
            refused("RIGHT JOIN", "exchange the sides and write LEFT JOIN")
        }
        Join::FullOuter(_) => refused(
            "FULL JOIN",
            "write a LEFT JOIN UNION ALL the rows of the other side that have no partner (NOT EXISTS)",
        ),
        Join::Semi(_) | Join::LeftSemi(_) | Join::RightSemi(_) => {
            refused("SEMI JOIN", "write WHERE EXISTS (SELECT * FROM ... WHERE ...)")
        }
        Join::Anti(_) | Join::LeftAnti(_) | Join::RightAnti(_) => {
            refused("ANTI JOIN", "write WHERE NOT EXISTS (SELECT * FROM ... WHERE ...)")
        }
        Join::AsOf { .. } => refused("ASOF JOIN", "number the rows with row_number() and keep the first"),
        _ => refused("this form of join", "write JOIN ... ON, or LEFT JOIN ... ON"),
    }
}

/// The bound of a table's `row_number`, from the conditions on it.
fn limit_rank(factor: &mut Factor<'_>, pool: &[Condition], start: usize) -> Result<()> {
    let Some((place, span)) = factor.planned.ranked else { return Ok(()) };
    let mut bounded = false;
    for condition in pool {
        let limit = match &condition.expr {
            Expr::Compare(comparison, left, right) => match (&**left, &**right) {
                (Expr::Column(column, _), Expr::Literal(Value::Int(n))) if *column == start + place => {
                    Some((*comparison, *n))
                }
                (Expr::Literal(Value::Int(n)), Expr::Column(column, _)) if *column == start + place => {
                    Some((comparison.turned(), *n))
                }
                _ => None,
            },
            _ => None,
        };
        let limit = match limit {
            Some((Comparison::AtMost | Comparison::Equal, n)) => n,
            Some((Comparison::Less, n)) => n - 1,
            _ => continue,
        };
        let limit = u64::try_from(limit).unwrap_or(0);
        if limit > MAX_LIMIT {
            return Err(SqlError::at(
                condition.span,
                format!("a bound of {limit} rows"),
                format!("at most {MAX_LIMIT}"),
            ));
        }
        set_limit(&mut factor.planned.node, limit);
        bounded = true;
    }
    if bounded { Ok(()) } else { Err(unbounded(span)) }
}

/// Joins the tables from left to right.
fn fold(factors: Vec<Factor<'_>>, ons: Vec<Vec<Condition>>, pool: Vec<Condition>) -> Result<Node> {
    let mut pool: Vec<Option<Condition>> = pool.into_iter().map(Some).collect();
    let mut joined: Option<Node> = None;
    let mut start = 0;
    for (factor, on) in factors.into_iter().zip(ons) {
        let end = start + factor.planned.columns.len();
        let own =
            |condition: &Condition| condition.columns.iter().all(|column| (start..end).contains(column));
        let here = |column: usize| column - start;
        let mut right = factor.planned.node;
        let of_events = events::is_all(&right);
        if factor.how == How::Inner {
            right = kept(right, taken(&mut pool, own), here);
        }
        if of_events {
            events::check_bounded(&right, factor.how != How::Inner, factor.span)?;
        }
        let Some(left) = joined else {
            joined = Some(right);
            start = end;
            continue;
        };
        let mut keys = Vec::new();
        let partner = |condition: &Condition| key_of(condition, start, end);
        if factor.how == How::Inner {
            for condition in taken(&mut pool, |condition| partner(condition).is_some()) {
                keys.extend(partner(&condition));
            }
        } else {
            let (mut only, mut gates) = (Vec::new(), Vec::new());
            for condition in on {
                match partner(&condition) {
                    Some(key) => keys.push(key),
                    None if own(&condition) => only.push(condition),
                    None if condition.columns.iter().all(|column| *column < start) => {
                        gates.push(condition.expr);
                    }
                    None => {
                        return Err(SqlError::at(
                            condition.span,
                            "a condition of a LEFT JOIN that is no equality of both sides",
                            "write it in WHERE, or in a query that is joined: LEFT JOIN (SELECT ... WHERE ...) AS t ON ...",
                        ));
                    }
                }
            }
            right = kept(right, only, here);
            if let Some((key, ..)) = keys.first_mut() {
                *key = gates.into_iter().fold(key.clone(), gated);
            }
        }
        if keys.is_empty() {
            let message =
                format!("`{}` is joined without a key: every change would meet every row", factor.name);
            return Err(SqlError::at(factor.span, message, "join by an equality: ON a.player = b.player"));
        }
        let node = Node::join(factor.how, left, right, keys);
        let done = taken(&mut pool, |condition| condition.columns.iter().all(|column| *column < end));
        joined = Some(kept(node, done, |column| column));
        start = end;
    }
    joined.ok_or_else(|| SqlError::at(Span::empty(), "SELECT without FROM is not supported", NO_FROM))
}

/// A key that no row has for which a condition does not hold: NULL meets nothing.
fn gated(key: Expr, gate: Expr) -> Expr {
    Expr::Case(vec![(gate, key)], Box::new(Expr::Literal(Value::Null)))
}

fn taken(pool: &mut [Option<Condition>], wanted: impl Fn(&Condition) -> bool) -> Vec<Condition> {
    let wanted = |condition: &&mut Option<Condition>| condition.as_ref().is_some_and(&wanted);
    pool.iter_mut().filter(wanted).filter_map(Option::take).collect()
}

/// The rows of a node for which conditions hold.
fn kept(mut node: Node, conditions: Vec<Condition>, here: impl Fn(usize) -> usize) -> Node {
    let (bounds, tests): (Vec<_>, Vec<_>) =
        conditions.into_iter().partition(|condition| condition.bound.is_some());
    let tests = tests.into_iter().map(|condition| condition.expr.moved(&here)).filter(|expr| !is_true(expr));
    node = node.filter(tests.collect());
    for bound in bounds.into_iter().filter_map(|condition| condition.bound) {
        node = node.bounded(While { moment: bound.moment.moved(&here), ..bound });
    }
    node
}
