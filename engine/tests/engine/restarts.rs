//! A realm goes on where it was: from the journal, from a snapshot, after a clean end or a crash.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use worldflow_engine::admission::{Batch, Outcome};
use worldflow_engine::folder::has_begun;
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::journal::JournalConfig;
use worldflow_engine::runtime::{OpenError, RealmConfig, open};
use worldflow_engine::sequencer::{End, Mode};
use worldflow_engine::snapshot::SnapshotConfig;
use worldflow_schemas::EventId;
use worldflow_schemas::catalog::LEVELS;

use crate::realms::{batch, config, config_in, count, item, named, publish, rejection_codes};
use crate::tiny::{self, graph};

/// Copies a data folder as a crash would leave it.
pub(crate) fn crash_copy(from: &Path, to: &Path) {
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
async fn a_realm_has_begun_with_its_first_durable_tick() {
    for at_close in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!has_begun(&folder.path().join("nothing")));
        let snapshots = SnapshotConfig { at_close: false, ..SnapshotConfig::default() };
        let opened =
            open(RealmConfig { snapshots, ..config_in(folder.path()) }, graph()).await.expect("opens");
        assert!(folder.path().join("journal").exists());
        assert!(!has_begun(folder.path()), "nothing was journaled");
        opened.close().await.expect("closes");
        let snapshots = SnapshotConfig { at_close, ..SnapshotConfig::default() };
        let running =
            open(RealmConfig { snapshots, ..config_in(folder.path()) }, graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", "a")]).await;
        assert!(has_begun(folder.path()));
        running.close().await.expect("closes");
        assert!(has_begun(folder.path()));
        if at_close {
            // A restored backup may have no more than a snapshot.
            fs::remove_dir_all(folder.path().join("journal")).expect("removed");
            assert!(has_begun(folder.path()));
        }
    }
}

/// Its last tick changes no view, and is that of the snapshot.
#[tokio::test]
async fn who_reads_until_a_clean_end_goes_on_after_the_restart() {
    for last in ["kill", "refuse"] {
        let folder = tempfile::tempdir().expect("a folder");
        let running = open(config_in(folder.path()), graph()).await.expect("opens");
        publish(&running, vec![named("ada", "kill", "a")]).await;
        let progress = running.realm.progress.clone();
        running.realm.admission.submit(batch("test", vec![named("ada", last, "b")])).await.expect("runs");
        running.close().await.expect("closes");
        let seen = progress.borrow().tick;
        let again = open(config_in(folder.path()), graph()).await.expect("opens");
        let missed = again.realm.views.read(LEVELS).resumed_since(seen).map(|missed| missed.len());
        assert_eq!(missed, Some(0), "after {last}, at tick {seen}");
        again.close().await.expect("closes");
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
    let mut progress = running.realm.progress.clone();
    let admission = running.realm.admission.clone();
    let items = vec![named("ada", "kill", "1")];
    let published = tokio::spawn(async move { admission.publish("test".into(), items).await });
    while !published.is_finished() {
        now_ms.fetch_add(10, Ordering::Relaxed);
        progress.changed().await.expect("runs");
    }
    let outcomes = published.await.expect("no panic").expect("runs");
    assert!(matches!(outcomes[..], [Outcome::Accepted { tick: 100_001..100_100 }]), "{outcomes:?}");
    let stopped = running.realm.progress.borrow().tick;
    crash_copy(folder.path(), copy.path());
    running.close().await.expect("closes");

    now_ms.fetch_add(3_600_000, Ordering::Relaxed);
    let again = open(real_time(copy.path()), graph()).await.expect("opens");
    progress = again.realm.progress.clone();
    progress.wait_for(|progress| progress.tick > 400_000).await.expect("runs");
    assert_eq!(count(&again, "ada"), Some(1));
    let gap = count(&again, "downtime").expect("the graph was told");
    // Less the reservation of at most two seconds, which may have been used.
    let to = i64::try_from(progress.borrow().tick - stopped).expect("small");
    assert!((to - 220..=to - 90).contains(&gap), "{gap} of {to}");
    again.close().await.expect("closes");

    // After a clean end nothing is reserved any more.
    now_ms.fetch_add(3_600_000, Ordering::Relaxed);
    let again = open(real_time(folder.path()), graph()).await.expect("opens");
    progress = again.realm.progress.clone();
    progress.wait_for(|progress| progress.tick > 800_000).await.expect("runs");
    let gap = count(&again, "downtime").expect("the graph was told");
    let to = i64::try_from(progress.borrow().tick - stopped).expect("small");
    assert!((to - 10..=to).contains(&gap), "{gap} of {to}");
    again.close().await.expect("closes");
}

#[tokio::test]
async fn positions_that_waited_for_their_tick_at_a_crash_are_taken_again() {
    let (folder, copy) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let config = |folder: &Path| RealmConfig {
        mode: Mode::Virtual { start: None },
        event_time: vec![EventTimeSource {
            source: "test".into(),
            lateness_ms: 500,
            idle_ms: 5_000,
            begins_ms: None,
        }],
        ..config_in(folder)
    };
    let at = |at_ms, position| item("ada", "kill", at_ms, EventId::Position(position));
    let items = || vec![at(1000, 1), at(2000, 2), at(1600, 3), at(2150, 4)];
    let running = open(config(folder.path()), graph()).await.expect("opens");
    running.realm.admission.submit(batch("test", items())).await.expect("runs");
    let mut progress = running.realm.progress.clone();
    progress.wait_for(|progress| progress.tick == 164).await.expect("runs");
    assert_eq!(count(&running, "ada"), Some(2));
    crash_copy(folder.path(), copy.path());
    running.close().await.expect("closes");

    let again = open(config(copy.path()), graph()).await.expect("opens");
    let (reply, outcomes) = tokio::sync::oneshot::channel();
    let resent = Batch { reply: Some(reply), watermark_ms: Some(i64::MAX), ..batch("test", items()) };
    again.realm.admission.submit(resent).await.expect("runs");
    again.run_to_end(End::GraceMs(0)).await.expect("runs");
    let (accepted, duplicate) = (|tick| Outcome::Accepted { tick }, |tick| Outcome::Duplicate { tick });
    let expected = [duplicate(100), accepted(200), duplicate(160), accepted(215)];
    assert_eq!(outcomes.await.expect("runs"), expected);
    assert_eq!(count(&again, "ada"), Some(4));
    again.close().await.expect("closes");

    let last = open(config(copy.path()), graph()).await.expect("opens");
    let (reply, outcomes) = tokio::sync::oneshot::channel();
    let resent = Batch { reply: Some(reply), watermark_ms: Some(i64::MAX), ..batch("test", items()) };
    last.realm.admission.submit(resent).await.expect("runs");
    let expected = [100, 200, 160, 215].map(duplicate);
    assert_eq!(outcomes.await.expect("runs"), expected);
    last.close().await.expect("closes");
}

/// More ticks than are journaled at once are due at once; wherever the journal ends, the rest counts in its own ticks.
#[tokio::test]
async fn what_a_crash_takes_of_a_backlog_counts_in_its_own_ticks_when_it_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let first_ms = 1_000_000;
    let last = 2_000_u64;
    let config = |folder: &Path| RealmConfig {
        mode: Mode::RealTime { wall: Arc::new(move || first_ms + 60_000) },
        event_time: vec![EventTimeSource {
            source: "test".into(),
            lateness_ms: 0,
            idle_ms: 120_000,
            begins_ms: Some(first_ms),
        }],
        journal: JournalConfig { segment_bytes: 0, ..JournalConfig::default() },
        snapshots: SnapshotConfig { at_close: false, ..SnapshotConfig::default() },
        ..config_in(folder)
    };
    let at = |n| first_ms + 10 * i64::try_from(n).expect("small");
    let all = || (0..=last).map(|n| item("ada", "kill", at(n), EventId::Position(n))).collect();
    let running = open(config(folder.path()), graph()).await.expect("opens");
    running.realm.admission.submit(batch("test", all())).await.expect("runs");
    let mut progress = running.realm.progress.clone();
    progress.wait_for(|progress| progress.tick + 1 >= 100_000 + last).await.expect("runs");
    let whole = tempfile::tempdir().expect("a folder");
    crash_copy(folder.path(), whole.path());
    running.close().await.expect("closes");

    let journal = whole.path().join("journal");
    let segments =
        fs::read_dir(&journal).expect("a folder").map(|entry| entry.expect("readable").file_name());
    let mut segments: Vec<_> = segments.filter(|name| !name.to_string_lossy().starts_with('.')).collect();
    segments.sort();
    assert!(segments.len() > 4, "{segments:?}");
    let mut crashed_within = 0;
    for kept in 1..segments.len() {
        let copy = tempfile::tempdir().expect("a folder");
        crash_copy(whole.path(), copy.path());
        for lost in &segments[kept..] {
            fs::remove_file(copy.path().join("journal").join(lost)).expect("removed");
        }
        let again = open(config(copy.path()), graph()).await.expect("opens");
        let (reply, outcomes) = tokio::sync::oneshot::channel();
        let resent = Batch { reply: Some(reply), watermark_ms: Some(i64::MAX), ..batch("test", all()) };
        again.realm.admission.submit(resent).await.expect("runs");
        let outcomes = outcomes.await.expect("runs");
        crashed_within += u32::from(outcomes.contains(&Outcome::Duplicate { tick: 100_000 }));
        for (n, outcome) in (0..).zip(outcomes) {
            let (Outcome::Accepted { tick } | Outcome::Duplicate { tick }) = outcome else {
                panic!("{n}: {outcome:?}");
            };
            assert_eq!(tick, 100_000 + n, "with {kept} of {} segments", segments.len());
        }
        again.close().await.expect("closes");
    }
    assert!(crashed_within > 2, "a part of it was there");
}

#[tokio::test]
async fn inputs_without_ids_are_always_new_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let item = || item("ada", "kill", 0, EventId::Position(EventId::UNNUMBERED));
    for run in 1..=3 {
        // The second run goes on from the journal alone, the third from a snapshot.
        let snapshots = SnapshotConfig { at_close: run == 2, ..SnapshotConfig::default() };
        let config = RealmConfig { snapshots, ..config_in(folder.path()) };
        let running = open(config, graph()).await.expect("opens");
        let mut followed = running.realm.events.subscribe();
        let outcomes = publish(&running, vec![item(), item()]).await;
        let tick = running.realm.progress.borrow().tick;
        assert_eq!(outcomes, vec![Outcome::Accepted { tick }; 2]);
        assert_eq!(count(&running, "ada"), Some(2 * run));
        let ids: Vec<EventId> =
            followed.recv().await.expect("sent").events.iter().map(|event| event.id.clone()).collect();
        let first = 2 * (run.unsigned_abs() - 1);
        assert_eq!(ids, [first, first + 1].map(EventId::Position));
        running.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_tail_of_more_ticks_than_may_be_on_their_way_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let snapshots = SnapshotConfig { at_close: false, ..SnapshotConfig::default() };
    let journal = JournalConfig { sync: false, ..JournalConfig::default() };
    let config = || RealmConfig { snapshots, journal, ..config_in(folder.path()) };
    let running = open(config(), graph()).await.expect("opens");
    for tick in 0..500 {
        publish(&running, vec![item("ada", "kill", 0, EventId::Position(tick))]).await;
    }
    running.close().await.expect("closes");
    let again = open(config(), graph()).await.expect("opens");
    assert_eq!(count(&again, "ada"), Some(500));
    again.close().await.expect("closes");
}

#[tokio::test]
async fn a_folder_keeps_the_length_of_its_ticks() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = |tick_ms| {
        let mut world = (*tiny::world()).clone();
        world.tick_ms = tick_ms;
        RealmConfig { world: Arc::new(world), ..config_in(folder.path()) }
    };
    open(world(10), graph()).await.expect("opens").close().await.expect("closes");
    let refused = open(world(20), graph()).await.err().map(|error| error.to_string()).expect("refused");
    assert!(refused.contains("was written with ticks of 10 ms"), "{refused}");
    assert!(refused.contains("hint: ticks number the time since 1970"), "{refused}");
    open(world(10), graph()).await.expect("opens").close().await.expect("closes");
}
