//! What a realm's journal makes of it, whatever became of its process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use worldflow_schemas::catalog;

use crate::TICK_MS;

/// What is in the deterministic views at a moment.
#[derive(Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) hash: String,
    /// Designers' views too.
    pub(crate) views: BTreeMap<String, String>,
}

impl Past {
    /// The rows of a view.
    pub(crate) fn rows(&self, view: &str) -> Vec<Value> {
        let lines = self.views[view].lines();
        lines.map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
    }

    /// Says where two differ, if they do.
    pub(crate) fn assert_same(&self, other: &Past, what: &str) {
        assert!(self.views.keys().eq(other.views.keys()), "{what}");
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
    assert_eq!(past.1["snapshot"], Value::Null, "no snapshot is left");
    past.0
}

/// The past of a realm from a snapshot, whose hash it has come to as well.
pub(crate) fn from_snapshots(folder: &Path, until_ms: Option<i64>) -> Past {
    let (past, summary) = rebuilt(folder, until_ms);
    assert!(summary["snapshot"].is_u64() && summary["compared"].as_u64() > Some(0), "{summary}");
    past
}

/// What the newest snapshot wrote down is what the whole journal comes to at its tick, and nothing is wrong.
pub(crate) fn check_newest_snapshot(folder: &Path) {
    let doctor =
        Command::new(env!("CARGO_BIN_EXE_worldflow")).arg("doctor").arg(folder).arg("--json").output();
    let said: Value = serde_json::from_slice(&doctor.expect("the binary starts").stdout).expect("JSON");
    assert_eq!(said[0]["problems"], Value::Array(Vec::new()));
    let newest = &said[0]["snapshots"][0];
    let tick = newest["tick"].as_i64().unwrap_or_else(|| panic!("no snapshot: {said}"));
    assert_eq!(newest["state_hash"], cold(folder, Some(tick * TICK_MS)).hash, "tick {tick}");
}

/// The past of a realm as `replay` rebuilds it, and what `replay` says of it.
fn rebuilt(folder: &Path, until_ms: Option<i64>) -> (Past, Value) {
    let dump = tempfile::tempdir().expect("a folder");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_worldflow"));
    replay.args(["replay", "--journal"]).arg(folder).arg("--dump").arg(dump.path());
    replay.args(until_ms.map(|until_ms| format!("--until={until_ms}")));
    let replayed = replay.output().expect("the binary starts");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let read = |name: &str| std::fs::read_to_string(dump.path().join(name)).expect("it is dumped");
    let summary: Value = serde_json::from_str(&read("summary.json")).expect("JSON");
    let observed: Vec<&str> =
        catalog::ids().map(|view| view.def()).filter(|def| !def.deterministic).map(|def| def.name).collect();
    let files =
        std::fs::read_dir(dump.path()).expect("a folder").map(|entry| entry.expect("readable").path());
    let views = files
        .filter_map(|file| Some(file.file_name()?.to_str()?.strip_suffix(".ndjson")?.to_owned()))
        .filter(|view| !observed.contains(&view.as_str()))
        .map(|view| (view.clone(), read(&format!("{view}.ndjson"))));
    let hash = summary["state_hash"].as_str().expect("a hash").to_owned();
    (Past { hash, views: views.collect() }, summary)
}
