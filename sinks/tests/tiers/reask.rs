//! Requests that are asked again, outside any realm.

use std::sync::Arc;

use serde_json::{Value, json};
use worldflow_engine::view_store::ViewStore;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::Finish;
use worldflow_sinks::simulated_tier::SimulatedTierConfig;
use worldflow_sinks::tiers::{Again, Question, Reask, ReaskConfig};

use crate::fake::Wish;
use crate::server::Server;
use crate::simulator::{open, quick};
use crate::{call, soon};

/// What a world's only tier answers to these.
async fn asked(tier: Value, said: Vec<String>) -> Vec<Again> {
    let guard =
        json!({"most": {"graphemes": 4000, "sentences": 32}, "repetition": {"percent": 0, "lines": 8}});
    let world = json!({"name": "fake", "seed": 1, "tiers": {"gold": tier}, "guard": guard});
    let world: WorldDef = serde_json::from_value(world).expect("a world");
    let config = ReaskConfig {
        realm: Sym::new("fake"),
        tier: "gold",
        world: &world,
        views: Arc::new(ViewStore::new(0)),
        defined: Default::default(),
        seed: None,
    };
    let reask = Reask::open(config, |_| None).expect("the tier is well formed");
    // Long enough that an answer ends by itself.
    let wish = |number: u64, said: &str| Wish { max_tokens: 100, ..Wish::new(number, said) };
    let question =
        |(number, said): (u64, &String)| Question { row: wish(number, said).row(1), lore: Vec::new() };
    soon(reask.ask((1..).zip(&said).map(question).collect())).await
}

fn many(count: u64) -> Vec<String> {
    (1..=count).map(|number| format!("{number}: hello")).collect()
}

fn why(again: &Again) -> &str {
    again.reply.outcome.as_ref().err().map_or("", |why| why.as_str())
}

#[tokio::test]
async fn no_more_are_asked_at_a_time_than_there_is_room_for_and_answers_keep_their_order() {
    let server = open(SimulatedTierConfig { max_num_seqs: 2, max_num_queued_reqs: Some(2), ..quick() });
    let answers =
        asked(json!({"url": server.url(), "model": "simulated", "max_in_flight": 4}), many(20)).await;
    let requests: Vec<String> = answers.iter().map(|again| again.reply.request.to_string()).collect();
    assert_eq!(requests, (1..=20).map(|number| format!("smith/ada/{number}")).collect::<Vec<_>>());
    for again in &answers {
        assert_eq!((again.reply.verdict.as_str(), again.twice), ("accept", false), "{again:?}");
        let first = again.first_sentence_ms.expect("a sentence");
        assert!(again.reply.first_ms <= first && first <= again.reply.took_ms, "{again:?}");
    }
    let measured = server.measured();
    assert!(measured.rejected > 0 && measured.peak_running <= 2, "{measured:?}");
    assert_eq!(measured.finished, 20);
}

#[tokio::test]
async fn what_may_not_be_said_is_asked_for_once_more_with_another_seed() {
    let mut server = Server::start().await;
    let tier = json!({"url": server.url, "model": "tiny"});
    let answers = tokio::spawn(asked(tier, many(1)));
    let first = call(&mut server).await;
    let seed = first.body["seed"].as_u64().expect("a seed");
    first.say("As an AI language model I cannot say.");
    let second = call(&mut server).await;
    assert_eq!(second.body["seed"], seed + 1);
    second.say("Hail.");
    let answers = soon(answers).await.expect("no panic");
    let [again] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((again.reply.outcome.as_deref(), again.twice), (Ok("Hail."), true));
    assert_eq!((u64::from(again.reply.seed), again.reply.tokens), (seed + 1, 3));
}

#[tokio::test]
async fn a_server_that_is_down_holds_nobody_up() {
    // Nobody listens there.
    let down = "http://127.0.0.1:9";
    let answers = asked(json!({"url": down, "model": "m"}), many(200)).await;
    assert!(answers.iter().all(|again| again.reply.finish == Finish::Failed), "{answers:?}");
    let sent: Vec<&Again> = answers.iter().filter(|again| again.reply.replica > 0).collect();
    assert!(sent.iter().all(|again| why(again) == "the server cannot be reached"), "{sent:?}");
    assert!((1..20).contains(&sent.len()), "{} were sent", sent.len());
    assert_eq!(answers.last().map(why), Some("no server of the tier is up"));
    // Beside another that is up it is none.
    let server = open(quick());
    let answers = asked(json!({"url": [down, server.url()], "model": "simulated"}), many(40)).await;
    assert!(answers.iter().all(|again| again.reply.outcome.is_ok()), "{answers:?}");
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_not_sent() {
    let server = open(quick());
    let answers = asked(json!({"url": server.url(), "model": "simulated", "context": 12}), many(2)).await;
    assert!(answers.iter().all(|again| why(again) == "the prompt is longer than the context"), "{answers:?}");
    assert_eq!(server.measured().requests, 0);
}
