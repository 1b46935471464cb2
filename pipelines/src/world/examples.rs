//! Examples in the JSON Schemas: an editor shows with every key how it is written.
//!
//! They are what the demo world gives each key, and what the files in `examples/` do for keys that it has no use for: the shortest
//! value of all. What a key means is said by the types.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::folder::Folder;

/// What the demo world does not show, by the kind of file. Each could stand in a world.
pub(super) const RARE: [(&str, &str); 15] = [
    ("arcs", include_str!("examples/arcs.yaml")),
    ("behaviours", include_str!("examples/behaviours.yaml")),
    ("lore", include_str!("examples/lore.yaml")),
    ("map", include_str!("examples/map.yaml")),
    ("npcs", include_str!("examples/npcs.yaml")),
    ("prompts", include_str!("examples/prompts.yaml")),
    ("observed", include_str!("examples/observed.yaml")),
    ("rules", include_str!("examples/rules.yaml")),
    ("schedules", include_str!("examples/schedules.yaml")),
    ("stories", include_str!("examples/stories.yaml")),
    ("templates", include_str!("examples/templates.yaml")),
    ("tests", include_str!("examples/tests.yaml")),
    ("text", include_str!("examples/text.yaml")),
    ("world", include_str!("examples/world.yaml")),
    // Of what makes lore comparable a world has one.
    ("world", include_str!("examples/onnx.yaml")),
];

/// Quests with the keys for which the demo world has no use.
pub(crate) const RARE_QUESTS: &str = include_str!("../cli/quest_page.yaml");

/// The shortest example of each key: by its definition (none for the file itself), and the keys that lead to it from there.
type Found = BTreeMap<(String, String), Json>;

/// Gives every key of these schemas, by the names of their files, an example, and what is said of it.
pub(super) fn add(schemas: &mut [(&'static str, Json)]) {
    let found: Vec<Found> = schemas.iter().map(|(name, schema)| harvest(kind_of(name), schema)).collect();
    // What is the same in two schemas has the same examples.
    let mut shared: BTreeMap<(String, String), Found> = BTreeMap::new();
    for ((_, schema), found) in schemas.iter().zip(&found) {
        for ((of, path), example) in found {
            let definition = schema["$defs"].get(of).map(ToString::to_string).unwrap_or_default();
            let known = shared.entry((of.clone(), definition)).or_default();
            let known = known.entry((of.clone(), path.clone())).or_insert_with(|| example.clone());
            if shorter(example, known) {
                *known = example.clone();
            }
        }
    }
    for ((_, schema), found) in schemas.iter_mut().zip(&found) {
        let definitions = schema.get_mut("$defs").map(Json::take);
        give(schema, "", "", found);
        let Some(Json::Object(mut definitions)) = definitions else { continue };
        for (name, definition) in &mut definitions {
            let of_all = shared.get(&(name.clone(), definition.to_string()));
            give(definition, name, "", of_all.unwrap_or(found));
        }
        schema["$defs"] = Json::Object(definitions);
    }
}

/// `quests` of `quests.schema.json`.
fn kind_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What is written in files of a kind.
fn harvest(kind: &str, schema: &Json) -> Found {
    let folder = if kind == "tests" { Folder::greenvale_tests() } else { Folder::greenvale() };
    let (alone, within) = (format!("{kind}.yaml"), format!("{kind}/"));
    let is_of = |path: &str| path == alone || (path.starts_with(&within) && path.ends_with(".yaml"));
    let files = folder.files.iter().filter(|(path, _)| is_of(path));
    let texts = files.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    let rare = RARE.into_iter().filter(|(of, _)| *of == kind).map(|(_, text)| text);
    let rare = rare.chain((kind == "quests").then_some(RARE_QUESTS)).map(str::to_owned);
    let none = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&none);
    let mut found = Found::new();
    for text in texts.chain(rare) {
        // That they can be read is tested.
        let Ok(value) = serde_saphyr::from_str::<Json>(&text) else { continue };
        walk(definitions, ("", ""), schema, &value, &mut |of, path, _, value| {
            let known = found.entry((of.to_owned(), path.to_owned())).or_insert_with(|| value.clone());
            if shorter(value, known) {
                *known = value.clone();
            }
        });
    }
    found
}

fn shorter(one: &Json, other: &Json) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    (one.len(), one) < (other.len(), other)
}

/// Goes through a value beside the schema that describes it, and tells of each key: the definition that it is part of, the keys that
/// lead to it from there, the last of them, and its value.
pub(crate) fn walk(
    definitions: &Map<String, Json>,
    (of, path): (&str, &str),
    schema: &Json,
    value: &Json,
    tell: &mut dyn FnMut(&str, &str, &str, &Json),
) {
    if let Some(name) = reference(schema) {
        if let Some(definition) = definitions.get(name) {
            walk(definitions, (name, ""), definition, value, tell);
        }
        return;
    }
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|name| schema[name].as_array()).flatten();
    for alternative in alternatives.filter(|alternative| fits(alternative, definitions, value)) {
        walk(definitions, (of, path), alternative, value, tell);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values.iter().for_each(|value| walk(definitions, (of, path), items, value, tell));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(key) {
            let path = below(path, key);
            tell(of, &path, key, value);
            walk(definitions, (of, &path), schema, value, tell);
        } else if schema["additionalProperties"].is_object() {
            walk(definitions, (of, path), &schema["additionalProperties"], value, tell);
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether a value may be what an alternative describes.
fn fits(schema: &Json, definitions: &Map<String, Json>, value: &Json) -> bool {
    if let Some(name) = reference(schema) {
        return definitions.get(name).is_some_and(|definition| fits(definition, definitions, value));
    }
    let known = |key: &String| schema["properties"].get(key).is_some();
    match schema["type"].as_str() {
        Some("object") => value
            .as_object()
            .is_some_and(|map| schema["additionalProperties"] != false || map.keys().all(known)),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("null") => value.is_null(),
        _ => true,
    }
}

pub(crate) fn reference(schema: &Json) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Gives the keys of a schema their examples; the key of an alternative also says what the alternative says of itself.
fn give(schema: &mut Json, of: &str, path: &str, found: &Found) {
    let Some(map) = schema.as_object_mut() else { return };
    for name in ["anyOf", "oneOf"] {
        let alternatives = map.get_mut(name).and_then(Json::as_array_mut);
        alternatives.into_iter().flatten().for_each(|alternative| give(alternative, of, path, found));
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(name) {
            give(inner, of, path, found);
        }
    }
    let about = map.get("description").cloned();
    let properties = map.get_mut("properties").and_then(Json::as_object_mut);
    let alone = properties.as_ref().is_some_and(|properties| properties.len() == 1);
    for (key, property) in properties.into_iter().flatten() {
        let path = below(path, key);
        if property == &Json::Bool(true) {
            *property = Json::Object(Map::new());
        }
        give(property, of, &path, found);
        let Some(property) = property.as_object_mut() else { continue };
        if let (true, Some(about)) = (alone && !property.contains_key("description"), &about) {
            property.insert("description".to_owned(), about.clone());
        }
        if let (false, Some(example)) = (property.contains_key("examples"), found.get(&(of.to_owned(), path)))
        {
            property.insert("examples".to_owned(), Json::Array(vec![example.clone()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use worldflow_schemas::definitions::{
        ArcDef, BehaviourDef, LoreHeadDef, NpcDef, PromptDef, QuestDef, RuleDef, ScheduleDef, StoryletDef,
        TextDef, WorldDef,
    };
    use worldflow_sources::recording::MapDef;

    use super::*;
    use crate::almanac::ObservedDef;
    use crate::scenario::ScenarioDef;

    fn of<T: DeserializeOwned>(kind: &str) {
        let text = RARE.iter().find(|(of, _)| *of == kind).map_or(RARE_QUESTS, |(_, text)| *text);
        if let Err(error) = serde_saphyr::from_str::<T>(text) {
            panic!("examples/{kind}.yaml: {error}");
        }
    }

    #[test]
    fn what_is_shown_is_what_its_types_read() {
        of::<BTreeMap<String, ArcDef>>("arcs");
        of::<BTreeMap<String, BehaviourDef>>("behaviours");
        of::<BTreeMap<String, PromptDef>>("prompts");
        of::<LoreHeadDef>("lore");
        of::<MapDef>("map");
        of::<BTreeMap<String, NpcDef>>("npcs");
        of::<ObservedDef>("observed");
        of::<BTreeMap<String, QuestDef>>("quests");
        of::<BTreeMap<String, RuleDef>>("rules");
        of::<BTreeMap<String, ScheduleDef>>("schedules");
        of::<BTreeMap<String, StoryletDef>>("stories");
        of::<BTreeMap<String, super::super::templates::TemplateDef>>("templates");
        of::<BTreeMap<String, ScenarioDef>>("tests");
        of::<BTreeMap<String, TextDef>>("text");
        // The rest of a world is what every world has.
        for (_, text) in RARE.iter().filter(|(of, _)| *of == "world") {
            let world = format!("name: example\nseed: 7\n{text}");
            if let Err(error) = serde_saphyr::from_str::<WorldDef>(&world) {
                panic!("{error} in:\n{text}");
            }
        }
    }
}
