//! Definitions that are edited while the binary runs: planned, applied, refused, watched; as `docs/edits.md` shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Encoding, deed};
use crate::documented::{blocks, is_like, page};
use crate::http::post;
use crate::process::{DEADLINE, Said, Server, path, worldflow};
use crate::rows::view;
use crate::worlds;

/// The small world with a lower threshold, another reward, and a quest with another id and pattern.
fn edited() -> String {
    worlds::QUESTS
        .replace("count: 3}", "count: 2}")
        .replace("amount: 25", "amount: 30")
        .replace("long_hunt:\n", "great_hunt:\n  moved_from: long_hunt\n")
        .replace("target: wolf, count: 1000", "target: beast, count: 1000")
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// The small world in `world`, and the edited one in `edited`.
    fn new() -> Place {
        let folder = worlds::small();
        let edited = edited();
        worlds::write(
            &folder.path().join("edited"),
            &[("world.yaml", worlds::WORLD), ("quests/hunt.yaml", &edited)],
        );
        Place { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, more: &[&str]) -> Server {
        Server::run(&self.at("world"), &self.at("data"), more)
    }

    /// What a command of the page says, run as it stands there.
    fn said(&self, server: Option<&Server>, command: &str) -> Said {
        let words = command.split_whitespace().skip(1).map(|word| match word {
            "http://127.0.0.1:7777" => format!("http://{}", server.expect("it is named").address),
            "$TOKEN" => server.expect("it is named").token("designer").to_owned(),
            "world" | "edited" | "data" | "plan.json" => path(&self.at(word)).to_owned(),
            other => other.to_owned(),
        });
        let words: Vec<String> = words.collect();
        worldflow(words.iter().map(String::as_str))
    }

    /// Runs a block of the page and compares what it says.
    fn assert_said(&self, server: Option<&Server>, block: &str) {
        let (command, wanted) = block.split_once('\n').unwrap_or((block, ""));
        let said = self.said(server, command.strip_prefix("$ ").expect("a command"));
        let all = format!("{}{}", said.stdout, said.stderr);
        let all = all.replace(&format!("{}/", path(self.folder.path())), "");
        assert!(is_like(&all, wanted), "{command}\nsays\n{all}\nand not\n{wanted}");
    }
}

/// Ana has killed two of three wolves, bo all of them, and cy one.
async fn hunts(client: &mut Client) {
    let mut deeds = Vec::new();
    for (player, kills) in [("ana", 2), ("bo", 3), ("cy", 1)] {
        deeds.push(deed(&format!("{player}-a"), player, "quest.accept", "wolf_hunt"));
        deeds.extend((0..kills).map(|number| deed(&format!("{player}-{number}"), player, "kill", "wolf")));
    }
    let ack = client.publish(&deeds).await;
    assert_eq!(ack["refused"].as_u64().unwrap_or(0), 0, "{ack}");
}

async fn revisions(server: &Server) -> Vec<Value> {
    let (_, rows) = view(server, server.token("dashboard"), "revisions").await;
    let mut rows: Vec<Value> = rows.into_values().collect();
    rows.sort_by_key(|row| row["revision"].as_u64());
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_what_the_commands_say() {
    let page = page("edits.md");
    let mut blocks = blocks(&page, "console").into_iter();
    let mut next = || blocks.next().expect("the page shows it");
    let place = Place::new();
    let server = place.run(&[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.subscribe(&["quest_state", "objective_progress"]).await;
    hunts(&mut client).await;
    client.until_row("quest_state", json!({"holder": "bo", "quest": "wolf_hunt", "state": "done"})).await;

    // Plan, apply; and a plan that is old.
    place.assert_said(Some(&server), next());
    place.assert_said(Some(&server), next());
    // The session is the same, and sees what has changed.
    client.until_row("quest_state", json!({"holder": "ana", "quest": "wolf_hunt", "state": "done"})).await;
    client.until_row("objective_progress", json!({"holder": "cy", "quest": "great_hunt", "value": 0})).await;
    place.assert_said(Some(&server), next());
    let rows = revisions(&server).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((&rows[0]["author"], &rows[1]["author"]), (&json!("start"), &json!("designer")), "{rows:?}");
    assert_eq!(rows[1]["source_revision"], "a1b2c3", "{rows:?}");

    // To undo takes back no grant.
    place.assert_said(Some(&server), next());
    // What is fixed is said, and refused.
    let fixed = worlds::WORLD.replace("meadow: {}", "meadow: {}\n  moor: {}");
    worlds::write(&place.at("edited"), &[("world.yaml", &fixed)]);
    place.assert_said(Some(&server), next());
    place.assert_said(Some(&server), next());
    assert_eq!(revisions(&server).await.len(), 2);
    // Errors are said before anything is sent.
    worlds::write(
        &place.at("edited"),
        &[("world.yaml", worlds::WORLD), ("quests/hunt.yaml", "wolf_hunt: {}\n")],
    );
    place.assert_said(Some(&server), next());
    server.stop();

    // A start with the folder of before is a revision, too; from then on plans are made without a server.
    let again = place.run(&["--source-revision", "d4e5f6"]);
    let rows = revisions(&again).await;
    assert_eq!(
        (rows.len(), &rows[2]["author"], &rows[2]["source_revision"]),
        (3, &json!("start"), &json!("d4e5f6"))
    );
    assert_eq!(rows[2]["difference"]["quests"]["renamed"], json!({"long_hunt": "great_hunt"}), "{rows:?}");
    again.stop();
    worlds::write(&place.at("edited"), &[("quests/hunt.yaml", &edited())]);
    place.assert_said(None, next());
    let same = place.run(&[]);
    assert_eq!(revisions(&same).await.len(), 3, "a start with the same is no revision");
    same.stop();
    assert_eq!(blocks.next(), None, "all that the page shows is run");
}

/// What a server is sent is checked again, and only a designer edits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_designer_edits_and_only_what_is_right() {
    let place = Place::new();
    let server = place.run(&[]);
    let files = |quests: &str| json!({"world.yaml": worlds::WORLD, "quests/hunt.yaml": quests});
    let right = json!({"revision": 1, "files": files(&edited())}).to_string();
    for (role, status) in [("game_server", 403), ("player", 403), ("dashboard", 403)] {
        for address in ["/v1/plan", "/v1/apply"] {
            let answer = post(&server, address, Some(server.token(role)), &right).await;
            assert_eq!(answer.status, status, "{role} {answer:?}");
        }
    }
    assert_eq!(post(&server, "/v1/apply", None, &right).await.status, 401);
    let designer = Some(server.token("designer"));
    for (body, code) in [
        (json!({"files": files(&edited())}), "missing_revision"),
        (json!({"revision": 1, "files": files("wolf_hunt: {}\n")}), "bad_world"),
        (json!({"revision": 1, "files": {"../world.yaml": "name: x"}}), "bad_world"),
        (json!({"revision": 1}), "bad_body"),
    ] {
        let answer = post(&server, "/v1/apply", designer, &body.to_string()).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)), "{answer:?}");
    }
    assert_eq!(revisions(&server).await.len(), 1, "nothing has been edited");
    let answer = post(&server, "/v1/apply", designer, &right).await;
    assert_eq!((answer.status, &answer.json()["revision"]), (200, &json!(2)), "{answer:?}");
    let late = post(&server, "/v1/apply", designer, &right).await;
    assert_eq!((late.status, &late.json()["error"]["code"]), (409, &json!("revision_moved")), "{late:?}");
    // A designer's events are refused.
    let event = r#"{"id": "x", "player": "ana", "kind": "kill", "target": "wolf"}"#;
    let answer = post(&server, "/v1/events", designer, event).await;
    assert_ne!(answer.json()["accepted"], 1, "{answer:?}");
    server.stop();
    let audit = std::fs::read_to_string(place.at("data/audit.jsonl")).expect("it is written");
    let acts: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |act: &str| acts.iter().filter(|line| line["act"] == act).count();
    assert_eq!((of("definitions_edited"), of("edit_refused")), (1, 1), "{audit}");
}

/// An edit that was acked is there after `kill -9`, as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_survives_a_crash_as_a_whole() {
    let place = Place::new();
    let server = place.run(&[]);
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    hunts(&mut client).await;
    let body = json!({"revision": 1, "files": {"world.yaml": worlds::WORLD, "quests/hunt.yaml": edited()}});
    let answer = post(&server, "/v1/apply", Some(server.token("designer")), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    server.crash();
    let again = Server::run(&place.at("edited"), &place.at("data"), &[]);
    assert_eq!(revisions(&again).await.len(), 2, "the folder is what there is already");
    let (_, progress) = view(&again, again.token("dashboard"), "objective_progress").await;
    let quests: Vec<&Value> = progress.values().map(|row| &row["quest"]).collect();
    assert!(quests.contains(&&json!("great_hunt")) && !quests.contains(&&json!("long_hunt")), "{quests:?}");
    let (_, grants) = view(&again, again.token("dashboard"), "grants").await;
    let paid = grants.values().filter(|row| row["player"] == "ana" && row["slot"] == "pay").count();
    assert_eq!(paid, 1, "{grants:?}");
    again.stop();
}

pub(crate) async fn until_revision(server: &Server, number: usize) -> Vec<Value> {
    let rows = async {
        loop {
            let rows = revisions(server).await;
            if rows.len() >= number {
                return rows;
            }
            // The server bounds how often one may ask.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, rows).await.expect("the folder is watched")
}

/// A saved file is an edit; one with errors changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_folder_edits_the_realm_as_it_is_saved() {
    let place = Place::new();
    let mut server = place.run(&["--watch"]);
    let world = place.at("world");
    let save = |quests: &str| worlds::write(&world, &[("quests/hunt.yaml", quests)]);
    assert_eq!(revisions(&server).await.len(), 1);
    save(&edited());
    let rows = until_revision(&server, 2).await;
    assert_eq!(rows[1]["author"], "watch", "{rows:?}");
    save("wolf_hunt: {}\n");
    server.until_said("realm small: nothing is changed");
    // Nor does one whose scenarios have errors, until these are mended.
    worlds::write(&world, &[("tests/first.yaml", "first: {stepps: []}\n")]);
    save(&worlds::QUESTS.replace("Three wolves", "Wolves"));
    server.until_said("error: tests/first.yaml");
    std::fs::remove_file(world.join("tests/first.yaml")).expect("removable");
    let rows = until_revision(&server, 3).await;
    assert_eq!(rows.len(), 3, "what has errors is no revision: {rows:?}");
    // What is applied from elsewhere is not in the folder.
    let body = json!({"revision": 3, "files": {"world.yaml": worlds::WORLD, "quests/hunt.yaml": edited()}});
    let answer = post(&server, "/v1/apply", Some(server.token("designer")), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    save(&worlds::QUESTS.replace("Three wolves", "Some wolves"));
    server.until_said("realm small: what revision 4 by ");
    assert_eq!(until_revision(&server, 5).await.len(), 5);
    // Who saves scenarios alone takes nothing back.
    let body = json!({"revision": 5, "files": {"world.yaml": worlds::WORLD, "quests/hunt.yaml": edited()}});
    let answer = post(&server, "/v1/apply", Some(server.token("designer")), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    worlds::write(&world, &[("tests/first.yaml", "first: {stepps: []}\n")]);
    server.until_said("error: tests/first.yaml");
    std::fs::remove_file(world.join("tests/first.yaml")).expect("removable");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(revisions(&server).await.len(), 6);
    let said = server.interrupt();
    assert!(said.stdout.contains("nothing is changed\nerror: quests/hunt.yaml"), "{said:?}");
    assert!(said.stdout.contains("realm small: revision 3"), "{said:?}");
}

#[test]
fn a_plan_is_of_a_world_and_of_a_folder_that_are_there() {
    let place = Place::new();
    let none = worldflow(["plan", path(&place.at("world"))]);
    assert!(!none.status.success(), "{none:?}");
    let same = worldflow(["plan", path(&place.at("world")), path(&place.at("world"))]);
    assert_eq!(same.stdout, "realm small\nnothing differs\n", "{same:?}");
    worlds::write(&place.at("world"), &[("tests/first.yaml", "first: {stepps: []}\n")]);
    let wrong = worldflow(["plan", path(&place.at("world")), path(&place.at("world"))]);
    assert!(!wrong.status.success() && wrong.stderr.contains("tests/first.yaml:1:9"), "{wrong:?}");
    std::fs::remove_file(place.at("world").join("tests/first.yaml")).expect("removable");
    let nowhere = worldflow([
        "plan",
        path(&place.at("world")),
        path(&place.at("edited")),
        "--data",
        path(Path::new("nowhere")),
    ]);
    assert!(!nowhere.status.success() && nowhere.stderr.contains("hint: "), "{nowhere:?}");
}

/// Views in SQL and rules are edited like everything else; what is wrong is said with its place, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_and_rules_are_edited_while_the_realm_runs() {
    const KILLS: &str = "CREATE VIEW kills AS SELECT player, count(*) AS n FROM events
        WHERE kind = 'kill' AND player IS NOT NULL AND now() <= at + INTERVAL '1 hour' GROUP BY player;";
    const RULE: &str = "talks: {trigger: {appears: {view: kills, where: {n: {above: 1}}}}, do: [{emit: {event: talk, target: maren}}]}";
    let place = Place::new();
    let server = place.run(&[]);
    let designer = server.token("designer");
    let files = |views: &str, rules: &str| json!({"world.yaml": worlds::WORLD, "quests/hunt.yaml": worlds::QUESTS, "views/kills.sql": views, "rules/talks.yaml": rules});
    let apply = async |revision: u64, views: &str, rules: &str| {
        let body = json!({"revision": revision, "files": files(views, rules)}).to_string();
        post(&server, "/v1/apply", Some(designer), &body).await
    };
    let mut client = Client::open(&server, server.token("game_server"), Encoding::Json).await;
    client.publish(&[deed("before", "ana", "kill", "wolf")]).await;
    let wrong = apply(1, &KILLS.replace("AND now() <= at + INTERVAL '1 hour'", ""), "{}").await;
    let error = &wrong.json()["error"];
    assert_eq!((wrong.status, &error["code"]), (400, &json!("bad_world")), "{wrong:?}");
    let reason = error["reason"].as_str().expect("a text");
    assert!(reason.contains("views/kills.sql:1:56: `events` without a bound in time"), "{reason}");
    let applied = apply(1, KILLS, RULE).await;
    assert_eq!((applied.status, &applied.json()["definitions"]), (200, &json!(2)), "{applied:?}");
    // It counts from now on.
    client.publish(&[deed("one", "ana", "kill", "wolf"), deed("two", "ana", "kill", "wolf")]).await;
    let row = async |wanted: Value| {
        let there = async {
            loop {
                let answer = crate::http::get(&server, "/v1/views/kills", Some(designer)).await;
                if answer.status == 200 && answer.json()["rows"] == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, there).await.unwrap_or_else(|_| panic!("{wanted}"));
    };
    row(json!([{"realm": "small", "player": "ana", "n": 2}])).await;
    // How much is kept for it.
    let said = worldflow([
        "explain-view",
        "--to",
        &format!("http://{}", server.address),
        "--token",
        designer,
        "kills",
    ]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    for wanted in [
        "  events of kill, for 1 hour; with those that other views need: 2 rows, 1 key, about ",
        "  groups of chosen events by #5: 1 row, 1 key, about ",
        "  rows of chosen events until their time has come: 2 rows, ",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted}\n{said:?}");
    }
    let unknown = worldflow([
        "explain-view",
        "--to",
        &format!("http://{}", server.address),
        "--token",
        designer,
        "kils",
    ]);
    assert!(!unknown.status.success() && unknown.stderr.contains("did you mean `kills`?"), "{unknown:?}");
    let player = crate::http::get(&server, "/v1/explain-view", Some(server.token("player"))).await;
    assert_eq!(player.status, 403, "{player:?}");
    // The events are there after a crash, and the rule has acted.
    server.crash();
    worlds::write(&place.at("world"), &[("views/kills.sql", KILLS), ("rules/talks.yaml", RULE)]);
    let again = place.run(&[]);
    let answer = crate::http::get(&again, "/v1/views/kills", Some(again.token("designer"))).await;
    assert_eq!(answer.json()["rows"], json!([{"realm": "small", "player": "ana", "n": 2}]), "{answer:?}");
    again.stop();
}
