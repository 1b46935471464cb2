//! The built binary, killed again and again while it works: nothing is lost, and nothing counts twice.
//!
//! `kill -9` at random points and in the middle of what is delicate, each time started again on the same data
//! folder. `WORLDFLOW_TORTURE_KILLS` and `WORLDFLOW_TORTURE_SEED` make it longer, or another one.

mod clients;
mod hunts;
mod life;
mod past;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the sinks")]
#[path = "../../../sinks/tests/support/postgres.rs"]
mod postgres;
mod skirmish;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use life::Life;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};
use worldflow_engine::testing::setting;

/// How often it is killed on Greenvale and on the skirmish together, if nothing else is said; a quarter of that more on a
/// world of these tests.
const KILLS: u64 = 200;
/// Of every world here.
const TICK_MS: i64 = 10;

fn kills() -> u64 {
    setting("WORLDFLOW_TORTURE_KILLS", KILLS)
}

fn seed() -> u64 {
    setting("WORLDFLOW_TORTURE_SEED", 1)
}

/// The rows of a view, by their text without spaces that say nothing.
async fn rows(life: &Life, view: &str) -> Vec<Value> {
    let listing: Value = life.get(&format!("/v1/views/{view}")).await;
    listing["rows"].as_array().expect("rows are a list").clone()
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

/// Copies a world of the repository.
fn copy_world(name: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds").join(name);
    let copied = Command::new("cp").arg("-r").args([from.as_path(), to]).status().expect("cp runs");
    assert!(copied.success(), "{copied}");
}
