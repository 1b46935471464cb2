//! Answers as they come: sentences, who shares one, what is asked again, and how it is asked.

use std::time::Duration;

use serde_json::json;
use worldflow_schemas::Value;
use worldflow_schemas::input::Finish;
use worldflow_sinks::simulated_tier::{Fault, SimulatedTier, SimulatedTierConfig};

use crate::fake::{Fake, Wish, tiers};
use crate::simulator::{open, quick, until};

fn slow() -> SimulatedTierConfig {
    SimulatedTierConfig {
        first_token: Duration::from_millis(30),
        per_token: Duration::from_millis(4),
        ..quick()
    }
}

fn long(number: u64, digest: Option<&'static str>) -> Wish {
    Wish { max_tokens: 48, digest, ..Wish::new(number, "hail") }
}

fn one(server: &SimulatedTier, more: serde_json::Value) -> Fake {
    Fake::new(tiers(&[("gold", &[server], more)]), 100)
}

#[tokio::test]
async fn sentences_come_before_the_reply_and_are_it() {
    let server = open(slow());
    let mut fake = one(&server, json!({}));
    let edge = fake.open();
    let reply = fake.asked(long(1, None)).await;
    let said: Vec<&str> = fake.sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    assert!(said.len() >= 2, "{said:?}");
    assert_eq!(reply.outcome.expect("an answer"), said.join(" "));
    let places: Vec<u32> = fake.sentences.iter().map(|sentence| sentence.index).collect();
    assert_eq!(places, (0..said.len() as u32).collect::<Vec<_>>());
    assert_eq!((reply.verdict.as_str(), reply.shared), ("accept", false));
    assert!(reply.first_ms < reply.took_ms, "the first was there before the last");
    edge.close().await;
}

#[tokio::test]
async fn equal_questions_share_an_answer_until_the_last_of_them_is_taken_back() {
    let server = open(slow());
    let mut fake = one(&server, json!({}));
    let edge = fake.open();
    fake.wish(&[long(1, Some("d1")), long(2, Some("d1")), long(3, Some("d2"))]);
    let mut replies = Vec::new();
    for _ in 0..3 {
        replies.push(fake.reply().await);
    }
    assert_eq!(server.measured().requests, 2, "two questions");
    let of = |number: u64| {
        let request = format!("smith/ada/{number}");
        replies.iter().find(|reply| reply.request == request).expect("each has its reply")
    };
    assert_eq!(of(1).outcome, of(2).outcome);
    assert!(of(1).tokens > 0 && !of(1).shared, "whoever asked first pays");
    assert_eq!((of(2).tokens, of(2).prompt_tokens, of(2).shared), (0, 0, true));
    let heard = |number: u64| {
        let request = format!("smith/ada/{number}");
        fake.sentences
            .iter()
            .filter(|sentence| sentence.request == request)
            .map(|said| said.text.clone())
            .collect::<Vec<_>>()
    };
    assert!(heard(1) == heard(2) && heard(1).len() >= 2);
    fake.told("gold", "shared", |shared| *shared == Value::Int(1)).await;
    edge.close().await;
}

#[tokio::test]
async fn what_nobody_asked_for_is_another_question() {
    let server = open(slow());
    let mut fake = one(&server, json!({}));
    let edge = fake.open();
    let unasked = Wish { parameters: json!({"form": "line", "unasked": true}), ..long(1, Some("d1")) };
    fake.wish(&[unasked, long(2, Some("d1"))]);
    let shared = [fake.reply().await.shared, fake.reply().await.shared];
    assert_eq!((shared, server.measured().requests), ([false, false], 2));
    edge.close().await;
}

#[tokio::test]
async fn who_has_less_time_does_not_wait_for_the_answer_of_who_has_more() {
    for (budgets, requests) in [([None, Some(2_000)], 2), ([Some(2_000), None], 1)] {
        let server = open(slow());
        let mut fake = one(&server, json!({}));
        let edge = fake.open();
        let wish = |number: u64, budget_ms| Wish { budget_ms, ..long(number, Some("d1")) };
        fake.wish(&[wish(1, budgets[0])]);
        until("it is under way", || server.measured().running == 1).await;
        fake.wish(&[wish(2, budgets[1])]);
        let shared = [fake.reply().await.shared, fake.reply().await.shared];
        assert_eq!((shared[0], shared[1], server.measured().requests), (false, requests == 1, requests));
        edge.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_may_follow_the_bark_is_waited_for_beyond_the_budget() {
    let server = open(SimulatedTierConfig { first_token: Duration::from_millis(200), ..quick() });
    let tier = json!({"first_token": "1ms", "ms_per_token": 1});
    for (parameters, finish) in
        [(json!({"form": "line"}), Finish::NoTime), (json!({"form": "line", "late": true}), Finish::Stop)]
    {
        let mut fake = one(&server, tier.clone());
        let edge = fake.open();
        let reply = fake.asked(Wish { budget_ms: Some(60), parameters, ..long(1, None) }).await;
        assert_eq!(reply.finish, finish);
        edge.close().await;
    }
}

#[tokio::test]
async fn what_an_earlier_process_has_heard_is_the_answer_in_its_order() {
    let server = open(quick());
    let mut fake = one(&server, json!({}));
    // Rows of a view are in no order.
    fake.heard_before(&["One.", "Two.", "Three.", "Four.", "Five."]);
    fake.wish(&[long(1, None)]);
    let edge = fake.open();
    let reply = fake.any_reply().await;
    assert_eq!(reply.outcome.as_deref(), Ok("One. Two. Three. Four. Five."));
    assert_eq!((reply.finish, server.measured().requests), (Finish::Truncated, 0), "nobody is asked again");
    edge.close().await;
}

#[tokio::test]
async fn who_comes_late_hears_what_was_said_and_who_leaves_takes_nothing_from_others() {
    let server = open(SimulatedTierConfig { per_token: Duration::from_millis(12), ..slow() });
    let mut fake = one(&server, json!({}));
    let edge = fake.open();
    fake.wish(&[long(1, Some("d1"))]);
    until("the first sentence is there", || {
        fake.drain();
        !fake.sentences.is_empty()
    })
    .await;
    fake.wish(&[long(2, Some("d1"))]);
    // The one that asked first is taken back; the call goes on for the other.
    fake.take_back(&[long(1, Some("d1"))]);
    let reply = fake.reply().await;
    assert_eq!(reply.request, "smith/ada/2");
    let of_second = fake.sentences.iter().filter(|sentence| sentence.request == "smith/ada/2");
    let said: Vec<&str> = of_second.map(|sentence| sentence.text.as_str()).collect();
    assert_eq!(reply.outcome.expect("an answer"), said.join(" "), "from its first sentence on");
    assert_eq!((server.measured().requests, server.measured().aborted), (1, 0));
    // The last one takes the call with it.
    fake.wish(&[long(3, Some("d3")), long(4, Some("d3"))]);
    until("it is under way", || server.measured().running == 1).await;
    fake.take_back(&[long(3, Some("d3")), long(4, Some("d3"))]);
    until("the server has stopped", || server.measured().running == 0).await;
    edge.close().await;
}

#[tokio::test]
async fn what_the_guard_refuses_is_asked_for_once_more() {
    let server = open(quick());
    // Of this form nothing is let through, and so it is asked twice.
    let mut fake = one(&server, json!({}));
    let edge = fake.open();
    let object = |number| Wish {
        parameters: json!({"form": "object", "sampling": {"top_k": 7}}),
        ..long(number, None)
    };
    for earned in 0..12 {
        fake.asked(Wish::new(100 + earned, "earn a retry")).await;
    }
    let before = server.measured().requests;
    server.next_faults([Fault::Plain]);
    let reply = fake.asked(object(1)).await;
    let asked = server.asked();
    let last = asked.last().expect("it was asked");
    assert_eq!(
        server.measured().requests,
        before + 2,
        "words where an object was asked for are asked for again"
    );
    assert!(reply.outcome.is_ok(), "{reply:?}");
    let once = fake.asked(object(2)).await;
    assert_eq!(reply.prompt_tokens, 2 * once.prompt_tokens, "what was refused is paid for, too");
    assert!(reply.tokens > once.tokens, "{reply:?} beside {once:?}");
    assert_eq!((reply.retried.as_str(), once.retried.as_str()), ("bad_form", ""));
    assert_eq!(last.body["top_k"], 7);
    assert_eq!(last.body["response_format"]["type"], "json_schema");
    assert_eq!(last.seed, u64::from(reply.seed), "with other chances");
    assert!(
        fake.sentences.iter().any(|sentence| !sentence.emotion.is_none()),
        "the object says how it is said"
    );
    edge.close().await;
}

#[tokio::test]
async fn only_so_much_that_nobody_asked_for_is_asked() {
    let server = open(slow());
    let mut fake = one(&server, json!({"ambient": 2}));
    let edge = fake.open();
    let unasked =
        |number| Wish { parameters: json!({"form": "line", "unasked": true}), ..long(number, None) };
    fake.wish(&[unasked(1), unasked(2), unasked(3), long(4, None)]);
    let mut ends = Vec::new();
    for _ in 0..4 {
        let reply = fake.any_reply().await;
        ends.push((reply.request.to_string(), reply.finish == Finish::NoTime));
    }
    ends.sort();
    let none = |number: u64| (format!("smith/ada/{number}"), number == 3);
    assert_eq!(ends, [none(1), none(2), none(3), none(4)]);
    assert_eq!(server.measured().requests, 3);
    edge.close().await;
}
