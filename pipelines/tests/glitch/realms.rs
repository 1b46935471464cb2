//! The definitions as many small realms: each has some of them, all that those ask for, and what they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use worldflow::world::LoadedWorld;
use worldflow_schemas::definitions::{Condition, QuestDef, WorldDef};
use worldflow_schemas::input::Scope;

/// How many definitions a realm has at most, unless more belong together.
const MOST: usize = 24;

/// A small world.
pub(crate) struct Realm {
    pub(crate) world: WorldDef,
    pub(crate) quests: BTreeMap<String, Arc<QuestDef>>,
}

/// Deals all definitions out; those of players and those of groups apart.
pub(crate) fn realms(loaded: &LoadedWorld) -> Vec<Realm> {
    let mut realms = Vec::new();
    for of_players in [true, false] {
        let mut ids: Vec<&str> = Vec::new();
        for together in together(loaded) {
            let scope = loaded.quests[together[0]].scope;
            if (scope == Scope::Player) != of_players {
                continue;
            }
            if ids.len() + together.len() > MOST && !ids.is_empty() {
                realms.push(realm(loaded, &std::mem::take(&mut ids)));
            }
            ids.extend(together);
        }
        if !ids.is_empty() {
            realms.push(realm(loaded, &ids));
        }
    }
    realms
}

/// The definitions that ask for each other, directly or not.
fn together(loaded: &LoadedWorld) -> Vec<Vec<&str>> {
    let mut of: BTreeMap<&str, &str> = loaded.quests.keys().map(|id| (id.as_str(), id.as_str())).collect();
    for (id, def) in &loaded.quests {
        for (other, _) in named(&def.requires, true) {
            let (a, b) = (of[id.as_str()], of[other]);
            let first = a.min(b);
            of.values_mut().filter(|group| **group == a || **group == b).for_each(|group| *group = first);
        }
    }
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, group) in of {
        groups.entry(group).or_default().push(id);
    }
    groups.into_values().collect()
}

/// The quests that a condition names, and whether they are to be done or not.
pub(crate) fn named(condition: &Condition, wanted: bool) -> Vec<(&str, bool)> {
    let mut all: Vec<(&str, bool)> = condition.quests.keys().map(|id| (id.as_str(), wanted)).collect();
    all.extend(condition.all.iter().chain(&condition.any).flat_map(|inner| named(inner, wanted)));
    all.extend(condition.not.iter().flat_map(|inner| named(inner, !wanted)));
    all
}

/// These definitions, and of the world what they name.
fn realm(loaded: &LoadedWorld, ids: &[&str]) -> Realm {
    let quests: BTreeMap<String, Arc<QuestDef>> =
        ids.iter().map(|id| ((*id).to_owned(), Arc::clone(&loaded.quests[*id]))).collect();
    let mut names = BTreeSet::from(["familiar".to_owned()]);
    words(&serde_json::to_value(&quests).expect("definitions are data"), &mut names);
    let mut world = (*loaded.world).clone();
    // Nobody asks for the time of the world; so it need not change for half a year.
    world.clock.real_seconds_per_hour = 86_400;
    world.facts.retain(|fact, _| names.contains(fact));
    world.lifetime.retain(|counter, _| names.contains(counter));
    words(&serde_json::to_value(&world.facts).expect("definitions are data"), &mut names);
    words(&serde_json::to_value(&world.lifetime).expect("definitions are data"), &mut names);
    world.entities.retain(|entity, _| names.contains(entity));
    Realm { world, quests }
}

/// Every key and every text.
fn words(json: &Json, into: &mut BTreeSet<String>) {
    match json {
        Json::String(text) => drop(into.insert(text.clone())),
        Json::Array(items) => items.iter().for_each(|item| words(item, into)),
        Json::Object(map) => {
            for (key, value) in map {
                into.insert(key.clone());
                words(value, into);
            }
        }
        _ => {}
    }
}
