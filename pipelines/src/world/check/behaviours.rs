//! Behaviours: who behaves so, what they are like, and what tells them what they sense.

use std::collections::BTreeSet;

use worldflow_schemas::definitions::AttributeKind;

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

/// What an event that tells of something sensed says of it.
const SENSED: [(&str, AttributeKind); 4] = [
    ("thing", AttributeKind::Id),
    ("distance", AttributeKind::Number),
    ("hostile", AttributeKind::Bool),
    ("attacks", AttributeKind::Bool),
];

impl Checker<'_> {
    pub(super) fn check_behaviours(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.behaviours {
            let (behaviour, spot) = (&placed.definition, placed.spot);
            self.check_id("behaviour", id, spot);
            self.check_who_behaves(behaviour.who.as_slice(), spot.key("who"));
            let traits = &behaviour.traits;
            for (name, value) in [
                ("aggression", &traits.aggression),
                ("neuroticism", &traits.neuroticism),
                ("extraversion", &traits.extraversion),
                ("sociability", &traits.sociability),
                ("openness", &traits.openness),
                ("curiosity", &traits.curiosity),
            ] {
                if let Some(value) = value.as_f64() {
                    self.check_fraction(name, value, spot.key("traits").key(name));
                }
            }
            if behaviour.lasts.ms == 0 {
                self.error(spot.key("lasts"), "`lasts` is no time at all", "give a span such as `10s`");
            }
            let kind = spot.key("sensed_by");
            if self.known(Sort::Kind, &behaviour.sensed_by, kind) {
                self.check_sensed(&behaviour.sensed_by, kind);
            }
        }
    }

    fn check_who_behaves(&mut self, who: &[String], spot: Spot<'_>) {
        let definitions = self.definitions;
        let npcs = definitions.entities.iter().filter(|(_, entity)| entity.definition.kind == "npc");
        let names: BTreeSet<&str> = npcs
            .flat_map(|(id, entity)| entity.definition.tags.iter().map(String::as_str).chain([id.as_str()]))
            .collect();
        if who.is_empty() {
            self.error(
                spot,
                "nobody behaves so",
                "name an entity of the kind `npc`, or a tag that one carries",
            );
        }
        for (index, name) in who.iter().enumerate() {
            if !names.contains(name.as_str()) && !self.names.incomplete(Sort::Target) {
                let hint = hint(
                    name,
                    names.iter().copied(),
                    "entities of the kind `npc` and their tags are in entities.yaml",
                );
                self.error(spot.item(index), format!("no npc is `{name}` or carries it as a tag"), hint);
            }
        }
    }

    fn check_sensed(&mut self, kind: &str, spot: Spot<'_>) {
        let world = self.definitions.world.as_ref();
        let Some(declared) = world.and_then(|world| world.definition.kinds.get(kind)) else { return };
        for (name, wanted) in SENSED {
            let found = declared.attributes.get(name);
            if found.is_some_and(|found| *found != wanted) || (found.is_none() && name != "attacks") {
                let message = format!("`{kind}` has no attribute `{name}` of the right kind");
                let hint =
                    "declare it: `attributes: {thing: id, distance: number, hostile: bool, attacks: bool}`";
                self.error(spot, message, hint);
                return;
            }
        }
    }
}
