//! Objectives compiled: what an event adds to one, and what of its kind must be known.
//!
//! Where and when it is counted is in `counting`, and what time does to it in `running`.

use rustc_hash::FxHashSet;
use worldflow_schemas::definitions::{Aggregate, Every, ObjectiveDef, Reset, Since, Span, StageDef};
use worldflow_schemas::input::Holder;
use worldflow_schemas::{Event, Sym, Value};

use super::condition::Cond;
use super::messages::Gain;
use super::plan::{Plan, small};

/// An objective.
#[derive(Debug)]
pub(super) struct ObjectivePlan {
    pub(super) name: Sym,
    /// What it was called before, if that is said.
    pub(super) moved_from: Sym,
    pub(super) identity: u64,
    /// The same without what it comes after, which may be called otherwise after an edit.
    pub(super) counts: u64,
    pub(super) aggregate: Aggregate,
    /// What is needed; of a set of entities the hundredths, see [`ObjectivePlan::need_in`].
    pub(super) need: u32,
    pub(super) of: Option<Sym>,
    pub(super) optional: bool,
    /// The branch, or [`Sym::NONE`].
    pub(super) branch: Sym,
    pub(super) hidden_until: Vec<u16>,
    pub(super) since: Since,
    pub(super) lifetime: Option<u16>,
    pub(super) latched: bool,
    /// The condition, where no events count.
    pub(super) holds: Option<Cond>,
    pub(super) lasting: Option<Span>,
    pub(super) window: Option<Span>,
    pub(super) half_life: Option<Span>,
    /// What each player must have, where players are counted.
    pub(super) each: Option<u32>,
    /// Whether these are all who belong to the group.
    pub(super) everyone: bool,
    /// What each unit is worth as credit.
    pub(super) worth: u32,
    pub(super) every: Option<EveryPlan>,
    /// Whether events take away from it: it counts on past its need.
    pub(super) sinks: bool,
    /// The objective that it comes after.
    pub(super) after: Option<u16>,
    pub(super) within: Option<Span>,
    /// Whether another comes after it, for a while only.
    pub(super) precedes: bool,
    /// Whether the order of events matters to it.
    pub(super) in_order: bool,
    /// The tags of the entities that are counted.
    set: Vec<Sym>,
}

/// Periods.
#[derive(Clone, Debug)]
pub(crate) enum EveryPlan {
    Real(Reset),
    WorldDay,
}

impl ObjectivePlan {
    pub(super) fn new(
        id: &str,
        def: &ObjectiveDef,
        stage: &StageDef,
        ids: &[&str],
        plan: &mut Plan,
    ) -> ObjectivePlan {
        let place = |name: &String| ids.iter().position(|id| id == name).map(small);
        let lifetime = def.lifetime.as_deref().map(Sym::new);
        let aggregate = def.aggregate().0;
        let within = def.within.filter(|_| def.after.is_some() || def.holds.is_some());
        let follows = |other: &ObjectiveDef| other.within.is_some() && other.after.as_deref() == Some(id);
        ObjectivePlan {
            name: Sym::new(id),
            moved_from: def.moved_from.as_deref().map_or(Sym::NONE, Sym::new),
            identity: def.identity(),
            counts: ObjectiveDef { after: None, ..def.clone() }.identity(),
            aggregate,
            need: def.need(),
            of: def.of.as_deref().map(Sym::new),
            optional: def.optional,
            branch: def.branch.as_deref().map_or(Sym::NONE, Sym::new),
            hidden_until: def.hidden_until.iter().filter_map(place).collect(),
            since: def.since,
            lifetime: lifetime
                .and_then(|name| plan.lifetimes.iter().position(|counter| counter.name == name))
                .map(small),
            latched: def.is_latched(stage.complete.is_sequence()),
            holds: def.holds.as_ref().map(|holds| Cond::new(holds, plan)),
            lasting: def.lasting,
            window: def.window,
            half_life: def.half_life,
            each: (def.players.is_some() || def.everyone).then(|| def.aggregate().1),
            everyone: def.everyone,
            worth: def.worth.unwrap_or(1),
            every: def.every.as_ref().filter(|_| aggregate == Aggregate::Streak).and_then(EveryPlan::new),
            sinks: !def.minus.is_empty(),
            after: def.after.as_ref().and_then(place),
            within,
            precedes: stage.objectives.iter().any(|(_, other)| follows(other)),
            in_order: !def.minus.is_empty()
                || !def.reset_on.is_empty()
                || def.after.is_some()
                || aggregate == Aggregate::Last,
            set: match &def.target {
                Some(tags) if aggregate == Aggregate::Percent => {
                    tags.as_slice().iter().map(|tag| Sym::new(tag)).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// Whether it counts what one of the former stage did. `was` says where the objectives of its stage were there.
    pub(super) fn counts_as(&self, old: &ObjectivePlan, was: &[Option<usize>]) -> bool {
        let after = self.after.map(|after| was[usize::from(after)]);
        self.counts == old.counts && after == old.after.map(|after| Some(usize::from(after)))
    }

    /// What an accepted event adds; `None` when it adds nothing.
    pub(super) fn gain(&self, event: &Event) -> Option<Gain> {
        let amount = match (self.of, self.aggregate) {
            (_, Aggregate::Percent) | (None, Aggregate::Distinct) => {
                let item = (!event.target.is_none()).then(|| event.target.hash128())?;
                return Some(Gain { amount: 1, item });
            }
            (Some(of), Aggregate::Distinct) => {
                let item = event.attribute(of).filter(|value| **value != Value::Null)?.text_hash128();
                return Some(Gain { amount: 1, item });
            }
            (Some(of), Aggregate::Sum | Aggregate::Max | Aggregate::Min | Aggregate::Last) => {
                let millionths = event.attribute(of)?.as_millionths()?;
                i64::try_from(millionths / i128::from(worldflow_schemas::value::DEC_ONE)).ok()?
            }
            _ => event.amount,
        };
        let amount = if self.aggregate == Aggregate::Last { amount.max(0) } else { amount };
        (amount > 0 || self.aggregate == Aggregate::Last).then_some(Gain { amount, item: 0 })
    }

    /// What is needed by a holder, as of the tags that entities carry and who belongs to a group now.
    pub(super) fn need_in(&self, plan: &Plan, holder: Holder) -> u32 {
        if self.everyone {
            return u32::try_from(plan.members_of(holder).count()).unwrap_or(u32::MAX).max(1);
        }
        if self.aggregate != Aggregate::Percent {
            return self.need;
        }
        let size = self.set(plan).len() as u64;
        u32::try_from((size * u64::from(self.need)).div_ceil(100).max(1)).unwrap_or(u32::MAX)
    }

    /// The entities, by hash, of which it counts a share.
    pub(super) fn set(&self, plan: &Plan) -> FxHashSet<u128> {
        plan.carriers(&self.set)
    }

    /// What a count shows as.
    pub(super) fn value(&self, count: u32, plan: &Plan, holder: Holder) -> u32 {
        if self.aggregate == Aggregate::Min { count } else { count.min(self.need_in(plan, holder)) }
    }

    /// Whether a count is enough, where `need` is needed.
    pub(super) fn is_reached(&self, count: u32, need: u32) -> bool {
        match self.aggregate {
            Aggregate::Min => count > 0 && count <= need,
            _ => count >= need,
        }
    }

    /// Whether time does something to it.
    pub(super) fn is_timed(&self) -> bool {
        self.window.is_some()
            || self.half_life.is_some()
            || self.lasting.is_some()
            || self.every.is_some()
            || self.precedes
            || self.within.is_some()
    }

    /// With `holds`, and after no other: how long after the opening of the stage it can be done.
    pub(super) fn open_for(&self) -> Option<Span> {
        self.within.filter(|_| self.after.is_none())
    }

    /// Whether what time does to it is another if the clock runs otherwise.
    pub(super) fn is_by_world_time(&self) -> bool {
        matches!(self.every, Some(EveryPlan::WorldDay)) || self.open_for().is_some_and(|span| span.world)
    }
}

impl EveryPlan {
    pub(super) fn new(def: &Every) -> Option<EveryPlan> {
        match def.repeat() {
            Some(repeat) => Reset::new(&repeat).ok().flatten().map(EveryPlan::Real),
            None => Some(EveryPlan::WorldDay),
        }
    }
}
