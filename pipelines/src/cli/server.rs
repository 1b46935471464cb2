//! A running server, as a verb speaks to it over HTTP.

use std::time::Duration;

use serde_json::Value;

/// How long it may take to answer: a plan takes minutes at most.
const ANSWER: Duration = Duration::from_secs(180);

/// A server and a token for it.
pub(super) struct Server {
    address: String,
    token: String,
}

impl Server {
    pub(super) fn at(url: &str, token: &str) -> Server {
        let address = url.trim_end_matches('/').replacen("ws", "http", usize::from(url.starts_with("ws")));
        Server { address, token: token.to_owned() }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Posts JSON, and returns the JSON of a good answer.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client()?.post(format!("{}{path}", self.address)).body(body.to_string());
        self.answer(request).await
    }

    /// Asks with these parameters, and returns the JSON of a good answer.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.address)).map_err(|error| {
            anyhow::anyhow!("{}: {error}\nhint: write for example http://127.0.0.1:7777", self.address)
        })?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(self.client()?.get(url)).await
    }

    fn client(&self) -> anyhow::Result<reqwest::Client> {
        // Someone else in the process may have installed one: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // A server on plain http needs no certificates, and there may be none on the machine.
        let client = if self.address.starts_with("https") { client } else { client.tls_certs_only([]) };
        Ok(client.build()?)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let Server { address, token } = self;
        let answer = request.bearer_auth(token).timeout(ANSWER).send().await.map_err(|error| {
            anyhow::anyhow!(
                "{address} does not answer: {error}\nhint: is it the address that the server printed?"
            )
        })?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        let said = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        anyhow::ensure!(
            status.is_success(),
            "{status}: {}: {}\nhint: {}",
            said("code"),
            said("reason"),
            said("hint")
        );
        Ok(body)
    }
}
