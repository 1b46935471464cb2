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
use worldflow_schemas::input::{EntityBody, EntityChange, EntityWrite};
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

/// An entity and how many times it has changed since it appeared, from 1.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Entity {
    body: EntityBody,
    version: u64,
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

    fn row(&self, entity: Sym, stored: &Entity) -> Row {
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
            output.insert(catalog::ENTITIES, self.row(entity, &stored));
            tell_tags(entity, None, Some(&stored), output);
            self.entities.insert(entity, stored);
        }
    }

    fn apply(&mut self, entity: Sym, change: EntityChange) -> Result<(), body::Wrong> {
        let present = self.entities.get(&entity);
        let body = match change {
            EntityChange::Upsert(body) => Some(body::upserted(body)?),
            EntityChange::Merge { properties, add_tags, remove_tags } => {
                let present = present.ok_or(body::Wrong::UnknownEntity)?;
                Some(body::merged(&present.body, properties, add_tags, &remove_tags)?)
            }
            EntityChange::Delete if present.is_none() => return Err(body::Wrong::UnknownEntity),
            EntityChange::Delete => None,
        };
        match body {
            None => drop(self.entities.remove(&entity)),
            Some(body) if present.is_some_and(|present| present.body == body) => {}
            Some(body) => {
                let version = present.map_or(1, |present| present.version + 1);
                self.entities.insert(entity, Entity { body, version });
            }
        }
        Ok(())
    }
}

impl Machine for EntitiesMachine {
    type In = EntitiesIn;
    type Out = EntitiesOut;
    const NAME: BaseName = "entities";

    fn load(&mut self, row: BaseRow) {
        // A declared entity that a write has deleted is a piece without an entity.
        let (entity, written): (Sym, Option<Entity>) = piece::read(&row);
        self.written.insert(entity);
        if let Some(stored) = written {
            self.entities.insert(entity, stored);
        }
    }

    fn loaded(&mut self, _: Tick, _: Vec<EntitiesIn>, output: &mut Output<EntitiesOut>) {
        for (&entity, stored) in &self.entities {
            output.insert(catalog::ENTITIES, self.row(entity, stored));
            tell(entity, stored.body.tags.clone(), output);
        }
        // Others begin with the tags that the world declares, so the lack of tags is told as well.
        for &entity in self.written.iter().filter(|entity| !self.entities.contains_key(entity)) {
            tell(entity, Vec::new(), output);
        }
        self.begin(output);
    }

    fn step(&mut self, _: Tick, inputs: Vec<EntitiesIn>, output: &mut Output<EntitiesOut>) {
        if !self.begun {
            self.begin(output);
        }
        let mut writes: Vec<EntityWrite> = (inputs.into_iter())
            .filter_map(|input| match input {
                EntitiesIn::Begin => None,
                EntitiesIn::Write(write) => Some(write),
            })
            .collect();
        writes.sort_by(|a, b| a.order.cmp_order(&b.order));
        let mut before: FxHashMap<Sym, Option<Entity>> = FxHashMap::default();
        for EntityWrite { order, entity, change } in writes {
            if let Entry::Vacant(vacant) = before.entry(entity) {
                vacant.insert(self.entities.get(&entity).cloned());
            }
            if let Err(wrong) = self.apply(entity, change) {
                let (code, reason, hint) = wrong.words(entity);
                let refused =
                    Refused { source: order.source, id: order.id, code: Sym::new(code), reason, hint };
                output.out.push(EntitiesOut::Refused(refused));
            }
        }
        for (entity, old) in before {
            let new = self.entities.get(&entity);
            if new == old.as_ref() {
                continue;
            }
            let rows = (old.as_ref().map(|old| self.row(entity, old)), new.map(|new| self.row(entity, new)));
            output.replace(catalog::ENTITIES, rows.0, rows.1);
            let piece = (new.is_some() || self.declared.contains_key(&entity)).then(|| new.cloned());
            output.base.push(piece::change(Self::NAME, entity, &entity, piece.as_ref()));
            tell_tags(entity, old.as_ref(), new, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}

fn tell_tags(entity: Sym, old: Option<&Entity>, new: Option<&Entity>, output: &mut Output<EntitiesOut>) {
    let tags = |stored: Option<&Entity>| stored.map_or(Vec::new(), |stored| stored.body.tags.clone());
    let (old, tags) = (tags(old), tags(new));
    if old != tags {
        tell(entity, tags, output);
    }
}

fn tell(entity: Sym, tags: Vec<Sym>, output: &mut Output<EntitiesOut>) {
    output.out.push(EntitiesOut::Tags(EntityTags { entity, tags }));
}
