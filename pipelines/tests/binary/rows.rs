//! Rows as plain JSON objects without nulls, whatever they come from.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use worldflow_proto::v1;
use worldflow_proto::v1::rows::View;

use crate::http;
use crate::process::Server;

/// Rows by the text of their key.
pub(crate) type Table = BTreeMap<String, Value>;

/// The key columns of the views that these tests read, as `docs` and `views.proto` state them.
pub(crate) fn key_columns(view: &str) -> &'static [&'static str] {
    match view {
        "clock" => &["realm"],
        "quest_state" => &["realm", "scope", "holder", "quest"],
        "objective_progress" => &["realm", "scope", "holder", "quest", "stage", "objective"],
        "grants" => &["realm", "grant"],
        "worldflow_old_grants" => &["realm", "grant", "epoch"],
        "past_grants" => &["realm", "quest", "scope", "holder", "player", "item"],
        "presence" => &["realm", "player"],
        "tiers" => &["realm", "tier"],
        "levels" => &["realm", "player"],
        "facts" => &["realm", "scope", "holder", "fact"],
        "npc_requests" => &["realm", "request"],
        "npc_lines" => &["realm", "player", "npc", "line"],
        "npc_sentences" => &["realm", "player", "npc", "line", "sentence"],
        "revisions" => &["realm", "revision"],
        _ => panic!("these tests do not read {view}"),
    }
}

pub(crate) fn key(view: &str, row: &Value) -> String {
    let columns = key_columns(view).iter().map(|column| row[*column].to_string());
    columns.collect::<Vec<_>>().join(" ")
}

/// The row without its nulls: absent means null.
pub(crate) fn without_nulls(row: &Value) -> Value {
    let row = row.as_object().unwrap_or_else(|| panic!("a row is an object: {row}"));
    Value::Object(
        row.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect(),
    )
}

pub(crate) fn table<'a>(view: &str, rows: impl IntoIterator<Item = &'a Value>) -> Table {
    let rows = rows.into_iter().map(without_nulls);
    rows.map(|row| (key(view, &row), row)).collect()
}

/// A view over HTTP: its tick and its rows.
pub(crate) async fn view(server: &Server, token: &str, name: &str) -> (u64, Table) {
    let answer = http::get(server, &format!("/v1/views/{name}"), Some(token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let listing = answer.json();
    let rows = listing["rows"].as_array().expect("rows are a list");
    (listing["tick"].as_u64().expect("a tick"), table(name, rows))
}

/// The typed rows of a protobuf frame.
pub(crate) fn typed(rows: Option<v1::Rows>) -> Vec<Value> {
    /// Each row as an object of these columns.
    macro_rules! objects {
        ($rows:expr, $($column:ident)*) => {
            $rows.into_iter().map(|row| without_nulls(&json!({$(stringify!($column): row.$column),*}))).collect()
        };
    }
    let Some(view) = rows.and_then(|rows| rows.view) else { return Vec::new() };
    match view {
        View::QuestState(rows) => objects!(rows.rows,
            realm scope holder quest instance state stage since deadline completions),
        View::ObjectiveProgress(rows) => objects!(rows.rows,
            realm scope holder quest stage objective instance value need done hidden),
        View::Grants(rows) => objects!(rows.rows,
            realm grant quest scope holder instance slot player item amount status reason tick),
        View::NpcLines(rows) => objects!(rows.rows,
            realm player npc line text provenance why tier tick storylet request finish prompt_tokens tokens
            first_ms took_ms),
        View::NpcSentences(rows) => objects!(rows.rows,
            realm player npc line sentence text voice emotion intensity action locale provenance why tier storylet last
            tick),
        other => panic!("these tests do not read {other:?} in protobuf"),
    }
}

/// A row in which truth is a number, as SQLite keeps it.
pub(crate) fn with_numbers_for_truth(row: &Value) -> Value {
    let row = row.as_object().expect("a row is an object");
    let plain = row.iter().map(|(name, value)| {
        let value = value.as_bool().map_or_else(|| value.clone(), |truth| json!(u8::from(truth)));
        (name.clone(), value)
    });
    Value::Object(plain.collect::<Map<_, _>>())
}
