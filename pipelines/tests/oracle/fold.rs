//! One tick of the evaluator, phase by phase.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use worldflow_schemas::definitions::{
    Accept, Effect as EffectDef, QuestDef, QuestState, Since, StageDef, TurnIn,
};
use worldflow_schemas::input::{FactChange, GrantAnswer, Holder, Scope};
use worldflow_schemas::{Command, Event, Input, Sym, Tick, Value};

use super::counting::{settle, times};
use super::edits::read_since;
use super::offers::{next_stage, reset_after, went};
use super::rows::shown;
use super::{Effect, Grant, Held, Oracle, Progress, gated};

pub(super) fn unheld() -> Held {
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
        goes_on: false,
        won: Vec::new(),
        branches: BTreeMap::new(),
        rounds: None,
        tapper: None,
        roles: BTreeMap::new(),
        failing: false,
        reopens: None,
    }
}

impl Oracle {
    /// Folds one tick; `touched` are those whose time has come.
    pub fn fold(&mut self, tick: Tick, given: &[Input], mut touched: BTreeSet<Holder>) {
        self.now = self.clock.now(tick);
        self.tick = tick;
        let noted = self.changes.len();
        // Rules see levels as conditions of this tick do, and quests as they were before the edits of this tick.
        let before = (!self.rules.defs.is_empty()).then(|| (self.seen.clone(), self.levels_seen.clone()));
        self.rules.quests = self.quests.clone();
        let (ruled, emitted) = self.take_ruled(tick);
        let given: &[Input] = &given.iter().cloned().chain(emitted).collect::<Vec<_>>();
        // A group may have ended since it was to be looked at.
        touched.retain(|holder| self.known.contains(holder));
        let edited = self.edits(tick, given);
        self.define_speakers(given);
        self.let_go(tick);
        self.answers(tick, given);
        self.writes(tick, given, ruled, &mut touched);
        // What is held goes over with what is known of the tick.
        self.carry_over(tick, edited);
        self.resets(tick);
        let events = given.iter().filter_map(|input| match input {
            Input::Event(event) => Some(event),
            Input::Command(_) => None,
        });
        let mut events: Vec<&Event> = events.collect();
        events.sort_by(|a, b| a.cmp_order(b));
        self.speak(tick, &events);
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
        for (player, quest) in std::mem::take(&mut self.handed) {
            self.offer_handed(tick, player, &quest);
        }
        for event in &events {
            match event.kind.as_str() {
                "quest.share" => self.share_event(tick, event),
                "quest.offer" => self.offer_event(tick, event),
                "quest.accept" => self.accept_event(tick, event),
                "quest.decline" => self.decline_event(tick, event),
                _ => {}
            }
        }
        for shared in std::mem::take(&mut self.shared) {
            self.count_shared(tick, &shared);
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
        for event in of_kind("quest.revoke") {
            self.revoke(tick, event);
        }
        for holder in &touched {
            self.ripen(*holder);
            self.note(tick, *holder);
        }
        for player in std::mem::take(&mut self.earned) {
            self.levels_seen.insert(player, level(self.experience[&player]));
        }
        if !self.updates.is_empty() || !self.effects.is_empty() {
            self.look.entry(tick + 1).or_default();
        }
        self.note_facts(tick);
        let Some((seen, levels)) = before else { return self.run_rules(tick, noted) };
        let now = (std::mem::replace(&mut self.seen, seen), std::mem::replace(&mut self.levels_seen, levels));
        self.run_rules(tick, noted);
        (self.seen, self.levels_seen) = now;
    }

    /// Notes what has changed for a holder, and has the next tick look where it may matter.
    fn note(&mut self, tick: Tick, holder: Holder) {
        if self.note_changes(tick, holder) {
            self.look_at(tick + 1, holder);
        }
        self.look_when_it_passes(tick, holder);
        let held = self.held.get(&holder).into_iter().flatten();
        let records = held.filter(|(quest, held)| {
            let never = held.state == QuestState::Hidden && held.completions == 0;
            // What is held of a quest that is no longer defined is not forgotten.
            self.quests.get(*quest).map_or(held.instance > 0, |def| shown(def, held)) && !never
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
            let stays = self.grants.get(&id).is_none_or(|grant| grant.is_open());
            if stays {
                continue;
            }
            let Grant { row } = self.grants.remove(&id).expect("it is there");
            self.note_grant(tick, &row, -1);
            if ["revoked", "taken"].map(|status| json!(status)).contains(&row[10]) {
                continue;
            }
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
        let Some(grant) = self.grants.get(id).filter(|grant| grant.is_open()) else {
            self.refused += 1;
            return;
        };
        let status = match (grant.row[10] == "clawback", delivered) {
            (true, true) => "taken",
            (true, false) | (false, true) => "delivered",
            (false, false) => "refused",
        };
        let reason = if delivered { serde_json::Value::Null } else { json!(reason) };
        self.change_grant(tick, id, status, reason);
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
        let Some(group) = self.quests[quest].exclusive_group.as_ref() else { return true };
        let Some(quests) = self.held.get(&holder) else { return true };
        !quests.iter().any(|(other, held)| {
            **other != *quest
                && self.quests.get(other).and_then(|def| def.exclusive_group.as_ref()) == Some(group)
                && (held.state.is_open() || held.completions > 0)
        })
    }

    pub(super) fn may_accept(&self, tick: Tick, holder: Holder, quest: &str) -> bool {
        self.exclusive_free(holder, quest)
            && self.is_offered(tick, holder, quest)
            && self.roles_are_open(holder, &self.quests[quest])
            && self.holds(tick, &self.quests[quest].requires, &self.by_itself(holder))
    }

    /// Phase 4, and before it what the last tick concluded about stages.
    fn open(&mut self, tick: Tick, holder: Holder) {
        let quests = self.quests_of(holder);
        for (quest, def) in &quests {
            let held = self.held(holder, quest);
            let goes_on = std::mem::take(&mut held.goes_on);
            if goes_on
                // After an edit there may be none; then phase 7 looks at it again.
                && let Some(stage) = next_stage(def, held)
            {
                let round = if stage == held.stage { held.rounds.unwrap_or(1) + 1 } else { 1 };
                held.branches.remove(&def.stages.0[stage].0);
                self.open_stage(tick, holder, quest, def, stage, round);
            } else if goes_on {
                // Nobody has finished it now.
                let held = self.held(holder, quest);
                held.won.clear();
                settle(def, held, Sym::NONE);
            }
            let revealed = self.held(holder, quest).objectives.iter_mut();
            revealed.filter(|progress| progress.ripe).for_each(|progress| {
                (progress.hidden, progress.ripe) = (false, false);
            });
            self.pass(tick, holder, quest, def);
            self.look_at_roles(holder, quest, def);
        }
        for (quest, def) in &quests {
            let held = self.held(holder, quest);
            if held.reopens.is_some_and(|at| at <= tick) {
                held.reopens = None;
                held.state = QuestState::Hidden;
                held.since = tick;
            }
            if !matches!(held.state, QuestState::Available | QuestState::Hidden | QuestState::Offered) {
                continue;
            }
            let may = self.may_accept(tick, holder, quest);
            let held = self.held(holder, quest);
            let offered = held.state == QuestState::Offered;
            let state = match may {
                true if offered => QuestState::Offered,
                true => QuestState::Available,
                false => QuestState::Hidden,
            };
            if state != held.state {
                let becomes = held.state == QuestState::Hidden && (held.instance > 0 || gated(def));
                held.state = state;
                held.since = tick;
                if becomes {
                    self.becomes_available(tick, holder, quest);
                }
            }
            if may && def.accept == Accept::Auto {
                self.accept(tick, holder, quest, def);
            }
        }
    }

    /// Says which objectives are revealed in the next tick: those that are named are done at the end of this one.
    fn ripen(&mut self, holder: Holder) {
        for (quest, def) in self.quests_of(holder) {
            let held = self.held(holder, &quest);
            if held.state != QuestState::Active || held.goes_on {
                continue;
            }
            let stage = &def.stages.0[held.stage].1;
            let done: Vec<&str> = (stage.objectives.iter().zip(&held.objectives))
                .filter(|(_, progress)| progress.done)
                .map(|((name, _), _)| name)
                .collect();
            for ((_, def), progress) in stage.objectives.iter().zip(&mut held.objectives) {
                let named = def.hidden_until.iter().all(|name| done.contains(&name.as_str()));
                progress.ripe |= progress.hidden && named;
            }
        }
    }

    fn accept_event(&mut self, tick: Tick, event: &Event) {
        let quest = event.target.as_str();
        let Some(def) = self.quests.get(quest).cloned() else { return self.refused += 1 };
        let Some(holder) = self.holder_for(def.scope, event) else { return self.refused += 1 };
        let held = self.held(holder, quest);
        let waits = def.accept == Accept::Offered && held.state != QuestState::Offered;
        let taken = held.state.is_open() || held.state == QuestState::Done;
        if waits || taken || !self.may_accept(tick, holder, quest) {
            return self.refused += 1;
        }
        self.accept(tick, holder, quest, &def);
    }

    fn accept(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let span = def.deadline.map(|span| tick + self.clock.ticks(span));
        let deadline = [span, self.closes(tick, def)].into_iter().flatten().min();
        if let Some(at) = deadline {
            self.look_at(at, holder);
        }
        let highest = self.highest.get(&holder).copied().unwrap_or(0);
        let held = self.held(holder, quest);
        let was = matches!(held.state, QuestState::Available | QuestState::Offered);
        let always = held.instance == 0 && !gated(def);
        *held = Held {
            instance: held.instance.max(highest) + 1,
            completions: held.completions,
            state: QuestState::Active,
            since: tick,
            deadline,
            ..unheld()
        };
        if always {
            let of = self.available.entry((holder, Arc::from(quest))).or_default();
            of.retain(|name, _| !read_since(def, Since::Available).contains(name));
        } else if !was {
            self.becomes_available(tick, holder, quest);
        }
        self.look_at_roles(holder, quest, def);
        self.open_stage(tick, holder, quest, def, 0, 1);
    }

    /// What is counted since a quest became available is counted from before the events of this tick on.
    pub(super) fn becomes_available(&mut self, tick: Tick, holder: Holder, quest: &str) {
        let read = read_since(&self.quests[quest], Since::Available);
        let of = self.available.entry((holder, Arc::from(quest))).or_default();
        of.extend(read.into_iter().map(|name| (name, tick)));
    }

    fn open_stage(
        &mut self,
        tick: Tick,
        holder: Holder,
        quest: &str,
        def: &QuestDef,
        stage: usize,
        round: u32,
    ) {
        let opened = &def.stages.0[stage].1;
        let held = self.held(holder, quest);
        held.stage = stage;
        held.stage_opened = tick;
        held.goes_on = false;
        held.objectives = fresh(opened);
        held.rounds = (opened.times > 1).then_some(round);
        held.won.clear();
        settle(def, held, Sym::NONE);
        let resets = opened.objectives.iter().any(|(_, objective)| objective.since == Since::Reset);
        if resets {
            self.look_at_reset(tick, holder, def);
        }
    }

    /// A reset lowers what objectives show that count since then.
    fn look_at_reset(&mut self, tick: Tick, holder: Holder, def: &QuestDef) {
        let next = def.repeat.as_ref().and_then(|repeat| reset_after(repeat, self.length.utc_ms(tick)));
        if let Some(next) = next {
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
            settle(&def, held, Sym::NONE);
            let Some((branch, finisher)) = held.won.first().cloned() else {
                continue;
            };
            if !branch.is_empty() {
                // It is latched.
                held.branches.entry(def.stages.0[held.stage].0.clone()).or_insert(branch);
            }
            if next_stage(&def, held).is_some() {
                held.goes_on = true;
                self.look_at(tick + 1, holder);
            } else if def.turn_in == TurnIn::Auto {
                self.done(tick, holder, &quest, &def, Some(finisher), "");
            } else {
                held.state = QuestState::Ready;
                held.since = tick;
            }
        }
    }

    /// From which tick on a lifetime counter counts for a quest: the last reset, or when it became available.
    fn base(&self, holder: Holder, quest: &str, name: &str) -> Tick {
        let reset = self.resets.get(quest).and_then(|resets| resets.last.get(name));
        let available = self.available.get(&(holder, Arc::from(quest))).and_then(|of| of.get(name));
        reset.max(available).copied().unwrap_or(0)
    }

    /// Objectives that read a lifetime counter, a condition or a set of entities.
    fn read(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        let stage = &def.stages.0[self.held(holder, quest).stage].1;
        for (place, (_, objective)) in stage.objectives.iter().enumerate() {
            let progress = &self.held(holder, quest).objectives[place];
            let (done, hidden) = (progress.done, progress.hidden);
            if objective.since != Since::Accept && !done && !hidden {
                let name = objective.lifetime.clone().expect("checked");
                if objective.since == Since::Reset {
                    self.look_at_reset(tick, holder, def);
                }
                let from = if objective.since == Since::Ever { 0 } else { self.base(holder, quest, &name) };
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
        if let TurnIn::Npc(names) = &def.turn_in {
            let npc = event.attribute(Sym::new("npc")).map(ToString::to_string).unwrap_or_default();
            let tags = self.tags.get(&npc).cloned().unwrap_or_default();
            if !names.as_slice().iter().any(|name| *name == npc || tags.contains(name)) {
                return self.refused += 1;
            }
        }
        let choose = event.attribute(Sym::new("choose")).map(ToString::to_string).unwrap_or_default();
        let choices = self.choices(holder, quest, &def);
        if !choices.is_empty() && !choices.contains(&choose) {
            return self.refused += 1;
        }
        self.done(tick, holder, quest, &def, Some(event.player), &choose);
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

    fn done(
        &mut self,
        tick: Tick,
        holder: Holder,
        quest: &str,
        def: &QuestDef,
        finisher: Option<Sym>,
        choose: &str,
    ) {
        let reopens = self.reopens(def, tick);
        if let Some(at) = reopens {
            self.look_at(at, holder);
        }
        let earned = self.earned(holder, quest, def, finisher, choose);
        let held = self.held(holder, quest);
        let (instance, branches) = (held.instance, held.branches.clone());
        held.completions += 1;
        held.reopens = reopens;
        close(held, QuestState::Done, tick);
        for (slot, player, item, amount) in earned {
            if item == "experience" {
                *self.experience.entry(player).or_insert(0) += i64::from(amount);
                self.earned.push(player);
                self.look_at(tick + 1, Holder { scope: Scope::Player, id: player });
            }
            self.grant(tick, holder, quest, instance, &slot, player, &item, amount);
        }
        for (place, effect) in def.effects.iter().enumerate() {
            let (fact, change, after) = match effect {
                EffectDef::Set { fact, to, after } => {
                    (fact, FactChange::Set(Value::from_json(to).expect("a scalar")), after)
                }
                EffectDef::Add { fact, by, after } => (fact, FactChange::Add(times(by, 1)), after),
            };
            if !went(after, &branches) {
                continue;
            }
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
        let id = super::rewards::grant_id(quest, holder, instance, slot, player);
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
        self.grants.insert(id, Grant { row });
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

pub(super) fn close(held: &mut Held, state: QuestState, tick: Tick) {
    held.state = state;
    held.since = tick;
    held.deadline = None;
    held.objectives.clear();
    held.credits.clear();
    held.goes_on = false;
    held.failing = false;
}

/// The objectives of a stage that opens.
pub(super) fn fresh(stage: &StageDef) -> Vec<Progress> {
    let objectives = stage.objectives.iter();
    let objectives = objectives.map(|(_, objective)| Progress {
        hidden: !objective.hidden_until.is_empty(),
        done: objective.need() == 0,
        ..Progress::default()
    });
    objectives.collect()
}
