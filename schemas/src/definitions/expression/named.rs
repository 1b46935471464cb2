//! Which views the conditions within a definition name, wherever in it they stand.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Comparison;

/// The views that conditions within a definition name: rows are only ever named in what is reckoned.
#[must_use]
pub fn views_named(definition: &impl Serialize) -> BTreeSet<String> {
    let mut views = BTreeSet::new();
    visit(&serde_json::to_value(definition).unwrap_or_default(), &mut views);
    views
}

fn visit(json: &Value, views: &mut BTreeSet<String>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "compare" && text.contains("view.") => {
                        let Ok(comparison) = text.parse::<Comparison>() else { continue };
                        comparison.rows(|row| {
                            views.insert(row.view.clone());
                        });
                    }
                    value => visit(value, views),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, views)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::QuestDef;

    #[test]
    fn views_are_found_wherever_a_quest_names_them() {
        let quest = serde_json::json!({
            "title": "q",
            "requires": {"any": [{"compare": "view.a[player].n > 1"}, {"level": 3}]},
            "fail_when": {"not": {"compare": "view.b[x, 3] == true"}},
            "stages": {"s": {"objectives": {
                "o": {"event": "kill", "when": {"compare": "2 * view.c[region].n + view.d[1].m == player.level"}},
                "p": {"holds": {"compare": "view.a[guild].n != view.'e'[player.path].n"}},
            }}},
        });
        let quest: QuestDef = serde_json::from_value(quest).expect("a quest");
        assert_eq!(views_named(&quest).into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        let written = serde_json::to_value(&quest).expect("plain data");
        assert_eq!(serde_json::from_value::<QuestDef>(written).expect("it reads what it writes"), quest);
    }
}
