//! Events by HTTP: `POST /v1/events`, one JSON event a line.
//!
//! The body is read as it comes and handed on in batches, so its length does not matter; its lines have
//! the rules of the socket's events. The answer comes when all of it is durable.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::time::Instant;
use worldflow_engine::admission::{Item, Outcome, Refusal};
use worldflow_schemas::{ArcStr, EventId, Tick};

use crate::audit::Act;
use crate::check::{Hints, Proposed, Sender, Unsealed, clip, refuse};
use crate::game_socket::{RealmPath, Realms, Room, refused, request_token, wall_ms};
use crate::http_guard::peer;
use crate::tokens::Bearer;

/// Lines that are handed to admission at once.
const BATCH: usize = 1_000;

/// So much of a body must come while it is waited for as long as one part may take.
const LEAST_BYTES: usize = 1_024;

/// Refused lines that the answer lists; more are counted.
const MOST_LISTED: usize = 1_000;

/// What became of the lines of a body.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Lines that are not empty.
    lines: u64,
    accepted: u64,
    duplicates: u64,
    refused: u64,
    /// The first and the last tick of accepted lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_tick: Option<Tick>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tick: Option<Tick>,
    /// The first refused lines.
    errors: Vec<LineError>,
}

#[derive(Debug, Serialize)]
struct LineError {
    /// Counted from 1.
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ArcStr>,
    code: &'static str,
    path: String,
    reason: String,
    hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

/// `POST /v1/events` and `POST /v1/realms/{realm}/events`.
pub(crate) async fn publish(
    State(realms): State<Realms>,
    path: RealmPath,
    headers: HeaderMap,
    uri: Uri,
    extensions: Extensions,
    body: Body,
) -> Response {
    let path = path.map(|Path(realm)| realm);
    let bearer = match realms.bearer(&request_token(&headers, &uri).unwrap_or_default()) {
        Ok(bearer) => bearer,
        Err(refusal) => {
            realms.turned_away(path.as_deref(), &refusal);
            return refused(StatusCode::UNAUTHORIZED, &refusal);
        }
    };
    let claims = bearer.claims;
    let room = match realms.room(&claims, path.as_deref()) {
        Ok(room) => room,
        Err(refusal) => {
            realms.turned_away(path.as_deref(), &refusal);
            return refused(StatusCode::FORBIDDEN, &refusal);
        }
    };
    if let Err(refusal) = realms.pay(&claims, 0) {
        room.realm.observed.reject(claims.source(), None, &refusal, wall_ms());
        return refused(StatusCode::TOO_MANY_REQUESTS, &refusal);
    }
    let sender = Sender::bearer(&claims);
    let mut lines = Lines {
        realms,
        bearer,
        from: peer(&extensions),
        room,
        sender,
        number: 0,
        batch: Vec::new(),
        hints: Hints::default(),
        summary: Summary::default(),
        paid: 0,
    };
    match lines.read(body).await {
        Ok(()) => (StatusCode::OK, Json(lines.summary)).into_response(),
        Err((status, refusal)) => {
            lines.room.realm.observed.reject(sender.source, None, &refusal, wall_ms());
            refused(status, &refusal)
        }
    }
}

struct Lines {
    realms: Realms,
    bearer: Bearer,
    from: Option<SocketAddr>,
    room: Arc<Room>,
    sender: Sender,
    number: u64,
    batch: Vec<(u64, Option<ArcStr>, Unsealed)>,
    hints: Hints,
    summary: Summary,
    /// Lines that the token has paid for.
    paid: u64,
}

type Failed = (StatusCode, Refusal);

impl Lines {
    async fn read(&mut self, body: Body) -> Result<(), Failed> {
        let mut stream = body.into_data_stream();
        let mut rest: Vec<u8> = Vec::new();
        // The rest of a line that is too long is skipped, not kept.
        let mut skipping = false;
        // While it is waited for, so that neither our own disk nor the token's allowance counts.
        let (mut waited, mut came) = (Duration::ZERO, 0);
        loop {
            let (patience, since) = (self.realms.limits().body, Instant::now());
            let next = if waited > patience && came < LEAST_BYTES {
                Err(())
            } else {
                tokio::time::timeout(patience, stream.next()).await.map_err(drop)
            };
            waited += since.elapsed();
            let chunk = match next {
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => chunk,
                failed => {
                    // Whole lines that have come count, though no answer will name them.
                    self.flush().await?;
                    return Err(self.broken_off(failed.ok().flatten().and_then(Result::err)));
                }
            };
            came += chunk.len();
            if came >= LEAST_BYTES {
                (waited, came) = (Duration::ZERO, 0);
            }
            let mut chunk: &[u8] = &chunk;
            while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
                self.part(&mut rest, &chunk[..end], &mut skipping);
                chunk = &chunk[end + 1..];
                self.end_line(&mut rest, &mut skipping).await?;
            }
            self.part(&mut rest, chunk, &mut skipping);
        }
        if !rest.is_empty() || skipping {
            self.end_line(&mut rest, &mut skipping).await?;
        }
        self.flush().await
    }

    /// The body has not ended: it broke with this error, or nothing has come of it for too long.
    fn broken_off(&self, error: Option<axum::Error>) -> Failed {
        let hint = "whole lines before it have been taken";
        match error {
            Some(error) => (StatusCode::BAD_REQUEST, refuse("bad_body", "", clip(&error.to_string()), hint)),
            None => {
                let most = self.realms.limits().body;
                let reason = format!("less than {LEAST_BYTES} bytes of the body have come in {most:?}");
                (StatusCode::REQUEST_TIMEOUT, refuse("body_stalled", "", reason, hint))
            }
        }
    }

    fn part(&self, rest: &mut Vec<u8>, part: &[u8], skipping: &mut bool) {
        if rest.len() + part.len() > self.realms.limits().line_bytes {
            *skipping = true;
            rest.clear();
        }
        if !*skipping {
            rest.extend_from_slice(part);
        }
    }

    async fn end_line(&mut self, rest: &mut Vec<u8>, skipping: &mut bool) -> Result<(), Failed> {
        self.number += 1;
        if std::mem::take(skipping) {
            let most = self.realms.limits().line_bytes;
            let reason = format!("the line is longer than {most} bytes");
            self.refuse(self.number, None, refuse("line_too_long", "", reason, "an event is much shorter"));
            self.summary.lines += 1;
            return Ok(());
        }
        if !rest.trim_ascii().is_empty() {
            self.summary.lines += 1;
            self.line(rest);
        }
        rest.clear();
        let full = self.batch.len() >= BATCH || self.summary.lines - self.paid >= 2 * BATCH as u64;
        if full { self.flush().await } else { Ok(()) }
    }

    fn line(&mut self, line: &[u8]) {
        let event: Proposed<'_> = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                let hint = "each line is one event as JSON: {\"kind\": \"kill\", \"target\": \"wolf\"}";
                return self.refuse(
                    self.number,
                    None,
                    refuse("malformed", "", clip(&error.to_string()), hint),
                );
            }
        };
        let now_ms = self.realms.now_ms(&self.room.realm);
        let (sender, unnumbered) = (&self.sender, EventId::UNNUMBERED);
        let id = event.id_text().map(ArcStr::from);
        match self.room.checker.unsealed(&event, sender, unnumbered, Some(now_ms), &self.hints) {
            Ok(unsealed) => self.batch.push((self.number, id, unsealed)),
            Err(refusal) => self.refuse(self.number, id, refusal),
        }
    }

    fn refuse(&mut self, number: u64, id: Option<ArcStr>, refusal: Refusal) {
        if let Some(act) = Act::without_authority(&refusal) {
            self.realms.audit().write(act.by(&self.bearer).from(self.from));
        }
        let position = id.clone().map_or(EventId::Position(number), EventId::Named);
        self.room.realm.observed.reject(self.sender.source, Some(&position), &refusal, wall_ms());
        self.list(number, id, refusal);
    }

    fn list(&mut self, line: u64, id: Option<ArcStr>, refusal: Refusal) {
        self.summary.refused += 1;
        if self.summary.errors.len() < MOST_LISTED {
            let Refusal { code, path, reason, hint, retry_after_ms } = refusal;
            self.summary.errors.push(LineError { line, id, code, path, reason, hint, retry_after_ms });
        }
    }

    /// All lines since the last batch count, refused ones too. A body that comes too fast is read more slowly.
    async fn wait_for_allowance(&mut self) {
        let lines = self.summary.lines - std::mem::replace(&mut self.paid, self.summary.lines);
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        while lines > 0
            && let Err(refusal) = self.realms.pay(&self.bearer.claims, lines)
        {
            tokio::time::sleep(Duration::from_millis(refusal.retry_after_ms.unwrap_or(1).into())).await;
        }
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        self.wait_for_allowance().await;
        let (lines, unsealed): (Vec<_>, Vec<_>) =
            self.batch.drain(..).map(|(number, id, unsealed)| ((number, id), Ok(unsealed))).unzip();
        let settled = self.room.checker.settle(unsealed).await;
        let (mut numbers, mut items): (Vec<u64>, Vec<Item>) = (Vec::new(), Vec::new());
        for ((number, id), settled) in lines.into_iter().zip(settled) {
            match settled {
                Ok(item) => {
                    numbers.push(number);
                    items.push(item);
                }
                Err(refusal) => self.refuse(number, id, refusal),
            }
        }
        if items.is_empty() {
            return Ok(());
        }
        let outcomes =
            self.room.realm.admission.publish(self.sender.source, items).await.map_err(|closed| {
                let refusal =
                    refuse("shutting_down", "", closed.to_string(), "send it all again later, with ids");
                (StatusCode::SERVICE_UNAVAILABLE, refusal)
            })?;
        for (line, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Accepted { tick } => {
                    self.summary.accepted += 1;
                    self.summary.first_tick.get_or_insert(tick);
                    self.summary.last_tick = Some(tick);
                }
                Outcome::Duplicate { .. } => self.summary.duplicates += 1,
                Outcome::Refused(refusal) => self.list(line, None, *refusal),
                Outcome::Denied(denied) => self.list(line, None, denied.0),
            }
        }
        Ok(())
    }
}
