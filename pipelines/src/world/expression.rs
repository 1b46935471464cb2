//! A condition that is written as one text becomes the map that says the same, each part of it with its place in the file.
//!
//! `"level >= 5 and phase == night"` → `{all: [{level: {at_least: 5}}, {phase: night}]}`. So shape and check of conditions, and
//! all that is made of them, know one form. What no key can say (arithmetic, two facts, rows of views) becomes the key `compare`.

use std::cell::RefCell;

use worldflow_schemas::definitions::Condition;
use worldflow_schemas::definitions::expression::{
    Compare, Comparison, Expr, ExprKind, ExpressionError, Part, RowExpr, Subject, parse,
};

use super::misfit::one_of;
use super::node::{Key, Node, NodeValue};
use super::problem::{Place, hint};
use super::reading;
use super::shape::STATES;

type Tree = Result<Node, ExpressionError>;

/// A text that was read as a condition.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// What it says.
    pub(crate) expr: Expr,
    /// The map that says the same of all parts that are right.
    pub(crate) tree: Node,
    /// What is wrong with the others.
    pub(crate) wrong: Vec<ExpressionError>,
}

/// Reads the text of a node. A part that is wrong, of those that are joined with `and` or `or`, is left out of the map; with no part
/// left, what is wrong with each is the error.
pub(crate) fn read(text: &str, node: &Node) -> Result<Parsed, Vec<ExpressionError>> {
    let expr = parse(text).map_err(|error| vec![error])?;
    let builder = Builder { text, node, wrong: RefCell::default() };
    let tree = builder.condition(&expr);
    let mut wrong = builder.wrong.into_inner();
    match tree {
        Ok(tree) => Ok(Parsed { expr, tree, wrong }),
        Err(error) => {
            wrong.push(error);
            Err(wrong)
        }
    }
}

/// The condition that a text is, without a file around it.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn condition(text: &str) -> Result<Condition, String> {
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let place = Place { line: 1, column: 1, length };
    let node = Node { value: NodeValue::Text(text.to_owned()), place, jumps: None };
    let (condition, misfits) = reading::read::<Condition>(None, &node);
    match (condition, misfits.first()) {
        (Some(condition), None) => Ok(condition),
        (_, misfit) => Err(misfit.map_or_else(String::new, |misfit| misfit.message.clone())),
    }
}

struct Builder<'a> {
    text: &'a str,
    node: &'a Node,
    /// What is wrong with parts that are left out.
    wrong: RefCell<Vec<ExpressionError>>,
}

impl Builder<'_> {
    fn place(&self, from: usize, to: usize) -> Place {
        self.node.place_within(self.text, from, to)
    }

    fn at(&self, expr: &Expr, value: NodeValue) -> Node {
        Node { value, place: self.place(expr.from, expr.to), jumps: None }
    }

    fn map(&self, of: &Expr, key: &str, value: Node) -> Node {
        self.keyed(of.from, of.to, key, value)
    }

    fn keyed(&self, from: usize, to: usize, key: &str, value: Node) -> Node {
        let place = self.place(from, to);
        let key = Key { text: key.to_owned(), place };
        Node { value: NodeValue::Map(vec![(key, value)]), place, jumps: None }
    }

    fn part(&self, part: &Part, value: Node) -> Node {
        self.keyed(part.from, part.to, &part.text, value)
    }

    fn condition(&self, expr: &Expr) -> Tree {
        match &expr.kind {
            ExprKind::And(items) => self.list(expr, "all", items),
            ExprKind::Or(items) => self.list(expr, "any", items),
            ExprKind::Not(inner) => Ok(self.map(expr, "not", self.condition(inner)?)),
            ExprKind::Compare(left, compare, right) => self.compare(expr, left, *compare, right),
            ExprKind::Between(of, low, high) => self.between(expr, of, low, high),
            ExprKind::In(of, items) => self.one_of(expr, of, items),
            ExprKind::Name(parts) => match Subject::of(parts)? {
                Subject::Fact(_, fact) => {
                    let holds = self.at(expr, NodeValue::Bool(true));
                    Ok(self.map(expr, "facts", self.part(fact, holds)))
                }
                _ => Err(ExpressionError::of(
                    expr,
                    "this alone is no condition",
                    "compare it: `phase == night`; only a fact that is true or false can stand alone",
                )),
            },
            ExprKind::Row(row) => {
                // A column that is true, or that there is such a row.
                let text = format!("{} == true", self.slice(expr));
                let _: Comparison = text.parse().map_err(|error| self.moved(row, error))?;
                Ok(self.map(expr, "compare", self.at(expr, NodeValue::Text(text))))
            }
            _ => Err(ExpressionError::of(
                expr,
                "this alone is no condition",
                "compare it with something: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [...]`, `between ... and ...`",
            )),
        }
    }

    fn list(&self, of: &Expr, key: &str, items: &[Expr]) -> Tree {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for item in items {
            match self.condition(item) {
                Ok(item) => right.push(item),
                Err(error) => wrong.push(error),
            }
        }
        // One is told by whoever asked, where nothing is left.
        let last = if right.is_empty() { wrong.pop() } else { None };
        self.wrong.borrow_mut().extend(wrong);
        match last {
            Some(error) => Err(error),
            None => Ok(self.map(of, key, self.at(of, NodeValue::List(right)))),
        }
    }

    fn negated(&self, of: &Expr, negated: bool, inner: Node) -> Node {
        if negated { self.map(of, "not", inner) } else { inner }
    }

    fn compare(&self, expr: &Expr, left: &Expr, compare: Compare, right: &Expr) -> Tree {
        let is_name = |expr: &Expr| matches!(expr.kind, ExprKind::Name(_));
        let (of, compare, value) = match self.value(left, false) {
            Some(_) if is_name(right) => (right, compare.flipped(), left),
            _ => (left, compare, right),
        };
        let (ExprKind::Name(parts), Some(node)) = (&of.kind, self.value(value, true)) else {
            return self.reckoned(expr);
        };
        let subject = Subject::of(parts)?;
        let equality = matches!(compare, Compare::Is | Compare::IsNot);
        match subject {
            Subject::Fact(..) | Subject::Level | Subject::WeatherIntensity => {
                let test = match compare {
                    Compare::Is => node,
                    Compare::IsNot => self.map(value, "is_not", node),
                    Compare::Below => self.map(value, "below", node),
                    Compare::AtMost => self.map(value, "at_most", node),
                    Compare::Above => self.map(value, "above", node),
                    Compare::AtLeast => self.map(value, "at_least", node),
                };
                Ok(self.tested(of, &subject, test))
            }
            Subject::Time => Err(ExpressionError::of(
                expr,
                "the time of day is a range",
                "write `clock.time between 20:00 and 06:00`; the end is excluded",
            )),
            Subject::WeatherLasting => match (compare, &value.kind) {
                (Compare::AtLeast, ExprKind::Span(_)) => {
                    Ok(self.map(of, "weather", self.map(of, "lasting", node)))
                }
                _ => Err(ExpressionError::of(
                    expr,
                    "how long the weather lasts is compared with a span, by `>=`",
                    "write `weather.lasting >= 10m`, or `not weather.lasting >= 10m`",
                )),
            },
            _ if !equality => Err(ExpressionError::of(
                expr,
                format!("`{}` is no number, which `{}` needs", self.slice(of), compare.sign()),
                "use `==`, `!=` or `in [...]`",
            )),
            subject => {
                are_states(&subject, &[value])?;
                Ok(self.negated(expr, compare == Compare::IsNot, self.chosen(of, &subject, node)))
            }
        }
    }

    /// A comparison of what is reckoned.
    fn reckoned(&self, expr: &Expr) -> Tree {
        Comparison::of(expr)?;
        let text = self.at(expr, NodeValue::Text(self.slice(expr).to_owned()));
        Ok(self.map(expr, "compare", text))
    }

    /// What is wrong with a part that was read by itself, at its place in the whole.
    fn moved(&self, row: &RowExpr, error: ExpressionError) -> ExpressionError {
        ExpressionError { from: row.view.from, to: row.view.to, ..error }
    }

    fn slice(&self, expr: &Expr) -> &str {
        self.text.get(expr.from..expr.to).unwrap_or_default()
    }

    /// A test of a fact, the level or the intensity.
    fn tested(&self, of: &Expr, subject: &Subject<'_>, test: Node) -> Node {
        match subject {
            Subject::Fact(_, fact) => self.map(of, "facts", self.part(fact, test)),
            Subject::Level => self.map(of, "level", test),
            _ => self.map(of, "weather", self.map(of, "intensity", test)),
        }
    }

    /// A choice of names.
    fn chosen(&self, of: &Expr, subject: &Subject<'_>, names: Node) -> Node {
        match subject {
            Subject::Phase => self.map(of, "phase", names),
            Subject::Season => self.map(of, "season", names),
            Subject::Moon(moon) => self.map(of, "moon", self.part(moon, names)),
            Subject::WeatherState => self.map(of, "weather", self.map(of, "kind", names)),
            Subject::Quest(quest) => self.map(of, "quests", self.part(quest, names)),
            _ => self.map(of, "region", names),
        }
    }

    /// A column of a row is one of these.
    fn row_one_of(&self, expr: &Expr, of: &Expr, items: &[Expr]) -> Tree {
        let mut any = Vec::new();
        for item in items {
            let text = format!("{} == {}", self.slice(of), self.slice(item));
            text.parse::<Comparison>()
                .map_err(|error| ExpressionError::of(item, error.message, error.hint))?;
            any.push(self.map(item, "compare", self.at(expr, NodeValue::Text(text))));
        }
        Ok(self.map(expr, "any", self.at(expr, NodeValue::List(any))))
    }

    fn one_of(&self, expr: &Expr, of: &Expr, items: &[Expr]) -> Tree {
        if matches!(of.kind, ExprKind::Row(_)) && !items.is_empty() {
            return self.row_one_of(expr, of, items);
        }
        let ExprKind::Name(parts) = &of.kind else {
            let hint = "only a name can be `in` a list";
            return Err(ExpressionError::of(of, "this is no name", hint));
        };
        let subject = Subject::of(parts)?;
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(item, true).ok_or_else(|| {
                ExpressionError::of(item, "this is no plain value", "a list has numbers and ids")
            })?);
        }
        let list = self.at(expr, NodeValue::List(values));
        match subject {
            Subject::Fact(..) | Subject::Level | Subject::WeatherIntensity => {
                Ok(self.tested(of, &subject, self.map(of, "one_of", list)))
            }
            Subject::Time | Subject::WeatherLasting => {
                let hint = "write `clock.time between 20:00 and 06:00`, or `weather.lasting >= 10m`";
                Err(ExpressionError::of(expr, "this is in no list", hint))
            }
            subject => {
                are_states(&subject, &items.iter().collect::<Vec<_>>())?;
                Ok(self.chosen(of, &subject, list))
            }
        }
    }

    fn between(&self, expr: &Expr, of: &Expr, low: &Expr, high: &Expr) -> Tree {
        let subject = match &of.kind {
            ExprKind::Name(parts) => Some(Subject::of(parts)?),
            _ => None,
        };
        match (&subject, &low.kind, &high.kind) {
            (Some(Subject::Time), ExprKind::Time(from), ExprKind::Time(to)) => {
                let hours = self.at(expr, NodeValue::Text(format!("{from}-{to}")));
                Ok(self.map(of, "hours", hours))
            }
            (
                Some(subject @ (Subject::Fact(..) | Subject::Level | Subject::WeatherIntensity)),
                ExprKind::Number(_),
                ExprKind::Number(_),
            ) => {
                let key = |expr: &Expr, text: &str| Key {
                    text: text.to_owned(),
                    place: self.place(expr.from, expr.to),
                };
                let bound =
                    |expr: &Expr| self.value(expr, true).unwrap_or_else(|| self.at(expr, NodeValue::Null));
                let bounds = vec![(key(low, "at_least"), bound(low)), (key(high, "at_most"), bound(high))];
                Ok(self.tested(of, subject, self.at(expr, NodeValue::Map(bounds))))
            }
            (Some(Subject::Fact(..) | Subject::Level | Subject::WeatherIntensity) | None, ..) => {
                let mut both = Vec::new();
                for (bound, sign) in [(low, ">="), (high, "<=")] {
                    let text = format!("({}) {sign} ({})", self.slice(of), self.slice(bound));
                    text.parse::<Comparison>()
                        .map_err(|error| ExpressionError::of(expr, error.message, error.hint))?;
                    both.push(self.map(expr, "compare", self.at(expr, NodeValue::Text(text))));
                }
                Ok(self.map(expr, "all", self.at(expr, NodeValue::List(both))))
            }
            _ => Err(ExpressionError::of(
                expr,
                "nothing lies between these two",
                "`between` is for numbers, and for the time of day: `clock.time between 20:00 and 06:00`",
            )),
        }
    }

    /// A plain value; a lone word is an id where `words` may be.
    fn value(&self, expr: &Expr, words: bool) -> Option<Node> {
        let value = match &expr.kind {
            ExprKind::Number(number) => match number.parse::<i128>() {
                Ok(whole) => NodeValue::Int(whole),
                Err(_) => NodeValue::Float(number.parse().ok()?),
            },
            ExprKind::Text(text) | ExprKind::Time(text) => NodeValue::Text(text.clone()),
            ExprKind::Bool(is) => NodeValue::Bool(*is),
            ExprKind::Span(span) => NodeValue::Text(span.to_string()),
            ExprKind::Name(parts) if words && parts.len() == 1 => {
                NodeValue::Text(parts.first()?.text.clone())
            }
            _ => return None,
        };
        Some(self.at(expr, value))
    }
}

/// That a quest is compared with states of quests.
fn are_states(subject: &Subject<'_>, values: &[&Expr]) -> Result<(), ExpressionError> {
    if !matches!(subject, Subject::Quest(_)) {
        return Ok(());
    }
    for value in values {
        let state = match &value.kind {
            ExprKind::Text(text) => text,
            ExprKind::Name(parts) if parts.len() == 1 => &parts[0].text,
            _ => continue,
        };
        if !STATES.contains(&state.as_str()) {
            let message = format!("unknown state of a quest `{state}`");
            return Err(ExpressionError::of(value, message, hint(state, STATES, &one_of(&STATES))));
        }
    }
    Ok(())
}
