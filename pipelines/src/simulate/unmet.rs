//! What keeps quests from being available: of each that nobody has seen, the parts of its prerequisites that never held.

use std::collections::BTreeMap;

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::Condition;
use worldflow_schemas::input::Scope;

use super::crowd::Crowd;
use super::gates::{Actor, Gates, parts};
use super::tally::Tally;
use crate::world::LoadedWorld;

/// The parts of prerequisites, by the place of their quest, and whether each has ever held for anybody.
pub(super) struct Unmet {
    parts: BTreeMap<usize, Vec<(Condition, bool)>>,
    realm: Sym,
}

impl Unmet {
    pub(super) fn new(world: &LoadedWorld) -> Unmet {
        let quests = world.quests.values().enumerate().filter(|(_, quest)| !quest.requires.is_empty());
        let of = |condition: &Condition| parts(condition).into_iter().map(|part| (part, false)).collect();
        Unmet {
            parts: quests.map(|(place, quest)| (place, of(&quest.requires))).collect(),
            realm: Sym::new(&world.world.name),
        }
    }

    /// Looks which parts hold now, of the quests that nobody has seen yet.
    pub(super) fn look(&mut self, gates: Gates<'_>, crowd: &Crowd<'_>, tally: &Tally) {
        let realm = self.realm;
        self.parts.retain(|quest, _| tally.quests[*quest].seen.is_empty());
        for (quest, parts) in &mut self.parts {
            let scope = crowd.quests[*quest].1.scope;
            for (part, held) in parts.iter_mut().filter(|(_, held)| !*held) {
                *held = match scope {
                    Scope::Player => crowd.actors().any(|actor| gates.holds(part, actor)),
                    scope => crowd
                        .actors()
                        .filter_map(|actor| actor.who(scope))
                        .any(|who| gates.holds(part, &Actor::of(who, realm))),
                };
            }
        }
    }

    /// The parts of a quest's prerequisites that never held for anybody; `None` when there are none at all.
    pub(super) fn never(&self, quest: usize) -> Option<Vec<&Condition>> {
        let parts = self.parts.get(&quest)?;
        Some(parts.iter().filter(|(_, held)| !held).map(|(part, _)| part).collect())
    }
}
