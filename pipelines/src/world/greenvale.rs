//! The demo world, which is part of the binary so that it runs from any directory.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../worlds/greenvale/", $path)))),*]
    };
}

/// Every file of Greenvale; a test compares the list with the folder.
pub(super) const FILES: &[(&str, &str)] = files![
    "arcs.yaml",
    "behaviours.yaml",
    "climates/coastal.yaml",
    "climates/highland.yaml",
    "climates/temperate.yaml",
    "entities.yaml",
    "lore/silver_lake.md",
    "lore/sunken_gate.md",
    "lore/valley.md",
    "lore/wolf_ridge.md",
    "npcs.yaml",
    "quests/beginnings.yaml",
    "quests/together.yaml",
    "quests/trades.yaml",
    "rules.yaml",
    "schedules.yaml",
    "stories.yaml",
    "tests/arcs.yaml",
    "tests/beginnings.yaml",
    "tests/stories.yaml",
    "views/players.sql",
    "views/quests.sql",
    "world.yaml",
];
