//! One NPC as it is defined.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Budget, NpcDef};
use worldflow_schemas::tick::TickLength;

use super::prompts::{self, Prompt};
use super::talk::Why;
use crate::quests::{Cond, Plan};

#[derive(Debug)]
pub(super) struct Npc {
    pub(super) def: Arc<NpcDef>,
    pub(super) addressed_by: Sym,
    pub(super) tier: Sym,
    pub(super) when: Cond,
    /// Whether its premise can change by time alone.
    pub(super) timed: bool,
    pub(super) revision: u64,
    /// What it is asked by without a prompt of `npcs/prompts`.
    pub(super) own: Prompt,
}

impl Npc {
    pub(super) fn new(def: Arc<NpcDef>, plan: &mut Plan) -> Npc {
        let tier = def.tier.as_deref().map_or(Sym::NONE, Sym::new);
        let (addressed_by, when) = (Sym::new(&def.addressed_by), Cond::new(&def.when, plan));
        let own = Prompt::new(Arc::new(prompts::own(&def)));
        Npc { addressed_by, tier, timed: when.is_timed(), when, revision: prompts::revision(&*def), own, def }
    }

    /// Why no tier is asked, of those that the world declares.
    pub(super) fn asks_nobody(&self, tiers: &FxHashSet<Sym>) -> Option<Why> {
        match self.def.budget {
            Some(Budget::Within(budget)) if budget.ms == 0 => Some(Why::NoTime),
            Some(_) if self.tier.is_none() => tiers.is_empty().then_some(Why::NoTier),
            _ => (!tiers.contains(&self.tier)).then_some(Why::NoTier),
        }
    }

    /// After how many ticks the bark is said that an answer may follow: within the patience, and so that it is heard in the
    /// budget.
    pub(super) fn barks_after(&self, patience: u64, length: TickLength) -> u64 {
        let Some(Budget::Within(budget)) = self.def.budget else { return patience };
        patience.min(length.ticks(budget.ms).saturating_sub(TICKS_TO_BE_HEARD)).max(1)
    }

    /// Within which the first sentence must be heard, if there is a hurry. A budget is real time, like the tiers' own.
    pub(super) fn budget_ms(&self) -> Option<u64> {
        match self.def.budget {
            Some(Budget::Within(budget)) => Some(budget.ms),
            Some(Budget::Async) => None,
            None => (!self.def.patience.world).then_some(self.def.patience.ms),
        }
    }
}

/// So many ticks go by until what is said in one is heard, at the most.
const TICKS_TO_BE_HEARD: u64 = 2;
