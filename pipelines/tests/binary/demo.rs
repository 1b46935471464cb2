//! The demo: it plays, shows a page, ends at Ctrl-C, and goes on where it was.

use std::path::Path;

use serde_json::json;

use crate::client::{Client, Encoding, deed};
use crate::http::get;
use crate::process::Server;
use crate::rows::{Table, view};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_plays_and_goes_on_where_it_was() {
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    let server = Server::demo(folder.path(), &["--bots", "60"]);
    let page = get(&server, "/", None).await;
    assert_eq!(page.status, 200, "{page:?}");
    // Who reads the README publishes with the token that is printed for it.
    let mut own = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let ack = own.publish(&[deed("e1", "ann", "kill", "wolf")]).await;
    assert_eq!((&ack["accepted"], &ack["refused"]), (&json!(1), &json!(0)), "{ack}");
    let player = Client::open(&server, server.token("player"), Encoding::Json).await;
    assert_eq!((&player.welcome["role"], &player.welcome["subject"]), (&json!("player"), &json!("bot-001")));
    let mut client = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    client.subscribe(&["clock", "quest_state", "grants"]).await;
    let done = client.until_row("quest_state", json!({"scope": "player", "state": "done"})).await;
    // The game server hands out what is earned, and says so.
    let given = client.until_row("grants", json!({"status": "delivered"})).await;
    server.interrupt();
    assert!(folder.path().join("greenvale/greenvale.sqlite").exists());

    let server = Server::demo(folder.path(), &["--bots", "1"]);
    let mut client = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    client.subscribe(&["quest_state", "grants"]).await;
    assert_eq!(client.row("grants", &json!({"grant": given["grant"]})), Some(&given));
    let instance = json!({"holder": done["holder"], "quest": done["quest"]});
    let after = client.row("quest_state", &instance).expect("it was done");
    assert!(after["completions"].as_u64() >= Some(1), "{after}");
    server.interrupt();
}

/// How many players are on a server. A row without one is of a player who belongs to a group.
fn on_a_server(presence: &Table) -> usize {
    presence.values().filter(|row| row["server"].is_string()).count()
}

/// Stopped in order, the game server takes its players with it: none is there when the world goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_leave_when_the_demo_is_stopped() {
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    let server = Server::demo(folder.path(), &["--bots", "120"]);
    let mut client = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    client.subscribe(&["presence"]).await;
    client.until("every player", |client| on_a_server(client.table("presence")) == 120).await;
    let said = server.interrupt();
    assert!(said.stdout.ends_with("\nstopping ...\nthe players have left\n"), "{said:?}");

    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/greenvale");
    let server = Server::run(&world, folder.path(), &[]);
    let (_, there) = view(&server, server.token("dashboard"), "presence").await;
    assert_eq!((there.len(), on_a_server(&there)), (120, 0), "{there:#?}");
    server.stop();
}
