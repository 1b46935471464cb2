//! Worlds with hunts, and clients that send every event three times in three orders over connections that come
//! and go: nothing that was acked is lost, nothing counts twice, and every quest is paid once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clients::{self, Ledger, QUESTS};
use crate::life::{self, Aim, Life, POSTGRES};
use crate::past::{self, Past};
use crate::postgres::Postgres;
use crate::{copy_world, in_sqlite, kills, rows, seed, tables};

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
  warehouse: {postgres: {url: \"${POSTGRES}\", every: 20ms}}
journal: {snapshot_every: 300ms, segment: 20 kB}
";

/// What else happens in Greenvale: it moves facts, levels, quests of everyone together, and what NPCs think of it.
const BESIDE: [(&str, &str, &str); 7] = [
    ("gather", "oak_log", "whispering_woods"),
    ("fish", "trout", "silver_lake"),
    ("visit", "eagle_rock", "high_pass"),
    ("donate", "village_chest", "village"),
    ("kill", "alpha_wolf", "wolf_ridge"),
    ("light", "north_beacon", "high_pass"),
    ("craft", "oak_log", "old_mill"),
];

/// A hunt of each number is done with the `number * step`th kill, and `all` counts them.
fn quests(step: u64) -> String {
    let hunt = |number: u64| {
        format!(
            "hunt_{number:02}:\n  title: Hunt\n  accept: auto\n  stages:\n    hunt:\n      objectives:\n        \
             wolves: {{event: kill, target: wolf, count: {}}}\n  rewards:\n    slots: {{pay: {{item: gold, amount: 1}}}}\n",
            number * step
        )
    };
    let all = "hunt_all:\n  title: All\n  accept: auto\n  stages:\n    hunt:\n      objectives:\n        \
               wolves: {event: kill, target: wolf, count: 1000000}\n";
    (1..=QUESTS).map(hunt).collect::<String>() + all
}

pub(crate) fn is_hunt(row: &&Value) -> bool {
    row["quest"].as_str().is_some_and(|quest| quest.starts_with("hunt_"))
}

/// What everyone has by the last kill: a kill counted once each, and each quest paid once.
fn check(ledger: &Ledger, progress: &[Value], grants: &[Value]) {
    let killed = ledger.kills();
    let text = |row: &Value, column: &str| row[column].as_str().expect("text").to_owned();
    let counted: BTreeMap<String, Value> = (progress.iter())
        .filter(|row| row["quest"] == "hunt_all")
        .map(|row| (text(row, "holder"), row["value"].clone()))
        .collect();
    let wanted: BTreeMap<String, Value> = killed.iter().map(|(who, n)| (who.clone(), (*n).into())).collect();
    assert_eq!(counted, wanted, "every event counts once");
    let paid: BTreeSet<String> = grants.iter().map(|row| text(row, "grant")).collect();
    assert_eq!(paid.len(), grants.len(), "a grant is one row");
    let hunts: BTreeSet<String> = grants.iter().filter(is_hunt).map(|row| text(row, "grant")).collect();
    let earned = killed.iter().flat_map(|(who, kills)| {
        let done = (1..=QUESTS).filter(move |quest| quest * ledger.step <= *kills);
        done.map(move |quest| format!("hunt_{quest:02}/player:{who}/1/pay/{who}"))
    });
    assert_eq!(hunts, earned.collect(), "every quest is paid once");
    assert!(grants.iter().all(|row| row["status"] == "delivered"), "{grants:#?}");
    assert_eq!(ledger.applied(), paid, "what was paid was handed out");
}

async fn check_live(life: &Life, ledger: &Ledger) {
    check(ledger, &rows(life, "objective_progress").await, &rows(life, "grants").await);
}

fn check_past(past: &Past, ledger: &Ledger) {
    check(ledger, &past.rows("objective_progress"), &past.rows("grants"));
}

/// The tables hold what the views show of hunts, once the sink has written the last tick.
async fn check_tables(life: &Life, file: &Path) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (view, columns) in [
        ("objective_progress", ["holder", "quest", "instance", "value"].as_slice()),
        ("grants", &["grant", "quest", "status", "tick"]),
        ("quest_state", &["holder", "quest", "instance", "state", "since"]),
    ] {
        let line = |row: &Value| columns.iter().map(|name| text(&row[*name])).collect::<Vec<_>>().join(" ");
        let wanted: BTreeSet<String> = rows(life, view).await.iter().filter(is_hunt).map(line).collect();
        let end = tokio::time::Instant::now() + life::DEADLINE;
        loop {
            let mut held = in_sqlite(file, view, &columns.join(", ")).await;
            held.retain(|row| row.contains("hunt_"));
            if held == wanted {
                break;
            }
            let differ: Vec<_> = held.symmetric_difference(&wanted).take(5).collect();
            assert!(tokio::time::Instant::now() < end, "the table of {view} differs: {differ:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A world folder with hunts in it, and where its realm is to be.
struct Place {
    world: PathBuf,
    data: PathBuf,
    realm: &'static str,
    /// In the folder of the realm.
    sqlite: &'static str,
    postgres: Option<String>,
    /// Where it is killed.
    aims: [Aim; 6],
    /// What happens beside the kills.
    beside: &'static [(&'static str, &'static str, &'static str)],
}

/// So many kills more are aimed at phases that none hit: on a busy machine few lives come so far.
const MORE: u64 = 20;

/// Returns what was hit.
async fn killed_again_and_again(place: &Place, deaths: u64) -> String {
    let ledger = Arc::new(Ledger::new(deaths, place.beside));
    let (Place { world, data, realm, sqlite, aims, .. }, mut seed) = (place, seed());
    let postgres = place.postgres.as_deref();
    std::fs::write(world.join("quests/hunts.yaml"), quests(ledger.step)).expect("a file");
    let mut hit: BTreeMap<Aim, u64> = BTreeMap::new();
    for kill in 0..deaths + MORE {
        let missed = || aims.iter().find(|aim| hit.get(aim).is_none_or(|hit| *hit == 0));
        let aim = match kill < deaths {
            true => aims[usize::try_from(kill).expect("small") % aims.len()],
            false => match missed() {
                Some(aim) => *aim,
                None => break,
            },
        };
        let mut life = Life::start(world, data, postgres);
        let in_phase = life.lived(aim, &ledger, &mut seed).await;
        *hit.entry(aim).or_default() += u64::from(in_phase);
    }
    for aim in aims {
        assert!(hit[aim] > 0, "no kill hit {aim:?} in its middle: {hit:?}");
    }
    let life = Life::started(world, data, postgres).await;
    clients::finish(&life, &ledger).await;
    check_live(&life, &ledger).await;
    check_tables(&life, &data.join(realm).join(sqlite)).await;
    life.stop().await;
    // A cold replay of the journal says the same, and so do its snapshots.
    let cold = past::cold(&data.join(realm), None);
    check_past(&cold, &ledger);
    past::from_snapshots(&data.join(realm), None).assert_same(&cold, "from its snapshots");
    past::check_newest_snapshot(&data.join(realm));
    tables::check_all(&data.join(realm), &data.join(realm).join(sqlite), postgres).await;
    // What a clean end left is the same again.
    let life = Life::started(world, data, postgres).await;
    check_live(&life, &ledger).await;
    life.stop().await;
    format!("{realm}: {deaths} kills, in their phases: {hit:?}; {}", ledger.summary())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_it_loses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::Builder::new().prefix("worldflow-torture-").tempdir().expect("a folder");
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    std::fs::create_dir_all(world.join("quests")).expect("a folder");
    std::fs::write(world.join("world.yaml"), WORLD.replace("POSTGRES", POSTGRES)).expect("a file");
    let postgres = Postgres::start();
    let place = Place {
        world,
        data,
        realm: "torture",
        sqlite: "saved.sqlite",
        postgres: Some(postgres.url()),
        aims: [Aim::Anywhere, Aim::Recovery, Aim::PostgresFlush, Aim::Snapshot, Aim::Roll, Aim::Delivery],
        beside: &[],
    };
    println!("{}", killed_again_and_again(&place, kills() / 4).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greenvale_killed_at_any_point_loses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::Builder::new().prefix("worldflow-torture-").tempdir().expect("a folder");
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    copy_world("greenvale", &world);
    let file = world.join("world.yaml");
    let said = std::fs::read_to_string(&file).expect("a file");
    let mut edited = said + "\njournal: {snapshot_every: 300ms, segment: 20 kB}\n";
    for (from, to) in [
        ("    doc: something was slain\n", "    max_per_second: 100000\n"),
        ("path: greenvale.sqlite, every: 250ms", "path: greenvale.sqlite, every: 20ms"),
    ] {
        assert!(edited.contains(from), "{from}");
        edited = edited.replace(from, to);
    }
    std::fs::write(file, edited).expect("a file");
    let place = Place {
        world,
        data,
        realm: "greenvale",
        sqlite: "greenvale.sqlite",
        postgres: None,
        aims: [Aim::Anywhere, Aim::Recovery, Aim::Flush, Aim::Snapshot, Aim::Roll, Aim::Delivery],
        beside: &BESIDE,
    };
    println!("{}", killed_again_and_again(&place, kills() * 3 / 4).await);
}
