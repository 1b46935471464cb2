//! What the definitions of NPCs, storylets and prompts name: the world beside them tells them of it.

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Condition, NpcDef, PromptDef, Reads, StoryletDef};

use super::storylets;

/// The quests that an NPC's condition names: where players stand with them must be told.
pub(crate) fn quests_named(def: &NpcDef) -> Vec<Sym> {
    quests_of([&def.when])
}

/// The quests that a storylet's conditions name.
pub(crate) fn quests_of_storylet(def: &StoryletDef) -> Vec<Sym> {
    quests_of(storylets::conditions_of(def))
}

/// The kind of the events at which a storylet may be said.
pub(crate) fn kind_of_storylet(def: &StoryletDef) -> Option<Sym> {
    storylets::pattern_of(def).map(|pattern| Sym::new(&pattern.event))
}

/// The quests that a prompt reads of.
pub(crate) fn quests_of_prompt(def: &PromptDef) -> Vec<Sym> {
    let read = def.context.iter().filter_map(|name| match Reads::of(name) {
        Some(Reads::Quest(quest)) => Some(Sym::new(quest)),
        _ => None,
    });
    read.collect()
}

/// The facts that a prompt reads.
pub(super) fn facts_of_prompt(def: &PromptDef) -> impl Iterator<Item = Sym> + '_ {
    def.context.iter().filter_map(|name| match Reads::of(name) {
        Some(Reads::Fact(fact)) => Some(Sym::new(fact)),
        _ => None,
    })
}

/// The quests that conditions name.
pub(super) fn quests_of<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Vec<Sym> {
    fn visit(when: &Condition, quests: &mut Vec<Sym>) {
        quests.extend(when.quests.keys().map(|quest| Sym::new(quest)));
        for inner in when.all.iter().chain(&when.any).chain(when.not.as_deref()) {
            visit(inner, quests);
        }
    }
    let mut quests = Vec::new();
    conditions.into_iter().for_each(|when| visit(when, &mut quests));
    quests
}
