//! Storylets that follow each other in a circle that no limit ends: once begun, they are said without end.
//!
//! Conditions are not looked at: as with a storylet that `holds`, that they may stop holding is no end.

use std::collections::BTreeMap;

use worldflow_schemas::definitions::{Span, StoryTrigger, StoryletDef};

use super::super::Checker;
use super::super::quests::{chain, cycles};

impl Checker<'_> {
    pub(super) fn check_rounds(&mut self) {
        let definitions = self.definitions;
        let tick_ms =
            definitions.world.as_ref().map_or(1, |world| u64::from(world.definition.tick_ms.max(1)));
        let follows = |id: &str| {
            let placed = definitions.storylets.get(id);
            placed.is_some_and(|placed| matches!(placed.definition.trigger, StoryTrigger::FollowUp {}))
        };
        let leads = definitions.storylets.iter().map(|(id, placed)| {
            let then = placed.definition.then.as_ref().map(|then| then.storylet.as_str());
            (id.as_str(), then.filter(|then| follows(then)).into_iter().collect())
        });
        let leads: BTreeMap<&str, Vec<&str>> = leads.collect();
        for cycle in cycles(&leads) {
            let of_cycle: Vec<&StoryletDef> =
                cycle.iter().filter_map(|id| Some(&definitions.storylets.get(*id)?.definition)).collect();
            let after = of_cycle.iter().filter_map(|storylet| Some(storylet.then.as_ref()?.after));
            let round = Round { after: after.collect(), tick_ms };
            if of_cycle.iter().any(|storylet| round.is_ended_by(storylet)) {
                continue;
            }
            let Some(placed) = definitions.storylets.get(cycle[0]) else { continue };
            let message = if cycle.len() == 1 {
                format!("the storylet `{}` follows itself without end", cycle[0])
            } else {
                format!("these storylets follow each other without end: {}", chain(&cycle))
            };
            let hint = "give one of them `limits: {player: {most: 3}}`, or a cooldown that is longer than once round";
            self.error(placed.spot.key("then"), message, hint);
        }
    }
}

/// How long it takes until a storylet of a circle is said again.
struct Round {
    /// How long after each of them the next one follows.
    after: Vec<Span>,
    tick_ms: u64,
}

impl Round {
    /// Whether a limit of a storylet keeps it from being said when the circle comes back to it.
    fn is_ended_by(&self, storylet: &StoryletDef) -> bool {
        let limits = &storylet.limits;
        let of_all = [&limits.player, &limits.npc, &limits.realm];
        limits.once
            || of_all.into_iter().flatten().any(|limit| {
                limit.most.is_some() || limit.cooldown.is_some_and(|cooldown| self.is_within(1, cooldown))
            })
            || limits.at_once.as_ref().is_some_and(|at_once| self.is_within(at_once.most, at_once.lasts))
    }

    /// Whether so many times round take less than a span. Of world time and real time together nobody can say.
    fn is_within(&self, times: u32, span: Span) -> bool {
        if self.after.iter().any(|after| after.ms > 0 && after.world != span.world) {
            return true;
        }
        let step_ms = |after: &Span| {
            // What follows does so at a tick, and not in the same.
            if span.world {
                after.ms
            } else {
                after.ms.div_ceil(self.tick_ms).max(1).saturating_mul(self.tick_ms)
            }
        };
        let round_ms = self.after.iter().map(step_ms).fold(0, u64::saturating_add);
        round_ms.saturating_mul(u64::from(times)) < span.ms
    }
}
