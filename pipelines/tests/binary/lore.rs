//! Lore, searched in a folder and in a realm that runs while its documents are edited.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::edits::until_revision;
use crate::http::get;
use crate::process::{DEADLINE, Server, path, worldflow};
use crate::worlds;

const LAKE: &str = "---\nknown_by: [maren]\n---\n# The lake\nThe bell under the lake rings at night.\n";
const MILL: &str = "# The mill\nThe wheel turns, and the miller sleeps.\n";

/// What the small realm finds.
pub(crate) async fn found(server: &Server, query: &str) -> Value {
    let path = format!("/v1/realms/small/lore?{query}");
    let answer = get(server, &path, Some(server.token("dashboard"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Searches until what is found is so: an embedder that was down is asked again after a while.
pub(crate) async fn until_found(server: &Server, query: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = found(server, query).await;
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < end, "it stays so: {found:#}");
        // The server bounds how often one may ask.
        sleep(Duration::from_millis(50)).await;
    }
}

/// The documents of what was found, the best first.
pub(crate) fn documents(found: &Value) -> Vec<&str> {
    let hits = found["hits"].as_array().expect("hits are a list");
    hits.iter().map(|hit| hit["document"].as_str().expect("a document")).collect()
}

#[test]
fn a_folder_is_searched() {
    let folder = worlds::small();
    let world = folder.path().join("world");
    worlds::write(&world, &[("lore/lake.md", LAKE), ("lore/mill.md", MILL)]);
    let search = |more: &[&str]| {
        let args = ["lore", "search", path(&world), "the bell"].into_iter().chain(more.iter().copied());
        let done = worldflow(args.collect::<Vec<_>>());
        assert!(done.status.success(), "{done:?}");
        done.stdout
    };
    let text = search(&[]);
    assert!(text.starts_with("the best 2 of 2 chunks, by bm25\n"), "{text}");
    assert!(text.contains("lake: The lake\n") && text.contains("The bell under the lake rings"), "{text}");
    let json: Value = serde_json::from_str(&search(&["--json", "-k", "1"])).expect("JSON");
    assert_eq!((documents(&json), &json["ranking"]), (vec!["lake"], &json!("bm25")));
    let json: Value = serde_json::from_str(&search(&["--json", "--npc", "wolf"])).expect("JSON");
    assert_eq!(documents(&json), ["mill"]);
    let json: Value = serde_json::from_str(&search(&["--json", "--npc", "maren"])).expect("JSON");
    assert_eq!(documents(&json), ["lake", "mill"]);
    let unknown = worldflow(["lore", "search", path(&world), "bell", "--npc", "marten"]);
    assert!(!unknown.status.success() && unknown.stderr.contains("did you mean `maren`?"), "{unknown:?}");

    // An embedder that is down does not keep anybody from searching.
    let tiered = format!(
        "{}tiers: {{vectors: {{url: 'http://127.0.0.1:1', model: m}}}}\nlore: {{embedder: {{tier: vectors}}}}\n",
        worlds::WORLD
    );
    worlds::write(&world, &[("world.yaml", &tiered)]);
    let text = search(&["-k", "1"]);
    assert!(text.contains("by words, since the embedder cannot be reached"), "{text}");
    let json: Value = serde_json::from_str(&search(&["--json", "--lexical"])).expect("JSON");
    assert_eq!(json["why"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lore_is_edited_while_the_realm_runs() {
    let folder = worlds::small();
    let at = |name: &str| folder.path().join(name);
    worlds::write(&at("world"), &[("lore/lake.md", LAKE), ("lore/mill.md", MILL)]);
    let edited = [
        ("world.yaml", worlds::WORLD),
        ("quests/hunt.yaml", worlds::QUESTS),
        ("lore/mill.md", "The wheel stands.\n"),
    ];
    worlds::write(&at("edited"), &edited);
    let server = Server::run(&at("world"), &at("data"), &[]);
    assert_eq!(documents(&found(&server, "q=bell%20wheel").await), ["mill", "lake"]);
    assert_eq!(documents(&found(&server, "q=bell%20wheel&npc=wolf").await), ["mill"]);
    let refused = get(&server, "/v1/realms/small/lore?q=bell", Some(server.token("player"))).await;
    assert_eq!(refused.status, 403, "{refused:?}");

    let (new, plan) = (at("edited"), at("plan.json"));
    let address = format!("http://{}", server.address);
    let token = server.token("designer");
    let planned = worldflow(["plan", path(&new), "--to", &address, "--token", token, "--out", path(&plan)]);
    for wanted in ["- lore lake", "~ lore mill", "The wheel stands."] {
        assert!(planned.stdout.contains(wanted), "{wanted}: {planned:?}");
    }
    let applied = worldflow(["apply", path(&plan), "--to", &address, "--token", token]);
    assert!(applied.status.success(), "{applied:?}");
    until_revision(&server, 2).await;
    assert_eq!(documents(&found(&server, "q=bell%20sleeps").await), Vec::<&str>::new());
    assert_eq!(found(&server, "q=stands").await["hits"][0]["text"], "The wheel stands.");
    server.stop();

    // What was edited is there again, and a start with the folder that was applied is no revision.
    let again = Server::run(&new, &at("data"), &["--watch"]);
    assert_eq!(documents(&found(&again, "q=stands").await), ["mill"]);
    worlds::write(&new, &[("lore/moor.md", "Heather stands on the moor.\n")]);
    until_revision(&again, 3).await;
    assert_eq!(documents(&found(&again, "q=heather").await), ["moor"]);
    again.stop();
}
