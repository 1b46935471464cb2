//! What a row of `npc_requests` asks for.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;
use worldflow_schemas::catalog::NPC_REQUESTS;
use worldflow_schemas::definitions::Priority;
use worldflow_schemas::{ArcStr, Row, Sym, Tick, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::call::Until;
use super::prompt;
use super::route::Need;

/// A request as its row says it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) request: ArcStr,
    /// Who is to be answered.
    pub(super) player: Sym,
    /// The tier that is asked for, or [`Sym::NONE`].
    pub(super) tier: Sym,
    /// What is sent, once [`Ask::render`] has made it of the row's sections.
    pub(super) messages: ArcStr,
    /// What the NPC knows of it, made by [`Ask::render`]: all of it that no player has said.
    pub(super) known: ArcStr,
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
    /// Equal ones are the same question; empty when nobody says what it is.
    pub(super) digest: ArcStr,
    pub(super) revision: ArcStr,
    pub(super) locale: ArcStr,
    /// Whether the model is to answer with an object.
    pub(super) is_object: bool,
    /// Whether nobody has asked for it.
    pub(super) unasked: bool,
    /// How the model draws its words, as the server knows it.
    pub(super) sampling: serde_json::Map<String, Json>,
    /// The most tokens of the prompt.
    most: Option<u64>,
    /// What the NPC has said last to the player, the oldest first.
    pub(super) last_lines: Vec<String>,
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
        let parameters: Json = serde_json::from_str(text(row, "parameters")).unwrap_or_default();
        let request = request_of(row);
        let span_ms = |ticks: u64| ticks.saturating_mul(u64::from(tick_ms)).min(DAY_MS);
        let deadline = now + Duration::from_millis(span_ms(number(row, "deadline").saturating_sub(tick)));
        let passed_ms = span_ms(tick.saturating_sub(number(row, "asked")));
        let budget_ms = is_given(row, "budget_ms").then(|| number(row, "budget_ms"));
        let margin = Duration::from_millis(tick_ms.into()) + ON_THE_WAY;
        let in_time = |until: Instant| until.checked_sub(margin).unwrap_or(now).max(now);
        let within = budget_ms
            .map(|budget_ms| now + Duration::from_millis(budget_ms.min(DAY_MS).saturating_sub(passed_ms)));
        // At the deadline the graph says the bark by itself, and takes the request back.
        let waits = parameters["late"] == true;
        let within = within.filter(|within| *within < deadline && !waits);
        let first = within.map_or(deadline + GRACE, in_time);
        let whole = in_time(deadline);
        Ask {
            player: id(row, "player"),
            tier: id(row, "tier"),
            max_tokens: number(row, "max_tokens").max(1),
            prompt_tokens: 0,
            prefix: 0,
            rank: rank(id(row, "priority")),
            budget_ms,
            until: Until { first, whole },
            seed: seed(&request),
            messages: messages.into(),
            known: ArcStr::new(),
            request,
            digest: text(row, "digest").into(),
            revision: text(row, "revision").into(),
            locale: text(row, "locale").into(),
            is_object: parameters["form"] == "object",
            unasked: parameters["unasked"] == true,
            sampling: parameters["sampling"].as_object().cloned().unwrap_or_default(),
            most: parameters["most"].as_u64(),
            last_lines: texts(&parameters["last"]),
        }
    }

    /// What of lore its prompt wants: what is asked, and how many pieces.
    pub(super) fn wants_lore(&self) -> Option<(String, usize)> {
        prompt::wants_lore(&self.messages)
    }

    /// Makes what is sent of its sections, for a context of so many tokens.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(super) fn render(&mut self, lore: &[String], context: Option<u64>) -> Result<(), String> {
        let room = context.map(|context| prompt::room(context, self.max_tokens));
        let rendered = prompt::render(&self.messages, lore, self.most, room)?;
        let first = rendered.messages.first().map(|(_, content)| content.as_str()).unwrap_or_default();
        (self.prefix, self.prompt_tokens) = (xxh3_64(first.as_bytes()), rendered.tokens());
        self.messages = rendered.json().into();
        self.known = rendered.known.into();
        Ok(())
    }

    /// What makes it the same question as another one, asked of the same tier; its own name if nothing does.
    pub(super) fn key(&self) -> ArcStr {
        if self.digest.is_empty() {
            self.request.clone()
        } else {
            format!("{}@{}", self.digest, self.tier).into()
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

/// What is said must be at the socket in time: it waits for a tick, and then takes about so long.
const ON_THE_WAY: Duration = Duration::from_millis(10);
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

fn texts(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
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
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::text(r#"{"form":"object","sampling":{"top_k":4},"last":["Aye."]}"#),
        ])
    }

    #[test]
    fn time_runs_from_the_tick_in_which_it_was_asked() {
        let now = Instant::now();
        let left = |asked, deadline, budget_ms| {
            let need = Ask::of(&row(asked, deadline, budget_ms, "normal"), 10, 10, now).need(now);
            (need.first_ms, need.whole_ms)
        };
        assert_eq!(left(10, 210, Value::Int(300)), (280, 1_980), "and an answer waits for a tick");
        assert_eq!(left(5, 205, Value::Int(300)), (230, 1_930));
        assert_eq!(left(5, 25, Value::Int(300)), (130, 130), "nothing is read after the deadline");
        assert_eq!(left(10, 210, Value::Null), (1_980, 1_980), "no hurry");
        assert_eq!(left(1, 5, Value::Int(300)), (0, 0));
        assert_eq!(left(1, i64::MAX, Value::Int(i64::MAX)).1, DAY_MS - 20);
    }

    #[test]
    fn at_the_deadline_it_is_the_graph_that_says_so() {
        let now = Instant::now();
        let until = |budget_ms| Ask::of(&row(10, 210, Value::Int(budget_ms), "normal"), 10, 10, now).until;
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!((until(300).first, until(300).whole), (at(280), at(1_980)));
        assert_eq!((until(2_000).first, until(2_000).whole), (at(2_000) + GRACE, at(1_980)));
    }

    #[test]
    fn a_row_says_what_is_asked() {
        let ask = |priority| {
            let mut ask = Ask::of(&row(1, 9, Value::Null, priority), 1, 10, Instant::now());
            ask.render(&[], None).expect("a prompt");
            ask
        };
        let first = ask("critical");
        assert_eq!(
            (first.tier, first.max_tokens, first.prompt_tokens, first.rank),
            (Sym::NONE, 48, 5 + 8, 0)
        );
        assert_eq!(["high", "normal", "low", "?"].map(|priority| ask(priority).rank), [1, 2, 3, 2]);
        assert_eq!(first.seed, ask("low").seed, "asked again it is the same");
        assert_eq!((first.prefix, first.key().as_str()), (ask("low").prefix, "smith/ada/1"));
        assert!(
            first.is_object && !first.unasked && first.sampling["top_k"] == 4 && first.last_lines == ["Aye."]
        );
        let digest = Ask { digest: "d1".into(), tier: Sym::new("gold"), ..first };
        assert_eq!(digest.key(), "d1@gold");
    }
}
