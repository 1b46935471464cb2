//! What a realm's journal makes of it, whatever became of its process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use worldflow_schemas::catalog;

/// What is in the deterministic views at a moment.
#[derive(Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) hash: String,
    views: BTreeMap<&'static str, String>,
}

impl Past {
    /// The rows of a view.
    pub(crate) fn rows(&self, view: &str) -> Vec<Value> {
        let lines = self.views[view].lines();
        lines.map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
    }

    /// Says where two differ, if they do.
    pub(crate) fn assert_same(&self, other: &Past, what: &str) {
        for (view, rows) in &self.views {
            let (rows, others): (Vec<_>, Vec<_>) =
                (rows.lines().collect(), other.views[view].lines().collect());
            let differ = rows.iter().zip(&others).find(|(row, other)| row != other);
            assert_eq!(rows.len(), others.len(), "{what}: {view}, {differ:?}");
            assert!(differ.is_none(), "{what}: {view}, {differ:?}");
        }
        assert_eq!(self.hash, other.hash, "{what}");
    }
}

/// The past of a realm from its whole journal, without what its snapshots say: up to a time, or to its end.
pub(crate) fn cold(folder: &Path, until_ms: Option<i64>) -> Past {
    let copy = tempfile::tempdir().expect("a folder");
    let realm = copy.path().join(folder.file_name().expect("a name"));
    let copied = Command::new("cp").arg("-r").args([folder, &realm]).status().expect("cp runs");
    assert!(copied.success(), "{copied}");
    std::fs::remove_dir_all(realm.join("snapshots")).expect("there were snapshots");
    let past = rebuilt(&realm, until_ms);
    assert_eq!(past.1, Value::Null, "no snapshot is left");
    past.0
}

/// The past of a realm as `replay` rebuilds it, and the snapshot that it began with.
pub(crate) fn rebuilt(folder: &Path, until_ms: Option<i64>) -> (Past, Value) {
    let dump = tempfile::tempdir().expect("a folder");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_worldflow"));
    replay.args(["replay", "--journal"]).arg(folder).arg("--dump").arg(dump.path());
    replay.args(until_ms.map(|until_ms| format!("--until={until_ms}")));
    let replayed = replay.output().expect("the binary starts");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let read = |name: &str| std::fs::read_to_string(dump.path().join(name)).expect("it is dumped");
    let summary: Value = serde_json::from_str(&read("summary.json")).expect("JSON");
    let views = catalog::ids().filter(|view| view.def().deterministic);
    let views = views.map(|view| (view.def().name, read(&format!("{}.ndjson", view.def().name))));
    let hash = summary["state_hash"].as_str().expect("a hash").to_owned();
    (Past { hash, views: views.collect() }, summary["snapshot"].clone())
}
