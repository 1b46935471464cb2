//! What is generated from the definitions is not stale, and the worlds point at it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
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

/// Every key that may be written, with where it is in its schema.
fn keys<'s>(schema: &'s Json, path: &str, found: &mut Vec<(String, &'s Json)>) {
    for (name, inner) in schema.as_object().into_iter().flatten() {
        match name.as_str() {
            "properties" => {
                for (key, property) in inner.as_object().into_iter().flatten() {
                    let path = format!("{path}.{key}");
                    keys(property, &path, found);
                    found.push((path, property));
                }
            }
            "$defs" => inner
                .as_object()
                .into_iter()
                .flatten()
                .for_each(|(of, definition)| keys(definition, &format!("{path}/{of}"), found)),
            "anyOf" | "oneOf" => inner.as_array().into_iter().flatten().for_each(|of| keys(of, path, found)),
            "items" | "additionalProperties" => keys(inner, path, found),
            _ => {}
        }
    }
}

/// What an editor shows of a key: what it is, and how it is written.
#[test]
fn every_key_says_what_it_is_and_shows_an_example() {
    let (mut lacking, mut count) = (Vec::new(), 0);
    for (name, text) in json_schemas() {
        let schema: Json = serde_json::from_str(&text).expect("a schema is JSON");
        let mut found = Vec::new();
        keys(&schema, name, &mut found);
        count += found.len();
        for (path, key) in found {
            for what in ["description", "examples"] {
                let there = key[what].as_str().is_some_and(|text| !text.is_empty())
                    || key[what].as_array().is_some_and(|examples| !examples.is_empty());
                if !there {
                    lacking.push(format!("{path} has no {what}"));
                }
            }
        }
    }
    assert!(count > 500, "{count} keys");
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
