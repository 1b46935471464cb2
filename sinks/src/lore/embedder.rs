//! Embedders: from texts to vectors, of which those of alike texts point the same way.
//!
//! Here is what each of them is, and the one that asks a server, `POST /v1/embeddings`; the one that runs a model in this process
//! is [`Onnx`](super::Onnx). Another one is another implementation of [`Embedder`].

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use worldflow_schemas::definitions::TierDef;

use crate::tiers::{TiersError, servers};

/// The longest vector.
pub const MOST_DIMENSIONS: usize = 8_192;

/// The most texts that an embedder is given at once.
pub const MOST_TEXTS: usize = 32;

/// The largest body of an answer that is read: so many vectors of so many numbers of some twenty characters.
const MOST_BODY_BYTES: usize = 16 << 20;

/// What comes of an embedder; dropping it gives up.
pub type Embedding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vec<f32>>, String>> + Send + 'a>>;

/// Makes vectors of texts. A text that comes twice has the same vector.
pub trait Embedder: Send + Sync + Debug + 'static {
    /// The model; vectors of two models cannot be compared.
    fn model(&self) -> &str;

    /// A vector for each text, in their order; or in words why there are none. It holds no key.
    fn embed<'a>(&'a self, texts: &'a [String]) -> Embedding<'a>;
}

/// An OpenAI-compatible server.
#[derive(Debug)]
pub struct Server {
    client: Client,
    url: Url,
    model: String,
    /// Marked sensitive, so that it is never printed.
    key: Option<HeaderValue>,
    timeout: Duration,
}

impl Server {
    /// The server of a tier; of several the first: what it has embedded is kept. `variable` looks up an environment
    /// variable, for a key or an address by reference.
    ///
    /// # Errors
    /// As a tier that cannot be opened.
    pub fn open(
        name: &str,
        def: &TierDef,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Server, TiersError> {
        let urls = servers::addresses(name, def, "/v1/embeddings", &variable)?;
        let (key, client) = (servers::key(name, def, &variable)?, servers::client(name, &urls)?);
        let url = urls.into_iter().next().ok_or_else(|| TiersError::NoUrl { tier: name.to_owned() })?;
        let timeout = Duration::from_millis(def.timeout.ms.max(1));
        Ok(Server { client, url, model: def.model.clone(), key, timeout })
    }

    async fn exchange(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        let body = serde_json::json!({"model": self.model, "input": texts, "encoding_format": "float"});
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let request =
            self.key.iter().fold(request, |request, key| request.header(AUTHORIZATION, key.clone()));
        let mut response = request.body(body.to_string()).send().await.map_err(|error| why(&error))?;
        if !response.status().is_success() {
            return Err(format!("the embedder answered {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
            if body.len() + chunk.len() > MOST_BODY_BYTES {
                return Err(format!("the embedder's answer is longer than {MOST_BODY_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        read(&body, texts.len())
    }
}

impl Embedder for Server {
    fn model(&self) -> &str {
        &self.model
    }

    fn embed<'a>(&'a self, texts: &'a [String]) -> Embedding<'a> {
        Box::pin(async move {
            let answer = tokio::time::timeout(self.timeout, self.exchange(texts)).await;
            let late = |_| format!("the embedder did not answer within {} ms", self.timeout.as_millis());
            answer.map_err(late)?
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    index: usize,
    embedding: Vec<f32>,
}

/// The vectors of an answer, in the order of what was asked. A vector of nothing but zeros is none.
fn read(body: &[u8], asked: usize) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| "the embedder's answer cannot be read".to_owned())?;
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; asked];
    for One { index, embedding } in answer.data {
        let slot = vectors.get_mut(index).ok_or("the embedder's answer has more vectors than texts")?;
        if embedding.len() > MOST_DIMENSIONS {
            return Err(format!("the embedder's vectors have more than {MOST_DIMENSIONS} numbers"));
        }
        if embedding.iter().all(|x| *x == 0.0) || !embedding.iter().all(|x| x.is_finite()) {
            return Err("the embedder's answer has a vector without a direction".to_owned());
        }
        *slot = Some(embedding);
    }
    let all: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
    all.ok_or_else(|| "the embedder's answer has fewer vectors than texts".to_owned())
}

/// Why a request failed, in words that hold neither address nor key.
fn why(error: &reqwest::Error) -> String {
    let what = if error.is_connect() { "cannot be reached" } else { "broke off" };
    format!("the embedder {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_the_order_of_the_texts() {
        let two = br#"{"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [1, 0.5]}]}"#;
        assert_eq!(read(two, 2), Ok(vec![vec![1.0, 0.5], vec![0.0, 2.0]]));
        for (wrong, said) in [
            (&b"<html>"[..], "cannot be read"),
            (br#"{"data": []}"#, "fewer vectors"),
            (two, "more vectors"),
            (br#"{"data": [{"index": 0, "embedding": [0, 0]}]}"#, "without a direction"),
            (br#"{"data": [{"index": 0, "embedding": []}]}"#, "without a direction"),
            (br#"{"data": [{"index": 0, "embedding": [1e39]}]}"#, ""),
        ] {
            let error = read(wrong, 1).expect_err("it is wrong");
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_key_is_a_reference_to_a_variable_and_is_never_shown() {
        let def = |key: &str| -> TierDef {
            serde_json::from_value(serde_json::json!({"url": "http://127.0.0.1:1", "model": "m", "key": key}))
                .expect("a tier")
        };
        let variable = |name: &str| (name == "VECTORS_KEY").then(|| "s3cret".to_owned());
        let server = Server::open("vectors", &def("${VECTORS_KEY}"), variable).expect("it is set");
        assert!(!format!("{server:?}").contains("s3cret"));
        let unset = Server::open("vectors", &def("${OTHER}"), variable).expect_err("it is not set");
        assert!(unset.to_string().contains("`OTHER`"), "{unset}");
        let literal = Server::open("vectors", &def("s3cret"), variable).expect_err("a literal key");
        assert!(matches!(literal, TiersError::LiteralKey { .. }) && !literal.to_string().contains("s3cret"));
        let url = TierDef {
            url: worldflow_schemas::definitions::OneOrMany::One("ftp://x".to_owned()),
            ..def("${VECTORS_KEY}")
        };
        assert!(matches!(Server::open("vectors", &url, variable), Err(TiersError::Url { .. })));
    }
}
