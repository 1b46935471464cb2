//! Every code that a client may be sent is listed in docs/wire.md.

use std::collections::BTreeSet;
use std::path::Path;

/// What stands before a code in the sources.
const BEFORE: [&str; 7] = [
    "refuse(",
    "End::because(",
    "HttpError::bad_request(",
    "HttpError::not_found(",
    "HttpError::unavailable(",
    "code: ",
    "code: Sym::new(",
];

/// The text between two quotation marks, when the text begins with one.
fn quoted(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split_once('"').map(|(code, _)| code)
}

fn codes(path: &Path, all: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("the sources are here") {
            codes(&entry.expect("readable").path(), all);
        }
        return;
    }
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // What tests make up is sent to nobody.
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for part in BEFORE.into_iter().flat_map(|before| text.split(before).skip(1)) {
        all.extend(quoted(part).map(str::to_owned));
    }
    // The first argument of this one is the status.
    let with_status = text.split("HttpError::new(").skip(1).filter_map(|part| part.split_once(','));
    all.extend(with_status.filter_map(|(_, code)| quoted(code)).map(str::to_owned));
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = BTreeSet::new();
    for path in [
        "sources/src/check",
        "sources/src/game_socket",
        "sources/src/http_events.rs",
        "sources/src/http_forget.rs",
        "engine/src",
        "operators/src",
        "sinks/src",
        "pipelines/src/advance.rs",
    ] {
        codes(&root.join(path), &mut all);
    }
    for code in [
        "unknown_kind",
        "too_slow",
        "line_too_long",
        "dedupe_full",
        "unknown_state",
        "unknown_filter",
        "unauthenticated",
        "bad_move",
    ] {
        assert!(all.contains(code), "{code} is not among {all:?}");
    }
    let docs = std::fs::read_to_string(root.join("docs/wire.md")).expect("docs/wire.md");
    let missing: Vec<&String> = all.iter().filter(|code| !docs.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/wire.md does not list {missing:?}");
}
