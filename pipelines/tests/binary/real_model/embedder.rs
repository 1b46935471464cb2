//! Lore by the vectors of a model that was trained, made by the server that real ones are asked of: what is found by what it
//! means, what PostgreSQL keeps of it, and what is found once the server is gone.

use std::path::Path;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, sleep};

use super::server::{LOOK, Llama, MODEL};
use crate::lore::{documents, until_found};
use crate::postgres::Postgres;
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::worlds;

/// The length of this model's vectors.
const DIMENSIONS: i32 = 640;

const LORE: [(&str, &str); 4] = [
    ("lore/pond.md", "# The pond\nTwo children drowned there in the spring flood.\n"),
    ("lore/mill.md", "# The mill\nThe wheel turns, and bread is baked at dawn.\n"),
    ("lore/crown.md", "# The crown\nQueen Isolde has been on the throne for thirty winters.\n"),
    ("lore/wolf.md", "# The wolf\nIt eats sheep, and howls in the hills.\n"),
];

/// No word of them is in any document.
const QUESTION: (&str, &str) = ("kids died under water", "pond");
const LONGER: (&str, &str) = ("a monarch who ruled many years", "crown");

/// A document as it is embedded.
const WOLF: &str = "The wolf\nIt eats sheep, and howls in the hills.";

fn world_with(url: &str) -> tempfile::TempDir {
    let folder = worlds::small();
    let tier = format!("{{url: '{url}', model: {MODEL}, timeout: 50s}}");
    // A realm waits half a second for the vector of a question: on few cores it leaves the model time for that.
    let world = worlds::WORLD.replace("tick_ms: 20", "tick_ms: 200").replace("workers: 2", "workers: 1");
    let world = format!("{world}tiers: {{vectors: {tier}}}\nlore: {{embedder: {{tier: vectors}}}}\n");
    let files = LORE.into_iter().chain([("world.yaml", world.as_str())]);
    worlds::write(&folder.path().join("world"), &files.collect::<Vec<_>>());
    folder
}

fn search(world: &Path, text: &str) -> Value {
    let done = worldflow(["lore", "search", path(world), text, "--json"]);
    assert!(done.status.success(), "{done:?}");
    serde_json::from_str(&done.stdout).expect("JSON")
}

/// The documents in PostgreSQL by how near their vectors are to that of a document, with the length and the model of each.
async fn kept(url: &str) -> sqlx::Result<Vec<(String, i32, String)>> {
    let mut postgres = PgConnection::connect(url).await?;
    let rows = sqlx::query_as(
        "SELECT document, vector_dims(embedding), model FROM worldflow_lore_embeddings AS one WHERE realm = 'small' \
         ORDER BY embedding <=> (SELECT embedding FROM worldflow_lore_embeddings AS wolf WHERE wolf.document = 'wolf')",
    );
    let rows = rows.fetch_all(&mut postgres).await?;
    postgres.close().await?;
    Ok(rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lore_is_found_by_the_vectors_of_a_real_model_and_by_words_once_it_is_gone() {
    let llama = Llama::embedder();
    let folder = world_with(&llama.url);
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    for (question, document) in [QUESTION, LONGER] {
        let found = search(&world, question);
        assert_eq!(
            (found["ranking"].as_str(), documents(&found)[0]),
            (Some("cosine"), document),
            "{found:#}"
        );
    }
    // The same text has the same vector.
    let found = search(&world, WOLF);
    let score = |at: usize| found["hits"][at]["score"].as_f64().expect("a score");
    assert!(documents(&found)[0] == "wolf" && score(0) > 0.999 && score(1) < 0.95, "{found:#}");

    let postgres = Postgres::start_with_vectors();
    let server = Server::run(&world, &data, &["--postgres", &postgres.url()]);
    let query = |text: &str| format!("q={}", text.replace(' ', "%20"));
    let (question, document) = QUESTION;
    let by_vectors = until_found(&server, &query(question), |found| found["ranking"] == "cosine").await;
    assert_eq!((documents(&by_vectors)[0], &by_vectors["why"]), (document, &Value::Null), "{by_vectors:#}");
    let end = Instant::now() + DEADLINE;
    let rows = loop {
        let rows = kept(&postgres.url()).await;
        if rows.as_ref().is_ok_and(|rows| rows.len() == LORE.len()) {
            break rows.expect("looked at");
        }
        assert!(Instant::now() < end, "PostgreSQL holds {rows:?}");
        sleep(LOOK).await;
    };
    assert!(
        rows.iter().all(|(_, length, model)| (*length, model.as_str()) == (DIMENSIONS, MODEL)),
        "{rows:?}"
    );
    // As near to each other as those that are searched.
    let order: Vec<&str> = rows.iter().map(|(document, ..)| document.as_str()).collect();
    assert_eq!(order, documents(&found));

    llama.kill();
    let is_gone = |found: &Value| found["why"] == "the embedder cannot be reached";
    let found = until_found(&server, &query("bread and sheep"), is_gone).await;
    assert_eq!((found["ranking"].as_str(), documents(&found).len()), (Some("bm25"), 2), "{found:#}");
    let found = search(&world, "bread");
    assert_eq!((documents(&found), is_gone(&found)), (vec!["mill"], true), "{found:#}");
    server.stop();
}
