//! The tables of a realm that has stopped, against its past: every deterministic view, row by row.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::{TICK_MS, past};

/// What a database holds: at which tick each view is, and its rows.
struct Held {
    at: Vec<(String, i64)>,
    rows: Vec<(String, Vec<String>)>,
}

/// Every table is its view at the tick at which it says it is, which is the same for all.
pub(crate) async fn check_all(realm: &Path, sqlite: &Path, postgres: Option<&str>) {
    check("SQLite", realm, &in_sqlite(sqlite).await);
    if let Some(url) = postgres {
        check("PostgreSQL", realm, &in_postgres(url).await);
    }
}

fn check(what: &str, realm: &Path, held: &Held) {
    let ticks: BTreeSet<i64> = held.at.iter().map(|(_, tick)| *tick).collect();
    let [tick] = ticks.iter().copied().collect::<Vec<_>>()[..] else { panic!("{what}: {:?}", held.at) };
    let past = past::from_snapshots(realm, Some(tick * TICK_MS));
    let views: BTreeSet<&str> = held.rows.iter().map(|(view, _)| view.as_str()).collect();
    assert_eq!(views, past.views.keys().map(String::as_str).collect(), "{what} has every view");
    for (view, rows) in &held.rows {
        let parsed = |row: &String| serde_json::from_str(row).expect("the database's JSON");
        let held: BTreeSet<String> = rows.iter().map(parsed).map(|row| plain(&row)).collect();
        assert_eq!(held.len(), rows.len(), "{what}: {view}");
        let wanted: BTreeSet<String> = past.rows(view).iter().map(plain).collect();
        let differ: Vec<_> = held.symmetric_difference(&wanted).take(4).collect();
        assert!(differ.is_empty(), "{what}: {view} at tick {tick} differs: {differ:#?}");
    }
}

async fn in_sqlite(file: &Path) -> Held {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut sqlite = sqlx::SqliteConnection::connect_with(&options).await.expect("the sink's file");
    let at: Vec<(String, i64)> = sqlx::query_as("SELECT view, tick FROM worldflow_frontier")
        .fetch_all(&mut sqlite)
        .await
        .expect("the frontiers");
    let mut rows = Vec::new();
    for (view, _) in &at {
        let columns = format!(
            "SELECT group_concat('''' || name || ''', \"' || name || '\"') FROM pragma_table_info('{view}')"
        );
        let columns: String =
            sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(&mut sqlite).await.expect("its columns");
        let all = format!("SELECT json_object({columns}) FROM \"{view}\"");
        let held = sqlx::query_scalar(AssertSqlSafe(all)).fetch_all(&mut sqlite).await.expect("a table");
        rows.push((view.clone(), held));
    }
    sqlite.close().await.expect("closed");
    Held { at, rows }
}

async fn in_postgres(url: &str) -> Held {
    let mut postgres = sqlx::PgConnection::connect(url).await.expect("the sink's database");
    let at: Vec<(String, i64)> = sqlx::query_as("SELECT view, tick FROM worldflow_frontier")
        .fetch_all(&mut postgres)
        .await
        .expect("the frontiers");
    let mut rows = Vec::new();
    for (view, _) in &at {
        let all = format!("SELECT row_to_json(held)::text FROM \"{view}\" AS held");
        let held = sqlx::query_scalar(AssertSqlSafe(all)).fetch_all(&mut postgres).await.expect("a table");
        rows.push((view.clone(), held));
    }
    postgres.close().await.expect("closed");
    Held { at, rows }
}

/// A row as both databases can say it: without what is absent, which is an empty text where a column must say something; truth and
/// fractions as numbers, and lists that are kept as text as lists.
fn plain(row: &Value) -> String {
    let row = row.as_object().unwrap_or_else(|| panic!("a row is an object: {row}"));
    let columns = row.iter().filter(|(_, value)| !value.is_null() && value.as_str() != Some(""));
    let columns = columns.map(|(name, value)| (name.clone(), plain_value(value)));
    Value::Object(columns.collect::<Map<_, _>>()).to_string()
}

fn plain_value(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => u8::from(*truth).into(),
        Value::Number(number) => match number.as_f64().filter(|_| !number.is_i64()) {
            // Fractions are millionths.
            Some(fraction) => {
                let text = format!("{fraction:.6}");
                let text = text.trim_end_matches('0').trim_end_matches('.');
                text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
            }
            None => value.clone(),
        },
        // What may be of any kind is JSON in SQLite.
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::String(inner)) => inner.into(),
            Ok(scalar @ (Value::Bool(_) | Value::Number(_))) => plain_value(&scalar),
            Ok(other) => other,
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}
