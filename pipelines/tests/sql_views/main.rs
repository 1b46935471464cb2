//! SQL views against SQLite: random queries over random rows that come and go, compared at every tick with what
//! SQLite makes of the same query from scratch.
//!
//! `WORLDFLOW_CASES` says how many queries (3,000 by default) and `WORLDFLOW_SEED` with which to begin.

mod both;
mod dice;
mod documented;
mod events;
mod graph;
mod known;
mod queries;
mod refused;
mod rows;
mod sqlite;

use std::collections::BTreeMap;

use both::Both;
use dice::Dice;
use graph::Run;
use queries::Queries;
use rows::{Cell, Tables, relations};
use sqlite::Sqlite;
use worldflow_operators::sql;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Plans a query, runs it over changing rows, and compares it with SQLite at every tick.
fn compare(seed: u64, view: Option<&str>, query: &Both, sqlite: &mut Sqlite) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let (views, problems) = sql::plan(view.map(|view| ("v.sql", view)), relations(), rows::TICK_MS);
    if let Some((_, problem)) = problems.first() {
        return Err(format!("the view is not planned: {problem}"));
    }
    let planned = sql::plan_query_over(&query.ours, &views, &relations(), rows::TICK_MS);
    let (plan, _) = planned.map_err(|error| format!("not planned: {error}"))?;
    let history = Tables::history(&mut dice);
    let workers = [1, 2, 4][usize::try_from(seed % 3).unwrap_or(0)];
    let ours = Run { plan: &plan, history: &history, workers, seed }.rows();
    sqlite.clear();
    for (number, at) in history.iter().enumerate() {
        sqlite.apply(&at.changes);
        let theirs = sqlite.rows(&query.theirs_at(at.now_ms(), at.world_ms()))?;
        if ours[number] != theirs {
            return Err(format!(
                "tick {number} ({}), {workers} workers:\n{}",
                at.tick,
                difference(&ours[number], &theirs)
            ));
        }
    }
    Ok(())
}

/// Whether a text calls a function of this name.
fn calls(text: &str, name: &str) -> bool {
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| begins(at) && text[at + name.len()..].starts_with('('))
}

type Bag = BTreeMap<Vec<Cell>, i64>;

fn difference(ours: &Bag, theirs: &Bag) -> String {
    let mut text = String::new();
    for (row, times) in ours {
        if theirs.get(row) != Some(times) {
            text.push_str(&format!("  ours {times} x {row:?}, theirs {}\n", theirs.get(row).unwrap_or(&0)));
        }
    }
    for (row, times) in theirs.iter().filter(|(row, _)| !ours.contains_key(*row)) {
        text.push_str(&format!("  theirs {times} x {row:?}, ours 0\n"));
    }
    text
}

#[test]
fn random_queries_are_what_sqlite_makes_of_them() {
    let (first, cases) = (number("WORLDFLOW_SEED", 1), number("WORLDFLOW_CASES", 3_000));
    let mut sqlite = Sqlite::open();
    let mut words: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in first..first + cases {
        let mut queries = Queries::new(seed);
        // One in ten reads another one.
        let view = if seed.is_multiple_of(10) { queries.view() } else { None };
        let query = queries.query();
        let text = [view.as_deref().unwrap_or_default(), &query.ours].join(";\n");
        let called = sql::function_names().into_iter().filter(|name| calls(&text, name));
        for word in queries.words().chain(called) {
            *words.entry(word).or_default() += 1;
        }
        if let Err(why) = compare(seed, view.as_deref(), &query, &mut sqlite) {
            failures.push(format!("WORLDFLOW_SEED={seed}\n{text}\n{why}"));
            if failures.len() >= 5 {
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{words:?}");
    let least = cases / 400;
    // Functions are counted one by one, under each of their names.
    for word in queries::WORDS.into_iter().chain(sql::function_names()) {
        let times = words.get(word).copied().unwrap_or(0);
        assert!(times >= least, "`{word}` was in {times} of {cases} queries");
    }
}
