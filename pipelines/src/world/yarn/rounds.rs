//! What Yarn's compiler lets pass, and a world does not: variables of its own, and nodes that go round without end.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{StepDef, WorldDef};
use yarnspinner_compiler::prelude::Compilation;

use super::places::place;
use super::translate::Made;
use crate::world::problem::{Problem, Problems, Severity};

/// Variables that files declare themselves: facts are declared in world.yaml only.
pub(super) fn declared(compiled: &Compilation, world: &WorldDef, problems: &mut Problems) {
    for declaration in &compiled.declarations {
        let name = declaration.name.trim_start_matches('$');
        let Some(range) = &declaration.range else { continue };
        if declaration.is_implicit || !declaration.is_variable() || world.facts.contains_key(name) {
            continue;
        }
        problems.0.push(Problem {
            severity: Severity::Error,
            file: declaration.source_file_name.to_string(),
            place: Some(place(range.start, range.end.character.saturating_sub(range.start.character))),
            message: format!("`{}` is declared here", declaration.name),
            hint: Some(format!(
                "what dialogue knows are facts: declare `{name}` in world.yaml under `facts`"
            )),
            snippet: None,
        });
    }
}

/// Reports what goes round without end: steps that lead to one another with nothing said, asked or chosen.
pub(super) fn rounds(made: &[Made], problems: &mut Problems) {
    let by_title: BTreeMap<&str, &Made> = made.iter().map(|made| (made.title.as_str(), made)).collect();
    for start in made {
        let (mut node, mut step) = (start, 0_usize);
        let mut seen = BTreeSet::new();
        while seen.insert((node.title.as_str(), step)) {
            match node.def.steps.get(step) {
                Some(StepDef::Go(to)) => step = *to as usize,
                Some(StepDef::Jump(title)) => match by_title.get(title.as_str()) {
                    Some(next) => (node, step) = (next, 0),
                    None => break,
                },
                Some(StepDef::Set { .. } | StepDef::Add { .. } | StepDef::Visit) => step += 1,
                _ => break,
            }
        }
        // It ended because it came to where it had been.
        let goes_on = matches!(
            node.def.steps.get(step),
            Some(
                StepDef::Go(_)
                    | StepDef::Jump(_)
                    | StepDef::Set { .. }
                    | StepDef::Add { .. }
                    | StepDef::Visit
            )
        );
        let known = match node.def.steps.get(step) {
            Some(StepDef::Jump(title)) => by_title.contains_key(title.as_str()),
            _ => true,
        };
        if goes_on && known {
            problems.0.push(Problem {
                severity: Severity::Error,
                file: start.file.clone(),
                place: Some(start.place),
                message: format!("`{}` goes round without end, and says nothing", start.title),
                hint: Some("let it say something, or offer a choice, before it jumps back".to_owned()),
                snippet: None,
            });
        }
    }
}
