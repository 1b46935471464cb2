//! Sources: the files they name, and what the mappings of recordings make of lines.

use worldflow_schemas::definitions::{CredentialsDef, SourceDef, SourceTime, StreamStart};
use worldflow_schemas::event::RULES;
use worldflow_sources::recording::{Expr, RuleDef};

use super::{Checker, Sort};
use crate::secrets::is_reference;
use crate::world::folder::MAX_FILE_BYTES;
use crate::world::mapping;
use crate::world::spot::Spot;

/// The longest name of a stream.
const MAX_STREAM: usize = 128;

impl Checker<'_> {
    pub(super) fn check_sources(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let mut mappings: Vec<&str> = Vec::new();
        for (name, source) in &world.definition.sources {
            let spot = world.spot.key("sources").name(name);
            self.check_id("source", name, spot);
            self.check_not_reserved(name, spot);
            let (map, kind) = match source {
                SourceDef::Recording { map, .. } => (map, "recording"),
                SourceDef::Kinesis { map, .. } => (map, "kinesis"),
            };
            let spot = spot.key(kind);
            // Sources may share a mapping, which has its problems once.
            if let Some(map) = map
                && !mappings.contains(&map.as_str())
            {
                mappings.push(map);
                self.check_mapping(map, spot.key("map"), kind == "kinesis");
            }
            match source {
                SourceDef::Recording { path, speed, time, .. } => {
                    self.check_recording(path, *speed, spot);
                    self.check_time(*time, spot);
                }
                SourceDef::Kinesis { .. } => self.check_kinesis(source, spot),
            }
        }
    }

    fn check_not_reserved(&mut self, name: &str, spot: Spot<'_>) {
        if name == RULES {
            let hint = "give it another name: events that rules make are of this source";
            self.error(spot, format!("no source can be called `{RULES}`"), hint);
        }
    }

    fn check_time(&mut self, time: SourceTime, spot: Spot<'_>) {
        let SourceTime::Event { lateness, idle } = time else { return };
        let spot = spot.key("time").key("event");
        for (key, span) in [("lateness", lateness), ("idle", idle)] {
            if span.world {
                self.error(spot.key(key), "sources go by real time", "leave out `world`");
            }
        }
        if idle.ms == 0 {
            self.error(
                spot.key("idle"),
                "no tick would wait for it",
                "use `time: arrival`, or write for example `5s`",
            );
        }
    }

    fn check_recording(&mut self, path: &str, speed: Option<u32>, spot: Spot<'_>) {
        if !self.there(path) {
            self.no_file(path, spot.key("path"));
        }
        if speed == Some(0) {
            self.error(
                spot.key("speed"),
                "`speed: 0` never begins",
                "give at least 1, or leave it out for as fast as possible",
            );
        }
    }

    fn check_kinesis(&mut self, source: &SourceDef, spot: Spot<'_>) {
        let SourceDef::Kinesis { stream, region, endpoint, producer, start, time, map, credentials } = source
        else {
            return;
        };
        let name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        if !name(stream) || stream.len() > MAX_STREAM {
            let hint = format!("letters, digits, `_`, `-` and `.`, at most {MAX_STREAM} of them");
            self.error(spot.key("stream"), format!("`{stream}` is no name of a stream"), hint);
        }
        if !name(region) {
            let message = format!("`{region}` is no region");
            self.error(spot.key("region"), message, "write for example `eu-central-1`");
        }
        if let Some(endpoint) = endpoint {
            let hint = "give keys by reference, under `credentials:`";
            self.check_base_address(endpoint, spot.key("endpoint"), "KINESIS_URL", hint);
        }
        if let Some(producer) = producer {
            self.check_id("producer", producer, spot.key("producer"));
            self.check_not_reserved(producer, spot.key("producer"));
            if map.is_some() {
                let hint = "the mapping's `source` is the producer; leave this out";
                self.error(spot.key("producer"), "the mapping says who the producer is", hint);
            }
        }
        if let StreamStart::At(at) = start
            && let Err(error) = at.parse::<jiff::Timestamp>()
        {
            let hint = "write for example `2026-03-01T12:00:00Z`";
            self.error(spot.key("start").key("at"), error.to_string(), hint);
        }
        self.check_time(*time, spot);
        let Some(CredentialsDef { access_key, secret_key, session_token }) = credentials else { return };
        let spot = spot.key("credentials");
        for (key, secret) in [
            ("access_key", Some(access_key)),
            ("secret_key", Some(secret_key)),
            ("session_token", session_token.as_ref()),
        ] {
            if secret.is_some_and(|secret| !is_reference(secret)) {
                let name = key.to_ascii_uppercase();
                let hint =
                    format!("give it by reference, `{key}: ${{AWS_{name}}}`, and put it in the environment");
                self.error(spot.key(key), "a secret stands here in the clear", hint);
            }
        }
    }

    fn there(&self, path: &str) -> bool {
        match &self.folder.path {
            Some(folder) => folder.join(path).is_file(),
            None => self.folder.files.contains_key(path),
        }
    }

    fn no_file(&mut self, path: &str, spot: Spot<'_>) {
        self.error(spot, format!("there is no file `{path}`"), "the path is relative to the world folder");
    }

    /// `endless`: it is for a stream, in which time does not begin anew.
    fn check_mapping(&mut self, path: &str, spot: Spot<'_>, endless: bool) {
        let read = match (self.folder.files.get(path), &self.folder.path) {
            (Some(bytes), _) => Some(bytes.clone()),
            (None, Some(folder)) if self.there(path) => {
                let path = folder.join(path);
                let short = std::fs::metadata(&path).is_ok_and(|file| file.len() <= MAX_FILE_BYTES);
                if short { std::fs::read(path).ok() } else { None }
            }
            (None, _) => return self.no_file(path, spot),
        };
        let Some(bytes) = read else {
            let hint = format!("a mapping is a YAML file of at most {MAX_FILE_BYTES} bytes");
            return self.error(spot, format!("`{path}` cannot be read"), hint);
        };
        let before = self.problems.0.len();
        if let Some(file) = mapping::read(path, &bytes, self.problems) {
            let top = Spot::top(&file.document);
            for (index, rule) in file.def.events.iter().enumerate() {
                self.check_rule(rule, top.key("events").item(index));
            }
            if endless && file.def.streams.is_some() {
                let hint = "a stream is read from anywhere; its records have absolute times";
                self.error(top.name("streams"), "only a recording has times that begin anew", hint);
            }
            if let Some(region) = file.def.presence.as_ref().and_then(|presence| presence.region.as_ref()) {
                self.check_names(Sort::Region, region, top.key("presence").key("region"));
            }
        }
        crate::world::spot::fill_snippets(&bytes, &mut self.problems.0[before..]);
    }

    /// What a rule makes is declared, as far as that can be known without a line.
    fn check_rule(&mut self, rule: &RuleDef, spot: Spot<'_>) {
        let mut kinds = Vec::new();
        for (kind, spot) in names(&rule.kind, spot.key("kind")) {
            if self.known(Sort::Kind, kind, spot) {
                kinds.push(kind);
            }
        }
        let free = |kind: &&str| self.kind(kind).is_none_or(|kind| !kind.known_targets);
        if let Some(target) = &rule.target
            && !kinds.is_empty()
            && !kinds.iter().any(free)
        {
            self.check_names(Sort::Target, target, spot.key("target"));
        }
        if let Some(region) = &rule.region {
            self.check_names(Sort::Region, region, spot.key("region"));
        }
        for name in rule.attributes.keys() {
            for kind in &kinds {
                let _what_it_holds = self.check_attribute(kind, name, spot.key("with").name(name));
            }
        }
    }

    fn check_names(&mut self, sort: Sort, expr: &Expr, spot: Spot<'_>) {
        for (name, spot) in names(expr, spot) {
            self.known(sort, name, spot);
        }
    }
}

/// The names that an expression may give whatever the line is, each where it is written.
fn names<'a>(expr: &'a Expr, spot: Spot<'a>) -> Vec<(&'a str, Spot<'a>)> {
    match expr {
        Expr::Template(name) if !name.contains('{') => vec![(name, spot)],
        Expr::Template(_) | Expr::Literal(_) => Vec::new(),
        Expr::Lookup(lookup) => {
            let map = lookup.map.iter().map(|(from, to)| (to.as_str(), spot.key("map").key(from)));
            let otherwise = lookup.otherwise.iter().map(|to| (to.as_str(), spot.key("else")));
            map.chain(otherwise).collect()
        }
        Expr::Grid { grid } => {
            let spot = spot.key("grid").key("names");
            let rows = grid.names.iter().enumerate().map(|(row, names)| (names, spot.item(row)));
            let cells = rows.flat_map(|(names, spot)| {
                names.iter().enumerate().map(move |(column, name)| (name.as_str(), spot.item(column)))
            });
            cells.collect()
        }
    }
}
