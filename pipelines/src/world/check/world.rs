//! The world file: places, kinds, entities and sinks.

use std::path::Path;

use worldflow_schemas::definitions::{OneOrMany, SinkDef};

use super::names::QUEST_KINDS;
use std::ops::RangeInclusive;

use super::{Checker, Sort};
use crate::secrets::{is_reference, masked_address};
use crate::world::spot::Spot;

/// The least that journal and snapshots may be told to take.
const LEAST_KEPT_BYTES: u64 = 200_000_000;

const SNAPSHOT_EVERY_MS: RangeInclusive<u64> = 100..=3_600_000;
const SEGMENT_BYTES: RangeInclusive<u64> = 10_000..=1_000_000_000;

impl Checker<'_> {
    pub(super) fn check_world(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        let (definition, spot) = (&world.definition, world.spot);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        self.check_name(
            "world",
            &definition.name,
            spot.key("name"),
            fits,
            "use letters, digits, `-` and `_`",
        );
        if !(1..=1_000).contains(&definition.tick_ms) {
            let message = format!("a tick of {} ms", definition.tick_ms);
            self.error(
                spot.key("tick_ms"),
                message,
                "a tick is 1 to 1000 milliseconds long; 10 suits most games",
            );
        }
        if definition.workers > 256 {
            let message = format!("{} workers", definition.workers);
            self.error(spot.key("workers"), message, "at most 256; 0 means one a core");
        }
        let keep = definition.grants.keep;
        if keep.world {
            let spot = spot.key("grants").key("keep");
            self.error(
                spot,
                format!("`keep: {keep}` is in world time"),
                "it is real time: leave out `world`",
            );
        }
        let (journal, spot) = (definition.journal, spot.key("journal"));
        if journal.keep.world {
            let message = format!("`keep: {}` is in world time", journal.keep);
            self.error(
                spot.key("keep"),
                message,
                "what is kept of the past is in real time: leave out `world`",
            );
        }
        let every = journal.snapshot_every;
        if every.world || !SNAPSHOT_EVERY_MS.contains(&every.ms) {
            let message = format!("`snapshot_every: {every}` cannot be");
            self.error(spot.key("snapshot_every"), message, "it is real time, from 100ms to 1h");
        }
        if !SEGMENT_BYTES.contains(&journal.segment.bytes) {
            let message = format!("`segment: {}` cannot be", journal.segment);
            self.error(spot.key("segment"), message, "it is from 10 kB to 1 GB");
        }
        if journal.at_most.bytes < LEAST_KEPT_BYTES {
            let message = format!("`at_most: {}` is too little", journal.at_most);
            self.error(spot.key("at_most"), message, "give at least 200 MB: two snapshots and some segments");
        }
    }

    pub(super) fn check_places(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, zone) in &world.definition.zones {
            let spot = world.spot.key("zones").name(name);
            self.check_id("zone", name, spot);
            self.known(Sort::Climate, &zone.climate, spot.key("climate"));
        }
        for (name, region) in &world.definition.regions {
            let spot = world.spot.key("regions").name(name);
            self.check_id("region", name, spot);
            if let Some(zone) = &region.zone {
                self.known(Sort::Zone, zone, spot.key("zone"));
            }
        }
    }

    pub(super) fn check_kinds(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, kind) in &world.definition.kinds {
            let spot = world.spot.key("kinds").name(name);
            self.check_id("kind", name, spot);
            if name.starts_with("quest.") && !QUEST_KINDS.contains(&name.as_str()) {
                let hint =
                    format!("kinds that begin with `quest.` are worldflow's own: {}", QUEST_KINDS.join(", "));
                self.error(spot, format!("`{name}` cannot be declared"), hint);
            }
            for (key, value) in [("max_amount", kind.max_amount), ("max_per_second", kind.max_per_second)] {
                if value == 0 {
                    self.error(
                        spot.key(key),
                        format!("`{key}: 0` refuses every `{name}`"),
                        "give at least 1",
                    );
                }
            }
            for attribute in kind.attributes.keys() {
                let spot = spot.key("attributes").name(attribute);
                self.check_id("attribute", attribute, spot);
                if matches!(attribute.as_str(), "amount" | "target") {
                    self.error(
                        spot,
                        format!("the attribute `{attribute}` is taken"),
                        "every event has it; choose another name",
                    );
                }
            }
        }
    }

    pub(super) fn check_entities(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.entities {
            let (entity, spot) = (&placed.definition, placed.spot);
            self.check_game_id("entity", id, spot);
            if !["npc", "object", "place", "player"].contains(&entity.kind.as_str()) && placed.whole {
                let message = format!("`{id}` is of the unknown kind `{}`", entity.kind);
                self.error(spot.key("kind"), message, "an entity is a `npc`, `object`, `place` or `player`");
            }
            for (index, tag) in entity.tags.iter().enumerate() {
                let spot = spot.key("tags").item(index);
                self.check_game_id("tag", tag, spot);
                if let Some(named) = definitions.entities.get(tag) {
                    let hint = format!(
                        "an entity has that id ({}:{}); a pattern could mean either",
                        named.spot.file, named.spot.place.line
                    );
                    self.warn(spot, format!("the tag `{tag}` is also an entity"), hint);
                }
            }
            for (name, value) in &entity.properties {
                if value.is_array() || value.is_object() {
                    let spot = spot.key("properties").name(name);
                    self.error(
                        spot,
                        format!("the property `{name}` is a list or a map"),
                        "a property is a number, text, `true` or `false`",
                    );
                }
            }
        }
    }

    /// An address of a server, or a reference to one such as this, without a password.
    pub(super) fn check_address(&mut self, address: &str, spot: Spot<'_>, reference: &str, secret: &str) {
        let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
        match host {
            None if !is_reference(address) => {
                let hint = format!("write `http://host:port`, or a reference such as `${{{reference}}}`");
                let shown = masked_address(address);
                self.error(spot, format!("`{shown}` is no address of a server"), hint);
            }
            Some(host) if host.split('/').next().is_some_and(|host| host.contains('@')) => {
                self.error(spot, "a password stands in this address", secret);
            }
            _ => {}
        }
    }

    /// An address that what is asked for is put after.
    pub(super) fn check_base_address(
        &mut self,
        address: &str,
        spot: Spot<'_>,
        reference: &str,
        secret: &str,
    ) {
        if !is_reference(address) && address.contains(['?', '#']) {
            let hint = "end with the path: what is asked for is put after it; give a key by reference";
            self.error(spot, "a query or a fragment stands in the address of a server", hint);
        }
        self.check_address(address, spot, reference, secret);
    }

    pub(super) fn check_sinks(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, sink) in &world.definition.sinks {
            let spot = world.spot.key("sinks").name(name);
            self.check_id("sink", name, spot);
            let (kind, views, every) = match sink {
                SinkDef::Sqlite { path, views, every } => {
                    self.check_data_path(path, spot.key("sqlite").key("path"));
                    ("sqlite", views, every)
                }
                SinkDef::Postgres { url, views, every } => {
                    if !is_reference(url) {
                        self.error(spot.key("postgres").key("url"), "a secret stands here in the clear", "give the address by reference, `url: ${WORLDFLOW_POSTGRES}`, and put it in the environment");
                    }
                    ("postgres", views, every)
                }
            };
            let spot = spot.key(kind);
            self.check_choice(Sort::View, views.as_ref(), spot.key("views"));
            if views.as_ref().map(OneOrMany::as_slice).is_some_and(<[String]>::is_empty) {
                continue;
            }
            if every.ms == 0 || every.world {
                self.error(
                    spot.key("every"),
                    format!("`every: {every}` is no span of real time"),
                    "give a span such as `250ms`",
                );
            }
        }
    }

    fn check_data_path(&mut self, path: &str, spot: Spot<'_>) {
        let parts = Path::new(path).components();
        let inside = parts.into_iter().all(|part| matches!(part, std::path::Component::Normal(_)));
        if path.is_empty() || !inside {
            self.error(
                spot,
                format!("`{path}` lies outside the data folder"),
                "give a file name such as `world.sqlite`",
            );
        }
    }
}
