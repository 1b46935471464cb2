//! Definitions as base state: what is defined now, told to every operator.
//!
//! `edits ─fold per id→ definitions ─broadcast→ every machine`
//!
//! One shard keeps them all. An edit that changes nothing is not passed on, so a world folder may be
//! written again at every start. It does not check definitions: that is done where a folder is loaded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use worldflow_schemas::base::{BaseName, BaseRow};
use worldflow_schemas::input::DefinitionEdit;
use worldflow_schemas::{Sym, Tick};

use crate::machine::{Machine, Output};
use crate::piece;

/// What a definition is a definition of, and its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Kind {
    Climate,
    Schedule,
    Npc,
    Quest,
}

/// The definitions of a realm.
#[derive(Default)]
pub struct DefinitionsMachine {
    present: BTreeMap<(Kind, Sym), DefinitionEdit>,
}

fn key(edit: &DefinitionEdit) -> Option<(Kind, Sym)> {
    match edit {
        DefinitionEdit::Climate(id, _) => Some((Kind::Climate, *id)),
        DefinitionEdit::Schedule(id, _) => Some((Kind::Schedule, *id)),
        DefinitionEdit::Npc(id, _) => Some((Kind::Npc, *id)),
        DefinitionEdit::Quest(id, _) => Some((Kind::Quest, *id)),
        DefinitionEdit::Only { .. } => None,
    }
}

fn is_removal(edit: &DefinitionEdit) -> bool {
    matches!(
        edit,
        DefinitionEdit::Climate(_, None)
            | DefinitionEdit::Schedule(_, None)
            | DefinitionEdit::Npc(_, None)
            | DefinitionEdit::Quest(_, None)
    )
}

fn removal((kind, id): (Kind, Sym)) -> DefinitionEdit {
    match kind {
        Kind::Climate => DefinitionEdit::Climate(id, None),
        Kind::Schedule => DefinitionEdit::Schedule(id, None),
        Kind::Npc => DefinitionEdit::Npc(id, None),
        Kind::Quest => DefinitionEdit::Quest(id, None),
    }
}

impl DefinitionsMachine {
    fn apply(&mut self, edit: DefinitionEdit, output: &mut Output<DefinitionEdit>) {
        let Some(key) = key(&edit) else { return self.keep_only(&edit, output) };
        if is_removal(&edit) {
            if self.present.remove(&key).is_none() {
                return;
            }
            output.base.push(piece::change::<_, ()>(Self::NAME, Sym::NONE, &key, None));
        } else {
            if self.present.get(&key) == Some(&edit) {
                return;
            }
            output.base.push(piece::change(Self::NAME, Sym::NONE, &key, Some(&edit)));
            self.present.insert(key, edit.clone());
        }
        output.out.push(edit);
    }

    fn keep_only(&mut self, edit: &DefinitionEdit, output: &mut Output<DefinitionEdit>) {
        let DefinitionEdit::Only { quests, climates, schedules, npcs } = edit else { return };
        let gone: Vec<(Kind, Sym)> = self
            .present
            .keys()
            .filter(|(kind, id)| {
                let kept = match kind {
                    Kind::Climate => climates,
                    Kind::Schedule => schedules,
                    Kind::Npc => npcs,
                    Kind::Quest => quests,
                };
                !kept.contains(id)
            })
            .copied()
            .collect();
        for key in gone {
            self.apply(removal(key), output);
        }
    }
}

impl Machine for DefinitionsMachine {
    type In = DefinitionEdit;
    type Out = DefinitionEdit;
    const NAME: BaseName = "definitions";

    fn load(&mut self, row: BaseRow) {
        let (key, edit) = piece::read(&row);
        self.present.insert(key, edit);
    }

    fn loaded(&mut self, _: Tick, _: Vec<DefinitionEdit>, output: &mut Output<DefinitionEdit>) {
        output.out.extend(self.present.values().cloned());
    }

    fn step(&mut self, _: Tick, mut inputs: Vec<DefinitionEdit>, output: &mut Output<DefinitionEdit>) {
        // Two edits of one id in a tick have no order of their own: the greater text wins. `Only`
        // comes last.
        inputs.sort_by_cached_key(|edit| {
            (key(edit).is_none(), key(edit).map(|(kind, id)| (kind, id.as_str())), format!("{edit:?}"))
        });
        for edit in inputs {
            self.apply(edit, output);
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use worldflow_schemas::definitions::ScheduleDef;

    use super::*;

    fn schedule(id: &str, at: &str) -> DefinitionEdit {
        let def = ScheduleDef { kind: String::new(), at: at.to_owned(), every: None, times: None };
        DefinitionEdit::Schedule(Sym::new(id), Some(Arc::new(def)))
    }

    fn step(machine: &mut DefinitionsMachine, inputs: Vec<DefinitionEdit>) -> Output<DefinitionEdit> {
        let mut output = Output::default();
        machine.step(1, inputs, &mut output);
        output
    }

    #[test]
    fn what_changes_nothing_is_not_passed_on_and_only_removes_the_rest() {
        let mut machine = DefinitionsMachine::default();
        assert_eq!(
            step(&mut machine, vec![schedule("fair", "1 08:00"), schedule("ball", "2 08:00")]).out.len(),
            2
        );
        assert_eq!(step(&mut machine, vec![schedule("fair", "1 08:00")]).out, []);
        let only = DefinitionEdit::Only {
            quests: Vec::new(),
            climates: Vec::new(),
            schedules: vec!["fair".into()],
            npcs: Vec::new(),
        };
        let removed = step(&mut machine, vec![only, schedule("fair", "1 09:00")]);
        assert_eq!(removed.out, [schedule("fair", "1 09:00"), DefinitionEdit::Schedule("ball".into(), None)]);
        assert_eq!(removed.base.len(), 2);
    }

    #[test]
    fn a_loaded_machine_tells_what_the_first_one_knew() {
        let mut machine = DefinitionsMachine::default();
        let first = step(&mut machine, vec![schedule("fair", "1 08:00"), schedule("ball", "2 08:00")]);
        let mut again = DefinitionsMachine::default();
        for change in first.base {
            let value = change.value.expect("added");
            again.load(BaseRow {
                operator: "definitions".into(),
                route: change.route,
                key: change.key,
                value,
            });
        }
        let mut output = Output::default();
        again.loaded(1, Vec::new(), &mut output);
        assert_eq!(output.out.len(), 2);
        assert!(output.out.contains(&schedule("ball", "2 08:00")));
    }
}
