//! What is sent together, in which order, and to which server.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use worldflow_schemas::Value;
use worldflow_sinks::simulated_tier::{SimulatedTier, SimulatedTierConfig};

use crate::fake::{Fake, Wish, tiers};
use crate::simulator::{open, quick};

fn wish(number: u64, priority: &'static str, persona: &'static str) -> Wish {
    Wish { priority, persona, ..Wish::new(number, &number.to_string()) }
}

fn order(server: &SimulatedTier) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.said).collect()
}

#[tokio::test]
async fn a_batch_is_gathered_over_ticks_and_sent_by_priority_and_prefix() {
    let server = open(quick());
    let more = json!({"max_in_flight": 1, "batch": {"size": 5, "wait": "2s", "tokens": 100000}});
    let mut fake = Fake::new(tiers(&[("gold", &[&server], more)]), 100);
    let edge = fake.open();
    let smith = "You are the smith.";
    let cook = "You are the cook.";
    fake.wish(&[wish(1, "normal", smith), wish(2, "normal", cook)]);
    fake.wish(&[wish(3, "normal", smith), wish(4, "high", cook)]);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(server.measured().requests, 0, "it is being gathered");
    fake.wish(&[wish(5, "low", smith)]);
    for _ in 0..5 {
        assert!(fake.reply().await.outcome.is_ok());
    }
    assert_eq!(order(&server), ["4", "1", "3", "2", "5"]);
    edge.close().await;
}

#[tokio::test]
async fn a_batch_does_not_wait_for_ever_nor_grow_without_bound() {
    let server = open(quick());
    let more = json!({"max_in_flight": 1, "batch": {"size": 100, "wait": "30ms", "tokens": 64}});
    let mut fake = Fake::new(tiers(&[("gold", &[&server], more)]), 100);
    let edge = fake.open();
    assert!(fake.asked(Wish::new(1, "alone")).await.outcome.is_ok(), "sent after 30 ms");
    edge.close().await;
    let more = json!({"max_in_flight": 1, "batch": {"size": 100, "wait": "2s", "tokens": 64}});
    let mut fake = Fake::new(tiers(&[("gold", &[&server], more)]), 100);
    let edge = fake.open();
    assert!(
        fake.asked(Wish { max_tokens: 60, ..Wish::new(1, "long") }).await.outcome.is_ok(),
        "full by itself"
    );
    edge.close().await;
}

#[tokio::test]
async fn a_batch_waits_for_nothing_while_there_is_ample_room() {
    let server = open(SimulatedTierConfig { first_token: Duration::from_secs(2), ..quick() });
    let more = json!({"max_in_flight": 4, "batch": {"size": 100, "wait": "3s", "tokens": 100000}});
    let mut fake = Fake::new(tiers(&[("gold", &[&server], more)]), 100);
    let edge = fake.open();
    let came = |number: u64| {
        let server = &server;
        crate::soon(async move {
            while server.measured().requests < number {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    let began = std::time::Instant::now();
    for number in [1, 2] {
        fake.wish(&[wish(number, "normal", "You are the smith.")]);
        came(number).await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "neither waited for others");
    fake.wish(&[wish(3, "normal", "You are the smith.")]);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(server.measured().requests, 2, "half of the places are taken: the third is gathered");
    assert!(fake.reply().await.outcome.is_ok());
    came(3).await;
    edge.close().await;
}

#[tokio::test]
async fn what_begins_alike_goes_to_one_server_until_that_has_its_share() {
    let servers: Vec<SimulatedTier> = (0..3).map(|_| open(quick())).collect();
    let of: Vec<&SimulatedTier> = servers.iter().collect();
    let mut fake = Fake::new(tiers(&[("gold", &of, json!({}))]), 100);
    let edge = fake.open();
    for number in 1..=12 {
        fake.asked(Wish::new(number, "hail")).await;
    }
    let requests = || servers.iter().map(|server| server.measured().requests).collect::<BTreeSet<_>>();
    assert_eq!(requests(), BTreeSet::from([0, 12]), "one at a time, all to one");
    let many: Vec<Wish> =
        (100..124).map(|number| Wish { budget_ms: Some(9_000), ..Wish::new(number, "hail") }).collect();
    fake.wish(&many);
    for _ in 0..24 {
        assert!(fake.reply().await.outcome.is_ok());
    }
    assert!(
        servers.iter().all(|server| server.measured().requests >= 6),
        "at once, to all: {:?}",
        requests()
    );
    // A server that is lost takes nothing with it but what it had.
    drop(servers);
    edge.close().await;
}

#[tokio::test]
async fn a_lost_server_is_replaced_by_the_others() {
    let mut servers: Vec<SimulatedTier> = (0..2).map(|_| open(quick())).collect();
    let of: Vec<&SimulatedTier> = servers.iter().collect();
    let mut fake = Fake::new(tiers(&[("gold", &of, json!({}))]), 100);
    let edge = fake.open();
    fake.asked(Wish::new(1, "hail")).await;
    let (mut retried, had) = (0, usize::from(servers[0].measured().requests == 0));
    drop(servers.remove(had));
    for number in 2..=40 {
        let reply = fake.asked(Wish::new(number, "hail")).await;
        retried += u32::from(reply.outcome.is_err());
    }
    assert!(retried <= 5, "until its breaker opens: {retried}");
    edge.close().await;
}

#[tokio::test]
async fn the_view_tells_how_a_tier_is_doing() {
    let server = open(SimulatedTierConfig { first_token: Duration::from_millis(20), ..quick() });
    let mut fake = Fake::new(tiers(&[("gold", &[&server], json!({"max_in_flight": 3}))]), 100);
    let edge = fake.open();
    fake.told("gold", "first_token_p95_ms", |p95| *p95 == Value::Null).await;
    for number in 1..=25 {
        fake.asked(Wish::new(number, "hail")).await;
    }
    let p95 = fake.told("gold", "first_token_p95_ms", |p95| *p95 != Value::Null).await;
    assert!(p95 >= Value::Int(20) && p95 < Value::Int(2_000), "{p95:?}");
    let exactly = |n| move |value: &Value| *value == Value::Int(n);
    for (column, count) in
        [("sent", 25), ("answered", 25), ("failed", 0), ("in_flight_limit", 3), ("replicas", 1)]
    {
        fake.told("gold", column, exactly(count)).await;
    }
    edge.close().await;
}
