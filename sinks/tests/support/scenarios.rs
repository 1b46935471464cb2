//! What must hold in either database.

use std::time::Duration;

use tokio::sync::watch;
use worldflow_schemas::{Row, Tick, Value};
use worldflow_sinks::sql::{SinkStatus, SqlSink, SqlSinkConfig};

use super::database::{Database, expected};
use super::{Chance, Fake, VIEWS, int, random_write, sym};

pub fn config(database: &Database) -> SqlSinkConfig {
    SqlSinkConfig {
        name: "test".to_owned(),
        target: database.target(),
        views: VIEWS.to_vec(),
        every: Duration::from_millis(1),
    }
}

/// Waits until the tables are at `tick` or later.
pub async fn until(mut status: watch::Receiver<SinkStatus>, tick: Tick) {
    let reached = status.wait_for(|status| status.at.is_some_and(|at| at.tick >= tick));
    let waited = tokio::time::timeout(Duration::from_secs(60), reached).await;
    if !matches!(waited, Ok(Ok(_))) {
        drop(waited);
        panic!("the sink did not reach tick {tick}: {:?}", status.borrow());
    }
}

pub async fn assert_closed_tick(database: &Database, fake: &Fake, at_least: Tick) -> Tick {
    let (tick, tables) = database.tables(fake.realm.name, &VIEWS).await;
    assert!(tick >= at_least, "the frontier {tick} went back behind {at_least}");
    let state = fake.history.get(&tick).unwrap_or_else(|| panic!("no tick {tick} was ever closed"));
    assert_eq!(tables, expected(state, &VIEWS), "at tick {tick}");
    tick
}

/// Random changes; the sink is killed at random points between and within flushes, the process is
/// restarted with and without its lineage: the tables are the views at some closed tick, whenever
/// one looks, and the frontier never goes back.
pub async fn killed_at_random(database: &Database, seed: u64) {
    let mut chance = Chance::new(seed);
    let mut fake = Fake::new("greenvale", 1);
    let (mut tick, mut seen, mut epoch) = (1_000, 0, 1);
    let mut sink = SqlSink::open(config(database), fake.realm.clone());
    for round in 0..25 {
        for _ in 0..=chance.below(12) {
            tick += 1 + chance.below(3);
            let writes = (0..chance.below(60)).map(|_| random_write(&mut chance, fake.realm.name, tick));
            // The last write of a key within a tick is the one that counts.
            let mut by_key = std::collections::BTreeMap::new();
            by_key.extend(writes.map(|(view, key, row)| ((view, key), row)));
            fake.apply(tick, by_key.into_iter().map(|((view, key), row)| (view, key, row)).collect());
            tokio::time::sleep(Duration::from_micros(chance.below(2_000))).await;
        }
        match chance.below(4) {
            0 => until(sink.status(), tick).await,
            1 => {
                sink.abort().await;
                sink = SqlSink::open(config(database), fake.realm.clone());
            }
            2 => {
                sink.abort().await;
                tick += 5;
                epoch += chance.below(2);
                fake = fake.restarted(tick, epoch);
                sink = SqlSink::open(config(database), fake.realm.clone());
            }
            _ => assert_eq!(sink.status().borrow().error, None),
        }
        if round > 0 {
            // Before the first flush there may be no table to look at.
            seen = assert_closed_tick(database, &fake, seen).await;
        } else {
            until(sink.status(), tick).await;
        }
    }
    let closed = sink.close().await.expect("flushed").tick;
    assert_eq!(closed, tick);
    assert_eq!(assert_closed_tick(database, &fake, tick).await, tick);
}

/// Two realms write one database; each finds its own rows, and reconciling one leaves the other.
pub async fn two_realms(database: &Database) {
    let mut fakes = [Fake::new("north", 1), Fake::new("south", 9)];
    let mut chance = Chance::new(7);
    for tick in 1..=20 {
        for fake in &mut fakes {
            let (view, key, row) = random_write(&mut chance, fake.realm.name, tick);
            fake.apply(tick, vec![(view, key, row)]);
        }
    }
    let sinks = fakes.each_ref().map(|fake| SqlSink::open(config(database), fake.realm.clone()));
    for sink in sinks {
        sink.close().await.expect("flushed");
    }
    let restarted = fakes[0].restarted(30, 2);
    SqlSink::open(config(database), restarted.realm.clone()).close().await.expect("flushed");
    assert_eq!(assert_closed_tick(database, &restarted, 30).await, 30);
    assert_eq!(assert_closed_tick(database, &fakes[1], 20).await, 20);
}

/// Tables of an older catalog: one lacks a column, one has another type, one was never ours.
pub async fn older_tables(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let realm = fake.realm.name;
    let fact = |value: Value| {
        let text = ["realm", "gate"].map(sym);
        let [scope, holder] = text;
        Row::from([Value::id(realm), scope, holder, sym("open"), value, int(1), Value::Null])
    };
    fake.put(5, worldflow_schemas::catalog::FACTS, fact(Value::Bool(true)));
    SqlSink::open(config(database), fake.realm.clone()).close().await.expect("flushed");
    database.execute(r#"ALTER TABLE "facts" DROP COLUMN "expires""#).await;
    database
        .execute(
            "UPDATE worldflow_tables SET shape = replace(shape, '\nexpires Tick', '') WHERE view = 'facts'",
        )
        .await;
    database
        .execute("UPDATE worldflow_tables SET shape = replace(shape, 'tags Json', 'tags Int') WHERE view = 'entities'")
        .await;
    fake.put(6, worldflow_schemas::catalog::FACTS, fact(Value::Int(2)));
    SqlSink::open(config(database), fake.realm.clone()).close().await.expect("flushed");
    assert_closed_tick(database, &fake, 6).await;

    database.execute("DELETE FROM worldflow_tables WHERE view = 'weather'").await;
    let sink = SqlSink::open(config(database), fake.realm.clone());
    let mut status = sink.status();
    let failed = status.wait_for(|status| status.error.is_some()).await.expect("the sink runs").clone();
    assert!(failed.error.expect("waited for").contains("weather"), "a table that is not ours stays as it is");
    sink.abort().await;
}

/// Text that one database or the other cannot hold is replaced, and never stops the sink.
pub async fn awkward_values(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let entity = |tags: &str, properties: &str| {
        let realm = Value::id(fake.realm.name);
        Row::from([
            realm,
            sym("e"),
            Value::text("a\0b"),
            Value::text(tags),
            Value::text(properties),
            int(u64::MAX),
        ])
    };
    let row = entity(r#"["nul \u0000 here"]"#, "not json \0 at all");
    fake.put(3, worldflow_schemas::catalog::ENTITIES, row);
    let sink = SqlSink::open(config(database), fake.realm.clone());
    assert_eq!(sink.close().await.expect("flushed").tick, 3);
    let (_, tables) = database.tables(fake.realm.name, &[worldflow_schemas::catalog::ENTITIES]).await;
    let row = tables[&worldflow_schemas::catalog::ENTITIES].first().expect("one row").clone();
    let want = serde_json::json!({
        "realm": "greenvale", "entity": "e", "kind": "a\u{fffd}b", "tags": ["nul \u{fffd} here"],
        "properties": "not json \u{fffd} at all", "version": i64::MAX,
    });
    assert_eq!(row, want.to_string());
}
