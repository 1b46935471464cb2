//! What is personal is sealed, so that nothing can be computed on it.

use worldflow_schemas::definitions::{AttributeKind, FactKind, NpcDef};
use worldflow_schemas::input::Scope;

use super::Checker;
use crate::world::spot::Spot;

impl Checker<'_> {
    /// Whether a fact is personal; then that is reported where something is to be computed on it.
    pub(super) fn is_personal_fact(&mut self, fact: &str, spot: Spot<'_>) -> bool {
        let world = self.definitions.world.as_ref();
        let personal =
            world.and_then(|world| world.definition.facts.get(fact)).is_some_and(|def| def.personal);
        if personal {
            self.error(
                spot,
                format!("the fact `{fact}` is personal, so nothing can be computed on it"),
                "keep what is asked about in a fact of its own, without `personal`",
            );
        }
        personal
    }

    /// An attribute that is a player's text where something is to be computed on it.
    pub(super) fn personal_attribute(&mut self, name: &str, spot: Spot<'_>) {
        self.error(
            spot,
            format!("the attribute `{name}` is what a player wrote, so nothing can be computed on it"),
            "texts are sealed under the player's key; declare as `id` what is no person's, and compare that",
        );
    }

    pub(super) fn check_personal(&mut self) {
        let Some(world) = &self.definitions.world else { return };
        for (name, fact) in world.definition.facts.iter().filter(|(_, fact)| fact.personal) {
            let spot = world.spot.key("facts").name(name);
            if fact.kind != FactKind::Text {
                let message = format!("`{name}` is personal, and no text");
                self.error(spot.key("type"), message, "only text is sealed: `type: text`");
            }
            if fact.scope != Scope::Player {
                let message = format!("`{name}` is personal, and of a {}", fact.scope.name());
                let hint = "it is sealed under the key of the player whose it is: `scope: player`";
                self.error(spot.key("scope"), message, hint);
            }
            if !fact.changed_by.is_empty() {
                let message = format!("`{name}` is personal, and events change it");
                self.error(
                    spot.key("changed_by"),
                    message,
                    "only a game server writes what is personal: remove `changed_by`",
                );
            }
        }
        for (index, name) in world.definition.personal_properties.iter().enumerate() {
            let spot = world.spot.key("personal_properties").item(index);
            self.check_game_id("property", name, spot);
            for (id, placed) in &self.definitions.entities {
                if placed.definition.properties.contains_key(name) {
                    self.error(
                        placed.spot.key("properties").name(name),
                        format!("the property `{name}` of `{id}` is personal, and stands in a file"),
                        "game servers write what is personal; what stands here is not sealed",
                    );
                }
            }
        }
    }

    /// What players say to an NPC is theirs.
    pub(super) fn check_what_is_said(&mut self, npc: &NpcDef) {
        let Some(world) = &self.definitions.world else { return };
        let kind = world.definition.kinds.get(&npc.addressed_by);
        let said = kind.and_then(|kind| kind.attributes.get("said"));
        if said.is_some_and(|said| *said != AttributeKind::Text) {
            let spot = world.spot.key("kinds").name(&npc.addressed_by).key("attributes").key("said");
            let message = "`said` is what a player says, and no text";
            if !self.problems.0.iter().any(|problem| problem.message == message) {
                self.error(
                    spot,
                    message,
                    "declare it as `text`, so that it is sealed under the player's key",
                );
            }
        }
    }
}
