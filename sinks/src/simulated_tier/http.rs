//! The endpoints of a simulated server.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as JsonBody, Router};
use futures_util::stream;
use serde_json::{Value as Json, json};

use super::engine::{Admitted, Engine, Full};
use super::frames::{self, DONE, Endpoint, Heading};
use super::measures::Asked;
use super::sequences::Prompt;
use super::{Fault, Shared, words};

/// What [`Fault::Long`] says.
const LONG_BYTES: usize = 2 * 1024 * 1024;
/// What [`Fault::Foreign`] says.
const FOREIGN: &str = "Привет, путник. Берегись волков на дороге.";
/// What [`Fault::Obeys`] obeys.
const INSTRUCTION: &str = "your prompt";
/// Without `max_tokens`, where the real server has a limit that low.
const USUAL_COMPLETION_TOKENS: u64 = 16;
/// The most choices of a request.
const MOST_CHOICES: u64 = 128;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let guarded = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completions))
        .route("/v1/models", get(models))
        .route_layer(middleware::from_fn_with_state(shared.clone(), with_key));
    Router::new()
        .merge(guarded)
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

async fn with_key(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|key| key.to_str().ok());
    match &shared.config.key {
        Some(key) if given != Some(&format!("Bearer {key}")) => refused_key(),
        _ => next.run(request).await,
    }
}

fn refused_key() -> Response {
    (StatusCode::UNAUTHORIZED, JsonBody(json!({"error": "Unauthorized"}))).into_response()
}

async fn models(State(shared): State<Arc<Shared>>) -> JsonBody<Json> {
    let Shared { config, .. } = &*shared;
    let model = json!({"id": config.model, "object": "model", "max_model_len": config.max_model_len});
    JsonBody(json!({"object": "list", "data": [model]}))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> String {
    let (running, waiting) = shared.engine.sizes();
    shared.measures.page(running, waiting)
}

async fn chat(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    answer(shared, Endpoint::Chat, &body).await
}

async fn completions(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    answer(shared, Endpoint::Completions, &body).await
}

fn error(code: u16, kind: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, JsonBody(frames::error(code, kind, message))).into_response()
}

/// A request that has been read.
struct Asking {
    prompts: Vec<String>,
    begins: String,
    choices: u64,
    max_tokens: u64,
    prompt_tokens: u64,
    seed: u64,
    priority: i64,
    stream: bool,
    usage: bool,
    ends: bool,
    /// What an object that is asked for says before its line.
    head: Option<String>,
    body: Json,
}

impl Asking {
    #[expect(clippy::result_large_err, reason = "it is the answer, made once for a request that is refused")]
    fn read(shared: &Shared, endpoint: Endpoint, body: &[u8]) -> Result<Asking, Response> {
        let bad = |message: &str| error(400, "BadRequestError", message);
        let body: Json = serde_json::from_slice(body).map_err(|_| bad("the body is no JSON"))?;
        let config = &shared.config;
        let model = body["model"].as_str().unwrap_or(&config.model);
        if model != config.model {
            return Err(error(404, "NotFoundError", &format!("The model `{model}` does not exist.")));
        }
        let texts: Vec<String> = match endpoint {
            Endpoint::Chat => {
                let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
                messages
                    .iter()
                    .map(|message| message["content"].as_str().unwrap_or_default().to_owned())
                    .collect()
            }
            Endpoint::Completions => match &body["prompt"] {
                Json::String(prompt) => vec![prompt.clone()],
                Json::Array(prompts) => prompts
                    .iter()
                    .map(|prompt| prompt.as_str().map_or_else(|| prompt.to_string(), str::to_owned))
                    .collect(),
                _ => Vec::new(),
            },
        };
        let (Some(begins), Some(last)) = (texts.first(), texts.last()) else {
            return Err(bad("there is no prompt"));
        };
        let bytes: usize = texts.iter().map(String::len).sum();
        let prompt_tokens = (bytes as u64).div_ceil(4) + 4 * texts.len() as u64;
        let room = (config.max_model_len as u64).saturating_sub(prompt_tokens);
        let usual = if endpoint == Endpoint::Chat { room } else { USUAL_COMPLETION_TOKENS };
        let max_tokens = body["max_tokens"].as_u64().unwrap_or(usual);
        if max_tokens == 0 || max_tokens > room {
            return Err(bad(
                "This model's maximum context length is shorter than the prompt and `max_tokens`.",
            ));
        }
        let priority = body["priority"].as_i64().unwrap_or(0);
        if priority != 0 && !config.priority_scheduling {
            return Err(bad("Got priority but Priority scheduling is not enabled."));
        }
        Ok(Asking {
            begins: begins.clone(),
            prompts: if endpoint == Endpoint::Chat { vec![last.clone()] } else { texts },
            choices: body["n"].as_u64().unwrap_or(1).clamp(1, MOST_CHOICES),
            max_tokens,
            prompt_tokens,
            seed: body["seed"].as_u64().unwrap_or(0),
            priority,
            stream: body["stream"].as_bool().unwrap_or(false),
            ends: !body["ignore_eos"].as_bool().unwrap_or(false),
            usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            head: words::head_of(&body["response_format"]),
            body,
        })
    }

    fn asked(&self) -> Asked {
        let said = self.prompts.last().cloned().unwrap_or_default();
        let Asking { max_tokens, seed, priority, stream, .. } = *self;
        Asked {
            said,
            begins: self.begins.clone(),
            max_tokens,
            seed,
            priority,
            stream,
            body: self.body.clone(),
        }
    }

    /// What will be said: the choices of each prompt, one after the other.
    fn answers(&self, seed: u64, slow: u32, fault: Option<Fault>) -> Vec<Prompt> {
        let empty = fault == Some(Fault::Empty);
        let head = self.head.as_deref().filter(|_| fault != Some(Fault::Plain) && !empty);
        let most = usize::try_from(self.max_tokens).unwrap_or(usize::MAX);
        let each =
            self.prompts.iter().flat_map(|prompt| (0..self.choices).map(move |choice| (prompt, choice)));
        let say = |(prompt, choice): (&String, u64)| {
            let (most, ends) = if empty { (0, true) } else { (most, self.ends) };
            let (tokens, cut) = match fault {
                Some(Fault::Foreign) => words::told(FOREIGN, most, head),
                Some(Fault::Echo) => words::told(&self.begins, most, head),
                Some(Fault::Obeys) if prompt.contains(INSTRUCTION) => words::told(&self.begins, most, head),
                _ => words::answer(seed ^ self.seed, (prompt, choice), most, ends, head),
            };
            Prompt { priority: self.priority, tokens, cut: cut && !empty, slow }
        };
        each.map(say).collect()
    }
}

async fn answer(shared: Arc<Shared>, endpoint: Endpoint, body: &[u8]) -> Response {
    let asking = match Asking::read(&shared, endpoint, body) {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    let number = shared.measures.measured(0, 0).requests;
    shared.measures.came(asking.asked(), asking.prompts.len() as u64, asking.prompt_tokens);
    let heading = Heading { endpoint, id: format!("cmpl-{number}"), model: shared.config.model.clone() };
    let fault = shared.faults.take();
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Garbage) => {
            return ([(CONTENT_TYPE, "text/html")], "<html>It works!</html>").into_response();
        }
        Some(Fault::Long) => return long(&heading, asking.stream),
        Some(Fault::Error500) => {
            return error(500, "InternalServerError", "EngineCore encountered an issue.");
        }
        Some(Fault::RefuseKey) => return refused_key(),
        Some(Fault::Full) => return full(&shared, asking.prompts.len()),
        Some(Fault::TooMany(seconds)) => {
            let mut response = error(429, "Too Many Requests", "Slow down.");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return response;
        }
        _ => {}
    }
    let slow = if let Some(Fault::Slow(times)) = fault { times } else { 1 };
    let prompts = asking.answers(shared.config.seed, slow, fault);
    let cuts: Vec<bool> = prompts.iter().map(|prompt| prompt.cut).collect();
    match Engine::admit(&shared, prompts) {
        Err(Full(rejected)) => full(&shared, rejected),
        Ok(admitted) if asking.stream => streamed(&asking, Speaking::new(heading, admitted, cuts, fault)),
        Ok(admitted) => whole(&asking, &heading, admitted, cuts).await,
    }
}

fn full(shared: &Shared, rejected: usize) -> Response {
    shared.measures.rejected(rejected as u64);
    error(503, "Service Unavailable", "The server has too many requests queued.")
}

/// Too much, in one piece or in many.
fn long(heading: &Heading, stream: bool) -> Response {
    let text = "ha ".repeat(LONG_BYTES / 3);
    if !stream {
        return JsonBody(heading.whole(&[(text, false)], 1, 1)).into_response();
    }
    let frame = heading.frame(0, &text[..1_023], None);
    sse(Body::from(frame.repeat(LONG_BYTES / 1_023)))
}

fn sse(body: Body) -> Response {
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], body).into_response()
}

async fn whole(asking: &Asking, heading: &Heading, mut admitted: Admitted, cuts: Vec<bool>) -> Response {
    let (mut choices, mut tokens) = (Vec::new(), 0);
    for (said, cut) in admitted.tokens.iter_mut().zip(cuts) {
        let mut text = String::new();
        while let Some(token) = said.recv().await {
            tokens += 1;
            text.push_str(&token);
        }
        choices.push((text, cut));
    }
    JsonBody(heading.whole(&choices, asking.prompt_tokens, tokens)).into_response()
}

/// A stream that is being said: its choices take turns as their tokens come.
struct Speaking {
    heading: Heading,
    admitted: Admitted,
    cuts: Vec<bool>,
    fault: Option<Fault>,
    /// The choice that is said, and whether who speaks was said.
    index: usize,
    begun: bool,
    tokens: u64,
    over: bool,
}

impl Speaking {
    fn new(heading: Heading, admitted: Admitted, cuts: Vec<bool>, fault: Option<Fault>) -> Speaking {
        Speaking { heading, admitted, cuts, fault, index: 0, begun: false, tokens: 0, over: false }
    }

    /// What is sent next; `None` at the end.
    async fn next(&mut self, usage: Option<u64>) -> Option<String> {
        if self.over {
            return None;
        }
        match self.fault {
            Some(Fault::Stall(after)) if self.tokens >= after as u64 => std::future::pending().await,
            Some(Fault::HalfFrame(after)) if self.tokens >= after as u64 => {
                self.over = true;
                return Some("data: {\"choices\":[{\"index\":0,\"del".to_owned());
            }
            _ => {}
        }
        if !self.begun && self.heading.endpoint == Endpoint::Chat {
            self.begun = true;
            return Some(self.heading.role(self.index));
        }
        let Some(said) = self.admitted.tokens.get_mut(self.index) else {
            self.over = true;
            let usage = usage.map(|prompt_tokens| self.heading.usage(prompt_tokens, self.tokens));
            return Some(usage.unwrap_or_default() + DONE);
        };
        if let Some(token) = said.recv().await {
            self.tokens += 1;
            return Some(self.heading.frame(self.index, &token, None));
        }
        let last = self.heading.frame(self.index, "", Some(frames::finish(self.cuts[self.index])));
        (self.index, self.begun) = (self.index + 1, self.index + 1 >= self.cuts.len());
        Some(last)
    }
}

fn streamed(asking: &Asking, speaking: Speaking) -> Response {
    let usage = asking.usage.then_some(asking.prompt_tokens);
    let frames = stream::unfold(speaking, move |mut speaking| async move {
        let frame = speaking.next(usage).await?;
        Some((Ok::<_, std::convert::Infallible>(frame), speaking))
    });
    sse(Body::from_stream(frames))
}
