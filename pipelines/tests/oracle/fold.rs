//! One tick of the evaluator, phase by phase.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use worldflow_schemas::definitions::{
    Accept, Effect as EffectDef, QuestDef, QuestState, RewardTo, Since, TurnIn,
};
use worldflow_schemas::input::{FactChange, GrantAnswer, Holder, Scope};
use worldflow_schemas::{Command, Event, Input, Sym, Tick, Value};

use super::counting::{is_complete, times};
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
        round: 0,
        objectives: Vec::new(),
        credits: BTreeMap::new(),
        finisher: None,
        goes_on: false,
        failing: false,
        reopens: None,
    }
}

impl Oracle {
    /// Folds one tick; `touched` are those whose time has come.
    pub fn fold(&mut self, tick: Tick, given: &[Input], mut touched: BTreeSet<Holder>) {
        self.now = self.clock.now(tick);
        self.tick = tick;
        // A group may have ended since it was to be looked at.
        touched.retain(|holder| self.known.contains(holder));
        self.let_go(tick);
        self.answers(tick, given);
        self.writes(tick, given, &mut touched);
        let events = given.iter().filter_map(|input| match input {
            Input::Event(event) => Some(event),
            Input::Command(_) => None,
        });
        let mut events: Vec<&Event> = events.collect();
        events.sort_by(|a, b| a.cmp_order(b));
        for event in &events {
            if !event.player.is_none() {
                self.known.insert(Holder { scope: Scope::Player, id: event.player });
            }
            touched.extend(self.holders_of(event));
        }
        if self.exhaustive || self.sweeps.contains(&tick) {
            touched.extend(&self.known);
        }
        touched.retain(|holder| self.known.contains(holder));
        for holder in &touched {
            self.open(tick, *holder);
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
            self.note(tick, *holder);
        }
        for player in std::mem::take(&mut self.earned) {
            self.levels_seen.insert(player, level(self.experience[&player]));
        }
        if !self.updates.is_empty() || !self.effects.is_empty() {
            self.look.entry(tick + 1).or_default();
        }
    }

    /// Notes what has changed for a holder, and has the next tick look where it may matter.
    fn note(&mut self, tick: Tick, holder: Holder) {
        if self.note_changes(tick, holder) {
            self.look_at(tick + 1, holder);
        }
        self.look_when_it_passes(tick, holder);
        let held = self.held.get(&holder).into_iter().flatten();
        let records = held.filter(|(quest, held)| {
            let prerequisites = !self.quests[*quest].requires.is_empty();
            held.instance > 0 || (held.state == QuestState::Available && prerequisites)
        });
        let records: BTreeMap<Arc<str>, (QuestState, i64)> =
            records.map(|(quest, held)| (quest.clone(), (held.state, held.completions))).collect();
        let old = self.seen.get(&holder);
        if old == Some(&records) || (old.is_none() && records.is_empty()) {
            return;
        }
        // Whoever names a quest of somebody else: as soon as anything is named, all look.
        if !self.quests_named.is_empty() && holder.scope != Scope::Player {
            self.sweeps.insert(tick + 1);
        }
        self.look_at(tick + 1, holder);
        self.seen.insert(holder, records);
    }

    /// Answered grants go when their time is over, and are counted with what went before.
    fn let_go(&mut self, tick: Tick) {
        while let Some((due, id)) = self.leaving.first().cloned()
            && due <= tick
        {
            self.leaving.remove(&(due, id.clone()));
            let Grant { row, .. } = self.grants.remove(&id).expect("it is there until it goes");
            self.note_grant(tick, &row, -1);
            let old = self.past_row(&row);
            self.gone.entry(past_of(&row)).or_default().push(row.clone());
            let new = self.past_row(&row);
            self.changes.extend(old.map(|old| ("past_grants", old, tick, -1)));
            self.changes.extend(new.map(|new| ("past_grants", new, tick, 1)));
        }
    }

    /// What has gone of the same quest, holder, player and item, if anything has.
    fn past_row(&self, like: &[serde_json::Value]) -> Option<Vec<serde_json::Value>> {
        let same = self.gone.get(&past_of(like))?;
        let number = |row: &Vec<serde_json::Value>, column: usize| row[column].as_i64().expect("a number");
        let highest = same.iter().map(|row| number(row, 5)).max()?;
        let amount: i64 = same.iter().map(|row| number(row, 9)).sum();
        let mut row = vec![like[0].clone()];
        row.extend(PAST_OF.map(|column| like[column].clone()));
        row.extend([json!(same.len()), json!(amount), json!(highest)]);
        Some(row)
    }

    fn answers(&mut self, tick: Tick, given: &[Input]) {
        let answers = given.iter().filter_map(|input| match input {
            Input::Command(Command::GrantAnswer(answer)) => Some(answer),
            _ => None,
        });
        let mut answers: Vec<&GrantAnswer> = answers.collect();
        answers.sort_by_key(|answer| (!answer.delivered, answer.reason.to_string()));
        for answer in answers {
            self.answer(tick, answer.grant.as_str(), answer.delivered, &answer.reason);
        }
    }

    fn answer(&mut self, tick: Tick, id: &str, delivered: bool, reason: &str) {
        let Some(grant) = self.grants.get_mut(id).filter(|grant| !grant.answered) else {
            self.refused += 1;
            return;
        };
        let old = grant.row.clone();
        let keep = self.world.grants.keep.ms / u64::from(self.world.tick_ms);
        self.leaving.insert((tick.max(grant.earned + keep - 1) + 1, id.to_owned()));
        grant.answered = true;
        grant.row[10] = json!(if delivered { "delivered" } else { "refused" });
        grant.row[11] = if delivered { serde_json::Value::Null } else { json!(reason) };
        let new = grant.row.clone();
        self.note_grant(tick, &old, -1);
        self.note_grant(tick, &new, 1);
    }

    pub(super) fn quests_of(&self, holder: Holder) -> Vec<(Arc<str>, Arc<QuestDef>)> {
        let of_scope = self.quests.iter().filter(|(_, def)| def.scope == holder.scope);
        of_scope.map(|(quest, def)| (quest.clone(), def.clone())).collect()
    }

    pub(super) fn held(&mut self, holder: Holder, quest: &str) -> &mut Held {
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
        self.exclusive_free(holder, quest)
            && self.holds(tick, &self.quests[quest].requires, &self.by_itself(holder))
    }

    /// Phase 4, and before it what the last tick concluded about stages.
    fn open(&mut self, tick: Tick, holder: Holder) {
        let quests = self.quests_of(holder);
        for (quest, def) in &quests {
            let held = self.held(holder, quest);
            if held.goes_on {
                let again = held.round + 1 < def.stages.0[held.stage].1.times.unwrap_or(1);
                let (stage, round) = if again { (held.stage, held.round + 1) } else { (held.stage + 1, 0) };
                self.open_stage(tick, holder, quest, def, stage);
                self.held(holder, quest).round = round;
            } else if held.state == QuestState::Active {
                reveal(def, held);
            }
            self.pass(tick, holder, quest, def);
        }
        for (quest, def) in &quests {
            let held = self.held(holder, quest);
            if held.reopens.is_some_and(|at| at <= tick) {
                held.reopens = None;
                held.state = QuestState::Hidden;
                held.since = tick;
            }
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
            if may && def.accept == Accept::Auto {
                self.accept(tick, holder, quest, def);
            }
        }
    }

    fn accept_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        let taken = held.state.is_open() || held.state == QuestState::Done;
        if taken || !self.may_accept(tick, holder, quest) {
            return self.refused += 1;
        }
        self.accept(tick, holder, quest, &def);
    }

    fn accept(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let deadline = def.deadline.map(|span| tick + self.clock.ticks(span));
        if let Some(at) = deadline {
            self.look_at(at, holder);
        }
        let highest = self.highest.get(&holder).copied().unwrap_or(0);
        let held = self.held(holder, quest);
        *held = Held {
            instance: held.instance.max(highest) + 1,
            completions: held.completions,
            state: QuestState::Active,
            since: tick,
            deadline,
            ..unheld()
        };
        self.open_stage(tick, holder, quest, def, 0);
    }

    fn open_stage(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef, stage: usize) {
        let opened = &def.stages.0[stage].1;
        let held = self.held(holder, quest);
        held.stage = stage;
        held.stage_opened = tick;
        held.finisher = None;
        held.goes_on = false;
        held.objectives = (opened.objectives.iter())
            .map(|(_, objective)| Progress {
                hidden: !objective.hidden_until.is_empty(),
                done: objective.need() == 0,
                ..Progress::default()
            })
            .collect();
        let resets = opened.objectives.iter().any(|(_, objective)| objective.since == Since::Reset);
        if resets {
            self.look_at_reset(tick, holder, def);
        }
    }

    /// A reset lowers what objectives show that count since then.
    fn look_at_reset(&mut self, tick: Tick, holder: Holder, def: &QuestDef) {
        if let Some(next) = self.reset_after(def, self.length.utc_ms(tick)) {
            self.look_at(self.length.tick_at(next).max(tick + 1), holder);
        }
    }

    /// Phase 7.
    fn complete(&mut self, tick: Tick, holder: Holder) {
        for (quest, def) in self.quests_of(holder) {
            if self.held(holder, &quest).state != QuestState::Active {
                continue;
            }
            self.read(tick, holder, &quest, &def);
            let held = self.held(holder, &quest);
            let stage = &def.stages.0[held.stage].1;
            if !is_complete(stage, &held.objectives) {
                held.finisher = None;
                continue;
            }
            if held.stage + 1 < def.stages.len() || held.round + 1 < stage.times.unwrap_or(1) {
                held.goes_on = true;
                self.look_at(tick + 1, holder);
            } else if def.turn_in == TurnIn::Auto {
                let finisher = held.finisher;
                self.done(tick, holder, &quest, &def, finisher);
            } else {
                held.state = QuestState::Ready;
                held.since = tick;
            }
        }
    }

    /// Objectives that read a lifetime counter, a condition or a set of entities.
    fn read(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let stage = &def.stages.0[self.held(holder, quest).stage].1;
        for (place, (_, objective)) in stage.objectives.iter().enumerate() {
            let progress = &self.held(holder, quest).objectives[place];
            let (done, hidden) = (progress.done, progress.hidden);
            if objective.since != Since::Accept && !done && !hidden {
                let from = match objective.since {
                    Since::Reset => {
                        self.look_at_reset(tick, holder, def);
                        let before = self.reset_before(def, self.length.utc_ms(tick));
                        before.map_or(0, |ms| self.length.tick_at(ms))
                    }
                    _ => 0,
                };
                let name = objective.lifetime.clone().expect("checked");
                let counted = self.lifetime.get(&(holder, name)).map_or(&[][..], Vec::as_slice);
                let total: i64 = counted.iter().rev().take_while(|(at, _)| *at >= from).map(|(_, n)| n).sum();
                let need = objective.aggregate().1;
                let progress = &mut self.held(holder, quest).objectives[place];
                progress.value = u32::try_from(total.clamp(0, need.into())).expect("clamped");
                progress.done = progress.value >= need;
            }
            self.read_state(tick, (holder, quest), stage, place);
            let done = self.held(holder, quest).objectives[place].done;
            if stage.complete.is_sequence() && !done {
                break;
            }
        }
    }

    fn turn_in(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        if self.held(holder, quest).state != QuestState::Ready {
            return self.refused += 1;
        }
        self.done(tick, holder, quest, &def, Some(event.player));
    }

    fn fail_and_expire(&mut self, tick: Tick, holder: Holder) {
        for (quest, def) in self.quests_of(holder) {
            if !self.held(holder, &quest).state.is_open() {
                continue;
            }
            let actor = self.by_itself(holder);
            let fails = def.fail_when.as_ref().is_some_and(|condition| self.holds(tick, condition, &actor));
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

    fn done(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef, finisher: Option<Sym>) {
        let reopens = self.reopens(def, tick);
        if let Some(at) = reopens {
            self.look_at(at, holder);
        }
        let held = self.held(holder, quest);
        let recipients = recipients(holder, def, held, finisher);
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
                *self.experience.entry(player).or_insert(0) += i64::from(experience);
                self.earned.push(player);
                self.look_at(tick + 1, Holder { scope: Scope::Player, id: player });
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
            let Some(scope) = self.world.facts.get(fact).map(|def| def.scope) else { continue };
            let Some(whose) = self.holder_of(scope, &self.by_itself(holder)) else { continue };
            let order = (quest.to_owned(), holder.scope, holder.id.as_str(), place);
            self.effects.insert(order, Effect { holder: whose, fact: fact.clone(), change });
        }
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
        let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
        let id = format!(
            "{}/{}:{}/{instance}/{}/{}",
            part(quest),
            holder.scope.name(),
            part(holder.id.as_str()),
            part(slot),
            part(player.as_str())
        );
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
        if self.grants.contains_key(&id) {
            return;
        }
        self.note_grant(tick, &row, 1);
        self.grants.insert(id, Grant { row, answered: false, earned: tick });
    }
}

/// Quest, scope, holder, player and item of a grant.
const PAST_OF: [usize; 5] = [2, 3, 4, 7, 8];

fn past_of(row: &[serde_json::Value]) -> String {
    PAST_OF.map(|column| row[column].to_string()).join(" ")
}

fn level(experience: i64) -> i64 {
    let mut level = 1;
    while 50 * (level + 1) * level <= experience {
        level += 1;
    }
    level
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

/// Reveals what was to be revealed at the end of the tick before.
fn reveal(def: &QuestDef, held: &mut Held) {
    let stage = &def.stages.0[held.stage].1;
    let done: Vec<&str> = (stage.objectives.iter().zip(&held.objectives))
        .filter(|(_, progress)| progress.done)
        .map(|((name, _), _)| name)
        .collect();
    for ((_, def), progress) in stage.objectives.iter().zip(&mut held.objectives) {
        progress.hidden &= !def.hidden_until.iter().all(|name| done.contains(&name.as_str()));
    }
}

fn recipients(holder: Holder, def: &QuestDef, held: &Held, finisher: Option<Sym>) -> Vec<Sym> {
    if holder.scope == Scope::Player {
        return vec![holder.id];
    }
    let least = match &def.rewards.to {
        Some(RewardTo::Finisher {}) => {
            return finisher.into_iter().filter(|player| !player.is_none()).collect();
        }
        Some(RewardTo::Contributors { at_least }) => i64::from(*at_least),
        None => 1,
    };
    let mut totals: BTreeMap<Sym, i64> = BTreeMap::new();
    for ((_, _, player), amount) in &held.credits {
        *totals.entry(*player).or_insert(0) += amount;
    }
    let enough = totals.into_iter().filter(|(player, total)| !player.is_none() && *total >= least);
    enough.map(|(player, _)| player).collect()
}
