//! The tap on some workers: views come, change and go while rows do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::{Input as _, Probe as _};
use worldflow_schemas::catalog::{LEVELS, ViewId};
use worldflow_schemas::definitions::SqlViewDef;
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Diff, Row, Sym, Tick, Value};

use super::{Tapping, Told, tap};
use crate::sql::events::Readable;
use crate::sql::sizes::Sizes;

/// What happens in a tick: levels of players that change, and views that are defined or dropped.
type Script = Vec<(Tick, Vec<(&'static str, i64, Diff)>, Vec<(&'static str, Option<&'static str>)>)>;

/// Changes of rows by tick, each in text, and how often.
type Changes = BTreeMap<(Tick, String), Diff>;

fn level(player: &str, level: i64) -> Row {
    let id = |text: &str| Value::Sym(Sym::new(text));
    let numbers = [level, 0, 0, 0].map(Value::Int);
    [id("test"), id(player)].into_iter().chain(numbers).collect()
}

fn edit((name, query): &(&str, Option<&str>)) -> Told {
    let def = query.map(|query| Arc::new(SqlViewDef { sql: format!("CREATE VIEW {name} AS {query}") }));
    Told::Edit(DefinitionEdit::View(Sym::new(name), def))
}

fn shown(view: ViewId, row: &Row) -> String {
    let values: Vec<String> = row.iter().skip(1).map(ToString::to_string).collect();
    format!("{} {}", view.def().name, values.join(" "))
}

/// Runs a script on some workers. With every worker's rows at another worker than their owner's.
fn run(script: &Script, workers: usize) -> Changes {
    let changes = Arc::new(Mutex::new(Changes::new()));
    let (told, script) = (Arc::clone(&changes), script.clone());
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let mut rows = InputSession::new();
        let main = ProbeHandle::new();
        let (mut edits, mut installer) = worker.dataflow(|scope| {
            let (edits, edit_stream) = scope.new_input();
            let tapping = Tapping {
                realm: Sym::new("test"),
                tick_ms: 10,
                readable: Readable::of(&BTreeMap::new()),
                asked_by_world: Vec::new(),
                sizes: Sizes::default(),
            };
            let none = InputSession::new().to_collection(scope);
            let tapped = tap(tapping, rows.to_collection(scope), none, edit_stream);
            tapped.catalog.probe_with(&main);
            tapped.rows.probe_with(&main);
            (edits, tapped.installer)
        });
        let mut groups: Vec<ProbeHandle<Tick>> = Vec::new();
        for (tick, levels, views) in &script {
            rows.advance_to(*tick);
            edits.advance_to(*tick);
            for (player, of, diff) in levels {
                // Whichever worker: here by the length of the name.
                if player.len() % peers == index {
                    rows.update((LEVELS, level(player, *of)), *diff);
                }
            }
            if index == 0 {
                for view in views {
                    (0..peers as u64).for_each(|worker| edits.send((worker, edit(view))));
                }
            }
            rows.advance_to(tick + 1);
            rows.flush();
            edits.advance_to(tick + 1);
            let late = |groups: &[ProbeHandle<Tick>]| groups.iter().any(|probe| probe.less_than(&(tick + 1)));
            while main.less_than(&(tick + 1)) || late(&groups) {
                worker.step();
                installer.install(worker, &mut |rows| {
                    let (told, probe) = (Arc::clone(&told), ProbeHandle::new());
                    rows.inspect(move |((view, row), tick, diff)| {
                        let mut told = told.lock().expect("no panic");
                        *told.entry((*tick, shown(*view, row))).or_default() += *diff;
                    })
                    .probe_with(&probe);
                    groups.push(probe);
                });
            }
        }
        drop((rows, edits));
        // Dataflows of views that are gone end by themselves, and the others with their inputs.
        worker.step_while(|| !main.done() || groups.iter().any(|probe| !probe.done()));
    });
    drop(guards.expect("workers start"));
    let mut changes = std::mem::take(&mut *changes.lock().expect("no panic"));
    changes.retain(|_, diff| *diff != 0);
    changes
}

fn lines(changes: &Changes) -> Vec<String> {
    changes.iter().map(|((tick, row), diff)| format!("{tick}: {diff:+} {row}")).collect()
}

#[test]
fn views_come_change_and_go_at_their_ticks_on_any_number_of_workers() {
    let high = "SELECT player, level FROM levels WHERE level > 2";
    let script: Script = vec![
        (1, vec![("ann", 3, 1), ("bob", 1, 1), ("cyra", 5, 1)], vec![]),
        (2, vec![], vec![("high", Some(high)), ("how_many", Some("SELECT count(*) AS n FROM high"))]),
        (3, vec![("bob", 1, -1), ("bob", 4, 1)], vec![]),
        // Others of the same shape: the difference only. What reads it changes with it.
        (4, vec![("dee", 9, 1)], vec![("high", Some("SELECT player, level FROM levels WHERE level > 3"))]),
        // Another shape.
        (
            6,
            vec![("ann", 3, -1)],
            vec![("high", Some("SELECT player, 'x' AS level FROM levels WHERE level > 4"))],
        ),
        (7, vec![("eli", 7, 1)], vec![("how_many", None)]),
        (9, vec![("eli", 7, -1)], vec![("high", None)]),
        (10, vec![("fay", 8, 1)], vec![]),
    ];
    let one = run(&script, 1);
    let expected = [
        "2: +1 high ann 3",
        "2: +1 high cyra 5",
        "2: +1 how_many 2",
        "3: +1 high bob 4",
        "3: -1 how_many 2",
        "3: +1 how_many 3",
        "4: -1 high ann 3",
        "4: +1 high dee 9",
        "6: -1 high bob 4",
        "6: -1 high cyra 5",
        "6: +1 high cyra x",
        "6: -1 high dee 9",
        "6: +1 high dee x",
        "6: -1 how_many 3",
        "6: +1 how_many 2",
        "7: +1 high eli x",
        "7: -1 how_many 2",
        "9: -1 high cyra x",
        "9: -1 high dee x",
        "9: -1 high eli x",
    ];
    let mut sorted: Vec<String> = expected.map(str::to_owned).into();
    let mut found = lines(&one);
    sorted.sort();
    found.sort();
    assert_eq!(found, sorted);
    for workers in [2, 4] {
        assert_eq!(run(&script, workers), one, "{workers} workers");
    }
}

#[test]
fn a_bound_in_time_ends_with_its_view() {
    let young = "SELECT player, level FROM levels, presence WHERE presence.player = levels.player";
    let bounded = "SELECT holder, fact FROM facts WHERE now() <= expires + INTERVAL '1 hour'";
    let script: Script = vec![
        (1, vec![("ann", 3, 1)], vec![("young", Some(young)), ("soon", Some(bounded))]),
        (3, vec![("bob", 1, 1)], vec![("young", None), ("soon", None)]),
        (4, vec![("bob", 1, -1)], vec![]),
    ];
    assert_eq!(run(&script, 2), Changes::new());
}
