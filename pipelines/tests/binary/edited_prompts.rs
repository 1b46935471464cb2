//! Prompts that are edited while the binary runs: what is asked next is the new text, what is under way stays as it was, and
//! an edit that takes away what a prompt reads is refused.

use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::client::{Client, Deed, Encoding};
use crate::edits::until_revision;
use crate::http::{get, post};
use crate::npcs::{Model, says};
use crate::process::{Server, path, worldflow};
use crate::replies::replies;
use crate::worlds;

const OLD: &str = "The bells rang at noon.";
const NEW: &str = "The mill burns.";

const PROMPTS: &str = r#"
tavern_talk:
  context: [player, said, rows.talks]
  sections:
    persona: {}
    news: {text: "The bells rang at noon."}
    noted: {text: "{rows.talks}"}
    ask: {role: user, text: "{said}"}
"#;

const NPCS: &str = "\
maren: {template: tavern_talk, tier: gold, patience: 50s, persona: You keep the inn., barks: [Sit down.]}
";

const VIEWS: &str = "\
CREATE VIEW talks AS SELECT player, target AS npc, count(*) AS talks FROM events
WHERE kind = 'talk' AND player IS NOT NULL AND target IS NOT NULL AND now() <= at + INTERVAL '1 day' GROUP BY player, target;
";

/// The files of the world, by name.
fn files(url: &str) -> [(&'static str, String); 5] {
    let world = format!("{}tiers: {{gold: {{url: '{url}', model: bard, timeout: 5m}}}}\n", worlds::WORLD);
    [
        ("world.yaml", world),
        ("quests/hunt.yaml", worlds::QUESTS.to_owned()),
        ("npcs.yaml", NPCS.to_owned()),
        ("npcs/prompts/tavern.yaml", PROMPTS.to_owned()),
        ("views/talks.sql", VIEWS.to_owned()),
    ]
}

fn write(world: &Path, files: &[(&str, String)]) {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    worlds::write(world, &files);
}

/// What a model is told before it is asked.
fn told(call: &Value) -> &str {
    call["messages"][0]["content"].as_str().expect("a system message")
}

fn say(answer: oneshot::Sender<Value>, text: &str) {
    let choice = json!({"message": {"role": "assistant", "content": text}});
    answer.send(json!({"choices": [choice]})).expect("the tier waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_prompt_is_asked_from_then_on_and_what_is_under_way_stays_as_it_was() {
    let mut model = Model::start().await;
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    write(&world, &files(&model.url));
    let mut server = Server::run(&world, &data, &["--watch"]);
    let mut game = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    let mut operator = Client::open(&server, server.token("dashboard"), Encoding::Json).await;
    operator.subscribe(&["npc_requests", "npc_lines"]).await;

    game.publish(&[says("1", "maren", "good evening")]).await;
    let (call, first) = model.call().await;
    assert!(told(&call).contains(OLD), "{call:#}");
    let before = operator.until_row("npc_requests", json!({"player": "player-1"})).await;
    worlds::write(&world, &[("npcs/prompts/tavern.yaml", &PROMPTS.replace(OLD, NEW))]);
    server.until_said("realm small: revision 2, 1 definitions, from tick ");

    // The same is asked by somebody else.
    game.publish(&[Deed { player: "player-2", ..says("2", "maren", "good evening") }]).await;
    let (call, second) = model.call().await;
    assert!(told(&call).contains(NEW) && !told(&call).contains(OLD), "{call:#}");
    let after = operator.until_row("npc_requests", json!({"player": "player-2"})).await;
    assert_eq!((&before["prompt"], &after["prompt"]), (&json!("tavern_talk"), &json!("tavern_talk")));
    assert_ne!(before["revision"], after["revision"]);
    let waiting = operator.row("npc_requests", &json!({"player": "player-1"}));
    assert_eq!(waiting, Some(&before), "what is under way is as it was asked");

    let said = [("player-1", "The bells are loud.", first), ("player-2", "The mill is gone.", second)];
    for (player, text, answer) in said {
        say(answer, text);
        let line = operator.until_row("npc_lines", json!({"player": player})).await;
        assert_eq!((&line["text"], &line["provenance"]), (&json!(text), &json!("model")), "{line}");
    }
    server.stop();
    let replies = replies(&data.join("small"));
    assert_eq!(replies.len(), 2, "{replies:#?}");
    for row in [before, after] {
        let reply = replies.iter().find(|reply| row["request"] == reply.request.as_str());
        let reply = reply.unwrap_or_else(|| panic!("no reply to {row}: {replies:#?}"));
        let kept = (reply.revision.as_str(), reply.digest.as_str());
        assert_eq!(
            (row["revision"].as_str(), row["digest"].as_str()),
            (Some(kept.0), Some(kept.1)),
            "{reply:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_takes_away_what_a_prompt_reads_is_refused_and_changes_nothing() {
    let mut model = Model::start().await;
    let folder = worlds::small();
    let at = |name: &str| folder.path().join(name);
    let (world, edited) = (at("world"), at("edited"));
    let files = files(&model.url);
    write(&world, &files);
    write(&edited, &files[..4]);
    let mut server = Server::run(&world, &at("data"), &["--watch"]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    player.publish(&[says("1", "maren", "good evening")]).await;
    say(model.call().await.1, "The bells are loud.");
    player.until_row("npc_lines", json!({"line": 1})).await;

    // Planned, sent, and saved: each says where the prompt names the view.
    let place = "npcs/prompts/tavern.yaml:3:27: unknown view `talks`";
    let (address, token) = (format!("http://{}", server.address), server.token("designer").to_owned());
    let planned = worldflow(["plan", path(&edited), "--to", &address, "--token", &token]);
    assert!(!planned.status.success() && planned.stderr.contains(place), "{planned:?}");
    let sent: serde_json::Map<String, Value> =
        files[..4].iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    let body = json!({"revision": 1, "files": sent}).to_string();
    let refused = post(&server, "/v1/apply", Some(&token), &body).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("bad_world")), "{refused:?}");
    assert!(refused.json()["error"]["reason"].as_str().is_some_and(|why| why.contains(place)), "{refused:?}");
    std::fs::remove_file(world.join("views/talks.sql")).expect("writable");
    server.until_said("realm small: nothing is changed");
    server.until_said(&format!("error: {place}"));

    assert_eq!(until_revision(&server, 1).await.len(), 1, "nothing is edited");
    let rows = get(&server, "/v1/views/talks", Some(&token)).await;
    assert_eq!((rows.status, &rows.json()["rows"][0]["talks"]), (200, &json!(1)), "{rows:?}");
    player.publish(&[says("2", "maren", "good evening")]).await;
    let (call, answer) = model.call().await;
    assert!(told(&call).contains("<rows>\ntalks: 1\n</rows>"), "{call:#}");
    say(answer, "The bells are loud.");
    server.stop();
}
