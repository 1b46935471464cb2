//! Objectives that no event counts for: conditions that hold, and sets of entities that change.
//!
//! `marks (clock, weather, facts, places, levels, tags) ─phase 7→ value 0 or 1, values and needs of sets`
//!
//! Looked at only where something that they depend on has changed, or where an instance is looked at anyhow.

use worldflow_schemas::definitions::Aggregate;

use super::context::Actor;
use super::core::{At, Core};
use super::counting::seen_of;
use super::objective::ObjectivePlan;
use super::plan::Ix;
use super::quest_plan::QuestPlan;

impl Core {
    /// Before phase 7: has it look wherever a condition or a set may be another.
    pub(super) fn state_phase(&mut self) {
        if !self.plan.holding.is_empty() {
            for (at, ix) in self.told_open(|quest| quest.holds_depends) {
                self.count_on(at, ix);
            }
        }
        if std::mem::take(&mut self.tags_told) {
            for ix in self.plan.of_sets.clone() {
                let Some(scope) = self.plan.get(ix).map(|quest| quest.scope) else { continue };
                for at in self.holders_of(scope) {
                    // What is needed shows also where it is done or nothing counts any more.
                    if self.holders[at as usize].instance(ix).is_some() {
                        self.touch(at, ix);
                        self.count_on(at, ix);
                    }
                }
            }
        }
    }

    /// How often lifetime counters and conditions must be read: once, but where they take turns in a
    /// sequence.
    pub(super) fn readings(&self, at: At, ix: Ix, quest: &QuestPlan) -> usize {
        let Some(open) = self.holders[at as usize].instance(ix) else { return 0 };
        let stage = &quest.stages[usize::from(open.stage)];
        let by_turns = stage.complete.is_sequence() && stage.reads_lifetime && stage.reads_state;
        if by_turns { stage.objectives.len() } else { 1 }
    }

    /// Reads conditions and sets for an open instance.
    pub(super) fn read_state(&mut self, at: At, ix: Ix, quest: &QuestPlan) {
        let Core { plan, holders, context, .. } = self;
        let holder = &holders[at as usize];
        let id = holder.holder;
        let Some(place_of) = holder.place_of(ix) else { return };
        let open = &holder.open[place_of];
        let stage = &quest.stages[usize::from(open.stage)];
        if !open.active || open.stage_done || !stage.reads_state {
            return;
        }
        let actor = Actor::of(holder);
        let holds: Vec<bool> = (stage.objectives.iter())
            .map(|objective| objective.holds.as_ref().is_some_and(|cond| cond.holds(plan, context, &actor)))
            .collect();
        let open = &mut holders[at as usize].open[place_of];
        let (mut turned, mut changed) = (false, false);
        for (place, objective) in stage.objectives.iter().enumerate() {
            let counter = &open.counters[place];
            let (was, count) = (counter.done, counter.count);
            if (was && objective.latched) || counter.hidden {
                // Nothing is looked at.
            } else if objective.aggregate == Aggregate::Percent {
                let count = seen_of(objective, place, open, plan);
                let counter = &mut open.counters[place];
                counter.count = count;
                counter.done = count >= objective.need_in(plan, id);
            } else if objective.aggregate == Aggregate::Holds {
                let follows = counter.follows(objective, &open.counters, context);
                let after = objective.after.is_none_or(|after| open.counters[usize::from(after)].done);
                let in_time = objective.within.is_none_or(|span| match objective.after {
                    Some(_) => follows.is_some_and(|(_, until)| context.now <= until),
                    None => context.now - open.stage_opened <= context.ticks(span),
                });
                let counter = &mut open.counters[place];
                let holds = holds[place] && after && in_time;
                counter.done = match objective.lasting {
                    Some(span) => counter.hold(holds, context.now, || context.ticks(span)),
                    None => holds,
                };
                counter.count = counter.done.into();
            }
            let counter = &mut open.counters[place];
            if counter.done && !was && objective.precedes {
                counter.note_done(context.now);
            }
            turned |= counter.done != was;
            changed |= counter.done != was || counter.count != count || counter.keeps_new();
            if stage.complete.is_sequence() && !counter.done {
                break;
            }
        }
        // One that comes after another may stand before it in the file.
        let waits = |objective: &ObjectivePlan| objective.holds.is_some() && objective.after.is_some();
        if turned && stage.objectives.iter().any(waits) {
            self.soon.push((at, ix));
        }
        if changed {
            self.touch(at, ix);
        }
    }
}
