//! The service that a world has judge what players say: OpenAI's moderation API over HTTP.
//!
//! `texts ─POST {input: [...]}→ {results: [{flagged}]}`. It fails closed: without an answer of that form in time nothing was
//! judged, and for a while nobody is asked, so that a service that hangs holds nobody up again and again. No text and no key
//! is in a message or a log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::warn;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::HttpModerationDef;

/// Texts that are judged in one request.
const MOST_TEXTS: usize = 32;

/// Requests that are under way at once; others wait, within the time that all have.
const MOST_CALLS: usize = 16;

/// The longest answer that is read.
const MOST_ANSWER_BYTES: usize = 256 << 10;

/// Nobody is asked for so long after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// A moderator that cannot be asked at all. No message holds a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ModeratorError {
    /// Its url cannot be read.
    #[error(
        "moderation.http.url cannot be read\nhint: write for example `https://moderator.example/v1/moderations`"
    )]
    Url,
    /// Its key is written out.
    #[error("moderation.http.key is not a reference\nhint: write `${{NAME}}`, and set the variable NAME")]
    LiteralKey,
    /// The variable is not set, or holds what no header can.
    #[error("moderation.http: the variable `{0}` holds no key\nhint: set it to the key, one line of ASCII")]
    NoKey(String),
    /// No client can be made.
    #[error("moderation.http: no HTTP client can be made: {0}\nhint: https needs the system's certificates")]
    Client(String),
}

/// Nothing was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unavailable {
    /// When it may be asked again, in milliseconds.
    pub(crate) retry_after_ms: u32,
}

/// Why one request failed, for the operator.
type Failure = &'static str;

/// A service that judges texts.
#[derive(Debug)]
pub struct Moderator {
    realm: Sym,
    client: Client,
    url: Url,
    model: Option<String>,
    /// Marked sensitive, so that it is never printed.
    key: Option<HeaderValue>,
    timeout: Duration,
    calls: Semaphore,
    paused_until: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Judged>,
}

#[derive(Deserialize)]
struct Judged {
    flagged: bool,
}

impl Moderator {
    /// Makes ready to ask. `variable` looks up an environment variable, for a key by reference.
    ///
    /// # Errors
    /// When the url cannot be read, the key is no reference or names a variable that holds none, or no client can be made.
    pub fn open(
        realm: Sym,
        def: &HttpModerationDef,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Moderator, ModeratorError> {
        let referred = |text: &str| -> Option<String> {
            text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::to_owned)
        };
        let url = match referred(&def.url) {
            Some(name) => variable(&name).ok_or(ModeratorError::Url)?,
            None => def.url.clone(),
        };
        let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or(ModeratorError::Url)?;
        let key = def.key.as_deref().map(|reference| {
            let name =
                referred(reference).filter(|name| !name.is_empty()).ok_or(ModeratorError::LiteralKey)?;
            let secret = variable(&name).filter(|secret| !secret.is_empty());
            let header = secret.and_then(|secret| HeaderValue::from_str(&format!("Bearer {secret}")).ok());
            let mut header = header.ok_or(ModeratorError::NoKey(name))?;
            header.set_sensitive(true);
            Ok(header)
        });
        let client = client(url.scheme() == "https");
        Ok(Moderator {
            realm,
            client: client.map_err(|error| ModeratorError::Client(error.to_string()))?,
            url,
            model: def.model.clone(),
            key: key.transpose()?,
            timeout: Duration::from_millis(def.timeout.ms.max(1)),
            calls: Semaphore::new(MOST_CALLS),
            paused_until: Mutex::new(None),
        })
    }

    /// Which texts are not to be said. It takes no longer than the timeout.
    pub(crate) async fn flagged(&self, texts: &[&str]) -> Result<Vec<bool>, Unavailable> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(until) = self.paused_until() {
            self.count("worldflow_moderation_skipped_total", texts.len());
            return Err(Unavailable {
                retry_after_ms: millis(until.saturating_duration_since(Instant::now())),
            });
        }
        let began = Instant::now();
        let calls = try_join_all(texts.chunks(MOST_TEXTS).map(|texts| self.ask(texts)));
        let judged = tokio::time::timeout(self.timeout, calls).await;
        metrics::histogram!("worldflow_moderation_latency_ms", "realm" => self.realm.as_str())
            .record(began.elapsed().as_secs_f64() * 1_000.0);
        let failure = match judged {
            Ok(Ok(flagged)) => {
                let flagged = flagged.concat();
                self.count("worldflow_moderation_judged_total", texts.len());
                self.count(
                    "worldflow_moderation_flagged_total",
                    flagged.iter().filter(|flagged| **flagged).count(),
                );
                return Ok(flagged);
            }
            Ok(Err(failure)) => failure,
            Err(_) => "it did not answer in time",
        };
        self.pause(failure);
        self.count("worldflow_moderation_failed_total", texts.len());
        Err(Unavailable { retry_after_ms: millis(PAUSE) })
    }

    fn paused_until(&self) -> Option<Instant> {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    fn pause(&self, failure: Failure) {
        let now = Instant::now();
        let mut until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        // Of several that failed together, one says so.
        if until.is_none_or(|until| until <= now) {
            let hint = "what players say is refused until it answers again";
            warn!(realm = %self.realm, failure, hint, "the moderator judges nothing");
        }
        *until = Some(now + PAUSE);
    }

    async fn ask(&self, texts: &[&str]) -> Result<Vec<bool>, Failure> {
        let _call = self.calls.acquire().await.map_err(|_| "it is closed")?;
        let mut body = serde_json::json!({ "input": texts });
        if let Some(model) = &self.model {
            body["model"] = model.as_str().into();
        }
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let mut response = request.send().await.map_err(|_| "it cannot be reached")?;
        match response.status().as_u16() {
            200..=299 => {}
            401 | 403 => return Err("it refuses the key"),
            429 => return Err("it is asked too often"),
            _ => return Err("it answered with an error"),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "the connection was lost")? {
            if body.len() + chunk.len() > MOST_ANSWER_BYTES {
                return Err("its answer is too long");
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| "its answer is of another form")?;
        if answer.results.len() != texts.len() {
            return Err("it judged another number of texts");
        }
        Ok(answer.results.iter().map(|judged| judged.flagged).collect())
    }

    fn count(&self, name: &'static str, by: usize) {
        metrics::counter!(name, "realm" => self.realm.as_str())
            .increment(u64::try_from(by).unwrap_or(u64::MAX));
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// A client that goes where it is told and nowhere else: no proxy, no redirects.
fn client(tls: bool) -> reqwest::Result<Client> {
    // Someone else in the process may have installed one: any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // A server on plain http needs no certificates, and there may be none on the machine.
    if tls { builder.build() } else { builder.tls_certs_only([]).build() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_reference_and_is_never_shown() {
        let def = |url: &str, key: &str| -> HttpModerationDef {
            serde_json::from_value(serde_json::json!({"url": url, "key": key})).expect("a moderator")
        };
        let url = "http://127.0.0.1:1/v1/moderations";
        let variable = |name: &str| match name {
            "KEY" => Some("s3cret".to_owned()),
            "URL" => Some(url.to_owned()),
            "BAD" => Some("a\nb".to_owned()),
            _ => None,
        };
        let open = |url: &str, key: &str| Moderator::open("realm".into(), &def(url, key), variable);
        assert!(!format!("{:?}", open(url, "${KEY}").expect("it is right")).contains("s3cret"));
        assert_eq!(open("${URL}", "${KEY}").map(|it| it.url.to_string()), Ok(url.to_owned()));
        let error = |url: &str, key: &str| open(url, key).map(drop).expect_err("it is wrong");
        assert_eq!(error(url, "s3cret"), ModeratorError::LiteralKey);
        assert_eq!(error(url, "${NONE}"), ModeratorError::NoKey("NONE".to_owned()));
        assert_eq!(error(url, "${BAD}"), ModeratorError::NoKey("BAD".to_owned()));
        assert_eq!(
            (error("ftp://x", "${KEY}"), error("${NONE}", "${KEY}")),
            (ModeratorError::Url, ModeratorError::Url)
        );
    }
}
