//! What a completion gives, to whom and how much.
//!
//! `credits, level, values of objectives, what was chosen, hash(seed, grant) ─slots→ (slot, player, item, amount)`
//!
//! Everything is whole numbers. What is earned is written into the ledger, and never computed again.

use rustc_hash::FxHashMap;
use worldflow_schemas::definitions::{Plus, QuestState, RewardTo, Rewards, Slot};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Sym, chance};

use super::branches::{Mark, Said, Ways, ways};
use super::context::Actor;
use super::core::{At, Core};
use super::holder::Instance;
use super::ledger::{Grant, Status};
use super::messages::{Conclusion, grant_id};
use super::plan::Ix;
use super::quest_plan::QuestPlan;
use crate::messages::{EffectOrder, FactEffect};

/// A slot, compiled.
#[derive(Debug)]
pub(super) struct SlotPlan {
    slot: Sym,
    gives: Gives,
    amount: u32,
    level: u32,
    credit: u32,
    objectives: Vec<(Sym, u32)>,
    divided: bool,
    to: Option<RewardTo>,
    after: Ways,
}

/// What a slot gives.
#[derive(Debug)]
enum Gives {
    Item(Sym),
    /// By the id of what is chosen.
    Choice(Vec<(Sym, Sym, u32)>),
    /// In the order of their ids: item or nothing, amount, weight.
    Table(Vec<(Option<Sym>, u32, u32)>),
}

/// A grant to be written.
pub(super) struct Earned {
    pub(super) slot: Sym,
    pub(super) player: Sym,
    pub(super) item: Sym,
    pub(super) amount: u32,
}

impl SlotPlan {
    /// The slots of a quest, in order of their names, experience first.
    pub(super) fn all(def: &Rewards) -> Vec<SlotPlan> {
        let experience = def.experience.map(|amount| {
            let slot = Slot { item: "experience".to_owned(), amount, ..Slot::default() };
            SlotPlan::new("experience", &slot)
        });
        experience.into_iter().chain(def.slots.iter().map(|(id, slot)| SlotPlan::new(id, slot))).collect()
    }

    fn new(id: &str, def: &Slot) -> SlotPlan {
        let gives = if !def.choice.is_empty() {
            let prizes = def.choice.iter();
            Gives::Choice(
                prizes.map(|(id, prize)| (Sym::new(id), Sym::new(&prize.item), prize.amount)).collect(),
            )
        } else if !def.table.is_empty() {
            let entries = def.table.values();
            Gives::Table(
                entries
                    .map(|entry| (entry.item.as_deref().map(Sym::new), entry.amount, entry.weight))
                    .collect(),
            )
        } else {
            Gives::Item(Sym::new(&def.item))
        };
        let Plus { level, credit, objectives } = def.plus.clone().unwrap_or_default();
        SlotPlan {
            slot: Sym::new(id),
            gives,
            amount: def.amount,
            level,
            credit,
            objectives: objectives.iter().map(|(id, each)| (Sym::new(id), *each)).collect(),
            divided: def.divided,
            to: def.to.clone(),
            after: ways(&def.after),
        }
    }
}

/// What is known of an instance that is completed.
struct Completed {
    holder: Holder,
    instance: u32,
    finisher: Sym,
    tapper: Sym,
    chosen: Sym,
    credits: FxHashMap<Sym, i64>,
    /// Values of the objectives of the last stage.
    values: Vec<(Sym, u32)>,
}

impl Completed {
    fn credit(&self, player: Sym) -> i64 {
        self.credits.get(&player).copied().unwrap_or(0)
    }

    /// Who is rewarded.
    fn players(&self, to: &RewardTo) -> Vec<Sym> {
        if self.holder.scope == Scope::Player {
            return vec![self.holder.id];
        }
        let one = |player: Sym| (!player.is_none()).then_some(player).into_iter().collect();
        let total: i128 = self.credits.values().map(|credit| i128::from(*credit)).sum();
        let mut sorted: Vec<i64> = self.credits.values().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let rank = |credit: i64| 1 + sorted.partition_point(|other| *other > credit) as u64;
        let fits = |credit: i64| match to {
            RewardTo::Contributors { at_least, percent } => {
                credit >= i64::from(*at_least) && i128::from(credit) * 100 >= i128::from(*percent) * total
            }
            RewardTo::Top { from, through, percent } => {
                let share = (sorted.len() as u64 * u64::from(*percent)).div_ceil(100);
                (u64::from(*from)..=u64::from(*through).max(share)).contains(&rank(credit))
            }
            RewardTo::Finisher {} | RewardTo::Tapper {} => false,
        };
        match to {
            RewardTo::Finisher {} => one(self.finisher),
            RewardTo::Tapper {} => one(self.tapper),
            _ => {
                self.credits.iter().filter(|(_, credit)| fits(**credit)).map(|(player, _)| *player).collect()
            }
        }
    }

    /// What is added to an amount for everyone alike.
    fn bonus(&self, slot: &SlotPlan) -> u64 {
        let value = |name: &Sym| self.values.iter().find(|(of, _)| of == name).map_or(0, |(_, value)| *value);
        let objectives = slot.objectives.iter();
        objectives
            .fold(0, |sum: u64, (name, each)| sum.saturating_add(u64::from(value(name)) * u64::from(*each)))
    }

    /// Divides an amount in proportion to credits. What is left over goes, one each, to those who are
    /// furthest below their exact share; of those who are equally far, the first by id.
    fn divide(&self, amount: u64, mut players: Vec<Sym>) -> Vec<(Sym, u64)> {
        let credit = |player: Sym| u128::try_from(self.credit(player)).unwrap_or(0);
        let credited: u128 = players.iter().map(|player| credit(*player)).sum();
        let weight = |player: Sym| if credited == 0 { 1 } else { credit(player) };
        let total: u128 = players.iter().map(|player| weight(*player)).sum();
        let exact = |player: Sym| u128::from(amount) * weight(player);
        players.sort_by(|a, b| (exact(*b) % total).cmp(&(exact(*a) % total)).then_with(|| a.cmp_text(*b)));
        let whole = |player: Sym| u64::try_from(exact(player) / total).unwrap_or(u64::MAX);
        let left = amount - players.iter().map(|player| whole(*player)).sum::<u64>();
        (0..).zip(players).map(|(place, player)| (player, whole(player) + u64::from(place < left))).collect()
    }
}

impl Core {
    /// Completes an instance: grants now, effects in the next tick.
    pub(super) fn finish(&mut self, at: At, ix: Ix, finisher: Sym, chosen: Sym) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let all = self.earned(at, ix, &quest, finisher, chosen);
        self.close(at, ix, QuestState::Done);
        let holder = self.holders[at as usize].holder;
        let record = self.record(at, ix);
        record.completions += 1;
        let instance = record.instance;
        for Earned { slot, player, item, amount } in all {
            let (status, tick) = (Status::Pending, self.context.now);
            let grant = Grant {
                quest: quest.quest,
                holder,
                instance,
                slot,
                player,
                item,
                amount,
                status,
                tick,
                changed: None,
            };
            self.grant(grant_id(quest.quest, holder, instance, slot, player), grant);
        }
        self.give_effects(at, ix);
        self.plan_reopening(at, ix, &quest, self.context.now);
    }

    /// Effects of a completion in this tick.
    pub(super) fn give_effects(&mut self, at: At, ix: Ix) {
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let holder = &self.holders[at as usize];
        let Some(record) = holder.records.get(&ix) else { return };
        for (place, (fact, change, after)) in (0..).zip(&quest.effects) {
            if !record.went(after) {
                continue;
            }
            let Some(scope) = self.context.facts.scope(*fact) else { continue };
            let Some(whose) = Actor::of(holder).holder_of(scope, self.context.realm) else { continue };
            let order = EffectOrder::Quest { quest: quest.quest, holder: holder.holder, place };
            let effect = FactEffect { order, holder: whose, fact: *fact, change: change.clone() };
            self.out.out.push(Conclusion::Effect(effect));
        }
    }

    /// What a quest lets one choose from now, by its ids; none if there is nothing to choose.
    pub(super) fn choices(&self, at: At, ix: Ix, quest: &QuestPlan) -> Vec<Sym> {
        let Some(record) = self.holders[at as usize].records.get(&ix) else { return Vec::new() };
        let slots = quest.rewards.iter().filter(|slot| record.went(&slot.after));
        let choices = slots.filter_map(|slot| match &slot.gives {
            Gives::Choice(prizes) => Some(prizes.iter().map(|(id, ..)| *id)),
            _ => None,
        });
        choices.flatten().collect()
    }

    /// What the open instance earns.
    pub(super) fn earned(
        &self,
        at: At,
        ix: Ix,
        quest: &QuestPlan,
        finisher: Sym,
        chosen: Sym,
    ) -> Vec<Earned> {
        let holder = &self.holders[at as usize];
        let (Some(open), Some(record)) = (holder.instance(ix), holder.records.get(&ix)) else {
            return Vec::new();
        };
        let stage = &quest.stages[usize::from(open.stage)];
        let counters = stage.objectives.iter().zip(&open.counters);
        let completed = Completed {
            holder: holder.holder,
            instance: record.instance,
            finisher,
            tapper: match record.said(Mark::Tapper) {
                Some(Said::Id(player)) => player,
                _ => Sym::NONE,
            },
            chosen,
            credits: credits(quest, open),
            values: counters
                .map(|(of, counter)| (of.name, of.value(counter.count, &self.plan, holder.holder)))
                .collect(),
        };
        let slots = quest.rewards.iter().filter(|slot| record.went(&slot.after));
        slots.flat_map(|slot| self.earned_by(slot, quest, &completed)).collect()
    }

    fn earned_by(&self, slot: &SlotPlan, quest: &QuestPlan, completed: &Completed) -> Vec<Earned> {
        let players = completed.players(slot.to.as_ref().unwrap_or(&quest.to));
        let bonus = completed.bonus(slot);
        if slot.divided {
            let Gives::Item(item) = slot.gives else { return Vec::new() };
            let amount = bonus.saturating_add(slot.amount.into());
            let shares = completed.divide(amount, players);
            return shares
                .into_iter()
                .filter_map(|share| earned(slot.slot, share.0, item, share.1))
                .collect();
        }
        let given = players.into_iter().filter_map(|player| {
            let (item, amount) = self.given(slot, quest, completed, player)?;
            let level = self.context.levels.get(&player).copied().unwrap_or(1);
            let each = |n: i64, each: u32| u64::try_from(n).unwrap_or(0).saturating_mul(each.into());
            let more = each(level, slot.level).saturating_add(each(completed.credit(player), slot.credit));
            earned(slot.slot, player, item, bonus.saturating_add(more).saturating_add(amount.into()))
        });
        given.collect()
    }

    /// What a slot gives a player, before anything is added.
    fn given(&self, slot: &SlotPlan, quest: &QuestPlan, of: &Completed, player: Sym) -> Option<(Sym, u32)> {
        match &slot.gives {
            Gives::Item(item) => Some((*item, slot.amount)),
            Gives::Choice(prizes) => {
                let prize = prizes.iter().find(|(id, ..)| *id == of.chosen);
                prize.map(|(_, item, amount)| (*item, *amount))
            }
            Gives::Table(entries) => {
                let total: u64 = entries.iter().map(|(.., weight)| u64::from(*weight)).sum();
                let id = grant_id(quest.quest, of.holder, of.instance, slot.slot, player);
                let mut drawn = chance::below(self.seed, "reward", &id, 0, total);
                for (item, amount, weight) in entries {
                    match drawn.checked_sub((*weight).into()) {
                        Some(rest) => drawn = rest,
                        None => return item.map(|item| (item, *amount)),
                    }
                }
                None
            }
        }
    }
}

/// What each player is credited with, by what a unit of each objective is worth; who has none is left out.
fn credits(quest: &QuestPlan, open: &Instance) -> FxHashMap<Sym, i64> {
    let worth = |stage: Sym, objective: Sym| {
        let stages = quest.stages.iter().filter(|of| of.name == stage);
        let mut found = stages.flat_map(|of| &of.objectives).filter(|of| of.name == objective);
        found.next().map_or(1, |of| i64::from(of.worth))
    };
    let mut credits = FxHashMap::default();
    for ((stage, objective, player), share) in open.extra.iter().flat_map(|extra| &extra.shares) {
        if !player.is_none() {
            let amount: &mut i64 = credits.entry(*player).or_default();
            *amount = amount.saturating_add(share.amount.saturating_mul(worth(*stage, *objective)));
        }
    }
    credits.retain(|_, credit| *credit > 0);
    credits
}

fn earned(slot: Sym, player: Sym, item: Sym, amount: u64) -> Option<Earned> {
    let amount = u32::try_from(amount).unwrap_or(u32::MAX);
    (amount > 0).then_some(Earned { slot, player, item, amount })
}
