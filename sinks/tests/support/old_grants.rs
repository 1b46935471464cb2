//! Grants that leave the view go on in a table of their own, as they were: once each, in the transaction that takes them out of `grants`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use worldflow_schemas::catalog::{Column, ColumnType, FACTS, GRANTS, ViewDef};
use worldflow_schemas::{Row, Tick, Value};
use worldflow_sinks::sql::{SinkViews, SqlSink, SqlSinkConfig};

use super::database::{Database, Table, expected_row};
use super::scenarios::until;
use super::{Chance, Fake, int, sym};

/// What docs/sinks.md says of the table.
static TABLE: LazyLock<ViewDef> = LazyLock::new(|| {
    let mut columns = GRANTS.def().columns.to_vec();
    columns.insert(2, Column { name: "epoch", kind: ColumnType::Int, doc: "" });
    let columns = columns.leak();
    ViewDef { name: "worldflow_old_grants", key: 3, columns, filters: &[], deterministic: true, doc: "" }
});

fn config(database: &Database, every_ms: u64) -> SqlSinkConfig {
    SqlSinkConfig {
        name: "test".to_owned(),
        target: database.target(),
        views: SinkViews::Named(["grants", "facts"].map(str::to_owned).to_vec()),
        every: Duration::from_millis(every_ms),
    }
}

fn grant(fake: &Fake, number: u64, status: &str, earned: Tick) -> Row {
    let id = Value::text(&format!("wolves/player:ann/{number}/pelt/ann"));
    let [quest, player, ann, pelt] = ["wolves", "player", "ann", "pelt"].map(sym);
    let reason = if status == "refused" { Value::text("no room, 'sorry'") } else { Value::Null };
    Row::from([
        Value::id(fake.realm.name),
        id,
        quest,
        player,
        ann.clone(),
        int(number),
        pelt.clone(),
        ann,
        pelt,
        int(2),
        sym(status),
        reason,
        int(earned),
    ])
}

/// The row that the table must have for one of `grants`.
fn old(row: &Row, epoch: u64) -> String {
    let mut values: Vec<Value> = row.iter().cloned().collect();
    values.insert(2, int(epoch));
    expected_row(&TABLE, &Row::new(values))
}

fn leave(fake: &mut Fake, tick: Tick, row: &Row) {
    fake.apply(tick, vec![(GRANTS, row.key(GRANTS.def().key).to_vec(), None)]);
}

async fn of_both(database: &Database, fake: &Fake) -> (Tick, Table, Table) {
    let (tick, tables) = database.tables_like(fake.realm.name, &[GRANTS.def(), &TABLE]).await;
    let [grants, old] = <[Table; 2]>::try_from(tables).expect("two tables");
    (tick, grants, old)
}

/// One leaves while the sink looks, one between two of its looks, one while it is away, and some of other lineages.
pub async fn are_kept(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let delivered = grant(&fake, 1, "delivered", 3);
    fake.put(10, GRANTS, delivered.clone());
    let sink = SqlSink::open(config(database, 50), fake.realm.clone());
    until(sink.status(), 10).await;
    leave(&mut fake, 11, &delivered);
    until(sink.status(), 11).await;
    assert_eq!(of_both(database, &fake).await.1, Table::new());

    // The tables never had a row of it.
    let refused = grant(&fake, 2, "refused", 12);
    fake.put(12, GRANTS, grant(&fake, 2, "pending", 12));
    fake.put(13, GRANTS, refused.clone());
    leave(&mut fake, 14, &refused);
    // This one comes back in the same look, as one of a quest that is revoked would.
    fake.put(15, GRANTS, grant(&fake, 3, "delivered", 12));
    until(sink.status(), 15).await;
    let flagged = grant(&fake, 3, "flagged", 12);
    fake.put(16, GRANTS, flagged.clone());
    until(sink.status(), 16).await;
    sink.abort().await;
    leave(&mut fake, 17, &flagged);

    let mut fake = fake.restarted(20, 1);
    let sink = SqlSink::open(config(database, 1), fake.realm.clone());
    until(sink.status(), 20).await;
    let mut kept: Table = [&delivered, &refused, &flagged].iter().map(|row| old(row, 1)).collect();
    assert_eq!(of_both(database, &fake).await, (20, Table::new(), kept.clone()));

    // In another lineage the same id is another grant; what that lineage does not have stays as it was in its own.
    let waits = grant(&fake, 4, "pending", 21);
    fake.put(21, GRANTS, waits.clone());
    until(sink.status(), 21).await;
    sink.abort().await;
    let mut fake = Fake::new("greenvale", 2);
    let again = grant(&fake, 1, "refused", 30);
    fake.put(30, GRANTS, again.clone());
    let sink = SqlSink::open(config(database, 1), fake.realm.clone());
    until(sink.status(), 30).await;
    leave(&mut fake, 31, &again);
    assert_eq!(sink.close().await.map(|at| at.tick), Some(31));
    kept.extend([old(&waits, 1), old(&again, 2)]);
    assert_eq!(of_both(database, &fake).await, (31, Table::new(), kept.clone()));

    // A sink that comes late, or is made anew, cannot have what is gone; who emptied the table finds it empty.
    database.execute("DELETE FROM worldflow_old_grants").await;
    let fake = fake.restarted(40, 2);
    SqlSink::open(config(database, 1), fake.realm.clone()).close().await.expect("flushed");
    assert_eq!(of_both(database, &fake).await, (40, Table::new(), Table::new()));
}

/// Grants that come, are answered and leave at random, and a sink that is killed at random: whenever one looks, both tables are
/// those of one closed tick, and what has left by then is in the second, once and as it was.
pub async fn are_kept_wherever_it_is_killed(database: &Database, seed: u64) {
    let mut chance = Chance::new(seed);
    let (mut fake, mut tick, mut epoch) = (Fake::new("greenvale", 1), 1_000, 1);
    let mut sink = SqlSink::open(config(database, 1), fake.realm.clone());
    let mut here: BTreeMap<u64, (Row, Tick)> = BTreeMap::new();
    let (mut left, mut past): (Table, BTreeMap<Tick, Table>) = (Table::new(), BTreeMap::new());
    let (mut number, mut flushed) = (0, 0);
    fake.put(tick, FACTS, fact(&fake, 0));
    until(sink.status(), tick).await;
    for round in 0..30 {
        for _ in 0..=chance.below(10) {
            tick += 1 + chance.below(3);
            let mut writes: BTreeMap<Vec<Value>, Option<Row>> = BTreeMap::new();
            let key = |row: &Row| row.key(GRANTS.def().key).to_vec();
            for _ in 0..chance.below(8) {
                number += 1;
                let row = grant(&fake, number, "pending", tick);
                writes.insert(key(&row), Some(row.clone()));
                here.insert(number, (row, Tick::MAX));
            }
            for (number, (row, changed)) in &mut here {
                let may_leave = *changed <= flushed && !writes.contains_key(&key(row));
                if may_leave && chance.below(3) == 0 {
                    writes.insert(key(row), None);
                    left.insert(old(row, epoch));
                } else if !writes.contains_key(&key(row)) && chance.below(3) == 0 {
                    let status = *chance.pick(&["delivered", "refused", "revoked", "flagged"]);
                    (*row, *changed) = (grant(&fake, *number, status, tick), tick);
                    writes.insert(key(row), Some(row.clone()));
                }
            }
            let gone: BTreeSet<&Vec<Value>> =
                writes.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
            here.retain(|_, (row, _)| !gone.contains(&key(row)));
            fake.apply(tick, writes.into_iter().map(|(key, row)| (GRANTS, key, row)).collect());
            past.insert(tick, left.clone());
            tokio::time::sleep(Duration::from_micros(chance.below(2_000))).await;
        }
        match chance.below(3) {
            0 => {
                until(sink.status(), tick).await;
                flushed = tick;
            }
            1 => {
                sink.abort().await;
                tick += 5;
                let other = chance.below(3) == 0;
                epoch += u64::from(other);
                fake = fake.restarted(tick, epoch);
                past.insert(tick, left.clone());
                sink = SqlSink::open(config(database, 1), fake.realm.clone());
                if other {
                    // What leaves now is of the lineage that the tables are of by then.
                    until(sink.status(), tick).await;
                    flushed = tick;
                }
            }
            _ => {}
        }
        let (at, grants, old) = of_both(database, &fake).await;
        let state = fake.history.get(&at).unwrap_or_else(|| panic!("no tick {at} was ever closed"));
        let rows = state.iter().filter(|((view, _), _)| *view == GRANTS);
        assert_eq!(grants, rows.map(|(_, row)| expected_row(GRANTS.def(), row)).collect(), "round {round}");
        assert_eq!(old, past.get(&at).cloned().unwrap_or_default(), "at tick {at}, round {round}");
    }
    assert_eq!(sink.close().await.map(|at| at.tick), Some(tick));
    assert_eq!(of_both(database, &fake).await.2, left);
    assert!(left.len() > 20, "only {} have left", left.len());
}

fn fact(fake: &Fake, number: u64) -> Row {
    let [scope, holder] = ["realm", "gate"].map(sym);
    Row::from([Value::id(fake.realm.name), scope, holder, sym("f"), int(number), int(1), Value::Null])
}
