//! Mapping files of recordings: read like every other file of a world, so that every problem has its place.

use std::path::Path;

use serde::de::DeserializeOwned;

use worldflow_sources::recording::{MapDef, Mapping, Step};

use super::problem::{Problems, Severity};
use super::spot::{Document, Spot};
use super::{collected, reading, spot};

/// A mapping file that could be read as far as its shape.
pub(crate) struct MappingFile {
    pub(crate) document: Document,
    pub(crate) def: MapDef,
    /// What it makes of lines; `None` when it has problems, which have been reported.
    mapping: Option<Mapping>,
}

/// Reads a mapping; what is wrong with it by itself is reported.
pub(crate) fn read(file: &str, bytes: &[u8], problems: &mut Problems) -> Option<MappingFile> {
    let before = problems.0.len();
    let document = spot::parse(file, bytes, problems);
    let read = document.and_then(|document| {
        let (def, misfits) = reading::read::<MapDef>(None, &document.root);
        collected::report(file, &misfits, problems);
        let def = def?;
        let mapping = match Mapping::check(&def) {
            Ok(mapping) => Some(mapping).filter(|_| misfits.is_empty()),
            Err(found) => {
                for problem in found {
                    let spot = follow(Spot::top(&document), &problem.path);
                    problems.0.push(spot.problem(Severity::Error, problem.reason, Some(problem.hint)));
                }
                None
            }
        };
        Some(MappingFile { document, def, mapping })
    });
    spot::fill_snippets(bytes, &mut problems.0[before..]);
    read
}

fn follow<'a>(top: Spot<'a>, path: &[Step]) -> Spot<'a> {
    path.iter().fold(top, |spot, step| match step {
        Step::Key(name) => spot.key(name),
        Step::Name(name) => spot.name(name),
        Step::Item(index) => spot.item(*index),
    })
}

/// Reads the mapping file at `path`.
///
/// # Errors
/// When it cannot be read, or with every problem in it.
pub fn open_mapping(path: &Path) -> Result<Mapping, MappingError> {
    let file = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|cause| MappingError::Unreadable { file: file.clone(), cause })?;
    let mut problems = Problems::default();
    match read(&file, &bytes, &mut problems).and_then(|file| file.mapping) {
        Some(mapping) => Ok(mapping),
        None => {
            problems.sort();
            Err(MappingError::Wrong(problems))
        }
    }
}

/// Reads one definition from a YAML file that is no part of a world, with every problem of its shape.
///
/// # Errors
/// When it cannot be read, or with every problem in it.
pub fn read_definition<T: DeserializeOwned>(path: &Path) -> Result<T, MappingError> {
    let file = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|cause| MappingError::Unreadable { file: file.clone(), cause })?;
    let mut problems = Problems::default();
    let read = spot::parse(&file, &bytes, &mut problems).and_then(|document| {
        let (def, misfits) = reading::read::<T>(None, &document.root);
        collected::report(&file, &misfits, &mut problems);
        def.filter(|_| misfits.is_empty())
    });
    spot::fill_snippets(&bytes, &mut problems.0);
    problems.sort();
    read.ok_or(MappingError::Wrong(problems))
}

/// A mapping that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The file cannot be read.
    #[error("{file}: {cause}\nhint: check the path of the mapping")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It is wrong; every problem is listed.
    #[error("{0}")]
    Wrong(Problems),
}
