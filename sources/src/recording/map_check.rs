//! What makes a mapping of a mapping file: every problem of it at once, or none.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::Test;
use worldflow_schemas::event::RULES;

use super::map_def::{Expr, GridDef, MapDef, PresenceDef, RuleDef, StreamsDef};
use super::map_expr::{Checked, Fields, Part};
use super::mapping::{Mapping, Rule, Streams};
use crate::check::{id_text, intern, suggest};

/// A step from a part of a mapping file to a part of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// A key itself.
    Name(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// A problem of a mapping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapProblem {
    /// Where in the file.
    pub path: Vec<Step>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for MapProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(name) | Step::Name(name) if place == 0 => f.write_str(name)?,
                Step::Key(name) | Step::Name(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        write!(f, ": {}\nhint: {}", self.reason, self.hint)
    }
}

/// A place in the file.
#[derive(Clone)]
struct At(Vec<Step>);

impl At {
    fn top(name: &str) -> At {
        At(vec![Step::Key(name.to_owned())])
    }

    fn key(&self, name: &str) -> At {
        At(self.0.iter().cloned().chain([Step::Key(name.to_owned())]).collect())
    }

    fn name(&self, name: &str) -> At {
        At(self.0.iter().cloned().chain([Step::Name(name.to_owned())]).collect())
    }

    fn item(&self, index: usize) -> At {
        At(self.0.iter().cloned().chain([Step::Item(index)]).collect())
    }
}

struct Problems(Vec<MapProblem>);

impl Problems {
    fn add(&mut self, at: &At, reason: impl Into<String>, hint: impl Into<String>) {
        self.0.push(MapProblem { path: at.0.clone(), reason: reason.into(), hint: hint.into() });
    }

    /// A name that becomes an id.
    fn id(&mut self, at: &At, name: &str) -> Sym {
        let id = id_text("", name).and_then(intern);
        id.unwrap_or_else(|refusal| {
            self.add(at, refusal.reason, refusal.hint);
            Sym::NONE
        })
    }
}

impl Mapping {
    /// Checks a mapping file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(def: &MapDef) -> Result<Mapping, Vec<MapProblem>> {
        let mut problems = Problems(Vec::new());
        if def.source.is_empty() {
            problems.add(&At::top("source"), "a source has a name", "name the producer");
        }
        if def.source == RULES {
            let hint = "name the producer otherwise: events that rules make are of this source";
            problems.add(&At::top("source"), format!("no source can be called `{RULES}`"), hint);
        }
        let source = problems.id(&At::top("source"), &def.source);
        if def.time.per_second == 0 {
            let at = At::top("time").key("per_second");
            problems.add(&at, "must be at least 1", "leave it out for milliseconds");
        }
        if def.events.is_empty() {
            problems.add(&At::top("events"), "no rule makes an event", "add a rule with a `kind`");
        }
        let id = def.id.as_ref().map(|id| check_expr(&At::top("id"), id, &mut problems));
        let streams = def.streams.as_ref().and_then(|streams| check_streams(streams, &mut problems));
        let skip_if = def.skip_if.iter().enumerate();
        let skip_if = skip_if
            .map(|(index, def)| check_fields(&At::top("skip_if").item(index), def, &mut problems))
            .collect();
        let presence = def.presence.as_ref().map(|presence| check_presence(presence, &mut problems));
        let rules = def.events.iter().enumerate();
        let rules = rules
            .map(|(index, rule)| check_rule(&At::top("events").item(index), rule, &mut problems))
            .collect();
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Mapping {
            source,
            id,
            envelope: def.envelope,
            streams,
            time_field: def.time.field.clone(),
            per_second: i64::from(def.time.per_second),
            skip_if,
            presence,
            rules,
        })
    }
}

fn check_streams(def: &StreamsDef, problems: &mut Problems) -> Option<Streams> {
    let at = At::top("streams");
    let spacing_ms = i64::try_from(def.spacing.ms).ok();
    if def.spacing.world {
        problems.add(&at.key("spacing"), "streams are spaced in real time", "leave out `world`");
    } else if spacing_ms.is_none() {
        problems.add(&at.key("spacing"), "no calendar is as long as this", "write for example `30m`");
    }
    let by = check_expr(&at.key("by"), &def.by, problems);
    let start = match def.start.parse::<jiff::Timestamp>() {
        Ok(start) => Some(start.as_millisecond()),
        Err(error) => {
            let hint = "write for example `2024-01-01T00:00:00Z`";
            problems.add(&at.key("start"), error.to_string(), hint);
            None
        }
    };
    Some(Streams { by, start_ms: start?, spacing_ms: spacing_ms? })
}

fn check_presence(def: &PresenceDef, problems: &mut Problems) -> [Option<Checked>; 3] {
    let at = At::top("presence");
    [("server", &def.server), ("region", &def.region), ("instance", &def.instance)]
        .map(|(name, expr)| expr.as_ref().map(|expr| check_expr(&at.key(name), expr, problems)))
}

fn check_rule(at: &At, rule: &RuleDef, problems: &mut Problems) -> Rule {
    let when = check_fields(&at.key("if"), &rule.when, problems);
    let kind = check_expr(&at.key("kind"), &rule.kind, problems);
    let mut part =
        |name: &str, expr: &Option<Expr>| expr.as_ref().map(|expr| check_expr(&at.key(name), expr, problems));
    let player = part("player", &rule.player);
    let target = part("target", &rule.target);
    let amount = part("amount", &rule.amount);
    let region = part("region", &rule.region);
    let with = at.key("with");
    let mut attributes: Vec<(Sym, Checked)> = rule
        .attributes
        .iter()
        .map(|(name, expr)| {
            let at = with.key(name);
            (problems.id(&at, name), check_expr(&at, expr, problems))
        })
        .collect();
    attributes.sort_by(|(a, _), (b, _)| a.cmp_text(*b));
    let needs = rule.needs.clone();
    Rule { when, needs, kind, player, target, amount, region, attributes, leaves: rule.leaves }
}

const COMPARISONS: [&str; 7] = ["at_least", "at_most", "above", "below", "is", "is_not", "one_of"];

fn check_fields(at: &At, def: &BTreeMap<String, Test>, problems: &mut Problems) -> Fields {
    for (name, test) in def {
        let Test::Is(wanted) = test else { continue };
        let about = "compare as in `{above: 0}`, `{one_of: [a, b]}`, `{is_not: null}`, or with a plain value";
        if let Json::Object(keys) = wanted {
            not_of(&at.key(name), keys, &COMPARISONS, "neither a value nor a comparison", about, problems);
        } else if wanted.is_array() {
            problems.add(&at.key(name), "a field is not compared with a list", "write `{one_of: [a, b]}`");
        }
    }
    def.iter().map(|(name, test)| (name.clone(), test.clone())).collect()
}

/// A map that is none of those that may be here: the key that cannot be, or what may be instead.
fn not_of(
    at: &At,
    keys: &serde_json::Map<String, Json>,
    known: &[&str],
    reason: &str,
    about: &str,
    problems: &mut Problems,
) {
    let mut unknown = keys.keys().filter(|key| !known.contains(&key.as_str())).peekable();
    if unknown.peek().is_none() {
        problems.add(at, reason, about);
    }
    for key in unknown {
        problems.add(
            &at.name(key),
            format!("unknown key `{key}`"),
            suggest(key, known.iter().copied(), about),
        );
    }
}

fn check_expr(at: &At, expr: &Expr, problems: &mut Problems) -> Checked {
    const GRID: [&str; 5] = ["x", "y", "columns", "rows", "names"];
    let about = "a lookup is `{from: field, map: {a: b}}`, a grid `{grid: {x, y, columns, rows, names}}`";
    match expr {
        Expr::Template(template) => check_template(at, template, problems),
        Expr::Literal(literal) => {
            let reason = "neither a template, a scalar, a lookup nor a grid";
            match literal {
                Json::Object(keys) => match keys.get("grid") {
                    Some(Json::Object(grid)) if keys.len() == 1 => {
                        let reason = serde_json::from_value::<GridDef>(Json::Object(grid.clone()));
                        let reason = reason.err().map_or_else(String::new, |error| error.to_string());
                        not_of(&at.key("grid"), grid, &GRID, &reason, about, problems);
                    }
                    _ => not_of(at, keys, &["from", "map", "else", "grid"], reason, about, problems),
                },
                Json::Array(_) => problems.add(at, reason, about),
                _ => {}
            }
            Checked::Literal(literal.clone())
        }
        Expr::Lookup(def) => Checked::Lookup(def.clone()),
        Expr::Grid { grid } => {
            check_grid(&at.key("grid"), grid, problems);
            Checked::Grid(grid.clone())
        }
    }
}

fn check_grid(at: &At, grid: &GridDef, problems: &mut Problems) {
    let ascending = |cuts: &[i64]| cuts.windows(2).all(|pair| pair[0] < pair[1]);
    for (name, cuts) in [("columns", &grid.columns), ("rows", &grid.rows)] {
        if !ascending(cuts) {
            problems.add(&at.key(name), "the cuts are not ascending", "sort them");
        }
    }
    let shape = |names: &Vec<String>| names.len() == grid.columns.len() + 1;
    if grid.names.len() != grid.rows.len() + 1 || !grid.names.iter().all(shape) {
        problems.add(
            &at.key("names"),
            format!("{} rows of {} names are needed", grid.rows.len() + 1, grid.columns.len() + 1),
            "n cuts make n + 1 rows or columns",
        );
    }
}

fn check_template(at: &At, template: &str, problems: &mut Problems) -> Checked {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else {
            problems.add(at, format!("`{template}` has a `{{` without a `}}`"), "close the brace");
            return Checked::Template(parts);
        };
        if open > 0 {
            parts.push(Part::Text(rest[..open].to_owned()));
        }
        let name = rest[open + 1..open + close].trim();
        if name.is_empty() {
            problems.add(at, format!("`{template}` names no field"), "write for example `{pid}`");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(def: serde_json::Value) -> Vec<String> {
        let def: MapDef = serde_json::from_value(def).unwrap();
        let problems = Mapping::check(&def).unwrap_err();
        problems.into_iter().map(|problem| problem.to_string().replace('\n', " ")).collect()
    }

    #[test]
    fn the_source_of_rules_is_theirs() {
        let events = serde_json::json!([{"kind": "kill"}]);
        let found = problems(
            serde_json::json!({"source": RULES, "time": {"field": "t", "per_second": 1}, "events": events}),
        );
        let said = |problem: &String| problem.starts_with("source: no source can be called `rules`");
        assert!(found.iter().any(said), "{found:?}");
    }

    #[test]
    fn every_problem_of_a_mapping_is_reported_at_once() {
        let found = problems(serde_json::json!({
            "source": "",
            "streams": {"by": "{match", "start": "yesterday", "spacing": "1h world"},
            "time": {"field": "t", "per_second": 0},
            "events": [{"kind": "kill", "player": "{}", "amount": [1],
                        "region": {"grid": {"x": "x", "y": "y", "columns": [2, 1], "rows": [], "names": []}}}]
        }));
        let paths: Vec<&str> = found.iter().map(|problem| problem.split(':').next().unwrap()).collect();
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
                "events[0].region.grid.columns",
                "events[0].region.grid.names",
            ]
        );
    }

    #[test]
    fn a_key_that_cannot_be_is_named_with_the_one_that_was_meant() {
        let found = problems(serde_json::json!({
            "source": "s",
            "time": {"field": "t"},
            "skip_if": [{"type": {"onne_of": ["a"]}, "n": ["a"]}],
            "events": [{"if": {"n": {"abve": 0}}, "kind": {"from": "type", "mpa": {"a": "b"}},
                        "region": {"grid": {"x": "x", "y": "y", "colums": [], "rows": [], "names": []}}}]
        }));
        let starts = [
            "skip_if[0].n: a field is not compared with a list",
            "skip_if[0].type.onne_of: unknown key `onne_of` hint: did you mean `one_of`?",
            "events[0].if.n.abve: unknown key `abve` hint: did you mean `above`?",
            "events[0].kind.mpa: unknown key `mpa` hint: did you mean `map`?",
            "events[0].region.grid.colums: unknown key `colums` hint: did you mean `columns`?",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found} is not {start}");
        }
    }
}
