//! Phase 6 of the evaluator: what the events of a tick add up to.

use std::sync::Arc;

use worldflow_schemas::definitions::{
    Complete, ObjectiveDef, Pattern, QuestDef, QuestState, Since, StageDef,
};
use worldflow_schemas::input::{FactChange, Holder};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::{Effect, Held, Oracle, Progress};

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
            for update in &def.changed_by {
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
                // A pattern of another kind accepts nothing.
                if !names_kind(&def, event.kind.as_str()) {
                    continue;
                }
                if self.held(holder, &quest).state.is_open() {
                    self.count_for(tick, event, holder, &quest, &def);
                }
            }
        }
    }

    fn count_for(&mut self, tick: Tick, event: &Event, holder: Holder, quest: &str, def: &QuestDef) {
        let held = self.held(holder, quest);
        let (opened, state) = (held.stage_opened, held.state);
        let failing = (def.fail_on.iter()).any(|pattern| {
            self.accepts(tick, pattern, event, opened) && self.has_role((holder, quest), pattern, event)
        });
        self.held(holder, quest).failing |= failing;
        if state != QuestState::Active {
            return;
        }
        self.take_back(tick, event, (holder, quest), def, opened);
        let accepting = self.accepting(tick, event, (holder, quest), def, opened);
        for place in self.counting(tick, (holder, quest), def, &accepting) {
            self.add_to(tick, event, (holder, quest), def, place);
        }
        settle(def, self.held(holder, quest), event.player);
    }
}

/// Whether any pattern of a quest is of a kind of events.
fn names_kind(def: &QuestDef, kind: &str) -> bool {
    let of_kind = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.event == kind);
    let counts = |of: &ObjectiveDef| of.event == kind && of.since == Since::Accept;
    let of_objective = |of: &ObjectiveDef| counts(of) || of_kind(&of.minus) || of_kind(&of.reset_on);
    let stages = def.stages.iter().map(|(_, stage)| stage);
    let of_stage = |stage: &StageDef| {
        of_kind(&stage.reset_on) || stage.objectives.iter().any(|(_, objective)| of_objective(objective))
    };
    of_kind(&def.fail_on) || stages.into_iter().any(of_stage)
}

pub(super) fn times(by: &serde_json::Number, amount: i64) -> Value {
    match Value::from_json(&serde_json::Value::Number(by.clone())).expect("a number") {
        Value::Int(by) => Value::Int(by.saturating_mul(amount)),
        Value::Dec(by) => Value::Dec(by.saturating_mul(amount)),
        _ => unreachable!("a number is whole or a fraction"),
    }
}

/// The branches of a stage in the order of the file; the empty one if it has none.
fn branches_of(stage: &StageDef) -> Vec<String> {
    let mut branches: Vec<String> = Vec::new();
    for branch in stage.objectives.iter().filter_map(|(_, def)| def.branch.clone()) {
        if !branches.contains(&branch) {
            branches.push(branch);
        }
    }
    if branches.is_empty() { vec![String::new()] } else { branches }
}

/// Lets go of branches that are complete no more, and notes by whom others are now.
pub(super) fn settle(quest: &QuestDef, held: &mut Held, by: Sym) {
    let stage = &quest.stages.0[held.stage].1;
    let complete = |branch: &String| is_complete(stage, &held.objectives, branch);
    held.won.retain(|(branch, _)| complete(branch));
    for branch in branches_of(stage) {
        if complete(&branch) && held.won.iter().all(|(won, _)| *won != branch) {
            held.won.push((branch, by));
        }
    }
}

fn is_complete(stage: &StageDef, objectives: &[Progress], branch: &str) -> bool {
    let all = stage.objectives.iter().zip(objectives);
    let belongs = |def: &ObjectiveDef| def.branch.as_ref().is_none_or(|of| of == branch);
    let all = all.filter(|((_, def), _)| !def.optional && belongs(def));
    let needed: Vec<bool> = all.map(|(_, progress)| progress.done).collect();
    let done = needed.iter().filter(|done| **done).count();
    match stage.complete {
        Complete::All | Complete::Sequence | Complete::StrictSequence => done == needed.len(),
        Complete::Any => done >= 1,
        Complete::AtLeast(least) => done >= least as usize,
    }
}
