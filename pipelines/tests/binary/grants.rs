//! Grants over crashes of either side: each is applied once by its id.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Client, Encoding, deed};
use crate::process::Server;
use crate::worlds;

/// What a game's own database knows: amounts, and which grants are in them, changed together.
#[derive(Default)]
struct Inventory {
    gold: BTreeMap<String, u64>,
    given: BTreeMap<String, usize>,
}

impl Inventory {
    /// Gives what a grant says, unless it has been given. Returns whether it has.
    fn give(&mut self, grant: &Value) -> bool {
        let times = self.given.entry(grant["grant"].as_str().expect("an id").to_owned()).or_default();
        *times += 1;
        if *times > 1 {
            return false;
        }
        let player = grant["player"].as_str().expect("a player").to_owned();
        *self.gold.entry(player).or_default() += grant["amount"].as_u64().expect("an amount");
        true
    }
}

async fn game_server(server: &Server, encoding: Encoding) -> Client {
    let mut client = Client::open(server, server.token("game_server"), encoding).await;
    client.subscribe(&["grants"]).await;
    client
}

fn pending(client: &Client) -> Vec<Value> {
    client
        .table("grants")
        .values()
        .filter(|row| row["status"] == "pending" && row["slot"] == "pay")
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_applied_once_whoever_is_killed_between_giving_and_answering() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let mut server = Server::run(&world, &data, &[]);
    let mut inventory = Inventory::default();
    let mut repeated = 0;
    for (n, player) in ["ana", "bo", "cy"].into_iter().enumerate() {
        let encoding = if n % 2 == 0 { Encoding::Json } else { Encoding::Protobuf };
        let mut client = game_server(&server, encoding).await;
        client.publish(&[deed(&format!("{player}-0"), player, "quest.accept", "wolf_hunt")]).await;
        let kills = [1, 2, 3].map(|n| deed(&format!("{player}-{n}"), player, "kill", "wolf"));
        client.publish(&kills).await;
        client.until_row("grants", json!({"player": player, "slot": "pay", "status": "pending"})).await;
        assert!(pending(&client).iter().all(|grant| inventory.give(grant)), "it is new");
        // Given, and not answered: the game server dies, or worldflow does, or both.
        if n != 0 {
            server.crash();
            server = Server::run(&world, &data, &[]);
        }
        let mut client = if n == 1 {
            // Its table is as it was; the answer is what is missing.
            let mut again = game_server(&server, encoding).await;
            again.until_row("grants", json!({"player": player, "status": "pending"})).await;
            again
        } else {
            drop(client);
            game_server(&server, encoding).await
        };
        let again = pending(&client);
        assert_eq!(again.len(), 1, "{again:?}");
        for grant in &again {
            repeated += usize::from(!inventory.give(grant));
            let ack = client.answer(grant["grant"].as_str().expect("an id")).await;
            assert_eq!(ack["accepted"], 1, "{ack}");
        }
        // The answer is durable once it is acked.
        server.crash();
        server = Server::run(&world, &data, &[]);
        let client = game_server(&server, encoding).await;
        assert_eq!(pending(&client), [json!(null); 0]);
        let row = client.row("grants", &json!({"player": player, "slot": "pay"})).expect("it stays");
        assert_eq!(row["status"], "delivered");
    }
    assert_eq!(repeated, 3, "each came again and was given once");
    let gold: Vec<(&str, u64)> =
        inventory.gold.iter().map(|(player, gold)| (player.as_str(), *gold)).collect();
    assert_eq!(gold, [("ana", 25), ("bo", 25), ("cy", 25)]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_is_taken_back_by_whoever_gave_it_once() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let quests = world.join("quests/hunt.yaml");
    let text = std::fs::read_to_string(&quests).expect("a file");
    let revoked = text.replace("  rewards:\n", "  rewards:\n    on_revoke: clawback\n");
    assert_ne!(text, revoked);
    std::fs::write(&quests, revoked).expect("writable");
    let mut server = Server::run(&world, &data, &[]);
    for (player, encoding) in [("ana", Encoding::Json), ("bo", Encoding::Protobuf)] {
        let mut client = game_server(&server, encoding).await;
        client.publish(&[deed(&format!("{player}-0"), player, "quest.accept", "wolf_hunt")]).await;
        client.publish(&[1, 2, 3].map(|n| deed(&format!("{player}-{n}"), player, "kill", "wolf"))).await;
        let is = |status| json!({"player": player, "slot": "pay", "status": status});
        client.until_row("grants", is("pending")).await;
        let grant = pending(&client)[0]["grant"].as_str().expect("an id").to_owned();
        let ack = client.answer_clawback(&grant).await;
        assert_eq!(ack["refused"], 1, "{ack}");
        assert_eq!(client.answer(&grant).await["accepted"], 1);
        client.publish(&[deed(&format!("{player}-4"), player, "quest.revoke", "wolf_hunt")]).await;
        client.until_row("grants", is("clawback")).await;
        // The ack of the delivery was lost: it is no answer to what is asked now.
        assert_eq!(client.answer(&grant).await["duplicates"], 1);
        server.crash();
        server = Server::run(&world, &data, &[]);
        let mut client = game_server(&server, encoding).await;
        client.until_row("grants", is("clawback")).await;
        assert_eq!(client.answer(&grant).await["duplicates"], 1);
        assert_eq!(client.answer_clawback(&grant).await["accepted"], 1);
        client.until_row("grants", is("taken")).await;
        assert_eq!(client.answer_clawback(&grant).await["duplicates"], 1);
    }
    server.stop();
}
