//! The past: rebuilt from what is kept, examined, copied while a realm runs, and put back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use worldflow_engine::admission::Outcome;
use worldflow_engine::backup::{BackupError, backup, restore};
use worldflow_engine::doctor::examine;
use worldflow_engine::folder::FolderError;
use worldflow_engine::journal::{JournalConfig, JournalError};
use worldflow_engine::privacy::Privacy;
use worldflow_engine::rebuild::{RebuildConfig, Rebuilt, rebuild, retrace};
use worldflow_engine::runtime::{OpenError, RealmConfig, RunningRealm, open};
use worldflow_engine::snapshot::{Retention, Snapshot, SnapshotConfig, newest, publish as publish_snapshot};
use worldflow_engine::worlds::Graphs;
use worldflow_schemas::Tick;

use crate::realms::{config_in, count, named, publish};
use crate::restarts::crash_copy;
use crate::tiny::{graph_worth, graphs, world};

/// Everything of the last `keep` ticks is kept, in small segments.
fn keeping(folder: &Path, keep: u64, at_most_bytes: u64, worth: u64) -> RealmConfig {
    let retention = Retention { keep_ms: keep * 10, at_most_bytes };
    let mut world = (*world()).clone();
    world.seed = worth;
    RealmConfig {
        world: Arc::new(world),
        snapshots: SnapshotConfig { retention, ..SnapshotConfig::default() },
        journal: JournalConfig { segment_bytes: 200, sync: false },
        ..config_in(folder)
    }
}

/// Plays a few ticks, and notes the hash of the views after each.
async fn play(running: &RunningRealm, hashes: &mut BTreeMap<Tick, u128>, ticks: u64) {
    for _ in 0..ticks {
        let next = running.realm.progress.borrow().tick + 1;
        publish(
            running,
            vec![named("ada", "kill", &format!("a{next}")), named("bob", "ring", &format!("b{next}"))],
        )
        .await;
        hashes.insert(next, running.realm.views.state_hash());
        // Nothing comes in the next, but a timer rings.
        let quiet = running.advance(1).await.expect("runs");
        hashes.insert(quiet, running.realm.views.state_hash());
    }
}

async fn at(folder: &Path, tick: Tick) -> Result<Rebuilt, OpenError> {
    let until_ms = Some(i64::try_from(tick * 10).expect("small"));
    let (folder, privacy) = (folder.to_owned(), Privacy::none());
    let config = RebuildConfig { folder, name: "tiny".into(), workers: 1, until_ms, privacy };
    rebuild(&config, graphs()).await
}

/// What is known last.
fn last_of(folder: &Path) -> RebuildConfig {
    let (folder, privacy) = (folder.to_owned(), Privacy::none());
    RebuildConfig { folder, name: "tiny".into(), workers: 1, until_ms: None, privacy }
}

async fn assert_rebuilds(folder: &Path, hashes: &BTreeMap<Tick, u128>, from_snapshots: bool) {
    for (tick, hash) in hashes {
        let rebuilt = at(folder, *tick).await.expect("rebuilt");
        assert_eq!((rebuilt.tick, rebuilt.views.state_hash()), (*tick, *hash), "tick {tick}");
        assert!(from_snapshots || rebuilt.snapshot.is_none());
        assert!(rebuilt.compared.differ.is_empty(), "tick {tick}");
        // Of a snapshot's own tick it is known what it was.
        let compared = (rebuilt.compared.times > 0, rebuilt.compared.last);
        assert!(rebuilt.snapshot != Some(*tick) || compared == (true, Some(*tick)), "tick {tick}");
    }
}

#[tokio::test]
async fn every_tick_is_rebuilt_also_while_the_realm_runs_and_under_worlds_that_were_edited() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hashes = BTreeMap::new();
    for worth in [1, 1, 10, 3] {
        let running = open(keeping(folder.path(), 10_000, 1 << 30, worth), graphs()).await.expect("opens");
        play(&running, &mut hashes, 3).await;
        assert_rebuilds(folder.path(), &hashes, true).await;
        let beyond = at(folder.path(), 1_000_000).await.expect("what is known last");
        assert_eq!(beyond.views.state_hash(), running.realm.views.state_hash());
        running.close().await.expect("closes");
    }
    // The hashes that the snapshots wrote down are those of their ticks.
    let examined = examine(folder.path()).expect("readable");
    assert!(examined.is_sound() && examined.snapshots.len() == 3, "{examined:#?}");
    for snapshot in &examined.snapshots {
        let expected = hashes.get(&snapshot.tick).map(|hash| format!("{hash:032x}"));
        assert_eq!(snapshot.state_hash, expected, "tick {}", snapshot.tick);
    }
    // From the beginning of the journal alone it is the same.
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(folder.path(), copy.path());
    std::fs::remove_dir_all(copy.path().join("snapshots")).expect("removable");
    assert_rebuilds(copy.path(), &hashes, false).await;
    // What is gone is seen, also where a snapshot holds it.
    let segment = format!("journal/{}", examined.segments[1].file);
    for (file, said) in
        [(segment.as_str(), "a segment before it is missing"), ("worlds.json", "`worlds.json` is missing")]
    {
        let copy = tempfile::tempdir().expect("a folder");
        crash_copy(folder.path(), copy.path());
        std::fs::remove_file(copy.path().join(file)).expect("removable");
        let looked = examine(copy.path()).expect("readable");
        assert_eq!(looked.recovery.error.is_some(), file == "worlds.json", "{looked:#?}");
        assert!(
            looked.problems.iter().any(|problem| problem.contains(said)),
            "{file}: {:#?}",
            looked.problems
        );
        if file == "worlds.json" {
            let (running, rebuilt) = (config_in(copy.path()), at(copy.path(), 1_000_000).await);
            assert!(matches!(rebuilt, Err(OpenError::Folder(FolderError::NoWorlds(_)))), "{rebuilt:?}");
            let opened = open(running, graphs()).await.err().map(|error| error.to_string());
            assert!(opened.as_ref().is_some_and(|error| error.contains(said)), "{opened:?}");
            let copied = backup(copy.path(), &copy.path().join("copy"), None);
            assert!(matches!(copied, Err(BackupError::Folder(FolderError::NoWorlds(_)))), "{copied:?}");
            assert!(!copy.path().join(file).exists(), "and nothing is written");
        }
    }
}

#[tokio::test]
async fn a_state_that_is_not_what_was_written_down_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hashes = BTreeMap::new();
    for _ in 0..2 {
        let running = open(keeping(folder.path(), 10_000, 1 << 30, 1), graphs()).await.expect("opens");
        assert!(running.realm.observed.compared().differ.is_empty());
        play(&running, &mut hashes, 3).await;
        running.close().await.expect("closes");
    }
    let snapshots = folder.path().join("snapshots");
    let (last, hash) = hashes.last_key_value().expect("some");
    let right = newest(&snapshots).expect("published");
    assert_eq!((right.tick, right.state_hash), (*last, Some(*hash)));
    publish_snapshot(&snapshots, &Snapshot { state_hash: Some(hash ^ 1), ..right }).expect("writable");
    let rebuilt = at(folder.path(), *last).await.expect("rebuilt");
    assert_eq!((rebuilt.views.state_hash(), rebuilt.compared.differ), (*hash, vec![*last]));
    // So it is when it is replayed from far before.
    let rebuilt = retrace(&last_of(folder.path()), 0, graphs(), None).await.expect("rebuilt");
    assert_eq!((rebuilt.snapshot, rebuilt.compared.differ), (None, vec![*last]));
    assert!(rebuilt.compared.times > 2, "and those before are as they were: {}", rebuilt.compared.times);
    let running = open(keeping(folder.path(), 10_000, 1 << 30, 1), graphs()).await.expect("opens");
    assert_eq!(running.realm.observed.compared().differ, [*last]);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn the_journal_says_what_ticks_came_to_that_no_snapshot_is_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hashes = BTreeMap::new();
    let running = open(keeping(folder.path(), 10_000, 1 << 30, 1), graphs()).await.expect("opens");
    play(&running, &mut hashes, 5).await;
    let copy = tempfile::tempdir().expect("a folder");
    crash_copy(folder.path(), copy.path());
    running.close().await.expect("closes");
    assert!(newest(&copy.path().join("snapshots")).is_none());
    // Of each tick with inputs the record says what the one before it came to, which had been published.
    let quiet: Vec<Tick> = hashes.keys().copied().skip(1).step_by(2).collect();
    let said = &quiet[..quiet.len() - 1];
    for tick in said {
        let compared = at(copy.path(), *tick).await.expect("rebuilt").compared;
        assert!(compared.last == Some(*tick) && compared.differ.is_empty(), "tick {tick}: {compared:?}");
    }
    let compared = rebuild(&last_of(copy.path()), graphs()).await.expect("rebuilt").compared;
    assert_eq!((compared.times, compared.differ), (said.len() as u64, Vec::new()));
    // A program that makes other rows is seen through, also at a start.
    let other = || Graphs::by_world(|_| graph_worth(2));
    let compared = rebuild(&last_of(copy.path()), other()).await.expect("rebuilt").compared;
    assert_eq!((compared.times, compared.differ.as_slice()), (said.len() as u64, said));
    let running = open(keeping(copy.path(), 10_000, 1 << 30, 1), other()).await.expect("opens");
    assert_eq!(running.realm.observed.compared().differ, said);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn what_is_older_than_the_rule_goes_and_what_is_not_can_be_rebuilt() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hashes = BTreeMap::new();
    for _ in 0..12 {
        let running = open(keeping(folder.path(), 40, 1 << 30, 1), graphs()).await.expect("opens");
        play(&running, &mut hashes, 5).await;
        running.close().await.expect("closes");
    }
    let last = *hashes.keys().next_back().expect("some");
    let kept = hashes.split_off(&(last - 40));
    assert_rebuilds(folder.path(), &kept, true).await;
    let gone = at(folder.path(), 20).await.expect_err("long gone");
    assert!(matches!(gone, OpenError::Journal(JournalError::Removed { .. })), "{gone}");
    let many = examine(folder.path()).expect("readable");
    assert!(many.is_sound() && many.snapshots.len() > 2, "{many:#?}");
    // A bound on the size leaves what a restart needs.
    let running = open(keeping(folder.path(), 40, 1, 1), graphs()).await.expect("opens");
    play(&running, &mut hashes, 1).await;
    let hash = running.realm.views.state_hash();
    running.close().await.expect("closes");
    let few = examine(folder.path()).expect("readable");
    assert!(few.is_sound() && few.snapshots.len() == 2, "{few:#?}");
    assert!(few.segments.len() < many.segments.len(), "{} {}", few.segments.len(), many.segments.len());
    let running = open(keeping(folder.path(), 40, 1, 1), graphs()).await.expect("opens");
    assert_eq!(running.realm.views.state_hash(), hash);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_copy_of_a_running_realm_goes_on_by_itself() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (saved, data) = (other.path().join("saved"), other.path().join("data"));
    let mut hashes = BTreeMap::new();
    let running = open(keeping(folder.path(), 40, 1 << 30, 1), graphs()).await.expect("opens");
    play(&running, &mut hashes, 3).await;
    running.close().await.expect("closes");
    let running = open(keeping(folder.path(), 40, 1 << 30, 1), graphs()).await.expect("opens");
    play(&running, &mut hashes, 3).await;
    let epoch = running.realm.epoch;
    let copied = backup(folder.path(), &saved, None).expect("copied");
    let last = copied.recovery.last.expect("it holds something");
    assert_eq!(hashes.keys().next_back(), Some(&last), "all that was acknowledged before it began");
    assert!(copied.epoch.is_none() && copied.recovery.snapshot == Some(6), "{copied:#?}");
    play(&running, &mut hashes, 3).await;
    running.close().await.expect("closes");

    assert_eq!(at(&saved, last).await.expect("rebuilt").views.state_hash(), hashes[&last]);
    assert!(matches!(backup(folder.path(), &saved, None), Err(BackupError::Exists(_))));
    restore(&saved, &data, None).expect("put back");
    assert!(matches!(restore(&saved, &data, None), Err(BackupError::Exists(_))));
    let running = open(keeping(&data, 40, 1 << 30, 1), graphs()).await.expect("opens");
    assert_eq!(running.realm.views.state_hash(), hashes[&last]);
    assert_ne!(running.realm.epoch, epoch, "what came after the backup is another story");
    assert_eq!(publish(&running, vec![named("ada", "kill", "a1")]).await, [Outcome::Duplicate { tick: 1 }]);
    assert!(count(&running, "ada") > Some(0));
    running.close().await.expect("closes");

    // One that is damaged is not put back, and nothing is left of the attempt.
    let run = saved.join("snapshots/000000000001.run");
    std::fs::write(&run, "damaged").expect("writable");
    let again = other.path().join("again");
    let refused = restore(&saved, &again, None).expect_err("refused").to_string();
    assert!(refused.contains("000000000001.run: its length or checksum"), "{refused}");
    assert!(std::fs::read_dir(other.path()).expect("a folder").count() == 2, "saved and data");
}

#[tokio::test]
async fn what_is_of_another_past_or_has_no_journal_is_found() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for (folder, player, ticks) in [(one.path(), "ada", 3), (other.path(), "eve", 6)] {
        let running = open(keeping(folder, 10_000, 1 << 30, 1), graphs()).await.expect("opens");
        for n in 0..ticks {
            publish(&running, vec![named(player, "kill", &n.to_string())]).await;
        }
        running.close().await.expect("closes");
        assert!(examine(folder).expect("readable").is_sound());
    }
    let snapshots = |folder: &Path| folder.join("snapshots");
    std::fs::remove_dir_all(snapshots(other.path())).expect("removable");
    std::fs::create_dir(snapshots(other.path())).expect("writable");
    crash_copy(&snapshots(one.path()), &snapshots(other.path()));
    let problems = examine(other.path()).expect("readable").problems;
    assert!(
        problems.iter().any(|problem| problem.contains("is of another past than the journal")),
        "{problems:?}"
    );
    std::fs::remove_dir_all(one.path().join("journal")).expect("removable");
    let problems = examine(one.path()).expect("readable").problems;
    assert!(
        problems.iter().any(|problem| problem.contains("there are snapshots and no journal")),
        "{problems:?}"
    );
}
