//! Random rules of random worlds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use worldflow_schemas::definitions::RuleDef;

use super::random::{Draws, KINDS, PLAYERS, TARGETS, condition};

/// Up to four rules that change facts and make events happen, and feed each other as they like.
pub(super) fn rules(draws: &mut Draws, names: &[String]) -> BTreeMap<String, Arc<RuleDef>> {
    let mut rules = BTreeMap::new();
    for n in 0..draws.below(5) {
        let rule = rule(draws, names);
        let rule: RuleDef =
            serde_json::from_value(rule.clone()).unwrap_or_else(|error| panic!("{error}: {rule}"));
        rules.insert(format!("r{n}"), Arc::new(rule));
    }
    rules
}

fn rows(draws: &mut Draws, names: &[String]) -> Json {
    match draws.below(6) {
        0 => json!({"view": "facts", "where": {"fact": draws.of(&["mood", "fame", "renown", "alarmed"])}}),
        1 => json!({"view": "facts", "where": {"fact": "mood", "value": {"above": draws.below(8)}}}),
        2 => json!({"view": "quest_state", "where": {"state": draws.of(&["active", "done", "failed"])}}),
        3 => json!({"view": "quest_state", "where": {"quest": draws.of(&names.iter().collect::<Vec<_>>()),
                    "completions": {"at_least": draws.below(2)}}}),
        4 => json!({"view": "grants", "where": {"status": draws.of(&["pending", "delivered"])}}),
        _ => json!({"view": "facts", "where": {"scope": draws.of(&["player", "party"])}}),
    }
}

fn rule(draws: &mut Draws, names: &[String]) -> Json {
    let every = draws.percent(20);
    let trigger = if every {
        let span = draws.of(&["700ms", "3s", "250ms", "7h world", "45m world"]);
        match draws.percent(60) {
            true => json!({"every": {"span": span, "each": rows(draws, names)}}),
            false => json!({"every": {"span": span}}),
        }
    } else {
        let mut rows = rows(draws, names);
        let name = draws.of(&["appears", "changes", "appears_or_changes", "goes"]);
        if name.starts_with("appears") && draws.percent(30) {
            rows["existing"] = json!(true);
        }
        json!({name: rows})
    };
    let has_rows = trigger["every"].is_null() || !trigger["every"]["each"].is_null();
    let view = trigger.to_string();
    let number = if view.contains("quest_state") {
        "completions"
    } else if view.contains("grants") {
        "amount"
    } else {
        "version"
    };
    let amount = |draws: &mut Draws| match has_rows && draws.percent(40) {
        true => json!({"column": number, "times": draws.of(&[1, 2, -1])}),
        false => json!(draws.of(&[1, 2, -1, 5])),
    };
    let mut actions = Vec::new();
    for _ in 0..1 + draws.below(2) {
        actions.push(match draws.below(7) {
            0 => json!({"add": {"fact": "mood", "by": amount(draws)}}),
            1 => json!({"add": {"fact": draws.of(&["fame", "renown"]), "by": amount(draws)}}),
            2 => json!({"set": {"fact": "alarmed", "to": draws.percent(50)}}),
            3 => json!({"set": {"fact": "fame", "of": draws.of(&PLAYERS), "to": amount(draws)}}),
            4 => json!({"clamp": {"fact": "mood", "at_least": 1, "at_most": 6}}),
            5 => json!({"emit": {"event": "quest.accept", "target": draws.of(&names.iter().collect::<Vec<_>>()),
                        "player": draws.of(&PLAYERS)}}),
            _ => {
                let mut emit = json!({"event": draws.of(&KINDS), "target": draws.of(&TARGETS),
                                      "with": {"damage": amount(draws)}, "amount": amount(draws)});
                if draws.percent(50) {
                    emit["player"] = json!(draws.of(&PLAYERS));
                }
                json!({"emit": emit})
            }
        });
    }
    let mut rule = json!({"trigger": trigger, "do": actions});
    if draws.percent(40) {
        rule["when"] = condition(draws, names, 1);
    }
    if draws.percent(30) {
        rule["chance"] = json!(draws.of(&[0.25, 0.5, 0.9]));
    }
    if draws.percent(35) {
        rule["after"] = json!(draws.of(&["100ms", "1s", "4s", "3h world", "20m world"]));
    }
    rule
}
