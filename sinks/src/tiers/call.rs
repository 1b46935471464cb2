//! One request to one server: what is sent, and what came of it.
//!
//! The answer is read as it comes, from a stream of events or from one body. Text that has come is never asked for
//! again: whatever goes wrong after its first piece ends the answer there.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value as Json;
use tokio::time::Instant;
use worldflow_schemas::ArcStr;
use worldflow_schemas::input::Finish;

use super::ask::Ask;
use super::spoken::{Spoken, clean};
use super::sse::{Events, TooLong};
use crate::guard::Guard;

/// The largest body of an answer that is not streamed.
pub const MOST_BODY_BYTES: usize = 64 * 1024;
/// The most bytes of a stream that are read; each token has a frame of some hundred.
pub const MOST_STREAM_BYTES: usize = 2 * 1024 * 1024;
/// The most text of an answer that is read.
pub const MOST_TEXT_BYTES: usize = 16 * 1024;

/// Why an answer is not waited for any longer.
pub(super) const LATE: &str = "no sentence that may be shown came in time";
/// How long the end of a body is waited for when all has been said.
const LINGER: Duration = Duration::from_millis(20);

/// What all requests to a tier have in common.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) model: ArcStr,
    /// Marked sensitive, so that it is never printed.
    pub(super) key: Option<HeaderValue>,
    pub(super) timeout: Duration,
    pub(super) stall: Duration,
    /// Whether the servers are told priorities.
    pub(super) priority: bool,
}

/// Until when an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    /// The first sentence that may be shown.
    pub(super) first: Instant,
    /// All of it.
    pub(super) whole: Instant,
}

/// What came of a request.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

/// See [`Ended`].
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is text.
    Answered(Answer),
    /// The server had no room for it, and may say for how long.
    PushedBack(Option<Duration>),
    /// There is some, and no sentence that may be shown came in its time.
    Late(Answer),
    /// There is none.
    Failed(Fault, String),
}

/// Text, and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) finish: Finish,
    pub(super) first: Duration,
    pub(super) prompt_tokens: u32,
    pub(super) tokens: u32,
}

/// What a piece of an answer has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Come {
    /// Nothing of the answer may be shown yet.
    Unshown,
    /// Some of it has been shown.
    Shown,
    /// There is no use in hearing more.
    Over,
}

/// What a failure says of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It cannot be reached, is silent, or failed by itself.
    Broken,
    /// No sentence that may be shown was there in the time of the request.
    Late,
    /// It is there, and what it said is of no use.
    Useless,
}

impl Line {
    /// Asks. `piece` is given the text as it comes. Dropping the future drops the connection.
    pub(super) async fn ask(
        &self,
        url: Url,
        ask: &Ask,
        tokens: u64,
        until: Until,
        (guard, attempt): (Option<&Guard>, u32),
        piece: impl FnMut(&str) -> Come,
    ) -> Ended {
        let sent = Instant::now();
        let reading = Reading {
            sent,
            until: Until {
                first: until.first.min(sent + self.timeout),
                whole: until.whole.min(sent + self.timeout),
            },
            stall: self.stall,
            spoken: Spoken::default(),
            is_shown: false,
            last: sent,
            piece,
        };
        let outcome = match self.body(ask, tokens, guard, attempt) {
            Ok(body) => reading.exchange(self, url, body).await,
            Err(reason) => Outcome::Failed(Fault::Useless, reason),
        };
        Ended { outcome, took: sent.elapsed() }
    }

    fn body(&self, ask: &Ask, tokens: u64, guard: Option<&Guard>, attempt: u32) -> Result<String, String> {
        let messages: Json =
            serde_json::from_str(&ask.messages).map_err(|_| "the messages are no JSON".to_owned())?;
        let mut body = serde_json::json!({
            "model": self.model.as_str(),
            "messages": messages,
            "max_tokens": tokens,
            "seed": ask.seed.wrapping_add(attempt),
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if self.priority {
            body["priority"] = ask.rank.into();
        }
        for (name, value) in &ask.sampling {
            body[name] = value.clone();
        }
        let mut body = body.to_string();
        if let Some(guard) = guard.filter(|_| ask.is_object) {
            // The order of its fields counts, so it is text.
            let format = guard.response_format(ask.npc(), &[]);
            body.truncate(body.len() - 1);
            body.push_str(&format!(",\"response_format\":{format}}}"));
        }
        Ok(body)
    }
}

/// An answer that is being read.
struct Reading<F> {
    sent: Instant,
    until: Until,
    stall: Duration,
    spoken: Spoken,
    /// Some of it has been shown.
    is_shown: bool,
    /// When the last text came.
    last: Instant,
    piece: F,
}

/// What ends a stream but its end.
enum Broke {
    /// The time for what comes next is over.
    Silence,
    /// This, which says that of the server.
    By(Fault, String),
    /// There is no use in hearing more.
    Enough,
}

fn useless(reason: &str) -> Broke {
    Broke::By(Fault::Useless, reason.to_owned())
}

impl<F: FnMut(&str) -> Come> Reading<F> {
    async fn exchange(mut self, line: &Line, url: Url, body: String) -> Outcome {
        let mut request = line.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &line.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let response = match self.in_time(request.send()).await {
            Ok(response) => response,
            Err(broke) => return self.failed(broke, line),
        };
        match response.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                return Outcome::PushedBack(retry_after(&response));
            }
            status if !status.is_success() => {
                let fault = if status.is_server_error() { Fault::Broken } else { Fault::Useless };
                return Outcome::Failed(fault, format!("the server answered {}", status.as_u16()));
            }
            _ => {}
        }
        let read =
            if is_stream(&response) { self.stream(response).await } else { self.whole(response).await };
        match read {
            Ok(()) => self.answered(),
            Err(broke) => self.failed(broke, line),
        }
    }

    /// What comes next, if it comes in time.
    async fn in_time<T>(&self, future: impl Future<Output = reqwest::Result<T>>) -> Result<T, Broke> {
        let goes_on = (self.last + self.stall).min(self.until.whole);
        let until = match self.spoken.first {
            None => self.until.first,
            Some(_) if !self.is_shown => self.until.first.min(goes_on),
            Some(_) => goes_on,
        };
        match tokio::time::timeout_at(until, future).await {
            Ok(Ok(next)) => Ok(next),
            Ok(Err(error)) => Err(Broke::By(Fault::Broken, why(&error))),
            Err(_) => Err(Broke::Silence),
        }
    }

    async fn stream(&mut self, mut response: Response) -> Result<(), Broke> {
        let (mut events, mut bytes) = (Events::default(), 0);
        while let Some(chunk) = self.in_time(response.chunk()).await? {
            bytes += chunk.len();
            if bytes > MOST_STREAM_BYTES {
                return Err(useless("the answer is too long"));
            }
            for data in events.push(&chunk).map_err(|TooLong| useless("the answer is too long"))? {
                if data == "[DONE]" {
                    // The end of the body frees the connection for the next request.
                    let _ = tokio::time::timeout(LINGER, response.chunk()).await;
                    return Ok(());
                }
                let data: Json = serde_json::from_str(&data).map_err(|_| useless("the answer is no JSON"))?;
                if data.get("error").is_some() {
                    return Err(Broke::By(Fault::Broken, "the server reported an error".to_owned()));
                }
                self.take(&data, "delta")?;
            }
        }
        // Without `[DONE]` the end is one only if the model has said why it stopped.
        if self.spoken.finish == Finish::Unknown || events.is_half() {
            return Err(Broke::By(Fault::Broken, "the stream broke off".to_owned()));
        }
        Ok(())
    }

    async fn whole(&mut self, mut response: Response) -> Result<(), Broke> {
        let mut body = Vec::new();
        while let Some(chunk) = self.in_time(response.chunk()).await? {
            if body.len() + chunk.len() > MOST_BODY_BYTES {
                return Err(useless(&format!("the answer is longer than {MOST_BODY_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let body: Json = serde_json::from_slice(&body).map_err(|_| useless("the answer is no JSON"))?;
        self.take(&body, "message")
    }

    /// Takes what a frame or body says.
    fn take(&mut self, data: &Json, part: &str) -> Result<(), Broke> {
        let piece = self.spoken.take(data, part, self.sent);
        if !piece.is_empty() {
            self.last = Instant::now();
            match (self.piece)(&piece) {
                Come::Unshown => {}
                Come::Shown => self.is_shown = true,
                Come::Over => return Err(Broke::Enough),
            }
        }
        if self.spoken.text.len() > MOST_TEXT_BYTES {
            return Err(useless("the answer is too long"));
        }
        Ok(())
    }

    fn answered(self) -> Outcome {
        let text = clean(&self.spoken.text);
        if text.is_empty() {
            return Outcome::Failed(Fault::Useless, "the answer is empty".to_owned());
        }
        Outcome::Answered(self.spoken.answer(text, self.sent))
    }

    /// What has come before it broke is the answer, as far as its sentences are whole.
    fn failed(mut self, broke: Broke, line: &Line) -> Outcome {
        let text = clean(&self.spoken.text);
        if matches!(broke, Broke::Enough) {
            // What has been heard of it says what becomes of it.
            self.spoken.finish = Finish::Stop;
            return Outcome::Answered(self.spoken.answer(text, self.sent));
        }
        if !text.is_empty() {
            self.spoken.finish = Finish::Truncated;
            let now = Instant::now();
            let is_late = !self.is_shown && now >= self.until.first && now < self.sent + line.timeout;
            if is_late && matches!(broke, Broke::Silence) {
                return Outcome::Late(self.spoken.answer(text, self.sent));
            }
            return Outcome::Answered(self.spoken.answer(text, self.sent));
        }
        match broke {
            Broke::Enough => Outcome::Answered(self.spoken.answer(text, self.sent)),
            Broke::By(fault, reason) => Outcome::Failed(fault, reason),
            Broke::Silence if self.sent.elapsed() >= line.timeout => {
                let ms = line.timeout.as_millis();
                Outcome::Failed(Fault::Broken, format!("no answer within {ms} ms"))
            }
            Broke::Silence => Outcome::Failed(Fault::Late, LATE.to_owned()),
        }
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// How long the server asks to be left alone, in whole seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Why a request failed, in words that hold neither address nor key.
fn why(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "the server cannot be reached"
    } else if error.is_timeout() {
        "the server did not answer in time"
    } else {
        "the connection was lost"
    };
    what.to_owned()
}
