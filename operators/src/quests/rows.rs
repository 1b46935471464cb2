//! Rows of `quest_state`, `objective_progress` and `contributions`: at the end of a tick, the
//! difference between what was shown and what is.

use worldflow_schemas::definitions::QuestState;
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Row, Sym, Value, catalog};

use super::core::{At, Core};
use super::holder::{Counter, HolderState, ObjectiveShown, Record, ShareKey, Shown};
use super::messages::Conclusion;
use super::objective::ObjectivePlan;
use super::plan::{Ix, Plan};
use super::quest_plan::QuestPlan;
use crate::machine::Output;
use crate::messages::QuestNow;

/// Words that stand in rows, interned once.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) realm: Sym,
    scopes: [Sym; 7],
    states: [Sym; 9],
    pub(super) pending: Sym,
    pub(super) delivered: Sym,
    pub(super) refused: Sym,
    pub(super) revoked: Sym,
    pub(super) flagged: Sym,
    pub(super) clawback: Sym,
    pub(super) taken: Sym,
}

impl Names {
    pub(super) fn new(realm: Sym) -> Names {
        Names {
            realm,
            scopes: Scope::ALL.map(|scope| Sym::new(scope.name())),
            states: QuestState::ALL.map(|state| Sym::new(state.name())),
            pending: Sym::new("pending"),
            delivered: Sym::new("delivered"),
            refused: Sym::new("refused"),
            revoked: Sym::new("revoked"),
            flagged: Sym::new("flagged"),
            clawback: Sym::new("clawback"),
            taken: Sym::new("taken"),
        }
    }

    pub(super) fn scope(&self, scope: Scope) -> Value {
        Value::id(self.scopes[scope as usize])
    }

    fn state_row(&self, holder: Holder, quest: Sym, shown: &Shown) -> Row {
        Row::from([
            Value::id(self.realm),
            self.scope(holder.scope),
            Value::id(holder.id),
            Value::id(quest),
            Value::Int(shown.instance.into()),
            Value::id(self.states[shown.state as usize]),
            Value::id(shown.stage),
            Value::count(shown.since),
            shown.deadline.map_or(Value::Null, Value::count),
            Value::Int(shown.completions.into()),
        ])
    }

    fn objective_row(&self, line: &Line<'_>, shown: ObjectiveShown) -> Row {
        let (value, need, done, hidden) = shown;
        Row::from([
            Value::id(self.realm),
            self.scope(line.holder.scope),
            Value::id(line.holder.id),
            Value::id(line.quest.quest),
            Value::id(line.stage),
            Value::id(line.objective),
            Value::Int(line.instance.into()),
            Value::Int(value.into()),
            Value::Int(need.into()),
            Value::Bool(done),
            Value::Bool(hidden),
        ])
    }

    fn share_row(&self, holder: Holder, quest: Sym, key: ShareKey, instance: u32, amount: i64) -> Row {
        let (stage, objective, player) = key;
        Row::from([
            Value::id(self.realm),
            self.scope(holder.scope),
            Value::id(holder.id),
            Value::id(quest),
            Value::id(stage),
            Value::id(objective),
            Value::id(player),
            Value::Int(instance.into()),
            Value::Int(amount),
        ])
    }
}

/// What does not change of an objective's row while its stage is open.
struct Line<'a> {
    holder: Holder,
    quest: &'a QuestPlan,
    stage: Sym,
    objective: Sym,
    instance: u32,
}

/// The state row a record implies.
fn implied(record: &Record, holder: &HolderState, ix: Ix, quest: &QuestPlan) -> Option<Shown> {
    if record.is_nothing() || quest.scope != holder.holder.scope {
        return None;
    }
    let stage = holder.instance(ix).map_or(Sym::NONE, |open| quest.stages[usize::from(open.stage)].name);
    Some(Shown {
        instance: record.instance,
        state: record.state,
        stage,
        since: record.since,
        deadline: if record.state == QuestState::Active { record.wake } else { None },
        completions: record.completions,
    })
}

fn shown_now(counter: &Counter, objective: &ObjectivePlan, plan: &Plan, holder: Holder) -> ObjectiveShown {
    let (value, need) = (objective.value(counter.count, plan, holder), objective.need_in(plan, holder));
    (value, need, counter.done, counter.hidden)
}

impl Core {
    /// Notes what objectives of a quest show, if conditions name any: from the next tick on they see it.
    pub(super) fn remember_progress(&mut self, at: At, ix: Ix) {
        if !self.plan.progress_named.contains(&ix) {
            return;
        }
        let Core { plan, holders, .. } = self;
        let holder = &mut holders[at as usize];
        if holder.holder.scope != Scope::Player {
            return;
        }
        let open = holder.instance(ix).zip(plan.get(ix));
        let now: Vec<(Sym, u32)> = open.map_or_else(Vec::new, |(open, quest)| {
            let objectives = &quest.stages[usize::from(open.stage)].objectives;
            let shown = open.counters.iter().zip(objectives);
            let shown = shown.filter_map(|(counter, of)| Some((of.name, counter.shown.as_ref()?.0.0)));
            shown.filter(|(_, value)| *value > 0).collect()
        });
        let before = holder.progress.iter().filter(|((of, _), _)| *of == ix);
        let mut before: Vec<(Sym, u32)> = before.map(|((_, name), value)| (*name, *value)).collect();
        before.retain(|of| !now.contains(of));
        let same = now.iter().all(|(name, value)| holder.progress.get(&(ix, *name)) == Some(value));
        if before.is_empty() && same {
            return;
        }
        holder.progress.retain(|(of, _), _| *of != ix);
        holder.progress.extend(now.into_iter().map(|(name, value)| ((ix, name), value)));
        self.again.push(at);
    }

    /// The same for everyone, of quests that are named since an edit.
    pub(super) fn remember_progress_of(&mut self, named: &[Ix]) {
        for at in 0..At::try_from(self.holders.len()).expect("holders are counted in this type") {
            named.iter().for_each(|ix| self.remember_progress(at, *ix));
        }
    }

    /// Brings the rows of a holder's quest up to date with its state.
    pub(super) fn show(&mut self, at: At, ix: Ix) {
        let Core { plan, holders, names, out, context, .. } = self;
        let holder = &mut holders[at as usize];
        let id = holder.holder;
        let Some(record) = holder.records.get(&ix) else { return };
        // Where it stands is to be known also of a quest that has been removed: it may be defined again.
        if (id.scope != Scope::Player || plan.followed.contains(&ix)) && record.changed == context.now {
            let (state, completions) = record.stands().unwrap_or((QuestState::Hidden, 0));
            let stands = QuestNow { holder: id, quest: plan.name(ix), state, completions };
            out.out.push(Conclusion::Stands(stands));
        }
        let Some(quest) = plan.get(ix) else { return };
        let shown = implied(record, holder, ix, quest);
        let record = holder.records.get_mut(&ix).expect("just found");
        if record.shown.as_ref().map(|(shown, _)| shown) != shown.as_ref() {
            let new = shown.map(|shown| (shown, names.state_row(id, quest.quest, &shown)));
            let old = std::mem::replace(&mut record.shown, new.clone());
            out.replace(catalog::QUEST_STATE, old.map(|(_, row)| row), new.map(|(_, row)| row));
        }
        self.show_progress(at, ix);
    }

    /// Brings the rows of an open instance's objectives and shares up to date.
    pub(super) fn show_progress(&mut self, at: At, ix: Ix) {
        let Core { plan, holders, names, out, .. } = self;
        let Some(quest) = plan.get(ix) else { return };
        let holder = &mut holders[at as usize];
        let id = holder.holder;
        let Some(place) = holder.place_of(ix) else { return };
        let open = &mut holder.open[place];
        open.progressed = false;
        if quest.scope != id.scope {
            return;
        }
        let stage = &quest.stages[usize::from(open.stage)];
        for (counter, objective) in open.counters.iter_mut().zip(&stage.objectives) {
            let now = shown_now(counter, objective, plan, id);
            if counter.shown.as_ref().is_some_and(|(shown, _)| *shown == now) {
                continue;
            }
            let line = Line {
                holder: id,
                quest,
                stage: stage.name,
                objective: objective.name,
                instance: open.number,
            };
            let row = names.objective_row(&line, now);
            if let Some((_, old)) = counter.shown.replace((now, row.clone())) {
                out.remove(catalog::OBJECTIVE_PROGRESS, old);
            }
            out.insert(catalog::OBJECTIVE_PROGRESS, row);
        }
        let Some(extra) = &mut open.extra else { return };
        for key in &extra.new_shares {
            let Some(share) = extra.shares.get_mut(key) else { continue };
            if share.shown.as_ref().is_some_and(|(shown, _)| *shown == share.amount) {
                continue;
            }
            let row = names.share_row(id, quest.quest, *key, open.number, share.amount);
            let old = share.shown.replace((share.amount, row.clone()));
            out.replace(catalog::CONTRIBUTIONS, old.map(|(_, row)| row), Some(row));
        }
    }

    /// Removes the objectives' rows of the open stage, before the stage, the instance or the
    /// definition goes.
    pub(super) fn hide_objectives(&mut self, at: At, ix: Ix) {
        self.forget_times(at, ix);
        let Some(open) = self.holders[at as usize].instance_mut(ix) else { return };
        for (_, row) in open.counters.iter_mut().filter_map(|counter| counter.shown.take()) {
            self.out.remove(catalog::OBJECTIVE_PROGRESS, row);
        }
    }

    /// Removes the rows of contributions of one instance, or of those that `gone` names.
    pub(super) fn hide_shares(&mut self, at: At, ix: Ix, gone: impl Fn(&ShareKey) -> bool) {
        let holder = &mut self.holders[at as usize];
        let Some(extra) = holder.instance_mut(ix).and_then(|open| open.extra.as_mut()) else { return };
        for (_, share) in extra.shares.iter_mut().filter(|(key, _)| gone(key)) {
            if let Some((_, row)) = share.shown.take() {
                self.out.remove(catalog::CONTRIBUTIONS, row);
            }
        }
    }

    /// Removes the row of `quest_state`.
    pub(super) fn hide_state(&mut self, at: At, ix: Ix) {
        let records = &mut self.holders[at as usize].records;
        if let Some((_, row)) = records.get_mut(&ix).and_then(|record| record.shown.take()) {
            self.out.remove(catalog::QUEST_STATE, row);
        }
    }

    /// Takes what has been produced.
    pub(super) fn drain<O>(&mut self, output: &mut Output<O>, wrap: impl Fn(Conclusion) -> O) {
        output.rows.append(&mut self.out.rows);
        output.base.append(&mut self.out.base);
        output.out.extend(self.out.out.drain(..).map(wrap));
    }
}
