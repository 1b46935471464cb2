//! What a row of `npc_requests` asks for.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;
use worldflow_schemas::catalog::NPC_REQUESTS;
use worldflow_schemas::definitions::Priority;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::call::Until;
use super::route::Need;

/// Bytes of a prompt that are taken to be one token.
pub(super) const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that a message takes besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// A request as its row says it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) request: ArcStr,
    /// Who is to be answered.
    pub(super) player: Sym,
    /// The tier that is asked for, or [`Sym::NONE`].
    pub(super) tier: Sym,
    pub(super) messages: ArcStr,
    pub(super) max_tokens: u64,
    /// About how long the prompt is.
    pub(super) prompt_tokens: u64,
    /// The hash of what it shares with others: its first message.
    pub(super) prefix: u64,
    /// By its priority: the lower the earlier.
    pub(super) rank: u8,
    pub(super) budget_ms: Option<u64>,
    pub(super) until: Until,
    /// What the model draws its chances from: another for each request, and the same when it is asked again.
    pub(super) seed: u32,
}

impl Ask {
    /// Who is asked: the id of a request begins with it.
    pub(super) fn npc(&self) -> &str {
        self.request.split('/').next().unwrap_or_default()
    }

    /// The system message.
    pub(super) fn system(&self) -> String {
        let messages: Json = serde_json::from_str(&self.messages).unwrap_or_default();
        let of_system = messages.as_array().into_iter().flatten().find(|message| message["role"] == "system");
        of_system.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
    }

    /// Reads a row at a tick. Time runs from the tick in which it was asked.
    pub(super) fn of(row: &Row, tick: Tick, tick_ms: u32, now: Instant) -> Ask {
        let messages = text(row, "messages");
        let (prefix, prompt_tokens) = measured(messages);
        let request = request_of(row);
        let span_ms = |ticks: u64| ticks.saturating_mul(u64::from(tick_ms)).min(DAY_MS);
        let deadline = now + Duration::from_millis(span_ms(number(row, "deadline").saturating_sub(tick)));
        let passed_ms = span_ms(tick.saturating_sub(number(row, "asked")));
        let budget_ms = is_given(row, "budget_ms").then(|| number(row, "budget_ms"));
        let within = budget_ms
            .map(|budget_ms| now + Duration::from_millis(budget_ms.min(DAY_MS).saturating_sub(passed_ms)));
        // At the deadline the graph says the bark by itself, and takes the request back.
        let first = within.filter(|within| *within < deadline).unwrap_or(deadline + GRACE);
        let margin = Duration::from_millis(span_ms(MARGIN_TICKS));
        let whole = deadline.checked_sub(margin).unwrap_or(now).max(now);
        Ask {
            player: id(row, "player"),
            tier: id(row, "tier"),
            max_tokens: number(row, "max_tokens").max(1),
            prompt_tokens,
            prefix,
            rank: rank(id(row, "priority")),
            budget_ms,
            until: Until { first, whole },
            seed: seed(&request),
            messages: messages.into(),
            request,
        }
    }

    /// What it needs from now on.
    pub(super) fn need(&self, now: Instant) -> Need {
        let left_ms = |until: Instant| {
            u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)
        };
        Need {
            first_ms: left_ms(self.until.first.min(self.until.whole)),
            whole_ms: left_ms(self.until.whole),
            max_tokens: self.max_tokens,
            prompt_tokens: self.prompt_tokens,
        }
    }
}

/// So long before its deadline an answer is ended that is not whole, so that it is in time.
const MARGIN_TICKS: u64 = 3;
/// So long after the deadline it is the graph that must have said so.
const GRACE: Duration = Duration::from_millis(100);
/// Nothing is waited for longer.
const DAY_MS: u64 = 86_400_000;

fn seed(request: &str) -> u32 {
    u32::try_from(xxh3_64(request.as_bytes()) >> 32).expect("the upper half of 64 bits")
}

fn rank(priority: Sym) -> u8 {
    let mut ranks = Priority::ALL.iter().rev().zip(0_u8..);
    ranks.find(|(other, _)| other.name() == priority.as_str()).map_or(2, |(_, rank)| rank)
}

/// The hash of the first message, and about how many tokens all are.
fn measured(messages: &str) -> (u64, u64) {
    let Ok(Json::Array(list)) = serde_json::from_str(messages) else { return (0, 0) };
    let content = |message: &Json| message["content"].as_str().unwrap_or_default().to_owned();
    let prefix = xxh3_64(list.first().map(content).unwrap_or_default().as_bytes());
    let bytes: usize = list.iter().map(|message| content(message).len()).sum();
    (prefix, (bytes as u64).div_ceil(BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * list.len() as u64)
}

/// The id of a row's request.
pub(super) fn request_of(row: &Row) -> ArcStr {
    text(row, "request").into()
}

fn value<'a>(row: &'a Row, column: &str) -> &'a Value {
    let place = NPC_REQUESTS.def().column(column).expect("the catalog has the column");
    &row[place]
}

fn id(row: &Row, column: &str) -> Sym {
    match value(row, column) {
        Value::Sym(id) => *id,
        _ => Sym::NONE,
    }
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    value(row, column).as_str().unwrap_or_default()
}

fn is_given(row: &Row, column: &str) -> bool {
    *value(row, column) != Value::Null
}

fn number(row: &Row, column: &str) -> u64 {
    match value(row, column) {
        Value::Int(n) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(asked: i64, deadline: i64, budget_ms: Value, priority: &str) -> Row {
        let messages = r#"[{"role":"system","content":"You are the smith."},{"role":"user","content":"hi"}]"#;
        Row::from([
            Value::Sym(Sym::new("realm")),
            Value::text("smith/ada/1"),
            Value::Sym(Sym::new("smith")),
            Value::Sym(Sym::new("ada")),
            Value::Null,
            Value::text(messages),
            Value::Int(48),
            Value::Int(asked),
            Value::Int(deadline),
            budget_ms,
            Value::Sym(Sym::new(priority)),
        ])
    }

    #[test]
    fn time_runs_from_the_tick_in_which_it_was_asked() {
        let now = Instant::now();
        let left = |asked, deadline, budget_ms| {
            let need = Ask::of(&row(asked, deadline, budget_ms, "normal"), 10, 10, now).need(now);
            (need.first_ms, need.whole_ms)
        };
        assert_eq!(left(10, 210, Value::Int(300)), (300, 1_970), "and an answer needs some ticks");
        assert_eq!(left(5, 205, Value::Int(300)), (250, 1_920));
        assert_eq!(left(5, 25, Value::Int(300)), (120, 120), "nothing is read after the deadline");
        assert_eq!(left(10, 210, Value::Null), (1_970, 1_970), "no hurry");
        assert_eq!(left(1, 5, Value::Int(300)), (0, 0));
        assert_eq!(left(1, i64::MAX, Value::Int(i64::MAX)).1, DAY_MS - 30);
    }

    #[test]
    fn at_the_deadline_it_is_the_graph_that_says_so() {
        let now = Instant::now();
        let until = |budget_ms| Ask::of(&row(10, 210, Value::Int(budget_ms), "normal"), 10, 10, now).until;
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!((until(300).first, until(300).whole), (at(300), at(1_970)));
        assert_eq!((until(2_000).first, until(2_000).whole), (at(2_000) + GRACE, at(1_970)));
    }

    #[test]
    fn a_row_says_what_is_asked() {
        let ask = |priority| Ask::of(&row(1, 9, Value::Null, priority), 1, 10, Instant::now());
        let first = ask("critical");
        assert_eq!(
            (first.tier, first.max_tokens, first.prompt_tokens, first.rank),
            (Sym::NONE, 48, 5 + 8, 0)
        );
        assert_eq!(["high", "normal", "low", "?"].map(|priority| ask(priority).rank), [1, 2, 3, 2]);
        assert_eq!(first.seed, ask("low").seed, "asked again it is the same");
        assert_eq!((first.prefix, measured("no JSON")), (ask("low").prefix, (0, 0)));
    }
}
