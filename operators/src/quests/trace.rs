//! Traces one quest of one holder: which events came, what each did to which counter, and why others did not count.
//!
//! `events, hits, phases of a tick ─what differs from before→ Traced`
//!
//! A realm that runs traces nothing, and pays a test of an option for it. What is traced is a copy that is rebuilt
//! from a journal ([`super::traced`]).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use worldflow_schemas::definitions::QuestDef;
use worldflow_schemas::input::{Scope, WriteOrder};
use worldflow_schemas::{Event, Sym, Tick, Value};

use super::context::Actor;
use super::core::{At, Core};
use super::counting::{Counted, is_late};
use super::holder::Instance;
use super::matcher::{Matcher, Refuses};
use super::messages::{Conclusion, order_of};
use super::moves::Was;
use super::picture::node;
use super::plan::Ix;
use super::quest_plan::{QuestPlan, Use};
use super::traced::{By, Change, Lived, Missed, Moved, Of, Part, Standing, Traced, Watch, Why};
use crate::messages::{PlayerPlace, QuestEdit};

/// The state of a trace.
#[derive(Debug)]
pub(super) struct Trace {
    watch: Watch,
    /// The quest, by the id that it has now.
    quest: Sym,
    /// Whether the holder belongs to this half of quests.
    own: bool,
    def: Option<Arc<QuestDef>>,
    /// The instance, its stage and its counters when they were last looked at.
    last: Option<Last>,
    stood: Option<Standing>,
    /// The events of the tick by their numbers.
    orders: FxHashMap<u32, WriteOrder>,
    /// What the last hit has added.
    pub(super) added: Option<u32>,
}

#[derive(Clone, PartialEq, Debug)]
struct Last {
    instance: u32,
    stage: Sym,
    counts: Vec<(Sym, u32)>,
}

impl Trace {
    /// Of the half of quests that has holders of these scopes.
    pub(super) fn new(watch: Watch, has: impl FnOnce(Scope) -> bool) -> Trace {
        let (quest, own) = (watch.quest, has(watch.holder.scope));
        Trace {
            watch,
            quest,
            own,
            def: None,
            last: None,
            stood: None,
            orders: FxHashMap::default(),
            added: None,
        }
    }

    /// The tick at which it must be stepped.
    pub(super) fn alarm(&self, now: Tick) -> Option<Tick> {
        (self.watch.until > now).then_some(self.watch.until)
    }

    /// Which event has which number in this tick.
    pub(super) fn number(&mut self, orders: impl IntoIterator<Item = (u32, WriteOrder)>) {
        self.orders = orders.into_iter().collect();
    }

    pub(super) fn edit(&mut self, edit: &QuestEdit, now: Tick) {
        if edit.from == self.quest && self.watch.ids.contains(&(now, edit.quest)) {
            self.quest = edit.quest;
        }
        if edit.quest == self.quest {
            self.def.clone_from(&edit.def);
        } else if edit.from == self.quest {
            self.def = None;
        }
    }
}

/// The objectives that have other ids now: what they were and what they are.
fn renamed(old: &QuestPlan, new: &QuestPlan, was: &Was) -> Vec<[(Sym, Sym); 2]> {
    let stages = new.stages.iter().zip(&was.stages).zip(&was.objectives);
    let stages = stages.filter_map(|((stage, was), of)| Some((stage, &old.stages[(*was)?], of)));
    let objectives = stages.flat_map(|(stage, former, of)| {
        stage.objectives.iter().zip(of).filter_map(move |(objective, was)| {
            let was = (former.name, former.objectives[(*was)?].name);
            Some([was, (stage.name, objective.name)])
        })
    });
    objectives.filter(|[was, now]| was != now).collect()
}

/// Where an event comes from.
#[derive(Clone, Copy)]
pub(super) struct Comes {
    pub(super) at: Option<At>,
    pub(super) place: PlayerPlace,
    pub(super) region: Sym,
}

impl Core {
    /// Where what is traced is kept, if it is here.
    fn watched(&self) -> Option<(At, Ix)> {
        let trace = self.trace.as_ref()?;
        Some((self.at(trace.watch.holder)?, self.plan.find(trace.quest)?))
    }

    fn say(&mut self, traced: Traced) {
        self.out.out.push(Conclusion::Traced(Box::new(traced)));
    }

    /// Says what has other ids since an edit, and goes on with what was last looked at under these.
    pub(super) fn trace_moved(&mut self, edit: &QuestEdit, old: &QuestPlan, new: &QuestPlan, was: &Was) {
        let record = self.watched().and_then(|(at, ix)| self.holders[at as usize].records.get(&ix));
        let instance = record.map_or(0, |record| record.instance);
        let Some(trace) = self.trace.as_mut().filter(|trace| trace.own) else { return };
        let own = edit.quest == trace.quest;
        let (tick, QuestEdit { quest, from, .. }) = (self.context.now, edit);
        let objectives = renamed(old, new, was);
        if let Some(last) = trace.last.as_mut().filter(|_| own) {
            let counts = std::mem::take(&mut last.counts).into_iter().map(|(objective, count)| {
                let now = objectives.iter().find(|[was, _]| *was == (last.stage, objective));
                (now.map_or(objective, |[_, (_, now)]| *now), count)
            });
            (last.counts, last.instance) = (counts.collect(), instance);
            let place = old.stages.iter().position(|stage| stage.name == last.stage);
            let stage = place.and_then(|place| was.stages.iter().position(|was| *was == Some(place)));
            last.stage = stage.map_or(last.stage, |stage| new.stages[stage].name);
        }
        if !from.is_none() || !objectives.is_empty() {
            self.say(Traced::Moved(Moved { tick, quest: *quest, from: *from, objectives, own, instance }));
        }
    }

    /// Says what differs from what was last looked at.
    pub(super) fn trace(&mut self, by: impl FnOnce() -> By) {
        if self.trace.is_some() {
            self.trace_changes(&by(), None);
        }
    }

    /// Says it of this quest of this holder, if it is the one that is traced.
    pub(super) fn trace_own(&mut self, at: At, ix: Ix, by: impl FnOnce() -> By) {
        if self.trace.is_some() && self.watched() == Some((at, ix)) {
            self.trace_changes(&by(), None);
        }
    }

    /// Returns whether the objective's counter was among what differs.
    fn trace_changes(&mut self, by: &By, of: Option<Sym>) -> bool {
        let now = self.watched().and_then(|(at, ix)| {
            let open = self.holders[at as usize].instance(ix)?;
            let stage = &self.plan.get(ix)?.stages[usize::from(open.stage)];
            let counts = stage.objectives.iter().zip(&open.counters);
            let counts = counts.map(|(objective, counter)| (objective.name, counter.count)).collect();
            Some(Last { instance: open.number, stage: stage.name, counts })
        });
        let Some(trace) = &mut self.trace else { return false };
        let added = trace.added.take();
        let before = std::mem::replace(&mut trace.last, now.clone());
        let Some(now) = now else { return false };
        let same = before.filter(|before| (before.instance, before.stage) == (now.instance, now.stage));
        let before = same.map(|before| before.counts).unwrap_or_default();
        let tick = self.context.now;
        let mut told = false;
        for (objective, to) in now.counts {
            let from = before.iter().find(|(other, _)| *other == objective).map_or(0, |(_, from)| *from);
            let own = of == Some(objective);
            let added = added.filter(|added| own && *added > 0);
            if from == to && added.is_none() {
                continue;
            }
            told |= own;
            let (instance, stage, by) = (now.instance, now.stage, by.clone());
            let change = Change { tick, instance, stage, objective, from, to, added, by };
            self.say(Traced::Changed(change));
        }
        told
    }

    /// What a hit has done, after it has been carried out.
    pub(super) fn trace_hit(&mut self, hit: Counted) {
        if self.watched() != Some((hit.at, hit.ix)) {
            return;
        }
        let order = self.trace.as_ref().and_then(|trace| trace.orders.get(&hit.event)).cloned();
        let (Some(order), Some(quest)) = (order, self.plan.get(hit.ix).cloned()) else { return };
        let tick = self.context.now;
        let part = match hit.used {
            Use::Fail => return self.say(Traced::Failing(tick, order)),
            Use::Objective { .. } => Part::Added,
            Use::Minus { .. } => Part::TookAway,
            Use::Reset { .. } | Use::ResetStage { .. } => Part::SetBack,
        };
        let of = objective_of(&quest, hit.used);
        let told = self.trace_changes(&By::Event(order.clone(), part), of.map(|(_, objective)| objective));
        if let (Part::Added, false, Some((stage, objective))) = (part, told, of) {
            let open = self.holders[hit.at as usize].instance(hit.ix);
            let done = |open: &Instance| match hit.used {
                Use::Objective { objective, .. } => {
                    open.counters.get(usize::from(objective)).is_some_and(|counter| counter.done)
                }
                _ => false,
            };
            let why = if open.is_some_and(done) { Why::Done } else { Why::Nothing };
            self.say(Traced::Missed(Missed { tick, order, of: Of::Objective(stage, objective), why }));
        }
    }

    /// Which of the objectives that an event would add to it did not, since others come first.
    pub(super) fn trace_left_out(&mut self, hits: &[Counted], before: &[bool], counts: &[Counted]) {
        let Some(Counted { at, ix, event, .. }) = hits.first().copied() else { return };
        let order = self.trace.as_ref().and_then(|trace| trace.orders.get(&event)).cloned();
        let Some(order) = order.filter(|_| self.watched() == Some((at, ix))) else { return };
        self.trace_changes(&By::Event(order.clone(), Part::OutOfOrder), None);
        let Some(quest) = self.plan.get(ix).cloned() else { return };
        let Some(open) = self.holders[at as usize].instance(ix) else { return };
        let stage = &quest.stages[usize::from(open.stage)];
        let mut missed: SmallVec<[Missed; 4]> = SmallVec::new();
        for hit in hits.iter().filter(|hit| !counts.iter().any(|counts| counts.used == hit.used)) {
            let Use::Objective { objective: place, .. } = hit.used else { continue };
            let objective = &stage.objectives[usize::from(place)];
            let after = objective.after.map(usize::from).filter(|after| !before[*after]);
            let first = before.iter().position(|done| !done);
            let why = if let Some(after) = after {
                Why::NotYet(stage.objectives[after].name)
            } else if is_late(objective, place.into(), open, &self.context) {
                Why::Late
            } else if before[usize::from(place)] {
                Why::Done
            } else {
                Why::NotNext(first.map_or(Sym::NONE, |first| stage.objectives[first].name))
            };
            let of = Of::Objective(stage.name, objective.name);
            missed.push(Missed { tick: self.context.now, order: order.clone(), of, why });
        }
        missed.into_iter().for_each(|missed| self.say(Traced::Missed(missed)));
    }

    /// An event has come, before any of its tick counts: whether it is one that the quest names, and where it cannot
    /// count.
    pub(super) fn trace_event(&mut self, event: &Event, comes: Comes) {
        let Some(trace) = self.trace.take() else { return };
        let holder = trace.watch.holder;
        if let Some(ix) = self.plan.find(trace.quest)
            && let Some(quest) = self.plan.get(ix).cloned()
            && quest.names(event.kind, &self.plan)
        {
            let whose = self.actor(comes).holder_of(quest.scope, self.context.realm);
            // What others of a party do may count in the next tick.
            let own = whose == Some(holder);
            if own || (quest.scope == Scope::Player && quest.credit != Default::default()) {
                self.say(Traced::Came(self.context.now, event.clone(), comes.region));
            }
            if own {
                let def = trace.def.clone();
                let missed = self.misses(event, comes, (ix, &quest), def.as_deref());
                missed.into_iter().for_each(|traced| self.say(traced));
            }
        }
        self.trace = Some(trace);
    }

    fn actor(&self, comes: Comes) -> Actor<'_> {
        let own = comes.at.map(|at| &self.holders[at as usize]);
        Actor { holder: own.map(|own| own.holder), place: comes.place, region: comes.region, own }
    }

    /// The objectives for which an event cannot count, and the lifetime counters that count it.
    fn misses(
        &mut self,
        event: &Event,
        comes: Comes,
        (ix, quest): (Ix, &QuestPlan),
        def: Option<&QuestDef>,
    ) -> Vec<Traced> {
        let (tick, order) = (self.context.now, order_of(event));
        let missed = |of, why| Traced::Missed(Missed { tick, order: order.clone(), of, why });
        let mut told = Vec::new();
        for pattern in quest.patterns.iter().filter(|pattern| pattern.matcher.is_of(event.kind)) {
            let Some((stage, objective)) = objective_of(quest, pattern.used) else { continue };
            if !matches!(pattern.used, Use::Objective { .. }) {
                continue;
            }
            let why = self.refusal(&pattern.matcher, event, comes, || {
                let stage = def?.stages.iter().find(|(id, _)| stage.as_str() == *id)?.1;
                stage.objectives.iter().find(|(id, _)| objective.as_str() == *id)?.1.when.as_ref()
            });
            let gain = quest.gain_of(pattern, event);
            let why = why.or_else(|| gain.is_none().then_some(Why::NoAmount));
            let at = comes.at.filter(|_| quest.scope == Scope::Player);
            let another =
                at.zip(gain).filter(|(at, gain)| !self.hits_role(*at, ix, pattern.matcher.role, *gain));
            let why = why.or(another.map(|_| Why::Target));
            let why = why.or_else(|| {
                at.and_then(|at| {
                    self.closed(at, ix, pattern.used, || {
                        pattern.matcher.within.map(|span| self.context.ticks(span))
                    })
                })
            });
            told.extend(why.map(|why| missed(Of::Objective(stage, objective), why)));
        }
        let objectives = quest.stages.iter().flat_map(|stage| &stage.objectives);
        let mut read: Vec<u16> = objectives.filter_map(|objective| objective.lifetime).collect();
        read.sort_unstable();
        read.dedup();
        for lifetime in read {
            let counter = &self.plan.lifetimes[usize::from(lifetime)];
            if !counter.matcher.is_of(event.kind) || counter.scope != quest.scope {
                continue;
            }
            let (name, amount) = (counter.name, event.amount);
            let refused = counter.matcher.refuses(event, &self.plan, &self.context, &self.actor(comes));
            told.push(match refused.map(|refuses| why_of(refuses, event, comes)) {
                Some(why) => missed(Of::Lifetime(name), why),
                None if amount <= 0 => missed(Of::Lifetime(name), Why::NoAmount),
                None => Traced::Lived(Lived { tick, lifetime: name, order: order.clone(), amount }),
            });
        }
        told
    }

    /// Why a pattern does not accept an event.
    fn refusal<'a>(
        &mut self,
        matcher: &Matcher,
        event: &Event,
        comes: Comes,
        gate: impl FnOnce() -> Option<&'a worldflow_schemas::definitions::Condition>,
    ) -> Option<Why> {
        let refuses = matcher.refuses(event, &self.plan, &self.context, &self.actor(comes))?;
        if refuses != Refuses::Gate {
            return Some(why_of(refuses, event, comes));
        }
        let Core { plan, context, holders, .. } = self;
        let own = comes.at.map(|at| &holders[at as usize]);
        let actor =
            Actor { holder: own.map(|own| own.holder), place: comes.place, region: comes.region, own };
        Some(Why::Gate(gate().map(|gate| node(gate, plan, context, &actor))))
    }

    /// Why nothing counts for an objective, whatever comes.
    fn closed(&self, at: At, ix: Ix, used: Use, within: impl FnOnce() -> Option<u64>) -> Option<Why> {
        let Use::Objective { stage, objective } = used else { return None };
        let quest = self.plan.get(ix)?;
        let Some(open) = self.holders[at as usize].instance(ix).filter(|open| open.active) else {
            return Some(Why::State(self.state_of(at, ix)));
        };
        if stage != open.stage {
            return Some(Why::Stage(quest.stages[usize::from(open.stage)].name));
        }
        let counter = open.counters.get(usize::from(objective))?;
        if counter.hidden {
            return Some(Why::Hidden);
        }
        let stage = &quest.stages[usize::from(stage)];
        if counter.done && !stage.resets && stage.objectives[usize::from(objective)].latched {
            return Some(Why::Done);
        }
        within().is_some_and(|ticks| self.context.now - open.stage_opened > ticks).then_some(Why::Late)
    }

    /// A contribution that cannot count.
    pub(super) fn trace_closed(
        &mut self,
        at: At,
        ix: Ix,
        used: Use,
        within: Option<u64>,
        order: &WriteOrder,
    ) {
        if self.watched() != Some((at, ix)) {
            return;
        }
        let of = self.plan.get(ix).and_then(|quest| objective_of(quest, used));
        let why = self.closed(at, ix, used, || within);
        if let (Some((stage, objective)), Some(why)) = (of, why) {
            let (tick, of) = (self.context.now, Of::Objective(stage, objective));
            self.say(Traced::Missed(Missed { tick, order: order.clone(), of, why }));
        }
    }

    /// Ends a tick.
    pub(super) fn trace_end(&mut self) {
        let Some(trace) = &self.trace else { return };
        let (holder, quest, until) = (trace.watch.holder, trace.quest, trace.watch.until);
        if !trace.own {
            return;
        }
        let ended = By::State;
        self.trace_changes(&ended, None);
        let tick = self.context.now;
        if let Some((at, ix)) = self.watched() {
            let (holder, state) = (&self.holders[at as usize], self.state_of(at, ix));
            let record = holder.records.get(&ix);
            let stage = holder.instance(ix).zip(self.plan.get(ix));
            let stands = Standing {
                tick,
                state,
                instance: record.map_or(0, |record| record.instance),
                completions: record.map_or(0, |record| record.completions),
                stage: stage.map_or(Sym::NONE, |(open, quest)| quest.stages[usize::from(open.stage)].name),
            };
            let Some(trace) = &mut self.trace else { return };
            if trace.stood.is_none_or(|stood| Standing { tick, ..stood } != stands) {
                trace.stood = Some(stands);
                self.say(Traced::Stands(stands));
            }
        }
        if tick == until {
            let def = self.trace.as_ref().and_then(|trace| trace.def.clone());
            let ix = self.plan.ix(quest);
            let mut picture = self.picture(self.at(holder), ix, def.as_deref());
            if def.is_none() {
                let others = self.plan.all().filter(|other| self.plan.get(*other).is_some());
                picture.others = others.map(|other| self.plan.name(other)).collect();
            }
            picture.def = def;
            self.say(Traced::Picture(Box::new(picture)));
        }
    }
}

impl QuestPlan {
    /// Whether a pattern of it, or a lifetime counter that it reads, is of this kind.
    fn names(&self, kind: Sym, plan: &super::plan::Plan) -> bool {
        let mut lifetimes = (self.stages.iter().flat_map(|stage| &stage.objectives))
            .filter_map(|objective| objective.lifetime);
        self.patterns.iter().any(|pattern| pattern.matcher.is_of(kind))
            || lifetimes.any(|lifetime| plan.lifetimes[usize::from(lifetime)].matcher.is_of(kind))
    }
}

/// The stage and the objective that a pattern is for.
fn objective_of(quest: &QuestPlan, used: Use) -> Option<(Sym, Sym)> {
    match used {
        Use::Objective { stage, objective }
        | Use::Minus { stage, objective }
        | Use::Reset { stage, objective } => {
            let stage = &quest.stages[usize::from(stage)];
            Some((stage.name, stage.objectives[usize::from(objective)].name))
        }
        Use::ResetStage { .. } | Use::Fail => None,
    }
}

fn why_of(refuses: Refuses, event: &Event, comes: Comes) -> Why {
    match refuses {
        Refuses::Target => Why::Target,
        Refuses::Region => Why::Region(comes.region),
        Refuses::Attribute(name) => {
            Why::Attribute(name, event.attribute(name).filter(|value| **value != Value::Null).cloned())
        }
        Refuses::Gate => Why::Gate(None),
    }
}
