//! Entities: npcs, objects, places and players, with tags and typed properties.
//!
//! `declared entities, writes ─fold per entity, in order→ entities ─→ EntityTags`
//!
//! Declared entities appear in a shard's first step; only what a write has touched is base state,
//! so an entity that the world declares anew appears at the next start. Whether a sender may write
//! at all is decided where it is admitted.

mod body;

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::catalog;
use worldflow_schemas::definitions::WorldDef;
use worldflow_schemas::input::{Current, CurrentValue, EntityBody, EntityChange, EntityWrite};
use worldflow_schemas::{Row, Sym, Tick, Value};

use crate::machine::{Machine, Output};
use crate::messages::{EntityTags, Refused};
use crate::piece;

pub use body::{MOST_PROPERTIES, MOST_TAGS, declared};

/// What the operator of entities is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum EntitiesIn {
    /// The realm begins. Broadcast in its first tick, so that every shard takes a first step there.
    Begin,
    /// Written in this tick. Routed by the entity.
    Write(EntityWrite),
    /// As a write, if the entity is at this version. Routed by the entity.
    WriteIf(u64, EntityWrite),
}

/// What the operator of entities tells others.
#[derive(Clone, PartialEq, Debug)]
pub enum EntitiesOut {
    /// The tags of an entity have changed.
    Tags(EntityTags),
    /// A write that could not be done.
    Refused(Refused),
}

/// The entities of one shard.
#[derive(Debug)]
pub struct EntitiesMachine {
    realm: Sym,
    begun: bool,
    declared: FxHashMap<Sym, EntityBody>,
    /// Declared entities of which a write is known, until the shard has begun.
    written: FxHashSet<Sym>,
    entities: FxHashMap<Sym, Entity>,
}

/// An entity and how many times it has changed, from 1. Of one that has been deleted only the version is
/// left, so that one that is made anew is at none that was before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Entity {
    body: EntityBody,
    version: u64,
}

impl Entity {
    fn deleted(version: u64) -> Entity {
        let body = EntityBody { kind: Sym::NONE, tags: Vec::new(), properties: Vec::new() };
        Entity { body, version }
    }

    fn is_there(&self) -> bool {
        !self.body.kind.is_none()
    }
}

impl EntitiesMachine {
    /// The entities of shard `index` of `peers`; none before the first step.
    #[must_use]
    pub fn new(realm: Sym, world: &WorldDef, index: usize, peers: usize) -> EntitiesMachine {
        let peers = u64::try_from(peers).expect("a count of workers").max(1);
        let index = u64::try_from(index).expect("the index of a worker");
        let declared = (world.entities.iter())
            .map(|(name, def)| (Sym::new(name), declared(def)))
            .filter(|(entity, _)| entity.hash64() % peers == index)
            .collect();
        EntitiesMachine {
            realm,
            begun: false,
            declared,
            written: FxHashSet::default(),
            entities: FxHashMap::default(),
        }
    }

    fn present(&self, entity: Sym) -> Option<&Entity> {
        self.entities.get(&entity).filter(|stored| stored.is_there())
    }

    fn row(&self, entity: Sym, stored: &Entity) -> Option<Row> {
        stored.is_there().then(|| self.shown(entity, stored))
    }

    fn shown(&self, entity: Sym, stored: &Entity) -> Row {
        Row::from([
            Value::id(self.realm),
            Value::Sym(entity),
            Value::id(stored.body.kind),
            body::tags_json(&stored.body.tags),
            body::properties_json(&stored.body.properties),
            Value::count(stored.version),
        ])
    }

    fn begin(&mut self, output: &mut Output<EntitiesOut>) {
        self.begun = true;
        let written = std::mem::take(&mut self.written);
        for (&entity, body) in self.declared.iter().filter(|(entity, _)| !written.contains(entity)) {
            let stored = Entity { body: body.clone(), version: 1 };
            output.insert(catalog::ENTITIES, self.shown(entity, &stored));
            tell_tags(entity, None, Some(&stored), output);
            self.entities.insert(entity, stored);
        }
    }

    /// Whether an entity is at the version that a write expects.
    fn expect(&self, entity: Sym, version: u64) -> Result<(), body::Wrong> {
        let present = self.present(entity);
        let found = present.map_or(0, |present| present.version);
        if found == version {
            return Ok(());
        }
        let value = CurrentValue::Entity(present.map(|present| present.body.clone()));
        Err(body::Wrong::Version { expected: version, current: Current { version: found, value } })
    }

    fn apply(&mut self, entity: Sym, change: EntityChange) -> Result<(), body::Wrong> {
        let present = self.present(entity);
        let body = match change {
            EntityChange::Upsert(body) => Some(body::upserted(body)?),
            EntityChange::Merge { properties, add_tags, remove_tags } => {
                let present = present.ok_or(body::Wrong::UnknownEntity)?;
                Some(body::merged(&present.body, properties, add_tags, &remove_tags)?)
            }
            EntityChange::Delete if present.is_none() => return Err(body::Wrong::UnknownEntity),
            EntityChange::Delete => None,
        };
        if body.as_ref() == present.map(|present| &present.body) {
            return Ok(());
        }
        let version = self.entities.get(&entity).map_or(1, |stored| stored.version + 1);
        let changed = body.map_or_else(|| Entity::deleted(version), |body| Entity { body, version });
        self.entities.insert(entity, changed);
        Ok(())
    }
}

impl Machine for EntitiesMachine {
    type In = EntitiesIn;
    type Out = EntitiesOut;
    const NAME: BaseName = "entities";

    fn load(&mut self, row: BaseRow) {
        // Earlier versions kept a declared entity that a write has deleted as a piece without an entity.
        let (entity, written): (Sym, Option<Entity>) = piece::read(&row);
        self.written.insert(entity);
        self.entities.insert(entity, written.unwrap_or_else(|| Entity::deleted(1)));
    }

    fn loaded(&mut self, _: Tick, _: Vec<EntitiesIn>, output: &mut Output<EntitiesOut>) {
        for (&entity, stored) in &self.entities {
            output.rows.extend(self.row(entity, stored).map(|row| ((catalog::ENTITIES, row), 1)));
            // Others begin with the tags that the world declares, so the lack of tags is told as well.
            tell(entity, Some(stored), output);
        }
        self.begin(output);
    }

    fn step(&mut self, _: Tick, inputs: Vec<EntitiesIn>, output: &mut Output<EntitiesOut>) {
        if !self.begun {
            self.begin(output);
        }
        let mut writes: Vec<(EntityWrite, Option<u64>)> = (inputs.into_iter())
            .filter_map(|input| match input {
                EntitiesIn::Begin => None,
                EntitiesIn::Write(write) => Some((write, None)),
                EntitiesIn::WriteIf(version, write) => Some((write, Some(version))),
            })
            .collect();
        writes.sort_by(|(a, _), (b, _)| a.order.cmp_order(&b.order));
        let mut before: FxHashMap<Sym, Option<Entity>> = FxHashMap::default();
        for (EntityWrite { order, entity, change }, if_version) in writes {
            if let Entry::Vacant(vacant) = before.entry(entity) {
                vacant.insert(self.entities.get(&entity).cloned());
            }
            let expected = if_version.map_or(Ok(()), |version| self.expect(entity, version));
            if let Err(wrong) = expected.and_then(|()| self.apply(entity, change)) {
                output.out.push(EntitiesOut::Refused(wrong.refused(order, entity)));
            }
        }
        for (entity, old) in before {
            let new = self.entities.get(&entity);
            if new == old.as_ref() {
                continue;
            }
            let row = |stored: Option<&Entity>| stored.and_then(|stored| self.row(entity, stored));
            output.replace(catalog::ENTITIES, row(old.as_ref()), row(new));
            output.base.push(piece::change(Self::NAME, entity, &entity, Some(&new)));
            tell_tags(entity, old.as_ref(), new, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}

fn tell_tags(entity: Sym, old: Option<&Entity>, new: Option<&Entity>, output: &mut Output<EntitiesOut>) {
    let there = |stored: Option<&Entity>| stored.is_some_and(Entity::is_there);
    let seen = |stored: Option<&Entity>| stored.map(|stored| (stored.body.tags.clone(), region_of(stored)));
    if there(old) != there(new) || seen(old).unwrap_or_default() != seen(new).unwrap_or_default() {
        tell(entity, new, output);
    }
}

/// Where an entity is, as its property says.
fn region_of(stored: &Entity) -> Sym {
    let name = Sym::new("region");
    let property = stored.body.properties.iter().find(|(property, _)| *property == name);
    property.and_then(|(_, value)| value.as_str()).map_or(Sym::NONE, Sym::new)
}

fn tell(entity: Sym, stored: Option<&Entity>, output: &mut Output<EntitiesOut>) {
    let tags = stored.map_or_else(Vec::new, |stored| stored.body.tags.clone());
    let region = stored.map_or(Sym::NONE, region_of);
    let there = stored.is_some_and(Entity::is_there);
    output.out.push(EntitiesOut::Tags(EntityTags { entity, there, tags, region }));
}
