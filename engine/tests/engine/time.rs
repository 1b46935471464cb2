//! How ticks pass: by the wall, by hand, and by the events' own times.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use worldflow_engine::admission::{Batch, Outcome};
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::runtime::{CloseError, RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::{End, Mode};
use worldflow_schemas::{EventId, Row};

use crate::realms::{batch, config, count, item, named, rejection_codes};
use crate::restarts::crash_copy;
use crate::tiny::graph;

fn by_event_time(sources: &[&str], lateness_ms: u64) -> RealmConfig {
    let source = |source: &&str| EventTimeSource {
        source: (*source).into(),
        lateness_ms,
        idle_ms: 5_000,
        begins_ms: None,
    };
    let event_time = sources.iter().map(source).collect();
    RealmConfig { mode: Mode::Virtual { start: None }, event_time, ..config() }
}

fn ended(source: &str) -> Batch {
    Batch { watermark_ms: Some(i64::MAX), ..batch(source, Vec::new()) }
}

#[tokio::test]
async fn a_tick_is_released_when_every_source_has_passed_it() {
    let running = open(by_event_time(&["a", "b"], 0), graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    let at = |player, at_ms, position| item(player, "kill", at_ms, EventId::Position(position));
    // Not an event-time source: waits for the first tick of those that are.
    admission.submit(batch("script", vec![named("early", "kill", "1")])).await.expect("runs");
    admission
        .submit(batch("a", vec![at("a", 1000, 1), at("a", 2000, 2), at("a", 3000, 3)]))
        .await
        .expect("runs");
    admission.submit(batch("b", vec![at("b", 1500, 1)])).await.expect("runs");
    let mut progress = running.realm.progress.clone();
    progress.wait_for(|progress| progress.tick == 149).await.expect("runs");
    assert_eq!(
        (count(&running, "a"), count(&running, "b"), count(&running, "early")),
        (Some(1), None, Some(1))
    );
    admission.submit(batch("b", vec![at("b", 2500, 2)])).await.expect("runs");
    progress.wait_for(|progress| progress.tick == 249).await.expect("runs");
    assert_eq!((count(&running, "a"), count(&running, "b")), (Some(2), Some(1)));
    admission.submit(ended("a")).await.expect("runs");
    admission.submit(ended("b")).await.expect("runs");
    assert_eq!(running.run_to_end(End::GraceMs(1000)).await, Ok(400));
    assert_eq!((count(&running, "a"), count(&running, "b")), (Some(3), Some(2)));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn lateness_holds_the_watermark_back_and_a_later_event_counts_in_the_open_tick() {
    let (seen, changes) = channel();
    let recorder = Box::new(move |tick, rows: &[(_, Row, _)]| {
        if !rows.is_empty() {
            seen.send(tick).expect("the test listens");
        }
    });
    let config = RealmConfig { recorder: Some(recorder), ..by_event_time(&["a"], 500) };
    let running = open(config, graph()).await.expect("opens");
    let at = |at_ms, position| item("a", "kill", at_ms, EventId::Position(position));
    let admission = running.realm.admission.clone();
    admission.submit(batch("a", vec![at(1000, 1), at(2000, 2), at(1600, 3)])).await.expect("runs");
    // The open tick is now 150; an event of 1 s is late even for the stated lateness.
    running.realm.progress.clone().wait_for(|progress| progress.tick == 149).await.expect("runs");
    let reply = admission.publish("a".into(), vec![at(1000, 4)]);
    let (outcomes, _) = tokio::join!(reply, async {
        admission.submit(ended("a")).await.expect("runs");
    });
    assert_eq!(outcomes, Ok(vec![Outcome::Accepted { tick: 150 }]));
    running.run_to_end(End::Tick(1_000_000)).await.expect("runs");
    assert_eq!(running.realm.progress.borrow().tick, 1_000_000);
    running.close().await.expect("closes");
    assert_eq!(changes.iter().collect::<Vec<_>>(), [100, 150, 160, 200]);
}

#[tokio::test]
async fn a_jump_over_years_stops_at_every_timer() {
    let running = open(by_event_time(&["a"], 0), graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    let year_ms = 365 * 86_400_000;
    let items = vec![
        item("a", "ring", 1000, EventId::Position(1)),
        item("b", "kill", year_ms, EventId::Position(2)),
        item("c", "kill", 50 * year_ms, EventId::Position(3)),
    ];
    admission.submit(batch("a", items)).await.expect("runs");
    admission.submit(ended("a")).await.expect("runs");
    let last = running.run_to_end(End::GraceMs(0)).await.expect("runs");
    assert_eq!(last, 50 * year_ms.unsigned_abs() / 10);
    assert_eq!((count(&running, "a"), count(&running, "c")), (Some(100), Some(1)));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn any_number_of_workers_gives_the_same_state() {
    let mut hashes = Vec::new();
    for workers in [1, 2, 4] {
        let config = RealmConfig { workers, ..by_event_time(&["a"], 100) };
        let running = open(config, graph()).await.expect("opens");
        for start in 0..20_u64 {
            let items = (start * 100..start * 100 + 100).map(|position| {
                let at_ms = i64::try_from(position * 7 % 900 + start * 1000).expect("small");
                item(&format!("p{}", position % 13), "kill", at_ms, EventId::Position(position))
            });
            running.realm.admission.submit(batch("a", items.collect())).await.expect("runs");
        }
        running.realm.admission.submit(ended("a")).await.expect("runs");
        running.run_to_end(End::GraceMs(0)).await.expect("runs");
        hashes.push(running.realm.views.state_hash());
        running.close().await.expect("closes");
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
    assert_ne!(hashes[0], 0);
}

#[tokio::test]
async fn a_sequencer_that_panics_is_a_failed_realm() {
    let broken = Arc::new(AtomicBool::new(false));
    let wall = Arc::clone(&broken);
    let wall = move || {
        assert!(!wall.load(Ordering::Relaxed), "the clock breaks");
        10_000_000
    };
    let running = open(RealmConfig { mode: Mode::RealTime { wall: Arc::new(wall) }, ..config() }, graph())
        .await
        .expect("opens");
    assert!(!running.has_failed());
    broken.store(true, Ordering::Relaxed);
    // The sequencer wakes up for it, and lets go of the queue while it ends.
    while running.realm.admission.submit(batch("test", Vec::new())).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let patience = Instant::now() + Duration::from_secs(10);
    while !running.has_failed() {
        assert!(Instant::now() < patience, "nobody sees it");
        std::thread::yield_now();
    }
    assert!(matches!(running.close().await, Err(CloseError::Panicked("sequencer"))));
}

#[tokio::test]
async fn times_far_from_now_are_refused_in_real_time() {
    let now_ms = Arc::new(AtomicI64::new(10_000_000));
    let wall = Arc::clone(&now_ms);
    let mode = Mode::RealTime { wall: Arc::new(move || wall.load(Ordering::Relaxed)) };
    let mut config = RealmConfig { mode, ..config() };
    config.dedupe.ids_per_source = 1;
    let running = open(config, graph()).await.expect("opens");
    let publish = async |name: &str, at_ms| {
        let admission = running.realm.admission.clone();
        let items = vec![item("ada", "kill", at_ms, EventId::Named(name.into()))];
        let published = tokio::spawn(async move { admission.publish("test".into(), items).await });
        // Seconds go by until its tick is sealed, and then no faster than elsewhere: minutes would make it too old.
        let mut gone_by_ms = 0;
        while !published.is_finished() {
            gone_by_ms += 10;
            now_ms.fetch_add(10, Ordering::Relaxed);
            if gone_by_ms < 5_000 {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        match published.await.expect("no panic").expect("runs").remove(0) {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Duplicate { .. } => "duplicate",
            Outcome::Refused(refusal) => refusal.code,
            Outcome::Denied(denied) => denied.0.code,
        }
    };
    assert_eq!(publish("future", 100_000_000_000).await, "too_early");
    assert_eq!(publish("1", 10_000_000).await, "accepted");
    assert_eq!(publish("1", 10_000_000).await, "duplicate");
    now_ms.fetch_add(125_000, Ordering::Relaxed);
    // The tick that is open may be one of before: once it is sealed the next is not.
    assert_eq!(publish("2", 10_000_000).await, "accepted");
    assert_eq!(publish("3", now_ms.load(Ordering::Relaxed)).await, "accepted");
    // Ids are forgotten once a second: there has been one since when the next is sealed.
    now_ms.fetch_add(2_000, Ordering::Relaxed);
    assert_eq!(publish("4", now_ms.load(Ordering::Relaxed)).await, "accepted");
    // Only one id is remembered for long, so the first is forgotten, and so is how old it was.
    assert_eq!(publish("1", 10_000_000).await, "too_old");
    let patience = Instant::now() + Duration::from_secs(10);
    while rejection_codes(&running).len() < 2 {
        assert!(Instant::now() < patience, "nobody sees them");
        // All that was due may be done already.
        now_ms.fetch_add(100, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rejection_codes(&running), ["too_early", "too_old"]);
    assert_eq!(count(&running, "ada"), Some(4));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn sources_wait_while_the_graph_is_further_behind_than_a_few_seconds() {
    let start_ms = 10_000_000;
    // A wall that goes on by 100 ms whenever the sequencer looks at it.
    let now_ms = Arc::new(AtomicI64::new(start_ms));
    let wall = Arc::clone(&now_ms);
    let mode = Mode::RealTime { wall: Arc::new(move || wall.fetch_add(100, Ordering::Relaxed)) };
    let watched = Arc::clone(&now_ms);
    let (seen, farthest) = channel();
    let mut first = true;
    // While the first tick with input is being published, the sequencer looks at the wall only as long
    // as it goes on without it.
    let recorder = Box::new(move |_, rows: &[_]| {
        if rows.is_empty() || !std::mem::take(&mut first) {
            return;
        }
        let (mut last, mut since) = (watched.load(Ordering::Relaxed), Instant::now());
        while since.elapsed() < Duration::from_millis(500) && last < start_ms + 60_000 {
            std::thread::yield_now();
            let now = watched.load(Ordering::Relaxed);
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        seen.send(last).expect("the test listens");
    });
    let running =
        open(RealmConfig { mode, recorder: Some(recorder), ..config() }, graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    let published = |name: &'static str| admission.publish("test".into(), vec![named("ada", "kill", name)]);
    assert!(matches!(published("1").await.expect("runs")[..], [Outcome::Accepted { .. }]));
    let behind_ms = farthest.recv().expect("told") - start_ms;
    assert!((5_000..30_000).contains(&behind_ms), "{behind_ms} ms behind");
    assert!(matches!(published("2").await.expect("runs")[..], [Outcome::Accepted { .. }]));
    running.close().await.expect("closes");
}

/// A realm in real time by a wall that the test moves, with one event-time source.
struct Live {
    now_ms: Arc<AtomicI64>,
    running: RunningRealm,
    changes: Receiver<(u64, usize)>,
}

impl Live {
    async fn open(now_ms: &Arc<AtomicI64>, begins_ms: Option<i64>, folder: Option<&Path>) -> Live {
        let wall = Arc::clone(now_ms);
        let (seen, changes) = channel();
        let recorder = Box::new(move |tick, rows: &[_]| {
            if !rows.is_empty() {
                // After the test nobody listens.
                let _gone = seen.send((tick, rows.len()));
            }
        });
        let config = RealmConfig {
            mode: Mode::RealTime { wall: Arc::new(move || wall.load(Ordering::Relaxed)) },
            event_time: vec![EventTimeSource {
                source: "test".into(),
                lateness_ms: 0,
                idle_ms: 5_000,
                begins_ms,
            }],
            recorder: Some(recorder),
            folder: folder.map(Path::to_owned),
            ..config()
        };
        let running = open(config, graph()).await.expect("opens");
        Live { now_ms: Arc::clone(now_ms), running, changes }
    }

    fn wait(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    async fn submit(&self, events: &[(i64, u64)]) {
        let items = events.iter().map(|(at_ms, n)| item("ada", "kill", *at_ms, EventId::Position(*n)));
        self.running.realm.admission.submit(batch("test", items.collect())).await.expect("runs");
    }

    async fn reached(&self, tick: u64) {
        let mut progress = self.running.realm.progress.clone();
        progress.wait_for(|progress| progress.tick >= tick).await.expect("runs");
    }

    /// The ticks that changed something.
    async fn close(self) -> Vec<u64> {
        self.running.close().await.expect("closes");
        self.changes.iter().map(|(tick, _)| tick).collect()
    }
}

#[tokio::test]
async fn the_backlog_of_an_event_time_source_is_as_much_of_the_world_as_it_took() {
    let folder = tempfile::tempdir().expect("a folder");
    let now_ms = Arc::new(AtomicI64::new(1_000_000));
    let live = Live::open(&now_ms, None, Some(folder.path())).await;
    live.submit(&[(1_000_010, 1)]).await;
    live.wait(2_000);
    live.submit(&[(1_002_000, 2)]).await;
    live.reached(100_150).await;
    assert_eq!(live.close().await, [100_001], "what waits for the rest of its tick is left for the next run");

    live_backlog(&now_ms, folder.path()).await;
}

/// Ten minutes later the source sends what happened meanwhile, and then ends.
async fn live_backlog(now_ms: &Arc<AtomicI64>, folder: &Path) {
    now_ms.store(1_600_000, Ordering::Relaxed);
    let live = Live::open(now_ms, None, Some(folder)).await;
    live.submit(&[(1_002_000, 2), (1_100_000, 3), (1_300_000, 4)]).await;
    live.reached(129_999).await;
    assert_eq!(live.running.realm.progress.borrow().tick, 129_999, "it is held by the source");
    assert_eq!(count(&live.running, "ada"), Some(3));
    // What arrives now counts in the tick that is open now.
    let (reply, arrived) = tokio::sync::oneshot::channel();
    let arrival = Batch { reply: Some(reply), ..batch("other", vec![named("bob", "kill", "1")]) };
    live.running.realm.admission.submit(arrival).await.expect("runs");
    live.submit(&[(1_500_000, 5)]).await;
    assert_eq!(arrived.await.expect("runs"), [Outcome::Accepted { tick: 130_000 }]);
    live.running.realm.admission.submit(ended("test")).await.expect("runs");
    live.reached(160_000).await;
    assert_eq!(count(&live.running, "downtime"), None, "time went on where the source did");
    let ticks = live.close().await;
    for tick in [100_200, 110_000, 130_000, 150_000] {
        assert!(ticks.contains(&tick), "{tick}: {ticks:?}");
    }
}

#[tokio::test]
async fn a_crash_while_a_source_speaks_leaves_no_trace() {
    let events = [(1_000_010, 1), (1_000_500, 2), (1_000_510, 3), (1_000_700, 4), (1_003_000, 5)];
    let expected = [100_001, 100_050, 100_051, 100_070, 100_300];
    // The wall is far ahead of what the source has said so far, and runs on.
    for crash_after in 1..=events.len() {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = tempfile::tempdir().expect("a folder");
        let now_ms = Arc::new(AtomicI64::new(1_000_000));
        let live = Live::open(&now_ms, Some(1_000_000), Some(folder.path())).await;
        for &(at_ms, n) in &events[..crash_after] {
            live.wait(1_000);
            live.submit(&[(at_ms, n)]).await;
            live.reached(u64::try_from(at_ms / 10).expect("positive") - 1).await;
        }
        live.wait(3_000);
        crash_copy(folder.path(), copy.path());
        assert_eq!(live.close().await[..], expected[..crash_after - 1]);

        let again = Live::open(&now_ms, Some(1_000_000), Some(copy.path())).await;
        again.wait(4_000);
        again.submit(&events).await;
        again.running.realm.admission.submit(ended("test")).await.expect("runs");
        again.reached(100_400).await;
        assert_eq!(count(&again.running, "ada"), Some(5));
        assert_eq!(count(&again.running, "downtime"), None);
        assert_eq!(again.close().await[..], expected, "those before it are given back: {crash_after}");
    }
}

#[tokio::test]
async fn a_fresh_realm_begins_where_its_recording_does() {
    let now_ms = Arc::new(AtomicI64::new(1_000_000_000));
    let live = Live::open(&now_ms, Some(500_000_000), None).await;
    live.submit(&[(500_000_000, 1), (500_600_000, 2), (501_200_000, 3)]).await;
    live.running.realm.admission.submit(ended("test")).await.expect("runs");
    live.reached(100_000_000).await;
    assert_eq!(live.close().await, [50_000_000, 50_060_000, 50_120_000]);
}

#[tokio::test]
async fn a_silent_source_no_longer_holds_the_ticks_and_what_it_says_late_counts_now() {
    let now_ms = Arc::new(AtomicI64::new(1_000_000));
    let live = Live::open(&now_ms, None, None).await;
    live.wait(1_000);
    live.submit(&[(1_000_500, 1)]).await;
    live.reached(100_049).await;
    let admission = live.running.realm.admission.clone();
    let publish = async |name: &'static str| {
        let items = vec![named("bob", "kill", name)];
        admission.publish("other".into(), items).await.expect("runs").remove(0)
    };
    live.wait(6_000);
    live.reached(100_699).await;
    assert!(
        matches!(publish_while_time_passes(&live, publish("1")).await, Outcome::Accepted { tick } if tick > 100_600)
    );
    live.submit(&[(1_002_000, 2)]).await;
    assert!(
        matches!(publish_while_time_passes(&live, publish("2")).await, Outcome::Accepted { tick } if tick > 100_600)
    );
    assert_eq!(count(&live.running, "ada"), Some(2));
    // From the future nothing comes, not even by event time.
    let early = vec![item("ada", "kill", 100_000_000_000, EventId::Position(3))];
    let outcome = live.running.realm.admission.publish("test".into(), early);
    let outcome = publish_while_time_passes(&live, async { outcome.await.expect("runs").remove(0) }).await;
    assert!(matches!(&outcome, Outcome::Refused(why) if why.code == "too_early"), "{outcome:?}");
    live.close().await;
}

/// The wall goes on by 10 ms whenever the realm has had its say.
async fn publish_while_time_passes(live: &Live, outcome: impl Future<Output = Outcome>) -> Outcome {
    tokio::pin!(outcome);
    loop {
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome,
            () = tokio::task::yield_now() => live.wait(10),
        }
    }
}
