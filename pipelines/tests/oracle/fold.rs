//! One tick of the evaluator, phase by phase.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use worldflow_schemas::definitions::{
    Accept, Aggregate, Complete, Effect as EffectDef, ObjectiveDef, QuestDef, QuestState, RewardTo, Since,
    StageDef, TurnIn,
};
use worldflow_schemas::input::{FactChange, Holder, Scope};
use worldflow_schemas::{Command, Event, Input, Sym, Tick, Value};

use super::{Effect, Grant, Held, Oracle, Progress};

fn unheld() -> Held {
    Held {
        instance: 0,
        state: QuestState::Hidden,
        since: 0,
        deadline: None,
        completions: 0,
        stage: 0,
        stage_opened: 0,
        objectives: Vec::new(),
        credits: BTreeMap::new(),
        finisher: Sym::NONE,
        stage_complete: false,
        goes_on: false,
        failing: false,
        reopens: None,
    }
}

impl Oracle {
    /// Folds one tick. Whether it concluded something for the next.
    pub fn fold(&mut self, tick: Tick, given: &[Input], mut sweep: bool) -> bool {
        self.levels_seen = self.experience.iter().map(|(player, xp)| (*player, level(*xp))).collect();
        sweep |= self.writes(tick, given);
        let mut events: Vec<&Event> = Vec::new();
        for input in given {
            match input {
                Input::Event(event) => events.push(event),
                Input::Command(Command::GrantAnswer(answer)) => {
                    self.answer(tick, answer.grant.as_str(), answer.delivered, &answer.reason);
                }
                Input::Command(_) => {}
            }
        }
        events.sort_by(|a, b| a.cmp_order(b));
        let mut touched = self.meet(given);
        for event in &events {
            touched.extend(self.holders_of(event));
        }
        if sweep {
            touched = self.known.clone();
        }
        let states_before = self.states(&touched);
        for holder in &touched {
            self.reset_and_open(tick, *holder);
        }
        let of_kind =
            |kind: &'static str| events.iter().copied().filter(move |event| event.kind.as_str() == kind);
        for event in of_kind("quest.accept") {
            self.accept_event(tick, event);
        }
        for event in &events {
            if !event.kind.as_str().starts_with("quest.") {
                self.count_event(tick, event);
            }
        }
        for holder in &touched {
            self.complete(tick, *holder);
        }
        for event in of_kind("quest.turn_in") {
            self.turn_in(tick, event);
        }
        for holder in &touched {
            self.fail_and_expire(tick, *holder);
        }
        for event in of_kind("quest.abandon") {
            self.abandon(tick, event);
        }
        for holder in &touched {
            self.note_changes(tick, *holder);
        }
        self.effects.extend(std::mem::take(&mut self.quest_effects).into_values());
        let after = self.states(&touched);
        for holder in &touched {
            let Some(quests) = self.held.get(holder) else { continue };
            let seen = self.seen.entry(*holder).or_default();
            for (quest, held) in quests {
                let now = (held.state, held.completions);
                if seen.get(quest) != Some(&now) {
                    seen.insert(Arc::clone(quest), now);
                }
            }
        }
        states_before != after || !self.effects.is_empty()
    }

    /// What could matter to the next tick: states, completions, and how many objectives are done.
    fn states(&self, holders: &BTreeSet<Holder>) -> Vec<(Holder, QuestState, i64, usize, usize, bool)> {
        let mut all = Vec::new();
        for holder in holders {
            for held in self.held.get(holder).into_iter().flat_map(BTreeMap::values) {
                if (held.state, held.instance) != (QuestState::Hidden, 0) {
                    let done = held.objectives.iter().filter(|progress| progress.done).count();
                    all.push((*holder, held.state, held.completions, held.stage, done, held.goes_on));
                }
            }
        }
        all
    }

    /// Meets whoever the inputs name; returns them.
    fn meet(&mut self, given: &[Input]) -> BTreeSet<Holder> {
        let mut met = BTreeSet::new();
        if !given.is_empty() && self.known.is_empty() {
            met.insert(Holder { scope: Scope::Realm, id: self.realm });
            let regions = self.world.regions.keys();
            met.extend(regions.map(|region| Holder { scope: Scope::Region, id: Sym::new(region) }));
        }
        let mut meet = |scope: Scope, id: Sym| {
            if !id.is_none() {
                met.insert(Holder { scope, id });
            }
        };
        for input in given {
            match input {
                Input::Event(event) => meet(Scope::Player, event.player),
                Input::Command(Command::Presence(write)) => {
                    meet(Scope::Player, write.player);
                    meet(Scope::Instance, write.instance);
                }
                Input::Command(Command::Membership(write)) => {
                    meet(Scope::Player, write.player);
                    meet(write.scope, write.group);
                }
                Input::Command(Command::Fact(write)) if write.holder.scope == Scope::Player => {
                    meet(Scope::Player, write.holder.id);
                }
                Input::Command(_) => {}
            }
        }
        self.known.extend(met.iter().copied());
        met
    }

    fn answer(&mut self, tick: Tick, id: &str, delivered: bool, reason: &str) {
        let Some(grant) = self.grants.get_mut(id).filter(|grant| !grant.answered) else {
            self.refused += 1;
            return;
        };
        let old = grant.row.clone();
        grant.answered = true;
        grant.row[10] = json!(if delivered { "delivered" } else { "refused" });
        grant.row[11] = if delivered { serde_json::Value::Null } else { json!(reason) };
        let new = grant.row.clone();
        self.note_grant(tick, &old, -1);
        self.note_grant(tick, &new, 1);
    }

    fn quests_of(&self, holder: Holder) -> Vec<Arc<str>> {
        let of_scope = self.quests.iter().filter(|(_, def)| def.scope == holder.scope);
        of_scope.map(|(quest, _)| quest.clone()).collect()
    }

    fn held(&mut self, holder: Holder, quest: &str) -> &mut Held {
        let quests = self.held.entry(holder).or_default();
        if !quests.contains_key(quest) {
            quests.insert(Arc::from(quest), unheld());
        }
        quests.get_mut(quest).expect("it has been inserted")
    }

    fn exclusive_free(&self, holder: Holder, quest: &str) -> bool {
        let Some(group) = &self.quests[quest].exclusive_group else { return true };
        let Some(quests) = self.held.get(&holder) else { return true };
        !quests.iter().any(|(other, held)| {
            **other != *quest
                && self.quests[other].exclusive_group.as_ref() == Some(group)
                && (held.state.is_open() || held.completions > 0)
        })
    }

    fn may_accept(&self, tick: Tick, holder: Holder, quest: &str) -> bool {
        self.holds(tick, &self.quests[quest].requires, self.asked_by_holder(holder))
            && self.exclusive_free(holder, quest)
    }

    /// Phase 4, and before it what the last tick concluded about stages.
    fn reset_and_open(&mut self, tick: Tick, holder: Holder) {
        let quests = self.quests_of(holder);
        for quest in &quests {
            let def = self.quests[quest].clone();
            let held = self.held(holder, quest);
            if held.goes_on {
                let stage = held.stage + 1;
                self.open_stage(tick, holder, quest, &def, stage);
            }
            let held = self.held(holder, quest);
            if held.state == QuestState::Active {
                reveal(&def.stages.0[held.stage].1, &mut held.objectives);
            }
            if held.reopens.is_some_and(|at| at <= tick) {
                held.reopens = None;
                held.state = QuestState::Hidden;
                held.since = tick;
            }
        }
        for quest in &quests {
            let held = self.held(holder, quest);
            if !matches!(held.state, QuestState::Available | QuestState::Hidden) {
                continue;
            }
            let may = self.may_accept(tick, holder, quest);
            let held = self.held(holder, quest);
            let state = if may { QuestState::Available } else { QuestState::Hidden };
            if state != held.state {
                held.state = state;
                held.since = tick;
            }
        }
        for quest in &quests {
            let available = self.held(holder, quest).state == QuestState::Available;
            if self.quests[quest].accept == Accept::Auto && available && self.exclusive_free(holder, quest) {
                self.accept(tick, holder, quest);
            }
        }
    }

    fn accept_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest) else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        let open = held.state.is_open() || held.state == QuestState::Done;
        if open || !self.may_accept(tick, holder, quest) {
            return self.refused += 1;
        }
        self.accept(tick, holder, quest);
    }

    fn accept(&mut self, tick: Tick, holder: Holder, quest: &str) {
        let def = self.quests[quest].clone();
        let deadline = def.deadline.map(|span| tick + self.clock.ticks(span));
        self.timers.extend(deadline);
        let held = self.held(holder, quest);
        *held = Held {
            instance: held.instance + 1,
            completions: held.completions,
            state: QuestState::Active,
            since: tick,
            deadline,
            ..unheld()
        };
        self.open_stage(tick, holder, quest, &def, 0);
    }

    fn open_stage(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef, stage: usize) {
        let held = self.held(holder, quest);
        held.stage = stage;
        held.stage_opened = tick;
        held.stage_complete = false;
        held.goes_on = false;
        let objectives = def.stages.0[stage].1.objectives.iter();
        held.objectives = objectives
            .map(|(_, objective)| Progress {
                hidden: !objective.hidden_until.is_empty(),
                ..Progress::default()
            })
            .collect();
        self.read_lifetime(tick, holder, quest, def);
    }

    /// Objectives that read a lifetime counter.
    fn read_lifetime(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let stage = self.held(holder, quest).stage;
        for (place, (_, objective)) in def.stages.0[stage].1.objectives.iter().enumerate() {
            let from = match objective.since {
                Since::Accept => continue,
                Since::Ever => 0,
                Since::Reset => {
                    let before = self.reset_before(def, self.length.utc_ms(tick));
                    if let Some(next) = self.reset_after(def, self.length.utc_ms(tick)) {
                        self.timers.insert(self.length.tick_at(next));
                    }
                    before.map_or(0, |ms| self.length.tick_at(ms))
                }
            };
            let name = objective.lifetime.clone().expect("checked");
            let counted = self.lifetime.get(&(holder, name)).map_or(&[][..], Vec::as_slice);
            let total: i64 = counted.iter().filter(|(at, _)| *at >= from).map(|(_, amount)| amount).sum();
            let need = objective.aggregate().1;
            let progress = &mut self.held(holder, quest).objectives[place];
            if !progress.done && !progress.hidden {
                progress.value = u32::try_from(total.clamp(0, need.into())).expect("clamped");
                progress.done = progress.value >= need;
            }
        }
    }

    /// Phase 6 for one event.
    fn count_event(&mut self, tick: Tick, event: &Event) {
        let world = Arc::clone(&self.world);
        for (name, def) in &world.lifetime {
            let Some(holder) = self.holder_for(def.scope, event) else { continue };
            if event.amount > 0 && self.accepts(tick, &def.pattern, event, holder, tick) {
                self.lifetime.entry((holder, name.clone())).or_default().push((tick, event.amount));
            }
        }
        for (name, def) in &world.facts {
            let Some(holder) = self.holder_for(def.scope, event) else { continue };
            for update in &def.on {
                if self.accepts(tick, &update.pattern, event, holder, tick) {
                    let change = match (&update.set, &update.add) {
                        (Some(set), _) => FactChange::Set(Value::from_json(set).expect("a scalar")),
                        (None, Some(by)) => FactChange::Add(times(by, event.amount)),
                        (None, None) => continue,
                    };
                    self.effects.push(Effect { holder, fact: name.clone(), change });
                }
            }
        }
        for holder in self.holders_of(event) {
            for quest in self.quests_of(holder) {
                let def = self.quests[&quest].clone();
                if self.held(holder, &quest).state.is_open() {
                    self.count_for(tick, event, holder, &quest, &def);
                }
            }
        }
    }

    fn count_for(&mut self, tick: Tick, event: &Event, holder: Holder, quest: &str, def: &QuestDef) {
        let held = self.held(holder, quest);
        let (opened, stage, state) = (held.stage_opened, held.stage, held.state);
        let failing = def.fail_on.iter().any(|pattern| self.accepts(tick, pattern, event, holder, opened));
        self.held(holder, quest).failing |= failing;
        if state != QuestState::Active {
            return;
        }
        let (stage_name, stage) = &def.stages.0[stage];
        let first_undone = self.held(holder, quest).objectives.iter().position(|progress| !progress.done);
        for (place, (name, objective)) in stage.objectives.iter().enumerate() {
            let progress = &self.held(holder, quest).objectives[place];
            let waits = stage.complete == Complete::Sequence && first_undone != Some(place);
            if progress.done || progress.hidden || waits || objective.since != Since::Accept {
                continue;
            }
            if !self.accepts(tick, &objective.pattern(), event, holder, opened) {
                continue;
            }
            let held = self.held(holder, quest);
            let added = add(objective, event, &mut held.objectives[place]);
            if added > 0 && holder.scope != Scope::Player {
                let key = (stage_name.to_owned(), name.to_owned(), event.player);
                *held.credits.entry(key).or_insert(0) += i64::from(added);
            }
        }
        let held = self.held(holder, quest);
        if !held.stage_complete && is_complete(stage, &held.objectives) {
            held.stage_complete = true;
            held.finisher = event.player;
        }
    }

    /// Phase 7.
    fn complete(&mut self, tick: Tick, holder: Holder) {
        for quest in self.quests_of(holder) {
            let def = self.quests[&quest].clone();
            if self.held(holder, &quest).state != QuestState::Active || self.held(holder, &quest).goes_on {
                continue;
            }
            self.read_lifetime(tick, holder, &quest, &def);
            let held = self.held(holder, &quest);
            if !is_complete(&def.stages.0[held.stage].1, &held.objectives) {
                continue;
            }
            if held.stage + 1 < def.stages.len() {
                held.goes_on = true;
            } else if def.turn_in == TurnIn::Auto {
                self.done(tick, holder, &quest, &def);
            } else {
                held.state = QuestState::Ready;
                held.since = tick;
            }
        }
    }

    fn turn_in(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        if held.state != QuestState::Ready {
            return self.refused += 1;
        }
        held.finisher = event.player;
        self.done(tick, holder, quest, &def);
    }

    fn fail_and_expire(&mut self, tick: Tick, holder: Holder) {
        for quest in self.quests_of(holder) {
            let def = self.quests[&quest].clone();
            if !self.held(holder, &quest).state.is_open() {
                continue;
            }
            let asked = self.asked_by_holder(holder);
            let fails = def.fail_when.as_ref().is_some_and(|condition| self.holds(tick, condition, asked));
            let held = self.held(holder, &quest);
            if held.failing || fails {
                close(held, QuestState::Failed, tick);
            } else if held.state == QuestState::Active && held.deadline.is_some_and(|at| at <= tick) {
                close(held, QuestState::Expired, tick);
            }
        }
    }

    fn abandon(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest) else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        if !held.state.is_open() {
            return self.refused += 1;
        }
        close(held, QuestState::Abandoned, tick);
    }

    fn done(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let reopens = self.reopens(def, tick);
        self.timers.extend(reopens);
        let held = self.held(holder, quest);
        let recipients = recipients(holder, def, held);
        let instance = held.instance;
        held.completions += 1;
        held.reopens = reopens;
        close(held, QuestState::Done, tick);
        for player in recipients {
            let mut slots: Vec<(String, String, u32)> = Vec::new();
            for (slot, reward) in &def.rewards.slots {
                slots.push((slot.clone(), reward.item.clone(), reward.amount));
            }
            if let Some(experience) = def.rewards.experience {
                slots.push(("experience".into(), "experience".into(), experience));
                *self.experience.entry(player.as_str()).or_insert(0) += i64::from(experience);
            }
            for (slot, item, amount) in slots {
                self.grant(tick, holder, quest, instance, &slot, player, &item, amount);
            }
        }
        for (place, effect) in def.effects.iter().enumerate() {
            let (fact, change) = match effect {
                EffectDef::Set { fact, to } => {
                    (fact, FactChange::Set(Value::from_json(to).expect("a scalar")))
                }
                EffectDef::Add { fact, by } => (fact, FactChange::Add(times(by, 1))),
            };
            let Some(whose) = self.fact_holder(fact, holder) else { continue };
            let order = (quest.to_owned(), holder.scope, holder.id.as_str(), place);
            self.quest_effects.insert(order, Effect { holder: whose, fact: fact.clone(), change });
        }
    }

    fn fact_holder(&self, fact: &str, holder: Holder) -> Option<Holder> {
        let scope = self.world.facts.get(fact)?.scope;
        if scope == holder.scope {
            return Some(holder);
        }
        if scope == Scope::Realm {
            return Some(Holder { scope, id: self.realm });
        }
        if holder.scope != Scope::Player {
            return None;
        }
        let place = self.place(holder.id);
        let id = match scope {
            Scope::Party => place.party,
            Scope::Guild => place.guild,
            Scope::Account => place.account,
            Scope::Region => place.region,
            Scope::Instance => place.instance,
            Scope::Player | Scope::Realm => Sym::NONE,
        };
        (!id.is_none()).then_some(Holder { scope, id })
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one row")]
    fn grant(
        &mut self,
        tick: Tick,
        holder: Holder,
        quest: &str,
        instance: i64,
        slot: &str,
        player: Sym,
        item: &str,
        amount: u32,
    ) {
        let id = format!("{quest}/{}:{}/{instance}/{slot}/{player}", holder.scope.name(), holder.id);
        let row = vec![
            json!(self.realm.as_str()),
            json!(id),
            json!(quest),
            json!(holder.scope.name()),
            json!(holder.id.as_str()),
            json!(instance),
            json!(slot),
            json!(player.as_str()),
            json!(item),
            json!(amount),
            json!("pending"),
            serde_json::Value::Null,
            json!(tick),
        ];
        self.note_grant(tick, &row, 1);
        self.grants.insert(id, Grant { row, answered: false });
    }
}

fn level(experience: i64) -> i64 {
    let mut level = 1;
    while 50 * (level + 1) * level <= experience {
        level += 1;
    }
    level
}

fn times(by: &serde_json::Number, amount: i64) -> Value {
    match Value::from_json(&serde_json::Value::Number(by.clone())).expect("a number") {
        Value::Int(by) => Value::Int(by * amount),
        Value::Dec(by) => Value::Dec(by * amount),
        _ => unreachable!("a number is whole or a fraction"),
    }
}

fn close(held: &mut Held, state: QuestState, tick: Tick) {
    held.state = state;
    held.since = tick;
    held.deadline = None;
    held.objectives.clear();
    held.credits.clear();
    held.goes_on = false;
    held.failing = false;
}

fn reveal(stage: &StageDef, objectives: &mut [Progress]) {
    let done: Vec<(&str, bool)> = stage
        .objectives
        .iter()
        .zip(&*objectives)
        .map(|((name, _), progress)| (name, progress.done))
        .collect();
    for ((_, def), progress) in stage.objectives.iter().zip(objectives) {
        let waits = def.hidden_until.iter().any(|name| !done.contains(&(name.as_str(), true)));
        if progress.hidden && !waits {
            progress.hidden = false;
        }
    }
}

fn is_complete(stage: &StageDef, objectives: &[Progress]) -> bool {
    let all = stage.objectives.iter().zip(objectives);
    let needed: Vec<bool> =
        all.filter(|((_, def), _)| !def.optional).map(|(_, progress)| progress.done).collect();
    let done = needed.iter().filter(|done| **done).count();
    match stage.complete {
        Complete::All | Complete::Sequence => done == needed.len(),
        Complete::Any => done >= 1,
        Complete::AtLeast(least) => done >= least as usize,
    }
}

/// Adds an event to an objective; returns by how much its value grew.
fn add(def: &ObjectiveDef, event: &Event, progress: &mut Progress) -> u32 {
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

fn recipients(holder: Holder, def: &QuestDef, held: &Held) -> Vec<Sym> {
    if holder.scope == Scope::Player {
        return vec![holder.id];
    }
    let least = match &def.rewards.to {
        Some(RewardTo::Finisher {}) => {
            return [held.finisher].into_iter().filter(|player| !player.is_none()).collect();
        }
        Some(RewardTo::Contributors { at_least }) => i64::from(*at_least),
        None => 1,
    };
    let mut totals: BTreeMap<&'static str, i64> = BTreeMap::new();
    for ((_, _, player), amount) in &held.credits {
        *totals.entry(player.as_str()).or_insert(0) += amount;
    }
    let enough = totals.into_iter().filter(|(player, total)| !player.is_empty() && *total >= least);
    enough.map(|(player, _)| Sym::new(player)).collect()
}
