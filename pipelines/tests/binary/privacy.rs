//! What a player says is read by who may read it, lies in no file but the tables, and is gone when they are forgotten.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use worldflow::graph::graphs;
use worldflow::world::{Folder, LoadedWorld};
use worldflow_engine::admission::{Item, Outcome};
use worldflow_engine::runtime::{RealmConfig, open};
use worldflow_schemas::{Event, EventId, Input, Sym};

use crate::client::{Client, Encoding};
use crate::databases::{in_postgres, in_sqlite, until_held};
use crate::http;
use crate::npcs::{Model, says, world_with};
use crate::postgres::Postgres;
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::rows::{Table, view};
use crate::worlds;

const SAID: &str = "my-sister-hides-in-the-mill";
const NAME: &str = "Ana Maria of the Seven Brooks";
const FORGOTTEN: &str = "[forgotten]";

/// The files under a folder in which any of these stands; what is there and gone meanwhile is passed over.
fn holding(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, texts));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let holds = |text: &&str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(texts.iter().any(holds).then(|| path.display().to_string()));
        }
    }
    found
}

/// Nobody tells when a file has changed, so it is looked at again.
async fn until_nothing_holds(folder: &Path, texts: &[&str]) {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = holding(folder, texts);
        if found.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{found:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The world in which a model repeats what it is told, with a fact and a property that are personal.
fn world(model: &Model) -> tempfile::TempDir {
    let folder = world_with(model);
    let file = folder.path().join("world/world.yaml");
    let world = std::fs::read_to_string(&file).expect("a world");
    let personal =
        "personal_properties: [email]\nfacts:\n  real_name: {type: text, default: none, personal: true}\n";
    worlds::write(&folder.path().join("world"), &[("world.yaml", &(world + personal))]);
    folder
}

/// The player says it, and the model repeats it.
async fn say(player: &mut Client, model: &mut Model, id: &str, number: u32) {
    let ack = player.publish(&[says(id, "maren", SAID)]).await;
    assert_eq!(ack["accepted"], 1, "{ack}");
    let (body, answer) = model.call().await;
    assert_eq!(
        body["messages"][1]["content"],
        format!("player-1 says: <said>{SAID}</said>"),
        "the model is asked in plain words"
    );
    let choice = json!({"message": {"role": "assistant", "content": format!("So {SAID}?")}});
    answer.send(json!({"choices": [choice]})).expect("the tier waits");
    let line = player.until_row("npc_lines", json!({"line": number})).await;
    assert_eq!(line["text"], format!("So {SAID}?"));
}

fn texts(table: &Table, column: &str) -> Vec<Value> {
    table.values().map(|row| row[column].clone()).collect()
}

fn succeeds<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let said = worldflow(args);
    assert!(said.status.success(), "{said:?}");
    said.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_player_is_in_no_view_no_table_and_no_file() {
    let (postgres, mut model) = (Postgres::start(), Model::start().await);
    let (url, folder) = (postgres.url(), world(&model));
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let (realm, sqlite) = (data.join("small"), data.join("small/small.sqlite"));
    let server = Server::run(&world, &data, &["--postgres", &url]);
    let token = server.token("game_server").to_owned();
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    let mut engine = Client::open(&server, &token, Encoding::Json).await;
    player.subscribe(&["npc_lines", "facts"]).await;
    engine.subscribe(&["npc_lines"]).await;

    let holder = json!({"scope": "player", "holder": "player-1", "fact": "real_name", "set": NAME});
    let body = json!({"kind": "player", "properties": {"email": NAME, "class": "ranger"}});
    let entity = json!({"entity": "player-1", "upsert": body});
    let ack = engine.write(&json!([{"id": "w1", "fact": holder}, {"id": "w2", "entity": entity}])).await;
    assert_eq!(ack["accepted"], 2, "{ack}");
    assert_eq!(player.until_row("facts", json!({"fact": "real_name"})).await["value"], NAME);
    say(&mut player, &mut model, "1", 1).await;
    let resumed = engine.held("npc_lines");

    // Wherever rows are read they are open; the journal and the snapshots hold nothing.
    let lines = player.table("npc_lines").clone();
    assert_eq!(view(&server, &token, "npc_lines").await.1, lines);
    until_held("SQLite", &lines, || in_sqlite(&sqlite, "npc_lines")).await;
    until_held("PostgreSQL", &lines, || in_postgres(&url, "npc_lines")).await;
    let entities = http::get(&server, "/v1/views/entities?entity=player-1", Some(&token)).await.json();
    let properties: Value = match &entities["rows"][0]["properties"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        other => other.clone(),
    };
    assert_eq!(properties, json!({"class": "ranger", "email": NAME}));
    for name in ["journal", "snapshots", "keys", "worlds.json"] {
        assert_eq!(holding(&realm.join(name), &[SAID, NAME]), Vec::<String>::new());
    }

    let address = format!("http://{}", server.address);
    let refused = worldflow(["forget", "player-1", "--url", &address, "--token", server.token("player")]);
    assert!(!refused.status.success() && refused.stderr.contains("hint: "), "{refused:?}");
    let said = succeeds(["forget", "player-1", "--url", &address, "--token", &token]);
    assert!(said.starts_with("player-1 is forgotten, as of tick "), "{said}");
    for client in [&mut player, &mut engine] {
        client.until_row("npc_lines", json!({"line": 1, "text": FORGOTTEN})).await;
    }
    player.until_row("facts", json!({"fact": "real_name", "value": FORGOTTEN})).await;
    let forgotten = player.table("npc_lines").clone();
    assert_eq!(view(&server, &token, "npc_lines").await.1, forgotten);
    until_held("SQLite", &forgotten, || in_sqlite(&sqlite, "npc_lines")).await;
    until_held("PostgreSQL", &forgotten, || in_postgres(&url, "npc_lines")).await;
    until_nothing_holds(&data, &[SAID, NAME]).await;
    let entities = http::get(&server, "/v1/views/entities?entity=player-1", Some(&token)).await;
    assert!(entities.body.contains(FORGOTTEN) && entities.body.contains("ranger"), "{entities:?}");

    // Who was away in between gets a snapshot, and no delta that says it once more.
    let mut back = Client::open(&server, &token, Encoding::Json).await;
    back.go_on(&resumed).await;
    back.until_row("npc_lines", json!({"line": 1, "text": FORGOTTEN})).await;
    assert_eq!(back.went_on("npc_lines").resumed, "too_old");

    // They come back, and nothing old does, over a restart and while it is stopped.
    say(&mut player, &mut model, "2", 2).await;
    server.crash();
    let server = Server::run(&world, &data, &["--postgres", &url]);
    let mut player = Client::open(&server, server.token("player"), Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    let expected = vec![json!(FORGOTTEN), json!(format!("So {SAID}?"))];
    assert_eq!(texts(player.table("npc_lines"), "text"), expected);
    let all = player.table("npc_lines").clone();
    until_held("SQLite", &all, || in_sqlite(&sqlite, "npc_lines")).await;
    server.stop();
    let (data_path, world_path) = (path(&data), path(&world));
    let stopped = ["forget", "player-1", "--data", data_path, "--world", world_path, "--postgres", &url];
    let tick = |said: &str| {
        let (_, tick) = said.rsplit_once("as of tick ").expect("it says when");
        tick.trim().parse::<u64>().expect("a tick")
    };
    // It takes one tick, and writes no definition.
    let first = tick(&succeeds(stopped));
    assert_eq!(tick(&succeeds(stopped)), first + 1);
    assert_eq!(holding(&data, &[SAID, NAME]), Vec::<String>::new());
    let gone = vec![json!(FORGOTTEN); 2];
    assert_eq!(texts(&in_sqlite(&sqlite, "npc_lines").await.expect("a table"), "text"), gone);
    assert_eq!(texts(&in_postgres(&url, "npc_lines").await.expect("a table"), "text"), gone);
    let server = Server::run(&world, &data, &[]);
    let token = server.token("game_server").to_owned();
    assert_eq!(texts(&view(&server, &token, "npc_lines").await.1, "text"), gone);
    server.stop();
    let audit = std::fs::read_to_string(data.join("audit.jsonl")).expect("a file");
    let acts = audit.lines().filter(|line| line.contains(r#""act":"player_forgotten""#));
    assert_eq!(acts.count(), 3, "{audit}");
}

/// Its time stands still, and it is asked in that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_realm_that_was_stopped_long_ago_forgets() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let loaded = LoadedWorld::load(&Folder::read(&world).expect("readable")).expect("a world");
    let realm = Sym::new("small");
    let config = RealmConfig {
        folder: Some(data.join("small")),
        ..RealmConfig::in_memory(realm, Arc::clone(&loaded.world))
    };
    let running = open(config, graphs(realm)).await.expect("opens");
    let event = Event {
        at_ms: 0,
        source: "game".into(),
        id: EventId::Named("1".into()),
        player: "player-1".into(),
        kind: "kill".into(),
        target: Sym::NONE,
        region: Sym::NONE,
        amount: 1,
        with: None,
    };
    let item = Item { id: event.id.clone(), input: Input::Event(event), most_per_s: None };
    let published = running.realm.admission.publish("game".into(), vec![item]);
    let (outcomes, advanced) = tokio::join!(published, running.advance(3));
    advanced.expect("it runs");
    assert!(matches!(outcomes.expect("it runs")[..], [Outcome::Accepted { .. }]));
    let stopped_ms = running.realm.progress.borrow().utc_ms;
    assert!(stopped_ms < 3_600_000, "it was decades ago: {stopped_ms}");
    running.close().await.expect("closes");
    let said = succeeds(["forget", "player-1", "--data", path(&data), "--world", path(&world)]);
    assert!(said.contains("as of tick "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_wrapped_kept_apart_and_in_no_backup_that_does_not_ask_for_them() {
    let mut model = Model::start().await;
    let folder = world(&model);
    let at = |name: &str| folder.path().join(name);
    let (world, data, keys) = (at("world"), at("data"), at("keys"));
    let variable = [("TEST_MASTER", "0123456789abcdef".repeat(4)), ("TEST_TOKEN", "a".repeat(40))];
    let environment: Vec<(&str, &str)> =
        variable.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let args = |more: &'static [&'static str]| {
        let fixed = [path(&world), "--data", path(&data), "--keys", path(&keys)];
        fixed.into_iter().chain(more.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
    };
    let given = &["--token", "small/player/player-1=TEST_TOKEN", "--master-key", "TEST_MASTER"];
    let run = || {
        let args = args(given);
        Server::guarded("http", &args.iter().map(String::as_str).collect::<Vec<_>>(), &environment)
    };
    let server = run();
    let mut player = Client::open(&server, &variable[1].1, Encoding::Json).await;
    player.subscribe(&["npc_lines"]).await;
    say(&mut player, &mut model, "1", 1).await;
    server.stop();
    assert!(!data.join("small/keys").exists() && keys.join("small").exists());

    // A backup has none, one that asks for them has; restored, the text is gone or there.
    for (more, text) in [(&[][..], FORGOTTEN.to_owned()), (&["--with-keys"][..], format!("So {SAID}?"))] {
        let name = format!("{}", more.len());
        let (backup, restored, beside) =
            (at(&format!("b{name}")), at(&format!("r{name}")), at(&format!("k{name}")));
        let keys_too: &[&str] = if more.is_empty() { &[] } else { &["--keys", path(&keys)] };
        succeeds(
            ["backup", path(&data), path(&backup)].into_iter().chain(more.iter().chain(keys_too).copied()),
        );
        succeeds(["restore", path(&backup), path(&restored), "--keys", path(&beside)]);
        let args = [path(&world), "--data", path(&restored), "--keys", path(&beside)];
        let args: Vec<&str> = args.into_iter().chain(given.iter().copied()).collect();
        let server = Server::guarded("http", &args, &environment);
        let mut player = Client::open(&server, &variable[1].1, Encoding::Json).await;
        player.subscribe(&["npc_lines"]).await;
        assert_eq!(texts(player.table("npc_lines"), "text"), [json!(text)]);
        server.stop();
    }

    // Rebuilt without keys it stays sealed, at the same hash.
    let dump = |name: &str, more: &[&str]| {
        let fixed = ["replay", "--journal", path(&data), "--dump"];
        let out = at(name);
        let all: Vec<&str> = fixed.into_iter().chain([path(&out)]).chain(more.iter().copied()).collect();
        let said = crate::process::Process::start_with(all, &environment).ended();
        assert!(said.status.success(), "{said:?}");
        let lines = std::fs::read_to_string(out.join("npc_lines.ndjson")).expect("it is dumped");
        let state = said.stdout.lines().find(|line| line.starts_with("state ")).expect("a hash").to_owned();
        (lines, state)
    };
    let (sealed, state) = dump("sealed", &[]);
    let (open, same) = dump("open", &["--with-keys", "--keys", path(&keys), "--master-key", "TEST_MASTER"]);
    assert!(sealed.contains("<sealed:1:") && !sealed.contains(SAID), "{sealed}");
    assert!(open.contains(SAID), "{open}");
    assert_eq!(state, same);

    let other = [("TEST_MASTER", "f".repeat(64)), ("TEST_TOKEN", "a".repeat(40))];
    let other: Vec<(&str, &str)> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let args = args(given);
    let all = ["run", "--port", "0"].into_iter().chain(args.iter().map(String::as_str));
    let refused = crate::process::Process::start_with(all, &other).ended();
    assert!(!refused.status.success(), "{refused:?}");
    assert!(
        refused.stderr.contains("wrapped in another master key") && !refused.stderr.contains("ffff"),
        "{refused:?}"
    );
}
