//! The built binary, killed again and again while it works: nothing is lost, and nothing counts twice.
//!
//! `kill -9` at random points and in the middle of what is delicate, each time started again on the same
//! data folder, under clients that send every event three times in three orders over connections that
//! come and go. `WORLDFLOW_TORTURE_KILLS` and `WORLDFLOW_TORTURE_SEED` make it longer, or another one.

mod clients;
mod life;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clients::Ledger;
use life::{Aim, Life, PHASES};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};

const PLAYERS: u64 = 8;
/// Quests of each player: number n is done with the `n * step()`th kill.
const QUESTS: u64 = 60;
/// How often it is killed, if nothing else is said.
const KILLS: u64 = 200;

const WORLD: &str = "\
name: torture
seed: 7
tick_ms: 10
workers: 2
kinds:
  kill: {max_per_second: 100000}
entities:
  wolf: {kind: npc}
sinks:
  saved: {sqlite: {path: saved.sqlite, every: 20ms}}
journal: {snapshot_every: 300ms, segment: 20 kB}
";

fn quests() -> String {
    let hunt = |number: u64| {
        format!(
            "hunt_{number:02}:\n  title: Hunt\n  accept: auto\n  stages:\n    hunt:\n      objectives:\n        \
             wolves: {{event: kill, target: wolf, count: {}}}\n  rewards:\n    slots: {{pay: {{item: gold, amount: 1}}}}\n",
            number * step()
        )
    };
    let all = "all:\n  title: All\n  accept: auto\n  stages:\n    hunt:\n      objectives:\n        \
               wolves: {event: kill, target: wolf, count: 1000000}\n";
    (1..=QUESTS).map(hunt).collect::<String>() + all
}

fn kills() -> u64 {
    number("WORLDFLOW_TORTURE_KILLS", KILLS)
}

/// So many that there is something to do up to the last kill.
fn step() -> u64 {
    (kills() * 2 / 5).max(7)
}

fn number(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")));
    said.unwrap_or(otherwise)
}

/// The rows of a view, by their text without spaces that say nothing.
async fn rows(life: &Life, view: &str) -> Vec<Value> {
    let listing: Value = life.get(&format!("/v1/views/{view}")).await;
    listing["rows"].as_array().expect("rows are a list").clone()
}

/// `holder` or `player` of the rows that pass, with a column.
fn column(
    rows: &[Value],
    by: &str,
    column: &str,
    passes: impl Fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    let text = |row: &Value| row[by].as_str().expect("text").to_owned();
    rows.iter().filter(|row| passes(row)).map(|row| (text(row), row[column].clone())).collect()
}

async fn in_sqlite(file: &Path, view: &str, columns: &str) -> BTreeSet<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).busy_timeout(life::DEADLINE);
    let mut sqlite = sqlx::SqliteConnection::connect_with(&options).await.expect("the sink's file");
    let sql = format!("SELECT concat_ws(' ', {columns}) FROM \"{view}\"");
    let rows: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut sqlite).await.expect("a table");
    sqlite.close().await.expect("closed");
    rows.into_iter().collect()
}

/// What everyone has by the last kill: a kill counted once each, and each quest paid once.
async fn check(life: &Life, ledger: &Ledger) {
    let killed = ledger.kills();
    let progress = rows(life, "objective_progress").await;
    let counted = column(&progress, "holder", "value", |row| row["quest"] == "all");
    let wanted: BTreeMap<String, Value> = killed.iter().map(|(who, n)| (who.clone(), (*n).into())).collect();
    assert_eq!(counted, wanted, "every event counts once");
    let grants = rows(life, "grants").await;
    let paid: BTreeSet<String> =
        grants.iter().map(|row| row["grant"].as_str().expect("an id").to_owned()).collect();
    let earned = killed.iter().flat_map(|(who, kills)| {
        let done = (1..=QUESTS).filter(move |quest| quest * step() <= *kills);
        done.map(move |quest| format!("hunt_{quest:02}/player:{who}/1/pay/{who}"))
    });
    assert_eq!(paid, earned.collect(), "every quest is paid once");
    assert!(grants.iter().all(|row| row["status"] == "delivered"), "{grants:#?}");
    assert_eq!(ledger.applied(), paid, "what was paid was handed out");
}

/// The tables hold what the views show, once the sink has written the last tick.
async fn check_tables(life: &Life, file: &Path) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (view, columns) in [
        ("objective_progress", ["holder", "quest", "instance", "value"].as_slice()),
        ("grants", &["grant", "status", "tick"]),
        ("quest_state", &["holder", "quest", "instance", "state", "since"]),
    ] {
        let line = |row: &Value| columns.iter().map(|name| text(&row[*name])).collect::<Vec<_>>().join(" ");
        let wanted: BTreeSet<String> = rows(life, view).await.iter().map(line).collect();
        let end = tokio::time::Instant::now() + life::DEADLINE;
        loop {
            let held = in_sqlite(file, view, &columns.join(", ")).await;
            if held == wanted {
                break;
            }
            let differ: Vec<_> = held.symmetric_difference(&wanted).take(5).collect();
            assert!(tokio::time::Instant::now() < end, "the table of {view} differs: {differ:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_it_loses_nothing_and_counts_nothing_twice() {
    let kills = kills();
    let mut seed = number("WORLDFLOW_TORTURE_SEED", 1);
    let folder = tempfile::Builder::new().prefix("worldflow-torture-").tempdir().expect("a folder");
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    std::fs::create_dir_all(world.join("quests")).expect("a folder");
    std::fs::write(world.join("world.yaml"), WORLD).expect("a file");
    std::fs::write(world.join("quests/hunts.yaml"), quests()).expect("a file");

    // Another test of this process may have done it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let ledger = Arc::new(Ledger::default());
    let mut hit: BTreeMap<Aim, u64> = BTreeMap::new();
    for kill in 0..kills {
        let aim = PHASES[usize::try_from(kill).expect("small") % PHASES.len()];
        let mut life = Life::start(&world, &data);
        let in_phase = life.lived(aim, &ledger, &mut seed).await;
        *hit.entry(aim).or_default() += u64::from(in_phase);
    }
    println!("{kills} kills, in their phases: {hit:?}; {}", ledger.summary());
    for aim in PHASES {
        assert!(hit[&aim] > 0, "no kill hit {aim:?} in its middle: {hit:?}");
    }
    let mut life = Life::start(&world, &data);
    life.ready().await;
    clients::finish(&life, &ledger).await;
    check(&life, &ledger).await;
    check_tables(&life, &data.join("torture").join("saved.sqlite")).await;
    life.stop().await;
    // What a clean end left is the same again.
    let mut life = Life::start(&world, &data);
    life.ready().await;
    check(&life, &ledger).await;
    life.stop().await;
}
