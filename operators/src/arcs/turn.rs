//! What a tick does to a holder's arc: tension, then whether the beat is over, then which way leads on.

use worldflow_schemas::definitions::Span;
use worldflow_schemas::input::Holder;
use worldflow_schemas::{EventId, Sym, Tick};

use super::known::Known;
use super::plan::{ArcPlan, Asks, BeatPlan, BranchPlan, Leads};
use super::score::{Scores, coherence, novelty};
use super::state::{Chosen, State};
use super::tension::{Reach, Tension};
use crate::messages::{EffectOrder, FactEffect};
use crate::quests::{Actor, Cond};

/// What the events of a tick bring to a holder's arc.
#[derive(Default, Debug)]
pub(super) struct Brought {
    /// What is added to the tension, if any event counts.
    pub(super) tension: Option<i64>,
    /// Beat and branch of each choice, with the place of its event.
    pub(super) choices: Vec<((i64, Sym, EventId), Sym, Sym)>,
}

/// A holder's arc in a tick.
pub(super) struct Turn<'a> {
    pub(super) plan: &'a ArcPlan,
    pub(super) known: &'a Known,
    pub(super) actor: Actor<'a>,
}

impl Turn<'_> {
    pub(super) fn tick(&self) -> Tick {
        self.known.context.now
    }

    fn holds(&self, when: &Cond) -> bool {
        when.holds(&self.known.plan, &self.known.context, &self.actor)
    }

    fn world_ms(&self, tick: Tick) -> i64 {
        let context = &self.known.context;
        context.clock.as_ref().map_or(0, |clock| clock.world_ms_at(tick, context.length.tick_ms))
    }

    /// Begins the arc, if it can.
    pub(super) fn begin(&self) -> Option<State> {
        if self.plan.beats.is_empty() || !self.holds(&self.plan.when) {
            return None;
        }
        let mut state = State::new(self.tick());
        self.enter(&mut state, 0);
        Some(state)
    }

    /// A beat begins. Whether it is reached is seen at the end of the tick.
    pub(super) fn enter(&self, state: &mut State, place: usize) {
        let Some(beat) = self.plan.beats.get(place) else { return };
        state.beat = beat.id;
        state.entered = self.tick();
        state.entered_world_ms = self.world_ms(state.entered);
        state.reach = Reach::Not;
        state.available.clear();
        state.chosen.retain(|chosen| chosen.beat != beat.id);
        match state.visits.iter_mut().find(|(of, _)| *of == beat.id) {
            Some((_, visits)) => *visits = visits.saturating_add(1),
            None => state.visits.push((beat.id, 1)),
        }
    }

    /// Sees whether the tension has come to what the beat wants, and in which band it is.
    pub(super) fn measure(&self, state: &mut State) {
        let (tick, course) = (self.tick(), self.plan.course);
        let value = state.tension.now(tick, course);
        if let Some((_, beat)) = self.plan.beat(state.beat) {
            state.reach = state.reach.follow(beat.target, value);
        }
        let band = course.band(value);
        if band != state.band {
            (state.band, state.shown) = (band, Tension { value, at: tick });
        }
    }

    /// Goes on with what the tick brings.
    pub(super) fn go_on(&self, state: &mut State, brought: &mut Brought) {
        if state.ended.is_some() {
            return;
        }
        if let Some(by) = brought.tension {
            state.tension.add(self.tick(), by, self.plan.course);
        }
        self.measure(state);
        state.available.clear();
        // A beat is over a tick after it began, at the earliest.
        let Some((_, beat)) = self.plan.beat(state.beat).filter(|_| state.entered < self.tick()) else {
            return;
        };
        if !self.is_over(state, beat) {
            return;
        }
        if beat.branches.is_empty() {
            return self.lead(state, beat.next);
        }
        let ways: Vec<(&BranchPlan, Scores)> =
            beat.branches.iter().filter_map(|branch| Some((branch, self.score(state, branch)?))).collect();
        brought.choices.sort_by(|((at, source, id), ..), ((at_b, source_b, id_b), ..)| {
            at.cmp(at_b).then_with(|| source.cmp_text(*source_b)).then_with(|| id.cmp(id_b))
        });
        let by_event = brought.choices.iter().filter(|(_, of, _)| *of == beat.id);
        let mut by_event = by_event
            .filter_map(|(_, _, id)| ways.iter().find(|(branch, _)| branch.by_event && branch.id == *id));
        let by_itself = || {
            let ways = ways.iter().rev().filter(|(branch, _)| !branch.by_event);
            // Of equals the last of these, which is the first of the file.
            ways.max_by_key(|(_, scores)| scores.score)
        };
        let Some((branch, scores)) = by_event.next().or_else(by_itself) else {
            state.available = ways.iter().map(|(branch, scores)| (branch.id, *scores)).collect();
            return;
        };
        let to = match branch.to {
            Leads::Beat(place) => self.plan.beats[place].id,
            Leads::End | Leads::Nowhere => Sym::NONE,
        };
        let (at, scores) = (self.tick(), *scores);
        state.chosen.push(Chosen { beat: beat.id, branch: branch.id, to, at, scores });
        self.lead(state, branch.to);
    }

    fn lead(&self, state: &mut State, leads: Leads) {
        match leads {
            Leads::Beat(place) => {
                self.enter(state, place);
                self.measure(state);
            }
            Leads::End => state.ended = Some(self.tick()),
            Leads::Nowhere => {}
        }
    }

    fn is_over(&self, state: &State, beat: &BeatPlan) -> bool {
        state.reach == Reach::Reached && self.passed(state, beat.after) && self.holds(&beat.when)
    }

    /// The scores of a branch, if it is a way on.
    pub(super) fn score(&self, state: &State, branch: &BranchPlan) -> Option<Scores> {
        if branch.to == Leads::Nowhere || !self.passed(state, branch.after) || !self.holds(&branch.when) {
            return None;
        }
        let (mut holds, mut all) = (0, 0);
        for criterion in &branch.criteria {
            all += criterion.weight;
            if self.holds(&criterion.when) {
                holds += criterion.weight;
            } else if criterion.required {
                return None;
            }
        }
        let visits = match branch.to {
            Leads::Beat(place) => state.visits_to(self.plan.beats[place].id),
            Leads::End | Leads::Nowhere => 0,
        };
        Some(Scores::new(coherence(holds, all), branch.impact, novelty(visits), branch.weight))
    }

    /// Whether a span has passed since the beat began.
    fn passed(&self, state: &State, span: Option<Span>) -> bool {
        let (tick, length) = (self.tick(), self.known.context.length);
        span.is_none_or(|span| match span.world {
            false => tick.saturating_sub(state.entered) >= length.ticks(span.ms),
            true => {
                let passed = i128::from(self.world_ms(tick)) - i128::from(state.entered_world_ms);
                passed >= i128::from(span.ms)
            }
        })
    }

    /// The tick at which a span will have passed, if that is to come.
    pub(super) fn passes(&self, state: &State, span: Option<Span>) -> Option<Tick> {
        let (context, span) = (&self.known.context, span?);
        let tick = if span.world {
            let until = i128::from(state.entered_world_ms) + i128::from(span.ms);
            context.clock.as_ref()?.tick_of(i64::try_from(until).ok()?, context.length.tick_ms)?
        } else {
            state.entered.checked_add(context.length.ticks(span.ms))?
        };
        (tick > self.tick()).then_some(tick)
    }

    /// The next tick at which the arc must be looked at, if nothing happens.
    pub(super) fn wakes(&self, state: &State) -> Option<Tick> {
        let (tick, course) = (self.tick(), self.plan.course);
        if state.ended.is_some() {
            return None;
        }
        let (_, beat) = self.plan.beat(state.beat)?;
        // Before what it waits for is reached no condition matters.
        if state.entered >= tick || (beat.asks.timed && state.reach == Reach::Reached) {
            return Some(tick + 1);
        }
        let falls = |bound: Option<u64>| state.tension.falls_to(bound?, tick, course);
        let spans = beat.branches.iter().map(|branch| branch.after).chain([beat.after]);
        let spans = spans.filter_map(|span| self.passes(state, span));
        let falls = [falls(course.below(state.band)), falls(state.reach.waits_for(beat.target))];
        falls.into_iter().flatten().chain(spans).min()
    }

    /// What the beginning of the present beat does to facts, in the next tick.
    pub(super) fn effects(&self, state: &State, holder: Holder, arc: Sym) -> Vec<FactEffect> {
        let Some((_, beat)) = self.plan.beat(state.beat) else { return Vec::new() };
        let context = &self.known.context;
        let effects = (0..).zip(&beat.effects);
        let effect = |(place, (fact, change)): (u32, &(Sym, _))| {
            let whose = self.actor.holder_of(context.facts.scope(*fact)?, context.realm)?;
            let order = EffectOrder::Arc { arc, holder, place };
            Some(FactEffect { order, holder: whose, fact: *fact, change: Clone::clone(change) })
        };
        effects.filter_map(effect).collect()
    }

    /// What a holder's arc depends on.
    pub(super) fn asks<'p>(plan: &'p ArcPlan, state: Option<&State>) -> Option<&'p Asks> {
        match state {
            None => Some(&plan.asks),
            Some(state) if state.ended.is_some() => None,
            Some(state) => plan.beat(state.beat).map(|(_, beat)| &beat.asks),
        }
    }
}
