//! Phase 6 of the evaluator: what the events of a tick add up to.

use std::sync::Arc;

use worldflow_schemas::definitions::{
    Aggregate, Complete, ObjectiveDef, QuestDef, QuestState, Since, StageDef,
};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::{Effect, Oracle, Progress};

impl Oracle {
    /// Phase 6 for one event.
    pub(super) fn count_event(&mut self, tick: Tick, event: &Event) {
        let world = Arc::clone(&self.world);
        for (name, def) in &world.lifetime {
            let Some(holder) = self.holder_for(def.scope, event) else { continue };
            if event.amount > 0 && self.accepts(tick, &def.pattern, event, tick) {
                self.lifetime.entry((holder, name.clone())).or_default().push((tick, event.amount));
            }
        }
        for (name, def) in &world.facts {
            let Some(holder) = self.holder_for(def.scope, event) else { continue };
            for update in &def.on {
                if self.accepts(tick, &update.pattern, event, tick) {
                    let change = match (&update.set, &update.add) {
                        (Some(set), _) => FactChange::Set(Value::from_json(set).expect("a scalar")),
                        (None, Some(by)) => FactChange::Add(times(by, event.amount)),
                        (None, None) => continue,
                    };
                    self.updates.push(Effect { holder, fact: name.clone(), change });
                }
            }
        }
        self.share(tick, event);
        for holder in self.holders_of(event) {
            for (quest, def) in self.quests_of(holder) {
                if self.held(holder, &quest).state.is_open() {
                    self.count_for(tick, event, holder, &quest, &def);
                }
            }
        }
    }

    fn count_for(&mut self, tick: Tick, event: &Event, holder: Holder, quest: &str, def: &QuestDef) {
        let held = self.held(holder, quest);
        let (opened, stage, state) = (held.stage_opened, held.stage, held.state);
        let failing = def.fail_on.iter().any(|pattern| self.accepts(tick, pattern, event, opened));
        self.held(holder, quest).failing |= failing;
        if state != QuestState::Active {
            return;
        }
        let (stage_name, stage) = &def.stages.0[stage];
        let was_complete = done_by(stage, &self.held(holder, quest).objectives).is_some();
        let first_undone = self.held(holder, quest).objectives.iter().position(|progress| !progress.done);
        for (place, (name, objective)) in stage.objectives.iter().enumerate() {
            let progress = &self.held(holder, quest).objectives[place];
            let waits = stage.complete == Complete::Sequence && first_undone != Some(place);
            if progress.done || progress.hidden || waits || objective.since != Since::Accept {
                continue;
            }
            if !self.accepts(tick, &objective.pattern(), event, opened) {
                continue;
            }
            let held = self.held(holder, quest);
            let added = add(objective, event, &mut held.objectives[place]);
            if added > 0 && holder.scope != Scope::Player {
                let key = (stage_name.to_owned(), name.to_owned(), event.player);
                *held.credits.entry(key).or_insert(0) += i64::from(added);
                if held.tapper.is_none() && !event.player.is_none() && super::rewards::taps(def) {
                    held.tapper = Some(event.player);
                }
            }
        }
        let held = self.held(holder, quest);
        if !was_complete && let Some(branch) = done_by(stage, &held.objectives) {
            held.finisher = Some(event.player);
            held.winner = Some(branch);
        }
    }
}

pub(super) fn times(by: &serde_json::Number, amount: i64) -> Value {
    match Value::from_json(&serde_json::Value::Number(by.clone())).expect("a number") {
        Value::Int(by) => Value::Int(by.saturating_mul(amount)),
        Value::Dec(by) => Value::Dec(by.saturating_mul(amount)),
        _ => unreachable!("a number is whole or a fraction"),
    }
}

/// The branch by which a stage is done, of several the first in the file; empty if it has none.
pub(super) fn done_by(stage: &StageDef, objectives: &[Progress]) -> Option<String> {
    let named: Vec<&String> = stage.objectives.iter().filter_map(|(_, def)| def.branch.as_ref()).collect();
    if named.is_empty() {
        return is_complete(stage, objectives, "").then(String::new);
    }
    named.into_iter().find(|branch| is_complete(stage, objectives, branch)).cloned()
}

fn is_complete(stage: &StageDef, objectives: &[Progress], branch: &str) -> bool {
    let all = stage.objectives.iter().zip(objectives);
    let belongs = |def: &ObjectiveDef| def.branch.as_ref().is_none_or(|of| of == branch);
    let all = all.filter(|((_, def), _)| !def.optional && belongs(def));
    let needed: Vec<bool> = all.map(|(_, progress)| progress.done).collect();
    let done = needed.iter().filter(|done| **done).count();
    match stage.complete {
        Complete::All | Complete::Sequence => done == needed.len(),
        Complete::Any => done >= 1,
        Complete::AtLeast(least) => done >= least as usize,
    }
}

/// Adds an event to an objective; returns by how much its value grew.
pub(super) fn add(def: &ObjectiveDef, event: &Event, progress: &mut Progress) -> u32 {
    let (aggregate, need) = def.aggregate();
    let attribute = |name: &String| event.attribute(Sym::new(name)).cloned();
    let number = || match &def.of {
        None => Some(event.amount),
        Some(name) => {
            let millionths = attribute(name)?.as_millionths()?;
            Some(i64::try_from(millionths / 1_000_000).expect("fits"))
        }
    };
    let old = progress.value;
    let up_to = |n: i64| u32::try_from(n.clamp(0, need.into())).expect("clamped");
    match aggregate {
        Aggregate::Count => progress.value = up_to(i64::from(old).saturating_add(event.amount.max(0))),
        Aggregate::Sum => {
            progress.value = up_to(i64::from(old).saturating_add(number().unwrap_or(0).max(0)));
        }
        Aggregate::Max => progress.value = old.max(up_to(number().unwrap_or(0))),
        Aggregate::Distinct => {
            let value = match &def.of {
                None => (!event.target.is_none()).then(|| event.target.as_str().to_owned()),
                Some(name) => {
                    attribute(name).filter(|value| *value != Value::Null).map(|value| value.to_string())
                }
            };
            if value.is_some_and(|value| progress.distinct.insert(value)) {
                progress.value = up_to(i64::from(old) + 1);
            }
        }
    }
    progress.done = progress.value >= need;
    progress.value - old
}
