//! A mapping, ready: lines to events.
//!
//! It keeps what one pass over a file needs (the streams and players seen) in a [`Pass`], so that the
//! same mapping can read many files. [`super::map_check`] makes it of a file that has no problem.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use worldflow_engine::admission::Refusal;
use worldflow_schemas::input::{PresenceWrite, WriteOrder};
use worldflow_schemas::{Command, Event, EventId, Sym, Value};

use super::envelope::{EnvelopeDef, object};
use super::line;
use super::map_expr::{Checked, Fields, Line, field, holds, text, value};
use super::{BadLine, Block, Dated};
use crate::check::{Field, at_ms, holder_text, id_text, intern, refuse};

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    pub(super) source: Sym,
    pub(super) id: Option<Checked>,
    pub(super) envelope: Option<EnvelopeDef>,
    pub(super) streams: Option<Streams>,
    pub(super) time_field: String,
    pub(super) per_second: i64,
    pub(super) skip_if: Vec<Fields>,
    /// Server, region and instance.
    pub(super) presence: Option<[Option<Checked>; 3]>,
    pub(super) rules: Vec<Rule>,
}

/// Streams whose times each begin anew.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) by: Checked,
    pub(super) start_ms: i64,
    pub(super) spacing_ms: i64,
}

/// What makes an event of a line.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) when: Fields,
    pub(super) needs: Vec<String>,
    pub(super) kind: Checked,
    pub(super) player: Option<Checked>,
    pub(super) target: Option<Checked>,
    pub(super) amount: Option<Checked>,
    pub(super) region: Option<Checked>,
    pub(super) attributes: Vec<(Sym, Checked)>,
    pub(super) leaves: bool,
}

/// What one pass over a file or a stream has seen.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    streams: FxHashMap<String, i64>,
    players: FxHashMap<Sym, Option<[Sym; 3]>>,
}

impl Mapping {
    /// The producer's name.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.source
    }

    /// Whether times begin anew in streams of lines, so that all of them must be read in one pass.
    #[must_use]
    pub fn has_streams(&self) -> bool {
        self.streams.is_some()
    }

    /// Opens a line and maps it, as [`Mapping::map`].
    pub(crate) fn read(&self, number: u64, bytes: &[u8], pass: &mut Pass, block: &mut Block) {
        let line = match self.envelope {
            Some(envelope) => envelope.open(bytes),
            None => object("", bytes),
        };
        match line {
            Ok(line) => self.map(number, &line, pass, block),
            Err(refusal) => block.bad.push(BadLine::new(number, refusal)),
        }
    }

    /// Maps one line into `block`. A line of which a part is wrong contributes nothing but a
    /// [`BadLine`].
    pub(super) fn map(&self, number: u64, line: &Line, pass: &mut Pass, block: &mut Block) {
        if self.skip_if.iter().any(|fields| holds(fields, line)) {
            block.skipped += 1;
            return;
        }
        let before = (block.events.len(), block.commands.len());
        if let Err(refusal) = self.map_rules(number, line, pass, block) {
            block.events.truncate(before.0);
            block.commands.truncate(before.1);
            block.bad.push(BadLine::new(number, refusal));
        }
    }

    fn map_rules(&self, number: u64, line: &Line, pass: &mut Pass, block: &mut Block) -> Result<(), Refusal> {
        let at_ms = self.time(line, pass)?;
        let ids_per_line = 2 * self.rules.len() as u64;
        let name = self.name(line)?;
        let mut applied = 0;
        for (place, rule) in self.rules.iter().enumerate() {
            let there = rule.needs.iter().all(|name| !field(line, name).is_null());
            if !there || !holds(&rule.when, line) {
                continue;
            }
            applied += 1;
            let first_id = number * ids_per_line + 2 * place as u64;
            let ids = Ids::of(name.as_deref(), applied, first_id);
            let player = id("player", rule.player.as_ref(), line, holder_text)?;
            self.place(player, at_ms, &ids.of_write, line, pass, block)?;
            let kind = id("kind", Some(&rule.kind), line, id_text)?;
            if kind.is_none() {
                let hint = "give the rule an `if`, or the lookup an `else`";
                return Err(refuse("missing_kind", "kind", "the line has no kind", hint));
            }
            block.events.push(Event {
                at_ms,
                source: self.source,
                id: ids.of_event,
                player,
                kind,
                target: id("target", rule.target.as_ref(), line, id_text)?,
                region: id("region", rule.region.as_ref(), line, id_text)?,
                amount: amount(rule.amount.as_ref(), line)?,
                with: attributes(&rule.attributes, line)?,
            });
            if rule.leaves && !player.is_none() && pass.players.insert(player, None) != Some(None) {
                block.commands.push(presence(self.source, ids.of_write, at_ms, player, [Sym::NONE; 3]));
            }
        }
        if applied > 0 {
            return Ok(());
        }
        let reason = "no rule of the mapping applies to the line";
        Err(refuse("no_rule", "", reason, "add a rule, or a `skip_if`"))
    }

    /// What names the events of a line.
    fn name(&self, line: &Line) -> Result<Option<String>, Refusal> {
        let Some(id) = &self.id else { return Ok(None) };
        match text(id, line).filter(|name| !name.is_empty()) {
            Some(name) => id_text("id", &name).map(|_| Some(name.clone())),
            None => {
                let hint = "every line has what the mapping's `id` is made of";
                Err(refuse("missing_id", "id", "the line has no id", hint))
            }
        }
    }

    fn time(&self, line: &Line, pass: &mut Pass) -> Result<i64, Refusal> {
        let found = field(line, &self.time_field);
        let bad = || {
            let hint = "a time is RFC 3339 text or a number of the mapping's units";
            refuse("bad_time", self.time_field.clone(), format!("`{}` is not a time", self.time_field), hint)
        };
        let Some(Streams { by, start_ms, spacing_ms }) = &self.streams else {
            let found = match found.as_str() {
                Some(text) => Field::Text(text.into()),
                None => Field::Int(self.units(found).ok_or_else(bad)?),
            };
            return at_ms(&found, None);
        };
        let offset = self.units(found).ok_or_else(bad)?;
        let Some(stream) = text(by, line) else {
            let reason = "the line belongs to no stream";
            return Err(refuse("no_stream", "", reason, "add a `skip_if` for such lines"));
        };
        let next = i64::try_from(pass.streams.len()).unwrap_or(i64::MAX);
        let place = *pass.streams.entry(stream).or_insert(next);
        let found = place
            .checked_mul(*spacing_ms)
            .and_then(|ms| ms.checked_add(*start_ms))
            .and_then(|ms| ms.checked_add(offset))
            .ok_or_else(bad)?;
        at_ms(&Field::Int(found), None)
    }

    /// Whole milliseconds of a number of the time field's units, rounded down.
    fn units(&self, found: &Json) -> Option<i64> {
        let millionths = Value::from_json(found)?.as_millionths()?;
        i64::try_from((millionths * 1000).div_euclid(i128::from(self.per_second) * 1_000_000)).ok()
    }

    fn place(
        &self,
        player: Sym,
        at_ms: i64,
        id_of_write: &EventId,
        line: &Line,
        pass: &mut Pass,
        block: &mut Block,
    ) -> Result<(), Refusal> {
        let Some([server, region, instance]) = &self.presence else { return Ok(()) };
        if player.is_none() || pass.players.get(&player) == Some(&None) {
            return Ok(());
        }
        let now = [
            id("presence.server", server.as_ref(), line, id_text)?,
            id("presence.region", region.as_ref(), line, id_text)?,
            id("presence.instance", instance.as_ref(), line, holder_text)?,
        ];
        if pass.players.insert(player, Some(now)) != Some(Some(now)) {
            block.commands.push(presence(self.source, id_of_write.clone(), at_ms, player, now));
        }
        Ok(())
    }
}

/// The ids of an event and of the write beside it.
struct Ids {
    of_event: EventId,
    of_write: EventId,
}

impl Ids {
    /// Of the n-th event of a line: by the line's name, or else by its place.
    fn of(name: Option<&str>, nth: usize, first: u64) -> Ids {
        let named = |name: String| EventId::Named(name.into());
        match (name, nth) {
            (Some(name), 1) => {
                Ids { of_event: named(name.to_owned()), of_write: named(format!("{name}/at")) }
            }
            (Some(name), _) => {
                Ids { of_event: named(format!("{name}/{nth}")), of_write: named(format!("{name}/{nth}/at")) }
            }
            (None, _) => Ids { of_event: EventId::Position(first + 1), of_write: EventId::Position(first) },
        }
    }
}

fn presence(source: Sym, id: EventId, at_ms: i64, player: Sym, place: [Sym; 3]) -> Dated {
    let [server, region, instance] = place;
    let order = WriteOrder { at_ms, source, id: id.clone() };
    let write = PresenceWrite { order, player, server, region, instance };
    Dated { at_ms, source, id, command: Command::Presence(write) }
}

/// An id, checked as it would be in a frame; absent when the expression is.
fn id(
    path: &str,
    expr: Option<&Checked>,
    line: &Line,
    check: for<'t> fn(&str, &'t str) -> Result<&'t str, Refusal>,
) -> Result<Sym, Refusal> {
    match expr.and_then(|expr| text(expr, line)) {
        Some(text) => intern(check(path, &text)?),
        None => Ok(Sym::NONE),
    }
}

fn amount(expr: Option<&Checked>, line: &Line) -> Result<i64, Refusal> {
    let Some(expr) = expr else { return Ok(1) };
    let found = value(expr, line);
    let whole = || found.as_i64().or_else(|| found.as_str()?.parse().ok());
    match found.as_ref() {
        Json::Null => Ok(1),
        _ => whole().ok_or_else(|| {
            let reason = format!("{} is not an amount", crate::check::quote(&found.to_string()));
            refuse("wrong_type", "amount", reason, "it must be a whole number, at least 1")
        }),
    }
}

fn attributes(exprs: &[(Sym, Checked)], line: &Line) -> Result<Option<Arc<[(Sym, Value)]>>, Refusal> {
    let mut with = Vec::with_capacity(exprs.len());
    for (name, expr) in exprs {
        let found = value(expr, line);
        let found = match found.as_ref() {
            Json::Null => Field::Absent,
            Json::Bool(value) => Field::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Field::Int(value),
                None => Field::Dec(number.as_f64().unwrap_or(f64::INFINITY)),
            },
            Json::String(text) => Field::Text(text.into()),
            Json::Array(_) | Json::Object(_) => Field::Nested,
        };
        if let Some(value) = line::value(&format!("with.{name}"), &found)? {
            with.push((*name, value));
        }
    }
    Ok((!with.is_empty()).then(|| with.into()))
}

#[cfg(test)]
mod tests;
