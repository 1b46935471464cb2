//! What is reckoned and compared: names, types, and whose facts they are.

use std::cmp::Ordering;

use worldflow_schemas::definitions::expression::{Compare, Comparison, Expr, ExprKind, Subject, Term, parse};

use super::conditions::Operand;
use super::{Checker, Sort};
use crate::world::node::NodeValue;
use crate::world::spot::Spot;

impl Checker<'_> {
    /// Whether facts are named with the scope they have.
    pub(super) fn check_scopes(&mut self, expr: &Expr, text: &str, spot: Spot<'_>) {
        match &expr.kind {
            ExprKind::And(items) | ExprKind::Or(items) => {
                items.iter().for_each(|item| self.check_scopes(item, text, spot));
            }
            ExprKind::Not(inner) | ExprKind::Negated(inner) => self.check_scopes(inner, text, spot),
            ExprKind::Compare(a, _, b) | ExprKind::Arithmetic(a, _, b) => {
                if matches!(&expr.kind, ExprKind::Compare(..)) {
                    self.check_word(a, b, text, spot);
                }
                self.check_scopes(a, text, spot);
                self.check_scopes(b, text, spot);
            }
            ExprKind::Between(of, low, high) => {
                [of, low, high].into_iter().for_each(|part| self.check_scopes(part, text, spot));
            }
            ExprKind::In(of, _) => self.check_scopes(of, text, spot),
            ExprKind::Row(row) => row.key.iter().for_each(|part| self.check_scopes(part, text, spot)),
            ExprKind::Name(parts) => {
                if let Ok(Subject::Fact(Some(scope), fact)) = Subject::of(parts) {
                    let world = self.definitions.world.as_ref();
                    let declared = world.and_then(|world| world.definition.facts.get(&fact.text));
                    if let Some(declared) = declared.filter(|declared| declared.scope != scope) {
                        let (name, is) = (&fact.text, declared.scope.name());
                        let message =
                            format!("the fact `{name}` is kept for a {is}, not for a {}", scope.name());
                        let spot = within(spot, text, expr.from, expr.to);
                        self.error(spot, message, format!("write `{is}.{name}`, or `{name}` alone"));
                    }
                }
            }
            ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Time(_)
            | ExprKind::Span(_) => {}
        }
    }

    /// A lone word on the right is an id, also where a fact is called so.
    fn check_word(&mut self, left: &Expr, right: &Expr, text: &str, spot: Spot<'_>) {
        let (ExprKind::Name(left), ExprKind::Name(word)) = (&left.kind, &right.kind) else { return };
        let ([word], Ok(Subject::Fact(..))) = (word.as_slice(), Subject::of(left)) else { return };
        let world = self.definitions.world.as_ref();
        if let Some(fact) = world.and_then(|world| world.definition.facts.get(&word.text)) {
            let (word, scope) = (&word.text, fact.scope.name());
            let message = format!("`{word}` is an id here, and there is a fact of that name");
            let hint = format!("write `{scope}.{word}` for the fact, or `'{word}'` for the id");
            self.warn(within(spot, text, right.from, right.to), message, hint);
        }
    }

    pub(super) fn check_comparison(&mut self, comparison: &Comparison, spot: Spot<'_>) {
        let written = match spot.node.map(|node| &node.value) {
            Some(NodeValue::Text(text)) => text.clone(),
            _ => comparison.to_string(),
        };
        let Ok(Expr { kind: ExprKind::Compare(left, compare, right), .. }) = parse(&written) else { return };
        self.check_scopes(&left, &written, spot);
        self.check_scopes(&right, &written, spot);
        if let Some(holds) = decided(comparison) {
            let how = if holds { "always" } else { "never" };
            let message = format!("nothing here depends on the world, so this {how} holds");
            let hint = "compare a fact, the level or a column with a value, or remove it";
            self.error(within(spot, &written, left.from, right.to), message, hint);
            return;
        }
        self.check_row_compared(&left, &right, &written, spot);
        if matches!(&left.kind, ExprKind::Text(_)) {
            self.check_row_compared(&right, &left, &written, spot);
        }
        let right_is_word = matches!(&right.kind, ExprKind::Name(parts) if parts.len() == 1);
        let of_left = self.term(&left, &written, spot, false);
        let of_right = self.term(&right, &written, spot, right_is_word);
        let equality = matches!(compare, Compare::Is | Compare::IsNot);
        for (term, operand) in [(&left, of_left), (&right, of_right)] {
            if let Some(operand) = operand.filter(|operand| !equality && *operand != Operand::Number) {
                let message =
                    format!("this is {}, which `{}` cannot compare", operand.label(), compare.sign());
                self.error(within(spot, &written, term.from, term.to), message, "use `==` or `!=`");
                return;
            }
        }
        if let (Some(a), Some(b)) = (of_left, of_right)
            && a != b
        {
            let message =
                format!("{} is compared with {}, and they are never the same", a.label(), b.label());
            self.error(
                within(spot, &written, left.from, right.to),
                message,
                "compare two numbers, two ids, or two of `true` and `false`",
            );
        }
    }

    /// The type of a term, if it is known.
    fn term(&mut self, expr: &Expr, text: &str, spot: Spot<'_>, word: bool) -> Option<Operand> {
        match &expr.kind {
            ExprKind::Number(_) => Some(Operand::Number),
            ExprKind::Text(_) => Some(Operand::Text),
            ExprKind::Bool(_) => Some(Operand::Bool),
            ExprKind::Name(_) if word => Some(Operand::Text),
            ExprKind::Name(parts) => match Subject::of(parts).ok()? {
                Subject::Level | Subject::WeatherIntensity => Some(Operand::Number),
                Subject::Fact(_, fact) => {
                    let spot = within(spot, text, fact.from, fact.to);
                    if !self.known(Sort::Fact, &fact.text, spot) || self.is_personal_fact(&fact.text, spot) {
                        return None;
                    }
                    let world = self.definitions.world.as_ref()?;
                    world.definition.facts.get(&fact.text).map(|declared| Operand::of_fact(declared.kind))
                }
                _ => None,
            },
            ExprKind::Arithmetic(a, sign, b) => {
                for part in [a, b] {
                    if let Some(operand) = self.term(part, text, spot, false)
                        && operand != Operand::Number
                    {
                        let message =
                            format!("this is {}, and `{}` needs a number", operand.label(), sign.sign());
                        let hint = "only numbers can be reckoned with";
                        self.error(within(spot, text, part.from, part.to), message, hint);
                    }
                }
                Some(Operand::Number)
            }
            ExprKind::Negated(inner) => self.term(inner, text, spot, false),
            ExprKind::Row(row) => self.row_term(row, text, spot),
            _ => None,
        }
    }
}

/// Whether a comparison holds, if both sides are written out, or are the same.
fn decided(comparison: &Comparison) -> Option<bool> {
    let Comparison { left, compare, right } = comparison;
    let order = match (left, right) {
        (Term::Text(a), Term::Text(b)) => a.cmp(b),
        (Term::Bool(a), Term::Bool(b)) => a.cmp(b),
        _ => match (number(left), number(right)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if left == right => Ordering::Equal,
            _ => return None,
        },
    };
    Some(compare.holds(order))
}

/// What a term comes to that is written out.
fn number(term: &Term) -> Option<i128> {
    match term {
        Term::Number(number) => Some((*number).into()),
        Term::Arithmetic(a, arithmetic, b) => arithmetic.apply(number(a)?, number(b)?),
        _ => None,
    }
}

/// The spot of some bytes of a text.
pub(super) fn within<'a>(spot: Spot<'a>, text: &str, from: usize, to: usize) -> Spot<'a> {
    let place = spot.node.map_or(spot.place, |node| node.place_within(text, from, to));
    Spot { place, ..spot }
}
