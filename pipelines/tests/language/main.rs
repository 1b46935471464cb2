//! The table of the quest language: every word that shipped games need, how it is written, and the
//! golden test that shows it. A word that is asked for and not in the table, a word without a golden test of that name, and one whose test does not
//! show it, fails here; so does a stale `docs/language.md`.

mod taxonomy;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use taxonomy::{BEYOND, asked};
use words::{SECTIONS, Word};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of each golden test by its name.
fn golden_tests() -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("pipelines/tests/golden")).expect("golden tests are there") {
        let path = entry.expect("the folder can be listed").path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for part in text.split("#[test]\n").skip(1) {
            let body = part.split("\n}\n").next().unwrap_or(part);
            let name = body.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            tests.insert(name.expect("a test is a function").to_owned(), body.to_owned());
        }
    }
    tests
}

fn all() -> impl Iterator<Item = &'static Word> {
    SECTIONS.iter().flat_map(|(_, words)| words.iter())
}

#[test]
fn every_word_has_a_golden_test_that_shows_it() {
    let tests = golden_tests();
    let mut wrong = String::new();
    for word in all() {
        match tests.get(word.test) {
            None => writeln!(wrong, "{}: there is no golden test `{}`", word.word, word.test),
            Some(_) if word.how.is_empty() => writeln!(wrong, "{}: nobody says how it is written", word.word),
            Some(body) if !body.contains(word.shown()) => {
                writeln!(wrong, "{}: `{}` does not show `{}`", word.word, word.test, word.shown())
            }
            Some(_) => Ok(()),
        }
        .expect("text can be written to");
    }
    assert_eq!(wrong, "");
}

#[test]
fn what_is_asked_for_is_in_the_table_and_the_other_way_round() {
    let rows: BTreeSet<&str> = all().map(|word| word.word).collect();
    assert_eq!(rows.len(), all().count(), "no row is there twice");
    let mut wrong: Vec<String> = Vec::new();
    for (word, of) in asked() {
        if of.is_empty() {
            wrong.push(format!("{word}: no row is of it"));
        }
        wrong.extend(
            of.iter()
                .filter(|row| !rows.contains(*row))
                .map(|row| format!("{word}: there is no row `{row}`")),
        );
    }
    let of_words: BTreeSet<&str> = asked().flat_map(|(_, of)| of.iter().copied()).collect();
    let known = |row: &&str| of_words.contains(*row) != BEYOND.contains(row);
    wrong.extend(
        rows.into_iter()
            .filter(|row| !known(row))
            .map(|row| format!("{row}: of no word, or of one and beyond them")),
    );
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_table_is_not_stale() {
    let path = root().join("docs/language.md");
    let every = all().count();
    let mut page = format!(
        "# The quest language\n\nGenerated: `WORLDFLOW_UPDATE=1 cargo test --workspace --test language` writes it; do not edit. \
         Every word that quests of shipped games need, how\nit is written, and the test in `pipelines/tests/golden` that shows it. \
         All {every} are built. [quests.md](quests.md) has every key, [semantics.md](semantics.md) what follows tick by tick.\n"
    );
    for (section, words) in SECTIONS {
        write!(page, "\n## {section}\n\n| word | written | shown by |\n|---|---|---|\n").expect("text");
        for word in *words {
            writeln!(page, "| {} | `{}` | `{}` |", word.word, word.how, word.test).expect("text");
        }
    }
    if std::env::var_os("WORLDFLOW_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the docs can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/language.md is stale; run this test once with WORLDFLOW_UPDATE=1");
}
