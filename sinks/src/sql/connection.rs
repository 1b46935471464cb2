//! One connection to either database, and the statements that are the same in both.

use rustc_hash::FxHashMap;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use worldflow_engine::realm::Progress;
use worldflow_schemas::catalog::ViewDef;

use super::cell::Cells;
use super::config::Target;
use super::error::SqlError;
use super::read::read;
use super::table::{Dialect, quoted};
use super::{postgres, sqlite};

/// Dropping it ends the session, and with it an open transaction.
pub(super) enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// Where a table is: its rows are those of the view at this tick of this lineage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frontier {
    pub(super) epoch: u64,
    pub(super) tick: u64,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Connection, SqlError> {
        let opened = match target {
            Target::Postgres(address) => {
                postgres::open(&address.options).await.map(|c| Connection::Postgres(Box::new(c)))
            }
            Target::Sqlite(path) => sqlite::open(path).await.map(|c| Connection::Sqlite(Box::new(c))),
        };
        opened.map_err(|source| SqlError::Connect { target: target.to_string(), source })
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Connection::Postgres(_) => Dialect::Postgres,
            Connection::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Begins a transaction beside which no other of the same lock runs.
    pub(super) async fn begin(&mut self, lock: &str) -> Result<(), SqlError> {
        Ok(match self {
            Connection::Postgres(c) => postgres::begin(c, lock).await,
            Connection::Sqlite(c) => sqlite::begin(c).await,
        }?)
    }

    pub(super) async fn commit(&mut self) -> Result<(), SqlError> {
        Ok(self.execute("COMMIT".to_owned()).await?)
    }

    /// The frontiers of a realm, by view.
    pub(super) async fn frontiers(&mut self, realm: &str) -> Result<FxHashMap<String, Frontier>, SqlError> {
        let sql = "SELECT view, epoch, tick FROM worldflow_frontier WHERE realm = $1";
        let rows: Vec<(String, i64, i64)> = match self {
            Connection::Postgres(c) => sqlx::query_as(sql).bind(realm.to_owned()).fetch_all(&mut **c).await,
            Connection::Sqlite(c) => sqlx::query_as(sql).bind(realm.to_owned()).fetch_all(&mut **c).await,
        }?;
        let frontier = |(view, epoch, tick): (String, i64, i64)| {
            (view, Frontier { epoch: epoch.cast_unsigned(), tick: tick.cast_unsigned() })
        };
        Ok(rows.into_iter().map(frontier).collect())
    }

    /// Sets the frontier of a view.
    pub(super) async fn advance(
        &mut self,
        realm: &str,
        view: &ViewDef,
        epoch: u64,
        to: Progress,
    ) -> Result<(), SqlError> {
        let sql = "INSERT INTO worldflow_frontier (realm, view, epoch, tick, utc_ms) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (realm, view) DO UPDATE \
                   SET epoch = excluded.epoch, tick = excluded.tick, utc_ms = excluded.utc_ms";
        self.write(sql, &[realm, view.name], &[epoch.cast_signed(), to.tick.cast_signed(), to.utc_ms]).await
    }

    /// Calls `each` with every row of a realm.
    pub(super) async fn read(
        &mut self,
        view: &ViewDef,
        realm: &str,
        each: &mut (dyn FnMut(Cells) + Send),
    ) -> Result<(), SqlError> {
        let dialect = self.dialect();
        Ok(match self {
            Connection::Postgres(c) => read(&mut **c, dialect, view, realm, each).await,
            Connection::Sqlite(c) => read(&mut **c, dialect, view, realm, each).await,
        }?)
    }

    /// Removes every row of a realm from a table.
    pub(super) async fn delete_realm(&mut self, realm: &str, table: &str) -> Result<(), SqlError> {
        let sql = format!("DELETE FROM {} WHERE \"realm\" = $1", quoted(table));
        let (sql, realm) = (AssertSqlSafe(sql), realm.to_owned());
        Ok(match self {
            Connection::Postgres(c) => sqlx::query(sql).bind(realm).execute(&mut **c).await.map(drop),
            Connection::Sqlite(c) => sqlx::query(sql).bind(realm).execute(&mut **c).await.map(drop),
        }?)
    }

    /// Inserts or replaces rows, whose keys must differ.
    pub(super) async fn upsert(&mut self, view: &ViewDef, rows: &[Cells]) -> Result<(), SqlError> {
        Ok(match self {
            Connection::Postgres(c) => postgres::upsert(c, view, rows).await,
            Connection::Sqlite(c) => sqlite::upsert(c, view, rows).await,
        }?)
    }

    /// Removes the rows of these keys.
    pub(super) async fn delete(&mut self, view: &ViewDef, keys: &[Cells]) -> Result<(), SqlError> {
        Ok(match self {
            Connection::Postgres(c) => postgres::delete(c, view, keys).await,
            Connection::Sqlite(c) => sqlite::delete(c, view, keys).await,
        }?)
    }

    pub(super) async fn execute(&mut self, sql: String) -> Result<(), sqlx::Error> {
        match self {
            Connection::Postgres(c) => c.execute(AssertSqlSafe(sql)).await.map(drop),
            Connection::Sqlite(c) => c.execute(AssertSqlSafe(sql)).await.map(drop),
        }
    }

    /// Runs a statement with texts first, then numbers.
    pub(super) async fn write(
        &mut self,
        sql: &'static str,
        texts: &[&str],
        numbers: &[i64],
    ) -> Result<(), SqlError> {
        macro_rules! run {
            ($connection:expr) => {{
                let query = texts.iter().fold(sqlx::query(sql), |query, text| query.bind((*text).to_owned()));
                let query = numbers.iter().fold(query, |query, number| query.bind(*number));
                query.execute(&mut **$connection).await.map(drop)
            }};
        }
        Ok(match self {
            Connection::Postgres(c) => run!(c),
            Connection::Sqlite(c) => run!(c),
        }?)
    }

    /// As far as it is ours to do, sees to it that nothing is left of rows that are not there any more. Whether that
    /// could be done now.
    pub(super) async fn cleanse(&mut self, rewrite: bool) -> Result<bool, SqlError> {
        Ok(match self {
            Connection::Sqlite(c) => sqlite::cleanse(c, rewrite).await?,
            // Its own processes clean up, and its log may be somebody's backup.
            Connection::Postgres(_) => true,
        })
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        let closed = match self {
            Connection::Postgres(c) => c.close().await,
            Connection::Sqlite(c) => c.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "a database session ended in disorder");
        }
    }
}
