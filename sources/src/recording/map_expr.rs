//! Checked expressions and comparisons of a mapping: values computed from a line.

use serde_json::{Map, Value as Json};
use worldflow_schemas::Value;
use worldflow_schemas::definitions::{Test, TestRange};

use super::map_def::{GridDef, LookupDef};

/// A line of any layout.
pub(super) type Line = Map<String, Json>;

/// Comparisons of fields; all must hold.
pub(super) type Fields = Vec<(String, Test)>;

/// One checked expression.
#[derive(Debug)]
pub(super) enum Checked {
    Literal(Json),
    Field(String),
    Template(Vec<Part>),
    Lookup(LookupDef),
    Grid(GridDef),
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Field(String),
}

static NULL: Json = Json::Null;

/// A field of a line; dots lead into objects.
pub(super) fn field<'a>(line: &'a Line, name: &str) -> &'a Json {
    if let Some(found) = line.get(name) {
        return found;
    }
    let mut parts = name.split('.');
    let first = parts.next().and_then(|part| line.get(part));
    first.and_then(|first| parts.try_fold(first, |at, part| at.get(part))).unwrap_or(&NULL)
}

/// Whether all comparisons hold.
pub(super) fn holds(fields: &Fields, line: &Line) -> bool {
    fields.iter().all(|(name, test)| test_holds(test, field(line, name)))
}

fn test_holds(test: &Test, found: &Json) -> bool {
    let range = match test {
        Test::Is(wanted) => return same(found, wanted),
        Test::Range(range) => range,
    };
    let TestRange { at_least, at_most, above, below, is, is_not, one_of } = range;
    let compare = |bound: &Option<serde_json::Number>, wanted: fn(std::cmp::Ordering) -> bool| {
        let Some(bound) = bound else { return true };
        let both = (Value::from_json(found), Value::from_json(&Json::Number(bound.clone())));
        match both {
            (Some(found), Some(bound)) if found.as_millionths().is_some() => {
                found.compare(&bound).is_some_and(wanted)
            }
            _ => false,
        }
    };
    compare(at_least, std::cmp::Ordering::is_ge)
        && compare(at_most, std::cmp::Ordering::is_le)
        && compare(above, std::cmp::Ordering::is_gt)
        && compare(below, std::cmp::Ordering::is_lt)
        && is.as_ref().is_none_or(|wanted| same(found, wanted))
        && is_not.as_ref().is_none_or(|unwanted| !same(found, unwanted))
        && one_of.as_ref().is_none_or(|list| list.iter().any(|wanted| same(found, wanted)))
}

fn same(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Number(found), Json::Number(wanted)) => {
            found == wanted
                || found.as_f64().zip(wanted.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
        }
        _ => found == wanted,
    }
}

/// What an expression gives, with the type that it has.
pub(super) fn value<'a>(expr: &'a Checked, line: &'a Line) -> std::borrow::Cow<'a, Json> {
    use std::borrow::Cow;
    match expr {
        Checked::Literal(literal) => Cow::Borrowed(literal),
        Checked::Field(name) => Cow::Borrowed(field(line, name)),
        Checked::Template(_) | Checked::Lookup(_) | Checked::Grid(_) => {
            Cow::Owned(text(expr, line).map_or(Json::Null, Json::String))
        }
    }
}

fn scalar_text(found: &Json) -> Option<String> {
    match found {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What an expression gives, as text; absent when a part of it is.
pub(super) fn text(expr: &Checked, line: &Line) -> Option<String> {
    match expr {
        Checked::Literal(literal) => scalar_text(literal),
        Checked::Field(name) => scalar_text(field(line, name)),
        Checked::Template(parts) => {
            let mut out = String::new();
            for part in parts {
                match part {
                    Part::Text(text) => out.push_str(text),
                    Part::Field(name) => out.push_str(&scalar_text(field(line, name))?),
                }
            }
            Some(out)
        }
        Checked::Lookup(LookupDef { from, map, otherwise }) => {
            let found = scalar_text(field(line, from));
            found.and_then(|found| map.get(&found)).or(otherwise.as_ref()).cloned()
        }
        Checked::Grid(grid) => {
            let cell = |name: &str, cuts: &[i64]| {
                let at = Value::from_json(field(line, name))?.as_millionths()?;
                Some(cuts.partition_point(|cut| i128::from(*cut) * 1_000_000 <= at))
            };
            let (column, row) = (cell(&grid.x, &grid.columns)?, cell(&grid.y, &grid.rows)?);
            grid.names.get(row)?.get(column).cloned()
        }
    }
}
