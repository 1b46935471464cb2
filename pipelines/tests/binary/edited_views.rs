//! Views in SQL and rules that are edited while the binary runs: planned, applied, watched.

use serde_json::{Value, json};

use crate::client::{Client, Encoding, deed};
use crate::edits::until_revision;
use crate::http::get;
use crate::process::{Server, path, worldflow};
use crate::rows::view;
use crate::worlds;

const HUNTERS: &str = "\
CREATE VIEW hunters AS
SELECT holder AS player, coalesce(completions, 0) AS completions FROM quest_state
WHERE quest = 'wolf_hunt' AND state = 'done' AND holder IS NOT NULL;
";

/// Another column, and a view that reads it.
const EDITED: &str = "\
CREATE VIEW hunters AS
SELECT holder AS player, coalesce(completions, 0) AS completions, state FROM quest_state
WHERE quest = 'wolf_hunt' AND state = 'done' AND holder IS NOT NULL;
CREATE VIEW done AS SELECT count(*) AS players FROM hunters;
";

/// Whoever is in the view is known for it.
const RULES: &str = "\
known:
  trigger: {appears: {view: hunters}}
  do: [{add: {fact: fame, by: 1}}]
";

fn world() -> String {
    format!("{}facts:\n  fame: {{scope: realm, type: int, default: 0}}\n", worlds::WORLD)
}

fn write(folder: &std::path::Path, views: &str, rules: &str) {
    let world = world();
    let files = [
        ("world.yaml", world.as_str()),
        ("quests/hunt.yaml", worlds::QUESTS),
        ("views/hunters.sql", views),
        ("rules.yaml", rules),
    ];
    worlds::write(folder, &files);
}

async fn hunts(client: &mut Client, player: &'static str) {
    let mut deeds = vec![deed(&format!("{player}-a"), player, "quest.accept", "wolf_hunt")];
    deeds.extend((0..3).map(|number| deed(&format!("{player}-{number}"), player, "kill", "wolf")));
    let ack = client.publish(&deeds).await;
    assert_eq!(ack["refused"].as_u64().unwrap_or(0), 0, "{ack}");
}

async fn rows(server: &Server, name: &str) -> Vec<Value> {
    let answer = get(server, &format!("/v1/views/{name}"), Some(server.token("dashboard"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["rows"].as_array().expect("rows are a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_changes_views_and_rules_of_a_realm_that_runs() {
    let folder = worlds::small();
    let at = |name: &str| folder.path().join(name);
    write(&at("world"), HUNTERS, RULES);
    write(&at("edited"), EDITED, &RULES.replace("by: 1", "by: 10"));
    let server = Server::run(&at("world"), &at("data"), &[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["facts"]).await;
    hunts(&mut client, "ana").await;
    client.until_row("facts", json!({"fact": "fame", "value": 1})).await;

    let (edited, plan) = (at("edited"), at("plan.json"));
    let address = format!("http://{}", server.address);
    let token = server.token("designer");
    let planned =
        worldflow(["plan", path(&edited), "--to", &address, "--token", token, "--out", path(&plan)]);
    for wanted in ["~ rule known", "+ view done", "~ view hunters", "columns.state: nothing → text"] {
        assert!(planned.stdout.contains(wanted), "{wanted}: {planned:?}");
    }
    let applied = worldflow(["apply", path(&plan), "--to", &address, "--token", token]);
    assert!(applied.status.success(), "{applied:?}");
    // With other columns it is another view: in its first tick the row of ana appears in it, and rules are still what they were.
    client.until_row("facts", json!({"fact": "fame", "value": 2})).await;
    hunts(&mut client, "bo").await;
    client.until_row("facts", json!({"fact": "fame", "value": 12})).await;
    let hunters = rows(&server, "hunters").await;
    assert!(hunters.len() == 2 && hunters.iter().all(|row| row["state"] == "done"), "{hunters:?}");
    assert_eq!(rows(&server, "done").await[0]["players"], 2);
    server.stop();

    // A start with the folder that was applied is no revision.
    let again = Server::run(&edited, &at("data"), &[]);
    assert_eq!(rows(&again, "revisions").await.len(), 2);
    assert_eq!(rows(&again, "done").await[0]["players"], 2);
    again.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_and_rules_are_watched_too() {
    let folder = worlds::small();
    let at = |name: &str| folder.path().join(name);
    write(&at("world"), HUNTERS, RULES);
    let server = Server::run(&at("world"), &at("data"), &["--watch"]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["facts", "quest_state"]).await;
    write(&at("world"), EDITED, &RULES.replace("by: 1", "by: 5"));
    until_revision(&server, 2).await;
    hunts(&mut client, "ana").await;
    client.until_row("facts", json!({"fact": "fame", "value": 5})).await;
    assert_eq!(rows(&server, "done").await[0]["players"], 1);
    // What is taken out goes.
    write(&at("world"), HUNTERS, "{}\n");
    until_revision(&server, 3).await;
    let gone = get(&server, "/v1/views/done", Some(server.token("dashboard"))).await;
    assert_eq!(gone.status, 404, "{gone:?}");
    // The row of ana appears in the former view once more, and then nobody listens.
    client.until_row("facts", json!({"fact": "fame", "value": 10})).await;
    hunts(&mut client, "bo").await;
    client.until_row("quest_state", json!({"holder": "bo", "quest": "wolf_hunt", "state": "done"})).await;
    let (_, facts) = view(&server, server.token("dashboard"), "facts").await;
    assert!(facts.values().any(|row| row["fact"] == "fame" && row["value"] == 10), "{facts:?}");
    server.stop();
}
