//! Tiers that the realm closes: they are asked nothing from then on, and what was there goes on to others.

use std::time::Duration;

use serde_json::json;
use worldflow_schemas::input::Finish;
use worldflow_sinks::simulated_tier::{SimulatedTier, SimulatedTierConfig};

use crate::fake::{Fake, Wish, tiers};
use crate::simulator::{open, quick, until};
use crate::soon;

/// A tier that takes its time.
fn slow() -> SimulatedTier {
    open(SimulatedTierConfig { first_token: Duration::from_secs(3), ..quick() })
}

#[tokio::test]
async fn what_is_at_a_tier_that_is_closed_goes_on_to_its_fallback_within_a_tick() {
    let (gold, silver) = (slow(), open(quick()));
    let mut fake = Fake::new(
        tiers(&[("gold", &[&gold], json!({"max_in_flight": 1})), ("silver", &[&silver], json!({}))]),
        100,
    );
    let edge = fake.open();
    fake.wish(&[Wish::new(1, "under way"), Wish::new(2, "waits")]);
    until("gold is asked", || gold.measured().running == 1).await;
    fake.gate("gold", false);
    fake.wish(&[Wish::new(3, "after it"), Wish { tier: None, budget_ms: Some(90), ..Wish::new(4, "any") }]);
    for _ in 0..4 {
        let reply = soon(fake.any_reply()).await;
        assert_eq!((reply.outcome.is_ok(), reply.tier.as_str()), (true, "silver"), "{reply:?}");
    }
    until("the connection is dropped", || gold.measured().aborted == 1).await;
    assert_eq!(gold.asked().len(), 1, "gold is asked nothing more");
    edge.close().await;
}

#[tokio::test]
async fn a_tier_that_is_closed_at_the_start_is_asked_once_it_is_open() {
    let gold = open(quick());
    let mut fake = Fake::new(tiers(&[("gold", &[&gold], json!({}))]), 100);
    fake.gate("gold", false);
    let edge = fake.open();
    let reply = fake.asked(Wish::new(1, "closed")).await;
    assert_eq!((reply.outcome.is_ok(), reply.finish), (false, Finish::Failed), "{reply:?}");
    assert_eq!(gold.measured().requests, 0);
    fake.gate("gold", true);
    assert!(fake.asked(Wish::new(2, "open")).await.outcome.is_ok());
    fake.gate("gold", false);
    assert!(fake.asked(Wish::new(3, "closed again")).await.outcome.is_err());
    assert_eq!(gold.measured().requests, 1);
    edge.close().await;
}

#[tokio::test]
async fn without_a_fallback_what_is_there_fails_and_what_the_graph_takes_back_is_not_answered() {
    let gold = slow();
    let mut fake = Fake::new(tiers(&[("gold", &[&gold], json!({"max_in_flight": 1}))]), 100);
    let edge = fake.open();
    fake.tick(&["1:stays", "2:goes"], &[]);
    until("gold is asked", || gold.measured().running == 1).await;
    // In the tick in which the graph closes the tier it takes requests back, too.
    fake.apply(&[], &["2:goes"]);
    fake.gate("gold", false);
    let reply = fake.reply().await;
    assert_eq!((reply.request.as_str(), reply.finish), ("smith/ada/1", Finish::Failed));
    let more = tokio::time::timeout(Duration::from_millis(100), fake.batches.recv()).await;
    assert!(more.is_err(), "nothing is said of what was taken back");
    until("the connection is dropped", || gold.measured().running == 0).await;
    edge.close().await;
}
