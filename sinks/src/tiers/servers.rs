//! How the servers of a tier are reached: their addresses, the key, and a client. Embedders are tiers, too.

use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use worldflow_schemas::definitions::TierDef;

use super::error::TiersError;

/// The addresses of a tier's servers, each with this path.
pub(crate) fn addresses(
    tier: &str,
    def: &TierDef,
    path: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<Url>, TiersError> {
    let mut urls = Vec::new();
    for url in def.url.as_slice() {
        let address = resolved(tier, url, variable)?;
        let address = format!("{}{path}", address.trim_end_matches('/'));
        let url = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        urls.push(url.ok_or_else(|| TiersError::Url { tier: tier.to_owned() })?);
    }
    if urls.is_empty() {
        return Err(TiersError::NoUrl { tier: tier.to_owned() });
    }
    Ok(urls)
}

/// The key of a tier, if it has one, as a header that is never printed.
pub(crate) fn key(
    tier: &str,
    def: &TierDef,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<HeaderValue>, TiersError> {
    let Some(text) = def.key.as_deref() else { return Ok(None) };
    let name = reference(text).ok_or_else(|| TiersError::LiteralKey { tier: tier.to_owned() })?;
    let secret = resolved(tier, text, variable)?;
    let mut header = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| TiersError::WrongKey { tier: tier.to_owned(), variable: name.to_owned() })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// A client that goes where it is told and nowhere else: no proxy, no redirects.
pub(crate) fn client(tier: &str, urls: &[Url]) -> Result<Client, TiersError> {
    // Someone else in the process may have installed one: any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // A server on plain http needs no certificates, and there may be none on the machine.
    let tls = urls.iter().any(|url| url.scheme() == "https");
    let client = if tls { builder.build() } else { builder.tls_certs_only([]).build() };
    client.map_err(|error| TiersError::Client { tier: tier.to_owned(), reason: error.to_string() })
}

/// What a text stands for: itself, or the variable that it refers to.
fn resolved(
    tier: &str,
    text: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<String, TiersError> {
    let Some(name) = reference(text) else { return Ok(text.to_owned()) };
    let value = variable(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| TiersError::Unset { tier: tier.to_owned(), variable: name.to_owned() })
}

/// The variable that a text refers to, if it is a reference: `${NAME}`.
pub(crate) fn reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.filter(|name| !name.is_empty())
}
