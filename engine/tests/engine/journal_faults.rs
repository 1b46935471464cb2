//! A journal that was cut off is mended; one that is damaged is refused with the place.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use worldflow_engine::journal::JournalError;
use worldflow_engine::runtime::{OpenError, RealmConfig, open};
use worldflow_engine::snapshot::{Retention, SnapshotConfig, newest};

use crate::realms::{config_in, count, named, publish};
use crate::tiny::graph;

fn without_snapshots(folder: &Path) -> RealmConfig {
    let snapshots = SnapshotConfig { at_close: false, ..SnapshotConfig::default() };
    RealmConfig { snapshots, ..config_in(folder) }
}

/// The one segment that holds ticks.
async fn written(folder: &Path, ticks: usize) -> PathBuf {
    let running = open(without_snapshots(folder), graph()).await.expect("opens");
    for tick in 0..ticks {
        publish(&running, vec![named("ada", "kill", &tick.to_string())]).await;
    }
    running.close().await.expect("closes");
    folder.join("journal/000000000001.journal")
}

#[tokio::test]
async fn a_torn_tail_is_cut_at_the_last_whole_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let segment = written(folder.path(), 3).await;
    let whole = fs::read(&segment).expect("readable");
    for tail in [&whole[..7], &whole[..13], &[0; 100][..]] {
        let mut file = OpenOptions::new().append(true).open(&segment).expect("writable");
        file.write_all(tail).expect("writable");
        drop(file);
        let running = open(without_snapshots(folder.path()), graph()).await.expect("opens");
        assert_eq!(count(&running, "ada"), Some(3));
        assert_eq!(fs::read(&segment).expect("readable"), whole);
        running.close().await.expect("closes");
        // The next tail is again that of the last segment.
        for later in fs::read_dir(folder.path().join("journal")).expect("a folder") {
            let later = later.expect("readable").path();
            if later != segment {
                fs::remove_file(later).expect("removable");
            }
        }
    }
}

#[tokio::test]
async fn a_last_frame_that_does_not_match_its_checksum_is_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let segment = written(folder.path(), 3).await;
    let mut bytes = fs::read(&segment).expect("readable");
    // The last frame is the note of the clean end; without it the state is the same.
    *bytes.last_mut().expect("not empty") ^= 0xff;
    fs::write(&segment, &bytes).expect("writable");
    let running = open(without_snapshots(folder.path()), graph()).await.expect("opens");
    assert_eq!(count(&running, "ada"), Some(3));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn damage_in_the_middle_is_refused_with_its_place() {
    for place in [2, 13] {
        let folder = tempfile::tempdir().expect("a folder");
        let segment = written(folder.path(), 3).await;
        let mut bytes = fs::read(&segment).expect("readable");
        bytes[place] ^= 0xff;
        fs::write(&segment, &bytes).expect("writable");
        let refused =
            open(without_snapshots(folder.path()), graph()).await.err().expect("refused").to_string();
        assert!(refused.contains("000000000001.journal: byte 0:"), "{refused}");
        assert!(refused.contains("hint: the journal is damaged here"), "{refused}");
        // The folder is free again, and untouched.
        assert_eq!(fs::read(&segment).expect("readable"), bytes);
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    for run in 0..2 {
        let running = open(config_in(folder.path()), graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", &run.to_string())]).await;
        running.close().await.expect("closes");
    }
    let snapshots = folder.path().join("snapshots");
    let newest_tick = || newest(&snapshots).map(|snapshot| snapshot.tick);
    assert_eq!(newest_tick(), Some(2));
    // Runs and files of ids are numbered in turn: 1 and 2 are the first snapshot's, 3 and 4 were added.
    let damage = |file: &str| {
        let file = snapshots.join(file);
        let mut bytes = fs::read(&file).expect("readable");
        // The last byte of what the sequencer remembers: it decodes all the same.
        *bytes.last_mut().expect("not empty") ^= 1;
        fs::write(file, bytes).expect("writable");
    };
    // The journal from the older one on is kept.
    assert!(!folder.path().join("journal/000000000001.journal").exists());
    damage("000000000004.ids");
    assert_eq!(newest_tick(), Some(1));
    let running = open(without_snapshots(folder.path()), graph()).await.expect("opens");
    assert_eq!(count(&running, "ada"), Some(2));
    running.close().await.expect("closes");
    // The second names the first one's run, too: without that there is neither, and what is left of the
    // journal is not enough.
    damage("000000000004.ids");
    assert_eq!(newest_tick(), Some(2));
    fs::remove_file(snapshots.join("000000000001.run")).expect("removable");
    assert_eq!(newest_tick(), None);
    let refused = open(without_snapshots(folder.path()), graph()).await.err().expect("refused");
    assert!(matches!(refused, OpenError::Journal(JournalError::Removed { after: 1, .. })), "{refused}");
}

/// Changes a byte of the newest file with that ending.
fn damage_newest(snapshots: &Path, ending: &str) {
    let files = fs::read_dir(snapshots).expect("a folder").map(|entry| entry.expect("readable").path());
    let file = files.filter(|path| path.extension().is_some_and(|it| it == ending)).max().expect("some");
    let mut bytes = fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("writable");
}

#[tokio::test]
async fn a_damaged_snapshot_is_none_of_the_two_that_are_kept() {
    // With nothing of the past to keep, and with a bound that is always reached.
    for keep_ms in [0, 1_000_000] {
        for ending in ["manifest", "ids", "run"] {
            let folder = tempfile::tempdir().expect("a folder");
            let retention = Retention { keep_ms, at_most_bytes: 1 };
            let snapshots = SnapshotConfig { retention, ..SnapshotConfig::default() };
            let mut events = 0;
            for damaged in [false, false, true, true, true] {
                if damaged {
                    damage_newest(&folder.path().join("snapshots"), ending);
                }
                let config = RealmConfig { snapshots, ..config_in(folder.path()) };
                let running = open(config, graph()).await.unwrap_or_else(|error| {
                    panic!("keep {keep_ms}, {ending}, {events} events: {error}");
                });
                publish(&running, vec![named("ada", "kill", &events.to_string())]).await;
                events += 1;
                assert_eq!(count(&running, "ada"), Some(events), "keep {keep_ms}, {ending}");
                running.close().await.expect("closes");
            }
        }
    }
}
