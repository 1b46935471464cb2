//! What must hold of designers' views in either database: their tables follow the catalog.

use worldflow_schemas::catalog::{
    CLOCK, CatalogEdit, ColumnType, DesignedColumn, DesignedView, LEVELS, ViewId,
};
use worldflow_schemas::{Row, Value};
use worldflow_sinks::sql::{SinkViews, SqlSink, SqlSinkConfig};

use super::database::{Database, expected};
use super::scenarios::{config, until};
use super::{Fake, int, sym};

/// Rain by zone, in one of two shapes.
pub fn rain(hail: bool) -> ViewId {
    let mut columns = vec![
        DesignedColumn::new("realm", ColumnType::Text, "The realm."),
        DesignedColumn::new("zone", ColumnType::Text, "The zone."),
        DesignedColumn::new("mm", if hail { ColumnType::Dec } else { ColumnType::Int }, "Millimetres."),
    ];
    if hail {
        columns.push(DesignedColumn::new("hail", ColumnType::Bool, "Whether it hailed."));
    }
    let (name, doc) = ("rain".to_owned(), "Rain by zone.".to_owned());
    DesignedView { name, key: 2, columns, filters: Vec::new(), doc }.id().expect("a view")
}

pub fn becomes(view: Option<ViewId>) -> [CatalogEdit; 1] {
    [CatalogEdit { name: "rain".into(), view }]
}

pub fn fallen(fake: &Fake, zone: &str, mm: u64, hail: bool) -> (ViewId, Vec<Value>, Option<Row>) {
    let mut values = vec![Value::id(fake.realm.name), sym(zone), int(mm)];
    values.extend(hail.then_some(Value::Bool(true)));
    (rain(hail), values[..2].to_vec(), Some(Row::new(values)))
}

fn all(database: &Database) -> SqlSinkConfig {
    SqlSinkConfig { views: SinkViews::All, ..config(database) }
}

/// The tables of that name.
async fn tables(database: &Database, name: &str) -> usize {
    let sql = match database {
        Database::Sqlite(_) => {
            format!("SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
        }
        Database::Postgres(_) => format!("SELECT tablename::text FROM pg_tables WHERE tablename = '{name}'"),
    };
    database.texts(vec![sql]).await[0].len()
}

async fn assert_rain(database: &Database, fake: &Fake, hail: bool) {
    let view = [rain(hail)];
    let (tick, found) = database.tables(fake.realm.name, &view).await;
    assert_eq!(tick, fake.tick());
    assert_eq!(found, expected(&fake.state, &view));
    assert!(!found[&view[0]].is_empty());
}

/// A view comes, changes, gets another shape and goes, beside others that go on; also over a restart of the sink.
pub async fn follows_the_catalog(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let level = |n| {
        let zero = int(0);
        Row::from([sym("greenvale"), sym("ana"), int(n), zero.clone(), zero.clone(), zero])
    };
    fake.put(1, LEVELS, level(1));
    let sink = SqlSink::open(all(database), fake.realm.clone());
    until(sink.status(), 1).await;
    assert_eq!(tables(database, "rain").await, 0);
    let rows = vec![fallen(&fake, "moor", 3, false), fallen(&fake, "fen", 4, false)];
    fake.edit(2, &becomes(Some(rain(false))), rows);
    until(sink.status(), 2).await;
    assert_rain(database, &fake, false).await;
    fake.apply(3, vec![fallen(&fake, "moor", 5, false), (LEVELS, level(2).key(2).to_vec(), Some(level(2)))]);
    until(sink.status(), 3).await;
    assert_rain(database, &fake, false).await;
    let rows = vec![fallen(&fake, "moor", 5, true), fallen(&fake, "hills", 1, true)];
    fake.edit(4, &becomes(Some(rain(true))), rows);
    until(sink.status(), 4).await;
    assert_rain(database, &fake, true).await;
    sink.close().await;

    // What became of the catalog while the sink was away is followed at its start.
    fake.edit(5, &becomes(None), Vec::new());
    assert_eq!(tables(database, "rain").await, 1);
    let sink = SqlSink::open(all(database), fake.realm.clone());
    until(sink.status(), 5).await;
    assert_eq!((tables(database, "rain").await, tables(database, "levels").await), (0, 1));
    let rows = vec![fallen(&fake, "fen", 9, false)];
    fake.edit(6, &becomes(Some(rain(false))), rows);
    until(sink.status(), 6).await;
    assert_rain(database, &fake, false).await;
    fake.edit(7, &becomes(None), Vec::new());
    until(sink.status(), 7).await;
    assert_eq!(tables(database, "rain").await, 0);
    let told = "SELECT view FROM worldflow_tables WHERE view = 'rain' \
                UNION SELECT view FROM worldflow_frontier WHERE view = 'rain'";
    assert_eq!(database.texts(vec![told.to_owned()]).await, [Vec::<String>::new()]);
    sink.close().await;
}

/// A sink that names a view writes it when it comes, and drops it with the view; one that names others never has it.
pub async fn is_named_before_it_comes(database: &Database) {
    let mut fake = Fake::new("greenvale", 1);
    let naming = |names: &[&str]| SqlSinkConfig {
        views: SinkViews::Named(names.iter().map(|name| (*name).to_owned()).collect()),
        ..config(database)
    };
    let clock = Row::new(
        CLOCK
            .def()
            .columns
            .iter()
            .map(|column| match column.name {
                "realm" => sym("greenvale"),
                _ => Value::Null,
            })
            .collect::<Vec<_>>(),
    );
    fake.put(1, CLOCK, clock);
    let others = SqlSink::open(naming(&["clock"]), fake.realm.clone());
    until(others.status(), 1).await;
    let row = fallen(&fake, "fen", 9, false);
    fake.edit(2, &becomes(Some(rain(false))), vec![row]);
    until(others.status(), 2).await;
    assert_eq!(tables(database, "rain").await, 0);
    others.close().await;
    let sink = SqlSink::open(naming(&["clock", "rain"]), fake.realm.clone());
    until(sink.status(), 2).await;
    assert_rain(database, &fake, false).await;
    sink.close().await;
}

/// Two realms have a view of one name: each of its own shape, until both have the same; the table goes with the last.
pub async fn of_two_realms(database: &Database) {
    let (mut north, mut south) = (Fake::new("north", 1), Fake::new("south", 2));
    let mut sinks = Vec::new();
    for fake in [&mut north, &mut south] {
        let row = fallen(fake, "moor", 3, false);
        fake.edit(1, &becomes(Some(rain(false))), vec![row]);
        sinks.push(SqlSink::open(all(database), fake.realm.clone()));
    }
    let both = async |north: &Fake, south: &Fake| {
        for (fake, sink) in [north, south].into_iter().zip(&sinks) {
            until(sink.status(), fake.tick()).await;
        }
    };
    both(&north, &south).await;
    assert_rain(database, &north, false).await;
    assert_rain(database, &south, false).await;
    // The other realm's table stays as it is; what was there of this one goes, and all else goes on.
    let row = fallen(&north, "moor", 4, true);
    north.edit(2, &becomes(Some(rain(true))), vec![row]);
    both(&north, &south).await;
    let rows = |realm: &str| vec![format!("SELECT zone FROM rain WHERE realm = '{realm}'")];
    assert_eq!(database.texts(rows("north")).await, [Vec::<String>::new()]);
    assert_rain(database, &south, false).await;
    // Once both have it the table is changed, and both write it.
    let row = fallen(&south, "moor", 5, true);
    south.edit(2, &becomes(Some(rain(true))), vec![row]);
    both(&north, &south).await;
    let row = fallen(&north, "fen", 6, true);
    north.apply(3, vec![row]);
    both(&north, &south).await;
    assert_rain(database, &north, true).await;
    assert_rain(database, &south, true).await;
    north.edit(4, &becomes(None), Vec::new());
    both(&north, &south).await;
    assert_eq!(database.texts(rows("north")).await, [Vec::<String>::new()]);
    assert_rain(database, &south, true).await;
    south.edit(3, &becomes(None), Vec::new());
    both(&north, &south).await;
    assert_eq!(tables(database, "rain").await, 0);
    for sink in sinks {
        sink.close().await;
    }
}
