//! Dialogue of a world folder: `dialogue/*.yarn`, which writers write in Yarn.
//!
//! `files ─Yarn's compiler→ instructions, texts ─translate→ nodes of steps`, each with its place in its file. The compiler parses and
//! checks kinds of values; what Yarn does not look at is looked at here: facts, nodes, functions and commands that there are not. It is
//! given nothing that is too long or too deep for it, and a thread of its own, so that nothing in a file can end the process.

mod formula;
mod places;
mod rounds;
mod translate;

use std::collections::BTreeMap;

use worldflow_schemas::definitions::{Condition, DialogueDef, FactDef, FactKind, WorldDef};
use yarnspinner_compiler::prelude::{Compilation, Compiler, Declaration, Diagnostic, File};
use yarnspinner_core::prelude::{Library, Type};

use super::collected::{Definitions, Placed, add};
use super::folder::Folder;
use super::problem::{Problem, Problems, Severity};
use super::spot::Spot;

/// The folder whose Yarn files are read.
pub(super) const DIALOGUE: &str = "dialogue";

/// What Yarn files end in.
pub(super) const YARN: [&str; 1] = ["yarn"];

/// The longest file, in bytes.
const MOST_BYTES: usize = 256 << 10;

/// All files together, in bytes.
const MOST_BYTES_OF_ALL: usize = 8 << 20;

/// The longest line, in bytes.
const MOST_LINE: usize = 2_000;

/// How deep parentheses, options and `<<if>>` may lie in one another.
const MOST_DEPTH: usize = 24;

/// What the compiler may need for nesting of that depth.
const STACK_BYTES: usize = 64 << 20;

/// A text of a line or an option.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    /// Its key among the texts of the world.
    pub(crate) key: String,
    /// The text, as others are written: in MessageFormat.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) spot: Spot<'a>,
}

/// What a Yarn file asks of the world in our own words.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The condition.
    pub(crate) condition: Condition,
    /// Where it stands.
    pub(crate) spot: Spot<'a>,
}

/// Reads every Yarn file into definitions; what is wrong with them is reported.
pub(super) fn read<'a>(folder: &'a Folder, definitions: &mut Definitions<'a>, problems: &mut Problems) {
    let prefix = format!("{DIALOGUE}/");
    let files: Vec<(&'a str, &'a [u8])> = folder
        .files
        .iter()
        .filter(|(file, _)| file.starts_with(&prefix) && file.ends_with(".yarn"))
        .map(|(file, bytes)| (file.as_str(), bytes.as_slice()))
        .collect();
    if files.is_empty() {
        return;
    }
    let (sources, whole) = sources(&files, problems);
    // What is wrong with world.yaml is said elsewhere.
    let Some(world) = definitions.world.as_ref().map(|world| world.definition.clone()) else {
        definitions.dialogue_unread = true;
        return;
    };
    let compiled = match compile(sources.clone(), &world.facts) {
        Some(Ok(compiled)) if whole => compiled,
        Some(Ok(_)) => {
            definitions.dialogue_unread = true;
            return;
        }
        Some(Err(diagnostics)) => {
            definitions.dialogue_unread = true;
            diagnostics
                .iter()
                .for_each(|wrong| problems.0.push(places::problem(wrong, &sources, &world.facts)));
            return;
        }
        None => {
            definitions.dialogue_unread = true;
            problems.0.push(gave_up(files[0].0));
            return;
        }
    };
    for warning in &compiled.warnings {
        problems.0.push(places::problem(warning, &sources, &world.facts));
    }
    let nodes = translate::nodes(&compiled, &world, problems);
    for node in nodes {
        // The compiler knows files by the names that it was given.
        let Some((file, _)) = files.iter().find(|(file, _)| *file == node.file) else { continue };
        let spot = |place| Spot { file, place, node: None };
        definitions.spoken.extend(node.texts.into_iter().map(|(key, text, place)| Text {
            key,
            text,
            spot: spot(place),
        }));
        definitions
            .dialogue_asks
            .extend(node.asks.into_iter().map(|(condition, place)| Asked { condition, spot: spot(place) }));
        let placed = Placed { definition: node.def, spot: spot(node.place), whole: true, unread: Vec::new() };
        add(&mut definitions.dialogues, "node", node.title, placed, problems);
    }
}

fn whole_file(file: &str, message: String, hint: &str) -> Problem {
    let hint = Some(hint.to_owned());
    Problem { severity: Severity::Error, file: file.to_owned(), place: None, message, hint, snippet: None }
}

fn gave_up(file: &str) -> Problem {
    let hint = "take away what was written last, and see which part of it is not understood";
    whole_file(file, "the compiler of Yarn gave up on these files".to_owned(), hint)
}

/// The files that can be given to the compiler, and whether these are all.
fn sources(files: &[(&str, &[u8])], problems: &mut Problems) -> (Vec<(String, String)>, bool) {
    let before = problems.0.len();
    let (mut sources, mut bytes_of_all) = (Vec::new(), 0);
    for (file, bytes) in files {
        bytes_of_all += bytes.len();
        if bytes.len() > MOST_BYTES || bytes_of_all > MOST_BYTES_OF_ALL {
            let message = match bytes.len() > MOST_BYTES {
                true => format!("a Yarn file of more than {MOST_BYTES} bytes"),
                false => format!("the world has more than {MOST_BYTES_OF_ALL} bytes of Yarn with this file"),
            };
            problems.0.push(whole_file(
                file,
                message,
                "split it: nodes of one file can jump to those of others",
            ));
            continue;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            problems.0.push(whole_file(
                file,
                "this is not text in UTF-8".to_owned(),
                "save the file as UTF-8",
            ));
            continue;
        };
        match places::too_much(text) {
            Some((place, message, hint)) => problems.0.push(Problem {
                severity: Severity::Error,
                file: (*file).to_owned(),
                place: Some(place),
                message,
                hint: Some(hint.to_owned()),
                snippet: None,
            }),
            // The compiler has lines end in one way only.
            None => sources.push(((*file).to_owned(), text.replace("\r\n", "\n"))),
        }
    }
    (sources, problems.0.len() == before)
}

/// Has everything compiled together; `None` when the compiler has given up.
fn compile(
    sources: Vec<(String, String)>,
    facts: &BTreeMap<String, FactDef>,
) -> Option<Result<Compilation, Vec<Diagnostic>>> {
    let declared: Vec<Declaration> = facts.iter().map(|(name, fact)| declaration(name, fact)).collect();
    let work = move || {
        let mut compiler = Compiler::new();
        let files = sources.into_iter().map(|(file_name, source)| File { file_name, source });
        compiler.add_files(files).extend_library(functions());
        for declaration in declared {
            compiler.declare_variable(declaration);
        }
        compiler.compile().map_err(|error| error.0)
    };
    let thread = std::thread::Builder::new().name("yarn".to_owned()).stack_size(STACK_BYTES);
    thread.spawn(work).ok()?.join().ok()
}

/// A fact as the compiler knows variables.
fn declaration(name: &str, fact: &FactDef) -> Declaration {
    let name = format!("${name}");
    match fact.kind {
        FactKind::Bool => Declaration::new(name, Type::Boolean).with_default_value(false),
        FactKind::Int | FactKind::Dec => Declaration::new(name, Type::Number).with_default_value(0.0_f32),
        FactKind::Text => Declaration::new(name, Type::String).with_default_value(""),
    }
}

/// The functions that there are besides the compiler's own. They are never called: the compiler asks for their kinds.
fn functions() -> Library {
    let mut library = Library::new();
    library
        .add_function("visited", |_: String| false)
        .add_function("visited_count", |_: String| 0.0_f32)
        .add_function("holds", |_: String| false);
    library
}

/// Compiles Yarn for tests: nodes by their titles.
///
/// # Errors
/// With every problem in it.
pub fn nodes_of(files: &[(&str, &str)], world: &WorldDef) -> Result<BTreeMap<String, DialogueDef>, Problems> {
    let mut problems = Problems::default();
    let sources: Vec<(String, String)> =
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    match compile(sources.clone(), &world.facts) {
        Some(Ok(compiled)) => {
            let nodes = translate::nodes(&compiled, world, &mut problems);
            match problems.has_errors() {
                true => Err(problems),
                false => Ok(nodes.into_iter().map(|node| (node.title, node.def)).collect()),
            }
        }
        Some(Err(wrong)) => {
            Err(Problems(wrong.iter().map(|wrong| places::problem(wrong, &sources, &world.facts)).collect()))
        }
        None => Err(Problems(vec![gave_up(files.first().map_or("", |(file, _)| *file))])),
    }
}
