//! Phase 1: a definition is added, replaced or removed, and what holders keep of it.
//!
//! A counter lives as long as its objective's pattern and aggregate stay the same. What was decided
//! stays: completions and grants outlive the definition. What a quest, stage or objective that has
//! another id was before is in `moves`.

use std::rc::Rc;

use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{QuestDef, QuestState, Repeat, Since};

use super::branches::Mark;
use super::condition::depends;
use super::core::{At, Core};
use super::holder::{Counter, Instance};
use super::moves::Was;
use super::plan::Ix;
use super::quest_plan::QuestPlan;
use crate::messages::QuestEdit;

impl Core {
    /// Takes the edits of a tick.
    pub(super) fn define_all(&mut self, edits: &[QuestEdit]) {
        for edit in edits {
            self.define(edit);
        }
        self.plan.arrange();
    }

    /// Takes an edit and carries the holders of the quest over.
    fn define(&mut self, edit: &QuestEdit) {
        if let Some(trace) = &mut self.trace {
            trace.edit(edit);
        }
        let QuestEdit { quest, def, from } = edit;
        // Without a stage there is nothing to hold; the check of a world says so.
        let def = def.as_deref().filter(|def| !def.stages.is_empty());
        let ix = self.plan.ix(*quest);
        let from = (!from.is_none()).then(|| self.plan.ix(*from));
        let old = match from {
            Some(from) => self.move_quest(ix, from),
            None => self.plan.get(ix).cloned(),
        };
        let holders: Vec<At> = (0..)
            .zip(&self.holders)
            .filter(|(_, holder)| holder.records.contains_key(&ix))
            .map(|(at, _)| at)
            .collect();
        for at in &holders {
            self.hide_objectives(*at, ix);
            self.hide_state(*at, ix);
        }
        let scope = def.map(|def| def.scope);
        let resets = def.is_some_and(reads_baselines);
        for at in 0..At::try_from(self.holders.len()).expect("holders are counted in this type") {
            if !resets || scope != Some(self.holders[at as usize].holder.scope) {
                self.drop_baselines(at, ix);
            }
        }
        for at in &holders {
            if scope != Some(self.holders[*at as usize].holder.scope) {
                self.forget(*at, ix);
            }
        }
        let before = self.plan.progress_named.clone();
        self.plan.define(*quest, def);
        let named: Vec<Ix> = self.plan.progress_named.difference(&before).copied().collect();
        self.remember_progress_of(&named);
        self.resets.retain(|(_, other)| *other != ix);
        let new = self.plan.get(ix).cloned();
        if let Some(new) = &new {
            self.plan_reset(ix, new);
        }
        for at in holders {
            if let Some(new) = &new
                && scope == Some(self.holders[at as usize].holder.scope)
            {
                let old = old.as_ref().filter(|old| old.scope == new.scope);
                self.plan_again(at, ix, old, new);
                self.enter_untested(at, ix, new);
                if let Some(old) = old {
                    self.carry_over(at, ix, old, new);
                }
            }
            self.touch(at, ix);
        }
        self.global = depends::ALL;
    }

    /// A quest that nothing keeps from being available is tested nowhere.
    fn enter_untested(&mut self, at: At, ix: Ix, new: &QuestPlan) {
        let record = self.record(at, ix);
        let (never, state) = (record.instance == 0, record.state);
        if never && !new.is_gated() {
            self.enter(at, ix, QuestState::Hidden);
        } else if !never && state == QuestState::Hidden && !new.is_tested() {
            self.enter(at, ix, QuestState::Available);
        }
    }

    /// The definition is gone for this holder: an open instance is abandoned, what was completed
    /// is kept.
    fn forget(&mut self, at: At, ix: Ix) {
        self.unmark(at, ix, |_| true);
        match self.holders[at as usize].state(ix) {
            Some(state) if state.is_open() => self.close(at, ix, QuestState::Abandoned),
            Some(QuestState::Available) if self.record(at, ix).instance == 0 => {
                self.enter(at, ix, QuestState::Hidden);
            }
            Some(QuestState::Offered) => self.enter(at, ix, QuestState::Hidden),
            _ => self.cancel(at, ix),
        }
    }

    /// A quest that is done reopens when the new definition says.
    fn plan_again(&mut self, at: At, ix: Ix, old: Option<&Rc<QuestPlan>>, new: &QuestPlan) {
        if old.is_none_or(|old| old.repeat != new.repeat)
            && self.holders[at as usize].state(ix) == Some(QuestState::Done)
        {
            self.cancel(at, ix);
            let since = self.record(at, ix).since;
            self.plan_reopening(at, ix, new, since);
        }
    }

    fn carry_over(&mut self, at: At, ix: Ix, old: &Rc<QuestPlan>, new: &Rc<QuestPlan>) {
        let Some(open) = self.holders[at as usize].instance(ix) else { return };
        let was = Was::of(old, new);
        let open_stage = usize::from(open.stage);
        let Some(stage) = was.stages.iter().position(|was| *was == Some(open_stage)) else {
            self.restart(at, ix, new);
            return;
        };
        let (old_stage, new_stage) = (&old.stages[open_stage], &new.stages[stage]);
        // Where each objective of the new stage was in the old one, if its counter is the same.
        let kept: Vec<Option<usize>> = (new_stage.objectives.iter().zip(&was.objectives[stage]))
            .map(|(objective, was)| {
                was.filter(|was| old_stage.objectives[*was].identity == objective.identity)
            })
            .collect();
        self.rename_shares(at, ix, |key| was.share(old, new, (stage, &kept), key));
        self.move_seen(at, ix, &kept);
        let holder = self.holders[at as usize].holder;
        let needs: Vec<u32> = new_stage.objectives.iter().map(|of| of.need_in(&self.plan, holder)).collect();
        let Core { holders, context, .. } = self;
        let Some(open) = holders[at as usize].instance_mut(ix) else { return };
        open.stage = u16::try_from(stage).expect("a plan has fewer stages");
        open.counters = (new_stage.objectives.iter().zip(&kept).zip(needs))
            .map(|((objective, kept), need)| {
                let was = kept.map(|place| &open.counters[place]);
                let count = was.map_or(0, |counter| counter.count);
                let mut counter = Counter {
                    count,
                    kept: was.and_then(|counter| counter.kept.clone()),
                    done: objective.is_reached(count, need),
                    hidden: was.map_or(!objective.hidden_until.is_empty(), |counter| {
                        counter.hidden && !objective.hidden_until.is_empty()
                    }),
                    ripe: was.is_some_and(|counter| counter.ripe),
                    ..Counter::default()
                };
                counter.carry(objective, was.is_some_and(|was| was.done), context);
                counter
            })
            .collect();
        open.settle(new_stage, Sym::NONE);
        // What was done did not pass; if it is done no more, it does now.
        if new_stage.timed {
            open.wake = Some(self.context.now);
            self.running.insert((self.context.now, at, ix));
        }
        self.count_on(at, ix);
    }

    /// The open stage is no longer there: the instance begins again at the first.
    fn restart(&mut self, at: At, ix: Ix, new: &QuestPlan) {
        self.hide_shares(at, ix, |_| true);
        self.drop_shares(at, ix, |_| true);
        self.unmark(at, ix, |mark| !matches!(mark, Mark::Role(_)));
        if let Some(open) = self.holders[at as usize].instance_mut(ix) {
            let fresh = Instance { active: open.active, touched: open.touched, ..Instance::new(open.number) };
            *open = Instance { extra: open.extra.take(), ..fresh };
        }
        self.first_round(at, ix, new);
        self.open_stage(at, ix, 0);
    }
}

/// Whether a quest may count from a moment on that is kept: its last reset, or when it became available.
fn reads_baselines(def: &QuestDef) -> bool {
    let objectives = || def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
    def.repeat.as_ref().is_some_and(Repeat::is_dated)
        || objectives().any(|(_, objective)| objective.since == Since::Available)
}
