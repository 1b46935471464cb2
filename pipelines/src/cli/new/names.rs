//! What a template needs of the world that it is put in: kinds of events, entities, a region, a fact and a quest.

use std::collections::{BTreeMap, BTreeSet};

use worldflow_schemas::definitions::{EntityDef, FactKind, WorldDef};
use worldflow_schemas::input::Scope;

use crate::world::LoadedWorld;

/// Names by the places of the templates that they are for; a place without one is left out.
pub(super) type Names = BTreeMap<&'static str, String>;

/// The names of the quest of a new world, as its files have them.
pub(super) fn of_new_world() -> Names {
    let names = [
        ("deed", "kill"),
        ("deeds", "beasts"),
        ("deeds_title", "Slay beasts"),
        ("target", "beast"),
        ("tell", "talk"),
        ("tell_title", "Tell the elder"),
        ("whom", "elder"),
        ("fact", "village_mood"),
    ];
    names.into_iter().map(|(place, name)| (place, name.to_owned())).collect()
}

/// The names that a world has to offer. Which of several is taken does not matter; the first in their order is, unless another
/// is what one would expect.
pub(super) fn of_world(loaded: &LoadedWorld) -> Names {
    let world = &loaded.world;
    let mut names = Names::new();
    let mut put = |place, name: Option<String>| drop(name.map(|name| names.insert(place, name)));
    if let Some(deed) = kind(world, "kill", "") {
        let tell = kind(world, "talk", deed).unwrap_or(deed);
        let found = targets(world);
        let target = aimed_at(loaded, deed).or_else(|| found.tag.map(str::to_owned));
        let whom = aimed_at(loaded, tell).or_else(|| found.whom.map(str::to_owned));
        let carries = |(id, entity): &(&String, &EntityDef)| {
            target.as_ref().is_some_and(|target| *id == target || entity.tags.contains(target))
        };
        let mut carriers = world.entities.iter().filter(carries).map(|(id, _)| id.as_str());
        let one = carriers.next().or(found.one);
        let other = carriers.next().or(one);
        let title = |kind: &str, target: Option<&str>| {
            let text = [kind, target.unwrap_or_default()].join(" ").replace('_', " ");
            let mut letters = text.trim().chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect())
        };
        put("deeds_title", title(deed, target.as_deref()));
        put("tell_title", title(tell, whom.as_deref()));
        put("deed", Some(scalar(deed)));
        put("deeds", Some("deeds".to_owned()));
        put("tell", Some(scalar(tell)));
        put("target", target.as_deref().map(scalar));
        put("one", one.map(scalar));
        put("other", other.map(scalar));
        put("whom", whom.as_deref().map(scalar));
    }
    let region = world.regions.iter().find(|(_, region)| region.zone.is_some());
    put("region", region.or_else(|| world.regions.iter().next()).map(|(region, _)| scalar(region)));
    put("fact", fact(world).map(scalar));
    put("quest", loaded.quests.keys().next().map(|quest| scalar(quest)));
    names
}

/// A kind of events: this one, or the first that is not another.
fn kind<'w>(world: &'w WorldDef, wanted: &str, other: &str) -> Option<&'w str> {
    let named = world.kinds.keys().find(|kind| *kind == wanted && *kind != other);
    named.or_else(|| world.kinds.keys().find(|kind| *kind != other)).map(String::as_str)
}

/// What a quest of the world counts events of this kind of, if one does.
fn aimed_at(loaded: &LoadedWorld, kind: &str) -> Option<String> {
    let stages = loaded.quests.values().flat_map(|quest| quest.stages.iter());
    let objectives = stages.flat_map(|(_, stage)| stage.objectives.iter());
    let patterns = objectives.map(|(_, objective)| objective.pattern());
    let targets = patterns.filter(|pattern| pattern.event == kind).filter_map(|pattern| pattern.target);
    targets.filter_map(|target| target.as_slice().first().cloned()).next()
}

struct Targets<'w> {
    /// What several carry, or the one that there is.
    tag: Option<&'w str>,
    one: Option<&'w str>,
    /// Somebody else.
    whom: Option<&'w str>,
}

/// What events may be about: somebody rather than something, several rather than one.
fn targets(world: &WorldDef) -> Targets<'_> {
    let is_somebody = |entity: &EntityDef| entity.kind == "npc";
    let mut carriers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let somebody = world.entities.values().any(is_somebody);
    let all = world.entities.iter().filter(|(_, entity)| is_somebody(entity) || !somebody);
    let all: Vec<(&str, &EntityDef)> = all.map(|(id, entity)| (id.as_str(), entity)).collect();
    for (id, entity) in &all {
        entity.tags.iter().for_each(|tag| carriers.entry(tag).or_default().push(id));
    }
    let most = carriers.iter().rev().max_by_key(|(_, carriers)| carriers.len());
    let (tag, of) = match most {
        Some((tag, of)) => (Some(*tag), of.clone()),
        None => (all.first().map(|(id, _)| *id), all.first().map(|(id, _)| *id).into_iter().collect()),
    };
    let of_tag: BTreeSet<&str> = of.iter().copied().collect();
    let whom = all.iter().map(|(id, _)| *id).find(|id| !of_tag.contains(id));
    let one = of.first().copied();
    Targets { tag, one, whom: whom.or(one) }
}

/// A fact that a number can be added to, of the realm or of a player.
fn fact(world: &WorldDef) -> Option<&str> {
    let counts = |scope: Scope| {
        let numbers = |kind: FactKind| matches!(kind, FactKind::Int | FactKind::Dec);
        let mut facts = world.facts.iter();
        facts.find(|(_, fact)| fact.scope == scope && numbers(fact.kind)).map(|(fact, _)| fact.as_str())
    };
    counts(Scope::Realm).or_else(|| counts(Scope::Player))
}

/// A name as YAML has it, in quotes where it would be taken for something else.
fn scalar(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain && !is_yaml_word(name) { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

/// Whether YAML takes a word for something else than a text.
pub(super) fn is_yaml_word(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    )
}
