//! SELECT: what is selected, grouped and numbered.

use sqlparser::ast::{self, Spanned};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::conditions::never_null;
use super::error::{Result, SqlError};
use super::expr::Expr;
use super::from::Joined;
use super::kind::Column;
use super::parse::{folded, single};
use super::plan::{Cell, Node};
use super::query::{Planned, Planner, not_too_wide};
use super::resolve::{Grouped, NUMBER, OUTER, Resolver};
use super::scope::Scope;
use super::typed::Typed;

/// A column of the result: its name and expression.
struct Item<'a> {
    name: String,
    from: From<'a>,
    span: Span,
}

enum From<'a> {
    Expr(&'a ast::Expr),
    /// One of the columns behind `*`.
    Column(usize),
}

impl Planner<'_> {
    /// Plans a SELECT.
    pub(super) fn select(&self, select: &ast::Select) -> Result<Planned> {
        self.only_supported(select)?;
        let joined = self.joined(select, None)?;
        let Joined { node, scope, .. } = joined;
        let items = items(&select.projection, &scope)?;
        not_too_wide(items.len(), select.select_token.0.span)?;
        let by = group_by(&select.group_by, &items, &scope)?;
        let is_grouped = !by.is_empty() || select.having.is_some();
        let mut resolver = Resolver::new(&scope, None, self.tick_ms).noting(self.noted);
        let selected = if is_grouped {
            grouped(&mut resolver, &by, &items, select.having.as_ref())
        } else {
            // Whether anything is aggregated is seen when it is met.
            let plain = selected(&mut resolver, &items);
            match plain {
                Err(_) if resolver.met_aggregate => {
                    resolver = Resolver::new(&scope, None, self.tick_ms).noting(self.noted);
                    grouped(&mut resolver, &by, &items, None)
                }
                plain => plain.map(|typed| (typed, None)),
            }
        };
        let (typed, having) = selected?;
        let distinct = match &select.distinct {
            None | Some(ast::Distinct::All) => false,
            Some(ast::Distinct::Distinct) => true,
            Some(ast::Distinct::On(_)) => {
                let hint = "number the rows: row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n = 1 around it";
                return Err(SqlError::at(select.select_token.0.span, "DISTINCT ON is not supported", hint));
            }
        };
        finished(node, resolver, &items, typed, having, distinct)
    }

    /// Everything of a SELECT that is not known here is refused.
    pub(super) fn only_supported(&self, select: &ast::Select) -> Result<()> {
        let span = select.select_token.0.span;
        let refused = [
            (select.top.is_some(), "TOP", "write ORDER BY ... LIMIT n"),
            (select.into.is_some(), "INTO", "the view's name stands in CREATE VIEW"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW", "use a join"),
            (select.prewhere.is_some(), "PREWHERE", "write WHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY", "join once for every step, in views over views"),
            (
                !select.cluster_by.is_empty()
                    || !select.distribute_by.is_empty()
                    || !select.sort_by.is_empty(),
                "an order of rows",
                "a view has no order",
            ),
            (!select.named_window.is_empty(), "WINDOW", "write the window in OVER (...)"),
            (
                select.qualify.is_some(),
                "QUALIFY",
                "write SELECT ... FROM (SELECT ..., row_number() OVER (...) AS n ...) AS t WHERE n <= 3",
            ),
            (
                select.value_table_mode.is_some() || select.exclude.is_some(),
                "this form of SELECT",
                "write SELECT a, b FROM ...",
            ),
            (
                select.select_modifiers.is_some() || !select.optimizer_hints.is_empty(),
                "this form of SELECT",
                "write SELECT a, b FROM ...",
            ),
            (
                !matches!(select.flavor, ast::SelectFlavor::Standard),
                "FROM before SELECT",
                "write SELECT a, b FROM ...",
            ),
            (select.from.is_empty(), "SELECT without FROM", NO_FROM),
            (select.projection.is_empty(), "SELECT without columns", "name the columns"),
        ];
        match refused.into_iter().find(|(is, ..)| *is) {
            Some((_, what @ "QUALIFY", hint)) => {
                Err(SqlError::at(self.word(Keyword::QUALIFY, span), format!("{what} is not supported"), hint))
            }
            Some((_, what, hint)) => Err(SqlError::at(span, format!("{what} is not supported"), hint)),
            None => Ok(()),
        }
    }
}

/// What to do about a SELECT without FROM.
pub(super) const NO_FROM: &str = "a view is made from other views, or of constants: SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (n, name)";

fn finished(
    node: Node,
    resolver: Resolver<'_>,
    items: &[Item<'_>],
    typed: Vec<Typed>,
    having: Option<Expr>,
    distinct: bool,
) -> Result<Planned> {
    let mut node = match resolver.hop.flatten() {
        Some(hop) => node.hop(hop),
        None => node,
    };
    if let Some(Grouped { by, aggregates }) = resolver.grouped {
        node = node.reduce(by.into_iter().map(|by| (by.expr, by.kind)).collect(), aggregates);
        node = node.filter(having.into_iter().collect());
    }
    let wide = node.kinds.len();
    let mut ranked = None;
    if let Some(top) = resolver.top.flatten() {
        node = node.top(top);
        ranked = typed.iter().position(|typed| matches!(typed.expr, Expr::Column(NUMBER, _)));
        let Some(place) = ranked else {
            let span = items.first().map_or(Span::empty(), |item| item.span);
            return Err(SqlError::at(
                span,
                "row_number() within an expression",
                "select it alone, AS n, and reckon with n around it",
            ));
        };
        if distinct {
            return Err(SqlError::at(
                items[place].span,
                "row_number() with DISTINCT",
                "take DISTINCT in a query within",
            ));
        }
    }
    let ranked = ranked.map(|place| (place, items[place].span));
    let cells: Vec<Cell> = typed
        .iter()
        .map(|typed| (typed.expr.moved(&|column| if column == NUMBER { wide } else { column }), typed.kind))
        .collect();
    let columns = items.iter().zip(&typed).map(|(item, typed)| Column {
        name: item.name.clone(),
        kind: typed.kind,
        nullable: typed.nullable,
    });
    let columns: Vec<Column> = columns.collect();
    for (place, column) in columns.iter().enumerate() {
        if columns[..place].iter().any(|earlier| earlier.name == column.name) {
            let hint = format!("give one of them another name: AS {}_2", column.name);
            return Err(SqlError::at(items[place].span, format!("two columns `{}`", column.name), hint));
        }
    }
    node = node.map(cells);
    if distinct {
        node = node.distinct();
    }
    Ok(Planned { node, columns, ranked })
}

fn selected(resolver: &mut Resolver<'_>, items: &[Item<'_>]) -> Result<Vec<Typed>> {
    (resolver.hop, resolver.top) = (Some(resolver.hop.take().flatten()), Some(None));
    let mut all = Vec::new();
    for item in items {
        let typed = match &item.from {
            From::Expr(expr) => resolver.expr(expr)?,
            From::Column(place) => {
                let column = &resolver.scope.columns[*place].column;
                Typed {
                    expr: Expr::Column(*place, column.kind),
                    kind: column.kind,
                    nullable: column.nullable,
                    span: item.span,
                }
            }
        };
        if resolver.scope.columns.len() >= OUTER {
            return Err(SqlError::at(item.span, "too many columns", "select fewer"));
        }
        all.push(typed);
    }
    Ok(all)
}

fn grouped(
    resolver: &mut Resolver<'_>,
    by: &[&ast::Expr],
    items: &[Item<'_>],
    having: Option<&ast::Expr>,
) -> Result<(Vec<Typed>, Option<Expr>)> {
    if let Some(star) = items.iter().find(|item| matches!(item.from, From::Column(_))) {
        return Err(SqlError::at(star.span, "`*` with GROUP BY", "name the columns that are grouped by"));
    }
    resolver.hop = Some(None);
    let mut groups = Vec::new();
    for expr in by {
        groups.push(resolver.expr(expr)?);
    }
    resolver.grouped = Some(Grouped { by: groups, aggregates: Vec::new() });
    let mut typed = selected(resolver, items)?;
    (resolver.top, resolver.hop) = (Some(resolver.top.take().flatten()), resolver.hop.take());
    let top = resolver.top.take();
    let having =
        having.map(|having| resolver.expr(having)?.into_truth()).transpose()?.map(|having| having.expr);
    resolver.top = top;
    if let Some(having) = &having {
        never_null(having, &mut |expr| {
            let of = typed.iter_mut().filter(|typed| typed.expr == *expr);
            of.for_each(|typed| typed.nullable = false);
        });
    }
    Ok((typed, having))
}

fn items<'a>(projection: &'a [ast::SelectItem], scope: &Scope) -> Result<Vec<Item<'a>>> {
    let mut items = Vec::new();
    let star = |table: Option<&str>, span: Span| -> Vec<Item<'a>> {
        let of = |named: &super::scope::Named| table.map_or(!named.hidden, |table| named.table == table);
        let places = (0..scope.columns.len()).filter(|place| of(&scope.columns[*place]));
        places
            .map(|place| Item {
                name: scope.columns[place].column.name.clone(),
                from: From::Column(place),
                span,
            })
            .collect()
    };
    for item in projection {
        let span = item.span();
        match item {
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                items.push(Item { name: folded(alias), from: From::Expr(expr), span: alias.span });
            }
            ast::SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    ast::Expr::Identifier(name) => folded(name),
                    ast::Expr::CompoundIdentifier(names) => names.last().map(folded).unwrap_or_default(),
                    _ => return Err(SqlError::at(span, "a column without a name", "give it one: AS name")),
                };
                items.push(Item { name, from: From::Expr(expr), span });
            }
            ast::SelectItem::Wildcard(options) if is_plain(options) => items.extend(star(None, span)),
            ast::SelectItem::QualifiedWildcard(
                ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if is_plain(options) => {
                let table = folded(single(name)?);
                let before = items.len();
                items.extend(star(Some(&table), span));
                if items.len() == before {
                    return Err(scope.lost(super::scope::Lost::Unknown, Some(&table), "*", span));
                }
            }
            _ => {
                return Err(SqlError::at(
                    span,
                    "this form of a column is not supported",
                    "write `expression AS name`, or `*`",
                ));
            }
        }
    }
    Ok(items)
}

fn is_plain(options: &ast::WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

/// The expressions that rows are grouped by: an expression, or a column of the result by its name or number.
fn group_by<'a>(by: &'a ast::GroupByExpr, items: &[Item<'a>], scope: &Scope) -> Result<Vec<&'a ast::Expr>> {
    let ast::GroupByExpr::Expressions(exprs, modifiers) = by else {
        return Err(SqlError::at(by.span(), "GROUP BY ALL is not supported", "name what is grouped by"));
    };
    if !modifiers.is_empty() {
        return Err(SqlError::at(
            by.span(),
            "totals of groups are not supported",
            "make one view a grouping",
        ));
    }
    let mut all = Vec::new();
    for expr in exprs {
        let item = match expr {
            ast::Expr::Value(value) if matches!(value.value, ast::Value::Number(..)) => {
                let place =
                    value.value.to_string().parse::<usize>().ok().and_then(|place| place.checked_sub(1));
                let item = place.and_then(|place| items.get(place));
                Some(item.ok_or_else(|| {
                    SqlError::at(value.span, "there is no such column", "name what is grouped by")
                })?)
            }
            ast::Expr::Identifier(name) if scope.find(None, &folded(name)).is_err() => {
                items.iter().find(|item| item.name == folded(name))
            }
            ast::Expr::Cube(_) | ast::Expr::Rollup(_) | ast::Expr::GroupingSets(_) => {
                return Err(SqlError::at(
                    expr.span(),
                    "several groupings in one query are not supported",
                    "make one view a grouping",
                ));
            }
            _ => None,
        };
        all.push(match item {
            Some(Item { from: From::Expr(of), .. }) => *of,
            Some(Item { span, .. }) => {
                return Err(SqlError::at(*span, "`*` with GROUP BY", "name the columns"));
            }
            None => expr,
        });
    }
    Ok(all)
}

/// Whether an expression is a constant TRUE.
pub(super) fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(Value::Bool(true)))
}
