//! Lore: rows of chunks that follow their documents.

mod support;

use std::sync::Arc;

use worldflow_operators::lore::{LoreIn, LoreMachine};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::LoreDef;

fn document(id: &str, text: &str) -> LoreIn {
    let def = LoreDef { text: text.to_owned(), ..LoreDef::default() };
    LoreIn { document: Sym::new(id), def: Some(Arc::new(def)) }
}

fn known_by(id: &str, text: &str, who: &[&str]) -> LoreIn {
    let known_by = Some(who.iter().map(|name| (*name).to_owned()).collect());
    let def = LoreDef { text: text.to_owned(), known_by, ..LoreDef::default() };
    LoreIn { document: Sym::new(id), def: Some(Arc::new(def)) }
}

fn gone(id: &str) -> LoreIn {
    LoreIn { document: Sym::new(id), def: None }
}

/// What definitions tell again when they are loaded: the last of each document that is there.
fn told(inputs: &[LoreIn]) -> Vec<LoreIn> {
    let last = |input: &LoreIn, rest: &[LoreIn]| rest.iter().all(|other| other.document != input.document);
    let mut kept = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        if input.def.is_some() && last(input, &inputs[number + 1..]) {
            kept.push(input.clone());
        }
    }
    kept
}

/// The changes of a tick: sign, document, chunk and text.
fn changes(run: &support::Run, tick: u64) -> Vec<String> {
    let Some(changed) = run.get(&tick) else { return Vec::new() };
    let mut lines: Vec<String> = (changed.rows.iter())
        .map(|((_, row), diff)| {
            let known_by = row[7].as_str().unwrap_or("everyone");
            format!("{diff:+} {} [{}] {} {known_by}", row[1], row[2], row[4])
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn an_edit_changes_the_rows_of_the_chunks_that_differ_in_its_tick() {
    let lake = "# Depth\nNobody knows it.\n# Fish\nPike and trout.\n";
    let script = [
        (1, vec![document("lake", lake), document("mill", "It turns.")]),
        (3, vec![document("lake", "# Depth\nNobody knows it.\n# Fish\nTrout alone.\n")]),
        (4, vec![known_by("mill", "It turns.", &["miller_odo"])]),
        (5, vec![gone("lake")]),
        (6, vec![gone("lake"), document("mill", "It turns.")]),
        (7, vec![document("mill", "# Nothing is said\n")]),
    ]
    .into();
    let run = support::check_law(|| LoreMachine::new(Sym::new("vale")), &script, 9, told);
    assert_eq!(
        changes(&run, 1),
        [
            "+1 lake [Depth#1] Nobody knows it. everyone",
            "+1 lake [Fish#1] Pike and trout. everyone",
            "+1 mill [#1] It turns. everyone",
        ]
    );
    assert_eq!(
        changes(&run, 3),
        ["+1 lake [Fish#1] Trout alone. everyone", "-1 lake [Fish#1] Pike and trout. everyone"]
    );
    assert_eq!(
        changes(&run, 4),
        ["+1 mill [#1] It turns. [\"miller_odo\"]", "-1 mill [#1] It turns. everyone"]
    );
    assert_eq!(
        changes(&run, 5),
        ["-1 lake [Depth#1] Nobody knows it. everyone", "-1 lake [Fish#1] Trout alone. everyone"]
    );
    assert_eq!(changes(&run, 7), ["-1 mill [#1] It turns. everyone"]);
    assert!(run.values().all(|changed| changed.base.is_empty()), "lore is no base state");
}
