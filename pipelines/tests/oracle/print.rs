//! Conditions printed as texts, for the test that both forms say the same.

use serde_json::Value as Json;
use worldflow_schemas::definitions::{Condition, OneOrMany, Test, TestRange};

/// The text of a condition that asks something.
pub fn print(condition: &Condition) -> String {
    let mut all: Vec<String> = Vec::new();
    let names = |names: &OneOrMany<String>| match names.as_slice() {
        [one] => format!("== {one}"),
        many => format!("in [{}]", many.join(", ")),
    };
    all.extend(condition.phase.as_ref().map(|list| format!("clock.phase {}", names(list))));
    all.extend(condition.season.as_ref().map(|list| format!("season {}", names(list))));
    all.extend(condition.region.as_ref().map(|list| format!("region {}", names(list))));
    for (moon, phases) in &condition.moon {
        all.push(format!("moon.{moon} {}", names(phases)));
    }
    if let Some(hours) = condition.hours {
        let hours = hours.to_string();
        let (from, to) = hours.split_once('-').expect("two times");
        all.push(format!("clock.time between {from} and {to}"));
    }
    if let Some(weather) = &condition.weather {
        all.extend(weather.kind.as_ref().map(|list| format!("weather.state {}", names(list))));
        all.extend(weather.intensity.as_ref().map(|of| test("weather.intensity", of)));
        all.extend(weather.lasting.map(|span| format!("weather.lasting >= {span}")));
    }
    for (fact, of) in &condition.facts {
        all.push(test(&format!("fact.{fact}"), of));
    }
    for (quest, states) in &condition.quests {
        let states: Vec<String> = states.as_slice().iter().map(|state| state.name().to_owned()).collect();
        let mut each = states.iter().map(|state| format!("quest.{quest} == {state}"));
        all.push(match states.len() {
            1 => each.next().expect("one"),
            _ => format!("quest.{quest} in [{}]", states.join(", ")),
        });
    }
    all.extend(condition.level.as_ref().map(|of| test("player.level", of)));
    all.extend(condition.compare.as_ref().map(ToString::to_string));
    let inner = |of: &Condition| format!("({})", print(of));
    all.extend(condition.all.iter().map(inner));
    if !condition.any.is_empty() {
        let any: Vec<String> = condition.any.iter().map(inner).collect();
        all.push(format!("({})", any.join(" or ")));
    }
    all.extend(condition.not.as_deref().map(|of| format!("not ({})", print(of))));
    all.join(" and ")
}

/// Whether it asks what only keys can ask.
pub fn is_of_keys_only(condition: &Condition) -> bool {
    let Condition { weekday, month, day, dates, occasion, chance, progress, near, .. } = condition;
    let days = weekday.is_some() || month.is_some() || day.is_some();
    let mut inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
    near.is_some()
        || !progress.is_empty()
        || days
        || dates.is_some()
        || occasion.is_some()
        || chance.is_some()
        || inner.any(is_of_keys_only)
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), |text| format!("'{text}'"))
}

fn test(name: &str, test: &Test) -> String {
    let range = match test {
        Test::Is(json) => return format!("{name} == {}", plain(json)),
        Test::Range(range) => range,
    };
    let TestRange { at_least, at_most, above, below, is, is_not, one_of } = range;
    let mut all: Vec<String> = Vec::new();
    for (sign, bound) in [(">=", at_least), ("<=", at_most), (">", above), ("<", below)] {
        all.extend(bound.as_ref().map(|bound| format!("{name} {sign} {bound}")));
    }
    all.extend(is.as_ref().map(|json| format!("{} == {name}", plain(json))));
    all.extend(is_not.as_ref().map(|json| format!("{name} != {}", plain(json))));
    all.extend(one_of.as_ref().map(|list| {
        let list: Vec<String> = list.iter().map(plain).collect();
        format!("{name} in [{}]", list.join(", "))
    }));
    all.join(" and ")
}
