//! Grants that are over leave the view and stay in both databases, as they were, over crashes and when their player is forgotten.

use serde_json::{Value, json};

use crate::client::{Client, Encoding, deed};
use crate::databases::{in_postgres, in_sqlite, until_held};
use crate::postgres::Postgres;
use crate::process::{Server, path, worldflow};
use crate::rows::{Table, table, view};
use crate::worlds;

const OLD: &str = "worldflow_old_grants";

/// Earns what the hunt gives and answers it; returns the rows as they stand then.
async fn earn(client: &mut Client, player: &'static str) -> Vec<Value> {
    let hunt = [
        ("accept", "quest.accept", "wolf_hunt"),
        ("1", "kill", "wolf"),
        ("2", "kill", "wolf"),
        ("3", "kill", "wolf"),
    ];
    let deeds = hunt.map(|(id, kind, target)| deed(&format!("{player}-{id}"), player, kind, target));
    client.publish(&deeds).await;
    let mut rows = Vec::new();
    for slot in ["pay", "experience"] {
        let of = json!({"player": player, "slot": slot});
        let grant = client.until_row("grants", of.clone()).await;
        let ack = client.answer(grant["grant"].as_str().expect("an id")).await;
        assert_eq!(ack["accepted"], 1, "{ack}");
        let delivered = json!({"player": player, "slot": slot, "status": "delivered"});
        rows.push(client.until_row("grants", delivered).await);
    }
    rows
}

async fn until_gone(client: &mut Client) {
    client.until("an empty view", |client| client.table("grants").is_empty()).await;
}

/// The rows of the table, without the lineage, which is that of the frontier.
fn without_epoch(held: &Table, epoch: i64) -> Table {
    let rows: Vec<Value> = held
        .values()
        .map(|row| {
            let mut row = row.as_object().expect("a row").clone();
            assert_eq!(row.remove("epoch"), Some(json!(epoch)));
            Value::Object(row)
        })
        .collect();
    table("grants", &rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_grants_stay_in_both_databases() {
    let (postgres, folder) = (Postgres::start(), worlds::small());
    let (url, data, world) = (postgres.url(), folder.path().join("data"), folder.path().join("world"));
    worlds::write(&world, &[("world.yaml", &format!("{}grants: {{keep: 3s}}\n", worlds::WORLD))]);
    let sqlite = data.join("small/small.sqlite");
    let server = Server::run(&world, &data, &["--postgres", &url]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["grants"]).await;
    let mut rows = earn(&mut client, "ana").await;
    until_gone(&mut client).await;

    // The tables have these as they are answered, and somebody pulls the plug.
    rows.extend(earn(&mut client, "bo").await);
    let epoch = epoch_of(&sqlite).await;
    let of_bo = |held: Table| held.into_iter().filter(|(_, row)| row["player"] == "bo").collect::<Table>();
    let last = table("grants", &rows[2..]);
    let seen = async |held: sqlx::Result<Table>, old: sqlx::Result<Table>| {
        let mut all = of_bo(held?);
        all.extend(of_bo(without_epoch(&old?, epoch)));
        Ok(all)
    };
    until_held("SQLite", &last, async || {
        seen(in_sqlite(&sqlite, "grants").await, in_sqlite(&sqlite, OLD).await).await
    })
    .await;
    until_held("PostgreSQL", &last, async || {
        seen(in_postgres(&url, "grants").await, in_postgres(&url, OLD).await).await
    })
    .await;
    server.crash();
    let server = Server::run(&world, &data, &["--postgres", &url]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["grants"]).await;
    until_gone(&mut client).await;

    let all = table("grants", &rows);
    assert_eq!(all.len(), 4, "{all:#?}");
    let in_both = async || {
        for (what, old) in [("SQLite", true), ("PostgreSQL", false)] {
            let held = async |name: &str| {
                if old { in_sqlite(&sqlite, name).await } else { in_postgres(&url, name).await }
            };
            until_held(what, &all, async || Ok(without_epoch(&held(OLD).await?, epoch))).await;
            until_held(what, &Table::new(), async || held("grants").await).await;
        }
    };
    in_both().await;
    let sums = view(&server, server.token("game_server"), "past_grants").await.1;
    let pay = sums.values().filter(|row| row["item"] == "gold").map(|row| row["amount"].clone());
    assert_eq!(pay.collect::<Vec<_>>(), [25, 25]);
    server.stop();

    let forget = ["forget", "ana", "--data", path(&data), "--world", path(&world), "--postgres", &url];
    let said = worldflow(forget);
    assert!(said.status.success(), "{said:?}");
    in_both().await;
}

async fn epoch_of(sqlite: &std::path::Path) -> i64 {
    use sqlx::Connection as _;
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(sqlite).busy_timeout(crate::process::DEADLINE);
    let mut sqlite = sqlx::SqliteConnection::connect_with(&options).await.expect("the sink's file");
    let sql = "SELECT DISTINCT epoch FROM worldflow_frontier";
    let epoch = sqlx::query_scalar(sql).fetch_one(&mut sqlite).await.expect("a frontier");
    sqlite.close().await.expect("closed");
    epoch
}
