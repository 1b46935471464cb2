//! What goes wrong at a model server, and what becomes of the request.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use worldflow_schemas::input::{Finish, MOST_LINE_BYTES, Reply};
use worldflow_schemas::{Sym, Value};
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};
use worldflow_sinks::tiers::Tiers;

use crate::fake::{Fake, Wish, tiers};
use crate::simulator::{open, quick, until};

/// What a reply says: its text or why not, how it ended, and the tier.
fn said(reply: &Reply) -> (Result<&str, &str>, Finish, &'static str) {
    let outcome = reply.outcome.as_ref().map(|text| text.as_str()).map_err(|reason| reason.as_str());
    (outcome, reply.finish, reply.tier.as_str())
}

fn one(server: &SimulatedTier, more: serde_json::Value) -> (Fake, Tiers) {
    let fake = Fake::new(tiers(&[("gold", &[server], more)]), 100);
    let edge = fake.open();
    (fake, edge)
}

#[tokio::test]
async fn a_good_answer_says_all_that_is_known_of_it() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({}));
    let reply = fake.asked(Wish { max_tokens: 48, ..Wish::new(1, "hail") }).await;
    let text = reply.outcome.clone().expect("an answer");
    assert!(text.ends_with('.'), "{text}");
    assert_eq!((reply.finish, reply.replica, reply.model.as_str()), (Finish::Stop, 1, "simulated"));
    assert_eq!(reply.tokens as usize, text.split(' ').count());
    assert!(reply.prompt_tokens > 0 && reply.first_ms > 0 && reply.first_ms <= reply.took_ms);
    let asked = server.asked();
    assert_eq!(
        (asked[0].said.as_str(), asked[0].seed, asked[0].stream),
        ("hail", u64::from(reply.seed), true)
    );
    let cut = fake.asked(Wish { max_tokens: 8, ..Wish::new(2, "hail") }).await;
    // Eight words may have no whole sentence among them: then none of them is said.
    let whole = cut.outcome.is_ok();
    assert_eq!(cut.finish, if whole { Finish::Length } else { Finish::Failed });
    assert_eq!(cut.tokens, 8, "what is not let through is paid for, too");
    edge.close().await;
}

#[tokio::test]
async fn each_fault_has_its_end() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({"stall": "60ms", "timeout": "2s"}));
    let failed = |reason: &'static str| (Err(reason), Finish::Failed, "gold");
    for (number, fault, end) in [
        (1, Fault::Garbage, failed("the answer is no JSON")),
        (2, Fault::Empty, failed("the answer is empty")),
        (3, Fault::RefuseKey, failed("the server answered 401")),
    ] {
        server.next_faults([fault]);
        assert_eq!(said(&fake.asked(Wish::new(number, "hail")).await), end, "{fault:?}");
    }
    assert_eq!(server.measured().requests, 3, "what a server says of a request is not asked again");
    let mut asked = 3;
    // What had begun is what there is: whole sentences of it, if there are any, and never asked again.
    let mut told = 0;
    for (number, fault) in [(4, Fault::Stall(11)), (5, Fault::HalfFrame(11)), (6, Fault::Long)] {
        server.next_faults([fault]);
        let reply = fake.asked(Wish { max_tokens: 48, ..Wish::new(number, "hail") }).await;
        match reply.outcome {
            Ok(text) => {
                assert_eq!(reply.finish, Finish::Truncated, "{fault:?}");
                assert!(fault == Fault::Long || text.ends_with('.'), "{fault:?}: {text}");
                assert!(text.len() <= MOST_LINE_BYTES, "{fault:?}");
                told += 1;
            }
            Err(reason) => {
                assert_eq!(reply.finish, Finish::Failed, "{fault:?}");
                assert!(reason.starts_with("the answer was not let through"), "{fault:?}: {reason}");
            }
        }
        asked += 1;
        assert_eq!(server.measured().requests, asked, "{fault:?}");
    }
    assert!(told >= 1, "a sentence was whole");
    // What may be the server's own trouble is asked once more.
    for (number, fault) in [(7, Fault::Error500), (8, Fault::HalfFrame(0)), (9, Fault::Hang)] {
        for more in 0..10 {
            fake.asked(Wish::new(100 * number + more, "earn a retry")).await;
        }
        server.next_faults([fault]);
        let before = server.measured().requests;
        let reply = fake.asked(Wish { budget_ms: Some(9_000), ..Wish::new(number, "hail") }).await;
        assert!(reply.outcome.is_ok() && reply.finish == Finish::Length, "{fault:?}: {reply:?}");
        assert_eq!(server.measured().requests, before + 2, "{fault:?}");
    }
    edge.close().await;
}

#[tokio::test]
async fn a_request_is_asked_twice_at_most() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({}));
    // Enough for several retries.
    for number in 1..=40 {
        fake.asked(Wish::new(number, "earn a retry")).await;
    }
    server.next_faults([Fault::Error500; 3]);
    let reply = fake.asked(Wish { budget_ms: Some(9_000), ..Wish::new(41, "hail") }).await;
    assert_eq!((reply.finish, server.measured().requests), (Finish::Failed, 42));
    edge.close().await;
}

#[tokio::test]
async fn retries_are_few() {
    let server = open(quick());
    // A breaker must not hide it: it opens after five in a row, so every fifth is good.
    let (mut fake, edge) = one(&server, json!({}));
    for number in 1..=60 {
        server.set_fault((number % 3 != 0).then_some(Fault::Error500));
        fake.asked(Wish::new(number, "hail")).await;
    }
    let retries = server.measured().requests - 60;
    assert!((9..=11).contains(&retries), "a tenth and five at the start, not {retries}");
    edge.close().await;
}

#[tokio::test]
async fn a_breaker_opens_at_five_and_one_probe_closes_it() {
    let (server, other) = (open(quick()), open(quick()));
    let more = json!({"fallback": "silver"});
    let mut fake = Fake::new(tiers(&[("gold", &[&server], more), ("silver", &[&other], json!({}))]), 100);
    let edge = fake.open();
    server.set_fault(Some(Fault::Error500));
    let mut number = 0;
    while server.measured().requests < 5 {
        number += 1;
        assert_eq!(said(&fake.asked(Wish::new(number, "hail")).await).2, "silver");
    }
    let opened = Instant::now();
    for more in 0..10 {
        assert_eq!(said(&fake.asked(Wish::new(100 + more, "hail")).await).2, "silver");
    }
    assert_eq!(server.measured().requests, 5, "left alone");
    fake.told("gold", "breaker", |state| state.as_str() == Some("open")).await;
    server.set_fault(None);
    tokio::time::sleep_until(opened + Duration::from_millis(1_100)).await;
    let probe = Wish::new(200, "probe");
    assert_eq!(said(&fake.asked(probe).await).2, "gold");
    assert_eq!(said(&fake.asked(Wish::new(201, "hail")).await).2, "gold");
    fake.told("gold", "breaker", |state| state.as_str() == Some("closed")).await;
    edge.close().await;
}

#[tokio::test]
async fn what_a_server_refuses_opens_no_breaker() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({}));
    server.next_faults([Fault::RefuseKey; 12]);
    for number in 1..=12 {
        assert!(fake.asked(Wish::new(number, "hail")).await.outcome.is_err());
    }
    assert!(fake.asked(Wish::new(13, "hail")).await.outcome.is_ok());
    assert_eq!(server.measured().requests, 13);
    edge.close().await;
}

#[tokio::test]
async fn no_room_is_no_failure_and_shrinks_the_limit() {
    let server = open(SimulatedTierConfig { max_num_seqs: 2, max_num_queued_reqs: Some(3), ..quick() });
    let (mut fake, edge) = one(&server, json!({"max_in_flight": 16}));
    let wishes: Vec<Wish> =
        (1..=40).map(|number| Wish { budget_ms: Some(9_000), ..Wish::new(number, "hail") }).collect();
    fake.wish(&wishes);
    for _ in 0..40 {
        let reply = fake.any_reply().await;
        assert!(reply.outcome.is_ok(), "{reply:?}");
    }
    let rejected = server.measured().rejected;
    assert!(rejected >= 13, "sixteen were sent at first, and three had room: {rejected}");
    assert!(rejected < 120, "it is not tried over and over: {rejected}");
    let limit = fake.told("gold", "in_flight_limit", |limit| *limit < Value::Int(16)).await;
    assert!(limit < Value::Int(8), "{limit:?}");
    assert_eq!(fake.told("gold", "failed", |_| true).await, Value::Int(0));
    // Where it says for how long, it is left alone so long, but never longer than a second.
    server.next_faults([Fault::TooMany(3_600)]);
    let start = Instant::now();
    assert!(fake.asked(Wish::new(50, "hail")).await.outcome.is_ok());
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    edge.close().await;
}

#[tokio::test]
async fn a_tier_that_fails_or_is_down_is_replaced() {
    let (gold, silver) = (open(quick()), open(quick()));
    let of = [("gold", &[&gold][..], json!({})), ("silver", &[&silver][..], json!({}))];
    let mut fake = Fake::new(tiers(&of), 100);
    let edge = fake.open();
    gold.next_faults([Fault::Garbage]);
    let reply = fake.asked(Wish::new(1, "hail")).await;
    assert_eq!((reply.outcome.is_ok(), reply.tier), (true, Sym::new("silver")), "by its class");
    gold.next_faults([Fault::Garbage]);
    silver.next_faults([Fault::Empty]);
    assert_eq!(
        said(&fake.asked(Wish::new(2, "hail")).await),
        (Err("the answer is empty"), Finish::Failed, "silver"),
        "and then there is the bark"
    );
    drop(gold);
    for number in 3..20 {
        let reply = fake.asked(Wish::new(number, "hail")).await;
        assert_eq!((reply.outcome.is_ok(), reply.tier), (true, Sym::new("silver")));
    }
    edge.close().await;
    // Down at the start, with nobody to help: the answer is that there is none, and soon.
    let mut fake = Fake::new(json!({"gold": {"url": "http://127.0.0.1:9", "model": "m"}}), 100);
    let edge = fake.open();
    let start = Instant::now();
    for number in 1..10 {
        assert_eq!(fake.asked(Wish::new(number, "hail")).await.finish, Finish::Failed);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    edge.close().await;
}

#[tokio::test]
async fn a_first_sentence_that_does_not_come_in_time_is_not_waited_for() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({}));
    server.next_faults([Fault::Hang]);
    let start = Instant::now();
    let reply = fake.asked(Wish { budget_ms: Some(200), ..Wish::new(1, "hail") }).await;
    let took = start.elapsed();
    let late = Err("no sentence that may be shown came in time");
    assert_eq!(said(&reply), (late, Finish::NoTime, "gold"));
    // A tick and some more are left for the bark to be heard.
    assert!(took >= Duration::from_millis(170) && took < Duration::from_secs(2), "{took:?}");
    assert_eq!((reply.prompt_tokens, reply.tokens), (0, 0));
    // Words are no sentence; those that came are paid for.
    server.next_faults([Fault::Stall(2)]);
    let reply = fake.asked(Wish { budget_ms: Some(250), ..Wish::new(2, "hail") }).await;
    assert_eq!(said(&reply), (late, Finish::NoTime, "gold"));
    assert_eq!((reply.took_ms > 200, reply.prompt_tokens > 0, reply.tokens), (true, true, 2));
    // What follows a first sentence may come after the budget, up to the deadline.
    server.next_faults([Fault::Slow(20)]);
    let reply = fake.asked(Wish { budget_ms: Some(250), ..Wish::new(3, "hail") }).await;
    assert!(reply.outcome.is_ok() && reply.took_ms > 250, "{reply:?}");
    edge.close().await;
}

#[tokio::test]
async fn what_has_no_time_left_is_not_sent() {
    let server = open(quick());
    let (mut fake, edge) = one(&server, json!({"max_in_flight": 1}));
    server.next_faults([Fault::Hang]);
    let patient = Wish { budget_ms: Some(600), ..Wish::new(1, "first") };
    fake.wish(&[patient]);
    until("the first is sent", || server.measured().requests == 1).await;
    // By its estimate it can be answered, but the place does not become free.
    fake.wish(&[Wish { budget_ms: Some(250), ..Wish::new(2, "second") }]);
    let reply = fake.reply().await;
    assert_eq!((reply.request.as_str(), reply.finish), ("smith/ada/2", Finish::NoTime));
    assert_eq!(fake.reply().await.request, "smith/ada/1");
    assert_eq!(server.measured().requests, 1, "the second was never sent");
    edge.close().await;
}

#[tokio::test]
async fn what_has_waited_long_goes_to_the_fallback() {
    let (gold, silver) = (open(quick()), open(quick()));
    let more = json!({"max_in_flight": 1, "max_wait": "50ms"});
    let of = [("gold", &[&gold][..], more), ("silver", &[&silver][..], json!({}))];
    let mut fake = Fake::new(tiers(&of), 100);
    let edge = fake.open();
    gold.next_faults([Fault::Hang]);
    fake.wish(&[Wish { budget_ms: Some(3_000), ..Wish::new(1, "first") }]);
    until("the first is sent", || gold.measured().requests == 1).await;
    let reply = fake.asked(Wish::new(2, "second")).await;
    assert_eq!((reply.request.as_str(), reply.tier.as_str()), ("smith/ada/2", "silver"));
    fake.told("gold", "fallback", |count| *count == Value::Int(1)).await;
    edge.close().await;
}
