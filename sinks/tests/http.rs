//! Views, health and the live page over HTTP, through a real socket.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMillisecondType};
use arrow::ipc::reader::StreamReader;
use axum::Router;
use serde_json::Value as Json;
use support::designed::{becomes, fallen, rain};
use support::{Chance, Fake, VIEWS, http::Server, int, random_write, sym};
use worldflow_schemas::catalog::{self, ViewId};
use worldflow_schemas::{Row, Value};
use worldflow_sinks::health::{Health, Pace, health_router, install_metrics};
use worldflow_sinks::http_views::{Authorize, HttpError, Scope, views_router};
use worldflow_sinks::live_page::{LivePage, live_page_router};

/// `Bearer all` reads everything, `Bearer <realm>` that realm, and nothing else reads anything.
fn authorize() -> Authorize {
    Arc::new(|headers, _| {
        let token = headers.get("authorization").and_then(|header| header.to_str().ok());
        match token.and_then(|token| token.strip_prefix("Bearer ")) {
            Some("all") => Ok(Scope::AllRealms),
            Some(realm) => Ok(Scope::Realm(realm.into())),
            None => Err(HttpError::unauthenticated()),
        }
    })
}

fn open() -> Authorize {
    Arc::new(|_, _| Ok(Scope::AllRealms))
}

/// A realm with many random rows at tick 200, and a store that is one tick ahead of its progress.
fn random_realm() -> Fake {
    let mut fake = Fake::new("greenvale", 1);
    let mut chance = Chance::new(3);
    for tick in 1..=200 {
        let (view, key, row) = random_write(&mut chance, fake.realm.name, tick);
        fake.apply(tick, vec![(view, key, row)]);
    }
    let ahead =
        Row::from([Value::id(fake.realm.name), sym("wolf"), sym("npc"), Value::Null, Value::Null, int(1)]);
    fake.realm.views.apply(201, [(catalog::ENTITIES, ahead, 1)]);
    fake
}

fn text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn from_json(view: ViewId, rows: &[Json]) -> Vec<Vec<String>> {
    let columns = view.def().columns;
    rows.iter().map(|row| columns.iter().map(|column| text(&row[column.name])).collect()).collect()
}

/// Text that is JSON, as JSON writes it here.
fn normal(view: ViewId, mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for row in &mut rows {
        for (column, cell) in view.def().columns.iter().zip(row) {
            if column.kind == catalog::ColumnType::Json && !cell.is_empty() {
                *cell = serde_json::from_str::<Json>(cell).expect("JSON").to_string();
            }
        }
    }
    rows
}

fn from_csv(body: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut csv = csv::Reader::from_reader(body);
    let header = csv.headers().expect("a header").iter().map(str::to_owned).collect();
    let rows = csv.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect());
    (header, rows.collect())
}

fn from_arrow(body: &[u8]) -> Vec<Vec<String>> {
    let reader = StreamReader::try_new(body, None).expect("a stream");
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| arrow_row(batch, row))).collect()
}

fn arrow_row(batch: &RecordBatch, row: usize) -> Vec<String> {
    let cell = |column: &arrow::array::ArrayRef| {
        if column.is_null(row) {
            return String::new();
        }
        match column.data_type() {
            DataType::Boolean => column.as_boolean().value(row).to_string(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            DataType::Timestamp(..) => {
                column.as_primitive::<TimestampMillisecondType>().value(row).to_string()
            }
            DataType::Float64 => Json::from(column.as_primitive::<Float64Type>().value(row)).to_string(),
            DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
            other => panic!("no column is {other}"),
        }
    };
    batch.columns().iter().map(cell).collect()
}

/// Fractions as a double prints them.
fn doubles(view: ViewId, mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for row in &mut rows {
        for (column, cell) in view.def().columns.iter().zip(row) {
            if column.kind == catalog::ColumnType::Dec && !cell.is_empty() {
                *cell = Json::from(cell.parse::<f64>().expect("a number")).to_string();
            }
        }
    }
    rows
}

#[tokio::test]
async fn every_format_lists_the_rows_of_one_tick() {
    let fake = random_realm();
    let server = Server::start(views_router(vec![fake.realm.clone()], open())).await;
    for view in VIEWS {
        let name = view.def().name;
        let json = server.get(&format!("/v1/views/{name}")).await;
        assert_eq!((json.status, json.header("x-worldflow-tick")), (200, Some("200")));
        let body = json.json();
        assert_eq!(body["tick"], 200);
        let listed = from_json(view, body["rows"].as_array().expect("rows"));
        let known: BTreeMap<_, _> = fake.state.iter().filter(|((of, _), _)| *of == view).collect();
        assert_eq!(listed.len(), known.len(), "{name}");
        assert!(!listed.is_empty(), "{name} has rows");

        let ndjson = server.get(&format!("/v1/views/{name}?format=ndjson")).await;
        let lines: Vec<Json> =
            ndjson.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(from_json(view, &lines), listed, "{name} as NDJSON");

        let (header, rows) = from_csv(&server.get(&format!("/v1/views/{name}?format=csv")).await.body);
        assert_eq!(header, view.def().columns.iter().map(|column| column.name).collect::<Vec<_>>());
        assert_eq!(doubles(view, normal(view, rows)), listed, "{name} as CSV");

        let arrow = server.get(&format!("/v1/views/{name}?format=arrow")).await;
        assert_eq!(normal(view, from_arrow(&arrow.body)), listed, "{name} as Arrow");
    }
    assert_eq!(
        from_arrow(&server.get("/v1/views/levels?format=arrow").await.body).len(),
        0,
        "an empty view has a schema"
    );
}

#[tokio::test]
async fn a_designers_view_is_listed_as_long_as_its_realm_has_it() {
    let (mut fake, south) = (Fake::new("greenvale", 1), Fake::new("south", 2));
    let realms = vec![fake.realm.clone(), south.realm.clone()];
    let server = Server::start(views_router(realms, authorize())).await;
    let get = async |path: &str| server.get_as(path, Some("greenvale")).await;
    let names = async |path: &str, token| -> Vec<String> {
        let listed = server.get_as(path, Some(token)).await.json();
        let views = listed["views"].as_array().expect("views").iter();
        views.map(|view| view["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(get("/v1/views/rain").await.status, 404);
    let rows = vec![fallen(&fake, "moor", 3, false), fallen(&fake, "fen", 4, false)];
    fake.edit(7, &becomes(Some(rain(false))), rows);
    let listed = get("/v1/views").await.json();
    let view = listed["views"].as_array().expect("views").last().expect("some").clone();
    assert_eq!((&view["name"], &view["columns"][2]["kind"]), (&Json::from("rain"), &Json::from("int")));
    assert_eq!(view["key"], serde_json::json!(["realm", "zone"]));
    // Of several realms it is told what all have, and of one what that one has.
    for (path, token, has) in [
        ("/v1/views", "all", false),
        ("/v1/views?realm=greenvale", "all", true),
        ("/v1/views?realm=south", "all", false),
        ("/v1/views", "greenvale", true),
        ("/v1/views", "south", false),
    ] {
        assert_eq!(names(path, token).await.contains(&"rain".to_owned()), has, "{path} {token}");
    }
    assert_eq!(server.get_as("/v1/views/rain", Some("south")).await.status, 404);
    let narrowed = get("/v1/views/rain?zone=moor").await.json();
    assert_eq!(narrowed["rows"], serde_json::json!([{"realm": "greenvale", "zone": "moor", "mm": 3}]));
    let read = |body: &[u8]| -> Vec<RecordBatch> {
        StreamReader::try_new(body, None).expect("a stream").collect::<Result<_, _>>().expect("batches")
    };
    let batch = read(&get("/v1/views/rain?format=arrow").await.body).remove(0);
    assert_eq!((batch.num_rows(), batch.schema().field(2).data_type().clone()), (2, DataType::Int64));
    let row = fallen(&fake, "moor", 5, true);
    fake.edit(8, &becomes(Some(rain(true))), vec![row]);
    let arrow = get("/v1/views/rain?format=arrow").await;
    assert_eq!(arrow.header("x-worldflow-tick"), Some("8"));
    let batch = read(&arrow.body).remove(0);
    assert_eq!((batch.num_rows(), batch.schema().field(3).name().as_str()), (1, "hail"));
    fake.edit(9, &becomes(None), Vec::new());
    assert_eq!(get("/v1/views/rain").await.json()["error"]["code"], "unknown_view");
    assert!(!names("/v1/views", "greenvale").await.contains(&"rain".to_owned()));
}

#[tokio::test]
async fn parameters_narrow_the_rows() {
    let mut fake = Fake::new("greenvale", 1);
    let entity = |name: &str, kind: &str, tags: &str| {
        let realm = sym("greenvale");
        Row::from([realm, sym(name), sym(kind), Value::text(tags), Value::Null, int(1)])
    };
    let rows = [
        entity("wolf", "npc", r#"["beast"]"#),
        entity("bear", "npc", r#"["beast","large"]"#),
        entity("door", "object", "[]"),
    ];
    for (row, tick) in rows.into_iter().zip(1..) {
        fake.put(tick, catalog::ENTITIES, row);
    }
    let server = Server::start(views_router(vec![fake.realm.clone()], open())).await;
    for (query, names) in [
        ("", &["bear", "door", "wolf"][..]),
        ("entity=wolf", &["wolf"]),
        ("entity=wolf&entity=door", &["door", "wolf"]),
        ("kind=npc&entity=wolf&entity=door", &["wolf"]),
        ("tags=large", &["bear"]),
        ("entity=never-seen-before", &[]),
        ("entity=%ff", &[]),
        ("realm=greenvale&kind=object", &["door"]),
    ] {
        let body = server.get(&format!("/v1/views/entities?{query}")).await.json();
        let listed: Vec<&str> =
            body["rows"].as_array().expect("rows").iter().filter_map(|row| row["entity"].as_str()).collect();
        assert_eq!(listed, names, "{query}");
    }
    for (path, status, code, part) in [
        ("/v1/views/entitys", 404, "unknown_view", ""),
        ("/v1/views/entities?version=1", 400, "unknown_filter", "version"),
        ("/v1/views/entities?format=xml", 400, "unknown_format", "format"),
        ("/v1/views/entities?realm=other", 404, "unknown_realm", "realm"),
        ("/v1/views/rejections?number=many", 400, "bad_value", "number"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        // The same error as on the socket.
        let error = &answer.json()["error"];
        assert_eq!((&error["code"], &error["path"]), (&Json::from(code), &Json::from(part)), "{path}");
        assert!(error["reason"].is_string() && error["hint"].is_string(), "{path}");
        assert_eq!(error["retryable"], false, "{path}");
    }
}

#[tokio::test]
async fn a_token_reads_its_realm_only() {
    let realms = [Fake::new("north", 1), Fake::new("south", 1)];
    let routes = views_router(realms.iter().map(|fake| fake.realm.clone()).collect(), authorize());
    let server = Server::start(routes).await;
    for (token, path, status, code) in [
        (None, "/v1/views", 401, Some("unauthenticated")),
        (None, "/v1/views/clock", 401, Some("unauthenticated")),
        (Some("all"), "/v1/views", 200, None),
        (Some("all"), "/v1/views/clock", 400, Some("realm_needed")),
        (Some("all"), "/v1/views/clock?realm=south", 200, None),
        (Some("north"), "/v1/views/clock", 200, None),
        (Some("north"), "/v1/views/clock?realm=south", 404, Some("unknown_realm")),
        (Some("west"), "/v1/views/clock", 403, Some("not_allowed")),
    ] {
        let answer = server.get_as(path, token).await;
        assert_eq!(answer.status, status, "{token:?} {path}: {}", answer.text());
        if let Some(code) = code {
            assert_eq!(answer.json()["error"]["code"], code, "{token:?} {path}");
        }
    }
    let catalog = server.get_as("/v1/views", Some("all")).await.json();
    let views = catalog["views"].as_array().expect("views");
    assert_eq!(views.len(), catalog::CATALOG.len());
    assert_eq!(views[0]["name"], "clock");
    assert_eq!(views[0]["columns"][1]["kind"], "int");
}

fn health(fake: &Fake, pace: Pace) -> Router {
    health_router(Health {
        realms: vec![(fake.realm.clone(), pace)],
        sinks: Vec::new(),
        metrics: None,
        authorize: authorize(),
    })
}

#[tokio::test]
async fn ready_means_that_ticks_go_on() {
    let fake = Fake::new("greenvale", 1);
    let server = Server::start(health(&fake, Pace::RealTime)).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let still = server.get("/readyz").await;
    assert_eq!(still.status, 503);
    let why = still.json()["realms"][0]["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("tick 0 has stood still for 2 s"), "{why}");

    let progress = fake.progress.clone();
    let moving = tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(5));
        loop {
            every.tick().await;
            progress.send_modify(|progress| progress.tick += 1);
        }
    });
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &Json::Bool(true)));
    // Time may go on for a while when nothing becomes durable.
    fake.realm.observed.set_trouble(Some("the disk is full".to_owned()));
    let full = server.get("/readyz").await;
    assert_eq!((full.status, &full.json()["realms"][0]["why"]), (503, &Json::from("the disk is full")));
    fake.realm.observed.set_trouble(None);
    // A realm without snapshots goes on, and says so.
    fake.realm.observed.set_unsaved(Some("a run is damaged".to_owned()));
    let unsaved = server.get("/readyz").await;
    let said = &unsaved.json()["realms"][0]["snapshots"];
    assert_eq!((unsaved.status, said), (200, &Json::from("a run is damaged")));
    moving.abort();
    assert_eq!(server.get("/metrics").await.status, 401);
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let fake = Fake::new("greenvale", 1);
    let metrics = install_metrics().expect("the first in this process");
    metrics::counter!("worldflow_test_total", "realm" => "greenvale").increment(3);
    metrics::histogram!("worldflow_test_ms").record(300.0);
    let health = Health {
        realms: vec![(fake.realm.clone(), Pace::Manual)],
        sinks: Vec::new(),
        metrics: Some(metrics),
        authorize: open(),
    };
    let server = Server::start(health_router(health)).await;
    let text = server.get("/metrics").await.text();
    assert!(text.contains("worldflow_test_total{realm=\"greenvale\"} 3"), "{text}");
    for (bound, count) in [("250", 0), ("500", 1)] {
        assert!(text.contains(&format!("worldflow_test_ms_bucket{{le=\"{bound}\"}} {count}")), "{text}");
    }
}

#[tokio::test]
async fn the_live_page_follows_the_world() {
    let mut fake = Fake::new("greenvale", 1);
    let quest = |holder: &str, state: &str| {
        let start = ["greenvale", "player", holder, "wolves"].map(sym);
        let rest = [int(1), sym(state), Value::Null, int(1), Value::Null, int(u64::from(state == "done"))];
        Row::new(start.into_iter().chain(rest).collect::<Vec<_>>())
    };
    fake.put(1, catalog::QUEST_STATE, quest("ann", "active"));
    fake.put(2, catalog::QUEST_STATE, quest("bob", "active"));
    let page = LivePage {
        realms: vec![fake.realm.clone()],
        sinks: Vec::new(),
        answered: Vec::new(),
        authorize: None,
    };
    let server = Server::start(live_page_router(page)).await;

    let html = server.get("/").await;
    assert_eq!(html.status, 200);
    assert!(
        html.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    for asset in ["/assets/live.js", "/assets/live.css"] {
        assert!(html.text().contains(asset));
        assert_eq!(server.get(asset).await.status, 200);
    }
    assert!(!html.text().contains("://"), "nothing comes from elsewhere");
    assert_eq!(server.get("/live?realm=other").await.status, 404);

    let mut events = server.events("/live").await;
    let first = events.next().await;
    assert_eq!(first["quests"], serde_json::json!([{"quest": "wolves", "active": 2}]));
    fake.put(3, catalog::QUEST_STATE, quest("bob", "done"));
    let funnel = serde_json::json!([{"quest": "wolves", "active": 1, "done": 1, "completions": 1}]);
    assert_eq!(events.at(3).await["quests"], funnel);
    // What has gone is forgotten, and a quest that nobody holds with it.
    let key = |holder: &str| ["greenvale", "player", holder, "wolves"].map(sym).to_vec();
    let gone = ["ann", "bob"].map(|holder| (catalog::QUEST_STATE, key(holder), None));
    fake.apply(4, gone.to_vec());
    assert_eq!(events.at(4).await["quests"], serde_json::json!([]));
    // The realm ends: so does the stream, and nothing holds up the server's shutdown.
    drop(fake);
    events.end().await;
}

/// A row with these columns; the others are null.
fn row(view: ViewId, of: &[(&str, Value)]) -> Row {
    let value = |name: &str| of.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone());
    let columns = view.def().columns.iter().map(|column| value(column.name).unwrap_or(Value::Null));
    Row::new(columns.collect::<Vec<_>>())
}

#[tokio::test]
async fn the_live_page_says_what_a_tier_costs_today_and_why_it_is_closed() {
    let mut fake = Fake::new("greenvale", 1);
    for (tick, name) in [(1, "silver"), (2, "gold")] {
        fake.put(
            tick,
            catalog::TIERS,
            row(catalog::TIERS, &[("realm", sym("greenvale")), ("tier", sym(name))]),
        );
    }
    for (tick, day, money) in [(3, Value::Int(-86_400_000), 9_000_000), (4, Value::Int(0), 250_000)] {
        let of = [
            ("realm", sym("greenvale")),
            ("scope", sym("tier")),
            ("holder", sym("gold")),
            ("day", day),
            ("money", Value::Dec(money)),
        ];
        fake.put(tick, catalog::SPENDING, row(catalog::SPENDING, &of));
    }
    for (tick, name, why) in [(5, "gold", sym("over_budget")), (6, "silver", Value::Null)] {
        let of = [
            ("realm", sym("greenvale")),
            ("tier", sym(name)),
            ("open", Value::Bool(why == Value::Null)),
            ("why", why),
        ];
        fake.put(tick, catalog::TIER_STATES, row(catalog::TIER_STATES, &of));
    }
    let page = LivePage {
        realms: vec![fake.realm.clone()],
        sinks: Vec::new(),
        answered: Vec::new(),
        authorize: None,
    };
    let server = Server::start(live_page_router(page)).await;
    let tiers = server.events("/live").await.next().await["tiers"].clone();
    let costs: Vec<_> = (tiers.as_array().expect("a list").iter())
        .map(|tier| (tier["tier"].clone(), tier["cost_today"].clone(), tier["closed"].clone()))
        .collect();
    let (dec, none) = (Value::Dec(250_000).to_json(), serde_json::Value::Null);
    assert_eq!(costs, [("gold".into(), dec, "over_budget".into()), ("silver".into(), none.clone(), none)]);
}

#[tokio::test]
async fn the_live_page_says_who_answers_players() {
    let mut fake = Fake::new("greenvale", 1);
    let pair = |player: &str| [("realm", sym("greenvale")), ("player", sym(player)), ("npc", sym("maren"))];
    let request = |player: &str, unasked: bool| {
        let parameters = Value::text(&serde_json::json!({"form": "line", "unasked": unasked}).to_string());
        let of = [("request", Value::text(&format!("maren/{player}/1"))), ("parameters", parameters)];
        row(catalog::NPC_REQUESTS, &[&pair(player)[..], &of].concat())
    };
    let sentence = |player: &str, line: u64, place: u64, why: &str, from: &str| {
        let why = if why.is_empty() { Value::Null } else { Value::text(why) };
        let of =
            [("line", int(line)), ("sentence", int(place)), ("provenance", Value::text(from)), ("why", why)];
        row(catalog::NPC_SENTENCES, &[&pair(player)[..], &of].concat())
    };
    let answered = worldflow_sinks::answers::follow(fake.realm.clone());
    let page = LivePage {
        realms: vec![fake.realm.clone()],
        sinks: Vec::new(),
        answered: vec![(fake.realm.name, answered.clone())],
        authorize: None,
    };
    let server = Server::start(live_page_router(page)).await;
    let mut events = server.events("/live").await;
    assert_eq!(events.next().await["answered"], serde_json::json!({"by": {}, "ms": null}));
    // Each tick is seen before the next.
    let mut seen = answered.clone();
    for (tick, view, row, counts) in [
        (2, catalog::NPC_REQUESTS, request("ann", false), false),
        (3, catalog::NPC_SENTENCES, sentence("ann", 1, 0, "", "model"), true),
        (4, catalog::NPC_SENTENCES, sentence("ann", 1, 1, "", "model"), false),
        (5, catalog::NPC_SENTENCES, sentence("bob", 1, 0, "no_tier", "authored"), true),
        // Nobody has asked for these.
        (6, catalog::NPC_REQUESTS, request("eve", true), false),
        (7, catalog::NPC_SENTENCES, sentence("eve", 1, 0, "", "authored"), false),
        (8, catalog::NPC_REQUESTS, request("joe", false), false),
        (9, catalog::NPC_SENTENCES, sentence("joe", 1, 0, "", "authored"), true),
    ] {
        fake.put(tick, view, row);
        if counts {
            seen.changed().await.expect("the realm runs");
        } else {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let by = serde_json::json!({"by": {"bark": 1, "model": 1, "storylet": 1}, "ms": null});
    assert_eq!(events.at(9).await["answered"], by);
    // A request that comes and goes between two looks waits no longer: what is said later is no answer to it.
    let gone = [sym("greenvale"), Value::text("maren/sue/1")].to_vec();
    fake.put(10, catalog::NPC_REQUESTS, request("sue", false));
    fake.apply(11, vec![(catalog::NPC_REQUESTS, gone, None)]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    fake.put(12, catalog::NPC_SENTENCES, sentence("sue", 1, 0, "", "authored"));
    fake.put(13, catalog::NPC_SENTENCES, sentence("tom", 1, 0, "failed", "authored"));
    let by = serde_json::json!({"by": {"bark": 2, "model": 1, "storylet": 1}, "ms": null});
    assert_eq!(events.at(13).await["answered"], by);
}
