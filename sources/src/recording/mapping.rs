//! A mapping, checked and ready: lines to events.
//!
//! It keeps what one pass over a file needs (the streams and players seen) in a [`Pass`], so that the
//! same mapping can read many files.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use worldflow_schemas::definitions::{Test, TestRange};
use worldflow_schemas::input::{PresenceWrite, WriteOrder};
use worldflow_schemas::{Command, Event, EventId, Sym, Value};

use super::map_def::{Expr, GridDef, LookupDef, MapDef, PresenceDef, Rule, StreamsDef};
use super::{BadLine, Block, Dated};

/// A problem of a mapping file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}\nhint: {hint}")]
pub struct MapProblem {
    /// Where in the file, as a path: `events[2].player`.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    source: Sym,
    streams: Option<(Checked, i64, i64)>,
    time_field: String,
    per_second: i64,
    skip_if: Vec<Fields>,
    presence: Option<[Option<Checked>; 3]>,
    rules: Vec<RuleChecked>,
}

type Fields = Vec<(String, Test)>;
type Line = Map<String, Json>;

#[derive(Debug)]
struct RuleChecked {
    when: Fields,
    needs: Vec<String>,
    kind: Checked,
    player: Option<Checked>,
    target: Option<Checked>,
    amount: Option<Checked>,
    region: Option<Checked>,
    attributes: Vec<(Sym, Checked)>,
    leaves: bool,
}

/// One checked expression.
#[derive(Debug)]
enum Checked {
    Literal(Json),
    Field(String),
    Template(Vec<Part>),
    Lookup(LookupDef),
    Grid(GridDef),
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field(String),
}

/// What one pass over a file has seen.
#[derive(Debug, Default)]
pub(super) struct Pass {
    streams: FxHashMap<String, i64>,
    players: FxHashMap<Sym, Option<[Sym; 3]>>,
}

struct Problems(Vec<MapProblem>);

impl Problems {
    fn add(&mut self, path: String, reason: impl Into<String>, hint: impl Into<String>) {
        self.0.push(MapProblem { path, reason: reason.into(), hint: hint.into() });
    }
}

impl Mapping {
    /// Checks a mapping file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(def: &MapDef) -> Result<Mapping, Vec<MapProblem>> {
        let mut problems = Problems(Vec::new());
        if def.source.is_empty() || def.source.len() > 64 {
            problems.add("source".into(), "a source has a name of 1 to 64 bytes", "name the producer");
        }
        if def.time.per_second == 0 {
            problems.add("time.per_second".into(), "must be at least 1", "leave it out for milliseconds");
        }
        if def.events.is_empty() {
            problems.add("events".into(), "no rule makes an event", "add a rule with a `kind`");
        }
        let streams = def.streams.as_ref().and_then(|streams| check_streams(streams, &mut problems));
        let presence = def.presence.as_ref().map(|presence| check_presence(presence, &mut problems));
        let rules =
            def.events.iter().enumerate().map(|(at, rule)| check_rule(at, rule, &mut problems)).collect();
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Mapping {
            source: Sym::new(&def.source),
            streams,
            time_field: def.time.field.clone(),
            per_second: i64::from(def.time.per_second),
            skip_if: def.skip_if.iter().map(fields).collect(),
            presence,
            rules,
        })
    }

    /// The producer's name.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.source
    }

    /// Maps one line into `block`. A line of which a part is wrong contributes nothing but a
    /// [`BadLine`].
    pub(super) fn map(&self, number: u64, line: &Line, pass: &mut Pass, block: &mut Block) {
        if self.skip_if.iter().any(|fields| holds(fields, line)) {
            block.skipped += 1;
            return;
        }
        let before = (block.events.len(), block.commands.len());
        if let Err((code, reason, hint)) = self.map_rules(number, line, pass, block) {
            block.events.truncate(before.0);
            block.commands.truncate(before.1);
            block.bad.push(BadLine { line: number, code, reason, hint });
        }
    }

    fn map_rules(&self, number: u64, line: &Line, pass: &mut Pass, block: &mut Block) -> Result<(), Wrong> {
        let at_ms = self.time(line, pass)?;
        let ids_per_line = 2 * self.rules.len() as u64;
        let mut applied = false;
        for (place, rule) in self.rules.iter().enumerate() {
            let there = rule.needs.iter().all(|name| !field(line, name).is_null());
            if !there || !holds(&rule.when, line) {
                continue;
            }
            applied = true;
            let first_id = number * ids_per_line + 2 * place as u64;
            let player = sym(rule.player.as_ref(), line)?;
            self.place(player, at_ms, first_id, line, pass, block)?;
            let kind = sym(Some(&rule.kind), line)?;
            if kind.is_none() {
                return Err(wrong(
                    "no_kind",
                    "the line has no kind",
                    "give the rule an `if`, or the lookup an `else`",
                ));
            }
            block.events.push(Event {
                at_ms,
                source: self.source,
                id: EventId::Position(first_id + 1),
                player,
                kind,
                target: sym(rule.target.as_ref(), line)?,
                region: sym(rule.region.as_ref(), line)?,
                amount: amount(rule.amount.as_ref(), line)?,
                with: attributes(&rule.attributes, line)?,
            });
            if rule.leaves && !player.is_none() && pass.players.insert(player, None) != Some(None) {
                let id = EventId::Position(first_id);
                block.commands.push(presence(self.source, id, at_ms, player, [Sym::NONE; 3]));
            }
        }
        if applied {
            Ok(())
        } else {
            Err(wrong("no_rule", "no rule of the mapping applies to the line", "add a rule, or a `skip_if`"))
        }
    }

    fn time(&self, line: &Line, pass: &mut Pass) -> Result<i64, Wrong> {
        let found = field(line, &self.time_field);
        let bad = || {
            wrong(
                "bad_time",
                format!("`{}` is not a time", self.time_field),
                "a time is RFC 3339 text or a number of the mapping's units",
            )
        };
        let Some((by, start_ms, spacing_ms)) = &self.streams else {
            if let Some(text) = found.as_str() {
                return text
                    .parse::<jiff::Timestamp>()
                    .map(jiff::Timestamp::as_millisecond)
                    .map_err(|_| bad());
            }
            return self.units(found).ok_or_else(bad);
        };
        let offset = self.units(found).ok_or_else(bad)?;
        let stream = text(by, line).ok_or_else(|| {
            wrong("no_stream", "the line belongs to no stream", "add a `skip_if` for such lines")
        })?;
        let next = i64::try_from(pass.streams.len()).unwrap_or(i64::MAX);
        let place = *pass.streams.entry(stream).or_insert(next);
        place
            .checked_mul(*spacing_ms)
            .and_then(|ms| ms.checked_add(*start_ms))
            .and_then(|ms| ms.checked_add(offset))
            .ok_or_else(bad)
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
        id: u64,
        line: &Line,
        pass: &mut Pass,
        block: &mut Block,
    ) -> Result<(), Wrong> {
        let Some(places) = &self.presence else { return Ok(()) };
        if player.is_none() || pass.players.get(&player) == Some(&None) {
            return Ok(());
        }
        let mut now = [Sym::NONE; 3];
        for (slot, place) in now.iter_mut().zip(places) {
            *slot = sym(place.as_ref(), line)?;
        }
        if pass.players.insert(player, Some(now)) != Some(Some(now)) {
            block.commands.push(presence(self.source, EventId::Position(id), at_ms, player, now));
        }
        Ok(())
    }
}

type Wrong = (&'static str, String, String);

fn wrong(code: &'static str, reason: impl Into<String>, hint: impl Into<String>) -> Wrong {
    (code, reason.into(), hint.into())
}

fn presence(source: Sym, id: EventId, at_ms: i64, player: Sym, place: [Sym; 3]) -> Dated {
    let [server, region, instance] = place;
    let order = WriteOrder { at_ms, source, id: id.clone() };
    let write = PresenceWrite { order, player, server, region, instance };
    Dated { at_ms, source, id, command: Command::Presence(write) }
}

fn check_streams(def: &StreamsDef, problems: &mut Problems) -> Option<(Checked, i64, i64)> {
    if def.spacing.world {
        let hint = "leave out `world`";
        problems.add("streams.spacing".into(), "streams are spaced in real time", hint);
    }
    let by = check_expr("streams.by", &def.by, problems);
    let start = match def.start.parse::<jiff::Timestamp>() {
        Ok(start) => Some(start.as_millisecond()),
        Err(error) => {
            let hint = "write for example `2024-01-01T00:00:00Z`";
            problems.add("streams.start".into(), error.to_string(), hint);
            None
        }
    };
    Some((by, start?, i64::try_from(def.spacing.ms).ok()?))
}

fn check_presence(def: &PresenceDef, problems: &mut Problems) -> [Option<Checked>; 3] {
    [("server", &def.server), ("region", &def.region), ("instance", &def.instance)]
        .map(|(name, expr)| expr.as_ref().map(|expr| check_expr(&format!("presence.{name}"), expr, problems)))
}

fn check_rule(at: usize, rule: &Rule, problems: &mut Problems) -> RuleChecked {
    let mut part = |name: &str, expr: &Option<Expr>| {
        expr.as_ref().map(|expr| check_expr(&format!("events[{at}].{name}"), expr, problems))
    };
    let player = part("player", &rule.player);
    let target = part("target", &rule.target);
    let amount = part("amount", &rule.amount);
    let region = part("region", &rule.region);
    let kind = check_expr(&format!("events[{at}].kind"), &rule.kind, problems);
    let attributes = rule
        .attributes
        .iter()
        .map(|(name, expr)| {
            (Sym::new(name), check_expr(&format!("events[{at}].with.{name}"), expr, problems))
        })
        .collect();
    let when = fields(&rule.when);
    let needs = rule.needs.clone();
    RuleChecked { when, needs, kind, player, target, amount, region, attributes, leaves: rule.leaves }
}

fn fields(def: &BTreeMap<String, Test>) -> Fields {
    def.iter().map(|(name, test)| (name.clone(), test.clone())).collect()
}

fn check_expr(path: &str, expr: &Expr, problems: &mut Problems) -> Checked {
    match expr {
        Expr::Template(template) => check_template(path, template, problems),
        Expr::Literal(literal) => {
            if literal.is_object() || literal.is_array() {
                problems.add(
                    path.to_owned(),
                    "neither a template, a scalar, a lookup nor a grid",
                    "a lookup is `{from: field, map: {a: b}}`, a grid `{grid: {x, y, columns, rows, names}}`",
                );
            }
            Checked::Literal(literal.clone())
        }
        Expr::Lookup(def) => Checked::Lookup(def.clone()),
        Expr::Grid { grid } => {
            let ascending = |cuts: &[i64]| cuts.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending(&grid.columns) || !ascending(&grid.rows) {
                problems.add(format!("{path}.grid"), "the cuts are not ascending", "sort them");
            }
            let shape = |names: &Vec<String>| names.len() == grid.columns.len() + 1;
            if grid.names.len() != grid.rows.len() + 1 || !grid.names.iter().all(shape) {
                problems.add(
                    format!("{path}.grid.names"),
                    format!("{} rows of {} names are needed", grid.rows.len() + 1, grid.columns.len() + 1),
                    "n cuts make n + 1 rows or columns",
                );
            }
            Checked::Grid(grid.clone())
        }
    }
}

fn check_template(path: &str, template: &str, problems: &mut Problems) -> Checked {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else {
            problems.add(
                path.to_owned(),
                format!("`{template}` has a `{{` without a `}}`"),
                "close the brace",
            );
            return Checked::Template(parts);
        };
        if open > 0 {
            parts.push(Part::Text(rest[..open].to_owned()));
        }
        let name = rest[open + 1..open + close].trim();
        if name.is_empty() {
            problems.add(
                path.to_owned(),
                format!("`{template}` names no field"),
                "write for example `{pid}`",
            );
        }
        parts.push(Part::Field(name.to_owned()));
        rest = &rest[open + close + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    match parts.as_slice() {
        [Part::Field(name)] => Checked::Field(name.clone()),
        _ => Checked::Template(parts),
    }
}

static NULL: Json = Json::Null;

/// A field of a line; dots lead into objects.
fn field<'a>(line: &'a Line, name: &str) -> &'a Json {
    if let Some(found) = line.get(name) {
        return found;
    }
    let mut parts = name.split('.');
    let first = parts.next().and_then(|part| line.get(part));
    first.and_then(|first| parts.try_fold(first, |at, part| at.get(part))).unwrap_or(&NULL)
}

fn holds(fields: &Fields, line: &Line) -> bool {
    fields.iter().all(|(name, test)| test_holds(test, field(line, name)))
}

fn test_holds(test: &Test, found: &Json) -> bool {
    let range = match test {
        Test::Is(wanted) => return same(found, wanted),
        Test::Range(range) => range,
    };
    let TestRange { at_least, at_most, above, below, is, is_not, one_of } = range;
    let compare = |bound: &Option<serde_json::Number>, wanted: fn(std::cmp::Ordering) -> bool| {
        let Some(bound) = bound else { return true };
        let both = (Value::from_json(found), Value::from_json(&Json::Number(bound.clone())));
        match both {
            (Some(found), Some(bound)) if found.as_millionths().is_some() => {
                found.compare(&bound).is_some_and(wanted)
            }
            _ => false,
        }
    };
    compare(at_least, std::cmp::Ordering::is_ge)
        && compare(at_most, std::cmp::Ordering::is_le)
        && compare(above, std::cmp::Ordering::is_gt)
        && compare(below, std::cmp::Ordering::is_lt)
        && is.as_ref().is_none_or(|wanted| same(found, wanted))
        && is_not.as_ref().is_none_or(|unwanted| !same(found, unwanted))
        && one_of.as_ref().is_none_or(|list| list.iter().any(|wanted| same(found, wanted)))
}

fn same(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Number(found), Json::Number(wanted)) => {
            found == wanted
                || found.as_f64().zip(wanted.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
        }
        _ => found == wanted,
    }
}

fn value<'a>(expr: &'a Checked, line: &'a Line) -> std::borrow::Cow<'a, Json> {
    use std::borrow::Cow;
    match expr {
        Checked::Literal(literal) => Cow::Borrowed(literal),
        Checked::Field(name) => Cow::Borrowed(field(line, name)),
        Checked::Template(_) | Checked::Lookup(_) | Checked::Grid(_) => {
            Cow::Owned(text(expr, line).map_or(Json::Null, Json::String))
        }
    }
}

fn scalar_text(found: &Json) -> Option<String> {
    match found {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn text(expr: &Checked, line: &Line) -> Option<String> {
    match expr {
        Checked::Literal(literal) => scalar_text(literal),
        Checked::Field(name) => scalar_text(field(line, name)),
        Checked::Template(parts) => {
            let mut out = String::new();
            for part in parts {
                match part {
                    Part::Text(text) => out.push_str(text),
                    Part::Field(name) => out.push_str(&scalar_text(field(line, name))?),
                }
            }
            Some(out)
        }
        Checked::Lookup(LookupDef { from, map, otherwise }) => {
            let found = scalar_text(field(line, from));
            found.and_then(|found| map.get(&found)).or(otherwise.as_ref()).cloned()
        }
        Checked::Grid(grid) => {
            let cell = |name: &str, cuts: &[i64]| {
                let at = Value::from_json(field(line, name))?.as_millionths()?;
                Some(cuts.partition_point(|cut| i128::from(*cut) * 1_000_000 <= at))
            };
            let (column, row) = (cell(&grid.x, &grid.columns)?, cell(&grid.y, &grid.rows)?);
            grid.names.get(row)?.get(column).cloned()
        }
    }
}

fn sym(expr: Option<&Checked>, line: &Line) -> Result<Sym, Wrong> {
    let Some(text) = expr.and_then(|expr| text(expr, line)) else { return Ok(Sym::NONE) };
    if text.len() > 64 {
        return Err(wrong(
            "too_long",
            format!("`{text}` is longer than 64 bytes"),
            "ids are at most 64 bytes",
        ));
    }
    Sym::try_new(&text).ok_or_else(|| wrong("too_many_ids", "the table of ids is full", "use fewer ids"))
}

fn amount(expr: Option<&Checked>, line: &Line) -> Result<i64, Wrong> {
    let Some(expr) = expr else { return Ok(1) };
    let found = value(expr, line);
    let whole = || found.as_i64().or_else(|| found.as_str()?.parse().ok());
    match found.as_ref() {
        Json::Null => Ok(1),
        _ => whole().ok_or_else(|| {
            wrong("bad_amount", format!("`{found}` is not an amount"), "an amount is a whole number")
        }),
    }
}

fn attributes(exprs: &[(Sym, Checked)], line: &Line) -> Result<Option<Arc<[(Sym, Value)]>>, Wrong> {
    let mut with = Vec::with_capacity(exprs.len());
    for (name, expr) in exprs {
        match Value::from_json(&value(expr, line)) {
            Some(Value::Null) => {}
            Some(value) => with.push((*name, value)),
            None => {
                return Err(wrong(
                    "bad_attribute",
                    format!("`{name}` is not a scalar"),
                    "an attribute is a number, text or truth value",
                ));
            }
        }
    }
    Ok((!with.is_empty()).then(|| with.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> Mapping {
        let def = serde_json::json!({
            "source": "matches",
            "streams": {"by": "{match}", "start": "2024-01-01T00:00:00Z", "spacing": "30m"},
            "time": {"field": "frame", "per_second": 16},
            "skip_if": [{"type": "Noise"}],
            "presence": {"server": "recording", "instance": "{match}"},
            "events": [
                {"if": {"type": "Died"}, "needs": ["killer"], "kind": "kill",
                 "player": "{match}:{killer}", "target": "{unit}",
                 "region": {"grid": {"x": "x", "y": "y", "columns": [80], "rows": [80],
                                     "names": [["sw", "se"], ["nw", "ne"]]}}},
                {"if": {"type": "Died"}, "kind": "loss", "player": "{match}:{owner}", "target": "{unit}"},
                {"if": {"type": {"one_of": ["Stats"]}}, "kind": {"from": "type", "map": {"Stats": "stats"}},
                 "player": "{match}:{pid}", "with": {"minerals": "{minerals}"}},
                {"if": {"type": "Leave"}, "kind": "leave", "player": "{match}:{pid}", "leaves": true}
            ]
        });
        let def: MapDef = serde_json::from_value(def).unwrap();
        Mapping::check(&def).unwrap()
    }

    fn run(lines: &[serde_json::Value]) -> Block {
        let (mapping, mut pass, mut block) = (mapping(), Pass::default(), Block::default());
        for (number, line) in (1..).zip(lines) {
            mapping.map(number, line.as_object().unwrap(), &mut pass, &mut block);
        }
        block
    }

    #[test]
    fn a_death_is_a_kill_and_a_loss_and_each_player_is_placed_once() {
        let died = serde_json::json!({"type": "Died", "unit": "Zergling", "killer": 1, "owner": 2,
                                      "x": 80, "y": 12, "match": "m", "frame": 24});
        let block = run(&[died.clone(), died]);
        let seen: Vec<_> = block
            .events
            .iter()
            .map(|e| (e.kind.as_str(), e.player.as_str(), e.region.as_str(), e.id.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("kill", "m:1", "se", EventId::Position(9)),
                ("loss", "m:2", "", EventId::Position(11)),
                ("kill", "m:1", "se", EventId::Position(17)),
                ("loss", "m:2", "", EventId::Position(19)),
            ]
        );
        assert_eq!(block.commands.len(), 2, "one presence for each player");
        let start = "2024-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(block.events[0].at_ms, start + 1500);
    }

    #[test]
    fn streams_begin_apart_and_a_missing_player_is_nobody() {
        let block = run(&[
            serde_json::json!({"type": "Died", "unit": "Rock", "match": "a", "frame": 0}),
            serde_json::json!({"type": "Stats", "pid": 1, "minerals": 50, "match": "b", "frame": 0}),
        ]);
        assert!(block.events[0].player.is_none());
        assert_eq!(block.events[1].at_ms - block.events[0].at_ms, 30 * 60 * 1000);
        assert_eq!(block.events[1].attribute("minerals".into()), Some(&Value::Int(50)));
    }

    #[test]
    fn wrong_lines_are_reported_and_noise_is_left_out() {
        let long = "x".repeat(65);
        let block = run(&[
            serde_json::json!({"type": "Noise"}),
            serde_json::json!({"type": "Unheard", "match": "a", "frame": 0}),
            serde_json::json!({"type": "Stats", "match": "a", "frame": "soon"}),
            serde_json::json!({"type": "Died", "unit": long, "match": "a", "frame": 0, "killer": 1}),
            serde_json::json!({"type": "Stats", "match": "a", "frame": 9, "minerals": [1]}),
        ]);
        let codes: Vec<_> = block.bad.iter().map(|bad| (bad.line, bad.code)).collect();
        assert_eq!(codes, [(2, "no_rule"), (3, "bad_time"), (4, "too_long"), (5, "bad_attribute")]);
        assert_eq!((block.events.len(), block.skipped), (0, 1));
    }

    #[test]
    fn a_player_who_leaves_stays_away() {
        let leave = serde_json::json!({"type": "Leave", "pid": 1, "match": "m", "frame": 0});
        let stats = serde_json::json!({"type": "Stats", "pid": 1, "match": "m", "frame": 5});
        let block = run(&[leave, stats]);
        let servers: Vec<_> = block
            .commands
            .iter()
            .map(|dated| match &dated.command {
                Command::Presence(write) => write.server.as_str(),
                _ => unreachable!(),
            })
            .collect();
        assert_eq!(servers, ["recording", ""]);
    }

    #[test]
    fn every_problem_of_a_mapping_is_reported_at_once() {
        let def: MapDef = serde_json::from_value(serde_json::json!({
            "source": "",
            "streams": {"by": "{match", "start": "yesterday", "spacing": "1h world"},
            "time": {"field": "t", "per_second": 0},
            "events": [{"kind": "kill", "player": "{}", "amount": [1],
                        "region": {"grid": {"x": "x", "y": "y", "columns": [2, 1], "rows": [], "names": []}}}]
        }))
        .unwrap();
        let paths: Vec<_> = Mapping::check(&def).unwrap_err().into_iter().map(|p| p.path).collect();
        assert_eq!(
            paths,
            [
                "source",
                "time.per_second",
                "streams.spacing",
                "streams.by",
                "streams.start",
                "events[0].player",
                "events[0].amount",
                "events[0].region.grid",
                "events[0].region.grid.names",
            ]
        );
    }
}
