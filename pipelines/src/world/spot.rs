//! Spots: a cursor that walks a file's tree beside its definition, so that a check can point.

use super::folder::Folder;
use super::node::{self, Node, NodeValue};
use super::problem::{Place, Problem, Problems, Severity};

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) file: String,
    pub(crate) root: Node,
}

/// A place in a file, and the value there if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'a> {
    pub(crate) file: &'a str,
    pub(crate) place: Place,
    pub(crate) node: Option<&'a Node>,
}

/// Parses every file; those that are not YAML are reported and left out.
pub(crate) fn parse_all(folder: &Folder, problems: &mut Problems) -> Vec<Document> {
    let mut documents = Vec::new();
    for (file, bytes) in &folder.files {
        documents.extend(parse(file, bytes, problems));
    }
    documents
}

/// Parses a file; that it is not YAML is reported.
pub(crate) fn parse(file: &str, bytes: &[u8], problems: &mut Problems) -> Option<Document> {
    match node::parse(bytes) {
        Ok(root) => Some(Document { file: file.to_owned(), root }),
        Err(error) => {
            problems.0.push(Problem {
                severity: Severity::Error,
                file: file.to_owned(),
                place: error.place,
                message: error.message,
                hint: error.hint,
                snippet: None,
            });
            None
        }
    }
}

/// The line of the file that a problem points at.
pub(crate) fn line_of(folder: &Folder, problem: &Problem) -> Option<String> {
    line_in(folder.files.get(&problem.file)?, problem)
}

/// The line of these bytes that a problem points at.
pub(crate) fn line_in(bytes: &[u8], problem: &Problem) -> Option<String> {
    let line = problem.place?.line.checked_sub(1)?;
    String::from_utf8_lossy(bytes).lines().nth(line as usize).map(str::to_owned)
}

/// Gives every problem of a file the line that it points at.
pub(crate) fn fill_snippets(bytes: &[u8], problems: &mut [Problem]) {
    for problem in problems {
        problem.snippet = line_in(bytes, problem);
    }
}

impl<'a> Spot<'a> {
    /// The top of a document.
    pub(crate) fn top(document: &'a Document) -> Spot<'a> {
        Spot { file: &document.file, place: document.root.place, node: Some(&document.root) }
    }

    /// The value of a key; where the key is absent, here.
    pub(crate) fn key(self, name: &str) -> Spot<'a> {
        match self.node.and_then(|node| node.get(name)) {
            Some((key, node)) => {
                // A map or list begins on the next line; its key is the better place to point at.
                let place = match node.value {
                    NodeValue::Map(_) | NodeValue::List(_) | NodeValue::Null => key.place,
                    _ => node.place,
                };
                Spot { place, node: Some(node), ..self }
            }
            None => Spot { node: None, ..self },
        }
    }

    /// The key itself.
    pub(crate) fn name(self, name: &str) -> Spot<'a> {
        match self.node.and_then(|node| node.get(name)) {
            Some((key, node)) => Spot { place: key.place, node: Some(node), ..self },
            None => Spot { node: None, ..self },
        }
    }

    /// An item of a list; for a lone value, the value.
    pub(crate) fn item(self, index: usize) -> Spot<'a> {
        match self.node.and_then(|node| node.item(index)) {
            Some(node) => Spot { place: node.place, node: Some(node), ..self },
            None => self,
        }
    }

    /// A problem at this spot.
    pub(crate) fn problem(self, severity: Severity, message: String, hint: Option<String>) -> Problem {
        Problem {
            severity,
            file: self.file.to_owned(),
            place: Some(self.place),
            message,
            hint,
            snippet: None,
        }
    }
}
