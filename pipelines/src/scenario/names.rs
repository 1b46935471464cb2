//! Names in scenarios: what is sent, and the rows that are expected, is of the world that they are written for.
//!
//! Without this a scenario passes that expects no rows of a quest which does not exist.

use std::collections::BTreeMap;

use serde_json::Value;
use worldflow_schemas::definitions::OneOrMany;

use super::def::{ExpectDef, StepDef};
use crate::world::{Naming, Spot, Vocabulary};

/// A problem, where it is, and what to do.
pub(super) type Wrong<'a> = (Spot<'a>, String, String);

/// Unknown names of a step. `writes` says whether entities are added in the scenario.
pub(super) fn check_names<'a>(
    step: &StepDef,
    spot: Spot<'a>,
    vocabulary: &Vocabulary,
    writes: bool,
) -> Vec<Wrong<'a>> {
    let mut wrong = Vec::new();
    // What is to be refused may be so for its names.
    if let Some(inputs) = step.send.as_ref().filter(|_| step.refused.is_none()) {
        for (index, input) in inputs.as_slice().iter().enumerate() {
            wrong.extend(check_input(input, spot.key("send").item(index), vocabulary, writes));
        }
    }
    if let Some(expect) = &step.expect {
        wrong.extend(check_filter(expect, spot.key("expect").key("where"), vocabulary));
    }
    wrong
}

/// Whether a step adds entities.
pub(super) fn writes_entities(step: &StepDef) -> bool {
    let inputs = step.send.as_ref().map_or(&[][..], OneOrMany::as_slice);
    inputs.iter().any(|input| input.contains_key("entity"))
}

fn check_input<'a>(
    input: &BTreeMap<String, Value>,
    spot: Spot<'a>,
    vocabulary: &Vocabulary,
    writes: bool,
) -> Vec<Wrong<'a>> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let within =
        |name: &str, key: &str| input.get(name).and_then(|part| part.get(key)).and_then(Value::as_str);
    let target = text("kind").and_then(|kind| vocabulary.target_of(kind));
    let target = target.filter(|naming| !writes || *naming != Naming::Entity);
    let named = [
        (Some(Naming::Kind), text("kind"), spot.key("kind")),
        (target, text("target"), spot.key("target")),
        (Some(Naming::Region), text("region"), spot.key("region")),
        (Some(Naming::Fact), within("fact", "fact"), spot.key("fact").key("fact")),
        (Some(Naming::Region), within("presence", "region"), spot.key("presence").key("region")),
        (Some(Naming::Zone), within("weather", "zone"), spot.key("weather").key("zone")),
    ];
    let wrong = named.into_iter().filter_map(|(naming, name, spot)| {
        let (message, hint) = vocabulary.unknown(naming?, name.filter(|name| !name.is_empty())?)?;
        Some((spot, message, hint))
    });
    wrong.collect()
}

/// Values of columns that hold names, in views that are built in; what a designer's view holds is the designer's.
fn check_filter<'a>(expect: &ExpectDef, spot: Spot<'a>, vocabulary: &Vocabulary) -> Vec<Wrong<'a>> {
    let built_in = vocabulary.catalog.view(&expect.view).is_some_and(|view| view.is_built_in());
    let columns = [
        ("quest", Naming::Quest),
        ("fact", Naming::Fact),
        ("region", Naming::Region),
        ("zone", Naming::Zone),
    ];
    let mut wrong = Vec::new();
    for (column, naming) in columns.into_iter().filter(|_| built_in) {
        let values = expect.filter.get(column).map_or(&[][..], OneOrMany::as_slice);
        for (index, value) in values.iter().enumerate() {
            let unknown = value.as_str().and_then(|name| vocabulary.unknown(naming, name));
            wrong.extend(unknown.map(|(message, hint)| (spot.key(column).item(index), message, hint)));
        }
    }
    wrong
}
