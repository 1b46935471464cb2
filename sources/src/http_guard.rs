//! What every request of HTTP goes through: how many there may be a second, and a note of those that are refused.
//!
//! Who is let in, and to what, is decided where the request ends. A socket that is opened with a token is a request; one without
//! is one when its first frame has the token, until when it has a place of its own. Not counted are the two questions after the server's health, which whoever stands in front of it asks for everyone.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::Instant;
use worldflow_engine::admission::Refusal;

use crate::allowance::later;
use crate::audit::Act;
use crate::check::refuse;
use crate::game_socket::{Realms, refused, request_token};
use crate::tokens::{Bearer, Role};

/// Who pays for a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Payer {
    /// A token's subject.
    Bearer(crate::game_socket::Subject),
    /// Whoever is at an address, without a good token.
    Stranger(IpAddr),
}

/// Guards every route of the server, those of other modules too.
pub fn guarded(app: Router, realms: Realms) -> Router {
    app.layer(from_fn_with_state(realms, guard))
}

/// The address that a request came from, where the server has noted it.
pub(crate) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address)
}

async fn guard(State(realms): State<Realms>, request: Request, next: Next) -> Response {
    let route = route(request.uri().path());
    if matches!(route, "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let from = peer(request.extensions());
    let token = request_token(request.headers(), request.uri());
    let bearer = token.as_deref().and_then(|token| realms.tokens().bearer(token));
    let is_socket = route == "/v1/socket";
    // A socket may come with its token in its first frame.
    let counts = !is_socket || token.is_some();
    if counts && let Err(refusal) = pay(&realms, bearer.as_ref(), from) {
        return refused(StatusCode::TOO_MANY_REQUESTS, &refusal);
    }
    let answer = next.run(request).await;
    let status = answer.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || (is_socket && status == StatusCode::SERVICE_UNAVAILABLE)
    {
        let code = answer.extensions().get::<Code>().map_or_else(
            || if status == StatusCode::FORBIDDEN { "not_allowed" } else { "unauthenticated" },
            |code| code.0,
        );
        let act = Act::new(if is_socket { "session_refused" } else { "request_refused" });
        let act = bearer.iter().fold(act, |act, bearer| act.by(bearer));
        realms.audit().write(act.from(from).code(code).with("route", route));
    }
    answer
}

/// The code of a refusal, on its answer.
#[derive(Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

/// Takes a request from what a token may ask, or an address without a good one.
pub(crate) fn pay(realms: &Realms, bearer: Option<&Bearer>, from: Option<SocketAddr>) -> Result<(), Refusal> {
    let limits = realms.limits();
    let (payer, per_s, whose) = match bearer {
        Some(bearer) => {
            let player = bearer.claims.role == Role::Player;
            let per_s = if player { limits.token_requests_per_s } else { limits.server_token_requests_per_s };
            (Payer::Bearer(bearer.claims.into()), per_s, "from this token")
        }
        None => {
            let address = from.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |from| network(from.ip()));
            (
                Payer::Stranger(address),
                limits.stranger_requests_per_s,
                "without a good token from this address",
            )
        }
    };
    realms.requests().take(payer, 1, per_s, Instant::now()).map_err(|wait| {
        let reason = format!("more than {per_s} requests in one second {whose}");
        let hint = "wait as long as it says; what changes is followed by one socket";
        later(refuse("rate_limited", "", reason, hint), wait)
    })
}

/// Whom an address stands for: one machine, or the network that one is given.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

/// The address of a request without what somebody put into it.
fn route(path: &str) -> &'static str {
    const EXACT: [&str; 7] =
        ["/", "/live", "/healthz", "/readyz", "/metrics", "/v1/views", "/v1/clock/advance"];
    if let Some(route) = EXACT.into_iter().find(|route| *route == path) {
        return route;
    }
    if path == "/v1/socket" || (path.starts_with("/v1/realms/") && path.ends_with("/socket")) {
        return "/v1/socket";
    }
    if path == "/v1/events" || (path.starts_with("/v1/realms/") && path.ends_with("/events")) {
        return "/v1/events";
    }
    if path == "/v1/forget" || (path.starts_with("/v1/realms/") && path.ends_with("/forget")) {
        return "/v1/forget";
    }
    match path {
        path if path.starts_with("/v1/views/") => "/v1/views/...",
        path if path.starts_with("/assets/") => "/assets/...",
        _ => "another",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_addresses_is_one_stranger_and_a_route_names_nobody() {
        let network = |ip: &str| network(ip.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(network("10.1.2.3"), "10.1.2.3");
        for (path, named) in [
            ("/v1/realms/secret/socket", "/v1/socket"),
            ("/v1/realms/secret/events", "/v1/events"),
            ("/v1/views/secret", "/v1/views/..."),
            ("/v1/secret", "another"),
            ("/metrics", "/metrics"),
        ] {
            assert_eq!(route(path), named);
        }
    }
}
