//! Definitions that nothing uses: warnings.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{EmbedderDef, fallback};

use super::Checker;
use crate::world::problem::hint;

impl Checker<'_> {
    pub(super) fn check_unused(&mut self) {
        let definitions = self.definitions;
        let Some(world) = &definitions.world else { return };
        let used: BTreeSet<&str> =
            world.definition.zones.values().map(|zone| zone.climate.as_str()).collect();
        for (id, climate) in &definitions.climates {
            if !used.contains(id.as_str()) {
                self.warn(
                    climate.spot,
                    format!("no zone has the climate `{id}`"),
                    "name it in world.yaml under `zones`, or remove it",
                );
            }
        }
        let npcs = || definitions.npcs.values().map(|npc| &npc.definition);
        // With a budget and no tier any may be chosen.
        let any = npcs().any(|npc| npc.budget.is_some() && npc.tier.is_none());
        let named = npcs().filter_map(|npc| npc.tier.as_deref());
        let tiers = &world.definition.tiers;
        let mut used: BTreeSet<&str> =
            named.chain(tiers.keys().filter_map(|tier| fallback(tier, tiers))).collect();
        if let EmbedderDef::Tier(tier) = &world.definition.lore.embedder {
            used.insert(tier);
        }
        for tier in world.definition.tiers.keys().filter(|tier| !any && !used.contains(tier.as_str())) {
            self.warn(
                world.spot.key("tiers").name(tier),
                format!("no npc asks the tier `{tier}`"),
                "name it in npcs/ with `tier:`, or remove it",
            );
        }
        self.check_unused_counters();
        self.check_lone_groups();
    }

    fn check_unused_counters(&mut self) {
        let definitions = self.definitions;
        let Some(world) = &definitions.world else { return };
        let quests = definitions.quests.values().map(|quest| &quest.definition);
        let stages = quests.flat_map(|quest| quest.stages.iter().map(|(_, stage)| stage));
        let objectives = stages.flat_map(|stage| stage.objectives.iter().map(|(_, objective)| objective));
        let used: BTreeSet<&str> = objectives.filter_map(|objective| objective.lifetime.as_deref()).collect();
        for name in world.definition.lifetime.keys().filter(|name| !used.contains(name.as_str())) {
            let hint = "a counter costs memory for every holder; use it with `since: ever`, or remove it";
            self.warn(
                world.spot.key("lifetime").name(name),
                format!("no objective reads the counter `{name}`"),
                hint,
            );
        }
    }

    fn check_lone_groups(&mut self) {
        let definitions = self.definitions;
        let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, quest) in &definitions.quests {
            if let Some(group) = &quest.definition.exclusive_group {
                members.entry(group).or_default().push(id);
            }
        }
        for (group, ids) in &members {
            if let [only] = ids.as_slice()
                && let Some(quest) = definitions.quests.get(*only)
            {
                let known = members.keys().copied().filter(|other| other != group);
                let hint = hint(
                    group,
                    known,
                    "a group excludes its other quests; give another quest the same group",
                );
                self.warn(
                    quest.spot.key("exclusive_group"),
                    format!("`{only}` is alone in the group `{group}`"),
                    hint,
                );
            }
        }
    }
}
