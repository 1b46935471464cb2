//! What the tests of running realms share, and what a realm does while it runs.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::runtime::{CloseError, RealmConfig, RunningRealm, open};
use worldflow_engine::sequencer::Mode;
use worldflow_engine::view_store::Filter;
use worldflow_schemas::catalog::{LEVELS, REJECTIONS};
use worldflow_schemas::{EventId, Input, Row, Sym, Value};

use crate::tiny::{event, graph, level_row, world};

pub(crate) fn config() -> RealmConfig {
    RealmConfig::in_memory("tiny".into(), world())
}

pub(crate) fn config_in(folder: &Path) -> RealmConfig {
    RealmConfig { folder: Some(folder.to_owned()), ..config() }
}

pub(crate) fn named(player: &str, kind: &str, name: &str) -> Item {
    item(player, kind, 0, EventId::Named(name.into()))
}

pub(crate) fn item(player: &str, kind: &str, at_ms: i64, id: EventId) -> Item {
    Item { id: id.clone(), input: Input::Event(event(player, kind, at_ms, id)), most_per_s: None }
}

pub(crate) fn batch(source: &str, items: Vec<Item>) -> Batch {
    Batch { source: source.into(), items, watermark_ms: None, reply: None, reached: None }
}

/// Publishes items as one tick and returns their outcomes.
pub(crate) async fn publish(running: &RunningRealm, items: Vec<Item>) -> Vec<Outcome> {
    let admission = running.realm.admission.clone();
    let outcomes = tokio::spawn(async move { admission.publish("test".into(), items).await });
    // The batch is submitted before the advance: submitting does not wait unless the queue is full.
    tokio::task::yield_now().await;
    running.advance(1).await.expect("the realm runs");
    outcomes.await.expect("no panic").expect("the realm runs")
}

pub(crate) fn count(running: &RunningRealm, player: &str) -> Option<i64> {
    let view = running.realm.views.read(LEVELS);
    let key = [Value::Sym("tiny".into()), Value::Sym(player.into())];
    match view.get(&key)?[2] {
        Value::Int(count) => Some(count),
        ref other => panic!("a count is a number, not {other:?}"),
    }
}

pub(crate) fn rejection_codes(running: &RunningRealm) -> Vec<String> {
    let view = running.realm.views.read(REJECTIONS);
    let all = Filter::all();
    let mut rows: Vec<&Row> = view.rows(&all).collect();
    rows.sort_by_key(|row| row[2].clone());
    rows.iter().map(|row| row[4].to_string()).collect()
}

#[tokio::test]
async fn a_duplicate_is_told_the_tick_of_the_first() {
    let running = open(config(), graph()).await.expect("opens");
    let first = publish(&running, vec![named("ada", "kill", "1"), named("ada", "kill", "2")]).await;
    assert_eq!(first, [Outcome::Accepted { tick: 1 }, Outcome::Accepted { tick: 1 }]);
    let again = publish(&running, vec![named("ada", "kill", "2"), named("ada", "kill", "3")]).await;
    assert_eq!(again, [Outcome::Duplicate { tick: 1 }, Outcome::Accepted { tick: 2 }]);
    assert_eq!(count(&running, "ada"), Some(3));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn positions_are_told_apart_by_their_high_water_mark() {
    let running = open(config(), graph()).await.expect("opens");
    let at = |position| item("ada", "kill", 0, EventId::Position(position));
    assert_eq!(publish(&running, vec![at(10), at(20)]).await, vec![Outcome::Accepted { tick: 1 }; 2]);
    assert_eq!(publish(&running, vec![at(21)]).await, [Outcome::Accepted { tick: 2 }]);
    let again = publish(&running, vec![at(10), at(20), at(21), at(22)]).await;
    let duplicate = |tick| Outcome::Duplicate { tick };
    assert_eq!(again, [duplicate(1), duplicate(1), duplicate(2), Outcome::Accepted { tick: 3 }]);
    assert_eq!(count(&running, "ada"), Some(4));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_refusal_by_the_graph_is_a_row() {
    let running = open(config(), graph()).await.expect("opens");
    publish(&running, vec![named("ada", "refuse", "1")]).await;
    running.advance(1).await.expect("runs");
    assert_eq!(rejection_codes(&running), ["refused"]);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn closing_takes_what_was_submitted() {
    let (seen, changes) = channel();
    let recorder = Box::new(move |tick, rows: &[(_, Row, _)]| {
        seen.send((tick, rows.iter().map(|(_, row, diff)| (row.clone(), *diff)).collect::<Vec<_>>()))
            .expect("the test listens");
    });
    let running = open(RealmConfig { recorder: Some(recorder), ..config() }, graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    for number in 0..500 {
        let items = vec![item("ada", "kill", 0, EventId::Position(number))];
        admission.submit(batch("test", items)).await.expect("runs");
    }
    running.close().await.expect("closes");
    assert_eq!(changes.recv().expect("one tick"), (1, vec![(level_row(Sym::new("ada"), 500), 1)]));
    assert!(admission.submit(batch("test", Vec::new())).await.is_err());
}

#[tokio::test]
async fn a_slow_collector_blocks_neither_the_graph_nor_admission() {
    let (go_on, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let recorder = Box::new(move |_, _: &[_]| {
        let _closed = gate.lock().expect("not poisoned").recv();
    });
    let running = open(RealmConfig { recorder: Some(recorder), ..config() }, graph()).await.expect("opens");
    let admission = running.realm.admission.clone();
    let driver = running.driver();
    admission.submit(batch("test", vec![named("ada", "kill", "first")])).await.expect("runs");
    let advanced = tokio::spawn(async move { driver.advance(1).await });
    // Three times what the queue holds: it can only be taken by a sequencer that runs on.
    for number in 0..3 * 1024 {
        let items = vec![item("ada", "kill", 0, EventId::Position(number))];
        admission.submit(batch("test", items)).await.expect("runs");
    }
    assert!(!advanced.is_finished());
    drop(go_on);
    advanced.await.expect("no panic").expect("runs");
    running.advance(1).await.expect("runs");
    assert_eq!(count(&running, "ada"), Some(1 + 3 * 1024));
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_panic_in_the_graph_ends_the_realm_and_says_so() {
    for workers in [1, 2] {
        let running = open(RealmConfig { workers, ..config() }, graph()).await.expect("opens");
        let items = vec![named("ada", "panic", "1")];
        running.realm.admission.submit(batch("test", items)).await.expect("runs");
        assert!(running.advance(1).await.is_err());
        assert!(matches!(running.close().await, Err(CloseError::Failed(_))));
    }
}

#[tokio::test]
async fn events_of_a_durable_tick_are_broadcast_in_order() {
    let running = open(config(), graph()).await.expect("opens");
    let mut followed = running.realm.events.subscribe();
    let at = |at_ms, position| item("ada", "kill", at_ms, EventId::Position(position));
    publish(&running, vec![at(30, 1), at(10, 2), at(20, 3)]).await;
    let tick = followed.recv().await.expect("sent");
    assert_eq!(tick.tick, 1);
    assert_eq!(tick.events.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [10, 20, 30]);
    running.close().await.expect("closes");
}

#[tokio::test]
async fn a_manual_realm_begins_where_it_is_told() {
    let running =
        open(RealmConfig { mode: Mode::Manual { start: 77 }, ..config() }, graph()).await.expect("opens");
    assert_eq!(running.advance(3).await, Ok(79));
    assert_eq!(running.realm.progress.borrow().tick, 79);
    assert_eq!(running.realm.progress.borrow().utc_ms, 790);
    let arc = Arc::clone(&running.realm.world);
    assert_eq!(arc.tick_ms, 10);
    running.close().await.expect("closes");
}
