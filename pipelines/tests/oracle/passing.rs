//! What time does to objectives of the evaluator: every value is worked out anew from all events that count.

use serde_json::{Value as Json, json};
use worldflow_schemas::Tick;
use worldflow_schemas::definitions::{ObjectiveDef, QuestDef, QuestState, StageDef};
use worldflow_schemas::input::Holder;

use super::aggregates::{is_followed, latched, left, reached};
use super::offers::{reset_after, reset_before};
use super::{Added, Held, Oracle, Progress};

const MILLION: u128 = 1_000_000;

impl Oracle {
    /// The value of a window, of what decays or of a streak at a tick.
    pub(super) fn value_at(&self, tick: Tick, def: &ObjectiveDef, progress: &Progress) -> u32 {
        let need = def.need();
        if let Some(window) = def.window {
            let window = self.clock.ticks(window).max(1);
            let inside = progress.events.iter().filter(|added| tick < added.at + window);
            return inside.map(|added| added.n).fold(0u32, u32::saturating_add).min(need);
        }
        if def.half_life.is_some() {
            return (self.exact(def, progress).1 / MILLION) as u32;
        }
        let Some(last) = progress.events.last() else { return 0 };
        let (last, now) = (self.period(def, last.at), self.period(def, tick));
        if now != last && now != self.period_after(def, last) {
            return 0;
        }
        let mut run = 0;
        let mut before = None;
        for added in &progress.events {
            let period = self.period(def, added.at);
            if before == Some(period) {
                continue;
            }
            run =
                if before.map(|before| self.period_after(def, before)) == Some(period) { run + 1 } else { 1 };
            before = Some(period);
        }
        run
    }

    /// The tick of the last event that added to what decays, and the millionths as of then.
    fn exact(&self, def: &ObjectiveDef, progress: &Progress) -> (Tick, u128) {
        let half_life = self.clock.ticks(def.half_life.expect("it decays")).max(1);
        progress.events.iter().fold((0, 0), |(since, value), Added { at, n, need }| {
            let most = u128::from(*need) * MILLION;
            (*at, (left(value, at - since, half_life) + u128::from(*n) * MILLION).min(most))
        })
    }

    /// Whether what is left of what decays is enough.
    pub(super) fn is_left(&self, tick: Tick, def: &ObjectiveDef, progress: &Progress) -> bool {
        let half_life = self.clock.ticks(def.half_life.expect("it decays")).max(1);
        let (since, value) = self.exact(def, progress);
        left(value, tick - since, half_life) >= u128::from(def.need()) * MILLION
    }

    /// The period of a tick: of real ones the tick at which it began, of days of the world their number.
    pub(super) fn period(&self, def: &ObjectiveDef, tick: Tick) -> i64 {
        match def.every.as_ref().expect("checked").repeat() {
            None => self.clock.world_ms(tick).div_euclid(86_400_000),
            Some(repeat) => {
                let began = reset_before(&repeat, self.length.utc_ms(tick)).expect("every week has one");
                i64::try_from(self.length.tick_at(began)).expect("in range")
            }
        }
    }

    fn period_after(&self, def: &ObjectiveDef, period: i64) -> i64 {
        match def.every.as_ref().expect("checked").repeat() {
            None => period + 1,
            Some(repeat) => {
                let from = Tick::try_from(period).expect("a tick");
                let next = reset_after(&repeat, self.length.utc_ms(from)).expect("every week has one");
                i64::try_from(self.length.tick_at(next)).expect("in range")
            }
        }
    }

    /// When the streak is lost.
    fn lost_at(&self, def: &ObjectiveDef, period: i64) -> Tick {
        let after = self.period_after(def, self.period_after(def, period));
        match def.every.as_ref().expect("checked").repeat() {
            Some(_) => Tick::try_from(after).expect("a tick"),
            None => self.clock.tick_at_world(after * 86_400_000),
        }
    }

    /// Phase 4 for an active instance.
    pub(super) fn pass(&mut self, tick: Tick, holder: Holder, quest: &str, def: &QuestDef) {
        if self.held(holder, quest).state != QuestState::Active {
            return;
        }
        let stage = &def.stages.0[self.held(holder, quest).stage].1;
        for (place, (name, def)) in stage.objectives.iter().enumerate() {
            let mut progress = self.held(holder, quest).objectives[place].clone();
            let falls = def.window.is_some() || def.streak.is_some();
            if def.everyone && !progress.hidden && !(progress.done && latched(def, stage)) {
                let was_done = progress.done;
                progress.value = self.parts_done(holder, def, &progress);
                progress.done = progress.value >= self.need_of(holder, def);
                if progress.done && !was_done && is_followed(stage, name) {
                    progress.done_at = Some(tick);
                }
                self.held(holder, quest).objectives[place] = progress.clone();
            }
            if falls && !(progress.done && latched(def, stage)) {
                progress.value = self.value_at(tick, def, &progress);
                progress.done = progress.value >= def.need();
                self.held(holder, quest).objectives[place] = progress;
            }
        }
        let objectives = self.held(holder, quest).objectives.clone();
        for place in 0..objectives.len() {
            if let Some((other, until)) = self.follows(stage, &objectives, place)
                && until < tick
                && !objectives[place].done
            {
                self.set_back((holder, quest), stage, other);
            }
        }
    }

    /// Of what comes after another for a while: the other, and the last tick that counts.
    fn follows(&self, stage: &StageDef, objectives: &[Progress], place: usize) -> Option<(usize, Tick)> {
        let def = &stage.objectives.0[place].1;
        let (after, span) = (def.after.as_ref()?, def.within?);
        let other = stage.objectives.iter().position(|(name, _)| name == after).expect("checked");
        let done_at = objectives[other].done_at.filter(|_| objectives[other].done)?;
        Some((other, done_at + self.clock.ticks(span)))
    }

    /// Phase 7: conditions and sets of entities.
    pub(super) fn read_state(&mut self, tick: Tick, of: (Holder, &str), stage: &StageDef, place: usize) {
        let def = &stage.objectives.0[place].1;
        let held = self.held(of.0, of.1).clone();
        let mut progress = held.objectives[place].clone();
        if (progress.done && latched(def, stage)) || progress.hidden {
            return;
        }
        let was_done = progress.done;
        if let Some(condition) = &def.holds {
            let after = def.after.as_ref().is_none_or(|after| {
                let other = stage.objectives.iter().position(|(name, _)| name == after).expect("checked");
                held.objectives[other].done
            });
            let in_time = match (def.within, self.follows(stage, &held.objectives, place)) {
                (None, _) => true,
                (Some(_), Some((_, until))) => tick <= until,
                (Some(span), None) => {
                    def.after.is_none() && tick - held.stage_opened <= self.clock.ticks(span)
                }
            };
            let holds = after && in_time && self.holds(tick, condition, &self.by_itself(of.0));
            // Only for a span it matters since when.
            progress.holds_since =
                def.lasting.filter(|_| holds).map(|_| progress.holds_since.unwrap_or(tick));
            progress.done = match (def.lasting, progress.holds_since) {
                (None, _) => holds,
                (Some(span), since) => since.is_some_and(|since| tick >= since + self.clock.ticks(span)),
            };
            progress.value = progress.done.into();
        } else if def.percent.is_some() {
            progress.value = self.counted_of(def, &progress);
            progress.done = reached(def, progress.value, self.need_of(of.0, def));
        } else {
            return;
        }
        if progress.done && !was_done && is_followed(stage, &stage.objectives.0[place].0) {
            progress.done_at = Some(tick);
        }
        self.held(of.0, of.1).objectives[place] = progress;
    }

    /// Since and until when time runs for an objective, and what decays.
    fn times(
        &self,
        held: &Held,
        stage: &StageDef,
        place: usize,
    ) -> Option<(Option<u128>, Option<Tick>, Option<Tick>)> {
        let (def, progress) = (&stage.objectives.0[place].1, &held.objectives[place]);
        if progress.hidden || (progress.done && latched(def, stage)) {
            return None;
        }
        let last = progress.events.last().map(|added| added.at);
        if let Some(span) = def.lasting {
            let since = progress.holds_since?;
            return Some((None, Some(since), Some(since + self.clock.ticks(span))));
        }
        if let Some(span) = def.half_life {
            let (since, value) = self.exact(def, progress);
            return last.map(|_| (Some(value), Some(since), Some(since + self.clock.ticks(span).max(1))));
        }
        if let Some(span) = def.window {
            let leaves = progress.events.iter().map(|added| added.at + self.clock.ticks(span).max(1));
            return leaves.filter(|at| self.tick < *at).min().map(|until| (None, None, Some(until)));
        }
        if def.streak.is_some() {
            let last = last.filter(|_| progress.value > 0)?;
            return Some((None, None, Some(self.lost_at(def, self.period(def, last)))));
        }
        let (other, until) = self.follows(stage, &held.objectives, place)?;
        Some((None, held.objectives[other].done_at, Some(until)))
    }

    pub(super) fn times_rows(
        &self,
        lead: &[Json],
        held: &Held,
        name: &str,
        stage: &StageDef,
    ) -> Vec<(&'static str, Vec<Json>)> {
        let mut rows = Vec::new();
        for (place, (objective, _)) in stage.objectives.iter().enumerate() {
            let Some((exact, since, until)) = self.times(held, stage, place) else { continue };
            let mut row = lead.to_vec();
            row.extend([json!(name), json!(objective), json!(held.instance)]);
            let exact = exact.map(|exact| worldflow_schemas::Value::Dec(exact as i64).to_json());
            row.extend([exact.unwrap_or(Json::Null), json!(since), json!(until)]);
            rows.push(("objective_times", row));
        }
        rows
    }

    /// Has ticks look at a holder in which something passes.
    pub(super) fn look_when_it_passes(&mut self, tick: Tick, holder: Holder) {
        let mut ticks = Vec::new();
        for (quest, held) in self.held.get(&holder).into_iter().flatten() {
            if held.state != QuestState::Active {
                continue;
            }
            let Some(def) = self.quests.get(quest) else { continue };
            let stage = &def.stages.0[held.stage].1;
            for place in 0..stage.objectives.len() {
                let until = self.times(held, stage, place).and_then(|(_, _, until)| until);
                let follows = self.follows(stage, &held.objectives, place).map(|(_, until)| until);
                let def = &stage.objectives.0[place].1;
                let within = def.within.filter(|_| def.holds.is_some() && def.after.is_none());
                let over = within.map(|span| held.stage_opened + self.clock.ticks(span));
                ticks.extend(
                    until.into_iter().chain(follows).chain(over).flat_map(|until| [until, until + 1]),
                );
            }
        }
        for at in ticks.into_iter().filter(|at| *at > tick) {
            self.look_at(at, holder);
        }
    }
}
