//! SQLite: one file, write-ahead log, several rows a statement.

use std::path::Path;
use std::time::Duration;

use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use worldflow_schemas::catalog::ViewDef;

use super::cell::{Cell, Cells};
use super::table::{list, on_conflict, quoted};

/// The rows of one statement: few sizes, so that few statements are prepared.
const BATCH_ROWS: [usize; 3] = [64, 8, 1];

pub(super) async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // With a write-ahead log and `synchronous = normal` a loss of power may lose the last
    // transactions, but rows and frontier together; the next start reconciles them.
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY)
        // What is deleted is overwritten, not merely free.
        .pragma("secure_delete", "ON")
        .connect()
        .await
}

/// How long a statement waits for others who use the file.
const BUSY: Duration = Duration::from_secs(10);

/// Sees to it that nothing is left in the file of rows that are not there any more: with `rewrite` nowhere in
/// its pages, where a split may have left a copy, and in its log. Whether that could be done now: somebody may be reading.
pub(super) async fn cleanse(connection: &mut SqliteConnection, rewrite: bool) -> Result<bool, sqlx::Error> {
    connection.execute("PRAGMA busy_timeout = 0").await?;
    let vacuumed = if rewrite { connection.execute("VACUUM").await.map(drop) } else { Ok(()) };
    let done = match vacuumed {
        Ok(()) => {
            let checkpoint = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
            checkpoint.fetch_one(&mut *connection).await.map(|(busy, _, _)| busy == 0)
        }
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(error),
    };
    let restore = format!("PRAGMA busy_timeout = {}", BUSY.as_millis());
    connection.execute(AssertSqlSafe(restore)).await?;
    done
}

/// Somebody else is using the file: the codes of `SQLITE_BUSY` and `SQLITE_LOCKED`.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN IMMEDIATE").await?;
    Ok(())
}

pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    view: &ViewDef,
    rows: &[Cells],
) -> Result<(), sqlx::Error> {
    in_batches(connection, rows, |count| {
        let rows = vec![tuple(view.columns.len()); count].join(", ");
        let (name, columns) = (quoted(view.name), list(view.columns));
        format!("INSERT INTO {name} ({columns}) VALUES {rows} {}", on_conflict(view))
    })
    .await
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    view: &ViewDef,
    keys: &[Cells],
) -> Result<(), sqlx::Error> {
    in_batches(connection, keys, |count| {
        let keys = vec![tuple(view.key); count].join(", ");
        format!(
            "DELETE FROM {} WHERE ({}) IN (VALUES {keys})",
            quoted(view.name),
            list(&view.columns[..view.key])
        )
    })
    .await
}

fn tuple(columns: usize) -> String {
    format!("({})", vec!["?"; columns].join(", "))
}

async fn in_batches(
    connection: &mut SqliteConnection,
    mut rows: &[Cells],
    statement: impl Fn(usize) -> String,
) -> Result<(), sqlx::Error> {
    for size in BATCH_ROWS {
        if rows.len() < size {
            continue;
        }
        let sql = statement(size);
        while let Some((batch, rest)) = rows.split_at_checked(size) {
            let query = sqlx::query(AssertSqlSafe(sql.clone()));
            batch.iter().flatten().fold(query, bind).execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, cell: &Cell) -> Query<'q, Sqlite, SqliteArguments> {
    match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Bool(b) => query.bind(i64::from(*b)),
        Cell::Int(n) => query.bind(*n),
        Cell::Float(bits) => query.bind(f64::from_bits(*bits)),
        Cell::Text(text) => query.bind(text.clone().into_owned()),
    }
}
