//! What columns of views hold, where only certain names can be in them: for whatever is compared with one, in rules, in conditions and
//! in SQL.
//!
//! One list says it of the views that are built in. Columns of views in SQL hold what they are handed on from.

use worldflow_operators::sql::View;
use worldflow_schemas::definitions::Test;

use super::{Checker, Sort};
use crate::world::misfit::one_of;
use crate::world::problem::{Place, Problem, Severity, hint};
use crate::world::spot::Spot;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holds {
    /// Names of a sort.
    Sort(Sort),
    /// Ids of entities; a game server may add others.
    Entity,
    /// Stages of quests.
    Stage,
    /// Objectives of quests.
    Objective,
    /// Names that are the same in every world, and what one is called.
    Fixed(&'static str, &'static [&'static str]),
}

const STATES: Holds = Holds::Fixed(
    "state of a quest",
    &["hidden", "available", "active", "ready", "done", "failed", "expired", "abandoned", "offered"],
);
const SCOPES: Holds =
    Holds::Fixed("scope", &["player", "party", "guild", "account", "region", "instance", "realm"]);
const STATUS: Holds = Holds::Fixed(
    "status of a grant",
    &["pending", "delivered", "refused", "revoked", "flagged", "clawback", "taken"],
);

/// What a column of a view that is built in, or of the events, holds; nothing where it may be anything.
pub(super) fn holds(view: &str, column: &str) -> Option<Holds> {
    Some(match (view, column) {
        ("clock", "phase") => Holds::Sort(Sort::Phase),
        ("clock", "month") => Holds::Sort(Sort::Month),
        ("clock", "weekday") => Holds::Sort(Sort::Weekday),
        ("clock", "season") => Holds::Sort(Sort::Season),
        ("weather" | "severe_weather" | "forecast", "state") => Holds::Sort(Sort::State),
        ("weather" | "severe_weather" | "forecast", "zone") => Holds::Sort(Sort::Zone),
        ("quest_state", "state") => STATES,
        ("quest_state" | "objective_progress" | "community_progress" | "contributions", "stage")
        | ("objective_times", "stage") => Holds::Stage,
        ("objective_progress" | "community_progress" | "contributions" | "objective_times", "objective") => {
            Holds::Objective
        }
        (
            "quest_state" | "objective_progress" | "community_progress" | "contributions" | "grants"
            | "past_grants" | "quest_bindings" | "objective_times",
            "quest",
        ) => Holds::Sort(Sort::Quest),
        (
            "quest_state" | "objective_progress" | "community_progress" | "contributions" | "grants"
            | "past_grants" | "quest_bindings" | "objective_times" | "facts" | "arc_state" | "arc_tension"
            | "arc_branches",
            "scope",
        ) => SCOPES,
        ("grants", "status") => STATUS,
        ("facts", "fact") => Holds::Sort(Sort::Fact),
        ("entities", "entity") => Holds::Entity,
        ("entities", "kind") => Holds::Fixed("kind of entity", &["npc", "object", "place", "player"]),
        ("presence" | "events", "region") => Holds::Sort(Sort::Region),
        ("events", "kind") => Holds::Sort(Sort::Kind),
        ("arc_state", "phase") => Holds::Fixed("phase of an arc", &["build_up", "peak", "relax", "ended"]),
        ("dialogues", "state") => Holds::Fixed("state of a dialogue", &["choosing", "ended"]),
        ("dialogue_lines", "kind") => Holds::Fixed("kind of line", &["line", "command"]),
        _ => return None,
    })
}

/// The texts that a test compares with, and where each stands.
pub(super) fn texts<'t, 's>(test: &'t Test, spot: Spot<'s>) -> Vec<(&'t str, Spot<'s>)> {
    let mut all = Vec::new();
    match test {
        Test::Is(value) => all.extend(value.as_str().map(|text| (text, spot))),
        Test::Range(range) => {
            for (key, value) in [("is", &range.is), ("is_not", &range.is_not)] {
                let text = value.as_ref().and_then(serde_json::Value::as_str);
                all.extend(text.map(|text| (text, spot.key(key))));
            }
            for (index, value) in range.one_of.iter().flatten().enumerate() {
                all.extend(value.as_str().map(|text| (text, spot.key("one_of").item(index))));
            }
        }
    }
    all
}

impl Checker<'_> {
    /// What a column of a view holds, one in SQL too.
    pub(super) fn held(&self, view: &str, column: &str) -> Option<Holds> {
        match self.views.origin(view, column) {
            Some(origin) => holds(&origin.relation, &origin.column),
            None => holds(view, column),
        }
    }

    /// Why a name is none that a column holds, and what to write; `quest` is the one that the row is of, if that is said.
    fn none_of(&self, held: Holds, name: &str, quest: Option<&str>) -> Option<(String, String)> {
        let (label, known, otherwise): (&str, Vec<&str>, String) = match held {
            Holds::Sort(sort) => return self.unknown(sort, name),
            Holds::Entity => {
                if self.names.incomplete(Sort::Target) {
                    return None;
                }
                let known = self.definitions.entities.keys().map(String::as_str).collect();
                ("entity", known, "entities are declared in entities.yaml".to_owned())
            }
            Holds::Fixed(label, names) => (label, names.to_vec(), one_of(names)),
            Holds::Stage | Holds::Objective => {
                if self.names.incomplete(Sort::Quest) || !self.definitions.unreadable.is_empty() {
                    return None;
                }
                let quests =
                    self.definitions.quests.iter().filter(|(id, _)| quest.is_none_or(|of| of == *id));
                let stages = quests.flat_map(|(_, placed)| placed.definition.stages.iter());
                let (label, mut known): (_, Vec<&str>) = match held {
                    Holds::Stage => ("stage", stages.map(|(name, _)| name).collect()),
                    _ => {
                        let objectives = stages.flat_map(|(_, stage)| stage.objectives.iter());
                        ("objective", objectives.map(|(name, _)| name).collect())
                    }
                };
                if known.is_empty() {
                    // The quest is none, which is said of it.
                    return None;
                }
                known.sort_unstable();
                known.dedup();
                let otherwise = match quest {
                    Some(quest) => format!("`{quest}` has {}", known.join(", ")),
                    None => "no quest has one of this name".to_owned(),
                };
                (label, known, otherwise)
            }
        };
        (!known.contains(&name))
            .then(|| (format!("unknown {label} `{name}`"), hint(name, known.iter().copied(), &otherwise)))
    }

    /// A name that a column of a view is compared with; one that it never holds is reported.
    pub(super) fn check_held(&mut self, held: Holds, name: &str, quest: Option<&str>, spot: Spot<'_>) {
        let Some((message, hint)) = self.none_of(held, name, quest) else { return };
        if held == Holds::Entity {
            self.warn(spot, message, format!("{hint}; what a game server adds later is not known here"));
        } else {
            self.error(spot, message, hint);
        }
    }

    /// The names that views in SQL compare columns with.
    pub(super) fn check_compared(&mut self, views: &[View]) {
        for view in views {
            for of in &view.compared {
                let held = holds(&of.with.relation, &of.with.column);
                let Some((message, hint)) = held.and_then(|held| self.none_of(held, &of.text, None)) else {
                    continue;
                };
                self.problems.0.push(Problem {
                    severity: Severity::Warning,
                    file: view.file.clone(),
                    place: Some(Place { line: of.line, column: of.column, length: of.length }),
                    message,
                    hint: Some(hint),
                    snippet: None,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use worldflow_schemas::catalog::CATALOG;
    use worldflow_schemas::definitions::QuestState;
    use worldflow_schemas::input::Scope;

    /// Every name of the list is one of a view, and what is the same in every world is what the catalog says.
    #[test]
    fn the_list_names_columns_that_there_are() {
        let mut held = 0;
        for view in CATALOG {
            for column in view.columns {
                match holds(view.name, column.name) {
                    Some(Holds::Fixed(_, names)) => {
                        for name in names {
                            assert!(column.doc.contains(name), "{}.{}: {name}", view.name, column.name);
                        }
                    }
                    None => continue,
                    Some(_) => {}
                }
                held += 1;
            }
        }
        assert_eq!(held, 48, "a line of the list that names no column, or one that is not counted here");
        for (held, names) in
            [(STATES, &QuestState::ALL.map(QuestState::name)[..]), (SCOPES, &Scope::ALL.map(Scope::name))]
        {
            assert!(matches!(held, Holds::Fixed(_, known) if known == names), "{held:?} and {names:?}");
        }
    }
}
