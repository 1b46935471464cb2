//! The evaluator's own reading of rewards: who, what and how much.

use std::collections::BTreeMap;

use serde_json::json;
use worldflow_schemas::definitions::{Entry, OnRevoke, QuestDef, RewardTo, Slot};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, Tick, chance};

use super::offers::went;
use super::{Held, Oracle};

/// Slot, player, item, amount.
pub type Earned = (String, Sym, String, u32);

pub fn grant_id(quest: &str, holder: Holder, instance: i64, slot: &str, player: Sym) -> String {
    let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
    let [quest, id, slot, player] = [quest, holder.id.as_str(), slot, player.as_str()].map(part);
    format!("{quest}/{}:{id}/{instance}/{slot}/{player}", holder.scope.name())
}

/// Whether a reward is for the tapper.
pub fn taps(def: &QuestDef) -> bool {
    let slots = def.rewards.slots.values().map(|slot| slot.to.as_ref());
    slots.chain([def.rewards.to.as_ref()]).flatten().any(|to| *to == RewardTo::Tapper {})
}

/// What each player was credited, times what it is worth; the nobody of events without a player is left out, and who
/// has nothing.
fn credits(def: &QuestDef, held: &Held) -> BTreeMap<&'static str, i64> {
    let mut totals = BTreeMap::new();
    for ((stage, objective, player), amount) in &held.credits {
        let of = def.stages.get(stage).and_then(|stage| stage.objectives.get(objective));
        let worth = of.and_then(|of| of.worth).map_or(1, i64::from);
        if !player.is_none() && worth * amount > 0 {
            *totals.entry(player.as_str()).or_insert(0) += worth * amount;
        }
    }
    totals
}

impl Oracle {
    /// What can be chosen of.
    pub(super) fn choices(&mut self, holder: Holder, quest: &str, def: &QuestDef) -> Vec<String> {
        let branches = &self.held(holder, quest).branches;
        let slots = def.rewards.slots.values().filter(|slot| went(&slot.after, branches));
        slots.flat_map(|slot| slot.choice.keys().cloned()).collect()
    }

    pub(super) fn earned(
        &mut self,
        holder: Holder,
        quest: &str,
        def: &QuestDef,
        finisher: Option<Sym>,
        choose: &str,
    ) -> Vec<Earned> {
        let held = self.held(holder, quest).clone();
        let mut slots = def.rewards.slots.clone();
        if let Some(amount) = def.rewards.experience {
            let item = "experience".to_owned();
            slots.insert(item.clone(), Slot { item, amount, ..Slot::default() });
        }
        let mut all = Vec::new();
        for (id, slot) in slots.into_iter().filter(|(_, slot)| went(&slot.after, &held.branches)) {
            let to = slot.to.clone().or_else(|| def.rewards.to.clone());
            let credits = credits(def, &held);
            let players = players(holder, &held, &credits, to, finisher);
            let bonus = self.bonus(holder, &slot, def, &held);
            if slot.divided {
                for (player, amount) in divided(u64::from(slot.amount) + bonus, &players, &credits) {
                    all.push((id.clone(), player, slot.item.clone(), u32::try_from(amount).expect("small")));
                }
                continue;
            }
            for player in players {
                let grant = grant_id(quest, holder, held.instance, &id, player);
                let Some((item, amount)) = self.drawn(&slot, choose, &grant) else { continue };
                let plus = slot.plus.clone().unwrap_or_default();
                let level = self.levels_seen.get(&player).copied().unwrap_or(1);
                let credit = credits.get(player.as_str()).copied().unwrap_or(0);
                let more = level * i64::from(plus.level) + credit * i64::from(plus.credit);
                let amount = i64::from(amount) + more + i64::try_from(bonus).expect("small");
                all.push((id.clone(), player, item, u32::try_from(amount).expect("small")));
            }
        }
        all.retain(|(.., amount)| *amount > 0);
        all
    }

    /// What a slot gives.
    fn drawn(&self, slot: &Slot, choose: &str, grant: &str) -> Option<(String, u32)> {
        if let Some(prize) = slot.choice.get(choose) {
            return Some((prize.item.clone(), prize.amount));
        }
        if slot.table.is_empty() {
            return Some((slot.item.clone(), slot.amount));
        }
        let total = slot.table.values().map(|entry| u64::from(entry.weight)).sum();
        let drawn = chance::below(self.world.seed, "reward", grant, 0, total);
        let weights = slot.table.values().scan(0, |sum, entry| {
            *sum += u64::from(entry.weight);
            Some((*sum, entry))
        });
        let (_, Entry { item, amount, .. }) = weights.into_iter().find(|(sum, _)| *sum > drawn)?;
        item.clone().map(|item| (item, *amount))
    }

    /// What the objectives of the last stage add.
    fn bonus(&self, holder: Holder, slot: &Slot, def: &QuestDef, held: &Held) -> u64 {
        let stage = &def.stages.0[held.stage].1;
        let mut bonus = 0;
        for ((id, of), progress) in stage.objectives.iter().zip(&held.objectives) {
            let each = slot.plus.as_ref().and_then(|plus| plus.objectives.get(id));
            bonus += u64::from(self.value_of(holder, of, progress)) * u64::from(each.copied().unwrap_or(0));
        }
        bonus
    }

    pub(super) fn revoke_grants(
        &mut self,
        tick: Tick,
        holder: Holder,
        quest: &str,
        instance: i64,
        policy: OnRevoke,
    ) {
        let of_instance = self.grants.iter().filter(|(_, grant)| {
            let row = &grant.row;
            (&row[2], &row[3], &row[4], &row[5])
                == (&json!(quest), &json!(holder.scope.name()), &json!(holder.id.as_str()), &json!(instance))
                && row[8] != "experience"
        });
        let grants: Vec<(String, String)> = of_instance
            .map(|(id, grant)| (id.clone(), grant.row[10].as_str().expect("a status").to_owned()))
            .collect();
        for (id, status) in grants {
            let status = match (policy, status.as_str()) {
                (OnRevoke::Flag | OnRevoke::Clawback, "pending") => "revoked",
                (OnRevoke::Flag, "delivered") => "flagged",
                (OnRevoke::Clawback, "delivered") => "clawback",
                _ => continue,
            };
            self.change_grant(tick, &id, status, serde_json::Value::Null);
        }
    }

    pub(super) fn change_grant(&mut self, tick: Tick, id: &str, status: &str, reason: serde_json::Value) {
        let grant = self.grants.get_mut(id).expect("it is there");
        let old = grant.row.clone();
        (grant.row[10], grant.row[11]) = (json!(status), reason);
        let (new, open) = (grant.row.clone(), grant.is_open());
        self.leaving.retain(|(_, leaves)| leaves != id);
        if !open {
            let keep = self.world.grants.keep.ms / u64::from(self.world.tick_ms);
            self.leaving.insert((tick + keep.max(1), id.to_owned()));
        }
        self.note_grant(tick, &old, -1);
        self.note_grant(tick, &new, 1);
    }
}

fn players(
    holder: Holder,
    held: &Held,
    credits: &BTreeMap<&'static str, i64>,
    to: Option<RewardTo>,
    finisher: Option<Sym>,
) -> Vec<Sym> {
    if holder.scope == Scope::Player {
        return vec![holder.id];
    }
    let total: i64 = credits.values().sum();
    let rewarded = |credit: i64| match to {
        None => credit >= 1,
        Some(RewardTo::Contributors { at_least, percent }) => {
            credit >= i64::from(at_least) && 100 * credit >= i64::from(percent) * total
        }
        Some(RewardTo::Top { from, through, percent }) => {
            let rank = 1 + credits.values().filter(|other| **other > credit).count();
            let last = if percent == 0 {
                through as usize
            } else {
                (1..=credits.len()).find(|n| 100 * n >= credits.len() * percent as usize).unwrap_or(0)
            };
            (from as usize..=last).contains(&rank)
        }
        _ => false,
    };
    match to {
        Some(RewardTo::Finisher {}) => finisher.into_iter().filter(|player| !player.is_none()).collect(),
        Some(RewardTo::Tapper {}) => held.tapper.into_iter().collect(),
        _ => credits.iter().filter(|(_, credit)| rewarded(**credit)).map(|(id, _)| Sym::new(id)).collect(),
    }
}

/// Divides an amount in proportion to credits: the left-over units one by one to whoever lacks most.
fn divided(amount: u64, players: &[Sym], credits: &BTreeMap<&str, i64>) -> Vec<(Sym, u64)> {
    let credit = |player: &Sym| credits.get(player.as_str()).map_or(0, |credit| credit.unsigned_abs());
    let none = players.iter().all(|player| credit(player) == 0);
    let weight = |player: &Sym| if none { 1 } else { credit(player) };
    let total: u64 = players.iter().map(weight).sum();
    let mut shares: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for player in players {
        let exact = amount * weight(player);
        shares.insert(player.as_str(), (exact / total, exact % total));
    }
    let given: u64 = shares.values().map(|(whole, _)| whole).sum();
    for _ in given..if players.is_empty() { given } else { amount } {
        let most = shares.values().map(|(_, part)| *part).max().expect("there is one");
        let first = shares.values_mut().find(|(_, part)| *part == most).expect("there is one");
        *first = (first.0 + 1, 0);
    }
    shares.into_iter().map(|(player, (share, _))| (Sym::new(player), share)).collect()
}
