//! How ticks pass: by the wall, by hand, and by the events' own times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use worldflow_engine::admission::{Batch, Outcome};
use worldflow_engine::intake::EventTimeSource;
use worldflow_engine::runtime::{CloseError, RealmConfig, open};
use worldflow_engine::sequencer::{End, Mode};
use worldflow_schemas::{EventId, Row};

use crate::realms::{batch, config, count, item, named, rejection_codes};
use crate::tiny::graph;

fn by_event_time(sources: &[&str], lateness_ms: u64) -> RealmConfig {
    let event_time =
        sources.iter().map(|source| EventTimeSource { source: (*source).into(), lateness_ms }).collect();
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
        while !published.is_finished() {
            now_ms.fetch_add(10, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
        match published.await.expect("no panic").expect("runs").remove(0) {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Duplicate { .. } => "duplicate",
            Outcome::Refused(refusal) => refusal.code,
        }
    };
    assert_eq!(publish("future", 100_000_000_000).await, "too_early");
    assert_eq!(publish("1", 10_000_000).await, "accepted");
    assert_eq!(publish("1", 10_000_000).await, "duplicate");
    now_ms.fetch_add(120_000, Ordering::Relaxed);
    assert_eq!(publish("2", 10_000_000).await, "accepted");
    // Only one id is remembered for long, so the first is forgotten, and so is how old it was.
    assert_eq!(publish("1", 10_000_000).await, "too_old");
    let mut progress = running.realm.progress.clone();
    progress.mark_unchanged();
    progress.changed().await.expect("runs");
    assert_eq!(rejection_codes(&running), ["too_early", "too_old"]);
    assert_eq!(count(&running, "ada"), Some(2));
    running.close().await.expect("closes");
}
