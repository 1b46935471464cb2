//! Rewards: what, how much, and to whom.

use worldflow_schemas::definitions::{QuestDef, RewardTo, Slot, TurnIn};
use worldflow_schemas::input::Scope;

use super::Checker;
use crate::world::problem::hint;
use crate::world::spot::Spot;

impl Checker<'_> {
    pub(super) fn check_rewards(&mut self, quest: &QuestDef, spot: Spot<'_>) {
        let rewards = &quest.rewards;
        if rewards.experience == Some(0) {
            self.error(spot.key("experience"), "a reward of 0 experience", "give at least 1, or remove it");
        }
        let mut choosing: Option<&str> = None;
        for (id, slot) in &rewards.slots {
            let spot = spot.key("slots").name(id);
            self.check_id("reward slot", id, spot);
            if id == "experience" {
                self.error(
                    spot,
                    "the slot `experience` is taken",
                    "give experience with `rewards: {experience: 100}`, or name the slot otherwise",
                );
            }
            self.check_given(id, slot, spot);
            self.check_amount(quest, id, slot, spot);
            self.check_after(quest, &slot.after, None, spot.key("after"));
            if let Some(to) = &slot.to {
                self.check_to(quest, to, spot.key("to"));
            }
            if slot.choice.is_empty() {
                continue;
            }
            if quest.turn_in == TurnIn::Auto {
                let hint = "add `turn_in: manual`: who turns it in chooses";
                self.error(spot.key("choice"), "a quest that turns itself in lets nobody choose", hint);
            }
            if let Some(first) = choosing.replace(id) {
                let message = format!("`{first}` and `{id}` both let one choose");
                self.error(spot.key("choice"), message, "a turn-in chooses one thing; make it one slot");
            }
        }
        if let Some(to) = &rewards.to {
            self.check_to(quest, to, spot.key("to"));
        }
    }

    /// What a slot gives: one of three.
    fn check_given(&mut self, id: &str, slot: &Slot, spot: Spot<'_>) {
        let given = [
            ("item", !slot.item.is_empty()),
            ("choice", !slot.choice.is_empty()),
            ("table", !slot.table.is_empty()),
        ];
        let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
        match given.as_slice() {
            [] => {
                let hint = "give `item`, or `choice` or `table` to choose or draw one";
                self.error(spot, format!("the slot `{id}` gives nothing"), hint);
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!("the slot `{id}` gives both `{first}` and `{second}`");
                self.error(spot.name(second), message, "make two slots, or keep one of the two");
            }
        }
        if !slot.item.is_empty() {
            self.check_game_id("item", &slot.item, spot.key("item"));
        }
        for (id, prize) in &slot.choice {
            let spot = spot.key("choice").name(id);
            self.check_id("choice", id, spot);
            self.check_game_id("item", &prize.item, spot.key("item"));
            if prize.amount == 0 {
                self.error(spot.key("amount"), format!("the choice `{id}` gives 0"), "give at least 1");
            }
        }
        for (id, entry) in &slot.table {
            let spot = spot.key("table").name(id);
            self.check_id("entry", id, spot);
            if let Some(item) = &entry.item {
                self.check_game_id("item", item, spot.key("item"));
            }
            if entry.weight == 0 {
                self.error(
                    spot.key("weight"),
                    format!("`{id}` is never drawn"),
                    "give a weight of at least 1",
                );
            }
        }
    }

    fn check_amount(&mut self, quest: &QuestDef, id: &str, slot: &Slot, spot: Spot<'_>) {
        let plus = slot.plus.clone().unwrap_or_default();
        if slot.amount == 0 && slot.plus.is_none() {
            self.error(
                spot.key("amount"),
                format!("the slot `{id}` gives 0"),
                "give at least 1, or remove the slot",
            );
        }
        let objectives: Vec<&str> =
            quest.stages.iter().flat_map(|(_, stage)| stage.objectives.iter().map(|(id, _)| id)).collect();
        for name in plus.objectives.keys().filter(|name| !objectives.contains(&name.as_str())) {
            let hint = hint(name, objectives.iter().copied(), "it names objectives of the last stage");
            let spot = spot.key("plus").key("objectives").name(name);
            self.error(spot, format!("unknown objective `{name}`"), hint);
        }
        if plus.credit > 0 && quest.scope == Scope::Player {
            self.warn(
                spot.key("plus").key("credit"),
                "a quest of one player has no credit",
                "use `objectives`, or give the quest another scope",
            );
        }
        if !slot.divided {
            return;
        }
        if !(slot.choice.is_empty() && slot.table.is_empty()) {
            self.error(spot.key("divided"), "only an `item` can be divided", "remove `divided`");
        }
        if plus.level > 0 || plus.credit > 0 {
            self.error(
                spot.key("plus"),
                "what is divided is one amount for all",
                "only `objectives` may add to it: level and credit are a player's own",
            );
        }
        if quest.scope == Scope::Player {
            self.warn(spot.key("divided"), "one player gets all of it", "remove `divided`");
        }
    }

    fn check_to(&mut self, quest: &QuestDef, to: &RewardTo, spot: Spot<'_>) {
        if quest.scope == Scope::Player {
            self.warn(
                spot,
                "`to` has no effect on a quest of one player",
                "remove it, or give the quest another scope",
            );
        }
        match to {
            RewardTo::Contributors { at_least: 0, percent: 0 } => {
                self.error(
                    spot.key("contributors").key("at_least"),
                    "`at_least: 0` rewards who did nothing",
                    "give at least 1",
                );
            }
            RewardTo::Contributors { percent, .. } if *percent > 100 => {
                self.error(
                    spot.key("contributors").key("percent"),
                    format!("nobody has {percent} percent of the credit"),
                    "give 1 to 100",
                );
            }
            RewardTo::Top { through: 0, percent: 0, .. } => {
                self.error(
                    spot.key("top"),
                    "nobody is told how far `top` goes",
                    "give `through: 3` for the first three, or `percent: 5` for five in a hundred",
                );
            }
            RewardTo::Top { through, percent, .. } if *through > 0 && *percent > 0 => {
                self.error(
                    spot.key("top").name("percent"),
                    "both `through` and `percent` are given",
                    "keep one of the two, or make two slots",
                );
            }
            RewardTo::Top { percent, .. } if *percent > 100 => {
                self.error(
                    spot.key("top").key("percent"),
                    format!("there are no {percent} in a hundred"),
                    "give 1 to 100",
                );
            }
            RewardTo::Top { from, through, percent } if *from == 0 || (*percent == 0 && from > through) => {
                self.error(
                    spot.key("top"),
                    format!("no rank lies between {from} and {through}"),
                    "ranks count from 1: `top: {through: 3}` is the first three",
                );
            }
            _ => {}
        }
    }
}
