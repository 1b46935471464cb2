//! Connections that are lost with their server go on with what they missed, or are told why not.

use serde_json::json;

use crate::client::{Client, Encoding, Held, WentOn, deed};
use crate::process::Server;
use crate::worlds;

const VIEWS: [&str; 2] = ["quest_state", "objective_progress"];

/// Something happens to a player, and is seen.
async fn kill(server: &Server, id: &str, player: &'static str, value: u64) {
    let mut client = Client::open(server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["objective_progress"]).await;
    let ack = client.publish(&[deed(id, player, "kill", "wolf")]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    client
        .until_row("objective_progress", json!({"holder": player, "quest": "long_hunt", "value": value}))
        .await;
}

async fn follow(server: &Server, encoding: Encoding) -> Client {
    let mut client = Client::open(server, server.token("game_server"), encoding).await;
    client.subscribe(&VIEWS).await;
    client
}

fn held(client: &Client) -> [Held; 2] {
    VIEWS.map(|view| client.held(view))
}

/// Goes on in both views until a player's objective is at `value`, and says how each did.
async fn went_on(server: &Server, encoding: Encoding, held: &[Held; 2], value: u64) -> [WentOn; 2] {
    let mut client = Client::open(server, server.token("game_server"), encoding).await;
    for held in held {
        client.go_on(held).await;
    }
    for view in VIEWS {
        let comes =
            |client: &Client| client.went_on(view).resumed == "resumed" || client.went_on(view).snapshots > 0;
        client.until("a snapshot", comes).await;
    }
    let there = json!({"holder": "ana", "quest": "long_hunt", "value": value});
    client.until_row("objective_progress", there).await;
    // All of it is right, whichever way it came.
    let fresh = follow(server, Encoding::Json).await;
    for view in VIEWS {
        let snapshot = fresh.table(view).clone();
        client.until("the same rows", |client| *client.table(view) == snapshot).await;
    }
    VIEWS.map(|view| client.went_on(view))
}

fn resumed(rows: usize) -> WentOn {
    WentOn { resumed: "resumed".to_owned(), snapshots: 0, rows }
}

fn afresh(why: &str, went_on: &WentOn) {
    assert_eq!((went_on.resumed.as_str(), went_on.snapshots), (why, 1), "{went_on:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_hands_out_what_was_missed() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let folder = worlds::small();
        let (world, data) = (folder.path().join("world"), folder.path().join("data"));
        let server = Server::run(&world, &data, &[]);
        for (id, player) in [("a-1", "ana"), ("b-1", "bo"), ("c-1", "cy")] {
            kill(&server, id, player, 1).await;
        }
        let early = held(&follow(&server, encoding).await);
        kill(&server, "a-2", "ana", 2).await;
        // There is no snapshot: all of the journal is played again.
        server.crash();
        let server = Server::run(&world, &data, &[]);
        assert_eq!(went_on(&server, encoding, &early, 2).await, [resumed(0), resumed(1)]);
        kill(&server, "a-3", "ana", 3).await;
        let late = held(&follow(&server, encoding).await);
        kill(&server, "a-4", "ana", 4).await;
        kill(&server, "a-5", "ana", 5).await;
        server.crash();
        let server = Server::run(&world, &data, &[]);
        // Two ticks come as one row.
        assert_eq!(went_on(&server, encoding, &late, 5).await, [resumed(0), resumed(1)]);

        // A snapshot is written when it is stopped. Who was there until then goes on from it, and who was
        // not gets all anew.
        let mut last = follow(&server, encoding).await;
        server.signal_stop();
        last.until_the_end().await;
        server.stopped();
        let last = held(&last);
        let server = Server::run(&world, &data, &[]);
        kill(&server, "a-6", "ana", 6).await;
        assert_eq!(went_on(&server, encoding, &last, 6).await, [resumed(0), resumed(1)]);
        for one in went_on(&server, encoding, &late, 6).await {
            afresh("too_old", &one);
        }
        // What came after the snapshot is played again after a crash.
        let tail = held(&follow(&server, encoding).await);
        kill(&server, "a-7", "ana", 7).await;
        server.crash();
        let server = Server::run(&world, &data, &[]);
        assert_eq!(went_on(&server, encoding, &tail, 7).await, [resumed(0), resumed(1)]);
        for one in went_on(&server, encoding, &late, 7).await {
            afresh("too_old", &one);
        }

        // Another world may have made other rows.
        let mut last = follow(&server, encoding).await;
        server.signal_stop();
        last.until_the_end().await;
        server.stopped();
        let edited = worlds::WORLD.replace("tags: [beast]", "tags: [beast, grey]");
        worlds::write(&world, &[("world.yaml", &edited)]);
        let server = Server::run(&world, &data, &[]);
        for one in went_on(&server, encoding, &held(&last), 7).await {
            afresh("too_old", &one);
        }

        // And another journal has.
        let tail = held(&follow(&server, encoding).await);
        server.stop();
        let server = Server::run(&world, &folder.path().join("other"), &[]);
        kill(&server, "a-1", "ana", 1).await;
        for one in went_on(&server, encoding, &tail, 1).await {
            afresh("other_epoch", &one);
        }
        server.stop();
    }
}
