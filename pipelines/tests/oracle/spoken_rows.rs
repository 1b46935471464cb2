//! The evaluator's rows of what NPCs say: the last lines of each pair, what each player was told, whom each
//! storylet reaches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use worldflow_schemas::{Sym, Tick, catalog};

use super::Oracle;
use super::storylets::Said;

/// How many lines of each player and NPC are kept.
const KEPT_LINES: usize = 20;

/// Rows of the views, by view and text.
pub type Shown = BTreeMap<(&'static str, String), Vec<Json>>;

impl Oracle {
    /// The rows of the three views, made anew from all that was said, and how they have changed.
    pub(super) fn note_spoken(&mut self, tick: Tick) {
        let storylets = self.spoken.storylets.keys().cloned().collect();
        let limits = self.limit_rows(tick);
        let made_of = (self.spoken.said.len(), self.spoken.could.len(), storylets, limits.clone());
        if made_of == self.spoken.made_of {
            return;
        }
        self.spoken.made_of = made_of;
        let mut rows = Shown::new();
        if self.line_rows(&mut rows) > KEPT_LINES {
            self.spoken.meet("kept lines");
        }
        self.memory_rows(&mut rows);
        rows.extend(limits.into_iter().map(|row| (("storylet_limits", json!(row).to_string()), row)));
        let old = std::mem::replace(&mut self.spoken.shown, rows);
        let new = &self.spoken.shown;
        let gone = old
            .iter()
            .filter(|(row, _)| !new.contains_key(row))
            .map(|((view, _), row)| (*view, row.clone(), tick, -1));
        let come = new
            .iter()
            .filter(|(row, _)| !old.contains_key(row))
            .map(|((view, _), row)| (*view, row.clone(), tick, 1));
        self.changes.extend(gone.chain(come).collect::<Vec<_>>());
    }

    /// Adds the last lines of each pair; how many there were of the one that spoke most.
    fn line_rows(&self, rows: &mut Shown) -> usize {
        let mut pairs: BTreeMap<(&str, &str), Vec<&Said>> = BTreeMap::new();
        for said in &self.spoken.said {
            pairs.entry((said.player.as_str(), &said.npc)).or_default().push(said);
        }
        let most = pairs.values().map(Vec::len).max().unwrap_or(0);
        for said in pairs.into_values() {
            for (place, said) in said.iter().enumerate().skip(said.len().saturating_sub(KEPT_LINES)) {
                let mut row = vec![
                    json!(self.realm.as_str()),
                    json!(said.player.as_str()),
                    json!(said.npc),
                    json!(place + 1),
                    json!(said.text),
                    json!("authored"),
                    json!(said.why),
                    Json::Null,
                    json!(said.tick),
                    json!(said.storylet),
                ];
                // Nothing is known of a request: no tier is asked.
                row.resize(catalog::NPC_LINES.def().columns.len(), Json::Null);
                rows.insert(("npc_lines", json!(row).to_string()), row);
            }
        }
        most
    }

    fn memory_rows(&self, rows: &mut Shown) {
        let realm = json!(self.realm.as_str());
        for (player, storylet) in &self.spoken.could {
            let said: Vec<&Said> = self.spoken.of(Sym::new(player), storylet).collect();
            let last = said.last().map(|said| said.tick);
            let row = vec![realm.clone(), json!(player), json!(storylet), json!(said.len()), json!(last)];
            rows.insert(("storylet_memory", json!(row).to_string()), row);
        }
        for storylet in self.spoken.storylets.keys() {
            let could = self.spoken.could.iter().filter(|(_, of)| of == storylet);
            let said = self.spoken.said.iter().filter(|said| said.storylet.as_ref() == Some(storylet));
            let to: BTreeSet<Sym> = said.clone().map(|said| said.player).collect();
            let could = could.count();
            let never = match (could, to.len()) {
                (0, _) => json!("eligible"),
                (_, 0) => json!("said"),
                _ => Json::Null,
            };
            let row = vec![
                realm.clone(),
                json!(storylet),
                json!(could),
                json!(to.len()),
                json!(said.count()),
                never,
            ];
            rows.insert(("storylet_reach", json!(row).to_string()), row);
        }
    }
}
