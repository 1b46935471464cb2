//! PostgreSQL: batches as arrays, one statement for thousands of rows.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use worldflow_schemas::catalog::{Column, ColumnType, ViewDef};

use super::cell::{Cell, Cells};
use super::table::{list, on_conflict, quoted};

/// The rows of one statement.
const BATCH_ROWS: usize = 2000;

/// How long the server waits for us, should we vanish; how long we wait for a lock; and that of what a server or a role allows a
/// statement, which may be meant for people at a terminal, as much counts as a flush has.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '5s'; \
                       SET statement_timeout = '600s'; SET client_min_messages = 'warning'";

pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let options = options.clone().application_name("worldflow").log_slow_statements(
        // A flush of a million rows is slow and no cause for alarm.
        "warn".parse().map_err(|_| sqlx::Error::Protocol("no such level".to_owned()))?,
        Duration::from_secs(10),
    );
    let mut connection = options.connect().await?;
    connection.execute(SESSION).await?;
    Ok(connection)
}

/// Begins a transaction that no other of this lock runs beside. After a lost connection, the session
/// before may still be about to commit: the lock waits for it.
pub(super) async fn begin(connection: &mut PgConnection, lock: &str) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN").await?;
    let lock = format!("worldflow {lock}");
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(lock)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn upsert(
    connection: &mut PgConnection,
    view: &ViewDef,
    rows: &[Cells],
) -> Result<(), sqlx::Error> {
    let values: Vec<String> = view
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnType::Json => format!("u.{}::jsonb", quoted(column.name)),
            _ => format!("u.{}", quoted(column.name)),
        })
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} {}",
        quoted(view.name),
        list(view.columns),
        values.join(", "),
        unnest(view.columns),
        on_conflict(view)
    );
    for rows in rows.chunks(BATCH_ROWS) {
        bind_columns(sqlx::query(AssertSqlSafe(sql.clone())), view.columns, rows)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn delete(
    connection: &mut PgConnection,
    view: &ViewDef,
    keys: &[Cells],
) -> Result<(), sqlx::Error> {
    let key = &view.columns[..view.key];
    let same: Vec<String> = key.iter().map(|column| format!("t.{0} = u.{0}", quoted(column.name))).collect();
    let sql =
        format!("DELETE FROM {} AS t USING {} WHERE {}", quoted(view.name), unnest(key), same.join(" AND "));
    for keys in keys.chunks(BATCH_ROWS) {
        bind_columns(sqlx::query(AssertSqlSafe(sql.clone())), key, keys).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The parameters, one array a column, as a table `u`.
fn unnest(columns: &[Column]) -> String {
    let arrays: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let kind = match column.kind {
                ColumnType::Bool => "boolean",
                ColumnType::Int | ColumnType::Tick | ColumnType::Time => "bigint",
                ColumnType::Dec => "double precision",
                ColumnType::Text | ColumnType::Any | ColumnType::Json => "text",
            };
            format!("${}::{kind}[]", place + 1)
        })
        .collect();
    format!("UNNEST({}) AS u({})", arrays.join(", "), list(columns))
}

fn bind_columns<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    columns: &[Column],
    rows: &[Cells],
) -> Query<'q, Postgres, PgArguments> {
    for (place, column) in columns.iter().enumerate() {
        let cells = rows.iter().map(|row| &row[place]);
        query = match column.kind {
            ColumnType::Bool => query.bind(cells.map(as_bool).collect::<Vec<_>>()),
            ColumnType::Int | ColumnType::Tick | ColumnType::Time => {
                query.bind(cells.map(as_int).collect::<Vec<_>>())
            }
            ColumnType::Dec => query.bind(cells.map(as_float).collect::<Vec<_>>()),
            ColumnType::Text | ColumnType::Any | ColumnType::Json => {
                query.bind(cells.map(as_text).collect::<Vec<_>>())
            }
        };
    }
    query
}

fn as_bool(cell: &Cell) -> Option<bool> {
    if let Cell::Bool(b) = cell { Some(*b) } else { None }
}

fn as_int(cell: &Cell) -> Option<i64> {
    if let Cell::Int(n) = cell { Some(*n) } else { None }
}

fn as_float(cell: &Cell) -> Option<f64> {
    if let Cell::Float(bits) = cell { Some(f64::from_bits(*bits)) } else { None }
}

fn as_text(cell: &Cell) -> Option<String> {
    if let Cell::Text(text) = cell { Some(text.clone().into_owned()) } else { None }
}
