//! The inference edge against a server that delays, fails, babbles and disconnects.

mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use server::{Call, Server};
use tokio::sync::{broadcast, mpsc, watch};
use worldflow_engine::admission::{Admission, Batch};
use worldflow_engine::observed::Observed;
use worldflow_engine::realm::{Progress, Realm};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::catalog::NPC_REQUESTS;
use worldflow_schemas::input::Reply;
use worldflow_schemas::{Command, EventId, Input, Row, Sym, Tick, Value};
use worldflow_sinks::tiers::{MOST_BODY_BYTES, Tiers, TiersError};

/// A realm whose requests the test writes and whose replies it reads.
struct Fake {
    realm: Realm,
    progress: watch::Sender<Progress>,
    batches: mpsc::Receiver<Batch>,
    tick: Tick,
}

impl Fake {
    fn new(tiers: serde_json::Value, most_changes: usize) -> Fake {
        let world = json!({"name": "fake", "seed": 1, "tiers": tiers});
        let (progress, seen) = watch::channel(Progress::default());
        let (admission, batches) = Admission::open();
        let realm = Realm {
            name: Sym::new("fake"),
            epoch: 1,
            world: Arc::new(serde_json::from_value(world).expect("a world")),
            views: Arc::new(ViewStore::new(most_changes)),
            admission,
            progress: seen,
            events: broadcast::channel(1).0,
            observed: Observed::new(Sym::new("fake")),
            defined: Default::default(),
            privacy: worldflow_engine::privacy::Privacy::none(),
        };
        Fake { realm, progress, batches, tick: 0 }
    }

    fn open(&self) -> Tiers {
        let variable = |name: &str| (name == "GOLD_KEY").then(|| "s3cret".to_owned());
        Tiers::open(self.realm.clone(), variable).expect("the tiers are well formed")
    }

    /// A tick in which these requests appear and those go, without telling anyone.
    fn apply(&mut self, come: &[&str], go: &[&str]) {
        self.tick += 1;
        let come = come.iter().map(|said| (NPC_REQUESTS, row(said), 1));
        let go = go.iter().map(|said| (NPC_REQUESTS, row(said), -1));
        self.realm.views.apply(self.tick, come.chain(go));
    }

    fn tell(&self) {
        self.progress.send_replace(Progress { tick: self.tick, utc_ms: 0 });
    }

    fn tick(&mut self, come: &[&str], go: &[&str]) {
        self.apply(come, go);
        self.tell();
    }

    /// The next reply, as it would be sealed.
    async fn reply(&mut self) -> Reply {
        let batch = soon(self.batches.recv()).await.expect("the realm is open");
        assert_eq!(batch.source, Sym::new("tier:gold"));
        let [item] = &batch.items[..] else { panic!("one reply a batch") };
        let Input::Command(Command::Reply(reply)) = &item.input else { panic!("a reply") };
        assert_eq!(item.id, EventId::Named(reply.request.clone()));
        reply.clone()
    }

    /// Why the next reply failed.
    async fn failure(&mut self) -> String {
        self.reply().await.outcome.expect_err("a failed reply").to_string()
    }
}

/// A request by its number and what the player said, as `3:hello`; the number is its deadline too.
fn row(said: &str) -> Row {
    let (number, text) = said.split_once(':').expect("a number and a text");
    let messages =
        json!([{"role": "system", "content": "You are the smith."}, {"role": "user", "content": text}]);
    Row::from([
        Value::Sym(Sym::new("fake")),
        Value::text(&format!("smith/ada/{number}")),
        Value::Sym(Sym::new("smith")),
        Value::Sym(Sym::new("ada")),
        Value::Sym(Sym::new("gold")),
        Value::text(&messages.to_string()),
        Value::Int(48),
        Value::Int(1),
        Value::Int(number.parse().expect("a number")),
    ])
}

/// Waits for what must come, and fails a test that would hang.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens within 20 s")
}

async fn call(server: &mut Server) -> Call {
    soon(server.calls.recv()).await.expect("the server runs")
}

fn gold(server: &Server, more: serde_json::Value) -> serde_json::Value {
    let mut tier = json!({"url": server.url, "model": "tiny"});
    for (name, value) in more.as_object().expect("a map") {
        tier[name] = value.clone();
    }
    json!({ "gold": tier })
}

#[tokio::test]
async fn a_request_becomes_a_reply() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"key": "${GOLD_KEY}"})), 100);
    let tiers = fake.open();
    fake.tick(&["1:hello"], &[]);
    let asked = call(&mut server).await;
    assert_eq!(asked.key.as_deref(), Some("Bearer s3cret"));
    assert_eq!(
        asked.body,
        json!({
            "model": "tiny", "max_tokens": 48, "stream": false,
            "messages": [
                {"role": "system", "content": "You are the smith."},
                {"role": "user", "content": "hello"},
            ],
        })
    );
    asked.say("  Hail,\n\u{1b}friend. ");
    let reply = fake.reply().await;
    assert_eq!(reply.request, "smith/ada/1");
    assert_eq!((reply.outcome.as_deref(), reply.tokens), (Ok("Hail, friend."), 3));
    fake.tick(&[], &["1:hello"]);
    tiers.close().await;
}

#[tokio::test]
async fn what_goes_wrong_is_a_failed_reply() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({})), 100);
    let tiers = fake.open();
    type Answer = fn(Call);
    let cases: [(&str, Answer, &str); 6] = [
        ("1:a", |call| call.respond(500, "no".to_owned()), "the server answered 500"),
        ("2:b", |call| call.respond(503, "no".to_owned()), "the server answered 503"),
        ("3:c", |call| call.respond(200, "<html>".to_owned()), "the answer is no JSON"),
        ("4:d", |call| call.say(" \n\u{7} "), "the answer is empty"),
        ("5:e", |call| call.say(&"ha ".repeat(MOST_BODY_BYTES)), "the answer is longer than 65536 bytes"),
        ("6:f", Call::break_off, "the connection was lost"),
    ];
    for (request, answer, reason) in cases {
        fake.tick(&[request], &[]);
        answer(call(&mut server).await);
        assert_eq!(fake.failure().await, reason);
    }
    tiers.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_a_failed_reply() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"timeout": "50ms"})), 100);
    let tiers = fake.open();
    fake.tick(&["1:hello"], &[]);
    let _unanswered = call(&mut server).await;
    assert_eq!(fake.failure().await, "no answer within 50 ms");
    assert_eq!(soon(server.dropped.recv()).await.as_deref(), Some("hello"));
    tiers.close().await;

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    server.url = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let mut fake = Fake::new(gold(&server, json!({})), 100);
    let tiers = fake.open();
    fake.tick(&["1:hello"], &[]);
    assert_eq!(fake.failure().await, "the server cannot be reached");
    tiers.close().await;
}

#[tokio::test]
async fn a_retracted_request_is_dropped_in_flight_and_frees_its_place() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"max_in_flight": 1})), 100);
    let tiers = fake.open();
    fake.tick(&["1:first", "2:second", "3:third"], &[]);
    let first = call(&mut server).await;
    assert_eq!(first.said(), "first");
    fake.tick(&[], &["1:first", "2:second"]);
    assert_eq!(soon(server.dropped.recv()).await.as_deref(), Some("first"));
    let third = call(&mut server).await;
    assert_eq!(third.said(), "third", "what was cancelled in the queue is never sent");
    third.say("Aye.");
    assert_eq!(fake.reply().await.request, "smith/ada/3", "and what was cancelled has no reply");
    tiers.close().await;
}

#[tokio::test]
async fn the_requests_of_a_tick_go_out_by_deadline_within_the_places_of_their_tier() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"max_in_flight": 2})), 100);
    let tiers = fake.open();
    fake.tick(&["15:e", "12:b", "14:d", "11:a", "13:c"], &[]);
    let mut order = Vec::new();
    let mut open = vec![call(&mut server).await, call(&mut server).await];
    for _ in 0..3 {
        let done = open.remove(0);
        order.push(done.said().to_owned());
        done.say("Aye.");
        fake.reply().await;
        open.push(call(&mut server).await);
    }
    order.extend(open.iter().map(|call| call.said().to_owned()));
    // The first two are sent at once, and may arrive in either order.
    order[..2].sort();
    assert_eq!(order, ["a", "b", "c", "d", "e"]);
    assert_eq!(server.peak.load(Ordering::SeqCst), 2);
    tiers.close().await;
}

#[tokio::test]
async fn a_request_that_came_and_went_unseen_is_never_sent() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"max_in_flight": 1})), 100);
    let tiers = fake.open();
    fake.tick(&["1:seen"], &[]);
    let seen = call(&mut server).await;
    fake.apply(&["2:gone"], &[]);
    fake.apply(&[], &["2:gone"]);
    fake.tick(&["3:next"], &[]);
    seen.say("Aye.");
    fake.reply().await;
    assert_eq!(call(&mut server).await.said(), "next");
    tiers.close().await;
}

#[tokio::test]
async fn a_reader_who_fell_behind_reads_the_view_again() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"max_in_flight": 1})), 1);
    let tiers = fake.open();
    fake.tick(&["1:first"], &[]);
    let _first = call(&mut server).await;
    fake.apply(&[], &["1:first"]);
    fake.apply(&["2:second"], &[]);
    fake.apply(&["3:third"], &[]);
    fake.tick(&[], &["2:second"]);
    assert_eq!(soon(server.dropped.recv()).await.as_deref(), Some("first"));
    assert_eq!(call(&mut server).await.said(), "third");
    tiers.close().await;
}

#[tokio::test]
async fn after_a_restart_what_still_waits_is_asked_again_and_once() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({})), 100);
    let tiers = fake.open();
    fake.tick(&["1:hello"], &[]);
    let _unanswered = call(&mut server).await;
    tiers.close().await;
    assert_eq!(soon(server.dropped.recv()).await.as_deref(), Some("hello"));

    let tiers = fake.open();
    call(&mut server).await.say("Aye.");
    assert_eq!(fake.reply().await.outcome.as_deref(), Ok("Aye."));
    // The row is still there at the next tick: the reply is on its way into the graph.
    fake.tick(&["2:again"], &[]);
    assert_eq!(call(&mut server).await.said(), "again", "an answered request is not asked twice");
    tiers.close().await;
}

#[tokio::test]
async fn a_key_that_is_not_set_is_an_error_at_the_start() {
    let server = Server::start().await;
    let fake = Fake::new(gold(&server, json!({"key": "${SILVER_KEY}"})), 100);
    let error = Tiers::open(fake.realm.clone(), |_| None).expect_err("the variable is not set");
    assert!(matches!(&error, TiersError::UnsetKey { variable, .. } if variable == "SILVER_KEY"), "{error}");
}
