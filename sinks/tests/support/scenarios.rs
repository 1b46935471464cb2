//! What must hold in either database.

use std::time::Duration;

use tokio::sync::watch;
use worldflow_schemas::catalog::{FACTS, ViewId};
use worldflow_schemas::{Row, Tick, Value};
use worldflow_sinks::sql::{SinkStatus, SinkViews, SqlSink, SqlSinkConfig};

use super::database::{Database, expected};
use super::{Chance, Fake, VIEWS, int, random_write, sym};

/// A sink of these views.
fn named(views: &[ViewId]) -> SinkViews {
    SinkViews::Named(views.iter().map(|view| view.def().name.to_owned()).collect())
}

pub fn config(database: &Database) -> SqlSinkConfig {
    SqlSinkConfig {
        name: "test".to_owned(),
        target: database.target(),
        views: named(&VIEWS),
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

/// A fact of the realm's gate.
fn fact(realm: worldflow_schemas::Sym, name: &str, value: Value) -> Row {
    let [scope, holder] = ["realm", "gate"].map(sym);
    Row::from([Value::id(realm), scope, holder, sym(name), value, int(1), Value::Null])
}

/// Runs a sink up to the realm's tick, and says how many rows it has written or removed.
async fn written(database: &Database, fake: &Fake) -> u64 {
    let sink = SqlSink::open(config(database), fake.realm.clone());
    let status = sink.status();
    assert_eq!(sink.close().await.map(|at| at.tick), Some(fake.tick()), "{:?}", status.borrow());
    status.borrow().rows
}

/// A sink that is started again writes only what has changed in between, whatever it remembers.
pub async fn restarted(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let realm = fake.realm.name;
    for number in 0..100 {
        fake.put(5, FACTS, fact(realm, &format!("f{number}"), Value::Int(number)));
    }
    assert_eq!(written(database, &fake).await, 100);
    // In the same lineage, in another one, and with nothing to do.
    for (tick, epoch) in [(10, 1), (20, 2)] {
        fake = fake.restarted(tick, epoch);
        assert_eq!(written(database, &fake).await, 0);
        let versions = database.versions("facts").await;
        fake.put(tick + 1, FACTS, fact(realm, "f7", Value::Int(tick.cast_signed())));
        let gone = vec![Value::id(realm), sym("realm"), sym("gate"), sym(&format!("f{}", tick + 1))];
        fake.apply(tick + 2, vec![(FACTS, gone, None)]);
        let fresh = fake.restarted(tick + 5, epoch);
        assert_eq!(written(database, &fresh).await, 2);
        assert_closed_tick(database, &fresh, tick + 5).await;
        let kept = database.versions("facts").await.intersection(&versions).count();
        assert_eq!(kept, versions.len() - 2, "the other rows were not touched");
        fake = fresh;
    }
}

/// A table that somebody has dropped is made again, with every row, and no other waits for it.
pub async fn dropped(database: &Database) {
    let mut chance = Chance::new(7);
    let mut fake = Fake::new("greenvale", 1);
    for tick in 1..=20 {
        let write = random_write(&mut chance, fake.realm.name, tick);
        fake.apply(tick, vec![write]);
    }
    let sink = SqlSink::open(config(database), fake.realm.clone());
    until(sink.status(), 20).await;
    sink.close().await;
    for view in [VIEWS[0], VIEWS[1]] {
        database.execute(&format!("DROP TABLE {}", view.def().name)).await;
    }
    let write = random_write(&mut chance, fake.realm.name, 21);
    fake.apply(21, vec![write]);
    let sink = SqlSink::open(config(database), fake.realm.clone());
    until(sink.status(), 21).await;
    assert_closed_tick(database, &fake, 21).await;
    sink.close().await;
}

/// Tables of another catalog are changed to that of today, with the rows that they have; what was never ours is left alone.
pub async fn older_tables(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let realm = fake.realm.name;
    for number in 0..20 {
        fake.put(5, FACTS, fact(realm, &format!("f{number}"), Value::Int(number)));
    }
    assert_eq!(written(database, &fake).await, 20);
    let shaped = |from: &str, to: &str| {
        format!("UPDATE worldflow_tables SET shape = replace(shape, '{from}', '{to}') WHERE view = 'facts'")
    };
    // As the table was, when a column was missing; when there was another one; when one was of another type.
    let lacks = [r#"ALTER TABLE "facts" DROP COLUMN "expires""#.to_owned(), shaped("\nexpires Tick", "")];
    let has = [
        r#"ALTER TABLE "facts" ADD COLUMN "former" TEXT"#.to_owned(),
        shaped("\nexpires Tick", "\nformer Text\nexpires Tick"),
    ];
    let typed = [
        r#"ALTER TABLE "facts" DROP COLUMN "version""#.to_owned(),
        r#"ALTER TABLE "facts" ADD COLUMN "version" TEXT"#.to_owned(),
        shaped("version Int", "version Text"),
    ];
    // What is null, and always was, need not be written; a column of another type is filled again.
    for (statements, rows) in [(&lacks[..], 0), (&has[..], 0), (&typed[..], 20)] {
        for sql in statements {
            database.execute(sql).await;
        }
        assert_eq!(written(database, &fake).await, rows, "{statements:?}");
        assert_closed_tick(database, &fake, 5).await;
        // It is as one that was made today: nothing is done again.
        assert_eq!(written(database, &fake).await, 0);
    }
    another_key(database, &fake).await;

    database.execute("DELETE FROM worldflow_tables WHERE view = 'weather'").await;
    let sink = SqlSink::open(config(database), fake.realm.clone());
    let mut status = sink.status();
    let failed = status.wait_for(|status| status.error.is_some()).await.expect("the sink runs").clone();
    assert!(failed.error.expect("waited for").contains("weather"), "a table that is not ours stays as it is");
    sink.abort().await;
}

/// The key was longer, with rows that are alike in today's; then it was shorter. A view of a user's own stays.
async fn another_key(database: &Database, fake: &Fake) {
    let shape = |key: &str, former: &str| {
        let columns = [("realm Text", ""), ("scope Text", ""), ("holder Text", ""), ("fact Text", key)];
        let columns =
            columns.map(|(column, not)| format!("{column}{}", if not.is_empty() { " key" } else { "" }));
        format!(
            "UPDATE worldflow_tables SET shape = '{}{former}\nvalue Any\nversion Int\nexpires Tick' WHERE view = 'facts'",
            columns.join("\n")
        )
    };
    let rebuilt = |key: &str, more: &str| {
        vec![
            "CREATE TABLE kept AS SELECT * FROM facts".to_owned(),
            "DROP TABLE facts".to_owned(),
            format!(
                "CREATE TABLE facts (realm TEXT NOT NULL, scope TEXT NOT NULL, holder TEXT NOT NULL, fact TEXT{more}, \
                 value TEXT, version BIGINT, expires BIGINT, PRIMARY KEY ({key}))"
            ),
        ]
    };
    let columns = "realm, scope, holder, fact, value, version, expires";
    let mut longer = rebuilt("realm, scope, holder, fact, former", " NOT NULL, former BIGINT NOT NULL");
    longer.extend(
        [1, 2].map(|former| {
            format!("INSERT INTO facts ({columns}, former) SELECT {columns}, {former} FROM kept")
        }),
    );
    longer.extend(["DROP TABLE kept".to_owned(), shape("", "\nformer Int key")]);
    let mut shorter = rebuilt("realm, scope, holder", "");
    shorter.push(format!("INSERT INTO facts ({columns}) SELECT {columns} FROM kept WHERE fact = 'f3'"));
    shorter.extend(["DROP TABLE kept".to_owned(), shape("not", "")]);
    for (statements, rows) in [(longer, 0), (shorter, 19)] {
        for sql in &statements {
            database.execute(sql).await;
        }
        database.execute("CREATE VIEW theirs AS SELECT fact, value FROM facts").await;
        assert_eq!(written(database, fake).await, rows, "{statements:?}");
        assert_closed_tick(database, fake, 5).await;
        let seen = database.texts(vec!["SELECT fact FROM theirs ORDER BY fact".to_owned()]).await;
        assert_eq!(seen[0].len(), 20, "what somebody has built on the table still stands");
        database.execute("DROP VIEW theirs").await;
        assert_eq!(written(database, fake).await, 0);
    }
}

/// A view that a sink no longer holds keeps its table as it was, with the tick at which that was; when it is held again, what differs
/// is written.
pub async fn left_out(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let realm = fake.realm.name;
    for number in 0..10 {
        fake.put(5, FACTS, fact(realm, &format!("f{number}"), Value::Int(number)));
    }
    assert_eq!(written(database, &fake).await, 10);
    fake.put(6, FACTS, fact(realm, "f3", Value::Int(33)));
    let without = SqlSinkConfig {
        views: named(&VIEWS.into_iter().filter(|view| *view != FACTS).collect::<Vec<_>>()),
        ..config(database)
    };
    let sink = SqlSink::open(without, fake.realm.clone());
    assert_eq!(sink.close().await.map(|at| at.tick), Some(6));
    let of = |column: &str, view: &str| {
        format!("SELECT CAST({column} AS TEXT) FROM worldflow_frontier WHERE view = '{view}'")
    };
    let asked = vec![
        of("tick", "facts"),
        of("tick", "clock"),
        "SELECT value FROM facts WHERE fact = 'f3'".to_owned(),
    ];
    assert_eq!(database.texts(asked).await, [["5"], ["6"], ["3"]]);
    assert_eq!(written(database, &fake).await, 1);
    assert_closed_tick(database, &fake, 6).await;
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
