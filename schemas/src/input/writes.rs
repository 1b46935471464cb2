//! Writes of facts and entities, also those that expect a version.

use serde::{Deserialize, Serialize};

use super::{Command, Holder, WriteOrder};
use crate::sym::Sym;
use crate::value::Value;

/// How a fact changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FactChange {
    /// It becomes this value.
    Set(Value),
    /// This is added to it.
    Add(Value),
    /// It goes back to its default.
    Clear,
    /// It is brought within these bounds; absent ones are [`Value::Null`]. Only rules do this.
    Clamp(Value, Value),
}

/// A write of a fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Whose.
    pub holder: Holder,
    /// Which fact.
    pub fact: Sym,
    /// How.
    pub change: FactChange,
}

/// A write of an entity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntityWrite {
    /// Its place among the writes of the tick.
    pub order: WriteOrder,
    /// Which entity.
    pub entity: Sym,
    /// What is done.
    pub change: EntityChange,
}

/// What is done to an entity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EntityChange {
    /// The entity becomes exactly this.
    Upsert(EntityBody),
    /// The named properties change (null removes one); kind and tags stay unless given.
    Merge {
        /// Properties to set; [`Value::Null`] removes.
        properties: Vec<(Sym, Value)>,
        /// Tags to add.
        add_tags: Vec<Sym>,
        /// Tags to remove.
        remove_tags: Vec<Sym>,
    },
    /// The entity goes.
    Delete,
}

/// A write that is done only if what it changes is at a version; otherwise it is refused, and its sender told
/// what is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IfVersion {
    /// As in the row; 0 when there is to be none.
    pub version: u64,
    /// The write.
    pub write: Versioned,
}

/// A write of something that has a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Versioned {
    /// Of a fact.
    Fact(FactWrite),
    /// Of an entity.
    Entity(EntityWrite),
}

impl Versioned {
    /// The command, which is bound to a version if one is given.
    #[must_use]
    pub fn expecting(self, version: Option<u64>) -> Command {
        match (self, version) {
            (write, Some(version)) => Command::IfVersion(IfVersion { version, write }),
            (Versioned::Fact(write), None) => Command::Fact(write),
            (Versioned::Entity(write), None) => Command::Entity(write),
        }
    }
}

/// What a write found that expected another version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Current {
    /// As in the row; 0 when there is none.
    pub version: u64,
    /// What is there.
    pub value: CurrentValue,
}

/// What is there, of something that has a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CurrentValue {
    /// The value of a fact, which may be its default.
    Fact(Value),
    /// An entity, if it is there.
    Entity(Option<EntityBody>),
}

/// What an entity is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntityBody {
    /// `npc`, `object`, `place` or `player`.
    pub kind: Sym,
    /// Sorted by text, without repeats.
    pub tags: Vec<Sym>,
    /// Sorted by name text, without repeats.
    pub properties: Vec<(Sym, Value)>,
}
