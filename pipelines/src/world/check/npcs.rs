//! NPCs that speak.

use worldflow_schemas::definitions::{Budget, NpcDef};

use super::{Checker, Sort};
use crate::world::problem::hint;
use crate::world::spot::Spot;

pub(super) const PERSONA: [&str; 5] = ["player", "phase", "season", "weather", "region"];
const PROMPT: [&str; 6] = ["player", "phase", "season", "weather", "region", "said"];

impl Checker<'_> {
    pub(super) fn check_npcs(&mut self) {
        let definitions = self.definitions;
        for (id, placed) in &definitions.npcs {
            let (npc, spot) = (&placed.definition, placed.spot);
            self.check_game_id("npc", id, spot);
            if self.known(Sort::Target, id, spot)
                && definitions.entities.get(id).is_some_and(|entity| entity.definition.kind != "npc")
            {
                self.error(spot, format!("the entity `{id}` is no npc"), "give the entity `kind: npc`");
            }
            let event = &npc.addressed_by;
            self.known(Sort::Kind, event, spot.key("addressed_by"));
            self.check_condition_elsewhere(&npc.when, spot.key("when"));
            if let Some(tier) = &npc.tier {
                self.known(Sort::Tier, tier, spot.key("tier"));
            }
            self.check_text(&npc.persona, &PERSONA, spot.key("persona"));
            self.check_text(&npc.prompt, &PROMPT, spot.key("prompt"));
            self.check_said(npc, spot);
            self.check_npc_guard(&npc.guard, spot);
            self.check_budget(npc, spot);
            self.check_what_is_said(npc);
        }
    }

    fn check_said(&mut self, npc: &NpcDef, spot: Spot<'_>) {
        if !(1..=4_096).contains(&npc.max_tokens) {
            self.error(
                spot.key("max_tokens"),
                format!("an answer of {} tokens", npc.max_tokens),
                "1 to 4096",
            );
        }
        if npc.patience.ms == 0 {
            self.error(spot.key("patience"), "`patience` is no time at all", "give a span such as `2s`");
        }
        let barks = npc.barks.as_slice();
        if barks.is_empty() {
            self.error(
                spot.key("barks"),
                "there is no bark",
                "a bark is what is said when no tier answers; write at least one",
            );
        }
        for (index, bark) in barks.iter().enumerate() {
            if bark.trim().is_empty() {
                self.error(
                    spot.key("barks").item(index),
                    "an empty bark",
                    "write what is said, or remove it",
                );
            }
        }
    }

    fn check_budget(&mut self, npc: &NpcDef, spot: Spot<'_>) {
        let tiers = self.definitions.world.as_ref().map(|world| !world.definition.tiers.is_empty());
        if npc.budget.is_some() && npc.tier.is_none() && tiers == Some(false) {
            self.warn(
                spot.key("budget"),
                "there is no tier to ask",
                "declare one in world.yaml under `tiers`",
            );
        }
        let Some(Budget::Within(budget)) = npc.budget else { return };
        if budget.world {
            let message = format!("`budget: {budget}` is in world time");
            self.error(spot.key("budget"), message, "it is real time: leave out `world`");
        } else if !npc.patience.world && budget.ms > npc.patience.ms {
            let message = format!("a budget of {budget}, but a patience of {}", npc.patience);
            self.error(
                spot.key("budget"),
                message,
                "the first words come before the last: give more `patience`",
            );
        }
    }

    pub(super) fn check_text(&mut self, text: &str, known: &[&'static str], spot: Spot<'_>) {
        for part in text.split('{').skip(1) {
            let Some((name, _)) = part.split_once('}') else { continue };
            if !known.contains(&name) {
                let otherwise = format!("{{{}}} are replaced", known.join("}, {"));
                self.error(
                    spot,
                    format!("nothing replaces `{{{name}}}`"),
                    hint(name, known.iter().copied(), &otherwise),
                );
            }
        }
    }
}
