//! Arcs compiled: beats and branches by their place, conditions with their names resolved.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use worldflow_schemas::definitions::{
    ArcDef, BeatDef, BranchDef, Condition, CriterionDef, Effect, Ordered, Span, TargetDef,
};
use worldflow_schemas::input::{FactChange, Scope};
use worldflow_schemas::tick::TickLength;
use worldflow_schemas::{Sym, Value};

use super::score::impact;
use super::tension::{Course, ONE};
use crate::quests::{Cond, Plan, depends};

/// An arc, compiled.
#[derive(Debug)]
pub(super) struct ArcPlan {
    pub(super) def: Arc<ArcDef>,
    pub(super) scope: Scope,
    pub(super) course: Course,
    pub(super) when: Cond,
    /// What its beginning depends on.
    pub(super) asks: Asks,
    pub(super) beats: Vec<BeatPlan>,
}

/// A beat, compiled.
#[derive(Debug)]
pub(super) struct BeatPlan {
    pub(super) id: Sym,
    pub(super) target: TargetDef,
    pub(super) when: Cond,
    pub(super) after: Option<Span>,
    pub(super) effects: Vec<(Sym, FactChange)>,
    pub(super) branches: Vec<BranchPlan>,
    /// What follows if there are no branches.
    pub(super) next: Leads,
    /// What its end depends on.
    pub(super) asks: Asks,
}

/// What conditions depend on.
#[derive(Default, Debug)]
pub(super) struct Asks {
    /// As bits, facts apart.
    pub(super) bits: u16,
    /// Whether it can change by time alone.
    pub(super) timed: bool,
    facts: FxHashSet<Sym>,
    /// It reckons, maybe with facts.
    reckons: bool,
}

/// A branch, compiled.
#[derive(Debug)]
pub(super) struct BranchPlan {
    pub(super) id: Sym,
    pub(super) to: Leads,
    /// Whether it is chosen by an event.
    pub(super) by_event: bool,
    pub(super) when: Cond,
    pub(super) after: Option<Span>,
    pub(super) criteria: Vec<Criterion>,
    pub(super) impact: i64,
    pub(super) weight: i64,
}

/// What a branch builds on.
#[derive(Debug)]
pub(super) struct Criterion {
    pub(super) when: Cond,
    pub(super) weight: i64,
    pub(super) required: bool,
}

/// Where a way leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leads {
    Beat(usize),
    End,
    /// To what there is not.
    Nowhere,
}

impl ArcPlan {
    pub(super) fn new(def: Arc<ArcDef>, length: TickLength, plan: &mut Plan) -> ArcPlan {
        let tension = &def.tension;
        let course = Course {
            half_life: length.ticks(tension.half_life.ms).max(1),
            most: (u64::from(tension.most) * ONE).max(1),
        };
        let when = Cond::new(&def.when, plan);
        let beats = (0..).zip(def.beats.iter());
        let beats = beats.map(|(place, (id, beat))| BeatPlan::new(place, id, beat, &def, plan)).collect();
        let mut asks = Asks::default();
        asks.add(&def.when, &when);
        ArcPlan { scope: def.scope, course, when, asks, beats, def }
    }

    /// Everything that it depends on.
    pub(super) fn all_asks(&self) -> impl Iterator<Item = &Asks> {
        self.beats.iter().map(|beat| &beat.asks).chain([&self.asks])
    }

    /// The beat of that id, and its place.
    pub(super) fn beat(&self, id: Sym) -> Option<(usize, &BeatPlan)> {
        self.beats.iter().enumerate().find(|(_, beat)| beat.id == id)
    }

    /// What a beat is called now that had that id: itself, one that was moved from it, or the one from which `old` had moved it.
    pub(super) fn renamed_beat(&self, id: Sym, old: Option<&ArcPlan>) -> Option<Sym> {
        let was =
            old.and_then(|old| old.def.beats.get(id.as_str())).and_then(|was| was.moved_from.as_deref());
        renamed(&self.def.beats, id, was, |beat: &BeatDef| beat.moved_from.as_deref())
    }

    /// What a branch is called now that had that id. `beat` is what its beat was called, and is.
    pub(super) fn renamed_branch(&self, beat: (Sym, Sym), id: Sym, old: Option<&ArcPlan>) -> Option<Sym> {
        let was = old.and_then(|old| old.def.beats.get(beat.0.as_str())?.branches.get(id.as_str()));
        let branches = &self.def.beats.get(beat.1.as_str())?.branches;
        let was = was.and_then(|was| was.moved_from.as_deref());
        renamed(branches, id, was, |branch: &BranchDef| branch.moved_from.as_deref())
    }
}

/// What is called so now, or was moved from it, or is what it had been moved from before.
fn renamed<T>(
    now: &Ordered<T>,
    id: Sym,
    was: Option<&str>,
    from: impl Fn(&T) -> Option<&str>,
) -> Option<Sym> {
    let said = || now.iter().find(|(_, entry)| from(entry) == Some(id.as_str())).map(|(id, _)| Sym::new(id));
    let undone = || was.filter(|was| now.get(was).is_some()).map(Sym::new);
    now.get(id.as_str()).map(|_| id).or_else(said).or_else(undone)
}

impl BeatPlan {
    fn new(place: usize, id: &str, def: &BeatDef, arc: &ArcDef, plan: &mut Plan) -> BeatPlan {
        let when = Cond::new(&def.when, plan);
        let branches = def.branches.iter().map(|(id, branch)| BranchPlan::new(id, branch, def, arc, plan));
        let branches: Vec<BranchPlan> = branches.collect();
        let last = def.ends || place + 1 >= arc.beats.len();
        let mut asks = Asks::default();
        asks.add(&def.when, &when);
        for (branch, (_, def)) in branches.iter().zip(def.branches.iter()) {
            asks.add(&def.when, &branch.when);
            for (criterion, def) in branch.criteria.iter().zip(def.criteria.values()) {
                asks.add(&def.when, &criterion.when);
            }
        }
        BeatPlan {
            id: Sym::new(id),
            target: def.tension,
            when,
            after: def.after,
            effects: def.effects.iter().filter_map(effect).collect(),
            next: if last { Leads::End } else { Leads::Beat(place + 1) },
            branches,
            asks,
        }
    }
}

impl BranchPlan {
    fn new(id: &str, def: &BranchDef, from: &BeatDef, arc: &ArcDef, plan: &mut Plan) -> BranchPlan {
        let place = |beat: &str| arc.beats.iter().position(|(id, _)| id == beat);
        let to = def.to.as_deref().map_or(Leads::End, |to| place(to).map_or(Leads::Nowhere, Leads::Beat));
        let beat = def.to.as_deref().and_then(|to| arc.beats.get(to));
        let (tension, effects) =
            beat.map_or((0, 0), |beat| (beat.tension.tension().into(), beat.effects.len()));
        let criterion = |def: &CriterionDef| Criterion {
            when: Cond::new(&def.when, plan),
            weight: def.weight.into(),
            required: def.required,
        };
        let criteria = def.criteria.values().map(criterion).collect();
        BranchPlan {
            id: Sym::new(id),
            to,
            by_event: def.chosen_by.is_some(),
            when: Cond::new(&def.when, plan),
            after: def.after,
            criteria,
            impact: impact(from.tension.tension().into(), tension, arc.tension.most.into(), effects),
            weight: def.weight.into(),
        }
    }
}

impl Asks {
    fn add(&mut self, def: &Condition, cond: &Cond) {
        self.bits |= cond.depends() & !depends::FACTS;
        self.timed |= cond.is_timed();
        self.name(def);
    }

    fn name(&mut self, def: &Condition) {
        self.facts.extend(def.facts.keys().map(|fact| Sym::new(fact)));
        self.reckons |= def.compare.is_some();
        for inner in def.all.iter().chain(&def.any).chain(def.not.as_deref()) {
            self.name(inner);
        }
    }

    /// Whether a fact may matter.
    pub(super) fn names(&self, fact: Sym) -> bool {
        self.reckons || self.facts.contains(&fact)
    }
}

fn effect(def: &Effect) -> Option<(Sym, FactChange)> {
    Some(match def {
        Effect::Set { fact, to, .. } => (Sym::new(fact), FactChange::Set(Value::from_json(to)?)),
        Effect::Add { fact, by, .. } => {
            (Sym::new(fact), FactChange::Add(Value::from_json(&by.clone().into())?))
        }
    })
}
