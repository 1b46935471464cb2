//! Embeddings of lore in PostgreSQL, with pgvector and without.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use support::postgres::Postgres;
use support::{Fake, sym};
use worldflow_schemas::catalog::{LORE, ViewId};
use worldflow_schemas::{Row, Value};
use worldflow_sinks::lore::{Embedder, Embedding, Lore, LoreStore, Question, Ranking, TABLE};
use worldflow_sinks::sql::PostgresAddress;

/// A vector of so many numbers for each text, by the lengths of its words.
#[derive(Debug)]
struct Lengths {
    model: &'static str,
    dimensions: usize,
    texts: AtomicUsize,
}

impl Lengths {
    fn new(model: &'static str, dimensions: usize) -> Arc<Lengths> {
        Arc::new(Lengths { model, dimensions, texts: AtomicUsize::new(0) })
    }
}

impl Embedder for Lengths {
    fn model(&self) -> &str {
        self.model
    }

    fn embed<'a>(&'a self, texts: &'a [String]) -> Embedding<'a> {
        self.texts.fetch_add(texts.len(), Ordering::SeqCst);
        let vector = |text: &String| {
            let mut vector = vec![0.125_f32; self.dimensions];
            text.split_whitespace().for_each(|word| vector[word.len() % self.dimensions] += 1.0);
            vector
        };
        Box::pin(async move { Ok(texts.iter().map(vector).collect()) })
    }
}

fn chunk(realm: &str, document: &str, text: &str) -> (ViewId, Vec<Value>, Option<Row>) {
    let key = vec![sym(realm), sym(document), Value::text("#1")];
    let rest =
        [Value::text(""), Value::text(text), Value::text(text), Value::text("[]"), Value::Null, Value::Null];
    let row = Row::new(key.iter().cloned().chain(rest).collect::<Vec<_>>());
    (LORE, key, Some(row))
}

struct Stored {
    lore: Lore,
    store: LoreStore,
}

impl Stored {
    fn open(fake: &Fake, url: &str, embedder: Arc<Lengths>) -> Stored {
        let lore = Lore::open(fake.realm.clone(), Some(embedder));
        let address = PostgresAddress::parse("test", url).expect("an address");
        let store = LoreStore::open(&lore, address);
        Stored { lore, store }
    }

    /// Waits until everything is embedded and written.
    async fn written(&self) {
        let asked = Question { npc: None, text: "anything".to_owned(), k: 1 };
        let waiting = async {
            while self.lore.searcher().search(&asked).await.ranking != Ranking::Cosine {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let mut written = self.store.written();
            let wanted = |written: &Option<u64>| *written == Some(self.lore.searcher().generation());
            written.wait_for(wanted).await.map(drop).expect("it runs");
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it is written within 30 s");
    }

    async fn close(self) {
        self.store.close().await;
        self.lore.close().await;
    }
}

async fn texts(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.expect("a query")
}

async fn documents(connection: &mut PgConnection, realm: &str) -> Vec<String> {
    let sql = format!(
        "SELECT document || ' ' || digest || ' ' || model FROM {TABLE} WHERE realm = '{realm}' ORDER BY 1"
    );
    texts(connection, &sql).await
}

async fn kind(connection: &mut PgConnection) -> String {
    let sql = format!(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{TABLE}'::regclass AND attname = 'embedding'"
    );
    texts(connection, &sql).await.concat()
}

async fn follows_the_lore(server: &Postgres, expected: &str) -> PgConnection {
    let mut connection = PgConnection::connect(&server.url()).await.expect("it runs");
    let mut fake = Fake::new("vale", 1);
    fake.apply(1, vec![chunk("vale", "lake", "one two three"), chunk("vale", "mill", "it is of no use")]);
    let stored = Stored::open(&fake, &server.url(), Lengths::new("first", 6));
    stored.written().await;
    assert_eq!(kind(&mut connection).await, expected);
    let all = documents(&mut connection, "vale").await;
    assert_eq!(all, ["lake one two three first", "mill it is of no use first"]);

    // Rows that stay are not written again.
    let marked = format!("UPDATE {TABLE} SET embedding = embedding, digest = digest RETURNING xmin::text");
    drop(texts(&mut connection, &marked).await);
    let versions = format!("SELECT xmin::text FROM {TABLE} WHERE document = 'mill'");
    let before = texts(&mut connection, &versions).await;
    fake.apply(2, vec![chunk("vale", "lake", "four five"), chunk("vale", "moor", "heather")]);
    stored.written().await;
    let all = documents(&mut connection, "vale").await;
    assert_eq!(all, ["lake four five first", "mill it is of no use first", "moor heather first"]);
    assert_eq!(texts(&mut connection, &versions).await, before);
    let (view, key, _) = chunk("vale", "lake", "");
    fake.apply(3, vec![(view, key, None)]);
    stored.written().await;
    assert_eq!(
        documents(&mut connection, "vale").await,
        ["mill it is of no use first", "moor heather first"]
    );
    stored.close().await;

    // Another model's vectors are others, of another length.
    let stored = Stored::open(&fake, &server.url(), Lengths::new("second", 9));
    stored.written().await;
    assert_eq!(
        documents(&mut connection, "vale").await,
        ["mill it is of no use second", "moor heather second"]
    );
    stored.close().await;
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_pgvector_other_tools_find_what_a_search_finds() {
    let server = Postgres::start_with_vectors();
    let mut connection = follows_the_lore(&server, "vector(6)").await;
    assert_eq!(kind(&mut connection).await, "vector(9)");

    let mut fake = Fake::new("moor", 1);
    let words = ["a", "of", "the", "lake", "bells", "wolves", "evening"];
    let text = |n: usize| (0..5).map(|at| words[(n * 3 + at * n) % 7]).collect::<Vec<_>>().join(" ");
    fake.apply(1, (0..40).map(|n| chunk("moor", &format!("d{n:02}"), &text(n))).collect());
    let embedder = Lengths::new("second", 9);
    let stored = Stored::open(&fake, &server.url(), embedder.clone());
    stored.written().await;
    assert_eq!(documents(&mut connection, "vale").await.len(), 2, "another realm's stay");
    for asked in ["the lake", "wolves", "evening bells of a lake"] {
        let question = Question { npc: None, text: asked.to_owned(), k: 10 };
        let found = stored.lore.searcher().search(&question).await;
        assert_eq!(found.ranking, Ranking::Cosine);
        let vector = embedder.embed(&[asked.to_owned()]).await.expect("it answers").concat();
        let vector: Vec<String> = vector.iter().map(f32::to_string).collect();
        let sql = format!(
            "SELECT (1 - (embedding <=> '[{}]'))::float8 FROM {TABLE} WHERE realm = 'moor' ORDER BY 1 DESC LIMIT 10",
            vector.join(",")
        );
        let scores: Vec<f64> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a query");
        for (hit, score) in found.hits.iter().zip(&scores) {
            assert!((hit.score - score).abs() < 1e-5, "{asked}: {} and {score}", hit.score);
        }
    }
    stored.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_pgvector_they_are_arrays() {
    let server = Postgres::start();
    let mut connection = PgConnection::connect(&server.url()).await.expect("it runs");
    let installed = "SELECT name::text FROM pg_available_extensions WHERE name = 'vector'";
    assert!(texts(&mut connection, installed).await.is_empty(), "this server is to have no pgvector");
    let mut connection = follows_the_lore(&server, "real[]").await;
    assert_eq!(kind(&mut connection).await, "real[]");
    let lengths = format!("SELECT cardinality(embedding)::text FROM {TABLE}");
    assert_eq!(texts(&mut connection, &lengths).await, ["9", "9"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_make_the_extension_has_arrays() {
    let server = Postgres::start_with_vectors();
    let mut connection = PgConnection::connect(&server.url()).await.expect("it runs");
    for sql in
        ["CREATE ROLE plain LOGIN", "CREATE DATABASE lore", "REVOKE CREATE ON DATABASE lore FROM PUBLIC"]
    {
        connection.execute(sql).await.expect("it may");
    }
    let mut owner =
        PgConnection::connect(&server.url().replace("/postgres", "/lore")).await.expect("it runs");
    owner.execute("GRANT CREATE ON SCHEMA public TO plain").await.expect("it may");
    let url = server.url().replace("worldflow:not-a-secret", "plain").replace("/postgres", "/lore");
    let mut fake = Fake::new("vale", 1);
    fake.apply(1, vec![chunk("vale", "lake", "one two three")]);
    let stored = Stored::open(&fake, &url, Lengths::new("first", 3));
    stored.written().await;
    assert_eq!(kind(&mut owner).await, "real[]");

    // Its owner makes it; the table follows at the next change.
    owner.execute("CREATE EXTENSION vector").await.expect("it may");
    fake.apply(2, vec![chunk("vale", "mill", "four")]);
    stored.written().await;
    assert_eq!(kind(&mut owner).await, "vector(3)");
    assert_eq!(documents(&mut owner, "vale").await.len(), 2);
    stored.close().await;
}
