//! Lore of a world folder: `lore/*.md`, and the folders that `lore: {shared: [...]}` names.
//!
//! `files ─split→ head in YAML, text ─collect→ documents by id`. A shared folder is read with the world from the disk, and is
//! a part of its files from then on, under `shared/`: a plan carries it, and nobody reads the paths of a world that was sent.

use std::path::Path;

use worldflow_schemas::definitions::{LoreDef, LoreHeadDef};

use super::collected::{Collected, Placed, add, report};
use super::folder::{Folder, LORE};
use super::node::{self, Node, NodeValue};
use super::problem::{Place, Problem, Problems, Severity};
use super::reading;
use super::spot::Spot;

/// Where the documents of shared folders are among the files of a world: `shared/NAME/...`.
pub(crate) const SHARED: &str = "shared";

/// The longest document, in bytes.
pub(crate) const MOST_DOCUMENT_BYTES: usize = 1_000_000;

/// All documents of a world together, in bytes.
const MOST_LORE_BYTES: usize = 32_000_000;

/// What the head of a document begins and ends with.
const FENCE: &str = "---";

/// A document as it is written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    file: &'a str,
    id: String,
    head: Node,
    text: &'a str,
}

/// The shared folders that the world file names: each as it is written, and its name.
pub(super) fn shared_folders(folder: &Folder) -> Vec<(String, String)> {
    let Some(root) = folder.files.get("world.yaml").and_then(|bytes| node::parse(bytes).ok()) else {
        return Vec::new();
    };
    let shared = root.get(LORE).and_then(|(_, lore)| lore.get(SHARED)).map(|(_, shared)| shared);
    let Some(NodeValue::List(shared)) = shared.map(|shared| &shared.value) else { return Vec::new() };
    let named = shared.iter().filter_map(|node| match &node.value {
        NodeValue::Text(place) => Some((place.clone(), shared_name(place)?.to_owned())),
        _ => None,
    });
    named.collect()
}

/// What the documents of a shared folder are called by: the last part of its path.
pub(super) fn shared_name(place: &str) -> Option<&str> {
    Path::new(place).file_name().and_then(|name| name.to_str())
}

/// Reads every document; what is wrong with one is reported.
pub(super) fn read<'a>(folder: &'a Folder, problems: &mut Problems) -> Vec<Written<'a>> {
    let mut all = Vec::new();
    let mut bytes_of_all = 0;
    for (file, bytes) in &folder.files {
        let Some(id) = id_of(file) else { continue };
        let problem = |place, message, hint: &str| Problem {
            severity: Severity::Error,
            file: file.clone(),
            place,
            message,
            hint: Some(hint.to_owned()),
            snippet: None,
        };
        if bytes.len() > MOST_DOCUMENT_BYTES {
            let message = format!("a document of more than {MOST_DOCUMENT_BYTES} bytes, which it has here");
            let hint = "split it: each file is a document of its own";
            problems.0.push(problem(Some(place_of(bytes, MOST_DOCUMENT_BYTES)), message, hint));
            continue;
        }
        bytes_of_all += bytes.len();
        if bytes_of_all > MOST_LORE_BYTES {
            let message =
                format!("the world has more than {MOST_LORE_BYTES} bytes of lore with this document");
            problems.0.push(problem(None, message, "leave out what no NPC speaks of"));
            break;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => all.extend(written(file, id, text, problems)),
            Err(error) => {
                let at = error.valid_up_to();
                let message = format!("this is not text: byte {at} is not UTF-8");
                problems.0.push(problem(Some(place_of(bytes, at)), message, "save the file as UTF-8"));
            }
        }
    }
    all
}

/// The id of the document in a file, if it is one: `lore/lake/bells.md` is `lake/bells`.
fn id_of(file: &str) -> Option<&str> {
    let (folder, rest) = file.split_once('/')?;
    if folder == LORE || folder == SHARED { rest.strip_suffix(".md") } else { None }
}

/// The line and column of a byte.
fn place_of(bytes: &[u8], at: usize) -> Place {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begins = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&before[begins..]).chars().count() + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column), length: 1 }
}

/// A document's head and text apart.
fn written<'a>(file: &'a str, id: &str, text: &'a str, problems: &mut Problems) -> Option<Written<'a>> {
    let text = text.trim_start_matches('\u{feff}');
    let top = Place { line: 1, column: 1, length: 1 };
    let headless = |text| {
        let head = Node { value: NodeValue::Map(Vec::new()), place: top, jumps: None };
        Some(Written { file, id: id.to_owned(), head, text })
    };
    let mut wrong = |place, message: String, hint| {
        let file = file.to_owned();
        problems.0.push(Problem { severity: Severity::Error, file, place, message, hint, snippet: None });
        None
    };
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != FENCE {
        return headless(text);
    }
    let mut end = first.len();
    let Some(closing) = lines.find(|line| {
        let closes = line.trim_end() == FENCE;
        if !closes {
            end += line.len();
        }
        closes
    }) else {
        let hint = Some("close it with another line `---`; or begin the text with something else".to_owned());
        return wrong(Some(top), "the head of this document has no end".to_owned(), hint);
    };
    // A blank line in front stands for the first one, so that places are those of the file.
    match node::parse(format!("\n{}", &text[first.len()..end]).as_bytes()) {
        Ok(head) => {
            let blank = head.value == NodeValue::Null;
            let mut written = headless(&text[end + closing.len()..])?;
            if !blank {
                written.head = head;
            }
            Some(written)
        }
        Err(error) => wrong(error.place.or(Some(top)), error.message, error.hint),
    }
}

/// The documents by id; what does not fit is reported.
pub(super) fn collect<'a>(written: &'a [Written<'a>], problems: &mut Problems) -> Collected<'a, LoreDef> {
    let mut all = Collected::new();
    for Written { file, id, head, text } in written {
        let (read, misfits) = reading::read::<LoreHeadDef>(None, head);
        report(file, &misfits, problems);
        let definition = LoreDef::new(read.unwrap_or_default(), (*text).to_owned());
        let spot = Spot { file, place: head.place, node: Some(head) };
        add(
            &mut all,
            "document",
            id.clone(),
            Placed { definition, spot, whole: misfits.is_empty(), unread: Vec::new() },
            problems,
        );
    }
    all
}
