//! The evaluator's rows: what the four views hold for a holder, and the differences between ticks.

use std::collections::HashSet;

use serde_json::{Value as Json, json};
use worldflow_schemas::definitions::{QuestDef, QuestState};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Diff, Sym, Tick};

use super::{Held, Oracle, gated};

fn text(sym: Sym) -> Json {
    if sym.is_none() { Json::Null } else { sym.as_str().into() }
}

/// Whether there is a row of `quest_state`.
pub fn shown(def: &QuestDef, held: &Held) -> bool {
    let available = held.state == QuestState::Available && gated(def);
    held.instance > 0 || held.state == QuestState::Offered || available
}

impl Oracle {
    /// Compares a holder's rows with what they were and notes the changes. Whether there are any.
    pub fn note_changes(&mut self, tick: Tick, holder: Holder) -> bool {
        let before = self.changes.len();
        let new = self.rows_of(holder);
        let old = self.rows.remove(&holder).unwrap_or_default();
        let was: HashSet<_> = old.iter().collect();
        let is: HashSet<_> = new.iter().collect();
        for (view, row) in old.iter().filter(|row| !is.contains(row)) {
            self.changes.push((view, row.clone(), tick, -1));
        }
        for (view, row) in new.iter().filter(|row| !was.contains(row)) {
            self.changes.push((view, row.clone(), tick, 1));
        }
        if !new.is_empty() {
            self.rows.insert(holder, new);
        }
        self.changes.len() > before
    }

    /// What an objective showed at the end of the tick before; 0 without a row.
    pub fn value_seen(&self, holder: Holder, quest: &str, objective: &str) -> i64 {
        if self.moved.iter().any(|(_, from)| **from == *quest) {
            return 0;
        }
        let rows = self.rows.get(&holder).into_iter().flatten();
        // It has always been called as it is now.
        let former = self.moved.iter().find(|(to, _)| **to == *quest).map(|(_, from)| &**from);
        let quest = former.unwrap_or(quest);
        let mut found = rows
            .filter(|(view, row)| *view == "objective_progress" && row[3] == quest && row[5] == objective);
        found.next().and_then(|(_, row)| row[7].as_i64()).unwrap_or(0)
    }

    pub fn note_grant(&mut self, tick: Tick, row: &[Json], diff: Diff) {
        self.changes.push(("grants", row.to_vec(), tick, diff));
    }

    fn rows_of(&self, holder: Holder) -> Vec<(&'static str, Vec<Json>)> {
        let mut rows = Vec::new();
        let Some(quests) = self.held.get(&holder) else { return rows };
        for (quest, held) in quests {
            let Some(def) = self.quests.get(quest).filter(|def| def.scope == holder.scope) else { continue };
            let lead =
                [json!(self.realm.as_str()), json!(holder.scope.name()), text(holder.id), json!(**quest)];
            let mut settled = |kind: &str, name: &str, value: Json| {
                let mut row = lead.to_vec();
                row.extend([json!(kind), json!(name), json!(held.instance), value]);
                rows.push(("quest_bindings", row));
            };
            for (stage, branch) in &held.branches {
                settled("branch", stage, json!(branch));
            }
            if let Some(round) = held.rounds {
                settled("round", "round", json!(round));
            }
            for (role, entity) in &held.roles {
                settled("role", role, json!(entity));
            }
            if let Some(player) = held.tapper {
                settled("tapper", "tapper", json!(player.as_str()));
            }
            if !shown(def, held) {
                continue;
            }
            let (open, active) = (held.state.is_open(), held.state == QuestState::Active);
            let (stage, stage_def) = &def.stages.0[if open { held.stage } else { 0 }];
            let mut row = lead.to_vec();
            row.extend([
                json!(held.instance),
                json!(held.state.name()),
                if open { json!(stage) } else { Json::Null },
                json!(held.since),
                held.deadline.filter(|_| active).map_or(Json::Null, |at| json!(at)),
                json!(held.completions),
            ]);
            rows.push(("quest_state", row));
            if held.state.is_open() {
                for ((objective, def), progress) in stage_def.objectives.iter().zip(&held.objectives) {
                    let mut row = lead.to_vec();
                    let (need, value) = (self.need_of(holder, def), self.value_of(holder, def, progress));
                    row.extend([json!(stage), json!(objective), json!(held.instance), json!(value)]);
                    row.extend([json!(need), json!(progress.done), json!(progress.hidden)]);
                    rows.push(("objective_progress", row));
                }
                if active {
                    rows.extend(self.times_rows(&lead, held, stage, stage_def));
                }
                rows.extend(self.credit_rows(&lead, held));
            }
        }
        rows
    }

    fn credit_rows(&self, lead: &[Json], held: &Held) -> Vec<(&'static str, Vec<Json>)> {
        let row = |((stage, objective, player), amount): (&(String, String, Sym), &i64)| {
            let mut row = lead.to_vec();
            row.extend([json!(stage), json!(objective), text(*player), json!(held.instance), json!(amount)]);
            ("contributions", row)
        };
        held.credits.iter().map(row).collect()
    }
}
