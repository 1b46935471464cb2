//! Sources: the files they name, and what the mappings of recordings make of lines.

use worldflow_schemas::definitions::SourceDef;
use worldflow_sources::recording::{Expr, RuleDef};

use super::{Checker, Sort};
use crate::world::folder::MAX_FILE_BYTES;
use crate::world::mapping;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_sources(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let mut mappings: Vec<&str> = Vec::new();
        for (name, source) in &world.definition.sources {
            let spot = world.spot.key("sources").name(name);
            self.check_id("source", name, spot);
            let SourceDef::Recording { path, map, speed, .. } = source;
            let spot = spot.key("recording");
            if !self.there(path) {
                self.no_file(path, spot.key("path"));
            }
            // Recordings may share a mapping, which has its problems once.
            if let Some(map) = map
                && !mappings.contains(&map.as_str())
            {
                mappings.push(map);
                self.check_mapping(map, spot.key("map"));
            }
            if *speed == Some(0) {
                self.error(
                    spot.key("speed"),
                    "`speed: 0` never begins",
                    "give at least 1, or leave it out for as fast as possible",
                );
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

    fn check_mapping(&mut self, path: &str, spot: Spot<'_>) {
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
            if let Some(region) = file.def.presence.as_ref().and_then(|presence| presence.region.as_ref()) {
                self.check_names(Sort::Region, region, top.key("presence").key("region"));
            }
        }
        for problem in &mut self.problems.0[before..] {
            problem.snippet = crate::world::spot::line_in(&bytes, problem);
        }
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
