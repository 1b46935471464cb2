//! Expressions of the text become typed expressions: names to columns, operators to kinds.
//!
//! Where rows are grouped, what is outside of aggregates must be made of the expressions that they are grouped
//! by. What is not supported is refused here with what to write instead.

use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator};
use sqlparser::tokenizer::Span;
use worldflow_schemas::Value;

use super::error::{Result, SqlError};
use super::expr::{Arithmetic, Comparison, Expr};
use super::kind::{Column, Kind};
use super::literals::{interval_literal, literal, too_large};
use super::origin::Noted;
use super::parse::folded;
use super::plan::{Aggregate, Hop, Top};
use super::scope::{Lost, Scope};
use super::typed::{Typed, common, compared, reckoned, unify};

/// Columns of the query around a subquery have places from here on.
pub(super) const OUTER: usize = 1 << 20;

/// The number of a row in its group has this place until the width of rows is known.
pub(super) const NUMBER: usize = 1 << 21;

/// How deep an expression may be.
const MAX_DEPTH: usize = 150;

/// What the rows are grouped by, and what is asked of groups.
#[derive(Default)]
pub(super) struct Grouped {
    pub(super) by: Vec<Typed>,
    pub(super) aggregates: Vec<Aggregate>,
}

/// Resolves the expressions of one query.
pub(super) struct Resolver<'a> {
    pub(super) scope: &'a Scope,
    /// The columns of the query around this one.
    pub(super) outer: Option<&'a Scope>,
    pub(super) tick_ms: u32,
    /// Set while what is resolved stands for groups.
    pub(super) grouped: Option<Grouped>,
    /// What would be aggregated is being resolved, so there are no groups yet.
    pub(super) within_aggregate: bool,
    /// Whether `hop` may stand here, and the one there is.
    pub(super) hop: Option<Option<Hop>>,
    /// Whether `row_number` may stand here, and the one there is.
    pub(super) top: Option<Option<Top>>,
    /// Whether an aggregate was met where rows are not grouped.
    pub(super) met_aggregate: bool,
    /// Names that are not known, where more is looked for than the first.
    pub(super) noted: Option<&'a Noted>,
    depth: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(scope: &'a Scope, outer: Option<&'a Scope>, tick_ms: u32) -> Resolver<'a> {
        Resolver {
            scope,
            outer,
            tick_ms,
            grouped: None,
            within_aggregate: false,
            hop: None,
            top: None,
            met_aggregate: false,
            noted: None,
            depth: 0,
        }
    }

    /// The same; names that are not known are noted there.
    pub(super) fn noting(self, noted: &'a Noted) -> Resolver<'a> {
        Resolver { noted: Some(noted), ..self }
    }

    /// Notes that a name is not known, and goes on as if it were NULL.
    pub(super) fn missing(&self, error: SqlError, span: Span) -> Result<Typed> {
        let Some(noted) = self.noted else { return Err(error) };
        let mut missed = noted.missed.borrow_mut();
        // An expression may be looked at twice.
        if !missed.contains(&error) {
            missed.push(error);
        }
        Ok(Typed::literal(Value::Null, Kind::Null, span))
    }

    /// Resolves an expression.
    pub(super) fn expr(&mut self, ast: &ast::Expr) -> Result<Typed> {
        if self.depth >= MAX_DEPTH {
            return Err(SqlError::at(ast.span(), "an expression too deep", "part it over several views"));
        }
        self.depth += 1;
        let typed = self.grouped_or_plain(ast);
        self.depth -= 1;
        typed.map_err(|error| error.or_at(ast.span()))
    }

    fn grouped_or_plain(&mut self, ast: &ast::Expr) -> Result<Typed> {
        if self.grouped.is_some() && !self.within_aggregate {
            // One of the expressions that the rows are grouped by, as a whole?
            let (hop, top) = (self.hop.clone(), self.top.take());
            self.within_aggregate = true;
            let plain = self.plain(ast);
            self.within_aggregate = false;
            (self.hop, self.top) = (hop, top);
            let by = self.grouped.as_ref().map_or(&[][..], |grouped| &grouped.by);
            if let Ok(plain) = plain
                && let Some(place) = by.iter().position(|by| by.expr == plain.expr)
            {
                let kind = plain.kind;
                return Ok(Typed { expr: Expr::Column(place, kind), nullable: by[place].nullable, ..plain });
            }
        }
        self.plain(ast)
    }

    fn plain(&mut self, ast: &ast::Expr) -> Result<Typed> {
        let typed = self.written(ast)?;
        // Beside aggregates columns are those of the groups, of which the conditions of rows say nothing.
        let of_groups = self.grouped.is_some() && !self.within_aggregate;
        let may_be_null = of_groups || self.scope.may_be_null(&typed.expr);
        Ok(Typed { nullable: typed.nullable && may_be_null, ..typed })
    }

    fn written(&mut self, ast: &ast::Expr) -> Result<Typed> {
        let span = ast.span();
        match ast {
            ast::Expr::Nested(inner) => self.expr(inner),
            ast::Expr::Identifier(name) => self.column(None, name),
            ast::Expr::CompoundIdentifier(names) => match &names[..] {
                [table, name] => self.column(Some(table), name),
                _ => Err(SqlError::at(span, "a name of more than two parts", "write `table.column`")),
            },
            ast::Expr::Value(value) => literal(&value.value, value.span),
            ast::Expr::Interval(interval) => interval_literal(interval, span),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr, span),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, span),
            ast::Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high, span),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span)
            }
            ast::Expr::Cast { kind, expr, data_type, format } => {
                self.cast(kind, expr, data_type, format.is_some(), span)
            }
            ast::Expr::In { expr, target, negated, global: false } => {
                self.among(expr, target, *negated, span)
            }
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(*negated, expr, pattern, escape_char.as_deref(), span)
            }
            ast::Expr::Function(function) => self.function(function, span),
            ast::Expr::Exists { .. } => Err(SqlError::at(span, "EXISTS within another condition", SUBQUERY)),
            ast::Expr::Subquery(_) => Err(SqlError::at(
                span,
                "a query that stands for one value",
                "join it: `JOIN (SELECT key, ... GROUP BY key) AS t ON t.key = ...`",
            )),
            _ => self.test(ast, span),
        }
    }

    fn test(&mut self, ast: &ast::Expr, span: Span) -> Result<Typed> {
        let is_null = |typed: Typed| Typed::truth(Expr::IsNull(Box::new(typed.expr)), false, span);
        let is = |typed: Typed, wanted| {
            Ok(Typed::truth(Expr::Is(Box::new(typed.into_truth()?.expr), wanted), false, span))
        };
        match ast {
            ast::Expr::IsNull(inner) => Ok(is_null(self.expr(inner)?)),
            ast::Expr::IsNotNull(inner) => Ok(not(is_null(self.expr(inner)?))),
            ast::Expr::IsUnknown(inner) => Ok(is_null(self.expr(inner)?.into_truth()?)),
            ast::Expr::IsNotUnknown(inner) => Ok(not(is_null(self.expr(inner)?.into_truth()?))),
            ast::Expr::IsTrue(inner) => is(self.expr(inner)?, true),
            ast::Expr::IsFalse(inner) => is(self.expr(inner)?, false),
            ast::Expr::IsNotTrue(inner) => Ok(not(is(self.expr(inner)?, true)?)),
            ast::Expr::IsNotFalse(inner) => Ok(not(is(self.expr(inner)?, false)?)),
            ast::Expr::IsNotDistinctFrom(left, right) => self.same(left, right, span),
            ast::Expr::IsDistinctFrom(left, right) => Ok(not(self.same(left, right, span)?)),
            ast::Expr::Ceil { .. }
            | ast::Expr::Floor { .. }
            | ast::Expr::Position { .. }
            | ast::Expr::Substring { .. }
            | ast::Expr::Trim { .. } => self.spelled(ast, span),
            ast::Expr::ILike { .. } => {
                Err(SqlError::at(span, "ILIKE is not supported", "write `lower(x) LIKE 'wolf%'`"))
            }
            ast::Expr::SimilarTo { .. } | ast::Expr::RLike { .. } => Err(SqlError::at(
                span,
                "regular expressions are not supported",
                "write LIKE with `%` and `_`",
            )),
            ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } => Err(SqlError::at(
                span,
                "ANY and ALL are not supported",
                "write `x IN (SELECT ...)`, or compare with min or max",
            )),
            ast::Expr::Extract { .. } | ast::Expr::AtTimeZone { .. } => Err(SqlError::at(
                span,
                "parts of real dates are not supported",
                "the world's own calendar is in the view `clock`; tumble(at, INTERVAL '1 day') gives the day's beginning in UTC",
            )),
            ast::Expr::TypedString(_) => Err(SqlError::at(
                span,
                "a time as text is not supported",
                "write its UTC milliseconds: CAST(1700000000000 AS TIMESTAMP)",
            )),
            ast::Expr::Collate { .. } => {
                Err(SqlError::at(span, "COLLATE is not supported", "texts are compared by their bytes"))
            }
            ast::Expr::Tuple(_) => {
                Err(SqlError::at(span, "several values in parentheses", "compare them one by one, with AND"))
            }
            ast::Expr::JsonAccess { .. } | ast::Expr::CompoundFieldAccess { .. } => Err(SqlError::at(
                span,
                "parts of JSON are not supported",
                "JSON columns can be shown and compared as wholes",
            )),
            _ => Err(SqlError::at(
                span,
                format!("`{ast}` is not supported"),
                "docs/sql.md lists what can be written",
            )),
        }
    }

    fn column(&mut self, table: Option<&ast::Ident>, name: &ast::Ident) -> Result<Typed> {
        let span = table.map_or(name.span, |table| table.span.union(&name.span));
        let (table, text) = (table.map(folded), folded(name));
        let found = match (self.scope.find(table.as_deref(), &text), self.outer) {
            (Ok(column), _) => {
                if self.grouped.is_some() && !self.within_aggregate {
                    return Err(SqlError::at(
                        span,
                        format!("`{text}` is neither grouped by nor within an aggregate"),
                        format!("add it to GROUP BY, or write max({text})"),
                    ));
                }
                self.typed_column(&self.scope.columns[column].column, column, span)
            }
            (Err(Lost::Unknown), Some(outer)) => match outer.find(table.as_deref(), &text) {
                Ok(column) => self.typed_column(&outer.columns[column].column, OUTER + column, span),
                Err(Lost::Unknown) => {
                    let error = self.scope.lost(Lost::Unknown, table.as_deref(), &text, span);
                    return self.missing(error, span);
                }
                Err(lost) => return self.missing(outer.lost(lost, table.as_deref(), &text, span), span),
            },
            (Err(lost), _) => {
                let mut error = self.scope.lost(lost, table.as_deref(), &text, span);
                if table.is_none() && name.quote_style == Some('"') {
                    error.hint =
                        format!("text stands between single quotes: '{}'; {}", name.value, error.hint);
                }
                return self.missing(error, span);
            }
        };
        Ok(found)
    }

    fn typed_column(&self, column: &Column, place: usize, span: Span) -> Typed {
        Typed { expr: Expr::Column(place, column.kind), kind: column.kind, nullable: column.nullable, span }
    }

    fn unary(&mut self, op: UnaryOperator, inner: &ast::Expr, span: Span) -> Result<Typed> {
        let inner = self.expr(inner)?;
        match op {
            UnaryOperator::Not => Ok(not(Typed { span, ..inner.into_truth()? })),
            UnaryOperator::Plus => inner.into_number(),
            UnaryOperator::Minus => {
                if let Expr::Literal(Value::Int(n) | Value::Dec(n)) = inner.expr {
                    let n = n.checked_neg().ok_or_else(|| too_large(span))?;
                    let value = if inner.kind == Kind::Dec { Value::Dec(n) } else { Value::Int(n) };
                    return Ok(Typed { expr: Expr::Literal(value), span, ..inner });
                }
                if inner.kind == Kind::Span {
                    let zero = Typed::literal(Value::Int(0), Kind::Span, span);
                    return reckoned(Arithmetic::Subtract, zero, inner, self.tick_ms);
                }
                reckoned(
                    Arithmetic::Subtract,
                    Typed::literal(Value::Int(0), Kind::Int, span),
                    inner,
                    self.tick_ms,
                )
            }
            _ => Err(SqlError::at(
                span,
                format!("the operator `{op}` is not supported"),
                "docs/sql.md lists the operators",
            )),
        }
    }

    fn binary(
        &mut self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        span: Span,
    ) -> Result<Typed> {
        if let Some(comparison) = comparison(op) {
            let (left, right) = (self.expr(left)?, self.expr(right)?);
            if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
                self.note_compared(&left, &right);
            }
            return compared(comparison, left, right, self.tick_ms);
        }
        let arithmetic = match op {
            BinaryOperator::Plus => Some(Arithmetic::Add),
            BinaryOperator::Minus => Some(Arithmetic::Subtract),
            BinaryOperator::Multiply => Some(Arithmetic::Multiply),
            BinaryOperator::Divide => Some(Arithmetic::Divide),
            BinaryOperator::Modulo => Some(Arithmetic::Remainder),
            _ => None,
        };
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        if let Some(arithmetic) = arithmetic {
            return reckoned(arithmetic, left, right, self.tick_ms);
        }
        match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (left.into_truth()?, right.into_truth()?);
                let nullable = left.nullable || right.nullable;
                let make = if *op == BinaryOperator::And { Expr::And } else { Expr::Or };
                Ok(Typed::truth(make(Box::new(left.expr), Box::new(right.expr)), nullable, span))
            }
            BinaryOperator::StringConcat => super::calls::concat(vec![left, right], span),
            BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => Err(SqlError::at(
                span,
                format!("the operator `{op}` is not supported: it compares with a regular expression"),
                "write LIKE with `%` and `_`",
            )),
            _ => Err(SqlError::at(
                span,
                format!("the operator `{op}` is not supported"),
                "docs/sql.md lists the operators",
            )),
        }
    }

    fn between(
        &mut self,
        inner: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
        span: Span,
    ) -> Result<Typed> {
        let inner = self.expr(inner)?;
        let (low, high) = (self.expr(low)?, self.expr(high)?);
        let low = compared(Comparison::AtLeast, inner.clone(), low, self.tick_ms)?;
        let high = compared(Comparison::AtMost, inner, high, self.tick_ms)?;
        let nullable = low.nullable || high.nullable;
        let both = Typed::truth(Expr::And(Box::new(low.expr), Box::new(high.expr)), nullable, span);
        Ok(if negated { not(both) } else { both })
    }

    fn same(&mut self, left: &ast::Expr, right: &ast::Expr, span: Span) -> Result<Typed> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        self.note_compared(&left, &right);
        let (left, right, _) = unify(left, right, self.tick_ms)?;
        Ok(Typed::truth(Expr::Same(Box::new(left.expr), Box::new(right.expr)), false, span))
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        whens: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Typed> {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for when in whens {
            let condition = self.expr(&when.condition)?;
            conditions.push(match &operand {
                Some(operand) => {
                    self.note_compared(operand, &condition);
                    compared(Comparison::Equal, operand.clone(), condition, self.tick_ms)?
                }
                None => condition.into_truth()?,
            });
            results.push(self.expr(&when.result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Typed::literal(Value::Null, Kind::Null, span),
        });
        let (mut results, kind, nullable) = self.alike(results, span)?;
        let otherwise = results.pop().map_or(Expr::Literal(Value::Null), |last| last.expr);
        let whens = conditions.into_iter().zip(results).map(|(when, then)| (when.expr, then.expr)).collect();
        Ok(Typed { expr: Expr::Case(whens, Box::new(otherwise)), kind, nullable, span })
    }

    /// All as one kind, and whether any may be NULL.
    pub(super) fn alike(&self, all: Vec<Typed>, span: Span) -> Result<(Vec<Typed>, Kind, bool)> {
        let Some(kind) = common(&all.iter().collect::<Vec<_>>()) else {
            let kinds: Vec<&str> = all.iter().map(|typed| typed.kind.name()).collect();
            return Err(SqlError::at(
                span,
                format!("{} do not meet", kinds.join(", ")),
                "make them one kind: CAST(... AS ...)",
            ));
        };
        let nullable = all.iter().any(|typed| typed.nullable);
        let all = all.into_iter().map(|typed| typed.to(kind, self.tick_ms)).collect::<Result<_>>()?;
        Ok((all, kind, nullable))
    }

    fn among(
        &mut self,
        inner: &ast::Expr,
        target: &ast::InTarget,
        negated: bool,
        span: Span,
    ) -> Result<Typed> {
        let ast::InTarget::List(list) = target else {
            return Err(SqlError::at(span, "a query in IN within another condition", SUBQUERY));
        };
        let mut all = vec![self.expr(inner)?];
        for item in list {
            let item = self.expr(item)?;
            self.note_compared(&all[0], &item);
            all.push(item);
        }
        let (mut all, kind, nullable) = self.alike(all, span)?;
        if kind == Kind::Any {
            return Err(SqlError::at(
                span,
                "values that may be of any kind cannot be compared",
                "write CAST(... AS INTEGER), DECIMAL, BOOLEAN or TEXT",
            ));
        }
        let inner = all.remove(0);
        let mut values = Vec::new();
        for typed in all {
            let Expr::Literal(value) = typed.expr else {
                return Err(SqlError::at(
                    typed.span,
                    "IN takes constants or a query",
                    "write `x = a OR x = b`",
                ));
            };
            values.push(value);
        }
        let among = Typed::truth(Expr::In(Box::new(inner.expr), values), nullable, span);
        Ok(if negated { not(among) } else { among })
    }

    fn like(
        &mut self,
        negated: bool,
        text: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Typed> {
        let (text, pattern) = (self.expr(text)?.into_text()?, self.expr(pattern)?.into_text()?);
        let escape = match escape {
            None => None,
            Some(escape) => match self.expr(escape)?.expr {
                Expr::Literal(Value::Text(text)) if text.chars().count() == 1 => text.chars().next(),
                _ => {
                    return Err(SqlError::at(
                        escape.span(),
                        "ESCAPE takes one character",
                        "write ESCAPE '!'",
                    ));
                }
            },
        };
        let nullable = text.nullable || pattern.nullable;
        let like =
            Typed::truth(Expr::Like(Box::new(text.expr), Box::new(pattern.expr), escape), nullable, span);
        Ok(if negated { not(like) } else { like })
    }

    fn cast(
        &mut self,
        kind: &ast::CastKind,
        inner: &ast::Expr,
        to: &ast::DataType,
        has_format: bool,
        span: Span,
    ) -> Result<Typed> {
        if !matches!(kind, ast::CastKind::Cast | ast::CastKind::DoubleColon) || has_format {
            return Err(SqlError::at(
                span,
                "this form of CAST is not supported",
                "write CAST(... AS INTEGER); what is no number becomes NULL",
            ));
        }
        let to = match to {
            ast::DataType::Int(_) | ast::DataType::Integer(_) | ast::DataType::BigInt(_) => Kind::Int,
            ast::DataType::Decimal(_) | ast::DataType::Numeric(_) | ast::DataType::Dec(_) => Kind::Dec,
            ast::DataType::Text | ast::DataType::Varchar(None) => Kind::Text,
            ast::DataType::Boolean | ast::DataType::Bool => Kind::Bool,
            ast::DataType::Timestamp(..) => Kind::Time,
            other => {
                let hint = "the kinds are INTEGER, DECIMAL, TEXT, BOOLEAN and TIMESTAMP; a fraction is DECIMAL, exact to a millionth";
                return Err(SqlError::at(span, format!("`{other}` is not a kind of values here"), hint));
            }
        };
        let inner = self.expr(inner)?;
        Ok(Typed { span, ..inner.converted(to, self.tick_ms)? })
    }
}

const SUBQUERY: &str = "a query in IN or EXISTS can be one of the conditions of WHERE that are joined by AND; elsewhere use LEFT JOIN";

pub(super) fn not(typed: Typed) -> Typed {
    Typed { expr: Expr::Not(Box::new(typed.expr)), ..typed }
}

pub(super) fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::AtMost,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::AtLeast,
        _ => return None,
    })
}
