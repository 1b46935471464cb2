//! One request to one OpenAI-compatible server, from opening a tier to the text of its answer.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use tokio::time::Instant;
use worldflow_schemas::definitions::TierDef;
use worldflow_schemas::{ArcStr, Sym};

/// The largest body of an answer that is read.
pub const MOST_BODY_BYTES: usize = 64 * 1024;

/// A tier that cannot be opened. No message holds a key.
#[derive(Debug, thiserror::Error)]
pub enum TiersError {
    /// Its url cannot be read.
    #[error("tier `{tier}`: the url cannot be read\nhint: write for example `http://127.0.0.1:8000`")]
    Url {
        /// The tier.
        tier: String,
    },
    /// Its key is written out.
    #[error("tier `{tier}`: the key is not a reference\nhint: write `${{NAME}}`, and set the variable NAME")]
    LiteralKey {
        /// The tier.
        tier: String,
    },
    /// The variable is not set.
    #[error("tier `{tier}`: the variable `{variable}` is not set\nhint: set it to the key of the tier")]
    UnsetKey {
        /// The tier.
        tier: String,
        /// The variable.
        variable: String,
    },
    /// The variable holds what no header can.
    #[error("tier `{tier}`: the variable `{variable}` holds no key\nhint: a key is one line of ASCII")]
    WrongKey {
        /// The tier.
        tier: String,
        /// The variable.
        variable: String,
    },
    /// No client can be made.
    #[error(
        "tier `{tier}`: no HTTP client can be made: {reason}\nhint: https needs the system's certificates"
    )]
    Client {
        /// The tier.
        tier: String,
        /// Why.
        reason: String,
    },
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) request: ArcStr,
    /// Who is to be answered.
    pub(super) player: Sym,
    pub(super) messages: String,
    pub(super) max_tokens: u64,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    /// The text, or why there is none.
    pub(super) outcome: Result<String, String>,
    pub(super) took_ms: u32,
    pub(super) tokens: u32,
}

impl Answer {
    pub(super) fn failed(reason: String, took_ms: u32) -> Answer {
        Answer { outcome: Err(reason), took_ms, tokens: 0 }
    }
}

/// A tier that can be asked.
#[derive(Debug)]
pub(super) struct Tier {
    client: Client,
    url: Url,
    model: String,
    /// Marked sensitive, so that it is never printed.
    key: Option<HeaderValue>,
    timeout: Duration,
    pub(super) max_in_flight: u32,
}

impl Tier {
    pub(super) fn open(
        name: &str,
        def: &TierDef,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Tier, TiersError> {
        let tier = || name.to_owned();
        let address = format!("{}/v1/chat/completions", def.url.trim_end_matches('/'));
        let url = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| TiersError::Url { tier: tier() })?;
        let key = def.key.as_deref().map(|reference| key(name, reference, variable)).transpose()?;
        Ok(Tier {
            client: client(url.scheme() == "https")
                .map_err(|error| TiersError::Client { tier: tier(), reason: error.to_string() })?,
            url,
            model: def.model.clone(),
            key,
            timeout: Duration::from_millis(def.timeout.ms.max(1)),
            max_in_flight: def.max_in_flight.max(1),
        })
    }

    /// Asks, and gives up after the tier's timeout. Dropping the future drops the connection.
    pub(super) async fn ask(&self, ask: &Ask) -> Answer {
        let sent = Instant::now();
        let answer = tokio::time::timeout(self.timeout, self.exchange(ask)).await;
        let took_ms = u32::try_from(sent.elapsed().as_millis()).unwrap_or(u32::MAX);
        match answer {
            Err(_) => Answer::failed(format!("no answer within {} ms", self.timeout.as_millis()), took_ms),
            Ok(Err(reason)) => Answer::failed(reason, took_ms),
            Ok(Ok((text, tokens))) => Answer { outcome: Ok(text), took_ms, tokens },
        }
    }

    async fn exchange(&self, ask: &Ask) -> Result<(String, u32), String> {
        let messages: serde_json::Value =
            serde_json::from_str(&ask.messages).map_err(|_| "the messages are no JSON".to_owned())?;
        let body = serde_json::json!({
            "model": self.model,
            "messages": messages,
            "max_tokens": ask.max_tokens,
            "stream": false,
        });
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let mut response = request.send().await.map_err(|error| why(&error))?;
        if !response.status().is_success() {
            return Err(format!("the server answered {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
            if body.len() + chunk.len() > MOST_BODY_BYTES {
                return Err(format!("the answer is longer than {MOST_BODY_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        read(&body)
    }
}

/// The text of an answer and its tokens.
fn read(body: &[u8]) -> Result<(String, u32), String> {
    let answer: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON".to_owned())?;
    let text = answer["choices"][0]["message"]["content"].as_str().ok_or("the answer has no text")?;
    let text = clean(text);
    if text.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    let tokens = answer["usage"]["completion_tokens"].as_u64().unwrap_or(0);
    Ok((text, u32::try_from(tokens).unwrap_or(u32::MAX)))
}

/// Without control characters, trimmed; line breaks and tabs become spaces.
fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept: String = spaced.filter(|c| !c.is_control()).collect();
    kept.trim().to_owned()
}

fn key(
    tier: &str,
    reference: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<HeaderValue, TiersError> {
    let named = reference.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let named = named.filter(|name| !name.is_empty());
    let name = named.ok_or_else(|| TiersError::LiteralKey { tier: tier.to_owned() })?;
    let (tier, variable_name) = (tier.to_owned(), name.to_owned());
    let Some(secret) = variable(name).filter(|secret| !secret.is_empty()) else {
        return Err(TiersError::UnsetKey { tier, variable: variable_name });
    };
    let mut header = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| TiersError::WrongKey { tier, variable: variable_name })?;
    header.set_sensitive(true);
    Ok(header)
}

/// A client that goes where it is told and nowhere else: no proxy, no redirects.
fn client(tls: bool) -> reqwest::Result<Client> {
    // Someone else in the process may have installed one: any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // A server on plain http needs no certificates, and there may be none on the machine.
    if tls { builder.build() } else { builder.tls_certs_only([]).build() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_cleaned() {
        let body = |text: &str| {
            serde_json::json!({"choices": [{"message": {"content": text}}], "usage": {"completion_tokens": 7}})
                .to_string()
        };
        assert_eq!(read(body(" Hail,\n\u{1b}friend.\u{0} ").as_bytes()), Ok(("Hail, friend.".to_owned(), 7)));
        for wrong in [body(" \u{7}\n"), "{}".to_owned(), "[".to_owned(), r#"{"choices":[]}"#.to_owned()] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_a_reference_to_a_variable_and_is_never_shown() {
        let def = |key: &str| -> TierDef {
            serde_json::from_value(serde_json::json!({"url": "http://127.0.0.1:1", "model": "m", "key": key}))
                .expect("a tier")
        };
        let variable = |name: &str| (name == "GOLD_KEY").then(|| "s3cret".to_owned());
        let tier = Tier::open("gold", &def("${GOLD_KEY}"), variable).expect("the variable is set");
        assert!(!format!("{tier:?}").contains("s3cret"));
        let unset = Tier::open("gold", &def("${SILVER_KEY}"), variable).expect_err("it is not set");
        assert!(unset.to_string().contains("`SILVER_KEY` is not set"), "{unset}");
        let literal = Tier::open("gold", &def("s3cret"), variable).expect_err("a literal key");
        assert!(matches!(literal, TiersError::LiteralKey { .. }) && !literal.to_string().contains("s3cret"));
        let url = TierDef { url: "ftp://x".to_owned(), ..def("${GOLD_KEY}") };
        assert!(matches!(Tier::open("gold", &url, variable), Err(TiersError::Url { .. })));
    }
}
