//! The JSON Schemas of the files of a world, for editors: completion, docs and red underlines.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use worldflow_schemas::definitions::{
    ArcDef, BehaviourDef, ClimateDef, EntityDef, LoreHeadDef, NpcDef, QuestDef, RuleDef, ScheduleDef,
    StoryletDef, TextDef, WorldDef,
};
use worldflow_sources::recording::MapDef;

use super::templates::TemplateDef;
use crate::almanac::ObservedDef;
use crate::scenario::ScenarioDef;

/// Every schema: the file's name and its text.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, String)> {
    vec![
        ("climates.schema.json", text("A climate of a worldflow world", schema_for!(ClimateDef))),
        ("entities.schema.json", map_of::<EntityDef>("Entities of a worldflow world, by id")),
        ("lore.schema.json", text("The head of a document of lore", schema_for!(LoreHeadDef))),
        (
            "map.schema.json",
            text("How lines of a recording become events of a worldflow world", schema_for!(MapDef)),
        ),
        ("npcs.schema.json", map_of::<NpcDef>("NPCs of a worldflow world that speak, by id")),
        (
            "observed.schema.json",
            text("How recorded observations of weather are read", schema_for!(ObservedDef)),
        ),
        ("quests.schema.json", map_of::<QuestDef>("Quests of a worldflow world, by id")),
        ("rules.schema.json", map_of::<RuleDef>("Rules of a worldflow world, by id")),
        ("arcs.schema.json", map_of::<ArcDef>("Arcs of a worldflow world, by id")),
        ("behaviours.schema.json", map_of::<BehaviourDef>("Behaviours of a worldflow world, by id")),
        ("stories.schema.json", map_of::<StoryletDef>("Storylets of a worldflow world, by id")),
        ("schedules.schema.json", map_of::<ScheduleDef>("Scheduled events of a worldflow world, by id")),
        ("tests.schema.json", map_of::<ScenarioDef>("Scenarios of a worldflow world, by id")),
        ("templates.schema.json", map_of::<TemplateDef>("Templates of quests of a worldflow world, by id")),
        ("text.schema.json", map_of::<TextDef>("Texts of a worldflow world in one language, by key")),
        ("world.schema.json", text("A worldflow world", schema_for!(WorldDef))),
    ]
}

fn map_of<T: JsonSchema>(title: &str) -> String {
    text(title, schema_for!(BTreeMap<String, T>))
}

fn text(title: &str, mut schema: Schema) -> String {
    schema.insert("title".to_owned(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
