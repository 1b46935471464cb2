//! `moved_from`: names what is no longer there, once.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::QuestDef;

use super::Checker;
use crate::world::spot::Spot;

/// What has an id, and may have had another: its kind, its id, its former one, and its place.
type Moved<'a> = (&'a str, Option<&'a str>, Spot<'a>);

impl Checker<'_> {
    /// Quests by their former ids.
    pub(super) fn check_quest_moves(&mut self) {
        let definitions = self.definitions;
        let quests = definitions.quests.iter();
        let quests: Vec<Moved<'_>> = quests
            .map(|(id, placed)| (id.as_str(), placed.definition.moved_from.as_deref(), placed.spot))
            .collect();
        self.check_moves("quest", &quests);
    }

    /// Stages, objectives and reward slots of a quest.
    pub(super) fn check_moves_of(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        let stages = spot.key("stages");
        let moved: Vec<Moved<'_>> = (quest.stages.iter())
            .map(|(id, stage)| (id, stage.moved_from.as_deref(), stages.name(id)))
            .collect();
        self.check_moves("stage", &moved);
        for (id, stage) in quest.stages.iter() {
            let objectives = stages.name(id).key("objectives");
            let moved: Vec<Moved<'_>> = (stage.objectives.iter())
                .map(|(id, objective)| (id, objective.moved_from.as_deref(), objectives.name(id)))
                .collect();
            self.check_moves("objective", &moved);
        }
        let slots = spot.key("rewards").key("slots");
        let moved: Vec<Moved<'_>> = (quest.rewards.slots.iter())
            .map(|(id, slot)| (id.as_str(), slot.moved_from.as_deref(), slots.name(id)))
            .collect();
        self.check_moves("reward slot", &moved);
    }

    fn check_moves(&mut self, what: &str, all: &[Moved<'_>]) {
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        let ids: BTreeSet<&str> = all.iter().map(|(id, ..)| *id).collect();
        for (id, from, spot) in all {
            let Some(from) = *from else { continue };
            let spot = spot.key("moved_from");
            self.check_id(what, from, spot);
            if let Some(there) = ids.get(from) {
                let message = format!("`{id}` is moved from the {what} `{there}`, which is still there");
                let hint = if there == id {
                    "name the id that it had before, or remove `moved_from`".to_owned()
                } else {
                    format!("remove `{there}`, or `moved_from`")
                };
                self.error(spot, message, hint);
            } else if let Some(other) = taken.insert(from, id) {
                let message = format!("`{other}` and `{id}` are both moved from the {what} `{from}`");
                self.error(spot, message, "only one can go on as it; remove `moved_from` from the other");
            }
        }
    }
}
