//! Dialogue: what is said between a player and an NPC as Yarn files have it, and what the player chooses.
//!
//! ```text
//! events (talk, choose) ─by player→ DialoguesMachine ─→ dialogues, dialogue_lines, dialogue_options
//!     nodes, facts, conditions ──────┘     └─ effects on facts ─loop→ the next tick
//! ```
//!
//! [`take_turn`] is a pure function from nodes, a place in them and what can be read to what is said, offered and done; it knows no
//! players. [`DialoguesMachine`] keeps where each player is, what was chosen and what was visited. Neither knows Yarn: a world folder
//! hands over steps.

mod formula;
mod machine;
mod state;
mod turn;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Condition, DialogueDef, NpcDef};

use crate::arcs::ArcsIn;
use crate::messages::{FactEffect, Refused};

pub use formula::Said;
pub use machine::DialoguesMachine;
pub use turn::{Change, Nodes, Offer, Reads, Shut, Spoken, Turn, Why, offer, take_turn};

/// The kind of event by which a player chooses; its target is the NPC.
pub const CHOOSE: &str = "choose";

/// The attribute of [`CHOOSE`] that says what: the key of an option, or its place.
pub const OPTION: &str = "option";

/// What the operator of dialogue is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum DialoguesIn {
    /// A node is defined, or no longer. Broadcast, also in the tick of a load.
    Define(Sym, Option<Arc<DialogueDef>>),
    /// How an NPC is addressed, or that it has no dialogue. Broadcast, also in the tick of a load.
    Door(Sym, Option<Box<Door>>),
    /// What conditions are tested against, and events whose target may be an NPC, by the player.
    World(ArcsIn),
}

/// What the operator of dialogue tells.
#[derive(Clone, Debug)]
pub enum DialoguesOut {
    /// A fact is another in the next tick.
    Effect(FactEffect),
    /// A choice that could not be made.
    Refused(Refused),
}

/// How a dialogue with an NPC begins.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Door {
    /// The node.
    pub node: Sym,
    /// The kind of event that addresses the NPC.
    pub addressed_by: Sym,
    /// What must hold for it to answer.
    pub when: Condition,
}

impl Door {
    /// The door of an NPC, if it has a dialogue.
    #[must_use]
    pub fn of(npc: &NpcDef) -> Option<Door> {
        let node = Sym::new(npc.dialogue.as_deref()?);
        Some(Door { node, addressed_by: Sym::new(&npc.addressed_by), when: npc.when.clone() })
    }
}

/// The quests that the conditions of a node name: where players stand with them must be told.
#[must_use]
pub fn quests_named(def: &DialogueDef) -> Vec<Sym> {
    quests_of(&def.conditions)
}

/// The quests that conditions name.
fn quests_of<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Vec<Sym> {
    let mut quests = Vec::new();
    conditions.into_iter().for_each(|when| visit(when, &mut quests));
    quests
}

fn visit(when: &Condition, quests: &mut Vec<Sym>) {
    quests.extend(when.quests.keys().map(|quest| Sym::new(quest)));
    for inner in when.all.iter().chain(&when.any).chain(when.not.as_deref()) {
        visit(inner, quests);
    }
}
