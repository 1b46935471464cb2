//! The JSON Schemas of the files of a world, for editors: completion, docs and red underlines.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value as Json;
use worldflow_schemas::definitions::{
    ArcDef, BehaviourDef, ClimateDef, EntityDef, LoreHeadDef, NpcDef, PromptDef, QuestDef, RuleDef,
    ScheduleDef, StoryletDef, TextDef, WorldDef,
};
use worldflow_sources::recording::MapDef;

use super::examples;
use super::templates::TemplateDef;
use crate::almanac::ObservedDef;
use crate::scenario::ScenarioDef;

/// Every schema: the file's name and its text.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, String)> {
    let mut schemas = bare();
    examples::add(&mut schemas);
    let text = |schema: Json| {
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
        text.push('\n');
        text
    };
    schemas.into_iter().map(|(name, schema)| (name, text(schema))).collect()
}

/// The schemas as the types say them, without examples.
fn bare() -> Vec<(&'static str, Json)> {
    vec![
        ("climates.schema.json", titled("A climate of a worldflow world", schema_for!(ClimateDef))),
        ("entities.schema.json", map_of::<EntityDef>("Entities of a worldflow world, by id")),
        ("lore.schema.json", titled("The head of a document of lore", schema_for!(LoreHeadDef))),
        (
            "map.schema.json",
            titled("How lines of a recording become events of a worldflow world", schema_for!(MapDef)),
        ),
        ("npcs.schema.json", map_of::<NpcDef>("NPCs of a worldflow world that speak, by id")),
        ("prompts.schema.json", map_of::<PromptDef>("Prompts of a worldflow world, by id")),
        (
            "observed.schema.json",
            titled("How recorded observations of weather are read", schema_for!(ObservedDef)),
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
        ("world.schema.json", titled("A worldflow world", schema_for!(WorldDef))),
    ]
}

fn map_of<T: JsonSchema>(title: &str) -> Json {
    titled(title, schema_for!(BTreeMap<String, T>))
}

fn titled(title: &str, mut schema: Schema) -> Json {
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
