//! Which tier answers: by budget, by estimate, by name.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use worldflow_schemas::Value;
use worldflow_schemas::input::Finish;
use worldflow_sinks::simulated_tier::SimulatedTier;

use crate::fake::{Fake, Wish, tiers};
use crate::simulator::{open, quick};

/// Three tiers, with what is declared of them.
fn three(servers: &[SimulatedTier; 3]) -> Fake {
    let [gold, silver, bronze] = servers;
    Fake::new(
        tiers(&[
            ("gold", &[gold], json!({"first_token": "25ms", "ms_per_token": 9})),
            ("silver", &[silver], json!({"first_token": "100ms", "ms_per_token": 25})),
            ("bronze", &[bronze], json!({"first_token": "500ms", "ms_per_token": 50, "context": 300})),
        ]),
        100,
    )
}

fn servers() -> [SimulatedTier; 3] {
    [open(quick()), open(quick()), open(quick())]
}

fn by_budget(number: u64, budget_ms: Option<i64>, max_tokens: i64) -> Wish {
    Wish { tier: None, budget_ms, max_tokens, patience_ms: 5_000, ..Wish::new(number, "hail") }
}

#[tokio::test]
async fn without_a_tier_the_budget_chooses_and_a_tier_that_is_named_wins() {
    let servers = servers();
    let mut fake = three(&servers);
    let edge = fake.open();
    for (number, wish, tier) in [
        (1, by_budget(1, Some(99), 5), "gold"),
        (2, by_budget(2, Some(900), 12), "silver"),
        (3, by_budget(3, Some(4_000), 12), "silver"),
        (4, by_budget(4, None, 12), "bronze"),
        // By its estimate silver could not.
        (5, by_budget(5, Some(250), 12), "gold"),
        (6, Wish { tier: Some("bronze"), ..by_budget(6, Some(4_000), 12) }, "bronze"),
        (7, Wish { tier: Some("gold"), ..by_budget(7, None, 12) }, "gold"),
    ] {
        let reply = fake.asked(wish).await;
        assert_eq!((reply.outcome.is_ok(), reply.tier.as_str()), (true, tier), "{number}: {reply:?}");
    }
    edge.close().await;
}

#[tokio::test]
async fn what_cannot_be_answered_in_time_is_said_so_at_once() {
    let servers = servers();
    let mut fake = three(&servers);
    let edge = fake.open();
    let start = Instant::now();
    let reply = fake.asked(by_budget(1, Some(60), 16)).await;
    assert_eq!(
        (reply.outcome.as_deref(), reply.finish),
        (Err(&"no tier can answer in time".into()), Finish::NoTime)
    );
    let reply = fake.asked(Wish { tier: Some("bronze"), ..by_budget(2, Some(700), 16) }).await;
    assert_eq!(reply.finish, Finish::NoTime);
    assert!(start.elapsed() < Duration::from_millis(700));
    assert!(servers.iter().all(|server| server.measured().requests == 0));
    fake.told("gold", "shed", |shed| *shed == Value::Int(1)).await;
    edge.close().await;
}

#[tokio::test]
async fn a_short_time_makes_a_short_answer() {
    let servers = servers();
    let mut fake = three(&servers);
    let edge = fake.open();
    // 115 ms less a batch's 2, less 25 for the first token, at 9 each; a moment has passed.
    assert!(fake.asked(by_budget(1, Some(135), 64)).await.outcome.is_ok());
    let asked = servers[0].asked()[0].max_tokens;
    assert!((8..=9).contains(&asked), "{asked}");
    edge.close().await;
}

#[tokio::test]
async fn a_tier_that_nobody_declares_and_a_prompt_over_the_context_are_failures() {
    let servers = servers();
    let mut fake = three(&servers);
    let edge = fake.open();
    let reply = fake.asked(Wish { tier: Some("iron"), ..Wish::new(1, "hail") }).await;
    assert_eq!(reply.outcome.as_deref(), Err(&"tier `iron` is not declared".into()));
    let long = "word ".repeat(300);
    let reply = fake.asked(Wish { tier: Some("bronze"), ..Wish::new(2, &long) }).await;
    assert_eq!(reply.outcome.as_deref(), Err(&"the prompt is longer than the context".into()));
    let reply = fake.asked(Wish { tier: None, budget_ms: None, ..Wish::new(3, &long) }).await;
    assert_eq!((reply.outcome.is_ok(), reply.tier.as_str()), (true, "gold"), "another has room");
    edge.close().await;
    let mut fake = Fake::new(json!({}), 100);
    let edge = fake.open();
    let reply = fake.asked(by_budget(1, Some(900), 12)).await;
    assert_eq!((reply.outcome.as_deref(), reply.tier.is_none()), (Err(&"no tier is declared".into()), true));
    edge.close().await;
}
