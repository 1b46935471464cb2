//! Runs a scenario: its steps one after the other, to the first that goes wrong.

use std::fmt;
use std::time::{Duration, Instant};

use super::file::Scenario;
use super::playing::Playing;
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
        if updates {
            let line = usize::try_from(rows.place.line.saturating_sub(1)).unwrap_or(usize::MAX);
            found.push(Found { line, rows: differs.found.lines() });
        } else {
            let place = Some(rows.place);
            return Err(Failure { file: scenario.file.clone(), place, message: differs.message });
        }
    }
    playing.end().await.map_err(|message| at(scenario.def.steps.len() - 1, message))
}
