//! How far sources have been read comes back with what was read: from the journal, and from a snapshot.

use std::path::Path;

use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::positions::Reached;
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_engine::snapshot::SnapshotConfig;
use worldflow_schemas::{EventId, Sym};

use crate::realms::{batch, config_in, count, item, publish};
use crate::restarts::crash_copy;
use crate::tiny::graph;

fn event_time(folder: &Path) -> RealmConfig {
    let source =
        EventTimeSource { source: "test".into(), lateness_ms: u64::MAX, idle_ms: 5_000, begins_ms: None };
    let snapshots = SnapshotConfig { at_close: true, ..SnapshotConfig::default() };
    RealmConfig { event_time: vec![source], snapshots, ..config_in(folder) }
}

fn kill(name: &str, at_ms: i64) -> Item {
    item("ada", "kill", at_ms, EventId::Named(name.into()))
}

async fn read(running: &RunningRealm, position: &str, items: Vec<Item>) {
    let reached = Reached { source: "game".into(), part: "shard".into(), position: Some(position.into()) };
    let batch = Batch { reached: Some(reached), ..batch("test", items) };
    running.realm.admission.submit(batch).await.expect("runs");
}

/// Where the shard goes on, if the realm crashed now and started again.
async fn after_a_crash(folder: &Path) -> Option<String> {
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(folder, copy.path());
    let again = open(event_time(copy.path()), graph()).await.expect("opens");
    let position = position(&again);
    again.close().await.expect("closes");
    position
}

fn position(running: &RunningRealm) -> Option<String> {
    let mut parts = running.positions().of(Sym::new("game"));
    assert!(parts.len() <= 1, "{parts:?}");
    parts.remove("shard").map(|position| position.to_string())
}

#[tokio::test]
async fn a_restart_goes_on_after_what_is_sealed_with_all_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(event_time(folder.path()), graph()).await.expect("opens");
    read(&running, "1", vec![kill("a", 20), kill("b", 50)]).await;
    read(&running, "2", vec![kill("c", 30)]).await;
    running.advance(3).await.expect("runs");
    assert_eq!(count(&running, "ada"), Some(2));
    assert_eq!(after_a_crash(folder.path()).await, None, "a part of the first is not sealed");
    running.advance(2).await.expect("runs");
    assert_eq!(after_a_crash(folder.path()).await.as_deref(), Some("2"));
    // Nothing new counts, and yet it has been read.
    read(&running, "3", vec![kill("b", 50)]).await;
    read(&running, "4", Vec::new()).await;
    running.advance(1).await.expect("runs");
    assert_eq!(after_a_crash(folder.path()).await.as_deref(), Some("4"));
    // What is known already waits with the first of it.
    read(&running, "5", vec![kill("d", 200)]).await;
    read(&running, "6", vec![kill("d", 200)]).await;
    running.advance(1).await.expect("runs");
    assert_eq!(after_a_crash(folder.path()).await.as_deref(), Some("4"));
    running.advance(20).await.expect("runs");
    assert_eq!(count(&running, "ada"), Some(4));
    running.close().await.expect("closes");
    // From the snapshot, and from the journal after it.
    for run in 0..2 {
        let running = open(event_time(folder.path()), graph()).await.expect("opens");
        assert_eq!(position(&running).as_deref(), Some("6"), "{run}");
        running.close().await.expect("closes");
    }
}

#[tokio::test]
async fn what_is_read_from_where_it_was_is_never_too_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(config_in(folder.path()), graph()).await.expect("opens");
    publish(&running, vec![kill("a", 0)]).await;
    // An hour passes, and the id is forgotten.
    running.advance(360_000).await.expect("runs");
    running.advance(100).await.expect("runs");
    let outcomes = publish(&running, vec![kill("b", 0)]).await;
    assert!(matches!(&outcomes[..], [Outcome::Refused(why)] if why.code == "too_old"), "{outcomes:?}");
    read(&running, "1", vec![kill("b", 0)]).await;
    running.advance(1).await.expect("runs");
    assert_eq!(count(&running, "ada"), Some(2));
    running.close().await.expect("closes");
}
