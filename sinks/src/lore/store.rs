//! Embeddings of lore in PostgreSQL, for other tools to search.
//!
//! `vectors of a realm's chunks ─compare→ worldflow_lore_embeddings`
//!
//! With the extension pgvector the column `embedding` is a `vector(n)`, else a `real[]`. The extension is made where it is
//! installed and the role may; where it may not, whoever runs the database makes it. What is in the table is compared by
//! digest and model, and only differences are written. Nothing is read back from it.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Lore;
use super::search::Searcher;
use crate::sql::PostgresAddress;

/// The table.
pub const TABLE: &str = "worldflow_lore_embeddings";

/// After a change so long is waited for more.
const GATHER: Duration = Duration::from_millis(250);

/// How long is waited after a failure; each further time twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// ... up to this.
const LAST_BACKOFF: Duration = Duration::from_secs(30);

/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(120);

/// The rows of one statement.
const BATCH_ROWS: usize = 500;

/// Rows by document and chunk: their digest and model.
type Stored = BTreeMap<(String, String), (String, String)>;

/// Keeps the embeddings of a realm's lore in a database.
#[derive(Debug)]
pub struct LoreStore {
    closing: watch::Sender<bool>,
    /// The generation of the lore that has been written.
    written: watch::Receiver<Option<u64>>,
    task: JoinHandle<()>,
}

impl LoreStore {
    /// Starts it. Needs no database yet: it waits for it.
    #[must_use]
    pub fn open(lore: &Lore, address: PostgresAddress) -> LoreStore {
        let (closing, told_to_close) = watch::channel(false);
        let (wrote, written) = watch::channel(None);
        let run = Run { searcher: lore.searcher(), changes: lore.changes(), address, wrote };
        let task = tokio::spawn(async move {
            let mut closing = told_to_close;
            let closing = async move {
                // An error means that the handle has gone.
                let _ = closing.wait_for(|closing| *closing).await;
            };
            tokio::select! {
                () = run.run() => {}
                () = closing => {}
            }
        });
        LoreStore { closing, written, task }
    }

    /// The generation of the lore that the table has; `None` before it was written.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<Option<u64>> {
        self.written.clone()
    }

    /// Ends, wherever it is. What was not written is written at the next start.
    pub async fn close(self) {
        // The task may have ended with the realm.
        let _ = self.closing.send(true);
        let _ = self.task.await;
    }
}

struct Run {
    searcher: Searcher,
    changes: watch::Receiver<u64>,
    address: PostgresAddress,
    wrote: watch::Sender<Option<u64>>,
}

impl Run {
    async fn run(mut self) {
        let mut failures = 0_u32;
        self.changes.mark_changed();
        loop {
            // An error means that the lore has gone.
            if failures == 0 && self.changes.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
            let generation = *self.changes.borrow_and_update();
            let attempt = tokio::time::timeout(ATTEMPT, self.write()).await;
            match attempt.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut)) {
                Ok(()) => {
                    failures = 0;
                    self.wrote.send_replace(Some(generation));
                }
                Err(error) => {
                    if failures.is_power_of_two() || failures == 0 {
                        let realm = self.searcher.realm().name.as_str();
                        tracing::warn!(realm, database = %self.address, %error, failures, "embeddings of lore are not written");
                    }
                    failures = failures.saturating_add(1);
                    let backoff = FIRST_BACKOFF * (1 << failures.min(10));
                    tokio::time::sleep(backoff.min(LAST_BACKOFF)).await;
                }
            }
        }
    }

    async fn write(&self) -> Result<(), sqlx::Error> {
        let vectors = self.searcher.vectors();
        let model = self.searcher.model().unwrap_or_default();
        let realm = self.searcher.realm().name.as_str();
        let mut connection = crate::sql::connect(&self.address).await?;
        crate::sql::begin(&mut connection, TABLE).await?;
        if let Some((_, first)) = vectors.first() {
            shape(&mut connection, realm, first.len()).await?;
        } else if column(&mut connection).await?.is_none() {
            return connection.close().await;
        }
        let kind = column(&mut connection).await?.unwrap_or_default();
        let mut stored = stored(&mut connection, realm).await?;
        let mut rows = Vec::new();
        for (chunk, vector) in &vectors {
            let key = (chunk.document.as_str().to_owned(), chunk.chunk.as_str().to_owned());
            let same = stored
                .remove(&key)
                .is_some_and(|(digest, by)| digest == chunk.digest.as_str() && by == model);
            if !same {
                rows.push((key, chunk.digest.as_str().to_owned(), vector));
            }
        }
        for rows in rows.chunks(BATCH_ROWS) {
            let embedded = |vector: &[f32]| literal(vector, is_vector(&kind));
            let sql = format!(
                "INSERT INTO {TABLE} (realm, document, chunk, digest, model, embedding) \
                 SELECT $1, u.document, u.chunk, u.digest, $2, u.embedding::{kind} \
                 FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[]) AS u(document, chunk, digest, embedding) \
                 ON CONFLICT (realm, document, chunk) DO UPDATE \
                 SET digest = excluded.digest, model = excluded.model, embedding = excluded.embedding"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(realm.to_owned())
                .bind(model.to_owned())
                .bind(rows.iter().map(|((document, _), ..)| document.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|((_, chunk), ..)| chunk.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|(_, digest, _)| digest.clone()).collect::<Vec<_>>())
                .bind(rows.iter().map(|(.., vector)| embedded(vector)).collect::<Vec<_>>())
                .execute(&mut connection)
                .await?;
        }
        if !stored.is_empty() {
            let sql = format!(
                "DELETE FROM {TABLE} AS t USING UNNEST($2::text[], $3::text[]) AS u(document, chunk) \
                 WHERE t.realm = $1 AND t.document = u.document AND t.chunk = u.chunk"
            );
            let (documents, chunks): (Vec<String>, Vec<String>) = stored.into_keys().unzip();
            let gone = sqlx::query(AssertSqlSafe(sql)).bind(realm.to_owned()).bind(documents).bind(chunks);
            gone.execute(&mut connection).await?;
        }
        connection.execute("COMMIT").await?;
        connection.close().await
    }
}

fn is_vector(kind: &str) -> bool {
    kind.starts_with("vector")
}

/// A vector as PostgreSQL reads it: `[1,2]` of pgvector, `{1,2}` of an array.
fn literal(vector: &[f32], is_vector: bool) -> String {
    let numbers: Vec<String> = vector.iter().map(f32::to_string).collect();
    let numbers = numbers.join(",");
    if is_vector { format!("[{numbers}]") } else { format!("{{{numbers}}}") }
}

/// Has the table hold vectors of a length. One that holds others is made anew, unless another realm has rows in it.
async fn shape(connection: &mut PgConnection, realm: &str, length: usize) -> Result<(), sqlx::Error> {
    let wanted = if extension(connection).await? { format!("vector({length})") } else { "real[]".to_owned() };
    match column(connection).await? {
        Some(kind) if kind == wanted => return Ok(()),
        Some(kind) => {
            let sql = format!("SELECT count(*) FROM {TABLE} WHERE realm <> $1");
            let others: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(realm.to_owned())
                .fetch_one(&mut *connection)
                .await?;
            if others > 0 {
                let reason = format!(
                    "the table {TABLE} has embeddings of another realm as {kind}, and these are {wanted}: \
                     give the realms one embedder, or each a database"
                );
                return Err(sqlx::Error::Configuration(reason.into()));
            }
            connection.execute(AssertSqlSafe(format!("DROP TABLE {TABLE}"))).await?;
        }
        None => {}
    }
    let made = format!(
        "CREATE TABLE {TABLE} (realm text, document text, chunk text, digest text NOT NULL, model text NOT NULL, \
         embedding {wanted} NOT NULL, PRIMARY KEY (realm, document, chunk))"
    );
    connection.execute(AssertSqlSafe(made)).await.map(drop)
}

/// Whether the extension pgvector is there; it is made if it is installed and the role may.
async fn extension(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let there = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'";
    if sqlx::query_scalar::<_, i64>(there).fetch_one(&mut *connection).await? > 0 {
        return Ok(true);
    }
    let installed = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'";
    if sqlx::query_scalar::<_, i64>(installed).fetch_one(&mut *connection).await? == 0 {
        return Ok(false);
    }
    connection.execute("SAVEPOINT extension").await?;
    match connection.execute("CREATE EXTENSION IF NOT EXISTS vector").await {
        Ok(_) => connection.execute("RELEASE extension").await.map(|_| true),
        // The role may not: its owner can.
        Err(sqlx::Error::Database(refused)) => {
            tracing::info!(reason = %refused, "pgvector is installed, and this role may not make it");
            connection.execute("ROLLBACK TO extension").await.map(|_| false)
        }
        Err(error) => Err(error),
    }
}

/// The type of the table's column; `None` when there is no table.
async fn column(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let sql = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
               WHERE attrelid = to_regclass($1) AND attname = 'embedding' AND NOT attisdropped";
    sqlx::query_scalar(sql).bind(TABLE).fetch_optional(connection).await
}

async fn stored(connection: &mut PgConnection, realm: &str) -> Result<Stored, sqlx::Error> {
    let sql = format!("SELECT document, chunk, digest, model FROM {TABLE} WHERE realm = $1");
    let rows: Vec<(String, String, String, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(realm.to_owned()).fetch_all(connection).await?;
    Ok(rows
        .into_iter()
        .map(|(document, chunk, digest, model)| ((document, chunk), (digest, model)))
        .collect())
}
