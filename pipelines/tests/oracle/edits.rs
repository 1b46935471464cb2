//! Phase 1 of the evaluator: what an edit of definitions does to what is held, as docs/semantics.md says under Edits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use worldflow_schemas::definitions::{ObjectiveDef, Ordered, QuestDef, QuestState, Repeat, Since, StageDef};
use worldflow_schemas::input::{DefinitionEdit, Holder};
use worldflow_schemas::{Command, Input, Sym, Tick};

use super::aggregates::{is_followed, latched, reached};
use super::counting::settle;
use super::{Added, Held, Oracle, Progress, gated};

/// Definitions by id.
pub type Quests = BTreeMap<Arc<str>, Arc<QuestDef>>;

/// What a reset of a quest was last, and when it is next.
#[derive(Clone, Debug, Default)]
pub struct Resets {
    pub next: Option<Tick>,
    /// By lifetime counter that an objective read at that time.
    pub last: BTreeMap<String, Tick>,
}

impl Oracle {
    /// Notes the resets that come by this tick.
    pub fn resets(&mut self, tick: Tick) {
        for (quest, def) in self.quests.clone() {
            let due = self.resets.get(&quest).and_then(|resets| resets.next).filter(|next| *next <= tick);
            if due.is_none() {
                continue;
            }
            let next = self.next_reset(&def, tick);
            let resets = self.resets.entry(quest).or_default();
            resets.last.extend(read_since(&def, Since::Reset).into_iter().map(|name| (name, tick)));
            resets.next = next;
            self.sweeps.extend(next);
        }
    }

    /// Sets when quests are reset next.
    pub fn plan_resets(&mut self, tick: Tick) {
        for (quest, def) in self.quests.clone() {
            let next = self.next_reset(&def, tick);
            self.sweeps.extend(next);
            self.resets.entry(quest).or_default().next = next;
        }
    }

    fn next_reset(&self, def: &QuestDef, tick: Tick) -> Option<Tick> {
        if read_since(def, Since::Reset).is_empty() {
            return None;
        }
        let at = super::reset_after(def.repeat.as_ref()?, self.length.utc_ms(tick))?;
        Some(self.length.tick_at(at).max(tick + 1))
    }

    /// Phase 1: the definitions. What they were, if any is another now.
    pub fn edits(&mut self, tick: Tick, given: &[Input]) -> Option<Quests> {
        self.moved.clear();
        let mut edits: Vec<&DefinitionEdit> = Vec::new();
        for input in given {
            match input {
                Input::Command(Command::Define(edit)) => edits.push(edit),
                Input::Command(Command::Revise(revise)) => edits.extend(&revise.edits),
                _ => {}
            }
        }
        let old = self.quests.clone();
        for edit in edits {
            if let DefinitionEdit::Quest(id, def) = edit {
                let id: Arc<str> = Arc::from(id.as_str());
                match def {
                    Some(def) => drop(self.quests.insert(id, def.clone())),
                    None => drop(self.quests.remove(&id)),
                }
            }
        }
        if old == self.quests {
            return None;
        }
        self.moved = moves(&old, &self.quests);
        self.note_names();
        self.forget_views_named();
        self.find_windows();
        let until = self.until;
        let conditions = self.conditions();
        let edges = self.clock.edges(tick, until, &conditions.iter().collect::<Vec<_>>());
        let weather = self.weather_ticks();
        self.sweeps.extend(edges.into_iter().chain(weather).filter(|at| *at > tick));
        self.sweeps.extend([tick, tick + 1]);
        Some(old)
    }

    /// What is held under former definitions goes on under those that there are.
    pub fn carry_over(&mut self, tick: Tick, old: Option<Quests>) {
        let Some(old) = old else { return };
        let moves = self.moved.clone();
        for (to, from) in &moves {
            self.move_quest(tick, to, from, old.get(from).map(|def| &**def));
        }
        let ids: BTreeSet<Arc<str>> = old.keys().chain(self.quests.keys()).cloned().collect();
        for id in ids {
            let was = moves.iter().find(|(to, _)| *to == id).map_or(&id, |(_, from)| from);
            let was = if moves.iter().any(|(_, from)| *from == id) { None } else { old.get(was) };
            let now = self.quests.get(&id).cloned();
            if was != now.as_ref() || !moves.iter().all(|(to, _)| *to != id) {
                self.edit(tick, &id, was.map(|def| &**def), now.as_deref());
            }
        }
    }

    /// Everything that is held of `from` is from now on held of `to`, and seen as if it had always been.
    fn move_quest(&mut self, tick: Tick, to: &Arc<str>, from: &Arc<str>, former: Option<&QuestDef>) {
        let listed = former.is_some_and(gated);
        for quests in self.held.values_mut() {
            let Some(mut moved) = quests.remove(from) else { continue };
            // What was never listed is nothing that could go on.
            let row = match moved.state {
                QuestState::Offered => true,
                QuestState::Available => listed,
                _ => false,
            };
            if moved.instance == 0 && !row {
                continue;
            }
            let number = moved.instance;
            if let Some(kept) = quests.remove(to) {
                moved.completions += kept.completions;
                if kept.instance >= moved.instance && kept.instance > 0 {
                    moved.instance = kept.instance + i64::from(moved.state.is_open());
                }
            }
            quests.insert(to.clone(), moved);
            if number > 0 {
                quests.insert(from.clone(), Held { instance: number, since: tick, ..super::fold::unheld() });
            }
        }
        for seen in self.seen.values_mut() {
            let Some((state, completions)) = seen.remove(from) else { continue };
            let before = seen.get(to).map_or(0, |(_, completions)| *completions);
            seen.insert(to.clone(), (state, completions + before));
        }
        if let Some(resets) = self.resets.remove(from) {
            self.resets.insert(to.clone(), resets);
        }
        let available = std::mem::take(&mut self.available).into_iter();
        let renamed = available.map(|((holder, quest), of)| {
            let quest = if quest == *from { to.clone() } else { quest };
            ((holder, quest), of)
        });
        self.available = renamed.collect();
    }

    fn edit(&mut self, tick: Tick, quest: &Arc<str>, old: Option<&QuestDef>, new: Option<&QuestDef>) {
        let old = old.filter(|old| new.is_none_or(|new| new.scope == old.scope));
        let keeps_base = new.is_some_and(|new| {
            new.repeat.as_ref().is_some_and(Repeat::is_dated) || !read_since(new, Since::Available).is_empty()
        });
        // One that is due in this very tick comes after the edit.
        let next = new.and_then(|new| self.next_reset(new, tick - 1));
        self.sweeps.extend(next);
        let of = self.resets.entry(quest.clone()).or_default();
        of.next = next;
        if !keeps_base || old.is_none() {
            of.last.clear();
            self.available.retain(|(_, other), _| other != quest);
        }
        let holders: Vec<Holder> = self.held.keys().copied().collect();
        for holder in holders {
            let Some(held) = self.held.get_mut(&holder).and_then(|quests| quests.get_mut(quest)) else {
                continue;
            };
            let Some(new) = new.filter(|new| new.scope == holder.scope) else {
                forget(held, tick);
                continue;
            };
            if held.state == QuestState::Done && old.is_none_or(|old| old.repeat != new.repeat) {
                let since = held.since;
                let reopens = self.reopens(new, since).map(|at| at.max(tick + 1));
                if let Some(at) = reopens {
                    self.look_at(at, holder);
                }
                self.held(holder, quest).reopens = reopens;
            }
            let held = self.held(holder, quest);
            let unlisted = !gated(new) || old.is_some_and(|old| !gated(old));
            if held.instance == 0 && held.state == QuestState::Available && unlisted {
                *held = super::fold::unheld();
            }
            if held.state.is_open()
                && let Some(old) = old
            {
                self.replace(tick, (holder, quest), old, new);
            }
        }
    }

    /// An open instance under another definition.
    fn replace(&mut self, tick: Tick, (holder, quest): (Holder, &str), old: &QuestDef, new: &QuestDef) {
        let mut held = self.held(holder, quest).clone();
        held.roles.retain(|role, _| new.roles.get(role).is_some());
        let (was_id, was) = &old.stages.0[held.stage];
        match new.stages.iter().position(|(id, _)| stage_was(old, new, id) == Some(was_id)) {
            None => begin_again(&mut held, new, tick),
            Some(stage) => {
                let (id, now) = &new.stages.0[stage];
                let mut objectives = Vec::new();
                for (name, def) in now.objectives.iter() {
                    let place = former(was, now, name)
                        .and_then(|former| was.objectives.iter().position(|(id, _)| id == former));
                    objectives.push(match place {
                        Some(place) => {
                            let before = (&was.objectives.0[place].1, &held.objectives[place]);
                            self.kept(tick, holder, before, (name, def, now))
                        }
                        None => Progress { hidden: !def.hidden_until.is_empty(), ..Progress::default() },
                    });
                }
                held.credits = credits_now(&held, (old, was_id, was), (new, id, now));
                held.branches = branches_now(&held, old, new);
                held.objectives = objectives;
                held.stage = stage;
                if now.times > 1 && held.rounds.is_none() {
                    held.rounds = Some(1);
                }
            }
        }
        settle(new, &mut held, Sym::NONE);
        *self.held(holder, quest) = held;
    }

    /// What is kept of an objective that counts what it counted.
    fn kept(
        &self,
        tick: Tick,
        holder: Holder,
        (old, was): (&ObjectiveDef, &Progress),
        (name, def, stage): (&str, &ObjectiveDef, &StageDef),
    ) -> Progress {
        let mut now = Progress { hidden: was.hidden && !def.hidden_until.is_empty(), ..was.clone() };
        // What is done for good stays so where what is needed is the same, whoever has come to a group since.
        let stays = was.done && latched(def, stage) && old.need() == def.need();
        if !stays {
            if def.everyone && !now.hidden {
                now.value = self.parts_done(holder, def, &now);
            }
            if def.percent.is_some() {
                now.value = self.counted_of(def, &now);
            }
            now.done = reached(def, now.value, self.need_of(holder, def));
            if def.half_life.is_some() {
                // What is done decays no more, until it is done no more.
                now.done &= was.done || self.is_left(tick, def, &now);
                if was.done && !now.done {
                    now.events = vec![Added { at: tick, n: now.value, need: now.value }];
                }
            }
        }
        if def.lasting.is_none() {
            now.holds_since = None;
        }
        if now.done && is_followed(stage, name) && (!was.done || was.done_at.is_none()) {
            now.done_at = Some(tick);
        }
        now
    }
}

/// The definition is gone for a holder.
fn forget(held: &mut Held, tick: Tick) {
    held.reopens = None;
    held.branches.clear();
    held.roles.clear();
    (held.rounds, held.tapper) = (None, None);
    if held.state.is_open() {
        super::fold::close(held, QuestState::Abandoned, tick);
    } else if held.instance == 0 {
        *held = super::fold::unheld();
    } else if held.state == QuestState::Offered {
        (held.state, held.since) = (QuestState::Hidden, tick);
    }
}

/// The open stage is gone: the first one is opened.
fn begin_again(held: &mut Held, new: &QuestDef, tick: Tick) {
    let first = &new.stages.0[0].1;
    held.credits.clear();
    held.stage = 0;
    held.stage_opened = tick;
    held.goes_on = false;
    held.rounds = (first.times > 1).then_some(1);
    held.tapper = None;
    held.won.clear();
    held.branches.clear();
    held.failing = false;
    held.objectives = super::fold::fresh(first);
}

/// What an objective of the open stage was called, if it counts what it counted.
fn former<'a>(was: &'a StageDef, now: &StageDef, objective: &str) -> Option<&'a str> {
    let named = |name: &str| of(&was.objectives, &now.objectives, name, |def| def.moved_from.as_deref());
    let former = named(objective)?;
    let (old, new) = (was.objectives.get(former)?, now.objectives.get(objective)?);
    let alone = |def: &ObjectiveDef| ObjectiveDef { after: None, ..def.clone() }.identity();
    // It comes after the same one, whatever that is called.
    let after = new.after.as_deref().map(named);
    (alone(old) == alone(new) && after == old.after.as_deref().map(Some)).then_some(former)
}

/// Credits by what stages and objectives are called now.
fn credits_now(
    held: &Held,
    (old, was_id, was): (&QuestDef, &str, &StageDef),
    (new, id, now): (&QuestDef, &str, &StageDef),
) -> BTreeMap<(String, String, Sym), i64> {
    let mut credits = BTreeMap::new();
    for ((of_stage, objective, player), amount) in &held.credits {
        let named = if of_stage == was_id {
            now.objectives
                .iter()
                .find(|(name, _)| former(was, now, name) == Some(objective.as_str()))
                .map(|(name, _)| (id.to_owned(), name.to_owned()))
        } else {
            credit_now(old, new, of_stage, objective).filter(|(stage, _)| stage != id)
        };
        if let Some((stage, objective)) = named {
            *credits.entry((stage, objective, *player)).or_insert(0) += amount;
        }
    }
    credits
}

/// Branches by what the stages are called now; those of a stage that is gone stay, unless another has its id.
fn branches_now(held: &Held, old: &QuestDef, new: &QuestDef) -> BTreeMap<String, String> {
    let named = |stage: &String| {
        if old.stages.get(stage).is_none() {
            return new.stages.get(stage).is_none().then(|| stage.clone());
        }
        let now = new.stages.iter().find(|(id, _)| stage_was(old, new, id) == Some(stage));
        Some(now.map_or(stage.clone(), |(id, _)| id.to_owned()))
    };
    held.branches.iter().filter_map(|(stage, branch)| Some((named(stage)?, branch.clone()))).collect()
}

/// What a credit of a stage that is not open is called now.
fn credit_now(old: &QuestDef, new: &QuestDef, stage: &str, objective: &str) -> Option<(String, String)> {
    let unchanged = || Some((stage.to_owned(), objective.to_owned()));
    let Some(was) = old.stages.get(stage) else { return unchanged() };
    let now = new.stages.iter().find(|(id, _)| stage_was(old, new, id) == Some(stage));
    let Some((id, now)) = now else { return unchanged() };
    let named = now.objectives.iter().find(|(name, _)| {
        of(&was.objectives, &now.objectives, name, |def| def.moved_from.as_deref()) == Some(objective)
    });
    Some((id.to_owned(), named.map_or(objective, |(name, _)| name).to_owned()))
}

fn stage_was<'a>(old: &'a QuestDef, new: &QuestDef, id: &str) -> Option<&'a str> {
    of(&old.stages, &new.stages, id, |stage: &StageDef| stage.moved_from.as_deref())
}

/// What an entry was called: one former id for one new one, in the order of the file.
fn of<'a, T>(
    old: &'a Ordered<T>,
    new: &Ordered<T>,
    id: &str,
    moved_from: impl Fn(&T) -> Option<&str>,
) -> Option<&'a str> {
    let gone: Vec<(&str, &T)> = old.iter().filter(|(other, _)| new.get(other).is_none()).collect();
    let come: Vec<(&str, &T)> = new.iter().filter(|(other, _)| old.get(other).is_none()).collect();
    if come.iter().all(|(other, _)| *other != id) {
        return old.iter().find(|(other, _)| *other == id).map(|(id, _)| id);
    }
    let mut former: BTreeMap<&str, &'a str> = BTreeMap::new();
    for (id, def) in &come {
        let said = gone.iter().find(|(other, _)| Some(*other) == moved_from(def));
        if let Some((from, _)) = said.filter(|(from, _)| former.values().all(|taken| taken != from)) {
            former.insert(*id, *from);
        }
    }
    // Undone: what is gone had been moved from what comes.
    for (id, _) in &come {
        let undone = gone.iter().find(|(_, def)| moved_from(def) == Some(id));
        if !former.contains_key(id)
            && let Some((from, _)) = undone.filter(|(from, _)| former.values().all(|taken| taken != from))
        {
            former.insert(*id, *from);
        }
    }
    former.get(id).copied()
}

/// The quests that go on under other ids: new and former.
fn moves(old: &Quests, new: &Quests) -> Vec<(Arc<str>, Arc<str>)> {
    let come = || new.iter().filter(|(id, _)| !old.contains_key(*id));
    let gone = || old.iter().filter(|(id, _)| !new.contains_key(*id));
    let mut moves: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    let said = come().filter_map(|(id, def)| Some((id, def, def.moved_from.clone()?)));
    for (id, def, from) in said {
        let was = gone().find(|(other, _)| ***other == *from);
        if let Some((from, was)) = was
            && was.scope == def.scope
            && moves.iter().all(|(_, taken)| taken != from)
        {
            moves.push((id.clone(), from.clone()));
        }
    }
    for (id, def) in come() {
        let was = gone().find(|(other, was)| {
            was.moved_from.as_deref() == Some(&**id) && moves.iter().all(|(_, taken)| taken != *other)
        });
        if let Some((from, was)) = was
            && was.scope == def.scope
            && moves.iter().all(|(to, _)| to != id)
        {
            moves.push((id.clone(), from.clone()));
        }
    }
    moves
}

/// The lifetime counters that objectives read since some moment.
pub fn read_since(def: &QuestDef, since: Since) -> BTreeSet<String> {
    let objectives = def.stages.iter().flat_map(|(_, stage)| stage.objectives.iter());
    let objectives = objectives.filter(|(_, def)| def.since == since);
    objectives.filter_map(|(_, def)| def.lifetime.clone()).collect()
}

/// The grants that were written twice, if any: an id is used once.
pub fn granted_twice(changes: &[super::Seen]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let written =
        changes.iter().filter(|(view, row, _, diff)| *view == "grants" && *diff > 0 && row[10] == "pending");
    written.map(|(_, row, ..)| row[1].to_string()).filter(|id| !seen.insert(id.clone())).collect()
}

/// A symbol for a quest, as definitions are edited.
pub fn quest_edit(id: &str, def: Option<Arc<QuestDef>>) -> DefinitionEdit {
    DefinitionEdit::Quest(Sym::new(id), def)
}
