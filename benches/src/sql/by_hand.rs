//! The rows of the view as somebody would write them who has nothing else to do.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use worldflow_schemas::catalog::ColumnType;
use worldflow_schemas::{Row, Value};

use super::VIEW;

/// How rows go into PostgreSQL.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// `COPY` into the table; what changes is copied into another one and taken over from there.
    Copy,
    /// All rows as arrays of one statement.
    Unnest,
}

fn names() -> String {
    VIEW.def().columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn table(types: impl Fn(ColumnType) -> &'static str) -> String {
    let view = VIEW.def();
    let columns: Vec<String> =
        view.columns.iter().map(|column| format!("{} {}", column.name, types(column.kind))).collect();
    let key: Vec<&str> = view.columns[..view.key].iter().map(|column| column.name).collect();
    format!("({}, PRIMARY KEY ({}))", columns.join(", "), key.join(", "))
}

fn on_conflict() -> String {
    let view = VIEW.def();
    let key: Vec<&str> = view.columns[..view.key].iter().map(|column| column.name).collect();
    let sets: Vec<String> =
        view.columns[view.key..].iter().map(|column| format!("{0} = excluded.{0}", column.name)).collect();
    format!("ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), sets.join(", "))
}

fn postgres_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Bool => "boolean",
        ColumnType::Int | ColumnType::Tick | ColumnType::Time => "bigint",
        _ => "text",
    }
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Copy => "COPY",
            Way::Unnest => "one statement with UNNEST",
        }
    }

    /// An empty table, as the sink's.
    pub(super) async fn prepare(self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let columns = table(postgres_type);
        let sql = format!("DROP TABLE IF EXISTS by_hand; CREATE TABLE by_hand {columns}");
        connection.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    pub(super) async fn write(
        self,
        connection: &mut PgConnection,
        rows: &[Row],
        there: bool,
    ) -> anyhow::Result<()> {
        let mut transaction = connection.begin().await?;
        match (self, there) {
            (Way::Copy, false) => copy(&mut transaction, "by_hand", rows).await?,
            (Way::Copy, true) => {
                let made = "CREATE TEMP TABLE changed (LIKE by_hand) ON COMMIT DROP";
                transaction.execute(made).await?;
                copy(&mut transaction, "changed", rows).await?;
                let (names, conflict) = (names(), on_conflict());
                let sql = format!("INSERT INTO by_hand ({names}) SELECT {names} FROM changed {conflict}");
                transaction.execute(AssertSqlSafe(sql)).await?;
            }
            (Way::Unnest, _) => unnest(&mut transaction, rows).await?,
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn copy(connection: &mut PgConnection, table: &str, rows: &[Row]) -> anyhow::Result<()> {
    let mut text = String::new();
    for row in rows {
        for (place, value) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            // None of these ids has a tab or a backslash.
            write!(text, "{value}")?;
        }
        text.push('\n');
    }
    let mut copying = connection.copy_in_raw(&format!("COPY {table} ({}) FROM STDIN", names())).await?;
    copying.send(text.as_bytes()).await?;
    copying.finish().await?;
    Ok(())
}

async fn unnest(connection: &mut PgConnection, rows: &[Row]) -> anyhow::Result<()> {
    let columns = VIEW.def().columns;
    let arrays: Vec<String> = (1..)
        .zip(columns)
        .map(|(place, column)| format!("${place}::{}[]", postgres_type(column.kind)))
        .collect();
    let (names, conflict) = (names(), on_conflict());
    let sql = format!("INSERT INTO by_hand ({names}) SELECT * FROM UNNEST({}) {conflict}", arrays.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (place, column) in columns.iter().enumerate() {
        let values = rows.iter().map(|row| &row[place]);
        query = match postgres_type(column.kind) {
            "boolean" => query.bind(values.map(|value| *value == Value::Bool(true)).collect::<Vec<_>>()),
            "bigint" => query.bind(values.map(whole).collect::<Vec<_>>()),
            _ => query.bind(values.map(ToString::to_string).collect::<Vec<_>>()),
        };
    }
    query.execute(connection).await?;
    Ok(())
}

fn whole(value: &Value) -> i64 {
    if let Value::Int(n) = value { *n } else { 0 }
}

/// An empty table, as the sink's, and its ways with the disk.
pub(super) async fn prepare_sqlite(connection: &mut SqliteConnection) -> anyhow::Result<()> {
    let columns = table(|kind| match kind {
        ColumnType::Bool | ColumnType::Int | ColumnType::Tick | ColumnType::Time => "INTEGER",
        _ => "TEXT",
    });
    let sql = format!("PRAGMA synchronous = NORMAL; CREATE TABLE by_hand {columns} WITHOUT ROWID");
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

pub(super) async fn write_sqlite(connection: &mut SqliteConnection, rows: &[Row]) -> anyhow::Result<()> {
    let places = vec!["?"; VIEW.def().columns.len()].join(", ");
    let sql = format!("INSERT INTO by_hand ({}) VALUES ({places}) {}", names(), on_conflict());
    let mut transaction = connection.begin().await?;
    for row in rows {
        let query = sqlx::query(AssertSqlSafe(sql.clone()));
        let query = row.iter().fold(query, |query, value| match value {
            Value::Int(n) => query.bind(*n),
            Value::Bool(b) => query.bind(i64::from(*b)),
            other => query.bind(other.to_string()),
        });
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
