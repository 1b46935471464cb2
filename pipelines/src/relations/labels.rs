//! What is said of quests and changes in a few words.

use serde_json::Value as Json;
use worldflow_schemas::definitions::{Accept, Amount, DrawnDef, Given, QuestDef, Repeat};

/// What is to be known of a quest at a glance.
pub(super) fn about(def: &QuestDef) -> Vec<String> {
    let mut lines = Vec::new();
    let scope = def.scope.name();
    let accept = match def.accept {
        Accept::Manual => "",
        Accept::Auto => "by itself",
        Accept::Offered => "offered",
    };
    let scope = if scope == "player" {
        String::new()
    } else {
        format!("held by a {scope}").replace("a realm", "the realm")
    };
    let first: Vec<&str> = [scope.as_str(), accept].into_iter().filter(|word| !word.is_empty()).collect();
    if !first.is_empty() {
        lines.push(first.join(", "));
    }
    let stages: Vec<&str> = def.stages.iter().map(|(id, _)| id).collect();
    if stages.len() > 1 {
        lines.push(stages.join(" → "));
    }
    lines.extend(def.repeat.as_ref().map(|repeat| match repeat {
        Repeat::Always {} => "again at once".to_owned(),
        Repeat::Cooldown(span) => format!("again after {span}"),
        Repeat::Daily { .. } => "daily".to_owned(),
        Repeat::Weekly { .. } => "weekly".to_owned(),
        Repeat::Monthly { .. } => "monthly".to_owned(),
        Repeat::Calendar(_) => "by the calendar".to_owned(),
    }));
    lines.extend(def.deadline.as_ref().map(|span| format!("deadline {span}")));
    lines.extend(def.pool.as_ref().map(|pool| format!("of pool {pool}")));
    lines.extend(def.moved_from.as_ref().map(|from| format!("was {from}")));
    lines
}

pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn signed(number: &str) -> String {
    if number.starts_with('-') { number.to_owned() } else { format!("+{number}") }
}

pub(super) fn given(given: &Given) -> String {
    match given {
        Given::Drawn(of) => drawn(of),
        Given::Column(of) => format!("its {}", of.column),
        Given::Is(value) => plain(value),
    }
}

pub(super) fn drawn(of: &DrawnDef) -> String {
    let [least, greatest] = &of.between;
    format!("{least}…{greatest}")
}

pub(super) fn added(by: &Amount) -> String {
    match by {
        Amount::Drawn(of) => format!("+ {}", drawn(of)),
        Amount::Column(of) => format!("+ its {}", of.column),
        Amount::Is(number) => signed(&number.to_string()),
    }
}
