//! Comparisons of what is reckoned, compiled.
//!
//! Numbers are millionths in 128 bits, so nothing is rounded but by a division. What has no value compares with nothing.

use std::cmp::Ordering;

use worldflow_schemas::definitions::expression::{self, Arithmetic, Compare, Term};
use worldflow_schemas::{Sym, Value};

use super::condition::depends;
use super::context::{Actor, Context};
use super::plan::Plan;
use super::seen::RowPlan;

/// A compiled comparison.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    left: Operand,
    compare: Compare,
    right: Operand,
}

#[derive(Clone, Debug)]
enum Operand {
    Is(Value),
    Fact(Sym),
    Level,
    Intensity,
    Row(RowPlan),
    Arithmetic(Box<Operand>, Arithmetic, Box<Operand>),
}

/// What an operand comes to.
pub(super) enum Found<'a> {
    Value(&'a Value),
    Number(i128),
    Bool(bool),
}

impl Operand {
    fn new(term: &Term) -> Operand {
        match term {
            Term::Number(millionths) => Operand::Is(Value::Dec(*millionths)),
            Term::Text(text) => Operand::Is(Value::Sym(Sym::new(text))),
            Term::Bool(is) => Operand::Is(Value::Bool(*is)),
            Term::Fact(fact) => Operand::Fact(Sym::new(fact)),
            Term::Level => Operand::Level,
            Term::Intensity => Operand::Intensity,
            Term::Row(row) => Operand::Row(RowPlan::new(row)),
            Term::Arithmetic(a, sign, b) => {
                Operand::Arithmetic(Box::new(Operand::new(a)), *sign, Box::new(Operand::new(b)))
            }
        }
    }

    fn visit(&self, visit: &mut impl FnMut(&Operand)) {
        visit(self);
        if let Operand::Arithmetic(a, _, b) = self {
            a.visit(visit);
            b.visit(visit);
        }
    }

    fn find<'a>(&'a self, plan: &Plan, context: &'a Context, actor: &Actor<'_>) -> Option<Found<'a>> {
        Some(match self {
            Operand::Is(value) => Found::Value(value),
            Operand::Fact(fact) => {
                let scope = context.facts.scope(*fact)?;
                let holder = actor.holder_of(scope, context.realm);
                Found::Value(context.facts.get(holder, *fact)?)
            }
            Operand::Level => Found::Number(Value::Int(context.level_of(actor)).as_millionths()?),
            Operand::Intensity => {
                let weather = context.weather.get(&plan.zone(actor.region)?)?;
                Found::Number(i128::from(weather.intensity))
            }
            Operand::Row(row) => row.find(context, actor)?,
            Operand::Arithmetic(a, sign, b) => {
                let (a, b) = (a.find(plan, context, actor)?, b.find(plan, context, actor)?);
                Found::Number(sign.apply(a.number()?, b.number()?)?)
            }
        })
    }
}

impl Found<'_> {
    fn number(&self) -> Option<i128> {
        match self {
            Found::Value(value) => value.as_millionths(),
            Found::Number(millionths) => Some(*millionths),
            Found::Bool(_) => None,
        }
    }

    /// Of two numbers how large they are, of others only whether they are the same.
    fn order(&self, other: &Found<'_>) -> Option<Ordering> {
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return Some(a.cmp(&b));
        }
        match (self, other) {
            (Found::Value(a), Found::Value(b)) => a.compare(b),
            (Found::Bool(a), Found::Bool(b)) => Some(a.cmp(b)),
            (Found::Bool(a), Found::Value(b)) => Value::Bool(*a).compare(b),
            (Found::Value(a), Found::Bool(b)) => a.compare(&Value::Bool(*b)),
            (Found::Number(_), _) | (_, Found::Number(_)) => None,
        }
    }
}

impl Comparison {
    pub(super) fn new(def: &expression::Comparison) -> Comparison {
        let (left, right) = (Operand::new(&def.left), Operand::new(&def.right));
        Comparison { left, compare: def.compare, right }
    }

    fn visit(&self, mut visit: impl FnMut(&Operand)) {
        self.left.visit(&mut visit);
        self.right.visit(&mut visit);
    }

    pub(super) fn depends(&self) -> u16 {
        let mut bits = 0;
        self.visit(|operand| {
            bits |= match operand {
                Operand::Fact(_) => depends::FACTS | depends::PLACE,
                Operand::Level => depends::LEVEL,
                Operand::Intensity => depends::WEATHER | depends::PLACE,
                Operand::Row(row) => row.depends(),
                Operand::Is(_) | Operand::Arithmetic(..) => 0,
            };
        });
        bits
    }

    pub(super) fn facts(&self) -> Vec<Sym> {
        let mut facts = Vec::new();
        self.visit(|operand| match operand {
            Operand::Fact(fact) => facts.push(*fact),
            Operand::Row(row) => facts.extend(row.facts()),
            _ => {}
        });
        facts
    }

    /// The rows that it looks up.
    pub(super) fn rows(&self) -> Vec<RowPlan> {
        let mut rows = Vec::new();
        self.visit(|operand| {
            if let Operand::Row(row) = operand {
                rows.push(row.clone());
            }
        });
        rows
    }

    /// What both sides come to.
    pub(super) fn sides(
        &self,
        plan: &Plan,
        context: &Context,
        actor: &Actor<'_>,
    ) -> (Option<Value>, Option<Value>) {
        let side = |operand: &Operand| {
            operand.find(plan, context, actor).map(|found| match found {
                Found::Value(value) => value.clone(),
                Found::Bool(is) => Value::Bool(is),
                Found::Number(millionths) => {
                    let most = if millionths < 0 { i64::MIN } else { i64::MAX };
                    Value::Dec(i64::try_from(millionths).unwrap_or(most))
                }
            })
        };
        (side(&self.left), side(&self.right))
    }

    pub(super) fn holds(&self, plan: &Plan, context: &Context, actor: &Actor<'_>) -> bool {
        let found = |operand| Operand::find(operand, plan, context, actor);
        let (Some(left), Some(right)) = (found(&self.left), found(&self.right)) else { return false };
        let order = left.order(&right);
        let ordered = left.number().is_some() && right.number().is_some();
        match self.compare {
            Compare::Is => order == Some(Ordering::Equal),
            Compare::IsNot => order != Some(Ordering::Equal),
            compare => ordered && order.is_some_and(|order| compare.holds(order)),
        }
    }
}
