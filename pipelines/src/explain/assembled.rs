//! Puts together what is said: the picture of the last tick, the definition, and what was traced.

use std::collections::BTreeSet;

use worldflow_operators::quests::traced::{ObjectiveNow, Picture, StageNow};
use worldflow_schemas::definitions::{ObjectiveDef, QuestDef, QuestState, StageDef};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Sym, Tick};

use super::collected::{Collected, Counted};
use super::conditions::Words;
use super::finish;
use super::moments::Moments;
use super::told::{At, Explanation, ObjectiveTold, StageTold};
use super::words;

/// What an explanation is made of.
pub(super) struct Parts<'a> {
    pub(super) def: &'a QuestDef,
    pub(super) picture: &'a Picture,
    pub(super) collected: &'a Collected,
    pub(super) words: &'a Words,
    pub(super) moments: Moments,
    /// How many deeds are told one by one.
    pub(super) most: usize,
}

impl Parts<'_> {
    pub(super) fn state(&self) -> QuestState {
        self.picture.state.unwrap_or(QuestState::Hidden)
    }

    /// Everything; who asks and when is filled in by the caller.
    pub(super) fn explanation(&self, realm: Sym, quest: Sym, holder: Option<Holder>) -> Explanation {
        let Parts { def, picture, collected, words, moments, .. } = self;
        let state = self.state();
        let since = (picture.since > 0).then(|| moments.at(picture.since));
        let stages: Vec<StageTold> = self.stages();
        Explanation {
            realm: realm.to_string(),
            quest: quest.to_string(),
            title: def.title.clone(),
            scope: def.scope.name().to_owned(),
            holder: holder.map(|holder| holder.id.to_string()).unwrap_or_default(),
            now: moments.at(picture.tick),
            world: words.world_time(),
            state: state.name().to_owned(),
            instance: picture.instance,
            completions: picture.completions,
            since,
            until: picture.wake.filter(|tick| *tick < Tick::MAX).map(|tick| moments.at(tick)),
            why: finish::why(self),
            finish: finish::steps(self),
            requires: picture.requires.as_ref().map(|node| words.tested(node)),
            fails: picture.fail_when.as_ref().map(|node| words.tested(node)),
            fail_on: def.fail_on.iter().map(words::pattern).collect(),
            stages,
            history: collected.history(),
            asked: None,
            looked_from: None,
        }
    }

    /// The place of the open stage.
    pub(super) fn place_of(&self, open: &StageNow) -> Option<usize> {
        self.def.stages.iter().position(|(id, _)| open.stage.as_str() == id)
    }

    fn stages(&self) -> Vec<StageTold> {
        let open = self.picture.open.as_ref();
        let place = open.and_then(|open| self.place_of(open));
        let opened: BTreeSet<String> = self.collected.opened();
        let stage = |(at, (id, def)): (usize, (&str, &StageDef))| {
            let is = match place {
                Some(place) if at == place => "open",
                Some(place) if at < place => "done",
                Some(_) => "later",
                None if self.state() == QuestState::Done && self.was_passed_over(def, id, &opened) => {
                    "passed over"
                }
                None if self.state() == QuestState::Done => "done",
                None => "",
            };
            self.stage(id, def, is, open.filter(|_| place == Some(at)))
        };
        self.def.stages.iter().enumerate().map(stage).collect()
    }

    /// Whether a stage that is there only after some branch was not opened.
    fn was_passed_over(&self, def: &StageDef, id: &str, opened: &BTreeSet<String>) -> bool {
        !def.after.is_empty() && !opened.is_empty() && !opened.contains(id)
    }

    fn stage(&self, id: &str, def: &StageDef, is: &str, open: Option<&StageNow>) -> StageTold {
        let now = |objective: &str| {
            let open = open.into_iter().flat_map(|open| &open.objectives);
            open.into_iter().find(|now| now.objective.as_str() == objective)
        };
        let objectives = def.objectives.iter();
        let objectives = objectives
            .map(|(objective, of)| self.objective((id, objective), of, is == "done", now(objective)));
        StageTold {
            stage: id.to_owned(),
            title: def.title.clone(),
            is: is.to_owned(),
            complete: words::complete(def),
            round: open.filter(|_| def.times > 1).map(|open| (open.round, def.times)),
            opened: open.map(|open| self.moments.at(open.opened)),
            objectives: objectives.collect(),
        }
    }

    fn objective(
        &self,
        (stage, objective): (&str, &str),
        def: &ObjectiveDef,
        was_done: bool,
        now: Option<&ObjectiveNow>,
    ) -> ObjectiveTold {
        let key = (Sym::new(stage), Sym::new(objective));
        let traced = self.collected.objectives.get(&key);
        let need = now.map_or(def.need(), |now| now.need);
        let value = match now {
            Some(now) => now.value,
            None => traced.map_or(0, |traced| u32::try_from(traced.value).unwrap_or(0).min(need)),
        };
        let done = now.map_or(was_done && value >= need, |now| now.done);
        let mut told = ObjectiveTold {
            objective: objective.to_owned(),
            title: def.title.clone(),
            counts: words::objective(def),
            value,
            need,
            done,
            hidden: now.is_some_and(|now| now.hidden),
            optional: def.optional,
            branch: def.branch.clone().unwrap_or_default(),
            missing: match now {
                Some(now) if now.done => String::new(),
                // It holds, and has not done so for long enough.
                Some(ObjectiveNow { holds: Some(holds), .. }) if holds.holds() => {
                    "not for long enough".to_owned()
                }
                Some(now) => words::missing(def, now.value, now.need),
                None => String::new(),
            },
            runs: now.map(|now| self.runs(def, now)).unwrap_or_default(),
            when: now.and_then(|now| now.when.as_ref()).map(|node| self.words.tested(node)),
            holds: now.and_then(|now| now.holds.as_ref()).map(|node| self.words.tested(node)),
            ..ObjectiveTold::default()
        };
        if let Some(traced) = traced {
            told.before = self.collected.before(traced);
            told.counted = traced.deeds(self.most);
            told.missed = traced.misses();
        }
        let lifetime = def.lifetime.as_ref().and_then(|name| self.collected.lifetimes.get(&Sym::new(name)));
        if let (Some(lifetime), Some((all, base))) = (lifetime, now.and_then(|now| now.lifetime)) {
            self.of_lifetime(&mut told, lifetime, all, base);
        }
        told
    }

    /// What a lifetime counter has counted stands for what the objective has.
    fn of_lifetime(&self, told: &mut ObjectiveTold, lifetime: &Counted, all: u64, base: u64) {
        let traced = u64::try_from(lifetime.counted_sum()).unwrap_or(0);
        let earlier = all.saturating_sub(traced);
        told.counted = lifetime.deeds_above(base.saturating_sub(earlier), self.most);
        let missed = lifetime.misses();
        if missed.count > 0 {
            told.missed = missed;
        }
        told.before = self
            .collected
            .began()
            .filter(|_| earlier > base)
            .map(|tick| super::told::Before { value: earlier - base, at: self.moments.at(tick) });
    }

    /// What time does to an objective.
    fn runs(&self, def: &ObjectiveDef, now: &ObjectiveNow) -> String {
        let Some((exact, since, until)) = now.times else { return String::new() };
        let tick = self.picture.tick;
        let at = |tick: Option<Tick>| tick.map(|tick| self.moments.at(tick).at).unwrap_or_default();
        let left = until.map(|until| self.moments.between(tick, until)).unwrap_or_default();
        if def.lasting.is_some() {
            return format!("holds since {}, for {left} more until it is done", at(since));
        }
        if let (Some(exact), true) = (exact, def.half_life.is_some()) {
            let exact = worldflow_schemas::Value::Dec(i64::try_from(exact).unwrap_or(i64::MAX));
            return format!("{exact} at {}, half of that at {}", at(since), at(until));
        }
        if def.window.is_some() {
            return format!("the next leaves in {left}");
        }
        if def.every.is_some() {
            return format!("lost in {left} without another");
        }
        format!("counts until {} (for {left} more)", at(until))
    }
}

/// The explanation of a quest that is not defined, or of a player without such a holder.
pub(super) fn nobody(realm: Sym, quest: Sym, now: At, why: String) -> Explanation {
    Explanation { realm: realm.to_string(), quest: quest.to_string(), now, why, ..Explanation::default() }
}
