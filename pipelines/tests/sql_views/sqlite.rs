//! SQLite as the naive evaluator: the same rows in tables, the same query from scratch.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};
use tokio::runtime::Runtime;
use worldflow_schemas::Value;

use crate::rows::{Cell, Change, TABLES};

pub(crate) struct Sqlite {
    runtime: Runtime,
    connection: SqliteConnection,
}

impl Sqlite {
    /// The tables of random queries, empty.
    pub(crate) fn open() -> Sqlite {
        let mut sqlite = Sqlite::empty();
        for (name, _, columns) in TABLES {
            let columns: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            sqlite.run(format!("CREATE TABLE {name} ({})", columns.join(", ")));
        }
        sqlite
    }

    /// No tables, in memory.
    pub(crate) fn empty() -> Sqlite {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = SqliteConnectOptions::new().in_memory(true).pragma("case_sensitive_like", "ON");
        let connection =
            runtime.block_on(SqliteConnection::connect_with(&options)).expect("a database in memory");
        Sqlite { runtime, connection }
    }

    /// Does some statements.
    pub(crate) fn run(&mut self, sql: String) {
        let Sqlite { runtime, connection } = self;
        let done = runtime.block_on(connection.execute(AssertSqlSafe(sql.clone())));
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) fn clear(&mut self) {
        let all: Vec<String> = TABLES.iter().map(|(name, ..)| format!("DELETE FROM {name}")).collect();
        self.run(all.join(";"));
    }

    pub(crate) fn apply(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let statements = changes.iter().map(|(table, row, diff)| {
            let (name, key, columns) = TABLES[*table];
            if *diff > 0 {
                let values: Vec<String> = row.iter().map(literal).collect();
                return format!("INSERT INTO {name} VALUES ({})", values.join(", "));
            }
            let key = columns
                .iter()
                .zip(row)
                .take(key)
                .map(|((name, _), value)| format!("{name} = {}", literal(value)));
            format!("DELETE FROM {name} WHERE {}", key.collect::<Vec<_>>().join(" AND "))
        });
        let all: Vec<String> = statements.collect();
        self.run(all.join(";"));
    }

    /// The rows of a query, and how often each is there.
    pub(crate) fn rows(&mut self, sql: &str) -> Result<BTreeMap<Vec<Cell>, i64>, String> {
        let Sqlite { runtime, connection } = self;
        let rows = runtime.block_on(connection.fetch_all(AssertSqlSafe(sql.to_owned())));
        let rows = rows.map_err(|error| format!("SQLite: {error}\n{sql}"))?;
        let mut bag = BTreeMap::new();
        for row in rows {
            let cells = (0..row.len()).map(|column| cell(&row, column)).collect();
            *bag.entry(cells).or_default() += 1;
        }
        Ok(bag)
    }
}

/// A value as SQLite writes it.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => i64::from(*truth).to_string(),
        Value::Int(n) => n.to_string(),
        #[expect(clippy::cast_precision_loss, reason = "quarters")]
        Value::Dec(n) => format!("{:?}", *n as f64 / 1e6),
        other => format!("'{}'", other.as_str().expect("a text").replace('\'', "''")),
    }
}

fn cell(row: &sqlx::sqlite::SqliteRow, column: usize) -> Cell {
    let raw = row.try_get_raw(column).expect("the column is there");
    if raw.is_null() {
        return Cell::Null;
    }
    match raw.type_info().name() {
        "REAL" => {
            let number: f64 = row.get(column);
            #[expect(clippy::cast_possible_truncation, reason = "to the nearest millionth")]
            Cell::Number((number * 1e6).round() as i128)
        }
        "TEXT" => Cell::Text(row.get(column)),
        _ => Cell::Number(i128::from(row.get::<i64, _>(column)) * 1_000_000),
    }
}
