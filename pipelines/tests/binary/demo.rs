//! The demo: it plays, shows a page, ends at Ctrl-C, and goes on where it was.

use serde_json::json;

use crate::client::{Client, Encoding};
use crate::http::get;
use crate::process::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_plays_and_goes_on_where_it_was() {
    let folder = tempfile::Builder::new().prefix("worldflow-binary-").tempdir().expect("a folder");
    let server = Server::demo(folder.path(), &["--bots", "60"]);
    let page = get(&server, "/", None).await;
    assert_eq!(page.status, 200, "{page:?}");
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
