//! Which quests are defined, for edges: they refuse what is about another before it is an input.
//!
//! The graph decides all the same, as of the tick. It is filled by what the sequencer takes, and a world writes all of its
//! definitions anew at every start.

use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashSet;
use worldflow_schemas::Sym;
use worldflow_schemas::input::DefinitionEdit;

/// The quests of a realm. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Defined {
    quests: Arc<RwLock<FxHashSet<Sym>>>,
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
            DefinitionEdit::Only(only) => quests().retain(|id| only.quests.contains(id)),
            DefinitionEdit::Climate(..)
            | DefinitionEdit::Schedule(..)
            | DefinitionEdit::Npc(..)
            | DefinitionEdit::View(..)
            | DefinitionEdit::Rule(..)
            | DefinitionEdit::Storylet(..)
            | DefinitionEdit::Behaviour(..) => {}
            DefinitionEdit::Lore(..) | DefinitionEdit::Arc(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::input::Only;

    use super::*;

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
