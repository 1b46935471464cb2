//! The world skirmish, its real matches played by the events' own times: killed again and again it is, row by
//! row, what an uninterrupted run is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use worldflow_schemas::catalog;

use crate::life::{Aim, Life};
use crate::{copy_world, in_sqlite, kills, past, seed, tables};

/// The matches follow each other for so long.
const SPAN: SignedDuration = SignedDuration::from_hours(23);
/// What a life is given of the time of a whole play, so that the last one has something left.
const LIFE_MS: u64 = 1_500;
const PHASES: [Aim; 5] = [Aim::Anywhere, Aim::Recovery, Aim::Flush, Aim::Snapshot, Aim::Roll];
/// What does not depend on how late it is after the last match.
const TABLES: [&str; 6] = ["quest_state", "objective_progress", "contributions", "grants", "levels", "facts"];

/// A quarter of all kills.
fn deaths() -> u64 {
    kills() / 4
}

/// The world with its matches as sources, laid so that they end two hours ago; and when they end.
fn matches(folder: &Path) -> (PathBuf, i64) {
    let world = folder.join("world");
    copy_world("skirmish", &world);
    let shared = std::env::var("WORLDFLOW_SHARED").unwrap_or_else(|_| "../../shared".to_owned());
    let recording = Path::new(&shared).join("data/skirmish_events.ndjson.gz").canonicalize();
    let recording = recording.expect("the recording; WORLDFLOW_SHARED says where it is");
    let written: Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    let begins = Timestamp::now() - SPAN - SignedDuration::from_hours(2);
    let begins = Timestamp::from_second(begins.as_second()).expect("a time");
    let map = std::fs::read_to_string(world.join("map.yaml")).expect("a file");
    let moved = map.replace(&written.to_string(), &begins.to_string());
    assert_ne!(map, moved);
    std::fs::write(world.join("map.yaml"), moved).expect("a file");
    let script = std::fs::File::open(world.join("script.ndjson")).expect("a file");
    let mut later = std::fs::File::create(world.join("later.ndjson")).expect("a file");
    for line in std::io::BufReader::new(script).lines() {
        let mut line: Value = serde_json::from_str(&line.expect("readable")).expect("JSON");
        let at: Timestamp = line["at"].as_str().expect("a time").parse().expect("a time");
        line["at"] = (begins + at.duration_since(written)).to_string().into();
        writeln!(later, "{line}").expect("writable");
    }
    let speed = SPAN.as_millis() / i128::from(deaths() * LIFE_MS);
    let mut file = std::fs::OpenOptions::new().append(true).open(world.join("world.yaml")).expect("a file");
    write!(
        file,
        "
sources:
  matches: {{recording: {{path: {recording:?}, map: map.yaml, speed: {speed}, time: {{event: {{lateness: 0s, idle: 60s}}}}}}}}
  script: {{recording: {{path: later.ndjson, speed: {speed}, time: {{event: {{lateness: 0s, idle: 60s}}}}}}}}
sinks:
  saved: {{sqlite: {{path: saved.sqlite, every: 20ms}}}}
journal: {{snapshot_every: 300ms, segment: 20 kB}}
"
    )
    .expect("writable");
    (world, (begins + SPAN).as_millisecond())
}

/// Lets it play to the end of the matches, and ends it; what is in its tables then.
async fn played(life: Life, data: &Path) -> BTreeMap<&'static str, BTreeSet<String>> {
    let whole = Duration::from_millis(deaths() * LIFE_MS);
    life.reaches(Timestamp::now().as_millisecond() - 60_000, whole).await;
    life.stop().await;
    let mut tables = BTreeMap::new();
    for view in TABLES {
        let columns = catalog::view(view).expect("a view").def().columns;
        let columns = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>();
        let rows = in_sqlite(&data.join("skirmish/saved.sqlite"), view, &columns.join(", ")).await;
        assert!(!rows.is_empty(), "{view}");
        tables.insert(view, rows);
    }
    tables
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_the_matches_end_as_they_do_without() {
    let folder = tempfile::Builder::new().prefix("worldflow-torture-").tempdir().expect("a folder");
    let (world, ended_ms) = matches(folder.path());
    let (killed, whole) = (folder.path().join("killed"), folder.path().join("whole"));
    let (mut seed, mut hit) = (seed(), BTreeMap::<Aim, u64>::new());
    for kill in 0..deaths() {
        let aim = PHASES[usize::try_from(kill).expect("small") % PHASES.len()];
        let mut life = Life::start(&world, &killed, None);
        *hit.entry(aim).or_default() += u64::from(life.lived_alone(aim, &mut seed).await);
    }
    let life = Life::started(&world, &killed, None).await;
    let left_ms = ended_ms - life.tick_ms().await;
    println!("skirmish: {} kills, in their phases: {hit:?}; {left_ms} ms of the matches were left", deaths());
    assert!(left_ms > 0, "every kill was before the end");
    let of_killed = played(life, &killed);
    let uninterrupted = async { played(Life::started(&world, &whole, None).await, &whole).await };
    let (of_killed, of_whole) = tokio::join!(of_killed, uninterrupted);
    for aim in PHASES {
        assert!(hit[&aim] > 0, "no kill hit {aim:?} in its middle: {hit:?}");
    }
    for (view, rows) in &of_whole {
        let of_killed = &of_killed[view];
        let missing: Vec<_> = rows.difference(of_killed).take(5).collect();
        let unexpected: Vec<_> = of_killed.difference(rows).take(5).collect();
        assert!(
            missing.is_empty() && unexpected.is_empty(),
            "the table of {view} differs: of the killed one {missing:?} are missing, {unexpected:?} should not be there"
        );
    }
    let (killed, whole) = (killed.join("skirmish"), whole.join("skirmish"));
    for until_ms in [ended_ms - 12 * 3_600_000, ended_ms] {
        let expected = past::cold(&whole, Some(until_ms));
        past::cold(&killed, Some(until_ms)).assert_same(&expected, "killed");
        past::from_snapshots(&killed, Some(until_ms)).assert_same(&expected, "killed, from its snapshots");
    }
    past::check_newest_snapshot(&killed);
    tables::check_all(&killed, &killed.join("saved.sqlite"), None).await;
}
