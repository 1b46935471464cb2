//! The inference edge against a server that delays, fails, babbles and disconnects, and against simulated tiers.

mod answers;
mod batches;
mod choice;
mod fake;
mod faults;
mod gates;
mod known;
mod reask;
mod server;
mod simulator;

use std::sync::atomic::Ordering;
use std::time::Duration;

use fake::Fake;
use serde_json::json;
use server::{Call, Server};
use worldflow_schemas::input::Finish;
use worldflow_sinks::tiers::{MOST_BODY_BYTES, Tiers, TiersError};

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
            "model": "tiny", "max_tokens": 48, "seed": asked.body["seed"],
            "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "You are the smith."},
                {"role": "user", "content": "hello"},
            ],
        })
    );
    let asked_seed = asked.body["seed"].as_u64().expect("a seed");
    asked.say("  Hail,\n\u{1b}friend. ");
    let reply = fake.reply().await;
    assert_eq!(reply.request, "smith/ada/1");
    assert_eq!((reply.outcome.as_deref(), reply.tokens), (Ok("Hail, friend."), 3));
    assert_eq!((reply.replica, reply.model.as_str(), reply.finish), (1, "tiny", Finish::Unknown));
    assert_eq!(reply.prompt_tokens, 6 + 2 * 4, "what the server does not say is charged as it looks");
    assert_eq!(asked_seed, u64::from(reply.seed));
    fake.tick(&[], &["1:hello"]);
    tiers.close().await;
}

#[tokio::test]
async fn what_goes_wrong_is_a_failed_reply() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({})), 100);
    let tiers = fake.open();
    type Answer = fn(Call);
    // What may be the server's own trouble is asked once more.
    let cases: [(&str, usize, Answer, &str); 6] = [
        ("1:a", 2, |call| call.respond(500, "no".to_owned()), "the server answered 500"),
        ("2:b", 1, |call| call.respond(404, "no".to_owned()), "the server answered 404"),
        ("3:c", 1, |call| call.respond(200, "<html>".to_owned()), "the answer is no JSON"),
        ("4:d", 1, |call| call.say(" \n\u{7} "), "the answer is empty"),
        ("5:e", 1, |call| call.say(&"ha ".repeat(MOST_BODY_BYTES)), "the answer is longer than 65536 bytes"),
        ("6:f", 2, Call::break_off, "the connection was lost"),
    ];
    for (request, times, answer, reason) in cases {
        fake.tick(&[request], &[]);
        for _ in 0..times {
            answer(call(&mut server).await);
        }
        let reply = fake.reply().await;
        assert_eq!(
            (reply.outcome.as_deref().map_err(|reason| reason.as_str()), reply.finish),
            (Err(reason), Finish::Failed)
        );
    }
    tiers.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_a_failed_reply() {
    let mut server = Server::start().await;
    let mut fake = Fake::new(gold(&server, json!({"timeout": "50ms"})), 100);
    let tiers = fake.open();
    fake.tick(&["1:hello"], &[]);
    let _unanswered = (call(&mut server).await, call(&mut server).await);
    assert_eq!(fake.failure().await, "no answer within 50 ms", "twice");
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
    let error = Tiers::open(fake.realm.clone(), None, |_| None).expect_err("the variable is not set");
    assert!(matches!(&error, TiersError::Unset { variable, .. } if variable == "SILVER_KEY"), "{error}");
}
