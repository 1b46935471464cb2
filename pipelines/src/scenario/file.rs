//! Files of scenarios: read like every other file of a world, so that every problem has its place.

use std::sync::Arc;

use worldflow_operators::clock::parse_moment;

use super::def::{ExpectDef, ScenarioDef, StepDef};
use super::names::{check_names, writes_entities};
use super::table::Table;
use crate::world::{
    Document, Folder, Problems, Severity, Spot, TESTS, Vocabulary, did_you_mean, fill_snippets,
    parse_document, read_map,
};

/// The folder of a world that holds its scenarios.
pub const FOLDER: &str = TESTS;

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its id, unique in its file.
    pub id: String,
    /// The file, relative to the world folder.
    pub file: String,
    pub(super) def: ScenarioDef,
    /// The text of its file.
    pub(super) text: Arc<str>,
    document: Arc<Document>,
}

impl Scenario {
    /// The place of a step.
    pub(super) fn step(&self, step: usize) -> Spot<'_> {
        Spot::top(&self.document).key(&self.id).key("steps").item(step)
    }
}

/// Reads scenarios from files; what is wrong with any of them is a problem, and those that can be run are returned.
pub fn check_scenarios(files: &Folder, vocabulary: &Vocabulary, problems: &mut Problems) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (file, bytes) in &files.files {
        let before = problems.0.len();
        if let Some(document) = parse_document(file, bytes, problems) {
            let text = String::from_utf8_lossy(bytes).into();
            scenarios.extend(of_document(Arc::new(document), &text, vocabulary, problems));
        }
        fill_snippets(bytes, &mut problems.0[before..]);
    }
    problems.sort();
    scenarios
}

fn of_document(
    document: Arc<Document>,
    text: &Arc<str>,
    vocabulary: &Vocabulary,
    problems: &mut Problems,
) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (id, placed) in read_map::<ScenarioDef>(&document, "scenario", problems) {
        let before = problems.0.len();
        let (whole, def) = (placed.whole, placed.definition);
        let (file, text) = (document.file.clone(), Arc::clone(text));
        let scenario = Scenario { id, file, def, text, document: Arc::clone(&document) };
        check(&scenario, whole, vocabulary, problems);
        if whole && problems.0.len() == before {
            scenarios.push(scenario);
        }
    }
    scenarios
}

fn check(scenario: &Scenario, whole: bool, vocabulary: &Vocabulary, problems: &mut Problems) {
    let top = Spot::top(&scenario.document).key(&scenario.id);
    let mut report = |spot: Spot<'_>, message: String, hint: &str| {
        problems.0.push(spot.problem(Severity::Error, message, Some(hint.to_owned())));
    };
    if let Some(starts) = &scenario.def.starts
        && starts.parse::<jiff::Timestamp>().is_err()
    {
        report(top.key("starts"), format!("`{starts}` is not a time"), "write it as `2024-03-31T00:30:00Z`");
    }
    if scenario.def.steps.is_empty() {
        report(
            top,
            "a scenario without steps".to_owned(),
            "give `steps`, of which the last expects something",
        );
    }
    let writes = scenario.def.steps.iter().any(writes_entities);
    for (number, step) in scenario.def.steps.iter().enumerate() {
        // What is left of a step of which something could not be read may be nothing.
        if !whole && step.does().is_empty() {
            continue;
        }
        // What an edit makes of the views is known when it is done.
        let views_edited = |step: &StepDef| step.edit.keys().any(|file| file.starts_with("views/"));
        let before = &scenario.def.steps[..number];
        let known = !before.iter().any(views_edited);
        let mut wrong = check_step(step, scenario.step(number), known.then_some(vocabulary));
        // What an edit makes of the names is known when it is done, too.
        if before.iter().all(|step| step.edit.is_empty()) {
            wrong.extend(check_names(step, scenario.step(number), vocabulary, writes));
        }
        for (spot, message, hint) in wrong {
            report(spot, message, &hint);
        }
    }
}

fn check_step<'a>(
    step: &StepDef,
    spot: Spot<'a>,
    vocabulary: Option<&Vocabulary>,
) -> Vec<(Spot<'a>, String, String)> {
    let mut wrong = Vec::new();
    let does = step.does();
    let edits_and_restarts = does == ["edit", "restart"];
    if does.len() > 1 && !edits_and_restarts {
        let message = format!("a step that does {}", does.join(" and "));
        wrong.push((
            spot,
            message,
            "make a step of each; only `edit` and `restart` may stand together".to_owned(),
        ));
    }
    if does.is_empty() && step.after.is_none() {
        let hint =
            "give one of clock, send, send_again, edit, restart and expect, or `after` alone".to_owned();
        wrong.push((spot, "a step that does nothing".to_owned(), hint));
    }
    if step.refused.is_some() && step.send.is_none() {
        wrong.push((
            spot.key("refused"),
            "nothing is sent that could be refused".to_owned(),
            "give `send` too".to_owned(),
        ));
    }
    if let Some(clock) = &step.clock
        && let Err(why) = parse_moment(clock)
    {
        wrong.push((spot.key("clock"), why, "write a day and a time: `3 20:00`".to_owned()));
    }
    if let Some(expect) = &step.expect {
        wrong.extend(check_expect(expect, spot.key("expect"), vocabulary));
    }
    wrong
}

fn check_expect<'a>(
    expect: &ExpectDef,
    spot: Spot<'a>,
    vocabulary: Option<&Vocabulary>,
) -> Vec<(Spot<'a>, String, String)> {
    let Some(Vocabulary { catalog, lacks_views, .. }) = vocabulary else { return Vec::new() };
    let Some(view) = catalog.view(&expect.view) else {
        // It may be one that has a problem of its own.
        if *lacks_views {
            return Vec::new();
        }
        let near = did_you_mean(&expect.view, catalog.names());
        let hint = near.map_or_else(
            || "`worldflow views` lists them".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return vec![(spot.key("view"), format!("unknown view `{}`", expect.view), hint)];
    };
    let names: Vec<&str> = view.def().columns.iter().map(|column| column.name).collect();
    let unknown = |column: &str| {
        let near = did_you_mean(column, names.iter().copied());
        let hint = near
            .map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        (format!("`{}` has no column `{column}`", expect.view), hint)
    };
    let mut wrong = Vec::new();
    for column in expect.filter.keys().filter(|column| !names.contains(&column.as_str())) {
        let (message, hint) = unknown(column);
        wrong.push((spot.key("where").name(column), message, hint));
    }
    for (column, values) in expect.wanted() {
        let spot = spot.key("where").name(column);
        let hint = "give a value, or a list of those of which a row has one".to_owned();
        if values.is_empty() {
            wrong.push((spot, format!("no row has one of no values of `{column}`"), hint));
        } else if let Some(odd) = values.iter().find(|value| value.is_array() || value.is_object()) {
            wrong.push((spot, format!("`{odd}` is not a value of a column"), hint));
        }
    }
    match Table::parse(&expect.rows) {
        Err(bad) => {
            let message = format!("line {} of the table: {}", bad.line + 1, bad.why);
            let hint = "columns stand two spaces or more apart, and the first line names them".to_owned();
            wrong.push((spot.key("rows"), message, hint));
        }
        Ok(table) => {
            for column in table.columns.iter().filter(|column| !names.contains(&column.as_str())) {
                let (message, hint) = unknown(column);
                wrong.push((spot.key("rows"), message, hint));
            }
        }
    }
    wrong
}
