//! Runs a scenario: its steps one after the other, to the first that goes wrong.

use std::fmt;
use std::time::{Duration, Instant};

use super::file::Scenario;
use super::playing::Playing;
use super::update::is_written;
use crate::world::{Folder, Place};

/// How a scenario ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its file.
    pub file: String,
    /// Its id.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took.
    pub took: Duration,
    /// Tables that differed, when they are to be updated: these are no failure then.
    pub found: Vec<Found>,
}

/// Rows that were found where others were expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The line of the key `rows`, from 0.
    pub(super) line: usize,
    /// The table's lines.
    pub(super) rows: Vec<String>,
}

/// What went wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The file.
    pub file: String,
    /// Where in it.
    pub place: Option<Place>,
    /// What went wrong; it may be several lines.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Runs a scenario over the files of its world. With `updates`, rows that differ are noted instead of failing.
pub async fn run(scenario: &Scenario, folder: &Folder, updates: bool) -> Verdict {
    let begun = Instant::now();
    let mut found = Vec::new();
    let failure = steps(scenario, folder, updates, &mut found).await.err();
    Verdict {
        file: scenario.file.clone(),
        id: scenario.id.clone(),
        title: scenario.def.title.clone(),
        failure,
        took: begun.elapsed(),
        found,
    }
}

async fn steps(
    scenario: &Scenario,
    folder: &Folder,
    updates: bool,
    found: &mut Vec<Found>,
) -> Result<(), Failure> {
    let at = |number: usize, message: String| {
        let spot = scenario.step(number);
        Failure { file: scenario.file.clone(), place: Some(spot.place), message }
    };
    let mut playing = Playing::begin(scenario, folder).await.map_err(|message| at(0, message))?;
    for (number, step) in scenario.def.steps.iter().enumerate() {
        let (next, differs) = playing.step(number, step).await.map_err(|message| at(number, message))?;
        playing = next;
        let Some(differs) = differs else { continue };
        let rows = scenario.step(number).key("expect").name("rows");
        let line = usize::try_from(rows.place.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let is_written = scenario.text.lines().nth(line).is_some_and(is_written);
        if updates && is_written {
            found.push(Found { line, rows: differs.found.lines() });
            continue;
        }
        let hint = match (updates, is_written) {
            (true, false) => {
                "\nhint: it cannot be written here: put `rows: |` on a line of its own, with the table below"
            }
            _ => "",
        };
        let message = format!("{}{hint}", differs.message);
        return Err(Failure { file: scenario.file.clone(), place: Some(rows.place), message });
    }
    playing.end().await.map_err(|message| at(scenario.def.steps.len() - 1, message))
}
