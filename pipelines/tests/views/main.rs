//! Views of designers end to end: a graph changes its realm's catalog at ticks, and socket, HTTP and both databases
//! follow, also over a restart.
//!
//! The graph is the tiny one of the engine's tests. What a view may be made of is tested where that is planned.

#[path = "../../../sinks/tests/support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses its part")]
mod postgres;
#[path = "../../../engine/tests/engine/tiny.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses its part")]
mod tiny;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use worldflow_engine::admission::{Batch, Item, Outcome};
use worldflow_engine::runtime::{RealmConfig, RunningRealm, open};
use worldflow_schemas::{EventId, Input, Tick};
use worldflow_sinks::http_views::{Scope, views_router};
use worldflow_sinks::sql::{PostgresAddress, SinkViews, SqlSink, SqlSinkConfig, Target};
use worldflow_sources::game_socket::{Limits, Now, Realms, router};
use worldflow_sources::tokens::{Claims, Role, Tokens};

const SOON: Duration = Duration::from_secs(60);

/// A realm with everything that shows it.
struct Served {
    running: RunningRealm,
    address: SocketAddr,
    token: String,
    sinks: Vec<SqlSink>,
    serving: tokio::task::JoinHandle<()>,
}

fn sqlite_file(folder: &Path) -> std::path::PathBuf {
    folder.join("views.sqlite")
}

impl Served {
    async fn open(folder: &Path, postgres: &str) -> Served {
        // Whoever was first has done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = RealmConfig {
            folder: Some(folder.join("realm")),
            ..RealmConfig::in_memory("tiny".into(), tiny::world())
        };
        let running = open(config, tiny::graph()).await.expect("opens");
        let tokens = Tokens::new();
        let claims = Claims { role: Role::GameServer, realm: "tiny".into(), subject: "server".into() };
        let token = tokens.issue(claims).expect("randomness");
        let realms = Realms::open([running.realm.clone()], tokens, Limits::default(), Now::Wall);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let views = views_router(vec![running.realm.clone()], Arc::new(|_, _| Ok(Scope::AllRealms)));
        let app = router(realms).merge(views).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        let address_of = PostgresAddress::parse("test", postgres).expect("an address");
        let targets = [Target::Sqlite(sqlite_file(folder)), Target::Postgres(address_of)];
        let sinks = targets.into_iter().enumerate().map(|(number, target)| {
            let every = Duration::from_millis(1);
            let config =
                SqlSinkConfig { name: format!("sink-{number}"), target, views: SinkViews::All, every };
            SqlSink::open(config, running.realm.clone())
        });
        Served { address, token, sinks: sinks.collect(), serving, running }
    }

    async fn close(self) {
        for sink in self.sinks {
            sink.close().await;
        }
        self.serving.abort();
        self.running.close().await.expect("closes");
    }

    /// One tick with an event of each of these.
    async fn tick(&self, events: &[(&str, &str, &str, i64)]) -> Tick {
        let item = |(player, kind, target, amount): &(&str, &str, &str, i64)| {
            let id = EventId::Position(EventId::UNNUMBERED);
            let mut event = tiny::event(player, kind, 0, id.clone());
            (event.target, event.amount) = ((*target).into(), *amount);
            Item { id, input: Input::Event(event), most_per_s: None }
        };
        let (reply, outcomes) = tokio::sync::oneshot::channel();
        let (source, items) = ("test".into(), events.iter().map(item).collect());
        let batch = Batch { source, items, watermark_ms: None, reply: Some(reply), reached: None };
        // What has been submitted is taken before time moves.
        self.running.realm.admission.submit(batch).await.expect("the realm runs");
        let tick = self.running.advance(1).await.expect("the realm runs");
        let outcomes = tokio::time::timeout(SOON, outcomes).await.expect("it is answered");
        assert!(outcomes.expect("the realm runs").contains(&Outcome::Accepted { tick }));
        tick
    }

    async fn define(&self, shape: i64) -> Tick {
        self.tick(&[("", "define", "kills", shape)]).await
    }

    /// Waits until both databases are at a tick.
    async fn written(&self, tick: Tick) {
        for sink in &self.sinks {
            let mut status = sink.status();
            let reached = status.wait_for(|status| status.at.is_some_and(|at| at.tick >= tick));
            let reached = tokio::time::timeout(SOON, reached).await.expect("it gets on");
            drop(reached.expect("it runs"));
        }
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }
}

/// A session in JSON.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn open(served: &Served) -> (Client, Json) {
        let mut request =
            format!("ws://{}/v1/socket", served.address).into_client_request().expect("an address");
        request.headers_mut().insert("sec-websocket-protocol", "worldflow.v1.json".parse().expect("ascii"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("connects");
        let mut client = Client(socket);
        client.send(json!({"hello": {"version": 1, "token": served.token}})).await;
        let welcome = client.expect("welcome").await;
        (client, welcome)
    }

    async fn send(&mut self, frame: Json) {
        self.0.send(Message::text(frame.to_string())).await.expect("the connection is open");
    }

    async fn expect(&mut self, name: &str) -> Json {
        loop {
            let message = tokio::time::timeout(SOON, self.0.next()).await.expect("a frame comes");
            let Message::Text(text) = message.expect("open").expect("whole") else { continue };
            let mut frame: Json = serde_json::from_str(&text).expect("frames are JSON");
            if name == "delta" && frame["snapshot"]["reset"] == true {
                // Whoever asks for a view in the moment that it comes is shown its rows again at the tick's end.
                continue;
            }
            assert!(frame.get(name).is_some(), "not {name}: {frame}");
            return frame[name].take();
        }
    }

    async fn subscribe(&mut self, subscribe: Json) -> (Json, Json) {
        self.send(json!({"subscribe": subscribe})).await;
        (self.expect("subscribed").await, self.expect("snapshot").await)
    }

    async fn ended(&mut self, code: &str) {
        let error = self.expect("error").await;
        assert_eq!((&error["code"], &error["about"]), (&json!(code), &json!(1)));
        self.expect("unsubscribed").await;
    }
}

/// What both databases answer, in text; `None` when there is no such table or column.
async fn asked(folder: &Path, postgres: &str, sql: &str) -> Option<Vec<String>> {
    let file = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(sqlite_file(folder))
        .busy_timeout(Duration::from_secs(30));
    let mut sqlite = sqlx::SqliteConnection::connect_with(&file).await.expect("a file");
    let one = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.to_owned())).fetch_all(&mut sqlite).await;
    let mut server = sqlx::PgConnection::connect(postgres).await.expect("a server");
    let other = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql.to_owned())).fetch_all(&mut server).await;
    match (one, other) {
        (Ok(one), Ok(other)) if one == other => Some(one),
        (Err(one), Err(other)) if is_missing(&one) && is_missing(&other) => None,
        (one, other) => panic!("{sql}: {one:?} and {other:?}"),
    }
}

/// Whether a database knows no such table or column.
fn is_missing(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let said = error.message();
    said.starts_with("no such ") || said.ends_with(" does not exist")
}

fn numbers(rows: &Json, column: &str) -> Vec<(String, i64)> {
    let row = |row: &Json| {
        let number = row[column].as_f64().expect("a number");
        #[expect(clippy::cast_possible_truncation, reason = "small counts")]
        let number = number as i64;
        (row["player"].as_str().expect("a player").to_owned(), number)
    };
    let mut numbers: Vec<_> = rows.as_array().expect("rows").iter().map(row).collect();
    numbers.sort();
    numbers
}

fn counts(of: &[(&str, i64)]) -> Vec<(String, i64)> {
    of.iter().map(|(player, count)| ((*player).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socket_http_and_databases_follow_the_catalog_also_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = postgres::Postgres::start();
    let (folder, url) = (folder.path(), server.url());
    let served = Served::open(folder, &url).await;
    let (mut client, welcome) = Client::open(&served).await;
    assert!(!welcome["views"].as_array().expect("a list").contains(&json!("kills")));
    served.tick(&[("ada", "kill", "", 1), ("bob", "kill", "", 2)]).await;
    assert_eq!(served.get("/v1/views/kills").await.0, 404);

    // The view comes.
    let tick = served.define(1).await;
    let (subscribed, snapshot) = client.subscribe(json!({"id": 1, "view": "kills"})).await;
    assert_eq!(subscribed["schema"]["columns"][2], json!({"name": "n", "kind": "int"}));
    let first = counts(&[("ada", 1), ("bob", 2)]);
    assert_eq!(numbers(&snapshot["rows"], "n"), first);
    let (status, listed) = served.get("/v1/views/kills").await;
    assert_eq!((status, numbers(&listed["rows"], "n")), (200, first));
    served.written(tick).await;
    let rows = "SELECT player || ' ' || CAST(n AS BIGINT) FROM kills ORDER BY player";
    let lines = |lines: &[&str]| Some(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    assert_eq!(asked(folder, &url, rows).await, lines(&["ada 1", "bob 2"]));

    // It changes, and then its shape does.
    served.tick(&[("ada", "kill", "", 4)]).await;
    assert_eq!(numbers(&client.expect("delta").await["changes"][0]["rows"], "n"), counts(&[("ada", 5)]));
    let tick = served.define(2).await;
    client.ended("view_changed").await;
    let (_, snapshot) = client.subscribe(json!({"id": 1, "view": "kills"})).await;
    assert_eq!(numbers(&snapshot["rows"], "doubled"), counts(&[("ada", 10), ("bob", 4)]));
    served.written(tick).await;
    let doubled = "SELECT player || ' ' || CAST(doubled AS BIGINT) FROM kills ORDER BY player";
    assert_eq!(asked(folder, &url, doubled).await, lines(&["ada 10", "bob 4"]));
    served.close().await;

    // After a restart the first who asks finds it, and whoever was there goes on.
    let served = Served::open(folder, &url).await;
    let (mut client, welcome) = Client::open(&served).await;
    assert!(welcome["views"].as_array().expect("a list").contains(&json!("kills")));
    let resume = json!({"epoch": snapshot["epoch"], "tick": snapshot["tick"]});
    client.send(json!({"subscribe": {"id": 1, "view": "kills", "resume": resume}})).await;
    assert_eq!(client.expect("subscribed").await["resume"], "resumed");
    let tick = served.tick(&[("cy", "kill", "", 3)]).await;
    let delta = client.expect("delta").await;
    assert_eq!(numbers(&delta["changes"][0]["rows"], "doubled"), counts(&[("cy", 6)]));
    served.written(tick).await;
    assert_eq!(asked(folder, &url, doubled).await, lines(&["ada 10", "bob 4", "cy 6"]));

    // It goes, and its tables with it.
    let tick = served.define(tiny::GONE).await;
    client.ended("view_removed").await;
    assert_eq!(served.get("/v1/views/kills").await.0, 404);
    served.written(tick).await;
    assert_eq!(asked(folder, &url, rows).await, None);
    let levels = "SELECT player || ' ' || level FROM levels ORDER BY player";
    assert_eq!(asked(folder, &url, levels).await, lines(&["ada 5", "bob 2", "cy 3"]));
    served.close().await;
}
