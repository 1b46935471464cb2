//! Which quests and NPCs are defined, for edges: they refuse what is about another quest before it is an input, and judge by an
//! NPC's own rules what a model has it say.
//!
//! The graph decides all the same, as of the tick. It is filled by what the sequencer takes, and a world writes all of its
//! definitions anew at every start. In a copy of a realm nobody does: there it is filled by what was loaded and replayed.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};
use timely::worker::Worker;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::NpcDef;
use worldflow_schemas::input::{Command, DefinitionEdit};

use crate::graph::{BuildGraph, GraphIo, WorkerOutputs};

/// The quests and NPCs of a realm. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Defined {
    quests: Arc<RwLock<FxHashSet<Sym>>>,
    npcs: Arc<RwLock<Npcs>>,
    recovered: Arc<Mutex<Recovered>>,
}

/// What is noted when a realm has taken back what was before.
#[derive(Clone, Debug, Default)]
struct Recovered {
    loaded: Vec<DefinitionEdit>,
    replayed: Vec<DefinitionEdit>,
}

/// A graph that notes what definitions are loaded.
pub(crate) struct Noting {
    pub(crate) graph: Arc<dyn BuildGraph>,
    pub(crate) defined: Defined,
}

impl BuildGraph for Noting {
    fn build(&self, worker: &mut Worker, outputs: WorkerOutputs) -> GraphIo {
        self.graph.build(worker, outputs.noting(&self.defined))
    }
}

/// The NPCs that can speak, and how often they have been edited.
#[derive(Clone, Debug, Default)]
pub struct Npcs {
    /// Changes with every edit of one.
    pub revision: u64,
    /// By id.
    pub defs: FxHashMap<Sym, Arc<NpcDef>>,
}

impl Defined {
    /// Whether a quest has this id.
    #[must_use]
    pub fn has_quest(&self, id: Sym) -> bool {
        self.quests.read().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// The ids of all quests, in no order.
    #[must_use]
    pub fn quests(&self) -> Vec<Sym> {
        self.quests.read().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// The NPCs, as they are now.
    #[must_use]
    pub fn npcs(&self) -> Npcs {
        self.npcs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The revision of the NPCs.
    #[must_use]
    pub fn npcs_revision(&self) -> u64 {
        self.npcs.read().unwrap_or_else(PoisonError::into_inner).revision
    }

    fn edit_npcs(&self, edit: impl FnOnce(&mut FxHashMap<Sym, Arc<NpcDef>>)) {
        let mut npcs = self.npcs.write().unwrap_or_else(PoisonError::into_inner);
        edit(&mut npcs.defs);
        npcs.revision += 1;
    }

    fn recovered(&self, add: impl FnOnce(&mut Recovered)) {
        add(&mut self.recovered.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Definitions that the graph has loaded.
    pub(crate) fn loaded(&self, edits: &mut Vec<DefinitionEdit>) {
        self.recovered(|recovered| recovered.loaded.append(edits));
    }

    /// Inputs of a tick of the journal, in the order of ticks.
    pub(crate) fn replayed(&self, commands: &[Command]) {
        let mut edits = Vec::new();
        for command in commands {
            match command {
                Command::Define(edit) => edits.push(edit.clone()),
                Command::Revise(revise) => edits.extend(revise.edits.iter().cloned()),
                _ => {}
            }
        }
        if !edits.is_empty() {
            // What says that there are no others counts last.
            edits.sort_by_key(|edit| matches!(edit, DefinitionEdit::Only(_)));
            self.recovered(|recovered| recovered.replayed.append(&mut edits));
        }
    }

    /// Everything has been taken back: the graph has loaded what was there, and the journal has been replayed.
    pub(crate) fn settle(&self) {
        let mut all = Recovered::default();
        self.recovered(|recovered| std::mem::swap(recovered, &mut all));
        all.loaded.iter().chain(&all.replayed).for_each(|edit| self.note(edit));
    }

    /// Definitions are written together; what says that there are no others counts last.
    pub fn note_all(&self, edits: &[DefinitionEdit]) {
        let only = |edit: &&DefinitionEdit| matches!(edit, DefinitionEdit::Only(_));
        edits.iter().filter(|edit| !only(edit)).for_each(|edit| self.note(edit));
        edits.iter().filter(only).for_each(|edit| self.note(edit));
    }

    /// A definition is written.
    pub fn note(&self, edit: &DefinitionEdit) {
        let quests = || self.quests.write().unwrap_or_else(PoisonError::into_inner);
        match edit {
            DefinitionEdit::Quest(id, Some(_)) => drop(quests().insert(*id)),
            DefinitionEdit::Quest(id, None) => drop(quests().remove(id)),
            DefinitionEdit::Npc(id, Some(def)) => self.edit_npcs(|npcs| drop(npcs.insert(*id, def.clone()))),
            DefinitionEdit::Npc(id, None) => self.edit_npcs(|npcs| drop(npcs.remove(id))),
            DefinitionEdit::Only(only) => {
                quests().retain(|id| only.quests.contains(id));
                self.edit_npcs(|npcs| npcs.retain(|id, _| only.npcs.contains(id)));
            }
            DefinitionEdit::Climate(..)
            | DefinitionEdit::Schedule(..)
            | DefinitionEdit::Prompt(..)
            | DefinitionEdit::View(..)
            | DefinitionEdit::Rule(..)
            | DefinitionEdit::Storylet(..)
            | DefinitionEdit::Behaviour(..) => {}
            DefinitionEdit::Lore(..) | DefinitionEdit::Arc(..) | DefinitionEdit::Dialogue(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::input::Only;

    use super::*;

    #[test]
    fn what_was_replayed_counts_after_what_was_loaded_whenever_that_is_told() {
        let defined = Defined::default();
        let quest = |id: &str| {
            let quest =
                serde_json::json!({"title": "t", "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
            DefinitionEdit::Quest(
                Sym::new(id),
                Some(Arc::new(serde_json::from_value(quest).expect("a quest"))),
            )
        };
        defined.replayed(&[Command::Define(DefinitionEdit::Quest("gone".into(), None))]);
        defined.replayed(&[Command::Define(quest("new"))]);
        defined.loaded(&mut vec![quest("gone"), quest("kept")]);
        assert!(defined.quests().is_empty(), "not before all of it is there");
        defined.settle();
        let mut quests = defined.quests();
        quests.sort_by(|a, b| a.cmp_text(*b));
        assert_eq!(quests, [Sym::new("kept"), Sym::new("new")]);
    }

    #[test]
    fn what_is_written_last_counts() {
        let defined = Defined::default();
        let (a, b) = (Sym::new("quest-a"), Sym::new("quest-b"));
        for id in [a, b] {
            let quest =
                serde_json::json!({"title": "t", "stages": {"s": {"objectives": {"o": {"event": "kill"}}}}});
            let quest = serde_json::from_value(quest).expect("a quest");
            defined.note(&DefinitionEdit::Quest(id, Some(Arc::new(quest))));
        }
        assert!(defined.has_quest(a) && defined.has_quest(b));
        defined.note(&DefinitionEdit::Quest(a, None));
        assert_eq!(defined.quests(), [b]);
        defined.note(&DefinitionEdit::Only(Box::new(Only { quests: vec![a], ..Only::default() })));
        assert!(!defined.has_quest(a) && !defined.has_quest(b));
    }
}
