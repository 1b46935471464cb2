//! Every code that a client may be sent is listed in docs/wire.md.

use std::collections::BTreeSet;
use std::path::Path;

fn codes(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            self::codes(&path, codes);
        } else {
            let text = std::fs::read_to_string(&path).expect("readable");
            for part in text.split("refuse(").chain(text.split("End::because(")).skip(1) {
                let code = part.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                codes.extend(code.map(|(code, _)| code.to_owned()));
            }
        }
    }
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeSet::new();
    codes(&root.join("src/check"), &mut all);
    codes(&root.join("src/game_socket"), &mut all);
    assert!(all.contains("unknown_kind") && all.contains("too_slow"), "{all:?}");
    let docs = std::fs::read_to_string(root.join("../docs/wire.md")).expect("docs/wire.md");
    let missing: Vec<&String> = all.iter().filter(|code| !docs.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/wire.md does not list {missing:?}");
}
