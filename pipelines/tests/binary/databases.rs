//! One world, two encodings, two databases: all of them hold the same rows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::{Instant, sleep};

use crate::client::{Client, Deed, Encoding, deed};
use crate::postgres::Postgres;
use crate::process::{DEADLINE, Server, path};
use crate::rows::{Table, table, view, with_numbers_for_truth};
use crate::worlds;

const VIEWS: [&str; 3] = ["quest_state", "objective_progress", "grants"];

/// The table of a view in the SQLite file.
pub(crate) async fn in_sqlite(file: &Path, view: &str) -> sqlx::Result<Table> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).busy_timeout(DEADLINE);
    let mut sqlite = sqlx::SqliteConnection::connect_with(&options).await?;
    let columns = format!(
        "SELECT group_concat('''' || name || ''', \"' || name || '\"') FROM pragma_table_info('{view}')"
    );
    let columns: String = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(&mut sqlite).await?;
    let rows = format!("SELECT json_object({columns}) FROM \"{view}\"");
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut sqlite).await?;
    sqlite.close().await?;
    Ok(parsed(view, &rows))
}

/// The table of a view in PostgreSQL.
pub(crate) async fn in_postgres(url: &str, view: &str) -> sqlx::Result<Table> {
    let mut postgres = sqlx::PgConnection::connect(url).await?;
    let rows = format!("SELECT row_to_json(held)::text FROM \"{view}\" AS held");
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut postgres).await?;
    postgres.close().await?;
    Ok(parsed(view, &rows))
}

fn parsed(view: &str, rows: &[String]) -> Table {
    let rows: Vec<_> =
        rows.iter().map(|row| serde_json::from_str(row).expect("the database's JSON")).collect();
    table(view, &rows)
}

fn sqlite_form(rows: &Table) -> Table {
    rows.iter().map(|(key, row)| (key.clone(), with_numbers_for_truth(row))).collect()
}

/// Asks a database until it holds these rows: a database tells nobody what it is given. Until the
/// sink has made its tables, asking is an error.
pub(crate) async fn until_held(what: &str, wanted: &Table, ask: impl AsyncFn() -> sqlx::Result<Table>) {
    let end = Instant::now() + DEADLINE;
    loop {
        let held = ask().await;
        if held.as_ref().is_ok_and(|held| held == wanted) {
            return;
        }
        assert!(Instant::now() < end, "{what} holds {held:#?}\nand should hold {wanted:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Accepts the quest of three wolves, kills four, and sees it done and paid.
async fn play(client: &mut Client, player: &'static str) {
    let wolves = (1..=4).map(|wolf| deed(&format!("{player}-{wolf}"), player, "kill", "wolf"));
    let accept = deed(&format!("{player}-accept"), player, "quest.accept", "wolf_hunt");
    let deeds: Vec<Deed> = std::iter::once(accept).chain(wolves).collect();

    let ack = client.publish(&deeds[..3]).await;
    assert_eq!((&ack["accepted"], &ack["refused"]), (&json!(3), &json!(0)), "{ack}");
    let tick = ack["tick"].as_u64().expect("accepted events have a tick");
    let half = json!({"holder": player, "quest": "wolf_hunt", "value": 2, "need": 3, "done": false});
    client.until_row("objective_progress", half).await;
    let active = client.until_row("quest_state", json!({"holder": player, "quest": "wolf_hunt"})).await;
    assert_eq!((&active["state"], &active["since"]), (&json!("active"), &json!(tick)), "{active}");

    let ack = client.publish(&deeds[3..]).await;
    assert_eq!(ack["accepted"], 2, "{ack}");
    let done = json!({"holder": player, "quest": "wolf_hunt", "state": "done"});
    let done = client.until_row("quest_state", done).await;
    assert_eq!(done["completions"], 1);
    client.until_row("grants", json!({"player": player, "slot": "pay", "item": "gold", "amount": 25})).await;
    client.until_row("grants", json!({"player": player, "item": "experience", "amount": 40})).await;
    let four = json!({"holder": player, "quest": "long_hunt", "value": 4});
    client.until_row("objective_progress", four).await;
    assert_eq!(client.row("objective_progress", &json!({"holder": player, "quest": "wolf_hunt"})), None);

    let again = client.publish(&deeds[3..]).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(2)), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_in_json_and_in_protobuf_is_a_delta_and_a_row_of_both_databases() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let folder = worlds::small();
    let data = folder.path().join("data");
    let server = Server::run(&folder.path().join("world"), &data, &["--postgres", &url]);
    let token = server.token("game_server").to_owned();
    let mut text = Client::open(&server, &token, Encoding::Json).await;
    let mut binary = Client::open(&server, &token, Encoding::Protobuf).await;
    for client in [&mut text, &mut binary] {
        assert_eq!((&client.welcome["realm"], &client.welcome["tick_ms"]), (&json!("small"), &json!(20)));
        client.subscribe(&VIEWS).await;
    }
    play(&mut text, "ana").await;
    play(&mut binary, "bo").await;
    // Each sees what the other did, too.
    text.until_row("objective_progress", json!({"holder": "bo", "value": 4})).await;
    binary.until_row("objective_progress", json!({"holder": "ana", "value": 4})).await;

    let sqlite: PathBuf = data.join("small/small.sqlite");
    for name in VIEWS {
        let rows = text.table(name);
        assert_eq!(rows.len(), if name == "objective_progress" { 2 } else { 4 }, "{rows:#?}");
        assert_eq!(rows, binary.table(name), "JSON and protobuf disagree");
        assert_eq!(*rows, view(&server, &token, name).await.1, "HTTP disagrees");
        until_held(&format!("{name} in SQLite"), &sqlite_form(rows), || in_sqlite(&sqlite, name)).await;
        until_held(&format!("{name} in PostgreSQL"), rows, || in_postgres(&url, name)).await;
    }
    let tables: Vec<Table> = VIEWS.iter().map(|view| text.table(view).clone()).collect();
    server.stop();
    // A server that has stopped has written everything.
    for (name, rows) in VIEWS.into_iter().zip(&tables) {
        assert_eq!(in_sqlite(&sqlite, name).await.expect("a table"), sqlite_form(rows), "{}", path(&sqlite));
        assert_eq!(in_postgres(&url, name).await.expect("a table"), *rows);
    }
}
