//! Spots: a cursor that walks a file's tree beside its definition, so that a check can point.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::folder::Folder;
use super::node::{self, Node, NodeValue};
use super::problem::{Place, Problem, Problems, Severity};
use crate::secrets::{masked, masked_line};

/// The file in which secrets may stand by mistake.
const WORLD: &str = "world.yaml";

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

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.place.line, self.place.column)
    }
}

/// Parses every file but those in SQL, Markdown and Yarn; those that are not YAML are reported and left out.
pub(crate) fn parse_all(folder: &Folder, problems: &mut Problems) -> Vec<Document> {
    let is_yaml =
        |(file, _): &(&String, &Vec<u8>)| ![".sql", ".md", ".yarn"].iter().any(|other| file.ends_with(other));
    let files: Vec<(&String, &Vec<u8>)> = folder.files.iter().filter(is_yaml).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    // Few files are parsed before a thread has started.
    let parts = if files.len() < FEW_FILES { 1 } else { threads };
    let parse_part = |part: usize| -> Vec<(Option<Document>, Problems)> {
        let of_part = files.iter().skip(part).step_by(parts);
        let parsed = of_part.map(|(file, bytes)| {
            let mut problems = Problems::default();
            (parse(file, bytes, &mut problems), problems)
        });
        parsed.collect()
    };
    let parsed: Vec<Vec<(Option<Document>, Problems)>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts).map(|part| scope.spawn(move || parse_part(part))).collect();
        let first = parse_part(0);
        let joined = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(first).chain(joined).collect()
    });
    in_turn(parsed)
        .filter_map(|(document, found)| {
            problems.0.extend(found.0);
            document
        })
        .collect()
}

/// What several have dealt out among them by turns, in the order in which it lay.
fn in_turn<T>(parts: Vec<Vec<T>>) -> impl Iterator<Item = T> {
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    let mut turn = 0;
    std::iter::from_fn(move || {
        let next = parts.get_mut(turn)?.next();
        turn = (turn + 1) % parts.len();
        next
    })
}

/// Fewer files are parsed by one thread.
const FEW_FILES: usize = 16;
/// No more threads parse.
const MOST_THREADS: usize = 8;

/// The kinds of files of which one could not be parsed, so that what it declares is not known: `entities`.
pub(crate) fn unparsed(folder: &Folder, documents: &[Document]) -> BTreeSet<String> {
    let parsed: BTreeSet<&str> = documents.iter().map(|document| document.file.as_str()).collect();
    let yaml = folder.files.keys().filter(|file| file.ends_with(".yaml") || file.ends_with(".yml"));
    let kind = |file: &String| file.split(['/', '.']).next().unwrap_or_default().to_owned();
    yaml.filter(|file| !parsed.contains(file.as_str())).map(kind).collect()
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

/// Gives every problem that has none the line of its file that it points at.
pub(crate) fn fill_all_snippets(folder: &Folder, problems: &mut Problems) {
    let mut by_file: BTreeMap<String, Vec<&mut Problem>> = BTreeMap::new();
    for problem in problems.0.iter_mut().filter(|problem| problem.snippet.is_none()) {
        by_file.entry(problem.file.clone()).or_default().push(problem);
    }
    for (file, problems) in by_file {
        if let Some(bytes) = folder.files.get(&file) {
            fill(bytes, problems);
        }
    }
}

/// Gives every problem of a file the line that it points at.
pub(crate) fn fill_snippets(bytes: &[u8], problems: &mut [Problem]) {
    fill(bytes, problems);
}

/// A file is cut into lines once, however many problems it has.
fn fill<'p>(bytes: &[u8], problems: impl IntoIterator<Item = &'p mut Problem>) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    for problem in problems {
        let number = problem.place.and_then(|place| place.line.checked_sub(1)).map(|line| line as usize);
        let Some((number, line)) = number.and_then(|number| Some((number, lines.get(number)?))) else {
            problem.snippet = None;
            continue;
        };
        let before = number.checked_sub(1).map_or("", |before| lines[before]);
        problem.snippet = Some(if problem.file == WORLD { masked_line(before, line) } else { masked(line) });
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

    /// Whether something is written here, or only above.
    pub(crate) fn is_there(self) -> bool {
        self.node.is_some()
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
