//! What one event adds to objectives of the evaluator, and takes away from them.

use std::collections::BTreeMap;

use worldflow_schemas::definitions::{Aggregate, Complete, ObjectiveDef, Pattern, QuestDef, Since, StageDef};
use worldflow_schemas::input::{Holder, Scope};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::{Added, Oracle, Progress};

/// Whether something comes after an objective for a time only.
pub(super) fn is_followed(stage: &StageDef, name: &str) -> bool {
    let follows = |def: &ObjectiveDef| def.within.is_some() && def.after.as_deref() == Some(name);
    stage.objectives.iter().any(|(_, def)| follows(def))
}

/// Whether a value is enough.
pub(super) fn reached(def: &ObjectiveDef, value: u32, need: u32) -> bool {
    if def.min.is_some() { value > 0 && value <= need } else { value >= need }
}

pub(super) fn latched(def: &ObjectiveDef, stage: &StageDef) -> bool {
    def.is_latched(stage.complete.is_sequence())
}

/// The amount of an event, or the attribute `of`; `None` when there is no number.
fn number(def: &ObjectiveDef, event: &Event) -> Option<i64> {
    let by_attribute = !matches!(def.aggregate().0, Aggregate::Count | Aggregate::Streak);
    match def.of.as_ref().filter(|_| by_attribute) {
        None => Some(event.amount),
        Some(name) => {
            let millionths = event.attribute(Sym::new(name))?.as_millionths()?;
            Some(i64::try_from(millionths / 1_000_000).expect("fits"))
        }
    }
}

/// The value that `distinct` and `percent` look at.
fn item(def: &ObjectiveDef, event: &Event) -> Option<String> {
    match def.of.as_ref().filter(|_| def.percent.is_none()) {
        None => (!event.target.is_none()).then(|| event.target.as_str().to_owned()),
        Some(name) => {
            let value = event.attribute(Sym::new(name)).filter(|value| **value != Value::Null)?;
            Some(value.to_string())
        }
    }
}

/// What an event is worth to an objective; `None` when it adds nothing.
fn worth(def: &ObjectiveDef, event: &Event) -> Option<u32> {
    match def.aggregate().0 {
        Aggregate::Distinct | Aggregate::Percent => item(def, event).map(|_| 1),
        Aggregate::Last => Some(u32::try_from(number(def, event)?.max(0)).expect("small")),
        _ => u32::try_from(number(def, event)?).ok().filter(|n| *n > 0),
    }
}

/// Whether it is one that an event may count for.
pub(super) fn counts_events(def: &ObjectiveDef, event: &Event) -> bool {
    def.since == Since::Accept && def.holds.is_none() && worth(def, event).is_some()
}

impl Oracle {
    pub(super) fn need_of(&self, holder: Holder, def: &ObjectiveDef) -> u32 {
        if def.everyone {
            return (self.members(holder).len() as u32).max(1);
        }
        match def.percent {
            Some(percent) => {
                let size = self.set_of(def).len() as u32;
                (size * percent).div_ceil(100).max(1)
            }
            None => def.need(),
        }
    }

    /// The entities that carry one of the tags that the target names.
    pub(super) fn set_of(&self, def: &ObjectiveDef) -> Vec<&String> {
        let wanted = def.target.as_ref().map_or(&[][..], |target| target.as_slice());
        let carries = |tags: &[String]| tags.iter().any(|tag| wanted.contains(tag));
        self.tags.iter().filter(|(_, tags)| carries(tags)).map(|(entity, _)| entity).collect()
    }

    /// The value as its row shows it.
    pub(super) fn value_of(&self, holder: Holder, def: &ObjectiveDef, progress: &Progress) -> u32 {
        if def.min.is_some() { progress.value } else { progress.value.min(self.need_of(holder, def)) }
    }

    /// Sets an objective back to 0.
    pub(super) fn set_back(&mut self, (holder, quest): (Holder, &str), stage: &StageDef, place: usize) {
        let (name, def) = &stage.objectives.0[place];
        let held = self.held(holder, quest);
        let hidden = held.objectives[place].hidden;
        held.objectives[place] = Progress { hidden, done: def.need() == 0, ..Progress::default() };
        let names: Vec<String> = self.quests[quest].stages.iter().map(|(name, _)| name.to_owned()).collect();
        let held = self.held(holder, quest);
        let here = names[held.stage].clone();
        held.credits.retain(|(of, objective, _), _| *of != here || objective != name);
    }

    /// What an event resets and takes away.
    pub(super) fn take_back(
        &mut self,
        tick: Tick,
        event: &Event,
        of: (Holder, &str),
        quest: &QuestDef,
        opened: Tick,
    ) {
        let stage = &quest.stages.0[self.held(of.0, of.1).stage].1;
        let takes = |oracle: &Oracle, pattern: &Pattern| {
            oracle.accepts(tick, pattern, event, opened) && oracle.has_role(of, pattern, event)
        };
        if stage.reset_on.iter().any(|pattern| takes(self, pattern)) {
            (0..stage.objectives.len()).for_each(|place| self.set_back(of, stage, place));
        }
        let settled = |oracle: &mut Oracle, place: usize| {
            oracle.held(of.0, of.1).objectives[place].done && latched(&stage.objectives.0[place].1, stage)
        };
        for (place, (_, def)) in stage.objectives.iter().enumerate() {
            let resets = def.reset_on.iter().any(|pattern| takes(self, pattern));
            if resets && !settled(self, place) {
                self.set_back(of, stage, place);
            }
        }
        for (place, (_, def)) in stage.objectives.iter().enumerate() {
            for pattern in &def.minus {
                if !takes(self, pattern) || settled(self, place) {
                    continue;
                }
                let progress = &mut self.held(of.0, of.1).objectives[place];
                progress.value = progress.value.saturating_sub(worth(def, event).unwrap_or(0));
                progress.done = progress.value >= def.need();
            }
        }
    }

    /// The objectives that accept an event of this tick.
    pub(super) fn accepting(
        &mut self,
        tick: Tick,
        event: &Event,
        (holder, quest): (Holder, &str),
        def: &QuestDef,
        opened: Tick,
    ) -> Vec<usize> {
        let stage = &def.stages.0[self.held(holder, quest).stage].1;
        let mut accepting = Vec::new();
        for (place, (_, of)) in stage.objectives.iter().enumerate() {
            let within = of.within.filter(|_| of.after.is_none());
            let pattern = Pattern { within, ..of.pattern() };
            let has_role = self.has_role((holder, quest), &pattern, event);
            if counts_events(of, event) && has_role && self.accepts(tick, &pattern, event, opened) {
                accepting.push(place);
            }
        }
        accepting
    }

    /// Of the objectives that accept an event, those for which it counts.
    pub(super) fn counting(
        &mut self,
        tick: Tick,
        of: (Holder, &str),
        def: &QuestDef,
        accepting: &[usize],
    ) -> Vec<usize> {
        let held = self.held(of.0, of.1).clone();
        let (stage, before) = (&def.stages.0[held.stage].1, held.objectives);
        let in_turn = |place: &usize| {
            let def = &stage.objectives.0[*place].1;
            let Some(other) = &def.after else { return true };
            let other = stage.objectives.iter().position(|(name, _)| name == other).expect("checked");
            let since = before[other].done_at.unwrap_or(0);
            let late = def.within.is_some_and(|span| tick > since + self.clock.ticks(span));
            before[other].done && !late
        };
        let counts = |place: &&usize| !before[**place].hidden && in_turn(place);
        let mut counting: Vec<usize> = accepting.iter().filter(counts).copied().collect();
        if stage.complete.is_sequence() {
            let Some(first) = before.iter().position(|progress| !progress.done) else { return Vec::new() };
            if counting.contains(&first) {
                return vec![first];
            }
            if stage.complete == Complete::Sequence || counting.is_empty() {
                return Vec::new();
            }
            (0..before.len()).for_each(|place| self.set_back(of, stage, place));
            counting.retain(|place| *place == 0);
            return counting;
        }
        counting.retain(|place| !before[*place].done || !latched(&stage.objectives.0[*place].1, stage));
        counting
    }

    /// Adds an event to an objective and credits its player.
    pub(super) fn add_to(
        &mut self,
        tick: Tick,
        event: &Event,
        of: (Holder, &str),
        quest: &QuestDef,
        place: usize,
    ) {
        let (stage_name, stage) = &quest.stages.0[self.held(of.0, of.1).stage];
        let (name, def) = &stage.objectives.0[place];
        let need = self.need_of(of.0, def);
        let worth = worth(def, event).expect("it was looked at before");
        let mut progress = self.held(of.0, of.1).objectives[place].clone();
        let was_done = progress.done;
        let mut credit = self.grow((tick, of.0), event, def, worth, &mut progress);
        progress.done = reached(def, progress.value, need);
        if progress.done && !was_done && is_followed(stage, name) {
            progress.done_at = Some(tick);
        }
        if def.last.is_some() || def.min.is_some() {
            credit = u32::from(progress.done && !was_done);
        }
        let held = self.held(of.0, of.1);
        held.objectives[place] = progress;
        if credit > 0 && of.0.scope != Scope::Player {
            let key = (stage_name.clone(), name.clone(), event.player);
            *held.credits.entry(key).or_insert(0) += i64::from(credit);
            if held.tapper.is_none() && !event.player.is_none() && super::rewards::taps(quest) {
                held.tapper = Some(event.player);
            }
        }
    }

    /// The new value; returns the credit.
    fn grow(
        &self,
        (tick, holder): (Tick, Holder),
        event: &Event,
        def: &ObjectiveDef,
        worth: u32,
        progress: &mut Progress,
    ) -> u32 {
        let need = def.need();
        let old = progress.value;
        match def.aggregate().0 {
            Aggregate::Count | Aggregate::Sum => {
                if def.players.is_some() || def.everyone {
                    let each = def.aggregate().1;
                    if event.player.is_none() {
                        return 0;
                    }
                    let has = progress.of_player.entry(event.player).or_insert(0);
                    let added = worth.min(each - *has);
                    *has += added;
                    progress.value = match def.everyone {
                        true => self.parts_done(holder, def, progress),
                        false => progress.of_player.values().filter(|has| **has >= each).count() as u32,
                    };
                    return added;
                }
                progress.events.push(Added { at: tick, n: worth, need });
                if let Some(window) = def.window {
                    self.keep_enough(tick, self.clock.ticks(window).max(1), progress);
                }
                if def.window.is_some() || def.half_life.is_some() {
                    progress.value = self.value_at(tick, def, progress);
                    return worth;
                }
                if !def.minus.is_empty() {
                    progress.value = old.saturating_add(worth);
                    return worth;
                }
                progress.value = old.saturating_add(worth).min(need);
            }
            Aggregate::Max => progress.value = old.max(worth.min(need)),
            Aggregate::Min => progress.value = if old == 0 { worth } else { old.min(worth) },
            Aggregate::Last => progress.value = worth,
            Aggregate::Distinct | Aggregate::Percent => {
                let new = progress.distinct.insert(item(def, event).expect("it was looked at before"));
                progress.value = match def.percent {
                    Some(_) => self.counted_of(def, progress),
                    None => progress.distinct.len() as u32,
                };
                return new.into();
            }
            Aggregate::Streak => {
                let period = self.period(def, tick);
                let new = progress.events.last().is_none_or(|last| self.period(def, last.at) != period);
                progress.events.push(Added { at: tick, n: 1, need });
                progress.value = self.value_at(tick, def, progress);
                return new.into();
            }
            Aggregate::Holds => unreachable!("no event counts for a condition"),
        }
        progress.value.saturating_sub(old)
    }

    /// Of a window the latest events that are enough are kept; those of one tick together.
    fn keep_enough(&self, tick: Tick, window: u64, progress: &mut Progress) {
        let need = u64::from(progress.events.last().expect("one has come").need);
        progress.events.retain(|added| tick < added.at + window);
        loop {
            let first = progress.events[0].at;
            let later = progress.events.iter().filter(|added| added.at != first);
            if later.map(|added| u64::from(added.n)).sum::<u64>() < need {
                return;
            }
            progress.events.retain(|added| added.at != first);
        }
    }

    /// How many of those who belong to a group have done their part.
    pub(super) fn parts_done(&self, group: Holder, def: &ObjectiveDef, progress: &Progress) -> u32 {
        let each = def.aggregate().1;
        let done = |player: &&Sym| progress.of_player.get(*player).is_some_and(|has| *has >= each);
        self.members(group).iter().filter(done).count() as u32
    }

    pub(super) fn counted_of(&self, def: &ObjectiveDef, progress: &Progress) -> u32 {
        self.set_of(def).into_iter().filter(|entity| progress.distinct.contains(*entity)).count() as u32
    }
}

/// What is left of millionths after some ticks.
pub(super) fn left(value: u128, ticks: u64, half_life: u64) -> u128 {
    let whole = ticks / half_life;
    if whole >= 64 {
        return 0;
    }
    let fraction = (u128::from(ticks % half_life) << 32) / u128::from(half_life);
    let mut roots: BTreeMap<u32, u128> = BTreeMap::new();
    let mut root = (1u128 << 127).isqrt();
    for digit in 1..=32 {
        roots.insert(digit, root);
        root = (root * (1 << 64)).isqrt();
    }
    let given = roots.iter().filter(|(digit, _)| fraction & (1 << (32 - **digit)) != 0);
    let factor = given.fold(1u128 << 64, |factor, (_, root)| factor * root / (1 << 64));
    value * factor / (1 << 64) / (1 << whole)
}
