//! A world that names a model: its lore is found by what it means, and by words where there is no model.

use std::path::Path;

use serde_json::Value;

use super::folder;
use crate::lore::{documents, until_found};
use crate::process::{Server, path, worldflow};
use crate::worlds;

const LORE: [(&str, &str); 3] = [
    ("lore/pond.md", "# The pond\nTwo children drowned there in the spring flood.\n"),
    ("lore/mill.md", "# The mill\nThe wheel turns, and bread is baked at dawn.\n"),
    ("lore/crown.md", "# The crown\nQueen Isolde has been on the throne for thirty winters.\n"),
];

/// No word of it is in any document.
const QUESTION: &str = "which ruler governs our country";

/// The small world with lore and these keys of a model, of which those that are not given are right.
fn world(more: &[(&str, &str)]) -> tempfile::TempDir {
    let place = worlds::small();
    let mut keys = String::new();
    for (key, file) in
        [("model", "model.onnx"), ("tokenizer", "tokenizer.json"), ("library", "libonnxruntime.so")]
    {
        let right = folder().join(file);
        let given = more.iter().find(|(other, _)| *other == key).map_or(path(&right), |(_, given)| *given);
        keys.push_str(&format!("{key}: '{given}', "));
    }
    let text = format!("{}lore: {{embedder: {{onnx: {{{keys}}}}}}}\n", worlds::WORLD);
    let files = LORE.into_iter().chain([("world.yaml", text.as_str())]);
    worlds::write(&place.path().join("world"), &files.collect::<Vec<_>>());
    place
}

fn search(world: &Path, more: &[&str]) -> String {
    let args = ["lore", "search", path(world), QUESTION].into_iter().chain(more.iter().copied());
    let done = worldflow(args.collect::<Vec<_>>());
    assert!(done.status.success(), "{done:?}");
    done.stdout
}

#[test]
fn a_folder_is_searched_by_what_it_means() {
    let place = world(&[]);
    let world = place.path().join("world");
    let text = search(&world, &[]);
    assert!(text.starts_with("the best 3 of 3 chunks, by cosine\n"), "{text}");
    let json: Value = serde_json::from_str(&search(&world, &["--json"])).expect("JSON");
    assert_eq!((json["ranking"].as_str(), &json["why"]), (Some("cosine"), &Value::Null));
    assert_eq!(documents(&json)[0], "crown", "{json}");
    let by_words: Value = serde_json::from_str(&search(&world, &["--json", "--lexical"])).expect("JSON");
    assert_eq!(documents(&by_words), Vec::<&str>::new(), "no word of the question is in the lore");
    let checked = worldflow(["check", path(&world)]);
    assert!(checked.status.success() && !checked.stdout.contains("there is no file"), "{checked:?}");
}

#[test]
fn what_cannot_be_loaded_is_told_and_words_are_searched() {
    let tokenizer = folder().join("tokenizer.json");
    for (key, given, said, is_there) in [
        ("library", "nowhere.so", "there is no library of ONNX Runtime at `", false),
        ("library", path(&tokenizer), "ONNX Runtime cannot be loaded: ", true),
        ("model", "nowhere.onnx", "there is no model at `", false),
        ("model", path(&tokenizer), "cannot be read as a model: ", true),
        ("tokenizer", "nowhere.json", "there is no tokenizer at `", false),
        ("tokenizer", "world.yaml", "cannot be read as a tokenizer: ", true),
    ] {
        let place = world(&[(key, given)]);
        let world = place.path().join("world");
        let text = search(&world, &[]);
        let why = text.lines().nth(1).unwrap_or_default();
        assert!(why.starts_with("by words, since ") && why.contains(said), "{key} {given}: {text}");
        assert!(text.contains("\nhint: "), "{key} {given}: {text}");
        // It is no error of the world, which may be run elsewhere.
        let checked = worldflow(["check", path(&world)]);
        let warned = format!("there is no file `{given}`");
        assert!(checked.status.success(), "{checked:?}");
        let all = format!("{}{}", checked.stdout, checked.stderr);
        assert_eq!(all.contains(&warned), !is_there, "{key} {given}: {checked:?}");
    }
}

#[test]
fn a_path_may_be_in_a_variable() {
    let place = world(&[("model", "${WORLDFLOW_NO_SUCH_MODEL}")]);
    let world = place.path().join("world");
    let done = worldflow(["lore", "search", path(&world), QUESTION]);
    assert!(!done.status.success(), "{done:?}");
    let wanted = "lore.embedder.onnx.model: the variable `WORLDFLOW_NO_SUCH_MODEL` is not set\nhint: ";
    assert!(done.stderr.contains(wanted), "{done:?}");
}

fn query() -> String {
    format!("q={}", QUESTION.replace(' ', "%20"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_realm_runs_without_its_model_and_takes_it_once_it_is_there() {
    let place = world(&[("model", "late.onnx")]);
    let world = place.path().join("world");
    let server = Server::run(&world, &place.path().join("data"), &[]);
    // A machine that is busy may take long to load the library.
    let is_told = |found: &Value| {
        let why = found["why"].as_str();
        found["ranking"] == "bm25" && why.is_some_and(|why| why.contains("there is no model at `"))
    };
    until_found(&server, &query(), is_told).await;
    std::fs::copy(folder().join("model.onnx"), world.join("late.onnx")).expect("it is copied");
    let found = until_found(&server, &query(), |found| found["ranking"] == "cosine").await;
    assert_eq!((documents(&found)[0], &found["why"]), ("crown", &Value::Null), "{found}");
    server.stop();
}
