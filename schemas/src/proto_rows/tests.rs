//! The rows' bytes against the generated types.

use prost::Message;
use worldflow_proto::v1;

use super::*;
use crate::catalog;
use crate::sym::Sym;

fn sample(kind: ColumnType, place: i64) -> Value {
    match kind {
        ColumnType::Bool => Value::Bool(place % 2 == 0),
        ColumnType::Int | ColumnType::Time => Value::Int(-place * 1_000_003),
        ColumnType::Tick => Value::Int(178_000_000_000 + place),
        ColumnType::Dec => Value::Dec(place * 250_000),
        ColumnType::Text => Value::Sym(Sym::new(&format!("text-{place}"))),
        ColumnType::Any => Value::Dec(2_500_000),
        ColumnType::Json => Value::text(r#"{"hp":10,"tags":["a","b"],"boss":true,"none":null}"#),
    }
}

#[test]
fn views_proto_is_what_the_catalog_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/worldflow/v1/views.proto");
    let generated = views_proto();
    if std::env::var_os("WORLDFLOW_UPDATE").is_some() {
        std::fs::write(path, &generated).expect("the checkout can be written");
    }
    let committed = std::fs::read_to_string(path).expect("views.proto is committed");
    assert!(
        committed == generated,
        "proto/worldflow/v1/views.proto is stale; run WORLDFLOW_UPDATE=1 cargo test -p worldflow-schemas views_proto"
    );
}

/// A row written by hand and read by the generated type, then written by that type, is the same.
#[test]
fn every_view_round_trips_through_its_generated_type() {
    for view in catalog::ids() {
        let columns = view.def().columns;
        let full: Vec<Value> = (1..).zip(columns).map(|(place, column)| sample(column.kind, place)).collect();
        let full = Row::new(full);
        let nulls = Row::new(vec![Value::Null; columns.len()]);
        let mut bytes = Vec::new();
        encode_rows(1, view, columns.len(), [&full, &nulls], &mut bytes);
        let rows = v1::ViewDelta::decode(&*{
            let mut moved = Vec::new();
            encode_rows(3, view, columns.len(), [&full, &nulls], &mut moved);
            moved
        })
        .expect("the generated types read it")
        .rows
        .expect("rows were written");
        let mut again = Vec::new();
        encoding::message::encode(1, &rows, &mut again);
        assert_eq!(bytes, again, "{}", view.def().name);
        assert!(rows.view.is_some());
    }
}

#[test]
fn columns_land_in_the_fields_of_their_names() {
    let row = Row::from([
        Value::Sym("realm".into()),
        Value::Sym("ana".into()),
        Value::Int(3),
        Value::Int(350),
        Value::Int(50),
        Value::Int(250),
    ]);
    let mut bytes = Vec::new();
    encode_row(catalog::LEVELS, &row, 6, &mut bytes);
    let typed = v1::LevelsRow::decode(&*bytes).expect("the generated type reads it");
    assert_eq!((typed.player.as_deref(), typed.level, typed.to_next), (Some("ana"), Some(3), Some(250)));
    bytes.clear();
    encode_row(catalog::LEVELS, &row, 2, &mut bytes);
    let key = v1::LevelsRow::decode(&*bytes).expect("the generated type reads it");
    assert_eq!((key.player.as_deref(), key.level), (Some("ana"), None));
}
