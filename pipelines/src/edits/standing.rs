//! Where holders stand: rows of views, read by name, and what of two of them is further.

use std::collections::BTreeMap;

use worldflow_engine::view_store::{Filter, ViewStore};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::QuestDef;
use worldflow_schemas::{Row, Tick, Value};

use super::difference::was;
use crate::columns::Columns;

/// A holder and a quest, as in keys of rows: scope, holder, quest.
pub(super) type Key = [Value; 3];

/// A row of `quest_state`.
pub(super) struct Stands {
    pub(super) key: Key,
    pub(super) state: &'static str,
    pub(super) stage: Option<&'static str>,
    pub(super) completions: i64,
    /// When this state was entered.
    pub(super) since: Tick,
}

impl Stands {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, "active" | "ready")
    }

    fn of(row: &Row) -> Stands {
        let view = Columns(catalog::QUEST_STATE);
        Stands {
            key: [1, 2, 3].map(|column| row[column].clone()),
            state: view.id(row, "state").unwrap_or_default(),
            stage: view.id(row, "stage"),
            completions: view.int(row, "completions"),
            since: view.tick(row, "since"),
        }
    }
}

/// A row of `objective_progress`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Progress {
    pub(super) stage: &'static str,
    pub(super) objective: &'static str,
    pub(super) value: i64,
    pub(super) done: bool,
}

/// The objectives of every open instance.
pub(super) fn progress(views: &ViewStore) -> BTreeMap<Key, Vec<Progress>> {
    let view = Columns(catalog::OBJECTIVE_PROGRESS);
    let mut all: BTreeMap<Key, Vec<Progress>> = BTreeMap::new();
    for row in views.read(catalog::OBJECTIVE_PROGRESS).rows(&Filter::all()) {
        let key = [1, 2, 3].map(|column| row[column].clone());
        all.entry(key).or_default().push(Progress {
            stage: view.id(row, "stage").unwrap_or_default(),
            objective: view.id(row, "objective").unwrap_or_default(),
            value: view.int(row, "value"),
            done: view.value(row, "done") == &Value::Bool(true),
        });
    }
    all
}

/// Every row of `quest_state`.
pub(super) fn stands(views: &ViewStore) -> BTreeMap<Key, Stands> {
    let view = views.read(catalog::QUEST_STATE);
    view.rows(&Filter::all()).map(Stands::of).map(|stands| (stands.key.clone(), stands)).collect()
}

/// How a holder stands with a quest after an edit, beside how without it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Moved {
    Completes,
    Advances,
    Regresses,
    Gains,
    Loses,
}

/// What an edit that acts from a tick on has moved: `old` and `new` are the definitions, where there are such.
pub(super) fn moved(
    edited_at: Tick,
    (before, was_at): (Option<&Stands>, &[Progress]),
    (after, now_at): (Option<&Stands>, &[Progress]),
    (old, new): (Option<&QuestDef>, Option<&QuestDef>),
) -> Option<Moved> {
    let hidden = |stands: Option<&Stands>| stands.is_none_or(|stands| stands.state == "hidden");
    // What is gone shows no completions, and has lost none.
    if after.is_some_and(|after| completes(edited_at, before, after, old, new)) {
        return Some(Moved::Completes);
    }
    let (Some(was), Some(now)) = (before, after) else {
        return match (hidden(before), hidden(after)) {
            (true, false) => Some(Moved::Gains),
            (false, true) => Some(Moved::Loses),
            _ => None,
        };
    };
    match (was.is_open(), now.is_open()) {
        (true, false) => return Some(Moved::Loses),
        (false, true) => return Some(Moved::Gains),
        (false, false) => {
            return match (was.state == "available", now.state == "available") {
                (true, false) => Some(Moved::Loses),
                (false, true) => Some(Moved::Gains),
                _ => None,
            };
        }
        (true, true) => {}
    }
    let (Some(old), Some(new)) = (old, new) else { return None };
    further((was, was_at), (now, now_at), old, new)
}

/// Whether a holder has completed it once more than without the edit.
fn completes(
    edited_at: Tick,
    before: Option<&Stands>,
    after: &Stands,
    old: Option<&QuestDef>,
    new: Option<&QuestDef>,
) -> bool {
    let scope = |def: Option<&QuestDef>| def.map(|def| def.scope);
    match before {
        Some(before) => after.completions > before.completions,
        // Whoever has no row of a quest that is there has not completed it.
        None if old.is_some() && scope(old) == scope(new) => after.completions > 0,
        // One that comes back brings its completions along, and they were paid then.
        None => after.state == "done" && after.since >= edited_at,
    }
}

/// Of two that are open: whether one is further.
fn further(
    (was, was_at): (&Stands, &[Progress]),
    (now, now_at): (&Stands, &[Progress]),
    old: &QuestDef,
    new: &QuestDef,
) -> Option<Moved> {
    // Where the stage that was open is now; one that is gone has begun again.
    let came_from = now.stage.and_then(|id| was_stage(old, new, id));
    let same_stage = came_from.is_some() && came_from == was.stage;
    let was_in_new = was
        .stage
        .and_then(|stage| new.stages.iter().position(|(id, _)| was_stage(old, new, id) == Some(stage)));
    let now_in_new = new.stages.iter().position(|(id, _)| Some(id) == now.stage);
    let ready = |stands: &Stands| stands.state == "ready";
    match (ready(was), ready(now)) {
        (false, true) => return Some(Moved::Advances),
        (true, false) => return Some(Moved::Regresses),
        _ => {}
    }
    if !same_stage {
        return match was_in_new {
            Some(before) if Some(before) < now_in_new => Some(Moved::Advances),
            _ => Some(Moved::Regresses),
        };
    }
    let (Some(stage), Some(former)) =
        (now.stage.and_then(|id| new.stages.get(id)), was.stage.and_then(|id| old.stages.get(id)))
    else {
        return None;
    };
    let before = |id: &str| {
        let (former, _) = was_objective(former, stage, id)?;
        was_at.iter().find(|progress| progress.objective == former)
    };
    let done = |progress: &[Progress]| progress.iter().filter(|progress| progress.done).count();
    let lost = now_at.iter().any(|now| before(now.objective).is_some_and(|was| was.done && !now.done));
    let begun_again =
        (now_at.iter()).any(|now| now.value == 0 && before(now.objective).is_some_and(|was| was.value > 0));
    match done(now_at).cmp(&done(was_at)) {
        std::cmp::Ordering::Greater if !lost => Some(Moved::Advances),
        std::cmp::Ordering::Less => Some(Moved::Regresses),
        _ if lost || begun_again => Some(Moved::Regresses),
        _ => None,
    }
}

/// What a stage was called.
pub(super) fn was_stage<'a>(old: &'a QuestDef, new: &QuestDef, id: &str) -> Option<&'a str> {
    was(&old.stages, &new.stages, id, |stage| stage.moved_from.as_deref()).map(|(id, _)| id)
}

/// What an objective was called, and was.
pub(super) fn was_objective<'a>(
    old: &'a worldflow_schemas::definitions::StageDef,
    new: &worldflow_schemas::definitions::StageDef,
    id: &str,
) -> Option<(&'a str, &'a worldflow_schemas::definitions::ObjectiveDef)> {
    was(&old.objectives, &new.objectives, id, |objective| objective.moved_from.as_deref())
}
