//! Definitions and files that nothing uses: warnings.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::SourceDef;

use super::Checker;
use crate::world::problem::{Problem, Severity, hint};

const FILES: [&str; 8] =
    ["world", "climates", "entities", "npcs", "quests", "rules", "schedules", "templates"];

impl Checker<'_> {
    pub(super) fn check_files(&mut self) {
        let mut maps = BTreeSet::new();
        let world = self.definitions.world.as_ref();
        for source in world.iter().flat_map(|world| world.definition.sources.values()) {
            let (SourceDef::Recording { map, .. } | SourceDef::Kinesis { map, .. }) = source;
            maps.extend(map.as_deref());
        }
        for file in self.folder.files.keys() {
            let stem = file.trim_end_matches(".yaml").trim_end_matches(".yml");
            if file.contains('/')
                || FILES.contains(&stem)
                || maps.contains(file.as_str())
                || stem.ends_with("map")
                || stem.ends_with("mapping")
            {
                continue;
            }
            let otherwise = "a world is world.yaml with climates, entities, npcs, quests, rules, schedules, templates, text and views beside it";
            self.problems.0.push(Problem {
                severity: Severity::Warning,
                file: file.clone(),
                place: None,
                message: "nothing reads this file".to_owned(),
                hint: Some(hint(stem, FILES, otherwise)),
                snippet: None,
            });
        }
        if world.is_none() && !self.problems.0.iter().any(|problem| problem.file == "world.yaml") {
            self.problems.0.push(Problem {
                severity: Severity::Error,
                file: "world.yaml".to_owned(),
                place: None,
                message: "this file is missing or empty".to_owned(),
                hint: Some("a world needs at least `name:` and `seed:`".to_owned()),
                snippet: None,
            });
        }
    }

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
        let used: BTreeSet<&str> =
            definitions.npcs.values().filter_map(|npc| npc.definition.tier.as_deref()).collect();
        for tier in world.definition.tiers.keys().filter(|tier| !used.contains(tier.as_str())) {
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
