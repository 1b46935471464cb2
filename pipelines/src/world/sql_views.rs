//! Views in SQL of a world folder: `views/*.sql`, planned to be sure that they can run.

use std::collections::BTreeMap;
use std::sync::Arc;

use worldflow_operators::sql::{self, Relations, SqlError, View};
use worldflow_schemas::definitions::{SqlViewDef, WorldDef};

use super::collected::Definitions;
use super::folder::{Folder, VIEWS};
use super::problem::{Place, Problem, Problems, Severity};
use super::{DEFAULT_TICK_MS, LoadedWorld};

/// The views of a folder, planned, and every problem in them.
#[must_use]
pub(super) fn planned(folder: &Folder, definitions: &Definitions<'_>, problems: &mut Problems) -> Vec<View> {
    let mut texts = Vec::new();
    for (file, bytes) in &folder.files {
        if !file.starts_with(VIEWS) || !file.ends_with(".sql") {
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => texts.push((file.as_str(), text)),
            Err(error) => problems.0.push(Problem {
                severity: Severity::Error,
                file: file.clone(),
                place: None,
                message: format!("this is not text: byte {} is not UTF-8", error.valid_up_to()),
                hint: Some("save the file as UTF-8".to_owned()),
                snippet: None,
            }),
        }
    }
    let world = definitions.world.as_ref().map(|world| &world.definition);
    let tick_ms = world.map_or(DEFAULT_TICK_MS, |world| world.tick_ms);
    let relations = relations(world);
    let (views, wrong) = sql::plan(texts, relations.clone(), tick_ms);
    problems.0.extend(wrong.into_iter().map(|(file, error)| problem(file, error)));
    problems.0.extend(views.iter().filter_map(|view| piles_up(view, &relations, folder)));
    views
}

/// A view whose rows would be more and more for as long as the world runs.
fn piles_up(view: &View, relations: &Relations, folder: &Folder) -> Option<Problem> {
    let relation = view.grows_with(relations)?;
    let text = folder.files.get(&view.file).and_then(|bytes| std::str::from_utf8(bytes).ok())?;
    let begins = text.find(&view.sql)?;
    let name = begins + view.sql.find(&view.name).unwrap_or(0);
    let before = &text[..name];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let length = number(view.name.chars().count());
    Some(Problem {
        severity: Severity::Warning,
        file: view.file.clone(),
        place: Some(Place { line: number(line), column: number(column), length }),
        message: format!("rows of `{relation}` pile up in `{}` for as long as the world runs", view.name),
        hint: Some(match relation {
            "grants" => "bound it in time, `now() <= tick + INTERVAL '1 day'`, choose `status = 'pending'`, group it by player, quest or item, or keep the first rows".to_owned(),
            _ => "choose a scope, `scope = 'player'`, group it by player, quest or item, or keep the first rows".to_owned(),
        }),
        snippet: None,
    })
}

/// The views of a world that has been checked.
pub(super) fn planned_again(world: &LoadedWorld) -> Vec<View> {
    let texts = world.views.iter().map(|(name, def)| (name.as_str(), def.sql.as_str()));
    sql::plan(texts, relations(Some(&world.world)), world.world.tick_ms).0
}

/// What views of a world can read.
fn relations(world: Option<&WorldDef>) -> Relations {
    sql::world_relations(world.map_or(&BTreeMap::new(), |world| &world.kinds))
}

/// The views as definitions, by name.
pub(super) fn definitions(views: Vec<View>) -> BTreeMap<String, Arc<SqlViewDef>> {
    views.into_iter().map(|view| (view.name, Arc::new(SqlViewDef { sql: view.sql }))).collect()
}

fn problem(file: String, error: SqlError) -> Problem {
    let SqlError { line, column, length, message, hint } = error;
    Problem {
        severity: Severity::Error,
        file,
        place: (line > 0).then_some(Place { line, column, length }),
        message,
        hint: (!hint.is_empty()).then_some(hint),
        snippet: None,
    }
}
