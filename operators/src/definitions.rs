//! Definitions as base state: what is defined now, told to every operator, and the revisions of it.
//!
//! `edits ─fold per id→ definitions ─broadcast→ every machine`
//! `revisions ─all or nothing→ edits, rows of revisions`
//!
//! One shard keeps them all. An edit that changes nothing is not passed on, so a world folder may be
//! written again at every start. It does not check definitions: that is done where a folder is loaded.

mod revisions;

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::definitions::QuestDef;
use worldflow_schemas::input::{DefinitionEdit, Revise};
use worldflow_schemas::{Sym, Tick};

use crate::machine::{Machine, Output};
use crate::messages::Refused;
use crate::piece;
use revisions::{By, Revisions};

/// What a definition is a definition of; and what else is kept under such a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Kind {
    Climate,
    Schedule,
    Npc,
    Quest,
    View,
    Rule,
    /// A revision, by its number.
    Revision,
    /// How many revisions there have been.
    Count,
    // What comes later comes last: the places of the others are written in snapshots.
    Storylet,
    Behaviour,
    Lore,
    Prompt,
    Arc,
    Dialogue,
}

/// What the machine is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum DefinitionsIn {
    /// One definition, by itself.
    Edit(DefinitionEdit),
    /// Some together.
    Revise(Revise),
}

/// What the machine tells.
#[derive(Clone, Debug, PartialEq)]
pub enum DefinitionsOut {
    /// A definition is another from this tick on.
    Defined(Defined),
    /// One that was loaded.
    Loaded(DefinitionEdit),
    /// A revision was of something else than what is there.
    Refused(Refused),
}

/// An edit that changes something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Defined {
    /// The edit.
    pub edit: DefinitionEdit,
    /// Of a quest that goes on under another id: the former, whose removal is told by this alone. Otherwise
    /// [`Sym::NONE`].
    pub from: Sym,
}

/// The definitions of a realm.
#[derive(Debug)]
pub struct DefinitionsMachine {
    present: Present,
    revisions: Revisions,
}

type Key = (Kind, Sym);

/// What is defined.
type Present = BTreeMap<Key, DefinitionEdit>;

fn key(edit: &DefinitionEdit) -> Option<Key> {
    match edit {
        DefinitionEdit::Climate(id, _) => Some((Kind::Climate, *id)),
        DefinitionEdit::Schedule(id, _) => Some((Kind::Schedule, *id)),
        DefinitionEdit::Npc(id, _) => Some((Kind::Npc, *id)),
        DefinitionEdit::Quest(id, _) => Some((Kind::Quest, *id)),
        DefinitionEdit::View(id, _) => Some((Kind::View, *id)),
        DefinitionEdit::Rule(id, _) => Some((Kind::Rule, *id)),
        DefinitionEdit::Storylet(id, _) => Some((Kind::Storylet, *id)),
        DefinitionEdit::Behaviour(id, _) => Some((Kind::Behaviour, *id)),
        DefinitionEdit::Lore(id, _) => Some((Kind::Lore, *id)),
        DefinitionEdit::Prompt(id, _) => Some((Kind::Prompt, *id)),
        DefinitionEdit::Arc(id, _) => Some((Kind::Arc, *id)),
        DefinitionEdit::Dialogue(id, _) => Some((Kind::Dialogue, *id)),
        DefinitionEdit::Only(_) => None,
    }
}

fn is_removal(edit: &DefinitionEdit) -> bool {
    matches!(
        edit,
        DefinitionEdit::Climate(_, None)
            | DefinitionEdit::Schedule(_, None)
            | DefinitionEdit::Npc(_, None)
            | DefinitionEdit::Quest(_, None)
            | DefinitionEdit::View(_, None)
            | DefinitionEdit::Rule(_, None)
            | DefinitionEdit::Storylet(_, None)
            | DefinitionEdit::Behaviour(_, None)
            | DefinitionEdit::Lore(_, None)
            | DefinitionEdit::Prompt(_, None)
            | DefinitionEdit::Arc(_, None)
            | DefinitionEdit::Dialogue(_, None)
    )
}

fn removal((kind, id): Key) -> Option<DefinitionEdit> {
    match kind {
        Kind::Climate => Some(DefinitionEdit::Climate(id, None)),
        Kind::Schedule => Some(DefinitionEdit::Schedule(id, None)),
        Kind::Npc => Some(DefinitionEdit::Npc(id, None)),
        Kind::Quest => Some(DefinitionEdit::Quest(id, None)),
        Kind::View => Some(DefinitionEdit::View(id, None)),
        Kind::Rule => Some(DefinitionEdit::Rule(id, None)),
        Kind::Storylet => Some(DefinitionEdit::Storylet(id, None)),
        Kind::Behaviour => Some(DefinitionEdit::Behaviour(id, None)),
        Kind::Lore => Some(DefinitionEdit::Lore(id, None)),
        Kind::Prompt => Some(DefinitionEdit::Prompt(id, None)),
        Kind::Arc => Some(DefinitionEdit::Arc(id, None)),
        Kind::Dialogue => Some(DefinitionEdit::Dialogue(id, None)),
        Kind::Revision | Kind::Count => None,
    }
}

/// What the definitions that edits have touched were before them.
type Before = BTreeMap<Key, Option<DefinitionEdit>>;

impl DefinitionsMachine {
    /// Nothing is defined.
    #[must_use]
    pub fn new(realm: Sym, tick_ms: u32) -> DefinitionsMachine {
        DefinitionsMachine { present: Present::new(), revisions: Revisions::new(realm, tick_ms) }
    }

    fn apply(&mut self, edit: DefinitionEdit, before: &mut Before) {
        let Some(key) = key(&edit) else { return self.keep_only(&edit, before) };
        let old = if is_removal(&edit) { self.present.remove(&key) } else { self.present.insert(key, edit) };
        before.entry(key).or_insert(old);
    }

    /// Edits that belong together. Two of one id have no order of their own: the greater text wins. `Only`
    /// comes last. Returns what differs then from what was.
    fn apply_all(&mut self, mut edits: Vec<DefinitionEdit>) -> Before {
        let place = |edit: &DefinitionEdit| {
            let key = key(edit);
            (key.is_none(), key.map(|(kind, id)| (kind, id.as_str())))
        };
        edits.sort_by_cached_key(place);
        for same in edits.chunk_by_mut(|a, b| place(a) == place(b)).filter(|same| same.len() > 1) {
            same.sort_by_cached_key(|edit| format!("{edit:?}"));
        }
        let mut before = Before::new();
        for edit in edits {
            self.apply(edit, &mut before);
        }
        before.retain(|key, before| before.as_ref() != self.present.get(key));
        before
    }

    fn keep_only(&mut self, edit: &DefinitionEdit, before: &mut Before) {
        let DefinitionEdit::Only(only) = edit else { return };
        let set = |ids: &[Sym]| ids.iter().copied().collect::<FxHashSet<Sym>>();
        let (quests, climates, schedules) = (set(&only.quests), set(&only.climates), set(&only.schedules));
        let (npcs, views, rules) = (set(&only.npcs), set(&only.views), set(&only.rules));
        let (storylets, behaviours, lore) = (set(&only.storylets), set(&only.behaviours), set(&only.lore));
        let prompts = set(&only.prompts);
        let arcs = set(&only.arcs);
        let dialogues = set(&only.dialogues);
        let gone: Vec<Key> = self
            .present
            .keys()
            .filter(|(kind, id)| {
                let kept = match kind {
                    Kind::Climate => &climates,
                    Kind::Schedule => &schedules,
                    Kind::Npc => &npcs,
                    Kind::Quest => &quests,
                    Kind::View => &views,
                    Kind::Rule => &rules,
                    Kind::Storylet => &storylets,
                    Kind::Behaviour => &behaviours,
                    Kind::Lore => &lore,
                    Kind::Prompt => &prompts,
                    Kind::Arc => &arcs,
                    Kind::Dialogue => &dialogues,
                    Kind::Revision | Kind::Count => return false,
                };
                !kept.contains(id)
            })
            .copied()
            .collect();
        for edit in gone.into_iter().filter_map(removal) {
            self.apply(edit, before);
        }
    }

    fn quest(&self, id: Sym) -> Option<&QuestDef> {
        quest_of(self.present.get(&(Kind::Quest, id)))
    }

    /// The quests that go on under other ids: the new one of each, and the former.
    ///
    /// A quest that was not there says that it was moved from one that goes in the same tick, and has its scope. Or
    /// one that goes had been moved from the one that comes: then that is undone.
    fn moves(&self, before: &Before) -> Vec<(Sym, Sym)> {
        let (mut come, mut gone) = (Vec::new(), BTreeMap::new());
        for ((_, id), was) in before.iter().filter(|((kind, _), _)| *kind == Kind::Quest) {
            match (quest_of(was.as_ref()), self.quest(*id)) {
                (None, Some(now)) => come.push((id.as_str(), now)),
                (Some(was), None) => drop(gone.insert(id.as_str(), was)),
                _ => {}
            }
        }
        come.sort_by_key(|(id, _)| *id);
        let mut moves: Vec<(Sym, Sym)> = Vec::new();
        for said in [true, false] {
            for (id, now) in &come {
                if moves.iter().any(|(to, _)| to.as_str() == *id) {
                    continue;
                }
                let former = if said {
                    now.moved_from.as_deref().and_then(|from| gone.get_key_value(from))
                } else {
                    gone.iter().find(|(_, was)| was.moved_from.as_deref() == Some(id))
                };
                let former =
                    former.map(|(from, was)| (*from, *was)).filter(|(_, was)| was.scope == now.scope);
                if let Some((from, _)) = former {
                    gone.remove(from);
                    moves.push((Sym::new(id), Sym::new(from)));
                }
            }
        }
        moves
    }

    /// Does a revision, if it is of what is there.
    fn revise(&mut self, tick: Tick, revise: Revise, all: &mut Before, output: &mut Output<DefinitionsOut>) {
        let Revise { source, id, author, source_revision, if_revision, fixed, edits } = revise;
        let now = self.revisions.number();
        if let Some(wanted) = if_revision.filter(|wanted| *wanted != now) {
            return output.out.push(DefinitionsOut::Refused(Refused {
                source,
                id,
                code: Sym::new("revision_moved"),
                reason: format!("it was planned for revision {wanted}, and the realm is at {now}"),
                hint: "plan again, and look at what has changed meanwhile".to_owned(),
                current: None,
            }));
        }
        let before = self.apply_all(edits);
        let moves = self.moves(&before);
        let by = By { author: &author, source_revision: &source_revision, fixed };
        self.revisions.note(tick, &by, &before, &moves, &self.present, output);
        for (key, was) in before {
            all.entry(key).or_insert(was);
        }
    }
}

fn quest_of(edit: Option<&DefinitionEdit>) -> Option<&QuestDef> {
    match edit {
        Some(DefinitionEdit::Quest(_, Some(def))) => Some(def),
        _ => None,
    }
}

impl Machine for DefinitionsMachine {
    type In = DefinitionsIn;
    type Out = DefinitionsOut;
    const NAME: BaseName = "definitions";

    fn load(&mut self, row: BaseRow) {
        let key: Key = piece::key(&row);
        if matches!(key.0, Kind::Revision | Kind::Count) {
            self.revisions.load(key.0, &row);
        } else {
            self.present.insert(key, piece::read::<Key, _>(&row).1);
        }
    }

    fn loaded(&mut self, _: Tick, _: Vec<DefinitionsIn>, output: &mut Output<DefinitionsOut>) {
        let all = self.present.values().cloned();
        output.out.extend(all.flat_map(|edit| {
            let defined = Defined { edit: edit.clone(), from: Sym::NONE };
            [DefinitionsOut::Loaded(edit), DefinitionsOut::Defined(defined)]
        }));
        self.revisions.show(output);
    }

    fn step(&mut self, tick: Tick, inputs: Vec<DefinitionsIn>, output: &mut Output<DefinitionsOut>) {
        let (mut edits, mut revisions) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                DefinitionsIn::Edit(edit) => edits.push(edit),
                DefinitionsIn::Revise(revise) => revisions.push(revise),
            }
        }
        let mut all = self.apply_all(edits);
        let moves = self.moves(&all);
        self.revisions.note(tick, &By::nobody(), &all, &moves, &self.present, output);
        revisions.sort_by(|a, b| a.source.cmp_text(b.source).then_with(|| a.id.cmp(&b.id)));
        for revise in revisions {
            self.revise(tick, revise, &mut all, output);
        }
        let moves: BTreeMap<Sym, Sym> = self.moves(&all).into_iter().collect();
        // Of each definition others are told once, whatever has been done to it in the tick.
        for (key, before) in &all {
            let now = self.present.get(key);
            if before.as_ref() == now {
                continue;
            }
            output.base.push(piece::change(Self::NAME, Sym::NONE, key, now));
            let of_quest = key.0 == Kind::Quest;
            if of_quest && now.is_none() && moves.values().any(|from| *from == key.1) {
                continue;
            }
            let from = moves.get(&key.1).copied().filter(|_| of_quest).unwrap_or(Sym::NONE);
            let edit = now.cloned().or_else(|| removal(*key));
            output.out.extend(edit.map(|edit| DefinitionsOut::Defined(Defined { edit, from })));
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}

#[cfg(test)]
mod tests;
