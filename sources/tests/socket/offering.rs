//! Grants that nobody answers come again, to those who may answer them.

use std::time::Duration;

use serde_json::{Value, json};
use worldflow_schemas::catalog;
use worldflow_sources::game_socket::Limits;

use crate::client::JsonClient;
use crate::realm::{grant, start};

fn ids(body: &Value) -> Vec<&str> {
    let rows = body["rows"].as_array().into_iter().flatten();
    rows.map(|row| row["grant"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn what_is_unanswered_is_offered_again_until_it_is_answered() {
    let server = start(Limits { offer_again: Duration::from_millis(50), ..Limits::default() }).await;
    server.set(catalog::GRANTS, ["g1", "g2", "g3"].map(|id| grant(id, "ana", "pending")));
    let pending = json!({"id": 1, "view": "grants", "where": {"status": "pending"}, "hash": true});
    let mut client = JsonClient::open(&server, &server.game_server).await;
    let snapshot = client.subscribe(pending.clone()).await;
    assert_eq!(ids(&snapshot).len(), 3);
    let mut board = JsonClient::open(&server, &server.dashboard).await;
    board.subscribe(pending).await;
    let mut wide = JsonClient::open(&server, &server.game_server).await;
    wide.subscribe(json!({"id": 1, "view": "grants", "where": {"status": "delivered"}})).await;
    for _ in 0..2 {
        let again = client.expect("snapshot").await;
        assert_eq!((&again["reset"], ids(&again)), (&json!(false), vec!["g1", "g2", "g3"]), "{again}");
        assert_eq!(again["hash"], snapshot["hash"], "they are there already");
    }
    client.send(json!({"grant_answers": {"seq": 1, "answers": [{"grant": "g2", "delivered": true}]}})).await;
    // The answer, the change, and perhaps one more offer that was on its way.
    let (mut acked, mut removed) = (false, false);
    while !(acked && removed) {
        match client.next().await {
            (name, _) if name == "ack" => acked = true,
            (name, body) if name == "delta" => {
                assert_eq!(body["changes"][0]["removed"][0]["grant"], "g2");
                removed = true;
            }
            (name, _) => assert_eq!(name, "snapshot"),
        }
    }
    let mut last = 0;
    for _ in 0..2 {
        let again = client.expect("snapshot").await;
        assert_eq!(ids(&again), ["g1", "g3"]);
        assert!(again["tick"].as_u64() >= Some(last));
        last = again["tick"].as_u64().expect("a tick");
    }
    // Deltas go on from there.
    server.set(catalog::GRANTS, [grant("g4", "ana", "pending")]);
    loop {
        match client.next().await {
            (name, body) if name == "delta" => {
                assert!(body["changes"][0]["after"].as_u64() >= Some(last));
                assert_eq!(body["changes"][0]["rows"][0]["grant"], "g4");
                break;
            }
            (name, body) => last = body["tick"].as_u64().unwrap_or_else(|| panic!("{name}")),
        }
    }
    // Nobody else was offered anything.
    for other in [&mut board, &mut wide] {
        other.send(json!({"ping": {"nonce": 1}})).await;
        while let (name, body) = other.next().await
            && name != "pong"
        {
            assert_eq!(name, "delta", "{body}");
        }
    }
}

/// One that has just come is not offered again at once.
#[tokio::test]
async fn a_grant_has_its_time_first() {
    let server = start(Limits { offer_again: Duration::from_millis(50), ..Limits::default() }).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    client.subscribe(json!({"id": 1, "view": "grants"})).await;
    // It is of a tick that is still to come for a while.
    let tick = server.state.lock().expect("no panic").tick;
    let mut values: Vec<_> = grant("g1", "ana", "pending").iter().cloned().collect();
    let column = catalog::GRANTS.def().column("tick").expect("a column");
    values[column] = worldflow_schemas::Value::count(tick);
    server.set(catalog::GRANTS, [worldflow_schemas::Row::new(values), grant("g0", "bo", "pending")]);
    client.expect("delta").await;
    for _ in 0..2 {
        assert_eq!(ids(&client.expect("snapshot").await), ["g0"]);
    }
    // Five ticks of 10 ms later it is.
    for _ in 0..10 {
        server.tick(Vec::new());
    }
    while ids(&client.expect("snapshot").await) != ["g0", "g1"] {}
}
