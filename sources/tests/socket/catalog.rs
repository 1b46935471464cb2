//! Views of designers over the socket: as any other, until the catalog changes under a subscription.

use std::time::Duration;

use prost::Message as _;
use serde_json::{Value as Json, json};
use worldflow_engine::view_changes::ViewChanges;
use worldflow_proto::v1;
use worldflow_proto::v1::client_frame::Frame as ClientFrame;
use worldflow_proto::v1::json::Kind as JsonKind;
use worldflow_proto::v1::rows::View;
use worldflow_proto::v1::scalar::Kind;
use worldflow_proto::v1::server_frame::Frame as ServerFrame;
use worldflow_schemas::catalog::{self, CatalogEdit, ColumnType, DesignedColumn, DesignedView, ViewId};
use worldflow_schemas::{Diff, Row, Tick, Value};
use worldflow_sources::game_socket::Limits;

use crate::client::{JsonClient, ProtoClient};
use crate::realm::{Server, level, start};

/// Rain by zone: millimetres, and what fell of it when. Of another shape with `hail`.
fn rain(hail: bool) -> ViewId {
    let mut columns = vec![
        DesignedColumn::new("realm", ColumnType::Text, "The realm."),
        DesignedColumn::new("zone", ColumnType::Text, "The zone."),
        DesignedColumn::new("mm", ColumnType::Dec, "Millimetres."),
        DesignedColumn::new("days", ColumnType::Json, "On which days."),
        DesignedColumn::new("since", ColumnType::Tick, "Since when."),
    ];
    if hail {
        columns.push(DesignedColumn::new("hail", ColumnType::Bool, "Whether it hailed."));
    }
    let (name, doc) = ("rain".to_owned(), "Rain by zone.".to_owned());
    DesignedView { name, key: 2, columns, filters: vec!["mm".to_owned()], doc }.id().expect("a view")
}

fn fallen(zone: &str, millionths: i64) -> Row {
    let days = if millionths == 0 { Value::Null } else { Value::text("[\"monday\",2]") };
    Row::from([
        Value::Sym("greenvale".into()),
        Value::text(zone),
        Value::Dec(millionths),
        days,
        Value::Int(7),
    ])
}

fn hailed(zone: &str) -> Row {
    fallen(zone, 0).iter().cloned().chain([Value::Bool(true)]).collect()
}

fn edit(name: &str, view: Option<ViewId>) -> CatalogEdit {
    CatalogEdit { name: name.into(), view }
}

impl Server {
    fn edits(&self, edits: &[CatalogEdit], rows: Vec<(ViewId, Row, Diff)>) -> Tick {
        self.tick_with(|views, tick| drop(views.apply_edits(tick, edits, ViewChanges::by_view(rows))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_designers_view_is_followed_in_json_as_any_other() {
    let server = start(Limits::default()).await;
    server.edits(&[edit("rain", Some(rain(false)))], vec![(rain(false), fallen("moor", 2_500_000), 1)]);
    let mut client = JsonClient::open(&server, &server.game_server).await;
    assert!(client.welcome["views"].as_array().expect("a list").contains(&json!("rain")));
    client.send(json!({"subscribe": {"id": 1, "view": "rain", "where": {"zone": ["moor", "fen"]}}})).await;
    let subscribed = client.expect("subscribed").await;
    assert_eq!(subscribed["schema"]["key"], 2);
    let columns = subscribed["schema"]["columns"].as_array().expect("a list");
    assert_eq!(columns[2], json!({"name": "mm", "kind": "dec"}));
    let snapshot = client.expect("snapshot").await;
    let row = json!({"realm": "greenvale", "zone": "moor", "mm": 2.5, "days": ["monday", 2], "since": 7});
    assert_eq!(snapshot["rows"], json!([row]));
    server.edits(&[], vec![(rain(false), fallen("woods", 1_000_000), 1), (rain(false), fallen("fen", 0), 1)]);
    let delta = client.expect("delta").await;
    assert_eq!(delta["changes"][0]["rows"][0]["zone"], "fen");
    assert_eq!(delta["changes"][0]["rows"].as_array().map(Vec::len), Some(1));
    server.edits(&[], vec![(rain(false), fallen("moor", 2_500_000), -1)]);
    let delta = client.expect("delta").await;
    assert_eq!(delta["changes"][0]["removed"], json!([{"realm": "greenvale", "zone": "moor"}]));

    // Whose rows a designer's view shows nobody has said.
    let mut player = JsonClient::open(&server, &server.ana).await;
    assert!(!player.welcome["views"].as_array().expect("a list").contains(&json!("rain")));
    player.send(json!({"subscribe": {"id": 1, "view": "rain"}})).await;
    assert_eq!(player.expect("error").await["code"], "not_allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_designers_view_need_no_generated_type() {
    let server = start(Limits::default()).await;
    server.edits(&[edit("rain", Some(rain(false)))], vec![(rain(false), fallen("moor", 2_500_000), 1)]);
    let (mut client, _) = ProtoClient::open(&server, &server.dashboard).await;
    let subscribe = v1::Subscribe { id: 4, view: "rain".to_owned(), hash: true, ..v1::Subscribe::default() };
    client.send(ClientFrame::Subscribe(subscribe)).await;
    let ServerFrame::Subscribed(subscribed) = client.next().await else { panic!("not subscribed") };
    let schema = subscribed.schema.expect("rows of this view are lists");
    let ServerFrame::Snapshot(snapshot) = client.next().await else { panic!("not a snapshot") };
    let read = |rows: Option<v1::Rows>| -> Vec<Json> {
        let Some(View::Designed(rows)) = rows.and_then(|rows| rows.view) else { return Vec::new() };
        let named = |row: v1::DesignedRow| {
            let columns = schema.columns.iter().zip(row.values);
            columns.map(|(column, value)| (column.name.clone(), plain(value))).collect()
        };
        rows.rows.into_iter().map(named).collect()
    };
    let row = json!({"realm": "greenvale", "zone": "moor", "mm": 2.5, "days": ["monday", 2], "since": 7});
    assert_eq!(read(snapshot.rows), std::slice::from_ref(&row));
    let hash = crate::peer::fnv(&crate::peer::bytes(&row));
    assert_eq!(snapshot.hash, Some(format!("{hash:016x}")));
    server.edits(&[], vec![(rain(false), fallen("moor", 2_500_000), -1), (rain(false), fallen("fen", 0), 1)]);
    let ServerFrame::Delta(mut delta) = client.next().await else { panic!("not a delta") };
    let change = delta.changes.remove(0);
    let fen = json!({"realm": "greenvale", "zone": "fen", "mm": 0.0, "days": null, "since": 7});
    assert_eq!(read(change.rows), [fen]);
    assert_eq!(read(change.removed), [json!({"realm": "greenvale", "zone": "moor"})]);
}

fn plain(value: v1::Json) -> Json {
    match value.kind {
        None => Json::Null,
        Some(JsonKind::Scalar(scalar)) => match scalar.kind {
            None => Json::Null,
            Some(Kind::Bool(value)) => json!(value),
            Some(Kind::Int(value)) => json!(value),
            Some(Kind::Dec(value)) => json!(value),
            Some(Kind::Text(value)) => json!(value),
        },
        Some(JsonKind::List(list)) => list.items.into_iter().map(plain).collect(),
        Some(JsonKind::Map(map)) => {
            Json::Object(map.entries.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_told_that_its_view_is_another_or_gone_and_the_others_go_on() {
    let server = start(Limits::default()).await;
    server.edits(&[edit("rain", Some(rain(false)))], vec![(rain(false), fallen("moor", 2_500_000), 1)]);
    let mut client = JsonClient::open(&server, &server.game_server).await;
    client.subscribe(json!({"id": 1, "view": "levels"})).await;
    let first = client.subscribe(json!({"id": 2, "view": "rain"})).await;
    let ends = async |client: &mut JsonClient, code: &str| {
        let error = client.expect("error").await;
        assert_eq!((&error["code"], &error["about"]), (&json!(code), &json!(2)));
        assert!(!error["hint"].as_str().expect("a hint").is_empty());
        assert_eq!(client.expect("unsubscribed").await, json!({"id": 2, "subscriber_count": 0}));
    };
    // In the same tick other views change as ever.
    let reshaped = vec![(rain(true), hailed("moor"), 1), (catalog::LEVELS, level("ana", 1), 1)];
    server.edits(&[edit("rain", Some(rain(true)))], reshaped);
    ends(&mut client, "view_changed").await;
    assert_eq!(client.expect("delta").await["changes"][0]["rows"][0]["player"], "ana");

    // Its number is free, and what was held of the other shape is nothing to go on from.
    let resume = json!({"epoch": first["epoch"], "tick": first["tick"]});
    client.send(json!({"subscribe": {"id": 2, "view": "rain", "resume": resume}})).await;
    let subscribed = client.expect("subscribed").await;
    assert_eq!(subscribed["resume"], "too_old");
    assert_eq!(subscribed["schema"]["columns"][5]["name"], "hail");
    assert_eq!(client.expect("snapshot").await["rows"][0]["hail"], true);

    server.edits(&[edit("rain", None)], Vec::new());
    ends(&mut client, "view_removed").await;
    client.send(json!({"change": {"id": 2, "add": {"zone": "fen"}}})).await;
    assert_eq!(client.expect("error").await["code"], "unknown_subscription");
    client.send(json!({"subscribe": {"id": 2, "view": "rain"}})).await;
    assert_eq!(client.expect("error").await["code"], "unknown_view");
    server.set(catalog::LEVELS, [level("ana", 2)]);
    assert_eq!(client.expect("delta").await["changes"][0]["id"], 1);
    client.send(json!({"stats": {}})).await;
    assert_eq!(client.expect("stats").await["subscriber_counts"], json!({"levels": 1}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_goes_and_comes_back_between_two_looks_is_snapshot_anew() {
    let server = start(Limits::default()).await;
    server.edits(&[edit("rain", Some(rain(false)))], vec![(rain(false), fallen("moor", 1), 1)]);
    let mut client = JsonClient::open(&server, &server.game_server).await;
    client.subscribe(json!({"id": 1, "view": "rain"})).await;
    server.tick_with(|views, tick| {
        views.apply_edits(tick - 1, &[edit("rain", None)], Vec::new());
        let rows = vec![(rain(false), fallen("fen", 2), 1)];
        views.apply_edits(tick, &[edit("rain", Some(rain(false)))], ViewChanges::by_view(rows));
    });
    let snapshot = client.expect("snapshot").await;
    assert_eq!((&snapshot["reset"], &snapshot["rows"][0]["zone"]), (&json!(true), &json!("fen")));
    assert_eq!(snapshot["rows"].as_array().map(Vec::len), Some(1));
}

/// Its rows are in the store, and the realm's progress has not come to their tick.
#[tokio::test]
async fn who_subscribes_in_the_moment_a_view_comes_gets_its_rows_once() {
    let server = start(Limits::default()).await;
    let mut client = JsonClient::open(&server, &server.game_server).await;
    // Who has connected is a tick of its own: let it be over.
    server.paused.send_replace(true);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let coming = server.realm.progress.borrow().tick + 1;
    let rows = vec![(rain(false), fallen("moor", 1), 1)];
    server.realm.views.apply_edits(coming, &[edit("rain", Some(rain(false)))], ViewChanges::by_view(rows));
    client.send(json!({"subscribe": {"id": 1, "view": "rain", "hash": true}})).await;
    client.expect("subscribed").await;
    client.send(json!({"ping": {"nonce": 1}})).await;
    client.expect("pong").await;
    assert_eq!(server.tick(Vec::new()), coming);
    let snapshot = client.expect("snapshot").await;
    assert_eq!((&snapshot["tick"], &snapshot["rows"][0]["zone"]), (&json!(coming), &json!("moor")));
    server.edits(&[], vec![(rain(false), fallen("fen", 2), 1)]);
    let delta = client.expect("delta").await;
    assert_eq!(
        (&delta["changes"][0]["after"], &delta["changes"][0]["rows"][0]["zone"]),
        (&json!(coming), &json!("fen"))
    );
}

/// The example of the page: what `subscribed` says, the bytes, and the rows that they are.
#[test]
fn the_page_shows_how_rows_are_read_without_a_generated_type() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wire.md");
    let page = std::fs::read_to_string(page).expect("the documentation is here");
    let (_, part) = page.split_once("## Views of designers").expect("the section");
    let (_, frame) = part.split_once("\n← ").expect("an answer");
    let frame = serde_json::Deserializer::from_str(frame).into_iter::<Json>().next().expect("a frame");
    let schema = frame.expect("it is JSON")["subscribed"]["schema"].clone();
    let schema: v1::ViewSchema = serde_json::from_value(schema).expect("a schema");
    let columns: Vec<(&str, &str)> =
        rain(false).def().columns.iter().map(|column| (column.name, column.kind.name())).collect();
    let told: Vec<(&str, &str)> =
        schema.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
    assert_eq!((schema.key, told), (2, columns));
    let (_, example) = part.split_once("|---|---|\n| `").expect("a table");
    let (hex, rest) = example.split_once("` | `").expect("two columns");
    let (rows, _) = rest.split_once("` |").expect("the end of the line");
    // The bytes are ours, and who knows the schema alone reads the rows from them.
    let written = [fallen("moor", 2_500_000), fallen("fen", 0)];
    let mut bytes = Vec::new();
    worldflow_schemas::proto_rows::encode_rows(3, rain(false), 5, &written, &mut bytes);
    let delta = v1::ViewDelta::decode(bytes.as_slice()).expect("the generated types read it");
    let rows_message = delta.rows.expect("rows were written");
    let ours: String = rows_message.encode_to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, ours);
    let Some(View::Designed(designed)) = rows_message.view else { panic!("not of a designer") };
    let named = |row: v1::DesignedRow| {
        let columns = schema.columns.iter().zip(row.values);
        columns.map(|(column, value)| (column.name.clone(), plain(value))).collect::<Json>()
    };
    let read: Vec<Json> = designed.rows.into_iter().map(named).collect();
    assert_eq!(json!(read), serde_json::from_str::<Json>(rows).expect("it is JSON"));
}
