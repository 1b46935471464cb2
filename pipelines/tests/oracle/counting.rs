//! Phase 6 of the evaluator: what the events of a tick add up to.

use std::sync::Arc;

use worldflow_schemas::definitions::{Complete, QuestDef, QuestState, StageDef};
use worldflow_schemas::input::{FactChange, Holder};
use worldflow_schemas::{Event, Tick, Value};

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
        let stage = &def.stages.0[stage].1;
        let was_complete = is_complete(stage, &self.held(holder, quest).objectives);
        self.take_back(tick, event, (holder, quest), stage, opened);
        for place in self.counting(tick, event, (holder, quest), stage, opened) {
            self.add_to(tick, event, (holder, quest), stage, place);
        }
        let held = self.held(holder, quest);
        let complete = is_complete(stage, &held.objectives);
        if !complete {
            held.finisher = None;
        } else if !was_complete {
            held.finisher = Some(event.player);
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

pub(super) fn is_complete(stage: &StageDef, objectives: &[Progress]) -> bool {
    let all = stage.objectives.iter().zip(objectives);
    let needed: Vec<bool> =
        all.filter(|((_, def), _)| !def.optional).map(|(_, progress)| progress.done).collect();
    let done = needed.iter().filter(|done| **done).count();
    match stage.complete {
        Complete::All | Complete::Sequence | Complete::StrictSequence => done == needed.len(),
        Complete::Any => done >= 1,
        Complete::AtLeast(least) => done >= least as usize,
    }
}
