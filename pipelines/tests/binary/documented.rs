//! The examples of `docs/http.md`, `docs/sinks.md` and `docs/kinesis.md`, run as they stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::http::{ask, get};
use crate::process::{Server, path, worldflow};
use crate::worlds;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("the documentation is here")
}

/// The blocks of code in a language.
pub(crate) fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1).map(|rest| rest.split("\n```").next());
    blocks.map(|block| block.expect("split has a first part")).collect()
}

/// Whether a text is as the pattern says, in which `…` stands for anything. White space is for readers.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let (text, pattern) = (plain(text), plain(pattern));
    let parts: Vec<&str> = pattern.split('…').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    if parts.len() == 1 {
        return rest.is_empty();
    }
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn patterns_are_strict_but_for_their_gaps() {
    for (text, pattern, like) in [
        ("{\"a\":1}", "{\"a\": 1}", true),
        ("{\"a\":12}", "{\"a\": 1}", false),
        ("{\"a\":12,\"b\":3}", "{\"a\": …, \"b\": 3}", true),
        ("{\"a\":12,\"b\":3}", "{\"a\": …, \"b\": 4}", false),
        ("abc", "…c", true),
        ("abc", "…b", false),
        ("abc", "b…", false),
    ] {
        assert_eq!(is_like(text, pattern), like, "{text} {pattern}");
    }
}

/// `METHOD PATH ROLE`, a body, `→ STATUS`, an answer.
async fn assert_answered(servers: &BTreeMap<bool, Server>, example: &str) {
    let (request, answer) = example.split_once("\n→ ").expect("an answer");
    let (head, body) = request.split_once('\n').unwrap_or((request, ""));
    let (status, wanted) = answer.split_once('\n').expect("a status and a body");
    let words: Vec<&str> = head.split_whitespace().collect();
    let (method, address) = (words[0], words[1]);
    let server = &servers[&(address == "/v1/clock/advance")];
    let token = words.get(2).map(|role| server.token(role));
    let said = ask(server, method, address, token, body).await;
    assert_eq!(said.status.to_string(), status, "{example}\n{said:?}");
    assert!(is_like(&said.body, wanted), "{example}\n\nis answered\n{}", said.body);
    if token.is_some() {
        let stranger = ask(server, method, address, None, body).await;
        assert_eq!(stranger.status, 401, "{example}\n{stranger:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_http_are_answered_as_they_say() {
    let folder = worlds::small();
    let (world, data) = (folder.path().join("world"), folder.path().join("data"));
    let by_hand = ["--manual-clock", "--development"];
    let servers = BTreeMap::from([
        (false, Server::run(&world, &data, &[])),
        (true, Server::run(&world, &folder.path().join("by-hand"), &by_hand)),
    ]);
    let page = page("http.md");
    let examples = blocks(&page, "http");
    assert!(examples.len() >= 10, "{examples:#?}");
    for example in examples {
        assert_answered(&servers, example).await;
    }
    let metrics = get(&servers[&false], "/metrics", Some(servers[&false].token("dashboard"))).await;
    let documented = documented_metrics(&page);
    for line in metrics.body.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let whole = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        assert!(documented.contains(whole.unwrap_or(name)), "{line}");
    }
    servers.into_values().for_each(Server::stop);
}

fn documented_metrics(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `worldflow_"));
    rows.filter_map(|row| row.split('`').next()).map(|name| format!("worldflow_{name}")).collect()
}

/// The names of metrics in the sources of a folder: texts that begin with our name.
fn metrics_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("sources are here") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            metrics_in(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
            let found = text.split("\"worldflow_").skip(1).filter_map(|rest| rest.split('"').next());
            let plain = |name: &&str| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
            names.extend(found.filter(plain).map(|name| format!("worldflow_{name}")));
        }
    }
}

#[test]
fn every_metric_is_documented() {
    let mut names = BTreeSet::new();
    for room in ["engine", "sources", "sinks", "pipelines"] {
        metrics_in(&root().join(room).join("src"), &mut names);
    }
    // They are tables.
    for table in ["worldflow_old_grants", "worldflow_lore_embeddings"] {
        names.remove(table);
    }
    assert_eq!(documented_metrics(&page("http.md")), names);
}

/// The small world with something else instead of its sinks has no problem.
fn assert_right(end: &str, more: &[(&str, &str)]) {
    let folder = worlds::small();
    let world = folder.path().join("world");
    let (before, _) = worlds::WORLD.split_once("sinks:").expect("the small world has sinks");
    worlds::write(&world, &[("world.yaml", &format!("{before}{end}\n"))]);
    worlds::write(&world, more);
    let said = worldflow(["check", path(&world)]);
    assert!(said.status.success() && said.stdout.contains("no problems"), "{end}\n{said:?}");
}

#[test]
fn the_sinks_that_are_shown_are_sinks() {
    let page = page("sinks.md");
    let shown = blocks(&page, "yaml");
    assert!(!shown.is_empty());
    shown.into_iter().for_each(|sinks| assert_right(sinks, &[]));
}

#[test]
fn the_streams_and_the_mapping_that_are_shown_are_right() {
    let page = page("kinesis.md");
    let (sources, mappings): (Vec<&str>, Vec<&str>) =
        blocks(&page, "yaml").into_iter().partition(|block| block.starts_with("sources:"));
    assert_eq!((sources.len(), mappings.len()), (2, 1));
    sources.into_iter().for_each(|sources| assert_right(sources, &[]));
    let mapped = "sources: {game: {kinesis: {stream: s, region: r, map: game.map.yaml}}}";
    assert_right(mapped, &[("game.map.yaml", mappings[0])]);
}

#[test]
fn every_option_of_a_stream_is_documented() {
    let schema = std::fs::read_to_string(root().join("schemas/world.schema.json")).expect("it is here");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let kinds = schema["$defs"]["SourceDef"]["oneOf"].as_array().expect("a list of kinds");
    let options = kinds.iter().find_map(|kind| kind["properties"]["kinesis"]["properties"].as_object());
    let options: BTreeSet<&str> = options.expect("kinesis is a kind").keys().map(String::as_str).collect();
    let page = page("kinesis.md");
    let table = page.split("```\n| key | |").nth(1).and_then(|rest| rest.split("\n\n").next());
    let rows = table.expect("a table of keys").lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(documented, options);
}
