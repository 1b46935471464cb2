//! Which quests are available to whom: tested wherever something that they depend on has changed, and nowhere else.
//!
//! `marks of holders, what was told for all, edits ─▶ places of quests, in the order of their names ─test→ states`

use rustc_hash::FxHashMap;
use worldflow_schemas::Sym;
use worldflow_schemas::definitions::{Accept, QuestState};
use worldflow_schemas::input::Scope;

use super::condition::depends;
use super::context::Actor;
use super::core::{At, Core};
use super::plan::Ix;
use super::prerequisites::Place;
use super::quest_plan::QuestPlan;
use super::waiting::Waiting;

#[cfg(test)]
mod tests;

impl Core {
    /// Whether nothing but its own state keeps a holder from a quest.
    pub(super) fn is_open_to(&self, at: At, ix: Ix, quest: &QuestPlan) -> bool {
        let holder = &self.holders[at as usize];
        let taken = |other: &Ix| {
            *other != ix
                && (holder.records.get(other))
                    .is_some_and(|record| record.state.is_open() || record.completions > 0)
        };
        quest.scope == holder.holder.scope
            && !self.plan.rivals(quest.exclusive).iter().any(taken)
            && self.is_dated(at, ix, quest)
            && (quest.requires.as_ref())
                .is_none_or(|cond| cond.holds(&self.plan, &self.context, &Actor::of(holder)))
    }

    /// Tests availability wherever something that it depends on has changed.
    pub(super) fn test_phase(&mut self) {
        #[cfg(test)]
        if self.exhaustive {
            return self.test_everything();
        }
        let edited = self.plan.prerequisites.of_some(&self.edited, &self.plan);
        if self.plan.tested.is_empty() || (self.global == 0 && self.marked.is_empty() && edited.is_empty()) {
            return;
        }
        let all = self.global == depends::ALL;
        let shared = |scope| (scope, self.plan.prerequisites.of_all(scope, self.global, &self.named));
        let shared: Vec<(Scope, Vec<Place>)> = Scope::ALL.into_iter().map(shared).collect();
        if all || !edited.is_empty() || shared.iter().any(|(_, places)| !places.is_empty()) {
            for at in 0..At::try_from(self.holders.len()).expect("holders are counted in this type") {
                self.test_holder(at, &shared, &edited);
            }
            return;
        }
        for at in self.marked.clone() {
            self.test_holder(at, &shared, &edited);
        }
    }

    fn test_holder(&mut self, at: At, shared: &[(Scope, Vec<Place>)], edited: &FxHashMap<Scope, Waiting>) {
        let holder = &self.holders[at as usize];
        let scope = holder.holder.scope;
        let shared = shared.iter().find(|(of, _)| *of == scope).map_or(&[][..], |(_, places)| places);
        let edited = edited.get(&scope);
        let all = self.global == depends::ALL || holder.dirty == depends::ALL;
        if holder.gone || (holder.dirty == 0 && shared.is_empty() && edited.is_none() && !all) {
            return;
        }
        let mut places = std::mem::take(&mut self.to_test);
        places.extend(shared);
        if let Some(edited) = edited {
            edited.of_holder(holder, &self.context, &mut places);
        }
        if all {
            self.plan.prerequisites.everything(holder, &self.context, &mut places);
        } else {
            self.plan.prerequisites.of_holder(holder, &mut places);
        }
        places.sort_unstable();
        places.dedup();
        let mut next = 0;
        while let Some(place) = places.get(next).copied() {
            next += 1;
            let ix = self.plan.tested[place as usize];
            if self.test(at, ix) {
                // What is accepted here keeps the later ones of its group from being available.
                let group = self.plan.get(ix).map_or(Sym::NONE, |quest| quest.exclusive);
                let later = self.plan.rivals(group).iter();
                let later = later.filter_map(|rival| self.plan.prerequisites.place_of(*rival));
                for later in later.filter(|later| *later > place) {
                    if let Err(before) = places[next..].binary_search(&later) {
                        places.insert(next + before, later);
                    }
                }
            }
        }
        places.clear();
        self.to_test = places;
    }

    /// Tests availability. Whether the quest has been accepted.
    fn test(&mut self, at: At, ix: Ix) -> bool {
        let Some(quest) = self.plan.get(ix).cloned() else { return false };
        let record = self.holders[at as usize].records.get(&ix);
        let (state, instance) =
            record.map_or((QuestState::Hidden, 0), |record| (record.state, record.instance));
        if !matches!(state, QuestState::Hidden | QuestState::Available | QuestState::Offered) {
            return false;
        }
        let available = self.is_open_to(at, ix, &quest);
        if available && quest.accept == Accept::Auto {
            self.accept(at, ix, &quest);
            return true;
        }
        if available && state == QuestState::Hidden && (instance > 0 || quest.is_gated()) {
            self.enter(at, ix, QuestState::Available);
        } else if !available && state != QuestState::Hidden {
            self.enter(at, ix, QuestState::Hidden);
        }
        false
    }
}
