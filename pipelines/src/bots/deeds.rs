//! What a player of a world may do: events that patterns of its quests accept, and others.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use worldflow_schemas::definitions::{
    AttributeKind, ObjectiveDef, OneOrMany, Pattern, Test, TestRange, WorldDef,
};

use super::dice::Dice;
use super::patterns::patterns;
use crate::world::LoadedWorld;

/// What can be named in a world.
#[derive(Debug)]
pub(crate) struct Deeds<'w> {
    world: &'w WorldDef,
    loaded: &'w LoadedWorld,
    /// Entities by id and by tag.
    named: BTreeMap<&'w str, Vec<&'w str>>,
    /// Who may have roles, by their names in all quests.
    roles: BTreeMap<&'w str, Vec<&'w String>>,
    regions: Vec<&'w str>,
    /// What bots do when they do not follow a quest.
    patterns: Vec<Pattern>,
}

impl<'w> Deeds<'w> {
    pub(crate) fn new(loaded: &'w LoadedWorld) -> Deeds<'w> {
        let world = &*loaded.world;
        let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, entity) in &world.entities {
            named.entry(id).or_default().push(id);
            for tag in entity.tags.iter().filter(|tag| *tag != id) {
                named.entry(tag).or_default().push(id);
            }
        }
        let mut roles: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (name, role) in loaded.quests.values().flat_map(|quest| quest.roles.iter()) {
            roles.entry(name).or_default().extend(role.one_of.as_slice());
        }
        Deeds {
            roles,
            world,
            loaded,
            named,
            regions: world.regions.keys().map(String::as_str).collect(),
            patterns: patterns(loaded),
        }
    }

    /// A region of the world.
    pub(crate) fn region(&self, dice: &mut Dice) -> Option<&'w str> {
        dice.pick(&self.regions).copied()
    }

    /// An event that counts, as far as the world's state allows, for an objective.
    pub(crate) fn towards(&self, objective: &ObjectiveDef, dice: &mut Dice) -> Map<String, Value> {
        let mut event = self.matching(&objective.pattern(), dice);
        let least = objective.max.or(objective.last);
        let value = match objective.min {
            Some(most) => u64::from(most.max(1)) - dice.below(most as usize) as u64,
            None => u64::from(least.unwrap_or(1)) + dice.below(8) as u64,
        };
        match objective.of.as_deref() {
            Some(of) if !matches!(of, "amount" | "target") => {
                attributes(&mut event).insert(of.to_owned(), json!(value));
            }
            _ if least.or(objective.min).is_some() => {
                let most = self.world.kinds.get(&objective.event).map_or(1, |kind| kind.max_amount);
                event.insert("amount".to_owned(), json!(value.min(most.into())));
            }
            _ => {}
        }
        event
    }

    /// An event that a pattern accepts.
    pub(crate) fn matching(&self, pattern: &Pattern, dice: &mut Dice) -> Map<String, Value> {
        let mut event = Map::new();
        event.insert("kind".to_owned(), json!(pattern.event));
        let of_role = pattern.role.as_ref().and_then(|role| self.roles.get(role.as_str()));
        let target = match (&pattern.target, of_role) {
            (Some(target), _) => dice.pick(target.as_slice()),
            (None, of_role) => of_role.and_then(|names| dice.pick(names)).copied(),
        };
        if let Some(target) = target {
            let entities = self.named.get(target.as_str());
            let target = entities.and_then(|entities| dice.pick(entities)).copied().unwrap_or(target);
            event.insert("target".to_owned(), json!(target));
        }
        if let Some(region) =
            pattern.region.as_ref().map(OneOrMany::as_slice).and_then(|regions| dice.pick(regions))
        {
            event.insert("region".to_owned(), json!(region));
        }
        self.fill(&pattern.event, &mut event, dice);
        for (name, test) in &pattern.attributes {
            if let Some(value) = passing(test, dice) {
                attributes(&mut event).insert(name.clone(), value);
            }
        }
        event
    }

    /// Any deed of the world.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<Map<String, Value>> {
        let mut event = self.matching(dice.pick(&self.patterns)?, dice);
        event.remove("region");
        Some(event)
    }

    /// Words to somebody who can answer.
    pub(crate) fn talk(&self, dice: &mut Dice) -> Option<Map<String, Value>> {
        let npcs: Vec<_> = self.loaded.npcs.iter().collect();
        let (id, npc) = dice.pick(&npcs)?;
        let mut event = Map::new();
        event.insert("kind".to_owned(), json!(npc.addressed_by));
        event.insert("target".to_owned(), json!(id));
        self.fill(&npc.addressed_by, &mut event, dice);
        Some(event)
    }

    /// An amount, and attributes that the kind may have.
    fn fill(&self, kind: &str, event: &mut Map<String, Value>, dice: &mut Dice) {
        let Some(kind) = self.world.kinds.get(kind) else { return };
        // A kind whose default largest amount was left alone is done once at a time.
        let most = match kind.max_amount {
            1_000 => 1,
            most => (most / 8).clamp(1, 60),
        };
        if most > 1 {
            event.insert("amount".to_owned(), json!(1 + dice.below(most as usize)));
        }
        for (name, attribute) in &kind.attributes {
            let value = match attribute {
                AttributeKind::Number => json!(1 + dice.below(12)),
                AttributeKind::Id => match dice.pick(&WEAPONS) {
                    Some(weapon) => json!(weapon),
                    None => continue,
                },
                AttributeKind::Bool => json!(dice.percent(50)),
                AttributeKind::Text => json!(dice.pick(&WORDS).copied().unwrap_or("hello")),
            };
            attributes(event).insert(name.clone(), value);
        }
    }
}

const WEAPONS: [&str; 4] = ["bow", "sword", "staff", "axe"];

const WORDS: [&str; 6] = [
    "any news from the ridge?",
    "good evening",
    "what do you know about the lake?",
    "is there work for me?",
    "how do I get to the mine?",
    "they say you have seen the silverfin",
];

fn attributes(event: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let with = event.entry("with").or_insert_with(|| Value::Object(Map::new()));
    with.as_object_mut().expect("`with` was just made a map")
}

/// A value that passes a comparison.
fn passing(test: &Test, dice: &mut Dice) -> Option<Value> {
    match test {
        Test::Is(value) => Some(value.clone()),
        Test::Range(TestRange { is: Some(value), .. }) => Some(value.clone()),
        Test::Range(TestRange { one_of: Some(values), .. }) => dice.pick(values).cloned(),
        Test::Range(range) => {
            let bound =
                |bound: &Option<serde_json::Number>| bound.as_ref().and_then(serde_json::Number::as_f64);
            let lowest = bound(&range.at_least).or(bound(&range.above).map(|above| above + 1.0));
            let highest = bound(&range.at_most).or(bound(&range.below).map(|below| below - 1.0));
            lowest.or(highest).map(|value| json!(value))
        }
    }
}
