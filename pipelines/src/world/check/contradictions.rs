//! Conditions that say a thing and its opposite, or leave no value for a number.

use std::collections::BTreeSet;

use serde_json::Value;
use worldflow_schemas::definitions::{Condition, Test, TestRange, WorldDef};

use super::day::{Phases, Times, asks, phases};
use super::never::Parts;

/// A key of a condition and what it asks, as text.
type Asked = BTreeSet<(String, String)>;

/// A thing and its opposite.
pub(super) fn opposites(parts: &Parts<'_>) -> Option<(String, String)> {
    let denied: Vec<&Condition> = parts.0.iter().filter_map(|part| part.not.as_deref()).collect();
    if denied.is_empty() {
        return None;
    }
    let mut asked = Asked::new();
    parts.0.iter().for_each(|part| ask(part, &mut asked));
    denied.into_iter().find_map(|inner| {
        let mut within = Asked::new();
        Parts::of(inner).0.iter().for_each(|part| ask(part, &mut within));
        (!within.is_empty() && within.is_subset(&asked)).then(|| {
            let what: Vec<String> = within.iter().map(|(key, value)| format!("`{key}: {value}`")).collect();
            let message = format!("it asks for {} and for the opposite", what.join(" and "));
            (message, "keep one of the two, or put them into `any`".to_owned())
        })
    })
}

/// What a condition asks itself; `all` is gone through by whoever asks.
fn ask(condition: &Condition, asked: &mut Asked) {
    let Ok(Value::Object(keys)) = serde_json::to_value(condition) else { return };
    for (key, value) in keys.into_iter().filter(|(key, _)| key != "all") {
        match value {
            Value::Object(entries) if key != "not" && key != "weather" => {
                asked.extend(entries.iter().map(|(name, value)| (format!("{key}: {name}"), plain(value))));
            }
            value => drop(asked.insert((key, plain(&value)))),
        }
    }
}

/// One name is the same as a list of it.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() == 1 => plain(&items[0]),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// No time of the day, or no season, is left.
pub(super) fn no_time(
    parts: &Parts<'_>,
    condition: &Condition,
    world: &WorldDef,
) -> Option<(String, String)> {
    let hint = || "leave one of them in, or remove `not`".to_owned();
    let is_never = |phases: Phases<'_>| !phases.is_empty() && Times::of(condition, &phases).is_never();
    if asks(condition) && phases(world).is_some_and(is_never) {
        return Some(("no time of the day is left".to_owned(), hint()));
    }
    let seasons = world.clock.calendar.seasons.iter().map(|season| season.name.as_str());
    let mut left: BTreeSet<&str> = seasons.collect();
    if left.is_empty() {
        return None;
    }
    for part in &parts.0 {
        let alone = part
            .not
            .as_deref()
            .filter(|inner| **inner == Condition { season: inner.season.clone(), ..Condition::default() });
        for season in alone.and_then(|inner| inner.season.as_ref()).iter().flat_map(|names| names.as_slice())
        {
            left.remove(season.as_str());
        }
    }
    left.is_empty().then(|| ("no season is left".to_owned(), hint()))
}

/// The level, or a fact, that would have to be two things at once.
pub(super) fn no_number(parts: &Parts<'_>) -> Option<(String, String)> {
    let levels: Vec<&Test> = parts.0.iter().filter_map(|part| part.level.as_ref()).collect();
    let names: BTreeSet<&String> = parts.0.iter().flat_map(|part| part.facts.keys()).collect();
    let facts = names.into_iter().map(|name| {
        (
            format!("the fact `{name}`"),
            parts.0.iter().filter_map(|part| part.facts.get(name)).collect::<Vec<_>>(),
        )
    });
    let found =
        [("the level".to_owned(), levels)].into_iter().chain(facts).find(|(_, tests)| exclude(tests))?;
    Some((
        format!("{} cannot be all of this at once", found.0),
        "put the parts into `any`, or remove one".to_owned(),
    ))
}

/// Whether tests of one operand, each in a part of its own, exclude each other.
pub(super) fn exclude(tests: &[&Test]) -> bool {
    if tests.len() < 2 {
        return false;
    }
    let mut values: Vec<&Value> = Vec::new();
    let mut ranges: Vec<&TestRange> = Vec::new();
    for test in tests {
        match test {
            Test::Is(value) => values.push(value),
            Test::Range(range) => {
                values.extend(&range.is);
                ranges.push(range);
            }
        }
    }
    let differs = values.windows(2).any(|two| !same(two[0], two[1]));
    let refused = values.iter().any(|value| ranges.iter().any(|range| !passes_range(range, value)));
    let number = |bound: &Option<serde_json::Number>| bound.as_ref().and_then(serde_json::Number::as_f64);
    let bound = |of: fn(&TestRange) -> &Option<serde_json::Number>| {
        ranges.iter().copied().filter_map(move |range| number(of(range)))
    };
    let least = bound(|range| &range.at_least).fold(f64::NEG_INFINITY, f64::max);
    let above = bound(|range| &range.above).fold(f64::NEG_INFINITY, f64::max);
    let most = bound(|range| &range.at_most).fold(f64::INFINITY, f64::min);
    let below = bound(|range| &range.below).fold(f64::INFINITY, f64::min);
    let empty = least > most || least >= below || above >= most || above >= below;
    differs || refused || empty
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Whether a value passes a test.
pub(super) fn passes(test: &Test, value: &Value) -> bool {
    match test {
        Test::Is(wanted) => same(wanted, value),
        Test::Range(range) => passes_range(range, value),
    }
}

fn passes_range(range: &TestRange, value: &Value) -> bool {
    let bounds: [(&Option<serde_json::Number>, fn(f64, f64) -> bool); 4] = [
        (&range.at_least, |value, bound| value >= bound),
        (&range.at_most, |value, bound| value <= bound),
        (&range.above, |value, bound| value > bound),
        (&range.below, |value, bound| value < bound),
    ];
    let within = bounds.iter().all(|(bound, holds)| {
        let bound = bound.as_ref().and_then(serde_json::Number::as_f64);
        bound.is_none_or(|bound| value.as_f64().is_some_and(|value| holds(value, bound)))
    });
    within
        && range.is.as_ref().is_none_or(|is| same(is, value))
        && range.is_not.as_ref().is_none_or(|is_not| !same(is_not, value))
        && range.one_of.as_ref().is_none_or(|all| all.iter().any(|one| same(one, value)))
}
