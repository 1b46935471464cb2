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
    View,
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
        DefinitionEdit::View(id, _) => Some((Kind::View, *id)),
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
            | DefinitionEdit::View(_, None)
    )
}

fn removal((kind, id): (Kind, Sym)) -> DefinitionEdit {
    match kind {
        Kind::Climate => DefinitionEdit::Climate(id, None),
        Kind::Schedule => DefinitionEdit::Schedule(id, None),
        Kind::Npc => DefinitionEdit::Npc(id, None),
        Kind::Quest => DefinitionEdit::Quest(id, None),
        Kind::View => DefinitionEdit::View(id, None),
    }
}

/// What the definitions that a tick has touched were before it.
type Before = BTreeMap<(Kind, Sym), Option<DefinitionEdit>>;

impl DefinitionsMachine {
    fn apply(&mut self, edit: DefinitionEdit, before: &mut Before) {
        let Some(key) = key(&edit) else { return self.keep_only(&edit, before) };
        let old = if is_removal(&edit) { self.present.remove(&key) } else { self.present.insert(key, edit) };
        before.entry(key).or_insert(old);
    }

    fn keep_only(&mut self, edit: &DefinitionEdit, before: &mut Before) {
        let DefinitionEdit::Only { quests, climates, schedules, npcs, views } = edit else { return };
        let gone: Vec<(Kind, Sym)> = self
            .present
            .keys()
            .filter(|(kind, id)| {
                let kept = match kind {
                    Kind::Climate => climates,
                    Kind::Schedule => schedules,
                    Kind::Npc => npcs,
                    Kind::Quest => quests,
                    Kind::View => views,
                };
                !kept.contains(id)
            })
            .copied()
            .collect();
        for key in gone {
            self.apply(removal(key), before);
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
        let mut before = Before::new();
        for edit in inputs {
            self.apply(edit, &mut before);
        }
        // Of each definition others are told once, whatever has been done to it in the tick.
        for (key, before) in before {
            let now = self.present.get(&key);
            if before.as_ref() == now {
                continue;
            }
            output.base.push(piece::change(Self::NAME, Sym::NONE, &key, now));
            output.out.push(now.cloned().unwrap_or_else(|| removal(key)));
        }
    }

    fn alarm(&self) -> Option<Tick> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use worldflow_schemas::definitions::{QuestDef, ScheduleDef, SqlViewDef};

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
            views: Vec::new(),
        };
        let removed = step(&mut machine, vec![only, schedule("fair", "1 09:00")]);
        assert!(removed.out.contains(&schedule("fair", "1 09:00")), "{:?}", removed.out);
        assert!(removed.out.contains(&DefinitionEdit::Schedule("ball".into(), None)), "{:?}", removed.out);
        assert_eq!((removed.out.len(), removed.base.len()), (2, 2));
    }

    #[test]
    fn of_each_definition_others_are_told_once_a_tick() {
        let mut machine = DefinitionsMachine::default();
        let none = DefinitionEdit::Only {
            quests: Vec::new(),
            climates: Vec::new(),
            schedules: Vec::new(),
            npcs: Vec::new(),
            views: Vec::new(),
        };
        assert_eq!(step(&mut machine, vec![none.clone(), schedule("fair", "1 08:00")]).out, []);
        let both = vec![schedule("fair", "1 08:00"), schedule("fair", "1 09:00")];
        assert_eq!(step(&mut machine, both).out, [schedule("fair", "1 09:00")]);
        let gone = step(&mut machine, vec![schedule("fair", "1 07:00"), none]);
        assert_eq!(gone.out, [DefinitionEdit::Schedule("fair".into(), None)]);
        assert_eq!((gone.base.len(), gone.base[0].value.is_none()), (1, true));
    }

    #[test]
    fn a_quest_with_all_that_is_optional_comes_back_from_base_state_as_it_was() {
        let def: QuestDef = serde_saphyr::from_str(
            r#"{
            "title": "All", "scope": "guild", "accept": "auto", "turn_in": "manual",
            "requires": {
                "phase": ["dusk", "night"], "hours": "20:00-06:00", "season": "spring",
                "moon": {"luna": "full"}, "region": "moor", "level": {"at_least": 3, "below": 9},
                "weather": {"kind": "rain", "intensity": {"above": 0.25}, "lasting": "10m world"},
                "facts": {"mood": 4, "name": {"one_of": ["a", 1, 0.5, true]}, "open": {"is_not": false}},
                "quests": {"other": ["done", "failed"]},
                "any": [{"phase": "day"}, {"not": {"all": [{"region": "fen"}]}}],
            },
            "exclusive_group": "one", "deadline": "2d world",
            "fail_on": [{"event": "death", "where": {"by": "fire"}}],
            "fail_when": {"facts": {"war": true}},
            "repeat": {"weekly": {"day": "monday", "at": "04:00", "zone": "Europe/Berlin"}},
            "stages": {
                "zeta": {"title": "First", "complete": {"at_least": 1}, "objectives": {
                    "z": {"event": "kill", "target": ["wolf", "beast"], "count": 3, "within": "5m",
                          "where": {"damage": {"at_least": 0.5}}, "when": {"phase": "night"}},
                    "a": {"event": "gather", "distinct": 2, "of": "kind", "optional": true},
                }},
                "alpha": {"complete": "sequence", "objectives": {
                    "s": {"title": "Sum", "event": "pay", "sum": 10, "of": "coins"},
                    "m": {"event": "jump", "max": 7, "hidden_until": ["s"]},
                    "e": {"event": "kill", "count": 9, "since": "ever", "lifetime": "kills"},
                }},
            },
            "rewards": {"experience": 5, "slots": {"hat": {"item": "hat", "amount": 2}},
                        "to": {"contributors": {"at_least": 4}}},
            "effects": [{"set": {"fact": "saved", "to": true}}, {"add": {"fact": "mood", "by": 0.5}}],
        }"#,
        )
        .expect("a quest");
        let edit = DefinitionEdit::Quest(Sym::new("all"), Some(Arc::new(def)));
        let bytes = postcard::to_stdvec(&edit).expect("an edit is plain data");
        assert_eq!(postcard::from_bytes::<DefinitionEdit>(&bytes), Ok(edit));
    }

    #[test]
    fn a_view_in_sql_is_kept_like_the_others() {
        let sql = "CREATE VIEW rain AS SELECT realm, zone FROM weather".to_owned();
        let view = DefinitionEdit::View(Sym::new("rain"), Some(Arc::new(SqlViewDef { sql })));
        let mut machine = DefinitionsMachine::default();
        let added = step(&mut machine, vec![view.clone()]);
        assert_eq!((added.out, added.base.len()), (vec![view.clone()], 1));
        let bytes = postcard::to_stdvec(&view).expect("an edit is plain data");
        assert_eq!(postcard::from_bytes::<DefinitionEdit>(&bytes), Ok(view.clone()));
        let all = serde_json::json!({"Only": {
            "quests": [], "climates": [], "schedules": [], "npcs": [], "views": ["rain"],
        }});
        assert_eq!(step(&mut machine, vec![serde_json::from_value(all).expect("an edit")]).out, []);
        // As it was written before there were views.
        let older = serde_json::json!({"Only": {"quests": [], "climates": [], "schedules": [], "npcs": []}});
        let gone = step(&mut machine, vec![serde_json::from_value(older).expect("an edit")]);
        assert_eq!(gone.out, [DefinitionEdit::View("rain".into(), None)]);
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
