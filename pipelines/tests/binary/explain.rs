//! Quests of a running server and of a data folder explained: as `docs/explain.md` shows, and to whom not.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::documented::{blocks, is_like, page};
use crate::http::{get, post};
use crate::process::{Said, Server, path, worldflow};
use crate::worlds;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// The small world with the quest of the page.
    fn new() -> Place {
        let folder = worlds::small();
        let page = page("explain.md");
        let quests = blocks(&page, "yaml");
        worlds::write(&folder.path().join("world"), &[("quests/hunt.yaml", quests[0])]);
        Place { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn said(&self, server: Option<&Server>, command: &str) -> Said {
        let words = command.split_whitespace().skip(1).map(|word| match word {
            "http://127.0.0.1:7777" => format!("http://{}", server.expect("it is named").address),
            "$TOKEN" => server.expect("it is named").token("designer").to_owned(),
            "world" | "data" | "graph.svg" => path(&self.at(word)).to_owned(),
            other => other.to_owned(),
        });
        let words: Vec<String> = words.collect();
        worldflow(words.iter().map(String::as_str))
    }

    fn assert_said(&self, server: Option<&Server>, block: &str) {
        let (command, wanted) = block.split_once('\n').unwrap_or((block, ""));
        let said = self.said(server, command.strip_prefix("$ ").expect("a command"));
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(is_like(&all, wanted), "{command}\nsays\n{all}\nand not\n{wanted}");
    }
}

/// Sends events, one a line, each of which must be taken.
async fn send(server: &Server, lines: &[Value]) {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = post(server, "/v1/events", Some(server.token("game_server")), &body).await;
    assert_eq!(answer.json()["accepted"], lines.len(), "{answer:?}");
}

fn accepts(id: &str, player: &str) -> Value {
    json!({"id": id, "player": player, "kind": "quest.accept", "target": "lost_flock"})
}

async fn ana_begins(server: &Server) {
    send(server, &[accepts("a1", "ana")]).await;
    send(
        server,
        &[
            json!({"id": "a2", "player": "ana", "kind": "kill", "target": "wolf", "region": "meadow"}),
            json!({"id": "a3", "player": "ana", "kind": "talk", "target": "maren"}),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_what_the_commands_say() {
    let page = page("explain.md");
    let mut blocks = blocks(&page, "console").into_iter();
    let mut next = || blocks.next().expect("the page shows it");
    let place = Place::new();
    let server = Server::run(&place.at("world"), &place.at("data"), &[]);
    ana_begins(&server).await;
    place.assert_said(Some(&server), next());
    send(
        &server,
        &[
            accepts("b1", "bo"),
            accepts("c1", "cy"),
            json!({"id": "c2", "player": "cy", "kind": "talk", "target": "maren"}),
        ],
    )
    .await;
    server.stop();
    place.assert_said(None, next());
    place.assert_said(None, next());
    place.assert_said(None, next());
    // A realm that is not there is not taken for the only one that is.
    for (realm, says) in [
        ("smal", "no realm `smal` keeps its data here\nhint: did you mean `small`?"),
        ("nope", "it has small"),
    ] {
        for what in ["explain --player ana --quest lost_flock", "plan world world"] {
            let said = place.said(None, &format!("worldflow {what} --data data --realm {realm}"));
            assert!(!said.status.success() && said.stderr.contains(says), "{said:?}");
        }
    }
    let counted = "worldflow explain --data data --player ana --quest lost_flock --events 0";
    let counted = place.said(None, counted).stdout;
    assert!(counted.contains("1 event counted, +1 in all\n") && !counted.contains("the last 0"), "{counted}");
    let picture = std::fs::read_to_string(place.at("graph.svg")).expect("it is written");
    assert!(picture.contains(">lost_flock</text>"), "{picture}");
    assert!(blocks.next().is_none(), "every block of the page has been run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_explains_to_those_who_may_read_its_realm() {
    let place = Place::new();
    let server = Server::run(&place.at("world"), &place.at("data"), &[]);
    ana_begins(&server).await;
    let address = "/v1/explain?player=ana&quest=lost_flock";
    assert_eq!(get(&server, address, None).await.status, 401);
    let denied = get(&server, address, Some(server.token("player"))).await;
    assert_eq!((denied.status, &denied.json()["error"]["code"]), (403, &json!("not_allowed")), "{denied:?}");
    for role in ["game_server", "dashboard", "designer"] {
        let told = get(&server, address, Some(server.token(role))).await;
        assert_eq!(told.status, 200, "{told:?}");
        let told = told.json();
        let news = &told["stages"][0]["objectives"][1];
        assert_eq!((&told["state"], &news["value"]), (&json!("active"), &json!(1)), "{told}");
        assert_eq!(news["counted"]["last"][0]["event"]["id"], "a3", "{told}");
    }
    let dashboard = Some(server.token("dashboard"));
    for (address, status, code) in [
        ("/v1/explain?player=ana", 400, "missing_parameter"),
        ("/v1/explain?quest=lost_flock", 400, "missing_parameter"),
        ("/v1/explain?player=ana&quest=wolf", 404, "unknown_quest"),
        ("/v1/explain?player=nobody-at-all&quest=lost_flock", 404, "unknown_id"),
        ("/v1/explain?player=ana&quest=lost_flock&realm=other", 404, "unknown_realm"),
        ("/v1/explain?player=ana&quest=lost_flock&at=noon", 400, "bad_query"),
        ("/v1/explain?player=ana&quest=lost_flock&events=100000", 400, "bad_query"),
        ("/v1/explain?player=ana&quest=lost_flock&colour=red", 400, "bad_query"),
        ("/v1/explain?holder=region:meadow&quest=lost_flock", 400, "other_scope"),
        ("/v1/explain?holder=meadow&quest=lost_flock", 400, "bad_query"),
        ("/v1/explain?holder=guild:nobody-at-all&quest=lost_flock", 404, "unknown_id"),
        ("/v1/explain?player=ana&quest=lost_flok", 404, "unknown_quest"),
        ("/v1/explain?quest=lost_flok&stuck=true", 404, "unknown_quest"),
        ("/v1/explain?quest=lost_flock&stuck=maybe", 400, "bad_query"),
        ("/v1/explain?player=ana&quest=lost_flock&at=5", 400, "too_early"),
    ] {
        let refused = get(&server, address, dashboard).await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, &error["code"]), (status, &json!(code)), "{address}: {refused:?}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(!hint.is_empty() && error["retryable"] != true, "{address}: {refused:?}");
        assert!(!address.contains("flok") || hint == "did you mean `lost_flock`?", "{address}: {refused:?}");
    }
    for stuck in ["true", "1"] {
        let stuck =
            get(&server, &format!("/v1/explain?quest=lost_flock&stuck={stuck}"), dashboard).await.json();
        assert_eq!(
            (&stuck["holders"], &stuck["stages"][0]["stage"]),
            (&json!(1), &json!("search")),
            "{stuck}"
        );
    }
    let later = get(&server, &format!("{address}&at=2999-01-01T00:00:00Z"), dashboard).await.json();
    assert_eq!(later["asked"]["at"], "2999-01-01T00:00:00Z", "{later}");
    // What came last is in it, and what the past was does not change.
    let now = get(&server, address, dashboard).await.json();
    let at = format!("{address}&at={}", now["tick"]);
    send(&server, &[json!({"id": "a4", "player": "ana", "kind": "kill", "target": "maren"})]).await;
    let then = get(&server, &at, dashboard).await.json();
    assert_eq!((&then["state"], &then["tick"]), (&json!("active"), &now["tick"]), "{then}");
    let failed = get(&server, address, dashboard).await.json();
    assert_eq!(failed["state"], "failed", "{failed}");
    let history = failed["history"].as_array().expect("a list");
    assert_eq!(history[history.len() - 1]["by"]["event"]["id"], "a4", "{failed}");
    server.stop();
}

#[test]
fn what_is_asked_wrongly_says_how_to_ask() {
    let place = Place::new();
    for (args, wanted) in [
        (vec!["explain", "--player", "ana", "--quest", "q"], "--data"),
        (vec!["explain", "--data", "nowhere", "--player", "ana", "--quest", "q"], "hint:"),
        (vec!["explain", "--data", "nowhere", "--quest", "q"], "--player"),
        (vec!["explain", "--data", "nowhere", "--player", "a", "--quest", "q", "--at", "noon"], "no moment"),
        (vec!["explain", "--data", "nowhere", "--holder", "ana", "--quest", "q"], "SCOPE:ID"),
        (vec!["graph", "nowhere"], "nowhere"),
        (vec!["graph", path(&place.at("world")), "--dot", "/proc/none/x.dot"], "hint: name a file"),
    ] {
        let said = worldflow(args.iter().copied());
        assert!(!said.status.success() && said.stderr.contains(wanted), "{args:?}: {said:?}");
    }
    let dot = worldflow(["graph", path(&place.at("world")), "--dot"]);
    assert!(dot.stdout.starts_with("digraph \"small\" {") && dot.status.success(), "{dot:?}");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/greenvale");
    let svg = worldflow(["graph", path(&here)]);
    assert!(svg.stdout.starts_with("<svg") && svg.status.success(), "{:?}", svg.status);
    let committed = std::fs::read_to_string(here.join("../../../docs/relations.svg")).expect("it is here");
    assert!(
        committed == svg.stdout,
        "docs/relations.svg is stale: worldflow graph pipelines/worlds/greenvale --svg docs/relations.svg"
    );
}
