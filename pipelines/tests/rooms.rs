//! The house rules that a machine can check: which room may see which, and what the middle may not do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` and `[build-dependencies]` of a room's manifest.
fn dependencies(room: &str) -> BTreeSet<String> {
    let manifest = read(&root().join(room).join("Cargo.toml"));
    let mut names = BTreeSet::new();
    let mut counts = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            counts = matches!(line, "[dependencies]" | "[build-dependencies]");
        } else if counts && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().expect("split yields at least one part");
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn rooms_see_only_the_rooms_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("proto", &[] as &[&str]),
        ("schemas", &["worldflow-proto"]),
        ("operators", &["worldflow-schemas"]),
        ("engine", &["worldflow-proto", "worldflow-schemas"]),
        ("sources", &["worldflow-proto", "worldflow-schemas", "worldflow-engine"]),
        ("sinks", &["worldflow-proto", "worldflow-schemas", "worldflow-engine"]),
        (
            "pipelines",
            &[
                "worldflow-proto",
                "worldflow-schemas",
                "worldflow-operators",
                "worldflow-engine",
                "worldflow-sources",
                "worldflow-sinks",
            ],
        ),
    ]);
    for (room, below) in allowed {
        for name in dependencies(room).iter().filter(|name| name.starts_with("worldflow")) {
            assert!(below.contains(&name.as_str()), "{room} must not depend on {name}");
        }
    }
}

#[test]
fn the_middle_depends_on_nothing_that_touches_the_world() {
    let allowed = [
        "worldflow-schemas",
        "timely",
        "differential-dataflow",
        "hashbrown",
        "rustc-hash",
        "smallvec",
        "sqlparser",
        "strsim",
        "xxhash-rust",
        "serde",
        "serde_json",
        "postcard",
    ];
    for name in dependencies("operators") {
        assert!(allowed.contains(&name.as_str()), "operators must not depend on {name}");
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_middle_reads_no_wall_clock_and_draws_no_unseeded_chance() {
    let mut files = Vec::new();
    rust_files(&root().join("operators/src"), &mut files);
    assert!(files.len() > 5, "the operators are found");
    for file in files {
        let text = read(&file);
        for forbidden in
            ["Instant::now", "SystemTime", "Timestamp::now", "Zoned::now", "std::fs", "std::net", "rand::"]
        {
            // As a word: `Operand::` is something else.
            let word = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let found = text.match_indices(forbidden).any(|(at, _)| word(at));
            assert!(!found, "{}: {forbidden} in the pure middle", file.display());
        }
    }
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let mut files = Vec::new();
    for room in ["proto", "schemas", "operators", "engine", "sources", "sinks", "pipelines", "benches"] {
        rust_files(&root().join(room), &mut files);
    }
    let marks = [
        concat!("to", "do!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
    ];
    for file in files {
        let text = read(&file);
        for mark in marks {
            assert!(!text.contains(mark), "{}: {mark}", file.display());
        }
    }
}
