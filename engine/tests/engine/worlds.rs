//! A world that was edited while nothing ran rules from then on, and never what came before.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use worldflow_engine::runtime::{RealmConfig, open};
use worldflow_engine::snapshot::{SnapshotConfig, newest};

use crate::realms::{config_in, count, named, publish};
use crate::restarts::crash_copy;
use crate::tiny::{graphs, world};

/// The world in which every event counts `worth`.
fn worth(folder: &Path, worth: u64) -> RealmConfig {
    let mut world = (*world()).clone();
    world.seed = worth;
    let snapshots = SnapshotConfig { at_close: false, ..SnapshotConfig::default() };
    RealmConfig { world: Arc::new(world), snapshots, ..config_in(folder) }
}

/// What ada counts when the folder is opened, and after one more event.
async fn opened(folder: &Path, worth_now: u64, id: &str) -> (Option<i64>, Option<i64>) {
    let running = open(worth(folder, worth_now), graphs()).await.expect("opens");
    let before = count(&running, "ada");
    publish(&running, vec![named("ada", "kill", id)]).await;
    let after = count(&running, "ada");
    running.close().await.expect("closes");
    (before, after)
}

fn copied(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(from, copy.path());
    copy
}

/// A folder that crashed with three events under the first world, in the journal only.
async fn crashed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let running = open(worth(folder.path(), 1), graphs()).await.expect("opens");
    for id in ["1", "2", "3"] {
        publish(&running, vec![named("ada", "kill", id)]).await;
    }
    let copy = copied(folder.path());
    running.close().await.expect("closes");
    copy
}

#[tokio::test]
async fn what_was_sealed_counts_as_it_did_when_it_was_sealed() {
    let folder = crashed().await;
    assert_eq!(opened(folder.path(), 10, "4").await, (Some(3), Some(13)));
    // The journal now holds ticks of two worlds, and the next one comes from a crash as well.
    assert_eq!(opened(folder.path(), 10, "5").await, (Some(13), Some(23)));
    assert_eq!(opened(folder.path(), 100, "6").await, (Some(23), Some(123)));
    assert_eq!(opened(folder.path(), 1, "7").await, (Some(123), Some(124)));
    // What was accepted before an edit is known after it.
    let running = open(worth(folder.path(), 5), graphs()).await.expect("opens");
    publish(&running, vec![named("ada", "kill", "1"), named("ada", "kill", "7")]).await;
    assert_eq!(count(&running, "ada"), Some(124));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_crash_at_any_step_of_the_switch_loses_nothing() {
    let folder = crashed().await;
    let switched = copied(folder.path());
    open(worth(switched.path(), 10), graphs()).await.expect("opens").close().await.expect("closes");
    let snapshots = |from: &Path, to: &Path, extension: &str| {
        fs::create_dir_all(to.join("snapshots")).expect("writable");
        for entry in fs::read_dir(from.join("snapshots")).expect("written") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|found| found == extension) {
                let name = path.file_name().expect("a name");
                fs::copy(&path, to.join("snapshots").join(name)).expect("writable");
            }
        }
    };
    let state = |step: usize| {
        let copy = copied(folder.path());
        if step >= 1 {
            snapshots(switched.path(), copy.path(), "run");
            snapshots(switched.path(), copy.path(), "ids");
        }
        if step >= 2 {
            snapshots(switched.path(), copy.path(), "manifest");
        }
        if step == 3 {
            fs::write(copy.path().join("worlds.part"), "{").expect("writable");
        }
        if step >= 4 {
            fs::copy(switched.path().join("worlds.json"), copy.path().join("worlds.json")).expect("writable");
        }
        copy
    };
    for step in 0..=4 {
        // Whoever opens it then, with the edit, without it, or with another one.
        for worth_now in [10, 1, 100] {
            let copy = state(step);
            let expected = 3 + i64::try_from(worth_now).expect("small");
            let found = opened(copy.path(), worth_now, "4").await;
            assert_eq!(found, (Some(3), Some(expected)), "step {step}, worth {worth_now}");
            assert_eq!(opened(copy.path(), worth_now, "4").await.0, Some(expected));
        }
    }
}

#[tokio::test]
async fn when_the_snapshot_of_a_switch_is_damaged_the_worlds_are_followed_again() {
    let folder = crashed().await;
    assert_eq!(opened(folder.path(), 10, "4").await, (Some(3), Some(13)));
    assert_eq!(opened(folder.path(), 100, "5").await, (Some(13), Some(113)));
    let snapshots = folder.path().join("snapshots");
    let switch = newest(&snapshots).expect("one a switch").tick;
    fs::write(snapshots.join(format!("{switch:020}.manifest")), "damaged").expect("writable");
    assert!(newest(&snapshots).expect("the one before").tick < switch);
    assert_eq!(opened(folder.path(), 100, "6").await, (Some(113), Some(213)));
    assert_eq!(newest(&snapshots).expect("published again").tick, switch);
}
