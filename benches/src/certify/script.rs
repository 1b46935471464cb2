//! What a server does, question by question. Each answer is a text, so that two servers can be compared.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::client::Server;

/// How a server was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub(super) slots: usize,
    pub(super) queue: Option<usize>,
}

/// How long counters may take to show what has happened: a place that is free again, when its client has gone.
const WITHIN: Duration = Duration::from_secs(5);
/// More requests than places, where none is refused.
const MORE: usize = 8;
/// An answer that nobody waits for to its end.
const LONG_TOKENS: u32 = 400;

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// Asks every question.
pub(super) async fn behaviour(
    server: &Server,
    conditions: Conditions,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut answers = vec![
        ("health", server.get("/health").await?.0.to_string()),
        ("a path that is none", server.get("/v1/nothing").await?.0.to_string()),
        ("models", models(server).await?),
        ("a body that is no JSON", refused(server, "{no".to_owned()).await?),
        ("a model that is not there", another_model(server).await?),
        ("more tokens than the context", too_many(server).await?),
        ("a priority", priority(server).await?),
    ];
    answers.extend(streamed(server).await?);
    answers.extend(choices(server).await?);
    answers.push(("who hangs up in a stream", hung_up(server, true).await?));
    answers.push(("who hangs up without one", hung_up(server, false).await?));
    answers.push(("more requests than it admits", over_the_limit(server, conditions).await?));
    answers.push(("a list over the limit", list_over_the_limit(server, conditions).await?));
    Ok(answers)
}

async fn models(server: &Server) -> anyhow::Result<String> {
    let (status, body) = server.get("/v1/models").await?;
    let body: Json = serde_json::from_str(&body).unwrap_or_default();
    let is_listed = body["object"] == "list" && body["data"][0]["id"].is_string();
    Ok(format!("{status}, {}", if is_listed { "a list with ids" } else { "no list" }))
}

/// The status of what is posted as a chat, and how the error is said.
async fn refused(server: &Server, body: String) -> anyhow::Result<String> {
    let answer = server.send(CHAT, body).await?;
    let status = answer.status().as_u16();
    let body: Json = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    Ok(if status == 200 {
        "200, answered".to_owned()
    } else {
        let words = body["error"]["message"].is_string() || body["message"].is_string();
        format!("{status}{}", if words { ", with a message" } else { "" })
    })
}

async fn another_model(server: &Server) -> anyhow::Result<String> {
    let body = server.chat("Hail", 2, &json!({"model": "no-such-model"}));
    refused(server, body.to_string()).await
}

async fn too_many(server: &Server) -> anyhow::Result<String> {
    // The prompt alone is longer than any context of a test.
    let body = server.chat(&"wolf ".repeat(40_000), 2, &json!({}));
    refused(server, body.to_string()).await
}

async fn priority(server: &Server) -> anyhow::Result<String> {
    let body = server.chat("Hail", 2, &json!({"priority": 1}));
    refused(server, body.to_string()).await
}

async fn streamed(server: &Server) -> anyhow::Result<[(&'static str, String); 3]> {
    let read = server.stream("Tell me of the wolves on the ridge.", 12).await?;
    let form = format!(
        "{} {}, {}, {}, ends with {}",
        read.status,
        read.kind,
        if read.role_first { "who speaks comes first" } else { "text comes first" },
        read.finish.as_deref().unwrap_or("no reason"),
        if read.done { "[DONE]" } else { "nothing" },
    );
    let usage = match (read.usage, read.usage_alone) {
        (None, _) => "none".to_owned(),
        (Some((_, tokens)), alone) => {
            format!(
                "{tokens} tokens, {}",
                if alone { "in a frame without choices" } else { "beside a choice" }
            )
        }
    };
    let tokens = read.usage.map_or(0, |(_, tokens)| tokens);
    let pieces = if read.pieces.len() as u64 == tokens {
        "one a token".to_owned()
    } else {
        "several tokens in one".to_owned()
    };
    Ok([("a stream of 12 tokens", form), ("usage in a stream", usage), ("pieces of a stream", pieces)])
}

async fn choices(server: &Server) -> anyhow::Result<[(&'static str, String); 3]> {
    let (status, whole) = server.post(CHAT, &server.chat("Hail", 6, &json!({}))).await?;
    let has_text = whole["choices"][0]["message"]["content"].is_string();
    let said = format!(
        "{status}, {}, {}, usage of {}",
        if has_text { "a message" } else { "no message" },
        whole["choices"][0]["finish_reason"].as_str().unwrap_or("no reason"),
        whole["usage"]["completion_tokens"],
    );
    let (status, several) = server.post(CHAT, &server.chat("Hail", 4, &json!({"n": 2}))).await?;
    let several = format!("{status}, choices {:?}", indexes(&several));
    let list = json!({"model": server.model(), "prompt": ["Hail", "Ho", "Hum"], "max_tokens": 4, "n": 2});
    let (status, list) = server.post(COMPLETIONS, &list).await?;
    let list = format!("{status}, choices {:?}", indexes(&list));
    Ok([("an answer in one", said), ("n = 2", several), ("a list of 3, n = 2", list)])
}

fn indexes(answer: &Json) -> Vec<u64> {
    // A list of one prompt may come as a list of answers.
    let answers = answer.as_array().map_or_else(|| std::slice::from_ref(answer), Vec::as_slice);
    let choices = answers.iter().filter_map(|answer| answer["choices"].as_array()).flatten();
    let mut indexes: Vec<u64> = choices.filter_map(|choice| choice["index"].as_u64()).collect();
    indexes.sort_unstable();
    indexes
}

/// What a server counts, under whichever name.
async fn counter(server: &Server, names: [&str; 2]) -> anyhow::Result<Option<f64>> {
    let (status, page) = server.get("/metrics").await?;
    if status != 200 {
        return Ok(None);
    }
    let value = |line: &str| {
        let name = line.split(['{', ' ']).next()?;
        names.contains(&name).then(|| line.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    };
    Ok(page.lines().filter_map(value).reduce(|a, b| a + b))
}

const RUNNING: [&str; 2] = ["vllm:num_requests_running", "llamacpp:requests_processing"];
const SAID: [&str; 2] = ["vllm:generation_tokens_total", "llamacpp:tokens_predicted_total"];

/// Looks at a counter until this holds; whether it has come to hold.
async fn wait_for(server: &Server, names: [&str; 2], holds: impl Fn(f64) -> bool) -> anyhow::Result<bool> {
    let end = Instant::now() + WITHIN;
    while !holds(counter(server, names).await?.unwrap_or(0.0)) {
        if Instant::now() > end {
            return Ok(false);
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(true)
}

/// What becomes of an answer whose client has gone, by the server's own counters.
async fn hung_up(server: &Server, stream: bool) -> anyhow::Result<String> {
    let Some(before) = counter(server, SAID).await? else { return Ok("it has no /metrics".to_owned()) };
    let said = "Count to a thousand: one, two, three,";
    if stream {
        let mut response = server.begin(said, LONG_TOKENS).await?;
        // So much has come that it is in the midst of it.
        for _ in 0..4 {
            response.chunk().await?;
        }
    } else {
        let (caller, body) = (server.clone(), server.chat(said, LONG_TOKENS, &json!({})));
        let call = tokio::spawn(async move { caller.send(CHAT, body.to_string()).await });
        wait_for(server, RUNNING, |now| now > 0.0 || call.is_finished()).await?;
        call.abort();
    }
    if !wait_for(server, RUNNING, |now| now == 0.0).await? {
        return Ok("its place stays taken".to_owned());
    }
    let said = counter(server, SAID).await?.unwrap_or(before) - before;
    let early = said < f64::from(LONG_TOKENS);
    Ok(format!(
        "its place is free, {}",
        if early { "nothing more is said" } else { "when all has been said" }
    ))
}

/// How many of so many are answered, and with which status the others are refused.
async fn over_the_limit(server: &Server, conditions: Conditions) -> anyhow::Result<String> {
    let count = conditions.queue.unwrap_or(conditions.slots) + MORE;
    let mut calls = JoinSet::new();
    for number in 0..count {
        let (server, body) = (server.clone(), server.chat(&format!("{number}: hail"), 16, &json!({})));
        calls.spawn(async move { server.post(CHAT, &body).await.map(|(status, _)| status) });
    }
    let mut statuses = std::collections::BTreeMap::new();
    while let Some(status) = calls.join_next().await {
        *statuses.entry(status??).or_insert(0_usize) += 1;
    }
    let said = statuses.iter().map(|(status, count)| format!("{count} × {status}"));
    Ok(format!("of {count}: {}", said.collect::<Vec<_>>().join(", ")))
}

async fn list_over_the_limit(server: &Server, conditions: Conditions) -> anyhow::Result<String> {
    let Some(queue) = conditions.queue else { return Ok("no limit was given".to_owned()) };
    let prompts = vec!["Hail"; queue + 1];
    let body = json!({"model": server.model(), "prompt": prompts, "max_tokens": 4});
    let (status, answer) = server.post(COMPLETIONS, &body).await?;
    Ok(format!("{status}, {} answers", indexes(&answer).len()))
}
