//! What is generated from the definitions is not stale, and the worlds point at it.

use std::path::{Path, PathBuf};

use worldflow::cli::schema::pages;
use worldflow::world::{Folder, json_schemas};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn assert_fresh(path: &Path, text: &str) {
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "{} is stale; run `worldflow schema --docs docs` in the root", path.display());
}

#[test]
fn the_json_schemas_are_not_stale() {
    for (name, text) in json_schemas() {
        assert_fresh(&root().join("schemas").join(name), &text);
    }
}

#[test]
fn the_generated_pages_are_not_stale() {
    for (name, text) in pages().expect("Greenvale is right") {
        assert_fresh(&root().join("docs").join(name), &text);
    }
}

#[test]
fn every_file_of_greenvale_names_its_schema() {
    let folder = root().join("pipelines/worlds/greenvale");
    let is_yaml = |file: &str| !file.ends_with(".sql") && !file.ends_with(".md");
    let yaml = Folder::greenvale().files.into_iter().filter(|(file, _)| is_yaml(file));
    for (file, bytes) in yaml {
        let text = String::from_utf8(bytes).expect("worlds are UTF-8");
        let first = text.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{file} names no schema in its first line"));
        let place = folder.join(&file).with_file_name("").join(schema);
        assert!(place.is_file(), "{file}: there is no {}", place.display());
    }
}
