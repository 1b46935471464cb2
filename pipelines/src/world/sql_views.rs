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
    let (views, wrong) = sql::plan(texts, relations(world), tick_ms);
    problems.0.extend(wrong.into_iter().map(|(file, error)| problem(file, error)));
    views
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
