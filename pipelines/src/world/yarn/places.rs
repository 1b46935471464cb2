//! Where things stand in Yarn files, and what Yarn's compiler says of them.

use std::collections::BTreeMap;

use worldflow_schemas::definitions::FactDef;
use yarnspinner_compiler::prelude::{Diagnostic, DiagnosticSeverity};
use yarnspinner_core::prelude::Position;

use super::{MOST_DEPTH, MOST_LINE};
use crate::world::problem::{Place, Problem, Severity, hint};

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A place of so many characters.
pub(super) fn place(at: Position, length: usize) -> Place {
    Place { line: number(at.line + 1), column: number(at.character + 1), length: number(length.max(1)) }
}

/// What the compiler says, as the check of a world says it.
pub(super) fn problem(
    wrong: &Diagnostic,
    sources: &[(String, String)],
    facts: &BTreeMap<String, FactDef>,
) -> Problem {
    let first = sources.first().map(|(file, _)| file.clone());
    let file = wrong.file_name.clone().or(first).unwrap_or_default();
    let lines = || sources.iter().find(|(name, _)| *name == file).map(|(_, text)| text.lines());
    let at = wrong.range.as_ref().map(|range| {
        let length = match range.start.line == range.end.line {
            true => range.end.character.saturating_sub(range.start.character),
            false => 1,
        };
        let mut at = place(range.start, length);
        // The compiler counts from the end of a line, or beyond it, where something is missing.
        let most = lines().and_then(|mut lines| lines.nth(range.start.line)).map(|line| line.chars().count());
        at.column = at.column.min(number(most.unwrap_or(0)) + 1).max(1);
        at
    });
    let severity = match wrong.severity {
        DiagnosticSeverity::Error => Severity::Error,
        DiagnosticSeverity::Warning => Severity::Warning,
    };
    let (message, hint) = match unknown(&wrong.message) {
        Some(name) => unknown_fact(name, facts),
        None => (said(&wrong.message), hint_of(&wrong.message).to_owned()),
    };
    Problem { severity, file, place: at, message, hint: Some(hint), snippet: None }
}

/// The variable of which the compiler does not know what it holds.
fn unknown(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("type of variable $")?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// What is said of a variable that is no fact.
pub(super) fn unknown_fact(name: &str, facts: &BTreeMap<String, FactDef>) -> (String, String) {
    let otherwise = "variables are facts, which are declared in world.yaml under `facts`";
    let hint = hint(name, facts.keys().map(String::as_str), otherwise);
    (format!("unknown fact `{name}`"), hint)
}

/// As other problems are said: small, without a full stop, in one line.
fn said(message: &str) -> String {
    let line = message.replace("(External)", "world.yaml");
    let line = line.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let mut chars = line.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "the compiler of Yarn does not take this".to_owned(),
    }
}

fn hint_of(message: &str) -> &'static str {
    let says = |part: &str| message.contains(part);
    if says("More than one node") {
        "titles are unique in a world, whichever file they are in: rename one"
    } else if says("Duplicate line ID") {
        "each `#line:` is given once: take it away here, and give the line another"
    } else if says("already been declared") {
        "it is a fact of world.yaml: take the `<<declare>>` away"
    } else if says("type") || says("Type") || says("assigned") || says("must be") {
        "facts have the types that world.yaml declares: numbers, texts in quotes, true and false"
    } else {
        "a node is `title: NAME`, `---`, its lines, `===`; see docs.yarnspinner.dev for how lines are written"
    }
}

/// What in a file is more than the compiler is given. What is open ends in its line, so nothing lies deeper in anything else than a
/// line is long.
pub(super) fn too_much(text: &str) -> Option<(Place, String, &'static str)> {
    let (mut ifs, mut indents) = (0_usize, Vec::new());
    for (row, line) in text.lines().enumerate() {
        let at =
            |message: String, hint| Some((place(Position { line: row, character: 0 }, 1), message, hint));
        if line.len() > MOST_LINE {
            return at(format!("a line of more than {MOST_LINE} bytes"), "write it as several lines");
        }
        let line = line.split("//").next().unwrap_or_default().replace("\\{", "").replace("\\}", "");
        if line.matches("<<").count() > line.matches(">>").count() {
            return at(
                "`<<` is not closed in its line".to_owned(),
                "write a command in one line: `<<set $trust to 3>>`",
            );
        }
        if line.matches('{').count() > line.matches('}').count() {
            return at("`{` is not closed in its line".to_owned(), "write `{$trust}`, or `\\{` for a brace");
        }
        let (mut open, mut deepest) = (0_usize, 0);
        for c in line.chars() {
            match c {
                '(' => open += 1,
                ')' => open = open.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(open);
        }
        if deepest > MOST_DEPTH {
            let message = format!("more than {MOST_DEPTH} parentheses within one another");
            return at(message, "put a part of it into a fact first");
        }
        let trimmed = line.trim_start();
        if !trimmed.is_empty() {
            let indent = line.len() - trimmed.len();
            indents.retain(|outer| *outer < indent);
            indents.push(indent);
        }
        ifs = (ifs + line.matches("<<if").count()).saturating_sub(line.matches("<<endif").count());
        if line.trim() == "===" {
            ifs = 0;
        }
        if ifs > MOST_DEPTH || indents.len() > MOST_DEPTH {
            let message = format!("more than {MOST_DEPTH} options or `<<if>>` within one another");
            return at(message, "go on in another node: `<<jump NODE>>`");
        }
    }
    None
}
