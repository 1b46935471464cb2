//! Phase 1: a definition is added, replaced or removed, and what holders keep of it.
//!
//! A counter lives as long as its objective's pattern and aggregate stay the same. What was decided
//! stays: completions and grants outlive the definition. What a quest, stage or objective that has
//! another id was before is in `moves`.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use worldflow_schemas::definitions::{Aggregate, QuestDef, QuestState, Repeat, Since};
use worldflow_schemas::{Sym, catalog};

use super::branches::{Mark, Said};
use super::context::Context;
use super::core::{At, Core};
use super::counting::{parts_done, seen_of};
use super::holder::{Counter, Instance};
use super::moves::Was;
use super::objective::ObjectivePlan;
use super::plan::Ix;
use super::quest_plan::{QuestPlan, StagePlan};
use crate::messages::QuestEdit;

/// Holders by the edited quests of which they keep something, each list in the order of its places.
pub(super) type Keepers = FxHashMap<Ix, Vec<At>>;

/// Something by an objective's place in its stage.
type Placed<T> = SmallVec<[T; 4]>;

impl Core {
    /// Takes the edits of a tick.
    pub(super) fn define_all(&mut self, edits: &[QuestEdit]) {
        if edits.is_empty() {
            return;
        }
        let plans = self.compile(edits);
        let mut keepers = self.keepers(edits);
        for (edit, plan) in edits.iter().zip(plans) {
            self.define(edit, plan, &mut keepers);
        }
        self.edited = self.plan.arrange().unwrap_or_default();
    }

    /// The definitions compiled. How far quests are that they ask about, and nobody has asked about before, is noted
    /// while it is as the tick before has left it.
    fn compile(&mut self, edits: &[QuestEdit]) -> Vec<Option<Rc<QuestPlan>>> {
        let before = self.plan.progress_named.clone();
        let mut plans = Vec::new();
        for QuestEdit { quest, def, .. } in edits {
            // Without a stage there is nothing to hold; the check of a world says so.
            let def = def.as_deref().filter(|def| !def.stages.is_empty());
            plans.push(def.map(|def| Rc::new(QuestPlan::new(*quest, def, &mut self.plan))));
        }
        for QuestEdit { quest, from, .. } in edits.iter().filter(|edit| !edit.from.is_none()) {
            let (ix, from) = (self.plan.ix(*quest), self.plan.ix(*from));
            if self.plan.progress_named.contains(&ix) {
                self.plan.progress_named.insert(from);
            }
        }
        let named: Vec<Ix> = self.plan.progress_named.difference(&before).copied().collect();
        self.remember_progress_of(&named);
        plans
    }

    /// Who keeps something of the quests that are edited, found at once for all of them.
    fn keepers(&mut self, edits: &[QuestEdit]) -> Keepers {
        let names = edits.iter().flat_map(|edit| [edit.quest, edit.from]).filter(|name| !name.is_none());
        let mut keepers: Keepers = names.map(|name| (self.plan.ix(name), Vec::new())).collect();
        for (at, holder) in (0..).zip(&self.holders) {
            let baselines = holder.baselines.keys().map(|(ix, _)| ix);
            if keepers.len() < holder.records.len() {
                let kept = keepers.iter_mut().filter(|(ix, _)| holder.records.contains_key(ix));
                kept.for_each(|(_, keepers)| keepers.push(at));
            } else {
                for ix in holder.records.keys() {
                    keepers.get_mut(ix).into_iter().for_each(|keepers| keepers.push(at));
                }
            }
            for ix in baselines {
                if let Some(keepers) = keepers.get_mut(ix).filter(|keepers| keepers.last() != Some(&at)) {
                    keepers.push(at);
                }
            }
        }
        keepers
    }

    /// Takes an edit and carries the holders of the quest over.
    fn define(&mut self, edit: &QuestEdit, plan: Option<Rc<QuestPlan>>, keepers: &mut Keepers) {
        if let Some(trace) = &mut self.trace {
            trace.edit(edit, self.context.now);
        }
        let QuestEdit { quest, def, from } = edit;
        let def = def.as_deref().filter(|_| plan.is_some());
        let ix = self.plan.ix(*quest);
        let old = if from.is_none() {
            self.plan.get(ix).cloned()
        } else {
            let from = self.plan.ix(*from);
            self.move_quest(ix, from, keepers)
        };
        let keepers = keepers.get(&ix).map_or(&[][..], Vec::as_slice);
        let scope = def.map(|def| def.scope);
        let resets = def.is_some_and(reads_baselines);
        for at in keepers.iter().copied() {
            let stays = scope == Some(self.holders[at as usize].holder.scope);
            if !resets || !stays {
                self.drop_baselines(at, ix);
            }
            if !stays && self.holders[at as usize].records.contains_key(&ix) {
                self.hide_objectives(at, ix);
                self.hide_state(at, ix);
                self.forget(at, ix);
            }
        }
        self.plan.put(*quest, plan);
        self.resets.retain(|(_, other)| *other != ix);
        let new = self.plan.get(ix).cloned();
        if let Some(new) = &new {
            // One that is due in this very tick comes after the edit.
            self.plan_reset(ix, new, self.context.now.saturating_sub(1));
        }
        let old = old.filter(|old| scope == Some(old.scope));
        let was = old.as_ref().zip(new.as_ref()).map(|(old, new)| Was::of(old, new));
        if let (Some(old), Some(new), Some(was)) = (&old, &new, &was) {
            self.trace_moved(edit, old, new, was);
        }
        for at in keepers.iter().copied() {
            let holder = &self.holders[at as usize];
            if !holder.records.contains_key(&ix) {
                continue;
            }
            if let Some(new) = &new
                && scope == Some(holder.holder.scope)
            {
                self.forget_times(at, ix);
                self.plan_again(at, ix, old.as_ref(), new);
                self.enter_untested(at, ix, new);
                if let Some((old, was)) = old.as_ref().zip(was.as_ref()) {
                    self.carry_over(at, ix, (old, new), was);
                }
            }
            self.touch(at, ix);
        }
    }

    /// A quest that nothing keeps from being available is tested nowhere.
    fn enter_untested(&mut self, at: At, ix: Ix, new: &QuestPlan) {
        let record = self.record(at, ix);
        let (never, state) = (record.instance == 0, record.state);
        if never && state == QuestState::Available && !new.is_gated() {
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

    fn carry_over(&mut self, at: At, ix: Ix, (old, new): (&Rc<QuestPlan>, &Rc<QuestPlan>), was: &Was) {
        let Some(open) = self.holders[at as usize].instance(ix) else { return };
        let open_stage = usize::from(open.stage);
        let has_role = |name: &Sym| new.roles.iter().any(|role| role.name == *name);
        self.unmark(at, ix, |mark| matches!(mark, Mark::Role(name) if !has_role(&name)));
        let Some(stage) = was.stages.iter().position(|was| *was == Some(open_stage)) else {
            self.hide_objectives(at, ix);
            self.restart(at, ix, new);
            return;
        };
        let (old_stage, new_stage) = (&old.stages[open_stage], &new.stages[stage]);
        // Where each objective of the new stage was in the old one, if its counter is the same.
        let were = &was.objectives[stage];
        let kept: Placed<Option<usize>> = (new_stage.objectives.iter().zip(were))
            .map(|(objective, was)| was.filter(|was| objective.counts_as(&old_stage.objectives[*was], were)))
            .collect();
        self.rename_branches(at, ix, (&**old, &**new), was);
        if new_stage.times > 1 && self.record(at, ix).said(Mark::Round).is_none() {
            self.mark_as(at, ix, Mark::Round, Some(Said::Number(1)));
        }
        self.rename_shares(at, ix, |key| was.share(old, new, (stage, &kept), key));
        self.move_seen(at, ix, &kept);
        let holder = self.holders[at as usize].holder;
        let needs: Placed<u32> =
            new_stage.objectives.iter().map(|of| of.need_in(&self.plan, holder)).collect();
        let looked: Placed<Option<u32>> =
            (0..needs.len()).map(|place| self.looked_at(at, ix, new_stage, place)).collect();
        let Core { holders, context, out, .. } = self;
        let Some(open) = holders[at as usize].instance_mut(ix) else { return };
        open.stage = u16::try_from(stage).expect("a plan has fewer stages");
        let mut before = std::mem::take(&mut open.counters);
        let placed = new_stage.objectives.iter().zip(&kept).zip(needs).zip(looked);
        open.counters = placed
            .map(|(((objective, kept), need), looked)| {
                let Some(place) = *kept else {
                    let hidden = !objective.hidden_until.is_empty();
                    return Counter { hidden, done: objective.is_reached(0, need), ..Counter::default() };
                };
                let of = &old_stage.objectives[place];
                let same_names = (old_stage.name, of.name) == (new_stage.name, objective.name);
                // A row that goes on under its names is shown again only if it says something else.
                let shown = if same_names { before[place].shown.take() } else { None };
                let counter = carried((of, &before[place]), (objective, need, looked), context);
                Counter { shown, ..counter }
            })
            .collect();
        for (_, row) in before.into_iter().filter_map(|counter| counter.shown) {
            out.remove(catalog::OBJECTIVE_PROGRESS, row);
        }
        open.settle(new_stage, Sym::NONE);
        // What was done did not pass; if it is done no more, it does now.
        if new_stage.timed {
            open.wake = Some(self.context.now);
            self.running.insert((self.context.now, at, ix));
        }
        // Where only events count and the stage is not done by now, the rest of the tick has nothing to find.
        let looks = new_stage.reads_lifetime || new_stage.reads_state || new.fail_when.is_some();
        let idle = open.won.is_empty() && !open.failed && open.counters.iter().all(|counter| !counter.hidden);
        if looks || !idle {
            self.count_on(at, ix);
        }
    }

    /// What is counted anew as of this tick: who has done their part, and which entities of a set were counted.
    fn looked_at(&self, at: At, ix: Ix, stage: &StagePlan, place: usize) -> Option<u32> {
        let (holder, objective) = (&self.holders[at as usize], &stage.objectives[place]);
        let open = holder.instance(ix)?;
        if objective.everyone {
            return Some(parts_done(open, (stage.name, objective), self.plan.members_of(holder.holder)));
        }
        (objective.aggregate == Aggregate::Percent).then(|| seen_of(objective, place, open, &self.plan))
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

/// What goes on of an objective that counts what it counted. `need` is what is needed now, and `looked` what has been counted
/// anew.
fn carried(
    (old, was): (&ObjectivePlan, &Counter),
    (objective, need, looked): (&ObjectivePlan, u32, Option<u32>),
    context: &Context,
) -> Counter {
    // What is done for good stays so where what is needed is the same, whoever has come to a group since.
    let stays = was.done && objective.latched && old.need == objective.need;
    let count = looked.filter(|_| !stays).unwrap_or(was.count);
    let mut counter = Counter {
        count,
        kept: was.kept.clone(),
        done: stays || objective.is_reached(count, need),
        hidden: was.hidden && !objective.hidden_until.is_empty(),
        ripe: was.ripe,
        ..Counter::default()
    };
    counter.carry(objective, was.done, context);
    counter
}

/// Whether a quest may count from a moment on that is kept: its last reset, or when it became available.
fn reads_baselines(def: &QuestDef) -> bool {
    let objectives = || def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
    def.repeat.as_ref().is_some_and(Repeat::is_dated)
        || objectives().any(|(_, objective)| objective.since == Since::Available)
}
