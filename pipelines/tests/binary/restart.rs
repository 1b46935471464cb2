//! A server that starts again on its data folder goes on where it was.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Client, Encoding, deed};
use crate::process::Server;
use crate::rows::{Table, view};
use crate::worlds;

const VIEWS: [&str; 3] = ["quest_state", "objective_progress", "grants"];
const DAY_MS: i64 = 86_400_000;

/// What a server shows, and when.
#[derive(Debug)]
struct Shown {
    tick: u64,
    world_ms: u64,
    tables: Vec<Table>,
}

async fn shown(server: &Server) -> Shown {
    let token = server.token("dashboard");
    let (tick, clock) = view(server, token, "clock").await;
    let mut tables = Vec::new();
    for name in VIEWS {
        tables.push(view(server, token, name).await.1);
    }
    Shown { tick, world_ms: world_ms(&clock, tick), tables }
}

/// World time at a tick of 20 ms, as the view `clock` says to compute it.
fn world_ms(clock: &Table, tick: u64) -> u64 {
    let row = clock.values().next().expect("a realm has a clock");
    let number = |column: &str| row[column].as_u64().unwrap_or_else(|| panic!("{column} of {row}"));
    let real_ms = (tick - number("since")) * 20;
    number("world_ms") + real_ms * number("scale_world") / number("scale_real")
}

/// Plays half a quest and a whole one, and sets the clock to the fourth day. Returns the ack of `a-1`.
async fn play(server: &Server) -> Value {
    let mut client = Client::open(server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["clock", "quest_state", "objective_progress", "grants"]).await;
    let first = client.publish(&[deed("a-1", "ana", "quest.accept", "wolf_hunt")]).await;
    assert_eq!(first["accepted"], 1, "{first}");
    let kills = ["a-2", "a-3", "a-4"].map(|id| deed(id, "ana", "kill", "wolf"));
    client.publish(&kills).await;
    client
        .publish(&[deed("b-1", "bo", "quest.accept", "wolf_hunt"), deed("b-2", "bo", "kill", "wolf")])
        .await;
    client.set_time(3 * DAY_MS).await;
    client.until_row("clock", json!({"day": 4})).await;
    client.until_row("quest_state", json!({"holder": "ana", "quest": "wolf_hunt", "state": "done"})).await;
    client.until_row("grants", json!({"player": "ana", "slot": "pay"})).await;
    client.until_row("objective_progress", json!({"holder": "bo", "quest": "wolf_hunt", "value": 1})).await;
    first
}

/// The same events once more are duplicates of the first, and nothing has changed but the time.
async fn went_on(world: &Path, data: &Path, before: &Shown, first: &Value) -> Server {
    let server = Server::run(world, data, &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Protobuf).await;
    let again = client.publish(&[deed("a-1", "ana", "quest.accept", "wolf_hunt")]).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)), "{again}");
    assert_eq!(again["outcomes"][0]["tick"], first["tick"], "{again} {first}");
    assert_eq!(again["outcomes"][0]["duplicate"], true);
    let kills = ["a-2", "a-3", "a-4"].map(|id| deed(id, "ana", "kill", "wolf"));
    let again = client.publish(&kills).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(3)), "{again}");

    let after = shown(&server).await;
    for ((name, before), after) in VIEWS.iter().zip(&before.tables).zip(&after.tables) {
        assert_eq!(before, after, "{name}");
    }
    assert!(after.tick > before.tick, "{} {}", after.tick, before.tick);
    assert!(after.world_ms >= before.world_ms, "{} {}", after.world_ms, before.world_ms);
    server
}

/// What was half done can be done.
async fn finish(server: &Server) {
    let mut client = Client::open(server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["quest_state", "grants"]).await;
    let ack = client.publish(&["b-3", "b-4"].map(|id| deed(id, "bo", "kill", "wolf"))).await;
    assert_eq!(ack["accepted"], 2, "{ack}");
    client.until_row("quest_state", json!({"holder": "bo", "quest": "wolf_hunt", "state": "done"})).await;
    client.until_row("grants", json!({"player": "bo", "slot": "pay"})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_goes_on_where_it_was() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let first = play(&server).await;
    let before = shown(&server).await;
    server.stop();
    let server = went_on(&world, &data, &before, &first).await;
    let before = shown(&server).await;
    server.stop();
    let server = went_on(&world, &data, &before, &first).await;
    finish(&server).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_everything_that_was_acked() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let server = Server::run(&world, &data, &[]);
    let first = play(&server).await;
    let before = shown(&server).await;
    server.crash();
    let server = went_on(&world, &data, &before, &first).await;
    let before = shown(&server).await;
    server.crash();
    let server = went_on(&world, &data, &before, &first).await;
    finish(&server).await;
    server.stop();
}
