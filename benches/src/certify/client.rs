//! A client that looks at what a server sends, frame by frame. It is not the one of the tiers, which is judged by it too.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that answers.
#[derive(Clone, Debug)]
pub(super) struct Server {
    client: Client,
    url: String,
    key: Option<String>,
    model: String,
}

/// A stream, read to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Streamed {
    pub(super) status: u16,
    pub(super) kind: String,
    /// When each piece of text came, from the sending of the request.
    pub(super) pieces: Vec<Duration>,
    /// Whether the first frame says who speaks, without words.
    pub(super) role_first: bool,
    pub(super) finish: Option<String>,
    /// Tokens of prompt and answer, as the server says at the end.
    pub(super) usage: Option<(u64, u64)>,
    /// Whether the frame with them has no choices.
    pub(super) usage_alone: bool,
    pub(super) done: bool,
}

impl Streamed {
    /// Tokens of the answer: one for each piece where the server says nothing.
    pub(super) fn tokens(&self) -> u64 {
        self.usage.map_or(self.pieces.len() as u64, |(_, tokens)| tokens)
    }
}

impl Server {
    pub(super) async fn open(
        url: &str,
        model: Option<String>,
        key: Option<String>,
    ) -> anyhow::Result<Server> {
        // Someone else in the process may have installed one: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(PATIENCE);
        let client = if url.starts_with("https") { client } else { client.tls_certs_only([]) };
        let url = url.trim_end_matches('/').to_owned();
        let mut server = Server { client: client.build()?, url, key, model: String::new() };
        let listed: Json = serde_json::from_str(&server.get("/v1/models").await?.1).unwrap_or_default();
        let first = listed["data"][0]["id"].as_str().map(str::to_owned);
        server.model = model.or(first).context("the server lists no model\nhint: name one with --model")?;
        Ok(server)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The status and the body of a page.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let request = self.with_key(self.client.get(format!("{}{path}", self.url)));
        let answer = request.send().await.with_context(|| format!("{} does not answer", self.url))?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Posts a body as it is.
    pub(super) async fn send(&self, path: &str, body: String) -> anyhow::Result<Response> {
        let request =
            self.client.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        Ok(self.with_key(request).body(body).send().await?)
    }

    /// Posts JSON; the status and the JSON of the answer.
    pub(super) async fn post(&self, path: &str, body: &Json) -> anyhow::Result<(u16, Json)> {
        let answer = self.send(path, body.to_string()).await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
    }

    /// A chat of so many tokens that does not end before.
    pub(super) fn chat(&self, said: &str, tokens: u32, more: &Json) -> Json {
        let mut body = json!({
            "model": self.model, "max_tokens": tokens, "ignore_eos": true,
            "messages": [{"role": "user", "content": said}],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    /// Begins a stream.
    pub(super) async fn begin(&self, said: &str, tokens: u32) -> anyhow::Result<Response> {
        let more = json!({"stream": true, "stream_options": {"include_usage": true}});
        self.send("/v1/chat/completions", self.chat(said, tokens, &more).to_string()).await
    }

    /// A stream, read to its end.
    pub(super) async fn stream(&self, said: &str, tokens: u32) -> anyhow::Result<Streamed> {
        let sent = Instant::now();
        let mut response = self.begin(said, tokens).await?;
        let kind =
            response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().to_owned();
        let mut read = Streamed { status: response.status().as_u16(), kind, ..Streamed::default() };
        let (mut rest, mut frames) = (Vec::new(), 0);
        while let Some(chunk) = response.chunk().await? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
                let frame: Vec<u8> = rest.drain(..end + 2).collect();
                let Some(data) = std::str::from_utf8(&frame)?.trim_end().strip_prefix("data: ") else {
                    continue;
                };
                read.take(data, sent.elapsed(), frames);
                frames += 1;
            }
        }
        Ok(read)
    }
}

impl Streamed {
    fn take(&mut self, data: &str, at: Duration, frame: u32) {
        if data == "[DONE]" {
            self.done = true;
            return;
        }
        let data: Json = serde_json::from_str(data).unwrap_or_default();
        let choice = &data["choices"][0];
        let text = choice["delta"]["content"].as_str().unwrap_or_default();
        if frame == 0 {
            self.role_first = choice["delta"]["role"] == "assistant" && text.is_empty();
        }
        if !text.is_empty() {
            self.pieces.push(at);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        let usage = &data["usage"];
        if let (Some(prompt), Some(answer)) =
            (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64())
        {
            self.usage = Some((prompt, answer));
            self.usage_alone = data["choices"].as_array().is_some_and(Vec::is_empty);
        }
    }
}
