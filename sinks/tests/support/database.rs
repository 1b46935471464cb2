//! Either database, read by the tests in their own way: each row as a JSON object.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value as Json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use worldflow_schemas::catalog::{ColumnType, ViewDef, ViewId};
use worldflow_schemas::{Row, Sym, Tick};
use worldflow_sinks::sql::{PostgresAddress, Target};

use super::State;

#[derive(Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// The rows of a table, each as the text of a JSON object.
pub type Table = BTreeSet<String>;

impl Database {
    pub fn target(&self) -> Target {
        match self {
            Database::Sqlite(path) => Target::Sqlite(path.clone()),
            Database::Postgres(url) => {
                Target::Postgres(PostgresAddress::parse("test", url).expect("an address"))
            }
        }
    }

    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Database::Sqlite(path) => {
                let options =
                    sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
                let mut c = sqlx::SqliteConnection::connect_with(&options).await.expect("a file");
                c.execute(sql).await.expect("a statement");
                c.close().await.expect("closed");
            }
            Database::Postgres(url) => {
                let mut c = sqlx::PgConnection::connect(url).await.expect("a server");
                c.execute(sql).await.expect("a statement");
            }
        }
    }

    /// Texts of one column, from several statements that see one state of the database.
    pub async fn texts(&self, statements: Vec<String>) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        match self {
            Database::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(std::time::Duration::from_secs(30));
                let mut c = sqlx::SqliteConnection::connect_with(&options).await.expect("a file");
                let mut seen = c.begin().await.expect("a transaction");
                for sql in statements {
                    all.push(
                        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *seen).await.expect("rows"),
                    );
                }
            }
            Database::Postgres(url) => {
                let mut c = sqlx::PgConnection::connect(url).await.expect("a server");
                let mut seen =
                    c.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await.expect("a transaction");
                for sql in statements {
                    all.push(
                        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *seen).await.expect("rows"),
                    );
                }
            }
        }
        all
    }

    /// The rows of a table, each with what becomes another one whenever it is written.
    pub async fn versions(&self, table: &str) -> BTreeSet<String> {
        let sql = match self {
            // The transaction that wrote it.
            Database::Postgres(_) => format!("SELECT xmin::text || ' ' || t::text FROM {table} t"),
            // SQLite remembers nothing of the kind: it is the row alone.
            Database::Sqlite(_) => format!("SELECT fact || ' ' || value FROM {table}"),
        };
        self.texts(vec![sql]).await.remove(0).into_iter().collect()
    }

    fn rows_of(&self, view: &ViewDef, realm: Sym) -> String {
        let (name, realm) = (view.name, realm.as_str());
        match self {
            Database::Postgres(_) => {
                format!(r#"SELECT to_jsonb(t)::text FROM "{name}" t WHERE realm = '{realm}'"#)
            }
            Database::Sqlite(_) => {
                let fields: Vec<String> =
                    view.columns.iter().map(|c| format!(r#"'{0}', "{0}""#, c.name)).collect();
                let fields = fields.join(", ");
                format!(r#"SELECT json_object({fields}) FROM "{name}" WHERE realm = '{realm}'"#)
            }
        }
    }

    /// The tables of a realm, and the frontier they all are at.
    pub async fn tables(&self, realm: Sym, views: &[ViewId]) -> (Tick, BTreeMap<ViewId, Table>) {
        let defs: Vec<&ViewDef> = views.iter().map(|view| view.def()).collect();
        let (tick, tables) = self.tables_like(realm, &defs).await;
        (tick, views.iter().copied().zip(tables).collect())
    }

    /// The same of tables that look like these, whether they are views' or not.
    pub async fn tables_like(&self, realm: Sym, defs: &[&ViewDef]) -> (Tick, Vec<Table>) {
        let realm_name = realm.as_str();
        let mut statements =
            vec![format!("SELECT CAST(tick AS TEXT) FROM worldflow_frontier WHERE realm = '{realm_name}'")];
        statements.extend(defs.iter().map(|def| self.rows_of(def, realm)));
        let mut texts = self.texts(statements).await.into_iter();
        let frontiers: BTreeSet<String> = texts.next().expect("asked for").into_iter().collect();
        assert_eq!(frontiers.len(), 1, "one frontier for all tables of {realm_name}, not {frontiers:?}");
        let tick = frontiers.first().expect("just counted").parse().expect("a tick");
        let tables = defs.iter().zip(texts).map(|(def, rows)| {
            rows.iter().map(|row| normal(def, serde_json::from_str(row).expect("JSON"))).collect()
        });
        (tick, tables.collect())
    }
}

/// What tables must hold, computed from the rows of the views without the sink's code.
pub fn expected(state: &State, views: &[ViewId]) -> BTreeMap<ViewId, Table> {
    let mut tables: BTreeMap<ViewId, Table> = views.iter().map(|view| (*view, Table::new())).collect();
    for ((view, _), row) in state {
        if let Some(table) = tables.get_mut(view) {
            table.insert(normal(view.def(), object(view.def(), row)));
        }
    }
    tables
}

/// What a table that looks like that must hold for a row.
pub fn expected_row(def: &ViewDef, row: &Row) -> String {
    normal(def, object(def, row))
}

fn object(view: &ViewDef, row: &Row) -> Map<String, Json> {
    let columns = view.columns.iter().zip(row.iter()).enumerate();
    let field = |(place, (column, value)): (
        usize,
        (&worldflow_schemas::catalog::Column, &worldflow_schemas::Value),
    )| {
        let json = match (column.kind, value.to_json()) {
            (_, Json::Null) if place < view.key => "".into(),
            (_, Json::Null) => Json::Null,
            (ColumnType::Any, _) => value.to_string().into(),
            (_, json) => json,
        };
        (column.name.to_owned(), json)
    };
    columns.map(field).collect()
}

/// The same text for the same row: booleans that are numbers, and JSON that is text, become what they mean.
fn normal(view: &ViewDef, mut row: Map<String, Json>) -> String {
    for column in view.columns {
        let value = row.get_mut(column.name).expect("every column is there");
        match (column.kind, &*value) {
            (ColumnType::Bool, Json::Number(n)) => *value = (n.as_i64() != Some(0)).into(),
            (ColumnType::Dec, Json::Number(n)) => *value = n.as_f64().expect("a double").into(),
            (ColumnType::Json, Json::String(text)) => {
                // PostgreSQL has parsed it already, and then text that is left is a JSON string.
                if let Ok(json) = serde_json::from_str(text) {
                    *value = json;
                }
            }
            _ => {}
        }
    }
    Json::Object(row).to_string()
}
