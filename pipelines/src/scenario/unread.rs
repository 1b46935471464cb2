//! Scenarios that cannot be read: which of their problems are whose.

use super::file::FOLDER;
use crate::world::{Folder, Problem, Problems, Spot, parse_document};

/// A scenario that is not run, or a file of them, with what is wrong.
#[derive(Clone, Debug)]
pub struct Unread {
    /// The file, relative to the world folder.
    pub file: String,
    /// Its id; `None` when the file as a whole cannot be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Unread {
    /// Whether its file or its id contains a text. What a file holds that cannot be read is not known, so it does.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.file.contains(text) || self.id.as_ref().is_none_or(|id| id.contains(text))
    }
}

/// The scenarios of files that `problems` are of, in the order of these.
#[must_use]
pub fn unread(files: &Folder, problems: &Problems) -> Vec<Unread> {
    let mut all: Vec<Unread> = Vec::new();
    for problem in &problems.0 {
        let id = files.files.get(&problem.file).and_then(|bytes| scenario_of(bytes, problem));
        match all.iter_mut().find(|unread| unread.file == problem.file && unread.id == id) {
            Some(unread) => unread.problems.push(problem.clone()),
            None => {
                all.push(Unread { file: problem.file.clone(), id, problems: vec![problem.clone()] });
            }
        }
    }
    all
}

/// The last scenario that begins in or above the line of a problem.
fn scenario_of(bytes: &[u8], problem: &Problem) -> Option<String> {
    let line = problem.place?.line;
    let document = parse_document(FOLDER, bytes, &mut Problems::default())?;
    let entries = Spot::top(&document).node?.entries();
    let mut begun = entries.iter().filter(|(key, _)| key.place.line <= line);
    begun.next_back().map(|(key, _)| key.text.clone())
}
