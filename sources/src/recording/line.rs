//! worldflow's own lines: one input as one JSON object.
//!
//! `{"at", "id"?, "player"?, "kind", "target"?, "amount"?, "region"?, "with"?}` is an event.
//! `{"at", "presence": {player, server?, region?, instance?}}`,
//! `{"at", "membership": {player, scope, group?}}`, `{"at", "fact": {scope?, holder?, fact, set | add}}`,
//! `{"at", "clock": ...}` and `{"at", "grant": {grant, delivered, reason?}}` are the other inputs a
//! script may hold. `at` is RFC 3339 or integer milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use worldflow_schemas::input::{
    ClockCommand, FactChange, FactWrite, GrantAnswer, Holder, MembershipWrite, PresenceWrite, Scope,
    WriteOrder,
};
use worldflow_schemas::{Command, Event, EventId, Sym, Value};

use super::{BadLine, Block, Dated};

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: At,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    player: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    with: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    presence: Option<Presence>,
    #[serde(default)]
    membership: Option<Membership>,
    #[serde(default)]
    fact: Option<Fact>,
    #[serde(default)]
    clock: Option<ClockCommand>,
    #[serde(default)]
    grant: Option<Grant>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum At {
    Ms(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presence {
    player: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    instance: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    player: String,
    scope: Scope,
    #[serde(default)]
    group: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    #[serde(default)]
    scope: Scope,
    holder: String,
    fact: String,
    #[serde(default)]
    set: Option<serde_json::Value>,
    #[serde(default)]
    add: Option<serde_json::Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    grant: String,
    delivered: bool,
    #[serde(default)]
    reason: String,
}

/// Reads one line into `block`; what is wrong becomes a [`BadLine`].
pub(super) fn read(source: Sym, number: u64, text: &str, block: &mut Block) {
    let mut bad = |code, reason: String, hint: &str| {
        block.bad.push(BadLine { line: number, code, reason, hint: hint.to_owned() });
    };
    let line: Line = match serde_json::from_str(text) {
        Ok(line) => line,
        Err(error) => {
            let hint = "a line is one JSON object with `at` and `kind`; other layouts need a mapping";
            return bad("bad_line", error.to_string(), hint);
        }
    };
    let at_ms = match &line.at {
        At::Ms(ms) => *ms,
        At::Text(text) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => at.as_millisecond(),
            Err(error) => {
                return bad("bad_time", error.to_string(), "write RFC 3339 or integer milliseconds");
            }
        },
    };
    if let Some(text) = too_long(&line) {
        return bad("too_long", format!("`{text}` is longer than 64 bytes"), "ids are at most 64 bytes");
    }
    let id = match &line.id {
        Some(id) => EventId::Named(id.as_str().into()),
        None => EventId::Position(number),
    };
    let order = WriteOrder { at_ms, source, id: id.clone() };
    let commands = match commands(&line, &order) {
        Ok(commands) => commands,
        Err(reason) => return bad("bad_line", reason, "give exactly one of `set` and `add`"),
    };
    match (line.kind.as_deref(), commands) {
        (Some(kind), commands) if commands.is_empty() => match event(&line, kind, order) {
            Ok(event) => block.events.push(event),
            Err(name) => bad(
                "bad_attribute",
                format!("`{name}` is not a scalar"),
                "give a number, text or truth value",
            ),
        },
        (None, mut commands) if commands.len() == 1 => {
            let command = commands.pop().expect("the length is 1");
            block.commands.push(Dated { at_ms, source, id, command });
        }
        _ => bad(
            "bad_line",
            "a line is exactly one input".to_owned(),
            "give one of `kind`, `presence`, `membership`, `fact`, `clock`, `grant`",
        ),
    }
}

fn too_long(line: &Line) -> Option<&str> {
    let ids = [&line.id, &line.player, &line.kind, &line.target, &line.region];
    ids.into_iter().flatten().map(String::as_str).find(|text| text.len() > 64)
}

fn event(line: &Line, kind: &str, order: WriteOrder) -> Result<Event, String> {
    let mut with = Vec::with_capacity(line.with.len());
    for (name, json) in &line.with {
        with.push((Sym::new(name), Value::from_json(json).ok_or_else(|| name.clone())?));
    }
    let sym = |text: &Option<String>| text.as_deref().map_or(Sym::NONE, Sym::new);
    Ok(Event {
        at_ms: order.at_ms,
        source: order.source,
        id: order.id,
        player: sym(&line.player),
        kind: Sym::new(kind),
        target: sym(&line.target),
        region: sym(&line.region),
        amount: line.amount.unwrap_or(1),
        with: (!with.is_empty()).then(|| Arc::from(with)),
    })
}

fn commands(line: &Line, order: &WriteOrder) -> Result<Vec<Command>, String> {
    let mut commands = Vec::new();
    if let Some(p) = &line.presence {
        commands.push(Command::Presence(PresenceWrite {
            order: order.clone(),
            player: Sym::new(&p.player),
            server: Sym::new(&p.server),
            region: Sym::new(&p.region),
            instance: Sym::new(&p.instance),
        }));
    }
    if let Some(m) = &line.membership {
        commands.push(Command::Membership(MembershipWrite {
            order: order.clone(),
            player: Sym::new(&m.player),
            scope: m.scope,
            group: Sym::new(&m.group),
        }));
    }
    if let Some(f) = &line.fact {
        let value =
            |json: &serde_json::Value| Value::from_json(json).ok_or("a fact holds a scalar".to_owned());
        let change = match (&f.set, &f.add) {
            (Some(set), None) => FactChange::Set(value(set)?),
            (None, Some(add)) => FactChange::Add(value(&serde_json::Value::Number(add.clone()))?),
            _ => return Err("a fact is either set or added to".to_owned()),
        };
        let holder = Holder { scope: f.scope, id: Sym::new(&f.holder) };
        commands.push(Command::Fact(FactWrite {
            order: order.clone(),
            holder,
            fact: Sym::new(&f.fact),
            change,
        }));
    }
    if let Some(clock) = &line.clock {
        commands.push(Command::Clock(clock.clone()));
    }
    if let Some(g) = &line.grant {
        commands.push(Command::GrantAnswer(GrantAnswer {
            grant: Sym::new(&g.grant),
            delivered: g.delivered,
            reason: g.reason.as_str().into(),
        }));
    }
    Ok(commands)
}
