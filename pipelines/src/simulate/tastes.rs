//! What each kind of event is about, as far as a world's own definitions tell.
//!
//! `patterns of quests, facts and counters ─their targets' kinds→ taste of each kind of event`

use std::collections::BTreeMap;

use worldflow_schemas::definitions::{Pattern, Sender};

use super::personality::Taste;
use crate::world::LoadedWorld;

/// The tastes of a world's kinds of events.
#[derive(Debug)]
pub(super) struct Tastes<'w>(BTreeMap<&'w str, Taste>);

impl<'w> Tastes<'w> {
    /// Whoever can be spoken to is talked with and not fought; other NPCs are fought; places are explored; the rest is made.
    pub(super) fn new(world: &'w LoadedWorld, patterns: &[Pattern]) -> Tastes<'w> {
        let mut votes: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        let named = |target: &str, vote: &mut [usize; 4]| {
            let carries = |tags: &[String]| tags.iter().any(|tag| tag == target);
            let entities = world.world.entities.iter();
            for (id, entity) in entities.filter(|(id, entity)| *id == target || carries(&entity.tags)) {
                let speaks = world.npcs.contains_key(id);
                match entity.kind.as_str() {
                    "npc" if !speaks => vote[0] += 1,
                    "npc" | "player" => vote[1] += 1,
                    "place" => vote[2] += 1,
                    _ => vote[3] += 1,
                }
            }
        };
        for pattern in patterns {
            let Some((kind, _)) = world.world.kinds.get_key_value(&pattern.event) else { continue };
            let vote = votes.entry(kind).or_default();
            for target in pattern.target.iter().flat_map(|target| target.as_slice()) {
                named(target, vote);
            }
        }
        let addressed = |kind: &str| world.npcs.values().any(|npc| npc.addressed_by == kind);
        let kinds = world.world.kinds.iter().map(|(kind, def)| {
            let vote = votes.get(kind.as_str()).copied().unwrap_or_default();
            let taste = match vote.iter().enumerate().max_by_key(|(place, votes)| (**votes, 4 - place)) {
                _ if addressed(kind) || def.from == Sender::Player => Taste::Talk,
                Some((0, votes)) if *votes > 0 => Taste::Fight,
                Some((1, votes)) if *votes > 0 => Taste::Talk,
                Some((2, votes)) if *votes > 0 => Taste::Explore,
                _ => Taste::Make,
            };
            (kind.as_str(), taste)
        });
        Tastes(kinds.collect())
    }

    /// What a kind is about.
    pub(super) fn of(&self, kind: &str) -> Taste {
        self.0.get(kind).copied().unwrap_or(Taste::Explore)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::patterns;

    #[test]
    fn a_worlds_own_definitions_tell_what_its_kinds_are_about() {
        let world = LoadedWorld::greenvale().expect("Greenvale is right");
        let patterns = patterns(&world);
        let tastes = Tastes::new(&world, &patterns);
        let of = ["kill", "talk", "dance", "visit", "light", "gather", "craft"].map(|kind| tastes.of(kind));
        use Taste::{Explore, Fight, Make, Talk};
        assert_eq!(of, [Fight, Talk, Talk, Explore, Explore, Make, Make]);
    }
}
