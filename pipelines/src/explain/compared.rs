//! Comparisons of what is reckoned, in words: facts, levels and rows of views, and how much is missing.

use worldflow_schemas::Value;
use worldflow_schemas::definitions::expression::{Compare, Comparison, KeyPart, RowOf, Term};
use worldflow_schemas::definitions::{Test, TestRange};

/// A comparison as a world could have it: `view.hunters[player].kills >= 10`.
pub(super) fn comparison(of: &Comparison) -> String {
    format!("{} {} {}", term(&of.left), of.compare.sign(), term(&of.right))
}

fn term(of: &Term) -> String {
    match of {
        Term::Fact(fact) => format!("fact.{}", super::conditions::id(fact)),
        Term::Row(row) => self::row(row),
        Term::Arithmetic(a, arithmetic, b) => format!("({} {} {})", term(a), arithmetic.sign(), term(b)),
        other => other.to_string(),
    }
}

fn row(RowOf { view, key, column }: &RowOf) -> String {
    let part = |part: &KeyPart| match part {
        KeyPart::Fact(fact) => format!("fact.{}", super::conditions::id(fact)),
        other => other.to_string(),
    };
    let key: Vec<String> = key.iter().map(part).collect();
    let column = column.as_ref().map(|column| format!(".{}", super::conditions::id(column)));
    format!("view.{}[{}]{}", super::conditions::id(view), key.join(", "), column.unwrap_or_default())
}

/// What both sides of a comparison come to; a side that is written out is not said again.
pub(super) fn sides(of: &Comparison, left: Option<&Value>, right: Option<&Value>) -> String {
    let (a, b) = (side(&of.left, left), side(&of.right, right));
    match (is_written(&of.left), is_written(&of.right)) {
        (false, true) => {
            format!("now {a}{}", left.zip(right).map(|(a, b)| short(of.compare, a, b)).unwrap_or_default())
        }
        (true, false) => format!("now {b}"),
        _ => format!("now {a} and {b}"),
    }
}

fn is_written(of: &Term) -> bool {
    matches!(of, Term::Number(_) | Term::Text(_) | Term::Bool(_))
}

fn side(of: &Term, value: Option<&Value>) -> String {
    match (of, value) {
        (_, Some(value)) => value.to_string(),
        (Term::Row(_), None) => "nothing: no row has it".to_owned(),
        (_, None) => "nothing".to_owned(),
    }
}

/// What a number is short of a bound, if it is: `, 8 more`.
fn short(compare: Compare, value: &Value, bound: &Value) -> String {
    let (Some(value), Some(bound)) = (value.as_millionths(), bound.as_millionths()) else {
        return String::new();
    };
    let said = |millionths: i128| i64::try_from(millionths).ok().map(Value::Dec);
    let said = match compare {
        Compare::AtLeast if value < bound => said(bound - value).map(|short| format!(", {short} more")),
        Compare::AtMost if value > bound => said(value - bound).map(|over| format!(", {over} less")),
        _ => None,
    };
    said.unwrap_or_default()
}

/// What a value is short of a test of a fact or a level.
pub(super) fn short_of(test: Option<&Test>, value: &Value) -> String {
    let Some(Test::Range(TestRange { at_least, at_most, .. })) = test else { return String::new() };
    let bound = |bound: &Option<serde_json::Number>, compare: Compare| {
        let bound = bound.as_ref().and_then(|bound| Value::from_json(&bound.clone().into()));
        bound.map(|bound| short(compare, value, &bound)).unwrap_or_default()
    };
    format!("{}{}", bound(at_least, Compare::AtLeast), bound(at_most, Compare::AtMost))
}
