//! Calls in expressions: scalar functions, aggregates, `hop`, `row_number`.

use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::error::{Result, SqlError};
use super::expr::Expr;
use super::functions::{Function, NAMES};
use super::kind::Kind;
use super::parse::{folded, single};
use super::plan::{Aggregate, Call, Hop, Order, Top};
use super::resolve::{NUMBER, Resolver};
use super::scope::near;
use super::typed::Typed;

/// The most windows that a moment may be in.
const MAX_WINDOWS: i64 = 100;

impl Resolver<'_> {
    pub(super) fn function(&mut self, call: &ast::Function, span: Span) -> Result<Typed> {
        let name = folded(single(&call.name)?);
        let place = call.name.span();
        let plain = call.within_group.is_empty()
            && call.null_treatment.is_none()
            && !call.uses_odbc_syntax
            && matches!(call.parameters, ast::FunctionArguments::None);
        if !plain {
            return Err(SqlError::at(
                place,
                format!("this form of {name} is not supported"),
                "write name(arguments)",
            ));
        }
        if let Some(over) = &call.over {
            return self.over(&name, call, over, span);
        }
        let arguments = arguments(call, place)?;
        if let Some(aggregate) = aggregate_call(&name, &arguments) {
            return self.aggregate(aggregate, &arguments, call.filter.as_deref(), span);
        }
        if (call.filter.is_some() || arguments.distinct) && !AGGREGATES.contains(&name.as_str()) {
            return Err(SqlError::at(
                place,
                format!("FILTER and DISTINCT do not go with {name}"),
                "they are for count, sum, avg, min and max",
            ));
        }
        match name.as_str() {
            "now" | "world_now" | "current_timestamp" => Err(SqlError::at(
                span,
                format!("`{name}` is a bound, not a value: rows would change all the time"),
                "compare it in WHERE, joined by AND: `now() <= at + INTERVAL '10 minutes'`",
            )),
            "hop" => self.hop(&arguments, span),
            _ => {
                let Some((_, function, least, most)) = NAMES.iter().find(|(known, ..)| *known == name) else {
                    return self.missing(unknown(&name, place), span);
                };
                let given = arguments.exprs.len();
                if given < *least || given > *most || arguments.star {
                    let wanted = match (least, most) {
                        (1, 1) => "1 value".to_owned(),
                        _ if least == most => format!("{least} values"),
                        _ => format!("{least} to {most} values"),
                    };
                    let are = if given == 1 { "is" } else { "are" };
                    return Err(SqlError::at(
                        place,
                        format!("{name} takes {wanted}, and {given} {are} given"),
                        format!("write {name}({})", function.takes()),
                    ));
                }
                let mut typed = Vec::new();
                for expr in &arguments.exprs {
                    typed.push(self.expr(expr)?);
                }
                self.scalar(*function, typed, span)
            }
        }
    }

    fn scalar(&mut self, function: Function, arguments: Vec<Typed>, span: Span) -> Result<Typed> {
        let made = |arguments: Vec<Typed>, kind, may_fail: bool| {
            let nullable = may_fail || arguments.iter().any(|typed| typed.nullable);
            let arguments = arguments.into_iter().map(|typed| typed.expr).collect();
            Ok(Typed { expr: Expr::Call(function, arguments), kind, nullable, span })
        };
        let mut given = arguments.into_iter();
        let mut next = || given.next().ok_or_else(|| SqlError::at(span, "a value is missing", ""));
        match function {
            Function::Abs | Function::Sign | Function::Floor | Function::Ceil => {
                let number = next()?.into_number()?;
                let kind = if function == Function::Abs { number.kind } else { Kind::Int };
                made(vec![number], kind, false)
            }
            Function::Round => {
                let number = next()?.into_number()?;
                let (kind, places) = (number.kind, given.next().map(Typed::into_int).transpose()?);
                made([number].into_iter().chain(places).collect(), kind, false)
            }
            Function::Greatest | Function::Least | Function::Coalesce => {
                let (all, kind, _) = self.alike(given.collect(), span)?;
                let nullable = all.iter().all(|typed| typed.nullable);
                let typed = made(all, kind, false)?;
                Ok(Typed { nullable, ..typed })
            }
            Function::NullIf => {
                let (all, kind, _) = self.alike(given.collect(), span)?;
                made(all, kind, true)
            }
            Function::Length | Function::Position | Function::StartsWith => {
                let texts = given.map(Typed::into_text).collect::<Result<Vec<_>>>()?;
                made(texts, if function == Function::StartsWith { Kind::Bool } else { Kind::Int }, false)
            }
            Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::Ltrim
            | Function::Rtrim
            | Function::Replace => made(
                given.map(Typed::into_text).collect::<Result<Vec<_>>>()?,
                Kind::Text,
                function == Function::Replace,
            ),
            Function::Concat => concat(given.collect(), span),
            Function::Substr => {
                let mut all = vec![next()?.into_text()?];
                for number in given {
                    all.push(number.into_int()?);
                }
                made(all, Kind::Text, false)
            }
            Function::Bin => {
                let (moment, length) = (next()?.into_moment(self.tick_ms)?, next()?);
                constant_span(&length, "tumble")?;
                let kind = moment.kind;
                made(vec![moment, length], kind, false)
            }
        }
    }

    /// What has a form of its own in SQL.
    pub(super) fn spelled(&mut self, ast: &ast::Expr, span: Span) -> Result<Typed> {
        match ast {
            ast::Expr::Floor { expr, field } | ast::Expr::Ceil { expr, field } => {
                let plain =
                    matches!(field, ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime));
                if !plain {
                    return Err(SqlError::at(
                        span,
                        "this form of floor and ceil is not supported",
                        "write floor(x), or tumble(at, INTERVAL '1 hour')",
                    ));
                }
                let function =
                    if matches!(ast, ast::Expr::Floor { .. }) { Function::Floor } else { Function::Ceil };
                let inner = self.expr(expr)?;
                self.scalar(function, vec![inner], span)
            }
            ast::Expr::Position { expr, r#in } => {
                let all = vec![self.expr(r#in)?, self.expr(expr)?];
                self.scalar(Function::Position, all, span)
            }
            ast::Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut all = vec![self.expr(expr)?];
                all.push(match substring_from {
                    Some(from) => self.expr(from)?,
                    None => Typed::literal(Value::Int(1), Kind::Int, span),
                });
                if let Some(count) = substring_for {
                    all.push(self.expr(count)?);
                }
                self.scalar(Function::Substr, all, span)
            }
            ast::Expr::Trim { expr, trim_where, trim_what: None, trim_characters: None } => {
                let function = match trim_where {
                    Some(ast::TrimWhereField::Leading) => Function::Ltrim,
                    Some(ast::TrimWhereField::Trailing) => Function::Rtrim,
                    Some(ast::TrimWhereField::Both) | None => Function::Trim,
                };
                let inner = self.expr(expr)?;
                self.scalar(function, vec![inner], span)
            }
            _ => Err(SqlError::at(
                span,
                "TRIM takes blanks away only",
                "write trim(x), or replace(x, '-', '')",
            )),
        }
    }

    fn aggregate(
        &mut self,
        call: Call,
        arguments: &Arguments<'_>,
        filter: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Typed> {
        if self.within_aggregate {
            return Err(SqlError::at(
                span,
                "an aggregate within an aggregate",
                "aggregate in WITH or a view of its own first",
            ));
        }
        if self.grouped.is_none() {
            self.met_aggregate = true;
            return Err(SqlError::at(
                span,
                "an aggregate cannot stand here",
                "aggregates stand in SELECT and HAVING",
            ));
        }
        self.within_aggregate = true;
        let resolved = self.aggregate_of(call, arguments, filter, span);
        self.within_aggregate = false;
        let aggregate = resolved?;
        let kind = aggregate.result();
        let nullable = !matches!(aggregate.call, Call::Count | Call::CountRows)
            && (aggregate.filter.is_some() || arguments.nullable_of(self)?);
        let Some(grouped) = &mut self.grouped else {
            unreachable!("it was there before its arguments were resolved")
        };
        let global = grouped.by.is_empty() && !matches!(aggregate.call, Call::Count | Call::CountRows);
        let place = grouped.aggregates.iter().position(|known| *known == aggregate);
        let place = place.unwrap_or_else(|| {
            grouped.aggregates.push(aggregate);
            grouped.aggregates.len() - 1
        });
        let column = grouped.by.len() + place;
        Ok(Typed { expr: Expr::Column(column, kind), kind, nullable: nullable || global, span })
    }

    fn aggregate_of(
        &mut self,
        call: Call,
        arguments: &Arguments<'_>,
        filter: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Aggregate> {
        let filter =
            filter.map(|filter| self.expr(filter)?.into_truth()).transpose()?.map(|filter| filter.expr);
        let [expr] = arguments.exprs[..] else {
            let of = Expr::Literal(Value::Bool(true));
            return Ok(Aggregate { call: Call::CountRows, of, kind: Kind::Bool, distinct: false, filter });
        };
        let mut of = self.expr(expr)?;
        match call {
            Call::Sum if of.kind == Kind::Span => {}
            Call::Sum | Call::Avg => of = of.into_number()?,
            Call::Min | Call::Max if matches!(of.kind, Kind::Any | Kind::Null) => {
                return Err(SqlError::at(
                    span,
                    "values that may be of any kind have no order",
                    "write CAST(... AS INTEGER), DECIMAL or TEXT",
                ));
            }
            _ => {}
        }
        // The least of equal values is the same as of values.
        let distinct = arguments.distinct && !matches!(call, Call::Min | Call::Max);
        Ok(Aggregate { call, of: of.expr, kind: of.kind, distinct, filter })
    }

    fn hop(&mut self, arguments: &Arguments<'_>, span: Span) -> Result<Typed> {
        let [moment, slide, size] = arguments.exprs[..] else {
            return Err(SqlError::at(
                span,
                "hop takes a moment, a slide and a size",
                "write hop(at, INTERVAL '1 minute', INTERVAL '10 minutes')",
            ));
        };
        let moment = self.expr(moment)?.into_moment(self.tick_ms)?;
        let (slide_ms, size_ms) =
            (constant_span(&self.expr(slide)?, "hop")?, constant_span(&self.expr(size)?, "hop")?);
        if size_ms % slide_ms != 0 || size_ms / slide_ms > MAX_WINDOWS {
            return Err(SqlError::at(
                span,
                "the size is not 1 to 100 times the slide",
                "write hop(at, INTERVAL '1 minute', INTERVAL '10 minutes')",
            ));
        }
        let hop = Hop { moment: moment.expr, kind: moment.kind, slide_ms, size_ms };
        let (kind, nullable) = (moment.kind, false);
        match &mut self.hop {
            None => Err(SqlError::at(span, "hop cannot stand here", "it stands in SELECT and GROUP BY")),
            Some(Some(known)) if *known != hop => {
                Err(SqlError::at(span, "a second hop in one query", "use WITH, or a view of its own"))
            }
            Some(known) => {
                *known = Some(hop);
                Ok(Typed { expr: Expr::Column(self.scope.columns.len(), kind), kind, nullable, span })
            }
        }
    }

    fn over(
        &mut self,
        name: &str,
        call: &ast::Function,
        over: &ast::WindowType,
        span: Span,
    ) -> Result<Typed> {
        let hint = "write row_number() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n <= 3 around it";
        if ["count", "sum", "avg", "min", "max"].contains(&name) {
            let hint = format!(
                "add up in a query with GROUP BY, and join it: JOIN (SELECT a, {name}(b) AS n FROM ... GROUP BY a) AS t ON t.a = ..."
            );
            return Err(SqlError::at(span, format!("{name} OVER is not supported"), hint));
        }
        if name != "row_number" {
            return Err(SqlError::at(span, format!("{name} OVER is not supported"), hint));
        }
        let ast::WindowType::WindowSpec(window) = over else {
            return Err(SqlError::at(span, "a named window is not supported", hint));
        };
        let given = arguments(call, span)?;
        if window.window_name.is_some()
            || window.window_frame.is_some()
            || !given.exprs.is_empty()
            || given.star
        {
            return Err(SqlError::at(span, "this form of row_number is not supported", hint));
        }
        if window.order_by.is_empty() {
            return Err(SqlError::at(span, "row_number without an order", hint));
        }
        let Some(allowed) = self.top.take() else {
            return Err(SqlError::at(span, "row_number cannot stand here", hint));
        };
        let mut by = Vec::new();
        for expr in &window.partition_by {
            let typed = self.expr(expr)?;
            by.push((typed.expr, typed.kind));
        }
        let mut order = Vec::new();
        for expr in &window.order_by {
            let typed = self.expr(&expr.expr)?;
            order.push(ordered(typed, expr)?);
        }
        let top = Top { by, order, limit: None, numbered: true };
        if allowed.is_some_and(|known| known != top) {
            return Err(SqlError::at(
                span,
                "a second row_number in one query",
                "use WITH, or a view of its own",
            ));
        }
        self.top = Some(Some(top));
        Ok(Typed { expr: Expr::Column(NUMBER, Kind::Int), kind: Kind::Int, nullable: false, span })
    }
}

/// A part of an order.
pub(super) fn ordered(typed: Typed, by: &ast::OrderByExpr) -> Result<Order> {
    if by.with_fill.is_some() || matches!(typed.kind, Kind::Any | Kind::Null) {
        return Err(SqlError::at(typed.span, "there is no such order", "order by numbers, texts or times"));
    }
    let ast::OrderByOptions { sort, nulls_first } = &by.options;
    let ascending = match sort {
        None | Some(ast::OrderBySort::Asc) => true,
        Some(ast::OrderBySort::Desc) => false,
        Some(_) => {
            return Err(SqlError::at(typed.span, "there is no such order", "write ASC or DESC"));
        }
    };
    let descending = !ascending;
    Ok(Order { of: typed.expr, kind: typed.kind, descending, nulls_first: nulls_first.unwrap_or(descending) })
}

/// Texts one after the other; NULL if any is.
pub(super) fn concat(all: Vec<Typed>, span: Span) -> Result<Typed> {
    let all = all.into_iter().map(Typed::into_text).collect::<Result<Vec<_>>>()?;
    let nullable = all.iter().any(|typed| typed.nullable);
    let arguments = all.into_iter().map(|typed| typed.expr).collect();
    Ok(Typed { expr: Expr::Call(Function::Concat, arguments), kind: Kind::Text, nullable, span })
}

fn constant_span(typed: &Typed, of: &str) -> Result<i64> {
    match (&typed.expr, typed.kind) {
        (Expr::Literal(Value::Int(ms)), Kind::Span) if *ms > 0 => Ok(*ms),
        _ => Err(SqlError::at(
            typed.span,
            format!("{of} takes a span that is written out"),
            "write INTERVAL '10 minutes'",
        )),
    }
}

/// What a call is given.
struct Arguments<'a> {
    exprs: Vec<&'a ast::Expr>,
    star: bool,
    distinct: bool,
}

impl Arguments<'_> {
    fn nullable_of(&self, resolver: &mut Resolver<'_>) -> Result<bool> {
        let Some(expr) = self.exprs.first() else { return Ok(false) };
        resolver.within_aggregate = true;
        let typed = resolver.expr(expr);
        resolver.within_aggregate = false;
        Ok(typed?.nullable)
    }
}

fn arguments(call: &ast::Function, span: Span) -> Result<Arguments<'_>> {
    let list = match &call.args {
        ast::FunctionArguments::None => {
            return Ok(Arguments { exprs: Vec::new(), star: false, distinct: false });
        }
        ast::FunctionArguments::Subquery(_) => {
            return Err(SqlError::at(span, "a query as an argument", "join it"));
        }
        ast::FunctionArguments::List(list) => list,
    };
    if !list.clauses.is_empty() {
        return Err(SqlError::at(span, "a clause among the arguments", "write name(arguments)"));
    }
    let mut arguments = Arguments { exprs: Vec::new(), star: false, distinct: false };
    arguments.distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
    for argument in &list.args {
        match argument {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => arguments.exprs.push(expr),
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard) => arguments.star = true,
            _ => {
                return Err(SqlError::at(
                    span,
                    "an argument with a name",
                    "give the arguments in their order",
                ));
            }
        }
    }
    Ok(arguments)
}

/// The names of aggregates.
const AGGREGATES: [&str; 5] = ["count", "sum", "avg", "min", "max"];

fn aggregate_call(name: &str, arguments: &Arguments<'_>) -> Option<Call> {
    let call = match name {
        "count" if arguments.exprs.is_empty() && arguments.star && !arguments.distinct => {
            return Some(Call::CountRows);
        }
        "count" => Call::Count,
        "sum" => Call::Sum,
        "avg" => Call::Avg,
        "min" => Call::Min,
        "max" => Call::Max,
        _ => return None,
    };
    (arguments.exprs.len() == 1 && !arguments.star).then_some(call)
}

fn unknown(name: &str, span: Span) -> SqlError {
    let instead = match name {
        "count" => "it takes one value, or `*`; of several together: count(DISTINCT concat(a, '/', b))",
        name if AGGREGATES.contains(&name) => {
            "it takes one value; of several values the least and greatest are least(a, b) and greatest(a, b)"
        }
        "rank" | "dense_rank" | "ntile" | "lag" | "lead" | "first_value" | "last_value" => {
            "the one window function is row_number() OVER (PARTITION BY ... ORDER BY ...) with a bound around it"
        }
        "string_agg" | "group_concat" | "array_agg" | "json_agg" => {
            "keep one row a value, and put them together where they are shown"
        }
        "random" | "uuid" | "gen_random_uuid" => "a view is a function of the world: chance belongs to rules",
        "date_trunc" | "date_bin" => "write tumble(at, INTERVAL '1 hour')",
        "stddev" | "variance" | "median" | "percentile_cont" => {
            "sum, count, avg, min and max can be combined"
        }
        "power" | "pow" => "write it out: x * x",
        "iif" | "if" => "write CASE WHEN ... THEN ... ELSE ... END",
        "unixepoch" | "strftime" | "datetime" | "date" | "extract" => {
            "the world's own calendar is in the view `clock`"
        }
        _ => "",
    };
    let known = NAMES.iter().map(|(known, ..)| *known);
    let known = known.chain(AGGREGATES).chain(["hop", "row_number", "now", "world_now"]);
    // Of names as short as these, one that begins otherwise is another one.
    let known = known.filter(|known| known.chars().next() == name.chars().next());
    let hint = if instead.is_empty() {
        near(name, known, "docs/sql.md lists the functions")
    } else {
        instead.to_owned()
    };
    SqlError::at(span, format!("there is no function `{name}` of that form"), hint)
}
