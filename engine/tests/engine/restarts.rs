//! A realm goes on where it was: from the journal, from a snapshot, after a clean end or a crash.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use worldflow_engine::admission::Outcome;
use worldflow_engine::runtime::{OpenError, RealmConfig, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::snapshot::SnapshotConfig;
use worldflow_schemas::EventId;

use crate::realms::{config, config_in, count, item, named, publish, rejection_codes};
use crate::tiny::graph;

/// Copies a data folder as a crash would leave it.
fn crash_copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("readable").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&copy).expect("writable");
            crash_copy(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("writable");
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_rows_ids_and_timers() {
    for at_close in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let snapshots = SnapshotConfig { at_close, ..SnapshotConfig::default() };
        let whole = open(config(), graph()).await.expect("opens");
        let mut epochs = Vec::new();
        for run in 0..3 {
            let running =
                open(RealmConfig { snapshots, ..config_in(folder.path()) }, graph()).await.expect("opens");
            epochs.push(running.realm.epoch);
            assert_eq!(running.realm.views.state_hash(), whole.realm.views.state_hash(), "run {run}");
            for step in 0..3 {
                let name = format!("{run}.{step}");
                let items = || {
                    vec![
                        named("ada", "kill", &name),
                        named("bob", "ring", &format!("{name}r")),
                        named("ada", "kill", "0.0"),
                    ]
                };
                let outcomes = publish(&running, items()).await;
                assert_eq!(outcomes, publish(&whole, items()).await);
                if (run, step) != (0, 0) {
                    assert_eq!(outcomes[2], Outcome::Duplicate { tick: 1 });
                }
                assert_eq!(running.realm.views.state_hash(), whole.realm.views.state_hash());
            }
            running.close().await.expect("closes");
            let kept = folder.path().join("snapshots").exists();
            assert_eq!(kept, at_close);
        }
        assert!(count(&whole, "bob") > Some(700), "rings rang");
        assert!(epochs.windows(2).all(|pair| pair[0] == pair[1]));
        whole.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_acknowledged_and_repeats_no_refusal() {
    let (folder, copy) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let running = open(config_in(folder.path()), graph()).await.expect("opens");
    let items =
        |n: u64| vec![item("ada", "kill", 0, EventId::Position(n)), named("ada", "refuse", &format!("r{n}"))];
    for n in 1..=5 {
        publish(&running, items(n)).await;
    }
    crash_copy(folder.path(), copy.path());
    let again = open(config_in(copy.path()), graph()).await.expect("opens");
    assert_eq!(again.realm.views.state_hash(), running.realm.views.state_hash());
    assert_eq!(publish(&again, items(3)).await, vec![Outcome::Duplicate { tick: 3 }; 2]);
    again.advance(1).await.expect("runs");
    assert_eq!(rejection_codes(&again), Vec::<String>::new());
    again.close().await.expect("closes");
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(config_in(folder.path()), graph()).await.expect("opens");
    let second = open(config_in(folder.path()), graph()).await;
    assert!(matches!(second, Err(OpenError::Folder(_))));
    let text = second.err().map(|error| error.to_string()).expect("refused");
    assert!(text.contains("another process is using this data folder"), "{text}");
    running.close().await.expect("closes");
    open(config_in(folder.path()), graph()).await.expect("free again").close().await.expect("closes");
}

#[tokio::test]
async fn a_restart_begins_after_the_reservation_and_tells_the_graph() {
    let (folder, copy) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let now_ms = Arc::new(AtomicI64::new(1_000_000));
    let wall = Arc::clone(&now_ms);
    let real_time = |folder: &Path| {
        let wall = Arc::clone(&wall);
        let mode = Mode::RealTime { wall: Arc::new(move || wall.load(Ordering::Relaxed)) };
        RealmConfig { mode, reserve_ms: 2000, ..config_in(folder) }
    };
    let running = open(real_time(folder.path()), graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    let published =
        tokio::spawn(async move { admission.publish("test".into(), vec![named("ada", "kill", "1")]).await });
    tokio::task::yield_now().await;
    now_ms.fetch_add(50, Ordering::Relaxed);
    let outcomes = published.await.expect("no panic").expect("runs");
    assert!(matches!(outcomes[..], [Outcome::Accepted { tick: 100_000..=100_006 }]), "{outcomes:?}");
    crash_copy(folder.path(), copy.path());
    running.close().await.expect("closes");

    now_ms.fetch_add(3_600_000, Ordering::Relaxed);
    let again = open(real_time(copy.path()), graph()).await.expect("opens");
    let mut progress = again.realm.progress.clone();
    progress.wait_for(|progress| progress.tick > 400_000).await.expect("runs");
    assert_eq!(count(&again, "ada"), Some(1));
    let gap = count(&again, "downtime").expect("the graph was told");
    // An hour less the reservation of two seconds, which may have been used.
    assert!((359_700..=359_910).contains(&gap), "{gap}");
    again.close().await.expect("closes");

    // After a clean end nothing is reserved any more.
    now_ms.fetch_add(3_600_000, Ordering::Relaxed);
    let again = open(real_time(folder.path()), graph()).await.expect("opens");
    let mut progress = again.realm.progress.clone();
    progress.wait_for(|progress| progress.tick > 800_000).await.expect("runs");
    let gap = count(&again, "downtime").expect("the graph was told");
    assert!((719_990..=720_010).contains(&gap), "{gap}");
    again.close().await.expect("closes");
}
