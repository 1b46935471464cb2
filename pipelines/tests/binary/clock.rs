//! Time moved by hand: exactly as far as asked, over edges that happen once each.

use serde_json::{Value, json};

use crate::client::{Client, Encoding, number};
use crate::http::post;
use crate::process::Server;
use crate::rows::view;
use crate::worlds;

const ADDRESS: &str = "/v1/clock/advance";

async fn advance(server: &Server, by: Value) -> Value {
    let answer = post(server, ADDRESS, Some(server.token("game_server")), &by.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn clock(server: &Server) -> (u64, Value) {
    let (tick, table) = view(server, server.token("dashboard"), "clock").await;
    (tick, table.into_values().next().expect("a realm has a clock"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_moves_exactly_as_far_as_it_is_told_to() {
    let folder = worlds::small();
    let more = ["--manual-clock", "--development"];
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &more);
    let mut client = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    client.subscribe(&["clock"]).await;

    let (start, row) = clock(&server).await;
    assert_eq!((&row["phase"], &row["day"]), (&json!("dawn"), &json!(1)), "{row}");
    let moved = advance(&server, json!({"ticks": 5})).await;
    assert_eq!(number(&moved["tick"]), start + 5);
    let later = advance(&server, json!({"ms": 1_000})).await;
    assert_eq!(number(&later["tick"]), start + 55);
    assert_eq!(number(&later["utc_ms"]), number(&moved["utc_ms"]) + 1_000);
    assert_eq!(clock(&server).await.0, start + 55, "time stands still unless it is moved");

    // From six to seven are sixty seconds, and a tick is a fiftieth of one.
    let edge = number(&row["since"]) + 3_000;
    assert_eq!(row["next_edge"], edge, "{row}");
    advance(&server, json!({"ticks": edge - (start + 55) - 1})).await;
    assert_eq!(clock(&server).await.1["phase"], "dawn", "a tick before the edge");
    advance(&server, json!({"ticks": 1})).await;
    let day = client.until_row("clock", json!({"phase": "day"})).await;
    assert_eq!(day["since"], edge, "{day}");
    let hour = 3_600_000;
    assert_eq!(day["world_ms"], 7 * hour, "{day}");
    // Dusk is at eighteen, night at twenty: eleven and two minutes on.
    advance(&server, json!({"ms": 11 * 60_000})).await;
    let dusk = client.until_row("clock", json!({"phase": "dusk"})).await;
    assert_eq!((&dusk["since"], &dusk["world_ms"]), (&json!(edge + 33_000), &json!(18 * hour)), "{dusk}");
    advance(&server, json!({"ms": 2 * 60_000})).await;
    let night = client.until_row("clock", json!({"phase": "night"})).await;
    assert_eq!(night["since"], edge + 39_000, "{night}");

    for (body, status) in
        [("{}", 400), ("nonsense", 400), (r#"{"ticks": 0}"#, 400), (r#"{"ms": 1, "ticks": 1}"#, 400)]
    {
        let answer = post(&server, ADDRESS, Some(server.token("game_server")), body).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
    }
    for (token, status) in [(None, 401), (Some("wrong"), 401), (Some(server.token("player")), 403)] {
        let answer = post(&server, ADDRESS, token, r#"{"ticks": 1}"#).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(clock(&server).await.0, edge + 39_000, "what is refused moves nothing");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_server_has_no_such_address() {
    let folder = worlds::small();
    let server = Server::run(&folder.path().join("world"), &folder.path().join("data"), &["--development"]);
    let answer = post(&server, ADDRESS, Some(server.token("game_server")), r#"{"ticks": 1}"#).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    server.stop();
}
